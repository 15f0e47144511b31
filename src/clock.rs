//! What time is it. Everything that needs the wall clock asks here, so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

/// Longest sleep until the system's clock is looked at again: it may be set while one sleeps.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// A source of wall-clock time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// The time when the clock is set; the system's clock otherwise.
    set: Option<Arc<Set>>,
}

/// A clock that is moved by hand.
#[derive(Debug)]
struct Set {
    /// Since the Unix epoch.
    micros: AtomicI64,
    /// Tells those who wait that it moved.
    moved: watch::Sender<()>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self { set: None }
    }

    /// A clock that stands at `now` until it is moved.
    pub fn fixed(now: DateTime<Utc>) -> Self {
        let micros = AtomicI64::new(now.timestamp_micros());
        Self { set: Some(Arc::new(Set { micros, moved: watch::Sender::new(()) })) }
    }

    /// The time now, in UTC, with microseconds.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.set {
            Some(set) => DateTime::from_timestamp_micros(set.micros.load(Ordering::SeqCst))
                .expect("the clock was set from a valid time"),
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
            None => Utc::now(),
        }
    }

    /// Moves a fixed clock, and wakes who waits for a time; a system clock stays as it is.
    pub fn set(&self, now: DateTime<Utc>) {
        if let Some(set) = &self.set {
            set.micros.store(now.timestamp_micros(), Ordering::SeqCst);
            set.moved.send_replace(());
        }
    }

    /// Waits until it is that time, also when the clock is put forward or back meanwhile. Cancel-safe.
    pub async fn until(&self, time: DateTime<Utc>) {
        let mut moved = self.set.as_ref().map(|set| set.moved.subscribe());
        while let Ok(left) = (time - self.now()).to_std()
            && !left.is_zero()
        {
            match &mut moved {
                Some(moved) => moved.changed().await.expect("the clock lives as long as who waits for it"),
                None => tokio::time::sleep(left.min(SLEEP_MAX)).await,
            }
        }
    }
}
