//! What a statement is, once parsed. It holds syntax only; names are resolved later.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlparser::ast;

use crate::engine::types::MysqlType;
use crate::views::definition::{ColumnDefinition, Definition, Materialized, Refresh};

/// One parsed statement.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What it asks for.
    pub statement: Statement,
    /// How many `?` it has; they are `$1`, `$2` … in the syntax tree.
    pub parameters: usize,
}

/// What a statement asks for.
#[derive(Clone, Debug)]
pub enum Statement {
    /// SELECT, VALUES, TABLE, WITH … and unions of them.
    Query(Box<Query>),
    /// SELECT … INTO @a, @b: one row, whose values the variables take.
    SelectInto {
        /// What is selected.
        query: Box<Query>,
        /// Names of user variables, in lower case.
        variables: Vec<String>,
    },
    /// EXPLAIN of a query.
    Explain {
        /// Whether it is run and measured.
        analyze: bool,
        /// The form of the answer; the session's where it is not said.
        format: Option<ExplainFormat>,
        /// What is explained.
        query: Box<Query>,
    },
    /// SET of variables, in order.
    Set(Vec<Assignment>),
    /// SHOW, and DESCRIBE of a table.
    Show(Show),
    /// USE.
    Use(String),
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT; RELEASE SAVEPOINT and SAVEPOINT leave a transaction open and are `Nothing`.
    Commit,
    /// ROLLBACK.
    Rollback,
    /// KILL.
    Kill {
        /// The connection's id.
        id: ast::Expr,
        /// The connection too, not only its statement.
        connection: bool,
    },
    /// REFRESH TABLE.
    RefreshTable(TableName),
    /// PREPARE name FROM 'text' or @variable.
    Prepare {
        /// The statement's name.
        name: String,
        /// A string or a user variable.
        text: ast::Expr,
    },
    /// EXECUTE name USING @a, @b.
    Execute {
        /// The statement's name.
        name: String,
        /// Names of user variables.
        variables: Vec<String>,
    },
    /// DEALLOCATE PREPARE.
    Deallocate(String),
    /// DO expressions: computed, not answered.
    Do(Box<Query>),
    /// CREATE VIEW, CREATE MATERIALIZED VIEW.
    CreateView(Box<CreateView>),
    /// ALTER VIEW, ALTER MATERIALIZED VIEW.
    AlterView(Box<AlterView>),
    /// DROP VIEW, DROP MATERIALIZED VIEW.
    DropViews(DropViews),
    /// REFRESH MATERIALIZED VIEW.
    RefreshView(RefreshView),
    /// EXPLAIN REFRESH MATERIALIZED VIEW.
    ExplainRefresh(RefreshView),
    /// CANCEL REFRESH MATERIALIZED VIEW.
    CancelRefresh(TableName),
    /// RESTORE MATERIALIZED VIEW … TO VERSION.
    RestoreView {
        /// The view.
        name: TableName,
        /// A version of its published days.
        version: u64,
    },
    /// What is accepted and changes nothing here: LOCK TABLES, UNLOCK TABLES, FLUSH, SAVEPOINT, …
    Nothing,
    /// CREATE, INSERT, DROP and TRUNCATE that may be about a temporary table.
    Temporary(Box<Temporary>),
    /// A statement that would write; it holds the command's name for error 1142 or 1290.
    Refused {
        /// The command, as `INSERT` or `CREATE TABLE`.
        command: String,
        /// The table it would change, when it names one.
        table: Option<TableName>,
    },
}

/// What is done to a temporary table, if the name is one's.
#[derive(Clone, Debug)]
pub enum Temporary {
    /// CREATE TEMPORARY TABLE.
    Create {
        /// The new table.
        name: TableName,
        /// A table of the name is no error.
        if_not_exists: bool,
        /// What it has.
        content: Content,
    },
    /// INSERT and REPLACE.
    Insert {
        /// The table.
        name: TableName,
        /// The columns that are given; all when none are named.
        columns: Option<Vec<String>>,
        /// VALUES or SELECT.
        source: Box<Query>,
        /// What does not fit is changed, whatever `sql_mode` says.
        ignore: bool,
        /// REPLACE.
        replaces: bool,
    },
    /// DROP [TEMPORARY] TABLE.
    Drop {
        /// The tables.
        names: Vec<TableName>,
        /// A table that is not there is no error.
        if_exists: bool,
        /// Other tables are not meant.
        temporary: bool,
    },
    /// TRUNCATE.
    Truncate(TableName),
}

/// What CREATE TEMPORARY TABLE makes a table of.
#[derive(Clone, Debug)]
pub enum Content {
    /// Columns as they are declared, without rows.
    Columns(Vec<TemporaryColumn>),
    /// AS SELECT.
    Query(Box<Query>),
    /// LIKE: the columns of another table.
    Like(TableName),
}

