//! A table: its definition, its files and its columns. It must not know how a query reads it.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableProvider;

use super::definition::{Definition, Format, PartitionType};
use super::layout::Layout;
use super::provider::{self, Pinned};
use super::{Column, Error};
use crate::config::Config;
use crate::lake::index::{Files, Index, Listings, Pin};
use crate::lake::partition::Level;
use crate::lake::reader::Reader;
use crate::lake::store::Stores;
use crate::lake::{self, File, schema, text};

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
}

impl Shared {
    /// Empty caches within the config's limits.
    pub fn new(config: &Config, stores: Stores) -> Self {
        let (listings, reader) = (Listings::new(config), Reader::new(&config.cache));
        Self { stores, listings, reader, lake: config.lake.clone() }
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
    source: Result<Source, Error>,
}

/// A table that can be used.
#[derive(Debug)]
struct Source {
    format: provider::Format,
    levels: Vec<Level>,
    index: Arc<Index>,
    shared: Arc<Shared>,
    /// The declared columns.
    declared: Option<Arc<Layout>>,
    /// The columns of the files when they were last asked, with the files that told them.
    inferred: Mutex<Option<(Vec<File>, Arc<Layout>)>>,
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
            source: parsed.and_then(|definition| Source::new(definition, shared)),
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
            source: Err(problem),
        }
    }

    /// The table file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong with the table file.
    pub fn problem(&self) -> Option<Error> {
        self.source.as_ref().err().cloned()
    }

    /// Whether this is the table of a file that says this.
    pub(super) fn is_of(&self, file: &str, text: &str) -> bool {
        self.source.is_ok() && self.file == file && self.text == text
    }

    /// The columns in order: from the table file, or from the newest and oldest files (kept until they change).
    pub async fn columns(&self) -> Result<Arc<[Column]>, Error> {
        let source = self.source()?;
        if let Some(declared) = &source.declared {
            return Ok(Arc::clone(&declared.columns));
        }
        let layout = source.layout(&source.index.pin(), self).await?;
        Ok(Arc::clone(&layout.columns))
    }

    /// The table with one consistent set of files, for one statement. Its schema has the columns of
    /// [`Self::columns`] in the same order with lower-cased names (children of structs stay as written).
    pub async fn pin(&self) -> Result<Arc<dyn TableProvider>, Error> {
        let source = self.source()?;
        let pin = source.index.pin();
        let layout = source.layout(&pin, self).await?;
        let reader = Arc::clone(&source.shared.reader);
        Ok(Arc::new(Pinned::new(pin, layout, reader, source.format)))
    }

    /// Forgets listings and schema, so that the next statement sees what is there now.
    pub fn refresh(&self) {
        if let Ok(source) = &self.source {
            source.index.refresh();
            *source.inferred.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn source(&self) -> Result<&Source, Error> {
        self.source.as_ref().map_err(Clone::clone)
    }
}

impl Source {
    fn new(definition: Definition, shared: &Arc<Shared>) -> Result<Self, Error> {
        let location = shared.stores.open(&definition.location, &shared.lake)?;
        let format = match definition.format {
            Format::Parquet => provider::Format::Parquet,
            Format::Csv => provider::Format::Text(text::Format::Csv { header: definition.header }),
            Format::Tsv => provider::Format::Text(text::Format::Tsv),
            Format::Json => provider::Format::Text(text::Format::Json),
            Format::Delta | Format::Mysql => unreachable!("refused with the definition"),
        };
        let level = |(column, PartitionType(data_type)): &(String, PartitionType)| Level {
            column: column.clone(),
            data_type: data_type.clone(),
        };
        let levels: Vec<Level> = definition.partition_by.0.iter().map(level).collect();
        let declared =
            definition.columns.as_ref().map(|columns| Arc::new(Layout::declared(columns, &levels)));
        let index = Arc::new(Index::new(shared.listings.clone(), location, levels.clone()));
        let shared = Arc::clone(shared);
        Ok(Self { format, levels, index, shared, declared, inferred: Mutex::default() })
    }

    /// The columns that are declared, or those of the newest and the oldest files.
    async fn layout(&self, pin: &Pin, table: &Table) -> Result<Arc<Layout>, Error> {
        if let Some(declared) = &self.declared {
            return Ok(Arc::clone(declared));
        }
        let sample = sample(pin).await?;
        if let Some((files, layout)) = &*self.inferred.lock().unwrap_or_else(PoisonError::into_inner)
            && *files == sample
        {
            return Ok(Arc::clone(layout));
        }
        let location = pin.location();
        // A broken file fails the queries that need it; it does not hide the columns of the others.
        let footers = sample.iter().map(|file| async {
            let path = location.show(&file.path);
            match self.shared.reader.footer(location, &file.clone().into()).await {
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
        *self.inferred.lock().unwrap_or_else(PoisonError::into_inner) = Some((sample, Arc::clone(&layout)));
        Ok(layout)
    }
}

/// The files that tell the columns, newest first: some of the newest day and some of the oldest.
async fn sample(pin: &Pin) -> Result<Vec<File>, Error> {
    let newest = pin.edge(true).await?;
    let oldest = pin.edge(false).await?;
    let by_time = |files: Option<Arc<Files>>| {
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
