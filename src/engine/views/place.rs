//! Where in a view's file stands what was found wrong when the view was planned. It must not know how views are planned.

use super::check::CLAUSE;
use crate::engine::dialect::{Mode, find_word};
use crate::engine::error::Error;

/// The line, from 1, of what an error names, in the file of a view with this query; the first line of the query when it
/// names nothing that stands there.
pub fn line_of(file: &str, query: &str, error: &Error) -> usize {
    // The query ends the file.
    let begin = file.rfind(query).unwrap_or(0);
    let (name, from) = match error {
        Error::UnknownColumn { column, clause, .. } | Error::AmbiguousColumn { column, clause } => {
            (Some(column.as_str()), clause_of(file, clause, begin))
        }
        Error::NoSuchTable { table, .. } | Error::UnknownView(table) => (Some(table.as_str()), begin),
        Error::UnknownDatabase(name)
        | Error::NotUniqueTable(name)
        | Error::DuplicateColumn(name)
        | Error::ParameterCount(name)
        | Error::UnknownFunction { name, .. }
        | Error::ViewRecursion { view: name, .. } => (Some(name.as_str()), begin),
        Error::Invalid(text) if text.starts_with("DEPENDS ON") => (Some("DEPENDS"), 0),
        Error::Invalid(text) if text.starts_with("CHECK") => (Some("CHECK"), 0),
        Error::Invalid(text) if text.starts_with("PARTITION BY") => (Some("PARTITION"), 0),
        _ => (None, begin),
    };
    // Of `t.a` or `db.f` the last part says most.
    let name = name.map(|name| name.rsplit('.').next().unwrap_or(name));
    let found = name.and_then(|name| find_word(file, from, name, Mode::OF_VIEWS));
    file[..found.unwrap_or(begin)].matches('\n').count() + 1
}

/// Where a clause begins, as error texts call it.
fn clause_of(file: &str, clause: &str, begin: usize) -> usize {
    let keyword = match clause {
        "partition by" => return find_word(file, 0, "PARTITION", Mode::OF_VIEWS).unwrap_or(0),
        CLAUSE => return find_word(file, 0, "CHECK", Mode::OF_VIEWS).unwrap_or(0),
        "where clause" => "WHERE",
        "group statement" => "GROUP",
        "having clause" => "HAVING",
        "order clause" => "ORDER",
        "on clause" => "ON",
        _ => return begin,
    };
    find_word(file, begin, keyword, Mode::OF_VIEWS).unwrap_or(begin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::nearest::Hint;

    #[test]
    fn lines_of_names() {
        let file = "-- nothing, missing\nCREATE MATERIALIZED VIEW v\n  PARTITION BY dya\n  DEPENDS ON (x AS OF REFRESH)\nAS SELECT\n  nothing,\n  'missing' AS nothing\nFROM db.missing\nWHERE\n  v.nothing = nofun(1);\n";
        let query =
            "SELECT\n  nothing,\n  'missing' AS nothing\nFROM db.missing\nWHERE\n  v.nothing = nofun(1)";
        let check = |error: Error, expected: usize| {
            assert_eq!(line_of(file, query, &error), expected, "{error}");
        };
        let column = |column: &str, clause: &str| Error::UnknownColumn {
            column: column.into(),
            clause: clause.into(),
            hint: Hint::default(),
        };
        check(column("nothing", "field list"), 6);
        check(column("v.nothing", "where clause"), 10);
        check(column("dya", "partition by"), 3);
        check(column("elsewhere", "field list"), 5);
        let (database, table) = ("db".to_owned(), "missing".to_owned());
        check(Error::NoSuchTable { database, table, hint: Hint::default() }, 8);
        check(Error::UnknownFunction { name: "db.nofun".into(), hint: Hint::default() }, 10);
        check(Error::Invalid("DEPENDS ON names `x`, which the query does not read".into()), 4);
        check(Error::Invalid("a materialized view cannot call NOW()".into()), 5);
    }
}
