//! From a condition on a function's value to a range of its argument, so that `DATE(t) = '2026-01-31'` and
//! `YEAR(t) = 2026` prune days and files as a range of `t` does.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;

use super::calendar::{DAY, SECOND};
use super::cast::{literal_micros, micros_literal};
use super::convert::read::Read;
use super::convert::temporal::{in_range, midnight};
use super::zone::Zone;

/// `DATE(t)` compared with a date: from its midnight to the next.
pub fn date(arguments: &[Expr], value: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
    match value.as_literal().and_then(literal_micros) {
        Some(micros) if micros % DAY == 0 => range(arguments, micros, micros + DAY, info),
        _ => Ok(PreimageResult::None),
    }
}

/// Seconds or milliseconds compared with microseconds: between two seconds nothing is, so the range is empty there.
pub fn micros(arguments: &[Expr], value: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
    let Some(ScalarValue::TimestampMicrosecond(Some(micros), _)) = value.as_literal() else {
        return Ok(PreimageResult::None);
    };
    let data_type = info.get_data_type(&arguments[0])?;
    let unit = match &data_type {
        DataType::Timestamp(TimeUnit::Second, _) => SECOND,
        DataType::Timestamp(TimeUnit::Millisecond, _) => SECOND / 1000,
        _ => return Ok(PreimageResult::None),
    };
    // The first at or after the value, and the first after it.
    let (lower, upper) = (-(-micros).div_euclid(unit), micros.div_euclid(unit) + 1);
    let bound = |count: i64| match &data_type {
        DataType::Timestamp(TimeUnit::Second, zone) => {
            ScalarValue::TimestampSecond(Some(count), zone.clone())
        }
        DataType::Timestamp(_, zone) => ScalarValue::TimestampMillisecond(Some(count), zone.clone()),
        _ => ScalarValue::Null,
    };
    Ok(PreimageResult::Range {
        expr: arguments[0].clone(),
        interval: Box::new(Interval::try_new(bound(lower), bound(upper))?),
    })
}

/// `YEAR(t)` compared with a number: from its first day to the next year's.
pub fn year(arguments: &[Expr], value: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
    let year = value.as_literal().and_then(|value| value.cast_to(&DataType::Int64).ok());
    match year {
        Some(ScalarValue::Int64(Some(year @ 1..=9998))) => {
            let year = year as i32;
            range(arguments, midnight(year, 1, 1), midnight(year + 1, 1, 1), info)
        }
        _ => Ok(PreimageResult::None),
    }
}

/// `DATE_FORMAT(t, '%Y-%m-01')` and its like compared with a text: the day, month or year that they cut to. Only
/// formats whose texts are in the order of time.
pub fn date_format(arguments: &[Expr], value: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
    let text = |expression: &Expr| {
        expression.as_literal().and_then(|value| value.try_as_str().flatten().map(str::to_owned))
    };
    let (Some(format), Some(value)) = (arguments.get(1).and_then(text), text(value)) else {
        return Ok(PreimageResult::None);
    };
    let shape = format.trim_end_matches(" 00:00:00").trim_end_matches(" %00:00:00");
    let months = match shape {
        "%Y-%m-%d" => 0,
        "%Y-%m-01" => 1,
        "%Y-01-01" => 12,
        _ => return Ok(PreimageResult::None),
    };
    let Some(parts) = Read::datetime(&value).map(|read| read.parts) else { return Ok(PreimageResult::None) };
    // Only a text that the format could have made is its value: any other is between two values.
    let mut written = String::new();
    match format.len() > shape.len() {
        true => parts.write_datetime(0, &mut written),
        false => parts.write_date(&mut written),
    }
    let begins = (months < 1 || parts.day == 1) && (months < 12 || parts.month == 1);
    let (Some(first), true) = (parts.micros(), written == value && begins && parts.time() == 0) else {
        return Ok(PreimageResult::None);
    };
    let end = match months {
        0 => first + DAY,
        1 if parts.month == 12 => midnight(parts.year + 1, 1, 1),
        1 => midnight(parts.year, parts.month + 1, 1),
        _ => midnight(parts.year + 1, 1, 1),
    };
    range(arguments, first, end, info)
}

/// The range of the first argument from one clock's reading to another.
fn range(arguments: &[Expr], first: i64, end: i64, info: &SimplifyContext) -> Result<PreimageResult> {
    let data_type = info.get_data_type(&arguments[0])?;
    let bound = |micros: i64| match &data_type {
        DataType::Timestamp(unit, Some(name)) => {
            let zone = info.config_options().execution.time_zone.as_deref().and_then(Zone::find)?;
            let instant = micros_literal(zone.instant(micros), &DataType::Timestamp(*unit, None))?;
            instant.cast_to(&DataType::Timestamp(*unit, Some(Arc::clone(name)))).ok()
        }
        data_type => micros_literal(micros, data_type),
    };
    match (bound(first), bound(end)) {
        (Some(lower), Some(upper)) if in_range(first) && in_range(end) => Ok(PreimageResult::Range {
            expr: arguments[0].clone(),
            interval: Box::new(Interval::try_new(lower, upper)?),
        }),
        _ => Ok(PreimageResult::None),
    }
}
