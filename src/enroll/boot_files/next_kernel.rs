//! The kernel that the loader starts which the firmware starts next, where nobody chooses another.

use std::path::{Path, PathBuf};

use crate::disk::{EfiPartition, LOADER_ENTRIES, UNIFIED_IMAGES};
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::text::{by_version, loader_entry};
use crate::system::{self, Context};

use super::loaders::{LoaderFile, loaders_files};

/// The text by which systemd-boot says what it is, in its section `.sdmagic` and elsewhere.
const SYSTEMD_BOOT: &[u8] = b"#### LoaderInfo: systemd-boot";
/// Its configuration.
const LOADER_CONF: &str = "loader/loader.conf";
/// Largest configuration that is read, in bytes.
const MAX_CONFIGURATION: u64 = 1 << 20;

/// The file that this loader starts by itself; none for a kernel, and for a loader that is not known.
pub(super) fn next_kernel(context: &Context, esp: &EfiPartition, loader: &[u8]) -> Option<LoaderFile> {
    let image = Image::parse(loader).ok()?;
    if image.section(".linux").is_some() {
        return None;
    }
    let is_grub = !matches!(CoreImage::parse(&image), Ok(None)) || image.section(".vendor_cert").is_some();
    if is_grub {
        // The first entry of the menu; which one was saved, only GRUB knows.
        return loaders_files(context, esp).into_iter().find(LoaderFile::is_of_grub);
    }
    let is_systemd_boot = loader.windows(SYSTEMD_BOOT.len()).any(|window| window == SYSTEMD_BOOT);
    is_systemd_boot.then(|| default_entry(esp)).flatten()
}

/// The entry that systemd-boot starts: the first that its configuration names, or else the newest.
fn default_entry(esp: &EfiPartition) -> Option<LoaderFile> {
    let text = |path: &Path| {
        let bytes = system::read_prefix(path, Some(MAX_CONFIGURATION)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut entries = esp.list(LOADER_ENTRIES, ".conf");
    entries.extend(esp.list(UNIFIED_IMAGES, ".efi"));
    entries.sort_by(|one, other| by_version(&name(other), &name(one)));
    let configured = esp.find(LOADER_CONF).and_then(|path| text(&path)).unwrap_or_default();
    let pattern = loader_entry::values(&configured, "default")
        .last()
        .and_then(|pattern| glob::Pattern::new(pattern).ok());
    let chosen = entries
        .iter()
        .find(|entry| pattern.as_ref().is_some_and(|pattern| pattern.matches(&name(entry))));
    // Those that were tried in vain go last (the Automatic Boot Assessment's `+0`).
    let good = || entries.iter().find(|entry| !is_bad(&name(entry)));
    let entry = chosen.or_else(good).or(entries.first())?;
    if entry
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("efi"))
    {
        return Some(LoaderFile::found("unified kernel image", entry.clone()));
    }
    let image = loader_entry::images(&text(entry)?).into_iter().next()?;
    Some(LoaderFile::named(
        format!("systemd-boot entry {}", name(entry)),
        esp,
        &image,
    ))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// True if an entry has no tries left: `NAME+0.conf` or `NAME+0-3.efi`.
fn is_bad(name: &str) -> bool {
    let stem = PathBuf::from(name);
    let stem = stem.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let counter = stem.rsplit_once('+').map(|(_, counter)| counter.to_owned());
    counter.is_some_and(|counter| counter == "0" || counter.starts_with("0-"))
}
