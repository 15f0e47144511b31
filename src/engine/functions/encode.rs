//! Other ways to write bytes and numbers: hexadecimal, octal, binary, base 64, character codes, checksums.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use sha1::Digest;

use super::convert;
use super::signature::{Call, Function, is_binary, is_text, returns};
use super::unify;

/// The functions of encodings.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("hex", 1..=1, returns::text, hex),
        Function::new("unhex", 1..=1, returns::blob, unhex),
        Function::new("bin", 1..=1, returns::text, |call| in_base(call, 2)),
        Function::new("oct", 1..=1, returns::text, |call| in_base(call, 8)),
        Function::new("conv", 3..=3, returns::text, conv),
        Function::new("char", 1.., returns::blob, character),
        // CHAR(… USING utf8mb4).
        Function::new("mysql_char_text", 1.., returns::text, character),
        Function::new("to_base64", 1..=1, returns::text, to_base64),
        Function::new("from_base64", 1..=1, returns::blob, from_base64),
        Function::new("crc32", 1..=1, returns::uint, crc32),
        Function::new("md5", 1..=1, returns::text, md5),
        Function::new("sha1", 1..=1, returns::text, sha1).aliases(&["sha"]),
        Function::new("sha2", 2..=2, returns::text, sha2),
        Function::new("bit_count", 1..=1, returns::int, bit_count),
        Function::new("weight_string", 1..=1, returns::blob, weights),
    ]
}

/// Writes bytes as hexadecimal digits.
pub fn write_hex(bytes: &[u8], upper: bool, out: &mut String) {
    let digits: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    for byte in bytes {
        out.push(char::from(digits[usize::from(byte >> 4)]));
        out.push(char::from(digits[usize::from(byte & 15)]));
    }
}

/// A number as hexadecimal digits, a string as those of its bytes.
fn hex(call: &Call<'_>) -> Result<ArrayRef> {
    if call.kind(0).is_floating() {
        // Halves are rounded away from zero, which is not how a DOUBLE becomes an integer elsewhere.
        let number = call.double(0)?;
        return call.texts(|row, out| {
            let rounded = number.at(row)?.round();
            let bits = match rounded {
                rounded if rounded <= i64::MIN as f64 || rounded >= u64::MAX as f64 => u64::MAX,
                rounded if rounded < 0.0 => (rounded as i64).cast_unsigned(),
                rounded => rounded as u64,
            };
            write_in_base(bits, 16, out);
            Some(())
        });
    }
    if call.kind(0).is_numeric() || matches!(call.kind(0), DataType::Boolean) {
        let bits = call.bits(0)?;
        return call.texts(|row, out| {
            write_in_base(bits.at(row)?, 16, out);
            Some(())
        });
    }
    let bytes = call.bytes(0)?;
    call.texts(|row, out| {
        let bytes = bytes.at(row)?;
        call.fits(bytes.len() * 2)?;
        write_hex(bytes, true, out);
        Some(())
    })
}

fn unhex(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.text(0)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    call.blobs(|row, out| {
        let text = text.at(row)?;
        let bytes = text.as_bytes();
        let (first, pairs) = bytes.split_at(bytes.len() % 2);
        let decode = |out: &mut Vec<u8>| {
            for byte in first {
                out.push(digit(byte)?);
            }
            for pair in pairs.chunks_exact(2) {
                out.push(digit(&pair[0])? << 4 | digit(&pair[1])?);
            }
            Some(())
        };
        let decoded = decode(out);
        if decoded.is_none() {
            call.warn(1411, format!("Incorrect string value: '{text}' for function unhex"));
        }
        decoded
    })
}

fn write_in_base(value: u64, base: u64, out: &mut String) {
    let mut digits = [0_u8; 64];
    let mut start = digits.len();
    let mut rest = value;
    loop {
        start -= 1;
        digits[start] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(rest % base) as usize];
        rest /= base;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits[start..].iter().map(|digit| char::from(*digit)));
}

