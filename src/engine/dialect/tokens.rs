//! MySQL's tokens, as sqlparser's: comments, version comments, strings, numbers, variables, `?`.
//!
//! It knows characters only. A token's place is its byte offset in the text, kept as the column of line 1,
//! so that a heading or an error can show the text as the client wrote it.

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::Mode;

/// Version comments up to this version are executed: `/*!80000 … */`.
const VERSION: u32 = 80_036;

/// Character sets that may stand before a string, as in `_utf8mb4'x'`.
const INTRODUCERS: [&str; 11] = [
    "_utf8mb4", "_utf8mb3", "_utf8", "_latin1", "_ascii", "_binary", "_ucs2", "_utf16", "_utf32", "_cp1252",
    "_gbk",
];

/// A text from `offset` on that is no token: an unclosed string or comment, or a character that MySQL does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Where it begins, in bytes.
    pub offset: usize,
}

/// The tokens of a text; comments are gone, `?` are `$1`, `$2` …
pub fn tokens(sql: &str, mode: Mode) -> Result<Vec<TokenWithSpan>, Unreadable> {
    let mut scanner = Scanner::new(sql, mode);
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    while let Some((start, token)) = scanner.next()? {
        let token = introduced(&mut tokens, token);
        tokens.push(TokenWithSpan::new(token, span(start, scanner.position)));
    }
    Ok(tokens)
}

/// The statements of a text as `;` separates them. What is not readable stays in the last one, for the parser to refuse.
pub fn split(sql: &str, mode: Mode) -> Vec<&str> {
    let mut scanner = Scanner::new(sql, mode);
    let mut statements = Vec::new();
    let (mut begin, mut empty) = (0, true);
    loop {
        match scanner.next() {
            Ok(Some((start, Token::SemiColon))) => {
                if !empty {
                    statements.push(sql[begin..start].trim());
                }
                (begin, empty) = (scanner.position, true);
            }
            Ok(Some(_)) => empty = false,
            Ok(None) => break,
            Err(_) => {
                empty = false;
                break;
            }
        }
    }
    if !empty {
        statements.push(sql[begin..].trim());
    }
    statements
}

/// The byte offset that a token's place stands for.
pub fn offset(location: Location) -> Option<usize> {
    usize::try_from(location.column.checked_sub(1)?).ok()
}

fn span(start: usize, end: usize) -> Span {
    let location = |offset: usize| Location::new(1, offset as u64 + 1);
    Span::new(location(start), location(end))
}

/// Drops a character set that stands before a string: all text is UTF-8 here.
fn introduced(tokens: &mut Vec<TokenWithSpan>, token: Token) -> Token {
    let Some(TokenWithSpan { token: Token::Word(word), .. }) = tokens.last() else { return token };
    let name = word.value.to_ascii_lowercase();
    if word.quote_style.is_some() || !INTRODUCERS.contains(&name.as_str()) {
        return token;
    }
    match token {
        // Bytes are read in their set later.
        Token::SingleQuotedString(_) if name != "_binary" => {
            tokens.pop();
            token
        }
        other => other,
    }
}

/// Reads one token after the other.
struct Scanner<'a> {
    sql: &'a str,
    mode: Mode,
    position: usize,
    parameters: usize,
    in_version_comment: bool,
    after_period: bool,
}

impl<'a> Scanner<'a> {
    fn new(sql: &'a str, mode: Mode) -> Self {
        Self { sql, mode, position: 0, parameters: 0, in_version_comment: false, after_period: false }
    }

