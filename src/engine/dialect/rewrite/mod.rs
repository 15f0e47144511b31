//! From MySQL's syntax tree to the one that DataFusion plans: queries and what they read.
//!
//! It knows syntax: names are lower-cased, not resolved; what depends on types is decided when the query is planned.

mod collation;
mod conversion;
mod ctes;
mod expression;
mod functions;
mod grouping;
mod json_table;
mod literal;
mod outputs;
mod rows;
mod tree;
mod values;
mod variables;

pub use conversion::{row_query, stored, with_columns};
pub use grouping::{groups, has_aggregate, is_aggregate};
pub use tree::children;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Join, JoinConstraint,
    JoinOperator, LimitClause, ObjectName, ObjectNamePart, OrderBy, OrderByKind, Select, SelectFlavor,
    SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, Value, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::TokenWithSpan;

use super::Mode;
use super::front::table_name;
use super::grammar::{call, number};
use super::statement::{Heading, Query, TableName};
use super::window::Windows;
use crate::engine::error::{Error, Result};
use grouping::{check_ordinal, ordinal};

/// Rewrites the queries and expressions of one statement.
#[derive(Debug)]
pub struct Rewriter<'a> {
    sql: &'a str,
    /// The texts of each select list, by the place of its SELECT.
    items: HashMap<usize, Vec<Range<usize>>>,
    mode: Mode,
    /// The CTEs around the place that is rewritten, the nearest last.
    ctes: Vec<ctes::Cte>,
    /// How many CTEs there are so far.
    named_ctes: usize,
    /// The WINDOW clause of the SELECT that is rewritten; none where no window function may stand.
    windows: Option<Windows>,
    tables: BTreeSet<TableName>,
    /// Names of derived columns as they were written, by the same in lower case.
    written: BTreeMap<String, String>,
    /// Whether the place that is rewritten filters rows: only there DataFusion has semi joins for EXISTS.
    filters: bool,
    /// How deep the tree is at the place that is rewritten.
    depth: usize,
    /// How many expressions were made by copying others.
    copied: usize,
    /// What is assigned inside the statement, so far.
    assignments: variables::Assignments,
}

/// Whether anybody can name a query's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    /// A derived table or CTE: they keep their names, each once.
    Named,
    /// They are only shown or compared: names are made unique.
    Anonymous,
}

impl<'a> Rewriter<'a> {
    /// A rewriter for the statement with these tokens.
    pub fn new(sql: &'a str, tokens: &[TokenWithSpan], mode: Mode) -> Self {
        let items = outputs::select_lists(tokens);
        Self {
            sql,
            items,
            mode,
            ctes: Vec::new(),
            named_ctes: 0,
            windows: None,
            tables: BTreeSet::new(),
            written: BTreeMap::new(),
            filters: false,
            depth: 0,
            copied: 0,
            assignments: variables::Assignments::default(),
        }
    }

    /// Rewrites the outermost query; answers its headings.
    pub fn statement(&mut self, query: &mut ast::Query) -> Result<Vec<Heading>> {
        self.query(query, Columns::Anonymous)
    }

    /// The rewritten query with all that was noted of it.
    pub fn finish(&mut self, ast: ast::Query, headings: Vec<Heading>) -> Query {
        let tables = std::mem::take(&mut self.tables).into_iter().collect();
        let written = std::mem::take(&mut self.written);
        let any_of_group = !self.mode.only_full_group_by;
        Query { ast, headings, tables, written, page: None, any_of_group }
    }

    /// A query of one row without a table.
    pub fn select(&self, projection: Vec<SelectItem>) -> ast::Query {
        query_of(SetExpr::Select(Box::new(select_of(projection, Vec::new()))))
    }

