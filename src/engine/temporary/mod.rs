//! Temporary tables: a session's own, in memory, gone when it ends.
//!
//! They stand before the lake's tables of the same names. Their memory is the server's, counted in its pool, so a
//! table that is too large is error 1114. It must not know how a statement is written.

mod create;
mod insert;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::StreamExt;

use super::answer::{self, Answer, Done};
use super::caller::Caller;
use super::compact::compact;
use super::dialect::statement::{DefaultValue, Query, TableName, Temporary};
use super::error::{Error, Result};
use super::life::{Received, Token};
use super::planner::{Strategy, Tables};
use super::session::Session;
use super::types::MysqlType;
use super::{metadata, query, statements};
use crate::catalog::Column;

/// A session's temporary tables, by database and name in lower case.
pub type TemporaryTables = BTreeMap<(String, String), Arc<TemporaryTable>>;

/// A temporary table. A change makes a new one, so a statement that reads it sees it unchanged.
#[derive(Clone, Debug)]
pub struct TemporaryTable {
    /// The database's name, as written.
    pub database: String,
    /// As written.
    pub name: String,
    /// As written.
    pub columns: Arc<[Column]>,
    /// The type of each column.
    pub declared: Arc<[MysqlType]>,
    /// What each column is when nobody says it.
    pub defaults: Arc<[Default]>,
    /// Names in lower case.
    schema: SchemaRef,
    parts: Vec<Arc<Part>>,
}

/// What a column is when an INSERT leaves it out.
#[derive(Clone, Debug, Default)]
pub struct Default {
    value: Option<DefaultValue>,
    /// A constant as the column has it.
    shown: Option<String>,
    /// ON UPDATE CURRENT_TIMESTAMP.
    updated: bool,
}

impl Default {
    /// As `information_schema` tells it; `None` is NULL.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Some(value) if !value.is_literal => Some(&value.text),
            _ => self.shown.as_deref(),
        }
    }

    /// Whether it is computed anew for each row.
    pub fn is_computed(&self) -> bool {
        self.value.as_ref().is_some_and(|value| !value.is_literal)
    }

    /// Whether a change of the row puts the time into the column.
    pub fn is_updated(&self) -> bool {
        self.updated
    }

    /// What `information_schema` tells beside it.
    pub fn extra(&self) -> Cow<'static, str> {
        let digits = self.value.as_ref().and_then(|value| value.text.strip_prefix("CURRENT_TIMESTAMP"));
        match (self.is_computed(), self.updated) {
            (false, false) => "".into(),
            (true, false) => "DEFAULT_GENERATED".into(),
            (false, true) => "on update CURRENT_TIMESTAMP".into(),
            (true, true) => {
                format!("DEFAULT_GENERATED on update CURRENT_TIMESTAMP{}", digits.unwrap_or_default()).into()
            }
        }
    }
}

/// Rows of one INSERT, with the memory that they take.
#[derive(Debug)]
struct Part {
    batch: RecordBatch,
    _memory: MemoryReservation,
}

impl TemporaryTable {
    /// What is scanned.
    pub fn provider(&self) -> Result<Arc<MemTable>> {
        let batches = self.parts.iter().map(|part| part.batch.clone()).collect();
        Ok(Arc::new(MemTable::try_new(Arc::clone(&self.schema), vec![batches])?))
    }

    /// The table with more rows.
    fn filled(mut self, session: &Session, batches: Vec<RecordBatch>) -> Result<Self> {
        for batch in batches.into_iter().filter(|batch| batch.num_rows() > 0) {
            let mut memory = reservation(session);
            grow(&mut memory, &batch, &self.name)?;
            self.parts.push(Arc::new(Part { batch, _memory: memory }));
        }
        Ok(self)
    }
}

