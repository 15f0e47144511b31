//! Arrow's types as MySQL's: one mapping for column definitions, `information_schema`, SHOW, prepare and execute.
//!
//! It knows names, lengths and precisions; no type codes of the protocol (those are the wire's) and no values.

use std::borrow::Cow;

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::functions::convert::decimal;
use super::functions::shown::{self, Digits};
use super::functions::signature::EXTENSION;

/// The character set of every string.
pub const CHARACTER_SET: &str = "utf8mb4";

/// The collation of every string: strings compare by their bytes.
pub const COLLATION: &str = "utf8mb4_bin";

/// Most bytes of a character in [`CHARACTER_SET`].
pub const BYTES_PER_CHARACTER: u64 = 4;

/// Characters that are announced for a string whose greatest length is not known: the most that MySQL's
/// VARCHAR holds in four-byte characters. More would make ODBC drivers fetch the column piece by piece.
pub const UNKNOWN_CHARACTERS: u32 = 16_383;

/// A MySQL type with what its column definition and its row in `information_schema.COLUMNS` tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MysqlType {
    /// The type of a bare NULL.
    Null,
    /// TINYINT(1).
    Boolean,
    /// What a comparison answers: a BIGINT of one digit.
    Truth,
    /// TINYINT to BIGINT.
    Integer {
        /// Bytes: 1, 2, 3 of MEDIUMINT, 4 or 8.
        bytes: u8,
        /// Without negative numbers.
        unsigned: bool,
    },
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double {
        /// Digits after the point, where they are fixed.
        decimals: Option<u8>,
    },
    /// DECIMAL.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// DATE.
    Date,
    /// DATETIME: a wall-clock time.
    DateTime {
        /// Digits of the fraction of seconds.
        fraction: u8,
    },
    /// TIMESTAMP: an instant, shown in the session's time zone.
    Timestamp {
        /// Digits of the fraction of seconds.
        fraction: u8,
    },
    /// TIME: a length of time or a time of day.
    Time {
        /// Digits of the fraction of seconds.
        fraction: u8,
    },
    /// YEAR.
    Year,
    /// CHAR.
    Char {
        /// Most characters.
        characters: u32,
    },
    /// VARCHAR, or LONGTEXT above what VARCHAR holds.
    Text {
        /// Most characters.
        characters: u32,
    },
    /// BINARY.
    Binary {
        /// Its bytes, always as many.
        bytes: u32,
    },
    /// TINYTEXT, TEXT and MEDIUMTEXT.
    LongText {
        /// Bytes of a value's length: 1 to 3.
        length_bytes: u8,
    },
    /// VARBINARY.
    VarBinary {
        /// Most bytes.
        bytes: u32,
    },
    /// TINYBLOB, BLOB and MEDIUMBLOB.
    LongBlob {
        /// Bytes of a value's length: 1 to 3.
        length_bytes: u8,
    },
    /// LONGBLOB: bytes of any length.
    Blob,
    /// JSON: nested columns, and strings that are known to hold JSON.
    Json,
}

