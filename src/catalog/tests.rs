//! Tables over small lakes in temporary directories, queried through DataFusion.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
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
use crate::lake;
use crate::lake::store::Stores;

/// A file and what is written into it as soon as the next one is opened.
type Written = Arc<Mutex<Option<(PathBuf, Vec<u8>)>>>;

/// A lake and its catalog in a temporary directory.
struct Lake {
    directory: tempfile::TempDir,
    config: Config,
    listed: Arc<Mutex<Vec<String>>>,
    written: Written,
}

impl Lake {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config =
            Config { listing_interval: Interval(Duration::from_secs(3600)), ..Config::default() };
        config.resolve(directory.path());
        fs::create_dir(directory.path().join("catalog")).unwrap();
        Self { directory, config, listed: Arc::default(), written: Arc::default() }
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
        let (listed, written) = (Arc::clone(&self.listed), Arc::clone(&self.written));
        stores.insert("file:///", Arc::new(Watched { inner: LocalFileSystem::new(), listed, written }));
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

/// A local store that notes which folders are listed, and has a file change when one is opened.
#[derive(Debug)]
struct Watched {
    inner: LocalFileSystem,
    listed: Arc<Mutex<Vec<String>>>,
    written: Written,
}

impl std::fmt::Display for Watched {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("watched")
    }
}

