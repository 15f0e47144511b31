//! Statements with strings of bytes that are no text: some drivers quote a binary value as if it were one.
//!
//! MySQL takes such a string for what it is. Here a statement is text, and the string is written in hexadecimal
//! digits. It knows tokens only.

use std::fmt::Write;

use sqlparser::tokenizer::Token;

use super::Mode;
use super::tokens::{offset, tokens};

/// A byte that belongs to no character stands behind this one as a character, until its string is found. All of
/// them are for private use; a statement that has both is refused.
const MARK: u32 = 0x10_FF00;

/// A statement as text; nothing when bytes that are no text stand anywhere but in strings and comments.
pub fn readable(statement: Vec<u8>, mode: Mode) -> Option<String> {
    let statement = match String::from_utf8(statement) {
        Ok(text) => return Some(text),
        Err(error) => marked(error.as_bytes())?,
    };
    let mut text = String::with_capacity(statement.len());
    let mut copied = 0;
    for token in tokens(&statement, mode).ok()? {
        let (start, end) = (offset(token.span.start)?, offset(token.span.end)?);
        if !statement[start..end].contains(is_mark) {
            continue;
        }
        let Token::SingleQuotedString(string) = token.token else { return None };
        text.push_str(&statement[copied..start]);
        // A character set may stand right before it.
        text.push_str(" X'");
        unmarked(&string).iter().try_for_each(|byte| write!(text, "{byte:02X}")).ok()?;
        text.push('\'');
        copied = end;
    }
    text.push_str(&statement[copied..]);
    Some(text)
}

fn is_mark(character: char) -> bool {
    u32::from(character) >= MARK
}

fn marked(statement: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(statement.len());
    for chunk in statement.utf8_chunks() {
        if chunk.valid().contains(is_mark) {
            return None;
        }
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(MARK + u32::from(*byte))));
    }
    Some(text)
}

fn unmarked(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        if is_mark(character) {
            bytes.push((u32::from(character) - MARK) as u8);
        } else {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_bytes_are_written_in_digits() {
        let check = |statement: &[u8], expected: Option<&str>| {
            let readable = readable(statement.to_vec(), Mode::default());
            assert_eq!(readable.as_deref(), expected, "{}", statement.escape_ascii());
        };
        check("SELECT 'é'".as_bytes(), Some("SELECT 'é'"));
        check(b"SELECT '\xFF\\0', 'x'", Some("SELECT  X'FF00', 'x'"));
        check(b"SELECT _binary'it''s \xE9', \"\xC3\xA9\"", Some("SELECT _binary X'6974277320E9', \"é\""));
        check(b"SELECT ?, '\xF0\x9F\x8E', ?", Some("SELECT ?,  X'F09F8E', ?"));
        check(b"SELECT 1 -- caf\xE9", Some("SELECT 1 -- caf\u{10FFE9}"));
        check(b"SELECT `caf\xE9`", None);
        check(b"SELECT caf\xE9", None);
        check(b"SELECT X'\xE9'", None);
        check(b"SELECT '\xFF", None);
        check("SELECT '\u{10FFE9}', '".bytes().chain(*b"\xE9'").collect::<Vec<_>>().as_slice(), None);
    }
}
