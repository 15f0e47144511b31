//! Literals: numbers, strings, dates and times as DataFusion's planner reads them.
//!
//! It knows syntax, and what MySQL takes for a date and a time.

use sqlparser::ast::{CastKind, DataType, ExactNumberInfo, Expr, TypedString, Value, ValueWithSpan};

use super::super::front::literal_string;
use super::super::grammar::{call, number, string};
use crate::engine::error::{Error, Result};
use crate::engine::functions::convert::read::{Read, dated, read_time};
use crate::engine::functions::convert::temporal::LONGEST_TIME;
use crate::engine::functions::error as functions;

/// A literal as DataFusion's planner reads it.
pub fn literal(value: ValueWithSpan) -> Result<Expr> {
    let ValueWithSpan { value, span } = value;
    let value = match value {
        // Only a number with an exponent is approximate.
        Value::Number(text, _) if text.contains(['e', 'E']) => {
            if text.parse::<f64>().is_ok_and(f64::is_infinite) {
                return Err(Error::IllegalNumber(text));
            }
            return Ok(Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(string(text)),
                data_type: DataType::Double(ExactNumberInfo::None),
                array: false,
                format: None,
            });
        }
        Value::Number(text, long) => Value::Number(limited(text), long),
        Value::NationalStringLiteral(text) | Value::DoubleQuotedString(text) => {
            Value::SingleQuotedString(text)
        }
        plain @ (Value::SingleQuotedString(_)
        | Value::HexStringLiteral(_)
        | Value::Boolean(_)
        | Value::Null
        | Value::Placeholder(_)) => plain,
        other => return Err(Error::NotSupported(other.to_string())),
    };
    Ok(Expr::Value(ValueWithSpan { value, span }))
}

/// A number with at most the 65 digits that a DECIMAL has, 30 of them after the point.
fn limited(text: String) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = whole.trim_start_matches('0');
    if whole.len() > 65 {
        return "9".repeat(65);
    }
    let kept = fraction.len().min(30).min(65 - whole.len());
    if kept == fraction.len() { text } else { format!("0{whole}.{}", &fraction[..kept]) }
}

/// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`. What is none is an error; in ODBC's braces it is a plain string.
pub fn typed_string(typed: &TypedString) -> Result<Expr> {
    let TypedString { data_type, value, uses_odbc_syntax } = typed;
    let Value::SingleQuotedString(text) = &value.value else {
        return Err(Error::NotSupported(value.to_string()));
    };
    let name = data_type.to_string();
    let kind = match name.as_str() {
        "DATE" => "DATE",
        "TIME" => "TIME",
        "TIMESTAMP" | "DATETIME" => "DATETIME",
        _ => return Err(Error::NotSupported(format!("a literal of type {data_type}"))),
    };
    match (is_moment(kind, text), uses_odbc_syntax) {
        (true, _) => {
            temporal(&name, text).ok_or_else(|| Error::NotSupported(format!("a literal of type {data_type}")))
        }
        (false, true) => Ok(string(text.as_str())),
        (false, false) => Err(functions::Error::WrongValue { kind, value: text.clone() }.into()),
    }
}

/// Whether a text is all of a date or time of the kind, and nothing more.
fn is_moment(kind: &str, text: &str) -> bool {
    match kind {
        "TIME" => {
            let dated = dated(text).is_some();
            read_time(text).is_some_and(|(micros, clean)| clean && !dated && micros.abs() <= LONGEST_TIME)
        }
        kind => Read::datetime(text).is_some_and(|read| read.clean && read.date_only == (kind == "DATE")),
    }
}

fn temporal(data_type: &str, text: &str) -> Option<Expr> {
    // The literal has as many fractional digits as are written.
    let digits = match text.rsplit_once('.') {
        // A point may stand between other fields too: the fraction comes after the seconds.
        Some((before, _)) if data_type != "TIME" && !matches!(fields(before), 1 | 6) => 0,
        Some((_, fraction)) => fraction.bytes().take_while(u8::is_ascii_digit).count().min(6),
        None => 0,
    };
    let precision = number(digits as u64);
    match data_type {
        "DATE" => Some(call("mysql_cast_date", vec![string(text)])),
        "TIME" => Some(call("mysql_cast_time", vec![string(text), precision])),
        "TIMESTAMP" | "DATETIME" => Some(call("mysql_cast_datetime", vec![string(text), precision])),
        _ => None,
    }
}

/// How many numbers a text has.
fn fields(text: &str) -> usize {
    text.split(|character: char| !character.is_ascii_digit()).filter(|part| !part.is_empty()).count()
}

/// Casts are calls already; what is left are typed literals of ODBC.
pub fn literal_cast(operand: &Expr, data_type: &DataType) -> Result<Expr> {
    literal_string(operand)
        .and_then(|text| temporal(&data_type.to_string(), text))
        .ok_or_else(|| Error::NotSupported(format!("a cast to {data_type}")))
}
