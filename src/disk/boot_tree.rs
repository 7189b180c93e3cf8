//! The files that this machine boots, by their names and places in the boot directories.

use std::path::{Path, PathBuf};

use crate::formats::grub::signature_name::{is_signature, signed_path};
use crate::formats::text::Shown;
use crate::system::{self, Context, NoPlace};

use super::boot_directories::{BOOT_DIRECTORIES, GRUB_CONFIGURATION, GRUB_DIRECTORIES, LOADER_ENTRIES, named_menu};
use super::boot_name::{BootName, Naming, former_name, is_efi_name};
use super::walk::entries;

/// The directory of loaders in a boot directory.
const LOADERS: &str = "EFI";
/// The directory of unified images among those of loaders.
const UNIFIED: &str = "Linux";
/// The name of the kernel in the directory of an entry of kernel-install (kernel-install(8), layout `bls`).
const ENTRY_KERNEL: &str = "linux";

/// A place in a boot directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The boot directory itself.
    Directory,
    /// A loader's directory, `EFI/NAME`.
    Loader,
    /// The directory of unified kernel images, `EFI/Linux`.
    Unified,
    /// The directory of an entry that kernel-install made for a version, `NAME/VERSION`.
    Entry {
        /// The kernel's version.
        version: String,
    },
}

/// A file that is booted, or could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFile {
    /// The path, as the boot directory was named, with the link's own name if it is a symbolic link.
    pub path: PathBuf,
    /// The place.
    pub place: Place,
    /// The name, if files that are booted have such names. Files of an entry have any name.
    pub name: Option<BootName>,
    /// True if there is a regular file, without symbolic links or at the end of one.
    pub is_file: bool,
}

/// The contents of the boot directories, looked at once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct BootTree {
    /// The files, by boot directory and place, in the order of their names.
    pub files: Vec<BootFile>,
    /// GRUB's configurations.
    pub grub_configurations: Vec<PathBuf>,
    /// GRUB's signatures in the boot directories whose boot file is gone.
    pub orphans: Vec<PathBuf>,
    /// Directories that could not be looked into, with the reasons.
    pub unread: Vec<String>,
}

impl BootTree {
    /// Looks into these boot directories.
    #[must_use]
    pub fn read(context: &Context, directories: &[PathBuf], naming: &Naming) -> Self {
        let mut tree = Self::default();
        let mut reader = Reader {
            context,
            directories,
            naming,
            tree: &mut tree,
        };
        for directory in directories {
            reader.boot_directory(directory);
        }
        reader.named_menu();
        tree
    }

    /// The files that firmware or boot loaders start: kernels, and unified images of them.
    pub fn kernels(&self) -> impl Iterator<Item = &BootFile> {
        self.files.iter().filter(|file| file.is_kernel())
    }

    /// The files that a menu of GRUB may name: kernels by their usual names, initramfs images and microcode, and all of
    /// entries.
    pub fn grub_files(&self) -> impl Iterator<Item = &BootFile> {
        self.files.iter().filter(|file| file.is_file && file.is_grubs())
    }

    /// The directories of GRUB that have a configuration.
    pub fn grub_directories(&self) -> impl Iterator<Item = &Path> {
        self.grub_configurations.iter().filter_map(|path| path.parent())
    }
}

impl BootFile {
    /// True if firmware or a boot loader starts it.
    #[must_use]
    pub fn is_kernel(&self) -> bool {
        match self.place {
            Place::Directory | Place::Loader => self.name.as_ref().is_some_and(BootName::is_kernel),
            Place::Unified => true,
            Place::Entry { .. } => self.path.ends_with(ENTRY_KERNEL),
        }
    }

    /// True if nobody would take it for anything but a kernel.
    #[must_use]
    pub fn is_certainly_kernel(&self) -> bool {
        self.is_kernel() && self.name.as_ref().is_none_or(BootName::is_certainly_kernel)
    }

    /// True if it belongs to the kernel of this version, by its name or place, the former one of that version included.
    #[must_use]
    pub fn is_of(&self, version: &str) -> bool {
        match &self.place {
            Place::Entry { version: own } => own == version,
            _ => self.name.as_ref().is_some_and(|name| name.is_of(version)),
        }
    }

    /// True if it is the file that a newer one pushed aside, by its name.
    #[must_use]
    pub fn is_former(&self) -> bool {
        self.name.as_ref().is_some_and(|name| name.is_former)
    }

    /// True if it has no version in its name.
    #[must_use]
    pub fn has_no_version(&self) -> bool {
        self.name.as_ref().is_some_and(BootName::has_no_version)
    }

