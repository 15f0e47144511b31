//! JSON: documents, paths, and the functions that read and change them.
//!
//! A JSON value is text whose field is marked; only so is `JSON_ARRAY('[1]')` told from `JSON_ARRAY(JSON_ARRAY(1))`.

pub mod change;
pub mod coerce;
pub mod document;
pub mod key;
pub mod kind;
pub mod parse;
pub mod path;
pub mod read;
pub mod schema;
pub mod stored;
pub mod table;

use arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::convert::Cells;
use super::error::Error;
use super::signature::{Call, Function, is_binary, is_text};
use document::Json;
use parse::{DEEPEST, TOO_DEEP};
use path::Path;

/// The functions of JSON.
pub fn functions() -> Vec<Function> {
    let kinds = [
        read::functions(),
        change::functions(),
        table::functions(),
        key::functions(),
        schema::functions(),
        stored::functions(),
    ];
    kinds.into_iter().flatten().collect()
}

/// A text as a document, or why it is none: the argument of a function, counted from one.
pub fn read(text: &str, argument: usize, function: &str) -> Result<Json, Error> {
    Json::parse(text).map_err(|(reason, position)| match reason == TOO_DEEP {
        true => Error::JsonDepth,
        false => Error::InvalidJson { argument, function: function.to_owned(), reason, position },
    })
}

/// A text that is marked as JSON as a document.
fn document(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// Writes a document that a function made, unless it is nested too deeply.
fn answer(document: &Json, out: &mut String) -> Result<Option<()>> {
    if document.levels() > DEEPEST {
        return Err(Error::JsonDepth.into());
    }
    document.write(out);
    Ok(Some(()))
}

/// A function as errors name it.
fn shown(function: &'static str) -> &'static str {
    match function {
        "mysql_member_of" => "member of",
        "mysql_json_rows" => "json_table",
        name => name,
    }
}

/// An argument that is a document: JSON, or a text that holds it.
struct Documents {
    text: Cells<StringViewArray>,
    function: &'static str,
    argument: usize,
}

impl Documents {
    fn of(call: &Call<'_>, argument: usize) -> Result<Self> {
        let (kind, function) = (call.kind(argument), shown(call.function));
        if is_binary(kind) {
            return Err(Error::JsonCharacterSet.into());
        }
        if !is_text(kind) && !kind.is_null() && !kind.is_nested() {
            return Err(Error::NotJson { argument: argument + 1, function: function.to_owned() }.into());
        }
        Ok(Self { text: call.text(argument)?, function, argument })
    }

    fn at(&self, row: usize) -> Result<Option<Json>, Error> {
        self.text.at(row).map(|text| read(text, self.argument + 1, self.function)).transpose()
    }
}

/// An argument that is a value: JSON stays what it is, all else becomes the JSON value of its type.
struct Values {
    raw: Cells<ArrayRef>,
    json: bool,
}

impl Values {
    fn of(call: &Call<'_>, argument: usize) -> Result<Self> {
        Ok(Self { raw: call.raw(argument)?, json: call.is_json(argument) })
    }

    fn at(&self, row: usize) -> Result<Json> {
        value(self.raw.array(), self.raw.index(row), self.json)
    }
}

/// A value of a column, whose texts may be JSON.
fn value(array: &ArrayRef, row: usize, json: bool) -> Result<Json> {
    Ok(match document::from_array(array, row)? {
        Json::String(text) if json => document(&text),
        value => value,
    })
}

/// An argument that is a path; parsed once when it is constant.
struct Paths {
    text: Cells<StringViewArray>,
    constant: Option<Path>,
    single: bool,
}

impl Paths {
    fn of(call: &Call<'_>, argument: usize) -> Result<Self> {
        let text = call.text(argument)?;
        let constant = match text.is_constant().then(|| text.at(0)).flatten() {
            Some(path) => Some(Path::parse(path)?),
            None => None,
        };
        Ok(Self { text, constant, single: false })
    }

    /// Paths that name one place each.
    fn single(call: &Call<'_>, argument: usize) -> Result<Self> {
        let mut paths = Self::of(call, argument)?;
        paths.single = true;
        if let Some(path) = paths.constant.take() {
            paths.constant = Some(path.single()?);
        }
        Ok(paths)
    }

    fn at(&self, row: usize) -> Result<Option<Path>, Error> {
        if let Some(path) = &self.constant {
            return Ok(Some(path.clone()));
        }
        let Some(text) = self.text.at(row) else { return Ok(None) };
        let path = Path::parse(text)?;
        Ok(Some(if self.single { path.single()? } else { path }))
    }
}
