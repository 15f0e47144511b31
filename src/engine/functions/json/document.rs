//! A JSON document as MySQL keeps it: members sorted by the length of their names and then by their bytes, the last
//! of equal names kept, integers apart from other numbers; and its text, `{"a": 1, "b": [2, 3]}`.

use std::cmp::Ordering;
use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type, UInt64Type};
use datafusion::common::Result;

use super::super::convert::decimal::{self, Decimal};
use super::super::convert::number;
use super::super::error::Error;
use super::super::signature::{is_binary, is_text};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An integer beyond the signed ones.
    Uint(u64),
    /// A floating-point number.
    Double(f64),
    /// An exact number that came from SQL.
    Decimal(Decimal),
    /// A string.
    String(String),
    /// A date, time or binary string that came from SQL: shown as a string, known as what it was.
    Opaque(&'static str, String),
    /// An array.
    Array(Vec<Self>),
    /// An object, its members in MySQL's order.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// An object of these members, sorted; the last of equal names is kept.
    pub fn object(mut members: Vec<(String, Self)>) -> Self {
        members.sort_by(|left, right| order_names(&left.0, &right.0));
        // Stable sort: of equal names the last one given comes last, and is kept.
        members.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self::Object(members)
    }

    /// A member of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                let found = members.binary_search_by(|(other, _)| order_names(other, name));
                found.ok().map(|index| &members[index].1)
            }
            _ => None,
        }
    }

    /// Writes the document as MySQL shows it.
    pub fn write(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            // A String takes whatever is written.
            Self::Int(value) => drop(write!(text, "{value}")),
            Self::Uint(value) => drop(write!(text, "{value}")),
            Self::Double(value) => write_double(*value, text),
            Self::Decimal(value) => value.write(text),
            Self::String(value) | Self::Opaque(_, value) => write_string(value, text),
            Self::Array(elements) => {
                text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        text.push_str(", ");
                    }
                    element.write(text);
                }
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        text.push_str(", ");
                    }
                    write_string(name, text);
                    text.push_str(": ");
                    value.write(text);
                }
                text.push('}');
            }
        }
    }

    /// Writes the document over several lines, two blanks for each level.
    pub fn write_pretty(&self, level: usize, text: &mut String) {
        let line = |level: usize, text: &mut String| {
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", level));
        };
        match self {
            Self::Array(elements) if !elements.is_empty() => {
                text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    line(level + 1, text);
                    element.write_pretty(level + 1, text);
                }
                line(level, text);
                text.push(']');
            }
            Self::Object(members) if !members.is_empty() => {
                text.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    line(level + 1, text);
                    write_string(name, text);
                    text.push_str(": ");
                    value.write_pretty(level + 1, text);
                }
                line(level, text);
                text.push('}');
            }
            _ => self.write(text),
        }
    }

    /// How deeply it is nested; a scalar and an empty array or object are 1.
    pub fn depth(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 1,
        }
    }

    /// How many arrays and objects are inside of each other.
    pub fn levels(&self) -> usize {
        match self {
            Self::Array(elements) => 1 + elements.iter().map(Self::levels).max().unwrap_or(0),
            Self::Object(members) => 1 + members.iter().map(|(_, value)| value.levels()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// How many elements or members it has; a scalar is one.
    pub fn length(&self) -> usize {
        match self {
            Self::Array(elements) => elements.len(),
            Self::Object(members) => members.len(),
            _ => 1,
        }
    }

    /// The name of its type, as `JSON_TYPE` says it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bool(_) => "BOOLEAN",
            Self::Int(_) => "INTEGER",
            Self::Uint(_) => "UNSIGNED INTEGER",
            Self::Double(_) => "DOUBLE",
            Self::Decimal(_) => "DECIMAL",
            Self::String(_) => "STRING",
            Self::Opaque(kind, _) => kind,
            Self::Array(_) => "ARRAY",
            Self::Object(_) => "OBJECT",
        }
    }

    /// The number that it is.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Uint(value) => Some(*value as f64),
            Self::Double(value) => Some(*value),
            Self::Decimal(value) => {
                let mut text = String::new();
                value.write(&mut text);
                Some(number::prefix_double(&text).0)
            }
            _ => None,
        }
    }

    /// Whether two documents are equal as MySQL compares JSON: numbers by value.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(left), Self::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.same(right))
            }
            (Self::Object(left), Self::Object(right)) => {
                let same = |((name, value), (other, against)): (&(String, Self), &(String, Self))| {
                    name == other && value.same(against)
                };
                left.len() == right.len() && left.iter().zip(right).all(same)
            }
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::Uint(left), Self::Uint(right)) => left == right,
            _ => match (self.number(), other.number()) {
                (Some(left), Some(right)) => left == right,
                (None, None) => self == other,
                _ => false,
            },
        }
    }

    /// Whether it contains another: arrays any element, objects all members of the other.
    pub fn contains(&self, candidate: &Self) -> bool {
        match (self, candidate) {
            (Self::Array(_), Self::Array(wanted)) => wanted.iter().all(|wanted| self.contains(wanted)),
            (Self::Array(elements), _) => elements.iter().any(|element| match element {
                Self::Array(_) | Self::Object(_) => element.contains(candidate),
                _ => element.same(candidate),
            }),
            (Self::Object(_), Self::Object(wanted)) => wanted
                .iter()
                .all(|(name, value)| self.member(name).is_some_and(|member| member.contains(value))),
            _ => self.same(candidate),
        }
    }

    /// Its text without quotes when it is a string, otherwise as it is shown.
    pub fn write_unquoted(&self, text: &mut String) {
        match self {
            Self::String(value) | Self::Opaque(_, value) => text.push_str(value),
            _ => self.write(text),
        }
    }
}

