//! Names whose meaning depends on which columns tables have: those of NATURAL JOIN and USING, aliases in ORDER BY and
//! GROUP BY, and what may be any value of a group.
//!
//! A join by names becomes one with ON, a shared column's name without a table means the column of the table whose rows
//! all stay, and `*` shows it once, first. (DataFusion takes the table whose name sorts first, which a LEFT JOIN may have
//! no row of, and finds the name ambiguous in WHERE.) A name inside of an expression of ORDER BY means a column before it
//! means an alias. This module must not know what the columns hold.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::DFSchemaRef;
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Cte, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, OrderBy,
    OrderByExpr, OrderByKind, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
    TableWithJoins, Value, Visit, VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions, With,
    visit_expressions, visit_expressions_mut,
};

use super::dialect::statement::{Heading, Query};
use super::error::{Error, Result};
use super::names::visible_name;
use super::nearest::Hint;
use super::planner::Tables;
use super::{dialect, ungrouped, wildcards};

/// Whether a query has such names.
pub fn depend(query: &Query) -> bool {
    struct Depends {
        any_of_group: bool,
    }

    impl Visitor for Depends {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            let depends = shares_in(&select.from)
                || !aggregates_as_keys(select).is_empty()
                || self.any_of_group && dialect::groups(select, &[]);
            if depends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
            let SetExpr::Select(select) = &*query.body else { return ControlFlow::Continue(()) };
            let order_by = query.order_by.as_ref();
            let depends = !hidden(select, order_by).is_empty()
                || self.any_of_group && dialect::groups(select, keys_of(order_by));
            if depends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    query.ast.visit(&mut Depends { any_of_group: query.any_of_group }).is_break()
}

fn keys_of(order_by: Option<&OrderBy>) -> &[OrderByExpr] {
    match order_by {
        Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) => keys,
        _ => &[],
    }
}

/// The aliases of aggregates that are keys of GROUP BY: they are columns there, or an error.
fn aggregates_as_keys(select: &Select) -> Vec<String> {
    let is_key = |alias: &str| {
        ungrouped::keys(select).any(|key| matches!(key, Expr::Identifier(column) if column.value == alias))
    };
    let aggregates = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } if is_key(&alias.value) && dialect::has_aggregate(expr) => {
            Some(alias.value.clone())
        }
        _ => None,
    });
    aggregates.collect()
}

/// The outputs of a select list that hide what an expression of ORDER BY may mean: aliases, and beside several tables
/// the columns of one of them.
fn hidden(select: &Select, order_by: Option<&OrderBy>) -> Vec<String> {
    let keys = keys_of(order_by);
    let named = |name: &str| {
        keys.iter().any(|key| !matches!(key.expr, Expr::Identifier(_)) && Named(name).is_in(&key.expr))
    };
    let unnamed = |column: &str| {
        let is_column = |part: &Expr| matches!(part, Expr::Identifier(name) if name.value == column);
        keys.iter().any(|key| {
            !is_column(&key.expr)
                && visit_expressions(&key.expr, |part| match is_column(part) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                })
                .is_break()
        })
    };
    let joins = select.from.len() > 1 || select.from.iter().any(|item| !item.joins.is_empty());
    let hides = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) if joins => {
            path.last().map(|column| column.value.clone()).filter(|column| unnamed(column))
        }
        item => wildcards::alias(item).filter(|alias| named(alias)),
    };
    select.projection.iter().filter_map(hides).collect()
}

/// A column's name, with a table before it or not.
struct Named<'a>(&'a str);

impl Named<'_> {
    fn is_in(&self, expression: &Expr) -> bool {
        let name = self.0;
        visit_expressions(expression, |part| match part {
            Expr::Identifier(column) if column.value == name => ControlFlow::Break(()),
            Expr::CompoundIdentifier(path) if path.last().is_some_and(|column| column.value == name) => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        })
        .is_break()
    }
}

fn shares_in(from: &[TableWithJoins]) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => shares_in(std::slice::from_ref(table_with_joins)),
        _ => false,
    };
    let shares = |join: &Join| {
        matches!(constraint(&join.join_operator), Some(JoinConstraint::Using(_) | JoinConstraint::Natural))
            || nested(&join.relation)
    };
    from.iter().any(|item| nested(&item.relation) || item.joins.iter().any(shares))
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::Right(constraint) => Some(constraint),
        _ => None,
    }
}

