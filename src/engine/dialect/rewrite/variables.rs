//! `@v := expression` inside a query: what is assigned stands for `@v` in all that follows, and is the session's
//! when the rows are made.
//!
//! MySQL assigns row by row, from left to right. That is the same as long as a row uses no value of the row before.
//! Of what does, `@n := @n + x` is a running sum, in the order of the rows; all else is refused, and so is what only
//! some rows assign.

use std::collections::{HashMap, HashSet};

use sqlparser::ast::{
    self, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    OrderByExpr, OrderByKind, Select, SelectItem, SetExpr, TableFactor, Value, WindowFrame, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};

use super::super::grammar::{binary, call, string};
use super::tree::children;
use super::{Rewriter, groups};
use crate::engine::error::{Error, Result};

/// What a statement does to user variables, as far as it was rewritten.
#[derive(Debug, Default)]
pub struct Assignments {
    /// What was assigned last, where it is the same for every row or of the row that is rewritten.
    values: HashMap<String, Expr>,
    /// What was assigned by the rows of a query that is not this one.
    lost: HashSet<String>,
    /// How many parts around the place are only computed for some rows, or for groups of them.
    conditions: usize,
    /// The SELECTs around the place that is rewritten, the nearest last.
    selects: Vec<Rows>,
}

/// What counts of a SELECT.
#[derive(Debug, Default)]
struct Rows {
    /// It has one row.
    one: bool,
    /// Its rows are those of its tables: it groups none.
    plain: bool,
    /// The order in which they are numbered.
    order: Vec<OrderByExpr>,
    /// What it read.
    read: HashSet<String>,
    /// What it assigned.
    assigned: HashSet<String>,
    /// Its outputs by their aliases in lower case, as far as they are rewritten and there are no tables.
    outputs: HashMap<String, Expr>,
}

impl Rewriter<'_> {
    /// Before the parts of a SELECT are rewritten.
    pub(super) fn enter_select(&mut self, select: &Select, order_by: Option<&[OrderByExpr]>) {
        let plain = select.distinct.is_none()
            && select.having.is_none()
            && matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, _) if keys.is_empty())
            && !groups(select, &[]);
        self.assignments.selects.push(Rows {
            one: select.from.is_empty(),
            plain,
            order: order_of(select, order_by),
            ..Rows::default()
        });
    }

    /// Whether what is being read is in no SELECT.
    pub(super) fn is_outermost(&self) -> bool {
        self.assignments.selects.is_empty()
    }

    /// After an output of it.
    pub(super) fn note_output(&mut self, alias: &str, value: &Expr) {
        if let Some(rows) = self.assignments.selects.last_mut()
            && rows.one
        {
            rows.outputs.insert(alias.to_lowercase(), value.clone());
        }
    }

    /// What a name means in a SELECT without tables inside of one without tables: an output of that one.
    pub(super) fn output_outside(&mut self, name: &str) -> Result<Option<Expr>> {
        let value = match self.assignments.selects.as_slice() {
            [.., outer, inner] if outer.one && inner.one => outer.outputs.get(&name.to_lowercase()).cloned(),
            _ => None,
        };
        value.filter(|value| !is_volatile(value)).map(|value| self.copy(&value)).transpose()
    }

    /// After them: what rows assigned is not known outside.
    pub(super) fn leave_select(&mut self) {
        let Some(rows) = self.assignments.selects.pop() else { return };
        for name in rows.assigned {
            let by_row = self.assignments.values.get(&name).is_some_and(|value| !is_constant(value));
            if by_row {
                self.assignments.values.remove(&name);
                self.assignments.lost.insert(name);
            }
        }
    }

    /// Rewrites an assignment; answers what is assigned. None when the expression is none.
    pub(super) fn assignment(&mut self, expression: &mut Expr) -> Result<Option<Expr>> {
        let Some(name) = assigned(expression).map(|name| name.to_lowercase()) else { return Ok(None) };
        if self.assignments.conditions > 0 {
            return Err(Error::NotSupported(format!("@{name} assigned by some rows only")));
        }
        strip(expression);
        let mut value = std::mem::replace(expression, Expr::Value(Value::Null.into()));
        let outermost = self.assignments.selects.len() <= 1;
        let read = |rows: &Rows| rows.read.contains(&name);
        let read_before = self.assignments.selects.last().is_some_and(read);
        let one = self.assignments.selects.last().is_none_or(|rows| rows.one && outermost);
        let plain = self.assignments.selects.last().is_none_or(|rows| rows.plain);
        if !one && !read_before && plain {
            self.running(&name, &mut value);
        }
        let runs = matches!(&value, Expr::BinaryOp { right, .. } if is_window(right));
        self.expression(&mut value)?;
        let reads = self.assignments.selects.last().is_some_and(read);
        if reads && !one && (read_before || !runs) {
            return Err(Error::NotSupported(format!("@{name} of the row before")));
        }
        if let Some(rows) = self.assignments.selects.last_mut() {
            rows.assigned.insert(name.clone());
        }
        self.assignments.lost.remove(&name);
        self.assignments.values.insert(name.clone(), bare(&value).clone());
        Ok(Some(call("mysql_assign", vec![string(name), value])))
    }

    /// Rewrites parts; an assignment among them is only for some rows when the whole says so.
    pub(super) fn parts_of(&mut self, whole: &mut Expr) -> Result<()> {
        let conditional = usize::from(is_conditional(whole));
        self.assignments.conditions += conditional;
        children(whole).into_iter().try_for_each(|part| self.expression(part))?;
        self.assignments.conditions -= conditional;
        Ok(())
    }

    /// What a user variable was assigned before in this statement; None when the session's value holds.
    pub(super) fn variable(&mut self, name: &str) -> Result<Option<Expr>> {
        let name = name.to_lowercase();
        if let Some(rows) = self.assignments.selects.last_mut() {
            rows.read.insert(name.clone());
        }
        if self.assignments.lost.contains(&name) {
            return Err(Error::NotSupported(format!("@{name} of the rows of another query")));
        }
        match self.assignments.values.get(&name).cloned() {
            Some(value) if is_volatile(&value) => {
                Err(Error::NotSupported(format!("@{name} of what changes with each use")))
            }
            Some(value) => self.copy(&value).map(Some),
            None => Ok(None),
        }
    }

    /// Makes `@v + x` the running sum that it is when it is assigned to `@v`.
    fn running(&self, name: &str, value: &mut Expr) {
        let mut inner = &mut *value;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        let Expr::BinaryOp { left, op: BinaryOperator::Plus, right } = inner else { return };
        let (variable, summand) = match (names(left, name), names(right, name)) {
            (true, false) => (left.as_ref().clone(), right.as_ref().clone()),
            (false, true) => (right.as_ref().clone(), left.as_ref().clone()),
            _ => return,
        };
        if reads_variable(&summand) {
            return;
        }
        let order = self.assignments.selects.last().map(|rows| rows.order.clone()).unwrap_or_default();
        let one = matches!(&summand, Expr::Value(value)
            if matches!(&value.value, Value::Number(digits, _) if digits == "1"));
        let function = if one { call("row_number", Vec::new()) } else { call("sum", vec![summand]) };
        *value = binary(variable, BinaryOperator::Plus, over(function, order, !one));
    }
}

