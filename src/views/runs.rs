//! What was refreshed, when, and how it ended: the rows of `task_runs`. It must not know how refreshing works.
//!
//! Each run is a small file in the warehouse, in a folder of its day, so that servers do not get in each other's way
//! and old days go away whole. The newest runs are at hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::lake::store::Location;
use crate::lake::{self, Result, durable};

/// How long runs are kept.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Runs that are at hand, and shown.
const RUNS_MAX: usize = 10_000;
/// Files of runs that are read at once.
const CONCURRENCY: usize = 16;

/// One refresh of some units of a view.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Run {
    /// Its name, unlike any other's.
    pub id: String,
    /// The view's database.
    pub database: String,
    /// The view.
    pub view: String,
    /// Why it ran: `change`, `schedule`, `manual`.
    pub trigger: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// How it ended.
    pub state: State,
    /// Its units, as `2026-09-01` or `whole`.
    pub units: Vec<String>,
    /// Rows that were computed.
    pub rows: u64,
    /// Bytes of the files that were written.
    pub bytes: u64,
    /// Rows and bytes of each of its units that was computed.
    #[serde(default)]
    pub written: BTreeMap<String, (u64, u64)>,
    /// Most memory that its query had at once.
    pub peak_memory: u64,
    /// Why it failed; empty when it did not.
    pub error: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// All its units are published.
    Success,
    /// Some are not.
    Failed,
    /// It was told to stop.
    Cancelled,
}

/// The runs of a warehouse.
#[derive(Debug)]
pub struct Runs {
    warehouse: Location,
    /// In the order of their ends, about; those of other servers as of the last [`Self::read_new`].
    recent: Mutex<VecDeque<Arc<Run>>>,
    /// Files that were read, so that none is read twice.
    read: tokio::sync::Mutex<BTreeSet<Path>>,
}

impl Runs {
    /// The runs in a warehouse. Reads nothing yet.
    pub fn new(warehouse: &Location) -> Self {
        let (recent, read) = Default::default();
        Self { warehouse: warehouse.clone(), recent, read }
    }

    /// The newest runs, oldest first.
    pub fn recent(&self) -> Vec<Arc<Run>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Arc::clone).collect()
    }

    /// Keeps a run. It is at hand even when it cannot be written.
    pub async fn record(&self, run: Run) -> Result<()> {
        let path = self.folder(run.finished_at.date_naive()).join(format!("{}.json", run.id));
        let bytes = serde_json::to_vec(&run).expect("texts and numbers are JSON");
        self.read.lock().await.insert(path.clone());
        self.remember(vec![run]);
        durable::replace(&self.warehouse, &path, bytes.into()).await
    }

    /// Reads the runs that other servers, or this one before it started, have kept.
    pub async fn read_new(&self) -> Result<()> {
        let mut read = self.read.lock().await;
        let mut by_day = BTreeMap::<Path, Vec<Path>>::new();
        for file in self.files().await? {
            let folders = file.parts_count().saturating_sub(1);
            by_day.entry(file.parts().take(folders).collect()).or_default().push(file);
        }
        // The newest days first, until there are enough.
        let mut wanted = vec![];
        for (_, files) in by_day.into_iter().rev() {
            if wanted.len() >= RUNS_MAX {
                break;
            }
            wanted.extend(files);
        }
        let new = wanted.iter().filter(|path| !read.contains(*path)).map(|path| async {
            let bytes = durable::read(&self.warehouse, path).await?;
            // A run that nobody can read is of no use, and of no harm.
            Ok::<_, lake::Error>(bytes.and_then(|bytes| serde_json::from_slice::<Run>(&bytes).ok()))
        });
        let new = lake::concurrently(new, CONCURRENCY).await?;
        self.remember(new.into_iter().flatten().collect());
        *read = wanted.into_iter().collect();
        Ok(())
    }

    /// Removes the files of old runs.
    pub async fn vacuum(&self, now: DateTime<Utc>) -> Result<()> {
        let oldest = self.folder((now - KEPT).date_naive());
        for path in self.files().await? {
            if path < oldest {
                durable::remove(&self.warehouse, &path).await?;
            }
        }
        Ok(())
    }

    async fn files(&self) -> Result<Vec<Path>> {
        let root = self.root();
        let files: Vec<_> = match self.warehouse.store.list(Some(&root)).try_collect().await {
            Ok(files) => files,
            Err(object_store::Error::NotFound { .. }) => vec![],
            Err(error) => return Err(durable::store_error(&self.warehouse, "list", &root, error)),
        };
        let files = files.into_iter().map(|file| file.location);
        Ok(files.filter(|path| path.as_ref().ends_with(".json")).collect())
    }

    fn remember(&self, new: Vec<Run>) {
        if new.is_empty() {
            return;
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.extend(new.into_iter().map(Arc::new));
        recent.make_contiguous().sort_by(|a, b| (a.finished_at, &a.id).cmp(&(b.finished_at, &b.id)));
        let surplus = recent.len().saturating_sub(RUNS_MAX);
        recent.drain(..surplus);
    }

    fn root(&self) -> Path {
        self.warehouse.prefix.clone().join("_lakefront").join("task_runs")
    }

    fn folder(&self, day: NaiveDate) -> Path {
        self.root().join(day.to_string())
    }
}
