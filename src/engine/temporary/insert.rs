//! INSERT into a temporary table: which value goes where, and rows as the table's columns take them.
//!
//! It must not know how a value is converted.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, Scalar, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{cast, is_null};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::sql::sqlparser::ast::{self, visit_expressions};

use super::{TemporaryTable, forbid_warnings, options, rows};
use crate::engine::answer::Done;
use crate::engine::dialect::statement::{Heading, Query, TableName};
use crate::engine::error::{Error, Result};
use crate::engine::functions::Warnings;
use crate::engine::functions::stored::Target;
use crate::engine::life::{Received, Token};
use crate::engine::nearest::Hint;
use crate::engine::planner::Tables;
use crate::engine::session::Session;
use crate::engine::types::MysqlType;
use crate::engine::{bind, dialect, statements};

/// Adds the rows of VALUES or of a query to a table; all of them or none.
pub async fn insert(
    session: &mut Session,
    token: Token<Received>,
    (command, name): (&str, TableName),
    columns: Option<Vec<String>>,
    mut source: Query,
    ignore: bool,
    values: &[ScalarValue],
) -> Result<Done> {
    let key = Tables::new(session.state.database.as_deref()).key(&name)?;
    let Some(table) = session.state.temporary.get(&key).cloned() else {
        return Err(statements::refused(session, command.to_owned(), Some(name)));
    };
    let strict = session.state.variables.acting().strict && !ignore;
    bind::values(&mut source.ast, values)?;
    let listed = match source.ast.body.as_mut() {
        ast::SetExpr::Values(values) => Some(std::mem::take(&mut values.rows)),
        _ => None,
    };
    // Nothing in both lists means a row of defaults.
    let all_defaults = listed.as_ref().is_some_and(|rows| rows.iter().all(|row| row.content.is_empty()));
    let columns = if all_defaults && columns.is_none() { Some(Vec::new()) } else { columns };
    let mut insert = Insert::new(&table, columns, all_defaults, strict)?;
    insert.tolerates_null = !strict && (ignore || listed.as_ref().is_none_or(|rows| rows.len() > 1));
    insert.tell_missing(&session.state.warnings)?;
    let is_one_row = listed.as_ref().is_some_and(|rows| rows.len() == 1);
    let pieces = match listed {
        Some(rows) => insert.pieces(&source, rows.into_iter().map(|row| row.content).collect())?,
        None => vec![insert.selected(source)],
    };
    let batches = insert.run(session, token, pieces).await?;
    if strict {
        forbid_warnings(session)?;
    }
    let affected_rows: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let filled = table.as_ref().clone().filled(session, batches)?;
    Arc::make_mut(&mut session.state.temporary).insert(key, Arc::new(filled));
    let warnings = session.state.warnings.count();
    let info = match is_one_row {
        true => String::new(),
        false => format!("Records: {affected_rows}  Duplicates: 0  Warnings: {warnings}"),
    };
    Ok(Done { affected_rows, info })
}

/// A part of the rows: what can be asked in one query.
struct Piece {
    /// None when every value is missing.
    query: Option<Query>,
    /// Whether its values are converted inside of the query, as each of them has its own type.
    is_stored: bool,
    rows: usize,
}

/// Where values go.
struct Insert<'a> {
    table: &'a TemporaryTable,
    /// The places of the values: of those that are given, then of those that defaults make.
    places: Vec<usize>,
    /// How many are given.
    given: usize,
    strict: bool,
    /// Whether NULL becomes the nearest value where a column has none.
    tolerates_null: bool,
}

impl<'a> Insert<'a> {
    fn new(
        table: &'a TemporaryTable,
        columns: Option<Vec<String>>,
        all_defaults: bool,
        strict: bool,
    ) -> Result<Self> {
        let mut places = match columns {
            Some(columns) if all_defaults || !columns.is_empty() => named(table, columns)?,
            _ => (0..table.columns.len()).collect(),
        };
        let given = places.len();
        let omitted = (0..table.columns.len()).filter(|place| !places.contains(place));
        let defaults: Vec<usize> = omitted.filter(|place| table.defaults[*place].value.is_some()).collect();
        places.extend(defaults);
        Ok(Self { table, places, given, strict, tolerates_null: false })
    }

    /// Columns that nobody gives a value although they need one.
    fn tell_missing(&self, warnings: &Warnings) -> Result<()> {
        for (place, column) in self.table.columns.iter().enumerate() {
            if column.nullable || self.places.contains(&place) {
                continue;
            }
            let missing = Error::NoDefault(column.name.clone());
            if self.strict || implicit(self.table.declared[place]).is_none() {
                return Err(missing);
            }
            warnings.push(missing.code().0, missing.to_string());
        }
        Ok(())
    }

