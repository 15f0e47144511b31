//! CREATE TEMPORARY TABLE: with columns as they are declared, as another table has them, or as a query answers them.
//!
//! It must not know how rows are added later.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use super::{Default, TemporaryTable, forbid_warnings, options, rows};
use crate::catalog;
use crate::engine::answer::{self, Done};
use crate::engine::bind;
use crate::engine::caller::Caller;
use crate::engine::declared::Misdeclared;
use crate::engine::dialect::statement::{Content, DefaultValue, TableName, TemporaryColumn};
use crate::engine::error::{Error, Result};
use crate::engine::functions::stored::Target;
use crate::engine::life::{Life, Received, Token};
use crate::engine::metadata;
use crate::engine::planner::Tables;
use crate::engine::session::Session;
use crate::engine::types::MysqlType;

/// Most temporary tables of one session.
const TABLES_MAX: usize = 200;
/// Most columns of one of them.
const COLUMNS_MAX: usize = 4_096;

/// Makes a table, unless there is one of the name.
pub async fn create(
    session: &mut Session,
    token: Token<Received>,
    name: TableName,
    if_not_exists: bool,
    content: Content,
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
    let (columns, batches) = match content {
        Content::Columns(declared) => (columns(session, token.life(), declared).await?, Vec::new()),
        Content::Like(other) => (like(session, &other).await?, Vec::new()),
        Content::Query(mut query) => {
            bind::values(&mut query.ast, values)?;
            let (answered, batches) = rows(session, token, *query, &name.table).await?;
            if session.state.variables.acting().strict {
                forbid_warnings(session)?;
            }
            (answered.into_iter().map(selected).collect(), batches)
        }
    };
    let table = table(&database.name, name.table, columns)?;
    let affected_rows: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let options = options(session);
    let batches = batches.iter().map(|batch| taken(&table, batch, &options)).collect::<Result<Vec<_>>>()?;
    let table = table.filled(session, batches)?;
    Arc::make_mut(&mut session.state.temporary).insert(key, Arc::new(table));
    Ok(Done { affected_rows, ..Done::default() })
}

/// A column of the new table.
struct NewColumn {
    column: catalog::Column,
    kind: MysqlType,
    default: Default,
}

/// The columns as they are declared.
async fn columns(session: &Session, life: &Life, declared: Vec<TemporaryColumn>) -> Result<Vec<NewColumn>> {
    if declared.is_empty() {
        return Err(Misdeclared::NoColumns.into());
    }
    let mut columns = Vec::with_capacity(declared.len());
    for TemporaryColumn { name, kind, nullable, default, updated, comment } in declared {
        let shown = match &default {
            Some(default) => checked(session, life, &name, kind, default).await?,
            None => None,
        };
        let column =
            catalog::Column { name, data_type: kind.storage(), nullable, comment, is_partition: false };
        columns.push(NewColumn { column, kind, default: Default { value: default, shown, updated } });
    }
    Ok(columns)
}

/// A default as its column shows it. A constant has to fit; what is computed has at least to be computable.
async fn checked(
    session: &Session,
    life: &Life,
    column: &str,
    kind: MysqlType,
    default: &DefaultValue,
) -> Result<Option<String>> {
    let value = match Caller::of(session).evaluate(life, default.value.clone()).await {
        Ok(value) => value,
        Err(Error::UnknownColumn { .. }) => {
            return Err(Error::NotSupported("a default that reads other columns".into()));
        }
        Err(error) => return Err(error),
    };
    if !default.is_literal || value.is_null() {
        return Ok(None);
    }
    let options = options(session);
    let store = |kind: MysqlType, value: ColumnarValue, field: Field| {
        let target = Target { kind, name: column.to_owned(), strict: true };
        target.store(value, &Arc::new(field), 1, 1, &options)
    };
    let field = Field::new(column, value.data_type(), true);
    let stored = store(kind, ColumnarValue::Scalar(value), field)
        .map_err(|_| Misdeclared::Default(column.to_owned()))?;
    let field = kind.field(column.to_owned(), kind.storage(), true);
    let text = store(MysqlType::Text { characters: u32::MAX }, ColumnarValue::Array(stored), field)?;
    Ok(text.as_string_view().iter().next().flatten().map(str::to_owned))
}

