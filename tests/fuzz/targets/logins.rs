//! The handshake response.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakefront::wire::parsers::logins(bytes));
