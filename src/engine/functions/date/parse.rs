//! STR_TO_DATE: a text read by a format.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::Result;

use super::super::calendar::{self, DAYS, MONTHS, Parts, days_from_civil, weekday};
use super::super::convert::temporal;
use super::super::signature::{Call, Function, Types};

/// The functions that read.
pub fn functions() -> Vec<Function> {
    vec![Function::new("str_to_date", 2..=2, read_type, str_to_date)]
}

/// A format that is a literal says whether the answer is a DATE, a TIME or a DATETIME.
fn read_type(types: &Types<'_>) -> Result<DataType> {
    let Some(format) = types.string(1) else { return Ok(DataType::Timestamp(TimeUnit::Microsecond, None)) };
    let mut letters = Vec::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character == '%' {
            letters.extend(rest.next());
        }
    }
    let date = letters.iter().any(|letter| "YymcMbdeDjWawUuVvXx".contains(*letter));
    let time = letters.iter().any(|letter| "HkhIlisSpTrf".contains(*letter));
    let unit = if letters.contains(&'f') { TimeUnit::Microsecond } else { TimeUnit::Second };
    Ok(match (date, time) {
        (true, false) => DataType::Date32,
        (false, true) => DataType::Duration(unit),
        _ => DataType::Timestamp(unit, None),
    })
}

fn str_to_date(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, format) = (call.text(0)?, call.text(1)?);
    let incorrect = |text: &str| {
        call.warn(1411, format!("Incorrect datetime value: '{text}' for function str_to_date"));
        None
    };
    let warn_rest = |text: &str, rest: &str| {
        if !rest.trim().is_empty() {
            call.warn(1292, format!("Truncated incorrect datetime value: '{text}'"));
        }
    };
    if matches!(call.returns, DataType::Duration(_)) {
        return call.times(|row| {
            let text = text.at(row)?;
            match read(text, format.at(row)?) {
                Some((parts, rest)) => {
                    warn_rest(text, rest);
                    Some(parts.time())
                }
                None => incorrect(text).map(|()| 0),
            }
        });
    }
    let date_only = *call.returns == DataType::Date32;
    let moment = |row| {
        let text = text.at(row)?;
        // A date without a month or day is no date under NO_ZERO_IN_DATE.
        match read(text, format.at(row)?).and_then(|(parts, rest)| Some((parts.micros()?, rest))) {
            Some((micros, rest)) => {
                warn_rest(text, rest);
                Some(micros).filter(|micros| temporal::in_range(*micros))
            }
            None => incorrect(text).map(|()| 0),
        }
    };
    match date_only {
        true => call.dates(|row| Some(moment(row)?.div_euclid(calendar::DAY) as i32)),
        false => call.datetimes(moment),
    }
}

