//! The days of a table as they arrive: which there are, and whether each is complete. It must not know who waits
//! for them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, LocalResult, NaiveDate, TimeDelta, TimeZone, Utc};
use datafusion::scalar::ScalarValue;

use super::definition::{Definition, Ready};
use super::files::Files;
use crate::lake;

/// One day of a table.
#[derive(Clone, Debug)]
pub struct SourceDay {
    /// Days since 1970-01-01; None for files without a day.
    pub number: Option<i32>,
    /// Data files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest of them was written.
    pub first_seen: DateTime<Utc>,
    /// When the newest of them was written.
    pub changed_at: DateTime<Utc>,
    /// Whether it is complete.
    pub state: DayState,
}

/// Whether a source day is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DayState {
    /// Files may be missing.
    Arriving {
        /// What it waits for.
        reason: String,
        /// When it will be complete if nothing more arrives, where that is known.
        ready_at: Option<DateTime<Utc>>,
    },
    /// Complete.
    Ready {
        /// Since when, where that is known.
        ready_at: Option<DateTime<Utc>>,
    },
}

/// Days without files that are told of one table: the newest ones.
const MISSING_MAX: usize = 400;

/// What is found of a day.
#[derive(Debug)]
struct Found {
    files: u64,
    bytes: u64,
    first_seen: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    /// Whether each of its folders has the marker.
    is_marked: bool,
}

impl SourceDay {
    /// The day; None for files without one.
    pub fn day(&self) -> Option<NaiveDate> {
        self.number.and_then(NaiveDate::from_epoch_days)
    }
}

impl DayState {
    /// The state in a word, why it is not complete, and since or from when it is.
    pub fn told(&self) -> (&'static str, &str, Option<DateTime<Utc>>) {
        match self {
            Self::Arriving { reason, ready_at } => ("arriving", reason, *ready_at),
            Self::Ready { ready_at } => ("ready", "", *ready_at),
        }
    }
}

/// The days among some files, in their order.
pub async fn of(files: &Files, definition: &Definition, now: DateTime<Utc>) -> lake::Result<Vec<SourceDay>> {
    let found = find(files, definition).await?;
    let days = found.into_iter().map(|(number, found)| {
        let day = number.and_then(NaiveDate::from_epoch_days);
        let Found { files, bytes, first_seen, changed_at, .. } = found;
        let state = state(definition, day, &found, now);
        SourceDay { number, files, bytes, first_seen, changed_at, state }
    });
    Ok(days.collect())
}

/// The days of which nothing is there, in their order: those between the first day that there is and yesterday, as the
/// table's time zone has it. A table that has no day yet misses none.
pub fn missing(days: &[SourceDay], definition: &Definition, now: DateTime<Utc>) -> Vec<NaiveDate> {
    let there: BTreeSet<NaiveDate> = days.iter().filter_map(SourceDay::day).collect();
    let today = now.with_timezone(&definition.time_zone.0).date_naive();
    let Some(first) = there.first() else { return vec![] };
    let expected = first.iter_days().take_while(|day| *day < today.max(*there.last().unwrap_or(first)));
    let mut missing: Vec<NaiveDate> = expected.filter(|day| !there.contains(day)).collect();
    missing.drain(..missing.len().saturating_sub(MISSING_MAX));
    missing
}

