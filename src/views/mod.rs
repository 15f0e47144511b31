//! What the views are, which of their days are published, and how a query is answered from them.
//!
//! It knows tables and published files; no SQL text is read here (the engine does that), and nothing is
//! computed or published (that is `refresh`).

pub mod definition;
pub mod published;

pub mod publish;

pub mod failures;
pub mod runs;
