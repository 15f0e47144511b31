//! A table as DataFusion reads it: the files that a query needs, as one plain scan. It must not know the
//! table's definition.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Statistics, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::scalar::ScalarValue;

use super::files::Files;
use super::layout::Layout;
use super::prune::{Prune, is_decided};
use super::statistics;
use super::{Column, TableId};
use crate::lake::adapter::AdapterFactory;
use crate::lake::guard::guard;
use crate::lake::reader::Reader;
use crate::lake::real::real_numbers;
use crate::lake::store::Location;
use crate::lake::{self, Digest, File, delta, schema, text};

/// With up to this many files, all footers are read for the optimizer; with more, some, and the rest is
/// estimated by size.
const FOOTERS_MAX: usize = 64;
/// Footers from which the rows of many files are estimated.
const FOOTERS_SAMPLE: usize = 8;
/// Footers that are read at once.
const CONCURRENCY: usize = 32;

/// How the files of a scan are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// By Parquet's own names and types.
    Parquet,
    /// By the declared columns.
    Text(text::Format),
}

/// A table with one consistent set of files.
#[derive(Debug)]
pub struct Pinned {
    id: TableId,
    files: Files,
    layout: Arc<Layout>,
    reader: Arc<Reader>,
    format: Format,
}

impl Pinned {
    /// The table of these files and columns.
    pub fn new(id: TableId, files: Files, layout: Arc<Layout>, reader: Arc<Reader>, format: Format) -> Self {
        Self { id, files, layout, reader, format }
    }

    /// One version of a Delta table, whatever the catalog says of it.
    pub fn of_version(
        id: TableId,
        location: Location,
        snapshot: Arc<delta::Snapshot>,
        reader: Arc<Reader>,
    ) -> Self {
        let layout = Arc::new(Layout::delta(&snapshot));
        Self { id, files: Files::Delta(location, snapshot), layout, reader, format: Format::Parquet }
    }

    /// Which table it is.
    pub fn id(&self) -> &TableId {
        &self.id
    }

    /// Its columns, as written.
    pub fn columns(&self) -> &Arc<[Column]> {
        &self.layout.columns
    }

    /// The partition column that tells the day, in lower case: the first of type DATE.
    pub fn day_column(&self) -> Option<&FieldRef> {
        let columns = self.layout.table.table_partition_cols();
        columns.iter().find(|column| column.data_type() == &DataType::Date32)
    }

    /// The files that a scan with these filters may read, by day; without a day column, or without a value
    /// of it, under None. Only days that `keep` keeps are listed.
    pub async fn inputs(
        &self,
        filters: &[Expr],
        keep: &(dyn Fn(&[Option<i32>]) -> Vec<bool> + Send + Sync),
        state: &dyn Session,
    ) -> Result<BTreeMap<Option<i32>, Digest>> {
        let columns = self.layout.table.table_partition_cols();
        let level = columns.iter().position(|column| column.data_type() == &DataType::Date32);
        let day_of = |values: &[ScalarValue]| match level.and_then(|level| values.get(level)) {
            Some(ScalarValue::Date32(day)) => *day,
            _ => None,
        };
        let prune = Prune::new(columns, filters, state)?;
        let keep = |folders: &[&[ScalarValue]]| {
            let mut kept = prune.keep(folders)?;
            // Above the level of the day there is no day to ask for.
            if level.is_some_and(|level| folders.first().is_some_and(|values| values.len() > level)) {
                let days: Vec<Option<i32>> = folders.iter().map(|values| day_of(values)).collect();
                kept.iter_mut().zip(keep(&days)).for_each(|(kept, wanted)| *kept &= wanted);
            }
            Ok::<_, DataFusionError>(kept)
        };
        let mut days: BTreeMap<Option<i32>, Digest> = BTreeMap::new();
        match &self.files {
            Files::Folders(pin) => {
                for selected in pin.select(&keep).await? {
                    for (values, digest) in selected.digests() {
                        *days.entry(day_of(values)).or_default() += digest;
                    }
                }
            }
            Files::Delta(_, snapshot) => {
                let values: Vec<&[ScalarValue]> =
                    snapshot.files().map(|file| file.values.as_slice()).collect();
                for (file, _) in snapshot.files().zip(keep(&values)?).filter(|(_, kept)| *kept) {
                    // A name in a Delta table never has a second version.
                    let digest = Digest::of(&file.file, file.file.path.as_ref());
                    let digest = Digest { changed: Some(file.modified), ..digest };
                    *days.entry(day_of(&file.values)).or_default() += digest;
                }
            }
        }
        Ok(days)
    }
}

