//! Values for the columns of a table: each is converted to the column's type as an INSERT of MySQL does it.
//!
//! It knows types and syntax; what is converted was rewritten before.

use sqlparser::ast::{
    self, Expr, Ident, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
    WildcardAdditionalOptions,
};

use super::super::grammar::call;
use super::{query_of, select_of};
use crate::engine::bind;
use crate::engine::error::Result;
use crate::engine::functions::stored::{STORED, Target};

/// A value as a column takes it, in the row of this number.
pub fn stored(value: Expr, target: &Target, row: u64) -> Result<Expr> {
    let literals = target.arguments(row);
    let arguments = std::iter::once(Ok(value)).chain(literals.iter().map(bind::literal));
    Ok(call(STORED, arguments.collect::<Result<_>>()?))
}

/// The query of one row of values, each of its own type.
pub fn row_query(values: Vec<Expr>) -> ast::Query {
    let name = |place: usize| Ident::with_quote('`', format!("column_{place}"));
    let items = values.into_iter().enumerate();
    let items = items.map(|(place, expr)| SelectItem::ExprWithAlias { expr, alias: name(place) }).collect();
    query_of(SetExpr::Select(Box::new(select_of(items, Vec::new()))))
}

/// A query with more columns after its own.
pub fn with_columns(query: &mut ast::Query, more: Vec<Expr>) {
    let alias =
        TableAlias { explicit: true, name: Ident::with_quote('`', "__rows"), columns: Vec::new(), at: None };
    let name = |place: usize| Ident::with_quote('`', format!("__more_{place}"));
    let more = more.into_iter().enumerate();
    let more = more.map(|(place, expr)| SelectItem::ExprWithAlias { expr, alias: name(place) });
    let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
    let items = std::iter::once(all).chain(more).collect();
    let inner =
        std::mem::replace(query, query_of(SetExpr::Select(Box::new(select_of(Vec::new(), Vec::new())))));
    let relation =
        TableFactor::Derived { lateral: false, subquery: Box::new(inner), alias: Some(alias), sample: None };
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    *query.body = SetExpr::Select(Box::new(select_of(items, from)));
}
