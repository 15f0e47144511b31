//! The files of views, `<database>/<view>.sql`: read when they change, written by statements.
//!
//! What is wrong with a file is kept with its view. It must not know what a text means; [`Parse`] does.

use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use tokio::sync::Mutex;
use tracing::warn;

use super::definition::Definition;
use super::{Error, Snapshot, View};
use crate::catalog::{Catalog, TableId};
use crate::config::Config;
use crate::lake::durable;
use crate::lake::partition::is_hidden;
use crate::lake::store::Location;
use crate::lake::{self, concurrently};

/// Files that are read at once.
const CONCURRENCY: usize = 32;
/// Largest file.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Longest name of a view or its database, in characters, as in MySQL.
const NAME_CHARACTERS_MAX: usize = 64;

/// Reads the text of a view's file. The engine can; here no SQL is known.
pub trait Parse: fmt::Debug + Send + Sync {
    /// The view of a file's text, whose place tells its database and its name.
    fn parse(&self, database: &str, name: &str, text: &str) -> Result<Definition, Mistake>;
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// One line.
    pub message: String,
}

/// The files of all views, and what is known of them.
#[derive(Debug)]
pub struct Files {
    catalog: Arc<Catalog>,
    parser: Arc<dyn Parse>,
    location: Location,
    known: RwLock<Known>,
    /// Held while files are read or written.
    turn: Mutex<()>,
}

/// What the files said when they were last looked at.
#[derive(Clone, Debug, Default)]
struct Known {
    /// By the text by which people know the file.
    files: BTreeMap<String, File>,
    problems: Vec<String>,
}

/// One file that has the place of a view.
#[derive(Clone, Debug)]
struct File {
    path: Path,
    /// As its folder and its name are written.
    database: String,
    name: String,
    /// None when it must be read again.
    stamp: Option<Stamp>,
    view: Arc<View>,
}

/// A version of a file, as far as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: DateTime<Utc>,
    tag: Option<String>,
}

impl Files {
    /// The files below `config.views`. None is read yet; a directory that is not there holds none.
    pub fn new(config: &Config, catalog: Arc<Catalog>, parser: Arc<dyn Parse>) -> Result<Self, Error> {
        let location = catalog.location(&config.views)?;
        Ok(Self { catalog, parser, location, known: RwLock::default(), turn: Mutex::default() })
    }

    /// Reads the files that changed, and hands all views on. When no view became another one, nothing is handed on.
    pub async fn reload(&self, take: impl FnOnce(Snapshot)) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.load(take).await
    }

    /// Writes a view's file, and reads what there is then. Without `replace`, a view that is there is an error, also
    /// when another server was first. `text` is what the definition says.
    pub async fn create(
        &self,
        view: &Definition,
        replace: bool,
        text: &str,
        take: impl FnOnce(Snapshot),
    ) -> Result<(), Error> {
        check_name(&view.database)?;
        check_name(&view.name)?;
        let _turn = self.turn.lock().await;
        let path = self.path(&view.database, &view.name);
        let bytes = Bytes::from(format!("{text};\n"));
        if replace {
            durable::replace(&self.location, &path, bytes).await?;
        } else if !durable::create(&self.location, &path, bytes).await? {
            return Err(Error::Exists { view: TableId::new(&view.database, &view.name) });
        }
        self.load(take).await
    }

    /// Removes a view's file.
    pub async fn remove(&self, view: &View, take: impl FnOnce(Snapshot)) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let path = self.known().files.get(&view.file).map(|file| file.path.clone());
        if let Some(path) = path {
            durable::remove(&self.location, &path).await?;
        }
        self.load(take).await
    }

    /// The text of a view's file, as it is now; None when it is not there any more.
    pub async fn text(&self, view: &View) -> Result<Option<String>, Error> {
        let Some(path) = self.known().files.get(&view.file).map(|file| file.path.clone()) else {
            return Ok(None);
        };
        let bytes = durable::read(&self.location, &path).await?;
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes.into()).ok()))
    }

    /// What is wrong with the files, as of the last time.
    pub fn problems(&self) -> Vec<String> {
        self.known().problems
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file of a view: the one that is there, in whatever case its name is written, or a new one.
    fn path(&self, database: &str, name: &str) -> Path {
        let known = self.known();
        let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        let mut folder = known.files.values().filter(|file| same(&file.database, database)).peekable();
        let written = folder.peek().map_or(database, |file| &file.database).to_owned();
        match folder.find(|file| same(&file.name, name)) {
            Some(file) => file.path.clone(),
            None => self.location.prefix.clone().join(written).join(format!("{name}.sql")),
        }
    }

    async fn load(&self, take: impl FnOnce(Snapshot)) -> Result<(), Error> {
        let before = self.known();
        let (known, snapshot) = self.read(&before).await?;
        for problem in known.problems.iter().filter(|problem| !before.problems.contains(problem)) {
            warn!(%problem, "view cannot be used");
        }
        let changed = known.files.len() != before.files.len()
            || !known.files.iter().all(|(path, file)| {
                before.files.get(path).is_some_and(|before| Arc::ptr_eq(&before.view, &file.view))
            });
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        if changed {
            take(snapshot);
        }
        Ok(())
    }

    /// Reads all files but those that are as they were.
    async fn read(&self, before: &Known) -> Result<(Known, Snapshot), Error> {
        let listed = list(&self.location).await?;
        let mut known = Known::default();
        let mut reads = Vec::new();
        for object in &listed {
            let shown = self.location.show(&object.location);
            let [database, name] = parts_below(&self.location, object)[..] else {
                known.problems.push(format!(
                    "{shown} is not in the folder of a database; move it to `<database>/<view>.sql`"
                ));
                continue;
            };
            let name = name.strip_suffix(".sql").unwrap_or(name);
            let same = before.files.get(&shown).filter(|file| file.stamp == Some(Stamp::of(object)));
            reads.push(async move {
                Ok::<_, Error>(match same {
                    Some(file) => file.clone(),
                    None => self.read_one(object, shown, database, name).await,
                })
            });
        }
        let files = concurrently(reads, CONCURRENCY).await?;

        let mut snapshot = Snapshot::default();
        let catalog = self.catalog.snapshot();
        for mut file in files {
            let id = file.view.id.clone();
            let tables = catalog.databases.get(&id.database).map(|database| &database.tables);
            // Then the name means the table, for whoever asks.
            if let Some(table) = tables.and_then(|tables| tables.get(&id.name)) {
                let message = format!("it has the name of a table, {}; rename one of them", table.file());
                file.refuse(message, before);
                known.insert(file);
                continue;
            }
            match snapshot.views.entry(id) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Arc::clone(&file.view));
                }
                // Which of the two is meant cannot be known: neither answers.
                Entry::Occupied(mut occupied) => {
                    let other = occupied.get().file.clone();
                    file.refuse(
                        format!("it has the name of another view, {other}; rename one of them"),
                        before,
                    );
                    occupied.insert(Arc::clone(&file.view));
                }
            }
            known.insert(file);
        }
        Ok((known, snapshot))
    }

    async fn read_one(&self, object: &ObjectMeta, shown: String, database: &str, name: &str) -> File {
        let text = text(&self.location, object, &shown).await;
        // A store that does not answer says nothing of the file: it is read again.
        let stamp = (!matches!(text, Err(Error::Lake(_)))).then(|| Stamp::of(object));
        let definition = text.and_then(|text| match self.parser.parse(database, name, &text) {
            Ok(definition) => Ok(Arc::new(definition)),
            Err(Mistake { line, message }) => {
                Err(Error::Definition { file: format!("{shown}:{line}"), message })
            }
        });
        let view = Arc::new(View { id: TableId::new(database, name), file: shown, definition });
        let (database, name) = (database.to_owned(), name.to_owned());
        File { path: object.location.clone(), database, name, stamp, view }
    }
}

