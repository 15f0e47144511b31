//! Tables of views that are not there any more: noticed, kept for a while, and removed. It must not know how views are
//! dropped: a file that somebody deletes drops a view, too.
//!
//! ```text
//! there ── no view of its name ──→ noticed ── time is over ──→ being removed ──→ gone
//!   ↑                                 │ the view is back, or somebody publishes
//!   └─────────────────────────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::published::Warehouse;
use crate::catalog::TableId;
use crate::lake::{Result, durable};

/// The shortest time that a table is kept: nobody should lose it to a directory that was not mounted for a moment.
const KEPT_MIN: TimeDelta = TimeDelta::days(1);

/// What is noted of a table whose view is not there.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Note {
    /// When that was noticed.
    since: DateTime<Utc>,
    /// When its removal began: what is newer is not of this table.
    removing: Option<DateTime<Utc>>,
}

impl Warehouse {
    /// Removes the tables of views that have not been there for `kept`, and notices those that are not there now. The
    /// tables that were removed. It may be stopped anywhere, and run again.
    pub async fn sweep(
        &self,
        there: &BTreeSet<TableId>,
        kept: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Vec<TableId>> {
        let mut notes = self.notes().await?;
        let mut removed = vec![];
        for id in there {
            // One whose removal has begun is removed first, up to what is newer.
            if notes.get(id).is_some_and(|note| note.removing.is_none()) {
                durable::remove(self.root(), &self.note(id)).await?;
                notes.remove(id);
            }
        }
        for id in self.tables().await? {
            if !there.contains(&id) {
                self.forget(&id);
                notes.entry(id).or_insert(Note { since: now, removing: None });
            }
        }
        for (id, mut note) in notes {
            if note.removing.is_none() {
                let files = self.files_of(&self.folder(&id)).await?;
                // Another server has this view: it must not be the same warehouse, but it is.
                let newest = files.iter().map(|file| file.last_modified).max();
                if let Some(published) = newest.filter(|newest| *newest > note.since) {
                    warn!(view = %id, "a table without a view is written to: servers that share a warehouse share views");
                    note.since = published;
                }
                if now - note.since >= kept.max(KEPT_MIN) {
                    note.removing = Some(now);
                }
                let bytes = serde_json::to_vec(&note).expect("times are JSON");
                durable::replace(self.root(), &self.note(&id), bytes.into()).await?;
            }
            if let Some(begun) = note.removing {
                self.remove(&id, begun).await?;
                info!(view = %id, "removed the table of a view that is not there any more");
                removed.push(id);
            }
        }
        Ok(removed)
    }

    /// Removes what a view has published, and what is noted of it; what is newer stays.
    async fn remove(&self, id: &TableId, begun: DateTime<Utc>) -> Result<()> {
        let table = self.folder(id);
        let of_view = format!("{}.{}", id.database, id.name);
        let internal = self.root().prefix.clone().join("_lakefront");
        let mut files = self.files_of(&table).await?;
        // The log goes first: without it there is no table.
        let log = table.clone().join("_delta_log");
        files.sort_by_key(|file| !file.location.prefix_matches(&log));
        files.extend(self.files_of(&internal.clone().join("leases").join(of_view.as_str())).await?);
        for file in files.iter().filter(|file| file.last_modified <= begun) {
            durable::remove(self.root(), &file.location).await?;
        }
        durable::remove_empty_folders(self.root(), &table).await?;
        durable::remove(self.root(), &internal.join("failures").join(format!("{of_view}.json"))).await?;
        durable::remove(self.root(), &self.note(id)).await
    }

    /// The tables that there are, by the views that they are of.
    async fn tables(&self) -> Result<Vec<TableId>> {
        let mut tables = vec![];
        for database in self.folders_in(&self.root().prefix).await? {
            for table in self.folders_in(&database).await? {
                if !self.files_of(&table.clone().join("_delta_log")).await?.is_empty() {
                    tables.push(TableId::new(name(&database), name(&table)));
                }
            }
        }
        Ok(tables)
    }

    /// What is noted, by view.
    async fn notes(&self) -> Result<BTreeMap<TableId, Note>> {
        let mut notes = BTreeMap::new();
        for file in self.files_of(&self.notes_folder()).await? {
            let of_view = file.location.filename().and_then(|name| name.strip_suffix(".json"));
            let Some((database, view)) = of_view.and_then(|of_view| of_view.split_once('.')) else {
                continue;
            };
            let bytes = durable::read(self.root(), &file.location).await?.unwrap_or_default();
            // A note that nobody can read is made anew, and the table is kept longer.
            if let Ok(note) = serde_json::from_slice(&bytes) {
                notes.insert(TableId::new(database, view), note);
            }
        }
        Ok(notes)
    }

    /// Folders that may be databases or views.
    async fn folders_in(&self, folder: &Path) -> Result<Vec<Path>> {
        let mut folders = match self.root().store.list_with_delimiter(Some(folder)).await {
            Ok(listed) => listed.common_prefixes,
            Err(object_store::Error::NotFound { .. }) => vec![],
            Err(error) => return Err(durable::store_error(self.root(), "list", folder, error)),
        };
        folders.retain(|folder| !name(folder).starts_with(['_', '.']));
        Ok(folders)
    }

    async fn files_of(&self, folder: &Path) -> Result<Vec<ObjectMeta>> {
        match self.root().store.list(Some(folder)).try_collect().await {
            Ok(files) => Ok(files),
            Err(object_store::Error::NotFound { .. }) => Ok(vec![]),
            Err(error) => Err(durable::store_error(self.root(), "list", folder, error)),
        }
    }

    fn folder(&self, id: &TableId) -> Path {
        self.root().prefix.clone().join(id.database.as_str()).join(id.name.as_str())
    }

    fn notes_folder(&self) -> Path {
        self.root().prefix.clone().join("_lakefront").join("dropped")
    }

    fn note(&self, id: &TableId) -> Path {
        self.notes_folder().join(format!("{}.{}.json", id.database, id.name))
    }
}

fn name(folder: &Path) -> &str {
    folder.filename().unwrap_or_default()
}