    /// The path that it had before a newer file pushed it aside, if its name says that one did.
    #[must_use]
    pub fn former_path(&self) -> Option<PathBuf> {
        let name = self.path.file_name()?.to_str()?;
        self.name.as_ref().filter(|name| name.is_former)?;
        Some(self.path.with_file_name(former_name(name)?))
    }

    fn is_grubs(&self) -> bool {
        match self.place {
            Place::Directory => self.name.as_ref().is_some_and(BootName::is_grubs),
            Place::Loader | Place::Unified => false,
            Place::Entry { .. } => true,
        }
    }
}

/// Looks into boot directories.
struct Reader<'a> {
    context: &'a Context,
    directories: &'a [PathBuf],
    naming: &'a Naming,
    tree: &'a mut BootTree,
}

impl Reader<'_> {
    fn boot_directory(&mut self, directory: &Path) {
        let mut below = Vec::new();
        let mut orphans = Vec::new();
        for path in self.entries(directory) {
            if let Some(signed) = signed_path(&path).filter(|signed| self.boot_name(signed).is_some()) {
                if !is_present(&signed) {
                    orphans.push(path);
                }
            } else if self.is_directory(&path) {
                below.push(path);
            } else if let Some(name) = self.boot_name(&path) {
                self.take(path, Place::Directory, Some(name));
            }
        }
        self.tree.orphans.extend(orphans);
        // `/boot/efi` is a boot directory of its own, and not the `EFI` of `/boot`.
        below.retain(|path| !self.is_boot_directory(path));
        for path in below {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.eq_ignore_ascii_case(LOADERS) {
                self.loaders(&path);
            } else if GRUB_DIRECTORIES.contains(&name.as_str()) {
                let configuration = path.join(GRUB_CONFIGURATION);
                if self.is_file(&configuration) {
                    self.tree.grub_configurations.push(configuration);
                }
            } else if !Path::new(LOADER_ENTRIES).starts_with(&name) {
                self.entries_of_versions(&path);
            }
        }
    }

    /// A configuration of GRUB at a place of its own.
    fn named_menu(&mut self) {
        match named_menu(self.context) {
            Ok(Some(menu)) if self.is_file(&menu) && !self.tree.grub_configurations.contains(&menu) => {
                self.tree.grub_configurations.push(menu);
            }
            Ok(_) => {}
            Err(error) => self.tree.unread.push(error.in_one_line()),
        }
    }

    /// `EFI`, with a directory for each loader.
    fn loaders(&mut self, loaders: &Path) {
        for loader in self.directories(loaders) {
            let is_unified = loader
                .file_name()
                .is_some_and(|name| name.eq_ignore_ascii_case(UNIFIED));
            for path in self.entries(&loader) {
                if self.is_directory(&path) {
                    continue;
                }
                if let Some(signed) = signed_path(&path).filter(|signed| self.boot_name(signed).is_some() || is_unified)
                {
                    if !is_present(&signed) {
                        self.tree.orphans.push(path);
                    }
                    continue;
                }
                let name = self.boot_name(&path);
                if is_unified && is_efi_name(&path.to_string_lossy()) {
                    self.take(path, Place::Unified, name);
                } else if let Some(name) = name {
                    self.take(path, Place::Loader, Some(name));
                }
            }
        }
    }

    /// The directory of a machine, or of a distribution, with one for each version.
    fn entries_of_versions(&mut self, directory: &Path) {
        for entry in self.directories(directory) {
            let version = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !version.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            for path in self.entries(&entry) {
                if !is_signature(&path) && !self.is_directory(&path) {
                    let (place, name) = (
                        Place::Entry {
                            version: version.clone(),
                        },
                        self.boot_name(&path),
                    );
                    self.take(path, place, name);
                }
            }
        }
    }

    fn take(&mut self, path: PathBuf, place: Place, name: Option<BootName>) {
        let is_file = self.is_file(&path);
        self.tree.files.push(BootFile {
            path,
            place,
            name,
            is_file,
        });
    }

    /// Entries of a directory, but for files that are being staged.
    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        let mut paths = entries(directory, &mut self.tree.unread);
        paths.retain(|path| !system::is_staged(path));
        for path in &paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_looked_into = name.eq_ignore_ascii_case(LOADERS) || GRUB_DIRECTORIES.contains(&name.as_ref());
            if let Err(error @ NoPlace::LeadsOut { .. }) = system::follow(self.context, path)
                && (is_looked_into || self.boot_name(path).is_some())
            {
                let path = path.shown();
                self.tree.unread.push(format!("{path}: {error}"));
            }
        }
        paths
    }

    fn directories(&mut self, directory: &Path) -> Vec<PathBuf> {
        let mut paths = self.entries(directory);
        paths.retain(|path| self.is_directory(path));
        paths
    }

    fn boot_name(&self, path: &Path) -> Option<BootName> {
        self.naming.parse(path.file_name()?.to_str()?)
    }

    fn is_boot_directory(&self, path: &Path) -> bool {
        self.directories.iter().any(|boot| boot == path)
            || BOOT_DIRECTORIES.iter().any(|boot| self.context.path(boot) == path)
    }

    fn is_directory(&self, path: &Path) -> bool {
        system::follow(self.context, path).is_ok_and(|real| real.is_dir())
    }

    fn is_file(&self, path: &Path) -> bool {
        system::follow(self.context, path).is_ok_and(|real| real.is_file())
    }
}