impl Known {
    fn insert(&mut self, file: File) {
        self.problems.extend(file.view.definition.as_ref().err().map(ToString::to_string));
        self.files.insert(file.view.file.clone(), file);
    }
}

impl File {
    /// The view cannot be used, and its file is read again. One that was refused for the same stays the same.
    fn refuse(&mut self, message: String, before: &Known) {
        let (id, file) = (self.view.id.clone(), self.view.file.clone());
        let error = Error::Definition { file: file.clone(), message };
        let told = error.to_string();
        let same = before
            .files
            .get(&file)
            .map(|before| &before.view)
            .filter(|view| view.definition.as_ref().is_err_and(|before| before.to_string() == told));
        self.view = match same {
            Some(view) => Arc::clone(view),
            None => Arc::new(View { id, file, definition: Err(error) }),
        };
        self.stamp = None;
    }
}

impl Stamp {
    fn of(object: &ObjectMeta) -> Self {
        Self { bytes: object.size, modified: object.last_modified, tag: object.e_tag.clone() }
    }
}

async fn list(location: &Location) -> Result<Vec<ObjectMeta>, Error> {
    let listed = location.store.list(Some(&location.prefix)).try_collect::<Vec<_>>().await;
    let mut files = match listed {
        Ok(files) => files,
        Err(object_store::Error::NotFound { .. }) => Vec::new(),
        Err(source) => {
            let path = location.to_string();
            return Err(lake::Error::Store { action: "list", path, source: Arc::new(source) }.into());
        }
    };
    files.retain(|file| {
        file.location.extension() == Some("sql") && !parts_below(location, file).into_iter().any(is_hidden)
    });
    files.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    Ok(files)
}

async fn text(location: &Location, object: &ObjectMeta, shown: &str) -> Result<String, Error> {
    let wrong = |message| Error::Definition { file: shown.to_owned(), message };
    if object.size > FILE_BYTES_MAX {
        return Err(wrong(format!(
            "it has {} bytes; a view's file has at most {FILE_BYTES_MAX}",
            object.size
        )));
    }
    let failed =
        |source| lake::Error::Store { action: "read", path: shown.to_owned(), source: Arc::new(source) };
    let bytes = location.store.get(&object.location).await.map_err(failed)?.bytes().await.map_err(failed)?;
    String::from_utf8(bytes.into()).map_err(|_| wrong("it is not UTF-8 text".into()))
}

fn parts_below<'a>(location: &Location, file: &'a ObjectMeta) -> Vec<&'a str> {
    let path: &str = file.location.as_ref();
    let below = path.strip_prefix(location.prefix.as_ref()).unwrap_or(path);
    below.split('/').filter(|part| !part.is_empty()).collect()
}

/// Names become names of files: those that mean the same on every store, and hide nothing.
fn check_name(name: &str) -> Result<(), Error> {
    let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '-');
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARACTERS_MAX || !name.chars().all(fits) || is_hidden(name) {
        return Err(Error::Name(name.to_owned()));
    }
    Ok(())
}
