//! The GUID partition table (UEFI 2.10, section 5.3).

use flate2::Crc;

use crate::formats::bytes::{Reader, Truncated, index};
use crate::formats::firmware::guid::Guid;
use crate::formats::medium::Medium;

use super::disk::{Disk, DiskError};
use super::partition::{Partition, PartitionType};

/// The first field of a header.
pub(super) const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Smallest size of a header, in bytes.
pub(super) const HEADER: usize = 92;
/// The header's checksum in it: its offset.
pub(super) const HEADER_CRC: usize = 16;
/// Smallest size of an entry, in bytes.
pub(super) const ENTRY: usize = 128;
/// Largest array of entries that is read, in bytes: 8,192 of them; disks have 128.
const MAX_ENTRIES: u64 = 1 << 20;

/// The reason why firmware would not take a header, or the entries that it names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GptError {
    /// The disk gives no bytes.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A field that reaches past the bytes.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// There is no header.
    #[error("no \"EFI PART\" in block {0}")]
    NoHeader(u64),
    /// A header that is smaller than its fields, or larger than its block.
    #[error("HeaderSize is {0}")]
    HeaderSize(u32),
    /// A field has another value than the header's place or content asks for.
    #[error("{0} does not fit")]
    Field(&'static str),
    /// More entries than are read.
    #[error("it has {count} entries of {size} bytes, more than are read")]
    TooMany {
        /// `NumberOfPartitionEntries`.
        count: u32,
        /// `SizeOfPartitionEntry`.
        size: u32,
    },
}

/// A table: its header, and the entries that this names.
#[derive(Debug, Default)]
pub(super) struct Gpt {
    /// The partitions, also of a table with a fault.
    pub(super) partitions: Vec<Partition>,
    /// The first reason for which firmware would not take it, or for which not all of it is here.
    pub(super) fault: Option<GptError>,
    /// True if the header begins as one does.
    pub(super) is_there: bool,
    /// True if the header is sound, and not all of its entries could be read.
    pub(super) is_cut: bool,
}

impl Gpt {
    /// Reads the one whose header is in this block.
    pub(super) fn read<M: Medium>(disk: &Disk<'_, M>, place: u64) -> Self {
        let mut table = Self::default();
        if let Err(fault) = table.fill(disk, place) {
            table.fault.get_or_insert(fault);
        }
        table
    }

    fn fill<M: Medium>(&mut self, disk: &Disk<'_, M>, place: u64) -> Result<(), GptError> {
        let block = disk.read(place, disk.block)?;
        let mut header = Reader::new(&block);
        if header.take("Signature", SIGNATURE.len())? != SIGNATURE {
            return Err(GptError::NoHeader(place));
        }
        self.is_there = true;
        header.u32("Revision")?;
        let size = header.u32("HeaderSize")?;
        let crc_of_it = header.u32("HeaderCRC32")?;
        header.u32("Reserved")?;
        let own_place = number(&mut header, "MyLBA")?;
        header.take("AlternateLBA, FirstUsableLBA, LastUsableLBA, DiskGUID", 40)?;
        let array = number(&mut header, "PartitionEntryLBA")?;
        let count = header.u32("NumberOfPartitionEntries")?;
        let entry_size = header.u32("SizeOfPartitionEntry")?;
        let crc_of_entries = header.u32("PartitionEntryArrayCRC32")?;
        self.fault = match block.get(..index(size)).filter(|bytes| bytes.len() >= HEADER) {
            None => Some(GptError::HeaderSize(size)),
            Some(bytes) if header_crc(bytes) != crc_of_it => Some(GptError::Field("HeaderCRC32")),
            Some(_) if own_place != place => Some(GptError::Field("MyLBA")),
            Some(_) => None,
        };
        if index(entry_size) < ENTRY {
            return Err(GptError::Field("SizeOfPartitionEntry"));
        }
        let length = u64::from(count) * u64::from(entry_size);
        self.is_cut = self.fault.is_none();
        let entries = disk.read(array, length.min(MAX_ENTRIES))?;
        for (entry, number) in entries.chunks_exact(index(entry_size)).zip(1..) {
            self.partitions.extend(partition(disk, entry, number)?);
        }
        if length > MAX_ENTRIES {
            return Err(GptError::TooMany {
                count,
                size: entry_size,
            });
        }
        self.is_cut = false;
        if crc(&[&entries]) != crc_of_entries {
            return Err(GptError::Field("PartitionEntryArrayCRC32"));
        }
        Ok(())
    }
}

/// The partition of an entry; none if it is unused, or not on the disk.
fn partition<M: Medium>(disk: &Disk<'_, M>, entry: &[u8], number_of_it: u32) -> Result<Option<Partition>, GptError> {
    let mut entry = Reader::new(entry);
    let kind = entry.array("PartitionTypeGUID")?;
    let own = Guid::from_bytes(entry.array("UniquePartitionGUID")?);
    let first = number(&mut entry, "StartingLBA")?;
    let last = number(&mut entry, "EndingLBA")?;
    if kind == [0; 16] {
        return Ok(None);
    }
    let count = last.checked_sub(first).map(|more| more.saturating_add(1));
    let place = count.and_then(|count| disk.place(first, count));
    let kind = PartitionType::Gpt {
        kind: Guid::from_bytes(kind),
        own,
    };
    Ok(place.map(|(start, length)| Partition {
        number: number_of_it,
        start,
        length,
        kind,
    }))
}

fn number(reader: &mut Reader<'_>, field: &'static str) -> Result<u64, Truncated> {
    reader.array(field).map(u64::from_le_bytes)
}

/// The checksum of a header: its own field counts as zero.
pub(super) fn header_crc(header: &[u8]) -> u32 {
    let (before, rest) = header.split_at_checked(HEADER_CRC).unwrap_or((header, &[]));
    crc(&[before, &[0; 4], rest.get(4..).unwrap_or_default()])
}

/// The CRC32 of these bytes after each other.
pub(super) fn crc(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    for part in parts {
        crc.update(part);
    }
    crc.sum()
}
