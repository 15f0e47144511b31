//! What a client asks for: the payload of a command, taken apart. Nothing is done here.

use bytes::Bytes;
use mysql_common::constants::Command as Code;

use super::error::{Error, Result};
use super::payload::Payload;

const COM_QUIT: u8 = Code::COM_QUIT as u8;
const COM_INIT_DB: u8 = Code::COM_INIT_DB as u8;
const COM_QUERY: u8 = Code::COM_QUERY as u8;
const COM_FIELD_LIST: u8 = Code::COM_FIELD_LIST as u8;
const COM_STATISTICS: u8 = Code::COM_STATISTICS as u8;
const COM_PROCESS_INFO: u8 = Code::COM_PROCESS_INFO as u8;
const COM_PROCESS_KILL: u8 = Code::COM_PROCESS_KILL as u8;
const COM_PING: u8 = Code::COM_PING as u8;
const COM_CHANGE_USER: u8 = Code::COM_CHANGE_USER as u8;
const COM_RESET_CONNECTION: u8 = Code::COM_RESET_CONNECTION as u8;
const COM_SET_OPTION: u8 = Code::COM_SET_OPTION as u8;
const COM_STMT_PREPARE: u8 = Code::COM_STMT_PREPARE as u8;
const COM_STMT_EXECUTE: u8 = Code::COM_STMT_EXECUTE as u8;
const COM_STMT_SEND_LONG_DATA: u8 = Code::COM_STMT_SEND_LONG_DATA as u8;
const COM_STMT_CLOSE: u8 = Code::COM_STMT_CLOSE as u8;
const COM_STMT_RESET: u8 = Code::COM_STMT_RESET as u8;
const COM_STMT_FETCH: u8 = Code::COM_STMT_FETCH as u8;

/// A command of a client that is logged in.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// The client goes.
    Quit,
    /// Make a database the default one.
    InitDatabase(Bytes),
    /// Run statements.
    Query(Bytes),
    /// Tell a table's columns.
    FieldList {
        /// The table.
        table: Bytes,
        /// A LIKE pattern of column names; all when it is empty.
        pattern: Bytes,
    },
    /// Tell a line of counters.
    Statistics,
    /// Tell the processes, as `SHOW PROCESSLIST`.
    ProcessInfo,
    /// Kill a connection.
    ProcessKill(u32),
    /// Is the server there?
    Ping,
    /// Log in as another user, in a new session. The login's parts depend on the capabilities.
    ChangeUser(Bytes),
    /// Forget variables, database and prepared statements.
    ResetConnection,
    /// Allow or forbid several statements in one query.
    SetMultiStatements(bool),
    /// Prepare a statement.
    Prepare(Bytes),
    /// Run a prepared statement.
    Execute {
        /// The statement.
        id: u32,
        /// Whether its rows are to be fetched by and by.
        cursor: bool,
        /// The parameters' values.
        parameters: Bytes,
    },
    /// Add to a parameter's value, before the statement is run.
    SendLongData {
        /// The statement.
        id: u32,
        /// Which parameter, from 0.
        parameter: u16,
        /// What to add.
        data: Bytes,
    },
    /// Forget a prepared statement.
    Close(u32),
    /// Forget a prepared statement's long data and its cursor.
    ResetStatement(u32),
    /// Give the next rows of a prepared statement's cursor.
    Fetch {
        /// The statement.
        id: u32,
        /// How many rows at most.
        rows: u32,
    },
}

impl Command {
    /// Takes a payload apart.
    pub fn parse(payload: &Bytes) -> Result<Self> {
        let Some((code, body)) = payload.split_first() else { return Err(Error::Malformed) };
        let mut body = Payload(body);
        let rest = |body: Payload<'_>| payload.slice_ref(body.0);
        Ok(match *code {
            COM_QUIT => Self::Quit,
            COM_INIT_DB => Self::InitDatabase(rest(body)),
            COM_QUERY => Self::Query(rest(body)),
            COM_FIELD_LIST => {
                let table = payload.slice_ref(body.until_nul()?);
                Self::FieldList { table, pattern: payload.slice_ref(body.until_nul_or_end()) }
            }
            COM_STATISTICS => Self::Statistics,
            COM_PROCESS_INFO => Self::ProcessInfo,
            COM_PROCESS_KILL => Self::ProcessKill(body.u32()?),
            COM_PING => Self::Ping,
            COM_CHANGE_USER => Self::ChangeUser(rest(body)),
            COM_RESET_CONNECTION => Self::ResetConnection,
            COM_SET_OPTION => match body.u16()? {
                0 => Self::SetMultiStatements(true),
                1 => Self::SetMultiStatements(false),
                _ => return Err(Error::UnknownCommand),
            },
            COM_STMT_PREPARE => Self::Prepare(rest(body)),
            COM_STMT_EXECUTE => {
                const READ_ONLY_CURSOR: u8 = 1;
                let id = body.u32()?;
                let cursor = body.u8()? & READ_ONLY_CURSOR != 0;
                let _iterations = body.u32()?;
                Self::Execute { id, cursor, parameters: rest(body) }
            }
            COM_STMT_SEND_LONG_DATA => {
                Self::SendLongData { id: body.u32()?, parameter: body.u16()?, data: rest(body) }
            }
            COM_STMT_CLOSE => Self::Close(body.u32()?),
            COM_STMT_RESET => Self::ResetStatement(body.u32()?),
            COM_STMT_FETCH => Self::Fetch { id: body.u32()?, rows: body.u32()? },
            // What is left belongs to replication, to the server's own threads, or was given up long ago.
            _ => return Err(Error::UnknownCommand),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_and_every_length_is_a_command_or_an_error() {
        for code in 0..=255 {
            for length in 0..16 {
                let payload: Bytes = [&[code][..], &vec![1; length]].concat().into();
                let _ = Command::parse(&payload);
            }
        }
        assert!(matches!(Command::parse(&Bytes::new()), Err(Error::Malformed)));
    }

    #[test]
    fn parts() {
        let check = |payload: &'static [u8], expected: Option<Command>| {
            assert_eq!(Command::parse(&Bytes::from_static(payload)).ok(), expected, "{payload:?}");
        };
        check(b"\x01", Some(Command::Quit));
        check(b"\x03SELECT 1", Some(Command::Query(Bytes::from_static(b"SELECT 1"))));
        check(b"\x0C\x07\0\0\0", Some(Command::ProcessKill(7)));
        check(b"\x0C\x07\0\0", None);
        check(b"\x1B\x00\0", Some(Command::SetMultiStatements(true)));
        check(b"\x1B\x02\0", None);
        check(b"\x1C\x01\0\0\0\x0A\0\0\0", Some(Command::Fetch { id: 1, rows: 10 }));
        let (table, pattern) = (Bytes::from_static(b"users"), Bytes::from_static(b"n%"));
        check(b"\x04users\0n%", Some(Command::FieldList { table, pattern }));
        check(b"\x04users", None);
        let parameters = Bytes::from_static(b"\0\x01");
        check(
            b"\x17\x01\0\0\0\x01\x01\0\0\0\0\x01",
            Some(Command::Execute { id: 1, cursor: true, parameters }),
        );
        check(b"\x17\x01\0\0\0\x01\x01\0\0", None);
        check(b"\xFA", None);
        check(b"\xFF", None);
    }
}