/// Reads a text by a format: the fields, and what follows. `None` when it does not fit.
fn read<'t>(text: &'t str, format: &str) -> Option<(Parts, &'t str)> {
    let mut parts = Parts::default();
    let mut rest = text;
    let (mut afternoon, mut twelve) = (None, false);
    let (mut year_day, mut day_of_week, mut week) = (None, None, None);
    let mut week_year = None;
    read_into(&mut rest, format, &mut |letter, rest| {
        match letter {
            'Y' => parts.year = year(rest, 4)?,
            'y' => parts.year = year(rest, 2)?,
            'm' | 'c' => parts.month = digits(rest, 2)?,
            'M' => parts.month = name(rest, &MONTHS)? as u32 + 1,
            'b' => parts.month = name(rest, &MONTHS.map(|month| &month[..3]))? as u32 + 1,
            'd' | 'e' => parts.day = digits(rest, 2)?,
            'D' => {
                parts.day = digits(rest, 2)?;
                // The English ending is skipped, whatever it is.
                *rest = rest.get(2..).unwrap_or("");
            }
            'H' | 'k' => parts.hour = digits(rest, 2)?,
            'h' | 'I' | 'l' => {
                twelve = true;
                parts.hour = digits(rest, 2).filter(|hour| (1..=12).contains(hour))?;
            }
            'i' => parts.minute = digits(rest, 2)?,
            's' | 'S' => parts.second = digits(rest, 2)?,
            'f' => {
                let before = rest.len();
                let value = digits(rest, 6)?;
                parts.micro = value * 10_u32.pow(6 - (before - rest.len()) as u32);
            }
            'p' => {
                twelve = true;
                afternoon = Some(match rest.get(..2)?.to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
                *rest = &rest[2..];
            }
            'j' => year_day = Some(digits(rest, 3)?),
            'W' => day_of_week = Some(name(rest, &DAYS)? as u32),
            'a' => day_of_week = Some(name(rest, &DAYS.map(|day| &day[..3]))? as u32),
            'w' => day_of_week = Some((digits(rest, 1).filter(|day| *day < 7)? + 6) % 7),
            'U' | 'u' | 'V' | 'v' => week = Some((letter, digits(rest, 2).filter(|week| *week <= 53)?)),
            'X' | 'x' => week_year = Some((letter, digits(rest, 4)?)),
            '.' => *rest = rest.trim_start_matches(|character: char| character.is_ascii_punctuation()),
            '@' => *rest = rest.trim_start_matches(char::is_alphabetic),
            '#' => *rest = rest.trim_start_matches(|character: char| character.is_ascii_digit()),
            _ => return None,
        }
        Some(())
    })?;
    if twelve {
        parts.hour = parts.hour % 12 + if afternoon == Some(true) { 12 } else { 0 };
    }
    if let Some(day) = year_day.filter(|day| *day > 0) {
        let days = days_from_civil(parts.year, 1, 1) + i64::from(day) - 1;
        (parts.year, parts.month, parts.day) = calendar::civil(days);
    }
    if let (Some((letter, week)), Some(day)) = (week, day_of_week) {
        // %V and %v need the year of the week beside them, %U and %u the year.
        let strict = matches!(letter, 'V' | 'v');
        let sunday = matches!(letter, 'U' | 'V');
        let year = match (strict, week_year) {
            (true, Some((year_letter, year))) if (year_letter == 'X') == sunday => year as i32,
            (false, None) => parts.year,
            _ => return None,
        };
        if strict && week == 0 {
            return None;
        }
        let first = days_from_civil(year, 1, 1);
        let weekday_of_first = i64::from(if sunday { (weekday(first) + 1) % 7 } else { weekday(first) });
        let offset = if sunday {
            (if weekday_of_first == 0 { 0 } else { 7 }) - weekday_of_first
                + (i64::from(week) - 1) * 7
                + i64::from((day + 1) % 7)
        } else {
            (if weekday_of_first <= 3 { 0 } else { 7 }) - weekday_of_first
                + (i64::from(week) - 1) * 7
                + i64::from(day)
        };
        (parts.year, parts.month, parts.day) = calendar::civil(first + offset);
    }
    let valid =
        parts.month <= 12 && parts.day <= 31 && parts.hour < 24 && parts.minute < 60 && parts.second < 60;
    valid.then_some((parts, rest))
}

/// Walks a format and hands each letter to `field`. Blanks in either are skipped; a text that ends before the format
/// is as good as zeros.
fn read_into<'t>(
    rest: &mut &'t str,
    format: &str,
    field: &mut dyn FnMut(char, &mut &'t str) -> Option<()>,
) -> Option<()> {
    let mut letters = format.chars();
    while let Some(character) = letters.next() {
        *rest = rest.trim_ascii_start();
        if rest.is_empty() {
            break;
        }
        match character {
            '%' => match letters.next() {
                Some('T') => read_into(rest, "%H:%i:%S", field)?,
                Some('r') => read_into(rest, "%I:%i:%S %p", field)?,
                Some('%') => *rest = rest.strip_prefix('%')?,
                Some(letter) => field(letter, rest)?,
                None => return None,
            },
            blank if blank.is_ascii_whitespace() => {}
            expected => *rest = rest.strip_prefix(expected)?,
        }
    }
    Some(())
}

/// Up to so many digits.
fn digits(rest: &mut &str, most: usize) -> Option<u32> {
    let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let value = rest[..length].parse().ok()?;
    *rest = &rest[length..];
    Some(value)
}

/// A year of four digits; one of two is near the year 2000.
fn year(rest: &mut &str, most: usize) -> Option<i32> {
    let before = rest.len();
    let year = digits(rest, most)? as i32;
    Some(match before - rest.len() {
        1 | 2 if year < 70 => year + 2000,
        1 | 2 => year + 1900,
        _ => year,
    })
}

/// A name in any case: its place in the list.
fn name(rest: &mut &str, names: &[&str]) -> Option<usize> {
    let found = names
        .iter()
        .position(|name| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))?;
    *rest = &rest[names[found].len()..];
    Some(found)
}
