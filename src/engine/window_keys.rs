//! Window functions over the same rows have the same keys, to the letter. It must not know tables.
//!
//! DataFusion computes what several window functions divide their rows by once, and then names it in one of them with an
//! alias and in the others without. Its planner groups window functions by their keys and trusts that they are equal.
//! Blocked by: `ExprCSEController::rewrite` in datafusion-optimizer 55.2, which counts an alias that it puts there itself.
//! Remove when: it puts the same alias everywhere or nowhere.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Takes the aliases off the keys of window functions.
#[derive(Debug)]
pub struct PlainWindowKeys;

impl OptimizerRule for PlainWindowKeys {
    fn name(&self) -> &str {
        "plain_window_keys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !matches!(plan, LogicalPlan::Window(_)) {
            return Ok(Transformed::no(plan));
        }
        let names = NamePreserver::new_for_projection();
        let plain = plan.map_expressions(|expression| {
            let name = names.save(&expression);
            let plain = expression.transform_up(without_aliases)?;
            Ok(plain.update_data(|expression| name.restore(expression)))
        })?;
        match plain.transformed {
            true => plain.map_data(LogicalPlan::recompute_schema),
            false => Ok(plain),
        }
    }
}

fn without_aliases(expression: Expr) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(mut function) = expression else { return Ok(Transformed::no(expression)) };
    let params = &mut function.params;
    let keys = params.partition_by.iter_mut().chain(params.order_by.iter_mut().map(|key| &mut key.expr));
    let mut changed = false;
    for key in keys {
        let plain = std::mem::take(key).unalias_nested();
        changed |= plain.transformed;
        *key = plain.data;
    }
    Ok(Transformed::new_transformed(Expr::WindowFunction(function), changed))
}
