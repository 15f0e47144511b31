//! When the days of a view are due, as its clause DUE says. Pure. It must not know whether they are there.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::scheduler::schedule::instant;
use crate::views::definition::Due;

/// Days that fell due while nobody looked: so many are told, the newest ones.
const DAYS_MAX: usize = 31;

/// When a day is due. None: after the end of the calendar.
pub fn due_at(due: &Due, day: NaiveDate) -> Option<DateTime<Utc>> {
    let (hours, minute) = (due.minutes / 60, due.minutes % 60);
    let date = day.succ_opt()?.checked_add_days(Days::new(u64::from(hours / 24)))?;
    instant(date.and_time(NaiveTime::from_hms_opt(hours % 24, minute, 0)?), zone(due))
}

/// The days that fell due after one moment and until another, oldest first.
pub fn fell_due(due: &Due, after: DateTime<Utc>, until: DateTime<Utc>) -> Vec<(NaiveDate, DateTime<Utc>)> {
    let local = until.with_timezone(&zone(due)).naive_local();
    let newest = (local - TimeDelta::minutes(due.minutes.into())).date();
    // A clock that is put back or forward moves a time by less than a day.
    let days = newest.succ_opt().unwrap_or(newest).iter_days().rev();
    let mut fell: Vec<_> = days
        .filter_map(|day| Some((day, due_at(due, day)?)))
        .skip_while(|(_, at)| *at > until)
        .take_while(|(_, at)| *at > after)
        .take(DAYS_MAX)
        .collect();
    fell.reverse();
    fell
}

fn zone(due: &Due) -> Tz {
    // The grammar has looked at it.
    due.time_zone.as_ref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_fall_due_once_each() {
        let check = |minutes: u32, zone: &str, after: &str, until: &str, expected: &[&str]| {
            let due = Due { minutes, time_zone: Some(zone.to_owned()) };
            let (after, until) = (after.parse().unwrap(), until.parse().unwrap());
            let fell = fell_due(&due, after, until);
            let told = fell.iter().map(|(day, at)| format!("{day} {}", at.format("%dT%H:%M")));
            assert_eq!(told.collect::<Vec<_>>(), expected, "{minutes} {zone} {after} {until}");
        };
        check(360, "UTC", "2026-09-02T05:59:59Z", "2026-09-02T05:59:59Z", &[]);
        check(360, "UTC", "2026-09-02T05:59:59Z", "2026-09-02T06:00:00Z", &["2026-09-01 02T06:00"]);
        check(360, "UTC", "2026-09-02T06:00:00Z", "2026-09-03T05:59:00Z", &[]);
        check(0, "Asia/Seoul", "2026-09-01T14:00:00Z", "2026-09-01T15:00:00Z", &["2026-09-01 01T15:00"]);
        // Thirty hours after the day's end.
        check(30 * 60, "UTC", "2026-09-03T00:00:00Z", "2026-09-03T06:00:00Z", &["2026-09-01 03T06:00"]);
        // Berlin's clocks leave out 02:30 on 2026-03-29, and show it twice on 2026-10-25.
        let spring = ["2026-03-27 28T01:30", "2026-03-28 29T01:00", "2026-03-29 30T00:30"];
        check(150, "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z", &spring);
        let autumn = ["2026-10-23 24T00:30", "2026-10-24 25T00:30", "2026-10-25 26T01:30"];
        check(150, "Europe/Berlin", "2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z", &autumn);

        // Half a year, looked at every seven hours: every day once.
        for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Seoul"] {
            for minutes in [0, 90, 150, 26 * 60] {
                let due = Due { minutes, time_zone: Some(zone.to_owned()) };
                let start: DateTime<Utc> = "2026-01-20T00:00:00Z".parse().unwrap();
                let looks = (0..700).map(|look| start + TimeDelta::hours(7) * look);
                let days: Vec<NaiveDate> = looks
                    .clone()
                    .zip(looks.skip(1))
                    .flat_map(|(after, until)| fell_due(&due, after, until))
                    .map(|(day, _)| day)
                    .collect();
                assert!(days.len() > 200);
                assert!(days.windows(2).all(|two| two[0].succ_opt() == Some(two[1])), "{zone} {minutes}");
            }
        }
    }
}
