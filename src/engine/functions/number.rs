//! Numbers: rounding, powers, logarithms, angles. Integers stay integers, exact decimals stay exact, all else is DOUBLE.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type, UInt64Type, i256};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::convert::decimal::{self, Decimal};
use super::convert::{self, Cells};
use super::error::Error;
use super::operator::integer_digits;
use super::shown::Digits;
use super::signature::{Call, Function, Types, digits, returns};
use super::unify::digits as digits_of;

/// The functions of numbers.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("round", 1..=2, |types| rounded_type(types, true), |call| rounded(call, true))
            .digits(rounded_digits),
        Function::new("truncate", 2..=2, |types| rounded_type(types, false), |call| rounded(call, false))
            .digits(rounded_digits),
        Function::new("floor", 1..=1, whole_type, |call| whole(call, false))
            .digits(|_| Some(Digits::Decimals(0))),
        Function::new("ceiling", 1..=1, whole_type, |call| whole(call, true))
            .aliases(&["ceil"])
            .digits(|_| Some(Digits::Decimals(0))),
        Function::new("abs", 1..=1, number_type, abs).digits(|types| digits::double(types, 0)),
        Function::new("sign", 1..=1, returns::int, sign),
        Function::new("mod", 2..=2, remainder_type, remainder).digits(|types| {
            integer_digits(types, |left, right| left.max(right)).or_else(|| digits::double(types, 0))
        }),
        Function::new("power", 2..=2, returns::double, power).aliases(&["pow"]),
        Function::new("exp", 1..=1, returns::double, exp),
        Function::new("sqrt", 1..=1, returns::double, |call| {
            one(call, |value| (value >= 0.0).then(|| value.sqrt()))
        }),
        Function::new("ln", 1..=1, returns::double, |call| logarithm(call, f64::ln)),
        Function::new("log2", 1..=1, returns::double, |call| {
            logarithm(call, |value| value.ln() / std::f64::consts::LN_2)
        }),
        Function::new("log10", 1..=1, returns::double, |call| logarithm(call, f64::log10)),
        Function::new("log", 1..=2, returns::double, log),
        Function::new("sin", 1..=1, returns::double, |call| one(call, |value| Some(value.sin()))),
        Function::new("cos", 1..=1, returns::double, |call| one(call, |value| Some(value.cos()))),
        Function::new("tan", 1..=1, returns::double, |call| one(call, |value| Some(value.tan()))),
        Function::new("cot", 1..=1, returns::double, cot),
        Function::new("asin", 1..=1, returns::double, |call| one(call, |value| Some(value.asin()))),
        Function::new("acos", 1..=1, returns::double, |call| one(call, |value| Some(value.acos()))),
        Function::new("atan", 1..=2, returns::double, atan).aliases(&["atan2"]),
        Function::new("degrees", 1..=1, returns::double, |call| {
            one(call, |value| Some(value * (180.0 / std::f64::consts::PI)))
        }),
        Function::new("radians", 1..=1, returns::double, |call| {
            one(call, |value| Some(value * (std::f64::consts::PI / 180.0)))
        }),
        Function::new("pi", 0..=0, returns::double, |call| call.doubles(|_| Some(std::f64::consts::PI)))
            .digits(|_| Some(Digits::Decimals(6))),
        Function::new("rand", 0..=1, returns::double, rand).volatile().rewrite(rand_with_sequence),
    ]
}

/// What a function of one number computes in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed,
    Unsigned,
    Exact,
    Double,
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::UInt64 => Kind::Unsigned,
        DataType::Boolean => Kind::Signed,
        data_type if data_type.is_integer() => Kind::Signed,
        data_type if data_type.is_decimal() => Kind::Exact,
        _ => Kind::Double,
    }
}

fn number_type(types: &Types<'_>) -> Result<DataType> {
    Ok(match kind(types.of(0)) {
        Kind::Signed => DataType::Int64,
        Kind::Unsigned => DataType::UInt64,
        Kind::Exact => {
            let (precision, scale) = digits_of(types.of(0));
            decimal::data_type(precision, scale)
        }
        Kind::Double => DataType::Float64,
    })
}

