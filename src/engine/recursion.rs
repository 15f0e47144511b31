//! Recursive CTEs end: after `cte_max_recursion_depth` iterations the statement fails, as in MySQL.
//!
//! It must not know what recurs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;

use super::error::Error;
use super::functions::Context;
use super::passing::{self, Pass};

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
                passing::above(query.recursive_term(), Counted { iterations: Arc::default(), most });
            let limited = RecursiveQueryExec::try_new(
                query.name().to_owned(),
                query.schema(),
                Arc::clone(query.static_term()),
                recurring,
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
#[derive(Clone, Debug)]
struct Counted {
    /// Shared with the copies that each iteration makes.
    iterations: Arc<AtomicU64>,
    most: u64,
}

impl Pass for Counted {
    const NAME: &'static str = "CountedExec";

    fn show(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: most={}", Self::NAME, self.most)
    }

    fn start(
        &self,
        input: impl FnOnce() -> Result<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream> {
        let iterations = self.iterations.fetch_add(1, Ordering::Relaxed) + 1;
        if iterations > self.most {
            return Err(Error::RecursionDepth(iterations).into());
        }
        input()
    }
}
