//! How large MySQL's binary form of a document is: JSON_STORAGE_SIZE and JSON_STORAGE_FREE.
//!
//! It knows documents. Here they are kept as text; the size tells what MySQL would take for them.

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;
use datafusion::common::Result;

use super::super::signature::{Call, Function, returns};
use super::Documents;
use super::document::Json;

/// The functions of sizes.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("json_storage_size", 1..=1, returns::int, |call| {
            sizes(call, |document| 1 + document.stored_bytes() as i64)
        }),
        // Nothing is changed in place.
        Function::new("json_storage_free", 1..=1, returns::int, |call| sizes(call, |_| 0)),
    ]
}

fn sizes(call: &Call<'_>, size: fn(&Json) -> i64) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.try_primitives::<Int64Type>(|row| Ok(documents.at(row)?.as_ref().map(size)))
}

impl Json {
    /// How many bytes the value takes in MySQL's binary form of JSON, without the byte of its type.
    fn stored_bytes(&self) -> usize {
        let names = |members: &[(String, Self)]| members.iter().map(|(name, _)| name.len()).sum::<usize>();
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Int(value) if i16::try_from(*value).is_ok() => 2,
            Self::Int(value) if i32::try_from(*value).is_ok() => 4,
            Self::Int(_) | Self::Uint(_) | Self::Double(_) => 8,
            Self::String(text) | Self::Opaque(_, text) => text_bytes(text.len()),
            // Its type, and how many digits it has before the digits.
            Self::Decimal(value) => {
                let (whole, scale) = (usize::from(value.whole_digits()), value.scale.max(0) as usize);
                let bytes = |digits: usize| digits / 9 * 4 + (digits % 9).div_ceil(2);
                1 + text_bytes(2 + bytes(whole) + bytes(scale))
            }
            Self::Array(elements) => of_parts(elements.iter(), 0, 0),
            Self::Object(members) => {
                of_parts(members.iter().map(|(_, value)| value), members.len(), names(members))
            }
        }
    }
}

/// A text after its length, which takes a byte for each seven bits.
fn text_bytes(length: usize) -> usize {
    let mut bytes = 1;
    while length >> (7 * bytes) > 0 {
        bytes += 1;
    }
    bytes + length
}

/// An array or object: two numbers, an entry for each name and each value, the names, and the values that do not fit
/// into their entries. Beyond 64 KiB its numbers have four bytes.
fn of_parts<'a>(
    values: impl Iterator<Item = &'a Json> + Clone,
    names: usize,
    bytes_of_names: usize,
) -> usize {
    let size = |number: usize| {
        let values = values.clone().map(|value| {
            let inside = match value {
                Json::Null | Json::Bool(_) => true,
                Json::Int(value) => {
                    i16::try_from(*value).is_ok() || number == 4 && i32::try_from(*value).is_ok()
                }
                _ => false,
            };
            1 + number + if inside { 0 } else { value.stored_bytes() }
        });
        2 * number + names * (number + 2) + bytes_of_names + values.sum::<usize>()
    };
    let small = size(2);
    if small > usize::from(u16::MAX) { size(4) } else { small }
}
