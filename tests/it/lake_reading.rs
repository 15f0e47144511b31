//! Reading Parquet files as scans do, below SQL: broken bytes, changed files, stores that fail.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::physical_plan::collect;
use lakefront::config::{Cache, Config};
use lakefront::lake::guard::guard;
use lakefront::lake::reader::Reader;
use lakefront::lake::store::{Location, Stores};
use lakefront::lake::{self, Error};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

#[tokio::test]
async fn a_file_that_is_cut_anywhere_is_an_error_that_names_it() {
    let whole = file_of(rows(1_000));
    let directory = tempfile::TempDir::new().unwrap();
    let location = Stores::new(&Config::default()).open("", directory.path().to_str().unwrap()).unwrap();
    for part in 0..64 {
        let bytes = &whole[..whole.len() * part / 64];
        std::fs::write(directory.path().join("cut.parquet"), bytes).unwrap();
        let error = scan(&location, "cut.parquet", &rows(0).schema()).await.unwrap_err();
        assert_names(&error, "cut.parquet");
    }
}

#[tokio::test]
async fn a_footer_that_lies_of_its_length_is_an_error_that_names_the_file() {
    let whole = file_of(rows(1_000));
    let end = whole.len() - 8;
    let check = async |last: &[u8]| {
        let bytes = [&whole[..end], last].concat();
        assert_names(&scan_bytes(bytes).await.unwrap_err(), "s3://lake/t/broken.parquet");
    };
    check(&[0; 8]).await;
    check(b"\xff\xff\xff\x7fPAR1").await;
    check(b"\xff\xff\xff\xffPAR1").await;
    check(b"\x00\x00\x00\x00PAR1").await;
    check(b"\x10\x00\x00\x00PAR1").await;
    check(b"\x10\x00\x00\x00PARE").await;
    check(b"\x10\x00\x00\x00ORC1").await;
}

#[tokio::test]
async fn flipped_bits_give_an_error_or_an_answer() {
    let whole = file_of(rows(300));
    let mut random = StdRng::seed_from_u64(7);
    let mut errors = 0;
    // Most places of the file, and the footer more than by its share.
    for round in 0..1_000 {
        let mut bytes = whole.clone();
        let first = if round % 2 == 0 { 0 } else { bytes.len().saturating_sub(2_000) };
        let place = random.random_range(first..bytes.len());
        bytes[place] ^= 1 << random.random_range(0..8);
        if let Err(error) = scan_bytes(bytes).await {
            assert_names(&error, "s3://lake/t/broken.parquet");
            errors += 1;
        }
    }
    assert!(errors > 100, "only {errors} of 1,000 flipped bits were found");
}

/// What people see names the file in one line, and it is the lake's own error.
fn assert_names(error: &DataFusionError, file: &str) {
    let Some(found) = lake::find(error) else { panic!("no error of the lake: {error}") };
    let text = found.to_string();
    assert!(text.contains(file) && !text.contains('\n'), "{text}");
    assert!(!matches!(found, Error::Changed { .. }), "{text}");
}

async fn scan_bytes(bytes: Vec<u8>) -> Result<Vec<RecordBatch>, DataFusionError> {
    let location = in_memory();
    location.store.put(&Path::from("t/broken.parquet"), bytes.into()).await.unwrap();
    scan(&location, "broken.parquet", &rows(0).schema()).await
}

/// A store that pretends to be remote.
fn in_memory() -> Location {
    let stores = Stores::new(&Config::default());
    stores.insert("s3://lake/", Arc::new(InMemory::new()));
    stores.open("s3://lake/t", "").unwrap()
}

/// Scans one file with caches of its own.
async fn scan(
    location: &Location,
    file: &str,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let meta = location.store.head(&location.prefix.clone().join(file)).await?;
    scan_version(&Reader::new(&Cache::default()), location, meta, schema).await
}

/// Scans the version `meta` of a file.
pub async fn scan_version(
    reader: &Arc<Reader>,
    location: &Location,
    meta: ObjectMeta,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    scan_group(reader, location, vec![meta], schema).await
}

/// Scans files one after the other.
pub async fn scan_group(
    reader: &Arc<Reader>,
    location: &Location,
    files: Vec<ObjectMeta>,
    schema: &SchemaRef,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let group = FileGroup::new(files.into_iter().map(PartitionedFile::from).collect());
    let factory = reader.for_table(location, Arc::clone(schema)).ahead_of(std::slice::from_ref(&group));
    let source = ParquetSource::new(Arc::clone(schema)).with_parquet_file_reader_factory(factory);
    let source = guard(Arc::new(source), &location.url);
    let config = FileScanConfigBuilder::new(location.url.clone(), source).with_file_group(group).build();
    let context = SessionContext::new();
    context.register_object_store(location.url.as_ref(), Arc::clone(&location.store));
    collect(DataSourceExec::from_data_source(config), context.task_ctx()).await
}

/// `n` rows of a number and a text.
pub fn rows(n: i64) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..n));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("text {}", i % 17))));
    RecordBatch::try_from_iter([("number", numbers), ("text", texts)]).unwrap()
}

pub fn file_of(rows: RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    bytes
}
