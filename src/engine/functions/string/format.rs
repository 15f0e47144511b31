//! FORMAT: numbers as people of a locale write them. It must not know how values become numbers.

use arrow::array::ArrayRef;
use datafusion::common::Result;

use crate::engine::functions::convert::{decimal, number};
use crate::engine::functions::locale::Locale;
use crate::engine::functions::number::round_double;
use crate::engine::functions::signature::Call;

/// `FORMAT(number, digits[, locale])`: with groups of three digits.
pub fn format(call: &Call<'_>) -> Result<ArrayRef> {
    let digits = call.int(1)?;
    let locale = if call.count() == 3 { Some(call.text(2)?) } else { None };
    let exact = call.kind(0).is_decimal() || call.kind(0).is_integer();
    let scale = decimal::scale(call.kind(0));
    let exacts = if exact { Some(call.raw(0)?.map(decimal::wide)?) } else { None };
    let doubles = if exact { None } else { Some(call.double(0)?) };
    let mut number = String::new();
    call.texts(|row, out| {
        let digits = digits.at(row)?.clamp(0, 30) as i8;
        number.clear();
        let value = match (&exacts, &doubles) {
            (Some(exacts), _) => Some(decimal::Decimal { value: exacts.at(row)?, scale }),
            // What is beyond a decimal's digits is written digit by digit.
            (None, Some(doubles)) => {
                let double = round_double(doubles.at(row)?, digits.into(), true);
                if double.abs() < 1e45 {
                    Some(decimal::Decimal::from_double(double))
                } else {
                    number::write_fixed(double, digits.unsigned_abs(), &mut number);
                    None
                }
            }
            (None, None) => return None,
        };
        if let Some(value) = value {
            value.rescaled(digits)?.write(&mut number);
        }
        let name = locale.as_ref().map_or("en_US", |locale| locale.at(row).unwrap_or("en_US"));
        let locale = Locale::of(name).unwrap_or_else(|| {
            call.warn(1649, format!("Unknown locale: '{name}'"));
            Locale::american()
        });
        write(&number, locale, out);
        Some(())
    })
}

/// Writes a number that has a point and no groups yet.
fn write(number: &str, locale: &Locale, out: &mut String) {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if sign == "-" && number.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        out.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        let boundary = if locale.in_pairs && left > 3 { (left - 3) % 2 == 0 } else { left % 3 == 0 };
        if index > 0 && boundary {
            out.push_str(locale.separator);
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push_str(locale.point);
        out.push_str(fraction);
    }
}
