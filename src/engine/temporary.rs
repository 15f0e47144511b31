//! Temporary tables: a session's own, in memory, gone when it ends.
//!
//! They stand before the lake's tables of the same names. Their memory is the server's, counted in its pool, so a
//! table that is too large is error 1114. It must not know how a statement is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::datasource::MemTable;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;

use super::answer::{Answer, Done};
use super::compact::compact;
use super::dialect::statement::{Query, TableName, Temporary, TemporaryColumn};
use super::error::{Error, Result};
use super::life::{Received, Token};
use super::nearest::Hint;
use super::planner::Tables;
use super::session::Session;
use super::{bind, dialect, metadata, query, statements};
use crate::catalog::{self, Column};

/// Most temporary tables of one session.
const TABLES_MAX: usize = 200;
/// Most columns of one of them.
const COLUMNS_MAX: usize = 4_096;

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
    /// Most characters of each column's texts.
    pub max_characters: Arc<[Option<u32>]>,
    /// What columns are when an INSERT leaves them out.
    defaults: Arc<[Option<ast::Expr>]>,
    /// Names in lower case.
    schema: SchemaRef,
    parts: Vec<Arc<Part>>,
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
        Temporary::Create { name, if_not_exists, columns, query } => {
            create(session, token, name, if_not_exists, columns, query, values).await?
        }
        Temporary::Insert { name, columns, source } => {
            insert(session, token, name, columns, source, values).await?
        }
        Temporary::Drop { names, if_exists, temporary } => drop(session, &names, if_exists, temporary)?,
        Temporary::Truncate(name) => truncate(session, &name)?,
    };
    session.state.row_count = i64::try_from(done.affected_rows).unwrap_or(i64::MAX);
    life.finish();
    Ok(Answer::Done(done))
}

async fn create(
    session: &mut Session,
    token: Token<Received>,
    name: TableName,
    if_not_exists: bool,
    columns: Vec<TemporaryColumn>,
    query: Option<Box<Query>>,
    values: &[ScalarValue],
) -> Result<Done> {
    let key = Tables::new(session.state.database.as_deref()).key(&name)?;
    if metadata::is_system(&key.0) {
        return Err(Error::DatabaseDenied { user: session.account(), database: key.0 });
    }
    let catalog = session.engine.catalog.snapshot();
    let database = catalog.databases.get(&key.0).ok_or_else(|| Error::UnknownDatabase(key.0.clone()))?;
    if session.state.temporary.contains_key(&key) {
        let exists = Error::TableExists(name.table);
        if !if_not_exists {
            return Err(exists);
        }
        session.state.warnings.note(exists.code().0, exists.to_string());
        return Ok(Done::default());
    }
    if session.state.temporary.len() >= TABLES_MAX {
        return Err(Error::TooMany { what: "temporary tables", most: TABLES_MAX });
    }
    let (table, batches) = match query {
        None if columns.is_empty() => {
            return Err(Error::Invalid("A table must have at least 1 column".into()));
        }
        None => (declared(&database.name, name.table, columns)?, Vec::new()),
        Some(_) if !columns.is_empty() => {
            return Err(Error::NotSupported("columns beside the SELECT of CREATE TABLE".into()));
        }
        Some(mut query) => {
            bind::values(&mut query.ast, values)?;
            let (columns, batches) = rows(session, token, *query, &name.table).await?;
            (selected(&database.name, name.table, columns)?, batches)
        }
    };
    let affected_rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let table = filled(session, table, batches)?;
    Arc::make_mut(&mut session.state.temporary).insert(key, Arc::new(table));
    Ok(Done { affected_rows, ..Done::default() })
}

