//! The commit that makes refreshed units visible: all of them, or none of them. It must not know how they were
//! computed.
//!
//! Whoever computed a unit saw what was published when the work began. When that has changed, somebody else has
//! published the unit: the same one, and there is nothing left to do, or another one, and this one gives way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::Schema;
use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use tracing::warn;

use super::published::{Content, Fingerprint, Published, PublishedLog, Record, Unit};
use crate::catalog::{Pinned, TableId};
use crate::lake::delta::action::{Action, Add};
use crate::lake::delta::{Snapshot, history, schema, write};
use crate::lake::{Error, Result, durable};

/// Others may be faster so many times.
const ATTEMPTS_MAX: usize = 50;

/// A unit that was computed.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which.
    pub unit: Unit,
    /// What it was made from.
    pub fingerprint: Fingerprint,
    /// What its rows are.
    pub content: Content,
    /// What it was made from, for people: JSON.
    pub inputs: String,
    /// Its files, at least one, that no log names yet.
    pub files: Vec<Add>,
    /// They take the place of those that are published even where their rows are the same.
    pub is_forced: bool,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Its rows are visible.
    Published,
    /// Its rows were visible already: only what they were made from is new.
    Same,
    /// Somebody else published the same.
    ByOther,
    /// Somebody else published something else in the meantime: what this was made from is out of date.
    Overtaken,
}

/// The columns of a view's table.
#[derive(Clone, Debug)]
pub struct Columns {
    /// In the types that are stored.
    pub schema: Arc<Schema>,
    /// The name of the day.
    pub day: Option<String>,
}

