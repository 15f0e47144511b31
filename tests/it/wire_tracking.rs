//! Session tracking: what a client hears of its session's changes, and what a reset leaves.

use lakefront::clock::Clock;
use mysql_async::prelude::Queryable;
use mysql_common::constants::CapabilityFlags;

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Packet, RawClient};

const TRACKING: CapabilityFlags = CAPABILITIES.union(CapabilityFlags::CLIENT_SESSION_TRACK);

/// The changes that an OK tells, as `name=value`, `database` and `changed`.
fn changes(packet: Option<Vec<u8>>) -> Vec<String> {
    let packet = packet.unwrap();
    assert_eq!(packet[0], 0, "{packet:?}");
    // Header, two counts, the status flags and the warnings; short texts only, so lengths are bytes.
    let changed = packet[4] & 0x40 != 0;
    if !changed {
        return Vec::new();
    }
    let info = usize::from(packet[7]);
    let mut rest = &packet[8 + info..];
    assert_eq!(usize::from(rest[0]), rest.len() - 1, "{packet:?}");
    rest = &rest[1..];
    let mut told = Vec::new();
    while let [kind, length, more @ ..] = rest {
        let (content, after) = more.split_at(usize::from(*length));
        let mut texts = Vec::new();
        let mut left = content;
        while let [length, more @ ..] = left {
            let (text, after) = more.split_at(usize::from(*length));
            texts.push(String::from_utf8(text.to_vec()).unwrap());
            left = after;
        }
        told.push(match (kind, &texts[..]) {
            (0, [name, value]) => format!("{name}={value}"),
            (1, [database]) => format!("database {database}"),
            (2, [one]) if one == "1" => "changed".into(),
            other => panic!("{other:?}"),
        });
        rest = after;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_ask_hear_of_changes() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, TRACKING).await;
    let mut check = async |code: u8, body: &str, expected: &[&str]| {
        client.command(code, body.as_bytes()).await;
        assert_eq!(changes(client.payload().await), expected, "{body}");
    };
    check(3, "USE lake", &["database lake"]).await;
    check(2, "other", &["database other"]).await;
    check(3, "SET autocommit = 0", &["autocommit=OFF"]).await;
    check(3, "SET time_zone = '+02:00', sql_mode = 'ANSI_QUOTES'", &["time_zone=+02:00"]).await;
    let names = ["character_set_client", "character_set_connection", "character_set_results"]
        .map(|name| format!("{name}=utf8mb4"));
    check(3, "SET NAMES utf8mb4", &names.each_ref().map(String::as_str)).await;
    check(3, "SET @mine = 1", &[]).await;
    check(3, "DO 1", &[]).await;
    check(3, "SET session_track_system_variables = 'sql_mode,transaction_isolation'", &[]).await;
    check(3, "SET sql_mode = '', autocommit = 1", &["sql_mode="]).await;
    check(3, "SET tx_isolation = 'READ-COMMITTED'", &["transaction_isolation=READ-COMMITTED"]).await;
    check(3, "SET session_track_state_change = ON", &["changed"]).await;
    check(3, "SET @mine = 2", &["changed"]).await;
    check(3, "PREPARE p FROM 'SELECT 1'", &["changed"]).await;
    check(3, "DO 1", &[]).await;
    check(3, "SET session_track_schema = OFF", &["changed"]).await;
    check(3, "USE lake", &["changed"]).await;
    check(
        3,
        "SET session_track_system_variables = '*', wait_timeout = 9",
        &["session_track_system_variables=*", "wait_timeout=9", "changed"],
    )
    .await;
    // What fails changes nothing.
    client.command(3, b"SET wait_timeout = 10, no_such_variable = 1").await;
    assert!(matches!(client.packet().await, Packet::Error(1193, _)));
    client.command(0x0E, b"").await;
    assert_eq!(changes(client.payload().await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn others_do_not() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    for sql in ["USE lake", "SET autocommit = 0", "SET NAMES utf8mb4"] {
        assert_eq!(client.query(sql).await, [Packet::Ok], "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_leaves_nothing_but_the_database() {
    let lake = fixture::lake();
    let server = TestServer::start_with(lake.config(), Clock::system()).await;
    let mut client = server.connect().await;
    let state = "SELECT DATABASE(), @mine, @@autocommit, @@time_zone, @@sql_mode = @@global.sql_mode, \
                 @@character_set_results, @@max_execution_time, @@wait_timeout, ROW_COUNT(), FOUND_ROWS() >= 0, \
                 @@warning_count";
    client.query_drop("USE lake").await.unwrap();
    let fresh: mysql_async::Row = client.query_first(state).await.unwrap().unwrap();
    for sql in [
        "SET @mine = 1, autocommit = 0, time_zone = '+05:00', sql_mode = 'ANSI_QUOTES', max_execution_time = 5000, \
         wait_timeout = 77, character_set_results = NULL",
        "PREPARE p FROM 'SELECT 1'",
        "BEGIN",
        "SELECT 1/0",
    ] {
        client.query_drop(sql).await.unwrap();
    }
    let statement = client.prep("SELECT ?").await.unwrap();
    let (id, changed) = (statement.id(), client.query_first(state).await.unwrap());
    assert_ne!(changed.map(mysql_async::Row::unwrap), Some(fresh.clone().unwrap()));

    client.reset().await.unwrap();
    client.query_drop("DO 1").await.unwrap();
    let after: mysql_async::Row = client.query_first(state).await.unwrap().unwrap();
    assert_eq!(after.unwrap(), fresh.unwrap());
    let error = client.query_drop("EXECUTE p").await.unwrap_err().to_string();
    assert!(error.contains("1243"), "{error}");
    let error = client.exec_drop(&statement, (1,)).await.unwrap_err().to_string();
    assert!(error.contains("1243"), "statement {id}: {error}");
}
