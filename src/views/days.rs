//! Which days of an input a day of a view reads, and which days of the view read a source day: at fixed distances, or
//! all of a week or of some months. Pure. It must not know plans, nor which days there are.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::{Datelike, Months, NaiveDate};

/// Lengths of periods in months, of which a year has a whole number.
const MONTHS: [u32; 6] = [1, 2, 3, 4, 6, 12];
/// The days of a week, as they follow 1970-01-01.
const WEEK: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// Which days of an input a day of the view reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Days {
    /// All that there are.
    All,
    /// Those at these distances from the view's day, in their order: `-6` is six days before it.
    At(Arc<[i32]>),
    /// Those of the period that is named by the view's day. Other days of the view read none.
    Of(Period),
}

/// Days that stand together, under the name of the first or of the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    length: Length,
    by_last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// A week, and so many days after a Thursday it begins.
    Week(u8),
    /// So many months; the first such period of a year begins with January.
    Months(u32),
}

impl Days {
    /// The days of the view that read a source day, where not every one does.
    pub fn readers(&self, day: i32) -> Vec<i32> {
        match self {
            Self::All => vec![],
            Self::At(distances) => distances.iter().map(|distance| day.saturating_sub(*distance)).collect(),
            Self::Of(period) => period.name_of(day).into_iter().collect(),
        }
    }

    /// The source days that a day of the view reads, in their order, where these are not all.
    pub fn read_by(&self, day: i32) -> Vec<i32> {
        match self {
            Self::All => vec![],
            Self::At(distances) => distances.iter().map(|distance| day.saturating_add(*distance)).collect(),
            Self::Of(period) => period.named(day).into_iter().flatten().collect(),
        }
    }
}

impl Period {
    /// All that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let months = MONTHS.into_iter().map(Length::Months);
        let lengths = months.chain((0..7).map(Length::Week));
        lengths.flat_map(|length| [false, true].map(|by_last| Self { length, by_last }))
    }

    /// The day that names the period in which a day lies; `None` where the calendar ends.
    pub fn name_of(self, day: i32) -> Option<i32> {
        let days = self.around(day)?;
        Some(if self.by_last { *days.end() } else { *days.start() })
    }

    /// The days of the period that a day names; `None` when it names none.
    pub fn named(self, day: i32) -> Option<RangeInclusive<i32>> {
        self.around(day).filter(|_| self.name_of(day) == Some(day))
    }

    fn around(self, day: i32) -> Option<RangeInclusive<i32>> {
        match self.length {
            Length::Week(begins) => {
                let first = day.checked_sub((day.rem_euclid(7) - i32::from(begins)).rem_euclid(7))?;
                Some(first..=first.checked_add(6)?)
            }
            Length::Months(months) => {
                let date = NaiveDate::from_epoch_days(day)?;
                let month = date.month0() / months * months + 1;
                let first = NaiveDate::from_ymd_opt(date.year(), month, 1)?;
                let next = first.checked_add_months(Months::new(months))?;
                Some(first.to_epoch_days()..=next.to_epoch_days() - 1)
            }
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.length {
            Length::Week(begins) => write!(formatter, "week from {}", WEEK[usize::from(begins)])?,
            Length::Months(1) => formatter.write_str("month")?,
            Length::Months(12) => formatter.write_str("year")?,
            Length::Months(months) => write!(formatter, "{months} months")?,
        }
        formatter.write_str(if self.by_last { ", by its last day" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_periods() {
        let number = |text: &str| text.parse::<NaiveDate>().unwrap().to_epoch_days();
        let check = |period: &str, day: &str, name: &str, (first, last): (&str, &str)| {
            let period = Period::all().find(|known| known.to_string() == period).unwrap();
            let days = Days::Of(period);
            assert_eq!(days.readers(number(day)), [number(name)], "{period} {day}");
            assert_eq!(period.named(number(name)), Some(number(first)..=number(last)), "{period} {name}");
            assert_eq!(days.read_by(number(name)).len() as i32, number(last) - number(first) + 1);
            for other in [number(name) - 1, number(name) + 1] {
                assert!(days.read_by(other).is_empty(), "{period} {other}");
            }
        };
        check("month", "2024-02-29", "2024-02-01", ("2024-02-01", "2024-02-29"));
        check("month", "2025-12-31", "2025-12-01", ("2025-12-01", "2025-12-31"));
        check("month, by its last day", "2025-02-01", "2025-02-28", ("2025-02-01", "2025-02-28"));
        check("2 months", "2026-12-31", "2026-11-01", ("2026-11-01", "2026-12-31"));
        check("3 months", "2026-09-29", "2026-07-01", ("2026-07-01", "2026-09-30"));
        check("year", "2024-12-31", "2024-01-01", ("2024-01-01", "2024-12-31"));
        check("year", "1969-12-31", "1969-01-01", ("1969-01-01", "1969-12-31"));
        check("week from Monday", "2026-07-19", "2026-07-13", ("2026-07-13", "2026-07-19"));
        check("week from Sunday", "2026-07-19", "2026-07-19", ("2026-07-19", "2026-07-25"));
        check("week from Monday", "1969-12-31", "1969-12-29", ("1969-12-29", "1970-01-04"));
        check("week from Monday, by its last day", "2026-01-01", "2026-01-04", ("2025-12-29", "2026-01-04"));
    }

    #[test]
    fn days_at_distances() {
        let days = Days::At([-2, 0].into());
        assert_eq!(days.read_by(10), [8, 10]);
        assert_eq!(days.readers(8), [10, 8]);
        assert!(Days::All.readers(8).is_empty());
    }
}
