//! How a MySQL function is written here: a name, how many arguments, a rule for its type, and a kernel.
//!
//! Arguments arrive as they are; the kernel asks for the type it works on (`call.text(0)`, `call.double(1)`) and
//! gets MySQL's conversion of the column as [`Cells`]. A kernel is a closure from a row's number to a value:
//! `None` is NULL, so `?` on the cells gives MySQL's "NULL in, NULL out". Constants are converted once.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewBuilder, BooleanBuilder, PrimitiveBuilder,
    StringViewBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Field, FieldRef, Float64Type, Int64Type,
    TimestampMicrosecondType, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue, resources_err};
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::charset;
use super::convert::{self, Cells, Instants, binary, temporal};
use super::error::Error;
use super::shown::{self, Digits};
use super::zone::Zone;
use super::{Context, Warnings};

/// The rule for a function's type.
pub type Returns = fn(&Types<'_>) -> Result<DataType>;

/// What computes a function's column.
pub type Kernel = fn(&Call<'_>) -> Result<ArrayRef>;

/// The rule for how many digits a function's values have, where the type does not tell.
pub type ShownDigits = fn(&Types<'_>) -> Option<Digits>;

/// What else marks a function's values: a key and a value of its field's metadata.
pub type Mark = fn(&Types<'_>) -> Option<(String, String)>;

/// Rewrites a call when the plan is simplified.
pub type Rewrite = fn(Vec<Expr>, &SimplifyContext) -> Result<ExprSimplifyResult>;

/// Finds the range of an argument for a range of the function's values.
pub type Preimage = fn(&[Expr], &Expr, &SimplifyContext) -> Result<PreimageResult>;

/// The metadata that marks a string as JSON; Arrow's canonical extension type.
pub const EXTENSION: (&str, &str) = ("ARROW:extension:name", "arrow.json");

/// A scalar function.
pub struct Function {
    name: &'static str,
    aliases: Vec<String>,
    arguments: (usize, usize),
    returns: Returns,
    digits: Option<ShownDigits>,
    kernel: Kernel,
    rewrite: Option<Rewrite>,
    preimage: Option<Preimage>,
    mark: Option<Mark>,
    json: bool,
    binary: bool,
    conditional: bool,
    volatile: bool,
    signature: Signature,
}

impl Function {
    /// A function that is called with so many arguments: `1..=1`, `2..`.
    pub fn new(
        name: &'static str,
        arguments: impl RangeBounds<usize>,
        returns: Returns,
        kernel: Kernel,
    ) -> Self {
        let fewest = match arguments.start_bound() {
            Bound::Included(fewest) => *fewest,
            Bound::Excluded(below) => below + 1,
            Bound::Unbounded => 0,
        };
        let most = match arguments.end_bound() {
            Bound::Included(most) => *most,
            Bound::Excluded(above) => above - 1,
            Bound::Unbounded => usize::MAX,
        };
        Self {
            name,
            aliases: Vec::new(),
            arguments: (fewest, most),
            returns,
            digits: None,
            kernel,
            rewrite: None,
            preimage: None,
            mark: None,
            json: false,
            binary: false,
            conditional: false,
            volatile: false,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// Other names of it.
    pub fn aliases(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        self
    }

    /// Its values have so many digits.
    pub fn digits(mut self, digits: ShownDigits) -> Self {
        self.digits = Some(digits);
        self
    }

    /// Its values are marked so.
    pub fn marked(mut self, mark: Mark) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Its answer is JSON.
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }

    /// It counts characters, which are bytes as soon as one argument is a binary string; then the answer is binary too.
    pub fn binary(mut self) -> Self {
        self.binary = true;
        self
    }

    /// It answers anew for each row.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self.signature = Signature::user_defined(Volatility::Volatile);
        self
    }

    /// It depends on the statement (time zone, time) and is the same within it.
    pub fn stable(mut self) -> Self {
        self.signature = Signature::user_defined(Volatility::Stable);
        self
    }

    /// It is rewritten when the plan is simplified.
    pub fn rewrite(mut self, rewrite: Rewrite) -> Self {
        self.rewrite = Some(rewrite);
        self
    }

    /// It does not compute all of its arguments: the rewrite puts a CASE in its place.
    pub fn conditional(mut self, rewrite: Rewrite) -> Self {
        self.conditional = true;
        self.rewrite(rewrite)
    }

    /// Comparisons of its value become comparisons of its argument, so that files are pruned.
    pub fn preimage(mut self, preimage: Preimage) -> Self {
        self.preimage = Some(preimage);
        self
    }

    /// As DataFusion takes it.
    pub fn into_udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(self))
    }

    /// The call as an error shows it: `(a + 1)`, `abs(x)`. The fields of arguments that are calls have such names too.
    fn expression(&self, types: &Types<'_>) -> String {
        const LONGEST: usize = 200;
        let mut arguments =
            types.fields.iter().zip(types.constants).map(|(field, constant)| match constant {
                Some(constant) => literal_text(constant),
                None if field.name().contains('(') => field.name().clone(),
                None => format!("`{}`", field.name()),
            });
        let operator = match self.name {
            "mysql_add" => "+",
            "mysql_subtract" => "-",
            "mysql_multiply" => "*",
            "mysql_divide" => "/",
            "mysql_div" => "DIV",
            _ => "",
        };
        let text = match (self.name, operator) {
            ("mysql_negate", _) => format!("-({})", arguments.next().unwrap_or_default()),
            (name, "") => {
                let name = name.strip_prefix("mysql_").unwrap_or(name);
                format!("{name}({})", arguments.collect::<Vec<_>>().join(","))
            }
            (_, operator) => format!("({})", arguments.collect::<Vec<_>>().join(&format!(" {operator} "))),
        };
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }

    fn data_type(&self, types: &Types<'_>) -> Result<DataType> {
        if types.len() < self.arguments.0 || types.len() > self.arguments.1 {
            return Err(Error::ParameterCount { function: self.name.to_owned() }.into());
        }
        let returned = (self.returns)(types)?;
        let text = matches!(returned, DataType::Utf8View);
        Ok(if self.binary && text && types.any(is_binary) { DataType::BinaryView } else { returned })
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if types.len() < self.arguments.0 || types.len() > self.arguments.1 {
            return Err(Error::ParameterCount { function: self.name.to_owned() }.into());
        }
        Ok(types.to_vec())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let fields: Vec<FieldRef> =
            types.iter().map(|data_type| Arc::new(Field::new("", data_type.clone(), true))).collect();
        self.data_type(&Types { fields: &fields, constants: &vec![None; fields.len()] })
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types = Types { fields: arguments.arg_fields, constants: arguments.scalar_arguments };
        let field = Field::new(self.expression(&types), self.data_type(&types)?, true);
        let mut field = shown::with_digits(field, self.digits.and_then(|digits| digits(&types)));
        field.metadata_mut().extend(self.mark.and_then(|mark| mark(&types)));
        Ok(Arc::new(match self.json {
            true => field.with_metadata([(EXTENSION.0.to_owned(), EXTENSION.1.to_owned())].into()),
            false => field,
        }))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = !self.volatile
            && arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let latin = self.binary && arguments.arg_fields.iter().any(|field| is_binary(field.data_type()));
        let call = Call {
            function: self.name,
            rows,
            arguments: &arguments.args,
            fields: &arguments.arg_fields,
            returns: arguments.return_field.data_type(),
            expression: arguments.return_field.name(),
            config: &arguments.config_options,
            latin,
        };
        let mut column = (self.kernel)(&call)?;
        if latin && matches!(column.data_type(), DataType::Utf8View) {
            column = binary::from_latin(&column)?;
        }
        if column.data_type() != call.returns {
            // Kernels of times and dates compute in microseconds; the type says how many digits are shown.
            column = arrow::compute::cast(&column, call.returns)?;
        }
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&column, 0)?),
            false => ColumnarValue::Array(column),
        })
    }

    fn simplify(&self, arguments: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match self.rewrite {
            Some(rewrite) => rewrite(arguments, info),
            None => Ok(ExprSimplifyResult::Original(arguments)),
        }
    }

    fn preimage(&self, arguments: &[Expr], value: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
        match self.preimage {
            Some(preimage) => preimage(arguments, value, info),
            None => Ok(PreimageResult::None),
        }
    }

    fn short_circuits(&self) -> bool {
        self.conditional
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Function").field(&self.name).finish()
    }
}

