//! Plan nodes that hand on the rows of their one input, in its order and parts. It must not know what they do with them.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// What such a node does. Copies of a node share what they count.
pub trait Pass: Clone + fmt::Debug + Send + Sync + 'static {
    /// The node's name in EXPLAIN.
    const NAME: &'static str;
    /// Whether rows in an order may be asked of the input in place of the node.
    const KEEPS_ORDER: bool = true;

    /// Writes how EXPLAIN shows it.
    fn show(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(Self::NAME)
    }

    /// Starts one part of the plan, whose rows are those that `input` starts.
    fn start(
        &self,
        input: impl FnOnce() -> Result<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream>;
}

/// The node above an input.
pub fn above<P: Pass>(input: &Arc<dyn ExecutionPlan>, pass: P) -> Arc<dyn ExecutionPlan> {
    Arc::new(Passing { input: Arc::clone(input), pass })
}

#[derive(Debug)]
struct Passing<P> {
    input: Arc<dyn ExecutionPlan>,
    pass: P,
}

impl<P: Pass> DisplayAs for Passing<P> {
    fn fmt_as(&self, _: DisplayFormatType, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pass.show(formatter)
    }
}

impl<P: Pass> ExecutionPlan for Passing<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![P::KEEPS_ORDER]
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
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(above(&children[0], self.pass.clone()))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.pass.start(|| self.input.execute(partition, context))
    }
}
