//! The partitions of a disk as firmware finds them (UEFI 2.10, chapter 5): by the GUID partition table at either end of the disk, and
//! by the older master boot record.
//!
//! Firmware differs in the table that it takes: the second where the first is broken, or the master boot record beside them. So that
//! nobody hides a partition in the one that is not looked at, all partitions are told that one of them has.

mod disk;
mod gpt;
mod mbr;
mod partition;
#[cfg(test)]
mod tests;

use crate::formats::medium::Medium;

use disk::Disk;
pub use disk::DiskError;
use gpt::Gpt;
pub use gpt::GptError;
use mbr::BootRecord;
pub use mbr::MbrError;
pub use partition::{EFI_SYSTEM, EFI_SYSTEM_BYTE, Partition, PartitionType};

/// Sizes that logical blocks may have, in bytes.
const BLOCKS: std::ops::RangeInclusive<u64> = 512..=65536;

/// The reason why a table of a disk cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The master boot record, or one that it leads to.
    #[error(transparent)]
    Mbr(#[from] MbrError),
    /// Blocks of a size that no disk has.
    #[error("its logical blocks have {0} bytes, and those of disks with tables of partitions have 512 to 65536")]
    Block(u64),
    /// The master boot record says that there is a GUID partition table, and no firmware need take the one or the other that is there.
    #[error("its GUID partition table is broken: the first ({first}), and the second ({second})")]
    Gpt {
        /// The reason against that at the start.
        first: GptError,
        /// The reason against that at the end.
        second: GptError,
    },
    /// The first table is sound, and is not read to its end.
    #[error("its GUID partition table: {0}")]
    Incomplete(GptError),
}

/// The partitions of a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionTables {
    /// Those that one of the tables has, each once.
    pub partitions: Vec<Partition>,
    /// The tables that are there and cannot be read: others may be in them.
    pub unread: Vec<TableError>,
}

impl PartitionTables {
    /// Reads them. `block` is the size of a logical block, `length` that of the disk, in bytes.
    pub fn read<M: Medium>(medium: &M, block: u64, length: u64) -> Self {
        let mut tables = Self::default();
        if !block.is_power_of_two() || !BLOCKS.contains(&block) {
            tables.unread.push(TableError::Block(block));
            return tables;
        }
        let blocks = length / block;
        if blocks == 0 {
            return tables;
        }
        let disk = Disk { medium, block, blocks };
        match BootRecord::read(&disk, 0) {
            Ok(record) => {
                tables.read_gpt(&disk, &record);
                tables.read_mbr(&disk, &record);
            }
            Err(error) => tables.unread.push(error.into()),
        }
        tables
    }

    /// Adds those of the GUID partition table: of both, also where one is not as it must be, since firmware does not check alike. They
    /// may be left over from long ago, unless the master boot record says that there is one or the first is sound.
    fn read_gpt<M: Medium>(&mut self, disk: &Disk<'_, M>, record: &BootRecord) {
        let first = Gpt::read(disk, 1);
        if !record.is_protective() && first.fault.is_some() {
            return;
        }
        let second = Gpt::read(disk, disk.blocks - 1);
        let is_there = record.has_mark() || first.is_there || second.is_there;
        match (first.fault, second.fault) {
            (Some(first), Some(second)) if is_there => self.unread.push(TableError::Gpt { first, second }),
            (Some(first_fault), _) if first.is_cut => self.unread.push(TableError::Incomplete(first_fault)),
            _ => {}
        }
        for partition in first.partitions.into_iter().chain(second.partitions) {
            if !self.partitions.contains(&partition) {
                self.partitions.push(partition);
            }
        }
    }

    /// Adds those of the master boot record that are not in the other table.
    fn read_mbr<M: Medium>(&mut self, disk: &Disk<'_, M>, record: &BootRecord) {
        let (found, unread) = mbr::partitions(disk, record);
        self.unread.extend(unread.map(TableError::from));
        for partition in found {
            if !self.partitions.iter().any(|known| known.is_at(&partition)) {
                self.partitions.push(partition);
            }
        }
    }
}
