//! GROUP BY, HAVING and ORDER BY: what ordinals and aliases in them mean, and columns that are not grouped.
//!
//! It knows one SELECT whose expressions are rewritten already; whether a name is a table's column is not known here.

use std::collections::HashMap;

use sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, FunctionArguments, GroupByExpr, GroupByWithModifier, Ident,
    OrderByExpr, Select, SelectItem, Value,
};

use super::super::grammar::{binary, call};
use super::super::window::Misuse;
use super::Rewriter;
use super::tree::{children, has_window};
use crate::engine::error::{Error, Result};
use crate::engine::nearest::Hint;

/// Functions that make one value of many rows.
const AGGREGATES: &[&str] = &[
    "any_value",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "count",
    "group_concat",
    "json_arrayagg",
    "json_objectagg",
    "max",
    "min",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    "grouping",
];

/// An output of the select list: its name, if it has one, and its expression. Wildcards have neither.
type Output = (Option<String>, Option<Expr>);

impl Rewriter<'_> {
    /// Makes grouping mean what it means in MySQL. `renamed` tells aliases whose outputs have another name here.
    pub(super) fn group(
        &mut self,
        select: &mut Select,
        mut order_by: Option<&mut Vec<OrderByExpr>>,
        renamed: &HashMap<String, String>,
    ) -> Result<()> {
        let outputs: Vec<Output> = select.projection.iter().map(output).collect();
        let has_wildcard = outputs.iter().any(|(_, expression)| expression.is_none());
        let mut keys =
            match std::mem::replace(&mut select.group_by, GroupByExpr::Expressions(Vec::new(), Vec::new())) {
                GroupByExpr::Expressions(keys, modifiers) => {
                    if modifiers.iter().any(|modifier| *modifier != GroupByWithModifier::Rollup) {
                        return Err(Error::NotSupported("WITH CUBE, WITH TOTALS".to_owned()));
                    }
                    (keys, !modifiers.is_empty())
                }
                GroupByExpr::All(_) => return Err(Error::NotSupported("GROUP BY ALL".to_owned())),
            };
        for key in &mut keys.0 {
            resolve_key(key, &outputs, has_wildcard, renamed)?;
        }
        if let Some(having) = &mut select.having {
            substitute_aliases(having, &outputs, &keys.0, renamed)?;
        }
        if let Some(order_by) = order_by.as_deref_mut() {
            for key in order_by.iter_mut() {
                resolve_order(&mut key.expr, &outputs, has_wildcard, renamed)?;
            }
        }
        let mut anywhere = |is: fn(&mut Expr) -> bool| {
            select.projection.iter_mut().filter_map(expression_of).any(is)
                || select.having.as_mut().is_some_and(is)
                || order_by.as_deref_mut().is_some_and(|keys| keys.iter_mut().any(|key| is(&mut key.expr)))
        };
        let aggregates = anywhere(has_aggregate);
        if !keys.1 && aggregates && anywhere(has_grouping) {
            return Err(Error::InvalidGroupFunction);
        }
        if keys.0.is_empty() && !aggregates {
            // Without groups HAVING is one more WHERE, over what is selected.
            if let Some(mut having) = select.having.take() {
                if !has_wildcard && self.is_outermost() {
                    check_selected(&mut having, &outputs)?;
                }
                select.selection = Some(match select.selection.take() {
                    Some(condition) => binary(condition, BinaryOperator::And, having),
                    None => having,
                });
            }
            return Ok(());
        }
        if !self.mode.only_full_group_by {
            take_any_value(select, order_by, &keys.0, &outputs);
        }
        let (keys, rollup) = keys;
        let keys =
            if rollup { vec![Expr::Rollup(keys.into_iter().map(|key| vec![key]).collect())] } else { keys };
        select.group_by = GroupByExpr::Expressions(keys, Vec::new());
        Ok(())
    }
}

/// Whether a SELECT makes groups.
pub(super) fn aggregates(select: &mut Select) -> bool {
    let keys = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    keys || select.projection.iter_mut().filter_map(expression_of).any(has_aggregate)
}

fn output(item: &SelectItem) -> Output {
    match item {
        SelectItem::UnnamedExpr(expression) => {
            let name = match expression {
                Expr::Identifier(column) => Some(column.value.clone()),
                Expr::CompoundIdentifier(path) => path.last().map(|column| column.value.clone()),
                _ => None,
            };
            (name, Some(expression.clone()))
        }
        SelectItem::ExprWithAlias { expr, alias } => (Some(alias.value.clone()), Some(expr.clone())),
        _ => (None, None),
    }
}

