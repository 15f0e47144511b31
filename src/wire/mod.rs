//! The MySQL protocol: connection phase, commands, results.
//!
//! Only this module knows packets and capability flags; it sees the engine's answers, never a plan.
//! Start reading at [`listener`], then `connection` and `client`.

pub mod listener;
pub mod local;

mod limits;
mod peer;
mod proxy;

mod client;
mod connection;

mod command;
mod handshake;
mod parameter;
mod statement;

mod column;
mod reply;
mod rows;

mod binary;
mod cells;
mod json;
mod number;
mod temporal;
mod text;

mod error;

mod compression;
mod packet;
mod payload;
mod transport;

pub mod tls;

#[cfg(any(test, fuzzing))]
pub mod parsers;
#[cfg(test)]
mod tests;

pub use listener::{Listeners, Shared, serve};
