//! Columns as dates and times, and the text of a time.
//!
//! A DATETIME here is microseconds since 1970 of the clock's reading, without zone; a TIME is microseconds.

use arrow::array::{Array, ArrayRef, AsArray, DurationMicrosecondArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Field, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::Result;

use super::super::calendar::{DAY, Parts, SECOND, days_from_civil, write_fraction, write_padded};
use super::super::shown;
use super::super::signature::{Call, is_binary, is_text};
use super::super::zone::Zone;
use super::read::{Read, from_number, read_time, time_from_number};
use super::{Cells, double, incorrect, int, text, truncated};

/// The longest TIME: 838:59:59.
pub const LONGEST_TIME: i64 = (838 * 3600 + 59 * 60 + 59) * SECOND;

/// Whether a DATETIME is in MySQL's years, 0 to 9999.
pub fn in_range(micros: i64) -> bool {
    const FIRST: i64 = -719_528 * DAY;
    const END: i64 = 2_932_897 * DAY;
    (FIRST..END).contains(&micros)
}

/// How many digits after the seconds a column shows.
pub fn digits(field: &Field) -> u32 {
    match field.data_type() {
        DataType::Date32 | DataType::Date64 => 0,
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => (*scale).clamp(0, 6) as u32,
        data_type if data_type.is_integer() => 0,
        _ => shown::fraction(field).unwrap_or(6).into(),
    }
}

/// Any column as dates and times. What is none is NULL and a warning.
pub fn datetime(array: &ArrayRef, call: &Call<'_>) -> Result<TimestampMicrosecondArray> {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    Ok(match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            array.as_primitive::<TimestampMicrosecondType>().clone()
        }
        DataType::Timestamp(unit, Some(_)) => {
            let instants = cast(array, &DataType::Timestamp(*unit, Some("UTC".into())))?;
            let instants = cast(&instants, &micros)?;
            let zone = call.zone()?;
            let instants = instants.as_primitive::<TimestampMicrosecondType>();
            if zone == Zone::UTC { instants.clone() } else { instants.unary(|instant| zone.local(instant)) }
        }
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64 => {
            cast(array, &micros)?.as_primitive::<TimestampMicrosecondType>().clone()
        }
        DataType::Null => TimestampMicrosecondArray::new_null(array.len()),
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => {
            // A time is on the statement's day.
            let today = call.zone()?.local(call.now()).div_euclid(DAY) * DAY;
            time(array, call)?.iter().map(|value| value.map(|value| today + value)).collect()
        }
        data_type if is_text(data_type) || is_binary(data_type) => {
            let zone = call.zone()?;
            let read = |value: &str| {
                let (micros, clean) = read_datetime(value, zone)?;
                if !clean {
                    truncated(call, "datetime", value);
                }
                Some(micros)
            };
            let read = |value: &str| {
                let micros = read(value);
                if micros.is_none() {
                    incorrect(call, "datetime", value);
                }
                micros
            };
            text(array, call)?.iter().map(|value| value.and_then(read)).collect()
        }
        _ => numbers(array, call)?
            .map(|number| {
                let (value, micro) = number?;
                let parts = from_number(value).filter(|_| micro >= 0);
                let micros = parts.and_then(Parts::micros).map(|micros| micros + micro);
                if micros.is_none() {
                    incorrect(call, "datetime", &value.to_string());
                }
                micros
            })
            .collect(),
    })
}

/// The date and time that a text begins with, on the clocks of a zone, and whether nothing else follows.
pub fn read_datetime(text: &str, zone: Zone) -> Option<(i64, bool)> {
    let read = Read::datetime(text)?;
    let micros = read.parts.micros()?.checked_add(read.carry)?;
    let micros = match read.offset {
        Some(offset) => zone.local(micros - offset * SECOND),
        None => micros,
    };
    in_range(micros).then_some((micros, read.clean))
}

/// A column of dates and times as fields.
#[derive(Debug)]
pub enum Instants {
    /// Dates of the calendar.
    Micros(Cells<TimestampMicrosecondArray>),
    /// What texts and numbers said, where month and day may be zero.
    Parts(Cells<Vec<Option<Parts>>>),
}

impl Instants {
    /// A row's fields.
    #[inline]
    pub fn at(&self, row: usize) -> Option<Parts> {
        match self {
            Self::Micros(cells) => cells.at(row).map(Parts::of),
            Self::Parts(cells) => cells.array()[cells.index(row)],
        }
    }
}

/// Any column as the fields of the calendar.
pub fn calendar(raw: &Cells<ArrayRef>, call: &Call<'_>) -> Result<Instants> {
    let array = raw.array();
    let wrap = |parts: Vec<Option<Parts>>| {
        Instants::Parts(if raw.is_constant() { Cells::constant(parts) } else { Cells::of(parts) })
    };
    Ok(match array.data_type() {
        data_type if is_text(data_type) => {
            let zone = call.zone()?;
            let read = |value: &str| {
                let Some(read) = Read::datetime(value) else {
                    incorrect(call, "datetime", value);
                    return None;
                };
                if !read.clean {
                    truncated(call, "datetime", value);
                }
                match (read.parts.micros(), read.offset) {
                    (Some(micros), Some(offset)) => {
                        Some(Parts::of(zone.local(micros + read.carry - offset * SECOND)))
                    }
                    (Some(micros), None) if read.carry != 0 => Some(Parts::of(micros + read.carry)),
                    _ => Some(read.parts),
                }
            };
            wrap(text(array, call)?.iter().map(|value| value.and_then(read)).collect())
        }
        data_type if data_type.is_numeric() => {
            let read = |number: Option<(i64, i64)>| {
                let (value, micro) = number?;
                let parts = from_number(value).filter(|_| micro >= 0);
                if parts.is_none() {
                    incorrect(call, "datetime", &value.to_string());
                }
                parts.map(|parts| Parts { micro: micro as u32, ..parts })
            };
            wrap(numbers(array, call)?.map(read).collect())
        }
        _ => {
            let micros = datetime(array, call)?;
            Instants::Micros(if raw.is_constant() { Cells::constant(micros) } else { Cells::of(micros) })
        }
    })
}

