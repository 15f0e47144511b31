//! The integration tests: one binary, one module for each subject. Tests see what a client sees.

mod fixture;
mod server;

mod clients;
mod operations;
mod slt;