async fn insert(
    session: &mut Session,
    token: Token<Received>,
    name: TableName,
    columns: Option<Vec<String>>,
    mut source: Box<Query>,
    values: &[ScalarValue],
) -> Result<Done> {
    let key = Tables::new(session.state.database.as_deref()).key(&name)?;
    let Some(table) = session.state.temporary.get(&key).cloned() else {
        return Err(statements::refused(session, "INSERT".to_owned(), Some(name)));
    };
    let places = places(&table, columns)?;
    bind::values(&mut source.ast, values)?;
    assigned(&table, &places, &mut source.ast)?;
    let strict = Arc::clone(&session.state.warnings);
    let (_, batches) = rows(session, token, *source, &table.name).await?;
    // What was cut or changed to fit is an error, as in MySQL's strict mode.
    if let Some(warning) = strict.list().into_iter().find(|warning| warning.level == "Warning") {
        return Err(Error::Unfit(warning.message));
    }
    let batches = batches.iter().map(|batch| stored(&table, &places, batch)).collect::<Result<Vec<_>>>()?;
    let affected_rows: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let table = filled(session, table.as_ref().clone(), batches)?;
    Arc::make_mut(&mut session.state.temporary).insert(key, Arc::new(table));
    let info = format!("Records: {affected_rows}  Duplicates: 0  Warnings: 0");
    Ok(Done { affected_rows, info })
}

fn drop(session: &mut Session, names: &[TableName], if_exists: bool, temporary: bool) -> Result<Done> {
    let tables = Tables::new(session.state.database.as_deref());
    let mut keys = Vec::new();
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
        let unknown = Error::UnknownView(format!("{}.{}", key.0, name.table));
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
) -> Result<(Vec<super::answer::Column>, Vec<RecordBatch>)> {
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

/// A table as CREATE TABLE declares it.
fn declared(database: &str, name: String, declared: Vec<TemporaryColumn>) -> Result<TemporaryTable> {
    let mut columns = Vec::with_capacity(declared.len());
    let (mut max_characters, mut defaults) = (Vec::new(), Vec::new());
    for TemporaryColumn { name, data_type, max_characters: characters, nullable, default, comment } in
        declared
    {
        let data_type = match catalog::types::parse(&data_type).map_err(Error::Invalid)? {
            // A TIME is a length of time, of which a clock has no more than a day.
            DataType::Time32(unit) | DataType::Time64(unit) => DataType::Duration(unit),
            data_type => data_type,
        };
        columns.push(Column { name, data_type, nullable, comment, is_partition: false });
        max_characters.push(characters);
        defaults.push(default);
    }
    table(database, name, columns, max_characters, defaults)
}

/// A table with the columns of a query.
fn selected(database: &str, name: String, answered: Vec<super::answer::Column>) -> Result<TemporaryTable> {
    let max_characters = answered.iter().map(|column| column.max_characters).collect();
    let defaults = vec![None; answered.len()];
    let column = |column: super::answer::Column| Column {
        name: column.name,
        data_type: column.data_type,
        nullable: true,
        comment: String::new(),
        is_partition: false,
    };
    table(database, name, answered.into_iter().map(column).collect(), max_characters, defaults)
}

fn table(
    database: &str,
    name: String,
    columns: Vec<Column>,
    max_characters: Vec<Option<u32>>,
    defaults: Vec<Option<ast::Expr>>,
) -> Result<TemporaryTable> {
    if columns.len() > COLUMNS_MAX {
        return Err(Error::TooMany { what: "columns", most: COLUMNS_MAX });
    }
    let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
    for column in &columns {
        let lower = column.name.to_lowercase();
        if fields.iter().any(|field| *field.name() == lower) {
            return Err(Error::DuplicateColumn(column.name.clone()));
        }
        fields.push(Field::new(lower, column.data_type.clone(), column.nullable));
    }
    Ok(TemporaryTable {
        database: database.to_owned(),
        name,
        columns: columns.into(),
        max_characters: max_characters.into(),
        defaults: defaults.into(),
        schema: Arc::new(Schema::new(fields)),
        parts: Vec::new(),
    })
}

/// The places of the columns that an INSERT names; all in order when it names none.
fn places(table: &TemporaryTable, columns: Option<Vec<String>>) -> Result<Vec<usize>> {
    let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
        return Ok((0..table.columns.len()).collect());
    };
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        let lower = column.to_lowercase();
        let place = table.schema.index_of(&lower).map_err(|_| Error::UnknownColumn {
            column: column.clone(),
            clause: "field list".into(),
            hint: Hint::default(),
        })?;
        if places.contains(&place) {
            return Err(Error::DuplicateColumn(column));
        }
        places.push(place);
    }
    for (place, column) in table.columns.iter().enumerate() {
        if !column.nullable && table.defaults[place].is_none() && !places.contains(&place) {
            return Err(Error::NoDefault(column.name.clone()));
        }
    }
    Ok(places)
}