/// A literal as an error shows it.
fn literal_text(value: &ScalarValue) -> String {
    match value.try_as_str() {
        Some(Some(text)) => format!("'{text}'"),
        _ if value.is_null() => "NULL".to_owned(),
        _ => match value.to_array().map(|array| array_value_to_string(&array, 0)) {
            Ok(Ok(text)) => text,
            _ => value.to_string(),
        },
    }
}

/// Whether a type is a binary string.
pub fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
    )
}

/// Whether a type is a character string.
pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// The arguments' types, as the rule for a function's type sees them.
#[derive(Debug)]
pub struct Types<'a> {
    /// One for each argument.
    pub fields: &'a [FieldRef],
    /// The arguments that are literals.
    pub constants: &'a [Option<&'a ScalarValue>],
}

impl Types<'_> {
    /// How many arguments there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// An argument's type; NULL when it is not given.
    pub fn of(&self, argument: usize) -> &DataType {
        self.fields.get(argument).map_or(&DataType::Null, |field| field.data_type())
    }

    /// Whether any argument's type is of a kind.
    pub fn any(&self, kind: fn(&DataType) -> bool) -> bool {
        self.fields.iter().any(|field| kind(field.data_type()))
    }

    /// Digits of a second's fraction that an argument has: as a literal text says, or its type.
    pub fn fraction(&self, argument: usize) -> u8 {
        match (self.string(argument), self.fields.get(argument)) {
            (Some(text), _) => {
                let fraction = text.rsplit_once('.').map_or(0, |(_, fraction)| fraction.trim_end().len());
                fraction.min(6) as u8
            }
            (None, Some(field)) => temporal::digits(field) as u8,
            (None, None) => 0,
        }
    }

    /// Digits after the point that an argument's type has, six for texts, also where a literal has fewer.
    pub fn fraction_of_type(&self, argument: usize) -> u8 {
        self.fields.get(argument).map_or(0, |field| temporal::digits(field) as u8)
    }

    /// An argument that is a literal number, as an integer: halves are rounded away from zero, of a text its beginning
    /// is read.
    pub fn integer(&self, argument: usize) -> Option<i64> {
        let value = (*self.constants.get(argument)?)?;
        if let Some(Some(text)) = value.try_as_str() {
            return i64::try_from(convert::number::prefix_int(text).0).ok();
        }
        if value.data_type().is_decimal() {
            let ScalarValue::Float64(value) = value.cast_to(&DataType::Float64).ok()? else { return None };
            return value.map(|value| value.round() as i64);
        }
        match value.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(value) => value,
            _ => None,
        }
    }

    /// An argument that is a literal string.
    pub fn string(&self, argument: usize) -> Option<&str> {
        (*self.constants.get(argument)?)?.try_as_str()?
    }
}

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
    expression: &'a str,
    arguments: &'a [ColumnarValue],
    fields: &'a [FieldRef],
    config: &'a ConfigOptions,
    latin: bool,
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
        self.fields[argument].metadata().get(EXTENSION.0).is_some_and(|name| name == EXTENSION.1)
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
    fn is_literal_of_bytes(&self, argument: usize) -> bool {
        matches!(&self.arguments[argument], ColumnarValue::Scalar(ScalarValue::Binary(Some(_))))
    }

    /// Whether an argument is a text that is a date and time where a number is asked for.
    pub fn is_moment(&self, argument: usize) -> bool {
        is_text(self.kind(argument)) && self.field(argument).metadata().contains_key(temporal::MOMENT)
    }

    /// An argument as it is read where a number is asked for.
    fn numeric(&self, argument: usize) -> Result<Cells<ArrayRef>> {
        let raw = self.raw(argument)?;
        match self.is_moment(argument) {
            true => raw.map(|array| temporal::packed_texts(array, self)),
            false => Ok(raw),
        }
    }

    /// An argument as a signed integer: fractions are rounded, what is too large is the nearest that fits.
    pub fn int(&self, argument: usize) -> Result<Cells<arrow::array::Int64Array>> {
        if self.is_literal_of_bytes(argument) {
            let value = self.bits(argument)?;
            return value.map(|bits| Ok(bits.unary(|bits| i64::try_from(bits).unwrap_or(i64::MAX))));
        }
        self.numeric(argument)?.map(|array| convert::int(array, self))
    }

    /// An argument as 64 bits: a negative number is its two's complement.
    pub fn bits(&self, argument: usize) -> Result<Cells<arrow::array::UInt64Array>> {
        self.numeric(argument)?.map(|array| convert::bits(array, self))
    }

    /// An argument as a floating-point number.
    pub fn double(&self, argument: usize) -> Result<Cells<arrow::array::Float64Array>> {
        if self.is_literal_of_bytes(argument) {
            return self.bits(argument)?.map(|bits| Ok(bits.unary(|bits| bits as f64)));
        }
        self.numeric(argument)?.map(|array| convert::double(array, self))
    }

    /// An argument as true or false: a number that is not zero is true.
    pub fn truth(&self, argument: usize) -> Result<Cells<arrow::array::BooleanArray>> {
        self.raw(argument)?.map(|array| convert::truth(array, self))
    }

    /// An argument as a date and time. Zero dates are NULL.
    pub fn datetime(&self, argument: usize) -> Result<Cells<arrow::array::TimestampMicrosecondArray>> {
        self.raw(argument)?.map(|array| temporal::datetime(array, self))
    }

    /// An argument as the fields of a calendar, where a month or day may be zero.
    pub fn calendar(&self, argument: usize) -> Result<Instants> {
        let raw = self.raw(argument)?;
        temporal::calendar(&raw, self)
    }

    /// An argument as a time: microseconds, negative or longer than a day too.
    pub fn time(&self, argument: usize) -> Result<Cells<arrow::array::DurationMicrosecondArray>> {
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

/// Rules for digits that many functions share.
pub mod digits {
    use super::{DataType, Digits, FieldRef, Types, convert, shown};

    /// An integer of at most so many digits.
    pub fn integer<const MOST: u8>(_: &Types<'_>) -> Option<Digits> {
        Some(Digits::Integer(MOST))
    }

    /// A DOUBLE of numbers whose digits after the point are all known has as many, and some more.
    pub fn double(types: &Types<'_>, more: u8) -> Option<Digits> {
        double_of(types.fields, more)
    }

    fn double_of<'a>(fields: impl IntoIterator<Item = &'a FieldRef>, more: u8) -> Option<Digits> {
        let known = fields.into_iter().map(|field| match field.data_type() {
            DataType::Float64 => shown::decimals(field),
            DataType::Boolean | DataType::Null => Some(0),
            exact if exact.is_integer() => Some(0),
            exact if exact.is_decimal() => u8::try_from(convert::decimal::scale(exact)).ok(),
            _ => None,
        });
        let most = known.collect::<Option<Vec<_>>>()?.into_iter().max()?;
        Some(Digits::Decimals(most + more))
    }

    /// What holds the values of some fields: the longest fraction, or the most digits after the point.
    pub fn widest<'a>(fields: impl IntoIterator<Item = &'a FieldRef, IntoIter: Clone>) -> Option<Digits> {
        let fields = fields.into_iter();
        let fractions = fields.clone().filter_map(|field| shown::fraction(field));
        fractions.max().map(Digits::Fraction).or_else(|| double_of(fields, 0))
    }

    /// The fraction that the first argument has.
    pub fn first(types: &Types<'_>) -> Option<Digits> {
        Some(Digits::Fraction(types.fraction(0)))
    }
}

/// Rules for types that many functions share.
pub mod returns {
    use super::{DataType, Result, Types, shown};

    /// A character string.
    pub fn text(_: &Types<'_>) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    /// A binary string.
    pub fn blob(_: &Types<'_>) -> Result<DataType> {
        Ok(DataType::BinaryView)
    }

    /// BIGINT.
    pub fn int(_: &Types<'_>) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    /// BIGINT UNSIGNED.
    pub fn uint(_: &Types<'_>) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    /// DOUBLE.
    pub fn double(_: &Types<'_>) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    /// 0 or 1.
    pub fn boolean(_: &Types<'_>) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    /// DATE.
    pub fn date(_: &Types<'_>) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    /// The first argument's type.
    pub fn first(types: &Types<'_>) -> Result<DataType> {
        Ok(types.of(0).clone())
    }

    /// DATETIME with so many digits after the seconds.
    pub fn datetime(digits: u8) -> DataType {
        DataType::Timestamp(shown::unit_of(digits), None)
    }

    /// TIME with so many digits after the seconds.
    pub fn time(digits: u8) -> DataType {
        DataType::Duration(shown::unit_of(digits))
    }
}
