//! Sort keys of JSON: bytes that compare as MySQL compares documents, so that comparisons, ORDER BY, joins, MIN and MAX
//! of documents are those of binary strings.
//!
//! MySQL 8.0 manual, 13.5, "Comparison and Ordering of JSON Values": null < numbers < strings < objects < arrays <
//! booleans < dates < times < dates and times < all else. Numbers compare by value, arrays element by element; objects
//! are equal when their members are. It knows documents; keys of equal documents are equal, and none begins another.

use arrow::array::{Array, ArrayRef, BinaryViewArray, BinaryViewBuilder};
use datafusion::common::Result;

use super::super::convert::{Cells, number, shared};
use super::super::signature::{Call, Function, returns};
use super::document::Json;
use super::{Values, value};

/// The function of keys.
pub fn functions() -> Vec<Function> {
    vec![Function::new("mysql_json_key", 1..=1, returns::blob, |call| {
        let keys = keys(call, 0)?.map(|keys| Ok(shared(keys.clone())))?;
        call.spread(&keys)
    })]
}

/// The keys of an argument, which becomes JSON when it is none.
pub fn keys(call: &Call<'_>, argument: usize) -> Result<Cells<BinaryViewArray>> {
    let Values { raw, json } = Values::of(call, argument)?;
    raw.map(|array| column(array, json))
}

fn column(array: &ArrayRef, json: bool) -> Result<BinaryViewArray> {
    let mut keys = BinaryViewBuilder::with_capacity(array.len());
    let mut key = Vec::new();
    for row in 0..array.len() {
        if array.data_type().is_null() || array.is_null(row) {
            keys.append_null();
            continue;
        }
        key.clear();
        write(&value(array, row, json)?, &mut key);
        keys.append_value(&key);
    }
    Ok(keys.finish())
}

/// What comes before all kinds of values: the end of an array or string.
const END: u8 = 0;

/// The place of a value's kind among all kinds.
fn rank(value: &Json) -> u8 {
    match value {
        Json::Null => 1,
        // Negative numbers, zero and positive numbers are 2, 3 and 4.
        Json::Int(_) | Json::Uint(_) | Json::Double(_) | Json::Decimal(_) => 3,
        Json::String(_) => 5,
        Json::Object(_) => 6,
        Json::Array(_) => 7,
        Json::Bool(false) => 8,
        Json::Bool(true) => 9,
        Json::Opaque("DATE", _) => 10,
        Json::Opaque("TIME", _) => 11,
        Json::Opaque("DATETIME", _) => 12,
        Json::Opaque(..) => 13,
    }
}

/// Writes the key of a document.
pub fn write(value: &Json, key: &mut Vec<u8>) {
    match value {
        Json::Int(_) | Json::Uint(_) | Json::Decimal(_) => {
            let mut text = String::new();
            value.write(&mut text);
            write_number(&text, rank(value), key);
        }
        Json::Double(number) => {
            let mut text = String::new();
            number::write_double(*number, &mut text);
            write_number(&text, rank(value), key);
        }
        Json::Null | Json::Bool(_) => key.push(rank(value)),
        Json::String(text) | Json::Opaque(_, text) => {
            key.push(rank(value));
            write_text(text, key);
        }
        Json::Array(elements) => {
            key.push(rank(value));
            elements.iter().for_each(|element| write(element, key));
            key.push(END);
        }
        Json::Object(members) => {
            key.push(rank(value));
            key.extend((members.len() as u32).to_be_bytes());
            for (name, member) in members {
                write_text(name, key);
                write(member, key);
            }
        }
    }
}

/// A text and its end; a zero byte inside is told from the end by what follows.
fn write_text(text: &str, key: &mut Vec<u8>) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == END {
            key.push(u8::MAX);
        }
    }
    key.extend([END, END]);
}

/// A number as its sign, its power of ten, and its digits; all but the sign are turned round for negative ones.
fn write_number(text: &str, zero: u8, key: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let whole = mantissa.find('.').unwrap_or(mantissa.len()) as i32;
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
        return key.push(zero);
    };
    let last = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
    // The place of the first digit that counts, moved so that it is never negative.
    let power = (exponent + whole - first as i32 + i32::from(i16::MAX)) as u16;
    key.push(if negative { zero - 1 } else { zero + 1 });
    let start = key.len();
    key.extend(power.to_be_bytes());
    key.extend(&digits[first..=last]);
    key.push(END);
    if negative {
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// Writes a document's text behind its key, so that the greatest of such bytes has the text of the greatest document.
pub fn write_before(text: &str, out: &mut Vec<u8>) {
    write(&super::document(text), out);
    out.extend(text.as_bytes());
    out.extend((text.len() as u32).to_be_bytes());
}

/// The text that stands behind a key.
pub fn text_behind(bytes: &[u8]) -> Option<&str> {
    let (rest, length) = bytes.split_last_chunk::<4>()?;
    let start = rest.len().checked_sub(u32::from_be_bytes(*length) as usize)?;
    std::str::from_utf8(&rest[start..]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(document: &str) -> Vec<u8> {
        let mut key = Vec::new();
        write(&Json::parse(document).unwrap(), &mut key);
        key
    }

    #[test]
    fn ascending() {
        let documents = [
            "null",
            "-1e300",
            "-10",
            "-9.5",
            "-9",
            "-0.001",
            "0",
            "1e-300",
            "0.5",
            "9",
            "9.25",
            "10",
            "10.5",
            "9007199254740993",
            "9007199254740994",
            "1e20",
            "\"\"",
            "\"a\"",
            "\"a\\u0000\"",
            "\"ab\"",
            "\"b\"",
            "{}",
            "{\"a\": 1}",
            "{\"a\": 2}",
            "{\"b\": 1}",
            "[]",
            "[null]",
            "[1]",
            "[1, 2]",
            "[2]",
            "[[]]",
            "false",
            "true",
        ];
        for pair in documents.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn equal() {
        for (left, right) in [
            ("1", "1.0"),
            ("0", "-0.0"),
            ("100", "1e2"),
            ("[1, 2.50]", "[1.0, 2.5]"),
            ("{\"a\": 1, \"b\": 2}", "{\"b\": 2.0, \"a\": 1}"),
        ] {
            assert_eq!(key(left), key(right), "{left} = {right}");
        }
    }

    #[test]
    fn texts_behind_keys() {
        let mut bytes = Vec::new();
        write_before("{\"a\": 1}", &mut bytes);
        assert_eq!(text_behind(&bytes), Some("{\"a\": 1}"));
    }
}
