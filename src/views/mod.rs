//! What the views are, which of their days are published, and how a query is answered from them.
//!
//! It knows tables and published files; no SQL text is read here (the engine does that), and nothing is
//! computed or published (that is `refresh`).

pub mod definition;
pub mod published;

pub mod publish;

pub mod calendar;
pub mod failures;
pub mod lineage;
pub mod notes;
pub mod provider;
pub mod runs;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::error::DataFusionError;

use self::definition::Definition;
use self::notes::Holds;
use self::published::{Unit, Warehouse};
use crate::catalog::TableId;
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
}

/// The views at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// By database and name.
    pub views: BTreeMap<TableId, Arc<View>>,
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
    /// No views yet.
    pub fn new(warehouse: Arc<Warehouse>) -> Arc<Self> {
        Arc::new(Self { warehouse, holds: Holds::default(), snapshot: RwLock::default() })
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
