//! A bounded cursor over untrusted bytes; every read either fits or says where it did not.

use std::ops::Range;

/// A field that reaches past the end of its container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} at offset {offset:#x} needs {needed} bytes, but only {available} are left")]
pub struct Truncated {
    /// The field's name in its specification.
    pub field: &'static str,
    /// Where the field starts, in bytes from the start of the input.
    pub offset: usize,
    /// How many bytes the field needs.
    pub needed: usize,
    /// How many bytes there are.
    pub available: usize,
}

/// A cursor over untrusted bytes. Offsets are counted from the start of the whole input.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// Starts at the first byte of `range`, and ends at its last one; the offsets are those of `bytes`. A range that ends
    /// past the input ends where that does.
    pub fn within(bytes: &'a [u8], range: Range<usize>) -> Result<Self, Truncated> {
        let mut reader = Self::new(bytes.get(..range.end).unwrap_or(bytes));
        reader.take("the bytes before", range.start)?;
        Ok(reader)
    }

    /// Offset of the next byte from the start of the input.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Number of bytes left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// True if nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next `count` bytes.
    pub fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Truncated> {
        let Some((head, tail)) = self.rest.split_at_checked(count) else {
            return Err(Truncated {
                field,
                offset: self.offset,
                needed: count,
                available: self.rest.len(),
            });
        };
        self.rest = tail;
        self.offset += count;
        Ok(head)
    }

    /// Takes a fixed number of bytes.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Truncated> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    /// Takes a byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Truncated> {
        self.array(field).map(u8::from_le_bytes)
    }

    /// Takes a little-endian 16-bit number.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Truncated> {
        self.array(field).map(u16::from_le_bytes)
    }

    /// Takes a little-endian 32-bit number.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Truncated> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.offset += rest.len();
        self.rest = &[];
        rest
    }
}

/// The bytes before the first zero, or all of them if there is none.
#[must_use]
pub fn until_zero(bytes: &[u8]) -> &[u8] {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => bytes.split_at(end).0,
        None => bytes,
    }
}

/// A length or offset of the UEFI and PE formats (32 bits) as an index; lossless on every machine that runs bootseal.
#[must_use]
pub const fn index(value: u32) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_names_field_and_offset_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 0, 2]);
        assert_eq!(reader.u16("first"), Ok(1));
        let error = reader.u32("second").unwrap_err();
        assert_eq!(
            error.to_string(),
            "second at offset 0x2 needs 4 bytes, but only 1 are left"
        );
        assert_eq!((reader.offset(), reader.remaining()), (2, 1));
        assert_eq!(reader.rest(), [2]);
        assert!(reader.is_empty());
    }
}
