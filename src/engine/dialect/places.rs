//! Subqueries where DataFusion has no plan for one: in ON and ORDER BY, and with an ORDER BY that counts for nothing.
//!
//! It knows plans. A subquery in ON is computed beside the rows that it asks, or filters them; one that asks both
//! sides of a LEFT JOIN makes it LATERAL. What ORDER BY asks is selected below it.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, Spans, not_impl_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, Expr, FetchType, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, SkipType, Sort,
    Subquery,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::ident;

use super::dependent::scope::{in_subquery, replace_in, subquery_of};

/// Puts subqueries where they can be planned.
#[derive(Debug)]
pub struct SubqueryPlaces;

impl AnalyzerRule for SubqueryPlaces {
    fn name(&self) -> &str {
        "subquery_places"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(place).map(|placed| placed.data)
    }
}

fn place(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        Ok(expression.transform_up(unordered)?.update_data(|expression| name.restore(expression)))
    })?;
    plan.transform_data(|plan| match plan {
        LogicalPlan::Sort(sort) => sorted(sort),
        LogicalPlan::Join(join) if join.filter.as_ref().is_some_and(asks_by_row) => joined(join),
        LogicalPlan::Aggregate(aggregate) if aggregates_outside(&aggregate) => {
            not_impl_err!("an aggregate of an outer query's columns in a subquery")
        }
        other => Ok(Transformed::no(other)),
    })
}

/// Whether an expression has a subquery whose value is that of a row. One that has the same for all stays where it is.
fn asks_by_row(expression: &Expr) -> bool {
    expression.exists(|part| Ok(is_by_row(part))).unwrap_or(true)
}

fn is_by_row(part: &Expr) -> bool {
    match part {
        Expr::ScalarSubquery(value) => !value.outer_ref_columns.is_empty(),
        _ => subquery_of(part).is_some(),
    }
}

/// Whether an aggregate is one of the outer query: it has columns of that one only.
fn aggregates_outside(aggregate: &Aggregate) -> bool {
    aggregate.aggr_expr.iter().any(|value| match value.clone().unalias() {
        Expr::AggregateFunction(call) => {
            call.func.name() != "any_value"
                && call.params.args.iter().any(Expr::contains_outer)
                && !call.params.args.iter().any(Expr::any_column_refs)
        }
        _ => false,
    })
}

/// In which order a subquery's rows come does not count for what is found among them, nor for EXISTS how many they are.
fn unordered(expression: Expr) -> Result<Transformed<Expr>> {
    if matches!(expression, Expr::ScalarSubquery(_)) {
        return Ok(Transformed::no(expression));
    }
    let exists = matches!(expression, Expr::Exists(_));
    in_subquery(expression, |subquery| {
        let plan = without_order(&subquery.subquery, exists)?;
        Ok(plan.map_or_else(
            || Transformed::no(subquery.clone()),
            |plan| Transformed::yes(Subquery { subquery: Arc::new(plan), ..subquery.clone() }),
        ))
    })
}

/// A plan without its order; None if it has none.
fn without_order(plan: &LogicalPlan, exists: bool) -> Result<Option<LogicalPlan>> {
    let below = match plan {
        LogicalPlan::Sort(Sort { input, fetch: None, .. }) => input,
        LogicalPlan::Limit(limit)
            if exists
                && matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
                && matches!(limit.get_fetch_type(), Ok(FetchType::Literal(None | Some(1..)))) =>
        {
            &limit.input
        }
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            let below = without_order(plan.inputs()[0], exists)?;
            return below.map(|below| plan.with_new_exprs(plan.expressions(), vec![below])).transpose();
        }
        _ => return Ok(None),
    };
    Ok(Some(without_order(below, exists)?.unwrap_or_else(|| below.as_ref().clone())))
}

