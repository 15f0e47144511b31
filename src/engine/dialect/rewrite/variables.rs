//! `@v := expression` inside a query: what is assigned stands for `@v` in all that follows.
//!
//! MySQL assigns row by row, from left to right. That is the same as long as a row uses no value of the row before;
//! where it would (`@n := @n + 1`), or where only some rows assign, the query is refused.

use sqlparser::ast::{BinaryOperator, Expr, Value};

use super::Rewriter;
use crate::engine::error::{Error, Result};

impl Rewriter<'_> {
    /// Rewrites an assignment; answers what is assigned. None when the expression is none.
    pub(super) fn assignment(&mut self, expression: &mut Expr) -> Result<Option<Expr>> {
        let Some(name) = assigned(expression).map(|name| name.to_lowercase()) else { return Ok(None) };
        strip(expression);
        let mut value = std::mem::replace(expression, Expr::Value(Value::Null.into()));
        self.expression(&mut value)?;
        if self.variables_read.contains(&name) {
            return Err(Error::NotSupported(format!("@{name} assigned after it was read in the same query")));
        }
        self.variables.insert(name, value.clone());
        Ok(Some(value))
    }

    /// What a user variable was assigned before in this statement; None when the session's value holds.
    pub(super) fn variable(&mut self, name: &str) -> Result<Option<Expr>> {
        let name = name.to_lowercase();
        match self.variables.get(&name).cloned() {
            Some(value) => self.copy(&value).map(Some),
            None => {
                self.variables_read.insert(name);
                Ok(None)
            }
        }
    }
}

/// The variable that an expression assigns whatever the row: itself, or in every branch of a CASE.
fn assigned(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Nested(inner) => assigned(inner),
        Expr::BinaryOp { left, op: BinaryOperator::Assignment, .. } => match left.as_ref() {
            Expr::Identifier(ident) if ident.quote_style.is_none() && !ident.value.starts_with("@@") => {
                ident.value.strip_prefix('@')
            }
            _ => None,
        },
        Expr::Case { conditions, else_result: Some(otherwise), .. } => {
            let name = assigned(otherwise)?;
            let all = conditions
                .iter()
                .all(|when| assigned(&when.result).is_some_and(|other| other.eq_ignore_ascii_case(name)));
            all.then_some(name)
        }
        _ => None,
    }
}

/// Leaves only what is assigned.
fn strip(expression: &mut Expr) {
    match expression {
        Expr::Nested(inner) => strip(inner),
        Expr::BinaryOp { op: BinaryOperator::Assignment, right, .. } => {
            *expression = std::mem::replace(right, Expr::Value(Value::Null.into()));
        }
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter_mut().map(|when| &mut when.result).for_each(strip);
            else_result.as_deref_mut().into_iter().for_each(strip);
        }
        _ => {}
    }
}
