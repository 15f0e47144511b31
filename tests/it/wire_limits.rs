//! Limits against strangers, against single users, and against clients that are silent or do not read.

use std::time::{Duration, Instant};

use lakefront::clock::Clock;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use mysql_common::constants::CapabilityFlags;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient};

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes too long")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_again_and_again_waits_and_others_do_not() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.failed_login_delay = "300ms".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let fail = async || {
        let begun = Instant::now();
        let told = RawClient::log_in(server.address, "mallory", "guess", Plugin::CachingSha2).await;
        assert!(matches!(told, Packet::Error(1045, _)), "{told:?}");
        begun.elapsed()
    };
    for _ in 0..3 {
        fail().await;
    }
    for at_least in [100, 200, 300, 300] {
        let waited = fail().await;
        assert!(waited >= Duration::from_millis(at_least), "{waited:?}");
    }
    // Who knows the password is answered at once, also from that address: nothing but failures is held back.
    let (mut held, nonce) = RawClient::greeted(server.address).await;
    let guess = crate::wire_client::answer(Plugin::CachingSha2, "guess", &nonce);
    held.send(&crate::wire_client::response(CAPABILITIES, "root", &guess, "", Plugin::CachingSha2)).await;
    let mut client = soon(server.connect()).await;
    assert_eq!(client.query_first("SELECT 1").await.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_cannot_take_every_place() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_connections = 10;
    config.max_unauthenticated_connections = Some(3);
    let server = TestServer::start_with(config, Clock::system()).await;
    // Those who have logged in do not count.
    let mut known = Vec::new();
    for _ in 0..4 {
        known.push(RawClient::connect(server.address, CAPABILITIES).await);
    }
    let mut strangers = Vec::new();
    for _ in 0..3 {
        strangers.push(RawClient::greeted(server.address).await);
    }
    let mut one_more = TcpStream::connect(server.address).await.unwrap();
    let mut told = Vec::new();
    soon(one_more.read_to_end(&mut told)).await.unwrap();
    assert_eq!(told[4..], *b"\xFF\x10\x04Too many connections");
    strangers.pop();
    soon(async { while Conn::new(server.options()).await.is_err() {} }).await;
    known[0].command(0x0E, b"").await;
    assert_eq!(soon(known[0].packet()).await, Packet::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_no_more_connections_than_may_be() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_user_connections = 2;
    let server = TestServer::start_with(config, Clock::system()).await;
    let mut first = server.connect().await;
    let second = server.connect().await;
    let error = Conn::new(server.options()).await.unwrap_err().to_string();
    assert!(error.contains("1203") && error.contains("User root already has more"), "{error}");
    // To become the same user again is no further connection.
    first.change_user(mysql_async::ChangeUserOpts::new()).await.unwrap();
    assert_eq!(first.query_first("SELECT @@max_user_connections").await.unwrap(), Some(2));
    second.disconnect().await.unwrap();
    soon(async { while Conn::new(server.options()).await.is_err() {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_a_connection() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut root = server.connect().await;
    root.query_drop("SET GLOBAL interactive_timeout = 1, GLOBAL wait_timeout = 1000").await.unwrap();
    let mut person =
        RawClient::connect(server.address, CAPABILITIES | CapabilityFlags::CLIENT_INTERACTIVE).await;
    let mut program = RawClient::connect(server.address, CAPABILITIES).await;
    assert!(matches!(soon(person.packet_of_silence()).await, Packet::Error(4031, _)));
    assert_eq!(soon(person.packet()).await, Packet::Closed);
    let timeout = soon(program.query("SELECT @@wait_timeout")).await;
    assert!(timeout.contains(&Packet::Other(b"\x041000".to_vec())), "{timeout:?}");
    assert_eq!(soon(program.query("SET wait_timeout = 1")).await, [Packet::Ok]);
    assert!(matches!(soon(program.packet_of_silence()).await, Packet::Error(4031, _)));
}

/// Fault 46: a client whose machine is gone sends no farewell, so the system asks it whether it is there.
#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_are_asked_whether_they_live() {
    const KEEPALIVE_TIMER: &str = "02:";
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let client = RawClient::connect(server.address, CAPABILITIES).await;
    let port = |port: u16| format!("0100007F:{port:04X}");
    let ends = [port(server.address.port()), port(client.stream.local_addr().unwrap().port())];
    let is_asked = || {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        sockets.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields[1..3] == ends && fields[5].starts_with(KEEPALIVE_TIMER)
        })
    };
    // Until the last answer is acknowledged, another timer runs.
    soon(async {
        while !is_asked() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_let_go() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut watcher = server.connect().await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    assert_eq!(soon(client.query("SET net_write_timeout = 1")).await, [Packet::Ok]);
    let endless = "SELECT REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b, lake.numbers c";
    client.command(0x03, endless.as_bytes()).await;
    // It reads nothing; the server stops the statement and forgets the connection. Nobody else notices.
    for running in [1, 0] {
        let count = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT REPEAT%'";
        soon(async { while watcher.query_first(count).await.unwrap() != Some(running) {} }).await;
    }
    let mut rest = Vec::new();
    let read = soon(client.stream.read_to_end(&mut rest)).await;
    assert!(read.is_err() || rest.len() < 100 << 20, "it was all sent");
}
