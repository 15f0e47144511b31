//! The calendar: days and their dates, weeks in MySQL's eight ways, and the names of days and months.
//!
//! Days are counted from 1970-01-01, as in Arrow's Date32; times of day are microseconds.

use std::fmt::Write;

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 86_400 * SECOND;
/// MySQL's number of the day 1970-01-01, as `TO_DAYS` counts them.
pub const EPOCH: i64 = 719_528;

/// Months in English.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Days of the week in English, Monday first.
pub const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A date and time as its fields. Month and day may be zero where a text said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// 0 to 9999.
    pub year: i32,
    /// 1 to 12, or 0.
    pub month: u32,
    /// 1 to 31, or 0.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59.
    pub second: u32,
    /// 0 to 999,999.
    pub micro: u32,
}

impl Parts {
    /// The fields of microseconds since 1970.
    pub fn of(micros: i64) -> Self {
        let (days, time) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        let seconds = time / SECOND;
        Self {
            year,
            month,
            day,
            hour: (seconds / 3600) as u32,
            minute: (seconds / 60 % 60) as u32,
            second: (seconds % 60) as u32,
            micro: (time % SECOND) as u32,
        }
    }

    /// Whether the month has the day; a month zero has them all.
    pub fn is_in_month(self) -> bool {
        self.month == 0 || self.day <= month_length(self.year, self.month)
    }

    /// Days since 1970; `None` when the date is not in the calendar.
    pub fn days(self) -> Option<i64> {
        (self.month >= 1 && self.day >= 1 && self.day <= month_length(self.year, self.month))
            .then(|| days_from_civil(self.year, self.month, self.day))
    }

    /// Microseconds since 1970; `None` when the date is not in the calendar.
    pub fn micros(self) -> Option<i64> {
        Some(self.days()? * DAY + self.time())
    }

    /// Microseconds since midnight.
    pub fn time(self) -> i64 {
        i64::from((self.hour * 60 + self.minute) * 60 + self.second) * SECOND + i64::from(self.micro)
    }

    /// Writes `YYYY-MM-DD`.
    pub fn write_date(self, text: &mut String) {
        write_padded(self.year.unsigned_abs(), 4, text);
        text.push('-');
        write_padded(self.month, 2, text);
        text.push('-');
        write_padded(self.day, 2, text);
    }

    /// Writes `YYYY-MM-DD hh:mm:ss` and so many digits of the second.
    pub fn write_datetime(self, digits: u32, text: &mut String) {
        self.write_date(text);
        text.push(' ');
        write_padded(self.hour, 2, text);
        text.push(':');
        write_padded(self.minute, 2, text);
        text.push(':');
        write_padded(self.second, 2, text);
        write_fraction(self.micro, digits, text);
    }
}

/// Writes a number with leading zeros.
pub fn write_padded(value: u32, width: usize, text: &mut String) {
    if width == 2 && value < 100 {
        text.push(char::from(b'0' + (value / 10) as u8));
        text.push(char::from(b'0' + (value % 10) as u8));
        return;
    }
    // A String takes whatever is written.
    let _ = write!(text, "{value:0width$}");
}

/// Writes the point and so many digits of a fraction of a second.
pub fn write_fraction(micro: u32, digits: u32, text: &mut String) {
    if digits > 0 {
        text.push('.');
        write_padded(micro / 10_u32.pow(6 - digits.min(6)), digits.min(6) as usize, text);
    }
}

/// Days since 1970 of a date in the (proleptic) Gregorian calendar.
pub fn days_from_civil(year: i32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a day since 1970.
pub fn civil(days: i64) -> (i32, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    ((year_of_era + era * 400 + i64::from(month <= 2)) as i32, month, day)
}

/// Whether a year has a 29th of February. MySQL's year zero has none.
pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || (year % 400 == 0 && year != 0))
}

