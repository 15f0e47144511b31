//! Strings: joining, cutting, padding, searching. Positions count characters from one; in binary strings, bytes.
//!
//! The collation is `utf8mb4_bin`: texts compare and are searched by their bytes.

mod format;
mod soundex;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};

use super::signature::{Call, Function, is_binary, returns};

/// The functions of strings.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("concat", 1.., returns::text, concat).binary(),
        Function::new("concat_ws", 2.., returns::text, concat_ws).binary(),
        Function::new("lower", 1..=1, returns::text, lower).aliases(&["lcase"]).binary(),
        Function::new("upper", 1..=1, returns::text, upper).aliases(&["ucase"]).binary(),
        Function::new("left", 2..=2, returns::text, left).binary(),
        Function::new("right", 2..=2, returns::text, right).binary(),
        Function::new("substring", 2..=3, returns::text, substring).aliases(&["substr", "mid"]).binary(),
        Function::new("substring_index", 3..=3, returns::text, substring_index).binary(),
        Function::new("trim", 1..=2, returns::text, |call| trim(call, true, true))
            .aliases(&["btrim"])
            .binary(),
        Function::new("ltrim", 1..=2, returns::text, |call| trim(call, true, false)).binary(),
        Function::new("rtrim", 1..=2, returns::text, |call| trim(call, false, true)).binary(),
        Function::new("mysql_trim", 3..=3, returns::text, trim_side).binary(),
        Function::new("mysql_text", 1..=1, returns::text, plain_text).rewrite(text_of_text),
        // Bytes as characters, each for itself: what LIKE compares when one of its sides is a binary string.
        Function::new("mysql_bytes_text", 1..=1, returns::text, |call| {
            let text = call.bytes(0)?.map(super::convert::binary::to_latin)?;
            call.slices(|row| text.at(row))
        }),
        Function::new("lpad", 2..=3, returns::text, |call| pad(call, true)).binary(),
        Function::new("rpad", 2..=3, returns::text, |call| pad(call, false)).binary(),
        Function::new("repeat", 2..=2, returns::text, repeat).binary(),
        Function::new("space", 1..=1, returns::text, space),
        Function::new("reverse", 1..=1, returns::text, reverse).binary(),
        Function::new("replace", 3..=3, returns::text, replace).binary(),
        Function::new("insert", 4..=4, returns::text, insert).binary(),
        Function::new("length", 1..=1, returns::int, length).aliases(&["octet_length"]),
        Function::new("char_length", 1..=1, returns::int, char_length).aliases(&["character_length"]),
        Function::new("bit_length", 1..=1, returns::int, bit_length),
        Function::new("locate", 2..=3, returns::int, |call| locate(call, 0, 1)),
        Function::new("position", 2..=2, returns::int, |call| locate(call, 0, 1)),
        Function::new("instr", 2..=2, returns::int, |call| locate(call, 1, 0)),
        // What sqlparser's POSITION(a IN b) is planned as.
        Function::new("strpos", 2..=2, returns::int, |call| locate(call, 1, 0)),
        Function::new("find_in_set", 2..=2, returns::int, find_in_set),
        Function::new("field", 2.., returns::int, field),
        Function::new("elt", 2.., returns::text, elt).binary(),
        Function::new("strcmp", 2..=2, returns::int, strcmp),
        Function::new("ascii", 1..=1, returns::int, ascii),
        Function::new("ord", 1..=1, returns::int, ord),
        Function::new("quote", 1..=1, returns::text, quote).binary(),
        Function::new("soundex", 1..=1, returns::text, soundex::soundex),
        Function::new("format", 2..=3, returns::text, format::format),
        Function::new("make_set", 2.., returns::text, make_set).binary(),
        Function::new("export_set", 3..=5, returns::text, export_set).binary(),
        Function::new("mysql_sounds_like", 2..=2, returns::boolean, soundex::sounds_like),
    ]
}

fn concat(call: &Call<'_>) -> Result<ArrayRef> {
    let parts = (0..call.count()).map(|argument| call.text(argument)).collect::<Result<Vec<_>>>()?;
    call.texts(|row, out| {
        for part in &parts {
            let part = part.at(row)?;
            call.fits(out.len() + part.len())?;
            out.push_str(part);
        }
        Some(())
    })
}

