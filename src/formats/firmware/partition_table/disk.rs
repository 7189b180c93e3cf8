//! The disk that tables are read from, by its blocks.

use crate::formats::medium::Medium;

/// The disk gives no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at offset {offset:#x}: {reason}")]
pub struct DiskError {
    /// Where, in bytes.
    pub offset: u64,
    /// The disk's reason.
    pub reason: String,
}

/// A disk, with its geometry.
pub(super) struct Disk<'m, M> {
    pub(super) medium: &'m M,
    /// Size of a logical block, in bytes.
    pub(super) block: u64,
    /// Number of them: the product is the disk's length, in bytes.
    pub(super) blocks: u64,
}

impl<M: Medium> Disk<'_, M> {
    /// So many bytes from this block on.
    pub(super) fn read(&self, block: u64, length: u64) -> Result<Vec<u8>, DiskError> {
        let offset = block.saturating_mul(self.block);
        let read = usize::try_from(length).map_err(|error| error.to_string());
        let read = read.and_then(|length| self.medium.read(offset, length));
        read.map_err(|reason| DiskError { offset, reason })
    }

    /// The place of a partition, by its first block and the number of its blocks, as far as it is on the disk: first byte and length in
    /// bytes. None if it is not on it at all.
    pub(super) fn place(&self, first: u64, count: u64) -> Option<(u64, u64)> {
        let count = count.min(self.blocks.checked_sub(first)?);
        (count > 0).then_some((first * self.block, count * self.block))
    }
}
