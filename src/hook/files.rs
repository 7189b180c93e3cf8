//! Which files belong to a kernel that is being installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::system::{self, Context};

use super::{Environment, Request, Slot};

/// Where kernels are installed; in systemd mode also below `KERNEL_INSTALL_BOOT_ROOT`.
pub(super) const BOOT_DIRECTORIES: [&str; 3] = ["/boot", "/efi", "/boot/efi"];
/// What names of kernels begin with.
const KERNELS: [&str; 5] = ["vmlinuz", "vmlinux", "kernel", "bzImage", "Image"];
/// What else a boot entry of GRUB may name begins or ends with.
const INITRDS: [&str; 3] = ["initramfs", "initrd", "early_ucode"];
const MICROCODE: &str = "-uc.img";
/// Names of GRUB's directory.
const GRUB_DIRECTORIES: [&str; 2] = ["grub", "grub2"];
/// GRUB's configuration in it.
const GRUB_CONFIG: &str = "grub.cfg";
/// What a DOS executable begins with, and so every EFI image.
const MZ: &[u8] = b"MZ";

/// How a file's name relates to a kernel version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// It is that kernel.
    Own,
    /// It is the one that was there before, or has no version in its name.
    Beside,
}

/// Finds files for a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    pub context: &'a Context,
    pub environment: &'a Environment,
    pub request: &'a Request,
}

