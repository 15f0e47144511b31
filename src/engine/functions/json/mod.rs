//! JSON: documents, paths, and the functions that read and change them.

pub mod document;

use super::signature::Function;

/// The functions of JSON.
pub fn functions() -> Vec<Function> {
    Vec::new()
}
