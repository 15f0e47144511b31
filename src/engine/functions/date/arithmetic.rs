//! Arithmetic of dates and times: intervals, differences, sums of times, periods.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::calendar::{DAY, EPOCH, Parts, SECOND, add_months};
use super::super::convert::packed;
use super::super::convert::read::{self, Read, read_time};
use super::super::convert::temporal::{self, LONGEST_TIME, write_time};
use super::super::convert::{self, decimal};
use super::super::error::Error;
use super::super::shown::Digits;
use super::super::signature::{Call, Function, Types, digits, is_text, returns};
use super::super::unify::temporal as is_temporal;

/// The functions of arithmetic.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "mysql_date_add",
            3..=3,
            |types| sum_type(types, 0, 1, 2),
            |call| add(call, 0, 1, 2, 1),
        )
        .digits(|types| sum_digits(types, 0, 1, 2))
        .marked(sum_mark),
        Function::new(
            "mysql_date_sub",
            3..=3,
            |types| sum_type(types, 0, 1, 2),
            |call| add(call, 0, 1, 2, -1),
        )
        .digits(|types| sum_digits(types, 0, 1, 2))
        .marked(sum_mark),
        Function::new("timestampadd", 3..=3, |types| sum_type(types, 2, 1, 0), |call| add(call, 2, 1, 0, 1))
            .digits(|types| sum_digits(types, 2, 1, 0)),
        // With a number instead of an INTERVAL these count days.
        Function::new("adddate", 2..=2, days_type, |call| add_days(call, 1)).digits(digits::first),
        Function::new("subdate", 2..=2, days_type, |call| add_days(call, -1)).digits(digits::first),
        Function::new("timestampdiff", 3..=3, returns::int, difference_in_units),
        Function::new("datediff", 2..=2, returns::int, difference_in_days).digits(digits::integer::<7>),
        Function::new("timediff", 2..=2, |types| Ok(returns::time(both_digits(types))), time_difference)
            .digits(|types| Some(Digits::Fraction(both_digits(types)))),
        Function::new("addtime", 2..=2, add_time_type, |call| add_time(call, 1))
            .digits(|types| Some(Digits::Fraction(both_digits(types)))),
        Function::new("subtime", 2..=2, add_time_type, |call| add_time(call, -1))
            .digits(|types| Some(Digits::Fraction(both_digits(types)))),
        Function::new("period_add", 2..=2, returns::int, period_add),
        Function::new("period_diff", 2..=2, returns::int, period_difference),
    ]
}

/// A unit of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Micros(i64),
    Months(i64),
    /// Fields of a text: the place of the first one (years 0, months 1, days 2, hours 3, … micros 6) and of the last.
    Fields(usize, usize),
}

impl Unit {
    fn parse(name: &str) -> Result<Self> {
        let name = name.to_ascii_uppercase();
        let name = name.strip_prefix("SQL_TSI_").unwrap_or(&name);
        Ok(match name {
            "MICROSECOND" => Self::Micros(1),
            "SECOND" => Self::Micros(SECOND),
            "MINUTE" => Self::Micros(60 * SECOND),
            "HOUR" => Self::Micros(3600 * SECOND),
            "DAY" => Self::Micros(DAY),
            "WEEK" => Self::Micros(7 * DAY),
            "MONTH" => Self::Months(1),
            "QUARTER" => Self::Months(3),
            "YEAR" => Self::Months(12),
            "YEAR_MONTH" => Self::Fields(0, 1),
            "DAY_HOUR" => Self::Fields(2, 3),
            "DAY_MINUTE" => Self::Fields(2, 4),
            "DAY_SECOND" => Self::Fields(2, 5),
            "DAY_MICROSECOND" => Self::Fields(2, 6),
            "HOUR_MINUTE" => Self::Fields(3, 4),
            "HOUR_SECOND" => Self::Fields(3, 5),
            "HOUR_MICROSECOND" => Self::Fields(3, 6),
            "MINUTE_SECOND" => Self::Fields(4, 5),
            "MINUTE_MICROSECOND" => Self::Fields(4, 6),
            "SECOND_MICROSECOND" => Self::Fields(5, 6),
            _ => return Err(Error::Arguments { function: format!("INTERVAL {name}") }.into()),
        })
    }

