//! The places of a file's bytes: clusters that are neighbours lie in one piece.

use crate::formats::medium::Medium;

use super::Fat;
use super::directory::Entry;
use super::error::FatError;
use super::table::{Next, Table};

/// Most pieces of a file: some MB of them are held. A file of 4 GiB on a file system that was used for years has some hundred.
const MAX_PIECES: usize = 1 << 16;

/// The places of a file's bytes on the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extents {
    /// Of each piece its beginning in the file, and on the medium, in bytes.
    pieces: Vec<(u64, u64)>,
    length: u64,
}

impl Extents {
    /// The number of bytes of the file.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// The offset on the medium of the byte at this place of the file, and the number of bytes that lie there in one piece; none
    /// at its end.
    #[must_use]
    pub fn at(&self, place: u64) -> Option<(u64, u64)> {
        let next = self.pieces.partition_point(|(start, _)| *start <= place);
        let (start, offset) = self.pieces.get(next.checked_sub(1)?)?;
        let end = self.pieces.get(next).map_or(self.length, |(start, _)| *start);
        let left = end.checked_sub(place).filter(|left| *left > 0)?;
        Some((offset + (place - start), left))
    }
}

impl<M: Medium> Fat<M> {
    /// The places of a file's bytes, which are read by whoever wants them.
    pub fn extents(&self, file: &Entry) -> Result<Extents, FatError> {
        let length = u64::from(file.size);
        let broken = || FatError::BrokenChain(file.name.clone());
        let mut table = Table::new(&self.medium, &self.geometry);
        let size = self.geometry.cluster_size() as u64;
        let mut pieces: Vec<(u64, u64)> = Vec::new();
        let (mut place, mut end, mut next) = (0, None, Next::Cluster(file.cluster));
        while place < length {
            let Next::Cluster(cluster) = next else {
                return Err(broken());
            };
            let offset = self.geometry.cluster_offset(cluster).ok_or_else(broken)?;
            if end != Some(offset) {
                if pieces.len() >= MAX_PIECES {
                    return Err(FatError::TooMuch("files in more pieces"));
                }
                pieces.push((place, offset));
            }
            (place, end) = (place + size, Some(offset + size));
            if place < length {
                next = table.next(cluster)?;
            }
        }
        Ok(Extents { pieces, length })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_files;
    use super::*;

    /// Three clusters of 512 bytes, of which the last two are neighbours.
    #[test]
    fn a_file_in_pieces_is_found_byte_by_byte() {
        let mut bytes = with_files(9);
        // Entries of 12 bits, from cluster 2 on: 2 leads to 7, 7 to 8, and that is the last.
        let table = 512;
        let mut set = |cluster: usize, value: u16| {
            let at = table + cluster * 3 / 2;
            let old = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let new = if cluster % 2 == 1 {
                old & 0x000f | value << 4
            } else {
                old & 0xf000 | value
            };
            bytes[at..at + 2].copy_from_slice(&new.to_le_bytes());
        };
        set(2, 7);
        set(7, 8);
        set(8, 0xfff);
        bytes[2 * 512 + 28..2 * 512 + 30].copy_from_slice(&1500_u16.to_le_bytes());
        let data = (2 + 128) * 512;
        for (number, byte) in bytes[data..].iter_mut().enumerate() {
            *byte = u8::try_from(number % 251).unwrap();
        }
        let fat = Fat::open(bytes.clone()).unwrap();
        let (_, file) = fat.find_file("file0000.img").unwrap();
        let extents = fat.extents(file).unwrap();
        assert_eq!(extents.len(), 1500);
        let first = data as u64;
        assert_eq!(extents.at(0), Some((first, 512)));
        assert_eq!(extents.at(511), Some((first + 511, 1)));
        assert_eq!(extents.at(512), Some((first + 5 * 512, 1500 - 512)));
        assert_eq!(extents.at(1499), Some((first + 5 * 512 + 987, 1)));
        assert_eq!(extents.at(1500), None);
        let whole = fat.read(file, u64::MAX).unwrap();
        for (place, byte) in whole.iter().enumerate() {
            let (offset, _) = extents.at(place as u64).unwrap();
            assert_eq!(bytes[usize::try_from(offset).unwrap()], *byte, "{place}");
        }
        // A chain that ends before the file does.
        let (_, file) = fat.find_file("file0001.img").unwrap();
        let mut longer = file.clone();
        longer.size = 5000;
        assert!(matches!(fat.extents(&longer), Err(FatError::BrokenChain(_))));
        assert_eq!(fat.extents(file).unwrap().len(), 200);
        longer.size = 0;
        assert_eq!(fat.extents(&longer).unwrap().at(0), None);
    }
}
