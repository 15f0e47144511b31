//! What DataFusion's planner asks while it plans: comparisons of operands whose types are known by then, and numbers that
//! window functions take.
//!
//! It knows types and expressions; no table, no session.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawWindowExpr, TypePlanner,
};
use datafusion::logical_expr::{Expr, Operator};
use sqlparser::ast::BinaryOperator;

use crate::engine::error::Error;
use crate::engine::functions::operator::compare::{agree, comparison, type_of, with_json};

/// Plans MySQL's comparisons. Operands of one kind are left to DataFusion: files are pruned by them.
#[derive(Debug)]
pub struct MySqlPlanner;

impl ExprPlanner for MySqlPlanner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let operator = match expr.op {
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            BinaryOperator::Spaceship => Operator::IsNotDistinctFrom,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        if let Some(compared) = with_json(operator, &expr.left, &expr.right, schema)? {
            return Ok(PlannerResult::Planned(compared));
        }
        match (type_of(&expr.left, schema), type_of(&expr.right, schema)) {
            (Some(left), Some(right)) if !agree(&left, &right) => {
                comparison(operator, expr.left, expr.right, (&left, &right)).map(PlannerResult::Planned)
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }

    /// Parameters have their values by now: a number of rows or parts is none below one, or for LAG and LEAD below zero.
    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let name = expr.func_def.name();
        let (place, least) = match name {
            "lag" | "lead" => (1, 0),
            "nth_value" => (1, 1),
            "ntile" => (0, 1),
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let number = match expr.args.get(place) {
            Some(Expr::Literal(number, _)) => number.cast_to(&DataType::Int64).ok(),
            Some(Expr::Negative(_)) => None,
            // What is computed is known when the statement runs.
            _ => return Ok(PlannerResult::Original(expr)),
        };
        match number {
            Some(ScalarValue::Int64(Some(number))) if number >= least => Ok(PlannerResult::Original(expr)),
            _ => Err(Error::Arguments(name.to_owned()).into()),
        }
    }
}

/// Types as DataFusion reads them.
#[derive(Debug)]
pub struct PlainTypes;

impl TypePlanner for PlainTypes {}
