//! SHOW, system variables and information_schema, from the catalog and the session.
//!
//! It knows what is asked of the server itself: names, columns, variables, processes. It knows no row of the lake's
//! tables, and it plans nothing: SHOW becomes a query over the tables here, which the engine plans as any other.

pub mod show;
pub mod variables;

pub mod create_table;
mod definitions;
mod keywords;
mod objects;
mod provider;
mod rows;
mod server;
mod work;

pub mod absent;
mod character_sets;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::TableProvider;

use async_trait::async_trait;

use super::dialect::statement::TableName;
use super::error::{Error, Result};
use super::functions::Warnings;
use super::nearest::Hint;
use super::processes;
use super::session::Encryption;
use super::temporary::TemporaryTables;
use super::types::MysqlType;
use super::views::handle::Refreshes;
use crate::views::View;
use crate::views::runs::Run;
use crate::{catalog, views};
use provider::Provider;
use variables::Variables;

/// The databases that the server makes up.
pub const SYSTEM_DATABASES: [&str; 3] = ["information_schema", "mysql", "performance_schema"];

/// Whether a database is made up by the server; names in any case. A table of the lake never is in such a database.
pub fn is_system(database: &str) -> bool {
    SYSTEM_DATABASES.iter().any(|system| system.eq_ignore_ascii_case(database))
}

/// What the made-up tables and SHOW tell of: the lake, the server and the session, as of one statement.
#[derive(Clone, Debug)]
pub struct MetadataContext {
    /// The lake's tables.
    pub snapshot: Arc<catalog::Snapshot>,
    /// The views.
    pub views: Arc<views::Snapshot>,
    /// Tells their columns, and what was refreshed.
    pub about_views: Arc<dyn AboutViews>,
    /// Knows how far views are refreshed, when somebody does.
    pub refreshes: Option<Arc<dyn Refreshes>>,
    /// The session's user.
    pub user: String,
    /// The host that the user comes from.
    pub host: String,
    /// How the connection is encrypted, if it is.
    pub encryption: Option<Encryption>,
    /// The default database.
    pub database: Option<String>,
    /// The session's variables.
    pub variables: Variables,
    /// All connections.
    pub processes: Vec<processes::Row>,
    /// What the server counts.
    pub counters: Counters,
    /// The session's temporary tables.
    pub temporary: Arc<TemporaryTables>,
    /// The warnings of the statement before, which SHOW WARNINGS lists.
    pub last_warnings: Arc<Warnings>,
    /// The warnings of this statement.
    pub warnings: Arc<Warnings>,
}

/// Tells of views what takes planning, or is known elsewhere.
#[async_trait]
pub trait AboutViews: fmt::Debug + Send + Sync {
    /// The columns of a view as clients see them.
    async fn columns(&self, view: &View) -> Result<Arc<[catalog::Column]>>;

    /// What was refreshed, the oldest first; bounded.
    fn runs(&self) -> Vec<Arc<Run>>;
}

/// What the server counts, for SHOW STATUS.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Since the start of the server.
    pub uptime: Duration,
    /// Connections since the start.
    pub connections: u64,
    /// Connections now.
    pub threads_connected: u64,
    /// Most connections at one time.
    pub max_used_connections: u64,
    /// Statements that run now.
    pub threads_running: u64,
    /// Prepared statements now.
    pub prepared_statements: u64,
    /// Statements since the start.
    pub questions: u64,
    /// Statements of this session.
    pub session_questions: u64,
    /// Days of views that the session's last query of them did not read as published and up to date.
    pub live_days: u64,
}

/// A made-up table, for the planner.
#[derive(Clone, Debug)]
pub struct MetadataTable {
    /// The database, as MySQL writes it.
    pub database: &'static str,
    /// The table, as MySQL writes it.
    pub name: &'static str,
    /// The columns as clients see them, in the provider's order.
    pub columns: Arc<[catalog::Column]>,
    /// Most characters of each column's texts, where there is a limit.
    pub max_characters: Arc<[Option<u32>]>,
    /// The rows; column names are lower-cased.
    pub provider: Arc<dyn TableProvider>,
}

/// The table of that name when the database [`is_system`]; error 1109 or 1146 when it has no such table.
pub fn resolve(database: &str, table: &str, context: &Arc<MetadataContext>) -> Option<Result<MetadataTable>> {
    if !is_system(database) {
        return None;
    }
    let Some(definition) = definitions::find(database, table) else {
        return Some(Err(unknown_table(database, table)));
    };
    Some(Ok(MetadataTable {
        database: definition.database,
        name: definition.name,
        columns: definition.catalog_columns(),
        max_characters: definition.columns.iter().map(|column| column.max_characters).collect(),
        provider: Arc::new(Provider::new(definition, context)),
    }))
}

/// The columns of a table, with their types; a view is none.
pub async fn columns_of_table(
    context: &MetadataContext,
    name: &TableName,
) -> Result<Vec<(catalog::Column, MysqlType)>> {
    let object = show::find_table(context, name)?;
    if let objects::Object::View(view, _) = &object {
        let (database, table) = (view.database().to_owned(), view.name().to_owned());
        return Err(Error::WrongObject { database, table, kind: "BASE TABLE" });
    }
    let columns = object.columns().await?;
    let columns = columns.iter().enumerate();
    Ok(columns.map(|(place, column)| (column.clone(), object.kind(place, column))).collect())
}

/// A database that has tables or views, as it is written, found in any case.
pub fn database_name(tables: &catalog::Snapshot, views: &views::Snapshot, name: &str) -> Option<String> {
    match tables.databases.get(&name.to_lowercase()) {
        Some(database) => Some(database.name.clone()),
        None => views.database(name).map(String::from),
    }
}

/// MySQL has its own error for what is not in information_schema.
fn unknown_table(database: &str, table: &str) -> Error {
    if database.eq_ignore_ascii_case("information_schema") {
        return Error::UnknownTable { table: table.to_uppercase(), clause: "information_schema".into() };
    }
    Error::NoSuchTable { database: database.into(), table: table.into(), hint: Hint::default() }
}

impl MetadataContext {
    /// The connections that the user may see: all for `root`, else the user's own.
    fn visible_processes(&self) -> impl Iterator<Item = &processes::Row> {
        self.processes.iter().filter(|process| self.is_root() || self.user == process.user)
    }

    /// Whether the user may see and change what is others' or the server's.
    fn is_root(&self) -> bool {
        self.user == processes::SUPERUSER
    }

    /// The name of a database as it is written, found in any case.
    fn database_name(&self, name: &str) -> Option<String> {
        let system = SYSTEM_DATABASES.into_iter().find(|system| system.eq_ignore_ascii_case(name));
        system.map(String::from).or_else(|| database_name(&self.snapshot, &self.views, name))
    }

    /// The databases that have tables or views, as they are written, in order.
    fn databases(&self) -> impl Iterator<Item = String> {
        let of_views =
            self.views.views.values().map(|view| (view.id.database.clone(), view.database().to_owned()));
        let mut names: BTreeMap<String, String> = of_views.collect();
        let of_tables = self.snapshot.databases.iter();
        names.extend(of_tables.map(|(key, database)| (key.clone(), database.name.clone())));
        names.into_values()
    }
}
