//! Tells people how the views are: what is kept of what they were told is compared with what is. It must not know how
//! messages are sent, nor how views are refreshed.
//!
//! One server of a warehouse tells, the one that holds a lease; when it dies, another one goes on.
//!
//! ```text
//! run ─→ hold the lease ─→ observe: failures, recoveries, late days, the day's summary
//!           │ another's          ↓ what is new
//!           └─ nothing      keep it in the warehouse ─→ post it ─→ wait a little ─→ keep what has arrived
//!                                └─ another server was faster: look again the next time
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use tracing::{debug, warn};

use super::due::{due_at, fell_due};
use super::servers::Servers;
use super::told::{Told, ToldFile};
use crate::catalog::TableId;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::lake::{self, durable};
use crate::notify::{Event, Letter, Notifier, Summary};
use crate::refresh::Refresher;
use crate::refresh::lease::{Lease, Leases, RENEWAL, Taken};
use crate::scheduler::schedule::{Period, Schedule, default_anchor, instant};
use crate::views::Views;
use crate::views::definition::Materialized;
use crate::views::runs::State;
use crate::views::state::UnitState;

/// How long a run waits for messages to arrive, in time that passes; those that have not are looked at the next time.
const PATIENCE: Duration = Duration::from_secs(10);
/// States of a unit that people should hear of in the summary.
const NOT_FRESH: [&str; 4] = ["failed", "stale", "missing", "waiting"];

/// Tells people how the views of a warehouse are.
#[derive(Debug)]
pub struct Notices {
    refresher: Refresher,
    views: Arc<Views>,
    notifier: Notifier,
    clock: Clock,
    summary: Option<config::Summary>,
    leases: Leases,
    servers: Servers,
    file: ToldFile,
    turn: tokio::sync::Mutex<Turn>,
}

/// What this server knows while it is its turn to tell.
#[derive(Debug, Default)]
struct Turn {
    lease: Option<(Lease, DateTime<Utc>)>,
    /// What was told, and its version. None: another server may have told something since.
    known: Option<(u64, Told)>,
}

/// A view that fails: what of it, and why.
type Failing = (String, String);

impl Notices {
    /// The notices of a server.
    pub fn new(
        config: &Config,
        refresher: Refresher,
        views: Arc<Views>,
        notifier: Notifier,
        clock: Clock,
    ) -> Self {
        let leases = Leases::new(views.warehouse.root(), clock.clone());
        let servers = Servers::new(views.warehouse.root(), clock.clone());
        let file = ToldFile::new(views.warehouse.root());
        let (summary, turn) = (config.summary, Default::default());
        Self { refresher, views, notifier, clock, summary, leases, servers, file, turn }
    }

    /// Tells what is new. `problems` are views that could not be looked at, and why.
    pub async fn run(&self, problems: &BTreeMap<TableId, String>) {
        if let Err(error) = self.servers.beat().await {
            warn!(%error, "cannot leave a sign of life for other servers");
        }
        if self.notifier.is_deaf() {
            return;
        }
        let mut turn = self.turn.lock().await;
        if let Err(error) = self.tell(&mut turn, problems).await {
            warn!(%error, "cannot keep what people are told; it is told when that works again");
        }
    }

    /// Keeps what has arrived, and leaves the rest to the next server.
    pub async fn end(&self) {
        let mut turn = self.turn.lock().await;
        if let Err(error) = self.settle(&mut turn).await {
            warn!(%error, "cannot keep which messages have arrived");
        }
        self.notifier.withdraw();
        if let Err(error) = self.servers.leave().await {
            warn!(%error, "cannot take back this server's sign of life");
        }
        if let Some((lease, _)) = turn.lease.take()
            && let Err(error) = lease.give_back().await
        {
            warn!(%error, "cannot give back a lease");
        }
    }

