//! The boot images of a disk with ISO 9660, by the catalog of El Torito (its specification of 1995, section 2, and UEFI 2.10, section
//! 13.3.2). EDK2 reads it on disks of any kind, where there is no GUID partition table that it takes.

use crate::formats::bytes::{Reader, Truncated};
use crate::formats::medium::Medium;

use super::disk::{Disk, DiskError};
use super::partition::{Partition, PartitionType};

/// Size of a sector of ISO 9660, in bytes.
pub(super) const SECTOR: u64 = 2048;
/// The sector of the first volume descriptor.
pub(super) const FIRST: u64 = 16;
/// Most volume descriptors that are read; discs have a handful.
pub(super) const MAX_DESCRIPTORS: u64 = 64;
/// The identifier of a volume descriptor.
pub(super) const IDENTIFIER: &[u8] = b"CD001";
/// The type of the last one.
pub(super) const LAST: u8 = 255;
/// The name of the system that one with a catalog is for.
pub(super) const SYSTEM: &[u8] = b"EL TORITO SPECIFICATION";
/// The bytes between that name and the place of the catalog.
const PADDING: usize = 41;
/// Size of an entry of the catalog, in bytes.
pub(super) const ENTRY: usize = 32;
/// The header and the mark of the first entry.
pub(super) const HEADER: u8 = 1;
pub(super) const MARK: [u8; 2] = [0x55, 0xaa];
/// The indicator of an entry that may be started.
pub(super) const BOOTABLE: u8 = 0x88;

/// The reason why the boot images are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElToritoError {
    /// The disk gives no bytes.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A sector that is smaller than what it holds.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// More volume descriptors than are read.
    #[error("its ISO 9660 has more than {0} volume descriptors")]
    TooMany(u64),
}

/// The boot images, each up to the end of the disk: its own length is in its file system, and what the catalog says of it firmware counts
/// in several ways.
pub(super) fn images<M: Medium>(disk: &Disk<'_, M>) -> Result<Vec<Partition>, ElToritoError> {
    let mut found = Vec::new();
    if disk.block > SECTOR {
        return Ok(found);
    }
    for number in 0.. {
        let Some(descriptor) = sector(disk, FIRST + number)? else {
            break;
        };
        let mut reader = Reader::new(&descriptor);
        let kind = reader.u8("volume descriptor type")?;
        if kind == LAST || reader.take("standard identifier", IDENTIFIER.len())? != IDENTIFIER {
            break;
        }
        if number == MAX_DESCRIPTORS {
            return Err(ElToritoError::TooMany(MAX_DESCRIPTORS));
        }
        reader.u8("volume descriptor version")?;
        if reader.take("boot system identifier", SYSTEM.len())? != SYSTEM {
            continue;
        }
        reader.take("boot system identifier, unused", PADDING)?;
        let place = reader.u32("boot catalog pointer")?;
        if let Some(catalog) = sector(disk, place.into())? {
            found.extend(of_catalog(disk, &catalog));
        }
    }
    Ok(found)
}

/// The bytes of a sector; none if it is not on the disk.
fn sector<M: Medium>(disk: &Disk<'_, M>, number: u64) -> Result<Option<Vec<u8>>, DiskError> {
    let blocks = SECTOR / disk.block;
    let first = number.saturating_mul(blocks);
    if first.saturating_add(blocks) > disk.blocks {
        return Ok(None);
    }
    disk.read(first, SECTOR).map(Some)
}

fn of_catalog<M: Medium>(disk: &Disk<'_, M>, catalog: &[u8]) -> Vec<Partition> {
    let (entries, _) = catalog.as_chunks::<ENTRY>();
    let [header, entries @ ..] = entries else {
        return Vec::new();
    };
    let (words, _) = header.as_chunks::<2>();
    let sum = words.iter().map(|word| u16::from_le_bytes(*word));
    let is_catalog = header[0] == HEADER && header.ends_with(&MARK) && sum.fold(0, u16::wrapping_add) == 0;
    let bootable = (1..)
        .zip(entries)
        .filter(|(_, entry)| is_catalog && entry[0] == BOOTABLE);
    let images = bootable.filter_map(|(number, entry)| {
        let sector = u64::from(u32::from_le_bytes([entry[8], entry[9], entry[10], entry[11]]));
        let first = sector * (SECTOR / disk.block);
        let (start, length) = disk.place(first, disk.blocks).filter(|_| sector > 0)?;
        Some(Partition {
            number,
            start,
            length,
            kind: PartitionType::ElTorito,
        })
    });
    images.collect()
}
