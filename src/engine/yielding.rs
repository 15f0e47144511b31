//! Long joins give way: other queries get their turn on the query threads, and a join that was stopped stops.
//!
//! DataFusion yields where data enters a plan. A join can make billions of rows of one batch that entered,
//! and would keep its thread for all of them. It must not know what is joined.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::unnest::UnnestExec;
use futures::{Stream, StreamExt};

use super::passing::{self, Pass};

/// How long a stream may keep its thread.
const SLICE: Duration = Duration::from_millis(10);

/// Puts a [`Yielding`] above what makes many batches of few. It is the last rule: nothing may look through it.
#[derive(Debug)]
pub struct YieldInJoins;

impl PhysicalOptimizerRule for YieldInJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let wrapped = plan.transform_up(|plan| {
            let multiplies = plan.children().len() == 2 || plan.downcast_ref::<UnnestExec>().is_some();
            if !multiplies {
                return Ok(Transformed::no(plan));
            }
            // A nested loop joins each batch of its right side with all rows of the left before it answers.
            let plan = match plan.downcast_ref::<NestedLoopJoinExec>() {
                Some(_) => {
                    let children =
                        plan.children().into_iter().map(|input| passing::above(input, Yielding)).collect();
                    replace_children_if_necessary(plan, children)?
                }
                None => plan,
            };
            Ok(Transformed::yes(passing::above(&plan, Yielding)))
        });
        Ok(wrapped?.data)
    }

    fn name(&self) -> &str {
        "yield_in_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Hands its input's batches on, and yields from time to time.
#[derive(Clone, Debug)]
struct Yielding;

impl Pass for Yielding {
    const NAME: &'static str = "YieldingExec";

    fn start(
        &self,
        input: impl FnOnce() -> Result<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream> {
        let input = input()?;
        Ok(Box::pin(YieldingStream { input, since: None }))
    }
}

struct YieldingStream {
    input: SendableRecordBatchStream,
    /// Since when it may have kept the thread.
    since: Option<Instant>,
}

impl Stream for YieldingStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let now = Instant::now();
        if now.duration_since(*self.since.get_or_insert(now)) > SLICE {
            self.since = None;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = self.input.poll_next_unpin(context);
        if polled.is_pending() {
            self.since = None;
        }
        polled
    }
}

impl RecordBatchStream for YieldingStream {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
