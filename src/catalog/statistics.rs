//! What the footers of a scan's files tell the optimizer: rows, bounds, NULLs. It must not know filters.
//!
//! A bound is given only when every row group has it. DataFusion answers MIN and COUNT from exact
//! statistics without reading a row, so one that is not known is left out.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::scalar::ScalarValue;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::layout::Layout;

/// The statistics of one file, with its partition values. Only the columns at `wanted` of the layout's
/// table schema are worked out.
pub fn of_file(
    metadata: &ParquetMetaData,
    file: &Schema,
    layout: &Layout,
    wanted: &[bool],
    values: &[ScalarValue],
) -> Statistics {
    let rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows).sum::<i64>();
    let rows = usize::try_from(rows).unwrap_or_default();
    let written: HashMap<String, &Field> =
        file.fields().iter().map(|field| (field.name().to_lowercase(), field.as_ref())).collect();
    let columns = layout.table.file_schema().fields().iter().zip(wanted).map(|(column, wanted)| {
        if !wanted {
            return ColumnStatistics::new_unknown();
        }
        match written.get(column.name()) {
            Some(written) => of_column(metadata, file, written, column.data_type(), rows).unwrap_or_default(),
            None => constant(&null(column.data_type()), rows),
        }
    });
    let partitions = values.iter().map(|value| constant(value, rows));
    let column_statistics: Vec<ColumnStatistics> = columns.chain(partitions).collect();
    sized(
        Statistics {
            num_rows: Precision::Exact(rows),
            total_byte_size: Precision::Absent,
            column_statistics,
        },
        layout,
    )
}

fn of_column(
    metadata: &ParquetMetaData,
    file: &Schema,
    written: &Field,
    data_type: &DataType,
    rows: usize,
) -> Option<ColumnStatistics> {
    let groups = metadata.row_groups();
    let descriptor = metadata.file_metadata().schema_descr();
    // A count that is not written is not known to be zero.
    let converter = StatisticsConverter::try_new(written.name(), file, descriptor).ok()?;
    let converter = converter.with_missing_null_counts_as_zero(false);
    let nulls = converter.row_group_null_counts(groups).ok()?;
    let null_count = match nulls.null_count() {
        // What is no real number is NULL, and not counted by the footer.
        _ if written.data_type().is_floating() => Precision::Absent,
        0 => Precision::Exact(usize::try_from(nulls.iter().flatten().sum::<u64>()).ok()?),
        _ => Precision::Absent,
    };
    let bytes = match data_type.primitive_width() {
        Some(width) => Precision::Exact(width * rows),
        None => {
            let column = converter.parquet_column_index();
            let sizes = groups.iter().filter_map(|group| Some(group.column(column?).uncompressed_size()));
            usize::try_from(sizes.sum::<i64>()).map_or(Precision::Absent, Precision::Inexact)
        }
    };
    // Old writers compared the bytes of texts as signed numbers, and said so by the place of their bounds.
    let column = converter.parquet_column_index();
    let deprecated = |group: &RowGroupMetaData| {
        let written = column.and_then(|column| group.column(column).statistics());
        written.is_some_and(|written| written.is_min_max_deprecated())
    };
    if groups.iter().any(deprecated) {
        return Some(ColumnStatistics { null_count, byte_size: bytes, ..ColumnStatistics::new_unknown() });
    }
    let bound = |values: &dyn Array, exact: bool, wanted: std::cmp::Ordering| {
        // Floats: writers leave NaN out of bounds.
        let trusted = !written.data_type().is_floating();
        bound(values, wanted, data_type).map_or(Precision::Absent, |value| match exact && trusted {
            true => Precision::Exact(value),
            false => Precision::Inexact(value),
        })
    };
    // A row group of NULLs alone has no bounds and needs none; which groups those are is told by the counts.
    let bounded = |group: &RowGroupMetaData, index: usize| {
        nulls.is_valid(index) && i64::try_from(nulls.value(index)).is_ok_and(|nulls| nulls < group.num_rows())
            || nulls.is_null(index)
    };
    let some: Vec<&RowGroupMetaData> = groups
        .iter()
        .enumerate()
        .filter(|(index, group)| bounded(group, *index))
        .map(|(_, group)| group)
        .collect();
    let minima = converter.row_group_mins(some.iter().copied()).ok()?;
    let maxima = converter.row_group_maxes(some.iter().copied()).ok()?;
    let all = |flags: arrow::array::BooleanArray| flags.iter().all(|flag| flag == Some(true));
    let minima_exact = all(converter.row_group_is_min_value_exact(some.iter().copied()).ok()?);
    let maxima_exact = all(converter.row_group_is_max_value_exact(some.iter().copied()).ok()?);
    Some(ColumnStatistics {
        null_count,
        min_value: bound(&minima, minima_exact, std::cmp::Ordering::Less),
        max_value: bound(&maxima, maxima_exact, std::cmp::Ordering::Greater),
        sum_value: Precision::Absent,
        distinct_count: Precision::Absent,
        byte_size: bytes,
    })
}

