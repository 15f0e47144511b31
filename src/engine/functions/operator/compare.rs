//! Comparisons of mixed types, as MySQL makes them; equal types are compared as DataFusion compares them.
//!
//! MySQL 8.0 manual, 12.3: strings and numbers compare as DOUBLE; a constant next to a date or time is converted to
//! its type. Columns stay bare wherever they can, so that files are pruned by their statistics.

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, Cast};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator, Volatility};

use super::super::convert::read::{Read, from_number, time_from_number};
use super::super::error::Error;
use super::super::signature::{self, is_binary, is_text};
use super::super::udf;
use super::super::unify::temporal;

/// `left operator right` over operands of these types.
pub fn comparison(
    operator: Operator,
    left: Expr,
    right: Expr,
    types: (&DataType, &DataType),
) -> Result<Expr> {
    if let Some(day) = nearest_day(&right, types.0)? {
        return beside(operator, left, day, types);
    }
    if let (Some(day), Some(operator)) = (nearest_day(&left, types.1)?, operator.swap()) {
        return beside(operator, right, day, (types.1, types.0));
    }
    let (left, right) = comparable(left, right, types)?;
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right))))
}

fn is_date(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..))
}

/// The first day of the calendar after what a constant says, when that is no day of it: `2024-02-31`, `2024-00-00`, 0.
/// A text that is none at all is an error; such a number is compared as a number.
pub fn nearest_day(constant: &Expr, moment_type: &DataType) -> Result<Option<Expr>> {
    if !is_date(moment_type) {
        return Ok(None);
    }
    let Expr::Literal(value, metadata) = constant else { return Ok(None) };
    let parts = if let Some(Some(text)) = value.try_as_str() {
        let Some(Read { parts, .. }) = Read::relaxed(text) else {
            let kind = match moment_type {
                DataType::Date32 | DataType::Date64 => "DATE",
                DataType::Timestamp(_, None) => "DATETIME",
                _ => "TIMESTAMP",
            };
            return Err(Error::WrongValue { kind, value: text.to_owned() }.into());
        };
        parts
    } else {
        match integer(constant).and_then(from_number) {
            Some(parts) => parts,
            None => return Ok(None),
        }
    };
    let (year, month) = match (parts.month, parts.day) {
        (0, _) => (parts.year, 1),
        (month, 0) => (parts.year, month),
        (month, _) if !parts.is_in_month() => (parts.year, month + 1),
        _ => return Ok(None),
    };
    let day = ScalarValue::Utf8View(Some(format!("{year:04}-{month:02}-01")));
    Ok(Some(Expr::Literal(day, metadata.clone())))
}

/// The value of an integer constant.
fn integer(constant: &Expr) -> Option<i64> {
    match constant {
        Expr::Literal(value, _) if value.data_type().is_integer() => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(value)) => value,
            _ => None,
        },
        _ => None,
    }
}

/// Whether an integer constant is no moment of a type.
fn is_no_moment(constant: &Expr, moment_type: &DataType) -> bool {
    integer(constant).is_some_and(|number| match is_date(moment_type) {
        true => from_number(number).is_none(),
        false => time_from_number(number).is_none(),
    })
}

/// A comparison with what is directly before a day, and no day itself.
fn beside(operator: Operator, moment: Expr, day: Expr, types: (&DataType, &DataType)) -> Result<Expr> {
    let side = |operator| comparison(operator, moment.clone(), day.clone(), types);
    Ok(match operator {
        Operator::Lt | Operator::LtEq => side(Operator::Lt)?,
        Operator::Gt | Operator::GtEq => side(Operator::GtEq)?,
        Operator::Eq => side(Operator::Lt)?.and(side(Operator::GtEq)?),
        Operator::NotEq => side(Operator::Lt)?.or(side(Operator::GtEq)?),
        operator => Expr::Literal(ScalarValue::Boolean(Some(operator == Operator::IsDistinctFrom)), None),
    })
}

/// A comparison of JSON with anything, which becomes JSON for it; `None` for all others.
pub fn with_json(operator: Operator, left: &Expr, right: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let known = type_of(left, schema).is_some() && type_of(right, schema).is_some();
    if !known || !(is_json(left, schema) || is_json(right, schema)) {
        return Ok(None);
    }
    let (left, right) = (json_key(left.clone())?, json_key(right.clone())?);
    Ok(Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))))
}

/// What JSON is compared and ordered by, and what is compared with it.
pub fn json_key(value: Expr) -> Result<Expr> {
    Ok(udf("mysql_json_key")?.call(vec![value]))
}

/// Whether an expression is JSON: a text that is marked as such, or a nested column.
pub fn is_json(expression: &Expr, schema: &DFSchema) -> bool {
    let is_json = |field: &Field| signature::is_json(field) || field.data_type().is_nested();
    matches!(expression.to_field(schema), Ok((_, field)) if is_json(&field))
}

