//! The tables of `information_schema`, `performance_schema` and `mysql`: their names, columns, and where rows come from.
//!
//! Columns, their order and types are those of MySQL 8.0. It knows no row.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::rows::Rows;
use super::work::Work;
use super::{MetadataContext, absent, keywords, objects, server};
use crate::catalog;
use crate::engine::functions::shown::CASELESS;

/// The engine of the tables outside of `information_schema`, as MySQL tells it.
pub const ENGINE_OF_SYSTEM_TABLES: &str = "PERFORMANCE_SCHEMA";

/// A table that the server makes up when it is asked for.
#[derive(Debug)]
pub struct Definition {
    /// Its database, in lower case.
    pub database: &'static str,
    /// As MySQL writes it.
    pub name: &'static str,
    /// Where its rows come from.
    pub source: Source,
    /// In order.
    pub columns: Vec<ColumnDefinition>,
    /// The columns with lower-cased names, as the planner sees them.
    pub schema: SchemaRef,
}

/// A column of such a table.
#[derive(Debug)]
pub struct ColumnDefinition {
    /// As MySQL writes it.
    pub name: &'static str,
    /// The type of its array.
    pub data_type: DataType,
    /// Most characters of a text, where there is a limit.
    pub max_characters: Option<u32>,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// Where the rows of a table come from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// There are none: this server has no such things.
    Empty,
    /// From the session and the server.
    Server(fn(&MetadataContext, &mut Rows)),
    /// From each table by its name and definition. The first columns are `TABLE_CATALOG`, `TABLE_SCHEMA` and
    /// `TABLE_NAME`: filters over them choose the tables that are looked at.
    Objects(fn(&objects::Object, &mut Rows)),
    /// From each materialized view and what is known of the work on it. First columns as above.
    Work(Work),
    /// From each table and its columns, which may have to be read from files. First columns as above.
    Columns(fn(&objects::Object, &[catalog::Column], &mut Rows)),
}

/// The tables whose database and name stand first, in this order.
static ALL: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let define = |&(database, name, source, columns): &Row| {
        let columns = columns.split(", ").map(ColumnDefinition::parse).collect::<Vec<_>>();
        let field = |column: &ColumnDefinition| {
            let field = Field::new(column.name.to_lowercase(), column.data_type.clone(), column.nullable);
            // Names compare without case there, as in MySQL.
            match column.max_characters {
                Some(_) => field.with_metadata([(CASELESS.to_owned(), String::new())].into()),
                None => field,
            }
        };
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        Definition { database, name, source, columns, schema }
    };
    let mut all: Vec<Definition> = TABLES.iter().chain(absent::TABLES).map(define).collect();
    all.sort_by_key(|definition| (definition.database, definition.name.to_uppercase()));
    all
});

/// All tables, ordered by database and name.
pub fn all() -> &'static [Definition] {
    &ALL
}

/// The table of a name in any case.
pub fn find(database: &str, name: &str) -> Option<&'static Definition> {
    let is = |definition: &&Definition| {
        definition.database.eq_ignore_ascii_case(database) && definition.name.eq_ignore_ascii_case(name)
    };
    ALL.iter().find(is)
}

impl Definition {
    /// The columns as clients see them.
    pub fn catalog_columns(&self) -> Arc<[catalog::Column]> {
        let column = |column: &ColumnDefinition| catalog::Column {
            name: column.name.into(),
            data_type: column.data_type.clone(),
            nullable: column.nullable,
            comment: String::new(),
            is_partition: false,
        };
        self.columns.iter().map(column).collect()
    }
}

impl ColumnDefinition {
    /// Parses `NAME type`, where the type is a text's greatest length, `long` for texts without one, the name of a
    /// Rust integer, `seconds` with six digits after the point, `time` for a date and time, or `nothing` for what is always NULL. `?` follows what may be NULL.
    pub(super) fn parse(text: &'static str) -> Self {
        let (name, kind) = text.split_once(' ').expect("a column has a name and a type");
        let nullable = kind.ends_with('?') || kind == "nothing";
        let (data_type, max_characters) = match kind.trim_end_matches('?') {
            "long" => (DataType::Utf8View, None),
            "i32" => (DataType::Int32, None),
            "u32" => (DataType::UInt32, None),
            "i64" => (DataType::Int64, None),
            "u64" => (DataType::UInt64, None),
            "seconds" => (DataType::Decimal128(20, 6), None),
            "time" => (DataType::Timestamp(TimeUnit::Second, None), None),
            "nothing" => (DataType::Utf8View, Some(1)),
            length => (DataType::Utf8View, Some(length.parse().expect("a text's type is its length"))),
        };
        Self { name, data_type, max_characters, nullable }
    }
}

