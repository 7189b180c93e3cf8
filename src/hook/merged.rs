//! The files that a package has just brought, as Portage lists them.

use std::path::{Path, PathBuf};

use crate::disk::{BOOT_DIRECTORIES, merged_files};
use crate::error::Result;
use crate::sign::modules;
use crate::system::{self, Context};
use crate::trust::kernel::release_of_module;

use super::request::{Request, Slot};

/// The files of a package that belong into its slot.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Its kernel modules.
    pub modules: Vec<PathBuf>,
    /// True if it has nothing for firmware or GRUB.
    pub is_modules_alone: bool,
}

impl Merged {
    /// The files of the package that a request names; none for other slots, and for a package that Portage does not list.
    pub fn of_request(context: &Context, request: &Request) -> Result<Self> {
        let mut merged = Self::default();
        if request.slot != Slot::Portage {
            return Ok(merged);
        }
        let Some(files) = merged_files(context, &request.subject)? else {
            return Ok(merged);
        };
        let has_others = files.iter().any(|file| starts(file));
        for file in files.iter().map(|file| context.path(file)) {
            let is_it = modules::is_module(&file) && release_of_module(context, &file).is_some();
            if is_it && system::is_there(&file)? {
                merged.modules.push(file);
            }
        }
        merged.is_modules_alone = !merged.modules.is_empty() && !has_others;
        Ok(merged)
    }
}

/// True if a file is for firmware or GRUB, by its path.
fn starts(file: &Path) -> bool {
    let is_image = file
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("efi"));
    let is_grubs = file.components().any(|part| part.as_os_str() == "grub");
    is_image || is_grubs || BOOT_DIRECTORIES.iter().any(|directory| file.starts_with(directory))
}
