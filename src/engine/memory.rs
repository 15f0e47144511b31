//! What queries may use of memory and disk: a limit for all of them, and one for each.
//!
//! It must not know what the memory is used for. Operators that can spill share two thirds of a query's
//! limit evenly; those that cannot take what they need, first come, first served; across queries the
//! server's limit is first come, first served, because a fair share of everything would make every
//! query spill as soon as a second one runs.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use super::error::{Error, Result};
use crate::config::Config;

/// Memory and disk of all queries.
#[derive(Debug)]
pub struct Memory {
    server: Arc<GreedyMemoryPool>,
    /// Object stores, footers and spill files, which all queries share.
    environment: Arc<RuntimeEnv>,
    limits: Limits,
    /// Holds the directory for spill files while the server lives.
    _directory: Option<File>,
}

impl Memory {
    /// The limits of the config. The directory for spill files is made when it is not there.
    pub fn new(config: &Config) -> Result<Self> {
        let server = Arc::new(GreedyMemoryPool::new(config.memory.bytes()));
        let limits = Limits::of(config);
        let mut disk = DiskManagerBuilder::default()
            .with_max_temp_directory_size(config.spill.limit.0)
            .with_max_spill_merge_fan_in(limits.files_per_merge);
        let mut held = None;
        if let Some(directory) = &config.spill.directory {
            held = hold(directory).map_err(|error| {
                Error::DiskFull(format!("cannot use the spill directory {}: {error}", directory.display()))
            })?;
            disk = disk.with_mode(DiskManagerMode::Directories(vec![directory.clone()]));
        }
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::clone(&server) as Arc<dyn MemoryPool>)
            .with_disk_manager_builder(disk)
            .with_metadata_cache_limit(config.cache.footers.bytes())
            // Listings and statistics have an owner already: the lake.
            .with_object_list_cache_limit(0)
            .with_file_statistics_cache_limit(0)
            .build_arc()?;
        Ok(Self { server, environment, limits, _directory: held })
    }

    /// What all queries share.
    pub fn environment(&self) -> &Arc<RuntimeEnv> {
        &self.environment
    }

    /// Bytes that all queries have reserved now.
    pub fn reserved(&self) -> usize {
        self.server.reserved()
    }

    /// Room for what is made of a statement's text until it runs.
    pub fn for_text(&self, text: &str) -> Result<MemoryReservation> {
        let server = Arc::clone(&self.server) as Arc<dyn MemoryPool>;
        let room = MemoryConsumer::new("the text of a statement").register(&server);
        room.try_grow(words(text) * BYTES_PER_WORD)?;
        Ok(room)
    }

    /// The environment of one query, with its own limit inside the server's.
    pub fn for_query(&self) -> Result<(Arc<RuntimeEnv>, Arc<QueryPool>)> {
        let pool = Arc::new(QueryPool {
            limit: self.limits.bytes,
            used: Mutex::default(),
            server: Arc::clone(&self.server),
            peak: AtomicUsize::new(0),
        });
        let environment = RuntimeEnvBuilder::from_runtime_env(&self.environment)
            .with_memory_pool(Arc::clone(&pool) as Arc<dyn MemoryPool>)
            .build_arc()?;
        Ok((environment, pool))
    }
}

/// What one query may use, and what its operators must keep to so that they can work within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one query.
    pub bytes: usize,
    /// Parts of a query that run at once. Each sorts, groups and merges for itself.
    pub partitions: usize,
    /// Rows that operators hand on at once. A merge holds several such batches of each of its inputs.
    pub rows_per_batch: usize,
    /// Bytes that each sort keeps back for merging.
    pub bytes_per_merge: usize,
    /// Spill files that are merged at once; more are merged in several rounds.
    pub files_per_merge: usize,
}

impl Limits {
    /// The limits that follow from the config.
    pub fn of(config: &Config) -> Self {
        let half = config.memory.bytes() / 2;
        let bytes = config.memory_per_query.map_or(half, |size| size.bytes());
        let partitions = config.query_threads().min(bytes / BYTES_PER_PARTITION_MIN).max(1);
        let bytes_per_partition = bytes / partitions;
        let rows = ROWS_PER_BATCH.saturating_mul(bytes_per_partition) / BYTES_FOR_WHOLE_BATCHES;
        Self {
            bytes,
            partitions,
            rows_per_batch: rows.clamp(ROWS_PER_BATCH_MIN, ROWS_PER_BATCH),
            bytes_per_merge: (bytes_per_partition / 16).min(BYTES_PER_MERGE_MAX),
            files_per_merge: (bytes_per_partition / BYTES_PER_MERGED_FILE).max(FILES_PER_MERGE_MIN),
        }
    }

