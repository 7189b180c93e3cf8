//! The checks, a file for each group.

mod boot;
mod firmware;
mod grub;
mod hooks;
mod kernel;
mod kernel_image;
mod keys;
mod measured;
mod modules;
mod uki;

use std::fs;
use std::path::{Path, PathBuf};

use super::check::Check;

/// How deep directories are looked into.
const DEPTH: usize = 32;

/// The files of a directory and those below it that are wanted, in order; links to directories are not followed.
pub(super) fn files_below(directory: &Path, wanted: fn(&Path) -> bool) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(directory, wanted, DEPTH, &mut found)?;
    Ok(found)
}

fn walk(directory: &Path, wanted: fn(&Path) -> bool, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(directory)?.collect::<std::io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() && depth > 0 {
            walk(&path, wanted, depth.saturating_sub(1), found)?;
        } else if !kind.is_dir() && wanted(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Every check, in the order of the chain.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [
        firmware::CHECKS,
        boot::CHECKS,
        uki::CHECKS,
        grub::CHECKS,
        kernel::CHECKS,
        kernel_image::CHECKS,
        modules::CHECKS,
        measured::CHECKS,
        keys::CHECKS,
        hooks::CHECKS,
    ]
    .into_iter()
    .flatten()
}
