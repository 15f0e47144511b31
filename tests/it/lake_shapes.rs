//! Files that are whole and of unusual shape: very many columns, columns within columns within columns, numbers that
//! are none.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Array, Float64Array, Int64Array, ListArray, RecordBatch, StructArray,
    Time64NanosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{Field, Int64Type};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use crate::server::{Lake, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn four_thousand_columns() {
    const COLUMNS: i64 = 4_000;
    let lake = Lake::new();
    let column = |number: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![number, number + 1])) };
    let columns = (0..COLUMNS).map(|number| (format!("c{number}"), column(number)));
    lake.table("lake", "wide", "location: wide\nformat: parquet\n")
        .parquet("wide/a.parquet", &RecordBatch::try_from_iter(columns).unwrap());
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;

    let some: Option<(i64, i64, i64)> = client
        .query_first("SELECT COUNT(*), SUM(c0), SUM(c3999) FROM lake.wide WHERE c2000 > 0")
        .await
        .unwrap();
    assert_eq!(some, Some((2, 1, 7_999)));
    let all: Vec<Row> = client.query("SELECT * FROM lake.wide").await.unwrap();
    assert_eq!((all.len(), all[0].len()), (2, COLUMNS as usize));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_within_columns() {
    let lake = Lake::new();
    let nested = |levels: usize| {
        let innermost: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        (0..levels).fold(innermost, |inner, _| {
            let field = Arc::new(Field::new("a", inner.data_type().clone(), true));
            Arc::new(StructArray::from(vec![(field, inner)]))
        })
    };
    lake.table("lake", "nested", "location: nested\nformat: parquet\n");
    // The writer recurses deeper than the stack of a test's thread.
    let write = || {
        lake.parquet("nested/a.parquet", &RecordBatch::try_from_iter([("a", nested(50))]).unwrap());
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, write).unwrap();
    });
    lake.table("lake", "endless", "location: endless\nformat: parquet\n")
        .file("endless/a.parquet", nested_without_end(100_000));
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;

    let json: Option<String> = client.query_first("SELECT a FROM lake.nested").await.unwrap();
    assert_eq!(json.unwrap().replace(' ', ""), format!("{}7{}", "{\"a\":".repeat(50), "}".repeat(50)));
    // A decoder that recursed on these would end the process.
    assert!(
        refusal(&mut client, "SELECT * FROM lake.endless").await.ends_with(
            "endless/a.parquet` cannot be read: its columns nest 100000 deep; at most 100 are read"
        )
    );
    server.stop().await;
}

/// MySQL has neither NaN nor infinities nor a zero with a sign; footers count them among the values.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_not_real_are_null() {
    let lake = Lake::new();
    let doubles = vec![-0.0, 0.0, 1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let floats = doubles.iter().map(|double| *double as f32).collect::<Vec<_>>();
    let columns: [(&str, ArrayRef); 2] =
        [("d", Arc::new(Float64Array::from(doubles))), ("f", Arc::new(Float32Array::from(floats)))];
    lake.table("lake", "odd", "location: odd\nformat: parquet\n")
        .parquet("odd/a.parquet", &RecordBatch::try_from_iter(columns).unwrap());
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    let mut check = async |counted: &str, condition: &str, expected: i64| {
        for column in ["d", "f"] {
            let statement = format!("SELECT {counted} FROM lake.odd WHERE {condition}").replace('x', column);
            let found: Option<i64> = client.query_first(&statement).await.unwrap();
            assert_eq!(found, Some(expected), "{statement}");
        }
    };
    check("COUNT(*)", "TRUE", 6).await;
    check("COUNT(x)", "TRUE", 3).await;
    check("SUM(x IS NULL)", "TRUE", 3).await;
    check("MAX(x) = 1.5", "TRUE", 1).await;
    check("MIN(x) = 0", "TRUE", 1).await;
    check("COUNT(DISTINCT x)", "TRUE", 2).await;
    check("SUM(x IN (0, 7, 8, 9))", "TRUE", 2).await;
    check("SUM(CONCAT(x) = '0')", "TRUE", 2).await;
    check("COUNT(*)", "x IS NULL", 3).await;
    check("COUNT(*)", "x = 0", 2).await;
    check("COUNT(*)", "x >= 0", 3).await;
    check("COUNT(*)", "x < 0", 0).await;
    check("COUNT(*)", "x IN (0, 7, 8, 9)", 2).await;
    check("COUNT(*)", "x NOT IN (7, 8, 9)", 3).await;
    check("COUNT(*)", "x IN (SELECT 0e0)", 2).await;
    server.stop().await;
}

