//! Functions that read JSON: JSON_EXTRACT, JSON_CONTAINS, JSON_KEYS and their like.

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::super::error::Error;
use super::super::regexp::like;
use super::super::signature::{Call, Function, is_binary, is_text, returns};
use super::document::{Json, write_string};
use super::path::{Index, Leg, Path};
use super::table::Single;
use super::{Documents, Paths, Values};

/// The functions that read.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("json_extract", 2.., returns::text, extract).json(),
        Function::new("json_unquote", 1..=1, returns::text, unquote),
        Function::new("json_value", 3..=3, returns::text, value),
        Function::new("json_valid", 1..=1, returns::boolean, valid),
        Function::new("json_type", 1..=1, returns::text, type_name),
        Function::new("json_length", 1..=2, returns::int, length),
        Function::new("json_depth", 1..=1, returns::int, depth),
        Function::new("json_keys", 1..=2, returns::text, keys).json(),
        Function::new("json_contains", 2..=3, returns::boolean, contains),
        Function::new("json_contains_path", 3.., returns::boolean, contains_path),
        Function::new("json_overlaps", 2..=2, returns::boolean, overlaps),
        Function::new("json_search", 3.., returns::text, search).json(),
        Function::new("json_quote", 1..=1, returns::text, quote),
        Function::new("json_pretty", 1..=1, returns::text, pretty),
        Function::new("mysql_member_of", 2..=2, returns::boolean, member_of),
    ]
}

/// One path without wildcards gives its value; several, or wildcards, an array of what is found.
fn extract(call: &Call<'_>) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let paths = (1..call.count()).map(|argument| Paths::of(call, argument)).collect::<Result<Vec<_>>>()?;
    call.try_texts(|row, out| {
        let Some(document) = documents.at(row)? else { return Ok(None) };
        let mut found = Vec::new();
        let mut many = paths.len() > 1;
        for path in &paths {
            let Some(path) = path.at(row)? else { return Ok(None) };
            many |= path.is_wild();
            found.extend(path.find(&document).into_iter().cloned());
        }
        match (many, found.pop()) {
            (_, None) => return Ok(None),
            (false, Some(value)) => value.write(out),
            (true, Some(last)) => {
                found.push(last);
                Json::Array(found).write(out);
            }
        }
        Ok(Some(()))
    })
}

/// A JSON string without its quotes; any other text as it is.
fn unquote(call: &Call<'_>) -> Result<ArrayRef> {
    if !call.kind(0).is_nested() {
        must_be_text(call)?;
    }
    let text = call.text(0)?;
    call.try_texts(|row, out| {
        let Some(text) = text.at(row) else { return Ok(None) };
        if text.len() < 2 || !text.starts_with('"') || !text.ends_with('"') {
            out.push_str(text);
            return Ok(Some(()));
        }
        super::read(text, 1, call.function)?.write_unquoted(out);
        Ok(Some(()))
    })
}

/// Refuses a first argument that is no text, even where it could be converted to one.
fn must_be_text(call: &Call<'_>) -> Result<(), Error> {
    match call.kind(0) {
        text if is_text(text) || text.is_null() => Ok(()),
        bytes if is_binary(bytes) => Err(Error::JsonCharacterSet),
        _ => Err(Error::ArgumentType { argument: 1, function: call.function.to_owned() }),
    }
}

/// The text of the value at a path, for the cast to the type that the third argument tells.
fn value(call: &Call<'_>) -> Result<ArrayRef> {
    let (documents, paths, said) = (Documents::of(call, 0)?, Paths::of(call, 1)?, call.text(2)?);
    let Some(Ok(said)) = said.at(0).map(serde_json::from_str::<Single>) else {
        return datafusion::common::internal_err!("JSON_VALUE without a type");
    };
    call.try_texts(|row, out| {
        let Some(path) = paths.at(row)? else { return Ok(None) };
        let value = match documents.at(row) {
            Ok(None) => None,
            Ok(Some(document)) => said.value(&path.find(&document))?,
            Err(error) => {
                let (code, _) = error.code();
                let message = error.to_string();
                let value = said.on_error.value(error)?;
                // What is no document is told even where something else is answered.
                call.warn(code, message);
                value
            }
        };
        Ok(value.map(|value| out.push_str(&value)))
    })
}

