//! Dates and times as MySQL shows them, from Arrow's counts since 1970.
//!
//! It must not know arrays or packets.

use arrow::array::timezone::Tz;
use arrow::datatypes::TimeUnit;
use chrono::{DateTime, Offset, TimeZone};

use super::number::{pair, put_integer};

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// The longest TIME: 838:59:59.
const TIME_SECONDS_MAX: u64 = 838 * 3_600 + 59 * 60 + 59;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// 0 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A time of a day, or a length of time with more than 23 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Below zero.
    pub negative: bool,
    /// 0 to 23 for a time of a day, else up to 838.
    pub hour: u16,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub micro: u32,
}

/// Digits of the fraction of seconds that a unit shows.
pub fn fraction_digits(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond | TimeUnit::Nanosecond => 6,
    }
}

/// A count of a unit in microseconds, rounded down; nothing when that is more than there are.
#[inline]
fn micros(count: i64, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => count.checked_mul(MICROS_PER_SECOND),
        TimeUnit::Millisecond => count.checked_mul(1_000),
        TimeUnit::Microsecond => Some(count),
        TimeUnit::Nanosecond => Some(count.div_euclid(1_000)),
    }
}

impl Date {
    /// The day so many days after 1970-01-01; nothing outside of MySQL's years, 0 to 9999.
    ///
    /// The calendar's 400 years repeat; counted from March, a year's leap day is its last one.
    /// (Howard Hinnant, "chrono-compatible low-level date algorithms".)
    #[inline]
    pub fn from_days(days: i64) -> Option<Self> {
        if !(-719_528..=2_932_896).contains(&days) {
            return None;
        }
        // One era more, so that the days of January and February of the year 0 are not below zero.
        let days = (days + 719_468 + 146_097) as u32;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u8;
        let year = year_of_era + era * 400 + u32::from(month <= 2) - 400;
        Some(Self { year: year as u16, month, day })
    }

    /// The day that so many milliseconds after 1970-01-01 are in.
    #[inline]
    pub fn from_millis(millis: i64) -> Option<Self> {
        Self::from_days(millis.div_euclid(MICROS_PER_DAY / 1_000))
    }

    /// `2026-11-22`
    #[inline]
    pub fn text(self) -> [u8; 10] {
        let [century, rest] = [pair(u32::from(self.year) / 100), pair(self.year.into())];
        let [month, day] = [pair(self.month.into()), pair(self.day.into())];
        [century[0], century[1], rest[0], rest[1], b'-', month[0], month[1], b'-', day[0], day[1]]
    }
}

impl Time {
    /// The time of a day so much after midnight.
    #[inline]
    pub fn of_day(count: i64, unit: TimeUnit) -> Self {
        let micros = micros(count, unit).unwrap_or(0);
        Self::from_magnitude(micros.rem_euclid(MICROS_PER_DAY).unsigned_abs(), false)
    }

    /// A length of time, at most 838:59:59 as in MySQL.
    #[inline]
    pub fn length(count: i64, unit: TimeUnit) -> Self {
        let limit = TIME_SECONDS_MAX * MICROS_PER_SECOND.unsigned_abs();
        let magnitude = micros(count, unit).map_or(limit, i64::unsigned_abs);
        Self::from_magnitude(magnitude.min(limit), count < 0)
    }

    #[inline]
    fn from_magnitude(micros: u64, negative: bool) -> Self {
        let seconds = (micros / MICROS_PER_SECOND.unsigned_abs()) as u32;
        Self {
            negative,
            hour: (seconds / 3_600) as u16,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            micro: (micros % MICROS_PER_SECOND.unsigned_abs()) as u32,
        }
    }

    /// `-12:34:56.123`, with so many digits of the fraction, 0 to 6.
    #[inline]
    pub fn put(self, out: &mut Vec<u8>, fraction: u8) {
        if self.negative {
            out.push(b'-');
        }
        if self.hour < 100 {
            out.extend_from_slice(&pair(self.hour.into()));
        } else {
            put_integer(out, self.hour.into());
        }
        let [minute, second] = [pair(self.minute.into()), pair(self.second.into())];
        out.extend_from_slice(&[b':', minute[0], minute[1], b':', second[0], second[1]]);
        if fraction > 0 {
            let [first, middle, last] = [pair(self.micro / 10_000), pair(self.micro / 100), pair(self.micro)];
            let text = [b'.', first[0], first[1], middle[0], middle[1], last[0], last[1]];
            out.extend_from_slice(&text[..=usize::from(fraction)]);
        }
    }
}

