//! What people have been told, kept in the warehouse: so that everything is told once, whichever server tells it, and
//! so that a message is not lost with the server that wanted to send it. It must not know what is worth telling.
//!
//! Each version is a file that only one server can have created, and the highest number counts. Whoever does not get to
//! create the next version has been overtaken by another server.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::lake::store::Location;
use crate::lake::{Result, durable};
use crate::notify::Letter;

/// Letters that wait to be sent; when there are more the oldest go.
const LETTERS_MAX: usize = 200;

/// What people have been told.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Told {
    /// Views of which a failure was told and no recovery yet, and since when they fail.
    pub failing: BTreeMap<String, DateTime<Utc>>,
    /// Until when it was looked for days of a view that are late.
    pub due_until: BTreeMap<String, DateTime<Utc>>,
    /// The time of the last summary.
    pub summary_at: Option<DateTime<Utc>>,
    /// What has not arrived yet.
    pub letters: Vec<Letter>,
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub struct ToldFile {
    warehouse: Location,
    folder: Path,
}

/// The file of a version.
#[derive(Deserialize, Serialize)]
struct Version {
    #[serde(flatten)]
    told: Told,
    /// Tells two requests apart.
    request: String,
}

impl Told {
    /// Adds a letter.
    pub fn add(&mut self, letter: Letter) {
        if self.letters.len() == LETTERS_MAX {
            warn!("too many messages wait to be sent: the oldest is dropped");
            self.letters.remove(0);
        }
        self.letters.push(letter);
    }
}

impl ToldFile {
    /// In a warehouse. Reads nothing yet.
    pub fn new(warehouse: &Location) -> Self {
        let folder = warehouse.prefix.clone().join("_lakefront").join("told");
        Self { warehouse: warehouse.clone(), folder }
    }

    /// What was told, and the version that says so; zero when nothing ever was.
    pub async fn newest(&self) -> Result<(u64, Told)> {
        let Some((number, path)) = self.versions().await?.into_iter().max() else {
            return Ok((0, Told::default()));
        };
        let bytes = durable::read(&self.warehouse, &path).await?.unwrap_or_default();
        match serde_json::from_slice::<Version>(&bytes) {
            Ok(version) => Ok((number, version.told)),
            Err(error) => {
                // To tell something twice is better than never.
                warn!(file = %self.warehouse.show(&path), %error, "what people were told cannot be read");
                Ok((number, Told::default()))
            }
        }
    }

    /// Keeps a version. False: another server was faster, and nothing is kept.
    pub async fn keep(&self, number: u64, told: &Told) -> Result<bool> {
        let version = Version { told: told.clone(), request: durable::unique() };
        let bytes = serde_json::to_vec(&version).expect("texts and times are JSON");
        if !durable::create(&self.warehouse, &self.path(number), bytes.into()).await? {
            return Ok(false);
        }
        for (old, path) in self.versions().await? {
            if old < number {
                durable::remove(&self.warehouse, &path).await?;
            }
        }
        Ok(true)
    }

    async fn versions(&self) -> Result<Vec<(u64, Path)>> {
        let files: Vec<_> = match self.warehouse.store.list(Some(&self.folder)).try_collect().await {
            Ok(files) => files,
            Err(object_store::Error::NotFound { .. }) => vec![],
            Err(error) => return Err(durable::store_error(&self.warehouse, "list", &self.folder, error)),
        };
        let numbered = files.into_iter().filter_map(|file| {
            let number = file.location.filename()?.strip_suffix(".json")?.parse().ok()?;
            Some((number, file.location))
        });
        Ok(numbered.collect())
    }

    fn path(&self, number: u64) -> Path {
        self.folder.clone().join(format!("{number:020}.json"))
    }
}
