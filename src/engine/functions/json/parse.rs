//! JSON's grammar: a text as a document, or what is wrong with it and where. It must not know what documents are for.

use super::super::convert::number;
use super::document::Json;

/// The deepest nesting, as in MySQL.
pub const DEEPEST: usize = 100;
/// What is wrong with a text that is nested more deeply.
pub const TOO_DEEP: &str = "The JSON document exceeds the maximum depth.";

impl Json {
    /// Reads a document. The error is what was wrong and the byte where.
    pub fn parse(text: &str) -> Result<Self, (String, usize)> {
        let mut parser = Parser { bytes: text.as_bytes(), text, position: 0 };
        let document = parser.value(0)?;
        parser.blanks();
        match parser.position == text.len() {
            true => Ok(document),
            false => Err(parser.error("The document root must not be followed by other values.")),
        }
    }
}

/// A reader of JSON's grammar.
struct Parser<'a> {
    bytes: &'a [u8],
    text: &'a str,
    position: usize,
}

type Parsed<T> = Result<T, (String, usize)>;

impl Parser<'_> {
    fn error(&self, reason: &str) -> (String, usize) {
        (reason.to_owned(), self.position)
    }

    fn blanks(&mut self) {
        while matches!(self.bytes.get(self.position), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.position) == Some(&byte);
        self.position += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Parsed<Json> {
        self.blanks();
        match self.bytes.get(self.position) {
            Some(b'{' | b'[') if depth >= DEEPEST => Err(self.error(TOO_DEEP)),
            Some(b'{') => self.members(depth),
            Some(b'[') => self.elements(depth),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in
                    [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))]
                {
                    if self.text[self.position..].starts_with(word) {
                        self.position += word.len();
                        return Ok(value);
                    }
                }
                let empty = self.position == self.bytes.len() && depth == 0;
                Err(self.error(if empty { "The document is empty." } else { "Invalid value." }))
            }
        }
    }

    fn members(&mut self, depth: usize) -> Parsed<Json> {
        self.position += 1;
        let mut members = Vec::new();
        self.blanks();
        if self.takes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            if self.bytes.get(self.position) != Some(&b'"') {
                return Err(self.error("Missing a name for object member."));
            }
            let name = self.string()?;
            self.blanks();
            if !self.takes(b':') {
                return Err(self.error("Missing a colon after a name of object member."));
            }
            members.push((name, self.value(depth + 1)?));
            self.blanks();
            if self.takes(b'}') {
                return Ok(Json::object(members));
            }
            if !self.takes(b',') {
                return Err(self.error("Missing a comma or '}' after an object member."));
            }
        }
    }

    fn elements(&mut self, depth: usize) -> Parsed<Json> {
        self.position += 1;
        let mut elements = Vec::new();
        self.blanks();
        if self.takes(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            self.blanks();
            if self.takes(b']') {
                return Ok(Json::Array(elements));
            }
            if !self.takes(b',') {
                return Err(self.error("Missing a comma or ']' after an array element."));
            }
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.position += 1;
        let mut value = String::new();
        loop {
            let rest = &self.text[self.position..];
            let plain = rest.find(|character: char| matches!(character, '"' | '\\') || character < ' ');
            let Some(plain) = plain else {
                self.position = self.bytes.len();
                return Err(self.error("Missing a closing quotation mark in string."));
            };
            value.push_str(&rest[..plain]);
            self.position += plain + 1;
            match rest.as_bytes()[plain] {
                b'"' => return Ok(value),
                b'\\' => value.push(self.escape()?),
                _ => return Err(self.error("Invalid encoding in string.")),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let letter = self.bytes.get(self.position).copied();
        self.position += 1;
        Ok(match letter {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'u') => {
                let first = self.hexadecimal()?;
                let joined = match first {
                    0xD800..=0xDBFF if self.text[self.position..].starts_with("\\u") => {
                        self.position += 2;
                        let second = self.hexadecimal()?;
                        0x10000 + ((first - 0xD800) << 10) + second.wrapping_sub(0xDC00)
                    }
                    _ => first,
                };
                char::from_u32(joined)
                    .ok_or_else(|| self.error("The surrogate pair in string is invalid."))?
            }
            _ => return Err(self.error("Invalid escape character in string.")),
        })
    }

    fn hexadecimal(&mut self) -> Parsed<u32> {
        let digits = self.bytes.get(self.position..self.position + 4);
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.position += 4;
        value.ok_or_else(|| self.error("Incorrect hex digit after \\u escape in string."))
    }

    fn number(&mut self) -> Parsed<Json> {
        let rest = &self.bytes[self.position..];
        let length = number::double_length(rest);
        let text = &self.text[self.position..self.position + length];
        let digits = text.trim_start_matches('-');
        if length == 0
            || (digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit())
        {
            return Err(self.error("Invalid value."));
        }
        if digits.starts_with('.') || digits.ends_with('.') || digits.contains(".e") || digits.contains(".E")
        {
            return Err(self.error("Miss fraction part in number."));
        }
        self.position += length;
        if let Ok(value) = text.parse() {
            return Ok(Json::Int(value));
        }
        if let Ok(value) = text.parse() {
            return Ok(Json::Uint(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Json::Double(value)),
            _ => Err(self.error("Number too big to be stored in double.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_json() {
        fn check(text: &str, position: usize) {
            assert_eq!(Json::parse(text).unwrap_err().1, position, "{text}");
        }
        check("", 0);
        check("{", 1);
        check("[1,]", 3);
        check("01", 0);
        check("1 2", 2);
        check("\"abc", 4);
    }
}
