//! The files of a Delta log: commits and checkpoints by version. It must not know what they say.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde::Deserialize;

use super::super::store::Location;
use super::super::{Error, Result};

/// Names begin with the version in so many digits.
const VERSION_DIGITS: usize = 20;
const PART_DIGITS: usize = 10;
/// Files of one listing; logs are cleaned up long before.
const FILES_MAX: usize = 10_000_000;

/// The log of a table.
pub struct Log<'a> {
    location: &'a Location,
    folder: Path,
}

/// What a listing of the log found.
#[derive(Debug, Default)]
pub struct Listing {
    pub commits: BTreeMap<u64, ObjectMeta>,
    /// Complete ones only, their parts in order.
    pub checkpoints: BTreeMap<u64, Vec<ObjectMeta>>,
}

/// What a name of the log says.
#[derive(Debug, PartialEq)]
enum Name {
    Commit(u64),
    Checkpoint { version: u64, part: u32, parts: u32 },
}

impl<'a> Log<'a> {
    pub fn new(location: &'a Location) -> Self {
        Self { location, folder: location.prefix.clone().join("_delta_log") }
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn commit_path(&self, version: u64) -> Path {
        self.folder.clone().join(format!("{version:0VERSION_DIGITS$}.json"))
    }

    pub fn checkpoint_path(&self, version: u64) -> Path {
        self.folder.clone().join(format!("{version:0VERSION_DIGITS$}.checkpoint.parquet"))
    }

    /// Where the newest checkpoint is named.
    pub fn hint_path(&self) -> Path {
        self.folder.clone().join("_last_checkpoint")
    }

    /// The version that `_last_checkpoint` names. Nobody must keep it right, so that a broken one is none.
    pub async fn checkpoint_hint(&self) -> Result<Option<u64>> {
        #[derive(Deserialize)]
        struct Hint {
            version: u64,
        }
        let path = self.hint_path();
        let fetch = async { self.location.store.get(&path).await?.bytes().await };
        match fetch.await {
            Ok(bytes) => Ok(serde_json::from_slice::<Hint>(&bytes).ok().map(|hint| hint.version)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.error("read", &path, source)),
        }
    }

    /// Lists the log from a version on.
    pub async fn list(&self, from: Option<u64>) -> Result<Listing> {
        let store = &self.location.store;
        let mut files = match from {
            // The names of this version begin with the offset, and so come after it.
            Some(version) => {
                let offset = self.folder.clone().join(format!("{version:0VERSION_DIGITS$}"));
                store.list_with_offset(Some(&self.folder), &offset)
            }
            None => store.list(Some(&self.folder)),
        };
        let mut listing = Listing::default();
        let mut parts: BTreeMap<(u64, u32), BTreeMap<u32, ObjectMeta>> = BTreeMap::new();
        let mut count = 0;
        while let Some(file) =
            files.try_next().await.map_err(|source| self.error("list", &self.folder, source))?
        {
            count += 1;
            if count > FILES_MAX {
                let (path, reason) = (self.location.show(&self.folder), "it has too many files".to_owned());
                return Err(Error::Corrupt { path, reason });
            }
            let name = file.location.filename().filter(|_| {
                // Not of folders within the log.
                file.location.parts_count() == self.folder.parts_count() + 1
            });
            match name.and_then(Name::parse) {
                Some(Name::Commit(version)) => {
                    listing.commits.insert(version, file);
                }
                Some(Name::Checkpoint { version, part, parts: count }) => {
                    parts.entry((version, count)).or_default().insert(part, file);
                }
                None => {}
            }
        }
        for ((version, count), found) in parts {
            if found.len() == count as usize {
                listing.checkpoints.insert(version, found.into_values().collect());
            }
        }
        Ok(listing)
    }

    fn error(&self, action: &'static str, path: &Path, source: object_store::Error) -> Error {
        Error::Store { action, path: self.location.show(path), source: source.into() }
    }
}

impl Listing {
    /// The newest checkpoint up to a version.
    pub fn newest_checkpoint(&self, until: Option<u64>) -> Option<(u64, &[ObjectMeta])> {
        let newest = self.checkpoints.range(..=until.unwrap_or(u64::MAX)).next_back();
        newest.map(|(version, parts)| (*version, parts.as_slice()))
    }

    /// The commits after a version, or all from the first; an error when one is missing.
    pub fn commits_after(&self, version: Option<u64>) -> Result<Vec<(u64, ObjectMeta)>, String> {
        let first = version.map_or(0, |version| version + 1);
        let commits = self.commits.range(first..).map(|(version, meta)| (*version, meta.clone()));
        let commits: Vec<_> = commits.collect();
        let gap = commits.iter().zip(first..).find(|((version, _), due)| version != due);
        match gap {
            None => Ok(commits),
            Some((_, due)) => Err(format!("its log misses version {due}")),
        }
    }
}

impl Name {
    /// `00000000000000000012.json`, `….checkpoint.parquet`, `….checkpoint.0000000001.0000000002.parquet`.
    fn parse(name: &str) -> Option<Self> {
        let (version, rest) = name.split_once('.')?;
        let version = number(version, VERSION_DIGITS)?;
        match rest {
            "json" => Some(Self::Commit(version)),
            "checkpoint.parquet" => Some(Self::Checkpoint { version, part: 1, parts: 1 }),
            rest => {
                let numbers = rest.strip_prefix("checkpoint.")?.strip_suffix(".parquet")?;
                let (part, parts) = numbers.split_once('.')?;
                let part = u32::try_from(number(part, PART_DIGITS)?).ok()?;
                let parts = u32::try_from(number(parts, PART_DIGITS)?).ok()?;
                (1..=parts).contains(&part).then_some(Self::Checkpoint { version, part, parts })
            }
        }
    }
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let valid = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |name: &str, expected: Option<Name>| assert_eq!(Name::parse(name), expected, "{name}");
        let checkpoint = |version, part, parts| Some(Name::Checkpoint { version, part, parts });
        check("00000000000000000000.json", Some(Name::Commit(0)));
        check("00000000000000000012.checkpoint.parquet", checkpoint(12, 1, 1));
        check("00000000000000000012.checkpoint.0000000002.0000000003.parquet", checkpoint(12, 2, 3));
        check("00000000000000000012.checkpoint.0000000004.0000000003.parquet", None);
        check("00000000000000000012.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json", None);
        check("00000000000000000010.00000000000000000012.compacted.json", None);
        check("00000000000000000012.crc", None);
        check("0000000000000000001x.json", None);
        check("12.json", None);
        check("_last_checkpoint", None);
    }
}
