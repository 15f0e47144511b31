//! From a rewritten syntax tree to a plan that can run: DataFusion's planner over our names, functions and rules.
//!
//! It must not know how a statement was written or who asked: only its tables, pinned, and its settings.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use datafusion::common::config::{ConfigNonZeroUsize, ConfigOptions, SpillCompression};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DataFusionResult, ScalarValue, TableReference};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::context::SessionState;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use datafusion::sql::planner::{NullOrdering, ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast;

use super::compact::CompactTexts;
use super::constant_rows::ConstantRows;
use super::dialect;
use super::dialect::statement::TableName;
use super::error::{Error, Result};
use super::functions::{self, Functions};
use super::limited::LimitsFirst;
use super::memory::Limits;
use super::nearest::Hint;
use super::recursion::LimitRecursion;
use super::semijoin::SemiJoinsFirst;
use super::types::MysqlType;
use super::window_keys::PlainWindowKeys;
use super::yielding::YieldInJoins;
use crate::catalog;
use crate::config::Config;
use crate::views::calendar::{self, Calendar};
use crate::views::notes::Notes;

/// What all statements are planned with; made once.
#[derive(Debug)]
pub struct Planner {
    /// Without functions: each statement has a copy of it, and only [`Names`] looks for them.
    state: SessionState,
    scalar: HashMap<String, Arc<ScalarUDF>>,
    aggregate: HashMap<String, Arc<AggregateUDF>>,
    window: HashMap<String, Arc<WindowUDF>>,
    limits: Limits,
    relation_planners: Vec<Arc<dyn RelationPlanner>>,
    type_planner: Arc<dyn TypePlanner>,
}

impl Planner {
    /// Puts MySQL's functions, operators and rules together with DataFusion's optimizer.
    pub fn new(config: &Config, environment: Arc<RuntimeEnv>) -> Self {
        let limits = Limits::of(config);
        let Functions { scalar, aggregate, window } = functions::all();
        let mut expr_planners = dialect::expr_planners();
        expr_planners.extend(SessionStateDefaults::default_expr_planners());
        // Types may depend on the values of constants, so these come first.
        let mut analyzer_rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> =
            vec![Arc::new(functions::fold::Constants)];
        analyzer_rules.extend(dialect::analyzer_rules());
        let state = SessionStateBuilder::new()
            .with_config(session_config(limits))
            .with_runtime_env(environment)
            .with_expr_planners(expr_planners)
            .with_analyzer_rules(analyzer_rules)
            .with_optimizer_rule(Arc::new(SemiJoinsFirst))
            .with_optimizer_rule(Arc::new(PlainWindowKeys))
            .with_optimizer_rule(Arc::new(ConstantRows))
            .with_physical_optimizer_rules(physical_rules())
            .build();
        let aggregate = over(SessionStateDefaults::default_aggregate_functions(), aggregate);
        let window = over(SessionStateDefaults::default_window_functions(), window);
        Self {
            state,
            scalar: by_name(scalar, |function| (function.name(), function.aliases())),
            aggregate: by_name(aggregate, |function| (function.name(), function.aliases())),
            window: by_name(window, |function| (function.name(), function.aliases())),
            limits,
            relation_planners: dialect::relation_planners(),
            type_planner: dialect::type_planner(),
        }
    }

    /// Specialises the planner for one statement.
    pub fn statement(self: &Arc<Self>, settings: Settings) -> Statement {
        let mut state = self.state.clone();
        let options = state.config_mut().options_mut();
        options.execution.time_zone = Some(settings.time_zone);
        options.optimizer.prefer_hash_join = settings.strategy.hash_joins;
        if settings.strategy.alone {
            options.execution.target_partitions = 1;
            // Nothing is left to skip of rows in memory; and a plan that runs again must not know what it found before.
            options.optimizer.enable_topk_dynamic_filter_pushdown = false;
            options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
            options.optimizer.enable_join_dynamic_filter_pushdown = false;
        }
        if !settings.strategy.hash_joins {
            let limits = self.limits.of_sorting_joins();
            options.execution.target_partitions = limits.partitions;
            options.execution.batch_size =
                ConfigNonZeroUsize::try_new(limits.rows_per_batch).expect("batches have rows");
        }
        // A part of the query has several columns of functions at once, and each batch is gone before the next is made.
        let bytes_per_column_max = self.limits.bytes / self.limits.partitions / 4;
        options.extensions.insert(functions::Context { bytes_per_column_max, ..settings.context });
        // Functions see the options of the statement through its execution properties.
        let options = Arc::clone(state.config_options());
        let properties = state.execution_props_mut();
        properties.query_execution_start_time = Some(settings.now);
        properties.config_options = Some(options);

        let functions = by_name(settings.functions, |function| (function.name(), function.aliases()));
        Statement { planner: Arc::clone(self), state, functions }
    }
}

