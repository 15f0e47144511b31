//! What a system variable can hold: its kind, how a given value is checked, and how it is shown.
//!
//! It knows no variable by name; the names are in `definitions`.

use datafusion::common::ScalarValue;

use super::super::character_sets;
use super::sql_mode;
use crate::engine::error::{Error, Result};
use crate::engine::functions::Warning;
use crate::engine::functions::locale::Locale;

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Reads as 1 or 0, shows as ON or OFF.
    Boolean(bool),
    /// A whole number.
    Unsigned(u64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// NULL; shows as an empty text.
    Null,
}

impl Value {
    /// As `SELECT @@name` reads it.
    pub fn scalar(&self) -> ScalarValue {
        match self {
            Self::Boolean(value) => ScalarValue::Int64(Some(i64::from(*value))),
            Self::Unsigned(value) => ScalarValue::UInt64(Some(*value)),
            Self::Real(value) => ScalarValue::Float64(Some(*value)),
            Self::Text(value) => ScalarValue::Utf8View(Some(value.clone())),
            Self::Null => ScalarValue::Utf8View(None),
        }
    }

    /// As `SHOW VARIABLES` shows it.
    pub fn shown(&self) -> String {
        match self {
            Self::Boolean(value) => if *value { "ON" } else { "OFF" }.into(),
            Self::Unsigned(value) => value.to_string(),
            Self::Real(value) => format!("{value:.6}"),
            Self::Text(value) => value.clone(),
            Self::Null => String::new(),
        }
    }
}

/// What a variable accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// ON, OFF, TRUE, FALSE, 1, 0.
    Boolean,
    /// A whole number; what is outside becomes the nearest, with a warning.
    Unsigned {
        /// The least.
        least: u64,
        /// The greatest.
        greatest: u64,
    },
    /// A number of seconds, with a fraction.
    Real,
    /// Any text.
    Text,
    /// One of these, by name or by number from 0.
    Enumeration(&'static [&'static str]),
    /// Flags that are on or off, as the default lists them: `a=on,b=off`. What is given changes those that it names.
    Flags(&'static str),
    /// The flags of `sql_mode`.
    SqlMode,
    /// `SYSTEM`, an offset or a named time zone.
    TimeZone,
    /// The name of a locale.
    Locale,
    /// A character set; with `nullable` NULL as well.
    CharacterSet {
        /// Whether NULL is a value.
        nullable: bool,
    },
    /// A collation.
    Collation,
}

