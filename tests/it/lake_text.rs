//! csv, tsv and json files as rows, below SQL.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileScanConfigBuilder;
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::context::{SessionConfig, SessionContext};
use datafusion::physical_plan::collect;
use lakefront::config::{Cache, Config};
use lakefront::lake;
use lakefront::lake::reader::Reader;
use lakefront::lake::store::Stores;
use lakefront::lake::text::{self, Format};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;

const CSV: Format = Format::Csv { header: false };
const HEADER: Format = Format::Csv { header: true };

#[tokio::test]
async fn rows() {
    let check = async |format, text: &str, expected: &[&str]| {
        let rows = read(format, text.as_bytes().to_vec(), &[0, 1, 2, 3]).await;
        assert_eq!(rows.as_deref(), Ok(lines(expected).as_slice()), "{text}");
    };
    check(CSV, "1,a,2.50,2026-09-01 12:00:00\n", &["1|a|2.50|2026-09-01T12:00:00"]).await;
    check(
        CSV,
        "\u{feff}1,,,\n,\\N,\\N,\n\n2,\"x,\"\"y\n\",1,",
        &["1||NULL|NULL", "NULL|NULL|NULL|NULL", "2|x,\"y\n|1.00|NULL"],
    )
    .await;
    check(CSV, "", &[]).await;
    check(Format::Tsv, "1\ta\\tb\t\\N\t2026-09-01\n", &["1|a\tb|NULL|2026-09-01T00:00:00"]).await;
    // Columns by the header's names, in any case and order; one it does not have is NULL.
    check(HEADER, "NAME,other,ID\nann,9,1\n\nbob,8,2\n", &["1|ann|NULL|NULL", "2|bob|NULL|NULL"]).await;
    check(HEADER, "id\n1\n2\n", &["1|NULL|NULL|NULL", "2|NULL|NULL|NULL"]).await;
    check(
        Format::Json,
        concat!(
            r#"{"ID":1,"name":"ann","price":2.5,"at":"2026-09-01T12:00:00"}"#,
            "\n\n",
            r#"{"name":{"first": "b"},"id":true,"price":"1"}"#,
            "\r\n",
            r#"{"x":[1,2],"price":null,"name":1.0}"#,
        ),
        &["1|ann|2.50|2026-09-01T12:00:00", "1|{\"first\": \"b\"}|1.00|NULL", "NULL|1.0|NULL|NULL"],
    )
    .await;
}

#[tokio::test]
async fn what_is_no_value_names_file_and_line() {
    let check = async |format, text: &[u8], expected: &str| {
        let expected = format!("`s3://lake/t/file` cannot be read: {expected}");
        assert_eq!(read(format, text.to_vec(), &[0, 1, 2, 3]).await, Err(expected));
    };
    check(CSV, b"1,a,1,\n2,\"b\n\",x,\n", "line 2: column `price`: `x` is no decimal(10,2)").await;
    check(CSV, b"1,a,1,\n\n2,b,1,2026-02-30\n", "line 3: column `at`: `2026-02-30` is no datetime").await;
    check(CSV, b"1,a,1\n", "line 1: it has 3 fields instead of 4").await;
    check(CSV, b"1,a,1,,\n", "line 1: it has 5 fields instead of 4").await;
    check(CSV, b"1,\xff,1,\n", "line 1: column `name`: `\u{fffd}` is no text").await;
    check(CSV, b"1,\"a,1,\n2,b\n", "line 1: a quoted field has no end").await;
    check(CSV, b"\x1f\x8b\x08\x00", "it is compressed with gzip, which is not supported; unpack it").await;
    check(HEADER, b"1,ann,2.5,\n2,bob,1,\n", "line 1: the header names none of the table's columns").await;
    check(HEADER, b"id,name,Id\n", "line 1: the header names `id` twice").await;
    check(HEADER, b"id,name\n1\n", "line 2: it has 1 fields instead of 2").await;
    check(Format::Tsv, b"1\ta\t1\t\n1.5\ta\t1\t\n", "line 2: column `id`: `1.5` is no bigint").await;
    check(Format::Json, b"{\"id\":1}\n{\"id\":\"\"}", "line 2: column `id`: `` is no bigint").await;
    check(Format::Json, b"{\"id\":1}\n[1]\n", "line 2: it is no JSON object").await;
    check(Format::Json, b"{\"id\":1,\n\"name\":2}\n", "line 1: it ends within an object").await;
    check(Format::Json, b"{\"name\":\"\\ud800\"}", "line 1: column `name`: unexpected end of hex escape")
        .await;
}

