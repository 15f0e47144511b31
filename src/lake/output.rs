//! Rows become the data files of a Delta table: Parquet, split by day, finished and on the disk before they are
//! named to anybody. It must not know what the rows mean, nor when they become visible.
//!
//! Memory is bounded: so many files are open at once, and together they hold back so many bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{CastOptions, SortOptions, cast, cast_with_options, partition, sort_to_indices, take};
use arrow::datatypes::{DataType, Date32Type, Int64Type, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::delta::action::Add;
use super::delta::{schema, stats};
use super::store::Location;
use super::{Error, Result, durable, fault};

/// A file is finished when it has so many bytes.
const FILE_BYTES: usize = 128 << 20;
/// Files that are written at once; the one that waits longest is finished for another.
const OPEN_FILES_MAX: usize = 32;
/// Bytes that all open files together hold back.
const HELD_BYTES_MAX: usize = 64 << 20;
/// Rows of one row group.
const ROW_GROUP_ROWS: usize = 1 << 20;
/// Parts of this size are sent to a store; S3 takes ten thousand of them.
const PART_BYTES: usize = 10 << 20;

/// What one day got.
#[derive(Clone, Debug, Default)]
pub struct Day {
    /// Its data files as the log will name them; without tags.
    pub files: Vec<Add>,
    /// Its rows.
    pub rows: u64,
    /// The sum of the hashes of its rows: the same for the same rows, whatever their order.
    pub sum: u128,
}

/// The files of one refresh. Files that were not given away by [`Self::finish`] are removed again.
pub struct Output {
    location: Location,
    /// As the table has them, with the day.
    columns: SchemaRef,
    /// The same as files have them.
    stored: SchemaRef,
    /// As they are in the files: without the day.
    file_columns: SchemaRef,
    /// The position and the name of the day.
    day: Option<(usize, String)>,
    now: DateTime<Utc>,
    rows: RowConverter,
    open: BTreeMap<Option<NaiveDate>, OpenFile>,
    days: BTreeMap<Option<NaiveDate>, Day>,
    /// Counts what is written, to know which file waits longest.
    turn: u64,
}

/// A file that takes rows.
struct OpenFile {
    writer: AsyncArrowWriter<Sink>,
    path: Path,
    /// As the log will name it.
    name: String,
    turn: u64,
}

/// Where the bytes of a file go.
enum Sink {
    Local(tokio::fs::File, u64),
    /// None: it is complete, or has failed to be, and has cleaned up.
    Remote(Option<BufWriter>, u64),
}

impl Output {
    /// Rows of these columns, stored as [`schema::stored`] says, by the day in column `day` if there is one.
    pub fn new(
        location: &Location,
        columns: &SchemaRef,
        day: Option<usize>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let refused = |reason| Error::Corrupt { path: location.to_string(), reason };
        let columns = Arc::new(schema::stored(columns).map_err(refused)?);
        let of_files: Vec<usize> = (0..columns.fields().len()).filter(|index| Some(*index) != day).collect();
        if of_files.is_empty() {
            return Err(refused("a table needs a column beside its day".into()));
        }
        let stored = Arc::new(schema::in_files(&columns));
        let file_columns = stored.project(&of_files).map_err(|error| refused(error.to_string()))?;
        let fields = stored.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let rows = RowConverter::new(fields.collect()).map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            location: location.clone(),
            file_columns: Arc::new(file_columns),
            day: day.map(|index| (index, columns.field(index).name().clone())),
            columns,
            stored,
            now,
            rows,
            open: BTreeMap::new(),
            days: BTreeMap::new(),
            turn: 0,
        })
    }

    /// The columns as they are stored, the day among them.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Takes rows of the columns that this was made for.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = self.stored(batch)?;
        for (day, batch) in self.by_day(&batch)? {
            self.write_day(day, &batch).await?;
        }
        self.give_way().await
    }

    /// Finishes all files and gives them away, with a file without rows for each of the `due` days that got none.
    pub async fn finish(mut self, due: &[Option<NaiveDate>]) -> Result<BTreeMap<Option<NaiveDate>, Day>> {
        for day in due {
            if !self.days.contains_key(day) {
                self.write_day(*day, &RecordBatch::new_empty(Arc::clone(&self.stored))).await?;
            }
        }
        while let Some((day, file)) = self.open.pop_first() {
            self.close(day, file).await?;
        }
        let mut folders: Vec<PathBuf> = vec![];
        for name in self.days.values().flat_map(|day| &day.files).map(|file| self.path_of(&file.path)) {
            let local = self.location.local_path(&name);
            folders.extend(local.and_then(|path| path.parent().map(PathBuf::from)));
        }
        folders.sort();
        folders.dedup();
        let synced =
            durable::blocking(move || folders.iter().try_for_each(|it| durable::sync_folder(it))).await;
        synced.map_err(|error| durable::failed(&self.location, "write", &self.location.prefix, error))?;
        Ok(std::mem::take(&mut self.days))
    }

    /// The rows in the types that are stored.
    fn stored(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let types = self.columns.fields().iter().zip(self.stored.fields());
        let columns = batch.columns().iter().zip(types).map(|(column, (field, stored))| {
            let stored = to_stored(column, field.data_type(), stored.data_type());
            stored.map_err(|error| self.refused(format!("column `{}`: {error}", field.name())))
        });
        let columns = columns.collect::<Result<_>>()?;
        RecordBatch::try_new(Arc::clone(&self.stored), columns)
            .map_err(|error| self.refused(error.to_string()))
    }

    /// The rows of each day; batches of one day are not copied.
    fn by_day(&self, batch: &RecordBatch) -> Result<Vec<(Option<NaiveDate>, RecordBatch)>> {
        let Some((column, _)) = self.day else { return Ok(vec![(None, batch.clone())]) };
        let days = batch.column(column);
        let split = || -> Result<_, ArrowError> {
            let mut batch = batch.clone();
            let mut ranges = partition(std::slice::from_ref(days))?.ranges();
            if ranges.len() > 1 {
                let order: UInt32Array = sort_to_indices(days, Some(SortOptions::default()), None)?;
                let columns = batch.columns().iter().map(|column| take(column, &order, None));
                batch = RecordBatch::try_new(batch.schema(), columns.collect::<Result<_, _>>()?)?;
                ranges = partition(std::slice::from_ref(batch.column(column)))?.ranges();
            }
            let days = batch.column(column).as_primitive::<Date32Type>().clone();
            let parts = ranges.into_iter().map(|range| {
                let day = days.is_valid(range.start).then(|| days.value_as_date(range.start)).flatten();
                (day, batch.slice(range.start, range.len()))
            });
            Ok(parts.collect())
        };
        split().map_err(|error| self.refused(error.to_string()))
    }

    async fn write_day(&mut self, day: Option<NaiveDate>, batch: &RecordBatch) -> Result<()> {
        let (rows, sum) = self.content(batch)?;
        let of_day = self.days.entry(day).or_default();
        of_day.rows += rows;
        of_day.sum = of_day.sum.wrapping_add(sum);

        if !self.open.contains_key(&day) {
            if self.open.len() >= OPEN_FILES_MAX {
                let oldest = self.open.iter().min_by_key(|(_, file)| file.turn).map(|(day, _)| *day);
                self.close_day(oldest.expect("some file is open")).await?;
            }
            let file = self.create(day).await?;
            self.open.insert(day, file);
        }
        let without_day: Vec<usize> = (0..self.columns.fields().len())
            .filter(|index| self.day.as_ref().is_none_or(|(day, _)| day != index))
            .collect();
        let batch = batch.project(&without_day).map_err(|error| self.refused(error.to_string()))?;
        self.turn += 1;
        let file = self.open.get_mut(&day).expect("it was opened above");
        file.turn = self.turn;
        let written = file.writer.write(&batch).await;
        written.map_err(|error| write_error(&self.location, &file.path, error))?;
        if file.writer.bytes_written() + file.writer.in_progress_size() > FILE_BYTES {
            self.close_day(day).await?;
        }
        Ok(())
    }

    /// Ends row groups until the open files hold back no more than they may.
    async fn give_way(&mut self) -> Result<()> {
        loop {
            let held: usize = self.open.values().map(|file| file.writer.memory_size()).sum();
            let largest = self.open.values_mut().max_by_key(|file| file.writer.memory_size());
            let Some(file) =
                largest.filter(|file| held > HELD_BYTES_MAX && file.writer.in_progress_rows() > 0)
            else {
                return Ok(());
            };
            let flushed = file.writer.flush().await;
            flushed.map_err(|error| write_error(&self.location, &file.path, error))?;
        }
    }

    fn content(&self, batch: &RecordBatch) -> Result<(u64, u128)> {
        let rows = self.rows.convert_columns(batch.columns());
        let rows = rows.map_err(|error| self.refused(error.to_string()))?;
        let sum = rows.iter().fold(0_u128, |sum, row| {
            let hash = Sha256::digest(row.as_ref());
            let (half, _) = hash.split_first_chunk().expect("a hash has 32 bytes");
            sum.wrapping_add(u128::from_be_bytes(*half))
        });
        Ok((batch.num_rows() as u64, sum))
    }

    async fn create(&mut self, day: Option<NaiveDate>) -> Result<OpenFile> {
        let file = format!("part-{}.zstd.parquet", durable::unique());
        let name = match (&self.day, day) {
            (None, _) => file,
            (Some((_, column)), Some(day)) => format!("{}={day}/{file}", folder_name(column)),
            (Some((_, column)), None) => format!("{}=__HIVE_DEFAULT_PARTITION__/{file}", folder_name(column)),
        };
        let path = self.path_of(&name);
        let sink = match self.location.local_path(&path) {
            Some(local) => {
                let created = durable::blocking(move || {
                    local.parent().map_or(Ok(()), durable::create_folders)?;
                    fault::point()?;
                    std::fs::File::options().write(true).create_new(true).open(local)
                });
                let created = created.await;
                let file = created.map_err(|e| durable::failed(&self.location, "write", &path, e))?;
                Sink::Local(tokio::fs::File::from_std(file), 0)
            }
            None => {
                let store = Arc::clone(&self.location.store);
                Sink::Remote(Some(BufWriter::with_capacity(store, path.clone(), PART_BYTES)), 0)
            }
        };
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).expect("3 is a level of zstd")))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by(concat!("lakefront ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = AsyncArrowWriter::try_new(sink, Arc::clone(&self.file_columns), Some(properties));
        let writer = writer.map_err(|error| write_error(&self.location, &path, error))?;
        Ok(OpenFile { writer, path, name, turn: 0 })
    }

    async fn close_day(&mut self, day: Option<NaiveDate>) -> Result<()> {
        match self.open.remove(&day) {
            Some(file) => self.close(day, file).await,
            None => Ok(()),
        }
    }

    /// Finishes a file: what follows may rely on its being on the disk.
    async fn close(&mut self, day: Option<NaiveDate>, mut file: OpenFile) -> Result<()> {
        let closed = async {
            let metadata = file.writer.finish().await?;
            fault::point()?;
            Ok::<_, ParquetError>(metadata)
        };
        let metadata = match closed.await {
            Ok(metadata) => metadata,
            Err(error) => {
                let failed = write_error(&self.location, &file.path, error);
                file.abort(&self.location).await;
                return Err(failed);
            }
        };
        let (path, name) = (file.path, file.name);
        let size = match file.writer.into_inner() {
            Sink::Remote(_, size) => size,
            Sink::Local(local, size) => {
                let synced = local.sync_all().await;
                synced.map_err(|error| durable::failed(&self.location, "write", &path, error))?;
                size
            }
        };
        let add = self.add(day, name, size, &metadata);
        self.days.entry(day).or_default().files.push(add);
        Ok(())
    }

    fn add(&self, day: Option<NaiveDate>, path: String, size: u64, metadata: &ParquetMetaData) -> Add {
        let values = self.day.iter().map(|(_, column)| (column.clone(), day.map(|day| day.to_string())));
        Add {
            path,
            partition_values: values.collect(),
            size: size as i64,
            modification_time: self.now.timestamp_millis(),
            data_change: true,
            stats: Some(stats::of(metadata, &self.file_columns)),
            tags: None,
            deletion_vector: None,
        }
    }

    /// Names in the log have only characters that mean themselves.
    fn path_of(&self, name: &str) -> Path {
        name.split('/').fold(self.location.prefix.clone(), |path, part| path.join(part))
    }

    fn refused(&self, reason: String) -> Error {
        Error::Corrupt { path: self.location.to_string(), reason }
    }
}

