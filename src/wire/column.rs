//! Column definitions: what clients are told of a result's columns before its rows.
//!
//! Types, lengths and decimals are `engine::types`', the same that `information_schema` shows; only their
//! codes and flags are decided here.

use bytes::BufMut;
use mysql_common::constants::{ColumnFlags, ColumnType};
use mysql_common::io::BufMutExt;

use crate::engine::answer::{Column, Origin};
use crate::engine::functions::charset::ClientSet;
use crate::engine::types::{BYTES_PER_CHARACTER, MysqlType};

/// `utf8mb4_general_ci`. A result's strings are in the client's character set, which MySQL names by that
/// set's collation; this one is known to every client that knows utf8mb4.
pub const UTF8MB4: u16 = 45;

/// The character set of everything that is no text.
const BINARY: u16 = 63;

/// The only catalog that MySQL has.
const CATALOG: &[u8] = b"def";

/// Length of the fields that follow the names.
const FIXED_FIELDS_BYTES: u8 = 12;

/// Appends a column's definition.
pub fn put_definition(out: &mut Vec<u8>, column: &Column, set: Option<ClientSet>) {
    let shown = match column.declared {
        Some(declared) => declared,
        None if column.is_computed_truth() => MysqlType::Truth,
        None => MysqlType::of(&column.data_type, column.max_characters, column.json).showing(column.digits),
    };
    put_names(out, &column.name, column.origin.as_ref(), set);
    let (collation, length) = match set {
        _ if !shown.is_text() => (BINARY, shown.length()),
        None => (UTF8MB4, shown.length()),
        Some(set) => (set.collation, shown.length() / BYTES_PER_CHARACTER as u32 * set.bytes_max),
    };
    out.put_u16_le(collation);
    out.put_u32_le(length);
    out.put_u8(column_type(shown) as u8);
    out.put_u16_le(column_flags(shown, column.nullable).bits());
    out.put_u8(shown.decimals());
    out.put_u16_le(0);
}

/// Appends the definition of a prepared statement's parameter: its type is whatever the client binds.
pub fn put_parameter(out: &mut Vec<u8>) {
    put_names(out, "?", None, None);
    out.put_u16_le(BINARY);
    out.put_u32_le(0);
    out.put_u8(ColumnType::MYSQL_TYPE_VAR_STRING as u8);
    out.put_u16_le(ColumnFlags::BINARY_FLAG.bits());
    out.put_u8(0);
    out.put_u16_le(0);
}

fn put_names(out: &mut Vec<u8>, name: &str, origin: Option<&Origin>, set: Option<ClientSet>) {
    let [database, alias, table, column] =
        origin.map_or([""; 4], |origin| [&*origin.database, &*origin.alias, &*origin.table, &*origin.column]);
    out.put_lenenc_str(CATALOG);
    for text in [database, alias, table, name, column] {
        match set {
            None => out.put_lenenc_str(text.as_bytes()),
            Some(set) => out.put_lenenc_str(&set.encode(text)),
        }
    }
    out.put_u8(FIXED_FIELDS_BYTES);
}

/// The code of a type.
pub fn column_type(shown: MysqlType) -> ColumnType {
    match shown {
        MysqlType::Null => ColumnType::MYSQL_TYPE_NULL,
        MysqlType::Boolean | MysqlType::Integer { bytes: 1, .. } => ColumnType::MYSQL_TYPE_TINY,
        MysqlType::Integer { bytes: 2, .. } => ColumnType::MYSQL_TYPE_SHORT,
        MysqlType::Integer { bytes: 3, .. } => ColumnType::MYSQL_TYPE_INT24,
        MysqlType::Integer { bytes: 4, .. } => ColumnType::MYSQL_TYPE_LONG,
        MysqlType::Truth | MysqlType::Integer { .. } => ColumnType::MYSQL_TYPE_LONGLONG,
        MysqlType::Float => ColumnType::MYSQL_TYPE_FLOAT,
        MysqlType::Double { .. } => ColumnType::MYSQL_TYPE_DOUBLE,
        MysqlType::Decimal { .. } => ColumnType::MYSQL_TYPE_NEWDECIMAL,
        MysqlType::Year => ColumnType::MYSQL_TYPE_YEAR,
        MysqlType::Date => ColumnType::MYSQL_TYPE_DATE,
        MysqlType::DateTime { .. } => ColumnType::MYSQL_TYPE_DATETIME,
        MysqlType::Timestamp { .. } => ColumnType::MYSQL_TYPE_TIMESTAMP,
        MysqlType::Time { .. } => ColumnType::MYSQL_TYPE_TIME,
        // Also what MySQL stores as a TEXT: some clients take a BLOB's type for bytes, whatever its character set.
        MysqlType::Text { .. } | MysqlType::LongText { .. } | MysqlType::VarBinary { .. } => {
            ColumnType::MYSQL_TYPE_VAR_STRING
        }
        MysqlType::Char { .. } | MysqlType::Binary { .. } => ColumnType::MYSQL_TYPE_STRING,
        MysqlType::LongBlob { .. } | MysqlType::Blob => ColumnType::MYSQL_TYPE_BLOB,
        MysqlType::Json => ColumnType::MYSQL_TYPE_JSON,
    }
}

