//! Tableau's verification suite in its MySQL dialect: names, types and rows as a MariaDB server answered them.
//! What differs, and why it may, is in `tests/tableau_exceptions.txt`.

use std::collections::BTreeMap;

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row, Value};
use serde_json::Value as Json;

use crate::server::{Lake, TestServer};
use crate::shared;

#[tokio::test(flavor = "multi_thread")]
async fn statements() {
    let (Some(statements), Some(table)) =
        (shared::file("tableau/statements.json"), shared::file("tableau/calcs.parquet"))
    else {
        return;
    };
    let lake = Lake::new();
    lake.file("calcs/calcs.parquet", std::fs::read(table).unwrap());
    lake.table("tableau", "Calcs", "location: calcs\nformat: parquet\n");
    let server = TestServer::start(&lake).await;
    let mut connection = Conn::new(server.options().db_name(Some("tableau"))).await.unwrap();

    let statements: Vec<Json> = serde_json::from_slice(&std::fs::read(statements).unwrap()).unwrap();
    let mut differences = BTreeMap::new();
    for statement in &statements {
        if let Err(difference) = check(&mut connection, statement).await {
            let sql = statement["sql"].as_str().unwrap();
            differences
                .insert(statement["id"].as_str().unwrap().to_owned(), format!("{difference}\n    {sql}"));
        }
    }
    println!("{} statements", statements.len());
    server.stop().await;
    shared::assert_only_exceptions("tableau_exceptions.txt", &differences);
}

/// Runs one statement; the error says what differs.
async fn check(connection: &mut Conn, statement: &Json) -> Result<(), String> {
    let sql = statement["sql"].as_str().unwrap();
    let mut result = connection.query_iter(sql).await.map_err(|error| error.to_string())?;
    let columns = result.columns().unwrap_or_default();
    let mut rows: Vec<Row> = result.collect().await.map_err(|error| error.to_string())?;
    result.drop_result().await.map_err(|error| error.to_string())?;

    let expected_columns = statement["columns"].as_array().unwrap();
    let names: Vec<_> = columns.iter().map(|column| column.name_str().into_owned()).collect();
    let expected_names: Vec<_> =
        expected_columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
    if names != expected_names {
        return Err(format!("names {names:?}, not {expected_names:?}"));
    }
    let kinds: Vec<_> = columns.iter().map(|column| kind(column.column_type())).collect();
    let expected_kinds: Vec<_> =
        expected_columns.iter().map(|column| expected_kind(column["type"].as_str().unwrap())).collect();
    if kinds != expected_kinds {
        return Err(format!("types {kinds:?}, not {expected_kinds:?}"));
    }

    let mut expected: Vec<Vec<String>> = statement["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            row.as_array()
                .unwrap()
                .iter()
                .zip(&kinds)
                .map(|(value, kind)| expected_text(value, kind))
                .collect()
        })
        .collect();
    let mut found: Vec<Vec<String>> = rows
        .drain(..)
        .map(|row| row.unwrap().iter().zip(&kinds).map(|(value, kind)| text(value, kind)).collect())
        .collect();
    // The suite holds the rows sorted, those of its one statement with ORDER BY too.
    expected.sort();
    found.sort();
    if found == expected {
        return Ok(());
    }
    let first = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    Err(match first {
        Some((found, expected)) => format!("a row is {found:?}, not {expected:?}"),
        None => format!("{} rows, not {}", found.len(), expected.len()),
    })
}

/// What a type is to a client: the widths of integers and of strings are the server's choice.
fn kind(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_INT24
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_LONGLONG => "integer",
        ColumnType::MYSQL_TYPE_NEWDECIMAL => "decimal",
        ColumnType::MYSQL_TYPE_FLOAT | ColumnType::MYSQL_TYPE_DOUBLE => "double",
        ColumnType::MYSQL_TYPE_DATE => "date",
        ColumnType::MYSQL_TYPE_DATETIME | ColumnType::MYSQL_TYPE_TIMESTAMP => "datetime",
        ColumnType::MYSQL_TYPE_TIME => "time",
        ColumnType::MYSQL_TYPE_NULL => "null",
        _ => "string",
    }
}

fn expected_kind(name: &str) -> &'static str {
    match name {
        "LONG" | "LONGLONG" => "integer",
        "NEWDECIMAL" => "decimal",
        "DOUBLE" => "double",
        "DATE" => "date",
        "DATETIME" => "datetime",
        "TIME" => "time",
        "VAR_STRING" | "STRING" | "BLOB" => "string",
        other => panic!("the suite has no type {other}"),
    }
}

fn text(value: &Value, kind: &str) -> String {
    match value {
        Value::NULL => "NULL".into(),
        Value::Bytes(bytes) if kind == "double" => number(&String::from_utf8_lossy(bytes)),
        Value::Bytes(bytes) if kind == "datetime" || kind == "time" => {
            without_empty_fraction(&String::from_utf8_lossy(bytes))
        }
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("the text protocol sends texts, not {other:?}"),
    }
}

fn expected_text(value: &Json, kind: &str) -> String {
    match value {
        Json::Null => "NULL".into(),
        Json::String(text) if kind == "datetime" || kind == "time" => without_empty_fraction(text),
        Json::String(text) => text.clone(),
        other if kind == "double" => number(&other.to_string()),
        other => other.to_string(),
    }
}

/// How many fractional digits a DATETIME or TIME shows follows the file's type and the unit of a function's answer
/// (none, three or six), in the other server the declared precision: only the value counts.
fn without_empty_fraction(text: &str) -> String {
    match text.split_once('.') {
        Some((seconds, fraction)) => match fraction.trim_end_matches('0') {
            "" => seconds.to_owned(),
            digits => format!("{seconds}.{digits}"),
        },
        None => text.to_owned(),
    }
}

/// Doubles agree when fifteen digits do: the last ones depend on the order of additions.
fn number(text: &str) -> String {
    format!("{:.14e}", text.parse::<f64>().unwrap_or(f64::NAN))
}
