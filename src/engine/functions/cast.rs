//! CAST and CONVERT: `mysql_cast_…` for each target type, and the truth of a value.
//!
//! Unlike Arrow's casts they take a text's prefix, round instead of cutting, and answer NULL and a warning where
//! a value has no counterpart.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float32Type, TimeUnit, i256};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};

use super::calendar::{DAY, SECOND};
use super::convert::decimal::{self, Decimal};
use super::convert::{self, number, packed, temporal};
use super::error::Error;
use super::json::{self, coerce, document};
use super::preimage;
use super::shown::Digits;
use super::signature::{Call, Function, Types, is_binary, is_text, returns};

/// The casts.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("mysql_truth", 1..=1, returns::boolean, truth).rewrite(truth_of_boolean),
        Function::new("mysql_cast_signed", 1..=1, returns::int, signed)
            .rewrite(|arguments, info| widened(arguments, info, &DataType::Int64)),
        Function::new("mysql_cast_unsigned", 1..=1, returns::uint, unsigned)
            .rewrite(|arguments, info| widened(arguments, info, &DataType::UInt64)),
        Function::new("mysql_cast_double", 1..=1, returns::double, double)
            .rewrite(|arguments, info| widened(arguments, info, &DataType::Float64)),
        // The second argument are the bits that it needs.
        Function::new("mysql_cast_float", 1..=2, float_type, float),
        Function::new("mysql_cast_decimal", 1..=3, decimal_type, to_decimal),
        Function::new("mysql_cast_char", 1..=2, returns::text, character),
        Function::new("mysql_held", 3..=3, returns::text, held),
        Function::new("mysql_cast_binary", 1..=2, returns::blob, binary),
        Function::new("mysql_cast_date", 1..=1, returns::date, date)
            .aliases(&["date"])
            .rewrite(|arguments, info| widened(arguments, info, &DataType::Date32))
            .preimage(preimage::date),
        Function::new("mysql_cast_datetime", 1..=2, datetime_type, datetime)
            .digits(|types| precision(types).ok().map(Digits::Fraction)),
        // A date and time in microseconds, whatever its unit is.
        Function::new("mysql_micros", 1..=1, in_micros, |call| {
            let cells = call.raw(0)?.map(|array| Ok(arrow::compute::cast(array, call.returns)?))?;
            call.spread(&cells)
        })
        .preimage(preimage::micros),
        Function::new("mysql_cast_time", 1..=2, time_type, time)
            .digits(|types| precision(types).ok().map(Digits::Fraction)),
        Function::new("mysql_cast_json", 1..=1, returns::text, to_json).json(),
        Function::new("mysql_cast_year", 1..=1, returns::int, year),
    ]
}

fn truth(call: &Call<'_>) -> Result<ArrayRef> {
    let truth = call.truth(0)?;
    call.booleans(|row| truth.at(row))
}

fn truth_of_boolean(mut arguments: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
    Ok(match (info.get_data_type(&arguments[0])?, arguments.pop()) {
        (DataType::Boolean, Some(argument)) => ExprSimplifyResult::Simplified(argument),
        (_, argument) => ExprSimplifyResult::Original(argument.into_iter().collect()),
    })
}

/// A number that its new type surely holds is Arrow's cast, which the pruning of files sees through.
fn widened(mut arguments: Vec<Expr>, info: &SimplifyContext, to: &DataType) -> Result<ExprSimplifyResult> {
    let from = info.get_data_type(&arguments[0])?;
    let holds = match (&from, to) {
        (DataType::Int8 | DataType::Int16 | DataType::Int32, DataType::Int64 | DataType::Float64)
        | (
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32,
            DataType::Int64 | DataType::UInt64 | DataType::Float64,
        )
        | (DataType::Float32, DataType::Float64)
        | (DataType::Boolean, DataType::Int64) => true,
        (from, to) => from == to,
    };
    match arguments.pop() {
        Some(argument) if holds && from == *to => Ok(ExprSimplifyResult::Simplified(argument)),
        Some(argument) if holds => {
            Ok(ExprSimplifyResult::Simplified(Expr::Cast(Cast::new(Box::new(argument), to.clone()))))
        }
        argument => Ok(ExprSimplifyResult::Original(argument.into_iter().collect())),
    }
}

