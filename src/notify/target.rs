//! One place where messages go: its outbox, and how it is asked again when it does not take one.
//!
//! It must not know what events mean. The address is a secret: no error and no log line shows it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Event, text};
use crate::clock::Clock;
use crate::config::{NotifyEvent, Secret};

/// Most messages that wait for one target; when one more comes the oldest goes.
const OUTBOX_MAX: usize = 100;
/// Longest time of one request, and of connecting for it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after a failure a message is sent again; twice as long after each further one.
const RETRY_FIRST: TimeDelta = TimeDelta::seconds(2);
/// And at most so long, whatever the target asks for.
const RETRY_MAX: TimeDelta = TimeDelta::minutes(15);
/// How old a message may become.
const AGE_MAX: TimeDelta = TimeDelta::hours(24);
/// How long a shutdown waits for messages that are left.
const FAREWELL: Duration = Duration::from_secs(5);

/// One place where messages go.
#[derive(Debug)]
pub struct Target {
    /// How people and logs know it.
    pub name: String,
    kind: Kind,
    address: Secret,
    events: Vec<NotifyEvent>,
    client: Client,
    outbox: Mutex<Outbox>,
    /// There is something in the outbox.
    filled: Notify,
    /// Tells those who wait that the outbox has changed.
    changed: watch::Sender<()>,
}

/// What waits for a target.
#[derive(Debug, Default)]
struct Outbox {
    messages: VecDeque<Message>,
    /// The target did not take the first one, and is left alone for a while.
    pauses: bool,
}

/// How a target wants its messages.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// As Slack's incoming webhooks do.
    Slack,
    /// As a JSON document for a program.
    Webhook,
}

#[derive(Clone, Debug, PartialEq)]
struct Message {
    /// Of a letter; empty for what nobody asks after.
    id: String,
    event: Event,
    at: DateTime<Utc>,
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing can be sent at all.
    #[error("cannot send messages: {0}")]
    Client(String),
    /// It did not answer, or not in time.
    #[error("it cannot be reached: {0}")]
    Unreachable(&'static str),
    /// It wants to be left alone for a while.
    #[error("it asks to be left alone (429)")]
    Later {
        /// For so long, when it says so.
        after: Option<TimeDelta>,
    },
    /// It answered that something is wrong.
    #[error("it answers {0}")]
    Refused(StatusCode),
}

/// What all targets send with.
pub fn client() -> Result<Client, Error> {
    let client = Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        // A message goes to the address that was configured, and nowhere else.
        .redirect(redirect::Policy::none())
        .build();
    client.map_err(|error| Error::Client(error.without_url().to_string()))
}

impl Target {
    /// A target of that name. It hears of these events, or of all when there are none.
    pub fn new(name: String, kind: Kind, address: Secret, events: &[NotifyEvent], client: Client) -> Self {
        let (outbox, filled, changed) = (Mutex::default(), Notify::new(), watch::Sender::new(()));
        Self { name, kind, address, events: events.to_vec(), client, outbox, filled, changed }
    }

    /// How people and logs know it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it wants to hear of events of this kind.
    pub fn wants(&self, kind: NotifyEvent) -> bool {
        self.events.is_empty() || self.events.contains(&kind)
    }

    /// Puts a message into the outbox. It never waits.
    pub fn put(&self, id: &str, event: Event, at: DateTime<Utc>) {
        self.change(|outbox| {
            if outbox.messages.len() == OUTBOX_MAX {
                outbox.messages.pop_front();
                warn!(to = self.name, "the outbox is full: the oldest message is dropped");
                count("dropped");
            }
            outbox.messages.push_back(Message { id: id.to_owned(), event, at });
        });
        self.filled.notify_one();
    }

    /// Whether a letter waits here.
    pub fn has(&self, id: &str) -> bool {
        self.outbox().messages.iter().any(|message| message.id == id)
    }

    /// Takes all letters out. One that is on its way arrives.
    pub fn withdraw(&self) {
        self.change(|outbox| outbox.messages.retain(|message| message.id.is_empty()));
    }

    /// Whether nothing is left to send, or the target is left alone for a while.
    pub fn is_settled(&self) -> bool {
        let outbox = self.outbox();
        outbox.messages.is_empty() || outbox.pauses
    }

