//! How views and their units are, as rows of `information_schema` tell it. It must not know who asks, or how it is known.

use chrono::{DateTime, NaiveDate, Utc};

/// How a materialized view is.
#[derive(Clone, Debug, Default)]
pub struct ViewState {
    /// When its last refresh began.
    pub last_started: Option<DateTime<Utc>>,
    /// When it ended.
    pub last_finished: Option<DateTime<Utc>>,
    /// `SUCCESS`, `FAILED`, `RUNNING`, as StarRocks says it; empty when there was none.
    pub last_state: String,
    /// What was wrong with it; empty when nothing was.
    pub last_error: String,
    /// Published rows.
    pub rows: u64,
    /// Bytes of published files.
    pub bytes: u64,
    /// Units in all.
    pub units: u64,
    /// Units that are not fresh.
    pub units_not_fresh: u64,
    /// It is one unit, whatever PARTITION BY says.
    pub is_whole: bool,
    /// When it is next refreshed by its schedule.
    pub next: Option<DateTime<Utc>>,
}

/// How a unit of a materialized view is: a day, or the whole view.
#[derive(Clone, Debug)]
pub struct UnitState {
    /// `2026-09-01`, `whole`.
    pub unit: String,
    /// `fresh`, `stale`, `missing`, `waiting`, `running`, `failed`.
    pub state: String,
    /// Why it is not fresh; empty when it is.
    pub reason: String,
    /// The first and the last of its days; `None`: all.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// Of what is published.
    pub fingerprint: Option<String>,
    /// The version that published it.
    pub version: Option<u64>,
    /// Published rows.
    pub rows: Option<u64>,
    /// Bytes of published files.
    pub bytes: Option<u64>,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
    /// Why its last refresh failed; empty when it did not.
    pub error: String,
}

/// How a day of a table is.
#[derive(Clone, Debug)]
pub struct SourceUnit {
    /// The table's database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The day.
    pub day: Option<NaiveDate>,
    /// `missing`, `arriving`, `ready`; `failed` without a day: the table's days cannot be listed.
    pub state: String,
    /// Why it is not ready; empty when it is.
    pub reason: String,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it was first seen.
    pub first_seen: Option<DateTime<Utc>>,
    /// When it became ready.
    pub ready_at: Option<DateTime<Utc>>,
    /// When its files changed last.
    pub changed_at: Option<DateTime<Utc>>,
}

/// A unit that a refresh brought up to date, or tried to.
#[derive(Clone, Debug)]
pub struct RefreshedUnit {
    /// `2026-09-01`, `whole`.
    pub unit: String,
    /// As in [`UnitState`].
    pub state: String,
    /// Rows of the unit.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Empty when nothing went wrong.
    pub error: String,
    /// What its rows lack; empty when they lack nothing.
    pub warning: String,
}

/// A unit that a refresh would bring up to date.
#[derive(Clone, Debug)]
pub struct PlannedUnit {
    /// `2026-09-01`, `whole`.
    pub unit: String,
    /// As in [`UnitState`].
    pub state: String,
    /// Why it would be refreshed, or why not yet.
    pub reason: String,
    /// Files that it would read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Views that read it, as `mart.a, mart.b`.
    pub downstream: String,
}
