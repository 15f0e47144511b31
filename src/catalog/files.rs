//! Where the files of a table come from, and one consistent set of them. It must not know columns beyond
//! the partition columns.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::error::Result;
use datafusion::scalar::ScalarValue;
use moka::future::Cache;

use super::prune::Prune;
use crate::lake::delta::Snapshot;
use crate::lake::index::{Index, Pin};
use crate::lake::reader::Reader;
use crate::lake::store::Location;
use crate::lake::{self, File, delta};

/// Days that are listed together when the first ones may do.
const DAYS_AT_ONCE: usize = 4;

/// Where the files come from.
#[derive(Debug)]
pub enum Source {
    /// All that lie in the folders of a place.
    Folders(Arc<Index>),
    /// Those that the log of a Delta table names.
    Delta(Box<DeltaLog>),
}

/// One consistent set of files.
#[derive(Debug)]
pub enum Files {
    /// What the listings of folders gave.
    Folders(Pin),
    /// One version of a Delta table.
    Delta(Location, Arc<Snapshot>),
}

/// The versions of a Delta table.
#[derive(Debug)]
pub struct DeltaLog {
    location: Location,
    reader: Arc<Reader>,
    /// The version as it was read at most one listing interval ago.
    fresh: Cache<(), Arc<Snapshot>>,
    /// The last version that was read: a newer one begins there.
    known: Mutex<Option<Arc<Snapshot>>>,
}

impl Source {
    /// The files as they are now, or were at most `listing_interval` ago.
    pub async fn pin(&self) -> lake::Result<Files> {
        match self {
            Self::Folders(index) => Ok(Files::Folders(index.pin())),
            Self::Delta(log) => Ok(Files::Delta(log.location.clone(), log.snapshot().await?)),
        }
    }

    /// Forgets what was listed.
    pub fn refresh(&self) {
        match self {
            Self::Folders(index) => index.refresh(),
            Self::Delta(log) => log.fresh.invalidate_all(),
        }
    }
}

impl DeltaLog {
    /// The log of the table at `location`. Reads nothing yet.
    pub fn new(location: Location, reader: Arc<Reader>, interval: Duration) -> Self {
        let fresh = Cache::builder().max_capacity(1).time_to_live(interval).build();
        Self { location, reader, fresh, known: Mutex::default() }
    }

    async fn snapshot(&self) -> lake::Result<Arc<Snapshot>> {
        let load = async {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let snapshot = delta::load(&self.reader, &self.location, known.as_ref()).await?;
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&snapshot));
            Ok(snapshot)
        };
        self.fresh.try_get_with((), load).await.map_err(Arc::unwrap_or_clone)
    }
}

impl Files {
    /// Where the files are.
    pub fn location(&self) -> &Location {
        match self {
            Self::Folders(pin) => pin.location(),
            Self::Delta(location, _) => location,
        }
    }

    /// The files that a query may need, with the values of the partition columns.
    pub async fn select(&self, prune: &Prune) -> Result<Vec<(File, Vec<ScalarValue>)>> {
        match self {
            Self::Folders(pin) => {
                let selected = pin.select(&|folders: &[&[ScalarValue]]| prune.keep(folders)).await?;
                Ok(selected.iter().flat_map(|day| day.iter()).map(owned).collect())
            }
            Self::Delta(_, snapshot) => {
                let values: Vec<&[ScalarValue]> =
                    snapshot.files().map(|file| file.values.as_slice()).collect();
                let kept = snapshot.files().zip(prune.keep(&values)?).filter(|(_, kept)| *kept);
                Ok(kept.map(|(file, _)| (file.file.clone(), file.values.clone())).collect())
            }
        }
    }

    /// Some of the files that [`Self::select`] gives, the first ones: whole days, until there are `count` files
    /// or no more. No other day is listed.
    pub async fn select_first(&self, prune: &Prune, count: usize) -> Result<Vec<(File, Vec<ScalarValue>)>> {
        let Self::Folders(pin) = self else { return self.select(prune).await };
        let keep = |folders: &[&[ScalarValue]]| prune.keep(folders);
        let mut files = vec![];
        for days in pin.units(&keep).await?.chunks(DAYS_AT_ONCE) {
            let selected = pin.select_in(days, &keep).await?;
            files.extend(selected.iter().flat_map(|day| day.iter()).map(owned));
            if files.len() >= count {
                break;
            }
        }
        Ok(files)
    }
}

fn owned((file, values): (File, &[ScalarValue])) -> (File, Vec<ScalarValue>) {
    (file, values.to_vec())
}