    /// Whether a DATE stays a DATE.
    fn keeps_dates(self) -> bool {
        match self {
            Self::Micros(micros) => micros % DAY == 0,
            Self::Months(_) | Self::Fields(0, 1) => true,
            Self::Fields(..) => false,
        }
    }

    /// How many digits after the seconds an amount of it has.
    fn digits(self, types: &Types<'_>, amount: usize) -> u8 {
        match self {
            Self::Micros(1) | Self::Fields(_, 6) => 6,
            Self::Micros(SECOND) if !is_text(types.of(amount)) => types.fraction(amount),
            Self::Micros(SECOND) => 6,
            _ => 0,
        }
    }
}

/// Months and microseconds that an interval adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Interval {
    months: i64,
    micros: i64,
}

/// A sum that is a text is a date and time where a number is asked for.
fn sum_mark(types: &Types<'_>) -> Option<(String, String)> {
    let text = sum_type(types, 0, 1, 2).is_ok_and(|data_type| is_text(&data_type));
    text.then(|| (packed::MOMENT.to_owned(), "1".to_owned()))
}

/// DATE and whole days are a DATE, other dates a DATETIME, times a TIME; a text is a text, as in MySQL.
fn sum_type(types: &Types<'_>, date: usize, amount: usize, unit: usize) -> Result<DataType> {
    let Some(unit) = types.string(unit) else {
        return Err(Error::Arguments { function: "INTERVAL".to_owned() }.into());
    };
    let unit = Unit::parse(unit)?;
    let digits = types.fraction(date).max(unit.digits(types, amount));
    Ok(match types.of(date) {
        DataType::Date32 | DataType::Date64 if unit.keeps_dates() => DataType::Date32,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => returns::datetime(digits),
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => match unit {
            Unit::Micros(micros) if micros < DAY => returns::time(digits),
            Unit::Fields(3.., _) => returns::time(digits),
            _ => returns::datetime(digits),
        },
        _ => DataType::Utf8View,
    })
}

fn sum_digits(types: &Types<'_>, date: usize, amount: usize, unit: usize) -> Option<Digits> {
    let unit = Unit::parse(types.string(unit)?).ok()?;
    Some(Digits::Fraction(types.fraction(date).max(unit.digits(types, amount))))
}

fn add(call: &Call<'_>, date: usize, amount: usize, unit: usize, sign: i64) -> Result<ArrayRef> {
    let unit = Unit::parse(call.text(unit)?.at(0).unwrap_or_default())?;
    let interval = amounts(call, amount, unit, sign)?;
    if matches!(call.returns, DataType::Duration(_)) {
        let times = call.time(date)?;
        return call.times(|row| {
            let sum = times.at(row)?.saturating_add(interval(row)?.micros);
            let is_time = (-LONGEST_TIME..=LONGEST_TIME).contains(&sum);
            if !is_time {
                call.warn(1441, "Datetime function: time field overflow");
            }
            is_time.then_some(sum)
        });
    }
    let overflow = || {
        call.warn(1441, "Datetime function: datetime field overflow");
        None
    };
    if *call.returns == DataType::Utf8View {
        return add_to_text(call, date, unit, interval);
    }
    let moments = call.datetime(date)?;
    if *call.returns == DataType::Date32 {
        return call.dates(|row| {
            let sum = plus(moments.at(row)?, interval(row)?);
            sum.map(|sum| sum.div_euclid(DAY) as i32).or_else(overflow_date(call))
        });
    }
    call.datetimes(|row| plus(moments.at(row)?, interval(row)?).or_else(overflow))
}

fn overflow_date(call: &Call<'_>) -> impl Fn() -> Option<i32> {
    || {
        call.warn(1441, "Datetime function: datetime field overflow");
        None
    }
}

