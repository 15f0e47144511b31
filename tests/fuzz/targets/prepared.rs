//! Commands of prepared statements: executions with their parameters, and long data.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakefront::wire::parsers::prepared(bytes));
