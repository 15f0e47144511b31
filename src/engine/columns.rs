//! What the columns of a result are called, and which table's column each of them is.
//!
//! Inside a plan names are lower case and unique; clients see them as the statement and the catalog
//! write them. It must not know what the values are.

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column as PlanColumn, ScalarValue, TableReference};
use datafusion::logical_expr::{Distinct, Expr, JoinType, LogicalPlan};
use datafusion::sql::sqlparser::ast;

use super::answer::{Column, Origin};
use super::dialect::statement::{Heading, Query};
use super::error::{Error, Result};
use super::functions::shown;
use super::functions::signature::is_json;
use super::planner::Tables;
use super::types::MysqlType;

/// The columns of a query's answer: names from the statement, types from the plan that runs.
pub fn of_query(query: &Query, plan: &LogicalPlan, types: &Schema, tables: &Tables) -> Result<Vec<Column>> {
    let headings = expand(query, plan)?;
    // What one side of a UNION tells is not true of the other, and only the plan that runs knows both.
    let united = plan.exists(|node| Ok(matches!(node, LogicalPlan::Union(_))))?;
    let column = |(index, heading): (usize, &Heading)| {
        let field = types.field(index);
        let (origin, known) = trace(plan, index, None).and_then(|source| source.origin(tables)).unzip();
        let name = match (heading, &origin) {
            (Heading::Text(text) | Heading::Column(text), _) => text.clone(),
            (Heading::Expanded(name), _) if query.written.contains_key(name) => query.written[name].clone(),
            (Heading::Expanded(name), Some(origin)) if is_named(origin, name) => origin.column.clone(),
            (Heading::Expanded(name), _) => name.clone(),
            (Heading::Wildcard, _) if query.written.contains_key(plan.schema().field(index).name()) => {
                query.written[plan.schema().field(index).name()].clone()
            }
            (Heading::Wildcard, Some(origin)) if is_named(origin, plan.schema().field(index).name()) => {
                origin.column.clone()
            }
            (Heading::Wildcard, _) => plan.schema().field(index).name().clone(),
        };
        Column {
            origin,
            digits: shown_digits(field).or_else(|| {
                if united { None } else { shown_digits(&planned(plan, index, field.data_type())) }
            }),
            json: is_json(field) || !united && is_json(plan.schema().field(index)),
            max_characters: known
                .and_then(|known| known.characters)
                .or_else(|| computed_characters(plan, index, tables)),
            declared: known.and_then(|known| known.declared),
            ..Column::new(name, field.data_type().clone(), field.is_nullable())
        }
    };
    Ok(headings.iter().enumerate().map(column).collect())
}

/// Whether a column has the name that its table gives it; a derived table may give it another one.
fn is_named(origin: &Origin, name: &str) -> bool {
    origin.column.to_lowercase() == name
}

/// The digits that a column shows where its type does not tell them.
fn shown_digits(field: &Field) -> Option<u8> {
    shown::decimals(field).or_else(|| shown::fraction(field).filter(|_| shown::is_told(field)))
}

/// A column as it was planned, before rules put others in the place of functions, in the type that it has now.
fn planned(plan: &LogicalPlan, index: usize, data_type: &DataType) -> Field {
    plan.schema().field(index).as_ref().clone().with_data_type(data_type.clone())
}

/// One heading for each column: a `*` stands for as many as its tables have.
fn expand(query: &Query, plan: &LogicalPlan) -> Result<Vec<Heading>> {
    let columns = plan.schema().fields().len();
    let wildcards = query.headings.iter().filter(|heading| **heading == Heading::Wildcard).count();
    let mut left_over = (columns + wildcards)
        .checked_sub(query.headings.len())
        .ok_or_else(|| Error::Internal("more headings than columns".into()))?;

    let items = select_items(&query.ast.body);
    let mut expanded = Vec::with_capacity(columns);
    let mut wildcards_left = wildcards;
    for (index, heading) in query.headings.iter().enumerate() {
        if *heading != Heading::Wildcard {
            expanded.push(heading.clone());
            continue;
        }
        wildcards_left -= 1;
        // The last wildcard takes what is left; another one takes the columns of its table.
        let width = match items.and_then(|items| items.get(index)) {
            Some(ast::SelectItem::QualifiedWildcard(kind, _)) if wildcards_left > 0 => {
                qualified_width(plan, expanded.len(), kind)
            }
            _ => left_over,
        };
        left_over = left_over.saturating_sub(width);
        expanded.extend(std::iter::repeat_n(Heading::Wildcard, width));
    }
    if expanded.len() != columns {
        return Err(Error::Internal(format!("{} headings for {columns} columns", expanded.len())));
    }
    Ok(expanded)
}

