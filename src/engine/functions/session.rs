//! The functions that answer from the session: the time of the statement, who asks, what happened before.
//!
//! Their instances are bound to one statement's values and become literals when the plan is simplified.
//! They know no session, only the [`SessionValues`] that it hands over.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TypeSignature, Volatility,
};

use super::error::Error;
use super::shown::{self, Digits};
use super::zone::Zone;

/// What the functions of one statement see of its session.
pub struct SessionValues {
    /// The statement's time: microseconds since the Unix epoch.
    pub now: i64,
    /// The variable `time_zone`, never `SYSTEM`: a name of the time-zone database or an offset as `+09:00`.
    pub time_zone: String,
    /// `user@host` as the client gave it.
    pub user: String,
    /// `user@host` of the account that it was matched with.
    pub current_user: String,
    /// The default database.
    pub database: Option<String>,
    /// The connection's id.
    pub connection_id: u64,
    /// The server's version.
    pub version: String,
    /// `ROW_COUNT()`: what the last statement changed; -1 after a result set.
    pub row_count: i64,
    /// `FOUND_ROWS()`: rows of the last result set.
    pub found_rows: u64,
    /// A system variable's value from its scope (`session`, `global`, or empty) and its name in lower case.
    pub system_variable: SystemVariable,
    /// A user variable's value from its name in lower case; NULL when it was never set.
    pub user_variable: UserVariable,
}

/// Looks up a system variable by scope and name.
pub type SystemVariable = Arc<dyn Fn(&str, &str) -> Result<ScalarValue> + Send + Sync>;

/// Looks up a user variable by name.
pub type UserVariable = Arc<dyn Fn(&str) -> ScalarValue + Send + Sync>;

/// The session's functions, bound to one statement's values.
pub fn functions(values: SessionValues) -> Vec<Arc<ScalarUDF>> {
    let values = Arc::new(values);
    let bind = |(name, aliases, arguments, answer): Row| {
        Arc::new(ScalarUDF::new_from_impl(SessionFunction {
            name,
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            arguments,
            answer,
            values: Arc::clone(&values),
            // "Any" begins with one argument; NOW takes none or one.
            signature: Signature::one_of(
                vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
                Volatility::Stable,
            ),
            nullary: Signature::nullary(Volatility::Stable),
        }))
    };
    TABLE.into_iter().map(bind).collect()
}

/// A function that a plan calls whose answer depends on when, where or by whom it is asked.
pub fn changing(plan: &LogicalPlan) -> Result<Option<String>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarFunction(call) = part {
                    let volatile = call.func.signature().volatility == Volatility::Volatile;
                    if volatile || is_of_session(call.func.name()) {
                        found = Some(call.func.name().to_owned());
                        return Ok(TreeNodeRecursion::Stop);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn is_of_session(name: &str) -> bool {
    TABLE.iter().any(|(known, aliases, ..)| *known == name || aliases.contains(&name))
}

type Answer = fn(&SessionValues, &[&ScalarValue]) -> Result<ScalarValue>;
type Row = (&'static str, &'static [&'static str], (usize, usize), Answer);

/// Name, aliases, fewest and most arguments, answer.
const TABLE: [Row; 17] = [
    // SYSDATE() is the statement's time too, as with MySQL's option --sysdate-is-now: one statement has one time.
    ("now", &["current_timestamp", "localtime", "localtimestamp", "sysdate"], (0, 1), |values, arguments| {
        timestamp(values.local_now()?, digits("now", arguments)?)
    }),
    ("utc_timestamp", &[], (0, 1), |values, arguments| {
        timestamp(values.now, digits("utc_timestamp", arguments)?)
    }),
    ("curdate", &["current_date"], (0, 0), |values, _| Ok(date(values.local_now()?))),
    ("utc_date", &[], (0, 0), |values, _| Ok(date(values.now))),
    ("curtime", &["current_time"], (0, 1), |values, arguments| {
        time(values.local_now()?, digits("curtime", arguments)?)
    }),
    ("utc_time", &[], (0, 1), |values, arguments| time(values.now, digits("utc_time", arguments)?)),
    ("database", &["schema"], (0, 0), |values, _| Ok(ScalarValue::Utf8View(values.database.clone()))),
    ("user", &["session_user", "system_user"], (0, 0), |values, _| Ok(text(&values.user))),
    ("current_user", &[], (0, 0), |values, _| Ok(text(&values.current_user))),
    // There are no roles.
    ("current_role", &[], (0, 0), |_, _| Ok(text("NONE"))),
    ("connection_id", &[], (0, 0), |values, _| Ok(ScalarValue::UInt64(Some(values.connection_id)))),
    ("version", &[], (0, 0), |values, _| Ok(text(&values.version))),
    ("row_count", &[], (0, 0), |values, _| Ok(ScalarValue::Int64(Some(values.row_count)))),
    ("found_rows", &[], (0, 0), |values, _| Ok(ScalarValue::UInt64(Some(values.found_rows)))),
    // Nothing here makes AUTO_INCREMENT values: the last one is what LAST_INSERT_ID(x) said.
    ("last_insert_id", &[], (0, 0), |values, _| match (values.user_variable)(LAST_INSERT_ID) {
        ScalarValue::UInt64(Some(last)) => Ok(ScalarValue::UInt64(Some(last))),
        _ => Ok(ScalarValue::UInt64(Some(0))),
    }),
    ("mysql_system_variable", &[], (2, 2), |values, arguments| {
        (values.system_variable)(string(arguments[0])?, string(arguments[1])?)
    }),
    ("mysql_user_variable", &[], (1, 1), |values, arguments| {
        Ok(match (values.user_variable)(string(arguments[0])?) {
            // What was a literal of bytes is a string now, and no number.
            ScalarValue::Binary(bytes) => ScalarValue::BinaryView(bytes),
            value => value,
        })
    }),
];

/// What LAST_INSERT_ID(x) assigns: a user variable that no statement can name, as their names are in lower case.
pub const LAST_INSERT_ID: &str = "LAST_INSERT_ID";

impl SessionValues {
    /// The statement's time as the session's clock shows it: microseconds of a date and time without zone.
    fn local_now(&self) -> Result<i64> {
        Ok(Zone::parse(&self.time_zone)?.local(self.now))
    }
}

/// A function whose value is known before the plan runs.
pub struct SessionFunction {
    name: &'static str,
    aliases: Vec<String>,
    arguments: (usize, usize),
    answer: Answer,
    values: Arc<SessionValues>,
    signature: Signature,
    nullary: Signature,
}

impl SessionFunction {
    fn value(&self, arguments: &[Option<&ScalarValue>]) -> Result<ScalarValue> {
        let (fewest, most) = self.arguments;
        if arguments.len() < fewest || arguments.len() > most {
            return Err(Error::ParameterCount { function: self.name.to_owned() }.into());
        }
        let Some(arguments) = arguments.iter().copied().collect::<Option<Vec<_>>>() else {
            return Err(Error::Arguments { function: self.name.to_owned() }.into());
        };
        (self.answer)(&self.values, &arguments)
    }

    /// What an optional argument is: how many digits of the second are asked for.
    fn digits(&self, arguments: &[Option<&ScalarValue>]) -> Option<Digits> {
        let arguments = arguments.iter().copied().collect::<Option<Vec<_>>>()?;
        let optional = self.arguments == (0, 1);
        optional
            .then(|| digits(self.name, &arguments).ok())
            .flatten()
            .map(|digits| Digits::Fraction(digits as u8))
    }
}

impl ScalarUDFImpl for SessionFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        if self.arguments.1 == 0 { &self.nullary } else { &self.signature }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("{} answers by value, not by type", self.name)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let value = self.value(arguments.scalar_arguments)?;
        let field = Field::new(self.name, value.data_type(), value.is_null());
        Ok(Arc::new(shown::with_digits(field, self.digits(arguments.scalar_arguments))))
    }

    fn simplify(&self, arguments: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let constants: Vec<_> = arguments.iter().map(Expr::as_literal).collect();
        let value = self.value(&constants)?;
        let field = Field::new(self.name, value.data_type(), value.is_null());
        let field = shown::with_digits(field, self.digits(&constants));
        let metadata = (!field.metadata().is_empty()).then(|| FieldMetadata::from(field.metadata()));
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, metadata)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constants = call.args.iter().map(|argument| match argument {
            ColumnarValue::Scalar(value) => Some(value),
            ColumnarValue::Array(_) => None,
        });
        Ok(ColumnarValue::Scalar(self.value(&constants.collect::<Vec<_>>())?))
    }
}

impl PartialEq for SessionFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.values, &other.values)
    }
}

