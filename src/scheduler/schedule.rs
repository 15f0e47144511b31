//! Fixed times on the wall clock of a time zone. Pure: what comes next after a moment.
//!
//! Where a clock is put forward, a time of day that is left out is the first moment after the gap. Where it is put
//! back, a time of day that comes twice counts once, the first time. What repeats by seconds, minutes or hours counts
//! time that passes, whatever the clock shows. It must not know who asks, or what runs.

use std::fmt;

use chrono::{DateTime, Days, Duration, LocalResult, Months, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

/// When a job runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At an anchor and every so often after it.
    Every {
        /// How often.
        period: Period,
        /// The first time, on the zone's wall clock.
        anchor: NaiveDateTime,
        /// Whose wall clock.
        zone: Tz,
    },
    /// When the wall clock matches a pattern.
    Cron {
        /// The pattern.
        cron: Cron,
        /// Whose wall clock.
        zone: Tz,
    },
    /// Only when it is asked to.
    OnActivation,
}

/// A length of time, at least 1 of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Time that passes.
    Seconds(u64),
    /// The same time of day, so many days later.
    Days(u32),
    /// The same day of the month, so many months later; the last day where a month is too short.
    Months(u32),
}

/// A pattern of five fields: minute, hour, day of the month, month, day of the week.
#[derive(Clone, PartialEq)]
pub struct Cron {
    cron: Box<croner::Cron>,
}

/// The anchor of what says no other: midnight of a Monday that began a month and a year.
pub fn default_anchor() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2001, 1, 1).expect("it is a date").and_time(chrono::NaiveTime::MIN)
}

impl Cron {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(expression: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(expression).map_err(|error| error.to_string())?;
        let never = |_| "no day of any year matches it".to_owned();
        cron.find_next_occurrence(&default_anchor().and_utc(), true).map_err(never)?;
        Ok(Self { cron: Box::new(cron) })
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Cron({})", self.cron.as_str())
    }
}

impl Schedule {
    /// The first time after a moment. None: never, or after the end of the calendar.
    pub fn next_after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::OnActivation => None,
            Self::Cron { cron, zone } => {
                let next = cron.cron.find_next_occurrence(&moment.with_timezone(zone), false).ok()?;
                Some(next.to_utc())
            }
            Self::Every { period: Period::Seconds(seconds), anchor, zone } => {
                let anchor = instant(*anchor, *zone)?;
                if moment < anchor {
                    return Some(anchor);
                }
                let seconds = i64::try_from(*seconds).ok().filter(|seconds| *seconds > 0)?;
                let periods = (moment - anchor).num_seconds() / seconds + 1;
                anchor.checked_add_signed(Duration::try_seconds(periods.checked_mul(seconds)?)?)
            }
            Self::Every { period, anchor, zone } => {
                // A clock that is put back or forward moves a time by less than a day: begin before, go on until after.
                let local = moment.with_timezone(zone).naive_local();
                let mut periods = period.count(*anchor, local).saturating_sub(1);
                loop {
                    let next = instant(period.after(*anchor, periods)?, *zone)?;
                    if next > moment {
                        return Some(next);
                    }
                    periods += 1;
                }
            }
        }
    }
}

impl Period {
    /// How many whole periods lie between two times at most; none when `to` is earlier.
    fn count(self, from: NaiveDateTime, to: NaiveDateTime) -> u64 {
        let days = (to.date() - from.date()).num_days().max(0).unsigned_abs();
        match self {
            Self::Seconds(seconds) => days * 86_400 / seconds.max(1),
            Self::Days(count) => days / u64::from(count.max(1)),
            // No month is shorter than 28 days or longer than 31.
            Self::Months(count) => days / 31 / u64::from(count.max(1)),
        }
    }

    /// A time so many periods later.
    fn after(self, time: NaiveDateTime, periods: u64) -> Option<NaiveDateTime> {
        match self {
            Self::Seconds(seconds) => {
                let seconds = i64::try_from(periods.checked_mul(seconds)?).ok()?;
                time.checked_add_signed(Duration::try_seconds(seconds)?)
            }
            Self::Days(count) => time.checked_add_days(Days::new(periods.checked_mul(count.into())?)),
            Self::Months(count) => {
                let months = u32::try_from(periods.checked_mul(count.into())?).ok()?;
                time.checked_add_months(Months::new(months))
            }
        }
    }
}

