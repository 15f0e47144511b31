//! Floating-point columns as MySQL has them: what is no real number is NULL, and zero has no sign.
//!
//! It knows columns of a file, and no table. MySQL has neither NaN nor infinities, and arrow tells the two zeros apart
//! when it compares, groups and looks up; so values become MySQL's as they are read, before anything is asked of them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{
    ArrowNativeTypeOp, DataType, Field, FieldRef, Float16Type, Float32Type, Float64Type, Schema,
};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;

/// The same columns, those of floating-point numbers as real ones.
pub fn real_numbers(columns: ProjectionExprs, table: &Schema) -> Result<ProjectionExprs> {
    columns.try_map_exprs(|column| {
        let is_floating = column.data_type(table)?.is_floating();
        Ok(if is_floating { Arc::new(Real { column }) } else { column })
    })
}

/// A column's real numbers. Its bounds and its number of NULLs are not those that a footer tells.
#[derive(Debug, Eq)]
struct Real {
    column: Arc<dyn PhysicalExpr>,
}

// What `derive` makes of it moves the column: https://github.com/rust-lang/rust/issues/78808
impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.column.eq(&other.column)
    }
}

impl Hash for Real {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
    }
}

impl PhysicalExpr for Real {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let column = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        Ok(ColumnarValue::Array(match column.data_type() {
            DataType::Float16 => real::<Float16Type>(column, |value| value.is_finite()),
            DataType::Float32 => real::<Float32Type>(column, f32::is_finite),
            DataType::Float64 => real::<Float64Type>(column, f64::is_finite),
            // A column that the file has not.
            _ if column.null_count() == column.len() => column,
            other => return internal_err!("{other} is read as a floating-point number"),
        }))
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        let field = self.column.return_field(schema)?;
        if field.is_nullable() { Ok(field) } else { Ok(Arc::new(Field::clone(&field).with_nullable(true))) }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.column]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 1]>::try_from(children) {
            Ok([column]) => Ok(Arc::new(Self { column })),
            Err(children) => internal_err!("a column was replaced by {} of them", children.len()),
        }
    }

    fn fmt_sql(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.column.fmt_sql(out)
    }
}

impl fmt::Display for Real {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.column.fmt(out)
    }
}

/// Most columns are real already, and stay as they are.
fn real<T: ArrowPrimitiveType>(column: ArrayRef, is_finite: impl Fn(T::Native) -> bool) -> ArrayRef {
    let values: &PrimitiveArray<T> = column.as_primitive();
    let real = |value: T::Native| is_finite(value).then(|| value.add_wrapping(T::Native::ZERO));
    match values.values().iter().all(|value| real(*value).is_some_and(|real| real.is_eq(*value))) {
        true => column,
        false => Arc::new(values.unary_opt::<_, T>(real)),
    }
}
