//! Checkpoints: the actions of all commits before, as Parquet. It must not know what they mean together.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListBuilder, MapBuilder, MapFieldNames,
    RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use arrow::error::ArrowError;
use futures::TryStreamExt;
use object_store::ObjectMeta;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
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

/// A checkpoint as the bytes of a Parquet file.
pub fn write<'a>(
    protocol: &Protocol,
    metadata: &MetaData,
    files: impl ExactSizeIterator<Item = &'a Add>,
) -> Result<Vec<u8>, ParquetError> {
    let files: Vec<&Add> = files.collect();
    // The first row is the protocol, the second the metadata; files follow.
    let rows = 2 + files.len();
    let protocol = |row: usize| (row == 0).then_some(protocol);
    let metadata = |row: usize| (row == 1).then_some(metadata);
    let file = |row: usize| files.get(row.wrapping_sub(2)).copied();

    let texts = |of: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new((0..rows).map(of).collect::<StringArray>())
    };
    let longs = |of: &dyn Fn(usize) -> Option<i64>| -> ArrayRef {
        Arc::new((0..rows).map(of).collect::<Int64Array>())
    };
    let integers = |of: &dyn Fn(usize) -> Option<i32>| -> ArrayRef {
        Arc::new((0..rows).map(of).collect::<Int32Array>())
    };
    let empty = Texts::new();

    let protocols = structure(
        rows,
        &|row| protocol(row).is_some(),
        vec![
            ("minReaderVersion", integers(&|row| Some(protocol(row)?.min_reader_version))),
            ("minWriterVersion", integers(&|row| Some(protocol(row)?.min_writer_version))),
            ("readerFeatures", list(rows, &|row| protocol(row)?.reader_features.as_deref())),
            ("writerFeatures", list(rows, &|row| protocol(row)?.writer_features.as_deref())),
        ],
    )?;
    let formats = structure(
        rows,
        &|row| metadata(row).is_some(),
        vec![
            ("provider", texts(&|row| Some(metadata(row)?.format.provider.clone()))),
            ("options", map(rows, &|row| metadata(row).map(|_| &empty))?),
        ],
    )?;
    let metadatas = structure(
        rows,
        &|row| metadata(row).is_some(),
        vec![
            ("id", texts(&|row| Some(metadata(row)?.id.clone()))),
            ("format", formats),
            ("schemaString", texts(&|row| Some(metadata(row)?.schema_string.clone()))),
            ("partitionColumns", list(rows, &|row| Some(metadata(row)?.partition_columns.as_slice()))),
            ("configuration", map(rows, &|row| Some(&metadata(row)?.configuration))?),
            ("createdTime", longs(&|row| metadata(row)?.created_time)),
        ],
    )?;
    let changes: BooleanArray = (0..rows).map(|row| file(row).map(|_| false)).collect();
    let adds = structure(
        rows,
        &|row| file(row).is_some(),
        vec![
            ("path", texts(&|row| Some(file(row)?.path.clone()))),
            ("partitionValues", map(rows, &|row| Some(&file(row)?.partition_values))?),
            ("size", longs(&|row| Some(file(row)?.size))),
            ("modificationTime", longs(&|row| Some(file(row)?.modification_time))),
            ("dataChange", Arc::new(changes)),
            ("stats", texts(&|row| file(row)?.stats.clone())),
            ("tags", map(rows, &|row| file(row)?.tags.as_ref())?),
        ],
    )?;

    let columns = [("protocol", protocols), ("metaData", metadatas), ("add", adds)];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?;
    let mut writer = ArrowWriter::try_new(vec![], batch.schema(), None)?;
    writer.write(&batch)?;
    writer.into_inner()
}

type Texts = BTreeMap<String, Option<String>>;

fn structure(
    rows: usize,
    is_present: &dyn Fn(usize) -> bool,
    columns: Vec<(&str, ArrayRef)>,
) -> Result<ArrayRef, ArrowError> {
    let (fields, columns): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|(name, column)| (Field::new(name, column.data_type().clone(), true), column))
        .unzip();
    let present: NullBuffer = (0..rows).map(is_present).collect();
    Ok(Arc::new(StructArray::try_new(fields.into(), columns, Some(present))?))
}

fn list<'a>(rows: usize, of: &dyn Fn(usize) -> Option<&'a [String]>) -> ArrayRef {
    let element = Field::new("element", DataType::Utf8, true);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(element);
    for row in 0..rows {
        lists.append_option(of(row).map(|texts| texts.iter().map(Some)));
    }
    Arc::new(lists.finish())
}

fn map<'a>(rows: usize, of: &dyn Fn(usize) -> Option<&'a Texts>) -> Result<ArrayRef, ArrowError> {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for row in 0..rows {
        let texts = of(row);
        for (key, value) in texts.into_iter().flatten() {
            maps.keys().append_value(key);
            maps.values().append_option(value.as_ref());
        }
        maps.append(texts.is_some())?;
    }
    Ok(Arc::new(maps.finish()))
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