#[async_trait]
impl TableProvider for Pinned {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let columns = self.layout.table.table_partition_cols();
        let support = |filter: &&Expr| match is_decided(filter, columns) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = self.places(projection);
        let prune = Prune::new(self.layout.table.table_partition_cols(), filters, state)?;
        let files = match limit {
            Some(rows) => self.with_rows(&prune, rows).await?,
            None => self.files.select(&prune).await?,
        };
        Ok(self.scan_files(files, projection, limit, state).await?)
    }
}

impl Pinned {
    /// The columns of its table.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where its files are.
    pub(super) fn location(&self) -> &Location {
        self.files.location()
    }

    /// What reads its files.
    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The places of some columns in the layout's table, or of all.
    pub(super) fn places(&self, projection: Option<&Vec<usize>>) -> Vec<usize> {
        let positions = &self.layout.positions;
        match projection {
            Some(columns) => columns.iter().map(|column| positions[*column]).collect(),
            None => positions.clone(),
        }
    }

    /// Reads some of its files; the columns by their places in the layout's table.
    pub(super) async fn scan_files(
        &self,
        files: Vec<(File, Vec<ScalarValue>)>,
        projection: Vec<usize>,
        limit: Option<usize>,
        state: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if files.is_empty() {
            let schema = self.layout.table.table_schema().project(&projection)?;
            return Ok(Arc::new(EmptyExec::new(Arc::new(schema))));
        }
        // The first rows of a table are not worth its footers.
        let (statistics, of_files) = match limit {
            Some(_) => (Statistics::new_unknown(self.layout.table.table_schema()), vec![]),
            None => self.statistics(&files, &projection).await?,
        };
        let scanned = files.into_iter().enumerate().map(|(index, (file, values))| {
            let mut scanned = PartitionedFile::new_from_meta(file.into());
            scanned.partition_values = values;
            scanned.statistics = of_files.get(index).cloned();
            scanned
        });
        let groups = balance(scanned.collect(), state.config().target_partitions());
        let location = self.files.location();
        let scan =
            FileScanConfigBuilder::new(location.url.clone(), self.source(state, &groups, &projection)?)
                .with_file_groups(groups)
                .with_statistics(statistics)
                .with_limit(limit)
                .with_expr_adapter(Some(Arc::new(AdapterFactory)))
                .build();
        Ok(DataSourceExec::from_data_source(scan))
    }

    /// Files with so many rows, as their footers tell, or all that there are. DataFusion passes a limit on only
    /// when every row that the partition columns let through counts.
    async fn with_rows(&self, prune: &Prune, rows: usize) -> Result<Vec<(File, Vec<ScalarValue>)>> {
        let tries = if self.format == Format::Parquet { &[FOOTERS_SAMPLE, FOOTERS_MAX][..] } else { &[] };
        for count in tries {
            let mut files = self.files.select_first(prune, *count).await?;
            let footers = files.iter().take(*count).map(|(file, _)| async {
                let location = self.files.location();
                let footer = Box::pin(self.reader.footer(location, &file.clone().into())).await?;
                Ok::<_, lake::Error>(footer.metadata.file_metadata().num_rows())
            });
            let counted = lake::concurrently(footers, CONCURRENCY).await?;
            let mut found = 0;
            let enough = counted.into_iter().position(|rows_of_file| {
                found += usize::try_from(rows_of_file).unwrap_or(0);
                found >= rows
            });
            if let Some(last) = enough {
                files.truncate(last + 1);
                return Ok(files);
            }
        }
        self.files.select(prune).await
    }

