//! A value as the binary protocol sends it, for prepared statements: numbers and times as bytes, all else as text.
//!
//! It must not know rows or packets.

use super::cells::{Cells, Values};
use super::temporal::{Date, Time, date_time};
use super::text;

/// Appends a row's value and returns true; or appends nothing and returns false when it is NULL.
#[inline]
pub fn put(out: &mut Vec<u8>, cells: &Cells<'_>, row: usize) -> bool {
    if cells.is_null(row) {
        return false;
    }
    match &cells.values {
        Values::Null => return false,
        Values::Boolean(array) => out.push(array.value(row).into()),
        Values::Truth(array) => out.extend_from_slice(&i64::from(array.value(row)).to_le_bytes()),
        Values::Int8(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Int16(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Int32(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Int64(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::UInt8(values) => out.push(values[row]),
        Values::UInt16(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::UInt32(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::UInt64(values) => out.extend_from_slice(&values[row].to_le_bytes()),
        Values::Float16(values) => return put_float(out, values[row].to_f32()),
        Values::Float32(values) => return put_float(out, values[row]),
        Values::Float64(values) if values[row].is_finite() => {
            out.extend_from_slice(&values[row].to_le_bytes())
        }
        Values::Float64(_) => return false,
        Values::Date32(days) => return put_date(out, Date::from_days(days[row].into())),
        Values::Date64(millis) => return put_date(out, Date::from_millis(millis[row])),
        Values::DateTime(counts, unit, zone) => {
            let Some((date, time)) = date_time(counts[row], *unit, zone.as_ref()) else { return false };
            put_date_time(out, date, time);
        }
        Values::Time32(counts, unit) => put_time(out, Time::of_day(counts[row].into(), *unit)),
        Values::Time64(counts, unit) => put_time(out, Time::of_day(counts[row], *unit)),
        Values::Duration(counts, unit) => put_time(out, Time::length(counts[row], *unit)),
        Values::Dictionary(places, shared) => return put(out, shared, places[row]),
        Values::Decimal32(..)
        | Values::Decimal64(..)
        | Values::Decimal128(..)
        | Values::Decimal256(..)
        | Values::Utf8(_)
        | Values::LargeUtf8(_)
        | Values::Utf8View(_)
        | Values::Binary(_)
        | Values::LargeBinary(_)
        | Values::BinaryView(_)
        | Values::FixedSizeBinary(_)
        | Values::List(..)
        | Values::Struct(_)
        | Values::Map(..)
        | Values::Other(_) => text::put(out, cells, row),
    }
    true
}

fn put_float(out: &mut Vec<u8>, number: f32) -> bool {
    if number.is_finite() {
        out.extend_from_slice(&number.to_le_bytes());
    }
    number.is_finite()
}

#[inline]
fn put_date(out: &mut Vec<u8>, date: Option<Date>) -> bool {
    let Some(Date { year, month, day }) = date else { return false };
    let [low, high] = year.to_le_bytes();
    out.extend_from_slice(&[4, low, high, month, day]);
    true
}

/// Trailing zeros are left out: midnight has no time, a full second no fraction.
#[inline]
fn put_date_time(out: &mut Vec<u8>, Date { year, month, day }: Date, time: Time) {
    let [low, high] = year.to_le_bytes();
    let Time { hour, minute, second, micro, .. } = time;
    let midnight = hour == 0 && minute == 0 && second == 0;
    let length = match (midnight, micro) {
        (true, 0) => 4,
        (false, 0) => 7,
        _ => 11,
    };
    let [first, middle, last, most] = micro.to_le_bytes();
    let bytes = [length, low, high, month, day, hour as u8, minute, second, first, middle, last, most];
    out.extend_from_slice(&bytes[..=usize::from(length)]);
}

#[inline]
fn put_time(out: &mut Vec<u8>, Time { negative, hour, minute, second, micro }: Time) {
    let zero = hour == 0 && minute == 0 && second == 0;
    let length = match (zero, micro) {
        (true, 0) => 0,
        (false, 0) => 8,
        _ => 12,
    };
    let [first, middle, last, most] = micro.to_le_bytes();
    let (days, hour) = ((hour / 24) as u8, (hour % 24) as u8);
    let bytes = [length, negative.into(), days, 0, 0, 0, hour, minute, second, first, middle, last, most];
    out.extend_from_slice(&bytes[..=usize::from(length)]);
}

#[cfg(test)]
mod tests {
    use arrow::array::*;

    use super::super::temporal::Zone;
    use super::*;

    fn check(array: impl Array, expected: &[Option<&[u8]>]) {
        let cells = Cells::new(&array, Zone::new("+01:00".parse().unwrap())).unwrap();
        for (row, expected) in expected.iter().enumerate() {
            let mut out = Vec::new();
            let there = put(&mut out, &cells, row);
            assert_eq!(there.then_some(&out[..]), *expected, "row {row} of {}", array.data_type());
            assert!(there || out.is_empty());
        }
    }

    #[test]
    fn numbers_and_strings() {
        check(Int8Array::from(vec![Some(-1), None]), &[Some(&[0xFF]), None]);
        check(Int16Array::from(vec![258]), &[Some(&[2, 1])]);
        check(Int32Array::from(vec![-2]), &[Some(&[0xFE, 0xFF, 0xFF, 0xFF])]);
        check(UInt64Array::from(vec![1]), &[Some(&[1, 0, 0, 0, 0, 0, 0, 0])]);
        check(BooleanArray::from(vec![true, false]), &[Some(&[1]), Some(&[0])]);
        check(Float32Array::from(vec![1.0, f32::NAN]), &[Some(&[0, 0, 0x80, 0x3F]), None]);
        check(Float64Array::from(vec![f64::INFINITY, 0.0]), &[None, Some(&[0; 8])]);
        check(StringArray::from(vec![Some("ab"), None]), &[Some(b"\x02ab"), None]);
        let decimals = Decimal128Array::from(vec![-150]).with_precision_and_scale(5, 2).unwrap();
        check(decimals, &[Some(b"\x05-1.50")]);
        check(NullArray::new(1), &[None]);
    }

    #[test]
    fn times_leave_their_zeros_out() {
        check(Date32Array::from(vec![0, i32::MIN]), &[Some(&[4, 0xB2, 7, 1, 1]), None]);
        let times = TimestampMicrosecondArray::from(vec![0, 1_000_000, 1]);
        check(
            times,
            &[
                Some(&[4, 0xB2, 7, 1, 1]),
                Some(&[7, 0xB2, 7, 1, 1, 0, 0, 1]),
                Some(&[11, 0xB2, 7, 1, 1, 0, 0, 0, 1, 0, 0, 0]),
            ],
        );
        let instants = TimestampSecondArray::from(vec![0]).with_timezone("UTC");
        check(instants, &[Some(&[7, 0xB2, 7, 1, 1, 1, 0, 0])]);
        let lengths = DurationMicrosecondArray::from(vec![0, -90_061_000_000, 1]);
        check(
            lengths,
            &[
                Some(&[0]),
                Some(&[8, 1, 1, 0, 0, 0, 1, 1, 1]),
                Some(&[12, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]),
            ],
        );
    }
}
