//! Delta tables, as they are: which files a version has. This file reads the log; `write` makes the next version,
//! and `history` goes back to old ones. It must not know what is in the data files.
//!
//! A version is its newest checkpoint and the commits after it. What the reader cannot honour - column
//! mapping, deletion vectors, unknown features - is refused by name, because ignoring it gives wrong rows.
//!
//! ```text
//! _last_checkpoint ─→ checkpoint v ─→ commit v+1 ─→ … ─→ commit n   =  snapshot n
//!  (only a hint)                                     a known snapshot begins here
//! ```

pub mod action;
mod checkpoint;
mod log;
pub mod schema;

pub mod history;
pub mod stats;
pub mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;
use object_store::path::Path;

use self::action::{Action, Add, MetaData, Protocol};
use self::log::Log;
use super::open::{OpenFile, UNKNOWN_TIME};
use super::reader::Reader;
use super::store::Location;
use super::{Error, File, Result, values};

/// Commits that are fetched at once.
const CONCURRENCY: usize = 16;
/// Larger commits are refused.
const COMMIT_BYTES_MAX: u64 = 1 << 30;

/// One version of a table.
#[derive(Clone, Debug)]
pub struct Snapshot {
    version: u64,
    schema: SchemaRef,
    partition_columns: Vec<String>,
    files: BTreeMap<String, Arc<DataFile>>,
    /// The newest commit as it was listed: another one in its place is another table.
    commit: Option<ObjectMeta>,
    protocol: Protocol,
    metadata: MetaData,
}

/// A data file of a version.
#[derive(Clone, Debug)]
pub struct DataFile {
    /// Delta never writes a name twice, and the log's time of change need not be the store's: the file is
    /// known by name and size.
    pub file: File,
    /// When it was written, as the log says.
    pub modified: DateTime<Utc>,
    /// Its values of the partition columns, in their order.
    pub values: Vec<ScalarValue>,
    /// Its rows, where the log tells.
    pub rows: Option<u64>,
    /// What its writer noted in the log.
    pub tags: BTreeMap<String, String>,
}

/// Reads the newest version of the table at `location`; when `known` still is, `known`. Only commits
/// after `known` are read.
pub async fn load(
    reader: &Arc<Reader>,
    location: &Location,
    known: Option<&Arc<Snapshot>>,
) -> Result<Arc<Snapshot>> {
    let found = load_if_any(reader, location, known).await?;
    found.ok_or_else(|| corrupt(location, "it is no Delta table: `_delta_log` has no versions".into()))
}

/// As [`load`]; `None` when there is no log.
pub async fn load_if_any(
    reader: &Arc<Reader>,
    location: &Location,
    known: Option<&Arc<Snapshot>>,
) -> Result<Option<Arc<Snapshot>>> {
    let log = Log::new(location);
    if let Some(known) = known
        && let Some(commit) = &known.commit
    {
        let listing = log.list(Some(known.version)).await?;
        if listing.commits.get(&known.version) == Some(commit) {
            let newer = listing.commits_after(Some(known.version));
            match newer {
                // Commits between may be gone, with a checkpoint in their place.
                Err(_) => {}
                Ok(newer) if newer.is_empty() => return Ok(Some(Arc::clone(known))),
                Ok(newer) => {
                    let state = State::of(known).apply(location, newer).await?;
                    return state.snapshot(location).map(|snapshot| Some(Arc::new(snapshot)));
                }
            }
        }
    }

    match state_at(reader, location, None).await? {
        None => Ok(None),
        Some(state) => state.snapshot(location).map(|snapshot| Some(Arc::new(snapshot))),
    }
}

