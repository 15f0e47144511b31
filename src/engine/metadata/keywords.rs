//! `information_schema.KEYWORDS`: the words that MySQL 8.0 reserves. Words that need no quotes are left out.

use super::MetadataContext;
use super::rows::{Cell, Rows};
use crate::engine::dialect::reserved;

/// `KEYWORDS`.
pub fn rows(_: &MetadataContext, rows: &mut Rows) {
    for word in reserved::words() {
        rows.push(&[word.into(), Cell::Number(1)]);
    }
}
