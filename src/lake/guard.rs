//! A file source whose errors name the file, and whose decoder's panics are errors. It must not know the
//! format.
//!
//! DataFusion's errors of decoding tell what is wrong but not where, and broken pages make decoders
//! panic. Only here do the file's name and the work on it meet.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;

use super::{Error, find, store};

/// Makes the errors of a file source name the file, and its panics errors. `url` is the store's.
pub fn guard(source: Arc<dyn FileSource>, url: &ObjectStoreUrl) -> Arc<dyn FileSource> {
    Arc::new(Guard { source, url: url.clone() })
}

/// Passes everything on, and wraps what works on files.
struct Guard {
    source: Arc<dyn FileSource>,
    url: ObjectStoreUrl,
}

impl Guard {
    fn again(&self, source: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        guard(source, &self.url)
    }
}

impl FileSource for Guard {
    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let inner = self.source.create_morselizer(store, config, partition)?;
        Ok(Box::new(Guarded { inner, name: self.url.clone() }))
    }

    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.source.create_file_opener(store, config, partition)
    }

    fn table_schema(&self) -> &TableSchema {
        self.source.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.again(self.source.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.source.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.source.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.source.metrics()
    }

    fn file_type(&self) -> &str {
        self.source.file_type()
    }

    fn fmt_extra(&self, kind: DisplayFormatType, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.source.fmt_extra(kind, formatter)
    }

    fn supports_repartitioning(&self) -> bool {
        self.source.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        partitions: usize,
        file_size_min: usize,
        ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        // The config holds this guard, so that what is made from it is guarded too.
        self.source.repartitioned(partitions, file_size_min, ordering, config)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let pushed = self.source.try_pushdown_filters(filters, config)?;
        let updated_node = pushed.updated_node.map(|source| self.again(source));
        Ok(FilterPushdownPropagation { filters: pushed.filters, updated_node })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        let pushed = self.source.try_pushdown_sort(order, properties)?;
        Ok(pushed.map(|source| self.again(source)))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.source.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let pushed = self.source.try_pushdown_projection(projection)?;
        Ok(pushed.map(|source| self.again(source)))
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.source.apply_expressions(visit)
    }
}

/// Something that works on files, and the name of what it works on: of the store before a file is
/// known, of the file afterwards.
#[derive(Debug)]
struct Guarded<T, Name> {
    inner: T,
    name: Name,
}

type FileName = Arc<str>;

impl Morselizer for Guarded<Box<dyn Morselizer>, ObjectStoreUrl> {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let name: FileName = store::show(&self.name, &file.object_meta.location).into();
        let planner = contain(&name, || self.inner.plan_file(file))?;
        Ok(Box::new(Guarded { inner: planner, name }))
    }
}

impl MorselPlanner for Guarded<Box<dyn MorselPlanner>, FileName> {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { inner, name } = *self;
        let Some(mut plan) = contain(&name, || inner.plan())? else {
            return Ok(None);
        };
        let planner = |inner, name: &FileName| -> Box<dyn MorselPlanner> {
            Box::new(Self { inner, name: Arc::clone(name) })
        };
        let morsel = |inner| -> Box<dyn Morsel> { Box::new(Guarded { inner, name: Arc::clone(&name) }) };

        let mut guarded = MorselPlan::new()
            .with_morsels(plan.take_morsels().into_iter().map(morsel).collect())
            .with_planners(
                plan.take_ready_planners().into_iter().map(|inner| planner(inner, &name)).collect(),
            );
        if let Some(pending) = plan.take_pending_planner() {
            guarded.set_pending_planner(async move {
                match AssertUnwindSafe(pending.into_future()).catch_unwind().await {
                    Ok(Ok(inner)) => Ok(planner(inner, &name)),
                    Ok(Err(error)) => Err(named(&name, error)),
                    Err(panic) => Err(broken(&name, panic.as_ref())),
                }
            });
        }
        Ok(Some(guarded))
    }
}

impl Morsel for Guarded<Box<dyn Morsel>, FileName> {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { inner, name } = *self;
        AssertUnwindSafe(inner.into_stream())
            .catch_unwind()
            .map(move |polled| match polled {
                Ok(batch) => batch.map_err(|error| named(&name, error)),
                Err(panic) => Err(broken(&name, panic.as_ref())),
            })
            .boxed()
    }
}

fn contain<T>(name: &FileName, work: impl FnOnce() -> Result<T>) -> Result<T> {
    match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| named(name, error)),
        Err(panic) => Err(broken(name, panic.as_ref())),
    }
}

/// The error with the file's name, if it is one of decoding and does not name the file already.
fn named(name: &FileName, error: DataFusionError) -> DataFusionError {
    if find(&error).is_some() {
        return error;
    }
    let reason = match &error {
        DataFusionError::ParquetError(error) => error.to_string(),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::ParquetError(reason) => reason.clone(),
            _ => return error,
        },
        _ => return error,
    };
    Error::Corrupt { path: name.to_string(), reason }.into()
}

fn broken(name: &FileName, panic: &(dyn Any + Send)) -> DataFusionError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it is broken");
    let reason = format!("decoding it failed: {}", text.lines().next().unwrap_or_default());
    Error::Corrupt { path: name.to_string(), reason }.into()
}
