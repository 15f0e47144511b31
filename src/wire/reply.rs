//! What the server says: OK, EOF and error packets, in the form that this client's capabilities ask for.
//!
//! It must not know which command is answered.

use mysql_common::constants::{CapabilityFlags, StatusFlags};
use mysql_common::io::BufMutExt;
use tokio::io::AsyncWrite;

use super::error::{Error, Result};
use super::packet::PacketWriter;
use crate::engine::answer::Done;
use crate::engine::changes::Told;
use crate::engine::functions::charset::ClientSet;
use crate::engine::session::Status;

/// The types of session state changes.
const SESSION_TRACK_SYSTEM_VARIABLES: u8 = 0;
const SESSION_TRACK_SCHEMA: u8 = 1;
const SESSION_TRACK_STATE_CHANGE: u8 = 2;

/// Writes replies for one client.
#[derive(Debug)]
pub struct Replies<W> {
    /// Where the packets go.
    pub packets: PacketWriter<W>,
    /// What client and server both can.
    pub capabilities: CapabilityFlags,
    /// The character set that the client reads, if that is not UTF-8.
    pub results_set: Option<ClientSet>,
}

impl<W: AsyncWrite + Unpin> Replies<W> {
    /// The statement is done, without a result set.
    pub fn ok(&mut self, done: &Done, changes: &Told, status: Status, flags: StatusFlags) {
        self.ok_packet(0x00, done, changes, status, flags);
    }

    /// Whether the client wants to hear what changes in its session.
    pub fn tracks_session(&self) -> bool {
        self.capabilities.contains(CapabilityFlags::CLIENT_SESSION_TRACK)
    }

    /// Columns or rows end here.
    pub fn eof(&mut self, status: Status, flags: StatusFlags) {
        if self.deprecates_eof() {
            self.ok_packet(0xFE, &Done::default(), &Told::default(), status, flags);
        } else {
            self.packets.packet(|out| {
                out.push(0xFE);
                out.extend_from_slice(&status.warnings.to_le_bytes());
                out.extend_from_slice(&(status_flags(status) | flags).bits().to_le_bytes());
            });
        }
    }

    /// Whether the packet between columns and rows is left out.
    pub fn deprecates_eof(&self) -> bool {
        self.capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF)
    }

    /// Something failed. Nothing is written when there is nobody to be told.
    pub fn error(&mut self, error: &Error) {
        let Some((code, state)) = error.code() else { return };
        // A client that has not told its capabilities yet takes the state for a part of the text.
        let tells_state = self.capabilities.contains(CapabilityFlags::CLIENT_PROTOCOL_41);
        self.packets.packet(|out| {
            out.push(0xFF);
            out.extend_from_slice(&code.to_le_bytes());
            if tells_state {
                out.push(b'#');
                out.extend_from_slice(state.as_bytes());
            }
            let message = error.to_string();
            match self.results_set {
                None => out.extend_from_slice(truncated(&message).as_bytes()),
                Some(set) => out.extend_from_slice(&set.encode(truncated(&message))),
            }
        });
    }

    /// Sends all replies so far.
    pub async fn flush(&mut self) -> Result<()> {
        self.packets.flush().await
    }

    fn ok_packet(&mut self, header: u8, done: &Done, changes: &Told, status: Status, flags: StatusFlags) {
        let tracks = self.tracks_session();
        let changes = if tracks { state_changes(changes) } else { Vec::new() };
        let mut flags = status_flags(status) | flags;
        flags.set(StatusFlags::SERVER_SESSION_STATE_CHANGED, !changes.is_empty());
        self.packets.packet(|out| {
            out.push(header);
            out.put_lenenc_int(done.affected_rows);
            out.put_lenenc_int(0);
            out.extend_from_slice(&flags.bits().to_le_bytes());
            out.extend_from_slice(&status.warnings.to_le_bytes());
            if !tracks {
                out.extend_from_slice(done.info.as_bytes());
                return;
            }
            if !changes.is_empty() || !done.info.is_empty() {
                out.put_lenenc_str(done.info.as_bytes());
            }
            if !changes.is_empty() {
                out.put_lenenc_str(&changes);
            }
        });
    }
}

