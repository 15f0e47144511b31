//! Messages to people, as a receiver gets them: once each, in order, and again after an outage.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use chrono::{DateTime, TimeDelta, Utc};
use lakefront::clock::Clock;
use lakefront::config::{Notify, NotifyEvent, Secret};
use lakefront::notify::{Event, Letter, Notifier};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// When a message came, for whom, and what it says.
pub type Got = (DateTime<Utc>, String, Value);

/// Takes messages, and answers as it was told to; 200 when it was not.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    clock: Clock,
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<(StatusCode, HeaderMap)>>>,
}

impl Receiver {
    pub async fn start(clock: &Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (clock, got, answers) = (clock.clone(), Arc::default(), Arc::default());
        let receiver = Self { address: listener.local_addr().unwrap(), clock, got, answers };
        let router = Router::new().route("/{name}", post(Self::take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    async fn take(
        State(receiver): State<Self>,
        Path(name): Path<String>,
        body: String,
    ) -> (StatusCode, HeaderMap) {
        let body = serde_json::from_str(&body).unwrap();
        if name == "silent" {
            std::future::pending::<()>().await;
        }
        receiver.got.lock().unwrap().push((receiver.clock.now(), name, body));
        receiver.answers.lock().unwrap().pop_front().unwrap_or((StatusCode::OK, HeaderMap::new()))
    }

    pub fn secret(&self, name: &str) -> Option<Secret> {
        Some(format!("http://{}/{name}", self.address).into())
    }

    pub fn answer(&self, status: StatusCode, retry_after: Option<&str>) {
        let headers = retry_after.map(|seconds| ("retry-after".parse().unwrap(), seconds.parse().unwrap()));
        self.answers.lock().unwrap().push_back((status, headers.into_iter().collect()));
    }

    /// Moves the clock until so many messages are here.
    async fn wait_for(&self, count: usize) -> Vec<Got> {
        loop {
            let got = self.got.lock().unwrap().clone();
            if got.len() >= count {
                return got;
            }
            self.clock.set(self.clock.now() + TimeDelta::milliseconds(100));
            tokio::task::yield_now().await;
        }
    }

    /// Forgets answers that were not given.
    pub fn answer_again(&self) {
        self.answers.lock().unwrap().clear();
    }

    /// All that came.
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The events that came for a name, by their kind; Slack's messages by their first words.
    fn events(&self, name: &str) -> Vec<String> {
        let got = self.got.lock().unwrap();
        let of_name = got.iter().filter(|(_, to, _)| to == name);
        let told = of_name.map(|(_, _, body)| match body["event"].as_str() {
            Some(event) => event.to_owned(),
            None => body["text"].as_str().unwrap().split(": ").next().unwrap().to_owned(),
        });
        told.collect()
    }
}

fn clock() -> Clock {
    Clock::fixed("2026-09-01T00:00:00Z".parse().unwrap())
}

fn failed(unit: usize) -> Event {
    Event::Failed { view: "mart.a".into(), unit: unit.to_string(), error: "it broke".into() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_told_once_to_those_who_want_it() {
    let clock = clock();
    let receiver = Receiver::start(&clock).await;
    let targets = [
        Notify { webhook: receiver.secret("all"), ..Notify::default() },
        Notify {
            slack: receiver.secret("slack"),
            webhook: receiver.secret("both"),
            events: vec![NotifyEvent::Recovered],
        },
    ];
    let now = clock.now();
    let notifier = Notifier::new(&targets, clock).unwrap();
    let stop = CancellationToken::new();
    let (running, token) = (notifier.clone(), stop.clone());
    let task = tokio::spawn(async move { running.run(token).await });

    let recovered = Event::Recovered { view: "mart.a".into(), failed_since: now };
    notifier.tell(failed(1));
    // A letter is told to those whom it names, and whoever keeps it learns when it has arrived.
    let to = notifier.wanting(&recovered);
    assert_eq!(to, ["notify[0].webhook", "notify[1].slack", "notify[1].webhook"]);
    let letter = Letter { id: "1".into(), event: recovered, at: now, to };
    notifier.post(&letter);
    notifier.tell(failed(2));
    notifier.settled().await;
    assert_eq!(notifier.left(&letter), Vec::<String>::new());
    stop.cancel();
    task.await.unwrap();
    assert_eq!(receiver.events("all"), ["failed", "recovered", "failed"]);
    assert_eq!(receiver.events("both"), ["recovered"]);
    assert_eq!(receiver.events("slack").len(), 1);
    let got = receiver.got.lock().unwrap();
    let (_, _, first) = got.iter().find(|(_, name, _)| name == "all").unwrap();
    assert_eq!((first["view"].as_str(), first["unit"].as_str()), (Some("mart.a"), Some("1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_loses_nothing_and_is_left_in_peace() {
    let clock = clock();
    let receiver = Receiver::start(&clock).await;
    receiver.answer(StatusCode::INTERNAL_SERVER_ERROR, None);
    receiver.answer(StatusCode::TOO_MANY_REQUESTS, Some("60"));
    receiver.answer(StatusCode::OK, None);
    // What will never be taken is not sent for ever.
    receiver.answer(StatusCode::NOT_FOUND, None);
    let target = Notify { webhook: receiver.secret("x"), ..Notify::default() };
    let notifier = Notifier::new(&[target], clock.clone()).unwrap();
    let stop = CancellationToken::new();
    let (running, token) = (notifier.clone(), stop.clone());
    let task = tokio::spawn(async move { running.run(token).await });
    for unit in 0..3 {
        notifier.tell(failed(unit));
    }
    let got = receiver.wait_for(5).await;
    let units: Vec<&str> = got.iter().filter_map(|(_, _, body)| body["unit"].as_str()).collect();
    assert_eq!(units, ["0", "0", "0", "1", "2"]);
    assert!(got[1].0 - got[0].0 >= TimeDelta::seconds(2), "{:?}", got[1].0);
    assert!(got[2].0 - got[1].0 >= TimeDelta::seconds(60), "{:?}", got[2].0);
    stop.cancel();
    task.await.unwrap();
    assert_eq!(receiver.got.lock().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_away_makes_nobody_wait() {
    let clock = clock();
    // A port that was free a moment ago: nobody listens there.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let away: Secret = format!("http://127.0.0.1:{port}/secret-path").into();
    let target = Notify { slack: Some(away), ..Notify::default() };
    let notifier = Notifier::new(&[target], clock).unwrap();
    for unit in 0..1_000 {
        notifier.tell(failed(unit));
    }
    let outcomes = notifier.test().await;
    let [(name, Err(error))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(name, "notify[0].slack");
    assert!(!format!("{error} {error:?} {notifier:?}").contains("secret-path"));
    // Stopped before it began: what is left is tried once, and given up.
    let stop = CancellationToken::new();
    stop.cancel();
    notifier.run(stop).await;
}
