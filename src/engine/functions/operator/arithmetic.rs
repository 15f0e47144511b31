//! `+ - * / DIV` and the sign: exact on integers and decimals, with MySQL's types, never wrapping around.
//!
//! MySQL 8.0 manual, 12.6.1: integers give BIGINT, unsigned if one operand is; a decimal operand makes the result
//! exact with the digits that it needs; a float or a string makes it DOUBLE. What leaves its type is error 1690,
//! dividing by zero is NULL and a warning.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Datum, Decimal128Array, Decimal256Array, Scalar};
use arrow::compute::kernels::numeric;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{
    DECIMAL256_MAX_PRECISION, DataType, Decimal128Type, Decimal256Type, Field, Float64Type, i256,
};
use arrow::error::ArrowError;
use datafusion::common::Result;

use super::super::convert::decimal::Decimal;
use super::super::convert::{Cells, decimal, packed, shared, temporal};
use super::super::shown::{self, Digits};
use super::super::signature::{Call, Function, Types, digits};
use super::super::unify::digits as digits_of;

/// How many digits `/` adds after the point: the default of `div_precision_increment`. Inside of an expression it
/// has more.
pub const DIVISION_DIGITS: i8 = 4;

pub fn functions() -> Vec<Function> {
    vec![
        Function::new("mysql_add", 2..=2, sum_type, |call| arithmetic(call, Operator::Add))
            .digits(sum_digits),
        Function::new("mysql_subtract", 2..=2, sum_type, |call| arithmetic(call, Operator::Subtract))
            .digits(sum_digits),
        Function::new("mysql_multiply", 2..=2, product_type, |call| arithmetic(call, Operator::Multiply))
            .digits(|types| {
                integer_digits(types, |left, right| left + right).or_else(|| digits::double(types, 0))
            }),
        // The third argument are the digits that it adds.
        Function::new("mysql_divide", 2..=3, quotient_type, divide)
            .digits(|types| digits::double(types, division_digits(types).unsigned_abs())),
        Function::new("mysql_div", 2..=2, integer_quotient_type, divide_integers)
            .digits(|types| integer_digits(types, |left, _| left)),
        Function::new("mysql_negate", 1..=1, negative_type, negate).digits(|types| digits::double(types, 0)),
    ]
}

/// What kind of number a type is in arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Integer { unsigned: bool, digits: u8 },
    Decimal { precision: u8, scale: i8 },
    Double,
}

impl Number {
    fn of(types: &Types<'_>, argument: usize) -> Self {
        let data_type = types.of(argument);
        match data_type {
            // A literal has as many digits as are written, so that `price * 2` stays small.
            DataType::Int64 => {
                let literal =
                    types.integer(argument).map(|value| value.unsigned_abs().max(1).ilog10() as u8 + 1);
                let digits = literal.or_else(|| shown::integer(&types.fields[argument])).unwrap_or(19);
                Self::Integer { unsigned: false, digits }
            }
            DataType::Null | DataType::Boolean => Self::Integer { unsigned: false, digits: 1 },
            DataType::Date32 | DataType::Date64 => Self::Integer { unsigned: false, digits: 8 },
            DataType::Timestamp(..) | DataType::Duration(_) if types.fraction(argument) == 0 => {
                Self::Integer { unsigned: false, digits: 14 }
            }
            integer if integer.is_integer() => {
                Self::Integer { unsigned: integer.is_unsigned_integer(), digits: digits_of(integer).0 }
            }
            exact if exact.is_decimal() || is_moment(exact) => {
                let (precision, scale) = exact_digits(&types.fields[argument]);
                Self::Decimal { precision, scale }
            }
            _ => Self::Double,
        }
    }

    /// Digits before and after the point.
    fn parts(self) -> Places {
        match self {
            Self::Integer { digits, .. } => (digits.into(), 0),
            Self::Decimal { precision, scale } => (i16::from(precision) - i16::from(scale), scale.into()),
            Self::Double => (0, 0),
        }
    }

    fn unsigned(self) -> bool {
        matches!(self, Self::Integer { unsigned: true, .. })
    }
}

