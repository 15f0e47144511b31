//! EXPLAIN: what a query's plan does, as MySQL's table, as a tree of text or as JSON; with ANALYZE after running it.
//!
//! It reads plans; it must not change them, nor know how they were made.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::sql::sqlparser::ast;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::answer::{Answer, Column, Rows};
use super::caller::{Caller, Executable};
use super::dialect::statement::{ExplainFormat, Query};
use super::error::{Error, Result};
use super::life::{Received, Token};
use super::plans::Asked;
use super::session::Session;

/// Plans a query, with `analyze` runs it too, and answers with the plan.
pub async fn answer(
    session: &mut Session,
    token: Token<Received>,
    query: Query,
    analyze: bool,
    format: ExplainFormat,
) -> Result<Answer> {
    let life = Arc::clone(token.life());
    let interrupt = life.interrupt().until(session.state.variables.acting().max_execution_time);
    let caller = Arc::new(Caller::of(session));
    let engine = Arc::clone(&caller.engine);

    let asked = Asked::from(query);
    let planning = (Arc::clone(&caller), asked.clone());
    let plan = engine.front.run(Box::pin(async move { planning.0.plan(&planning.1, true).await }));
    let plan = interrupt.race(plan).await??;
    let token = token.planned();
    let _permit = match analyze && plan.reads_lake {
        true => Some(interrupt.race(engine.admission.admit()).await??),
        false => None,
    };
    let _token = token.admitted();

    let executable = Arc::new(plan.executable);
    if analyze {
        let (environment, _pool) = engine.memory.for_query()?;
        let running = Arc::clone(&executable);
        let mut batches = engine.runtime.pull(async move { running.start(environment) });
        while let Some(batch) = interrupt.race(batches.next()).await? {
            batch?;
        }
    }
    let show = engine.front.run(async move {
        Ok(match format {
            ExplainFormat::Traditional if !analyze => table(&asked.query, &executable)?,
            ExplainFormat::Traditional | ExplainFormat::Tree => text(&tree(&executable.physical, analyze))?,
            ExplainFormat::Json => text(&format!("{:#}", document(&executable.physical)))?,
        })
    });
    let batch = interrupt.race(show).await??;
    let columns = match analyze && format == ExplainFormat::Traditional {
        true => self::columns(ExplainFormat::Tree),
        false => self::columns(format),
    };
    session.state.row_count = -1;
    life.finish();
    Ok(Answer::Rows(Rows {
        columns,
        time_zone: caller.time_zone,
        batches: stream::iter([Ok(batch)]).boxed(),
    }))
}

/// The columns of a form.
pub fn columns(format: ExplainFormat) -> Vec<Column> {
    match format {
        ExplainFormat::Tree | ExplainFormat::Json => vec![Column::new("EXPLAIN", DataType::Utf8, false)],
        ExplainFormat::Traditional => vec![
            Column::new("id", DataType::Int64, false),
            Column::new("select_type", DataType::Utf8, false),
            Column::new("table", DataType::Utf8, true),
            Column::new("partitions", DataType::Utf8, true),
            Column::new("type", DataType::Utf8, true),
            Column::new("possible_keys", DataType::Utf8, true),
            Column::new("key", DataType::Utf8, true),
            Column::new("key_len", DataType::Utf8, true),
            Column::new("ref", DataType::Utf8, true),
            Column::new("rows", DataType::Int64, true),
            Column::new("filtered", DataType::Float64, true),
            Column::new("Extra", DataType::Utf8, true),
        ],
    }
}

/// One row for each scan of the plan, in the order in which the statement reads them.
fn table(query: &Query, plan: &Executable) -> Result<RecordBatch> {
    let mut scans = Vec::new();
    plan.logical.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let extra = if scan.filters.is_empty() { "" } else { "Using where" };
            scans.push((Some(scan.table_name.table().to_owned()), Some("ALL"), extra));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    // How many rows a scan reads is known of the plan that runs, whose scans have no names.
    let rows = if scans.len() == 1 { rows_read(&plan.physical) } else { None };
    if scans.is_empty() {
        scans.push((None, None, "No tables used"));
    }
    let kind = match query.ast.body.as_ref() {
        ast::SetExpr::Select(_) if query.ast.with.is_none() && scans.len() == 1 => "SIMPLE",
        _ => "PRIMARY",
    };
    let count = scans.len();
    let unknown = || Arc::new(StringArray::new_null(count)) as ArrayRef;
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1; count])),
        Arc::new(StringArray::from(vec![kind; count])),
        Arc::new(scans.iter().map(|(name, ..)| name.as_deref()).collect::<StringArray>()),
        unknown(),
        Arc::new(scans.iter().map(|(_, kind, _)| *kind).collect::<StringArray>()),
        unknown(),
        unknown(),
        unknown(),
        unknown(),
        Arc::new(Int64Array::from(vec![rows; count])),
        Arc::new(Float64Array::new_null(count)),
        Arc::new(scans.iter().map(|(.., extra)| Some(*extra)).collect::<StringArray>()),
    ];
    batch(ExplainFormat::Traditional, arrays)
}

/// Rows of the files that are left after pruning, where their footers are known.
fn rows_read(plan: &Arc<dyn ExecutionPlan>) -> Option<i64> {
    let [] = plan.children().as_slice() else {
        return plan.children().into_iter().find_map(rows_read);
    };
    let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok()?;
    statistics.num_rows.get_value().and_then(|rows| i64::try_from(*rows).ok())
}

fn tree(plan: &Arc<dyn ExecutionPlan>, measured: bool) -> String {
    let text = match measured {
        true => DisplayableExecutionPlan::with_metrics(plan.as_ref()).indent(false).to_string(),
        false => displayable(plan.as_ref()).indent(false).to_string(),
    };
    text.trim_end().to_owned()
}

fn document(plan: &Arc<dyn ExecutionPlan>) -> Value {
    let metrics = plan.metrics().map(|metrics| {
        let totals = metrics.aggregate_by_name().sorted_for_display();
        totals
            .iter()
            .map(|metric| (metric.value().name().to_owned(), metric.value().to_string().into()))
            .collect()
    });
    let metrics: serde_json::Map<String, Value> = metrics.unwrap_or_default();
    json!({
        "operator": plan.name(),
        "detail": one_line(plan),
        "metrics": metrics,
        "inputs": plan.children().into_iter().map(document).collect::<Vec<_>>(),
    })
}

fn one_line(plan: &Arc<dyn ExecutionPlan>) -> String {
    displayable(plan.as_ref()).one_line().to_string().trim_end().to_owned()
}

fn text(text: &str) -> Result<RecordBatch> {
    batch(ExplainFormat::Tree, vec![Arc::new(StringArray::from(vec![text]))])
}

fn batch(format: ExplainFormat, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
    let columns = columns(format);
    let named = columns.into_iter().zip(arrays).map(|(column, array)| (column.name, array, true));
    RecordBatch::try_from_iter_with_nullable(named).map_err(|error| Error::Internal(error.to_string()))
}
