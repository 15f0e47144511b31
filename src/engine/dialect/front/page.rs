//! SQL_CALC_FOUND_ROWS: the page that LIMIT shows of rows that are all counted.
//!
//! It knows one query's syntax; who counts is not known here.

use sqlparser::ast::{self, Expr, LimitClause, SetExpr, Value};

use super::super::statement::Page;
use crate::engine::error::{Error, Result};

/// Takes LIMIT out of a query whose first SELECT has SQL_CALC_FOUND_ROWS: all rows are counted.
pub fn counted(query: &mut ast::Query) -> Result<Option<Page>> {
    let mut body = query.body.as_ref();
    loop {
        body = match body {
            SetExpr::SetOperation { left, .. } => left,
            SetExpr::Query(query) => &query.body,
            _ => break,
        };
    }
    let counts = matches!(body, SetExpr::Select(select)
        if select.select_modifiers.as_ref().is_some_and(|modifiers| modifiers.sql_calc_found_rows));
    let Some(limit) = query.limit_clause.take_if(|_| counts) else { return Ok(None) };
    let (rows, skip) = match limit {
        LimitClause::LimitOffset { limit, offset, .. } => (limit, offset.map(|offset| offset.value)),
        LimitClause::OffsetCommaLimit { offset, limit } => (Some(limit), Some(offset)),
    };
    let number = |count: Option<Expr>, default: u64| match count {
        None => Ok(default),
        Some(Expr::Value(value)) => match value.value {
            Value::Number(digits, _) => digits.parse().map_err(|_| Error::Arguments("LIMIT".to_owned())),
            _ => Err(Error::NotSupported("SQL_CALC_FOUND_ROWS with LIMIT ?".to_owned())),
        },
        Some(_) => Err(Error::NotSupported("SQL_CALC_FOUND_ROWS with LIMIT of an expression".to_owned())),
    };
    Ok(Some(Page { skip: number(skip, 0)?, rows: number(rows, u64::MAX)? }))
}