/// Selects what the subqueries of ORDER BY ask of the rows, and leaves it behind after.
fn sorted(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Projection(projection) = sort.input.as_ref() else {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    };
    let below = projection.input.schema();
    let mut missing = Vec::new();
    for key in &sort.expr {
        for column in asked(&key.expr)? {
            if !projection.schema.has_column(&column)
                && below.has_column(&column)
                && !missing.contains(&column)
            {
                missing.push(column);
            }
        }
    }
    if missing.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Sort(sort)));
    }
    let name = |column: &Column| format!("__sorted_{}", column.flat_name());
    let outputs: Vec<Expr> = projection.schema.columns().into_iter().map(Expr::Column).collect();
    let added = missing.iter().map(|column| Expr::Column(column.clone()).alias(name(column)));
    let columns = projection.expr.iter().cloned().chain(added).collect();
    let selected = LogicalPlan::Projection(Projection::try_new(columns, Arc::clone(&projection.input))?);
    let nothing = DFSchema::empty();
    let renamed = |column: &Column| missing.contains(column).then(|| Column::new_unqualified(name(column)));
    let mut keys = Vec::with_capacity(sort.expr.len());
    for mut key in sort.expr {
        let moved = key
            .expr
            .transform_up(|part| in_subquery(part, |subquery| replace_in(subquery, &nothing, &renamed)))?;
        key.expr = moved.data;
        keys.push(key);
    }
    let sorted = LogicalPlan::Sort(Sort { expr: keys, input: Arc::new(selected), fetch: sort.fetch });
    LogicalPlanBuilder::from(sorted).project(outputs)?.build().map(Transformed::yes)
}

