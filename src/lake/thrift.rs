//! A look over a Parquet footer before it is decoded. It knows Thrift's compact encoding, and of what the
//! fields mean only how columns nest.
//!
//! Two things in a footer end the process when they are decoded: a list that announces more than there is,
//! for which the decoder reserves memory, so that one flipped bit asks for hundreds of gigabytes; and columns
//! that nest thousands deep, on which it recurses. Both are found here first. Blocked by: parquet 59 reserves
//! the list of row groups unchecked, and builds the tree of columns without a limit. Remove when: it does neither.

/// Structures deeper than this are not Parquet's.
const DEPTH_MAX: usize = 32;

/// The footer's list of columns, parents before children, and of a column the number of its children.
const COLUMNS: u64 = 2;
const CHILDREN: u64 = 5;

const INTEGER: u8 = 5;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// How deep the columns of an encoded footer nest: 1 when all are plain. `None` when `bytes` do not begin
/// with one well-formed structure.
pub fn column_depth(bytes: &[u8]) -> Option<usize> {
    let mut rest = Rest(bytes);
    let mut depth = 0;
    rest.read_struct(0, |rest, field, kind| match (field, kind) {
        (COLUMNS, LIST) => {
            depth = rest.read_columns()?;
            Some(())
        }
        _ => rest.skip_value(kind, 0),
    })?;
    Some(depth)
}

/// The bytes that were not looked at yet. Every method steps over one thing, or finds it broken.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// The depth of a list of columns, each of which tells how many of those after it are its children.
    fn read_columns(&mut self) -> Option<usize> {
        let (length, kind) = self.read_list(1)?;
        let mut deepest = 0;
        // Of each column that is open, the children that are still to come.
        let mut open: Vec<u64> = vec![];
        for _ in 0..length {
            let mut children = 0;
            match kind {
                STRUCT => self.read_struct(1, |rest, field, kind| match (field, kind) {
                    (CHILDREN, INTEGER) => {
                        // Signed numbers are encoded in turns: 0, -1, 1, -2. A number below zero is no number of children.
                        let encoded = rest.varint()?;
                        children = if encoded % 2 == 0 { encoded / 2 } else { 0 };
                        Some(())
                    }
                    _ => rest.skip_value(kind, 1),
                })?,
                kind => self.skip_value(kind, 1)?,
            }
            deepest = deepest.max(open.len());
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Some(deepest)
    }

    fn skip_struct(&mut self, depth: usize) -> Option<()> {
        self.read_struct(depth, |rest, _, kind| rest.skip_value(kind, depth))
    }

    /// Steps over a structure; `read` steps over the value of each field, by its number and type.
    fn read_struct(
        &mut self,
        depth: usize,
        mut read: impl FnMut(&mut Self, u64, u8) -> Option<()>,
    ) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        let mut field = 0_u64;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            // The number of the field follows unless it is told as the distance to the one before.
            field = match header >> 4 {
                0 => self.varint()? / 2,
                distance => field.checked_add(u64::from(distance))?,
            };
            match header & 0x0f {
                // The value of a boolean field is in its type.
                1 | 2 => {}
                kind => read(self, field, kind)?,
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
            LIST | 10 => self.skip_list(depth + 1),
            11 => self.skip_map(depth + 1),
            STRUCT => self.skip_struct(depth + 1),
            13 => self.skip_bytes(16),
            _ => None,
        }
    }

    fn skip_list(&mut self, depth: usize) -> Option<()> {
        let (length, kind) = self.read_list(depth)?;
        (0..length).try_for_each(|_| self.skip_value(kind, depth))
    }

    /// The length of a list and the type of its elements, which follow.
    fn read_list(&mut self, depth: usize) -> Option<(u64, u8)> {
        let header = self.byte()?;
        let length = match header >> 4 {
            15 => self.varint()?,
            short => u64::from(short),
        };
        self.check_length(length, depth)?;
        Some((length, header & 0x0f))
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
    use super::column_depth;

    #[test]
    fn broken_structures_are_found() {
        let check =
            |bytes: &[u8], expected: bool| assert_eq!(column_depth(bytes).is_some(), expected, "{bytes:?}");
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

    #[test]
    fn nested_columns_are_measured() {
        // A footer whose columns have so many children each.
        let check = |children: &[u8], expected: usize| {
            let mut footer = vec![0x29, 0xfc];
            footer.push(u8::try_from(children.len()).unwrap());
            for children in children {
                // Field 5 is left out where there are none.
                let fields: &[u8] = if *children == 0 { &[0x48, 0] } else { &[0x48, 0, 0x15, 2 * children] };
                footer.extend(fields);
                footer.push(0);
            }
            footer.push(0);
            assert_eq!(column_depth(&footer), Some(expected), "{children:?}");
        };
        check(&[], 0);
        check(&[2, 0, 0], 1);
        check(&[3, 0, 2, 0, 0, 0], 2);
        check(&[2, 1, 1, 0, 0], 3);
        check(&[1, 1, 1, 1, 0], 4);
        // More children than columns, and columns that nobody has.
        check(&[9, 9, 0], 2);
        check(&[0, 0, 1, 0], 1);
    }
}
