//! Views as tables of a statement: their queries planned over the tables that the statement pinned.
//!
//! A plain view is its query, under the settings of who asks. A materialized view is planned under settings
//! of its own, so that its answer does not depend on who asks. This module must not know when units are
//! refreshed, nor how they are stored.

mod check;
pub mod handle;
mod open;
pub mod parse;
pub mod place;
mod remedy;
mod shape;
pub mod statements;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable as InlinedView;
use datafusion::common::Column as PlanColumn;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use sha2::{Digest, Sha256};

use super::caller::Caller;
use super::columns;
use super::dialect::statement::{Query, Statement, TableName};
use super::error::{Error, Result};
use super::functions;
use super::metadata::variables::Variables;
use super::metadata::{self, AboutViews, MetadataContext};
use super::nearest::{Hint, nearest};
use super::planner::{Pinned, Strategy, Tables};
use super::session::State;
use super::unpinned::Unpinned;
use super::{answer, dialect};
use crate::catalog::{self, TableId};
use crate::views::definition::{Definition, DependencyKind, Materialized};
use crate::views::lineage::{Declared, Lineage};
use crate::views::notes::Notes;
use crate::views::provider::{Body, ViewTable};
use crate::views::publish::check_columns;
use crate::views::runs::Run;
use crate::views::served::{Served, Stored};
use crate::views::{self, View, first_128_bits};
use shape::{Planned, Shape};

pub use open::{Computation, OpenView};
pub use shape::Shapes;

/// Changes when the meaning of all views does, so that all their units are made anew.
const MEANING: u32 = 1;
/// Views that a view may read through one another.
const DEPTH_MAX: usize = 64;

/// A view whose query is parsed.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Which view it is.
    pub id: TableId,
    definition: Arc<Definition>,
    query: Arc<Query>,
    /// The tables and views that it reads.
    reads: Vec<TableId>,
}

/// What was found of a view that can be.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its columns as clients see them.
    pub columns: Arc<[catalog::Column]>,
    /// What its owner should know of it.
    pub advice: Vec<String>,
}

/// What views a statement reads, through one another, and which tables these read.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Tables, of the lake or made up by the server.
    pub tables: BTreeSet<(String, String)>,
    /// Those that come first are read by those after them.
    pub views: Vec<Arc<Parsed>>,
    /// The tables that views read. No view reads a session's temporary tables.
    pub of_views: BTreeSet<(String, String)>,
}

impl Caller {
    /// Follows the views among some tables down to what they read.
    pub(super) fn wanted(
        &self,
        snapshot: &views::Snapshot,
        keys: impl Iterator<Item = (String, String)>,
    ) -> Result<Wanted> {
        let mut wanted = Wanted::default();
        let mut found = BTreeSet::new();
        for key in keys {
            // A temporary table stands before a view of its name.
            if self.state.temporary.contains_key(&key) {
                wanted.tables.insert(key);
                continue;
            }
            let id = TableId { database: key.0, name: key.1 };
            self.follow(&id, snapshot, &mut vec![], &mut found, &mut wanted)?;
        }
        Ok(wanted)
    }

    fn follow(
        &self,
        id: &TableId,
        snapshot: &views::Snapshot,
        above: &mut Vec<TableId>,
        found: &mut BTreeSet<TableId>,
        wanted: &mut Wanted,
    ) -> Result<()> {
        let Some(view) = snapshot.views.get(id) else {
            let key = (id.database.clone(), id.name.clone());
            if !above.is_empty() {
                wanted.of_views.insert(key.clone());
            }
            wanted.tables.insert(key);
            return Ok(());
        };
        if above.contains(id) {
            return Err(Error::ViewRecursion { database: id.database.clone(), view: id.name.clone() });
        }
        if above.len() == DEPTH_MAX {
            return Err(Error::TooComplex("its views are nested too deeply".into()));
        }
        if !found.insert(id.clone()) {
            return Ok(());
        }
        let parsed = self.parse_view(view)?;
        above.push(id.clone());
        for read in &parsed.reads {
            self.follow(read, snapshot, above, found, wanted)?;
        }
        above.pop();
        wanted.views.push(parsed);
        Ok(())
    }

