//! Every parser of clients' bytes as a function of bytes, for tests and fuzzers: whatever the bytes are, it answers or
//! refuses, and what it answers holds together. There is nothing of it in a server.
//!
//! It must not know where the bytes come from; `docs/fuzzing.md` does.

use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use mysql_common::constants::CapabilityFlags;
use tokio::io::{AsyncRead, ReadBuf};

use super::command::Command;
use super::compression::Algorithm;
use super::handshake::{self, CAPABILITIES, Request};
use super::packet::{PacketReader, PacketWriter};
use super::reply::Replies;
use super::statement::Statements;
use super::{parameter, proxy};
use crate::auth::{Nonce, Users};
use crate::engine::dialect::{self, Mode};
use crate::engine::functions::charset::Set;
use crate::engine::session::Prepared;

/// Reads bytes, and panics when something does not hold.
pub type Parser = fn(&[u8]);

/// All of them, by the names of the fuzzers' targets.
pub const PARSERS: [(&str, Parser); 9] = [
    ("proxies", proxies),
    ("packets", packets),
    ("frames", frames),
    ("tls_requests", tls_requests),
    ("logins", logins),
    ("proofs", proofs),
    ("commands", commands),
    ("prepared", prepared),
    ("texts", texts),
];

/// Largest payload here. Bytes of tests and fuzzers are few.
const PAYLOAD_BYTES_MAX: usize = 1_000;

/// The PROXY protocol's header: it is there as soon as all of it is, and what follows does not change it.
pub fn proxies(bytes: &[u8]) {
    let Ok(Some(header)) = proxy::parse(bytes) else { return };
    assert!(matches!(proxy::parse(&bytes[..header.length]), Ok(Some(same)) if same == header));
    for length in 0..header.length {
        assert!(matches!(proxy::parse(&bytes[..length]), Ok(None)), "{length} bytes are enough");
    }
}

/// Packets, which come in segments of the length that the first byte tells.
pub fn packets(bytes: &[u8]) {
    let Some((&segment, bytes)) = bytes.split_first() else { return };
    read_alike(bytes, segment, None);
}

/// Compressed frames, by the algorithm that the first byte tells, in segments of the length that the second tells.
pub fn frames(bytes: &[u8]) {
    let Some((&[zstd, segment], bytes)) = bytes.split_first_chunk() else { return };
    read_alike(bytes, segment, Some(if zstd & 1 == 0 { Algorithm::Zlib } else { Algorithm::Zstd(3) }));
}

/// Segments make no difference, and what was read is read again when it is written.
fn read_alike(bytes: &[u8], segment: u8, compression: Option<Algorithm>) {
    let (payloads, end) = read(bytes, usize::MAX, compression);
    let (same_payloads, same_end) = read(bytes, usize::from(segment) + 1, compression);
    assert_eq!((&payloads, end), (&same_payloads, same_end));
    let mut written = Vec::new();
    wait(async {
        let mut writer = PacketWriter::new(&mut written, Duration::from_secs(1));
        compression.into_iter().for_each(|algorithm| writer.compress(algorithm));
        for payload in &payloads {
            writer.start(0);
            writer.packet(|out| out.extend_from_slice(payload));
            writer.flush().await.expect("a vector takes everything");
        }
    });
    assert_eq!(read(&written, usize::MAX, compression), (payloads, "end".to_owned()));
}

/// All payloads up to the end or the first error. Each begins a command.
fn read(bytes: &[u8], segment: usize, compression: Option<Algorithm>) -> (Vec<Bytes>, String) {
    wait(async {
        let mut reader = PacketReader::new(Segments { bytes, length: segment }, PAYLOAD_BYTES_MAX);
        compression.into_iter().for_each(|algorithm| reader.compress(algorithm));
        let mut payloads = Vec::new();
        loop {
            reader.expect(0);
            match reader.next().await {
                Ok(Some(payload)) => {
                    assert!(payload.len() <= PAYLOAD_BYTES_MAX);
                    payloads.push(payload);
                }
                Ok(None) => return (payloads, "end".to_owned()),
                Err(error) => return (payloads, format!("{error:?}")),
            }
        }
    })
}

/// What a client sends first, where there is a certificate: behind the request for TLS nothing is a packet.
pub fn tls_requests(bytes: &[u8]) {
    wait(async {
        let mut reader = PacketReader::new(bytes, PAYLOAD_BYTES_MAX);
        reader.expect(1);
        let Ok(Some(payload)) = reader.next().await else { return };
        if handshake::asks_for_tls(&payload) {
            assert!(bytes[4 + payload.len()..].starts_with(&reader.take_ahead()));
        }
    });
}

