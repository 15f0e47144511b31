//! What a commit tells of a file's columns, so that other programs need not open it. It must not know more than
//! the file's own footer says.

use arrow::datatypes::{DataType, Schema};
use chrono::{NaiveDate, TimeDelta};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value, json};

/// Longer texts are left out: a bound that is cut off is no value of the column.
const TEXT_BYTES_MAX: usize = 64;

/// `numRecords`, and of plain columns `minValues`, `maxValues` and `nullCount`, as JSON.
pub fn of(metadata: &ParquetMetaData, columns: &Schema) -> String {
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    let leaves = metadata.file_metadata().schema_descr().columns().iter().enumerate();
    for (index, leaf) in leaves.filter(|(_, leaf)| leaf.path().parts().len() == 1) {
        let Ok(field) = columns.field_with_name(leaf.name()) else { continue };
        let groups = metadata.row_groups().iter().map(|group| group.column(index).statistics());
        let Some(groups) = groups.collect::<Option<Vec<_>>>() else { continue };
        let null_count = groups.iter().map(|group| group.null_count_opt()).sum::<Option<u64>>();
        if let Some(count) = null_count {
            nulls.insert(field.name().clone(), count.into());
        }
        let bounds = groups.iter().filter(|group| group.min_bytes_opt().is_some());
        let bounds = bounds.map(|group| bounds_of(group, field.data_type()));
        let Some(bounds) = bounds.collect::<Option<Vec<_>>>() else { continue };
        let (mins, maxs): (Vec<_>, Vec<_>) = bounds.into_iter().unzip();
        if let (Some(min), Some(max)) = (mins.into_iter().min(), maxs.into_iter().max()) {
            least.insert(field.name().clone(), min.json());
            greatest.insert(field.name().clone(), max.json());
        }
    }
    let rows = metadata.file_metadata().num_rows();
    json!({ "numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls }).to_string()
}

/// A value of a column. Those of one column are of one kind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Number(i64),
    Day(NaiveDate),
    Text(String),
}

impl Bound {
    fn json(self) -> Value {
        match self {
            Self::Number(number) => number.into(),
            Self::Day(day) => day.to_string().into(),
            Self::Text(text) => text.into(),
        }
    }
}

fn bounds_of(statistics: &Statistics, data_type: &DataType) -> Option<(Bound, Bound)> {
    match (data_type, statistics) {
        (DataType::Date32, Statistics::Int32(values)) => {
            let day = |days: i32| NaiveDate::default().checked_add_signed(TimeDelta::days(days.into()));
            Some((Bound::Day(day(*values.min_opt()?)?), Bound::Day(day(*values.max_opt()?)?)))
        }
        (DataType::Int8 | DataType::Int16 | DataType::Int32, Statistics::Int32(values)) => {
            Some((Bound::Number((*values.min_opt()?).into()), Bound::Number((*values.max_opt()?).into())))
        }
        (DataType::Int64, Statistics::Int64(values)) => {
            Some((Bound::Number(*values.min_opt()?), Bound::Number(*values.max_opt()?)))
        }
        (DataType::Utf8, Statistics::ByteArray(values)) => {
            let exact = values.min_is_exact() && values.max_is_exact();
            let text = |bytes: &[u8]| Some(Bound::Text(std::str::from_utf8(bytes).ok()?.to_owned()));
            let (min, max) = (values.min_opt()?.data(), values.max_opt()?.data());
            let short = min.len() <= TEXT_BYTES_MAX && max.len() <= TEXT_BYTES_MAX;
            (exact && short).then(|| Some((text(min)?, text(max)?)))?
        }
        _ => None,
    }
}