/// Digits before and after the point.
type Places = (i16, i16);

/// The type for two operands; `exact` gives digits before and after the point for exact ones that are not integers.
fn type_of(types: &Types<'_>, exact: fn(Places, Places) -> Places) -> DataType {
    let (left, right) = (Number::of(types, 0), Number::of(types, 1));
    match (left, right) {
        (Number::Double, _) | (_, Number::Double) => DataType::Float64,
        (Number::Integer { .. }, Number::Integer { .. }) => integer_type(left, right),
        _ => {
            let (whole, scale) = exact(left.parts(), right.parts());
            exact_type(whole, scale)
        }
    }
}

fn integer_type(left: Number, right: Number) -> DataType {
    if left.unsigned() || right.unsigned() { DataType::UInt64 } else { DataType::Int64 }
}

/// MySQL's decimals have at most 65 digits, 30 of them after the point.
fn exact_type(whole: i16, scale: i16) -> DataType {
    let scale = scale.min(decimal::SCALE.into());
    decimal::data_type((whole + scale).clamp(1, decimal::PRECISION.into()) as u8, scale as i8)
}

fn sum_type(types: &Types<'_>) -> Result<DataType> {
    Ok(type_of(types, |left, right| (left.0.max(right.0) + 1, left.1.max(right.1))))
}

fn sum_digits(types: &Types<'_>) -> Option<Digits> {
    integer_digits(types, |left, right| left.max(right) + 1).or_else(|| digits::double(types, 0))
}

/// How many digits the result for two integers has.
pub fn integer_digits(types: &Types<'_>, of: fn(u8, u8) -> u8) -> Option<Digits> {
    match (Number::of(types, 0), Number::of(types, 1)) {
        (Number::Integer { digits: left, .. }, Number::Integer { digits: right, .. }) => {
            Some(Digits::Integer(of(left, right)))
        }
        _ => None,
    }
}

fn product_type(types: &Types<'_>) -> Result<DataType> {
    Ok(type_of(types, |left, right| (left.0 + right.0, left.1 + right.1)))
}

fn quotient_type(types: &Types<'_>) -> Result<DataType> {
    let (left, right) = (Number::of(types, 0), Number::of(types, 1));
    if left == Number::Double || right == Number::Double {
        return Ok(DataType::Float64);
    }
    let ((whole, scale), (_, right_scale)) = (left.parts(), right.parts());
    let (whole, more) = (whole + right_scale, i16::from(division_digits(types)));
    // Digits that are not shown give way to those before the point.
    let room = i16::from(DECIMAL256_MAX_PRECISION) - whole;
    let most = i16::from(decimal::SCALE);
    let scale = quotient_scale(scale, right_scale, more).min(room.max(scale + more)).min(most);
    let precision = (whole + scale).clamp(1, i16::from(DECIMAL256_MAX_PRECISION));
    Ok(decimal::data_type(precision as u8, scale as i8))
}

fn division_digits(types: &Types<'_>) -> i8 {
    let said = (types.len() > 2).then(|| types.integer(2)).flatten();
    said.and_then(|digits| i8::try_from(digits).ok()).unwrap_or(DIVISION_DIGITS)
}

/// MySQL keeps decimals in groups of nine digits: a quotient has those of both operands, and more groups if they
/// hold not so many digits `more` than are written.
fn quotient_scale(left: i16, right: i16, more: i16) -> i16 {
    let groups = (left + 8) / 9 + (right + 8) / 9;
    let spare = groups * 9 - left - right;
    9 * (groups + ((more - spare).max(0) + 8) / 9)
}

fn integer_quotient_type(types: &Types<'_>) -> Result<DataType> {
    Ok(integer_type(Number::of(types, 0), Number::of(types, 1)))
}

fn negative_type(types: &Types<'_>) -> Result<DataType> {
    Ok(match Number::of(types, 0) {
        // The only literal whose negative does not fit.
        Number::Integer { .. } if types.integer(0) == Some(i64::MIN) => decimal::data_type(19, 0),
        Number::Integer { .. } => DataType::Int64,
        Number::Decimal { precision, scale } => decimal::data_type(precision, scale),
        Number::Double => DataType::Float64,
    })
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Add,
    Subtract,
    Multiply,
}

