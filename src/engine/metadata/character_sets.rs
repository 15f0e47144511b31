//! The character sets and collations that clients may name.
//!
//! Text is UTF-8 wherever it is kept and compares by its bytes. A client may have another set: what it sends is read, and
//! what it gets is written in it. A collation may be named, as every driver does, and changes no answer.

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
    character_set_of("big5", "big5_chinese_ci", "Big5 Traditional Chinese", 2),
    character_set_of("binary", "binary", "Binary pseudo charset", 1),
    character_set_of("cp1250", "cp1250_general_ci", "Windows Central European", 1),
    character_set_of("cp1251", "cp1251_general_ci", "Windows Cyrillic", 1),
    character_set_of("cp1256", "cp1256_general_ci", "Windows Arabic", 1),
    character_set_of("cp1257", "cp1257_general_ci", "Windows Baltic", 1),
    character_set_of("cp850", "cp850_general_ci", "DOS West European", 1),
    character_set_of("cp852", "cp852_general_ci", "DOS Central European", 1),
    character_set_of("cp866", "cp866_general_ci", "DOS Russian", 1),
    character_set_of("cp932", "cp932_japanese_ci", "SJIS for Windows Japanese", 2),
    character_set_of("eucjpms", "eucjpms_japanese_ci", "UJIS for Windows Japanese", 3),
    character_set_of("euckr", "euckr_korean_ci", "EUC-KR Korean", 2),
    character_set_of("gb18030", "gb18030_chinese_ci", "China National Standard GB18030", 4),
    character_set_of("gb2312", "gb2312_chinese_ci", "GB2312 Simplified Chinese", 2),
    character_set_of("gbk", "gbk_chinese_ci", "GBK Simplified Chinese", 2),
    character_set_of("greek", "greek_general_ci", "ISO 8859-7 Greek", 1),
    character_set_of("hebrew", "hebrew_general_ci", "ISO 8859-8 Hebrew", 1),
    character_set_of("koi8r", "koi8r_general_ci", "KOI8-R Relcom Russian", 1),
    character_set_of("koi8u", "koi8u_general_ci", "KOI8-U Ukrainian", 1),
    character_set_of("latin1", "latin1_swedish_ci", "cp1252 West European", 1),
    character_set_of("latin2", "latin2_general_ci", "ISO 8859-2 Central European", 1),
    character_set_of("latin5", "latin5_turkish_ci", "ISO 8859-9 Turkish", 1),
    character_set_of("latin7", "latin7_general_ci", "ISO 8859-13 Baltic", 1),
    character_set_of("macce", "macce_general_ci", "Mac Central European", 1),
    character_set_of("macroman", "macroman_general_ci", "Mac West European", 1),
    character_set_of("sjis", "sjis_japanese_ci", "Shift-JIS Japanese", 2),
    character_set_of("tis620", "tis620_thai_ci", "TIS620 Thai", 1),
    character_set_of("ujis", "ujis_japanese_ci", "EUC-JP Japanese", 3),
    character_set_of("utf8mb3", "utf8mb3_bin", "UTF-8 Unicode", 3),
    character_set_of(types::CHARACTER_SET, types::COLLATION, "UTF-8 Unicode", 4),
];