impl MysqlType {
    /// The MySQL type that shows an Arrow type. `max_characters` is the greatest length of its strings where that
    /// is known; `json` says that its strings are JSON documents.
    pub fn of(data_type: &DataType, max_characters: Option<u32>, json: bool) -> Self {
        let integer = |bytes, unsigned| Self::Integer { bytes, unsigned };
        match data_type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => integer(1, false),
            DataType::Int16 => integer(2, false),
            DataType::Int32 => integer(4, false),
            DataType::Int64 => integer(8, false),
            DataType::UInt8 => integer(1, true),
            DataType::UInt16 => integer(2, true),
            DataType::UInt32 => integer(4, true),
            DataType::UInt64 => integer(8, true),
            DataType::Float16 | DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double { decimals: None },
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => Self::decimal(*precision, *scale),
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(unit, None) => Self::DateTime { fraction: fraction(*unit) },
            DataType::Timestamp(unit, Some(_)) => Self::Timestamp { fraction: fraction(*unit) },
            DataType::Time32(unit) | DataType::Time64(unit) | DataType::Duration(unit) => {
                Self::Time { fraction: fraction(*unit) }
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if json => Self::Json,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Interval(_) => {
                Self::Text { characters: max_characters.unwrap_or(UNKNOWN_CHARACTERS) }
            }
            DataType::FixedSizeBinary(bytes) if *bytes <= 255 => {
                Self::Binary { bytes: u32::try_from(*bytes).unwrap_or(0) }
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Blob,
            DataType::Dictionary(_, values) => Self::of(values, max_characters, json),
            DataType::RunEndEncoded(_, values) => Self::of(values.data_type(), max_characters, json),
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(_, _)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Struct(_)
            | DataType::Map(_, _)
            | DataType::Union(_, _) => Self::Json,
        }
    }

    /// The Arrow type that a column of the type is stored in.
    pub fn storage(self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean | Self::Integer { bytes: 1, unsigned: false } => DataType::Int8,
            Self::Truth => DataType::Int64,
            Self::Integer { bytes: 1, unsigned: true } => DataType::UInt8,
            Self::Integer { bytes: 2, unsigned: false } | Self::Year => DataType::Int16,
            Self::Integer { bytes: 2, unsigned: true } => DataType::UInt16,
            Self::Integer { bytes: 3 | 4, unsigned: false } => DataType::Int32,
            Self::Integer { bytes: 3 | 4, unsigned: true } => DataType::UInt32,
            Self::Integer { unsigned: false, .. } => DataType::Int64,
            Self::Integer { unsigned: true, .. } => DataType::UInt64,
            Self::Float => DataType::Float32,
            Self::Double { .. } => DataType::Float64,
            Self::Decimal { precision, scale } => decimal::data_type(precision, scale as i8),
            Self::Date => DataType::Date32,
            Self::DateTime { fraction } => DataType::Timestamp(shown::unit_of(fraction), None),
            Self::Timestamp { fraction } => DataType::Timestamp(shown::unit_of(fraction), Some("UTC".into())),
            Self::Time { fraction } => DataType::Duration(shown::unit_of(fraction)),
            Self::Char { .. } | Self::Text { .. } | Self::LongText { .. } | Self::Json => DataType::Utf8View,
            Self::Binary { .. } | Self::VarBinary { .. } | Self::LongBlob { .. } | Self::Blob => {
                DataType::BinaryView
            }
        }
    }

    /// A field of such values, with what its type does not tell.
    pub fn field(self, name: String, data_type: DataType, nullable: bool) -> Field {
        let digits = match self {
            Self::DateTime { fraction } | Self::Timestamp { fraction } | Self::Time { fraction } => {
                Some(Digits::Fraction(fraction))
            }
            Self::Double { decimals } => decimals.map(Digits::Decimals),
            _ => None,
        };
        let is_document = self == Self::Json && !data_type.is_nested();
        let mut field = shown::with_digits(Field::new(name, data_type, nullable), digits);
        if is_document {
            field.metadata_mut().insert(EXTENSION.0.to_owned(), EXTENSION.1.to_owned());
        }
        field
    }

    /// The type with other digits of a second's fraction, or with as many after the point of a DOUBLE.
    pub fn showing(self, digits: Option<u8>) -> Self {
        match (self, digits) {
            (Self::Double { .. }, decimals) => Self::Double { decimals },
            (Self::DateTime { .. }, Some(fraction)) => Self::DateTime { fraction },
            (Self::Timestamp { .. }, Some(fraction)) => Self::Timestamp { fraction },
            (Self::Time { .. }, Some(fraction)) => Self::Time { fraction },
            _ => self,
        }
    }

    /// A negative scale means zeros before the point: MySQL has them as digits.
    fn decimal(precision: u8, scale: i8) -> Self {
        match u8::try_from(scale) {
            Ok(scale) => Self::Decimal { precision: precision.max(scale), scale },
            Err(_) => Self::Decimal { precision: precision.saturating_add(scale.unsigned_abs()), scale: 0 },
        }
    }

