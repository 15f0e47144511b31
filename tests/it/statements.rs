//! What BI tools and drivers send, statement by statement: each answers the columns, or fails with the error, that it
//! does on a MariaDB server, or on MySQL 8 where that has other columns, variables and errors
//! (`tests/data/statements_answers.json`, by the line of the suite). What differs is in
//! `tests/statements_exceptions.txt`, with the reason.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use serde_json::{Value as Json, json};

use crate::server::{Lake, TestServer};
use crate::shared;

/// The tables that lie beside the suite.
const TABLES: [&str; 3] = ["orders", "bi_events", "bi_category_dim"];

#[tokio::test(flavor = "multi_thread")]
async fn statements() {
    let Some(suite) = shared::file("clients/statements.sql") else { return };
    let lake = Lake::new();
    for table in TABLES {
        let Some(file) = shared::file(&format!("clients/{table}.parquet")) else { return };
        lake.file(&format!("{table}/part-0.parquet"), std::fs::read(file).unwrap());
        lake.table("lake", table, &format!("location: {table}\nformat: parquet\n"));
    }
    let server = TestServer::start(&lake).await;

    let text = std::fs::read_to_string(suite).unwrap();
    let statements = statements_of(&text);
    let expected: Json =
        serde_json::from_str(include_str!("../data/statements_answers.json")).expect("the answers are JSON");
    let mut differences = BTreeMap::new();
    for (line, sql) in &statements {
        // Each in a session of its own: what one sets is not what the next one's client has.
        let mut connection = Conn::new(server.options().db_name(Some("lake"))).await.unwrap();
        let answer = run(&mut connection, sql).await;
        let line = line.to_string();
        let expected =
            expected["MySQL 8, where it differs"].get(&line).unwrap_or(&expected["MariaDB 10.11"][&line]);
        if answer != *expected {
            differences.insert(line, format!("{answer}\n    {expected}\n    {sql}"));
        }
        connection.disconnect().await.unwrap();
    }
    println!("{} statements", statements.len());
    server.stop().await;
    shared::assert_only_exceptions("statements_exceptions.txt", &differences);
}

/// The names of the columns, `"ok"` where there are none, or the error's number.
async fn run(connection: &mut Conn, sql: &str) -> Json {
    match columns(connection, sql).await {
        Ok(columns) if columns.is_empty() => json!("ok"),
        Ok(columns) => json!(columns),
        Err(mysql_async::Error::Server(error)) => json!(error.code),
        Err(error) => json!(error.to_string()),
    }
}

async fn columns(connection: &mut Conn, sql: &str) -> Result<Vec<String>, mysql_async::Error> {
    let mut result = connection.query_iter(sql).await?;
    let names = result.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    result.collect::<Row>().await?;
    result.drop_result().await?;
    Ok(names)
}

/// The statements with the lines that they begin in; each ends with `;` at the end of a line.
fn statements_of(text: &str) -> Vec<(usize, String)> {
    let mut statements = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        if open.is_none() && (line.is_empty() || line.starts_with("-- ")) {
            continue;
        }
        let (begun, sql) = open.get_or_insert_with(|| (index + 1, String::new()));
        sql.push_str(line);
        match sql.strip_suffix(';') {
            Some(whole) => {
                statements.push((*begun, whole.to_owned()));
                open = None;
            }
            None => sql.push('\n'),
        }
    }
    statements
}
