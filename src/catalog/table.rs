//! A table: its definition, its files and its columns. It must not know how a query reads it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;

use super::days::{self, SourceDay};
use super::definition::{Definition, Format, PartitionType};
use super::files::{DeltaLog, Files, Source};
use super::layout::Layout;
use super::provider::{self, Pinned};
use super::{Column, Error, TableId};
use crate::config::Config;
use crate::lake::index::{self, Index, Listings, Pin};
use crate::lake::partition::Level;
use crate::lake::reader::Reader;
use crate::lake::store::Stores;
use crate::lake::{self, File, delta, schema, text};

/// Footers that are read at once to learn the columns.
const CONCURRENCY: usize = 8;
/// Files of the newest day, and as many of the oldest, whose footers tell the columns.
const SAMPLE: usize = 4;

/// What all tables share.
#[derive(Debug)]
pub struct Shared {
    pub stores: Stores,
    pub listings: Listings,
    pub reader: Arc<Reader>,
    /// The root of relative locations.
    pub lake: String,
    /// How long what was listed may be used.
    pub listing_interval: Duration,
}

impl Shared {
    /// Empty caches within the config's limits.
    pub fn new(config: &Config, stores: Stores) -> Self {
        let (listings, reader) = (Listings::new(config), Reader::new(&config.cache));
        let listing_interval = config.listing_interval.0;
        Self { stores, listings, reader, lake: config.lake.clone(), listing_interval }
    }
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
    /// The table file, and what it says.
    file: String,
    text: String,
    usable: Result<Usable, Error>,
}

/// A table that can be used.
#[derive(Debug)]
struct Usable {
    definition: Definition,
    levels: Vec<Level>,
    source: Source,
    shared: Arc<Shared>,
    columns: Columns,
}

/// How the columns are known.
#[derive(Debug)]
enum Columns {
    /// The table file declares them.
    Declared(Arc<Layout>),
    /// Files tell them: those of the last files that were asked.
    OfFiles(Mutex<Option<(Vec<File>, Arc<Layout>)>>),
    /// The log of a Delta table tells them: those of the last version.
    OfVersion(Mutex<Option<(Arc<delta::Snapshot>, Arc<Layout>)>>),
}

impl Table {
    /// A table from its file; a mistake in the file is kept, and is the answer to every question.
    pub(super) fn new(
        database: &str,
        name: &str,
        file: &str,
        text: Result<String, Error>,
        shared: &Arc<Shared>,
    ) -> Self {
        let parsed = text.as_ref().map_err(Clone::clone).and_then(|text| {
            Definition::parse(text).map_err(|message| Error::Definition { file: file.to_owned(), message })
        });
        Self {
            database: database.to_owned(),
            name: name.to_owned(),
            comment: parsed.as_ref().map_or_else(|_| String::new(), |definition| definition.comment.clone()),
            file: file.to_owned(),
            text: text.unwrap_or_default(),
            usable: parsed.and_then(|definition| Usable::new(definition, shared)),
        }
    }

    /// The same table, that cannot be used.
    pub(super) fn with_problem(&self, problem: Error) -> Self {
        Self {
            database: self.database.clone(),
            name: self.name.clone(),
            comment: self.comment.clone(),
            file: self.file.clone(),
            text: String::new(),
            usable: Err(problem),
        }
    }

    /// Which table it is.
    pub fn id(&self) -> TableId {
        TableId::new(&self.database, &self.name)
    }

    /// The table file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong with the table file.
    pub fn problem(&self) -> Option<Error> {
        self.usable.as_ref().err().cloned()
    }

    /// Whether this is the table of a file that says this.
    pub(super) fn is_of(&self, file: &str, text: &str) -> bool {
        self.usable.is_ok() && self.file == file && self.text == text
    }

    /// What the table file says.
    pub fn definition(&self) -> Result<&Definition, Error> {
        Ok(&self.usable()?.definition)
    }

    /// The columns in order: from the table file, or from the newest and oldest files (kept until they change).
    pub async fn columns(&self) -> Result<Arc<[Column]>, Error> {
        if let Columns::Declared(layout) = &self.usable()?.columns {
            return Ok(Arc::clone(&layout.columns));
        }
        Ok(self.pin_with_columns().await?.0)
    }

    /// The table with one consistent set of files, for one statement. Its schema has the columns of
    /// [`Self::columns`] in the same order with lower-cased names (children of structs stay as written).
    pub async fn pin(&self) -> Result<Arc<dyn TableProvider>, Error> {
        Ok(self.pin_with_columns().await?.1)
    }

    /// The table with one consistent set of files, and its columns as these files have them.
    pub async fn pin_with_columns(&self) -> Result<(Arc<[Column]>, Arc<dyn TableProvider>), Error> {
        let usable = self.usable()?;
        let pinned = match usable.pin(self).await {
            // A file that tells the columns went away after it was listed: the listing is out of date.
            Err(Error::Lake(lake::Error::Changed { .. })) => {
                self.refresh();
                usable.pin(self).await
            }
            pinned => pinned,
        };
        let (files, layout) = pinned?;
        let columns = Arc::clone(&layout.columns);
        let reader = Arc::clone(&usable.shared.reader);
        Ok((columns, Arc::new(Pinned::new(self.id(), files, layout, reader, usable.format()))))
    }

    /// The days that have files, and whether each is complete.
    pub async fn source_days(&self, now: DateTime<Utc>) -> Result<Vec<SourceDay>, Error> {
        let usable = self.usable()?;
        let files = usable.source.pin().await?;
        Ok(days::of(&files, &usable.definition, now).await?)
    }