impl Files<'_> {
    /// An absolute path of the arguments or the environment, below the root unless it is there already.
    pub fn below(&self, path: &Path) -> PathBuf {
        if path.is_relative() || path.starts_with(self.context.root()) {
            path.to_path_buf()
        } else {
            self.context.path(path)
        }
    }

    /// The modules of the kernel.
    pub fn modules(&self) -> PathBuf {
        self.context.path("/lib/modules").join(&self.request.subject)
    }

    /// The unified image that waits to be copied, if there is one.
    pub fn staged(&self) -> Option<PathBuf> {
        let staged = self.staging()?.join("uki.efi");
        staged.is_file().then_some(staged)
    }

    /// Where things wait to be copied, as long as the installation takes.
    pub fn staging(&self) -> Option<PathBuf> {
        let staging = self.below(self.environment.staging.as_ref()?);
        staging.is_dir().then_some(staging)
    }

    /// The image as it was installed, where the arguments name it.
    fn installed(&self) -> Option<PathBuf> {
        let is_installed = self.request.mode != Some(super::Mode::Systemd) && self.request.slot != Slot::Modules;
        let image = self.request.image.as_ref().filter(|_| is_installed)?;
        Some(self.below(image))
    }

    /// Whether the image has taken the place of its predecessor already. Traditional mode has the modules signed once more
    /// then, after DKMS.
    pub fn is_replaced(&self) -> bool {
        let is_there = |image: &PathBuf| {
            let image = self.below(image);
            image
                .parent()
                .is_some_and(|directory| self.boot_directories().iter().any(|boot| boot == directory))
        };
        match self.request.slot {
            _ if self.request.removes => false,
            Slot::Image => true,
            Slot::Modules => self.request.image.as_ref().is_some_and(is_there),
            Slot::Uki | Slot::Grub | Slot::Portage | Slot::All => false,
        }
    }

    /// The directories with kernels that exist, each once.
    pub fn boot_directories(&self) -> Vec<PathBuf> {
        let installed = self.installed();
        let beside = installed.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let named = self.environment.boot_root.as_ref().map(|path| self.below(path));
        let usual = BOOT_DIRECTORIES.map(|path| self.context.path(path));
        let mut seen = BTreeSet::new();
        let mut is_new = |path: &PathBuf| {
            let real = system::resolve(self.context.root(), path);
            real.is_ok_and(|real| real.is_dir() && seen.insert(real))
        };
        let all = beside.into_iter().chain(named).chain(usual);
        all.filter(|path| is_new(path)).collect()
    }

    /// The images of this kernel: as it is, and by other names. One that should be an image and is none is among them;
    /// older ones that are none are not.
    pub fn images(&self) -> Vec<PathBuf> {
        let mut images = BTreeSet::new();
        images.extend(self.installed());
        let mut directories = self.boot_directories();
        for directory in self.boot_directories() {
            for loader in subdirectories(&directory.join("EFI")) {
                directories.push(loader);
            }
        }
        for directory in directories {
            for (path, name) in entries(&directory) {
                match self.relation(&name) {
                    Some(Relation::Own) => images.insert(path),
                    Some(Relation::Beside) if is_executable(&path) => images.insert(path),
                    Some(Relation::Beside) | None => false,
                };
            }
        }
        images.extend(self.entry_files().into_iter().filter(|path| path.ends_with("linux")));
        images.into_iter().collect()
    }

    /// What the Boot Loader Specification's entry of this kernel consists of.
    fn entry_files(&self) -> Vec<PathBuf> {
        if self.request.removes {
            return Vec::new();
        }
        let named = self.request.entry_directory.as_ref().map(|path| self.below(path));
        let found = self
            .boot_directories()
            .into_iter()
            .flat_map(|boot| subdirectories(&boot));
        let found = found.map(|directory| directory.join(&self.request.subject));
        let directories: BTreeSet<PathBuf> = named.into_iter().chain(found).collect();
        directories
            .iter()
            .flat_map(|directory| entries(directory))
            .filter(|(path, _)| path.is_file() && !is_signature(path))
            .map(|(path, _)| path)
            .collect()
    }

    /// GRUB's configurations that exist.
    pub fn grub_configs(&self) -> Vec<PathBuf> {
        let named = self.environment.grub_config.as_ref().map(|path| self.below(path));
        let boot = self.boot_directories().into_iter();
        let usual = boot.flat_map(|boot| GRUB_DIRECTORIES.map(|grub| boot.join(grub).join(GRUB_CONFIG)));
        let all: BTreeSet<PathBuf> = named.into_iter().chain(usual).filter(|path| path.is_file()).collect();
        all.into_iter().collect()
    }

    /// Kernels and initrds that GRUB may open, and signatures whose file is gone.
    pub fn boot_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for directory in self.boot_directories() {
            for (path, name) in entries(&directory) {
                let wanted = if let Some(signed) = name.strip_suffix(".sig") {
                    is_boot_file(signed) && fs::symlink_metadata(path.with_extension("")).is_err()
                } else {
                    is_boot_file(&name) && path.is_file()
                };
                if wanted {
                    files.push(path);
                }
            }
        }
        files.extend(self.entry_files());
        files.sort();
        files.dedup();
        files
    }

    /// What was there before this kernel came and lost its name to it, with the name that it had.
    pub fn rotated(&self) -> Vec<(PathBuf, PathBuf)> {
        let mut rotated = Vec::new();
        for directory in self.boot_directories() {
            for (path, name) in entries(&directory) {
                let former = name
                    .strip_suffix(".old")
                    .map(str::to_owned)
                    .or_else(|| Some(format!("{}.efi", name.strip_suffix("-old.efi")?)));
                if let Some(former) = former.filter(|former| is_boot_file(former) && path.is_file()) {
                    rotated.push((directory.join(former), path));
                }
            }
        }
        rotated
    }

    /// Those of them that are of this kernel, or have no version in their names: what starts together, by directory.
    pub fn rotated_together(&self) -> Vec<Vec<(PathBuf, PathBuf)>> {
        let mut groups: BTreeMap<(PathBuf, bool), Vec<_>> = BTreeMap::new();
        for (former, path) in self.rotated() {
            let (Some(directory), Some(name)) = (former.parent(), former.file_name().and_then(|name| name.to_str()))
            else {
                continue;
            };
            let (stem, _) = without(name, ".img");
            let (stem, _) = without(stem, ".efi");
            let is_own = own_prefix(stem, &self.request.subject).is_some();
            if is_own || KERNELS.contains(&stem) || INITRDS.contains(&stem) {
                let group = groups.entry((directory.to_path_buf(), is_own)).or_default();
                group.push((former, path));
            }
        }
        groups.into_values().collect()
    }

    fn relation(&self, name: &str) -> Option<Relation> {
        let version = &self.request.subject;
        let (name, mut is_old) = without(name, ".old");
        let (mut name, is_efi) = without(name, ".efi");
        if is_efi && !is_old {
            (name, is_old) = without(name, "-old");
        }
        let prefix = own_prefix(name, version).or_else(|| {
            let (name, tries) = name.rsplit_once('+').filter(|_| is_efi)?;
            let is_count = tries.chars().all(|c| c.is_ascii_digit() || c == '-');
            own_prefix(name, version).filter(|_| is_count)
        });
        if let Some(prefix) = prefix {
            let own = if is_old { Relation::Beside } else { Relation::Own };
            return (is_efi || KERNELS.contains(&prefix)).then_some(own);
        }
        let is_token = is_efi && self.environment.entry_token.as_deref() == Some(name);
        (KERNELS.contains(&name) || is_token).then_some(Relation::Beside)
    }
}