/// The columns that an expression's subqueries ask of queries around them, at any depth.
fn asked(expression: &Expr) -> Result<Vec<Column>> {
    let mut asked = Vec::new();
    expression.apply(|part| {
        if let Some(subquery) = subquery_of(part) {
            subquery.subquery.apply_with_subqueries(|node| {
                node.apply_expressions(|value| {
                    value.apply(|part| {
                        if let Expr::OuterReferenceColumn(_, column) = part {
                            asked.push(column.clone());
                        }
                        Ok(TreeNodeRecursion::Continue)
                    })
                })
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(asked)
}

/// A join with subqueries in ON.
fn joined(join: Join) -> Result<Transformed<LogicalPlan>> {
    match join.join_type {
        JoinType::Inner => filtered(join).map(Transformed::yes),
        JoinType::Left => left_join(join).map(Transformed::yes),
        JoinType::Right => {
            let columns = [&join.left, &join.right].map(|side| side.schema().columns());
            let turned = left_join(Join {
                left: join.right,
                right: join.left,
                on: join.on.into_iter().map(|(left, right)| (right, left)).collect(),
                join_type: JoinType::Left,
                ..join
            })?;
            let columns = columns.into_iter().flatten().map(Expr::Column);
            LogicalPlanBuilder::from(turned).project(columns)?.build().map(Transformed::yes)
        }
        _ => Ok(Transformed::no(LogicalPlan::Join(join))),
    }
}

/// The conditions of ON: those with subqueries, and the others.
fn conditions(filter: Option<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    filter.map(split_conjunction_owned).unwrap_or_default().into_iter().partition(asks_by_row)
}

/// Filters the joined rows.
fn filtered(join: Join) -> Result<LogicalPlan> {
    let (with_subqueries, others) = conditions(join.filter);
    let joined = LogicalPlan::Join(Join { filter: conjunction(others), ..join });
    match conjunction(with_subqueries) {
        Some(condition) => LogicalPlanBuilder::from(joined).filter(condition)?.build(),
        None => Ok(joined),
    }
}

/// Which sides of a join an expression asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sides {
    left: bool,
    right: bool,
}

impl Sides {
    fn of(expression: &Expr, join: &Join) -> Result<Self> {
        let mut columns = asked(expression)?;
        columns.extend(expression.column_refs().into_iter().cloned());
        let asks = |side: &LogicalPlan| columns.iter().any(|column| side.schema().has_column(column));
        Ok(Self { left: asks(&join.left), right: asks(&join.right) })
    }
}

fn left_join(join: Join) -> Result<LogicalPlan> {
    let (with_subqueries, mut others) = conditions(join.filter.clone());
    let mut of_right = Vec::new();
    let mut rest = Vec::new();
    for condition in with_subqueries {
        match Sides::of(&condition, &join)?.left {
            true => rest.push(condition),
            // Rows of the right side for which it does not hold match nothing.
            false => of_right.push(condition),
        }
    }
    let outputs: Vec<Expr> = join.schema.columns().into_iter().map(Expr::Column).collect();
    let right = match conjunction(of_right) {
        Some(condition) => {
            let right = LogicalPlanBuilder::from(join.right.as_ref().clone());
            Arc::new(right.filter(condition)?.build()?)
        }
        None => Arc::clone(&join.right),
    };
    let join = Join { right, ..join };
    let Some((values, named)) = Values::of(&rest, &join)? else {
        return lateral(join, rest, others);
    };
    others.extend(named);
    let left = beside(&join.left, values.left)?;
    let right = beside(&join.right, values.right)?;
    let Join { on, join_type, join_constraint, null_equality, null_aware, .. } = join;
    let joined = Join::try_new(
        left,
        right,
        on,
        conjunction(others),
        join_type,
        join_constraint,
        null_equality,
        null_aware,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(outputs)?.build()
}

/// The values of subqueries that ask one side of a join.
#[derive(Debug, Default)]
struct Values {
    left: Vec<Expr>,
    right: Vec<Expr>,
}

impl Values {
    /// And the conditions with their names in their place. None when one asks both sides.
    fn of(conditions: &[Expr], join: &Join) -> Result<Option<(Self, Vec<Expr>)>> {
        let mut values = Self::default();
        let mut asks_both = false;
        let mut named = Vec::with_capacity(conditions.len());
        for condition in conditions {
            let condition = condition.clone().transform_down(|part| {
                if !is_by_row(&part) {
                    return Ok(Transformed::no(part));
                }
                let sides = Sides::of(&part, join)?;
                asks_both |= sides == Sides { left: true, right: true };
                let name = format!("__on_{}", values.left.len() + values.right.len());
                let side = if sides.right { &mut values.right } else { &mut values.left };
                side.push(part.alias(&name));
                Ok(Transformed::new(ident(name), true, TreeNodeRecursion::Jump))
            })?;
            named.push(condition.data);
        }
        Ok((!asks_both).then_some((values, named)))
    }
}

/// The rows of a side of a join beside values.
fn beside(side: &Arc<LogicalPlan>, values: Vec<Expr>) -> Result<Arc<LogicalPlan>> {
    if values.is_empty() {
        return Ok(Arc::clone(side));
    }
    let columns = side.schema().columns().into_iter().map(Expr::Column).chain(values);
    LogicalPlanBuilder::from(side.as_ref().clone()).project(columns)?.build().map(Arc::new)
}

/// A LEFT JOIN with the rows of the right side for which the conditions hold. First those without subqueries choose
/// them, of which some may be equalities.
fn lateral(join: Join, with_subqueries: Vec<Expr>, others: Vec<Expr>) -> Result<LogicalPlan> {
    let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let others = conjunction(equal.chain(others));
    let mut rows = LogicalPlanBuilder::from(join.right.as_ref().clone());
    for condition in [others, conjunction(with_subqueries)].into_iter().flatten() {
        rows = rows.filter(from_outside(condition, join.left.schema())?)?;
    }
    let rows = rows.build()?;
    let outer_ref_columns = rows.all_out_ref_exprs();
    let right = Subquery { subquery: Arc::new(rows), outer_ref_columns, spans: Spans::new() };
    let Join { left, join_type, join_constraint, null_equality, null_aware, .. } = join;
    let joined = Join::try_new(
        left,
        Arc::new(LogicalPlan::Subquery(right)),
        Vec::new(),
        None,
        join_type,
        join_constraint,
        null_equality,
        null_aware,
    )?;
    Ok(LogicalPlan::Join(joined))
}

/// An expression for which the columns of the left side are those of a query outside.
fn from_outside(expression: Expr, left: &DFSchema) -> Result<Expr> {
    let seen = expression.transform_up(|part| match part {
        Expr::Column(column) if left.has_column(&column) => {
            let field = Arc::clone(left.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(seen.data)
}
