//! What there is to do: the units of views that are not fresh, why, and which are next. It must not know how they are
//! computed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use datafusion::error::DataFusionError;
use serde_json::{Map, Value};
use tracing::{info, warn};

use super::batch::{Batch, Work};
use super::ready::Readiness;
use super::request::{End, Planned, Request, Trigger, UnitOutcome};
use super::{Shared, Tried};
use crate::catalog::TableId;
use crate::engine;
use crate::engine::views::OpenView;
use crate::views::definition::{Materialized, Refresh};
use crate::views::failures::Failures;
use crate::views::published::{Fingerprint, PublishedUnit, Unit};
use crate::views::units::{Freshness, UnitInput};

/// Units that are published together.
const UNITS_PER_BATCH: usize = 31;
/// Bytes of source files that are read for one batch.
const BYTES_PER_BATCH: u64 = 1 << 30;
/// Views that are looked at at once.
const VIEWS_AT_ONCE: usize = 4;
/// Source days that a unit's record names; it is for people.
const INPUTS_NAMED: usize = 40;

/// What there is to do.
#[derive(Debug, Default)]
pub struct Survey {
    views: Vec<Surveyed>,
    /// Views that cannot be looked at, and why.
    pub problems: Vec<(TableId, String)>,
    /// Units that are not fresh and may not be refreshed now, and why.
    pub waiting: Vec<UnitOutcome>,
    /// All units that were looked at.
    pub planned: Vec<Planned>,
}

/// One view and what is to do of it.
#[derive(Debug)]
struct Surveyed {
    id: TableId,
    view: Arc<OpenView>,
    /// By unit.
    work: BTreeMap<Unit, Work>,
    /// The newest unit that is fresh or could be.
    newest: Option<Unit>,
    trigger: Trigger,
    /// In the words of the states of units.
    states: BTreeMap<Unit, &'static str>,
    /// Published days that no source has any more.
    gone: BTreeSet<Unit>,
}

impl Survey {
    /// Looks at the views of a request, each over one consistent set of its inputs.
    pub async fn of(shared: &Shared, request: &Request, tried: &Tried) -> Self {
        let readiness = Readiness::new(&shared.catalog, shared.clock.now());
        let looks = wanted(shared, request).into_iter().map(|id| {
            let readiness = &readiness;
            async move {
                let looked = look(shared, &id, request, tried, readiness).await;
                Ok::<_, std::convert::Infallible>((id, looked))
            }
        });
        let looked = crate::lake::concurrently(looks, VIEWS_AT_ONCE).await;
        let mut survey = Self::default();
        for (id, looked) in looked.unwrap_or_default() {
            match looked {
                Ok(looked) => {
                    survey.planned.extend(looked.planned);
                    survey.waiting.extend(looked.waiting);
                    survey.views.push(looked.view);
                }
                Err(problem) => survey.problems.push((id, problem)),
            }
        }
        survey
    }

    /// Units that could be refreshed now.
    pub fn left(&self) -> u64 {
        self.views.iter().map(|view| view.work.len() as u64).sum()
    }

    /// A unit as it is published, if it is fresh.
    pub fn fresh(&self, id: &TableId, unit: Unit) -> Option<&PublishedUnit> {
        let view = self.views.iter().find(|view| view.id == *id)?;
        let is_fresh = view.states.get(&unit).is_some_and(|state| *state == "fresh");
        view.view.table().published(unit).filter(|_| is_fresh)
    }

    /// Counts the units of each view by their states, in the metrics.
    pub fn count(&self, shared: &Shared) {
        const STATES: [&str; 5] = ["fresh", "stale", "missing", "waiting", "failed"];
        let set = |view: &TableId, states: &BTreeMap<Unit, &str>| {
            for state in STATES {
                let count = states.values().filter(|of_unit| **of_unit == state).count();
                let labels = [("view", view.to_string()), ("state", state.to_owned())];
                metrics::gauge!("lakefront_view_units", &labels).set(count as f64);
            }
        };
        let mut counted = shared.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<TableId> = self.views.iter().map(|view| view.id.clone()).collect();
        // What is not there any more has no units; nobody should be alarmed by those that it had.
        counted.difference(&now).for_each(|gone| set(gone, &BTreeMap::new()));
        self.views.iter().for_each(|view| set(&view.id, &view.states));
        *counted = now;
    }

    /// Takes published days away that no source has any more. Queries do not ask for them; other programs that read
    /// the table would see them.
    pub async fn retract(&self, shared: &Shared) {
        for view in self.views.iter().filter(|view| !view.gone.is_empty()) {
            let Some(base) = view.view.table().published_version() else { continue };
            let log = shared.views.warehouse.view(&view.id.database, &view.id.name);
            match log.retract(base, &view.gone, shared.clock.now()).await {
                Ok(days) => info!(view = %view.id, days, "took days away that have no source any more"),
                Err(error) => warn!(view = %view.id, %error, "cannot take days away"),
            }
        }
    }

