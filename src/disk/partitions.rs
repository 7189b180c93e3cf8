//! EFI system partitions, which are mounted, and files on them: names without regard to case, and no way out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, quoted};
use crate::formats::firmware::partition_table::Identity;
use crate::formats::text::Shown;
use crate::system::{Context, FatMount, automounts, fat_mounts, list_directory, not_mounted};

use super::boot_directories::BOOT_DIRECTORIES;
use super::walk::check_readable;

/// The directory by which a file system is known to be an EFI system partition.
const EFI: &str = "EFI";

/// A partition that firmware reads, mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EfiPartition {
    /// The directory where it is mounted, below the context's root.
    pub directory: PathBuf,
    /// Its partition, as far as that is known.
    pub partition: Identity,
}

/// All partitions that firmware reads: the mounted FAT file systems. A boot option may lead to any of them. An error if one that
/// is mounted as soon as somebody looks at it (systemd-gpt-auto-generator(8)) cannot be.
pub fn fat_partitions(context: &Context) -> Result<Vec<EfiPartition>> {
    for directory in automounts(context, &BOOT_DIRECTORIES)? {
        // Its entries are what has it mounted.
        list_directory(&context.path(directory)).map_err(|error| error.hint(format!("mount {directory}")))?;
    }
    Ok(fat_mounts(context)?.into_iter().map(EfiPartition::from).collect())
}

/// The EFI system partitions: the mounted FAT file systems with a directory `EFI`. An error if one of the file systems
/// cannot be looked into: a partition that only root may see must not pass for one that is not there.
pub fn efi_partitions(context: &Context) -> Result<Vec<EfiPartition>> {
    let mut partitions = fat_partitions(context)?;
    for partition in &partitions {
        check_readable(&partition.directory)?;
    }
    partitions.retain(|partition| entry(&partition.directory, EFI).is_some_and(|path| path.is_dir()));
    Ok(partitions)
}

/// The reason why there is no EFI system partition, with the command that brings one where that is known.
#[must_use]
pub fn no_efi_partition(context: &Context) -> String {
    let reason = "no EFI system partition is mounted";
    if let Some(fat) = fat_partitions(context)
        .unwrap_or_default()
        .into_iter()
        .find(|fat| fat.is_in_boot_directory(context))
    {
        let (shown, make) = (fat.directory.shown(), fat.directory.join(EFI));
        return format!(
            "{shown} has no directory {EFI}, as an EFI system partition has (mkdir {})",
            quoted(&make)
        );
    }
    // Without a list of mounts nobody knows more.
    match not_mounted(context, &BOOT_DIRECTORIES).unwrap_or_default()[..] {
        [] => reason.to_owned(),
        [directory, ..] => format!("{reason} (mount {directory})"),
    }
}

/// The directory of the EFI system partition. An error if none is mounted (exit code 3), or several are (exit code 2).
pub fn only_efi_partition(context: &Context) -> Result<PathBuf> {
    let found = efi_partitions(context)?;
    match found.as_slice() {
        [only] => Ok(only.directory.clone()),
        [] => Err(Error::could_not_run(no_efi_partition(context)).hint("mount it, and name where: --esp DIR")),
        several => {
            let names: Vec<String> = several.iter().map(|esp| esp.directory.shown()).collect();
            Err(
                Error::usage(format!("there are several EFI system partitions: {}", names.join(", ")))
                    .hint("--esp DIR"),
            )
        }
    }
}

impl From<FatMount> for EfiPartition {
    fn from(mount: FatMount) -> Self {
        Self {
            directory: mount.directory,
            partition: mount.partition,
        }
    }
}

impl EfiPartition {
    /// The partition that a person says is mounted in this directory. An error (exit code 3) if there is no such directory.
    pub fn named(directory: &Path) -> Result<Self> {
        if !directory.is_dir() {
            return Err(Error::could_not_run(format!("{} is no directory", directory.shown()))
                .hint("mount the EFI system partition, and name where: --esp DIR"));
        }
        Ok(Self {
            directory: directory.to_path_buf(),
            partition: Identity::Unknown,
        })
    }

    /// True if it is mounted where EFI system partitions are, rather than as a stick that somebody plugged in.
    fn is_in_boot_directory(&self, context: &Context) -> bool {
        let mut places = BOOT_DIRECTORIES.iter().map(|directory| context.path(directory));
        places.any(|place| place == self.directory)
    }