/// The payload of a handshake response.
pub fn logins(bytes: &[u8]) {
    let payload = Bytes::copy_from_slice(bytes);
    let offered = CAPABILITIES | CapabilityFlags::CLIENT_SSL;
    let Ok((capabilities, request)) = Request::parse_response(&payload, offered) else { return };
    assert!(offered.contains(capabilities));
    // Each byte that is no text becomes a character of three.
    let told = request.user.len() + request.database.len();
    let pairs = request.attributes.iter().map(|(name, value)| name.len() + value.len());
    assert!(told + pairs.sum::<usize>() <= 3 * bytes.len());
}

/// A whole login in packets, after a byte that tells whether others can listen. Nobody has the password.
pub fn proofs(bytes: &[u8]) {
    static USERS: LazyLock<Users> = LazyLock::new(|| {
        let mut users = Users::none();
        users.add("ann", "a password that no fuzzer has").expect("a name and a password");
        users
    });
    let Some((&secret, bytes)) = bytes.split_first() else { return };
    wait(async {
        let mut reader = PacketReader::new(bytes, PAYLOAD_BYTES_MAX);
        reader.expect(1);
        let Ok(Some(payload)) = reader.next().await else { return };
        let Ok((capabilities, request)) = Request::parse_response(&payload, CAPABILITIES) else { return };
        let packets = PacketWriter::new(Vec::new(), Duration::from_secs(1));
        let mut replies = Replies { packets, capabilities, results_set: None };
        replies.packets.start(reader.sequence());
        let nonce = Nonce::random();
        let proof =
            handshake::prove(&mut reader, &mut replies, &USERS, &request, &nonce, "here", secret & 1 == 1);
        assert!(proof.await.is_err(), "{request:?}");
    });
}

/// The payload of a command, and of a change of user with whatever capabilities.
pub fn commands(bytes: &[u8]) {
    let payload = Bytes::copy_from_slice(bytes);
    if let Ok(Command::ChangeUser(body)) = Command::parse(&payload) {
        for capabilities in
            [CapabilityFlags::empty(), CapabilityFlags::CLIENT_SECURE_CONNECTION, CAPABILITIES]
        {
            let _ = Request::parse_change_user(&body, capabilities);
        }
    }
}

/// Commands in packets: what prepared statements keep stays within its limit, and executions give as many values as there
/// are parameters.
pub fn prepared(bytes: &[u8]) {
    let (payloads, _) = read(bytes, usize::MAX, None);
    let mut statements = Statements::new(PAYLOAD_BYTES_MAX);
    for payload in payloads {
        match Command::parse(&payload) {
            Ok(Command::Prepare(text)) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                let parameters = text.matches('?').count();
                let _ = statements.add(Prepared::unplanned(text, parameters));
            }
            Ok(Command::SendLongData { id, parameter, data }) => {
                statements.add_long_data(id, parameter, &data);
            }
            Ok(Command::Execute { id, parameters, .. }) => {
                if let Ok(statement) = statements.get(id, "fuzz") {
                    let count = statement.prepared.parameters;
                    let values = parameter::values(
                        &parameters,
                        count,
                        &mut statement.types,
                        &statement.long_data,
                        Set::Utf8,
                    );
                    assert!(values.is_err() || values.is_ok_and(|values| values.len() == count));
                }
                statements.forget_long_data(id);
            }
            Ok(Command::ResetStatement(id)) => statements.forget_long_data(id),
            Ok(Command::Close(id)) => statements.close(id),
            Ok(Command::ResetConnection) => statements.clear(),
            _ => {}
        }
        statements.check();
    }
}

/// A text of statements, in the mode that the first byte tells.
pub fn texts(bytes: &[u8]) {
    let Some((&flags, bytes)) = bytes.split_first() else { return };
    let mode = Mode {
        ansi_quotes: flags & 1 != 0,
        pipes_as_concat: flags & 2 != 0,
        no_backslash_escapes: flags & 4 != 0,
        only_full_group_by: flags & 8 != 0,
        ..Mode::default()
    };
    let Some(text) = dialect::readable(bytes.to_vec(), mode) else { return };
    let _ = dialect::parse(&text, mode);
    for statement in dialect::split(&text, mode).unwrap_or_default() {
        assert!(text.contains(statement));
        let _ = dialect::parse(statement, mode);
    }
}

/// Bytes that come some at a time.
struct Segments<'a> {
    bytes: &'a [u8],
    length: usize,
}

impl AsyncRead for Segments<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let length = self.length.min(out.remaining()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(length);
        out.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

/// Runs what never waits for anything but time-outs.
fn wait<T>(work: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime of this thread needs nothing of the system");
    }
    RUNTIME.with(|runtime| runtime.block_on(work))
}
