//! Plans that have little to do. It must not know where plans run.

use std::sync::Arc;

use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

/// Most rows that are little to do: two batches.
const ROWS_MAX: usize = 16 << 10;

/// Whether a plan reads few rows, all from memory, and makes no more of them.
pub fn is_light(plan: &Arc<dyn ExecutionPlan>) -> bool {
    rows_read(plan).is_some_and(|rows| rows <= ROWS_MAX)
}

/// None when it reads anything but memory, or when one row may become many or be looked at many times.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    if plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>() {
        return Some(1);
    }
    if let Some(source) = plan.downcast_ref::<DataSourceExec>() {
        let memory = source.data_source().downcast_ref::<MemorySourceConfig>()?;
        return Some(memory.partitions().iter().flatten().map(|batch| batch.num_rows()).sum());
    }
    let children = plan.children();
    let joins = children.len() != 1 && !plan.is::<UnionExec>();
    let repeats = plan.is::<UnnestExec>() || plan.is::<WindowAggExec>() || plan.is::<BoundedWindowAggExec>();
    if joins || repeats {
        return None;
    }
    children.into_iter().map(rows_read).sum()
}