/// What the log says up to a version, or up to its end; `None` when there is no log.
async fn state_at(reader: &Arc<Reader>, location: &Location, until: Option<u64>) -> Result<Option<State>> {
    let log = Log::new(location);
    // The hint is of the newest checkpoint, which is of no use for a version before.
    let hint = if until.is_none() { log.checkpoint_hint().await? } else { None };
    let mut listing = log.list(hint).await?;
    if hint.is_some() && listing.checkpoints.is_empty() {
        listing = log.list(None).await?;
    }
    let checkpoint = listing.newest_checkpoint(until);
    let base = checkpoint.map(|(version, _)| version);
    if until.is_some() && base.is_none() && !listing.commits.contains_key(&0) {
        // The log begins later.
        return Ok(None);
    }
    let mut commits = listing.commits_after(base).map_err(|reason| corrupt(location, reason))?;
    commits.retain(|(version, _)| until.is_none_or(|until| *version <= until));
    let mut state = State::default();
    if let Some((version, parts)) = checkpoint {
        state.version = Some(version);
        state.commit = listing.commits.get(&version).cloned();
        for part in parts {
            checkpoint::read(reader, location, part, |action| state.take(action)).await?;
        }
    }
    if base.is_none() && commits.is_empty() {
        return Ok(None);
    }
    state.apply(location, commits).await.map(Some)
}

impl Snapshot {
    /// What a table of some files alone would be. It has no version.
    pub fn of_files(
        location: &Location,
        schema: SchemaRef,
        partition_columns: Vec<String>,
        added: &[Add],
    ) -> Result<Self> {
        let refused = |reason| corrupt(location, reason);
        let schema_string = schema::write(&schema).map_err(refused)?;
        let metadata = MetaData { schema_string, partition_columns, ..MetaData::default() };
        let protocol = Protocol { min_reader_version: 1, ..Protocol::default() };
        let added = added.iter().map(|file| (file.path.clone(), file.clone())).collect();
        let (protocol, metadata) = (Some(protocol), Some(metadata));
        State { version: Some(0), protocol, metadata, added, ..State::default() }.snapshot(location)
    }

    /// The number of the version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All columns in the table's order, those of the partitions among them, named as written.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The partition columns, as written in the schema.
    pub fn partition_columns(&self) -> &[String] {
        &self.partition_columns
    }

    /// The columns as the log has them.
    pub fn schema_string(&self) -> &str {
        &self.metadata.schema_string
    }

    /// The data files, in the order of their paths.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &Arc<DataFile>> {
        self.files.values()
    }

    /// The data files with the names that the log knows them by.
    pub fn named_files(&self) -> impl ExactSizeIterator<Item = (&str, &Arc<DataFile>)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }
}

/// What the actions say so far.
#[derive(Default)]
struct State {
    version: Option<u64>,
    commit: Option<ObjectMeta>,
    protocol: Option<Protocol>,
    metadata: Option<MetaData>,
    /// Files of the snapshot that this one goes on from.
    known: BTreeMap<String, Arc<DataFile>>,
    /// Files that actions have added since.
    added: BTreeMap<String, Add>,
}

impl State {
    fn of(known: &Snapshot) -> Self {
        Self {
            version: Some(known.version),
            commit: known.commit.clone(),
            protocol: Some(known.protocol.clone()),
            metadata: Some(known.metadata.clone()),
            known: known.files.clone(),
            added: BTreeMap::new(),
        }
    }

    /// Applies commits in their order.
    async fn apply(mut self, location: &Location, commits: Vec<(u64, ObjectMeta)>) -> Result<Self> {
        let fetch = async |(version, meta): (u64, ObjectMeta)| {
            let path = location.show(&meta.location);
            if meta.size > COMMIT_BYTES_MAX {
                let reason = format!("{} bytes are too many for a commit", meta.size);
                return Err(Error::Corrupt { path, reason });
            }
            let bytes = OpenFile::fetch(location, &meta).await?;
            let actions = Action::parse_lines(&bytes);
            Ok((version, meta, actions.map_err(|reason| Error::Corrupt { path, reason })?))
        };
        let mut fetched = stream::iter(commits).map(fetch).buffered(CONCURRENCY);
        while let Some((version, meta, actions)) = fetched.try_next().await? {
            actions.into_iter().for_each(|action| self.take(action));
            self.version = Some(version);
            self.commit = Some(meta);
        }
        Ok(self)
    }

