//! Aliases of a select list in the subqueries behind them: `SELECT amount AS a, (SELECT a * 2) FROM orders`.
//!
//! In MySQL a column of the name comes first, so an alias is looked for when no table has one. Its value takes its place
//! where it means the same: below the tables of a subquery a column's name may mean another one.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Expr, Select, SelectItem, TableFactor, TableWithJoins, Visit, VisitMut, Visitor, VisitorMut,
};

use super::names::visible_name;
use super::wildcards;

/// Puts an alias's value in the place of its name; answers whether there was such a place.
pub fn write_out(query: &mut ast::Query, name: &str) -> bool {
    struct WriteOut<'a> {
        name: &'a str,
        changed: bool,
    }

    impl VisitorMut for WriteOut<'_> {
        type Break = ();

        fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
            let is_named = |item: &SelectItem| wildcards::alias(item).as_deref() == Some(self.name);
            let Some(place) = select.projection.iter().position(is_named) else {
                return ControlFlow::Continue(());
            };
            let (before, behind) = select.projection.split_at_mut(place + 1);
            if let Some(SelectItem::ExprWithAlias { expr: value, .. }) = before.last()
                && let Some(tables) = tables_of(value, self.name)
            {
                let mut subqueries = Subqueries {
                    name: self.name,
                    value,
                    tables,
                    selects: 0,
                    hidden: Vec::new(),
                    changed: false,
                };
                // It never breaks.
                let _ = behind.iter_mut().try_for_each(|item| item.visit(&mut subqueries));
                self.changed |= subqueries.changed;
            }
            ControlFlow::Continue(())
        }
    }

    let mut write_out = WriteOut { name, changed: false };
    // It never breaks.
    let _ = query.visit(&mut write_out);
    write_out.changed
}

/// The tables before the columns of a value, None for a column without one. No answer for a value that is another one
/// elsewhere: with a subquery or a window, or with the alias's own name.
fn tables_of(value: &Expr, name: &str) -> Option<HashSet<Option<String>>> {
    struct Tables<'a>(&'a str, HashSet<Option<String>>);

    impl Visitor for Tables<'_> {
        type Break = ();

        fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Identifier(column) if column.value == self.0 => return ControlFlow::Break(()),
                Expr::Identifier(_) => {
                    self.1.insert(None);
                }
                Expr::CompoundIdentifier(path) => {
                    self.1.insert(path.iter().rev().nth(1).map(|table| table.value.clone()));
                }
                Expr::Function(function) if function.over.is_some() => return ControlFlow::Break(()),
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }

    let mut tables = Tables(name, HashSet::new());
    value.visit(&mut tables).is_continue().then_some(tables.1)
}

/// The subqueries of a select list.
struct Subqueries<'a> {
    name: &'a str,
    value: &'a Expr,
    tables: HashSet<Option<String>>,
    /// How many SELECTs are around the place that is visited.
    selects: usize,
    /// Of those with a table that may have the value's columns, how many were around each.
    hidden: Vec<usize>,
    changed: bool,
}

impl Subqueries<'_> {
    fn may_hide(&self, item: &TableWithJoins) -> bool {
        let joined = item.joins.iter().map(|join| &join.relation);
        std::iter::once(&item.relation).chain(joined).any(|factor| {
            let name = match factor {
                TableFactor::NestedJoin { .. } => None,
                other => visible_name(other),
            };
            self.tables.contains(&None) || name.is_none() || self.tables.contains(&name)
        })
    }
}

impl VisitorMut for Subqueries<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if !self.tables.is_empty() && select.from.iter().any(|item| self.may_hide(item)) {
            self.hidden.push(self.selects);
        }
        self.selects += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.selects -= 1;
        if self.hidden.last() == Some(&self.selects) {
            self.hidden.pop();
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if self.selects > 0
            && self.hidden.is_empty()
            && matches!(expression, Expr::Identifier(column) if column.value == self.name)
        {
            *expression = self.value.clone();
            self.changed = true;
        }
        ControlFlow::Continue(())
    }
}