/// True if there is anything of this name, a link that leads nowhere included.
fn is_present(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn tree(paths: &[&str]) -> (tempfile::TempDir, BootTree) {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        symlink("vmlinuz-6.12.1", root.path().join("boot/vmlinuz")).unwrap();
        let context = Context::host().with_root(root.path());
        let tree = BootTree::read(&context, &[context.path("/boot")], &Naming::default());
        (root, tree)
    }

    #[test]
    fn kernels_are_found_in_every_layout() {
        let (root, tree) = tree(&[
            "boot/vmlinuz-6.12.1",
            "boot/bzImage-6.12.58-gentoo",
            "boot/initramfs-6.12.1.img",
            "boot/initramfs-6.12.0.img.sig",
            "boot/EFI/Linux/gone-6.12.0.efi.sig",
            "boot/EFI/Linux/anything.efi.sig",
            "boot/amd-uc.img",
            "boot/gentoo-6.12.1.efi",
            "boot/System.map",
            "boot/.bootseal-abcd1234",
            "boot/grub/grub.cfg",
            "boot/grub2/unicode.pf2",
            "boot/EFI/Gentoo/vmlinuz-6.12.1.efi",
            "boot/EFI/Gentoo/grubx64.efi",
            "boot/EFI/Linux/anything.efi",
            "boot/EFI/Linux/gentoo-6.12.1.efi.extra.d/x.addon.efi",
            "boot/token/6.12.1/linux",
            "boot/token/6.12.1/initrd",
            "boot/token/6.12.1/linux.sig",
            "boot/token/notes/linux",
            "boot/loader/entries/6.12.1.conf",
            "boot/directory-6.12.1.efi/x",
        ]);
        let below = |path: &Path| {
            path.strip_prefix(root.path().join("boot"))
                .unwrap()
                .display()
                .to_string()
        };
        let kernels: Vec<String> = tree.kernels().map(|file| below(&file.path)).collect();
        let expected = [
            "bzImage-6.12.58-gentoo",
            "gentoo-6.12.1.efi",
            "vmlinuz",
            "vmlinuz-6.12.1",
            "EFI/Gentoo/vmlinuz-6.12.1.efi",
            "EFI/Linux/anything.efi",
            "token/6.12.1/linux",
        ];
        assert_eq!(kernels, expected);
        let grubs: Vec<String> = tree.grub_files().map(|file| below(&file.path)).collect();
        let expected = [
            "amd-uc.img",
            "bzImage-6.12.58-gentoo",
            "initramfs-6.12.1.img",
            "vmlinuz",
            "vmlinuz-6.12.1",
            "token/6.12.1/initrd",
            "token/6.12.1/linux",
        ];
        assert_eq!(grubs, expected);
        let configurations: Vec<String> = tree.grub_configurations.iter().map(|path| below(path)).collect();
        assert_eq!(configurations, ["grub/grub.cfg"]);
        let orphans: Vec<String> = tree.orphans.iter().map(|path| below(path)).collect();
        assert_eq!(orphans, ["initramfs-6.12.0.img.sig", "EFI/Linux/gone-6.12.0.efi.sig"]);
        assert_eq!(tree.unread, Vec::<String>::new());
    }

    #[test]
    fn a_link_to_nowhere_is_there_and_no_file() {
        let (_root, tree) = tree(&["boot/kernel-6.12.1.old"]);
        let found: Vec<(bool, bool)> = tree.kernels().map(|file| (file.is_file, file.is_former())).collect();
        assert_eq!(found, [(true, true), (false, false)]);
        let former = tree.files[0].former_path().unwrap();
        assert!(former.ends_with("boot/kernel-6.12.1"), "{former:?}");
    }
}
