//! A subquery that stands for a value and has no row is NULL.
//!
//! It knows plans. DataFusion takes such a value for NOT NULL where the subquery's column is, so that IS NULL of it is
//! false and COALESCE never looks further. Here the column of each subquery that may have no row becomes nullable,
//! before any rule asks.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    EmptyRelation, Expr, LogicalPlan, LogicalPlanBuilder, Projection, Subquery, Union,
};
use datafusion::optimizer::AnalyzerRule;

use crate::engine::functions::{nullable, udf};

/// Makes values that may be missing nullable.
#[derive(Debug)]
pub struct MissingRows;

impl AnalyzerRule for MissingRows {
    fn name(&self) -> &str {
        "missing_rows"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        // What is above such a value may be NULL with it. A few nodes that are not above it are looked at in vain.
        let mut changed = false;
        let marked = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let marked = plan.map_expressions(|expression| {
                let name = names.save(&expression);
                Ok(expression.transform_up(mark)?.update_data(|expression| name.restore(expression)))
            })?;
            changed |= marked.transformed;
            if changed { told(marked.data).map(Transformed::yes) } else { Ok(marked) }
        })?;
        Ok(marked.data)
    }
}

/// A node whose inputs changed, with what it tells of its columns.
fn told(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        // DataFusion would leave its columns as they were.
        LogicalPlan::Union(union) => Ok(LogicalPlan::Union(Union::try_new_with_loose_types(union.inputs)?)),
        other => other.recompute_schema(),
    }
}

fn mark(expression: Expr) -> Result<Transformed<Expr>> {
    match expression {
        Expr::ScalarSubquery(value) if !has_a_row(&value.subquery) => {
            let subquery = Arc::new(nullable(Arc::unwrap_or_clone(value.subquery))?);
            Ok(Transformed::yes(Expr::ScalarSubquery(Subquery { subquery, ..value })))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether there is a row whatever the tables hold.
fn has_a_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Window(_) => {
            plan.inputs().into_iter().all(has_a_row)
        }
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row, .. }) => *produce_one_row,
        LogicalPlan::Values(values) => !values.values.is_empty(),
        _ => false,
    }
}

/// The same rows; the only column may be NULL.
fn nullable(plan: LogicalPlan) -> Result<LogicalPlan> {
    let column = Column::from(plan.schema().qualified_field(0));
    let (value, rows) = match plan {
        LogicalPlan::Projection(Projection { mut expr, input, .. }) if expr.len() == 1 => {
            (expr.swap_remove(0).unalias(), Arc::unwrap_or_clone(input))
        }
        other => (Expr::Column(column.clone()), other),
    };
    let value = udf(nullable::NAME)?.call(vec![value]).alias_qualified(column.relation, column.name);
    LogicalPlanBuilder::from(rows).project(vec![value])?.build()
}
