//! A materialized view as a query reads it: what is fresh from the warehouse, the rest computed in the same
//! plan. It must not know SQL's text, nor how units come to be published.
//!
//! ```text
//! scan ─→ units: which there are, and the fingerprint that each should have
//!           ├─ published with that fingerprint ─→ files of the warehouse ─┐
//!           └─ all others ─→ the view's query, restricted to their days ──┴─→ one plan
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::utils::{conjunction, disjunction};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;

use super::Error;
use super::definition::{Definition, Materialized, WhenStale};
use super::lineage::{self, DayFilter, Declared, InputDay, InputDays, Keep, Lineage, Source, date};
use super::notes::{Notes, Old, Origin};
use super::published::{Fingerprint, Published, PublishedUnit, Unit};
use super::served::{Served, Stored, published_output, scan_rows};
use super::units::{Freshness, Units, day_number};
use crate::catalog::TableId;
use crate::lake::Digest;

/// Up to so many ranges of days are written as ranges; more as a list.
const RANGES_MAX: usize = 16;

/// A view's query, ready to be restricted and run.
#[derive(Debug)]
pub struct Body {
    /// Which view it is.
    pub id: TableId,
    /// What it says.
    pub definition: Arc<Definition>,
    /// Changes when the view's answer may change although its inputs are the same.
    pub hash: u128,
    /// The query over pinned inputs, without START DATE. Its columns have the names of `schema` and no qualifiers.
    pub plan: LogicalPlan,
    /// Names in lower case; types as the running plan has them.
    pub schema: SchemaRef,
    /// What the query is planned with, whoever asks.
    pub state: SessionState,
    /// What is declared of its inputs.
    pub declared: Vec<Declared>,
}

/// A materialized view over one consistent set of inputs and one published version.
pub struct ViewTable {
    pub(super) body: Body,
    pub(super) lineage: Arc<Lineage>,
    pub(super) sources: BTreeMap<TableId, Arc<dyn TableProvider>>,
    published: Option<Stored>,
    pub(super) holds: BTreeMap<Unit, Fingerprint>,
    notes: Arc<Notes>,
}

impl ViewTable {
    /// The view over its pinned inputs. `lineage` is that of `body`.
    pub fn new(
        body: Body,
        lineage: Arc<Lineage>,
        published: Option<Stored>,
        holds: BTreeMap<Unit, Fingerprint>,
        notes: Arc<Notes>,
    ) -> Result<Self> {
        let sources = lineage::sources(&body.plan)?;
        Ok(Self { body, lineage, sources, published, holds, notes })
    }

    /// What the view is.
    pub fn definition(&self) -> &Definition {
        &self.body.definition
    }

    /// What it reads.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// The tables and views that it reads, by id.
    pub fn sources(&self) -> &BTreeMap<TableId, Arc<dyn TableProvider>> {
        &self.sources
    }

    /// The column that tells the day, in lower case; None when the view is one unit.
    pub fn partition_column(&self) -> Option<String> {
        let column = self.materialized().partition_by.as_ref()?;
        self.lineage.whole.is_none().then(|| column.to_lowercase())
    }

    /// Why it is one unit although it says what its days are; `None` when it is not so.
    pub fn one_unit(&self) -> Option<String> {
        let reason = self.lineage.whole.as_ref().filter(|_| self.materialized().partition_by.is_some())?;
        Some(format!("it is refreshed as one unit: {reason}"))
    }

    /// What its owner should know of how it is refreshed.
    pub fn advice(&self) -> Vec<String> {
        if self.lineage.whole.is_some() {
            return self.one_unit().into_iter().collect();
        }
        let read: BTreeSet<&TableId> =
            self.lineage.unbounded(&self.sources).into_iter().map(|input| &input.id).collect();
        let told = read.into_iter().map(|id| {
            format!(
                "each of its days is made anew when any day of `{id}` changes; tell which days it needs: DEPENDS ON \
                 ({id} WINDOW n DAY PRECEDING), or ({id} AS OF REFRESH)"
            )
        });
        told.collect()
    }

    /// What is published of a unit.
    pub fn published(&self, unit: Unit) -> Option<&PublishedUnit> {
        self.published.as_ref()?.published.units.get(&unit)
    }

    /// What is published.
    pub fn published_version(&self) -> Option<&Arc<Published>> {
        self.published.as_ref().map(|stored| &stored.published)
    }

