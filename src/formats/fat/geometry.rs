//! The places of a FAT file system's parts, by its first sector.

use super::error::FatError;

/// Bytes of the first sector that describe the file system.
pub(super) const SECTOR: usize = 512;
/// Size of an entry of the root directory.
const ROOT_ENTRY: u64 = 32;
/// Clusters from which on a file system is FAT16, and FAT32.
const FAT16_FROM: u64 = 4085;
/// Largest cluster, in bytes: 256 KiB, as some systems make them.
const MAX_CLUSTER: u64 = 256 << 10;
/// Most clusters of FAT32.
const MAX_CLUSTERS: u64 = 0x0fff_fff5;

/// The width of a number of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Bits12,
    Bits16,
    Bits32,
}

/// The geometry, checked: nothing of it is past 2^45 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) width: Width,
    /// Where the first table begins, and how long it is, in bytes.
    pub(super) table: u64,
    pub(super) table_length: u64,
    root: u64,
    root_length: u64,
    root_cluster: u32,
    data: u64,
    cluster_size: u64,
    clusters: u64,
}

impl Geometry {
    pub(super) fn parse(sector: &[u8]) -> Result<Self, FatError> {
        let byte = |offset: usize| u64::from(sector.get(offset).copied().unwrap_or(0));
        let word = |offset: usize| byte(offset) | byte(offset + 1) << 8;
        let long = |offset: usize| word(offset) | word(offset + 2) << 16;
        if word(510) != 0xaa55 {
            return Err(FatError::NoFat("no mark"));
        }
        let sector_size = word(11);
        if !(sector_size.is_power_of_two() && (512..=4096).contains(&sector_size)) {
            return Err(FatError::NoFat("an impossible size of sectors"));
        }
        let cluster_size = byte(13) * sector_size;
        if !byte(13).is_power_of_two() || cluster_size > MAX_CLUSTER {
            return Err(FatError::NoFat("an impossible size of clusters"));
        }
        let (reserved, tables) = (word(14), byte(16));
        if reserved == 0 || tables == 0 {
            return Err(FatError::NoFat("no table"));
        }
        let is_fat32 = word(22) == 0;
        let table_sectors = if is_fat32 { long(36) } else { word(22) };
        let total = if word(19) == 0 { long(32) } else { word(19) };
        let root_length = if is_fat32 { 0 } else { word(17) * ROOT_ENTRY };
        let root = (reserved + tables * table_sectors) * sector_size;
        let data = root + root_length.next_multiple_of(sector_size);
        let clusters = (total * sector_size).saturating_sub(data) / cluster_size;
        if table_sectors == 0 || clusters == 0 || clusters > MAX_CLUSTERS {
            return Err(FatError::NoFat("an impossible number of clusters"));
        }
        let width = match clusters {
            _ if is_fat32 => Width::Bits32,
            ..FAT16_FROM => Width::Bits12,
            _ => Width::Bits16,
        };
        let root_cluster = u32::try_from(long(44)).unwrap_or(0);
        Ok(Self {
            width,
            table: reserved * sector_size,
            table_length: table_sectors * sector_size,
            root,
            root_length,
            root_cluster: if is_fat32 { root_cluster } else { 0 },
            data,
            cluster_size,
            clusters,
        })
    }

    pub(super) fn is_fat32(&self) -> bool {
        self.width == Width::Bits32
    }

    /// The first cluster of the root directory; none where it has a region of its own.
    pub(super) fn root_cluster(&self) -> Option<u32> {
        self.is_fat32().then_some(self.root_cluster)
    }

    /// Offset and length of the root directory's own region.
    pub(super) fn root_region(&self) -> (u64, usize) {
        (self.root, usize::try_from(self.root_length).unwrap_or(0))
    }

    pub(super) fn cluster_size(&self) -> usize {
        usize::try_from(self.cluster_size).unwrap_or(0)
    }

    /// Where a cluster begins; none for a number that no cluster has.
    pub(super) fn cluster_offset(&self, cluster: u32) -> Option<u64> {
        let number = u64::from(cluster).checked_sub(2)?;
        (number < self.clusters).then(|| self.data + number * self.cluster_size)
    }

    /// Bytes of all clusters.
    pub(super) const fn bytes(&self) -> u64 {
        self.clusters * self.cluster_size
    }
}