/// What a text is compared by: in the collation utf8mb4_bin three bytes for each character. Bytes are their own weight.
fn weights(call: &Call<'_>) -> Result<ArrayRef> {
    if is_binary(call.kind(0)) {
        let bytes = call.bytes(0)?;
        return call.blobs(|row, out| {
            out.extend(bytes.at(row)?);
            Some(())
        });
    }
    if !is_text(call.kind(0)) {
        return call.blobs(|_, _| None);
    }
    let text = call.text(0)?;
    call.blobs(|row, out| {
        let text = text.at(row)?;
        call.fits(text.len() * 3)?;
        out.extend(text.chars().flat_map(|character| u32::from(character).to_be_bytes().into_iter().skip(1)));
        Some(())
    })
}

/// BIN and OCT read the digits that a text begins with, as CONV does, of whatever is no integer: 3 of 3.7, 2026 of a
/// date.
fn in_base(call: &Call<'_>, base: u64) -> Result<ArrayRef> {
    let kind = call.kind(0);
    if kind.is_decimal() || kind.is_floating() || unify::temporal(kind) || call.is_moment(0) {
        let text = call.text(0)?;
        return call.texts(|row, out| {
            let (number, _) = convert::number::prefix_int(text.at(row)?);
            let bits = match number {
                ..0 => number.max(i64::MIN.into()) as i64 as u64,
                _ => u64::try_from(number).unwrap_or(u64::MAX),
            };
            write_in_base(bits, base, out);
            Some(())
        });
    }
    let (given, bits) = (if is_text(kind) { Some(call.text(0)?) } else { None }, call.bits(0)?);
    let is_empty = |row| given.as_ref().is_some_and(|text| text.at(row) == Some(""));
    call.texts(|row, out| {
        write_in_base(bits.at(row).filter(|_| !is_empty(row))?, base, out);
        Some(())
    })
}

/// `CONV(number, from, to)`: bases 2 to 36; a negative base reads or writes signed numbers.
fn conv(call: &Call<'_>) -> Result<ArrayRef> {
    let (number, from, to) = (call.text(0)?, call.int(1)?, call.int(2)?);
    call.texts(|row, out| {
        let (number, from, to) = (number.at(row)?, from.at(row)?, to.at(row)?);
        let (base, target) = (from.unsigned_abs(), to.unsigned_abs());
        if !(2..=36).contains(&base) || !(2..=36).contains(&target) || number.is_empty() {
            return None;
        }
        let number = number.trim_ascii_start();
        let (negative, digits) = match number.as_bytes().first() {
            Some(b'-') => (true, &number[1..]),
            Some(b'+') => (false, &number[1..]),
            _ => (false, number),
        };
        let mut value = 0_u64;
        let mut overflow = false;
        for digit in digits.chars().map_while(|digit| digit.to_digit(base as u32)) {
            match value.checked_mul(base).and_then(|value| value.checked_add(u64::from(digit))) {
                Some(next) => value = next,
                None => overflow = true,
            }
        }
        let value = match (overflow, negative, from < 0) {
            (true, true, true) => i64::MIN as u64,
            (true, false, true) => i64::MAX as u64,
            (true, ..) => u64::MAX,
            (false, true, true) => (value.min(1 << 63) as i64).wrapping_neg() as u64,
            (false, false, true) => value.min(i64::MAX as u64),
            (false, true, false) => value.wrapping_neg(),
            (false, false, false) => value,
        };
        if to < 0 && (value as i64) < 0 {
            out.push('-');
            write_in_base((value as i64).unsigned_abs(), target, out);
        } else {
            write_in_base(value, target, out);
        }
        Some(())
    })
}

