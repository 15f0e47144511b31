//! Dates and times from numbers, from each other, and from one time zone to another.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::Result;

use super::super::calendar::{DAY, Parts, SECOND, days_from_civil};
use super::super::convert::read::Read;
use super::super::convert::{self, decimal, temporal};
use super::super::shown::Digits;
use super::super::signature::{Call, Function, Types, digits, returns};
use super::super::unify::temporal as is_temporal;
use super::super::zone::Zone;
use super::arithmetic::from_day_number;
use super::format::write_date_format;

/// The functions that build dates and times.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("timestamp", 1..=2, |types| Ok(returns::datetime(timestamp_digits(types))), timestamp)
            .digits(|types| Some(Digits::Fraction(timestamp_digits(types)))),
        Function::new("time", 1..=1, |types| Ok(returns::time(types.fraction(0))), time)
            .digits(digits::first),
        Function::new("from_days", 1..=1, returns::date, from_days),
        Function::new("makedate", 2..=2, returns::date, make_date),
        Function::new("maketime", 3..=3, |types| Ok(returns::time(types.fraction_of_type(2))), make_time)
            .digits(|types| Some(Digits::Fraction(types.fraction_of_type(2)))),
        Function::new(
            "sec_to_time",
            1..=1,
            |types| Ok(returns::time(types.fraction_of_type(0))),
            sec_to_time,
        )
        .digits(|types| Some(Digits::Fraction(types.fraction_of_type(0)))),
        Function::new("time_to_sec", 1..=1, returns::int, time_to_sec).digits(digits::integer::<7>),
        Function::new("from_unixtime", 1..=2, from_unixtime_type, from_unixtime).digits(from_unixtime_digits),
        Function::new("unix_timestamp", 0..=1, unix_timestamp_type, unix_timestamp).stable(),
        Function::new("convert_tz", 3..=3, |types| Ok(returns::datetime(types.fraction(0))), convert_tz)
            .digits(digits::first),
    ]
}

/// The fraction of a date and time with a time that may be added to it.
fn timestamp_digits(types: &Types<'_>) -> u8 {
    types.fraction(0).max(if types.len() == 2 { types.fraction(1) } else { 0 })
}

/// `TIMESTAMP(x)` is x as a date and time; a second argument is a time that is added.
fn timestamp(call: &Call<'_>) -> Result<ArrayRef> {
    let moments = call.datetime(0)?;
    if call.count() == 1 {
        return call.datetimes(|row| moments.at(row));
    }
    let times = call.time(1)?;
    call.datetimes(|row| moments.at(row)?.checked_add(times.at(row)?))
}

fn time(call: &Call<'_>) -> Result<ArrayRef> {
    let times = call.time(0)?;
    call.times(|row| times.at(row))
}

fn from_days(call: &Call<'_>) -> Result<ArrayRef> {
    let number = call.int(0)?;
    call.dates(|row| from_day_number(number.at(row)?))
}

/// `MAKEDATE(year, day of the year)`.
fn make_date(call: &Call<'_>) -> Result<ArrayRef> {
    let (year, day) = (call.int(0)?, call.int(1)?);
    call.dates(|row| {
        let (year, day) = (year.at(row)?, day.at(row)?);
        let year = match year {
            0..=69 => year + 2000,
            70..=99 => year + 1900,
            100..=9999 => year,
            _ => return None,
        };
        let date = days_from_civil(year as i32, 1, 1).checked_add(day.checked_sub(1)?)?;
        (day > 0 && temporal::in_range(date.checked_mul(DAY)?)).then_some(date as i32)
    })
}

fn make_time(call: &Call<'_>) -> Result<ArrayRef> {
    let (hour, minute, second) = (call.int(0)?, call.int(1)?, micros(call, 2)?);
    call.times(|row| {
        let (hour, minute, second) = (hour.at(row)?, minute.at(row)?, second(row)?);
        if !(0..60).contains(&minute) || !(0..60 * SECOND).contains(&second) {
            return None;
        }
        let size = hour.saturating_abs().min(10_000) * 3600 * SECOND + minute * 60 * SECOND + second;
        if size > temporal::LONGEST_TIME {
            call.warn(
                1292,
                format!("Truncated incorrect time value: '{hour}:{minute:02}:{:02}'", second / SECOND),
            );
        }
        let size = size.min(temporal::LONGEST_TIME);
        Some(if hour < 0 { -size } else { size })
    })
}

fn sec_to_time(call: &Call<'_>) -> Result<ArrayRef> {
    let seconds = micros(call, 0)?;
    call.times(|row| {
        let time = seconds(row)?;
        if time.saturating_abs() > temporal::LONGEST_TIME {
            call.warn(1292, format!("Truncated incorrect time value: '{}'", time / SECOND));
        }
        Some(time.clamp(-temporal::LONGEST_TIME, temporal::LONGEST_TIME))
    })
}

fn time_to_sec(call: &Call<'_>) -> Result<ArrayRef> {
    let times = call.time(0)?;
    call.ints(|row| Some(times.at(row)? / SECOND))
}

