//! COMPRESS, byte for byte as MySQL does it; ENCODE and DECODE as MySQL 5.7 and MariaDB do.

use std::io::{Read, Write};

use arrow::array::ArrayRef;
use datafusion::common::Result;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::convert::LONGEST;
use super::signature::{Call, Function, returns};

/// The functions of this file.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("encode", 2..=2, returns::blob, |call| scramble(call, Scrambler::encode)),
        Function::new("decode", 2..=2, returns::blob, |call| scramble(call, Scrambler::decode)),
        Function::new("compress", 1..=1, returns::blob, compress),
        Function::new("uncompress", 1..=1, returns::blob, uncompress),
        Function::new("uncompressed_length", 1..=1, returns::int, uncompressed_length),
    ]
}

fn scramble(call: &Call<'_>, of: fn(&mut Scrambler, u8) -> u8) -> Result<ArrayRef> {
    let (text, password) = (call.bytes(0)?, call.bytes(1)?);
    call.blobs(|row, out| {
        let (text, mut scrambler) = (text.at(row)?, Scrambler::of(password.at(row)?));
        out.extend(text.iter().map(|byte| of(&mut scrambler, *byte)));
        Some(())
    })
}

/// The cipher of ENCODE: a permutation of bytes and a stream of random numbers, both from the password.
struct Scrambler {
    random: (u32, u32),
    shift: u8,
    decoded: [u8; 256],
    encoded: [u8; 256],
}

impl Scrambler {
    const MOST: u32 = 0x3FFF_FFFF;

    fn of(password: &[u8]) -> Self {
        // The hash of passwords before MySQL 4.1.
        let (mut first, mut add, mut second) = (1_345_345_333_u32, 7_u32, 0x1234_5671_u32);
        for byte in password.iter().filter(|byte| !matches!(byte, b' ' | b'\t')) {
            let byte = u32::from(*byte);
            let mixed = ((first & 63).wrapping_add(add)).wrapping_mul(byte).wrapping_add(first << 8);
            first ^= mixed;
            second = second.wrapping_add((second << 8) ^ first);
            add = add.wrapping_add(byte);
        }
        let random = ((first & 0x7FFF_FFFF) % Self::MOST, (second & 0x7FFF_FFFF) % Self::MOST);
        let mut decoded: [u8; 256] = std::array::from_fn(|index| index as u8);
        let mut scrambler = Self { random, shift: 0, decoded, encoded: [0; 256] };
        for index in 0..256 {
            decoded.swap(usize::from(scrambler.next()), index);
        }
        for (index, byte) in decoded.iter().enumerate() {
            scrambler.encoded[usize::from(*byte)] = index as u8;
        }
        scrambler.decoded = decoded;
        scrambler
    }

    fn next(&mut self) -> u8 {
        let (first, second) = (u64::from(self.random.0), u64::from(self.random.1));
        let first = (first * 3 + second) % u64::from(Self::MOST);
        let second = (first + second + 33) % u64::from(Self::MOST);
        self.random = (first as u32, second as u32);
        (first as f64 / f64::from(Self::MOST) * 255.0) as u8
    }

    fn encode(&mut self, byte: u8) -> u8 {
        self.shift ^= self.next();
        let encoded = self.encoded[usize::from(byte)] ^ self.shift;
        self.shift ^= byte;
        encoded
    }

    fn decode(&mut self, byte: u8) -> u8 {
        self.shift ^= self.next();
        let decoded = self.decoded[usize::from(byte ^ self.shift)];
        self.shift ^= decoded;
        decoded
    }
}

/// Bytes of the length that stands before what is compressed.
const LENGTH: usize = 4;

fn compress(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.bytes(0)?;
    call.blobs(|row, out| {
        let text = text.at(row)?;
        if text.is_empty() {
            return Some(());
        }
        out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
        let mut encoder = ZlibEncoder::new(out, Compression::default());
        encoder.write_all(text).ok()?;
        let out = encoder.finish().ok()?;
        // A column of CHAR would lose a blank at the end.
        if out.last() == Some(&b' ') {
            out.push(b'.');
        }
        Some(())
    })
}

fn uncompress(call: &Call<'_>) -> Result<ArrayRef> {
    let compressed = call.bytes(0)?;
    call.blobs(|row, out| {
        let compressed = compressed.at(row)?;
        if compressed.is_empty() {
            return Some(());
        }
        let corrupted = || call.warn(1259, "ZLIB: Input data corrupted");
        let Some(length) = told_length(compressed) else {
            corrupted();
            return None;
        };
        if length > LONGEST {
            call.warn(
                1256,
                format!("Uncompressed data size too large; the maximum size is {LONGEST} (probably, length of uncompressed data was corrupted)"),
            );
            return None;
        }
        // One byte more than was told would show that the length is wrong, and no more is ever read.
        let mut decoder = ZlibDecoder::new(&compressed[LENGTH..]).take(length as u64 + 1);
        if decoder.read_to_end(out).is_err() || out.len() != length {
            corrupted();
            return None;
        }
        Some(())
    })
}

fn uncompressed_length(call: &Call<'_>) -> Result<ArrayRef> {
    let compressed = call.bytes(0)?;
    call.ints(|row| {
        let compressed = compressed.at(row)?;
        let length = told_length(compressed);
        if length.is_none() && !compressed.is_empty() {
            call.warn(1259, "ZLIB: Input data corrupted");
        }
        Some(length.unwrap_or(0) as i64)
    })
}

/// The length that a compressed text tells of itself; its two upper bits mean nothing.
fn told_length(compressed: &[u8]) -> Option<usize> {
    let (length, rest) = compressed.split_first_chunk::<LENGTH>()?;
    (!rest.is_empty()).then_some((u32::from_le_bytes(*length) & 0x3FFF_FFFF) as usize)
}
