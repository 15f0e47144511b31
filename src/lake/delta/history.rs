//! Old versions of a Delta table: going back to one, and letting go of what none that matters needs. It must not
//! know what the table is for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::super::open::OpenFile;
use super::super::reader::Reader;
use super::super::store::Location;
use super::super::{Error, Result, durable};
use super::action::Action;
use super::log::{Listing, Log};
use super::write::{add, remove};
use super::{corrupt, data_path, state_at};

/// What is kept of a table.
#[derive(Debug)]
pub struct Keep<'a> {
    /// Versions that were the newest at this time or later.
    pub since: DateTime<Utc>,
    /// Files that no version names, and that were written at this time or later: they may be of a commit to come.
    pub written_since: DateTime<Utc>,
    /// Files that somebody reads.
    pub held: &'a BTreeSet<Path>,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Data files.
    pub files: u64,
    /// Bytes of data files.
    pub bytes: u64,
    /// Files of the log.
    pub log_files: u64,
}

/// Removes files that no kept version needs. It may be stopped anywhere, and run again.
pub async fn vacuum(reader: &Arc<Reader>, location: &Location, keep: &Keep<'_>) -> Result<Removed> {
    let log = Log::new(location);
    let listing = log.list(None).await?;
    let Some(newest) = state_at(reader, location, None).await? else { return Ok(Removed::default()) };
    let mut needed = BTreeSet::new();
    for name in newest.added.keys() {
        needed.insert(data_path(location, name).map_err(|reason| corrupt(location, reason))?);
    }
    let removed = removed_by(location, &listing).await?;
    let kept_since = keep.since.timestamp_millis();

    let mut found = location.store.list(Some(&location.prefix));
    let mut count = Removed::default();
    let mut unneeded = vec![];
    while let Some(file) =
        found.try_next().await.map_err(|e| durable::store_error(location, "list", &location.prefix, e))?
    {
        let is_old = file.last_modified < keep.written_since;
        let is_temporary = file.location.filename().is_some_and(|name| name.ends_with(durable::TEMPORARY));
        if file.location.prefix_matches(log.folder()) {
            if is_temporary && is_old {
                count.log_files += 1;
                unneeded.push(file.location);
            }
            continue;
        }
        let kept = match removed.get(&file.location) {
            Some(at) => *at >= kept_since,
            None => !is_old,
        };
        if !kept && !needed.contains(&file.location) && !keep.held.contains(&file.location) {
            count.files += 1;
            count.bytes += file.size;
            unneeded.push(file.location);
        }
    }
    let unneeded_log = unneeded_log_files(&listing, keep.since);
    count.log_files += unneeded_log.len() as u64;
    // Data files first: a log that has forgotten a file takes it for one of a commit to come.
    for path in unneeded.iter().chain(&unneeded_log) {
        durable::remove(location, path).await?;
    }
    Ok(count)
}

/// When the log's commits removed files, in milliseconds since 1970; the last time of each.
async fn removed_by(location: &Location, listing: &Listing) -> Result<BTreeMap<Path, i64>> {
    let mut removed = BTreeMap::new();
    for meta in listing.commits.values() {
        let bytes = OpenFile::fetch(location, meta).await?;
        let path = || location.show(&meta.location);
        let actions =
            Action::parse_lines(&bytes).map_err(|reason| Error::Corrupt { path: path(), reason })?;
        for remove in actions.into_iter().filter_map(|action| action.remove) {
            let at = remove.deletion_timestamp.unwrap_or_else(|| meta.last_modified.timestamp_millis());
            let path = data_path(location, &remove.path).map_err(|reason| corrupt(location, reason))?;
            let last = removed.entry(path).or_insert(at);
            *last = at.max(*last);
        }
    }
    Ok(removed)
}

/// The log's files before the checkpoint that the oldest kept version begins with.
fn unneeded_log_files(listing: &Listing, since: DateTime<Utc>) -> Vec<Path> {
    // A version was the newest until the next one was made.
    let kept = listing.commits.iter().find(|(_, next)| next.last_modified >= since);
    let oldest = match (kept, listing.commits.last_key_value()) {
        (Some((next, _)), _) => next.saturating_sub(1),
        (None, Some((newest, _))) => *newest,
        (None, None) => return vec![],
    };
    let Some((first, _)) = listing.checkpoints.range(..=oldest).next_back() else { return vec![] };
    let commits = listing.commits.range(..first).map(|(_, commit)| &commit.location);
    let checkpoints = listing.checkpoints.range(..first).flat_map(|(_, parts)| parts);
    commits.chain(checkpoints.map(|part| &part.location)).cloned().collect()
}

/// The actions that make the next version what `version` was. Each file that comes back must still be there.
pub async fn restore(
    reader: &Arc<Reader>,
    location: &Location,
    version: u64,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<Action>)> {
    let gone = || corrupt(location, format!("its log has no version {version}, or not any more"));
    let newest = state_at(reader, location, None).await?.ok_or_else(gone)?;
    let then = state_at(reader, location, Some(version)).await?;
    let then = then.filter(|then| then.version == Some(version)).ok_or_else(gone)?;
    let newest_version = newest.version.ok_or_else(gone)?;

    let mut actions = vec![];
    if newest.metadata.as_ref().map(|is| &is.schema_string)
        != then.metadata.as_ref().map(|was| &was.schema_string)
    {
        actions.push(Action { meta_data: then.metadata, ..Action::default() });
    }
    for name in newest.added.keys().filter(|name| !then.added.contains_key(*name)) {
        actions.push(remove(name, now));
    }
    for (name, file) in then.added {
        match newest.added.get(&name) {
            Some(is) if is.tags == file.tags => {}
            Some(_) => actions.push(add(file)),
            None => {
                let path = data_path(location, &name).map_err(|reason| corrupt(location, reason))?;
                let head = location.store.head(&path).await;
                head.map_err(|error| durable::store_error(location, "read", &path, error))?;
                actions.push(add(super::action::Add { data_change: true, ..file }));
            }
        }
    }
    Ok((newest_version + 1, actions))
}
