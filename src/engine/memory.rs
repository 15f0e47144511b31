//! What queries may use of memory and disk: a limit for all of them, and one for each.
//!
//! It must not know what the memory is used for. Operators that can spill share a query's limit
//! evenly; those that cannot take what they need, first come, first served; across queries the
//! server's limit is first come, first served, because a fair share of everything would make every
//! query spill as soon as a second one runs.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::Result as DataFusionResult;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{
    FairSpillPool, GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
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
    bytes_per_query: usize,
    /// Holds the directory for spill files while the server lives.
    _directory: Option<File>,
}

impl Memory {
    /// The limits of the config. The directory for spill files is made when it is not there.
    pub fn new(config: &Config) -> Result<Self> {
        let server = Arc::new(GreedyMemoryPool::new(config.memory.bytes()));
        let mut disk = DiskManagerBuilder::default().with_max_temp_directory_size(config.spill.limit.0);
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
        let half = config.memory.bytes() / 2;
        let bytes_per_query = config.memory_per_query.map_or(half, |size| size.bytes());
        Ok(Self { server, environment, bytes_per_query, _directory: held })
    }

    /// What all queries share.
    pub fn environment(&self) -> &Arc<RuntimeEnv> {
        &self.environment
    }

    /// Bytes that all queries have reserved now.
    pub fn reserved(&self) -> usize {
        self.server.reserved()
    }

    /// The environment of one query, with its own limit inside the server's.
    pub fn for_query(&self) -> Result<(Arc<RuntimeEnv>, Arc<QueryPool>)> {
        let pool = Arc::new(QueryPool {
            share: FairSpillPool::new(self.bytes_per_query),
            server: Arc::clone(&self.server),
            peak: AtomicUsize::new(0),
        });
        let environment = RuntimeEnvBuilder::from_runtime_env(&self.environment)
            .with_memory_pool(Arc::clone(&pool) as Arc<dyn MemoryPool>)
            .build_arc()?;
        Ok((environment, pool))
    }
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
#[derive(Debug)]
pub struct QueryPool {
    share: FairSpillPool,
    server: Arc<GreedyMemoryPool>,
    /// Most bytes at once.
    peak: AtomicUsize,
}

impl QueryPool {
    /// Most bytes that the query had reserved at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn note_peak(&self) {
        self.peak.fetch_max(self.share.reserved(), Ordering::Relaxed);
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.share.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.share.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.share.grow(reservation, additional);
        self.server.grow(reservation, additional);
        self.note_peak();
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.share.shrink(reservation, shrink);
        self.server.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DataFusionResult<()> {
        self.share.try_grow(reservation, additional)?;
        if let Err(error) = self.server.try_grow(reservation, additional) {
            self.share.shrink(reservation, additional);
            return Err(error);
        }
        self.note_peak();
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.share.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.share.memory_limit()
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "query ({})", self.share)
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
