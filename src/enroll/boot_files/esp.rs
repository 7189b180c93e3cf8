//! An EFI system partition: names without regard to case, and no way out of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::firmware::guid::Guid;
use crate::formats::grub::opened_files::images_for_firmware;
use crate::formats::text::loader_entry;
use crate::system::{self, Context, fat_mounts};

use crate::enroll::request::Request;
use crate::enroll::store::StoreChoice;

/// Largest configuration of a boot loader that is read, in bytes.
const MAX_CONFIGURATION: u64 = 4 << 20;
/// Where GRUB keeps its configuration, on the partition or below the root.
const GRUB_CONFIGURATIONS: [&str; 4] = [
    "grub/grub.cfg",
    "grub2/grub.cfg",
    "boot/grub/grub.cfg",
    "boot/grub2/grub.cfg",
];

/// A mounted EFI system partition.
#[derive(Debug)]
pub(super) struct Esp {
    directory: PathBuf,
    partition: Option<Guid>,
}

impl Esp {
    /// Those that are asked for; else, for the machine's own firmware, those that are mounted.
    pub(super) fn all(context: &Context, request: &Request) -> Result<Vec<Self>> {
        if request.esp.is_empty() {
            let mounts = match request.store {
                StoreChoice::Live => fat_mounts(context)?,
                StoreChoice::At(_) => Vec::new(),
            };
            let of = |mount: system::FatMount| Self {
                directory: mount.directory,
                partition: mount.partition,
            };
            return Ok(mounts.into_iter().map(of).collect());
        }
        let mut partitions = Vec::new();
        for directory in &request.esp {
            if !directory.is_dir() {
                return Err(Error::could_not_run(format!("{} is no directory", directory.display()))
                    .hint("mount the EFI system partition, and name where: --esp DIR"));
            }
            partitions.push(Self {
                directory: directory.clone(),
                partition: None,
            });
        }
        Ok(partitions)
    }

    /// Whether this may be the partition that a boot entry names: either need not be known.
    pub(super) fn may_be(&self, wanted: Option<Guid>) -> bool {
        match (self.partition, wanted) {
            (Some(partition), Some(wanted)) => partition == wanted,
            _ => true,
        }
    }

    /// The regular file at a path with `/` between directories, whatever the case of its letters.
    pub(super) fn find(&self, path: &str) -> Option<PathBuf> {
        let mut found = self.directory.clone();
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            found = entry(&found, part)?;
        }
        fs::symlink_metadata(&found).ok()?.is_file().then_some(found)
    }

    /// What systemd-boot's entries and unified images, and GRUB's configuration, lead to: the file, or the path at which
    /// there is none.
    pub(super) fn loaders_files(&self, context: &Context) -> Vec<(String, std::result::Result<PathBuf, String>)> {
        let mut files = Vec::new();
        for image in self.list("EFI/Linux", ".efi") {
            files.push(("unified kernel image".to_owned(), Ok(image)));
        }
        for file in self.list("loader/entries", ".conf") {
            let name = file
                .file_name()
                .map(|name| name.display().to_string())
                .unwrap_or_default();
            for path in loader_entry::images(&text(&file)) {
                let source = format!("systemd-boot entry {name}");
                files.push((source, self.find(&path).ok_or(path)));
            }
        }
        let on_partition = GRUB_CONFIGURATIONS.iter().filter_map(|path| self.find(path));
        let below_root = GRUB_CONFIGURATIONS
            .iter()
            .map(|path| context.path(path))
            .filter(|path| path.is_file());
        for file in on_partition.chain(below_root) {
            for path in images_for_firmware(&text(&file)) {
                let source = format!("{}", file.display());
                // GRUB's root may be the partition, a boot file system, or the root file system.
                let found = self
                    .find(&path)
                    .or_else(|| is_file(context.path("/boot").join(path.trim_start_matches('/'))))
                    .or_else(|| is_file(context.path(&path)));
                files.push((source, found.ok_or(path)));
            }
        }
        files.dedup();
        files
    }

    /// Files of a directory with this end, in the order of their names.
    fn list(&self, directory: &str, end: &str) -> Vec<PathBuf> {
        let mut found = self.directory.clone();
        for part in directory.split('/') {
            let Some(next) = entry(&found, part) else {
                return Vec::new();
            };
            found = next;
        }
        let Ok(entries) = fs::read_dir(&found) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(std::result::Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().to_lowercase().ends_with(end))
            .collect();
        files.sort();
        files
    }
}

/// The entry of a directory with this name, whatever its case; no link and no way up.
fn entry(directory: &Path, name: &str) -> Option<PathBuf> {
    if name == ".." {
        return None;
    }
    let entries = fs::read_dir(directory).ok()?.filter_map(std::result::Result::ok);
    let mut same: Vec<fs::DirEntry> = entries
        .filter(|entry| entry.file_name().to_string_lossy().to_lowercase() == name.to_lowercase())
        .collect();
    // A file system that knows case may hold several.
    same.sort_by_key(|entry| entry.file_name() != name);
    let first = same.into_iter().next()?;
    (!first.file_type().ok()?.is_symlink()).then(|| first.path())
}

fn is_file(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

fn text(file: &Path) -> String {
    let bytes = system::read_prefix(file, Some(MAX_CONFIGURATION)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
