//! What is asked of a refresher, and what it answers. It must not know how units are made.

use std::fmt;
use std::time::Duration;

use chrono::NaiveDate;

use crate::catalog::TableId;
use crate::views::published::Unit;

/// Which units should be brought up to date.
#[derive(Clone, Debug)]
pub struct Request {
    /// One view, or all that are refreshed on change.
    pub view: Option<TableId>,
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The day after the last.
    pub to: Option<NaiveDate>,
    /// Units that are fresh, too.
    pub force: bool,
    /// Why.
    pub trigger: Trigger,
}

/// Why units are refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Sources changed. Waits until source days are ready, and after failures.
    Change,
    /// Its time has come. Waits as above, and for other refreshes of the same units.
    Schedule,
    /// Somebody asked. Waits for nothing but other refreshes of the same units.
    Manual,
}

/// What became of a request.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Units that were refreshed, or should have been.
    pub units: Vec<UnitOutcome>,
    /// Views that cannot be looked at, and why.
    pub problems: Vec<(TableId, String)>,
    /// How long it took.
    pub duration: Duration,
}

/// What became of a unit.
#[derive(Clone, Debug)]
pub struct UnitOutcome {
    /// Its view.
    pub view: TableId,
    /// Which.
    pub unit: Unit,
    /// How it ended.
    pub end: End,
    /// Rows that were computed.
    pub rows: u64,
    /// Bytes that were written.
    pub bytes: u64,
    /// How long it took, together with the units of its batch.
    pub duration: Duration,
    /// Why it is not up to date; empty when it is.
    pub error: String,
    /// What its rows lack, although it is up to date; empty when they lack nothing.
    pub warning: String,
}

/// How a unit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its rows are published.
    Published,
    /// Its rows were published already.
    Same,
    /// Another refresh, of another server or of this one, has published it in the meantime.
    ByOther,
    /// Another refresh is at it, or was in the meantime and made it from other files.
    LeftToOthers,
    /// It could not be made, or a CHECK holds it back.
    Failed,
    /// It was told to stop.
    Cancelled,
    /// It was not tried.
    Waiting,
}

/// A unit that a request would refresh, or would not.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Which.
    pub unit: Unit,
    /// In the words of the states of units: `stale`, `missing`, `waiting`, `failed`, `fresh`.
    pub state: &'static str,
    /// Why it is in that state.
    pub reason: String,
    /// The first and the last of its days; `None`: all.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// Files that it reads.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Outcome {
    /// How many units ended so.
    pub fn count(&self, end: End) -> usize {
        self.units.iter().filter(|unit| unit.end == end).count()
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Change => "change",
            Self::Schedule => "schedule",
            Self::Manual => "manual",
        })
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Published => "published",
            Self::Same => "unchanged",
            Self::ByOther => "published by another refresh",
            Self::LeftToOthers => "left to another refresh",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Waiting => "waiting",
        })
    }
}