/// MySQL's order of names: the shorter first, then by bytes.
pub fn order_names(left: &str, right: &str) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.as_bytes().cmp(right.as_bytes()))
}

/// A floating-point number in JSON always shows that it is one.
fn write_double(value: f64, text: &mut String) {
    let start = text.len();
    number::write_double(value, text);
    if !text[start..].contains(['.', 'e']) {
        text.push_str(".0");
    }
}

/// Writes a string with quotes and escapes.
pub fn write_string(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\x08' => text.push_str("\\b"),
            '\x0c' => text.push_str("\\f"),
            character if u32::from(character) < 0x20 => drop(write!(text, "\\u{:04x}", u32::from(character))),
            character => text.push(character),
        }
    }
    text.push('"');
}

/// A value of an Arrow array as JSON; nested types become arrays and objects.
pub fn from_array(array: &ArrayRef, row: usize) -> Result<Json> {
    if array.data_type().is_null() || array.is_null(row) {
        return Ok(Json::Null);
    }
    let slice = || array.slice(row, 1);
    let cast = |to: &DataType| arrow::compute::cast(&slice(), to);
    let list = |values: &ArrayRef| -> Result<Json> {
        (0..values.len()).map(|row| from_array(values, row)).collect::<Result<_>>().map(Json::Array)
    };
    Ok(match array.data_type() {
        DataType::Boolean => Json::Bool(array.as_boolean().value(row)),
        DataType::UInt64 => {
            let value = array.as_primitive::<UInt64Type>().value(row);
            i64::try_from(value).map_or(Json::Uint(value), Json::Int)
        }
        data_type if data_type.is_integer() => {
            Json::Int(cast(&DataType::Int64)?.as_primitive::<Int64Type>().value(0))
        }
        data_type if data_type.is_floating() => {
            Json::Double(cast(&DataType::Float64)?.as_primitive::<Float64Type>().value(0))
        }
        DataType::Decimal128(_, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            Json::Decimal(Decimal { value: arrow::datatypes::i256::from_i128(value), scale: *scale })
        }
        data_type if data_type.is_decimal() => {
            let wide = decimal::wide(&slice())?;
            Json::Decimal(Decimal { value: wide.value(0), scale: decimal::scale(wide.data_type()) })
        }
        DataType::Decimal256(_, scale) => {
            Json::Decimal(Decimal { value: array.as_primitive::<Decimal256Type>().value(row), scale: *scale })
        }
        data_type if is_text(data_type) => {
            Json::String(cast(&DataType::Utf8View)?.as_string_view().value(0).to_owned())
        }
        data_type if is_binary(data_type) => {
            let bytes = cast(&DataType::BinaryView)?;
            let mut encoded = "base64:type253:".to_owned();
            super::super::encode::write_base64(bytes.as_binary_view().value(0), None, &mut encoded);
            Json::Opaque("BLOB", encoded)
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::ListView(_) => list(&array.as_list_view::<i32>().value(row))?,
        DataType::LargeListView(_) => list(&array.as_list_view::<i64>().value(row))?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row))?,
        // A struct keeps the order of its fields: they are columns, not names that MySQL sorted.
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns);
            let members = members.map(|(field, column)| Ok((field.name().clone(), from_array(column, row)?)));
            Json::object(members.collect::<Result<_>>()?)
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (names, values) = (entries.column(0), entries.column(1));
            let names = arrow::compute::cast(names, &DataType::Utf8View)?;
            let names = names.as_string_view();
            let members =
                (0..names.len()).map(|row| Ok((names.value(row).to_owned(), from_array(values, row)?)));
            Json::object(members.collect::<Result<_>>()?)
        }
        DataType::Dictionary(_, values) => return from_array(&cast(values)?, 0),
        data_type @ (DataType::Date32 | DataType::Date64) => {
            Json::Opaque("DATE", plain_text(&slice(), data_type)?)
        }
        data_type @ DataType::Timestamp(..) => Json::Opaque("DATETIME", plain_text(&slice(), data_type)?),
        data_type @ (DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_)) => {
            Json::Opaque("TIME", plain_text(&slice(), data_type)?)
        }
        other => return Err(Error::Unsupported { feature: format!("{other} as JSON") }.into()),
    })
}

