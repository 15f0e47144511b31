//! Types as CREATE TABLE declares them: names, lengths, and what of them means nothing.
//!
//! It knows one type at a time; no statement and no table.

use super::types::{MysqlType, UNKNOWN_CHARACTERS};

/// Most characters of a CHAR, and bytes of a BINARY.
const FIXED_LENGTH_MAX: u64 = 255;
/// Most bytes of a VARBINARY.
const BYTES_MAX: u64 = 65_535;

/// Why a table cannot have its columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misdeclared {
    /// 1074.
    #[error("Column length too big for column '{column}' (max = {most}); use BLOB or TEXT instead")]
    Length {
        /// The column.
        column: String,
        /// The greatest length of its type.
        most: u64,
    },
    /// 1426.
    #[error("Too-big precision {precision} specified for '{column}'. Maximum is {most}.")]
    Precision {
        /// The column.
        column: String,
        /// What was asked for.
        precision: u64,
        /// What there is.
        most: u64,
    },
    /// 1425.
    #[error("Too big scale {scale} specified for column '{column}'. Maximum is 30.")]
    Scale {
        /// The column.
        column: String,
        /// What was asked for.
        scale: u64,
    },
    /// 1427.
    #[error("For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '{0}').")]
    ScaleOverPrecision(String),
    /// 1439.
    #[error("Display width out of range for column '{0}' (max = 255)")]
    Width(String),
    /// 1818.
    #[error("Supports only YEAR or YEAR(4) column.")]
    YearWidth,
    /// 1063.
    #[error("Incorrect column specifier for column '{0}'")]
    Specifier(String),
    /// 1067.
    #[error("Invalid default value for '{0}'")]
    Default(String),
    /// 1294: ON UPDATE of a column that has no time, or fewer digits.
    #[error("Invalid ON UPDATE clause for '{0}' column")]
    OnUpdate(String),
    /// 1101.
    #[error("BLOB, TEXT, GEOMETRY or JSON column '{0}' can't have a default value")]
    LongDefault(String),
    /// 1113.
    #[error("A table must have at least 1 column")]
    NoColumns,
    /// 1235: a type that is not here.
    #[error("This version of MySQL doesn't yet support '{0} columns of temporary tables'")]
    Unsupported(String),
    /// 1064: no type at all, or without what it needs.
    #[error("'{0}' is no type of a column")]
    Unknown(String),
}

impl Misdeclared {
    /// The MySQL error number and its SQLSTATE.
    pub fn code(&self) -> (u16, &'static str) {
        match self {
            Self::Length { .. } => (1074, "42000"),
            Self::Precision { .. } => (1426, "42000"),
            Self::Scale { .. } => (1425, "42000"),
            Self::ScaleOverPrecision(_) => (1427, "42000"),
            Self::Width(_) => (1439, "42000"),
            Self::YearWidth => (1818, "HY000"),
            Self::Specifier(_) => (1063, "42000"),
            Self::Default(_) => (1067, "42000"),
            Self::OnUpdate(_) => (1294, "HY000"),
            Self::LongDefault(_) => (1101, "42000"),
            Self::NoColumns => (1113, "42000"),
            Self::Unsupported(_) => (1235, "42000"),
            Self::Unknown(_) => (1064, "42000"),
        }
    }
}

/// A type as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// In lower case, words apart by one blank: `bigint`, `double precision`.
    pub name: String,
    /// In parentheses.
    pub numbers: Vec<u64>,
    /// UNSIGNED.
    pub unsigned: bool,
}

/// The type of a definition: of `decimal(5,2)`, `bigint unsigned`.
pub fn parse(definition: &str) -> Result<MysqlType, Misdeclared> {
    let unknown = || Misdeclared::Unknown(definition.to_owned());
    let (head, unsigned) = match definition.strip_suffix(" unsigned") {
        Some(head) => (head, true),
        None => (definition, false),
    };
    let (name, numbers) = match head.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').ok_or_else(unknown)?.split(',')),
        None => return of(&Written { name: head.to_owned(), unsigned, numbers: Vec::new() }, ""),
    };
    let numbers = numbers.map(|number| number.parse().map_err(|_| unknown())).collect::<Result<_, _>>()?;
    of(&Written { name: name.to_owned(), numbers, unsigned }, "")
}

