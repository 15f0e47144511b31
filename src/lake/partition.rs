//! Partition folders, `day=2026-09-01/region=eu/`: their names as typed values. It must not know what
//! is listed when.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{NaiveDate, NaiveDateTime};
use datafusion::scalar::ScalarValue;

/// A column whose value is in the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// As written in the table file; folders may write it in any case.
    pub column: String,
    /// One of the types that [`supports`] names.
    pub data_type: DataType,
}

/// The name that Hive gives to the folder of NULL.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

impl Level {
    /// The value in a folder's name; `None` when the name is not `column=value` with a value of the type.
    pub fn parse(&self, folder: &str) -> Option<ScalarValue> {
        let value = self.value(folder)?;
        if value == NULL_FOLDER {
            return ScalarValue::try_new_null(&self.data_type).ok();
        }
        parse_value(&percent_decode(value)?, &self.data_type)
    }

    /// Whether a folder is one of this level's, be its value right or wrong.
    pub fn names(&self, folder: &str) -> bool {
        self.value(folder).is_some()
    }

    fn value<'a>(&self, folder: &'a str) -> Option<&'a str> {
        let (column, value) = folder.split_once('=')?;
        (column.to_lowercase() == self.column.to_lowercase()).then_some(value)
    }

    /// The level's type as people write it in a table file.
    pub fn type_name(&self) -> &'static str {
        match self.data_type {
            DataType::Date32 => "date, such as 2026-09-01",
            DataType::Timestamp(..) => "datetime, such as 2026-09-01 12:00:00",
            DataType::Utf8View => "text",
            _ => "whole number",
        }
    }
}

/// Whether folders can have values of a type.
pub fn supports(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, None) | DataType::Utf8View
        )
}

/// How many levels are listed one request a folder; what is below is listed whole. A day is the unit that
/// queries name, so everything below it comes with one listing; without dates it is the last level.
pub fn unit_depth(levels: &[Level]) -> usize {
    let is_time = |level: &Level| matches!(level.data_type, DataType::Date32 | DataType::Timestamp(..));
    levels.iter().rposition(is_time).map_or(levels.len(), |index| index + 1)
}

/// Whether a file or folder is not data, as in Hive: job markers, checksums, files that are being written.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with(['_', '.']) || name.ends_with(".crc") || name.ends_with("_$folder$")
}

/// A value in the only way of writing it that sorts and compares as text too, but for leading zeros of
/// numbers (`hour=07`).
fn parse_value(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    match data_type {
        DataType::Utf8View => Some(ScalarValue::Utf8View(Some(text.to_owned()))),
        DataType::Date32 => {
            let date = (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())??;
            let days = date.signed_duration_since(NaiveDate::default()).num_days();
            Some(ScalarValue::Date32(Some(i32::try_from(days).ok()?)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let formats =
                ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
            let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
            Some(ScalarValue::TimestampMicrosecond(Some(time.and_utc().timestamp_micros()), None))
        }
        integer if integer.is_integer() => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| ScalarValue::try_from_string(text.to_owned(), integer).ok())?
        }
        _ => None,
    }
}

/// Hive writes characters that a path cannot hold as `%XX` of their UTF-8 bytes.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| hexadecimal(after.get(..2)?)).flatten();
        // A percent sign without two digits stands for itself: some writers do not escape.
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names() {
        let check = |data_type: DataType, folder: &str, expected: Option<&str>| {
            let level = Level { column: "Day".into(), data_type };
            let parsed = level
                .parse(folder)
                .map(|value| if value.is_null() { "NULL".into() } else { value.to_string() });
            assert_eq!(parsed.as_deref(), expected, "{folder}");
        };
        check(DataType::Date32, "day=2026-09-01", Some("2026-09-01"));
        check(DataType::Date32, "DAY=2024-02-29", Some("2024-02-29"));
        check(DataType::Date32, "day=2024-02-30", None);
        check(DataType::Date32, "day=2024-2-03", None);
        check(DataType::Date32, "day=20240203", None);
        check(DataType::Date32, "day=", None);
        check(DataType::Date32, "dt=2024-02-03", None);
        check(DataType::Date32, "2024-02-03", None);
        check(DataType::Date32, "day=__HIVE_DEFAULT_PARTITION__", Some("NULL"));
        check(DataType::Int32, "day=07", Some("7"));
        check(DataType::Int32, "day=-7", Some("-7"));
        check(DataType::Int32, "day=99999999999", None);
        check(DataType::Int64, "day=99999999999", Some("99999999999"));
        check(DataType::Int32, "day= 7", None);
        check(DataType::Int32, "day=1e3", None);
        check(DataType::Int32, "day=x", None);
        check(DataType::Utf8View, "day=a%20b%2Fc", Some("a b/c"));
        check(DataType::Utf8View, "day=100%", Some("100%"));
        check(DataType::Utf8View, "day=a=b", Some("a=b"));
        check(DataType::Utf8View, "day=%ff", None);
        check(DataType::Utf8View, "day=", Some(""));
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        check(time.clone(), "day=2026-09-01 07%3A00%3A00", Some("1788246000000000"));
        check(time, "day=2026-09-01", None);
    }

    #[test]
    fn a_day_is_listed_whole() {
        let level = |data_type: &DataType| Level { column: "c".into(), data_type: data_type.clone() };
        let check = |types: &[DataType], expected: usize| {
            assert_eq!(unit_depth(&types.iter().map(level).collect::<Vec<_>>()), expected, "{types:?}");
        };
        check(&[], 0);
        check(&[DataType::Date32, DataType::Utf8View], 1);
        check(&[DataType::Utf8View, DataType::Date32, DataType::Int32], 2);
        check(&[DataType::Int32, DataType::Int32, DataType::Int32], 3);
    }
}
