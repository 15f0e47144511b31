//! System variables: `@@name`, SET and SHOW VARIABLES.
//!
//! A session sees the server's values ([`Globals`]) as they were when it began, and its own on top. It knows names
//! and values; what a value does, the code that reads it from [`Acting`] knows.

mod acting;
mod definitions;
mod sql_mode;
mod value;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::common::ScalarValue;

use super::character_sets;
use crate::config::Config;
use crate::engine::error::{Error, Result};
use crate::engine::functions::Warning;
use crate::engine::functions::charset::Set;
use crate::engine::nearest::nearest;
use acting::Acting;
use definitions::{Definition, Effect, Scope};
use value::Value;

pub use definitions::{ENGINE, VERSION};

/// The character sets that SET NAMES sets.
pub const NAMES: [&str; 3] = ["character_set_client", "character_set_results", "character_set_connection"];

/// A variable's name as its value is kept under, which is not an old one.
pub fn stored_name(name: &str) -> Result<&'static str> {
    definition(name).map(Definition::stored_name)
}

type Values = BTreeMap<&'static str, Value>;

/// The server's values, which SET GLOBAL changes and new sessions begin with.
#[derive(Debug)]
pub struct Globals {
    now: RwLock<Now>,
}

#[derive(Clone, Debug)]
struct Now {
    /// Those that differ from their defaults.
    values: Arc<Values>,
    /// What acts of them.
    acting: Arc<Acting>,
}

impl Globals {
    /// The values at the start of a server.
    pub fn new(config: &Config) -> Arc<Self> {
        let milliseconds = u64::try_from(config.max_execution_time.0.as_millis()).unwrap_or(u64::MAX);
        let connect_timeout = config.connect_timeout.0.as_secs().max(1);
        let spilled = config.spill.directory.clone().unwrap_or_else(std::env::temp_dir);
        let mut values = Values::from([
            ("hostname", Value::Text(config.listen.ip().to_string())),
            ("connect_timeout", Value::Unsigned(connect_timeout)),
            ("max_allowed_packet", Value::Unsigned(config.max_allowed_packet.0)),
            ("max_connections", Value::Unsigned(config.max_connections as u64)),
            ("max_execution_time", Value::Unsigned(milliseconds)),
            ("max_user_connections", Value::Unsigned(config.max_user_connections as u64)),
            ("port", Value::Unsigned(u64::from(config.listen.port()))),
            ("datadir", Value::Text(config.lake.clone())),
            ("tmpdir", Value::Text(spilled.display().to_string())),
        ]);
        if let Some(path) = &config.socket {
            values.insert("socket", Value::Text(path.display().to_string()));
        }
        if let Some(tls) = &config.tls {
            values.extend([
                ("have_openssl", Value::Text("YES".into())),
                ("have_ssl", Value::Text("YES".into())),
                ("require_secure_transport", Value::Boolean(tls.required)),
                ("ssl_cert", Value::Text(tls.certificate.display().to_string())),
                ("ssl_key", Value::Text(tls.key.display().to_string())),
            ]);
        }
        Arc::new(Self { now: RwLock::new(Now::of(values)) })
    }