/// A decimal's scale is the number of digits asked for when that is a literal, otherwise it stays.
fn rounded_type(types: &Types<'_>, rounds: bool) -> Result<DataType> {
    if kind(types.of(0)) != Kind::Exact {
        return number_type(types);
    }
    let (precision, scale) = digits_of(types.of(0));
    let wanted = match types.len() {
        1 => 0,
        _ => types.integer(1).map_or(scale, |digits| digits.clamp(0, decimal::SCALE.into()) as i8),
    };
    let carry = u8::from(rounds && wanted < scale);
    let whole = (precision as i8 - scale).max(0) as u8;
    Ok(decimal::data_type((whole + wanted as u8 + carry).clamp(1, 76), wanted))
}

/// A DOUBLE shows as many digits after the point as it was rounded to.
fn rounded_digits(types: &Types<'_>) -> Option<Digits> {
    let wanted = match types.len() {
        1 => Some(0),
        _ if types.of(1).is_integer() => types.integer(1),
        _ => None,
    };
    wanted.map(|wanted| Digits::Decimals(wanted.clamp(0, 31) as u8))
}

fn rounded(call: &Call<'_>, rounds: bool) -> Result<ArrayRef> {
    let places = if call.count() == 2 { Some(call.int(1)?) } else { None };
    let places = |row| match &places {
        Some(places) => places.at(row),
        None => Some(0),
    };
    match kind(call.kind(0)) {
        Kind::Double => {
            let value = call.double(0)?;
            call.doubles(|row| Some(round_double(value.at(row)?, places(row)?, rounds)))
        }
        Kind::Signed => {
            let value = call.int(0)?;
            call.try_primitives::<Int64Type>(|row| {
                let (Some(value), Some(places)) = (value.at(row), places(row)) else { return Ok(None) };
                let rounded = round_int(value.into(), places, rounds);
                i64::try_from(rounded).map(Some).map_err(|_| call.out_of_range("BIGINT"))
            })
        }
        Kind::Unsigned => {
            let value = call.bits(0)?;
            call.try_primitives::<UInt64Type>(|row| {
                let (Some(value), Some(places)) = (value.at(row), places(row)) else { return Ok(None) };
                let rounded = round_int(value.into(), places, rounds);
                u64::try_from(rounded).map(Some).map_err(|_| call.out_of_range("BIGINT UNSIGNED"))
            })
        }
        Kind::Exact => exact(call, |value, row| {
            let places = places(row)?.clamp(-76, 76) as i8;
            let wanted = decimal::scale(call.returns);
            if places >= value.scale {
                return value.rescaled(wanted);
            }
            let cut = match (rounds, places) {
                (true, 0..) => value.rescaled(places)?,
                (false, 0..) => value.truncated(places),
                // Left of the point: digits become zeros.
                _ => {
                    let unit = decimal::power(places.unsigned_abs().into());
                    let whole = Decimal { value: value.value, scale: 0 };
                    let by = places.unsigned_abs() as i8 + value.scale;
                    if by > 75 {
                        Decimal { value: i256::ZERO, scale: 0 }
                    } else {
                        let shifted = Decimal { value: whole.value, scale: by };
                        let cut = if rounds { shifted.rescaled(0)? } else { shifted.truncated(0) };
                        Decimal { value: cut.value.checked_mul(unit)?, scale: 0 }
                    }
                }
            };
            cut.rescaled(wanted)
        }),
    }
}

fn round_int(value: i128, places: i64, rounds: bool) -> i128 {
    if places >= 0 {
        return value;
    }
    let Some(unit) = u32::try_from(-places).ok().and_then(|places| 10_i128.checked_pow(places)) else {
        return 0;
    };
    let rest = value % unit;
    let cut = value - rest;
    match rounds && rest.abs() * 2 >= unit {
        true => cut + unit * value.signum(),
        false => cut,
    }
}

/// Rounds or cuts to so many digits after the point, as C computes it: halves go to the even digit.
pub fn round_double(value: f64, places: i64, rounds: bool) -> f64 {
    let places = places.clamp(-400, 400) as i32;
    let step = |value: f64| if rounds { value.round_ties_even() } else { value.trunc() };
    let unit = power_of_ten(places.unsigned_abs());
    if places < 0 {
        return if unit.is_finite() { step(value / unit) * unit } else { 0.0 };
    }
    let scaled = value * unit;
    if !scaled.is_finite() {
        return value;
    }
    step(scaled) / unit
}

