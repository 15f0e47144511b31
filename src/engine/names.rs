//! Names in a query's syntax tree: which functions it calls, how tables are qualified, and in which clause
//! a column stands that cannot be found. It must not know what the names mean.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, Visit, VisitMut, Visitor, VisitorMut};

use super::dialect;
use super::dialect::statement::{Query, TableName};
use super::error::{Error, Result};
use super::nearest::{Hint, nearest};
use super::planner::{Statement, Tables};

/// Before the name of a table, as if it were that of its database: no column has this name, and a table without a
/// database fits any.
const ANY_DATABASE: &str = "__any";

/// Error 1305 for the first function that does not exist.
pub fn check_functions(query: &ast::Query, statement: &Statement, database: Option<&str>) -> Result<()> {
    struct Check<'a>(&'a Statement, Option<&'a str>);

    impl Visitor for Check<'_> {
        type Break = Error;

        fn pre_visit_expr(&mut self, expression: &ast::Expr) -> ControlFlow<Error> {
            let ast::Expr::Function(function) = expression else { return ControlFlow::Continue(()) };
            let name = match function.name.0.as_slice() {
                [part] => part.as_ident().map(|ident| ident.value.to_lowercase()),
                // Stored functions are named with their database; there are none.
                _ => None,
            };
            match name {
                Some(name) if self.0.knows_function(&name) => ControlFlow::Continue(()),
                Some(name) => {
                    let hint = nearest(&name, self.0.function_names());
                    // As a stored function it would be the default database's.
                    let name = self.1.map_or_else(|| name.clone(), |database| format!("{database}.{name}"));
                    ControlFlow::Break(Error::UnknownFunction { name, hint })
                }
                None => {
                    let name = function.name.to_string().replace('`', "");
                    ControlFlow::Break(Error::UnknownFunction { name, hint: Hint::default() })
                }
            }
        }
    }

    match query.visit(&mut Check(statement, database)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Lets `t.*` mean the table that was written `database.t`, and `database.t.*` the one written `t`: DataFusion
/// compares the qualifier of a wildcard with that of a column letter by letter, so both become `t`.
pub fn shorten_qualifiers(query: &mut ast::Query) {
    struct Shorten;

    impl VisitorMut for Shorten {
        type Break = ();

        fn post_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
            for_each_select(&mut query.body, &mut |select| {
                let mut tables = Vec::new();
                for from in &mut select.from {
                    collect_tables(from, &mut tables);
                }
                let names: Vec<String> = tables.iter().filter_map(|table| visible_name(table)).collect();
                let is_unique = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
                for table in tables {
                    let Some(name) = visible_name(table).filter(is_unique) else { continue };
                    if let ast::TableFactor::Table { name: path, alias: alias @ None, .. } = table
                        && path.0.len() > 1
                    {
                        *alias = Some(ast::TableAlias {
                            explicit: true,
                            name: ast::Ident::new(name),
                            columns: Vec::new(),
                            at: None,
                        });
                    }
                }
                for item in &mut select.projection {
                    let ast::SelectItem::QualifiedWildcard(kind, _) = item else { continue };
                    let ast::SelectItemQualifiedWildcardKind::ObjectName(path) = kind else { continue };
                    let last =
                        path.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone());
                    if last.as_ref().is_some_and(is_unique) {
                        path.0.drain(..path.0.len() - 1);
                    }
                }
            });
            ControlFlow::Continue(())
        }
    }

    // It never breaks.
    let _ = query.visit(&mut Shorten);
}