/// A number of seconds as microseconds, exact for exact numbers.
fn micros<'a>(call: &'a Call<'_>, argument: usize) -> Result<Box<dyn Fn(usize) -> Option<i64> + 'a>> {
    let kind = call.kind(argument);
    if kind.is_decimal() {
        let scale = decimal::scale(kind);
        let value = call.raw(argument)?.map(decimal::wide)?;
        return Ok(Box::new(move |row| {
            let micros = decimal::Decimal { value: value.at(row)?, scale }.rescaled(6)?.value;
            let edge = if micros.is_negative() { i64::MIN } else { i64::MAX };
            Some(micros.to_i128().and_then(|micros| i64::try_from(micros).ok()).unwrap_or(edge))
        }));
    }
    if kind.is_integer() {
        let value = call.int(argument)?;
        return Ok(Box::new(move |row| Some(value.at(row)?.saturating_mul(SECOND))));
    }
    let value = call.double(argument)?;
    Ok(Box::new(move |row| Some((value.at(row)? * SECOND as f64).round() as i64)))
}

fn from_unixtime_type(types: &Types<'_>) -> Result<DataType> {
    Ok(match from_unixtime_digits(types) {
        Some(Digits::Fraction(digits)) => returns::datetime(digits),
        _ => DataType::Utf8View,
    })
}

/// A text has as many digits as a DOUBLE: all six.
fn from_unixtime_digits(types: &Types<'_>) -> Option<Digits> {
    let digits = match types.of(0) {
        DataType::Null => 0,
        number if number.is_numeric() => types.fraction(0),
        _ => 6,
    };
    (types.len() == 1).then_some(Digits::Fraction(digits))
}

/// An instant as the session's clock shows it; up to 3001-01-18 23:59:59 UTC, as in MySQL 8.
fn from_unixtime(call: &Call<'_>) -> Result<ArrayRef> {
    const END: i64 = 32_536_771_200 * SECOND;
    let zone = call.zone()?;
    let seconds = micros(call, 0)?;
    let local = |row| Some(zone.local(seconds(row).filter(|instant| (0..END).contains(instant))?));
    if call.count() == 1 {
        return call.datetimes(local);
    }
    let format = call.text(1)?;
    let locale = call.locale();
    call.texts(|row, out| write_date_format(Parts::of(local(row)?), format.at(row)?, locale, out))
}

fn unix_timestamp_type(types: &Types<'_>) -> Result<DataType> {
    let digits = match types.len() {
        0 => 0,
        _ => match (types.of(0), types.string(0)) {
            (DataType::Null, _) => 0,
            // What a text says, if it says a date and time.
            (_, Some(text)) if Read::datetime(text).is_some() => types.fraction(0),
            (shown, _) if is_temporal(shown) || shown.is_integer() || shown.is_decimal() => types.fraction(0),
            _ => 6,
        },
    };
    Ok(match digits {
        0 => DataType::Int64,
        digits => DataType::Decimal128(11 + digits, digits as i8),
    })
}

/// The instant at which the session's clock shows a time; 0 before 1970, as in MySQL 8.
fn unix_timestamp(call: &Call<'_>) -> Result<ArrayRef> {
    if call.count() == 0 {
        let now = call.now().div_euclid(SECOND);
        return call.ints(|_| Some(now));
    }
    const END: i64 = 32_536_771_200 * SECOND;
    let zone = call.zone()?;
    let moments = call.calendar(0)?;
    let instant = |row| {
        let instant = zone.instant(moments.at(row).and_then(Parts::micros)?);
        Some(if (0..END).contains(&instant) { instant } else { 0 })
    };
    match *call.returns {
        DataType::Decimal128(precision, scale) => {
            let unit = 10_i64.pow(6 - scale as u32);
            let column = call.primitives::<Decimal128Type>(|row| Some((instant(row)? / unit).into()))?;
            let column = column.as_primitive::<Decimal128Type>().clone();
            Ok(convert::shared(column.with_precision_and_scale(precision, scale)?))
        }
        _ => call.ints(|row| Some(instant(row)? / SECOND)),
    }
}

/// `CONVERT_TZ(time, from, to)`; NULL for a zone that there is not. A time outside of 1970 to 3001 stays as it is.
fn convert_tz(call: &Call<'_>) -> Result<ArrayRef> {
    const END: i64 = 32_536_771_200 * SECOND;
    let (moments, from, to) = (call.datetime(0)?, call.text(1)?, call.text(2)?);
    let session = call.zone()?;
    let find =
        |name: &str| if name.eq_ignore_ascii_case("system") { Some(session) } else { Zone::find(name) };
    let constant =
        (from.is_constant() && to.is_constant()).then(|| Some((find(from.at(0)?)?, find(to.at(0)?)?)));
    call.datetimes(|row| {
        let micros = moments.at(row)?;
        let (from, to) = match constant {
            Some(zones) => zones?,
            None => (find(from.at(row)?)?, find(to.at(row)?)?),
        };
        let instant = from.instant(micros);
        Some(if (0..END).contains(&instant) { to.local(instant) } else { micros })
    })
}
