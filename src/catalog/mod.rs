//! What the tables are: `catalog/<database>/<table>.yaml` as DataFusion tables.
//!
//! It knows tables and their columns, not bytes (that is `lake`), and no SQL (that is `engine`).

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;

use crate::config::Config;

/// The tables of the server. Readers take a [`Snapshot`]; a reload swaps it whole.
#[derive(Debug)]
pub struct Catalog {}

impl Catalog {
    /// Reads every table file below `config.catalog`. A bad table file is kept as a table that
    /// answers with its error; only a catalog that cannot be listed at all is an error here.
    pub async fn open(_config: &Config) -> Result<Arc<Self>, Error> {
        todo!()
    }

    /// The databases as of the last (re)load.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        todo!()
    }

    /// Reads the table files again and swaps the snapshot.
    pub async fn reload(&self) -> Result<(), Error> {
        todo!()
    }
}

/// The databases at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// By lower-cased name.
    pub databases: BTreeMap<String, Database>,
}

/// One database: a folder of the catalog.
#[derive(Debug)]
pub struct Database {
    /// As written.
    pub name: String,
    /// By lower-cased name.
    pub tables: BTreeMap<String, Arc<Table>>,
}

/// One table: its definition and what is known of its files.
#[derive(Debug)]
pub struct Table {
    /// The database's name, as written.
    pub database: String,
    /// As written.
    pub name: String,
    /// What people should know of it; empty when there is none.
    pub comment: String,
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

impl Table {
    /// The columns in order: from the table file, or from the newest and oldest files (kept until they change).
    pub async fn columns(&self) -> Result<Arc<[Column]>, Error> {
        todo!()
    }

    /// The table with one consistent set of files, for one statement. Its schema has the columns of
    /// [`Self::columns`] in the same order with lower-cased names (children of structs stay as written).
    pub async fn pin(&self) -> Result<Arc<dyn TableProvider>, Error> {
        todo!()
    }

    /// Forgets listings and schema, so that the next statement sees what is there now.
    pub fn refresh(&self) {
        todo!()
    }
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {}