    async fn tell(&self, turn: &mut Turn, problems: &BTreeMap<TableId, String>) -> lake::Result<()> {
        if !self.hold(turn).await? {
            return Ok(());
        }
        let Some((_, before)) = &turn.known else { return Ok(()) };
        let mut told = before.clone();
        let mut events = self.failures(&mut told, problems).await;
        events.extend(self.late(&mut told).await);
        events.extend(self.summary(&mut told).await);
        let silent = self.servers.silent().await?;
        events.extend(silent.iter().map(|silent| {
            warn!(server = silent.server, seen_at = %silent.seen_at, "another server has not been seen for a while");
            Event::ServerSilent { server: silent.server.clone(), seen_at: silent.seen_at }
        }));
        let at = self.clock.now();
        let mut letters = vec![];
        for event in events {
            if let Event::Late { .. } = &event {
                metrics::counter!("lakefront_days_late_total").increment(1);
            }
            let to = self.notifier.wanting(&event);
            if !to.is_empty() {
                let letter = Letter { id: durable::unique(), event, at, to };
                told.add(letter.clone());
                letters.push(letter);
            }
        }
        metrics::gauge!("lakefront_views_failing").set(told.failing.len() as f64);
        // What is not kept is not told: the next run finds it again.
        if self.keep(turn, told).await? {
            letters.iter().for_each(|letter| self.notifier.post(letter));
            for silent in &silent {
                self.servers.forget(silent).await?;
            }
            self.settle(turn).await?;
        }
        Ok(())
    }

    /// Whether it is this server's turn to tell.
    async fn hold(&self, turn: &mut Turn) -> lake::Result<bool> {
        let now = self.clock.now();
        if let Some((lease, renewed_at)) = &mut turn.lease {
            let renewal = TimeDelta::from_std(RENEWAL).expect("it is short");
            if (TimeDelta::zero()..renewal).contains(&(now - *renewed_at)) {
                return Ok(true);
            }
            if lease.renew().await? {
                *renewed_at = now;
                return Ok(true);
            }
            turn.lease = None;
        }
        let Taken::Ours(lease) = self.leases.take("_lakefront", "notices", "all").await? else {
            // Another server sends what this one has not.
            turn.known = None;
            self.notifier.withdraw();
            metrics::gauge!("lakefront_views_failing").set(0.0);
            return Ok(false);
        };
        turn.lease = Some((*lease, now));
        let (number, told) = self.file.newest().await?;
        if turn.known.as_ref().is_none_or(|(known, _)| *known != number) {
            debug!(letters = told.letters.len(), "this server tells people how the views are");
            self.notifier.withdraw();
            told.letters.iter().for_each(|letter| self.notifier.post(letter));
            turn.known = Some((number, told));
        }
        Ok(true)
    }

    /// Keeps what was told. False: another server has told something since.
    async fn keep(&self, turn: &mut Turn, told: Told) -> lake::Result<bool> {
        let Some((number, before)) = &turn.known else { return Ok(false) };
        if *before == told {
            return Ok(true);
        }
        let next = number + 1;
        if !self.file.keep(next, &told).await? {
            *turn = Turn::default();
            self.notifier.withdraw();
            return Ok(false);
        }
        turn.known = Some((next, told));
        Ok(true)
    }

    /// Waits a little until letters arrive, and keeps of each that it has.
    async fn settle(&self, turn: &mut Turn) -> lake::Result<()> {
        let mut outboxes = self.notifier.watch();
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        loop {
            self.keep_arrived(turn).await?;
            let waits = turn.known.as_ref().is_some_and(|(_, told)| !told.letters.is_empty());
            if !waits || self.notifier.is_settled() {
                return Ok(());
            }
            tokio::select! {
                () = outboxes.changed() => {}
                () = &mut patience => return Ok(()),
            }
        }
    }

    /// Keeps of each letter that it has arrived as soon as it has: a server that dies in between sends it again.
    pub async fn keep_arrivals(&self) {
        let mut outboxes = self.notifier.watch();
        loop {
            outboxes.changed().await;
            if let Err(error) = self.keep_arrived(&mut *self.turn.lock().await).await {
                warn!(%error, "cannot keep which messages have arrived");
            }
        }
    }

    async fn keep_arrived(&self, turn: &mut Turn) -> lake::Result<()> {
        let Some((_, told)) = &turn.known else { return Ok(()) };
        let mut told = told.clone();
        told.letters.retain_mut(|letter| {
            letter.to = self.notifier.left(letter);
            !letter.to.is_empty()
        });
        self.keep(turn, told).await.map(drop)
    }