/// Whatever ends a refresh early, a future that is dropped among it: nothing stays of files that nobody names.
impl Drop for Output {
    fn drop(&mut self) {
        let open = std::mem::take(&mut self.open);
        let finished = std::mem::take(&mut self.days).into_values().flat_map(|day| day.files);
        let finished: Vec<Path> = finished.map(|file| self.path_of(&file.path)).collect();
        if open.is_empty() && finished.is_empty() {
            return;
        }
        let location = self.location.clone();
        let clean = async move {
            for file in open.into_values() {
                file.abort(&location).await;
            }
            for path in finished {
                // Vacuum removes what cannot be removed now.
                let _ = durable::remove(&location, &path).await;
            }
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(clean);
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Output").field(&self.location.prefix).finish()
    }
}

impl OpenFile {
    /// Takes back what is written already.
    async fn abort(self, location: &Location) {
        match self.writer.into_inner() {
            Sink::Local(file, _) => drop(file),
            Sink::Remote(Some(mut upload), _) => drop(upload.abort().await),
            Sink::Remote(None, _) => {}
        }
        let _ = durable::remove(location, &self.path).await;
    }
}

impl AsyncFileWriter for Sink {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), ParquetError>> {
        async move {
            fault::point()?;
            match self {
                Self::Local(file, size) => {
                    *size += bytes.len() as u64;
                    file.write_all(&bytes).await?;
                }
                Self::Remote(Some(upload), size) => {
                    *size += bytes.len() as u64;
                    upload.put(bytes).await?;
                }
                Self::Remote(None, _) => return Err(ParquetError::General("the file is finished".into())),
            }
            Ok(())
        }
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, Result<(), ParquetError>> {
        async move {
            match self {
                Self::Local(file, _) => file.flush().await?,
                Self::Remote(upload, _) => {
                    if let Some(mut upload) = upload.take() {
                        upload.shutdown().await?;
                    }
                }
            }
            Ok(())
        }
        .boxed()
    }
}

/// Values of the table's type `told`, as files have them.
fn to_stored(column: &ArrayRef, told: &DataType, stored: &DataType) -> Result<ArrayRef, ArrowError> {
    let nanoseconds: Option<ArrayRef> = match column.data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _)
        | DataType::Time64(TimeUnit::Nanosecond)
        | DataType::Duration(TimeUnit::Nanosecond) => Some(cast(column, &DataType::Int64)?),
        _ => None,
    };
    if let Some(values) = nanoseconds {
        let finer = values.as_primitive::<Int64Type>().iter().flatten().any(|value| value % 1_000 != 0);
        if finer {
            let reason = "it has nanoseconds, and a Delta table has microseconds: round it, as in CAST(… AS DATETIME(6))";
            return Err(ArrowError::CastError(reason.into()));
        }
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let told = match column.data_type() {
        // Arrow casts no time of day to a time.
        DataType::Time32(_) | DataType::Time64(_) => &DataType::Time64(TimeUnit::Microsecond),
        _ => told,
    };
    cast_with_options(&cast_with_options(column, told, &options)?, stored, &options)
}

/// A column's name where it can stand in a path as it is.
fn folder_name(column: &str) -> &str {
    let plain = !column.is_empty() && column.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain { column } else { "day" }
}

fn write_error(location: &Location, path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(source) => source,
        error => Box::new(error) as Box<dyn std::error::Error + Send + Sync>,
    };
    durable::store_error(location, "write", path, object_store::Error::Generic { store: "output", source })
}
