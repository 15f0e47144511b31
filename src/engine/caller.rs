//! Who asks, as one statement sees it: a fixed time, the session's settings, and plans made under them.
//!
//! It is a copy, so that planning can go on on other threads. It must not know what a plan's rows are for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::timezone::Tz;
use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::sql::sqlparser::ast;
use futures::future::join_all;

use super::answer::Column;
use super::dialect::statement::{Query, TableName};
use super::error::{Error, Result};
use super::functions::locks::SessionLocks;
use super::functions::session::SessionValues;
use super::functions::{Context, Moment, Warnings};
use super::life::Life;
use super::metadata::variables::Variables;
use super::metadata::{self, Counters, MetadataContext};
use super::nearest::nearest;
use super::planner::{Pinned, Settings, Statement, Strategy, Tables};
use super::plans::{Asked, Definitions, Made};
use super::runtime::Kept;
use super::session::{Encryption, Engine, Session, State};
use super::unpinned::Scans;
use super::{aliases, bind, columns, found, functions, light, names, scopes, ungrouped, wildcards};
use crate::views;

/// The warning's code of what a statement tells of its views: ER_UNKNOWN_ERROR, as nothing in MySQL is like it.
const VIEW_NOTE: u16 = 1105;
/// Most user variables that a session may set.
pub(super) const USER_VARIABLES_MAX: usize = 1_000;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) engine: Arc<Engine>,
    /// The session's state when the statement began.
    pub(super) state: State,
    pub(super) connection: u32,
    pub(super) user: String,
    pub(super) host: String,
    pub(super) encryption: Option<Encryption>,
    /// The time that the statement sees.
    pub(super) now: DateTime<Utc>,
    pub(super) time_zone: Tz,
    /// Whether a function asked for the time. NOW() and its kin do not ask: they are made with it.
    pub(super) saw_time: Arc<AtomicBool>,
}

/// A query that can run.
#[derive(Debug)]
pub struct Plan {
    /// What it answers with.
    pub columns: Vec<Column>,
    /// Whether it reads a table of the lake.
    pub reads_lake: bool,
    /// Whether it joins by hashing, which cannot spill.
    pub hashes: bool,
    /// Whether it has so little to do that it runs best where it was planned.
    pub is_light: bool,
    /// What runs.
    pub executable: Kept<Executable>,
}

/// The deep part of a plan.
#[derive(Debug)]
pub struct Executable {
    /// Settings that it was planned with and runs with.
    pub statement: Statement,
    /// Names and types resolved, made cheap; algorithms and files not yet chosen.
    pub logical: LogicalPlan,
    /// Algorithms and files chosen.
    pub physical: Arc<dyn ExecutionPlan>,
    /// What its scans read, when it can run again over the same.
    pub rows: Option<Scans>,
}

impl Caller {
    /// The session's state of now.
    pub fn of(session: &Session) -> Self {
        let state = session.state.clone();
        let login = session.connection.login();
        let now = state
            .variables
            .acting()
            .timestamp_micros
            .and_then(DateTime::from_timestamp_micros)
            .unwrap_or_else(|| session.engine.clock.now());
        // The variable was checked when it was set.
        let time_zone = state.variables.acting().time_zone.parse().unwrap_or_else(|_| utc());
        Self {
            engine: Arc::clone(&session.engine),
            connection: session.connection.id(),
            user: login.user.clone(),
            host: login.host.clone(),
            encryption: login.encryption.clone(),
            state,
            now,
            time_zone,
            saw_time: Arc::default(),
        }
    }

    /// The server itself: nobody's settings, and the time of now.
    pub fn of_server(engine: &Arc<Engine>) -> Self {
        let variables = Variables::new(&engine.globals, false);
        let time_zone = variables.acting().time_zone.parse().unwrap_or_else(|_| utc());
        Self {
            engine: Arc::clone(engine),
            state: State::of_owner(variables, Arc::new(SessionLocks::new(Arc::clone(&engine.locks), 0))),
            connection: 0,
            user: "lakefront".into(),
            host: "localhost".into(),
            encryption: None,
            now: engine.clock.now(),
            time_zone,
            saw_time: Arc::default(),
        }
    }

