//! AES_ENCRYPT and AES_DECRYPT, byte for byte as MySQL does them, in every mode of `block_encryption_mode`.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use arrow::array::ArrayRef;
use datafusion::common::Result;

use super::error::Error;
use super::signature::{Call, Function, returns};

/// The functions of this file.
pub fn functions() -> Vec<Function> {
    vec![
        Function::new("aes_encrypt", 2..=3, returns::blob, |call| each(call, Cipher::encrypt)),
        Function::new("aes_decrypt", 2..=3, returns::blob, |call| each(call, Cipher::decrypt)),
    ]
}

/// Bytes of AES's blocks.
const BLOCK: usize = 16;

type Block = [u8; BLOCK];

/// The values of `block_encryption_mode`.
pub const MODES: &[&str] = &[
    "aes-128-ecb",
    "aes-192-ecb",
    "aes-256-ecb",
    "aes-128-cbc",
    "aes-192-cbc",
    "aes-256-cbc",
    "aes-128-cfb1",
    "aes-192-cfb1",
    "aes-256-cfb1",
    "aes-128-cfb8",
    "aes-192-cfb8",
    "aes-256-cfb8",
    "aes-128-cfb128",
    "aes-192-cfb128",
    "aes-256-cfb128",
    "aes-128-ofb",
    "aes-192-ofb",
    "aes-256-ofb",
];

/// The length of keys, and how blocks are chained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEncryption {
    key_bytes: usize,
    chaining: Chaining,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chaining {
    Ecb,
    Cbc,
    /// So many bits are encrypted at a time.
    Cfb(usize),
    Ofb,
}

impl Default for BlockEncryption {
    fn default() -> Self {
        Self { key_bytes: 16, chaining: Chaining::Ecb }
    }
}

impl BlockEncryption {
    /// The mode of a name in [`MODES`].
    pub fn of(name: &str) -> Option<Self> {
        let (bits, chaining) = name.strip_prefix("aes-")?.split_once('-')?;
        let chaining = match chaining {
            "ecb" => Chaining::Ecb,
            "cbc" => Chaining::Cbc,
            "cfb1" => Chaining::Cfb(1),
            "cfb8" => Chaining::Cfb(8),
            "cfb128" => Chaining::Cfb(128),
            "ofb" => Chaining::Ofb,
            _ => return None,
        };
        Some(Self { key_bytes: bits.parse::<usize>().ok()? / 8, chaining })
    }
}

/// Encrypts or decrypts each row: a text, a password, and an initialization vector where the mode needs one.
fn each(call: &Call<'_>, work: fn(&mut Cipher, &mut Vec<u8>) -> Option<()>) -> Result<ArrayRef> {
    let mode = call.context().map(|context| context.block_encryption).unwrap_or_default();
    let needs_vector = mode.chaining != Chaining::Ecb;
    if needs_vector && call.count() < 3 {
        return Err(Error::ParameterCount { function: call.function.to_owned() }.into());
    }
    if !needs_vector && call.count() == 3 {
        call.warn_once(1618, "<IV> option ignored");
    }
    let (text, password) = (call.bytes(0)?, call.bytes(1)?);
    let vector = needs_vector.then(|| call.bytes(2)).transpose()?;
    let mut is_short = false;
    let answer = call.blobs(|row, out| {
        let (text, password) = (text.at(row)?, password.at(row)?);
        let vector = match &vector {
            None => [0; BLOCK],
            Some(vector) => match vector.at(row).and_then(|vector| vector.first_chunk()) {
                Some(vector) => *vector,
                None => {
                    is_short = true;
                    return None;
                }
            },
        };
        out.extend_from_slice(text);
        work(&mut Cipher::new(mode, password, vector), out)
    });
    if is_short {
        return Err(Error::ShortVector { function: call.function.to_owned(), bytes: BLOCK }.into());
    }
    answer
}

/// AES with one key, and what the next block is chained to.
struct Cipher {
    aes: Aes,
    chaining: Chaining,
    vector: Block,
}

enum Aes {
    Bits128(Aes128),
    Bits192(Aes192),
    Bits256(Aes256),
}