    fn parse_view(&self, view: &View) -> Result<Arc<Parsed>> {
        let definition = view.definition.clone().map_err(Error::from)?;
        let mode = self.owner_variables().acting().mode;
        if let Some(known) = self.engine.shapes.parsed(&view.id, &definition, mode) {
            return Ok(known);
        }
        let query = query_of(&definition, mode)?;
        let names = Tables::new(Some(&definition.database));
        let keys = query.tables.iter().map(|name| names.key(name));
        let reads = keys.map(|key| key.map(|(database, name)| TableId { database, name }));
        let reads = reads.collect::<Result<_>>()?;
        let parsed = Arc::new(Parsed { id: view.id.clone(), definition, query: Arc::new(query), reads });
        self.engine.shapes.keep_parsed(mode, &parsed);
        Ok(parsed)
    }

    /// Plans a view that may not be there yet: what was found of it, or why it cannot be.
    pub(super) async fn check_view(&self, definition: Arc<Definition>) -> Result<Checked> {
        let id = TableId::new(&definition.database, &definition.name);
        let mut snapshot = views::Snapshot { views: self.engine.views.snapshot().views.clone() };
        let view = View { id: id.clone(), file: String::new(), definition: Ok(definition) };
        let view = Arc::new(view);
        snapshot.views.insert(id.clone(), Arc::clone(&view));
        self.checked_in(&snapshot, &view).await
    }

    async fn checked_in(&self, snapshot: &views::Snapshot, view: &View) -> Result<Checked> {
        let Pinned { columns, provider, .. } = self.computable_in(snapshot, &view.id).await?;
        check_publishable(view, &columns)?;
        if let Ok(definition) = &view.definition {
            self.as_owner().check_conditions(definition, &columns)?;
        }
        let any: &dyn Any = provider.as_ref();
        let advice = any.downcast_ref::<ViewTable>().map(ViewTable::advice).unwrap_or_default();
        Ok(Checked { columns, advice })
    }

    /// A view among these, and why it can be read as it was last published only.
    async fn pinned_in(&self, snapshot: &views::Snapshot, id: &TableId) -> Result<(Pinned, Option<Error>)> {
        let tables =
            self.resolve_in(snapshot, std::slice::from_ref(&name_of(id)), Strategy::default()).await?;
        let missing = || Error::NoSuchTable {
            database: id.database.clone(),
            table: id.name.clone(),
            hint: Hint::default(),
        };
        let key = (id.database.clone(), id.name.clone());
        let pinned = tables.by_key(&key.0, &key.1).cloned().ok_or_else(missing)?;
        Ok((pinned, tables.problem(&key).cloned()))
    }

    /// A view among these that can be computed.
    async fn computable_in(&self, snapshot: &views::Snapshot, id: &TableId) -> Result<Pinned> {
        let (pinned, problem) = self.pinned_in(snapshot, id).await?;
        problem.map_or(Ok(pinned), Err)
    }

    /// Pins views over tables that are pinned already.
    pub(super) async fn pin_views(
        &self,
        tables: &mut Tables,
        wanted: &Wanted,
        context: &Arc<MetadataContext>,
        strategy: Strategy,
    ) -> Result<()> {
        let notes = Arc::clone(&tables.notes);
        // What a materialized view reads is planned under the owner's settings, plain views among it too.
        let owner = self.as_owner();
        let mut of_views = tables.clone();
        for key in wanted.of_views.iter().filter(|key| self.state.temporary.contains_key(key)) {
            let id = TableId { database: key.0.clone(), name: key.1.clone() };
            match owner.pin(context, key, &name_of(&id)).await {
                Ok(pinned) => of_views.insert(key.clone(), pinned),
                Err(problem) => {
                    of_views.remove(key);
                    tables.insert_problem(key.clone(), problem);
                }
            }
        }
        let mut of_owner = of_views.clone();
        let mut meanings = BTreeMap::new();
        for view in &wanted.views {
            let key = (view.id.database.clone(), view.id.name.clone());
            let meaning = owner.meaning(view, &meanings);
            let unread = view.reads.iter().find(|read| of_owner.by_key(&read.database, &read.name).is_none());
            let problem = unread.and_then(|read| tables.problem(&(read.database.clone(), read.name.clone())));
            if let Some(problem) = problem.cloned() {
                if let Some(pinned) = owner.pin_as_published(view, &problem, &notes, strategy).await? {
                    self.show(tables, &key, &pinned);
                    of_views.insert(key.clone(), pinned.clone());
                    of_owner.insert(key.clone(), pinned);
                }
                tables.insert_problem(key, problem);
            } else if view.definition.materialized.is_some() {
                let pinned =
                    owner.pin_materialized(view, &of_owner, meaning.clone(), &notes, strategy).await?;
                self.show(tables, &key, &pinned);
                of_views.insert(key.clone(), pinned.clone());
                of_owner.insert(key, pinned);
            } else {
                let (plan, columns) = self.plan_view(view, &of_views, strategy)?;
                let pinned = inlined(view, plan, columns);
                self.show(tables, &key, &pinned);
                of_views.insert(key.clone(), pinned);
                let (plan, columns) = owner.plan_view(view, &of_owner, strategy)?;
                of_owner.insert(key, inlined(view, plan, columns));
            }
            meanings.insert(view.id.clone(), meaning);
        }
        Ok(())
    }

