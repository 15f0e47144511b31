//! Which units could not be refreshed, why, and when they are tried again. It must not know how units are
//! refreshed.
//!
//! A failure is of a unit as it would be made from certain inputs: other inputs, another chance. It is kept in
//! the warehouse, so that a server that starts, or another one, does not try in vain, and so that a day which a
//! CHECK holds back stays held.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::published::{Fingerprint, Unit};
use crate::lake::store::Location;
use crate::lake::{Error, Result, durable};

/// Wait after a first failure; each further one doubles it.
const BACKOFF_MIN: TimeDelta = TimeDelta::seconds(30);
/// Longest wait after a failure.
const BACKOFF_MAX: TimeDelta = TimeDelta::hours(1);
/// Failures that are kept of one view: the newest units.
const UNITS_MAX: usize = 10_000;
/// Characters of a failure's text.
const TEXT_MAX: usize = 1_000;

/// Why a unit is not published as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it was to be made from.
    pub fingerprint: Fingerprint,
    /// Whether it was computed, and a CHECK holds it back: it is not tried again with the same inputs.
    pub held: bool,
    /// One line for people.
    pub text: String,
    /// When the first of these failures was.
    pub first_at: DateTime<Utc>,
    /// When the last one was.
    pub last_at: DateTime<Utc>,
    /// How many there were, one after the other.
    pub count: u32,
}

/// A failure to be noted.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// As in [`Failure`].
    pub fingerprint: Fingerprint,
    /// As in [`Failure`].
    pub held: bool,
    /// As in [`Failure`].
    pub text: &'a str,
}

/// The failures of one view.
pub type Failures = BTreeMap<Unit, Failure>;

/// Where the failures of one view are kept.
#[derive(Debug)]
pub struct FailureFile {
    warehouse: Location,
    path: Path,
    /// How long what was read may be used.
    interval: Duration,
    /// What is known. Who reads or writes holds the lock.
    known: tokio::sync::Mutex<Option<Known>>,
}

/// What is known of the file.
#[derive(Debug)]
struct Known {
    failures: Arc<Failures>,
    at: Instant,
    /// It could not be written: the disk may be full, which is when there are failures.
    is_ahead: bool,
}

/// A failure as the file has it.
#[derive(Deserialize, Serialize)]
struct Line {
    unit: String,
    fingerprint: String,
    held: bool,
    text: String,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    count: u32,
}

impl Failure {
    /// When the unit is tried again; `None` when only other inputs change anything.
    pub fn next_at(&self) -> Option<DateTime<Utc>> {
        let doubled = 1_i32.checked_shl(self.count.saturating_sub(1).min(16)).unwrap_or(i32::MAX);
        let wait = BACKOFF_MIN.checked_mul(doubled).unwrap_or(BACKOFF_MAX).min(BACKOFF_MAX);
        (!self.held).then(|| self.last_at + wait)
    }

    /// Whether a unit that would now be made from `fingerprint` has to wait.
    pub fn defers(&self, fingerprint: Fingerprint, now: DateTime<Utc>) -> bool {
        self.fingerprint == fingerprint && self.next_at().is_none_or(|next| next > now)
    }
}

impl FailureFile {
    /// The failures of a view, in a warehouse. Reads nothing yet.
    pub fn new(warehouse: &Location, database: &str, view: &str, interval: Duration) -> Self {
        let name = format!("{}.{}.json", database.to_lowercase(), view.to_lowercase());
        let path = warehouse.prefix.clone().join("_lakefront").join("failures").join(name);
        Self { warehouse: warehouse.clone(), path, interval, known: tokio::sync::Mutex::default() }
    }

    /// The failures as they are now, or were at most a listing interval ago.
    pub async fn read(&self) -> Result<Arc<Failures>> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known
            && (known.is_ahead || known.at.elapsed() < self.interval)
        {
            return Ok(Arc::clone(&known.failures));
        }
        let failures = self.load().await?;
        *known = Some(Known { failures: Arc::clone(&failures), at: Instant::now(), is_ahead: false });
        Ok(failures)
    }

    /// Notes of units that they failed - with which fingerprint, whether a CHECK holds them, and why - or did not any
    /// more. What is noted counts in this server even when it cannot be written.
    pub async fn note(&self, ended: &[(Unit, Option<Failed<'_>>)], now: DateTime<Utc>) -> Result<()> {
        let mut known = self.known.lock().await;
        let before = match &*known {
            Some(known) if known.is_ahead => Arc::clone(&known.failures),
            // A file that nobody can read has no worth.
            _ => match self.load().await {
                Err(Error::Corrupt { .. }) => Arc::default(),
                loaded => loaded?,
            },
        };
        let mut failures = Failures::clone(&before);
        for (unit, failed) in ended {
            let Some(Failed { fingerprint, held, text }) = *failed else {
                failures.remove(unit);
                continue;
            };
            let same = failures.get(unit).filter(|same| same.fingerprint == fingerprint);
            let (first_at, count) = same.map_or((now, 0), |same| (same.first_at, same.count));
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = text.chars().take(TEXT_MAX).collect();
            let count = count.saturating_add(1);
            failures.insert(*unit, Failure { fingerprint, held, text, first_at, last_at: now, count });
        }
        while failures.len() > UNITS_MAX {
            failures.pop_first();
        }
        if failures == *before {
            return Ok(());
        }
        let written = durable::replace(&self.warehouse, &self.path, bytes(&failures).into()).await;
        let (failures, at) = (Arc::new(failures), Instant::now());
        *known = Some(Known { failures, at, is_ahead: written.is_err() });
        written
    }

    async fn load(&self) -> Result<Arc<Failures>> {
        let Some(bytes) = durable::read(&self.warehouse, &self.path).await? else {
            return Ok(Arc::default());
        };
        let corrupt = |reason: String| Error::Corrupt {
            path: self.warehouse.show(&self.path),
            reason: format!("{reason}; remove it, and failed days are tried again"),
        };
        let lines: Vec<Line> = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
        let failures = lines.into_iter().map(|line| {
            let Line { unit, fingerprint, held, text, first_at, last_at, count } = line;
            let fingerprint = fingerprint.parse().ok()?;
            Some((unit.parse().ok()?, Failure { fingerprint, held, text, first_at, last_at, count }))
        });
        let failures = failures.collect::<Option<Failures>>();
        failures.map(Arc::new).ok_or_else(|| corrupt("it names no unit that can be".to_owned()))
    }
}

fn bytes(failures: &Failures) -> Vec<u8> {
    let lines = failures.iter().map(|(unit, failure)| Line {
        unit: unit.to_string(),
        fingerprint: failure.fingerprint.to_string(),
        held: failure.held,
        text: failure.text.clone(),
        first_at: failure.first_at,
        last_at: failure.last_at,
        count: failure.count,
    });
    serde_json::to_vec(&lines.collect::<Vec<_>>()).expect("texts and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let check = |count: u32, held: bool, expected: Option<i64>| {
            let at = DateTime::UNIX_EPOCH;
            let fingerprint = Fingerprint(1);
            let failure =
                Failure { fingerprint, held, text: String::new(), first_at: at, last_at: at, count };
            assert_eq!(failure.next_at().map(|next| next.timestamp()), expected, "{count} {held}");
        };
        check(1, false, Some(30));
        check(2, false, Some(60));
        check(4, false, Some(240));
        check(100, false, Some(3_600));
        check(1, true, None);
    }
}
