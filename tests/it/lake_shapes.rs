//! Files that are whole and of unusual shape: very many columns, columns within columns within columns, numbers that
//! are none.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StructArray};
use arrow::datatypes::Field;
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