impl Kind {
    /// Checks a value that a client gives to the variable `name`, which had another one.
    pub fn check(
        self,
        name: &'static str,
        given: &ScalarValue,
        former: &Value,
    ) -> Result<(Value, Option<Warning>)> {
        let given = Given::of(name, given)?;
        let refused = || Error::VariableValue { name: name.into(), value: given.to_string() };
        let value = match (self, &given) {
            (Self::Boolean, Given::Integer(0)) => Value::Boolean(false),
            (Self::Boolean, Given::Integer(1)) => Value::Boolean(true),
            (Self::Boolean, Given::Text(text)) => match text.to_ascii_uppercase().as_str() {
                "ON" | "TRUE" => Value::Boolean(true),
                "OFF" | "FALSE" => Value::Boolean(false),
                _ => return Err(refused()),
            },
            (Self::Unsigned { least, greatest }, Given::Integer(number)) => {
                let nearest = (*number).clamp(i128::from(least), i128::from(greatest));
                let warning = (nearest != *number).then(|| truncated(name, *number));
                let nearest = u64::try_from(nearest).expect("it lies between two u64");
                return Ok((Value::Unsigned(nearest), warning));
            }
            (Self::Real, Given::Integer(number)) => Value::Real(*number as f64),
            (Self::Real, Given::Real(number)) if number.is_finite() && *number >= 0.0 => Value::Real(*number),
            (Self::Text, Given::Text(text)) => Value::Text(text.clone()),
            (Self::Text, Given::Null) => Value::Null,
            (Self::Enumeration(names), Given::Text(text)) => {
                let known =
                    names.iter().find(|known| known.eq_ignore_ascii_case(text)).ok_or_else(refused)?;
                Value::Text((*known).into())
            }
            (Self::Enumeration(names), Given::Integer(index)) => {
                let known = usize::try_from(*index).ok().and_then(|index| names.get(index));
                Value::Text((*known.ok_or_else(refused)?).into())
            }
            (Self::Flags(defaults), Given::Text(text)) => {
                let changed = switched(defaults, &former.shown(), text);
                let refused = |wrong: &str| Error::VariableValue { name: name.into(), value: wrong.into() };
                Value::Text(changed.map_err(refused)?)
            }
            (Self::SqlMode, Given::Text(text)) => Value::Text(sql_mode::parse(text)?),
            (Self::SqlMode, Given::Integer(bits)) => Value::Text(sql_mode::from_bits(*bits)?),
            (Self::TimeZone, Given::Text(text)) => Value::Text(time_zone(text)?),
            (Self::Locale, Given::Text(text)) => {
                let known = Locale::of(text).ok_or_else(|| Error::Locale(text.clone()))?;
                Value::Text(known.name.into())
            }
            (Self::CharacterSet { nullable: true }, Given::Null) => Value::Null,
            (Self::CharacterSet { .. }, Given::Text(text)) => {
                Value::Text(character_sets::character_set(text)?.name.into())
            }
            (Self::CharacterSet { .. }, Given::Integer(id)) => {
                Value::Text(character_sets::collation_of_id(*id)?.character_set.into())
            }
            (Self::Collation, Given::Text(text)) => Value::Text(character_sets::collation(text)?.name.into()),
            (Self::Collation, Given::Integer(id)) => {
                Value::Text(character_sets::collation_of_id(*id)?.name.into())
            }
            (_, Given::Null) | (Self::Boolean, Given::Integer(_)) | (Self::Real, _) => return Err(refused()),
            (Self::Locale, Given::Integer(_)) => return Err(Error::Locale(given.to_string())),
            (Self::TimeZone, _) => return Err(Error::TimeZone(given.to_string())),
            _ => return Err(Error::VariableType(name.into())),
        };
        Ok((value, None))
    }
}

/// A given value, freed of the many widths of its type.
enum Given {
    Null,
    Integer(i128),
    Real(f64),
    Text(String),
}

impl Given {
    fn of(name: &'static str, value: &ScalarValue) -> Result<Self> {
        let integer = |number: Option<i128>| number.map_or(Self::Null, Self::Integer);
        Ok(match value {
            ScalarValue::Null => Self::Null,
            ScalarValue::Boolean(value) => integer(value.map(i128::from)),
            ScalarValue::Int8(value) => integer(value.map(i128::from)),
            ScalarValue::Int16(value) => integer(value.map(i128::from)),
            ScalarValue::Int32(value) => integer(value.map(i128::from)),
            ScalarValue::Int64(value) => integer(value.map(i128::from)),
            ScalarValue::UInt8(value) => integer(value.map(i128::from)),
            ScalarValue::UInt16(value) => integer(value.map(i128::from)),
            ScalarValue::UInt32(value) => integer(value.map(i128::from)),
            ScalarValue::UInt64(value) => integer(value.map(i128::from)),
            ScalarValue::Decimal128(value, _, 0) => integer(*value),
            ScalarValue::Decimal128(Some(value), _, scale) => {
                Self::Real(*value as f64 / 10_f64.powi(i32::from(*scale)))
            }
            ScalarValue::Float32(Some(value)) => Self::Real(f64::from(*value)),
            ScalarValue::Float64(Some(value)) => Self::Real(*value),
            ScalarValue::Dictionary(_, value) => return Self::of(name, value),
            other if other.is_null() => Self::Null,
            other => match other.try_as_str() {
                Some(Some(text)) => Self::Text(text.into()),
                _ => return Err(Error::VariableType(name.into())),
            },
        })
    }
}

