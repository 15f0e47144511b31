//! Control flow: IF, IFNULL, NULLIF, COALESCE, ISNULL, GREATEST, LEAST, INTERVAL and ELT's relatives.
//!
//! Those that compute only some of their arguments become CASE when the plan is simplified.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{Expr, ExprSchemable, lit, when};

use super::convert::{self, Cells};
use super::error::Error;
use super::json::key;
use super::shown::{Digits, is_told, tells};
use super::signature::{Call, Function, Types, digits, is_json, is_text, marks, returns};
use super::udf;
use super::unify::{temporal, unify};

/// The functions of control flow.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("if", 3..=3, |types| Ok(unify([types.of(1), types.of(2)])), eager)
            .digits(|types| digits::widest(types.fields.iter().skip(1)))
            .marked(|types| marks::json(types.fields.iter().skip(1)))
            .conditional(if_as_case),
        Function::new("ifnull", 2..=2, all, eager)
            .aliases(&["nvl"])
            .digits(|types| digits::widest(types.fields))
            .marked(|types| marks::json(types.fields))
            .conditional(first_as_case),
        Function::new("coalesce", 1.., all, eager)
            .digits(|types| digits::widest(types.fields))
            .marked(|types| marks::json(types.fields))
            .conditional(first_as_case),
        Function::new("isnull", 1..=1, returns::boolean, is_null).rewrite(|mut arguments, _| {
            Ok(match arguments.pop() {
                Some(argument) => ExprSimplifyResult::Simplified(argument.is_null()),
                None => ExprSimplifyResult::Original(arguments),
            })
        }),
        Function::new("nullif", 2..=2, returns::first, null_if)
            .digits(|types| digits::widest(types.fields.iter().take(1)))
            .marked(|types| marks::json(types.fields.iter().take(1))),
        Function::new("greatest", 2.., extreme_type, |call| extreme(call, Ordering::Greater))
            .digits(|types| digits::widest(types.fields))
            .marked(|types| marks::json(types.fields)),
        Function::new("least", 2.., extreme_type, |call| extreme(call, Ordering::Less))
            .digits(|types| digits::widest(types.fields))
            .marked(|types| marks::json(types.fields)),
        Function::new("interval", 2.., returns::int, interval),
        Function::new("mysql_only_row", 1..=1, returns::boolean, only_row),
        Function::new("mysql_shown", 3..=3, returns::first, |call| call.spread(&call.raw(0)?))
            .digits(|types| Digits::of(types.string(1)?, u8::try_from(types.integer(2)?).ok()?)),
        Function::new("mysql_as_json", 1..=1, returns::text, as_text).json(),
        Function::new("mysql_convert", 2..=2, |types| Ok(types.of(1).clone()), converted),
    ]
}

fn all(types: &Types<'_>) -> Result<DataType> {
    Ok(unify(types.fields.iter().map(|field| field.data_type())))
}

/// IF and COALESCE of constants, before the plan is simplified.
fn eager(call: &Call<'_>) -> Result<ArrayRef> {
    let count = call.count();
    let picks: Vec<Option<usize>> = if call.function == "if" {
        let condition = call.truth(0)?;
        (0..call.rows).map(|row| Some(if condition.at(row) == Some(true) { 1 } else { 2 })).collect()
    } else {
        let values = (0..count).map(|argument| call.raw(argument)).collect::<Result<Vec<_>>>()?;
        (0..call.rows).map(|row| values.iter().position(|value| !value.is_null(row))).collect()
    };
    let columns =
        (0..count).map(|argument| convert_to(call, argument, call.returns)).collect::<Result<Vec<_>>>()?;
    let nothing = arrow::array::new_null_array(call.returns, 1);
    let mut arrays: Vec<&dyn Array> = columns.iter().map(|column| &**column.array() as &dyn Array).collect();
    arrays.push(&*nothing);
    let indices: Vec<(usize, usize)> = picks
        .iter()
        .enumerate()
        .map(|(row, pick)| pick.map_or((count, 0), |pick| (pick, columns[pick].index(row))))
        .collect();
    if matches!(call.returns, DataType::Null) {
        return Ok(arrow::array::new_null_array(&DataType::Null, call.rows));
    }
    Ok(arrow::compute::interleave(&arrays, &indices)?)
}

/// An argument converted to a type by MySQL's rules; the condition of an IF stays what it is.
fn convert_to(call: &Call<'_>, argument: usize, to: &DataType) -> Result<Cells<ArrayRef>> {
    if call.function == "if" && argument == 0 {
        return Ok(Cells::constant(arrow::array::new_null_array(to, 1)));
    }
    call.raw(argument)?.map(|array| as_type(array, call.field(argument), to, call))
}

