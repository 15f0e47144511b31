//! Values as drivers for Rust have them, and what they must be.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// A value. It keeps the kind that the driver gave it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Integer(i128),
    Float(f32),
    Double(f64),
    /// Its digits.
    Decimal(String),
    Date(NaiveDate),
    DateTime(NaiveDateTime),
    Time(NaiveTime),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// Whether it is what a line of `expected.tsv` says.
    pub fn is(&self, kind: &str, text: &str) -> bool {
        match (kind, self) {
            ("null", Self::Null) => true,
            ("integer", Self::Integer(number)) => number.to_string() == text,
            // The text protocol tells six digits.
            ("float", Self::Float(number)) => {
                text.parse().is_ok_and(|told: f32| (told - number).abs() <= told.abs() * 1e-5)
            }
            ("double", Self::Double(number)) => text.parse() == Ok(*number),
            ("decimal", Self::Decimal(digits)) => digits == text,
            ("date", Self::Date(date)) => date.to_string() == text,
            ("datetime", Self::DateTime(time)) => {
                NaiveDateTime::parse_from_str(text, "%F %T%.f") == Ok(*time)
            }
            ("time", Self::Time(time)) => NaiveTime::parse_from_str(text, "%T%.f") == Ok(*time),
            ("text", Self::Text(found)) => found == text,
            ("bytes", Self::Bytes(bytes)) => {
                bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == text
            }
            _ => false,
        }
    }
}

/// The lines of `expected.tsv`: row, column, kind, text.
pub fn expected_types() -> impl Iterator<Item = (usize, &'static str, &'static str, &'static str)> {
    let lines = include_str!("../../expected.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let [row, column, kind, text] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (row.parse().unwrap(), column, kind, text)
    })
}