/// Each number as its bytes, the highest first; NULLs are left out.
fn character(call: &Call<'_>) -> Result<ArrayRef> {
    let text = is_text(call.returns);
    let codes = (0..call.count()).map(|argument| call.bits(argument)).collect::<Result<Vec<_>>>()?;
    let write = |row: usize, out: &mut Vec<u8>| {
        for code in codes.iter().filter_map(|code| code.at(row)) {
            let bytes = (code as u32).to_be_bytes();
            let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
            out.extend_from_slice(&bytes[first..]);
        }
    };
    if !text {
        return call.blobs(|row, out| {
            write(row, out);
            Some(())
        });
    }
    let mut bytes = Vec::new();
    call.texts(|row, out| {
        bytes.clear();
        write(row, &mut bytes);
        match std::str::from_utf8(&bytes) {
            Ok(text) => {
                out.push_str(text);
                Some(())
            }
            Err(_) => {
                let mut shown = String::new();
                write_hex(&bytes, true, &mut shown);
                call.warn(1300, format!("Invalid utf8mb4 character string: '{shown}'"));
                None
            }
        }
    })
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes in base 64, with a line break after so many characters.
pub fn write_base64(bytes: &[u8], line: Option<usize>, out: &mut String) {
    let mut written = 0;
    for chunk in bytes.chunks(3) {
        if written > 0 && line.is_some_and(|line| written % line == 0) {
            out.push('\n');
        }
        let joined =
            (0..3).fold(0_u32, |sum, index| sum << 8 | u32::from(chunk.get(index).copied().unwrap_or(0)));
        for index in 0..4 {
            let digit = BASE64[(joined >> (18 - 6 * index) & 63) as usize];
            out.push(if index <= chunk.len() { char::from(digit) } else { '=' });
        }
        written += 4;
    }
}

fn to_base64(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.texts(|row, out| {
        let bytes = bytes.at(row)?;
        call.fits(bytes.len().div_ceil(3) * 4)?;
        write_base64(bytes, Some(76), out);
        Some(())
    })
}

fn from_base64(call: &Call<'_>) -> Result<ArrayRef> {
    let text = call.bytes(0)?;
    call.blobs(|row, out| read_base64(text.at(row)?, out))
}

/// Reads bytes in base 64, with any white space between them. None: it is not that.
pub fn read_base64(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut digits = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).peekable();
    while digits.peek().is_some() {
        let quad: Vec<u8> = digits.by_ref().take(4).collect();
        let padding = quad.iter().rev().take_while(|byte| **byte == b'=').count();
        if quad.len() < 4 || padding > 2 || (padding > 0 && digits.peek().is_some()) {
            return None;
        }
        let mut joined = 0_u32;
        for byte in &quad[..4 - padding] {
            joined = joined << 6 | BASE64.iter().position(|digit| digit == byte)? as u32;
        }
        joined <<= 6 * padding;
        out.extend_from_slice(&joined.to_be_bytes()[1..4 - padding]);
    }
    Some(())
}

fn crc32(call: &Call<'_>) -> Result<ArrayRef> {
    let table: Vec<u32> = (0..256_u32)
        .map(|byte| (0..8).fold(byte, |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 }))
        .collect();
    let bytes = call.bytes(0)?;
    call.uints(|row| {
        let sum =
            bytes.at(row)?.iter().fold(u32::MAX, |sum, byte| sum >> 8 ^ table[usize::from(sum as u8 ^ byte)]);
        Some(u64::from(!sum))
    })
}

fn md5(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.texts(|row, out| {
        write_hex(&md5::Md5::digest(bytes.at(row)?), false, out);
        Some(())
    })
}

fn sha1(call: &Call<'_>) -> Result<ArrayRef> {
    let bytes = call.bytes(0)?;
    call.texts(|row, out| {
        write_hex(&sha1::Sha1::digest(bytes.at(row)?), false, out);
        Some(())
    })
}

fn sha2(call: &Call<'_>) -> Result<ArrayRef> {
    let (bytes, length) = (call.bytes(0)?, call.int(1)?);
    call.texts(|row, out| {
        let bytes = bytes.at(row)?;
        match length.at(row)? {
            224 => write_hex(&sha2::Sha224::digest(bytes), false, out),
            0 | 256 => write_hex(&sha2::Sha256::digest(bytes), false, out),
            384 => write_hex(&sha2::Sha384::digest(bytes), false, out),
            512 => write_hex(&sha2::Sha512::digest(bytes), false, out),
            _ => {
                call.warn(1583, "Incorrect parameters in the call to native function 'sha2'");
                return None;
            }
        }
        Some(())
    })
}

fn bit_count(call: &Call<'_>) -> Result<ArrayRef> {
    if is_binary(call.kind(0)) {
        let bytes = call.bytes(0)?;
        return call.ints(|row| Some(bytes.at(row)?.iter().map(|byte| i64::from(byte.count_ones())).sum()));
    }
    let bits = call.bits(0)?;
    call.ints(|row| Some(bits.at(row)?.count_ones().into()))
}
