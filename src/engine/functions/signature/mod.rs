//! How a MySQL function is written here: a name, how many arguments, a rule for its type, and a kernel.
//!
//! Arguments arrive as they are; the kernel asks for the type it works on (`call.text(0)`, `call.double(1)`) and
//! gets MySQL's conversion of the column as [`Cells`]. A kernel is a closure from a row's number to a value:
//! `None` is NULL, so `?` on the cells gives MySQL's "NULL in, NULL out". Constants are converted once.

mod call;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::util::display::array_value_to_string;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::convert::{self, binary, temporal};
use super::error::Error;
use super::shown::{self, Digits};

pub use call::Call;

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
        let mut arguments = (0..types.len()).map(|argument| types.written(argument));
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
            ("mysql_cast_float", _) => format!("cast({} as float)", arguments.next().unwrap_or_default()),
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

/// Whether a field's texts are JSON.
pub fn is_json(field: &Field) -> bool {
    field.metadata().get(EXTENSION.0).is_some_and(|name| name == EXTENSION.1)
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

    /// An argument as an error shows it.
    pub fn written(&self, argument: usize) -> String {
        match (self.constants.get(argument).copied().flatten(), self.fields.get(argument)) {
            (Some(constant), _) => literal_text(constant),
            (None, Some(field)) if field.name().contains('(') => field.name().clone(),
            (None, field) => format!("`{}`", field.map_or("", |field| field.name())),
        }
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

/// Rules for marks that many functions share.
pub mod marks {
    use super::{EXTENSION, FieldRef, is_json};

    /// JSON, when all of some fields are; nested columns become it beside one that is, and NULL is of any type.
    pub fn json<'a>(fields: impl IntoIterator<Item = &'a FieldRef>) -> Option<(String, String)> {
        let mut found = false;
        for field in fields {
            match is_json(field) {
                true => found = true,
                false if field.data_type().is_null() || field.data_type().is_nested() => {}
                false => return None,
            }
        }
        found.then(|| (EXTENSION.0.to_owned(), EXTENSION.1.to_owned()))
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