/// What is assigned by an assignment that is itself assigned.
fn bare(value: &Expr) -> &Expr {
    if let Expr::Function(function) = value
        && function.name.to_string() == "mysql_assign"
        && let FunctionArguments::List(list) = &function.args
        && let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(value))] = list.args.as_slice()
    {
        return bare(value);
    }
    value
}

fn over(function: Expr, order_by: Vec<OrderByExpr>, frame: bool) -> Expr {
    let frame = frame.then_some(WindowFrame {
        units: WindowFrameUnits::Rows,
        start_bound: WindowFrameBound::Preceding(None),
        end_bound: Some(WindowFrameBound::CurrentRow),
    });
    let window = WindowSpec { window_name: None, partition_by: Vec::new(), order_by, window_frame: frame };
    match function {
        Expr::Function(function) => {
            Expr::Function(Function { over: Some(WindowType::WindowSpec(window)), ..function })
        }
        other => other,
    }
}

fn is_window(expression: &Expr) -> bool {
    matches!(expression, Expr::Function(function) if function.over.is_some())
}

/// Whether an expression is the user variable.
fn names(expression: &Expr, name: &str) -> bool {
    match expression {
        Expr::Nested(inner) => names(inner, name),
        Expr::Identifier(ident) if ident.quote_style.is_none() => {
            ident.value.strip_prefix('@').is_some_and(|variable| variable.eq_ignore_ascii_case(name))
        }
        _ => false,
    }
}

