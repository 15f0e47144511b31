//! Regular expressions: REGEXP, REGEXP_LIKE, REGEXP_INSTR, REGEXP_REPLACE, REGEXP_SUBSTR; and LIKE for JSON_SEARCH.
//!
//! Patterns are those of the crate `regex`, which takes time linear in the text whatever the pattern is. It has no
//! look-around and no back-references: a pattern with one is refused, never misread.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;
use regex::{Captures, Regex, RegexBuilder};

use super::convert::Cells;
use super::error::Error;
use super::signature::{Call, Function, is_binary, returns};

/// The most bytes of a compiled pattern.
const SIZE_LIMIT: usize = 4 << 20;

/// The functions of regular expressions.
pub fn functions() -> Vec<Function> {
    vec![
        // What LIKE … ESCAPE compares with.
        Function::new("mysql_like_pattern", 2..=2, returns::text, like_pattern),
        Function::new("mysql_regexp", 2..=2, returns::boolean, |call| matches(call, None)),
        Function::new("regexp_like", 2..=3, returns::boolean, |call| matches(call, Some(2))),
        Function::new("regexp_instr", 2..=6, returns::int, position),
        Function::new("regexp_substr", 2..=5, returns::text, substring),
        Function::new("regexp_replace", 3..=6, returns::text, replace),
    ]
}

/// The pattern of each row, compiled when it changes.
struct Patterns {
    pattern: Cells<StringViewArray>,
    modes: Option<Cells<StringViewArray>>,
    ignore_case: bool,
    last: RefCell<Option<(String, String, Rc<Regex>)>>,
}

impl Patterns {
    fn of(call: &Call<'_>, modes: Option<usize>) -> Result<Self> {
        let modes = modes.filter(|argument| *argument < call.count());
        Ok(Self {
            pattern: call.text(1)?,
            modes: modes.map(|argument| call.text(argument)).transpose()?,
            // The collation is binary: letters match themselves only.
            ignore_case: false,
            last: RefCell::new(None),
        })
    }

    fn at(&self, row: usize) -> Result<Option<Rc<Regex>>, Error> {
        let Some(pattern) = self.pattern.at(row) else { return Ok(None) };
        let modes = match &self.modes {
            Some(modes) => match modes.at(row) {
                Some(modes) => modes,
                None => return Ok(None),
            },
            None => "",
        };
        if let Some((last, last_modes, regex)) = &*self.last.borrow()
            && last == pattern
            && last_modes == modes
        {
            return Ok(Some(Rc::clone(regex)));
        }
        let regex = Rc::new(compile(pattern, modes, self.ignore_case)?);
        *self.last.borrow_mut() = Some((pattern.to_owned(), modes.to_owned(), Rc::clone(&regex)));
        Ok(Some(regex))
    }
}

fn compile(pattern: &str, modes: &str, ignore_case: bool) -> Result<Regex, Error> {
    if pattern.is_empty() {
        return Err(refused(3685, "Illegal argument to a regular expression."));
    }
    let pattern = as_icu(pattern);
    let mut builder = RegexBuilder::new(&pattern);
    builder.size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).case_insensitive(ignore_case);
    for mode in modes.chars() {
        match mode {
            'c' => builder.case_insensitive(false),
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            'n' => builder.dot_matches_new_line(true),
            'u' => &mut builder,
            _ => return Err(Error::Arguments { function: "regexp_like".to_owned() }),
        };
    }
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => too_complex(),
        error => misread(&error.to_string()),
    })
}

fn refused(code: u16, reason: &str) -> Error {
    Error::Regexp { code, reason: reason.to_owned() }
}

fn too_complex() -> Error {
    refused(3700, "The regular expression pattern is too complex.")
}

fn out_of_bounds() -> Error {
    refused(3686, "Index out of bounds in regular expression search.")
}

/// What the crate says of a pattern, as MySQL says it. The last line says what is wrong, those before show where.
fn misread(text: &str) -> Error {
    let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    match last {
        "unclosed group" | "unopened group" => refused(3691, "Mismatched parenthesis in regular expression."),
        "unclosed character class" => {
            refused(3696, "The regular expression contains an unclosed bracket expression.")
        }
        last if last.starts_with("exceed the maximum number of nested") => too_complex(),
        last if last.starts_with("invalid character class range") => {
            refused(3697, "The regular expression contains an [x-y] character range where x comes after y.")
        }
        last if last.starts_with("invalid repetition count range") => {
            refused(3693, "The maximum is less than the minumum in a {min,max} interval.")
        }
        last if last.contains("counted repetition") || last.contains("repetition quantifier expects") => {
            refused(3692, "Incorrect description of a {min,max} interval.")
        }
        last => refused(3688, &format!("Syntax error in regular expression: {last}.")),
    }
}

