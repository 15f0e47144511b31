//! SHOW, system variables and information_schema, from the catalog and the session.
//!
//! It knows what is asked of the server itself: names, columns, variables, processes. It knows no row of the lake's
//! tables, and it plans nothing: SHOW becomes a query over the tables here, which the engine plans as any other.

pub mod variables;

pub mod character_sets;
