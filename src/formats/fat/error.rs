//! The reasons why a file system cannot be read.

use crate::formats::medium::Medium;

/// The reason why a file system cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FatError {
    /// The medium gives no bytes.
    #[error("at offset {offset:#x}: {reason}")]
    Medium {
        /// Where, in bytes.
        offset: u64,
        /// The medium's reason.
        reason: String,
    },
    /// The first sector describes no FAT file system.
    #[error("it is no FAT file system: {0} in its first sector")]
    NoFat(&'static str),
    /// A chain of clusters leads to one that is none, or ends before the file does.
    #[error("the chain of clusters of {0} is broken")]
    BrokenChain(String),
    /// Directories that contain each other.
    #[error("the directory {0} is part of another one, or of itself")]
    Loop(String),
    /// More than is read.
    #[error("it has {0} than are read")]
    TooMuch(&'static str),
    /// Files share their clusters.
    #[error("its files have more bytes than it has itself")]
    Overlap,
}

pub(super) fn read<M: Medium>(medium: &M, offset: u64, length: usize) -> Result<Vec<u8>, FatError> {
    medium
        .read(offset, length)
        .map_err(|reason| FatError::Medium { offset, reason })
}
