//! VALUES: its columns' names and types.
//!
//! It knows syntax. DataFusion takes the values of a column for one type or refuses them; as a UNION of their rows they
//! come to the type that MySQL gives them.

use sqlparser::ast::{
    Expr, Ident, SelectItem, SetExpr, SetOperator, SetQuantifier, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins, UnaryOperator, Value, Values,
};

use super::{query_of, select_of};
use crate::engine::error::{Error, Result};

/// VALUES as a SELECT that names its columns as MySQL does: `column_0`, `column_1` …
pub fn named(values: Values) -> SetExpr {
    let width = values.rows.first().map_or(0, |row| row.content.len());
    let names: Vec<Ident> = (0..width).map(name).collect();
    let columns =
        names.iter().map(|name| TableAliasColumnDef { name: name.clone(), data_type: None }).collect();
    let alias = TableAlias { explicit: true, name: Ident::with_quote('`', "__values"), columns, at: None };
    let subquery = Box::new(query_of(SetExpr::Values(values)));
    let relation = TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
    let outputs = names.into_iter().map(|name| SelectItem::UnnamedExpr(Expr::Identifier(name))).collect();
    SetExpr::Select(Box::new(select_of(outputs, vec![TableWithJoins { relation, joins: Vec::new() }])))
}

/// The rows as a UNION where values of a column may have several types; None where all are literals of one kind. Rows
/// without ROW are those of INSERT, whose values take the types of the table's columns.
pub fn united(values: &mut Values) -> Result<Option<SetExpr>> {
    if !values.explicit_row {
        return Ok(None);
    }
    let width = values.rows.first().map_or(0, |row| row.content.len());
    if let Some(other) = values.rows.iter().position(|row| row.content.len() != width) {
        return Err(Error::ValueCount(other + 1));
    }
    let is_of_one_kind = |column: usize| {
        let mut kinds = values.rows.iter().map(|row| kind(&row.content[column]));
        let first = kinds.find(|kind| *kind != Some(Kind::Null)).unwrap_or(Some(Kind::Null));
        first.is_some() && kinds.all(|kind| kind == first || kind == Some(Kind::Null))
    };
    if values.rows.len() < 2 || (0..width).all(is_of_one_kind) {
        return Ok(None);
    }
    let rows = std::mem::take(&mut values.rows).into_iter().map(|row| {
        let items = row.content.into_iter().enumerate();
        let items = items.map(|(column, expr)| SelectItem::ExprWithAlias { expr, alias: name(column) });
        SetExpr::Select(Box::new(select_of(items.collect(), Vec::new())))
    });
    Ok(union(rows.collect()))
}

/// `column_0`, `column_1` …
fn name(column: usize) -> Ident {
    Ident::new(format!("column_{column}"))
}

/// A UNION of all, no deeper than it must be.
fn union(mut rows: Vec<SetExpr>) -> Option<SetExpr> {
    if rows.len() < 2 {
        return rows.pop();
    }
    let right = Box::new(union(rows.split_off(rows.len() / 2))?);
    let left = Box::new(union(rows)?);
    let (op, set_quantifier) = (SetOperator::Union, SetQuantifier::All);
    Some(SetExpr::SetOperation { op, set_quantifier, left, right })
}

/// What a literal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Text,
    /// With so many digits after the point.
    Number(usize),
}

fn kind(value: &Expr) -> Option<Kind> {
    match value {
        Expr::Nested(inner)
        | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
            kind(inner).filter(|kind| matches!(kind, Kind::Number(_)))
        }
        Expr::Value(value) => match &value.value {
            Value::Null => Some(Kind::Null),
            Value::SingleQuotedString(_) => Some(Kind::Text),
            Value::Number(digits, _)
                if digits.bytes().all(|digit| digit.is_ascii_digit() || digit == b'.') =>
            {
                Some(Kind::Number(digits.split_once('.').map_or(0, |(_, fraction)| fraction.len())))
            }
            _ => None,
        },
        _ => None,
    }
}