/// What of the session changes how a statement is planned.
#[derive(Debug)]
pub struct Settings {
    /// The time that the statement sees.
    pub now: DateTime<Utc>,
    /// A name of the time-zone database or an offset.
    pub time_zone: String,
    /// The functions that answer from the session.
    pub functions: Vec<Arc<ScalarUDF>>,
    /// What all functions see of the statement.
    pub context: functions::Context,
    /// How it is to run.
    pub strategy: Strategy,
}

/// How a statement is to run, beyond what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// False when a hash join ran out of memory before.
    pub hash_joins: bool,
    /// Whether one thread does it all, because there is little to do. Then the plan has nothing of its session.
    pub alone: bool,
}

impl Default for Strategy {
    fn default() -> Self {
        Self { hash_joins: true, alone: false }
    }
}

/// A table of the statement: one consistent set of files for all its references.
#[derive(Clone, Debug)]
pub struct Pinned {
    /// The database's name, as written in the catalog.
    pub database: String,
    /// The table's name, as written in the catalog.
    pub table: String,
    /// Its columns, as written, in the order of the provider's schema.
    pub columns: Arc<[catalog::Column]>,
    /// Most characters of each column's texts, where that is known; empty when it is known of none.
    pub max_characters: Arc<[Option<u32>]>,
    /// The type of each column, where it was declared; else empty.
    pub declared: Arc<[MysqlType]>,
    /// What is scanned.
    pub provider: Arc<dyn TableProvider>,
    /// Whether it has rows of its own, and is not only what the server knows of itself.
    pub of_lake: bool,
}

/// The tables of one statement.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// In lower case.
    default_database: Option<String>,
    /// By database and table in lower case.
    pinned: HashMap<(String, String), Pinned>,
    /// Why tables and views cannot be read. A view may be pinned all the same, as it was last published.
    problems: BTreeMap<(String, String), Error>,
    /// What views among them have to tell.
    pub notes: Arc<Notes>,
}

impl Tables {
    /// No tables yet; names without a database are looked up in the default one.
    pub fn new(default_database: Option<&str>) -> Self {
        Self {
            default_database: default_database.map(str::to_lowercase),
            pinned: HashMap::new(),
            problems: BTreeMap::new(),
            notes: Arc::default(),
        }
    }

    /// The same tables, where names without a database are looked up in another one.
    pub fn with_default(&self, database: &str) -> Self {
        Self { default_database: Some(database.to_lowercase()), ..self.clone() }
    }

    /// The database of names without one, in lower case.
    pub fn default_database(&self) -> Option<&str> {
        self.default_database.as_deref()
    }

    /// The database and the table that a name means, in lower case.
    pub fn key(&self, name: &TableName) -> Result<(String, String)> {
        let database = match &name.database {
            Some(database) => database.to_lowercase(),
            None => self.default_database.clone().ok_or(Error::NoDatabase)?,
        };
        Ok((database, name.table.to_lowercase()))
    }

    /// Adds a table under its key.
    pub fn insert(&mut self, key: (String, String), pinned: Pinned) {
        self.pinned.insert(key, pinned);
    }

    /// Takes a table out.
    pub fn remove(&mut self, key: &(String, String)) {
        self.pinned.remove(key);
    }

    /// Keeps why a table or view cannot be read.
    pub fn insert_problem(&mut self, key: (String, String), problem: Error) {
        self.problems.insert(key, problem);
    }

    /// Why a table or view cannot be read as it should be.
    pub fn problem(&self, key: &(String, String)) -> Option<&Error> {
        self.problems.get(key)
    }

    /// The table of a key.
    pub fn by_key(&self, database: &str, table: &str) -> Option<&Pinned> {
        self.pinned.get(&(database.to_owned(), table.to_owned()))
    }

    /// The table that a reference in a plan means.
    pub fn get(&self, reference: &TableReference) -> Option<&Pinned> {
        let database = reference.schema().or(self.default_database.as_deref())?;
        self.pinned.get(&(database.to_lowercase(), reference.table().to_lowercase()))
    }

    /// The columns of the table that a name in a query means, if it is one.
    pub fn columns_of(&self, name: &ast::ObjectName) -> Option<&[catalog::Column]> {
        self.named(name).map(|pinned| &*pinned.columns)
    }

