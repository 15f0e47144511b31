//! Other programs read the tables of published views: they see the rows that MySQL clients see, in columns of every type,
//! whatever has happened to the view.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::RecordBatch;
use chrono::TimeDelta;
use lakefront::catalog::Catalog;
use lakefront::clock::Clock;
use lakefront::views::published::Warehouse;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use serde_json::json;

use crate::clients::python_with;
use crate::fixture;
use crate::server::{Lake, TestServer};

/// Days that are not fresh are answered as they are published, so that answers are what others may read.
const VIEW: &str = "CREATE MATERIALIZED VIEW mart.typed PARTITION BY day REFRESH MANUAL WHEN STALE SERVE AS \
                    SELECT t.*, TIMEDIFF(at_us, '2026-09-01 00:00:00.5') AS spent, SEC_TO_TIME(i16) AS seconds, \
                    CAST(dec38 AS DECIMAL(60,10)) AS wide FROM lake.typed t";

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_see_the_rows_that_clients_see() {
    let Some(python) = python_with("deltalake, polars") else {
        println!("left out: deltalake and polars are not in the environment of LAKEFRONT_CLIENTS");
        return;
    };
    let lake = Lake::new();
    lake.table("lake", "typed", "location: typed\nformat: parquet\npartition_by: { day: date }\n");
    let day = |day: u32, first: usize, count: usize| {
        lake.parquet(&format!("typed/day=2026-09-{day:02}/part-0.parquet"), &rows().slice(first, count));
    };
    day(1, 0, 4);
    day(2, 0, 2);
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    client.query_drop("SET time_zone = '+00:00'").await.unwrap();
    client.query_drop(VIEW).await.unwrap();
    let table = lake.home().join("warehouse/mart/typed");
    let check = async |client: &mut Conn, rows: usize, what: &str| {
        let file = lake.home().join("rows.json");
        assert_eq!(write_rows(client, &file).await, rows, "{what}");
        let script =
            Command::new(&python).arg("tests/clients/delta_readers.py").args([&table, &file]).output();
        let script = script.unwrap();
        let (told, errors) =
            (String::from_utf8_lossy(&script.stdout), String::from_utf8_lossy(&script.stderr));
        assert!(script.status.success(), "{what}: {told}{errors}");
        for line in told.lines() {
            assert!(line.ends_with(" ok") || line.ends_with(" is not here"), "{what}: {told}");
        }
    };

    refresh(&mut client, "").await;
    check(&mut client, 6, "two days").await;
    day(2, 1, 3);
    day(3, 2, 1);
    refresh(&mut client, "").await;
    check(&mut client, 8, "a day with other rows, and another day").await;
    refresh(&mut client, "FORCE").await;
    check(&mut client, 8, "the same rows again").await;
    let restored = "SELECT MAX(version) FROM information_schema.materialized_view_partitions";
    let version: u64 = client.query_first(restored).await.unwrap().unwrap();
    // As many commits as a checkpoint needs.
    for count in [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3] {
        day(1, 0, count);
        refresh(&mut client, "").await;
    }
    check(&mut client, 7, "a checkpoint").await;
    assert!(table.join("_delta_log/_last_checkpoint").exists());
    client.query_drop(format!("RESTORE MATERIALIZED VIEW mart.typed TO VERSION {version}")).await.unwrap();
    check(&mut client, 8, "an earlier version").await;
    let before = files(&table);
    vacuum(&lake).await;
    assert!(files(&table) < before);
    check(&mut client, 8, "the same without what is old").await;
    client.disconnect().await.unwrap();
    server.stop().await;
}

/// A column of every type, and nested ones.
fn rows() -> RecordBatch {
    let (types, nested) = (fixture::types(), fixture::nested());
    let columns = |batch: &RecordBatch, but: &str| {
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).filter(|(field, _)| field.name() != but);
        let columns = columns.map(|(field, column)| (field.name().clone(), Arc::clone(column), true));
        columns.collect::<Vec<_>>()
    };
    // The day is the folder's.
    let columns = [columns(&types, "day"), columns(&nested, "id")].concat();
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

async fn refresh(client: &mut Conn, force: &str) {
    let sql = format!("REFRESH MATERIALIZED VIEW mart.typed {force} WITH SYNC MODE");
    let days: Vec<Row> = client.query(sql).await.unwrap();
    assert!(!days.is_empty());
    for day in days {
        let told: Vec<Value> = day.unwrap();
        assert_eq!(told[1], Value::Bytes(b"fresh".to_vec()), "{told:?}");
    }
}

/// Writes what a client sees for the script to compare; how many rows that are.
async fn write_rows(client: &mut Conn, file: &Path) -> usize {
    let rows: Vec<Row> = client.query("SELECT * FROM mart.typed ORDER BY day, id").await.unwrap();
    let names: Vec<String> = rows[0].columns_ref().iter().map(|column| column.name_str().into()).collect();
    let cell = |value: Value| match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        other => panic!("{other:?}"),
    };
    let cells: Vec<Vec<Option<String>>> =
        rows.into_iter().map(|row| row.unwrap().into_iter().map(cell).collect()).collect();
    std::fs::write(file, json!({ "columns": names, "rows": cells }).to_string()).unwrap();
    cells.len()
}

/// What the server does by itself once a day, as if all that is old were much older.
async fn vacuum(lake: &Lake) {
    let config = lake.config();
    let catalog = Catalog::open(&config).await.unwrap();
    let log = Warehouse::new(&config, &catalog).unwrap().view("mart", "typed");
    let later = Clock::system().now() + TimeDelta::days(1);
    log.vacuum(later, later).await.unwrap();
}

/// How many files a folder has.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}