/// How many days a month has.
pub fn month_length(year: i32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The first of March of the year zero.
const FIRST_OF_MARCH_ZERO: i64 = -719_468;

/// The day of the week: Monday is 0.
pub fn weekday(days: i64) -> u32 {
    // MySQL's year zero has no 29th of February.
    let days = days + i64::from(days < FIRST_OF_MARCH_ZERO);
    (days + 3).rem_euclid(7) as u32
}

/// The day of the year: the first of January is 1.
pub fn day_of_year(days: i64) -> u32 {
    let (year, ..) = civil(days);
    (days - days_from_civil(year, 1, 1)) as u32 + 1
}

/// The week of a day in one of MySQL's eight modes, and the year that the week belongs to.
///
/// Bit 0: weeks begin on Monday. Bit 1: weeks count from 1, and the first days of January may belong to the last week
/// of the year before. Bit 2: week 1 is the first that begins in the year (otherwise the first with four days in it,
/// for Monday weeks; the table of the manual turns the meaning for Sunday weeks).
pub fn week(days: i64, mode: i64) -> (i32, u32) {
    let mut mode = mode & 7;
    if mode & 1 == 0 {
        mode ^= 4;
    }
    let (monday_first, mut full_year, first_weekday) = (mode & 1 != 0, mode & 2 != 0, mode & 4 != 0);
    let (mut year, month, day) = civil(days);
    let first = days_from_civil(year, 1, 1);
    let weekday_of = |day: i64| if monday_first { weekday(day) } else { (weekday(day) + 1) % 7 };
    let mut weekday_of_first = weekday_of(first);
    let mut first_day = first;
    if month == 1 && day <= 7 - weekday_of_first {
        let in_last_year =
            (first_weekday && weekday_of_first != 0) || (!first_weekday && weekday_of_first >= 4);
        if !full_year && in_last_year {
            return (year, 0);
        }
        if in_last_year {
            full_year = true;
            year -= 1;
            let length = 365 + i64::from(is_leap(year));
            first_day -= length;
            weekday_of_first = (weekday_of_first as i64 + 53 * 7 - length).rem_euclid(7) as u32;
        }
    }
    let counts_from_next =
        (first_weekday && weekday_of_first != 0) || (!first_weekday && weekday_of_first >= 4);
    let offset = if counts_from_next {
        days - (first_day + i64::from(7 - weekday_of_first))
    } else {
        days - (first_day - i64::from(weekday_of_first))
    };
    if full_year && offset >= 52 * 7 {
        let length = 365 + u32::from(is_leap(year));
        let weekday_of_next = (weekday_of_first + length) % 7;
        if (!first_weekday && weekday_of_next < 4) || (first_weekday && weekday_of_next == 0) {
            return (year + 1, 1);
        }
    }
    (year, (offset / 7 + 1) as u32)
}

/// Adds months; a day that the new month has not becomes its last. `None` outside of the years 0 to 9999.
pub fn add_months(days: i64, months: i64) -> Option<i64> {
    let (year, month, day) = civil(days);
    let total = (i64::from(year) * 12 + i64::from(month) - 1).checked_add(months)?;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    if !(0..=9999).contains(&year) {
        return None;
    }
    let year = year as i32;
    Some(days_from_civil(year, month, day.min(month_length(year, month))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days() {
        for days in (-719_468..2_932_896).step_by(97) {
            let (year, month, day) = civil(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(days_from_civil(2000, 2, 29), 11_016);
        assert_eq!(weekday(days_from_civil(2024, 1, 1)), 0);
    }

    #[test]
    fn weeks() {
        fn check(date: (i32, u32, u32), mode: i64, expected: (i32, u32)) {
            assert_eq!(week(days_from_civil(date.0, date.1, date.2), mode), expected, "{date:?} mode {mode}");
        }
        check((2008, 2, 20), 0, (2008, 7));
        check((2008, 2, 20), 1, (2008, 8));
        check((2008, 12, 31), 1, (2008, 53));
        check((2000, 1, 1), 0, (2000, 0));
        check((2000, 1, 1), 2, (1999, 52));
        check((1987, 1, 1), 2, (1986, 52));
        check((2004, 12, 31), 3, (2004, 53));
        check((2005, 1, 1), 3, (2004, 53));
    }
}
