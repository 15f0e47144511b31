//! The flags of `sql_mode`, their short names for several, and what they mean to the dialect.
//!
//! It knows the names and bits of MySQL 8.0; nothing of sessions.

use crate::engine::dialect;
use crate::engine::error::{Error, Result};

/// The default of MySQL 8.0.
pub const DEFAULT: &str = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
                           ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION";

/// A flag, its bit, and what it brings along.
struct Flag {
    name: &'static str,
    bit: u32,
    implied: &'static [&'static str],
    supported: bool,
}

/// In the order of their bits, in which MySQL shows them. Flags that would change the answers of queries, and
/// which the dialect does not know, are refused rather than ignored.
const FLAGS: &[Flag] = &[
    flag("REAL_AS_FLOAT", 0),
    flag("PIPES_AS_CONCAT", 1),
    flag("ANSI_QUOTES", 2),
    flag("IGNORE_SPACE", 3),
    flag("ONLY_FULL_GROUP_BY", 5),
    unsupported("NO_UNSIGNED_SUBTRACTION", 6),
    flag("NO_DIR_IN_CREATE", 7),
    Flag {
        name: "ANSI",
        bit: 18,
        implied: &["REAL_AS_FLOAT", "PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE", "ONLY_FULL_GROUP_BY"],
        supported: true,
    },
    flag("NO_AUTO_VALUE_ON_ZERO", 19),
    flag("NO_BACKSLASH_ESCAPES", 20),
    flag("STRICT_TRANS_TABLES", 21),
    flag("STRICT_ALL_TABLES", 22),
    flag("NO_ZERO_IN_DATE", 23),
    flag("NO_ZERO_DATE", 24),
    unsupported("ALLOW_INVALID_DATES", 25),
    flag("ERROR_FOR_DIVISION_BY_ZERO", 26),
    Flag {
        name: "TRADITIONAL",
        bit: 27,
        implied: &[
            "STRICT_TRANS_TABLES",
            "STRICT_ALL_TABLES",
            "NO_ZERO_IN_DATE",
            "NO_ZERO_DATE",
            "ERROR_FOR_DIVISION_BY_ZERO",
            "NO_ENGINE_SUBSTITUTION",
        ],
        supported: true,
    },
    unsupported("HIGH_NOT_PRECEDENCE", 29),
    flag("NO_ENGINE_SUBSTITUTION", 30),
    flag("PAD_CHAR_TO_FULL_LENGTH", 31),
    unsupported("TIME_TRUNCATE_FRACTIONAL", 32),
];

const fn flag(name: &'static str, bit: u32) -> Flag {
    Flag { name, bit, implied: &[], supported: true }
}

const fn unsupported(name: &'static str, bit: u32) -> Flag {
    Flag { name, bit, implied: &[], supported: false }
}

/// Whether a flag is set.
pub fn has(sql_mode: &str, name: &str) -> bool {
    sql_mode.split(',').any(|flag| flag == name)
}

/// What the flags mean to the dialect.
pub fn mode(sql_mode: &str) -> dialect::Mode {
    let has = |name: &str| has(sql_mode, name);
    dialect::Mode {
        ansi_quotes: has("ANSI_QUOTES"),
        pipes_as_concat: has("PIPES_AS_CONCAT"),
        no_backslash_escapes: has("NO_BACKSLASH_ESCAPES"),
        only_full_group_by: has("ONLY_FULL_GROUP_BY"),
        ..dialect::Mode::default()
    }
}

/// Whether a value that does not fit its column is an error.
pub fn is_strict(sql_mode: &str) -> bool {
    sql_mode.split(',').any(|flag| matches!(flag, "STRICT_TRANS_TABLES" | "STRICT_ALL_TABLES"))
}

/// The canonical form of a list of flags: in order, each once, with those that they bring along.
pub fn parse(text: &str) -> Result<String> {
    let mut bits = 0;
    // Empty items come from `concat(@@sql_mode, ',…')` where the mode was empty.
    for name in text.split(',').map(str::trim_end).filter(|name| !name.is_empty()) {
        let flag = FLAGS.iter().find(|flag| flag.name.eq_ignore_ascii_case(name));
        bits |= 1_i128 << flag.ok_or_else(|| wrong(name))?.bit;
    }
    from_bits(bits)
}

/// The canonical form of a set of bits.
pub fn from_bits(mut bits: i128) -> Result<String> {
    for flag in FLAGS.iter().filter(|flag| bits >> flag.bit & 1 == 1).collect::<Vec<_>>() {
        for implied in FLAGS.iter().filter(|other| flag.implied.contains(&other.name)) {
            bits |= 1 << implied.bit;
        }
    }
    let known = FLAGS.iter().fold(0_i128, |known, flag| known | 1 << flag.bit);
    if bits < 0 || bits & !known != 0 {
        return Err(wrong(&bits.to_string()));
    }
    let chosen = FLAGS.iter().filter(|flag| bits >> flag.bit & 1 == 1).collect::<Vec<_>>();
    if let Some(flag) = chosen.iter().find(|flag| !flag.supported) {
        return Err(Error::NotSupported(format!("sql_mode = {}", flag.name)));
    }
    Ok(chosen.iter().map(|flag| flag.name).collect::<Vec<_>>().join(","))
}

fn wrong(value: &str) -> Error {
    Error::VariableValue { name: "sql_mode".into(), value: value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_ordered_and_expanded() {
        let check = |given: &str, expected: &str| {
            let shown = parse(given).unwrap_or_else(|error| error.to_string());
            assert_eq!(shown, expected, "{given}");
        };
        check("", "");
        check(DEFAULT, DEFAULT);
        check(",ansi_quotes", "ANSI_QUOTES");
        check("NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT", "PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION");
        check("ANSI", "REAL_AS_FLOAT,PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ONLY_FULL_GROUP_BY,ANSI");
        check(
            "TRADITIONAL",
            "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
             TRADITIONAL,NO_ENGINE_SUBSTITUTION",
        );
        check("NO_SUCH", "Variable 'sql_mode' can't be set to the value of 'NO_SUCH'");
        check(
            "HIGH_NOT_PRECEDENCE",
            "This version of MySQL doesn't yet support 'sql_mode = HIGH_NOT_PRECEDENCE'",
        );
    }

    #[test]
    fn bits_are_flags() {
        let check = |bits: i128, expected: &str| {
            let shown = from_bits(bits).unwrap_or_else(|error| error.to_string());
            assert_eq!(shown, expected, "{bits}");
        };
        check(0, "");
        check(4, "ANSI_QUOTES");
        check((1 << 5) | (1 << 21), "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES");
        check(16, "Variable 'sql_mode' can't be set to the value of '16'");
        check(-1, "Variable 'sql_mode' can't be set to the value of '-1'");
    }
}
