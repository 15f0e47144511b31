//! Which units of a materialized view are published: what the log of its Delta table says. It must not know
//! why a unit is stale, nor how one is computed.
//!
//! The record of a unit is in the tags of its files, so that rows and record are one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use object_store::ObjectStore;

use super::failures::FailureFile;
use super::runs::Runs;
use crate::catalog::{Catalog, TableId};
use crate::config::Config;
use crate::lake::delta::{self, DataFile, Snapshot};
use crate::lake::reader::Reader;
use crate::lake::store::Location;
use crate::lake::{Digest, Error, Result, durable};

/// What is refreshed, and published, as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// One day of a view that is partitioned by day.
    Day(NaiveDate),
    /// A view without days, or one whose days cannot be told apart by their inputs.
    Whole,
}

/// What a unit was made from: its definition and its inputs, as one number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

/// What the rows of a unit are, whatever their order and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content {
    /// How many.
    pub rows: u64,
    /// The sum of their hashes.
    pub sum: u128,
}

/// Where the published units of all views are.
#[derive(Debug)]
pub struct Warehouse {
    root: Location,
    reader: Arc<Reader>,
    interval: Duration,
    logs: Mutex<BTreeMap<(String, String), Arc<PublishedLog>>>,
    runs: Runs,
}

/// The published versions of one view.
#[derive(Debug)]
pub struct PublishedLog {
    location: Location,
    reader: Arc<Reader>,
    /// How long what was read may be used.
    interval: Duration,
    /// What was read last. Who reads holds the lock, so that all others wait for one reading.
    read: tokio::sync::Mutex<Option<Reading>>,
    /// A new number makes what was read before out of date.
    epoch: AtomicU64,
    /// Versions that somebody may still read; vacuum leaves their files alone.
    held: Mutex<Vec<Weak<Published>>>,
    failures: FailureFile,
    /// Units that this server is refreshing now; one may be in several requests.
    running: Mutex<Vec<Unit>>,
}

/// Units that are being refreshed, as long as it lives.
#[derive(Debug)]
pub struct Running<'a> {
    log: &'a PublishedLog,
    units: Vec<Unit>,
}

/// What was read of a log.
#[derive(Debug)]
struct Reading {
    at: Instant,
    epoch: u64,
    published: Option<Arc<Published>>,
}

/// One version of a view.
#[derive(Clone, Debug)]
pub struct Published {
    /// The version of its table.
    pub snapshot: Arc<Snapshot>,
    /// What is published.
    pub units: BTreeMap<Unit, PublishedUnit>,
}

/// One published unit.
#[derive(Clone, Debug)]
pub struct PublishedUnit {
    /// What it was made from.
    pub fingerprint: Fingerprint,
    /// What its rows are. Views that read this one depend on it, and not on when it was made.
    pub content: Content,
    /// When it was made, or last found to be the same.
    pub published_at: DateTime<Utc>,
    /// The version of the table that published it.
    pub version: u64,
    /// What it was made from, for people: JSON.
    pub inputs: String,
    /// Its data files; at least one, even without rows.
    pub files: Vec<Arc<DataFile>>,
    /// Bytes of its files.
    pub bytes: u64,
}

impl Warehouse {
    /// The warehouse of the config. Reads nothing yet.
    pub fn new(config: &Config, catalog: &Catalog) -> Result<Arc<Self>> {
        let root = catalog.location(&config.warehouse)?;
        let (reader, interval) = (Arc::clone(catalog.reader()), config.listing_interval.0);
        let runs = Runs::new(&root);
        Ok(Arc::new(Self { root, reader, interval, logs: Mutex::default(), runs }))
    }

    /// Where it is.
    pub fn root(&self) -> &Location {
        &self.root
    }

    /// What was refreshed.
    pub fn runs(&self) -> &Runs {
        &self.runs
    }

    /// Forgets what was read of a view that is not there any more.
    pub fn forget(&self, id: &TableId) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.remove(&(id.database.clone(), id.name.clone()));
    }

    /// The log of a view, whether it has one yet or not. Names are of any case.
    pub fn view(&self, database: &str, name: &str) -> Arc<PublishedLog> {
        let key = (database.to_lowercase(), name.to_lowercase());
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry(key).or_insert_with_key(|(database, name)| {
            let prefix = self.root.prefix.clone().join(database.as_str()).join(name.as_str());
            let location = Location { prefix, ..self.root.clone() };
            let failures = FailureFile::new(&self.root, database, name, self.interval);
            Arc::new(PublishedLog::new(location, Arc::clone(&self.reader), self.interval, failures))
        });
        Arc::clone(log)
    }
}

