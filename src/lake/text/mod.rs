//! Tables of text files: csv, tsv and json lines as record batches. It must not know tables beyond the
//! columns that they declare; types are never guessed.
//!
//! What is read, and how:
//! - A value that does not say a value of its column's declared type is an error that names file and line.
//! - csv and tsv: `\N` is NULL. An empty field is an empty text, and NULL in columns of other types.
//!   A record has as many fields as the table has columns, in their order. Under a header, columns are
//!   found by name instead, and one that the header does not name is NULL, as in Parquet files.
//!   A blank line is skipped where a record has more than one field.
//! - json: each line is an object; a missing key is NULL, names are matched in any case. A text column
//!   holds the content of a JSON string, and of any other value its JSON text.
//!
//! A file is read in pieces, one ahead; memory holds a few of them and one batch.

mod delimited;
mod json;

use std::fmt;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use bytes::Bytes;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, apply_expression_roots};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStore};
use tokio_util::task::AbortOnDropHandle;

use self::delimited::Fields;
use self::json::Objects;

use super::open::OpenFile;
use super::reader::Reader;
use super::store::Location;
use super::values::{self, Values};
use super::{Error, Result};

/// Bytes that are read at once.
const PIECE_BYTES: u64 = 2 << 20;
/// A record is at most this long: more is a quote without an end rather than a record.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// A batch ends when it was made from this many bytes.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// How a text file separates its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Commas and double quotes.
    Csv {
        /// Whether the first record has the names of the columns.
        header: bool,
    },
    /// Tabs and backslashes.
    Tsv,
    /// A JSON object on each line.
    Json,
}

/// Reads text files as the file columns of `schema`, for a `FileScanConfig`. Each file's `object_meta`
/// must be as it was listed.
pub fn source(
    format: Format,
    reader: &Arc<Reader>,
    location: &Location,
    schema: TableSchema,
) -> Arc<dyn FileSource> {
    Arc::new(TextSource {
        files: Files { format, reader: Arc::clone(reader), location: location.clone() },
        projection: SplitProjection::unprojected(&schema),
        schema,
        batch_size: DEFAULT_BATCH_ROWS,
        metrics: ExecutionPlanMetricsSet::new(),
    })
}

/// The session tells its own before a scan begins.
const DEFAULT_BATCH_ROWS: usize = 8_192;

#[derive(Clone)]
struct TextSource {
    files: Files,
    schema: TableSchema,
    projection: SplitProjection,
    batch_size: usize,
    metrics: ExecutionPlanMetricsSet,
}

/// How to open the files of a table.
#[derive(Clone, Debug)]
struct Files {
    format: Format,
    reader: Arc<Reader>,
    location: Location,
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        _store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>, DataFusionError> {
        let opener = TextOpener {
            files: self.files.clone(),
            schema: Arc::clone(self.schema.file_schema()),
            columns: self.projection.file_indices.as_slice().into(),
            batch_size: self.batch_size,
            bytes_scanned: MetricBuilder::new(&self.metrics).counter("bytes_scanned", partition),
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), self.schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>, DataFusionError> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    /// A quote or an escape decides what a line end is, so that a file is read from its beginning.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        match self.files.format {
            Format::Csv { .. } => "csv",
            Format::Tsv => "tsv",
            Format::Json => "json",
        }
    }

    fn fmt_extra(&self, _kind: DisplayFormatType, _formatter: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion, DataFusionError> {
        apply_expression_roots(self.projection.source.iter(), visit)
    }
}

/// Opens files for some columns of the table.
struct TextOpener {
    files: Files,
    /// The table's file columns.
    schema: SchemaRef,
    /// Those that are wanted, by index.
    columns: Arc<[usize]>,
    batch_size: usize,
    bytes_scanned: Count,
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture, DataFusionError> {
        let (files, meta) = (self.files.clone(), file.object_meta);
        let records = Records::new(files.format, &self.schema, &self.columns);
        let (batch_size, bytes_scanned) = (self.batch_size, self.bytes_scanned.clone());
        Ok(Box::pin(async move {
            let bytes = Buffer::open(&files, &meta, bytes_scanned).await?;
            let records = records.map_err(|reason| bytes.corrupt(reason))?;
            let scan = TextScan { bytes, records, batch_size };
            let batches = stream::try_unfold(scan, async |mut scan| {
                let batch = scan.next_batch().await?;
                Ok::<_, Error>(batch.map(|batch| (batch, scan)))
            });
            Ok(batches.map_err(DataFusionError::from).boxed())
        }))
    }
}

/// One file, on its way to batches.
struct TextScan {
    bytes: Buffer,
    records: Records,
    batch_size: usize,
}