/// Each change is its type, and its content behind a length.
fn state_changes(changes: &Told) -> Vec<u8> {
    let mut out = Vec::new();
    let mut put = |kind: u8, parts: &[&str]| {
        let mut content = Vec::new();
        parts.iter().for_each(|part| content.put_lenenc_str(part.as_bytes()));
        out.push(kind);
        out.put_lenenc_str(&content);
    };
    for (name, value) in &changes.variables {
        put(SESSION_TRACK_SYSTEM_VARIABLES, &[name, value]);
    }
    if let Some(database) = &changes.database {
        put(SESSION_TRACK_SCHEMA, &[database]);
    }
    if changes.any {
        put(SESSION_TRACK_STATE_CHANGE, &["1"]);
    }
    out
}

/// The bits that every reply carries.
pub fn status_flags(status: Status) -> StatusFlags {
    let mut flags = StatusFlags::empty();
    flags.set(StatusFlags::SERVER_STATUS_AUTOCOMMIT, status.autocommit);
    flags.set(StatusFlags::SERVER_STATUS_IN_TRANS, status.in_transaction);
    flags.set(StatusFlags::SERVER_STATUS_NO_BACKSLASH_ESCAPES, status.no_backslash_escapes);
    flags
}

/// Clients keep an error's text in a buffer of 512 bytes.
fn truncated(message: &str) -> &str {
    const MESSAGE_BYTES_MAX: usize = 511;
    &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const STATUS: Status =
        Status { autocommit: true, in_transaction: false, no_backslash_escapes: false, warnings: 3 };

    async fn check(
        capabilities: CapabilityFlags,
        write: impl FnOnce(&mut Replies<&mut Vec<u8>>),
        expected: &[u8],
    ) {
        let mut bytes = Vec::new();
        let packets = PacketWriter::new(&mut bytes, Duration::from_secs(1));
        let mut replies = Replies { packets, capabilities, results_set: None };
        write(&mut replies);
        replies.flush().await.unwrap();
        assert_eq!(&bytes[4..], expected, "{capabilities:?}");
    }

    #[tokio::test]
    async fn each_client_gets_its_form() {
        let none = CapabilityFlags::empty();
        let tracks = CapabilityFlags::CLIENT_SESSION_TRACK;
        let eof = CapabilityFlags::CLIENT_DEPRECATE_EOF;
        let done = Done { affected_rows: 300, info: "hi".into() };
        let plain = Done::default();
        let same = Told::default();
        let database = Told { database: Some("log".into()), ..Told::default() };
        let zone = Told { variables: vec![("time_zone", "UTC".into())], any: true, ..Told::default() };
        let more = StatusFlags::SERVER_MORE_RESULTS_EXISTS;
        let last = StatusFlags::empty();

        check(none, |to| to.ok(&done, &database, STATUS, more), b"\0\xFC\x2C\x01\0\x0A\0\x03\0hi").await;
        check(none, |to| to.ok(&plain, &zone, STATUS, last), b"\0\0\0\x02\0\x03\0").await;
        let changed = b"\0\xFC\x2C\x01\0\x02\x40\x03\0\x02hi\x06\x01\x04\x03log";
        check(tracks, |to| to.ok(&done, &database, STATUS, last), changed).await;
        let changed = b"\0\0\0\x02\x40\x03\0\0\x14\0\x0E\x09time_zone\x03UTC\x02\x02\x011";
        check(tracks, |to| to.ok(&plain, &zone, STATUS, last), changed).await;
        check(tracks, |to| to.ok(&plain, &same, STATUS, last), b"\0\0\0\x02\0\x03\0").await;
        check(none, |to| to.eof(STATUS, more), b"\xFE\x03\0\x0A\0").await;
        check(eof, |to| to.eof(STATUS, more), b"\xFE\0\0\x0A\0\x03\0").await;
    }

    #[tokio::test]
    async fn errors_tell_their_state_to_those_who_know_it() {
        let unknown = Error::UnknownCommand;
        check(CapabilityFlags::empty(), |to| to.error(&unknown), b"\xFF\x17\x04Unknown command").await;
        let states = CapabilityFlags::CLIENT_PROTOCOL_41;
        check(states, |to| to.error(&unknown), b"\xFF\x17\x04#08S01Unknown command").await;
    }
}
