//! Dates and times as MySQL reads them from texts and numbers: with any punctuation, or none. It must not know columns.

use crate::engine::functions::calendar::{self, Parts, SECOND};
use crate::engine::functions::zone::Zone;

/// What was read from a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// The fields; month and day may be zero.
    pub parts: Parts,
    /// A second more when the fraction was rounded up to one, in microseconds.
    pub carry: i64,
    /// Seconds east of UTC, when the text told its zone.
    pub offset: Option<i64>,
    /// Whether it had nothing but a date.
    pub date_only: bool,
    /// Whether punctuation stands between its fields and no blank: such a text is no time of day.
    pub joined_by_points: bool,
    /// How many digits of the second it gave.
    pub digits: u32,
    /// Whether nothing else follows.
    pub clean: bool,
}

impl Read {
    /// Reads a date and time as MySQL does: `YYYY-MM-DD hh:mm:ss.ffffff` with any punctuation, years of two digits,
    /// fields of one digit, or all digits together. `None` when it is none, or not in the calendar; zeros for
    /// month and day are read.
    pub fn datetime(text: &str) -> Option<Self> {
        Self::relaxed(text).filter(|read| read.parts.is_in_month())
    }

    /// The same, where a month may have 31 days: constants next to dates are compared so.
    pub fn relaxed(text: &str) -> Option<Self> {
        Self::of(text).ok()
    }

    fn of(text: &str) -> Result<Self, Unread> {
        let text = text.trim_ascii_start().as_bytes();
        let joined = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'T').count();
        let together = joined == text.len() || text.get(joined) == Some(&b'.');
        if !text.first().is_some_and(u8::is_ascii_digit) {
            return Err(Unread::Other);
        }
        let mut year_length = if matches!(joined, 4 | 8 | 14..) { 4 } else { 2 };
        let mut fields = [0_u32; 7];
        let mut lengths = [0_usize; 7];
        let mut count = 0;
        let mut position = 0;
        let mut offset = None;
        let (mut delimited, mut spaced) = (false, false);
        let mut width = year_length;
        while count < 7 && text.get(position).is_some_and(u8::is_ascii_digit) {
            let start = position;
            let mut value = 0_u32;
            let most = match (together, count) {
                (true, _) => width,
                (false, 6) => 6,
                (false, _) => usize::MAX,
            };
            while position - start < most && text.get(position).is_some_and(u8::is_ascii_digit) {
                value = value * 10 + u32::from(text[position] - b'0');
                if value > 999_999 {
                    return Err(Unread::Other);
                }
                position += 1;
            }
            (fields[count], lengths[count]) = (value, position - start);
            count += 1;
            width = if count == 6 { 6 } else { 2 };
            match (count, text.get(position)) {
                (_, None) => break,
                (3, Some(b'T')) => {
                    position += 1;
                    continue;
                }
                (6, Some(b'.')) => {
                    position += 1;
                    continue;
                }
                (6, Some(_)) => break,
                _ => {}
            }
            let mut after = position;
            let mut blank = false;
            while let Some(byte) = text.get(after) {
                if byte.is_ascii_whitespace() {
                    blank = true;
                } else if !byte.is_ascii_punctuation() {
                    break;
                }
                after += 1;
            }
            // Blanks separate the day from the hour and nothing else.
            if blank && count != 3 && text.get(after).is_some_and(u8::is_ascii_digit) {
                return Err(Unread::Other);
            }
            if !text.get(after).is_some_and(u8::is_ascii_digit) {
                break;
            }
            delimited |= after > position;
            spaced |= blank;
            position = after;
        }
        if !together {
            year_length = lengths[0];
        }
        let [mut year, month, day, hour, minute, second, mut micro] = fields;
        let zero = fields.iter().all(|field| *field == 0);
        let digits = lengths[6] as u32;
        micro *= 10_u32.pow(6 - digits.min(6));
        if year_length == 2 && !zero {
            year += if year < 70 { 2000 } else { 1900 };
        }
        if count < 3 || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59 || year > 9999 {
            return Err(if delimited && !spaced { Unread::Other } else { Unread::OutOfCalendar });
        }
        // A seventh digit rounds, more are dropped.
        let mut carry = 0;
        if digits == 6 {
            if text.get(position).is_some_and(|byte| (b'5'..=b'9').contains(byte)) {
                carry = 1;
            }
            position += text[position..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        }
        if count >= 6 && matches!(text.get(position), Some(b'+' | b'-')) {
            let zone = std::str::from_utf8(&text[position..]).ok().filter(|zone| zone.len() == 6);
            if let Some(Zone::Fixed(seconds)) = zone.and_then(Zone::find) {
                offset = Some(seconds);
                position = text.len();
            }
        }
        let rest = &text[position..];
        let clean = rest.iter().all(u8::is_ascii_whitespace);
        let parts = Parts { year: year as i32, month, day, hour, minute, second, micro };
        let joined_by_points = delimited && !spaced;
        Ok(Self { parts, carry, offset, date_only: count <= 3, joined_by_points, digits, clean })
    }
}

