//! Pages of shares that still lie beside the archive that they open.

use std::path::Path;

use crate::error::Result;
use crate::formats::text::Shown;
use crate::system;

use super::layout::SHARES;

/// The directory of the shares' pages in the directory of a backup, if there are pages in it yet.
pub(super) fn shares_left(backup: &Path) -> Result<Option<String>> {
    let directory = backup.join(SHARES);
    let is_empty = system::list_directory_if_there(&directory)?.is_empty();
    Ok(Some(directory.shown()).filter(|_| !is_empty))
}
