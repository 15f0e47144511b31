//! The values that a client binds to a prepared statement's parameters: from the protocol's bytes to the engine's scalars.
//!
//! Every read is checked: these bytes are the most intricate that a client can send.

use std::collections::HashMap;

use chrono::NaiveDate;
use datafusion::common::ScalarValue;
use mysql_common::constants::ColumnType;

use super::error::{Error, Result};
use super::payload::Payload;
use crate::engine::functions::charset::Set;

/// The type that a client tells of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    code: ColumnType,
    unsigned: bool,
}

const WRONG_ARGUMENTS: Error = Error::WrongArguments("mysqld_stmt_execute");

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// Most days of a TIME: 838 hours. More cannot be shown, and must not overflow.
const TIME_DAYS_MAX: u32 = 34;

/// The values in the body of an execution. A client tells the types the first time, and when they change;
/// `types` keeps them. Parameters with long data have no value in the body.
pub fn values(
    body: &[u8],
    count: usize,
    types: &mut Vec<Type>,
    long_data: &HashMap<u16, Vec<u8>>,
    set: Set,
) -> Result<Vec<ScalarValue>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut body = Payload(body);
    let nulls = body.bytes(count.div_ceil(8))?;
    if body.u8()? == 1 {
        *types = (0..count).map(|_| Type::read(&mut body)).collect::<Result<_>>()?;
    }
    if types.len() != count {
        return Err(WRONG_ARGUMENTS);
    }
    let values = types.iter().enumerate().map(|(at, told)| {
        if let Some(data) = u16::try_from(at).ok().and_then(|at| long_data.get(&at)) {
            return Ok(string(data, set));
        }
        if nulls[at / 8] & 1 << (at % 8) != 0 {
            return Ok(ScalarValue::Null);
        }
        told.value(&mut body, set)
    });
    values.collect()
}

impl Type {
    fn read(body: &mut Payload<'_>) -> Result<Self> {
        const UNSIGNED: u8 = 0x80;
        let [code, flags] = body.array()?;
        let code = ColumnType::try_from(code).map_err(|_| WRONG_ARGUMENTS)?;
        Ok(Self { code, unsigned: flags & UNSIGNED != 0 })
    }

    fn value(self, body: &mut Payload<'_>, set: Set) -> Result<ScalarValue> {
        Ok(match (self.code, self.unsigned) {
            (ColumnType::MYSQL_TYPE_NULL, _) => ScalarValue::Null,
            (ColumnType::MYSQL_TYPE_TINY, false) => i64::from(i8::from_le_bytes(body.array()?)).into(),
            (ColumnType::MYSQL_TYPE_TINY, true) => u64::from(body.u8()?).into(),
            (ColumnType::MYSQL_TYPE_SHORT | ColumnType::MYSQL_TYPE_YEAR, false) => {
                i64::from(i16::from_le_bytes(body.array()?)).into()
            }
            (ColumnType::MYSQL_TYPE_SHORT | ColumnType::MYSQL_TYPE_YEAR, true) => {
                u64::from(body.u16()?).into()
            }
            (ColumnType::MYSQL_TYPE_LONG | ColumnType::MYSQL_TYPE_INT24, false) => {
                i64::from(i32::from_le_bytes(body.array()?)).into()
            }
            (ColumnType::MYSQL_TYPE_LONG | ColumnType::MYSQL_TYPE_INT24, true) => {
                u64::from(body.u32()?).into()
            }
            (ColumnType::MYSQL_TYPE_LONGLONG, false) => i64::from_le_bytes(body.array()?).into(),
            (ColumnType::MYSQL_TYPE_LONGLONG, true) => u64::from_le_bytes(body.array()?).into(),
            (ColumnType::MYSQL_TYPE_FLOAT, _) => double(f32::from_le_bytes(body.array()?).into())?,
            (ColumnType::MYSQL_TYPE_DOUBLE, _) => double(f64::from_le_bytes(body.array()?))?,
            (ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL, _) => {
                decimal(body.length_encoded_bytes()?)?
            }
            (ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE, _) => date(body)?,
            (
                ColumnType::MYSQL_TYPE_DATETIME
                | ColumnType::MYSQL_TYPE_DATETIME2
                | ColumnType::MYSQL_TYPE_TIMESTAMP
                | ColumnType::MYSQL_TYPE_TIMESTAMP2,
                _,
            ) => date_time(body)?,
            (ColumnType::MYSQL_TYPE_TIME | ColumnType::MYSQL_TYPE_TIME2, _) => time(body)?,
            (
                ColumnType::MYSQL_TYPE_VARCHAR
                | ColumnType::MYSQL_TYPE_VAR_STRING
                | ColumnType::MYSQL_TYPE_STRING
                | ColumnType::MYSQL_TYPE_ENUM
                | ColumnType::MYSQL_TYPE_SET
                | ColumnType::MYSQL_TYPE_JSON
                | ColumnType::MYSQL_TYPE_TINY_BLOB
                | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
                | ColumnType::MYSQL_TYPE_LONG_BLOB
                | ColumnType::MYSQL_TYPE_BLOB
                | ColumnType::MYSQL_TYPE_GEOMETRY
                | ColumnType::MYSQL_TYPE_VECTOR
                | ColumnType::MYSQL_TYPE_BIT,
                _,
            ) => string(body.length_encoded_bytes()?, set),
            (ColumnType::MYSQL_TYPE_TYPED_ARRAY | ColumnType::MYSQL_TYPE_UNKNOWN, _) => {
                return Err(WRONG_ARGUMENTS);
            }
        })
    }
}

