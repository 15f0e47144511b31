//! A look over a Parquet footer before it is decoded. It knows Thrift's compact encoding and nothing of
//! what the fields mean.
//!
//! The decoder believes the length that a list announces and reserves memory for it, so that one flipped
//! bit asks for hundreds of gigabytes, which ends the process. A list that is longer than the bytes that
//! follow it is found here first. Blocked by: parquet 59 reserves the list of row groups unchecked.
//! Remove when: it bounds every list by the remaining input, as it does for other lists.

/// Structures deeper than this are not Parquet's.
const DEPTH_MAX: usize = 32;

/// Whether `bytes` begin with one well-formed structure.
pub fn is_well_formed(bytes: &[u8]) -> bool {
    let mut rest = Rest(bytes);
    rest.skip_struct(0).is_some()
}

/// The bytes that were not looked at yet. Every method steps over one thing, or finds it broken.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip_struct(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            // The number of the field follows unless it is told as the distance to the one before.
            if header >> 4 == 0 {
                self.varint()?;
            }
            match header & 0x0f {
                // The value of a boolean field is in its type.
                1 | 2 => {}
                kind => self.skip_value(kind, depth)?,
            }
        }
    }

    fn skip_value(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            // One byte: an element of a list of booleans, or a small integer.
            1..=3 => self.skip_bytes(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.skip_bytes(8),
            8 => {
                let length = self.varint()?;
                self.skip_bytes(length)
            }
            9 | 10 => self.skip_list(depth + 1),
            11 => self.skip_map(depth + 1),
            12 => self.skip_struct(depth + 1),
            13 => self.skip_bytes(16),
            _ => None,
        }
    }

    fn skip_list(&mut self, depth: usize) -> Option<()> {
        let header = self.byte()?;
        let length = match header >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        self.check_length(length, depth)?;
        (0..length).try_for_each(|_| self.skip_value(header & 0x0f, depth))
    }

    fn skip_map(&mut self, depth: usize) -> Option<()> {
        let length = self.varint()?;
        if length == 0 {
            return Some(());
        }
        self.check_length(length, depth)?;
        let kinds = self.byte()?;
        (0..length).try_for_each(|_| {
            self.skip_value(kinds >> 4, depth)?;
            self.skip_value(kinds & 0x0f, depth)
        })
    }

    /// Every element takes at least one byte.
    fn check_length(&self, length: u64, depth: usize) -> Option<()> {
        (length <= self.0.len() as u64 && depth <= DEPTH_MAX).then_some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn skip_bytes(&mut self, count: u64) -> Option<()> {
        let count = usize::try_from(count).ok()?;
        self.0 = self.0.get(count..)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn broken_structures_are_found() {
        let check = |bytes: &[u8], expected: bool| assert_eq!(is_well_formed(bytes), expected, "{bytes:?}");
        check(&[0], true);
        check(&[], false);
        // A number, with the distance to its field, and with the field's number.
        check(&[0x15, 0x02, 0], true);
        check(&[0x05, 0x02, 0x02, 0], true);
        check(&[0x15, 0x80], false);
        // A text of three bytes, and one that is cut.
        check(&[0x18, 3, b'a', b'b', b'c', 0], true);
        check(&[0x18, 4, b'a', b'b', b'c', 0], false);
        // A list of two empty structures, and one that says it has two thousand million.
        check(&[0x19, 0x2c, 0, 0, 0], true);
        check(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0, 0], false);
        // An unknown type.
        check(&[0x1e, 0, 0], false);
        // Structures within structures without end.
        check(&[0x1c; 1_000], false);
    }
}