    /// The limits of a query whose joins sort: its memory is shared by the sorts of all sides, and DataFusion
    /// joins so only what is in several parts.
    pub fn of_sorting_joins(self) -> Self {
        Self {
            partitions: self.partitions.max(2),
            rows_per_batch: (self.rows_per_batch / 4).max(ROWS_PER_BATCH_MIN),
            ..self
        }
    }
}

/// With less a partition's operators have no room to work, so fewer partitions run.
const BYTES_PER_PARTITION_MIN: usize = 16 << 20;

/// DataFusion's own batches, and the memory of a partition from which on they are not too large.
const ROWS_PER_BATCH: usize = 8_192;
const ROWS_PER_BATCH_MIN: usize = 512;
const BYTES_FOR_WHOLE_BATCHES: usize = 64 << 20;

/// DataFusion's default.
const BYTES_PER_MERGE_MAX: usize = 10 << 20;

/// A merge takes all files that fit; it must leave something to the operators that still read.
const BYTES_PER_MERGED_FILE: usize = 8 << 20;
const FILES_PER_MERGE_MIN: usize = 8;

/// What a word of a statement takes at most, as a token, in the tree, and in the plan that is made of it.
const BYTES_PER_WORD: usize = 1_000;

/// How many names, numbers and strings a text has, about; what is in strings counts, too.
fn words(text: &str) -> usize {
    let ends = |byte: u8| byte.is_ascii_whitespace() || b"(),;=<>+-*/%|&^~!".contains(&byte);
    let mut before = true;
    text.bytes().filter(|byte| std::mem::replace(&mut before, ends(*byte)) && !ends(*byte)).count()
}

/// Makes a directory for spill files and removes what a server that was killed left in it, unless another
/// server uses it now.
fn hold(directory: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(directory)?;
    let lock = File::create(directory.join("lakefront.lock"))?;
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("datafusion-") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(Some(lock))
}

/// The memory of one query: a reservation must fit into its own limit and into the server's.
///
/// A sort that runs out of memory needs some for merging what it has, so that it can spill it; the same is
/// true of a merge of spill files. Operators that can spill therefore never fill the limit, as they would in
/// DataFusion's fair pool: a third of it is left to what cannot wait.
#[derive(Debug)]
pub struct QueryPool {
    limit: usize,
    used: Mutex<Used>,
    server: Arc<GreedyMemoryPool>,
    /// Most bytes at once.
    peak: AtomicUsize,
}

/// Who uses the memory of a query.
#[derive(Debug, Default)]
struct Used {
    /// How many operators can spill.
    spillers: usize,
    /// Bytes of those.
    spillable: usize,
    /// Bytes of the others.
    fixed: usize,
}

impl Used {
    fn total(&self) -> usize {
        self.spillable + self.fixed
    }

    fn of(&mut self, reservation: &MemoryReservation) -> &mut usize {
        if reservation.consumer().can_spill() { &mut self.spillable } else { &mut self.fixed }
    }

    /// The bytes that are left of a limit for a reservation.
    fn left(&self, limit: usize, reservation: &MemoryReservation) -> usize {
        if reservation.consumer().can_spill() {
            let all = limit.saturating_sub(self.fixed).min(limit / 3 * 2);
            (all / self.spillers.max(1)).saturating_sub(reservation.size())
        } else {
            limit.saturating_sub(self.total())
        }
    }
}