/// The type of a column as it was written.
pub fn of(written: &Written, column: &str) -> Result<MysqlType, Misdeclared> {
    let Written { name, numbers, unsigned } = written;
    let unknown = || Misdeclared::Unknown(name.clone());
    let unsupported = |what: &str| Err(Misdeclared::Unsupported(what.to_owned()));
    let only = |most: usize| if numbers.len() > most { Err(unknown()) } else { Ok(numbers.first().copied()) };
    let integer = |bytes| match only(1)? {
        Some(256..) => Err(Misdeclared::Width(column.to_owned())),
        _ => Ok(MysqlType::Integer { bytes, unsigned: *unsigned }),
    };
    let length = |most: u64| {
        let length = only(1)?;
        match length.and_then(|length| u32::try_from(length).ok()) {
            Some(short) if u64::from(short) <= most => Ok(Some(short)),
            _ if length.is_none() => Ok(None),
            _ => Err(Misdeclared::Length { column: column.to_owned(), most }),
        }
    };
    let needed = |length: Option<u32>| length.ok_or_else(unknown);
    let fraction = || match only(1)?.unwrap_or(0) {
        fraction @ ..=6 => Ok(fraction as u8),
        precision => Err(Misdeclared::Precision { column: column.to_owned(), precision, most: 6 }),
    };
    let plain = |kind| only(0).map(|_| kind);
    if *unsigned && matches!(name.as_str(), "decimal" | "numeric" | "dec" | "fixed" | "float" | "double") {
        return unsupported(&format!("{} UNSIGNED", name.to_uppercase()));
    }
    Ok(match name.as_str() {
        "tinyint" | "int1" if numbers.as_slice() == [1] && !unsigned => MysqlType::Boolean,
        "tinyint" | "int1" => integer(1)?,
        "smallint" | "int2" => integer(2)?,
        "mediumint" | "int3" | "middleint" => integer(3)?,
        "int" | "integer" | "int4" => integer(4)?,
        "bigint" | "int8" => integer(8)?,
        _ if *unsigned => return Err(unknown()),
        "bool" | "boolean" => plain(MysqlType::Boolean)?,
        "decimal" | "numeric" | "dec" | "fixed" => decimal(numbers, column)?,
        "float" | "float4" | "float8" | "double" | "double precision" | "real" if numbers.len() > 1 => {
            return unsupported("FLOAT(M,D) and DOUBLE(M,D)");
        }
        "float" => match only(1)? {
            None | Some(..=24) => MysqlType::Float,
            Some(25..=53) => MysqlType::Double { decimals: None },
            Some(_) => return Err(Misdeclared::Specifier(column.to_owned())),
        },
        "float4" => plain(MysqlType::Float)?,
        "float8" | "double" | "double precision" | "real" => plain(MysqlType::Double { decimals: None })?,
        "date" => plain(MysqlType::Date)?,
        "datetime" => MysqlType::DateTime { fraction: fraction()? },
        "timestamp" => MysqlType::Timestamp { fraction: fraction()? },
        "time" => MysqlType::Time { fraction: fraction()? },
        "year" => match only(1)? {
            None | Some(4) => MysqlType::Year,
            Some(_) => return Err(Misdeclared::YearWidth),
        },
        "char" | "character" | "nchar" => {
            MysqlType::Char { characters: length(FIXED_LENGTH_MAX)?.unwrap_or(1) }
        }
        "varchar" | "character varying" | "char varying" | "nvarchar" => {
            MysqlType::Text { characters: needed(length(UNKNOWN_CHARACTERS.into())?)? }
        }
        "binary" => MysqlType::Binary { bytes: length(FIXED_LENGTH_MAX)?.unwrap_or(1) },
        "varbinary" => MysqlType::VarBinary { bytes: needed(length(BYTES_MAX)?)? },
        "tinytext" => plain(MysqlType::LongText { length_bytes: 1 })?,
        "text" => long_text(only(1)?.map_or(BYTES_MAX, |characters| characters.saturating_mul(4))),
        "mediumtext" | "long" | "long varchar" => plain(MysqlType::LongText { length_bytes: 3 })?,
        "longtext" => plain(MysqlType::Text { characters: u32::MAX })?,
        "tinyblob" => plain(MysqlType::LongBlob { length_bytes: 1 })?,
        "blob" => long_blob(only(1)?.unwrap_or(BYTES_MAX)),
        "mediumblob" | "long varbinary" => plain(MysqlType::LongBlob { length_bytes: 3 })?,
        "longblob" => plain(MysqlType::Blob)?,
        "json" => plain(MysqlType::Json)?,
        "enum" | "set" | "bit" | "serial" | "geometry" | "point" | "linestring" | "polygon"
        | "multipoint" | "multilinestring" | "multipolygon" | "geometrycollection" | "geomcollection" => {
            return unsupported(&name.to_uppercase());
        }
        _ => return Err(unknown()),
    })
}

