//! Arrow arrays, made ready to be read value by value: what a column is, is decided once a batch, so that
//! reading a value only reads it.
//!
//! It must not know how values are written; that is `text`, `binary` and `json`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BinaryViewArray, BooleanArray,
    FixedSizeBinaryArray, LargeBinaryArray, LargeStringArray, RecordBatch, StringArray, StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type, i256,
};
use arrow::error::ArrowError;
use arrow::util::display::array_value_to_string;

use super::json;
use super::temporal::{Zone, fraction_digits};
use crate::engine::answer::Column;
use crate::engine::functions::charset::ClientSet;

/// A floating-point number of two bytes.
type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// The values of one column of one batch.
pub struct Cells<'a> {
    nulls: Option<NullBuffer>,
    /// Digits of a second's fraction, or after the point of a DOUBLE, where the type does not tell them.
    pub digits: Option<u8>,
    /// What is behind the NULLs. Reading it where there is a NULL gives any value.
    pub values: Values<'a>,
}

/// A column's values by their kind.
pub enum Values<'a> {
    /// Nothing but NULLs.
    Null,
    /// 0 and 1.
    Boolean(&'a BooleanArray),
    /// 0 and 1 as integers of eight bytes.
    Truth(&'a BooleanArray),
    /// Integers of one byte.
    Int8(&'a [i8]),
    /// Integers of two bytes.
    Int16(&'a [i16]),
    /// Integers of four bytes.
    Int32(&'a [i32]),
    /// Integers of eight bytes.
    Int64(&'a [i64]),
    /// Unsigned integers of one byte.
    UInt8(&'a [u8]),
    /// Unsigned integers of two bytes.
    UInt16(&'a [u16]),
    /// Unsigned integers of four bytes.
    UInt32(&'a [u32]),
    /// Unsigned integers of eight bytes.
    UInt64(&'a [u64]),
    /// Halves, which are sent as FLOAT.
    Float16(&'a [Half]),
    /// FLOAT.
    Float32(&'a [f32]),
    /// DOUBLE.
    Float64(&'a [f64]),
    /// Decimals with their scale.
    Decimal32(&'a [i32], i8),
    /// Decimals with their scale.
    Decimal64(&'a [i64], i8),
    /// Decimals with their scale.
    Decimal128(&'a [i128], i8),
    /// Decimals with their scale.
    Decimal256(&'a [i256], i8),
    /// Days since 1970.
    Date32(&'a [i32]),
    /// Milliseconds since 1970, of which the day counts.
    Date64(&'a [i64]),
    /// Wall-clock times, or instants with the zone that they are shown in.
    DateTime(&'a [i64], TimeUnit, Option<Zone>),
    /// Times of a day.
    Time32(&'a [i32], TimeUnit),
    /// Times of a day.
    Time64(&'a [i64], TimeUnit),
    /// Lengths of time.
    Duration(&'a [i64], TimeUnit),
    /// Strings.
    Utf8(&'a StringArray),
    /// Strings.
    LargeUtf8(&'a LargeStringArray),
    /// Strings.
    Utf8View(&'a StringViewArray),
    /// Bytes.
    Binary(&'a BinaryArray),
    /// Bytes.
    LargeBinary(&'a LargeBinaryArray),
    /// Bytes.
    BinaryView(&'a BinaryViewArray),
    /// Bytes, always as many.
    FixedSizeBinary(&'a FixedSizeBinaryArray),
    /// Values that many rows share: each row's place among them.
    Dictionary(Vec<usize>, Box<Cells<'a>>),
    /// Lists, as JSON arrays.
    List(Ranges<'a>, Box<Cells<'a>>),
    /// Structs, as JSON objects: each field's key as it is written, with its values.
    Struct(Vec<(Vec<u8>, Cells<'a>)>),
    /// Maps, as JSON objects: keys and values.
    Map(Ranges<'a>, Box<Cells<'a>>, Box<Cells<'a>>),
    /// What MySQL has nothing like: shown as Arrow shows it.
    Other(&'a dyn Array),
}

/// Where each list's items are.
pub enum Ranges<'a> {
    /// From each offset to the next.
    Offsets32(&'a [i32]),
    /// From each offset to the next.
    Offsets64(&'a [i64]),
    /// Offsets and lengths.
    Views32(&'a [i32], &'a [i32]),
    /// Offsets and lengths.
    Views64(&'a [i64], &'a [i64]),
    /// Always as many items.
    Fixed(usize),
}

/// The text of a value that MySQL has nothing like.
pub fn other(array: &dyn Array, row: usize) -> String {
    // It fails only for types that `values` has taken for something else.
    array_value_to_string(array, row).unwrap_or_default()
}

/// A batch's arrays in the types that the column definitions told. They are as a rule; where an array is not,
/// it is converted, because a client that was told another type would misread the rest of the row.
pub fn arrays(
    batch: &RecordBatch,
    columns: &[Column],
    set: Option<ClientSet>,
) -> Result<Vec<ArrayRef>, ArrowError> {
    if batch.num_columns() != columns.len() {
        let message = format!("{} columns were told, {} came", columns.len(), batch.num_columns());
        return Err(ArrowError::SchemaError(message));
    }
    let arrays = batch.columns().iter().zip(columns).map(|(array, column)| {
        let told = match &column.data_type {
            // A run's values are read row by row.
            DataType::RunEndEncoded(_, values) => values.data_type(),
            told => told,
        };
        let options = CastOptions { safe: false, ..CastOptions::default() };
        if let Some(set) = set
            && is_text(told)
            && !column.json
        {
            let text = cast_with_options(array, &DataType::Utf8View, &options)?;
            return Ok(Arc::new(set.encode_column(text.as_string_view())) as ArrayRef);
        }
        if array.data_type().equals_datatype(told) {
            return Ok(Arc::clone(array));
        }
        cast_with_options(array, told, &options)
    });
    arrays.collect()
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

impl<'a> Cells<'a> {
    /// Prepares an array. Instants are shown in the zone.
    pub fn new(array: &'a dyn Array, zone: Zone) -> Result<Self, ArrowError> {
        Ok(Self {
            nulls: array.nulls().filter(|nulls| nulls.null_count() > 0).cloned(),
            digits: None,
            values: values(array, zone)?,
        })
    }

    /// Shows values as the column tells them where their type does not.
    pub fn showing(self, column: &Column) -> Self {
        let values = match self.values {
            Values::Boolean(truths) if column.is_computed_truth() => Values::Truth(truths),
            values => values,
        };
        Self { digits: column.digits, values, ..self }
    }

    /// Digits of a second's fraction.
    #[inline]
    pub fn fraction(&self, unit: TimeUnit) -> u8 {
        self.digits.unwrap_or_else(|| fraction_digits(unit))
    }

    /// Whether a row's value is NULL.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

impl Ranges<'_> {
    /// The places of a row's items.
    pub fn of(&self, row: usize) -> std::ops::Range<usize> {
        let (start, end) = match self {
            Self::Offsets32(offsets) => (offsets[row].into(), offsets[row + 1].into()),
            Self::Offsets64(offsets) => (offsets[row], offsets[row + 1]),
            Self::Views32(offsets, lengths) => {
                (offsets[row].into(), i64::from(offsets[row]) + i64::from(lengths[row]))
            }
            Self::Views64(offsets, lengths) => (offsets[row], offsets[row] + lengths[row]),
            Self::Fixed(length) => return row * length..(row + 1) * length,
        };
        start as usize..end as usize
    }
}

fn values<'a>(array: &'a dyn Array, zone: Zone) -> Result<Values<'a>, ArrowError> {
    /// The slice of a primitive array's values.
    macro_rules! slice {
        ($type:ty) => {
            &array.as_primitive::<$type>().values()[..]
        };
    }
    /// The slice of the primitive array of the type that a time unit selects.
    macro_rules! slice_by_unit {
        ($unit:expr, $second:ty, $millisecond:ty, $microsecond:ty, $nanosecond:ty) => {
            match $unit {
                TimeUnit::Second => slice!($second),
                TimeUnit::Millisecond => slice!($millisecond),
                TimeUnit::Microsecond => slice!($microsecond),
                TimeUnit::Nanosecond => slice!($nanosecond),
            }
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Values::Null,
        DataType::Boolean => Values::Boolean(array.as_boolean()),
        DataType::Int8 => Values::Int8(slice!(Int8Type)),
        DataType::Int16 => Values::Int16(slice!(Int16Type)),
        DataType::Int32 => Values::Int32(slice!(Int32Type)),
        DataType::Int64 => Values::Int64(slice!(Int64Type)),
        DataType::UInt8 => Values::UInt8(slice!(UInt8Type)),
        DataType::UInt16 => Values::UInt16(slice!(UInt16Type)),
        DataType::UInt32 => Values::UInt32(slice!(UInt32Type)),
        DataType::UInt64 => Values::UInt64(slice!(UInt64Type)),
        DataType::Float16 => Values::Float16(slice!(Float16Type)),
        DataType::Float32 => Values::Float32(slice!(Float32Type)),
        DataType::Float64 => Values::Float64(slice!(Float64Type)),
        DataType::Decimal32(_, scale) => Values::Decimal32(slice!(Decimal32Type), *scale),
        DataType::Decimal64(_, scale) => Values::Decimal64(slice!(Decimal64Type), *scale),
        DataType::Decimal128(_, scale) => Values::Decimal128(slice!(Decimal128Type), *scale),
        DataType::Decimal256(_, scale) => Values::Decimal256(slice!(Decimal256Type), *scale),
        DataType::Date32 => Values::Date32(slice!(Date32Type)),
        DataType::Date64 => Values::Date64(slice!(Date64Type)),
        DataType::Timestamp(unit, shown_in_zone) => {
            let counts = slice_by_unit!(
                unit,
                TimestampSecondType,
                TimestampMillisecondType,
                TimestampMicrosecondType,
                TimestampNanosecondType
            );
            Values::DateTime(counts, *unit, shown_in_zone.is_some().then_some(zone))
        }
        DataType::Time32(TimeUnit::Second) => Values::Time32(slice!(Time32SecondType), TimeUnit::Second),
        DataType::Time32(unit) => Values::Time32(slice!(Time32MillisecondType), *unit),
        DataType::Time64(TimeUnit::Nanosecond) => {
            Values::Time64(slice!(Time64NanosecondType), TimeUnit::Nanosecond)
        }
        DataType::Time64(unit) => Values::Time64(slice!(Time64MicrosecondType), *unit),
        DataType::Duration(unit) => {
            let counts = slice_by_unit!(
                unit,
                DurationSecondType,
                DurationMillisecondType,
                DurationMicrosecondType,
                DurationNanosecondType
            );
            Values::Duration(counts, *unit)
        }
        DataType::Utf8 => Values::Utf8(array.as_string()),
        DataType::LargeUtf8 => Values::LargeUtf8(array.as_string()),
        DataType::Utf8View => Values::Utf8View(array.as_string_view()),
        DataType::Binary => Values::Binary(array.as_binary()),
        DataType::LargeBinary => Values::LargeBinary(array.as_binary()),
        DataType::BinaryView => Values::BinaryView(array.as_binary_view()),
        DataType::FixedSizeBinary(_) => Values::FixedSizeBinary(array.as_fixed_size_binary()),
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let shared = Cells::new(dictionary.values(), zone)?;
            Values::Dictionary(dictionary.normalized_keys(), Box::new(shared))
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            Values::List(Ranges::Offsets32(list.offsets()), Box::new(Cells::new(list.values(), zone)?))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            Values::List(Ranges::Offsets64(list.offsets()), Box::new(Cells::new(list.values(), zone)?))
        }
        DataType::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let ranges = Ranges::Views32(list.offsets(), list.sizes());
            Values::List(ranges, Box::new(Cells::new(list.values(), zone)?))
        }
        DataType::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let ranges = Ranges::Views64(list.offsets(), list.sizes());
            Values::List(ranges, Box::new(Cells::new(list.values(), zone)?))
        }
        DataType::FixedSizeList(_, length) => {
            let list = array.as_fixed_size_list();
            let length = usize::try_from(*length).unwrap_or(0);
            Values::List(Ranges::Fixed(length), Box::new(Cells::new(list.values(), zone)?))
        }
        DataType::Struct(fields) => {
            let children = fields.iter().zip(array.as_struct().columns()).map(|(field, child)| {
                let mut key = Vec::new();
                json::put_string(&mut key, field.name());
                Ok((key, Cells::new(child, zone)?))
            });
            Values::Struct(children.collect::<Result<_, ArrowError>>()?)
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let [keys, values] = [Cells::new(map.keys(), zone)?, Cells::new(map.values(), zone)?];
            Values::Map(Ranges::Offsets32(map.offsets()), Box::new(keys), Box::new(values))
        }
        DataType::Interval(_) | DataType::Union(_, _) | DataType::RunEndEncoded(_, _) => Values::Other(array),
    })
}
