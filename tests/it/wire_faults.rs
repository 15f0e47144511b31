//! Strangers and broken clients: faults 36 to 48 of `docs/faults.md` that no other test has. Whatever they do, the
//! server goes on, and others are served.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lakefront::auth::{Method, Nonce, Users};
use lakefront::clock::Clock;
use lakefront::config::Config;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use mysql_common::constants::CapabilityFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture;
use crate::server::{Program, TestServer, options};
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient, framed};

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), future).await.expect("it takes too long")
}

/// Fault 36: other protocols, a part of a packet, nothing at all.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_useful_is_told_so_in_time() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.connect_timeout = "500ms".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let hello = [&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[0; 194]].concat();
    for bytes in [
        &b""[..],
        b"\x01",
        b"\xFF\x00\x00\x01",
        b"GET / HTTP/1.1\r\nHost: lake\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        // PostgreSQL's start, and its question for TLS.
        b"\0\0\0\x29\0\x03\0\0user\0root\0database\0lake\0\0",
        b"\0\0\0\x08\x04\xD2\x16\x2F",
        &hello,
        &[0xFF; 100_000],
    ] {
        let begun = Instant::now();
        let (mut client, _) = RawClient::greeted(server.address).await;
        // It may be closed before all is sent.
        let _ = client.stream.write_all(bytes).await;
        let told = soon(client.packet_after_garbage()).await;
        assert!(matches!(told, Packet::Error(1043, _)), "{bytes:?}: {told:?}");
        let _ = soon(client.stream.read_to_end(&mut Vec::new())).await;
        assert!(begun.elapsed() < Duration::from_secs(30), "{bytes:?} took {:?}", begun.elapsed());
    }
}

/// Fault 37: logins that promise or hold what they must not.
#[tokio::test(flavor = "multi_thread")]
async fn logins_that_lie_about_their_lengths() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let fixed =
        |flags: CapabilityFlags| [&flags.bits().to_le_bytes()[..], &[0, 0, 0, 1, 45], &[0; 23]].concat();
    let lenenc = CAPABILITIES | CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA;
    let attributes = lenenc | CapabilityFlags::CLIENT_CONNECT_ATTRS;
    let plugin = b"caching_sha2_password\0";
    for (name, packet) in [
        ("a chain of 16 MiB", [&[0xFF, 0xFF, 0xFF, 1][..], &[b'x'; 70_000]].concat()),
        ("no NUL behind the name", framed(1, &[&fixed(CAPABILITIES)[..], b"root"].concat())),
        (
            "an answer longer than the packet",
            framed(1, &[&fixed(CAPABILITIES)[..], b"root\0\xFFabc"].concat()),
        ),
        (
            "a length of 2^64",
            framed(1, &[&fixed(lenenc)[..], b"root\0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"].concat()),
        ),
        ("a length that is NULL", framed(1, &[&fixed(lenenc)[..], b"root\0\xFB"].concat())),
        (
            "attributes past the end",
            framed(1, &[&fixed(attributes)[..], b"root\0\0lake\0", plugin, b"\xFC\xFF\xFF\x03abc"].concat()),
        ),
        (
            "an attribute past the attributes",
            framed(1, &[&fixed(attributes)[..], b"root\0\0lake\0", plugin, b"\x04\xFAabc"].concat()),
        ),
        ("the protocol of before 4.1", framed(1, b"\x05\0\0\0\x01root\0")),
        ("an empty packet", framed(1, b"")),
    ] {
        let (mut client, _) = RawClient::greeted(server.address).await;
        let _ = client.stream.write_all(&packet).await;
        let told = soon(client.packet_after_garbage()).await;
        assert!(matches!(told, Packet::Error(1043, _)), "{name}: {told:?}");
    }
    // Names may be long; there is just nobody of that name.
    for length in [33, 255, 60_000] {
        let told = RawClient::log_in(server.address, &"x".repeat(length), "y", Plugin::Native).await;
        assert!(matches!(told, Packet::Error(1045, _)), "{length}: {told:?}");
    }
}

