//! What the server says: OK, EOF and error packets, in the form that this client's capabilities ask for.
//!
//! It must not know which command is answered.

use mysql_common::constants::{CapabilityFlags, StatusFlags};
use mysql_common::io::BufMutExt;
use tokio::io::AsyncWrite;

use super::error::{Error, Result};
use super::packet::PacketWriter;
use crate::engine::answer::Done;
use crate::engine::session::Status;

/// The type of the session state change that tells a new default database.
const SESSION_TRACK_SCHEMA: u8 = 1;

/// Writes replies for one client.
#[derive(Debug)]
pub struct Replies<W> {
    /// Where the packets go.
    pub packets: PacketWriter<W>,
    /// What client and server both can.
    pub capabilities: CapabilityFlags,
}

impl<W: AsyncWrite + Unpin> Replies<W> {
    /// The statement is done, without a result set.
    pub fn ok(&mut self, done: &Done, status: Status, flags: StatusFlags) {
        self.ok_packet(0x00, done, status, flags);
    }

    /// Columns or rows end here.
    pub fn eof(&mut self, status: Status, flags: StatusFlags) {
        if self.deprecates_eof() {
            self.ok_packet(0xFE, &Done::default(), status, flags);
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
            out.extend_from_slice(truncated(&error.to_string()).as_bytes());
        });
    }

    /// Sends all replies so far.
    pub async fn flush(&mut self) -> Result<()> {
        self.packets.flush().await
    }

    fn ok_packet(&mut self, header: u8, done: &Done, status: Status, flags: StatusFlags) {
        let tracks = self.capabilities.contains(CapabilityFlags::CLIENT_SESSION_TRACK);
        let database = done.database.as_deref().filter(|_| tracks);
        let mut flags = status_flags(status) | flags;
        flags.set(StatusFlags::SERVER_SESSION_STATE_CHANGED, database.is_some());
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
            if database.is_some() || !done.info.is_empty() {
                out.put_lenenc_str(done.info.as_bytes());
            }
            if let Some(database) = database {
                let mut change = Vec::with_capacity(database.len() + 9);
                change.put_lenenc_str(database.as_bytes());
                let mut changes = vec![SESSION_TRACK_SCHEMA];
                changes.put_lenenc_str(&change);
                out.put_lenenc_str(&changes);
            }
        });
    }
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
        let mut replies = Replies { packets, capabilities };
        write(&mut replies);
        replies.flush().await.unwrap();
        assert_eq!(&bytes[4..], expected, "{capabilities:?}");
    }

    #[tokio::test]
    async fn each_client_gets_its_form() {
        let none = CapabilityFlags::empty();
        let tracks = CapabilityFlags::CLIENT_SESSION_TRACK;
        let eof = CapabilityFlags::CLIENT_DEPRECATE_EOF;
        let done = Done { affected_rows: 300, info: "hi".into(), database: Some("log".into()) };
        let plain = Done::default();
        let more = StatusFlags::SERVER_MORE_RESULTS_EXISTS;

        check(none, |to| to.ok(&done, STATUS, more), b"\0\xFC\x2C\x01\0\x0A\0\x03\0hi").await;
        check(none, |to| to.ok(&plain, STATUS, StatusFlags::empty()), b"\0\0\0\x02\0\x03\0").await;
        let changed = b"\0\xFC\x2C\x01\0\x02\x40\x03\0\x02hi\x06\x01\x04\x03log";
        check(tracks, |to| to.ok(&done, STATUS, StatusFlags::empty()), changed).await;
        check(tracks, |to| to.ok(&plain, STATUS, StatusFlags::empty()), b"\0\0\0\x02\0\x03\0").await;
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