    fn query(&mut self, query: &mut ast::Query, columns: Columns) -> Result<Vec<Heading>> {
        if query.fetch.is_some() || query.for_clause.is_some() || query.settings.is_some() {
            return Err(Error::NotSupported("FETCH, FOR XML, SETTINGS".to_owned()));
        }
        if query.format_clause.is_some() || !query.pipe_operators.is_empty() {
            return Err(Error::NotSupported("FORMAT, |>".to_owned()));
        }
        // A reader takes no locks.
        query.locks.clear();
        let outer_ctes = self.ctes.len();
        let outer_filters = std::mem::replace(&mut self.filters, false);
        if let Some(with) = &mut query.with {
            self.with(with)?;
        }
        let mut order_by = query.order_by.take();
        let headings = self.body(&mut query.body, columns, order_by.as_mut())?;
        // ORDER BY constants (NULL) orders nothing.
        query.order_by = order_by
            .filter(|order_by| !matches!(&order_by.kind, OrderByKind::Expressions(keys) if keys.is_empty()));
        if let Some(limit) = &mut query.limit_clause {
            self.limit(limit)?;
        }
        self.ctes.truncate(outer_ctes);
        self.filters = outer_filters;
        Ok(headings)
    }

    fn limit(&mut self, limit: &mut LimitClause) -> Result<()> {
        let counts: Vec<&mut Expr> = match limit {
            LimitClause::LimitOffset { limit_by, .. } if !limit_by.is_empty() => {
                return Err(Error::NotSupported("LIMIT BY".to_owned()));
            }
            LimitClause::LimitOffset { limit, offset, .. } => {
                limit.iter_mut().chain(offset.as_mut().map(|offset| &mut offset.value)).collect()
            }
            LimitClause::OffsetCommaLimit { offset, limit } => vec![offset, limit],
        };
        for count in counts {
            // All rows from the sixth on are `LIMIT 5, 18446744073709551615`; DataFusion counts in 63 bits.
            if ordinal(count).is_some_and(|digits| digits.parse::<u64>().is_ok_and(|count| count > ROWS_MAX))
            {
                *count = number(ROWS_MAX);
            }
            match count {
                Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {}
                count if ordinal(count).is_some() => {}
                other => return Err(Error::Invalid(format!("LIMIT takes a number of rows, not {other}"))),
            }
        }
        Ok(())
    }

