//! One client's state: user, database, variables, warnings, prepared statements; and the engine that all sessions share.
//!
//! It keeps state and hands statements to [`query`]; it must not know how they are planned or run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;

use super::admission::Admission;
use super::answer::{Answer, Column, Origin};
use super::caller::{Caller, USER_VARIABLES_MAX};
use super::changes::{Changes, Told};
use super::dialect::statement::{Parsed, TableName};
use super::dialect::{self, Mode};
use super::error::{Error, Result};
use super::functions::charset::Set;
use super::functions::locks::{Locks, SessionLocks};
use super::functions::{Assigned, Warnings};
use super::memory::Memory;
use super::metadata::variables::{Globals, Variables};
use super::metadata::{self, Counters};
use super::nearest::Hint;
use super::planner::{Planner, Strategy};
use super::plans::Plans;
use super::processes::{self, Processes, Registration, SUPERUSER};
use super::query;
use super::runtime::QueryRuntime;
use super::temporary::TemporaryTables;
use super::views::Shapes;
use super::views::handle::Refreshes;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::Config;
use crate::views::Views;

/// What all sessions share: catalog, memory, the query runtime, the list of processes.
#[derive(Debug)]
pub struct Engine {
    pub(super) catalog: Arc<Catalog>,
    pub(super) views: Arc<Views>,
    pub(super) shapes: Shapes,
    pub(super) plans: Plans,
    refreshes: OnceLock<Weak<dyn Refreshes>>,
    pub(super) clock: Clock,
    pub(super) globals: Arc<Globals>,
    pub(super) planner: Arc<Planner>,
    pub(super) memory: Memory,
    pub(super) admission: Admission,
    pub(super) processes: Arc<Processes>,
    /// Locks by name, of all sessions.
    pub(super) locks: Arc<Locks>,
    /// Where queries over tables run.
    pub(super) runtime: QueryRuntime,
    /// Where statements are parsed and planned, and where those run that read no table: no query, however
    /// long, keeps SHOW PROCESSLIST and KILL waiting.
    pub(super) front: QueryRuntime,
    started: DateTime<Utc>,
    connections: AtomicU32,
    /// Statements since the start.
    pub(super) statements: AtomicU64,
    /// Every prepared statement holds a clone.
    pub(super) prepared: Arc<()>,
}

/// Who connects and from where; made by the edge after the password was proved.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The client's host, as `USER()` shows it.
    pub host: String,
    /// The client's address with its port, as the process list shows it.
    pub address: String,
    /// Whether the user may make, change and refresh views; `root` may always.
    pub admin: bool,
    /// The connection attributes that the client sent (`program_name` and others).
    pub attributes: Arc<BTreeMap<String, String>>,
    /// How the connection is encrypted, if it is.
    pub encryption: Option<Encryption>,
    /// The number of the collation that the client told; 0 when it told none.
    pub collation: u16,
    /// Whether a person sits there: then `interactive_timeout` counts.
    pub interactive: bool,
}

/// How a connection is encrypted, by OpenSSL's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// `TLSv1.3`, for one.
    pub version: &'static str,
    /// `TLS_AES_256_GCM_SHA384`, for one.
    pub cipher: String,
}

impl Login {
    /// Whether the user may make, change and refresh views.
    pub fn may_change_views(&self) -> bool {
        self.admin || self.user == SUPERUSER
    }
}

impl Engine {
    /// Builds the engine over a catalog.
    pub fn new(config: &Config, catalog: Arc<Catalog>, views: Arc<Views>, clock: Clock) -> Result<Arc<Self>> {
        let memory = Memory::new(config)?;
        Ok(Arc::new(Self {
            globals: Globals::new(config),
            planner: Arc::new(Planner::new(config, Arc::clone(memory.environment()))),
            memory,
            admission: Admission::new(config),
            processes: Arc::new(Processes::new(clock.clone())),
            locks: Arc::default(),
            runtime: QueryRuntime::new("query", config.query_threads())?,
            front: QueryRuntime::new("plan", config.query_threads())?,
            started: clock.now(),
            connections: AtomicU32::new(0),
            statements: AtomicU64::new(0),
            prepared: Arc::default(),
            catalog,
            views,
            shapes: Shapes::default(),
            plans: Plans::default(),
            refreshes: OnceLock::new(),
            clock,
        }))
    }

    /// Takes who refreshes views; the first one stays. Until then, and when it is gone, REFRESH and its kin are not
    /// supported. It is not kept alive: it holds this engine.
    pub fn refresh_with(&self, refreshes: &Arc<dyn Refreshes>) {
        let _ = self.refreshes.set(Arc::downgrade(refreshes));
    }

    /// Who refreshes views.
    pub(super) fn refreshes(&self) -> Option<Arc<dyn Refreshes>> {
        self.refreshes.get().and_then(Weak::upgrade)
    }