    /// What to do next: the newest unit of every view. When they are done, some older ones of a few views, newest
    /// first, so that a day that becomes ready meanwhile does not wait for many others.
    pub fn wave(&self) -> Vec<Batch> {
        let newest = self.views.iter().filter_map(|view| {
            let work = view.work.get(&view.newest?)?;
            Some(view.batch(vec![work.clone()]))
        });
        let newest: Vec<Batch> = newest.collect();
        if !newest.is_empty() {
            return newest;
        }
        let mut older: Vec<(Unit, Batch)> = self
            .views
            .iter()
            .filter_map(|view| Some((*view.work.last_key_value()?.0, view.batch(view.newest_together()))))
            .collect();
        older.sort_by_key(|(unit, _)| std::cmp::Reverse(*unit));
        older.truncate(VIEWS_AT_ONCE);
        older.into_iter().map(|(_, batch)| batch).collect()
    }
}

impl Surveyed {
    fn batch(&self, work: Vec<Work>) -> Batch {
        Batch::new(self.id.clone(), Arc::clone(&self.view), work, self.trigger)
    }

    /// The newest units that can be computed together: of one month, which is what a lease is for.
    fn newest_together(&self) -> Vec<Work> {
        let month = |unit: Unit| unit.day().map(|day| (day.year(), day.month()));
        let mut together: Vec<Work> = vec![];
        let mut bytes = 0_u64;
        for work in self.work.values().rev().take(UNITS_PER_BATCH) {
            bytes = bytes.saturating_add(work.bytes);
            let fits = together
                .first()
                .is_none_or(|first| bytes <= BYTES_PER_BATCH && month(first.unit) == month(work.unit));
            if !fits {
                break;
            }
            together.push(work.clone());
        }
        together
    }
}

/// What one look at a view found.
struct Looked {
    view: Surveyed,
    waiting: Vec<UnitOutcome>,
    planned: Vec<Planned>,
}

async fn look(
    shared: &Shared,
    id: &TableId,
    request: &Request,
    tried: &Tried,
    readiness: &Readiness<'_>,
) -> Result<Looked, String> {
    let log = shared.views.warehouse.view(&id.database, &id.name);
    let failures = log.failures().read().await.map_err(|error| error.to_string())?;
    for (unit, failure) in failures.iter().filter(|(_, failure)| failure.held) {
        shared.views.holds.hold(id, *unit, failure.fingerprint);
    }
    let view = Arc::new(shared.engine.open_view(id).await.map_err(|error| error.to_string())?);
    let table = view.table();
    let asked = |days: &[Option<i32>]| {
        let is_asked = |day: &Option<i32>| {
            let unit = day.and_then(Unit::of_day_number).and_then(Unit::day);
            unit.is_some_and(|day| {
                request.from.is_none_or(|from| day >= from) && request.to.is_none_or(|to| day < to)
            })
        };
        days.iter().map(is_asked).collect()
    };
    // As statements would tell it.
    let told = |error: DataFusionError| engine::error::Error::from(error).to_string();
    let units = table.units(&asked).await.map_err(told)?;

    let (mut work, mut waiting, mut planned) = (BTreeMap::new(), vec![], vec![]);
    let mut newest = None;
    let one_unit = table.one_unit().unwrap_or_default();
    for (unit, expected) in &units.expected {
        let unit = *unit;
        let freshness = table.freshness(unit, expected);
        let inputs = table.inputs_of(unit, &units);
        let bytes = inputs.iter().map(|input| input.state.digest.bytes).sum();
        let files = inputs.iter().map(|input| input.state.digest.files).sum();
        let (state, mut reason) =
            decide(unit, &freshness, expected, request, &failures, readiness, &inputs, shared.clock.now())
                .await;
        // Who asks need not wait for days to be complete, and should know that they are not.
        let incomplete = match request.trigger {
            Trigger::Manual if state != "fresh" => readiness.of(&inputs).await.err().unwrap_or_default(),
            _ => String::new(),
        };
        for more in [&incomplete, &one_unit].into_iter().filter(|more| !more.is_empty()) {
            reason = if reason.is_empty() { more.clone() } else { format!("{reason}; {more}") };
        }
        let days = table.days_of(unit);
        planned.push(Planned { unit, state, reason: reason.clone(), days, files, bytes });
        let Ok(fingerprint) = expected else {
            waiting.push(waits(id, unit, reason));
            continue;
        };
        match state {
            "fresh" => newest = newest.max(Some(unit)),
            "waiting" | "failed" => {
                if !tried.has(id, unit, *fingerprint) {
                    waiting.push(waits(id, unit, reason));
                }
            }
            _ if tried.has(id, unit, *fingerprint) => {}
            _ => {
                newest = newest.max(Some(unit));
                let (inputs, fingerprint, is_forced) = (named(&inputs), *fingerprint, request.force);
                work.insert(unit, Work { unit, fingerprint, inputs, bytes, is_forced, incomplete });
            }
        }
    }
    let is_whole_view = request.from.is_none() && request.to.is_none();
    let published = table.published_version().into_iter().flat_map(|published| published.units.keys());
    let gone = published.filter(|unit| !units.expected.contains_key(unit) && **unit != Unit::Whole);
    // Where no day is left at all, the lake has gone away rather than its days.
    let gone = match is_whole_view && !units.expected.is_empty() && !units.expected.contains_key(&Unit::Whole)
    {
        true => gone.copied().collect(),
        false => BTreeSet::new(),
    };
    let trigger = request.trigger;
    let states = planned.iter().map(|unit| (unit.unit, unit.state)).collect();
    let view = Surveyed { id: id.clone(), view: Arc::clone(&view), work, newest, trigger, states, gone };
    Ok(Looked { view, waiting, planned })
}