    /// Plans a query on one consistent set of files.
    pub async fn plan(&self, asked: &Asked, hash_joins: bool) -> Result<Plan> {
        let plan = match &asked.known {
            None => self.plan_by(asked, Strategy { hash_joins, alone: false }).await?,
            Some(known) => {
                let alone = known.was_light() && asked.query.page.is_none();
                let mut plan = self.plan_by(asked, Strategy { hash_joins, alone }).await?;
                if alone && !plan.is_light {
                    plan = self.plan_by(asked, Strategy { hash_joins, alone: false }).await?;
                }
                known.note_light(plan.is_light);
                plan
            }
        };
        // What this statement could see of the one before it is planned by now.
        self.state.rows_beyond.store(0, Ordering::Relaxed);
        Ok(plan)
    }

    async fn plan_by(&self, asked: &Asked, strategy: Strategy) -> Result<Plan> {
        let definitions = Definitions::of(&self.engine);
        let tables = self.resolve(&asked.query.tables, strategy).await?;
        let known = asked.known.as_ref().and_then(|known| Some((known, known.plan(&tables)?)));
        let alone = strategy.alone && known.is_some();
        if let Some((known, plan)) = known.filter(|_| alone)
            && let Some(executable) = known.ready(plan, &tables).await?
        {
            self.tell(&tables);
            let (columns, reads_lake) = (known.columns.clone(), tables.reads_lake());
            let executable = self.engine.front.keep(executable);
            return Ok(Plan { columns, reads_lake, hashes: false, is_light: true, executable });
        }

        let mut settings = self.settings(Strategy { alone, ..strategy });
        if alone {
            settings.context = settings.context.apart();
        }
        let mut statement = self.engine.planner.statement(settings);
        let (logical, physical, columns, scans) = match known {
            Some((known, plan)) => {
                let scans = plan.scan(&tables, statement.state()).await?;
                let optimized = plan.over_scans(&scans)?;
                let physical = statement.physical(&optimized).await?;
                (optimized, physical, known.columns.clone(), Some(scans))
            }
            None => {
                let (optimized, physical, columns) =
                    self.plan_anew(&statement, asked, definitions, &tables).await?;
                (optimized, physical, columns, None)
            }
        };
        self.tell(&tables);
        let physical = match asked.query.page {
            Some(page) => found::counted(physical, page, &self.state.rows_beyond),
            None => physical,
        };
        let (hashes, is_light) = (joins_by_hash(&physical), light::is_light(&physical));
        let rows = scans.filter(|scans| alone && is_light && scans.are_in_memory());
        statement.forget_session();
        let executable = self.engine.front.keep(Executable { statement, logical, physical, rows });
        Ok(Plan { columns, reads_lake: tables.reads_lake(), hashes, is_light, executable })
    }

    /// Plans a query from its syntax, and keeps what the next one of the same text can use.
    async fn plan_anew(
        &self,
        statement: &Statement,
        asked: &Asked,
        definitions: Definitions,
        tables: &Tables,
    ) -> Result<(LogicalPlan, Arc<dyn ExecutionPlan>, Vec<Column>)> {
        let query = self.written_out(statement, &asked.query, tables)?;
        let logical = self.logical(statement, &query, tables)?;
        let logical = match self.state.variables.acting().sql_select_limit {
            Some(rows) if query.ast.limit_clause.is_none() && query.page.is_none() => {
                statement.limit(logical, rows)?
            }
            _ => logical,
        };
        let optimized = statement.optimize(&logical)?;
        // A warning, and what was computed from the time, would be missing from an answer that is made of this plan.
        let lasts = self.state.warnings.count() == 0 && !self.saw_time.load(Ordering::Relaxed);
        let physical = statement.physical(&optimized).await?;
        let columns = columns::of_query(&query, &logical, &physical.schema(), tables)?;
        if lasts {
            let made = Made { logical: &logical, optimized: &optimized, columns: &columns };
            self.engine.plans.keep(self, asked, definitions, tables, made)?;
        }
        Ok((optimized, physical, columns))
    }

    /// Tells what of views was not read from published units.
    fn tell(&self, tables: &Tables) {
        for line in tables.notes.lines() {
            self.state.warnings.note(VIEW_NOTE, line);
        }
        // SHOW STATUS tells of the query before it.
        if tables.reads_lake() {
            self.state.live_days.store(tables.notes.units(), Ordering::Relaxed);
        }
    }

