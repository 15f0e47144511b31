//! The errors that a function raises while it computes, with MySQL's codes. They travel inside
//! `DataFusionError::External`, where the engine finds them again with [`Error::find`].
//!
//! Most functions raise none: MySQL answers NULL and a warning where other servers fail.

use datafusion::common::DataFusionError;

use super::stored::Misfit;

/// Why a function cannot answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 1690: a number does not fit its type.
    #[error("{kind} value is out of range in '{expression}'")]
    OutOfRange {
        /// `BIGINT`, `BIGINT UNSIGNED`, `DOUBLE`, `DECIMAL`.
        kind: &'static str,
        /// The expression, as far as it is known.
        expression: String,
    },
    /// 1582: the number of arguments is wrong.
    #[error("Incorrect parameter count in the call to native function '{function}'")]
    ParameterCount {
        /// The function's name.
        function: String,
    },
    /// 1882.
    #[error(
        "The initialization vector supplied to {function} is too short. Must be at least {bytes} bytes long"
    )]
    ShortVector {
        /// The function's name.
        function: String,
        /// How long it must be.
        bytes: usize,
    },
    /// 1210: an argument cannot be used.
    #[error("Incorrect arguments to {function}")]
    Arguments {
        /// The function's name.
        function: String,
    },
    /// 3141: a text is not JSON.
    #[error(
        "Invalid JSON text in argument {argument} to function {function}: \"{reason}\" at position {position}."
    )]
    InvalidJson {
        /// Counted from one.
        argument: usize,
        /// The function's name.
        function: String,
        /// What the parser missed.
        reason: String,
        /// Counted in bytes from zero.
        position: usize,
    },
    /// 3143: a text is not a JSON path.
    #[error("Invalid JSON path expression. The error is around character position {position}.")]
    InvalidPath {
        /// Counted in characters from one.
        position: usize,
    },
    /// 3149: a path with a wildcard where one place is needed.
    #[error("In this situation, path expressions may not contain the * and ** tokens or an array range.")]
    WildcardPath,
    /// 3146: a value that is no JSON where JSON is needed.
    #[error(
        "Invalid data type for JSON data in argument {argument} to function {function}; a JSON string or JSON type is required."
    )]
    NotJson {
        /// Counted from one.
        argument: usize,
        /// The function's name.
        function: String,
    },
    /// 3853: a document that is no object where one is needed.
    #[error("Invalid JSON type in argument {argument} to function {function}; an object is required.")]
    NotJsonObject {
        /// Counted from one.
        argument: usize,
        /// The function's name.
        function: String,
    },
    /// 3154: neither 'one' nor 'all'.
    #[error("The oneOrAll argument to {function} may take these values: 'one' or 'all'.")]
    OneOrAll {
        /// The function's name.
        function: String,
    },
    /// 3158: a member's name is NULL.
    #[error("JSON documents may not contain NULL member names.")]
    NullKey,
    /// 3157: nested too deeply.
    #[error("The JSON document exceeds the maximum depth.")]
    JsonDepth,
    /// 3153: a path that may not be the whole document.
    #[error("The path expression '$' is not allowed in this context.")]
    RootPath,
    /// 3165: a path to what is no element of an array.
    #[error("A path expression is not a path to a cell in an array.")]
    NotCellPath,
    /// 3144: bytes where a document is needed.
    #[error("Cannot create a JSON value from a string with CHARACTER SET 'binary'.")]
    JsonCharacterSet,
    /// 3064: an argument that is no text.
    #[error("Incorrect type for argument {argument} in function {function}.")]
    ArgumentType {
        /// Counted from one.
        argument: usize,
        /// The function's name.
        function: String,
    },
    /// 3685 to 3700: a regular expression is wrong or too expensive.
    #[error("{reason}")]
    Regexp {
        /// Which of them.
        code: u16,
        /// What is wrong with it.
        reason: String,
    },
    /// 1411: a text has not the form that a function takes.
    #[error("Incorrect {kind} value: '{value}' for function {function}")]
    IncorrectValue {
        /// The kind of value, as `string`.
        kind: &'static str,
        /// The value.
        value: String,
        /// The function's name.
        function: &'static str,
    },
    /// 1525: a constant that is no date or time, where there must be one.
    #[error("Incorrect {kind} value: '{value}'")]
    WrongValue {
        /// MySQL's type.
        kind: &'static str,
        /// The value.
        value: String,
    },
    /// 1426: more digits, or bits, than there are.
    #[error("Too-big precision {digits} specified for '{of}'. Maximum is {most}.")]
    Precision {
        /// What was asked for.
        digits: i64,
        /// The function's name, or what is cast.
        of: String,
        /// The most that there are.
        most: i64,
    },
    /// 1425: more digits after the point than a DECIMAL has.
    #[error("Too big scale {digits} specified for column '{of}'. Maximum is {most}.")]
    Scale {
        /// What was asked for.
        digits: i64,
        /// What is cast.
        of: String,
        /// The most that there are.
        most: i64,
    },
    /// 1427: more digits after the point than there are at all.
    #[error("For float(M,D), double(M,D) or decimal(M,D), M must be >= D (column '').")]
    ScaleBeyondPrecision,
    /// 1300: bytes are no text of a character set.
    #[error("Invalid {character_set} character string: '{bytes}'")]
    InvalidCharacters {
        /// The character set.
        character_set: &'static str,
        /// The bytes, as hexadecimal digits.
        bytes: String,
    },
    /// 3513: bits of strings of different lengths.
    #[error("Binary operands of bitwise operators must be of equal length")]
    BitLengths,
    /// 3514: the same in an aggregate.
    #[error("Binary operands of bitwise aggregates must be of equal length")]
    AggregatedBitLengths,
    /// 3966: JSON_VALUE finds nothing.
    #[error("No value was found by 'json_value' on the specified path.")]
    JsonValueMissing,
    /// 3967: JSON_VALUE finds several values.
    #[error("More than one value was found by 'json_value' on the specified path.")]
    JsonValue,
    /// 1292: a constant that is none of the type that it must be of.
    #[error("Truncated incorrect {kind} value: '{value}'")]
    Truncated {
        /// MySQL's type.
        kind: &'static str,
        /// The value.
        value: String,
    },
    /// 1067: a default that a column or function cannot have.
    #[error("Invalid default value for '{name}'")]
    InvalidDefault {
        /// The column or function.
        name: String,
    },
    /// 3057: no name for a lock.
    #[error("Incorrect user-level lock name '{name}'.")]
    LockName {
        /// The name.
        name: String,
    },
    /// 1461: more locks than a session may hold.
    #[error("Can't create more than {most} locks (current limit)")]
    TooManyLocks {
        /// The limit.
        most: usize,
    },
    /// 3665: JSON_TABLE finds nothing for a column.
    #[error("Missing value for JSON_TABLE column '{column}'")]
    JsonTableMissing {
        /// The column's name.
        column: String,
    },
    /// 3666: JSON_TABLE finds an array or object for a column of values.
    #[error("Can't store an array or an object in the scalar column '{column}' of JSON_TABLE")]
    JsonTableValue {
        /// The column's name.
        column: String,
    },
    /// 1406: a text that is longer than its column.
    #[error("Data too long for column '{column}' at row 1")]
    TooLong {
        /// The column's name.
        column: String,
    },
    /// 3669: JSON_TABLE finds what a column cannot hold.
    #[error("Value is out of range for JSON_TABLE's column '{column}'")]
    JsonTableRange {
        /// The column's name.
        column: String,
    },
    /// 3156: JSON_TABLE finds what is none of a column's type.
    #[error("Invalid JSON value for CAST to {kind} from column {column} at row 1")]
    JsonCast {
        /// MySQL's type.
        kind: &'static str,
        /// The column's name.
        column: String,
    },
    /// 1242: a subquery that stands for a value has several rows.
    #[error("Subquery returns more than 1 row")]
    SubqueryRows,
    /// 1264 and its like: a value does not fit the column that it is for.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// 1235: a part of MySQL that is not here.
    #[error("This version of Lakefront doesn't yet support '{feature}'")]
    Unsupported {
        /// What was asked for.
        feature: String,
    },
}

