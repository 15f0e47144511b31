//! JSON_TABLE: the rows of a document, and the values of their columns.
//!
//! The rows come as a list of objects, one for each row, that have the values by the numbers of the columns; what
//! is missing or NULL is not there. A value was checked against the type of its column, so that a plain cast of
//! its text follows.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringViewBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::common::Result;
use serde::{Deserialize, Serialize};

use super::Documents;
use super::document::Json;
use super::path::Path;
use crate::engine::functions::convert::decimal::Decimal;
use crate::engine::functions::convert::{LONGEST, read};
use crate::engine::functions::error::Error;
use crate::engine::functions::signature::{Call, Function, Types, returns};

/// The functions that JSON_TABLE is planned as.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("mysql_json_rows", 2..=2, list, rows),
        Function::new("mysql_json_cell", 2..=2, returns::text, |call| cell(call, false)),
        Function::new("mysql_json_cell_json", 2..=2, returns::text, |call| cell(call, true)).json(),
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

/// What a column can hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Any value.
    Json,
    /// Texts of so many characters.
    Text(Option<u64>),
    /// Whole numbers between two.
    Integer(i128, i128),
    /// Numbers of so many digits, so many of them after the point.
    Decimal(u8, u8),
    /// Numbers.
    Double,
    /// Dates and times of day.
    Moment,
    /// Durations.
    Time,
}

/// What a column has where it has no value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Otherwise {
    /// NULL.
    Null,
    /// DEFAULT: a document.
    Default(String),
    /// ERROR.
    Error,
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
    pub fn value(&self, found: Result<Vec<&Json>, Error>) -> Result<Option<Json>, Error> {
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.otherwise(&self.on_error, error),
        };
        match found.as_slice() {
            [] => self.otherwise(&self.on_empty, Error::JsonValueMissing),
            [Json::Null] if !matches!(self.kind, Kind::Json) => Ok(None),
            [value] if self.kind.taken(value).is_some() => Ok(self.kind.taken(value)),
            _ => self.otherwise(&self.on_error, Error::JsonValue),
        }
    }

    fn otherwise(&self, otherwise: &Otherwise, error: Error) -> Result<Option<Json>, Error> {
        otherwise.value(&self.kind, error)
    }

    /// Writes a value for the cast that follows.
    pub fn write(&self, value: &Json, out: &mut String) {
        match (&self.kind, value) {
            (Kind::Json, value) => value.write(out),
            (Kind::Text(_), Json::Bool(value)) => out.push_str(if *value { "true" } else { "false" }),
            (_, Json::Bool(value)) => out.push(if *value { '1' } else { '0' }),
            (_, value) => value.write_unquoted(out),
        }
    }
}

impl Otherwise {
    fn value(&self, kind: &Kind, error: Error) -> Result<Option<Json>, Error> {
        match self {
            Self::Null => Ok(None),
            Self::Error => Err(error),
            Self::Default(text) => Ok(Json::parse(text).ok().and_then(|value| kind.taken(&value))),
        }
    }
}

/// The values of a row by the numbers of their columns.
type Row = Vec<(usize, Json)>;

fn list(_: &Types<'_>) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8View, true))))
}

fn rows(call: &Call<'_>) -> Result<ArrayRef> {
    let documents = Documents { function: "json_table", ..Documents::of(call, 0)? };
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
            Json::object(row.into_iter().map(|(index, value)| (index.to_string(), value)).collect())
                .write(&mut text);
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
) -> Result<Option<(usize, Json)>, Error> {
    let found = path.map(|path| path.find(place)).unwrap_or_default();
    match column {
        Column::Number { index } => Ok(Some((*index, Json::Int(number as i64)))),
        Column::Exists { index, .. } => Ok(Some((*index, Json::Int(i64::from(!found.is_empty()))))),
        Column::Value { index, name, kind, on_empty, on_error, .. } => {
            let value = match found.as_slice() {
                [] => on_empty.value(kind, Error::JsonTableMissing { column: name.clone() })?,
                // NULL is NULL in every type but JSON.
                [Json::Null] if !matches!(kind, Kind::Json) => None,
                [value] if kind.taken(value).is_some() => kind.taken(value),
                // Several values are one only as JSON.
                several if several.len() > 1 && matches!(kind, Kind::Json) => {
                    Some(Json::Array(several.iter().map(|value| (*value).clone()).collect()))
                }
                _ => on_error.value(kind, Error::JsonTableValue { column: name.clone() })?,
            };
            Ok(value.map(|value| (*index, value)))
        }
        Column::Nested(_) => Ok(None),
    }
}

