//! What a query should tell of the views it was answered from: which days were not published ones, and which
//! units a failing CHECK holds back. It must not know how clients are told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::published::{Fingerprint, Unit};
use crate::catalog::TableId;

/// Most days that a note names.
const NAMED_MAX: usize = 8;

/// What the views of one statement have to tell.
#[derive(Debug, Default)]
pub struct Notes(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    units: BTreeMap<(TableId, Origin), Vec<Unit>>,
    /// Why nothing tells whether units of a view are up to date.
    unknown: BTreeMap<TableId, String>,
}

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
    /// Its last published version, because nothing tells whether that is up to date.
    Unknown,
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
        self.told().take(view, origin, units);
    }

    /// Takes a note of the units of a view that are read as they were published, because its sources cannot be looked at;
    /// nothing tells which others there should be, so that it is told even when there are none.
    pub fn cannot_tell(&self, view: &TableId, reason: &str, units: &[Unit]) {
        let mut told = self.told();
        told.unknown.insert(view.clone(), reason.to_owned());
        told.take(view, Origin::Unknown, units.iter().copied());
    }

    /// A line for each view and origin.
    pub fn lines(&self) -> Vec<String> {
        let told = self.told();
        let unknown = told.unknown.iter().map(|(view, reason)| {
            format!("{view}: read as it was last published, because its sources cannot be read: {reason}")
        });
        let units = told.units.iter().filter(|((_, origin), _)| *origin != Origin::Unknown);
        let of_units = units.map(|((view, origin), units)| line(view, *origin, units));
        of_units.chain(unknown).collect()
    }

    /// How many units were not read from what is published and up to date.
    pub fn units(&self) -> u64 {
        self.told().units.values().map(|units| units.len() as u64).sum()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn take(&mut self, view: &TableId, origin: Origin, units: impl IntoIterator<Item = Unit>) {
        let mut units = units.into_iter().peekable();
        if units.peek().is_some() {
            let known = self.units.entry((view.clone(), origin)).or_default();
            known.extend(units);
            known.sort_unstable();
            known.dedup();
        }
    }
}

fn line(view: &TableId, origin: Origin, units: &[Unit]) -> String {
    let origin = match origin {
        Origin::Live => "computed live",
        Origin::Stale => "stale: their last published version was read",
        Origin::Held => "held back by a CHECK: their last published version was read",
        Origin::LeftOut => "held back by a CHECK, and left out: they were never published",
        Origin::Unknown => "read as they were last published",
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
            Self::Unknown => "read as it was last published, because its sources cannot be read",
        })
    }
}
