//! CHECKs of a materialized view over the rows of a unit that is not published yet. It must not know where the rows
//! lie, nor what follows when a CHECK fails.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::LogicalPlan;

use super::open::OpenView;
use crate::catalog;
use crate::engine::caller::{Caller, Executable};
use crate::engine::dialect;
use crate::engine::dialect::statement::{Query, Statement};
use crate::engine::error::{Error, Result};
use crate::engine::functions;
use crate::engine::planner::{Pinned, Strategy, Tables};
use crate::views::definition::Definition;

/// As errors call a CHECK.
pub(super) const CLAUSE: &str = "check clause";

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
        let tables = tables_of(definition, &self.columns, rows);
        let name = quoted(definition);
        let value = value_of(definition, check);
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
    /// Refuses CHECKs that are no conditions on the view's rows.
    pub(super) fn check_conditions(
        &self,
        definition: &Definition,
        columns: &Arc<[catalog::Column]>,
    ) -> Result<()> {
        let checks = definition.materialized.iter().flat_map(|materialized| &materialized.checks);
        let fields = columns
            .iter()
            .map(|column| Field::new(column.name.to_lowercase(), column.data_type.clone(), true));
        let rows = Arc::new(EmptyTable::new(Arc::new(Schema::new(fields.collect::<Vec<_>>()))));
        let tables = tables_of(definition, columns, rows);
        let statement = self.engine.planner.statement(self.settings(Strategy::default()));
        for check in checks {
            let refused = |why: &str| Err(Error::Invalid(format!("CHECK ({check}): {why}")));
            let query = self.query(&value_of(definition, check))?;
            if query.tables.len() > 1 {
                return refused("it may read nothing but the row");
            }
            let plan = self.logical(&statement, &query, &tables).map_err(of_check)?;
            if plan.exists(|node| Ok(matches!(node, LogicalPlan::Window(_))))? {
                return refused("it may not look at other rows; an aggregate is of all rows of the day");
            }
            if let Some(function) = functions::session::changing(&plan)? {
                return refused(&format!(
                    "{}() depends on when, or for whom, it is asked",
                    function.to_uppercase()
                ));
            }
            let optimized = statement.optimize(&plan).map_err(of_check)?;
            let data_type = optimized.schema().field(0).data_type();
            if !(matches!(data_type, DataType::Boolean | DataType::Null) || data_type.is_integer()) {
                return refused("it is not a condition");
            }
        }
        Ok(())
    }

    fn query(&self, text: &str) -> Result<Query> {
        match dialect::parse(text, self.state.variables.acting().mode)?.statement {
            Statement::Query(query) => Ok(*query),
            _ => Err(Error::Invalid("a CHECK is a condition".into())),
        }
    }
}

/// The view as the only table, with these rows.
fn tables_of(
    definition: &Definition,
    columns: &Arc<[catalog::Column]>,
    provider: Arc<dyn TableProvider>,
) -> Tables {
    let mut tables = Tables::new(Some(&definition.database));
    let key = (definition.database.to_lowercase(), definition.name.to_lowercase());
    let (database, table) = (definition.database.clone(), definition.name.clone());
    let pinned = Pinned {
        database,
        table,
        columns: Arc::clone(columns),
        max_characters: Arc::default(),
        declared: Arc::default(),
        provider,
        of_lake: true,
    };
    tables.insert(key, pinned);
    tables
}

fn quoted(definition: &Definition) -> String {
    format!("`{}`", definition.name.replace('`', "``"))
}

/// A query for the value of a CHECK.
fn value_of(definition: &Definition, check: &str) -> String {
    format!("SELECT ({check}) AS passed FROM {}", quoted(definition))
}

/// The error of a CHECK that cannot be planned, which stands in no select list.
fn of_check(error: Error) -> Error {
    match error {
        Error::UnknownColumn { column, hint, .. } => {
            Error::UnknownColumn { column, clause: CLAUSE.to_owned(), hint }
        }
        error => error,
    }
}

/// Whether a plan makes one row of all.
fn is_of_all_rows(plan: &LogicalPlan) -> bool {
    plan.exists(|node| Ok(matches!(node, LogicalPlan::Aggregate(_)))).unwrap_or(false)
}
