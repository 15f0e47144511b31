//! Every system variable: its name, scope, kind, default, and whether setting it does anything.
//!
//! These are the variables of MySQL 8.0 that clients read or set, as far as they mean something to a server that
//! only reads. What concerns storage engines, replication and logs that are not here is left out: asking for it
//! is error 1193, as for every variable that a server has not.

use super::sql_mode;
use super::value::{Kind, Value};
use crate::engine::functions::aes;
use crate::engine::types;

/// The server's version: in the greeting, `VERSION()` and `@@version`. Clients read the numbers before `-` and
/// choose their statements by them; those of 8.0 are the best understood.
pub const VERSION: &str = "8.0.36-lakefront";

/// A system variable.
#[derive(Debug)]
pub struct Definition {
    /// In lower case.
    pub name: &'static str,
    /// Who has a value of it.
    pub scope: Scope,
    /// What it accepts.
    pub kind: Kind,
    /// Its value when nobody set it.
    pub default: Default,
    /// What setting it does.
    pub effect: Effect,
}

/// Who has a value of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The server only.
    Global,
    /// Sessions only.
    Session,
    /// The server, for new sessions to begin with, and every session.
    Both,
}

/// What setting a variable does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It tells a fact and is never set.
    Fact,
    /// Its value changes what the server does.
    Acts,
    /// Its value is kept and read back. It changes no answer of a server that only reads.
    Kept,
    /// It may be set to its default only: other values would change answers in a way that this server has not.
    Pinned,
}

/// A default that can stand in a constant.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// ON or OFF.
    Boolean(bool),
    /// A whole number.
    Unsigned(u64),
    /// A number.
    Real(f64),
    /// A text.
    Text(&'static str),
    /// NULL.
    Null,
}

impl Default {
    /// As a value.
    pub fn value(self) -> Value {
        match self {
            Self::Boolean(value) => Value::Boolean(value),
            Self::Unsigned(value) => Value::Unsigned(value),
            Self::Real(value) => Value::Real(value),
            Self::Text(value) => Value::Text(value.into()),
            Self::Null => Value::Null,
        }
    }
}

impl Definition {
    /// Whether it is another name of a variable; those are not listed.
    pub fn alias(&self) -> bool {
        self.stored_name() != self.name
    }

    /// The name under which its value is kept.
    pub fn stored_name(&self) -> &'static str {
        stored_name(self.name)
    }
}