fn waits(view: &TableId, unit: Unit, error: String) -> UnitOutcome {
    let (rows, bytes, duration) = (0, 0, Duration::ZERO);
    let warning = String::new();
    UnitOutcome { view: view.clone(), unit, end: End::Waiting, rows, bytes, duration, error, warning }
}

/// The state of a unit in words, and why it is in it. `stale` and `missing` units are to be refreshed now.
#[expect(clippy::too_many_arguments, reason = "it is one decision, and each of these may decide it")]
async fn decide(
    unit: Unit,
    freshness: &Freshness,
    expected: &Result<Fingerprint, String>,
    request: &Request,
    failures: &Failures,
    readiness: &Readiness<'_>,
    inputs: &[UnitInput],
    now: DateTime<Utc>,
) -> (&'static str, String) {
    let fingerprint = match expected {
        Ok(fingerprint) => *fingerprint,
        Err(reason) => return ("waiting", reason.clone()),
    };
    let (state, reason) = match freshness {
        Freshness::Fresh if request.force => ("stale", "it is fresh, and FORCE is asked for".to_owned()),
        Freshness::Fresh => return ("fresh", String::new()),
        Freshness::Stale | Freshness::Held => ("stale", "its definition or its sources changed".to_owned()),
        Freshness::Missing => ("missing", "it was never published".to_owned()),
    };
    if request.trigger == Trigger::Manual {
        return (state, reason);
    }
    if let Some(failure) = failures.get(&unit).filter(|failure| failure.defers(fingerprint, now)) {
        let again = match failure.next_at() {
            Some(next) => format!("; tried again at {}", next.format("%Y-%m-%d %H:%M:%S UTC")),
            None => "; tried again when its sources change, or by REFRESH".to_owned(),
        };
        return ("failed", format!("{}{again}", failure.text));
    }
    match readiness.of(inputs).await {
        Ok(()) => (state, reason),
        Err(waits_for) => ("waiting", waits_for),
    }
}

/// The views that a request is for.
fn wanted(shared: &Shared, request: &Request) -> Vec<TableId> {
    if let Some(id) = &request.view {
        return vec![id.clone()];
    }
    let follows_change =
        |materialized: &Materialized| !materialized.inactive && materialized.refresh == Refresh::OnChange;
    let snapshot = shared.views.snapshot();
    let views = snapshot.views.iter().filter(|(_, view)| {
        let definition = view.definition.as_ref().ok();
        definition.and_then(|definition| definition.materialized.as_ref()).is_some_and(follows_change)
    });
    views.map(|(id, _)| id.clone()).collect()
}

/// The inputs of a unit, for people: a short digest of each source day.
fn named(inputs: &[UnitInput]) -> String {
    let mut by_table = Map::new();
    for input in inputs.iter().take(INPUTS_NAMED) {
        let day = input.day.and_then(Unit::of_day_number).map_or("all".to_owned(), |day| day.to_string());
        let digest = format!("{:032x}", input.state.digest.hash);
        let of_table = by_table.entry(input.id.to_string()).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(days) = of_table {
            days.insert(day, digest[..12].into());
        }
    }
    if inputs.len() > INPUTS_NAMED {
        by_table.insert("and more".into(), (inputs.len() - INPUTS_NAMED).into());
    }
    Value::Object(by_table).to_string()
}

impl Tried {
    fn has(&self, id: &TableId, unit: Unit, fingerprint: Fingerprint) -> bool {
        self.0.contains(&(id.clone(), unit, fingerprint))
    }
}