fn select_items(body: &ast::SetExpr) -> Option<&[ast::SelectItem]> {
    match body {
        ast::SetExpr::Select(select) => Some(&select.projection),
        ast::SetExpr::Query(query) => select_items(&query.body),
        ast::SetExpr::SetOperation { left, .. } => select_items(left),
        _ => None,
    }
}

/// How many columns from `start` on belong to the table of `t.*`.
fn qualified_width(plan: &LogicalPlan, start: usize, kind: &ast::SelectItemQualifiedWildcardKind) -> usize {
    let ast::SelectItemQualifiedWildcardKind::ObjectName(name) = kind else { return 0 };
    let Some(table) = name.0.last().and_then(|part| part.as_ident()) else { return 0 };
    let belongs = |(qualifier, _): &(Option<&TableReference>, _)| {
        qualifier.is_some_and(|qualifier| qualifier.table() == table.value)
    };
    plan.schema().iter().skip(start).take_while(belongs).count()
}

/// A table's column, as the plan names it.
struct Source {
    table: TableReference,
    alias: Option<String>,
    column: String,
    /// Its place in the table's provider.
    index: usize,
}

impl Source {
    /// The column as the catalog writes it, and what is known of its type.
    fn origin(self, tables: &Tables) -> Option<(Origin, Known)> {
        let pinned = tables.get(&self.table)?;
        // A provider has its columns in the catalog's order.
        let column =
            pinned.columns.get(self.index).filter(|column| column.name.to_lowercase() == self.column)?;
        let origin = Origin {
            database: pinned.database.clone(),
            table: pinned.table.clone(),
            alias: self.alias.unwrap_or_else(|| pinned.table.clone()),
            column: column.name.clone(),
        };
        let declared = pinned.declared.get(self.index).copied();
        let characters = pinned.max_characters.get(self.index).copied().flatten();
        let characters = characters.or_else(|| declared.and_then(MysqlType::characters));
        Some((origin, Known { characters, declared }))
    }
}

/// What a table tells of a column beyond its Arrow type.
#[derive(Clone, Copy)]
struct Known {
    /// Most characters of its texts.
    characters: Option<u32>,
    declared: Option<MysqlType>,
}

/// Follows an output column down to the table that it is a column of, where it is nothing else.
fn trace(plan: &LogicalPlan, index: usize, alias: Option<&str>) -> Option<Source> {
    match plan {
        LogicalPlan::TableScan(scan) => Some(Source {
            table: scan.table_name.clone(),
            alias: alias.map(str::to_owned),
            column: scan.projected_schema.field(index).name().clone(),
            index: scan.projection.as_ref().map_or(Some(index), |columns| columns.get(index).copied())?,
        }),
        // The outermost alias is the one that the statement uses.
        LogicalPlan::SubqueryAlias(inner) => {
            trace(&inner.input, index, alias.or_else(|| Some(inner.alias.table())))
        }
        LogicalPlan::Projection(inner) => {
            trace_expression(inner.expr.get(index)?, index, &inner.input, alias)
        }
        LogicalPlan::Aggregate(inner) => {
            trace_expression(inner.group_expr.get(index)?, index, &inner.input, alias)
        }
        LogicalPlan::Filter(inner) => trace(&inner.input, index, alias),
        LogicalPlan::Sort(inner) => trace(&inner.input, index, alias),
        LogicalPlan::Limit(inner) => trace(&inner.input, index, alias),
        LogicalPlan::Distinct(Distinct::All(input)) => trace(input, index, alias),
        LogicalPlan::Window(inner) if index < inner.input.schema().fields().len() => {
            trace(&inner.input, index, alias)
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            match join.join_type {
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                    if index < left {
                        trace(&join.left, index, alias)
                    } else {
                        trace(&join.right, index - left, alias)
                    }
                }
                JoinType::LeftSemi | JoinType::LeftAnti => trace(&join.left, index, alias),
                JoinType::RightSemi | JoinType::RightAnti => trace(&join.right, index, alias),
                JoinType::LeftMark | JoinType::RightMark => None,
            }
        }
        _ => None,
    }
}

