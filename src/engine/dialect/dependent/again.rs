//! Whether a plan has the same rows when it runs again. It must not know why it would.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::{Distinct, Expr, ExprSchemable, LogicalPlan};

use super::down::NUMBER;
use crate::engine::functions::nullable::is_volatile;

/// Whether its rows are the same, as a set whose members are told apart by all their columns.
pub fn is_same(plan: &LogicalPlan) -> Result<bool> {
    // Rows with values that cannot be compared have no order.
    let mut same = plan.schema().fields().iter().all(|field| !field.data_type().is_nested());
    plan.apply_with_subqueries(|node| {
        same &= is_same_from(node)?;
        Ok(if same { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(same)
}

/// Whether a node's rows are the same when those of its inputs are.
fn is_same_from(node: &LogicalPlan) -> Result<bool> {
    let same = match node {
        // Which rows are kept of those that are alike is chance.
        LogicalPlan::Limit(_) | LogicalPlan::Distinct(Distinct::On(_)) => false,
        LogicalPlan::Sort(sort) => sort.fetch.is_none(),
        // Numbers of outer rows are left behind with them.
        LogicalPlan::Window(window) => {
            window.window_expr.iter().all(|value| matches!(value, Expr::Alias(alias) if alias.name == NUMBER))
        }
        LogicalPlan::Aggregate(aggregate) => {
            let mut same = true;
            for value in &aggregate.aggr_expr {
                same &= is_same_in_any_order(value, &value.get_type(aggregate.input.schema())?);
            }
            same
        }
        _ => true,
    };
    Ok(same && !node.expressions().iter().any(is_volatile))
}

/// Whether an aggregate is the same in whatever order its rows come. Sums of floating-point numbers are not.
fn is_same_in_any_order(value: &Expr, data_type: &DataType) -> bool {
    let Expr::AggregateFunction(call) = value.clone().unalias() else { return false };
    match call.func.name() {
        // The first value is that of an outer row, which has one, or that of the only row.
        "count" | "min" | "max" | "mysql_json_min" | "mysql_json_max" | "first_value" | "bit_and"
        | "bit_or" | "bit_xor" => true,
        "sum" | "avg" => data_type.is_integer() || data_type.is_decimal(),
        _ => false,
    }
}
