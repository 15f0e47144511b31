//! Dates and times: their fields, arithmetic, formats, and how they are built.

pub mod arithmetic;
pub mod build;
pub mod fields;
pub mod format;
pub mod parse;

use super::signature::Function;

/// The functions of dates and times.
pub fn functions() -> Vec<Function> {
    [
        fields::functions(),
        arithmetic::functions(),
        build::functions(),
        format::functions(),
        parse::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