    /// The next connection id, as the greeting shows it and `CONNECTION_ID()` and `KILL` use it.
    pub fn next_connection_id(&self) -> u32 {
        // Zero means no connection to clients, so it is left out when the numbers begin again.
        match self.connections.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
            0 => self.next_connection_id(),
            id => id,
        }
    }

    /// Opens a session for a logged-in user. It is in the process list until it is dropped.
    pub fn session(self: &Arc<Self>, connection_id: u32, login: Login) -> Session {
        let mut variables = Variables::new(&self.globals, login.user == SUPERUSER);
        variables.begin_with(login.collation);
        if login.interactive {
            variables.begin_interactive();
        }
        let locks = SessionLocks::new(Arc::clone(&self.locks), connection_id.into());
        Session {
            connection: self.processes.register(connection_id, login),
            state: State::new(variables, Arc::new(locks)),
            statements: BTreeMap::new(),
            changes: Changes::default(),
            engine: Arc::clone(self),
        }
    }

    /// All connections and what they do, as the process list shows them to `root`.
    pub fn processes(&self) -> Vec<processes::Row> {
        self.processes.list()
    }

    /// Stops a connection's statement, and with `connection` the connection too. `by` must be the same user or root.
    pub fn kill(&self, by: &str, connection_id: u32, connection: bool) -> Result<()> {
        self.processes.kill(by, u64::from(connection_id), connection)
    }

    /// Lets scans find the stores of all tables by URL. A reload of the catalog may bring new ones.
    pub(super) fn register_stores(&self) {
        for (url, store) in self.catalog.object_stores() {
            self.memory.environment().register_object_store(url.as_ref(), store);
        }
    }

    /// What SHOW STATUS tells of all sessions together.
    pub(super) fn counters(&self) -> Counters {
        Counters {
            uptime: (self.clock.now() - self.started).to_std().unwrap_or_default(),
            connections: u64::from(self.connections.load(Ordering::Relaxed)),
            max_used_connections: self.processes.most() as u64,
            prepared_statements: Arc::strong_count(&self.prepared) as u64 - 1,
            questions: self.statements.load(Ordering::Relaxed),
            ..Counters::default()
        }
    }

    /// Seconds since the engine was built.
    pub fn uptime_seconds(&self) -> i64 {
        (self.clock.now() - self.started).num_seconds().max(0)
    }
}

/// One client's state.
#[derive(Debug)]
pub struct Session {
    pub(super) engine: Arc<Engine>,
    pub(super) connection: Registration,
    pub(super) state: State,
    /// What PREPARE named, in lower case.
    pub(super) statements: BTreeMap<String, Parsed>,
    /// What the client has not heard of.
    pub(super) changes: Changes,
}

/// What a statement sees of its session, and what SET changes. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The default database, as the catalog writes it.
    pub database: Option<String>,
    pub variables: Variables,
    /// What CREATE TEMPORARY TABLE made.
    pub temporary: Arc<TemporaryTables>,
    /// What GET_LOCK took.
    pub locks: Arc<SessionLocks>,
    /// By name in lower case.
    pub user_variables: Arc<BTreeMap<String, ScalarValue>>,
    /// What `:=` of the last statement assigned to them.
    pub assigned: Arc<Assigned>,
    /// Of the last statement; of the present one while it runs.
    pub warnings: Arc<Warnings>,
    pub in_transaction: bool,
    /// What `ROW_COUNT()` answers.
    pub row_count: i64,
    /// Statements of the session.
    pub statements: u64,
    /// What `FOUND_ROWS()` answers; counted while rows are sent.
    pub found_rows: Arc<AtomicU64>,
    /// Rows that were counted and not sent, which `FOUND_ROWS()` counts too.
    pub rows_beyond: Arc<AtomicU64>,
    /// Units of views that the last statement did not read from what is published and up to date.
    pub live_days: Arc<AtomicU64>,
}

impl State {
    /// A system variable; those that count what the last statement told are the session's own.
    pub fn variable(&self, scope: &str, name: &str) -> Result<ScalarValue> {
        let value = self.variables.get(scope, name)?;
        Ok(match name {
            "warning_count" => ScalarValue::UInt64(Some(self.warnings.count())),
            "error_count" => ScalarValue::UInt64(Some(self.warnings.errors())),
            _ => value,
        })
    }

    /// The state of nobody's session.
    pub fn of_owner(variables: Variables, locks: Arc<SessionLocks>) -> Self {
        Self::new(variables, locks)
    }

    /// What the last statement assigned to user variables holds from now on; those beyond the limit are lost.
    pub fn keep_assigned(&mut self) {
        for (name, value) in self.assigned.take() {
            if self.user_variables.len() < USER_VARIABLES_MAX || self.user_variables.contains_key(&name) {
                Arc::make_mut(&mut self.user_variables).insert(name, value);
            }
        }
    }

