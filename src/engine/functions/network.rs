//! Addresses of the internet, and UUIDs.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::calendar::SECOND;
use super::encode::write_hex;
use super::error::Error;
use super::signature::{Call, Function, returns};

/// The functions of addresses.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("inet_aton", 1..=1, returns::uint, inet_aton),
        Function::new("inet_ntoa", 1..=1, returns::text, inet_ntoa),
        Function::new("inet6_aton", 1..=1, returns::blob, inet6_aton),
        Function::new("inet6_ntoa", 1..=1, returns::text, inet6_ntoa),
        Function::new("is_ipv4", 1..=1, returns::boolean, is_ipv4),
        Function::new("is_ipv6", 1..=1, returns::boolean, is_ipv6),
        Function::new("is_ipv4_compat", 1..=1, returns::boolean, |call| begins(call, [0; 12])),
        Function::new("is_ipv4_mapped", 1..=1, returns::boolean, |call| {
            begins(call, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255])
        }),
        Function::new("uuid", 0..=0, returns::text, uuid).volatile(),
        Function::new("uuid_short", 0..=0, returns::uint, uuid_short).volatile(),
        Function::new("is_uuid", 1..=1, returns::boolean, is_uuid),
        Function::new("uuid_to_bin", 1..=2, returns::blob, uuid_to_bin),
        Function::new("bin_to_uuid", 1..=2, returns::text, bin_to_uuid),
    ]
}

/// `a.b.c.d` as a number; the short forms `a.d`, `a.b.d` and `d` too.
fn inet_aton(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.uints(|row| {
        let text = text.at(row)?;
        let parsed = || {
            let parts: Vec<u64> = text
                .split('.')
                .map(|part| part.parse().ok().filter(|byte| *byte <= 255))
                .collect::<Option<_>>()?;
            let (last, first) = parts.split_last()?;
            if first.len() > 3 {
                return None;
            }
            let first = first.iter().enumerate().map(|(index, byte)| byte << (24 - 8 * index)).sum::<u64>();
            Some(first + last)
        };
        let number = parsed();
        if number.is_none() {
            call.warn(1411, format!("Incorrect string value: '{text}' for function inet_aton"));
        }
        number
    })
}

fn inet_ntoa(call: &Call<'_>) -> Result<ArrayRef> {
    let number = call.int(0)?;
    call.texts(|row, out| {
        let number = u32::try_from(number.at(row)?).ok()?;
        out.push_str(&Ipv4Addr::from(number).to_string());
        Some(())
    })
}

/// An IPv4 address as MySQL takes it: digits and points only.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u8> = text
        .split('.')
        .map(|part| if (1..=3).contains(&part.len()) { part.parse().ok() } else { None })
        .collect::<Option<_>>()?;
    <[u8; 4]>::try_from(parts).ok().map(Ipv4Addr::from)
}

fn ipv6(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok()
}

fn inet6_aton(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.blobs(|row, out| {
        let text = text.at(row)?;
        match (ipv4(text), ipv6(text)) {
            (Some(short), _) => out.extend(short.octets()),
            (None, Some(long)) => out.extend(long.octets()),
            (None, None) => {
                call.warn(1411, format!("Incorrect string value: '{text}' for function inet6_aton"));
                return None;
            }
        }
        Some(())
    })
}

fn inet6_ntoa(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.texts(|row, out| {
        let bytes = bytes.at(row)?;
        if let Ok(short) = <[u8; 4]>::try_from(bytes) {
            out.push_str(&Ipv4Addr::from(short).to_string());
        } else {
            let long = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            match long.octets() {
                // Addresses that hold an IPv4 one show it, as the C library does.
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if (a, b) != (0, 0) => {
                    out.push_str(&format!("::{a}.{b}.{c}.{d}"));
                }
                _ => out.push_str(&long.to_string()),
            }
        }
        Some(())
    })
}

fn is_ipv4(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.booleans(|row| Some(text.at(row).is_some_and(|text| ipv4(text).is_some())))
}

fn is_ipv6(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.booleans(|row| Some(text.at(row).is_some_and(|text| ipv6(text).is_some())))
}

