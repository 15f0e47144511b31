//! Queries that were asked before: what was made of their texts, for as long as it would be made again. It must not
//! know how a query is planned, nor how rows are sent.
//!
//! Kept is what depends on the text, the settings, and the columns of the tables alone. A query that calls
//! `NOW()`, `RAND()` or `@@x`, that told a warning when it was planned, or that reads what is no table of the lake,
//! is not kept.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use arrow::array::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan};
use moka::sync::Cache;

use super::answer::Column;
use super::caller::{Caller, Executable};
use super::dialect::statement::Query;
use super::error::Result;
use super::metadata::variables::Variables;
use super::planner::Tables;
use super::ready::Ready;
use super::runtime::Kept;
use super::session::{Engine, State};
use super::unpinned::Unpinned;
use super::{functions, ready};
use crate::{catalog, views};

/// Longer questions are not kept.
const QUESTION_BYTES_MAX: usize = 16 << 10;
/// Plans whose constants take more are not kept.
const CONSTANT_BYTES_MAX: usize = 64 << 10;
/// What all kept plans may take together, estimated.
const BYTES_MAX: u64 = 64 << 20;

/// What is kept, by question and default database.
#[derive(Debug)]
pub struct Plans(Cache<(Question, Option<String>), Arc<Known>>);

/// All that a statement says: its text, and what is bound to its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    text: Box<str>,
    values: Vec<ScalarValue>,
}

/// A query to answer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it asks.
    pub query: Arc<Query>,
    /// How it is asked, when the settings of now are those it was parsed with.
    pub question: Option<Question>,
    /// What was made of it before.
    pub known: Option<Arc<Known>>,
}

/// What was made of a query.
#[derive(Debug)]
pub struct Known {
    query: Arc<Query>,
    variables: Variables,
    definitions: Definitions,
    /// Of its constants.
    bytes: usize,
    /// Of the rows that the plans that are ready read.
    row_bytes: AtomicUsize,
    ready: Ready,
    /// What it answers with.
    pub columns: Vec<Column>,
    /// What its rows come from.
    pub source: Source,
    /// Whether the last plan over it had little to do.
    light: AtomicBool,
}

/// What is made of a query on its way to a plan that runs.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// Names resolved.
    pub logical: &'a LogicalPlan,
    /// Made cheap.
    pub optimized: &'a LogicalPlan,
    /// What it answers with.
    pub columns: &'a [Column],
}

/// Which tables and views there are. Those that are gone are not kept alive.
#[derive(Clone, Debug)]
pub struct Definitions {
    catalog: Weak<catalog::Snapshot>,
    views: Weak<views::Snapshot>,
}

/// What the rows of a query come from.
#[derive(Debug)]
pub enum Source {
    /// It has no tables: its only row.
    Constants(RecordBatch),
    /// An optimized plan.
    Plan(Kept<Unpinned>),
}

impl Question {
    /// A text and the values of its parameters, if that is not too long to be kept.
    pub fn new(text: &str, values: &[ScalarValue]) -> Option<Self> {
        let bytes = text.len() + values.iter().map(ScalarValue::size).sum::<usize>();
        (bytes <= QUESTION_BYTES_MAX).then(|| Self { text: text.into(), values: values.to_vec() })
    }

    fn size(&self) -> usize {
        self.text.len() + self.values.iter().map(ScalarValue::size).sum::<usize>()
    }
}

impl From<Query> for Asked {
    fn from(query: Query) -> Self {
        Self { query: Arc::new(query), question: None, known: None }
    }
}

impl Asked {
    /// Its only row, if that is known.
    pub fn constants(&self) -> Option<(Vec<Column>, RecordBatch)> {
        match self.known.as_deref() {
            Some(Known { source: Source::Constants(row), columns, .. }) => {
                Some((columns.clone(), row.clone()))
            }
            _ => None,
        }
    }
}

impl Default for Plans {
    fn default() -> Self {
        // A plan takes some twenty times what its text does.
        let weigher = |(question, _): &(Question, Option<String>), known: &Arc<Known>| {
            let bytes = known.bytes + known.row_bytes.load(Ordering::Relaxed);
            u32::try_from(4096 + question.size() * 20 + bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().weigher(weigher).max_capacity(BYTES_MAX).build())
    }
}

impl Plans {
    /// What is asked, if all that it was made from is as it was; else the question.
    pub fn get(&self, question: Question, engine: &Engine, state: &State) -> Result<Asked, Question> {
        if !state.temporary.is_empty() {
            return Err(question);
        }
        let key = (question, state.database.clone());
        let Some(known) = self.0.get(&key) else { return Err(key.0) };
        match known.variables == state.variables && known.definitions.are_those_of(engine) {
            true => Ok(Asked { query: Arc::clone(&known.query), question: Some(key.0), known: Some(known) }),
            false => Err(key.0),
        }
    }

