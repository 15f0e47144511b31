//! Texts as values of declared types: exactly, or not at all. It must not know how files separate values.
//!
//! A text never becomes a value that it does not say: `1.5` is no integer, `2026-02-30` no day, and
//! `0.125` no `decimal(5,2)`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryViewBuilder, BooleanBuilder, PrimitiveBuilder, StringViewBuilder,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, DecimalType, DurationMicrosecondType, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// Collects the values of one column of a batch.
pub trait Values: Send {
    /// Adds NULL.
    fn push_null(&mut self);
    /// Adds the value that a text says; false, and nothing added, when it says none of the type.
    fn push(&mut self, text: &[u8]) -> bool;
    /// Takes the values, and begins anew.
    fn finish(&mut self) -> ArrayRef;
}

/// Whether values of the type are texts themselves, so that an empty text is one.
pub fn is_text(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(data_type, Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView)
}

/// What people call values of the type.
pub fn type_name(data_type: &DataType) -> String {
    let fraction = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "",
        TimeUnit::Millisecond => "(3)",
        TimeUnit::Microsecond | TimeUnit::Nanosecond => "(6)",
    };
    match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 => "tinyint".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::UInt8 => "tinyint unsigned".to_owned(),
        DataType::UInt16 => "smallint unsigned".to_owned(),
        DataType::UInt32 => "int unsigned".to_owned(),
        DataType::UInt64 => "bigint unsigned".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision},{scale})")
        }
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(unit, None) => format!("datetime{}", fraction(unit)),
        DataType::Timestamp(unit, Some(_)) => format!("timestamp{}", fraction(unit)),
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => "time".to_owned(),
        // Its bytes are not UTF-8.
        _ if is_text(data_type) => "text".to_owned(),
        other => other.to_string(),
    }
}

/// A collector for columns of a type; none for nested types and those that no declaration gives.
pub fn collector(data_type: &DataType) -> Option<Box<dyn Values>> {
    let integer_type = data_type.clone();
    Some(match data_type {
        DataType::Boolean => Box::new(Booleans(BooleanBuilder::new())),
        DataType::Int8 => parsed::<Int8Type>(integer_type, integer),
        DataType::Int16 => parsed::<Int16Type>(integer_type, integer),
        DataType::Int32 => parsed::<Int32Type>(integer_type, integer),
        DataType::Int64 => parsed::<Int64Type>(integer_type, integer),
        DataType::UInt8 => parsed::<UInt8Type>(integer_type, integer),
        DataType::UInt16 => parsed::<UInt16Type>(integer_type, integer),
        DataType::UInt32 => parsed::<UInt32Type>(integer_type, integer),
        DataType::UInt64 => parsed::<UInt64Type>(integer_type, integer),
        DataType::Float32 => parsed::<Float32Type>(integer_type, |text| {
            float(text)?.parse().ok().filter(|value: &f32| value.is_finite()).map(|value| value + 0.0)
        }),
        DataType::Float64 => parsed::<Float64Type>(integer_type, |text| {
            float(text)?.parse().ok().filter(|value: &f64| value.is_finite()).map(|value| value + 0.0)
        }),
        DataType::Decimal128(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            parsed::<Decimal128Type>(integer_type, move |text| {
                let value = decimal(text, scale)?.to_i128()?;
                Decimal128Type::is_valid_decimal_precision(value, precision).then_some(value)
            })
        }
        DataType::Decimal256(precision, scale) => {
            let (precision, scale) = (*precision, *scale);
            parsed::<Decimal256Type>(integer_type, move |text| {
                decimal(text, scale)
                    .filter(|value| Decimal256Type::is_valid_decimal_precision(*value, precision))
            })
        }
        DataType::Date32 => parsed::<Date32Type>(integer_type, |text| {
            let time = date_time(text, false)?;
            (time.time() == NaiveTime::MIN).then(|| Date32Type::from_naive_date(time.date()))
        }),
        DataType::Timestamp(unit, zone) => {
            let (unit, zoned) = (*unit, zone.is_some());
            let parse = move |text: &str| timestamp(date_time(text, zoned)?, unit);
            match unit {
                TimeUnit::Second => parsed::<TimestampSecondType>(integer_type, parse),
                TimeUnit::Millisecond => parsed::<TimestampMillisecondType>(integer_type, parse),
                TimeUnit::Microsecond => parsed::<TimestampMicrosecondType>(integer_type, parse),
                TimeUnit::Nanosecond => parsed::<TimestampNanosecondType>(integer_type, parse),
            }
        }
        DataType::Time32(unit) => {
            let us = if *unit == TimeUnit::Second { 1_000_000 } else { 1_000 };
            // What is finer than the type does not fit.
            let parse = move |text: &str| {
                let time = time_of_day_us(text).filter(|time| time % us == 0)?;
                i32::try_from(time / us).ok()
            };
            match unit {
                TimeUnit::Second => parsed::<Time32SecondType>(integer_type, parse),
                _ => parsed::<Time32MillisecondType>(integer_type, parse),
            }
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            parsed::<Time64MicrosecondType>(integer_type, time_of_day_us)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            parsed::<DurationMicrosecondType>(integer_type, duration_us)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Box::new(Texts { values: StringViewBuilder::new(), data_type: data_type.clone() })
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            Box::new(Binaries { values: BinaryViewBuilder::new(), data_type: data_type.clone() })
        }
        _ => return None,
    })
}

