//! AES and COMPRESS, byte for byte as MySQL does them.

use std::io::{Read, Write};

use aes::Aes128;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
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
        // The third argument is an initialization vector, which the mode `aes-128-ecb` does not use.
        Function::new("aes_encrypt", 2..=3, returns::blob, aes_encrypt),
        Function::new("aes_decrypt", 2..=3, returns::blob, aes_decrypt),
        Function::new("compress", 1..=1, returns::blob, compress),
        Function::new("uncompress", 1..=1, returns::blob, uncompress),
        Function::new("uncompressed_length", 1..=1, returns::int, uncompressed_length),
    ]
}

/// Bytes of AES's key and of its blocks.
const BLOCK: usize = 16;

/// MySQL's key of a password of any length: its bytes, XORed into sixteen.
fn cipher(password: &[u8]) -> Aes128 {
    let mut key = [0; BLOCK];
    for (index, byte) in password.iter().enumerate() {
        key[index % BLOCK] ^= byte;
    }
    Aes128::new(&key.into())
}

fn aes_encrypt(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, password) = (call.bytes(0)?, call.bytes(1)?);
    call.blobs(|row, out| {
        let (text, password) = (text.at(row)?, password.at(row)?);
        let cipher = cipher(password);
        // The last block is filled with as many bytes as are missing, each the number of them (PKCS 7).
        let padding = BLOCK - text.len() % BLOCK;
        out.extend_from_slice(text);
        out.resize(text.len() + padding, padding as u8);
        for block in out.chunks_exact_mut(BLOCK) {
            cipher.encrypt_block(block.try_into().ok()?);
        }
        Some(())
    })
}

/// NULL for what was not encrypted with the password.
fn aes_decrypt(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, password) = (call.bytes(0)?, call.bytes(1)?);
    call.blobs(|row, out| {
        let (text, password) = (text.at(row)?, password.at(row)?);
        if text.is_empty() || !text.len().is_multiple_of(BLOCK) {
            return None;
        }
        let cipher = cipher(password);
        out.extend_from_slice(text);
        for block in out.chunks_exact_mut(BLOCK) {
            cipher.decrypt_block(block.try_into().ok()?);
        }
        let padding = usize::from(*out.last()?);
        let start = out.len().checked_sub(padding)?;
        if padding == 0 || padding > BLOCK || out[start..].iter().any(|byte| usize::from(*byte) != padding) {
            return None;
        }
        out.truncate(start);
        Some(())
    })
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