#[tokio::test]
async fn only_wanted_columns_are_read() {
    let check = async |columns: &[usize], expected: &[&str]| {
        let text = b"1,a,not a price,\n2,b,,\n".to_vec();
        assert_eq!(read(CSV, text, columns).await, Ok(lines(expected)));
    };
    check(&[4, 1], &["7|a", "7|b"]).await;
    check(&[4], &["7", "7"]).await;
    check(&[], &["", ""]).await;
}

#[tokio::test]
async fn large_files_are_read_in_pieces() {
    // More than two pieces, with records across their borders.
    let count = 120_000;
    let record = |i: usize| format!("{i},\"{}\n\",{}.25,\n", "x".repeat(i % 61), i % 1_000);
    let text: String = (0..count).map(record).collect();
    assert!(text.len() > 5 << 20);
    let batches = scan(CSV, text.clone().into_bytes(), &[0, 1, 2]).await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), count);
    assert!(batches.iter().all(|batch| batch.num_rows() <= 1_000));
    let rows = show(&batches);
    assert_eq!(rows[count - 1], format!("{}|{}\n|999.25", count - 1, "x".repeat((count - 1) % 61)));

    let error = read(CSV, [text.as_bytes(), b"?,,,\n"].concat(), &[0]).await.unwrap_err();
    let line = 2 * count + 1;
    assert_eq!(
        error,
        format!("`s3://lake/t/file` cannot be read: line {line}: column `id`: `?` is no bigint")
    );
}

async fn read(format: Format, bytes: Vec<u8>, columns: &[usize]) -> Result<Vec<String>, String> {
    match scan(format, bytes, columns).await {
        Ok(batches) => Ok(show(&batches)),
        Err(error) => Err(lake::find(&error).expect("an error of the lake").to_string()),
    }
}

/// Scans one file as some columns of `id, name, price, at` and the partition column `part`.
async fn scan(
    format: Format,
    bytes: Vec<u8>,
    columns: &[usize],
) -> Result<Vec<RecordBatch>, DataFusionError> {
    let stores = Stores::new(&Config::default());
    stores.insert("s3://lake/", Arc::new(InMemory::new()));
    let location = stores.open("s3://lake/t", "").unwrap();
    let path = Path::from("t/file");
    location.store.put(&path, bytes.into()).await.unwrap();
    let mut file = PartitionedFile::from(location.store.head(&path).await.unwrap());
    file.partition_values = vec![ScalarValue::Int32(Some(7))];

    let partition = Arc::new(Field::new("part", DataType::Int32, false));
    let schema = TableSchema::builder(schema()).with_table_partition_cols(vec![partition]).build();
    let source = text::source(format, &Reader::new(&Cache::default()), &location, schema);
    let config = FileScanConfigBuilder::new(location.url.clone(), source)
        .with_file(file)
        .with_projection_indices(Some(columns.to_vec()))?
        .build();
    let context = SessionContext::new_with_config(SessionConfig::new().with_batch_size(1_000));
    context.register_object_store(location.url.as_ref(), Arc::clone(&location.store));
    collect(DataSourceExec::from_data_source(config), context.task_ctx()).await
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8View, true),
        Field::new("price", DataType::Decimal128(10, 2), true),
        Field::new("at", DataType::Timestamp(TimeUnit::Second, None), true),
    ]))
}

/// Each row's values, joined by `|`.
fn show(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = vec![];
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        let row = |index| columns.iter().map(|column| column.value(index).to_string()).collect::<Vec<_>>();
        rows.extend((0..batch.num_rows()).map(|index| row(index).join("|")));
    }
    rows
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}
