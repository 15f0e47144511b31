//! Columns of a grouped query that are neither grouped nor aggregated. Without ONLY_FULL_GROUP_BY they show any of their
//! group's values; with it they are an error, which tells where they stand as MySQL counts.
//!
//! What a name means is asked of who knows the tables.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Cte, Expr, GroupByExpr, Ident, OrderByExpr, OrderByKind, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use super::error::{Error, Result};
use super::names::{for_each_table, visible_name};
use super::nearest::Hint;
use super::planner::Tables;
use super::{dialect, wildcards};

/// The keys of GROUP BY, those of ROLLUP among them.
pub fn keys(select: &Select) -> impl Iterator<Item = &Expr> {
    let keys = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys.as_slice(),
        GroupByExpr::All(_) => &[],
    };
    keys.iter().flat_map(|key| match key {
        Expr::Rollup(keys) => keys.iter().flatten().collect(),
        key => vec![key],
    })
}

/// The column, with its table, that a name or a path means, if it is one of the SELECT's own.
type Column<'a> = &'a dyn Fn(&[Ident]) -> Option<Vec<Ident>>;

/// Lets what is not grouped be any value of its group. The select list has no wildcards any more; `is_named` tells
/// whether a query around it names its columns.
pub fn take_any_value(
    select: &mut Select,
    order_by: &mut [OrderByExpr],
    is_named: bool,
    column: Column<'_>,
) -> Result<()> {
    let grouped = grouped(select, column);
    let outputs: Vec<(Option<String>, Expr)> = select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::UnnamedExpr(expression) => Some((column_name(expression), expression)),
            SelectItem::ExprWithAlias { expr, alias } => Some((Some(alias.value.clone()), expr)),
            _ => None,
        })
        .map(|(name, expression)| (name, canonical(expression, column)))
        .collect();

    let group = Group { grouped, column };
    let mut wrapped = Vec::new();
    let mut used: HashSet<String> = HashSet::new();
    for (index, item) in select.projection.iter_mut().enumerate() {
        match item {
            SelectItem::UnnamedExpr(expression) => {
                let name = column_name(expression);
                let changed = group.any_value(expression);
                match name {
                    Some(name) if changed => wrapped.push((index, name)),
                    name => used.extend(name),
                }
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                group.any_value(expr);
                used.insert(alias.value.clone());
            }
            _ => {}
        }
    }
    for (index, name) in wrapped {
        let is_free = used.insert(name.clone());
        let name = if is_named || is_free { name } else { wildcards::unused(&name, &mut used) };
        let item = &mut select.projection[index];
        if let SelectItem::UnnamedExpr(expr) = item {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('`', name) };
        }
    }

    if let Some(having) = &mut select.having {
        group.having(having, &outputs)?;
    }
    for key in order_by {
        let Expr::Identifier(name) = &key.expr else {
            group.any_value(&mut key.expr);
            continue;
        };
        let mut named = outputs.iter().filter(|(output, _)| output.as_ref() == Some(&name.value));
        match (named.next(), named.next()) {
            (None, _) => {
                group.any_value(&mut key.expr);
            }
            (Some((_, one)), Some((_, other)))
                if one != other && path_of(one).is_some() && path_of(other).is_some() =>
            {
                let (column, clause) = (name.value.clone(), "order clause".to_owned());
                return Err(Error::AmbiguousColumn { column, clause });
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a group has one value of. A key that is no column is the alias of an output.
fn grouped(select: &Select, column: Column<'_>) -> Vec<Expr> {
    let meant = |key: &Expr| match key {
        Expr::Identifier(name) if column(std::slice::from_ref(name)).is_none() => {
            let output = select.projection.iter().find_map(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } if alias.value == name.value => Some(expr),
                _ => None,
            });
            canonical(output.unwrap_or(key), column)
        }
        key => canonical(key, column),
    };
    keys(select).map(meant).collect()
}

/// An expression whose columns are all written with their tables.
fn canonical(expression: &Expr, column: Column<'_>) -> Expr {
    struct Canonical<'a>(Column<'a>);

    impl VisitorMut for Canonical<'_> {
        type Break = ();

        fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
            if let Some(path) = path_of(expression).and_then(self.0) {
                *expression =
                    Expr::CompoundIdentifier(path.into_iter().map(|ident| Ident::new(ident.value)).collect());
            }
            ControlFlow::Continue(())
        }
    }

    let mut expression = expression.clone();
    // It never breaks.
    let _ = VisitMut::visit(&mut expression, &mut Canonical(column));
    expression
}

fn path_of(expression: &Expr) -> Option<&[Ident]> {
    match expression {
        Expr::Identifier(name) => Some(std::slice::from_ref(name)),
        Expr::CompoundIdentifier(path) => Some(path),
        _ => None,
    }
}

fn column_name(expression: &Expr) -> Option<String> {
    path_of(expression)?.last().map(|name| name.value.clone())
}

