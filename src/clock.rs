//! What time is it. Everything that needs the wall clock asks here, so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// A source of wall-clock time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds since the Unix epoch when the clock is set; the system's clock otherwise.
    set: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self { set: None }
    }

    /// A clock that stands at `now` until it is moved.
    pub fn fixed(now: DateTime<Utc>) -> Self {
        Self { set: Some(Arc::new(AtomicI64::new(now.timestamp_micros()))) }
    }

    /// The time now, in UTC, with microseconds.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.set {
            Some(micros) => DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst))
                .expect("the clock was set from a valid time"),
            #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
            None => Utc::now(),
        }
    }

    /// Moves a fixed clock; a system clock stays as it is.
    pub fn set(&self, now: DateTime<Utc>) {
        if let Some(micros) = &self.set {
            micros.store(now.timestamp_micros(), Ordering::SeqCst);
        }
    }
}
