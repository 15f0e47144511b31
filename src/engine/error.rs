//! Why a statement fails, and the MySQL code and SQLSTATE that tell it: one exhaustive match.
//!
//! The text of every error reaches clients: it says what went wrong, holds no secret and no internals.
//! It must not know where an error is raised; [`Error::from`] finds the cause inside DataFusion's errors.

use std::sync::Arc;

use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use parquet::errors::ParquetError;

use super::functions;
use super::nearest::{Hint, nearest};
use crate::{catalog, views};

/// A result whose error is the engine's.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a statement fails.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    // What the statement says.
    /// 1064: it is not MySQL's language.
    #[error(
        "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server \
         version for the right syntax to use near '{near}' at line {line}"
    )]
    Syntax {
        /// The rest of the statement from where it stops making sense; at most 80 characters.
        near: String,
        /// The line of `near`, from 1.
        line: usize,
    },
    /// 1064: it is MySQL's language and cannot mean anything.
    #[error("{0}")]
    Invalid(String),
    /// 1065: there is nothing in it.
    #[error("Query was empty")]
    EmptyQuery,
    /// 1235: MySQL can do this and the server cannot.
    #[error("This version of MySQL doesn't yet support '{0}'")]
    NotSupported(String),
    /// 1295: it cannot be prepared.
    #[error("This command is not supported in the prepared statement protocol yet")]
    NotPreparable,
    /// 1436: it is nested so deeply, or is so long, that it is refused.
    #[error("Statement is too complex: {0}")]
    TooComplex(String),
    /// 1390: more `?` than the protocol can count.
    #[error("Prepared statement contains too many placeholders")]
    TooManyPlaceholders,

    // Names.
    /// 1044: a database that nothing may be made in.
    #[error("Access denied for user '{user}' to database '{database}'")]
    DatabaseDenied {
        /// `user'@'host`, between the quotes of the text.
        user: String,
        /// The database's name.
        database: String,
    },
    /// 1046: a table without a database, and there is no default one.
    #[error("No database selected")]
    NoDatabase,
    /// 1049.
    #[error("Unknown database '{0}'")]
    UnknownDatabase(String),
    /// 1146.
    #[error("Table '{database}.{table}' doesn't exist{hint}")]
    NoSuchTable {
        /// The database's name.
        database: String,
        /// The table's name.
        table: String,
        /// Which table may have been meant.
        hint: Hint,
    },
    /// 1050: a table or a view has this name.
    #[error("Table '{0}' already exists")]
    TableExists(String),
    /// 1051: DROP of what is not there; the names, separated by commas.
    #[error("Unknown table '{0}'")]
    UnknownView(String),
    /// 1347: a table, or a view of the other kind, where a view is meant.
    #[error("'{database}.{table}' is not {kind}")]
    WrongObject {
        /// The database's name.
        database: String,
        /// The table's name.
        table: String,
        /// `VIEW`, `MATERIALIZED VIEW`.
        kind: &'static str,
    },
    /// 1103: a name that a view or its database cannot have.
    #[error("Incorrect table name '{0}'")]
    TableName(String),
    /// 1351.
    #[error("View's SELECT contains a variable or parameter")]
    ViewVariable,
    /// 1109: a qualifier that is no table of the statement.
    #[error("Unknown table '{table}' in {clause}")]
    UnknownTable {
        /// The qualifier.
        table: String,
        /// Where it stands: `field list`, `where clause`, …
        clause: String,
    },
    /// 1066: two tables of one name in one FROM.
    #[error("Not unique table/alias: '{0}'")]
    NotUniqueTable(String),
    /// 1054.
    #[error("Unknown column '{column}' in '{clause}'{hint}")]
    UnknownColumn {
        /// The column as it was written.
        column: String,
        /// `field list`, `where clause`, `group statement`, `having clause`, `order clause`, `on clause`.
        clause: String,
        /// Which column may have been meant.
        hint: Hint,
    },
    /// 1052.
    #[error("Column '{column}' in {clause} is ambiguous")]
    AmbiguousColumn {
        /// The column as it was written.
        column: String,
        /// As for an unknown column.
        clause: String,
    },
    /// 1060: two columns of one name in a derived table.
    #[error("Duplicate column name '{0}'")]
    DuplicateColumn(String),
    /// 1353.
    #[error(
        "In definition of view, derived table or common table expression, SELECT list and column names list have different column counts"
    )]
    ViewColumns,
    /// 1462: a view that reads itself, through others or not.
    #[error("`{database}`.`{view}` contains view recursion")]
    ViewRecursion {
        /// Its database.
        database: String,
        /// The view.
        view: String,
    },
    /// 1248: a derived table without a name.
    #[error("Every derived table must have its own alias")]
    DerivedWithoutAlias,
    /// 3667: a table function without a name.
    #[error("Every table function must have an alias")]
    TableFunctionWithoutAlias,
    /// 1305.
    #[error("FUNCTION {name} does not exist{hint}")]
    UnknownFunction {
        /// As it was called, with the database where it would be a stored one.
        name: String,
        /// Which function may have been meant.
        hint: Hint,
    },
    /// 1582.
    #[error("Incorrect parameter count in the call to native function '{0}'")]
    ParameterCount(String),
    /// 1210.
    #[error("Incorrect arguments to {0}")]
    Arguments(String),
    /// 1243.
    #[error("Unknown prepared statement handler ({name}) given to {command}")]
    UnknownStatement {
        /// The statement's name.
        name: String,
        /// EXECUTE or DEALLOCATE PREPARE.
        command: &'static str,
    },

    /// 1461: more of something than a session may keep.
    #[error("Can't create more than {most} {what} (current limit)")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        most: usize,
    },

    // Grouping and subqueries.
    /// 1055: ONLY_FULL_GROUP_BY.
    #[error("{0}")]
    NotGrouped(String),
    /// 1111.
    #[error("Invalid use of group function")]
    InvalidGroupFunction,
    /// 1222.
    #[error("The used SELECT statements have a different number of columns")]
    ColumnCount,
    /// 1241.
    #[error("Operand should contain {0} column(s)")]
    OperandColumns(usize),
    /// 1242.
    #[error("Subquery returns more than 1 row")]
    SubqueryRows,

    // Variables.
    /// 1193.
    #[error("Unknown system variable '{name}'{hint}")]
    UnknownVariable {
        /// The variable's name.
        name: String,
        /// Which variable may have been meant.
        hint: Hint,
    },
    /// 1231.
    #[error("Variable '{name}' can't be set to the value of '{value}'")]
    VariableValue {
        /// The variable.
        name: String,
        /// The value.
        value: String,
    },
    /// 1232.
    #[error("Incorrect argument type to variable '{0}'")]
    VariableType(String),
    /// 1238.
    #[error("Variable '{name}' is a {kind} variable")]
    VariableScope {
        /// The variable.
        name: String,
        /// `read only`, `GLOBAL`, `SESSION`.
        kind: &'static str,
    },
    /// 1228.
    #[error("Variable '{0}' is a SESSION variable and can't be used with SET GLOBAL")]
    SessionVariable(String),
    /// 1229.
    #[error("Variable '{0}' is a GLOBAL variable and should be set with SET GLOBAL")]
    GlobalVariable(String),
    /// 1298.
    #[error("Unknown or incorrect time zone: '{0}'")]
    TimeZone(String),
    /// 1115.
    #[error("Unknown character set: '{0}'")]
    CharacterSet(String),
    /// 1273.
    #[error("Unknown collation: '{0}'")]
    Collation(String),
    /// 1253.
    #[error("COLLATION '{collation}' is not valid for CHARACTER SET '{character_set}'")]
    CollationMismatch {
        /// The collation.
        collation: String,
        /// The character set.
        character_set: String,
    },

    // Rights.
    /// 1142: the lake is read only for clients.
    #[error("{command} command denied to user '{user}' for table '{table}'")]
    TableDenied {
        /// The command.
        command: String,
        /// The user, as `name'@'host`.
        user: String,
        /// The table.
        table: String,
    },
    /// 1290: the server does not write at all.
    #[error("The MySQL server is running with the --read-only option so it cannot execute this statement")]
    ReadOnly,
    /// 1227.
    #[error("Access denied; you need (at least one of) the {0} privilege(s) for this operation")]
    AccessDenied(&'static str),
    /// 1094.
    #[error("Unknown thread id: {0}")]
    UnknownThread(u64),
    /// 1095.
    #[error("You are not owner of thread {0}")]
    NotOwner(u64),

    // Values.
    /// 1172: more than one row for variables.
    #[error("Result consisted of more than one row")]
    TooManyRows,
    /// 1048.
    #[error("Column '{0}' cannot be null")]
    NullColumn(String),
    /// 1364.
    #[error("Field '{0}' doesn't have a default value")]
    NoDefault(String),
    /// 1264.
    #[error("Out of range value for column '{0}'")]
    OutOfColumn(String),
    /// 1366: a value would have to be changed to fit its column.
    #[error("{0}")]
    Unfit(String),
    /// 1136: a row of an INSERT, counted from 1.
    #[error("Column count doesn't match value count at row {0}")]
    ValueCount(usize),
    /// 1300: a text is not valid in its character set.
    #[error("Invalid utf8mb4 character string")]
    InvalidCharacters,
    /// 1292.
    #[error("Incorrect {kind} value: '{value}'")]
    Value {
        /// `DATE`, `DATETIME`, `INTEGER`, …
        kind: &'static str,
        /// The value.
        value: String,
    },
    /// 1690.
    #[error("{kind} value is out of range in '{expression}'")]
    OutOfRange {
        /// `BIGINT`, `BIGINT UNSIGNED`, `DOUBLE`, `DECIMAL`.
        kind: &'static str,
        /// The expression.
        expression: String,
    },
    /// 3141 and its like: a JSON text or path is not valid.
    #[error("{0}")]
    Json(String),
    /// 1139: a regular expression is not valid.
    #[error("Got error '{0}' from regexp")]
    Regexp(String),
    /// 1105: a value cannot be computed, with the reason.
    #[error("{0}")]
    Computation(String),

    /// A function raised it.
    #[error(transparent)]
    Function(#[from] functions::error::Error),

    // The lake.
    /// 1105: a table is there and cannot be read; the text names the file and what to do.
    #[error("{0}")]
    Table(String),
    /// 1412: a file changed while the statement read it, and again when it was run again.
    #[error("Table definition has changed, please retry transaction; {0}")]
    Changed(String),
    /// 1105: the store of the lake does not answer.
    #[error("{0}")]
    Store(String),

    /// 1105: a view is there and cannot be read; the text tells why.
    #[error("{0}")]
    View(String),

    // Limits.
    /// 1114: a temporary table needs more memory than there is.
    #[error("The table '{0}' is full")]
    TableFull(String),
    /// 1038: memory for one statement, or for all of them, is used up.
    #[error("Out of memory: {0}")]
    Memory(String),
    /// 1021: the disk for what does not fit into memory is full.
    #[error("Disk full: {0}")]
    DiskFull(String),
    /// 1203: more statements wait than may wait, or one waited too long.
    #[error("Too many running queries: {0}")]
    Busy(String),
    /// 3636: a recursive CTE does not end.
    #[error(
        "Recursive query aborted after {0} iterations. Try increasing @@cte_max_recursion_depth to a larger value."
    )]
    RecursionDepth(u64),
    /// 1317.
    #[error("Query execution was interrupted")]
    Interrupted,
    /// 3024.
    #[error("Query execution was interrupted, maximum statement execution time exceeded")]
    Timeout,
    /// 1053: the server is stopping.
    #[error("Server shutdown in progress")]
    Shutdown,

    /// 1815: a fault of the server itself; the log tells more.
    #[error("Internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The MySQL error number and its SQLSTATE.
    pub fn code(&self) -> (u16, &'static str) {
        match self {
            Self::Syntax { .. } | Self::Invalid(_) => (1064, "42000"),
            Self::EmptyQuery => (1065, "42000"),
            Self::NotSupported(_) => (1235, "42000"),
            Self::NotPreparable => (1295, "HY000"),
            Self::TooComplex(_) => (1436, "HY000"),
            Self::TooManyPlaceholders => (1390, "HY000"),
            Self::NoDatabase => (1046, "3D000"),
            Self::DatabaseDenied { .. } => (1044, "42000"),
            Self::TooManyRows => (1172, "42000"),
            Self::NullColumn(_) => (1048, "23000"),
            Self::NoDefault(_) => (1364, "HY000"),
            Self::OutOfColumn(_) => (1264, "22003"),
            Self::Unfit(_) => (1366, "HY000"),
            Self::ValueCount(_) => (1136, "21S01"),
            Self::TableFull(_) => (1114, "HY000"),
            Self::UnknownDatabase(_) => (1049, "42000"),
            Self::NoSuchTable { .. } => (1146, "42S02"),
            Self::TableExists(_) => (1050, "42S01"),
            Self::UnknownView(_) => (1051, "42S02"),
            Self::WrongObject { .. } => (1347, "HY000"),
            Self::TableName(_) => (1103, "42000"),
            Self::ViewVariable => (1351, "HY000"),
            Self::UnknownTable { .. } => (1109, "42S02"),
            Self::NotUniqueTable(_) => (1066, "42000"),
            Self::UnknownColumn { .. } => (1054, "42S22"),
            Self::AmbiguousColumn { .. } => (1052, "23000"),
            Self::DuplicateColumn(_) => (1060, "42S21"),
            Self::ViewColumns => (1353, "HY000"),
            Self::ViewRecursion { .. } => (1462, "HY000"),
            Self::DerivedWithoutAlias => (1248, "42000"),
            Self::TableFunctionWithoutAlias => (3667, "42000"),
            Self::UnknownFunction { .. } => (1305, "42000"),
            Self::ParameterCount(_) => (1582, "42000"),
            Self::Arguments(_) => (1210, "HY000"),
            Self::UnknownStatement { .. } => (1243, "HY000"),
            Self::TooMany { .. } => (1461, "42000"),
            Self::NotGrouped(_) => (1055, "42000"),
            Self::InvalidGroupFunction => (1111, "HY000"),
            Self::ColumnCount => (1222, "21000"),
            Self::OperandColumns(_) => (1241, "21000"),
            Self::SubqueryRows => (1242, "21000"),
            Self::UnknownVariable { .. } => (1193, "HY000"),
            Self::VariableValue { .. } => (1231, "42000"),
            Self::VariableType(_) => (1232, "42000"),
            Self::VariableScope { .. } => (1238, "HY000"),
            Self::SessionVariable(_) => (1228, "HY000"),
            Self::GlobalVariable(_) => (1229, "HY000"),
            Self::TimeZone(_) => (1298, "HY000"),
            Self::CharacterSet(_) => (1115, "42000"),
            Self::Collation(_) => (1273, "HY000"),
            Self::CollationMismatch { .. } => (1253, "42000"),
            Self::TableDenied { .. } => (1142, "42000"),
            Self::ReadOnly => (1290, "HY000"),
            Self::AccessDenied(_) => (1227, "42000"),
            Self::UnknownThread(_) => (1094, "HY000"),
            Self::NotOwner(_) => (1095, "HY000"),
            Self::InvalidCharacters => (1300, "HY000"),
            Self::Value { .. } => (1292, "22007"),
            Self::OutOfRange { .. } => (1690, "22003"),
            Self::Json(_) => (3141, "22032"),
            Self::Regexp(_) => (1139, "42000"),
            Self::Computation(_) | Self::Table(_) | Self::View(_) | Self::Store(_) => (1105, "HY000"),
            Self::Function(error) => error.code(),
            Self::Changed(_) => (1412, "HY000"),
            Self::Memory(_) => (1038, "HY001"),
            Self::DiskFull(_) => (1021, "HY000"),
            Self::Busy(_) => (1203, "42000"),
            Self::RecursionDepth(_) => (3636, "HY000"),
            Self::Interrupted => (1317, "70100"),
            Self::Timeout => (3024, "HY000"),
            Self::Shutdown => (1053, "08S01"),
            Self::Internal(_) => (1815, "HY000"),
        }
    }
}

