//! Every parser of clients' bytes over bytes of all kinds, over logins and commands that are nearly right, and over what
//! the fuzzers begin with.

use std::path::Path;

use mysql_common::constants::CapabilityFlags;
use proptest::prelude::*;

use super::parsers::{self, PARSERS};

/// Each seed of a fuzzer, and each input that one of them has found, goes well.
#[test]
fn seeds() {
    // Statements need a larger stack than tests have.
    let all = std::thread::Builder::new().stack_size(16 << 20).spawn(|| {
        for (name, parse) in PARSERS {
            let directory = Path::new("tests/fuzz/seeds").join(name);
            let seeds: Vec<_> = directory.read_dir().unwrap().map(|seed| seed.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{name} has no seeds");
            seeds.iter().for_each(|seed| parse(&std::fs::read(seed).unwrap()));
        }
    });
    all.unwrap().join().unwrap();
}

/// Bytes of any kind; half of them are the small and the large numbers that lengths and types are made of.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let special = |byte: u8| match byte % 16 {
        low @ 0..8 => low,
        high => 0xF0 | high,
    };
    prop::collection::vec(any::<u16>(), 0..100).prop_map(move |numbers| {
        let byte = |number: u16| match number.to_le_bytes() {
            [byte, 0..128] => byte,
            [byte, _] => special(byte),
        };
        numbers.into_iter().map(byte).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn anything(rest in bytes()) {
        PARSERS.iter().for_each(|(_, parse)| parse(&rest));
    }

    #[test]
    fn logins(flags: u32, rest in bytes()) {
        let likely = flags | CapabilityFlags::CLIENT_PROTOCOL_41.bits();
        let login = [&likely.to_le_bytes()[..], &[0; 28], &rest].concat();
        parsers::logins(&login);
        parsers::proofs(&[&[flags as u8], &framed(1, &login)[..]].concat());
        let tls = likely | CapabilityFlags::CLIENT_SSL.bits();
        let request = [&tls.to_le_bytes()[..], &[0; 28]].concat();
        parsers::tls_requests(&[framed(1, &request), rest].concat());
    }

    #[test]
    fn prepared_statements(parameters in 0_usize..20, rounds in prop::collection::vec(bytes(), 1..4)) {
        // Types and long data are kept from one execution to the next.
        let prepare = format!("\x16SELECT {}", "?".repeat(parameters));
        let mut packets = framed(0, prepare.as_bytes());
        for body in rounds {
            let (long, values) = body.split_at(body.len() / 3);
            packets.extend(framed(0, &[b"\x18\x01\0\0\0", long].concat()));
            packets.extend(framed(0, &[b"\x17\x01\0\0\0\0\x01\0\0\0", values].concat()));
        }
        parsers::prepared(&packets);
    }

    #[test]
    fn changes_of_user(rest in bytes()) {
        parsers::commands(&[&[0x11], &rest[..]].concat());
    }

    #[test]
    fn proxies(line: bool, rest in bytes()) {
        let start: &[u8] = if line { b"PROXY TCP4 " } else { b"\r\n\r\n\0\r\nQUIT\n\x21" };
        parsers::proxies(&[start, &rest].concat());
    }
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [low, middle, high, _] = (payload.len() as u32).to_le_bytes();
    [&[low, middle, high, sequence], payload].concat()
}