/// Text where it is text, whatever the client calls it: many send all their strings as BLOB.
fn string(bytes: &[u8], set: Set) -> ScalarValue {
    match set.decode(bytes, "") {
        Ok(Some(text)) => ScalarValue::from(text),
        _ => ScalarValue::Binary(Some(bytes.to_vec())),
    }
}

/// A FLOAT is the DOUBLE that it is exactly, not the one of its text. MySQL has neither infinities nor NaN.
fn double(number: f64) -> Result<ScalarValue> {
    if number.is_finite() { Ok(number.into()) } else { Err(WRONG_ARGUMENTS) }
}

/// A decimal keeps its digits; with more than there is a type for, it stays a text, which is a number as well in MySQL.
fn decimal(bytes: &[u8]) -> Result<ScalarValue> {
    const DIGITS_MAX: usize = 38;
    let text = std::str::from_utf8(bytes).map_err(|_| WRONG_ARGUMENTS)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let scale = i8::try_from(fraction.len()).ok();
    let precision = digits.bytes().filter(u8::is_ascii_digit).count();
    match (digits.parse(), scale) {
        (Ok(unscaled), Some(scale)) if (1..=DIGITS_MAX).contains(&precision) => {
            Ok(ScalarValue::Decimal128(Some(unscaled), precision as u8, scale))
        }
        _ => Ok(ScalarValue::from(text)),
    }
}

fn date(body: &mut Payload<'_>) -> Result<ScalarValue> {
    let micros = days_and_time(body)?;
    Ok(ScalarValue::Date32(micros.and_then(|micros| i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok())))
}

fn date_time(body: &mut Payload<'_>) -> Result<ScalarValue> {
    Ok(ScalarValue::TimestampMicrosecond(days_and_time(body)?, None))
}

