//! The next version of a Delta table: one commit, made by creating a file that nobody else has created. It must
//! not know what the table is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::super::reader::Reader;
use super::super::store::Location;
use super::super::{Result, durable};
use super::action::{Action, Add, MetaData, Protocol, Remove};
use super::log::Log;
use super::{Snapshot, checkpoint, corrupt, schema, state_at};

/// So many commits after the last one, a checkpoint is made.
const COMMITS_PER_CHECKPOINT: u64 = 10;

/// Makes a version of the table. False: somebody else has made it, of other actions.
///
/// When this fails nobody knows whether the commit is there: the files that it names must not be removed.
pub async fn commit(
    location: &Location,
    version: u64,
    operation: &str,
    actions: &[Action],
    now: DateTime<Utc>,
) -> Result<bool> {
    let info = json!({ "commitInfo": {
        "timestamp": now.timestamp_millis(),
        "operation": operation,
        "operationParameters": {},
        "engineInfo": concat!("lakefront/", env!("CARGO_PKG_VERSION")),
        // Tells this commit from any other of the same actions.
        "txnId": durable::unique(),
    } });
    let mut lines = info.to_string();
    for action in actions {
        lines.push('\n');
        lines.push_str(&serde_json::to_string(action).map_err(|error| corrupt(location, error.to_string()))?);
    }
    lines.push('\n');
    durable::create(location, &Log::new(location).commit_path(version), Bytes::from(lines)).await
}

/// What the first commit of a table says before its files.
pub fn first_actions(
    columns: &Schema,
    partition_columns: Vec<String>,
    now: DateTime<Utc>,
) -> Result<Vec<Action>, String> {
    let meta_data = MetaData {
        id: uuid(),
        schema_string: schema::write(columns)?,
        partition_columns,
        created_time: Some(now.timestamp_millis()),
        ..MetaData::default()
    };
    let protocol = protocol(columns);
    Ok(vec![
        Action { protocol: Some(protocol), ..Action::default() },
        Action { meta_data: Some(meta_data), ..Action::default() },
    ])
}

/// What a commit says when the columns of a table change.
pub fn column_actions(
    known: &Snapshot,
    columns: &Schema,
    partition_columns: Vec<String>,
) -> Result<Vec<Action>, String> {
    let schema_string = schema::write(columns)?;
    let meta_data = MetaData { schema_string, partition_columns, ..known.metadata.clone() };
    let mut actions = vec![Action { meta_data: Some(meta_data), ..Action::default() }];
    // A table that once needed more goes on to.
    let protocol = protocol(columns);
    if protocol.min_reader_version > known.protocol.min_reader_version {
        actions.insert(0, Action { protocol: Some(protocol), ..Action::default() });
    }
    Ok(actions)
}

/// Times without a zone are a feature of their own.
fn protocol(columns: &Schema) -> Protocol {
    match schema::has_times_without_zone(columns) {
        false => Protocol { min_reader_version: 1, min_writer_version: 2, ..Protocol::default() },
        true => Protocol {
            min_reader_version: 3,
            min_writer_version: 7,
            reader_features: Some(vec!["timestampNtz".to_owned()]),
            writer_features: Some(vec!["timestampNtz".to_owned()]),
        },
    }
}

/// A file is part of the table.
pub fn add(file: Add) -> Action {
    Action { add: Some(file), ..Action::default() }
}

/// A file is not part of the table any more.
pub fn remove(name: &str, now: DateTime<Utc>) -> Action {
    let deletion_timestamp = Some(now.timestamp_millis());
    let remove = Remove { path: name.to_owned(), deletion_timestamp, data_change: true };
    Action { remove: Some(remove), ..Action::default() }
}

/// The files of a version as the log has them, by their names there.
pub async fn added(reader: &Arc<Reader>, location: &Location, version: u64) -> Result<BTreeMap<String, Add>> {
    let state = state_at(reader, location, Some(version)).await?;
    match state {
        Some(state) if state.version == Some(version) => Ok(state.added),
        _ => Err(corrupt(location, format!("its log has no version {version} any more"))),
    }
}

/// Makes a checkpoint of a version when one is due.
pub async fn checkpoint_if_due(reader: &Arc<Reader>, location: &Location, version: u64) -> Result<()> {
    if version == 0 || !version.is_multiple_of(COMMITS_PER_CHECKPOINT) {
        return Ok(());
    }
    let state = state_at(reader, location, Some(version)).await?;
    let Some(state) = state.filter(|state| state.version == Some(version)) else { return Ok(()) };
    let (Some(protocol), Some(metadata)) = (state.protocol, state.metadata) else {
        return Err(corrupt(location, "its log does not tell its columns".into()));
    };
    let actions = state.added.len() + 2;
    let bytes = checkpoint::write(&protocol, &metadata, state.added.values())
        .map_err(|error| corrupt(location, format!("its checkpoint cannot be made: {error}")))?;
    let log = Log::new(location);
    durable::replace(location, &log.checkpoint_path(version), bytes.into()).await?;
    let hint = json!({ "version": version, "size": actions }).to_string();
    durable::replace(location, &log.hint_path(), hint.into()).await
}

/// A random name of a table.
fn uuid() -> String {
    let text = durable::unique();
    format!("{}-{}-4{}-a{}-{}", &text[..8], &text[8..12], &text[13..16], &text[17..20], &text[20..])
}