/// The first argument between the others; of those, NULLs are left out.
fn concat_ws(call: &Call<'_>) -> Result<ArrayRef> {
    let parts = (0..call.count()).map(|argument| call.text(argument)).collect::<Result<Vec<_>>>()?;
    call.texts(|row, out| {
        let separator = parts[0].at(row)?;
        let mut first = true;
        for part in parts[1..].iter().filter_map(|part| part.at(row)) {
            if !first {
                out.push_str(separator);
            }
            call.fits(out.len() + part.len())?;
            out.push_str(part);
            first = false;
        }
        Some(())
    })
}

fn lower(call: &Call<'_>) -> Result<ArrayRef> {
    in_case(call, str::make_ascii_lowercase, |letter| single(letter, letter.to_lowercase()))
}

fn upper(call: &Call<'_>) -> Result<ArrayRef> {
    in_case(call, str::make_ascii_uppercase, |letter| single(letter, letter.to_uppercase()))
}

/// One character for one: the collation's mapping, not Unicode's full one. Binary strings have no letters.
fn in_case(call: &Call<'_>, ascii: fn(&mut str), letter: fn(char) -> char) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let binary = is_binary(call.returns);
    call.texts(|row, out| {
        match text.at(row)? {
            text if binary => out.push_str(text),
            text if text.is_ascii() => {
                out.push_str(text);
                ascii(out);
            }
            text => out.extend(text.chars().map(letter)),
        }
        Some(())
    })
}

fn single(character: char, mut mapped: impl ExactSizeIterator<Item = char>) -> char {
    if mapped.len() == 1 { mapped.next().unwrap_or(character) } else { character }
}

/// Where a text's character begins, counted from zero; its end when it has fewer.
fn offset(text: &str, characters: usize) -> usize {
    if text.is_ascii() {
        return characters.min(text.len());
    }
    text.char_indices().nth(characters).map_or(text.len(), |(offset, _)| offset)
}

fn count(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

fn left(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, length) = (call.text(0)?, call.int(1)?);
    call.slices(|row| {
        let (text, length) = (text.at(row)?, length.at(row)?.max(0) as usize);
        Some(&text[..offset(text, length)])
    })
}

fn right(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, length) = (call.text(0)?, call.int(1)?);
    call.slices(|row| {
        let (text, length) = (text.at(row)?, length.at(row)?.max(0) as usize);
        Some(&text[offset(text, count(text).saturating_sub(length))..])
    })
}

/// From a position, counted from the end when it is negative, so many characters.
fn substring(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, position) = (call.text(0)?, call.int(1)?);
    let length = if call.count() == 3 { Some(call.int(2)?) } else { None };
    call.slices(|row| {
        let (text, position) = (text.at(row)?, position.at(row)?);
        let length = match &length {
            Some(length) => length.at(row)?,
            None => i64::MAX,
        };
        if position == 0 || length <= 0 {
            return Some("");
        }
        let start = match usize::try_from(position) {
            Ok(position) => position - 1,
            Err(_) => {
                let back = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
                match count(text).checked_sub(back) {
                    Some(start) => start,
                    None => return Some(""),
                }
            }
        };
        let rest = &text[offset(text, start)..];
        Some(&rest[..offset(rest, length as usize)])
    })
}

/// What is before the nth delimiter; with a negative number, what is after the nth from the end.
fn substring_index(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, delimiter, number) = (call.text(0)?, call.text(1)?, call.int(2)?);
    call.slices(|row| {
        let (text, delimiter, number) = (text.at(row)?, delimiter.at(row)?, number.at(row)?);
        if delimiter.is_empty() || number == 0 {
            return Some("");
        }
        let nth = usize::try_from(number.unsigned_abs() - 1).unwrap_or(usize::MAX);
        Some(if number > 0 {
            text.match_indices(delimiter).nth(nth).map_or(text, |(at, _)| &text[..at])
        } else {
            text.rmatch_indices(delimiter).nth(nth).map_or(text, |(at, _)| &text[at + delimiter.len()..])
        })
    })
}

