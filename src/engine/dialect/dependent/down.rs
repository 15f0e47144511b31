//! The rows of an outer query, carried down through the plan of a subquery that depends on them.
//!
//! It knows plans. Each node of the subquery gets the outer columns beside its own; a filter drops rows, an
//! aggregate makes groups of each outer row's rows. Where outer rows must survive for which the subquery has
//! none, nothing is dropped: the column [`FOUND`] tells which rows count, and the others are there in vain.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchemaRef, NullHandling, Result, not_impl_err};
use datafusion::functions_aggregate::expr_fn::first_value;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{Cast, WindowFunction};
use datafusion::logical_expr::utils::{conjunction, merge_schema};
use datafusion::logical_expr::{
    Aggregate, Distinct, EmptyRelation, Expr, ExprFunctionExt, FetchType, GroupingSet, Join, JoinType, Limit,
    LogicalPlan, LogicalPlanBuilder, SkipType, Sort, SortExpr, Union, Unnest, Window, when,
};
use datafusion::prelude::{ident, lit};

use super::{again, scope};

/// True in rows that the subquery has; anything else in rows that keep an outer row alive.
pub const FOUND: &str = "__found";
/// The outer rows below the subquery.
const OUTER: &str = "__outer";
/// The number of an outer row.
const ROW: &str = "__row";
/// The same from the other side of a join.
const ROW_AGAIN: &str = "__row_again";
pub const NUMBER: &str = "__number";
/// The number of a row among those of one outer row.
const PLACE: &str = "__place";

/// The rows of an outer query for a subquery that depends on them.
pub struct Dependent {
    /// All columns under names that no other has, and [`ROW`].
    rows: LogicalPlan,
    /// The outer columns as they were.
    columns: Vec<Column>,
    outer: DFSchemaRef,
}

/// A subquery's rows beside the outer ones that they are for.
pub struct Down {
    /// The outer columns, the subquery's, [`FOUND`] if misses are kept.
    pub plan: LogicalPlan,
    /// Each outer row has exactly one row.
    pub one: bool,
    /// An outer row has either only rows that are found or one that is not.
    exact: bool,
}

/// Whether an outer row without rows of the subquery is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Misses {
    Dropped,
    Kept,
}

impl Dependent {
    /// Numbers the outer rows of a subquery. Where it forks, each of its branches reads them, so that their numbers
    /// must be the same each time: rows that are alike may change places.
    pub fn new(outer: LogicalPlan, subquery: &LogicalPlan) -> Result<Self> {
        let number = match scope::forks(subquery, outer.schema()) {
            false => row_number(),
            true if again::is_same(&outer)? => {
                let keys = outer.schema().columns().into_iter().map(|key| Expr::Column(key).sort(true, true));
                row_number().order_by(keys.collect()).build()?
            }
            true => {
                return not_impl_err!("outer columns in several places of a subquery, from rows in no order");
            }
        };
        let (columns, schema) = (outer.schema().columns(), Arc::clone(outer.schema()));
        let renamed = columns.iter().enumerate();
        let renamed = renamed.map(|(index, column)| Expr::Column(column.clone()).alias(format!("c{index}")));
        // The outer rows may themselves be such of another subquery, with their own number.
        let renamed: Vec<Expr> = renamed.chain([ident(NUMBER).alias(ROW)]).collect();
        let numbered = LogicalPlanBuilder::from(outer).window(vec![number.alias(NUMBER)])?;
        let rows = numbered.project(renamed)?.alias(OUTER)?.build()?;
        Ok(Self { rows, columns, outer: schema })
    }

    /// The outer columns beside the rows of a subquery.
    pub fn columns(&self) -> impl Iterator<Item = Expr> {
        self.rows.schema().columns().into_iter().map(Expr::Column)
    }

    /// The subquery's rows for each outer row.
    pub fn rows(&self, subquery: &LogicalPlan) -> Result<LogicalPlan> {
        Ok(self.down(subquery, Misses::Dropped)?.plan)
    }