impl PublishedLog {
    fn new(location: Location, reader: Arc<Reader>, interval: Duration, failures: FailureFile) -> Self {
        let (read, epoch, held, running) = Default::default();
        Self { location, reader, interval, read, epoch, held, failures, running }
    }

    /// Notes that units are being refreshed.
    pub fn begin(&self, units: Vec<Unit>) -> Running<'_> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).extend(&units);
        Running { log: self, units }
    }

    /// The units that this server is refreshing now.
    pub fn running(&self) -> BTreeSet<Unit> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// Which units could not be refreshed.
    pub fn failures(&self) -> &FailureFile {
        &self.failures
    }

    /// The folder of the view's table.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How its files are read.
    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// What is published now, or was at most a listing interval ago; `None` when nothing ever was.
    pub async fn pin(&self) -> Result<Option<Arc<Published>>> {
        let mut read = self.read.lock().await;
        let epoch = self.epoch.load(Ordering::SeqCst);
        if let Some(reading) = &*read
            && reading.epoch == epoch
            && reading.at.elapsed() < self.interval
        {
            return Ok(reading.published.clone());
        }
        let at = Instant::now();
        let known = read.as_ref().and_then(|reading| reading.published.as_ref());
        let published = self.load(known).await?;
        *read = Some(Reading { at, epoch, published: published.clone() });
        Ok(published)
    }

    /// What is published now.
    pub async fn newest(&self) -> Result<Option<Arc<Published>>> {
        self.refresh();
        self.pin().await
    }

    /// Makes what was read out of date, so that the next pin asks the store.
    pub fn refresh(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Published files that are not there as they were written, each with its unit.
    pub async fn lost(&self) -> Result<Vec<(Unit, String)>> {
        let Some(published) = self.newest().await? else { return Ok(vec![]) };
        let listed = self.location.store.list(Some(&self.location.prefix));
        let there = listed.map_ok(|file| (file.location, file.size)).try_collect::<BTreeMap<_, _>>().await;
        let there = there
            .map_err(|error| durable::store_error(&self.location, "list", &self.location.prefix, error))?;
        let files = published.units.iter().flat_map(|(unit, of)| of.files.iter().map(|file| (*unit, file)));
        let lost = files.filter(|(_, file)| there.get(&file.file.path) != Some(&file.file.size));
        Ok(lost.map(|(unit, file)| (unit, self.location.show(&file.file.path))).collect())
    }

    /// Versions that are still in somebody's hands.
    pub fn held(&self) -> Vec<Arc<Published>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|version| version.strong_count() > 0);
        held.iter().filter_map(Weak::upgrade).collect()
    }

    /// Reads the log; a version after `known` begins there.
    async fn load(&self, known: Option<&Arc<Published>>) -> Result<Option<Arc<Published>>> {
        let snapshot = known.map(|known| &known.snapshot);
        let loaded = delta::load_if_any(&self.reader, &self.location, snapshot).await?;
        match (known, loaded) {
            (None, None) => Ok(None),
            // Whoever takes a published view for one that never was would publish it again, elsewhere.
            (Some(_), None) => Err(Error::Missing { path: self.location.to_string() }),
            (Some(known), Some(loaded)) if Arc::ptr_eq(&known.snapshot, &loaded) => {
                Ok(Some(Arc::clone(known)))
            }
            (_, Some(loaded)) => {
                let published = Arc::new(Published::of(&self.location, loaded)?);
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                held.retain(|version| version.strong_count() > 0);
                held.push(Arc::downgrade(&published));
                Ok(Some(published))
            }
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = self.log.running.lock().unwrap_or_else(PoisonError::into_inner);
        for unit in &self.units {
            if let Some(index) = running.iter().position(|running| running == unit) {
                running.swap_remove(index);
            }
        }
    }
}

impl PublishedUnit {
    /// What it is to views that read it: its rows, however they were made.
    pub fn digest(&self) -> Digest {
        Digest {
            hash: self.content.sum.wrapping_add(u128::from(self.content.rows)),
            files: self.files.len() as u64,
            bytes: self.bytes,
            changed: Some(self.published_at),
        }
    }
}