/// In alphabetical order.
pub const COLLATIONS: &[Collation] = &[
    collation_of("ascii_bin", "ascii", 65, 1, true),
    collation_of("ascii_general_ci", "ascii", 11, 1, true),
    collation_of("big5_bin", "big5", 84, 1, true),
    collation_of("big5_chinese_ci", "big5", 1, 1, true),
    collation_of("binary", "binary", 63, 1, false),
    collation_of("cp1250_bin", "cp1250", 66, 1, true),
    collation_of("cp1250_general_ci", "cp1250", 26, 1, true),
    collation_of("cp1251_bin", "cp1251", 50, 1, true),
    collation_of("cp1251_general_ci", "cp1251", 51, 1, true),
    collation_of("cp1256_bin", "cp1256", 67, 1, true),
    collation_of("cp1256_general_ci", "cp1256", 57, 1, true),
    collation_of("cp1257_bin", "cp1257", 58, 1, true),
    collation_of("cp1257_general_ci", "cp1257", 59, 1, true),
    collation_of("cp850_bin", "cp850", 80, 1, true),
    collation_of("cp850_general_ci", "cp850", 4, 1, true),
    collation_of("cp852_bin", "cp852", 81, 1, true),
    collation_of("cp852_general_ci", "cp852", 40, 1, true),
    collation_of("cp866_bin", "cp866", 68, 1, true),
    collation_of("cp866_general_ci", "cp866", 36, 1, true),
    collation_of("cp932_bin", "cp932", 96, 1, true),
    collation_of("cp932_japanese_ci", "cp932", 95, 1, true),
    collation_of("eucjpms_bin", "eucjpms", 98, 1, true),
    collation_of("eucjpms_japanese_ci", "eucjpms", 97, 1, true),
    collation_of("euckr_bin", "euckr", 85, 1, true),
    collation_of("euckr_korean_ci", "euckr", 19, 1, true),
    collation_of("gb18030_bin", "gb18030", 249, 1, true),
    collation_of("gb18030_chinese_ci", "gb18030", 248, 1, true),
    collation_of("gb2312_bin", "gb2312", 86, 1, true),
    collation_of("gb2312_chinese_ci", "gb2312", 24, 1, true),
    collation_of("gbk_bin", "gbk", 87, 1, true),
    collation_of("gbk_chinese_ci", "gbk", 28, 1, true),
    collation_of("greek_bin", "greek", 70, 1, true),
    collation_of("greek_general_ci", "greek", 25, 1, true),
    collation_of("hebrew_bin", "hebrew", 71, 1, true),
    collation_of("hebrew_general_ci", "hebrew", 16, 1, true),
    collation_of("koi8r_bin", "koi8r", 74, 1, true),
    collation_of("koi8r_general_ci", "koi8r", 7, 1, true),
    collation_of("koi8u_bin", "koi8u", 75, 1, true),
    collation_of("koi8u_general_ci", "koi8u", 22, 1, true),
    collation_of("latin1_bin", "latin1", 47, 1, true),
    collation_of("latin1_danish_ci", "latin1", 15, 1, true),
    collation_of("latin1_general_ci", "latin1", 48, 1, true),
    collation_of("latin1_general_cs", "latin1", 49, 1, true),
    collation_of("latin1_german1_ci", "latin1", 5, 1, true),
    collation_of("latin1_german2_ci", "latin1", 31, 1, true),
    collation_of("latin1_spanish_ci", "latin1", 94, 1, true),
    collation_of("latin1_swedish_ci", "latin1", 8, 1, true),
    collation_of("latin2_bin", "latin2", 77, 1, true),
    collation_of("latin2_general_ci", "latin2", 9, 1, true),
    collation_of("latin5_bin", "latin5", 78, 1, true),
    collation_of("latin5_turkish_ci", "latin5", 30, 1, true),
    collation_of("latin7_bin", "latin7", 79, 1, true),
    collation_of("latin7_general_ci", "latin7", 41, 1, true),
    collation_of("macce_bin", "macce", 43, 1, true),
    collation_of("macce_general_ci", "macce", 38, 1, true),
    collation_of("macroman_bin", "macroman", 53, 1, true),
    collation_of("macroman_general_ci", "macroman", 39, 1, true),
    collation_of("sjis_bin", "sjis", 88, 1, true),
    collation_of("sjis_japanese_ci", "sjis", 13, 1, true),
    collation_of("tis620_bin", "tis620", 89, 1, true),
    collation_of("tis620_thai_ci", "tis620", 18, 1, true),
    collation_of("ujis_bin", "ujis", 91, 1, true),
    collation_of("ujis_japanese_ci", "ujis", 12, 1, true),
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
