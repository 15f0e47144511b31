//! Regular expressions: REGEXP, REGEXP_LIKE, REGEXP_INSTR, REGEXP_REPLACE, REGEXP_SUBSTR; and LIKE for JSON_SEARCH.
//!
//! It knows columns and MySQL's arguments; [`icu`] how patterns are written, [`matcher`] how they match.

mod icu;
mod matcher;

use std::cell::RefCell;
use std::rc::Rc;

use arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::convert::Cells;
use super::error::Error;
use super::signature::{Call, Function, is_binary, returns};
use icu::Modes;
use matcher::{Found, Pattern};

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
    last: RefCell<Option<(String, String, Rc<Pattern>)>>,
}

impl Patterns {
    fn of(call: &Call<'_>, modes: Option<usize>) -> Result<Self> {
        let modes = modes.filter(|argument| *argument < call.count());
        Ok(Self {
            pattern: call.text(1)?,
            modes: modes.map(|argument| call.text(argument)).transpose()?,
            last: RefCell::new(None),
        })
    }

    fn at(&self, row: usize) -> Result<Option<Rc<Pattern>>, Error> {
        let Some(pattern) = self.pattern.at(row) else { return Ok(None) };
        let modes = match &self.modes {
            Some(modes) => match modes.at(row) {
                Some(modes) => modes,
                None => return Ok(None),
            },
            None => "",
        };
        if let Some((last, last_modes, compiled)) = &*self.last.borrow()
            && last == pattern
            && last_modes == modes
        {
            return Ok(Some(Rc::clone(compiled)));
        }
        let compiled = Rc::new(compile(pattern, modes)?);
        *self.last.borrow_mut() = Some((pattern.to_owned(), modes.to_owned(), Rc::clone(&compiled)));
        Ok(Some(compiled))
    }
}

fn compile(pattern: &str, modes: &str) -> Result<Pattern, Error> {
    if pattern.is_empty() {
        return Err(refused(3685, "Illegal argument to a regular expression."));
    }
    let mut chosen = Modes::default();
    // The collation is binary: letters match themselves only.
    let mut ignore_case = false;
    for mode in modes.chars() {
        match mode {
            'c' => ignore_case = false,
            'i' => ignore_case = true,
            'm' => chosen.multi_line = true,
            'n' => chosen.dot_all = true,
            'u' => chosen.unix_lines = true,
            _ => return Err(Error::Arguments { function: "regexp_like".to_owned() }),
        }
    }
    Pattern::new(pattern, chosen, ignore_case)
}

fn refused(code: u16, reason: &str) -> Error {
    Error::Regexp { code, reason: reason.to_owned() }
}

fn too_complex() -> Error {
    refused(3700, "The regular expression pattern is too complex.")
}

fn wrong_name() -> Error {
    refused(3887, "A capture group has an invalid name.")
}

fn out_of_bounds() -> Error {
    refused(3686, "Index out of bounds in regular expression search.")
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
        Ok(Some(pattern.is_match(text)?))
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
        let found = pattern.find(text, start).nth(nth).transpose()?;
        Ok(Some(found.map_or(0, |found| {
            let (first, after) = found.place();
            text[..if end == 1 { after } else { first }].chars().count() as i64 + 1
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
        let found = pattern.find(text, start).nth(occurrence.max(1) as usize - 1).transpose()?;
        Ok(found.map(|found| out.push_str(found.group(0))))
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
        let mut copied = 0;
        for (index, found) in pattern.find(text, start(text, from)?).enumerate() {
            let found = found?;
            if occurrence > 0 && index as i64 + 1 != occurrence {
                continue;
            }
            let (first, after) = found.place();
            out.push_str(&text[copied..first]);
            expand(replacement, &found, &pattern, out)?;
            if call.fits(out.len()).is_none() {
                return Ok(None);
            }
            copied = after;
            if occurrence > 0 {
                break;
            }
        }
        out.push_str(&text[copied..]);
        Ok(Some(()))
    })
}

/// Writes a replacement: `$1` and `${name}` are groups, a backslash takes the next character as it is.
fn expand(replacement: &str, found: &Found<'_>, pattern: &Pattern, out: &mut String) -> Result<(), Error> {
    let mut rest = replacement.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => out.extend(rest.next()),
            '$' if rest.next_if_eq(&'{').is_some() => {
                let mut closed = false;
                let name: String = rest
                    .by_ref()
                    .take_while(|character| {
                        closed = *character == '}';
                        !closed
                    })
                    .collect();
                let group = pattern.group_of_name(&name).filter(|_| closed);
                out.push_str(found.group(group.ok_or_else(wrong_name)?));
            }
            '$' => {
                let mut group = None;
                while let Some(digit) = rest.peek().and_then(|digit| digit.to_digit(10)) {
                    let next = group.unwrap_or(0) * 10 + digit as usize;
                    if next >= found.groups() {
                        break;
                    }
                    group = Some(next);
                    rest.next();
                }
                match group {
                    Some(group) => out.push_str(found.group(group)),
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