impl QueryPool {
    /// Most bytes that the query had reserved at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, used: &mut Used, reservation: &MemoryReservation, additional: usize) {
        *used.of(reservation) += additional;
        self.peak.fetch_max(used.total(), Ordering::Relaxed);
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.used().spillers += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.used().spillers -= usize::from(consumer.can_spill());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.server.grow(reservation, additional);
        self.take(&mut self.used(), reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        *self.used().of(reservation) -= shrink;
        self.server.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DataFusionResult<()> {
        let mut used = self.used();
        let left = used.left(self.limit, reservation);
        if additional > left {
            let (consumer, size) = (reservation.consumer().name(), reservation.size());
            tracing::debug!(consumer, size, additional, left, limit = self.limit, "memory refused");
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} has {} bytes, needs {additional} more, and {left} are left of the query's {}",
                reservation.consumer().name(),
                reservation.size(),
                self.limit,
            )));
        }
        self.server.try_grow(reservation, additional)?;
        self.take(&mut used, reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used().total()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "query (limit: {} bytes)", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ByteSize;

    #[test]
    fn a_query_stays_in_its_limit_and_all_in_the_servers() {
        let config = Config {
            memory: ByteSize::mib(100),
            memory_per_query: Some(ByteSize::mib(60)),
            ..Config::default()
        };
        let memory = Memory::new(&config).unwrap();
        let mib = 1 << 20;

        let (_, first) = memory.for_query().unwrap();
        let (_, second) = memory.for_query().unwrap();
        let one = MemoryConsumer::new("one").register(&(Arc::clone(&first) as Arc<dyn MemoryPool>));
        let two = MemoryConsumer::new("two").register(&(Arc::clone(&second) as Arc<dyn MemoryPool>));

        assert!(one.try_grow(61 * mib).is_err(), "more than one query may use");
        one.try_grow(60 * mib).unwrap();
        assert!(two.try_grow(50 * mib).is_err(), "more than is left of the server's");
        assert_eq!(second.reserved(), 0, "what was refused is not kept");
        two.try_grow(40 * mib).unwrap();
        assert_eq!(memory.reserved(), 100 * mib);

        drop(one);
        assert_eq!(memory.reserved(), 40 * mib);
        assert_eq!(first.peak(), 60 * mib);
    }

    #[test]
    fn operators_that_can_spill_leave_room_to_merge() {
        let config = Config { memory_per_query: Some(ByteSize::mib(60)), ..Config::default() };
        let (_, pool) = Memory::new(&config).unwrap().for_query().unwrap();
        let pool = pool as Arc<dyn MemoryPool>;
        let mib = 1 << 20;
        let first = MemoryConsumer::new("first").with_can_spill(true).register(&pool);
        assert!(first.try_grow(41 * mib).is_err(), "more than two thirds");
        first.try_grow(40 * mib).unwrap();

        let second = MemoryConsumer::new("second").with_can_spill(true).register(&pool);
        assert!(second.try_grow(21 * mib).is_err(), "more than half of two thirds");
        assert!(first.try_grow(1).is_err(), "more than the share of now");
        let merge = MemoryConsumer::new("merge").register(&pool);
        assert!(merge.try_grow(21 * mib).is_err(), "more than there is");
        merge.try_grow(20 * mib).unwrap();
        first.free();
        second.try_grow(20 * mib).unwrap();

        merge.try_grow(20 * mib).unwrap();
        second.free();
        assert!(second.try_grow(11 * mib).is_err(), "more than half of what is left");
        second.try_grow(10 * mib).unwrap();
        assert_eq!(pool.reserved(), 50 * mib);
    }

    #[test]
    fn small_limits_make_small_parts() {
        let check = |per_query: ByteSize, threads: usize, expected: (usize, usize, usize, usize)| {
            let config =
                Config { memory_per_query: Some(per_query), threads: Some(threads), ..Config::default() };
            let limits = Limits::of(&config);
            let Limits { partitions, rows_per_batch, bytes_per_merge, files_per_merge, .. } = limits;
            assert_eq!((partitions, rows_per_batch, bytes_per_merge >> 10, files_per_merge), expected);
        };
        check(ByteSize::gib(2), 8, (8, 8_192, 10_240, 32));
        check(ByteSize::mib(256), 4, (4, 8_192, 4_096, 8));
        check(ByteSize::mib(64), 8, (4, 2_048, 1_024, 8));
        check(ByteSize::mib(20), 8, (1, 2_560, 1_280, 8));
        check(ByteSize::mib(1), 8, (1, 512, 64, 8));
    }

    #[test]
    fn what_a_killed_server_left_is_removed_and_what_another_uses_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let left = directory.path().join("datafusion-left");
        let check = |removed: bool| {
            fs::create_dir_all(&left).unwrap();
            let held = hold(directory.path()).unwrap();
            assert_eq!(!left.exists(), removed);
            held
        };
        let held = check(true);
        check(false);
        drop(held);
        check(true);
    }
}
