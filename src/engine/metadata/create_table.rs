//! A table's definition as SHOW CREATE TABLE writes it.
//!
//! Programs read this text line by line: SQLAlchemy expects a column in each line, two blanks before it, and the
//! options after `)` in the last one.

use super::definitions::ENGINE_OF_SYSTEM_TABLES;
use super::objects::{ENGINE_OF_TEMPORARY_TABLES, Object};
use super::variables::ENGINE;
use crate::catalog::Column;
use crate::engine::temporary::Default;
use crate::engine::types::{CHARACTER_SET, COLLATION, MysqlType};

/// The statement that would make a table with these columns.
pub fn text(object: &Object, columns: &[Column]) -> String {
    let lines = columns.iter().enumerate();
    let lines = lines.map(|(place, column)| line(column, object.kind(place, column), object.default(place)));
    let lines = lines.collect::<Vec<_>>().join(",\n");
    let (engine, comment) = match object {
        Object::Lake(table) => (ENGINE, table.comment.as_str()),
        Object::View(..) | Object::System(_) => (ENGINE_OF_SYSTEM_TABLES, ""),
        Object::Temporary(_) => (ENGINE_OF_TEMPORARY_TABLES, ""),
    };
    let temporary = if matches!(object, Object::Temporary(_)) { "TEMPORARY " } else { "" };
    let comment = if comment.is_empty() { String::new() } else { format!(" COMMENT={}", literal(comment)) };
    format!(
        "CREATE {temporary}TABLE {} (\n{lines}\n) ENGINE={engine} DEFAULT CHARSET={CHARACTER_SET} COLLATE={COLLATION}{comment}",
        quoted(object.name())
    )
}

/// A name between back quotes.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn line(column: &Column, shown: MysqlType, default: Option<&Default>) -> String {
    let null = match (column.nullable, shown) {
        (false, _) => " NOT NULL",
        // Without NULL, a TIMESTAMP would mean NOT NULL.
        (true, MysqlType::Timestamp { .. }) => " NULL",
        (true, _) => "",
    };
    let text = default.and_then(|default| Some((default, default.text()?)));
    let value = match (text, shown) {
        (Some((default, text)), _) if !default.is_computed() => format!(" DEFAULT {}", literal(text)),
        (Some((_, text)), _) if text.starts_with('(') => format!(" DEFAULT ({text})"),
        (Some((_, text)), _) => format!(" DEFAULT {text}"),
        // These have no defaults.
        (None, long) if long.is_long() => String::new(),
        (None, _) if column.nullable => " DEFAULT NULL".to_owned(),
        (None, _) => String::new(),
    };
    let updated = match default.filter(|default| default.is_updated()) {
        Some(_) => match shown.datetime_precision() {
            Some(digits @ 1..) => format!(" ON UPDATE CURRENT_TIMESTAMP({digits})"),
            _ => " ON UPDATE CURRENT_TIMESTAMP".to_owned(),
        },
        None => String::new(),
    };
    let comment = match column.comment.as_str() {
        "" => String::new(),
        comment => format!(" COMMENT {}", literal(comment)),
    };
    format!("  {} {}{null}{value}{updated}{comment}", quoted(&column.name), shown.definition())
}

/// A text as a literal; lines stay lines for readers of the definition.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, TimeUnit};

    #[test]
    fn columns_are_lines() {
        let check = |name: &str, data_type: DataType, nullable: bool, comment: &str, expected: &str| {
            let (name, comment) = (name.to_owned(), comment.to_owned());
            let column = Column { name, data_type, nullable, comment, is_partition: false };
            let shown = MysqlType::of(&column.data_type, None, false);
            assert_eq!(line(&column, shown, None), expected);
        };
        check("id", DataType::Int64, false, "", "  `id` bigint NOT NULL");
        check("a`b", DataType::Utf8View, true, "", "  `a``b` varchar(16383) DEFAULT NULL");
        check("n", DataType::UInt8, true, "it's", "  `n` tinyint unsigned DEFAULT NULL COMMENT 'it''s'");
        check("c", DataType::Boolean, true, "a\nb", "  `c` tinyint(1) DEFAULT NULL COMMENT 'a\\nb'");
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        check("at", instant, true, "", "  `at` timestamp(6) NULL DEFAULT NULL");
        check("raw", DataType::Binary, true, "", "  `raw` longblob");
    }
}