struct Parsed<T: ArrowPrimitiveType, F> {
    values: PrimitiveBuilder<T>,
    parse: F,
}

fn parsed<T: ArrowPrimitiveType>(
    data_type: DataType,
    parse: impl Fn(&str) -> Option<T::Native> + Send + 'static,
) -> Box<dyn Values> {
    Box::new(Parsed { values: PrimitiveBuilder::<T>::new().with_data_type(data_type), parse })
}

impl<T: ArrowPrimitiveType, F: Fn(&str) -> Option<T::Native> + Send> Values for Parsed<T, F> {
    fn push_null(&mut self) {
        self.values.append_null();
    }

    fn push(&mut self, text: &[u8]) -> bool {
        let value = std::str::from_utf8(text).ok().and_then(|text| (self.parse)(text.trim_ascii()));
        value.map(|value| self.values.append_value(value)).is_some()
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.values.finish())
    }
}

struct Booleans(BooleanBuilder);

impl Values for Booleans {
    fn push_null(&mut self) {
        self.0.append_null();
    }

    fn push(&mut self, text: &[u8]) -> bool {
        let value = match text.trim_ascii() {
            b"1" => true,
            b"0" => false,
            text if text.eq_ignore_ascii_case(b"true") => true,
            text if text.eq_ignore_ascii_case(b"false") => false,
            _ => return false,
        };
        self.0.append_value(value);
        true
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

struct Texts {
    values: StringViewBuilder,
    data_type: DataType,
}

impl Values for Texts {
    fn push_null(&mut self) {
        self.values.append_null();
    }

    fn push(&mut self, text: &[u8]) -> bool {
        std::str::from_utf8(text).map(|text| self.values.append_value(text)).is_ok()
    }

    fn finish(&mut self) -> ArrayRef {
        let values = self.values.finish();
        cast(&values, &self.data_type).expect("every text type holds every text")
    }
}

struct Binaries {
    values: BinaryViewBuilder,
    data_type: DataType,
}

impl Values for Binaries {
    fn push_null(&mut self) {
        self.values.append_null();
    }

    fn push(&mut self, text: &[u8]) -> bool {
        self.values.append_value(text);
        true
    }

    fn finish(&mut self) -> ArrayRef {
        let values = self.values.finish();
        cast(&values, &self.data_type).expect("every binary type holds all bytes")
    }
}

/// `12`, `-3`, and, as programs write whole numbers, `12.0` and `1e3`.
fn integer<T: std::str::FromStr + TryFrom<i128>>(text: &str) -> Option<T> {
    text.parse().ok().or_else(|| T::try_from(decimal(text, 0)?.to_i128()?).ok())
}

/// The text, if it begins as a number: Rust would also read `inf` and `nan`.
fn float(text: &str) -> Option<&str> {
    text.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.').then_some(text)
}

/// The number times ten to the power of `scale`, if that is whole.
fn decimal(text: &str, scale: i8) -> Option<i256> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.split_at_checked(1)? {
        ("-", digits) => ("-", digits),
        ("+", digits) => ("", digits),
        _ => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }

    // Zeros to add behind the digits; below zero, digits to take away, which must be zeros.
    let zeros = i32::from(scale) + i32::from(exponent) - i32::try_from(fraction.len()).ok()?;
    if zeros < 0 {
        let kept = digits.len().saturating_sub(zeros.unsigned_abs() as usize);
        let taken = digits.split_off(kept);
        if taken.bytes().any(|digit| digit != b'0') {
            return None;
        }
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(i256::ZERO);
    }
    let zeros = usize::try_from(zeros).unwrap_or(0);
    // No type holds more digits.
    if digits.len() + zeros > 76 {
        return None;
    }
    i256::from_string(&format!("{sign}{digits}{:0<zeros$}", ""))
}

/// `2026-09-01`, `2026-09-01 12:30`, `2026-09-01T12:30:00.25`; where the type has a zone also an offset
/// (`Z`, `+09:00`), which gives the time in UTC.
fn date_time(text: &str, zoned: bool) -> Option<NaiveDateTime> {
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || parts.next().is_some() {
        return None;
    }
    let date =
        NaiveDate::from_ymd_opt(number(year, 4)?.try_into().ok()?, number(month, 2)?, number(day, 2)?)?;
    let Some(time) = time else {
        return date.and_hms_opt(0, 0, 0);
    };

    let zone_start = time.find(['Z', '+', '-']);
    let (time, zone) = time.split_at(zone_start.unwrap_or(time.len()));
    let offset_minutes = match zone {
        "" => 0,
        _ if !zoned => return None,
        "Z" => 0,
        zone => {
            let (sign, zone) = zone.split_at(1);
            let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
            let minutes = i64::from(number(hours, 2)?) * 60 + i64::from(number(minutes, 2)?);
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let (seconds, nanoseconds) = clock(time.trim_end())?;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds)?;
    date.and_time(time).checked_sub_signed(chrono::TimeDelta::minutes(offset_minutes))
}

/// Seconds and nanoseconds of `12:30`, `12:30:15` and `12:30:15.25`; hours may be many.
fn clock(text: &str) -> Option<(u32, u32)> {
    let (text, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = text.split(':');
    let (hours, minutes) = (number(parts.next()?, 3)?, number(parts.next()?, 2)?);
    let seconds = parts.next().map_or(Some(0), |seconds| number(seconds, 2))?;
    if minutes > 59 || seconds > 59 || parts.next().is_some() {
        return None;
    }
    let nanoseconds = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<9}"), 9)? };
    Some((hours * 3_600 + minutes * 60 + seconds, nanoseconds))
}

fn timestamp(time: NaiveDateTime, unit: TimeUnit) -> Option<i64> {
    let time = time.and_utc();
    let (value, rest_ns) = match unit {
        TimeUnit::Second => (time.timestamp(), time.timestamp_subsec_nanos()),
        TimeUnit::Millisecond => (time.timestamp_millis(), time.timestamp_subsec_nanos() % 1_000_000),
        TimeUnit::Microsecond => (time.timestamp_micros(), time.timestamp_subsec_nanos() % 1_000),
        TimeUnit::Nanosecond => (time.timestamp_nanos_opt()?, 0),
    };
    (rest_ns == 0).then_some(value)
}

/// Microseconds since midnight.
fn time_of_day_us(text: &str) -> Option<i64> {
    const DAY_US: i64 = 86_400_000_000;
    duration_us(text).filter(|us| (0..DAY_US).contains(us))
}

/// Microseconds of a length of time: `12:30:15`, `-838:59:59`.
fn duration_us(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    let (seconds, nanoseconds) = clock(text)?;
    let whole = nanoseconds % 1_000 == 0;
    whole.then(|| sign * (i64::from(seconds) * 1_000_000 + i64::from(nanoseconds / 1_000)))
}

/// One to so many digits, and nothing else.
fn number(text: &str, digits_max: usize) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= digits_max;
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use arrow::util::display::array_value_to_string;

    use super::*;

    #[test]
    fn texts_are_values_exactly_or_not_at_all() {
        let check = |data_type: DataType, text: &str, expected: Option<&str>| {
            let mut values = collector(&data_type).unwrap();
            let found = values.push(text.as_bytes()).then(|| {
                let array = values.finish();
                assert_eq!(array.data_type(), &data_type);
                array_value_to_string(&array, 0).unwrap()
            });
            assert_eq!(found.as_deref(), expected, "{text:?} as {data_type}");
        };
        check(DataType::Int32, "12", Some("12"));
        check(DataType::Int32, " -12 ", Some("-12"));
        check(DataType::Int32, "+7", Some("7"));
        check(DataType::Int32, "12.0", Some("12"));
        check(DataType::Int32, "1e3", Some("1000"));
        check(DataType::Int32, "1.5", None);
        check(DataType::Int32, "2147483648", None);
        check(DataType::Int32, "12abc", None);
        check(DataType::Int32, "", None);
        check(DataType::Int32, "-", None);
        check(DataType::UInt64, "18446744073709551615", Some("18446744073709551615"));
        check(DataType::UInt8, "-1", None);
        check(DataType::Boolean, "TRUE", Some("true"));
        check(DataType::Boolean, "0", Some("false"));
        check(DataType::Boolean, "yes", None);
        check(DataType::Float64, "1.5e3", Some("1500.0"));
        check(DataType::Float64, ".5", Some("0.5"));
        check(DataType::Float64, "inf", None);
        check(DataType::Float64, "NaN", None);
        check(DataType::Float64, "1e999", None);
        check(DataType::Float32, "1e39", None);

        let money = DataType::Decimal128(5, 2);
        check(money.clone(), "12.5", Some("12.50"));
        check(money.clone(), "-999.99", Some("-999.99"));
        check(money.clone(), "12.500", Some("12.50"));
        check(money.clone(), "12.505", None);
        check(money.clone(), "1000", None);
        check(money.clone(), "1.25e1", Some("12.50"));
        check(money.clone(), "1e-400", None);
        check(money.clone(), "0e9999", Some("0.00"));
        check(money.clone(), "1e9999", None);
        check(money.clone(), "-.5", Some("-0.50"));
        check(money.clone(), ".", None);
        check(money, "1.2.3", None);
        let digits = "1".repeat(60);
        check(DataType::Decimal256(65, 2), &digits, Some(&format!("{digits}.00")));

        check(DataType::Date32, "2026-09-01", Some("2026-09-01"));
        check(DataType::Date32, "2026-9-1", Some("2026-09-01"));
        check(DataType::Date32, "2026-09-01 00:00:00", Some("2026-09-01"));
        check(DataType::Date32, "2026-09-01 00:00:01", None);
        check(DataType::Date32, "2026-02-30", None);
        check(DataType::Date32, "0000-00-00", None);
        check(DataType::Date32, "26-09-01", None);

        let second = DataType::Timestamp(TimeUnit::Second, None);
        let micro = DataType::Timestamp(TimeUnit::Microsecond, None);
        check(second.clone(), "2026-09-01 12:30:15", Some("2026-09-01T12:30:15"));
        check(second.clone(), "2026-09-01T12:30", Some("2026-09-01T12:30:00"));
        check(second.clone(), "2026-09-01", Some("2026-09-01T00:00:00"));
        check(second.clone(), "2026-09-01 12:30:15.000", Some("2026-09-01T12:30:15"));
        check(second.clone(), "2026-09-01 12:30:15.5", None);
        check(second.clone(), "2026-09-01 24:00:00", None);
        check(second, "2026-09-01T12:30:15Z", None);
        check(micro.clone(), "2026-09-01 12:30:15.5", Some("2026-09-01T12:30:15.500"));
        check(micro, "2026-09-01 12:30:15.0000001", None);
        let zoned = DataType::Timestamp(TimeUnit::Second, Some("UTC".into()));
        check(zoned.clone(), "2026-09-01T12:30:15Z", Some("2026-09-01T12:30:15Z"));
        check(zoned.clone(), "2026-09-01T00:30:15+09:00", Some("2026-08-31T15:30:15Z"));
        check(zoned.clone(), "2026-09-01T23:30:15-0130", Some("2026-09-02T01:00:15Z"));
        check(zoned, "2026-09-01T23:30:15+x", None);

        check(DataType::Time64(TimeUnit::Microsecond), "12:30:15.25", Some("12:30:15.250"));
        check(DataType::Time64(TimeUnit::Microsecond), "24:00:00", None);
        check(DataType::Time32(TimeUnit::Second), "12:30:15", Some("12:30:15"));
        check(DataType::Time32(TimeUnit::Second), "12:30:15.5", None);
        check(DataType::Time32(TimeUnit::Millisecond), "12:30:15.5", Some("12:30:15.500"));
        check(DataType::Duration(TimeUnit::Microsecond), "-838:59:59", Some("-PT3020399S"));
        check(DataType::Utf8View, " a ", Some(" a "));
        check(DataType::Utf8, "", Some(""));
        check(DataType::BinaryView, "ab", Some("6162"));
    }
}
