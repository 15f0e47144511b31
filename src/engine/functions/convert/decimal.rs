//! Exact decimals of up to 76 digits: their text, their rounding, their way to and from other types.

use arrow::array::{Array, ArrayRef, AsArray, Decimal256Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal256Type, DecimalType, i256};
use datafusion::common::Result;

use super::number;

/// The most digits of MySQL's DECIMAL, and the most after the point.
pub const PRECISION: u8 = 65;
/// The most digits after the point.
pub const SCALE: i8 = 30;

/// A number as its digits without the point, and how many of them are after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits.
    pub value: i256,
    /// How many are after the point.
    pub scale: i8,
}

impl Decimal {
    /// The decimal that a text begins with, and whether nothing else follows.
    pub fn parse(text: &str) -> (Self, bool) {
        let trimmed = text.trim_start();
        let length = number::double_length(trimmed.as_bytes());
        let (number, rest) = trimmed.split_at(length);
        let clean = length > 0 && rest.trim().is_empty();
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -1000 } else { 1000 });
        let negative = mantissa.starts_with('-');
        let (whole, fraction) = mantissa
            .trim_start_matches(['+', '-'])
            .split_once('.')
            .unwrap_or((mantissa.trim_start_matches(['+', '-']), ""));
        // Digits from the first that counts; the point's place is kept apart so that an exponent only moves it.
        let digits: String = whole.chars().chain(fraction.chars()).collect();
        let significant = digits.trim_start_matches('0');
        let mut scale = fraction.len() as i32 - exponent;
        let mut value = i256::ZERO;
        let mut taken = 0;
        let mut clean = clean;
        for digit in significant.bytes() {
            if taken == 75 {
                // Digits beyond what a decimal can hold: those after the point are dropped, before it they overflow.
                scale -= 1;
                continue;
            }
            value = value.wrapping_mul(TEN).wrapping_add(i256::from_i128(i128::from(digit - b'0')));
            taken += 1;
        }
        if scale < 0 {
            if value != i256::ZERO && taken - scale > i32::from(PRECISION) {
                value = power(PRECISION.into()).wrapping_sub(i256::ONE);
                clean = false;
            } else if value != i256::ZERO {
                value = value.wrapping_mul(power((-scale) as u32));
            }
            scale = 0;
        }
        if scale > 75 {
            value = shifted(value, scale, 75);
            scale = 75;
        }
        let value = if negative { value.wrapping_neg() } else { value };
        (Self { value, scale: scale as i8 }, clean)
    }

    /// The nearest decimal to a floating-point number: the digits that it is written with.
    pub fn from_double(value: f64) -> Self {
        let mut text = String::new();
        number::write_double(value, &mut text);
        Self::parse(&text).0
    }

    /// The same number with another number of digits after the point; halves go away from zero. `None` when the
    /// digits do not fit.
    pub fn rescaled(self, scale: i8) -> Option<Self> {
        let value = match scale.cmp(&self.scale) {
            std::cmp::Ordering::Equal => self.value,
            std::cmp::Ordering::Less => shifted(self.value, self.scale.into(), scale.into()),
            std::cmp::Ordering::Greater => self.value.checked_mul(power((scale - self.scale) as u32))?,
        };
        Some(Self { value, scale })
    }

    /// The same number cut to so many digits after the point.
    pub fn truncated(self, scale: i8) -> Self {
        if scale >= self.scale {
            return self;
        }
        let by = u32::from((i16::from(self.scale) - i16::from(scale)) as u16);
        let value = if by > 76 { i256::ZERO } else { self.value.wrapping_div(power(by)) };
        Self { value, scale }
    }

    /// The nearest integer.
    pub fn rounded(self) -> i256 {
        shifted(self.value, self.scale.into(), 0)
    }

    /// The nearest integer that 64 bits hold.
    pub fn to_int(self) -> i64 {
        let rounded = self.rounded();
        let edge = if rounded.is_negative() { i64::MIN } else { i64::MAX };
        rounded.to_i128().and_then(|value| i64::try_from(value).ok()).unwrap_or(edge)
    }

    /// How many digits it has before the point.
    pub fn whole_digits(self) -> u8 {
        let mut whole = self.truncated(0).value.wrapping_abs();
        let mut digits = 0;
        while whole != i256::ZERO {
            whole = whole.wrapping_div(TEN);
            digits += 1;
        }
        digits
    }

    /// Writes it as MySQL does.
    pub fn write(self, text: &mut String) {
        write_i256(self.value, self.scale, text);
    }
}