fn signed(call: &Call<'_>) -> Result<ArrayRef> {
    match call.kind(0) {
        // The same 64 bits, as MySQL does.
        data_type if matches!(data_type, DataType::UInt64) || is_binary(data_type) || call.is_json(0) => {
            let value = call.bits(0)?;
            call.ints(|row| Some(value.at(row)? as i64))
        }
        data_type if is_text(data_type) && !call.is_moment(0) => {
            let value = call.text(0)?;
            call.ints(|row| {
                let text = value.at(row)?;
                let (integer, clean) = number::prefix_int(text);
                if !clean {
                    convert::truncated(call, "INTEGER", text);
                }
                Some(wrapped(integer))
            })
        }
        _ => {
            let value = call.int(0)?;
            call.ints(|row| value.at(row))
        }
    }
}

/// Beyond the signed integers the bits of the unsigned one, beyond those the nearest that fits.
fn wrapped(integer: i128) -> i64 {
    let low = i128::from(i64::MIN);
    if integer < low { i64::MIN } else { integer.min(u64::MAX.into()) as u64 as i64 }
}

fn unsigned(call: &Call<'_>) -> Result<ArrayRef> {
    if call.kind(0).is_decimal() {
        let scale = decimal::scale(call.kind(0));
        let value = call.raw(0)?.map(decimal::wide)?;
        return call.uints(|row| {
            let rounded = Decimal { value: value.at(row)?, scale }.rounded();
            if rounded.is_negative() {
                // A negative decimal has no unsigned counterpart; only integers keep their bits.
                let mut text = String::new();
                Decimal { value: value.at(row)?, scale }.write(&mut text);
                convert::truncated(call, "DECIMAL", &text);
                return Some(0);
            }
            Some(rounded.to_i128().and_then(|value| u64::try_from(value).ok()).unwrap_or(u64::MAX))
        });
    }
    let value = call.bits(0)?;
    call.uints(|row| value.at(row))
}

fn double(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.doubles(|row| value.at(row))
}

/// `FLOAT(p)`: beyond 24 bits it is a DOUBLE.
fn float_type(types: &Types<'_>) -> Result<DataType> {
    const MOST: i64 = 53;
    match types.integer(1).unwrap_or(0) {
        ..=24 => Ok(DataType::Float32),
        25..=MOST => Ok(DataType::Float64),
        digits => Err(Error::Precision { digits, of: "CAST".to_owned(), most: MOST }.into()),
    }
}

fn float(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.double(0)?;
    if *call.returns == DataType::Float64 {
        return call.doubles(|row| value.at(row));
    }
    call.try_primitives::<Float32Type>(|row| match value.at(row).map(|value| value as f32) {
        Some(value) if value.is_infinite() => Err(call.out_of_range("FLOAT")),
        value => Ok(value),
    })
}

fn decimal_type(types: &Types<'_>) -> Result<DataType> {
    let precision = types.integer(1).unwrap_or(10);
    let scale = types.integer(2).unwrap_or(0);
    let precision = if precision == 0 { 10 } else { precision };
    let (most_digits, most_after_point) = (i64::from(decimal::PRECISION), i64::from(decimal::SCALE));
    if scale > precision {
        return Err(Error::ScaleBeyondPrecision.into());
    }
    if precision > most_digits {
        return Err(Error::Precision { digits: precision, of: types.written(0), most: most_digits }.into());
    }
    if scale > most_after_point {
        return Err(Error::Scale { digits: scale, of: types.written(0), most: most_after_point }.into());
    }
    Ok(decimal::data_type(precision as u8, scale as i8))
}

fn to_decimal(call: &Call<'_>) -> Result<ArrayRef> {
    let (precision, scale) = match *call.returns {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => (precision, scale),
        ref other => return plan_err!("a decimal cannot be {other}"),
    };
    let largest = decimal::power(precision.into()).wrapping_sub(i256::ONE);
    let fit = |value: Decimal, clean: bool, text: &dyn Fn() -> String| {
        if !clean {
            convert::truncated(call, "DECIMAL", &text());
        }
        let fitted = value.rescaled(scale).map(|value| value.value);
        let fitted = fitted.filter(|value| value.wrapping_abs() <= largest);
        fitted.unwrap_or_else(|| {
            call.warn(1264, "Out of range value for column '' at row 1");
            if value.value.is_negative() { largest.wrapping_neg() } else { largest }
        })
    };
    let column: Vec<Option<i256>> = decimals(call, 0, fit)?;
    match call.returns {
        DataType::Decimal128(..) => {
            let column = call.primitives::<Decimal128Type>(|row| column[row].and_then(i256::to_i128))?;
            let column = column.as_primitive::<Decimal128Type>().clone();
            Ok(convert::shared(column.with_precision_and_scale(precision, scale)?))
        }
        _ => {
            let column = call.primitives::<Decimal256Type>(|row| column[row])?;
            let column = column.as_primitive::<Decimal256Type>().clone();
            Ok(convert::shared(column.with_precision_and_scale(precision, scale)?))
        }
    }
}

