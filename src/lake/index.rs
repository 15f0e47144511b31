//! Which files a place has: one listing per folder, cached for all queries. It must not know tables,
//! schemas or what is in the files.
//!
//! A place with partition levels is listed from the top: the folders of a level in one request per
//! thousand, then, of the folders that a query keeps, the next level; the folder of a day is listed whole.
//! A [`Pin`] asks the cache at most once per folder, so that one statement sees one set of files.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chrono::DateTime;
use datafusion::scalar::ScalarValue;
use futures::{FutureExt, TryStreamExt};
use moka::future::Cache;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use tokio::sync::OnceCell;

use super::partition::{Level, is_hidden, unit_depth};
use super::store::Location;
use super::{Digest, Error, File, Result, concurrently};
use crate::config::Config;

/// Listings that are made at once for one query.
const CONCURRENCY: usize = 32;

/// Most files of one listing.
const FILES_MAX: usize = 4_000_000;

/// The listings of all tables, within one limit of memory.
#[derive(Clone)]
pub struct Listings {
    cache: Cache<(u64, Path), Listing>,
    epochs: Arc<AtomicU64>,
}

/// The files of one place.
#[derive(Debug)]
pub struct Index {
    listings: Listings,
    location: Location,
    levels: Vec<Level>,
    /// How many of the levels are listed folder by folder.
    depth: usize,
    /// Names this index and its generation in the cache: a new number forgets all older listings.
    epoch: AtomicU64,
}

/// One consistent set of an index's files: each folder is listed at most once.
#[derive(Debug)]
pub struct Pin {
    index: Arc<Index>,
    epoch: u64,
    listed: Mutex<HashMap<Path, Arc<OnceCell<Listing>>>>,
}

/// A folder of a partition level.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Within the store.
    pub path: Path,
    /// The values of the levels down to this folder.
    pub values: Vec<ScalarValue>,
}

/// The files of one folder and below, in the order of their paths.
#[derive(Debug)]
pub struct Files {
    folder: Path,
    /// The distinct values of all levels among the files.
    groups: Vec<Vec<ScalarValue>>,
    /// Names and tags of all files, one after the other: an allocation for each would cost more than they do.
    text: Box<str>,
    packed: Box<[Packed]>,
    /// Names of hidden files in the folder itself: one may say that the day is complete.
    markers: Box<[Box<str>]>,
    /// By group; made when they are first asked for.
    digests: OnceLock<Box<[Digest]>>,
}

#[derive(Debug)]
struct Packed {
    size: u64,
    modified_ns: i64,
    name_end: u32,
    tag_end: u32,
    group: u32,
}

#[derive(Clone, Debug)]
enum Listing {
    Folders(Arc<[Arc<Folder>]>),
    Files(Arc<Files>),
}

/// Which of some folders a query needs. It is given the values of each folder, as many levels as are known.
pub type Keep<'a, E> = dyn Fn(&[&[ScalarValue]]) -> Result<Vec<bool>, E> + Send + Sync + 'a;

impl Listings {
    /// An empty cache within the config's limit. Listings are used for `listing_interval`.
    pub fn new(config: &Config) -> Self {
        let weigh = |(_, path): &(u64, Path), listing: &Listing| {
            u32::try_from(path.as_ref().len() + listing.memory_size()).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder()
            .max_capacity(config.cache.listings.0)
            .weigher(weigh)
            .time_to_live(config.listing_interval.0)
            .build();
        Self { cache, epochs: Arc::default() }
    }

    /// Bytes that all listings take in memory.
    pub async fn memory_size(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.weighted_size()
    }

    fn next_epoch(&self) -> u64 {
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }
}

impl Index {
    /// The files at `location`, in folders of `levels`; without levels, all files below it. Lists nothing yet.
    pub fn new(listings: Listings, location: Location, levels: Vec<Level>) -> Self {
        let epoch = AtomicU64::new(listings.next_epoch());
        let depth = unit_depth(&levels);
        Self { listings, location, levels, depth, epoch }
    }

    /// Where the files are.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Forgets all listings.
    pub fn refresh(&self) {
        self.epoch.store(self.listings.next_epoch(), Ordering::SeqCst);
    }

