//! Leases: the right of one server to refresh some units of a view for a while. It must not know what refreshing
//! is.
//!
//! A lease is a file that only one server can have created; its number is one more than that of the lease before,
//! and the highest number holds. A lease ends when it is given back, or when its time is over: a server that died
//! renews nothing. On the machine of the one that died, nobody waits for that. What is published never depends on
//! leases: they only keep servers from doing the same work.
//!
//! ```text
//! free ── create n+1 ──→ held ── renew ──→ held
//!                         ├─ give back ──→ free
//!                         └─ time is over → free
//! ```

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::clock::Clock;
use crate::lake::store::Location;
use crate::lake::{Error, Result, durable};

/// How long a lease holds unless it is renewed. The clocks of servers must not be further apart than a part of it.
pub const TERM: Duration = Duration::from_secs(60);

/// How long a lease may be used before it is renewed.
pub const RENEWAL: Duration = Duration::from_secs(20);

/// How the file is named, beside a lease, by which others ask its holder to stop.
const WISH: &str = "stop";

/// The leases of a warehouse, as one server sees them.
#[derive(Clone, Debug)]
pub struct Leases {
    warehouse: Location,
    /// Who this server is: another one each time that it starts.
    owner: Arc<str>,
    /// The same, for others on its machine.
    process: Option<Process>,
    clock: Clock,
    /// The leases that this server uses now, how often it asked for each: one of its own that is not among them is over,
    /// though it could not be given back.
    used: Arc<Mutex<BTreeMap<(Path, u64), usize>>>,
}

/// A lease that this server has taken. One that is dropped is given back soon.
#[derive(Debug)]
pub struct Lease {
    leases: Leases,
    folder: Path,
    number: u64,
    is_ours: bool,
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Taken {
    /// It is this server's for a while.
    Ours(Box<Lease>),
    /// Another refresh has it, be it of this server or of another.
    Held(Holder),
}

/// The refresh that has a lease.
#[derive(Clone, Debug)]
pub struct Holder {
    folder: Path,
    number: u64,
    /// For people.
    who: String,
}

/// What the file of a lease says.
#[derive(Debug, Deserialize, Serialize)]
struct Terms {
    owner: String,
    expires_at: DateTime<Utc>,
    #[serde(default)]
    process: Option<Process>,
    /// Tells two requests of one server apart.
    request: String,
}

impl Leases {
    /// The leases of the warehouse at this place, for a server that has just started.
    pub fn new(warehouse: &Location, clock: Clock) -> Self {
        let (warehouse, owner) = (warehouse.clone(), durable::unique().into());
        Self { warehouse, owner, process: Process::own(), clock, used: Arc::default() }
    }

    /// Takes the lease of `units`, such as a month, of a view, unless another refresh has it.
    pub async fn take(&self, database: &str, view: &str, units: &str) -> Result<Taken> {
        let folder = self.of_view(database, view).join(units);
        let files = self.files(&folder).await?;
        let before = newest_of(&files);
        if let Some((number, path)) = &before
            && let Some(terms) = self.terms(path).await?
            && self.runs(&folder, *number, &terms)
        {
            tracing::debug!(of = %terms.owner, number, units, "the lease is held");
            return Ok(Taken::Held(Holder { folder, number: *number, who: terms.who() }));
        }
        let number = before.as_ref().map_or(1, |(number, _)| number + 1);
        let mut lease = Lease::new(self, folder, number);
        if !durable::create(&self.warehouse, &lease.path(), self.new_terms(TERM)).await? {
            let who = self.terms(&lease.path()).await?.map_or_else(String::new, |terms| terms.who());
            return Ok(Taken::Held(Holder { folder: lease.folder.clone(), number, who }));
        }
        lease.is_ours = true;
        // Only the newest number matters, and it stays, so that numbers never begin anew.
        if let Some((_, path)) = before {
            durable::remove(&self.warehouse, &path).await?;
        }
        for wish in files.iter().filter(|file| file.extension() == Some(WISH)) {
            durable::remove(&self.warehouse, wish).await?;
        }
        Ok(Taken::Ours(Box::new(lease)))
    }

    /// Leaves word beside the leases of a view that other servers have: they are to stop. How many these are.
    pub async fn ask_to_stop(&self, database: &str, view: &str) -> Result<u64> {
        let mut folders: BTreeMap<Path, Vec<Path>> = BTreeMap::new();
        for file in self.files(&self.of_view(database, view)).await? {
            if let Some((folder, _)) = file.as_ref().rsplit_once('/') {
                folders.entry(Path::from(folder)).or_default().push(file);
            }
        }
        let mut asked = 0;
        for (folder, files) in folders {
            let Some((number, path)) = newest_of(&files) else { continue };
            let Some(terms) = self.terms(&path).await? else { continue };
            if terms.owner != *self.owner && self.runs(&folder, number, &terms) {
                durable::replace(&self.warehouse, &wish_of(&folder, number), self.new_terms(TERM)).await?;
                asked += 1;
            }
        }
        Ok(asked)
    }

    fn of_view(&self, database: &str, view: &str) -> Path {
        let of_view = format!("{}.{}", database.to_lowercase(), view.to_lowercase());
        self.warehouse.prefix.clone().join("_lakefront").join("leases").join(of_view)
    }

    /// Whether the holder has the lease no more: it gave it back, its time is over, or another one has taken it.
    pub async fn is_over(&self, holder: &Holder) -> Result<bool> {
        match self.newest(&holder.folder).await? {
            Some((number, path)) if number == holder.number => {
                let terms = self.terms(&path).await?;
                Ok(!terms.is_some_and(|terms| self.runs(&holder.folder, number, &terms)))
            }
            _ => Ok(true),
        }
    }