/// Writes such joins with ON. `plan` plans a query, for the columns of what is no table.
pub fn write_out(
    query: &mut Query,
    tables: &Tables,
    plan: impl Fn(&Query) -> Result<DFSchemaRef>,
) -> Result<()> {
    let mut ast = query.ast.clone();
    let mut headings = query.headings.clone();
    let any_of_group = query.any_of_group;
    let mut resolver = Resolver {
        tables,
        plan: &plan,
        any_of_group,
        ctes: Vec::new(),
        recursive: false,
        scopes: Vec::new(),
    };
    resolver.query(&mut ast, Columns::Shown(&mut headings))?;
    query.ast = ast;
    query.headings = headings;
    Ok(())
}

/// A column of a joined row.
#[derive(Clone, Debug)]
struct Column {
    table: Vec<Ident>,
    /// In lower case.
    name: String,
    /// Whether it stands for those of other tables too.
    is_shared: bool,
}

impl Column {
    fn path(&self) -> Vec<Ident> {
        self.table.iter().cloned().chain([Ident::with_quote('`', &self.name)]).collect()
    }
}

/// What names mean in one SELECT.
#[derive(Debug, Default)]
struct Scope {
    /// What `*` shows.
    row: Vec<Column>,
    /// The tables, with all their columns.
    tables: Vec<Vec<Column>>,
    /// The same, as they are written: what LATERAL may see.
    from: Vec<TableFactor>,
    /// Whether the columns must be known: some are shared here or in a query outside.
    counts: bool,
    /// Names in the select list that hide columns for the clauses behind it.
    aliases: HashSet<String>,
}

/// Who names the columns of a query.
enum Columns<'a> {
    /// The client: these are their headings.
    Shown(&'a mut Vec<Heading>),
    /// The query around a derived table or CTE.
    Named,
    /// Nobody.
    Anonymous,
}

struct Resolver<'a> {
    tables: &'a Tables,
    plan: &'a dyn Fn(&Query) -> Result<DFSchemaRef>,
    /// Whether a column that is not grouped shows any of its group's values.
    any_of_group: bool,
    /// Those that may be named at this place.
    ctes: Vec<Cte>,
    recursive: bool,
    /// Those of the SELECTs around this place, the nearest last.
    scopes: Vec<Scope>,
}

