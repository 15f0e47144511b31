//! What packets tell beside their contents: what the server can, the session's status, warnings, and how a result ends
//! that cannot go on.

use std::time::Duration;

use lakefront::auth::Users;
use lakefront::clock::Clock;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use mysql_common::constants::{CapabilityFlags, StatusFlags};
use mysql_common::io::ParseBuf;
use mysql_common::packets::HandshakePacket;
use mysql_common::proto::MyDeserialize;

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Packet, Plugin, RawClient, answer, response};

/// Nothing here takes long; a test that waits for ever says so.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes too long")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_says_what_the_server_can() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let greeting = soon(RawClient::resumed(stream, 0).payload()).await.unwrap();
    let greeting = HandshakePacket::deserialize((), &mut ParseBuf(&greeting)).unwrap();

    // Clients take three numbers off the front, and choose their statements by them.
    let version: Vec<u32> =
        greeting.server_version_str().split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    assert!(version[..2] == [8, 0] && version.len() == 3, "{}", greeting.server_version_str());
    assert_eq!(greeting.status_flags(), StatusFlags::SERVER_STATUS_AUTOCOMMIT);
    assert_eq!(greeting.default_collation(), 45, "utf8mb4_general_ci");

    let told = greeting.capabilities();
    let due = CapabilityFlags::CLIENT_LONG_PASSWORD
        | CapabilityFlags::CLIENT_FOUND_ROWS
        | CapabilityFlags::CLIENT_LONG_FLAG
        | CapabilityFlags::CLIENT_CONNECT_WITH_DB
        | CapabilityFlags::CLIENT_ODBC
        | CapabilityFlags::CLIENT_IGNORE_SPACE
        | CapabilityFlags::CLIENT_PROTOCOL_41
        | CapabilityFlags::CLIENT_INTERACTIVE
        | CapabilityFlags::CLIENT_TRANSACTIONS
        | CapabilityFlags::CLIENT_SECURE_CONNECTION
        | CapabilityFlags::CLIENT_MULTI_STATEMENTS
        | CapabilityFlags::CLIENT_MULTI_RESULTS
        | CapabilityFlags::CLIENT_PS_MULTI_RESULTS
        | CapabilityFlags::CLIENT_PLUGIN_AUTH
        | CapabilityFlags::CLIENT_CONNECT_ATTRS
        | CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA
        | CapabilityFlags::CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS
        | CapabilityFlags::CLIENT_SESSION_TRACK
        | CapabilityFlags::CLIENT_DEPRECATE_EOF
        | CapabilityFlags::CLIENT_COMPRESS
        | CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM;
    // Neither files of clients nor what changes the form of packets that the server would not understand; and no TLS,
    // because there is no certificate.
    assert_eq!(told, due);
}

