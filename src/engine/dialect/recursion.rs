//! Recursive common table expressions: what MySQL takes for one, and how long the texts of its columns get.
//!
//! It knows syntax: a CTE recurs when it reads a table of its own name.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, JoinOperator, ObjectName, Query, Select,
    SelectItem, SetExpr, SetOperator, TableFactor, TableWithJoins, Value, Visit, Visitor,
};

use super::front::literal_string;
use super::grammar::{call, number, string};
use crate::engine::error::{Error, Result};

/// Why a CTE cannot recur; each with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// 3573.
    #[error("Recursive Common Table Expression '{0}' should contain a UNION")]
    NoUnion(String),
    /// 3574.
    #[error(
        "Recursive Common Table Expression '{0}' should have one or more non-recursive query blocks followed by one or \
         more recursive ones"
    )]
    Order(String),
    /// 3575.
    #[error(
        "Recursive Common Table Expression '{0}' can contain neither aggregation nor window functions in recursive query \
         block"
    )]
    Aggregation(String),
    /// 3576.
    #[error(
        "In recursive query block of Recursive Common Table Expression '{0}', the recursive table must neither be in the \
         right argument of a LEFT JOIN, nor be forced to be non-first with join order hints"
    )]
    OuterJoin(String),
    /// 3577.
    #[error(
        "In recursive query block of Recursive Common Table Expression '{0}', the recursive table must be referenced only \
         once, and not in any subquery"
    )]
    Reference(String),
}

impl Misuse {
    /// The MySQL error number.
    pub fn code(&self) -> u16 {
        match self {
            Self::NoUnion(_) => 3573,
            Self::Order(_) => 3574,
            Self::Aggregation(_) => 3575,
            Self::OuterJoin(_) => 3576,
            Self::Reference(_) => 3577,
        }
    }
}

/// Whether a CTE of this name, in lower case, recurs; an error if it does so in a way that MySQL refuses.
pub fn recurs(query: &mut Query, name: &str) -> Result<bool> {
    if references(query, name) == 0 {
        return Ok(false);
    }
    if query.order_by.is_some() {
        return Err(not_supported("ORDER BY over UNION in recursive Common Table Expression"));
    }
    let members = members(&mut query.body);
    if members.len() < 2 {
        return Err(Misuse::NoUnion(name.to_owned()).into());
    }
    let recurring: Vec<bool> = members.iter().map(|member| references(&**member, name) > 0).collect();
    if recurring[0] || recurring.windows(2).any(|pair| pair[0] && !pair[1]) {
        return Err(Misuse::Order(name.to_owned()).into());
    }
    for member in members.into_iter().zip(&recurring).filter(|(_, recurs)| **recurs).map(|(member, _)| member)
    {
        check(member, name)?;
    }
    // DataFusion has one place for the rows of the iteration before.
    match recurring.iter().filter(|recurs| **recurs).count() {
        1 => Ok(true),
        _ => Err(not_supported("several recursive query blocks in a Common Table Expression")),
    }
}

/// The part of a CTE that recurs, if it is a SELECT.
pub fn recurring(query: &mut Query) -> Option<&mut Select> {
    members(&mut query.body).pop().and_then(select_of)
}

/// Holds what recurs to the length of the texts that the other parts have. `columns` are the CTE's, as far as they are
/// named. All of it was rewritten before.
pub fn hold_lengths(query: &mut Query, columns: &[String]) {
    let mut members = members(&mut query.body);
    let Some(recurring) = members.pop().and_then(select_of) else { return };
    let Some(firsts) = members.into_iter().map(select_of).collect::<Option<Vec<_>>>() else { return };
    let mut firsts: Vec<&mut Vec<SelectItem>> =
        firsts.into_iter().map(|first| &mut first.projection).collect();
    let is_plain = |items: &Vec<SelectItem>| items.iter().all(|item| value_of(item).is_some());
    let width = recurring.projection.len();
    if !is_plain(&recurring.projection) || firsts.iter().any(|items| items.len() != width || !is_plain(items))
    {
        return;
    }
    for (place, item) in recurring.projection.iter_mut().enumerate() {
        let of_first = |items: &&mut Vec<SelectItem>| items.get(place).and_then(value_of).and_then(length);
        let Some(most) = firsts.iter().map(of_first).collect::<Option<Vec<_>>>() else { continue };
        let most = most.into_iter().max().unwrap_or(0);
        let name = columns.get(place).cloned().or_else(|| name_of(firsts.first()?.get(place)?));
        let name = string(name.unwrap_or_default());
        for first in firsts.iter_mut().filter_map(|items| items.get_mut(place)) {
            // NULL alone has no type; as a column it has the shortest text.
            change(first, |value| match value {
                Expr::Value(null) if null.value == Value::Null => {
                    call("mysql_cast_char", vec![Expr::Value(null), number(0)])
                }
                other => other,
            });
        }
        change(item, |value| call("mysql_held", vec![value, number(most), name]));
    }
}

