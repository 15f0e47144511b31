//! LIMIT inside of a query that orders its rows: which rows there are is decided before they are ordered.
//!
//! It must not know what is ordered. DataFusion holds that a LIMIT without an order may take any rows, and orders below
//! it: MySQL's first rows would be others, and with OFFSET there are too few.
//!
//! Blocked by: DataFusion's `EnforceSorting`, which moves a sort below a limit. Remove when: it stays above.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::passing::{self, Pass};

/// Puts a [`Limited`] between a sort and a limit below it. It comes before DataFusion's rules.
#[derive(Debug)]
pub struct LimitsFirst;

impl PhysicalOptimizerRule for LimitsFirst {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _options: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let limited = plan.transform_down(|plan| match plan.is::<SortExec>() {
            true => {
                let below = plan.map_children(|input| input.transform_up(limited))?;
                Ok(Transformed::new(below.data, below.transformed, TreeNodeRecursion::Jump))
            }
            false => Ok(Transformed::no(plan)),
        });
        Ok(limited?.data)
    }

    fn name(&self) -> &str {
        "limits_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn limited(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let is_limit = plan.is::<GlobalLimitExec>() || plan.is::<LocalLimitExec>();
    Ok(match is_limit && plan.output_ordering().is_none() {
        true => Transformed::yes(passing::above(&plan, Limited)),
        false => Transformed::no(plan),
    })
}

/// Lets no order be asked of its input.
#[derive(Clone, Debug)]
struct Limited;

impl Pass for Limited {
    const NAME: &'static str = "LimitedExec";
    const KEEPS_ORDER: bool = false;

    fn start(
        &self,
        input: impl FnOnce() -> Result<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream> {
        input()
    }
}
