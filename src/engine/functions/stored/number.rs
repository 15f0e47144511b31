//! Numbers for columns of numbers and years: rounded, and never beyond what the type holds. It must not know columns of
//! other types.

use arrow::array::{ArrayRef, AsArray, Float64Array, StringViewArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};
use datafusion::common::Result;

use super::super::cast;
use super::super::convert::decimal::{self, Decimal};
use super::super::convert::{self, Cells, number};
use super::super::signature::{Call, is_binary, is_text};
use super::{Fit, Reason, Storing};

/// Where numbers are read from.
enum Source {
    /// Digits, of which so many are after the point.
    Exact(Vec<Option<i256>>, i8),
    Approximate(Cells<Float64Array>),
    Text(Cells<StringViewArray>),
}

/// A number as it was found.
enum Number<'a> {
    Exact(Decimal),
    Approximate(f64),
    Text(&'a str),
}

impl Source {
    fn of(call: &Call<'_>) -> Result<Self> {
        let kind = call.kind(0);
        if call.is_moment(0) {
            return Ok(Self::Approximate(call.double(0)?));
        }
        // `0x1F` is a number here, unlike other binary strings.
        if *kind == DataType::Binary {
            let bits = call.bits(0)?;
            let wide = |row| bits.at(row).map(|bits| i256::from_i128(bits.into()));
            return Ok(Self::Exact((0..call.rows).map(wide).collect(), 0));
        }
        if is_text(kind) || is_binary(kind) {
            return Ok(Self::Text(call.text(0)?));
        }
        if kind.is_floating() || kind.is_null() {
            return Ok(Self::Approximate(call.double(0)?));
        }
        // Dates and times are the numbers that their digits make.
        let is_number = kind.is_integer() || kind.is_decimal() || *kind == DataType::Boolean;
        let scale = if is_number { decimal::scale(kind) } else { 6 };
        let aligned = |value: Decimal, _: bool, _: &dyn Fn() -> String| match value.rescaled(scale) {
            Some(value) => value.value,
            None => value.value,
        };
        Ok(Self::Exact(cast::decimals(call, 0, aligned)?, scale))
    }

    fn at(&self, row: usize) -> Option<Number<'_>> {
        match self {
            Self::Exact(values, scale) => {
                values[row].map(|value| Number::Exact(Decimal { value, scale: *scale }))
            }
            Self::Approximate(cells) => {
                cells.at(row).filter(|value| !value.is_nan()).map(Number::Approximate)
            }
            Self::Text(cells) => cells.at(row).map(Number::Text),
        }
    }
}

/// A number that was read, and what is wrong with how it was written.
struct Rounded {
    value: i128,
    wrong: Option<Reason>,
}

impl Number<'_> {
    /// The nearest integer; halves of exact numbers go away from zero.
    fn rounded(&self) -> Rounded {
        let nearest = |value: Decimal| {
            let rounded = value.rounded();
            let edge = if rounded.is_negative() { i128::MIN } else { i128::MAX };
            rounded.to_i128().unwrap_or(edge)
        };
        match self {
            Self::Exact(value) => Rounded { value: nearest(*value), wrong: None },
            Self::Approximate(value) => Rounded { value: value.round_ties_even() as i128, wrong: None },
            Self::Text(text) => {
                let (value, _) = Decimal::parse(text);
                Rounded { value: nearest(value), wrong: miswritten(text, "integer") }
            }
        }
    }
}

/// What is wrong with a text that is to be a number: nothing is, or something follows it.
fn miswritten(text: &str, kind: &'static str) -> Option<Reason> {
    let trimmed = text.trim_start();
    match number::double_length(trimmed.as_bytes()) {
        0 => Some(Reason::Value { kind, value: text.to_owned() }),
        length if trimmed[length..].trim().is_empty() => None,
        _ => Some(Reason::Rest),
    }
}

/// An integer between two others.
fn within(Rounded { value, wrong }: Rounded, low: i128, high: i128) -> Fit<i128> {
    match wrong {
        _ if value < low => Fit::Not(Reason::Range, Some(low)),
        _ if value > high => Fit::Not(Reason::Range, Some(high)),
        Some(reason) => Fit::Not(reason, Some(value)),
        None => Fit::Whole(value),
    }
}

