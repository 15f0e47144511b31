//! One schema for the files of a table, that were written on different days by different programs. It
//! must not know where files are.
//!
//! A column of the table is the smallest type that holds every value of its files without loss. Names
//! meet in any case; they show as the newest file writes them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit,
};

use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::FileMetaData;

use super::{Error, Result};

/// Merges the columns of files into the table's, as the first file writes their names and in its order,
/// followed by the columns that only later files have. All of them may be NULL: an older file may not
/// have them. `files` has the path of each file, newest first.
pub fn merge(files: &[(String, SchemaRef)]) -> Result<Fields> {
    let mut columns: Vec<(FieldRef, &str)> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for (path, schema) in files {
        check_names(schema, path)?;
        for field in schema.fields() {
            let index = *by_name.entry(field.name().to_lowercase()).or_insert(columns.len());
            let data_type = table_type(field.data_type());
            let Some((known, first)) = columns.get_mut(index) else {
                columns.push((Arc::new(Field::new(field.name(), data_type, true)), path));
                continue;
            };
            let conflict = |at: Disagreement| Error::Conflict {
                column: field.name().clone() + &at.path,
                first: (*first).to_owned(),
                first_type: at.table,
                second: path.clone(),
                second_type: at.file,
            };
            let widened = widen(known.data_type(), &data_type).map_err(conflict)?;
            if widened != *known.data_type() {
                *known = Arc::new(Field::new(known.name(), widened, true));
            }
        }
    }
    Ok(columns.into_iter().map(|(field, _)| field).collect())
}

/// Checks that a file's columns fit the table's: every column that both have (by name, in any case) is
/// of a type that widens to the table's without loss. A column that the file does not have is NULL.
///
/// `table` is the schema of the file columns, without partition columns; `path` names the file in errors.
pub fn check(table: &SchemaRef, file: &SchemaRef, path: &str) -> Result<()> {
    // Nearly all files of a table were written by one program.
    if table.fields() == file.fields() {
        return Ok(());
    }
    check_names(file, path)?;
    for field in file.fields() {
        let name = field.name().to_lowercase();
        let Some((_, column)) = table.fields().find(&name) else { continue };
        fits(field.data_type(), column.data_type()).map_err(|at| Error::Mismatch {
            column: field.name().clone() + &at.path,
            path: path.to_owned(),
            file_type: at.file,
            table_type: at.table,
        })?;
    }
    Ok(())
}

/// The columns of a Parquet file as scans read them. The old type of Spark's times, INT96, is an instant, and
/// is read in microseconds, because it holds years that nanoseconds do not.
pub fn of_parquet(metadata: &FileMetaData) -> Result<Schema, ParquetError> {
    let descriptor = metadata.schema_descr();
    let schema = parquet_to_arrow_schema(descriptor, metadata.key_value_metadata())?;
    let coercer = Int96Coercer::new(descriptor, &schema, &TimeUnit::Microsecond);
    let coerced = coercer.with_timezone(Some("UTC".into())).coerce();
    Ok(coerced.unwrap_or(schema))
}

/// The type by which a table shows a file's type: one string type, one zone, no encodings, and of a second as many
/// digits as MySQL has, lest values differ that look the same.
pub fn table_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            child_type(&DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Time64(TimeUnit::Nanosecond) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DataType::BinaryView,
        DataType::Dictionary(_, values) => table_type(values),
        DataType::RunEndEncoded(_, values) => table_type(values.data_type()),
        nested => child_type(nested),
    }
}

/// As [`table_type`], for children of nested columns, whose strings the reader gives without views.
fn child_type(data_type: &DataType) -> DataType {
    let child = |field: &FieldRef| Arc::new(Field::new(field.name(), child_type(field.data_type()), true));
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => child_type(values),
        DataType::RunEndEncoded(_, values) => child_type(values.data_type()),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        // Parquet keeps instants in UTC, whatever zone the writer noted.
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("UTC".into())),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(child).collect()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            let item = Field::new(Field::LIST_FIELD_DEFAULT_NAME, child_type(item.data_type()), true);
            DataType::List(Arc::new(item))
        }
        // Arrow wants keys and entries of maps without NULL, and Parquet's maps have none.
        other => other.clone(),
    }
}

