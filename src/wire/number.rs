//! The text of numbers, exactly as MySQL prints it, written straight into the result's buffer.
//!
//! It must not know arrays or packets.

use std::io::Write;

use arrow::datatypes::i256;

/// Digits that MySQL shows of a FLOAT at most (C's `FLT_DIG`).
const FLOAT_DIGITS: usize = 6;

/// Numbers with the decimal point farther from their first digit than this are shown with an exponent (C's `DBL_DIG`).
const POINT_MAX: i32 = 15;

/// The digits of 0 to 99, side by side.
const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// Room for the text of every integer, with a length, a sign and a point.
type Text = [u8; 24];

/// The powers of ten that 64 bits hold. The first one stands for none: zero has a digit, too.
const POWERS: [u64; 20] = {
    let mut powers = [0; 20];
    let (mut at, mut power) = (1, 10_u64);
    while at < powers.len() {
        powers[at] = power;
        power = power.saturating_mul(10);
        at += 1;
    }
    powers
};

/// Appends the first bytes of an array. To copy all of it and forget the rest is one instruction or two; to copy
/// just so many is a call.
#[inline]
pub fn put_first<const N: usize>(out: &mut Vec<u8>, bytes: &[u8; N], length: usize) {
    let end = out.len() + length;
    out.extend_from_slice(bytes);
    out.truncate(end);
}

/// The text of an integer behind one byte that tells its length.
#[inline]
pub fn put_length_and_integer(out: &mut Vec<u8>, magnitude: u64, negative: bool) {
    let mut text: Text = [0; 24];
    let end = 1 + usize::from(negative) + digits(magnitude);
    text[0] = (end - 1) as u8;
    text[1] = b'-';
    write_digits(&mut text, end, magnitude);
    put_first(out, &text, end);
}

/// The digits of an integer.
#[inline]
pub fn put_integer(out: &mut Vec<u8>, magnitude: u64) {
    let mut text: Text = [0; 24];
    let end = digits(magnitude);
    write_digits(&mut text, end, magnitude);
    put_first(out, &text, end);
}

/// The last two digits of a number, with a leading zero.
#[inline]
pub fn pair(number: u32) -> [u8; 2] {
    let at = 2 * (number % 100) as usize;
    [PAIRS[at], PAIRS[at + 1]]
}

/// How many digits a number has.
#[inline]
fn digits(number: u64) -> usize {
    // 1233/4096 is a little more than the logarithm of two.
    let bits = 64 - (number | 1).leading_zeros();
    let guess = ((bits * 1_233) >> 12) as usize;
    guess + 1 - usize::from(number < POWERS[guess])
}

/// Writes a number's digits so that they end before `end`.
#[inline]
fn write_digits(text: &mut Text, mut end: usize, mut number: u64) {
    while number >= 100 {
        end -= 2;
        text[end..end + 2].copy_from_slice(&pair((number % 100) as u32));
        number /= 100;
    }
    if number >= 10 {
        text[end - 2..end].copy_from_slice(&pair(number as u32));
    } else {
        text[end - 1] = b'0' + number as u8;
    }
}

/// The text of a decimal behind one byte that tells its length.
#[inline]
pub fn put_length_and_decimal(out: &mut Vec<u8>, unscaled: i128, scale: i8) {
    match (u64::try_from(unscaled.unsigned_abs()), usize::try_from(scale)) {
        (Ok(magnitude), Ok(scale @ 1..=19)) => put_short_decimal(out, magnitude, unscaled < 0, scale),
        (Ok(magnitude), Ok(0)) => put_length_and_integer(out, magnitude, unscaled < 0),
        _ => {
            let at = out.len();
            out.push(0);
            put_decimal(out, unscaled, scale);
            out[at] = (out.len() - at - 1) as u8;
        }
    }
}

