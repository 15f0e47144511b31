//! Which source days a day of a view reads, found by asking its plan. It must not know which files there are.
//!
//! A filter that puts one day on the output of a view's query is pushed down by the optimizer as far as it
//! can go. What arrives at a scan tells which days of its table are read. That is tried for several days:
//! where the same distances come out each time, or each time the week, month or quarter that a day names, that
//! is what a day of the view reads. What is not the same each time is taken for all days.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array};
use arrow::datatypes::{DataType, Field, Fields};
use async_trait::async_trait;
use chrono::{Months, NaiveDate};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::expr_rewriter::unnormalize_cols;
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, TableScan, lit};

use super::calendar::Calendar;
use super::days::{Days, Period};
use super::notes::Old;
use super::provider::ViewTable;
use super::served::Served;
use crate::catalog::prune::Prune;
use crate::catalog::{Pinned, TableId};
use crate::lake::Digest;

/// Days for which a plan is asked: of all months, ends of months and years, a leap day, days of a week. Days since 1970.
const PROBES: [i32; 15] = [
    19_782, 20_088, 20_177, 20_189, 20_231, 20_244, 20_312, 20_361, 20_387, 20_406, 20_454, 20_649, 20_652,
    20_653, 20_654,
];
/// Days around each date that is written in a query, for which its plan is asked too: filters may leave out all others.
const AROUND: [i32; 6] = [-30, -1, 0, 1, 30, 200];
/// Dates of a query that are looked at.
const DATES_MAX: usize = 8;
/// How far from a day its source days are looked for: more than a year.
const REACH: i32 = 400;
/// Where a month, a quarter or a year seems to be what a day reads, so many months in a row are asked for, from this day
/// on: a leap year, and the beginning of the next one.
const MONTHS_ASKED: (i32, u32) = (19_723, 15);

/// What a view reads.
#[derive(Clone, Debug)]
pub struct Lineage {
    /// Its inputs; a table is among them once for each way in which it is read.
    pub inputs: Vec<Input>,
    /// Why its days cannot be refreshed one by one, and what to do about it. None: they can.
    pub whole: Option<String>,
}

/// One scan of a view's plan.
#[derive(Clone, Debug)]
pub struct Input {
    /// What is scanned.
    pub id: TableId,
    /// Which of its days.
    pub days: Days,
    /// Filters that are the same for every day of the view, as the scan gets them.
    pub filters: Vec<Expr>,
    /// Whether its changes make days stale.
    pub is_followed: bool,
    /// Whether a day of the view has no rows unless this has.
    pub is_required: bool,
}

/// What is declared of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The input.
    pub id: TableId,
    /// Its window: days before and after. None: its changes alone make nothing stale.
    pub window: Option<(u32, u32)>,
}

/// Something that a view can read day by day.
#[async_trait]
pub trait Source: Any + Send + Sync {
    /// Which table or view it is.
    fn id(&self) -> &TableId;

    /// The column that tells the day, in lower case; None when it has none.
    fn day_column(&self) -> Option<String>;

    /// What tells versions of its days apart, for the days that `keep` keeps. Under None is what has no day.
    async fn inputs(&self, filters: &[Expr], keep: &Keep, state: &dyn Session) -> Result<InputDays>;
}

/// Which of some days are asked for.
pub type Keep<'a> = dyn Fn(&[Option<i32>]) -> Vec<bool> + Send + Sync + 'a;

/// The days of an input.
pub type InputDays = BTreeMap<Option<i32>, InputDay>;

/// A day of an input as it is now.
#[derive(Clone, Debug)]
pub struct InputDay {
    /// What tells versions of it apart; of a view's day, its content.
    pub digest: Digest,
    /// Why the digest does not count yet: the view's day is itself not fresh.
    pub unsettled: Option<String>,
    /// What of views, this one or those below it, is read as it was published before.
    pub old: Vec<Old>,
}

