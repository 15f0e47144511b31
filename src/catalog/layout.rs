//! The columns of a table: as clients see them, as queries see them, and as scans find them in files and
//! folders. It must not know how files are listed.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::datasource::table_schema::TableSchema;

use super::Column;
use super::definition::{ColumnDefinition, Ordered};
use crate::lake::partition::Level;
use crate::lake::{self, delta};

/// The columns of a table.
#[derive(Clone, Debug)]
pub struct Layout {
    /// As clients see them.
    pub columns: Arc<[Column]>,
    /// The same in lower case, as queries see them.
    pub schema: SchemaRef,
    /// The same as scans know them: the columns of files, then those of folders.
    pub table: TableSchema,
    /// Where each column of `schema` is in `table`.
    pub positions: Vec<usize>,
}

impl Layout {
    /// The columns that are declared, in their order; partition columns that are not declared come last.
    pub fn declared(columns: &Ordered<ColumnDefinition>, levels: &[Level]) -> Self {
        let is_level =
            |name: &str| levels.iter().any(|level| level.column.to_lowercase() == name.to_lowercase());
        let declared = columns.0.iter().map(|(name, column)| Column {
            name: name.clone(),
            data_type: column.data_type.clone(),
            nullable: true,
            comment: column.comment.clone(),
            is_partition: is_level(name),
        });
        Self::new(declared.collect(), levels)
    }

    /// The columns that files have, then those of their folders. A file that repeats the column of its
    /// folder does not count: the folder's name does.
    pub fn inferred(fields: &Fields, levels: &[Level]) -> Self {
        let columns = fields.iter().map(|field| Column {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            nullable: true,
            comment: String::new(),
            is_partition: false,
        });
        let is_level =
            |name: &str| levels.iter().any(|level| level.column.to_lowercase() == name.to_lowercase());
        Self::new(columns.filter(|column| !is_level(&column.name)).collect(), levels)
    }

    /// The columns that a Delta table names, with the partition columns where the table has them.
    pub fn delta(snapshot: &delta::Snapshot) -> Self {
        let fields = snapshot.schema().fields();
        let is_partition = |field: &FieldRef| snapshot.partition_columns().contains(field.name());
        let columns = fields.iter().map(|field| Column {
            name: field.name().clone(),
            data_type: lake::schema::table_type(field.data_type()),
            nullable: true,
            comment: String::new(),
            is_partition: is_partition(field),
        });
        let level =
            |field: &FieldRef| Level { column: field.name().clone(), data_type: field.data_type().clone() };
        // The values of a file come in the order of the partition columns.
        let named = snapshot.partition_columns().iter();
        let levels = named.filter_map(|name| fields.find(name).map(|(_, field)| level(field)));
        Self::new(columns.collect(), &levels.collect::<Vec<_>>())
    }

    fn new(mut columns: Vec<Column>, levels: &[Level]) -> Self {
        for level in levels {
            let same = |column: &Column| column.name.to_lowercase() == level.column.to_lowercase();
            if let Some(declared) = columns.iter_mut().find(|column| same(column)) {
                // A declared width or precision says nothing of what the folder's name can hold.
                declared.data_type = level.data_type.clone();
                continue;
            }
            columns.push(Column {
                name: level.column.clone(),
                data_type: level.data_type.clone(),
                nullable: true,
                comment: String::new(),
                is_partition: true,
            });
        }

        let published: Fields = columns.iter().map(|column| field(&column.name, &column.data_type)).collect();
        let in_files = columns.iter().filter(|column| !column.is_partition);
        let in_files: Fields = in_files.map(|column| field(&column.name, &column.data_type)).collect();
        let in_folders: Fields = levels.iter().map(|level| field(&level.column, &level.data_type)).collect();
        let table = TableSchema::builder(Arc::new(Schema::new(in_files)));
        let table = table.with_table_partition_cols(in_folders).build();
        let scanned = table.table_schema().fields().iter().enumerate();
        let places: HashMap<&str, usize> =
            scanned.map(|(place, field)| (field.name().as_str(), place)).collect();
        // Every column is in files or in folders.
        let positions = published.iter().map(|field| places[field.name().as_str()]).collect();
        Self { columns: columns.into(), schema: Arc::new(Schema::new(published)), table, positions }
    }
}

fn field(name: &str, data_type: &DataType) -> FieldRef {
    Arc::new(Field::new(name.to_lowercase(), data_type.clone(), true))
}