/// Most decimals are no longer than an integer: one pass from their last digit on, with the point on the way.
#[inline]
fn put_short_decimal(out: &mut Vec<u8>, magnitude: u64, negative: bool, scale: usize) {
    let mut text: Text = [b'0'; 24];
    let length = usize::from(negative) + digits(magnitude).max(scale + 1) + 1;
    text[0] = length as u8;
    text[1] = b'-';
    let mut at = length + 1;
    let mut rest = magnitude;
    for _ in 0..scale / 2 {
        at -= 2;
        text[at..at + 2].copy_from_slice(&pair((rest % 100) as u32));
        rest /= 100;
    }
    if scale % 2 == 1 {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    at -= 1;
    text[at] = b'.';
    write_digits(&mut text, at, rest);
    put_first(out, &text, length + 1);
}

/// A decimal of up to 38 digits: all digits of its scale, a zero before the point; a negative scale adds zeros.
pub fn put_decimal(out: &mut Vec<u8>, unscaled: i128, scale: i8) {
    let mut text = [0; 39];
    let mut at = text.len();
    let mut magnitude = unscaled.unsigned_abs();
    // Division of 128 bits is slow: eighteen digits at once leave few of them.
    while magnitude > u128::from(u64::MAX) {
        let mut low = (magnitude % 1_000_000_000_000_000_000) as u64;
        magnitude /= 1_000_000_000_000_000_000;
        for _ in 0..9 {
            at -= 2;
            text[at..at + 2].copy_from_slice(&pair((low % 100) as u32));
            low /= 100;
        }
    }
    let mut head: Text = [0; 24];
    let count = digits(magnitude as u64);
    write_digits(&mut head, count, magnitude as u64);
    at -= count;
    text[at..at + count].copy_from_slice(&head[..count]);
    put_scaled(out, unscaled < 0, &text[at..], scale);
}

/// A decimal of up to 76 digits.
pub fn put_long_decimal(out: &mut Vec<u8>, unscaled: i256, scale: i8) {
    if let Some(unscaled) = unscaled.to_i128() {
        return put_decimal(out, unscaled, scale);
    }
    let text = unscaled.to_string();
    let digits = text.trim_start_matches('-');
    put_scaled(out, digits.len() < text.len(), digits.as_bytes(), scale);
}

/// Puts the point into digits.
#[inline]
fn put_scaled(out: &mut Vec<u8>, negative: bool, digits: &[u8], scale: i8) {
    if negative {
        out.push(b'-');
    }
    let Ok(scale) = usize::try_from(scale) else {
        out.extend_from_slice(digits);
        if digits != b"0" {
            out.resize(out.len() + usize::from(scale.unsigned_abs()), b'0');
        }
        return;
    };
    if scale == 0 {
        out.extend_from_slice(digits);
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + scale - digits.len(), b'0');
        out.extend_from_slice(digits);
    }
}

/// A DOUBLE: the shortest text that is read back as the same number. It must be finite.
pub fn put_double(out: &mut Vec<u8>, number: f64) {
    let mut text = Scientific::default();
    let written = write!(text, "{number:e}");
    debug_assert!(written.is_ok(), "the longest double fits");
    text.put(out);
}

/// A DOUBLE with so many digits after the point; what is rounded to zero has no sign. It must be finite.
pub fn put_fixed_double(out: &mut Vec<u8>, number: f64, decimals: u8) {
    let (start, decimals) = (out.len(), usize::from(decimals));
    // The fewest digits that are read back as the same number come first, then zeros.
    let mut written = write!(out, "{number}");
    let point = out[start..].iter().position(|byte| *byte == b'.').map(|point| start + point);
    let told = point.map_or(0, |point| out.len() - point - 1);
    if told > decimals {
        out.truncate(start);
        written = write!(out, "{number:.decimals$}");
    } else {
        out.extend(std::iter::repeat_n(b'.', usize::from(point.is_none() && decimals > 0)));
        out.extend(std::iter::repeat_n(b'0', decimals - told));
    }
    debug_assert!(written.is_ok(), "a vector takes all");
    if out[start] == b'-' && out[start..].iter().all(|byte| matches!(byte, b'-' | b'.' | b'0')) {
        out.remove(start);
    }
}

/// A FLOAT: six digits, as MySQL shows it. It must be finite.
pub fn put_float(out: &mut Vec<u8>, number: f32) {
    let mut text = Scientific::default();
    let written = write!(text, "{:.*e}", FLOAT_DIGITS - 1, f64::from(number));
    debug_assert!(written.is_ok(), "six digits fit");
    text.put(out);
}

/// A FLOAT: the shortest text that is read back as the same FLOAT. It must be finite.
pub fn put_shortest_float(out: &mut Vec<u8>, number: f32) {
    let mut text = Scientific::default();
    let written = write!(text, "{number:e}");
    debug_assert!(written.is_ok(), "the longest float fits");
    text.put(out);
}

/// A number as Rust writes it with an exponent: `-1.25e-7`. On the stack, because there is one for each value.
#[derive(Default)]
struct Scientific {
    text: [u8; 32],
    length: usize,
}

impl Write for Scientific {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let room = self.text.get_mut(self.length..self.length + bytes.len());
        room.ok_or(std::io::ErrorKind::StorageFull)?.copy_from_slice(bytes);
        self.length += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Scientific {
    /// Writes the number as MySQL does: plain where the point is near, with an exponent otherwise.
    fn put(&self, out: &mut Vec<u8>) {
        let text = &self.text[..self.length];
        let (negative, text) = match text.strip_prefix(b"-") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let mut digits = [0; 20];
        let mut count = 0;
        let mut exponent = 0;
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'e' => {
                    let power =
                        std::str::from_utf8(&text[at + 1..]).ok().and_then(|power| power.parse().ok());
                    exponent = power.unwrap_or(0);
                    break;
                }
                b'.' => {}
                digit => {
                    digits[count] = *digit;
                    count += 1;
                }
            }
        }
        while count > 1 && digits[count - 1] == b'0' {
            count -= 1;
        }
        let digits = &digits[..count];

