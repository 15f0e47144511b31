//! The request for TLS, and what stands behind it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakefront::wire::parsers::tls_requests(bytes));
