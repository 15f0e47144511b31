//! Which columns of an outer query a subquery uses, at any depth, and how.
//!
//! It knows plans and names. A name means the nearest query outside that has such a column.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::{merge_schema, split_conjunction};
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, FetchType, Join, JoinType, LogicalPlan, Operator, SkipType, Subquery,
};
use std::sync::Arc;

/// How a subquery depends on an outer query.
#[derive(Clone, Copy, Debug)]
pub struct Outer {
    /// Only by filters that are equal to an outer column.
    pub by_equality: bool,
}

impl Outer {
    /// None when it does not.
    pub fn of(plan: &LogicalPlan, outer: &DFSchema) -> Option<Self> {
        uses(plan, outer).then(|| Self { by_equality: only_by_equality(plan, outer) })
    }
}

/// Whether a plan uses a column of the outer query.
fn uses(plan: &LogicalPlan, outer: &DFSchema) -> bool {
    let mut found = false;
    // Neither the walk nor the visitor fails.
    let _ = plan.apply(|node| {
        let inputs = merge_schema(&node.inputs());
        node.apply_expressions(|expression| {
            found |= expression_uses(expression, outer, &inputs);
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if let LogicalPlan::Subquery(lateral) = node {
            found |= uses(&lateral.subquery, outer);
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

/// Whether a plan uses columns of the outer query in several branches.
pub fn forks(plan: &LogicalPlan, outer: &DFSchema) -> bool {
    let depends = |part: &&LogicalPlan| uses(part, outer);
    plan.exists(|node| {
        Ok(match node {
            LogicalPlan::Union(_) => uses(node, outer),
            // Outer rows for which they have none are read once more.
            LogicalPlan::Aggregate(aggregate) if makes_sets(aggregate) => uses(node, outer),
            LogicalPlan::Join(join) if is_matched(join) => uses(node, outer),
            LogicalPlan::Join(_) => node.inputs().iter().filter(|input| depends(input)).count() > 1,
            LogicalPlan::Subquery(lateral) => forks(&lateral.subquery, outer),
            _ => false,
        })
    })
    .unwrap_or(true)
}

/// Whether an aggregate is one WITH ROLLUP.
pub fn makes_sets(aggregate: &Aggregate) -> bool {
    aggregate.group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_)))
}

/// Whether a join only looks whether there is a row: INTERSECT and EXCEPT.
pub fn is_matched(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
}

/// `own` are the columns that subqueries inside of the expression see first.
fn expression_uses(expression: &Expr, outer: &DFSchema, own: &DFSchema) -> bool {
    expression
        .exists(|part| {
            Ok(match part {
                Expr::OuterReferenceColumn(_, column) => outer.has_column(column),
                _ => match subquery_of(part) {
                    // What it finds in the nearer query is not asked of this one.
                    Some(subquery) => nested_uses(&subquery.subquery, outer, own),
                    None => false,
                },
            })
        })
        .unwrap_or(true)
}

fn nested_uses(plan: &LogicalPlan, outer: &DFSchema, own: &DFSchema) -> bool {
    let mut found = false;
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            found |= expression.exists(|part| {
                Ok(matches!(part, Expr::OuterReferenceColumn(_, column)
                    if outer.has_column(column) && !own.has_column(column)))
            })?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    found
}

/// The subquery that an expression is.
pub fn subquery_of(expression: &Expr) -> Option<&Subquery> {
    match expression {
        Expr::ScalarSubquery(subquery)
        | Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. }) => Some(subquery),
        _ => None,
    }
}

/// Whether there is a subquery in an expression.
pub fn has_subquery(expression: &Expr) -> bool {
    expression.exists(|part| Ok(subquery_of(part).is_some())).unwrap_or(true)
}

/// An expression with other columns for those of the outer query; `own` are its node's inputs.
pub fn replace(
    expression: Expr,
    own: &DFSchema,
    column: &impl Fn(&Column) -> Option<Column>,
) -> Result<Transformed<Expr>> {
    expression.transform_up(|part| match part {
        Expr::OuterReferenceColumn(_, ref name) => Ok(match column(name) {
            Some(column) => Transformed::yes(Expr::Column(column)),
            None => Transformed::no(part),
        }),
        // For a subquery inside it stays an outer column.
        other => in_subquery(other, |subquery| replace_in(subquery, own, column)),
    })
}

/// An expression with another subquery, if it is one.
pub fn in_subquery(
    expression: Expr,
    change: impl FnOnce(Subquery) -> Result<Transformed<Subquery>>,
) -> Result<Transformed<Expr>> {
    Ok(match expression {
        Expr::ScalarSubquery(subquery) => change(subquery)?.update_data(Expr::ScalarSubquery),
        Expr::Exists(Exists { subquery, negated }) => {
            change(subquery)?.update_data(|subquery| Expr::Exists(Exists { subquery, negated }))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            change(subquery)?.update_data(|subquery| Expr::InSubquery(InSubquery { expr, subquery, negated }))
        }
        Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => change(subquery)?
            .update_data(|subquery| Expr::SetComparison(SetComparison { expr, subquery, op, quantifier })),
        other => Transformed::no(other),
    })
}

/// A subquery with other columns for those of the outer query; `own` are those of the node where it stands.
pub fn replace_in(
    subquery: Subquery,
    own: &DFSchema,
    column: &impl Fn(&Column) -> Option<Column>,
) -> Result<Transformed<Subquery>> {
    let plan = Arc::unwrap_or_clone(Arc::clone(&subquery.subquery));
    let replaced = plan.transform_down_with_subqueries(|node| {
        node.map_expressions(|expression| {
            expression.transform_up(|part| match &part {
                Expr::OuterReferenceColumn(field, name) if !own.has_column(name) => Ok(match column(name) {
                    Some(column) => Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)),
                    None => Transformed::no(part),
                }),
                _ => Ok(Transformed::no(part)),
            })
        })
    })?;
    if !replaced.transformed {
        return Ok(Transformed::no(subquery));
    }
    let outer_ref_columns = replaced.data.all_out_ref_exprs();
    Ok(Transformed::yes(Subquery { subquery: Arc::new(replaced.data), outer_ref_columns, ..subquery }))
}