impl Kind {
    /// The value as a column of the type has it.
    fn taken(&self, value: &Json) -> Option<Json> {
        match (self, value) {
            (Self::Integer(..), Json::Double(number)) if self.holds(value) => {
                Some(Json::Double(number.round()))
            }
            (Self::Integer(..), Json::Decimal(number)) if self.holds(value) => {
                number.rescaled(0).map(Json::Decimal)
            }
            _ => self.holds(value).then(|| value.clone()),
        }
    }

    /// Whether the value is one of the type, without loss but of digits after the point.
    fn holds(&self, value: &Json) -> bool {
        if matches!(self, Self::Json) {
            return true;
        }
        let mut text = String::new();
        match value {
            Json::Array(_) | Json::Object(_) => return false,
            Json::Null => return true,
            Json::Bool(value) if !matches!(self, Self::Text(_)) => text.push(if *value { '1' } else { '0' }),
            value => value.write_unquoted(&mut text),
        }
        match self {
            Self::Json => true,
            Self::Text(most) => {
                most.is_none_or(|most| text.chars().count() <= usize::try_from(most).unwrap_or(usize::MAX))
            }
            Self::Double => Decimal::parse(&text).1 || text.trim().parse::<f64>().is_ok_and(f64::is_finite),
            Self::Integer(least, most) => match Decimal::parse(&text) {
                (number, true) => number.rescaled(0).is_some_and(|number| {
                    number.value.to_i128().is_some_and(|number| (*least..=*most).contains(&number))
                }),
                _ => false,
            },
            Self::Decimal(precision, scale) => match Decimal::parse(&text) {
                (number, true) => number
                    .rescaled(*scale as i8)
                    .is_some_and(|number| number.whole_digits() <= precision.saturating_sub(*scale)),
                _ => false,
            },
            Self::Moment => read::Read::datetime(&text).is_some(),
            Self::Time => read::read_time(&text).is_some_and(|(_, clean)| clean),
        }
    }
}

/// The value of a column: as JSON, or as the text that its type reads.
fn cell(call: &Call<'_>, json: bool) -> Result<ArrayRef> {
    let (row, column) = (call.text(0)?, call.text(1)?);
    call.texts(|index, out| {
        let row = Json::parse(row.at(index)?).ok()?;
        match row.member(column.at(index)?)? {
            value if json => value.write(out),
            Json::Null => return None,
            Json::Bool(value) => out.push(if *value { '1' } else { '0' }),
            value => value.write_unquoted(out),
        }
        Some(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_types() {
        fn check(kind: Kind, document: &str, expected: bool) {
            assert_eq!(kind.holds(&Json::parse(document).unwrap()), expected, "{kind:?} {document}");
        }
        check(Kind::Json, "[1]", true);
        check(Kind::Text(Some(2)), "\"ab\"", true);
        check(Kind::Text(Some(2)), "\"abc\"", false);
        check(Kind::Text(None), "{}", false);
        check(Kind::Integer(-128, 127), "127", true);
        check(Kind::Integer(-128, 127), "128", false);
        check(Kind::Integer(-128, 127), "\"12\"", true);
        check(Kind::Integer(-128, 127), "\"12a\"", false);
        check(Kind::Integer(-128, 127), "true", true);
        check(Kind::Decimal(4, 2), "99.994", true);
        check(Kind::Decimal(4, 2), "100", false);
        check(Kind::Double, "1e300", true);
        check(Kind::Double, "\"x\"", false);
        check(Kind::Moment, "\"2026-11-22 10:11:12\"", true);
        check(Kind::Moment, "\"yesterday\"", false);
    }
}
