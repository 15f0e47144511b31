//! Dates and times as the numbers that MySQL reads them as: YYYYMMDD, YYYYMMDDhhmmss, hhmmss. It must not know how texts are
//! read.

use arrow::array::{Array, ArrayRef, Decimal128Array, Float64Array, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::read::Read;
use super::{double, temporal, text};
use crate::engine::functions::calendar::{Parts, SECOND};
use crate::engine::functions::signature::Call;

/// A number with six digits of the second as a double: it has too many digits to become one before it is divided.
fn seconds(packed: i128) -> f64 {
    (packed / 1_000_000) as f64 + (packed % 1_000_000) as f64 / 1e6
}

/// Dates and times as the numbers that MySQL reads them as: YYYYMMDD, YYYYMMDDhhmmss, hhmmss.
pub fn doubles(array: &ArrayRef, call: &Call<'_>) -> Result<Float64Array> {
    Ok(match array.data_type() {
        DataType::Date32 | DataType::Date64 => {
            let date = |micros: i64| {
                let parts = Parts::of(micros);
                f64::from(parts.year * 10_000) + f64::from(parts.month * 100 + parts.day)
            };
            temporal::datetime(array, call)?.unary(date)
        }
        DataType::Timestamp(..) => temporal::datetime(array, call)?.unary(|micros| seconds(datetime(micros))),
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => {
            temporal::time(array, call)?.unary(|micros| seconds(time(micros)))
        }
        _ => double(&super::shared(text(array, call)?), call)?,
    })
}

/// The same as integers: a fraction rounds the time, so that 23:59:59.5 is a minute and a day later.
pub fn integers(array: &ArrayRef, call: &Call<'_>) -> Result<Int64Array> {
    let whole = |packed: i128| (packed / 1_000_000) as i64;
    Ok(match array.data_type() {
        DataType::Timestamp(..) => temporal::datetime(array, call)?
            .unary(|micros| whole(datetime(temporal::rounded_datetime(micros, 0)))),
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => {
            temporal::time(array, call)?.unary(|micros| whole(time(temporal::rounded(micros, 0))))
        }
        _ => doubles(array, call)?.unary(super::number::round_to_int),
    })
}

/// The metadata of texts that are dates and times where a number is asked for.
pub const MOMENT: &str = "mysql_moment";

/// Texts of dates and times as the numbers that these are.
pub fn texts(array: &ArrayRef, call: &Call<'_>) -> Result<ArrayRef> {
    let number = |text: &str| {
        let Parts { year, month, day, hour, minute, second, micro, .. } = Read::datetime(text)?.parts;
        let date = f64::from(year * 10_000) + f64::from(month * 100 + day);
        let time = f64::from(hour * 10_000 + minute * 100 + second) + f64::from(micro) / 1e6;
        Some(if text.len() > "YYYY-MM-DD".len() { date * 1e6 + time } else { date })
    };
    Ok(super::shared(text(array, call)?.iter().map(|text| text.and_then(number)).collect::<Float64Array>()))
}

/// Dates and times with a fraction of the second as exact numbers, with as many digits after the point.
pub fn exact(array: &ArrayRef, digits: u32, call: &Call<'_>) -> Result<Decimal128Array> {
    let cut = 10_i128.pow(6 - digits);
    let packed: Decimal128Array = match array.data_type() {
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => {
            temporal::time(array, call)?.unary(|micros| time(micros) / cut)
        }
        _ => temporal::datetime(array, call)?.unary(|micros| datetime(micros) / cut),
    };
    Ok(packed.with_precision_and_scale(20, digits as i8)?)
}

/// YYYYMMDDhhmmss and six digits of the second.
pub fn datetime(micros: i64) -> i128 {
    let parts = Parts::of(micros);
    let date = i128::from(parts.year) * 10_000 + i128::from(parts.month * 100 + parts.day);
    let time = i128::from(parts.hour * 10_000 + parts.minute * 100 + parts.second);
    (date * 1_000_000 + time) * 1_000_000 + i128::from(parts.micro)
}

/// hhmmss and six digits of the second, negative for a negative time.
pub fn time(micros: i64) -> i128 {
    let seconds = micros.abs() / SECOND;
    let time = i128::from(seconds / 3600 * 10_000 + seconds / 60 % 60 * 100 + seconds % 60);
    let packed = time * 1_000_000 + i128::from(micros.abs() % SECOND);
    if micros < 0 { -packed } else { packed }
}