/// A column as another type by MySQL's rules.
pub fn as_type(array: &ArrayRef, field: &Field, to: &DataType, call: &Call<'_>) -> Result<ArrayRef> {
    if array.data_type() == to {
        return Ok(ArrayRef::clone(array));
    }
    let converted = match to {
        DataType::Utf8View => convert::shared(convert::text_of(array, field, call)?),
        DataType::BinaryView => convert::shared(convert::bytes(array, call)?),
        DataType::Float64 => convert::shared(convert::double(array, call)?),
        DataType::Int64 => convert::shared(convert::int(array, call)?),
        DataType::UInt64 => convert::shared(convert::bits(array, call)?),
        DataType::Boolean => convert::shared(convert::truth(array, call)?),
        DataType::Timestamp(_, None) | DataType::Date32 => {
            convert::shared(convert::temporal::datetime(array, call)?)
        }
        DataType::Duration(_) => convert::shared(convert::temporal::time(array, call)?),
        // Arrow casts no truth to a decimal, so it is a number first.
        _ if matches!(array.data_type(), DataType::Boolean) => convert::shared(convert::int(array, call)?),
        _ => ArrayRef::clone(array),
    };
    Ok(arrow::compute::cast(&converted, to)?)
}

/// `mysql_as_json(x)` is x, whose texts are JSON where a plan has forgotten it.
fn as_text(call: &Call<'_>) -> Result<ArrayRef> {
    let texts =
        call.raw(0)?.map(|array| Ok(convert::shared(convert::text_of(array, call.field(0), call)?)))?;
    call.spread(&texts)
}

/// `mysql_only_row(count)` holds for one row of a subquery and for none.
fn only_row(call: &Call<'_>) -> Result<ArrayRef> {
    let count = call.int(0)?;
    match (0..call.rows).any(|row| count.at(row).is_some_and(|count| count > 1)) {
        true => Err(Error::SubqueryRows.into()),
        false => call.booleans(|_| Some(true)),
    }
}

/// `mysql_convert(x, y)` is x in the type of y: how the branches of a CASE come to one type.
fn converted(call: &Call<'_>) -> Result<ArrayRef> {
    let values = call.raw(0)?.map(|array| as_type(array, call.field(0), call.returns, call))?;
    let picks: Vec<(usize, usize)> = (0..call.rows).map(|row| (0, values.index(row))).collect();
    Ok(arrow::compute::interleave(&[&**values.array() as &dyn Array], &picks)?)
}

/// An expression in another type by MySQL's rules.
pub fn convert_expr(expression: Expr, to: &DataType, info: &SimplifyContext) -> Result<Expr> {
    let from = expression.get_type(info.schema())?;
    convert_from(expression, &from, to)
}

/// An expression of a known type in another type by MySQL's rules.
pub fn convert_from(expression: Expr, from: &DataType, to: &DataType) -> Result<Expr> {
    if from == to {
        return Ok(expression);
    }
    // Numbers that widen and NULL need no function, so that the optimizer sees through.
    if from.is_null() || (from.is_numeric() && to.is_numeric()) || (is_text(from) && is_text(to)) {
        return Ok(Expr::Cast(Cast::new(Box::new(expression), to.clone())));
    }
    let pattern = Expr::Literal(datafusion::common::ScalarValue::try_from(to)?, None);
    Ok(udf("mysql_convert")?.call(vec![expression, pattern]))
}

fn if_as_case(arguments: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
    let [condition, then, otherwise] = <[Expr; 3]>::try_from(arguments)
        .map_err(|_| datafusion::common::internal_datafusion_err!("IF has three arguments"))?;
    let to = unify([&info.get_data_type(&then)?, &info.get_data_type(&otherwise)?]);
    let condition = match info.get_data_type(&condition)? {
        DataType::Boolean => condition,
        _ => udf("mysql_truth")?.call(vec![condition]),
    };
    let shown = Shown::of([&then, &otherwise], &to, info)?;
    let case =
        when(condition, convert_expr(then, &to, info)?).otherwise(convert_expr(otherwise, &to, info)?)?;
    Ok(ExprSimplifyResult::Simplified(shown.by(case)?))
}

/// How a CASE shows its values.
#[derive(Debug)]
pub struct Shown {
    /// Where its type does not tell.
    digits: Option<Digits>,
    /// Whether a result has digits of its own: a CASE that always has the same result becomes that result.
    told: bool,
    /// Whether they are JSON.
    json: bool,
}

