//! Rows of made-up tables, gathered into record batches; only the columns that a query reads are kept.
//!
//! It knows cells and columns, not what they mean.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Builder, Int64Builder, RecordBatch, RecordBatchOptions, StringViewBuilder,
    TimestampSecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::{Result, internal_err};

use super::definitions::Definition;

/// One value of a row.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A text.
    Text(&'a str),
    /// A whole number that fits its column.
    Number(i128),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Self::Number(i128::from(number))
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A batch in the making.
#[derive(Debug)]
pub struct Rows {
    definition: &'static Definition,
    /// One for each column of the definition; `None` where the query does not read it.
    columns: Vec<Option<Builder>>,
    /// The columns that are read, in the query's order.
    projection: Vec<usize>,
    schema: SchemaRef,
    length: usize,
}

impl Rows {
    /// No rows yet. `projection` names the columns that are kept, each once, and `schema` is theirs.
    pub fn new(definition: &'static Definition, projection: &[usize], schema: SchemaRef) -> Self {
        let mut columns = Vec::new();
        columns.resize_with(definition.columns.len(), || None);
        for &index in projection {
            columns[index] = Some(Builder::new(&definition.columns[index].data_type));
        }
        Self { definition, columns, projection: projection.to_vec(), schema, length: 0 }
    }

    /// Adds a row: a cell for each column of the definition, in order.
    pub fn push(&mut self, row: &[Cell<'_>]) {
        assert_eq!(row.len(), self.columns.len(), "a row of {}", self.definition.name);
        self.length += 1;
        for (cell, column) in row.iter().zip(&mut self.columns) {
            if let Some(column) = column {
                column.push(*cell);
            }
        }
    }

    /// The rows as a batch.
    pub fn finish(mut self) -> Result<RecordBatch> {
        let mut arrays = Vec::with_capacity(self.projection.len());
        for index in self.projection {
            match self.columns[index].take() {
                Some(builder) => arrays.push(builder.finish()),
                None => return internal_err!("a column of {} is read twice", self.definition.name),
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.length));
        Ok(RecordBatch::try_new_with_options(self.schema, arrays, &options)?)
    }
}

/// The builder of one column's array.
#[derive(Debug)]
enum Builder {
    Text(StringViewBuilder),
    Int32(Int32Builder),
    UInt32(UInt32Builder),
    Int64(Int64Builder),
    UInt64(UInt64Builder),
    Seconds(TimestampSecondBuilder),
}

impl Builder {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8View => Self::Text(StringViewBuilder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::UInt32 => Self::UInt32(UInt32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::UInt64 => Self::UInt64(UInt64Builder::new()),
            DataType::Timestamp(TimeUnit::Second, None) => Self::Seconds(TimestampSecondBuilder::new()),
            other => unreachable!("no column of a made-up table is defined as {other}"),
        }
    }

    /// Adds a cell. A number that does not fit is NULL: no counter here comes near its limits.
    fn push(&mut self, cell: Cell<'_>) {
        let number = match cell {
            Cell::Number(number) => Some(number),
            Cell::Null | Cell::Text(_) => None,
        };
        match self {
            Self::Text(builder) => match cell {
                Cell::Text(text) => builder.append_value(text),
                Cell::Number(number) => builder.append_value(number.to_string()),
                Cell::Null => builder.append_null(),
            },
            Self::Int32(builder) => builder.append_option(number.and_then(|number| number.try_into().ok())),
            Self::UInt32(builder) => builder.append_option(number.and_then(|number| number.try_into().ok())),
            Self::Int64(builder) => builder.append_option(number.and_then(|number| number.try_into().ok())),
            Self::UInt64(builder) => builder.append_option(number.and_then(|number| number.try_into().ok())),
            Self::Seconds(builder) => builder.append_option(number.and_then(|number| number.try_into().ok())),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Int32(mut builder) => Arc::new(builder.finish()),
            Self::UInt32(mut builder) => Arc::new(builder.finish()),
            Self::Int64(mut builder) => Arc::new(builder.finish()),
            Self::UInt64(mut builder) => Arc::new(builder.finish()),
            Self::Seconds(mut builder) => Arc::new(builder.finish()),
        }
    }
}