impl Storing<'_> {
    /// A column of integers of so many bytes.
    pub(super) fn integers(&self, bytes: u8, unsigned: bool) -> Result<ArrayRef> {
        let source = Source::of(self.call)?;
        let bits = 8 * u32::from(bytes);
        let (low, high) = match unsigned {
            true => (0, (1_i128 << bits) - 1),
            false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        };
        let at = |row: usize| -> Result<Option<i128>> {
            match source.at(row) {
                Some(number) => self.settle(row, within(number.rounded(), low, high)),
                None => Ok(None),
            }
        };
        // What is within the limits has the bits of its type.
        match (bytes, unsigned) {
            (1, false) => self.call.try_primitives::<Int8Type>(|row| Ok(at(row)?.map(|value| value as i8))),
            (1, true) => self.call.try_primitives::<UInt8Type>(|row| Ok(at(row)?.map(|value| value as u8))),
            (2, false) => self.call.try_primitives::<Int16Type>(|row| Ok(at(row)?.map(|value| value as i16))),
            (2, true) => self.call.try_primitives::<UInt16Type>(|row| Ok(at(row)?.map(|value| value as u16))),
            (3 | 4, false) => {
                self.call.try_primitives::<Int32Type>(|row| Ok(at(row)?.map(|value| value as i32)))
            }
            (3 | 4, true) => {
                self.call.try_primitives::<UInt32Type>(|row| Ok(at(row)?.map(|value| value as u32)))
            }
            (_, false) => self.call.try_primitives::<Int64Type>(|row| Ok(at(row)?.map(|value| value as i64))),
            (_, true) => self.call.try_primitives::<UInt64Type>(|row| Ok(at(row)?.map(|value| value as u64))),
        }
    }

    /// A column of years: 1901 to 2155, two digits of one, or 0.
    pub(super) fn years(&self) -> Result<ArrayRef> {
        if matches!(self.call.kind(0), DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) {
            let dates = self.call.calendar(0)?;
            return self.call.try_primitives::<Int16Type>(|row| match dates.at(row) {
                Some(date) => {
                    let year = Rounded { value: date.year.into(), wrong: None };
                    self.settle(row, year_of(year, false)).map(|year| year.map(|year| year as i16))
                }
                None => Ok(None),
            });
        }
        let source = Source::of(self.call)?;
        self.call.try_primitives::<Int16Type>(|row| {
            let Some(number) = source.at(row) else { return Ok(None) };
            // A text's zero is the year 2000, but with all its digits.
            let short = matches!(number, Number::Text(text) if text.trim().len() < 4);
            let year = self.settle(row, year_of(number.rounded(), short))?;
            Ok(year.map(|year| year as i16))
        })
    }

    /// A column of FLOAT.
    pub(super) fn floats(&self) -> Result<ArrayRef> {
        let most = f64::from(f32::MAX);
        let reals = self.reals(|value| match (value as f32).is_finite() {
            true => Fit::Whole(value),
            false => Fit::Not(Reason::Range, Some(value.clamp(-most, most))),
        })?;
        self.call.primitives::<Float32Type>(|row| reals[row].map(|value| value as f32))
    }

    /// A column of DOUBLE.
    pub(super) fn doubles(&self) -> Result<ArrayRef> {
        let reals = self.reals(Fit::Whole)?;
        self.call.primitives::<Float64Type>(|row| reals[row].map(|value| value + 0.0))
    }

    fn reals(&self, fit: impl Fn(f64) -> Fit<f64>) -> Result<Vec<Option<f64>>> {
        let kind = self.call.kind(0);
        let is_text =
            (is_text(kind) || is_binary(kind) && *kind != DataType::Binary) && !self.call.is_moment(0);
        if !is_text {
            let cells = self.call.double(0)?;
            let finite = |row| cells.at(row).filter(|value| !value.is_nan());
            return (0..self.call.rows)
                .map(|row| finite(row).map_or(Ok(None), |value| self.settle(row, real(value, &fit))))
                .collect();
        }
        let texts = self.call.text(0)?;
        let read = |text: &str| {
            let trimmed = text.trim_start();
            let length = number::double_length(trimmed.as_bytes());
            let value = trimmed[..length].parse().unwrap_or(0.0);
            match real(value, &fit) {
                Fit::Whole(value) if length == 0 || !trimmed[length..].trim().is_empty() => {
                    Fit::Not(Reason::Rest, Some(value))
                }
                fitted => fitted,
            }
        };
        (0..self.call.rows)
            .map(|row| texts.at(row).map_or(Ok(None), |text| self.settle(row, read(text))))
            .collect()
    }

    /// A column of DECIMAL.
    pub(super) fn decimals(&self, precision: u8, scale: u8) -> Result<ArrayRef> {
        let source = Source::of(self.call)?;
        let most = decimal::power(precision.into()).wrapping_sub(i256::ONE);
        let values = (0..self.call.rows)
            .map(|row| match source.at(row) {
                Some(number) => self.settle(row, self.digits(&number, scale as i8, most)),
                None => Ok(None),
            })
            .collect::<Result<Vec<Option<i256>>>>()?;
        match *self.call.returns {
            DataType::Decimal256(precision, scale) => {
                let column = self.call.primitives::<Decimal256Type>(|row| values[row])?;
                let column = column.as_primitive::<Decimal256Type>().clone();
                Ok(convert::shared(column.with_precision_and_scale(precision, scale)?))
            }
            _ => {
                let column =
                    self.call.primitives::<Decimal128Type>(|row| values[row].and_then(i256::to_i128))?;
                let column = column.as_primitive::<Decimal128Type>().clone();
                Ok(convert::shared(column.with_precision_and_scale(precision, scale as i8)?))
            }
        }
    }

    /// The digits of a number with so many of them after the point.
    fn digits(&self, number: &Number<'_>, scale: i8, most: i256) -> Fit<i256> {
        let (value, wrong) = match number {
            Number::Exact(value) => (*value, None),
            Number::Approximate(value) => (Decimal::from_double(*value), None),
            Number::Text(text) => {
                // Something after a number is as wrong as no number where nothing wrong is taken.
                let wrong = miswritten(text, "decimal").map(|reason| match reason {
                    Reason::Rest if self.strict => {
                        Reason::Value { kind: "decimal", value: (*text).to_owned() }
                    }
                    reason => reason,
                });
                (Decimal::parse(text).0, wrong)
            }
        };
        let fitted = value.rescaled(scale).filter(|fitted| fitted.value.wrapping_abs() <= most);
        let Some(fitted) = fitted else {
            let edge = if value.value.is_negative() { most.wrapping_neg() } else { most };
            return Fit::Not(wrong.unwrap_or(Reason::Range), Some(edge));
        };
        let is_whole = fitted.scale >= value.scale
            || fitted.rescaled(value.scale).is_some_and(|again| again.value == value.value);
        match wrong {
            Some(reason) => Fit::Not(reason, Some(fitted.value)),
            None if is_whole => Fit::Whole(fitted.value),
            None => Fit::Cut(fitted.value),
        }
    }
}

fn year_of(year: Rounded, short: bool) -> Fit<i128> {
    let value = match year.value {
        0 if short && year.wrong.is_none() => 2000,
        year @ 1..=69 => 2000 + year,
        year @ 70..=99 => 1900 + year,
        year => year,
    };
    match year.wrong {
        Some(reason @ Reason::Value { .. }) => Fit::Not(reason, Some(0)),
        _ if value != 0 && !(1901..=2155).contains(&value) => Fit::Not(Reason::Range, Some(0)),
        Some(reason) => Fit::Not(reason, Some(value)),
        None => Fit::Whole(value),
    }
}

/// A floating-point number that its type may hold.
fn real(value: f64, fit: impl Fn(f64) -> Fit<f64>) -> Fit<f64> {
    match value.is_finite() {
        true => fit(value),
        false => match fit(value.clamp(f64::MIN, f64::MAX)) {
            Fit::Whole(edge) | Fit::Cut(edge) => Fit::Not(Reason::Range, Some(edge)),
            misfit => misfit,
        },
    }
}
