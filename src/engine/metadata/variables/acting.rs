//! The values that the server's own code asks for, read once and not at each statement. It must not know what
//! they do.

use std::time::Duration;

use super::value::Value;
use super::{Values, definition, sql_mode};
use crate::engine::dialect;
use crate::engine::dialect::statement::ExplainFormat;
use crate::engine::functions::aes::BlockEncryption;
use crate::engine::functions::charset::{ClientSet, Set};
use crate::engine::functions::locale::Locale;
use crate::engine::metadata::character_sets;

/// What acts of a session's values.
#[derive(Clone, Debug)]
pub struct Acting {
    /// The flags of `sql_mode` that change the language.
    pub mode: dialect::Mode,
    /// The set of what the client sends.
    pub client_set: Set,
    /// The set that it reads, if that is not UTF-8 or a part of it.
    pub results_set: Option<ClientSet>,
    /// Whether a value that does not fit its column is an error.
    pub strict: bool,
    /// The session's time zone: an offset (`+09:00`) or a name (`Europe/Berlin`). The server's own is UTC.
    pub time_zone: String,
    /// Whether the session is in autocommit mode, as the status flags of every packet tell.
    pub autocommit: bool,
    /// Most rows of a SELECT without its own LIMIT.
    pub sql_select_limit: Option<u64>,
    /// Longest time of a SELECT.
    pub max_execution_time: Option<Duration>,
    /// Most bytes of a GROUP_CONCAT.
    pub group_concat_max_len: u64,
    /// How months and days are named.
    pub locale: &'static Locale,
    /// How WEEK() counts when it is not told.
    pub default_week_format: i64,
    /// Most times that a recursive CTE may recur.
    pub cte_max_recursion_depth: u64,
    /// Whether a division by zero warns.
    pub division_by_zero_warns: bool,
    /// The form of EXPLAIN where the statement says none.
    pub explain_format: ExplainFormat,
    /// How AES_ENCRYPT and AES_DECRYPT work.
    pub block_encryption: BlockEncryption,
    /// Most warnings that are kept of a statement.
    pub max_error_count: u64,
    /// The names of the variables whose changes clients are told, by comma; `*` is all of them.
    pub tracked: String,
    /// Whether clients are told of a new default database.
    pub tracks_database: bool,
    /// Whether clients are told that something changed, whatever it is.
    pub tracks_any: bool,
    /// How long a connection may be idle.
    pub wait_timeout: Duration,
    /// How long a write to a client may block.
    pub net_write_timeout: Duration,
    /// What `NOW()` is fixed at by SET timestamp, in microseconds since the epoch.
    pub timestamp_micros: Option<i64>,
}

impl Acting {
    /// What acts of the values that a session set over those that it began with.
    pub fn of(own: &Values, base: &Values) -> Self {
        let values = Layers { own, base };
        let flags = values.text("sql_mode");
        let mode = sql_mode::mode(&flags);
        let digits = u8::try_from(values.unsigned("div_precision_increment"));
        let time_zone = values.text("time_zone");
        let milliseconds = values.unsigned("max_execution_time");
        Self {
            client_set: client_set(&values.text("character_set_client"))
                .map_or(Set::Utf8, |client| client.set),
            results_set: client_set(&values.text("character_set_results")),
            mode: dialect::Mode { division_digits: digits.unwrap_or(mode.division_digits), ..mode },
            strict: sql_mode::is_strict(&flags),
            time_zone: if time_zone == "SYSTEM" { "+00:00".into() } else { time_zone },
            autocommit: values.boolean("autocommit"),
            sql_select_limit: Some(values.unsigned("sql_select_limit")).filter(|limit| *limit != u64::MAX),
            max_execution_time: (milliseconds > 0).then(|| Duration::from_millis(milliseconds)),
            group_concat_max_len: values.unsigned("group_concat_max_len"),
            // The variable was checked when it was set.
            locale: Locale::of(&values.text("lc_time_names")).unwrap_or_else(Locale::american),
            default_week_format: values.unsigned("default_week_format") as i64,
            cte_max_recursion_depth: values.unsigned("cte_max_recursion_depth"),
            division_by_zero_warns: sql_mode::has(&flags, "ERROR_FOR_DIVISION_BY_ZERO"),
            // Both were checked when they were set.
            explain_format: ExplainFormat::of(&values.text("explain_format"))
                .unwrap_or(ExplainFormat::Traditional),
            block_encryption: BlockEncryption::of(&values.text("block_encryption_mode")).unwrap_or_default(),
            max_error_count: values.unsigned("max_error_count"),
            tracked: values.text("session_track_system_variables"),
            tracks_database: values.boolean("session_track_schema"),
            tracks_any: values.boolean("session_track_state_change"),
            wait_timeout: Duration::from_secs(values.unsigned("wait_timeout")),
            net_write_timeout: Duration::from_secs(values.unsigned("net_write_timeout")),
            timestamp_micros: match values.value("timestamp") {
                Value::Real(seconds) if seconds > 0.0 => Some((seconds * 1e6).round() as i64),
                _ => None,
            },
        }
    }
}

/// The set of a name, if it is not UTF-8 or a part of it.
fn client_set(name: &str) -> Option<ClientSet> {
    let set = Set::of(name);
    let known = character_sets::character_set(name).ok()?;
    let collation = character_sets::collation(known.default_collation).ok()?;
    matches!(set, Set::Table(_) | Set::Wide(_)).then_some(ClientSet {
        set,
        name: known.name,
        collation: collation.id as u16,
        bytes_max: known.bytes_max,
    })
}

/// A session's values over those that it began with.
struct Layers<'a> {
    own: &'a Values,
    base: &'a Values,
}

impl Layers<'_> {
    fn value(&self, name: &'static str) -> Value {
        let definition = definition(name).expect("what acts is defined");
        let name = definition.stored_name();
        let found = self.own.get(name).or_else(|| self.base.get(name));
        found.cloned().unwrap_or_else(|| definition.default.value())
    }

    fn text(&self, name: &'static str) -> String {
        match self.value(name) {
            Value::Text(text) => text,
            _ => String::new(),
        }
    }

    fn unsigned(&self, name: &'static str) -> u64 {
        match self.value(name) {
            Value::Unsigned(number) => number,
            _ => 0,
        }
    }

    fn boolean(&self, name: &'static str) -> bool {
        self.value(name) == Value::Boolean(true)
    }
}