    fn target(&self, place: usize) -> Target {
        let (kind, column) = (self.table.declared[place], &self.table.columns[place].name);
        // What is wrong with a document is told with the table's name.
        let name = match kind {
            MysqlType::Json => format!("{}.{column}", self.table.name),
            _ => column.clone(),
        };
        Target { kind, name, strict: self.strict }
    }

    /// What a column is by default; NULL where it has none and may be NULL.
    fn default(&self, place: usize) -> Result<ast::Expr> {
        match &self.table.defaults[place].value {
            Some(default) => Ok(default.value.clone()),
            None if self.table.columns[place].nullable || self.tolerates_null => {
                Ok(ast::Expr::Value(ast::Value::Null.into()))
            }
            None => Err(Error::NoDefault(self.table.columns[place].name.clone())),
        }
    }

    /// A query's rows, with the defaults of columns that it does not give.
    fn selected(&self, mut source: Query) -> Piece {
        let defaults = self.places[self.given..].iter();
        let defaults: Vec<ast::Expr> = defaults
            .filter_map(|place| Some(self.table.defaults[*place].value.as_ref()?.value.clone()))
            .collect();
        if !defaults.is_empty() {
            dialect::with_columns(&mut source, defaults);
        }
        Piece { query: Some(source), is_stored: false, rows: 0 }
    }

    /// The rows of VALUES. Those with subqueries are queries of their own, the others are asked together.
    fn pieces(&self, source: &Query, rows: Vec<Vec<ast::Expr>>) -> Result<Vec<Piece>> {
        let count = self.places.len();
        let query = |ast: ast::Query| Query {
            ast,
            headings: (0..count).map(|place| Heading::Text(format!("column_{place}"))).collect(),
            ..source.clone()
        };
        let together = |rows: Vec<Vec<ast::Expr>>| {
            let count = rows.len();
            Piece { query: Some(query(dialect::values(rows))), is_stored: true, rows: count }
        };
        let mut pieces = Vec::new();
        let mut plain = Vec::new();
        for (index, row) in rows.into_iter().enumerate() {
            if row.len() != self.given {
                return Err(Error::ValueCount(index + 1));
            }
            let row = self.completed(row)?;
            if count == 0 {
                pieces.push(Piece { query: None, is_stored: true, rows: 1 });
            } else if row.iter().any(has_subquery) {
                if !plain.is_empty() {
                    pieces.push(together(std::mem::take(&mut plain)));
                }
                pieces.push(Piece { query: Some(query(dialect::row_query(row))), is_stored: false, rows: 1 });
            } else {
                let stored = row.into_iter().zip(&self.places);
                let stored = stored
                    .map(|(value, place)| dialect::stored(value, &self.target(*place), index as u64 + 1));
                plain.push(stored.collect::<Result<Vec<_>>>()?);
            }
        }
        if !plain.is_empty() {
            pieces.push(together(plain));
        }
        Ok(pieces)
    }

    /// A row with its defaults: those that DEFAULT names, and those of columns that are not given.
    fn completed(&self, mut row: Vec<ast::Expr>) -> Result<Vec<ast::Expr>> {
        for (value, place) in row.iter_mut().zip(&self.places) {
            if matches!(value, ast::Expr::Identifier(name) if name.value == "default") {
                *value = self.default(*place)?;
            }
        }
        for place in &self.places[self.given..] {
            row.push(self.default(*place)?);
        }
        Ok(row)
    }

    /// The rows as the table has them, in order.
    async fn run(
        &self,
        session: &mut Session,
        token: Token<Received>,
        pieces: Vec<Piece>,
    ) -> Result<Vec<RecordBatch>> {
        let life = Arc::clone(token.life());
        let options = options(session);
        let mut token = Some(token);
        let (mut stored, mut first_row) = (Vec::new(), 1);
        for Piece { query, is_stored, rows: count } in pieces {
            let Some(query) = query else {
                stored.push(self.complete(&[], count, &session.state.warnings)?);
                first_row += count as u64;
                continue;
            };
            let token = token.take().unwrap_or_else(|| life.again());
            let (columns, batches) = rows(session, token, query, &self.table.name).await?;
            if columns.len() != self.places.len() {
                return Err(Error::ValueCount(1));
            }
            for batch in batches {
                let arrays = match is_stored {
                    true => batch.columns().to_vec(),
                    false => self.stored(&batch, first_row, &options)?,
                };
                first_row += batch.num_rows() as u64;
                stored.push(self.complete(&arrays, batch.num_rows(), &session.state.warnings)?);
            }
        }
        Ok(stored)
    }

