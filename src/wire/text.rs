//! A value as the text protocol sends it: its text behind its length, or one byte for NULL.
//!
//! It must not know rows or packets.

use arrow::buffer::Buffer;
use mysql_common::io::BufMutExt;

use super::cells::{Cells, Values, other};
use super::json;
use super::number::{
    put_double, put_first, put_fixed_double, put_float, put_length_and_decimal, put_length_and_integer,
    put_long_decimal,
};
use super::temporal::{Date, Time, date_time};

const NULL: u8 = 0xFB;

/// Bytes that stand in a view itself.
const VIEW_BYTES_MAX: usize = 12;

/// Appends a row's value.
#[inline]
pub fn put(out: &mut Vec<u8>, cells: &Cells<'_>, row: usize) {
    if cells.is_null(row) {
        out.push(NULL);
        return;
    }
    match &cells.values {
        Values::Null => out.push(NULL),
        Values::Boolean(array) | Values::Truth(array) => {
            out.extend_from_slice(&[1, b'0' + u8::from(array.value(row))])
        }
        Values::Int8(values) => put_signed(out, values[row].into()),
        Values::Int16(values) => put_signed(out, values[row].into()),
        Values::Int32(values) => put_signed(out, values[row].into()),
        Values::Int64(values) => put_signed(out, values[row]),
        Values::UInt8(values) => put_length_and_integer(out, values[row].into(), false),
        Values::UInt16(values) => put_length_and_integer(out, values[row].into(), false),
        Values::UInt32(values) => put_length_and_integer(out, values[row].into(), false),
        Values::UInt64(values) => put_length_and_integer(out, values[row], false),
        Values::Float16(values) => put_finite_float(out, values[row].to_f32()),
        Values::Float32(values) => put_finite_float(out, values[row]),
        Values::Float64(values) if values[row].is_finite() => match cells.digits {
            Some(decimals) => long(out, |out| put_fixed_double(out, values[row], decimals)),
            None => short(out, |out| put_double(out, values[row])),
        },
        Values::Float64(_) => out.push(NULL),
        Values::Decimal32(values, scale) => put_length_and_decimal(out, values[row].into(), *scale),
        Values::Decimal64(values, scale) => put_length_and_decimal(out, values[row].into(), *scale),
        Values::Decimal128(values, scale) => put_length_and_decimal(out, values[row], *scale),
        Values::Decimal256(values, scale) => short(out, |out| put_long_decimal(out, values[row], *scale)),
        Values::Date32(days) => put_date(out, Date::from_days(days[row].into())),
        Values::Date64(millis) => put_date(out, Date::from_millis(millis[row])),
        Values::DateTime(counts, unit, zone) => match date_time(counts[row], *unit, zone.as_ref()) {
            Some((date, time)) => short(out, |out| {
                out.extend_from_slice(&date.text());
                out.push(b' ');
                time.put(out, cells.fraction(*unit));
            }),
            None => out.push(NULL),
        },
        Values::Time32(counts, unit) => {
            put_time(out, Time::of_day(counts[row].into(), *unit), cells.fraction(*unit))
        }
        Values::Time64(counts, unit) => {
            put_time(out, Time::of_day(counts[row], *unit), cells.fraction(*unit))
        }
        Values::Duration(counts, unit) => {
            put_time(out, Time::length(counts[row], *unit), cells.fraction(*unit))
        }
        Values::Utf8(array) => {
            let [start, end] = [array.value_offsets()[row], array.value_offsets()[row + 1]];
            put_part(out, array.value_data(), start as usize, (end - start) as usize);
        }
        Values::LargeUtf8(array) => put_bytes(out, array.value(row).as_bytes()),
        Values::Utf8View(array) => put_view(out, array.views()[row], array.data_buffers()),
        Values::Binary(array) => put_bytes(out, array.value(row)),
        Values::LargeBinary(array) => put_bytes(out, array.value(row)),
        Values::BinaryView(array) => put_view(out, array.views()[row], array.data_buffers()),
        Values::FixedSizeBinary(array) => put_bytes(out, array.value(row)),
        Values::Dictionary(places, shared) => put(out, shared, places[row]),
        Values::List(..) | Values::Struct(_) | Values::Map(..) => long(out, |out| json::put(out, cells, row)),
        Values::Other(array) => put_bytes(out, other(*array, row).as_bytes()),
    }
}