/// A client has what it asks for and what it was offered, not what it only asks for.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_offered_is_not_used() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let unoffered = CapabilityFlags::CLIENT_LOCAL_FILES
        | CapabilityFlags::CLIENT_OPTIONAL_RESULTSET_METADATA
        | CapabilityFlags::CLIENT_QUERY_ATTRIBUTES
        | CapabilityFlags::MULTI_FACTOR_AUTHENTICATION;
    let mut client = RawClient::connect(server.address, CAPABILITIES | unoffered).await;
    let result = soon(client.query("SELECT 1")).await;
    assert_eq!(result[0], Packet::Other(vec![1]));
    assert_eq!(result[2], Packet::Other(b"\x011".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_of_a_connection_are_told() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    let plugin = Plugin::CachingSha2;
    let flags = CAPABILITIES | CapabilityFlags::CLIENT_CONNECT_ATTRS;
    let mut login = response(flags, "root", &answer(plugin, "", &nonce), "", plugin);
    login.extend(b"\x1D\x0Cprogram_name\x07reports\x04_pid\x0242");
    client.send(&login).await;
    assert_eq!(soon(client.packet()).await, Packet::Ok);
    let mut other = server.connect().await;
    let attributes: Vec<(String, String)> = other
        .query(
            "SELECT attr_name, attr_value FROM performance_schema.session_connect_attrs \
             WHERE processlist_id IN (SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()) \
             ORDER BY ordinal_position",
        )
        .await
        .unwrap();
    let expected = [("_pid", "42"), ("program_name", "reports")];
    assert_eq!(attributes, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// The status flags and the warnings are in every OK and in every end of rows, in both forms of it.
#[tokio::test(flavor = "multi_thread")]
async fn status_and_warnings_are_in_every_answer() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let autocommit = StatusFlags::SERVER_STATUS_AUTOCOMMIT;
    let transaction = StatusFlags::SERVER_STATUS_IN_TRANS;
    let plain_strings = StatusFlags::SERVER_STATUS_NO_BACKSLASH_ESCAPES;
    for deprecates_eof in [true, false] {
        let mut flags = CAPABILITIES;
        flags.set(CapabilityFlags::CLIENT_DEPRECATE_EOF, deprecates_eof);
        let mut client = RawClient::connect(server.address, flags).await;
        for (statement, status, warnings) in [
            ("SELECT 1", autocommit, 0),
            ("SELECT 1 / 0", autocommit, 1),
            ("SELECT CAST('x' AS SIGNED), CAST('y' AS SIGNED)", autocommit, 2),
            ("START TRANSACTION", autocommit | transaction, 0),
            ("SELECT 1", autocommit | transaction, 0),
            ("COMMIT", autocommit, 0),
            ("SET autocommit = 0", StatusFlags::empty(), 0),
            ("SET autocommit = 1", autocommit, 0),
            ("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", autocommit | plain_strings, 0),
            ("SELECT '\\'", autocommit | plain_strings, 0),
        ] {
            client.command(3, statement.as_bytes()).await;
            let last = soon(last_payload(&mut client, deprecates_eof)).await;
            let number = |at: usize| u16::from_le_bytes([last[at], last[at + 1]]);
            // An end of rows of the old form has the warnings first.
            let told = if last.len() == 5 { (number(3), number(1)) } else { (number(3), number(5)) };
            assert_eq!(told, (status.bits(), warnings), "{statement} {deprecates_eof}: {last:?}");
        }
    }
}

/// The last packet of an answer.
async fn last_payload(client: &mut RawClient, deprecates_eof: bool) -> Vec<u8> {
    let first = client.payload().await.unwrap();
    let mut ends = match (first[0], deprecates_eof) {
        (0, _) => return first,
        (_, true) => 1,
        (_, false) => 2,
    };
    loop {
        let payload = client.payload().await.unwrap();
        ends -= usize::from(payload[0] == 0xFE);
        if ends == 0 {
            return payload;
        }
    }
}

/// What cannot go on ends with an error in the place of a row, whether the client reads or not; the connection goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_is_killed_ends_with_an_error() {
    let lake = fixture::lake();
    let server = TestServer::start(&lake).await;
    let mut client = RawClient::connect(server.address, CAPABILITIES).await;
    let mut other = server.connect().await;
    for _ in 0..2 {
        client.command(3, b"SELECT a.n, REPEAT('x', 1000) FROM lake.numbers a, lake.numbers b").await;
        for _ in 0..1_000 {
            assert!(matches!(soon(client.packet()).await, Packet::Other(_)));
        }
        let find = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT a.n, REPEAT%'";
        let id: u32 = soon(other.query_first(find)).await.unwrap().unwrap();
        soon(other.query_drop(format!("KILL QUERY {id}"))).await.unwrap();
        // Of what was on its way some is still to come.
        let mut rows = 0;
        let end = loop {
            match soon(client.packet()).await {
                Packet::Other(_) => rows += 1,
                end => break end,
            }
        };
        assert!(matches!(end, Packet::Error(1317, _)), "{end:?}");
        assert!(rows < 900_000, "{rows} rows after it was killed");
        assert_eq!(soon(client.query("SELECT 7")).await[2], Packet::Other(b"\x017".to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_kills_what_others_do() {
    let lake = fixture::lake();
    let path = lake.home().join("users.yaml");
    let mut users = Users::none();
    for name in ["ann", "bob", "root"] {
        users.add(name, "secret").unwrap();
    }
    users.write(&path).unwrap();
    let mut config = lake.config();
    config.users = Some(path);
    let server = TestServer::start_with(config, Clock::system()).await;
    let connect =
        async |name: &str| Conn::new(server.options().user(Some(name)).pass(Some("secret"))).await.unwrap();
    let (mut ann, mut also_ann, mut bob) = (connect("ann").await, connect("ann").await, connect("bob").await);
    for statement in [format!("KILL {}", ann.id()), format!("KILL QUERY {}", ann.id())] {
        let error = bob.query_drop(statement).await.unwrap_err().to_string();
        assert!(error.contains("1095"), "{error}");
    }
    assert_eq!(ann.query_first("SELECT 1").await.unwrap(), Some(1));
    // Her other connection may, and so may root.
    also_ann.query_drop(format!("KILL {}", ann.id())).await.unwrap();
    connect("root").await.query_drop(format!("KILL {}", bob.id())).await.unwrap();
    soon(async { while ann.ping().await.is_ok() || bob.ping().await.is_ok() {} }).await;
    assert_eq!(also_ann.query_first("SELECT 1").await.unwrap(), Some(1));
}
