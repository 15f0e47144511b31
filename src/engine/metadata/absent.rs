//! Tables and lists of what this server never has: replication, roles, geometry, other servers' bookkeeping.
//!
//! Clients ask for them to learn that there is nothing. They have MySQL's columns and no rows.

use super::definitions::{Row, Source};
use crate::engine::dialect::statement::Absent;

/// The columns of a SHOW without rows, in the form of [`super::definitions::ColumnDefinition::parse`].
pub fn columns(show: Absent) -> &'static str {
    match show {
        Absent::BinaryLogStatus => {
            "File 255, Position u64, Binlog_Do_DB 255, Binlog_Ignore_DB 255, Executed_Gtid_Set 255"
        }
        Absent::BinaryLogEvents => {
            "Log_name 20, Pos u64, Event_type 20, Server_id u32, End_log_pos u64, Info long"
        }
        Absent::SlaveStatus => {
            "Slave_IO_State 14, Master_Host 60, Master_User 32, Master_Port u32, Connect_Retry u32, Master_Log_File \
             255, Read_Master_Log_Pos u64, Relay_Log_File 255, Relay_Log_Pos u64, Relay_Master_Log_File 255, \
             Slave_IO_Running 3, Slave_SQL_Running 3, Replicate_Do_DB 20, Replicate_Ignore_DB 20, Replicate_Do_Table \
             20, Replicate_Ignore_Table 23, Replicate_Wild_Do_Table 24, Replicate_Wild_Ignore_Table 28, Last_Errno \
             u32, Last_Error 20, Skip_Counter u32, Exec_Master_Log_Pos u64, Relay_Log_Space u64, Until_Condition 6, \
             Until_Log_File 255, Until_Log_Pos u64, Master_SSL_Allowed 7, Master_SSL_CA_File 255, Master_SSL_CA_Path \
             255, Master_SSL_Cert 255, Master_SSL_Cipher 255, Master_SSL_Key 255, Seconds_Behind_Master u64?, \
             Master_SSL_Verify_Server_Cert 3, Last_IO_Errno u32, Last_IO_Error 20, Last_SQL_Errno u32, Last_SQL_Error \
             20, Replicate_Ignore_Server_Ids 255, Master_Server_Id u32, Master_UUID 36, Master_Info_File 1024, \
             SQL_Delay u32, SQL_Remaining_Delay u32?, Slave_SQL_Running_State 20, Master_Retry_Count u64, Master_Bind \
             60, Last_IO_Error_Timestamp 20, Last_SQL_Error_Timestamp 20, Master_SSL_Crl 255, Master_SSL_Crlpath 255, \
             Retrieved_Gtid_Set 255, Executed_Gtid_Set 255, Auto_Position u32, Replicate_Rewrite_DB 24, Channel_Name \
             64, Master_TLS_Version 255, Master_public_key_path 255, Get_master_public_key u32, Network_Namespace 64"
        }
        Absent::ReplicaStatus => {
            "Replica_IO_State 14, Source_Host 60, Source_User 32, Source_Port u32, Connect_Retry u32, Source_Log_File \
             255, Read_Source_Log_Pos u64, Relay_Log_File 255, Relay_Log_Pos u64, Relay_Source_Log_File 255, \
             Replica_IO_Running 3, Replica_SQL_Running 3, Replicate_Do_DB 20, Replicate_Ignore_DB 20, \
             Replicate_Do_Table 20, Replicate_Ignore_Table 23, Replicate_Wild_Do_Table 24, \
             Replicate_Wild_Ignore_Table 28, Last_Errno u32, Last_Error 20, Skip_Counter u32, Exec_Source_Log_Pos \
             u64, Relay_Log_Space u64, Until_Condition 6, Until_Log_File 255, Until_Log_Pos u64, Source_SSL_Allowed \
             7, Source_SSL_CA_File 255, Source_SSL_CA_Path 255, Source_SSL_Cert 255, Source_SSL_Cipher 255, \
             Source_SSL_Key 255, Seconds_Behind_Source u64?, Source_SSL_Verify_Server_Cert 3, Last_IO_Errno u32, \
             Last_IO_Error 20, Last_SQL_Errno u32, Last_SQL_Error 20, Replicate_Ignore_Server_Ids 255, \
             Source_Server_Id u32, Source_UUID 36, Source_Info_File 1024, SQL_Delay u32, SQL_Remaining_Delay u32?, \
             Replica_SQL_Running_State 20, Source_Retry_Count u64, Source_Bind 60, Last_IO_Error_Timestamp 20, \
             Last_SQL_Error_Timestamp 20, Source_SSL_Crl 255, Source_SSL_Crlpath 255, Retrieved_Gtid_Set 255, \
             Executed_Gtid_Set 255, Auto_Position u32, Replicate_Rewrite_DB 24, Channel_Name 64, Source_TLS_Version \
             255, Source_public_key_path 255, Get_Source_public_key u32, Network_Namespace 64"
        }
        Absent::SlaveHosts => "Server_id u32, Host 20, Port u32, Master_id u32, Slave_UUID 36",
        Absent::Replicas => "Server_Id u32, Host 20, Port u32, Source_Id u32, Replica_UUID 36",
        Absent::Profiles => "Query_ID u32, Duration seconds, Query 300",
        Absent::Profile => "Status 30, Duration seconds",
    }
}