/// The least or greatest of the bounds of all row groups, in the table's type; `None` when one is not known.
fn bound(values: &dyn Array, wanted: std::cmp::Ordering, data_type: &DataType) -> Option<ScalarValue> {
    let mut found: Option<ScalarValue> = None;
    for index in 0..values.len() {
        let value = ScalarValue::try_from_array(values, index).ok().filter(|value| !value.is_null())?;
        let better = match &found {
            Some(found) => value.partial_cmp(found)? == wanted,
            None => true,
        };
        if better {
            found = Some(value);
        }
    }
    found?.cast_to(data_type).ok()
}

/// One value in all rows.
fn constant(value: &ScalarValue, rows: usize) -> ColumnStatistics {
    let byte_size =
        value.data_type().primitive_width().map_or(Precision::Absent, |width| Precision::Exact(width * rows));
    // A file without rows has no bounds.
    let bound = match value.is_null() || rows == 0 {
        true => Precision::Absent,
        false => Precision::Exact(value.clone()),
    };
    ColumnStatistics {
        null_count: Precision::Exact(if value.is_null() { rows } else { 0 }),
        min_value: bound.clone(),
        max_value: bound,
        sum_value: Precision::Absent,
        distinct_count: Precision::Exact(usize::from(!value.is_null() && rows > 0)),
        byte_size,
    }
}

fn null(data_type: &DataType) -> ScalarValue {
    ScalarValue::try_new_null(data_type).unwrap_or(ScalarValue::Null)
}

/// The statistics of all files together.
pub fn of_scan(files: &[Arc<Statistics>], layout: &Layout) -> Statistics {
    let schema = layout.table.table_schema();
    let rows = files.iter().map(|file| file.num_rows.get_value().copied().unwrap_or_default()).sum();
    let columns = (0..schema.fields().len()).map(|index| {
        // A file without rows says nothing of the others.
        let with_rows = files.iter().filter(|file| file.num_rows != Precision::Exact(0));
        let columns: Vec<&ColumnStatistics> = with_rows.map(|file| &file.column_statistics[index]).collect();
        together(&columns)
    });
    let column_statistics = columns.collect();
    sized(
        Statistics {
            num_rows: Precision::Exact(rows),
            total_byte_size: Precision::Absent,
            column_statistics,
        },
        layout,
    )
}

/// With the bytes of all columns together.
fn sized(mut statistics: Statistics, layout: &Layout) -> Statistics {
    statistics.calculate_total_byte_size(layout.table.table_schema());
    statistics
}

fn together(columns: &[&ColumnStatistics]) -> ColumnStatistics {
    let sum = |part: fn(&ColumnStatistics) -> &Precision<usize>| {
        columns.iter().fold(Precision::Exact(0), |sum, column| sum.add(part(column)))
    };
    // A column that is all NULL in a file has no bound there, and none to add.
    let bounded: Vec<&&ColumnStatistics> = columns
        .iter()
        .filter(|column| {
            !(column.distinct_count == Precision::Exact(0) && column.null_count != Precision::Exact(0))
        })
        .collect();
    let fold =
        |part: fn(&ColumnStatistics) -> &Precision<ScalarValue>,
         pick: fn(&Precision<ScalarValue>, &Precision<ScalarValue>) -> Precision<ScalarValue>| {
            let mut parts = bounded.iter().map(|column| part(column));
            let first = parts.next().cloned().unwrap_or(Precision::Absent);
            parts.fold(first, |bound, part| match (&bound, part) {
                (Precision::Absent, _) | (_, Precision::Absent) => Precision::Absent,
                (bound, part) => pick(bound, part),
            })
        };
    ColumnStatistics {
        null_count: sum(|column| &column.null_count),
        min_value: fold(|column| &column.min_value, Precision::min),
        max_value: fold(|column| &column.max_value, Precision::max),
        sum_value: Precision::Absent,
        distinct_count: Precision::Absent,
        byte_size: sum(|column| &column.byte_size),
    }
}