fn expression_of(item: &mut SelectItem) -> Option<&mut Expr> {
    match item {
        SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => {
            Some(expression)
        }
        _ => None,
    }
}

/// The number that a key is, if it is one.
pub(super) fn ordinal(key: &Expr) -> Option<&str> {
    match key {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits),
            _ => None,
        },
        _ => None,
    }
}

/// A number with a fraction is no ordinal but a constant, which makes one group and no order.
fn plain_constant(key: &mut Expr) {
    if let Expr::Value(value) = key
        && matches!(value.value, Value::Number(..))
        && ordinal(key).is_none()
    {
        *key = Expr::Value(Value::Null.into());
    }
}

/// A key of GROUP BY: an ordinal stands for an output, an output that is a constant still makes a group.
fn resolve_key(
    key: &mut Expr,
    outputs: &[Output],
    has_wildcard: bool,
    renamed: &HashMap<String, String>,
) -> Result<()> {
    if let Expr::Identifier(column) = key
        && let Some(name) = renamed.get(&column.value)
        && !has_wildcard
    {
        column.value.clone_from(name);
    }
    plain_constant(key);
    if has_aggregate(key) {
        return Err(Error::InvalidGroupFunction);
    }
    let Some(digits) = ordinal(key).map(ToOwned::to_owned) else { return Ok(()) };
    // What an ordinal after `*` stands for is known when the columns are.
    if has_wildcard {
        return Ok(());
    }
    let position = digits.parse::<usize>().ok().and_then(|ordinal| ordinal.checked_sub(1));
    let Some((name, Some(expression))) = position.and_then(|position| outputs.get(position)) else {
        return Err(Error::UnknownColumn {
            column: digits,
            clause: "group statement".to_owned(),
            hint: Hint::default(),
        });
    };
    let mut expression = expression.clone();
    if has_aggregate(&mut expression) || has_window(&mut expression) {
        return Err(Error::GroupKey(name.clone().unwrap_or_else(|| expression.to_string())));
    }
    *key = match expression {
        // A bare number would be read as an ordinal once more.
        number if ordinal(&number).is_some() => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(number),
            data_type: DataType::BigInt(None),
            array: false,
            format: None,
        },
        other => other,
    };
    Ok(())
}

/// A key of ORDER BY: an ordinal must exist, and a renamed alias has its new name.
fn resolve_order(
    key: &mut Expr,
    outputs: &[Output],
    has_wildcard: bool,
    renamed: &HashMap<String, String>,
) -> Result<()> {
    plain_constant(key);
    check_ordinal(key, outputs.len(), has_wildcard)?;
    if let Expr::Identifier(column) = key
        && let Some(name) = renamed.get(&column.value)
    {
        column.value.clone_from(name);
    }
    Ok(())
}

/// An ordinal of ORDER BY must be that of an output; how many those are is not known next to `*`.
pub(super) fn check_ordinal(key: &Expr, outputs: usize, has_wildcard: bool) -> Result<()> {
    match ordinal(key) {
        Some(digits)
            if !has_wildcard
                && !digits.parse::<usize>().is_ok_and(|ordinal| (1..=outputs).contains(&ordinal)) =>
        {
            let (column, clause) = (digits.to_owned(), "order clause".to_owned());
            Err(Error::UnknownColumn { column, clause, hint: Hint::default() })
        }
        _ => Ok(()),
    }
}

/// HAVING sees aliases: they stand for their expressions, unless GROUP BY has a column of that name.
fn substitute_aliases(
    having: &mut Expr,
    outputs: &[Output],
    keys: &[Expr],
    renamed: &HashMap<String, String>,
) -> Result<()> {
    if let Expr::Identifier(column) = having {
        if keys.iter().any(|key| matches!(key, Expr::Identifier(key) if key.value == column.value)) {
            return Ok(());
        }
        let name = renamed.get(&column.value).unwrap_or(&column.value);
        let output = outputs.iter().find(|(output, _)| output.as_ref() == Some(name));
        if let Some((_, Some(expression))) = output {
            let mut expression = expression.clone();
            if has_window(&mut expression) {
                return Err(Misuse::Alias(column.value.clone()).into());
            }
            *having = expression;
        }
        return Ok(());
    }
    if is_aggregate(having) {
        return Ok(());
    }
    children(having).into_iter().try_for_each(|child| substitute_aliases(child, outputs, keys, renamed))
}

