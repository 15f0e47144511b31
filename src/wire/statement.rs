//! The prepared statements of one connection: their numbers, their long data, their cursors, their limits.
//!
//! It must not know packets, nor how a statement is run.

use std::collections::HashMap;

use super::error::{Error, Result};
use super::parameter::Type;
use super::rows::Cursor;
use crate::engine::session::Prepared;

/// Prepared statements that a connection may have. MySQL's default of `max_prepared_stmt_count`, which there
/// is for the whole server.
const STATEMENTS_MAX: usize = 16_382;

/// Bytes of their texts, together. What is kept of a text that was parsed takes up to 250 times as much.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// What a parameter's long data takes beside its bytes, at least.
const LONG_DATA_BYTES: usize = 64;

/// The protocol counts parameters in two bytes.
const PARAMETERS_MAX: usize = 65_535;

/// The prepared statements of a connection.
#[derive(Default)]
pub struct Statements {
    by_id: HashMap<u32, Statement>,
    last_id: u32,
    /// Bytes of all texts.
    text_bytes: usize,
    text_bytes_max: usize,
    /// Bytes of all long data, which is limited as if it were one packet.
    long_data_bytes: usize,
    long_data_bytes_max: usize,
}

/// A prepared statement and what the client has sent for it so far.
pub struct Statement {
    /// What the engine knows of it.
    pub prepared: Prepared,
    /// The parameters' types, as the client told them when it last did.
    pub types: Vec<Type>,
    /// Values that were sent ahead, by parameter.
    pub long_data: HashMap<u16, Vec<u8>>,
    /// Why the long data is not usable; told when the statement is run, because sending it has no answer.
    pub long_data_error: Option<Error>,
    /// The rows of the last run that wait to be fetched.
    pub cursor: Option<Cursor>,
}

impl Statements {
    /// No statements. Neither their texts nor their long data may take more bytes than one packet.
    pub fn new(packet_bytes_max: usize) -> Self {
        let text_bytes_max = packet_bytes_max.min(TEXT_BYTES_MAX);
        Self { text_bytes_max, long_data_bytes_max: packet_bytes_max, ..Self::default() }
    }

    /// Keeps a statement and gives it a number.
    pub fn add(&mut self, prepared: Prepared) -> Result<u32> {
        if prepared.parameters > PARAMETERS_MAX {
            return Err(Error::TooManyParameters);
        }
        let text_bytes = self.text_bytes + prepared.sql.len();
        if self.by_id.len() >= STATEMENTS_MAX || text_bytes > self.text_bytes_max {
            return Err(Error::TooManyStatements(self.by_id.len()));
        }
        // Some clients use the highest numbers as marks of their own.
        self.last_id = if self.last_id >= u32::MAX / 2 { 1 } else { self.last_id + 1 };
        while self.by_id.contains_key(&self.last_id) {
            self.last_id += 1;
        }
        self.text_bytes = text_bytes;
        let statement = Statement {
            prepared,
            types: Vec::new(),
            long_data: HashMap::new(),
            long_data_error: None,
            cursor: None,
        };
        self.by_id.insert(self.last_id, statement);
        Ok(self.last_id)
    }

    /// The statement with this number; the command is for the error's text.
    pub fn get(&mut self, id: u32, command: &'static str) -> Result<&mut Statement> {
        self.by_id.get_mut(&id).ok_or(Error::UnknownStatement { id, command })
    }

    /// Adds to a parameter's value.
    pub fn add_long_data(&mut self, id: u32, parameter: u16, data: &[u8]) {
        let room = self.long_data_bytes_max - self.long_data_bytes;
        let Some(statement) = self.by_id.get_mut(&id) else { return };
        let begun = statement.long_data.contains_key(&parameter);
        let bytes = data.len() + if begun { 0 } else { LONG_DATA_BYTES };
        if usize::from(parameter) >= statement.prepared.parameters {
            statement.long_data_error = Some(Error::WrongArguments("mysqld_stmt_send_long_data"));
        } else if bytes > room {
            statement.long_data_error = Some(Error::ParameterTooLarge);
        } else {
            statement.long_data.entry(parameter).or_default().extend_from_slice(data);
            self.long_data_bytes += bytes;
        }
    }

    /// Forgets what was sent ahead for a statement.
    pub fn forget_long_data(&mut self, id: u32) {
        if let Some(statement) = self.by_id.get_mut(&id) {
            self.long_data_bytes -= long_data_bytes(statement);
            statement.long_data.clear();
            statement.long_data_error = None;
        }
    }

    /// Forgets all statements.
    pub fn clear(&mut self) {
        self.by_id.clear();
        (self.text_bytes, self.long_data_bytes) = (0, 0);
    }

    /// Forgets a statement, if there is one.
    pub fn close(&mut self, id: u32) {
        self.forget_long_data(id);
        if let Some(statement) = self.by_id.remove(&id) {
            self.text_bytes -= statement.prepared.sql.len();
        }
    }

    /// Asserts that what is counted is what is there, and within its limits.
    #[cfg(any(test, fuzzing))]
    pub fn check(&self) {
        let text_bytes: usize = self.by_id.values().map(|statement| statement.prepared.sql.len()).sum();
        assert!(self.text_bytes == text_bytes && text_bytes <= self.text_bytes_max);
        let long_data_bytes: usize = self.by_id.values().map(long_data_bytes).sum();
        assert!(self.long_data_bytes == long_data_bytes && long_data_bytes <= self.long_data_bytes_max);
    }
}

/// What a statement's long data takes.
fn long_data_bytes(statement: &Statement) -> usize {
    statement.long_data.values().map(|data| LONG_DATA_BYTES + data.len()).sum()
}
