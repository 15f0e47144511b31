//! The columns of a Delta table as Arrow's fields. It must not know files.
//!
//! Delta has no type for times that are no moments, such as `838:59:59`. They are stored as numbers, of microseconds, and
//! the column's metadata tells that they are times: other programs read the numbers.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL128_MAX_SCALE, DataType, Field, Fields, Schema, TimeUnit,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Deeper types are refused.
const DEPTH_MAX: usize = 64;

/// Reads a `schemaString`.
pub fn parse(schema_string: &str) -> Result<Schema, String> {
    let invalid = |error| format!("its columns cannot be read: {error}");
    let Struct { fields } = serde_json::from_str(schema_string).map_err(invalid)?;
    Ok(Schema::new(arrow_fields(fields, 0)?))
}

#[derive(Deserialize)]
struct Struct {
    fields: Vec<StructField>,
}

#[derive(Deserialize)]
struct StructField {
    name: String,
    r#type: Type,
    #[serde(default = "yes")]
    nullable: bool,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

/// The metadata of a column that tells what its numbers are.
const MEANING: &str = "lakefront.type";

/// What it says of times.
const TIME: &str = "time";
/// How we read them.
const TIME_TYPE: DataType = DataType::Duration(TimeUnit::Microsecond);

/// A type is a name or an object that has its kind under `type`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Type {
    Primitive(String),
    Nested(Nested),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Nested {
    Struct {
        fields: Vec<StructField>,
    },
    #[serde(rename_all = "camelCase")]
    Array {
        element_type: Box<Type>,
        #[serde(default = "yes")]
        contains_null: bool,
    },
    #[serde(rename_all = "camelCase")]
    Map {
        key_type: Box<Type>,
        value_type: Box<Type>,
        #[serde(default = "yes")]
        value_contains_null: bool,
    },
}

fn yes() -> bool {
    true
}

fn arrow_fields(fields: Vec<StructField>, depth: usize) -> Result<Fields, String> {
    let field = |StructField { name, r#type, nullable, metadata }| {
        let data_type =
            arrow_type(r#type, depth + 1).map_err(|reason| format!("column `{name}`: {reason}"))?;
        let meaning = metadata.as_ref().and_then(|metadata| metadata.get(MEANING)?.as_str());
        let is_time = data_type == DataType::Int64 && meaning == Some(TIME);
        let data_type = if is_time { TIME_TYPE } else { data_type };
        Ok(Field::new(name, data_type, nullable))
    };
    fields.into_iter().map(field).collect()
}

fn arrow_type(data_type: Type, depth: usize) -> Result<DataType, String> {
    if depth > DEPTH_MAX {
        return Err(format!("its type is nested more than {DEPTH_MAX} deep"));
    }
    Ok(match data_type {
        Type::Primitive(name) => primitive(&name).ok_or_else(|| format!("type `{name}` is not supported"))?,
        Type::Nested(Nested::Struct { fields }) => DataType::Struct(arrow_fields(fields, depth)?),
        Type::Nested(Nested::Array { element_type, contains_null }) => {
            DataType::new_list(arrow_type(*element_type, depth + 1)?, contains_null)
        }
        Type::Nested(Nested::Map { key_type, value_type, value_contains_null }) => {
            let key = Field::new("key", arrow_type(*key_type, depth + 1)?, false);
            let value = Field::new("value", arrow_type(*value_type, depth + 1)?, value_contains_null);
            let entries = DataType::Struct(vec![key, value].into());
            DataType::Map(Arc::new(Field::new("key_value", entries, false)), false)
        }
    })
}

fn primitive(name: &str) -> Option<DataType> {
    Some(match name {
        "string" => DataType::Utf8,
        "long" => DataType::Int64,
        "integer" => DataType::Int32,
        "short" => DataType::Int16,
        "byte" => DataType::Int8,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "boolean" => DataType::Boolean,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
        name => {
            let (precision, scale) = name.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            let (precision, scale): (u8, i8) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
            let valid = (1..=DECIMAL128_MAX_PRECISION).contains(&precision)
                && u8::try_from(scale).is_ok_and(|scale| scale <= precision);
            valid.then_some(DataType::Decimal128(precision, scale))?
        }
    })
}

/// Characters that other programs refuse in names of columns.
const REFUSED: &[char] = &[' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// The columns in the types that a Delta table has or can tell, all of which may be NULL; the name of the first that it
/// cannot have, and why, otherwise.
pub fn stored(schema: &Schema) -> Result<Schema, String> {
    let mut names = HashSet::new();
    let fields = schema.fields().iter().map(|field| {
        let refused = |reason: String| format!("column `{}`: {reason}", field.name());
        if let Some(refused) =
            field.name().chars().find(|c| REFUSED.contains(c)).or(field.name().is_empty().then_some(' '))
        {
            let reason = format!(
                "a Delta table allows no `{}` in a name; give it another with AS",
                refused.escape_debug()
            );
            return Err(format!("column `{}`: {reason}", field.name()));
        }
        if !names.insert(field.name().to_lowercase()) {
            return Err(refused("another has the same name; give it another with AS".into()));
        }
        let data_type = stored_type(field.data_type(), 0).map_err(refused)?;
        Ok(Field::new(field.name(), data_type, true))
    });
    Ok(Schema::new(fields.collect::<Result<Fields, _>>()?))
}

/// Columns of stored types as they are in files.
pub fn in_files(stored: &Schema) -> Schema {
    let fields = stored.fields().iter().map(|field| match *field.data_type() == TIME_TYPE {
        true => Arc::new(Field::new(field.name(), DataType::Int64, field.is_nullable())),
        false => Arc::clone(field),
    });
    Schema::new(fields.collect::<Fields>())
}

/// The type that keeps all values of a type. Decimals are the exception: a value of more digits than there may be is an
/// error when it is written.
fn stored_type(data_type: &DataType, depth: usize) -> Result<DataType, String> {
    if depth > DEPTH_MAX {
        return Err(format!("its type is nested more than {DEPTH_MAX} deep"));
    }
    let child = |field: &Field| {
        Ok::<_, String>(Field::new(field.name(), stored_type(field.data_type(), depth + 1)?, true))
    };
    Ok(match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32 => data_type.clone(),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *scale >= 0 && *scale <= *precision as i8 =>
        {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Dictionary(_, values) => stored_type(values, depth)?,
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| child(field)).collect::<Result<Fields, _>>()?)
        }
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => {
            DataType::new_list(stored_type(element.data_type(), depth + 1)?, true)
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else {
                return Err("a map has keys and values".into());
            };
            let [key, value] = &fields[..] else { return Err("a map has keys and values".into()) };
            let key = Field::new("key", stored_type(key.data_type(), depth + 1)?, false);
            let value = Field::new("value", stored_type(value.data_type(), depth + 1)?, true);
            let entries = DataType::Struct(vec![key, value].into());
            DataType::Map(Arc::new(Field::new("key_value", entries, false)), false)
        }
        DataType::Decimal256(_, scale) if (0..=DECIMAL128_MAX_SCALE).contains(scale) => {
            DataType::Decimal128(DECIMAL128_MAX_PRECISION, *scale)
        }
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) if depth == 0 => TIME_TYPE,
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => {
            return Err("a Delta table has no times within lists, maps and structs; make them text".into());
        }
        DataType::Null => return Err("it has no type; give it one with CAST".into()),
        other => return Err(format!("a Delta table cannot hold {other}")),
    })
}

