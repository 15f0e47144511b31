//! WITH ROLLUP: the totals of each group come directly behind it, and no rows have no totals.
//!
//! It knows plans. DataFusion computes the groups of all levels side by side, in no order, and a total of nothing.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{
    Aggregate, Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder, SortExpr, bitwise_and,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::{ident, lit};

/// How many rows a group is made of.
const ROWS: &str = "__rollup_rows";

/// Gives ROLLUP its rows and their order.
#[derive(Debug)]
pub struct RollupRows;

impl AnalyzerRule for RollupRows {
    fn name(&self) -> &str {
        "rollup_rows"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = ordered(plan)?.data;
        let plan = plan.transform_down_with_subqueries(|node| match node {
            // Which rows these are is a matter of their order.
            LogicalPlan::Limit(_) => node.map_children(ordered),
            other => Ok(Transformed::no(other)),
        })?;
        plan.data.transform_up_with_subqueries(without_total_of_none).map(|plan| plan.data)
    }
}

fn is_rollup(aggregate: &Aggregate) -> bool {
    matches!(aggregate.group_expr.as_slice(), [Expr::GroupingSet(GroupingSet::Rollup(_))])
}

/// The plan with a sort above the groups that it shows, where it has none.
fn ordered(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down(|node| match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_) => Ok(Transformed::no(node)),
        LogicalPlan::Aggregate(aggregate) if is_rollup(&aggregate) => {
            let keys = keys(&aggregate)?;
            let sorted = LogicalPlanBuilder::from(LogicalPlan::Aggregate(aggregate)).sort(keys)?.build()?;
            Ok(Transformed::new(sorted, true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::new(other, false, TreeNodeRecursion::Jump)),
    })
}

/// Each key of GROUP BY in order, and the group over all its values last.
fn keys(aggregate: &Aggregate) -> Result<Vec<SortExpr>> {
    let schema = &aggregate.schema;
    let id = Column::new_unqualified(Aggregate::INTERNAL_GROUPING_ID);
    let count = schema.index_of_column(&id)?;
    let id_type = schema.field(count).data_type().clone();
    let mut keys = Vec::with_capacity(2 * count);
    for (place, column) in schema.columns().into_iter().take(count).enumerate() {
        // The first key is told by the highest bit.
        let bit = ScalarValue::UInt64(Some(1 << (count - 1 - place))).cast_to(&id_type)?;
        let is_total = bitwise_and(Expr::Column(id.clone()), lit(bit));
        keys.push(is_total.sort(true, true));
        keys.push(Expr::Column(column).sort(true, true));
    }
    Ok(keys)
}

fn without_total_of_none(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
    if !is_rollup(aggregate)
        || aggregate.aggr_expr.iter().any(|value| value.schema_name().to_string() == ROWS)
    {
        return Ok(Transformed::no(plan));
    }
    let outputs: Vec<Expr> = aggregate.schema.columns().into_iter().map(Expr::Column).collect();
    let values = aggregate.aggr_expr.iter().cloned().chain([count(lit(1_i64)).alias(ROWS)]);
    let groups = LogicalPlanBuilder::from(aggregate.input.as_ref().clone())
        .aggregate(aggregate.group_expr.clone(), values)?
        .filter(ident(ROWS).gt(lit(0_i64)))?
        .project(outputs)?
        .build()?;
    // What is below was seen before.
    Ok(Transformed::new(groups, true, TreeNodeRecursion::Continue))
}