fn valid(call: &Call<'_>) -> Result<ArrayRef> {
    if !is_text(call.kind(0)) {
        // Numbers and dates are no documents; nested columns are.
        let (raw, nested) = (call.raw(0)?, call.kind(0).is_nested());
        return call.booleans(|row| (!raw.is_null(row)).then_some(nested));
    }
    let text = call.text(0)?;
    call.booleans(|row| Some(Json::parse(text.at(row)?).is_ok()))
}

fn type_name(call: &Call<'_>) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.try_texts(|row, out| {
        let Some(document) = documents.at(row)? else { return Ok(None) };
        out.push_str(document.type_name());
        Ok(Some(()))
    })
}

/// The part of a document that an optional path names.
fn part<'d>(document: &'d Json, path: Option<&Paths>, row: usize) -> Result<Option<&'d Json>> {
    match path {
        None => Ok(Some(document)),
        Some(paths) => Ok(paths.at(row)?.and_then(|path| path.find(document).first().copied())),
    }
}

fn optional_path(call: &Call<'_>, argument: usize) -> Result<Option<Paths>> {
    if call.count() > argument { Paths::single(call, argument).map(Some) } else { Ok(None) }
}

fn length(call: &Call<'_>) -> Result<ArrayRef> {
    let (documents, path) = (Documents::of(call, 0)?, optional_path(call, 1)?);
    call.try_primitives::<arrow::datatypes::Int64Type>(|row| {
        let Some(document) = documents.at(row)? else { return Ok(None) };
        Ok(part(&document, path.as_ref(), row)?.map(|part| part.length() as i64))
    })
}

fn depth(call: &Call<'_>) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.try_primitives::<arrow::datatypes::Int64Type>(|row| {
        Ok(documents.at(row)?.map(|document| document.depth() as i64))
    })
}

fn keys(call: &Call<'_>) -> Result<ArrayRef> {
    let (documents, path) = (Documents::of(call, 0)?, optional_path(call, 1)?);
    call.try_texts(|row, out| {
        let Some(document) = documents.at(row)? else { return Ok(None) };
        let Some(Json::Object(members)) = part(&document, path.as_ref(), row)? else { return Ok(None) };
        Json::Array(members.iter().map(|(name, _)| Json::String(name.clone())).collect()).write(out);
        Ok(Some(()))
    })
}

fn contains(call: &Call<'_>) -> Result<ArrayRef> {
    let (targets, candidates) = (Documents::of(call, 0)?, Documents::of(call, 1)?);
    let path = optional_path(call, 2)?;
    call.try_booleans(|row| {
        let (Some(target), Some(candidate)) = (targets.at(row)?, candidates.at(row)?) else {
            return Ok(None);
        };
        Ok(part(&target, path.as_ref(), row)?.map(|target| target.contains(&candidate)))
    })
}

/// Whether an argument says 'one' (rather than 'all').
fn is_one(call: &Call<'_>, text: &str) -> Result<bool, Error> {
    match text {
        text if text.eq_ignore_ascii_case("one") => Ok(true),
        text if text.eq_ignore_ascii_case("all") => Ok(false),
        _ => Err(Error::OneOrAll { function: call.function.to_owned() }),
    }
}

fn contains_path(call: &Call<'_>) -> Result<ArrayRef> {
    let (documents, one) = (Documents::of(call, 0)?, call.text(1)?);
    let paths = (2..call.count()).map(|argument| Paths::of(call, argument)).collect::<Result<Vec<_>>>()?;
    call.try_booleans(|row| {
        let (Some(document), Some(one)) = (documents.at(row)?, one.at(row)) else { return Ok(None) };
        let one = is_one(call, one)?;
        for path in &paths {
            let Some(path) = path.at(row)? else { return Ok(None) };
            let found = !path.find(&document).is_empty();
            if found == one {
                return Ok(Some(one));
            }
        }
        Ok(Some(!one))
    })
}

