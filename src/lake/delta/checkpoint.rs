//! Checkpoints: the actions of all commits before, as Parquet. It must not know what they mean together.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use object_store::ObjectMeta;
use serde::de::IgnoredAny;

use super::super::reader::Reader;
use super::super::store::Location;
use super::super::{Error, Result};
use super::action::{Action, Add, Format, MetaData, Protocol};

/// What is read; statistics in columns of their own, and files that are no more, are not.
const COLUMNS: [&str; 9] = [
    "add.path",
    "add.partitionValues",
    "add.size",
    "add.modificationTime",
    "add.stats",
    "add.tags",
    "add.deletionVector",
    "metaData",
    "protocol",
];

/// Reads one part of a checkpoint, an action at a time.
pub async fn read(
    reader: &Arc<Reader>,
    location: &Location,
    part: &ObjectMeta,
    mut take: impl FnMut(Action),
) -> Result<()> {
    let mut batches = reader.batches(location, part, &COLUMNS).await?;
    while let Some(batch) = batches.try_next().await? {
        let actions = actions(&batch).map_err(|error| Error::Corrupt {
            path: location.show(&part.location),
            reason: error.to_string(),
        })?;
        actions.into_iter().for_each(&mut take);
    }
    Ok(())
}

fn actions(batch: &RecordBatch) -> Result<Vec<Action>, ArrowError> {
    let mut actions = vec![];
    if let Some(rows) = Rows::of(batch, "add")? {
        let (path, stats) = (rows.texts("path")?, rows.optional_texts("stats")?);
        let size = rows.column("size", &DataType::Int64)?;
        let modified = rows.column("modificationTime", &DataType::Int64)?;
        let (values, tags) = (rows.maps("partitionValues")?, rows.maps("tags")?);
        let vectors = rows.rows.column_by_name("deletionVector");
        for row in rows.present() {
            actions.push(Action {
                add: Some(Add {
                    path: path.value(row).to_owned(),
                    partition_values: values(row),
                    size: size.as_primitive::<Int64Type>().value(row),
                    modification_time: modified.as_primitive::<Int64Type>().value(row),
                    data_change: false,
                    tags: Some(tags(row)).filter(|tags| !tags.is_empty()),
                    stats: stats.as_ref().and_then(|stats| text(stats, row)),
                    deletion_vector: vectors.filter(|vectors| vectors.is_valid(row)).map(|_| IgnoredAny),
                }),
                ..Action::default()
            });
        }
    }
    if let Some(rows) = Rows::of(batch, "metaData")? {
        let (schema, configuration) = (rows.texts("schemaString")?, rows.maps("configuration")?);
        let (id, created) = (rows.optional_texts("id")?, rows.optional_numbers("createdTime")?);
        let partitions = rows.lists("partitionColumns")?;
        for row in rows.present() {
            let meta_data = MetaData {
                id: id.as_ref().and_then(|id| text(id, row)).unwrap_or_default(),
                format: Format::default(),
                created_time: created.as_ref().and_then(|created| number(created, row)),
                schema_string: schema.value(row).to_owned(),
                partition_columns: partitions(row),
                configuration: configuration(row),
            };
            actions.push(Action { meta_data: Some(meta_data), ..Action::default() });
        }
    }
    if let Some(rows) = Rows::of(batch, "protocol")? {
        let version = rows.column("minReaderVersion", &DataType::Int32)?;
        let writer_version = rows.optional_numbers("minWriterVersion")?;
        let (features, writer_features) = (rows.lists("readerFeatures")?, rows.lists("writerFeatures")?);
        for row in rows.present() {
            let writer_version = writer_version.as_ref().and_then(|version| number(version, row));
            let protocol = Protocol {
                min_reader_version: version.as_primitive::<Int32Type>().value(row),
                min_writer_version: writer_version.and_then(|version| version.try_into().ok()).unwrap_or(0),
                reader_features: Some(features(row)).filter(|features| !features.is_empty()),
                writer_features: Some(writer_features(row)).filter(|features| !features.is_empty()),
            };
            actions.push(Action { protocol: Some(protocol), ..Action::default() });
        }
    }
    Ok(actions)
}

