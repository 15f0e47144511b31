//! JSON_TABLE: the rows of a document, and the values of their columns.
//!
//! The rows come as a list of objects, one for each row, that have the values by the numbers of the columns; what
//! is missing or NULL is not there. A value is the text of one of its column's type, so that a plain cast of it follows.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringViewBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use serde::{Deserialize, Serialize};

use super::Documents;
use super::coerce::Fault;
use super::document::Json;
use super::kind::Kind;
use super::path::Path;
use crate::engine::functions::convert::LONGEST;
use crate::engine::functions::error::Error;
use crate::engine::functions::signature::{Call, Function, Types, returns};

/// The functions that JSON_TABLE is planned as.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("mysql_json_rows", 2..=2, list, rows),
        Function::new("mysql_json_cell", 2..=2, returns::text, cell),
        Function::new("mysql_json_cell_json", 2..=2, returns::text, cell).json(),
    ]
}

/// What JSON_TABLE says of its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rows {
    /// Each place that it finds is a row.
    pub path: String,
    /// In order.
    pub columns: Vec<Column>,
}

/// One column, or the columns of rows inside of a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Column {
    /// FOR ORDINALITY: the number of the row.
    Number {
        /// The column's number.
        index: usize,
    },
    /// EXISTS PATH: whether there is something.
    Exists {
        /// The column's number.
        index: usize,
        /// From the row.
        path: String,
    },
    /// PATH: a value.
    Value {
        /// The column's number.
        index: usize,
        /// For errors.
        name: String,
        /// From the row.
        path: String,
        /// What it can hold.
        kind: Kind,
        /// ON EMPTY.
        on_empty: Otherwise,
        /// ON ERROR.
        on_error: Otherwise,
    },
    /// NESTED PATH.
    Nested(Rows),
}

/// What a column has where it has no value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Otherwise {
    /// NULL.
    Null,
    /// DEFAULT: a value of the column.
    Default(String),
    /// ERROR.
    Error,
}

impl Otherwise {
    /// DEFAULT, in a column that can hold so much; what the column cannot hold is told.
    pub fn default(value: &Json, kind: &Kind) -> Result<Self, Fault> {
        match value {
            Json::Null if !matches!(kind, Kind::Json) => Ok(Self::Null),
            value => kind.text(value).map(Self::Default),
        }
    }

    /// What stands in for the value that there is not, because of an error.
    pub fn value(&self, error: Error) -> Result<Option<String>, Error> {
        match self {
            Self::Null => Ok(None),
            Self::Error => Err(error),
            Self::Default(text) => Ok(Some(text.clone())),
        }
    }
}

/// What JSON_VALUE says of its one value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Single {
    /// RETURNING: what it can be.
    pub kind: Kind,
    /// ON EMPTY.
    pub on_empty: Otherwise,
    /// ON ERROR, also of a text that is no document.
    pub on_error: Otherwise,
}

impl Single {
    /// The value among what the path found in a document; `None` is NULL.
    pub fn value(&self, found: &[&Json]) -> Result<Option<String>, Error> {
        match found {
            [] => self.on_empty.value(Error::JsonValueMissing),
            [Json::Null] => Ok(None),
            [value] => match self.kind.text(value) {
                Ok(text) if self.kind.takes(value) => Ok(Some(text)),
                _ => self
                    .on_error
                    .value(Error::OutOfRange { kind: self.kind.name(), expression: "json_value".to_owned() }),
            },
            _ => self.on_error.value(Error::JsonValue),
        }
    }
}

/// The values of a row by the numbers of their columns, each as the text that its type reads.
type Row = Vec<(usize, String)>;

fn list(_: &Types<'_>) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8View, true))))
}