    /// Whether there is a file to read. It lists as much as it takes to find one.
    pub async fn has_files(&self) -> Result<bool, Error> {
        Ok(match self.usable()?.source.pin().await? {
            Files::Folders(pin) => pin.edge(true).await?.is_some(),
            Files::Delta(_, snapshot) => snapshot.files().next().is_some(),
        })
    }

    /// Forgets listings and schema, so that the next statement sees what is there now.
    pub fn refresh(&self) {
        let Ok(usable) = &self.usable else { return };
        usable.source.refresh();
        if let Columns::OfFiles(known) = &usable.columns {
            *known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn usable(&self) -> Result<&Usable, Error> {
        self.usable.as_ref().map_err(Clone::clone)
    }
}

impl Usable {
    fn new(definition: Definition, shared: &Arc<Shared>) -> Result<Self, Error> {
        let location = shared.stores.open(&definition.location, &shared.lake)?;
        let level = |(column, PartitionType(data_type)): &(String, PartitionType)| Level {
            column: column.clone(),
            data_type: data_type.clone(),
        };
        let levels: Vec<Level> = definition.partition_by.0.iter().map(level).collect();
        let columns = match (&definition.columns, definition.format) {
            (Some(columns), _) => Columns::Declared(Arc::new(Layout::declared(columns, &levels))),
            (None, Format::Delta) => Columns::OfVersion(Mutex::default()),
            (None, _) => Columns::OfFiles(Mutex::default()),
        };
        let source = match definition.format {
            Format::Delta => Source::Delta(Box::new(DeltaLog::new(
                location,
                Arc::clone(&shared.reader),
                shared.listing_interval,
            ))),
            _ => Source::Folders(Arc::new(Index::new(shared.listings.clone(), location, levels.clone()))),
        };
        Ok(Self { definition, levels, source, shared: Arc::clone(shared), columns })
    }

    fn format(&self) -> provider::Format {
        match self.definition.format {
            Format::Csv => provider::Format::Text(text::Format::Csv { header: self.definition.header }),
            Format::Tsv => provider::Format::Text(text::Format::Tsv),
            Format::Json => provider::Format::Text(text::Format::Json),
            Format::Parquet | Format::Delta | Format::Mysql => provider::Format::Parquet,
        }
    }

    /// One set of files and its columns.
    async fn pin(&self, table: &Table) -> Result<(Files, Arc<Layout>), Error> {
        let files = self.source.pin().await?;
        let layout = match (&self.columns, &files) {
            (Columns::OfVersion(known), Files::Delta(_, snapshot)) => {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                match &*known {
                    Some((of, layout)) if Arc::ptr_eq(of, snapshot) => Arc::clone(layout),
                    _ => {
                        let layout = Arc::new(Layout::delta(snapshot));
                        *known = Some((Arc::clone(snapshot), Arc::clone(&layout)));
                        layout
                    }
                }
            }
            (Columns::OfFiles(known), Files::Folders(pin)) => self.inferred(pin, known, table).await?,
            (Columns::Declared(layout), _) => Arc::clone(layout),
            (Columns::OfVersion(_), Files::Folders(_)) | (Columns::OfFiles(_), Files::Delta(..)) => {
                unreachable!("the format decides both")
            }
        };
        Ok((files, layout))
    }

    /// The columns of the newest and the oldest files.
    async fn inferred(
        &self,
        pin: &Pin,
        known: &Mutex<Option<(Vec<File>, Arc<Layout>)>>,
        table: &Table,
    ) -> Result<Arc<Layout>, Error> {
        let sample = sample(pin).await?;
        if let Some((files, layout)) = &*known.lock().unwrap_or_else(PoisonError::into_inner)
            && *files == sample
        {
            return Ok(Arc::clone(layout));
        }
        let location = pin.location();
        // A broken file fails the queries that need it; it does not hide the columns of the others.
        let footers = sample.iter().map(|file| async {
            let path = location.show(&file.path);
            match Box::pin(self.shared.reader.footer(location, &file.clone().into())).await {
                Ok(footer) => Ok((path, Ok(footer.schema))),
                Err(broken @ lake::Error::Corrupt { .. }) => Ok((path, Err(broken))),
                Err(error) => Err(error),
            }
        });
        let (mut schemas, mut broken) = (vec![], None);
        for (path, footer) in lake::concurrently(footers, CONCURRENCY).await? {
            match footer {
                Ok(schema) => schemas.push((path, schema)),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        if schemas.is_empty() {
            let table = format!("{}.{}", table.database, table.name);
            let unknown = Error::Unknown { table, location: location.to_string() };
            return Err(broken.map_or(unknown, Error::Lake));
        }
        let layout = Arc::new(Layout::inferred(&schema::merge(&schemas)?, &self.levels));
        *known.lock().unwrap_or_else(PoisonError::into_inner) = Some((sample, Arc::clone(&layout)));
        Ok(layout)
    }
}

/// The files that tell the columns, newest first: some of the newest day and some of the oldest.
async fn sample(pin: &Pin) -> Result<Vec<File>, Error> {
    let newest = pin.edge(true).await?;
    let oldest = pin.edge(false).await?;
    let by_time = |files: Option<Arc<index::Files>>| {
        let mut files: Vec<File> = files.iter().flat_map(|files| files.files()).collect();
        files.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
        files
    };
    let (newest, mut oldest) = (by_time(newest), by_time(oldest));
    let mut files: Vec<File> = newest.into_iter().take(SAMPLE).collect();
    let last = oldest.split_off(oldest.len().saturating_sub(SAMPLE));
    files.extend(last.into_iter().filter(|file| !files.contains(file)).collect::<Vec<_>>());
    Ok(files)
}