    /// Resolves the names of a query.
    pub(super) fn logical(
        &self,
        statement: &Statement,
        query: &Query,
        tables: &Tables,
    ) -> Result<LogicalPlan> {
        names::check_functions(&query.ast, statement, self.state.database.as_deref())?;
        let mut ast = Cow::Borrowed(&query.ast);
        loop {
            let mut tree = ast.as_ref().clone();
            let planned = names::qualify(&mut tree, tables).and_then(|()| {
                names::shorten_qualifiers(&mut tree);
                statement.logical(tree, tables)
            });
            match planned {
                // What no table has may be the alias of a value around a subquery.
                Err(Error::UnknownColumn { column, .. }) if aliases::write_out(ast.to_mut(), &column) => {}
                planned => {
                    let located =
                        |error| ungrouped::locate(names::locate(error, &query.ast), &query.ast, tables);
                    return planned.map_err(located);
                }
            }
        }
    }

    /// A query with what is short for its tables' columns written out, where DataFusion does otherwise.
    pub(super) fn written_out<'a>(
        &self,
        statement: &Statement,
        query: &'a Query,
        tables: &Tables,
    ) -> Result<Cow<'a, Query>> {
        let columns = |one: &Query| Ok(Arc::clone(self.logical(statement, one, tables)?.schema()));
        let mut query = Cow::Borrowed(query);
        if scopes::depend(&query) {
            scopes::write_out(query.to_mut(), tables, columns)?;
        }
        if wildcards::overlap(&query) {
            wildcards::write_out(query.to_mut(), columns)?;
        }
        Ok(query)
    }

    /// The columns of a query whose parameters have no values yet. No file is listed for it.
    pub async fn announce(self: Arc<Self>, mut query: Query) -> Result<Vec<Column>> {
        let engine = Arc::clone(&self.engine);
        let work = async move {
            bind::unknown(&mut query.ast)?;
            let tables = self.resolve(&query.tables, Strategy::default()).await?;
            let mut settings = self.settings(Strategy::default());
            settings.functions.push(bind::unknown_value());
            let statement = self.engine.planner.statement(settings);
            let query = self.written_out(&statement, &query, &tables)?;
            let logical = self.logical(&statement, &query, &tables)?;
            let optimized = statement.optimize(&logical)?;
            columns::of_query(&query, &logical, optimized.schema().as_arrow(), &tables)
        };
        engine.front.run(work).await
    }

    /// The value of an expression that is no part of a query.
    pub async fn evaluate(&self, life: &Life, expression: ast::Expr) -> Result<ScalarValue> {
        let mut query = names::query_of(expression);
        query.any_of_group = !self.state.variables.acting().mode.only_full_group_by;
        let engine = &self.engine;
        let caller = Arc::new(self.clone());
        let (environment, _pool) = engine.memory.for_query()?;
        let mut batches = engine.front.pull(async move {
            let plan = caller.plan(&query.into(), true).await?;
            plan.executable.start(environment)
        });
        let mut value = None;
        while let Some(batch) = life.interrupt().race(batches.next()).await?.transpose()? {
            if batch.num_rows() > 0 && value.is_none() {
                value = Some(ScalarValue::try_from_array(batch.column(0), 0)?);
            }
        }
        Ok(value.unwrap_or(ScalarValue::Null))
    }

    /// SET of a user variable.
    pub fn set_user_variable(&mut self, name: String, value: ScalarValue) -> Result<()> {
        if self.state.user_variables.len() >= USER_VARIABLES_MAX
            && !self.state.user_variables.contains_key(&name)
        {
            return Err(Error::TooMany { what: "user variables", most: USER_VARIABLES_MAX });
        }
        Arc::make_mut(&mut self.state.user_variables).insert(name, value);
        Ok(())
    }

    /// The tables of a statement, each pinned once.
    pub async fn resolve(&self, names: &[TableName], strategy: Strategy) -> Result<Tables> {
        self.resolve_in(&self.engine.views.snapshot(), names, strategy).await
    }

    /// As [`Self::resolve`], among these views.
    pub(super) async fn resolve_in(
        &self,
        views: &views::Snapshot,
        names: &[TableName],
        strategy: Strategy,
    ) -> Result<Tables> {
        let mut tables = Tables::new(self.state.database.as_deref());
        let mut keys = BTreeMap::new();
        for name in names {
            keys.entry(tables.key(name)?).or_insert(name);
        }
        if keys.is_empty() {
            return Ok(tables);
        }
        self.engine.register_stores();
        let context = Arc::new(self.metadata());
        let wanted = self.wanted(views, keys.keys().cloned())?;
        let pinned = wanted.tables.iter().map(async |key| {
            let named = TableName { database: Some(key.0.clone()), table: key.1.clone() };
            (key, self.pin(&context, key, keys.get(key).copied().unwrap_or(&named)).await)
        });
        for (key, pinned) in join_all(pinned).await {
            match pinned {
                Ok(pinned) => tables.insert(key.clone(), pinned),
                // A view above it may be read as it was last published.
                Err(problem) => tables.insert_problem(key.clone(), problem),
            }
        }
        Box::pin(self.pin_views(&mut tables, &wanted, &context, strategy)).await?;
        let is_pinned = |(database, table): &(String, String)| tables.by_key(database, table).is_some();
        match keys.keys().filter(|key| !is_pinned(key)).find_map(|key| tables.problem(key)) {
            Some(problem) => Err(problem.clone()),
            None => Ok(tables),
        }
    }

    pub(super) async fn pin(
        &self,
        context: &Arc<MetadataContext>,
        key: &(String, String),
        name: &TableName,
    ) -> Result<Pinned> {
        let (database, table) = key;
        if let Some(found) = self.state.temporary.get(key) {
            return Ok(Pinned {
                database: found.database.clone(),
                table: found.name.clone(),
                columns: Arc::clone(&found.columns),
                max_characters: Arc::default(),
                declared: Arc::clone(&found.declared),
                provider: found.provider()?,
                of_lake: true,
            });
        }
        if let Some(found) = metadata::resolve(database, table, context) {
            let metadata::MetadataTable { database, name, columns, max_characters, provider } = found?;
            return Ok(Pinned {
                database: database.into(),
                table: name.into(),
                columns,
                max_characters,
                declared: Arc::default(),
                provider,
                of_lake: false,
            });
        }
        let tables = context.snapshot.databases.get(database).map(|database| &database.tables);
        let Some(table) = tables.and_then(|tables| tables.get(table)) else {
            // A database that has views only is there, too.
            if tables.is_none() && context.views.database(database).is_none() {
                let name = name.database.clone().unwrap_or_else(|| database.clone());
                return Err(Error::UnknownDatabase(name));
            }
            let tables = tables.into_iter().flat_map(|tables| tables.values()).map(|table| &*table.name);
            let views = context.views.views.values().filter(|view| view.id.database == *database);
            return Err(Error::NoSuchTable {
                database: name.database.clone().or_else(|| self.state.database.clone()).unwrap_or_default(),
                table: name.table.clone(),
                hint: nearest(&name.table, tables.chain(views.map(|view| view.name()))),
            });
        };
        let (columns, provider) = table.pin_with_columns().await?;
        Ok(Pinned {
            database: table.database.clone(),
            table: table.name.clone(),
            columns,
            max_characters: Arc::default(),
            declared: Arc::default(),
            provider,
            of_lake: true,
        })
    }

    /// Makes ready for another attempt after an error that it can help against.
    pub fn prepare_again(&self, query: &Query, error: &Error) {
        tracing::info!(connection = self.connection, %error, "planning the statement again");
        if !matches!(error, Error::Changed(_)) {
            return;
        }
        let catalog = self.engine.catalog.snapshot();
        let names = Tables::new(self.state.database.as_deref());
        let keys = query.tables.iter().filter_map(|name| names.key(name).ok());
        let Ok(wanted) = self.wanted(&self.engine.views.snapshot(), keys) else { return };
        for view in &wanted.views {
            self.engine.views.warehouse.view(&view.id.database, &view.id.name).refresh();
        }
        for (database, table) in wanted.tables {
            if let Some(table) =
                catalog.databases.get(&database).and_then(|database| database.tables.get(&table))
            {
                table.refresh();
            }
        }
    }

    /// What the server's own tables are made of.
    pub fn metadata(&self) -> MetadataContext {
        let processes = self.engine.processes.list();
        let running = processes.iter().filter(|process| process.command != "Sleep").count();
        MetadataContext {
            snapshot: self.engine.catalog.snapshot(),
            temporary: Arc::clone(&self.state.temporary),
            views: self.engine.views.snapshot(),
            about_views: Arc::new(self.clone()),
            refreshes: self.engine.refreshes(),
            user: self.user.clone(),
            host: self.host.clone(),
            encryption: self.encryption.clone(),
            database: self.state.database.clone(),
            variables: self.state.variables.clone(),
            counters: Counters {
                threads_connected: processes.len() as u64,
                threads_running: running as u64,
                session_questions: self.state.statements,
                live_days: self.state.live_days.load(Ordering::Relaxed),
                ..self.engine.counters()
            },
            processes,
            last_warnings: Arc::clone(&self.state.warnings),
            warnings: Arc::clone(&self.state.warnings),
        }
    }

    pub(super) fn settings(&self, strategy: Strategy) -> Settings {
        Settings {
            now: self.now,
            time_zone: self.state.variables.acting().time_zone.clone(),
            functions: functions::session::functions(self.values()),
            context: Context {
                warnings: Arc::clone(&self.state.warnings),
                now: Moment::new(self.now.timestamp_micros(), Arc::clone(&self.saw_time)),
                group_concat_max_len: self.state.variables.acting().group_concat_max_len,
                locale: self.state.variables.acting().locale,
                default_week_format: self.state.variables.acting().default_week_format,
                cte_max_recursion_depth: self.state.variables.acting().cte_max_recursion_depth,
                division_by_zero_warns: self.state.variables.acting().division_by_zero_warns,
                block_encryption: self.state.variables.acting().block_encryption,
                locks: Some(Arc::clone(&self.state.locks)),
                assigned: Arc::clone(&self.state.assigned),
                ..Context::default()
            },
            strategy,
        }
    }

    fn values(&self) -> SessionValues {
        let account = format!("{}@{}", self.user, self.host);
        let state = self.state.clone();
        let (now, connection) = (self.now.timestamp_micros(), u64::from(self.connection));
        let user_variables = Arc::clone(&self.state.user_variables);
        SessionValues {
            now: self.now.timestamp_micros(),
            time_zone: self.state.variables.acting().time_zone.clone(),
            user: account.clone(),
            current_user: account,
            database: self.state.database.clone(),
            connection_id: u64::from(self.connection),
            version: metadata::variables::VERSION.to_owned(),
            row_count: self.state.row_count,
            found_rows: self.state.found_rows.load(Ordering::Relaxed)
                + self.state.rows_beyond.load(Ordering::Relaxed),
            system_variable: Arc::new(move |scope, name| {
                let value = state.variable(scope, name)?;
                // What these tell, the statement and the connection know.
                Ok(match name {
                    "timestamp" => ScalarValue::Float64(Some(now as f64 / 1e6)),
                    "pseudo_thread_id" => ScalarValue::UInt64(Some(connection)),
                    _ => value,
                })
            }),
            user_variable: Arc::new(move |name| {
                user_variables.get(name).cloned().unwrap_or(ScalarValue::Null)
            }),
        }
    }
}

