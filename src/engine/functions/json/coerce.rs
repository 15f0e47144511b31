//! JSON as numbers, truths, dates and times, as MySQL's casts read it: a string as what it says, true as 1.
//!
//! What is none of the type is what MySQL makes of it and a warning that names the column. It knows single values and
//! columns of them, not where they come from.

use arrow::array::{
    ArrowPrimitiveType, BooleanArray, DurationMicrosecondArray, Float64Array, Int64Array, PrimitiveArray,
    StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::i256;
use datafusion::common::Result;

use super::super::calendar::{Parts, SECOND};
use super::super::convert::decimal::Decimal;
use super::super::convert::read::{Read, read_time};
use super::super::convert::temporal::{LONGEST_TIME, in_range};
use super::super::convert::{self, Cells, Instants, number};
use super::super::signature::Call;
use super::document::Json;

/// What is wrong with a value for a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is none of the type.
    Invalid,
    /// The type has none so large.
    Range,
}

impl Json {
    /// As an integer of 64 bits, signed or not; halves go to the even one.
    pub fn integer(&self) -> (i128, Option<Fault>) {
        match self {
            Self::Bool(value) => (i128::from(*value), None),
            Self::Int(value) => ((*value).into(), None),
            Self::Uint(value) => ((*value).into(), None),
            Self::Double(value) if *value <= i64::MIN as f64 => (i64::MIN.into(), Some(Fault::Range)),
            Self::Double(value) if *value >= i64::MAX as f64 => (i64::MAX.into(), Some(Fault::Range)),
            Self::Double(value) => (number::round_to_int(*value).into(), None),
            Self::Decimal(value) => {
                let rounded = value.rounded();
                let edge = if rounded.is_negative() { i128::MIN } else { i128::MAX };
                within(rounded.to_i128().unwrap_or(edge), None)
            }
            Self::String(text) => {
                let (value, clean) = number::prefix_int(text);
                within(value, (!clean).then_some(Fault::Invalid))
            }
            _ => (0, Some(Fault::Invalid)),
        }
    }

    /// As a floating-point number.
    pub fn double(&self) -> (f64, Option<Fault>) {
        match self {
            Self::Bool(value) => (f64::from(u8::from(*value)), None),
            Self::String(text) => match number::prefix_double(text) {
                (value, true) => (value, None),
                (value, false) if value.abs() == f64::MAX => (value, Some(Fault::Range)),
                (value, false) => (value, Some(Fault::Invalid)),
            },
            other => other.number().map_or((0.0, Some(Fault::Invalid)), |value| (value, None)),
        }
    }

    /// As an exact number.
    pub fn decimal(&self) -> (Decimal, Option<Fault>) {
        let integer = |value: i128| (Decimal { value: i256::from_i128(value), scale: 0 }, None);
        match self {
            Self::Bool(value) => integer((*value).into()),
            Self::Int(value) => integer((*value).into()),
            Self::Uint(value) => integer((*value).into()),
            Self::Decimal(value) => (*value, None),
            Self::Double(value) => {
                let mut text = String::new();
                number::write_double(*value, &mut text);
                let (value, whole) = Decimal::parse(&text);
                (value, (!whole).then_some(Fault::Range))
            }
            Self::String(text) => {
                let (value, clean) = Decimal::parse(text);
                (value, (!clean).then_some(Fault::Invalid))
            }
            _ => (Decimal { value: i256::ZERO, scale: 0 }, Some(Fault::Invalid)),
        }
    }

    /// As a date and time; only a string is one.
    fn moment(&self) -> Option<Read> {
        match self {
            Self::String(text) | Self::Opaque(_, text) => Read::datetime(text).filter(|read| read.clean),
            _ => None,
        }
    }

    /// As a time in microseconds; only a string is one.
    fn time(&self) -> Option<i64> {
        match self {
            Self::String(text) | Self::Opaque(_, text) => {
                read_time(text).filter(|(time, clean)| *clean && time.abs() <= LONGEST_TIME)
            }
            _ => None,
        }
        .map(|(time, _)| time)
    }
}

/// An integer, or the nearest one that 64 bits hold.
fn within(value: i128, fault: Option<Fault>) -> (i128, Option<Fault>) {
    let nearest = value.clamp(i64::MIN.into(), u64::MAX.into());
    (nearest, if nearest == value { fault } else { Some(Fault::Range) })
}

/// The warning that a value of an argument is none of a type.
fn warn(call: &Call<'_>, argument: usize, fault: Fault, kind: &str) {
    let name = call.field(argument).name();
    // A call is named by its function; of a constant nothing tells what made it.
    let constant = call.raw(argument).is_ok_and(|cells| cells.is_constant());
    let column = if constant { "json" } else { name.split('(').next().unwrap_or(name) };
    let (code, what) = match fault {
        Fault::Invalid => (3156, "Invalid"),
        Fault::Range => (3155, "Out of range"),
    };
    call.warn(code, format!("{what} JSON value for CAST to {kind} from column {column} at row 1"));
}

/// An argument's documents, each made a value of another type.
fn each<T>(
    call: &Call<'_>,
    argument: usize,
    convert: impl Fn(&Json) -> Option<T>,
) -> Result<Cells<Vec<Option<T>>>> {
    call.raw(argument)?.map(|array| {
        let texts = convert::text_of(array, call.field(argument), call)?;
        Ok(texts.iter().map(|text| convert(&super::document(text?))).collect())
    })
}

