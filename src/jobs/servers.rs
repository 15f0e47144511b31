//! Which servers of a warehouse live: each leaves a sign of life there, again and again, and the one that tells people looks
//! at the signs of the others. It must not know what servers do.
//!
//! Clocks are not compared. A server is silent when its sign stays the same while somebody else looks at it for a while.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::lake::store::Location;
use crate::lake::{Result, durable};
use crate::refresh::process::Process;

/// How often a server leaves a sign.
const BEAT: TimeDelta = TimeDelta::seconds(30);
/// A server whose sign has stayed the same for so long is silent.
const SILENCE: TimeDelta = TimeDelta::minutes(3);
/// No more than this counts between two looks: a clock that jumps makes silences, too.
const LOOK: TimeDelta = TimeDelta::minutes(1);

/// The servers of a warehouse, as one of them sees them.
#[derive(Debug)]
pub struct Servers {
    warehouse: Location,
    folder: Path,
    /// The name of this server's sign: another one each time that it starts.
    own: String,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    left_at: Option<DateTime<Utc>>,
    /// What was seen of others, by the names of their signs.
    seen: BTreeMap<String, Seen>,
}

/// How long a sign has been the same.
#[derive(Debug)]
struct Seen {
    changed_at: DateTime<Utc>,
    looked_at: DateTime<Utc>,
    quiet: TimeDelta,
}

/// A server that is silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    sign: String,
    /// Which, for people.
    pub server: String,
    /// Its last sign of life.
    pub seen_at: DateTime<Utc>,
}

/// What a sign says.
#[derive(Debug, Deserialize, Serialize)]
struct Sign {
    server: String,
    at: DateTime<Utc>,
}

impl Servers {
    /// The servers of the warehouse at this place, for one that has just started.
    pub fn new(warehouse: &Location, clock: Clock) -> Self {
        let folder = warehouse.prefix.clone().join("_lakefront").join("servers");
        let (warehouse, own, state) = (warehouse.clone(), durable::unique(), Mutex::default());
        Self { warehouse, folder, own, clock, state }
    }

    /// Leaves a sign of life when it is time to.
    pub async fn beat(&self) -> Result<()> {
        let now = self.clock.now();
        let is_early = |left_at: DateTime<Utc>| (TimeDelta::zero()..BEAT).contains(&(now - left_at));
        if self.state().left_at.is_some_and(is_early) {
            return Ok(());
        }
        let server = Process::own().map_or_else(|| format!("server {}", self.own), |own| own.to_string());
        let sign = serde_json::to_vec(&Sign { server, at: now }).expect("texts and times are JSON");
        durable::replace(&self.warehouse, &self.path(&self.own), sign.into()).await?;
        self.state().left_at = Some(now);
        Ok(())
    }

    /// Takes this server's sign away: it stops, and nobody should miss it.
    pub async fn leave(&self) -> Result<()> {
        durable::remove(&self.warehouse, &self.path(&self.own)).await
    }

    /// Looks at the signs of the others: which of them are silent.
    pub async fn silent(&self) -> Result<Vec<Silent>> {
        let signs: Vec<_> = match self.warehouse.store.list(Some(&self.folder)).try_collect().await {
            Ok(signs) => signs,
            Err(object_store::Error::NotFound { .. }) => vec![],
            Err(error) => return Err(durable::store_error(&self.warehouse, "list", &self.folder, error)),
        };
        let signs = signs.into_iter().filter_map(|sign| {
            let name = sign.location.filename()?.strip_suffix(".json")?.to_owned();
            (name != self.own).then_some((name, sign.last_modified))
        });
        let mut silent = vec![];
        for name in self.look(signs.collect()) {
            let Some(bytes) = durable::read(&self.warehouse, &self.path(&name)).await? else { continue };
            // Whatever it says, it is somebody's who says nothing more.
            let (server, seen_at) = match serde_json::from_slice(&bytes) {
                Ok(Sign { server, at }) => (server, at),
                Err(_) => (format!("server {name}"), self.clock.now() - SILENCE),
            };
            silent.push(Silent { sign: name, server, seen_at });
        }
        Ok(silent)
    }

    /// Takes the sign of a silent server away: everybody knows.
    pub async fn forget(&self, silent: &Silent) -> Result<()> {
        durable::remove(&self.warehouse, &self.path(&silent.sign)).await
    }

    /// Notes when each sign was last changed. Those that have been the same for too long.
    fn look(&self, signs: BTreeMap<String, DateTime<Utc>>) -> Vec<String> {
        let now = self.clock.now();
        let mut state = self.state();
        state.seen.retain(|name, _| signs.contains_key(name));
        let mut silent = vec![];
        for (name, changed_at) in signs {
            let new = || Seen { changed_at, looked_at: now, quiet: TimeDelta::zero() };
            let seen = state.seen.entry(name.clone()).or_insert_with(new);
            if seen.changed_at != changed_at {
                *seen = new();
            }
            seen.quiet += (now - seen.looked_at).clamp(TimeDelta::zero(), LOOK);
            seen.looked_at = now;
            if seen.quiet >= SILENCE {
                silent.push(name);
            }
        }
        silent
    }

    fn path(&self, name: &str) -> Path {
        self.folder.clone().join(format!("{name}.json"))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