/// Why a text is no date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// It has not the form of one.
    Other,
    /// It has, and its fields are not in the calendar or on the clock.
    OutOfCalendar,
}

/// A number as a date and time: `YYMMDD`, `YYYYMMDD`, `YYMMDDhhmmss` or `YYYYMMDDhhmmss`.
pub fn from_number(number: i64) -> Option<Parts> {
    let full = match number {
        0 => return Some(Parts::default()),
        101..=691_231 => (number + 20_000_000) * 1_000_000,
        700_101..=991_231 => (number + 19_000_000) * 1_000_000,
        10_000_101..=99_991_231 => number * 1_000_000,
        101_000_000..=691_231_235_959 => number + 20_000_000_000_000,
        700_101_000_000..=991_231_235_959 => number + 19_000_000_000_000,
        1_000_000_000_000.. => number,
        _ => return None,
    };
    let (date, time) = (full / 1_000_000, full % 1_000_000);
    let parts = Parts {
        year: i32::try_from(date / 10_000).ok().filter(|year| *year <= 9999)?,
        month: (date / 100 % 100) as u32,
        day: (date % 100) as u32,
        hour: (time / 10_000) as u32,
        minute: (time / 100 % 100) as u32,
        second: (time % 100) as u32,
        micro: 0,
    };
    let in_month = parts.month == 0 || parts.day <= calendar::month_length(parts.year, parts.month);
    (parts.month <= 12
        && parts.day <= 31
        && in_month
        && parts.hour < 24
        && parts.minute < 60
        && parts.second < 60)
        .then_some(parts)
}

/// The first number that is a date and time where a time is asked for.
const DATED: i64 = 10_000_000_000;

/// A number that has a date beside its time.
pub fn dated_number(number: i64) -> Option<Parts> {
    if number >= DATED { from_number(number) } else { None }
}

/// A number as a time: `hhmmss`; a number with a date gives its time of day. `None` when it is none.
pub fn time_from_number(number: i64) -> Option<i64> {
    if number >= DATED {
        return dated_number(number).map(Parts::time);
    }
    let size = number.unsigned_abs().min(99_999_999) as i64;
    let (hours, minutes, seconds) = (size / 10_000, size / 100 % 100, size % 100);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let time = ((hours * 60 + minutes) * 60 + seconds) * SECOND;
    Some(if number < 0 { -time } else { time })
}

/// A date and time where a time is asked for: it is long enough, and a blank or nothing stands between its fields.
pub fn dated(text: &str) -> Option<Read> {
    as_dated(text).ok()
}

fn as_dated(text: &str) -> Result<Read, Unread> {
    if text.len() < 12 {
        return Err(Unread::Other);
    }
    match Read::of(text)? {
        read if read.date_only || read.joined_by_points => Err(Unread::Other),
        read if !read.parts.is_in_month() => Err(Unread::OutOfCalendar),
        read => Ok(read),
    }
}

