//! Fields of dates and times: YEAR, WEEK, HOUR, EXTRACT and their like.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type};
use datafusion::common::Result;

use super::super::calendar::{self, DAY, EPOCH, Parts, SECOND, week, weekday};
use super::super::convert::read;
use super::super::error::Error;
use super::super::preimage;
use super::super::signature::{Call, Function, Types, digits, is_text, returns};

/// The functions of fields.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("year", 1..=1, returns::int, |call| field(call, |parts| parts.year.into()))
            .digits(digits::integer::<4>)
            .preimage(preimage::year),
        Function::new("quarter", 1..=1, returns::int, |call| {
            field(call, |parts| i64::from(parts.month + 2) / 3)
        })
        .digits(digits::integer::<1>),
        Function::new("month", 1..=1, returns::int, |call| field(call, |parts| parts.month.into()))
            .digits(digits::integer::<2>),
        Function::new("dayofmonth", 1..=1, returns::int, |call| field(call, |parts| parts.day.into()))
            .digits(digits::integer::<2>)
            .aliases(&["day"]),
        Function::new("dayofweek", 1..=1, returns::int, |call| {
            of_day(call, |day| (weekday(day) + 1) % 7 + 1)
        })
        .digits(digits::integer::<1>),
        Function::new("weekday", 1..=1, returns::int, |call| of_day(call, weekday))
            .digits(digits::integer::<1>),
        Function::new("dayofyear", 1..=1, returns::int, |call| of_day(call, calendar::day_of_year))
            .digits(digits::integer::<3>),
        Function::new("week", 1..=2, returns::int, |call| {
            of_week(call, |day, mode| week(day, mode).1.into())
        })
        .digits(digits::integer::<2>),
        Function::new("weekofyear", 1..=1, returns::int, |call| of_day(call, |day| week(day, 3).1))
            .digits(digits::integer::<2>),
        Function::new("yearweek", 1..=2, returns::int, |call| of_week(call, year_week))
            .digits(digits::integer::<6>),
        Function::new("hour", 1..=1, returns::int, |call| of_time(call, |time| time.abs() / SECOND / 3600))
            .digits(digits::integer::<3>),
        Function::new("minute", 1..=1, returns::int, |call| {
            of_time(call, |time| time.abs() / SECOND / 60 % 60)
        })
        .digits(digits::integer::<2>),
        Function::new("second", 1..=1, returns::int, |call| of_time(call, |time| time.abs() / SECOND % 60))
            .digits(digits::integer::<2>),
        Function::new("microsecond", 1..=1, returns::int, |call| of_time(call, |time| time.abs() % SECOND))
            .digits(digits::integer::<6>),
        Function::new("monthname", 1..=1, returns::text, month_name),
        Function::new("dayname", 1..=1, returns::text, day_name),
        Function::new("to_days", 1..=1, returns::int, |call| of_day(call, day_number))
            .digits(digits::integer::<7>),
        Function::new("to_seconds", 1..=1, returns::int, to_seconds),
        Function::new("last_day", 1..=1, returns::date, last_day),
        Function::new("extract", 2..=2, extract_type, extract).aliases(&["mysql_extract"]),
    ]
}

/// MySQL's number of a day since the year zero.
fn day_number(day: i64) -> i64 {
    // MySQL's year zero has no 29th of February.
    day + EPOCH + i64::from(day < calendar::days_from_civil(0, 3, 1))
}

/// A field of the calendar, where month and day may be zero.
fn field(call: &Call<'_>, field: fn(Parts) -> i64) -> Result<ArrayRef> {
    // A column of dates has no times to take apart.
    if *call.kind(0) == DataType::Date32 {
        let dates = call.raw(0)?.map(|array| Ok(array.as_primitive::<Date32Type>().clone()))?;
        return call.ints(|row| {
            let (year, month, day) = calendar::civil(dates.at(row)?.into());
            Some(field(Parts { year, month, day, ..Parts::default() }))
        });
    }
    let parts = call.calendar(0)?;
    call.ints(|row| Some(field(parts.at(row)?)))
}

/// What a day of the calendar has.
fn of_day<T: Into<i64>>(call: &Call<'_>, of: fn(i64) -> T) -> Result<ArrayRef> {
    let moments = call.datetime(0)?;
    call.ints(|row| Some(of(moments.at(row)?.div_euclid(DAY)).into()))
}

fn of_week(call: &Call<'_>, of: fn(i64, i64) -> i64) -> Result<ArrayRef> {
    let moments = call.datetime(0)?;
    let mode = if call.count() == 2 { Some(call.int(1)?) } else { None };
    let session = call.context().filter(|_| call.function == "week");
    let default = session.map_or(0, |context| context.default_week_format);
    call.ints(|row| {
        let mode = match &mode {
            // A mode that is NULL is the default.
            Some(mode) => mode.at(row).unwrap_or(0),
            None => default,
        };
        Some(of(moments.at(row)?.div_euclid(DAY), mode))
    })
}

fn year_week(day: i64, mode: i64) -> i64 {
    let (year, week) = week(day, mode | 2);
    i64::from(year) * 100 + i64::from(week)
}

/// What a time has; negative and longer than a day too.
fn of_time(call: &Call<'_>, of: fn(i64) -> i64) -> Result<ArrayRef> {
    let times = call.time(0)?;
    call.ints(|row| Some(of(times.at(row)?)))
}

