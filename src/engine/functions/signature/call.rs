//! One call of a function: the arguments as its kernel asks for them, and the column that the kernel makes of its values.
//! It must not know which function it is.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewBuilder, BooleanBuilder, PrimitiveBuilder,
    StringViewBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Field, FieldRef, Float64Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue, resources_err};
use datafusion::logical_expr::ColumnarValue;

use super::{is_binary, is_text};
use crate::engine::functions::convert::{self, Cells, Instants, binary, packed, temporal};
use crate::engine::functions::error::Error;
use crate::engine::functions::json::coerce;
use crate::engine::functions::locale::Locale;
use crate::engine::functions::zone::Zone;
use crate::engine::functions::{Context, Warnings, charset};

/// One call of a kernel: its arguments and what they become.
#[derive(Debug)]
pub struct Call<'a> {
    /// The function's name, for errors.
    pub function: &'static str,
    /// How many rows the answer has; one when all arguments are constant.
    pub rows: usize,
    /// The type that the rule promised.
    pub returns: &'a DataType,
    /// The call as an error shows it.
    pub(super) expression: &'a str,
    pub(super) arguments: &'a [ColumnarValue],
    pub(super) fields: &'a [FieldRef],
    pub(super) config: &'a ConfigOptions,
    pub(super) latin: bool,
}

