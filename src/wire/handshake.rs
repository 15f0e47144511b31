//! The connection phase: greeting, the client's answer, and the rounds in which it proves who it is.
//!
//! ```text
//! greeting → (TLS) → response → (switch → answer) → (full → password) → OK | error
//!             COM_CHANGE_USER → (switch → answer) → (full → password) → OK | error
//! ```
//!
//! A connection has one challenge, as from MySQL: MariaDB's client library answers the first one it got, whatever a
//! change of user brings. Nobody gains by hearing an answer who could not take the whole connection over.
//! It must not know sessions or commands, nor how the bytes are encrypted: only whether somebody else may read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use mysql_common::constants::{CapabilityFlags, StatusFlags};
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest, HandshakePacket};
use mysql_common::proto::MySerialize;
use tokio::io::{AsyncRead, AsyncWrite};

use super::column::UTF8MB4;
use super::compression::Algorithm;
use super::error::{Error, Result};
use super::packet::PacketReader;
use super::payload::Payload;
use super::reply::Replies;
use crate::auth::{Method, Nonce, Users};
use crate::engine::metadata::variables::VERSION;

/// What the server can, with TLS where there is a certificate. A client can only what it says itself *and* what is in this set.
pub const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_LONG_PASSWORD
    .union(CapabilityFlags::CLIENT_FOUND_ROWS)
    .union(CapabilityFlags::CLIENT_LONG_FLAG)
    .union(CapabilityFlags::CLIENT_CONNECT_WITH_DB)
    .union(CapabilityFlags::CLIENT_COMPRESS)
    .union(CapabilityFlags::CLIENT_ODBC)
    .union(CapabilityFlags::CLIENT_IGNORE_SPACE)
    .union(CapabilityFlags::CLIENT_PROTOCOL_41)
    .union(CapabilityFlags::CLIENT_INTERACTIVE)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_MULTI_STATEMENTS)
    .union(CapabilityFlags::CLIENT_MULTI_RESULTS)
    .union(CapabilityFlags::CLIENT_PS_MULTI_RESULTS)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_CONNECT_ATTRS)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(CapabilityFlags::CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS)
    .union(CapabilityFlags::CLIENT_SESSION_TRACK)
    .union(CapabilityFlags::CLIENT_DEPRECATE_EOF)
    .union(CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM);

/// Says who the server is, and challenges the client.
pub fn put_greeting(out: &mut Vec<u8>, connection_id: u32, nonce: &Nonce, offered: CapabilityFlags) {
    let (first, second) = nonce.bytes().split_first_chunk().expect("a nonce has more than eight bytes");
    let second = [second, b"\0"].concat();
    let plugin = AuthPlugin::CachingSha2Password;
    let packet = HandshakePacket::new(
        10,
        VERSION.as_bytes(),
        connection_id,
        *first,
        Some(second),
        offered,
        UTF8MB4 as u8,
        StatusFlags::SERVER_STATUS_AUTOCOMMIT,
        Some(plugin.as_bytes()),
    );
    packet.serialize(out);
}

/// Whether a response is none yet, but asks for TLS first: it ends before the user's name.
pub fn asks_for_tls(payload: &[u8]) -> bool {
    const BYTES: usize = 32;
    let capabilities = Payload(payload).u32().map(CapabilityFlags::from_bits_truncate);
    payload.len() == BYTES && capabilities.is_ok_and(|flags| flags.contains(CapabilityFlags::CLIENT_SSL))
}

/// Who wants in, as the client says it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The user's name.
    pub user: String,
    /// The default database; empty when there is none.
    pub database: String,
    /// The number of the collation of the client's character set; 0 when it told none.
    pub collation: u16,
    /// The connection attributes.
    pub attributes: Arc<BTreeMap<String, String>>,
    /// How packets are compressed after the login.
    pub compression: Option<Algorithm>,
    /// The method of the answer; nothing when it is one that the server does not have.
    method: Option<Method>,
    /// The answer to the challenge.
    answer: Bytes,
    /// Whether the client waits for the challenge before it answers: Oracle's library does, when it changes its user.
    waits: bool,
}