impl From<views::Error> for Error {
    fn from(error: views::Error) -> Self {
        match error {
            views::Error::Lake(error) => catalog::Error::Lake(error).into(),
            views::Error::Exists { view } => Self::TableExists(view.name),
            views::Error::Name(name) => Self::TableName(name),
            error => Self::View(error.to_string()),
        }
    }
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        match error.is_change() {
            true => Self::Changed(error.to_string()),
            false => Self::Table(error.to_string()),
        }
    }
}

/// How functions and planners hand the engine's errors through DataFusion.
impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match catalog::Error::find(&error) {
            Some(lake) => lake.into(),
            None => Self::of(&error),
        }
    }
}

impl Error {
    /// The cause inside DataFusion's wrappings, as an error for clients.
    fn of(error: &DataFusionError) -> Self {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::of(inner),
            DataFusionError::Shared(inner) => Self::of(inner),
            DataFusionError::Collection(errors) => match errors.first() {
                Some(first) => Self::of(first),
                None => Self::Internal("an empty collection of errors".into()),
            },
            DataFusionError::External(inner) => Self::of_external(inner.as_ref()),
            DataFusionError::ArrowError(inner, _) => Self::of_arrow(inner),
            DataFusionError::SchemaError(inner, _) => Self::of_schema(inner),
            DataFusionError::ParquetError(inner) => Self::of_parquet(inner),
            DataFusionError::ObjectStore(inner) => Self::of_store(inner),
            DataFusionError::IoError(inner) => Self::of_io(inner),
            DataFusionError::SQL(inner, _) => Self::Invalid(inner.to_string()),
            DataFusionError::NotImplemented(what)
                if what.contains("Physical plan does not support logical") =>
            {
                Self::NotSupported("a subquery that compares with outer columns in this way".into())
            }
            DataFusionError::NotImplemented(what) => Self::NotSupported(first_line(what)),
            DataFusionError::Plan(what) => Self::of_plan(what),
            DataFusionError::Execution(what) => Self::of_execution(what),
            DataFusionError::ResourcesExhausted(what) => Self::of_resources(what),
            DataFusionError::Internal(what)
            | DataFusionError::Configuration(what)
            | DataFusionError::Substrait(what)
            | DataFusionError::Ffi(what) => Self::Internal(first_line(what)),
            DataFusionError::ExecutionJoin(inner) => Self::Internal(format!("a task stopped: {inner}")),
        }
    }

    /// An error that came from outside of DataFusion: ours, or another library's with a cause inside.
    fn of_external(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Self {
        if let Some(ours) = error.downcast_ref::<Self>() {
            return ours.clone();
        }
        if let Some(function) = error.downcast_ref::<functions::error::Error>() {
            return Self::Function(function.clone());
        }
        if let Some(view) = error.downcast_ref::<views::Error>() {
            return view.clone().into();
        }
        if let Some(inner) = error.downcast_ref::<DataFusionError>() {
            return Self::of(inner);
        }
        if let Some(inner) = error.downcast_ref::<Arc<DataFusionError>>() {
            return Self::of(inner);
        }
        if let Some(inner) = error.downcast_ref::<ArrowError>() {
            return Self::of_arrow(inner);
        }
        if let Some(inner) = error.downcast_ref::<ParquetError>() {
            return Self::of_parquet(inner);
        }
        if let Some(inner) = error.downcast_ref::<object_store::Error>() {
            return Self::of_store(inner);
        }
        Self::Table(error.to_string())
    }

    fn of_arrow(error: &ArrowError) -> Self {
        match error {
            ArrowError::ExternalError(inner) => Self::of_external(inner.as_ref()),
            ArrowError::ArithmeticOverflow(what) => {
                Self::OutOfRange { kind: "BIGINT", expression: what.clone() }
            }
            ArrowError::DivideByZero => Self::Computation("Division by 0".into()),
            ArrowError::CastError(what) | ArrowError::ParseError(what) => Self::Computation(first_line(what)),
            ArrowError::ComputeError(what) | ArrowError::InvalidArgumentError(what) => {
                Self::Computation(first_line(what))
            }
            ArrowError::NotYetImplemented(what) => Self::NotSupported(first_line(what)),
            ArrowError::SchemaError(what)
            | ArrowError::ParquetError(what)
            | ArrowError::AvroError(what)
            | ArrowError::CsvError(what)
            | ArrowError::JsonError(what) => Self::Table(first_line(what)),
            ArrowError::IoError(_, inner) => Self::of_io(inner),
            ArrowError::MemoryError(what) => Self::Memory(first_line(what)),
            ArrowError::IpcError(what) | ArrowError::CDataInterface(what) => Self::Internal(first_line(what)),
            ArrowError::DictionaryKeyOverflowError
            | ArrowError::RunEndIndexOverflowError
            | ArrowError::OffsetOverflowError(_) => Self::Internal(error.to_string()),
        }
    }

    fn of_schema(error: &SchemaError) -> Self {
        let clause = || "field list".to_owned();
        match error {
            SchemaError::FieldNotFound { field, valid_fields } => Self::UnknownColumn {
                column: column_name(field),
                clause: clause(),
                hint: nearest(&field.name, valid_fields.iter().map(|known| known.name.as_str())),
            },
            SchemaError::AmbiguousReference { field } => {
                Self::AmbiguousColumn { column: field.name.clone(), clause: clause() }
            }
            SchemaError::DuplicateQualifiedField { qualifier, .. } => {
                Self::NotUniqueTable(qualifier.table().to_owned())
            }
            SchemaError::DuplicateUnqualifiedField { name } => Self::DuplicateColumn(name.clone()),
        }
    }

    fn of_parquet(error: &ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => Self::of_external(inner.as_ref()),
            other => Self::Table(format!("a Parquet file cannot be read: {other}")),
        }
    }

    fn of_store(error: &object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { path, .. } => {
                Self::Changed(format!("{path} is not there any more"))
            }
            object_store::Error::Generic { source, .. } => match source.downcast_ref::<std::io::Error>() {
                Some(inner) => Self::of_io(inner),
                None => Self::Store(first_line(&error.to_string())),
            },
            other => Self::Store(first_line(&other.to_string())),
        }
    }

    fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::DiskFull("no space is left where statements put what does not fit into memory".into())
            }
            std::io::ErrorKind::Other => match error.get_ref() {
                // What writes spill files tells the limit as text only.
                Some(inner) if exceeds_disk(&inner.to_string()) => Self::of_resources(&inner.to_string()),
                Some(inner) => Self::of_external(inner),
                None => Self::Store(first_line(&error.to_string())),
            },
            _ => Self::Store(first_line(&error.to_string())),
        }
    }

    /// DataFusion tells errors of planning as text only; those that have a number of their own in
    /// MySQL are known by how their text begins.
    fn of_plan(what: &str) -> Self {
        if let Some(rest) = what.strip_prefix("Invalid function '") {
            let name = rest.split('\'').next().unwrap_or(rest);
            return Self::UnknownFunction { name: name.to_owned(), hint: Hint::default() };
        }
        if what.starts_with("Projections require unique expression names") {
            return Self::DuplicateColumn(between(what, "expression \"", "\"").unwrap_or(what).to_owned());
        }
        if what.starts_with("Too many columns! The subquery should only return one column") {
            return Self::OperandColumns(1);
        }
        if let Some(rest) = what.strip_prefix("Invalid qualifier ") {
            return Self::UnknownTable { table: rest.to_owned(), clause: "field list".into() };
        }
        Self::Invalid(first_line(what))
    }

    fn of_execution(what: &str) -> Self {
        if what.contains("Scalar subquery returned more than one row") {
            return Self::SubqueryRows;
        }
        Self::Computation(first_line(what))
    }

    fn of_resources(what: &str) -> Self {
        if exceeds_disk(what) {
            return Self::DiskFull("the statement needs more disk than `spill.limit` allows".into());
        }
        Self::Memory("the statement needs more memory than it may use".into())
    }
}

fn exceeds_disk(what: &str) -> bool {
    what.contains("used disk space") && what.contains("exceeded the allowable limit")
}

/// A column as MySQL names it: with its table, where one was written.
fn column_name(column: &datafusion::common::Column) -> String {
    match &column.relation {
        Some(relation) => format!("{}.{}", relation.table(), column.name),
        None => column.name.clone(),
    }
}

/// The text without hints and backtraces, which follow in further lines.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}