/// Database, name and columns; in the order of [`super::definitions`].
pub const TABLES: &[Row] = &[
    (
        "information_schema",
        "ADMINISTRABLE_ROLE_AUTHORIZATIONS",
        Source::Empty,
        "USER 97?, HOST 256?, GRANTEE 97?, GRANTEE_HOST 256?, ROLE_NAME 255?, ROLE_HOST 256?, IS_GRANTABLE 3, \
         IS_DEFAULT 3?, IS_MANDATORY 3",
    ),
    (
        "information_schema",
        "INNODB_TABLES",
        Source::Empty,
        "TABLE_ID u64, NAME 655, FLAG i32, N_COLS i32, SPACE i64, ROW_FORMAT 12?, ZIP_PAGE_SIZE u32, SPACE_TYPE 10?, \
         INSTANT_COLS i32, TOTAL_ROW_VERSIONS i32",
    ),
    (
        "information_schema",
        "INNODB_TABLESPACES",
        Source::Empty,
        "SPACE u32, NAME 655, FLAG u32, ROW_FORMAT 22?, PAGE_SIZE u32, ZIP_PAGE_SIZE u32, SPACE_TYPE 10?, \
         FS_BLOCK_SIZE u32, FILE_SIZE u64, ALLOCATED_SIZE u64, AUTOEXTEND_SIZE u64, SERVER_VERSION 10?, \
         SPACE_VERSION u32, ENCRYPTION 1?, STATE 10?",
    ),
    (
        "information_schema",
        "INNODB_TRX",
        Source::Empty,
        "trx_id u64, trx_state 13, trx_started time, trx_requested_lock_id 105?, trx_wait_started time?, trx_weight \
         u64, trx_mysql_thread_id u64, trx_query 1024?, trx_operation_state 64?, trx_tables_in_use u64, \
         trx_tables_locked u64, trx_lock_structs u64, trx_lock_memory_bytes u64, trx_rows_locked u64, \
         trx_rows_modified u64, trx_concurrency_tickets u64, trx_isolation_level 16, trx_unique_checks i32, \
         trx_foreign_key_checks i32, trx_last_foreign_key_error 256?, trx_adaptive_hash_latched i32, \
         trx_adaptive_hash_timeout u64, trx_is_read_only i32, trx_autocommit_non_locking i32, trx_schedule_weight \
         u64?",
    ),
    (
        "information_schema",
        "OPTIMIZER_TRACE",
        Source::Empty,
        "QUERY long, TRACE long, MISSING_BYTES_BEYOND_MAX_MEM_SIZE i32, INSUFFICIENT_PRIVILEGES i32",
    ),
    (
        "information_schema",
        "PROFILING",
        Source::Empty,
        "QUERY_ID i32, SEQ i32, STATE 30, DURATION seconds, CPU_USER seconds?, CPU_SYSTEM seconds?, \
         CONTEXT_VOLUNTARY i32?, CONTEXT_INVOLUNTARY i32?, BLOCK_OPS_IN i32?, BLOCK_OPS_OUT i32?, MESSAGES_SENT \
         i32?, MESSAGES_RECEIVED i32?, PAGE_FAULTS_MAJOR i32?, PAGE_FAULTS_MINOR i32?, SWAPS i32?, SOURCE_FUNCTION \
         30?, SOURCE_FILE 20?, SOURCE_LINE i32?",
    ),
    (
        "information_schema",
        "ROLE_COLUMN_GRANTS",
        Source::Empty,
        "GRANTOR 97?, GRANTOR_HOST 256?, GRANTEE 32, GRANTEE_HOST 255, TABLE_CATALOG 3, TABLE_SCHEMA 64, TABLE_NAME \
         64, COLUMN_NAME 64, PRIVILEGE_TYPE long, IS_GRANTABLE 3",
    ),
    (
        "information_schema",
        "ROLE_ROUTINE_GRANTS",
        Source::Empty,
        "GRANTOR 97?, GRANTOR_HOST 256?, GRANTEE 32, GRANTEE_HOST 255, SPECIFIC_CATALOG 3, SPECIFIC_SCHEMA 64, \
         SPECIFIC_NAME 64, ROUTINE_CATALOG 3, ROUTINE_SCHEMA 64, ROUTINE_NAME 64, PRIVILEGE_TYPE long, IS_GRANTABLE \
         3",
    ),
    (
        "information_schema",
        "ROLE_TABLE_GRANTS",
        Source::Empty,
        "GRANTOR 97?, GRANTOR_HOST 256?, GRANTEE 32, GRANTEE_HOST 255, TABLE_CATALOG 3, TABLE_SCHEMA 64, TABLE_NAME \
         64, PRIVILEGE_TYPE long, IS_GRANTABLE 3",
    ),
    (
        "information_schema",
        "ST_GEOMETRY_COLUMNS",
        Source::Empty,
        "TABLE_CATALOG 64?, TABLE_SCHEMA 64?, TABLE_NAME 64?, COLUMN_NAME 64?, SRS_NAME 80?, SRS_ID u32?, \
         GEOMETRY_TYPE_NAME long?",
    ),
    ("information_schema", "USER_ATTRIBUTES", Source::Empty, "USER 32, HOST 255, ATTRIBUTE long?"),
    (
        "information_schema",
        "VIEW_ROUTINE_USAGE",
        Source::Empty,
        "TABLE_CATALOG 64, TABLE_SCHEMA 64, TABLE_NAME 64, SPECIFIC_CATALOG 64, SPECIFIC_SCHEMA 64, SPECIFIC_NAME 64",
    ),
    (
        "mysql",
        "columns_priv",
        Source::Empty,
        "Host 255, Db 64, User 32, Table_name 64, Column_name 64, Timestamp time, Column_priv long",
    ),
    ("mysql", "component", Source::Empty, "component_id u32, component_group_id u32, component_urn long"),
    (
        "mysql",
        "db",
        Source::Empty,
        "Host 255, Db 64, User 32, Select_priv 1, Insert_priv 1, Update_priv 1, Delete_priv 1, Create_priv 1, \
         Drop_priv 1, Grant_priv 1, References_priv 1, Index_priv 1, Alter_priv 1, Create_tmp_table_priv 1, \
         Lock_tables_priv 1, Create_view_priv 1, Show_view_priv 1, Create_routine_priv 1, Alter_routine_priv 1, \
         Execute_priv 1, Event_priv 1, Trigger_priv 1",
    ),
    (
        "mysql",
        "default_roles",
        Source::Empty,
        "HOST 255, USER 32, DEFAULT_ROLE_HOST 255, DEFAULT_ROLE_USER 32",
    ),
    ("mysql", "func", Source::Empty, "name 64, ret i32, dl 128, type 9"),
    ("mysql", "global_grants", Source::Empty, "USER 32, HOST 255, PRIV 32, WITH_GRANT_OPTION 1"),
    (
        "mysql",
        "help_category",
        Source::Empty,
        "help_category_id u32, name 64, parent_category_id u32?, url long",
    ),
    ("mysql", "help_keyword", Source::Empty, "help_keyword_id u32, name 64"),
    ("mysql", "help_relation", Source::Empty, "help_topic_id u32, help_keyword_id u32"),
    (
        "mysql",
        "innodb_index_stats",
        Source::Empty,
        "database_name 64, table_name 199, index_name 64, last_update time, stat_name 64, stat_value u64, \
         sample_size u64?, stat_description 1024",
    ),
    (
        "mysql",
        "innodb_table_stats",
        Source::Empty,
        "database_name 64, table_name 199, last_update time, n_rows u64, clustered_index_size u64, \
         sum_of_other_index_sizes u64",
    ),
    ("mysql", "plugin", Source::Empty, "name 64, dl 128"),
    (
        "mysql",
        "procs_priv",
        Source::Empty,
        "Host 255, Db 64, User 32, Routine_name 64, Routine_type 9, Grantor 288, Proc_priv long, Timestamp time",
    ),
    (
        "mysql",
        "role_edges",
        Source::Empty,
        "FROM_HOST 255, FROM_USER 32, TO_HOST 255, TO_USER 32, WITH_ADMIN_OPTION 1",
    ),
    (
        "mysql",
        "servers",
        Source::Empty,
        "Server_name 64, Host 255, Db 64, Username 64, Password 64, Port i32, Socket 64, Wrapper 64, Owner 64",
    ),
    (
        "mysql",
        "tables_priv",
        Source::Empty,
        "Host 255, Db 64, User 32, Table_name 64, Grantor 288, Timestamp time, Table_priv long, Column_priv long",
    ),
    (
        "performance_schema",
        "data_lock_waits",
        Source::Empty,
        "ENGINE 32, REQUESTING_ENGINE_LOCK_ID 128, REQUESTING_ENGINE_TRANSACTION_ID u64?, REQUESTING_THREAD_ID u64?, \
         REQUESTING_EVENT_ID u64?, REQUESTING_OBJECT_INSTANCE_BEGIN u64, BLOCKING_ENGINE_LOCK_ID 128, \
         BLOCKING_ENGINE_TRANSACTION_ID u64?, BLOCKING_THREAD_ID u64?, BLOCKING_EVENT_ID u64?, \
         BLOCKING_OBJECT_INSTANCE_BEGIN u64",
    ),
    (
        "performance_schema",
        "data_locks",
        Source::Empty,
        "ENGINE 32, ENGINE_LOCK_ID 128, ENGINE_TRANSACTION_ID u64?, THREAD_ID u64?, EVENT_ID u64?, OBJECT_SCHEMA \
         64?, OBJECT_NAME 64?, PARTITION_NAME 64?, SUBPARTITION_NAME 64?, INDEX_NAME 64?, OBJECT_INSTANCE_BEGIN u64, \
         LOCK_TYPE 32, LOCK_MODE 32, LOCK_STATUS 32, LOCK_DATA 8192?",
    ),
    ("performance_schema", "keyring_keys", Source::Empty, "KEY_ID 255, KEY_OWNER 255?, BACKEND_KEY_ID 255?"),
    (
        "performance_schema",
        "metadata_locks",
        Source::Empty,
        "OBJECT_TYPE 64, OBJECT_SCHEMA 64?, OBJECT_NAME 64?, COLUMN_NAME 64?, OBJECT_INSTANCE_BEGIN u64, LOCK_TYPE \
         32, LOCK_DURATION 32, LOCK_STATUS 32, SOURCE 64?, OWNER_THREAD_ID u64?, OWNER_EVENT_ID u64?",
    ),
    ("performance_schema", "persisted_variables", Source::Empty, "VARIABLE_NAME 64, VARIABLE_VALUE 1024?"),
    (
        "performance_schema",
        "replication_group_members",
        Source::Empty,
        "CHANNEL_NAME 64, MEMBER_ID 36, MEMBER_HOST 255, MEMBER_PORT i32?, MEMBER_STATE 64, MEMBER_ROLE 64, \
         MEMBER_VERSION 64, MEMBER_COMMUNICATION_STACK 64",
    ),
    ("performance_schema", "setup_consumers", Source::Empty, "NAME 64, ENABLED 3"),
    (
        "performance_schema",
        "setup_instruments",
        Source::Empty,
        "NAME 128, ENABLED 3, TIMED 3?, PROPERTIES long, FLAGS long?, VOLATILITY i32, DOCUMENTATION long?",
    ),
];
