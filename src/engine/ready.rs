//! Plans of little to do that ran, ready to run again over the very same rows: choosing algorithms takes longer than
//! running them. It must not know what a plan is for, nor where it runs.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::projection::ProjectionExec;

use super::caller::Executable;
use super::runtime::Kept;
use super::unpinned::Scans;

/// Plans that are kept of one query, which is how many statements can use them at once.
const PLANS_MAX: usize = 4;

/// The plans of one query that wait to run again. While one runs it is not among them, because a plan has state.
#[derive(Debug, Default)]
pub struct Ready(Mutex<Vec<Kept<Executable>>>);

impl Ready {
    /// A plan that nobody uses.
    pub fn take(&self) -> Option<Kept<Executable>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Keeps a plan that ran to its end.
    pub fn put(&self, plan: Kept<Executable>) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() < PLANS_MAX {
            plans.push(plan);
        }
    }
}

impl Scans {
    /// What their rows take, estimated.
    pub fn memory_size(&self) -> usize {
        let batches = self.0.iter().filter_map(memory).flat_map(|rows| rows.partitions().iter().flatten());
        batches.map(RecordBatch::get_array_memory_size).sum()
    }

    /// Whether all rows come from memory.
    pub fn are_in_memory(&self) -> bool {
        self.0.iter().all(|scan| are_same(scan, scan))
    }

    /// Whether both read the very same rows, from memory.
    pub fn are(&self, others: &Self) -> bool {
        self.0.len() == others.0.len()
            && self.0.iter().zip(&others.0).all(|(one, other)| are_same(one, other))
    }
}

/// A plan as it was before it ran.
pub fn unused(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    reset_plan_states(Arc::clone(plan))
}

fn memory(scan: &Arc<dyn ExecutionPlan>) -> Option<&MemorySourceConfig> {
    scan.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref()
}

fn are_same(one: &Arc<dyn ExecutionPlan>, other: &Arc<dyn ExecutionPlan>) -> bool {
    if let (Some(one), Some(other)) = (memory(one), memory(other)) {
        return have_same_rows(one, other);
    }
    let projections = (one.downcast_ref::<ProjectionExec>(), other.downcast_ref::<ProjectionExec>());
    matches!(projections, (Some(one), Some(other))
        if one.expr() == other.expr() && are_same(one.input(), other.input()))
}

fn have_same_rows(one: &MemorySourceConfig, other: &MemorySourceConfig) -> bool {
    let same_columns = |(one, other): (&RecordBatch, &RecordBatch)| {
        one.num_rows() == other.num_rows()
            && one.columns().iter().zip(other.columns()).all(|(one, other)| Arc::ptr_eq(one, other))
    };
    let same_batches = |(one, other): (&Vec<RecordBatch>, &Vec<RecordBatch>)| {
        one.len() == other.len() && one.iter().zip(other).all(same_columns)
    };
    one.original_schema() == other.original_schema()
        && one.projection() == other.projection()
        && one.fetch() == other.fetch()
        && one.partitions().len() == other.partitions().len()
        && one.partitions().iter().zip(other.partitions()).all(same_batches)
}