/// A column as CREATE TEMPORARY TABLE declares it.
#[derive(Clone, Debug)]
pub struct TemporaryColumn {
    /// As written.
    pub name: String,
    /// Its type.
    pub kind: MysqlType,
    /// Without NOT NULL.
    pub nullable: bool,
    /// DEFAULT.
    pub default: Option<DefaultValue>,
    /// ON UPDATE CURRENT_TIMESTAMP.
    pub updated: bool,
    /// COMMENT.
    pub comment: String,
}

/// What a column is when an INSERT leaves it out.
#[derive(Clone, Debug)]
pub struct DefaultValue {
    /// Rewritten, for a query of its own.
    pub value: ast::Expr,
    /// As the table's definition shows it.
    pub text: String,
    /// Whether it is a constant.
    pub is_literal: bool,
}

impl DefaultValue {
    /// DEFAULT NULL.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, ast::Expr::Value(value) if value.value == ast::Value::Null)
    }
}

/// A query and the headings that its columns show.
#[derive(Clone, Debug)]
pub struct Query {
    /// Rewritten for DataFusion's planner: identifiers lower-cased, output names made unique.
    pub ast: ast::Query,
    /// A heading for each item of the outermost select list, in order.
    pub headings: Vec<Heading>,
    /// The tables it reads, each once; names of CTEs are not among them.
    pub tables: Vec<TableName>,
    /// Columns of derived tables and CTEs that were written with capitals, by their names in lower case: `*` shows them.
    pub written: BTreeMap<String, String>,
    /// SQL_CALC_FOUND_ROWS: all rows are counted, and these are shown. The syntax tree has no LIMIT then.
    pub page: Option<Page>,
    /// Without ONLY_FULL_GROUP_BY: a column that is not grouped shows any of its group's values.
    pub any_of_group: bool,
}

/// Some of a query's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many are before them.
    pub skip: u64,
    /// How many they are, at most.
    pub rows: u64,
}

/// What the outermost select list says of a column's heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heading {
    /// The alias, or the expression as it was written.
    Text(String),
    /// A column by its name: shown as the alias-less reference was written.
    Column(String),
    /// `*` or `t.*`: the columns as their table names them.
    Wildcard,
    /// One column of a wildcard that was written out, by its name in lower case: shown as its table names it.
    Expanded(String),
}

/// A table's name; without a database it is in the default one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// As written.
    pub database: Option<String>,
    /// As written.
    pub table: String,
}

/// CREATE VIEW.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateView {
    /// The view's name.
    pub name: TableName,
    /// OR REPLACE.
    pub replace: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// What it says of the view.
    pub body: ViewBody,
    /// Clauses of other servers that mean nothing here.
    pub ignored: Vec<&'static str>,
}

/// A view's definition without its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewBody {
    /// Names and comments of columns; empty when the query tells them.
    pub columns: Vec<ColumnDefinition>,
    /// Empty when there is none.
    pub comment: String,
    /// None: a plain view.
    pub materialized: Option<Materialized>,
    /// As written.
    pub query: String,
}

impl ViewBody {
    /// The view of that name.
    pub fn named(self, database: &str, name: &str) -> Definition {
        let Self { columns, comment, materialized, query } = self;
        Definition { database: database.into(), name: name.into(), columns, comment, materialized, query }
    }
}

/// ALTER VIEW.
#[derive(Clone, Debug)]
pub struct AlterView {
    /// The view.
    pub name: TableName,
    /// MATERIALIZED was written.
    pub materialized: bool,
    /// What becomes different.
    pub change: ViewChange,
    /// As in [`CreateView`].
    pub ignored: Vec<&'static str>,
}

/// What ALTER VIEW changes.
#[derive(Clone, Debug)]
pub enum ViewChange {
    /// ACTIVE, INACTIVE.
    Inactive(bool),
    /// REFRESH ….
    Refresh(Refresh),
    /// RENAME.
    Rename(TableName),
    /// AS query.
    Query {
        /// As in [`ViewBody`].
        columns: Vec<ColumnDefinition>,
        /// As written.
        query: String,
    },
}

/// DROP VIEW.
#[derive(Clone, Debug)]
pub struct DropViews {
    /// The views, in order.
    pub names: Vec<TableName>,
    /// MATERIALIZED was written.
    pub materialized: bool,
    /// IF EXISTS: a view that is not there is a note.
    pub if_exists: bool,
}

/// REFRESH MATERIALIZED VIEW.
#[derive(Clone, Debug)]
pub struct RefreshView {
    /// The view.
    pub name: TableName,
    /// The first day; all days from the view's first when it is not said.
    pub from: Option<NaiveDate>,
    /// The day after the last; all days when it is not said.
    pub to: Option<NaiveDate>,
    /// Days that are fresh, too.
    pub force: bool,
    /// WITH SYNC MODE: the answer comes when it is done.
    pub wait: bool,
}

/// How EXPLAIN answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainFormat {
    /// A table with MySQL's twelve columns.
    Traditional,
    /// The plan as a tree of text.
    Tree,
    /// The plan as one JSON document.
    Json,
}

