//! Every parser of clients' bytes over bytes of all kinds: whatever they are, it answers or refuses.

use bytes::{Bytes, BytesMut};
use mysql_common::constants::CapabilityFlags;
use proptest::prelude::*;

use super::command::Command;
use super::compression::{Algorithm, Unpacker};
use super::handshake::{self, Request};
use super::packet::PacketReader;
use super::{parameter, proxy};

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
    fn logins(flags: u32, rest in bytes()) {
        let payload = Bytes::from([&flags.to_le_bytes()[..], &rest].concat());
        let _ = handshake::asks_for_tls(&payload);
        let _ = Request::parse_response(&payload, handshake::CAPABILITIES);
        let likely = flags | CapabilityFlags::CLIENT_PROTOCOL_41.bits();
        let payload = Bytes::from([&likely.to_le_bytes()[..], &[0; 28], &rest].concat());
        let _ = Request::parse_response(&payload, handshake::CAPABILITIES);
        let _ = Request::parse_change_user(&Bytes::from(rest), CapabilityFlags::from_bits_truncate(flags));
    }

    #[test]
    fn commands(code: u8, rest in bytes()) {
        let _ = Command::parse(&Bytes::from([&[code], &rest[..]].concat()));
    }

    #[test]
    fn parameters(count in 0_usize..20, rounds in prop::collection::vec(bytes(), 1..4)) {
        // Types are kept from one execution to the next.
        let mut types = Vec::new();
        for body in rounds {
            let _ = parameter::values(&body, count, &mut types, &Default::default());
        }
    }

    #[test]
    fn proxies(line: bool, rest in bytes()) {
        let start: &[u8] = if line { b"PROXY TCP4 " } else { b"\r\n\r\n\0\r\nQUIT\n\x21" };
        if let Ok(Some(header)) = proxy::parse(&[start, &rest].concat()) {
            prop_assert!(header.length <= start.len() + rest.len());
        }
        let _ = proxy::parse(&rest);
    }

    #[test]
    fn frames(zstd: bool, rest in bytes()) {
        let algorithm = if zstd { Algorithm::Zstd(3) } else { Algorithm::Zlib };
        let mut unpacker = Unpacker::new(algorithm, BytesMut::from(&rest[..]));
        let mut out = BytesMut::new();
        while let Ok(None) = unpacker.unpack(&mut out, 10_000) {}
        prop_assert!(out.len() <= 10_000 + rest.len());
    }

    #[test]
    fn packets(rest in bytes()) {
        let read = async {
            let mut reader = PacketReader::new(&rest[..], 100);
            while let Ok(Some(payload)) = reader.next().await {
                prop_assert!(payload.len() <= 100);
            }
            Ok::<(), TestCaseError>(())
        };
        futures::executor::block_on(read)?;
    }
}
