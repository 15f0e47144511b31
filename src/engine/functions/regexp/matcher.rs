//! A compiled pattern and what it finds. It must not know columns.
//!
//! Most patterns are matched in time linear in the text, whatever they are. Look-around, back-references and what is
//! possessive need backtracking, which has a limit.

use std::cell::OnceCell;

use super::icu::{self, LineEnds, Modes, Written};
use super::{refused, too_complex};
use crate::engine::functions::error::Error;

/// The most bytes of a compiled pattern.
const SIZE_LIMIT: usize = 4 << 20;
/// How often a match may go back.
const STEPS_MAX: usize = 1_000_000;

/// A pattern that was compiled.
#[derive(Debug)]
pub struct Pattern {
    plain: Option<regex::Regex>,
    full: OnceCell<fancy_regex::Regex>,
    written: Written,
    ignore_case: bool,
}

/// What was found: the places of the whole and of each group.
#[derive(Debug)]
pub struct Found<'t> {
    text: &'t str,
    groups: Vec<Option<(usize, usize)>>,
}

impl<'t> Found<'t> {
    /// From where to where it is, in bytes.
    pub fn place(&self) -> (usize, usize) {
        self.groups.first().copied().flatten().unwrap_or_default()
    }

    /// How many groups there are, with the whole.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The text of a group; empty where it has none.
    pub fn group(&self, group: usize) -> &'t str {
        let (start, end) = self.groups.get(group).copied().flatten().unwrap_or_default();
        &self.text[start..end]
    }
}

impl Pattern {
    /// Compiles a pattern of ICU's.
    pub fn new(pattern: &str, modes: Modes, ignore_case: bool) -> Result<Self, Error> {
        let written = icu::rewrite(pattern, modes)?;
        let plain = if written.backtracks { None } else { Some(linear(&written.plain, ignore_case)?) };
        let compiled = Self { plain, full: OnceCell::new(), written, ignore_case };
        if compiled.plain.is_none() {
            compiled.full()?;
        }
        Ok(compiled)
    }

    /// Whether it is found in a text.
    pub fn is_match(&self, text: &str) -> Result<bool, Error> {
        match self.plain_for(text) {
            Some(plain) => Ok(plain.is_match(text)),
            None => self.full()?.is_match(text).map_err(|error| gave_up(&error)),
        }
    }

    /// What it finds in a text, from a byte on, one after the other.
    pub fn find<'p, 't: 'p>(
        &'p self,
        text: &'t str,
        from: usize,
    ) -> impl Iterator<Item = Result<Found<'t>, Error>> + 'p {
        let mut next = Some(from);
        std::iter::from_fn(move || {
            let found = self.find_at(text, next.take()?).transpose()?;
            if let Ok(found) = &found {
                let (start, end) = found.place();
                // After what is empty the search goes on behind the next character.
                next = match text[end..].chars().next() {
                    _ if end > start => Some(end),
                    Some(character) => Some(end + character.len_utf8()),
                    None => None,
                };
            }
            Some(found)
        })
    }

    /// The number of the group that has a name.
    pub fn group_of_name(&self, name: &str) -> Option<usize> {
        match &self.plain {
            Some(plain) => plain.capture_names().position(|known| known == Some(name)),
            None => self.full().ok()?.capture_names().position(|known| known == Some(name)),
        }
    }

    fn find_at<'t>(&self, text: &'t str, from: usize) -> Result<Option<Found<'t>>, Error> {
        let groups: Option<Vec<_>> = match self.plain_for(text) {
            Some(plain) => plain.captures_at(text, from).map(|captures| {
                captures.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect()
            }),
            None => {
                let captures = self.full()?.captures_from_pos(text, from).map_err(|error| gave_up(&error))?;
                captures.map(|captures| {
                    captures.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect()
                })
            }
        };
        Ok(groups.map(|groups| Found { text, groups }))
    }

    /// The linear pattern, where it is right for the text.
    fn plain_for(&self, text: &str) -> Option<&regex::Regex> {
        let is_end = |character: char| {
            matches!(character, '\n' | '\x0B' | '\x0C' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
        };
        self.plain.as_ref().filter(|_| match self.written.line_ends {
            LineEnds::Nowhere => true,
            LineEnds::AtEnd => !text.ends_with(is_end),
            LineEnds::Anywhere => {
                !text.ends_with('\n') && !text.contains(|character| character != '\n' && is_end(character))
            }
        })
    }

    fn full(&self) -> Result<&fancy_regex::Regex, Error> {
        if let Some(full) = self.full.get() {
            return Ok(full);
        }
        let compiled = fancy_regex::RegexBuilder::new(&self.written.full)
            .case_insensitive(self.ignore_case)
            .backtrack_limit(STEPS_MAX)
            .delegate_size_limit(SIZE_LIMIT)
            .delegate_dfa_size_limit(SIZE_LIMIT)
            .build()
            .map_err(|error| not_compiled(&error))?;
        Ok(self.full.get_or_init(|| compiled))
    }
}

fn linear(pattern: &str, ignore_case: bool) -> Result<regex::Regex, Error> {
    let mut builder = regex::RegexBuilder::new(pattern);
    builder.size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).case_insensitive(ignore_case);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => too_complex(),
        error => misread(&error.to_string()),
    })
}

/// A match that was given up.
fn gave_up(error: &fancy_regex::Error) -> Error {
    match error {
        fancy_regex::Error::RuntimeError(fancy_regex::RuntimeError::StackOverflow) => {
            refused(3698, "Overflow in the regular expression backtrack stack.")
        }
        _ => refused(3699, "Timeout exceeded in regular expression match."),
    }
}

/// What the crate that backtracks says of a pattern, as MySQL says it.
fn not_compiled(error: &fancy_regex::Error) -> Error {
    use fancy_regex::{CompileError, ParseError};
    match error {
        fancy_regex::Error::ParseError(_, ParseError::UnclosedOpenParen) => misread("unclosed group"),
        fancy_regex::Error::ParseError(_, ParseError::InvalidRepeat) => misread("counted repetition"),
        fancy_regex::Error::ParseError(_, ParseError::InvalidClass) => misread("unclosed character class"),
        fancy_regex::Error::ParseError(_, ParseError::RecursionExceeded) => too_complex(),
        fancy_regex::Error::ParseError(
            _,
            ParseError::InvalidBackref | ParseError::InvalidGroupNameBackref(_),
        ) => refused(3694, "Invalid back-reference in regular expression."),
        fancy_regex::Error::CompileError(error) => match error.as_ref() {
            CompileError::PatternTooComplex => too_complex(),
            CompileError::InvalidBackref(_) | CompileError::InvalidGroupNameBackref(_) => {
                refused(3694, "Invalid back-reference in regular expression.")
            }
            CompileError::LookBehindNotConst => {
                refused(3695, "The look-behind assertion exceeds the limit in regular expression.")
            }
            CompileError::InnerError(error) => match error.syntax_error() {
                Some(error) => misread(&error.to_string()),
                None => too_complex(),
            },
            error => misread(&error.to_string()),
        },
        error => misread(&error.to_string()),
    }
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