/// Bytes behind their length.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // The common case is worth its line: the general one tests four ranges.
    if bytes.len() < 251 {
        out.push(bytes.len() as u8);
    } else {
        out.put_lenenc_int(bytes.len() as u64);
    }
    out.extend_from_slice(bytes);
}

/// What a view shows: up to twelve bytes that are in it, or a part of a buffer.
#[inline]
fn put_view(out: &mut Vec<u8>, view: u128, buffers: &[Buffer]) {
    let length = view as u32 as usize;
    if length <= VIEW_BYTES_MAX {
        // The length's first byte is the protocol's length; the next three are zeros, and the rest is the text.
        let [length_byte, _, _, _, bytes @ ..] = view.to_le_bytes();
        out.push(length_byte);
        put_first(out, &bytes, length);
    } else {
        // Behind the length and the first bytes stand the number of a buffer and a place in it.
        let (buffer, start) = ((view >> 64) as u32 as usize, (view >> 96) as usize);
        put_part(out, &buffers[buffer], start, length);
    }
}

/// A part of some bytes behind its length. Short ones are copied with what follows them, which is faster.
#[inline]
fn put_part(out: &mut Vec<u8>, bytes: &[u8], start: usize, length: usize) {
    if length <= 32
        && let Some(more) = bytes[start..].first_chunk::<32>()
    {
        out.push(length as u8);
        put_first(out, more, length);
    } else {
        put_bytes(out, &bytes[start..start + length]);
    }
}

/// A text that `write` appends and that is always short: its length fits into one byte.
#[inline]
pub fn short(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    debug_assert!(length < 251, "numbers and times are short");
    out[at] = length as u8;
}

/// A text of any length that `write` appends.
pub fn long(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    if length < 251 {
        out[at] = length as u8;
        return;
    }
    let mut prefix = Vec::with_capacity(9);
    prefix.put_lenenc_int(length as u64);
    out.splice(at..=at, prefix);
}

#[inline]
fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_length_and_integer(out, number.unsigned_abs(), number < 0);
}

fn put_finite_float(out: &mut Vec<u8>, number: f32) {
    if number.is_finite() {
        short(out, |out| put_float(out, number));
    } else {
        out.push(NULL);
    }
}

#[inline]
fn put_date(out: &mut Vec<u8>, date: Option<Date>) {
    match date {
        Some(date) => {
            let mut text = [10; 11];
            text[1..].copy_from_slice(&date.text());
            out.extend_from_slice(&text);
        }
        None => out.push(NULL),
    }
}