/// Whether DataFusion compares two types as MySQL does.
pub fn agree(left: &DataType, right: &DataType) -> bool {
    let text = |data_type: &DataType| is_text(data_type) || is_binary(data_type);
    left == right
        || left.is_null()
        || right.is_null()
        || left.is_numeric() && right.is_numeric() && !is_inexact(left, right) && !is_inexact(right, left)
        || text(left) && text(right) && !needs_bytes(left, right) && !needs_bytes(right, left)
}

/// Whether the other one is compared with a BINARY as bytes of any length: DataFusion compares it with nothing else.
fn needs_bytes(binary: &DataType, other: &DataType) -> bool {
    matches!(binary, DataType::FixedSizeBinary(_))
        && (is_text(other) || matches!(other, DataType::FixedSizeBinary(_)))
}

/// Whether a decimal is compared with a floating-point number, as which MySQL then compares both.
fn is_inexact(exact: &DataType, other: &DataType) -> bool {
    exact.is_decimal() && other.is_floating()
}

/// The operands as they are compared.
pub fn comparable(left: Expr, right: Expr, types: (&DataType, &DataType)) -> Result<(Expr, Expr)> {
    match types {
        (left_type, right_type) if agree(left_type, right_type) => Ok((left, right)),
        (left_type, right_type) if needs_bytes(left_type, right_type) => Ok((left, bytes(right))),
        (left_type, right_type) if needs_bytes(right_type, left_type) => Ok((bytes(left), right)),
        // In nanoseconds, as which DataFusion compares them, there is no year 9999.
        (DataType::Date32, DataType::Timestamp(_, None))
        | (DataType::Timestamp(_, None), DataType::Date32) => {
            Ok((micros(left, types.0)?, micros(right, types.1)?))
        }
        (DataType::Boolean, right_type) if right_type.is_numeric() || is_text(right_type) => {
            truth_and_number(left, right, right_type)
        }
        (left_type, DataType::Boolean) if left_type.is_numeric() || is_text(left_type) => {
            truth_and_number(right, left, left_type).map(|(right, left)| (left, right))
        }
        (left_type, right_type) if temporal(left_type) && (is_constant(&right) || !temporal(right_type)) => {
            with_temporal(left, left_type, right, right_type)
        }
        (left_type, right_type) if temporal(right_type) => {
            with_temporal(right, right_type, left, left_type).map(|(right, left)| (left, right))
        }
        (left_type, right_type) if temporal(left_type) => with_temporal(left, left_type, right, right_type),
        (left_type, right_type) => {
            Ok((number(left, left_type, right_type)?, number(right, right_type, left_type)?))
        }
    }
}

fn bytes(operand: Expr) -> Expr {
    Expr::Cast(Cast::new(Box::new(operand), DataType::Binary))
}

/// A date and time in microseconds. Of a coarser one it is a function, because DataFusion takes a cast off a column by
/// cutting the constant next to it: `t >= '10:00:00.5'` would find 10:00:00.
fn micros(operand: Expr, data_type: &DataType) -> Result<Expr> {
    Ok(match data_type {
        DataType::Timestamp(TimeUnit::Microsecond, _) => operand,
        DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond, _) => {
            udf("mysql_micros")?.call(vec![operand])
        }
        _ => Expr::Cast(Cast::new(Box::new(operand), DataType::Timestamp(TimeUnit::Microsecond, None))),
    })
}

/// A truth and a number or a text: next to 0 and 1 the truth stays bare.
fn truth_and_number(truth: Expr, other: Expr, other_type: &DataType) -> Result<(Expr, Expr)> {
    let literal = match &other {
        Expr::Literal(value, _) => value.cast_to(&DataType::Int64).ok(),
        _ => None,
    };
    if let Some(ScalarValue::Int64(Some(value @ (0 | 1)))) = literal
        && !other_type.is_decimal()
    {
        return Ok((truth, Expr::Literal(ScalarValue::Boolean(Some(value == 1)), None)));
    }
    let truth = Expr::Cast(Cast::new(Box::new(truth), DataType::Int64));
    Ok((truth, number(other, other_type, &DataType::Int64)?))
}

/// An operand as a number; a text that is one is the literal of that number, so that a column next to it stays bare.
fn number(operand: Expr, data_type: &DataType, other: &DataType) -> Result<Expr> {
    if is_inexact(data_type, other) {
        return Ok(match operand {
            Expr::Literal(value, _) => Expr::Literal(value.cast_to(&DataType::Float64)?, None),
            operand => Expr::Cast(Cast::new(Box::new(operand), DataType::Float64)),
        });
    }
    if data_type.is_numeric() {
        return Ok(operand);
    }
    if let Expr::Literal(value, _) = &operand
        && let Some(Some(text)) = value.try_as_str()
    {
        if other.is_integer()
            && let Ok(integer) = text.trim().parse::<i64>()
        {
            return Ok(Expr::Literal(ScalarValue::Int64(Some(integer)), None));
        }
        if let Some(exact) = exact(text.trim()).filter(|_| other.is_integer() || other.is_decimal()) {
            return Ok(Expr::Literal(exact, None));
        }
    }
    Ok(udf("mysql_cast_double")?.call(vec![operand]))
}

