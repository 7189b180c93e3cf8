//! The space that a file system has left.

use std::path::Path;

use rustix::fs::StatVfsMountFlags;

use crate::error::{Explain, Result};
use crate::formats::text::Shown;

/// The free room of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that are free for this user.
    pub available: u64,
    /// True if it is mounted for reading only.
    pub read_only: bool,
}

impl Space {
    /// The space of the file system that holds `path`.
    pub fn at(path: &Path) -> Result<Self> {
        let status =
            rustix::fs::statvfs(path).or_could_not_run(|| format!("cannot tell the free space of {}", path.shown()))?;
        Ok(Self {
            available: status.f_bavail.saturating_mul(status.f_frsize),
            read_only: status.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_has_no_space() {
        assert!(Space::at(std::env::temp_dir().as_path()).unwrap().available > 0);
        assert!(Space::at(Path::new("/nonexistent")).is_err());
    }
}
