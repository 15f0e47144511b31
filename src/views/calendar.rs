//! The table function `calendar(first, last)`: one row for each day. It must not know what is joined to it.

use std::sync::Arc;

use arrow::array::{Date32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::lineage::keep_days;

/// The name of its column.
pub const COLUMN: &str = "day";
/// Without arguments: 1970-01-01 to 2099-12-31.
pub const ALL: (i32, i32) = (0, 47_481);

/// Days from one to another, both included, as days since 1970-01-01.
#[derive(Clone, Debug)]
pub struct Calendar {
    first: i32,
    last: i32,
    schema: SchemaRef,
}

impl Calendar {
    /// The days from `first` to `last`; none when `last` is before `first`.
    pub fn new(first: i32, last: i32) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new(COLUMN, DataType::Date32, false)]));
        Self { first, last, schema }
    }
}

#[async_trait]
impl TableProvider for Calendar {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // They are applied again: the rest of the query may know more of them than the days do.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let days: Vec<Option<i32>> = (self.first..=self.last).map(Some).collect();
        let kept = keep_days(COLUMN, filters, &days, state)?;
        let days = days.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(day, _)| day);
        let days = Date32Array::from_iter(days);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(days)])?;
        let memory = MemorySourceConfig::try_new_exec(&[vec![batch]], self.schema(), projection.cloned())?;
        Ok(memory)
    }
}