    fn now(&self) -> Now {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Now {
    fn of(values: Values) -> Self {
        let acting = Arc::new(Acting::of(&Values::new(), &values));
        Self { values: Arc::new(values), acting }
    }
}

/// One session's values.
#[derive(Clone, Debug)]
pub struct Variables {
    globals: Arc<Globals>,
    /// The global values when the session began.
    base: Arc<Values>,
    /// What the session set.
    own: Arc<Values>,
    acting: Arc<Acting>,
    /// Whether it may change the server's values.
    privileged: bool,
}

impl PartialEq for Variables {
    /// Whether statements mean the same under both.
    fn eq(&self, other: &Self) -> bool {
        let equal = |one: &Arc<Values>, other: &Arc<Values>| Arc::ptr_eq(one, other) || one == other;
        equal(&self.base, &other.base) && equal(&self.own, &other.own)
    }
}

impl Variables {
    /// The values of a new session. `privileged` sessions may SET GLOBAL.
    pub fn new(globals: &Arc<Globals>, privileged: bool) -> Self {
        let Now { values: base, acting } = globals.now();
        Self { globals: Arc::clone(globals), base, own: Arc::default(), acting, privileged }
    }

    /// A person sits at the other end, who may be idle for longer, or shorter, than a program.
    pub fn begin_interactive(&mut self) {
        let timeout = definition("interactive_timeout").expect("it is defined");
        self.keep("wait_timeout", self.value(timeout, false));
    }

    /// A client tells the collation of its character set when it logs in. UTF-8 in all its forms is what there is anyway.
    pub fn begin_with(&mut self, collation: u16) {
        let Ok(collation) = character_sets::collation_of_id(collation.into()) else { return };
        if matches!(Set::of(collation.character_set), Set::Table(_) | Set::Wide(_)) {
            // Both are known.
            let _ = self.set_names(Some(collation.character_set), Some(collation.name));
        }
    }

    /// Forgets what the session set, and begins again with the server's values of now.
    pub fn reset(&mut self) {
        *self = Self::new(&self.globals, self.privileged);
    }

    /// Reads `@@name` (`scope` is empty), `@@session.name` or `@@global.name`; names and scopes in any case.
    pub fn get(&self, scope: &str, name: &str) -> Result<ScalarValue> {
        let definition = definition(name)?;
        let global = scope.eq_ignore_ascii_case("global");
        match definition.scope {
            Scope::Session if global => return Err(scope_error(definition, "SESSION")),
            Scope::Global if !global && !scope.is_empty() => return Err(scope_error(definition, "GLOBAL")),
            _ => {}
        }
        Ok(self.value(definition, global).scalar())
    }

    /// SET of one variable; `None` is DEFAULT. The warning tells that another value was taken than the given one.
    pub fn set(&mut self, global: bool, name: &str, given: Option<&ScalarValue>) -> Result<Option<Warning>> {
        let definition = definition(name)?;
        match (definition.effect, definition.scope) {
            (Effect::Fact, _) => return Err(scope_error(definition, "read only")),
            (_, Scope::Session) if global => return Err(Error::SessionVariable(definition.name.into())),
            (_, Scope::Global) if !global => return Err(Error::GlobalVariable(definition.name.into())),
            _ if global && !self.privileged => {
                return Err(Error::AccessDenied("SUPER or SYSTEM_VARIABLES_ADMIN"));
            }
            _ => {}
        }
        let (value, warning) = match given {
            Some(given) => definition.kind.check(definition.name, given, &self.value(definition, global))?,
            // DEFAULT of a session is the server's value; DEFAULT of the server is what is compiled in.
            None if global => (definition.default.value(), None),
            None => (self.value(definition, true), None),
        };
        if definition.effect == Effect::Pinned && value != definition.default.value() {
            return Err(Error::NotSupported(format!("{} = {}", definition.name, value.shown())));
        }
        self.store(global, definition.name, value);
        Ok(warning)
    }

    /// SET NAMES; `None` is DEFAULT. Nothing is changed when a name is unknown or the two do not fit.
    pub fn set_names(&mut self, character_set: Option<&str>, collation: Option<&str>) -> Result<()> {
        let set =
            character_sets::character_set(character_set.unwrap_or(crate::engine::types::CHARACTER_SET))?;
        let collation = character_sets::collation(collation.unwrap_or(set.default_collation))?;
        if collation.character_set != set.name {
            return Err(Error::CollationMismatch {
                collation: collation.name.into(),
                character_set: set.name.into(),
            });
        }
        for name in NAMES {
            self.keep(name, Value::Text(set.name.into()));
        }
        self.keep("collation_connection", Value::Text(collation.name.into()));
        Ok(())
    }

    /// Every variable that SHOW VARIABLES lists, by name, with its value as shown.
    pub fn list(&self, global: bool) -> impl Iterator<Item = (&'static str, String)> {
        let listed = move |definition: &&Definition| {
            let has_value = !global || definition.scope != Scope::Session;
            has_value && !definition.alias()
        };
        definitions::ALL
            .iter()
            .filter(listed)
            .map(move |definition| (definition.name, self.value(definition, global).shown()))
    }

    /// A variable's value as SHOW VARIABLES shows it.
    pub fn shown(&self, name: &'static str) -> String {
        definition(name).map(|definition| self.value(definition, false).shown()).unwrap_or_default()
    }

    /// What acts of them.
    pub fn acting(&self) -> &Acting {
        &self.acting
    }

    fn value(&self, definition: &Definition, global: bool) -> Value {
        let name = definition.stored_name();
        // Of a global variable there is one value only, and every session sees it change at once.
        let found = match global || definition.scope == Scope::Global {
            true => self.globals.now().values.get(name).cloned(),
            false => self.own.get(name).or_else(|| self.base.get(name)).cloned(),
        };
        found.unwrap_or_else(|| definition.default.value())
    }

    fn keep(&mut self, name: &'static str, value: Value) {
        let mut own = self.own.as_ref().clone();
        own.insert(name, value);
        self.acting = Arc::new(Acting::of(&own, &self.base));
        self.own = Arc::new(own);
    }

    /// Keeps a value, and what goes with it: a character set brings its collation, a collation its character set.
    fn store(&mut self, global: bool, name: &'static str, value: Value) {
        let companion = match (name, &value) {
            ("character_set_connection", Value::Text(set)) => character_sets::character_set(set)
                .ok()
                .map(|set| ("collation_connection", set.default_collation)),
            ("collation_connection", Value::Text(collation)) => character_sets::collation(collation)
                .ok()
                .map(|collation| ("character_set_connection", collation.character_set)),
            _ => None,
        };
        let name = definitions::stored_name(name);
        let mut keep = |name, value| {
            if global {
                let mut now = self.globals.now.write().unwrap_or_else(PoisonError::into_inner);
                let mut values = now.values.as_ref().clone();
                values.insert(name, value);
                *now = Now::of(values);
            } else {
                self.keep(name, value);
            }
        };
        keep(name, value);
        if let Some((name, value)) = companion {
            keep(name, Value::Text(value.into()));
        }
    }
}

fn scope_error(definition: &Definition, kind: &'static str) -> Error {
    Error::VariableScope { name: definition.name.into(), kind }
}

fn definition(name: &str) -> Result<&'static Definition> {
    let lower = name.to_ascii_lowercase();
    let found = definitions::ALL.binary_search_by(|definition| definition.name.cmp(lower.as_str()));
    found.map(|at| &definitions::ALL[at]).map_err(|_| Error::UnknownVariable {
        name: name.into(),
        hint: nearest(name, definitions::ALL.iter().map(|definition| definition.name)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> ScalarValue {
        ScalarValue::Utf8View(Some(value.into()))
    }

    fn number(value: i64) -> ScalarValue {
        ScalarValue::Int64(Some(value))
    }

    /// Sets a session's variable and reads it again: the value, or the error's number.
    #[test]
    fn values_are_checked_when_set() {
        let check = |name: &str, given: Option<ScalarValue>, expected: Result<&str, u16>| {
            let mut variables = Variables::new(&Globals::new(&Config::default()), false);
            let outcome = variables.set(false, name, given.as_ref()).map_err(|error| error.code().0);
            let read = outcome.map(|_| variables.get("session", name).unwrap().to_string());
            assert_eq!(read.as_deref().map_err(|code| *code), expected, "SET {name} = {given:?}");
        };
        check("autocommit", Some(number(0)), Ok("0"));
        check("AutoCommit", Some(text("on")), Ok("1"));
        check("autocommit", Some(number(2)), Err(1231));
        check("autocommit", Some(text("maybe")), Err(1231));
        check("autocommit", Some(ScalarValue::Null), Err(1231));
        check("autocommit", Some(ScalarValue::Float64(Some(0.5))), Err(1232));
        check("max_execution_time", Some(number(30_000)), Ok("30000"));
        check("max_execution_time", Some(number(-1)), Ok("0"));
        check("max_execution_time", Some(text("abc")), Err(1232));
        check("max_execution_time", None, Ok("0"));
        check("sql_select_limit", None, Ok("18446744073709551615"));
        check("div_precision_increment", Some(number(4)), Ok("4"));
        check("div_precision_increment", Some(number(6)), Ok("6"));
        check("max_error_count", Some(number(99_999)), Ok("65535"));
        check("sql_mode", Some(text("ansi_quotes")), Ok("ANSI_QUOTES"));
        check("sql_mode", Some(text("NO_SUCH_MODE")), Err(1231));
        check("sql_mode", Some(text("NO_UNSIGNED_SUBTRACTION")), Err(1235));
        check("time_zone", Some(text("+1:00")), Ok("+01:00"));
        check("time_zone", Some(text("Nowhere")), Err(1298));
        check("time_zone", Some(number(1)), Err(1298));
        check("character_set_results", Some(ScalarValue::Null), Ok("NULL"));
        check("character_set_client", Some(ScalarValue::Null), Err(1231));
        check("character_set_client", Some(text("utf8")), Ok("utf8mb3"));
        check("character_set_client", Some(text("latin1")), Ok("latin1"));
        check("character_set_client", Some(text("ucs2")), Err(1115));
        check("collation_connection", Some(text("utf8mb4_0900_ai_ci")), Ok("utf8mb4_0900_ai_ci"));
        check("collation_connection", Some(text("klingon_ci")), Err(1273));
        check("block_encryption_mode", Some(text("AES-256-CBC")), Ok("aes-256-cbc"));
        check("block_encryption_mode", Some(text("des")), Err(1231));
        check("optimizer_trace", Some(text("enabled=on")), Ok("enabled=on,one_line=off"));
        check("optimizer_switch", Some(text("klingon=on")), Err(1231));
        check("optimizer_switch", Some(ScalarValue::Float64(Some(0.5))), Err(1232));
        check("transaction_isolation", Some(text("read-committed")), Ok("READ-COMMITTED"));
        check("transaction_isolation", Some(number(3)), Ok("SERIALIZABLE"));
        check("transaction_isolation", Some(text("READ COMMITTED")), Err(1231));
        check("sql_auto_is_null", Some(number(0)), Ok("0"));
        check("sql_auto_is_null", Some(number(1)), Err(1235));
        check("lower_case_table_names", Some(number(0)), Err(1238));
        check("version", Some(text("9")), Err(1238));
        check("max_connect_errors", Some(number(5)), Err(1229));
        check("no_such_variable", Some(number(1)), Err(1193));
    }

    #[test]
    fn scopes_are_held_apart() {
        let check = |scope: &str, name: &str, expected: Result<&str, u16>| {
            let variables = Variables::new(&Globals::new(&Config::default()), false);
            let read = variables.get(scope, name).map(|value| value.to_string());
            assert_eq!(read.as_deref().map_err(|error| error.code().0), expected, "@@{scope}.{name}");
        };
        check("", "version", Ok(VERSION));
        check("global", "VERSION", Ok(VERSION));
        check("session", "version", Err(1238));
        check("", "warning_count", Ok("0"));
        check("global", "warning_count", Err(1238));
        check("session", "tx_isolation", Ok("REPEATABLE-READ"));
        check("", "query_cache_size", Err(1193));
        check("", "max_allowed_packet", Ok("67108864"));
    }

    #[test]
    fn global_values_reach_new_sessions_and_old_ones_after_a_reset() {
        let globals = Globals::new(&Config::default());
        let mut old = Variables::new(&globals, false);
        assert_eq!(old.set(true, "max_execution_time", Some(&number(5))).unwrap_err().code().0, 1227);
        let mut root = Variables::new(&globals, true);
        root.set(true, "max_execution_time", Some(&number(5))).unwrap();
        assert_eq!(root.acting().max_execution_time, None);
        assert_eq!(old.acting().max_execution_time, None);
        assert_eq!(
            Variables::new(&globals, false).acting().max_execution_time,
            Some(std::time::Duration::from_millis(5))
        );
        old.set(false, "sql_select_limit", Some(&number(7))).unwrap();
        assert_eq!(old.acting().sql_select_limit, Some(7));
        old.reset();
        assert_eq!(
            (old.acting().sql_select_limit, old.acting().max_execution_time),
            (None, Some(std::time::Duration::from_millis(5)))
        );
        assert_eq!(root.set(true, "warning_count", Some(&number(5))).unwrap_err().code().0, 1238);
        assert_eq!(root.set(true, "rand_seed1", Some(&number(5))).unwrap_err().code().0, 1228);
    }

    #[test]
    fn names_set_four_variables() {
        let mut variables = Variables::new(&Globals::new(&Config::default()), false);
        let mut check = |set: Option<&str>, collation: Option<&str>, expected: Result<&str, u16>| {
            let outcome = variables.set_names(set, collation).map_err(|error| error.code().0);
            let read = outcome.map(|()| {
                ["character_set_client", "character_set_results", "collation_connection"]
                    .map(|name| variables.get("", name).unwrap().to_string())
                    .join(" ")
            });
            assert_eq!(read.as_deref().map_err(|code| *code), expected, "SET NAMES {set:?} {collation:?}");
        };
        check(Some("utf8mb4"), None, Ok("utf8mb4 utf8mb4 utf8mb4_bin"));
        check(Some("utf8mb4"), Some("utf8mb4_unicode_ci"), Ok("utf8mb4 utf8mb4 utf8mb4_unicode_ci"));
        check(Some("utf8"), None, Ok("utf8mb3 utf8mb3 utf8mb3_bin"));
        check(None, None, Ok("utf8mb4 utf8mb4 utf8mb4_bin"));
        check(Some("latin1"), None, Ok("latin1 latin1 latin1_swedish_ci"));
        check(Some("klingon"), None, Err(1115));
        check(Some("utf8mb4"), Some("utf8mb3_bin"), Err(1253));
        check(Some("utf8mb4"), Some("nope"), Err(1273));
    }

    #[test]
    fn values_are_listed_as_shown() {
        let variables = Variables::new(&Globals::new(&Config::default()), false);
        let shown = |global: bool, name: &str| {
            variables.list(global).find(|(listed, _)| *listed == name).map(|(_, value)| value)
        };
        assert_eq!(shown(false, "autocommit").as_deref(), Some("ON"));
        assert_eq!(shown(false, "lower_case_table_names").as_deref(), Some("2"));
        assert_eq!(shown(false, "warning_count").as_deref(), Some("0"));
        assert_eq!(shown(true, "warning_count"), None);
        assert_eq!(shown(false, "tx_isolation"), None);
        assert_eq!(shown(false, "secure_file_priv").as_deref(), Some(""));
    }
}
