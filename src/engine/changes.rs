//! What changed in a session since its client heard of it last, for clients that want to hear.
//!
//! It must not know how it is told; the wire does.

use std::collections::BTreeSet;

use super::metadata::variables::Variables;

/// Changes that the client has not heard of.
#[derive(Debug, Default)]
pub struct Changes {
    database: bool,
    /// Variables that were set, also to the value that they had.
    variables: BTreeSet<&'static str>,
    any: bool,
}

/// What a client is told: of all changes those that its session's variables `session_track_…` name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The new default database.
    pub database: Option<String>,
    /// Variables that were set, with their values as SHOW VARIABLES shows them.
    pub variables: Vec<(&'static str, String)>,
    /// That anything changed at all.
    pub any: bool,
}

impl Changes {
    /// There is another default database.
    pub fn database(&mut self) {
        self.database = true;
        self.any = true;
    }

    /// A variable was set.
    pub fn variable(&mut self, name: &'static str) {
        self.variables.insert(name);
        self.any = true;
    }

    /// Something else changed: a user variable, a statement that has a name.
    pub fn other(&mut self) {
        self.any = true;
    }

    /// These happened as well.
    pub fn extend(&mut self, others: Self) {
        self.database |= others.database;
        self.variables.extend(others.variables);
        self.any |= others.any;
    }

    /// What the client is told now, and not again.
    pub fn tell(&mut self, database: Option<&str>, variables: &Variables) -> Told {
        let changed = std::mem::take(self);
        if !changed.any {
            return Told::default();
        }
        let tracked = &variables.acting().tracked;
        let is_tracked = |name: &str| {
            tracked.split(',').map(str::trim).any(|entry| entry == "*" || entry.eq_ignore_ascii_case(name))
        };
        Told {
            database: database
                .filter(|_| changed.database && variables.acting().tracks_database)
                .map(str::to_owned),
            variables: changed
                .variables
                .into_iter()
                .filter(|name| is_tracked(name))
                .map(|name| (name, variables.shown(name)))
                .collect(),
            any: variables.acting().tracks_any,
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;

    use super::*;
    use crate::config::Config;
    use crate::engine::metadata::variables::Globals;

    #[test]
    fn clients_hear_what_they_asked_for() {
        let check = |settings: &[(&str, &str)], expected: (Option<&str>, &[(&str, &str)], bool)| {
            let mut variables = Variables::new(&Globals::new(&Config::default()), false);
            let mut changes = Changes::default();
            for (name, value) in settings {
                let value = ScalarValue::Utf8View(Some((*value).into()));
                variables.set(false, name, Some(&value)).unwrap();
            }
            for name in ["time_zone", "sql_mode", "autocommit"] {
                changes.variable(name);
            }
            changes.database();
            let told = changes.tell(Some("log"), &variables);
            let values: Vec<_> = told.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!((told.database.as_deref(), &values[..], told.any), expected, "{settings:?}");
            assert_eq!(changes.tell(Some("log"), &variables), Told::default());
        };
        check(&[], (Some("log"), &[("autocommit", "ON"), ("time_zone", "SYSTEM")], false));
        let zone = ("time_zone", "+01:00");
        let names = "session_track_system_variables";
        check(&[zone, (names, "Time_Zone, nothing")], (Some("log"), &[zone], false));
        check(&[(names, ""), ("session_track_schema", "OFF")], (None, &[], false));
        check(&[(names, ""), ("session_track_state_change", "ON")], (Some("log"), &[], true));
        let all = [("autocommit", "ON"), ("sql_mode", "ANSI_QUOTES"), ("time_zone", "SYSTEM")];
        check(&[(names, "*"), ("sql_mode", "ANSI_QUOTES")], (Some("log"), &all, false));
    }
}
