//! Why a statement fails, and the MySQL code and SQLSTATE that tell it: one exhaustive match.
//!
//! The text of every error reaches clients: it says what went wrong, holds no secret and no internals.
//! It must not know where an error is raised; `cause` finds what is behind DataFusion's errors.

mod cause;

use super::declared::Misdeclared;
use super::dialect::recursion;
use super::dialect::window::Misuse;
use super::functions;
use super::nearest::Hint;

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
    /// 1367: a number that no DOUBLE holds.
    #[error("Illegal double '{0}' value found during parsing")]
    IllegalNumber(String),
    /// 1065: there is nothing in it.
    #[error("Query was empty")]
    EmptyQuery,
    /// 1235: MySQL can do this and the server cannot.
    #[error("This version of MySQL doesn't yet support '{0}'")]
    NotSupported(String),
    /// 1791.
    #[error("Unknown EXPLAIN format name: '{0}'")]
    ExplainFormat(String),
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
    /// 1051: DROP of what is not there, the names separated by commas; and `t.*` of what is no table of the statement.
    #[error("Unknown table '{0}'")]
    UnknownView(String),
    /// 1096: `*` without FROM.
    #[error("No tables used")]
    NoTables,
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
    /// 1305: a stored procedure or function.
    #[error("{kind} {name} does not exist")]
    UnknownRoutine {
        /// `PROCEDURE` or `FUNCTION`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// 1360.
    #[error("Trigger does not exist")]
    UnknownTrigger,
    /// 1539.
    #[error("Unknown event '{0}'")]
    UnknownEvent(String),
    /// 1381.
    #[error("You are not using binary logging")]
    NoBinaryLog,
    /// 1747: PARTITION of a table that has none.
    #[error("PARTITION () clause on non partitioned table")]
    NotPartitioned,
    /// 3579 to 3593: a window means nothing, or a window function stands where none can be computed.
    #[error(transparent)]
    Window(#[from] Misuse),
    /// 3573 to 3577: a CTE that cannot recur.
    #[error(transparent)]
    Recursion(#[from] recursion::Misuse),
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
    #[error(
        "Expression #{expression} of {clause} is not in GROUP BY clause and contains nonaggregated column '{column}' \
         which is not functionally dependent on columns in GROUP BY clause; this is incompatible with \
         sql_mode=only_full_group_by"
    )]
    NotGrouped {
        /// Its place in the clause, from 1.
        expression: usize,
        /// `SELECT list`, `ORDER BY clause`.
        clause: String,
        /// With its database and table.
        column: String,
    },
    /// 1140: the same without GROUP BY.
    #[error(
        "In aggregated query without GROUP BY, expression #{expression} of {clause} contains nonaggregated column \
         '{column}'; this is incompatible with sql_mode=only_full_group_by"
    )]
    NotAggregated {
        /// As in [`Error::NotGrouped`].
        expression: usize,
        /// As in [`Error::NotGrouped`].
        clause: String,
        /// With its database and table.
        column: String,
    },
    /// 1056: a key of GROUP BY that is an aggregate.
    #[error("Can't group on '{0}'")]
    GroupKey(String),
    /// 3065: DISTINCT that is ordered by what it does not select.
    #[error(
        "Expression #{key} of ORDER BY clause is not in SELECT list, references column '{column}' which is not in \
         SELECT list; this is incompatible with DISTINCT"
    )]
    NotSelected {
        /// Which key, from 1.
        key: usize,
        /// With its table.
        column: String,
    },
    /// 1111.
    #[error("Invalid use of group function")]
    InvalidGroupFunction,
    /// 1250: ORDER BY of a UNION names a table of one of its parts.
    #[error("Table '{0}' from one of the SELECTs cannot be used in global ORDER clause")]
    TableOfUnion(String),
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
    /// 1649.
    #[error("Unknown locale: '{0}'")]
    Locale(String),
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
    /// 1110: a column that an INSERT names.
    #[error("Column '{0}' specified twice")]
    TwiceSpecified(String),
    /// A warning that is an error where rows are kept, with its own code.
    #[error("{message}")]
    Warned {
        /// MySQL's number.
        code: u16,
        /// The text.
        message: String,
    },
    /// 1067, 1074 and others: a table cannot have its columns.
    #[error(transparent)]
    Misdeclared(#[from] Misdeclared),
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
            Self::IllegalNumber(_) => (1367, "22007"),
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
            Self::TwiceSpecified(_) => (1110, "42000"),
            Self::Warned { code, .. } => (*code, state_of_warning(*code)),
            Self::Misdeclared(misdeclared) => misdeclared.code(),
            Self::ValueCount(_) => (1136, "21S01"),
            Self::TableFull(_) => (1114, "HY000"),
            Self::UnknownDatabase(_) => (1049, "42000"),
            Self::NoSuchTable { .. } => (1146, "42S02"),
            Self::TableExists(_) => (1050, "42S01"),
            Self::UnknownView(_) => (1051, "42S02"),
            Self::NoTables => (1096, "HY000"),
            Self::GroupKey(_) => (1056, "42000"),
            Self::NotSelected { .. } => (3065, "HY000"),
            Self::ExplainFormat(_) => (1791, "HY000"),
            Self::WrongObject { .. } => (1347, "HY000"),
            Self::TableName(_) => (1103, "42000"),
            Self::ViewVariable => (1351, "HY000"),
            Self::UnknownTable { .. } => (1109, "42S02"),
            Self::NotUniqueTable(_) => (1066, "42000"),
            Self::UnknownRoutine { .. } => (1305, "42000"),
            Self::UnknownTrigger => (1360, "HY000"),
            Self::UnknownEvent(_) => (1539, "HY000"),
            Self::NoBinaryLog => (1381, "HY000"),
            Self::NotPartitioned => (1747, "HY000"),
            Self::Window(misuse) => (misuse.code(), "HY000"),
            Self::Recursion(misuse) => (misuse.code(), "HY000"),
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
            Self::NotGrouped { .. } => (1055, "42000"),
            Self::NotAggregated { .. } => (1140, "42000"),
            Self::InvalidGroupFunction => (1111, "HY000"),
            Self::TableOfUnion(_) => (1250, "42000"),
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
            Self::Locale(_) => (1649, "HY000"),
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

/// The SQLSTATE of a warning that is an error.
fn state_of_warning(code: u16) -> &'static str {
    match code {
        1264 => "22003",
        1265 => "01000",
        1292 => "22007",
        1365 => "22012",
        1406 => "22001",
        1441 => "22008",
        3020 => "2201E",
        _ => "HY000",
    }
}