/// A date and perhaps a time, in microseconds since 1970; nothing for the date of zeros, which is NULL here.
fn days_and_time(body: &mut Payload<'_>) -> Result<Option<i64>> {
    let length = body.u8()?;
    if !matches!(length, 0 | 4 | 7 | 11) {
        return Err(Error::Malformed);
    }
    let mut fields = Payload(body.bytes(length.into())?);
    if fields.is_empty() {
        return Ok(None);
    }
    let (year, [month, day]) = (fields.u16()?, fields.array()?);
    if (year, month, day) == (0, 0, 0) {
        return Ok(None);
    }
    let [hour, minute, second] = if fields.is_empty() { [0; 3] } else { fields.array()? };
    let micro = if fields.is_empty() { 0 } else { fields.u32()? };
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).filter(|_| year <= 9_999);
    let time = date.and_then(|date| date.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micro));
    // A leap second has a place in chrono's fraction, and none in MySQL.
    let time = time.filter(|_| micro < 1_000_000).ok_or(WRONG_ARGUMENTS)?;
    Ok(Some(time.and_utc().timestamp_micros()))
}

/// A length of time; within a day it is a time of day as well.
fn time(body: &mut Payload<'_>) -> Result<ScalarValue> {
    let length = body.u8()?;
    if !matches!(length, 0 | 8 | 12) {
        return Err(Error::Malformed);
    }
    let mut fields = Payload(body.bytes(length.into())?);
    if fields.is_empty() {
        return Ok(ScalarValue::Time64Microsecond(Some(0)));
    }
    let (negative, days, [hour, minute, second]) = (fields.u8()?, fields.u32()?, fields.array()?);
    let micro = if fields.is_empty() { 0 } else { fields.u32()? };
    if days > TIME_DAYS_MAX || hour > 23 || minute > 59 || second > 59 || micro > 999_999 {
        return Err(WRONG_ARGUMENTS);
    }
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
    let micros = i64::from(days) * MICROS_PER_DAY + seconds * MICROS_PER_SECOND + i64::from(micro);
    Ok(match negative {
        0 if micros < MICROS_PER_DAY => ScalarValue::Time64Microsecond(Some(micros)),
        0 => ScalarValue::DurationMicrosecond(Some(micros)),
        _ => ScalarValue::DurationMicrosecond(Some(-micros)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One parameter of a type, with the bytes of its value.
    fn read(code: ColumnType, flags: u8, value: &[u8]) -> Result<ScalarValue> {
        let body = [&[0, 1, code as u8, flags][..], value].concat();
        let mut types = Vec::new();
        Ok(values(&body, 1, &mut types, &HashMap::new(), Set::Utf8)?.remove(0))
    }

    fn check(code: ColumnType, flags: u8, value: &[u8], expected: Option<ScalarValue>) {
        assert_eq!(read(code, flags, value).ok(), expected, "{code:?} {flags} {value:?}");
    }

    #[test]
    fn every_type() {
        use ColumnType::*;
        check(MYSQL_TYPE_TINY, 0, &[0xFF], Some(ScalarValue::Int64(Some(-1))));
        check(MYSQL_TYPE_TINY, 0x80, &[0xFF], Some(ScalarValue::UInt64(Some(255))));
        check(MYSQL_TYPE_SHORT, 0, &[0, 0x80], Some(ScalarValue::Int64(Some(-32_768))));
        check(MYSQL_TYPE_LONG, 0, &[1, 0, 0, 0], Some(ScalarValue::Int64(Some(1))));
        check(MYSQL_TYPE_LONG, 0, &[1, 0, 0], None);
        check(MYSQL_TYPE_LONGLONG, 0x80, &[0xFF; 8], Some(ScalarValue::UInt64(Some(u64::MAX))));
        check(MYSQL_TYPE_DOUBLE, 0, &1.5_f64.to_le_bytes(), Some(ScalarValue::Float64(Some(1.5))));
        check(MYSQL_TYPE_FLOAT, 0, &1.5_f32.to_le_bytes(), Some(ScalarValue::Float64(Some(1.5))));
        check(
            MYSQL_TYPE_FLOAT,
            0,
            &0.1_f32.to_le_bytes(),
            Some(ScalarValue::Float64(Some(0.10000000149011612))),
        );
        check(MYSQL_TYPE_FLOAT, 0, &f32::INFINITY.to_le_bytes(), None);
        check(MYSQL_TYPE_DOUBLE, 0, &f64::NAN.to_le_bytes(), None);
        check(MYSQL_TYPE_VAR_STRING, 0, "\x02é".as_bytes(), Some(ScalarValue::from("é")));
        check(MYSQL_TYPE_BLOB, 0, &[1, 0xFF], Some(ScalarValue::Binary(Some(vec![0xFF]))));
        check(MYSQL_TYPE_VAR_STRING, 0, &[200, b'x'], None);
        check(MYSQL_TYPE_NULL, 0, &[], Some(ScalarValue::Null));
        check(MYSQL_TYPE_NEWDECIMAL, 0, b"\x06-12.50", Some(ScalarValue::Decimal128(Some(-1_250), 4, 2)));
        check(MYSQL_TYPE_NEWDECIMAL, 0, b"\x03abc", Some(ScalarValue::from("abc")));
        check(MYSQL_TYPE_UNKNOWN, 0, &[0; 8], None);
    }

    #[test]
    fn times() {
        use ColumnType::*;
        let date_time = |micros| Some(ScalarValue::TimestampMicrosecond(Some(micros), None));
        check(MYSQL_TYPE_DATE, 0, &[4, 0xB2, 7, 1, 2], Some(ScalarValue::Date32(Some(1))));
        check(MYSQL_TYPE_DATETIME, 0, &[4, 0xB2, 7, 1, 1], date_time(0));
        check(MYSQL_TYPE_DATETIME, 0, &[7, 0xB2, 7, 1, 1, 0, 0, 1], date_time(1_000_000));
        check(MYSQL_TYPE_TIMESTAMP, 0, &[11, 0xB2, 7, 1, 1, 0, 0, 0, 1, 0, 0, 0], date_time(1));
        check(MYSQL_TYPE_DATETIME, 0, &[0], Some(ScalarValue::TimestampMicrosecond(None, None)));
        check(MYSQL_TYPE_DATETIME, 0, &[4, 0xB2, 7, 2, 30], None);
        check(MYSQL_TYPE_DATETIME, 0, &[7, 0xB2, 7, 1, 1, 24, 0, 0], None);
        check(MYSQL_TYPE_DATETIME, 0, &[5, 0xB2, 7, 1, 1, 1], None);
        check(
            MYSQL_TYPE_TIME,
            0,
            &[8, 0, 0, 0, 0, 0, 1, 0, 0],
            Some(ScalarValue::Time64Microsecond(Some(3_600_000_000))),
        );
        check(
            MYSQL_TYPE_TIME,
            0,
            &[8, 1, 1, 0, 0, 0, 0, 0, 0],
            Some(ScalarValue::DurationMicrosecond(Some(-86_400_000_000))),
        );
        check(MYSQL_TYPE_TIME, 0, &[8, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0], None);
    }

    #[test]
    fn types_are_told_once() {
        let mut types = Vec::new();
        let none = HashMap::new();
        // The second of two is NULL.
        let first = [0b10, 1, ColumnType::MYSQL_TYPE_TINY as u8, 0, ColumnType::MYSQL_TYPE_TINY as u8, 0, 7];
        let seven = vec![ScalarValue::Int64(Some(7)), ScalarValue::Null];
        assert_eq!(values(&first, 2, &mut types, &none, Set::Utf8).unwrap(), seven);
        assert_eq!(values(&[0b10, 0, 7], 2, &mut types, &none, Set::Utf8).unwrap(), seven);
        assert!(values(&[0b10, 0, 7], 2, &mut Vec::new(), &none, Set::Utf8).is_err());
        assert!(values(&[0b10], 2, &mut types, &none, Set::Utf8).is_err());
        assert!(values(&[], 9, &mut types, &none, Set::Utf8).is_err());
        let sent = HashMap::from([(1, b"long".to_vec())]);
        let long = vec![ScalarValue::Int64(Some(7)), ScalarValue::from("long")];
        assert_eq!(values(&[0, 0, 7], 2, &mut types, &sent, Set::Utf8).unwrap(), long);
    }
}