/// Fault 39: a comparison that stops early, or casts its outcome, lets one of some hundred wrong passwords in.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_wrong_passwords() {
    let lake = fixture::lake();
    let users = lake.home().join("users.yaml");
    let mut all = Users::none();
    all.add("ann", "secret").unwrap();
    all.write(&users).unwrap();
    let config = Config { users: Some(users), failed_login_delay: "0s".parse().unwrap(), ..lake.config() };
    let server = TestServer::start_with(config, Clock::system()).await;
    for attempt in 0..1_000 {
        let plugin = if attempt % 2 == 0 { Plugin::CachingSha2 } else { Plugin::Native };
        let (user, password) = (["ann", "mallory"][attempt / 2 % 2], format!("guess {attempt}"));
        let told = RawClient::log_in(server.address, user, &password, plugin).await;
        let expected = format!("#28000Access denied for user '{user}'@'localhost' (using password: YES)");
        assert_eq!(told, Packet::Error(1045, expected));
    }
    assert_eq!(RawClient::log_in(server.address, "ann", "secret", Plugin::Native).await, Packet::Ok);
}

/// Fault 39: the time must not tell which users exist. Both are measured alternately, so that what else the
/// machine does hits both.
#[test]
fn unknown_users_take_as_long_as_wrong_passwords() {
    let mut users = Users::none();
    users.add("ann", "secret").unwrap();
    let nonce = Nonce::random();
    for (method, answer) in [(Method::CachingSha2, &[7; 32][..]), (Method::Native, &[7; 20])] {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..4_000 {
            let (times, user) = (&mut times[round % 2], ["ann", "mallory"][round % 2]);
            let begun = Instant::now();
            assert!(!std::hint::black_box(users.accept(user, method, answer, &nonce)));
            times.push(begun.elapsed());
        }
        let [known, unknown] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2].as_secs_f64()
        });
        let ratio = known / unknown;
        assert!((0.67..1.5).contains(&ratio), "{method:?}: known {known} s, unknown {unknown} s");
    }
}

/// Fault 41: packets without a byte, and statements at the edges of packets and of `max_allowed_packet`.
#[tokio::test(flavor = "multi_thread")]
async fn statements_of_every_length() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_allowed_packet = "20MiB".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    client.sequence = 0;
    client.send(b"").await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1835, _)));

    const EDGE: usize = 0xFF_FFFF;
    for length in [EDGE - 1, EDGE, EDGE + 1, 20 << 20] {
        let mut payload = b"\x03SELECT 7".to_vec();
        payload.resize(length, b' ');
        let parts: Vec<&[u8]> = payload.chunks(EDGE).collect();
        // A packet that is full is followed by another one, if need be an empty one.
        let parts = parts.into_iter().chain((length % EDGE == 0).then_some(&b""[..]));
        client.sequence = 0;
        for part in parts {
            client.send(part).await;
        }
        let result = soon(client.result()).await;
        assert_eq!(result.get(2), Some(&Packet::Other(b"\x017".to_vec())), "{length}: {:?}", result.first());
    }
    let mut payload = b"\x03SELECT 7".to_vec();
    payload.resize((20 << 20) + 1, b' ');
    // The server closes as soon as it knows; what is still being sent may be lost.
    let packets: Vec<u8> =
        payload.chunks(EDGE).zip(0..).flat_map(|(part, number)| framed(number, part)).collect();
    let _ = soon(client.stream.write_all(&packets)).await;
    let told = soon(client.packet_after_garbage()).await;
    assert!(matches!(told, Packet::Error(1153, _)), "{told:?}");
}

