//! Binary strings in functions that count characters: each byte is a character of Latin-1 on the way in and becomes
//! a byte again on the way out, so that one kernel serves both.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BinaryViewBuilder, StringViewArray, StringViewBuilder,
};
use datafusion::common::Result;

/// Bytes as characters.
pub fn to_latin(bytes: &BinaryViewArray) -> Result<StringViewArray> {
    let mut column = StringViewBuilder::with_capacity(bytes.len());
    let mut text = String::new();
    for value in bytes.iter() {
        text.clear();
        text.extend(value.into_iter().flatten().map(|byte| char::from(*byte)));
        column.append_option(value.map(|_| &text));
    }
    Ok(column.finish())
}

/// Characters as bytes; no kernel makes characters beyond Latin-1 from characters of Latin-1.
pub fn from_latin(text: &ArrayRef) -> Result<ArrayRef> {
    let mut column = BinaryViewBuilder::with_capacity(text.len());
    let mut bytes = Vec::new();
    for value in text.as_string_view().iter() {
        bytes.clear();
        bytes.extend(value.unwrap_or_default().chars().map(|character| u32::from(character) as u8));
        column.append_option(value.map(|_| &bytes));
    }
    Ok(Arc::new(column.finish()))
}