/// When a wall clock shows a time: the first time, or the first moment after the gap that it falls into.
pub fn instant(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => Some(time.to_utc()),
        LocalResult::None => {
            // With the offset of the day before, the clock shows a time after the gap: go back to the gap's end.
            let day_before = local.checked_sub_signed(Duration::days(1))?;
            let offset = day_before - zone.from_local_datetime(&day_before).earliest()?.naive_utc();
            let after = local.checked_sub_signed(offset)?.and_utc();
            let minutes = std::iter::successors(Some(after), |time| Some(*time - Duration::minutes(1)));
            minutes.take_while(|time| time.with_timezone(&zone).naive_local() >= local).last()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse::<NaiveDateTime>().unwrap().and_utc()
    }

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    /// The times after a moment, in UTC.
    fn check(schedule: &Schedule, after: &str, expected: &[&str]) {
        let mut moment = utc(after);
        for expected in expected {
            moment = schedule.next_after(moment).unwrap();
            assert_eq!(moment, utc(expected), "{schedule:?} after {after}");
        }
    }

    #[test]
    fn cron_and_summer_time() {
        let cron =
            |expression: &str, zone: Tz| Schedule::Cron { cron: Cron::parse(expression).unwrap(), zone };
        // The clock goes from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
        check(
            &cron("30 2 * * *", Tz::Europe__Berlin),
            "2026-03-28T00:00:00",
            &["2026-03-28T01:30:00", "2026-03-29T01:00:00", "2026-03-30T00:30:00"],
        );
        check(
            &cron("30 2 * * *", Tz::Europe__Berlin),
            "2026-10-24T00:00:00",
            &["2026-10-24T00:30:00", "2026-10-25T00:30:00", "2026-10-26T01:30:00"],
        );
        check(
            &cron("0 * * * *", Tz::Europe__Berlin),
            "2026-10-24T23:30:00",
            &["2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T02:00:00"],
        );
        check(&cron("0 5 * * *", Tz::Asia__Seoul), "2026-03-28T21:00:00", &["2026-03-29T20:00:00"]);
        check(
            &cron("0 5 * * MON", Tz::America__New_York),
            "2026-03-05T00:00:00",
            &["2026-03-09T09:00:00", "2026-03-16T09:00:00"],
        );
    }

    #[test]
    fn every_and_summer_time() {
        let every = |period, anchor: &str, zone| Schedule::Every { period, anchor: local(anchor), zone };
        let daily = every(Period::Days(1), "2026-01-01T02:30:00", Tz::America__New_York);
        // The clock goes from 02:00 to 03:00 on 2026-03-08, and from 02:00 to 01:00 on 2026-11-01.
        check(
            &daily,
            "2026-03-07T00:00:00",
            &["2026-03-07T07:30:00", "2026-03-08T07:00:00", "2026-03-09T06:30:00"],
        );
        let early = every(Period::Days(1), "2026-01-01T01:30:00", Tz::America__New_York);
        check(&early, "2026-11-01T00:00:00", &["2026-11-01T05:30:00", "2026-11-02T06:30:00"]);
        check(&daily, "2020-01-01T00:00:00", &["2026-01-01T07:30:00", "2026-01-02T07:30:00"]);
        let hours = every(Period::Seconds(6 * 3600), "2026-01-01T00:00:00", Tz::Europe__Berlin);
        check(&hours, "2026-03-28T20:00:00", &["2026-03-28T23:00:00", "2026-03-29T05:00:00"]);
        let weeks = every(Period::Days(14), "2026-01-05T05:00:00", Tz::Asia__Seoul);
        check(&weeks, "2026-01-05T00:00:00", &["2026-01-18T20:00:00", "2026-02-01T20:00:00"]);
        let months = every(Period::Months(1), "2026-01-31T00:00:00", Tz::UTC);
        check(
            &months,
            "2026-01-31T00:00:00",
            &["2026-02-28T00:00:00", "2026-03-31T00:00:00", "2026-04-30T00:00:00"],
        );
        let far = every(Period::Months(u32::MAX), "2026-01-31T00:00:00", Tz::UTC);
        assert_eq!(far.next_after(utc("2026-02-01T00:00:00")), None);
    }

    /// Two years of every minute of daily times: each local day has one run, and none is early.
    #[test]
    fn each_day_has_one_run() {
        for zone in [Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Seoul, Tz::Australia__Lord_Howe] {
            for minute in (0..24 * 60).step_by(13) {
                let anchor = local("2026-01-01T00:00:00") + Duration::minutes(minute);
                let cron = Cron::parse(&format!("{} {} * * *", minute % 60, minute / 60)).unwrap();
                for schedule in
                    [Schedule::Every { period: Period::Days(1), anchor, zone }, Schedule::Cron { cron, zone }]
                {
                    let mut moment = instant(anchor, zone).unwrap();
                    for day in 1..=730 {
                        moment = schedule.next_after(moment).unwrap();
                        let shown = moment.with_timezone(&zone).naive_local();
                        assert_eq!(shown.date(), anchor.date() + Days::new(day), "{schedule:?}");
                        assert!(shown.time() >= anchor.time(), "{schedule:?} at {shown}");
                    }
                }
            }
        }
    }

    #[test]
    fn patterns_that_are_none() {
        for (expression, expected) in [
            ("", "Pattern"),
            ("* * * *", "Pattern"),
            ("0 0 5 * * *", "Pattern"),
            ("61 * * * *", "out of bounds"),
            ("0 0 31 2 *", "no day"),
            ("x * * * *", ""),
        ] {
            let error = Cron::parse(expression).unwrap_err();
            assert!(error.contains(expected), "{expression}: {error}");
        }
    }
}