/// Database, name, source, columns; ordered as MySQL orders names, `_` after letters.
pub(super) type Row = (&'static str, &'static str, Source, &'static str);

const TABLES: &[Row] = &[
    (
        "information_schema",
        "APPLICABLE_ROLES",
        Source::Empty,
        "USER 97?, HOST 256?, GRANTEE 97?, GRANTEE_HOST 256?, ROLE_NAME 255?, ROLE_HOST 256?, \
         IS_GRANTABLE 3, IS_DEFAULT 3?, IS_MANDATORY 3",
    ),
    (
        "information_schema",
        "CHARACTER_SETS",
        Source::Server(server::character_sets),
        "CHARACTER_SET_NAME 64, DEFAULT_COLLATE_NAME 64, DESCRIPTION 2048, MAXLEN u32",
    ),
    (
        "information_schema",
        "CHECK_CONSTRAINTS",
        Source::Empty,
        "CONSTRAINT_CATALOG 64, CONSTRAINT_SCHEMA 64, CONSTRAINT_NAME 64, CHECK_CLAUSE long",
    ),
    (
        "information_schema",
        "COLLATIONS",
        Source::Server(server::collations),
        "COLLATION_NAME 64, CHARACTER_SET_NAME 64, ID u64, IS_DEFAULT 3, IS_COMPILED 3, SORTLEN u32, \
         PAD_ATTRIBUTE 9",
    ),
    (
        "information_schema",
        "COLLATION_CHARACTER_SET_APPLICABILITY",
        Source::Server(server::collation_character_sets),
        "COLLATION_NAME 64, CHARACTER_SET_NAME 64",
    ),
    (
        "information_schema",
        "COLUMNS",
        Source::Columns(objects::columns),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, COLUMN_NAME 64?, ORDINAL_POSITION u32, \
         COLUMN_DEFAULT long?, IS_NULLABLE 3, DATA_TYPE long?, CHARACTER_MAXIMUM_LENGTH i64?, \
         CHARACTER_OCTET_LENGTH i64?, NUMERIC_PRECISION u64?, NUMERIC_SCALE u64?, DATETIME_PRECISION \
         u32?, CHARACTER_SET_NAME 64?, COLLATION_NAME 64?, COLUMN_TYPE long, COLUMN_KEY 3, EXTRA \
         256?, PRIVILEGES 154?, COLUMN_COMMENT long, GENERATION_EXPRESSION long, SRS_ID u32?",
    ),
    (
        "information_schema",
        "COLUMN_PRIVILEGES",
        Source::Empty,
        "GRANTEE 292, TABLE_CATALOG 512, TABLE_SCHEMA 64, TABLE_NAME 64, COLUMN_NAME 64, \
         PRIVILEGE_TYPE 64, IS_GRANTABLE 3",
    ),
    (
        "information_schema",
        "COLUMN_STATISTICS",
        Source::Empty,
        "SCHEMA_NAME 64, TABLE_NAME 64, COLUMN_NAME 64, HISTOGRAM long",
    ),
    (
        "information_schema",
        "ENABLED_ROLES",
        Source::Empty,
        "ROLE_NAME 255?, ROLE_HOST 255?, IS_DEFAULT 3?, IS_MANDATORY 3",
    ),
    (
        "information_schema",
        "ENGINES",
        Source::Server(server::engines),
        "ENGINE 64, SUPPORT 8, COMMENT 80, TRANSACTIONS 3?, XA 3?, SAVEPOINTS 3?",
    ),
    (
        "information_schema",
        "EVENTS",
        Source::Empty,
        "EVENT_CATALOG 64, EVENT_SCHEMA 64, EVENT_NAME 64, DEFINER 288, TIME_ZONE 64, EVENT_BODY 3, \
         EVENT_DEFINITION long, EVENT_TYPE 9, EXECUTE_AT time?, INTERVAL_VALUE 256?, INTERVAL_FIELD \
         18?, SQL_MODE 520, STARTS time?, ENDS time?, STATUS 21, ON_COMPLETION 12, CREATED time, \
         LAST_ALTERED time, LAST_EXECUTED time?, EVENT_COMMENT 2048, ORIGINATOR u32, \
         CHARACTER_SET_CLIENT 64, COLLATION_CONNECTION 64, DATABASE_COLLATION 64",
    ),
    (
        "information_schema",
        "FILES",
        Source::Empty,
        "FILE_ID i64?, FILE_NAME long?, FILE_TYPE 256?, TABLESPACE_NAME 268, TABLE_CATALOG 1, \
         TABLE_SCHEMA nothing, TABLE_NAME nothing, LOGFILE_GROUP_NAME 256?, LOGFILE_GROUP_NUMBER \
         i64?, ENGINE 64, FULLTEXT_KEYS nothing, DELETED_ROWS nothing, UPDATE_COUNT nothing, \
         FREE_EXTENTS i64?, TOTAL_EXTENTS i64?, EXTENT_SIZE i64?, INITIAL_SIZE i64?, MAXIMUM_SIZE \
         i64?, AUTOEXTEND_SIZE i64?, CREATION_TIME nothing, LAST_UPDATE_TIME nothing, \
         LAST_ACCESS_TIME nothing, RECOVER_TIME nothing, TRANSACTION_COUNTER nothing, VERSION i64?, \
         ROW_FORMAT 256?, TABLE_ROWS nothing, AVG_ROW_LENGTH nothing, DATA_LENGTH nothing, \
         MAX_DATA_LENGTH nothing, INDEX_LENGTH nothing, DATA_FREE i64?, CREATE_TIME nothing, \
         UPDATE_TIME nothing, CHECK_TIME nothing, CHECKSUM nothing, STATUS 256?, EXTRA 256?",
    ),
    ("information_schema", "KEYWORDS", Source::Server(keywords::rows), "WORD 128?, RESERVED i32?"),
    (
        "information_schema",
        "KEY_COLUMN_USAGE",
        Source::Empty,
        "CONSTRAINT_CATALOG 64, CONSTRAINT_SCHEMA 64, CONSTRAINT_NAME 64?, TABLE_CATALOG 64, \
         TABLE_SCHEMA 64, TABLE_NAME 64, COLUMN_NAME 64?, ORDINAL_POSITION u32, \
         POSITION_IN_UNIQUE_CONSTRAINT u32?, REFERENCED_TABLE_SCHEMA 64?, REFERENCED_TABLE_NAME 64?, \
         REFERENCED_COLUMN_NAME 64?",
    ),
    (
        "information_schema",
        "MATERIALIZED_VIEWS",
        Source::Work(Work::Views),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, REFRESH_TYPE 64, IS_ACTIVE 5, INACTIVE_REASON 1024?, \
         PARTITION_TYPE 16, PARTITION_COLUMN 64?, WHEN_STALE 6, LAST_REFRESH_START_TIME time?, \
         LAST_REFRESH_FINISHED_TIME time?, LAST_REFRESH_DURATION i64?, LAST_REFRESH_STATE 16?, \
         LAST_REFRESH_ERROR_MESSAGE long?, NEXT_REFRESH_TIME time?, TABLE_ROWS u64?, DATA_LENGTH u64?, \
         PARTITIONS u64?, PARTITIONS_NOT_FRESH u64?, MATERIALIZED_VIEW_DEFINITION long?",
    ),
    (
        "information_schema",
        "MATERIALIZED_VIEW_DEPENDENCIES",
        Source::Work(Work::Dependencies),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, REFERENCED_TABLE_SCHEMA 64, \
         REFERENCED_TABLE_NAME 64, REFERENCED_TABLE_TYPE 64, DECLARED 64?",
    ),
    (
        "information_schema",
        "MATERIALIZED_VIEW_PARTITIONS",
        Source::Work(Work::Units),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, PARTITION_NAME 64, STATE 16, REASON long?, \
         FINGERPRINT 64?, VERSION u64?, ROW_COUNT u64?, BYTES u64?, PUBLISHED_AT time?, ERROR long?",
    ),
    (
        "information_schema",
        "PARAMETERS",
        Source::Empty,
        "SPECIFIC_CATALOG 64, SPECIFIC_SCHEMA 64, SPECIFIC_NAME 64, ORDINAL_POSITION u64, \
         PARAMETER_MODE 5?, PARAMETER_NAME 64?, DATA_TYPE long?, CHARACTER_MAXIMUM_LENGTH i64?, \
         CHARACTER_OCTET_LENGTH i64?, NUMERIC_PRECISION u32?, NUMERIC_SCALE i64?, DATETIME_PRECISION \
         u32?, CHARACTER_SET_NAME 64?, COLLATION_NAME 64?, DTD_IDENTIFIER long, ROUTINE_TYPE 9",
    ),
    (
        "information_schema",
        "PARTITIONS",
        Source::Objects(objects::partitions),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, PARTITION_NAME 64?, SUBPARTITION_NAME 64?, \
         PARTITION_ORDINAL_POSITION u32?, SUBPARTITION_ORDINAL_POSITION u32?, PARTITION_METHOD 13?, \
         SUBPARTITION_METHOD 13?, PARTITION_EXPRESSION 2048?, SUBPARTITION_EXPRESSION 2048?, \
         PARTITION_DESCRIPTION long?, TABLE_ROWS u64?, AVG_ROW_LENGTH u64?, DATA_LENGTH u64?, \
         MAX_DATA_LENGTH u64?, INDEX_LENGTH u64?, DATA_FREE u64?, CREATE_TIME time?, UPDATE_TIME \
         time?, CHECK_TIME time?, CHECKSUM i64?, PARTITION_COMMENT long, NODEGROUP 256?, \
         TABLESPACE_NAME 268?",
    ),
    (
        "information_schema",
        "PLUGINS",
        Source::Server(server::plugins),
        "PLUGIN_NAME 64, PLUGIN_VERSION 20, PLUGIN_STATUS 10, PLUGIN_TYPE 80, PLUGIN_TYPE_VERSION 20, \
         PLUGIN_LIBRARY 64?, PLUGIN_LIBRARY_VERSION 20?, PLUGIN_AUTHOR 64?, PLUGIN_DESCRIPTION long?, \
         PLUGIN_LICENSE 80?, LOAD_OPTION 64",
    ),
    (
        "information_schema",
        "PROCESSLIST",
        Source::Server(server::processes),
        "ID u64, USER 32, HOST 261, DB 64?, COMMAND 16, TIME i32, STATE 64?, INFO long?",
    ),
    (
        "information_schema",
        "REFERENTIAL_CONSTRAINTS",
        Source::Empty,
        "CONSTRAINT_CATALOG 64, CONSTRAINT_SCHEMA 64, CONSTRAINT_NAME 64?, UNIQUE_CONSTRAINT_CATALOG \
         64, UNIQUE_CONSTRAINT_SCHEMA 64, UNIQUE_CONSTRAINT_NAME 64?, MATCH_OPTION 7, UPDATE_RULE 11, \
         DELETE_RULE 11, TABLE_NAME 64, REFERENCED_TABLE_NAME 64",
    ),
    (
        "information_schema",
        "ROUTINES",
        Source::Empty,
        "SPECIFIC_NAME 64, ROUTINE_CATALOG 64, ROUTINE_SCHEMA 64, ROUTINE_NAME 64, ROUTINE_TYPE 9, \
         DATA_TYPE long?, CHARACTER_MAXIMUM_LENGTH i64?, CHARACTER_OCTET_LENGTH i64?, \
         NUMERIC_PRECISION u32?, NUMERIC_SCALE u32?, DATETIME_PRECISION u32?, CHARACTER_SET_NAME 64?, \
         COLLATION_NAME 64?, DTD_IDENTIFIER long?, ROUTINE_BODY 8, ROUTINE_DEFINITION long?, \
         EXTERNAL_NAME nothing, EXTERNAL_LANGUAGE 64, PARAMETER_STYLE 3, IS_DETERMINISTIC 3, \
         SQL_DATA_ACCESS 17, SQL_PATH nothing, SECURITY_TYPE 7, CREATED time, LAST_ALTERED time, \
         SQL_MODE 520, ROUTINE_COMMENT long, DEFINER 288, CHARACTER_SET_CLIENT 64, \
         COLLATION_CONNECTION 64, DATABASE_COLLATION 64",
    ),
    (
        "information_schema",
        "SCHEMATA",
        Source::Server(objects::schemata),
        "CATALOG_NAME 64, SCHEMA_NAME 64, DEFAULT_CHARACTER_SET_NAME 64, DEFAULT_COLLATION_NAME 64, \
         SQL_PATH nothing, DEFAULT_ENCRYPTION 3",
    ),
    (
        "information_schema",
        "SCHEMA_PRIVILEGES",
        Source::Empty,
        "GRANTEE 292, TABLE_CATALOG 512, TABLE_SCHEMA 64, PRIVILEGE_TYPE 64, IS_GRANTABLE 3",
    ),
    (
        "information_schema",
        "SOURCE_PARTITIONS",
        Source::Work(Work::SourceUnits),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, PARTITION_NAME 64?, STATE 16, REASON long?, FILES u64, \
         BYTES u64, FIRST_SEEN time?, READY_AT time?, CHANGED_AT time?",
    ),
    (
        "information_schema",
        "STATISTICS",
        Source::Empty,
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, NON_UNIQUE i32, INDEX_SCHEMA 64, \
         INDEX_NAME 64?, SEQ_IN_INDEX u32, COLUMN_NAME 64?, COLLATION 1?, CARDINALITY i64?, SUB_PART \
         i64?, PACKED nothing, NULLABLE 3, INDEX_TYPE 11, COMMENT 8, INDEX_COMMENT 2048, IS_VISIBLE \
         3, EXPRESSION long?",
    ),
    (
        "information_schema",
        "TABLES",
        Source::Objects(objects::tables),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, TABLE_TYPE 11, ENGINE 64?, VERSION i32?, \
         ROW_FORMAT 10?, TABLE_ROWS u64?, AVG_ROW_LENGTH u64?, DATA_LENGTH u64?, MAX_DATA_LENGTH \
         u64?, INDEX_LENGTH u64?, DATA_FREE u64?, AUTO_INCREMENT u64?, CREATE_TIME time?, UPDATE_TIME \
         time?, CHECK_TIME time?, TABLE_COLLATION 64?, CHECKSUM i64?, CREATE_OPTIONS 256?, \
         TABLE_COMMENT long?",
    ),
    (
        "information_schema",
        "TABLE_CONSTRAINTS",
        Source::Empty,
        "CONSTRAINT_CATALOG 64, CONSTRAINT_SCHEMA 64, CONSTRAINT_NAME 64?, TABLE_SCHEMA 64, \
         TABLE_NAME 64, CONSTRAINT_TYPE 11, ENFORCED 3",
    ),
    (
        "information_schema",
        "TABLE_PRIVILEGES",
        Source::Empty,
        "GRANTEE 292, TABLE_CATALOG 512, TABLE_SCHEMA 64, TABLE_NAME 64, PRIVILEGE_TYPE 64, \
         IS_GRANTABLE 3",
    ),
    (
        "information_schema",
        "TASK_RUNS",
        Source::Work(Work::Runs),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, QUERY_ID 64, TASK_NAME 160, START_TIME time, \
         FINISH_TIME time, STATE 16, REASON 64, PARTITIONS long, ROW_COUNT u64, BYTES u64, PEAK_MEMORY u64, ERROR_MESSAGE long?",
    ),
    (
        "information_schema",
        "TRIGGERS",
        Source::Empty,
        "TRIGGER_CATALOG 64, TRIGGER_SCHEMA 64, TRIGGER_NAME 64, EVENT_MANIPULATION 6, \
         EVENT_OBJECT_CATALOG 64, EVENT_OBJECT_SCHEMA 64, EVENT_OBJECT_TABLE 64, ACTION_ORDER u32, \
         ACTION_CONDITION nothing, ACTION_STATEMENT long, ACTION_ORIENTATION 3, ACTION_TIMING 6, \
         ACTION_REFERENCE_OLD_TABLE nothing, ACTION_REFERENCE_NEW_TABLE nothing, \
         ACTION_REFERENCE_OLD_ROW 3, ACTION_REFERENCE_NEW_ROW 3, CREATED time, SQL_MODE 520, DEFINER \
         288, CHARACTER_SET_CLIENT 64, COLLATION_CONNECTION 64, DATABASE_COLLATION 64",
    ),
    (
        "information_schema",
        "USER_PRIVILEGES",
        Source::Server(server::user_privileges),
        "GRANTEE 292, TABLE_CATALOG 512, PRIVILEGE_TYPE 64, IS_GRANTABLE 3",
    ),
    (
        "information_schema",
        "VIEWS",
        Source::Objects(objects::views),
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, VIEW_DEFINITION long?, CHECK_OPTION 8?, \
         IS_UPDATABLE 3?, DEFINER 288?, SECURITY_TYPE 7?, CHARACTER_SET_CLIENT 64, \
         COLLATION_CONNECTION 64",
    ),
    (
        "mysql",
        "help_topic",
        Source::Empty,
        "help_topic_id u32, name 64, help_category_id u32, description long, example long, url long",
    ),
    ("mysql", "time_zone_name", Source::Server(server::time_zone_names), "Name 64, Time_zone_id u32"),
    (
        "mysql",
        "user",
        Source::Empty,
        "Host 255, User 32, Select_priv 1, Insert_priv 1, Update_priv 1, Delete_priv 1, Create_priv \
         1, Drop_priv 1, Reload_priv 1, Shutdown_priv 1, Process_priv 1, File_priv 1, Grant_priv 1, \
         References_priv 1, Index_priv 1, Alter_priv 1, Show_db_priv 1, Super_priv 1, \
         Create_tmp_table_priv 1, Lock_tables_priv 1, Execute_priv 1, Repl_slave_priv 1, \
         Repl_client_priv 1, Create_view_priv 1, Show_view_priv 1, Create_routine_priv 1, \
         Alter_routine_priv 1, Create_user_priv 1, Event_priv 1, Trigger_priv 1, \
         Create_tablespace_priv 1, ssl_type 9, ssl_cipher long, x509_issuer long, x509_subject long, \
         max_questions u32, max_updates u32, max_connections u32, max_user_connections u32, plugin \
         64, authentication_string long?, password_expired 1, password_last_changed time?, \
         password_lifetime u32?, account_locked 1, Create_role_priv 1, Drop_role_priv 1, \
         Password_reuse_history u32?, Password_reuse_time u32?, Password_require_current 1?, \
         User_attributes long?",
    ),
    (
        "performance_schema",
        "global_status",
        Source::Server(server::global_status),
        "VARIABLE_NAME 64, VARIABLE_VALUE 1024?",
    ),
    (
        "performance_schema",
        "global_variables",
        Source::Server(server::global_variables),
        "VARIABLE_NAME 64, VARIABLE_VALUE 1024?",
    ),
    (
        "performance_schema",
        "processlist",
        Source::Server(server::processes),
        "ID u64, USER 32, HOST 261, DB 64?, COMMAND 16, TIME i32, STATE 64?, INFO long?",
    ),
    (
        "performance_schema",
        "session_account_connect_attrs",
        Source::Server(server::connection_attributes),
        "PROCESSLIST_ID u64, ATTR_NAME 32, ATTR_VALUE 1024?, ORDINAL_POSITION i32?",
    ),
    (
        "performance_schema",
        "session_connect_attrs",
        Source::Server(server::connection_attributes),
        "PROCESSLIST_ID u64, ATTR_NAME 32, ATTR_VALUE 1024?, ORDINAL_POSITION i32?",
    ),
    (
        "performance_schema",
        "session_status",
        Source::Server(server::session_status),
        "VARIABLE_NAME 64, VARIABLE_VALUE 1024?",
    ),
    (
        "performance_schema",
        "session_variables",
        Source::Server(server::session_variables),
        "VARIABLE_NAME 64, VARIABLE_VALUE 1024?",
    ),
    (
        "performance_schema",
        "threads",
        Source::Server(server::threads),
        "THREAD_ID u64, NAME 128, TYPE 10, PROCESSLIST_ID u64?, PROCESSLIST_USER 32?, \
         PROCESSLIST_HOST 255?, PROCESSLIST_DB 64?, PROCESSLIST_COMMAND 16?, PROCESSLIST_TIME i64?, \
         PROCESSLIST_STATE 64?, PROCESSLIST_INFO long?, PARENT_THREAD_ID u64?, ROLE 64?, INSTRUMENTED \
         3, HISTORY 3, CONNECTION_TYPE 16?, THREAD_OS_ID u64?, RESOURCE_GROUP 64?",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_their_columns_parse() {
        for pair in all().windows(2) {
            let key = |definition: &Definition| (definition.database, definition.name.to_uppercase());
            assert!(key(&pair[0]) < key(&pair[1]), "{} before {}", pair[0].name, pair[1].name);
        }
        for definition in all() {
            if matches!(definition.source, Source::Objects(_) | Source::Columns(_) | Source::Work(_)) {
                let names = definition.columns.iter().take(3).map(|column| column.name).collect::<Vec<_>>();
                assert_eq!(names, ["TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME"], "{}", definition.name);
            }
        }
    }
}