    /// Lets the statement itself read a view, unless a temporary table stands before it.
    fn show(&self, tables: &mut Tables, key: &(String, String), pinned: &Pinned) {
        if !self.state.temporary.contains_key(key) {
            tables.insert(key.clone(), pinned.clone());
        }
    }

    /// A view's query over pinned tables. Its columns have no qualifiers, and their names are in lower case.
    fn plan_view(
        &self,
        view: &Parsed,
        tables: &Tables,
        strategy: Strategy,
    ) -> Result<(LogicalPlan, Vec<catalog::Column>)> {
        let tables = tables.with_default(&view.definition.database);
        let statement = self.engine.planner.statement(self.settings(strategy));
        let query = self.written_out(&statement, &view.query, &tables)?;
        let logical = self.logical(&statement, &query, &tables)?;
        let optimized = statement.optimize(&logical)?;
        let answers = columns::of_query(&query, &logical, optimized.schema().as_arrow(), &tables)?;
        let columns = columns_of(&view.definition, answers, &tables)?;
        let renamed = logical.schema().iter().zip(&columns).map(|((qualifier, field), column)| {
            Expr::Column(PlanColumn::new(qualifier.cloned(), field.name())).alias(column.name.to_lowercase())
        });
        let renamed: Vec<Expr> = renamed.collect();
        let plan = LogicalPlanBuilder::from(logical).project(renamed)?.build()?;
        Ok((plan, columns))
    }

    async fn pin_materialized(
        &self,
        view: &Parsed,
        tables: &Tables,
        meaning: String,
        notes: &Arc<Notes>,
        strategy: Strategy,
    ) -> Result<Pinned> {
        let (plan, shape) = match self.engine.shapes.planned(view, &meaning, tables) {
            Some(known) => (known.plan.over(tables)?, Arc::clone(&known.shape)),
            None => self.shape(view, tables, meaning, strategy)?,
        };
        let state = self.engine.planner.statement(self.settings(strategy)).into_state();
        let body = Body {
            id: view.id.clone(),
            definition: Arc::clone(&view.definition),
            hash: shape.hash,
            plan,
            schema: Arc::clone(&shape.schema),
            state,
            declared: shape.declared.clone(),
        };
        let lineage = Arc::clone(&shape.lineage);
        let published = self.stored(view).await?;
        let holds = self.engine.views.holds.of(&view.id);
        let provider = ViewTable::new(body, lineage, published, holds, Arc::clone(notes))?;
        Ok(pinned(view, Arc::clone(&shape.columns), Arc::new(provider)))
    }

    /// A view whose sources cannot be read, as it was last published, where its owner wants that; `None` otherwise.
    async fn pin_as_published(
        &self,
        view: &Parsed,
        problem: &Error,
        notes: &Arc<Notes>,
        strategy: Strategy,
    ) -> Result<Option<Pinned>> {
        let Some(stored) = self.stored(view).await? else { return Ok(None) };
        let state = self.engine.planner.statement(self.settings(strategy)).into_state();
        let (notes, reason) = (Arc::clone(notes), problem.to_string());
        let served = Served::of(stored, &view.definition, state, notes, reason);
        Ok(served.map(|served| pinned(view, served.columns().into(), Arc::new(served))))
    }

    /// What is published of a view.
    async fn stored(&self, view: &Parsed) -> Result<Option<Stored>> {
        let log = self.engine.views.warehouse.view(&view.id.database, &view.id.name);
        let published = log.pin().await.map_err(views::Error::from)?;
        Ok(published.map(|published| Stored { id: view.id.clone(), log, published }))
    }