    /// The files as they are now, or were at most `listing_interval` ago.
    pub fn pin(self: &Arc<Self>) -> Pin {
        Pin { index: Arc::clone(self), epoch: self.epoch.load(Ordering::SeqCst), listed: Mutex::default() }
    }

    async fn list(&self, folder: &Folder) -> Result<Listing> {
        if folder.values.len() < self.depth {
            self.list_folders(folder).await.map(|folders| Listing::Folders(folders.into()))
        } else {
            self.list_files(folder).await.map(|files| Listing::Files(Arc::new(files)))
        }
    }

    /// The folders of the next level.
    async fn list_folders(&self, parent: &Folder) -> Result<Vec<Arc<Folder>>> {
        let level = &self.levels[parent.values.len()];
        let listed = self.location.store.list_with_delimiter(Some(&parent.path)).await;
        let listed = listed.map_err(|error| self.list_error(&parent.path, error))?;

        // A file beside the folders belongs to no partition: to leave it out could be to leave data out.
        let is_data =
            |file: &&ObjectMeta| !is_hidden(name_of(&file.location)) && !is_marker(file, &parent.path);
        if let Some(stray) = listed.objects.iter().find(is_data) {
            return Err(self.stray(&stray.location, level));
        }
        if listed.common_prefixes.is_empty() && parent.values.is_empty() {
            self.check_exists(&parent.path).await?;
        }
        let mut folders = Vec::with_capacity(listed.common_prefixes.len());
        for path in listed.common_prefixes {
            let name = name_of(&path);
            match level.parse(name) {
                Some(value) => {
                    let values = parent.values.iter().cloned().chain([value]).collect();
                    folders.push(Arc::new(Folder { path, values }));
                }
                None if is_hidden(name) && !level.names(name) => {}
                None => return Err(self.wrong_folder(&path, level)),
            }
        }
        folders.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(folders)
    }

    /// All files of a folder and below it.
    async fn list_files(&self, folder: &Folder) -> Result<Files> {
        let mut listed = Vec::new();
        let mut pages = self.location.store.list(Some(&folder.path));
        while let Some(file) = pages.try_next().await.map_err(|error| self.list_error(&folder.path, error))? {
            if listed.len() == FILES_MAX {
                let path = self.location.show(&folder.path);
                return Err(Error::Crowded { path, limit: FILES_MAX });
            }
            listed.push(file);
        }
        drop(pages);
        if listed.is_empty() && folder.values.is_empty() {
            // The location may be one file rather than a folder.
            match self.location.store.head(&folder.path).await {
                Ok(file) => return Files::pack(folder, vec![(file, folder.values.clone())]),
                Err(object_store::Error::NotFound { .. }) => self.check_exists(&folder.path).await?,
                // A local folder cannot be asked for as a file.
                Err(_) if !self.location.remote => self.check_exists(&folder.path).await?,
                Err(error) => return Err(self.list_error(&folder.path, error)),
            }
        }
        listed.sort_unstable_by(|a, b| a.location.cmp(&b.location));
        // A store may name an object on two pages: its rows are there once.
        listed.dedup_by(|a, b| a.location == b.location);
        let mut files = Vec::with_capacity(listed.len());
        let markers = markers(&listed, &folder.path);
        for file in listed {
            if let Some(values) = self.values_of(folder, &file)? {
                files.push((file, values));
            }
        }
        Ok(Files { markers, ..Files::pack(folder, files)? })
    }

    /// The values of all levels of a file below `folder`; `None` when it is not data.
    fn values_of(&self, folder: &Folder, file: &ObjectMeta) -> Result<Option<Vec<ScalarValue>>> {
        let mut values = folder.values.clone();
        let levels = &self.levels[folder.values.len()..];
        let below = relative(&file.location, &folder.path);
        let (folders, name) = below.rsplit_once('/').unwrap_or(("", below));
        let mut folders = folders.split('/').filter(|part| !part.is_empty());
        for level in levels {
            let Some(part) = folders.next() else {
                let hidden = is_hidden(name) || is_marker(file, &folder.path);
                return if hidden { Ok(None) } else { Err(self.stray(&file.location, level)) };
            };
            match level.parse(part) {
                Some(value) => values.push(value),
                None if is_hidden(part) && !level.names(part) => return Ok(None),
                None => return Err(self.wrong_folder(&file.location, level)),
            }
        }
        let hidden = is_hidden(name) || is_marker(file, &folder.path) || folders.any(is_hidden);
        Ok((!hidden).then_some(values))
    }

