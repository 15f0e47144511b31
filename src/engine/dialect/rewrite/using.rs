//! `SELECT *` over joins with USING: a column that two tables share is shown once, first, and is the left table's.
//!
//! It knows syntax. DataFusion shows the column of the table whose name sorts first, which a LEFT JOIN may have no row of.

use sqlparser::ast::{
    ExceptSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, TableWithJoins, WildcardAdditionalOptions,
};

use super::super::statement::Heading;
use crate::engine::error::{Error, Result};

/// Writes out the `*` of a select list, and their headings, where tables are joined with USING.
pub fn write_out(select: &mut Select, headings: &mut Vec<Heading>) -> Result<()> {
    let joins = Joins::of(&select.from);
    if !joins.shares || !headings.contains(&Heading::Wildcard) {
        return Ok(());
    }
    // Next to a wildcard that stands for some of the same columns they are told apart when the columns are known.
    let alone = headings.iter().filter(|heading| **heading == Heading::Wildcard).count() == 1;
    let parts: Option<Vec<Vec<Part>>> = select.from.iter().filter(|_| alone).map(parts).collect();
    let Some(parts) = parts.map(|parts| parts.concat()).filter(|parts| !parts.is_empty()) else {
        return match joins.keeps_one_side {
            true => Err(Error::NotSupported("SELECT * of such a LEFT JOIN; name its columns".to_owned())),
            false => Ok(()),
        };
    };
    let items = std::mem::take(&mut select.projection).into_iter().zip(std::mem::take(headings));
    for (item, heading) in items {
        if matches!(item, SelectItem::Wildcard(_)) {
            for part in &parts {
                let (item, heading) = part.item();
                select.projection.push(item);
                headings.push(heading);
            }
        } else {
            select.projection.push(item);
            headings.push(heading);
        }
    }
    Ok(())
}

/// What joins there are.
#[derive(Clone, Copy, Default)]
struct Joins {
    /// Some with USING or NATURAL.
    shares: bool,
    /// Such a LEFT JOIN.
    keeps_one_side: bool,
}

impl Joins {
    fn of(from: &[TableWithJoins]) -> Self {
        let mut joins = Self::default();
        for item in from {
            for factor in std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
            {
                if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
                    let inside = Self::of(std::slice::from_ref(table_with_joins));
                    joins.shares |= inside.shares;
                    joins.keeps_one_side |= inside.keeps_one_side;
                }
            }
            for join in &item.joins {
                let shares = matches!(
                    constraint(&join.join_operator),
                    Some(JoinConstraint::Using(_) | JoinConstraint::Natural)
                );
                joins.shares |= shares;
                joins.keeps_one_side |= shares && !matches!(join.join_operator, JoinOperator::Inner(_));
            }
        }
        joins
    }
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::Right(constraint) => Some(constraint),
        _ => None,
    }
}

/// A part of what `*` stands for.
#[derive(Clone, Debug)]
enum Part {
    /// A shared column, of the table with this name.
    Column(Vec<Ident>, Ident),
    /// The columns of a table but for some.
    Rest(Vec<Ident>, Vec<Ident>),
}

impl Part {
    fn item(&self) -> (SelectItem, Heading) {
        match self {
            Self::Column(table, column) => {
                let path = table.iter().chain([column]).cloned().collect();
                let item = SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path));
                (item, Heading::Expanded(column.value.clone()))
            }
            Self::Rest(table, except) => {
                let mut except = except.iter().cloned();
                let opt_except = except.next().map(|first_element| ExceptSelectItem {
                    first_element,
                    additional_elements: except.collect(),
                });
                let kind = SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(table.clone()));
                let options =
                    WildcardAdditionalOptions { opt_except, ..WildcardAdditionalOptions::default() };
                (SelectItem::QualifiedWildcard(kind, options), Heading::Wildcard)
            }
        }
    }
}

/// What `*` stands for; `None` where that depends on which tables have a column.
fn parts(item: &TableWithJoins) -> Option<Vec<Part>> {
    let mut parts = of_table(&item.relation)?;
    for join in &item.joins {
        let right = of_table(&join.relation)?;
        match constraint(&join.join_operator) {
            Some(JoinConstraint::Using(columns)) => {
                let columns = columns.iter().map(|column| column.0.last()?.as_ident().cloned());
                let columns = columns.collect::<Option<Vec<Ident>>>()?;
                let shared =
                    columns.iter().map(|column| source(&parts, column)).collect::<Option<Vec<_>>>()?;
                let left = without(parts, &columns)?;
                parts = [shared, left, without(right, &columns)?].concat();
            }
            Some(JoinConstraint::Natural) => return None,
            _ => parts.extend(right),
        }
    }
    Some(parts)
}

fn of_table(factor: &TableFactor) -> Option<Vec<Part>> {
    let name = match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            vec![alias.name.clone()]
        }
        TableFactor::Table { name, .. } => {
            name.0.iter().map(|part| part.as_ident().cloned()).collect::<Option<_>>()?
        }
        TableFactor::NestedJoin { table_with_joins, .. } => return parts(table_with_joins),
        _ => return None,
    };
    Some(vec![Part::Rest(name, Vec::new())])
}

/// The table that a column is of.
fn source(parts: &[Part], column: &Ident) -> Option<Part> {
    let shared =
        parts.iter().find(|part| matches!(part, Part::Column(_, name) if name.value == column.value));
    let mut tables = parts.iter().filter_map(|part| match part {
        Part::Rest(table, _) => Some(table),
        Part::Column(..) => None,
    });
    match (shared, tables.next(), tables.next()) {
        (Some(part), ..) => Some(part.clone()),
        (None, Some(table), None) => Some(Part::Column(table.clone(), column.clone())),
        _ => None,
    }
}

/// The parts without some columns.
fn without(mut parts: Vec<Part>, columns: &[Ident]) -> Option<Vec<Part>> {
    let tables = parts.iter().filter(|part| matches!(part, Part::Rest(..))).count();
    for column in columns {
        let before = parts.len();
        parts.retain(|part| !matches!(part, Part::Column(_, name) if name.value == column.value));
        if parts.len() < before {
            continue;
        }
        if tables != 1 {
            return None;
        }
        for part in &mut parts {
            if let Part::Rest(_, except) = part {
                except.push(column.clone());
            }
        }
    }
    Some(parts)
}