impl Lineage {
    /// Finds the inputs of a view's query. `day` is the column of its output that tells the day, by its name
    /// in lower case.
    pub fn of(
        body: &LogicalPlan,
        state: &SessionState,
        day: Option<&str>,
        declared: &[Declared],
    ) -> Result<Self> {
        let Some(day) = day else {
            let plan = state.optimize(body)?;
            let inputs =
                scans(&plan)?.iter().map(|scan| Input::all(scan, declared)).collect::<Result<_>>()?;
            return Ok(Self { inputs, whole: Some("it has no PARTITION BY".into()) });
        };
        let probe = |asked: i32| Probe::of(body, day, asked, declared, state);
        let mut asked = probes(body)?;
        let mut probes = asked.iter().map(|day| probe(*day)).collect::<Result<Vec<Probe>>>()?;
        let of_everything = scans(&state.optimize(body)?)?;
        let mut alike = are_alike(&mut probes);
        if alike {
            let more = months_to_ask(&probes, &of_everything, state)?;
            for day in more.into_iter().filter(|day| asked.insert(*day)) {
                probes.push(probe(day)?);
            }
            alike = are_alike(&mut probes);
        }
        let Some(first) = probes.first().filter(|_| alike) else {
            let inputs =
                of_everything.iter().map(|scan| Input::all(scan, declared)).collect::<Result<_>>()?;
            return Ok(Self { inputs, whole: Some("what it reads differs in kind from day to day".into()) });
        };
        let plan = &first.plan;

        let mut inputs = vec![];
        for (index, scan) in first.scans.iter().enumerate() {
            let mut input = Input::all(scan, declared)?;
            let window = declared.iter().find(|declared| declared.id == input.id);
            let window = window.and_then(|declared| declared.window);
            let found = Found::of(&probes, index, &of_everything, state)?;
            input.days = found.map_or(Days::All, |found| found.days(window));
            input.filters = unnormalize_cols(constant_filters(&probes, index));
            inputs.push(input);
        }
        let whole = why_whole(body, plan, &inputs, state, day)?;
        for (index, input) in inputs.iter_mut().enumerate().filter(|(_, input)| input.days != Days::All) {
            let alone: Vec<bool> = (0..first.scans.len()).map(|other| other == index).collect();
            input.is_required = is_empty_without(plan, &alone, state)?;
        }
        Ok(Self { inputs, whole })
    }

    /// The inputs of which every day of the view reads every day there is, although they have days.
    pub fn unbounded<'a>(&'a self, sources: &'a BTreeMap<TableId, Arc<dyn TableProvider>>) -> Vec<&'a Input> {
        let has_days = |input: &&Input| {
            let source = sources.get(&input.id).and_then(as_source);
            source.is_some_and(|source| source.day_column().is_some())
        };
        self.inputs
            .iter()
            .filter(|input| input.days == Days::All && input.is_followed)
            .filter(has_days)
            .collect()
    }
}

/// What a plan tells for one day.
struct Probe {
    day: i32,
    scans: Vec<TableScan>,
    /// Of each scan the source days that it reads; `None`: all, or days without an end.
    read: Vec<Option<Vec<i32>>>,
    plan: LogicalPlan,
}

impl Probe {
    fn of(
        body: &LogicalPlan,
        column: &str,
        day: i32,
        declared: &[Declared],
        state: &SessionState,
    ) -> Result<Self> {
        let plan = state.optimize(&of_day(body.clone(), column, day, declared)?)?;
        let scans = scans(&plan)?;
        let read = scans.iter().map(|scan| accepted(scan, day, state)).collect::<Result<_>>()?;
        Ok(Self { day, scans, read, plan })
    }
}

/// Whether all probes have the same scans. A day that the query's own filters leave out has no rows and tells nothing: it
/// goes.
fn are_alike(probes: &mut Vec<Probe>) -> bool {
    probes.retain(|probe| !probe.scans.is_empty());
    probes.first().is_some_and(|first| probes.iter().all(|probe| have_same_scans(&first.scans, &probe.scans)))
}

fn have_same_scans(one: &[TableScan], other: &[TableScan]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.table_name == other.table_name)
}

/// The filters of a scan that are the same for every day.
fn constant_filters(probes: &[Probe], index: usize) -> Vec<Expr> {
    let filters = probes.first().into_iter().flat_map(|first| &first.scans[index].filters);
    let is_constant = |filter: &&Expr| probes.iter().all(|probe| probe.scans[index].filters.contains(filter));
    filters.filter(is_constant).cloned().collect()
}

/// What probes found of one scan: for each day what it reads, and what it could read at most.
struct Found<'a>(Vec<(i32, &'a [i32], Vec<i32>)>);