/// Runs a statement about a temporary table; one that means a table of the lake is refused.
pub async fn answer(
    session: &mut Session,
    token: Token<Received>,
    change: Temporary,
    values: &[ScalarValue],
) -> Result<Answer> {
    let life = Arc::clone(token.life());
    let done = match change {
        Temporary::Create { name, if_not_exists, content } => {
            create::create(session, token, name, if_not_exists, content, values).await?
        }
        Temporary::Insert { name, columns, source, ignore, replaces } => {
            let command = if replaces { "REPLACE" } else { "INSERT" };
            insert::insert(session, token, (command, name), columns, *source, ignore, values).await?
        }
        Temporary::Drop { names, if_exists, temporary } => drop(session, &names, if_exists, temporary)?,
        Temporary::Truncate(name) => truncate(session, &name)?,
    };
    session.state.row_count = i64::try_from(done.affected_rows).unwrap_or(i64::MAX);
    life.finish();
    Ok(Answer::Done(done))
}

fn drop(session: &mut Session, names: &[TableName], if_exists: bool, temporary: bool) -> Result<Done> {
    let tables = Tables::new(session.state.database.as_deref());
    let (mut keys, mut unknown) = (Vec::new(), Vec::new());
    for name in names {
        let key = tables.key(name)?;
        if session.state.temporary.contains_key(&key) {
            keys.push(key);
            continue;
        }
        let catalog = session.engine.catalog.snapshot();
        let of_lake =
            catalog.databases.get(&key.0).is_some_and(|database| database.tables.contains_key(&key.1));
        if !temporary && (of_lake || metadata::is_system(&key.0)) {
            return Err(statements::refused(session, "DROP TABLE".to_owned(), Some(name.clone())));
        }
        unknown.push(format!("{}.{}", key.0, name.table));
    }
    if !unknown.is_empty() {
        let unknown = Error::UnknownView(unknown.join(","));
        if !if_exists {
            return Err(unknown);
        }
        session.state.warnings.note(unknown.code().0, unknown.to_string());
    }
    let kept = Arc::make_mut(&mut session.state.temporary);
    for key in keys {
        kept.remove(&key);
    }
    Ok(Done::default())
}

fn truncate(session: &mut Session, name: &TableName) -> Result<Done> {
    let key = Tables::new(session.state.database.as_deref()).key(name)?;
    let Some(table) = session.state.temporary.get(&key) else {
        return Err(statements::refused(session, "DROP".to_owned(), Some(name.clone())));
    };
    let emptied = TemporaryTable { parts: Vec::new(), ..table.as_ref().clone() };
    Arc::make_mut(&mut session.state.temporary).insert(key, Arc::new(emptied));
    Ok(Done::default())
}

/// All rows of a query for a table of that name, with its columns.
async fn rows(
    session: &mut Session,
    token: Token<Received>,
    query: Query,
    table: &str,
) -> Result<(Vec<answer::Column>, Vec<RecordBatch>)> {
    let Answer::Rows(mut rows) = query::select(session, token, query.into()).await? else {
        return Err(Error::Internal("a query without rows".into()));
    };
    // What is not a table yet is held within a limit of its own until it is one.
    let mut memory = reservation(session);
    let mut batches = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch = compact(&batch?)?;
        grow(&mut memory, &batch, table)?;
        batches.push(batch);
    }
    Ok((rows.columns, batches))
}

/// What a query warns of is an error where its rows are kept, as in MySQL's strict mode.
fn forbid_warnings(session: &Session) -> Result<()> {
    let warnings = session.state.warnings.list();
    match warnings.into_iter().find(|warning| warning.level == "Warning") {
        Some(warning) => Err(Error::Warned { code: warning.code, message: warning.message }),
        None => Ok(()),
    }
}

/// What functions see of the statement.
fn options(session: &Session) -> Arc<ConfigOptions> {
    let settings = Caller::of(session).settings(Strategy::default());
    Arc::clone(session.engine.planner.statement(settings).state().config_options())
}

fn reservation(session: &Session) -> MemoryReservation {
    let pool = &session.engine.memory.environment().memory_pool;
    MemoryConsumer::new("temporary table").register(pool)
}

fn grow(memory: &mut MemoryReservation, batch: &RecordBatch, table: &str) -> Result<()> {
    memory.try_grow(get_record_batch_memory_size(batch)).map_err(|_| Error::TableFull(table.to_owned()))
}
