//! Column definitions: what clients are told of a result's columns before its rows.
//!
//! Types, lengths and decimals are `engine::types`', the same that `information_schema` shows; only their
//! codes and flags are decided here.

use mysql_common::constants::{ColumnFlags, ColumnType};
use mysql_common::packets;
use mysql_common::proto::MySerialize;

use crate::engine::answer::{Column, Origin};
use crate::engine::types::MysqlType;

/// `utf8mb4_general_ci`. A result's strings are in the client's character set, which MySQL names by that
/// set's collation; this one is known to every client that knows utf8mb4.
pub const UTF8MB4: u16 = 45;

/// The character set of everything that is no text.
const BINARY: u16 = 63;

/// Appends a column's definition.
pub fn put_definition(out: &mut Vec<u8>, column: &Column) {
    let shown = MysqlType::of(&column.data_type, column.max_characters, column.json);
    let none =
        Origin { database: String::new(), table: String::new(), alias: String::new(), column: String::new() };
    let origin = column.origin.as_ref().unwrap_or(&none);
    packets::Column::new(column_type(shown))
        .with_schema(origin.database.as_bytes())
        .with_table(origin.alias.as_bytes())
        .with_org_table(origin.table.as_bytes())
        .with_name(column.name.as_bytes())
        .with_org_name(origin.column.as_bytes())
        .with_flags(column_flags(shown, column.nullable))
        .with_column_length(shown.length())
        .with_character_set(if shown.is_text() { UTF8MB4 } else { BINARY })
        .with_decimals(shown.decimals())
        .serialize(out);
    order_fixed_fields(out);
}

/// Appends the definition of a prepared statement's parameter: its type is whatever the client binds.
pub fn put_parameter(out: &mut Vec<u8>) {
    packets::Column::new(ColumnType::MYSQL_TYPE_VAR_STRING)
        .with_name(b"?")
        .with_flags(ColumnFlags::BINARY_FLAG)
        .with_character_set(BINARY)
        .serialize(out);
    order_fixed_fields(out);
}

/// Puts the character set before the length, as the protocol has them, in the definition that `out` ends with.
///
/// Blocked by: `mysql_common` 0.38 reads them in that order and writes them in the other.
/// Remove when: `packets::Column` reads what it writes.
fn order_fixed_fields(out: &mut [u8]) {
    // Length, character set, then type, flags, decimals and two bytes of nothing.
    let fixed = out.len() - 12;
    out[fixed..fixed + 6].rotate_left(4);
}

/// The code of a type.
pub fn column_type(shown: MysqlType) -> ColumnType {
    match shown {
        MysqlType::Null => ColumnType::MYSQL_TYPE_NULL,
        MysqlType::Boolean | MysqlType::Integer { bytes: 1, .. } => ColumnType::MYSQL_TYPE_TINY,
        MysqlType::Integer { bytes: 2, .. } => ColumnType::MYSQL_TYPE_SHORT,
        MysqlType::Integer { bytes: 4, .. } => ColumnType::MYSQL_TYPE_LONG,
        MysqlType::Integer { .. } => ColumnType::MYSQL_TYPE_LONGLONG,
        MysqlType::Float => ColumnType::MYSQL_TYPE_FLOAT,
        MysqlType::Double => ColumnType::MYSQL_TYPE_DOUBLE,
        MysqlType::Decimal { .. } => ColumnType::MYSQL_TYPE_NEWDECIMAL,
        MysqlType::Date => ColumnType::MYSQL_TYPE_DATE,
        MysqlType::DateTime { .. } => ColumnType::MYSQL_TYPE_DATETIME,
        MysqlType::Timestamp { .. } => ColumnType::MYSQL_TYPE_TIMESTAMP,
        MysqlType::Time { .. } => ColumnType::MYSQL_TYPE_TIME,
        // Also what MySQL stores as a TEXT: some clients take a BLOB's type for bytes, whatever its character set.
        MysqlType::Text { .. } => ColumnType::MYSQL_TYPE_VAR_STRING,
        MysqlType::Binary { .. } => ColumnType::MYSQL_TYPE_STRING,
        MysqlType::Blob => ColumnType::MYSQL_TYPE_BLOB,
        MysqlType::Json => ColumnType::MYSQL_TYPE_JSON,
    }
}

fn column_flags(shown: MysqlType, nullable: bool) -> ColumnFlags {
    let mut flags = match shown {
        MysqlType::Boolean | MysqlType::Float | MysqlType::Double | MysqlType::Decimal { .. } => {
            ColumnFlags::NUM_FLAG | ColumnFlags::BINARY_FLAG
        }
        MysqlType::Integer { unsigned, .. } => {
            let mut flags = ColumnFlags::NUM_FLAG | ColumnFlags::BINARY_FLAG;
            flags.set(ColumnFlags::UNSIGNED_FLAG, unsigned);
            flags
        }
        MysqlType::Timestamp { .. } => ColumnFlags::TIMESTAMP_FLAG | ColumnFlags::BINARY_FLAG,
        MysqlType::Null
        | MysqlType::Date
        | MysqlType::DateTime { .. }
        | MysqlType::Time { .. }
        | MysqlType::Binary { .. } => ColumnFlags::BINARY_FLAG,
        MysqlType::Blob | MysqlType::Json => ColumnFlags::BLOB_FLAG | ColumnFlags::BINARY_FLAG,
        // Our collation is a binary one, but with this flag some clients would give bytes instead of text.
        MysqlType::Text { .. } => ColumnFlags::empty(),
    };
    // MySQL has no NaN, no infinity and no year 10000: such values are sent as NULL, whatever the column promises.
    let always_there = !nullable
        && matches!(
            shown,
            MysqlType::Boolean
                | MysqlType::Integer { .. }
                | MysqlType::Decimal { .. }
                | MysqlType::Time { .. }
                | MysqlType::Text { .. }
                | MysqlType::Binary { .. }
                | MysqlType::Blob
                | MysqlType::Json
        );
    flags.set(ColumnFlags::NOT_NULL_FLAG, always_there);
    flags
}