/// The rows of one kind of action; NULL in rows of other kinds.
struct Rows<'a> {
    name: &'static str,
    rows: &'a StructArray,
}

impl<'a> Rows<'a> {
    fn of(batch: &'a RecordBatch, name: &'static str) -> Result<Option<Self>, ArrowError> {
        let Some(column) = batch.column_by_name(name) else { return Ok(None) };
        let rows = column.as_struct_opt().ok_or_else(|| unexpected(name, "a structure"))?;
        Ok(Some(Self { name, rows }))
    }

    /// The rows that there are.
    fn present(&self) -> impl Iterator<Item = usize> {
        (0..self.rows.len()).filter(|row| self.rows.is_valid(*row))
    }

    fn column(&self, name: &str, data_type: &DataType) -> Result<Arc<dyn Array>, ArrowError> {
        let column = self.rows.column_by_name(name).ok_or_else(|| unexpected(self.name, name))?;
        cast(column, data_type)
    }

    fn texts(&self, name: &str) -> Result<StringArray, ArrowError> {
        Ok(self.column(name, &DataType::Utf8)?.as_string().clone())
    }

    fn optional_texts(&self, name: &str) -> Result<Option<StringArray>, ArrowError> {
        self.rows.column_by_name(name).map(|_| self.texts(name)).transpose()
    }

    fn optional_numbers(&self, name: &str) -> Result<Option<Int64Array>, ArrowError> {
        let column =
            self.rows.column_by_name(name).map(|_| self.column(name, &DataType::Int64)).transpose()?;
        Ok(column.map(|column| column.as_primitive().clone()))
    }

    /// A column of maps of texts, by row; without the column, empty ones.
    fn maps(
        &self,
        name: &'static str,
    ) -> Result<impl Fn(usize) -> BTreeMap<String, Option<String>>, ArrowError> {
        let column = self.rows.column_by_name(name);
        let maps = column.map(|column| {
            let maps = column.as_map_opt().ok_or_else(|| unexpected(name, "a map"))?.clone();
            let keys = cast(maps.keys(), &DataType::Utf8)?.as_string::<i32>().clone();
            let values = cast(maps.values(), &DataType::Utf8)?.as_string::<i32>().clone();
            Ok::<_, ArrowError>((maps, keys, values))
        });
        let maps = maps.transpose()?;
        Ok(move |row: usize| match &maps {
            Some((maps, keys, values)) if maps.is_valid(row) => {
                let offsets = maps.value_offsets();
                let entries = offsets[row] as usize..offsets[row + 1] as usize;
                entries.map(|entry| (keys.value(entry).to_owned(), text(values, entry))).collect()
            }
            _ => BTreeMap::new(),
        })
    }

    /// A column of lists of texts, by row; without the column, empty ones.
    fn lists(&self, name: &'static str) -> Result<impl Fn(usize) -> Vec<String>, ArrowError> {
        let column = self.rows.column_by_name(name);
        let lists = column.map(|column| {
            let lists = column.as_list_opt::<i32>().ok_or_else(|| unexpected(name, "a list"))?.clone();
            let values = cast(lists.values(), &DataType::Utf8)?.as_string::<i32>().clone();
            Ok::<_, ArrowError>((lists, values))
        });
        let lists = lists.transpose()?;
        Ok(move |row: usize| match &lists {
            Some((lists, values)) if lists.is_valid(row) => {
                let offsets = lists.value_offsets();
                let entries = offsets[row] as usize..offsets[row + 1] as usize;
                entries.filter_map(|entry| text(values, entry)).collect()
            }
            _ => Vec::new(),
        })
    }
}

fn text(texts: &StringArray, row: usize) -> Option<String> {
    texts.is_valid(row).then(|| texts.value(row).to_owned())
}

fn number(numbers: &Int64Array, row: usize) -> Option<i64> {
    numbers.is_valid(row).then(|| numbers.value(row))
}

fn unexpected(name: &str, expected: &str) -> ArrowError {
    ArrowError::SchemaError(format!("`{name}` of the checkpoint has no {expected}"))
}