/// Whether a column has times without a zone.
pub fn has_times_without_zone(schema: &Schema) -> bool {
    fn has(data_type: &DataType) -> bool {
        match data_type {
            DataType::Timestamp(_, zone) => zone.is_none(),
            DataType::List(element) | DataType::Map(element, _) => has(element.data_type()),
            DataType::Struct(fields) => fields.iter().any(|field| has(field.data_type())),
            _ => false,
        }
    }
    schema.fields().iter().any(|field| has(field.data_type()))
}

/// Writes columns of stored types as a `schemaString`.
pub fn write(schema: &Schema) -> Result<String, String> {
    Ok(written_struct(schema.fields())?.to_string())
}

fn written_struct(fields: &Fields) -> Result<Value, String> {
    let field = |field: &Arc<Field>| {
        let data_type = written_type(field.data_type())?;
        let mut metadata = Map::new();
        if *field.data_type() == TIME_TYPE {
            metadata.insert(MEANING.to_owned(), TIME.into());
        }
        Ok(json!({ "name": field.name(), "type": data_type, "nullable": true, "metadata": metadata }))
    };
    let fields = fields.iter().map(field).collect::<Result<Vec<_>, String>>()?;
    Ok(json!({ "type": "struct", "fields": fields }))
}

fn written_type(data_type: &DataType) -> Result<Value, String> {
    let name = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 => "byte",
        DataType::Int16 => "short",
        DataType::Int32 => "integer",
        DataType::Int64 | DataType::Duration(TimeUnit::Microsecond) => "long",
        DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 => "string",
        DataType::Binary => "binary",
        DataType::Date32 => "date",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz",
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp",
        DataType::Decimal128(precision, scale) => return Ok(format!("decimal({precision},{scale})").into()),
        DataType::Struct(fields) => return written_struct(fields),
        DataType::List(element) => {
            let element = written_type(element.data_type())?;
            return Ok(json!({ "type": "array", "elementType": element, "containsNull": true }));
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(format!("a Delta table cannot hold {data_type}"));
            };
            let types = fields.iter().map(|field| written_type(field.data_type()));
            let types = types.collect::<Result<Vec<_>, _>>()?;
            let [key, value] = &types[..] else {
                return Err(format!("a Delta table cannot hold {data_type}"));
            };
            return Ok(
                json!({ "type": "map", "keyType": key, "valueType": value, "valueContainsNull": true }),
            );
        }
        other => return Err(format!("a Delta table cannot hold {other}")),
    };
    Ok(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is stored is told, and read as it was told.
    #[test]
    fn stored_types() {
        let check = |data_type: DataType, expected: Result<(&str, &str), &str>| {
            let told = data_type.to_string();
            let stored = stored(&Schema::new(vec![Field::new("a", data_type, false)]));
            let text = stored.as_ref().map(|stored| write(stored).unwrap());
            if let (Ok(stored), Ok(text)) = (&stored, &text) {
                assert_eq!(&parse(text).unwrap(), stored, "{told}");
            }
            let found = stored.as_ref().map(|stored| {
                (stored.field(0).data_type().to_string(), in_files(stored).field(0).data_type().to_string())
            });
            let expected = expected
                .map(|(told, in_files)| (told.to_owned(), in_files.to_owned()))
                .map_err(str::to_owned);
            assert_eq!(found.map_err(Clone::clone), expected, "{told}");
        };
        let text = || Field::new("value", DataType::LargeUtf8, true);
        check(DataType::UInt64, Ok(("Decimal128(20, 0)", "Decimal128(20, 0)")));
        check(DataType::Duration(TimeUnit::Second), Ok(("Duration(µs)", "Int64")));
        check(DataType::Time32(TimeUnit::Second), Ok(("Duration(µs)", "Int64")));
        check(DataType::Decimal256(65, 30), Ok(("Decimal128(38, 30)", "Decimal128(38, 30)")));
        let entries = DataType::Struct(vec![Field::new("key", DataType::Int32, false), text()].into());
        let map = r#"Map("key_value": non-null Struct("key": non-null Int32, "value": Utf8), unsorted)"#;
        check(DataType::Map(Arc::new(Field::new("entries", entries, false)), false), Ok((map, map)));
        let times = DataType::new_list(DataType::Duration(TimeUnit::Second), true);
        let refused = "column `a`: a Delta table has no times within lists, maps and structs; make them text";
        check(times, Err(refused));
        check(DataType::Null, Err("column `a`: it has no type; give it one with CAST"));
    }

    #[test]
    fn types() {
        let check = |delta: &str, expected: Result<&str, &str>| {
            let text = format!(
                r#"{{"type":"struct","fields":[{{"name":"a","type":{delta},"nullable":true,"metadata":{{}}}}]}}"#
            );
            let found = parse(&text).map(|schema| schema.field(0).data_type().to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{delta}");
        };
        check(r#""long""#, Ok("Int64"));
        check(r#""decimal(12,2)""#, Ok("Decimal128(12, 2)"));
        check(r#""decimal(12,13)""#, Err("column `a`: type `decimal(12,13)` is not supported"));
        check(r#""variant""#, Err("column `a`: type `variant` is not supported"));
        check(r#""timestamp""#, Ok(r#"Timestamp(µs, "UTC")"#));
        check(r#"{"type":"array","elementType":"string","containsNull":false}"#, Ok("List(non-null Utf8)"));
        check(
            r#"{"type":"map","keyType":"string","valueType":{"type":"struct","fields":[{"name":"b","type":"date"}]},"valueContainsNull":true}"#,
            Ok(
                r#"Map("key_value": non-null Struct("key": non-null Utf8, "value": Struct("b": Date32)), unsorted)"#,
            ),
        );
    }
}