fn rows(call: &Call<'_>) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let said = call.text(1)?;
    let table = match said.at(0).map(serde_json::from_str::<Rows>) {
        Some(Ok(rows)) => Table::of(&rows)?,
        _ => return datafusion::common::internal_err!("JSON_TABLE without columns"),
    };
    let mut column = ListBuilder::new(StringViewBuilder::new());
    let mut text = String::new();
    for row in 0..call.rows {
        let Some(document) = documents.at(row)? else {
            column.append(false);
            continue;
        };
        let mut bytes = 0;
        for row in table.rows(&document)? {
            text.clear();
            let members = row.into_iter().map(|(index, value)| (index.to_string(), Json::String(value)));
            Json::object(members.collect()).write(&mut text);
            bytes += text.len();
            if bytes > LONGEST {
                let feature = "JSON_TABLE with so many rows of one document".to_owned();
                return Err(Error::Unsupported { feature }.into());
            }
            column.values().append_value(&text);
        }
        column.append(true);
    }
    Ok(Arc::new(column.finish()))
}

/// [`Rows`] whose paths are read.
struct Table {
    path: Path,
    columns: Vec<(Option<Path>, Column)>,
    nested: Vec<Self>,
}

impl Table {
    fn of(rows: &Rows) -> Result<Self, Error> {
        let mut table = Self { path: Path::parse(&rows.path)?, columns: Vec::new(), nested: Vec::new() };
        for column in &rows.columns {
            match column {
                Column::Nested(rows) => table.nested.push(Self::of(rows)?),
                Column::Number { .. } => table.columns.push((None, column.clone())),
                Column::Exists { path, .. } | Column::Value { path, .. } => {
                    table.columns.push((Some(Path::parse(path)?), column.clone()));
                }
            }
        }
        Ok(table)
    }

    fn rows(&self, document: &Json) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        for (number, place) in self.path.find(document).into_iter().enumerate() {
            let mut own = Vec::new();
            for (path, column) in &self.columns {
                own.extend(value(path.as_ref(), column, place, number + 1)?);
            }
            // The nested rows of each path follow each other; without any the row stands alone.
            let before = rows.len();
            for nested in &self.nested {
                for row in nested.rows(place)? {
                    rows.push([own.clone(), row].concat());
                }
            }
            if rows.len() == before {
                rows.push(own);
            }
        }
        Ok(rows)
    }
}

fn value(
    path: Option<&Path>,
    column: &Column,
    place: &Json,
    number: usize,
) -> Result<Option<(usize, String)>, Error> {
    let found = path.map(|path| path.find(place)).unwrap_or_default();
    match column {
        Column::Number { index } => Ok(Some((*index, number.to_string()))),
        Column::Exists { index, .. } => Ok(Some((*index, u8::from(!found.is_empty()).to_string()))),
        Column::Value { index, name, kind, on_empty, on_error, .. } => {
            let value = match found.as_slice() {
                [] => on_empty.value(Error::JsonTableMissing { column: name.clone() })?,
                // NULL is NULL in every type but JSON.
                [Json::Null] if !matches!(kind, Kind::Json) => None,
                found => match kind.one(found) {
                    Ok(text) => Some(text),
                    Err(fault) => on_error.value(refused(fault, kind, name))?,
                },
            };
            Ok(value.map(|value| (*index, value)))
        }
        Column::Nested(_) => Ok(None),
    }
}

/// Why a column does not hold what was found.
fn refused(fault: Option<Fault>, kind: &Kind, column: &str) -> Error {
    let column = column.to_owned();
    match (fault, kind.number()) {
        (None, _) => Error::JsonTableValue { column },
        (Some(Fault::Invalid), Some(kind)) => Error::JsonCast { kind, column },
        (Some(_), _) => Error::JsonTableRange { column },
    }
}

/// The value of a column, as the text that its type reads.
fn cell(call: &Call<'_>) -> Result<ArrayRef> {
    let (row, column) = (call.text(0)?, call.text(1)?);
    call.texts(|index, out| {
        let row = Json::parse(row.at(index)?).ok()?;
        row.member(column.at(index)?)?.write_unquoted(out);
        Some(())
    })
}
