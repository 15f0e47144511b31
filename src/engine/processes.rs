//! Who is connected and what runs: the process list, and how a statement or a connection is stopped.
//!
//! It knows connections and statements by what the process list shows of them, and no plan.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::{Error, Result};
use super::session::Login;
use crate::clock::Clock;

/// The user who may stop the statements of others.
pub const SUPERUSER: &str = "root";

/// All connections.
#[derive(Debug, Default)]
pub struct Processes {
    clock: Clock,
    all: Mutex<BTreeMap<u32, Arc<Process>>>,
    /// Most connections at one time.
    most: AtomicUsize,
}

/// One connection, as the process list shows it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The connection's id.
    pub id: u32,
    /// The user.
    pub user: String,
    /// The client's address with its port.
    pub host: String,
    /// The default database.
    pub database: Option<String>,
    /// `Sleep`, `Query`, `Execute`, `Prepare`.
    pub command: &'static str,
    /// Seconds in this state.
    pub seconds: i64,
    /// What the statement is doing; empty when there is none.
    pub state: &'static str,
    /// The statement.
    pub info: Option<String>,
    /// What the client told of itself when it connected, `program_name` for one.
    pub attributes: Arc<BTreeMap<String, String>>,
}

impl Processes {
    /// No connections yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Adds a connection; it is in the list until the registration is dropped.
    pub fn register(self: &Arc<Self>, id: u32, login: Login) -> Registration {
        let process = Arc::new(Process {
            id,
            login,
            connection: CancellationToken::new(),
            activity: Mutex::new(Activity::sleeping(None, self.clock.now())),
        });
        let mut all = lock(&self.all);
        all.insert(id, Arc::clone(&process));
        self.most.fetch_max(all.len(), Ordering::Relaxed);
        Registration { processes: Arc::clone(self), process }
    }

    /// All connections in the order of their ids.
    pub fn list(&self) -> Vec<Row> {
        let now = self.clock.now();
        lock(&self.all).values().map(|process| process.row(now)).collect()
    }

    /// How many connections there are.
    pub fn count(&self) -> usize {
        lock(&self.all).len()
    }

    /// Most connections at one time.
    pub fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// Stops a connection's statement, and with `connection` the connection too.
    pub fn kill(&self, by: &str, id: u64, connection: bool) -> Result<()> {
        let process = u32::try_from(id)
            .ok()
            .and_then(|id| lock(&self.all).get(&id).map(Arc::clone))
            .ok_or(Error::UnknownThread(id))?;
        if by != SUPERUSER && by != process.login.user {
            return Err(Error::NotOwner(id));
        }
        if connection {
            process.connection.cancel();
        }
        lock(&process.activity).interrupt.cancel();
        Ok(())
    }
}

#[derive(Debug)]
struct Process {
    id: u32,
    login: Login,
    connection: CancellationToken,
    activity: Mutex<Activity>,
}

impl Process {
    fn row(&self, now: DateTime<Utc>) -> Row {
        let activity = lock(&self.activity);
        Row {
            id: self.id,
            user: self.login.user.clone(),
            host: self.login.address.clone(),
            database: activity.database.clone(),
            command: activity.command,
            seconds: (now - activity.since).num_seconds().max(0),
            state: activity.state,
            info: activity.statement.clone(),
            attributes: Arc::clone(&self.login.attributes),
        }
    }
}

/// What a connection does now.
#[derive(Debug)]
struct Activity {
    /// Counts statements, so that the end of an old one does not end a new one.
    number: u64,
    database: Option<String>,
    command: &'static str,
    state: &'static str,
    statement: Option<String>,
    since: DateTime<Utc>,
    interrupt: CancellationToken,
}

impl Activity {
    fn sleeping(database: Option<String>, since: DateTime<Utc>) -> Self {
        Self {
            number: 0,
            database,
            command: "Sleep",
            state: "",
            statement: None,
            since,
            interrupt: CancellationToken::new(),
        }
    }
}

/// A connection's place in the list.
#[derive(Debug)]
pub struct Registration {
    processes: Arc<Processes>,
    process: Arc<Process>,
}

