//! Comparing a file of the root file system with bytes.

use std::path::Path;

use crate::error::Result;
use crate::system;

/// The permission bits that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// The name of a file in lower case, since FAT does not keep case apart.
pub(super) fn lower_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().to_ascii_lowercase()
}

/// True if a regular file, which is no link and which nobody but root and its user can write, has these bytes.
pub(super) fn equal_file(path: &Path, bytes: &[u8]) -> Result<bool> {
    let size = bytes.len() as u64;
    let user = rustix::process::geteuid().as_raw();
    let fits = system::info_of_name(path)?.is_some_and(|info| {
        info.is_file() && info.size() == size && info.mode & OTHERS_WRITE == 0 && [0, user].contains(&info.owner)
    });
    Ok(fits && system::read_prefix(path, Some(size + 1))? == bytes)
}
