//! A whole login: the response, and the answers in the rounds that follow.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakefront::wire::parsers::proofs(bytes));
