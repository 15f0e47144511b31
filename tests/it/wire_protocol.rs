//! The protocol byte by byte: packets, capabilities, commands, and what happens to those who do not keep to them.

use std::time::Duration;

use lakefront::clock::Clock;
use mysql_async::prelude::Queryable;
use mysql_common::constants::CapabilityFlags;
use tokio::io::AsyncWriteExt;

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient, answer, framed, response};

/// The status flag of every packet while `autocommit` is on.
const AUTOCOMMIT: u16 = 2;
const MORE_RESULTS: u16 = 8;
const CURSOR: u16 = 0x40;
const LAST_ROW: u16 = 0x80;

/// Nothing here takes long; a test that waits for ever says so.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes too long")
}

fn row(text: &str) -> Packet {
    Packet::Other([&[text.len() as u8], text.as_bytes()].concat())
}

/// The rows of a result of one column.
fn rows(result: &[Packet]) -> Vec<&Packet> {
    result[2..].iter().filter(|packet| matches!(packet, Packet::Other(_))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_to_end_columns_and_rows() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    let result = soon(client.query("SELECT 1 AS one")).await;
    assert_eq!(result[0], Packet::Other(vec![1]));
    assert_eq!(result[2..], [row("1"), Packet::End(AUTOCOMMIT)]);

    let classic = CAPABILITIES.difference(CapabilityFlags::CLIENT_DEPRECATE_EOF);
    let mut client = RawClient::connect(server.address, classic).await;
    let result = soon(client.query("SELECT 1 AS one")).await;
    assert_eq!(result[0], Packet::Other(vec![1]));
    assert_eq!(result[2..], [Packet::End(AUTOCOMMIT), row("1"), Packet::End(AUTOCOMMIT)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_of_one_byte_and_many_packets_in_one() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    let plugin = Plugin::CachingSha2;
    let login = framed(1, &response(CAPABILITIES, "root", &answer(plugin, "", &nonce), "lake", plugin));
    let query = framed(0, b"\x03SELECT MAX(n) FROM numbers");
    for byte in [&login[..], &query].concat() {
        client.stream.write_all(&[byte]).await.unwrap();
    }
    client.sequence = 2;
    assert_eq!(soon(client.packet()).await, Packet::Ok);
    client.sequence = 1;
    assert_eq!(rows(&soon(client.result()).await), [&row("999")]);

    // A client that does not wait for answers.
    let ping = framed(0, b"\x0E");
    let joined = [&query[..], &ping, &framed(0, b"\x03SELECT 2"), &framed(0, b"\x03SELEC"), &query].concat();
    client.stream.write_all(&joined).await.unwrap();
    for expected in ["999", "", "2", "error", "999"] {
        client.sequence = 1;
        match &soon(client.result()).await[..] {
            [Packet::Ok] => assert_eq!(expected, ""),
            [Packet::Error(1064, _)] => assert_eq!(expected, "error"),
            result => assert_eq!(rows(result), [&row(expected)]),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_statements_in_one_query() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let several = CAPABILITIES.union(CapabilityFlags::CLIENT_MULTI_STATEMENTS);
    let mut client = RawClient::connect(server.address, several).await;
    let first = soon(client.query("SELECT 1; SET @x = ';'; SELECT 'a;b' ; ;")).await;
    assert_eq!(first[2..], [row("1"), Packet::End(AUTOCOMMIT | MORE_RESULTS)]);
    assert_eq!(soon(client.result()).await, [Packet::Ok]);
    let third = soon(client.result()).await;
    assert_eq!(third[2..], [row("a;b"), Packet::End(AUTOCOMMIT)]);

    // After an error nothing follows, and the next command is answered.
    soon(client.query("SELECT 1; SELECT nothing; SELECT 3")).await;
    let second = soon(client.result()).await;
    assert!(matches!(second[..], [Packet::Error(1054, _)]), "{second:?}");
    client.command(0x0E, b"").await;
    assert_eq!(soon(client.packet()).await, Packet::Ok);

    // Who has not asked for it must not get it: a second statement may be somebody's injection.
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    let result = soon(client.query("SELECT 1; SELECT 2")).await;
    assert!(matches!(result[..], [Packet::Error(1064, _)]), "{result:?}");
    client.command(0x1B, &[0, 0]).await;
    assert_eq!(soon(client.packet()).await, Packet::End(AUTOCOMMIT));
    assert_eq!(
        soon(client.query("SELECT 1; SELECT 2")).await.last(),
        Some(&Packet::End(AUTOCOMMIT | MORE_RESULTS))
    );
    assert_eq!(rows(&soon(client.result()).await), [&row("2")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_sixteen_mebibytes_and_more() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    // With its length in front, the second fills a packet to the last byte: an empty one must follow it.
    for length in [0xFF_FFFF - 5, 0xFF_FFFF - 4, 0xFF_FFFF - 3, 1 << 24, 40 << 20] {
        let result = soon(client.query(&format!("SELECT REPEAT('x', {length})"))).await;
        let [_, _, Packet::Other(row), Packet::End(_)] = &result[..] else {
            panic!("{length}: {:?}", result.len())
        };
        assert_eq!(row.iter().filter(|byte| **byte == b'x').count(), length);
        let prefix = if length < 1 << 24 { 4 } else { 9 };
        assert_eq!(row.len(), length + prefix);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_are_not_statements() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    for code in 0..=255 {
        // Those that are tested elsewhere, and the one that says goodbye.
        if matches!(code, 0x01..=0x04 | 0x09 | 0x0A | 0x0C | 0x0E | 0x11 | 0x16..=0x1C | 0x1F) {
            continue;
        }
        client.command(code, b"").await;
        assert_eq!(
            soon(client.packet()).await,
            Packet::Error(1047, "#08S01Unknown command".into()),
            "{code}"
        );
    }
    client.command(0x02, b"lake").await;
    assert_eq!(soon(client.packet()).await, Packet::Ok);
    assert_eq!(rows(&soon(client.query("SELECT DATABASE()")).await), [&row("lake")]);
    client.command(0x02, b"nowhere").await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1049, _)));
    client.command(0x09, b"").await;
    let Packet::Other(line) = soon(client.packet()).await else { panic!("statistics are a line of text") };
    assert!(line.starts_with(b"Uptime: "), "{}", String::from_utf8_lossy(&line));
    client.command(0x04, b"numbers\0").await;
    let columns: Vec<_> = [soon(client.packet()).await, soon(client.packet()).await].into();
    assert!(columns.iter().all(|packet| matches!(packet, Packet::Other(_))), "{columns:?}");
    assert_eq!(soon(client.packet()).await, Packet::End(AUTOCOMMIT));
    client.command(0x04, b"nothing\0").await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1146, _)));
    client.command(0x0A, b"").await;
    let processes = soon(client.result()).await;
    assert_eq!((&processes[0], processes.len()), (&Packet::Other(vec![8]), 11));
    let mut other = server.connect().await;
    client.command(0x0C, &other.id().to_le_bytes()).await;
    assert_eq!(soon(client.packet()).await, Packet::Ok);
    soon(async { while other.ping().await.is_ok() {} }).await;
    client.command(0x0C, &[0xFF; 4]).await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1094, _)));

    assert_eq!(soon(client.query("SET @x = 1")).await, [Packet::Ok]);
    client.command(0x1F, b"").await;
    assert_eq!(soon(client.packet()).await, Packet::Ok);
    assert_eq!(rows(&soon(client.query("SELECT @x")).await), [&Packet::Other(vec![0xFB])]);
    client.command(0x01, b"").await;
    assert_eq!(soon(client.packet()).await, Packet::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;

    client.command(0x16, b"SELECT n FROM lake.numbers WHERE n < ? ORDER BY n").await;
    let Some(prepared) = soon(client.payload()).await else { panic!("no answer") };
    let id = &prepared[1..5];
    assert_eq!(prepared[5..], [1, 0, 1, 0, 0, 0, 0], "one column, one parameter, no warnings");
    for _ in 0..2 {
        assert!(matches!(soon(client.packet()).await, Packet::Other(_)));
    }

    // The type is told once, then only the value.
    let execute = |flags: u8, rest: &[u8]| [id, &[flags, 1, 0, 0, 0], rest].concat();
    client.command(0x17, &execute(0, b"\0\x01\x01\0\x02")).await;
    let result = soon(client.result()).await;
    assert_eq!(rows(&result).len(), 2, "{result:?}");
    client.command(0x17, &execute(0, b"\0\0\x03")).await;
    let result = soon(client.result()).await;
    let third = Packet::Other([&[0, 0][..], &2_i64.to_le_bytes()].concat());
    assert_eq!(rows(&result).last(), Some(&&third));

    // A cursor gives rows by and by, and tells when there are no more.
    client.command(0x17, &execute(1, b"\0\0\x05")).await;
    let opened = soon(client.result()).await;
    assert_eq!(opened.last(), Some(&Packet::End(AUTOCOMMIT | CURSOR)));
    let mut fetched = 0;
    loop {
        client.command(0x1C, &[id, &2_u32.to_le_bytes()].concat()).await;
        let result = soon(client.result()).await;
        fetched += result.len() - 1;
        match result.last() {
            Some(Packet::End(flags)) if *flags == AUTOCOMMIT | LAST_ROW => break,
            Some(Packet::End(flags)) => assert_eq!(*flags, AUTOCOMMIT | CURSOR),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fetched, 5);
    client.command(0x1C, &[id, &2_u32.to_le_bytes()].concat()).await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1421, _)));

    // A value that is sent ahead in pieces; it has no answer.
    client.command(0x18, &[id, b"\0\0", b"1"].concat()).await;
    client.command(0x18, &[id, b"\0\0", b"2"].concat()).await;
    client.command(0x17, &execute(0, b"\0\x01\xFD\0")).await;
    assert_eq!(rows(&soon(client.result()).await).len(), 12);
    client.command(0x1A, id).await;
    assert_eq!(soon(client.packet()).await, Packet::Ok);

    // Bodies that lie.
    for body in
        [&b""[..], b"\0", b"\0\x01", b"\0\x01\x01", b"\0\x01\xFE\0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"]
    {
        client.command(0x17, &execute(0, body)).await;
        let packet = soon(client.packet()).await;
        assert!(matches!(packet, Packet::Error(1835 | 1210, _)), "{body:?}: {packet:?}");
    }
    client.command(0x19, id).await;
    client.command(0x17, &execute(0, b"\0\0\x03")).await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1243, _)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_breaks_the_rules_is_told_and_shut_out() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_allowed_packet = "1MiB".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    // Before the login: no response, somebody else's protocol, too much, a name without an end, TLS that is not offered.
    let long = framed(1, &[b'x'; 70_000]);
    let endless = framed(1, &response(CAPABILITIES, "root", b"", "", Plugin::CachingSha2)[..34]);
    let tls = framed(1, &[&0x0000_0A00_u32.to_le_bytes()[..], &[0; 28]].concat());
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\0\x01",
        b"\0\0\0\x08\x04\xD2\x16\x2F",
        &long,
        &endless,
        &tls,
    ] {
        let (mut client, _) = RawClient::greeted(server.address).await;
        client.stream.write_all(bytes).await.unwrap();
        let mut header = [0; 4];
        soon(client.stream.peek(&mut header)).await.unwrap();
        client.sequence = header[3];
        let packet = soon(client.packet()).await;
        assert!(matches!(packet, Packet::Error(1043, _)), "{packet:?}");
        assert_eq!(soon(client.packet()).await, Packet::Closed);
    }

    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    client.stream.write_all(&framed(5, b"\x0E")).await.unwrap();
    client.sequence = 1;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1156, _)));
    assert_eq!(soon(client.packet()).await, Packet::Closed);

    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    client.command(0x03, &vec![b' '; 2 << 20]).await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1153, _)));
    assert_eq!(soon(client.packet()).await, Packet::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_than_may_be() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_connections = 2;
    let server = TestServer::start_with(config, Clock::system()).await;
    let first = RawClient::connect(server.address, CAPABILITIES).await;
    let _second = RawClient::connect(server.address, CAPABILITIES).await;
    let mut third = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let mut told = Vec::new();
    soon(tokio::io::AsyncReadExt::read_to_end(&mut third, &mut told)).await.unwrap();
    assert_eq!(told[4..], *b"\xFF\x10\x04Too many connections");
    drop(first);
    // The place is free as soon as the server has seen the goodbye.
    soon(async {
        while mysql_async::Conn::new(server.options()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_waiting_for_a_login() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.connect_timeout = "200ms".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let (mut client, _) = RawClient::greeted(server.address).await;
    client.stream.write_all(&[1]).await.unwrap();
    assert!(matches!(soon(client.packet()).await, Packet::Error(1043, _)));
    assert_eq!(soon(client.packet()).await, Packet::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_vanished_clients_stop_their_statements() {
    const ENDLESS: &str = "SELECT SUM(a.n * b.n * c.n + d.n) FROM lake.numbers a, lake.numbers b, lake.numbers c, lake.numbers d";
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut watcher = server.connect().await;
    let running = async |watcher: &mut mysql_async::Conn| -> Vec<u32> {
        let rows: Vec<(u32, Option<String>)> =
            watcher.query("SELECT id, info FROM information_schema.processlist").await.unwrap();
        rows.into_iter().filter(|(_, info)| info.as_deref() == Some(ENDLESS)).map(|(id, _)| id).collect()
    };
    let started = async |watcher: &mut mysql_async::Conn| {
        soon(async {
            loop {
                if let [id] = running(watcher).await[..] {
                    return id;
                }
            }
        })
        .await
    };

    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    client.command(0x03, ENDLESS.as_bytes()).await;
    let id = started(&mut watcher).await;
    watcher.query_drop(format!("KILL QUERY {id}")).await.unwrap();
    assert!(matches!(soon(client.packet()).await, Packet::Error(1317, _)));
    assert_eq!(rows(&soon(client.query("SELECT 1")).await), [&row("1")]);

    client.command(0x03, ENDLESS.as_bytes()).await;
    let id = started(&mut watcher).await;
    watcher.query_drop(format!("KILL {id}")).await.unwrap();
    assert!(matches!(soon(client.packet()).await, Packet::Error(1317, _)));
    assert_eq!(soon(client.packet()).await, Packet::Closed);

    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    client.command(0x03, ENDLESS.as_bytes()).await;
    started(&mut watcher).await;
    drop(client);
    soon(async { while !running(&mut watcher).await.is_empty() {} }).await;
}
