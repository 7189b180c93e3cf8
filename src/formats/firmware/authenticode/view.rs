//! A file of which the middle may not be held.

use std::ops::Range;

/// The beginning and the end of a file, and parts between; of one that is held, the beginning is all.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub start: &'a [u8],
    tail: &'a [u8],
    /// Each with the offset at which it begins.
    parts: &'a [(usize, Vec<u8>)],
    length: usize,
}

impl<'a> View<'a> {
    /// A file of this length that begins and ends so.
    pub const fn new(start: &'a [u8], tail: &'a [u8], parts: &'a [(usize, Vec<u8>)], length: usize) -> Self {
        Self {
            start,
            tail,
            parts,
            length,
        }
    }

    /// The length of the file, in bytes.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// True if these bytes are in the file, held or not.
    pub const fn has(&self, range: &Range<usize>) -> bool {
        range.start <= range.end && range.end <= self.length
    }

    /// These bytes, if they are held.
    pub fn get(&self, range: Range<usize>) -> Option<&'a [u8]> {
        let in_tail = |place: usize| place.checked_sub(self.length.checked_sub(self.tail.len())?);
        let from_tail = || self.tail.get(in_tail(range.start)?..in_tail(range.end)?);
        let from_parts = || {
            let mut parts = self.parts.iter();
            parts.find_map(|(start, part)| part.get(range.start.checked_sub(*start)?..range.end.checked_sub(*start)?))
        };
        let held = self.start.get(range.clone());
        held.or_else(from_tail).or_else(from_parts)
    }
}

impl<'a> From<&'a [u8]> for View<'a> {
    /// A file that is held.
    fn from(file: &'a [u8]) -> Self {
        Self::new(file, &[], &[], file.len())
    }
}