    /// Reads the columns at some places of the layout's table.
    fn source(
        &self,
        state: &dyn Session,
        groups: &[FileGroup],
        projection: &[usize],
    ) -> Result<Arc<dyn FileSource>> {
        let (table, location) = (&self.layout.table, self.files.location());
        let source = match self.format {
            Format::Text(format) => text::source(format, &self.reader, location, table.clone()),
            Format::Parquet => {
                let mut options = state.default_table_options().parquet;
                // As `schema::of_parquet` reads them.
                options.global.coerce_int96 = Some("us".to_owned());
                options.global.coerce_int96_tz = Some("UTC".to_owned());
                let reader = self.reader.for_table(location, Arc::clone(table.file_schema()));
                let source = ParquetSource::new(table.clone()).with_table_parquet_options(options);
                let reader = reader.ahead_of(groups);
                Arc::new(source.with_parquet_file_reader_factory(reader)) as Arc<dyn FileSource>
            }
        };
        let schema = table.table_schema();
        let columns = real_numbers(ProjectionExprs::from_indices(projection, schema), schema)?;
        match guard(source, &location.url).try_pushdown_projection(&columns)? {
            Some(source) => Ok(source),
            None => internal_err!("a format reads all columns of its files"),
        }
    }

    /// What is known of the files together, and of each where footers were read for all.
    async fn statistics(
        &self,
        files: &[(File, Vec<ScalarValue>)],
        projection: &[usize],
    ) -> Result<(Statistics, Vec<Arc<Statistics>>)> {
        let table = &self.layout.table;
        let unknown = Statistics::new_unknown(table.table_schema());
        if self.format != Format::Parquet {
            return Ok((unknown, vec![]));
        }
        let step = if files.len() <= FOOTERS_MAX { 1 } else { files.len() / FOOTERS_SAMPLE };
        let mut wanted = vec![false; table.file_schema().fields().len()];
        for column in projection {
            if let Some(wanted) = wanted.get_mut(*column) {
                *wanted = true;
            }
        }
        let sample = files.iter().step_by(step).map(|(file, values)| {
            let wanted = &wanted;
            async move {
                let location = self.files.location();
                let footer = Box::pin(self.reader.footer(location, &file.clone().into())).await?;
                schema::check(table.file_schema(), &footer.schema, &location.show(&file.path))?;
                let statistics =
                    statistics::of_file(&footer.metadata, &footer.schema, &self.layout, wanted, values);
                Ok::<_, lake::Error>((file.size, Arc::new(statistics)))
            }
        });
        let sample = lake::concurrently(sample, CONCURRENCY).await?;
        if step == 1 {
            let of_files: Vec<Arc<Statistics>> =
                sample.into_iter().map(|(_, statistics)| statistics).collect();
            return Ok((statistics::of_scan(&of_files, &self.layout), of_files));
        }

        let (mut bytes, mut rows) = (0.0, 0.0);
        for (size, statistics) in &sample {
            bytes += *size as f64;
            rows += statistics.num_rows.get_value().copied().unwrap_or_default() as f64;
        }
        let total: f64 = files.iter().map(|(file, _)| file.size as f64).sum();
        let estimate = (total * rows / bytes.max(1.0)) as usize;
        Ok((unknown.with_num_rows(Precision::Inexact(estimate)), vec![]))
    }
}

/// Shares files out so that the groups have about the same number of bytes: the largest first, each to the
/// smallest group. Within a group they stay in their order.
fn balance(files: Vec<PartitionedFile>, groups_max: usize) -> Vec<FileGroup> {
    let count = groups_max.clamp(1, files.len().max(1));
    let mut groups: Vec<(u64, Vec<usize>)> = vec![(0, vec![]); count];
    let mut by_size: Vec<usize> = (0..files.len()).collect();
    by_size.sort_by_key(|index| std::cmp::Reverse(files[*index].object_meta.size));
    for index in by_size {
        let smallest = groups.iter_mut().min_by_key(|(bytes, files)| (*bytes, files.len()));
        let (bytes, members) = smallest.expect("there is at least one group");
        // A file costs a request or two beside its bytes.
        *bytes += files[index].object_meta.size + (64 << 10);
        members.push(index);
    }
    let mut files: Vec<Option<PartitionedFile>> = files.into_iter().map(Some).collect();
    let groups = groups.into_iter().map(|(_, mut members)| {
        members.sort_unstable();
        FileGroup::new(members.into_iter().filter_map(|index| files[index].take()).collect())
    });
    groups.collect()
}
