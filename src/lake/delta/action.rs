//! What commits and checkpoints say, one action each. It must not know where they are kept.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// Features of the reader that change nothing here: times without a zone are Arrow's, deletion vectors
/// are refused at the files that have one, and the check of vacuum concerns writers.
const READER_FEATURES: [&str; 3] = ["timestampNtz", "deletionVectors", "vacuumProtocolCheck"];

/// One line of a commit. Other actions than these do not matter to readers.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta_data: Option<MetaData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<Remove>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<Add>,
}

/// A file is part of the table.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Add {
    /// As in the log: the key of the file.
    pub path: String,
    pub partition_values: BTreeMap<String, Option<String>>,
    pub size: i64,
    /// Milliseconds since 1970.
    pub modification_time: i64,
    /// Whether its rows are new to the table; false when only what is said of the file is.
    #[serde(default = "yes")]
    pub data_change: bool,
    /// JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<String>,
    /// What its writer noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Option<String>>>,
    #[serde(skip_serializing)]
    pub deletion_vector: Option<IgnoredAny>,
}

/// A file is not part of the table any more.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remove {
    /// As in the log.
    pub path: String,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<i64>,
    /// Whether its rows are gone.
    #[serde(default = "yes")]
    pub data_change: bool,
}

/// What the table is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetaData {
    /// Of the table, for ever.
    #[serde(default)]
    pub id: String,
    /// How its data files are written.
    #[serde(default)]
    pub format: Format,
    /// JSON.
    pub schema_string: String,
    #[serde(default)]
    pub partition_columns: Vec<String>,
    #[serde(default)]
    pub configuration: BTreeMap<String, Option<String>>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_time: Option<i64>,
}

/// How data files are written: always Parquet.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Format {
    pub provider: String,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl Default for Format {
    fn default() -> Self {
        Self { provider: "parquet".to_owned(), options: BTreeMap::new() }
    }
}

/// What a reader, and a writer, must be able to do.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Protocol {
    pub min_reader_version: i32,
    #[serde(default)]
    pub min_writer_version: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_features: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer_features: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

impl Action {
    /// Reads the lines of a commit.
    pub fn parse_lines(commit: &[u8]) -> Result<Vec<Self>, String> {
        let lines = commit.split(|byte| *byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let parse = |(number, line)| {
            serde_json::from_slice(line).map_err(|error| {
                // Every line is its own text, whose first line says nothing.
                let text = error.to_string();
                let text = text.rsplit_once(" at line").map_or(text.as_str(), |(text, _)| text);
                format!("line {}: {text}, at its byte {}", number + 1, error.column())
            })
        };
        lines.map(parse).collect()
    }
}

impl Add {
    /// How many rows the file has, where its statistics tell.
    pub fn rows(&self) -> Option<u64> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Stats {
            num_records: Option<u64>,
        }
        serde_json::from_str::<Stats>(self.stats.as_deref()?).ok()?.num_records
    }
}

impl MetaData {
    /// Refuses what changes the meaning of the data files.
    pub fn check(&self) -> Result<(), String> {
        match self.configuration.get("delta.columnMapping.mode") {
            None | Some(None) => Ok(()),
            Some(Some(mode)) if mode == "none" => Ok(()),
            Some(Some(mode)) => Err(format!(
                "its columns have other names in its files (feature `columnMapping`, mode `{mode}`), which is not \
                 supported; rewrite the table without it"
            )),
        }
    }
}

impl Protocol {
    /// Refuses features that are not known. Version 2 is column mapping alone, which [`MetaData`] checks.
    pub fn check(&self) -> Result<(), String> {
        match self.min_reader_version {
            1 | 2 => Ok(()),
            3 => {
                let features = self.reader_features.iter().flatten();
                let mut unknown = features.filter(|feature| {
                    let feature = feature.as_str();
                    !READER_FEATURES.contains(&feature) && feature != "columnMapping"
                });
                match unknown.next() {
                    None => Ok(()),
                    Some(feature) => {
                        Err(format!("it needs the Delta feature `{feature}`, which is not supported"))
                    }
                }
            }
            version => Err(format!("it needs a Delta reader of version {version}, which is not supported")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        let check = |line: &str, expected: Result<(), &str>| {
            let actions = Action::parse_lines(line.as_bytes()).unwrap();
            let checked = match &actions[0] {
                Action { protocol: Some(protocol), .. } => protocol.check(),
                Action { meta_data: Some(metadata), .. } => metadata.check(),
                _ => unreachable!("only these are checked"),
            };
            assert_eq!(checked, expected.map_err(str::to_owned), "{line}");
        };
        check(r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#, Ok(()));
        check(r#"{"protocol":{"minReaderVersion":3,"readerFeatures":["timestampNtz"]}}"#, Ok(()));
        check(
            r#"{"protocol":{"minReaderVersion":3,"readerFeatures":["timestampNtz","v2Checkpoint"]}}"#,
            Err("it needs the Delta feature `v2Checkpoint`, which is not supported"),
        );
        check(
            r#"{"protocol":{"minReaderVersion":4}}"#,
            Err("it needs a Delta reader of version 4, which is not supported"),
        );
        check(
            r#"{"metaData":{"schemaString":"","configuration":{"delta.columnMapping.mode":"none"}}}"#,
            Ok(()),
        );
        check(
            r#"{"metaData":{"schemaString":"","configuration":{"delta.columnMapping.mode":"name"}}}"#,
            Err(
                "its columns have other names in its files (feature `columnMapping`, mode `name`), which is not \
                 supported; rewrite the table without it",
            ),
        );
    }
}
