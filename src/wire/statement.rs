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

/// The protocol counts parameters in two bytes.
const PARAMETERS_MAX: usize = 65_535;

/// The prepared statements of a connection.
#[derive(Default)]
pub struct Statements {
    by_id: HashMap<u32, Statement>,
    last_id: u32,
    /// Bytes of all texts and long data, which the connection's `max_allowed_packet` limits together.
    bytes: usize,
    bytes_max: usize,
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
    /// No statements. All of them together may take so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    /// Keeps a statement and gives it a number.
    pub fn add(&mut self, prepared: Prepared) -> Result<u32> {
        if prepared.parameters > PARAMETERS_MAX {
            return Err(Error::TooManyParameters);
        }
        let bytes = self.bytes + prepared.sql.len();
        if self.by_id.len() >= STATEMENTS_MAX || bytes > self.bytes_max {
            return Err(Error::TooManyStatements(self.by_id.len()));
        }
        // Some clients use the highest numbers as marks of their own.
        self.last_id = if self.last_id >= u32::MAX / 2 { 1 } else { self.last_id + 1 };
        while self.by_id.contains_key(&self.last_id) {
            self.last_id += 1;
        }
        self.bytes = bytes;
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
        let room = self.bytes_max - self.bytes;
        let Some(statement) = self.by_id.get_mut(&id) else { return };
        if usize::from(parameter) >= statement.prepared.parameters {
            statement.long_data_error = Some(Error::WrongArguments("mysqld_stmt_send_long_data"));
        } else if data.len() > room {
            statement.long_data_error = Some(Error::ParameterTooLarge);
        } else {
            statement.long_data.entry(parameter).or_default().extend_from_slice(data);
            self.bytes += data.len();
        }
    }

    /// Forgets what was sent ahead for a statement.
    pub fn forget_long_data(&mut self, id: u32) {
        if let Some(statement) = self.by_id.get_mut(&id) {
            self.bytes -= statement.long_data.drain().map(|(_, data)| data.len()).sum::<usize>();
            statement.long_data_error = None;
        }
    }

    /// Forgets all statements.
    pub fn clear(&mut self) {
        self.by_id.clear();
        self.bytes = 0;
    }

    /// Forgets a statement, if there is one.
    pub fn close(&mut self, id: u32) {
        self.forget_long_data(id);
        if let Some(statement) = self.by_id.remove(&id) {
            self.bytes -= statement.prepared.sql.len();
        }
    }
}