    /// The first failure of each view's streak, and the end of streaks: when no unit of the view fails any more.
    async fn failures(&self, told: &mut Told, problems: &BTreeMap<TableId, String>) -> Vec<Event> {
        let (mut events, mut there) = (vec![], BTreeSet::new());
        for (id, view) in &self.views.snapshot().views {
            let name = id.to_string();
            let is_refreshed = match &view.definition {
                Ok(view) => view.materialized.as_ref().is_some_and(|view| !view.inactive),
                Err(_) => true,
            };
            if !is_refreshed {
                continue;
            }
            there.insert(name.clone());
            let was_failing = told.failing.contains_key(&name);
            let failing = match &view.definition {
                Err(error) => Some((String::new(), error.to_string())),
                Ok(_) => match self.failing(id, was_failing || problems.contains_key(id)).await {
                    Ok(failing) => failing,
                    Err(error) => {
                        // Neither good news nor bad.
                        debug!(view = %id, %error, "cannot see whether a view fails");
                        continue;
                    }
                },
            };
            match (failing, told.failing.get(&name).copied()) {
                (Some((unit, error)), None) => {
                    told.failing.insert(name.clone(), self.clock.now());
                    events.push(Event::Failed { view: name, unit, error });
                }
                (None, Some(failed_since)) => {
                    told.failing.remove(&name);
                    events.push(Event::Recovered { view: name, failed_since });
                }
                _ => {}
            }
        }
        // A view that was dropped or switched off has nothing to tell.
        told.failing.retain(|view, _| there.contains(view));
        events
    }

    /// Whether a view fails. It is looked at as a whole only when there is a sign of it.
    async fn failing(&self, id: &TableId, is_suspect: bool) -> lake::Result<Option<Failing>> {
        let log = self.views.warehouse.view(&id.database, &id.name);
        if log.failures().read().await?.is_empty() && !is_suspect {
            return Ok(None);
        }
        Ok(match self.refresher.states(id).await {
            Err(problem) => Some((String::new(), problem)),
            // The newest one matters most.
            Ok(units) => units
                .into_iter()
                .rev()
                .find(|unit| !unit.error.is_empty())
                .map(|unit| (unit.unit, unit.error)),
        })
    }

    /// Days that are not there although they were due.
    async fn late(&self, told: &mut Told) -> Vec<Event> {
        let (now, mut events) = (self.clock.now(), vec![]);
        let mut watched = BTreeSet::new();
        for (id, materialized) in self.active() {
            let Some(due) = &materialized.due else { continue };
            let name = id.to_string();
            watched.insert(name.clone());
            // What was due before anybody asked for it is nobody's disappointment.
            let after = *told.due_until.entry(name.clone()).or_insert(now);
            let days = fell_due(due, after, now);
            let Some((_, newest)) = days.last() else { continue };
            let units = match self.refresher.states(&id).await {
                Ok(units) => units,
                // That is told as a failure; which days are late is told when they can be seen.
                Err(_) => continue,
            };
            told.due_until.insert(name.clone(), *newest);
            for (day, due) in days {
                if materialized.start.is_some_and(|start| day < start) {
                    continue;
                }
                if let Some((unit, reason)) = is_missed(&units, day) {
                    events.push(Event::Late { view: name.clone(), unit, due, reason });
                }
            }
        }
        told.due_until.retain(|view, _| watched.contains(view));
        events
    }

