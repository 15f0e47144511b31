//! A client that is logged in, and the answer to each of its commands.
//!
//! It must not know how the client logged in or when it leaves; that is `connection`.

use std::sync::Arc;

use bytes::Bytes;
use mysql_common::constants::{CapabilityFlags, StatusFlags};
use tokio::io::AsyncWrite;

use super::column;
use super::command::Command;
use super::error::{Error, Result};
use super::parameter;
use super::reply::Replies;
use super::rows::{Cursor, Format};
use super::statement::Statements;
use crate::engine::answer::{Answer, Done};
use crate::engine::changes::Told;
use crate::engine::session::{Engine, Session};

/// NULL where a text would be: a column without a default value.
const NO_DEFAULT: u8 = 0xFB;

/// A client's side of one session.
pub struct Client<'a, W> {
    /// Where answers go.
    pub replies: &'a mut Replies<W>,
    /// The client's state in the engine.
    pub session: Session,
    engine: Arc<Engine>,
    user: String,
    statements: Statements,
    /// Whether one query may hold several statements.
    multi_statements: bool,
}

impl<'a, W: AsyncWrite + Unpin> Client<'a, W> {
    /// A client at the beginning of its session. Neither the texts of its prepared statements nor what it sends ahead for
    /// them may take more bytes than one packet.
    pub fn new(
        replies: &'a mut Replies<W>,
        session: Session,
        engine: Arc<Engine>,
        user: String,
        packet_bytes_max: usize,
    ) -> Self {
        let multi_statements = replies.capabilities.contains(CapabilityFlags::CLIENT_MULTI_STATEMENTS);
        let statements = Statements::new(packet_bytes_max);
        Self { replies, session, engine, user, statements, multi_statements }
    }

    /// Answers a command, with an error if it fails. The error that is returned ends the connection.
    pub async fn answer(&mut self, command: Result<Command>) -> Result<()> {
        let acting = self.session.variables().acting();
        self.replies.packets.set_write_timeout(acting.net_write_timeout);
        self.replies.results_set = acting.results_set;
        let result = match command {
            Ok(command) => self.run(command).await,
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => self.replies.error(&error),
            Ok(()) => {}
        }
        self.replies.flush().await?;
        self.replies.packets.rest();
        Ok(())
    }

