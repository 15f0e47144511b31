//! MySQL's operators as functions: arithmetic, CASE, comparisons of mixed types.
//!
//! They know values and types; how an operator was written is the dialect's.

pub mod compare;

mod arithmetic;
mod choice;

pub use arithmetic::{DIVISION_DIGITS, integer_digits};

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryViewBuilder};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};

use super::convert::{self, decimal};
use super::signature::{Call, Function, Types, returns};
use super::udf;
use super::unify::{digits, temporal};

/// The type of an instant.
pub const INSTANT: fn() -> DataType = || DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));

/// The operators.
pub fn functions() -> Vec<Function> {
    let mut functions = arithmetic::functions();
    functions.extend(choice::functions());
    functions.extend([
        Function::new("mysql_summand", 1..=1, summand_type, summand).rewrite(plain_summand),
        Function::new("mysql_row_key", 2.., returns::blob, row_key),
        Function::new("mysql_instant", 1..=1, |_| Ok(INSTANT()), instant).stable(),
    ]);
    functions
}

/// What SUM adds: exact numbers as DECIMAL, dates and times too, all others as DOUBLE.
fn summand_type(types: &Types<'_>) -> Result<DataType> {
    let fraction = types.fraction(0);
    Ok(match types.of(0) {
        DataType::Date32 | DataType::Date64 => decimal::data_type(8, 0),
        DataType::Timestamp(..) => decimal::data_type(14 + fraction, fraction as i8),
        time if temporal(time) => decimal::data_type(7 + fraction, fraction as i8),
        other => summand_of(other),
    })
}

fn summand_of(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Decimal128(..) | DataType::Decimal256(..) => data_type.clone(),
        exact
            if exact.is_decimal()
                || exact.is_integer()
                || matches!(exact, DataType::Boolean | DataType::Null) =>
        {
            let (precision, scale) = digits(exact);
            decimal::data_type(precision, scale)
        }
        _ => DataType::Float64,
    }
}

fn summand(call: &Call<'_>) -> Result<ArrayRef> {
    let cells = match call.returns {
        to if temporal(call.kind(0)) => {
            arithmetic::moments(call, 0)?.map(|array| Ok(arrow::compute::cast(array, to)?))?
        }
        DataType::Float64 => call.double(0)?.map(|array| Ok(convert::shared(array.clone())))?,
        // Arrow casts no truth to a decimal, so it is a number first.
        to if matches!(call.kind(0), DataType::Boolean) => {
            call.int(0)?.map(|array| Ok(arrow::compute::cast(array, to)?))?
        }
        to => call.raw(0)?.map(|array| Ok(arrow::compute::cast(array, to)?))?,
    };
    call.spread(&cells)
}

/// A number needs no function: Arrow's cast will do, or nothing at all.
fn plain_summand(mut arguments: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
    let from = info.get_data_type(&arguments[0])?;
    if temporal(&from) {
        return Ok(ExprSimplifyResult::Original(arguments));
    }
    let to = summand_of(&from);
    let Some(argument) = arguments.pop() else { return Ok(ExprSimplifyResult::Original(arguments)) };
    let cast = |expression: Expr, to: &DataType| Expr::Cast(Cast::new(Box::new(expression), to.clone()));
    Ok(ExprSimplifyResult::Simplified(match &from {
        same if *same == to => argument,
        DataType::Boolean => cast(cast(argument, &DataType::Int64), &to),
        number if number.is_numeric() || number.is_null() => cast(argument, &to),
        _ => udf("mysql_cast_double")?.call(vec![argument]),
    }))
}

/// One value for several: equal rows have equal keys, a row with a NULL has none. COUNT(DISTINCT a, b) counts them.
fn row_key(call: &Call<'_>) -> Result<ArrayRef> {
    let columns =
        (0..call.count()).map(|argument| call.spread(&call.raw(argument)?)).collect::<Result<Vec<_>>>()?;
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let rows = RowConverter::new(fields)?.convert_columns(&columns)?;
    let mut keys = BinaryViewBuilder::with_capacity(call.rows);
    for row in 0..call.rows {
        if columns.iter().any(|column| column.data_type().is_null() || column.is_null(row)) {
            keys.append_null();
        } else {
            keys.append_value(rows.row(row).as_ref());
        }
    }
    Ok(Arc::new(keys.finish()))
}

/// The instant at which the session's clocks show a time; what is an instant already stays.
fn instant(call: &Call<'_>) -> Result<ArrayRef> {
    if let DataType::Timestamp(_, Some(_)) = call.kind(0) {
        let cells = call.raw(0)?.map(|array| Ok(arrow::compute::cast(array, &INSTANT())?))?;
        return call.spread(&cells);
    }
    let (zone, local) = (call.zone()?, call.datetime(0)?);
    let naive = call.datetimes(|row| Some(zone.instant(local.at(row)?)))?;
    Ok(arrow::compute::cast(&naive, &INSTANT())?)
}