    /// A query's values as the columns take them.
    fn stored(
        &self,
        batch: &RecordBatch,
        first_row: u64,
        options: &Arc<ConfigOptions>,
    ) -> Result<Vec<ArrayRef>> {
        let fields = batch.schema_ref().fields().iter();
        let columns = batch.columns().iter().zip(fields).zip(&self.places);
        let stored = columns.map(|((array, field), place)| {
            let values = ColumnarValue::Array(Arc::clone(array));
            Ok(self.target(*place).store(values, field, array.len(), first_row, options)?)
        });
        stored.collect()
    }

    /// Rows in the order of the table's columns, with what is missing.
    fn complete(&self, arrays: &[ArrayRef], rows: usize, warnings: &Warnings) -> Result<RecordBatch> {
        let fields = self.table.schema.fields().iter().enumerate();
        let columns = fields.map(|(place, field)| -> Result<ArrayRef> {
            let given = self.places.iter().position(|taken| *taken == place);
            let array = match given.map(|given| &arrays[given]) {
                None => new_null_array(field.data_type(), rows),
                Some(array) if array.data_type() == field.data_type() => Arc::clone(array),
                Some(_) if field.data_type().is_nested() => {
                    return Err(Error::NotSupported("INSERT into nested columns".into()));
                }
                Some(array) => cast(array, field.data_type()).map_err(DataFusionError::from)?,
            };
            if field.is_nullable() || array.null_count() == 0 {
                return Ok(array);
            }
            let null = Error::NullColumn(self.table.columns[place].name.clone());
            let instead = implicit(self.table.declared[place]);
            match (given, instead) {
                // That was told when the value was found to be missing.
                (None, Some(instead)) => filled(&array, instead),
                (Some(_), Some(instead)) if self.tolerates_null => {
                    for _ in 0..array.null_count() {
                        warnings.push(null.code().0, null.to_string());
                    }
                    filled(&array, instead)
                }
                _ => Err(null),
            }
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.table.schema), columns).map_err(DataFusionError::from)?)
    }
}

/// The places of the columns that an INSERT names.
fn named(table: &TemporaryTable, columns: Vec<String>) -> Result<Vec<usize>> {
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        let place = table.schema.index_of(&column.to_lowercase()).map_err(|_| Error::UnknownColumn {
            column: column.clone(),
            clause: "field list".into(),
            hint: Hint::default(),
        })?;
        if places.contains(&place) {
            return Err(Error::TwiceSpecified(column));
        }
        places.push(place);
    }
    Ok(places)
}

fn has_subquery(value: &ast::Expr) -> bool {
    let found = visit_expressions(value, |part| match part {
        ast::Expr::Subquery(_) | ast::Expr::Exists { .. } | ast::Expr::InSubquery { .. } => {
            ControlFlow::Break(())
        }
        ast::Expr::AnyOp { .. } | ast::Expr::AllOp { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// What MySQL takes for a value that is missing, where a mistake is no error. A date has none: there is no day zero.
fn implicit(kind: MysqlType) -> Option<ScalarValue> {
    match kind {
        MysqlType::Date | MysqlType::DateTime { .. } | MysqlType::Timestamp { .. } => None,
        MysqlType::Json => Some(ScalarValue::Utf8View(Some("null".to_owned()))),
        MysqlType::Char { .. } | MysqlType::Text { .. } | MysqlType::LongText { .. } => {
            Some(ScalarValue::Utf8View(Some(String::new())))
        }
        MysqlType::Binary { bytes } => Some(ScalarValue::BinaryView(Some(vec![0; bytes as usize]))),
        MysqlType::VarBinary { .. } | MysqlType::LongBlob { .. } | MysqlType::Blob => {
            Some(ScalarValue::BinaryView(Some(Vec::new())))
        }
        number_or_time => ScalarValue::new_zero(&number_or_time.storage()).ok(),
    }
}

/// A column with a value in the place of each NULL.
fn filled(array: &ArrayRef, instead: ScalarValue) -> Result<ArrayRef> {
    let missing: BooleanArray = is_null(array).map_err(DataFusionError::from)?;
    let instead = Scalar::new(instead.to_array()?);
    Ok(zip(&missing, &instead, array).map_err(DataFusionError::from)?)
}