/// `TRIM(side what FROM text)` as `mysql_trim('side', what, text)`.
fn trim_side(call: &Call<'_>) -> Result<ArrayRef> {
    let side = call.text(0)?;
    let (removed, text) = (call.text(1)?, call.text(2)?);
    call.slices(|row| {
        let (side, removed, mut text) = (side.at(row)?, removed.at(row)?, text.at(row)?);
        if removed.is_empty() {
            return Some(text);
        }
        if !side.eq_ignore_ascii_case("trailing") {
            text = text.trim_start_matches(removed);
        }
        if !side.eq_ignore_ascii_case("leading") {
            text = text.trim_end_matches(removed);
        }
        Some(text)
    })
}

/// A value as a character string, for operators that take only those.
fn plain_text(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.slices(|row| text.at(row))
}

fn text_of_text(mut arguments: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
    Ok(match (info.get_data_type(&arguments[0])?, arguments.pop()) {
        (DataType::Utf8View, Some(argument)) => ExprSimplifyResult::Simplified(argument),
        (DataType::Utf8 | DataType::LargeUtf8, Some(argument)) => {
            ExprSimplifyResult::Simplified(Expr::Cast(Cast::new(Box::new(argument), DataType::Utf8View)))
        }
        (_, argument) => ExprSimplifyResult::Original(argument.into_iter().collect()),
    })
}

fn trim(call: &Call<'_>, leading: bool, trailing: bool) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let removed = if call.count() == 2 { Some(call.text(1)?) } else { None };
    call.slices(|row| {
        let mut text = text.at(row)?;
        let removed = match &removed {
            Some(removed) => removed.at(row)?,
            None => " ",
        };
        if removed.is_empty() {
            return Some(text);
        }
        if leading {
            text = text.trim_start_matches(removed);
        }
        if trailing {
            text = text.trim_end_matches(removed);
        }
        Some(text)
    })
}

fn pad(call: &Call<'_>, before: bool) -> Result<ArrayRef> {
    let (text, length) = (call.text(0)?, call.int(1)?);
    let filler = if call.count() == 3 { Some(call.text(2)?) } else { None };
    call.texts(|row, out| {
        let (text, length) = (text.at(row)?, usize::try_from(length.at(row)?).ok()?);
        let filler = match &filler {
            Some(filler) => filler.at(row)?,
            None => " ",
        };
        let present = count(text);
        if length <= present {
            out.push_str(&text[..offset(text, length)]);
            return Some(());
        }
        // Each character may take four bytes; MySQL measures by that too.
        call.fits(length)?;
        if filler.is_empty() {
            return None;
        }
        let missing = filler.chars().cycle().take(length - present);
        if before {
            out.extend(missing);
            out.push_str(text);
        } else {
            out.push_str(text);
            out.extend(missing);
        }
        Some(())
    })
}

fn repeat(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, times) = (call.text(0)?, call.int(1)?);
    call.texts(|row, out| {
        let (text, times) = (text.at(row)?, times.at(row)?.max(0) as usize);
        call.fits(text.len().saturating_mul(times))?;
        out.extend(std::iter::repeat_n(text, if text.is_empty() { 0 } else { times }));
        Some(())
    })
}

fn space(call: &Call<'_>) -> Result<ArrayRef> {
    let times = call.int(0)?;
    call.texts(|row, out| {
        let times = times.at(row)?.max(0) as usize;
        call.fits(times)?;
        out.extend(std::iter::repeat_n(' ', times));
        Some(())
    })
}

fn reverse(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.texts(|row, out| {
        out.extend(text.at(row)?.chars().rev());
        Some(())
    })
}

fn replace(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, from, to) = (call.text(0)?, call.text(1)?, call.text(2)?);
    call.texts(|row, out| {
        let (text, from) = (text.at(row)?, from.at(row)?);
        // Nothing is replaced, so the third argument does not count.
        if from.is_empty() {
            out.push_str(text);
            return Some(());
        }
        let to = to.at(row)?;
        let mut copied = 0;
        for (at, _) in text.match_indices(from) {
            out.push_str(&text[copied..at]);
            call.fits(out.len() + to.len())?;
            out.push_str(to);
            copied = at + from.len();
        }
        out.push_str(&text[copied..]);
        Some(())
    })
}

