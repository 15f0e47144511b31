//! Lakefront: a MySQL front for a Parquet data lake.
//!
//! The modules in reading order, from the edges inwards. Who may import whom is written in
//! `docs/architecture.md` and held by `tests/tidy.rs`.

pub mod cli;
pub mod server;

pub mod console;
pub mod jobs;
pub mod wire;

pub mod refresh;

pub mod engine;

pub mod views;

pub mod notify;
pub mod scheduler;

pub mod auth;
pub mod catalog;
pub mod lake;

pub mod clock;
pub mod config;
pub mod telemetry;
