//! Names in a query's syntax tree: which functions it calls, and in which clause a column stands that
//! cannot be found. It must not know what the names mean.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, Visit, Visitor};

use super::dialect;
use super::dialect::statement::{Query, TableName};
use super::error::{Error, Result};
use super::planner::Statement;

/// Error 1305 for the first function that does not exist.
pub fn check_functions(query: &ast::Query, statement: &Statement) -> Result<()> {
    struct Check<'a>(&'a Statement);

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
                _ => ControlFlow::Break(Error::UnknownFunction(function.name.to_string())),
            }
        }
    }

    match query.visit(&mut Check(statement)) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Tells the clause where the column of an error stands, as MySQL does.
pub fn locate(error: Error, query: &ast::Query) -> Error {
    match error {
        Error::UnknownColumn { column, .. } => {
            let clause = clause_of(&column, query).into();
            Error::UnknownColumn { column, clause }
        }
        Error::AmbiguousColumn { column, .. } => {
            let clause = clause_of(&column, query).into();
            Error::AmbiguousColumn { column, clause }
        }
        other => other,
    }
}

/// The first clause that names a column; subqueries are looked at before the clauses around them.
fn clause_of(column: &str, query: &ast::Query) -> &'static str {
    let mut finder = Finder { column: column.rsplit('.').next().unwrap_or(column), found: None };
    let _ = query.visit(&mut finder);
    finder.found.unwrap_or("field list")
}

struct Finder<'a> {
    column: &'a str,
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

impl Finder<'_> {
    /// Whether the column is named in a part of the tree, subqueries of it included.
    fn names(&self, part: &impl Visit) -> bool {
        struct Names<'a>(&'a str);

        impl Visitor for Names<'_> {
            type Break = ();

            fn pre_visit_expr(&mut self, expression: &ast::Expr) -> ControlFlow<()> {
                let ident = match expression {
                    ast::Expr::Identifier(ident) => Some(ident),
                    ast::Expr::CompoundIdentifier(parts) => parts.last(),
                    _ => None,
                };
                match ident {
                    Some(ident) if ident.value.eq_ignore_ascii_case(self.0) => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                }
            }
        }

        part.visit(&mut Names(self.column)).is_break()
    }
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