    /// The type's name, as `DATA_TYPE` in `information_schema.COLUMNS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null | Self::Binary { .. } => "binary",
            Self::Year => "year",
            Self::Char { .. } => "char",
            Self::VarBinary { .. } => "varbinary",
            Self::LongText { length_bytes: 1 } => "tinytext",
            Self::LongText { length_bytes: 2 } => "text",
            Self::LongText { .. } => "mediumtext",
            Self::LongBlob { length_bytes: 1 } => "tinyblob",
            Self::LongBlob { length_bytes: 2 } => "blob",
            Self::LongBlob { .. } => "mediumblob",
            Self::Boolean | Self::Integer { bytes: 1, .. } => "tinyint",
            Self::Integer { bytes: 2, .. } => "smallint",
            Self::Integer { bytes: 3, .. } => "mediumint",
            Self::Integer { bytes: 4, .. } => "int",
            Self::Truth | Self::Integer { .. } => "bigint",
            Self::Float => "float",
            Self::Double { .. } => "double",
            Self::Decimal { .. } => "decimal",
            Self::Date => "date",
            Self::DateTime { .. } => "datetime",
            Self::Timestamp { .. } => "timestamp",
            Self::Time { .. } => "time",
            Self::Text { characters } if characters <= UNKNOWN_CHARACTERS => "varchar",
            Self::Text { .. } => "longtext",
            Self::Blob => "longblob",
            Self::Json => "json",
        }
    }

    /// The type as a table's definition writes it, as `COLUMN_TYPE` and SHOW COLUMNS.
    pub fn definition(self) -> Cow<'static, str> {
        let name = self.name();
        match self {
            Self::Null => "binary(0)".into(),
            Self::Boolean => "tinyint(1)".into(),
            Self::Integer { unsigned: true, .. } => format!("{name} unsigned").into(),
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})").into(),
            Self::DateTime { fraction } | Self::Timestamp { fraction } | Self::Time { fraction }
                if fraction > 0 =>
            {
                format!("{name}({fraction})").into()
            }
            Self::Text { characters } if characters <= UNKNOWN_CHARACTERS => {
                format!("varchar({characters})").into()
            }
            Self::Char { characters } => format!("char({characters})").into(),
            Self::Binary { bytes } | Self::VarBinary { bytes } => format!("{name}({bytes})").into(),
            _ => name.into(),
        }
    }

    /// The length that a column definition tells: bytes of a string, characters of everything else as text.
    pub fn length(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Boolean | Self::Truth => 1,
            Self::Integer { bytes: 1, unsigned } => 4 - u32::from(unsigned),
            Self::Integer { bytes: 2, unsigned } => 6 - u32::from(unsigned),
            Self::Integer { bytes: 3, unsigned } => 9 - u32::from(unsigned),
            Self::Integer { bytes: 4, unsigned } => 11 - u32::from(unsigned),
            Self::Integer { .. } => 20,
            Self::Year => 4,
            Self::Float => 12,
            Self::Double { decimals: None } => 22,
            Self::Double { decimals: Some(decimals) } => 17 + u32::from(decimals),
            Self::Decimal { precision, scale } => u32::from(precision) + 1 + u32::from(scale > 0),
            Self::Date => 10,
            Self::DateTime { fraction } | Self::Timestamp { fraction } => 19 + fraction_length(fraction),
            Self::Time { fraction } => 10 + fraction_length(fraction),
            Self::Char { characters } | Self::Text { characters } => {
                u32::try_from(u64::from(characters) * BYTES_PER_CHARACTER).unwrap_or(u32::MAX)
            }
            Self::Binary { bytes } | Self::VarBinary { bytes } => bytes,
            Self::LongText { length_bytes } => {
                u32::try_from(longest(length_bytes) * BYTES_PER_CHARACTER).unwrap_or(u32::MAX)
            }
            Self::LongBlob { length_bytes } => u32::try_from(longest(length_bytes)).unwrap_or(u32::MAX),
            Self::Blob | Self::Json => u32::MAX,
        }
    }

    /// The decimals that a column definition tells; 31 where their number is not fixed.
    pub fn decimals(self) -> u8 {
        match self {
            Self::Float | Self::Double { decimals: None } => 31,
            Self::Double { decimals: Some(decimals) } => decimals,
            Self::Decimal { scale, .. } => scale,
            Self::DateTime { fraction } | Self::Timestamp { fraction } | Self::Time { fraction } => fraction,
            _ => 0,
        }
    }

    /// Whether it holds characters, which have [`CHARACTER_SET`] and [`COLLATION`].
    pub fn is_text(self) -> bool {
        matches!(self, Self::Char { .. } | Self::Text { .. } | Self::LongText { .. })
    }

    /// Most characters of its texts, where it tells.
    pub fn characters(self) -> Option<u32> {
        match self {
            Self::Char { characters } | Self::Text { characters } => Some(characters),
            Self::LongText { length_bytes } => u32::try_from(longest(length_bytes)).ok(),
            _ => None,
        }
    }

    /// Whether MySQL keeps its values outside of their rows: TEXT and BLOB of all sizes.
    pub fn is_long(self) -> bool {
        match self {
            Self::Text { characters } => characters > UNKNOWN_CHARACTERS,
            Self::LongText { .. } | Self::LongBlob { .. } | Self::Blob => true,
            _ => false,
        }
    }

    /// Whether it is a number.
    pub fn is_number(self) -> bool {
        self.numeric_precision().is_some()
    }

    /// `CHARACTER_MAXIMUM_LENGTH`: characters of a text, bytes of a binary string.
    pub fn maximum_characters(self) -> Option<u64> {
        match self {
            Self::Null => Some(0),
            Self::Text { characters } if characters <= UNKNOWN_CHARACTERS => Some(u64::from(characters)),
            Self::Text { .. } | Self::Blob => Some(u64::from(u32::MAX)),
            Self::Char { characters } => Some(u64::from(characters)),
            Self::Binary { bytes } | Self::VarBinary { bytes } => Some(u64::from(bytes)),
            Self::LongText { length_bytes } | Self::LongBlob { length_bytes } => Some(longest(length_bytes)),
            _ => None,
        }
    }

    /// `CHARACTER_OCTET_LENGTH`: bytes of a string.
    pub fn maximum_bytes(self) -> Option<u64> {
        match self {
            Self::Text { characters } if characters <= UNKNOWN_CHARACTERS => {
                Some(u64::from(characters) * BYTES_PER_CHARACTER)
            }
            Self::Char { characters } => Some(u64::from(characters) * BYTES_PER_CHARACTER),
            _ => self.maximum_characters(),
        }
    }

    /// `NUMERIC_PRECISION`: digits of a number.
    pub fn numeric_precision(self) -> Option<u64> {
        match self {
            Self::Truth => Some(1),
            Self::Boolean | Self::Integer { bytes: 1, .. } => Some(3),
            Self::Integer { bytes: 2, .. } => Some(5),
            Self::Integer { bytes: 3, .. } => Some(7),
            Self::Integer { bytes: 4, .. } => Some(10),
            Self::Integer { unsigned, .. } => Some(19 + u64::from(unsigned)),
            Self::Float => Some(12),
            Self::Double { .. } => Some(22),
            Self::Decimal { precision, .. } => Some(u64::from(precision)),
            _ => None,
        }
    }

    /// `NUMERIC_SCALE`: digits after the point of an exact number.
    pub fn numeric_scale(self) -> Option<u64> {
        match self {
            Self::Boolean | Self::Truth | Self::Integer { .. } => Some(0),
            Self::Decimal { scale, .. } => Some(u64::from(scale)),
            _ => None,
        }
    }

    /// `DATETIME_PRECISION`: digits of the fraction of seconds.
    pub fn datetime_precision(self) -> Option<u32> {
        match self {
            Self::DateTime { fraction } | Self::Timestamp { fraction } | Self::Time { fraction } => {
                Some(u32::from(fraction))
            }
            _ => None,
        }
    }
}

