//! One version of one file: the bytes that the listing saw, or the news that the file changed.
//!
//! It must not know what the bytes mean. Every byte that a query reads comes through here, so that a
//! query never mixes two versions of a file: a remote read names the version by its ETag, a local file
//! is opened once, so that its bytes stay although its name goes to another file, and a file that is
//! written in place is found out by its size and time of change.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta};

use super::store::Location;
use super::{Error, Result};

/// Ranges of a remote file that are this close are read in one request.
const GAP_BYTES_MAX: u64 = 1 << 20;

/// The time of change of files whose names are never used twice: their size is all that is checked.
pub const UNKNOWN_TIME: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// An open file. Cheap to clone; all clones read the same version.
#[derive(Clone, Debug)]
pub struct OpenFile {
    /// What people know the file by.
    path: Arc<str>,
    size: u64,
    place: Place,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
enum Place {
    Memory(Bytes),
    Local(Arc<LocalFile>),
    Remote(Arc<(Location, ObjectMeta)>),
}

/// A file of this machine, held open.
#[derive(Debug)]
struct LocalFile {
    file: std::fs::File,
    /// As the file was when it was found to be the version; writing in place changes both.
    size: u64,
    modified: DateTime<Utc>,
}

impl OpenFile {
    /// Opens the version `meta` of a file. A remote file is not touched before the first read.
    pub async fn open(location: &Location, meta: &ObjectMeta) -> Result<Self> {
        let path = location.show(&meta.location);
        let remote = || Place::Remote(Arc::new((location.clone(), meta.clone())));
        let place = match location.remote {
            true => remote(),
            false => match get(location, meta, None).await? {
                // Not as it is now: it may have been written since it was compared.
                GetResult { payload: GetResultPayload::File(file, _), meta: found, .. } => {
                    let (size, modified) = (found.size, found.last_modified);
                    Place::Local(Arc::new(LocalFile { file, size, modified }))
                }
                // A stream comes from a store that only looks local, such as one in memory.
                GetResult { payload: GetResultPayload::Stream(_), .. } => remote(),
            },
        };
        Ok(Self { path: path.into(), size: meta.size, place })
    }

    /// Fetches the version `meta` of a file whole, in one request.
    pub async fn fetch(location: &Location, meta: &ObjectMeta) -> Result<Bytes> {
        get_bytes(location, meta, None).await
    }

    /// A file whose bytes are at hand.
    pub fn from_bytes(location: &Location, meta: &ObjectMeta, bytes: Bytes) -> Self {
        let size = bytes.len() as u64;
        Self { path: location.show(&meta.location).into(), size, place: Place::Memory(bytes) }
    }

    /// What people know the file by.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads one range.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let mut pieces = self.read_ranges(vec![range]).await?;
        Ok(pieces.pop().expect("one range gives one piece"))
    }

    /// Reads several ranges, in their order; every piece has the length of its range. Cancel-safe.
    pub async fn read_ranges(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        // Broken metadata may point anywhere; nothing is reserved for bytes that cannot be there.
        if let Some(range) = ranges.iter().find(|range| range.start > range.end || range.end > self.size) {
            let reason = format!("it points to its bytes {range:?} but has only {}", self.size);
            return Err(Error::Corrupt { path: self.path.to_string(), reason });
        }
        match &self.place {
            Place::Memory(bytes) => {
                Ok(ranges.iter().map(|range| bytes.slice(range.start as usize..range.end as usize)).collect())
            }
            Place::Local(file) => {
                let (file, path) = (Arc::clone(file), Arc::clone(&self.path));
                tokio::task::spawn_blocking(move || file.read_ranges(&path, &ranges))
                    .await
                    .map_err(|stopped| io_error(&self.path, io::Error::other(stopped)))?
            }
            Place::Remote(file) => {
                let (location, meta) = file.as_ref();
                let fetch = |range| get_bytes(location, meta, Some(range));
                object_store::coalesce_ranges(&ranges, fetch, GAP_BYTES_MAX).await
            }
        }
    }
}

impl LocalFile {
    fn read_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut pieces = Vec::with_capacity(ranges.len());
        for range in ranges {
            let mut piece = vec![0; (range.end - range.start) as usize];
            match self.file.read_exact_at(&mut piece, range.start) {
                Ok(()) => pieces.push(Bytes::from(piece)),
                // It was as long as the range wants when it was opened.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(Error::Changed { path: path.to_owned() });
                }
                Err(error) => return Err(io_error(path, error)),
            }
        }
        // After the reads: a change before them and one between them look the same.
        let now = self.file.metadata().map_err(|error| io_error(path, error))?;
        let modified = now.modified().map_err(|error| io_error(path, error))?;
        let same = now.len() == self.size && DateTime::<Utc>::from(modified) == self.modified;
        if same { Ok(pieces) } else { Err(Error::Changed { path: path.to_owned() }) }
    }
}

async fn get_bytes(location: &Location, meta: &ObjectMeta, range: Option<Range<u64>>) -> Result<Bytes> {
    let expected = range.as_ref().map_or(meta.size, |range| range.end - range.start);
    // A store refuses a range without bytes.
    if expected == 0 && range.is_some() {
        return Ok(Bytes::new());
    }
    let result = get(location, meta, range).await?;
    let bytes = result.bytes().await.map_err(|error| store_error(location, meta, error))?;
    if bytes.len() as u64 == expected { Ok(bytes) } else { Err(changed(location, meta)) }
}

/// Asks for a version of a file and checks that the answer is of that version.
async fn get(location: &Location, meta: &ObjectMeta, range: Option<Range<u64>>) -> Result<GetResult> {
    let options = GetOptions {
        if_match: meta.e_tag.clone(),
        range: range.map(GetRange::Bounded),
        ..GetOptions::default()
    };
    let result = location.store.get_opts(&meta.location, options).await;
    let result = result.map_err(|error| store_error(location, meta, error))?;
    let same = result.meta.size == meta.size
        && match (&meta.e_tag, &result.meta.e_tag) {
            (Some(expected), Some(found)) => expected == found,
            _ if meta.last_modified == UNKNOWN_TIME => true,
            // HTTP tells the time of change in seconds, listings in milliseconds.
            _ => result.meta.last_modified.timestamp() == meta.last_modified.timestamp(),
        };
    if same { Ok(result) } else { Err(changed(location, meta)) }
}

fn store_error(location: &Location, meta: &ObjectMeta, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } | object_store::Error::Precondition { .. } => {
            changed(location, meta)
        }
        source => {
            let path = location.show(&meta.location);
            Error::Store { action: "read", path, source: Arc::new(source) }
        }
    }
}

fn changed(location: &Location, meta: &ObjectMeta) -> Error {
    Error::Changed { path: location.show(&meta.location) }
}

fn io_error(path: &str, error: io::Error) -> Error {
    let source = object_store::Error::Generic { store: "local", source: Box::new(error) };
    Error::Store { action: "read", path: path.to_owned(), source: Arc::new(source) }
}