/// The DOUBLE next to a power of ten; `powi` is farther from it.
fn power_of_ten(exponent: u32) -> f64 {
    static POWERS: LazyLock<Vec<f64>> =
        LazyLock::new(|| (0..309).filter_map(|exponent| format!("1e{exponent}").parse().ok()).collect());
    POWERS.get(exponent as usize).copied().unwrap_or(f64::INFINITY)
}

/// Computes exact decimals in the type that was promised; what does not fit is an error.
fn exact(call: &Call<'_>, row: impl Fn(Decimal, usize) -> Option<Decimal>) -> Result<ArrayRef> {
    let scale = decimal::scale(call.kind(0));
    let values = call.raw(0)?.map(decimal::wide)?;
    exact_rows(call, |index| row(Decimal { value: values.at(index)?, scale }, index))
}

/// A column of exact decimals in the type that was promised.
fn exact_rows(call: &Call<'_>, row: impl Fn(usize) -> Option<Decimal>) -> Result<ArrayRef> {
    match *call.returns {
        DataType::Decimal128(precision, scale) => {
            let column = call.try_primitives::<Decimal128Type>(|index| match row(index) {
                Some(value) => value.value.to_i128().map(Some).ok_or_else(|| call.out_of_range("DECIMAL")),
                None => Ok(None),
            })?;
            let column = column.as_primitive::<Decimal128Type>().clone();
            Ok(convert::shared(column.with_precision_and_scale(precision, scale)?))
        }
        DataType::Decimal256(precision, scale) => {
            let column = call.primitives::<Decimal256Type>(|index| row(index).map(|value| value.value))?;
            let column = column.as_primitive::<Decimal256Type>().clone();
            Ok(convert::shared(column.with_precision_and_scale(precision, scale)?))
        }
        _ => call.ints(|index| Some(row(index)?.to_int())),
    }
}

/// An integer where the value surely fits one.
fn whole_type(types: &Types<'_>) -> Result<DataType> {
    Ok(match kind(types.of(0)) {
        Kind::Exact => {
            let (precision, scale) = digits_of(types.of(0));
            match precision as i8 - scale {
                ..=18 => DataType::Int64,
                whole => decimal::data_type(whole as u8 + 1, 0),
            }
        }
        _ => number_type(types)?,
    })
}

fn whole(call: &Call<'_>, up: bool) -> Result<ArrayRef> {
    match kind(call.kind(0)) {
        Kind::Signed => {
            let value = call.int(0)?;
            call.ints(|row| value.at(row))
        }
        Kind::Unsigned => {
            let value = call.bits(0)?;
            call.uints(|row| value.at(row))
        }
        Kind::Double => {
            let value = call.double(0)?;
            call.doubles(|row| Some(if up { value.at(row)?.ceil() } else { value.at(row)?.floor() }))
        }
        Kind::Exact => exact(call, |value, _| {
            let cut = value.truncated(0);
            let rest = cut.rescaled(value.scale).is_none_or(|back| back.value != value.value);
            let step = match (rest, up, value.value.is_negative()) {
                (true, true, false) => i256::ONE,
                (true, false, true) => i256::MINUS_ONE,
                _ => i256::ZERO,
            };
            Some(Decimal { value: cut.value.wrapping_add(step), scale: 0 })
        }),
    }
}

fn abs(call: &Call<'_>) -> Result<ArrayRef> {
    match kind(call.kind(0)) {
        Kind::Signed => {
            let value = call.int(0)?;
            call.try_primitives::<Int64Type>(|row| match value.at(row) {
                Some(value) => value.checked_abs().map(Some).ok_or_else(|| call.out_of_range("BIGINT")),
                None => Ok(None),
            })
        }
        Kind::Unsigned => {
            let value = call.bits(0)?;
            call.uints(|row| value.at(row))
        }
        Kind::Exact => exact(call, |value, _| Some(Decimal { value: value.value.wrapping_abs(), ..value })),
        Kind::Double => one(call, |value| Some(value.abs())),
    }
}

