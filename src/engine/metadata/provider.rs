//! A made-up table as a DataFusion table: rows are made while a query reads them, and only of the tables that its
//! filters leave.
//!
//! It knows DataFusion; what the rows say is written in `objects` and `server`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringViewArray};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{DFSchema, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{StreamExt, stream};

use super::MetadataContext;
use super::definitions::{Definition, Source};
use super::objects::Object;
use super::rows::Rows;
use crate::catalog;
use crate::engine::error::Error;

/// Tables whose columns are asked for at the same time; each may read files of a remote store.
const TABLES_AT_ONCE: usize = 32;

/// Tables whose rows may share a batch.
const TABLES_PER_BATCH: usize = 64;

/// The columns that choose tables.
const CHOOSING_COLUMNS: [&str; 2] = ["table_schema", "table_name"];

/// A made-up table of one statement.
#[derive(Debug)]
pub struct Provider {
    definition: &'static Definition,
    context: Arc<MetadataContext>,
}

impl Provider {
    /// The table as a session sees it.
    pub fn new(definition: &'static Definition, context: &Arc<MetadataContext>) -> Self {
        Self { definition, context: Arc::clone(context) }
    }
}

#[async_trait]
impl TableProvider for Provider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.definition.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let chooses = |filter: &&Expr| match self.definition.source {
            Source::Objects(_) | Source::Columns(_) | Source::Work(_) if chooses_tables(filter) => {
                TableProviderFilterPushDown::Inexact
            }
            _ => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(chooses).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.schema();
        let projection = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let schema = Arc::new(schema.project(&projection)?);
        let choice = Choice::new(filters, state)?;
        let context = Arc::clone(&self.context);
        let scan =
            Scan { definition: self.definition, context, projection, schema: Arc::clone(&schema), choice };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit)?))
    }
}

/// Whether a filter can be decided by the names of a table and its database alone.
fn chooses_tables(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && columns.iter().all(|column| CHOOSING_COLUMNS.contains(&column.name.as_str()))
        && !filter.is_volatile()
}

/// The filters that choose tables, of any shape: they are evaluated over the names of all of them.
#[derive(Clone, Debug)]
struct Choice {
    schema: SchemaRef,
    filter: Option<Arc<dyn PhysicalExpr>>,
}

impl Choice {
    fn new(filters: &[Expr], state: &dyn Session) -> Result<Self> {
        let fields = CHOOSING_COLUMNS.map(|name| Field::new(name, DataType::Utf8View, false));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let filter = conjunction(filters.iter().filter(|filter| chooses_tables(filter)).cloned());
        let planned = DFSchema::try_from(Arc::clone(&schema))?;
        let filter = filter.map(|filter| state.create_physical_expr(filter, &planned)).transpose()?;
        Ok(Self { schema, filter })
    }

    /// The objects that the filters leave.
    fn apply(&self, objects: Vec<Object>) -> Result<Vec<Object>> {
        let Some(filter) = &self.filter else { return Ok(objects) };
        let databases = objects.iter().map(|object| Some(object.database())).collect::<StringViewArray>();
        let names = objects.iter().map(|object| Some(object.name())).collect::<StringViewArray>();
        let columns: Vec<ArrayRef> = vec![Arc::new(databases), Arc::new(names)];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        let chosen = filter.evaluate(&batch)?.into_array(objects.len())?;
        let chosen = as_boolean_array(&chosen)?;
        let chosen = if chosen.null_count() > 0 { prep_null_mask_filter(chosen) } else { chosen.clone() };
        Ok(objects
            .into_iter()
            .zip(chosen.values())
            .filter_map(|(object, chosen)| chosen.then_some(object))
            .collect())
    }
}

/// One reading of the table.
#[derive(Clone, Debug)]
struct Scan {
    definition: &'static Definition,
    context: Arc<MetadataContext>,
    projection: Vec<usize>,
    schema: SchemaRef,
    choice: Choice,
}

impl PartitionStream for Scan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _task: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scan = self.clone();
        let batches = match self.definition.source {
            Source::Empty => stream::empty().boxed(),
            Source::Server(fill) => stream::once(async move {
                let mut rows = scan.rows();
                fill(&scan.context, &mut rows);
                rows.finish()
            })
            .boxed(),
            Source::Objects(fill) => stream::once(async move {
                let mut rows = scan.rows();
                scan.objects(Object::all(&scan.context))?.iter().for_each(|object| fill(object, &mut rows));
                rows.finish()
            })
            .boxed(),
            Source::Work(work) => stream::once(async move {
                let mut rows = scan.rows();
                work.fill(&scan.context, &scan.objects(Object::all(&scan.context))?, &mut rows).await;
                rows.finish()
            })
            .boxed(),
            // MySQL tells no columns of temporary tables there; SHOW COLUMNS, which reads them, has to.
            Source::Columns(fill) => match scan.objects(Object::readable(&scan.context)) {
                Err(error) => stream::iter([Err(error)]).boxed(),
                Ok(objects) => stream::iter(objects)
                    .map(columns)
                    .buffered(TABLES_AT_ONCE)
                    .ready_chunks(TABLES_PER_BATCH)
                    .map(move |tables| scan.columns(fill, &tables))
                    .boxed(),
            },
        };
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

type Columns = Result<Arc<[catalog::Column]>, Error>;

/// A table with its columns, or why it cannot tell them.
async fn columns(object: Object) -> (Object, Columns) {
    let columns = object.columns().await;
    (object, columns)
}

impl Scan {
    fn rows(&self) -> Rows {
        Rows::new(self.definition, &self.projection, Arc::clone(&self.schema))
    }

    fn objects(&self, objects: Vec<Object>) -> Result<Vec<Object>> {
        self.choice.apply(objects)
    }

    /// A table that cannot be read has no columns to tell: it is left out with a warning, and hides no other table.
    fn columns(
        &self,
        fill: fn(&Object, &[catalog::Column], &mut Rows),
        tables: &[(Object, Columns)],
    ) -> Result<RecordBatch> {
        let mut rows = self.rows();
        for (object, columns) in tables {
            match columns {
                Ok(columns) => fill(object, columns, &mut rows),
                Err(error) => {
                    self.context.warnings.push(error.code().0, error.to_string());
                }
            }
        }
        rows.finish()
    }
}