/// A text plus an interval is a text: a date when it was one and days were added, otherwise a date and time with a
/// fraction where there is one.
fn add_to_text(
    call: &Call<'_>,
    date: usize,
    unit: Unit,
    interval: impl Fn(usize) -> Option<Interval>,
) -> Result<ArrayRef> {
    let text = call.unquoted(date)?;
    let numeric = !is_text(call.kind(date));
    let moments = if numeric { Some(call.datetime(date)?) } else { None };
    call.texts(|row, out| {
        let interval = interval(row)?;
        let value = text.at(row)?;
        let read = Read::datetime(value);
        let base = match &moments {
            Some(moments) => moments.at(row),
            None => read.and_then(|read| Some(read.parts.micros()? + read.carry)),
        };
        let Some(base) = base else {
            // Of a number that was said when it was read.
            if !numeric {
                convert::incorrect(call, "datetime", value);
            }
            return None;
        };
        let Some(sum) = plus(base, interval) else {
            call.warn(1441, "Datetime function: datetime field overflow");
            return None;
        };
        let date_only = match read {
            Some(read) if !numeric => read.date_only,
            _ => base % DAY == 0 && value.len() <= 8,
        };
        let parts = Parts::of(sum);
        match date_only && unit.keeps_dates() {
            true => parts.write_date(out),
            false => parts.write_datetime(if parts.micro == 0 { 0 } else { 6 }, out),
        }
        Some(())
    })
}

/// A date and time plus an interval; `None` outside of MySQL's years.
fn plus(micros: i64, interval: Interval) -> Option<i64> {
    let moved = match interval.months {
        0 => micros,
        months => add_months(micros.div_euclid(DAY), months)? * DAY + micros.rem_euclid(DAY),
    };
    moved.checked_add(interval.micros).filter(|sum| temporal::in_range(*sum))
}

/// An interval for each row.
fn amounts<'a>(
    call: &'a Call<'_>,
    argument: usize,
    unit: Unit,
    sign: i64,
) -> Result<Box<dyn Fn(usize) -> Option<Interval> + 'a>> {
    Ok(match unit {
        Unit::Micros(SECOND) => {
            // Seconds may have a fraction.
            let seconds = seconds(call, argument)?;
            Box::new(move |row| Some(Interval { months: 0, micros: seconds(row)?.checked_mul(sign)? }))
        }
        Unit::Micros(unit) => {
            let amount = call.int(argument)?;
            Box::new(move |row| {
                Some(Interval { months: 0, micros: amount.at(row)?.checked_mul(unit)?.checked_mul(sign)? })
                    .or(Some(Interval { months: 0, micros: i64::MAX }))
                    .filter(|_| amount.at(row).is_some())
            })
        }
        Unit::Months(unit) => {
            let amount = call.int(argument)?;
            Box::new(move |row| {
                Some(Interval {
                    months: amount.at(row)?.saturating_mul(unit).saturating_mul(sign),
                    micros: 0,
                })
            })
        }
        Unit::Fields(first, last) => {
            let amount = call.text(argument)?;
            Box::new(move |row| fields(amount.at(row)?, first, last, sign))
        }
    })
}

/// An amount of seconds as microseconds; finer digits are cut.
fn seconds<'a>(call: &'a Call<'_>, argument: usize) -> Result<Box<dyn Fn(usize) -> Option<i64> + 'a>> {
    let kind = call.kind(argument);
    if kind.is_decimal() {
        let scale = decimal::scale(kind);
        let amount = call.raw(argument)?.map(decimal::wide)?;
        return Ok(Box::new(move |row| micros(decimal::Decimal { value: amount.at(row)?, scale })));
    }
    if kind.is_integer() {
        let amount = call.int(argument)?;
        return Ok(Box::new(move |row| Some(amount.at(row)?.saturating_mul(SECOND))));
    }
    if is_text(kind) {
        let amount = call.text(argument)?;
        return Ok(Box::new(move |row| {
            let text = amount.at(row)?;
            let (seconds, clean) = decimal::Decimal::parse(text);
            if !clean {
                convert::truncated(call, "DECIMAL", text);
            }
            micros(seconds)
        }));
    }
    let amount = call.double(argument)?;
    Ok(Box::new(move |row| micros(decimal::Decimal::from_double(amount.at(row)?))))
}

