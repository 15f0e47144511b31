//! DATE_FORMAT and TIME_FORMAT, and GET_FORMAT's formats.

use std::fmt::Write;

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::super::calendar::{Parts, SECOND, day_of_year, week, weekday, write_padded};
use super::super::locale::Locale;
use super::super::preimage;
use super::super::signature::{Call, Function, returns};

/// The functions of formats.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("date_format", 2..=2, returns::text, date_format).preimage(preimage::date_format),
        Function::new("time_format", 2..=2, returns::text, time_format),
        Function::new("get_format", 2..=2, returns::text, get_format),
    ]
}

fn date_format(call: &Call<'_>) -> Result<ArrayRef> {
    let (parts, format, locale) = (call.calendar(0)?, call.text(1)?, call.locale());
    call.texts(|row, out| {
        let format = format.at(row).filter(|format| !format.is_empty())?;
        write_date_format(parts.at(row)?, format, locale, out)
    })
}

/// Writes a date and time in a format; `None` when it asks for the name of a month or day that is zero.
pub fn write_date_format(parts: Parts, format: &str, locale: &Locale, out: &mut String) -> Option<()> {
    let days = parts.days();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        match rest.next() {
            Some('Y') => write_padded(parts.year.unsigned_abs(), 4, out),
            Some('y') => write_padded(parts.year.unsigned_abs() % 100, 2, out),
            Some('m') => write_padded(parts.month, 2, out),
            Some('c') => write_padded(parts.month, 1, out),
            Some('M') => out.push_str(locale.month(parts.month)?),
            Some('b') => out.push_str(locale.month_short(parts.month)?),
            Some('d') => write_padded(parts.day, 2, out),
            Some('e') => write_padded(parts.day, 1, out),
            Some('D') => {
                write_padded(parts.day, 1, out);
                out.push_str(match parts.day {
                    11..=13 => "th",
                    day if day % 10 == 1 => "st",
                    day if day % 10 == 2 => "nd",
                    day if day % 10 == 3 => "rd",
                    _ => "th",
                });
            }
            Some('j') => write_padded(days.map(day_of_year)?, 3, out),
            Some('W') => out.push_str(locale.day(weekday(days?))?),
            Some('a') => out.push_str(locale.day_short(weekday(days?))?),
            Some('w') => write_padded((weekday(days?) + 1) % 7, 1, out),
            Some('U') => write_padded(week(days?, 0).1, 2, out),
            Some('u') => write_padded(week(days?, 1).1, 2, out),
            Some('V') => write_padded(week(days?, 2).1, 2, out),
            Some('v') => write_padded(week(days?, 3).1, 2, out),
            Some('X') => write_padded(week(days?, 2).0.unsigned_abs(), 4, out),
            Some('x') => write_padded(week(days?, 3).0.unsigned_abs(), 4, out),
            Some(letter) => write_clock(letter, parts.hour.into(), parts, out),
            None => out.push('%'),
        }
    }
    Some(())
}

/// Writes what a letter means of a time of day; a letter without a meaning is itself.
fn write_clock(letter: char, hours: u64, parts: Parts, out: &mut String) {
    let twelve = (hours % 24 + 11) % 12 + 1;
    let noon = if hours % 24 < 12 { "AM" } else { "PM" };
    // A String takes whatever is written.
    let _ = match letter {
        'H' => write!(out, "{hours:02}"),
        'k' => write!(out, "{hours}"),
        'h' | 'I' => write!(out, "{twelve:02}"),
        'l' => write!(out, "{twelve}"),
        'i' => write!(out, "{:02}", parts.minute),
        's' | 'S' => write!(out, "{:02}", parts.second),
        'f' => write!(out, "{:06}", parts.micro),
        'p' => write!(out, "{noon}"),
        'T' => write!(out, "{hours:02}:{:02}:{:02}", parts.minute, parts.second),
        'r' => write!(out, "{twelve:02}:{:02}:{:02} {noon}", parts.minute, parts.second),
        letter => write!(out, "{letter}"),
    };
}

