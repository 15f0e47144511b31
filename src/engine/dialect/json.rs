//! JSON in a whole plan: what compares and orders it does so by its keys, and what forgets that it is JSON is told again.
//!
//! It knows plans and types; what a key is, is [`key`](crate::engine::functions::json::key)'s.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, Between, WindowFunction};
use datafusion::logical_expr::utils::disjunction;
use datafusion::logical_expr::{
    AggregateUDF, BinaryExpr, Expr, SortExpr, WindowFunctionDefinition, lit, not,
};

use super::conversion::{self, compares};
use crate::engine::functions::control::as_json;
use crate::engine::functions::extreme;
use crate::engine::functions::operator::compare::{is_json, json_key, with_json};

/// An expression over JSON; all others stay as they are.
pub fn convert(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            Ok(match with_json(op, &left, &right, schema)? {
                Some(compared) => Transformed::yes(compared),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            })
        }
        Expr::InList(mut list) if is_json(&list.expr, schema) => {
            *list.expr = json_key(*list.expr)?;
            list.list = list.list.into_iter().map(json_key).collect::<Result<_>>()?;
            Ok(Transformed::yes(Expr::InList(list)))
        }
        Expr::InList(list) if list.list.iter().any(|item| is_json(item, schema)) => {
            let equal = |item| Ok(conversion::convert(list.expr.as_ref().clone().eq(item), schema)?.data);
            let equal = list.list.into_iter().map(equal).collect::<Result<Vec<_>>>()?;
            let any = disjunction(equal).unwrap_or_else(|| lit(false));
            Ok(Transformed::yes(if list.negated { not(any) } else { any }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if [&expr, &low, &high].iter().any(|part| is_json(part, schema)) =>
        {
            let above = conversion::convert(expr.as_ref().clone().gt_eq(*low), schema)?.data;
            let inside = above.and(conversion::convert(expr.lt_eq(*high), schema)?.data);
            Ok(Transformed::yes(if negated { not(inside) } else { inside }))
        }
        Expr::AggregateFunction(call) => aggregate(call, schema),
        Expr::WindowFunction(call) => window(call, schema),
        // The join that takes its place keeps no marks.
        Expr::ScalarSubquery(_) if is_json(&expression, schema) => as_json(expression).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    }
}

fn aggregate(mut call: AggregateFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut changed = by_keys(&mut call.params.order_by, schema)?;
    if let Some(function) = extreme_of(&call.func, &mut call.params.args, schema)? {
        call.func = function;
        changed = true;
    }
    Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed))
}

fn window(mut call: Box<WindowFunction>, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut changed = by_keys(&mut call.params.order_by, schema)?;
    for part in &mut call.params.partition_by {
        changed |= by_key(part, schema)?;
    }
    if let WindowFunctionDefinition::AggregateUDF(function) = &call.fun
        && let Some(function) = extreme_of(function, &mut call.params.args, schema)?
    {
        call.fun = WindowFunctionDefinition::AggregateUDF(function);
        changed = true;
    }
    Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
}

/// MIN or MAX of JSON, which is a text then; none of all other aggregates.
fn extreme_of(
    function: &AggregateUDF,
    arguments: &mut [Expr],
    schema: &DFSchema,
) -> Result<Option<Arc<AggregateUDF>>> {
    let Some(argument) = arguments.first_mut().filter(|argument| is_json(argument, schema)) else {
        return Ok(None);
    };
    let function = extreme::of_json(function);
    if function.is_some() {
        *argument = as_json(std::mem::take(argument))?;
    }
    Ok(function)
}

fn by_keys(orders: &mut [SortExpr], schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    for order in orders {
        changed |= by_key(&mut order.expr, schema)?;
    }
    Ok(changed)
}

fn by_key(expression: &mut Expr, schema: &DFSchema) -> Result<bool> {
    let json = is_json(expression, schema);
    if json {
        *expression = json_key(std::mem::take(expression))?;
    }
    Ok(json)
}
