//! The files that boot loaders on an EFI system partition are told to start.

use std::path::{Path, PathBuf};

use crate::disk::{
    BOOT, BootOption, BootTargets, EfiPartition, LOADER_ENTRIES, UNIFIED_IMAGES, UnmountedPartition, fat_partitions,
    grub_configurations, unmounted_efi_partitions,
};
use crate::error::Result;
use crate::formats::grub::opened_files::images_for_firmware;
use crate::formats::text::{Shown, loader_entry};
use crate::system::{self, Context};

use crate::enroll::request::Request;
use crate::enroll::store::StoreChoice;

/// Largest configuration of a boot loader that is read, in bytes.
const MAX_CONFIGURATION: u64 = 4 << 20;

/// A file that a loader is told to start.
pub(super) struct LoaderFile {
    /// The entry or configuration that names it, for a person.
    pub(super) source: String,
    /// Its path, or the path at which there is no such file, or why the configuration cannot be read.
    pub(super) found: std::result::Result<PathBuf, NotFound>,
}

impl LoaderFile {
    pub(super) fn found(source: &str, path: PathBuf) -> Self {
        Self {
            source: source.to_owned(),
            found: Ok(path),
        }
    }
}

/// A file that a loader is told to start, and that was not found.
pub(super) enum NotFound {
    /// There is none at this path.
    Missing(String),
    /// The configuration at this path cannot be read.
    Unread(PathBuf, crate::error::Error),
}

/// The partitions that are asked for; else, for the machine's own firmware, all that are mounted.
pub(super) fn partitions(context: &Context, request: &Request) -> Result<Vec<EfiPartition>> {
    if request.esp.is_empty() {
        return match request.store {
            StoreChoice::Live => fat_partitions(context),
            StoreChoice::At(_) => Ok(Vec::new()),
        };
    }
    request
        .esp
        .iter()
        .map(|directory| EfiPartition::named(directory))
        .collect()
}

/// The EFI system partitions of the machine's own firmware that are not mounted, and others that these options name. An error if nobody knows the disks.
pub(super) fn unmounted(
    context: &Context,
    request: &Request,
    options: &[BootOption],
) -> Result<Vec<UnmountedPartition>> {
    let is_own = request.esp.is_empty() && request.store == StoreChoice::Live;
    if !is_own {
        return Ok(Vec::new());
    }
    let mut targets = BootTargets::default();
    for option in options {
        if let Some(loaded) = &option.option {
            targets.add(&option.name(), &loaded.device_path);
        }
    }
    unmounted_efi_partitions(context, &targets)
}

/// The files that systemd-boot's entries, unified images and GRUB's configurations lead to.
pub(super) fn loaders_files(context: &Context, esp: &EfiPartition) -> Vec<LoaderFile> {
    let mut files = Vec::new();
    for image in esp.list(UNIFIED_IMAGES, ".efi") {
        files.push(LoaderFile::found("unified kernel image", image));
    }
    for file in esp.list(LOADER_ENTRIES, ".conf") {
        let name = file.file_name().map(Shown::shown);
        let source = format!("systemd-boot entry {}", name.unwrap_or_default());
        let find = |path: &str| esp.find(path);
        named(&file, &source, loader_entry::images, find, &mut files);
    }
    let configurations = grub_configurations();
    let on_partition = configurations
        .iter()
        .filter_map(|path| esp.find(&path.to_string_lossy()));
    let below_root = configurations.iter().map(|path| context.path(path));
    for file in on_partition.chain(below_root.filter(|path| path.is_file())) {
        let source = file.shown();
        // GRUB's root may be the partition, a boot file system, or the root file system.
        let find = |path: &str| {
            esp.find(path)
                .or_else(|| is_file(context.path(BOOT).join(path.trim_start_matches('/'))))
                .or_else(|| is_file(context.path(path)))
        };
        named(&file, &source, images_for_firmware, find, &mut files);
    }
    files
}

/// Adds the files that one configuration names, as `parse` reads it.
fn named(
    file: &Path,
    source: &str,
    parse: fn(&str) -> Vec<String>,
    find: impl Fn(&str) -> Option<PathBuf>,
    files: &mut Vec<LoaderFile>,
) {
    let source = || source.to_owned();
    match system::read_prefix(file, Some(MAX_CONFIGURATION)) {
        Ok(bytes) => files.extend(
            parse(&String::from_utf8_lossy(&bytes))
                .into_iter()
                .map(|path| LoaderFile {
                    source: source(),
                    found: find(&path).ok_or(NotFound::Missing(path)),
                }),
        ),
        Err(error) => files.push(LoaderFile {
            source: source(),
            found: Err(NotFound::Unread(file.to_path_buf(), error)),
        }),
    }
}

fn is_file(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}
