//! A partition of a disk.

use crate::formats::firmware::device_path::{HardDrive, Signature};
use crate::formats::firmware::guid::Guid;

/// The type of an EFI system partition (UEFI 2.10, table 5.7).
pub const EFI_SYSTEM: Guid = Guid::from_fields(
    0xc12a_7328,
    0xf81f,
    0x11d2,
    [0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b],
);
/// The same in a master boot record (UEFI 2.10, section 5.2.1).
pub const EFI_SYSTEM_BYTE: u8 = 0xef;

/// The number of the first logical partition of a master boot record.
pub(super) const FIRST_LOGICAL: u32 = 5;

/// The type of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionType {
    /// `PartitionTypeGUID` and `UniquePartitionGUID` of an entry of a GUID partition table.
    Gpt {
        /// The type.
        kind: Guid,
        /// The partition's own GUID.
        own: Guid,
    },
    /// A record of a master boot record.
    Mbr {
        /// `OSType`.
        kind: u8,
        /// `UniqueMBRDiskSignature`.
        disk: u32,
        /// Its number as EDK2 counts logical ones, from 1, and older EDK2 others: those that are used.
        counted: u32,
    },
    /// A boot image of the catalog of El Torito.
    ElTorito,
}

/// A partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Its number from 1, as the kernel counts: logical partitions of a master boot record from 5. That of its entry in the catalog of El
    /// Torito.
    pub number: u32,
    /// Its first byte, from the start of the disk.
    pub start: u64,
    /// Its length, in bytes.
    pub length: u64,
    /// Its type.
    pub kind: PartitionType,
}

impl Partition {
    /// True if firmware is told to look for loaders on it.
    #[must_use]
    pub fn is_efi_system(&self) -> bool {
        match self.kind {
            PartitionType::Gpt { kind, .. } => kind == EFI_SYSTEM,
            PartitionType::Mbr { kind, .. } => kind == EFI_SYSTEM_BYTE,
            PartitionType::ElTorito => false,
        }
    }

    /// Its own GUID, by which a boot option names it.
    #[must_use]
    pub const fn guid(&self) -> Option<Guid> {
        match self.kind {
            PartitionType::Gpt { own, .. } => Some(own),
            PartitionType::Mbr { .. } | PartitionType::ElTorito => None,
        }
    }

    /// True if firmware may find it by this node of a device path. EDK2 compares number and signature, other firmware of a GUID partition
    /// table the signature alone; in EDK2 the signature of a logical partition is 0.
    #[must_use]
    pub fn is_named_by(&self, node: &HardDrive) -> bool {
        match (self.kind, node.signature) {
            (PartitionType::Gpt { own, .. }, Signature::Gpt(named)) => own == named,
            (PartitionType::Mbr { disk, counted, .. }, Signature::Mbr(named)) => {
                let is_logical = self.number >= FIRST_LOGICAL;
                node.number == counted && named == if is_logical { 0 } else { disk }
                    || node.number == self.number && named == disk
            }
            _ => false,
        }
    }

    /// True if both have the same bytes.
    pub(super) const fn is_at(&self, other: &Self) -> bool {
        self.start == other.start && self.length == other.length
    }
}
