//! Calls of constants become constants when a plan is analyzed, before any rule asks for types.
//!
//! The type of some functions is told by the value of an argument, as in MySQL: `STR_TO_DATE(x, '%H:%i')` is a TIME.
//! DataFusion's optimizer holds that no type changes while it folds constants; so those are folded before.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::session::SessionFunction;
use super::signature::Function;

/// The rule.
#[derive(Debug)]
pub struct Constants;

impl AnalyzerRule for Constants {
    fn name(&self) -> &str {
        "mysql_constants"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let config = Arc::new(config.clone());
        let plan = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            let folded = plan.map_expressions(|expression| {
                let name = names.save(&expression);
                let folded = expression.transform_up(|expression| Ok(fold(expression, &config)))?;
                Ok(folded.update_data(|expression| name.restore(expression)))
            })?;
            match folded.transformed {
                true => folded.map_data(LogicalPlan::recompute_schema),
                false => Ok(folded),
            }
        })?;
        Ok(plan.data)
    }
}

/// A call of literals as its value. One that fails stays as it is: it may never be computed.
fn fold(expression: Expr, config: &Arc<ConfigOptions>) -> Transformed<Expr> {
    let value = match &expression {
        Expr::ScalarFunction(call) => constant(call, config),
        _ => None,
    };
    match value {
        Some((value, metadata)) => Transformed::yes(Expr::Literal(value, metadata)),
        None => Transformed::no(expression),
    }
}

fn constant(
    call: &ScalarFunction,
    config: &Arc<ConfigOptions>,
) -> Option<(ScalarValue, Option<FieldMetadata>)> {
    let inner = call.func.inner();
    let ours = inner.is::<Function>() || inner.is::<SessionFunction>();
    // A quotient has more digits than it shows; as a constant it would show them all.
    let has_hidden_digits = call.func.name() == "mysql_divide";
    // LIKE looks at both of its sides before bytes become a text.
    let is_side_of_like = call.func.name() == "mysql_text";
    if !ours
        || has_hidden_digits
        || is_side_of_like
        || call.func.signature().volatility == Volatility::Volatile
    {
        return None;
    }
    let mut values = Vec::with_capacity(call.args.len());
    let mut fields: Vec<FieldRef> = Vec::with_capacity(call.args.len());
    for argument in &call.args {
        let Expr::Literal(value, metadata) = argument else { return None };
        let field = Field::new("", value.data_type(), true);
        fields.push(Arc::new(match metadata {
            Some(metadata) => metadata.add_to_field(field),
            None => field,
        }));
        values.push(value);
    }
    let constants: Vec<Option<&ScalarValue>> = values.iter().map(|value| Some(*value)).collect();
    let types = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &constants };
    let field = call.func.return_field_from_args(types).ok()?;
    let arguments = ScalarFunctionArgs {
        args: values.into_iter().map(|value| ColumnarValue::Scalar(value.clone())).collect(),
        arg_fields: fields,
        number_rows: 1,
        return_field: Arc::clone(&field),
        config_options: Arc::clone(config),
    };
    let ColumnarValue::Scalar(value) = call.func.invoke_with_args(arguments).ok()? else { return None };
    let metadata = (!field.metadata().is_empty()).then(|| FieldMetadata::from(field.metadata()));
    Some((value, metadata))
}
