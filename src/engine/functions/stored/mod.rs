//! Values as the columns of a table take them: `mysql_stored(value, type, column, row, strict)`.
//!
//! Unlike a cast, what does not fit is an error that names the column and the row; where `sql_mode` is not strict it
//! is a warning, and the nearest value that fits is taken. It knows types; no table.

mod number;
mod temporal;
mod text;

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};

use super::error::Error;
use super::signature::{Call, Function, Types};
use super::udf;
use crate::engine::declared;
use crate::engine::types::MysqlType;

/// The name that a syntax tree calls it by.
pub const STORED: &str = "mysql_stored";

/// The function.
pub fn functions() -> Vec<Function> {
    // Each call tells its own warnings, so none is computed before its row or twice.
    vec![Function::new(STORED, 5..=5, storage, stored).volatile()]
}

/// A column as its values are stored in it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its type.
    pub kind: MysqlType,
    /// Its name, as errors tell it.
    pub name: String,
    /// Whether what does not fit is an error.
    pub strict: bool,
}

impl Target {
    /// The arguments after the value, for values from this row on.
    pub fn arguments(&self, first_row: u64) -> [ScalarValue; 4] {
        [
            ScalarValue::from(self.kind.definition().as_ref()),
            ScalarValue::from(self.name.as_str()),
            ScalarValue::from(first_row),
            ScalarValue::from(self.strict),
        ]
    }

    /// Values of a query as the column takes them; errors count the rows from this one on.
    pub fn store(
        &self,
        values: ColumnarValue,
        field: &FieldRef,
        rows: usize,
        first_row: u64,
        options: &Arc<ConfigOptions>,
    ) -> Result<ArrayRef> {
        let function = udf(STORED)?;
        let literals = self.arguments(first_row);
        let mut fields = vec![Arc::clone(field)];
        fields.extend(literals.iter().map(|literal| Arc::new(Field::new("", literal.data_type(), false))));
        let constants: Vec<Option<&ScalarValue>> =
            std::iter::once(None).chain(literals.iter().map(Some)).collect();
        let types = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &constants };
        let return_field = function.return_field_from_args(types)?;
        let mut args = vec![values];
        args.extend(literals.into_iter().map(ColumnarValue::Scalar));
        let config_options = Arc::clone(options);
        let arguments =
            ScalarFunctionArgs { args, arg_fields: fields, number_rows: rows, return_field, config_options };
        match function.invoke_with_args(arguments)? {
            ColumnarValue::Array(stored) => Ok(stored),
            ColumnarValue::Scalar(_) => internal_err!("a column was stored as one value"),
        }
    }
}

/// Why a value does not fit its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    reason: Reason,
    column: String,
    /// Counted from one.
    row: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// 1264: a number is beyond what the type holds.
    Range,
    /// 1406: a text has more characters than the column.
    Length,
    /// 1265: something follows the number.
    Rest,
    /// 1366: it is no number, or no text.
    Value { kind: &'static str, value: String },
    /// 1292: it is no date or time, or one that the type does not hold.
    Moment { kind: &'static str, value: String, is_one: bool },
    /// 3140: it is no document.
    Document { reason: String, position: usize },
    /// 3144: bytes have no characters.
    BinaryDocument,
}

impl Misfit {
    /// The MySQL error number and its SQLSTATE.
    pub fn code(&self) -> (u16, &'static str) {
        match self.reason {
            Reason::Range => (1264, "22003"),
            Reason::Length => (1406, "22001"),
            Reason::Rest => (1265, "01000"),
            Reason::Value { .. } => (1366, "HY000"),
            Reason::Moment { .. } => (1292, "22007"),
            Reason::Document { .. } => (3140, "22032"),
            Reason::BinaryDocument => (3144, "22032"),
        }
    }

    /// The column.
    pub fn column(&self) -> &str {
        &self.column
    }

    /// As a warning where the value is taken nevertheless, which MySQL tells with fewer words.
    fn tolerated(self) -> Self {
        let reason = match self.reason {
            Reason::Length | Reason::Moment { is_one: false, .. } => Reason::Rest,
            Reason::Moment { is_one: true, .. } => Reason::Range,
            reason => reason,
        };
        Self { reason, ..self }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, column, row } = self;
        match reason {
            Reason::Range => write!(out, "Out of range value for column '{column}' at row {row}"),
            Reason::Length => write!(out, "Data too long for column '{column}' at row {row}"),
            Reason::Rest => write!(out, "Data truncated for column '{column}' at row {row}"),
            Reason::Value { kind, value } | Reason::Moment { kind, value, .. } => {
                write!(out, "Incorrect {kind} value: '{value}' for column '{column}' at row {row}")
            }
            Reason::Document { reason, position } => {
                write!(
                    out,
                    "Invalid JSON text: \"{reason}\" at position {position} in value for column '{column}'."
                )
            }
            Reason::BinaryDocument => {
                out.write_str("Cannot create a JSON value from a string with CHARACTER SET 'binary'.")
            }
        }
    }
}