impl Operator {
    fn arrow(self, left: &dyn Datum, right: &dyn Datum) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Add => numeric::add(left, right),
            Self::Subtract => numeric::sub(left, right),
            Self::Multiply => numeric::mul(left, right),
        }
    }

    fn wide(self, left: i128, right: i128) -> Option<i128> {
        match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
        }
    }
}

fn arithmetic(call: &Call<'_>, operator: Operator) -> Result<ArrayRef> {
    let too_large = |kind| call.out_of_range(kind);
    match call.returns {
        DataType::Int64 => {
            let (left, right) = (call.int(0)?, call.int(1)?);
            operator.arrow(&*datum(&left), &*datum(&right)).map_err(|_| too_large("BIGINT"))
        }
        DataType::UInt64 => {
            let (left, right) = (integers(call, 0)?, integers(call, 1)?);
            call.try_primitives::<arrow::datatypes::UInt64Type>(|row| {
                let (Some(left), Some(right)) = (left.at(row), right.at(row)) else { return Ok(None) };
                let result = operator.wide(left, right).and_then(|result| u64::try_from(result).ok());
                result.map(Some).ok_or_else(|| too_large("BIGINT UNSIGNED"))
            })
        }
        DataType::Float64 => {
            let (left, right) = (call.double(0)?, call.double(1)?);
            let result = operator.arrow(&*datum(&left), &*datum(&right))?;
            finite(result).map(unsigned_zeros).ok_or_else(|| too_large("DOUBLE"))
        }
        returns => {
            let (left, right) = (exact(call, 0, returns)?, exact(call, 1, returns)?);
            let result = operator.arrow(&*datum(&left), &*datum(&right)).map_err(|_| too_large("DECIMAL"))?;
            relabelled(&result, returns).map_err(|_| too_large("DECIMAL"))
        }
    }
}

/// `/`: exact with more digits after the point than are shown, or DOUBLE.
fn divide(call: &Call<'_>) -> Result<ArrayRef> {
    let too_large = |kind| call.out_of_range(kind);
    if *call.returns == DataType::Float64 {
        let (left, right) = (call.double(0)?, call.double(1)?);
        return call.try_primitives::<Float64Type>(|row| {
            let (Some(left), Some(right)) = (left.at(row), right.at(row)) else { return Ok(None) };
            if right == 0.0 {
                return Ok(call.by_zero());
            }
            let quotient = left / right;
            // Zero has no sign.
            if quotient.is_finite() { Ok(Some(quotient + 0.0)) } else { Err(too_large("DOUBLE")) }
        });
    }
    let scale = decimal::scale(call.returns);
    // Most quotients fit 128 bits; those of large decimals are computed in 256. The last digit is cut, not rounded.
    let shift = |left: i8, right: i8| (scale - left + right).max(0) as u32;
    if let (Some((left, left_scale)), Some((right, right_scale)), DataType::Decimal128(..)) =
        (narrow(call, 0)?, narrow(call, 1)?, call.returns)
        && shift(left_scale, right_scale) <= 38
    {
        let power = 10_i128.pow(shift(left_scale, right_scale));
        let result = call.try_primitives::<Decimal128Type>(|row| {
            let (Some(left), Some(right)) = (left.at(row), right.at(row)) else { return Ok(None) };
            if right == 0 {
                return Ok(call.by_zero());
            }
            match left.checked_mul(power) {
                Some(left) => Ok(Some(left / right)),
                None => {
                    let wide = i256::from_i128(left).wrapping_mul(i256::from_i128(power));
                    let quotient = wide.wrapping_div(i256::from_i128(right)).to_i128();
                    quotient.map(Some).ok_or_else(|| too_large("DECIMAL"))
                }
            }
        })?;
        return relabelled_bits(result, call.returns);
    }
    let ((left, left_scale), (right, right_scale)) = (wide(call, 0)?, wide(call, 1)?);
    let digits = shift(left_scale, right_scale);
    let result = call.try_primitives::<Decimal256Type>(|row| {
        let (Some(left), Some(right)) = (left.at(row), right.at(row)) else { return Ok(None) };
        if right == i256::ZERO {
            return Ok(call.by_zero());
        }
        long_division(left, right, digits).map(Some).ok_or_else(|| too_large("DECIMAL"))
    })?;
    let labelled = relabelled_bits(result, &DataType::Decimal256(DECIMAL256_MAX_PRECISION, scale))?;
    strictly(&labelled, call.returns).map_err(|_| too_large("DECIMAL"))
}

