//! Tables over small lakes in temporary directories, queried through DataFusion.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::*;
use parquet::arrow::ArrowWriter;

use super::{Catalog, Table};
use crate::config::{Config, Interval};
use crate::lake::store::Stores;

/// A lake and its catalog in a temporary directory.
struct Lake {
    directory: tempfile::TempDir,
    config: Config,
    listed: Arc<Mutex<Vec<String>>>,
}

impl Lake {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config =
            Config { listing_interval: Interval(Duration::from_secs(3600)), ..Config::default() };
        config.resolve(directory.path());
        fs::create_dir(directory.path().join("catalog")).unwrap();
        Self { directory, config, listed: Arc::default() }
    }

    fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// A table `db.t` of the files at `lake/t`.
    fn table(&self, definition: &str) -> &Self {
        self.file("catalog/db/t.yaml", format!("location: t\n{definition}\n"))
    }

    /// A Parquet file below `lake/t`.
    fn parquet(&self, path: &str, columns: Vec<(&str, ArrayRef)>) -> &Self {
        self.file(&format!("lake/t/{path}"), parquet(columns))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    async fn open(&self) -> Arc<Catalog> {
        let stores = Stores::new(&self.config);
        let counting = Counting { inner: LocalFileSystem::new(), listed: Arc::clone(&self.listed) };
        stores.insert("file:///", Arc::new(counting));
        Catalog::open_with(&self.config, stores).await.unwrap()
    }

    /// The folders below `lake/t` that were listed since the last call.
    fn listed(&self) -> Vec<String> {
        let root = format!("{}/lake/t", self.directory.path().display());
        let listed = std::mem::take(&mut *self.listed.lock().unwrap());
        let mut below: Vec<String> = listed
            .iter()
            .filter_map(|path| {
                Some(format!("/{path}").strip_prefix(&root)?.trim_start_matches('/').to_owned())
            })
            .collect();
        below.sort();
        below
    }

    /// Opens the catalog and answers one query on `t`.
    async fn query(&self, sql: &str) -> String {
        query(&the_table(&self.open().await), sql).await
    }
}

fn the_table(catalog: &Arc<Catalog>) -> Arc<Table> {
    Arc::clone(&catalog.snapshot().databases["db"].tables["t"])
}

/// The rows of a query on `t`, one a line, or its error.
async fn query(table: &Table, sql: &str) -> String {
    match try_query(table, sql).await {
        Ok(rows) => rows,
        Err(error) => error.find_root().to_string().replace("External error: ", ""),
    }
}

async fn try_query(table: &Table, sql: &str) -> Result<String, DataFusionError> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    let pinned = table.pin().await.map_err(|error| DataFusionError::External(error.into()))?;
    context.register_table("t", pinned)?;
    let batches = context.sql(sql).await?.collect().await?;
    let table = pretty_format_batches(&batches)?.to_string();
    let rows = table.lines().skip(3).filter(|line| line.starts_with('|'));
    Ok(rows
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("; "))
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn int(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

fn bigint(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn text<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A local store that notes which folders are listed.
#[derive(Debug)]
struct Counting {
    inner: LocalFileSystem,
    listed: Arc<Mutex<Vec<String>>>,
}

impl std::fmt::Display for Counting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("counting")
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed.lock().unwrap().push(prefix.map(ToString::to_string).unwrap_or_default());
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.listed.lock().unwrap().push(prefix.map(ToString::to_string).unwrap_or_default());
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// Ten days in two regions; `x` counts the days.
fn days() -> Lake {
    let lake = Lake::new();
    lake.table("format: parquet\npartition_by: { day: date, region: string }");
    for day in 1..=10 {
        for region in ["eu", "us"] {
            lake.parquet(&format!("day=2026-09-{day:02}/region={region}/a.parquet"), vec![("x", int([day]))]);
        }
    }
    lake
}

#[tokio::test]
async fn only_needed_days_are_listed() {
    let lake = days();
    let table = the_table(&lake.open().await);
    // The columns come from the newest and the oldest day.
    assert_eq!(table.columns().await.unwrap().len(), 3);
    assert_eq!(lake.listed(), ["", "day=2026-09-01", "day=2026-09-10"]);

    let check = async |filter: &str, sum: &str, listed: &[&str]| {
        table.refresh();
        assert_eq!(query(&table, &format!("SELECT sum(x) FROM t WHERE {filter}")).await, sum, "{filter}");
        let edges = ["", "day=2026-09-01", "day=2026-09-10"];
        let days: Vec<String> =
            lake.listed().into_iter().filter(|day| !edges.contains(&day.as_str())).collect();
        assert_eq!(days, listed, "{filter}");
    };
    check("day = '2026-09-03'", "6", &["day=2026-09-03"]).await;
    check("day >= '2026-09-03' AND day < '2026-09-05'", "14", &["day=2026-09-03", "day=2026-09-04"]).await;
    check("day IN ('2026-09-02', '2026-09-04')", "12", &["day=2026-09-02", "day=2026-09-04"]).await;
    check("day = '2026-09-03' AND region = 'eu'", "3", &["day=2026-09-03"]).await;
    check("day = '2026-09-03' AND region = 'asia'", "", &["day=2026-09-03"]).await;
    check("date_part('day', day) = 7", "14", &["day=2026-09-07"]).await;
    check(
        "(day = '2026-09-02' AND x = 2) OR (day = '2026-09-03' AND region = 'us' AND x = 0)",
        "4",
        &["day=2026-09-02", "day=2026-09-03"],
    )
    .await;
    check("day = '2027-01-01'", "", &[]).await;
    check("day IS NULL", "", &[]).await;
    check("NOT (day <> '2026-09-03')", "6", &["day=2026-09-03"]).await;
}
