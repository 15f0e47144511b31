//! A MySQL statement becomes record batches: session, dialect, functions, metadata, admission.
//!
//! It knows no socket, packet or capability flag. Start reading at [`query`].

pub mod query;
pub mod session;

mod aliases;
mod bind;
mod caller;
mod columns;
mod explain;
mod found;
mod names;
mod nearest;
mod scopes;
mod show;
mod statements;
mod temporary;
mod ungrouped;
pub mod views;
mod wildcards;

mod compact;
mod constant_rows;
mod life;
mod light;
mod limited;
mod passing;
mod planner;
mod plans;
mod ready;
mod recursion;
mod semijoin;
mod unpinned;
mod window_keys;
mod yielding;

mod admission;
mod memory;
pub mod processes;
mod runtime;

pub mod dialect;
pub mod functions;
pub mod metadata;

pub mod answer;
pub mod changes;
mod declared;
pub mod error;
pub mod types;
