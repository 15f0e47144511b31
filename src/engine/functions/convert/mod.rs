//! MySQL's conversions between types, a column at a time: to text, to numbers, to true and false.
//!
//! What cannot be converted becomes what MySQL makes of it (a prefix, zero, NULL) and a warning. Dates and times
//! are in [`temporal`], the forms of numbers in [`number`].

pub mod binary;
pub mod decimal;
pub mod number;
pub mod packed;
pub mod read;
pub mod temporal;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewArray, BooleanArray, Float64Array, Int64Array,
    PrimitiveArray, StringViewArray, StringViewBuilder, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, Float32Type, Float64Type, Int64Type, UInt64Type,
};
use datafusion::common::Result;

use super::error::Error;
use super::shown;
use super::signature::{Call, is_binary, is_text};
use decimal::Decimal;

pub use temporal::Instants;

/// The most bytes of a string that a function makes: MySQL's default of `max_allowed_packet`.
pub const LONGEST: usize = 64 << 20;

/// A column's values by row; one value stands for all rows when it is constant.
#[derive(Debug)]
pub struct Cells<A> {
    array: A,
    mask: usize,
}

impl<A> Cells<A> {
    /// A value for each row.
    pub fn of(array: A) -> Self {
        Self { array, mask: usize::MAX }
    }

    /// The same value for every row: an array with one element.
    pub fn constant(array: A) -> Self {
        Self { array, mask: 0 }
    }

    /// The position of a row's value in the array.
    pub fn index(&self, row: usize) -> usize {
        row & self.mask
    }

    /// Whether one value stands for all rows.
    pub fn is_constant(&self) -> bool {
        self.mask == 0
    }

    /// The array.
    pub fn array(&self) -> &A {
        &self.array
    }

    /// The same rows, converted.
    pub fn map<B>(self, convert: impl FnOnce(&A) -> Result<B>) -> Result<Cells<B>> {
        Ok(Cells { array: convert(&self.array)?, mask: self.mask })
    }
}

impl Cells<ArrayRef> {
    /// Whether a row's value is NULL.
    pub fn is_null(&self, row: usize) -> bool {
        self.array.data_type().is_null() || self.array.is_null(self.index(row))
    }
}

impl<T: ArrowPrimitiveType> Cells<PrimitiveArray<T>> {
    /// A row's value.
    #[inline]
    pub fn at(&self, row: usize) -> Option<T::Native> {
        let index = self.index(row);
        self.array.is_valid(index).then(|| self.array.value(index))
    }
}

impl Cells<BooleanArray> {
    /// A row's value.
    #[inline]
    pub fn at(&self, row: usize) -> Option<bool> {
        let index = self.index(row);
        self.array.is_valid(index).then(|| self.array.value(index))
    }
}

impl Cells<StringViewArray> {
    /// A row's value.
    #[inline]
    pub fn at(&self, row: usize) -> Option<&str> {
        let index = self.index(row);
        self.array.is_valid(index).then(|| self.array.value(index))
    }
}

impl Cells<BinaryViewArray> {
    /// A row's value.
    #[inline]
    pub fn at(&self, row: usize) -> Option<&[u8]> {
        let index = self.index(row);
        self.array.is_valid(index).then(|| self.array.value(index))
    }
}

/// Any column as text, exactly as MySQL writes it; its type alone tells how many digits are written.
pub fn text(array: &ArrayRef, call: &Call<'_>) -> Result<StringViewArray> {
    text_of(array, &Field::new("", array.data_type().clone(), true), call)
}

