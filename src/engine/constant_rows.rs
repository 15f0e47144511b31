//! `SELECT 1 UNION ALL SELECT 2` is a table of two rows, in the order in which they are written. It must not know tables.
//!
//! DataFusion runs each side of a union by itself, and whichever is ready first comes first: an answer would have another
//! order at every run, and a thread for each of its rows.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, FetchType, LogicalPlan, SkipType, Values};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Makes one list of the rows of a union that has nothing but constants.
#[derive(Debug)]
pub struct ConstantRows;

impl OptimizerRule for ConstantRows {
    fn name(&self) -> &str {
        "constant_rows"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Union(union) = &plan else { return Ok(Transformed::no(plan)) };
        let sides: Option<Vec<_>> = union.inputs.iter().map(|input| rows(input, &union.schema)).collect();
        let Some(sides) = sides else { return Ok(Transformed::no(plan)) };
        let schema = Arc::clone(&union.schema);
        Ok(Transformed::yes(LogicalPlan::Values(Values { schema, values: sides.concat() })))
    }
}

/// The rows of one side, if they are constants of the types that all sides have.
fn rows(side: &LogicalPlan, schema: &DFSchema) -> Option<Vec<Vec<Expr>>> {
    match side {
        LogicalPlan::Projection(projection) if is_one_row(&projection.input) => {
            row(&projection.expr, schema).map(|row| vec![row])
        }
        LogicalPlan::Values(values) => values.values.iter().map(|values| row(values, schema)).collect(),
        _ => None,
    }
}

/// Whether constants are all that can be selected from a plan, once. A limit of the union was pushed down to it.
fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(relation) => relation.produce_one_row,
        LogicalPlan::Limit(limit) => {
            matches!(limit.get_skip_type(), Ok(SkipType::Literal(0)))
                && matches!(limit.get_fetch_type(), Ok(FetchType::Literal(None | Some(1..))))
                && is_one_row(&limit.input)
        }
        _ => false,
    }
}

fn row(expressions: &[Expr], schema: &DFSchema) -> Option<Vec<Expr>> {
    let constant = |(expression, field): (&Expr, &FieldRef)| {
        let constant = expression.clone().unalias_nested().data;
        let same = matches!(&constant, Expr::Literal(value, _) if value.data_type() == *field.data_type());
        same.then_some(constant)
    };
    expressions.iter().zip(schema.fields()).map(constant).collect()
}