/// What ICU's patterns have and the crate has not, or reads as ASCII: `\X`, a character with the marks that belong to
/// it, and classes of POSIX inside of brackets.
fn as_icu(pattern: &str) -> Cow<'_, str> {
    const CLASSES: [(&str, &str); 7] = [
        ("[:alpha:]", r"\p{Alphabetic}"),
        ("[:alnum:]", r"\p{Alphabetic}\p{Nd}"),
        ("[:digit:]", r"\p{Nd}"),
        ("[:lower:]", r"\p{Lowercase}"),
        ("[:upper:]", r"\p{Uppercase}"),
        ("[:punct:]", r"\p{P}"),
        ("[:space:]", r"\s"),
    ];
    if !pattern.contains("\\X") && !pattern.contains("[:") {
        return Cow::Borrowed(pattern);
    }
    let mut written = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut brackets = false;
    while let Some(character) = rest.chars().next() {
        let class = CLASSES.iter().find(|(class, _)| brackets && rest.starts_with(class));
        if let Some((class, known)) = class {
            written.push_str(known);
            rest = &rest[class.len()..];
            continue;
        }
        if !brackets && rest.starts_with("\\X") {
            written.push_str(r"(?:\r\n|\P{M}\p{M}*|\p{M}+)");
            rest = &rest[2..];
            continue;
        }
        // What is escaped begins and ends nothing.
        let length = match character {
            '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            other => other.len_utf8(),
        };
        match character {
            '[' => brackets = true,
            ']' => brackets = false,
            _ => {}
        }
        written.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(written)
}

/// A pattern of LIKE with another escape, which is at most one character.
fn like_pattern(call: &Call<'_>) -> Result<ArrayRef> {
    let (pattern, escape) = (call.text(0)?, call.text(1)?);
    call.try_texts(|row, out| {
        let Some(pattern) = pattern.at(row) else { return Ok(None) };
        // NULL is the default.
        let mut escape = escape.at(row).unwrap_or("\\").chars();
        let first = escape.next();
        if escape.next().is_some() {
            return Err(Error::Arguments { function: "ESCAPE".to_owned() }.into());
        }
        out.push_str(&plain_pattern(pattern, first));
        Ok(Some(()))
    })
}

/// A pattern of LIKE in which only `\%`, `\_` and `\\` are escapes.
pub fn plain_pattern(pattern: &str, escape: Option<char>) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        // At the end an escape stands for itself.
        let literal =
            if Some(character) == escape { Some(characters.next().unwrap_or(character)) } else { None };
        match (literal, character) {
            (Some(escaped @ ('%' | '_' | '\\')), _) => plain.extend(['\\', escaped]),
            (Some(escaped), _) => plain.push(escaped),
            (None, '\\') => plain.push_str("\\\\"),
            (None, other) => plain.push(other),
        }
    }
    plain
}

/// A text argument of REGEXP; a binary string is refused, as in MySQL.
fn subject(call: &Call<'_>) -> Result<Cells<StringViewArray>> {
    if is_binary(call.kind(0)) && !is_binary(call.kind(1)) {
        let reason = format!(
            "Character set 'binary' cannot be used in conjunction with 'utf8mb4_bin' in call to {}.",
            call.function
        );
        return Err(Error::Regexp { code: 3995, reason }.into());
    }
    call.text(0)
}

fn matches(call: &Call<'_>, modes: Option<usize>) -> Result<ArrayRef> {
    let (text, patterns) = (subject(call)?, Patterns::of(call, modes)?);
    call.try_booleans(|row| {
        let (Some(text), Some(pattern)) = (text.at(row), patterns.at(row)?) else { return Ok(None) };
        Ok(Some(pattern.is_match(text)))
    })
}

/// An optional argument that is a number.
struct Number(Option<Cells<arrow::array::Int64Array>>, i64);

impl Number {
    fn of(call: &Call<'_>, argument: usize, default: i64) -> Result<Self> {
        let given = if argument < call.count() { Some(call.int(argument)?) } else { None };
        Ok(Self(given, default))
    }

    fn at(&self, row: usize) -> Option<i64> {
        match &self.0 {
            Some(cells) => cells.at(row),
            None => Some(self.1),
        }
    }
}

/// Where a search begins: characters from one.
fn start(text: &str, position: i64) -> Result<usize, Error> {
    let skipped = usize::try_from(position.saturating_sub(1)).map_err(|_| out_of_bounds())?;
    match text.char_indices().nth(skipped) {
        Some((offset, _)) => Ok(offset),
        None if skipped == text.chars().count() => Ok(text.len()),
        None => Err(out_of_bounds()),
    }
}

