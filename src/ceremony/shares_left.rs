//! Pages of shares that still lie beside the archive that they open.

use std::path::Path;

use crate::error::Result;
use crate::formats::text::Shown;
use crate::system;

use super::layout::SHARES;

/// The directory of the shares' pages in the directory of a backup, if there are pages in it yet.
pub(super) fn shares_left(backup: &Path) -> Result<Option<String>> {
    let directory = backup.join(SHARES);
    // Somebody's own file may have that name.
    if !system::info_of_name(&directory)?.is_some_and(|info| info.is_directory()) {
        return Ok(None);
    }
    let is_empty = system::list_directory(&directory)?.is_empty();
    Ok(Some(directory.shown()).filter(|_| !is_empty))
}