/// A date or time in JSON has all six digits of the second.
fn plain_text(array: &ArrayRef, data_type: &DataType) -> Result<String> {
    use super::super::calendar::{DAY, Parts};
    use super::super::convert::temporal;
    use arrow::datatypes::{DurationMicrosecondType, TimeUnit, TimestampMicrosecondType};
    let mut text = String::new();
    match data_type {
        DataType::Duration(_) => {
            let micros = arrow::compute::cast(array, &DataType::Duration(TimeUnit::Microsecond))?;
            temporal::write_time(micros.as_primitive::<DurationMicrosecondType>().value(0), 6, &mut text);
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let micros = arrow::compute::cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
            let micros = arrow::compute::cast(&micros, &DataType::Int64)?;
            temporal::write_time(micros.as_primitive::<Int64Type>().value(0), 6, &mut text);
        }
        _ => {
            let micros = arrow::compute::cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let micros = micros.as_primitive::<TimestampMicrosecondType>().value(0);
            match data_type {
                DataType::Date32 | DataType::Date64 => Parts::of(micros / DAY * DAY).write_date(&mut text),
                _ => Parts::of(micros).write_datetime(6, &mut text),
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        fn check(text: &str, expected: &str) {
            let mut written = String::new();
            Json::parse(text).unwrap().write(&mut written);
            assert_eq!(written, expected);
        }
        check(r#"{"bb":1,"a":[true,null,1.0,"x\"y"]}"#, r#"{"a": [true, null, 1.0, "x\"y"], "bb": 1}"#);
        check(r#"{"a":1,"a":2}"#, r#"{"a": 2}"#);
        check("18446744073709551615", "18446744073709551615");
        check("1e3", "1000.0");
        check(r#""\u00e9\ud83d\ude00""#, "\"é😀\"");
        check("[]", "[]");
    }
}
