//! Queries over more than they may keep in memory: right answers by way of the disk, or a clean error.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use lakefront::clock::Clock;
use lakefront::config::Config;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};

use crate::server::{Lake, TestServer};

const FILES: i64 = 4;
const ROWS: i64 = 100_000;

/// A query may use 20 MiB, the half of all; the table has 25 MB.
async fn server(change: impl FnOnce(&mut Config)) -> (Lake, TestServer) {
    let lake = Lake::new();
    lake.table("lake", "big", "location: big\nformat: parquet\n");
    for file in 0..FILES {
        let keys: Vec<i64> = (0..ROWS / FILES).map(|row| shuffled(row * FILES + file)).collect();
        let text = StringArray::from_iter_values(keys.iter().map(|key| padded(*key)));
        let half = StringArray::from_iter_values(keys.iter().map(|key| padded(key / 2)));
        let columns = [
            ("k", Arc::new(Int64Array::from(keys)) as _),
            ("text", Arc::new(text) as _),
            ("pair", Arc::new(half) as _),
        ];
        lake.parquet(&format!("big/{file}.parquet"), &RecordBatch::try_from_iter(columns).unwrap());
    }
    let mut config = lake.config();
    config.memory = "40MiB".parse().unwrap();
    config.spill.directory = Some(lake.home().join("spill"));
    change(&mut config);
    let server = TestServer::start_with(config, Clock::system()).await;
    (lake, server)
}

/// Each number below [`ROWS`] once, in no order.
fn shuffled(row: i64) -> i64 {
    row * 7_919 % ROWS
}

/// In the order of the numbers.
fn padded(number: i64) -> String {
    format!("{number:0>120}")
}

