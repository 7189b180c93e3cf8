//! The state of a file by which a change is noticed without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// The identity, size and times of a file. Any write, rename or replacement by usual means gives another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    device: u64,
    inode: u64,
    /// Size, in bytes.
    pub size: u64,
    /// `st_mtime`: seconds since 1970-01-01 UTC, and nanoseconds.
    modified: (i64, i64),
    /// `st_ctime`, which no program can set: seconds and nanoseconds.
    changed: (i64, i64),
}

impl FileState {
    /// The state of the file that a path leads to.
    pub fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// True if both describe one file, by whatever names.
    #[must_use]
    pub const fn is_same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// True if both files lie on one file system, wherever it is mounted.
    #[must_use]
    pub const fn shares_file_system(&self, other: &Self) -> bool {
        self.device == other.device
    }

    /// The time of the last write, as the file system tells it: seconds since 1970-01-01 UTC, and nanoseconds.
    #[must_use]
    pub const fn modified(&self) -> (i64, i64) {
        self.modified
    }

    /// True if the file was changed later than `seconds` after 1970-01-01 UTC.
    #[must_use]
    pub const fn changed_after(&self, seconds: i64) -> bool {
        self.changed.0 > seconds
    }

    /// True if the file system tells times so exactly that two changes cannot look like one. FAT, and ext3 as it was,
    /// know whole seconds at best.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.changed.1 != 0
    }
}

impl From<&Metadata> for FileState {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
