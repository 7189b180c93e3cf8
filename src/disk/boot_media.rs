//! The boot media: directories and file systems that anybody with the disk, or another system on it, can write.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use crate::error::{Explain, Result};
use crate::formats::text::Shown;
use crate::system::{self, Context, FileState};

use super::boot_directories::boot_directories;
use super::partitions::fat_partitions;

/// The boot directories and the mounted FAT file systems of a machine. No file in them vouches for anything.
#[derive(Debug, Clone)]
pub struct BootMedia {
    root: PathBuf,
    /// Without symbolic links, in the order of their paths; none is inside another.
    directories: Vec<PathBuf>,
    /// The directories where file systems of their own begin: these are boot media wherever else they are mounted.
    file_systems: Vec<FileState>,
}

impl BootMedia {
    /// The boot media of the machine below the context's root: the boot directories that the caller names, those that are
    /// configured and the usual ones, and all FAT file systems that are mounted. An error if the list of mounts or
    /// kernel-install's configuration cannot be read.
    pub fn of_machine(context: &Context, named: impl IntoIterator<Item = PathBuf>) -> Result<Self> {
        let root = context.root();
        let mounted = fat_partitions(context)?.into_iter().map(|mount| mount.directory);
        let mut directories = Vec::new();
        for directory in boot_directories(context, named)?.into_iter().chain(mounted) {
            directories.extend(system::directory_below(root, &directory)?);
        }
        // A directory comes right before those inside it.
        directories.sort();
        directories.dedup_by(|next, former| next.starts_with(former));
        let of_root = system::info(root)?.state;
        let mut file_systems = Vec::new();
        for directory in &directories {
            let state = system::info(directory)?.state;
            if !state.shares_file_system(&of_root) {
                file_systems.push(state);
            }
        }
        Ok(Self {
            root: root.to_path_buf(),
            directories,
            file_systems,
        })
    }

    /// The directories, absolute and without symbolic links, each once, none inside another.
    #[must_use]
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// True if a path leads into a boot medium: as it is named, by a directory on its way, or by the file at its end. Also
    /// true where that cannot be told (a circle of links, a directory that may not be read): such a file is not trusted.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        let Ok(absolute) = std::path::absolute(path) else {
            return true;
        };
        let named = without_dots(&absolute);
        // The path as it is written too: `..` behind a link leads elsewhere.
        [absolute.as_path(), &named]
            .into_iter()
            .flat_map(Path::ancestors)
            .filter(|way| *way == absolute || way.starts_with(&self.root) && *way != self.root)
            .any(|way| self.leads_in(way).unwrap_or(true))
            || self.is_inside(&named)
    }

    /// True if the file at the end of this path is in a boot medium; a path that leads nowhere is not.
    fn leads_in(&self, path: &Path) -> Result<bool> {
        match system::resolve(&self.root, path) {
            Ok(real) => Ok(self.is_inside(&real) || self.is_mounted_at(&real)?),
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => Ok(false),
            other => other
                .or_could_not_run(|| format!("cannot look at {}", path.shown()))
                .map(|_| true),
        }
    }

    fn is_inside(&self, path: &Path) -> bool {
        self.directories.iter().any(|directory| path.starts_with(directory))
    }

    fn is_mounted_at(&self, path: &Path) -> Result<bool> {
        if self.file_systems.is_empty() {
            return Ok(false);
        }
        let state = system::info(path)?.state;
        Ok(self.file_systems.iter().any(|medium| medium.shares_file_system(&state)))
    }
}

/// An absolute path with each `..` and the name before it taken away, as a reader of the path understands it.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::Normal(name) => plain.push(name),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Machine {
        root: PathBuf,
        context: Context,
        _directory: tempfile::TempDir,
    }

    fn machine() -> Machine {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap().join("root");
        let context = Context::host().with_root(&root);
        for name in [
            "boot/efi/EFI",
            "xboot",
            "data/efi",
            "proc/self",
            "usr/lib/grub",
            "bootloader",
        ] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        let mounts = "30 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n31 22 8:2 / /data rw - vfat /dev/sda2 rw\n\
                      32 22 8:3 / /gone rw - vfat /dev/sda3 rw\n";
        fs::write(root.join("proc/self/mountinfo"), mounts).unwrap();
        symlink("/boot/efi", root.join("efi")).unwrap();
        Machine {
            root,
            context,
            _directory: directory,
        }
    }

    #[test]
    fn boot_directories_and_fat_file_systems_are_media_each_once() {
        let machine = machine();
        let directories = |named: &[&str]| {
            let named = named.iter().map(|path| machine.context.path(path));
            let media = BootMedia::of_machine(&machine.context, named).unwrap();
            let below = media
                .directories()
                .iter()
                .map(|path| path.strip_prefix(&machine.root).unwrap());
            below.map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(directories(&[]), ["boot", "data"]);
        assert_eq!(
            directories(&["/xboot", "/boot/efi", "/nowhere"]),
            ["boot", "data", "xboot"]
        );
    }

    #[test]
    fn a_path_is_on_a_medium_by_name_on_its_way_and_at_its_end() {
        let machine = machine();
        let path = |name: &str| machine.root.join(name);
        for file in [
            "usr/lib/grub/normal.mod",
            "boot/vmlinuz",
            "boot/efi/EFI/x.efi",
            "bootloader/x",
        ] {
            fs::write(path(file), b"").unwrap();
        }
        symlink("/usr/lib/grub/normal.mod", path("boot/out.mod")).unwrap();
        symlink("/usr/lib/grub", path("boot/efi/out")).unwrap();
        symlink("/boot/vmlinuz", path("usr/lib/grub/in")).unwrap();
        symlink("loop", path("usr/lib/grub/loop")).unwrap();
        symlink("../boot/efi/EFI", path("usr/far")).unwrap();
        let media = BootMedia::of_machine(&machine.context, []).unwrap();
        for held in [
            "boot",
            "boot/vmlinuz",
            "boot/not-yet",
            "boot/out.mod",
            "efi/out/normal.mod",
            "efi/not-yet",
            "usr/lib/grub/in",
            "usr/lib/grub/loop",
            "usr/lib/../../boot/vmlinuz",
            "usr/far/../x",
            "boot/../usr/lib/grub/normal.mod",
            "data/x",
        ] {
            assert!(media.holds(&path(held)), "{held}");
        }
        for free in [
            "usr/lib/grub/normal.mod",
            "usr/lib/grub/not-yet",
            "bootloader/x",
            "usr/lib/grub/../grub/normal.mod",
            "",
        ] {
            assert!(!media.holds(&path(free)), "{free}");
        }
    }

    #[test]
    fn the_root_may_be_named_by_a_link() {
        let machine = machine();
        let link = machine.root.with_file_name("link");
        symlink(&machine.root, &link).unwrap();
        let context = Context::host().with_root(&link);
        let media = BootMedia::of_machine(&context, []).unwrap();
        assert!(media.holds(&context.path("/boot/not-yet")) && media.holds(&machine.root.join("boot/x")));
        assert!(!media.holds(&context.path("/usr/lib/grub")));
    }
}
