//! Temporary tables beyond what a script of SQL can show: the end of a session by its commands, and memory.

use mysql_async::prelude::Queryable;
use mysql_async::{ChangeUserOpts, Conn, Error};

use crate::fixture;
use crate::server::TestServer;

/// The error's number, or none.
async fn code(client: &mut Conn, sql: &str) -> Option<u16> {
    match client.query_drop(sql).await {
        Ok(()) => None,
        Err(Error::Server(error)) => Some(error.code),
        Err(other) => panic!("{sql}: {other}"),
    }
}

/// What a session has that ends with it: a table, a variable.
async fn begin(client: &mut Conn) {
    client.query_drop("USE lake").await.unwrap();
    client.query_drop("CREATE TEMPORARY TABLE kept (a INT)").await.unwrap();
    client.query_drop("INSERT INTO kept VALUES (1), (2)").await.unwrap();
    client.query_drop("SELECT @kept := COUNT(*) FROM kept").await.unwrap();
    let kept: Option<(i64, i64)> = client.query_first("SELECT @kept, COUNT(*) FROM kept").await.unwrap();
    assert_eq!(kept, Some((2, 2)));
}

async fn assert_nothing_is_kept(client: &mut Conn) {
    client.query_drop("USE lake").await.unwrap();
    assert_eq!(code(client, "SELECT * FROM kept").await, Some(1146));
    let variable: Option<Option<i64>> = client.query_first("SELECT @kept").await.unwrap();
    assert_eq!(variable, Some(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_reset_or_changes_its_user_has_none() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;

    begin(&mut client).await;
    assert!(client.reset().await.unwrap(), "the server knows the command");
    assert_nothing_is_kept(&mut client).await;

    begin(&mut client).await;
    client.change_user(ChangeUserOpts::default()).await.unwrap();
    assert_nothing_is_kept(&mut client).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_too_large_is_full_and_keeps_what_it_has() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.memory = "40MiB".parse().unwrap();
    let server = TestServer::start_with(config, lakefront::clock::Clock::system()).await;
    let mut client = server.connect().await;
    client.query_drop("CREATE TEMPORARY TABLE lake.large (text LONGTEXT)").await.unwrap();

    let insert = "INSERT INTO lake.large VALUES (REPEAT('x', 1000000))";
    let mut rows = 0;
    let full = loop {
        match code(&mut client, insert).await {
            None => rows += 1,
            Some(code) => break code,
        }
        assert!(rows < 50, "the table holds more than the memory");
    };
    assert_eq!(full, 1114);
    let held: Option<(i64, i64)> =
        client.query_first("SELECT COUNT(*), SUM(LENGTH(text)) FROM lake.large").await.unwrap();
    assert_eq!(held, Some((rows, rows * 1_000_000)));

    // What one session gives back another one can have.
    let mut other = server.connect().await;
    other.query_drop("CREATE TEMPORARY TABLE lake.large (text LONGTEXT)").await.unwrap();
    let mut few = 0;
    while code(&mut other, insert).await.is_none() {
        few += 1;
        assert!(few < rows / 2, "two tables hold more than the memory");
    }
    client.query_drop("DROP TABLE lake.large").await.unwrap();
    assert_eq!(code(&mut other, insert).await, None);
    server.stop().await;
}