fn sign(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.ints(|row| {
        let value = value.at(row)?;
        Some(i64::from(value > 0.0) - i64::from(value < 0.0))
    })
}

fn remainder_type(types: &Types<'_>) -> Result<DataType> {
    let (left, right) = (types.of(0), types.of(1));
    Ok(match (kind(left), kind(right)) {
        (Kind::Double, _) | (_, Kind::Double) => DataType::Float64,
        (Kind::Exact, _) | (_, Kind::Exact) => super::unify::pair(left, right),
        (Kind::Unsigned, _) => DataType::UInt64,
        _ => DataType::Int64,
    })
}

/// The remainder has the sign of the first; by zero it is NULL.
fn remainder(call: &Call<'_>) -> Result<ArrayRef> {
    match call.returns {
        DataType::Float64 => {
            let (left, right) = (call.double(0)?, call.double(1)?);
            call.doubles(|row| {
                let (left, right) = (left.at(row)?, right.at(row)?);
                if right == 0.0 {
                    return call.by_zero();
                }
                Some(left % right)
            })
        }
        DataType::Int64 | DataType::UInt64 => {
            let wide = |argument: usize| -> Result<Cells<arrow::array::Decimal256Array>> {
                call.raw(argument)?.map(|array| decimal::wide(&as_number(array)?))
            };
            let (left, right) = (wide(0)?, wide(1)?);
            let row = |row| {
                let (left, right) = (left.at(row)?.to_i128()?, right.at(row)?.to_i128()?);
                if right == 0 {
                    return call.by_zero();
                }
                Some(left % right)
            };
            match call.returns {
                DataType::UInt64 => call.uints(|index| Some(row(index)? as u64)),
                _ => call.ints(|index| Some(row(index)? as i64)),
            }
        }
        returns => {
            let scale = decimal::scale(returns);
            let wide = |argument: usize| -> Result<Cells<arrow::array::Decimal256Array>> {
                call.raw(argument)?.map(|array| {
                    let wide = arrow::compute::cast(&as_number(array)?, &DataType::Decimal256(76, scale))?;
                    Ok(wide.as_primitive::<Decimal256Type>().clone())
                })
            };
            let (left, right) = (wide(0)?, wide(1)?);
            exact_rows(call, |row| {
                let (left, right) = (left.at(row)?, right.at(row)?);
                if right == i256::ZERO {
                    return call.by_zero();
                }
                Some(Decimal { value: left.wrapping_rem(right), scale })
            })
        }
    }
}

fn as_number(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Boolean => arrow::compute::cast(array, &DataType::Int64)?,
        _ => ArrayRef::clone(array),
    })
}

/// A function of one floating-point number; what is no number is NULL.
fn one(call: &Call<'_>, row: impl Fn(f64) -> Option<f64>) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.doubles(|index| row(value.at(index)?))
}

/// A DOUBLE that overflowed is an error, with the call as it was written.
fn finite(call: &Call<'_>, value: f64, arguments: &[f64]) -> Result<Option<f64>> {
    if value.is_finite() {
        return Ok(Some(value));
    }
    let name = if call.function == "power" { "pow" } else { call.function };
    let mut expression = format!("{name}(");
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            expression.push(',');
        }
        convert::number::write_double(*argument, &mut expression);
    }
    expression.push(')');
    Err(DataFusionError::from(Error::OutOfRange { kind: "DOUBLE", expression }))
}

fn power(call: &Call<'_>) -> Result<ArrayRef> {
    let (base, exponent) = (call.double(0)?, call.double(1)?);
    call.try_primitives::<Float64Type>(|row| match (base.at(row), exponent.at(row)) {
        (Some(base), Some(exponent)) => finite(call, base.powf(exponent), &[base, exponent]),
        _ => Ok(None),
    })
}

fn exp(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.try_primitives::<Float64Type>(|row| match value.at(row) {
        Some(value) => finite(call, value.exp(), &[value]),
        None => Ok(None),
    })
}

fn cot(call: &Call<'_>) -> Result<ArrayRef> {
    let value = call.double(0)?;
    call.try_primitives::<Float64Type>(|row| match value.at(row) {
        Some(value) => finite(call, 1.0 / value.tan(), &[value]),
        None => Ok(None),
    })
}