/// The quotient with so many digits more than there are, a few at a time: all of them at once may not fit the dividend.
fn long_division(left: i256, right: i256, digits: u32) -> Option<i256> {
    const STEP: u32 = 9;
    let (mut quotient, mut rest) = (left.checked_div(right)?, left.checked_rem(right)?);
    let mut missing = digits;
    while missing > 0 {
        let power = decimal::power(missing.min(STEP));
        let dividend = rest.checked_mul(power)?;
        quotient = quotient.checked_mul(power)?.checked_add(dividend.checked_div(right)?)?;
        rest = dividend.checked_rem(right)?;
        missing -= missing.min(STEP);
    }
    Some(quotient)
}

/// DIV: the quotient without its fraction.
fn divide_integers(call: &Call<'_>) -> Result<ArrayRef> {
    let kind = if *call.returns == DataType::UInt64 { "BIGINT UNSIGNED" } else { "BIGINT" };
    let too_large = || call.out_of_range(kind);
    let integral = |argument: usize| {
        let kind = call.kind(argument);
        kind.is_integer() || matches!(kind, DataType::Boolean | DataType::Null)
    };
    let quotient: Box<dyn Fn(usize) -> Result<Option<i128>>> = if integral(0) && integral(1) {
        let (left, right) = (integers(call, 0)?, integers(call, 1)?);
        Box::new(move |row| {
            let (Some(left), Some(right)) = (left.at(row), right.at(row)) else { return Ok(None) };
            Ok(if right == 0 { call.by_zero() } else { Some(left / right) })
        })
    } else if call.kind(0).is_decimal() && (call.kind(1).is_decimal() || integral(1))
        || integral(0) && call.kind(1).is_decimal()
    {
        let ((left, left_scale), (right, right_scale)) = (wide(call, 0)?, wide(call, 1)?);
        let scale = left_scale.max(right_scale);
        let (left_power, right_power) =
            (decimal::power((scale - left_scale) as u32), decimal::power((scale - right_scale) as u32));
        Box::new(move |row| {
            let (Some(left), Some(right)) = (left.at(row), right.at(row)) else { return Ok(None) };
            if right == i256::ZERO {
                return Ok(call.by_zero());
            }
            let (left, right) = (left.checked_mul(left_power), right.checked_mul(right_power));
            let (Some(left), Some(right)) = (left, right) else {
                return Err(call.out_of_range("BIGINT"));
            };
            left.wrapping_div(right).to_i128().map(Some).ok_or_else(|| call.out_of_range("BIGINT"))
        })
    } else {
        // Doubles are the decimals that they are written as: -0.01 DIV -0.00001 is 1000, which doubles miss.
        let (left, right) = (written(call, 0)?, written(call, 1)?);
        let (left_double, right_double) = (call.double(0)?, call.double(1)?);
        Box::new(move |row| {
            let (Some(left), Some(right)) = (left(row), right(row)) else { return Ok(None) };
            if right.value == i256::ZERO {
                return Ok(call.by_zero());
            }
            let inexact = || Some((left_double.at(row)? / right_double.at(row)?).trunc() as i128);
            Ok(whole_quotient(left, right).or_else(inexact))
        })
    };
    if *call.returns == DataType::UInt64 {
        call.try_primitives::<arrow::datatypes::UInt64Type>(|row| {
            quotient(row)?.map(|value| u64::try_from(value).map_err(|_| too_large())).transpose()
        })
    } else {
        call.try_primitives::<arrow::datatypes::Int64Type>(|row| {
            quotient(row)?.map(|value| i64::try_from(value).map_err(|_| too_large())).transpose()
        })
    }
}