impl Error {
    /// The MySQL error number and its SQLSTATE.
    pub fn code(&self) -> (u16, &'static str) {
        match self {
            Self::OutOfRange { .. } => (1690, "22003"),
            Self::ParameterCount { .. } => (1582, "42000"),
            Self::ShortVector { .. } => (1882, "HY000"),
            Self::Arguments { .. } => (1210, "HY000"),
            Self::InvalidJson { .. } => (3141, "22032"),
            Self::InvalidPath { .. } => (3143, "42000"),
            Self::WildcardPath => (3149, "42000"),
            Self::NotJson { .. } => (3146, "22032"),
            Self::NotJsonObject { .. } => (3853, "22032"),
            Self::OneOrAll { .. } => (3154, "42000"),
            Self::NullKey => (3158, "22032"),
            Self::JsonDepth => (3157, "22032"),
            Self::RootPath => (3153, "42000"),
            Self::NotCellPath => (3165, "42000"),
            Self::JsonCharacterSet => (3144, "22032"),
            Self::ArgumentType { .. } => (3064, "HY000"),
            Self::Regexp { code, .. } => (*code, "HY000"),
            Self::IncorrectValue { .. } => (1411, "HY000"),
            Self::WrongValue { .. } => (1525, "HY000"),
            Self::Precision { .. } => (1426, "42000"),
            Self::Scale { .. } => (1425, "42000"),
            Self::ScaleBeyondPrecision => (1427, "42000"),
            Self::InvalidCharacters { .. } => (1300, "HY000"),
            Self::BitLengths => (3513, "HY000"),
            Self::AggregatedBitLengths => (3514, "HY000"),
            Self::JsonValueMissing => (3966, "22035"),
            Self::JsonValue => (3967, "22034"),
            Self::LockName { .. } => (3057, "42000"),
            Self::TooManyLocks { .. } => (1461, "42000"),
            Self::JsonTableMissing { .. } => (3665, "22035"),
            Self::JsonTableValue { .. } => (3666, "2203F"),
            Self::TooLong { .. } => (1406, "22001"),
            Self::JsonTableRange { .. } => (3669, "22003"),
            Self::JsonCast { .. } => (3156, "22018"),
            Self::Truncated { .. } => (1292, "22007"),
            Self::InvalidDefault { .. } => (1067, "42000"),
            Self::SubqueryRows => (1242, "21000"),
            Self::Misfit(misfit) => misfit.code(),
            Self::Unsupported { .. } => (1235, "42000"),
        }
    }

    /// The function's error inside a DataFusion error, when it is one.
    pub fn find(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
