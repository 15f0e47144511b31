//! Common table expressions: which one a name means, and their columns' names.
//!
//! It knows names and scopes. DataFusion's planner takes a name once only in all queries that are inside each other:
//! a CTE that hides another one gets a name of its own.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, Expr, Ident, LimitClause, ObjectName, Select, SelectItem, SetExpr, TableAlias, TableWithJoins,
    Visit, Visitor, WildcardAdditionalOptions, With,
};

use super::super::recursion::{Misuse, hold_lengths, recurring, recurs};
use super::{Columns, Rewriter, groups, lower_alias, query_of, select_of, table_factor};
use crate::engine::error::{Error, Result};

/// A CTE that a query may name.
#[derive(Clone, Debug)]
pub struct Cte {
    /// In lower case.
    name: String,
    /// As the planner knows it.
    planned: String,
}

impl Cte {
    /// Makes a reference to it one that the planner reads.
    pub fn refer(&self, name: &mut ObjectName, alias: &mut Option<TableAlias>) {
        if self.planned == self.name {
            return;
        }
        *name = ObjectName::from(vec![Ident::with_quote('`', self.planned.as_str())]);
        if alias.is_none() {
            let name = Ident::with_quote('`', self.name.as_str());
            *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
        }
    }
}

/// The CTE that a name means at a place.
pub fn nearest(ctes: &[Cte], name: &str) -> Option<Cte> {
    let name = name.to_lowercase();
    ctes.iter().rev().find(|cte| cte.name == name).cloned()
}

impl Rewriter<'_> {
    /// Rewrites the CTEs of a query; it sees them all, and each sees those before it.
    pub(super) fn with(&mut self, with: &mut With) -> Result<()> {
        let outside = self.ctes.len();
        let mut ctes = Vec::with_capacity(with.cte_tables.len());
        for mut cte in std::mem::take(&mut with.cte_tables) {
            lower_alias(&mut cte.alias);
            let name = cte.alias.name.value.clone();
            if self.ctes[outside..].iter().any(|known| known.name == name) {
                return Err(Error::NotUniqueTable(name));
            }
            let recurs = with.recursive && recurs(&mut cte.query, &name)?;
            // LIMIT of one that recurs is that of all its rows: it is a CTE that reads from the one without.
            let limit = if recurs { cte.query.limit_clause.take() } else { None };
            let hides = self.ctes.iter().any(|known| known.name == name);
            let names = self.named(name.clone(), hides || limit.is_some());
            cte.alias.name = Ident::with_quote('`', names.planned.as_str());
            // A list of columns gives them other names than they have inside.
            let columns = if cte.alias.columns.is_empty() { Columns::Named } else { Columns::Anonymous };
            if recurs {
                self.ctes.push(names.clone());
                self.query(&mut cte.query, columns)?;
                self.ctes.pop();
                if recurring(&mut cte.query).is_some_and(computes_over_rows) {
                    return Err(Misuse::Aggregation(name).into());
                }
                let columns: Vec<String> =
                    cte.alias.columns.iter().map(|column| column.name.value.clone()).collect();
                hold_lengths(&mut cte.query, &columns);
            } else {
                self.query(&mut cte.query, columns)?;
            }
            match limit {
                Some(limit) => {
                    let names = (names, self.named(name, hides));
                    let limited = self.limited(&cte, limit, &names)?;
                    ctes.extend([cte, limited]);
                    self.ctes.push(names.1);
                }
                None => {
                    ctes.push(cte);
                    self.ctes.push(names);
                }
            }
        }
        with.cte_tables = ctes;
        Ok(())
    }

    /// A CTE's name here, another one where it `hides` the same name.
    fn named(&mut self, name: String, hides: bool) -> Cte {
        self.named_ctes += 1;
        let planned = if hides { format!("{name}${}", self.named_ctes) } else { name.clone() };
        Cte { name, planned }
    }

    /// A CTE with so many rows of another one.
    fn limited(
        &mut self,
        cte: &ast::Cte,
        mut limit: LimitClause,
        (from, to): &(Cte, Cte),
    ) -> Result<ast::Cte> {
        self.limit(&mut limit)?;
        let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
        let name = ObjectName::from(vec![Ident::with_quote('`', from.planned.as_str())]);
        let table = TableWithJoins { relation: table_factor(name), joins: Vec::new() };
        let mut query = query_of(SetExpr::Select(Box::new(select_of(vec![all], vec![table]))));
        query.limit_clause = Some(limit);
        let mut limited = cte.clone();
        limited.alias.name = Ident::with_quote('`', to.planned.as_str());
        limited.alias.columns = Vec::new();
        limited.query = Box::new(query);
        Ok(limited)
    }
}

/// Whether a SELECT has aggregates or window functions; what it selects was rewritten before.
fn computes_over_rows(select: &mut Select) -> bool {
    struct Windows;

    impl Visitor for Windows {
        type Break = ();

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
            match expression {
                Expr::Function(function) if function.over.is_some() => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }

    groups(select, &[]) || select.projection.visit(&mut Windows).is_break()
}
