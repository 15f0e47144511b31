//! Rows that are compared with rows of subqueries: `(a, b) IN (SELECT …)`, `(a, b) = (SELECT …)`.
//!
//! It knows syntax; what it makes is rewritten after.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    self, BinaryOperator, CaseWhen, Expr, Ident, Query, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins, UnaryOperator, Value,
};

use super::super::grammar::{binary, number};
use super::expression::joined;
use super::{query_of, select_of};
use crate::engine::error::{Error, Result};

/// `(a, b) IN (SELECT …)` in a filter becomes EXISTS. Below AND and OR it does not matter whether it is false or
/// unknown; NOT IN holds for what equals no row even where a NULL is taken for every value.
pub fn rows_in(condition: &mut Expr) -> Result<()> {
    match condition {
        Expr::Nested(inner) => rows_in(inner)?,
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            rows_in(left)?;
            rows_in(right)?;
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
            let mut inner = expr.as_mut();
            while let Expr::Nested(nested) = inner {
                inner = nested;
            }
            if let Expr::InSubquery { expr: operand, negated, .. } = inner
                && matches!(**operand, Expr::Tuple(_))
            {
                *negated = !*negated;
                let mut rows = std::mem::replace(inner, Expr::Value(Value::Null.into()));
                rows_in(&mut rows)?;
                *condition = rows;
            }
        }
        Expr::InSubquery { expr, subquery, negated } => {
            let Expr::Tuple(items) = expr.as_mut() else { return Ok(()) };
            check_width(&subquery.body, items.len())?;
            let negated = *negated;
            let columns: Vec<Ident> =
                (0..items.len()).map(|column| Ident::with_quote('`', format!("__row_{column}"))).collect();
            let pairs = std::mem::take(items).into_iter().zip(&columns).map(|(item, column)| {
                let column = Expr::Identifier(column.clone());
                let equal = binary(column.clone(), BinaryOperator::Eq, item.clone());
                let nulls = [Expr::IsNull(Box::new(column)), Expr::IsNull(Box::new(item))];
                match negated {
                    true => Expr::Nested(Box::new(
                        nulls.into_iter().fold(equal, |all, null| binary(all, BinaryOperator::Or, null)),
                    )),
                    false => equal,
                }
            });
            let equal = joined(BinaryOperator::And, pairs.collect());
            let subquery = Box::new(rows_where(subquery.as_ref().clone(), columns, equal));
            *condition = Expr::Exists { subquery, negated };
        }
        _ => {}
    }
    Ok(())
}

/// A subquery has as many columns as the row that it is compared with. What `*` stands for is known when it is planned.
fn check_width(body: &SetExpr, width: usize) -> Result<()> {
    let columns = match body {
        SetExpr::Select(select) => {
            let is_wildcard = |item: &SelectItem| {
                matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
            };
            if select.projection.iter().any(is_wildcard) {
                return Ok(());
            }
            select.projection.len()
        }
        SetExpr::Values(values) => values.rows.first().map_or(width, |row| row.content.len()),
        SetExpr::SetOperation { left, .. } => return check_width(left, width),
        SetExpr::Query(query) => return check_width(&query.body, width),
        _ => return Ok(()),
    };
    if columns == width { Ok(()) } else { Err(Error::OperandColumns(width)) }
}

/// `(a, b) IN (SELECT …)` as a value: true if a row is equal, unknown if none is but one may be, else false.
pub fn row_in(items: Vec<Expr>, subquery: &Query, negated: bool) -> Result<Expr> {
    check_width(&subquery.body, items.len())?;
    let columns: Vec<Ident> =
        (0..items.len()).map(|column| Ident::with_quote('`', format!("__row_{column}"))).collect();
    let row_where = |part: fn(Expr) -> Expr| {
        let pairs = items.iter().zip(&columns).map(|(item, column)| {
            part(binary(Expr::Identifier(column.clone()), BinaryOperator::Eq, item.clone()))
        });
        let condition = joined(BinaryOperator::And, pairs.collect());
        let subquery = Box::new(rows_where(subquery.clone(), columns.clone(), condition));
        Expr::Exists { subquery, negated: false }
    };
    let equal = row_where(|equal| equal);
    let possible = row_where(|equal| Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(equal)))));
    let truth = |value: bool| Expr::Value(Value::Boolean(value).into());
    Ok(Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![
            CaseWhen { condition: equal, result: truth(!negated) },
            CaseWhen { condition: possible, result: Expr::Value(Value::Null.into()) },
        ],
        else_result: Some(Box::new(truth(negated))),
    })
}

/// `(SELECT a, b …) = (1, 2)`: the subquery's only row is compared inside of it; without a row it is unknown.
pub fn row_of_subquery(left: &Expr, operator: &BinaryOperator, right: &Expr) -> Result<Option<Expr>> {
    let is_row = |side: &Expr| matches!(side, Expr::Tuple(_));
    let (query, row, query_is_left) = match (left, right) {
        (Expr::Subquery(query), row) if is_row(row) => (query, row, true),
        (row, Expr::Subquery(query)) if is_row(row) => (query, row, false),
        _ => return Ok(None),
    };
    let Expr::Tuple(items) = row else { return Ok(None) };
    check_width(&query.body, items.len())?;
    let columns: Vec<Ident> =
        (0..items.len()).map(|column| Ident::with_quote('`', format!("__row_{column}"))).collect();
    let own = Expr::Tuple(columns.iter().cloned().map(Expr::Identifier).collect());
    let (left, right) = if query_is_left { (own, row.clone()) } else { (row.clone(), own) };
    let compared = binary(left, operator.clone(), right);
    Ok(Some(Expr::Subquery(Box::new(of_rows(query.as_ref().clone(), columns, compared)))))
}

/// `SELECT 1 FROM (query) AS rows (columns) WHERE condition`; nothing of it is rewritten yet.
fn rows_where(query: ast::Query, columns: Vec<Ident>, condition: Expr) -> ast::Query {
    let mut query = of_rows(query, columns, number(1));
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.selection = Some(condition);
    }
    query
}

/// `SELECT value FROM (query) AS rows (columns)`; nothing of it is rewritten yet.
fn of_rows(query: ast::Query, columns: Vec<Ident>, value: Expr) -> ast::Query {
    let columns =
        columns.into_iter().map(|name| ast::TableAliasColumnDef { name, data_type: None }).collect();
    let alias = TableAlias { explicit: true, name: Ident::with_quote('`', "__rows"), columns, at: None };
    let relation =
        TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: Some(alias), sample: None };
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    query_of(SetExpr::Select(Box::new(select_of(vec![SelectItem::UnnamedExpr(value)], from))))
}