/// Whether two arrays share an element, two objects a member, or two scalars are equal.
fn overlaps(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right) = (Documents::of(call, 0)?, Documents::of(call, 1)?);
    call.try_booleans(|row| {
        let (Some(left), Some(right)) = (left.at(row)?, right.at(row)?) else { return Ok(None) };
        Ok(Some(match (&left, &right) {
            (Json::Array(left), Json::Array(right)) => {
                left.iter().any(|element| right.iter().any(|other| element.same(other)))
            }
            (Json::Object(members), Json::Object(_)) => {
                members.iter().any(|(name, value)| right.member(name).is_some_and(|other| value.same(other)))
            }
            (Json::Array(elements), scalar) | (scalar, Json::Array(elements)) => {
                elements.iter().any(|element| element.same(scalar))
            }
            (left, right) => left.same(right),
        }))
    })
}

/// `JSON_SEARCH(document, one or all, pattern[, escape[, path …]])`: the paths of strings that are LIKE the pattern.
fn search(call: &Call<'_>) -> Result<ArrayRef> {
    let (documents, one, pattern) = (Documents::of(call, 0)?, call.text(1)?, call.text(2)?);
    let escape = if call.count() > 3 { Some(call.text(3)?) } else { None };
    let paths = (4..call.count()).map(|argument| Paths::of(call, argument)).collect::<Result<Vec<_>>>()?;
    call.try_texts(|row, out| {
        let (Some(document), Some(one)) = (documents.at(row)?, one.at(row)) else { return Ok(None) };
        let Some(pattern) = pattern.at(row) else { return Ok(None) };
        let one = is_one(call, one)?;
        let mut escape = escape.as_ref().and_then(|escape| escape.at(row)).unwrap_or_default().chars();
        let (escape, others) = (escape.next().unwrap_or('\\'), escape.next());
        if others.is_some() {
            return Err(Error::Arguments { function: "ESCAPE".to_owned() }.into());
        }
        let mut roots: Vec<*const Json> = Vec::new();
        for path in &paths {
            let Some(path) = path.at(row)? else { return Ok(None) };
            roots.extend(path.find(&document).into_iter().map(std::ptr::from_ref));
        }
        let mut found = Vec::new();
        let mut legs = Vec::new();
        walk(&document, paths.is_empty(), &roots, &mut legs, &mut |legs, text| {
            if like(text, pattern, escape) {
                let mut path = String::new();
                Path::write(legs, &mut path);
                found.push(Json::String(path));
            }
        });
        found.truncate(if one { 1 } else { usize::MAX });
        match (found.len(), found.pop()) {
            (_, None) => return Ok(None),
            (1, Some(path)) => path.write(out),
            (_, Some(last)) => {
                found.push(last);
                Json::Array(found).write(out);
            }
        }
        Ok(Some(()))
    })
}

/// Visits all strings below the roots, with their paths.
fn walk(
    value: &Json,
    inside: bool,
    roots: &[*const Json],
    legs: &mut Vec<Leg>,
    visit: &mut impl FnMut(&[Leg], &str),
) {
    let inside = inside || roots.contains(&std::ptr::from_ref(value));
    match value {
        Json::String(text) if inside => visit(legs, text),
        Json::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                legs.push(Leg::Element(Index { at, from_end: false }));
                walk(element, inside, roots, legs, visit);
                legs.pop();
            }
        }
        Json::Object(members) => {
            for (name, member) in members {
                legs.push(Leg::Member(name.clone()));
                walk(member, inside, roots, legs, visit);
                legs.pop();
            }
        }
        _ => {}
    }
}

fn quote(call: &Call<'_>) -> Result<ArrayRef> {
    must_be_text(call)?;
    if call.is_json(0) {
        return Err(Error::ArgumentType { argument: 1, function: call.function.to_owned() }.into());
    }
    let text = call.text(0)?;
    call.texts(|row, out| {
        write_string(text.at(row)?, out);
        Some(())
    })
}

fn pretty(call: &Call<'_>) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.try_texts(|row, out| {
        let Some(document) = documents.at(row)? else { return Ok(None) };
        document.write_pretty(0, out);
        Ok(Some(()))
    })
}

fn member_of(call: &Call<'_>) -> Result<ArrayRef> {
    let (values, documents) = (Values::of(call, 0)?, Documents::of(call, 1)?);
    call.try_booleans(|row| {
        let Some(document) = documents.at(row)? else { return Ok(None) };
        if values.raw.is_null(row) {
            return Ok(None);
        }
        let value = values.at(row)?;
        Ok(Some(match &document {
            Json::Array(elements) => elements.iter().any(|element| element.same(&value)),
            scalar => scalar.same(&value),
        }))
    })
}