    fn body(
        &mut self,
        body: &mut SetExpr,
        columns: Columns,
        order_by: Option<&mut OrderBy>,
    ) -> Result<Vec<Heading>> {
        if let SetExpr::Table(table) = body {
            let name: Vec<Ident> =
                table.schema_name.iter().chain(&table.table_name).map(Ident::new).collect();
            let select = select_of(
                vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())],
                vec![TableWithJoins { relation: table_factor(ObjectName::from(name)), joins: Vec::new() }],
            );
            *body = SetExpr::Select(Box::new(select));
        }
        match body {
            SetExpr::Select(select) => {
                let keys = match order_by.map(|order_by| &mut order_by.kind) {
                    Some(OrderByKind::Expressions(keys)) => Some(keys),
                    Some(OrderByKind::All(_)) => return Err(Error::NotSupported("ORDER BY ALL".to_owned())),
                    None => None,
                };
                self.outputs(select, columns, keys)
            }
            SetExpr::Query(query) => {
                let headings = self.query(query, columns)?;
                self.order_keys(order_by, &headings)?;
                Ok(headings)
            }
            SetExpr::SetOperation { left, right, .. } => {
                let headings = self.body(left, columns, None)?;
                self.body(right, Columns::Anonymous, None)?;
                self.order_keys(order_by, &headings)?;
                Ok(headings)
            }
            SetExpr::Values(values) => {
                if let Some(united) = values::united(values)? {
                    *body = united;
                    return self.body(body, columns, order_by);
                }
                if columns == Columns::Named || order_by.is_some() {
                    *body = values::named(taken(values));
                    return self.body(body, columns, order_by);
                }
                let width = values.rows.first().map_or(0, |row| row.content.len());
                for row in &mut values.rows {
                    row.content.iter_mut().try_for_each(|value| self.expression(value))?;
                }
                Ok((0..width).map(|column| Heading::Text(format!("column_{column}"))).collect())
            }
            SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_)
            | SetExpr::Table(_) => Err(Error::NotSupported("a write inside a query".to_owned())),
        }
    }

    /// ORDER BY over what UNION put together: names and ordinals of its columns.
    fn order_keys(&mut self, order_by: Option<&mut OrderBy>, headings: &[Heading]) -> Result<()> {
        let Some(order_by) = order_by else { return Ok(()) };
        let OrderByKind::Expressions(keys) = &mut order_by.kind else {
            return Err(Error::NotSupported("ORDER BY ALL".to_owned()));
        };
        for key in keys {
            if let Expr::CompoundIdentifier(path) = &key.expr {
                let table = path.iter().rev().nth(1).map(|table| table.value.clone());
                return Err(Error::TableOfUnion(table.unwrap_or_default()));
            }
            check_ordinal(&key.expr, headings.len(), headings.contains(&Heading::Wildcard))?;
            self.expression(&mut key.expr)?;
        }
        Ok(())
    }

    /// FROM: tables are noted, names lower-cased, hints dropped.
    fn from(&mut self, from: &mut Vec<TableWithJoins>) -> Result<()> {
        from.retain(|item| !(item.joins.is_empty() && is_dual(&item.relation)));
        from.iter_mut().try_for_each(|item| self.joins(item))
    }

    fn joins(&mut self, item: &mut TableWithJoins) -> Result<()> {
        turn_right_joins(item);
        self.table_factor(&mut item.relation)?;
        for join in &mut item.joins {
            self.table_factor(&mut join.relation)?;
            self.join(join)?;
        }
        Ok(())
    }

    fn join(&mut self, join: &mut Join) -> Result<()> {
        join.join_operator = match std::mem::replace(&mut join.join_operator, JoinOperator::CrossApply) {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::StraightJoin(constraint) => match self.constraint(constraint)? {
                JoinConstraint::None => JoinOperator::CrossJoin(JoinConstraint::None),
                constraint => JoinOperator::Inner(constraint),
            },
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                JoinOperator::Left(self.constraint(constraint)?)
            }
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                JoinOperator::Right(self.constraint(constraint)?)
            }
            _ => return Err(Error::NotSupported("this kind of join".to_owned())),
        };
        Ok(())
    }

    fn constraint(&mut self, constraint: JoinConstraint) -> Result<JoinConstraint> {
        Ok(match constraint {
            JoinConstraint::On(mut condition) => {
                self.condition(&mut condition)?;
                JoinConstraint::On(condition)
            }
            JoinConstraint::Using(mut columns) => {
                columns.iter_mut().for_each(lower_name);
                JoinConstraint::Using(columns)
            }
            other => other,
        })
    }

    fn table_factor(&mut self, factor: &mut TableFactor) -> Result<()> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                partitions,
                index_hints,
                sample,
                ..
            } => {
                if version.is_some() || sample.is_some() {
                    return Err(Error::NotSupported("table versions".to_owned()));
                }
                if !partitions.is_empty() {
                    return Err(Error::NotPartitioned);
                }
                index_hints.clear();
                with_hints.clear();
                let table = table_name(name)?;
                let cte = match table.database {
                    None => ctes::nearest(&self.ctes, &table.table),
                    Some(_) => None,
                };
                let is_cte = cte.is_some();
                if let Some(args) = args {
                    for argument in &mut args.args {
                        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument {
                            self.expression(value)?;
                        }
                    }
                } else if !is_cte {
                    self.tables.insert(table);
                }
                lower_name(name);
                if let Some(alias) = alias {
                    lower_alias(alias);
                }
                if let Some(cte) = cte {
                    cte.refer(name, alias);
                }
                Ok(())
            }
            TableFactor::Derived { subquery, alias, .. } => {
                // `AS t (a, b)` gives the columns other names than they had.
                let renamed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
                self.query(subquery, if renamed { Columns::Anonymous } else { Columns::Named })?;
                lower_alias(alias.as_mut().ok_or(Error::DerivedWithoutAlias)?);
                Ok(())
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => self.joins(table_with_joins),
            TableFactor::JsonTable { json_expr, json_path, columns, alias } => {
                let document = std::mem::replace(json_expr, number(0));
                *factor = self.json_table(document, json_path, columns, alias.take())?;
                Ok(())
            }
            _ => Err(Error::NotSupported("this kind of table".to_owned())),
        }
    }
}

/// More rows than any answer has; LIMIT and OFFSET together are still a number of DataFusion's.
const ROWS_MAX: u64 = i64::MAX as u64 / 2;

/// The rows of VALUES, of which none stay.
fn taken(values: &mut ast::Values) -> ast::Values {
    ast::Values { rows: std::mem::take(&mut values.rows), ..values.clone() }
}