/// Where within a nested column two types disagree, and how.
#[derive(Debug, PartialEq)]
struct Disagreement {
    /// The names of children, each after a dot.
    path: String,
    table: String,
    file: String,
}

impl Disagreement {
    fn of(table: &DataType, file: &DataType) -> Self {
        Self { path: String::new(), table: words(table), file: words(file) }
    }

    fn within(mut self, child: &str) -> Self {
        self.path.insert_str(0, &format!(".{child}"));
        self
    }
}

/// Whether all values of a file's type are values of the table's, so that reading casts without loss.
fn fits(file: &DataType, table: &DataType) -> Result<(), Disagreement> {
    use DataType as T;
    match (&table_type(file), table) {
        (file, table) if file == table => Ok(()),
        // A declared string over bytes: the reader checks that they are UTF-8.
        (T::BinaryView, T::Utf8View) => Ok(()),
        // No type of a file and no declaration makes a column of these but a Delta table that says of its numbers that
        // they are times, and of Arrow's own durations those in microseconds, which are stored as the same numbers.
        (T::Int64, T::Duration(TimeUnit::Microsecond)) => Ok(()),
        // MySQL's times have no digits after the sixth.
        (T::Timestamp(TimeUnit::Nanosecond, file), T::Timestamp(TimeUnit::Microsecond, table))
            if file.is_some() == table.is_some() =>
        {
            Ok(())
        }
        (T::Time64(TimeUnit::Nanosecond), T::Time64(TimeUnit::Microsecond)) => Ok(()),
        (file, table) => match widen(table, file)? {
            widened if widened == *table => Ok(()),
            _ => Err(Disagreement::of(table, file)),
        },
    }
}

/// The smallest type that holds the values of both without loss.
fn widen(table: &DataType, file: &DataType) -> Result<DataType, Disagreement> {
    use DataType as T;
    let conflict = || Disagreement::of(table, file);
    match (table, file) {
        (a, b) if a == b => Ok(a.clone()),
        (T::Null, other) | (other, T::Null) => Ok(other.clone()),
        (a, b) if a.is_integer() && b.is_integer() => widen_integers(a, b).ok_or_else(conflict),
        (a, b) if (is_exact(a) && is_decimal(b)) || (is_decimal(a) && is_exact(b)) => {
            widen_decimals(a, b).ok_or_else(conflict)
        }
        (T::Float32 | T::Float64, T::Float32 | T::Float64) => Ok(T::Float64),
        // A double has 53 bits: a larger integer would come out as another number.
        (T::Float32 | T::Float64, integer) | (integer, T::Float32 | T::Float64)
            if integer.primitive_width().is_some_and(|width| width <= 4) && integer.is_integer() =>
        {
            Ok(T::Float64)
        }
        (T::Date32, time @ T::Timestamp(_, None)) | (time @ T::Timestamp(_, None), T::Date32) => {
            Ok(time.clone())
        }
        (T::Timestamp(a, zone), T::Timestamp(b, other)) if zone == other => {
            Ok(T::Timestamp(finer(*a, *b), zone.clone()))
        }
        (T::Time32(a) | T::Time64(a), T::Time32(b) | T::Time64(b)) => Ok(match finer(*a, *b) {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => T::Time32(unit),
            unit => T::Time64(unit),
        }),
        (T::Utf8View | T::BinaryView, T::Utf8View | T::BinaryView) => Ok(T::BinaryView),
        (T::Utf8 | T::Binary, T::Utf8 | T::Binary) => Ok(T::Binary),
        (T::FixedSizeBinary(_), bytes @ (T::BinaryView | T::Binary))
        | (bytes @ (T::BinaryView | T::Binary), T::FixedSizeBinary(_)) => Ok(bytes.clone()),
        (T::Struct(a), T::Struct(b)) => widen_structs(a, b),
        (T::List(a), T::List(b)) => {
            let item = widen(a.data_type(), b.data_type()).map_err(|at| at.within("[]"))?;
            Ok(T::List(Arc::new(Field::new(a.name(), item, true))))
        }
        _ => Err(conflict()),
    }
}

