//! The forms of numbers: the numeric prefix of a text, and a floating-point number as MySQL writes it.

use std::fmt::Write;

/// The number that a text begins with, and whether nothing but blanks follows. A text without one is zero.
pub fn prefix_double(text: &str) -> (f64, bool) {
    let trimmed = text.trim_start_matches(is_blank);
    let length = double_length(trimmed.as_bytes());
    if length == 0 {
        return (0.0, false);
    }
    let number: f64 = trimmed[..length].parse().unwrap_or(0.0);
    let clean = trimmed[length..].trim_matches(is_blank).is_empty() && number.is_finite();
    (number.clamp(f64::MIN, f64::MAX), clean)
}

/// How many bytes of a text are a number: sign, digits, point, exponent.
pub fn double_length(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let whole = digits(end);
    end += whole;
    let mut fraction = 0;
    if text.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return 0;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits((end + 1 + sign).min(text.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// The integer that a text begins with, and whether nothing but blanks follows. It is cut to 20 digits and a sign.
pub fn prefix_int(text: &str) -> (i128, bool) {
    let trimmed = text.trim_start_matches(is_blank);
    let (negative, rest) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mut value = 0_i128;
    for digit in rest[..length].bytes() {
        value = (value * 10 + i128::from(digit - b'0')).min(10_i128.pow(30));
    }
    let fits = if negative { value <= 1 << 63 } else { value <= u64::MAX.into() };
    let clean = length > 0 && fits && rest[length..].trim_matches(is_blank).is_empty();
    (if negative { -value } else { value }, clean)
}

/// Rounds to the nearest integer that 64 bits hold; halves go to the even one, as C's `rint`.
pub fn round_to_int(value: f64) -> i64 {
    value.round_ties_even() as i64
}

/// A DOUBLE as MySQL writes it: the fewest digits that read back the same, with an exponent where more than 15 digits
/// are before the point and none after it.
pub fn write_double(value: f64, text: &mut String) {
    let mut digits = Buffer::default();
    // Writing to a buffer that is long enough for every number cannot fail.
    let _ = write!(digits, "{value:e}");
    arrange(digits.text(), 15, text);
}

/// A DOUBLE with so many digits after the point; what is rounded to zero has no sign.
pub fn write_fixed(value: f64, decimals: u8, text: &mut String) {
    let (start, decimals) = (text.len(), usize::from(decimals));
    // Writing to a String cannot fail. The fewest digits that read back the same come first, then zeros.
    let _ = write!(text, "{value}");
    let point = text[start..].find('.').map(|point| start + point);
    let written = point.map_or(0, |point| text.len() - point - 1);
    if written > decimals {
        text.truncate(start);
        let _ = write!(text, "{value:.decimals$}");
    } else {
        if point.is_none() && decimals > 0 {
            text.push('.');
        }
        text.extend(std::iter::repeat_n('0', decimals - written));
    }
    if text[start..].starts_with('-') && text[start..].bytes().all(|byte| matches!(byte, b'-' | b'.' | b'0'))
    {
        text.remove(start);
    }
}

/// A FLOAT as MySQL writes it.
pub fn write_float(value: f32, text: &mut String) {
    let mut digits = Buffer::default();
    // Six digits, without zeros at their end.
    let _ = write!(digits, "{value:.5e}");
    let (mantissa, exponent) = digits.text().split_once('e').unwrap_or((digits.text(), "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let mut shortened = Buffer::default();
    let _ = write!(shortened, "{mantissa}e{exponent}");
    arrange(shortened.text(), 15, text);
}

/// Turns `d.ddde±n` into MySQL's form.
fn arrange(scientific: &str, widest: i32, text: &mut String) {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        text.push('0');
        return;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    if mantissa == "0" {
        // Negative zero shows its sign, as MySQL's does.
        text.push_str(sign);
        text.push('0');
        return;
    }
    text.push_str(sign);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(char::from);
    let count = mantissa.len() as i32 - i32::from(mantissa.contains('.'));
    // A fraction is written behind its point, however far that is.
    let has_fraction = exponent >= 0 && count > exponent + 1;
    if !(-widest..widest).contains(&exponent) && !has_fraction {
        text.push_str(mantissa);
        let _ = write!(text, "e{exponent}");
    } else if exponent < 0 {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
        text.extend(digits);
    } else {
        for (position, digit) in digits.enumerate() {
            if position as i32 == exponent + 1 {
                text.push('.');
            }
            text.push(digit);
        }
        text.extend(std::iter::repeat_n('0', (exponent + 1 - count).max(0) as usize));
    }
}

fn is_blank(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\x0b'
}

/// Room for any number in scientific form.
#[derive(Default)]
struct Buffer {
    bytes: [u8; 32],
    length: usize,
}

impl Buffer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for Buffer {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let end = self.length + part.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_with_fixed_digits() {
        fn check(value: f64, decimals: u8, expected: &str) {
            let mut text = String::new();
            write_fixed(value, decimals, &mut text);
            assert_eq!(text, expected);
        }
        check(2.0, 2, "2.00");
        check(std::f64::consts::PI, 6, "3.141593");
        check(1e20, 0, "100000000000000000000");
        check(33_333_333_333_333_330_000.0, 5, "33333333333333330000.00000");
        check(-0.001, 2, "0.00");
        check(-1.5, 1, "-1.5");
    }

    #[test]
    fn doubles_as_text() {
        fn check(value: f64, expected: &str) {
            let mut text = String::new();
            write_double(value, &mut text);
            assert_eq!(text, expected);
        }
        check(0.0, "0");
        check(1.5, "1.5");
        check(-100.0, "-100");
        check(0.1 + 0.2, "0.30000000000000004");
        check(1e14, "100000000000000");
        check(1e15, "1e15");
        check(1.5e300, "1.5e300");
        check(3_333_333_333_333_333.5, "3333333333333333.5");
        check(1e-5, "0.00001");
        check(1e-15, "0.000000000000001");
        check(1e-16, "1e-16");
        check(123_456_789.125, "123456789.125");
    }

    #[test]
    fn prefixes() {
        fn check(text: &str, expected: (f64, bool)) {
            assert_eq!(prefix_double(text), expected, "{text}");
        }
        check("12", (12.0, true));
        check(" 12.5 ", (12.5, true));
        check("12abc", (12.0, false));
        check("abc", (0.0, false));
        check("1e3", (1000.0, true));
        check("1e", (1.0, false));
        check(".5", (0.5, true));
        check("5.", (5.0, true));
        check("-", (0.0, false));
        check("", (0.0, false));
        check("1e400", (f64::MAX, false));
    }
}