/// Makes of a query's columns what the table's columns take, by MySQL's conversions.
fn assigned(table: &TemporaryTable, places: &[usize], query: &mut ast::Query) -> Result<()> {
    let converted = |place: usize, value: ast::Expr| {
        dialect::converted(value, &table.columns[place].data_type, table.max_characters[place])
    };
    if let ast::SetExpr::Values(values) = query.body.as_mut() {
        for (row, values) in values.rows.iter_mut().enumerate() {
            if values.content.len() != places.len() {
                return Err(Error::ValueCount(row + 1));
            }
            for (value, place) in values.content.iter_mut().zip(places) {
                let taken = std::mem::replace(value, ast::Expr::Value(ast::Value::Null.into()));
                // A bare DEFAULT is the column's.
                *value = match &taken {
                    ast::Expr::Identifier(name) if name.value == "default" => {
                        table.defaults[*place].clone().unwrap_or(ast::Expr::Value(ast::Value::Null.into()))
                    }
                    _ => taken,
                };
                let taken = std::mem::replace(value, ast::Expr::Value(ast::Value::Null.into()));
                *value = converted(*place, taken);
            }
        }
        return Ok(());
    }
    dialect::convert_columns(query, places.len(), |column, value| converted(places[column], value));
    Ok(())
}

/// A query's rows as the table's.
fn stored(table: &TemporaryTable, places: &[usize], batch: &RecordBatch) -> Result<RecordBatch> {
    if batch.num_columns() != places.len() {
        return Err(Error::ValueCount(1));
    }
    let columns = table.schema.fields().iter().enumerate().map(|(place, field)| -> Result<ArrayRef> {
        let name = &table.columns[place].name;
        let Some(column) = places.iter().position(|taken| *taken == place) else {
            let default = table.defaults[place].as_ref().map(|default| literal(default, field.data_type()));
            return match default {
                Some(default) => Ok(default?.to_array_of_size(batch.num_rows())?),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            };
        };
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let array = cast_with_options(batch.column(column), field.data_type(), &options)
            .map_err(|_| Error::OutOfColumn(name.clone()))?;
        if !field.is_nullable() && array.null_count() > 0 {
            return Err(Error::NullColumn(name.clone()));
        }
        Ok(array)
    });
    Ok(RecordBatch::try_new(Arc::clone(&table.schema), columns.collect::<Result<Vec<_>>>()?)
        .map_err(datafusion::common::DataFusionError::from)?)
}

/// A DEFAULT, which is a literal.
fn literal(default: &ast::Expr, data_type: &DataType) -> Result<ScalarValue> {
    let text = match default {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Null => return Ok(ScalarValue::try_from(data_type)?),
            ast::Value::Number(text, _) | ast::Value::SingleQuotedString(text) => text.clone(),
            ast::Value::Boolean(truth) => u8::from(*truth).to_string(),
            other => return Err(Error::Invalid(format!("Invalid default value {other}"))),
        },
        other => other.to_string(),
    };
    ScalarValue::try_from_string(text.clone(), data_type)
        .map_err(|_| Error::Invalid(format!("Invalid default value '{text}'")))
}

/// The table with more rows.
fn filled(session: &Session, mut table: TemporaryTable, batches: Vec<RecordBatch>) -> Result<TemporaryTable> {
    for batch in batches.into_iter().filter(|batch| batch.num_rows() > 0) {
        let batch = batch
            .with_schema(Arc::clone(&table.schema))
            .map_err(datafusion::common::DataFusionError::from)?;
        let mut memory = reservation(session);
        grow(&mut memory, &batch, &table.name)?;
        table.parts.push(Arc::new(Part { batch, _memory: memory }));
    }
    Ok(table)
}

fn reservation(session: &Session) -> MemoryReservation {
    let pool = &session.engine.memory.environment().memory_pool;
    MemoryConsumer::new("temporary table").register(pool)
}

fn grow(memory: &mut MemoryReservation, batch: &RecordBatch, table: &str) -> Result<()> {
    memory.try_grow(get_record_batch_memory_size(batch)).map_err(|_| Error::TableFull(table.to_owned()))
}