/// Nested columns are JSON to whatever compares them, and times have six digits of a second.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_look_alike_are_alike() {
    let lake = Lake::new();
    let lists = [Some(vec![1, 2]), Some(vec![]), Some(vec![2]), None];
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(
        lists.map(|list| list.map(|items| items.into_iter().map(Some).collect::<Vec<_>>())),
    );
    let nanos = || vec![1_000_000_000_000, 1_000_000_000_001, 1_000_000_001_000, 1_000_000_000_999];
    let columns: [(&str, ArrayRef); 3] = [
        ("list", Arc::new(lists)),
        ("at", Arc::new(TimestampNanosecondArray::from(nanos()))),
        ("clock", Arc::new(Time64NanosecondArray::from(nanos()))),
    ];
    lake.table("lake", "alike", "location: alike\nformat: parquet\n")
        .parquet("alike/a.parquet", &RecordBatch::try_from_iter(columns).unwrap());
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    let mut check = async |selected: &str, expected: &str| {
        let statement = format!("SELECT CONCAT_WS(' ', {selected}) FROM lake.alike");
        let found: Option<String> = client.query_first(&statement).await.unwrap();
        assert_eq!(found.as_deref(), Some(expected), "{statement}");
    };
    check("SUM(list = '[1, 2]'), SUM(list = 'x'), SUM(list = CAST('[1, 2]' AS JSON))", "0 0 1").await;
    check("SUM(list IN ('a', 'b')), SUM(list > 1), SUM(list BETWEEN 'a' AND 'b')", "0 3 0").await;
    check("MIN(list), MAX(list), COUNT(DISTINCT list)", "[] [2] 3").await;
    check("COUNT(DISTINCT at), COUNT(DISTINCT clock), MIN(at)", "2 2 1970-01-01 00:16:40.000000").await;
    check(
        "SUM(at = '1970-01-01 00:16:40'), SUM(clock = '00:16:40'), SUM(at > '1970-01-01 00:16:40')",
        "3 3 1",
    )
    .await;
    let statement =
        "SELECT COUNT(*) FROM lake.alike WHERE at = '1970-01-01 00:16:40' AND clock <= '00:16:40'";
    assert_eq!(client.query_first::<i64, _>(statement).await.unwrap(), Some(3));
    let statement =
        "SELECT COUNT(*) FROM lake.alike a JOIN lake.alike b ON a.list = b.list WHERE a.at = b.at";
    assert_eq!(client.query_first::<i64, _>(statement).await.unwrap(), Some(3));
    let ordered: Vec<Option<String>> =
        client.query("SELECT list FROM lake.alike ORDER BY list DESC").await.unwrap();
    let ordered: Vec<_> = ordered.iter().map(Option::as_deref).collect();
    assert_eq!(ordered, [Some("[2]"), Some("[1, 2]"), Some("[]"), None]);
    server.stop().await;
}

async fn refusal(client: &mut Conn, statement: &str) -> String {
    match client.query_drop(statement).await {
        Err(mysql_async::Error::Server(error)) => error.message,
        other => panic!("an error of the server was due, not {other:?}"),
    }
}

/// A Parquet file without rows whose footer lists one column within the other.
fn nested_without_end(levels: usize) -> Vec<u8> {
    // Thrift's compact encoding: a field's distance and type, then its value; numbers are doubled, 0 ends.
    let group = [0x35, 0, 0x18, 1, b'a', 0x15, 2, 0];
    let leaf = [0x15, 2, 0x25, 0, 0x18, 1, b'a', 0];
    let mut footer = vec![0x15, 2, 0x19, 0xfc];
    let mut length = levels + 1;
    while length >= 0x80 {
        footer.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    footer.push(length as u8);
    footer.extend(group.repeat(levels));
    footer.extend(leaf);
    footer.extend([0x16, 0, 0x19, 0x0c, 0]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1", footer.as_slice(), &length, b"PAR1"].concat()
}
