//! What clients' payloads are made of: integers, length-encoded integers and strings. Every read checks that
//! the bytes are there. It must not know which command they belong to.

use super::error::{Error, Result};

/// Reads a payload from its front. Reading past the end is [`Error::Malformed`].
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a>(pub &'a [u8]);

impl<'a> Payload<'a> {
    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Error::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The next bytes, as many as the array has.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Error::Malformed)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// An integer of one byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// An integer of two bytes.
    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// An integer of four bytes.
    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// An integer that tells its own length.
    pub fn length_encoded(&mut self) -> Result<u64> {
        Ok(match self.u8()? {
            short @ 0..=250 => short.into(),
            0xFC => self.u16()?.into(),
            0xFD => {
                let [low, middle, high] = self.array()?;
                u32::from_le_bytes([low, middle, high, 0]).into()
            }
            0xFE => u64::from_le_bytes(self.array()?),
            // 0xFB is NULL and 0xFF begins an error: neither is a length.
            0xFB | 0xFF => return Err(Error::Malformed),
        })
    }

    /// Bytes behind their length-encoded length.
    pub fn length_encoded_bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.length_encoded()?).map_err(|_| Error::Malformed)?;
        self.bytes(length)
    }

    /// Bytes up to a NUL, which is left out.
    pub fn until_nul(&mut self) -> Result<&'a [u8]> {
        let length = self.0.iter().position(|byte| *byte == 0).ok_or(Error::Malformed)?;
        let bytes = self.bytes(length)?;
        self.u8()?;
        Ok(bytes)
    }

    /// Bytes up to a NUL or, for the clients that forget it, up to the end.
    pub fn until_nul_or_end(&mut self) -> &'a [u8] {
        self.until_nul().unwrap_or_else(|_| self.rest())
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_encoded_integers() {
        let check = |bytes: &[u8], expected: Option<u64>| {
            assert_eq!(Payload(bytes).length_encoded().ok(), expected, "{bytes:?}");
        };
        check(&[], None);
        check(&[0], Some(0));
        check(&[250], Some(250));
        check(&[251], None);
        check(&[0xFC, 1], None);
        check(&[0xFC, 1, 1], Some(257));
        check(&[0xFD, 0, 0, 1], Some(65_536));
        check(&[0xFE, 0, 0, 0, 0, 0, 0, 0, 1], Some(1 << 56));
        check(&[0xFE, 0, 0, 0], None);
        check(&[0xFF, 0, 0, 0], None);
    }

    #[test]
    fn strings_end_within_the_payload() {
        assert_eq!(Payload(b"\x03abcd").length_encoded_bytes().ok(), Some(&b"abc"[..]));
        assert!(Payload(b"\x05abcd").length_encoded_bytes().is_err());
        assert!(Payload(b"\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFabcd").length_encoded_bytes().is_err());
        assert_eq!(Payload(b"ab\0cd").until_nul().ok(), Some(&b"ab"[..]));
        assert!(Payload(b"abcd").until_nul().is_err());
        assert_eq!(Payload(b"abcd").until_nul_or_end(), b"abcd");
    }
}