fn decimal(numbers: &[u64], column: &str) -> Result<MysqlType, Misdeclared> {
    let (precision, scale) = match numbers {
        [] | [0] => (10, 0),
        [precision] => (*precision, 0),
        [0, scale] => (10, *scale),
        [precision, scale] => (*precision, *scale),
        _ => return Err(Misdeclared::Unknown("decimal".to_owned())),
    };
    let column = || column.to_owned();
    if scale > 30 {
        return Err(Misdeclared::Scale { column: column(), scale });
    }
    if precision > 65 {
        return Err(Misdeclared::Precision { column: column(), precision, most: 65 });
    }
    if scale > precision {
        return Err(Misdeclared::ScaleOverPrecision(column()));
    }
    Ok(MysqlType::Decimal { precision: precision as u8, scale: scale as u8 })
}

/// The shortest of the types that have room for so many bytes.
fn long_text(bytes: u64) -> MysqlType {
    match length_bytes(bytes) {
        4 => MysqlType::Text { characters: u32::MAX },
        length_bytes => MysqlType::LongText { length_bytes },
    }
}

fn long_blob(bytes: u64) -> MysqlType {
    match length_bytes(bytes) {
        4 => MysqlType::Blob,
        length_bytes => MysqlType::LongBlob { length_bytes },
    }
}

fn length_bytes(bytes: u64) -> u8 {
    match bytes {
        0..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x100_0000 => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_are_written() {
        for definition in [
            "tinyint(1)",
            "tinyint",
            "smallint unsigned",
            "mediumint",
            "int",
            "bigint unsigned",
            "decimal(5,2)",
            "float",
            "double",
            "date",
            "datetime(3)",
            "timestamp",
            "time(6)",
            "year",
            "char(5)",
            "varchar(20)",
            "tinytext",
            "text",
            "mediumtext",
            "longtext",
            "binary(3)",
            "varbinary(3)",
            "tinyblob",
            "blob",
            "mediumblob",
            "longblob",
            "json",
        ] {
            let shown = parse(definition).map(|kind| kind.definition().into_owned());
            assert_eq!(shown.as_deref(), Ok(definition));
        }
    }

    #[test]
    fn what_means_nothing() {
        let check = |definition: &str, code: u16, message: &str| {
            let error = parse(definition).unwrap_err();
            assert_eq!((error.code().0, error.to_string().as_str()), (code, message), "{definition}");
        };
        check("varchar", 1064, "'varchar' is no type of a column");
        check("integers", 1064, "'integers' is no type of a column");
        check("date unsigned", 1064, "'date' is no type of a column");
        check("char(300)", 1074, "Column length too big for column '' (max = 255); use BLOB or TEXT instead");
        check("decimal(70,2)", 1426, "Too-big precision 70 specified for ''. Maximum is 65.");
        check("decimal(5,31)", 1425, "Too big scale 31 specified for column ''. Maximum is 30.");
        check(
            "decimal(5,6)",
            1427,
            "For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '').",
        );
        check("datetime(7)", 1426, "Too-big precision 7 specified for ''. Maximum is 6.");
        check("year(2)", 1818, "Supports only YEAR or YEAR(4) column.");
        check("enum", 1235, "This version of MySQL doesn't yet support 'ENUM columns of temporary tables'");
    }
}