impl Resolver<'_> {
    fn query(&mut self, query: &mut ast::Query, columns: Columns<'_>) -> Result<()> {
        let outside = self.ctes.len();
        if let Some(with) = &mut query.with {
            self.recursive |= with.recursive;
            for cte in &mut with.cte_tables {
                // It may name itself.
                self.ctes.extend(with.recursive.then(|| cte.clone()));
                self.query(&mut cte.query, Columns::Named)?;
                if with.recursive {
                    self.ctes.pop();
                }
                self.ctes.push(cte.clone());
            }
        }
        self.body(&mut query.body, query.order_by.as_mut(), columns)?;
        self.ctes.truncate(outside);
        Ok(())
    }

    fn body(
        &mut self,
        body: &mut SetExpr,
        order_by: Option<&mut OrderBy>,
        columns: Columns<'_>,
    ) -> Result<()> {
        match body {
            SetExpr::Select(select) => self.select(select, order_by, columns),
            SetExpr::Query(query) => self.query(query, columns),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, None, columns)?;
                self.body(right, None, Columns::Anonymous)
            }
            other => self.names(other),
        }
    }

    fn select(
        &mut self,
        select: &mut Select,
        mut order_by: Option<&mut OrderBy>,
        columns: Columns<'_>,
    ) -> Result<()> {
        let hidden = match columns {
            Columns::Named => Vec::new(),
            _ => hidden(select, order_by.as_deref()),
        };
        let loose = self.any_of_group && dialect::groups(select, keys_of(order_by.as_deref()));
        let aggregates = aggregates_as_keys(select);
        let counts = loose
            || shares_in(&select.from)
            || !hidden.is_empty()
            || !aggregates.is_empty()
            || self.scopes.iter().any(|scope| scope.row.iter().any(|column| column.is_shared));
        self.scopes.push(Scope { counts, ..Scope::default() });
        for item in &mut select.from {
            let row = self.joins(item)?;
            self.scope().row.extend(row);
        }
        let row = &self.scope().row;
        if let Some(key) = aggregates.into_iter().find(|key| row.iter().all(|column| column.name != *key)) {
            return Err(Error::GroupKey(key));
        }
        let is_named = matches!(columns, Columns::Named);
        let has_all = select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)));
        if loose || has_all && row.iter().any(|column| column.is_shared) {
            self.expand(select, columns)?;
        }
        self.names(&mut select.projection)?;
        self.names(&mut select.selection)?;
        for alias in hidden {
            self.rename(&alias, select, order_by.as_deref_mut());
        }
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            self.names(keys)?;
        }
        self.scope().aliases = select.projection.iter().filter_map(wildcards::alias).collect();
        self.names(&mut select.having)?;
        let keys = match order_by {
            Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) => keys.as_mut_slice(),
            _ => &mut [],
        };
        for key in keys.iter_mut() {
            self.names(&mut key.expr)?;
        }
        if loose {
            ungrouped::take_any_value(select, keys, is_named, &|path| self.column(path))?;
        }
        self.scopes.pop();
        Ok(())
    }

    /// The column of the SELECT that is read, with its table, that a name or a path means; None where it is no column
    /// of it, or could be several.
    fn column(&self, path: &[Ident]) -> Option<Vec<Ident>> {
        let scope = self.scopes.last()?;
        let (name, table) = path.split_last()?;
        let is_of = |column: &&Column| {
            column.name == name.value
                && column
                    .table
                    .iter()
                    .rev()
                    .zip(table.iter().rev())
                    .all(|(one, other)| one.value == other.value)
        };
        let columns = scope.tables.iter().flatten().filter(is_of);
        let mut columns: Vec<&Column> = match table {
            [] => scope.row.iter().filter(is_of).collect(),
            _ => columns.collect(),
        };
        columns.dedup_by(|one, other| one.path() == other.path());
        match columns.as_slice() {
            [column] => Some(column.path()),
            _ => None,
        }
    }

    /// Gives an alias a name that no column has, and lets what means the alias name it so.
    fn rename(&mut self, alias: &str, select: &mut Select, order_by: Option<&mut OrderBy>) {
        let mut used = select.projection.iter().filter_map(wildcards::alias).collect();
        let name = Ident::with_quote('`', wildcards::unused(alias, &mut used));
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias: ident, .. } if ident.value == alias => {
                    *ident = name.clone();
                }
                SelectItem::UnnamedExpr(expr @ Expr::CompoundIdentifier(_))
                    if is_column_named(expr, alias) =>
                {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: name.clone() };
                }
                _ => {}
            }
        }
        let is_column = self.scope().row.iter().any(|column| column.name == alias);
        let rename = |expression: &mut Expr, is_key: bool| {
            let is_alias = |part: &Expr| matches!(part, Expr::Identifier(column) if column.value == alias);
            if is_key && is_alias(expression) {
                *expression = Expr::Identifier(name.clone());
            } else if !is_column {
                let _ = visit_expressions_mut(expression, |part| {
                    if is_alias(part) {
                        *part = Expr::Identifier(name.clone());
                    }
                    ControlFlow::<()>::Continue(())
                });
            }
        };
        if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = order_by {
            keys.iter_mut().for_each(|key| rename(&mut key.expr, true));
        }
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            keys.iter_mut().for_each(|key| rename(key, false));
        }
        if let Some(having) = &mut select.having {
            rename(having, false);
        }
    }

    fn scope(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("a SELECT is being read")
    }

    /// Puts its columns in the place of `*`.
    fn expand(&mut self, select: &mut Select, columns: Columns<'_>) -> Result<()> {
        let scope = self.scope();
        let mut unseen = vec![Heading::Wildcard; select.projection.len()];
        let headings = match columns {
            Columns::Shown(headings) => headings,
            Columns::Named | Columns::Anonymous => &mut unseen,
        };
        let (items, written) = wildcards::expand(select, headings, |item| {
            let columns = match item {
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let named = |table: &&Vec<Column>| {
                        let path = table.first().map(|column| column.table.as_slice()).unwrap_or_default();
                        path.last().map(|ident| &ident.value)
                            == name.0.last().and_then(|part| part.as_ident()).map(|ident| &ident.value)
                    };
                    scope.tables.iter().find(named).map(Vec::as_slice).unwrap_or_default()
                }
                _ => &scope.row,
            };
            Ok(columns.iter().map(Column::path).collect())
        })?;
        select.projection = items;
        *headings = written;
        Ok(())
    }

    /// Tables that are joined; answers what `*` shows of them.
    fn joins(&mut self, item: &mut TableWithJoins) -> Result<Vec<Column>> {
        let mut row = self.factor(&mut item.relation)?;
        for join in &mut item.joins {
            let right = self.beside(&row, |resolver| resolver.factor(&mut join.relation))?;
            let operator = &mut join.join_operator;
            let shared: Option<Vec<String>> = match constraint(operator) {
                Some(JoinConstraint::Natural) => {
                    let is_shared = |column: &&Column| right.iter().any(|other| other.name == column.name);
                    Some(row.iter().filter(is_shared).map(|column| column.name.clone()).collect())
                }
                Some(JoinConstraint::Using(columns)) => Some(
                    columns
                        .iter()
                        .filter_map(|name| name.0.last()?.as_ident().map(|ident| ident.value.clone()))
                        .collect(),
                ),
                _ => None,
            };
            let Some(shared) = shared else {
                row.extend(right);
                self.beside(&row, |resolver| resolver.names(operator))?;
                continue;
            };
            let condition = equal(&shared, &row, &right)?;
            row = shown_once(&shared, row, right);
            *operator = match (condition, &*operator) {
                (None, JoinOperator::Inner(_)) => JoinOperator::CrossJoin(JoinConstraint::None),
                (condition, JoinOperator::Inner(_)) => JoinOperator::Inner(on(condition)),
                (condition, _) => JoinOperator::Left(on(condition)),
            };
        }
        Ok(row)
    }

    /// Reads what sees the tables that are joined so far.
    fn beside<R>(&mut self, row: &[Column], read: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let before = self.scope().row.len();
        self.scope().row.extend_from_slice(row);
        let result = read(self);
        self.scope().row.truncate(before);
        result
    }

    /// One table of FROM; answers its columns, where they count.
    fn factor(&mut self, factor: &mut TableFactor) -> Result<Vec<Column>> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => return self.joins(table_with_joins),
            TableFactor::Derived { lateral, subquery, .. } => {
                // Only LATERAL sees the tables before it.
                let own = (!*lateral).then(|| self.scopes.pop()).flatten();
                let resolved = self.query(subquery, Columns::Named);
                self.scopes.extend(own);
                resolved?;
            }
            _ => {}
        }
        if !self.scope().counts {
            return Ok(Vec::new());
        }
        let table = table_path(factor);
        let columns = self.columns_of(factor)?.into_iter();
        let columns: Vec<Column> =
            columns.map(|name| Column { table: table.clone(), name, is_shared: false }).collect();
        let scope = self.scope();
        scope.from.push(factor.clone());
        scope.tables.push(columns.clone());
        Ok(columns)
    }

    /// The names of a table's columns.
    fn columns_of(&self, factor: &TableFactor) -> Result<Vec<String>> {
        if let TableFactor::Table { name, args: None, alias, .. } = factor {
            let is_cte = matches!(name.0.as_slice(), [part]
                if self.ctes.iter().any(|cte| Some(&cte.alias.name) == part.as_ident()));
            let is_renamed = alias.as_ref().is_some_and(|alias| !alias.columns.is_empty());
            if let Some(columns) = self.tables.columns_of(name).filter(|_| !is_cte && !is_renamed) {
                return Ok(columns.iter().map(|column| column.name.to_lowercase()).collect());
            }
        }
        let lateral = matches!(factor, TableFactor::Derived { lateral: true, .. });
        let before = self.scopes.last().filter(|_| lateral).map(|scope| scope.from.as_slice());
        let from = before.unwrap_or_default().iter().chain([factor]);
        let from = from.map(|relation| TableWithJoins { relation: relation.clone(), joins: Vec::new() });
        let all = WildcardAdditionalOptions::default();
        let item = match before {
            None => SelectItem::Wildcard(all),
            Some(_) => SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(table_path(factor).into()),
                all,
            ),
        };
        let mut query = dialect::value_query(Expr::Value(Value::Null.into()));
        query.headings = vec![Heading::Wildcard];
        if let SetExpr::Select(select) = &mut *query.ast.body {
            select.projection = vec![item];
            select.from = from.collect();
        }
        query.ast.with = (!self.ctes.is_empty()).then(|| With {
            with_token: ast::helpers::attached_token::AttachedToken::empty(),
            recursive: self.recursive,
            cte_tables: self.ctes.clone(),
        });
        match (self.plan)(&query) {
            Ok(schema) => Ok(schema.fields().iter().map(|field| field.name().clone()).collect()),
            // In a query inside of another one its columns may be from there.
            Err(Error::UnknownColumn { .. }) if self.scopes.len() > 1 => Err(Error::NotSupported(
                "names that depend on a derived table's columns where it uses columns from outside"
                    .to_owned(),
            )),
            Err(error) => Err(error),
        }
    }

    /// Reads names, and queries, in a part of the tree.
    fn names(&mut self, part: &mut impl VisitMut) -> Result<()> {
        match part.visit(&mut Names { resolver: self, depth: 0 }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }

    /// The shared column that a name means, where it means one.
    fn shared(&self, name: &str) -> Option<Expr> {
        let own = self.scopes.last()?;
        if own.aliases.contains(name) {
            return None;
        }
        let nearest = self.scopes.iter().rev().find_map(|scope| {
            let columns: Vec<&Column> = scope.row.iter().filter(|column| column.name == name).collect();
            (!columns.is_empty()).then_some(columns)
        })?;
        match nearest.as_slice() {
            [column] if column.is_shared => Some(Expr::CompoundIdentifier(column.path())),
            _ => None,
        }
    }
}