    /// The same, and for outer rows without any at least one row that is not found.
    pub fn rows_and_misses(&self, subquery: &LogicalPlan) -> Result<Down> {
        self.down(subquery, Misses::Kept)
    }

    /// The subquery's rows for each outer row; one row of NULLs where there is none of which `on` holds.
    pub fn rows_or_nulls(&self, subquery: &LogicalPlan, on: Option<Expr>) -> Result<LogicalPlan> {
        let mut down = self.down(subquery, Misses::Kept)?;
        if let Some(on) = on {
            down = self.filter(down, self.inside(on)?, Misses::Kept)?;
        }
        let mut plan = down.plan;
        if !down.exact {
            // Rows in vain go, but for one of an outer row that has no other.
            plan = self.number(plan, vec![found().sort(false, false)])?;
            let first = ident(PLACE).eq(lit(1_u64));
            plan = LogicalPlanBuilder::from(plan).filter(found().or(first))?.build()?;
        }
        let nulls = subquery.schema().columns().into_iter().map(|column| {
            let (relation, name) = (column.relation.clone(), column.name.clone());
            let found = when(found(), Expr::Column(column)).end()?;
            Ok(found.alias_qualified(relation, name))
        });
        let columns = self.columns().map(Ok).chain(nulls).collect::<Result<Vec<_>>>()?;
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }

    /// Gives the outer columns back their names.
    pub fn outside(&self, plan: LogicalPlan, outputs: Vec<Column>) -> Result<LogicalPlan> {
        let columns = outputs.into_iter().map(|column| match self.renamed(&column) {
            Some(renamed) => Expr::Column(renamed).alias_qualified(column.relation, column.name),
            None => Expr::Column(column),
        });
        LogicalPlanBuilder::from(plan).project(columns.collect::<Vec<_>>())?.build()
    }

    /// An expression over the outer columns and the subquery's, as rows are below.
    pub fn inside(&self, expression: Expr) -> Result<Expr> {
        let inside = expression.transform_up(|part| match &part {
            Expr::Column(column) => Ok(match self.renamed(column) {
                Some(renamed) => Transformed::yes(Expr::Column(renamed)),
                None => Transformed::no(part),
            }),
            _ => Ok(Transformed::no(part)),
        })?;
        Ok(inside.data)
    }

    /// Groups rows by their outer row, and within it by what else is said.
    pub fn group(&self, plan: LogicalPlan, by: Vec<Expr>, aggregates: Vec<Expr>) -> Result<LogicalPlan> {
        let keys = std::iter::once(self.row()).chain(by);
        LogicalPlanBuilder::from(plan).aggregate(keys, aggregates.into_iter().chain(self.same()))?.build()
    }

    /// The outer columns of a group of rows that are for one outer row; they are the same in all of them.
    fn same(&self) -> impl Iterator<Item = Expr> {
        let others = self.rows.schema().columns().into_iter().filter(|column| column.name != ROW);
        others.map(|column| {
            let name = column.name.clone();
            first_value(Expr::Column(column), Vec::new()).alias_qualified(Some(OUTER), name)
        })
    }

    fn renamed(&self, column: &Column) -> Option<Column> {
        let place = self.columns.iter().position(|own| own == column)?;
        Some(Column::new(Some(OUTER), format!("c{place}")))
    }

    /// An expression of a node of the subquery; its outer columns are beside its own now.
    fn expression(&self, expression: Expr, node: &LogicalPlan) -> Result<Expr> {
        let own = merge_schema(&node.inputs());
        Ok(scope::replace(expression, &own, &|column| self.renamed(column))?.data)
    }

    fn depends(&self, plan: &LogicalPlan) -> bool {
        scope::Outer::of(plan, &self.outer).is_some()
    }

