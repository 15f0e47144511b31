//! One place where messages go: its outbox, and how it is asked again when it does not take one.
//!
//! It must not know what events mean. The address is a secret: no error and no log line shows it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};
use tokio::sync::Notify;
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
    name: String,
    kind: Kind,
    address: Secret,
    events: Vec<NotifyEvent>,
    client: Client,
    outbox: Mutex<VecDeque<Message>>,
    /// There is something in the outbox.
    filled: Notify,
}

/// How a target wants its messages.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// As Slack's incoming webhooks do.
    Slack,
    /// As a JSON document for a program.
    Webhook,
}

#[derive(Clone, Debug)]
struct Message {
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
        let (outbox, filled) = (Mutex::default(), Notify::new());
        Self { name, kind, address, events: events.to_vec(), client, outbox, filled }
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
    pub fn put(&self, event: Event, at: DateTime<Utc>) {
        let mut outbox = self.outbox();
        if outbox.len() == OUTBOX_MAX {
            outbox.pop_front();
            warn!(to = self.name, "the outbox is full: the oldest message is dropped");
            count("dropped");
        }
        outbox.push_back(Message { event, at });
        drop(outbox);
        self.filled.notify_one();
    }

    /// Sends messages in order until it is told to stop, then what is left, once and for a short time. A message that
    /// is on its way arrives before that, so that none arrives twice. The first stays in the outbox until it has
    /// arrived or is given up.
    pub async fn run(&self, clock: &Clock, stop: &CancellationToken) {
        let mut failures = 0;
        while !stop.is_cancelled() {
            let first = self.outbox().front().cloned();
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
            let _ = stop.run_until_cancelled(clock.until(until)).await;
        }
        let rest = async {
            while let Some(message) = self.take() {
                let _ = self.send_and_note(&message).await;
            }
        };
        if tokio::time::timeout(FAREWELL, rest).await.is_err() {
            warn!(to = self.name, messages = self.outbox().len(), "messages are left unsent");
        }
    }

    /// Sends one message, now and once.
    pub async fn send(&self, event: &Event, at: DateTime<Utc>) -> Result<(), Error> {
        let body = match self.kind {
            Kind::Slack => text::slack(event),
            Kind::Webhook => text::webhook(event, at),
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
        let sent = self.send(&message.event, message.at).await;
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
        self.outbox().pop_front()
    }

    /// Removes the message that was sent; it may have been dropped from a full outbox meanwhile.
    fn remove(&self, message: &Message) {
        let mut outbox = self.outbox();
        if outbox.front().is_some_and(|first| first.at == message.at && first.event == message.event) {
            outbox.pop_front();
        }
    }

    fn outbox(&self) -> MutexGuard<'_, VecDeque<Message>> {
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
