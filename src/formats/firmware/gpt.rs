//! The GUID partition table (UEFI 2.10, section 5.3), as far as it names partitions.

use crate::formats::bytes::{Reader, Truncated, index};
use crate::formats::firmware::guid::Guid;

/// How the header begins, in the second logical block.
const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Smallest size of an entry, in bytes.
const ENTRY: usize = 128;

/// Why there is no such partition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GptError {
    /// A field or an entry that reaches past the bytes.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// There is no table.
    #[error("no \"EFI PART\" at offset {0:#x}: the disk has no GUID partition table")]
    NoTable(usize),
    /// The table has no such partition.
    #[error("the table has no partition {0}")]
    NoPartition(u32),
}

/// The GUID of a partition, by its number from 1. `disk` is the start of the disk with the header and the entries, `block`
/// the size of its logical blocks in bytes.
pub fn partition_guid(disk: &[u8], block: usize, number: u32) -> Result<Guid, GptError> {
    let mut header = Reader::new(disk);
    header.take("first block", block)?;
    if header.take("Signature", SIGNATURE.len())? != SIGNATURE {
        return Err(GptError::NoTable(block));
    }
    header.take("header", 64)?;
    let entries = u64::from_le_bytes(header.array("PartitionEntryLBA")?);
    let count = header.u32("NumberOfPartitionEntries")?;
    let size = index(header.u32("SizeOfPartitionEntry")?).max(ENTRY);
    let missing = GptError::NoPartition(number);
    let position = number
        .checked_sub(1)
        .filter(|position| *position < count)
        .ok_or_else(|| missing.clone())?;
    // Sums and products that do not fit are past the end as well.
    let start = usize::try_from(entries).unwrap_or(usize::MAX).saturating_mul(block);
    let mut entry = Reader::new(disk);
    entry.take("entries", start.saturating_add(size.saturating_mul(index(position))))?;
    let kind: [u8; 16] = entry.array("PartitionTypeGUID")?;
    let unique = entry.array("UniquePartitionGUID")?;
    if kind == [0; 16] {
        return Err(missing);
    }
    Ok(Guid::from_bytes(unique))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn disk(block: usize) -> Vec<u8> {
        let mut disk = vec![0; block * 8];
        disk[block..block + 8].copy_from_slice(SIGNATURE);
        disk[block + 72] = 2;
        disk[block + 80] = 4;
        disk[block + 84] = 128;
        let second = block * 2 + 128;
        disk[second] = 1;
        disk[second + 16..second + 32].copy_from_slice(Guid::MICROSOFT.as_bytes());
        disk
    }

    #[test]
    fn a_partition_is_found_by_its_number_whatever_the_block() {
        for block in [512, 4096] {
            let disk = disk(block);
            assert_eq!(partition_guid(&disk, block, 2), Ok(Guid::MICROSOFT));
            assert_eq!(partition_guid(&disk, block, 1), Err(GptError::NoPartition(1)));
            for number in [0, 5] {
                assert_eq!(partition_guid(&disk, block, number), Err(GptError::NoPartition(number)));
            }
            assert!(matches!(
                partition_guid(&disk[..block * 2], block, 2),
                Err(GptError::Truncated(_))
            ));
        }
        assert_eq!(partition_guid(&[0; 2048], 512, 1), Err(GptError::NoTable(512)));
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_there_is_an_answer(
            flips in prop::collection::vec((0_usize..4096, any::<u8>()), 0..32), number in any::<u32>(), block in 0_usize..9000,
        ) {
            let mut disk = disk(512);
            for (at, value) in flips {
                disk[at] = value;
            }
            let _ = (partition_guid(&disk, 512, number % 8), partition_guid(&disk, block, number));
        }
    }
}
