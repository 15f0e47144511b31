//! The PROXY protocol's header.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakefront::wire::parsers::proxies(bytes));
