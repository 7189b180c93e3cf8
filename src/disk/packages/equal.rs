//! Comparing a file of the root file system with bytes.

use std::path::Path;

use crate::error::{Explain, Result};
use crate::formats::text::Shown;
use crate::system::{self, Content};

/// The permission bits that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// The name of a file in lower case, since FAT does not keep case apart.
pub(super) fn lower_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().to_ascii_lowercase()
}

/// True if a regular file, which is no link and which nobody but root and its user can write, has these bytes.
pub(super) fn equal_file(path: &Path, content: Content<'_>) -> Result<bool> {
    let size = content.len();
    let user = rustix::process::geteuid().as_raw();
    let fits = system::info_of_name(path)?.is_some_and(|info| {
        info.is_file() && info.size() == size && info.mode & OTHERS_WRITE == 0 && [0, user].contains(&info.owner)
    });
    if !fits {
        return Ok(false);
    }
    let (file, _) = system::open(path)?;
    content
        .is_equal(file)
        .or_could_not_run(|| format!("cannot read {}", path.shown()))
}
