//! The PROXY protocol, versions 1 and 2: a load balancer says in front of everything else whom it speaks for.
//!
//! It must not know who may say so; that is in the config, and asked by `connection`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str;

use super::error::{Error, Result};

/// Longest header of version 1, with its line end.
const LINE_BYTES_MAX: usize = 107;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Most bytes of addresses and extensions in version 2. Extensions are not read; certificates can be among them.
const BODY_BYTES_MAX: usize = 4 << 10;

/// What a header tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// The client, when it is not the proxy itself, which asks for its own sake whether the server is well.
    pub client: Option<SocketAddr>,
    /// How many bytes the header has.
    pub length: usize,
}

/// Reads a header from the front of what came, or nothing when there is not enough of it yet.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>> {
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(left, right)| left == right);
    if begins(b"PROXY ") {
        parse_line(bytes)
    } else if begins(SIGNATURE) {
        parse_binary(bytes)
    } else {
        Err(Error::BadHandshake)
    }
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 3306\r\n`
fn parse_line(bytes: &[u8]) -> Result<Option<Header>> {
    let Some(end) = bytes.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n') else {
        return if bytes.len() < LINE_BYTES_MAX { Ok(None) } else { Err(Error::BadHandshake) };
    };
    let line = bytes[..end].strip_suffix(b"\r").and_then(|line| str::from_utf8(line).ok());
    let parts: Vec<&str> = line.ok_or(Error::BadHandshake)?.split(' ').collect();
    let client = match parts[..] {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", family @ ("TCP4" | "TCP6"), source, _, port, _] => {
            let ip: IpAddr = source.parse().map_err(|_| Error::BadHandshake)?;
            let port: u16 = port.parse().map_err(|_| Error::BadHandshake)?;
            if ip.is_ipv4() != (family == "TCP4") {
                return Err(Error::BadHandshake);
            }
            Some(SocketAddr::new(ip, port))
        }
        _ => return Err(Error::BadHandshake),
    };
    Ok(Some(Header { client, length: end + 1 }))
}

fn parse_binary(bytes: &[u8]) -> Result<Option<Header>> {
    const FIXED: usize = 16;
    let Some(&[version_and_command, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else {
        return Ok(None);
    };
    let body_length = usize::from(u16::from_be_bytes([high, low]));
    if version_and_command >> 4 != 2 || body_length > BODY_BYTES_MAX {
        return Err(Error::BadHandshake);
    }
    let length = FIXED + body_length;
    let Some(body) = bytes.get(FIXED..length) else { return Ok(None) };
    let client = match (version_and_command & 0xF, family) {
        // LOCAL: the proxy itself.
        (0, _) => None,
        (1, 0x11) => Some(ipv4(body).ok_or(Error::BadHandshake)?),
        (1, 0x21) => Some(ipv6(body).ok_or(Error::BadHandshake)?),
        // PROXY for a client that has no address of the network.
        (1, 0x00 | 0x31) => None,
        _ => return Err(Error::BadHandshake),
    };
    Ok(Some(Header { client, length }))
}

/// Source and destination address, source and destination port.
fn ipv4(body: &[u8]) -> Option<SocketAddr> {
    let source: [u8; 4] = *body.first_chunk()?;
    let [high, low, _, _] = *body.get(8..12)? else { return None };
    Some(SocketAddr::new(Ipv4Addr::from(source).into(), u16::from_be_bytes([high, low])))
}

fn ipv6(body: &[u8]) -> Option<SocketAddr> {
    let source: [u8; 16] = *body.first_chunk()?;
    let [high, low, _, _] = *body.get(32..36)? else { return None };
    Some(SocketAddr::new(Ipv6Addr::from(source).into(), u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind the header stands what belongs to the packets.
    fn check(bytes: &[u8], expected: Option<Option<&str>>) {
        let with_more = [bytes, b"more"].concat();
        let parsed = parse(&with_more).ok().flatten();
        let client = parsed.as_ref().map(|header| header.client.map(|client| client.to_string()));
        let expected = expected.map(|client| client.map(str::to_owned));
        assert_eq!(client, expected, "{:?}", String::from_utf8_lossy(bytes));
        if let Some(header) = parsed {
            assert_eq!(header.length, bytes.len());
            for length in 0..bytes.len() {
                assert!(matches!(parse(&bytes[..length]), Ok(None)), "{length} bytes of {bytes:?}");
            }
        }
    }

    #[test]
    fn version_1() {
        check(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 3306\r\n", Some(Some("192.0.2.1:56324")));
        check(b"PROXY TCP6 2001:db8::1 ::1 56324 3306\r\n", Some(Some("[2001:db8::1]:56324")));
        check(b"PROXY UNKNOWN\r\n", Some(None));
        check(b"PROXY UNKNOWN ff:: ff:: 65535 65535\r\n", Some(None));
        check(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 3306\n", None);
        check(b"PROXY TCP6 192.0.2.1 198.51.100.1 56324 3306\r\n", None);
        check(b"PROXY TCP4 192.0.2.1 198.51.100.1 70000 3306\r\n", None);
        check(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n", None);
        check(b"PROXY UDP4 192.0.2.1 198.51.100.1 56324 3306\r\n", None);
        check(&[&b"PROXY UNKNOWN "[..], &[b'x'; 100], b"\r\n"].concat(), None);
        check(b"GET / HTTP/1.1\r\n", None);
        check(b"\x20\0\0\x01\x05\xA2\x3B\0", None);
    }

    #[test]
    fn version_2() {
        let header = |command: u8, family: u8, body: &[u8]| {
            let length = (body.len() as u16).to_be_bytes();
            [SIGNATURE, &[command, family][..], &length, body].concat()
        };
        let ipv4 = b"\xC0\x00\x02\x01\xC6\x33\x64\x01\xDC\x04\x0C\xEA";
        check(&header(0x21, 0x11, ipv4), Some(Some("192.0.2.1:56324")));
        check(&header(0x21, 0x11, &[&ipv4[..], &[3; 100]].concat()), Some(Some("192.0.2.1:56324")));
        let ipv6 = [&Ipv6Addr::LOCALHOST.octets()[..], &[0; 16], &[0, 80, 0, 1]].concat();
        check(&header(0x21, 0x21, &ipv6), Some(Some("[::1]:80")));
        check(&header(0x20, 0x00, b""), Some(None));
        check(&header(0x20, 0x11, ipv4), Some(None));
        check(&header(0x21, 0x00, b""), Some(None));
        check(&header(0x21, 0x31, &[0; 216]), Some(None));
        check(&header(0x21, 0x11, &ipv4[..11]), None);
        check(&header(0x21, 0x12, ipv4), None);
        check(&header(0x22, 0x11, ipv4), None);
        check(&header(0x11, 0x11, ipv4), None);
        check(&header(0x21, 0x11, &[0; BODY_BYTES_MAX + 1]), None);
    }
}