/// `index` is the place of the expression: `*` finds each column at its own without a search.
fn trace_expression(
    expression: &Expr,
    index: usize,
    input: &LogicalPlan,
    alias: Option<&str>,
) -> Option<Source> {
    match expression {
        Expr::Alias(inner) => trace_expression(&inner.expr, index, input, alias),
        Expr::Column(column) => {
            let schema = input.schema();
            let is_there =
                index < schema.fields().len() && PlanColumn::from(schema.qualified_field(index)) == *column;
            let index = if is_there { index } else { schema.maybe_index_of_column(column)? };
            trace(input, index, alias)
        }
        _ => None,
    }
}

/// Most characters of an output column that is computed, where its expression tells.
fn computed_characters(plan: &LogicalPlan, index: usize, tables: &Tables) -> Option<u32> {
    match plan {
        LogicalPlan::Projection(inner) => characters(inner.expr.get(index)?, &inner.input, tables),
        LogicalPlan::Sort(inner) => computed_characters(&inner.input, index, tables),
        LogicalPlan::Limit(inner) => computed_characters(&inner.input, index, tables),
        LogicalPlan::SubqueryAlias(inner) => computed_characters(&inner.input, index, tables),
        LogicalPlan::Filter(inner) => computed_characters(&inner.input, index, tables),
        LogicalPlan::Distinct(Distinct::All(input)) => computed_characters(input, index, tables),
        LogicalPlan::Union(union) => {
            let sides = union.inputs.iter().map(|input| computed_characters(input, index, tables));
            sides.collect::<Option<Vec<_>>>()?.into_iter().max()
        }
        _ => None,
    }
}

/// Most characters of a text, by MySQL's rules for the types of functions.
fn characters(expression: &Expr, input: &LogicalPlan, tables: &Tables) -> Option<u32> {
    let of = |part: &Expr| characters(part, input, tables);
    let call = match expression {
        Expr::Alias(alias) => return of(&alias.expr),
        Expr::Literal(ScalarValue::Null, _) => return Some(0),
        Expr::Literal(value, _) => return u32::try_from(value.try_as_str()??.chars().count()).ok(),
        Expr::Column(column) => {
            let index = input.schema().maybe_index_of_column(column)?;
            let known = trace(input, index, None).and_then(|source| source.origin(tables)?.1.characters);
            return known.or_else(|| computed_characters(input, index, tables));
        }
        Expr::ScalarFunction(call) => call,
        _ => return None,
    };
    let arguments = call.args.as_slice();
    let number = |place: usize| match arguments.get(place)?.as_literal()?.cast_to(&DataType::Int64).ok()? {
        ScalarValue::Int64(Some(number)) => u32::try_from(number.max(0)).ok(),
        _ => None,
    };
    let widest =
        |parts: &mut dyn Iterator<Item = &Expr>| parts.map(of).collect::<Option<Vec<_>>>()?.into_iter().max();
    match (call.func.name(), arguments) {
        ("mysql_cast_char" | "lpad" | "rpad", [_, ..]) => number(1),
        ("left" | "right", [text, _]) => number(1).map(|most| of(text).map_or(most, |known| known.min(most))),
        ("substring", [text, _, _]) => number(2).map(|most| of(text).map_or(most, |known| known.min(most))),
        ("substring" | "upper" | "lower" | "trim" | "ltrim" | "rtrim" | "reverse", [text, ..]) => of(text),
        ("concat", parts) => parts.iter().try_fold(0_u32, |sum, part| sum.checked_add(of(part)?)),
        ("if", [_, then, otherwise]) => widest(&mut [then, otherwise].into_iter()),
        ("ifnull" | "coalesce", parts) => widest(&mut parts.iter()),
        ("nullif", [text, _]) => of(text),
        ("mysql_case", parts) => {
            // Conditions and results take turns; a last one alone is ELSE.
            let results = parts.iter().enumerate();
            let results = results.filter(|(place, _)| place % 2 == 1 || place + 1 == parts.len());
            widest(&mut results.map(|(_, part)| part))
        }
        _ => None,
    }
}