/// A walk over expressions that leaves queries inside of them to the resolver.
struct Names<'a, 'b> {
    resolver: &'a mut Resolver<'b>,
    depth: usize,
}

impl VisitorMut for Names<'_, '_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<Error> {
        if self.depth == 0
            && let Err(error) = self.resolver.query(query, Columns::Anonymous)
        {
            return ControlFlow::Break(error);
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<Error> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Error> {
        if self.depth == 0
            && let Expr::Identifier(name) = expression
            && let Some(column) = self.resolver.shared(&name.value)
        {
            *expression = column;
        }
        ControlFlow::Continue(())
    }
}

fn is_column_named(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::CompoundIdentifier(path) if path.last().is_some_and(|last| last.value == name))
}

/// What columns of a table are qualified with.
fn table_path(factor: &TableFactor) -> Vec<Ident> {
    match factor {
        TableFactor::Table { name, alias: None, .. } => {
            name.0.iter().filter_map(|part| part.as_ident().cloned()).collect()
        }
        other => visible_name(other).map(|name| Ident::with_quote('`', name)).into_iter().collect(),
    }
}

/// The only column of a name.
fn only<'a>(row: &'a [Column], name: &str) -> Result<&'a Column> {
    let clause = || "from clause".to_owned();
    let mut named = row.iter().filter(|column| column.name == name);
    match (named.next(), named.next()) {
        (Some(column), None) => Ok(column),
        (None, _) => {
            Err(Error::UnknownColumn { column: name.to_owned(), clause: clause(), hint: Hint::default() })
        }
        _ => Err(Error::AmbiguousColumn { column: name.to_owned(), clause: clause() }),
    }
}

