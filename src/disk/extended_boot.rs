//! The extended boot partition of the Boot Loader Specification (UAPI.1, XBOOTLDR), which systemd-boot reads beside its own.

use crate::error::Result;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::partition_table::PartitionType;
use crate::system::{Context, disks};

use super::boot_directories::BOOT;
use super::partitions::EfiPartition;

/// Its type in a GUID partition table.
const EXTENDED_BOOT: Guid = Guid::from_fields(
    0xbc13_c2ff,
    0x59e6,
    0x4262,
    [0xa3, 0x52, 0xb2, 0x75, 0xfd, 0x6f, 0x71, 0x72],
);

/// The extended boot partition on the disk of an EFI system partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtendedBoot {
    /// There is none.
    None,
    /// It is mounted.
    Mounted(EfiPartition),
    /// It is there, and is not mounted as a FAT file system.
    Unmounted,
}

impl ExtendedBoot {
    /// Looks for the one beside `esp`, by the disk's own table; where that cannot be read, another partition that is mounted at
    /// `/boot` is taken for it.
    pub fn beside(context: &Context, esp: &EfiPartition, mounted: &[EfiPartition]) -> Result<Self> {
        let by_place = || {
            let place = context.path(BOOT);
            mounted.iter().find(|other| other.directory == place && *other != esp)
        };
        let Some(own) = esp.partition.guid() else {
            return Ok(Self::mounted(by_place()));
        };
        for disk in disks(context)? {
            let Ok(tables) = disk.tables(context) else { continue };
            if !tables.partitions.iter().any(|partition| partition.guid() == Some(own)) {
                continue;
            }
            let extended = tables.partitions.iter().find_map(|partition| match partition.kind {
                PartitionType::Gpt { kind, own } if kind == EXTENDED_BOOT => Some(own),
                _ => None,
            });
            let Some(extended) = extended else {
                return Ok(Self::None);
            };
            let found = mounted.iter().find(|other| other.partition.guid() == Some(extended));
            return Ok(found.cloned().map_or(Self::Unmounted, Self::Mounted));
        }
        Ok(Self::mounted(by_place()))
    }

    fn mounted(partition: Option<&EfiPartition>) -> Self {
        partition.cloned().map_or(Self::None, Self::Mounted)
    }
}