impl Shown {
    /// Of these results in the type `to`.
    pub fn of<'a>(
        results: impl IntoIterator<Item = &'a Expr>,
        to: &DataType,
        info: &SimplifyContext,
    ) -> Result<Self> {
        let fields = results.into_iter().map(|result| Ok(result.to_field(info.schema())?.1));
        let fields = fields.collect::<Result<Vec<_>>>()?;
        let digits = digits::widest(&fields).filter(|digits| tells(to, *digits));
        let told = fields.iter().any(|field| is_told(field) || is_json(field));
        Ok(Self { digits, told, json: marks::json(&fields).is_some() })
    }

    /// A CASE as a value that is shown so: DataFusion's own keeps no metadata.
    pub fn by(&self, case: Expr) -> Result<Expr> {
        match self.json {
            true => as_json(case),
            false if self.digits.is_some() || self.told => with_digits(case, self.digits),
            false => Ok(case),
        }
    }
}

/// An expression whose texts are JSON.
pub fn as_json(expression: Expr) -> Result<Expr> {
    Ok(udf("mysql_as_json")?.call(vec![expression]))
}

/// An expression that shows so many digits, or as many as each value has, whatever it showed before.
pub fn with_digits(expression: Expr, digits: Option<Digits>) -> Result<Expr> {
    let (key, count) = digits.map_or(("", 0), |digits| (digits.key(), digits.count()));
    Ok(udf("mysql_shown")?.call(vec![expression, lit(key), lit(i64::from(count))]))
}

fn first_as_case(arguments: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
    let types = arguments.iter().map(|argument| info.get_data_type(argument)).collect::<Result<Vec<_>>>()?;
    let to = unify(&types);
    let shown = Shown::of(&arguments, &to, info)?;
    let mut arguments = arguments.into_iter().rev();
    let Some(last) = arguments.next() else { return internal_err!("COALESCE has arguments") };
    let mut chain = convert_expr(last, &to, info)?;
    for argument in arguments {
        chain = when(argument.clone().is_not_null(), convert_expr(argument, &to, info)?).otherwise(chain)?;
    }
    Ok(ExprSimplifyResult::Simplified(shown.by(chain)?))
}

fn is_null(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.raw(0)?;
    call.booleans(|row| Some(value.is_null(row)))
}

fn null_if(call: &Call<'_>) -> Result<ArrayRef> {
    let values = call.raw(0)?;
    let comparison = Comparison::of(call)?;
    let nothing = arrow::array::new_null_array(call.kind(0), 1);
    let pick = |row| match comparison.compare(row, 0, 1) {
        Some(Ordering::Equal) => (1, 0),
        _ => (0, values.index(row)),
    };
    if call.kind(0).is_null() {
        return Ok(arrow::array::new_null_array(&DataType::Null, call.rows));
    }
    let picks: Vec<(usize, usize)> = (0..call.rows).map(pick).collect();
    Ok(arrow::compute::interleave(&[&**values.array() as &dyn Array, &*nothing], &picks)?)
}

/// With a date or time among the arguments the others are compared and answered as one.
fn extreme_type(types: &Types<'_>) -> Result<DataType> {
    let kinds = types.fields.iter().map(|field| field.data_type());
    let times: Vec<&DataType> = kinds.filter(|kind| temporal(kind)).collect();
    if times.is_empty() { all(types) } else { Ok(unify(times)) }
}

/// GREATEST and LEAST: NULL when any argument is, compared in the type that holds them all.
fn extreme(call: &Call<'_>, wanted: Ordering) -> Result<ArrayRef> {
    if matches!(call.returns, DataType::Null)
        || (0..call.count()).any(|argument| call.kind(argument).is_null())
    {
        return Ok(arrow::array::new_null_array(call.returns, call.rows));
    }
    let columns = (0..call.count())
        .map(|argument| convert_to(call, argument, call.returns))
        .collect::<Result<Vec<_>>>()?;
    let comparison = match call.returns {
        DataType::Timestamp(..) | DataType::Date32 => Comparison::instants(call)?,
        DataType::Duration(_) => Comparison::times(call)?,
        // Of texts and numbers it is the greatest text.
        text if is_text(text) && !(0..call.count()).all(|argument| call.is_json(argument)) => {
            Comparison::Texts((0..call.count()).map(|argument| call.bytes(argument)).collect::<Result<_>>()?)
        }
        _ => Comparison::of(call)?,
    };
    let arrays: Vec<&dyn Array> = columns.iter().map(|column| &**column.array() as &dyn Array).collect();
    let null =
        (0..call.rows).map(|row| (0..call.count()).position(|argument| columns[argument].is_null(row)));
    let picks: Vec<(usize, usize)> = null
        .enumerate()
        .map(|(row, null)| {
            let pick = null.unwrap_or_else(|| {
                (1..call.count()).fold(0, |best, argument| match comparison.compare(row, argument, best) {
                    Some(order) if order == wanted => argument,
                    _ => best,
                })
            });
            (pick, columns[pick].index(row))
        })
        .collect();
    Ok(arrow::compute::interleave(&arrays, &picks)?)
}

