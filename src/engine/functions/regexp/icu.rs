//! ICU's regular expressions, which are MySQL's, as those of the crates that match them. It knows their syntax and matches
//! nothing.
//!
//! Most of the syntax is the same. What is not: `.`, `^` and `$` know more ends of lines, classes of POSIX know more than
//! ASCII, `++` is possessive, and there are escapes that the crates have not or read otherwise.

use super::refused;
use crate::engine::functions::error::Error;

/// What the match type of a call says, and flags in the pattern.
#[derive(Clone, Copy, Debug, Default)]
pub struct Modes {
    /// `^` and `$` are at the ends of lines.
    pub multi_line: bool,
    /// `.` is any character.
    pub dot_all: bool,
    /// Only `\n` ends a line.
    pub unix_lines: bool,
    /// Blanks in the pattern mean nothing.
    pub comments: bool,
}

/// A pattern as the crates read it.
#[derive(Debug, Default)]
pub struct Written {
    /// Without look-around for the ends of lines: right for texts that have none where it looks for them.
    pub plain: String,
    /// Right for all texts, with look-around.
    pub full: String,
    /// Where texts may have ends of lines that the plain one misses.
    pub line_ends: LineEnds,
    /// Whether only backtracking can match it: look-around, back-references, what is possessive.
    pub backtracks: bool,
}

/// Where a pattern asks for ends of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineEnds {
    /// Nowhere.
    #[default]
    Nowhere,
    /// At the end of the text.
    AtEnd,
    /// Between lines.
    Anywhere,
}

/// What ends a line, as members of a class.
const LINE_ENDS: &str = r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}";

/// Classes of POSIX as members of a class; all others are properties of Unicode.
const CLASSES: [(&str, &str); 13] = [
    ("alpha", r"\p{Alphabetic}"),
    ("alnum", r"\p{Alphabetic}\p{Nd}"),
    ("ascii", r"\x00-\x7F"),
    ("blank", r"\t\p{Zs}"),
    ("cntrl", r"\p{Cc}"),
    ("digit", r"\p{Nd}"),
    ("graph", r"[^\s\p{Cc}\p{Cn}]"),
    ("lower", r"\p{Lowercase}"),
    ("print", r"[^\p{Zl}\p{Zp}\p{Cc}\p{Cn}]"),
    ("punct", r"\p{P}"),
    ("space", r"\s"),
    ("upper", r"\p{Uppercase}"),
    ("xdigit", r"\p{Nd}\p{Hex_Digit}"),
];

/// Rewrites a pattern.
pub fn rewrite(pattern: &str, modes: Modes) -> Result<Written, Error> {
    let mut writer = Writer {
        rest: pattern,
        written: Written::default(),
        modes,
        outer: Vec::new(),
        groups: 0,
        referred: 0,
        last: Last::Nothing,
    };
    while let Some(character) = writer.rest.chars().next() {
        writer.part(character)?;
    }
    match writer.referred > writer.groups {
        true => Err(refused(3694, "Invalid back-reference in regular expression.")),
        false => Ok(writer.written),
    }
}

/// What stands before a place of a pattern, for the quantifier that may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Atom,
    Quantifier,
}

struct Writer<'p> {
    rest: &'p str,
    written: Written,
    modes: Modes,
    /// The modes outside of each open group.
    outer: Vec<Modes>,
    /// Groups that capture, so far.
    groups: usize,
    /// The highest group that was referred to.
    referred: usize,
    last: Last,
}