/// A text of at most 15 digits and a point: what equals it as a decimal equals it as a double.
fn exact(text: &str) -> Option<ScalarValue> {
    let digits: String =
        text.strip_prefix('-').unwrap_or(text).chars().filter(|character| *character != '.').collect();
    let scale = text.rsplit_once('.').map_or(0, |(_, fraction)| fraction.len());
    let plain =
        !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !plain || text.matches('.').count() > 1 {
        return None;
    }
    let value: i128 = digits.parse().ok()?;
    let value = if text.starts_with('-') { -value } else { value };
    Some(ScalarValue::Decimal128(Some(value), digits.len() as u8, scale as i8))
}

/// A date or time and something else: a constant takes the type of its neighbour.
fn with_temporal(
    moment: Expr,
    moment_type: &DataType,
    other: Expr,
    other_type: &DataType,
) -> Result<(Expr, Expr)> {
    let in_micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let cast = |expression: Expr, to: &DataType| Expr::Cast(Cast::new(Box::new(expression), to.clone()));
    let as_datetime = |operand: Expr| -> Result<Expr> {
        let digits = Expr::Literal(ScalarValue::Int64(Some(6)), None);
        Ok(udf("mysql_cast_datetime")?.call(vec![operand, digits]))
    };
    let numeric = other_type.is_numeric() || *other_type == DataType::Boolean;
    // A constant number next to a column becomes what the column is, if it can.
    if numeric && (!is_constant(&other) || is_constant(&moment) || is_no_moment(&other, moment_type)) {
        let other = if other_type.is_numeric() { other } else { cast(other, &DataType::Int64) };
        return Ok((udf("mysql_cast_double")?.call(vec![moment]), other));
    }
    Ok(match moment_type {
        // An instant is compared with the instant that the session's clocks show.
        DataType::Timestamp(_, Some(_)) => {
            let instant = udf("mysql_instant")?.call(vec![other]);
            match moment_type {
                DataType::Timestamp(TimeUnit::Nanosecond, _) => (moment, cast(instant, moment_type)),
                _ => (micros(moment, moment_type)?, instant),
            }
        }
        DataType::Timestamp(_, None) | DataType::Date32 | DataType::Date64
            if matches!(other_type, DataType::Timestamp(_, Some(_))) =>
        {
            (cast(udf("mysql_instant")?.call(vec![moment]), other_type), other)
        }
        DataType::Date32 if is_date_only(&other, other_type) => {
            (moment, udf("mysql_cast_date")?.call(vec![other]))
        }
        DataType::Date32 | DataType::Date64 => (cast(moment, &in_micros), as_datetime(other)?),
        // Finer than microseconds is not shown and reaches few centuries only: compare what is shown.
        DataType::Timestamp(TimeUnit::Nanosecond, None) => (cast(moment, &in_micros), as_datetime(other)?),
        DataType::Timestamp(..) => (micros(moment, moment_type)?, as_datetime(other)?),
        _ if is_text(other_type) || numeric => {
            let digits = Expr::Literal(ScalarValue::Int64(Some(6)), None);
            let time = |operand: Expr| -> Result<Expr> {
                Ok(udf("mysql_cast_time")?.call(vec![operand, digits.clone()]))
            };
            (time(moment)?, time(other)?)
        }
        _ => (as_datetime(moment)?, as_datetime(other)?),
    })
}

/// Whether a constant has no time of day, or midnight: then a date next to it stays a date.
fn is_date_only(constant: &Expr, data_type: &DataType) -> bool {
    let Expr::Literal(value, _) = constant else { return false };
    if let Some(Some(text)) = value.try_as_str() {
        let text = text.trim();
        let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
        let compact = date.bytes().all(|byte| byte.is_ascii_digit());
        return (!compact || date.len() <= 8)
            && !date.contains(':')
            && time.chars().all(|character| matches!(character, '0' | ':' | '.' | ' '));
    }
    // 20260131, not 20260131120000.
    data_type.is_integer()
        && matches!(value.cast_to(&DataType::Int64), Ok(ScalarValue::Int64(Some(number))) if number < 100_000_000)
}

/// Whether an expression has the same value in every row.
fn is_constant(expression: &Expr) -> bool {
    let mut constant = true;
    let walked = expression.apply(|part| {
        constant &= match part {
            Expr::Column(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::ScalarSubquery(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::Placeholder(_) => false,
            Expr::ScalarFunction(function) => function.func.signature().volatility != Volatility::Volatile,
            _ => true,
        };
        Ok(if constant { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    walked.is_ok() && constant
}

/// The type of an operand, if it is known while the statement is planned; a `?` has none.
pub fn type_of(operand: &Expr, schema: &DFSchema) -> Option<DataType> {
    if matches!(operand, Expr::Placeholder(placeholder) if placeholder.field.is_none()) {
        return None;
    }
    operand.get_type(schema).ok()
}