/// How many files a query spilled, as it tells itself.
async fn spilled(client: &mut Conn, query: &str) -> u64 {
    let plan: Option<String> = client.query_first(format!("EXPLAIN ANALYZE {query}")).await.unwrap();
    let plan = plan.unwrap();
    let counts = plan.split("spill_count=").skip(1);
    counts.map(|rest| rest.split([',', ']']).next().unwrap().parse::<u64>().unwrap()).sum()
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> u16 {
    match outcome {
        Err(Error::Server(error)) => error.code,
        other => panic!("an error of the server was due, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sort_of_more_than_the_memory_goes_by_way_of_the_disk() {
    // The least that can be set; one part; two parts.
    for (memory, order) in [("16MiB", "text"), ("40MiB", "pair DESC, k DESC"), ("64MiB", "k")] {
        let (_lake, server) = server(|config| config.memory = memory.parse().unwrap()).await;
        let mut client = server.connect().await;
        let query = format!("SELECT k, text, pair FROM lake.big ORDER BY {order}");
        let mut rows = client.query_iter(&query).await.unwrap();
        let mut next = 0;
        while let Some(row) = rows.next().await.unwrap() {
            let (k, text): (i64, String) = (row.get(0).unwrap(), row.get(1).unwrap());
            let expected = if order.ends_with("DESC") { ROWS - 1 - next } else { next };
            assert_eq!((k, text), (expected, padded(expected)), "{memory} for ORDER BY {order}");
            next += 1;
        }
        assert_eq!(next, ROWS, "{memory} for ORDER BY {order}");
        assert!(spilled(&mut client, &query).await > 0, "{memory} for ORDER BY {order}");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_need_more_than_the_memory_go_by_way_of_the_disk() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;
    let query = "SELECT COUNT(*), SUM(rows_of), MAX(rows_of), SUM(keys_of) FROM \
         (SELECT text, COUNT(*) AS rows_of, SUM(k) AS keys_of FROM lake.big GROUP BY text) x";
    let answer: Option<(i64, i64, i64, i64)> = client.query_first(query).await.unwrap();
    assert_eq!(answer, Some((ROWS, ROWS, 1, ROWS * (ROWS - 1) / 2)));
    assert!(spilled(&mut client, query).await > 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_whose_hash_table_does_not_fit_is_made_by_sorting() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;
    let query = "SELECT COUNT(*), SUM(a.text = b.text), SUM(a.pair = b.pair) \
         FROM lake.big a JOIN lake.big b ON a.k = b.k";
    let plan: Option<String> = client.query_first(format!("EXPLAIN FORMAT=TREE {query}")).await.unwrap();
    assert!(plan.unwrap().contains("HashJoinExec"));
    // This tells how the plan fares that it shows, so it does not try another one.
    assert_eq!(code(client.query_drop(format!("EXPLAIN ANALYZE {query}")).await), 1038);

    let answer: Option<(i64, i64, i64)> = client.query_first(query).await.unwrap();
    assert_eq!(answer, Some((ROWS, ROWS, ROWS)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_spill_fails_and_the_next_query_has_its_memory() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;
    // The most that a query may keep of its last rows is memory.
    let query = format!("SELECT text FROM lake.big ORDER BY text LIMIT 1 OFFSET {}", ROWS - 1);
    assert_eq!(code(client.query_drop(query).await), 1038);

    let smallest: Option<String> =
        client.query_first("SELECT text FROM lake.big ORDER BY text LIMIT 1").await.unwrap();
    assert_eq!(smallest, Some(padded(0)));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_needs_more_than_the_memory_is_not_read_and_the_next_one_is() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;
    let among = |count| format!("SELECT 7 IN ({})", vec!["1"; count].join(","));
    for _ in 0..2 {
        assert_eq!(code(client.query_drop(among(100_000)).await), 1038);
        assert_eq!(code(client.prep(among(100_000)).await), 1038);
        let found: Option<i64> = client.query_first(among(10_000)).await.unwrap();
        assert_eq!(found, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_needs_more_disk_than_it_may_use_fails_and_leaves_none_used() {
    let (_lake, server) = server(|config| config.spill.limit = "1MiB".parse().unwrap()).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        assert_eq!(code(client.query_drop("SELECT * FROM lake.big ORDER BY text").await), 1021);
    }
    let count: Option<i64> = client.query_first("SELECT COUNT(*) FROM lake.big").await.unwrap();
    assert_eq!(count, Some(ROWS));
    server.stop().await;
}

/// The rest of its rows is on the disk while nobody reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sort_that_has_spilled_is_killed_and_leaves_no_files() {
    let (lake, server) = server(|config| config.memory = "16MiB".parse().unwrap()).await;
    let spilled = || bytes_below(&lake.home().join("spill"));
    let (mut client, mut other) = (server.connect().await, server.connect().await);
    let id = client.id();
    let mut rows = client.query_iter("SELECT k, text, pair FROM lake.big ORDER BY text").await.unwrap();
    assert!(rows.next().await.unwrap().is_some());
    assert!(spilled() > 0);
    other.query_drop(format!("KILL QUERY {id}")).await.unwrap();
    let end = loop {
        match rows.next().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert_eq!(code(end), 1317);
    let gone = async {
        while spilled() > 0 {
            other.ping().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("the files stay");
    server.stop().await;
}

/// Bytes of all files in a directory and below it.
fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let bytes = entries.map_while(Result::ok).map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
        Ok(metadata) => metadata.len(),
        // It went in this moment.
        Err(_) => 0,
    });
    bytes.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_make_no_more_for_a_batch_of_rows_than_a_query_may_use() {
    let (_lake, server) = server(|_| {}).await;
    let mut client = server.connect().await;
    // 600 KB for each of some hundred rows.
    for value in ["REPEAT(text, 5000)", "LPAD(text, 600000, 'x')", "UNHEX(REPEAT(text, 10000))"] {
        let query = format!("SELECT SUM(LENGTH({value})) FROM lake.big");
        assert_eq!(code(client.query_drop(&query).await), 1038, "{value}");
    }
    let length: Option<u64> =
        client.query_first("SELECT SUM(LENGTH(REPEAT(text, 2))) FROM lake.big").await.unwrap();
    assert_eq!(length, Some(ROWS as u64 * 120 * 2));
    server.stop().await;
}