const TEN: i256 = i256::from_i128(10);

/// Ten to a power of at most 76.
pub fn power(exponent: u32) -> i256 {
    TEN.wrapping_pow(exponent.min(76))
}

/// Moves a value to a smaller scale, halves away from zero.
fn shifted(value: i256, from: i32, to: i32) -> i256 {
    let by = from - to;
    if by <= 0 {
        return if by < 0 { value.wrapping_mul(power((-by) as u32)) } else { value };
    }
    if by > 76 {
        return i256::ZERO;
    }
    let unit = power(by as u32);
    let (quotient, rest) = (value.wrapping_div(unit), value.wrapping_rem(unit));
    let half = rest.wrapping_abs() >= unit.wrapping_sub(rest.wrapping_abs());
    match (half, value.is_negative()) {
        (true, true) => quotient.wrapping_sub(i256::ONE),
        (true, false) => quotient.wrapping_add(i256::ONE),
        (false, _) => quotient,
    }
}

/// How many digits after the point a type has; none when it is no decimal.
pub fn scale(data_type: &DataType) -> i8 {
    match data_type {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    }
}

/// The type that holds so many digits.
pub fn data_type(precision: u8, scale: i8) -> DataType {
    match precision {
        ..=38 => DataType::Decimal128(precision.max(1), scale),
        _ => DataType::Decimal256(precision.min(76), scale),
    }
}

/// A column of decimals or integers with the widest digits; its scale stays.
pub fn wide(array: &ArrayRef) -> Result<Decimal256Array> {
    let scale = scale(array.data_type());
    Ok(cast(array, &DataType::Decimal256(76, scale))?.as_primitive::<Decimal256Type>().clone())
}

/// A column of short decimals as one of 38 digits.
pub fn widened(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(cast(array, &DataType::Decimal128(38, scale(array.data_type())))?)
}

/// Writes a decimal of up to 38 digits.
pub fn write_i128(value: i128, scale: i8, text: &mut String) {
    let mut digits = [0_u8; 40];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    place(&digits[start..], value < 0, scale, text);
}

/// Writes a decimal of up to 76 digits.
pub fn write_i256(value: i256, scale: i8, text: &mut String) {
    if let Some(short) = value.to_i128() {
        return write_i128(short, scale, text);
    }
    let mut digits = value.to_string();
    let negative = digits.starts_with('-');
    if negative {
        digits.remove(0);
    }
    place(digits.as_bytes(), negative, scale, text);
}

/// Puts sign and point around digits.
fn place(digits: &[u8], negative: bool, scale: i8, text: &mut String) {
    let scale = usize::try_from(scale).unwrap_or(0);
    if negative {
        text.push('-');
    }
    let whole = digits.len().saturating_sub(scale);
    if whole == 0 {
        text.push('0');
    }
    text.extend(digits[..whole].iter().map(|digit| char::from(*digit)));
    if scale > 0 {
        text.push('.');
        text.extend(std::iter::repeat_n('0', scale.saturating_sub(digits.len())));
        text.extend(digits[whole..].iter().map(|digit| char::from(*digit)));
    }
}

/// Whether so many digits fit an Arrow decimal type.
pub fn fits<T: DecimalType>(precision: u8) -> bool {
    precision <= T::MAX_PRECISION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        fn check(text: &str, scale: i8, expected: &str) {
            let mut written = String::new();
            Decimal::parse(text).0.rescaled(scale).unwrap().write(&mut written);
            assert_eq!(written, expected, "{text}");
        }
        check("1.5", 1, "1.5");
        check("1.25", 1, "1.3");
        check("-1.25", 1, "-1.3");
        check("-0.04", 1, "0.0");
        check("1e3", 2, "1000.00");
        check("12.5e-2", 4, "0.1250");
        check("abc", 0, "0");
        check("0.0005", 4, "0.0005");
        check("99999999999999999999999999999999999999999", 0, "99999999999999999999999999999999999999999");
    }
}