/// Any argument as decimals, each passed on with whether it was one as a whole and its text.
pub(super) fn decimals(
    call: &Call<'_>,
    argument: usize,
    fit: impl Fn(Decimal, bool, &dyn Fn() -> String) -> i256,
) -> Result<Vec<Option<i256>>> {
    let text_of = |value: Decimal| {
        let mut text = String::new();
        value.write(&mut text);
        text
    };
    let exact = |value: Decimal| fit(value, true, &|| text_of(value));
    let kind = call.kind(argument);
    if call.is_literal_of_bytes(argument) {
        let bits = call.bits(argument)?;
        let value = |row| Some(Decimal { value: i256::from_i128(bits.at(row)?.into()), scale: 0 });
        return Ok((0..call.rows).map(|row| value(row).map(exact)).collect());
    }
    if kind.is_integer() || kind.is_decimal() || matches!(kind, DataType::Boolean) {
        let scale = decimal::scale(kind);
        let value = call.raw(argument)?.map(|array| match array.data_type() {
            DataType::Boolean => decimal::wide(&arrow::compute::cast(array, &DataType::Int64)?),
            _ => decimal::wide(array),
        })?;
        let row = |row| value.at(row).map(|value| Decimal { value, scale });
        return Ok((0..call.rows).map(|index| row(index).map(exact)).collect());
    }
    if call.is_json(argument) {
        let value = coerce::decimals(call, argument)?;
        let row = |row| value.array()[value.index(row)];
        return Ok((0..call.rows)
            .map(|index| row(index).map(|value| fit(value, true, &|| text_of(value))))
            .collect());
    }
    if kind.is_floating() || call.is_moment(argument) {
        let value = call.double(argument)?;
        let row = |row| value.at(row).map(Decimal::from_double);
        return Ok((0..call.rows).map(|index| row(index).map(exact)).collect());
    }
    if matches!(kind, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) {
        let date_only = !matches!(kind, DataType::Timestamp(..));
        let value = call.datetime(argument)?;
        let row = |row| {
            let packed = packed::datetime(value.at(row)?);
            let value = if date_only { packed / 1_000_000 } else { packed };
            Some(Decimal { value: i256::from_i128(value), scale: 6 }).map(|value| match date_only {
                true => Decimal { scale: 0, value: value.value.wrapping_div(decimal::power(6)) },
                false => value,
            })
        };
        return Ok((0..call.rows).map(|index| row(index).map(exact)).collect());
    }
    if matches!(kind, DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_)) {
        let value = call.time(argument)?;
        let row = |row| {
            let value = i256::from_i128(packed::time(value.at(row)?));
            Some(Decimal { value, scale: 6 })
        };
        return Ok((0..call.rows).map(|index| row(index).map(exact)).collect());
    }
    let value = call.text(argument)?;
    let row = |row| {
        let text = value.at(row)?;
        let (decimal, clean) = Decimal::parse(text);
        Some(fit(decimal, clean, &|| text.to_owned()))
    };
    Ok((0..call.rows).map(row).collect())
}

fn character(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    if call.count() == 1 {
        return call.slices(|row| text.at(row));
    }
    let length = call.int(1)?;
    call.slices(|row| {
        let (text, length) = (text.at(row)?, usize::try_from(length.at(row)?).unwrap_or(usize::MAX));
        let Some((end, _)) = text.char_indices().nth(length) else { return Some(text) };
        convert::truncated(call, &format!("CHAR({length})"), text);
        Some(&text[..end])
    })
}

/// `mysql_held(text, length, 'column')`: the text, which a column of that length must hold.
fn held(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, length, column) = (call.text(0)?, call.int(1)?, call.text(2)?);
    for row in 0..call.rows {
        let (Some(text), Some(length)) = (text.at(row), length.at(row)) else { continue };
        if text.chars().nth(usize::try_from(length).unwrap_or(usize::MAX)).is_some() {
            return Err(Error::TooLong { column: column.at(row).unwrap_or_default().to_owned() }.into());
        }
    }
    call.slices(|row| text.at(row))
}

