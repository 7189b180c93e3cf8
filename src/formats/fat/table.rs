//! The table that leads from each cluster to the next.

use crate::formats::medium::Medium;

use super::error::{FatError, read};
use super::geometry::{Geometry, Width};

/// Bytes that are read at once: chains lead to neighbours as a rule.
const WINDOW: u64 = 4096;

/// The cluster after another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Cluster(u32),
    /// There is none: the chain ends here.
    End,
    /// No number that a chain can have.
    Broken,
}

/// The first table, with the part that was last read.
pub(super) struct Table<'f, M> {
    medium: &'f M,
    geometry: &'f Geometry,
    start: u64,
    window: Vec<u8>,
}

impl<'f, M: Medium> Table<'f, M> {
    pub(super) const fn new(medium: &'f M, geometry: &'f Geometry) -> Self {
        Self {
            medium,
            geometry,
            start: 0,
            window: Vec::new(),
        }
    }

    /// The cluster after this one.
    pub(super) fn next(&mut self, cluster: u32) -> Result<Next, FatError> {
        let number = u64::from(cluster);
        let (offset, length) = match self.geometry.width {
            Width::Bits12 => (number * 3 / 2, 2),
            Width::Bits16 => (number * 2, 2),
            Width::Bits32 => (number * 4, 4),
        };
        if offset + length > self.geometry.table_length {
            return Ok(Next::Broken);
        }
        let bytes = self.bytes(offset, length)?;
        let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        let (value, bad) = match self.geometry.width {
            Width::Bits12 if cluster % 2 == 1 => (value >> 4, 0xff7),
            Width::Bits12 => (value & 0xfff, 0xff7),
            Width::Bits16 => (value, 0xfff7),
            Width::Bits32 => (value & 0x0fff_ffff, 0x0fff_fff7),
        };
        Ok(match value {
            _ if value > bad => Next::End,
            _ if value == bad || value < 2 => Next::Broken,
            _ => Next::Cluster(value),
        })
    }

    fn bytes(&mut self, offset: u64, length: u64) -> Result<&[u8], FatError> {
        let is_there = offset >= self.start && offset + length <= self.start + self.window.len() as u64;
        if !is_there {
            self.start = offset / WINDOW * WINDOW;
            // A number of 12 bits may reach into the next window.
            let size = (WINDOW + length).min(self.geometry.table_length - self.start);
            let place = self.geometry.table + self.start;
            self.window = read(self.medium, place, usize::try_from(size).unwrap_or(0))?;
        }
        let begin = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        let end = begin.saturating_add(usize::try_from(length).unwrap_or(0));
        Ok(self.window.get(begin..end).unwrap_or_default())
    }
}
