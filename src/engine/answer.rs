//! What a statement answers: nothing but counts, or columns and a stream of record batches.

use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::array::timezone::Tz;
use arrow::datatypes::DataType;
use futures::Stream;
use futures::stream::BoxStream;

use super::error::{Error, Result};
use super::types::MysqlType;

/// The answer to one statement.
#[derive(Debug)]
pub enum Answer {
    /// A statement without a result set.
    Done(Done),
    /// A result set.
    Rows(Rows),
}

/// What a statement without a result set tells.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Rows that it changed.
    pub affected_rows: u64,
    /// A line for people; mostly empty.
    pub info: String,
}

/// A column of a result set, as MySQL's column definition tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The heading: the alias, or the expression as it was written.
    pub name: String,
    /// The type of the batches' array; nested types are sent as JSON text.
    pub data_type: DataType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Where it comes from, when it is a table's column.
    pub origin: Option<Origin>,
    /// Most characters of a string, where that is known.
    pub max_characters: Option<u32>,
    /// Digits of a second's fraction, or after the point of a DOUBLE, where the type does not tell them.
    pub digits: Option<u8>,
    /// Whether a string holds JSON and is told as MySQL's type JSON.
    pub json: bool,
    /// The type that its table declares, where one does.
    pub declared: Option<MysqlType>,
}

/// The table's column that a result's column is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The database's name.
    pub database: String,
    /// The table's name.
    pub table: String,
    /// The table's alias in the statement.
    pub alias: String,
    /// The column's name.
    pub column: String,
}

impl Column {
    /// A column that comes from no table.
    pub fn new(name: impl Into<String>, data_type: DataType, nullable: bool) -> Self {
        Self {
            name: name.into(),
            data_type,
            nullable,
            origin: None,
            max_characters: None,
            digits: None,
            json: false,
            declared: None,
        }
    }

    /// Whether it is computed and holds truths: to MySQL these are BIGINT, and only columns of tables are TINYINT(1).
    pub fn is_computed_truth(&self) -> bool {
        self.data_type == DataType::Boolean && self.origin.is_none()
    }
}

/// A result set: its columns, and its rows as they are computed. Dropping it stops the work.
pub struct Rows {
    /// In the order of the batches' arrays.
    pub columns: Vec<Column>,
    /// The session's time zone when the statement began: timestamps with a zone are shown in it.
    pub time_zone: Tz,
    /// Batches whose arrays have the columns' types. After an error nothing follows.
    pub batches: BoxStream<'static, Result<RecordBatch>>,
}

impl Stream for Rows {
    type Item = Result<RecordBatch, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.as_mut().poll_next(context)
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rows").field("columns", &self.columns).finish_non_exhaustive()
    }
}