async fn find(files: &Files, definition: &Definition) -> lake::Result<BTreeMap<Option<i32>, Found>> {
    let mut days = BTreeMap::<Option<i32>, Found>::new();
    let day_of = |values: &[ScalarValue]| {
        values
            .iter()
            .find_map(|value| if let ScalarValue::Date32(day) = value { Some(*day) } else { None })
            .flatten()
    };
    let marker = match &definition.ready {
        Ready::Marker(marker) => Some(marker.as_str()),
        Ready::Quiet(_) | Ready::After(_) => None,
    };
    let mut take = |day: Option<i32>, bytes: u64, modified: DateTime<Utc>, is_marked: bool| {
        let found = days.entry(day).or_insert(Found {
            files: 0,
            bytes: 0,
            first_seen: modified,
            changed_at: modified,
            is_marked: true,
        });
        found.files += 1;
        found.bytes += bytes;
        found.first_seen = found.first_seen.min(modified);
        found.changed_at = found.changed_at.max(modified);
        found.is_marked &= is_marked;
    };
    match files {
        Files::Folders(pin) => {
            let all = |folders: &[&[ScalarValue]]| Ok::<_, lake::Error>(vec![true; folders.len()]);
            for selected in pin.select(&all).await? {
                let is_marked = marker.is_none_or(|marker| selected.has_marker(marker));
                for (file, values) in selected.iter() {
                    take(day_of(values), file.size, file.modified, is_marked);
                }
            }
        }
        Files::Delta(_, snapshot) => {
            // A commit is complete; its table has no folders to mark.
            snapshot.files().for_each(|file| take(day_of(&file.values), file.file.size, file.modified, true));
        }
    }
    Ok(days)
}