    /// A local folder that is not there is an error; an object store knows no empty folders.
    async fn check_exists(&self, path: &Path) -> Result<()> {
        let missing = self.location.is_local_missing().await;
        if missing { Err(Error::Missing { path: self.location.show(path) }) } else { Ok(()) }
    }

    fn list_error(&self, path: &Path, error: object_store::Error) -> Error {
        match error {
            object_store::Error::NotFound { .. } => Error::Missing { path: self.location.show(path) },
            source => {
                Error::Store { action: "list", path: self.location.show(path), source: Arc::new(source) }
            }
        }
    }

    fn wrong_folder(&self, path: &Path, level: &Level) -> Error {
        let path = self.location.show(path);
        Error::Folder { path, column: level.column.clone(), data_type: level.type_name().to_owned() }
    }

    fn stray(&self, path: &Path, level: &Level) -> Error {
        Error::Stray { path: self.location.show(path), column: level.column.clone() }
    }
}

impl Pin {
    /// Where the files are.
    pub fn location(&self) -> &Location {
        &self.index.location
    }

    /// The files whose partition values a query keeps, a listing per day. Folders are dropped as soon as
    /// their names tell that no file below can be needed; what is below them is never listed.
    pub async fn select<E: From<Error>>(&self, keep: &Keep<'_, E>) -> Result<Vec<Selected>, E> {
        let units = self.units(keep).await?;
        self.select_in(&units, keep).await
    }

    /// The files of some of the days that [`Self::units`] gave.
    pub async fn select_in<E: From<Error>>(
        &self,
        units: &[Arc<Folder>],
        keep: &Keep<'_, E>,
    ) -> Result<Vec<Selected>, E> {
        let known = units.iter().map(|unit| self.known(unit).map(Listing::into_files));
        let listings = match known.collect::<Option<Vec<_>>>() {
            Some(all) => all,
            None => concurrently(units.iter().map(|unit| self.files(unit)), CONCURRENCY).await?,
        };

        // What is known of a file is now known of all its levels.
        let groups: Vec<&[ScalarValue]> =
            listings.iter().flat_map(|files| files.groups.iter().map(Vec::as_slice)).collect();
        let kept = if self.index.levels.is_empty() { vec![true; groups.len()] } else { keep(&groups)? };
        let mut kept = kept.into_iter();
        let selected = listings.into_iter().map(|files| {
            let groups = kept.by_ref().take(files.groups.len()).collect();
            Selected { files, groups }
        });
        Ok(selected.collect())
    }

    /// The folders of days that a query keeps, in the order of their paths.
    pub async fn units<E: From<Error>>(&self, keep: &Keep<'_, E>) -> Result<Vec<Arc<Folder>>, E> {
        let mut folders = vec![self.top()];
        for _ in 0..self.index.depth {
            let below = folders.iter().map(|folder| self.folders(folder));
            let below = concurrently(below, CONCURRENCY).await?;
            let values: Vec<&[ScalarValue]> = below
                .iter()
                .flat_map(|folders| folders.iter().map(|folder| folder.values.as_slice()))
                .collect();
            let kept = keep(&values)?;
            let all = below.iter().flat_map(|folders| folders.iter());
            folders = all.zip(kept).filter(|(_, keep)| *keep).map(|(folder, _)| Arc::clone(folder)).collect();
        }
        Ok(folders)
    }

    /// The files of the newest day that has any, or of the oldest.
    pub async fn edge(&self, newest: bool) -> Result<Option<Arc<Files>>> {
        // A day without files is rare; a place with nothing else is not searched for ever.
        const TRIES_MAX: usize = 64;
        let mut next = vec![self.top()];
        for _ in 0..TRIES_MAX {
            let Some(folder) = next.pop() else { break };
            if folder.values.len() == self.index.depth {
                let files = self.files(&folder).await?;
                if !files.is_empty() {
                    return Ok(Some(files));
                }
                continue;
            }
            let mut below = self.folders(&folder).await?.to_vec();
            below.sort_by(|a, b| {
                let (a, b) = (a.values.last(), b.values.last());
                let order = a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal);
                if newest { order } else { order.reverse() }
            });
            // A day that is NULL is neither new nor old: it is looked at when there is no other.
            below.sort_by_key(|folder| !folder.values.last().is_some_and(ScalarValue::is_null));
            next.extend(below);
        }
        Ok(None)
    }