/// Formats of times only; those of dates are zeros, and those of the week NULL.
fn time_format(call: &Call<'_>) -> Result<ArrayRef> {
    let (times, format) = (call.time(0)?, call.text(1)?);
    call.texts(|row, out| {
        let (time, format) = (times.at(row)?, format.at(row).filter(|format| !format.is_empty())?);
        let seconds = time.unsigned_abs() / SECOND as u64;
        let parts = Parts {
            minute: (seconds / 60 % 60) as u32,
            second: (seconds % 60) as u32,
            micro: (time.unsigned_abs() % SECOND as u64) as u32,
            ..Parts::default()
        };
        if time < 0 {
            out.push('-');
        }
        let mut rest = format.chars();
        while let Some(character) = rest.next() {
            if character != '%' {
                out.push(character);
                continue;
            }
            match rest.next() {
                Some('Y') => out.push_str("0000"),
                Some('y' | 'm' | 'd') => out.push_str("00"),
                Some('c' | 'e') => out.push('0'),
                Some('M' | 'b' | 'D' | 'j' | 'W' | 'a' | 'w' | 'U' | 'u' | 'V' | 'v' | 'X' | 'x') => {
                    return None;
                }
                Some(letter) => write_clock(letter, seconds / 3600, parts, out),
                None => out.push('%'),
            }
        }
        Some(())
    })
}

/// `GET_FORMAT(DATE | TIME | DATETIME, 'USA')`, its first argument as a text.
fn get_format(call: &Call<'_>) -> Result<ArrayRef> {
    let (kind, country) = (call.text(0)?, call.text(1)?);
    call.slices(|row| {
        let (kind, country) = (kind.at(row)?.to_ascii_uppercase(), country.at(row)?.to_ascii_uppercase());
        Some(match (kind.as_str(), country.as_str()) {
            ("DATE", "USA") => "%m.%d.%Y",
            ("DATE", "JIS" | "ISO") => "%Y-%m-%d",
            ("DATE", "EUR") => "%d.%m.%Y",
            ("DATE", "INTERNAL") => "%Y%m%d",
            ("DATETIME" | "TIMESTAMP", "USA" | "EUR") => "%Y-%m-%d %H.%i.%s",
            ("DATETIME" | "TIMESTAMP", "JIS" | "ISO") => "%Y-%m-%d %H:%i:%s",
            ("DATETIME" | "TIMESTAMP", "INTERNAL") => "%Y%m%d%H%i%s",
            ("TIME", "USA") => "%h:%i:%s %p",
            ("TIME", "JIS" | "ISO") => "%H:%i:%s",
            ("TIME", "EUR") => "%H.%i.%s",
            ("TIME", "INTERNAL") => "%H%i%s",
            _ => return None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manuals_examples() {
        fn check(parts: (i32, u32, u32, u32, u32, u32), format: &str, expected: &str) {
            let (year, month, day, hour, minute, second) = parts;
            let mut out = String::new();
            let parts = Parts { year, month, day, hour, minute, second, micro: 0 };
            write_date_format(parts, format, Locale::american(), &mut out);
            assert_eq!(out, expected);
        }
        check((2009, 10, 4, 22, 23, 0), "%W %M %Y", "Sunday October 2009");
        check((2007, 10, 4, 22, 23, 0), "%H:%i:%s", "22:23:00");
        check((1900, 10, 4, 22, 23, 0), "%D %y %a %d %m %b %j", "4th 00 Thu 04 10 Oct 277");
        check((1997, 10, 4, 22, 23, 0), "%H %k %I %r %T %S %w", "22 22 10 10:23:00 PM 22:23:00 00 6");
        check((1999, 1, 1, 0, 0, 0), "%X %V", "1998 52");
    }
}
