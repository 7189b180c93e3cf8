//! The master boot record (UEFI 2.10, section 5.2), with the logical partitions of an extended one.

use crate::formats::bytes::{Reader, Truncated};
use crate::formats::medium::Medium;

use super::disk::{Disk, DiskError};
use super::gpt::FIRST;
use super::partition::{FIRST_LOGICAL, Partition, PartitionType};

/// Offset of the four records in a block, in bytes.
pub(super) const RECORDS: usize = 446;
/// Offset of the disk's signature in a block, in bytes.
pub(super) const DISK_SIGNATURE: usize = RECORDS - 6;
/// The mark at the end of the first 512 bytes.
pub(super) const MARK: u16 = 0xaa55;
/// The type of the record that covers a disk with a GUID partition table.
pub(super) const PROTECTIVE: u8 = 0xee;
/// Types of partitions that hold logical ones.
pub(super) const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// Those of them that all firmware follows; to some, the other is like any partition.
const ALWAYS_EXTENDED: [u8; 2] = [0x05, 0x0f];
/// Most logical partitions that are followed; the kernel follows 100.
pub(super) const MAX_LOGICAL: usize = 128;

/// The reason why partitions of a master boot record are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MbrError {
    /// The disk gives no bytes.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A block that is smaller than a record.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// More logical partitions than are followed.
    #[error("its extended partition has more than {0} logical ones")]
    TooMany(usize),
    /// A record in an extended partition announces a GUID partition table there, which firmware takes instead of the logical ones.
    #[error("its extended partition holds a GUID partition table, which firmware follows")]
    InExtended,
}

/// A record of a partition.
#[derive(Debug, Clone, Copy)]
struct Record {
    kind: u8,
    /// The first block, counted from where its kind says.
    start: u64,
    /// The number of blocks.
    count: u64,
}

impl Record {
    fn is_extended(&self) -> bool {
        EXTENDED.contains(&self.kind)
    }

    /// True if some firmware takes it for a partition with content, in the block of a logical one. Some does not look at the type.
    fn may_have_content(&self) -> bool {
        !ALWAYS_EXTENDED.contains(&self.kind) && self.count > 0
    }
}

/// The records of one block that are used, each with its number from 1. No record is refused for its other fields: firmware does not
/// look at them alike.
#[derive(Debug, Clone)]
pub(super) struct BootRecord {
    signature: u32,
    records: Vec<(u32, Record)>,
    has_mark: bool,
}

impl BootRecord {
    /// Reads the one in this block.
    pub(super) fn read<M: Medium>(disk: &Disk<'_, M>, place: u64) -> Result<Self, MbrError> {
        let block = disk.read(place, disk.block)?;
        let mut reader = Reader::new(&block);
        reader.take("BootCode", DISK_SIGNATURE)?;
        let signature = reader.u32("UniqueMBRDiskSignature")?;
        reader.u16("Unknown")?;
        let mut records = Vec::new();
        for number in 1..=4 {
            reader.take("BootIndicator, StartingCHS", 4)?;
            let kind = reader.u8("OSType")?;
            reader.take("EndingCHS", 3)?;
            let start = reader.u32("StartingLBA")?.into();
            let count = reader.u32("SizeInLBA")?.into();
            records.push((number, Record { kind, start, count }));
        }
        let has_mark = reader.u16("Signature")? == MARK;
        Ok(Self {
            signature,
            records,
            has_mark,
        })
    }

    /// True if the block has the mark of a boot record. Firmware does not ask for it before it takes a GUID partition table.
    pub(super) const fn has_mark(&self) -> bool {
        self.has_mark
    }

    /// True if it says that the disk has a GUID partition table.
    pub(super) fn is_protective(&self) -> bool {
        self.records.iter().any(|(_, record)| record.kind == PROTECTIVE)
    }

    /// True if firmware that reads a partition as it reads a disk finds a table of partitions in this block, the first of so many: a
    /// record that announces a GUID partition table; or the mark, with records that are on the partition and do not overlap.
    pub(super) fn is_table(&self, blocks: u64) -> bool {
        let used = self.records.iter().map(|(_, record)| record);
        let used: Vec<(u64, u64)> = used
            .filter(|record| record.kind != 0 && record.count > 0)
            // Firmware counts in 32 bits.
            .map(|record| (record.start, (record.start + record.count - 1) & u64::from(u32::MAX)))
            .collect();
        let overlaps = |(number, (start, end)): (usize, &(u64, u64))| {
            let mut others = used.iter().skip(number + 1);
            others.any(|other| other.1 >= *start && other.0 <= *end)
        };
        let are_on_it = !used.is_empty() && used.iter().all(|(_, end)| *end < blocks);
        self.announces_gpt() || self.has_mark && are_on_it && !used.iter().enumerate().any(overlaps)
    }