/// A group of rows.
struct Group<'a> {
    grouped: Vec<Expr>,
    column: Column<'a>,
}

impl Group<'_> {
    /// Wraps the columns that are not grouped; answers whether there were any.
    fn any_value(&self, expression: &mut Expr) -> bool {
        if dialect::is_aggregate(expression) || self.has_one(expression) {
            return false;
        }
        if let Some(path) = path_of(expression) {
            let is_own = (self.column)(path).is_some();
            if is_own {
                *expression = dialect::call("any_value", vec![expression.clone()]);
            }
            return is_own;
        }
        dialect::children(expression)
            .into_iter()
            .fold(false, |changed, child| self.any_value(child) | changed)
    }

    /// HAVING sees what is grouped and what is selected.
    fn having(&self, having: &mut Expr, outputs: &[(Option<String>, Expr)]) -> Result<()> {
        if dialect::is_aggregate(having) || self.has_one(having) {
            return Ok(());
        }
        let written = canonical(having, self.column);
        if outputs.iter().any(|(_, output)| *output == written) {
            self.any_value(having);
            return Ok(());
        }
        if let Some(path) = path_of(having).filter(|path| (self.column)(path).is_some()) {
            let column: Vec<&str> = path.iter().map(|part| part.value.as_str()).collect();
            return Err(Error::UnknownColumn {
                column: column.join("."),
                clause: "having clause".to_owned(),
                hint: Hint::default(),
            });
        }
        dialect::children(having).into_iter().try_for_each(|child| self.having(child, outputs))
    }

    fn has_one(&self, expression: &Expr) -> bool {
        !self.grouped.is_empty() && self.grouped.contains(&canonical(expression, self.column))
    }
}

/// Tells where the column of error 1055 stands and what it is called in full. Without GROUP BY it is error 1140.
pub fn locate(error: Error, query: &ast::Query, tables: &Tables) -> Error {
    let Error::NotGrouped { clause, column, .. } = &error else { return error };
    let (table, name) = match column.rsplit_once('.') {
        Some((path, name)) => (path.rsplit('.').next(), name),
        None => (None, column.as_str()),
    };
    let mut locate = Locate { tables, table, name, is_order: clause.starts_with("ORDER"), ctes: Vec::new() };
    let ControlFlow::Break((expression, select)) = query.visit(&mut locate) else { return error };
    let column = locate.full_name(&select).unwrap_or_else(|| column.clone());
    let clause = clause.clone();
    match keys(&select).next() {
        Some(_) => Error::NotGrouped { expression, clause, column },
        None => Error::NotAggregated { expression, clause, column },
    }
}

/// Looks for the SELECT and its expression where a column stands that is not grouped.
struct Locate<'a> {
    tables: &'a Tables,
    table: Option<&'a str>,
    name: &'a str,
    is_order: bool,
    ctes: Vec<Cte>,
}

impl Visitor for Locate<'_> {
    type Break = (usize, Box<Select>);

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<Self::Break> {
        self.ctes.extend(query.with.iter().flat_map(|with| with.cte_tables.iter().cloned()));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &ast::Query) -> ControlFlow<Self::Break> {
        let keys = match query.order_by.as_ref().map(|order_by| &order_by.kind) {
            Some(OrderByKind::Expressions(keys)) => keys.as_slice(),
            _ => &[],
        };
        self.body(&query.body, keys)
    }
}

