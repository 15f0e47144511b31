//! The errors that a function raises while it computes, with MySQL's codes. They travel inside
//! `DataFusionError::External`, where the engine finds them again with [`Error::find`].
//!
//! Most functions raise none: MySQL answers NULL and a warning where other servers fail.

use datafusion::common::DataFusionError;

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
    /// 3165: a path that may not be the whole document.
    #[error("The path expression '$' is not allowed in this context.")]
    RootPath,
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
    /// 1426: more digits of the second than there are.
    #[error("Too-big precision {digits} specified for '{function}'. Maximum is 6.")]
    Precision {
        /// What was asked for.
        digits: i64,
        /// The function's name.
        function: String,
    },
    /// 3513: bits of strings of different lengths.
    #[error("Binary operands of bitwise operators must be of equal length")]
    BitLengths,
    /// 3966: JSON_VALUE finds nothing.
    #[error("No value was found by 'json_value' on the specified path.")]
    JsonValueMissing,
    /// 3967: JSON_VALUE finds what its type cannot hold, or several values.
    #[error("What was found by 'json_value' on the specified path is not one value of its type.")]
    JsonValue,
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
    /// 3666: JSON_TABLE finds what a column cannot hold.
    #[error("Can't store this value in the JSON_TABLE column '{column}'")]
    JsonTableValue {
        /// The column's name.
        column: String,
    },
    /// 1242: a subquery that stands for a value has several rows.
    #[error("Subquery returns more than 1 row")]
    SubqueryRows,
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
            Self::Arguments { .. } => (1210, "HY000"),
            Self::InvalidJson { .. } => (3141, "22032"),
            Self::InvalidPath { .. } => (3143, "42000"),
            Self::WildcardPath => (3149, "42000"),
            Self::NotJson { .. } => (3146, "22032"),
            Self::NotJsonObject { .. } => (3853, "22032"),
            Self::OneOrAll { .. } => (3154, "42000"),
            Self::NullKey => (3158, "22032"),
            Self::JsonDepth => (3157, "22032"),
            Self::RootPath => (3165, "42000"),
            Self::Regexp { code, .. } => (*code, "HY000"),
            Self::IncorrectValue { .. } => (1411, "HY000"),
            Self::WrongValue { .. } => (1525, "HY000"),
            Self::Precision { .. } => (1426, "42000"),
            Self::BitLengths => (3513, "HY000"),
            Self::JsonValueMissing => (3966, "22035"),
            Self::JsonValue => (3967, "22034"),
            Self::LockName { .. } => (3057, "42000"),
            Self::TooManyLocks { .. } => (1461, "42000"),
            Self::JsonTableMissing { .. } => (3665, "22035"),
            Self::JsonTableValue { .. } => (3666, "2203F"),
            Self::SubqueryRows => (1242, "21000"),
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
