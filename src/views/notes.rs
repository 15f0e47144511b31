//! What a query should tell of the views it was answered from: which days were not published ones, and which
//! units a failing CHECK holds back. It must not know how clients are told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError, RwLock};

use super::published::{Fingerprint, Unit};
use crate::catalog::TableId;

/// Most days that a note names.
const NAMED_MAX: usize = 8;

/// What the views of one statement have to tell.
#[derive(Debug, Default)]
pub struct Notes(Mutex<BTreeMap<(TableId, Origin), Vec<Unit>>>);

/// Where the rows of a unit that is not fresh came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Computed within the query.
    Live,
    /// Its last published version, which is out of date.
    Stale,
    /// Its last published version, because what was computed since fails a CHECK.
    Held,
    /// Nowhere: what was computed fails a CHECK, and nothing was published before.
    LeftOut,
}

/// A unit of a view that is read as it was published before, though it is not up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Old {
    /// The view.
    pub view: TableId,
    /// Which of its units.
    pub unit: Unit,
    /// Why it is read so.
    pub origin: Origin,
}

impl Notes {
    /// Takes a note of some units of a view.
    pub fn take(&self, view: &TableId, origin: Origin, units: impl IntoIterator<Item = Unit>) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut units = units.into_iter().peekable();
        if units.peek().is_some() {
            let known = notes.entry((view.clone(), origin)).or_default();
            known.extend(units);
            known.sort_unstable();
            known.dedup();
        }
    }

    /// A line for each view and origin.
    pub fn lines(&self) -> Vec<String> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.iter().map(|((view, origin), units)| line(view, *origin, units)).collect()
    }

    /// How many units were not read from what is published and up to date.
    pub fn units(&self) -> u64 {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.values().map(|units| units.len() as u64).sum()
    }
}

fn line(view: &TableId, origin: Origin, units: &[Unit]) -> String {
    let origin = match origin {
        Origin::Live => "computed live",
        Origin::Stale => "stale: their last published version was read",
        Origin::Held => "held back by a CHECK: their last published version was read",
        Origin::LeftOut => "held back by a CHECK, and left out: they were never published",
    };
    if units == [Unit::Whole] {
        return format!("{view}: {origin}");
    }
    let named: Vec<String> = units.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = units.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{view}: {} days {origin}: {}{more}", units.len(), named.join(", "))
}

/// Units that were computed and not published, because they fail a CHECK of their view.
#[derive(Debug, Default)]
pub struct Holds(RwLock<BTreeMap<TableId, BTreeMap<Unit, Fingerprint>>>);

impl Holds {
    /// A unit, as made from these inputs, fails a CHECK.
    pub fn hold(&self, view: &TableId, unit: Unit, fingerprint: Fingerprint) {
        let mut holds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        holds.entry(view.clone()).or_default().insert(unit, fingerprint);
    }

    /// A unit was published, or its view is gone.
    pub fn release(&self, view: &TableId, unit: Unit) {
        let mut holds = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(units) = holds.get_mut(view) {
            units.remove(&unit);
        }
    }

    /// The units of a view that are held, each with the inputs for which it is.
    pub fn of(&self, view: &TableId) -> BTreeMap<Unit, Fingerprint> {
        let holds = self.0.read().unwrap_or_else(PoisonError::into_inner);
        holds.get(view).cloned().unwrap_or_default()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Live => "computed live",
            Self::Stale => "stale",
            Self::Held => "held back by a CHECK",
            Self::LeftOut => "held back by a CHECK, and left out",
        })
    }
}