    /// The view's query for some units, with the columns' names as the view shows them.
    pub async fn compute(&self, units: &[Unit], names: &[String]) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = union(self.live(units, false)?, &self.body.schema)?;
        let renamed = self.body.schema.fields().iter().zip(names);
        let renamed = renamed.map(|(field, name)| column(field.name()).alias(name.clone()));
        let plan = LogicalPlanBuilder::from(plan).project(renamed)?.build()?;
        self.body.state.create_physical_plan(&plan).await
    }

    /// What plans are made with that become a part of another one. That one's rules go over all of it: they turn joins
    /// around, which cannot be done once a join passes on what it finds, and they let it pass that on at the end.
    fn inner_state(&self) -> SessionState {
        let mut state = self.body.state.clone();
        let optimizer = &mut state.config_mut().options_mut().optimizer;
        optimizer.enable_join_dynamic_filter_pushdown = false;
        optimizer.enable_topk_dynamic_filter_pushdown = false;
        optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        state
    }

    /// What its query runs with.
    pub fn session_config(&self) -> &SessionConfig {
        self.body.state.config()
    }

    pub(super) fn materialized(&self) -> &Materialized {
        self.body.definition.materialized.as_ref().expect("only materialized views are made into this")
    }

    /// Decides for each unit where its rows come from.
    fn split(&self, units: &Units) -> Result<Split> {
        let fails = self.materialized().when_stale == WhenStale::Fail;
        let servable = self.is_servable();
        let mut split = Split::default();
        let mut origins: BTreeMap<Origin, Vec<Unit>> = BTreeMap::new();
        for (unit, expected) in &units.expected {
            let origin = self.origin(*unit, expected, servable);
            match origin {
                None | Some(Origin::Held | Origin::Stale | Origin::Unknown) => split.published.push(*unit),
                Some(Origin::Live) if fails => return Err(self.not_fresh(*unit, expected)),
                Some(Origin::Live) => split.live.push(*unit),
                Some(Origin::LeftOut) => {}
            }
            if let Some(origin) = origin {
                origins.entry(origin).or_default().push(*unit);
                continue;
            }
            for old in self.old_inputs_of(*unit, units) {
                if fails {
                    let reason = format!("`{}` of {} is {}", old.view, old.unit, old.origin);
                    return Err(self.not_fresh(*unit, &Err(reason)));
                }
                self.notes.take(&old.view, old.origin, [old.unit]);
            }
        }
        for (origin, units) in origins {
            self.notes.take(&self.body.id, origin, units);
        }
        split.rows_without_day = units.has_rows_without_day;
        Ok(split)
    }

    /// Where the rows of a unit come from; `None`: it is published and up to date.
    fn origin(&self, unit: Unit, expected: &Result<Fingerprint, String>, servable: bool) -> Option<Origin> {
        let is_published = servable && self.published(unit).is_some();
        let serves = self.materialized().when_stale == WhenStale::Serve;
        match self.freshness(unit, expected) {
            Freshness::Fresh => None,
            Freshness::Held if is_published => Some(Origin::Held),
            Freshness::Held => Some(Origin::LeftOut),
            Freshness::Stale | Freshness::Missing if serves && is_published => Some(Origin::Stale),
            Freshness::Stale | Freshness::Missing => Some(Origin::Live),
        }
    }

    /// Whether what is published has all columns that the view has now.
    fn is_servable(&self) -> bool {
        self.published_version().is_some_and(|published| self.has_all_columns(published))
    }

    fn not_fresh(&self, unit: Unit, expected: &Result<Fingerprint, String>) -> DataFusionError {
        let reason = match (expected, self.published(unit)) {
            (Err(reason), _) => reason.clone(),
            (Ok(_), Some(_)) => "its definition or its sources changed".to_owned(),
            (Ok(_), None) => "it was never published".to_owned(),
        };
        Error::NotFresh { view: self.body.id.clone(), unit, reason }.into()
    }

    fn has_all_columns(&self, published: &Published) -> bool {
        let names: Vec<String> =
            published.snapshot.schema().fields().iter().map(|field| field.name().to_lowercase()).collect();
        self.body.schema.fields().iter().all(|field| names.contains(field.name()))
    }

    /// The view as it was last published, where its sources cannot be looked at and its owner wants that read then.
    fn as_published(&self, error: DataFusionError) -> Result<Served> {
        let served = self.published.as_ref().filter(|_| self.is_servable()).and_then(|stored| {
            let Body { definition, schema, state, .. } = &self.body;
            let (schema, state, notes) = (Arc::clone(schema), state.clone(), Arc::clone(&self.notes));
            let reason = match error.find_root() {
                DataFusionError::External(source) => source.to_string(),
                error => error.to_string(),
            };
            let (stored, day) = (stored.clone(), self.partition_column());
            Served::with_columns(stored, definition, schema, day, state, notes, reason)
        });
        served.ok_or(error)
    }

    /// The view's query restricted to some units: the plans whose rows together are theirs.
    fn live(&self, units: &[Unit], rows_without_day: bool) -> Result<Vec<LogicalPlan>> {
        let body = || LogicalPlanBuilder::from(self.body.plan.clone());
        let Some(day) = self.partition_column() else {
            return Ok(if units.is_empty() {
                vec![]
            } else {
                vec![self.since_start(body())?.project(self.outputs())?.build()?]
            });
        };
        let mut plans = vec![];
        if self.body.declared.iter().any(|declared| declared.window.is_some()) {
            // What is declared of a day's inputs is told of one day: each is a plan of its own.
            for number in units.iter().filter_map(Unit::day_number) {
                let plan = lineage::of_day(self.body.plan.clone(), &day, number, &self.body.declared)?;
                plans.push(LogicalPlanBuilder::from(plan).project(self.outputs())?.build()?);
            }
            if rows_without_day {
                let without_day = column(&day).is_null();
                plans.push(body().filter(without_day)?.project(self.outputs())?.build()?);
            }
        } else if !units.is_empty() || rows_without_day {
            let days = of_days(&day, units, rows_without_day);
            plans.push(body().filter(days)?.project(self.outputs())?.build()?);
        }
        Ok(plans)
    }

    /// START DATE of a view that is one unit; of others, days before it are no units.
    fn since_start(&self, body: LogicalPlanBuilder) -> Result<LogicalPlanBuilder> {
        let materialized = self.materialized();
        match (&materialized.partition_by, materialized.start) {
            (Some(day), Some(start)) => {
                body.filter(column(&day.to_lowercase()).gt_eq(date(day_number(start))))
            }
            _ => Ok(body),
        }
    }

    /// The view's columns, of the types that it promises.
    fn outputs(&self) -> Vec<Expr> {
        self.body.schema.fields().iter().map(output).collect()
    }
}