    /// True if firmware looks for a GUID partition table behind this block.
    fn announces_gpt(&self) -> bool {
        let mut records = self.records.iter().map(|(_, record)| record);
        records.any(|record| record.kind == PROTECTIVE && record.start == FIRST)
    }

    /// The records of partitions with content of their own, and those that lead to others; none without the mark.
    fn used(&self, is_extended: bool) -> impl Iterator<Item = &(u32, Record)> {
        let records = self.records.iter().filter(|_| self.has_mark);
        records.filter(move |(_, record)| {
            let has_content = ![0, PROTECTIVE].contains(&record.kind) && record.count > 0;
            record.is_extended() == is_extended && (is_extended || has_content)
        })
    }
}

/// The partitions, and the reason where logical ones could not be followed to their end.
pub(super) fn partitions<M: Medium>(disk: &Disk<'_, M>, first: &BootRecord) -> (Vec<Partition>, Option<MbrError>) {
    let used = first
        .records
        .iter()
        .filter(|(_, record)| record.kind != 0 && record.count > 0);
    let counted: Vec<u32> = used
        .filter(|(_, record)| record.kind != PROTECTIVE)
        .map(|(number, _)| *number)
        .collect();
    let own = first.used(false).map(|(number, record)| Numbered {
        number: *number,
        counted: (1..)
            .zip(&counted)
            .find(|(_, used)| *used == number)
            .map_or(0, |(counted, _)| counted),
        record: *record,
    });
    let mut found: Vec<Partition> = own.filter_map(|own| own.partition(disk, 0, first.signature)).collect();
    let mut unread = None;
    for (_, record) in first.used(true) {
        unread = logical(disk, record.start, first.signature, &mut found)
            .err()
            .or(unread);
    }
    (found, unread)
}

/// Adds the logical partitions of the extended one that begins at this block: each is in a record of its own, which leads to the next.
/// Firmware differs in the records that it takes for the one and the other, and in the blocks of which it asks the mark: all ways are
/// followed, each block once.
fn logical<M: Medium>(
    disk: &Disk<'_, M>,
    extended: u64,
    signature: u32,
    found: &mut Vec<Partition>,
) -> Result<(), MbrError> {
    let mut places = vec![extended];
    let mut numbers = FIRST_LOGICAL..;
    let mut counted = 0;
    let mut followed = 0;
    while let Some(&place) = places.get(followed) {
        if followed == MAX_LOGICAL {
            return Err(MbrError::TooMany(MAX_LOGICAL));
        }
        followed += 1;
        if place >= disk.blocks {
            continue;
        }
        let block = BootRecord::read(disk, place)?;
        // One that begins where the disk does has the disk's own table.
        if place == extended && extended > 0 && block.announces_gpt() {
            return Err(MbrError::InExtended);
        }
        if place == extended && !block.has_mark {
            return Ok(());
        }
        // EDK2 takes the first record of each block.
        let has_first = |(number, record): &(u32, Record)| *number == 1 && record.may_have_content();
        counted += u32::from(block.records.iter().any(has_first));
        let with_content = block.records.iter().filter(|(_, record)| record.may_have_content());
        let numbered = with_content
            .zip(numbers.by_ref())
            .map(|((own, record), number)| Numbered {
                number,
                counted: if *own == 1 { counted } else { 0 },
                record: *record,
            });
        found.extend(numbered.filter_map(|numbered| numbered.partition(disk, place, signature)));
        // The way to the next is counted from where all begin.
        for next in block.records.iter().filter(|(_, record)| record.is_extended()) {
            let next = extended + next.1.start;
            if !places.contains(&next) {
                places.push(next);
            }
        }
    }
    Ok(())
}

/// A record of a partition with content, with its numbers.
struct Numbered {
    number: u32,
    counted: u32,
    record: Record,
}

impl Numbered {
    /// The partition, as far as it is on the disk: its place is counted from this block.
    fn partition<M: Medium>(&self, disk: &Disk<'_, M>, base: u64, signature: u32) -> Option<Partition> {
        let (start, length) = disk.place(base + self.record.start, self.record.count)?;
        Some(Partition {
            number: self.number,
            start,
            length,
            kind: PartitionType::Mbr {
                kind: self.record.kind,
                disk: signature,
                counted: self.counted,
            },
        })
    }
}
