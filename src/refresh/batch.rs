//! Some units of one view: leased, computed, checked, published, and written down. It must not know why these units
//! were chosen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::Schema;
use chrono::{DateTime, NaiveDate, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::lease::{Holder, Lease, RENEWAL, Taken};
use super::request::{End, Trigger, UnitOutcome};
use super::{Key, Shared};
use crate::catalog::TableId;
use crate::engine;
use crate::engine::views::OpenView;
use crate::lake::output::{Day, Output};
use crate::lake::{self, durable};
use crate::views::definition::DependencyKind;
use crate::views::failures::Failed;
use crate::views::publish::{Change, Columns, Done};
use crate::views::published::{Content, Fingerprint, PublishedLog, Unit};
use crate::views::runs::{Run, State};

/// Units with windows that are computed side by side.
const WINDOWS_PER_QUERY: usize = 4;

/// How often it is looked whether another server wants a refresh to stop.
const LOOK: Duration = Duration::from_secs(2);

/// A unit that is to be refreshed.
#[derive(Clone, Debug)]
pub struct Work {
    /// Which.
    pub unit: Unit,
    /// What it will be made from.
    pub fingerprint: Fingerprint,
    /// The same, for people.
    pub inputs: String,
    /// Bytes of its source files.
    pub bytes: u64,
    /// Its files are written anew, even where their rows are the same: they may be lost or damaged.
    pub is_forced: bool,
    /// Why it is made from less than it should be; empty when it is not.
    pub incomplete: String,
}

/// Units of one view that are refreshed together.
#[derive(Debug)]
pub struct Batch {
    id: TableId,
    view: Arc<OpenView>,
    work: Vec<Work>,
    trigger: Trigger,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Finished {
    /// Its units, as they were to be made.
    pub keys: Vec<Key>,
    /// How they ended.
    pub units: Vec<UnitOutcome>,
    /// The refresh that they are left to, when one is at them now.
    pub left_to: Option<Holder>,
}

/// What came of trying some units together.
enum Attempt {
    /// How each ended.
    Ended(Vec<UnitOutcome>),
    /// Another refresh is at them.
    Held(Vec<UnitOutcome>, Holder),
    /// Nothing is published, and each should be tried alone.
    Apart,
}

/// Why units are not published.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// They cannot be computed.
    #[error(transparent)]
    Engine(#[from] engine::error::Error),
    /// They cannot be written or published.
    #[error(transparent)]
    Lake(#[from] lake::Error),
    /// Another refresh is at them.
    #[error("{0} is at it")]
    Held(Holder),
    /// Another server has taken the lease in the meantime.
    #[error("another server took over")]
    LeaseLost,
    /// The query gave rows of a day that was not asked for.
    #[error("its query gave rows of {0}, which was not asked for")]
    Foreign(String),
    /// Somebody wants it to stop.
    #[error("it was cancelled")]
    Cancelled,
}

/// Units that were computed.
struct Computed {
    columns: Columns,
    changes: Vec<Change>,
    peak_memory: u64,
}

impl Batch {
    /// Some units of a view, computed over the inputs that it was opened with.
    pub fn new(id: TableId, view: Arc<OpenView>, work: Vec<Work>, trigger: Trigger) -> Self {
        Self { id, view, work, trigger }
    }

    /// The view.
    pub fn id(&self) -> &TableId {
        &self.id
    }

    /// The units, as they would be made now.
    pub fn keys(&self) -> Vec<Key> {
        self.work.iter().map(|work| (self.id.clone(), work.unit, work.fingerprint)).collect()
    }

    /// Refreshes the units. One that fails does not keep the others from being published.
    pub async fn refresh(self, shared: &Shared, stop: &CancellationToken) -> Finished {
        let mut finished = Finished { keys: self.keys(), units: vec![], left_to: None };
        let together: Vec<&Work> = self.work.iter().collect();
        let mut tries = vec![together];
        while let Some(work) = tries.pop() {
            match self.attempt(shared, stop, &work).await {
                Attempt::Ended(ended) => finished.units.extend(ended),
                Attempt::Held(left, holder) => {
                    finished.units.extend(left);
                    finished.left_to = Some(holder);
                }
                // One of them may be the reason.
                Attempt::Apart => tries.extend(work.into_iter().rev().map(|alone| vec![alone])),
            }
        }
        finished
    }

    /// Tries some units together.
    async fn attempt(&self, shared: &Shared, stop: &CancellationToken, work: &[&Work]) -> Attempt {
        let log = shared.views.warehouse.view(&self.id.database, &self.id.name);
        let mut run = self.new_run(work, shared.clock.now());
        let _running = log.begin(work.iter().map(|work| work.unit).collect());
        let tried = self.leased(shared, &log, work, stop, &mut run).await;
        run.finished_at = shared.clock.now();
        let ended = match tried {
            Err(Error::Held(holder)) => {
                let left = work.iter().map(|work| self.ended(work, &run, End::LeftToOthers, ""));
                return Attempt::Held(left.collect(), holder);
            }
            Ok(ends) => {
                let end_of = |unit: Unit| ends.get(&unit).cloned().unwrap_or((End::Failed, String::new()));
                let ended = work.iter().map(|work| {
                    let (end, error) = end_of(work.unit);
                    self.ended(work, &run, end, &error)
                });
                ended.collect::<Vec<_>>()
            }
            Err(error) if work.len() > 1 && error.is_of_unit() => {
                debug!(view = %self.id, units = work.len(), %error, "units failed together, and are tried alone");
                return Attempt::Apart;
            }
            Err(error) => {
                let end = match error {
                    Error::Cancelled => End::Cancelled,
                    Error::LeaseLost => End::LeftToOthers,
                    _ => End::Failed,
                };
                let text = error.to_string();
                if error.is_of_unit() {
                    let failed = work.iter().map(|work| (work.unit, Some(work.failed(false, &text))));
                    self.note(&log, &failed.collect::<Vec<_>>(), run.finished_at).await;
                }
                work.iter().map(|work| self.ended(work, &run, end, &text)).collect()
            }
        };
        if let Some(bad) = ended.iter().find(|unit| !unit.error.is_empty()) {
            run.error.clone_from(&bad.error);
            run.state = if bad.end == End::Cancelled { State::Cancelled } else { State::Failed };
        }
        self.told(&run, &ended);
        if let Err(error) = shared.views.warehouse.runs().record(run).await {
            warn!(view = %self.id, %error, "cannot write down a refresh");
        }
        Attempt::Ended(ended)
    }

    /// Refreshes units under a lease: how each ended.
    async fn leased(
        &self,
        shared: &Shared,
        log: &PublishedLog,
        work: &[&Work],
        stop: &CancellationToken,
        run: &mut Run,
    ) -> Result<Ends, Error> {
        let lease = match shared.leases.take(&self.id.database, &self.id.name, &lease_name(work)).await? {
            Taken::Ours(lease) => lease,
            Taken::Held(holder) => return Err(Error::Held(holder)),
        };
        let published = tokio::select! {
            published = self.publish(shared, log, work, &lease, run) => published,
            lost = renew(&lease) => Err(lost),
            () = stop.cancelled() => Err(Error::Cancelled),
        };
        if let Err(error) = lease.give_back().await {
            // It ends by itself.
            warn!(view = %self.id, %error, "cannot give back a lease");
        }
        published
    }

    /// Computes, checks and publishes units.
    async fn publish(
        &self,
        shared: &Shared,
        log: &PublishedLog,
        work: &[&Work],
        lease: &Lease,
        run: &mut Run,
    ) -> Result<Ends, Error> {
        let Computed { columns, changes, peak_memory } = self.compute(log, work, shared.clock.now()).await?;
        run.peak_memory = peak_memory;
        for change in &changes {
            let bytes = change.files.iter().map(|file| file.size.unsigned_abs()).sum::<u64>();
            run.rows += change.content.rows;
            run.bytes += bytes;
            run.written.insert(change.unit.to_string(), (change.content.rows, bytes));
        }

        let (mut ends, mut passed) = (Ends::new(), vec![]);
        for change in changes {
            let rows = log.rows_of(&self.id, &columns, &change.files)?;
            match self.view.check(rows).await? {
                None => passed.push(change),
                Some(reason) => {
                    log.discard(&change.files).await;
                    ends.insert(change.unit, (End::Failed, reason));
                }
            }
        }
        if !lease.is_held().await? {
            return Err(Error::LeaseLost);
        }
        let base = self.view.table().published_version();
        let done = log.publish(base.map(Arc::as_ref), &columns, passed, shared.clock.now()).await?;
        ends.extend(done.into_iter().map(|(unit, done)| {
            let end = match done {
                Done::Published => End::Published,
                Done::Same => End::Same,
                Done::ByOther => End::ByOther,
                Done::Overtaken => End::LeftToOthers,
            };
            (unit, (end, String::new()))
        }));
        let held = work.iter().map(|work| match ends.get(&work.unit) {
            Some((End::Failed, reason)) => {
                shared.views.holds.hold(&self.id, work.unit, work.fingerprint);
                (work.unit, Some(work.failed(true, reason)))
            }
            _ => {
                shared.views.holds.release(&self.id, work.unit);
                (work.unit, None)
            }
        });
        self.note(log, &held.collect::<Vec<_>>(), shared.clock.now()).await;
        Ok(ends)
    }

    async fn compute(
        &self,
        log: &PublishedLog,
        work: &[&Work],
        now: DateTime<Utc>,
    ) -> Result<Computed, Error> {
        let units: Vec<Unit> = work.iter().map(|work| work.unit).collect();
        let day = |schema: &Schema| {
            let day = self.view.table().partition_column()?;
            schema.fields().iter().position(|field| field.name().to_lowercase() == day)
        };
        let (mut output, mut peak_memory) = (None, 0);
        for units in units.chunks(self.units_per_query()) {
            let mut rows = self.view.compute(units).await?;
            let output = match &mut output {
                Some(output) => output,
                None => output.insert(Output::new(log.location(), &rows.schema, day(&rows.schema), now)?),
            };
            while let Some(batch) = rows.next().await {
                output.write(&batch?).await?;
            }
            peak_memory = peak_memory.max(rows.peak_memory() as u64);
        }
        let output = output.expect("a batch has units");
        let schema = Arc::clone(output.columns());
        let name = day(&schema).map(|index| schema.field(index).name().clone());
        let columns = Columns { schema, day: name };
        let due: Vec<Option<NaiveDate>> = units.iter().map(|unit| unit.day()).collect();
        let mut days: BTreeMap<Option<NaiveDate>, Day> = output.finish(&due).await?;
        let mut changes = vec![];
        for work in work {
            let Day { files, rows, sum } = days.remove(&work.unit.day()).unwrap_or_default();
            let content = Content { rows, sum };
            let (fingerprint, inputs) = (work.fingerprint, work.inputs.clone());
            let is_forced = work.is_forced;
            changes.push(Change { unit: work.unit, fingerprint, content, inputs, files, is_forced });
        }
        if let Some((day, of_day)) = days.pop_first() {
            log.discard(&of_day.files).await;
            for change in &changes {
                log.discard(&change.files).await;
            }
            return Err(Error::Foreign(day.map_or("no day".to_owned(), |day| day.to_string())));
        }
        Ok(Computed { columns, changes, peak_memory })
    }

    /// Units that one query computes: all of them in one scan, but of a view with windows each is a plan of its own.
    fn units_per_query(&self) -> usize {
        let materialized = self.view.table().definition().materialized.iter();
        let has_windows = materialized
            .flat_map(|view| &view.depends_on)
            .any(|dependency| matches!(dependency.kind, DependencyKind::Window { .. }));
        if has_windows { WINDOWS_PER_QUERY } else { usize::MAX }
    }

    /// Keeps what became of units, for queries, for people, and for the next run.
    async fn note(&self, log: &PublishedLog, ended: &[(Unit, Option<Failed<'_>>)], now: DateTime<Utc>) {
        if let Err(error) = log.failures().note(ended, now).await {
            warn!(view = %self.id, %error, "cannot write down which units failed");
        }
    }

    fn ended(&self, work: &Work, run: &Run, end: End, error: &str) -> UnitOutcome {
        let duration = (run.finished_at - run.started_at).to_std().unwrap_or_default();
        let (rows, bytes) = run.written.get(&work.unit.to_string()).copied().unwrap_or_default();
        let (view, unit, error) = (self.id.clone(), work.unit, error.to_owned());
        let is_published = matches!(end, End::Published | End::Same);
        let warning = if is_published { work.incomplete.clone() } else { String::new() };
        UnitOutcome { view, unit, end, rows, bytes, duration, error, warning }
    }

    fn new_run(&self, work: &[&Work], started_at: DateTime<Utc>) -> Run {
        let definition = self.view.table().definition();
        Run {
            id: durable::unique(),
            database: definition.database.clone(),
            view: definition.name.clone(),
            trigger: self.trigger.to_string(),
            started_at,
            finished_at: started_at,
            state: State::Success,
            units: work.iter().map(|work| work.unit.to_string()).collect(),
            rows: 0,
            bytes: 0,
            written: BTreeMap::new(),
            peak_memory: 0,
            error: String::new(),
        }
    }

    fn told(&self, run: &Run, ended: &[UnitOutcome]) {
        for unit in ended {
            let outcome = match unit.end {
                End::Published => "published",
                End::Same => "unchanged",
                End::ByOther | End::LeftToOthers => "left_to_others",
                End::Failed => "failed",
                End::Cancelled | End::Waiting => "cancelled",
            };
            metrics::counter!("lakefront_refreshed_units_total", "outcome" => outcome).increment(1);
        }
        let seconds = (run.finished_at - run.started_at).as_seconds_f64();
        metrics::histogram!("lakefront_refresh_seconds").record(seconds.max(0.0));
        metrics::counter!("lakefront_refreshed_rows_total").increment(run.rows);
        let published = ended.iter().filter(|unit| unit.end == End::Published);
        let bytes = published.map(|unit| unit.bytes).sum();
        metrics::counter!("lakefront_published_bytes_total").increment(bytes);
        let units = run.units.join(" ");
        match run.state {
            State::Success => {
                info!(view = %self.id, units, rows = run.rows, bytes = run.bytes, seconds, "refreshed");
            }
            State::Cancelled => info!(view = %self.id, units, "refresh cancelled"),
            State::Failed => warn!(view = %self.id, units, error = run.error, "refresh failed"),
        }
    }
}

/// How units ended, and why those that are not published are not.
type Ends = BTreeMap<Unit, (End, String)>;

impl Work {
    fn failed<'a>(&self, held: bool, text: &'a str) -> Failed<'a> {
        Failed { fingerprint: self.fingerprint, held, text }
    }
}

impl Error {
    /// Whether it will fail again unless something changes, and so should wait.
    fn is_of_unit(&self) -> bool {
        match self {
            Self::Engine(error) => !matches!(error, engine::error::Error::Changed(_)),
            Self::Lake(error) => !matches!(error, lake::Error::Changed { .. }),
            Self::Foreign(_) => true,
            Self::Held(_) | Self::LeaseLost | Self::Cancelled => false,
        }
    }
}

/// A lease is of a month: enough to share the work out, few enough to look at.
fn lease_name(work: &[&Work]) -> String {
    match work.first().and_then(|work| work.unit.day()) {
        Some(day) => day.format("%Y-%m").to_string(),
        None => "whole".to_owned(),
    }
}

/// Renews a lease until it is lost, or somebody wants what holds it to stop.
async fn renew(lease: &Lease) -> Error {
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(LOOK).await;
        match lease.is_unwanted().await {
            Ok(true) => return Error::Cancelled,
            Ok(false) => {}
            Err(error) => warn!(%error, "cannot see whether a refresh is to stop"),
        }
        if renewed.elapsed() < RENEWAL {
            continue;
        }
        renewed = Instant::now();
        match lease.renew().await {
            Ok(true) => {}
            Ok(false) => return Error::LeaseLost,
            // The store may be well again before the term is over; the commit looks once more.
            Err(error) => warn!(%error, "cannot renew a lease"),
        }
    }
}