/// Seconds as microseconds; more than there can be are the most that there can be.
fn micros(seconds: decimal::Decimal) -> Option<i64> {
    let edge = if seconds.value.is_negative() { i64::MIN } else { i64::MAX };
    let micros = seconds.truncated(6).rescaled(6).and_then(|micros| micros.value.to_i128());
    Some(micros.and_then(|micros| i64::try_from(micros).ok()).unwrap_or(edge))
}

/// The fields of a text as `1 10:11` for DAY_MINUTE: numbers with anything between them; too few are the last ones, with
/// too many it is no interval.
fn fields(text: &str, first: usize, last: usize, sign: i64) -> Option<Interval> {
    let negative = text.trim_start().starts_with('-');
    let wanted = last - first + 1;
    let mut numbers = Vec::with_capacity(wanted);
    let mut fraction = 0;
    for part in text.split(|character: char| !character.is_ascii_digit()).filter(|part| !part.is_empty()) {
        if numbers.len() == wanted {
            return None;
        }
        fraction = part.len();
        numbers.push(part.parse::<i64>().ok()?);
    }
    let mut values = [0_i64; 7];
    let missing = wanted - numbers.len();
    for (index, number) in numbers.iter().enumerate() {
        values[first + missing + index] = *number;
    }
    // The fraction of a second is written from the left: `.5` is half a second.
    if last == 6 && !numbers.is_empty() && fraction < 6 {
        values[6] = values[6].checked_mul(10_i64.pow(6 - fraction as u32))?;
    }
    let [years, months, days, hours, minutes, seconds, micros] = values;
    let sign = if negative { -sign } else { sign };
    let time = days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?;
    let time = time.checked_mul(60)?.checked_add(seconds)?.checked_mul(SECOND)?.checked_add(micros)?;
    Some(Interval {
        months: years.checked_mul(12)?.checked_add(months)?.checked_mul(sign)?,
        micros: time * sign,
    })
}

/// Months and microseconds of an interval that is written out; None where its amount is not a plain one.
pub fn span(amount: &str, unit: &str) -> Option<(i64, i64)> {
    let amount = amount.trim();
    Some(match Unit::parse(unit).ok()? {
        Unit::Micros(SECOND) => (0, (amount.parse::<f64>().ok()? * SECOND as f64).round() as i64),
        Unit::Micros(unit) => (0, amount.parse::<i64>().ok()?.checked_mul(unit)?),
        Unit::Months(unit) => (amount.parse::<i64>().ok()?.checked_mul(unit)?, 0),
        Unit::Fields(first, last) => {
            fields(amount, first, last, 1).map(|Interval { months, micros }| (months, micros))?
        }
    })
}

fn days_type(types: &Types<'_>) -> Result<DataType> {
    Ok(match types.of(0) {
        DataType::Date32 | DataType::Date64 => DataType::Date32,
        shown if is_temporal(shown) => returns::datetime(types.fraction(0)),
        _ => DataType::Utf8View,
    })
}

fn add_days(call: &Call<'_>, sign: i64) -> Result<ArrayRef> {
    let days = call.int(1)?;
    let interval =
        |row| Some(Interval { months: 0, micros: days.at(row)?.saturating_mul(DAY).saturating_mul(sign) });
    match call.returns {
        DataType::Utf8View => add_to_text(call, 0, Unit::Micros(DAY), interval),
        DataType::Date32 => {
            let moments = call.datetime(0)?;
            call.dates(|row| {
                let sum = plus(moments.at(row)?, interval(row)?);
                sum.map(|sum| sum.div_euclid(DAY) as i32).or_else(overflow_date(call))
            })
        }
        _ => {
            let moments = call.datetime(0)?;
            call.datetimes(|row| plus(moments.at(row)?, interval(row)?))
        }
    }
}