/// Checks that `database.t.c` is of a table `t` of that database, and lets `t.c` mean a column of the table `t` where a
/// table has a column `t`, too: DataFusion takes it for a field of that.
pub fn qualify(query: &mut ast::Query, tables: &Tables) -> Result<()> {
    /// The tables of a query: the names that they have there, and what they are.
    type Scope = Vec<(Option<String>, Option<ast::ObjectName>)>;

    struct Qualify<'a> {
        tables: &'a Tables,
        /// Those of the queries around a place.
        queries: Vec<Scope>,
    }

    fn scope(select: &mut ast::Select) -> Scope {
        let mut tables = Vec::new();
        for from in &mut select.from {
            collect_tables(from, &mut tables);
        }
        let scope = tables.into_iter().map(|table| match &*table {
            ast::TableFactor::Table { name, args: None, .. } => (visible_name(table), Some(name.clone())),
            _ => (visible_name(table), None),
        });
        scope.collect()
    }

    impl Qualify<'_> {
        fn has_table(&self, database: &str, table: &str) -> bool {
            let is_of = |path: &ast::ObjectName| match path.0.as_slice() {
                [other, _] => other.as_ident().is_some_and(|other| other.value == database),
                _ => self.tables.default_database() == Some(database),
            };
            self.queries
                .iter()
                .flatten()
                .any(|(name, path)| name.as_deref() == Some(table) && path.as_ref().is_some_and(is_of))
        }

        fn may_be_column(&self, name: &str) -> bool {
            self.queries.iter().flatten().any(|(_, path)| {
                path.as_ref()
                    .and_then(|path| self.tables.columns_of(path))
                    .is_none_or(|columns| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)))
            })
        }
    }

    impl VisitorMut for Qualify<'_> {
        type Break = Error;

        fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
            let mut tables = Vec::new();
            for_each_select(&mut query.body, &mut |select| tables.extend(scope(select)));
            self.queries.push(tables);
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<Error> {
            self.queries.pop();
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expression: &mut ast::Expr) -> ControlFlow<Error> {
            let ast::Expr::CompoundIdentifier(path) = expression else { return ControlFlow::Continue(()) };
            match path.as_slice() {
                [database, table, column] if !self.has_table(&database.value, &table.value) => {
                    let column = format!("{}.{}.{}", database.value, table.value, column.value);
                    let clause = "field list".to_owned();
                    return ControlFlow::Break(Error::UnknownColumn {
                        column,
                        clause,
                        hint: Hint::default(),
                    });
                }
                [table, _] if self.may_be_column(&table.value) => {
                    path.insert(0, ast::Ident::new(ANY_DATABASE))
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }

    match query.visit(&mut Qualify { tables, queries: Vec::new() }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

fn for_each_select(body: &mut ast::SetExpr, change: &mut impl FnMut(&mut ast::Select)) {
    match body {
        ast::SetExpr::Select(select) => change(select),
        ast::SetExpr::SetOperation { left, right, .. } => {
            for_each_select(left, change);
            for_each_select(right, change);
        }
        _ => {}
    }
}

fn collect_tables<'a>(from: &'a mut ast::TableWithJoins, tables: &mut Vec<&'a mut ast::TableFactor>) {
    let joined = from.joins.iter_mut().map(|join| &mut join.relation);
    for table in std::iter::once(&mut from.relation).chain(joined) {
        match table {
            ast::TableFactor::NestedJoin { table_with_joins, alias: None } => {
                collect_tables(table_with_joins, tables);
            }
            other => tables.push(other),
        }
    }
}

/// The tables of FROM, in order.
pub fn for_each_table<'a>(from: &'a [ast::TableWithJoins], see: &mut impl FnMut(&'a ast::TableFactor)) {
    for item in from {
        let joined = item.joins.iter().map(|join| &join.relation);
        for table in std::iter::once(&item.relation).chain(joined) {
            match table {
                ast::TableFactor::NestedJoin { table_with_joins, alias: None } => {
                    for_each_table(std::slice::from_ref(table_with_joins), see);
                }
                other => see(other),
            }
        }
    }
}

/// The name by which columns of a table are qualified.
pub fn visible_name(table: &ast::TableFactor) -> Option<String> {
    match table {
        ast::TableFactor::Table { alias: Some(alias), .. }
        | ast::TableFactor::Derived { alias: Some(alias), .. } => Some(alias.name.value.clone()),
        ast::TableFactor::Table { name, .. } => {
            name.0.last().and_then(|part| part.as_ident()).map(|ident| ident.value.clone())
        }
        _ => None,
    }
}

/// Tells the clause where the column of an error stands, as MySQL does.
pub fn locate(error: Error, query: &ast::Query) -> Error {
    match error {
        Error::UnknownColumn { column, clause, hint } => {
            let path: Vec<&str> = column.split('.').collect();
            if let Some(found) = Finder::new(&path, false).clause(query) {
                return Error::UnknownColumn { column, clause: found.into(), hint };
            }
            // It is told with its table, and was written without one.
            let name = &path[path.len() - 1..];
            match Finder::new(name, true).clause(query) {
                Some(_) => Error::UnknownColumn { column: name.concat(), clause, hint },
                None => Error::UnknownColumn { column, clause, hint },
            }
        }
        Error::AmbiguousColumn { column, clause } => {
            // With its table before it no name is ambiguous.
            let clause = Finder::new(&[&column], true).clause(query).map_or(clause, Into::into);
            Error::AmbiguousColumn { column, clause }
        }
        Error::NotSelected { column, .. } => {
            let path: Vec<&str> = column.rsplit('.').take(1).collect();
            let finder = Finder::new(&path, false);
            let keys = query.order_by.iter().flat_map(|order_by| match &order_by.kind {
                ast::OrderByKind::Expressions(keys) => keys.as_slice(),
                ast::OrderByKind::All(_) => &[],
            });
            let key = keys.into_iter().position(|key| finder.names(key)).map_or(1, |index| index + 1);
            Error::NotSelected { key, column }
        }
        other => other,
    }
}

/// Looks for the clause that names a column; subqueries are looked at before the clauses around them.
struct Finder<'a> {
    /// The end of a name with its table.
    path: &'a [&'a str],
    /// Whether a name with a table is another one.
    alone: bool,
    found: Option<&'static str>,
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn post_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        let mut selects = Vec::new();
        collect_selects(&query.body, &mut selects);
        for select in selects {
            let joins = select.from.iter().flat_map(|from| &from.joins);
            let clauses = [
                (select.projection.iter().any(|item| self.names(item)), "field list"),
                (joins.into_iter().any(|join| self.names(&join.join_operator)), "on clause"),
                (select.selection.iter().any(|clause| self.names(clause)), "where clause"),
                (self.names(&select.group_by), "group statement"),
                (select.having.iter().any(|clause| self.names(clause)), "having clause"),
            ];
            if let Some((_, clause)) = clauses.into_iter().find(|(names, _)| *names) {
                self.found = Some(clause);
                return ControlFlow::Break(());
            }
        }
        if query.order_by.iter().any(|clause| self.names(clause)) {
            self.found = Some("order clause");
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl<'a> Finder<'a> {
    fn new(path: &'a [&'a str], alone: bool) -> Self {
        Self { path, alone, found: None }
    }

    /// The first clause that names the column.
    fn clause(mut self, query: &ast::Query) -> Option<&'static str> {
        let _ = query.visit(&mut self);
        self.found
    }

    /// Whether the column is named in a part of the tree, subqueries of it included.
    fn names(&self, part: &impl Visit) -> bool {
        struct Names<'a>(&'a Finder<'a>);

        impl Visitor for Names<'_> {
            type Break = ();

            fn pre_visit_expr(&mut self, expression: &ast::Expr) -> ControlFlow<()> {
                let Finder { path, alone, .. } = self.0;
                let named: &[ast::Ident] = match expression {
                    ast::Expr::Identifier(ident) => std::slice::from_ref(ident),
                    ast::Expr::CompoundIdentifier(parts) if !alone => parts,
                    _ => return ControlFlow::Continue(()),
                };
                let is_end = named.len() >= path.len()
                    && named
                        .iter()
                        .rev()
                        .zip(path.iter().rev())
                        .all(|(ident, part)| ident.value.eq_ignore_ascii_case(part));
                if is_end { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }

        part.visit(&mut Names(self)).is_break()
    }
}

/// The names of an error as the statement writes them: inside the engine they are in lower case.
pub fn as_written(error: Error, sql: &str) -> Error {
    let spelled = |name: &str| {
        let parts: Vec<&str> = name.split('.').map(|part| spelling(sql, part)).collect();
        parts.join(".")
    };
    let with_table = |name: &str| match name.rsplit_once('.') {
        Some((table, column)) => format!("{}.{column}", spelled(table)),
        None => name.to_owned(),
    };
    match error {
        Error::UnknownColumn { column, clause, hint } => {
            Error::UnknownColumn { column: spelled(&column), clause, hint }
        }
        Error::AmbiguousColumn { column, clause } => {
            Error::AmbiguousColumn { column: spelled(&column), clause }
        }
        // The table may be an alias; the column is called as its table calls it.
        Error::NotGrouped { expression, clause, column } => {
            Error::NotGrouped { expression, clause, column: with_table(&column) }
        }
        Error::NotAggregated { expression, clause, column } => {
            Error::NotAggregated { expression, clause, column: with_table(&column) }
        }
        Error::UnknownFunction { name, hint } => Error::UnknownFunction { name: spelled(&name), hint },
        Error::ParameterCount(name) => Error::ParameterCount(spelled(&name)),
        Error::UnknownView(name) => Error::UnknownView(spelled(&name)),
        Error::GroupKey(name) => Error::GroupKey(spelled(&name)),
        other => other,
    }
}

/// The first word of a statement that is a name but for its case; the name itself where there is none.
fn spelling<'a>(sql: &'a str, name: &'a str) -> &'a str {
    let is_apart = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '_' | '$');
    let mut words = sql.split(is_apart).chain(sql.split('`'));
    words.find(|word| word.to_lowercase() == name).unwrap_or(name)
}

