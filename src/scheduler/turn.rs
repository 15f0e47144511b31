//! What the scheduler knows of its jobs, and what is due at a moment. Pure: it asks no clock and runs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::schedule::Schedule;
use super::{Outcome, Status, Work};

/// How long after a failure a job is tried again; twice as long after each further one.
const RETRY_FIRST: TimeDelta = TimeDelta::seconds(10);
/// And at most so long.
const RETRY_MAX: TimeDelta = TimeDelta::minutes(15);

/// All jobs.
pub struct State {
    /// By name.
    jobs: BTreeMap<String, Entry>,
    /// When a turn was last taken.
    pub heartbeat: DateTime<Utc>,
    /// Runs that have begun and not ended; those of removed jobs among them.
    running: usize,
    /// Counts activations of all jobs: who waits longest comes first.
    order: u64,
}

/// One job.
pub struct Entry {
    schedule: Schedule,
    work: Work,
    /// Its next time by the schedule.
    next: Option<DateTime<Utc>>,
    /// When it is tried again after a failure.
    retry: Option<DateTime<Utc>>,
    /// How often it was asked for, and how often it had been when the last run began, and when it ended.
    asked: u64,
    begun: u64,
    ended: u64,
    /// Its place among those that wait.
    place: Option<u64>,
    running_since: Option<DateTime<Utc>>,
    last: Option<Outcome>,
    failures: u32,
    /// It was removed while it ran, and goes when that run ends.
    leaves: bool,
}

impl State {
    /// No jobs.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self { jobs: BTreeMap::new(), heartbeat: now, running: 0, order: 0 }
    }

    /// Adds a job, or changes it.
    pub fn put(&mut self, name: &str, schedule: Schedule, work: Work, now: DateTime<Utc>) {
        match self.jobs.get_mut(name) {
            Some(entry) => {
                entry.work = work;
                if entry.schedule != schedule || entry.leaves {
                    entry.next = schedule.next_after(now);
                    entry.schedule = schedule;
                }
                entry.leaves = false;
            }
            None => {
                self.jobs.insert(name.to_owned(), Entry::new(schedule, work, now));
            }
        }
    }

    /// Takes a job away. Its present run is still its run, so that a job of this name does not begin beside it.
    pub fn remove(&mut self, name: &str) {
        match self.jobs.get_mut(name) {
            Some(entry) if entry.running_since.is_some() => entry.leave(),
            _ => drop(self.jobs.remove(name)),
        }
    }

    /// A job that was not taken away.
    pub fn job(&mut self, name: &str) -> Option<&mut Entry> {
        self.jobs.get_mut(name).filter(|entry| !entry.leaves)
    }

    /// How all jobs are.
    pub fn status(&self) -> Vec<Status> {
        let stays = self.jobs.iter().filter(|(_, entry)| !entry.leaves);
        stays.map(|(name, entry)| entry.status(name)).collect()
    }

    /// What begins now, and when there is something to do next unless somebody asks for more.
    pub fn turn(
        &mut self,
        now: DateTime<Utc>,
        at_once: usize,
    ) -> (Vec<(String, Work)>, Option<DateTime<Utc>>) {
        self.heartbeat = now;
        for entry in self.jobs.values_mut() {
            entry.look(now);
            if entry.is_waiting() && entry.place.is_none() {
                self.order += 1;
                entry.place = Some(self.order);
            }
        }
        let mut waiting: Vec<(&String, &mut Entry)> =
            self.jobs.iter_mut().filter(|(_, entry)| entry.is_waiting()).collect();
        waiting.sort_by_key(|(_, entry)| entry.place);
        let free = at_once.saturating_sub(self.running);
        let ready: Vec<(String, Work)> =
            waiting.into_iter().take(free).map(|(name, entry)| (name.clone(), entry.begin(now))).collect();
        self.running += ready.len();
        let next = self.jobs.values().flat_map(|entry| [entry.next, entry.retry]).flatten().min();
        (ready, next)
    }

    /// A run has ended.
    pub fn end(&mut self, name: &str, now: DateTime<Utc>, error: Option<String>) {
        self.running -= 1;
        if let Some(entry) = self.jobs.get_mut(name) {
            entry.end(now, error);
            if entry.leaves {
                self.jobs.remove(name);
            }
        }
    }

    /// Whether all that is due has been done.
    pub fn is_settled(&self, now: DateTime<Utc>) -> bool {
        let due = |time: Option<DateTime<Utc>>| time.is_some_and(|time| time <= now);
        let rests = |entry: &Entry| !entry.is_waiting() && !due(entry.next) && !due(entry.retry);
        self.running == 0 && self.jobs.values().all(rests)
    }
}

impl Entry {
    fn new(schedule: Schedule, work: Work, now: DateTime<Utc>) -> Self {
        let next = schedule.next_after(now);
        Self {
            schedule,
            work,
            next,
            retry: None,
            asked: 0,
            begun: 0,
            ended: 0,
            place: None,
            running_since: None,
            last: None,
            failures: 0,
            leaves: false,
        }
    }

    fn leave(&mut self) {
        (self.leaves, self.next, self.retry, self.asked) = (true, None, None, self.begun);
    }

    /// Asks for a run; answers the number of the activation.
    pub fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// How the run for an activation ended; None when it has not.
    pub fn outcome_of(&self, activation: u64) -> Option<Result<(), String>> {
        let last = self.last.as_ref().filter(|_| self.ended >= activation)?;
        Some(last.error.clone().map_or(Ok(()), Err))
    }

    /// When it runs next without being asked to.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        [self.next, self.retry].into_iter().flatten().min()
    }

    /// How it is.
    fn status(&self, name: &str) -> Status {
        Status {
            name: name.to_owned(),
            next: self.next(),
            waits: self.is_waiting(),
            running_since: self.running_since,
            last: self.last.clone(),
            failures: self.failures,
        }
    }

    /// Asks for a run when it is its time. Times that were missed are one run: a job looks at what there is to do.
    fn look(&mut self, now: DateTime<Utc>) {
        if self.next.is_some_and(|next| next <= now) {
            self.next = self.schedule.next_after(now);
            self.ask();
        }
        if self.retry.is_some_and(|retry| retry <= now) {
            self.retry = None;
            self.ask();
        }
    }

    fn is_waiting(&self) -> bool {
        self.asked > self.begun && self.running_since.is_none()
    }

    fn begin(&mut self, now: DateTime<Utc>) -> Work {
        self.begun = self.asked;
        self.retry = None;
        self.place = None;
        self.running_since = Some(now);
        Arc::clone(&self.work)
    }

    fn end(&mut self, now: DateTime<Utc>, error: Option<String>) {
        let started = self.running_since.take().unwrap_or(now);
        self.ended = self.begun;
        self.failures = if error.is_some() { self.failures.saturating_add(1) } else { 0 };
        if error.is_some() && !self.leaves {
            let doubled = RETRY_FIRST * 2_i32.pow(self.failures.min(10) - 1);
            self.retry = Some(now + doubled.min(RETRY_MAX));
        }
        self.last = Some(Outcome { started, finished: now, error });
    }
}
