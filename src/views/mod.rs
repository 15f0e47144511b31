//! What the views are, which of their days are published, and how a query is answered from them.
//!
//! It knows tables and published files; no SQL text is read here (the engine does that), and nothing is
//! computed or published (that is `refresh`).

pub mod definition;
pub mod files;
pub mod published;

pub mod publish;

pub mod state;

pub mod calendar;
pub mod days;
mod dropped;
pub mod failures;
pub mod lineage;
pub mod notes;
pub mod provider;
pub mod runs;
pub mod served;
pub mod units;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::error::DataFusionError;

use self::definition::Definition;
use self::files::{Files, Parse};
use self::notes::Holds;
use self::published::{Unit, Warehouse};
use crate::catalog::{Catalog, TableId};
use crate::config::Config;
use crate::lake;

pub use crate::lake::first_128_bits;

/// The views of the server. Readers take a [`Snapshot`]; a reload swaps it whole.
#[derive(Debug)]
pub struct Views {
    /// Where published units are.
    pub warehouse: Arc<Warehouse>,
    /// Units that fail a CHECK.
    pub holds: Holds,
    snapshot: RwLock<Arc<Snapshot>>,
    files: Files,
}

/// The views at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// By database and name.
    pub views: BTreeMap<TableId, Arc<View>>,
}

impl Snapshot {
    /// The view of a name, in any case.
    pub fn find(&self, database: &str, name: &str) -> Option<&Arc<View>> {
        self.views.get(&TableId::new(database, name))
    }

    /// A database that has views, as it is written, found in any case.
    pub fn database(&self, name: &str) -> Option<&str> {
        let (_, first) = self.views.range(TableId::new(name, "")..).next()?;
        (first.id.database == name.to_lowercase()).then(|| first.database())
    }
}

impl View {
    /// Its database as it is written, where that is known.
    pub fn database(&self) -> &str {
        self.definition.as_ref().map_or(&self.id.database, |definition| &definition.database)
    }

    /// Its name as it is written, where that is known.
    pub fn name(&self) -> &str {
        self.definition.as_ref().map_or(&self.id.name, |definition| &definition.name)
    }

    /// Whether it is a materialized one; None when its file does not tell.
    pub fn is_materialized(&self) -> Option<bool> {
        self.definition.as_ref().ok().map(|definition| definition.materialized.is_some())
    }
}

/// One view.
#[derive(Debug)]
pub struct View {
    /// Which view it is.
    pub id: TableId,
    /// The view file.
    pub file: String,
    /// What it says, or what is wrong with it: then that is the answer to every question.
    pub definition: Result<Arc<Definition>, Error>,
}

impl Views {
    /// Reads all files below `config.views`. A bad file is kept as a view that answers with its error; only what
    /// cannot be listed at all is an error here.
    pub async fn open(
        config: &Config,
        catalog: Arc<Catalog>,
        warehouse: Arc<Warehouse>,
        parser: Arc<dyn Parse>,
    ) -> Result<Arc<Self>, Error> {
        let files = Files::new(config, catalog, parser)?;
        let views = Self { warehouse, holds: Holds::default(), snapshot: RwLock::default(), files };
        views.reload().await?;
        Ok(Arc::new(views))
    }

    /// Reads the files that changed. When no view became another one, the snapshot stays as it is.
    pub async fn reload(&self) -> Result<(), Error> {
        self.files.reload(|snapshot| self.replace(snapshot)).await
    }

    /// Writes a view's file. Without `replace`, a view that is there is an error. `text` is what the definition says.
    pub async fn create(&self, view: &Definition, replace: bool, text: &str) -> Result<(), Error> {
        self.files.create(view, replace, text, |snapshot| self.replace(snapshot)).await
    }

    /// Removes a view's file.
    pub async fn remove(&self, view: &View) -> Result<(), Error> {
        self.files.remove(view, |snapshot| self.replace(snapshot)).await
    }

    /// The text of a view's file, as it is now; None when it is not there any more.
    pub async fn text(&self, view: &View) -> Result<Option<String>, Error> {
        self.files.text(view).await
    }

    /// What is wrong with files, as of the last (re)load.
    pub fn problems(&self) -> Vec<String> {
        self.files.problems()
    }

    /// The views as of the last (re)load.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes other views in the place of all.
    pub fn replace(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

/// Why a view cannot be used. Every text is one line that names the thing and reaches clients.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A view file that says something that cannot be.
    #[error("{file}: {message}")]
    Definition {
        /// The view file.
        file: String,
        /// What is wrong with it, and the line.
        message: String,
    },
    /// There is such a view.
    #[error("there is a view `{view}`")]
    Exists {
        /// The view.
        view: TableId,
    },
    /// A name that no file can have on every store.
    #[error("`{0}` cannot name a view")]
    Name(String),
    /// A unit that is not fresh, of a view that is not to be answered from anything else.
    #[error("`{view}` is not up to date for {unit}: {reason}; wait for its refresh, or see WHEN STALE")]
    NotFresh {
        /// The view.
        view: TableId,
        /// The unit.
        unit: Unit,
        /// Why it is not.
        reason: String,
    },
    /// The published files cannot be used.
    #[error(transparent)]
    Lake(#[from] lake::Error),
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