/// The quotient of two decimals without its fraction, if it can be computed exactly. The second one is not zero.
fn whole_quotient(left: Decimal, right: Decimal) -> Option<i128> {
    let scale = left.scale.max(right.scale);
    left.rescaled(scale)?.value.wrapping_div(right.rescaled(scale)?.value).to_i128()
}

/// An operand's values by their rows.
type Decimals = Box<dyn Fn(usize) -> Option<Decimal>>;

/// An operand as decimals: exact ones as they are, doubles and texts as they are written.
fn written(call: &Call<'_>, argument: usize) -> Result<Decimals> {
    let kind = call.kind(argument);
    if kind.is_integer()
        || kind.is_decimal()
        || kind.is_null()
        || *kind == DataType::Boolean
        || is_moment(kind)
    {
        let (cells, scale) = wide(call, argument)?;
        return Ok(Box::new(move |row| cells.at(row).map(|value| Decimal { value, scale })));
    }
    let cells = call.double(argument)?;
    Ok(Box::new(move |row| cells.at(row).map(Decimal::from_double)))
}

fn negate(call: &Call<'_>) -> Result<ArrayRef> {
    let too_large = |kind| call.out_of_range(kind);
    match call.returns {
        DataType::Int64 => {
            let value = integers(call, 0)?;
            call.try_primitives::<arrow::datatypes::Int64Type>(|row| {
                let Some(value) = value.at(row) else { return Ok(None) };
                i64::try_from(-value).map(Some).map_err(|_| too_large("BIGINT"))
            })
        }
        DataType::Float64 => {
            let value = call.double(0)?;
            call.doubles(|row| value.at(row).map(|value| -value))
        }
        returns => {
            let value = exact(call, 0, returns)?;
            let negative = Cells::of(numeric::neg(value.array())?);
            let negative =
                if value.is_constant() { Cells::constant(Arc::clone(negative.array())) } else { negative };
            call.spread(&negative)
        }
    }
}

/// An operand as integers wider than both BIGINTs.
fn integers(call: &Call<'_>, argument: usize) -> Result<Integers> {
    Ok(match call.kind(argument) {
        DataType::UInt64 => Integers::Unsigned(call.bits(argument)?),
        _ => Integers::Signed(call.int(argument)?),
    })
}

enum Integers {
    Signed(Cells<arrow::array::Int64Array>),
    Unsigned(Cells<arrow::array::UInt64Array>),
}

impl Integers {
    fn at(&self, row: usize) -> Option<i128> {
        match self {
            Self::Signed(cells) => cells.at(row).map(Into::into),
            Self::Unsigned(cells) => cells.at(row).map(Into::into),
        }
    }
}

/// An exact operand as the kind of decimal that the result is, with its own scale.
fn exact(call: &Call<'_>, argument: usize, returns: &DataType) -> Result<Cells<ArrayRef>> {
    let (precision, scale) = exact_digits(call.field(argument));
    // A product has the digits of both before it is cut to the most that a DECIMAL has.
    let long = (0..call.count()).map(|argument| exact_digits(call.field(argument)).1).sum::<i8>() > 38;
    let to = match returns {
        _ if long => DataType::Decimal256(precision, scale),
        DataType::Decimal256(..) => DataType::Decimal256(precision, scale),
        _ => DataType::Decimal128(precision.min(38), scale),
    };
    plain(call, argument)?.map(|array| Ok(cast(array, &to)?))
}

/// An exact operand in 128 bits with its scale, if it fits.
fn narrow(call: &Call<'_>, argument: usize) -> Result<Option<(Cells<Decimal128Array>, i8)>> {
    if matches!(call.kind(argument), DataType::Decimal256(..)) {
        return Ok(None);
    }
    let scale = exact_digits(call.field(argument)).1;
    let cells = plain(call, argument)?.map(|array| {
        Ok(cast(array, &DataType::Decimal128(38, scale))?.as_primitive::<Decimal128Type>().clone())
    })?;
    Ok(Some((cells, scale)))
}