fn widen_integers(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType as T;
    let bits = |data_type: &DataType| data_type.primitive_width().map(|bytes| bytes * 8);
    let signed = [a, b].iter().any(|data_type| data_type.is_signed_integer());
    // One more bit for the sign of what had none.
    let wanted = |t: &DataType| Some(bits(t)? + usize::from(signed && t.is_unsigned_integer()));
    Some(match (wanted(a)?.max(wanted(b)?), signed) {
        (..=8, true) => T::Int8,
        (..=16, true) => T::Int16,
        (..=32, true) => T::Int32,
        (..=64, true) => T::Int64,
        (_, true) => T::Decimal128(20, 0),
        (..=8, false) => T::UInt8,
        (..=16, false) => T::UInt16,
        (..=32, false) => T::UInt32,
        (_, false) => T::UInt64,
    })
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}

fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || is_decimal(data_type)
}

fn widen_decimals(a: &DataType, b: &DataType) -> Option<DataType> {
    let digits = |data_type: &DataType| {
        Some(match data_type {
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                (i16::from(*precision) - i16::from(*scale), i16::from(*scale))
            }
            DataType::Int8 | DataType::UInt8 => (3, 0),
            DataType::Int16 | DataType::UInt16 => (5, 0),
            DataType::Int32 | DataType::UInt32 => (10, 0),
            DataType::Int64 => (19, 0),
            DataType::UInt64 => (20, 0),
            _ => return None,
        })
    };
    let ((whole_a, scale_a), (whole_b, scale_b)) = (digits(a)?, digits(b)?);
    let scale = scale_a.max(scale_b);
    let precision = u8::try_from(whole_a.max(whole_b) + scale).ok()?;
    let scale = i8::try_from(scale).ok()?;
    let wide = precision > DECIMAL128_MAX_PRECISION
        || [a, b].iter().any(|data_type| matches!(data_type, DataType::Decimal256(..)));
    match precision {
        // MySQL has 65 digits.
        ..=65 if wide => Some(DataType::Decimal256(precision, scale)),
        ..=65 => Some(DataType::Decimal128(precision, scale)),
        _ => None,
    }
}

/// Children meet by their names as written, as a query names them.
fn widen_structs(a: &Fields, b: &Fields) -> Result<DataType, Disagreement> {
    let conflict = || Disagreement::of(&DataType::Struct(a.clone()), &DataType::Struct(b.clone()));
    let mut children: Vec<FieldRef> = a.iter().cloned().collect();
    let mut shared = 0;
    for field in b {
        match children.iter_mut().find(|child| child.name().eq_ignore_ascii_case(field.name())) {
            Some(child) if child.name() == field.name() => {
                let widened = widen(child.data_type(), field.data_type());
                let widened = widened.map_err(|at| at.within(field.name()))?;
                *child = Arc::new(Field::new(child.name(), widened, true));
                shared += 1;
            }
            // The reader would take them for two children, and show NULL for the one a file has not.
            Some(_) => return Err(conflict()),
            None => children.push(Arc::clone(field)),
        }
    }
    // The reader refuses structs that share nothing.
    if shared == 0 { Err(conflict()) } else { Ok(DataType::Struct(children.into())) }
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let order = [TimeUnit::Nanosecond, TimeUnit::Microsecond, TimeUnit::Millisecond, TimeUnit::Second];
    order.into_iter().find(|unit| *unit == a || *unit == b).unwrap_or(a)
}

/// Two columns whose names differ only in case would be one column of the table.
fn check_names(schema: &Schema, path: &str) -> Result<()> {
    let mut seen: HashMap<String, &str> = HashMap::with_capacity(schema.fields().len());
    for field in schema.fields() {
        if let Some(other) = seen.insert(field.name().to_lowercase(), field.name()) {
            let reason = format!("its columns `{other}` and `{}` differ only in case", field.name());
            return Err(Error::Corrupt { path: path.to_owned(), reason });
        }
    }
    Ok(())
}

