//! Reads the table files of the catalog, all that are there, and keeps the mistakes of each with its table.
//! It must not know the files of tables.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStoreExt};
use tracing::warn;

use super::table::{Shared, Table};
use super::{Database, Error, Snapshot};
use crate::lake;
use crate::lake::partition::is_hidden;
use crate::lake::store::Location;

/// Table files that are read at once.
const CONCURRENCY: usize = 32;
/// Largest table file: ten thousand columns fit.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads all table files but those that are as they were listed `before`. Tables whose files say the same are
/// taken over.
pub async fn load(location: &Location, shared: &Arc<Shared>, before: &Snapshot) -> Result<Snapshot, Error> {
    let mut files: Vec<ObjectMeta> = location
        .store
        .list(Some(&location.prefix))
        .try_collect()
        .await
        .map_err(|error| failed("list", location, error))?;
    if files.is_empty() && location.is_local_missing().await {
        return Err(lake::Error::Missing { path: location.to_string() }.into());
    }
    files.retain(|file| is_table_file(location, file));
    files.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    let reads = files.iter().map(|file| async {
        Ok::<_, Error>(match before.unchanged(location, file) {
            Some(table) => Found::Unchanged(table),
            None => Found::Text(read(location, file).await),
        })
    });
    let found = lake::concurrently(reads, CONCURRENCY).await?;

    let mut snapshot = Snapshot::default();
    for (file, found) in files.iter().zip(found) {
        let path = location.show(&file.location);
        let below: Vec<&str> = parts_below(location, file);
        let [database, name] = below[..] else {
            snapshot.problems.push(Error::Misplaced { file: path });
            continue;
        };
        let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let table = match (found, before.table(database, name)) {
            (Found::Unchanged(table), _) => table,
            (Found::Text(Ok(text)), Some(table)) if table.is_of(&path, &text) => Arc::clone(table),
            (Found::Text(text), _) => Arc::new(Table::new(database, name, &path, text, shared)),
        };
        snapshot.insert(database, table);
    }
    let told: Vec<String> = before.problems.iter().map(ToString::to_string).collect();
    for problem in snapshot.problems.iter().filter(|problem| !told.contains(&problem.to_string())) {
        warn!(error = %problem, "table cannot be used");
    }
    snapshot.files = files.into_iter().map(|file| (file.location.clone(), file)).collect();
    Ok(snapshot)
}

/// What was found of a table file.
enum Found {
    /// It is as it was.
    Unchanged(Arc<Table>),
    /// What it says now.
    Text(Result<String, Error>),
}

impl Snapshot {
    fn table(&self, database: &str, name: &str) -> Option<&Arc<Table>> {
        self.databases.get(&database.to_lowercase())?.tables.get(&name.to_lowercase())
    }

    /// The table of a file that is as it was listed, when it can be used.
    fn unchanged(&self, location: &Location, file: &ObjectMeta) -> Option<Arc<Table>> {
        let [database, name] = parts_below(location, file)[..] else { return None };
        let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let table = self.table(database, name).filter(|_| self.files.get(&file.location) == Some(file))?;
        let same = table.problem().is_none() && table.file() == location.show(&file.location);
        same.then(|| Arc::clone(table))
    }

    fn insert(&mut self, database: &str, table: Arc<Table>) {
        let database = self
            .databases
            .entry(database.to_lowercase())
            .or_insert_with(|| Database { name: database.to_owned(), tables: Default::default() });
        match database.tables.entry(table.name.to_lowercase()) {
            Entry::Vacant(vacant) => {
                self.problems.extend(table.problem());
                vacant.insert(table);
            }
            // Which of the two is meant cannot be known: neither answers.
            Entry::Occupied(mut occupied) => {
                let twice =
                    Error::Twice { file: table.file().to_owned(), other: occupied.get().file().to_owned() };
                self.problems.push(twice.clone());
                occupied.insert(Arc::new(table.with_problem(twice)));
            }
        }
    }
}

fn is_table_file(location: &Location, file: &ObjectMeta) -> bool {
    let hidden = parts_below(location, file).into_iter().any(is_hidden);
    matches!(file.location.extension(), Some("yaml" | "yml")) && !hidden
}

fn parts_below<'a>(location: &Location, file: &'a ObjectMeta) -> Vec<&'a str> {
    let path: &str = file.location.as_ref();
    let below = path.strip_prefix(location.prefix.as_ref()).unwrap_or(path);
    below.split('/').filter(|part| !part.is_empty()).collect()
}

/// The text of a table file.
async fn read(location: &Location, file: &ObjectMeta) -> Result<String, Error> {
    let path = location.show(&file.location);
    if file.size > FILE_BYTES_MAX {
        let message = format!("it has {} bytes; a table file has at most {FILE_BYTES_MAX}", file.size);
        return Err(Error::Definition { file: path, message });
    }
    let failed = |source| lake::Error::Store { action: "read", path: path.clone(), source: Arc::new(source) };
    let bytes: Bytes =
        location.store.get(&file.location).await.map_err(failed)?.bytes().await.map_err(failed)?;
    let not_text = |_| Error::Definition { file: path.clone(), message: "it is not UTF-8 text".into() };
    String::from_utf8(bytes.into()).map_err(not_text)
}

fn failed(action: &'static str, location: &Location, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => lake::Error::Missing { path: location.to_string() }.into(),
        source => lake::Error::Store { action, path: location.to_string(), source: Arc::new(source) }.into(),
    }
}