#[async_trait]
impl ObjectStore for Watched {
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
        let result = self.inner.get_opts(path, options).await;
        if let Some((path, content)) = self.written.lock().unwrap().take() {
            fs::write(path, content).unwrap();
        }
        result
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

#[tokio::test]
async fn the_first_rows_need_the_first_days() {
    let lake = days();
    let table = the_table(&lake.open().await);
    let check = async |rest: &str, rows: &str, days: usize| {
        table.refresh();
        lake.listed();
        let answer = query(&table, &format!("SELECT count(*) FROM (SELECT x FROM t {rest}) s")).await;
        assert_eq!(answer, rows, "{rest}");
        let listed = lake.listed().into_iter().filter(|folder| folder.starts_with("day=")).count();
        assert_eq!(listed, days, "{rest}");
    };
    // The newest and the oldest day tell the columns; days are listed four at a time.
    check("LIMIT 3", "3", 5).await;
    check("LIMIT 3 OFFSET 4", "3", 5).await;
    check("WHERE day > '2026-09-05' LIMIT 3", "3", 6).await;
    check("WHERE region = 'eu' LIMIT 3", "3", 9).await;
    check("LIMIT 15", "15", 10).await;
    check("LIMIT 1000", "20", 10).await;
    // A filter that the files decide may let no row through.
    check("WHERE x > 9 LIMIT 2", "2", 10).await;
    check("ORDER BY x LIMIT 2", "2", 10).await;
}

#[tokio::test]
async fn filters_answer_as_they_would_without_folders() {
    let lake = days();
    let table = the_table(&lake.open().await);
    let check = async |sql: &str, expected: &str| assert_eq!(query(&table, sql).await, expected, "{sql}");
    check("SELECT count(*), min(day), max(day), min(region) FROM t", "20 2026-09-01 2026-09-10 eu").await;
    check(
        "SELECT region, sum(x) FROM t WHERE day < '2026-09-03' GROUP BY region ORDER BY region",
        "eu 3; us 3",
    )
    .await;
    check("SELECT x, region, day FROM t WHERE x = 7 AND region LIKE '%s'", "7 us 2026-09-07").await;
    check("SELECT sum(x) FROM t WHERE day = (SELECT max(day) FROM t WHERE x < 4)", "6").await;
    check("SELECT sum(x) FROM t WHERE day IN (SELECT day FROM t WHERE x = 2 OR x = 3)", "10").await;
    check("SELECT count(*) FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE b.day > a.day)", "18").await;
    check("SELECT count(*) FROM t a JOIN t b ON a.day = b.day", "40").await;
    check("SELECT * FROM t ORDER BY day DESC, region LIMIT 1", "10 2026-09-10 eu").await;
    check("SELECT count(DISTINCT day) FROM t WHERE x > 5 OR region = 'us'", "10").await;
}

#[tokio::test]
async fn new_files_and_days_are_seen() {
    let mut lake = days();
    lake.config.listing_interval = Interval(Duration::ZERO);
    let live = the_table(&lake.open().await);
    lake.config.listing_interval = Interval(Duration::from_secs(3600));
    let kept = the_table(&lake.open().await);
    let sum = "SELECT sum(x) FROM t WHERE day >= '2026-09-10'";
    assert_eq!((query(&live, sum).await, query(&kept, sum).await), ("20".into(), "20".into()));

    lake.parquet("day=2026-09-10/region=eu/b.parquet", vec![("x", int([100]))]);
    lake.parquet("day=2026-09-11/region=eu/a.parquet", vec![("x", int([1000]))]);
    assert_eq!((query(&live, sum).await, query(&kept, sum).await), ("1120".into(), "20".into()));
    kept.refresh();
    assert_eq!(query(&kept, sum).await, "1120");

    fs::remove_dir_all(lake.path("lake/t/day=2026-09-11")).unwrap();
    assert_eq!(query(&live, sum).await, "120");
}

#[tokio::test]
async fn a_statement_sees_one_set_of_files() {
    let mut lake = days();
    lake.config.listing_interval = Interval(Duration::ZERO);
    let table = the_table(&lake.open().await);
    let context = SessionContext::new();
    context.register_table("t", table.pin().await.unwrap()).unwrap();
    let sum = async || {
        let batches = context
            .sql("SELECT sum(x) FROM t WHERE day = '2026-09-10'")
            .await
            .unwrap()
            .collect()
            .await
            .unwrap();
        batches[0].column(0).as_any().downcast_ref::<Int64Array>().unwrap().value(0)
    };
    assert_eq!(sum().await, 20);
    lake.parquet("day=2026-09-10/region=eu/b.parquet", vec![("x", int([100]))]);
    assert_eq!(sum().await, 20);
}

#[tokio::test]
async fn a_file_that_changes_is_an_error_that_can_be_told() {
    let lake = days();
    // One value in all rows would be answered from the footer.
    lake.parquet("day=2026-09-05/region=eu/a.parquet", vec![("x", int([2, 3]))]);
    let table = the_table(&lake.open().await);
    let sum = "SELECT sum(x) FROM t WHERE day = '2026-09-05'";
    assert_eq!(query(&table, sum).await, "10");
    lake.parquet("day=2026-09-05/region=eu/a.parquet", vec![("x", int([100, 200, 300]))]);
    assert!(lake::changed(&try_query(&table, sum).await.unwrap_err()));
    table.refresh();
    assert_eq!(query(&table, sum).await, "605");
    fs::remove_file(lake.path("lake/t/day=2026-09-05/region=eu/a.parquet")).unwrap();
    assert!(lake::changed(&try_query(&table, sum).await.unwrap_err()));
    table.refresh();
    assert_eq!(query(&table, sum).await, "5");
}

/// Its name, its length and its handle stay; only what is in it is of another version than its footer.
#[tokio::test]
async fn a_file_that_is_written_as_soon_as_it_is_open_is_an_error_too() {
    let lake = days();
    let path = "lake/t/day=2026-09-05/region=eu/a.parquet";
    lake.parquet("day=2026-09-05/region=eu/a.parquet", vec![("x", int([2, 3]))]);
    let table = the_table(&lake.open().await);
    let sum = "SELECT sum(x) FROM t WHERE day = '2026-09-05' AND region = 'eu'";
    assert_eq!(query(&table, sum).await, "5");
    let (before, after) = (fs::read(lake.path(path)).unwrap(), parquet(vec![("x", int([20, 30]))]));
    assert_eq!(before.len(), after.len());
    *lake.written.lock().unwrap() = Some((lake.path(path), after));
    assert!(lake::changed(&try_query(&table, sum).await.unwrap_err()));
    table.refresh();
    assert_eq!(query(&table, sum).await, "50");
}

#[tokio::test]
async fn columns_of_days_differ() {
    let lake = Lake::new();
    lake.table("format: parquet\npartition_by: { day: date }")
        .parquet("day=2026-09-01/a.parquet", vec![("userid", int([1])), ("gone", text(["g"]))])
        .parquet("day=2026-09-02/a.parquet", vec![("note", text(["middle"])), ("USERID", bigint([2]))])
        .parquet("day=2026-09-03/a.parquet", vec![("UserId", bigint([1 << 40])), ("Note", text(["new"]))]);
    let table = the_table(&lake.open().await);
    let names: Vec<String> =
        table.columns().await.unwrap().iter().map(|column| column.name.clone()).collect();
    assert_eq!(names, ["UserId", "Note", "gone", "day"]);
    let check = async |sql: &str, expected: &str| assert_eq!(query(&table, sql).await, expected, "{sql}");
    check("SELECT userid, note, gone FROM t ORDER BY day", "1  g; 2 middle ; 1099511627776 new ").await;
    check("SELECT sum(userid) FROM t WHERE note IS NULL", "1").await;
    check("SELECT count(*) FROM t WHERE userid = 2 AND note = 'middle'", "1").await;
    check("SELECT count(*) FROM t WHERE userid > 2", "1").await;
    check(
        "SELECT min(userid), max(userid), count(gone), count(note), count(*) FROM t",
        "1 1099511627776 1 2 3",
    )
    .await;
    check("SELECT day FROM t WHERE gone = 'g'", "2026-09-01").await;
}

#[tokio::test]
async fn conflicts_name_the_files() {
    let lake = Lake::new();
    let definition = "format: parquet\npartition_by: { day: date }";
    lake.table(definition)
        .parquet("day=2026-09-01/a.parquet", vec![("x", int([1]))])
        .parquet("day=2026-09-02/middle.parquet", vec![("X", text(["one"]))])
        .parquet("day=2026-09-03/a.parquet", vec![("x", int([3]))]);
    let root = lake.path("lake/t").display().to_string();
    let check = async |sql: &str, expected: &str| {
        assert_eq!(lake.query(sql).await.replace(&root, ""), expected, "{sql}");
    };
    let middle = "column `X` is text in `/day=2026-09-02/middle.parquet`, which does not fit the table's int";
    check("SELECT sum(x) FROM t", middle).await;
    check("SELECT count(*) FROM t", middle).await;
    check("SELECT count(*) FROM t WHERE x > 0 AND day > '2026-09-01'", middle).await;
    check("SELECT sum(x) FROM t WHERE day <> '2026-09-02'", "4").await;
    fs::remove_file(lake.path("lake/t/day=2026-09-03/a.parquet")).unwrap();
    check(
        "SELECT sum(x) FROM t",
        "column `x` is text in `/day=2026-09-02/middle.parquet` but int in `/day=2026-09-01/a.parquet`; \
         declare its type under `columns`, or rewrite one of the files",
    )
    .await;
    lake.table(&format!("{definition}\ncolumns: {{ x: int }}"));
    check("SELECT sum(x) FROM t WHERE day = '2026-09-01'", "1").await;
    check("SELECT sum(x) FROM t", middle).await;
}

#[tokio::test]
async fn folders_that_are_not_data() {
    let lake = days();
    lake.file("lake/t/_temporary/0/part.parquet", "unfinished")
        .file("lake/t/.hidden/x.parquet", "x")
        .file("lake/t/_SUCCESS", "")
        .file("lake/t/day=2026-09-01/_SUCCESS", "")
        .file("lake/t/day=2026-09-01/region=eu/.a.parquet.crc", "sum")
        .file("lake/t/day=2026-09-01/region=eu/_metadata", "x")
        .parquet("day=2026-09-01/region=eu/sub/folder/b.parquet", vec![("x", int([50]))])
        .parquet("DAY=2026-09-02/Region=a%20b/b.parquet", vec![("x", int([60]))])
        .parquet("day=__HIVE_DEFAULT_PARTITION__/region=eu/b.parquet", vec![("x", int([70]))])
        .parquet("day=2026-09-03/region=__HIVE_DEFAULT_PARTITION__/b.parquet", vec![("x", int([80]))]);
    let table = the_table(&lake.open().await);
    let check = async |sql: &str, expected: &str| assert_eq!(query(&table, sql).await, expected, "{sql}");
    check("SELECT count(*), sum(x) FROM t", "24 370").await;
    check("SELECT sum(x) FROM t WHERE day = '2026-09-01'", "52").await;
    check("SELECT sum(x) FROM t WHERE region = 'a b'", "60").await;
    check("SELECT sum(x) FROM t WHERE day IS NULL", "70").await;
    check("SELECT x, day FROM t WHERE region IS NULL", "80 2026-09-03").await;
    check("SELECT count(*) FROM t WHERE day IS NOT NULL AND region <> 'us'", "12").await;
    check("SELECT count(day), count(region), min(day) FROM t", "23 23 2026-09-01").await;
}

#[tokio::test]
async fn wrong_folders_are_errors_where_they_matter() {
    let hide = "rename it, move it away, or begin its name with `_` to hide it";
    let check = async |path: &str, sql: &str, expected: &str| {
        let lake = days();
        lake.parquet(path, vec![("x", int([1000]))]);
        let answer = lake.query(sql).await.replace(&lake.path("lake/t").display().to_string(), "");
        assert_eq!(answer, expected, "{path}: {sql}");
    };
    let all = "SELECT sum(x) FROM t";
    let day = "date, such as 2026-09-01";
    check(
        "day=2024-02-30/region=eu/a.parquet",
        all,
        &format!("folder `/day=2024-02-30` should be named `day=<{day}>`; {hide}"),
    )
    .await;
    check(
        "dt=2026-09-03/region=eu/a.parquet",
        all,
        &format!("folder `/dt=2026-09-03` should be named `day=<{day}>`; {hide}"),
    )
    .await;
    check(
        "day=2026-09-03/reg=eu/a.parquet",
        all,
        &format!("folder `/day=2026-09-03/reg=eu/a.parquet` should be named `region=<text>`; {hide}"),
    )
    .await;
    check("day=2026-09-03/reg=eu/a.parquet", "SELECT sum(x) FROM t WHERE day = '2026-09-04'", "8").await;
    check("a.parquet", all, "file `/a.parquet` lies outside the `day=…` folders; move it into one, or begin its name with `_` to hide it").await;
    check("day=2026-09-03/a.parquet", all, "file `/day=2026-09-03/a.parquet` lies outside the `region=…` folders; move it into one, or begin its name with `_` to hide it").await;
}

#[tokio::test]
async fn broken_files_are_errors_that_name_them() {
    let whole = parquet(vec![("x", int(0..1000))]);
    let check = async |content: &[u8], expected: &str| {
        let lake = Lake::new();
        lake.table("format: parquet\npartition_by: { day: date }")
            .file("lake/t/day=2026-09-02/b.parquet", content)
            .parquet("day=2026-09-01/a.parquet", vec![("x", int([1]))]);
        let table = the_table(&lake.open().await);
        let answer = query(&table, "SELECT sum(x) FROM t").await;
        assert!(
            answer.contains("day=2026-09-02/b.parquet` cannot be read") && answer.contains(expected),
            "{answer}"
        );
        // The other days and the columns are as they were.
        assert_eq!(query(&table, "SELECT sum(x) FROM t WHERE day < '2026-09-02'").await, "1");
    };
    check(b"", "0 bytes are too few for a Parquet file").await;
    check(b"not Parquet but long enough to look at", "it does not end like a Parquet file").await;
    for cut in 1..64 {
        check(&whole[..whole.len() * cut / 64], "").await;
    }
}

#[tokio::test]
async fn tables_without_files() {
    let lake = Lake::new();
    let root = lake.path("lake/t").display().to_string();
    let missing = format!("`{root}` does not exist or is empty; check the location");
    let check = async |definition: &str, sql: &str, expected: &str| {
        lake.table(definition);
        assert_eq!(lake.query(sql).await, expected, "{definition}: {sql}");
    };
    let declared = "format: parquet\ncolumns: { x: int, day: date }";
    check("format: parquet", "SELECT * FROM t", &missing).await;
    check("format: parquet\npartition_by: { day: date }", "SELECT * FROM t", &missing).await;
    check(declared, "SELECT * FROM t", &missing).await;
    fs::create_dir_all(lake.path("lake/t")).unwrap();
    check(declared, "SELECT count(*), sum(x) FROM t", "0 ").await;
    check(
        &format!("{declared}\npartition_by: {{ day: date }}"),
        "SELECT count(*) FROM t WHERE day = '2026-09-01'",
        "0",
    )
    .await;
    let unknown =
        format!("`{root}` has no files that tell the columns of db.t; declare them under `columns`");
    check("format: parquet", "SELECT * FROM t", &unknown).await;
}

#[tokio::test]
async fn declared_columns_have_their_order() {
    let lake = Lake::new();
    lake.table("format: parquet\npartition_by: { day: date }\ncolumns:\n  B: bigint\n  day: { type: date, comment: When. }\n  a: varchar(10)\n  none: double")
        .parquet("day=2026-09-01/x.parquet", vec![("A", text(["one"])), ("b", int([1])), ("hidden", int([0]))]);
    let catalog = lake.open().await;
    let table = the_table(&catalog);
    let columns = table.columns().await.unwrap();
    let shown: Vec<String> =
        columns.iter().map(|c| format!("{} {} {}", c.name, c.is_partition, c.comment)).collect();
    assert_eq!(shown, ["B false ", "day true When.", "a false ", "none false "]);
    assert_eq!(lake.listed(), Vec::<String>::new());
    assert_eq!(query(&table, "SELECT * FROM t").await, "1 2026-09-01 one ");
    assert_eq!(query(&table, "SELECT a, day FROM t WHERE b = 1").await, "one 2026-09-01");
}

#[tokio::test]
async fn a_file_may_repeat_its_folder() {
    let lake = Lake::new();
    lake.table("format: parquet\npartition_by: { day: date }")
        .parquet("day=2026-09-01/x.parquet", vec![("day", text(["other"])), ("x", int([1]))]);
    assert_eq!(lake.query("SELECT * FROM t WHERE day = '2026-09-01'").await, "1 2026-09-01");
}

#[tokio::test]
async fn a_table_may_be_one_file() {
    let lake = Lake::new();
    lake.file("catalog/db/t.yaml", "location: one.parquet\nformat: parquet\n");
    lake.file("lake/one.parquet", parquet(vec![("x", int([1, 2]))]));
    assert_eq!(lake.query("SELECT sum(x) FROM t").await, "3");
}

#[tokio::test]
async fn mistakes_stay_with_their_tables() {
    let lake = days();
    lake.file("catalog/db/bad.yaml", "location: t\nformat: parquet\ncolumns:\n  x: integr\n")
        .file("catalog/db/Twice.yaml", "location: t\nformat: parquet\n")
        .file("catalog/db/twice.yml", "location: t\nformat: parquet\n")
        .file("catalog/db/ftp.yaml", "location: ftp://x/y\nformat: parquet\n")
        .file("catalog/loose.yaml", "location: t\nformat: parquet\n")
        .file("catalog/README.md", "not a table");
    let catalog = lake.open().await;
    let root = format!("{}/", lake.path("catalog").display());
    let problems: Vec<String> =
        catalog.problems().iter().map(|problem| problem.to_string().replace(&root, "")).collect();
    assert_eq!(
        problems,
        [
            "db/bad.yaml: columns.x: type `integr` is not known; use one of MySQL's, such as bigint or varchar(20) at line 4 column 6",
            "location `ftp://x/y` cannot be used: only paths, `file://` and `s3://` are known",
            "db/twice.yml and db/Twice.yaml are tables of one name; rename one of them",
            "loose.yaml is not in the folder of a database; move it to `<database>/<table>.yaml`",
        ]
    );
    assert_eq!(query(&the_table(&catalog), "SELECT count(*) FROM t").await, "20");
    let twice = Arc::clone(&catalog.snapshot().databases["db"].tables["twice"]);
    assert!(twice.columns().await.unwrap_err().to_string().contains("tables of one name"));

    // A reload keeps the tables that did not change, and sees the others.
    let before = the_table(&catalog);
    lake.file("catalog/db/bad.yaml", "location: t\nformat: parquet\ncolumns:\n  x: int\n");
    catalog.reload().await.unwrap();
    assert_eq!(catalog.problems().len(), 3);
    assert!(Arc::ptr_eq(&before, &the_table(&catalog)));
    lake.table("format: parquet\npartition_by: { day: date, region: string }\ncomment: Changed.");
    catalog.reload().await.unwrap();
    assert_eq!(the_table(&catalog).comment, "Changed.");
}

#[tokio::test]
async fn a_catalog_that_is_not_there_is_an_error() {
    let lake = Lake::new();
    fs::remove_dir(lake.path("catalog")).unwrap();
    let error = Catalog::open(&lake.config).await.unwrap_err().to_string();
    assert_eq!(
        error,
        format!("`{}` does not exist or is empty; check the location", lake.path("catalog").display())
    );
}

#[tokio::test]
async fn text_files_in_folders() {
    let lake = Lake::new();
    let columns = "columns: { id: bigint, name: varchar(20) }\npartition_by: { day: date }";
    lake.file("lake/t/day=2026-09-01/a.csv", "Name,ID\n\"a,b\",1\n\\N,2\n")
        .file("lake/t/day=2026-09-02/a.csv", "name,id\n,\n");
    lake.table(&format!("format: csv\nheader: true\n{columns}"));
    let table = the_table(&lake.open().await);
    let check = async |sql: &str, expected: &str| assert_eq!(query(&table, sql).await, expected, "{sql}");
    check(
        "SELECT id, name, day FROM t WHERE day = '2026-09-01' ORDER BY id",
        "1 a,b 2026-09-01; 2  2026-09-01",
    )
    .await;
    check("SELECT count(*), count(id), count(name) FROM t", "3 2 2").await;
    check("SELECT day, count(*) FROM t GROUP BY day ORDER BY day", "2026-09-01 2; 2026-09-02 1").await;
    lake.file("lake/t/day=2026-09-02/a.csv", "name,id\nx,one\n");
    let answer = lake.query("SELECT sum(id) FROM t").await;
    assert!(answer.contains("day=2026-09-02/a.csv"), "{answer}");
    assert_eq!(lake.query("SELECT sum(id) FROM t WHERE day = '2026-09-01'").await, "3");
}

#[tokio::test]
async fn spark_times_of_any_year() {
    // INT96: nanoseconds of the day, then the Julian day; year 9999 does not fit 64-bit nanoseconds.
    let schema = "message m { required int96 at; }";
    let schema = Arc::new(::parquet::schema::parser::parse_message_type(schema).unwrap());
    let mut writer =
        ::parquet::file::writer::SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let at = ::parquet::data_type::Int96::from(vec![0, 0, 5_373_484]);
    column.typed::<::parquet::data_type::Int96Type>().write_batch(&[at], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let lake = Lake::new();
    lake.table("format: parquet").file("lake/t/a.parquet", writer.into_inner().unwrap());
    assert_eq!(lake.query("SELECT at FROM t").await, "9999-12-31T00:00:00Z");
}

#[tokio::test]
async fn structs_of_days_differ() {
    let structure =
        |children: Vec<(&str, ArrayRef)>| -> ArrayRef { Arc::new(StructArray::try_from(children).unwrap()) };
    let list = |values: ArrayRef| -> ArrayRef {
        let item = Arc::new(Field::new("element", values.data_type().clone(), true));
        Arc::new(ListArray::new(item, OffsetBuffer::from_lengths([values.len()]), values, None))
    };
    let lake = Lake::new();
    lake.table("format: parquet\npartition_by: { day: date }")
        .parquet(
            "day=2026-09-01/a.parquet",
            vec![
                ("Device", structure(vec![("Os", text(["ios"])), ("memory", int([4]))])),
                ("tags", list(structure(vec![("k", int([1, 2]))]))),
            ],
        )
        .parquet(
            "day=2026-09-02/a.parquet",
            vec![
                ("tags", list(structure(vec![("v", text(["one"])), ("k", bigint([3]))]))),
                (
                    "device",
                    structure(vec![("Os", text(["web"])), ("memory", bigint([1 << 40])), ("dpi", int([96]))]),
                ),
            ],
        );
    let table = the_table(&lake.open().await);
    let check = async |sql: &str, expected: &str| assert_eq!(query(&table, sql).await, expected, "{sql}");
    check(
        "SELECT device['Os'], device['memory'], device['dpi'] FROM t ORDER BY day",
        "ios 4 ; web 1099511627776 96",
    )
    .await;
    check("SELECT day FROM t WHERE device['memory'] = 4", "2026-09-01").await;
    check("SELECT count(*) FROM t WHERE device['dpi'] IS NULL", "1").await;
    check("SELECT tags FROM t ORDER BY day", "[{v: , k: 1}, {v: , k: 2}]; [{v: one, k: 3}]").await;
    check("SELECT sum(cardinality(tags)) FROM t", "3").await;
    lake.parquet("day=2026-09-02/b.parquet", vec![("device", structure(vec![("os", text(["x"]))]))]);
    let answer = lake.query("SELECT device['Os'] FROM t").await;
    assert!(answer.contains("`device` is a struct in") && answer.contains("b.parquet"), "{answer}");
}

#[tokio::test]
async fn a_delta_table_is_its_log() {
    let lake = Lake::new();
    let protocol = r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#;
    let metadata = r#"{"metaData":{"id":"1","format":{"provider":"parquet","options":{}},"schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"Day\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}},{\"name\":\"X\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}}]}","partitionColumns":["Day"],"configuration":{},"createdTime":0}}"#;
    let add = |name: &str, day: &str| {
        let size = fs::metadata(lake.path(&format!("lake/t/{name}"))).unwrap().len();
        format!(
            r#"{{"add":{{"path":"{name}","partitionValues":{{"Day":"{day}"}},"size":{size},"modificationTime":0,"dataChange":true}}}}"#
        )
    };
    lake.table("format: delta");
    for (name, values) in
        [("a.parquet", 1..3), ("b.parquet", 3..5), ("c.parquet", 5..7), ("orphan.parquet", 7..9)]
    {
        lake.parquet(name, vec![("X", int(values))]);
    }
    let first =
        [protocol, metadata, &add("a.parquet", "2026-09-01"), &add("b.parquet", "2026-09-02")].join("\n");
    lake.file("lake/t/_delta_log/00000000000000000000.json", first);
    let table = the_table(&lake.open().await);
    let check = async |sql: &str, expected: &str| assert_eq!(query(&table, sql).await, expected, "{sql}");
    check("SELECT * FROM t ORDER BY x", "2026-09-01 1; 2026-09-01 2; 2026-09-02 3; 2026-09-02 4").await;
    check("SELECT sum(x) FROM t WHERE day = '2026-09-02'", "7").await;

    let remove = r#"{"remove":{"path":"a.parquet","dataChange":true}}"#;
    lake.file(
        "lake/t/_delta_log/00000000000000000001.json",
        [remove, &add("c.parquet", "2026-09-03")].join("\n"),
    );
    check("SELECT sum(x) FROM t", "10").await;
    table.refresh();
    check("SELECT sum(x), min(day), max(day) FROM t", "18 2026-09-02 2026-09-03").await;
}