/// Any column as text, exactly as MySQL writes it, with the digits that its field tells.
pub fn text_of(array: &ArrayRef, field: &Field, call: &Call<'_>) -> Result<StringViewArray> {
    let mut buffer = String::new();
    Ok(match array.data_type() {
        DataType::Utf8View => array.as_string_view().clone(),
        DataType::Null => StringViewArray::new_null(array.len()),
        data_type if is_text(data_type) => cast(array, &DataType::Utf8View)?.as_string_view().clone(),
        data_type if is_binary(data_type) => {
            let bytes = cast(array, &DataType::BinaryView)?;
            written(bytes.as_binary_view().iter(), |bytes, text| match std::str::from_utf8(bytes) {
                Ok(valid) => {
                    text.push_str(valid);
                    Some(())
                }
                Err(error) => {
                    let rest = &bytes[error.valid_up_to()..];
                    let start: String = rest.iter().take(6).map(|byte| format!("\\x{byte:02X}")).collect();
                    call.warn(1300, format!("Invalid utf8mb4 character string: '{start}'"));
                    None
                }
            })
        }
        DataType::Boolean => written(array.as_boolean().iter(), |value, text| {
            text.push(if value { '1' } else { '0' });
            Some(())
        }),
        DataType::Float64 => {
            let decimals = shown::decimals(field);
            written(array.as_primitive::<Float64Type>().iter(), |value, text| {
                match decimals {
                    Some(decimals) => number::write_fixed(value, decimals, text),
                    None => number::write_double(value, text),
                }
                Some(())
            })
        }
        DataType::Float16 | DataType::Float32 => {
            let array = cast(array, &DataType::Float32)?;
            written(array.as_primitive::<Float32Type>().iter(), |value, text| {
                number::write_float(value, text);
                Some(())
            })
        }
        DataType::Decimal128(_, scale) => {
            written(array.as_primitive::<Decimal128Type>().iter(), |value, text| {
                decimal::write_i128(value, *scale, text);
                Some(())
            })
        }
        DataType::Decimal32(..) | DataType::Decimal64(..) => {
            let wide = decimal::widened(array)?;
            return self::text(&wide, call);
        }
        DataType::Decimal256(_, scale) => {
            written(array.as_primitive::<Decimal256Type>().iter(), |value, text| {
                decimal::write_i256(value, *scale, text);
                Some(())
            })
        }
        data_type if data_type.is_integer() => cast(array, &DataType::Utf8View)?.as_string_view().clone(),
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            let digits = temporal::digits(field);
            let date_only = matches!(array.data_type(), DataType::Date32 | DataType::Date64);
            let moments = temporal::datetime(array, call)?;
            written(moments.iter(), |micros, text| {
                let parts = super::calendar::Parts::of(micros);
                if date_only {
                    parts.write_date(text)
                } else {
                    parts.write_datetime(digits, text)
                }
                Some(())
            })
        }
        DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => {
            let digits = temporal::digits(field);
            let times = temporal::time(array, call)?;
            written(times.iter(), |micros, text| {
                temporal::write_time(micros, digits, text);
                Some(())
            })
        }
        _ => {
            // Lists, structs and maps are JSON documents.
            let mut column = StringViewBuilder::with_capacity(array.len());
            for row in 0..array.len() {
                match super::json::document::from_array(array, row)? {
                    super::json::document::Json::Null => column.append_null(),
                    document => {
                        buffer.clear();
                        document.write(&mut buffer);
                        column.append_value(&buffer);
                    }
                }
            }
            column.finish()
        }
    })
}

/// Writes a column of texts without an allocation for each.
fn written<T>(
    values: impl ExactSizeIterator<Item = Option<T>>,
    mut write: impl FnMut(T, &mut String) -> Option<()>,
) -> StringViewArray {
    let mut column = StringViewBuilder::with_capacity(values.len());
    let mut text = String::new();
    for value in values {
        text.clear();
        match value.and_then(|value| write(value, &mut text)) {
            Some(()) => column.append_value(&text),
            None => column.append_null(),
        }
    }
    column.finish()
}

/// Any column as bytes; what is no binary string is its text in UTF-8.
pub fn bytes(array: &ArrayRef, call: &Call<'_>) -> Result<BinaryViewArray> {
    Ok(match is_binary(array.data_type()) {
        true => cast(array, &DataType::BinaryView)?.as_binary_view().clone(),
        false => text(array, call)?.to_binary_view(),
    })
}

/// Any column as signed integers.
pub fn int(array: &ArrayRef, call: &Call<'_>) -> Result<Int64Array> {
    let warn = |text: &str| truncated(call, "INTEGER", text);
    Ok(match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().clone(),
        DataType::Null => Int64Array::new_null(array.len()),
        DataType::Boolean => cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
        DataType::UInt64 => {
            array.as_primitive::<UInt64Type>().unary(|value| i64::try_from(value).unwrap_or(i64::MAX))
        }
        data_type if data_type.is_integer() => {
            cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()
        }
        data_type if data_type.is_floating() => double(array, call)?.unary(number::round_to_int),
        data_type if data_type.is_decimal() => decimals(array, |value| value.to_int()),
        data_type if is_text(data_type) || is_binary(data_type) => text(array, call)?
            .iter()
            .map(|value| {
                value.map(|value| {
                    let (integer, clean) = number::prefix_int(value);
                    if !clean {
                        warn(value);
                    }
                    integer.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
                })
            })
            .collect(),
        _ => packed::integers(array, call)?,
    })
}