    /// True if firmware may look for a loader here: it has the directory of loaders, or is mounted where that is meant to be.
    #[must_use]
    pub fn may_hold_loaders(&self, context: &Context) -> bool {
        self.is_in_boot_directory(context) || entry(&self.directory, EFI).is_some_and(|path| path.is_dir())
    }

    /// The regular file at a path with `/` between directories, whatever the case of its letters.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<PathBuf> {
        let found = self.entry(path)?;
        found.is_file().then_some(found)
    }

    /// The files of a directory with this ending, in lower case, in the order of their names; none if there is no such
    /// directory.
    #[must_use]
    pub fn list(&self, directory: &str, ending: &str) -> Vec<PathBuf> {
        let entries = self.entry(directory).and_then(|found| fs::read_dir(found).ok());
        let mut files: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .filter_map(std::result::Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().to_lowercase().ends_with(ending))
            .collect();
        files.sort();
        files
    }

    fn entry(&self, path: &str) -> Option<PathBuf> {
        let mut found = self.directory.clone();
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            found = entry(&found, part)?;
        }
        Some(found)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_partition_is_the_one_with_loaders() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        for directory in ["proc/self", "efi", "data"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let mounts = "30 22 8:1 / /efi rw - vfat /dev/sda1 rw\n31 22 8:2 / /data rw - vfat /dev/sda2 rw\n";
        fs::write(context.path("/proc/self/mountinfo"), mounts).unwrap();
        assert_eq!(fat_partitions(&context).unwrap().len(), 2);
        assert_eq!(only_efi_partition(&context).unwrap_err().kind().exit_code(), 3);
        fs::create_dir(root.path().join("efi/efi")).unwrap();
        assert_eq!(only_efi_partition(&context).unwrap(), context.path("/efi"));
        fs::create_dir(root.path().join("data/EFI")).unwrap();
        assert_eq!(only_efi_partition(&context).unwrap_err().kind().exit_code(), 2);
    }

    /// A stick is not told to become an EFI system partition, and holds no loaders.
    #[test]
    fn a_partition_without_loaders_counts_where_they_are_meant_to_be() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        for directory in ["proc/self", "efi", "stick"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let mounted = |lines: &str| fs::write(context.path("/proc/self/mountinfo"), lines).unwrap();
        let stick = "31 22 8:2 / /stick rw - vfat /dev/sdb1 rw\n";
        mounted(stick);
        assert_eq!(no_efi_partition(&context), "no EFI system partition is mounted");
        mounted(&format!("{stick}30 22 8:1 / /efi rw - vfat /dev/sda1 rw\n"));
        let make = format!("(mkdir {})", context.path("/efi").join("EFI").display());
        assert!(no_efi_partition(&context).contains(&make));
        let mut partitions = fat_partitions(&context).unwrap().into_iter();
        assert!(!partitions.next().unwrap().may_hold_loaders(&context));
        assert!(partitions.next().unwrap().may_hold_loaders(&context));
        fs::create_dir(root.path().join("stick/efi")).unwrap();
        assert!(fat_partitions(&context).unwrap()[0].may_hold_loaders(&context));
    }

    #[test]
    fn names_are_found_in_any_case_and_nothing_leads_out() {
        let root = tempfile::tempdir().unwrap();
        let esp = root.path().join("esp");
        fs::create_dir_all(esp.join("EFI/Linux")).unwrap();
        fs::write(root.path().join("outside.efi"), b"").unwrap();
        for name in ["EFI/Linux/b.EFI", "EFI/Linux/a.efi", "EFI/Linux/a.conf"] {
            fs::write(esp.join(name), b"").unwrap();
        }
        symlink("../outside.efi", esp.join("link.efi")).unwrap();
        let partition = EfiPartition::named(&esp).unwrap();
        assert_eq!(partition.find("efi//LINUX/./A.EFI"), Some(esp.join("EFI/Linux/a.efi")));
        for path in ["link.efi", "../outside.efi", "EFI/Linux", "none"] {
            assert_eq!(partition.find(path), None, "{path}");
        }
        let images = partition.list("efi/linux", ".efi");
        assert_eq!(
            images,
            ["EFI/Linux/a.efi", "EFI/Linux/b.EFI"].map(|name| esp.join(name))
        );
        assert!(partition.list("none", ".efi").is_empty() && EfiPartition::named(&root.path().join("none")).is_err());
    }
}