impl Cipher {
    /// MySQL's key of a password of any length: its bytes, XORed into as many as the key has.
    fn new(mode: BlockEncryption, password: &[u8], vector: Block) -> Self {
        let mut key = [0; 32];
        for (index, byte) in password.iter().enumerate() {
            key[index % mode.key_bytes] ^= byte;
        }
        let sliced = "a key has as many bytes as its cipher takes";
        let key = &key[..mode.key_bytes];
        let aes = match mode.key_bytes {
            16 => Aes::Bits128(Aes128::new_from_slice(key).expect(sliced)),
            24 => Aes::Bits192(Aes192::new_from_slice(key).expect(sliced)),
            _ => Aes::Bits256(Aes256::new_from_slice(key).expect(sliced)),
        };
        Self { aes, chaining: mode.chaining, vector }
    }

    fn encrypt(&mut self, text: &mut Vec<u8>) -> Option<()> {
        if matches!(self.chaining, Chaining::Ecb | Chaining::Cbc) {
            // The last block is filled with as many bytes as are missing, each the number of them (PKCS 7).
            let padding = BLOCK - text.len() % BLOCK;
            text.resize(text.len() + padding, padding as u8);
            for block in text.as_chunks_mut::<BLOCK>().0 {
                if self.chaining == Chaining::Cbc {
                    xor(block, &self.vector);
                }
                self.encrypt_block(block);
                self.vector = *block;
            }
            return Some(());
        }
        self.stream(text, |_, encrypted| encrypted);
        Some(())
    }

    /// NULL for what was not encrypted with the password.
    fn decrypt(&mut self, text: &mut Vec<u8>) -> Option<()> {
        if !matches!(self.chaining, Chaining::Ecb | Chaining::Cbc) {
            self.stream(text, |encrypted, _| encrypted);
            return Some(());
        }
        if text.is_empty() || !text.len().is_multiple_of(BLOCK) {
            return None;
        }
        for block in text.as_chunks_mut::<BLOCK>().0 {
            let encrypted = *block;
            self.decrypt_block(block);
            if self.chaining == Chaining::Cbc {
                xor(block, &self.vector);
            }
            self.vector = encrypted;
        }
        let padding = usize::from(*text.last()?);
        let start = text.len().checked_sub(padding)?;
        if padding == 0 || padding > BLOCK || text[start..].iter().any(|byte| usize::from(*byte) != padding) {
            return None;
        }
        text.truncate(start);
        Some(())
    }

    /// A stream of bits or bytes is XORed into the text. With CFB it goes on from what was encrypted, which `fed` chooses
    /// of what was there before and after.
    fn stream(&mut self, text: &mut [u8], fed: fn(u8, u8) -> u8) {
        match self.chaining {
            Chaining::Cfb(1) => {
                for byte in text {
                    let mut after = 0;
                    for bit in (0..8).rev() {
                        let before = *byte >> bit & 1;
                        let changed = before ^ self.next()[0] >> 7;
                        after = after << 1 | changed;
                        self.shift_bit(fed(before, changed));
                    }
                    *byte = after;
                }
            }
            Chaining::Cfb(8) => {
                for byte in text {
                    let before = *byte;
                    *byte ^= self.next()[0];
                    self.vector.rotate_left(1);
                    self.vector[BLOCK - 1] = fed(before, *byte);
                }
            }
            _ => {
                for block in text.chunks_mut(BLOCK) {
                    self.vector = self.next();
                    for (byte, stream) in block.iter_mut().zip(&mut self.vector) {
                        let before = *byte;
                        *byte ^= *stream;
                        if self.chaining != Chaining::Ofb {
                            *stream = fed(before, *byte);
                        }
                    }
                }
            }
        }
    }

    /// The vector, encrypted.
    fn next(&self) -> Block {
        let mut block = self.vector;
        self.encrypt_block(&mut block);
        block
    }

    fn shift_bit(&mut self, bit: u8) {
        let bits = u128::from_be_bytes(self.vector) << 1 | u128::from(bit);
        self.vector = bits.to_be_bytes();
    }

    fn encrypt_block(&self, block: &mut Block) {
        match &self.aes {
            Aes::Bits128(aes) => aes.encrypt_block(block.into()),
            Aes::Bits192(aes) => aes.encrypt_block(block.into()),
            Aes::Bits256(aes) => aes.encrypt_block(block.into()),
        }
    }

    fn decrypt_block(&self, block: &mut Block) {
        match &self.aes {
            Aes::Bits128(aes) => aes.decrypt_block(block.into()),
            Aes::Bits192(aes) => aes.decrypt_block(block.into()),
            Aes::Bits256(aes) => aes.decrypt_block(block.into()),
        }
    }
}

fn xor(block: &mut Block, other: &Block) {
    block.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}