/// `INSERT(text, position, length, new)`: new in place of so many characters from a position.
fn insert(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, position, length, new) = (call.text(0)?, call.int(1)?, call.int(2)?, call.text(3)?);
    call.texts(|row, out| {
        let (text, position) = (text.at(row)?, position.at(row)?);
        let (length, new) = (length.at(row)?, new.at(row)?);
        let start = usize::try_from(position.saturating_sub(1)).ok().filter(|start| *start < count(text));
        let Some(start) = start else {
            out.push_str(text);
            return Some(());
        };
        let begin = offset(text, start);
        let rest = &text[begin..];
        let end = usize::try_from(length).map_or(rest.len(), |length| offset(rest, length));
        call.fits(text.len() + new.len())?;
        out.push_str(&text[..begin]);
        out.push_str(new);
        out.push_str(&rest[end..]);
        Some(())
    })
}

fn length(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.ints(|row| Some(bytes.at(row)?.len() as i64))
}

fn bit_length(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.ints(|row| Some(bytes.at(row)?.len() as i64 * 8))
}

fn char_length(call: &Call<'_>) -> Result<ArrayRef> {
    if is_binary(call.kind(0)) {
        return length(call);
    }
    let text = call.text(0)?;
    call.ints(|row| Some(count(text.at(row)?) as i64))
}

/// The position of one text in another, from a position on; 0 when it is not there.
fn locate(call: &Call<'_>, needle: usize, haystack: usize) -> Result<ArrayRef> {
    let binary = is_binary(call.kind(needle)) || is_binary(call.kind(haystack));
    let from = if call.count() == 3 { Some(call.int(2)?) } else { None };
    let start = |row| match &from {
        Some(from) => from.at(row).map(|from| usize::try_from(from.saturating_sub(1)).ok()),
        None => Some(Some(0)),
    };
    if binary {
        let (needle, haystack) = (call.bytes(needle)?, call.bytes(haystack)?);
        return call.ints(|row| {
            let (needle, haystack) = (needle.at(row)?, haystack.at(row)?);
            let Some(start) = start(row)?.filter(|start| *start <= haystack.len()) else { return Some(0) };
            let found = match needle.is_empty() {
                true => Some(0),
                false => haystack[start..].windows(needle.len()).position(|window| window == needle),
            };
            Some(found.map_or(0, |found| (start + found + 1) as i64))
        });
    }
    let (needle, haystack) = (call.text(needle)?, call.text(haystack)?);
    call.ints(|row| {
        let (needle, haystack) = (needle.at(row)?, haystack.at(row)?);
        let Some(start) = start(row)?.filter(|start| *start <= count(haystack)) else { return Some(0) };
        let rest = &haystack[offset(haystack, start)..];
        Some(rest.find(needle).map_or(0, |found| (start + count(&rest[..found]) + 1) as i64))
    })
}

fn find_in_set(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, list) = (call.bytes(0)?, call.bytes(1)?);
    call.ints(|row| {
        let (text, list) = (text.at(row)?, list.at(row)?);
        if list.is_empty() {
            return Some(0);
        }
        let found = list.split(|byte| *byte == b',').position(|part| part == text);
        Some(found.map_or(0, |found| found as i64 + 1))
    })
}