/// The keys by which MySQL reads the rows: those of ORDER BY, or of the only table that is an ordered query.
fn order_of(select: &Select, order_by: Option<&[OrderByExpr]>) -> Vec<OrderByExpr> {
    let item = |key: &Expr| -> Option<Expr> {
        let place = |index: usize| match select.projection.get(index)? {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
            _ => None,
        };
        match key {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => place(digits.parse::<usize>().ok()?.checked_sub(1)?),
                _ => None,
            },
            Expr::Identifier(name) => {
                let aliased = select.projection.iter().position(|item| {
                    matches!(item, SelectItem::ExprWithAlias { alias, .. }
                        if alias.value.eq_ignore_ascii_case(&name.value))
                });
                aliased.map_or_else(|| Some(key.clone()), place)
            }
            other => Some(other.clone()),
        }
    };
    if let Some(keys) = order_by {
        let keys = keys.iter().map_while(|key| {
            let expr = item(&key.expr).filter(|expr| !reads_variable(expr))?;
            Some(OrderByExpr { expr, ..key.clone() })
        });
        return keys.collect();
    }
    let factors = select
        .from
        .iter()
        .flat_map(|item| std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)));
    let with_rows: Vec<&TableFactor> = factors.filter(|factor| !is_one_row(factor)).collect();
    let [TableFactor::Derived { subquery, alias: Some(alias), .. }] = with_rows.as_slice() else {
        return Vec::new();
    };
    let Some(OrderByKind::Expressions(keys)) = subquery.order_by.as_ref().map(|order| &order.kind) else {
        return Vec::new();
    };
    let keys = keys.iter().map_while(|key| {
        let name = match &key.expr {
            Expr::Identifier(name) => name,
            Expr::CompoundIdentifier(path) => path.last()?,
            _ => return None,
        };
        has_output(subquery, name).then(|| OrderByExpr {
            expr: Expr::CompoundIdentifier(vec![alias.name.clone(), name.clone()]),
            ..key.clone()
        })
    });
    keys.collect()
}

/// `(SELECT @n := 0) AS start`.
fn is_one_row(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Derived { subquery, .. }
        if matches!(subquery.body.as_ref(), SetExpr::Select(select) if select.from.is_empty()))
}

fn has_output(query: &ast::Query, name: &Ident) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    select.projection.iter().any(|item| match item {
        SelectItem::Wildcard(_) => true,
        SelectItem::ExprWithAlias { alias, .. } => alias.value.eq_ignore_ascii_case(&name.value),
        SelectItem::UnnamedExpr(Expr::Identifier(column)) => column.value.eq_ignore_ascii_case(&name.value),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => {
            path.last().is_some_and(|column| column.value.eq_ignore_ascii_case(&name.value))
        }
        _ => false,
    })
}

/// Whether a part of an expression is so.
fn any(expression: &Expr, is: fn(&Expr) -> bool) -> bool {
    fn walk(expression: &mut Expr, is: fn(&Expr) -> bool) -> bool {
        is(expression) || children(expression).into_iter().any(|child| walk(child, is))
    }
    walk(&mut expression.clone(), is)
}

fn reads_variable(expression: &Expr) -> bool {
    any(expression, |part| {
        matches!(part, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. })
            || matches!(part, Expr::Identifier(name) if name.quote_style.is_none() && name.value.starts_with('@'))
            || matches!(part, Expr::BinaryOp { op: BinaryOperator::Assignment, .. })
    })
}

/// Whether a rewritten expression has one value for all rows.
fn is_constant(expression: &Expr) -> bool {
    !any(expression, |part| match part {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => true,
        Expr::Function(function) => function.over.is_some() || is_aggregate(function),
        _ => false,
    })
}

fn is_aggregate(function: &Function) -> bool {
    super::grouping::is_aggregate_name(&function.name.to_string().to_lowercase())
}

fn is_volatile(expression: &Expr) -> bool {
    any(expression, |part| {
        matches!(part, Expr::Function(function) if matches!(
            function.name.to_string().as_str(),
            "rand" | "uuid" | "uuid_short" | "random_bytes" | "sleep" | "mysql_assign"
        ))
    })
}

/// Whether a part of an expression may not be computed for a row, or is for rows that become one.
fn is_conditional(expression: &Expr) -> bool {
    match expression {
        Expr::Case { .. } => true,
        Expr::BinaryOp { op, .. } => matches!(op, BinaryOperator::And | BinaryOperator::Or),
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            is_aggregate(function)
                || matches!(
                    name.as_str(),
                    "if" | "ifnull" | "nvl" | "coalesce" | "nullif" | "elt" | "interval"
                )
        }
        _ => false,
    }
}

/// The variable that an expression assigns whatever the row: itself, or in every branch of a CASE or an IF.
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
        Expr::Function(function) => {
            let [then, otherwise] = branches_of_if(function)?;
            let (name, other) = (assigned(then)?, assigned(otherwise)?);
            name.eq_ignore_ascii_case(other).then_some(name)
        }
        _ => None,
    }
}

/// What IF answers, in either case.
fn branches_of_if(function: &Function) -> Option<[&Expr; 2]> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [
            _,
            FunctionArg::Unnamed(FunctionArgExpr::Expr(then)),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(otherwise)),
        ] if function.name.to_string().eq_ignore_ascii_case("if") => Some([then, otherwise]),
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
        Expr::Function(function) => {
            if branches_of_if(function).is_some()
                && let FunctionArguments::List(list) = &mut function.args
            {
                for branch in list.args.iter_mut().skip(1) {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(branch)) = branch {
                        strip(branch);
                    }
                }
            }
        }
        _ => {}
    }
}