    /// Tells of changes of the outbox from now on.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Sends messages in order until it is told to stop, then what is left, once and for a short time. A message that
    /// is on its way arrives before that, so that none arrives twice. The first stays in the outbox until it has
    /// arrived or is given up.
    pub async fn run(&self, clock: &Clock, stop: &CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let first = self.outbox().messages.front().cloned();
            let Some(message) = first else {
                let _ = stop.run_until_cancelled(self.filled.notified()).await;
                continue;
            };
            let Err(error) = self.send_and_note(&message).await else {
                failures = 0;
                self.remove(&message);
                continue;
            };
            failures += 1;
            if error.is_final() || clock.now() - message.at > AGE_MAX {
                warn!(to = self.name, %error, "a message is given up");
                failures = 0;
                self.remove(&message);
                continue;
            }
            let until = clock.now() + error.wait(failures);
            self.change(|outbox| outbox.pauses = true);
            let _ = stop.run_until_cancelled(clock.until(until)).await;
            self.change(|outbox| outbox.pauses = false);
        }
        let rest = async {
            while let Some(message) = self.take() {
                let _ = self.send_and_note(&message).await;
            }
        };
        if tokio::time::timeout(FAREWELL, rest).await.is_err() {
            warn!(to = self.name, messages = self.outbox().messages.len(), "messages are left unsent");
        }
    }

    /// Sends one message, now and once.
    pub async fn send(&self, id: &str, event: &Event, at: DateTime<Utc>) -> Result<(), Error> {
        let body = match self.kind {
            Kind::Slack => text::slack(event),
            Kind::Webhook => text::webhook(id, event, at),
        };
        let request = self.client.post(self.address.reveal()).header(CONTENT_TYPE, "application/json");
        let answer = request.body(body.to_string()).send().await.map_err(|error| {
            Error::Unreachable(match () {
                () if error.is_timeout() => "it does not answer in time",
                () if error.is_connect() => "no connection can be made",
                () => "the connection broke",
            })
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS => {
                let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let seconds = after.and_then(|text| text.trim().parse::<u32>().ok());
                Err(Error::Later { after: seconds.map(|seconds| TimeDelta::seconds(seconds.into())) })
            }
            status => Err(Error::Refused(status)),
        }
    }

    async fn send_and_note(&self, message: &Message) -> Result<(), Error> {
        let sent = self.send(&message.id, &message.event, message.at).await;
        match &sent {
            Ok(()) => {
                count("sent");
                info!(to = self.name, "message sent");
            }
            Err(error) => {
                count("failed");
                warn!(to = self.name, %error, "message not sent");
            }
        }
        sent
    }

    fn take(&self) -> Option<Message> {
        let mut taken = None;
        self.change(|outbox| taken = outbox.messages.pop_front());
        taken
    }

    /// Removes the message that was sent; it may have been dropped from a full outbox meanwhile.
    fn remove(&self, message: &Message) {
        self.change(|outbox| {
            if outbox.messages.front() == Some(message) {
                outbox.messages.pop_front();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Outbox)) {
        let mut outbox = self.outbox();
        let before = outbox.messages.len();
        change(&mut outbox);
        let after = outbox.messages.len();
        drop(outbox);
        let waiting = metrics::gauge!("lakefront_notifications_waiting");
        if after > before {
            waiting.increment((after - before) as f64)
        } else {
            waiting.decrement((before - after) as f64)
        }
        self.changed.send_replace(());
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Error {
    /// How long to wait after so many failures before the message is sent again.
    fn wait(&self, failures: u32) -> TimeDelta {
        let doubled = RETRY_FIRST * 2_i32.pow(failures.min(12) - 1);
        match self {
            Self::Later { after: Some(after) } => doubled.max(*after),
            _ => doubled,
        }
        .min(RETRY_MAX)
    }

    /// Whether the same message will be refused again.
    fn is_final(&self) -> bool {
        match self {
            Self::Refused(status) => {
                status.is_client_error() && *status != StatusCode::REQUEST_TIMEOUT || status.is_redirection()
            }
            Self::Client(_) => true,
            Self::Unreachable(_) | Self::Later { .. } => false,
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("lakefront_notifications_total", "outcome" => outcome).increment(1);
}