impl Writer<'_> {
    fn part(&mut self, character: char) -> Result<(), Error> {
        match character {
            '\\' => return self.escape(),
            '[' => {
                self.class()?;
                self.last = Last::Atom;
            }
            '(' => return self.group(),
            ')' => {
                self.modes = self.outer.pop().unwrap_or(self.modes);
                self.copy(1);
                self.last = Last::Atom;
            }
            '|' => {
                self.copy(1);
                self.last = Last::Nothing;
            }
            '*' | '+' | '?' => return self.quantifier(1),
            '{' => {
                let length = self.rest.find('}').map_or(self.rest.len(), |end| end + 1);
                return self.quantifier(length);
            }
            '.' => {
                self.skip(1);
                match self.modes {
                    Modes { dot_all: true, .. } => self.put("(?s:.)"),
                    Modes { unix_lines: true, .. } => self.put(r"[^\n]"),
                    _ => self.put(&format!("[^{LINE_ENDS}]")),
                }
                self.last = Last::Atom;
            }
            '^' => {
                self.skip(1);
                match self.modes.multi_line {
                    true => self.line_end("(?m:^)", |ends| format!(r"(?:\A|(?<={ends})(?!\z))")),
                    false => self.put(r"\A"),
                }
                self.last = Last::Atom;
            }
            '$' => {
                self.skip(1);
                match self.modes.multi_line {
                    true => self.line_end("(?m:$)", |ends| format!(r"(?={ends}|\z)")),
                    false => self.end_of_text(),
                }
                self.last = Last::Atom;
            }
            '#' if self.modes.comments => {
                let length = self.rest.find('\n').unwrap_or(self.rest.len());
                self.skip(length);
            }
            blank if self.modes.comments && blank.is_whitespace() => self.skip(blank.len_utf8()),
            other => {
                self.copy(other.len_utf8());
                self.last = Last::Atom;
            }
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn put(&mut self, text: &str) {
        self.written.plain.push_str(text);
        self.written.full.push_str(text);
    }

    fn copy(&mut self, bytes: usize) {
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.put(text);
    }

    /// The end or the beginning of a line.
    fn line_end(&mut self, plain: &str, full: impl Fn(&str) -> String) {
        let ends = if self.modes.unix_lines { r"\n".to_owned() } else { format!("[{LINE_ENDS}]") };
        self.written.plain.push_str(plain);
        self.written.full.push_str(&full(&ends));
        self.written.line_ends = LineEnds::Anywhere;
    }

    /// The end of the text, or what is before the end of its last line.
    fn end_of_text(&mut self) {
        self.written.plain.push_str(r"\z");
        match self.modes.unix_lines {
            true => self.written.full.push_str(r"(?=\n?\z)"),
            false => self.written.full.push_str(&format!(r"(?=(?:\r\n|[{LINE_ENDS}])?\z)")),
        }
        self.written.line_ends = self.written.line_ends.max(LineEnds::AtEnd);
    }

    /// `*`, `{1,2}` and their like, lazy with `?` and possessive with `+`.
    fn quantifier(&mut self, length: usize) -> Result<(), Error> {
        if self.last != Last::Atom {
            return Err(refused(3688, "Syntax error in regular expression: nothing to repeat."));
        }
        self.copy(length);
        match self.rest.as_bytes().first() {
            Some(b'?') => self.copy(1),
            Some(b'+') => {
                self.copy(1);
                self.written.backtracks = true;
            }
            _ => {}
        }
        self.last = Last::Quantifier;
        Ok(())
    }

    fn group(&mut self) -> Result<(), Error> {
        if self.rest.starts_with("(?#") {
            let end = self.rest.find(')').ok_or_else(mismatched)?;
            self.skip(end + 1);
            return Ok(());
        }
        let Some(kind) = self.rest.strip_prefix("(?") else {
            self.groups += 1;
            self.open(1);
            return Ok(());
        };
        let look_around = ["=", "!", "<=", "<!"].into_iter().find(|kind_of| kind.starts_with(kind_of));
        if let Some(look_around) = look_around {
            self.written.backtracks = true;
            self.open(2 + look_around.len());
        } else if kind.starts_with('>') {
            self.written.backtracks = true;
            self.open(3);
        } else if kind.starts_with(':') {
            self.open(3);
        } else if kind.starts_with('<') {
            self.groups += 1;
            let end = self.rest.find('>').ok_or_else(mismatched)?;
            self.open(end + 1);
        } else {
            return self.flags();
        }
        Ok(())
    }

    /// Begins a group whose first bytes are so many.
    fn open(&mut self, bytes: usize) {
        self.outer.push(self.modes);
        self.copy(bytes);
        self.last = Last::Nothing;
    }

    /// `(?i)` for all that follows in its group, and `(?i:…)`.
    fn flags(&mut self) -> Result<(), Error> {
        let (mut modes, mut on) = (self.modes, true);
        let mut case = None;
        self.skip(2);
        loop {
            let Some(flag) = self.rest.chars().next() else { return Err(mismatched()) };
            self.skip(flag.len_utf8());
            match flag {
                '-' => on = false,
                'i' => case = Some(on),
                'm' => modes.multi_line = on,
                's' => modes.dot_all = on,
                'd' => modes.unix_lines = on,
                'x' => modes.comments = on,
                ':' | ')' => {
                    let case = case.map_or("", |on| if on { "i" } else { "-i" });
                    if flag == ':' {
                        self.outer.push(self.modes);
                        self.put(&format!("(?{case}:"));
                    } else if !case.is_empty() {
                        self.put(&format!("(?{case})"));
                    }
                    self.modes = modes;
                    self.last = Last::Nothing;
                    return Ok(());
                }
                'w' => return Err(unimplemented()),
                other => {
                    return Err(refused(3688, &format!("Syntax error in regular expression: (?{other}.")));
                }
            }
        }
    }

    /// An escape outside of brackets.
    fn escape(&mut self) -> Result<(), Error> {
        let Some(letter) = self.rest[1..].chars().next() else { return Err(bad_escape()) };
        let length = 1 + letter.len_utf8();
        let known = match letter {
            'R' => Some(format!(r"(?:\r\n|[{LINE_ENDS}])")),
            'h' => Some(r"[\t\p{Zs}]".to_owned()),
            'H' => Some(r"[^\t\p{Zs}]".to_owned()),
            'v' => Some(format!("[{LINE_ENDS}]")),
            'V' => Some(format!("[^{LINE_ENDS}]")),
            // A character with the marks that belong to it.
            'X' => Some(r"(?:\r\n|\P{M}\p{M}*|\p{M}+)".to_owned()),
            _ => None,
        };
        match letter {
            'Q' => {
                let quoted = &self.rest[length..];
                let end = quoted.find(r"\E").unwrap_or(quoted.len());
                let written = regex::escape(&quoted[..end]);
                self.rest = quoted[end..].strip_prefix(r"\E").unwrap_or_default();
                self.put(&written);
                if written.is_empty() {
                    return Ok(());
                }
            }
            'E' => {
                self.skip(length);
                return Ok(());
            }
            'Z' => {
                self.skip(length);
                self.end_of_text();
            }
            'G' => {
                self.copy(length);
                self.written.backtracks = true;
            }
            '1'..='9' => self.reference(),
            'k' => {
                let end = self.rest.find('>').ok_or_else(bad_escape)?;
                self.copy(end + 1);
                self.written.backtracks = true;
            }
            'A' | 'b' | 'B' | 'z' => self.copy(length),
            _ => match known {
                Some(known) => {
                    self.skip(length);
                    self.put(&known);
                }
                None => self.character(letter)?,
            },
        }
        self.last = Last::Atom;
        Ok(())
    }

    /// `\12` is the twelfth group where there are so many, otherwise the first one and a 2.
    fn reference(&mut self) {
        let mut group = 0;
        let mut length = 1;
        while let Some(digit) = self.rest[length..].chars().next().and_then(|digit| digit.to_digit(10)) {
            let next = group * 10 + digit as usize;
            if length > 1 && next > self.groups {
                break;
            }
            group = next;
            length += 1;
        }
        self.skip(length);
        self.put(&format!(r"(?:\{group})"));
        self.referred = self.referred.max(group);
        self.written.backtracks = true;
    }

    /// An escape that is one character or a class, in brackets and outside of them.
    fn character(&mut self, letter: char) -> Result<(), Error> {
        let after = &self.rest[1 + letter.len_utf8()..];
        let digits = |most: usize, radix: u32| {
            after.chars().take(most).take_while(|digit| digit.is_digit(radix)).count()
        };
        let (code, length) = match letter {
            'e' => (Some(0x1B), 0),
            '0' => {
                let length = digits(3, 8);
                (u32::from_str_radix(&after[..length], 8).ok(), length)
            }
            'u' | 'U' => {
                let length = if letter == 'u' { 4 } else { 8 };
                if digits(length, 16) < length {
                    return Err(bad_escape());
                }
                (u32::from_str_radix(&after[..length], 16).ok(), length)
            }
            'c' => {
                let control = after.chars().next().ok_or_else(bad_escape)?;
                (Some(u32::from(control) & 0x1F), control.len_utf8())
            }
            'x' => {
                let braces = after.starts_with('{').then(|| after.find('}')).flatten();
                match braces {
                    Some(end) => (u32::from_str_radix(&after[1..end], 16).ok(), end + 1),
                    None => {
                        let length = digits(2, 16);
                        (u32::from_str_radix(&after[..length], 16).ok(), length)
                    }
                }
            }
            'p' | 'P' => {
                let length = after.find('}').ok_or_else(bad_escape)? + 1;
                self.copy(2 + length);
                return Ok(());
            }
            'a' | 'd' | 'D' | 'f' | 'n' | 'r' | 's' | 'S' | 't' | 'w' | 'W' => {
                self.copy(2);
                return Ok(());
            }
            'N' => return Err(unimplemented()),
            other if other.is_ascii_alphabetic() => return Err(bad_escape()),
            other => (Some(u32::from(other)), 0),
        };
        let code = code.filter(|code| char::from_u32(*code).is_some()).ok_or_else(bad_escape)?;
        self.skip(1 + letter.len_utf8() + length);
        self.put(&format!(r"\x{{{code:X}}}"));
        Ok(())
    }

    /// `[…]`, in which there may be others.
    fn class(&mut self) -> Result<(), Error> {
        let mut depth = 0;
        loop {
            let Some(character) = self.rest.chars().next() else {
                return Err(refused(3696, "The regular expression contains an unclosed bracket expression."));
            };
            match character {
                '[' if self.rest.starts_with("[:") && self.rest.contains(":]") => self.posix_class()?,
                '[' => {
                    depth += 1;
                    self.copy(if self.rest.starts_with("[^") { 2 } else { 1 });
                    // The first bracket stands for itself.
                    if self.rest.starts_with(']') {
                        self.skip(1);
                        self.put(r"\]");
                    }
                }
                ']' => {
                    depth -= 1;
                    self.copy(1);
                }
                '\\' => self.escape_in_class()?,
                // Characters that mean something to the crates and nothing here.
                '~' => {
                    self.skip(1);
                    self.put(r"\~");
                }
                other => self.copy(other.len_utf8()),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// `[:alpha:]` in brackets, or for itself.
    fn posix_class(&mut self) -> Result<(), Error> {
        let illegal = || refused(3685, "Illegal argument to a regular expression.");
        let end = self.rest.find(":]").ok_or_else(illegal)?;
        let name = &self.rest[2..end];
        let (negated, name) = name.strip_prefix('^').map_or(("", name), |name| ("^", name));
        let known = CLASSES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let members = known.map_or_else(|| format!(r"\p{{{name}}}"), |(_, members)| (*members).to_owned());
        let class = format!("[{negated}{members}]");
        if known.is_none() && regex::Regex::new(&class).is_err() {
            return Err(illegal());
        }
        self.skip(end + 2);
        self.put(&class);
        Ok(())
    }

    fn escape_in_class(&mut self) -> Result<(), Error> {
        let Some(letter) = self.rest[1..].chars().next() else { return Err(bad_escape()) };
        let members = match letter {
            'h' => r"\t\p{Zs}".to_owned(),
            'H' => r"[^\t\p{Zs}]".to_owned(),
            'v' => LINE_ENDS.to_owned(),
            'V' => format!("[^{LINE_ENDS}]"),
            'b' => r"\x08".to_owned(),
            _ => return self.character(letter),
        };
        self.skip(2);
        self.put(&members);
        Ok(())
    }
}

fn mismatched() -> Error {
    refused(3691, "Mismatched parenthesis in regular expression.")
}

fn bad_escape() -> Error {
    refused(3689, "Unrecognized escape sequence in regular expression.")
}

fn unimplemented() -> Error {
    refused(
        3690,
        "The regular expression contains a feature that is not implemented in this library version.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        fn check(pattern: &str, plain: &str, backtracks: bool) {
            let written = rewrite(pattern, Modes::default()).unwrap();
            assert_eq!((written.plain.as_str(), written.backtracks), (plain, backtracks), "{pattern}");
        }
        check("ab+c", "ab+c", false);
        check("a++", "a++", true);
        check("^a$", r"\Aa\z", false);
        check(r"\Qa.b\E+", r"a\.b+", false);
        check("a(?#note)b", "ab", false);
        check("(?s)a.(?-s:b)", "a(?s:.)(?:b)", false);
        check("(?x) a b # c", "ab", false);
        check(r"(a)\1", r"(a)(?:\1)", true);
        check("[[:alpha:]_]", r"[[\p{Alphabetic}]_]", false);
        check("[]a]", r"[\]a]", false);
        check("(?<x>b)", "(?<x>b)", false);
        check("(?<=b)c", "(?<=b)c", true);
    }

    #[test]
    fn errors() {
        fn check(pattern: &str, expected: u16) {
            let error = rewrite(pattern, Modes::default()).unwrap_err();
            assert!(matches!(error, Error::Regexp { code, .. } if code == expected), "{pattern}: {error}");
        }
        check("a**", 3688);
        check("*a", 3688);
        check("[[:foo:]]", 3685);
        check("[[:<:]]foo", 3685);
        check("[a", 3696);
        check(r"(a)\2", 3694);
        check(r"\y", 3689);
    }
}