    /// Begins the warnings of a statement.
    pub fn forget_warnings(&mut self) {
        let most = usize::try_from(self.variables.acting().max_error_count).unwrap_or(usize::MAX);
        self.warnings = Arc::new(Warnings::keeping(most));
    }

    fn new(variables: Variables, locks: Arc<SessionLocks>) -> Self {
        Self {
            database: None,
            variables,
            temporary: Arc::default(),
            locks,
            user_variables: Arc::default(),
            assigned: Arc::default(),
            warnings: Arc::default(),
            in_transaction: false,
            row_count: 0,
            statements: 0,
            found_rows: Arc::default(),
            rows_beyond: Arc::default(),
            live_days: Arc::default(),
        }
    }
}

/// What the status flags of every packet tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    /// The variable `autocommit`.
    pub autocommit: bool,
    /// Between BEGIN and COMMIT.
    pub in_transaction: bool,
    /// `sql_mode` has NO_BACKSLASH_ESCAPES.
    pub no_backslash_escapes: bool,
    /// Warnings of the last statement, as `SHOW WARNINGS` lists them.
    pub warnings: u16,
}

/// A prepared statement.
#[derive(Debug)]
pub struct Prepared {
    /// The statement's text.
    pub sql: String,
    /// How many `?` it has.
    pub parameters: usize,
    /// The columns of its answer; empty when it answers with none.
    pub columns: Vec<Column>,
    /// The text as it was understood when it was prepared, whatever `sql_mode` is set since.
    pub(super) parsed: Parsed,
    /// What it was understood by.
    pub(super) mode: Mode,
    /// Counts it.
    pub(super) _counted: Arc<()>,
}

#[cfg(any(test, fuzzing))]
impl Prepared {
    /// A statement that nobody can run, for tests of who keeps it.
    pub fn unplanned(sql: String, parameters: usize) -> Self {
        let mode = Mode::default();
        let parsed = dialect::parse("DO 1", mode).expect("it is a statement");
        Self { sql, parameters, columns: Vec::new(), parsed, mode, _counted: Arc::default() }
    }
}

impl Session {
    /// Who asks, as errors name them: `user'@'host`.
    pub(super) fn account(&self) -> String {
        let login = self.connection.login();
        format!("{}'@'{}", login.user, login.host)
    }