/// The columns of another table.
async fn like(session: &Session, other: &TableName) -> Result<Vec<NewColumn>> {
    let key = Tables::new(session.state.database.as_deref()).key(other)?;
    if let Some(table) = session.state.temporary.get(&key) {
        let columns = table.columns.iter().zip(table.declared.iter()).zip(table.defaults.iter());
        return Ok(columns
            .map(|((column, kind), default)| NewColumn {
                column: column.clone(),
                kind: *kind,
                default: default.clone(),
            })
            .collect());
    }
    let columns = metadata::columns_of_table(&Caller::of(session).metadata(), other).await?;
    let column = |(column, kind): (catalog::Column, MysqlType)| NewColumn {
        column: catalog::Column { data_type: kind.storage(), is_partition: false, ..column },
        kind,
        default: Default::default(),
    };
    Ok(columns.into_iter().map(column).collect())
}

/// A column of a query as the table has it.
fn selected(answered: answer::Column) -> NewColumn {
    let shown = MysqlType::of(&answered.data_type, answered.max_characters, answered.json);
    let kind = match answered.declared.unwrap_or_else(|| shown.showing(answered.digits)) {
        // NULL alone has no type; MySQL makes a string without bytes of it.
        MysqlType::Null => MysqlType::Binary { bytes: 0 },
        _ if answered.is_computed_truth() => MysqlType::Integer { bytes: 8, unsigned: false },
        kind => kind,
    };
    let data_type = if answered.data_type.is_nested() { answered.data_type } else { kind.storage() };
    let column = catalog::Column {
        name: answered.name,
        data_type,
        nullable: true,
        comment: String::new(),
        is_partition: false,
    };
    NewColumn { column, kind, default: Default::default() }
}

fn table(database: &str, name: String, new: Vec<NewColumn>) -> Result<TemporaryTable> {
    if new.len() > COLUMNS_MAX {
        return Err(Error::TooMany { what: "columns", most: COLUMNS_MAX });
    }
    let mut fields: Vec<Field> = Vec::with_capacity(new.len());
    let (mut columns, mut declared, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
    for NewColumn { column, kind, default } in new {
        let lower = column.name.to_lowercase();
        if fields.iter().any(|field| *field.name() == lower) {
            return Err(Error::DuplicateColumn(column.name));
        }
        fields.push(kind.field(lower, column.data_type.clone(), column.nullable));
        columns.push(column);
        declared.push(kind);
        defaults.push(default);
    }
    Ok(TemporaryTable {
        database: database.to_owned(),
        name,
        columns: columns.into(),
        declared: declared.into(),
        defaults: defaults.into(),
        schema: Arc::new(Schema::new(fields)),
        parts: Vec::new(),
    })
}

/// Rows of the query that the table is made of.
fn taken(table: &TemporaryTable, batch: &RecordBatch, options: &Arc<ConfigOptions>) -> Result<RecordBatch> {
    let columns = table.schema.fields().iter().enumerate().map(|(place, field)| -> Result<ArrayRef> {
        let array = batch.column(place);
        let (from, to) = (array.data_type(), field.data_type());
        if from == to {
            return Ok(Arc::clone(array));
        }
        if can_cast_types(from, to) && *from != DataType::Null {
            return cast(array, to).map_err(|error| DataFusionError::from(error).into());
        }
        // A time of day is a length of time.
        let kind = table.declared[place];
        let target = Target { kind, name: table.columns[place].name.clone(), strict: false };
        let field = &batch.schema_ref().fields()[place];
        Ok(target.store(ColumnarValue::Array(Arc::clone(array)), field, array.len(), 1, options)?)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(&table.schema), columns).map_err(DataFusionError::from)?)
}
