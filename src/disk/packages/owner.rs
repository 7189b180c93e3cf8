//! The package, or the file, that vouches for a file.

use std::path::{Path, PathBuf};

/// The origin of a file: a package, or a file of the root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The package, as its manager names it: `sys-boot/grub-2.12-r4`, `memtest86+`. None where a directory vouches that
    /// distributions keep such files in, or that the configuration names.
    pub package: Option<String>,
    /// The file of the root file system that is equal byte for byte; where a package owns the very path, its list.
    pub file: PathBuf,
}

impl Owner {
    /// A file in a directory that vouches.
    pub(super) fn of_file(path: &Path) -> Self {
        Self {
            package: None,
            file: path.to_path_buf(),
        }
    }
}
