//! When a job runs: at fixed times, in any time zone, after a failure, or when it is asked to.
//!
//! It knows names, times and functions to call; nothing of what the jobs do. What is asked for twice before it
//! begins is done once; what is asked for while it runs is done once more. A job is in one run at most:
//!
//! ```text
//! resting ── its time, a retry, an activation ──▶ waiting ── a free place ──▶ running ──▶ resting
//!                                                    ▲                          │ asked for meanwhile
//!                                                    └──────────────────────────┘
//! ```

pub mod schedule;

mod turn;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock::Clock;
use schedule::Schedule;
use turn::State;

/// How often the scheduler shows that it is alive, at least.
pub const HEARTBEAT: Duration = Duration::from_secs(30);

/// What a job does: a future for each run. An error is a text for people.
pub type Work = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Jobs and their times. Clones are the same scheduler.
#[derive(Clone)]
pub struct Scheduler {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    /// Most jobs that run at once.
    at_once: usize,
    state: Mutex<State>,
    /// Wakes the scheduler: there are other jobs, or other activations.
    wake: Notify,
    /// Tells those who wait that a run began or ended.
    changed: watch::Sender<()>,
    /// What whoever watches it has found.
    is_dead: AtomicBool,
}

/// How a job is.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// When it runs next by its schedule, or after a failure.
    pub next: Option<DateTime<Utc>>,
    /// It was asked for and has not begun.
    pub waits: bool,
    /// When the present run began.
    pub running_since: Option<DateTime<Utc>>,
    /// How its last run ended.
    pub last: Option<Outcome>,
    /// How many runs failed since one went well.
    pub failures: u32,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended.
    pub finished: DateTime<Utc>,
    /// What went wrong.
    pub error: Option<String>,
}

/// An activation, to wait for.
#[derive(Debug)]
pub struct Activation {
    scheduler: Scheduler,
    job: String,
    number: u64,
}

impl Scheduler {
    /// A scheduler without jobs. It runs nothing before [`Self::run`].
    pub fn new(clock: Clock, at_once: usize) -> Self {
        let state = Mutex::new(State::new(clock.now()));
        let (wake, changed) = (Notify::new(), watch::Sender::new(()));
        let (at_once, is_dead) = (at_once.max(1), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { clock, at_once, state, wake, changed, is_dead }) }
    }

    /// Adds a job, or gives it another schedule and work. A schedule that stays the same keeps its next time.
    pub fn put(&self, name: &str, schedule: Schedule, work: Work) {
        let now = self.shared.clock.now();
        self.shared.state().put(name, schedule, work, now);
        self.shared.wake.notify_one();
    }

    /// Forgets a job. A run that has begun goes on to its end.
    pub fn remove(&self, name: &str) {
        self.shared.state().remove(name);
        self.shared.wake.notify_one();
        self.shared.changed.send_replace(());
    }

    /// Asks for a run as soon as there is a place. None: there is no such job.
    pub fn activate(&self, name: &str) -> Option<Activation> {
        let number = self.shared.state().job(name)?.ask();
        self.shared.wake.notify_one();
        Some(Activation { scheduler: self.clone(), job: name.to_owned(), number })
    }

    /// How all jobs are, by name.
    pub fn status(&self) -> Vec<Status> {
        self.shared.state().status()
    }

    /// When a job runs next by its schedule, or after a failure. None: only when it is asked to, or there is none.
    pub fn next(&self, name: &str) -> Option<DateTime<Utc>> {
        self.shared.state().job(name)?.next()
    }

    /// When the scheduler last looked at its jobs. One that has not for minutes is dead.
    pub fn heartbeat(&self) -> DateTime<Utc> {
        self.shared.state().heartbeat
    }

    /// Whether it is dead, as whoever watches it has found.
    pub fn is_dead(&self) -> bool {
        self.shared.is_dead.load(Ordering::Relaxed)
    }

    /// Notes whether it is dead, for those who ask.
    pub fn note_dead(&self, is_dead: bool) {
        self.shared.is_dead.store(is_dead, Ordering::Relaxed);
    }

    /// Waits until all that is due now has been done.
    pub async fn settle(&self) {
        let mut changed = self.shared.changed.subscribe();
        while !self.shared.state().is_settled(self.shared.clock.now()) {
            changed.changed().await.expect("the scheduler is borrowed here");
        }
    }

    /// Runs jobs at their times until it is told to stop; then waits for the runs that have begun.
    pub async fn run(&self, stop: CancellationToken) {
        let mut runs = JoinSet::new();
        while !stop.is_cancelled() {
            let now = self.shared.clock.now();
            let (ready, next) = self.shared.state().turn(now, self.shared.at_once);
            for (name, work) in ready {
                runs.spawn(self.clone().run_once(name, work));
            }
            self.shared.changed.send_replace(());
            let beat = now + TimeDelta::from_std(HEARTBEAT).expect("it is short");
            let next = next.map_or(beat, |next| next.min(beat));
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.shared.wake.notified() => {}
                () = self.shared.clock.until(next) => {}
                Some(_) = runs.join_next() => {}
            }
        }
        info!(runs = runs.len(), "the scheduler stops");
        while runs.join_next().await.is_some() {}
    }

    async fn run_once(self, name: String, work: Work) {
        // A panic is the job's own failure, and no other job's.
        let done = std::panic::AssertUnwindSafe(async { work().await }).catch_unwind().await;
        let error = match done {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some("it panicked; the log tells where".to_owned()),
        };
        if let Some(error) = &error {
            warn!(job = name, error, "job failed");
        }
        let outcome = if error.is_none() { "done" } else { "failed" };
        metrics::counter!("lakefront_jobs_total", "outcome" => outcome).increment(1);
        let now = self.shared.clock.now();
        self.shared.state().end(&name, now, error);
        self.shared.changed.send_replace(());
    }
}

impl Activation {
    /// Waits until a run that began after the activation has ended; answers how. A job that is removed meanwhile
    /// is an error. Cancel-safe; the run goes on when nobody waits for it.
    pub async fn done(self) -> Result<(), String> {
        let mut changed = self.scheduler.shared.changed.subscribe();
        loop {
            match self.scheduler.shared.state().job(&self.job) {
                None => return Err(format!("the job {} is not there any more", self.job)),
                Some(entry) => {
                    if let Some(outcome) = entry.outcome_of(self.number) {
                        return outcome;
                    }
                }
            }
            changed.changed().await.expect("the scheduler is held here");
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.status()).finish()
    }
}

#[cfg(test)]
mod tests;
