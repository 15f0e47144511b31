//! A materialized view opened by the server itself, to look at its units and to compute them. It must not
//! know which units should be computed, nor where their rows go.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::execute_stream;

use super::Checked;
use crate::catalog::{self, TableId};
use crate::engine::caller::Caller;
use crate::engine::error::{Error, Result};
use crate::engine::memory::QueryPool;
use crate::engine::runtime::Pulled;
use crate::engine::session::Engine;
use crate::views::View;
use crate::views::provider::ViewTable;
use crate::views::published::Unit;

/// A materialized view over one consistent set of inputs, and one published version of it.
#[derive(Debug)]
pub struct OpenView {
    pub(super) engine: Arc<Engine>,
    provider: Arc<dyn TableProvider>,
    /// Its columns as clients see them.
    pub columns: Arc<[catalog::Column]>,
}

/// Rows of units, as they are computed. Dropping it stops the work.
pub struct Computation {
    /// The view's columns under their names as written.
    pub schema: SchemaRef,
    pulled: Pulled,
    pool: Arc<QueryPool>,
}

impl Engine {
    /// What there is to tell of a view, or why it cannot be planned or published.
    pub async fn check_view(self: &Arc<Self>, view: &Arc<View>) -> Result<Checked> {
        let (caller, view) = (Caller::of_server(self), Arc::clone(view));
        self.front.run(async move { caller.checked_in(&caller.engine.views.snapshot(), &view).await }).await
    }

    /// The tables that a view reads, through other views, as texts name them: nobody looks whether they can be read.
    pub async fn tables_below(self: &Arc<Self>, id: &TableId) -> Result<BTreeSet<TableId>> {
        let (caller, id) = (Caller::of_server(self), id.clone());
        let snapshot = self.views.snapshot();
        self.front
            .run(async move {
                let wanted = caller.wanted(&snapshot, std::iter::once((id.database, id.name)))?;
                let tables = wanted.of_views.into_iter().map(|(database, name)| TableId { database, name });
                Ok(tables.collect())
            })
            .await
    }

    /// Opens a materialized view.
    pub async fn open_view(self: &Arc<Self>, id: &TableId) -> Result<OpenView> {
        let caller = Caller::of_server(self);
        let (engine, id) = (Arc::clone(self), id.clone());
        self.front
            .run(async move {
                let pinned = caller.computable_in(&caller.engine.views.snapshot(), &id).await?;
                let provider = Arc::clone(&pinned.provider);
                let any: &dyn Any = provider.as_ref();
                if !any.is::<ViewTable>() {
                    return Err(Error::Invalid(format!("`{id}` is not a materialized view")));
                }
                Ok(OpenView { engine, columns: Arc::clone(&pinned.columns), provider })
            })
            .await
    }
}

impl OpenView {
    /// The view: its units, their inputs, and what is published of them.
    pub fn table(&self) -> &ViewTable {
        let any: &dyn Any = self.provider.as_ref();
        any.downcast_ref().expect("it was looked at when it was opened")
    }

    /// Starts to compute some units together. Their rows come in no order.
    pub async fn compute(&self, units: &[Unit]) -> Result<Computation> {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let (provider, units) = (Arc::clone(&self.provider), units.to_vec());
        let (environment, pool) = self.engine.memory.for_query()?;
        let start = self.engine.runtime.run(async move {
            let any: &dyn Any = provider.as_ref();
            let view: &ViewTable = any.downcast_ref().expect("it was looked at when it was opened");
            let plan = view.compute(&units, &names).await?;
            let task = TaskContext::default()
                .with_session_config(view.session_config().clone())
                .with_runtime(environment);
            Ok(execute_stream(plan, Arc::new(task))?)
        });
        let stream = start.await?;
        let schema = stream.schema();
        Ok(Computation { schema, pulled: self.engine.runtime.pull(async { Ok(stream) }), pool })
    }
}

impl Computation {
    /// The next rows; None after the last.
    pub async fn next(&mut self) -> Option<Result<RecordBatch>> {
        self.pulled.next().await
    }

    /// Most bytes of memory that it has used.
    pub fn peak_memory(&self) -> usize {
        self.pool.peak()
    }
}

impl std::fmt::Debug for Computation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Computation").field("schema", &self.schema).finish_non_exhaustive()
    }
}
