//! A plan without the files that it reads, so that it serves statements that pin others. It must not know what the
//! plan is for, nor how long it is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr_rewriter::unnormalize_cols;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, TableSource, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::try_join_all;

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
    /// What is asked of them.
    scans: Vec<Scan>,
}

/// What a plan asks of a table.
#[derive(Debug)]
struct Scan {
    id: TableId,
    projection: Option<Vec<usize>>,
    filters: Vec<Expr>,
    fetch: Option<usize>,
}

/// What the scans of a plan read, each in its place.
#[derive(Debug)]
pub struct Scans(pub Vec<Arc<dyn ExecutionPlan>>);

/// Stands for a table that was scanned as the plan asks.
#[derive(Debug)]
struct Scanned {
    schema: SchemaRef,
    plan: Arc<dyn ExecutionPlan>,
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
    /// Which of the plan's scans reads it.
    scan: usize,
}

impl TableSource for Place {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

#[async_trait]
impl TableProvider for Scanned {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::clone(&self.plan))
    }
}

impl Unpinned {
    /// Takes the files out of a plan, which depends on the tables `read`, too. None when it reads something that is
    /// no table of the lake and no view: the next statement may find something else there.
    pub fn of(plan: LogicalPlan, mut read: BTreeSet<TableId>, tables: &Tables) -> Result<Option<Self>> {
        let mut lasts = true;
        let mut scans = vec![];
        let plan = change_sources(plan, |scan| {
            let provider = source_as_provider(&scan.source)?;
            let Some(table) = as_source(&provider) else {
                lasts &= lineage::is_constant(&provider);
                return Ok(None);
            };
            read.insert(table.id().clone());
            let place = Place { id: table.id().clone(), schema: provider.schema(), scan: scans.len() };
            scans.push(Scan {
                id: table.id().clone(),
                projection: scan.projection.clone(),
                filters: unnormalize_cols(scan.filters.iter().cloned()),
                fetch: scan.fetch,
            });
            Ok(Some(Arc::new(place)))
        })?;
        if !lasts {
            return Ok(None);
        }
        let inputs = read.into_iter().map(|id| Input::of(id, tables)).collect::<Result<_>>()?;
        Ok(Some(Self { inputs, plan, scans }))
    }

    /// Whether the plan would be the same over these tables.
    pub fn fits(&self, tables: &Tables) -> bool {
        self.inputs.iter().all(|input| Input::of(input.id.clone(), tables).is_ok_and(|now| now == *input))
    }

    /// What its scans read of pinned tables.
    pub async fn scan(&self, tables: &Tables, state: &dyn Session) -> Result<Scans> {
        let scans = self.scans.iter().map(async |Scan { id, projection, filters, fetch }| {
            let provider = &pinned(id, tables)?.provider;
            provider.scan(state, projection.as_ref(), filters, *fetch).await
        });
        Ok(Scans(try_join_all(scans).await?))
    }

    /// The plan over what its scans read.
    pub fn over_scans(&self, scans: &Scans) -> Result<LogicalPlan> {
        change_sources(self.plan.clone(), |scan| {
            let Some(place) = scan.source.downcast_ref::<Place>() else { return Ok(None) };
            let (schema, plan) = (Arc::clone(&place.schema), Arc::clone(&scans.0[place.scan]));
            Ok(Some(provider_as_source(Arc::new(Scanned { schema, plan }))))
        })
    }

    /// The plan over pinned tables.
    pub fn over(&self, tables: &Tables) -> Result<LogicalPlan> {
        change_sources(self.plan.clone(), |scan| {
            let Some(place) = scan.source.downcast_ref::<Place>() else { return Ok(None) };
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

/// Puts others in the place of the sources of the scans that `change` gives one for.
fn change_sources(
    plan: LogicalPlan,
    mut change: impl FnMut(&TableScan) -> Result<Option<Arc<dyn TableSource>>>,
) -> Result<LogicalPlan> {
    let changed = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        Ok(match change(&scan)? {
            Some(source) => Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan })),
            None => Transformed::no(LogicalPlan::TableScan(scan)),
        })
    });
    Ok(changed?.data)
}
