//! GROUP BY, HAVING and ORDER BY: what ordinals and aliases in them mean, and columns that are not grouped.
//!
//! It knows one SELECT whose expressions are rewritten already; whether a name is a table's column is not known here.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, CastKind, DataType, Expr, FunctionArguments, GroupByExpr, GroupByWithModifier,
    OrderByExpr, Select, SelectItem, Value, Visit, Visitor,
};

use super::super::grammar::binary;
use super::super::statement::Heading;
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

/// The same under the names that the statement gives, of which two may be alike.
type Written<'a> = [(String, &'a Expr)];

impl Rewriter<'_> {
    /// Makes grouping mean what it means in MySQL. `renamed` tells aliases whose outputs have another name here.
    pub(super) fn group(
        &mut self,
        select: &mut Select,
        mut order_by: Option<&mut Vec<OrderByExpr>>,
        headings: &[Heading],
        renamed: &HashMap<String, String>,
    ) -> Result<()> {
        check_unique(select, order_by.as_deref().map_or(&[], Vec::as_slice), headings)?;
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
        let order_keys = order_by.as_deref().map_or(&[][..], Vec::as_slice);
        let aggregates = aggregates_anywhere(select, order_keys);
        let mut has_grouping_anywhere = || {
            select.projection.iter_mut().filter_map(expression_of).any(has_grouping)
                || select.having.as_mut().is_some_and(has_grouping)
                || order_by
                    .as_deref_mut()
                    .is_some_and(|keys| keys.iter_mut().any(|key| has_grouping(&mut key.expr)))
        };
        if !keys.1 && aggregates && has_grouping_anywhere() {
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
        let (keys, rollup) = keys;
        let keys =
            if rollup { vec![Expr::Rollup(keys.into_iter().map(|key| vec![key]).collect())] } else { keys };
        select.group_by = GroupByExpr::Expressions(keys, Vec::new());
        Ok(())
    }
}

/// Whether a SELECT makes groups.
pub fn groups(select: &Select, order_by: &[OrderByExpr]) -> bool {
    let keys = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    keys || aggregates_anywhere(select, order_by)
}

fn aggregates_anywhere(select: &Select, order_by: &[OrderByExpr]) -> bool {
    select.projection.iter().any(has_aggregate)
        || select.having.as_ref().is_some_and(has_aggregate)
        || order_by.iter().any(|key| has_aggregate(&key.expr))
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
    if has_aggregate(&expression) || has_window(&mut expression) {
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

/// Whether an expression is a call of an aggregate, over the rows of a group.
pub fn is_aggregate(expression: &Expr) -> bool {
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

/// Whether an aggregate is in a part of a SELECT; those of subqueries are theirs.
pub fn has_aggregate(part: &impl Visit) -> bool {
    struct Aggregates {
        queries: usize,
    }

    impl Visitor for Aggregates {
        type Break = ();

        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
            self.queries += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
            self.queries -= 1;
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match self.queries == 0 && is_aggregate(expression) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }

    part.visit(&mut Aggregates { queries: 0 }).is_break()
}

/// Error 1052 for a name in a clause behind the select list that two different columns in it have.
fn check_unique(select: &Select, order_by: &[OrderByExpr], headings: &[Heading]) -> Result<()> {
    let named = select.projection.iter().zip(headings).filter_map(|(item, heading)| match (item, heading) {
        (
            SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. },
            Heading::Text(name) | Heading::Column(name),
        ) => Some((name.to_lowercase(), expression)),
        _ => None,
    });
    let outputs: Vec<(String, &Expr)> = named.collect();
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        keys.iter().try_for_each(|key| check_name(key, &outputs, "group statement"))?;
    }
    if let Some(having) = &select.having {
        check_names(&mut having.clone(), &outputs)?;
    }
    order_by.iter().try_for_each(|key| check_name(&key.expr, &outputs, "order clause"))
}

/// The names of HAVING outside of aggregates.
fn check_names(having: &mut Expr, outputs: &Written<'_>) -> Result<()> {
    check_name(having, outputs, "having clause")?;
    if is_aggregate(having) {
        return Ok(());
    }
    children(having).into_iter().try_for_each(|child| check_names(child, outputs))
}

fn check_name(key: &Expr, outputs: &Written<'_>, clause: &str) -> Result<()> {
    let Expr::Identifier(name) = key else { return Ok(()) };
    let mut found: Option<&Expr> = None;
    for (_, expression) in outputs.iter().filter(|(output, _)| *output == name.value) {
        if !matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_)) {
            // What is computed is meant, whatever column has its name, too.
            return Ok(());
        }
        if found.is_some_and(|found| !may_be_one_column(found, expression)) {
            let (column, clause) = (name.value.clone(), clause.to_owned());
            return Err(Error::AmbiguousColumn { column, clause });
        }
        found = Some(*expression);
    }
    Ok(())
}

/// Whether two columns are the same, one of which may leave out its table: it would be ambiguous if it were not that one's.
fn may_be_one_column(one: &Expr, other: &Expr) -> bool {
    reversed_path(one).iter().zip(reversed_path(other)).all(|(one, other)| *one == other)
}

fn reversed_path(column: &Expr) -> Vec<&str> {
    match column {
        Expr::Identifier(name) => vec![&name.value],
        Expr::CompoundIdentifier(path) => path.iter().rev().map(|name| name.value.as_str()).collect(),
        _ => Vec::new(),
    }
}