/// The same as a column of fixed-size values.
fn column<T: ArrowPrimitiveType>(
    call: &Call<'_>,
    argument: usize,
    convert: impl Fn(&Json) -> Option<T::Native>,
) -> Result<Cells<PrimitiveArray<T>>> {
    each(call, argument, convert)?.map(|values| Ok(values.iter().copied().collect()))
}

/// A number, with a warning of what is wrong with it.
fn told<T>(call: &Call<'_>, argument: usize, kind: &str, (value, fault): (T, Option<Fault>)) -> T {
    if let Some(fault) = fault {
        warn(call, argument, fault, kind);
    }
    value
}

/// An argument as signed integers.
pub fn ints(call: &Call<'_>, argument: usize) -> Result<Cells<Int64Array>> {
    let int = |value: i128| value.min(i64::MAX.into()) as i64;
    column(call, argument, |value| Some(int(told(call, argument, "INTEGER", value.integer()))))
}

/// An argument as 64 bits: a negative number is its two's complement.
pub fn bits(call: &Call<'_>, argument: usize) -> Result<Cells<UInt64Array>> {
    column(call, argument, |value| Some(told(call, argument, "INTEGER", value.integer()) as u64))
}

/// An argument as floating-point numbers.
pub fn doubles(call: &Call<'_>, argument: usize) -> Result<Cells<Float64Array>> {
    column(call, argument, |value| Some(told(call, argument, "DOUBLE", value.double())))
}

/// An argument as exact numbers.
pub fn decimals(call: &Call<'_>, argument: usize) -> Result<Cells<Vec<Option<Decimal>>>> {
    each(call, argument, |value| Some(told(call, argument, "DECIMAL", value.decimal())))
}

/// An argument as conditions. MySQL compares it with the JSON number 0, which even `false` is not, and says so.
pub fn truths(call: &Call<'_>, argument: usize) -> Result<Cells<BooleanArray>> {
    call.warn_once(
        3986,
        "Evaluating a JSON value in SQL boolean context does an implicit comparison against JSON integer 0; if this is \
         not what you want, consider converting JSON to a SQL numeric type with JSON_VALUE RETURNING",
    );
    each(call, argument, |value| Some(value.number() != Some(0.0)))?
        .map(|values| Ok(values.iter().copied().collect()))
}

/// An argument as texts, strings without their quotes.
pub fn texts(call: &Call<'_>, argument: usize) -> Result<Cells<StringViewArray>> {
    let unquoted = |value: &Json| {
        let mut text = String::new();
        value.write_unquoted(&mut text);
        Some(text)
    };
    each(call, argument, unquoted)?.map(|texts| Ok(texts.iter().map(Option::as_deref).collect()))
}

/// What is no date or time is NULL and a warning.
fn known<T>(call: &Call<'_>, argument: usize, value: Option<T>) -> Option<T> {
    if value.is_none() {
        warn(call, argument, Fault::Invalid, "DATE/TIME/DATETIME/TIMESTAMP");
    }
    value
}

/// An argument as dates and times.
pub fn datetimes(call: &Call<'_>, argument: usize) -> Result<Cells<TimestampMicrosecondArray>> {
    let zone = call.zone()?;
    let micros = |value: &Json| {
        let read = value.moment()?;
        let micros = read.parts.micros()?.checked_add(read.carry)?;
        let micros = read.offset.map_or(micros, |offset| zone.local(micros - offset * SECOND));
        in_range(micros).then_some(micros)
    };
    column(call, argument, |value| known(call, argument, micros(value)))
}

/// An argument as the fields of the calendar, where a month or day may be zero.
pub fn calendar(call: &Call<'_>, argument: usize) -> Result<Instants> {
    let zone = call.zone()?;
    let parts = |value: &Json| {
        let read = value.moment()?;
        Some(match (read.parts.micros(), read.offset) {
            (Some(micros), Some(offset)) => Parts::of(zone.local(micros + read.carry - offset * SECOND)),
            (Some(micros), None) => Parts::of(micros + read.carry),
            _ => read.parts,
        })
    };
    Ok(Instants::Parts(each(call, argument, |value| known(call, argument, parts(value)))?))
}

/// An argument as times.
pub fn times(call: &Call<'_>, argument: usize) -> Result<Cells<DurationMicrosecondArray>> {
    column(call, argument, |value| known(call, argument, value.time()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        fn check(document: &str, value: i128, fault: Option<Fault>) {
            assert_eq!(Json::parse(document).unwrap().integer(), (value, fault), "{document}");
        }
        check("2.5", 2, None);
        check("2.7", 3, None);
        check("true", 1, None);
        check("\"12\"", 12, None);
        check("\"12.5\"", 12, Some(Fault::Invalid));
        check("18446744073709551615", u64::MAX.into(), None);
        check("1e30", i64::MAX.into(), Some(Fault::Range));
        check("-1e30", i64::MIN.into(), Some(Fault::Range));
        check("null", 0, Some(Fault::Invalid));
        check("[1]", 0, Some(Fault::Invalid));
    }
}
