//! Walking expressions: the parts of each kind that the rewriter lets pass.
//!
//! It knows the shape of syntax trees, nothing of their meaning. Subqueries are not walked into.

use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments,
    WindowFrameBound, WindowSpec, WindowType,
};

/// The expressions directly below one.
pub fn children(expression: &mut Expr) -> Vec<&mut Expr> {
    match expression {
        Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner)
        | Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Cast { expr: inner, .. }
        | Expr::Collate { expr: inner, .. }
        | Expr::InSubquery { expr: inner, .. }
        | Expr::Ceil { expr: inner, .. }
        | Expr::Floor { expr: inner, .. }
        | Expr::Prefixed { value: inner, .. } => vec![inner],
        Expr::InList { expr, list, .. } => std::iter::once(expr.as_mut()).chain(list).collect(),
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::BinaryOp { left, right, .. }
        | Expr::AnyOp { left, right, .. }
        | Expr::AllOp { left, right, .. } => {
            vec![left, right]
        }
        Expr::Like { expr, pattern, .. } => vec![expr, pattern],
        Expr::Tuple(items) => items.iter_mut().collect(),
        Expr::Case { operand, conditions, else_result, .. } => operand
            .as_deref_mut()
            .into_iter()
            .chain(conditions.iter_mut().flat_map(|when| [&mut when.condition, &mut when.result]))
            .chain(else_result.as_deref_mut())
            .collect(),
        Expr::Interval(interval) => vec![&mut interval.value],
        Expr::Function(function) => parts(function),
        Expr::Rollup(groups) => groups.iter_mut().flatten().collect(),
        _ => Vec::new(),
    }
}

/// A call's arguments, orders, filter and window.
fn parts(function: &mut Function) -> Vec<&mut Expr> {
    let mut parts = Vec::new();
    if let FunctionArguments::List(list) = &mut function.args {
        for argument in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument {
                parts.push(expression);
            }
        }
        for clause in &mut list.clauses {
            if let FunctionArgumentClause::OrderBy(keys) = clause {
                parts.extend(keys.iter_mut().map(|key| &mut key.expr));
            }
        }
    }
    parts.extend(function.filter.as_deref_mut());
    if let Some(WindowType::WindowSpec(window)) = &mut function.over {
        parts.extend(window_parts(window));
    }
    parts
}

/// The expressions of a window: partitions, orders, bounds.
pub fn window_parts(window: &mut WindowSpec) -> Vec<&mut Expr> {
    let mut parts: Vec<&mut Expr> = window.partition_by.iter_mut().collect();
    parts.extend(window.order_by.iter_mut().map(|key| &mut key.expr));
    if let Some(frame) = &mut window.window_frame {
        parts.extend(bound_value(Some(&mut frame.start_bound)));
        parts.extend(bound_value(frame.end_bound.as_mut()));
    }
    parts
}

/// Whether a window function is in an expression.
pub fn has_window(expression: &mut Expr) -> bool {
    matches!(expression, Expr::Function(function) if function.over.is_some())
        || children(expression).into_iter().any(has_window)
}

fn bound_value(bound: Option<&mut WindowFrameBound>) -> Option<&mut Expr> {
    match bound? {
        WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) => value.as_deref_mut(),
        WindowFrameBound::CurrentRow => None,
    }
}