impl Call<'_> {
    /// How many arguments there are.
    pub fn count(&self) -> usize {
        self.arguments.len()
    }

    /// An argument's type.
    pub fn kind(&self, argument: usize) -> &DataType {
        self.fields[argument].data_type()
    }

    /// An argument's field: its type, and whether it is JSON.
    pub fn field(&self, argument: usize) -> &Field {
        &self.fields[argument]
    }

    /// Whether an argument is marked as JSON.
    pub fn is_json(&self, argument: usize) -> bool {
        super::is_json(&self.fields[argument])
    }

    /// An argument as it is.
    pub fn raw(&self, argument: usize) -> Result<Cells<ArrayRef>> {
        Ok(match &self.arguments[argument] {
            ColumnarValue::Array(array) => Cells::of(Arc::clone(array)),
            ColumnarValue::Scalar(value) => Cells::constant(value.to_array()?),
        })
    }

    /// An argument as text.
    pub fn text(&self, argument: usize) -> Result<Cells<arrow::array::StringViewArray>> {
        self.raw(argument)?.map(|array| {
            if self.latin {
                binary::to_latin(&convert::bytes(array, self)?)
            } else {
                convert::text_of(array, self.field(argument), self)
            }
        })
    }

    /// An argument as text; of a JSON string what it says.
    pub fn unquoted(&self, argument: usize) -> Result<Cells<arrow::array::StringViewArray>> {
        match self.is_json(argument) {
            true => coerce::texts(self, argument),
            false => self.text(argument),
        }
    }

    /// An argument as bytes: a text is its UTF-8, or what it is in the character set that it was put into.
    pub fn bytes(&self, argument: usize) -> Result<Cells<arrow::array::BinaryViewArray>> {
        self.raw(argument)?.map(|array| match is_binary(array.data_type()) {
            true => convert::bytes(array, self),
            false => {
                let field = self.field(argument);
                charset::bytes_of(convert::text_of(array, field, self)?, field)
            }
        })
    }

    /// `0x1F` and `b'11111'` as an argument: where a number is asked for they are one, unlike other binary strings,
    /// which no rule and no function makes of this type.
    pub fn is_literal_of_bytes(&self, argument: usize) -> bool {
        matches!(&self.arguments[argument], ColumnarValue::Scalar(ScalarValue::Binary(Some(_))))
    }

    /// Whether an argument is a text that is a date and time where a number is asked for.
    pub fn is_moment(&self, argument: usize) -> bool {
        is_text(self.kind(argument)) && self.field(argument).metadata().contains_key(packed::MOMENT)
    }

    /// An argument as it is read where a number is asked for.
    fn numeric(&self, argument: usize) -> Result<Cells<ArrayRef>> {
        let raw = self.raw(argument)?;
        match self.is_moment(argument) {
            true => raw.map(|array| packed::texts(array, self)),
            false => Ok(raw),
        }
    }

    /// An argument as a signed integer: fractions are rounded, what is too large is the nearest that fits.
    pub fn int(&self, argument: usize) -> Result<Cells<arrow::array::Int64Array>> {
        if self.is_json(argument) {
            return coerce::ints(self, argument);
        }
        if self.is_literal_of_bytes(argument) {
            let value = self.bits(argument)?;
            return value.map(|bits| Ok(bits.unary(|bits| i64::try_from(bits).unwrap_or(i64::MAX))));
        }
        self.numeric(argument)?.map(|array| convert::int(array, self))
    }

    /// An argument as 64 bits: a negative number is its two's complement.
    pub fn bits(&self, argument: usize) -> Result<Cells<arrow::array::UInt64Array>> {
        if self.is_json(argument) {
            return coerce::bits(self, argument);
        }
        self.numeric(argument)?.map(|array| convert::bits(array, self))
    }

    /// An argument as a floating-point number.
    pub fn double(&self, argument: usize) -> Result<Cells<arrow::array::Float64Array>> {
        if self.is_json(argument) {
            return coerce::doubles(self, argument);
        }
        if self.is_literal_of_bytes(argument) {
            return self.bits(argument)?.map(|bits| Ok(bits.unary(|bits| bits as f64)));
        }
        self.numeric(argument)?.map(|array| convert::double(array, self))
    }

    /// An argument as true or false: a number that is not zero is true, and so is all JSON but the number zero.
    pub fn truth(&self, argument: usize) -> Result<Cells<arrow::array::BooleanArray>> {
        if self.is_json(argument) {
            return coerce::truths(self, argument);
        }
        if self.is_literal_of_bytes(argument) {
            let value = self.bits(argument)?;
            return value.map(|bits| Ok(arrow::array::BooleanArray::from_unary(bits, |bits| bits != 0)));
        }
        self.raw(argument)?.map(|array| convert::truth(array, self))
    }

    /// An argument as a date and time. Zero dates are NULL.
    pub fn datetime(&self, argument: usize) -> Result<Cells<arrow::array::TimestampMicrosecondArray>> {
        if self.is_json(argument) {
            return coerce::datetimes(self, argument);
        }
        self.raw(argument)?.map(|array| temporal::datetime(array, self))
    }

    /// An argument as the fields of a calendar, where a month or day may be zero.
    pub fn calendar(&self, argument: usize) -> Result<Instants> {
        if self.is_json(argument) {
            return coerce::calendar(self, argument);
        }
        let raw = self.raw(argument)?;
        temporal::calendar(&raw, self)
    }

    /// An argument as a time: microseconds, negative or longer than a day too.
    pub fn time(&self, argument: usize) -> Result<Cells<arrow::array::DurationMicrosecondArray>> {
        if self.is_json(argument) {
            return coerce::times(self, argument);
        }
        self.raw(argument)?.map(|array| temporal::time(array, self))
    }

    /// The session's time zone.
    pub fn zone(&self) -> Result<Zone> {
        match self.config.execution.time_zone.as_deref() {
            Some(name) => Zone::parse(name),
            None => Ok(Zone::UTC),
        }
    }

    /// What is known of the statement.
    pub fn context(&self) -> Option<&Context> {
        self.config.extensions.get::<Context>()
    }

    /// How months and days are named.
    pub fn locale(&self) -> &'static Locale {
        self.context().map_or_else(Locale::american, |context| context.locale)
    }

    /// The statement's time: microseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.context().map_or(0, |context| context.now.micros())
    }

    /// Where warnings go; nowhere when the statement has no place for them.
    pub fn warnings(&self) -> Option<&Warnings> {
        self.context().map(|context| &*context.warnings)
    }

    /// Adds a warning.
    pub fn warn(&self, code: u16, message: impl Into<String>) {
        if let Some(warnings) = self.warnings() {
            warnings.push(code, message);
        }
    }

    /// A division by zero: NULL, with a warning where `sql_mode` asks for it.
    pub fn by_zero<T>(&self) -> Option<T> {
        if self.context().is_some_and(|context| context.division_by_zero_warns) {
            self.warn(1365, "Division by 0");
        }
        None
    }

    /// Adds a warning that the statement has once, for however many rows.
    pub fn warn_once(&self, code: u16, message: &str) {
        if let Some(warnings) = self.warnings() {
            warnings.push_once(code, message);
        }
    }

    /// The most bytes of a string; a longer one is NULL and a warning, as over MySQL's `max_allowed_packet`.
    pub fn fits(&self, bytes: usize) -> Option<()> {
        if bytes <= convert::LONGEST {
            return Some(());
        }
        let (function, most) = (self.function, convert::LONGEST);
        self.warn(
            1301,
            format!("Result of {function}() was larger than max_allowed_packet ({most}) - truncated"),
        );
        None
    }

    /// A value for each row: what is constant is repeated.
    pub fn spread(&self, cells: &Cells<ArrayRef>) -> Result<ArrayRef> {
        if !cells.is_constant() {
            return Ok(Arc::clone(cells.array()));
        }
        let picks: Vec<(usize, usize)> = vec![(0, 0); self.rows];
        Ok(arrow::compute::interleave(&[&**cells.array() as &dyn Array], &picks)?)
    }

    /// A column of texts; the closure writes a row's text and answers `None` for NULL.
    pub fn texts(&self, mut row: impl FnMut(usize, &mut String) -> Option<()>) -> Result<ArrayRef> {
        self.try_texts(|index, text| Ok(row(index, text)))
    }

    /// A column of texts that may fail.
    pub fn try_texts(
        &self,
        mut row: impl FnMut(usize, &mut String) -> Result<Option<()>>,
    ) -> Result<ArrayRef> {
        let mut column = StringViewBuilder::with_capacity(self.rows);
        let mut text = String::new();
        let mut bytes = 0;
        for index in 0..self.rows {
            text.clear();
            match row(index, &mut text)? {
                Some(()) => {
                    self.grow(&mut bytes, text.len())?;
                    column.append_value(&text);
                }
                None => column.append_null(),
            }
        }
        Ok(Arc::new(column.finish()))
    }

    /// Counts the bytes of an answer: many long values are more than a query may use, which one is not.
    fn grow(&self, bytes: &mut usize, by: usize) -> Result<()> {
        let most = self.context().map_or(usize::MAX, |context| context.bytes_per_column_max);
        *bytes += by;
        if *bytes > most.max(convert::LONGEST) {
            let function = self.function;
            return resources_err!("{function}() makes more than {most} bytes of {} rows", self.rows);
        }
        Ok(())
    }

    /// A column of slices of other columns' texts.
    pub fn slices<'t>(&self, row: impl Fn(usize) -> Option<&'t str>) -> Result<ArrayRef> {
        let mut column = StringViewBuilder::with_capacity(self.rows);
        for index in 0..self.rows {
            column.append_option(row(index));
        }
        Ok(Arc::new(column.finish()))
    }

    /// A column of binary strings.
    pub fn blobs(&self, mut row: impl FnMut(usize, &mut Vec<u8>) -> Option<()>) -> Result<ArrayRef> {
        let mut column = BinaryViewBuilder::with_capacity(self.rows);
        let (mut value, mut bytes) = (Vec::new(), 0);
        for index in 0..self.rows {
            value.clear();
            match row(index, &mut value) {
                Some(()) => {
                    self.grow(&mut bytes, value.len())?;
                    column.append_value(&value);
                }
                None => column.append_null(),
            }
        }
        Ok(Arc::new(column.finish()))
    }

    /// A column of signed integers.
    pub fn ints(&self, row: impl FnMut(usize) -> Option<i64>) -> Result<ArrayRef> {
        self.primitives::<Int64Type>(row)
    }

    /// A column of unsigned integers.
    pub fn uints(&self, row: impl FnMut(usize) -> Option<u64>) -> Result<ArrayRef> {
        self.primitives::<UInt64Type>(row)
    }

    /// A column of floating-point numbers; what is no number is NULL, and zero has no sign: Arrow tells the two
    /// zeros apart when it compares.
    pub fn doubles(&self, mut row: impl FnMut(usize) -> Option<f64>) -> Result<ArrayRef> {
        self.primitives::<Float64Type>(|index| {
            row(index).filter(|value| value.is_finite()).map(|value| value + 0.0)
        })
    }

    /// A column of dates and times, in microseconds; what is outside of MySQL's years is NULL.
    pub fn datetimes(&self, mut row: impl FnMut(usize) -> Option<i64>) -> Result<ArrayRef> {
        self.primitives::<TimestampMicrosecondType>(|index| {
            row(index).filter(|value| temporal::in_range(*value))
        })
    }

    /// A column of times, in microseconds.
    pub fn times(&self, row: impl FnMut(usize) -> Option<i64>) -> Result<ArrayRef> {
        self.primitives::<DurationMicrosecondType>(row)
    }

    /// A column of dates, in days since 1970.
    pub fn dates(&self, row: impl FnMut(usize) -> Option<i32>) -> Result<ArrayRef> {
        self.primitives::<Date32Type>(row)
    }

    /// A column of true and false.
    pub fn booleans(&self, mut row: impl FnMut(usize) -> Option<bool>) -> Result<ArrayRef> {
        self.try_booleans(|index| Ok(row(index)))
    }

    /// A column of true and false that may fail.
    pub fn try_booleans(&self, mut row: impl FnMut(usize) -> Result<Option<bool>>) -> Result<ArrayRef> {
        let mut column = BooleanBuilder::with_capacity(self.rows);
        for index in 0..self.rows {
            column.append_option(row(index)?);
        }
        Ok(Arc::new(column.finish()))
    }

    /// A column of fixed-size values.
    pub fn primitives<T: ArrowPrimitiveType>(
        &self,
        mut row: impl FnMut(usize) -> Option<T::Native>,
    ) -> Result<ArrayRef> {
        self.try_primitives::<T>(|index| Ok(row(index)))
    }

    /// A column of fixed-size values that may fail.
    pub fn try_primitives<T: ArrowPrimitiveType>(
        &self,
        mut row: impl FnMut(usize) -> Result<Option<T::Native>>,
    ) -> Result<ArrayRef> {
        let mut column = PrimitiveBuilder::<T>::with_capacity(self.rows);
        for index in 0..self.rows {
            column.append_option(row(index)?);
        }
        Ok(Arc::new(column.finish()))
    }

    /// A number that left its type.
    pub fn out_of_range(&self, kind: &'static str) -> datafusion::common::DataFusionError {
        Error::OutOfRange { kind, expression: self.expression.to_owned() }.into()
    }
}
