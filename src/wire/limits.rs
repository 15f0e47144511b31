//! How many connections there may be: of everybody, of strangers who have not logged in, of one user.
//!
//! It must not know what is said on a connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{Error, Result};
use crate::auth::Failures;
use crate::config::Config;

/// The server's limits, and what is left of them.
#[derive(Debug)]
pub struct Limits {
    connections: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    /// Most connections of one user; zero is no limit.
    user_max: usize,
    users: Mutex<HashMap<String, usize>>,
    failures: Failures,
}

impl Limits {
    /// The limits come from the config.
    pub fn new(config: &Config) -> Arc<Self> {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self {
            connections: semaphore(config.max_connections),
            strangers: semaphore(config.unauthenticated_connections()),
            user_max: config.max_user_connections,
            users: Mutex::default(),
            failures: Failures::new(config.failed_login_delay.0),
        })
    }

    /// A place for a connection that nobody has logged in on, if there is one.
    pub fn place(&self) -> Option<Place> {
        let stranger = Arc::clone(&self.strangers).try_acquire_owned().ok()?;
        let place = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        metrics::gauge!("lakefront_connections").increment(1);
        Some(Place { _place: place, stranger: Some(stranger) })
    }

    /// Counts a user's connection, until what is returned is dropped.
    pub fn user(self: &Arc<Self>, name: &str) -> Result<UserPlace> {
        let mut users = self.users();
        let connections = users.entry(name.to_owned()).or_default();
        if self.user_max > 0 && *connections >= self.user_max {
            return Err(Error::TooManyOfUser(name.to_owned()));
        }
        *connections += 1;
        Ok(UserPlace { limits: Arc::clone(self), name: name.to_owned() })
    }

    /// Counts a failed login; its answer is to be held back for so long.
    pub fn failed_login(&self, address: Option<IpAddr>) -> Duration {
        self.failures.count(address, Instant::now())
    }

    fn users(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, however the connection ends.
#[derive(Debug)]
pub struct Place {
    _place: OwnedSemaphorePermit,
    stranger: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Somebody has logged in: the place among the strangers is free.
    pub fn leave_strangers(&mut self) {
        self.stranger = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("lakefront_connections").decrement(1);
    }
}

/// A user's connection.
#[derive(Debug)]
pub struct UserPlace {
    limits: Arc<Limits>,
    name: String,
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut users = self.limits.users();
        if let Some(connections) = users.get_mut(&self.name) {
            *connections -= 1;
            if *connections == 0 {
                users.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_counted_apart() {
        let limits = Limits::new(&Config { max_user_connections: 2, ..Config::default() });
        let first = limits.user("ann").unwrap();
        let _second = limits.user("ann").unwrap();
        assert_eq!(limits.user("ann").unwrap_err().code(), Some((1203, "42000")));
        let _other = limits.user("bob").unwrap();
        drop(first);
        assert!(limits.user("ann").is_ok());
        assert_eq!(limits.users().len(), 2);
    }

    #[test]
    fn strangers_leave_room_for_others() {
        let config = Config { max_connections: 4, ..Config::default() };
        let limits = Limits::new(&config);
        let mut known = limits.place().unwrap();
        let _stranger = limits.place().unwrap();
        assert!(limits.place().is_none());
        known.leave_strangers();
        assert!(limits.place().is_some());
    }
}