impl Locate<'_> {
    fn body(&self, body: &SetExpr, order_by: &[OrderByExpr]) -> ControlFlow<(usize, Box<Select>)> {
        match body {
            SetExpr::Select(select) if dialect::groups(select, order_by) => {
                let place = match self.is_order {
                    true => {
                        order_by.iter().position(|key| self.stands_in(&key.expr, select)).map(|at| at + 1)
                    }
                    false => self.place(select),
                };
                match place {
                    Some(place) => ControlFlow::Break((place, select.clone())),
                    None => ControlFlow::Continue(()),
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, &[])?;
                self.body(right, &[])
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// The place in the select list, where a wildcard is as many as its columns.
    fn place(&self, select: &Select) -> Option<usize> {
        let mut before = 0;
        for item in &select.projection {
            let columns = match item {
                SelectItem::UnnamedExpr(expression) | SelectItem::ExprWithAlias { expr: expression, .. } => {
                    before += 1;
                    if self.stands_in(expression, select) {
                        return Some(before);
                    }
                    continue;
                }
                SelectItem::Wildcard(_) => self.columns(select, None)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let table = name.0.last().and_then(|part| part.as_ident())?;
                    self.columns(select, Some(&table.value))?
                }
                _ => return None,
            };
            let is_it = |(table, name): &(Option<String>, String)| {
                name == self.name && self.table.is_none_or(|wanted| table.as_deref() == Some(wanted))
            };
            if let Some(place) = columns.iter().position(is_it) {
                return Some(before + place + 1);
            }
            before += columns.len();
        }
        None
    }

    /// Whether an expression has the column outside of aggregates and of what is grouped.
    fn stands_in(&self, expression: &Expr, select: &Select) -> bool {
        struct StandsIn<'a> {
            locate: &'a Locate<'a>,
            keys: Vec<&'a Expr>,
            /// How many expressions with one value for each group are around.
            around: usize,
        }

        impl StandsIn<'_> {
            fn has_one_value(&self, expression: &Expr) -> bool {
                dialect::is_aggregate(expression) || self.keys.contains(&expression)
            }
        }

        impl Visitor for StandsIn<'_> {
            type Break = ();

            fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
                if self.has_one_value(expression) {
                    self.around += 1;
                }
                match self.around == 0 && path_of(expression).is_some_and(|path| self.locate.is_it(path)) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            }

            fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
                if self.has_one_value(expression) {
                    self.around -= 1;
                }
                ControlFlow::Continue(())
            }
        }

        expression.visit(&mut StandsIn { locate: self, keys: keys(select).collect(), around: 0 }).is_break()
    }

    fn is_it(&self, path: &[Ident]) -> bool {
        let mut path = path.iter().rev().map(|part| part.value.as_str());
        path.next() == Some(self.name)
            && path.next().is_none_or(|table| self.table.is_none_or(|wanted| wanted == table))
    }

    /// The columns of a SELECT's tables, or of one of them, as `*` shows them; None where they are not known here.
    fn columns(&self, select: &Select, of: Option<&str>) -> Option<Vec<(Option<String>, String)>> {
        let mut columns = Some(Vec::new());
        for_each_table(&select.from, &mut |factor| {
            let table = visible_name(factor);
            if of.is_some() && table.as_deref() != of {
                return;
            }
            let names = self.columns_of(factor);
            columns = columns.take().zip(names).map(|(mut columns, names)| {
                columns.extend(names.into_iter().map(|name| (table.clone(), name)));
                columns
            });
        });
        columns
    }

    fn columns_of(&self, factor: &TableFactor) -> Option<Vec<String>> {
        let (body, alias) = match factor {
            TableFactor::Table { name, alias, .. } => match self.cte(factor) {
                Some(cte) => (&cte.query.body, alias.as_ref().or(Some(&cte.alias))),
                None => {
                    let columns = self.tables.columns_of(name)?.iter();
                    return Some(columns.map(|column| column.name.to_lowercase()).collect());
                }
            },
            TableFactor::Derived { subquery, alias, .. } => (&subquery.body, alias.as_ref()),
            _ => return None,
        };
        match alias {
            Some(alias) if !alias.columns.is_empty() => {
                Some(alias.columns.iter().map(|column| column.name.value.clone()).collect())
            }
            _ => self.outputs(body),
        }
    }

    fn cte(&self, factor: &TableFactor) -> Option<&Cte> {
        let TableFactor::Table { name, .. } = factor else { return None };
        let [part] = name.0.as_slice() else { return None };
        let name = &part.as_ident()?.value;
        self.ctes.iter().rev().find(|cte| cte.alias.name.value == *name)
    }

    /// The names of what a query answers.
    fn outputs(&self, body: &SetExpr) -> Option<Vec<String>> {
        let select = match body {
            SetExpr::Select(select) => select,
            SetExpr::Query(query) => return self.outputs(&query.body),
            SetExpr::SetOperation { left, .. } => return self.outputs(left),
            _ => return None,
        };
        let mut names = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expression) => {
                    names.push(column_name(expression).unwrap_or_default())
                }
                SelectItem::ExprWithAlias { alias, .. } => names.push(alias.value.clone()),
                SelectItem::Wildcard(_) => {
                    names.extend(self.columns(select, None)?.into_iter().map(|(_, name)| name));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let table = name.0.last().and_then(|part| part.as_ident())?;
                    names.extend(self.columns(select, Some(&table.value))?.into_iter().map(|(_, name)| name));
                }
                _ => return None,
            }
        }
        Some(names)
    }

    /// `database.table.column`; a derived table is in no database.
    fn full_name(&self, select: &Select) -> Option<String> {
        let mut full = None;
        for_each_table(&select.from, &mut |factor| {
            let visible = visible_name(factor);
            if visible.as_deref() != self.table || self.cte(factor).is_some() {
                return;
            }
            if let TableFactor::Table { name, alias, .. } = factor
                && let Some(pinned) = self.tables.named(name)
            {
                let table = match alias {
                    Some(alias) => &alias.name.value,
                    None => &pinned.table,
                };
                let column = pinned.columns.iter().find(|column| column.name.to_lowercase() == self.name);
                let column = column.map_or(self.name, |column| &column.name);
                full = Some(format!("{}.{table}.{column}", pinned.database));
            }
        });
        full
    }
}
