//! `SELECT *, t.*`: a column that two wildcards of the outermost select list stand for is shown twice.
//!
//! DataFusion wants every output once, so such wildcards are written out, and a column that comes again gets another
//! name inside the engine. This module must not know what the columns hold.

use std::collections::HashSet;

use arrow::datatypes::FieldRef;
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, Query as Tree, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
};

use super::dialect::statement::{Heading, Query};
use super::error::Result;

/// Whether two wildcards of an outermost select list surely or maybe stand for the same columns.
pub fn overlap(query: &Query) -> bool {
    fn any(body: &SetExpr) -> bool {
        match body {
            SetExpr::Select(select) => overlap_in(select),
            SetExpr::SetOperation { left, right, .. } => any(left) || any(right),
            _ => false,
        }
    }
    any(&query.ast.body)
}

fn overlap_in(select: &Select) -> bool {
    let wildcards: Vec<&SelectItem> = select.projection.iter().filter(|item| is_wildcard(item)).collect();
    let all = wildcards.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
    wildcards.len() > 1 && (all || (1..wildcards.len()).any(|at| wildcards[..at].contains(&wildcards[at])))
}

/// Puts the columns in the place of all wildcards of such a select list. `columns` plans a query.
pub fn write_out(query: &mut Query, columns: impl Fn(&Query) -> Result<DFSchemaRef>) -> Result<()> {
    let mut body = query.ast.body.clone();
    let mut headings = None;
    each_select(&mut body, &mut |select| {
        // Only the first SELECT of a UNION has headings.
        let is_first = headings.is_none();
        let known = headings.get_or_insert_with(|| query.headings.clone());
        if overlap_in(select) {
            let (items, written) = expand(select, known, |item| {
                let schema = columns(&alone(query, select, item))?;
                let path = |(table, field): (Option<&TableReference>, &FieldRef)| {
                    let table = table.map(TableReference::to_vec).unwrap_or_default();
                    let path = table.into_iter().chain([field.name().clone()]);
                    path.map(|part| Ident::with_quote('`', part)).collect()
                };
                Ok(schema.iter().map(path).collect())
            })?;
            select.projection = items;
            if is_first {
                headings = Some(written);
            }
        }
        Ok(())
    })?;
    query.ast.body = body;
    query.headings = headings.unwrap_or_default();
    Ok(())
}

/// The items of a select list without wildcards, and their headings. `columns` are those of a wildcard, with their tables.
pub fn expand(
    select: &Select,
    headings: &[Heading],
    columns: impl Fn(&SelectItem) -> Result<Vec<Vec<Ident>>>,
) -> Result<(Vec<SelectItem>, Vec<Heading>)> {
    let mut used: HashSet<String> = select.projection.iter().filter_map(alias).collect();
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    let mut written = Vec::new();
    for (index, item) in select.projection.iter().enumerate() {
        if !is_wildcard(item) {
            items.push(item.clone());
            written.extend(headings.get(index).cloned());
            continue;
        }
        for path in columns(item)? {
            let Some(name) = path.last().map(|ident| ident.value.clone()) else { continue };
            let column = Expr::CompoundIdentifier(path.clone());
            items.push(if seen.insert(path) {
                SelectItem::UnnamedExpr(column)
            } else {
                let alias = Ident::with_quote('`', unused(&name, &mut used));
                SelectItem::ExprWithAlias { expr: column, alias }
            });
            written.push(Heading::Expanded(name));
        }
    }
    Ok((items, written))
}

fn each_select(body: &mut SetExpr, change: &mut impl FnMut(&mut Select) -> Result<()>) -> Result<()> {
    match body {
        SetExpr::Select(select) => change(select),
        SetExpr::SetOperation { left, right, .. } => {
            each_select(left, change)?;
            each_select(right, change)
        }
        _ => Ok(()),
    }
}

/// The query that selects nothing but the columns of one wildcard.
fn alone(query: &Query, select: &Select, wildcard: &SelectItem) -> Query {
    let select = Select {
        projection: vec![wildcard.clone()],
        selection: None,
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        having: None,
        distinct: None,
        named_window: Vec::new(),
        ..select.clone()
    };
    let ast = Tree {
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        ..query.ast.clone()
    };
    Query { ast, headings: vec![Heading::Wildcard], ..query.clone() }
}

fn is_wildcard(item: &SelectItem) -> bool {
    match item {
        SelectItem::Wildcard(_) => true,
        SelectItem::QualifiedWildcard(kind, _) => {
            matches!(kind, SelectItemQualifiedWildcardKind::ObjectName(_))
        }
        _ => false,
    }
}

/// The name that an item is given.
pub fn alias(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    }
}

/// `name$2`, `name$3` …: the first that is free.
pub fn unused(name: &str, used: &mut HashSet<String>) -> String {
    let mut number = 2_usize;
    loop {
        let candidate = format!("{name}${number}");
        if used.insert(candidate.clone()) {
            return candidate;
        }
        number += 1;
    }
}