impl TextScan {
    async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut bytes = 0;
        while self.records.rows < self.batch_size && bytes < BATCH_BYTES_MAX {
            let unread = self.bytes.unread();
            if unread.is_empty() && self.bytes.is_last() {
                break;
            }
            match self.records.read(unread, self.bytes.is_last()) {
                Ok(Some(length)) => {
                    self.bytes.start += length;
                    bytes += length;
                }
                Ok(None) => self.bytes.read_more().await?,
                Err(reason) => {
                    return Err(self.bytes.corrupt(format!("line {}: {reason}", self.bytes.line())));
                }
            }
        }
        if self.records.rows == 0 {
            return Ok(None);
        }
        self.records.finish().map(Some).map_err(|reason| self.bytes.corrupt(reason))
    }
}

/// The bytes of a file that are at hand, and the next piece on its way.
struct Buffer {
    file: OpenFile,
    bytes: Vec<u8>,
    /// Where the bytes begin that no record has taken.
    start: usize,
    /// Line ends before `bytes`.
    lines_before: usize,
    next: Option<AbortOnDropHandle<Result<Bytes>>>,
    /// Where the piece after the next one begins.
    next_start: u64,
    bytes_scanned: Count,
}

impl Buffer {
    async fn open(files: &Files, meta: &ObjectMeta, bytes_scanned: Count) -> Result<Self> {
        let file = files.reader.open(&files.location, meta).await?;
        let mut buffer =
            Self { file, bytes: vec![], start: 0, lines_before: 0, next: None, next_start: 0, bytes_scanned };
        buffer.fetch_next();
        buffer.read_more().await?;
        if buffer.bytes.starts_with(&[0x1f, 0x8b]) {
            return Err(
                buffer.corrupt("it is compressed with gzip, which is not supported; unpack it".into())
            );
        }
        if buffer.bytes.starts_with(b"\xef\xbb\xbf") {
            buffer.start = 3;
        }
        Ok(buffer)
    }

    fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Whether nothing follows the bytes at hand.
    fn is_last(&self) -> bool {
        self.next.is_none()
    }

    async fn read_more(&mut self) -> Result<()> {
        let Some(next) = self.next.take() else { return Ok(()) };
        if self.bytes.len() - self.start > RECORD_BYTES_MAX {
            let limit = RECORD_BYTES_MAX >> 20;
            return Err(self.corrupt(format!("line {}: the record is longer than {limit} MiB", self.line())));
        }
        let piece =
            next.await.map_err(|stopped| self.corrupt(format!("reading it stopped: {stopped}")))??;
        self.fetch_next();
        self.bytes_scanned.add(piece.len());
        self.lines_before += count_lines(&self.bytes[..self.start]);
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(&piece);
        Ok(())
    }

    fn fetch_next(&mut self) {
        let range = self.next_start..self.file.size().min(self.next_start + PIECE_BYTES);
        if range.is_empty() {
            return;
        }
        self.next_start = range.end;
        let file = self.file.clone();
        let read = async move { file.read(range).await };
        self.next = Some(AbortOnDropHandle::new(tokio::spawn(read)));
    }

    /// The line on which the next record begins, counted from one.
    fn line(&self) -> usize {
        self.lines_before + count_lines(&self.bytes[..self.start]) + 1
    }