    /// The next token and where it starts.
    fn next(&mut self) -> Result<Option<(usize, Token)>, Unreadable> {
        self.skip_blanks()?;
        let start = self.position;
        let Some(&first) = self.sql.as_bytes().get(start) else { return Ok(None) };
        let after_period = std::mem::replace(&mut self.after_period, first == b'.');
        let token = match first {
            b'\'' => Token::SingleQuotedString(self.string(b'\'')?),
            b'"' if self.mode.ansi_quotes => Token::make_word(&self.quoted_name(b'"')?, Some('"')),
            b'"' => Token::SingleQuotedString(self.string(b'"')?),
            b'`' => Token::make_word(&self.quoted_name(b'`')?, Some('`')),
            b'n' | b'N' if self.peek(1) == Some(b'\'') => {
                self.position += 1;
                Token::SingleQuotedString(self.string(b'\'')?)
            }
            b'x' | b'X' if self.peek(1) == Some(b'\'') => self.radix_string(16)?,
            b'b' | b'B' if self.peek(1) == Some(b'\'') => self.radix_string(2)?,
            b'0'..=b'9' if !after_period => self.number_or_name(),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) && !self.follows_name(start) => {
                self.after_period = false;
                self.number()
            }
            b'@' => self.variable()?,
            b'?' => {
                self.position += 1;
                self.parameters += 1;
                Token::Placeholder(format!("${}", self.parameters))
            }
            _ if is_name(first) => Token::make_word(self.name(), None),
            _ => self.operator()?,
        };
        Ok(Some((start, token)))
    }

    /// Skips blanks and comments. A version comment's text is read as if it were not in a comment.
    fn skip_blanks(&mut self) -> Result<(), Unreadable> {
        loop {
            let rest = &self.sql[self.position..];
            let blank = rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\0').len();
            self.position += blank;
            let rest = &self.sql[self.position..];
            let line_comment = rest.starts_with('#')
                || rest.strip_prefix("--").is_some_and(|tail| {
                    tail.chars().next().is_none_or(|c| c.is_whitespace() || c.is_control())
                });
            if line_comment {
                self.position += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(tail) = rest.strip_prefix("/*!") {
                let digits = tail.bytes().take(6).take_while(u8::is_ascii_digit).count();
                let version = if digits >= 5 { tail[..digits].parse().unwrap_or(u32::MAX) } else { 0 };
                if version <= VERSION {
                    self.position += 3 + if digits >= 5 { digits } else { 0 };
                    self.in_version_comment = true;
                } else {
                    self.skip_comment(rest)?;
                }
            } else if rest.starts_with("/*") {
                self.skip_comment(rest)?;
            } else if self.in_version_comment && rest.starts_with("*/") {
                self.position += 2;
                self.in_version_comment = false;
            } else {
                return Ok(());
            }
        }
    }

    /// Skips a comment. One that is not executed for its version may hold another.
    fn skip_comment(&mut self, rest: &str) -> Result<(), Unreadable> {
        let unclosed = Unreadable { offset: self.position };
        let end = rest[2..].find("*/").ok_or(Unreadable { offset: self.position })? + 2;
        let inner = rest.starts_with("/*!") && rest[3..end].contains("/*");
        let end = if inner { rest[end + 2..].find("*/").ok_or(unclosed)? + end + 2 } else { end };
        self.position += end + 2;
        Ok(())
    }

    /// A string in quotes; its quote doubled stands for itself, `\` escapes.
    fn string(&mut self, quote: u8) -> Result<String, Unreadable> {
        let start = self.position;
        let text = &self.sql[start + 1..];
        let mut value = String::new();
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == char::from(quote) {
                if characters.next_if(|(_, next)| *next == character).is_some() {
                    value.push(character);
                    continue;
                }
                self.position = start + 1 + at + 1;
                return Ok(value);
            }
            if character != '\\' || self.mode.no_backslash_escapes {
                value.push(character);
                continue;
            }
            match characters.next() {
                Some((_, '0')) => value.push('\0'),
                Some((_, 'b')) => value.push('\u{8}'),
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'Z')) => value.push('\u{1a}'),
                // These two keep their backslash, for LIKE.
                Some((_, escaped @ ('%' | '_'))) => value.extend(['\\', escaped]),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            }
        }
        Err(Unreadable { offset: start })
    }

    /// A name in quotes; its quote doubled stands for itself.
    fn quoted_name(&mut self, quote: u8) -> Result<String, Unreadable> {
        let start = self.position;
        let quote = char::from(quote);
        let mut value = String::new();
        let mut characters = self.sql[start + 1..].char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character != quote {
                value.push(character);
            } else if characters.next_if(|(_, next)| *next == quote).is_some() {
                value.push(quote);
            } else {
                self.position = start + 1 + at + 1;
                return Ok(value);
            }
        }
        Err(Unreadable { offset: start })
    }

    /// `x'1f'` and `b'101'`.
    fn radix_string(&mut self, radix: u32) -> Result<Token, Unreadable> {
        let start = self.position;
        self.position += 1;
        let digits = self.string(b'\'')?;
        // Two digits are a byte; only 0x4 may have half of one.
        match radix == 16 && !digits.len().is_multiple_of(2) {
            true => Err(Unreadable { offset: start }),
            false => radix_literal(&digits, radix, start),
        }
    }

    fn number_or_name(&mut self) -> Token {
        let rest = &self.sql[self.position..];
        for (prefix, radix) in [("0x", 16), ("0b", 2)] {
            let Some(tail) = rest.strip_prefix(prefix) else { continue };
            let digits: usize = tail.chars().take_while(|c| c.is_digit(radix)).count();
            let ends = tail[digits..].bytes().next().is_none_or(|next| !is_name(next));
            if digits > 0
                && ends
                && let Ok(token) = radix_literal(&tail[..digits], radix, self.position)
            {
                self.position += 2 + digits;
                return token;
            }
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = rest.as_bytes().get(digits).copied();
        let exponent = matches!(after, Some(b'e' | b'E')) && exponent_length(&rest[digits..]) > 0;
        if after.is_some_and(is_name) && !exponent {
            Token::make_word(self.name(), None)
        } else {
            self.number()
        }
    }

    /// Digits, a point, digits, an exponent. A missing part before or after the point is made up as zero.
    fn number(&mut self) -> Token {
        let rest = &self.sql[self.position..];
        let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
        let mut length = whole;
        let mut text = if whole == 0 { String::from("0") } else { rest[..whole].to_owned() };
        if rest[length..].starts_with('.') {
            let fraction = rest[length + 1..].bytes().take_while(u8::is_ascii_digit).count();
            if fraction > 0 {
                text.push_str(&rest[length..=length + fraction]);
            }
            length += 1 + fraction;
        }
        let exponent = exponent_length(&rest[length..]);
        text.push_str(&rest[length..length + exponent]);
        self.position += length + exponent;
        Token::Number(text, false)
    }

    /// `@name`, `@'name'`, `@@name`, `@@scope.name`: one word that begins with `@`.
    fn variable(&mut self) -> Result<Token, Unreadable> {
        let start = self.position;
        self.position += 1;
        let mut value = String::from("@");
        if self.peek(0) == Some(b'@') {
            self.position += 1;
            value.push('@');
        }
        loop {
            match self.peek(0) {
                Some(b'`') => value.push_str(&self.quoted_name(b'`')?),
                Some(quote @ (b'\'' | b'"')) => value.push_str(&self.string(quote)?),
                Some(first) if is_name(first) => value.push_str(self.name()),
                _ => return Err(Unreadable { offset: start }),
            }
            // A user variable's name may have points; a system variable's scope ends with one.
            if self.peek(0) != Some(b'.') {
                break;
            }
            self.position += 1;
            value.push('.');
        }
        Ok(Token::make_word(&value, None))
    }

    fn name(&mut self) -> &'a str {
        let rest = &self.sql[self.position..];
        let length = rest.bytes().take_while(|&byte| is_name(byte)).count();
        self.position += length;
        &rest[..length]
    }

    fn operator(&mut self) -> Result<Token, Unreadable> {
        const OPERATORS: [(&str, Token); 35] = [
            ("->>", Token::LongArrow),
            ("<=>", Token::Spaceship),
            ("->", Token::Arrow),
            (":=", Token::Assignment),
            ("<>", Token::Neq),
            ("!=", Token::Neq),
            ("<=", Token::LtEq),
            (">=", Token::GtEq),
            ("<<", Token::ShiftLeft),
            (">>", Token::ShiftRight),
            ("&&", Token::Overlap),
            ("||", Token::StringConcat),
            ("=", Token::Eq),
            ("<", Token::Lt),
            (">", Token::Gt),
            ("+", Token::Plus),
            ("-", Token::Minus),
            ("*", Token::Mul),
            ("/", Token::Div),
            ("%", Token::Mod),
            ("(", Token::LParen),
            (")", Token::RParen),
            (",", Token::Comma),
            (".", Token::Period),
            (";", Token::SemiColon),
            ("!", Token::ExclamationMark),
            ("~", Token::Tilde),
            ("^", Token::Caret),
            ("|", Token::Pipe),
            ("&", Token::Ampersand),
            ("{", Token::LBrace),
            ("}", Token::RBrace),
            (":", Token::Colon),
            ("[", Token::LBracket),
            ("]", Token::RBracket),
        ];
        let rest = &self.sql[self.position..];
        let (text, token) = OPERATORS
            .iter()
            .find(|(text, _)| rest.starts_with(text))
            .ok_or(Unreadable { offset: self.position })?;
        self.position += text.len();
        Ok(token.clone())
    }

    fn peek(&self, distance: usize) -> Option<u8> {
        self.sql.as_bytes().get(self.position + distance).copied()
    }

    /// Whether the character before is a name's: then `.5` is not a number but a column called `5`.
    fn follows_name(&self, start: usize) -> bool {
        start > 0 && matches!(self.sql.as_bytes()[start - 1], before if is_name(before) || before == b'`')
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn exponent_length(text: &str) -> usize {
    let Some(tail) = text.strip_prefix(['e', 'E']) else { return 0 };
    let sign = usize::from(tail.starts_with(['+', '-']));
    let digits = tail[sign..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 { 0 } else { 1 + sign + digits }
}

/// The hexadecimal digits, an even number of them, of a literal in base 2 or 16.
fn radix_literal(digits: &str, radix: u32, offset: usize) -> Result<Token, Unreadable> {
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Unreadable { offset });
    }
    let hex = if radix == 16 {
        digits.to_owned()
    } else {
        let padded = format!("{}{digits}", "0".repeat((8 - digits.len() % 8) % 8));
        (0..padded.len())
            .step_by(4)
            .filter_map(|at| char::from_digit(u32::from_str_radix(&padded[at..at + 4], 2).ok()?, 16))
            .collect()
    };
    let even = if hex.len().is_multiple_of(2) { hex } else { format!("0{hex}") };
    Ok(Token::HexStringLiteral(even))
}