/// `a RIGHT JOIN b USING (k)` is `b LEFT JOIN a USING (k)`: `k` is that of the side whose rows all stay, and its columns
/// come first.
fn turn_right_joins(item: &mut TableWithJoins) {
    for place in (0..item.joins.len()).rev() {
        let constraint = match &item.joins[place].join_operator {
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => constraint.clone(),
            _ => continue,
        };
        if !matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            continue;
        }
        let after = item.joins.split_off(place + 1);
        let Some(Join { relation: right, global, .. }) = item.joins.pop() else { return };
        let before = TableWithJoins { relation: right, joins: Vec::new() };
        let mut left = std::mem::replace(item, before);
        turn_right_joins(&mut left);
        let relation = match left.joins.is_empty() {
            true => left.relation,
            false => TableFactor::NestedJoin { table_with_joins: Box::new(left), alias: None },
        };
        item.joins.push(Join { relation, global, join_operator: JoinOperator::Left(constraint) });
        item.joins.extend(after);
        return;
    }
}

/// The only row that needs no table.
fn is_dual(factor: &TableFactor) -> bool {
    matches!(factor, TableFactor::Table { name, .. } if matches!(
        name.0.as_slice(),
        [ObjectNamePart::Identifier(ident)] if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("dual")
    ))
}

/// Names are case-insensitive: inside the engine they are in lower case.
fn lower(ident: &mut Ident) {
    if ident.value.chars().any(char::is_uppercase) {
        ident.value = ident.value.to_lowercase();
    }
}

fn lower_name(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            lower(ident);
        }
    }
}

fn lower_alias(alias: &mut TableAlias) {
    lower(&mut alias.name);
    alias.columns.iter_mut().for_each(|column| lower(&mut column.name));
}

fn table_factor(name: ObjectName) -> TableFactor {
    TableFactor::Table {
        name,
        alias: None,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// A scalar subquery that counts the rows of a query, rewritten before.
fn count_of(mut query: ast::Query) -> Expr {
    let count = || {
        let expr = call("count", Vec::new());
        SelectItem::ExprWithAlias { expr: counted_rows(expr), alias: Ident::with_quote('`', "count") }
    };
    // The rows of a plain SELECT are counted where they are, so that it may name columns from outside.
    let plain = match query.body.as_mut() {
        SetExpr::Select(select) => {
            select.distinct.is_none()
                && select.having.is_none()
                && !select.from.is_empty()
                && !groups(select, &[])
        }
        _ => false,
    };
    match query.body.as_mut() {
        SetExpr::Select(select) if plain && query.with.is_none() && query.limit_clause.is_none() => {
            select.projection = vec![count()];
            query.order_by = None;
        }
        _ => {
            let alias =
                TableAlias { explicit: true, name: Ident::new("rows"), columns: Vec::new(), at: None };
            let relation = TableFactor::Derived {
                lateral: false,
                subquery: Box::new(query),
                alias: Some(alias),
                sample: None,
            };
            let from = vec![TableWithJoins { relation, joins: Vec::new() }];
            query = query_of(SetExpr::Select(Box::new(select_of(vec![count()], from))));
        }
    }
    Expr::Subquery(Box::new(query))
}

/// COUNT(*) of a COUNT without arguments.
fn counted_rows(mut count: Expr) -> Expr {
    if let Expr::Function(function) = &mut count
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    count
}

/// VALUES; nothing of it is rewritten yet.
pub fn rows(rows: Vec<Vec<Expr>>) -> ast::Query {
    let rows = rows.into_iter().map(ast::Parens::with_empty_span).collect();
    query_of(SetExpr::Values(ast::Values { explicit_row: false, value_keyword: false, rows }))
}

fn query_of(body: SetExpr) -> ast::Query {
    ast::Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

fn select_of(projection: Vec<SelectItem>, from: Vec<TableWithJoins>) -> Select {
    Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    }
}

/// A query of one row and one column: the value of an expression that was rewritten before.
pub fn query_of_expression(expression: Expr) -> ast::Query {
    query_of(SetExpr::Select(Box::new(select_of(vec![SelectItem::UnnamedExpr(expression)], Vec::new()))))
}