impl ExplainFormat {
    /// The form of a name, in any case.
    pub fn of(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "TRADITIONAL" | "DEFAULT" => Some(Self::Traditional),
            "TREE" => Some(Self::Tree),
            "JSON" => Some(Self::Json),
            _ => None,
        }
    }
}

/// One assignment of SET.
#[derive(Clone, Debug)]
pub enum Assignment {
    /// A system variable.
    System {
        /// SESSION or GLOBAL.
        global: bool,
        /// In lower case.
        name: String,
        /// None is DEFAULT. A bare word (`utf8mb4`, `ON`) is a string.
        value: Option<ast::Expr>,
    },
    /// A user variable.
    User {
        /// In lower case, without `@`.
        name: String,
        /// Its value.
        value: ast::Expr,
    },
    /// SET NAMES and SET CHARACTER SET; None is DEFAULT.
    Names {
        /// The character set, in lower case.
        charset: Option<String>,
        /// The collation, in lower case.
        collation: Option<String>,
    },
    /// What is accepted and changes nothing here: SET ROLE, SET PASSWORD is refused elsewhere.
    Nothing,
}

/// The filter of a SHOW.
#[derive(Clone, Debug, Default)]
pub enum Filter {
    /// None.
    #[default]
    All,
    /// LIKE 'pattern'.
    Like(String),
    /// WHERE expression, over the columns that the SHOW answers.
    Where(Box<ast::Expr>),
}

/// SHOW and DESCRIBE.
#[derive(Clone, Debug)]
pub enum Show {
    /// DATABASES, SCHEMAS.
    Databases(Filter),
    /// [FULL] TABLES.
    Tables {
        /// With the column Table_type.
        full: bool,
        /// FROM database.
        database: Option<String>,
        /// LIKE or WHERE.
        filter: Filter,
    },
    /// [FULL] COLUMNS, FIELDS, DESCRIBE.
    Columns {
        /// With collation, privileges and comment.
        full: bool,
        /// FROM table.
        table: TableName,
        /// LIKE or WHERE.
        filter: Filter,
    },
    /// INDEX, INDEXES, KEYS.
    Index {
        /// FROM table.
        table: TableName,
        /// WHERE.
        filter: Filter,
    },
    /// TABLE STATUS.
    TableStatus {
        /// FROM database.
        database: Option<String>,
        /// LIKE or WHERE.
        filter: Filter,
    },
    /// CREATE TABLE.
    CreateTable(TableName),
    /// CREATE [MATERIALIZED] VIEW.
    CreateView {
        /// The view.
        view: TableName,
        /// MATERIALIZED was written.
        materialized: bool,
    },
    /// MATERIALIZED VIEWS.
    MaterializedViews {
        /// FROM database.
        database: Option<String>,
        /// LIKE or WHERE.
        filter: Filter,
    },
    /// PARTITIONS: the days of a materialized view.
    Partitions {
        /// FROM view.
        table: TableName,
        /// LIKE or WHERE.
        filter: Filter,
    },
    /// CREATE DATABASE.
    CreateDatabase(String),
    /// [GLOBAL | SESSION] VARIABLES.
    Variables {
        /// GLOBAL.
        global: bool,
        /// LIKE or WHERE.
        filter: Filter,
    },
    /// [GLOBAL | SESSION] STATUS.
    Status {
        /// GLOBAL.
        global: bool,
        /// LIKE or WHERE.
        filter: Filter,
    },
    /// COLLATION.
    Collation(Filter),
    /// CHARACTER SET, CHARSET.
    CharacterSet(Filter),
    /// [STORAGE] ENGINES.
    Engines,
    /// PLUGINS.
    Plugins,
    /// PRIVILEGES.
    Privileges,
    /// [FULL] PROCESSLIST.
    ProcessList {
        /// With the whole statement.
        full: bool,
    },
    /// GRANTS [FOR user]; `None` is the session's user.
    Grants(Option<String>),
    /// WARNINGS; `errors` for ERRORS.
    Warnings {
        /// Errors only.
        errors: bool,
        /// COUNT(*) only.
        count: bool,
        /// LIMIT.
        limit: Option<u64>,
        /// LIMIT's offset.
        offset: u64,
    },
    /// PROCEDURE STATUS, FUNCTION STATUS.
    RoutineStatus(Filter),
    /// TRIGGERS.
    Triggers(Filter),
    /// EVENTS.
    Events(Filter),
    /// OPEN TABLES.
    OpenTables(Filter),
    /// What there is never anything of.
    Absent(Absent),
}

/// What this server has none of, and clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// MASTER STATUS, BINARY LOG STATUS.
    BinaryLogStatus,
    /// BINLOG EVENTS, RELAYLOG EVENTS.
    BinaryLogEvents,
    /// SLAVE STATUS.
    SlaveStatus,
    /// REPLICA STATUS.
    ReplicaStatus,
    /// SLAVE HOSTS.
    SlaveHosts,
    /// REPLICAS.
    Replicas,
    /// PROFILES.
    Profiles,
    /// PROFILE.
    Profile,
}
