//! The one type for values of several: what IF, COALESCE, CASE and UNION answer, by MySQL's rules.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};

use super::convert::decimal;
use super::signature::{is_binary, is_text};

/// The type that holds values of all these types as MySQL would show them.
pub fn unify<'a>(types: impl IntoIterator<Item = &'a DataType>) -> DataType {
    types.into_iter().fold(DataType::Null, |left, right| pair(&left, right))
}

/// The type that holds values of both.
pub fn pair(left: &DataType, right: &DataType) -> DataType {
    use DataType::{
        BinaryView, Boolean, Date32, Decimal128, Duration, Float32, Float64, Int64, Null, Timestamp, UInt64,
        Utf8View,
    };
    match (&plain(left), &plain(right)) {
        (Null, other) | (other, Null) => other.clone(),
        (left, right) if left == right => left.clone(),
        (left, right) if is_binary(left) || is_binary(right) => BinaryView,
        (left, right) if is_text(left) || is_text(right) => Utf8View,
        (Timestamp(left, None), Timestamp(right, None)) => Timestamp(*left.max(right), None),
        (Timestamp(left, Some(zone)), Timestamp(right, Some(_))) => {
            Timestamp(*left.max(right), Some(Arc::clone(zone)))
        }
        (Timestamp(left, _), Timestamp(right, _)) => Timestamp(*left.max(right), None),
        (Timestamp(unit, zone), Date32) | (Date32, Timestamp(unit, zone)) => Timestamp(*unit, zone.clone()),
        (Timestamp(left, _), Duration(right)) | (Duration(right), Timestamp(left, _)) => {
            Timestamp(*left.max(right), None)
        }
        (Date32, Duration(unit)) | (Duration(unit), Date32) => Timestamp(*unit, None),
        (Duration(left), Duration(right)) => Duration(*left.max(right)),
        (left, right) if temporal(left) || temporal(right) => Utf8View,
        (Float32, Float32) => Float32,
        (left, right) if left.is_floating() || right.is_floating() => Float64,
        (left, right) if left.is_decimal() || right.is_decimal() => {
            let ((left, left_scale), (right, right_scale)) = (digits(left), digits(right));
            let scale = left_scale.max(right_scale);
            let whole = (left as i8 - left_scale).max(right as i8 - right_scale);
            // Digits before the point come first: what does not fit is cut after it.
            let whole = whole.clamp(0, 76);
            decimal::data_type((whole + scale).clamp(1, 76) as u8, scale.min(76 - whole))
        }
        // A truth is a signed integer.
        (UInt64, other) | (other, UInt64) if other.is_signed_integer() || *other == Boolean => {
            Decimal128(20, 0)
        }
        (Boolean, other) | (other, Boolean) if other.is_integer() => Int64,
        (left, right) if left.is_unsigned_integer() && right.is_unsigned_integer() => UInt64,
        (left, right) if left.is_integer() && right.is_integer() => Int64,
        _ => Utf8View,
    }
}

/// A type without its variants of storage.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        data_type if is_text(data_type) => DataType::Utf8View,
        data_type if is_binary(data_type) => DataType::BinaryView,
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        DataType::Time32(TimeUnit::Second) => DataType::Duration(TimeUnit::Second),
        DataType::Time32(_) => DataType::Duration(TimeUnit::Millisecond),
        DataType::Time64(_) | DataType::Duration(TimeUnit::Nanosecond) => {
            DataType::Duration(TimeUnit::Microsecond)
        }
        DataType::Date64 => DataType::Date32,
        other => other.clone(),
    }
}

/// Whether a type is a date or time.
pub fn temporal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Timestamp(..)
            | DataType::Date32
            | DataType::Date64
            | DataType::Duration(_)
            | DataType::Time32(_)
            | DataType::Time64(_)
    )
}

/// How many digits a number has, and how many of them are after the point.
pub fn digits(data_type: &DataType) -> (u8, i8) {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => (*precision, *scale),
        DataType::Boolean => (1, 0),
        DataType::Int8 | DataType::UInt8 => (3, 0),
        DataType::Int16 | DataType::UInt16 => (5, 0),
        DataType::Int32 | DataType::UInt32 => (10, 0),
        DataType::Int64 => (19, 0),
        _ => (20, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        fn check(left: DataType, right: DataType, expected: DataType) {
            assert_eq!(pair(&left, &right), expected, "{left} {right}");
            assert_eq!(pair(&right, &left), expected, "{right} {left}");
        }
        check(DataType::Int8, DataType::Int64, DataType::Int64);
        check(DataType::Int64, DataType::UInt64, DataType::Decimal128(20, 0));
        check(DataType::Int64, DataType::Utf8, DataType::Utf8View);
        check(DataType::Int64, DataType::Float32, DataType::Float64);
        check(DataType::Decimal128(5, 2), DataType::Decimal128(6, 4), DataType::Decimal128(7, 4));
        check(DataType::Decimal128(5, 2), DataType::Int64, DataType::Decimal128(21, 2));
        check(
            DataType::Date32,
            DataType::Timestamp(TimeUnit::Second, None),
            DataType::Timestamp(TimeUnit::Second, None),
        );
        check(
            DataType::Date32,
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Timestamp(TimeUnit::Microsecond, None),
        );
        check(DataType::Date32, DataType::Int64, DataType::Utf8View);
        check(DataType::Null, DataType::Date32, DataType::Date32);
        check(DataType::Boolean, DataType::Int32, DataType::Int64);
        check(DataType::Boolean, DataType::UInt64, DataType::Decimal128(20, 0));
    }
}
