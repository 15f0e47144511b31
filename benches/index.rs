//! The index of a large table: 100,000 files in 1,000 days, of which a query needs one day. Prints what a
//! cold and a cached query cost, and the memory of the whole index. It must not know how files are listed.
//!
//! The store is made up: its listings have the names, sizes and tags of an object store's, and all files
//! have the same bytes. `cargo bench --bench index`.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arrow::array::{Int64Array, RecordBatch};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Days, NaiveDate};
use datafusion::prelude::SessionContext;
use futures::stream::{self, BoxStream, StreamExt};
use lakefront::catalog::{Catalog, Table};
use lakefront::config::{Config, Interval};
use lakefront::lake::store::Stores;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::*;
use parquet::arrow::ArrowWriter;

const DAYS: u64 = 1_000;
const FILES_A_DAY: u64 = 100;
const RUNS: u32 = 50;

#[tokio::main]
async fn main() {
    let lake = Arc::new(Lake { file: parquet(), requests: Mutex::default() });
    let catalog = InMemory::new();
    let definition =
        "location: s3://lake/t\nformat: parquet\npartition_by: { day: date }\ncolumns: { x: bigint }\n";
    catalog.put(&Path::from("catalog/db/t.yaml"), definition.into()).await.expect("memory takes files");
    let config = Config {
        catalog: "s3://catalog/catalog".into(),
        listing_interval: Interval(Duration::from_secs(3_600)),
        ..Config::default()
    };
    let stores = Stores::new(&config);
    stores.insert("s3://catalog/", Arc::new(catalog));
    stores.insert("s3://lake/", Arc::clone(&lake) as Arc<dyn ObjectStore>);
    let catalog = Catalog::open_with(&config, stores).await.expect("the catalog is well formed");
    let snapshot = catalog.snapshot();
    let table = &snapshot.databases["db"].tables["t"];
    println!("{} files in {DAYS} days", DAYS * FILES_A_DAY);

    let one_day = "SELECT sum(x) FROM t WHERE day = DATE '2026-01-01'";
    let (planned, answered) = query(table, &catalog, one_day, true).await;
    println!("one day, cold:   planned in {planned:.1?}, answered in {answered:.1?}, {}", lake.requests());
    let (mut plan, mut answer) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..RUNS {
        let (planned, answered) = query(table, &catalog, one_day, true).await;
        plan += planned / RUNS;
        answer += answered / RUNS;
    }
    println!("one day, cached: planned in {plan:.1?}, answered in {answer:.1?}, {}", lake.requests());

    let (planned, _) = query(table, &catalog, "SELECT count(*) FROM t WHERE x < 0", false).await;
    println!("all days, cold:  planned in {planned:.1?}, {}", lake.requests());
    let index = catalog.listing_bytes().await;
    println!("the index has {} bytes a file", index / (DAYS * FILES_A_DAY));
}

/// The time until the plan is made, and until the answer is there if it is wanted.
async fn query(table: &Table, catalog: &Catalog, sql: &str, run: bool) -> (Duration, Duration) {
    let start = Instant::now();
    let context = SessionContext::new();
    for (url, store) in catalog.object_stores() {
        context.register_object_store(url.as_ref(), store);
    }
    context
        .register_table("t", table.pin().await.expect("the table is well formed"))
        .expect("the name is free");
    let plan = context.sql(sql).await.expect("the query is well formed").create_physical_plan().await;
    let plan = plan.expect("the query can be planned");
    let planned = start.elapsed();
    if run {
        datafusion::physical_plan::collect(plan, context.task_ctx()).await.expect("the query has an answer");
    }
    (planned, start.elapsed())
}

fn parquet() -> Bytes {
    let batch = RecordBatch::try_from_iter([("x", Arc::new(Int64Array::from_iter_values(0..100)) as _)]);
    let batch = batch.expect("one column is a batch");
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).expect("memory takes files");
    writer.write(&batch).expect("memory takes files");
    writer.into_inner().expect("memory takes files").into()
}

/// A store that has the days of one table, made up when they are listed.
#[derive(Debug)]
struct Lake {
    file: Bytes,
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    lists: u32,
    gets: u32,
}

impl Lake {
    /// What was asked since the last time.
    fn requests(&self) -> String {
        let Requests { lists, gets } = std::mem::take(&mut *self.requests.lock().expect("nobody panics"));
        format!("{lists} listings, {gets} reads")
    }

    fn meta(&self, location: Path) -> ObjectMeta {
        ObjectMeta {
            location,
            last_modified: DateTime::UNIX_EPOCH,
            size: self.file.len() as u64,
            e_tag: Some("\"9b2cf535f27731c974343645a3985328\"".into()),
            version: None,
        }
    }
}

impl fmt::Display for Lake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("made up")
    }
}

#[async_trait]
impl ObjectStore for Lake {
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.requests.lock().expect("nobody panics").lists.add_assign(1);
        let day = prefix.cloned().unwrap_or_default();
        let file = |index: u64| {
            let name = format!("part-{index:05}-5f8e0d5c-7a51-4d6e-9c9e-0c5d1c6ff1b2-c000.snappy.parquet");
            Ok(self.meta(day.clone().join(name)))
        };
        stream::iter((0..FILES_A_DAY).map(file).collect::<Vec<_>>()).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.requests.lock().expect("nobody panics").lists.add_assign(1);
        let first = NaiveDate::from_ymd_opt(2024, 1, 1).expect("the date is real");
        let folder =
            |day: u64| prefix.cloned().unwrap_or_default().join(format!("day={}", first + Days::new(day)));
        Ok(ListResult { common_prefixes: (0..DAYS).map(folder).collect(), objects: vec![] })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.requests.lock().expect("nobody panics").gets.add_assign(1);
        let whole = 0..self.file.len() as u64;
        let range = match options.range {
            Some(GetRange::Bounded(range)) => range,
            Some(GetRange::Offset(offset)) => offset..whole.end,
            Some(GetRange::Suffix(length)) => whole.end.saturating_sub(length)..whole.end,
            None => whole,
        };
        let bytes = self.file.slice(range.start as usize..range.end as usize);
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
            meta: self.meta(location.clone()),
            range,
            attributes: Attributes::default(),
        })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(Error::NotImplemented { operation: "put".into(), implementer: self.to_string() })
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "put".into(), implementer: self.to_string() })
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        paths
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copy".into(), implementer: self.to_string() })
    }
}