impl<'a> Found<'a> {
    /// `None` when a day reads all source days.
    fn of(
        probes: &'a [Probe],
        index: usize,
        of_everything: &[TableScan],
        state: &SessionState,
    ) -> Result<Option<Self>> {
        let Some(first) = probes.first() else { return Ok(None) };
        let mut constant = constant_filters(probes, index);
        // Beside the filter of a day the optimizer may have dropped one of the query that tells less.
        if have_same_scans(&first.scans, of_everything) {
            constant.extend(of_everything[index].filters.iter().cloned());
        }
        let provider = source_as_provider(&first.scans[index].source)?;
        let Some(column) = as_source(&provider).and_then(Source::day_column) else { return Ok(None) };
        let constant = DayFilter::new(&column, &constant, state)?;
        let mut found = vec![];
        for probe in probes {
            let Some(read) = &probe.read[index] else { return Ok(None) };
            let near: Vec<i32> = (probe.day - REACH..=probe.day + REACH).collect();
            let kept = constant.keep(&near.iter().copied().map(Some).collect::<Vec<_>>())?;
            let possible = near.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(day, _)| day).collect();
            found.push((probe.day, read.as_slice(), possible));
        }
        Ok(Some(Self(found)))
    }

    /// Which source days a day reads: those at the distances that were found, or else the days of a period, if that is
    /// what every probe has found, but for what the query's own filters leave out. A probe that found less, or nothing,
    /// and no such filter explains it, tells that days differ: then a window must be declared, or all days count.
    fn days(&self, declared: Option<(u32, u32)>) -> Days {
        let distances: BTreeSet<i32> =
            self.0.iter().flat_map(|(day, read, _)| read.iter().map(move |source| source - day)).collect();
        if distances.is_empty() {
            return Days::All;
        }
        let is_one = distances.len() == 1;
        let at = Days::At(distances.into_iter().collect());
        let fits = self.fits(&at);
        match declared {
            _ if fits && is_one => at,
            Some((preceding, following)) => {
                let distance = |days: u32| i32::try_from(days).unwrap_or(i32::MAX);
                Days::At((-distance(preceding)..=distance(following)).collect())
            }
            None if fits => at,
            None => self.periods().next().map_or(Days::All, Days::Of),
        }
    }

    /// The periods that agree with everything that was found.
    fn periods(&self) -> impl Iterator<Item = Period> {
        Period::all().filter(|period| self.fits(&Days::Of(*period)))
    }

    fn fits(&self, days: &Days) -> bool {
        self.0.iter().all(|(day, read, possible)| {
            let expected = days.read_by(*day).into_iter();
            expected.filter(|source| possible.binary_search(source).is_ok()).eq(read.iter().copied())
        })
    }
}

/// The days that tell whether what a day reads is really the period that it seems to be.
fn months_to_ask(
    probes: &[Probe],
    of_everything: &[TableScan],
    state: &SessionState,
) -> Result<BTreeSet<i32>> {
    let (first, count) = MONTHS_ASKED;
    let first = NaiveDate::from_epoch_days(first).expect("it is a day of our time");
    let months = (0..count).filter_map(|month| first.checked_add_months(Months::new(month)));
    let months: Vec<i32> = months.map(|month| month.to_epoch_days()).collect();
    let mut days = BTreeSet::new();
    for index in 0..probes.first().map_or(0, |first| first.scans.len()) {
        if let Some(found) = Found::of(probes, index, of_everything, state)?
            && let Days::Of(_) = found.days(None)
        {
            for period in found.periods() {
                days.extend(months.iter().filter_map(|month| period.name_of(*month)));
            }
        }
    }
    Ok(days)
}