/// Fault 42: rows of more than 16 MiB are in `wire_protocol`; this is as many columns as MySQL has.
#[tokio::test(flavor = "multi_thread")]
async fn four_thousand_columns() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = server.connect().await;
    let columns: Vec<String> = (0..4096).map(|number| format!("{number} AS c{number}")).collect();
    let row: mysql_async::Row =
        soon(client.query_first(format!("SELECT {}", columns.join(", ")))).await.unwrap().unwrap();
    assert_eq!(row.len(), 4096);
    assert_eq!(row.get::<i64, _>(4095), Some(4095));
}

/// Fault 43: prepared statements at their limits.
#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements_at_their_limits() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_allowed_packet = "1MiB".parse().unwrap();
    let server = TestServer::start_with(config, Clock::system()).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    let many = |count: usize| format!("SELECT 1 IN (?{})", ", ?".repeat(count - 1));
    client.command(0x16, many(65_536).as_bytes()).await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1390, _)));

    // Long data that together is more than a packet may be: the execution is told, and the statement lives.
    client.command(0x16, b"SELECT LENGTH(?)").await;
    let prepared = soon(client.payload()).await.unwrap();
    let id = &prepared[1..5];
    assert_eq!(prepared[5..9], [1, 0, 1, 0]);
    for _ in 0..2 {
        soon(client.packet()).await;
    }
    for _ in 0..20 {
        client.command(0x18, &[id, &[0, 0], &[b'x'; 100_000][..]].concat()).await;
    }
    let execute = |rest: &[u8]| [id, &[0, 1, 0, 0, 0], rest].concat();
    client.command(0x17, &execute(b"\0\x01\xFD\0")).await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(1105, _)));
    client.command(0x17, &execute(b"\0\x01\xFD\0\x03abc")).await;
    assert!(matches!(soon(client.result()).await.last(), Some(Packet::End(_))));
    // For a parameter that is not there, and for a statement that is not there: no answer, and no harm.
    client.command(0x18, &[id, &[9, 9], &b"x"[..]].concat()).await;
    client.command(0x18, b"\x77\x77\0\0\0\0x").await;
    for (code, body) in
        [(0x17, &b"\x77\x77\0\0\0\x01\0\0\0"[..]), (0x1A, b"\x77\x77\0\0"), (0x1C, b"\x77\x77\0\0\x01\0\0\0")]
    {
        client.command(code, body).await;
        assert!(matches!(soon(client.packet()).await, Packet::Error(1243, _)), "{code}");
    }

    // As many statements as their texts may take; closing one makes room again.
    let text = format!("SELECT '{}'", "x".repeat(10_000));
    let mut last = None;
    let refused = soon(async {
        loop {
            client.command(0x16, text.as_bytes()).await;
            let packet = client.payload().await.unwrap();
            if packet[0] != 0 {
                return u16::from_le_bytes([packet[1], packet[2]]);
            }
            last = Some(packet[1..5].to_vec());
            client.packet().await;
        }
    })
    .await;
    assert_eq!(refused, 1461);
    client.command(0x19, &last.unwrap()).await;
    client.command(0x16, text.as_bytes()).await;
    assert_eq!(soon(client.payload()).await.unwrap()[0], 0);
}

/// Fault 45: far more connections than may be, all at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections() {
    let lake = fixture::lake();
    let mut config = lake.config();
    config.max_connections = 40;
    config.max_unauthenticated_connections = Some(20);
    let server = TestServer::start_with(config, Clock::system()).await;
    let mut known = server.connect().await;
    let mut flood = Vec::new();
    let (mut greeted, mut refused) = (0, 0);
    for _ in 0..300 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let mut header = [0; 5];
        soon(stream.read_exact(&mut header)).await.unwrap();
        *(if header[4] == 0xFF { &mut refused } else { &mut greeted }) += 1;
        flood.push(stream);
    }
    assert_eq!((greeted, refused), (20, 280));
    // Who is in is served, and so is the console.
    assert_eq!(known.query_first("SELECT 1").await.unwrap(), Some(1));
    let health = http(server.console, "/healthz");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    drop(flood);
    soon(async { while Conn::new(server.options()).await.is_err() {} }).await;
}