/// Where the rows of the units come from.
#[derive(Debug, Default)]
struct Split {
    published: Vec<Unit>,
    live: Vec<Unit>,
    rows_without_day: bool,
}

#[async_trait]
impl TableProvider for ViewTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.body.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // The view's query is planned under its own settings, so a filter that might mean something else
        // under them stays outside.
        Ok(filters.iter().map(|filter| support(filter)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filter = self.day_filter(filters);
        let units = match self.units(&|days| DayFilter::keep_of(filter.as_ref(), days)).await {
            Ok(units) => units,
            Err(error) => return self.as_published(error)?.scan(state, projection, filters, limit).await,
        };
        let split = self.split(&units)?;
        let published = self.published.as_ref().filter(|_| !split.published.is_empty());
        let published = published.map(|stored| stored.rows(split.published));
        let mut parts = self.live(&split.live, split.rows_without_day)?;
        if let Some(rows) = published {
            if parts.is_empty() {
                return scan_rows(&rows, &self.body.schema, projection, limit, &self.body.state).await;
            }
            let scan = LogicalPlanBuilder::scan("published", provider_as_source(Arc::new(rows)), None)?;
            let outputs: Vec<Expr> = self.body.schema.fields().iter().map(published_output).collect();
            parts.insert(0, scan.project(outputs)?.build()?);
        }

        let mut plan = LogicalPlanBuilder::from(union(parts, &self.body.schema)?);
        if let Some(filter) = conjunction(filters.iter().cloned()) {
            plan = plan.filter(filter)?;
        }
        if let Some(projection) = projection {
            let fields = self.body.schema.fields();
            plan = plan.project(projection.iter().map(|index| column(fields[*index].name())))?;
        }
        let plan = plan.limit(0, limit)?.build()?;
        self.inner_state().create_physical_plan(&plan).await
    }
}

#[async_trait]
impl Source for ViewTable {
    fn id(&self) -> &TableId {
        &self.body.id
    }

    fn day_column(&self) -> Option<String> {
        self.partition_column()
    }