impl PublishedLog {
    /// Publishes units that were computed when `base` was published. Files that did not become part of the table
    /// are removed. After an error nobody knows whether the commit is there; then no file is removed.
    pub async fn publish(
        &self,
        base: Option<&Published>,
        columns: &Columns,
        changes: Vec<Change>,
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<Unit, Done>> {
        for _ in 0..ATTEMPTS_MAX {
            let newest = self.newest().await?;
            let Commit { version, actions, done } =
                self.commit(base, newest.as_deref(), columns, &changes, now).await?;
            let committed =
                actions.is_empty() || write::commit(self.location(), version, "WRITE", &actions, now).await?;
            if !committed {
                continue;
            }
            self.refresh();
            let unused = changes.iter().filter(|change| done.get(&change.unit) != Some(&Done::Published));
            for change in unused {
                self.discard(&change.files).await;
            }
            if !actions.is_empty()
                && let Err(error) = write::checkpoint_if_due(self.reader(), self.location(), version).await
            {
                // The log is whole without it; the next one is due in a few commits.
                warn!(table = %self.location(), version, %error, "cannot make a checkpoint");
            }
            return Ok(done);
        }
        let reason = "other servers publish faster than this one can".to_owned();
        Err(Error::Corrupt { path: self.location().to_string(), reason })
    }

    /// Takes units away that should not be there, unless somebody has published them anew since `base`. How many went.
    pub async fn retract(
        &self,
        base: &Published,
        units: &BTreeSet<Unit>,
        now: DateTime<Utc>,
    ) -> Result<usize> {
        let version_of =
            |published: &Published, unit: &Unit| published.units.get(unit).map(|unit| unit.version);
        for _ in 0..ATTEMPTS_MAX {
            let Some(newest) = self.newest().await? else { return Ok(0) };
            let is_gone = |unit: &Unit| {
                let version = version_of(&newest, unit);
                units.contains(unit) && version.is_some() && version == version_of(base, unit)
            };
            let gone = newest.units.keys().filter(|unit| is_gone(unit)).count();
            if gone == 0 {
                return Ok(0);
            }
            let names = units_by_name(&newest).filter(|(_, unit)| is_gone(unit));
            let actions: Vec<Action> = names.map(|(name, _)| write::remove(name, now)).collect();
            let version = newest.snapshot.version() + 1;
            if write::commit(self.location(), version, "DELETE", &actions, now).await? {
                self.refresh();
                return Ok(gone);
            }
        }
        let reason = "other servers publish faster than this one can".to_owned();
        Err(Error::Corrupt { path: self.location().to_string(), reason })
    }

    /// Makes the table what it was at a version. The version that this is.
    pub async fn restore(&self, version: u64, now: DateTime<Utc>) -> Result<u64> {
        for _ in 0..ATTEMPTS_MAX {
            let (next, actions) = history::restore(self.reader(), self.location(), version, now).await?;
            if write::commit(self.location(), next, "RESTORE", &actions, now).await? {
                self.refresh();
                return Ok(next);
            }
        }
        let reason = "other servers publish faster than this one can".to_owned();
        Err(Error::Corrupt { path: self.location().to_string(), reason })
    }

    /// Removes what no version since `since` needs, nor anybody who reads.
    pub async fn vacuum(
        &self,
        since: DateTime<Utc>,
        written_since: DateTime<Utc>,
    ) -> Result<history::Removed> {
        let held = self.held();
        let held: BTreeSet<_> = held
            .iter()
            .flat_map(|version| version.snapshot.files())
            .map(|file| file.file.path.clone())
            .collect();
        let keep = history::Keep { since, written_since, held: &held };
        history::vacuum(self.reader(), self.location(), &keep).await
    }

    /// Removes files that never became part of the table.
    pub async fn discard(&self, files: &[Add]) {
        for file in files {
            let prefix = self.location().prefix.clone();
            let path = file.path.split('/').fold(prefix, |path, part| path.join(part));
            if let Err(error) = durable::remove(self.location(), &path).await {
                // Vacuum removes it later.
                warn!(%error, "cannot remove a file that was not published");
            }
        }
    }

    /// The rows of files that are not published yet, as a table.
    pub fn rows_of(&self, id: &TableId, columns: &Columns, files: &[Add]) -> Result<Arc<dyn TableProvider>> {
        let days = columns.day.iter().cloned().collect();
        let snapshot = Snapshot::of_files(self.location(), Arc::clone(&columns.schema), days, files)?;
        let (location, reader) = (self.location().clone(), Arc::clone(self.reader()));
        Ok(Arc::new(Pinned::of_version(id.clone(), location, Arc::new(snapshot), reader)))
    }

    /// What the next version has to say.
    async fn commit(
        &self,
        base: Option<&Published>,
        newest: Option<&Published>,
        columns: &Columns,
        changes: &[Change],
        now: DateTime<Utc>,
    ) -> Result<Commit> {
        let location = self.location();
        let refused = |reason| Error::Corrupt { path: location.to_string(), reason };
        let version = newest.map_or(0, |newest| newest.snapshot.version() + 1);
        let partition_columns: Vec<String> = columns.day.iter().cloned().collect();
        let (mut actions, fits) = match newest {
            None => (write::first_actions(&columns.schema, partition_columns, now).map_err(refused)?, true),
            Some(newest) => column_changes(newest, columns, partition_columns).map_err(refused)?,
        };
        let of_columns = actions.len();

        let done: BTreeMap<Unit, Done> =
            changes.iter().map(|change| (change.unit, decide(base, newest, change, fits))).collect();
        let published = |unit: &Unit| done.get(unit) == Some(&Done::Published);
        let known = match (newest, done.values().any(|done| *done == Done::Same)) {
            (Some(newest), true) => write::added(self.reader(), location, newest.snapshot.version()).await?,
            _ => BTreeMap::new(),
        };
        let tags_of = |change: &Change, files: usize| {
            let Change { unit, fingerprint, content, inputs, .. } = change.clone();
            let record = Record { unit, fingerprint, content, published_at: now, version, inputs, files };
            Some(record.tags().into_iter().map(|(tag, value)| (tag, Some(value))).collect())
        };
        for change in changes {
            let files: Vec<Add> = match done[&change.unit] {
                Done::Published => change.files.clone(),
                Done::Same => {
                    let of_unit = newest.into_iter().flat_map(|newest| named_files(newest, change.unit));
                    let of_unit = of_unit.filter_map(|name| known.get(name).cloned());
                    of_unit.map(|file| Add { data_change: false, ..file }).collect()
                }
                Done::ByOther | Done::Overtaken => continue,
            };
            let tags = tags_of(change, files.len());
            actions.extend(files.into_iter().map(|file| write::add(Add { tags: tags.clone(), ..file })));
        }
        if actions.len() == of_columns {
            return Ok(Commit { version, actions: vec![], done });
        }
        // A table has days, or is one unit: what is of the other kind is in the way.
        let is_whole = done.contains_key(&Unit::Whole);
        for (name, unit) in newest.into_iter().flat_map(units_by_name) {
            if published(&unit) || !fits || (unit == Unit::Whole) != is_whole {
                actions.push(write::remove(name, now));
            }
        }
        Ok(Commit { version, actions, done })
    }
}

/// A commit that is tried.
struct Commit {
    version: u64,
    /// None: there is nothing to commit.
    actions: Vec<Action>,
    done: BTreeMap<Unit, Done>,
}

/// What a change becomes, on top of what is published now.
fn decide(base: Option<&Published>, newest: Option<&Published>, change: &Change, fits: bool) -> Done {
    let unit_of = |published: Option<&Published>| {
        let unit = published?.units.get(&change.unit)?;
        Some((unit.fingerprint, unit.version, unit.content))
    };
    let (was, is) = (unit_of(base), unit_of(newest));
    match is {
        is if is == was => match is {
            Some((_, _, content)) if content == change.content && fits && !change.is_forced => Done::Same,
            _ => Done::Published,
        },
        Some((fingerprint, ..)) if fingerprint == change.fingerprint => Done::ByOther,
        _ => Done::Overtaken,
    }
}

/// What has to be said of the columns, and whether what is published fits them: a column that stays keeps its type.
fn column_changes(
    newest: &Published,
    columns: &Columns,
    partition_columns: Vec<String>,
) -> Result<(Vec<Action>, bool), String> {
    let known = &newest.snapshot;
    let same_days = known.partition_columns() == partition_columns;
    if same_days && known.schema_string() == schema::write(&columns.schema)? {
        return Ok((vec![], true));
    }
    let keeps_type = |field: &Arc<arrow::datatypes::Field>| {
        let known = known.schema().field_with_name(field.name());
        known.is_ok_and(|known| known.data_type() == field.data_type())
    };
    // A column that is new has no values in what is published, and its definition is another.
    let fits = same_days
        && columns.schema.fields().len() == known.schema().fields().len()
        && columns.schema.fields().iter().all(keeps_type);
    Ok((write::column_actions(known, &columns.schema, partition_columns)?, fits))
}

fn named_files(published: &Published, unit: Unit) -> impl Iterator<Item = &str> {
    units_by_name(published).filter(move |(_, of)| *of == unit).map(|(name, _)| name)
}

fn units_by_name(published: &Published) -> impl Iterator<Item = (&str, Unit)> {
    let files = published.snapshot.named_files();
    files.filter_map(|(name, file)| Some((name, Record::of(&file.tags)?.unit)))
}

/// Whether a view of these columns can be published: why not, otherwise.
pub fn check_columns(columns: &Schema, has_day: bool) -> Result<(), String> {
    if has_day && columns.fields().len() < 2 {
        return Err("a materialized view needs a column beside its day".to_owned());
    }
    schema::stored(columns).map(drop)
}
