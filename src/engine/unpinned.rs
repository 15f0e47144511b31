//! A plan without the files that it reads, so that it serves statements that pin others. It must not know what the
//! plan is for, nor how long it is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{LogicalPlan, TableScan, TableSource};

use super::planner::{Pinned, Tables};
use crate::catalog::{self, TableId};
use crate::views::lineage::{self, as_source};

/// A plan over tables whose files are not chosen.
#[derive(Debug)]
pub struct Unpinned {
    /// The tables and views that it reads, as they were when it was made.
    inputs: Vec<Input>,
    /// Each source of it that has files is a [`Place`].
    plan: LogicalPlan,
}

/// A table or view, as far as plans depend on it.
#[derive(Debug, PartialEq)]
struct Input {
    id: TableId,
    columns: Arc<[catalog::Column]>,
    schema: SchemaRef,
    day: Option<String>,
}

/// Stands for a table whose files are not chosen.
#[derive(Debug)]
struct Place {
    id: TableId,
    schema: SchemaRef,
}

impl TableSource for Place {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Unpinned {
    /// Takes the files out of a plan, which depends on the tables `read`, too. None when it reads something that is
    /// no table of the lake and no view: the next statement may find something else there.
    pub fn of(plan: LogicalPlan, mut read: BTreeSet<TableId>, tables: &Tables) -> Result<Option<Self>> {
        let mut lasts = true;
        let plan = change_sources(plan, |source| {
            let provider = source_as_provider(source)?;
            let Some(table) = as_source(&provider) else {
                lasts &= lineage::is_constant(&provider);
                return Ok(None);
            };
            read.insert(table.id().clone());
            Ok(Some(Arc::new(Place { id: table.id().clone(), schema: provider.schema() })))
        })?;
        if !lasts {
            return Ok(None);
        }
        let inputs = read.into_iter().map(|id| Input::of(id, tables)).collect::<Result<_>>()?;
        Ok(Some(Self { inputs, plan }))
    }

    /// Whether the plan would be the same over these tables.
    pub fn fits(&self, tables: &Tables) -> bool {
        self.inputs.iter().all(|input| Input::of(input.id.clone(), tables).is_ok_and(|now| now == *input))
    }

    /// The plan over pinned tables.
    pub fn over(&self, tables: &Tables) -> Result<LogicalPlan> {
        change_sources(self.plan.clone(), |source| {
            let Some(place) = source.downcast_ref::<Place>() else { return Ok(None) };
            Ok(Some(provider_as_source(Arc::clone(&pinned(&place.id, tables)?.provider))))
        })
    }
}

impl Input {
    fn of(id: TableId, tables: &Tables) -> Result<Self> {
        let pinned = pinned(&id, tables)?;
        let day = as_source(&pinned.provider).and_then(|source| source.day_column());
        Ok(Self { id, columns: Arc::clone(&pinned.columns), schema: pinned.provider.schema(), day })
    }
}

fn pinned<'a>(id: &TableId, tables: &'a Tables) -> Result<&'a Pinned> {
    let found = tables.by_key(&id.database, &id.name);
    found.ok_or_else(|| DataFusionError::Internal(format!("`{id}` is not pinned")))
}

/// Puts others in the place of the sources that `change` gives one for.
fn change_sources(
    plan: LogicalPlan,
    mut change: impl FnMut(&Arc<dyn TableSource>) -> Result<Option<Arc<dyn TableSource>>>,
) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        Ok(match change(&scan.source)? {
            Some(source) => Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan })),
            None => Transformed::no(LogicalPlan::TableScan(scan)),
        })
    });
    Ok(changed?.data)
}
