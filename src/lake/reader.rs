//! How Parquet scans read files: one version of each, small ones in one request, footers from memory.
//! It must not know how the scan was planned.

use std::fmt;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, ParquetFileReaderFactory};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use tokio_util::task::AbortOnDropHandle;

use super::ahead::Ahead;
use super::cache::{Files, Rows};
use super::footer::Footer;
use super::open::OpenFile;
use super::store::Location;
use super::{Error, Result, schema};
use crate::config;

/// Reads files of the lake; one for the server.
#[derive(Debug)]
pub struct Reader {
    files: Files,
}

impl Reader {
    /// A reader with empty caches.
    pub fn new(limits: &config::Cache) -> Arc<Self> {
        Arc::new(Self { files: Files::new(limits) })
    }

    /// Opens the version of a file that a listing saw.
    pub async fn open(&self, location: &Location, meta: &ObjectMeta) -> Result<OpenFile> {
        self.files.open(location, meta).await
    }

    /// The footer of a Parquet file, from memory or from the file.
    pub async fn footer(&self, location: &Location, meta: &ObjectMeta) -> Result<Footer> {
        self.footer_of(location, meta, self.open(location, meta)).await
    }

    /// The footer of a file that `open` opens when it is not at hand.
    async fn footer_of(
        &self,
        location: &Location,
        meta: &ObjectMeta,
        open: impl Future<Output = Result<OpenFile>>,
    ) -> Result<Footer> {
        // On the heap, because reading is rare and every scan carries this future.
        let load = Box::pin(async { Footer::read(&open.await?).await });
        let footer = self.files.footer(location, meta, load).await;
        if let Err(Error::Corrupt { .. }) = footer {
            // It may be the bytes that were fetched, and not the file.
            self.files.forget(location, meta).await;
        }
        footer
    }

    /// Whether rows are kept in memory at all.
    pub fn keeps_rows(&self) -> bool {
        self.files.keeps_rows()
    }

    /// The rows of files as a table of this schema has them, from memory or by `load`.
    pub async fn rows(
        &self,
        rows: Rows,
        schema: &Schema,
        load: impl Future<Output = Result<Vec<RecordBatch>, DataFusionError>>,
    ) -> Result<Arc<[RecordBatch]>, Arc<DataFusionError>> {
        self.files.rows(rows, schema, load).await
    }

    /// The rows of a Parquet file, of some columns (`a`, or `a.b` for a child); those it does not have are
    /// left out.
    pub async fn batches(
        self: &Arc<Self>,
        location: &Location,
        meta: &ObjectMeta,
        columns: &[&str],
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let path = location.show(&meta.location);
        let named = move |error: ParquetError| match error {
            ParquetError::External(source) => match source.downcast::<Error>() {
                Ok(error) => *error,
                Err(source) => Error::Corrupt { path: path.clone(), reason: source.to_string() },
            },
            error => Error::Corrupt { path: path.clone(), reason: error.to_string() },
        };
        let file = FileReader {
            reader: Arc::clone(self),
            location: location.clone(),
            schema: None,
            ahead: None,
            meta: meta.clone(),
            open: None,
            bytes_scanned: Count::new(),
        };
        let builder = ParquetRecordBatchStreamBuilder::new(file).await.map_err(&named)?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let batches = builder.with_projection(mask).build().map_err(&named)?;
        // Broken pages make the decoder panic.
        let batches = AssertUnwindSafe(batches).catch_unwind().map(|polled| {
            polled.unwrap_or_else(|_| Err(ParquetError::General("its data is broken".to_owned())))
        });
        Ok(batches.map_err(named).boxed())
    }

    /// Reads the files of one Parquet table, for `ParquetSource::with_parquet_file_reader_factory`.
    /// `schema` has the table's file columns: a file that does not fit them is an error that names it.
    /// Each file's `object_meta` must be as it was listed.
    pub fn for_table(self: &Arc<Self>, location: &Location, schema: SchemaRef) -> Arc<TableReader> {
        let (reader, location) = (Arc::clone(self), location.clone());
        Arc::new(TableReader { reader, location, schema, ahead: None })
    }
}

/// Reads the files of one table.
#[derive(Debug)]
pub struct TableReader {
    reader: Arc<Reader>,
    location: Location,
    schema: SchemaRef,
    ahead: Option<Arc<Ahead>>,
}

impl TableReader {
    /// A reader for one scan of these groups of files, which fetches a few small remote files ahead.
    pub fn ahead_of(&self, groups: &[FileGroup]) -> Arc<Self> {
        let metas = |group: &FileGroup| group.iter().map(|file| file.object_meta.clone()).collect();
        let ahead = self.location.remote.then(|| Arc::new(Ahead::new(groups.iter().map(metas))));
        let (reader, location) = (Arc::clone(&self.reader), self.location.clone());
        Arc::new(Self { reader, location, schema: Arc::clone(&self.schema), ahead })
    }
}

impl ParquetFileReaderFactory for TableReader {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        _tail_bytes: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>, DataFusionError> {
        Ok(Box::new(FileReader {
            reader: Arc::clone(&self.reader),
            location: self.location.clone(),
            schema: Some(Arc::clone(&self.schema)),
            ahead: self.ahead.clone(),
            meta: file.object_meta,
            open: None,
            bytes_scanned: MetricBuilder::new(metrics).counter("bytes_scanned", partition),
        }))
    }
}

/// Reads one file of a scan.
struct FileReader {
    reader: Arc<Reader>,
    location: Location,
    /// The columns that it must fit.
    schema: Option<SchemaRef>,
    /// What its scan reads after it.
    ahead: Option<Arc<Ahead>>,
    meta: ObjectMeta,
    /// Opened by the first read; a footer from memory needs none.
    open: Option<OpenFile>,
    bytes_scanned: Count,
}

impl FileReader {
    async fn read(&mut self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let pieces = self.opened().await?.read_ranges(ranges).await?;
        self.bytes_scanned.add(pieces.iter().map(Bytes::len).sum());
        Ok(pieces)
    }

    async fn footer(&mut self) -> Result<Footer> {
        let (reader, location, meta) = (Arc::clone(&self.reader), self.location.clone(), self.meta.clone());
        let footer = reader.footer_of(&location, &meta, self.opened()).await?;
        if let Some(table) = &self.schema {
            schema::check(table, &footer.schema, &location.show(&meta.location))?;
        }
        Ok(footer)
    }

    async fn opened(&mut self) -> Result<OpenFile> {
        if let Some(file) = &self.open {
            return Ok(file.clone());
        }
        let fetched = match &self.ahead {
            Some(ahead) => ahead.reach(&self.meta.location, |next| self.fetch(next)).await,
            None => None,
        };
        let file = match fetched {
            Some(file) => file?,
            None => self.reader.open(&self.location, &self.meta).await?,
        };
        Ok(self.open.insert(file).clone())
    }

    /// Begins to fetch another file of the scan, if it is fetched whole.
    fn fetch(&self, next: ObjectMeta) -> Option<AbortOnDropHandle<Result<OpenFile>>> {
        let (reader, location) = (Arc::clone(&self.reader), self.location.clone());
        let whole = reader.files.fetches_whole(&location, &next);
        let open = async move { reader.open(&location, &next).await };
        whole.then(|| AbortOnDropHandle::new(tokio::spawn(open)))
    }
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            let mut pieces = self.read(vec![range]).await?;
            Ok(pieces.pop().expect("one range gives one piece"))
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { Ok(self.read(ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move { Ok(self.footer().await?.metadata) }.boxed()
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("FileReader").field(&self.meta.location).finish()
    }
}

impl From<Error> for ParquetError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
