//! Objects of JSON files, one on each line: which bytes are the value of which column. It must not know
//! types.
//!
//! It checks the syntax of the whole line and keeps numbers as they are written, because a decimal of
//! twenty digits is no floating-point number.

use std::borrow::Cow;
use std::collections::HashMap;

/// Nesting deeper than this is refused.
const DEPTH_MAX: usize = 128;
/// Keys that are remembered; files with more have keys that are data.
const KEYS_MAX: usize = 4_096;

/// Finds the values of some columns in lines of JSON.
#[derive(Debug)]
pub struct Objects {
    /// By lower-cased name.
    columns: HashMap<String, usize>,
    /// The columns of keys as they are written, in quotes.
    keys: HashMap<Box<[u8]>, Option<usize>>,
}

impl Objects {
    /// Looks for columns of these names, in any case.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let columns = names.enumerate().map(|(index, name)| (name.to_lowercase(), index)).collect();
        Self { columns, keys: HashMap::new() }
    }

    /// Finds the values of a line. `values` has one place for each column; those without a key become
    /// none; of several keys for one column the last counts, as in MySQL.
    pub fn read<'a>(&mut self, line: &'a [u8], values: &mut [Option<&'a [u8]>]) -> Result<(), String> {
        values.fill(None);
        let mut rest = Rest { bytes: line, at: 0 };
        rest.skip_space();
        if rest.peek() != Some(b'{') {
            return Err("it is no JSON object".into());
        }
        rest.members(0, |key, value| {
            if let Some(column) = self.column(key)? {
                values[column] = Some(value);
            }
            Ok(())
        })?;
        rest.skip_space();
        if rest.at == line.len() { Ok(()) } else { Err(rest.unexpected()) }
    }

    fn column(&mut self, key: &[u8]) -> Result<Option<usize>, String> {
        if let Some(column) = self.keys.get(key) {
            return Ok(*column);
        }
        let column = self.columns.get(&string(key)?.to_lowercase()).copied();
        if self.keys.len() < KEYS_MAX {
            self.keys.insert(key.into(), column);
        }
        Ok(column)
    }
}

/// The text of a JSON string, with its quotes.
pub fn string(quoted: &[u8]) -> Result<Cow<'_, str>, String> {
    let inner = &quoted[1..quoted.len() - 1];
    let invalid = || "a text is not UTF-8".to_owned();
    if !inner.contains(&b'\\') {
        return std::str::from_utf8(inner).map(Cow::Borrowed).map_err(|_| invalid());
    }
    serde_json::from_slice::<String>(quoted).map(Cow::Owned).map_err(|error| {
        // Its position is within the text, and no help.
        let text = error.to_string();
        text.split(" at line").next().unwrap_or_default().to_owned()
    })
}

/// The bytes of a line and the place that is looked at.
struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    /// Steps over an object, calling `found` with each key and value as written.
    fn members(
        &mut self,
        depth: usize,
        mut found: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        self.at += 1;
        self.skip_space();
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            let key = self.value_if(b'"', depth)?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.unexpected());
            }
            let value = self.value(depth + 1)?;
            found(key, value)?;
            self.skip_space();
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.unexpected());
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Result<(), String> {
        self.at += 1;
        self.skip_space();
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            self.skip_space();
            if self.take(b']') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.unexpected());
            }
        }
    }

    /// Steps over a value and gives its bytes.
    fn value(&mut self, depth: usize) -> Result<&'a [u8], String> {
        if depth > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        self.skip_space();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.members(depth, |_, _| Ok(()))?,
            Some(b'[') => self.elements(depth)?,
            Some(b'"') => self.text()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.unexpected()),
        }
        Ok(&self.bytes[start..self.at])
    }

    fn value_if(&mut self, first: u8, depth: usize) -> Result<&'a [u8], String> {
        if self.peek() == Some(first) { self.value(depth) } else { Err(self.unexpected()) }
    }

    fn text(&mut self) -> Result<(), String> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                // What it escapes is checked where the text is wanted; here it only must not end it.
                Some(b'\\') => self.at += 2,
                Some(control) if control < b' ' => return Err(self.unexpected()),
                Some(_) => self.at += 1,
                None => return Err("a text has no end".into()),
            }
        }
    }

    fn number(&mut self) -> Result<(), String> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), String> {
        let length = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += length;
        if length > 0 { Ok(()) } else { Err(self.unexpected()) }
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.unexpected());
        }
        self.at += word.len();
        Ok(())
    }

    fn skip_space(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn unexpected(&self) -> String {
        match self.peek() {
            Some(byte) => format!("`{}` is unexpected at its byte {}", byte.escape_ascii(), self.at + 1),
            None => "it ends within an object".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects() {
        let check = |line: &str, expected: Result<[Option<&str>; 2], &str>| {
            let mut objects = Objects::new(["Id", "name"].into_iter());
            let mut values = [None; 2];
            let found = objects.read(line.as_bytes(), &mut values);
            let found = found.map(|()| values.map(|value| value.map(|v| std::str::from_utf8(v).unwrap())));
            assert_eq!(found, expected.map_err(str::to_owned), "{line}");
        };
        check(r#"{"id": 1, "name": "a"}"#, Ok([Some("1"), Some(r#""a""#)]));
        check(r#" { "NAME" : null , "x":[1,{"id":2}] } "#, Ok([None, Some("null")]));
        check(r#"{"\u0069d":-1.50e+3}"#, Ok([Some("-1.50e+3"), None]));
        check(r#"{"id":{"a":[]},"ID":[ true, false ]}"#, Ok([Some("[ true, false ]"), None]));
        check(r#"{"name":"a\"b\\"}"#, Ok([None, Some(r#""a\"b\\""#)]));
        check("{}", Ok([None, None]));
        check("[1]", Err("it is no JSON object"));
        check("", Err("it is no JSON object"));
        check(r#"{"id":1"#, Err("it ends within an object"));
        check(r#"{"id":1}x"#, Err("`x` is unexpected at its byte 9"));
        check(r#"{"id":1,}"#, Err("`}` is unexpected at its byte 9"));
        check(r#"{"id":01}"#, Err("`1` is unexpected at its byte 8"));
        check(r#"{"id":1.}"#, Err("`}` is unexpected at its byte 9"));
        check(r#"{"id":nul}"#, Err("`n` is unexpected at its byte 7"));
        check(r#"{"id":NaN}"#, Err("`N` is unexpected at its byte 7"));
        check(r#"{"id" 1}"#, Err("`1` is unexpected at its byte 7"));
        check(r#"{id:1}"#, Err("`i` is unexpected at its byte 2"));
        check(r#"{"name":"a"#, Err("a text has no end"));
        check("{\"name\":\"a\\", Err("a text has no end"));
        check("{\"name\":\"a\tb\"}", Err("`\\t` is unexpected at its byte 11"));
        check(&format!("{{\"id\":{}", "[".repeat(1_000)), Err("it is nested more than 128 deep"));
    }

    #[test]
    fn strings() {
        let check = |quoted: &[u8], expected: Result<&str, &str>| {
            let found = string(quoted);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{quoted:?}");
        };
        check(br#""ab""#, Ok("ab"));
        check(br#""a\n\u00e9\ud83d\ude00""#, Ok("a\n\u{e9}\u{1f600}"));
        check(br#""\ud83d""#, Err("unexpected end of hex escape"));
        check(br#""\x""#, Err("invalid escape"));
        check(b"\"\xff\"", Err("a text is not UTF-8"));
    }
}