    async fn inputs(&self, filters: &[Expr], keep: &Keep, state: &dyn Session) -> Result<InputDays> {
        let units = match self.units(keep).await {
            Ok(units) => units,
            Err(error) => return self.as_published(error)?.inputs(filters, keep, state).await,
        };
        let servable = self.is_servable();
        let mut days = InputDays::new();
        for (unit, expected) in &units.expected {
            let of_unit = match unit {
                Unit::Day(day) => format!("`{}` of {day}", self.body.id),
                Unit::Whole => format!("`{}`", self.body.id),
            };
            // A unit that is answered from what is published counts by what that is.
            let (unsettled, old) = match self.origin(*unit, expected, servable) {
                None => (None, self.old_inputs_of(*unit, &units)),
                Some(origin @ (Origin::Held | Origin::Stale | Origin::Unknown)) => {
                    (None, vec![Old { view: self.body.id.clone(), unit: *unit, origin }])
                }
                Some(Origin::Live) => (Some(format!("{of_unit} is not fresh")), vec![]),
                Some(Origin::LeftOut) => {
                    (Some(format!("{of_unit} is held back by a CHECK, and was never published")), vec![])
                }
            };
            let digest = self.published(*unit).map(PublishedUnit::digest);
            days.insert(unit.day_number(), InputDay { digest: digest.unwrap_or_default(), unsettled, old });
        }
        if units.has_rows_without_day {
            let unsettled = Some(format!("`{}` has rows without a day", self.body.id));
            days.insert(None, InputDay { digest: Digest::default(), unsettled, old: vec![] });
        }
        Ok(days)
    }
}

impl ViewTable {
    /// What the filters of a query tell of the days that it needs.
    fn day_filter(&self, filters: &[Expr]) -> Option<DayFilter> {
        // A filter that cannot be evaluated for days alone is evaluated for rows.
        DayFilter::new(&self.partition_column()?, filters, &self.body.state).ok()
    }
}

impl fmt::Debug for ViewTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ViewTable").field("id", &self.body.id).finish_non_exhaustive()
    }
}

/// A column of the view, of the type that it promises.
fn output(field: &FieldRef) -> Expr {
    cast(column(field.name()), field.data_type().clone()).alias(field.name().clone())
}

/// Rows of these days, and, where asked for, rows without one.
fn of_days(column_name: &str, units: &[Unit], without_day: bool) -> Expr {
    let days: Vec<i32> = units.iter().filter_map(Unit::day_number).collect();
    let mut ranges: Vec<(i32, i32)> = vec![];
    for day in days.iter().copied() {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => ranges.push((day, day)),
        }
    }
    let of = || column(column_name);
    let mut alternatives = if ranges.len() > RANGES_MAX {
        vec![of().in_list(days.into_iter().map(date).collect(), false)]
    } else {
        let range = |(first, last): (i32, i32)| match first == last {
            true => of().eq(date(first)),
            false => of().between(date(first), date(last)),
        };
        ranges.into_iter().map(range).collect()
    };
    if without_day {
        alternatives.push(of().is_null());
    }
    disjunction(alternatives).unwrap_or_else(|| Expr::Literal(ScalarValue::Boolean(Some(false)), None))
}

/// All rows of some plans with the columns of `schema`.
fn union(parts: Vec<LogicalPlan>, schema: &SchemaRef) -> Result<LogicalPlan> {
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else {
        let outputs = schema.fields().iter().map(|field| {
            let null = ScalarValue::try_from(field.data_type())?;
            Ok(Expr::Literal(null, None).alias(field.name().clone()))
        });
        let outputs: Vec<Expr> = outputs.collect::<Result<_>>()?;
        return LogicalPlanBuilder::empty(true).project(outputs)?.limit(0, Some(0))?.build();
    };
    let mut all = LogicalPlanBuilder::from(first);
    for part in parts {
        all = all.union(part)?;
    }
    all.build()
}

/// Which filters choose days of a view.
pub(super) fn support(filter: &Expr) -> TableProviderFilterPushDown {
    match is_plain(filter) {
        true => TableProviderFilterPushDown::Inexact,
        false => TableProviderFilterPushDown::Unsupported,
    }
}

/// Whether a filter means the same under any session's settings.
fn is_plain(filter: &Expr) -> bool {
    let depends = filter.exists(|part| {
        Ok(!matches!(
            part,
            Expr::Column(_)
                | Expr::Literal(..)
                | Expr::BinaryExpr(_)
                | Expr::Not(_)
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsFalse(_)
                | Expr::IsNotTrue(_)
                | Expr::IsNotFalse(_)
                | Expr::Negative(_)
                | Expr::Between(_)
                | Expr::InList(_)
                | Expr::Like(_)
        ))
    });
    !depends.unwrap_or(true)
}

fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}