    /// The table that a name in a query means.
    pub fn named(&self, name: &ast::ObjectName) -> Option<&Pinned> {
        let parts: Vec<&str> =
            name.0.iter().filter_map(|part| part.as_ident()).map(|ident| &*ident.value).collect();
        let reference = match parts.as_slice() {
            [table] => TableReference::bare(*table),
            [database, table] => TableReference::partial(*database, *table),
            _ => return None,
        };
        self.get(&reference)
    }

    /// Whether one of them reads files.
    pub fn reads_lake(&self) -> bool {
        self.pinned.values().any(|pinned| pinned.of_lake)
    }
}

/// The planner with one statement's settings.
#[derive(Clone, Debug)]
pub struct Statement {
    planner: Arc<Planner>,
    state: SessionState,
    functions: HashMap<String, Arc<ScalarUDF>>,
}

impl Statement {
    /// Resolves names and types. The schema of the plan is what the query selects, in order.
    pub fn logical(&self, query: ast::Query, tables: &Tables) -> Result<LogicalPlan> {
        let names = Names { statement: self, tables };
        let planner = SqlToRel::new_with_options(&names, parser_options());
        let plan = planner.sql_statement_to_plan(ast::Statement::Query(Box::new(query)))?;
        match repeated_column(&plan)? {
            Some(name) => Err(Error::DuplicateColumn(name)),
            None => Ok(plan),
        }
    }

    /// Keeps at most so many rows.
    pub fn limit(&self, plan: LogicalPlan, rows: u64) -> Result<LogicalPlan> {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX).min(i64::MAX as usize);
        Ok(LogicalPlanBuilder::from(plan).limit(0, Some(rows))?.build()?)
    }

    /// Applies MySQL's conversions and makes the plan cheaper.
    pub fn optimize(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        Ok(self.state.optimize(plan)?)
    }

    /// Chooses algorithms and files. Needs the optimized plan.
    pub async fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self.state.query_planner().create_physical_plan(plan, &self.state).await?)
    }

    /// Starts a plan; its memory comes from the environment.
    pub fn execute(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        environment: Arc<RuntimeEnv>,
    ) -> Result<SendableRecordBatchStream> {
        // The registries of a task are for plans that arrive from elsewhere; this one holds its functions.
        let task = TaskContext::new(
            None,
            self.state.session_id().to_owned(),
            self.state.config().clone(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            environment,
        );
        Ok(execute_stream(plan, Arc::new(task))?)
    }

    /// The settings.
    pub fn state(&self) -> &SessionState {
        &self.state
    }

    /// What functions see of it.
    pub fn context(&self) -> Option<&functions::Context> {
        self.state.config_options().extensions.get()
    }

    /// Leaves out the functions that answer from the session: once it is planned, it needs none by name.
    pub fn forget_session(&mut self) {
        self.functions = HashMap::new();
    }

    /// The settings, to plan more with them.
    pub fn into_state(self) -> SessionState {
        self.state
    }

    /// The functions that a statement may call, but for those that stand for operators.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        let Planner { scalar, aggregate, window, .. } = &*self.planner;
        let names = self.functions.keys().chain(scalar.keys()).chain(aggregate.keys()).chain(window.keys());
        names.map(String::as_str).filter(|name| !name.starts_with("mysql_"))
    }

    /// Whether a function of this name exists, of whatever kind.
    pub fn knows_function(&self, name: &str) -> bool {
        let Planner { scalar, aggregate, window, .. } = &*self.planner;
        self.functions.contains_key(name)
            || scalar.contains_key(name)
            || aggregate.contains_key(name)
            || window.contains_key(name)
    }
}

/// A name that two columns of a derived table have: DataFusion's planner gives the second one another name.
fn repeated_column(plan: &LogicalPlan) -> Result<Option<String>> {
    let mut repeated = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::SubqueryAlias(alias) = node
            && let LogicalPlan::Projection(projection) = alias.input.as_ref()
        {
            repeated = projection.expr.iter().find_map(|output| match output {
                Expr::Alias(Alias { expr, name, .. }) => match expr.as_ref() {
                    Expr::Column(column) => {
                        let number = name.strip_prefix(&column.name)?.strip_prefix(':')?;
                        number.parse::<u32>().is_ok().then(|| column.name.clone())
                    }
                    _ => None,
                },
                _ => None,
            });
        }
        Ok(if repeated.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(repeated)
}

/// DataFusion's rules between ours that must come first and last.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.insert(0, Arc::new(LimitsFirst));
    rules.push(Arc::new(LimitRecursion));
    rules.push(Arc::new(CompactTexts));
    rules.push(Arc::new(YieldInJoins));
    rules
}

/// MySQL's functions take the place of DataFusion's of the same names; the others are alike in both.
fn over<F>(mut datafusion: Vec<F>, mysql: Vec<F>) -> Vec<F> {
    datafusion.extend(mysql);
    datafusion
}

