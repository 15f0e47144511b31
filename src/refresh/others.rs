//! Units that other refreshes are at. Whoever asked for them waits until these have ended, and looks again: then the
//! units are published, or it is this refresh's turn. It must not know how units are made.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::batch::Finished;
use super::lease::Holder;
use super::request::{End, UnitOutcome};
use super::survey::Survey;
use super::{Key, Noted, Shared, Tried};
use crate::catalog::TableId;
use crate::views::published::Unit;

/// How soon another refresh is looked at again at first, and how late at last.
const LOOK_FIRST: Duration = Duration::from_millis(100);
const LOOK_LAST: Duration = Duration::from_secs(3);

/// Units that other refreshes are at, for one that was asked for.
#[derive(Debug)]
pub struct Others {
    /// Somebody waits for all units.
    waits: bool,
    patience: Duration,
    /// When the patience ends, since there is something to wait for.
    until: Option<Instant>,
    left: Vec<Left>,
    /// Units that were waited for, until they are looked at again.
    waited: BTreeMap<(TableId, Unit), UnitOutcome>,
}

/// A unit that another refresh is at, or was.
#[derive(Debug)]
struct Left {
    key: Key,
    outcome: UnitOutcome,
    /// None: it is over already.
    holder: Option<Holder>,
}

impl Others {
    /// Waits for others, so long in all; or leaves everything to them.
    pub fn new(waits: bool, patience: Duration) -> Self {
        Self { waits, patience, until: None, left: vec![], waited: BTreeMap::new() }
    }

    /// Units to wait for.
    pub fn count(&self) -> u64 {
        self.left.len() as u64
    }

    /// Takes the units of a batch that others are at. The rest of them.
    pub fn take(&mut self, finished: Finished) -> Vec<UnitOutcome> {
        let Finished { keys, units, left_to } = finished;
        if !self.waits {
            return units;
        }
        let mut ended = vec![];
        for outcome in units {
            let key = keys.iter().find(|(view, unit, _)| (view, unit) == (&outcome.view, &outcome.unit));
            match key {
                Some(key) if outcome.end == End::LeftToOthers => {
                    let outcome = UnitOutcome { error: "another refresh is at it".to_owned(), ..outcome };
                    self.left.push(Left { key: key.clone(), outcome, holder: left_to.clone() });
                }
                _ => ended.push(outcome),
            }
        }
        ended
    }

    /// What is waited for first, for people; None: nothing is.
    pub fn first(&self) -> Option<String> {
        let first = self.left.first()?;
        let holder = first.holder.as_ref().map_or("another refresh".to_owned(), Holder::to_string);
        Some(format!("{holder}, which refreshes {}", first.outcome.unit))
    }

    /// Waits until the first of the other refreshes is over. False: it was not worth waiting for any longer, or somebody
    /// wants this one to stop.
    pub async fn wait(&mut self, shared: &Shared) -> bool {
        let Some(first) = self.left.first() else { return true };
        let until = *self.until.get_or_insert_with(|| Instant::now() + self.patience);
        let stop = shared.stopped.child_token();
        let _noted = Noted::begin(shared, &first.outcome.view, &stop);
        let (view, unit) = (&first.outcome.view, first.outcome.unit);
        info!(%view, %unit, holder = first.holder.as_ref().map(tracing::field::display), "waits for another refresh");
        let waited = tokio::select! {
            waited = tokio::time::timeout_at(until, over(shared, first.holder.as_ref())) => waited.is_ok(),
            () = stop.cancelled() => false,
        };
        let (end, error) = match stop.is_cancelled() {
            true => (End::Cancelled, "it was cancelled".to_owned()),
            false => {
                let waited = self.patience.as_secs_f64();
                let error = format!("{} is still at it after {waited} s", self.first().unwrap_or_default());
                (End::LeftToOthers, error)
            }
        };
        if !waited {
            self.left.iter_mut().for_each(|left| {
                left.outcome.end = end;
                left.outcome.error.clone_from(&error);
            });
        }
        waited
    }

    /// All units are to be looked at again.
    pub fn forget(&mut self, shared: &Shared, tried: &mut Tried) {
        for Left { key, outcome, .. } in self.left.drain(..) {
            tried.0.remove(&key);
            let (view, unit, _) = key;
            shared.views.warehouse.view(&view.database, &view.name).refresh();
            self.waited.insert((view, unit), outcome);
        }
    }

    /// The units that others have published meanwhile. What is not fresh is to be done.
    pub fn ended(&mut self, survey: &Survey, tried: &mut Tried) -> Vec<UnitOutcome> {
        let mut ended = vec![];
        for ((view, unit), outcome) in std::mem::take(&mut self.waited) {
            let Some(published) = survey.fresh(&view, unit) else { continue };
            tried.0.insert((view, unit, published.fingerprint));
            ended.push(UnitOutcome { end: End::ByOther, error: String::new(), ..outcome });
        }
        ended
    }

    /// What was not waited for to its end.
    pub fn given_up(self) -> impl Iterator<Item = UnitOutcome> {
        self.left.into_iter().map(|left| left.outcome)
    }
}

/// Waits until another refresh is over.
async fn over(shared: &Shared, holder: Option<&Holder>) {
    let mut pause = LOOK_FIRST;
    loop {
        tokio::time::sleep(pause).await;
        let Some(holder) = holder else { return };
        match shared.leases.is_over(holder).await {
            Ok(true) => return,
            Ok(false) => pause = (pause * 3 / 2).min(LOOK_LAST),
            // The store may be well again before the patience ends.
            Err(error) => {
                warn!(%error, "cannot look at a lease");
                pause = LOOK_LAST;
            }
        }
    }
}