/// The names of before 8.0.3 still work, because old drivers read them whatever the version.
pub fn stored_name(name: &'static str) -> &'static str {
    match name {
        "tx_isolation" => "transaction_isolation",
        "tx_read_only" => "transaction_read_only",
        _ => name,
    }
}

const ISOLATION_LEVELS: &[&str] = &["READ-UNCOMMITTED", "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE"];

/// Variables whose changes clients are told unless they choose others.
const TRACKED: &str =
    "time_zone,autocommit,character_set_client,character_set_results,character_set_connection";

/// The flags of MySQL 8.0.36; its optimizer is not here, so none changes an answer.
const OPTIMIZER_SWITCH: &str = "index_merge=on,index_merge_union=on,index_merge_sort_union=on,\
    index_merge_intersection=on,engine_condition_pushdown=on,index_condition_pushdown=on,mrr=on,mrr_cost_based=on,\
    block_nested_loop=on,batched_key_access=off,materialization=on,semijoin=on,loosescan=on,firstmatch=on,\
    duplicateweedout=on,subquery_materialization_cost_based=on,use_index_extensions=on,condition_fanout_filter=on,\
    derived_merge=on,use_invisible_indexes=off,skip_scan=on,hash_join=on,subquery_to_derived=off,\
    prefer_ordering_index=on,hypergraph_optimizer=off,derived_condition_pushdown=on";

/// What this server calls the engine of its tables.
pub const ENGINE: &str = "LAKE";

/// In seconds.
const YEAR: u64 = 31_536_000;

use Effect::{Acts, Fact, Kept, Pinned};
use Scope::{Both, Global, Session};

/// By name, in alphabetical order, so that a name is found by bisection.
pub const ALL: &[Definition] = &[
    boolean("activate_all_roles_on_login", Global, false, Kept),
    unsigned("auto_increment_increment", Both, 1, 1, 65_535, Kept),
    unsigned("auto_increment_offset", Both, 1, 1, 65_535, Kept),
    boolean("autocommit", Both, true, Acts),
    boolean("big_tables", Both, false, Kept),
    text("bind_address", Global, "*", Fact),
    enumeration("block_encryption_mode", Both, aes::MODES, "aes-128-ecb", Acts),
    unsigned("bulk_insert_buffer_size", Both, 8_388_608, 0, u64::MAX, Kept),
    character_set("character_set_client", false, types::CHARACTER_SET),
    character_set("character_set_connection", false, types::CHARACTER_SET),
    character_set("character_set_database", false, types::CHARACTER_SET),
    text("character_set_filesystem", Both, "binary", Pinned),
    character_set("character_set_results", true, types::CHARACTER_SET),
    character_set("character_set_server", false, types::CHARACTER_SET),
    text("character_set_system", Global, "utf8mb3", Fact),
    text("character_sets_dir", Global, "", Fact),
    collation("collation_connection"),
    collation("collation_database"),
    collation("collation_server"),
    enumeration("completion_type", Both, &["NO_CHAIN", "CHAIN", "RELEASE"], "NO_CHAIN", Kept),
    enumeration("concurrent_insert", Global, &["NEVER", "AUTO", "ALWAYS"], "AUTO", Kept),
    unsigned("connect_timeout", Global, 10, 1, YEAR, Fact),
    unsigned("cte_max_recursion_depth", Both, 1_000, 0, 4_294_967_295, Acts),
    text("datadir", Global, "", Fact),
    text("default_authentication_plugin", Global, "caching_sha2_password", Fact),
    text("default_collation_for_utf8mb4", Both, types::COLLATION, Pinned),
    unsigned("default_password_lifetime", Global, 0, 0, 65_535, Fact),
    text("default_storage_engine", Both, ENGINE, Kept),
    boolean("default_table_encryption", Both, false, Kept),
    text("default_tmp_storage_engine", Both, ENGINE, Kept),
    unsigned("default_week_format", Both, 0, 0, 7, Acts),
    boolean("disconnect_on_expired_password", Global, true, Fact),
    unsigned("div_precision_increment", Both, 4, 0, 30, Acts),
    boolean("end_markers_in_json", Both, false, Pinned),
    unsigned("eq_range_index_dive_limit", Both, 200, 0, 4_294_967_295, Kept),
    unsigned("error_count", Session, 0, 0, u64::MAX, Fact),
    enumeration("event_scheduler", Global, &["OFF", "ON", "DISABLED"], "DISABLED", Fact),
    enumeration("explain_format", Both, &["TRADITIONAL", "JSON", "TREE"], "TRADITIONAL", Acts),
    boolean("explicit_defaults_for_timestamp", Both, true, Kept),
    null("external_user", Session, Fact),
    boolean("foreign_key_checks", Both, true, Kept),
    boolean("general_log", Global, false, Fact),
    unsigned("group_concat_max_len", Both, 1_024, 4, u64::MAX, Acts),
    text("gtid_executed", Global, "", Fact),
    enumeration("gtid_mode", Global, &["OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON"], "OFF", Fact),
    text("gtid_purged", Global, "", Fact),
    enumeration("have_compress", Global, &["YES", "NO"], "YES", Fact),
    enumeration("have_dynamic_loading", Global, &["YES", "NO"], "NO", Fact),
    enumeration("have_geometry", Global, &["YES", "NO"], "NO", Fact),
    enumeration("have_openssl", Global, &["YES", "DISABLED"], "DISABLED", Fact),
    enumeration("have_profiling", Global, &["YES", "NO"], "NO", Fact),
    enumeration("have_query_cache", Global, &["YES", "NO"], "NO", Fact),
    enumeration("have_rtree_keys", Global, &["YES", "NO"], "NO", Fact),
    enumeration("have_ssl", Global, &["YES", "DISABLED"], "DISABLED", Fact),
    enumeration("have_statement_timeout", Global, &["YES", "NO"], "YES", Fact),
    enumeration("have_symlink", Global, &["YES", "NO", "DISABLED"], "DISABLED", Fact),
    text("hostname", Global, "", Fact),
    unsigned("identity", Session, 0, 0, u64::MAX, Fact),
    unsigned("information_schema_stats_expiry", Both, 86_400, 0, YEAR, Kept),
    text("init_connect", Global, "", Fact),
    text("init_file", Global, "", Fact),
    unsigned("innodb_lock_wait_timeout", Both, 50, 1, 1_073_741_824, Kept),
    boolean("innodb_read_only", Global, true, Fact),
    boolean("innodb_strict_mode", Both, true, Kept),
    unsigned("insert_id", Session, 0, 0, u64::MAX, Kept),
    unsigned("interactive_timeout", Both, 28_800, 1, YEAR, Acts),
    unsigned("join_buffer_size", Both, 262_144, 128, u64::MAX, Kept),
    boolean("keep_files_on_create", Both, false, Kept),
    boolean("keyring_operations", Global, true, Fact),
    unsigned("last_insert_id", Session, 0, 0, u64::MAX, Kept),
    text("lc_messages", Both, "en_US", Pinned),
    locale("lc_time_names"),
    text("license", Global, "Apache-2.0", Fact),
    boolean("local_infile", Global, false, Fact),
    unsigned("lock_wait_timeout", Both, 31_536_000, 1, YEAR, Kept),
    boolean("log_bin", Global, false, Fact),
    seconds("long_query_time", 10.0),
    boolean("low_priority_updates", Both, false, Kept),
    boolean("lower_case_file_system", Global, false, Fact),
    unsigned("lower_case_table_names", Global, 2, 0, 2, Fact),
    unsigned("max_allowed_packet", Global, 67_108_864, 1_024, 1_073_741_824, Fact),
    unsigned("max_connect_errors", Global, 100, 1, u64::MAX, Kept),
    unsigned("max_connections", Global, 151, 1, 100_000, Fact),
    unsigned("max_error_count", Both, 1_024, 0, 65_535, Acts),
    unsigned("max_execution_time", Both, 0, 0, 4_294_967_295, Acts),
    unsigned("max_heap_table_size", Both, 16_777_216, 16_384, u64::MAX, Kept),
    unsigned("max_insert_delayed_threads", Both, 20, 0, 16_384, Kept),
    unsigned("max_join_size", Both, u64::MAX, 1, u64::MAX, Kept),
    unsigned("max_length_for_sort_data", Both, 4_096, 4, 8_388_608, Kept),
    unsigned("max_prepared_stmt_count", Global, 16_382, 0, 4_194_304, Fact),
    unsigned("max_seeks_for_key", Both, u64::MAX, 1, u64::MAX, Kept),
    unsigned("max_sort_length", Both, 1_024, 4, 8_388_608, Kept),
    unsigned("max_sp_recursion_depth", Both, 0, 0, 255, Kept),
    unsigned("max_user_connections", Both, 0, 0, 4_294_967_295, Fact),
    unsigned("min_examined_row_limit", Both, 0, 0, u64::MAX, Kept),
    unsigned("myisam_sort_buffer_size", Both, 8_388_608, 4_096, u64::MAX, Kept),
    unsigned("net_buffer_length", Both, 16_384, 1_024, 1_048_576, Fact),
    unsigned("net_read_timeout", Both, 30, 1, YEAR, Kept),
    unsigned("net_retry_count", Both, 10, 1, u64::MAX, Kept),
    unsigned("net_write_timeout", Both, 60, 1, YEAR, Acts),
    boolean("new", Both, false, Kept),
    boolean("old_alter_table", Both, false, Kept),
    unsigned("optimizer_prune_level", Both, 1, 0, 1, Kept),
    unsigned("optimizer_search_depth", Both, 62, 0, 62, Kept),
    flags("optimizer_switch", OPTIMIZER_SWITCH),
    flags("optimizer_trace", "enabled=off,one_line=off"),
    flags(
        "optimizer_trace_features",
        "greedy_search=on,range_optimizer=on,dynamic_range=on,repeated_subselect=on",
    ),
    unsigned("optimizer_trace_limit", Both, 1, 0, 2_147_483_647, Kept),
    unsigned("optimizer_trace_max_mem_size", Both, 1_048_576, 0, 4_294_967_295, Kept),
    boolean("partial_revokes", Global, false, Fact),
    boolean("performance_schema", Global, false, Fact),
    unsigned("port", Global, 3_306, 0, 65_535, Fact),
    boolean("profiling", Both, false, Kept),
    unsigned("profiling_history_size", Both, 15, 0, 100, Kept),
    unsigned("protocol_version", Global, 10, 10, 10, Fact),
    null("proxy_user", Session, Fact),
    unsigned("pseudo_thread_id", Session, 0, 0, u64::MAX, Fact),
    unsigned("query_alloc_block_size", Both, 8_192, 1_024, 4_294_966_272, Kept),
    unsigned("query_prealloc_size", Both, 8_192, 8_192, u64::MAX, Kept),
    unsigned("rand_seed1", Session, 0, 0, u64::MAX, Kept),
    unsigned("rand_seed2", Session, 0, 0, u64::MAX, Kept),
    unsigned("range_alloc_block_size", Both, 4_096, 4_096, u64::MAX, Kept),
    unsigned("range_optimizer_max_mem_size", Both, 8_388_608, 0, u64::MAX, Kept),
    unsigned("read_buffer_size", Both, 131_072, 8_192, 2_147_479_552, Kept),
    boolean("read_only", Global, true, Fact),
    unsigned("read_rnd_buffer_size", Both, 262_144, 1, 2_147_483_647, Kept),
    unsigned("regexp_stack_limit", Global, 8_000_000, 0, 2_147_483_647, Kept),
    unsigned("regexp_time_limit", Global, 32, 0, 2_147_483_647, Kept),
    boolean("require_secure_transport", Global, false, Fact),
    text("resultset_metadata", Session, "FULL", Pinned),
    null("secure_file_priv", Global, Fact),
    unsigned("server_id", Global, 1, 0, 4_294_967_295, Fact),
    boolean("session_track_gtids", Both, false, Pinned),
    boolean("session_track_schema", Both, true, Acts),
    boolean("session_track_state_change", Both, false, Acts),
    text("session_track_system_variables", Both, TRACKED, Acts),
    enumeration("session_track_transaction_info", Both, &["OFF", "STATE", "CHARACTERISTICS"], "OFF", Kept),
    boolean("show_create_table_verbosity", Both, false, Kept),
    boolean("show_old_temporals", Both, false, Kept),
    boolean("skip_external_locking", Global, true, Fact),
    boolean("skip_name_resolve", Global, true, Fact),
    boolean("skip_networking", Global, false, Fact),
    boolean("skip_show_database", Global, false, Fact),
    boolean("slow_query_log", Global, false, Fact),
    text("socket", Global, "", Fact),
    unsigned("sort_buffer_size", Both, 262_144, 32_768, u64::MAX, Kept),
    boolean("sql_auto_is_null", Both, false, Pinned),
    boolean("sql_big_selects", Both, true, Kept),
    boolean("sql_buffer_result", Both, false, Kept),
    boolean("sql_log_bin", Session, false, Kept),
    boolean("sql_log_off", Both, false, Kept),
    sql_mode("sql_mode"),
    boolean("sql_notes", Both, true, Kept),
    boolean("sql_quote_show_create", Both, true, Pinned),
    boolean("sql_require_primary_key", Both, false, Kept),
    boolean("sql_safe_updates", Both, false, Kept),
    unsigned("sql_select_limit", Both, u64::MAX, 0, u64::MAX, Acts),
    boolean("sql_warnings", Both, false, Kept),
    text("ssl_ca", Global, "", Fact),
    text("ssl_cert", Global, "", Fact),
    text("ssl_cipher", Global, "", Fact),
    text("ssl_key", Global, "", Fact),
    boolean("super_read_only", Global, true, Fact),
    text("system_time_zone", Global, "UTC", Fact),
    unsigned("thread_cache_size", Global, 0, 0, 16_384, Fact),
    unsigned("thread_stack", Global, 33_554_432, 131_072, u64::MAX, Fact),
    time_zone("time_zone"),
    real("timestamp"),
    text("tls_version", Global, "", Fact),
    unsigned("tmp_table_size", Both, 16_777_216, 1_024, u64::MAX, Kept),
    text("tmpdir", Global, "", Fact),
    unsigned("transaction_alloc_block_size", Both, 8_192, 1_024, 131_072, Kept),
    enumeration("transaction_isolation", Both, ISOLATION_LEVELS, "REPEATABLE-READ", Kept),
    unsigned("transaction_prealloc_size", Both, 4_096, 1_024, 131_072, Kept),
    boolean("transaction_read_only", Both, false, Kept),
    enumeration("tx_isolation", Both, ISOLATION_LEVELS, "REPEATABLE-READ", Kept),
    boolean("tx_read_only", Both, false, Kept),
    boolean("unique_checks", Both, true, Kept),
    boolean("updatable_views_with_limit", Both, true, Kept),
    boolean("use_secondary_engine", Session, true, Kept),
    text("version", Global, VERSION, Fact),
    text("version_comment", Global, "Lakefront", Fact),
    text("version_compile_machine", Global, std::env::consts::ARCH, Fact),
    text("version_compile_os", Global, std::env::consts::OS, Fact),
    text("version_compile_zlib", Global, "", Fact),
    unsigned("wait_timeout", Both, 28_800, 1, YEAR, Acts),
    unsigned("warning_count", Session, 0, 0, u64::MAX, Fact),
    boolean("windowing_use_high_precision", Both, true, Kept),
];

const fn define(
    name: &'static str,
    scope: Scope,
    kind: Kind,
    default: Default,
    effect: Effect,
) -> Definition {
    Definition { name, scope, kind, default, effect }
}

const fn boolean(name: &'static str, scope: Scope, default: bool, effect: Effect) -> Definition {
    define(name, scope, Kind::Boolean, Default::Boolean(default), effect)
}

const fn unsigned(
    name: &'static str,
    scope: Scope,
    default: u64,
    least: u64,
    greatest: u64,
    effect: Effect,
) -> Definition {
    define(name, scope, Kind::Unsigned { least, greatest }, Default::Unsigned(default), effect)
}

const fn text(name: &'static str, scope: Scope, default: &'static str, effect: Effect) -> Definition {
    define(name, scope, Kind::Text, Default::Text(default), effect)
}

const fn flags(name: &'static str, defaults: &'static str) -> Definition {
    define(name, Both, Kind::Flags(defaults), Default::Text(defaults), Kept)
}

const fn null(name: &'static str, scope: Scope, effect: Effect) -> Definition {
    define(name, scope, Kind::Text, Default::Null, effect)
}

const fn enumeration(
    name: &'static str,
    scope: Scope,
    values: &'static [&'static str],
    default: &'static str,
    effect: Effect,
) -> Definition {
    define(name, scope, Kind::Enumeration(values), Default::Text(default), effect)
}