/// That what two sides share is equal.
fn equal(shared: &[String], left: &[Column], right: &[Column]) -> Result<Option<Expr>> {
    let mut condition = None;
    for name in shared {
        let column = |row| Ok::<_, Error>(Box::new(Expr::CompoundIdentifier(only(row, name)?.path())));
        let one = Expr::BinaryOp { left: column(left)?, op: BinaryOperator::Eq, right: column(right)? };
        condition = Some(match condition {
            None => one,
            Some(before) => {
                Expr::BinaryOp { left: Box::new(before), op: BinaryOperator::And, right: Box::new(one) }
            }
        });
    }
    Ok(condition)
}

/// The row of both sides: what they share, in the order of the left side, and what each has for itself.
fn shown_once(shared: &[String], left: Vec<Column>, right: Vec<Column>) -> Vec<Column> {
    let is_shared = |column: &Column| shared.contains(&column.name);
    let (common, rest): (Vec<Column>, Vec<Column>) = left.into_iter().partition(is_shared);
    let common = common.into_iter().map(|column| Column { is_shared: true, ..column });
    common.chain(rest).chain(right.into_iter().filter(|column| !is_shared(column))).collect()
}

fn on(condition: Option<Expr>) -> JoinConstraint {
    JoinConstraint::On(condition.unwrap_or(Expr::Value(Value::Boolean(true).into())))
}