/// Fault 46: what an idle connection takes, before and after its login. A process of its own, so that nothing else
/// is measured.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_take_little_memory() {
    let count = 2_000.min(files_max() / 2 - 100);
    let lake = fixture::lake();
    let more = format!("max_connections: {}\nmax_unauthenticated_connections: {count}\n", 2 * count + 10);
    let program = Program::serve(&lake, &more);
    let mut known = Conn::new(options(program.address)).await.unwrap();
    known.query_drop("SELECT COUNT(*) FROM lake.numbers").await.unwrap();

    let empty = program.memory_kib();
    let mut strangers = Vec::new();
    for _ in 0..count / 2 {
        let (mut client, _) = soon(RawClient::greeted(program.address)).await;
        // A promise of 60 kB, of which one byte comes.
        client.stream.write_all(&[0x60, 0xEA, 0, 1, 0]).await.unwrap();
        strangers.push(client);
    }
    known.query_drop("DO 1").await.unwrap();
    let with_strangers = program.memory_kib();
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(soon(RawClient::connect(program.address, CAPABILITIES)).await);
    }
    let with_clients = program.memory_kib();
    let stranger = with_strangers.saturating_sub(empty) as f64 / (count / 2) as f64;
    let client = with_clients.saturating_sub(with_strangers) as f64 / count as f64;
    println!("{count} idle connections: {client:.1} KiB each; a stranger takes {stranger:.1} KiB");
    assert!(stranger < 64.0 && client < 64.0, "{stranger} {client}");
    for client in clients.iter_mut().step_by(100) {
        client.command(0x0E, b"").await;
        assert_eq!(soon(client.packet()).await, Packet::Ok);
    }
}

/// Fault 44: a client that stops reading in the middle of a gigabyte. (`wire_limits` has the time-out.)
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_costs_nothing() {
    let lake = fixture::lake();
    let program = Program::serve(&lake, "");
    let mut other = Conn::new(options(program.address)).await.unwrap();
    let large = "SELECT a.n, REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b";
    other.query_drop(format!("{large} LIMIT 1000")).await.unwrap();
    let before = program.memory_kib();
    let mut slow = RawClient::connect(program.address, CAPABILITIES).await;
    slow.command(0x03, large.as_bytes()).await;
    soon(slow.stream.read_exact(&mut vec![0; 4 << 20])).await.unwrap();
    for _ in 0..20 {
        let count: Option<u64> = soon(other.query_first("SELECT COUNT(*) FROM lake.numbers")).await.unwrap();
        assert_eq!(count, Some(1000));
    }
    let grown = program.memory_kib().saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB for an answer that nobody reads");
    // It goes on where it stopped.
    soon(slow.stream.read_exact(&mut vec![0; 4 << 20])).await.unwrap();
}

/// Fault 47: no file descriptors. The server waits for some without keeping a core busy, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn no_files_left() {
    let lake = fixture::lake();
    let program = Program::serve_by(&lake, "", &["prlimit", "--nofile=100"]);
    let mut known = Conn::new(options(program.address)).await.unwrap();
    known.query_drop("SELECT COUNT(*) FROM lake.numbers").await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..150 {
        waiting.push(TcpStream::connect(program.address).await.unwrap());
    }
    let before = program.busy();
    assert_eq!(soon(known.query_first("SELECT SLEEP(1)")).await.unwrap(), Some(0));
    let busy = program.busy() - before;
    assert!(busy < Duration::from_millis(500), "{busy:?} of one second");
    drop(waiting);
    soon(async { while Conn::new(options(program.address)).await.is_err() {} }).await;
    assert_eq!(known.query_first("SELECT COUNT(*) FROM lake.numbers").await.unwrap(), Some(1000));
}

/// Files that this process may have open.
fn files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}

/// The whole answer to a GET.
fn http(address: SocketAddr, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