    fn down(&self, plan: &LogicalPlan, misses: Misses) -> Result<Down> {
        if !self.depends(plan) {
            return self.beside(plan, None, misses);
        }
        match plan {
            LogicalPlan::Filter(filter) => {
                let predicate = self.expression(filter.predicate.clone(), plan)?;
                if !self.depends(&filter.input) && !scope::has_subquery(&predicate) {
                    return self.beside(&filter.input, Some(predicate), misses);
                }
                self.filter(self.down(&filter.input, misses)?, predicate, misses)
            }
            LogicalPlan::Projection(projection) => {
                let down = self.down(&projection.input, misses)?;
                let columns = projection.expr.iter().zip(plan.schema().columns()).map(|(part, column)| {
                    let part = self.expression(part.clone().unalias(), plan)?;
                    Ok(part.alias_qualified(column.relation, column.name))
                });
                self.project(down, columns.collect::<Result<Vec<_>>>()?, misses)
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let down = self.down(&alias.input, misses)?;
                let names = alias.input.schema().columns().into_iter().zip(plan.schema().columns());
                let columns = names
                    .map(|(from, to)| Expr::Column(from).alias_qualified(to.relation, to.name))
                    .collect();
                self.project(down, columns, misses)
            }
            LogicalPlan::Subquery(lateral) => self.down(&lateral.subquery, misses),
            // The order is lost with the next node, but for LIMIT, which looks for it.
            LogicalPlan::Sort(Sort { input, fetch: None, .. }) => self.down(input, misses),
            LogicalPlan::Limit(limit) => self.limit(limit, misses),
            LogicalPlan::Aggregate(aggregate) if scope::makes_sets(aggregate) => {
                self.with_misses(self.grouping_sets(aggregate, plan)?, plan, misses)
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate, plan, misses),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let columns = input.schema().columns().into_iter().map(Expr::Column).collect();
                let distinct = Aggregate::try_new(Arc::clone(input), columns, Vec::new())?;
                self.down(&LogicalPlan::Aggregate(distinct), misses)
            }
            LogicalPlan::Window(window) => self.window(window, plan, misses),
            LogicalPlan::Union(union) => self.union(union, plan, misses),
            LogicalPlan::Join(join) if scope::is_matched(join) => {
                self.with_misses(self.matched(join, plan)?, plan, misses)
            }
            LogicalPlan::Join(join) => self.join(join, plan, misses),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest, misses),
            other => not_impl_err!(
                "outer columns below {}",
                other.display().to_string().chars().take(20).collect::<String>()
            ),
        }
    }

    /// Rows that do not depend on the outer ones, but for a filter.
    fn beside(&self, plan: &LogicalPlan, filter: Option<Expr>, misses: Misses) -> Result<Down> {
        let rows = LogicalPlanBuilder::from(self.rows.clone());
        if matches!(plan, LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, .. })) {
            let found = filter.unwrap_or_else(|| lit(true));
            let plan = match misses {
                Misses::Kept => rows.project(self.columns().chain([found.alias(FOUND)]))?,
                Misses::Dropped => rows.filter(found)?,
            };
            return Ok(Down { plan: plan.build()?, one: misses == Misses::Kept, exact: true });
        }
        let plan = match misses {
            Misses::Dropped => rows.join_on(plan.clone(), JoinType::Inner, filter)?,
            Misses::Kept => {
                let columns = plan.schema().columns().into_iter().map(Expr::Column);
                let inner = LogicalPlanBuilder::from(plan.clone())
                    .project(columns.chain([lit(true).alias(FOUND)]))?
                    .build()?;
                let on = filter.unwrap_or_else(|| lit(true));
                rows.join_on(inner, JoinType::Left, Some(on))?
            }
        };
        Ok(Down { plan: plan.build()?, one: false, exact: true })
    }

    fn filter(&self, down: Down, predicate: Expr, misses: Misses) -> Result<Down> {
        let plan = LogicalPlanBuilder::from(down.plan);
        if misses == Misses::Dropped {
            return Ok(Down { plan: plan.filter(predicate)?.build()?, ..down });
        }
        let found = ident(FOUND).and(predicate).alias(FOUND);
        let columns = plan.schema().columns().into_iter().filter(|column| column.name != FOUND);
        let columns: Vec<Expr> = columns.map(Expr::Column).chain([found]).collect();
        Ok(Down { plan: plan.project(columns)?.build()?, one: down.one, exact: down.one })
    }

    fn project(&self, down: Down, columns: Vec<Expr>, misses: Misses) -> Result<Down> {
        let found = (misses == Misses::Kept).then(|| ident(FOUND));
        let columns: Vec<Expr> = self.columns().chain(columns).chain(found).collect();
        let plan = LogicalPlanBuilder::from(down.plan).project(columns)?.build()?;
        Ok(Down { plan, ..down })
    }

    fn limit(&self, limit: &Limit, misses: Misses) -> Result<Down> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
            (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return not_impl_err!("LIMIT of an expression in a subquery with outer columns");
        };
        // The rows that are kept are the same above a projection and below it, and below it is their order.
        if let LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) = limit.input.as_ref() {
            let below = LogicalPlan::Limit(Limit {
                input: Arc::new(limit.input.inputs()[0].clone()),
                ..limit.clone()
            });
            let expressions = limit.input.expressions();
            return self.down(&limit.input.with_new_exprs(expressions, vec![below])?, misses);
        }
        let mut keys: Vec<SortExpr> = Vec::new();
        let mut input = limit.input.as_ref();
        if let LogicalPlan::Sort(sort) = input {
            for key in &sort.expr {
                keys.push(SortExpr { expr: self.expression(key.expr.clone(), input)?, ..key.clone() });
            }
            input = &sort.input;
        }
        let down = self.down(input, misses)?;
        if misses == Misses::Kept {
            keys.insert(0, found().sort(false, false));
        }
        let numbered = self.number(down.plan, keys)?;
        let (skip, fetch) = (skip as u64, fetch.map(|fetch| fetch as u64));
        let place = || ident(PLACE);
        let after = (skip > 0).then(|| place().gt(lit(skip)));
        let before = fetch.map(|fetch| place().lt_eq(lit(skip.saturating_add(fetch))));
        let kept = conjunction([after, before].into_iter().flatten()).unwrap_or_else(|| lit(true));
        let own = input.schema().columns().into_iter().map(Expr::Column);
        let plan = LogicalPlanBuilder::from(numbered);
        if misses == Misses::Dropped {
            let plan = plan.filter(kept)?.project(self.columns().chain(own))?.build()?;
            return Ok(Down { plan, one: false, exact: false });
        }
        let found = ident(FOUND).and(kept.clone()).alias(FOUND);
        let plan = plan
            .filter(kept.or(place().eq(lit(1_u64))))?
            .project(self.columns().chain(own).chain([found]))?
            .build()?;
        let one = down.one || (skip == 0 && fetch == Some(1));
        Ok(Down { plan, one, exact: one || (down.exact && skip == 0) })
    }

    /// Numbers the rows of each outer row as [`PLACE`].
    fn number(&self, plan: LogicalPlan, keys: Vec<SortExpr>) -> Result<LogicalPlan> {
        let place = row_number().partition_by(vec![self.row()]).order_by(keys).build()?.alias(PLACE);
        LogicalPlanBuilder::from(plan).window(vec![place])?.build()
    }

    fn row(&self) -> Expr {
        Expr::Column(Column::new(Some(OUTER), ROW))
    }

    fn aggregate(&self, aggregate: &Aggregate, plan: &LogicalPlan, misses: Misses) -> Result<Down> {
        // One row for all rows there is also where there are none.
        let total = aggregate.group_expr.is_empty();
        let kept = total || misses == Misses::Kept;
        let down = self.down(&aggregate.input, if kept { Misses::Kept } else { Misses::Dropped })?;
        let outputs = plan.schema().columns();
        let name = |index: usize| format!("__part_{index}");

        let mut keys = Vec::new();
        for (index, key) in aggregate.group_expr.iter().enumerate() {
            keys.push(self.expression(key.clone().unalias(), plan)?.alias(name(index)));
        }
        if kept && !total {
            keys.push(found().alias(FOUND));
        }
        let mut values = Vec::new();
        for (index, value) in aggregate.aggr_expr.iter().enumerate() {
            let value = self.expression(value.clone().unalias(), plan)?;
            let value = if kept { only_found(value)? } else { value };
            values.push(value.alias(name(aggregate.group_expr.len() + index)));
        }
        let grouped = self.group(down.plan, keys, values)?;
        let columns = outputs
            .into_iter()
            .enumerate()
            .map(|(index, column)| ident(name(index)).alias_qualified(column.relation, column.name));
        let found = match (misses, total) {
            (Misses::Dropped, _) => None,
            (Misses::Kept, true) => Some(lit(true).alias(FOUND)),
            (Misses::Kept, false) => Some(ident(FOUND)),
        };
        let columns: Vec<Expr> = self.columns().chain(columns).chain(found).collect();
        let plan = LogicalPlanBuilder::from(grouped).project(columns)?.build()?;
        Ok(Down { plan, one: total, exact: total || down.exact })
    }

    /// WITH ROLLUP: each of its groups is one of each outer row's rows.
    fn grouping_sets(&self, aggregate: &Aggregate, plan: &LogicalPlan) -> Result<LogicalPlan> {
        let [Expr::GroupingSet(GroupingSet::Rollup(keys))] = aggregate.group_expr.as_slice() else {
            return not_impl_err!("grouping sets in a subquery with outer columns");
        };
        let name = |index: usize| format!("__part_{index}");
        let down = self.down(&aggregate.input, Misses::Dropped)?;
        let mut columns: Vec<Expr> = down.plan.schema().columns().into_iter().map(Expr::Column).collect();
        for (index, key) in keys.iter().enumerate() {
            columns.push(self.expression(key.clone().unalias(), plan)?.alias(name(index)));
        }
        let set = |width: usize| std::iter::once(self.row()).chain((0..width).map(|key| ident(name(key))));
        let sets = (0..=keys.len()).rev().map(|width| set(width).collect()).collect();
        let mut values = Vec::new();
        for (index, value) in aggregate.aggr_expr.iter().enumerate() {
            let value = self.expression(value.clone().unalias(), plan)?;
            values.push(value.alias(name(keys.len() + index)));
        }
        let sets = Expr::GroupingSet(GroupingSet::GroupingSets(sets));
        let grouped = LogicalPlanBuilder::from(down.plan)
            .project(columns)?
            .aggregate(vec![sets], values.into_iter().chain(self.same()))?
            .build()?;
        // Behind the keys stands the number of the set; the outer row, which all sets have, does not change it.
        let outputs = plan.schema().iter().enumerate().map(|(index, (relation, field))| {
            let value = match index.cmp(&keys.len()) {
                Ordering::Less => ident(name(index)),
                Ordering::Equal => {
                    let number = Box::new(ident(Aggregate::INTERNAL_GROUPING_ID));
                    Expr::Cast(Cast::new(number, field.data_type().clone()))
                }
                Ordering::Greater => ident(name(index - 1)),
            };
            value.alias_qualified(relation.cloned(), field.name())
        });
        let outputs: Vec<Expr> = self.columns().chain(outputs).collect();
        LogicalPlanBuilder::from(grouped).project(outputs)?.build()
    }

    fn window(&self, window: &Window, plan: &LogicalPlan, misses: Misses) -> Result<Down> {
        let down = self.down(&window.input, misses)?;
        let width = window.input.schema().fields().len();
        let names = plan.schema().columns().into_iter().skip(width);
        let mut values = Vec::new();
        let mut columns: Vec<Expr> = window.input.schema().columns().into_iter().map(Expr::Column).collect();
        for (index, (value, column)) in window.window_expr.iter().zip(names).enumerate() {
            let Expr::WindowFunction(call) = self.expression(value.clone().unalias(), plan)? else {
                return not_impl_err!("this window in a subquery with outer columns");
            };
            let mut call: WindowFunction = *call;
            call.params.partition_by.push(self.row());
            if misses == Misses::Kept {
                call.params.partition_by.push(found());
            }
            let name = format!("__part_{index}");
            values.push(Expr::WindowFunction(Box::new(call)).alias(&name));
            columns.push(ident(name).alias_qualified(column.relation, column.name));
        }
        let plan = LogicalPlanBuilder::from(down.plan).window(values)?.build()?;
        self.project(Down { plan, ..down }, columns, misses)
    }

    /// The outer rows go to each branch.
    fn union(&self, union: &Union, plan: &LogicalPlan, misses: Misses) -> Result<Down> {
        let mut all: Option<LogicalPlanBuilder> = None;
        for branch in &union.inputs {
            let down = self.down(branch, misses)?;
            let names = branch.schema().columns().into_iter().zip(plan.schema().columns());
            let columns = names.map(|(from, to)| Expr::Column(from).alias_qualified(to.relation, to.name));
            let branch = self.project(down, columns.collect(), misses)?.plan;
            all = Some(match all {
                Some(all) => all.union(branch)?,
                None => LogicalPlanBuilder::from(branch),
            });
        }
        let Some(all) = all else { return not_impl_err!("a UNION of nothing") };
        // A union has names, but no tables.
        let names = self.columns().chain(plan.schema().columns().into_iter().map(Expr::Column));
        let names = names.chain((misses == Misses::Kept).then(|| ident(FOUND)));
        let columns = all.schema().columns().into_iter().zip(names).map(|(column, name)| match name {
            Expr::Column(to) => Expr::Column(column).alias_qualified(to.relation, to.name),
            _ => Expr::Column(column),
        });
        let columns: Vec<Expr> = columns.collect();
        Ok(Down { plan: all.project(columns)?.build()?, one: false, exact: false })
    }

    /// The outer rows go to the sides that depend on them, first to the one that keeps its rows.
    fn join(&self, join: &Join, plan: &LogicalPlan, misses: Misses) -> Result<Down> {
        let own = merge_schema(&plan.inputs());
        let pairs = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
        let mut conditions = Vec::new();
        for condition in pairs.chain(join.filter.clone()) {
            conditions.push(scope::replace(condition, &own, &|column| self.renamed(column))?.data);
        }
        let (first, second) = match (join.join_type, self.depends(&join.left), self.depends(&join.right)) {
            (JoinType::Inner, false, true) => (&join.right, &join.left),
            (JoinType::Inner | JoinType::Left, ..) => (&join.left, &join.right),
            (other, ..) => return not_impl_err!("outer columns below {other} JOIN"),
        };
        let down = self.down(first, misses)?;
        let second = match self.depends(second) {
            true => {
                conditions.push(self.row().eq(ident(ROW_AGAIN)));
                Arc::new(self.other_side(second)?)
            }
            false => Arc::clone(second),
        };
        let condition = conjunction(conditions);
        let rows = LogicalPlanBuilder::from(down.plan);
        if join.join_type == JoinType::Left || misses == Misses::Dropped {
            let on = condition.or_else(|| (join.join_type == JoinType::Left).then(|| lit(true)));
            let plan = rows.join_on(second.as_ref().clone(), join.join_type, on)?.build()?;
            // Without a match the row stays as it was.
            return Ok(Down { plan, one: false, exact: down.exact });
        }
        let other = "__other";
        let columns = second.schema().columns().into_iter().map(Expr::Column);
        let second = LogicalPlanBuilder::from(second.as_ref().clone())
            .project(columns.chain([lit(true).alias(other)]))?
            .build()?;
        let on = conjunction([Some(found()), condition].into_iter().flatten());
        let joined = rows.join_on(second, JoinType::Left, on)?;
        let found = ident(FOUND).and(ident(other)).alias(FOUND);
        let own = plan.schema().columns().into_iter().map(Expr::Column);
        let plan = joined.project(self.columns().chain(own).chain([found]))?.build()?;
        Ok(Down { plan, one: false, exact: false })
    }

    /// The rows of a side of a join, which have their outer row's number only.
    fn other_side(&self, side: &LogicalPlan) -> Result<LogicalPlan> {
        let own = side.schema().columns().into_iter().map(Expr::Column);
        let down = self.down(side, Misses::Dropped)?.plan;
        LogicalPlanBuilder::from(down).project(own.chain([self.row().alias(ROW_AGAIN)]))?.build()
    }

    /// INTERSECT and EXCEPT: rows are looked for among those of the same outer row.
    fn matched(&self, join: &Join, plan: &LogicalPlan) -> Result<LogicalPlan> {
        let left = self.down(&join.left, Misses::Dropped)?.plan;
        let mut on = join.on.clone();
        let right = match self.depends(&join.right) {
            true => {
                on.push((self.row(), ident(ROW_AGAIN)));
                Arc::new(self.other_side(&join.right)?)
            }
            false => Arc::clone(&join.right),
        };
        let filter = join.filter.clone().map(|filter| self.expression(filter, plan)).transpose()?;
        let Join { join_type, join_constraint, null_equality, null_aware, .. } = *join;
        let matched = Join::try_new(
            Arc::new(left),
            right,
            on,
            filter,
            join_type,
            join_constraint,
            null_equality,
            null_aware,
        )?;
        Ok(LogicalPlan::Join(matched))
    }

    /// The rows that a node has, and where misses are kept the outer rows for which it has none.
    fn with_misses(&self, found: LogicalPlan, node: &LogicalPlan, misses: Misses) -> Result<Down> {
        if misses == Misses::Dropped {
            return Ok(Down { plan: found, one: false, exact: false });
        }
        let own: Vec<Expr> = node.schema().columns().into_iter().map(Expr::Column).collect();
        let marks = [self.row().alias(ROW_AGAIN), lit(true).alias(FOUND)];
        let found = LogicalPlanBuilder::from(found).project(own.iter().cloned().chain(marks))?.build()?;
        let plan = LogicalPlanBuilder::from(self.rows.clone())
            .join_on(found, JoinType::Left, [self.row().eq(ident(ROW_AGAIN))])?
            .project(self.columns().chain(own).chain([ident(FOUND)]))?
            .build()?;
        Ok(Down { plan, one: false, exact: true })
    }

    /// Lists as rows; where rows must survive, what has no items has one that is NULL.
    fn unnest(&self, unnest: &Unnest, misses: Misses) -> Result<Down> {
        let [(_, list)] = unnest.list_type_columns.as_slice() else {
            return not_impl_err!("several lists beside outer columns");
        };
        let down = self.down(&unnest.input, misses)?;
        let mut options = unnest.options.clone();
        options.null_handling = match misses {
            Misses::Kept => NullHandling::PreserveAndExpandEmpty,
            Misses::Dropped => NullHandling::Drop,
        };
        let rows = LogicalPlanBuilder::from(down.plan)
            .unnest_columns_with_options(unnest.exec_columns.clone(), options)?
            .build()?;
        let rows = Down { plan: rows, one: false, exact: down.exact };
        if misses == Misses::Dropped {
            return Ok(rows);
        }
        // No list that is made here has an item that is NULL.
        let item = Expr::Column(list.output_column.clone());
        let exact = rows.exact;
        self.filter(rows, item.is_not_null(), misses).map(|rows| Down { exact, ..rows })
    }
}

/// Whether a row is found, never NULL. (DataFusion's IS TRUE is not known to be so where it is computed.)
fn found() -> Expr {
    ident(FOUND).is_not_null().and(ident(FOUND))
}

/// An aggregate of the rows that are found only.
fn only_found(aggregate: Expr) -> Result<Expr> {
    let only = aggregate.transform_down(|part| match part {
        Expr::AggregateFunction(mut call) => {
            call.params.filter = Some(Box::new(match call.params.filter.take() {
                Some(filter) => ident(FOUND).and(*filter),
                None => ident(FOUND),
            }));
            Ok(Transformed::yes(Expr::AggregateFunction(call)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(only.data)
}