#[inline]
fn put_time(out: &mut Vec<u8>, time: Time, fraction: u8) {
    short(out, |out| time.put(out, fraction));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::*;
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::*;

    use super::super::cells::Cells;
    use super::super::payload::Payload;
    use super::super::temporal::Zone;
    use super::*;

    /// The texts of all rows, with NULL as nothing.
    fn texts(array: &dyn Array) -> Vec<Option<String>> {
        let zone = Zone::new("Asia/Seoul".parse().unwrap());
        let cells = Cells::new(array, zone).unwrap();
        let mut out = Vec::new();
        (0..array.len()).for_each(|row| put(&mut out, &cells, row));
        let mut rest = Payload(&out);
        let texts = (0..array.len()).map(|_| {
            if rest.0.first() == Some(&NULL) {
                rest.u8().unwrap();
                return None;
            }
            Some(String::from_utf8(rest.length_encoded_bytes().unwrap().to_vec()).unwrap())
        });
        let texts = texts.collect();
        assert!(rest.is_empty());
        texts
    }

    fn check(array: impl Array, expected: &[&str]) {
        let texts: Vec<_> =
            texts(&array).into_iter().map(|text| text.unwrap_or_else(|| "NULL".into())).collect();
        assert_eq!(texts, expected, "{}", array.data_type());
        // A part of an array begins elsewhere in its buffers.
        let part = array.slice(1, array.len() - 1);
        let texts: Vec<_> =
            self::texts(&part).into_iter().map(|text| text.unwrap_or_else(|| "NULL".into())).collect();
        assert_eq!(texts, expected[1..], "a slice of {}", array.data_type());
    }

    #[test]
    fn numbers() {
        check(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)]), &["-128", "NULL", "127"]);
        check(Int16Array::from(vec![i16::MIN, 0]), &["-32768", "0"]);
        check(Int32Array::from(vec![i32::MIN, -1]), &["-2147483648", "-1"]);
        check(Int64Array::from(vec![i64::MIN, i64::MAX]), &["-9223372036854775808", "9223372036854775807"]);
        check(UInt8Array::from(vec![0, u8::MAX]), &["0", "255"]);
        check(UInt16Array::from(vec![10, u16::MAX]), &["10", "65535"]);
        check(UInt32Array::from(vec![100, u32::MAX]), &["100", "4294967295"]);
        check(UInt64Array::from(vec![1_000, u64::MAX]), &["1000", "18446744073709551615"]);
        check(BooleanArray::from(vec![Some(true), Some(false), None]), &["1", "0", "NULL"]);
        check(Float64Array::from(vec![0.1, f64::NAN, f64::INFINITY, 1e21]), &["0.1", "NULL", "NULL", "1e21"]);
        check(Float32Array::from(vec![0.1, f32::NEG_INFINITY, 16_777_216.0]), &["0.1", "NULL", "16777200"]);
        check(Float16Array::from_iter([1.5, 2.0].map(Half::from_f32)), &["1.5", "2"]);
        let decimals = Decimal128Array::from(vec![Some(-5), None, Some(12_345)]);
        check(decimals.with_precision_and_scale(10, 2).unwrap(), &["-0.05", "NULL", "123.45"]);
        let long = Decimal256Array::from(vec![i256::from_i128(1), i256::from_i128(-1)]);
        check(long.with_precision_and_scale(76, 4).unwrap(), &["0.0001", "-0.0001"]);
        check(Decimal32Array::from(vec![1, 2]).with_precision_and_scale(9, 0).unwrap(), &["1", "2"]);
        check(Decimal64Array::from(vec![1, 2]).with_precision_and_scale(18, 1).unwrap(), &["0.1", "0.2"]);
    }

    #[test]
    fn times() {
        check(Date32Array::from(vec![Some(0), Some(-719_528), None]), &["1970-01-01", "0000-01-01", "NULL"]);
        check(Date32Array::from(vec![2_932_896, i32::MAX]), &["9999-12-31", "NULL"]);
        check(Date64Array::from(vec![-1, 86_400_000]), &["1969-12-31", "1970-01-02"]);
        check(TimestampSecondArray::from(vec![-1, i64::MAX]), &["1969-12-31 23:59:59", "NULL"]);
        check(
            TimestampMillisecondArray::from(vec![0, 1_500]),
            &["1970-01-01 00:00:00.000", "1970-01-01 00:00:01.500"],
        );
        let micros = TimestampMicrosecondArray::from(vec![0, -1]);
        check(micros, &["1970-01-01 00:00:00.000000", "1969-12-31 23:59:59.999999"]);
        let nanos = TimestampNanosecondArray::from(vec![999, -1]);
        check(nanos, &["1970-01-01 00:00:00.000000", "1969-12-31 23:59:59.999999"]);
        let instants = TimestampSecondArray::from(vec![0, 1_700_000_000]).with_timezone("UTC");
        check(instants, &["1970-01-01 09:00:00", "2023-11-15 07:13:20"]);
        check(Time32SecondArray::from(vec![0, 86_399]), &["00:00:00", "23:59:59"]);
        check(Time32MillisecondArray::from(vec![1, 2]), &["00:00:00.001", "00:00:00.002"]);
        check(Time64MicrosecondArray::from(vec![1, 2]), &["00:00:00.000001", "00:00:00.000002"]);
        check(Time64NanosecondArray::from(vec![1_000, 999]), &["00:00:00.000001", "00:00:00.000000"]);
        check(DurationSecondArray::from(vec![-90_000, i64::MAX]), &["-25:00:00", "838:59:59"]);
        check(DurationMicrosecondArray::from(vec![-1, i64::MIN]), &["-00:00:00.000001", "-838:59:59.000000"]);
    }

    #[test]
    fn strings() {
        let long = "é".repeat(200);
        let words = vec![Some("a"), None, Some(""), Some(&long)];
        let expected = ["a", "NULL", "", &long];
        check(StringArray::from(words.clone()), &expected);
        check(LargeStringArray::from(words.clone()), &expected);
        check(StringViewArray::from(words.clone()), &expected);
        check(words.iter().copied().collect::<DictionaryArray<Int8Type>>(), &expected);
        let bytes: Vec<_> = words.iter().map(|word| word.map(str::as_bytes)).collect();
        check(BinaryArray::from(bytes.clone()), &expected);
        check(LargeBinaryArray::from(bytes.clone()), &expected);
        check(BinaryViewArray::from(bytes), &expected);
        check(FixedSizeBinaryArray::try_from_iter([b"ab", b"cd"].into_iter()).unwrap(), &["ab", "cd"]);
        check(NullArray::new(2), &["NULL", "NULL"]);
        for length in [250, 251, 65_535, 65_536, 1 << 24] {
            let word = "x".repeat(length);
            assert_eq!(texts(&StringArray::from(vec![&*word]))[0].as_deref(), Some(&*word));
        }
    }

    #[test]
    fn nested_values_are_json() {
        let point = StructArray::from(vec![
            (
                Arc::new(Field::new("x", DataType::Int32, true)),
                Arc::new(Int32Array::from(vec![Some(1), None])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("say \"y\"", DataType::Utf8, false)),
                Arc::new(StringArray::from(vec!["a\"b\\c\n\u{1}/é", ""])),
            ),
            (
                Arc::new(Field::new("f", DataType::Float64, false)),
                Arc::new(Float64Array::from(vec![1.0, f64::NAN])),
            ),
            (
                Arc::new(Field::new("at", DataType::Timestamp(TimeUnit::Second, None), false)),
                Arc::new(TimestampSecondArray::from(vec![0, 1])),
            ),
        ]);
        check(
            point,
            &[
                r#"{"x": 1, "say \"y\"": "a\"b\\c\n\u0001/é", "f": 1.0, "at": "1970-01-01 00:00:00.000000"}"#,
                r#"{"x": null, "say \"y\"": "", "f": null, "at": "1970-01-01 00:00:01.000000"}"#,
            ],
        );
        let items = Arc::new(Float32Array::from(vec![0.1, 16_777_216.0, 3.0])) as ArrayRef;
        let field = Arc::new(Field::new("item", DataType::Float32, true));
        let nulls = Some(vec![true, true, false, true].into());
        let list = ListArray::new(field, OffsetBuffer::from_lengths([2, 0, 0, 1]), items, nulls);
        check(list, &["[0.1, 16777216.0]", "[]", "NULL", "[3.0]"]);
        let bits = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true)]));
        let field = Arc::new(Field::new("item", DataType::Boolean, true));
        check(FixedSizeListArray::new(field, 2, bits, None), &["[true, null]", "[false, true]"]);
        let mut map = MapBuilder::new(None, Int32Builder::new(), BinaryBuilder::new());
        map.keys().append_value(7);
        map.values().append_value([0xFF, 0]);
        map.append(true).unwrap();
        map.append(false).unwrap();
        map.append(true).unwrap();
        check(map.finish(), &[r#"{"7": "base64:type252:/wA="}"#, "NULL", "{}"]);
    }

    type Half = <Float16Type as ArrowPrimitiveType>::Native;
}