/// The position of the first argument among the others: as texts, as numbers, or as doubles when they are mixed.
fn field(call: &Call<'_>) -> Result<ArrayRef> {
    let arguments = 0..call.count();
    let texts =
        |argument: usize| !call.kind(argument).is_numeric() && *call.kind(argument) != DataType::Boolean;
    if arguments.clone().all(texts) {
        let values = arguments.map(|argument| call.bytes(argument)).collect::<Result<Vec<_>>>()?;
        return call.ints(|row| {
            let wanted = values[0].at(row);
            let found = values[1..].iter().position(|value| wanted.is_some() && value.at(row) == wanted);
            Some(found.map_or(0, |found| found as i64 + 1))
        });
    }
    if arguments.clone().all(|argument| call.kind(argument).is_integer()) {
        let values = arguments.map(|argument| call.int(argument)).collect::<Result<Vec<_>>>()?;
        return call.ints(|row| {
            let wanted = values[0].at(row);
            let found = values[1..].iter().position(|value| wanted.is_some() && value.at(row) == wanted);
            Some(found.map_or(0, |found| found as i64 + 1))
        });
    }
    let values = arguments.map(|argument| call.double(argument)).collect::<Result<Vec<_>>>()?;
    call.ints(|row| {
        let wanted = values[0].at(row);
        let found = values[1..].iter().position(|value| wanted.is_some() && value.at(row) == wanted);
        Some(found.map_or(0, |found| found as i64 + 1))
    })
}

fn elt(call: &Call<'_>) -> Result<ArrayRef> {
    let number = call.int(0)?;
    let texts = (1..call.count()).map(|argument| call.text(argument)).collect::<Result<Vec<_>>>()?;
    call.slices(|row| texts.get(usize::try_from(number.at(row)?.saturating_sub(1)).ok()?)?.at(row))
}

fn strcmp(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (call.bytes(0)?, call.bytes(1)?);
    call.ints(|row| Some(left.at(row)?.cmp(right.at(row)?) as i64))
}

fn ascii(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.ints(|row| Some(bytes.at(row)?.first().map_or(0, |byte| i64::from(*byte))))
}

/// The bytes of the first character as a number.
fn ord(call: &Call<'_>) -> Result<ArrayRef> {
    if is_binary(call.kind(0)) {
        return ascii(call);
    }
    let text = call.text(0)?;
    call.ints(|row| {
        let text = text.at(row)?;
        let first = &text.as_bytes()[..offset(text, 1)];
        Some(first.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte)))
    })
}

/// A text as a literal of SQL.
fn quote(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.texts(|row, out| {
        let Some(text) = text.at(row) else {
            out.push_str("NULL");
            return Some(());
        };
        out.push('\'');
        for character in text.chars() {
            match character {
                '\'' | '\\' => out.extend(['\\', character]),
                '\0' => out.push_str("\\0"),
                '\x1a' => out.push_str("\\Z"),
                character => out.push(character),
            }
        }
        out.push('\'');
        Some(())
    })
}

/// Those texts whose bit is set, with commas between.
fn make_set(call: &Call<'_>) -> Result<ArrayRef> {
    let bits = call.bits(0)?;
    let texts = (1..call.count()).map(|argument| call.text(argument)).collect::<Result<Vec<_>>>()?;
    call.texts(|row, out| {
        let bits = bits.at(row)?;
        let chosen = texts.iter().enumerate().filter(|(index, _)| *index < 64 && bits >> index & 1 == 1);
        for (index, text) in chosen.filter_map(|(_, text)| text.at(row)).enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(text);
        }
        Some(())
    })
}

/// One text for each set bit, another for each clear one, lowest first.
fn export_set(call: &Call<'_>) -> Result<ArrayRef> {
    let (bits, on, off) = (call.bits(0)?, call.text(1)?, call.text(2)?);
    let separator = if call.count() > 3 { Some(call.text(3)?) } else { None };
    let number = if call.count() > 4 { Some(call.int(4)?) } else { None };
    call.texts(|row, out| {
        let (bits, on, off) = (bits.at(row)?, on.at(row)?, off.at(row)?);
        let separator = match &separator {
            Some(separator) => separator.at(row)?,
            None => ",",
        };
        let number = match &number {
            Some(number) => number.at(row)?,
            None => 64,
        };
        let number = if (0..=64).contains(&number) { number } else { 64 };
        call.fits((on.len().max(off.len()) + separator.len()) * number as usize)?;
        for bit in 0..number {
            if bit > 0 {
                out.push_str(separator);
            }
            out.push_str(if bits >> bit & 1 == 1 { on } else { off });
        }
        Some(())
    })
}