    /// The files of a day's folder.
    pub async fn files(&self, unit: &Folder) -> Result<Arc<Files>> {
        Ok(self.listing(unit).await?.into_files())
    }

    async fn folders(&self, folder: &Folder) -> Result<Arc<[Arc<Folder>]>> {
        match self.listing(folder).await? {
            Listing::Folders(folders) => Ok(folders),
            Listing::Files(_) => unreachable!("folders above the units are listed as folders"),
        }
    }

    /// The whole place.
    fn top(&self) -> Arc<Folder> {
        Arc::new(Folder { path: self.index.location.prefix.clone(), values: vec![] })
    }

    /// What a folder has, if it need not be listed for that.
    fn known(&self, folder: &Folder) -> Option<Listing> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(once) = listed.get(&folder.path) {
            return once.get().cloned();
        }
        let key = (self.epoch, folder.path.clone());
        let listing = self.index.listings.cache.get(&key).now_or_never()??;
        listed.insert(key.1, Arc::new(OnceCell::new_with(Some(listing.clone()))));
        Some(listing)
    }

    async fn listing(&self, folder: &Folder) -> Result<Listing> {
        if let Some(known) = self.known(folder) {
            return Ok(known);
        }
        let once = {
            let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(listed.entry(folder.path.clone()).or_default())
        };
        let listing = once.get_or_try_init(|| async {
            let key = (self.epoch, folder.path.clone());
            let list = self.index.list(folder);
            let listed = self.index.listings.cache.try_get_with(key, list).await;
            listed.map_err(Arc::unwrap_or_clone)
        });
        listing.await.cloned()
    }
}

/// Files of one day, some of which a query needs.
#[derive(Clone, Debug)]
pub struct Selected {
    files: Arc<Files>,
    groups: Vec<bool>,
}

impl Selected {
    /// The files that the query needs, with the values of all levels.
    pub fn iter(&self) -> impl Iterator<Item = (File, &[ScalarValue])> {
        self.files
            .iter()
            .filter(|(_, group)| self.groups[*group])
            .map(|(file, group)| (file, self.files.groups[group].as_slice()))
    }

    /// What tells versions of these files apart, for each distinct set of values of all levels.
    pub fn digests(&self) -> impl Iterator<Item = (&[ScalarValue], Digest)> {
        let groups = self.files.groups.iter().zip(self.files.digests()).zip(&self.groups);
        groups.filter(|(_, kept)| **kept).map(|((values, digest), _)| (values.as_slice(), *digest))
    }
}

impl Selected {
    /// Whether a file of this name, which is no data, lies in the day's folder.
    pub fn has_marker(&self, name: &str) -> bool {
        self.files.markers.iter().any(|marker| **marker == *name)
    }
}

impl Files {
    fn pack(folder: &Folder, files: Vec<(ObjectMeta, Vec<ScalarValue>)>) -> Result<Self> {
        let mut groups = Vec::new();
        let mut group_of: HashMap<Vec<ScalarValue>, u32> = HashMap::new();
        let mut text = String::new();
        let mut packed = Vec::with_capacity(files.len());
        for (file, values) in files {
            text.push_str(relative(&file.location, &folder.path));
            let name_end = position(&text, folder)?;
            text.push_str(file.e_tag.as_deref().unwrap_or_default());
            let tag_end = position(&text, folder)?;
            let group = match group_of.get(&values) {
                Some(group) => *group,
                None => {
                    let group = u32::try_from(groups.len()).map_err(|_| crowded(folder))?;
                    groups.push(values.clone());
                    group_of.insert(values, group);
                    group
                }
            };
            let modified_ns = file.last_modified.timestamp_nanos_opt().unwrap_or_default();
            packed.push(Packed { size: file.size, modified_ns, name_end, tag_end, group });
        }
        groups.shrink_to_fit();
        let digests = OnceLock::new();
        let (folder, markers) = (folder.path.clone(), Box::default());
        Ok(Self { folder, groups, text: text.into(), packed: packed.into(), digests, markers })
    }