impl std::fmt::Display for Given {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => formatter.write_str("NULL"),
            Self::Integer(number) => number.fmt(formatter),
            Self::Real(number) => number.fmt(formatter),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

/// Flags with some of them changed: `a=on,b=default`, or all `default`. The error is the rest from what is wrong on.
fn switched<'a>(defaults: &str, former: &str, given: &'a str) -> Result<String, &'a str> {
    let flags = |list: &str| -> Vec<(String, bool)> {
        let flags = list.split(',').filter_map(|flag| flag.split_once('='));
        flags.map(|(name, value)| (name.to_owned(), value == "on")).collect()
    };
    let defaults = flags(defaults);
    let mut now = flags(former);
    let mut named = Vec::new();
    let mut start = 0;
    for item in given.split(',').filter(|_| !given.is_empty()) {
        let wrong = &given[start..];
        start += item.len() + 1;
        if item.eq_ignore_ascii_case("default") && !named.contains(&None) {
            named.push(None);
            continue;
        }
        let (name, value) = item.split_once('=').ok_or(wrong)?;
        let place = defaults.iter().position(|(flag, _)| flag.eq_ignore_ascii_case(name)).ok_or(wrong)?;
        if named.contains(&Some(place)) {
            return Err(wrong);
        }
        named.push(Some(place));
        now[place].1 = match value.to_ascii_lowercase().as_str() {
            "on" => true,
            "off" => false,
            "default" => defaults[place].1,
            _ => return Err(wrong),
        };
    }
    if named.contains(&None) {
        for (place, (flag, default)) in now.iter_mut().zip(&defaults).enumerate() {
            if !named.contains(&Some(place)) {
                flag.1 = default.1;
            }
        }
    }
    let shown = now.iter().map(|(name, is_on)| format!("{name}={}", if *is_on { "on" } else { "off" }));
    Ok(shown.collect::<Vec<_>>().join(","))
}

fn truncated(name: &str, number: i128) -> Warning {
    let message = format!("Truncated incorrect {name} value: '{number}'");
    Warning { level: "Warning", code: 1292, message }
}

/// The canonical spelling of a time zone: offsets with two digits an hour, names as the zone database writes them.
fn time_zone(text: &str) -> Result<String> {
    let unknown = || Error::TimeZone(text.into());
    if text.eq_ignore_ascii_case("SYSTEM") {
        return Ok("SYSTEM".into());
    }
    if let Some(sign @ (b'+' | b'-')) = text.as_bytes().first() {
        let (hours, minutes) = text[1..].split_once(':').ok_or_else(unknown)?;
        let number = |digits: &str| match digits.len() {
            1 | 2 if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse::<u32>().ok(),
            _ => None,
        };
        let (hours, minutes) = number(hours).zip(number(minutes)).ok_or_else(unknown)?;
        // From -13:59 to +14:00, as MySQL since 8.0.19.
        let most = if *sign == b'+' { 14 * 60 } else { 13 * 60 + 59 };
        if minutes > 59 || hours * 60 + minutes > most {
            return Err(unknown());
        }
        return Ok(format!("{}{hours:02}:{minutes:02}", char::from(*sign)));
    }
    let known = chrono_tz::TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(text));
    Ok(known.ok_or_else(unknown)?.name().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_merged() {
        let check = |given: &str, expected: Result<&str, &str>| {
            assert_eq!(
                switched("a=on,b=off,c=on", "a=off,b=off,c=on", given).as_deref(),
                expected.as_ref().copied(),
                "{given}"
            );
        };
        check("", Ok("a=off,b=off,c=on"));
        check("B=On,c=off", Ok("a=off,b=on,c=off"));
        check("a=default", Ok("a=on,b=off,c=on"));
        check("default,b=on", Ok("a=on,b=on,c=on"));
        check("b=on,d=on,c=off", Err("d=on,c=off"));
        check("b=maybe", Err("b=maybe"));
        check("b=on,b=off", Err("b=off"));
        check("b", Err("b"));
    }

    #[test]
    fn time_zones() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(time_zone(given).ok().as_deref(), expected, "{given}");
        };
        check("system", Some("SYSTEM"));
        check("+00:00", Some("+00:00"));
        check("+9:00", Some("+09:00"));
        check("-13:59", Some("-13:59"));
        check("-14:00", None);
        check("+14:00", Some("+14:00"));
        check("+14:01", None);
        check("+05:60", None);
        check("+0530", None);
        check("+-1:00", None);
        check("europe/berlin", Some("Europe/Berlin"));
        check("UTC", Some("UTC"));
        check("Mars/Olympus", None);
        check("", None);
    }
}
