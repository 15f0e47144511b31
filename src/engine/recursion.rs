//! Recursive CTEs end: after `cte_max_recursion_depth` iterations the statement fails, as in MySQL.
//!
//! It must not know what recurs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::error::Error;
use super::functions::Context;

/// Puts a [`Counted`] above the part of a recursive query that recurs.
#[derive(Debug)]
pub struct LimitRecursion;

impl PhysicalOptimizerRule for LimitRecursion {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let context = options.extensions.get::<Context>();
        let most = context
            .map_or(Context::default().cte_max_recursion_depth, |context| context.cte_max_recursion_depth);
        let limited = plan.transform_up(|plan| {
            let Some(query) = plan.downcast_ref::<RecursiveQueryExec>() else {
                return Ok(Transformed::no(plan));
            };
            let recurring =
                Counted { input: Arc::clone(query.recursive_term()), iterations: Arc::default(), most };
            let limited = RecursiveQueryExec::try_new(
                query.name().to_owned(),
                query.schema(),
                Arc::clone(query.static_term()),
                Arc::new(recurring),
                query.is_distinct(),
            )?;
            Ok(Transformed::yes(Arc::new(limited) as Arc<dyn ExecutionPlan>))
        });
        Ok(limited?.data)
    }

    fn name(&self) -> &str {
        "limit_recursion"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Counts how often its input is started: once for each iteration.
#[derive(Debug)]
struct Counted {
    input: Arc<dyn ExecutionPlan>,
    /// Shared with the copies that each iteration makes.
    iterations: Arc<AtomicU64>,
    most: u64,
}

impl DisplayAs for Counted {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CountedExec: most={}", self.most)
    }
}

impl ExecutionPlan for Counted {
    fn name(&self) -> &str {
        "CountedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let iterations = Arc::clone(&self.iterations);
        Ok(Arc::new(Self { input: children.swap_remove(0), iterations, most: self.most }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let iterations = self.iterations.fetch_add(1, Ordering::Relaxed) + 1;
        if iterations > self.most {
            return Err(Error::RecursionDepth(iterations).into());
        }
        self.input.execute(partition, context)
    }
}
