//! The columns of a Delta table as Arrow's fields. It must not know files.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Fields, Schema, TimeUnit};
use serde::Deserialize;

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
}

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
    let field = |StructField { name, r#type, nullable }| {
        let data_type =
            arrow_type(r#type, depth + 1).map_err(|reason| format!("column `{name}`: {reason}"))?;
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

#[cfg(test)]
mod tests {
    use super::*;

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
