//! What a column of JSON_TABLE and a value of JSON_VALUE can hold, and JSON values as texts of it.
//!
//! It knows types and single values; where a value was found, and what stands in for one that does not fit, is told
//! elsewhere.

use serde::{Deserialize, Serialize};

use super::coerce::Fault;
use super::document::Json;
use crate::engine::functions::convert::number::write_double;
use crate::engine::functions::convert::read::{Read, read_time};

/// What a column can hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// Any value.
    Json,
    /// Texts of so many characters.
    Text(Option<u64>),
    /// Texts of so many bytes.
    Bytes(Option<u64>),
    /// Whole numbers between two.
    Integer(i128, i128),
    /// Years.
    Year,
    /// Numbers of so many digits, so many of them after the point.
    Decimal(u8, u8),
    /// Numbers of four bytes.
    Float,
    /// Numbers of eight bytes.
    Double,
    /// Dates.
    Date,
    /// Dates and times of day.
    Datetime,
    /// Durations.
    Time,
}

impl Kind {
    /// MySQL's name of it, where JSON_VALUE tells that a value is none.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Text(_) => "STRING",
            Self::Bytes(_) => "BINARY",
            Self::Integer(least, _) if *least < 0 => "SIGNED",
            Self::Integer(..) => "UNSIGNED",
            Self::Year => "YEAR",
            Self::Decimal(..) => "DECIMAL",
            Self::Float => "FLOAT",
            Self::Double => "DOUBLE",
            Self::Date => "DATE",
            Self::Datetime => "DATETIME",
            Self::Time => "TIME",
        }
    }

    /// The same of a default.
    pub fn default_name(&self) -> &'static str {
        match self {
            Self::Json => "JSON DEFAULT",
            Self::Text(_) => "CHAR DEFAULT",
            Self::Bytes(_) => "BINARY DEFAULT",
            Self::Integer(least, _) if *least < 0 => "SIGNED DEFAULT",
            Self::Integer(..) => "UNSIGNED DEFAULT",
            Self::Year => "YEAR",
            Self::Decimal(..) => "DECIMAL DEFAULT",
            Self::Float => "FLOAT DEFAULT",
            Self::Double => "DOUBLE DEFAULT",
            Self::Date | Self::Datetime | Self::Time => "TIME DEFAULT",
        }
    }

    /// MySQL's name of it, where a default is a text that is none.
    pub fn exact_name(&self) -> &'static str {
        match self {
            Self::Integer(least, _) if *least < 0 => "INTEGER SIGNED",
            Self::Integer(..) => "INTEGER UNSIGNED",
            other => other.name(),
        }
    }

    /// What its values are called where a cast to it fails, when they are numbers.
    pub fn number(&self) -> Option<&'static str> {
        match self {
            Self::Integer(..) | Self::Year => Some("INTEGER"),
            Self::Decimal(..) => Some("DECIMAL"),
            Self::Float | Self::Double => Some("DOUBLE"),
            _ => None,
        }
    }

    /// Whether JSON_VALUE takes what is one of the type: of dates and times only strings, of years only whole ones.
    pub fn takes(&self, value: &Json) -> bool {
        match self {
            Self::Date | Self::Datetime | Self::Time => matches!(value, Json::String(_)),
            Self::Year => matches!(value.integer().0, 0 | 1901..),
            _ => true,
        }
    }

    /// What was found as the one value of a column. Arrays, objects and several values are one only as JSON; else there
    /// is not even a fault.
    pub fn one(&self, found: &[&Json]) -> Result<String, Option<Fault>> {
        match (self, found) {
            (Self::Json, [value]) => self.text(value).map_err(Some),
            (Self::Json, several) => {
                let mut text = String::new();
                Json::Array(several.iter().map(|value| (*value).clone()).collect()).write(&mut text);
                Ok(text)
            }
            (_, [Json::Array(_) | Json::Object(_)]) => Err(None),
            (_, [value]) => self.text(value).map_err(Some),
            _ => Err(None),
        }
    }

    /// The value as the text of one of the type.
    pub fn text(&self, value: &Json) -> Result<String, Fault> {
        let mut text = String::new();
        match self {
            Self::Json => value.write(&mut text),
            Self::Integer(least, most) => {
                let number = whole(value.integer())?;
                if !(*least..=*most).contains(&number) {
                    return Err(Fault::Range);
                }
                text = number.to_string();
            }
            Self::Year => match whole(value.integer())? {
                year @ (0..=99 | 1901..=2155) => text = year.to_string(),
                _ => return Err(Fault::Range),
            },
            Self::Decimal(precision, scale) => {
                let number = whole(value.decimal())?.rescaled(*scale as i8).ok_or(Fault::Range)?;
                if number.whole_digits() > precision.saturating_sub(*scale) {
                    return Err(Fault::Range);
                }
                number.write(&mut text);
            }
            Self::Float | Self::Double => write_double(whole(value.double())?, &mut text),
            Self::Text(_) | Self::Bytes(_) | Self::Date | Self::Datetime | Self::Time => {
                value.write_unquoted(&mut text);
                self.holds(&text)?;
            }
        }
        Ok(text)
    }

    /// Whether a text is one of the type as a whole.
    fn holds(&self, text: &str) -> Result<(), Fault> {
        let fits = |length: usize, most: Option<u64>| most.is_none_or(|most| length as u64 <= most);
        let (holds, fault) = match self {
            Self::Text(most) => (fits(text.chars().count(), *most), Fault::Range),
            Self::Bytes(most) => (fits(text.len(), *most), Fault::Range),
            Self::Time => (read_time(text).is_some_and(|(_, clean)| clean), Fault::Invalid),
            _ => (Read::datetime(text).is_some_and(|read| read.clean), Fault::Invalid),
        };
        if holds { Ok(()) } else { Err(fault) }
    }
}

/// A number that nothing is wrong with.
fn whole<T>((number, fault): (T, Option<Fault>)) -> Result<T, Fault> {
    fault.map_or(Ok(number), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_types() {
        fn check(kind: Kind, document: &str, expected: Option<&str>) {
            let text = kind.text(&Json::parse(document).unwrap()).ok();
            assert_eq!(text.as_deref(), expected, "{kind:?} {document}");
        }
        check(Kind::Json, "[1]", Some("[1]"));
        check(Kind::Text(Some(2)), "\"ab\"", Some("ab"));
        check(Kind::Text(Some(2)), "\"abc\"", None);
        check(Kind::Text(None), "true", Some("true"));
        check(Kind::Integer(-128, 127), "127", Some("127"));
        check(Kind::Integer(-128, 127), "128", None);
        check(Kind::Integer(-128, 127), "\"12\"", Some("12"));
        check(Kind::Integer(-128, 127), "\"1.5\"", None);
        check(Kind::Integer(-128, 127), "2.5", Some("2"));
        check(Kind::Integer(-128, 127), "true", Some("1"));
        check(Kind::Decimal(4, 2), "99.994", Some("99.99"));
        check(Kind::Decimal(4, 2), "100", None);
        check(Kind::Double, "1e300", Some("1e300"));
        check(Kind::Double, "\"x\"", None);
        check(Kind::Datetime, "\"2026-11-22 10:11:12\"", Some("2026-11-22 10:11:12"));
        check(Kind::Date, "\"yesterday\"", None);
    }
}
