//! Common table expressions: which one a name means, and their columns' names.
//!
//! It knows names and scopes. DataFusion's planner takes a name once only in all queries that are inside each other:
//! a CTE that hides another one gets a name of its own.

use sqlparser::ast::{Ident, ObjectName, TableAlias, With};

use super::{Columns, Rewriter, lower_alias};
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
        for cte in &mut with.cte_tables {
            lower_alias(&mut cte.alias);
            let name = cte.alias.name.value.clone();
            if self.ctes[outside..].iter().any(|known| known.name == name) {
                return Err(Error::NotUniqueTable(name));
            }
            self.named_ctes += 1;
            let hides = self.ctes.iter().any(|known| known.name == name);
            let planned = if hides { format!("{name}${}", self.named_ctes) } else { name.clone() };
            cte.alias.name = Ident::with_quote('`', planned.as_str());
            // A list of columns gives them other names than they have inside.
            let columns = if cte.alias.columns.is_empty() { Columns::Named } else { Columns::Anonymous };
            let cte_names = Cte { name, planned };
            if with.recursive {
                self.ctes.push(cte_names);
                self.query(&mut cte.query, columns)?;
            } else {
                self.query(&mut cte.query, columns)?;
                self.ctes.push(cte_names);
            }
        }
        Ok(())
    }
}
