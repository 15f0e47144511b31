//! Makes the units of materialized views true: finds what is stale, computes it, checks it, publishes it.
//!
//! Nothing is remembered between two runs: what is to do follows from the lake and from what is published, so
//! that a run may die anywhere and the next one goes on. It must not know when runs are due.
//!
//! ```text
//! run ─→ survey: which units are not fresh, and may be refreshed now ──→ none: done
//!  ↑        │      units that another refresh is at: wait for it, when somebody asked ──┐
//!  ├────────┼──────────────────────────────────────────────────────────────────────────┘
//!  ↑        └─→ wave: the newest unit of every view, or else some older ones ─→ batches at once ─┐
//!  └──── views that read others may have become ready: look again ←──────────────────────────────┘
//! ```

mod batch;
mod handle;
pub mod lease;
mod others;
pub mod process;
mod ready;
pub mod request;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{error, info};

use self::batch::Batch;
use self::lease::Leases;
use self::others::Others;
use self::request::{End, Outcome, Planned, Request, Trigger, UnitOutcome};
use self::survey::Survey;
use crate::catalog::{Catalog, TableId};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::session::Engine;
use crate::views::Views;
use crate::views::published::{Fingerprint, Unit};

/// Refreshes views; one for the server. Cheap to clone.
#[derive(Clone)]
pub struct Refresher {
    shared: Arc<Shared>,
}

/// What all refreshes share.
struct Shared {
    engine: Arc<Engine>,
    catalog: Arc<Catalog>,
    views: Arc<Views>,
    leases: Leases,
    clock: Clock,
    /// Batches at once.
    at_once: usize,
    /// How long a refresh that somebody asked for waits for others.
    wait: Duration,
    /// Units are computed by the engine's threads; their rows are written by these.
    threads: Option<tokio::runtime::Runtime>,
    /// What is at work now: to stop it.
    at_work: Mutex<AtWork>,
    /// Runs that nobody waits for.
    started: TaskTracker,
    /// The server stops: no further batch begins.
    stopped: CancellationToken,
    /// How far the run is that follows changes, or how far the last one came.
    progress: watch::Sender<Progress>,
    /// Views whose units are counted in the metrics.
    counted: Mutex<BTreeSet<TableId>>,
    /// Who keeps the times of views tells them.
    times: OnceLock<NextTime>,
}

/// Tells when a view is next refreshed by its schedule.
type NextTime = Box<dyn Fn(&TableId) -> Option<DateTime<Utc>> + Send + Sync>;

/// Runs at once that nobody waits for.
const STARTED_MAX: usize = 100;

/// How far a run is: batches and units that are done, units that are still to do.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Units that are done, well or badly.
    pub done: u64,
    /// Units that are known to be still to do.
    pub left: u64,
    /// The other refresh that it waits for now, for people.
    pub waits_for: Option<String>,
    /// The run has ended.
    pub over: bool,
}