fn position(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, patterns) = (subject(call)?, Patterns::of(call, Some(5))?);
    let (from, occurrence, end) = (Number::of(call, 2, 1)?, Number::of(call, 3, 1)?, Number::of(call, 4, 0)?);
    call.try_primitives::<arrow::datatypes::Int64Type>(|row| {
        let (Some(text), Some(pattern)) = (text.at(row), patterns.at(row)?) else { return Ok(None) };
        let (Some(from), Some(occurrence), Some(end)) = (from.at(row), occurrence.at(row), end.at(row))
        else {
            return Ok(None);
        };
        if !(0..=1).contains(&end) {
            let function = "regexp_instr: return_option must be 1 or 0.".to_owned();
            return Err(Error::Arguments { function }.into());
        }
        let start = start(text, from)?;
        let nth = occurrence.max(1) as usize - 1;
        let found = pattern.find_iter(&text[start..]).nth(nth);
        Ok(Some(found.map_or(0, |found| {
            let offset = start + if end == 1 { found.end() } else { found.start() };
            text[..offset].chars().count() as i64 + 1
        })))
    })
}

fn substring(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, patterns) = (subject(call)?, Patterns::of(call, Some(4))?);
    let (from, occurrence) = (Number::of(call, 2, 1)?, Number::of(call, 3, 1)?);
    call.try_texts(|row, out| {
        let (Some(text), Some(pattern)) = (text.at(row), patterns.at(row)?) else { return Ok(None) };
        let (Some(from), Some(occurrence)) = (from.at(row), occurrence.at(row)) else { return Ok(None) };
        let start = start(text, from)?;
        let found = pattern.find_iter(&text[start..]).nth(occurrence.max(1) as usize - 1);
        Ok(found.map(|found| out.push_str(found.as_str())))
    })
}

/// All occurrences, or with a number only that one.
fn replace(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, patterns, replacement) = (subject(call)?, Patterns::of(call, Some(5))?, call.text(2)?);
    let (from, occurrence) = (Number::of(call, 3, 1)?, Number::of(call, 4, 0)?);
    call.try_texts(|row, out| {
        let (Some(text), Some(pattern)) = (text.at(row), patterns.at(row)?) else { return Ok(None) };
        let (Some(from), Some(occurrence)) = (from.at(row), occurrence.at(row)) else { return Ok(None) };
        let Some(replacement) = replacement.at(row) else { return Ok(None) };
        let start = start(text, from)?;
        let rest = &text[start..];
        out.push_str(&text[..start]);
        let mut copied = 0;
        for (index, captures) in pattern.captures_iter(rest).enumerate() {
            let Some(whole) = captures.get(0) else { continue };
            if occurrence > 0 && index as i64 + 1 != occurrence {
                continue;
            }
            out.push_str(&rest[copied..whole.start()]);
            expand(replacement, &captures, out)?;
            if call.fits(out.len()).is_none() {
                return Ok(None);
            }
            copied = whole.end();
            if occurrence > 0 {
                break;
            }
        }
        out.push_str(&rest[copied..]);
        Ok(Some(()))
    })
}

/// Writes a replacement: `$1` is a group, a backslash takes the next character as it is.
fn expand(replacement: &str, captures: &Captures<'_>, out: &mut String) -> Result<(), Error> {
    let mut rest = replacement.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => out.extend(rest.next()),
            '$' => {
                let mut group = None;
                while let Some(digit) = rest.peek().and_then(|digit| digit.to_digit(10)) {
                    let next = group.unwrap_or(0) * 10 + digit as usize;
                    if next >= captures.len() {
                        break;
                    }
                    group = Some(next);
                    rest.next();
                }
                match group {
                    Some(group) => out.push_str(captures.get(group).map_or("", |group| group.as_str())),
                    None => return Err(out_of_bounds()),
                }
            }
            character => out.push(character),
        }
    }
    Ok(())
}

/// Whether a text is LIKE a pattern.
pub fn like(text: &str, pattern: &str, escape: char) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Each letter of the pattern, and whether it stands for itself.
    let mut letters = Vec::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        match (letter == escape).then(|| rest.next()).flatten() {
            Some(escaped) => letters.push((escaped, true)),
            None => letters.push((letter, letter == escape)),
        }
    }
    let (mut at, mut letter) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < text.len() {
        match letters.get(letter) {
            Some(('%', false)) => {
                back = Some((at, letter + 1));
                letter += 1;
            }
            Some((expected, plain)) if *expected == text[at] || (*expected == '_' && !plain) => {
                at += 1;
                letter += 1;
            }
            _ => match back {
                Some((from, after)) => {
                    back = Some((from + 1, after));
                    (at, letter) = (from + 1, after);
                }
                None => return false,
            },
        }
    }
    letters[letter..].iter().all(|letter| *letter == ('%', false))
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn likes() {
        fn check(text: &str, pattern: &str, expected: bool) {
            assert_eq!(like(text, pattern, '\\'), expected, "{text} {pattern}");
        }
        check("abc", "a%", true);
        check("abc", "a_c", true);
        check("abc", "%b%", true);
        check("a%c", "a\\%c", true);
        check("abc", "a\\%c", false);
        check("", "%", true);
        check("abc", "", false);
        check("aaab", "%ab", true);
    }
}