impl Published {
    /// The units of a version; a file that no refresh has published is an error.
    pub fn of(location: &Location, snapshot: Arc<Snapshot>) -> Result<Self> {
        let mut units = BTreeMap::<Unit, PublishedUnit>::new();
        let mut due = BTreeMap::<Unit, usize>::new();
        for file in snapshot.files() {
            let corrupt = |reason: &str| Error::Corrupt {
                path: location.show(&file.file.path),
                reason: format!("{reason}; remove it from the Delta table, or publish its day again"),
            };
            let record = Record::of(&file.tags)
                .ok_or_else(|| corrupt("its record in the Delta log is not of a published day"))?;
            let Record { unit, fingerprint, content, published_at, version, inputs, files } = record;
            let of_unit = units.entry(unit).or_insert_with(|| PublishedUnit {
                fingerprint,
                content,
                published_at,
                version,
                inputs,
                files: vec![],
                bytes: 0,
            });
            if of_unit.fingerprint != fingerprint || of_unit.content != content {
                return Err(corrupt("its day has files of different refreshes"));
            }
            of_unit.files.push(Arc::clone(file));
            of_unit.bytes += file.file.size;
            due.insert(unit, files);
        }
        let incomplete = units.iter().find(|(unit, published)| due.get(unit) != Some(&published.files.len()));
        match incomplete {
            None => Ok(Self { snapshot, units }),
            Some((unit, published)) => Err(Error::Corrupt {
                path: location.to_string(),
                reason: format!("{unit} has {} of its files in the Delta log", published.files.len()),
            }),
        }
    }
}

/// What the tags of a file say of its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which unit.
    pub unit: Unit,
    /// What it was made from.
    pub fingerprint: Fingerprint,
    /// What its rows are.
    pub content: Content,
    /// When it was made, or last found to be the same.
    pub published_at: DateTime<Utc>,
    /// The version of the table that published it.
    pub version: u64,
    /// What it was made from, for people: JSON.
    pub inputs: String,
    /// Files of the unit.
    pub files: usize,
}

impl Record {
    /// The record as tags.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let Content { rows, sum } = self.content;
        let tags = [
            ("unit", self.unit.to_string()),
            ("fingerprint", self.fingerprint.to_string()),
            ("content", format!("{sum:032x}")),
            ("rows", rows.to_string()),
            ("published_at", self.published_at.to_rfc3339()),
            ("version", self.version.to_string()),
            ("files", self.files.to_string()),
            ("inputs", self.inputs.clone()),
        ];
        tags.into_iter().map(|(tag, value)| (format!("lakefront.{tag}"), value)).collect()
    }

    /// The record that tags are of; `None` when they are not of one.
    pub fn of(tags: &BTreeMap<String, String>) -> Option<Self> {
        let tag = |tag: &str| tags.get(&format!("lakefront.{tag}"));
        Some(Self {
            unit: tag("unit")?.parse().ok()?,
            fingerprint: tag("fingerprint")?.parse().ok()?,
            content: Content {
                rows: tag("rows")?.parse().ok()?,
                sum: u128::from_str_radix(tag("content")?, 16).ok()?,
            },
            published_at: DateTime::parse_from_rfc3339(tag("published_at")?).ok()?.to_utc(),
            version: tag("version")?.parse().ok()?,
            files: tag("files")?.parse().ok()?,
            inputs: tag("inputs").cloned().unwrap_or_default(),
        })
    }
}

impl Unit {
    /// The day, where it is one.
    pub fn day(self) -> Option<NaiveDate> {
        match self {
            Self::Day(day) => Some(day),
            Self::Whole => None,
        }
    }

    /// The day as days since 1970-01-01.
    pub fn day_number(&self) -> Option<i32> {
        let day = self.day()?.to_epoch_days();
        Some(day)
    }

    /// The day of a number of days since 1970-01-01; `None` when no calendar has it.
    pub fn of_day_number(number: i32) -> Option<Self> {
        NaiveDate::from_epoch_days(number).map(Self::Day)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(formatter, "{day}"),
            Self::Whole => formatter.write_str("whole"),
        }
    }
}

impl FromStr for Unit {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, chrono::ParseError> {
        match text {
            "whole" => Ok(Self::Whole),
            day => Ok(Self::Day(day.parse()?)),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Fingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, std::num::ParseIntError> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_it_was_written() {
        let check = |unit: &str, fingerprint: u128, content: Content| {
            let record = Record {
                unit: unit.parse().unwrap(),
                fingerprint: Fingerprint(fingerprint),
                content,
                published_at: "2026-09-02T01:02:03.000004Z".parse().unwrap(),
                version: 7,
                inputs: r#"{"log.login":{"2026-09-01":"0f"}}"#.to_owned(),
                files: 2,
            };
            assert_eq!(Record::of(&record.tags()), Some(record));
        };
        check("2026-09-01", 0, Content::default());
        check("whole", u128::MAX, Content { rows: u64::MAX, sum: u128::MAX });
        assert_eq!(Record::of(&BTreeMap::new()), None);
    }
}
