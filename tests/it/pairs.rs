//! Constant SELECTs of public MySQL-family test suites and the values that MySQL answers. What differs, and why it
//! may, is in `tests/pairs_exceptions.txt`, by the number of the line in the suite.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use serde_json::Value as Json;

use crate::server::{Lake, TestServer};
use crate::shared;

#[tokio::test(flavor = "multi_thread")]
async fn values() {
    let Some(pairs) = shared::file("functions/pairs.jsonl") else { return };
    let lake = Lake::new();
    let server = TestServer::start(&lake).await;
    let mut connection = server.connect().await;

    let pairs = std::fs::read_to_string(pairs).unwrap();
    let mut differences = BTreeMap::new();
    for (index, line) in pairs.lines().enumerate() {
        let pair: Json = serde_json::from_str(line).unwrap();
        let (sql, expected) = (pair["sql"].as_str().unwrap(), pair["value"].as_str().unwrap());
        let first = answer(&mut connection, sql).await;
        // What was made of a text is used again.
        let found = answer(&mut connection, sql).await;
        assert_eq!(first, found, "{sql}");
        if found.as_deref() != Ok(expected) {
            let found = found.unwrap_or_else(|error| error);
            differences.insert((index + 1).to_string(), format!("{sql}\n    {found}\n    {expected}"));
        }
        if connection.ping().await.is_err() {
            connection = server.connect().await;
        }
    }
    println!("{} pairs, {} agree", pairs.lines().count(), pairs.lines().count() - differences.len());
    server.stop().await;
    shared::assert_only_exceptions("pairs_exceptions.txt", &differences);
}

/// The one row that a statement answers, its values joined by tabs; or the error's text.
async fn answer(connection: &mut Conn, sql: &str) -> Result<String, String> {
    let rows: Vec<Row> = connection.query(sql).await.map_err(|error| error.to_string())?;
    let [row] = <[Row; 1]>::try_from(rows).map_err(|rows| format!("{} rows", rows.len()))?;
    let values = row.unwrap().into_iter().map(|value| match value {
        Value::NULL => "NULL".to_owned(),
        Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => panic!("the text protocol sends texts, not {other:?}"),
    });
    Ok(values.collect::<Vec<_>>().join("\t"))
}