impl Registration {
    /// The connection's id.
    pub fn id(&self) -> u32 {
        self.process.id
    }

    /// Who is connected.
    pub fn login(&self) -> &Login {
        &self.process.login
    }

    /// Shows another default database.
    pub fn set_database(&self, database: Option<String>) {
        lock(&self.process.activity).database = database;
    }

    /// Shows a statement until it is dropped. A KILL from now on is meant for it.
    pub fn start(&self, command: &'static str, statement: &str) -> Running {
        let mut activity = lock(&self.process.activity);
        activity.number += 1;
        activity.command = command;
        activity.state = "starting";
        activity.statement = Some(statement.to_owned());
        activity.since = self.processes.clock.now();
        activity.interrupt = CancellationToken::new();
        if self.process.connection.is_cancelled() {
            activity.interrupt.cancel();
        }
        Running {
            number: activity.number,
            interrupt: Interrupt { killed: activity.interrupt.clone(), deadline: None },
            clock: self.processes.clock.clone(),
            process: Arc::clone(&self.process),
        }
    }

    /// Is done when somebody killed the connection. Cancel-safe.
    pub async fn killed(&self) {
        self.process.connection.cancelled().await;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.processes.all).remove(&self.process.id);
    }
}

/// A statement's place in the list.
#[derive(Debug)]
pub struct Running {
    number: u64,
    interrupt: Interrupt,
    clock: Clock,
    process: Arc<Process>,
}

impl Running {
    /// Shows what the statement is doing.
    pub fn enter(&self, state: &'static str) {
        let mut activity = lock(&self.process.activity);
        if activity.number == self.number {
            activity.state = state;
        }
    }

    /// What stops the statement.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut activity = lock(&self.process.activity);
        if activity.number == self.number {
            *activity = Activity {
                number: self.number,
                ..Activity::sleeping(activity.database.take(), self.clock.now())
            };
        }
    }
}

/// What stops a statement from outside: KILL, or its time is up.
#[derive(Clone, Debug)]
pub struct Interrupt {
    killed: CancellationToken,
    deadline: Option<Instant>,
}

impl Interrupt {
    /// The same, and when so much time has passed.
    pub fn until(&self, time: Option<Duration>) -> Self {
        // A time too long to be added is no limit.
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        Self { killed: self.killed.clone(), deadline }
    }

    /// Does the work unless it is stopped first; then the work is dropped.
    pub async fn race<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            error = self.fired() => Err(error),
            value = work => Ok(value),
        }
    }

    async fn fired(&self) -> Error {
        let timeout = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.killed.cancelled() => Error::Interrupted,
            () = timeout => Error::Timeout,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str) -> Login {
        Login { user: user.into(), ..Login::default() }
    }

    #[test]
    fn who_may_kill_whom() {
        let check = |by: &str, id: u64, expected: Option<u16>| {
            let processes = Arc::new(Processes::new(Clock::system()));
            let _ann = processes.register(1, login("ann"));
            let outcome = processes.kill(by, id, false);
            assert_eq!(outcome.err().map(|error| error.code().0), expected, "{by} kills {id}");
        };
        check("ann", 1, None);
        check("root", 1, None);
        check("bob", 1, Some(1095));
        check("root", 2, Some(1094));
        check("root", u64::MAX, Some(1094));
    }

    #[tokio::test]
    async fn a_kill_stops_the_statement_that_runs_and_not_the_next_one() {
        let processes = Arc::new(Processes::new(Clock::system()));
        let connection = processes.register(7, login("ann"));
        let first = connection.start("Query", "SELECT 1");
        processes.kill("ann", 7, false).unwrap();
        let outcome = first.interrupt().race(std::future::pending::<()>()).await;
        assert_eq!(outcome.unwrap_err().code().0, 1317);
        drop(first);
        assert_eq!(processes.list()[0].command, "Sleep");

        let second = connection.start("Query", "SELECT 2");
        assert_eq!(second.interrupt().race(async { 2 }).await.unwrap(), 2);
    }
}
