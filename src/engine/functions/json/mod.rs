//! JSON: documents, paths, and the functions that read and change them.
//!
//! A JSON value is text whose field is marked; only so is `JSON_ARRAY('[1]')` told from `JSON_ARRAY(JSON_ARRAY(1))`.

pub mod change;
pub mod document;
pub mod path;
pub mod read;
pub mod schema;
pub mod stored;
pub mod table;

use arrow::array::{ArrayRef, StringViewArray};
use datafusion::common::Result;

use super::convert::Cells;
use super::error::Error;
use super::signature::{Call, Function, is_text};
use document::Json;
use path::Path;

/// The functions of JSON.
pub fn functions() -> Vec<Function> {
    let kinds = [
        read::functions(),
        change::functions(),
        table::functions(),
        schema::functions(),
        stored::functions(),
    ];
    kinds.into_iter().flatten().collect()
}

/// An argument that is a document: JSON, or a text that holds it.
struct Documents<'a> {
    text: Cells<StringViewArray>,
    function: &'a str,
    argument: usize,
}

impl<'a> Documents<'a> {
    fn of(call: &'a Call<'_>, argument: usize) -> Result<Self> {
        if !is_text(call.kind(argument)) && !call.kind(argument).is_null() && !call.kind(argument).is_nested()
        {
            return Err(Error::NotJson { argument: argument + 1, function: call.function.to_owned() }.into());
        }
        Ok(Self { text: call.text(argument)?, function: call.function, argument })
    }

    fn at(&self, row: usize) -> Result<Option<Json>, Error> {
        let Some(text) = self.text.at(row) else { return Ok(None) };
        Json::parse(text).map(Some).map_err(|(reason, position)| match reason.contains("maximum depth") {
            true => Error::JsonDepth,
            false => Error::InvalidJson {
                argument: self.argument + 1,
                function: self.function.to_owned(),
                reason,
                position,
            },
        })
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
        let value = document::from_array(self.raw.array(), self.raw.index(row))?;
        Ok(match value {
            Json::String(text) if self.json => Json::parse(&text).unwrap_or(Json::String(text)),
            value => value,
        })
    }
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