/// A type in words that people write in table files, where there are such words.
fn words(data_type: &DataType) -> String {
    use DataType as T;
    match data_type {
        T::Boolean => "boolean".into(),
        T::Int8 => "tinyint".into(),
        T::Int16 => "smallint".into(),
        T::Int32 => "int".into(),
        T::Int64 => "bigint".into(),
        T::UInt8 => "tinyint unsigned".into(),
        T::UInt16 => "smallint unsigned".into(),
        T::UInt32 => "int unsigned".into(),
        T::UInt64 => "bigint unsigned".into(),
        T::Float32 => "float".into(),
        T::Float64 => "double".into(),
        T::Decimal128(precision, scale) | T::Decimal256(precision, scale) => {
            format!("decimal({precision},{scale})")
        }
        T::Date32 => "date".into(),
        T::Timestamp(unit, zone) => {
            let name = if zone.is_some() { "timestamp" } else { "datetime" };
            match unit {
                TimeUnit::Second => name.into(),
                TimeUnit::Millisecond => format!("{name}(3)"),
                TimeUnit::Microsecond => format!("{name}(6)"),
                TimeUnit::Nanosecond => format!("{name}(9)"),
            }
        }
        T::Time32(_) | T::Time64(_) => "time".into(),
        T::Utf8 | T::LargeUtf8 | T::Utf8View => "text".into(),
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "blob".into(),
        T::Struct(_) => "a struct".into(),
        T::List(_) | T::LargeList(_) => "a list".into(),
        T::Map(..) => "a map".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use DataType as T;

    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
        let fields: Vec<Field> = fields.iter().map(|(name, t)| Field::new(*name, t.clone(), false)).collect();
        Arc::new(Schema::new(fields))
    }

    fn structure(fields: &[(&str, DataType)]) -> DataType {
        T::Struct(schema(fields).fields().clone())
    }

    #[test]
    fn widening() {
        let check = |a: DataType, b: DataType, expected: Option<DataType>| {
            for (a, b) in [(&a, &b), (&b, &a)] {
                assert_eq!(widen(&table_type(a), &table_type(b)).ok(), expected, "{a} and {b}");
            }
        };
        check(T::Int32, T::Int64, Some(T::Int64));
        check(T::UInt32, T::Int32, Some(T::Int64));
        check(T::UInt8, T::Int8, Some(T::Int16));
        check(T::UInt8, T::UInt32, Some(T::UInt32));
        check(T::UInt64, T::Int8, Some(T::Decimal128(20, 0)));
        check(T::Float32, T::Float64, Some(T::Float64));
        check(T::Int32, T::Float32, Some(T::Float64));
        check(T::Int64, T::Float64, None);
        check(
            T::Date32,
            T::Timestamp(TimeUnit::Millisecond, None),
            Some(T::Timestamp(TimeUnit::Millisecond, None)),
        );
        check(
            T::Timestamp(TimeUnit::Millisecond, None),
            T::Timestamp(TimeUnit::Microsecond, None),
            Some(T::Timestamp(TimeUnit::Microsecond, None)),
        );
        check(
            T::Timestamp(TimeUnit::Second, Some("+02:00".into())),
            T::Timestamp(TimeUnit::Second, Some("UTC".into())),
            Some(T::Timestamp(TimeUnit::Second, Some("UTC".into()))),
        );
        check(T::Timestamp(TimeUnit::Second, None), T::Timestamp(TimeUnit::Second, Some("UTC".into())), None);
        check(T::Decimal128(10, 2), T::Decimal128(12, 4), Some(T::Decimal128(12, 4)));
        check(T::Decimal128(38, 0), T::Decimal128(38, 10), Some(T::Decimal256(48, 10)));
        check(T::Decimal128(10, 2), T::Int64, Some(T::Decimal128(21, 2)));
        check(T::Decimal128(10, 2), T::Float64, None);
        check(T::Utf8, T::LargeUtf8, Some(T::Utf8View));
        check(T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8)), T::Utf8View, Some(T::Utf8View));
        check(T::Utf8, T::Binary, Some(T::BinaryView));
        check(T::Utf8, T::Int64, None);
        check(T::Boolean, T::Int8, None);
        check(T::Null, T::Int8, Some(T::Int8));
        let a = structure(&[("x", T::Int32), ("y", T::Utf8)]);
        let b = structure(&[("y", T::Utf8), ("x", T::Int64)]);
        let widened = widen(&table_type(&a), &table_type(&b)).unwrap();
        let children = [("x", T::Int64), ("y", T::Utf8)].map(|(name, t)| Field::new(name, t, true));
        assert_eq!(widened, T::Struct(children.into_iter().collect()));
        check(structure(&[("x", T::Int32)]), structure(&[("X", T::Int32)]), None);
        check(structure(&[("x", T::Int32)]), structure(&[("y", T::Int32)]), None);
    }

    #[test]
    fn merged_names() {
        let files = [
            ("new".to_owned(), schema(&[("UserId", T::Int64), ("level", T::Int32)])),
            ("old".to_owned(), schema(&[("gone", T::Utf8), ("userid", T::Int32)])),
        ];
        let merged = merge(&files).unwrap();
        let shown: Vec<String> =
            merged.iter().map(|f| format!("{} {}", f.name(), words(f.data_type()))).collect();
        assert_eq!(shown, ["UserId bigint", "level int", "gone text"]);
    }

    #[test]
    fn conflicts_name_files_and_columns() {
        let message = |a: DataType, b: DataType| {
            let files = [
                ("b.parquet".to_owned(), schema(&[("x", a)])),
                ("a.parquet".to_owned(), schema(&[("X", b)])),
            ];
            merge(&files).unwrap_err().to_string()
        };
        assert_eq!(
            message(T::Int64, T::Utf8),
            "column `X` is bigint in `b.parquet` but text in `a.parquet`; \
             declare its type under `columns`, or rewrite one of the files"
        );
        let child = message(structure(&[("c", T::Int64)]), structure(&[("c", T::Utf8)]));
        assert!(child.starts_with("column `X.c` is bigint in `b.parquet` but text in"), "{child}");
        let twice = schema(&[("x", T::Int64), ("X", T::Int64)]);
        assert_eq!(
            merge(&[("a.parquet".to_owned(), twice)]).unwrap_err().to_string(),
            "`a.parquet` cannot be read: its columns `x` and `X` differ only in case"
        );
    }

    #[test]
    fn files_fit_tables() {
        let check_one = |table: DataType, file: DataType, expected: bool| {
            let (table_schema, file_schema) =
                (schema(&[("x", table.clone())]), schema(&[("X", file.clone())]));
            let fitted = check(&table_schema, &file_schema, "f.parquet");
            assert_eq!(fitted.is_ok(), expected, "{file} in {table}");
        };
        check_one(T::Int64, T::Int32, true);
        check_one(T::Int32, T::Int64, false);
        check_one(T::Int64, T::Utf8, false);
        check_one(T::Utf8View, T::Binary, true);
        check_one(T::Utf8View, T::Dictionary(Box::new(T::Int8), Box::new(T::Utf8)), true);
        check_one(T::Timestamp(TimeUnit::Microsecond, None), T::Timestamp(TimeUnit::Nanosecond, None), true);
        check_one(T::Timestamp(TimeUnit::Second, None), T::Timestamp(TimeUnit::Microsecond, None), false);
        check_one(T::Decimal128(12, 2), T::Decimal128(10, 2), true);
        check_one(T::Decimal128(12, 2), T::Decimal128(12, 3), false);
        let error = check(&schema(&[("x", T::Int64)]), &schema(&[("X", T::Utf8)]), "f.parquet").unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `X` is text in `f.parquet`, which does not fit the table's bigint"
        );
    }
}