impl Eq for SessionFunction {}

impl Hash for SessionFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for SessionFunction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SessionFunction").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for SessionValues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionValues")
            .field("now", &self.now)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The argument of `NOW(n)`: 0 to 6 digits after the seconds.
fn digits(function: &str, arguments: &[&ScalarValue]) -> Result<i64> {
    let Some(digits) = arguments.first() else { return Ok(0) };
    match digits.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(digits)) if (0..=6).contains(&digits) => Ok(digits),
        ScalarValue::Int64(Some(digits)) if digits > 6 => {
            Err(Error::Precision { digits, of: function.to_owned(), most: 6 }.into())
        }
        _ => Err(Error::Arguments { function: function.to_owned() }.into()),
    }
}

/// A DATETIME in the unit that holds its digits.
fn timestamp(micros: i64, digits: i64) -> Result<ScalarValue> {
    let micros = cut(micros, digits);
    Ok(match digits {
        0 => ScalarValue::TimestampSecond(Some(micros.div_euclid(1_000_000)), None),
        1..=3 => ScalarValue::TimestampMillisecond(Some(micros.div_euclid(1_000)), None),
        _ => ScalarValue::TimestampMicrosecond(Some(micros), None),
    })
}

/// A TIME of day in the unit that holds its digits.
fn time(micros: i64, digits: i64) -> Result<ScalarValue> {
    let micros = cut(micros.rem_euclid(86_400_000_000), digits);
    Ok(match digits {
        0 => ScalarValue::DurationSecond(Some(micros / 1_000_000)),
        1..=3 => ScalarValue::DurationMillisecond(Some(micros / 1_000)),
        _ => ScalarValue::DurationMicrosecond(Some(micros)),
    })
}

/// Cuts a time to so many digits after the seconds.
fn cut(micros: i64, digits: i64) -> i64 {
    let unit = 10_i64.pow(6 - digits as u32);
    micros.div_euclid(unit) * unit
}

fn date(micros: i64) -> ScalarValue {
    ScalarValue::Date32(Some(micros.div_euclid(86_400_000_000) as i32))
}

fn text(value: &str) -> ScalarValue {
    ScalarValue::Utf8View(Some(value.to_owned()))
}

fn string(value: &ScalarValue) -> Result<&str> {
    match value.try_as_str() {
        Some(Some(text)) => Ok(text),
        _ => internal_err!("the name of a variable is a string"),
    }
}