impl std::error::Error for Misfit {}

/// What becomes of a value in its column.
enum Fit<T> {
    /// It is taken.
    Whole(T),
    /// It is taken without what nobody misses: a note tells so.
    Cut(T),
    /// It does not fit. Where that is no error, this is taken in its place.
    Not(Reason, Option<T>),
}

/// One column that is stored.
struct Storing<'a> {
    call: &'a Call<'a>,
    column: String,
    first_row: u64,
    strict: bool,
}

impl Storing<'_> {
    /// The value that a row has in the end.
    fn settle<T>(&self, row: usize, fit: Fit<T>) -> Result<Option<T>> {
        let misfit =
            |reason| Misfit { reason, column: self.column.clone(), row: self.first_row + row as u64 };
        match fit {
            Fit::Whole(value) => Ok(Some(value)),
            Fit::Cut(value) => {
                if let Some(warnings) = self.call.warnings() {
                    let note = misfit(Reason::Rest);
                    warnings.note(note.code().0, note.to_string());
                }
                Ok(Some(value))
            }
            Fit::Not(reason @ (Reason::Document { .. } | Reason::BinaryDocument), _) => {
                Err(Error::Misfit(misfit(reason)).into())
            }
            Fit::Not(reason, _) if self.strict => Err(Error::Misfit(misfit(reason)).into()),
            Fit::Not(reason, instead) => {
                let warning = misfit(reason).tolerated();
                self.call.warn(warning.code().0, warning.to_string());
                Ok(instead)
            }
        }
    }
}

fn storage(types: &Types<'_>) -> Result<DataType> {
    Ok(kind(types.string(1))?.storage())
}

fn kind(definition: Option<&str>) -> Result<MysqlType> {
    match definition.and_then(|definition| declared::parse(definition).ok()) {
        Some(kind) => Ok(kind),
        None => plan_err!("{definition:?} is no type of a column"),
    }
}

fn stored(call: &Call<'_>) -> Result<ArrayRef> {
    let storing = Storing {
        call,
        column: call.text(2)?.at(0).unwrap_or_default().to_owned(),
        first_row: call.bits(3)?.at(0).unwrap_or(1),
        strict: call.truth(4)?.at(0).unwrap_or(true),
    };
    match kind(call.text(1)?.at(0))? {
        MysqlType::Boolean => storing.integers(1, false),
        MysqlType::Truth => storing.integers(8, false),
        MysqlType::Integer { bytes, unsigned } => storing.integers(bytes, unsigned),
        MysqlType::Year => storing.years(),
        MysqlType::Float => storing.floats(),
        MysqlType::Double { .. } => storing.doubles(),
        MysqlType::Decimal { precision, scale } => storing.decimals(precision, scale),
        MysqlType::Date => storing.dates(),
        MysqlType::DateTime { fraction } => storing.datetimes(fraction.into()),
        MysqlType::Timestamp { fraction } => storing.timestamps(fraction.into()),
        MysqlType::Time { fraction } => storing.times(fraction.into()),
        MysqlType::Char { characters } => storing.texts(text::Room::fixed(characters)),
        MysqlType::Text { characters } => storing.texts(text::Room::characters(characters)),
        MysqlType::LongText { length_bytes } => storing.texts(text::Room::bytes(length_bytes)),
        MysqlType::Null => storing.binaries(0, false),
        MysqlType::Binary { bytes } => storing.binaries(bytes, true),
        MysqlType::VarBinary { bytes } => storing.binaries(bytes, false),
        MysqlType::LongBlob { length_bytes } => storing.binaries(longest(length_bytes), false),
        MysqlType::Blob => storing.binaries(u32::MAX, false),
        MysqlType::Json => storing.documents(),
    }
}

/// The most bytes of a string whose length has so many bytes.
fn longest(length_bytes: u8) -> u32 {
    u32::MAX >> (8 * (4 - u32::from(length_bytes.clamp(1, 4))))
}
