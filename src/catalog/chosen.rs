//! Some files of a Delta table, named one by one, whose rows are kept in memory where they are few. It must not know
//! why these files were chosen.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::{ExecutionPlan, collect};

use super::provider::Pinned;
use crate::lake;
use crate::lake::cache::Rows;
use crate::lake::delta::DataFile;

/// Rows times columns that are kept in memory rather than read again by each query: with what texts need, some
/// 32 MiB.
const CELLS_MAX: u64 = 2 << 20;
/// The same as bytes of files.
const BYTES_MAX: u64 = 8 << 20;
/// Files that are read at once.
const CONCURRENCY: usize = 8;

/// Some files of a version of a Delta table.
#[derive(Debug)]
pub struct Chosen {
    table: Pinned,
    files: Vec<Arc<DataFile>>,
}

impl Chosen {
    /// These files of `table`.
    pub fn new(table: Pinned, files: Vec<Arc<DataFile>>) -> Self {
        Self { table, files }
    }

    /// The columns as they are scanned.
    fn stored(&self) -> &SchemaRef {
        self.table.layout().table.table_schema()
    }

    /// Whether the rows are so few that they are kept in memory.
    fn has_few_rows(&self) -> bool {
        let columns = self.table.layout().positions.len() as u64;
        let mut cells = self.files.iter().map(|file| Some(file.rows?.saturating_mul(columns)));
        let cells = cells.try_fold(0, |sum: u64, cells| Some(sum.saturating_add(cells?)));
        let bytes: u64 = self.files.iter().map(|file| file.file.size).sum();
        cells.is_some_and(|cells| cells <= CELLS_MAX) && bytes <= BYTES_MAX
    }

    /// The rows from memory. Those of files that are not there yet are read now.
    async fn scan_in_memory(
        &self,
        projection: Vec<usize>,
        limit: Option<usize>,
        state: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = match &self.files[..] {
            [file] => self.rows_of(file, state).await?,
            _ => self.rows_of_all(state).await?,
        };
        let schema = Arc::new(self.stored().project(&projection)?);
        let batches = rows.iter().map(|batch| batch.project(&projection));
        let batches: Vec<RecordBatch> = batches.collect::<Result<_, _>>()?;
        let share = batches.len().div_ceil(state.config().target_partitions()).max(1);
        let mut partitions: Vec<Vec<RecordBatch>> = batches.chunks(share).map(<[_]>::to_vec).collect();
        if partitions.is_empty() {
            // A plan without partitions is none.
            partitions.push(vec![]);
        }
        let source = MemorySourceConfig::try_new(&partitions, schema, None)?.with_limit(limit);
        Ok(DataSourceExec::from_data_source(source))
    }

    /// All columns of all files, as the table has them. They are put together once, because a batch costs as much as a
    /// thousand rows, and files may have few.
    async fn rows_of_all(&self, state: &dyn Session) -> Result<Arc<[RecordBatch]>> {
        let load = Box::pin(async {
            let rows = self.files.iter().map(|file| self.rows_of(file, state));
            let rows = lake::concurrently(rows, CONCURRENCY).await?;
            let mut coalesced = BatchCoalescer::new(Arc::clone(self.stored()), state.config().batch_size());
            for batch in rows.iter().flat_map(|rows| rows.iter()) {
                coalesced.push_batch(batch.clone())?;
            }
            coalesced.finish_buffered_batch()?;
            Ok(std::iter::from_fn(|| coalesced.next_completed_batch()).collect())
        });
        self.kept(self.files.iter(), load).await
    }

    /// All columns of a file, as the table has them.
    async fn rows_of(&self, file: &Arc<DataFile>, state: &dyn Session) -> Result<Arc<[RecordBatch]>> {
        let load = Box::pin(async {
            let whole = vec![(file.file.clone(), file.values.clone())];
            let all = (0..self.table.layout().positions.len()).collect();
            let scan = self.table.scan_files(whole, all, None, state).await?;
            collect(scan, state.task_ctx()).await
        });
        self.kept([file], load).await
    }

    /// The rows of some of the files, from memory or by `load`.
    async fn kept(
        &self,
        files: impl IntoIterator<Item = &Arc<DataFile>>,
        load: impl Future<Output = Result<Vec<RecordBatch>>>,
    ) -> Result<Arc<[RecordBatch]>> {
        let rows = Rows::of(self.table.location(), files.into_iter().map(|file| &file.file));
        let rows = self.table.reader().rows(rows, self.stored(), load).await;
        rows.map_err(DataFusionError::Shared)
    }
}

#[async_trait]
impl TableProvider for Chosen {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = self.table.places(projection);
        if self.table.reader().keeps_rows() && !self.files.is_empty() && self.has_few_rows() {
            return self.scan_in_memory(projection, limit, state).await;
        }
        let files = self.files.iter().map(|file| (file.file.clone(), file.values.clone()));
        self.table.scan_files(files.collect(), projection, limit, state).await
    }
}
