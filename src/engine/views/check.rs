//! CHECKs of a materialized view over the rows of a unit that is not published yet. It must not know where the rows
//! lie, nor what follows when a CHECK fails.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;

use super::open::OpenView;
use crate::engine::caller::{Caller, Executable};
use crate::engine::dialect;
use crate::engine::dialect::statement::{Query, Statement};
use crate::engine::error::{Error, Result};
use crate::engine::planner::{Pinned, Strategy, Tables};
use crate::views::definition::Definition;

impl OpenView {
    /// Whether rows with the view's columns pass its CHECKs: what they fail, otherwise.
    pub async fn check(&self, rows: Arc<dyn TableProvider>) -> Result<Option<String>> {
        let definition = self.table().definition().clone();
        let checks = definition.materialized.iter().flat_map(|materialized| &materialized.checks);
        for check in checks {
            let failing = self.failing(&definition, check, Arc::clone(&rows)).await?;
            if failing > 0 {
                return Ok(Some(format!("CHECK ({check}) fails for {failing} rows")));
            }
        }
        Ok(None)
    }

    /// How many rows fail a CHECK: those for which it is false. A CHECK with an aggregate is of all rows as one.
    async fn failing(
        &self,
        definition: &Definition,
        check: &str,
        rows: Arc<dyn TableProvider>,
    ) -> Result<i64> {
        let caller = Caller::of_server(&self.engine).as_owner();
        let mut tables = Tables::new(Some(&definition.database));
        let key = (definition.database.to_lowercase(), definition.name.to_lowercase());
        let (database, table) = (definition.database.clone(), definition.name.clone());
        let (columns, max_characters) = (Arc::clone(&self.columns), Arc::default());
        tables
            .insert(key, Pinned { database, table, columns, max_characters, provider: rows, of_lake: true });

        let name = format!("`{}`", definition.name.replace('`', "``"));
        let value = format!("SELECT ({check}) AS passed FROM {name}");
        let each = format!("SELECT COUNT(*) FROM {name} WHERE NOT ({check})");
        let whole = format!("SELECT COUNT(*) FROM ({value}) checked WHERE NOT passed");
        let (environment, _pool) = self.engine.memory.for_query()?;
        let mut counts = self.engine.front.pull(async move {
            let statement = caller.engine.planner.statement(caller.settings(Strategy::default()));
            let plan = |text: &str| caller.logical(&statement, &caller.query(text)?, &tables);
            let logical = match is_of_all_rows(&plan(&value)?) {
                true => plan(&whole)?,
                false => plan(&each)?,
            };
            let logical = statement.optimize(&logical)?;
            let physical = statement.physical(&logical).await?;
            caller
                .engine
                .front
                .keep(Executable { statement, logical, physical, rows: None })
                .start(environment)
        });
        let mut failing = 0;
        while let Some(batch) = counts.next().await.transpose()? {
            failing += batch.column(0).as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        }
        Ok(failing)
    }
}

impl Caller {
    fn query(&self, text: &str) -> Result<Query> {
        match dialect::parse(text, self.state.variables.acting().mode)?.statement {
            Statement::Query(query) => Ok(*query),
            _ => Err(Error::Invalid("a CHECK is a condition".into())),
        }
    }
}

/// Whether a plan makes one row of all.
fn is_of_all_rows(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(_)))).unwrap_or(false)
}
