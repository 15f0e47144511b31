//! Tells people: messages to Slack and to webhooks, when a view becomes late or failed or well again.
//!
//! It knows what people should hear and how to reach them; nothing of how views are refreshed. Who tells an event
//! never waits: each target has an outbox with a limit, and a target that does not answer keeps only itself waiting.

mod target;
mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, NotifyEvent, Secret};
use target::{Kind, Target};

pub use target::Error;

/// Tells people of events. Clones are the same notifier.
#[derive(Clone, Debug)]
pub struct Notifier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    targets: Vec<Target>,
    /// The views whose last refresh failed, and since when.
    failing: Mutex<BTreeMap<String, DateTime<Utc>>>,
}

/// Something that people should know. Views are told as `database.view`, units as `2026-09-01`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A view's refresh failed; the first time of a streak.
    Failed {
        /// The view.
        view: String,
        /// What failed of it.
        unit: String,
        /// Why.
        error: String,
    },
    /// A view's refresh went well again.
    Recovered {
        /// The view.
        view: String,
        /// Since when it failed.
        failed_since: DateTime<Utc>,
    },
    /// A day is not there at the time that was declared for it.
    Late {
        /// The view.
        view: String,
        /// The day.
        unit: String,
        /// When it was due.
        due: DateTime<Utc>,
        /// What it waits for; empty when that is not known.
        reason: String,
    },
    /// What happened on a day.
    Summary(Summary),
    /// The scheduler has not looked at its jobs since then.
    SchedulerDead {
        /// Its last sign of life.
        heartbeat: DateTime<Utc>,
    },
    /// Nothing happened: somebody wants to see whether this arrives.
    Test,
}

/// What happened on a day, all views together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The day.
    pub day: NaiveDate,
    /// Views in all.
    pub views: u64,
    /// Units that were published.
    pub published: u64,
    /// Rows of these.
    pub rows: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Refreshes that failed.
    pub failures: u64,
    /// What is not up to date at the end, a line each.
    pub not_fresh: Vec<String>,
}

impl Notifier {
    /// A notifier for the targets of a config. It sends nothing before [`Self::run`].
    pub fn new(targets: &[config::Notify], clock: Clock) -> Result<Self, Error> {
        let client = target::client()?;
        let of_entry = |(index, entry): (usize, &config::Notify)| {
            let client = &client;
            let target = move |kind: Kind, word: &str, address: &Secret| {
                let name = format!("notify[{index}].{word}");
                Target::new(name, kind, address.clone(), &entry.events, client.clone())
            };
            let slack = entry.slack.as_ref().map(|address| target(Kind::Slack, "slack", address));
            let webhook = entry.webhook.as_ref().map(|address| target(Kind::Webhook, "webhook", address));
            slack.into_iter().chain(webhook).collect::<Vec<_>>()
        };
        let targets = targets.iter().enumerate().flat_map(of_entry).collect();
        Ok(Self { shared: Arc::new(Shared { clock, targets, failing: Mutex::default() }) })
    }

    /// Tells an event to all targets that want to hear of its kind.
    pub fn tell(&self, event: Event) {
        let now = self.shared.clock.now();
        for target in self.shared.targets.iter().filter(|target| target.wants(event.kind())) {
            target.put(event.clone(), now);
        }
    }

    /// A view's refresh failed. Only the first failure of a streak is told.
    pub fn failed(&self, view: &str, unit: &str, error: &str) {
        let mut failing = self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if !failing.contains_key(view) {
            failing.insert(view.to_owned(), self.shared.clock.now());
            drop(failing);
            self.tell(Event::Failed { view: view.into(), unit: unit.into(), error: error.into() });
        }
    }

    /// A view's refresh went well. That is told when the one before had failed.
    pub fn succeeded(&self, view: &str) {
        let mut failing = self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed_since) = failing.remove(view) {
            drop(failing);
            self.tell(Event::Recovered { view: view.into(), failed_since });
        }
    }

    /// A view is not there any more: nothing of it is to be told.
    pub fn forget(&self, view: &str) {
        self.shared.failing.lock().unwrap_or_else(PoisonError::into_inner).remove(view);
    }

    /// Sends what is told until it is told to stop; then tries each message that is left once, for a short time.
    pub async fn run(&self, stop: CancellationToken) {
        let clock = &self.shared.clock;
        join_all(self.shared.targets.iter().map(|target| target.run(clock, &stop))).await;
    }

    /// Sends a test message to every target, whatever it wants to hear of; answers what came of it, by target.
    pub async fn test(&self) -> Vec<(String, Result<(), Error>)> {
        let now = self.shared.clock.now();
        let sent = self
            .shared
            .targets
            .iter()
            .map(async |target| (target.name().to_owned(), target.send(&Event::Test, now).await));
        join_all(sent).await
    }
}

impl Event {
    /// What kind of event it is, as a config names it.
    pub fn kind(&self) -> NotifyEvent {
        match self {
            Self::Failed { .. } => NotifyEvent::Failed,
            Self::Recovered { .. } => NotifyEvent::Recovered,
            Self::Late { .. } => NotifyEvent::Late,
            Self::Summary(_) => NotifyEvent::Summary,
            Self::SchedulerDead { .. } => NotifyEvent::Scheduler,
            Self::Test => NotifyEvent::Test,
        }
    }
}