/// A member of the UNION that reads the table of its own name.
fn check(member: &mut SetExpr, name: &str) -> Result<()> {
    let clauses = "ORDER BY / LIMIT / SELECT DISTINCT in recursive query block of Common Table Expression";
    let Some(select) = select_of(member) else { return Err(not_supported(clauses)) };
    if select.distinct.is_some() {
        return Err(not_supported(clauses));
    }
    let direct: usize = select.from.iter().map(|item| tables(item, name)).sum();
    if direct != 1 || references(select, name) != 1 {
        return Err(Misuse::Reference(name.to_owned()).into());
    }
    match select.from.iter().any(|item| is_optional(item, name)) {
        true => Err(Misuse::OuterJoin(name.to_owned()).into()),
        false => Ok(()),
    }
}

/// The members of a UNION in order.
fn members(body: &mut SetExpr) -> Vec<&mut SetExpr> {
    match body {
        SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } => {
            let mut all = members(left);
            all.push(right);
            all
        }
        other => vec![other],
    }
}

fn select_of(member: &mut SetExpr) -> Option<&mut Select> {
    match member {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query)
            if query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() =>
        {
            select_of(&mut query.body)
        }
        _ => None,
    }
}

/// How often a part reads the table of a name, where no CTE inside hides it.
fn references(part: &impl Visit, name: &str) -> usize {
    struct References<'a> {
        name: &'a str,
        hidden: usize,
        found: usize,
    }

    impl References<'_> {
        fn hides(&self, query: &Query) -> bool {
            let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
            ctes.into_iter().any(|cte| cte.alias.name.value.to_lowercase() == self.name)
        }
    }

    impl Visitor for References<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            self.hidden += usize::from(self.hides(query));
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            self.hidden -= usize::from(self.hides(query));
            ControlFlow::Continue(())
        }

        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            self.found += usize::from(self.hidden == 0 && is_named(relation, self.name));
            ControlFlow::Continue(())
        }
    }

    let mut references = References { name, hidden: 0, found: 0 };
    // It never breaks.
    let _ = part.visit(&mut references);
    references.found
}

fn is_named(relation: &ObjectName, name: &str) -> bool {
    matches!(relation.0.as_slice(), [part]
        if part.as_ident().is_some_and(|ident| ident.value.to_lowercase() == name))
}

/// How often the table of a name is one of those that are joined.
fn tables(item: &TableWithJoins, name: &str) -> usize {
    let joined = item.joins.iter().map(|join| &join.relation);
    std::iter::once(&item.relation).chain(joined).map(|factor| tables_of(factor, name)).sum()
}

fn tables_of(factor: &TableFactor, name: &str) -> usize {
    match factor {
        TableFactor::Table { name: relation, args: None, .. } => usize::from(is_named(relation, name)),
        TableFactor::NestedJoin { table_with_joins, .. } => tables(table_with_joins, name),
        _ => 0,
    }
}

/// Whether the table of a name is on the side of an outer join whose rows may be missing.
fn is_optional(item: &TableWithJoins, name: &str) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => is_optional(table_with_joins, name),
        _ => false,
    };
    let mut before = tables_of(&item.relation, name);
    let mut optional = nested(&item.relation);
    for join in &item.joins {
        let here = tables_of(&join.relation, name);
        optional |= nested(&join.relation);
        optional |= match &join.join_operator {
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => here > 0,
            JoinOperator::Right(_) | JoinOperator::RightOuter(_) => before > 0,
            _ => false,
        };
        before += here;
    }
    optional
}

/// Most characters of a text, where what is written tells them.
fn length(value: &Expr) -> Option<u64> {
    if let Some(text) = literal_string(value) {
        return u64::try_from(text.chars().count()).ok();
    }
    match value {
        Expr::Value(null) if null.value == Value::Null => Some(0),
        Expr::Function(function) => {
            let FunctionArguments::List(list) = &function.args else { return None };
            let arguments = list.args.iter().map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
                _ => None,
            });
            let arguments = arguments.collect::<Option<Vec<_>>>()?;
            match (function.name.to_string().as_str(), arguments.as_slice()) {
                ("mysql_cast_char", [_, Expr::Value(most)]) => most.value.to_string().parse().ok(),
                ("concat", parts) => parts.iter().map(|part| length(part)).sum(),
                _ => None,
            }
        }
        _ => None,
    }
}

fn value_of(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. } => Some(value),
        _ => None,
    }
}

/// The name of a column that an item of a select list makes.
fn name_of(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(column)) => Some(column.value.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => {
            path.last().map(|column| column.value.clone())
        }
        _ => None,
    }
}

/// Puts another value in the place of an item's; its name stays.
fn change(item: &mut SelectItem, value: impl FnOnce(Expr) -> Expr) {
    let name = name_of(item);
    let taken = std::mem::replace(item, SelectItem::UnnamedExpr(Expr::Value(Value::Null.into())));
    *item = match (taken, name) {
        (SelectItem::ExprWithAlias { expr, alias }, _) => {
            SelectItem::ExprWithAlias { expr: value(expr), alias }
        }
        (SelectItem::UnnamedExpr(expr), Some(name)) => SelectItem::ExprWithAlias {
            expr: value(expr),
            alias: sqlparser::ast::Ident::with_quote('`', name),
        },
        (SelectItem::UnnamedExpr(expr), None) => SelectItem::UnnamedExpr(value(expr)),
        (other, _) => other,
    };
}

fn not_supported(what: &str) -> Error {
    Error::NotSupported(what.to_owned())
}
