//! What the tables are: `catalog/<database>/<table>.yaml` as DataFusion tables.
//!
//! It knows tables and their columns, not bytes (that is `lake`), and no SQL (that is `engine`).

mod load;
mod table;

pub mod days;
pub mod definition;
pub mod types;

mod chosen;
mod files;
mod layout;
mod provider;
pub mod prune;
mod statistics;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::config::Config;
use crate::lake;
use crate::lake::reader::Reader;
use crate::lake::store::Location;

pub use chosen::Chosen;
pub use provider::Pinned;
pub use table::Table;

/// The tables of the server. Readers take a [`Snapshot`]; a reload swaps it whole.
#[derive(Debug)]
pub struct Catalog {
    shared: Arc<table::Shared>,
    /// Where the table files are.
    location: Location,
    snapshot: RwLock<Arc<Snapshot>>,
}

impl Catalog {
    /// Reads every table file below `config.catalog`. A bad table file is kept as a table that
    /// answers with its error; only a catalog that cannot be listed at all is an error here.
    pub async fn open(config: &Config) -> Result<Arc<Self>, Error> {
        Self::open_with(config, lake::store::Stores::new(config)).await
    }

    /// As [`Self::open`], with stores that may be counted, slowed or in memory.
    pub async fn open_with(config: &Config, stores: lake::store::Stores) -> Result<Arc<Self>, Error> {
        let location = stores.open(&config.catalog, ".")?;
        let shared = Arc::new(table::Shared::new(config, stores));
        let snapshot = load::load(&location, &shared, &Snapshot::default()).await?;
        Ok(Arc::new(Self { shared, location, snapshot: RwLock::new(Arc::new(snapshot)) }))
    }

    /// The databases as of the last (re)load.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the table files that changed and swaps the snapshot. Tables whose files say the same stay as they
    /// are, with what is known of them.
    pub async fn reload(&self) -> Result<(), Error> {
        let loaded = load::load(&self.location, &self.shared, &self.snapshot()).await?;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
        Ok(())
    }

    /// The stores of all tables, for a runtime that finds stores by URL.
    pub fn object_stores(&self) -> Vec<(ObjectStoreUrl, Arc<dyn ObjectStore>)> {
        self.shared.stores.all()
    }

    /// A place that is no table: a path or a URL in the stores of the tables. Sends no request.
    pub fn location(&self, location: &str) -> lake::Result<Location> {
        self.shared.stores.open(location, ".")
    }

    /// How files are read.
    pub fn reader(&self) -> &Arc<Reader> {
        &self.shared.reader
    }

    /// Bytes that the listings of all tables take in memory.
    pub async fn listing_bytes(&self) -> u64 {
        self.shared.listings.memory_size().await
    }

    /// What is wrong with table files, as of the last (re)load: the file, and why it cannot be used.
    pub fn problems(&self) -> Vec<Error> {
        self.snapshot().problems.clone()
    }
}

/// The databases at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// By lower-cased name.
    pub databases: BTreeMap<String, Database>,
    /// Why some table files cannot be used.
    problems: Vec<Error>,
    /// The table files as they were listed, by their places.
    files: BTreeMap<Path, ObjectMeta>,
}

/// One database: a folder of the catalog.
#[derive(Debug)]
pub struct Database {
    /// As written.
    pub name: String,
    /// By lower-cased name.
    pub tables: BTreeMap<String, Arc<Table>>,
}

/// Which table or view: its database and its name, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId {
    /// In lower case.
    pub database: String,
    /// In lower case.
    pub name: String,
}

impl TableId {
    /// The id of names in any case.
    pub fn new(database: &str, name: &str) -> Self {
        Self { database: database.to_lowercase(), name: name.to_lowercase() }
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.database, self.name)
    }
}

/// A column as clients see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As written in the files or the table file.
    pub name: String,
    /// Nested types stay nested here.
    pub data_type: DataType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// What people should know of it; empty when there is none.
    pub comment: String,
    /// Whether its value comes from the folder's name.
    pub is_partition: bool,
}

/// Why a table cannot be used. Every text is one line that names the thing and reaches clients.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A table file that says something that cannot be.
    #[error("{file}: {message}")]
    Definition {
        /// The table file.
        file: String,
        /// The field, what is wrong with it, and the line.
        message: String,
    },
    /// Two table files of one name.
    #[error("{file} and {other} are tables of one name; rename one of them")]
    Twice {
        /// A table file.
        file: String,
        /// The other.
        other: String,
    },
    /// A table file that is not in the folder of a database.
    #[error("{file} is not in the folder of a database; move it to `<database>/<table>.yaml`")]
    Misplaced {
        /// The table file.
        file: String,
    },
    /// A table without columns: nothing is declared and there is no file to tell them.
    #[error("`{location}` has no files that tell the columns of {table}; declare them under `columns`")]
    Unknown {
        /// The table, with its database.
        table: String,
        /// Where its files should be.
        location: String,
    },
    /// The files cannot be used.
    #[error(transparent)]
    Lake(#[from] lake::Error),
}

impl Error {
    /// The lake's own error within what DataFusion, Arrow, Parquet and the stores wrapped around it.
    pub fn find(error: &DataFusionError) -> Option<Self> {
        lake::find(error).cloned().map(Self::Lake)
    }

    /// Whether files changed between listing and reading: with a new listing it may go well.
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Lake(lake::Error::Changed { .. }))
    }
}