fn own_prefix<'n>(name: &'n str, version: &str) -> Option<&'n str> {
    let prefix = name.strip_suffix(version)?.strip_suffix('-')?;
    (!prefix.is_empty()).then_some(prefix)
}

fn without<'n>(name: &'n str, ending: &str) -> (&'n str, bool) {
    name.strip_suffix(ending).map_or((name, false), |name| (name, true))
}

/// Whether GRUB may open a file of this name: a kernel, an initrd, microcode.
fn is_boot_file(name: &str) -> bool {
    let (name, _) = without(name, ".old");
    let begins = |prefix: &&str| {
        let rest = name.strip_prefix(*prefix);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    };
    KERNELS.iter().chain(&INITRDS).any(begins) || name.ends_with(MICROCODE)
}

/// Whether it is the name of a kernel, rather than of an initrd or microcode.
pub(super) fn is_kernel(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    KERNELS.iter().any(|kernel| name.starts_with(kernel))
}

fn is_signature(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "sig")
}

fn is_executable(path: &Path) -> bool {
    system::read_prefix(path, Some(MZ.len() as u64)).is_ok_and(|bytes| bytes == MZ)
}

/// Path and name of what a directory holds, but for what is being staged; nothing if it cannot be read.
fn entries(directory: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries
        .filter_map(|entry| Some((entry.path(), entry.file_name().into_string().ok()?)))
        .filter(|(path, _)| !system::is_staged(path))
        .collect();
    entries.sort();
    entries
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    let entries = entries(directory).into_iter().map(|(path, _)| path);
    entries.filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_images_they_are() {
        let context = Context::host();
        let environment = Environment {
            entry_token: Some("gentoo".to_owned()),
            ..Environment::default()
        };
        let request = Request::parse(Slot::All, &["6.12.1+x".into()]).unwrap();
        let files = Files {
            context: &context,
            environment: &environment,
            request: &request,
        };
        for name in [
            "vmlinuz-6.12.1+x",
            "kernel-6.12.1+x",
            "kernel-6.12.1+x.efi",
            "gentoo-6.12.1+x.efi",
            "gentoo-6.12.1+x+3.efi",
            "gentoo-6.12.1+x+3-1.efi",
        ] {
            assert_eq!(files.relation(name), Some(Relation::Own), "{name}");
        }
        for name in [
            "vmlinuz-6.12.1+x.old",
            "gentoo-6.12.1+x-old.efi",
            "vmlinuz",
            "kernel.old",
            "vmlinuz.efi",
            "gentoo.efi",
        ] {
            assert_eq!(files.relation(name), Some(Relation::Beside), "{name}");
        }
        for name in [
            "config-6.12.1+x",
            "initramfs-6.12.1+x.img",
            "vmlinuz-6.12.1+x-gentoo",
            "vmlinuz-6.12.10",
            "vmlinuz-6.12.1+x.sig",
            "vmlinuz-6.12.1+x.old.sig",
            "bootmgfw.efi",
            "-6.12.1+x.efi",
        ] {
            assert_eq!(files.relation(name), None, "{name}");
        }
    }

    #[test]
    fn grub_opens_kernels_and_initrds_but_no_maps() {
        for name in [
            "vmlinuz",
            "kernel-6.1.old",
            "initramfs-6.1.img.old",
            "initrd.img-6.1",
            "amd-uc.img",
        ] {
            assert!(is_boot_file(name), "{name}");
        }
        for name in ["System.map-6.1", "config-6.1", "grub", "kernels", "efi"] {
            assert!(!is_boot_file(name), "{name}");
        }
    }
}