fn binary(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    let length = if call.count() == 1 { None } else { Some(call.int(1)?) };
    call.blobs(|row, out| {
        let bytes = bytes.at(row)?;
        out.extend_from_slice(bytes);
        if let Some(length) = &length {
            let length = usize::try_from(length.at(row)?).unwrap_or(usize::MAX);
            call.fits(length)?;
            if length < bytes.len() {
                convert::truncated(call, &format!("BINARY({length})"), &String::from_utf8_lossy(bytes));
            }
            out.resize(length, 0);
        }
        Some(())
    })
}

fn date(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.datetime(0)?;
    call.dates(|row| Some(value.at(row)?.div_euclid(DAY) as i32))
}

/// How many digits a cast to a time shows: the argument, or none.
fn precision(types: &Types<'_>) -> Result<u8> {
    let digits = types.integer(1).unwrap_or(0);
    match digits {
        0..=6 => Ok(digits as u8),
        _ => Err(Error::Precision { digits, of: "CAST".to_owned(), most: 6 }.into()),
    }
}

fn datetime_type(types: &Types<'_>) -> Result<DataType> {
    Ok(returns::datetime(precision(types)?))
}

fn in_micros(types: &Types<'_>) -> Result<DataType> {
    Ok(match types.of(0) {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        _ => DataType::Timestamp(TimeUnit::Microsecond, None),
    })
}

fn datetime(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.datetime(0)?;
    let digits = digits(call)?;
    call.datetimes(|row| Some(temporal::rounded_datetime(value.at(row)?, digits)))
}

fn time_type(types: &Types<'_>) -> Result<DataType> {
    Ok(returns::time(precision(types)?))
}

fn time(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.time(0)?;
    let digits = digits(call)?;
    call.times(|row| Some(temporal::rounded(value.at(row)?, digits)))
}

/// The number of digits that a call gives as its second argument.
fn digits(call: &Call<'_>) -> Result<u32> {
    match call.count() {
        1 => Ok(0),
        _ => Ok(call.int(1)?.at(0).unwrap_or(0).clamp(0, 6) as u32),
    }
}

fn to_json(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.raw(0)?;
    // Bytes are no document, but a value like a number.
    let parsed = if is_text(call.kind(0)) { Some(call.text(0)?) } else { None };
    call.try_texts(|row, out| {
        if value.is_null(row) {
            return Ok(None);
        }
        let document = match &parsed {
            Some(text) => json::read(text.at(row).unwrap_or_default(), 1, "cast_as_json")?,
            None => document::from_array(value.array(), value.index(row))?,
        };
        document.write(out);
        Ok(Some(()))
    })
}

fn year(call: &Call<'_>) -> Result<ArrayRef> {
    if matches!(call.kind(0), DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) {
        let value = call.calendar(0)?;
        return call.ints(|row| Some(value.at(row)?.year.into()));
    }
    let text = is_text(call.kind(0));
    let value = call.int(0)?;
    call.ints(|row| match value.at(row)? {
        0 if text => Some(2000),
        0 => Some(0),
        year @ 1..=69 => Some(2000 + year),
        year @ 70..=99 => Some(1900 + year),
        year @ 1901..=2155 => Some(year),
        year => {
            convert::truncated(call, "YEAR", &year.to_string());
            None
        }
    })
}

/// A value that is known when the plan is made, as microseconds of a date and time.
pub fn literal_micros(value: &ScalarValue) -> Option<i64> {
    Some(match value {
        ScalarValue::Date32(Some(days)) => i64::from(*days) * DAY,
        ScalarValue::TimestampSecond(Some(seconds), None) => seconds.checked_mul(SECOND)?,
        ScalarValue::TimestampMillisecond(Some(millis), None) => millis.checked_mul(1000)?,
        ScalarValue::TimestampMicrosecond(Some(micros), None) => *micros,
        _ => return None,
    })
}

/// The literal of a type for microseconds of a date and time; `None` when the type does not hold it.
pub fn micros_literal(micros: i64, data_type: &DataType) -> Option<ScalarValue> {
    Some(match data_type {
        DataType::Date32 if micros % DAY == 0 => ScalarValue::Date32(Some((micros / DAY) as i32)),
        DataType::Timestamp(TimeUnit::Second, None) => {
            ScalarValue::TimestampSecond(Some(micros.div_euclid(SECOND)), None)
        }
        DataType::Timestamp(TimeUnit::Millisecond, None) => {
            ScalarValue::TimestampMillisecond(Some(micros.div_euclid(1000)), None)
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            ScalarValue::TimestampMicrosecond(Some(micros), None)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, None) => {
            ScalarValue::TimestampNanosecond(Some(micros.checked_mul(1000)?), None)
        }
        _ => return None,
    })
}
