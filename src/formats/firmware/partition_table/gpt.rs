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
/// The first block of the first table, which the header at the end names.
pub(super) const FIRST: u64 = 1;
/// The version of a header, which has not changed.
const REVISION: u32 = 0x0001_0000;
/// Largest array of entries that is read, in bytes: 8,192 of them; disks have 128.
const MAX_ENTRIES: u64 = 1 << 20;

/// The reason why firmware need not take a header, or the entries that it names.
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
    /// The first reason for which some firmware does not take it, or for which not all of it is here.
    pub(super) fault: Option<GptError>,
    /// The reason for which not all entries are here of a table that some firmware takes.
    pub(super) cut: Option<GptError>,
    /// True if the header begins as one does.
    pub(super) is_there: bool,
    /// True if some firmware takes it.
    pub(super) is_taken: bool,
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
        let revision = header.u32("Revision")?;
        let size = header.u32("HeaderSize")?;
        let crc_of_it = header.u32("HeaderCRC32")?;
        header.u32("Reserved")?;
        let own_place = number(&mut header, "MyLBA")?;
        let other_place = number(&mut header, "AlternateLBA")?;
        header.take("FirstUsableLBA, LastUsableLBA, DiskGUID", 32)?;
        let array = number(&mut header, "PartitionEntryLBA")?;
        let count = header.u32("NumberOfPartitionEntries")?;
        let entry_size = header.u32("SizeOfPartitionEntry")?;
        let crc_of_entries = header.u32("PartitionEntryArrayCRC32")?;
        let bytes = block.get(..index(size)).unwrap_or_default();
        // All firmware asks for these. It computes the checksum over as many bytes as the header says.
        let fault = if bytes.is_empty() {
            Some(GptError::HeaderSize(size))
        } else {
            let asked_for = [
                ("HeaderCRC32", header_crc(bytes) == crc_of_it),
                ("MyLBA", own_place == place),
                ("SizeOfPartitionEntry", index(entry_size) >= ENTRY),
            ];
            first_fault(&asked_for)
        };
        self.is_taken = fault.is_none();
        // Some asks for these as well. The first table is repaired where the second says that it is, and read there.
        let doubt = || {
            let is_short = bytes.len() < HEADER;
            let asked_for = [
                ("Revision", revision == REVISION),
                ("NumberOfPartitionEntries", count > 0),
                ("SizeOfPartitionEntry", entry_size.is_power_of_two()),
                ("AlternateLBA", place == FIRST || other_place == FIRST),
            ];
            let is_short = is_short.then_some(GptError::HeaderSize(size));
            is_short.or_else(|| first_fault(&asked_for))
        };
        self.fault = fault.or_else(doubt);
        if index(entry_size) < ENTRY {
            return Ok(());
        }
        match self.read_entries(disk, array, count, entry_size) {
            Ok(crc) if crc != crc_of_entries => {
                self.is_taken = false;
                Err(GptError::Field("PartitionEntryArrayCRC32"))
            }
            Ok(_) => Ok(()),
            Err(cut) => {
                self.cut = self.is_taken.then(|| cut.clone());
                Err(cut)
            }
        }
    }

    /// Adds the partitions of so many entries of this size, and returns the checksum of the entries.
    fn read_entries<M: Medium>(
        &mut self,
        disk: &Disk<'_, M>,
        array: u64,
        count: u32,
        size: u32,
    ) -> Result<u32, GptError> {
        let length = u64::from(count) * u64::from(size);
        let entries = disk.read(array, length.min(MAX_ENTRIES))?;
        for (entry, number) in entries.chunks_exact(index(size)).zip(1..) {
            self.partitions.extend(partition(disk, entry, number)?);
        }
        if length > MAX_ENTRIES {
            return Err(GptError::TooMany { count, size });
        }
        Ok(crc(&entries))
    }
}

/// The first of these fields that is not as it has to be.
fn first_fault(fields: &[(&'static str, bool)]) -> Option<GptError> {
    let fault = fields.iter().find(|(_, is_sound)| !is_sound);
    fault.map(|(field, _)| GptError::Field(field))
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
    let own = HEADER_CRC..HEADER_CRC + 4;
    let octets = header.iter().enumerate();
    let octets: Vec<u8> = octets
        .map(|(at, octet)| if own.contains(&at) { 0 } else { *octet })
        .collect();
    crc(&octets)
}

/// The CRC32 of these bytes.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