fn column_flags(shown: MysqlType, nullable: bool) -> ColumnFlags {
    let mut flags = match shown {
        MysqlType::Boolean
        | MysqlType::Truth
        | MysqlType::Float
        | MysqlType::Double { .. }
        | MysqlType::Decimal { .. } => ColumnFlags::NUM_FLAG | ColumnFlags::BINARY_FLAG,
        MysqlType::Integer { unsigned, .. } => {
            let mut flags = ColumnFlags::NUM_FLAG | ColumnFlags::BINARY_FLAG;
            flags.set(ColumnFlags::UNSIGNED_FLAG, unsigned);
            flags
        }
        MysqlType::Year => ColumnFlags::NUM_FLAG | ColumnFlags::UNSIGNED_FLAG | ColumnFlags::ZEROFILL_FLAG,
        MysqlType::Timestamp { .. } => ColumnFlags::TIMESTAMP_FLAG | ColumnFlags::BINARY_FLAG,
        MysqlType::Null
        | MysqlType::Date
        | MysqlType::DateTime { .. }
        | MysqlType::Time { .. }
        | MysqlType::Binary { .. }
        | MysqlType::VarBinary { .. } => ColumnFlags::BINARY_FLAG,
        MysqlType::LongBlob { .. } | MysqlType::Blob | MysqlType::Json => {
            ColumnFlags::BLOB_FLAG | ColumnFlags::BINARY_FLAG
        }
        // Our collation is a binary one, but with this flag some clients would give bytes instead of text.
        MysqlType::Char { .. } | MysqlType::Text { .. } | MysqlType::LongText { .. } => ColumnFlags::empty(),
    };
    // MySQL has no NaN, no infinity and no year 10000: such values are sent as NULL, whatever the column promises.
    let always_there = !nullable
        && matches!(
            shown,
            MysqlType::Boolean
                | MysqlType::Truth
                | MysqlType::Integer { .. }
                | MysqlType::Decimal { .. }
                | MysqlType::Time { .. }
                | MysqlType::Year
                | MysqlType::Char { .. }
                | MysqlType::Text { .. }
                | MysqlType::LongText { .. }
                | MysqlType::Binary { .. }
                | MysqlType::VarBinary { .. }
                | MysqlType::LongBlob { .. }
                | MysqlType::Blob
                | MysqlType::Json
        );
    flags.set(ColumnFlags::NOT_NULL_FLAG, always_there);
    flags
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, TimeUnit};
    use mysql_common::io::ParseBuf;
    use mysql_common::packets;
    use mysql_common::proto::MyDeserialize;

    use super::*;

    fn told(column: &Column) -> packets::Column {
        let mut out = Vec::new();
        put_definition(&mut out, column, None);
        packets::Column::deserialize((), &mut ParseBuf(&out)).unwrap()
    }

    #[test]
    fn types_are_told_as_mysql_tells_them() {
        use ColumnType::*;
        let check = |data_type: DataType, code: ColumnType, character_set: u16, length: u32, decimals: u8| {
            let told = told(&Column::new("c", data_type.clone(), true));
            let all = (told.column_type(), told.character_set(), told.column_length(), told.decimals());
            assert_eq!(all, (code, character_set, length, decimals), "{data_type}");
            assert!(!told.flags().contains(ColumnFlags::NOT_NULL_FLAG));
        };
        check(DataType::Boolean, MYSQL_TYPE_LONGLONG, BINARY, 1, 0);
        check(DataType::Int8, MYSQL_TYPE_TINY, BINARY, 4, 0);
        check(DataType::UInt16, MYSQL_TYPE_SHORT, BINARY, 5, 0);
        check(DataType::Int32, MYSQL_TYPE_LONG, BINARY, 11, 0);
        check(DataType::UInt64, MYSQL_TYPE_LONGLONG, BINARY, 20, 0);
        check(DataType::Float32, MYSQL_TYPE_FLOAT, BINARY, 12, 31);
        check(DataType::Float64, MYSQL_TYPE_DOUBLE, BINARY, 22, 31);
        check(DataType::Decimal128(10, 2), MYSQL_TYPE_NEWDECIMAL, BINARY, 12, 2);
        check(DataType::Date32, MYSQL_TYPE_DATE, BINARY, 10, 0);
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), MYSQL_TYPE_DATETIME, BINARY, 26, 6);
        check(DataType::Timestamp(TimeUnit::Second, Some("UTC".into())), MYSQL_TYPE_TIMESTAMP, BINARY, 19, 0);
        check(DataType::Time64(TimeUnit::Microsecond), MYSQL_TYPE_TIME, BINARY, 17, 6);
        check(DataType::Utf8View, MYSQL_TYPE_VAR_STRING, UTF8MB4, 65_532, 0);
        check(DataType::Binary, MYSQL_TYPE_BLOB, BINARY, u32::MAX, 0);
        check(DataType::new_list(DataType::Int32, true), MYSQL_TYPE_JSON, BINARY, u32::MAX, 0);
        check(DataType::Null, MYSQL_TYPE_NULL, BINARY, 0, 0);
    }

    #[test]
    fn names_and_flags() {
        let mut column = Column::new("heading", DataType::UInt32, false);
        let names = ["lake", "events", "e", "id"].map(str::to_owned);
        let [database, table, alias, name] = names;
        column.origin = Some(Origin { database, table, alias, column: name });
        let told = told(&column);
        assert_eq!(
            [told.schema_str(), told.table_str(), told.org_table_str(), told.name_str(), told.org_name_str()],
            ["lake", "e", "events", "heading", "id"]
        );
        let expected = ColumnFlags::NOT_NULL_FLAG
            | ColumnFlags::UNSIGNED_FLAG
            | ColumnFlags::NUM_FLAG
            | ColumnFlags::BINARY_FLAG;
        assert_eq!(told.flags(), expected);
        column.data_type = DataType::Boolean;
        let told = self::told(&column);
        assert_eq!((told.column_type(), told.column_length()), (ColumnType::MYSQL_TYPE_TINY, 1));
    }
}