impl Refresher {
    /// A refresher within the config's limits.
    pub fn new(
        config: &Config,
        engine: Arc<Engine>,
        catalog: Arc<Catalog>,
        views: Arc<Views>,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let at_once = config.refreshes_at_once.max(1);
        let threads = tokio::runtime::Builder::new_multi_thread()
            .thread_name("refresh")
            .worker_threads(at_once)
            .enable_all()
            .build()?;
        let leases = Leases::new(views.warehouse.root(), clock.clone());
        let shared = Shared {
            engine,
            catalog,
            views,
            leases,
            clock,
            at_once,
            wait: config.refresh_wait.0,
            threads: Some(threads),
            at_work: Mutex::default(),
            started: TaskTracker::new(),
            stopped: CancellationToken::new(),
            progress: watch::Sender::default(),
            counted: Mutex::default(),
            times: OnceLock::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Refreshes what a request asks for, wave after wave, until nothing is left that can be.
    pub async fn run(&self, request: &Request, tell: impl Fn(Progress)) -> Outcome {
        let began = Instant::now();
        let tell = |progress: Progress| {
            if request.view.is_none() {
                self.shared.progress.send_replace(progress.clone());
            }
            tell(progress);
        };
        let mut outcome = Outcome::default();
        let mut tried = Tried::default();
        // What follows changes looks again soon. Whoever asked wants to know how it ends, and a schedule's next time is far.
        let mut others = Others::new(request.trigger != Trigger::Change, self.shared.wait);
        while !self.shared.stopped.is_cancelled() {
            let survey = Survey::of(&self.shared, request, &tried).await;
            if request.view.is_none() {
                survey.count(&self.shared);
            }
            if tried.0.is_empty() {
                survey.retract(&self.shared).await;
            }
            outcome.units.extend(others.ended(&survey, &mut tried));
            let wave = survey.wave();
            let done = tried.0.len() as u64 - others.count();
            let now = Progress { done, left: survey.left() + others.count(), ..Progress::default() };
            tell(now.clone());
            outcome.problems.clone_from(&survey.problems);
            if wave.is_empty() {
                if let Some(holder) = others.first() {
                    tell(Progress { waits_for: Some(holder), ..now });
                    if others.wait(&self.shared).await {
                        others.forget(&self.shared, &mut tried);
                        continue;
                    }
                }
                outcome.units.extend(survey.waiting);
                break;
            }
            let work = stream::iter(wave).map(|batch| self.work(batch));
            let mut batches = work.buffer_unordered(self.shared.at_once);
            while let Some(finished) = batches.next().await {
                tried.0.extend(finished.keys.iter().cloned());
                outcome.units.extend(others.take(finished));
                let now_done = tried.0.len() as u64 - others.count();
                let left = (now.done + now.left).saturating_sub(now_done);
                tell(Progress { done: now_done, left, ..Progress::default() });
            }
            // Who wants a refresh to stop means all that is left of it.
            if request.view.is_some() && outcome.count(End::Cancelled) > 0 {
                break;
            }
        }
        let done = tried.0.len() as u64 - others.count();
        outcome.units.extend(others.given_up());
        tell(Progress { done, over: true, ..Progress::default() });
        outcome.duration = began.elapsed();
        outcome
    }

    /// Begins to refresh; nobody waits for it. Why it does not, otherwise.
    pub fn start(&self, request: Request) -> Result<(), String> {
        if self.shared.started.len() >= STARTED_MAX {
            return Err(format!("{STARTED_MAX} refreshes that were asked for have not ended yet"));
        }
        let refresher = self.clone();
        let run = async move {
            let outcome = refresher.run(&request, |_| ()).await;
            let (published, failed) = (outcome.count(End::Published), outcome.count(End::Failed));
            info!(published, failed, "a refresh that was asked for has ended");
        };
        tokio::spawn(self.shared.started.track_future(run));
        Ok(())
    }

    /// Stops what is being refreshed of a view, and what waits for other refreshes of it. How many were stopped.
    pub fn cancel(&self, view: &TableId) -> u64 {
        let at_work = self.shared.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let of_view = at_work.batches.values().filter(|(id, _)| id == view);
        of_view.map(|(_, stop)| stop.cancel()).count() as u64
    }

    /// What a request for one view would do.
    pub async fn explain(&self, request: &Request) -> Result<Vec<Planned>, String> {
        let survey = Survey::of(&self.shared, request, &Tried::default()).await;
        match survey.problems.into_iter().next() {
            Some((_, problem)) => Err(problem),
            None => Ok(survey.planned),
        }
    }

    /// How far the run is that follows changes, or how far the last one came.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// Takes who knows when views are refreshed by their schedules; the first one stays.
    pub fn ask_times_of(&self, next: impl Fn(&TableId) -> Option<DateTime<Utc>> + Send + Sync + 'static) {
        let _ = self.shared.times.set(Box::new(next));
    }

    /// Stops: what is at work is abandoned before it is published, and nothing new begins.
    pub async fn stop(&self) {
        self.shared.stopped.cancel();
        self.shared.started.close();
        self.shared.started.wait().await;
    }

    /// One batch, on the threads of refreshes. Dropping it stops it.
    async fn work(&self, batch: Batch) -> batch::Finished {
        let stop = self.shared.stopped.child_token();
        let (id, keys) = (batch.id().clone(), batch.keys());
        let _noted = Noted::begin(&self.shared, &id, &stop);
        let shared = Arc::clone(&self.shared);
        let threads = self.shared.threads.as_ref().expect("the threads live as long as the refresher");
        let work = async move { batch.refresh(&shared, &stop).await };
        let task = AbortOnDropHandle::new(threads.spawn(work));
        match task.await {
            Ok(finished) => finished,
            Err(panic) => {
                // A batch that panics is one failure, told once.
                error!(view = %id, %panic, "a refresh ended badly");
                let failed = |(view, unit, _): &Key| UnitOutcome {
                    view: view.clone(),
                    unit: *unit,
                    end: End::Failed,
                    rows: 0,
                    bytes: 0,
                    duration: Duration::ZERO,
                    error: "internal error".to_owned(),
                    warning: String::new(),
                };
                batch::Finished { units: keys.iter().map(failed).collect(), keys, left_to: None }
            }
        }
    }
}

/// What a run has tried: nothing is tried twice with the same inputs.
#[derive(Debug, Default)]
struct Tried(BTreeSet<Key>);

/// A unit as it would be made now.
type Key = (TableId, Unit, Fingerprint);

/// The batches that are at work.
#[derive(Debug, Default)]
struct AtWork {
    batches: BTreeMap<u64, (TableId, CancellationToken)>,
    begun: u64,
}

/// Notes that a batch is at work, as long as it lives.
struct Noted<'a> {
    shared: &'a Shared,
    number: u64,
}

impl<'a> Noted<'a> {
    fn begin(shared: &'a Shared, id: &TableId, stop: &CancellationToken) -> Self {
        let mut at_work = shared.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.begun += 1;
        let number = at_work.begun;
        at_work.batches.insert(number, (id.clone(), stop.clone()));
        Self { shared, number }
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        let mut at_work = self.shared.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work.batches.remove(&self.number);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            // A runtime must not be waited for where it is dropped, which may be one of its own threads.
            threads.shutdown_background();
        }
    }
}

impl fmt::Debug for Refresher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Refresher").field("at_once", &self.shared.at_once).finish_non_exhaustive()
    }
}
