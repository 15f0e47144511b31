//! A materialized view as it was last published, for when what it reads cannot be looked at and its owner wants that read
//! rather than an error. It must not know the view's query, nor whether what is published is up to date.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType, cast};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

use super::definition::{Definition, WhenStale};
use super::lineage::{DayFilter, InputDay, InputDays, Keep, Source};
use super::notes::{Notes, Old, Origin};
use super::provider::support;
use super::published::{Published, PublishedLog, Unit};
use crate::catalog::{self, Chosen, Pinned, TableId};

/// One published version of a view, where nothing tells which of its units are up to date.
pub struct Served {
    stored: Stored,
    definition: Arc<Definition>,
    schema: SchemaRef,
    /// The column that tells the day, in lower case.
    day: Option<String>,
    state: SessionState,
    notes: Arc<Notes>,
    /// Why its sources cannot be looked at.
    reason: String,
}

/// One published version of a view, and where its files are.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: TableId,
    pub log: Arc<PublishedLog>,
    pub published: Arc<Published>,
}

impl Served {
    /// What is published of a view, if its owner lets it be read as it is; with the columns as they are stored.
    pub fn of(
        stored: Stored,
        definition: &Arc<Definition>,
        state: SessionState,
        notes: Arc<Notes>,
        reason: String,
    ) -> Option<Self> {
        let partition_by = definition.materialized.as_ref()?.partition_by.as_ref();
        let is_whole = stored.published.units.contains_key(&Unit::Whole);
        let day = partition_by.filter(|_| !is_whole).map(|day| day.to_lowercase());
        let schema = stored.rows([]).schema();
        Self::with_columns(stored, definition, schema, day, state, notes, reason)
    }

    /// The same with the columns, and the column of the day, that the view has now.
    pub(super) fn with_columns(
        stored: Stored,
        definition: &Arc<Definition>,
        schema: SchemaRef,
        day: Option<String>,
        state: SessionState,
        notes: Arc<Notes>,
        reason: String,
    ) -> Option<Self> {
        let serves = definition.materialized.as_ref()?.when_stale == WhenStale::Serve;
        let has_units = stored.published.units.keys().all(|unit| unit.day().is_some() == day.is_some());
        let definition = Arc::clone(definition);
        (serves && has_units).then_some(Self { stored, definition, schema, day, state, notes, reason })
    }

    /// Its columns as they are stored, with the comments that its definition has.
    pub fn columns(&self) -> Vec<catalog::Column> {
        let with_comment = |stored: &catalog::Column| {
            let named = self.definition.columns.iter().find(|column| column.name == stored.name);
            let comment = named.map(|column| column.comment.clone()).unwrap_or_default();
            catalog::Column { comment, is_partition: false, ..stored.clone() }
        };
        self.stored.table().columns().iter().map(with_comment).collect()
    }

    /// The published units of the days that are asked for, each of which is told to be read.
    fn units(&self, keep: &Keep) -> Vec<Unit> {
        let start = self.definition.materialized.as_ref().and_then(|materialized| materialized.start);
        let begun = |unit: &Unit| unit.day().is_none_or(|day| start.is_none_or(|start| day >= start));
        let all: Vec<Unit> = self.stored.published.units.keys().copied().filter(begun).collect();
        let kept = match self.day {
            Some(_) => keep(&all.iter().map(Unit::day_number).collect::<Vec<_>>()),
            None => vec![true; all.len()],
        };
        let units: Vec<Unit> =
            all.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(unit, _)| unit).collect();
        self.notes.cannot_tell(&self.stored.id, &self.reason, &units);
        units
    }
}

#[async_trait]
impl TableProvider for Served {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| support(filter)).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filter = self.day.as_ref().and_then(|day| DayFilter::new(day, filters, &self.state).ok());
        let units = self.units(&|days| DayFilter::keep_of(filter.as_ref(), days));
        let rows = self.stored.rows(units);
        scan_rows(&rows, &self.schema, projection, limit, &self.state).await
    }
}

#[async_trait]
impl Source for Served {
    fn id(&self) -> &TableId {
        &self.stored.id
    }

    fn day_column(&self) -> Option<String> {
        self.day.clone()
    }

    async fn inputs(&self, _filters: &[Expr], keep: &Keep, _state: &dyn Session) -> Result<InputDays> {
        let day = |unit: Unit| {
            let digest = self.stored.published.units.get(&unit).map(|of| of.digest()).unwrap_or_default();
            let old = vec![Old { view: self.stored.id.clone(), unit, origin: Origin::Unknown }];
            (unit.day_number(), InputDay { digest, unsettled: None, old })
        };
        Ok(self.units(keep).into_iter().map(day).collect())
    }
}

impl Stored {
    /// The rows of some units.
    pub fn rows(&self, units: impl IntoIterator<Item = Unit>) -> Chosen {
        let units = units.into_iter().filter_map(|unit| self.published.units.get(&unit));
        Chosen::new(self.table(), units.flat_map(|unit| &unit.files).map(Arc::clone).collect())
    }

    fn table(&self) -> Pinned {
        let (location, reader) = (self.log.location().clone(), Arc::clone(self.log.reader()));
        Pinned::of_version(self.id.clone(), location, Arc::clone(&self.published.snapshot), reader)
    }
}

/// Reads published rows, and nothing else, as a view of these columns.
pub async fn scan_rows(
    rows: &Chosen,
    columns: &SchemaRef,
    projection: Option<&Vec<usize>>,
    limit: Option<usize>,
    state: &SessionState,
) -> Result<Arc<dyn ExecutionPlan>> {
    let wanted = match projection {
        Some(projection) => columns.project(projection)?,
        None => columns.as_ref().clone(),
    };
    let stored = rows.schema();
    let places = wanted.fields().iter().map(|field| Ok(stored.index_of(field.name())?));
    let places = places.collect::<Result<Vec<usize>>>()?;
    let scan = rows.scan(state, Some(&places), &[], limit).await?;
    if scan.schema().fields() == wanted.fields() {
        return Ok(scan);
    }
    // What is stored has Delta's types, and these may be others.
    let stored = DFSchema::try_from(scan.schema())?;
    let outputs = wanted.fields().iter().map(|field| {
        let expr = state.create_physical_expr(published_output(field), &stored)?;
        Ok(ProjectionExpr { expr, alias: field.name().clone() })
    });
    let outputs = outputs.collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(ProjectionExec::try_new(outputs, scan)?))
}

/// A published column, of the type that the view promises: times and bytes are of one type there, which Arrow casts to
/// others of their kind only by way of a third.
pub fn published_output(field: &FieldRef) -> Expr {
    let published = Expr::Column(Column::from_name(field.name()));
    let published = match field.data_type() {
        DataType::Time32(_) | DataType::Time64(_) => {
            cast(cast(published, DataType::Int64), DataType::Time64(TimeUnit::Microsecond))
        }
        DataType::FixedSizeBinary(_) => cast(published, DataType::Binary),
        _ => published,
    };
    cast(published, field.data_type().clone()).alias(field.name().clone())
}

impl fmt::Debug for Served {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Served").field("id", &self.stored.id).finish_non_exhaustive()
    }
}