fn state(definition: &Definition, day: Option<NaiveDate>, found: &Found, now: DateTime<Utc>) -> DayState {
    let at = |ready_at: DateTime<Utc>, reason: &dyn Fn() -> String| {
        if now >= ready_at {
            DayState::Ready { ready_at: Some(ready_at) }
        } else {
            DayState::Arriving { reason: reason(), ready_at: Some(ready_at) }
        }
    };
    match &definition.ready {
        Ready::Marker(_) if found.is_marked => DayState::Ready { ready_at: None },
        Ready::Marker(marker) => {
            DayState::Arriving { reason: format!("it has no file `{marker}` yet"), ready_at: None }
        }
        Ready::Quiet(quiet) => {
            let quiet_for = TimeDelta::from_std(quiet.0).unwrap_or(TimeDelta::MAX);
            let ready_at = found.changed_at.checked_add_signed(quiet_for).unwrap_or(DateTime::<Utc>::MAX_UTC);
            at(ready_at, &|| {
                let (changed, seconds) =
                    (found.changed_at.format("%Y-%m-%d %H:%M:%S UTC"), quiet.0.as_secs());
                format!("its newest file is of {changed}, and no other must come for {seconds} s")
            })
        }
        Ready::After(time) => {
            let zone = definition.time_zone.0;
            let next = day.and_then(|day| day.succ_opt()).map(|next| next.and_time(*time));
            let Some(next) = next else { return DayState::Ready { ready_at: None } };
            let ready_at = match zone.from_local_datetime(&next) {
                LocalResult::Single(ready_at) | LocalResult::Ambiguous(_, ready_at) => ready_at.to_utc(),
                // The clock jumps over this time: then it is as late as if it had not.
                LocalResult::None => match zone.from_local_datetime(&(next - TimeDelta::hours(1))).latest() {
                    Some(before) => before.to_utc() + TimeDelta::hours(1),
                    None => next.and_utc(),
                },
            };
            at(ready_at, &|| format!("it is complete at {time} of the next day, {zone}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_without_files_are_missing() {
        let check = |zone: &str, there: &[&str], now: &str, expected: &[&str]| {
            let yaml =
                format!("location: x\nformat: parquet\npartition_by: {{ day: date }}\ntime_zone: {zone}\n");
            let at = DateTime::UNIX_EPOCH;
            let days: Vec<SourceDay> = there
                .iter()
                .map(|day| {
                    let number = Some(day.parse::<NaiveDate>().unwrap().to_epoch_days());
                    let state = DayState::Ready { ready_at: None };
                    SourceDay { number, files: 1, bytes: 1, first_seen: at, changed_at: at, state }
                })
                .collect();
            let missing = missing(&days, &Definition::parse(&yaml).unwrap(), now.parse().unwrap());
            assert_eq!(
                missing.iter().map(NaiveDate::to_string).collect::<Vec<_>>(),
                expected,
                "{there:?} {now}"
            );
        };
        check("UTC", &[], "2026-09-05T12:00:00Z", &[]);
        check("UTC", &["2026-09-01", "2026-09-04"], "2026-09-05T12:00:00Z", &["2026-09-02", "2026-09-03"]);
        check("UTC", &["2026-09-01"], "2026-09-03T00:00:00Z", &["2026-09-02"]);
        check("UTC", &["2026-09-01"], "2026-09-02T23:59:59Z", &[]);
        check("Asia/Seoul", &["2026-09-01"], "2026-09-02T15:00:00Z", &["2026-09-02"]);
        // Days of the future are there, as far as folders can tell.
        check("UTC", &["2026-09-01", "2026-09-03"], "2026-09-01T00:00:00Z", &["2026-09-02"]);
        let long = missing(
            &[SourceDay {
                number: Some(0),
                files: 1,
                bytes: 1,
                first_seen: DateTime::UNIX_EPOCH,
                changed_at: DateTime::UNIX_EPOCH,
                state: DayState::Ready { ready_at: None },
            }],
            &Definition::parse("location: x\nformat: parquet\npartition_by: { day: date }\n").unwrap(),
            "2026-09-03T00:00:00Z".parse().unwrap(),
        );
        assert_eq!((long.len(), long.last().unwrap().to_string()), (MISSING_MAX, "2026-09-02".to_owned()));
    }

    #[test]
    fn a_day_is_complete_when_its_table_says_so() {
        let check = |ready: &str, marked: bool, now: &str, expected: Result<&str, &str>| {
            let yaml = format!("location: x\nformat: parquet\npartition_by: {{ day: date }}\n{ready}\n");
            let definition = Definition::parse(&yaml).unwrap();
            let changed_at = "2026-03-29T00:10:00Z".parse().unwrap();
            let found = Found { files: 1, bytes: 1, first_seen: changed_at, changed_at, is_marked: marked };
            let told = match state(
                &definition,
                NaiveDate::from_ymd_opt(2026, 3, 28),
                &found,
                now.parse().unwrap(),
            ) {
                DayState::Ready { ready_at } => Ok(ready_at.map_or("-".to_owned(), |at| at.to_rfc3339())),
                DayState::Arriving { reason, .. } => Err(reason),
            };
            assert_eq!(told.as_ref().map(String::as_str).map_err(String::as_str), expected, "{ready} {now}");
        };
        check("ready: { marker: _SUCCESS }", true, "2026-03-29T00:10:00Z", Ok("-"));
        check(
            "ready: { marker: _SUCCESS }",
            false,
            "2027-01-01T00:00:00Z",
            Err("it has no file `_SUCCESS` yet"),
        );
        check("ready: { quiet: 30m }", false, "2026-03-29T00:40:00Z", Ok("2026-03-29T00:40:00+00:00"));
        check(
            "ready: { quiet: 30m }",
            false,
            "2026-03-29T00:39:59Z",
            Err("its newest file is of 2026-03-29 00:10:00 UTC, and no other must come for 1800 s"),
        );
        let seoul = "time_zone: Asia/Seoul\nready: { after: 02:00 }";
        check(seoul, false, "2026-03-28T17:00:00Z", Ok("2026-03-28T17:00:00+00:00"));
        check(
            seoul,
            false,
            "2026-03-28T16:59:59Z",
            Err("it is complete at 02:00:00 of the next day, Asia/Seoul"),
        );
        // Europe's clocks jump from 02:00 to 03:00 on this day.
        let berlin = "time_zone: Europe/Berlin\nready: { after: 02:30 }";
        check(berlin, false, "2026-03-29T12:00:00Z", Ok("2026-03-29T01:30:00+00:00"));
    }
}
