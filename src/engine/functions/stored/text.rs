//! Texts, bytes and documents for columns of them. It must not know columns of other types.

use arrow::array::{ArrayRef, StringViewBuilder};
use datafusion::common::Result;

use super::super::json::document::Json;
use super::super::signature::{is_binary, is_text};
use super::{Fit, Reason, Storing, longest};

/// How much a column of texts holds.
#[derive(Clone, Copy)]
pub(super) struct Room {
    /// Most characters, or bytes.
    most: u32,
    in_bytes: bool,
    /// CHAR: blanks at the end are no part of a value.
    fixed: bool,
}

impl Room {
    /// CHAR.
    pub(super) fn fixed(characters: u32) -> Self {
        Self { most: characters, in_bytes: false, fixed: true }
    }

    /// VARCHAR.
    pub(super) fn characters(characters: u32) -> Self {
        Self { most: characters, in_bytes: false, fixed: false }
    }

    /// TINYTEXT, TEXT and MEDIUMTEXT, by the bytes of their lengths.
    pub(super) fn bytes(length_bytes: u8) -> Self {
        Self { most: longest(length_bytes), in_bytes: true, fixed: false }
    }

    /// A text in its column. Blanks that have no room are cut, but in a CHAR nobody is told.
    fn fit(self, text: &str) -> Fit<&str> {
        let (kept, rest) = text.split_at(self.end(text));
        match (self.fixed, rest.bytes().all(|byte| byte == b' ')) {
            (true, true) => Fit::Whole(kept.trim_end_matches(' ')),
            _ if rest.is_empty() => Fit::Whole(kept),
            (_, true) => Fit::Cut(kept),
            (_, false) => Fit::Not(Reason::Length, Some(kept)),
        }
    }

    /// Where the part of a text ends that has room.
    fn end(self, text: &str) -> usize {
        let most = self.most as usize;
        if text.len() <= most {
            return text.len();
        }
        match self.in_bytes {
            true => (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0),
            false => text.char_indices().nth(most).map_or(text.len(), |(end, _)| end),
        }
    }
}

impl Storing<'_> {
    /// A column of texts.
    pub(super) fn texts(&self, room: Room) -> Result<ArrayRef> {
        let mut column = StringViewBuilder::with_capacity(self.call.rows);
        if is_binary(self.call.kind(0)) {
            let bytes = self.call.bytes(0)?;
            for row in 0..self.call.rows {
                let text = match bytes.at(row).map(std::str::from_utf8) {
                    None => None,
                    Some(Ok(text)) => self.settle(row, room.fit(text))?,
                    Some(Err(error)) => {
                        let (valid, rest) = bytes.at(row).unwrap_or_default().split_at(error.valid_up_to());
                        let value = rest.iter().take(6).map(|byte| format!("\\x{byte:02X}")).collect();
                        let valid = std::str::from_utf8(valid).unwrap_or_default();
                        let kept = &valid[..room.end(valid)];
                        self.settle(row, Fit::Not(Reason::Value { kind: "string", value }, Some(kept)))?
                    }
                };
                column.append_option(text);
            }
        } else {
            let texts = self.call.text(0)?;
            for row in 0..self.call.rows {
                let text = texts.at(row).map_or(Ok(None), |text| self.settle(row, room.fit(text)))?;
                column.append_option(text);
            }
        }
        Ok(std::sync::Arc::new(column.finish()))
    }

    /// A column of binary strings, filled with zeros where they are always as long.
    pub(super) fn binaries(&self, most: u32, filled: bool) -> Result<ArrayRef> {
        let (bytes, most) = (self.call.bytes(0)?, most as usize);
        let mut column = arrow::array::BinaryViewBuilder::with_capacity(self.call.rows);
        for row in 0..self.call.rows {
            let fit = |bytes: &[u8]| {
                let mut kept = bytes[..bytes.len().min(most)].to_vec();
                if filled {
                    kept.resize(most, 0);
                }
                if bytes.len() <= most { Fit::Whole(kept) } else { Fit::Not(Reason::Length, Some(kept)) }
            };
            let kept = bytes.at(row).map_or(Ok(None), |bytes| self.settle(row, fit(bytes)))?;
            column.append_option(kept);
        }
        Ok(std::sync::Arc::new(column.finish()))
    }

    /// A column of documents. Only a text can be one: a number that is meant as a document has to be cast.
    pub(super) fn documents(&self) -> Result<ArrayRef> {
        let (call, kind) = (self.call, self.call.kind(0));
        let is_document = call.is_json(0) || kind.is_nested();
        let values = call.raw(0)?;
        let texts = if is_document || is_text(kind) { Some(call.text(0)?) } else { None };
        let fit = |text: &str| match Json::parse(text) {
            Ok(document) => Fit::Whole(document),
            Err((reason, position)) => Fit::Not(Reason::Document { reason, position }, None),
        };
        call.try_texts(|row, out| {
            if values.is_null(row) {
                return Ok(None);
            }
            let fit = match texts.as_ref().map(|texts| texts.at(row)) {
                Some(None) => return Ok(None),
                Some(Some(document)) if is_document => {
                    out.push_str(document);
                    return Ok(Some(()));
                }
                Some(Some(text)) => fit(text),
                None if is_binary(kind) => Fit::Not(Reason::BinaryDocument, None),
                None => {
                    let reason = "not a JSON text, may need CAST".to_owned();
                    Fit::Not(Reason::Document { reason, position: 0 }, None)
                }
            };
            Ok(self.settle(row, fit)?.map(|document: Json| document.write(out)))
        })
    }
}
