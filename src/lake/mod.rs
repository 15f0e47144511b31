//! Where files are and how to list and read them: stores, folders of days, caches.
//!
//! It knows files, not tables and no SQL.

pub mod store;

pub mod index;
pub mod partition;

pub mod adapter;
pub mod schema;

pub mod delta;
pub mod durable;
pub mod guard;
pub mod output;
pub mod reader;
pub mod real;
pub mod text;

mod ahead;
pub mod cache;
mod fault;
mod footer;
mod open;
mod paged;
mod thrift;
mod values;

use std::error::Error as _;
use std::ops::AddAssign;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::error::DataFusionError;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

/// One file as a listing saw it. Reads must find this very version, or fail with [`Error::Changed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The whole path within its store.
    pub path: Path,
    /// Bytes.
    pub size: u64,
    /// When it was last written, as the store says.
    pub modified: DateTime<Utc>,
    /// The store's tag of this version, where it gives one.
    pub e_tag: Option<String>,
}

impl From<ObjectMeta> for File {
    fn from(meta: ObjectMeta) -> Self {
        Self { path: meta.location, size: meta.size, modified: meta.last_modified, e_tag: meta.e_tag }
    }
}

impl From<File> for ObjectMeta {
    fn from(file: File) -> Self {
        Self {
            location: file.path,
            last_modified: file.modified,
            size: file.size,
            e_tag: file.e_tag,
            version: None,
        }
    }
}

/// What tells one set of versions of files from another, whatever the order of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Of names below the table, sizes, and tags or times of change.
    pub hash: u128,
    /// How many files there are.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the newest of them was written; None without files.
    pub changed: Option<DateTime<Utc>>,
}

impl Digest {
    /// The digest of one file, by its name within a place that may move as a whole.
    pub fn of(file: &File, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(file.size.to_le_bytes());
        match &file.e_tag {
            Some(tag) => hash.update(tag.as_bytes()),
            None => hash.update(file.modified.timestamp_micros().to_le_bytes()),
        }
        Self { hash: first_128_bits(hash), files: 1, bytes: file.size, changed: Some(file.modified) }
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        self.hash = self.hash.wrapping_add(other.hash);
        self.files += other.files;
        self.bytes += other.bytes;
        self.changed = self.changed.max(other.changed);
    }
}

/// The first half of a finished hash.
pub fn first_128_bits(hash: Sha256) -> u128 {
    let bytes = hash.finalize();
    let half: [u8; 16] = bytes[..16].try_into().expect("a SHA-256 has 32 bytes");
    u128::from_be_bytes(half)
}

/// A result whose error is the lake's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why files cannot be used. Every text is one line that names the thing and reaches clients.
///
/// It is `Clone` because one failed listing or read answers everybody who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A location that is no path and no URL of a store that is known.
    #[error("location `{location}` cannot be used: {reason}")]
    Location {
        /// As written.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder that is not there.
    #[error("`{path}` does not exist or is empty; check the location")]
    Missing {
        /// The folder.
        path: String,
    },
    /// The store did not do what was asked of it.
    #[error("cannot {action} `{path}`: {}", reason(source))]
    Store {
        /// Verb of what was tried: `list`, `read`.
        action: &'static str,
        /// The folder or file.
        path: String,
        /// The store's words.
        source: Arc<object_store::Error>,
    },
    /// A file that was overwritten or removed after it was listed.
    #[error("`{path}` changed while it was read; run the statement again")]
    Changed {
        /// The file.
        path: String,
    },
    /// A folder whose name is not `column=value` of the column that is due there.
    #[error(
        "folder `{path}` should be named `{column}=<{data_type}>`; rename it, move it away, or begin its name with `_` to hide it"
    )]
    Folder {
        /// The folder.
        path: String,
        /// The partition column.
        column: String,
        /// Its type in words.
        data_type: String,
    },
    /// A file where only partition folders may be.
    #[error(
        "file `{path}` lies outside the `{column}=…` folders; move it into one, or begin its name with `_` to hide it"
    )]
    Stray {
        /// The file.
        path: String,
        /// The partition column whose folder is due there.
        column: String,
    },
    /// A folder with more files than one listing may have.
    #[error("`{path}` has more than {limit} files; merge small files, or partition the table")]
    Crowded {
        /// The folder.
        path: String,
        /// Most files.
        limit: usize,
    },
    /// A file that is not what its table says: cut off, overwritten by something else, never Parquet.
    #[error("`{path}` cannot be read: {reason}")]
    Corrupt {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two files whose columns of one name cannot be one column.
    #[error(
        "column `{column}` is {first_type} in `{first}` but {second_type} in `{second}`; declare its type under `columns`, or rewrite one of the files"
    )]
    Conflict {
        /// The column, as written in the second file; children after a dot.
        column: String,
        /// A file.
        first: String,
        /// The column's type there.
        first_type: String,
        /// The other file.
        second: String,
        /// The column's type there.
        second_type: String,
    },
    /// A file whose column does not fit the table's.
    #[error("column `{column}` is {file_type} in `{path}`, which does not fit the table's {table_type}")]
    Mismatch {
        /// The column, as written in the file; children after a dot.
        column: String,
        /// The file.
        path: String,
        /// The column's type in the file.
        file_type: String,
        /// The column's type in the table.
        table_type: String,
    },
}

/// Waits for all of some futures, at most `limit` of them at work at once; the results are in their order.
/// The first error ends it. Cancel-safe as far as the futures are.
pub async fn concurrently<T, E>(
    futures: impl IntoIterator<Item = impl Future<Output = Result<T, E>>>,
    limit: usize,
) -> Result<Vec<T>, E> {
    // Collected, because a stream over a closure that borrows is not general enough for `Send` futures.
    let futures: Vec<_> = futures.into_iter().collect();
    stream::iter(futures).buffered(limit).try_collect().await
}

/// Whether an error means that files changed between listing and reading: the statement may be run
/// again on a new listing when none of its rows has been sent.
pub fn changed(error: &DataFusionError) -> bool {
    find(error).is_some_and(|error| matches!(error, Error::Changed { .. }))
}

/// The lake's own error within what DataFusion, Arrow, Parquet and the stores wrapped around it.
pub fn find(error: &DataFusionError) -> Option<&Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // An `Arc` or a `Box` of an error hides what is inside from `downcast_ref`.
        next = match error.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Collection(errors)) => return errors.iter().find_map(find),
            Some(DataFusionError::Context(_, inner)) => Some(inner.as_ref()),
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            _ => error.source(),
        };
    }
    None
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<Error> for object_store::Error {
    fn from(error: Error) -> Self {
        Self::Generic { store: "lake", source: Box::new(error) }
    }
}

/// The innermost cause of a store's error in one line of bounded length.
fn reason(error: &object_store::Error) -> String {
    const LENGTH_MAX: usize = 300;
    let text = match error {
        object_store::Error::NotFound { .. } => "it does not exist".to_owned(),
        object_store::Error::PermissionDenied { .. } => "permission denied".to_owned(),
        object_store::Error::Unauthenticated { .. } => "the store refused the credentials".to_owned(),
        other => {
            let mut innermost = other.source();
            while let Some(source) = innermost.and_then(std::error::Error::source) {
                innermost = Some(source);
            }
            innermost.map_or_else(|| other.to_string(), ToString::to_string)
        }
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LENGTH_MAX).collect()
}
