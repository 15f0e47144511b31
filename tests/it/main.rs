//! The integration tests: one binary, one module for each subject. Tests see what a client sees.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it is")]
#![expect(clippy::print_stdout, reason = "tests say what they leave out, and count")]

mod fixture;
mod server;

mod s3;
mod shared;
mod wire_client;

mod clients;
mod console;
mod delta_readers;
mod demo;
mod engine;
mod lake_changes;
mod lake_delta;
mod lake_reading;
mod lake_s3;
mod lake_shapes;
mod lake_text;
mod memory;
mod model;
mod notices;
mod notify;
mod operations;
mod pairs;
mod refresh;
mod refresh_faults;
mod refresh_processes;
mod slt;
mod statements;
mod tableau;
mod temporary;
mod views;
mod warehouse;
mod wire_charset;
mod wire_compression;
mod wire_faults;
mod wire_fuzz;
mod wire_limits;
mod wire_local;
mod wire_login;
mod wire_protocol;
mod wire_status;
mod wire_tls;
mod wire_tracking;
