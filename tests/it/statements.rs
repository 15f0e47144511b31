//! What BI tools and drivers send, statement by statement: none may fail in another way than MySQL fails.
//!
//! The suite names tables that nobody described; a statement about them must say that they do not exist. What
//! fails otherwise, and why it should, is in `tests/statements_exceptions.txt`.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

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
    let mut differences = BTreeMap::new();
    for (line, sql) in &statements {
        // Each in a session of its own: what one sets is not what the next one's client has.
        let mut connection = Conn::new(server.options().db_name(Some("lake"))).await.unwrap();
        if let Err(error) = run(&mut connection, sql).await
            && !is_about_another_table(&error)
        {
            differences.insert(line.to_string(), format!("{error}\n    {sql}"));
        }
        connection.disconnect().await.unwrap();
    }
    println!("{} statements", statements.len());
    server.stop().await;
    shared::assert_only_exceptions("statements_exceptions.txt", &differences);
}

async fn run(connection: &mut Conn, sql: &str) -> Result<(), mysql_async::Error> {
    let mut result = connection.query_iter(sql).await?;
    result.collect::<Row>().await?;
    result.drop_result().await
}

/// Whether the error is that a table is not there which indeed is not.
fn is_about_another_table(error: &mysql_async::Error) -> bool {
    match error {
        mysql_async::Error::Server(error) if error.code == 1146 => {
            !TABLES.iter().any(|table| error.message.contains(&format!(".{table}'")))
        }
        mysql_async::Error::Server(error) if error.code == 1049 => !error.message.contains("'lake'"),
        _ => false,
    }
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