/// The date and time so much after 1970, on the clocks of a zone if it is an instant; nothing outside of
/// MySQL's years.
#[inline]
pub fn date_time(count: i64, unit: TimeUnit, zone: Option<&Zone>) -> Option<(Date, Time)> {
    let micros = micros(count, unit)?;
    let shown = zone.map_or(Some(micros), |zone| zone.local(micros))?;
    Some((Date::from_days(shown.div_euclid(MICROS_PER_DAY))?, Time::of_day(shown, TimeUnit::Microsecond)))
}

/// A time zone, ready to move many instants into it.
#[derive(Clone, Copy, Debug)]
pub enum Zone {
    /// Always the same distance from UTC, in microseconds.
    Fixed(i64),
    /// A place with its history of clocks.
    Place(Tz),
}

impl Zone {
    /// Prepares a time zone.
    pub fn new(zone: Tz) -> Self {
        // The two ends of a year and its middle do not prove that a place never moves its clocks; only a
        // zone that is written as an offset has no history. Such a one shows itself as one.
        let text = zone.to_string();
        let fixed = text.starts_with(['+', '-']) || text == "UTC";
        if !fixed {
            return Self::Place(zone);
        }
        let offset = zone.offset_from_utc_datetime(&DateTime::UNIX_EPOCH.naive_utc()).fix();
        Self::Fixed(i64::from(offset.local_minus_utc()) * MICROS_PER_SECOND)
    }

    /// What clocks in the zone show at an instant, in microseconds as if they showed UTC.
    #[inline]
    fn local(&self, micros: i64) -> Option<i64> {
        match self {
            Self::Fixed(offset) => micros.checked_add(*offset),
            Self::Place(zone) => {
                let instant = DateTime::from_timestamp_micros(micros)?.naive_utc();
                let offset = zone.offset_from_utc_datetime(&instant).fix().local_minus_utc();
                micros.checked_add(i64::from(offset) * MICROS_PER_SECOND)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};

    use super::*;

    #[test]
    fn every_day_of_the_calendar() {
        let first = NaiveDate::from_ymd_opt(0, 1, 1).unwrap();
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        for date in first.iter_days().take_while(|date| date.year() <= 9_999) {
            let days = date.signed_duration_since(epoch).num_days();
            let text = Date::from_days(days).unwrap().text();
            assert_eq!(str::from_utf8(&text).unwrap(), date.format("%Y-%m-%d").to_string());
        }
        assert_eq!(Date::from_days(-719_529), None);
        assert_eq!(Date::from_days(2_932_897), None);
        assert_eq!(Date::from_days(i64::MIN), None);
    }

    #[test]
    fn times() {
        let check = |time: Time, fraction: u8, expected: &str| {
            let mut text = Vec::new();
            time.put(&mut text, fraction);
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        };
        check(Time::of_day(0, TimeUnit::Microsecond), 0, "00:00:00");
        check(Time::of_day(0, TimeUnit::Microsecond), 6, "00:00:00.000000");
        check(Time::of_day(-1, TimeUnit::Microsecond), 6, "23:59:59.999999");
        check(Time::of_day(45_296_123_456, TimeUnit::Microsecond), 3, "12:34:56.123");
        check(Time::length(-1_000_001, TimeUnit::Microsecond), 6, "-00:00:01.000001");
        check(Time::length(100 * 3_600 * MICROS_PER_SECOND, TimeUnit::Microsecond), 0, "100:00:00");
        check(Time::length(i64::MIN, TimeUnit::Microsecond), 6, "-838:59:59.000000");
        check(Time::length(i64::MAX, TimeUnit::Microsecond), 0, "838:59:59");
    }

    #[test]
    fn zones() {
        let check = |zone: &str, instant: &str, expected: &str| {
            let micros = instant.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_micros();
            let local = Zone::new(zone.parse().unwrap()).local(micros).unwrap();
            let shown = DateTime::from_timestamp_micros(local).unwrap().naive_utc().to_string();
            assert_eq!(shown, expected, "{zone}");
        };
        check("UTC", "2026-07-01T00:00:00Z", "2026-07-01 00:00:00");
        check("+09:00", "2026-07-01T00:00:00Z", "2026-07-01 09:00:00");
        check("-03:30", "2026-07-01T00:00:00Z", "2026-06-30 20:30:00");
        check("Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-01 02:00:00");
        check("Europe/Berlin", "2026-01-01T00:00:00Z", "2026-01-01 01:00:00");
        check("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08 03:00:00");
        check("Asia/Seoul", "1900-01-01T00:00:00Z", "1900-01-01 08:27:52");
    }
}
