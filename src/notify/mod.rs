//! Tells people: messages to Slack and to webhooks, when a view becomes late or failed or well again.
//!
//! It knows what people should hear and how to reach them; nothing of how views are refreshed. Who tells an event
//! never waits: each target has an outbox with a limit, and a target that does not answer keeps only itself waiting.

mod target;
mod text;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::{join_all, select_all};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
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

/// Tells when outboxes change.
#[derive(Debug)]
pub struct Outboxes(Vec<watch::Receiver<()>>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    targets: Vec<Target>,
}

/// An event on its way to some targets, as it is kept by whoever wants to know that it arrives.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Letter {
    /// Unlike any other's.
    pub id: String,
    /// What is told.
    pub event: Event,
    /// When that was.
    pub at: DateTime<Utc>,
    /// The targets that have not had it, by name.
    pub to: Vec<String>,
}

/// Something that people should know. Views are told as `database.view`, units as `2026-09-01`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub enum Event {
    /// A view's refresh failed; the first time of a streak.
    Failed {
        /// The view.
        view: String,
        /// What failed of it; empty when the view as a whole cannot be looked at.
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
    /// Another server of the warehouse has gone silent.
    ServerSilent {
        /// Which.
        server: String,
        /// Its last sign of life.
        seen_at: DateTime<Utc>,
    },
    /// Nothing happened: somebody wants to see whether this arrives.
    Test,
}

/// What happened on a day, all views together.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
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
        Ok(Self { shared: Arc::new(Shared { clock, targets }) })
    }

    /// Whether there is nobody to tell.
    pub fn is_deaf(&self) -> bool {
        self.shared.targets.is_empty()
    }

    /// Tells an event to all targets that want to hear of its kind. Nobody learns whether it arrives.
    pub fn tell(&self, event: Event) {
        let now = self.shared.clock.now();
        for target in self.shared.targets.iter().filter(|target| target.wants(event.kind())) {
            target.put("", event.clone(), now);
        }
    }

    /// The targets that want to hear of an event, by name.
    pub fn wanting(&self, event: &Event) -> Vec<String> {
        let wanting = self.shared.targets.iter().filter(|target| target.wants(event.kind()));
        wanting.map(|target| target.name().to_owned()).collect()
    }

    /// Puts a letter into the outboxes of its targets.
    pub fn post(&self, letter: &Letter) {
        for target in self.shared.targets.iter().filter(|target| letter.to.contains(&target.name)) {
            target.put(&letter.id, letter.event.clone(), letter.at);
        }
    }

    /// The targets of a letter that have not had it, and may still.
    pub fn left(&self, letter: &Letter) -> Vec<String> {
        let of_letter = self.shared.targets.iter().filter(|target| letter.to.contains(&target.name));
        of_letter.filter(|target| target.has(&letter.id)).map(|target| target.name.clone()).collect()
    }

    /// Takes all letters out of the outboxes: somebody else sends them.
    pub fn withdraw(&self) {
        self.shared.targets.iter().for_each(Target::withdraw);
    }

    /// Whether each outbox is empty, or is left alone for a while because its target does not answer.
    pub fn is_settled(&self) -> bool {
        self.shared.targets.iter().all(Target::is_settled)
    }

    /// Waits until it is settled. Cancel-safe.
    pub async fn settled(&self) {
        let mut outboxes = self.watch();
        while !self.is_settled() {
            outboxes.changed().await;
        }
    }

    /// Watches all outboxes from now on.
    pub fn watch(&self) -> Outboxes {
        Outboxes(self.shared.targets.iter().map(Target::watch).collect())
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
            .map(async |target| (target.name().to_owned(), target.send("", &Event::Test, now).await));
        join_all(sent).await
    }
}

impl Outboxes {
    /// Waits until something has changed in one of them since this was last asked. Cancel-safe.
    pub async fn changed(&mut self) {
        let changes = self.0.iter_mut().map(|outbox| Box::pin(outbox.changed()));
        let changes: Vec<_> = changes.collect();
        if changes.is_empty() {
            return std::future::pending().await;
        }
        if select_all(changes).await.0.is_err() {
            // Its notifier is gone, and nothing changes any more.
            std::future::pending::<()>().await;
        }
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
            Self::SchedulerDead { .. } | Self::ServerSilent { .. } => NotifyEvent::Scheduler,
            Self::Test => NotifyEvent::Test,
        }
    }
}