impl Executable {
    /// Starts it; its memory comes from the environment.
    pub fn start(&self, environment: Arc<RuntimeEnv>) -> Result<SendableRecordBatchStream> {
        self.statement.execute(Arc::clone(&self.physical), environment)
    }

    /// Tells the warnings of a plan that has nothing of its session.
    pub fn tell(&self, warnings: &Arc<Warnings>) {
        let own = self.statement.context().map(|context| &context.warnings);
        if let Some(own) = own.filter(|own| !Arc::ptr_eq(own, warnings)) {
            own.move_to(warnings);
        }
    }
}

/// What was tried to get a query's first rows.
#[derive(Debug)]
pub struct Retry {
    /// Whether joins may hash.
    pub hash_join: bool,
    /// Whether the last plan did.
    hashed: bool,
    listed_again: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self { hash_join: true, hashed: false, listed_again: false }
    }
}

impl Retry {
    /// Looks at what is about to run.
    pub fn note(&mut self, plan: &Plan) {
        self.hashed = plan.hashes;
    }

    /// Whether another attempt can do better than the one that failed; each reason helps once.
    pub fn helps(&mut self, error: &Error) -> bool {
        match error {
            Error::Changed(_) => !std::mem::replace(&mut self.listed_again, true),
            Error::Memory(_) => self.hashed && std::mem::replace(&mut self.hash_join, false),
            _ => false,
        }
    }
}

fn joins_by_hash(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<HashJoinExec>().is_some() || plan.children().into_iter().any(joins_by_hash)
}

fn utc() -> Tz {
    "+00:00".parse().expect("an offset is a time zone")
}