/// Whether an address of 16 bytes begins so; the shortest two compatible ones are IPv6's own.
fn begins(call: &Call<'_>, first: [u8; 12]) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.booleans(|row| {
        Some(bytes.at(row).is_some_and(|bytes| {
            let own = first == [0; 12] && matches!(bytes.get(12..), Some([0, 0, 0, 0 | 1]));
            bytes.len() == 16 && bytes.starts_with(&first) && !own
        }))
    })
}

/// A random UUID (version 4): MySQL's own carry its clock and address.
fn uuid(call: &Call<'_>) -> Result<ArrayRef> {
    call.texts(|_, out| {
        let mut bytes: [u8; 16] = rand::random();
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        write_uuid(&bytes, out);
        Some(())
    })
}

/// The server's number, the second of its first answer, and a counter: each answer is greater than the one before.
fn uuid_short(call: &Call<'_>) -> Result<ArrayRef> {
    static NEXT: OnceLock<AtomicU64> = OnceLock::new();
    const SERVER: u64 = 1 << 56;
    let seconds = u64::try_from(call.now() / SECOND).unwrap_or_default();
    let next = NEXT.get_or_init(|| AtomicU64::new(SERVER + ((seconds & 0xFFFF_FFFF) << 24)));
    call.uints(|_| Some(next.fetch_add(1, Ordering::Relaxed)))
}

fn write_uuid(bytes: &[u8; 16], out: &mut String) {
    for (index, part) in
        [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].iter().enumerate()
    {
        if index > 0 {
            out.push('-');
        }
        write_hex(part, false, out);
    }
}

/// Reads a UUID: with hyphens, without them, or in braces.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let hyphens: Vec<usize> = inner.match_indices('-').map(|(at, _)| at).collect();
    let plain = hyphens.is_empty() && inner.len() == text.len();
    if !(plain || hyphens == [8, 13, 18, 23]) {
        return None;
    }
    let digits: Vec<u8> = inner
        .chars()
        .filter(|letter| *letter != '-')
        .map(|letter| letter.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 32 { bytes.try_into().ok() } else { None }
}

fn is_uuid(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    call.booleans(|row| Some(parse_uuid(text.at(row)?).is_some()))
}

/// Whether the second argument asks for the time's fields to be swapped.
fn swapped(call: &Call<'_>) -> Result<impl Fn(usize) -> bool> {
    let flag = if call.count() == 2 { Some(call.truth(1)?) } else { None };
    Ok(move |row| flag.as_ref().is_some_and(|flag| flag.at(row) == Some(true)))
}

fn uuid_to_bin(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, swapped) = (call.text(0)?, swapped(call)?);
    for row in 0..call.rows {
        if let Some(text) = text.at(row).filter(|text| parse_uuid(text).is_none()) {
            let value = text.to_owned();
            return Err(Error::IncorrectValue { kind: "string", value, function: "uuid_to_bin" }.into());
        }
    }
    call.blobs(|row, out| {
        let bytes = parse_uuid(text.at(row)?)?;
        match swapped(row) {
            true => [&bytes[6..8], &bytes[4..6], &bytes[..4], &bytes[8..]]
                .iter()
                .for_each(|part| out.extend(*part)),
            false => out.extend(bytes),
        }
        Some(())
    })
}

fn bin_to_uuid(call: &Call<'_>) -> Result<ArrayRef> {
    let (bytes, swapped) = (call.bytes(0)?, swapped(call)?);
    for row in 0..call.rows {
        if let Some(bytes) = bytes.at(row).filter(|bytes| bytes.len() != 16) {
            let value = String::from_utf8_lossy(bytes).into_owned();
            return Err(Error::IncorrectValue { kind: "string", value, function: "bin_to_uuid" }.into());
        }
    }
    call.texts(|row, out| {
        let mut bytes = <[u8; 16]>::try_from(bytes.at(row)?).ok()?;
        if swapped(row) {
            let moved = bytes;
            bytes[..4].copy_from_slice(&moved[4..8]);
            bytes[4..6].copy_from_slice(&moved[2..4]);
            bytes[6..8].copy_from_slice(&moved[..2]);
        }
        write_uuid(&bytes, out);
        Some(())
    })
}
