//! What is kept in memory of files: whole small remote files, footers, and rows of small files. It must not
//! know what is in them.
//!
//! Keys name a version of a file, so an entry is never stale; it goes when others need the room.
//! Concurrent readers of one file share one request.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Fields, Schema};
use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreUrl;
use moka::future::Cache;
use object_store::ObjectMeta;
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use super::footer::Footer;
use super::open::OpenFile;
use super::store::Location;
use super::{File, Result, first_128_bits};
use crate::config;

/// The caches of the server, shared by all tables.
#[derive(Debug)]
pub struct Files {
    bytes: Cache<Version, Bytes>,
    footers: Cache<Version, Footer>,
    rows: Cache<(Rows, Fields), Arc<[RecordBatch]>>,
    /// Remote files up to this size are fetched whole.
    small_file: u64,
}

/// A version of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Version {
    store: ObjectStoreUrl,
    path: Path,
    size: u64,
    modified_us: i64,
    e_tag: Option<String>,
}

/// The rows of certain versions of certain files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rows(u128);

impl Files {
    /// Empty caches with the limits of the config.
    pub fn new(limits: &config::Cache) -> Self {
        let bytes = Cache::builder()
            .weigher(|version: &Version, bytes: &Bytes| weight(version.memory_size() + bytes.len()))
            .max_capacity(limits.files.0)
            .build();
        let footers = Cache::builder()
            .weigher(|version: &Version, footer: &Footer| {
                weight(version.memory_size() + footer.memory_size())
            })
            .max_capacity(limits.footers.0)
            .build();
        let rows = Cache::builder()
            .weigher(|(_, fields): &(Rows, Fields), rows: &Arc<[RecordBatch]>| {
                let rows: usize = rows.iter().map(RecordBatch::get_array_memory_size).sum();
                weight(size_of::<Rows>() + fields.size() + rows)
            })
            .max_capacity(limits.rows.0)
            .build();
        Self { bytes, footers, rows, small_file: limits.small_file.0 }
    }

    /// Whether a file is fetched whole, because it is small and far away.
    pub fn fetches_whole(&self, location: &Location, meta: &ObjectMeta) -> bool {
        location.remote && meta.size <= self.small_file
    }

    /// Opens a version of a file. A small remote one is fetched whole unless it is at hand.
    pub async fn open(&self, location: &Location, meta: &ObjectMeta) -> Result<OpenFile> {
        if !self.fetches_whole(location, meta) {
            return OpenFile::open(location, meta).await;
        }
        let fetch = OpenFile::fetch(location, meta);
        let bytes = self.bytes.try_get_with(Version::new(location, meta), fetch).await;
        Ok(OpenFile::from_bytes(location, meta, bytes.map_err(|error| (*error).clone())?))
    }

    /// Forgets the bytes of a version of a file: they were not what the file is.
    pub async fn forget(&self, location: &Location, meta: &ObjectMeta) {
        self.bytes.invalidate(&Version::new(location, meta)).await;
    }

    /// The footer of a version of a file, read by `load` when it is not at hand.
    pub async fn footer(
        &self,
        location: &Location,
        meta: &ObjectMeta,
        load: impl Future<Output = Result<Footer>>,
    ) -> Result<Footer> {
        let footer = self.footers.try_get_with(Version::new(location, meta), load).await;
        footer.map_err(|error| (*error).clone())
    }

    /// Whether rows are kept at all.
    pub fn keeps_rows(&self) -> bool {
        self.rows.policy().max_capacity() != Some(0)
    }

    /// The rows of some files, as a table of this schema has them, read by `load` when they are not at hand.
    pub async fn rows<E: Send + Sync + 'static>(
        &self,
        rows: Rows,
        schema: &Schema,
        load: impl Future<Output = Result<Vec<RecordBatch>, E>>,
    ) -> Result<Arc<[RecordBatch]>, Arc<E>> {
        let key = (rows, schema.fields().clone());
        self.rows.try_get_with(key, async { Ok(load.await?.into()) }).await
    }
}

impl Rows {
    /// Those of these files together, in this order.
    pub fn of<'a>(location: &Location, files: impl IntoIterator<Item = &'a File>) -> Self {
        let mut hash = Sha256::new();
        hash.update(location.url.as_str());
        for File { path, size, modified, e_tag } in files {
            // No path, time or tag has a zero byte.
            hash.update([0]);
            hash.update(path.as_ref());
            hash.update([0]);
            hash.update(size.to_le_bytes());
            hash.update(modified.timestamp_micros().to_le_bytes());
            hash.update(e_tag.as_deref().unwrap_or_default());
        }
        Self(first_128_bits(hash))
    }
}

impl Version {
    fn new(location: &Location, meta: &ObjectMeta) -> Self {
        Self {
            store: location.url.clone(),
            path: meta.location.clone(),
            size: meta.size,
            modified_us: meta.last_modified.timestamp_micros(),
            e_tag: meta.e_tag.clone(),
        }
    }

    /// About how many bytes the key takes, with what the cache keeps for each entry.
    fn memory_size(&self) -> usize {
        320 + self.path.as_ref().len() + self.e_tag.as_ref().map_or(0, String::len)
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