/// `TIMESTAMPDIFF(unit, a, b)`: whole units from a to b.
fn difference_in_units(call: &Call<'_>) -> Result<ArrayRef> {
    let unit = Unit::parse(call.text(0)?.at(0).unwrap_or_default())?;
    let (from, to) = (call.datetime(1)?, call.datetime(2)?);
    call.ints(|row| {
        let (from, to) = (from.at(row)?, to.at(row)?);
        match unit {
            Unit::Micros(unit) => Some((to - from) / unit),
            Unit::Months(unit) => Some(months_between(from, to) / unit),
            Unit::Fields(..) => None,
        }
    })
}

/// Whole months from one date and time to another.
fn months_between(from: i64, to: i64) -> i64 {
    if to < from {
        return -months_between(to, from);
    }
    let (first, last) = (Parts::of(from), Parts::of(to));
    let months = i64::from(last.year - first.year) * 12 + i64::from(last.month) - i64::from(first.month);
    let early = (last.day, last.time()) < (first.day, first.time());
    months - i64::from(early)
}

fn difference_in_days(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (call.datetime(0)?, call.datetime(1)?);
    call.ints(|row| Some(left.at(row)?.div_euclid(DAY) - right.at(row)?.div_euclid(DAY)))
}

/// The digits of a second that one of two arguments has.
fn both_digits(types: &Types<'_>) -> u8 {
    types.fraction(0).max(types.fraction(1))
}

/// Both are times, or both are dates and times; a mix is NULL.
fn time_difference(call: &Call<'_>) -> Result<ArrayRef> {
    let is_time =
        |kind: &DataType| matches!(kind, DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_));
    let is_date = |kind: &DataType| is_temporal(kind) && !is_time(kind);
    let has_day_only = |kind: &DataType| matches!(kind, DataType::Date32 | DataType::Date64);
    let (left, right) = (call.kind(0), call.kind(1));
    // A TIME, a DATE and a DATETIME are of three kinds.
    if is_time(left) && is_date(right)
        || is_date(left) && is_time(right)
        || is_date(left) && is_date(right) && has_day_only(left) != has_day_only(right)
    {
        return call.times(|_| None);
    }
    if is_date(left) && is_date(right) {
        let (left, right) = (call.datetime(0)?, call.datetime(1)?);
        return call.times(|row| Some(longest(call, left.at(row)? - right.at(row)?)));
    }
    let (left, right) = (Moments::of(call, 0)?, Moments::of(call, 1)?);
    call.times(|row| match (left.at(row, call)?, right.at(row, call)?) {
        (Moment::Time(left), Moment::Time(right)) | (Moment::Date(left), Moment::Date(right)) => {
            Some(longest(call, left - right))
        }
        _ => None,
    })
}

/// A value that is a time or a date and time, as its text says.
#[derive(Clone, Copy)]
enum Moment {
    Time(i64),
    Date(i64),
}

/// A column of values that are times or dates and times.
enum Moments {
    Times(convert::Cells<arrow::array::DurationMicrosecondArray>),
    Dates(convert::Cells<arrow::array::TimestampMicrosecondArray>),
    Texts(convert::Cells<arrow::array::StringViewArray>),
}

impl Moments {
    fn of(call: &Call<'_>, argument: usize) -> Result<Self> {
        Ok(match call.kind(argument) {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                Self::Dates(call.datetime(argument)?)
            }
            kind if is_temporal(kind) => Self::Times(call.time(argument)?),
            _ => Self::Texts(call.unquoted(argument)?),
        })
    }

    fn at(&self, row: usize, call: &Call<'_>) -> Option<Moment> {
        match self {
            Self::Times(times) => times.at(row).map(Moment::Time),
            Self::Dates(dates) => dates.at(row).map(Moment::Date),
            Self::Texts(texts) => {
                let text = texts.at(row)?;
                let (moment, clean) = moment(text).unzip();
                if clean != Some(true) {
                    convert::truncated(call, "time", text);
                }
                moment
            }
        }
    }
}