/// Whether outer columns are only compared by `=` with the subquery's own, in a filter below its aggregate.
fn only_by_equality(plan: &LogicalPlan, outer: &DFSchema) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            !projection.expr.iter().any(|part| part.contains_outer() || has_subquery(part))
                && only_by_equality(&projection.input, outer)
        }
        LogicalPlan::Aggregate(aggregate) => {
            let mut parts = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
            let LogicalPlan::Filter(filter) = aggregate.input.as_ref() else { return false };
            !parts.any(|part| part.contains_outer() || has_subquery(part))
                && !uses(&filter.input, outer)
                && split_conjunction(&filter.predicate).into_iter().all(|part| {
                    !has_subquery(part) && (!part.contains_outer() || equality(part, outer).is_some())
                })
        }
        _ => false,
    }
}

/// `inside = outside`: an expression over a subquery's own columns, and one over the outer columns.
pub fn equality(part: &Expr, outer: &DFSchema) -> Option<(Expr, Expr)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = part else { return None };
    let sides = match (outside(left, outer), outside(right, outer)) {
        (Some(outside), None) => (right.as_ref(), outside),
        (None, Some(outside)) => (left.as_ref(), outside),
        _ => return None,
    };
    (!sides.0.contains_outer() && sides.0.any_column_refs()).then(|| (sides.0.clone(), sides.1))
}

/// An expression of outer columns only, as the outer query sees it.
fn outside(expression: &Expr, outer: &DFSchema) -> Option<Expr> {
    if !expression.contains_outer() || expression.any_column_refs() {
        return None;
    }
    let seen = expression.clone().transform_up(|part| match part {
        Expr::OuterReferenceColumn(_, column) if outer.has_column(&column) => {
            Ok(Transformed::yes(Expr::Column(column)))
        }
        other => Ok(Transformed::no(other)),
    });
    seen.ok().map(|seen| seen.data).filter(|seen| !seen.contains_outer())
}

/// Whether a subquery only filters rows by outer columns, and what stands above passes them on. Where only their
/// being there `exists` counts, LIMIT does so too.
pub fn filters_rows(plan: &LogicalPlan, exists: bool) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            !projection.expr.iter().any(|part| part.contains_outer() || has_subquery(part))
                && filters_rows(&projection.input, exists)
        }
        LogicalPlan::SubqueryAlias(alias) => filters_rows(&alias.input, exists),
        LogicalPlan::Sort(sort) => sort.fetch.is_none() && filters_rows(&sort.input, exists),
        LogicalPlan::Limit(limit) if exists => {
            matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
                && matches!(limit.get_fetch_type(), Ok(FetchType::Literal(None | Some(1..))))
                && filters_rows(&limit.input, exists)
        }
        LogicalPlan::Filter(filter) => {
            !has_subquery(&filter.predicate) && filter.input.all_out_ref_exprs().is_empty()
        }
        _ => false,
    }
}