fn logarithm(call: &Call<'_>, logarithm: fn(f64) -> f64) -> Result<ArrayRef> {
    one(call, |value| {
        if value <= 0.0 {
            call.warn(3020, "Invalid argument for logarithm");
            return None;
        }
        Some(logarithm(value))
    })
}

/// `LOG(x)` is the natural one, `LOG(base, x)` that of a base.
fn log(call: &Call<'_>) -> Result<ArrayRef> {
    if call.count() == 1 {
        return logarithm(call, f64::ln);
    }
    let (base, value) = (call.double(0)?, call.double(1)?);
    call.doubles(|row| {
        let (base, value) = (base.at(row)?, value.at(row)?);
        if base <= 0.0 || value <= 0.0 || base == 1.0 {
            call.warn(3020, "Invalid argument for logarithm");
            return None;
        }
        Some(value.ln() / base.ln())
    })
}

fn atan(call: &Call<'_>) -> Result<ArrayRef> {
    if call.count() == 1 {
        return one(call, |value| Some(value.atan()));
    }
    let (y, x) = (call.double(0)?, call.double(1)?);
    call.doubles(|row| Some(y.at(row)?.atan2(x.at(row)?)))
}

/// Anew for each row, or with a seed the first number of its sequence.
fn rand(call: &Call<'_>) -> Result<ArrayRef> {
    if call.count() == 0 {
        return call.doubles(|_| Some(rand::random()));
    }
    let seed = call.int(0)?;
    call.doubles(|row| Some(Sequence::new(seed.at(row).unwrap_or(0)).next()))
}

/// A seed that is a constant begins one sequence, which goes on from row to row, whatever batches they come in.
fn rand_with_sequence(arguments: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
    let seed = match arguments.as_slice() {
        // A seed with a fraction is rounded.
        [Expr::Literal(seed, _)] => match seed.data_type().is_numeric() && !seed.data_type().is_integer() {
            true => seed.cast_to(&DataType::Float64).ok().and_then(|seed| match seed {
                ScalarValue::Float64(seed) => Some(ScalarValue::Int64(seed.map(|seed| seed.round() as i64))),
                _ => None,
            }),
            false => seed.cast_to(&DataType::Int64).ok(),
        },
        _ => None,
    };
    Ok(match seed {
        Some(ScalarValue::Int64(seed)) => {
            let function = ScalarUDF::new_from_impl(SequencedRand {
                state: Arc::new(Mutex::new(Sequence::new(seed.unwrap_or(0)))),
                signature: Signature::nullary(Volatility::Volatile),
            });
            ExprSimplifyResult::Simplified(function.call(Vec::new()))
        }
        _ => ExprSimplifyResult::Original(arguments),
    })
}

/// MySQL's generator of pseudo-random numbers.
#[derive(Debug)]
struct Sequence(u64, u64);

impl Sequence {
    const MODULUS: u64 = 0x3FFF_FFFF;

    fn new(seed: i64) -> Self {
        let seed = seed as u32;
        let first = seed.wrapping_mul(0x10001).wrapping_add(55_555_555);
        Self(u64::from(first) % Self::MODULUS, u64::from(seed.wrapping_mul(0x1000_0001)) % Self::MODULUS)
    }

    fn next(&mut self) -> f64 {
        self.0 = (self.0 * 3 + self.1) % Self::MODULUS;
        self.1 = (self.0 + self.1 + 33) % Self::MODULUS;
        self.0 as f64 / Self::MODULUS as f64
    }
}

/// `RAND(seed)` at one place of one statement.
#[derive(Debug)]
struct SequencedRand {
    state: Arc<Mutex<Sequence>>,
    signature: Signature,
}

impl PartialEq for SequencedRand {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for SequencedRand {}

impl Hash for SequencedRand {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.state).hash(state);
    }
}

impl ScalarUDFImpl for SequencedRand {
    fn name(&self) -> &str {
        "rand"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut sequence = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let values = (0..arguments.number_rows).map(|_| sequence.next());
        Ok(ColumnarValue::Array(Arc::new(Float64Array::from_iter_values(values))))
    }
}