/// Reads a time as MySQL does: `[-][D ]hh:mm:ss.ffffff`, `hhmmss`, or a date and time. The second value says
/// whether nothing else follows. `None` when it is none.
pub fn read_time(text: &str) -> Option<(i64, bool)> {
    let text = text.trim_ascii_start();
    let (negative, body) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if !negative {
        match as_dated(body) {
            Ok(read) => return Some((read.parts.time() + read.carry, read.clean)),
            Err(Unread::OutOfCalendar) => return None,
            Err(Unread::Other) => {}
        }
    }
    let bytes = body.as_bytes();
    let mut position = 0;
    let number = |position: &mut usize| {
        let mut value = 0_i64;
        while let Some(digit) = bytes.get(*position).filter(|byte| byte.is_ascii_digit()) {
            value = (value * 10 + i64::from(digit - b'0')).min(5_000_000_000);
            *position += 1;
        }
        value
    };
    let is_digit = |position: usize| bytes.get(position).is_some_and(u8::is_ascii_digit);
    let is_number = is_digit(0) || (bytes.first() == Some(&b'.') && is_digit(1));
    if !is_number {
        return None;
    }
    let first = number(&mut position);
    if first > u32::MAX.into() {
        return None;
    }
    let mut after_blank = position;
    while bytes.get(after_blank).is_some_and(u8::is_ascii_whitespace) {
        after_blank += 1;
    }
    let mut fields = [0_i64; 4];
    let mut next = 1;
    let parted = if after_blank > position && is_digit(after_blank) {
        // Days, then hours.
        fields[0] = first;
        position = after_blank;
        fields[1] = number(&mut position);
        next = 2;
        true
    } else if bytes.get(position) == Some(&b':') && is_digit(position + 1) {
        fields[1] = first;
        next = 2;
        true
    } else {
        (fields[1], fields[2], fields[3]) = (first / 10_000, first / 100 % 100, first % 100);
        false
    };
    while parted && next < 4 && bytes.get(position) == Some(&b':') && is_digit(position + 1) {
        position += 1;
        fields[next] = number(&mut position);
        next += 1;
    }
    let mut micros = 0;
    let mut carry = 0;
    if bytes.get(position) == Some(&b'.') {
        position += 1;
        let start = position;
        while is_digit(position) {
            let digit = i64::from(bytes[position] - b'0');
            match position - start {
                place @ 0..6 => micros += digit * 10_i64.pow(5 - place as u32),
                6 => carry = i64::from(digit >= 5),
                _ => {}
            }
            position += 1;
        }
    }
    // What looks like the exponent of a number is no time.
    let after_sign = position + 1 + usize::from(matches!(bytes.get(position + 1), Some(b'+' | b'-')));
    if matches!(bytes.get(position), Some(b'e' | b'E')) && is_digit(after_sign) {
        return None;
    }
    let [days, hours, minutes, seconds] = fields;
    if minutes > 59 || seconds > 59 || fields.iter().any(|field| *field > u32::MAX.into()) {
        return None;
    }
    let hours = (days * 24 + hours).min(1_000_000);
    let time = ((hours * 60 + minutes) * 60 + seconds) * SECOND + micros + carry;
    let clean = bytes[position..].iter().all(u8::is_ascii_whitespace);
    Some((if negative { -time } else { time }, clean))
}

#[cfg(test)]
mod tests {
    use super::super::temporal::write_time;
    use super::*;

    #[test]
    fn datetimes() {
        fn check(text: &str, expected: Option<&str>) {
            let written = Read::datetime(text).map(|read| {
                let mut written = String::new();
                read.parts.write_datetime(read.digits, &mut written);
                written
            });
            assert_eq!(written.as_deref(), expected, "{text}");
        }
        check("2024-01-02 03:04:05", Some("2024-01-02 03:04:05"));
        check("2024-1-2", Some("2024-01-02 00:00:00"));
        check("24.1.2 3+4+5", Some("2024-01-02 03:04:05"));
        check("70-1-1", Some("1970-01-01 00:00:00"));
        check("20240102", Some("2024-01-02 00:00:00"));
        check("240102", Some("2024-01-02 00:00:00"));
        check("20240102030405.678", Some("2024-01-02 03:04:05.678"));
        check("20240102T030405", Some("2024-01-02 03:04:05"));
        check("2024-01-02T03:04:05.5", Some("2024-01-02 03:04:05.5"));
        check("2024-02-30", None);
        check("2024-13-01", None);
        check("2024-00-00", Some("2024-00-00 00:00:00"));
        check("0000-00-00", Some("0000-00-00 00:00:00"));
        check("2024-01", None);
        check("abc", None);
        check("", None);
        check("2024-01-02abc", Some("2024-01-02 00:00:00"));
        check("2024-01-02 03:04", Some("2024-01-02 03:04:00"));
    }

    #[test]
    fn times() {
        fn check(text: &str, expected: Option<&str>) {
            let written = read_time(text).map(|(micros, _)| {
                let mut written = String::new();
                write_time(micros, 0, &mut written);
                written
            });
            assert_eq!(written.as_deref(), expected, "{text}");
        }
        check("10:11:12", Some("10:11:12"));
        check("-10:11", Some("-10:11:00"));
        check("1 2:3:4", Some("26:03:04"));
        check("1 2", Some("26:00:00"));
        check("101112", Some("10:11:12"));
        check("12", Some("00:00:12"));
        check("10:61:00", None);
        check("2024-01-02 03:04:05", Some("03:04:05"));
        check("2024-01-02 25:04:05", None);
        check("2024-02-30 03:04:05", None);
        check("838:59:59", Some("838:59:59"));
        check("abc", None);
        check("1e1", None);
        check("1.5E-3", None);
        check("12e", Some("00:00:12"));
        check("9223372036854775807", None);
    }
}