impl Request {
    /// Reads a handshake response. Returns what the client can of what it was offered beside it.
    pub fn parse_response(payload: &Bytes, offered: CapabilityFlags) -> Result<(CapabilityFlags, Self)> {
        let mut body = Payload(payload);
        let capabilities = CapabilityFlags::from_bits_truncate(body.u32()?) & offered;
        if !capabilities.contains(CapabilityFlags::CLIENT_PROTOCOL_41) {
            return Err(Error::BadHandshake);
        }
        let _max_packet_bytes = body.u32()?;
        let collation = body.u8()?.into();
        let _filler = body.bytes(23)?;
        let mut request = Self { user: text(body.until_nul()?), collation, ..Self::default() };
        request.answer = payload.slice_ref(
            if capabilities.contains(CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA) {
                body.length_encoded_bytes()?
            } else if capabilities.contains(CapabilityFlags::CLIENT_SECURE_CONNECTION) {
                let length = body.u8()?;
                body.bytes(length.into())?
            } else {
                body.until_nul()?
            },
        );
        if capabilities.contains(CapabilityFlags::CLIENT_CONNECT_WITH_DB) {
            request.database = text(body.until_nul_or_end());
        }
        request.parse_plugin(&mut body, capabilities)?;
        request.parse_compression(&mut body, capabilities)?;
        Ok((capabilities, request))
    }

    /// Reads the body of `COM_CHANGE_USER`.
    pub fn parse_change_user(payload: &Bytes, capabilities: CapabilityFlags) -> Result<Self> {
        let mut body = Payload(payload);
        let mut request = Self { user: text(body.until_nul()?), ..Self::default() };
        request.answer =
            payload.slice_ref(if capabilities.contains(CapabilityFlags::CLIENT_SECURE_CONNECTION) {
                let length = body.u8()?;
                body.bytes(length.into())?
            } else {
                body.until_nul()?
            });
        request.waits = is_blank(&request.answer);
        request.database = text(body.until_nul_or_end());
        if !body.is_empty() {
            request.collation = body.u16()?;
            request.parse_plugin(&mut body, capabilities)?;
        }
        Ok(request)
    }

    fn parse_plugin(&mut self, body: &mut Payload<'_>, capabilities: CapabilityFlags) -> Result<()> {
        // Clients from before there were plugins know one method.
        self.method = Some(Method::Native);
        if capabilities.contains(CapabilityFlags::CLIENT_PLUGIN_AUTH) {
            self.method = match AuthPlugin::from_bytes(body.until_nul_or_end()) {
                AuthPlugin::CachingSha2Password => Some(Method::CachingSha2),
                AuthPlugin::MysqlNativePassword => Some(Method::Native),
                _ => None,
            };
        }
        if capabilities.contains(CapabilityFlags::CLIENT_CONNECT_ATTRS) && !body.is_empty() {
            let mut pairs = Payload(body.length_encoded_bytes()?);
            let mut attributes = BTreeMap::new();
            while !pairs.is_empty() {
                let name = text(pairs.length_encoded_bytes()?);
                attributes.insert(name, text(pairs.length_encoded_bytes()?));
            }
            self.attributes = Arc::new(attributes);
        }
        Ok(())
    }

    /// The level of zstd stands at the end. A client that wants both gets zlib, as from MySQL.
    fn parse_compression(&mut self, body: &mut Payload<'_>, capabilities: CapabilityFlags) -> Result<()> {
        if capabilities.contains(CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM) {
            const LEVEL: u8 = 3;
            let level = if body.is_empty() { LEVEL } else { body.u8()? };
            if !(1..=22).contains(&level) {
                return Err(Error::Malformed);
            }
            self.compression = Some(Algorithm::Zstd(level.into()));
        }
        if capabilities.contains(CapabilityFlags::CLIENT_COMPRESS) {
            self.compression = Some(Algorithm::Zlib);
        }
        Ok(())
    }
}

