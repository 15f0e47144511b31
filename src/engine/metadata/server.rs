//! What the server tells of itself, as rows: character sets, engines, plugins, processes, variables, counters.
//!
//! It knows the session's context; no tables.

use super::MetadataContext;
use super::character_sets::{CHARACTER_SETS, COLLATIONS};
use super::rows::{Cell, Rows};
use super::variables::{ENGINE, VERSION};

/// `CHARACTER_SETS`.
pub fn character_sets(_: &MetadataContext, rows: &mut Rows) {
    for set in CHARACTER_SETS {
        let bytes = u64::from(set.bytes_max);
        rows.push(&[set.name.into(), set.default_collation.into(), set.description.into(), bytes.into()]);
    }
}

/// `COLLATIONS`.
pub fn collations(_: &MetadataContext, rows: &mut Rows) {
    for collation in COLLATIONS {
        rows.push(&[
            collation.name.into(),
            collation.character_set.into(),
            collation.id.into(),
            if collation.is_default() { "Yes" } else { "" }.into(),
            "Yes".into(),
            u64::from(collation.sort_length).into(),
            if collation.pad_space { "PAD SPACE" } else { "NO PAD" }.into(),
        ]);
    }
}

/// `COLLATION_CHARACTER_SET_APPLICABILITY`.
pub fn collation_character_sets(_: &MetadataContext, rows: &mut Rows) {
    for collation in COLLATIONS {
        rows.push(&[collation.name.into(), collation.character_set.into()]);
    }
}

/// `ENGINES`.
pub fn engines(_: &MetadataContext, rows: &mut Rows) {
    let comment = "Files of a data lake, read only";
    rows.push(&[ENGINE.into(), "DEFAULT".into(), comment.into(), "NO".into(), "NO".into(), "NO".into()]);
}

/// `PLUGINS`: the engine and how users prove who they are.
pub fn plugins(_: &MetadataContext, rows: &mut Rows) {
    let plugins = [
        ("caching_sha2_password", "AUTHENTICATION", "Caching sha2 authentication"),
        ("mysql_native_password", "AUTHENTICATION", "Native MySQL authentication"),
        (ENGINE, "STORAGE ENGINE", "Files of a data lake, read only"),
    ];
    for (name, kind, description) in plugins {
        rows.push(&[
            name.into(),
            "1.0".into(),
            "ACTIVE".into(),
            kind.into(),
            VERSION.split('-').next().into(),
            Cell::Null,
            Cell::Null,
            "Lakefront".into(),
            description.into(),
            "Apache-2.0".into(),
            "FORCE".into(),
        ]);
    }
}

/// `PROCESSLIST`.
pub fn processes(context: &MetadataContext, rows: &mut Rows) {
    for process in context.visible_processes() {
        rows.push(&[
            u64::from(process.id).into(),
            process.user.as_str().into(),
            process.host.as_str().into(),
            process.database.as_deref().into(),
            process.command.into(),
            Cell::Number(process.seconds.into()),
            process.state.into(),
            process.info.as_deref().into(),
        ]);
    }
}

/// `performance_schema.threads`: the connections. Threads of the server itself are not told.
pub fn threads(context: &MetadataContext, rows: &mut Rows) {
    for process in context.visible_processes() {
        rows.push(&[
            u64::from(process.id).into(),
            "thread/sql/one_connection".into(),
            "FOREGROUND".into(),
            u64::from(process.id).into(),
            process.user.as_str().into(),
            process.host.as_str().into(),
            process.database.as_deref().into(),
            process.command.into(),
            Cell::Number(process.seconds.into()),
            process.state.into(),
            process.info.as_deref().into(),
            Cell::Null,
            Cell::Null,
            "NO".into(),
            "NO".into(),
            "TCP/IP".into(),
            Cell::Null,
            Cell::Null,
        ]);
    }
}

/// `performance_schema.session_connect_attrs`: what clients told of themselves when they connected.
pub fn connection_attributes(context: &MetadataContext, rows: &mut Rows) {
    for process in context.visible_processes() {
        for (position, (name, value)) in process.attributes.iter().enumerate() {
            let position = Cell::Number(position as i128);
            rows.push(&[u64::from(process.id).into(), name.as_str().into(), value.as_str().into(), position]);
        }
    }
}

/// `mysql.time_zone_name`: what the variable `time_zone` may be set to beside offsets.
pub fn time_zone_names(_: &MetadataContext, rows: &mut Rows) {
    for (index, zone) in chrono_tz::TZ_VARIANTS.iter().enumerate() {
        rows.push(&[zone.name().into(), (index as u64 + 1).into()]);
    }
}

/// `USER_PRIVILEGES`: everybody reads everything.
pub fn user_privileges(context: &MetadataContext, rows: &mut Rows) {
    let grantee = format!("'{}'@'%'", context.user.replace('\'', "''"));
    rows.push(&[grantee.as_str().into(), "def".into(), "SELECT".into(), "NO".into()]);
}

/// `performance_schema.session_variables`.
pub fn session_variables(context: &MetadataContext, rows: &mut Rows) {
    variables(context, false, rows);
}

/// `performance_schema.global_variables`.
pub fn global_variables(context: &MetadataContext, rows: &mut Rows) {
    variables(context, true, rows);
}

fn variables(context: &MetadataContext, global: bool, rows: &mut Rows) {
    for (name, value) in context.variables.list(global) {
        rows.push(&[name.into(), value.as_str().into()]);
    }
}

/// `performance_schema.session_status`.
pub fn session_status(context: &MetadataContext, rows: &mut Rows) {
    status(context, context.counters.session_questions, rows);
}

/// `performance_schema.global_status`.
pub fn global_status(context: &MetadataContext, rows: &mut Rows) {
    status(context, context.counters.questions, rows);
}

/// What is counted, in alphabetical order. Counters of storage engines that are not here are left out.
fn status(context: &MetadataContext, questions: u64, rows: &mut Rows) {
    let counters = &context.counters;
    let uptime = counters.uptime.as_secs();
    let counted = [
        ("Connections", counters.connections),
        ("Lakefront_live_days", counters.live_days),
        ("Max_used_connections", counters.max_used_connections),
        ("Prepared_stmt_count", counters.prepared_statements),
        ("Queries", counters.questions),
        ("Questions", questions),
        ("Slow_queries", 0),
        ("Threads_cached", 0),
        ("Threads_connected", counters.threads_connected),
        ("Threads_created", counters.connections),
        ("Threads_running", counters.threads_running),
        ("Uptime", uptime),
        ("Uptime_since_flush_status", uptime),
    ];
    let (version, cipher) = match &context.encryption {
        Some(encryption) => (encryption.version, encryption.cipher.as_str()),
        None => ("", ""),
    };
    let told = [("Ssl_cipher", cipher), ("Ssl_cipher_list", cipher), ("Ssl_version", version)];
    let mut all = counted.map(|(name, count)| (name, count.to_string())).to_vec();
    all.extend(told.map(|(name, value)| (name, value.to_owned())));
    all.sort();
    for (name, value) in &all {
        rows.push(&[(*name).into(), value.as_str().into()]);
    }
}
