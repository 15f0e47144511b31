//! Fault 48: conversations that went well, with a few bytes changed. Whatever comes of it, the server lives, and
//! serves the next client.

use std::time::{Duration, Instant};

use lakefront::clock::Clock;
use mysql_async::prelude::Queryable;
use mysql_common::constants::CapabilityFlags;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixture;
use crate::server::TestServer;
use crate::wire_client::{CAPABILITIES, Plugin, RawClient, answer, framed, response};

/// After so much time no further conversation is begun; a machine that is busy gets through fewer.
const TIME: Duration = Duration::from_secs(10);

/// What clients send after their login, one of each kind.
const COMMANDS: [&[u8]; 16] = [
    b"\x03SELECT 1, 'two', NULL; SELECT 3",
    b"\x03SELECT n FROM lake.numbers WHERE n < 3",
    b"\x03SET NAMES utf8mb4, @x = 1, autocommit = 0",
    b"\x02lake",
    b"\x04numbers\0n%",
    b"\x16SELECT ?, n FROM lake.numbers WHERE n = ? LIMIT 3",
    b"\x17\x01\0\0\0\x01\x01\0\0\0\0\x01\xFD\0\x08\0\x01a\x07\0\0\0\0\0\0\0",
    b"\x18\x01\0\0\0\0\0some long data",
    b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x0C\0\x0B\0\x0B\xEA\x07\x0B\x16\x0C\x22\x38\x01\0\0\0\x08\0\x01\0\0\0\x0C\0\0",
    b"\x1C\x01\0\0\0\x02\0\0\0",
    b"\x1A\x01\0\0\0",
    b"\x19\x01\0\0\0",
    b"\x11root\0\0lake\0\x2D\0caching_sha2_password\0",
    b"\x1B\0\0",
    b"\x1F",
    b"\x0E",
];

/// One change of a packet.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, u8),
    Repeat(Index, usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Set(at, value) => *at.get_mut(bytes) = *value,
            Self::Flip(at, bit) => *at.get_mut(bytes) ^= 1 << (bit % 8),
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Insert(at, value) => bytes.insert(at.index(bytes.len()), *value),
            Self::Repeat(at, length) => {
                let at = at.index(bytes.len());
                let part = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        (at(), any::<u8>()).prop_map(|(at, bit)| Change::Flip(at, bit)),
        at().prop_map(Change::Cut),
        (at(), any::<u8>()).prop_map(|(at, value)| Change::Insert(at, value)),
        (at(), 1_usize..9).prop_map(|(at, length)| Change::Repeat(at, length)),
    ]
}

/// A conversation: how the client logs in, and what it says then, with the changes of each packet.
#[derive(Clone, Debug)]
struct Conversation {
    native: bool,
    compression: Option<bool>,
    login: Vec<Change>,
    commands: Vec<(Index, Vec<Change>)>,
}

fn conversation() -> impl Strategy<Value = Conversation> {
    let changes = |most| prop::collection::vec(change(), 0..most);
    let commands = prop::collection::vec((any::<Index>(), changes(4)), 0..6);
    // Most logins are left as they are, so that something follows.
    let login = prop_oneof![3 => Just(Vec::new()), 1 => changes(4)];
    (any::<bool>(), any::<Option<bool>>(), login, commands).prop_map(
        |(native, compression, login, commands)| Conversation { native, compression, login, commands },
    )
}

#[test]
fn mutated_conversations_hurt_nobody() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lake = fixture::lake();
    let mut config = lake.config();
    config.connect_timeout = "2s".parse().unwrap();
    config.failed_login_delay = "0s".parse().unwrap();
    let server = runtime.block_on(TestServer::start_with(config, Clock::system()));

    let (cases, time) = match asked_for() {
        Some(cases) => (cases, Duration::MAX),
        None => (400, TIME),
    };
    let settings = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(settings, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let begun = Instant::now();
    let outcome = runner.run(&conversation(), |conversation| {
        if begun.elapsed() > time {
            return Ok(());
        }
        let judged = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(60), hold(&server, &conversation)).await
        });
        judged.map_err(|_| TestCaseError::fail("the server lets the client wait for ever"))
    });
    outcome.unwrap();
    let alive: Option<String> = runtime.block_on(async {
        let mut client = server.connect().await;
        client.query_first("SELECT 'alive'").await.unwrap()
    });
    assert_eq!(alive.as_deref(), Some("alive"));
}

/// How many conversations somebody asks for who has more time: `LAKEFRONT_CONVERSATIONS=1000000`.
#[expect(clippy::disallowed_methods, reason = "this variable steers the test, not the server")]
fn asked_for() -> Option<u32> {
    std::env::var("LAKEFRONT_CONVERSATIONS").ok()?.parse().ok()
}

/// Says all of it at once, and listens until the server has nothing more to say.
async fn hold(server: &TestServer, conversation: &Conversation) {
    let mut flags =
        CAPABILITIES | CapabilityFlags::CLIENT_MULTI_STATEMENTS | CapabilityFlags::CLIENT_SESSION_TRACK;
    match conversation.compression {
        Some(false) => flags |= CapabilityFlags::CLIENT_COMPRESS,
        Some(true) => flags |= CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM,
        None => {}
    }
    let (mut client, nonce) = RawClient::greeted(server.address).await;
    let plugin = if conversation.native { Plugin::Native } else { Plugin::CachingSha2 };
    let mut bytes = framed(1, &response(flags, "root", &answer(plugin, "", &nonce), "lake", plugin));
    conversation.login.iter().for_each(|change| change.apply(&mut bytes));
    for (command, changes) in &conversation.commands {
        let packet = framed(0, command.get::<&[u8]>(&COMMANDS));
        let mut packet = match conversation.compression {
            None => packet,
            Some(zstd) => compressed(&packet, zstd),
        };
        changes.iter().for_each(|change| change.apply(&mut packet));
        bytes.extend(packet);
    }
    // The server may close before it has read all.
    let _ = client.stream.write_all(&bytes).await;
    let _ = client.stream.shutdown().await;
    let _ = client.stream.read_to_end(&mut Vec::new()).await;
}

/// A frame around a packet; compressed, also where no client would do that to so few bytes.
fn compressed(plain: &[u8], zstd: bool) -> Vec<u8> {
    let content = if zstd {
        zstd::bulk::compress(plain, 3).unwrap()
    } else {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, plain).unwrap();
        encoder.finish().unwrap()
    };
    [&[content.len() as u8, 0, 0, 0, plain.len() as u8, 0, 0], &content[..]].concat()
}
