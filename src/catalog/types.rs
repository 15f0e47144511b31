//! MySQL's names of types, as people declare columns, as Arrow's types. It must not know tables.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, TimeUnit};

/// The Arrow type that holds the values of a MySQL type: `bigint`, `varchar(20)`, `decimal(12,2) unsigned`.
pub fn parse(text: &str) -> Result<DataType, String> {
    let lower = text.trim().to_lowercase();
    let (name, arguments, rest) = split(&lower).ok_or_else(|| format!("`{text}` is not a type"))?;
    let unsigned = match rest {
        "" => false,
        "unsigned" => true,
        other => return Err(format!("`{other}` is not known after the type in `{text}`")),
    };
    let digits = arguments.first().copied().unwrap_or(0);
    // A width such as that of `int(11)` or `varchar(20)` changes no value.
    let (data_type, arguments_max) = match name {
        "tinyint" => (if unsigned { DataType::UInt8 } else { DataType::Int8 }, 1),
        "smallint" => (if unsigned { DataType::UInt16 } else { DataType::Int16 }, 1),
        "mediumint" | "int" | "integer" => (if unsigned { DataType::UInt32 } else { DataType::Int32 }, 1),
        "bigint" => (if unsigned { DataType::UInt64 } else { DataType::Int64 }, 1),
        "decimal" | "numeric" | "dec" => {
            (decimal(number_u8(&arguments, 0, 10)?, number_u8(&arguments, 1, 0)?)?, 2)
        }
        "float" => (DataType::Float32, 0),
        "double" | "double precision" | "real" => (DataType::Float64, 0),
        _ if unsigned => return Err(format!("`{name}` cannot be unsigned")),
        "bool" | "boolean" => (DataType::Boolean, 0),
        "date" => (DataType::Date32, 0),
        "datetime" => (DataType::Timestamp(time_unit(digits)?, None), 1),
        "timestamp" => (DataType::Timestamp(time_unit(digits)?, Some("UTC".into())), 1),
        "time" => (time(digits)?, 1),
        "year" => (DataType::Int16, 1),
        "char" | "varchar" => (DataType::Utf8View, 1),
        "string" | "text" | "tinytext" | "mediumtext" | "longtext" | "json" => (DataType::Utf8View, 0),
        "binary" | "varbinary" => (DataType::BinaryView, 1),
        "blob" | "tinyblob" | "mediumblob" | "longblob" => (DataType::BinaryView, 0),
        _ => {
            return Err(format!(
                "type `{name}` is not known; use one of MySQL's, such as bigint or varchar(20)"
            ));
        }
    };
    if arguments.len() > arguments_max {
        return Err(format!("`{text}` has too many numbers"));
    }
    Ok(data_type)
}

/// A name, the numbers in parentheses after it, and what follows.
fn split(text: &str) -> Option<(&str, Vec<u32>, &str)> {
    let Some((name, rest)) = text.split_once('(') else {
        let (name, rest) = match text.strip_suffix("unsigned") {
            Some(name) => (name.trim_end(), "unsigned"),
            None => (text, ""),
        };
        return (!name.is_empty()).then_some((name, vec![], rest));
    };
    let (arguments, rest) = rest.split_once(')')?;
    let arguments = arguments.split(',').map(|number| number.trim().parse().ok()).collect::<Option<_>>()?;
    Some((name.trim(), arguments, rest.trim()))
}

fn decimal(precision: u8, scale: u8) -> Result<DataType, String> {
    if precision == 0 || precision > 65 || scale > 30 || scale > precision {
        return Err(format!(
            "decimal({precision},{scale}) has more than 65 digits, or more than 30 after the point"
        ));
    }
    let signed_scale = i8::try_from(scale).map_err(|error| error.to_string())?;
    Ok(match precision {
        ..=DECIMAL128_MAX_PRECISION => DataType::Decimal128(precision, signed_scale),
        _ => DataType::Decimal256(precision, signed_scale),
    })
}

fn number_u8(arguments: &[u32], index: usize, default: u8) -> Result<u8, String> {
    match arguments.get(index) {
        Some(number) => u8::try_from(*number).map_err(|_| format!("{number} digits are too many")),
        None => Ok(default),
    }
}

/// Times of day: 32 bits have no microseconds.
fn time(digits: u32) -> Result<DataType, String> {
    Ok(match time_unit(digits)? {
        unit @ (TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(unit),
        unit => DataType::Time64(unit),
    })
}

fn time_unit(digits: u32) -> Result<TimeUnit, String> {
    match digits {
        0 => Ok(TimeUnit::Second),
        1..=3 => Ok(TimeUnit::Millisecond),
        4..=6 => Ok(TimeUnit::Microsecond),
        _ => Err(format!("a time has at most 6 digits after the second, not {digits}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |text: &str, expected: Result<DataType, &str>| {
            assert_eq!(parse(text), expected.map_err(str::to_owned), "{text}");
        };
        check("BIGINT", Ok(DataType::Int64));
        check("int(11) unsigned", Ok(DataType::UInt32));
        check("tinyint unsigned", Ok(DataType::UInt8));
        check("varchar(20)", Ok(DataType::Utf8View));
        check("decimal(12, 2)", Ok(DataType::Decimal128(12, 2)));
        check("decimal(40,2)", Ok(DataType::Decimal256(40, 2)));
        check("decimal", Ok(DataType::Decimal128(10, 0)));
        check("datetime", Ok(DataType::Timestamp(TimeUnit::Second, None)));
        check("datetime(6)", Ok(DataType::Timestamp(TimeUnit::Microsecond, None)));
        check("timestamp(3)", Ok(DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))));
        check("time", Ok(DataType::Time32(TimeUnit::Second)));
        check("time(2)", Ok(DataType::Time32(TimeUnit::Millisecond)));
        check("time(6)", Ok(DataType::Time64(TimeUnit::Microsecond)));
        check("json", Ok(DataType::Utf8View));
        check("double precision", Ok(DataType::Float64));
        check("decimal(70,2)", Err("decimal(70,2) has more than 65 digits, or more than 30 after the point"));
        check("datetime(9)", Err("a time has at most 6 digits after the second, not 9"));
        check("date unsigned", Err("`date` cannot be unsigned"));
        check("bigint(1,2)", Err("`bigint(1,2)` has too many numbers"));
        check(
            "integers",
            Err("type `integers` is not known; use one of MySQL's, such as bigint or varchar(20)"),
        );
        check("int(x)", Err("`int(x)` is not a type"));
        check("", Err("`` is not a type"));
    }
}
