//! Fetching the next small files of a scan while the one before is decoded. It must not know formats.
//!
//! DataFusion reads a group of files one after the other and asks for nothing before it needs it, so that a
//! scan of many small remote files waits for one round trip after the other. Blocked by: DataFusion 55 has
//! a single request outstanding for each partition. Remove when: it reads ahead itself.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use object_store::ObjectMeta;
use object_store::path::Path;
use tokio_util::task::AbortOnDropHandle;

use super::Result;
use super::open::OpenFile;

/// Files ahead of the one that is read, for each group: what bounds the memory.
const FILES_AHEAD: usize = 4;

/// What a scan will read, and what of it is on its way.
pub struct Ahead {
    /// The files of all groups, those of each group in their order.
    files: Vec<ObjectMeta>,
    /// Where each file is in `files`, and where its group ends.
    places: HashMap<Path, (usize, usize)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Files that were fetched ahead or by the scan: each is fetched ahead at most once.
    begun: HashSet<usize>,
    fetching: HashMap<usize, AbortOnDropHandle<Result<OpenFile>>>,
}

impl Ahead {
    /// Will read these groups of files.
    pub fn new(groups: impl IntoIterator<Item = Vec<ObjectMeta>>) -> Self {
        let mut files = vec![];
        let mut places = HashMap::new();
        for group in groups {
            let end = files.len() + group.len();
            for file in group {
                places.insert(file.location.clone(), (files.len(), end));
                files.push(file);
            }
        }
        Self { files, places, state: Mutex::default() }
    }

    /// The scan reads a file: gives it if it is on its way, and sends for the next ones of its group.
    pub async fn reach(
        &self,
        path: &Path,
        fetch: impl Fn(ObjectMeta) -> Option<AbortOnDropHandle<Result<OpenFile>>>,
    ) -> Option<Result<OpenFile>> {
        let fetching = {
            let (place, end) = *self.places.get(path)?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.begun.insert(place);
            for next in place + 1..end.min(place + 1 + FILES_AHEAD) {
                if state.begun.insert(next)
                    && let Some(fetching) = fetch(self.files[next].clone())
                {
                    state.fetching.insert(next, fetching);
                }
            }
            state.fetching.remove(&place)?
        };
        // A fetch that was stopped is made again by the scan.
        fetching.await.ok()
    }
}

impl fmt::Debug for Ahead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ahead").field("files", &self.files.len()).finish_non_exhaustive()
    }
}