        if negative {
            out.push(b'-');
        }
        // Digits before the point, when the number is written plainly.
        let point: i32 = exponent + 1;
        // A fraction is written behind its point, however far that is.
        let has_fraction = point > 0 && digits.len() > point.unsigned_abs() as usize;
        if !(1 - POINT_MAX..=POINT_MAX).contains(&point) && !has_fraction {
            out.push(digits[0]);
            if digits.len() > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.push(b'e');
            if exponent < 0 {
                out.push(b'-');
            }
            put_integer(out, exponent.unsigned_abs().into());
        } else if point <= 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + point.unsigned_abs() as usize, b'0');
            out.extend_from_slice(digits);
        } else {
            let point = point.unsigned_abs() as usize;
            let (whole, fraction) = digits.split_at(point.min(digits.len()));
            out.extend_from_slice(whole);
            out.resize(out.len() + point - whole.len(), b'0');
            if !fraction.is_empty() {
                out.push(b'.');
                out.extend_from_slice(fraction);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers() {
        let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
        let around = powers.flat_map(|power| [power - 1, power, power + 1]);
        for number in around.chain([12_345, 999_999, i64::MAX as u64, u64::MAX - 1, u64::MAX]) {
            let expected = number.to_string();
            assert_eq!(text(|out| put_integer(out, number)), expected);
            let length = (expected.len() + 1) as u8 as char;
            assert_eq!(text(|out| put_length_and_integer(out, number, true)), format!("{length}-{expected}"));
        }
    }

    #[test]
    fn doubles_with_fixed_digits() {
        let check = |number: f64, decimals: u8, expected: &str| {
            assert_eq!(text(|out| put_fixed_double(out, number, decimals)), expected);
        };
        check(2.0, 2, "2.00");
        check(1e20, 0, "100000000000000000000");
        check(-0.001, 2, "0.00");
        check(-1.25, 1, "-1.2");
    }

    #[test]
    fn decimals() {
        let check = |unscaled: i128, scale: i8, expected: &str| {
            assert_eq!(text(|out| put_decimal(out, unscaled, scale)), expected);
            assert_eq!(text(|out| put_long_decimal(out, i256::from_i128(unscaled), scale)), expected);
            let mut with_length = vec![expected.len() as u8];
            with_length.extend(expected.bytes());
            assert_eq!(text(|out| put_length_and_decimal(out, unscaled, scale)).as_bytes(), with_length);
        };
        check(0, 0, "0");
        check(0, 2, "0.00");
        check(5, 2, "0.05");
        check(-5, 2, "-0.05");
        check(-12_345, 2, "-123.45");
        check(12_345, 5, "0.12345");
        check(-12_345, 3, "-12.345");
        check(7, 19, "0.0000000000000000007");
        check(-i128::from(u64::MAX), 19, "-1.8446744073709551615");
        check(i128::from(u64::MAX), 1, "1844674407370955161.5");
        check(12, -3, "12000");
        check(0, -3, "0");
        check(i128::from(u64::MAX), 0, "18446744073709551615");
        check(i128::from(u64::MAX) + 1, 1, "1844674407370955161.6");
        check(10_i128.pow(37), 37, "1.0000000000000000000000000000000000000");
        check(-(10_i128.pow(38) - 1), 10, "-9999999999999999999999999999.9999999999");
        let long = i256::from_string(&"9".repeat(76)).unwrap();
        assert_eq!(text(|out| put_long_decimal(out, long, 75)), format!("9.{}", "9".repeat(75)));
    }

    /// The answers of MariaDB 10.11 to `SELECT CAST(… AS DOUBLE)`.
    #[test]
    fn doubles() {
        let check = |number: f64, expected: &str| assert_eq!(text(|out| put_double(out, number)), expected);
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(-1.5, "-1.5");
        check(0.1, "0.1");
        check(1e14, "100000000000000");
        check(1e15, "1e15");
        check(123_456_789_012_345.0, "123456789012345");
        check(1_234_567_890_123_456.0, "1.234567890123456e15");
        check(3_333_333_333_333_333.5, "3333333333333333.5");
        check(-1_000_000_000_000_000.4, "-1000000000000000.4");
        check(9_007_199_254_740_992.0, "9.007199254740992e15");
        check(1e21, "1e21");
        check(-1.25e-7, "-0.000000125");
        check(1e-14, "0.00000000000001");
        check(1e-15, "0.000000000000001");
        check(1e-16, "1e-16");
        check(1.7976931348623157e308, "1.7976931348623157e308");
        check(2.2250738585072014e-308, "2.2250738585072014e-308");
        check(0.30000000000000004, "0.30000000000000004");
    }

    /// The answers of MariaDB 10.11 for a FLOAT column.
    #[test]
    fn floats() {
        let check = |number: f32, expected: &str| assert_eq!(text(|out| put_float(out, number)), expected);
        check(0.1, "0.1");
        check(16_777_216.0, "16777200");
        check(2.345_678_9, "2.34568");
        check(1e10, "10000000000");
        check(1e20, "1e20");
        check(f32::MAX, "3.40282e38");
        check(-0.000_012_5, "-0.0000125");
    }
}
