//! Footers of Parquet files: read with as few requests as can be, and never trusted. It must not know
//! tables.
//!
//! A broken footer is an error that names the file. It cannot end the process: ranges are checked against
//! the file's size, lists against the bytes that hold them, nesting is bounded, and the decoder's panics stop here.

use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    FooterTail, PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder, ParquetMetaDataReader,
};

use super::open::OpenFile;
use super::{Error, Result, schema, thrift};

/// Bytes at the end of the file that are read first; most footers and page indexes are within.
const TAIL_BYTES: u64 = 256 << 10;
/// The length of the footer and the magic `PAR1`.
const END_BYTES: u64 = 8;
/// Larger footers are refused: some hundred bytes for a column of a row group make millions of them.
const FOOTER_BYTES_MAX: u64 = 512 << 20;
/// Larger page indexes stay in the file; a scan reads them when it can prune with them.
const PAGE_INDEX_BYTES_MAX: u64 = 16 << 20;
/// Columns that nest deeper are refused: decoders, plans and encoders recurse on them.
const COLUMN_DEPTH_MAX: usize = 100;

/// What a Parquet file tells of itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Footer {
    /// Row groups and their statistics, with the page index unless that is very large.
    pub metadata: Arc<ParquetMetaData>,
    /// The columns as Arrow has them.
    pub schema: SchemaRef,
}

impl Footer {
    /// Reads the footer of a file: one read when it is short, one more for what lies before the tail.
    pub async fn read(file: &OpenFile) -> Result<Self> {
        let tail = Tail::read(file).await?;
        let metadata = decode(file, || ParquetMetaDataReader::decode_metadata(&tail.footer))?;
        let metadata = match page_index_range(&metadata) {
            Some(range) if range.end - range.start <= PAGE_INDEX_BYTES_MAX => {
                let bytes = tail.get_or_read(file, range.clone()).await?;
                decode(file, || with_page_index(file.size(), metadata, range, bytes))?
            }
            _ => metadata,
        };
        let schema = decode(file, || schema::of_parquet(metadata.file_metadata()))?;
        Ok(Self { metadata: Arc::new(metadata), schema: Arc::new(schema) })
    }

    /// About how many bytes it takes in memory.
    pub fn memory_size(&self) -> usize {
        let fields: usize = self.schema.fields().iter().map(|field| field.size()).sum();
        self.metadata.memory_size() + fields
    }
}

/// The end of a file.
struct Tail {
    /// Where `bytes` begin.
    start: u64,
    bytes: Bytes,
    /// The encoded footer, without its length and the magic.
    footer: Bytes,
}

impl Tail {
    async fn read(file: &OpenFile) -> Result<Self> {
        if file.size() < END_BYTES {
            return Err(corrupt(file, format!("{} bytes are too few for a Parquet file", file.size())));
        }
        let start = file.size().saturating_sub(TAIL_BYTES);
        let bytes = file.read(start..file.size()).await?;
        let end = bytes.len() - END_BYTES as usize;
        let last = bytes[end..].try_into().expect("the end has its length");
        let last = FooterTail::try_new(last).map_err(|_| {
            corrupt(
                file,
                "it does not end like a Parquet file; it may be cut off or of another format".into(),
            )
        })?;
        if last.is_encrypted_footer() {
            return Err(corrupt(file, "it is encrypted, which is not supported".into()));
        }

        let length = last.metadata_length() as u64;
        let footer_end = file.size() - END_BYTES;
        let range = match footer_end.checked_sub(length) {
            Some(footer_start) if length <= FOOTER_BYTES_MAX => footer_start..footer_end,
            _ => return Err(corrupt(file, format!("its footer cannot have {length} bytes"))),
        };
        let mut tail = Self { start, bytes, footer: Bytes::new() };
        tail.footer = tail.get_or_read(file, range).await?;
        match thrift::column_depth(&tail.footer) {
            None => Err(corrupt(file, "its footer is broken".into())),
            Some(depth) if depth > COLUMN_DEPTH_MAX => Err(corrupt(
                file,
                format!("its columns nest {depth} deep; at most {COLUMN_DEPTH_MAX} are read"),
            )),
            Some(_) => Ok(tail),
        }
    }

    async fn get_or_read(&self, file: &OpenFile, range: Range<u64>) -> Result<Bytes> {
        let within = range.start.checked_sub(self.start).zip(range.end.checked_sub(self.start));
        match within {
            Some((start, end)) if start <= end && end <= self.bytes.len() as u64 => {
                Ok(self.bytes.slice(start as usize..end as usize))
            }
            _ => file.read(range).await,
        }
    }
}

/// Where the column and offset indexes of all columns lie, when every column has both. Broken positions
/// count as none.
fn page_index_range(metadata: &ParquetMetaData) -> Option<Range<u64>> {
    let part = |offset: Option<i64>, length: Option<i32>| {
        let start = u64::try_from(offset?).ok()?;
        Some(start..start.checked_add(u64::try_from(length?).ok()?)?)
    };
    let mut whole: Option<Range<u64>> = None;
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let parts = [
            part(column.column_index_offset(), column.column_index_length())?,
            part(column.offset_index_offset(), column.offset_index_length())?,
        ];
        for part in parts {
            let known = whole.get_or_insert_with(|| part.clone());
            *known = known.start.min(part.start)..known.end.max(part.end);
        }
    }
    whole
}

fn with_page_index(
    file_size: u64,
    metadata: ParquetMetaData,
    range: Range<u64>,
    bytes: Bytes,
) -> Result<ParquetMetaData, ParquetError> {
    let mut decoder = ParquetMetaDataPushDecoder::try_new_with_metadata(file_size, metadata)?
        .with_page_index_policy(PageIndexPolicy::Optional);
    decoder.push_range(range, bytes)?;
    match decoder.try_decode()? {
        DecodeResult::Data(metadata) => Ok(metadata),
        DecodeResult::NeedsData(_) | DecodeResult::Finished => {
            Err(ParquetError::General("the page index is not where the footer says".to_owned()))
        }
    }
}

/// Runs a decoder on bytes that may be broken: an error names the file, and a panic is an error.
fn decode<T>(file: &OpenFile, decoder: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    match panic::catch_unwind(AssertUnwindSafe(decoder)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(error)) => Err(corrupt(file, error.to_string())),
        Err(_) => Err(corrupt(file, "its footer is broken".into())),
    }
}

fn corrupt(file: &OpenFile, reason: String) -> Error {
    Error::Corrupt { path: file.path().to_owned(), reason }
}