    fn take(&mut self, action: Action) {
        let Action { protocol, meta_data, remove, add } = action;
        if let Some(remove) = remove {
            self.known.remove(&remove.path);
            self.added.remove(&remove.path);
        }
        if let Some(add) = add {
            self.known.remove(&add.path);
            self.added.insert(add.path.clone(), add);
        }
        self.metadata = meta_data.or(self.metadata.take());
        self.protocol = protocol.or(self.protocol.take());
    }

    fn snapshot(self, location: &Location) -> Result<Snapshot> {
        let missing = |what: &str| corrupt(location, format!("its log does not tell its {what}"));
        let version = self.version.ok_or_else(|| missing("version"))?;
        let protocol = self.protocol.ok_or_else(|| missing("protocol"))?;
        let metadata = self.metadata.ok_or_else(|| missing("columns"))?;
        let refused = |reason| corrupt(location, reason);
        protocol.check().map_err(refused)?;
        metadata.check().map_err(refused)?;

        let schema = Arc::new(schema::parse(&metadata.schema_string).map_err(refused)?);
        let mut partition_types = vec![];
        for column in &metadata.partition_columns {
            let field = schema
                .field_with_name(column)
                .map_err(|_| refused(format!("its partition column `{column}` is not one of its columns")))?;
            partition_types.push((column.as_str(), field.data_type()));
        }
        let mut files = self.known;
        for (path, add) in self.added {
            let file = data_file(location, add, &partition_types).map_err(refused)?;
            files.insert(path, Arc::new(file));
        }
        let partition_columns = metadata.partition_columns.clone();
        Ok(Snapshot { version, schema, partition_columns, files, commit: self.commit, protocol, metadata })
    }
}

fn data_file(
    location: &Location,
    add: Add,
    partition_types: &[(&str, &DataType)],
) -> Result<DataFile, String> {
    if add.deletion_vector.is_some() {
        return Err(format!(
            "the rows of its file `{}` are deleted in part by a deletion vector, which is not supported; rewrite \
             the table without the feature `deletionVectors`",
            add.path
        ));
    }
    let values = partition_types.iter().map(|(column, data_type)| {
        let text = add.partition_values.get(*column).and_then(Option::as_deref);
        partition_value(text, data_type).ok_or_else(|| {
            let text = text.unwrap_or_default();
            format!("`{column}={text}` of its file `{}` is no {}", add.path, values::type_name(data_type))
        })
    });
    let values = values.collect::<Result<_, _>>()?;
    let path = data_path(location, &add.path)?;
    let size = u64::try_from(add.size).map_err(|_| format!("its file `{}` has a negative size", add.path))?;
    let modified = DateTime::from_timestamp_millis(add.modification_time).unwrap_or_default();
    let file = File { path, size, modified: UNKNOWN_TIME, e_tag: None };
    let rows = add.rows();
    let tags = add.tags.into_iter().flatten().filter_map(|(tag, value)| Some((tag, value?))).collect();
    Ok(DataFile { file, modified, values, rows, tags })
}

/// Paths are relative to the table and encoded as in URLs.
fn data_path(location: &Location, path: &str) -> Result<Path, String> {
    if path.contains("://") || path.starts_with('/') {
        return Err(format!("its file `{path}` lies outside of the table, which is not supported"));
    }
    let relative =
        Path::from_url_path(path).map_err(|error| format!("its file has no usable name: {error}"))?;
    Ok(location.prefix.parts().chain(relative.parts()).collect())
}

/// A partition value; empty and missing ones are NULL.
fn partition_value(text: Option<&str>, data_type: &DataType) -> Option<ScalarValue> {
    let mut column = values::collector(data_type)?;
    match text.filter(|text| !text.is_empty()) {
        None => column.push_null(),
        Some(text) => {
            if !column.push(text.as_bytes()) {
                return None;
            }
        }
    }
    ScalarValue::try_from_array(&column.finish(), 0).ok()
}

fn corrupt(location: &Location, reason: String) -> Error {
    Error::Corrupt { path: location.to_string(), reason }
}