    /// Splits a text into its statements by `;`, outside of strings and comments. Empty ones are left out.
    pub fn split<'a>(&self, sql: &'a str) -> Result<Vec<&'a str>> {
        dialect::split(sql, self.state.variables.acting().mode)
    }

    /// Runs one statement. Dropping the future, or the answer's stream, stops the work.
    pub async fn query(&mut self, sql: &str) -> Result<Answer> {
        Box::pin(query::run(self, sql)).await
    }

    /// Plans a statement without running it: how many parameters it takes and which columns it answers.
    pub async fn prepare(&mut self, sql: &str) -> Result<Prepared> {
        Box::pin(query::prepare(self, sql)).await
    }

    /// Runs a prepared statement with a value for each `?`.
    pub async fn execute(&mut self, statement: &Prepared, parameters: &[ScalarValue]) -> Result<Answer> {
        Box::pin(query::execute(self, statement, parameters)).await
    }

    /// Makes a database the default one; error 1049 when there is no such database.
    pub fn use_database(&mut self, name: &str) -> Result<()> {
        let (tables, views) = (self.engine.catalog.snapshot(), self.engine.views.snapshot());
        let database = match metadata::database_name(&tables, &views, name) {
            Some(database) => database,
            None if metadata::is_system(name) => name.to_lowercase(),
            None => return Err(Error::UnknownDatabase(name.to_owned())),
        };
        self.connection.set_database(Some(database.clone()));
        self.state.database = Some(database);
        self.changes.database();
        Ok(())
    }

    /// The columns of a table in the default database (the command FIELD_LIST), filtered by a LIKE pattern when it is not empty.
    pub async fn field_list(&mut self, table: &str, pattern: &str) -> Result<Vec<Column>> {
        let name = TableName { database: None, table: table.to_owned() };
        let tables = Caller::of(self).resolve(std::slice::from_ref(&name), Strategy::default()).await?;
        let (database, table) = tables.key(&name)?;
        let pinned = tables.by_key(&database, &table).ok_or(Error::NoSuchTable {
            database,
            table,
            hint: Hint::default(),
        })?;
        let columns =
            pinned.columns.iter().filter(|column| pattern.is_empty() || like(&column.name, pattern));
        let told = columns.map(|column| Column {
            origin: Some(Origin {
                database: pinned.database.clone(),
                table: pinned.table.clone(),
                alias: pinned.table.clone(),
                column: column.name.clone(),
            }),
            ..Column::new(column.name.clone(), column.data_type.clone(), column.nullable)
        });
        Ok(told.collect())
    }

    /// Puts variables, warnings, user variables and prepared statements back to what they were after the login;
    /// the default database stays, as with MySQL's reset.
    pub fn reset(&mut self) {
        let mut variables = self.state.variables.clone();
        variables.reset();
        if self.connection.login().interactive {
            variables.begin_interactive();
        }
        self.state.locks.release_all();
        let locks = Arc::clone(&self.state.locks);
        self.state = State { database: self.state.database.take(), ..State::new(variables, locks) };
        self.statements.clear();
        self.changes = Changes::default();
    }

    /// What changed since this was asked last, as far as the client wants to hear of it.
    pub fn tell_changes(&mut self) -> Told {
        self.changes.tell(self.state.database.as_deref(), &self.state.variables)
    }

    /// What the status flags tell after the last statement.
    pub fn status(&self) -> Status {
        Status {
            autocommit: self.state.variables.acting().autocommit,
            in_transaction: self.state.in_transaction,
            no_backslash_escapes: self.state.variables.acting().mode.no_backslash_escapes,
            warnings: u16::try_from(self.state.warnings.count()).unwrap_or(u16::MAX),
        }
    }

    /// The variables that act on the connection itself, as `wait_timeout`.
    pub fn variables(&self) -> &Variables {
        &self.state.variables
    }

    /// Is done when somebody killed this connection (not only its statement).
    pub async fn killed(&self) {
        self.connection.killed().await;
    }

    /// One line of counters, as the command STATISTICS answers it.
    pub fn statistics(&self) -> String {
        let uptime = self.engine.uptime_seconds();
        let statements = self.engine.statements.load(Ordering::Relaxed);
        format!(
            "Uptime: {uptime}  Threads: {}  Questions: {statements}  Slow queries: 0  Opens: 0  Flush tables: 0  \
             Open tables: 0  Queries per second avg: {:.3}",
            self.engine.processes.count(),
            statements as f64 / uptime.max(1) as f64,
        )
    }

    /// A text of a client in the character set that it speaks (`character_set_client`), as Rust text; an error when it is not valid.
    pub fn decode(&self, bytes: Vec<u8>) -> Result<String> {
        match self.variables().acting().client_set {
            Set::Utf8 => String::from_utf8(bytes).map_err(|_| Error::InvalidCharacters),
            set => set.decode(&bytes, "")?.ok_or(Error::InvalidCharacters),
        }
    }

    /// Statements in the client's character set. Their strings may hold bytes that are no text.
    pub fn decode_statements(&self, bytes: Vec<u8>) -> Result<String> {
        match self.variables().acting() {
            acting if acting.client_set == Set::Utf8 => {
                dialect::readable(bytes, acting.mode).ok_or(Error::InvalidCharacters)
            }
            _ => self.decode(bytes),
        }
    }
}

/// Whether a name is like a pattern with `%`, `_` and `\`, in any case.
fn like(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let mut steps = Vec::new();
    let lower = pattern.to_lowercase();
    let mut letters = lower.chars();
    while let Some(letter) = letters.next() {
        steps.push(match letter {
            '%' => Step::Many,
            '_' => Step::One,
            '\\' => Step::Letter(letters.next().unwrap_or('\\')),
            letter => Step::Letter(letter),
        });
    }
    // After a mismatch the last `%` takes one letter more; what it took before need not be tried again.
    let (mut at, mut step) = (0, 0);
    let mut resume = None;
    while at < name.len() {
        match steps.get(step) {
            Some(Step::Many) => {
                step += 1;
                resume = Some((at, step));
            }
            Some(Step::One) => (at, step) = (at + 1, step + 1),
            Some(Step::Letter(letter)) if *letter == name[at] => (at, step) = (at + 1, step + 1),
            _ => match &mut resume {
                Some((taken, after)) => {
                    *taken += 1;
                    (at, step) = (*taken, *after);
                }
                None => return false,
            },
        }
    }
    steps[step..].iter().all(|step| matches!(step, Step::Many))
}

/// What one letter of a LIKE pattern stands for.
enum Step {
    Many,
    One,
    Letter(char),
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn names_like_patterns() {
        let check = |name: &str, pattern: &str, expected: bool| {
            assert_eq!(like(name, pattern), expected, "{name} LIKE {pattern}");
        };
        check("user_id", "USER%", true);
        check("user_id", "user\\_id", true);
        check("userXid", "user\\_id", false);
        check("userXid", "user_id", true);
        check("id", "%%d", true);
        check("abcabd", "%ab_", true);
        check("abcabd", "%abc", false);
        check("", "%", true);
        check("id", "", false);
    }
}
