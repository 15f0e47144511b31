//! Collations: which texts compare without case. It knows syntax; who compares sees the mark and lowers both sides.
//!
//! MySQL 8.0 manual, 10.8.4: COLLATE decides for all texts of a comparison. A literal with an introducer has the
//! collation of its character set, which in all sets but the server's own ignores case; it decides where no column and
//! no plain literal is compared with it.

use sqlparser::ast::{Expr, ObjectName, Value};

use super::super::front::literal_string;
use super::super::grammar::{CHARACTER_SETS, call, in_character_set};
use super::functions::plain_arguments;
use crate::engine::error::{Error, Result};
use crate::engine::functions::error as functions;

/// The call that marks what compares without case.
const CASELESS: &str = "mysql_caseless";
/// The call that marks a literal with an introducer. It is its argument.
const INTRODUCED: &str = "mysql_introduced";

/// COLLATE: one that ignores case marks its operand, for those who compare; all others compare by bytes.
pub(super) fn collated(operand: Expr, collation: &ObjectName) -> Result<Expr> {
    let name = collation.0.last().and_then(|part| part.as_ident()).map(|name| name.value.to_lowercase());
    let name = name.unwrap_or_default();
    let known = name == "binary" || CHARACTER_SETS.iter().any(|set| name.starts_with(&format!("{set}_")));
    match known {
        true if name.ends_with("_ci") => Ok(call(CASELESS, vec![operand])),
        true => Ok(unmarked(operand)),
        false => Err(Error::Collation(name)),
    }
}

/// A literal without the mark of its introducer: COLLATE decides for it.
fn unmarked(operand: Expr) -> Expr {
    match operand {
        Expr::Function(mut function) if function.name.to_string() == INTRODUCED => {
            let literal = plain_arguments(&mut function).and_then(|arguments| arguments.into_iter().next());
            literal.unwrap_or(Expr::Function(function))
        }
        other => other,
    }
}

/// Whether an expression was marked as one that compares without case.
pub(super) fn is_caseless(expression: &Expr) -> bool {
    is_call(expression, CASELESS)
}

/// `_utf8mb4 x'41'`: a literal in a character set.
pub(super) fn introduced(introducer: &str, literal: Expr) -> Result<Expr> {
    let charset = introducer.strip_prefix('_').unwrap_or(introducer).to_lowercase();
    if matches!(charset.as_str(), "utf8mb4" | "utf8mb3" | "utf8")
        && let Some(digits) = wrong_utf8(&literal)
    {
        let character_set = if charset == "utf8mb4" { "utf8mb4" } else { "utf8mb3" };
        return Err(functions::Error::InvalidCharacters { character_set, bytes: digits }.into());
    }
    match charset.as_str() {
        "binary" => Ok(call("mysql_cast_binary", vec![literal])),
        own @ "utf8mb4" => Ok(match literal_string(&literal) {
            Some(_) => literal,
            None => in_character_set(literal, own.to_owned()),
        }),
        known if CHARACTER_SETS.contains(&known) => Ok(match literal_string(&literal) {
            Some(_) => call(INTRODUCED, vec![literal]),
            None => call(INTRODUCED, vec![in_character_set(literal, charset)]),
        }),
        _ => Err(Error::CharacterSet(charset)),
    }
}

/// The digits of a hexadecimal literal that is no UTF-8.
fn wrong_utf8(literal: &Expr) -> Option<String> {
    let Expr::Value(value) = literal else { return None };
    let Value::HexStringLiteral(digits) = &value.value else { return None };
    let byte = |at| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    std::str::from_utf8(&bytes?).is_err().then(|| digits.to_uppercase())
}

/// Texts that are compared with each other: when all of them are literals with introducers, their collation decides.
pub(super) fn in_one_collation<const TEXTS: usize>(texts: [&mut Expr; TEXTS]) {
    if texts.iter().all(|text| is_call(text, INTRODUCED)) {
        for text in texts {
            let taken = std::mem::replace(text, Expr::Value(Value::Null.into()));
            *text = call(CASELESS, vec![taken]);
        }
    }
}

fn is_call(expression: &Expr, name: &str) -> bool {
    matches!(expression, Expr::Function(function) if function.name.to_string() == name)
}