    /// Plans a materialized view, and keeps of it what the next statement can use.
    fn shape(
        &self,
        view: &Parsed,
        tables: &Tables,
        meaning: String,
        strategy: Strategy,
    ) -> Result<(LogicalPlan, Arc<Shape>)> {
        let materialized = view.definition.materialized.clone().unwrap_or_default();
        let (plan, columns) = self.plan_view(view, tables, strategy)?;
        check_deterministic(&plan)?;
        check_followed(&plan)?;
        let day = day_of(&materialized, &columns)?;
        let fields = columns.iter().map(|column| {
            // Its rows may come from files, whose columns may always be NULL.
            Field::new(column.name.to_lowercase(), column.data_type.clone(), true)
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let declared = self.declared(view, &materialized)?;
        let mut hash = Sha256::new();
        hash.update(meaning.as_bytes());
        hash.update(format!("{schema:?}").as_bytes());
        // What is published has passed the CHECKs as they are now.
        hash.update(format!("{:?}", materialized.checks).as_bytes());
        let hash = first_128_bits(hash);
        let state = self.engine.planner.statement(self.settings(strategy)).into_state();
        let lineage = Arc::new(Lineage::of(&plan, &state, day.as_deref(), &declared)?);

        let shape = Arc::new(Shape { columns: columns.into(), schema, hash, declared, lineage });
        let read = view.reads.iter().cloned().collect();
        if let Some(plan) = Unpinned::of(plan.clone(), read, tables)? {
            let (definition, shape) = (Arc::clone(&view.definition), Arc::clone(&shape));
            self.engine.shapes.keep_planned(&view.id, Planned { definition, meaning, plan, shape });
        }
        Ok((plan, shape))
    }

    fn declared(&self, view: &Parsed, materialized: &Materialized) -> Result<Vec<Declared>> {
        let mut named = BTreeSet::new();
        let declared = materialized.depends_on.iter().map(|dependency| {
            let database = dependency.database.as_deref().unwrap_or(&view.definition.database);
            let id = TableId::new(database, &dependency.table);
            if !view.reads.contains(&id) {
                return Err(Error::Invalid(format!(
                    "DEPENDS ON names `{id}`, which the query of `{}` does not read",
                    view.id
                )));
            }
            if !named.insert(id.clone()) {
                return Err(Error::Invalid(format!("DEPENDS ON names `{id}` twice")));
            }
            let window = match dependency.kind {
                DependencyKind::Window { preceding, following } => Some((preceding, following)),
                DependencyKind::AsOfRefresh => None,
            };
            Ok(Declared { id, window })
        });
        declared.collect()
    }

    /// The texts that a view's answer depends on, its own and those of the plain views that it reads.
    fn meaning(&self, view: &Parsed, below: &BTreeMap<TableId, String>) -> String {
        let definition = &view.definition;
        let mut meaning = format!(
            "{MEANING}\n{}\n{}\n{:?}\n",
            self.state.variables.acting().time_zone,
            definition.query,
            definition.columns.iter().map(|column| &column.name).collect::<Vec<_>>(),
        );
        if let Some(materialized) = &definition.materialized {
            meaning += &format!("{:?} {:?}\n", materialized.partition_by, materialized.depends_on);
        }
        for read in &view.reads {
            // A materialized view counts by the content of its units.
            if let Some(text) = below.get(read) {
                meaning += text;
            }
        }
        meaning
    }

    /// The caller as views are planned: the server's settings, and nobody's variables.
    fn as_owner(&self) -> Self {
        let variables = self.owner_variables();
        let time_zone = variables.acting().time_zone.parse().unwrap_or(self.time_zone);
        let warnings = Arc::clone(&self.state.warnings);
        let state = State { warnings, ..State::of_owner(variables, Arc::clone(&self.state.locks)) };
        Self { state, time_zone, ..self.clone() }
    }

    fn owner_variables(&self) -> Variables {
        Variables::new(&self.engine.globals, false)
    }
}

#[async_trait]
impl AboutViews for Caller {
    async fn columns(&self, view: &View) -> Result<Arc<[catalog::Column]>> {
        let (pinned, _) = self.pinned_in(&self.engine.views.snapshot(), &view.id).await?;
        Ok(pinned.columns)
    }

    fn runs(&self) -> Vec<Arc<Run>> {
        self.engine.views.warehouse.runs().recent()
    }
}

/// The query of a view's definition.
pub fn query_of(definition: &Definition, mode: dialect::Mode) -> Result<Query> {
    let parsed = dialect::parse(&definition.query, mode)?;
    if parsed.parameters > 0 {
        return Err(Error::Invalid("a view's query has no parameters".into()));
    }
    match parsed.statement {
        Statement::Query(query) => Ok(*query),
        _ => Err(Error::Invalid("a view is made of a query".into())),
    }
}

/// The columns of a view as clients see them.
fn columns_of(
    definition: &Definition,
    answers: Vec<answer::Column>,
    tables: &Tables,
) -> Result<Vec<catalog::Column>> {
    if !definition.columns.is_empty() && definition.columns.len() != answers.len() {
        return Err(Error::ViewColumns);
    }
    let mut names = BTreeSet::new();
    let column = |(index, answer): (usize, answer::Column)| {
        let listed = definition.columns.get(index);
        let name = listed.map_or(answer.name, |column| column.name.clone());
        if !names.insert(name.to_lowercase()) {
            return Err(Error::DuplicateColumn(name));
        }
        let inherited = || {
            let origin = answer.origin.as_ref()?;
            let table = tables.by_key(&origin.database.to_lowercase(), &origin.table.to_lowercase())?;
            let column = table.columns.iter().find(|column| column.name == origin.column)?;
            Some(column.comment.clone())
        };
        let comment = listed.map(|column| column.comment.clone()).filter(|comment| !comment.is_empty());
        Ok(catalog::Column {
            name,
            data_type: answer.data_type,
            nullable: answer.nullable,
            comment: comment.or_else(inherited).unwrap_or_default(),
            is_partition: false,
        })
    };
    answers.into_iter().enumerate().map(column).collect()
}

/// The column of PARTITION BY, in lower case.
fn day_of(materialized: &Materialized, columns: &[catalog::Column]) -> Result<Option<String>> {
    let Some(name) = &materialized.partition_by else { return Ok(None) };
    let column = columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase());
    match column {
        Some(column) if column.data_type == DataType::Date32 => Ok(Some(name.to_lowercase())),
        Some(_) => Err(Error::Invalid(format!("PARTITION BY `{name}`: a day is a column of type DATE"))),
        None => Err(Error::UnknownColumn {
            column: name.clone(),
            clause: "partition by".into(),
            hint: nearest(name, columns.iter().map(|column| column.name.as_str())),
        }),
    }
}

/// Refuses a materialized view with columns that its table cannot have.
fn check_publishable(view: &View, columns: &[catalog::Column]) -> Result<()> {
    let Some(materialized) = view.definition.as_ref().ok().and_then(|view| view.materialized.as_ref()) else {
        return Ok(());
    };
    let fields = columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    check_columns(&schema, materialized.partition_by.is_some()).map_err(Error::Invalid)
}

/// Refuses a query whose answer depends on when, where or by whom it is asked.
fn check_deterministic(plan: &LogicalPlan) -> Result<()> {
    match functions::session::changing(plan)?.map(|function| function.to_uppercase()) {
        None => Ok(()),
        Some(function) => Err(Error::Invalid(format!(
            "a materialized view cannot call {function}(): its answer would depend on when, or for whom, it is computed"
        ))),
    }
}

/// Refuses a query over tables of which nothing tells when they change.
fn check_followed(plan: &LogicalPlan) -> Result<()> {
    let mut system = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && scan.table_name.schema().is_some_and(metadata::is_system)
        {
            system = Some(scan.table_name.clone());
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    match system {
        None => Ok(()),
        Some(table) => Err(Error::Invalid(format!(
            "a materialized view cannot read {table}: nothing tells when it changes"
        ))),
    }
}

fn inlined(view: &Parsed, plan: LogicalPlan, columns: Vec<catalog::Column>) -> Pinned {
    pinned(view, columns.into(), Arc::new(InlinedView::new(plan, None)))
}

fn pinned(view: &Parsed, columns: Arc<[catalog::Column]>, provider: Arc<dyn TableProvider>) -> Pinned {
    Pinned {
        database: view.definition.database.clone(),
        table: view.definition.name.clone(),
        columns,
        max_characters: Arc::default(),
        declared: Arc::default(),
        provider,
        of_lake: true,
    }
}

/// The name of a table as a statement's table names are.
pub fn name_of(id: &TableId) -> TableName {
    TableName { database: Some(id.database.clone()), table: id.name.clone() }
}