/// Any column as 64 bits.
pub fn bits(array: &ArrayRef, call: &Call<'_>) -> Result<UInt64Array> {
    let fold = |value: i128| {
        if value < 0 {
            value.max(i128::from(i64::MIN)) as i64 as u64
        } else {
            value.min(u64::MAX.into()) as u64
        }
    };
    Ok(match array.data_type() {
        DataType::UInt64 => array.as_primitive::<UInt64Type>().clone(),
        data_type if data_type.is_decimal() => {
            let scale = decimal::scale(data_type);
            let wide = decimal::wide(array)?;
            let edge =
                |value: arrow::datatypes::i256| if value.is_negative() { i128::MIN } else { i128::MAX };
            let round = |value| {
                let rounded = Decimal { value, scale }.rounded();
                fold(rounded.to_i128().unwrap_or_else(|| edge(rounded)))
            };
            wide.iter().map(|value| value.map(round)).collect()
        }
        data_type if is_text(data_type) => text(array, call)?
            .iter()
            .map(|value| {
                value.map(|value| {
                    let (integer, clean) = number::prefix_int(value);
                    if !clean {
                        truncated(call, "INTEGER", value);
                    }
                    fold(integer)
                })
            })
            .collect(),
        // A binary string is a number by its bytes, the last ones counting, as a hexadecimal literal is.
        data_type if is_binary(data_type) => bytes(array, call)?
            .iter()
            .map(|value| value.map(|value| value.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))))
            .collect(),
        data_type if data_type.is_floating() => double(array, call)?
            .iter()
            .map(|value| value.map(|value| fold(value.round_ties_even() as i128)))
            .collect(),
        _ => int(array, call)?.iter().map(|value| value.map(|value| value as u64)).collect(),
    })
}

/// Any column as floating-point numbers.
pub fn double(array: &ArrayRef, call: &Call<'_>) -> Result<Float64Array> {
    Ok(match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().clone(),
        DataType::Null => Float64Array::new_null(array.len()),
        data_type if data_type.is_numeric() || matches!(data_type, DataType::Boolean) => {
            cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone()
        }
        data_type if is_text(data_type) || is_binary(data_type) => text(array, call)?
            .iter()
            .map(|value| {
                value.map(|value| {
                    let (number, clean) = number::prefix_double(value);
                    if !clean {
                        truncated(call, "DOUBLE", value);
                    }
                    number
                })
            })
            .collect(),
        _ => packed::doubles(array, call)?,
    })
}

/// Any column as true or false.
pub fn truth(array: &ArrayRef, call: &Call<'_>) -> Result<BooleanArray> {
    Ok(match array.data_type() {
        DataType::Boolean => array.as_boolean().clone(),
        DataType::Null => BooleanArray::new_null(array.len()),
        data_type if data_type.is_integer() && *data_type != DataType::UInt64 => {
            BooleanArray::from_unary(&int(array, call)?, |value| value != 0)
        }
        _ => BooleanArray::from_unary(&double(array, call)?, |value| value != 0.0),
    })
}

/// A column of decimals, each made a value of another type.
fn decimals<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    convert: impl Fn(Decimal) -> T::Native,
) -> PrimitiveArray<T> {
    let scale = decimal::scale(array.data_type());
    match decimal::wide(array) {
        Ok(wide) => wide.iter().map(|value| value.map(|value| convert(Decimal { value, scale }))).collect(),
        Err(_) => PrimitiveArray::new_null(array.len()),
    }
}

/// The warning that a text is no number as a whole.
pub fn truncated(call: &Call<'_>, kind: &str, value: &str) {
    if call.warnings().is_some() {
        call.warn(1292, format!("Truncated incorrect {kind} value: '{}'", shortened(value)));
    }
}

/// The warning that a text or number is not what its type takes.
pub fn incorrect(call: &Call<'_>, kind: &str, value: &str) {
    if call.warnings().is_some() {
        call.warn(1292, format!("Incorrect {kind} value: '{}'", shortened(value)));
    }
}

/// As much of a value as a warning shows.
fn shortened(value: &str) -> &str {
    value.char_indices().nth(128).map_or(value, |(end, _)| &value[..end])
}

/// An argument that must be there; the function's signature says that it is.
pub fn required<T>(value: Option<T>, call: &Call<'_>) -> Result<T> {
    value.ok_or_else(|| Error::Arguments { function: call.function.to_owned() }.into())
}

/// A column as the shared array that a kernel answers.
pub fn shared<A: Array + 'static>(array: A) -> ArrayRef {
    Arc::new(array)
}