    fn digests(&self) -> &[Digest] {
        self.digests.get_or_init(|| {
            let mut digests = vec![Digest::default(); self.groups.len()];
            for (file, group) in self.iter() {
                digests[group] += Digest::of(&file, relative(&file.path, &self.folder));
            }
            digests.into()
        })
    }

    /// The files, each with the number of its group of values.
    fn iter(&self) -> impl Iterator<Item = (File, usize)> {
        let mut begin = 0;
        self.packed.iter().map(move |packed| {
            let (name_end, tag_end) = (packed.name_end as usize, packed.tag_end as usize);
            let (name, tag) = (&self.text[begin..name_end], &self.text[name_end..tag_end]);
            begin = tag_end;
            (self.unpack(packed, name, tag), packed.group as usize)
        })
    }

    fn unpack(&self, packed: &Packed, name: &str, tag: &str) -> File {
        let path = match (self.folder.is_root(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (_, true) => self.folder.to_string(),
            _ => format!("{}/{name}", self.folder),
        };
        File {
            path: Path::parse(path).expect("a store gave this path"),
            size: packed.size,
            modified: DateTime::from_timestamp_nanos(packed.modified_ns),
            e_tag: (!tag.is_empty()).then(|| tag.to_owned()),
        }
    }

    /// The files without their values.
    pub fn files(&self) -> impl Iterator<Item = File> {
        self.iter().map(|(file, _)| file)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Bytes in memory, about.
    pub fn memory_size(&self) -> usize {
        let values = self.groups.iter().flatten().map(ScalarValue::size).sum::<usize>();
        let digests = self.groups.len() * size_of::<Digest>();
        size_of::<Self>() + values + self.text.len() + self.packed.len() * size_of::<Packed>() + digests
    }
}

impl Listing {
    /// Those of a unit.
    fn into_files(self) -> Arc<Files> {
        match self {
            Self::Files(files) => files,
            Self::Folders(_) => unreachable!("units are at the depth where files are listed"),
        }
    }

    fn memory_size(&self) -> usize {
        match self {
            Self::Files(files) => files.memory_size(),
            Self::Folders(folders) => folders
                .iter()
                .map(|folder| {
                    let values = folder.values.iter().map(ScalarValue::size).sum::<usize>();
                    size_of::<Folder>() + folder.path.as_ref().len() + values
                })
                .sum(),
        }
    }
}

impl fmt::Debug for Listings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Listings").field("bytes", &self.cache.weighted_size()).finish()
    }
}

/// Names of files that are no data, in a folder itself; a few of them.
fn markers(listed: &[ObjectMeta], folder: &Path) -> Box<[Box<str>]> {
    const MARKERS_MAX: usize = 16;
    let no_data = |file: &&ObjectMeta| is_hidden(name_of(&file.location)) || is_marker(file, folder);
    let names = listed.iter().filter(no_data).map(|file| relative(&file.location, folder));
    names.filter(|name| !name.contains('/')).take(MARKERS_MAX).map(Box::from).collect()
}

fn position(text: &str, folder: &Folder) -> Result<u32> {
    u32::try_from(text.len()).map_err(|_| crowded(folder))
}

fn crowded(folder: &Folder) -> Error {
    Error::Crowded { path: folder.path.to_string(), limit: FILES_MAX }
}

/// The last part of a path.
fn name_of(path: &Path) -> &str {
    path.filename().unwrap_or_default()
}

/// A path without the folder that it is in; empty when it is that folder.
fn relative<'a>(path: &'a Path, folder: &Path) -> &'a str {
    let below = path.as_ref().strip_prefix(folder.as_ref()).unwrap_or(path.as_ref());
    below.trim_start_matches('/')
}

/// Whether an object only stands for a folder, as some tools for object stores make them: it is empty, and
/// is the folder itself or has a name without an ending.
fn is_marker(file: &ObjectMeta, folder: &Path) -> bool {
    file.size == 0 && (file.location == *folder || !name_of(&file.location).contains('.'))
}