/// An exact operand in 256 bits with its scale.
fn wide(call: &Call<'_>, argument: usize) -> Result<(Cells<Decimal256Array>, i8)> {
    let scale = exact_digits(call.field(argument)).1;
    Ok((plain(call, argument)?.map(decimal::wide)?, scale))
}

/// Dates and times as the exact numbers that SUM adds.
pub fn moments(call: &Call<'_>, argument: usize) -> Result<Cells<ArrayRef>> {
    plain(call, argument)
}

/// Whether a type is a time, or a date and time: exact numbers, with a fraction of the second no integers.
fn is_moment(kind: &DataType) -> bool {
    matches!(
        kind,
        DataType::Timestamp(..) | DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_)
    )
}

/// How many digits an exact operand has, and how many of them are after the point.
fn exact_digits(field: &Field) -> (u8, i8) {
    let kind = field.data_type();
    let fraction = if is_moment(kind) { temporal::digits(field) as u8 } else { 0 };
    match kind {
        // YYYYMMDDhhmmss, hhhmmss.
        DataType::Timestamp(..) if fraction > 0 => (14 + fraction, fraction as i8),
        _ if fraction > 0 => (7 + fraction, fraction as i8),
        decimal if decimal.is_decimal() => digits_of(decimal),
        _ => (20, 0),
    }
}

/// Decimals as they are, fractions of seconds as decimals, everything else that is exact as integers.
fn plain(call: &Call<'_>, argument: usize) -> Result<Cells<ArrayRef>> {
    match call.kind(argument) {
        DataType::UInt64 => call.raw(argument),
        kind if kind.is_decimal() => call.raw(argument),
        kind if is_moment(kind) && temporal::digits(call.field(argument)) > 0 => {
            let digits = temporal::digits(call.field(argument));
            call.raw(argument)?.map(|array| Ok(shared(packed::exact(array, digits, call)?)))
        }
        _ => call.int(argument)?.map(|array| Ok(shared(array.clone()))),
    }
}

/// The operand of an Arrow kernel.
fn datum<A: Array + Clone + 'static>(cells: &Cells<A>) -> Box<dyn Datum> {
    let array = cells.array().clone();
    if cells.is_constant() { Box::new(Scalar::new(array)) } else { Box::new(array) }
}

/// The same decimals with another precision; a scale beyond MySQL's 30 digits is rounded.
fn relabelled(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let same_width =
        matches!(array.data_type(), DataType::Decimal128(..)) == matches!(to, DataType::Decimal128(..));
    if decimal::scale(array.data_type()) != decimal::scale(to) || !same_width {
        return strictly(array, to);
    }
    relabelled_bits(Arc::clone(array), to)
}

/// Decimals as those of a type; what does not fit is an error.
fn strictly(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, to, &options)?)
}

/// The same bits as decimals of a type.
fn relabelled_bits(array: ArrayRef, to: &DataType) -> Result<ArrayRef> {
    Ok(match to {
        DataType::Decimal128(precision, scale) => shared(
            array.as_primitive::<Decimal128Type>().clone().with_precision_and_scale(*precision, *scale)?,
        ),
        DataType::Decimal256(precision, scale) => shared(
            array.as_primitive::<Decimal256Type>().clone().with_precision_and_scale(*precision, *scale)?,
        ),
        _ => array,
    })
}

/// A column of doubles, unless one of them is no number.
fn finite(array: ArrayRef) -> Option<ArrayRef> {
    let values = array.as_primitive::<Float64Type>();
    let all = match values.nulls() {
        None => values.values().iter().all(|value| value.is_finite()),
        Some(_) => values.iter().flatten().all(f64::is_finite),
    };
    all.then_some(array)
}

/// Zero without a sign: Arrow tells the two zeros apart when it compares.
fn unsigned_zeros(array: ArrayRef) -> ArrayRef {
    shared(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(|value| value + 0.0))
}
