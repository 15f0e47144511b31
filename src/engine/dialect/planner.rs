//! What DataFusion's planner asks while it plans: comparisons of operands whose types are known by then.
//!
//! It knows types and expressions; no table, no session.

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, TypePlanner};
use sqlparser::ast::BinaryOperator;

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
}

/// Types as DataFusion reads them.
#[derive(Debug)]
pub struct PlainTypes;

impl TypePlanner for PlainTypes {}