const fn character_set(name: &'static str, nullable: bool, default: &'static str) -> Definition {
    define(name, Both, Kind::CharacterSet { nullable }, Default::Text(default), Kept)
}

const fn collation(name: &'static str) -> Definition {
    define(name, Both, Kind::Collation, Default::Text(types::COLLATION), Kept)
}

const fn sql_mode(name: &'static str) -> Definition {
    define(name, Both, Kind::SqlMode, Default::Text(sql_mode::DEFAULT), Acts)
}

const fn time_zone(name: &'static str) -> Definition {
    define(name, Both, Kind::TimeZone, Default::Text("SYSTEM"), Acts)
}

const fn locale(name: &'static str) -> Definition {
    define(name, Both, Kind::Locale, Default::Text("en_US"), Acts)
}

/// Zero while the clock runs; `@@timestamp` then reads as the statement's time.
const fn real(name: &'static str) -> Definition {
    define(name, Session, Kind::Real, Default::Real(0.0), Acts)
}

/// A time in seconds, with a fraction.
const fn seconds(name: &'static str, default: f64) -> Definition {
    define(name, Both, Kind::Real, Default::Real(default), Kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_defaults_are_valid() {
        for pair in ALL.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
        for definition in ALL {
            let default = definition.default.value();
            if default != Value::Null {
                let checked = definition.kind.check(definition.name, &default.scalar(), &default).unwrap();
                assert_eq!(checked, (default, None), "{}", definition.name);
            }
            assert_eq!(definition.name, definition.name.to_lowercase());
        }
    }
}
