//! The character sets and collations that clients may name.
//!
//! All text is UTF-8 on the wire and compares by its bytes. The character sets here are those for which that is
//! true of what a client sends and reads; a collation may be named, as every driver does, and changes no answer.

use crate::engine::error::{Error, Result};
use crate::engine::types;

/// A character set.
#[derive(Clone, Copy, Debug)]
pub struct CharacterSet {
    /// Its name.
    pub name: &'static str,
    /// The collation that it has when none is named.
    pub default_collation: &'static str,
    /// What people should know of it.
    pub description: &'static str,
    /// Most bytes of one character.
    pub bytes_max: u32,
}

/// A collation.
#[derive(Clone, Copy, Debug)]
pub struct Collation {
    /// Its name.
    pub name: &'static str,
    /// Its character set.
    pub character_set: &'static str,
    /// Its number in the protocol.
    pub id: u64,
    /// How many bytes sorting needs, as MySQL tells it.
    pub sort_length: u32,
    /// Whether trailing blanks are ignored.
    pub pad_space: bool,
}

/// In alphabetical order.
pub const CHARACTER_SETS: &[CharacterSet] = &[
    character_set_of("ascii", "ascii_bin", "US ASCII", 1),
    character_set_of("binary", "binary", "Binary pseudo charset", 1),
    character_set_of("utf8mb3", "utf8mb3_bin", "UTF-8 Unicode", 3),
    character_set_of(types::CHARACTER_SET, types::COLLATION, "UTF-8 Unicode", 4),
];

/// In alphabetical order.
pub const COLLATIONS: &[Collation] = &[
    collation_of("ascii_bin", "ascii", 65, 1, true),
    collation_of("ascii_general_ci", "ascii", 11, 1, true),
    collation_of("binary", "binary", 63, 1, false),
    collation_of("utf8mb3_bin", "utf8mb3", 83, 1, true),
    collation_of("utf8mb3_general_ci", "utf8mb3", 33, 1, true),
    collation_of("utf8mb3_unicode_ci", "utf8mb3", 192, 8, true),
    collation_of("utf8mb4_0900_ai_ci", "utf8mb4", 255, 0, false),
    collation_of("utf8mb4_0900_as_ci", "utf8mb4", 305, 0, false),
    collation_of("utf8mb4_0900_as_cs", "utf8mb4", 278, 0, false),
    collation_of("utf8mb4_0900_bin", "utf8mb4", 309, 1, false),
    collation_of("utf8mb4_bin", "utf8mb4", 46, 1, true),
    collation_of("utf8mb4_general_ci", "utf8mb4", 45, 1, true),
    collation_of("utf8mb4_unicode_520_ci", "utf8mb4", 246, 8, true),
    collation_of("utf8mb4_unicode_ci", "utf8mb4", 224, 8, true),
];

impl Collation {
    /// Whether it is its character set's default.
    pub fn is_default(&self) -> bool {
        CHARACTER_SETS.iter().any(|set| set.default_collation == self.name)
    }
}

/// The character set of a name; `utf8` is the three-byte one, as in MySQL 8.0.
pub fn character_set(name: &str) -> Result<&'static CharacterSet> {
    let wanted = if name.eq_ignore_ascii_case("utf8") { "utf8mb3" } else { name };
    let found = CHARACTER_SETS.iter().find(|set| set.name.eq_ignore_ascii_case(wanted));
    found.ok_or_else(|| Error::CharacterSet(name.into()))
}

/// The collation of a name; `utf8_…` are the three-byte ones, as in MySQL 8.0.
pub fn collation(name: &str) -> Result<&'static Collation> {
    let lower = name.to_ascii_lowercase();
    let wanted = match lower.strip_prefix("utf8_") {
        Some(rest) => format!("utf8mb3_{rest}"),
        None => lower,
    };
    let found = COLLATIONS.iter().find(|collation| collation.name == wanted);
    found.ok_or_else(|| Error::Collation(name.into()))
}

/// The collation of a number, as clients may send it in place of a name.
pub fn collation_of_id(id: i128) -> Result<&'static Collation> {
    let found = COLLATIONS.iter().find(|collation| i128::from(collation.id) == id);
    found.ok_or_else(|| Error::Collation(id.to_string()))
}

const fn character_set_of(
    name: &'static str,
    default_collation: &'static str,
    description: &'static str,
    bytes_max: u32,
) -> CharacterSet {
    CharacterSet { name, default_collation, description, bytes_max }
}

const fn collation_of(
    name: &'static str,
    character_set: &'static str,
    id: u64,
    sort_length: u32,
    pad_space: bool,
) -> Collation {
    Collation { name, character_set, id, sort_length, pad_space }
}
