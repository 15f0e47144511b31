//! The payload of a command, COM_CHANGE_USER's among them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakefront::wire::parsers::commands(bytes));
