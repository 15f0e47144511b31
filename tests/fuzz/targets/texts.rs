//! The text of statements, in every mode.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakefront::wire::parsers::texts(bytes));
