//! Filters over partition columns, evaluated over the values in the names of folders. It must not know
//! files.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Fields, Schema};
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

/// The filters of a query as far as partition columns decide them.
#[derive(Debug)]
pub struct Prune {
    columns: Fields,
    /// Each filter with the number of levels, from the top, whose values decide it.
    filters: Vec<(usize, Arc<dyn PhysicalExpr>)>,
}

impl Prune {
    /// Takes what can be known from partition values of all of a query's filters, which are all to hold.
    pub fn new(columns: &Fields, filters: &[Expr], state: &dyn Session) -> Result<Self> {
        let schema = DFSchema::try_from(Schema::new(columns.clone()))?;
        let names: Vec<&str> = columns.iter().map(|column| column.name().as_str()).collect();
        let mut compiled = Vec::new();
        for filter in filters {
            let mut told = None;
            for depth in 1..=names.len() {
                let relaxed = relax(filter, &names[..depth]);
                if relaxed != told {
                    told.clone_from(&relaxed);
                    if let Some(relaxed) = relaxed {
                        compiled.push((depth, state.create_physical_expr(relaxed, &schema)?));
                    }
                }
            }
        }
        Ok(Self { columns: columns.clone(), filters: compiled })
    }

    /// Which of the folders may hold rows that the filters let through. Each has the values of the same
    /// number of levels; filters that need more levels let it pass.
    pub fn keep(&self, folders: &[&[ScalarValue]]) -> Result<Vec<bool>> {
        let Some(depth) = folders.first().map(|values| values.len()) else { return Ok(vec![]) };
        let level =
            |level: usize| ScalarValue::iter_to_array(folders.iter().map(|values| values[level].clone()));
        self.keep_rows(folders.len(), depth, || (0..depth).map(level).collect())
    }

    /// As [`Self::keep`], of the values of the first `depth` levels, which are asked for when a filter needs them.
    pub fn keep_rows(
        &self,
        rows: usize,
        depth: usize,
        values: impl FnOnce() -> Result<Vec<ArrayRef>>,
    ) -> Result<Vec<bool>> {
        let mut kept = vec![true; rows];
        let mut filters = self.filters.iter().filter(|(needed, _)| *needed <= depth).peekable();
        if filters.peek().is_none() {
            return Ok(kept);
        }
        let schema = Arc::new(Schema::new(self.columns[..depth].to_vec()));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let mut batch = RecordBatch::try_new_with_options(schema, values()?, &options)?;
        for (_, filter) in filters {
            // As in a scan, a later filter never sees a row that an earlier one has dropped: it might fail.
            let passed = truth(filter.evaluate(&batch)?.into_array(batch.num_rows())?)?;
            let mut passed_rows = passed.iter();
            for keep in kept.iter_mut().filter(|keep| **keep) {
                *keep = passed_rows.next().flatten().unwrap_or(false);
            }
            batch = filter_record_batch(&batch, &passed)?;
        }
        Ok(kept)
    }
}

/// Whether a filter is decided by partition values alone.
pub fn is_decided(filter: &Expr, columns: &Fields) -> bool {
    let names: Vec<&str> = columns.iter().map(|column| column.name().as_str()).collect();
    decides(filter, &names)
}

/// Whether values of these columns, and nothing else that is only known while the query runs, decide a filter.
fn decides(filter: &Expr, names: &[&str]) -> bool {
    let waits = |part: &Expr| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    };
    let waits = filter.exists(waits).unwrap_or(true);
    !waits && !filter.column_refs().is_empty() && expr_applicable_for_cols(names, filter)
}

/// The most that partition columns tell of a filter: parts that need other columns count as true, which
/// is sound below AND and OR only. `None` when nothing is told.
fn relax(filter: &Expr, names: &[&str]) -> Option<Expr> {
    if decides(filter, names) {
        return Some(filter.clone());
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
    match (op, relax(left, names), relax(right, names)) {
        (Operator::And, Some(left), Some(right)) => Some(left.and(right)),
        (Operator::And, Some(one), None) | (Operator::And, None, Some(one)) => Some(one),
        (Operator::Or, Some(left), Some(right)) => Some(left.or(right)),
        _ => None,
    }
}

/// The truth of each row; a filter that is no boolean is a mistake of its planner.
fn truth(values: ArrayRef) -> Result<BooleanArray> {
    let values = match values.data_type() {
        DataType::Boolean => values,
        DataType::Null => cast(&values, &DataType::Boolean)?,
        other => return Err(DataFusionError::Internal(format!("a filter gave {other}"))),
    };
    Ok(BooleanArray::from(values.to_data()))
}