/// Any column as times. A date and time gives its time of day.
pub fn time(array: &ArrayRef, call: &Call<'_>) -> Result<DurationMicrosecondArray> {
    let clamp = |value: i64| value.clamp(-LONGEST_TIME, LONGEST_TIME);
    let is_time = |value: i64| clamp(value) == value;
    Ok(match array.data_type() {
        DataType::Duration(TimeUnit::Microsecond) => array.as_primitive::<DurationMicrosecondType>().clone(),
        DataType::Duration(_) => cast(array, &DataType::Duration(TimeUnit::Microsecond))?
            .as_primitive::<DurationMicrosecondType>()
            .clone(),
        DataType::Time32(_) | DataType::Time64(_) => {
            let micros = cast(&cast(array, &DataType::Time64(TimeUnit::Microsecond))?, &DataType::Int64)?;
            micros.as_primitive::<Int64Type>().reinterpret_cast()
        }
        DataType::Null => DurationMicrosecondArray::new_null(array.len()),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            datetime(array, call)?.iter().map(|value| value.map(|value| value.rem_euclid(DAY))).collect()
        }
        data_type if is_text(data_type) || is_binary(data_type) => {
            let read = |value: &str| {
                let read = read_time(value).map(|(micros, clean)| (clamp(micros), clean && is_time(micros)));
                if read.is_none_or(|(_, clean)| !clean) {
                    truncated(call, "time", value);
                }
                read.map(|(micros, _)| micros)
            };
            text(array, call)?.iter().map(|value| value.and_then(read)).collect()
        }
        _ => numbers(array, call)?
            .map(|number| {
                let (value, micro) = number?;
                let micros = time_from_number(value).map(|time| time + micro);
                if !micros.is_some_and(is_time) {
                    truncated(call, "time", &value.to_string());
                }
                micros.map(clamp)
            })
            .collect(),
    })
}

/// Integers, each with the microseconds of its fraction, which have its sign.
pub type Numbers<'a> = dyn Iterator<Item = Option<(i64, i64)>> + 'a;

/// A column of numbers as integers and microseconds of their fractions.
pub fn numbers<'a>(array: &'a ArrayRef, call: &'a Call<'_>) -> Result<Box<Numbers<'a>>> {
    if array.data_type().is_integer() || matches!(array.data_type(), DataType::Boolean) {
        let values = int(array, call)?;
        return Ok(Box::new(
            (0..values.len()).map(move |row| values.is_valid(row).then(|| (values.value(row), 0))),
        ));
    }
    if array.data_type().is_decimal() {
        let scale = super::decimal::scale(array.data_type());
        let values = super::decimal::wide(array)?;
        return Ok(Box::new((0..values.len()).map(move |row| {
            let value = values.is_valid(row).then(|| values.value(row))?;
            let micros = super::decimal::Decimal { value, scale }.rescaled(6)?.value.to_i128()?;
            let whole = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
            Some((whole, (micros % 1_000_000) as i64))
        })));
    }
    let values = double(array, call)?;
    Ok(Box::new((0..values.len()).map(move |row| {
        let value = values.is_valid(row).then(|| values.value(row))?;
        Some((value.trunc() as i64, ((value - value.trunc()) * 1e6).round() as i64))
    })))
}

/// Writes a time: `[-]hh:mm:ss` and so many digits of the second.
pub fn write_time(micros: i64, digits: u32, text: &mut String) {
    if micros < 0 {
        text.push('-');
    }
    let size = micros.unsigned_abs();
    let seconds = size / SECOND as u64;
    write_padded((seconds / 3600) as u32, 2, text);
    text.push(':');
    write_padded((seconds / 60 % 60) as u32, 2, text);
    text.push(':');
    write_padded((seconds % 60) as u32, 2, text);
    write_fraction((size % SECOND as u64) as u32, digits, text);
}

/// Rounds to so many digits after the seconds, halves away from zero.
pub fn rounded(micros: i64, digits: u32) -> i64 {
    let unit = 10_i64.pow(6 - digits.min(6));
    if unit == 1 {
        return micros;
    }
    let half = if micros < 0 { -unit / 2 } else { unit / 2 };
    (micros + half) / unit * unit
}

/// The same of a date and time, whose halves are later, also before 1970.
pub fn rounded_datetime(micros: i64, digits: u32) -> i64 {
    let day = micros.div_euclid(DAY) * DAY;
    day + rounded(micros - day, digits)
}

/// Microseconds of midnight of a date.
pub fn midnight(year: i32, month: u32, day: u32) -> i64 {
    days_from_civil(year, month, day) * DAY
}