    /// Keeps what was made of a query, if it lasts. The definitions are those of before it was planned.
    pub fn keep(
        &self,
        caller: &Caller,
        asked: &Asked,
        definitions: Definitions,
        tables: &Tables,
        Made { logical, optimized, columns }: Made<'_>,
    ) -> Result<()> {
        let (engine, state) = (&caller.engine, &caller.state);
        let question = asked.question.as_ref().filter(|_| state.temporary.is_empty());
        let Some(question) = question else { return Ok(()) };
        let bytes = constant_bytes(optimized)?;
        if bytes > CONSTANT_BYTES_MAX || functions::session::changing(logical)?.is_some() {
            return Ok(());
        }
        let source = match constants(optimized)? {
            Some(row) => Source::Constants(row),
            None => match Unpinned::of(optimized.clone(), BTreeSet::new(), tables)? {
                Some(plan) => Source::Plan(engine.front.keep(plan)),
                None => return Ok(()),
            },
        };
        let known = Known {
            query: Arc::clone(&asked.query),
            variables: state.variables.clone(),
            definitions,
            bytes,
            row_bytes: AtomicUsize::new(0),
            ready: Ready::default(),
            columns: columns.to_vec(),
            source,
            light: AtomicBool::new(false),
        };
        self.0.insert((question.clone(), state.database.clone()), Arc::new(known));
        Ok(())
    }

    /// Keeps a plan that ran to its end, if it can run again.
    pub fn keep_ready(&self, caller: &Caller, asked: &Asked, plan: Kept<Executable>) {
        let (Some(known), Some(question)) = (&asked.known, &asked.question) else { return };
        let Some(rows) = &plan.rows else { return };
        let bytes = rows.memory_size();
        known.ready.put(plan);
        // What a query is weighed with is told when it is put there.
        if known.row_bytes.swap(bytes, Ordering::Relaxed) != bytes {
            self.0.insert((question.clone(), caller.state.database.clone()), Arc::clone(known));
        }
    }
}

impl Known {
    /// Whether there was little to do, when it was last planned.
    pub fn was_light(&self) -> bool {
        self.light.load(Ordering::Relaxed)
    }

    /// Remembers whether there is little to do.
    pub fn note_light(&self, is_light: bool) {
        self.light.store(is_light, Ordering::Relaxed);
    }

    /// The optimized plan, if it would be the same over these tables.
    pub fn plan(&self, tables: &Tables) -> Option<&Unpinned> {
        match &self.source {
            Source::Plan(plan) => Some(plan).filter(|plan| plan.fits(tables)).map(|plan| &**plan),
            Source::Constants(_) => None,
        }
    }

    /// A plan that ran over the rows that `plan` reads of these tables, as it was before it ran.
    pub async fn ready(&self, plan: &Unpinned, tables: &Tables) -> Result<Option<Executable>> {
        let Some(ready) = self.ready.take() else { return Ok(None) };
        let scans = plan.scan(tables, ready.statement.state()).await?;
        if !ready.rows.as_ref().is_some_and(|rows| rows.are(&scans)) {
            return Ok(None);
        }
        let mut ready = ready.into_inner();
        ready.physical = ready::unused(&ready.physical)?;
        Ok(Some(ready))
    }
}

impl Definitions {
    /// Those of now.
    pub fn of(engine: &Engine) -> Self {
        let (catalog, views) = (engine.catalog.snapshot(), engine.views.snapshot());
        Self { catalog: Arc::downgrade(&catalog), views: Arc::downgrade(&views) }
    }

    fn are_those_of(&self, engine: &Engine) -> bool {
        let now = Self::of(engine);
        self.catalog.ptr_eq(&now.catalog) && self.views.ptr_eq(&now.views)
    }
}

/// What the constants of a plan take.
fn constant_bytes(plan: &LogicalPlan) -> Result<usize> {
    let mut bytes = 0;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::Literal(value, _) = part {
                    bytes += value.size();
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(bytes)
}

/// The row of a plan that selects constants and reads nothing.
fn constants(plan: &LogicalPlan) -> Result<Option<RecordBatch>, DataFusionError> {
    let LogicalPlan::Projection(projection) = plan else { return Ok(None) };
    let LogicalPlan::EmptyRelation(below) = projection.input.as_ref() else { return Ok(None) };
    let value = |expression: &Expr| match expression {
        Expr::Literal(value, _) => Some(value.clone()),
        Expr::Alias(alias) => alias.expr.as_literal().cloned(),
        _ => None,
    };
    let values: Option<Vec<ScalarValue>> = projection.expr.iter().map(value).collect();
    let Some(values) = values.filter(|_| below.produce_one_row) else { return Ok(None) };
    let arrays = values.into_iter().map(|value| value.to_array()).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(projection.schema.as_arrow().clone());
    Ok(Some(RecordBatch::try_new(schema, arrays)?))
}