fn month_name(call: &Call<'_>) -> Result<ArrayRef> {
    let (parts, locale) = (call.calendar(0)?, call.locale());
    call.slices(|row| locale.month(parts.at(row)?.month))
}

fn day_name(call: &Call<'_>) -> Result<ArrayRef> {
    let (moments, locale) = (call.datetime(0)?, call.locale());
    call.slices(|row| locale.day(weekday(moments.at(row)?.div_euclid(DAY))))
}

fn to_seconds(call: &Call<'_>) -> Result<ArrayRef> {
    let moments = call.datetime(0)?;
    call.ints(|row| Some(moments.at(row)?.div_euclid(SECOND) + EPOCH * (DAY / SECOND)))
}

fn last_day(call: &Call<'_>) -> Result<ArrayRef> {
    let parts = call.calendar(0)?;
    call.dates(|row| {
        let parts = parts.at(row).filter(|parts| parts.month > 0)?;
        let day = calendar::month_length(parts.year, parts.month);
        Some(calendar::days_from_civil(parts.year, parts.month, day) as i32)
    })
}

fn extract_type(types: &Types<'_>) -> Result<DataType> {
    match types.string(0) {
        Some(_) => Ok(DataType::Int64),
        None => Err(Error::Arguments { function: "extract".to_owned() }.into()),
    }
}

/// `EXTRACT(unit FROM value)` as `extract('UNIT', value)`: several fields are the digits of one number.
fn extract(call: &Call<'_>) -> Result<ArrayRef> {
    let unit = call.text(0)?.at(0).unwrap_or_default().to_ascii_uppercase();
    let calendar: Option<fn(Parts) -> i64> = match unit.as_str() {
        "YEAR" => Some(|parts| parts.year.into()),
        "QUARTER" => Some(|parts| i64::from(parts.month + 2) / 3),
        "MONTH" => Some(|parts| parts.month.into()),
        "DAY" => Some(|parts| parts.day.into()),
        "YEAR_MONTH" => Some(|parts| i64::from(parts.year) * 100 + i64::from(parts.month)),
        _ => None,
    };
    if let Some(calendar) = calendar {
        let parts = call.calendar(1)?;
        return call.ints(|row| Some(calendar(parts.at(row)?)));
    }
    if unit == "WEEK" {
        let moments = call.datetime(1)?;
        return call.ints(|row| Some(week(moments.at(row)?.div_euclid(DAY), 0).1.into()));
    }
    let digits: fn(i64) -> i64 = match unit.as_str() {
        "HOUR" => |time| time / SECOND / 3600,
        "MINUTE" => |time| time / SECOND / 60 % 60,
        "SECOND" => |time| time / SECOND % 60,
        "MICROSECOND" => |time| time % SECOND,
        "HOUR_MINUTE" | "DAY_MINUTE" => |time| time / SECOND / 3600 * 100 + time / SECOND / 60 % 60,
        "DAY_HOUR" => |time| time / SECOND / 3600,
        "HOUR_SECOND" | "DAY_SECOND" => hour_second,
        "HOUR_MICROSECOND" | "DAY_MICROSECOND" => |time| hour_second(time) * SECOND + time % SECOND,
        "MINUTE_SECOND" => |time| time / SECOND / 60 % 60 * 100 + time / SECOND % 60,
        "MINUTE_MICROSECOND" => {
            |time| (time / SECOND / 60 % 60 * 100 + time / SECOND % 60) * SECOND + time % SECOND
        }
        "SECOND_MICROSECOND" => |time| time / SECOND % 60 * SECOND + time % SECOND,
        _ => return Err(Error::Arguments { function: format!("extract({unit})") }.into()),
    };
    let width = match unit.as_str() {
        "DAY_HOUR" => 100,
        "DAY_MINUTE" => 10_000,
        "DAY_SECOND" => 1_000_000,
        "DAY_MICROSECOND" => 1_000_000 * SECOND,
        _ => 0,
    };
    // DAY_… begin with the day of what has one; the hours of a time may be many.
    let times = call.time(1)?;
    let days = if width > 0 { Some(days(call, 1)?) } else { None };
    call.ints(|row| {
        let time = times.at(row)?;
        let day = days.as_ref().and_then(|days| days(row)).unwrap_or(0);
        Some(i64::from(day) * width + digits(time.abs()) * time.signum())
    })
}

/// The day of the month of each value that has one; a time has none, and a text or a number only beside its time.
fn days<'a>(call: &'a Call<'_>, argument: usize) -> Result<Box<dyn Fn(usize) -> Option<u32> + 'a>> {
    Ok(match call.kind(argument) {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let parts = call.calendar(argument)?;
            Box::new(move |row| Some(parts.at(row)?.day))
        }
        number if number.is_numeric() => {
            let numbers = call.int(argument)?;
            Box::new(move |row| Some(read::dated_number(numbers.at(row)?)?.day))
        }
        text if is_text(text) => {
            let texts = call.text(argument)?;
            Box::new(move |row| Some(read::dated(texts.at(row)?.trim_ascii_start())?.parts.day))
        }
        _ => Box::new(|_| None),
    })
}

fn hour_second(time: i64) -> i64 {
    let seconds = time / SECOND;
    seconds / 3600 * 10_000 + seconds / 60 % 60 * 100 + seconds % 60
}
