//! The Unix socket, and proxies that say whom they speak for.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use lakefront::clock::Clock;
use lakefront::config::Config;
use lakefront::server;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient, answer, response};

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes too long")
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_this_machine_use_a_socket() {
    let lake = fixture::lake();
    let path = lake.home().join("lakefront.sock");
    let mut config = lake.config();
    config.socket = Some(path.clone());
    config.socket_mode = serde_yaml::from_str("'0600'").unwrap();
    // A dead server left its file behind.
    drop(UnixListener::bind(&path).unwrap());
    let server = TestServer::start_with(config.clone(), Clock::system()).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let options = server.options().socket(Some(path.to_string_lossy().into_owned()));
    let mut client = Conn::new(options).await.unwrap();
    let sum: Option<i64> = client.query_first("SELECT SUM(n) FROM lake.numbers").await.unwrap();
    assert_eq!(sum, Some(499_500));
    let host: Option<(String, String, String)> = client
        .query_first(
            "SELECT host, USER(), @@socket FROM information_schema.processlist WHERE id = CONNECTION_ID()",
        )
        .await
        .unwrap();
    let expected = ("localhost".to_owned(), "root@localhost".to_owned(), path.to_string_lossy().into_owned());
    assert_eq!(host, Some(expected));

    // Somebody listens there: a second server does not take it away.
    let error = server::start(config, Clock::system()).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot listen on /") && error.contains("`socket`"), "{error}");
    assert!(path.exists());
    server.stop().await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_socket_is_left_alone() {
    let lake = fixture::lake();
    let path = lake.home().join("notes.txt");
    std::fs::write(&path, "mine").unwrap();
    let mut config = lake.config();
    config.socket = Some(path.clone());
    assert!(server::start(config, Clock::system()).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_counts_as_secure() {
    let lake = fixture::lake();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (lake.home().join("server.crt"), lake.home().join("server.key"));
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let path = lake.home().join("lakefront.sock");
    let check_interval = "10s".parse().unwrap();
    let config = Config {
        socket: Some(path.clone()),
        tls: Some(lakefront::config::Tls { certificate, key, required: true, check_interval }),
        ..lake.config()
    };
    let server = TestServer::start_with(config, Clock::system()).await;
    let stream = UnixStream::connect(&path).await.unwrap();
    let (client, nonce) = RawClient::greeted_on(stream).await;
    let mut client = client.enter(CAPABILITIES, &nonce).await;
    client.command(0x0E, b"").await;
    assert_eq!(soon(client.packet()).await, Packet::Ok);
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    let plugin = Plugin::CachingSha2;
    client.send(&response(CAPABILITIES, "root", &answer(plugin, "", &nonce), "", plugin)).await;
    assert!(matches!(soon(client.packet()).await, Packet::Error(3159, _)));
}

/// A server that takes this machine for a proxy.
async fn behind_a_proxy(lake: &crate::server::Lake, connect_timeout: &str) -> TestServer {
    let mut config = lake.config();
    config.proxy_protocol_from = vec!["127.0.0.0/8".parse().unwrap()];
    config.connect_timeout = connect_timeout.parse().unwrap();
    TestServer::start_with(config, Clock::system()).await
}

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

#[tokio::test(flavor = "multi_thread")]
async fn proxies_say_whom_they_speak_for() {
    let lake = fixture::lake();
    let server = behind_a_proxy(&lake, "60s").await;
    let own = "127.0.0.1:";
    for (header, expected) in [
        (&b"PROXY TCP4 127.0.0.9 127.0.0.1 4444 3306\r\n"[..], "127.0.0.9:4444"),
        (b"PROXY TCP6 ::1 ::1 4444 3306\r\n", "[::1]:4444"),
        (b"PROXY UNKNOWN\r\n", own),
        (
            &[V2, &[0x21, 0x11, 0, 12, 127, 0, 0, 8, 127, 0, 0, 1, 0x11, 0x5C, 0x0C, 0xEA]].concat(),
            "127.0.0.8:4444",
        ),
        (&[V2, &[0x20, 0, 0, 0]].concat(), own),
    ] {
        // In one segment and byte by byte.
        for size in [header.len(), 1] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            for part in header.chunks(size) {
                stream.write_all(part).await.unwrap();
            }
            let (client, nonce) = soon(RawClient::greeted_on(stream)).await;
            let mut client = client.enter(CAPABILITIES, &nonce).await;
            let sql = "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()";
            let result = soon(client.query(sql)).await;
            let Packet::Other(row) = &result[2] else { panic!("{result:?}") };
            let host = String::from_utf8_lossy(&row[1..]);
            assert!(host.starts_with(expected), "{host} instead of {expected}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_proxy_is_not_local() {
    let lake = fixture::lake();
    let server = behind_a_proxy(&lake, "60s").await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"PROXY TCP4 192.0.2.1 127.0.0.1 4444 3306\r\n").await.unwrap();
    let (mut client, nonce) = soon(RawClient::greeted_on(stream)).await;
    let plugin = Plugin::CachingSha2;
    client.send(&response(CAPABILITIES, "root", &answer(plugin, "", &nonce), "", plugin)).await;
    let told = soon(client.packet()).await;
    let Packet::Error(1045, text) = told else { panic!("{told:?}") };
    assert!(text.contains("'root'@'192.0.2.1'"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_missing_wrong_or_not_allowed() {
    let lake = fixture::lake();
    let server = behind_a_proxy(&lake, "500ms").await;
    let long = [b"PROXY TCP4 ", &[b'1'; 200][..]].concat();
    let huge = [V2, &[0x21, 0x11, 0xFF, 0xFF]].concat();
    for header in
        [&b""[..], b"PROXY", b"PROXY TCP4 nonsense\r\n", b"\x20\0\0\x01\x05\xA6\x0F\0", &long, &huge]
    {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(header).await.unwrap();
        let mut client = RawClient::resumed(stream, 0);
        assert!(matches!(soon(client.packet()).await, Packet::Error(1043, _)), "{header:?}");
        assert_eq!(soon(client.packet()).await, Packet::Closed);
    }

    // From everywhere else the header is no login.
    let server = TestServer::start(&lake).await;
    let (mut client, _) = RawClient::greeted(server.address).await;
    client.stream.write_all(b"PROXY TCP4 127.0.0.9 127.0.0.1 4444 3306\r\n").await.unwrap();
    assert!(matches!(soon(client.packet_after_garbage()).await, Packet::Error(1043, _)));
}
