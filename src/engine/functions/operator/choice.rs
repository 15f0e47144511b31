//! CASE as a function, so that its type is MySQL's from the start; it becomes a CASE when the plan is simplified.
//!
//! `mysql_case(condition, result, condition, result, …, [otherwise])`; the conditions are truths.

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};

use super::super::control::{Shown, as_type, convert_expr};
use super::super::shown::Digits;
use super::super::signature::{Call, Function, Types, digits, marks};
use super::super::udf;
use super::super::unify::unify;

pub fn functions() -> Vec<Function> {
    vec![
        Function::new("mysql_case", 2.., case_type, eager)
            .digits(case_digits)
            .marked(case_mark)
            .conditional(as_case),
    ]
}

/// The places of the results among so many arguments.
fn results(arguments: usize) -> impl Iterator<Item = usize> {
    let otherwise = (arguments % 2 == 1).then(|| arguments - 1);
    (1..arguments).step_by(2).chain(otherwise)
}

fn case_type(types: &Types<'_>) -> Result<DataType> {
    Ok(unify(results(types.len()).map(|argument| types.of(argument))))
}

fn case_digits(types: &Types<'_>) -> Option<Digits> {
    digits::widest(results(types.len()).map(|argument| &types.fields[argument]).collect::<Vec<_>>())
}

fn case_mark(types: &Types<'_>) -> Option<(String, String)> {
    marks::json(results(types.len()).map(|argument| &types.fields[argument]))
}

/// A CASE of constants, before the plan is simplified.
fn eager(call: &Call<'_>) -> Result<ArrayRef> {
    let count = call.count();
    if call.returns.is_null() {
        return Ok(new_null_array(&DataType::Null, call.rows));
    }
    let conditions =
        (0..count - 1).step_by(2).map(|argument| call.truth(argument)).collect::<Result<Vec<_>>>()?;
    let columns = results(count)
        .map(|argument| {
            call.raw(argument)?.map(|array| as_type(array, call.field(argument), call.returns, call))
        })
        .collect::<Result<Vec<_>>>()?;
    let nothing = new_null_array(call.returns, 1);
    let mut arrays: Vec<&dyn Array> = columns.iter().map(|column| &**column.array() as &dyn Array).collect();
    arrays.push(&*nothing);
    let picks: Vec<(usize, usize)> = (0..call.rows)
        .map(|row| {
            // Where no condition holds it is the last result, ELSE, or else NULL.
            let held = conditions.iter().position(|condition| condition.at(row) == Some(true));
            let pick = held.unwrap_or(conditions.len());
            columns.get(pick).map_or((columns.len(), 0), |column| (pick, column.index(row)))
        })
        .collect();
    Ok(interleave(&arrays, &picks)?)
}

fn as_case(arguments: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
    let count = arguments.len();
    let types = results(count)
        .map(|argument| info.get_data_type(&arguments[argument]))
        .collect::<Result<Vec<_>>>()?;
    let to = unify(&types);
    let shown = Shown::of(results(count).map(|argument| &arguments[argument]), &to, info)?;
    let mut when_then_expr = Vec::with_capacity(count / 2);
    let mut rest = arguments.into_iter();
    let mut else_expr = None;
    while let Some(first) = rest.next() {
        match rest.next() {
            Some(result) => {
                let condition = match info.get_data_type(&first)? {
                    DataType::Boolean => first,
                    _ => udf("mysql_truth")?.call(vec![first]),
                };
                when_then_expr.push((Box::new(condition), Box::new(convert_expr(result, &to, info)?)));
            }
            None => else_expr = Some(Box::new(convert_expr(first, &to, info)?)),
        }
    }
    if when_then_expr.is_empty() {
        return internal_err!("CASE has a condition");
    }
    let case = Expr::Case(Case { expr: None, when_then_expr, else_expr });
    Ok(ExprSimplifyResult::Simplified(shown.by(case)?))
}