fn collect_selects<'a>(body: &'a ast::SetExpr, selects: &mut Vec<&'a ast::Select>) {
    match body {
        ast::SetExpr::Select(select) => selects.push(select),
        ast::SetExpr::SetOperation { left, right, .. } => {
            collect_selects(left, selects);
            collect_selects(right, selects);
        }
        _ => {}
    }
}

/// `SELECT expression`, with the tables of its subqueries.
pub fn query_of(expression: ast::Expr) -> Query {
    struct Relations(Vec<TableName>);

    impl Visitor for Relations {
        type Break = ();

        fn pre_visit_relation(&mut self, relation: &ast::ObjectName) -> ControlFlow<()> {
            let mut parts = relation.0.iter().rev().filter_map(|part| part.as_ident());
            if let Some(table) = parts.next() {
                let database = parts.next().map(|ident| ident.value.clone());
                self.0.push(TableName { database, table: table.value.clone() });
            }
            ControlFlow::Continue(())
        }
    }

    let mut relations = Relations(Vec::new());
    let _ = expression.visit(&mut relations);
    Query { tables: relations.0, ..dialect::value_query(expression) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(sql: &str) -> ast::Query {
        dialect::parse_query(sql).unwrap().ast
    }

    #[test]
    fn qualifiers_are_as_short_as_they_can_be() {
        let check = |sql: &str, expected: &str| {
            let mut query = parse(sql);
            shorten_qualifiers(&mut query);
            let text = query.to_string().replace(['`', '"'], "");
            assert_eq!(text, expected, "{sql}");
        };
        check("SELECT t.* FROM a.t", "SELECT t.* FROM a.t AS t");
        check("SELECT a.t.* FROM t", "SELECT t.* FROM t");
        check("SELECT a.t.*, b.t.* FROM a.t, b.t", "SELECT a.t.*, b.t.* FROM a.t, b.t");
        check("SELECT x.* FROM a.t AS x", "SELECT x.* FROM a.t AS x");
        check(
            "SELECT * FROM (SELECT t.* FROM a.t) AS s JOIN a.u ON 1",
            "SELECT * FROM (SELECT t.* FROM a.t AS t) AS s INNER JOIN a.u AS u ON true",
        );
    }

    #[test]
    fn a_column_is_found_in_its_clause() {
        let check = |sql: &str, expected: &str| {
            assert_eq!(Finder::new(&["x"], false).clause(&parse(sql)), Some(expected), "{sql}");
        };
        check("SELECT x FROM t", "field list");
        check("SELECT a FROM t WHERE x = 1", "where clause");
        check("SELECT a FROM t JOIN u ON t.x = u.a", "on clause");
        check("SELECT a FROM t GROUP BY a HAVING MAX(x) > 1", "having clause");
        check("SELECT a FROM t ORDER BY x", "order clause");
        check("SELECT a FROM (SELECT a FROM t WHERE x) s", "where clause");
        let check = |path: &[&str], alone, expected: &str| {
            let query = parse("SELECT t.x FROM t, u WHERE u.x = 1 ORDER BY x");
            assert_eq!(Finder::new(path, alone).clause(&query), Some(expected), "{path:?}");
        };
        check(&["u", "x"], false, "where clause");
        check(&["x"], true, "order clause");
    }

    #[test]
    fn errors_write_names_as_the_statement_does() {
        assert_eq!(spelling("SELECT NoPe FROM t", "nope"), "NoPe");
        assert_eq!(spelling("SELECT `No pe` FROM t", "no pe"), "No pe");
        assert_eq!(spelling("SELECT a FROM t", "nope"), "nope");
    }
}