/// Names come in the client's character set, which is not known to be valid before somebody is logged in.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Lets a client prove that it is who it says. `nonce` is the connection's challenge; `secret` tells that nobody else
/// can read what the client sends. After it the caller says OK.
pub async fn prove<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reader: &mut PacketReader<R>,
    replies: &mut Replies<W>,
    users: &Users,
    request: &Request,
    nonce: &Nonce,
    host: &str,
    secret: bool,
) -> Result<()> {
    let can_switch = replies.capabilities.contains(CapabilityFlags::CLIENT_PLUGIN_AUTH);
    let denied = |answer: &[u8]| Error::Denied {
        user: request.user.clone(),
        host: host.to_owned(),
        password: !is_blank(answer),
    };
    let method = match judge(users, request, nonce) {
        Verdict::Accepted(method) => {
            welcome(replies, method, &request.answer);
            return Ok(());
        }
        Verdict::Switch(method) if can_switch => method,
        Verdict::Unreadable if secret => return prove_in_full(reader, replies, users, request, denied).await,
        Verdict::Switch(_) | Verdict::Unreadable | Verdict::Denied => return Err(denied(&request.answer)),
    };

    let plugin = match method {
        Method::CachingSha2 => AuthPlugin::CachingSha2Password,
        Method::Native => AuthPlugin::MysqlNativePassword,
    };
    let data = [&nonce.bytes()[..], b"\0"].concat();
    replies.packets.packet(|out| AuthSwitchRequest::new(plugin.as_bytes(), data).serialize(out));
    replies.flush().await?;
    reader.expect(replies.packets.sequence());
    let answer = reader.next().await?.ok_or(Error::Gone)?;
    replies.packets.start(reader.sequence());
    if !users.accept(&request.user, method, unblanked(&answer), nonce) {
        if secret && is_unreadable(method, &answer) {
            return prove_in_full(reader, replies, users, request, denied).await;
        }
        return Err(denied(&answer));
    }
    welcome(replies, method, &answer);
    Ok(())
}

/// Asks for the password itself, which `caching_sha2_password` clients send when they know that nobody else reads it.
async fn prove_in_full<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    reader: &mut PacketReader<R>,
    replies: &mut Replies<W>,
    users: &Users,
    request: &Request,
    denied: impl Fn(&[u8]) -> Error,
) -> Result<()> {
    const PERFORM_FULL_AUTHENTICATION: [u8; 2] = [1, 4];
    replies.packets.packet(|out| out.extend_from_slice(&PERFORM_FULL_AUTHENTICATION));
    replies.flush().await?;
    reader.expect(replies.packets.sequence());
    let answer = reader.next().await?.ok_or(Error::Gone)?;
    replies.packets.start(reader.sequence());
    let password = answer.strip_suffix(b"\0").unwrap_or(&answer);
    if users.accept_password(&request.user, password) { Ok(()) } else { Err(denied(&answer)) }
}

/// Lengths of the two methods' answers.
const NATIVE_BYTES: usize = 20;
const CACHING_SHA2_BYTES: usize = 32;

/// What follows from a client's first answer.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted(Method),
    /// The client shall try again with this method and a new challenge.
    Switch(Method),
    /// It is no answer to the challenge, right or wrong.
    Unreadable,
    Denied,
}

fn judge(users: &Users, request: &Request, nonce: &Nonce) -> Verdict {
    let Some(method) = request.method else { return Verdict::Switch(Method::CachingSha2) };
    if users.accept(&request.user, method, unblanked(&request.answer), nonce) {
        return Verdict::Accepted(method);
    }
    match method {
        Method::Native if !users.knows(&request.user, Method::Native) => Verdict::Switch(Method::CachingSha2),
        // The greeting names another plugin, so many clients answer with nothing and wait to be asked for theirs.
        Method::Native => Verdict::Switch(Method::Native),
        Method::CachingSha2 if request.waits => Verdict::Switch(method),
        // Some clients repeat the server's plugin and answer with the only one that they know.
        Method::CachingSha2 if request.answer.len() == NATIVE_BYTES => Verdict::Switch(Method::Native),
        Method::CachingSha2 if is_unreadable(method, &request.answer) => Verdict::Unreadable,
        Method::CachingSha2 => Verdict::Denied,
    }
}

/// Whether an answer has not the form of the method that can go on with the password itself.
fn is_unreadable(method: Method, answer: &[u8]) -> bool {
    method == Method::CachingSha2 && answer.len() != CACHING_SHA2_BYTES && !is_blank(answer)
}

/// Some clients send the C string of an empty password.
fn unblanked(answer: &[u8]) -> &[u8] {
    if is_blank(answer) { &[] } else { answer }
}

fn is_blank(answer: &[u8]) -> bool {
    matches!(answer, [] | [0])
}

/// A `caching_sha2_password` client waits to be told that the fast path was enough.
fn welcome<W: AsyncWrite + Unpin>(replies: &mut Replies<W>, method: Method, answer: &[u8]) {
    const FAST_AUTHENTICATION_SUCCEEDED: [u8; 2] = [1, 3];
    if method == Method::CachingSha2 && !is_blank(answer) {
        replies.packets.packet(|out| out.extend_from_slice(&FAST_AUTHENTICATION_SUCCEEDED));
    }
}