/// The days to ask for.
fn probes(body: &LogicalPlan) -> Result<BTreeSet<i32>> {
    let mut dates = BTreeSet::new();
    body.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Some(value) = part.as_literal()
                    && let Ok(ScalarValue::Date32(Some(day))) = value.cast_to(&DataType::Date32)
                    && !value.data_type().is_numeric()
                    && dates.len() < DATES_MAX
                {
                    dates.insert(day);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    // Where a filter begins or ends, it leaves some days of one period at least.
    let periods = dates.iter().flat_map(|date| {
        let beside = [date.saturating_sub(1), date.saturating_add(1)];
        beside.into_iter().flat_map(|day| Period::all().filter_map(move |period| period.name_of(day)))
    });
    let around = dates.iter().flat_map(|date| AROUND.map(|distance| date.saturating_add(distance)));
    Ok(around.chain(periods).chain(PROBES).collect())
}

impl Input {
    fn all(scan: &TableScan, declared: &[Declared]) -> Result<Self> {
        let provider = source_as_provider(&scan.source)?;
        let id = as_source(&provider).map(|source| source.id().clone());
        let id = id.unwrap_or_else(|| {
            TableId::new(scan.table_name.schema().unwrap_or_default(), scan.table_name.table())
        });
        let is_followed = !declared.iter().any(|declared| declared.id == id && declared.window.is_none());
        // A source knows its columns without the names of tables.
        let filters = unnormalize_cols(scan.filters.iter().cloned());
        Ok(Self { id, days: Days::All, filters, is_followed, is_required: false })
    }
}

/// A provider as a source of days; None for one that is none.
pub fn as_source(provider: &Arc<dyn TableProvider>) -> Option<&dyn Source> {
    let any: &dyn Any = provider.as_ref();
    let table = any.downcast_ref::<Pinned>().map(|table| table as &dyn Source);
    let view = || any.downcast_ref::<ViewTable>().map(|view| view as &dyn Source);
    let served = || any.downcast_ref::<Served>().map(|served| served as &dyn Source);
    table.or_else(view).or_else(served)
}

/// Whether a provider has the same rows whoever asks and whenever.
pub fn is_constant(provider: &Arc<dyn TableProvider>) -> bool {
    let any: &dyn Any = provider.as_ref();
    any.is::<Calendar>()
}

#[async_trait]
impl Source for Pinned {
    fn id(&self) -> &TableId {
        self.id()
    }

    fn day_column(&self) -> Option<String> {
        self.day_column().map(|column| column.name().clone())
    }

    async fn inputs(&self, filters: &[Expr], keep: &Keep, state: &dyn Session) -> Result<InputDays> {
        let days = self.inputs(filters, keep, state).await?;
        Ok(days
            .into_iter()
            .map(|(day, digest)| (day, InputDay { digest, unsettled: None, old: vec![] }))
            .collect())
    }
}

/// The sources that a plan reads, each once.
pub fn sources(plan: &LogicalPlan) -> Result<BTreeMap<TableId, Arc<dyn TableProvider>>> {
    let mut sources = BTreeMap::new();
    for scan in scans(plan)? {
        let provider = source_as_provider(&scan.source)?;
        if let Some(source) = as_source(&provider) {
            sources.insert(source.id().clone(), Arc::clone(&provider));
        }
    }
    Ok(sources)
}

/// A view's query for one of its days: the day on its output, and declared windows on its inputs.
pub fn of_day(body: LogicalPlan, column: &str, day: i32, declared: &[Declared]) -> Result<LogicalPlan> {
    let windows = declared.iter().filter_map(|declared| Some((&declared.id, declared.window?)));
    let windows: BTreeMap<&TableId, (u32, u32)> = windows.collect();
    let restricted = match windows.is_empty() {
        true => body,
        false => restrict(body, |id| {
            let (preceding, following) = windows.get(id)?;
            let first = day.saturating_sub(i32::try_from(*preceding).ok()?);
            let last = day.saturating_add(i32::try_from(*following).ok()?);
            Some(move |column: Expr| column.between(date(first), date(last)))
        })?,
    };
    let day = Expr::Column(Column::from_name(column)).eq(date(day));
    LogicalPlanBuilder::from(restricted).filter(day)?.build()
}

/// Puts a filter on the day of some sources.
fn restrict<F: FnOnce(Expr) -> Expr>(
    plan: LogicalPlan,
    filter: impl Fn(&TableId) -> Option<F>,
) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
        let provider = source_as_provider(&scan.source)?;
        let Some(source) = as_source(&provider) else { return Ok(Transformed::no(node)) };
        let (Some(column), Some(filter)) = (source.day_column(), filter(source.id())) else {
            return Ok(Transformed::no(node));
        };
        let column = Expr::Column(Column::new(Some(scan.table_name.clone()), column));
        Ok(Transformed::yes(LogicalPlanBuilder::from(node).filter(filter(column))?.build()?))
    })?;
    Ok(changed.data)
}