/// The digits of a second's fraction that MySQL shows for a unit; it has at most six.
fn fraction(unit: TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond | TimeUnit::Nanosecond => 6,
    }
}

/// Most bytes of a string whose length has so many bytes.
fn longest(length_bytes: u8) -> u64 {
    (1 << (8 * u64::from(length_bytes))) - 1
}

fn fraction_length(fraction: u8) -> u32 {
    if fraction == 0 { 0 } else { u32::from(fraction) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrow_types_show_as_mysql_types() {
        let check = |data_type: DataType, definition: &str, length: u32, decimals: u8| {
            let shown = MysqlType::of(&data_type, None, false);
            assert_eq!(
                (shown.definition().as_ref(), shown.length(), shown.decimals()),
                (definition, length, decimals),
                "{data_type}"
            );
            assert!(shown.definition().starts_with(shown.name()), "{data_type}");
        };
        check(DataType::Null, "binary(0)", 0, 0);
        check(DataType::Boolean, "tinyint(1)", 1, 0);
        check(DataType::Int8, "tinyint", 4, 0);
        check(DataType::UInt8, "tinyint unsigned", 3, 0);
        check(DataType::Int16, "smallint", 6, 0);
        check(DataType::UInt16, "smallint unsigned", 5, 0);
        check(DataType::Int32, "int", 11, 0);
        check(DataType::UInt32, "int unsigned", 10, 0);
        check(DataType::Int64, "bigint", 20, 0);
        check(DataType::UInt64, "bigint unsigned", 20, 0);
        check(DataType::Float32, "float", 12, 31);
        check(DataType::Float64, "double", 22, 31);
        check(DataType::Decimal128(12, 2), "decimal(12,2)", 14, 2);
        check(DataType::Decimal128(12, 0), "decimal(12,0)", 13, 0);
        check(DataType::Decimal128(5, -2), "decimal(7,0)", 8, 0);
        check(DataType::Decimal256(65, 30), "decimal(65,30)", 67, 30);
        check(DataType::Date32, "date", 10, 0);
        check(DataType::Timestamp(TimeUnit::Second, None), "datetime", 19, 0);
        check(DataType::Timestamp(TimeUnit::Millisecond, None), "datetime(3)", 23, 3);
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), "datetime(6)", 26, 6);
        check(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "timestamp(6)", 26, 6);
        check(DataType::Time64(TimeUnit::Microsecond), "time(6)", 17, 6);
        check(DataType::Duration(TimeUnit::Second), "time", 10, 0);
        check(DataType::Utf8View, "varchar(16383)", 65_532, 0);
        check(DataType::FixedSizeBinary(16), "binary(16)", 16, 0);
        check(DataType::BinaryView, "longblob", u32::MAX, 0);
        check(DataType::new_list(DataType::Int64, true), "json", u32::MAX, 0);
        check(DataType::Struct(vec![Field::new("a", DataType::Utf8, true)].into()), "json", u32::MAX, 0);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        check(dictionary, "varchar(16383)", 65_532, 0);
    }

    #[test]
    fn known_lengths_and_json_are_told() {
        let check = |characters: Option<u32>, json: bool, definition: &str, bytes: Option<u64>| {
            let shown = MysqlType::of(&DataType::Utf8View, characters, json);
            assert_eq!((shown.definition().as_ref(), shown.maximum_bytes()), (definition, bytes));
        };
        check(Some(64), false, "varchar(64)", Some(256));
        check(Some(16_384), false, "longtext", Some(4_294_967_295));
        check(None, false, "varchar(16383)", Some(65_532));
        check(Some(64), true, "json", None);
    }
}
