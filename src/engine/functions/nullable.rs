//! A value that may be NULL, whatever it is made of.
//!
//! The value of a subquery without rows is NULL, also where its column never is. DataFusion asks the column; so a rule
//! puts this call around it. The call is volatile only so that no rule computes it of a constant and takes it away:
//! its value is its argument's.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Its name.
pub const NAME: &str = "mysql_nullable";

/// `mysql_nullable(x)`.
pub fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Nullable { signature: Signature::any(1, Volatility::Volatile) }))
}

/// Whether an expression is anew for each row: what is volatile but for this.
pub fn is_volatile(expression: &Expr) -> bool {
    let is_volatile = |part: &Expr| {
        let is_this = matches!(part, Expr::ScalarFunction(call) if call.func.name() == NAME);
        Ok(part.is_volatile_node() && !is_this)
    };
    expression.exists(is_volatile).unwrap_or(true)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Nullable {
    signature: Signature,
}

impl ScalarUDFImpl for Nullable {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    /// All that is told of the argument's values is true of these.
    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(arguments.arg_fields[0].as_ref().clone().with_name(NAME).with_nullable(true)))
    }

    fn invoke_with_args(&self, mut arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        arguments.args.swap_remove(0).into_array(arguments.number_rows).map(ColumnarValue::Array)
    }
}
