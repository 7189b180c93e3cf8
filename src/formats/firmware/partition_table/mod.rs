//! The partitions of a disk as firmware finds them (UEFI 2.10, chapter 5): by the GUID partition table at either end of the disk, by the
//! older master boot record, and by the catalog of El Torito.
//!
//! Firmware differs in the table that it takes: the second where the first is broken, or another one beside them. So that
//! nobody hides a partition in the one that is not looked at, all partitions are told that one of them has.

mod disk;
mod el_torito;
mod gpt;
mod identity;
mod mbr;
mod partition;
#[cfg(test)]
mod tests;

use crate::formats::medium::Medium;

use disk::Disk;
pub use disk::DiskError;
pub use el_torito::ElToritoError;
pub use gpt::GptError;
use gpt::{FIRST, Gpt};
pub use identity::Identity;
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
    /// The catalog of El Torito, or what leads to it.
    #[error(transparent)]
    ElTorito(#[from] ElToritoError),
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
    /// A table that firmware may take is not read to its end.
    #[error("its GUID partition table: {0}")]
    Incomplete(GptError),
    /// A partition begins with a table, as a disk does.
    #[error("{}, which firmware follows", nested(*.number, *.others))]
    Nested {
        /// The number of the first one.
        number: u32,
        /// The number of others.
        others: usize,
    },
}

/// The partitions of a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionTables {
    /// Those that one of the tables has, each once, those of a table without a fault first.
    pub partitions: Vec<Partition>,
    /// The tables that are there and cannot be read: others may be in them.
    pub unread: Vec<TableError>,
    /// True if firmware finds no table, and may read a file system from the first block on.
    pub is_bare: bool,
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
                let is_gpt = tables.read_gpt(&disk, &record);
                tables.is_bare = !is_gpt && !record.is_table(blocks);
                tables.read_mbr(&disk, &record);
            }
            Err(error) => tables.unread.push(error.into()),
        }
        tables.read_el_torito(&disk);
        tables.find_nested(&disk);
        tables
    }

    /// Adds those of the GUID partition table: of both, also where one is not as it must be, since firmware does not check alike. They
    /// may be left over from long ago, unless the master boot record says that there is one or firmware may take the first. True if
    /// firmware may take it.
    fn read_gpt<M: Medium>(&mut self, disk: &Disk<'_, M>, record: &BootRecord) -> bool {
        let mut tables = [Gpt::read(disk, FIRST), Gpt::default()];
        if !record.is_protective() && !tables[0].is_taken {
            return false;
        }
        tables[1] = Gpt::read(disk, disk.blocks - 1);
        let is_there = record.has_mark() || tables.iter().any(|table| table.is_there);
        match &tables {
            [
                Gpt { fault: Some(first), .. },
                Gpt {
                    fault: Some(second), ..
                },
            ] if is_there => {
                let [first, second] = [first, second].map(Clone::clone);
                self.unread.push(TableError::Gpt { first, second });
            }
            tables => {
                let cut = tables.iter().filter_map(|table| table.cut.clone());
                self.unread.extend(cut.map(TableError::Incomplete));
            }
        }
        let is_taken = tables.iter().any(|table| table.is_taken);
        // The identity of a partition is that of a sound table.
        tables.sort_by_key(|table| table.fault.is_some());
        for partition in tables.into_iter().flat_map(|table| table.partitions) {
            if !self.partitions.contains(&partition) {
                self.partitions.push(partition);
            }
        }
        is_taken
    }

    /// Adds those of the master boot record that are not in the other table, or not for firmware to start from.
    fn read_mbr<M: Medium>(&mut self, disk: &Disk<'_, M>, record: &BootRecord) {
        let (found, unread) = mbr::partitions(disk, record);
        self.unread.extend(unread.map(TableError::from));
        for partition in found {
            let says_more = |known: &Partition| partition.is_efi_system() && !known.is_efi_system();
            let mut known = self.partitions.iter();
            if !known.any(|known| known.is_at(&partition) && !says_more(known)) {
                self.partitions.push(partition);
            }
        }
    }

    /// Adds the boot images that no table has: on a disk that is a stick as well, a partition begins where the image does.
    fn read_el_torito<M: Medium>(&mut self, disk: &Disk<'_, M>) {
        match el_torito::images(disk) {
            Ok(images) => {
                for image in images {
                    if !self.partitions.iter().any(|known| known.start == image.start) {
                        self.partitions.push(image);
                    }
                }
            }
            Err(error) => self.unread.push(error.into()),
        }
    }

    /// Tells of partitions that firmware reads as it reads disks. One that begins where the disk does has the disk's own table.
    fn find_nested<M: Medium>(&mut self, disk: &Disk<'_, M>) {
        let is_nested = |partition: &&Partition| {
            // Some firmware counts in the smallest blocks whatever those of the disk.
            let blocks = partition.length / BLOCKS.start();
            BootRecord::read(disk, partition.start / disk.block).is_ok_and(|block| block.is_table(blocks))
        };
        let inside = self.partitions.iter().filter(|partition| partition.start > 0);
        let mut nested = inside.filter(is_nested);
        if let Some(first) = nested.next() {
            let others = nested.count();
            let number = first.number;
            self.unread.push(TableError::Nested { number, others });
        }
    }
}

/// The words for partitions with tables.
fn nested(number: u32, others: usize) -> String {
    match others {
        0 => format!("its partition {number} holds a table of partitions of its own"),
        others => format!("its partition {number}, and {others} more, hold tables of partitions of their own"),
    }
}