/// Functions by their names and aliases; of two with one name, the later.
fn by_name<F>(functions: Vec<Arc<F>>, names: impl Fn(&F) -> (&str, &[String])) -> HashMap<String, Arc<F>> {
    let mut found = HashMap::new();
    for function in functions {
        let (name, aliases) = names(&function);
        for name in std::iter::once(name).chain(aliases.iter().map(String::as_str)) {
            found.insert(name.to_owned(), Arc::clone(&function));
        }
    }
    found
}

/// The options that do not depend on the session.
fn session_config(limits: Limits) -> SessionConfig {
    let mut session = SessionConfig::new()
        .with_target_partitions(limits.partitions)
        .with_batch_size(limits.rows_per_batch)
        .with_sort_spill_reservation_bytes(limits.bytes_per_merge)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false)
        .with_spill_compression(SpillCompression::Lz4Frame);
    let options = session.options_mut();
    options.sql_parser.parse_float_as_decimal = true;
    options.sql_parser.collect_spans = true;
    options.sql_parser.default_null_ordering = "nulls_min".into();
    options.optimizer.expand_views_at_output = false;
    // A file for each batch that a repartition spills. Where two inputs spill into files that are still open, its reader
    // may wait for more of the one while what it needs is in the other, for ever (apache/datafusion#24883, fixed after
    // 55.2).
    options.execution.max_spill_file_size_bytes =
        ConfigNonZeroUsize::try_new(1).expect("one is more than zero");
    session
}

/// How DataFusion's planner reads the tree. Identifiers are in lower case already, quoted or not.
fn parser_options() -> ParserOptions {
    ParserOptions::new()
        .with_parse_float_as_decimal(true)
        .with_enable_ident_normalization(false)
        .with_support_varchar_with_length(true)
        .with_map_string_types_to_utf8view(true)
        .with_collect_spans(true)
        .with_default_null_ordering(NullOrdering::NullsMin)
}

/// A date that is written in a call: days since 1970-01-01.
fn day_of(argument: &Expr) -> DataFusionResult<i32> {
    let literal = argument.as_literal().map(|value| value.cast_to(&DataType::Date32));
    match literal {
        Some(Ok(ScalarValue::Date32(Some(day)))) => Ok(day),
        _ => {
            let written = match argument.as_literal() {
                Some(value) => value.to_string(),
                None => argument.human_display().to_string(),
            };
            Err(Error::Invalid(format!("calendar() takes dates such as 2026-09-01, not {written}")).into())
        }
    }
}

/// The names that a statement may use, as DataFusion's planner asks for them.
struct Names<'a> {
    statement: &'a Statement,
    tables: &'a Tables,
}

impl ContextProvider for Names<'_> {
    fn get_table_source(&self, name: TableReference) -> DataFusionResult<Arc<dyn TableSource>> {
        match self.tables.get(&name) {
            Some(pinned) => Ok(provider_as_source(Arc::clone(&pinned.provider))),
            None => Err(Error::NoSuchTable {
                database: name
                    .schema()
                    .or(self.tables.default_database.as_deref())
                    .unwrap_or_default()
                    .to_owned(),
                table: name.table().to_owned(),
                hint: Hint::default(),
            }
            .into()),
        }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> DataFusionResult<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(name, schema))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.statement.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.statement.planner.relation_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::clone(&self.statement.planner.type_planner))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let Statement { planner, functions, .. } = self.statement;
        functions.get(name).or_else(|| planner.scalar.get(name)).map(Arc::clone)
    }

    fn get_higher_order_meta(&self, _: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.statement.planner.aggregate.get(name).map(Arc::clone)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.statement.planner.window.get(name).map(Arc::clone)
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        // Variables are function calls by now.
        None
    }

    fn get_table_function_source(
        &self,
        name: &str,
        arguments: Vec<Expr>,
    ) -> DataFusionResult<Arc<dyn TableSource>> {
        if name != "calendar" {
            return Err(DataFusionError::from(Error::UnknownFunction {
                name: name.to_owned(),
                hint: Hint::default(),
            }));
        }
        let (first, last) = match arguments.as_slice() {
            [] => calendar::ALL,
            [first, last] => (day_of(first)?, day_of(last)?),
            _ => return Err(Error::Arguments(name.to_owned()).into()),
        };
        Ok(provider_as_source(Arc::new(Calendar::new(first, last))))
    }

    fn options(&self) -> &ConfigOptions {
        self.statement.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.statement.planner.scalar.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.statement.planner.aggregate.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.statement.planner.window.keys().cloned().collect()
    }
}