/// Error 1054 for a column of HAVING that is neither selected nor a part of what is.
fn check_selected(having: &mut Expr, outputs: &[Output]) -> Result<()> {
    if outputs.iter().any(|(_, output)| output.as_ref() == Some(having)) {
        return Ok(());
    }
    let name = match having {
        Expr::Identifier(column) => Some(column.value.clone()),
        Expr::CompoundIdentifier(path) => path.last().map(|column| column.value.clone()),
        _ => None,
    };
    match name {
        Some(name) if outputs.iter().any(|(output, _)| output.as_ref() == Some(&name)) => Ok(()),
        Some(column) => {
            let clause = "having clause".to_owned();
            Err(Error::UnknownColumn { column, clause, hint: Hint::default() })
        }
        None => children(having).into_iter().try_for_each(|child| check_selected(child, outputs)),
    }
}

/// Columns outside of aggregates that are not grouped: any of the group's values will do.
fn take_any_value(
    select: &mut Select,
    order_by: Option<&mut Vec<OrderByExpr>>,
    keys: &[Expr],
    outputs: &[Output],
) {
    let mut grouped: Vec<Expr> = keys.iter().map(unqualified).collect();
    // A key may be an alias; then its expression is grouped, too.
    for key in keys {
        if let Expr::Identifier(column) = key {
            let output = outputs.iter().find(|(name, _)| name.as_ref() == Some(&column.value));
            grouped.extend(output.and_then(|(_, expression)| expression.as_ref()).map(unqualified));
        }
    }
    for (item, (name, _)) in select.projection.iter_mut().zip(outputs) {
        let Some(expression) = expression_of(item) else { continue };
        let changed = any_value(expression, &grouped);
        if changed && let (SelectItem::UnnamedExpr(expression), Some(name)) = (&*item, name) {
            *item =
                SelectItem::ExprWithAlias { expr: expression.clone(), alias: Ident::with_quote('`', name) };
        }
    }
    if let Some(having) = &mut select.having {
        any_value(having, &grouped);
    }
    for key in order_by.into_iter().flatten() {
        let is_output = matches!(&key.expr, Expr::Identifier(column)
            if outputs.iter().any(|(name, _)| name.as_ref() == Some(&column.value)));
        if !is_output {
            any_value(&mut key.expr, &grouped);
        }
    }
}

/// Wraps the columns that are not grouped; answers whether there were any.
fn any_value(expression: &mut Expr, grouped: &[Expr]) -> bool {
    if is_aggregate(expression) || grouped.contains(&unqualified(expression)) {
        return false;
    }
    if matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
        let column = std::mem::replace(expression, Expr::Value(Value::Null.into()));
        *expression = call("any_value", vec![column]);
        return true;
    }
    children(expression).into_iter().fold(false, |changed, child| any_value(child, grouped) | changed)
}

/// The expression with the tables before its columns left out: `a` and `t.a` are taken for the same column.
fn unqualified(expression: &Expr) -> Expr {
    fn strip(expression: &mut Expr) {
        if let Expr::CompoundIdentifier(path) = expression
            && let Some(column) = path.pop()
        {
            *expression = Expr::Identifier(Ident::new(column.value));
        } else if let Expr::Identifier(column) = expression {
            column.quote_style = None;
        } else {
            children(expression).into_iter().for_each(strip);
        }
    }
    let mut stripped = expression.clone();
    strip(&mut stripped);
    stripped
}

fn is_aggregate(expression: &Expr) -> bool {
    matches!(expression, Expr::Function(function)
        if function.over.is_none()
            && matches!(function.args, FunctionArguments::List(_))
            && AGGREGATES.contains(&function.name.to_string().as_str()))
}

/// Whether a function of the name is an aggregate.
pub(super) fn is_aggregate_name(name: &str) -> bool {
    AGGREGATES.contains(&name)
}

/// Whether GROUPING is in an expression; it tells of rows that only ROLLUP makes.
fn has_grouping(expression: &mut Expr) -> bool {
    matches!(expression, Expr::Function(function) if function.name.to_string() == "grouping")
        || children(expression).into_iter().any(has_grouping)
}

fn has_aggregate(expression: &mut Expr) -> bool {
    is_aggregate(expression) || children(expression).into_iter().any(has_aggregate)
}
