//! The integration tests: one binary, one module for each subject. Tests see what a client sees.

mod fixture;
mod server;

mod shared;

mod clients;
mod engine;
mod lake_delta;
mod lake_reading;
mod lake_text;
mod operations;
mod pairs;
mod slt;
mod statements;
mod tableau;