    fn corrupt(&self, reason: String) -> Error {
        Error::Corrupt { path: self.file.path().to_owned(), reason }
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Turns records into columns.
struct Records {
    kind: Kind,
    columns: Vec<Column>,
    rows: usize,
}

/// What a record is.
enum Kind {
    Fields {
        read: ReadFields,
        fields: Fields,
        places: Places,
    },
    /// The values are kept as ranges of the line.
    Objects(Objects),
}

type ReadFields = fn(&[u8], bool, &mut Fields) -> Result<Option<usize>, String>;

/// Which field of a record is which wanted column.
enum Places {
    /// The header will tell. These are the names of all columns of the table.
    Unknown(Vec<String>),
    Known {
        /// How many fields a record has.
        fields: usize,
        /// For each wanted column its field, unless the file does not have it.
        columns: Vec<Option<usize>>,
    },
}

/// A wanted column.
struct Column {
    field: FieldRef,
    is_text: bool,
    values: Box<dyn Values>,
}

impl Records {
    fn new(format: Format, schema: &Schema, wanted: &[usize]) -> Result<Self, String> {
        let columns = wanted.iter().map(|index| Column::new(Arc::clone(&schema.fields()[*index])));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let in_order = || Places::Known {
            fields: schema.fields().len(),
            columns: wanted.iter().copied().map(Some).collect(),
        };
        let by_name =
            || Places::Unknown(schema.fields().iter().map(|field| field.name().to_lowercase()).collect());
        let fields = |read, places| Kind::Fields { read, fields: Fields::default(), places };
        let kind = match format {
            Format::Csv { header: true } => fields(delimited::csv, by_name()),
            Format::Csv { header: false } => fields(delimited::csv, in_order()),
            Format::Tsv => fields(delimited::tsv, in_order()),
            Format::Json => Kind::Objects(Objects::new(columns.iter().map(|column| column.name()))),
        };
        Ok(Self { kind, columns, rows: 0 })
    }

    /// Takes one record from the beginning of `bytes` and tells its length; none if it goes on behind
    /// them.
    fn read(&mut self, bytes: &[u8], is_last: bool) -> Result<Option<usize>, String> {
        match &mut self.kind {
            Kind::Fields { read, fields, places } => {
                let Some(length) = read(bytes, is_last, fields)? else { return Ok(None) };
                match places {
                    Places::Unknown(known) => *places = places_of(fields, known, &self.columns)?,
                    Places::Known { fields: count, .. } if fields.is_blank() && *count > 1 => {}
                    Places::Known { fields: count, columns } => {
                        if fields.len() != *count {
                            return Err(format!("it has {} fields instead of {count}", fields.len()));
                        }
                        for (column, place) in self.columns.iter_mut().zip(columns) {
                            column.push_field(place.and_then(|place| fields.get(place)))?;
                        }
                        self.rows += 1;
                    }
                }
                Ok(Some(length))
            }
            Kind::Objects(objects) => {
                let (line, length) = match bytes.iter().position(|byte| *byte == b'\n') {
                    Some(end) => (&bytes[..end], end + 1),
                    None if is_last => (bytes, bytes.len()),
                    None => return Ok(None),
                };
                if !line.trim_ascii().is_empty() {
                    let mut values = vec![None; self.columns.len()];
                    objects.read(line, &mut values)?;
                    for (column, value) in self.columns.iter_mut().zip(values) {
                        column.push_json(value)?;
                    }
                    self.rows += 1;
                }
                Ok(Some(length))
            }
        }
    }

    /// Takes the rows as a batch, and begins anew.
    fn finish(&mut self) -> Result<RecordBatch, String> {
        let rows = std::mem::take(&mut self.rows);
        let schema =
            Schema::new(self.columns.iter().map(|column| Arc::clone(&column.field)).collect::<Vec<_>>());
        let arrays = self.columns.iter_mut().map(|column| column.values.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
            .map_err(|error| error.to_string())
    }
}

/// Finds the columns in a header, in any case.
fn places_of(header: &Fields, known: &[String], columns: &[Column]) -> Result<Places, String> {
    let mut names = Vec::with_capacity(header.len());
    for index in 0..header.len() {
        let name = header.get(index).unwrap_or_default();
        let name = String::from_utf8_lossy(name).trim().to_lowercase();
        if !name.is_empty() && names.contains(&name) {
            return Err(format!("the header names `{name}` twice"));
        }
        names.push(name);
    }
    if !names.iter().any(|name| known.contains(name)) {
        return Err("the header names none of the table's columns".into());
    }
    let place = |column: &Column| names.iter().position(|name| *name == column.name().to_lowercase());
    Ok(Places::Known { fields: names.len(), columns: columns.iter().map(place).collect() })
}

impl Column {
    fn new(field: FieldRef) -> Result<Self, String> {
        let values = values::collector(field.data_type()).ok_or_else(|| {
            format!(
                "column `{}` is of type {}, which text files cannot hold",
                field.name(),
                field.data_type()
            )
        })?;
        Ok(Self { is_text: values::is_text(field.data_type()), field, values })
    }

    fn name(&self) -> &str {
        self.field.name()
    }

    fn push_field(&mut self, field: Option<&[u8]>) -> Result<(), String> {
        match field {
            Some([]) if !self.is_text => self.push_null(),
            Some(text) => self.push(text),
            None => self.push_null(),
        }
    }

    fn push_json(&mut self, value: Option<&[u8]>) -> Result<(), String> {
        match value {
            None | Some(b"null") => self.push_null(),
            Some(quoted @ [b'"', ..]) => {
                let text =
                    json::string(quoted).map_err(|reason| format!("column `{}`: {reason}", self.name()))?;
                self.push(text.as_bytes())
            }
            // MySQL's booleans are numbers.
            Some(b"true") if !self.is_text => self.push(b"1"),
            Some(b"false") if !self.is_text => self.push(b"0"),
            Some(other) => self.push(other),
        }
    }

    fn push(&mut self, text: &[u8]) -> Result<(), String> {
        if self.values.push(text) {
            return Ok(());
        }
        let shown: String = String::from_utf8_lossy(text).chars().take(40).collect();
        let type_name = values::type_name(self.field.data_type());
        Err(format!("column `{}`: `{}` is no {type_name}", self.name(), shown.escape_debug()))
    }

    fn push_null(&mut self) -> Result<(), String> {
        if !self.field.is_nullable() {
            return Err(format!("column `{}` cannot be NULL", self.name()));
        }
        self.values.push_null();
        Ok(())
    }
}