/// Compares arguments with each other in the type that MySQL compares them in.
enum Comparison {
    Texts(Vec<Cells<arrow::array::BinaryViewArray>>),
    Doubles(Vec<Cells<arrow::array::Float64Array>>),
    Ints(Vec<Cells<arrow::array::Int64Array>>),
    Decimals(Vec<Cells<arrow::array::Decimal256Array>>),
    Instants(Vec<Cells<arrow::array::TimestampMicrosecondArray>>),
    Times(Vec<Cells<arrow::array::DurationMicrosecondArray>>),
}

impl Comparison {
    fn instants(call: &Call<'_>) -> Result<Self> {
        let columns = (0..call.count()).map(|argument| call.datetime(argument));
        Ok(Self::Instants(columns.collect::<Result<_>>()?))
    }

    fn times(call: &Call<'_>) -> Result<Self> {
        let columns = (0..call.count()).map(|argument| call.time(argument));
        Ok(Self::Times(columns.collect::<Result<_>>()?))
    }

    fn of(call: &Call<'_>) -> Result<Self> {
        let arguments = 0..call.count();
        if arguments.clone().any(|argument| call.is_json(argument)) {
            return Ok(Self::Texts(
                arguments.map(|argument| key::keys(call, argument)).collect::<Result<_>>()?,
            ));
        }
        let kinds: Vec<&DataType> = arguments.clone().map(|argument| call.kind(argument)).collect();
        let unified = unify(kinds.iter().copied());
        let texts = kinds.iter().filter(|kind| is_text(kind)).count();
        let numbers = kinds.iter().any(|kind| kind.is_numeric() || matches!(kind, DataType::Boolean));
        let times = kinds.iter().filter(|kind| temporal(kind)).count();
        Ok(
            if times > 0
                && times + texts == kinds.len()
                && (texts > 0 || matches!(unified, DataType::Date32 | DataType::Timestamp(..)))
            {
                Self::instants(call)?
            } else if matches!(unified, DataType::Duration(_)) {
                Self::times(call)?
            } else if unified.is_decimal() || unified == DataType::UInt64 {
                let wide = |argument| {
                    call.raw(argument)?.map(|array| {
                        let wide = DataType::Decimal256(76, convert::decimal::scale(&unified));
                        let numbers = as_type(array, call.field(argument), &wide, call)?;
                        Ok(arrow::array::AsArray::as_primitive::<arrow::datatypes::Decimal256Type>(&numbers)
                            .clone())
                    })
                };
                Self::Decimals(arguments.map(wide).collect::<Result<_>>()?)
            } else if unified.is_integer() || matches!(unified, DataType::Boolean) {
                Self::Ints(arguments.map(|argument| call.int(argument)).collect::<Result<_>>()?)
            } else if numbers {
                Self::Doubles(arguments.map(|argument| call.double(argument)).collect::<Result<_>>()?)
            } else {
                Self::Texts(arguments.map(|argument| call.bytes(argument)).collect::<Result<_>>()?)
            },
        )
    }

    fn compare(&self, row: usize, left: usize, right: usize) -> Option<Ordering> {
        match self {
            Self::Texts(cells) => Some(cells[left].at(row)?.cmp(cells[right].at(row)?)),
            Self::Doubles(cells) => cells[left].at(row)?.partial_cmp(&cells[right].at(row)?),
            Self::Ints(cells) => Some(cells[left].at(row)?.cmp(&cells[right].at(row)?)),
            Self::Decimals(cells) => Some(cells[left].at(row)?.cmp(&cells[right].at(row)?)),
            Self::Instants(cells) => Some(cells[left].at(row)?.cmp(&cells[right].at(row)?)),
            Self::Times(cells) => Some(cells[left].at(row)?.cmp(&cells[right].at(row)?)),
        }
    }
}

/// `INTERVAL(n, a, b, …)`: how many of the ascending a, b, … are not greater than n; -1 for NULL.
fn interval(call: &Call<'_>) -> Result<ArrayRef> {
    let values = (0..call.count()).map(|argument| call.double(argument)).collect::<Result<Vec<_>>>()?;
    call.primitives::<Int64Type>(|row| {
        let Some(number) = values[0].at(row) else { return Some(-1) };
        let below = values[1..].iter().take_while(|value| value.at(row).is_none_or(|value| value <= number));
        Some(below.count() as i64)
    })
}