    /// Whether a lease is still somebody's.
    fn runs(&self, folder: &Path, number: u64, terms: &Terms) -> bool {
        let is_used = terms.owner != *self.owner || self.used().contains_key(&(folder.clone(), number));
        is_used
            && terms.expires_at > self.clock.now()
            && !terms.process.as_ref().is_some_and(Process::is_dead)
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<(Path, u64), usize>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a lease back, unless another one has taken it.
    async fn end(&self, folder: &Path, number: u64) -> Result<()> {
        if self.newest(folder).await?.is_some_and(|(newest, _)| newest == number) {
            durable::replace(&self.warehouse, &path_of(folder, number), self.new_terms(Duration::ZERO))
                .await?;
        }
        Ok(())
    }

    /// The newest lease in a folder.
    async fn newest(&self, folder: &Path) -> Result<Option<(u64, Path)>> {
        Ok(newest_of(&self.files(folder).await?))
    }

    /// All files below a folder.
    async fn files(&self, folder: &Path) -> Result<Vec<Path>> {
        let files = self.warehouse.store.list(Some(folder)).map_ok(|file| file.location);
        match files.try_collect().await {
            Ok(files) => Ok(files),
            Err(object_store::Error::NotFound { .. }) => Ok(vec![]),
            Err(error) => Err(durable::store_error(&self.warehouse, "list", folder, error)),
        }
    }

    /// What a lease says; `None` when it is gone in the meantime.
    async fn terms(&self, path: &Path) -> Result<Option<Terms>> {
        let Some(bytes) = durable::read(&self.warehouse, path).await? else { return Ok(None) };
        let terms = serde_json::from_slice(&bytes);
        terms.map(Some).map_err(|error| Error::Corrupt {
            path: self.warehouse.show(path),
            reason: format!("it is no lease: {error}; remove it"),
        })
    }

    fn new_terms(&self, term: Duration) -> Bytes {
        let term = TimeDelta::from_std(term).unwrap_or_default();
        let terms = Terms {
            owner: self.owner.to_string(),
            expires_at: self.clock.now() + term,
            process: self.process.clone(),
            request: durable::unique(),
        };
        serde_json::to_vec(&terms).expect("texts and times are JSON").into()
    }
}

impl Terms {
    fn who(&self) -> String {
        match &self.process {
            Some(process) => process.to_string(),
            None => format!("server {}", self.owner),
        }
    }
}

impl Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.who.is_empty() { "another server" } else { &self.who })
    }
}

impl Lease {
    /// One that is about to be taken.
    fn new(leases: &Leases, folder: Path, number: u64) -> Self {
        *leases.used().entry((folder.clone(), number)).or_default() += 1;
        Self { leases: leases.clone(), folder, number, is_ours: false }
    }

    /// Holds the lease for another term. False: it is another server's by now, and the work must not be published.
    pub async fn renew(&self) -> Result<bool> {
        if !self.is_held().await? {
            return Ok(false);
        }
        durable::replace(&self.leases.warehouse, &self.path(), self.leases.new_terms(TERM)).await?;
        // Another one may have taken it between the two requests.
        self.is_newest().await
    }

    /// Whether nobody else has taken the lease, and it still runs.
    pub async fn is_held(&self) -> Result<bool> {
        let terms = self.leases.terms(&self.path()).await?;
        let runs = terms.is_some_and(|terms| {
            terms.owner == *self.leases.owner && terms.expires_at > self.leases.clock.now()
        });
        Ok(runs && self.is_newest().await?)
    }

    /// Gives the lease back.
    pub async fn give_back(mut self) -> Result<()> {
        self.is_ours = false;
        self.leases.end(&self.folder, self.number).await
    }

    /// Whether somebody has left word that what holds it should stop.
    pub async fn is_unwanted(&self) -> Result<bool> {
        let wish = wish_of(&self.folder, self.number);
        Ok(durable::read(&self.leases.warehouse, &wish).await?.is_some())
    }

    async fn is_newest(&self) -> Result<bool> {
        let newest = self.leases.newest(&self.folder).await?;
        Ok(newest.is_some_and(|(number, _)| number == self.number))
    }

    fn path(&self) -> Path {
        path_of(&self.folder, self.number)
    }
}

fn path_of(folder: &Path, number: u64) -> Path {
    folder.clone().join(format!("{number:020}.json"))
}

fn wish_of(folder: &Path, number: u64) -> Path {
    folder.clone().join(format!("{number:020}.{WISH}"))
}

/// The lease with the highest number among some files.
fn newest_of(files: &[Path]) -> Option<(u64, Path)> {
    let numbered = files.iter().filter_map(|file| {
        let number = file.filename()?.strip_suffix(".json")?.parse().ok()?;
        Some((number, file.clone()))
    });
    numbered.max()
}

/// Work that is dropped, because its client is gone for one, should keep nobody waiting.
impl Drop for Lease {
    fn drop(&mut self) {
        let key = (self.folder.clone(), self.number);
        if let Entry::Occupied(mut used) = self.leases.used().entry(key) {
            *used.get_mut() -= 1;
            if *used.get() == 0 {
                used.remove();
            }
        }
        if !self.is_ours {
            return;
        }
        let (leases, folder, number) = (self.leases.clone(), self.folder.clone(), self.number);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // It ends by itself otherwise.
            runtime.spawn(async move { drop(leases.end(&folder, number).await) });
        }
    }
}
