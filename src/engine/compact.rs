//! Batches that hold what they show and no more.
//!
//! The texts of a batch point into pages of the file that was read. Pages are shared by many batches, and what
//! keeps batches counts each of them with whole pages, many times what it shows. It must not know who keeps them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericByteViewArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{BinaryViewType, ByteViewType, DataType, StringViewType};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::union::UnionExec;
use futures::StreamExt;

use super::passing::{self, Pass};

/// Bytes that are not worth a copy.
const WASTE_BYTES_MAX: usize = 16 << 10;

/// Puts a [`Compacting`] above what makes texts in blocks for several batches, scans and what deals rows out to the parts
/// of a plan, where something above keeps them. It comes after all rules that look through plans.
#[derive(Debug)]
pub struct CompactTexts;

impl PhysicalOptimizerRule for CompactTexts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        below(plan, false)
    }

    fn name(&self) -> &str {
        "compact_texts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan, whose batches are `kept` by what is above it or are gone before many others come.
fn below(plan: Arc<dyn ExecutionPlan>, kept: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let keeps = kept || !hands_on(&plan);
    let children = plan.children().into_iter().map(|child| below(Arc::clone(child), keeps));
    let children = children.collect::<Result<Vec<_>>>()?;
    let plan = replace_children_if_necessary(plan, children)?;
    let shares = plan.children().is_empty() || plan.is::<RepartitionExec>();
    let texts = plan.schema().fields().iter().any(|field| is_view(field.data_type()));
    Ok(if kept && shares && texts { passing::above(&plan, Compacting) } else { plan })
}

/// Whether a node keeps no batches.
fn hands_on(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<UnionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<CooperativeExec>()
}

/// Hands its input's batches on, without the parts of pages that they do not show.
#[derive(Clone, Debug)]
struct Compacting;

impl Pass for Compacting {
    const NAME: &'static str = "CompactingExec";

    fn start(
        &self,
        input: impl FnOnce() -> Result<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream> {
        let input = input()?;
        let schema = input.schema();
        let compacted = input.map(|batch| compact(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, compacted)))
    }
}

fn is_view(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::BinaryView)
}

/// The batch, without what it does not show.
pub fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| match column.data_type() {
        DataType::Utf8View => own::<StringViewType>(column),
        DataType::BinaryView => own::<BinaryViewType>(column),
        _ => Arc::clone(column),
    });
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns.collect(), &rows)?)
}

/// The column with bytes of its own, if it would keep twice as many of others otherwise.
fn own<T: ByteViewType>(column: &ArrayRef) -> ArrayRef {
    let views: &GenericByteViewArray<T> = column.as_byte_view();
    let kept: usize = views.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
    match kept > 2 * views.total_buffer_bytes_used() + WASTE_BYTES_MAX {
        true => Arc::new(views.gc()),
        false => Arc::clone(column),
    }
}