/// A text with a date and a time of day is a date and time, any other a time; and whether nothing else follows.
fn moment(text: &str) -> Option<(Moment, bool)> {
    let text = text.trim_ascii_start();
    if let Some(read) = read::dated(text) {
        return Some((Moment::Date(read.parts.micros()? + read.carry), read.clean));
    }
    let (time, clean) = read_time(text)?;
    let kept = time.clamp(-LONGEST_TIME, LONGEST_TIME);
    Some((Moment::Time(kept), clean && kept == time))
}

/// A time, or the longest one with a warning.
fn longest(call: &Call<'_>, time: i64) -> i64 {
    let kept = time.clamp(-LONGEST_TIME, LONGEST_TIME);
    if kept != time {
        let mut text = String::new();
        write_time(time, if time % SECOND == 0 { 0 } else { 6 }, &mut text);
        convert::truncated(call, "time", &text);
    }
    kept
}

fn add_time_type(types: &Types<'_>) -> Result<DataType> {
    let digits = both_digits(types);
    Ok(match types.of(0) {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => returns::datetime(digits),
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => returns::time(digits),
        _ => DataType::Utf8View,
    })
}

/// A time, or a date and time, plus a time. A text gives a text.
fn add_time(call: &Call<'_>, sign: i64) -> Result<ArrayRef> {
    let addend = Moments::of(call, 1)?;
    let addend = |row| match addend.at(row, call)? {
        Moment::Time(time) => Some(time * sign),
        // A date cannot be added.
        Moment::Date(_) => None,
    };
    match call.returns {
        DataType::Timestamp(..) => {
            let moments = call.datetime(0)?;
            call.datetimes(|row| moments.at(row)?.checked_add(addend(row)?))
        }
        DataType::Duration(_) => {
            let times = call.time(0)?;
            call.times(|row| Some(longest(call, times.at(row)?.checked_add(addend(row)?)?)))
        }
        _ => {
            let moments = Moments::of(call, 0)?;
            call.texts(|row, out| {
                let addend = addend(row)?;
                let digits = |micros: i64| if micros % SECOND == 0 { 0 } else { 6 };
                match moments.at(row, call)? {
                    Moment::Time(time) => {
                        let sum = longest(call, time.checked_add(addend)?);
                        write_time(sum, digits(sum), out);
                    }
                    Moment::Date(micros) => {
                        let sum = micros.checked_add(addend).filter(|sum| temporal::in_range(*sum))?;
                        Parts::of(sum).write_datetime(digits(sum), out);
                    }
                }
                Some(())
            })
        }
    }
}

/// A period is YYMM or YYYYMM; counted in months.
fn period(period: i64) -> Option<i64> {
    let (year, month) = (period / 100, period % 100);
    if period < 0 || !(1..=12).contains(&month) {
        return None;
    }
    let year = match year {
        0..=69 => year + 2000,
        70..=99 => year + 1900,
        year => year,
    };
    Some(year * 12 + month - 1)
}

fn bad_period(call: &Call<'_>) -> datafusion::common::DataFusionError {
    Error::Arguments { function: call.function.to_owned() }.into()
}

fn period_add(call: &Call<'_>) -> Result<ArrayRef> {
    let (start, months) = (call.int(0)?, call.int(1)?);
    call.try_primitives::<arrow::datatypes::Int64Type>(|row| {
        let (Some(start), Some(months)) = (start.at(row), months.at(row)) else { return Ok(None) };
        let sum = period(start).ok_or_else(|| bad_period(call))?.saturating_add(months);
        Ok(Some(sum.div_euclid(12) * 100 + sum.rem_euclid(12) + 1))
    })
}

fn period_difference(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (call.int(0)?, call.int(1)?);
    call.try_primitives::<arrow::datatypes::Int64Type>(|row| {
        let (Some(left), Some(right)) = (left.at(row), right.at(row)) else { return Ok(None) };
        let months = |start| period(start).ok_or_else(|| bad_period(call));
        Ok(Some(months(left)? - months(right)?))
    })
}

/// MySQL's day number of a date, and back; kept beside the arithmetic that uses it.
pub fn from_day_number(number: i64) -> Option<i32> {
    // Before the year one and after 9999 there are no dates.
    (366..=3_652_424).contains(&number).then(|| (number - EPOCH) as i32)
}