    /// What happened on the last day, when it is time to tell it. Times that were missed are one.
    async fn summary(&self, told: &mut Told) -> Option<Event> {
        let config::Summary { at, time_zone } = self.summary?;
        let (now, zone) = (self.clock.now(), time_zone.0);
        let last = *told.summary_at.get_or_insert(now);
        let anchor = default_anchor().date().and_time(at.0);
        let times = Schedule::Every { period: Period::Days(1), anchor, zone };
        // Of a longer absence only the end is looked at.
        let mut time = times.next_after(last.max(now - TimeDelta::days(2)))?;
        if time > now {
            return None;
        }
        while let Some(next) = times.next_after(time).filter(|next| *next <= now) {
            time = next;
        }
        let day = time.with_timezone(&zone).date_naive() - Days::new(1);
        let midnight = |day: NaiveDate| instant(day.and_time(chrono::NaiveTime::MIN), zone);
        let (begin, end) = (midnight(day)?, midnight(day + Days::new(1))?);
        told.summary_at = Some(time);
        Some(Event::Summary(self.summary_of(day, begin, end).await))
    }

    async fn summary_of(&self, day: NaiveDate, begin: DateTime<Utc>, end: DateTime<Utc>) -> Summary {
        let runs = self.views.warehouse.runs();
        if let Err(error) = runs.read_new().await {
            warn!(%error, "cannot read what was refreshed");
        }
        let of_day = |time: DateTime<Utc>| (begin..end).contains(&time);
        let failures =
            runs.recent().iter().filter(|run| of_day(run.finished_at) && run.state == State::Failed).count();
        let mut summary = Summary { day, failures: failures as u64, ..Summary::default() };
        for (id, materialized) in self.active() {
            summary.views += 1;
            let units = match self.refresher.states(&id).await {
                Ok(units) => units,
                Err(problem) => {
                    summary.not_fresh.push(format!("{id}: {problem}"));
                    continue;
                }
            };
            for unit in units.iter().filter(|unit| unit.published_at.is_some_and(of_day)) {
                summary.published += 1;
                summary.rows += unit.rows.unwrap_or(0);
                summary.bytes += unit.bytes.unwrap_or(0);
            }
            // A day that is due, and of which there is nothing, is no unit yet.
            let is_due = materialized.due.as_ref().and_then(|due| due_at(due, day));
            let is_due = is_due.is_some_and(|due| due <= self.clock.now())
                && materialized.start.is_none_or(|start| start <= day);
            let late = || is_missed(&units, day).filter(|_| is_due).map(|(day, why)| format!("{day}: {why}"));
            summary
                .not_fresh
                .extend(not_fresh(&units, day).or_else(late).map(|told| format!("{id}: {told}")));
        }
        summary
    }

    /// The materialized views that are switched on.
    fn active(&self) -> Vec<(TableId, Materialized)> {
        let snapshot = self.views.snapshot();
        let active = snapshot.views.iter().filter_map(|(id, view)| {
            let materialized = view.definition.as_ref().ok()?.materialized.as_ref()?;
            (!materialized.inactive).then(|| (id.clone(), materialized.clone()))
        });
        active.collect()
    }
}

/// The unit that should have the rows of a day, and why it has not; None when it has.
fn is_missed(units: &[UnitState], day: NaiveDate) -> Option<(String, String)> {
    let has_day = |unit: &&UnitState| unit.days.is_none_or(|(first, last)| (first..=last).contains(&day));
    let unit = units.iter().find(has_day);
    match unit {
        Some(unit) if unit.state == "fresh" => None,
        Some(unit) if unit.state == "running" => {
            Some((unit.unit.clone(), "it is being refreshed".to_owned()))
        }
        Some(unit) => Some((unit.unit.clone(), unit.reason.clone())),
        None => Some((day.to_string(), "nothing that it reads has this day yet".to_owned())),
    }
}

/// How many units up to a day are in which state that they should not be in, and why the newest of them is.
fn not_fresh(units: &[UnitState], day: NaiveDate) -> Option<String> {
    // The days that go on are not expected to be there.
    let units = units.iter().filter(|unit| unit.days.is_none_or(|(first, _)| first <= day));
    let mut counts = NOT_FRESH.map(|state| (state, 0_u64));
    let mut newest = None;
    for unit in units {
        if let Some((_, count)) = counts.iter_mut().find(|(state, _)| *state == unit.state) {
            *count += 1;
            newest = Some(unit);
        }
    }
    let UnitState { unit, reason, .. } = newest?;
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(state, count)| format!("{count} {state}")).collect();
    Some(format!("{} ({unit}: {reason})", counts.join(", ")))
}
