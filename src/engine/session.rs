//! One client's state: user, database, variables, warnings, prepared statements; and the engine that all sessions share.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::ScalarValue;

use super::answer::{Answer, Column};
use super::error::{Error, Result};
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Config;

/// What all sessions share: catalog, memory, the query runtime, the list of processes.
#[derive(Debug)]
pub struct Engine {}

/// Who connects and from where; made by the edge after the password was proved.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The client's host, as `USER()` shows it.
    pub host: String,
    /// The client's address with its port, as the process list shows it.
    pub address: String,
    /// The connection attributes that the client sent (`program_name` and others).
    pub attributes: BTreeMap<String, String>,
}

impl Engine {
    /// Builds the engine over a catalog.
    pub fn new(_config: &Config, _catalog: Arc<Catalog>, _clock: Clock) -> Result<Arc<Self>> {
        todo!()
    }

    /// The next connection id, as the greeting shows it and `CONNECTION_ID()` and `KILL` use it.
    pub fn next_connection_id(&self) -> u32 {
        todo!()
    }

    /// Opens a session for a logged-in user. It is in the process list until it is dropped.
    pub fn session(self: &Arc<Self>, _connection_id: u32, _login: Login) -> Session {
        todo!()
    }

    /// Stops a connection's statement, and with `connection` the connection too. `by` must be the same user or root.
    pub fn kill(&self, _by: &str, _connection_id: u32, _connection: bool) -> Result<()> {
        todo!()
    }
}

/// One client's state.
#[derive(Debug)]
pub struct Session {}

/// What the status flags of every packet tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// The variable `autocommit`.
    pub autocommit: bool,
    /// Between BEGIN and COMMIT.
    pub in_transaction: bool,
    /// `sql_mode` has NO_BACKSLASH_ESCAPES.
    pub no_backslash_escapes: bool,
    /// Warnings of the last statement, as `SHOW WARNINGS` lists them.
    pub warnings: u16,
}

/// A prepared statement.
#[derive(Debug)]
pub struct Prepared {
    /// The statement's text.
    pub sql: String,
    /// How many `?` it has.
    pub parameters: usize,
    /// The columns of its answer; empty when it answers with none.
    pub columns: Vec<Column>,
}

impl Session {
    /// Splits a text into its statements by `;`, outside of strings and comments. Empty ones are left out.
    pub fn split<'a>(&self, _sql: &'a str) -> Result<Vec<&'a str>> {
        todo!()
    }

    /// Runs one statement. Dropping the future, or the answer's stream, stops the work.
    pub async fn query(&mut self, _sql: &str) -> Result<Answer> {
        todo!()
    }

    /// Plans a statement without running it: how many parameters it takes and which columns it answers.
    pub async fn prepare(&mut self, _sql: &str) -> Result<Prepared> {
        todo!()
    }

    /// Runs a prepared statement with a value for each `?`.
    pub async fn execute(&mut self, _statement: &Prepared, _parameters: &[ScalarValue]) -> Result<Answer> {
        todo!()
    }

    /// Makes a database the default one; error 1049 when there is no such database.
    pub fn use_database(&mut self, _name: &str) -> Result<()> {
        todo!()
    }

    /// The columns of a table in the default database (the command FIELD_LIST), filtered by a LIKE pattern when it is not empty.
    pub async fn field_list(&mut self, _table: &str, _pattern: &str) -> Result<Vec<Column>> {
        todo!()
    }

    /// Puts variables, database, warnings and user variables back to what they were after the login.
    pub fn reset(&mut self) {
        todo!()
    }

    /// What the status flags tell after the last statement.
    pub fn status(&self) -> Status {
        todo!()
    }

    /// Is done when somebody killed this connection (not only its statement).
    pub async fn killed(&self) {
        todo!()
    }

    /// One line of counters, as the command STATISTICS answers it.
    pub fn statistics(&self) -> String {
        todo!()
    }

    /// A text of a client in the character set that it speaks (`character_set_client`), as Rust text; an error when it is not valid.
    pub fn decode(&self, bytes: Vec<u8>) -> Result<String> {
        String::from_utf8(bytes).map_err(|_| Error::InvalidCharacters)
    }
}