/// All scans of data that a plan has, those in subqueries too, in the order of the plan.
fn scans(plan: &LogicalPlan) -> Result<Vec<TableScan>> {
    let mut scans = vec![];
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let provider = source_as_provider(&scan.source)?;
            if !is_constant(&provider) {
                scans.push(scan.clone());
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(scans)
}

/// Which source days a scan reads for one day of the view; `None`: all, or days without an end.
fn accepted(scan: &TableScan, day: i32, state: &SessionState) -> Result<Option<Vec<i32>>> {
    let provider = source_as_provider(&scan.source)?;
    let Some(column) = as_source(&provider).and_then(Source::day_column) else { return Ok(None) };
    let candidates: Vec<Option<i32>> = (day - REACH..=day + REACH).map(Some).chain([None]).collect();
    let kept = keep_days(&column, &scan.filters, &candidates, state)?;
    let (of_days, without_day) = kept.split_at(kept.len() - 1);
    // A window ends on both sides, and has no days that are NULL.
    if without_day == [true] || of_days.first() == Some(&true) || of_days.last() == Some(&true) {
        return Ok(None);
    }
    let days = (day - REACH..=day + REACH).zip(of_days).filter(|(_, kept)| **kept);
    Ok(Some(days.map(|(day, _)| day).collect()))
}

/// Which of some days filters may let through.
pub fn keep_days(
    column: &str,
    filters: &[Expr],
    days: &[Option<i32>],
    state: &dyn Session,
) -> Result<Vec<bool>> {
    DayFilter::new(column, filters, state)?.keep(days)
}

/// Filters, as far as the day decides them.
#[derive(Debug)]
pub struct DayFilter(Prune);

impl DayFilter {
    /// Those of `filters` that are about the column of the day.
    pub fn new(column: &str, filters: &[Expr], state: &dyn Session) -> Result<Self> {
        let filters = unnormalize_cols(filters.iter().cloned());
        let columns = Fields::from(vec![Field::new(column, DataType::Date32, true)]);
        Ok(Self(Prune::new(&columns, &filters, state)?))
    }

    /// Which days they may let through.
    pub fn keep(&self, days: &[Option<i32>]) -> Result<Vec<bool>> {
        let days: ArrayRef = Arc::new(days.iter().copied().collect::<Date32Array>());
        self.0.keep_rows(days.len(), 1, || Ok(vec![days]))
    }

    /// The same, where there may be no filter, or none that days alone decide.
    pub fn keep_of(filter: Option<&Self>, days: &[Option<i32>]) -> Vec<bool> {
        let kept = filter.and_then(|filter| filter.keep(days).ok());
        kept.unwrap_or_else(|| vec![true; days.len()])
    }
}

/// Why the days of a view cannot be refreshed one by one: a day could have rows although none of its source
/// days exists, so that nothing tells which days there are; or rows could have no day.
fn why_whole(
    body: &LogicalPlan,
    of_day: &LogicalPlan,
    inputs: &[Input],
    state: &SessionState,
    day: &str,
) -> Result<Option<String>> {
    let windowed: Vec<bool> = inputs.iter().map(|input| input.days != Days::All).collect();
    if !is_empty_without(of_day, &windowed, state)? {
        let unbounded = inputs.iter().find(|input| input.days == Days::All);
        return Ok(Some(match unbounded {
            Some(input) => format!(
                "each of its days would depend on every day of `{}`; tell which days it needs: DEPENDS ON ({} WINDOW n \
                 DAY PRECEDING)",
                input.id, input.id
            ),
            None => "a day has rows although none of its source days exists".into(),
        }));
    }
    let without_day = Expr::Column(Column::from_name(day)).is_null();
    let plan = state.optimize(&LogicalPlanBuilder::from(body.clone()).filter(without_day)?.build()?)?;
    let mut without_days = vec![];
    for scan in scans(&plan)? {
        let provider = source_as_provider(&scan.source)?;
        let column = as_source(&provider).and_then(Source::day_column);
        let real = |column: String| keep_days(&column, &scan.filters, &PROBES.map(Some), state);
        let reads_days = column.map(real).transpose()?.is_none_or(|kept| kept.contains(&true));
        without_days.push(!reads_days);
    }
    if is_empty_without(&plan, &without_days, state)? {
        return Ok(None);
    }
    Ok(Some(format!("`{day}` may be NULL; leave such rows out, or take the day from a partition column")))
}

/// Whether a plan can have no rows when some of its scans, those marked, have none.
fn is_empty_without(plan: &LogicalPlan, marked: &[bool], state: &SessionState) -> Result<bool> {
    let mut index = 0;
    let emptied = plan.clone().transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
        let provider = source_as_provider(&scan.source)?;
        let any: &dyn Any = provider.as_ref();
        if any.is::<Calendar>() {
            return Ok(Transformed::no(node));
        }
        index += 1;
        if !marked.get(index - 1).copied().unwrap_or(false) {
            return Ok(Transformed::no(node));
        }
        let schema = Arc::clone(&scan.projected_schema);
        Ok(Transformed::yes(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema })))
    })?;
    let optimized = state.optimize(&emptied.data)?;
    Ok(matches!(optimized, LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, .. })))
}

/// A date as a literal.
pub fn date(day: i32) -> Expr {
    lit(ScalarValue::Date32(Some(day)))
}
