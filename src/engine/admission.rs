//! How many queries run at once and how many wait for their turn. It knows no query.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::error::{Error, Result};
use crate::config::Config;

/// The door in front of execution: a bounded number of running queries behind a bounded queue.
#[derive(Debug)]
pub struct Admission {
    running: Arc<Semaphore>,
    queued: Semaphore,
    running_max: usize,
    queued_max: usize,
    timeout: Duration,
}

/// The right to run; the next query's turn comes when it is dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
    _count: Count,
}

impl Permit {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit, _count: Count::up("lakefront_queries_running") }
    }
}

impl Admission {
    /// The limits of the config.
    pub fn new(config: &Config) -> Self {
        let running_max = config.max_running_queries.unwrap_or(2 * config.query_threads()).max(1);
        Self {
            running: Arc::new(Semaphore::new(running_max)),
            queued: Semaphore::new(config.max_queued_queries),
            running_max,
            queued_max: config.max_queued_queries,
            timeout: config.queue_timeout.0,
        }
    }

    /// Waits for a turn, first come, first served. Cancel-safe: a query that stops waiting leaves the queue.
    pub async fn admit(&self) -> Result<Permit> {
        match Arc::clone(&self.running).try_acquire_owned() {
            Ok(permit) => return Ok(Permit::new(permit)),
            Err(TryAcquireError::NoPermits) => {}
            Err(TryAcquireError::Closed) => return Err(Error::Shutdown),
        }
        let Ok(_queued) = self.queued.try_acquire() else {
            metrics::counter!("lakefront_queries_refused_total", "reason" => "queue_full").increment(1);
            return Err(Error::Busy(format!(
                "{} run and {} wait already, try again later",
                self.running_max, self.queued_max
            )));
        };
        let _count = Count::up("lakefront_queries_queued");
        match tokio::time::timeout(self.timeout, Arc::clone(&self.running).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Permit::new(permit)),
            Ok(Err(_closed)) => Err(Error::Shutdown),
            Err(_elapsed) => {
                metrics::counter!("lakefront_queries_refused_total", "reason" => "queue_timeout")
                    .increment(1);
                Err(Error::Busy(format!(
                    "the statement waited {} s for its turn, try again later",
                    self.timeout.as_secs()
                )))
            }
        }
    }
}

/// One more in a gauge, until it is dropped.
#[derive(Debug)]
struct Count(&'static str);

impl Count {
    fn up(gauge: &'static str) -> Self {
        metrics::gauge!(gauge).increment(1.0);
        Self(gauge)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Interval;

    fn one_and_one(queue_timeout: Duration) -> Admission {
        Admission::new(&Config {
            max_running_queries: Some(1),
            max_queued_queries: 1,
            queue_timeout: Interval(queue_timeout),
            ..Config::default()
        })
    }

    #[tokio::test]
    async fn one_runs_one_waits_one_is_refused() {
        let admission = one_and_one(Duration::from_secs(3_600));
        let first = admission.admit().await.unwrap();

        let mut waiting = Box::pin(admission.admit());
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert_eq!(admission.admit().await.unwrap_err().code().0, 1203);

        drop(first);
        waiting.await.unwrap();
        admission.admit().await.unwrap();
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_the_queue() {
        let admission = one_and_one(Duration::ZERO);
        let _running = admission.admit().await.unwrap();
        for _ in 0..3 {
            assert!(admission.admit().await.unwrap_err().to_string().contains("waited 0 s"));
        }
    }
}