    async fn run(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Query(text) => self.query(text).await?,
            Command::Prepare(text) => self.prepare(text).await?,
            Command::Execute { id, cursor, parameters } => self.execute(id, cursor, &parameters).await?,
            Command::Fetch { id, rows } => self.fetch(id, rows as usize).await?,
            Command::SendLongData { id, parameter, data } => {
                self.statements.add_long_data(id, parameter, &data)
            }
            Command::Close(id) => self.statements.close(id),
            Command::ResetStatement(id) => {
                self.statements.get(id, "mysqld_stmt_reset")?.cursor = None;
                self.statements.forget_long_data(id);
                self.ok(&Done::default());
            }
            Command::InitDatabase(name) => {
                let name = self.session.decode(name.into())?;
                self.session.use_database(&name)?;
                self.ok(&Done::default());
            }
            Command::FieldList { table, pattern } => self.field_list(table, pattern).await?,
            Command::Ping => self.ok(&Done::default()),
            Command::Statistics => {
                let line = self.session.statistics();
                self.replies.packets.packet(|out| out.extend_from_slice(line.as_bytes()));
            }
            Command::ProcessInfo => self.statement("SHOW PROCESSLIST", StatusFlags::empty()).await?,
            Command::ProcessKill(connection) => {
                self.engine.kill(&self.user, connection, true)?;
                self.ok(&Done::default());
            }
            Command::ResetConnection => {
                self.session.reset();
                self.statements.clear();
                self.ok(&Done::default());
            }
            Command::SetMultiStatements(on) => {
                self.multi_statements = on;
                self.eof(StatusFlags::empty());
            }
            Command::Quit | Command::ChangeUser(_) => unreachable!("the connection itself handles these"),
        }
        Ok(())
    }

    async fn query(&mut self, text: Bytes) -> Result<()> {
        let text = self.session.decode_statements(text.into())?;
        let may_be_several = self.multi_statements && text.contains(';');
        let statements = if may_be_several { self.session.split(&text)? } else { Vec::new() };
        let Some((last, others)) = statements.split_last() else {
            return self.statement(&text, StatusFlags::empty()).await;
        };
        for statement in others {
            self.statement(statement, StatusFlags::SERVER_MORE_RESULTS_EXISTS).await?;
        }
        self.statement(last, StatusFlags::empty()).await
    }

    async fn statement(&mut self, sql: &str, flags: StatusFlags) -> Result<()> {
        let answer = self.session.query(sql).await;
        // The statement itself may have set it.
        self.replies.results_set = self.session.variables().acting().results_set;
        self.result(answer?, Format::Text, flags).await
    }

    async fn result(&mut self, answer: Answer, format: Format, flags: StatusFlags) -> Result<()> {
        match answer {
            Answer::Done(done) => {
                let changes = self.changes();
                self.replies.ok(&done, &changes, self.session.status(), flags);
            }
            Answer::Rows(rows) => {
                self.replies.rows(rows, format, self.session.status(), flags).await?;
                self.eof(flags);
            }
        }
        Ok(())
    }

    async fn prepare(&mut self, text: Bytes) -> Result<()> {
        let text = self.session.decode_statements(text.into())?;
        let prepared = self.session.prepare(&text).await?;
        let columns = prepared.columns.clone();
        let (column_count, parameter_count) = (columns.len() as u16, prepared.parameters as u16);
        let id = self.statements.add(prepared)?;
        let warnings = self.session.status().warnings;

        let packets = &mut self.replies.packets;
        packets.packet(|out| {
            out.push(0);
            out.extend_from_slice(&id.to_le_bytes());
            out.extend_from_slice(&column_count.to_le_bytes());
            out.extend_from_slice(&parameter_count.to_le_bytes());
            out.push(0);
            out.extend_from_slice(&warnings.to_le_bytes());
        });
        (0..parameter_count).for_each(|_| packets.packet(column::put_parameter));
        if parameter_count > 0 && !self.replies.deprecates_eof() {
            self.eof(StatusFlags::empty());
        }
        for column in &columns {
            let set = self.replies.results_set;
            self.replies.packets.packet(|out| column::put_definition(out, column, set));
        }
        if column_count > 0 && !self.replies.deprecates_eof() {
            self.eof(StatusFlags::empty());
        }
        Ok(())
    }

    async fn execute(&mut self, id: u32, cursor: bool, parameters: &[u8]) -> Result<()> {
        let set = self.session.variables().acting().client_set;
        let statement = self.statements.get(id, "mysqld_stmt_execute")?;
        statement.cursor = None;
        let values = match statement.long_data_error.take() {
            Some(error) => Err(error),
            None => {
                let count = statement.prepared.parameters;
                parameter::values(parameters, count, &mut statement.types, &statement.long_data, set)
            }
        };
        self.statements.forget_long_data(id);
        let statement = self.statements.get(id, "mysqld_stmt_execute")?;
        let answer = self.session.execute(&statement.prepared, &values?).await?;
        match answer {
            Answer::Rows(rows) if cursor => {
                let cursor = Cursor::new(rows);
                let flags = StatusFlags::SERVER_STATUS_CURSOR_EXISTS;
                self.replies.definitions(cursor.columns());
                self.replies.eof(self.session.status(), flags);
                statement.cursor = Some(cursor);
                Ok(())
            }
            answer => self.result(answer, Format::Binary, StatusFlags::empty()).await,
        }
    }

    async fn fetch(&mut self, id: u32, rows: usize) -> Result<()> {
        let statement = self.statements.get(id, "mysqld_stmt_fetch")?;
        let Some(cursor) = &mut statement.cursor else { return Err(Error::NoCursor(id)) };
        let more = cursor.fetch(self.replies, rows).await;
        if !matches!(more, Ok(true)) {
            statement.cursor = None;
        }
        let flags = if more? {
            StatusFlags::SERVER_STATUS_CURSOR_EXISTS
        } else {
            StatusFlags::SERVER_STATUS_LAST_ROW_SENT
        };
        self.eof(flags);
        Ok(())
    }

    async fn field_list(&mut self, table: Bytes, pattern: Bytes) -> Result<()> {
        let table = self.session.decode(table.into())?;
        let pattern = self.session.decode(pattern.into())?;
        for column in self.session.field_list(&table, &pattern).await? {
            let set = self.replies.results_set;
            self.replies.packets.packet(|out| {
                column::put_definition(out, &column, set);
                out.push(NO_DEFAULT);
            });
        }
        self.eof(StatusFlags::empty());
        Ok(())
    }

    fn ok(&mut self, done: &Done) {
        let changes = self.changes();
        self.replies.ok(done, &changes, self.session.status(), StatusFlags::empty());
    }

    fn changes(&mut self) -> Told {
        if self.replies.tracks_session() { self.session.tell_changes() } else { Told::default() }
    }

    fn eof(&mut self, flags: StatusFlags) {
        self.replies.eof(self.session.status(), flags);
    }
}
