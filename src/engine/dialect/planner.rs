//! What DataFusion's planner asks while it plans: comparisons of operands whose types are known by then.
//!
//! It knows types and expressions; no table, no session.

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, TypePlanner};

/// Plans MySQL's operators.
#[derive(Debug)]
pub struct MySqlPlanner;

impl ExprPlanner for MySqlPlanner {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        Ok(PlannerResult::Original(expr))
    }
}

/// Types as DataFusion reads them.
#[derive(Debug)]
pub struct PlainTypes;

impl TypePlanner for PlainTypes {}
