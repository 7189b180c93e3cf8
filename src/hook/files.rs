//! The files that belong to a kernel that is being installed, as [`crate::disk`] finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::disk::{
    BootFile, BootTree, Kind, LOADERS_WITH_COPIES, Naming, Place, boot_directories, distinct, efi_partitions,
};
use crate::error::Result;
use crate::formats::kernel::compression::Compression;
use crate::sign::grub::shared_directories;
use crate::system::{self, Context};
use crate::trust::loader::is_packed_kernel;

use super::merged::Merged;
use super::mode::Mode;
use super::request::{Environment, Request, Slot};

/// The first bytes of a DOS executable, and so of every EFI image.
const MZ: &[u8] = b"MZ";

/// Bytes by which a compressed file is known.
const MAX_MAGIC: u64 = 8;
/// Largest kernel that is looked into for whether it is compressed as a whole, in bytes.
const MAX_PACKED: u64 = 256 << 20;

/// The files for a request.
#[derive(Debug)]
pub(super) struct Files<'a> {
    pub context: &'a Context,
    pub environment: &'a Environment,
    pub request: &'a Request,
    /// The files of the package that is merged.
    pub merged: Merged,
    /// The boot directories: those of the request first.
    directories: Vec<PathBuf>,
    naming: Naming,
}

/// A file that made room for a newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Former {
    /// The name that it had, under which the newer one is now.
    pub name: PathBuf,
    /// The name that it has.
    pub aside: PathBuf,
    /// True if it is a kernel, rather than an initramfs or microcode.
    pub is_kernel: bool,
}

/// The directories that a slot may write for a request: boot directories, the staging area, GRUB's own with the shared data that
/// menus name, and those of loaders with signed copies.
pub fn places(context: &Context, environment: &Environment, request: &Request) -> Result<Vec<PathBuf>> {
    let files = Files::new(context, environment, request)?;
    let grub = environment.grub_config.as_ref().map(|path| files.below(path));
    let mut places = files.directories.clone();
    let menus = files.grub_configs(&files.tree());
    let menus: Vec<PathBuf> = menus
        .iter()
        .filter_map(|menu| menu.parent())
        .map(Path::to_path_buf)
        .collect();
    places.extend(shared_directories(context, &menus)?);
    places.extend(LOADERS_WITH_COPIES.map(|directory| context.path(directory)));
    places.extend(files.staging().into_iter().chain(grub).chain(files.installed()));
    Ok(places)
}

impl<'a> Files<'a> {
    /// Finds the boot directories, all EFI system partitions among them. An error if kernel-install's configuration or one of these
    /// cannot be read.
    pub fn new(context: &'a Context, environment: &'a Environment, request: &'a Request) -> Result<Self> {
        let mut files = Self {
            context,
            environment,
            request,
            merged: Merged::of_request(context, request)?,
            directories: Vec::new(),
            naming: Naming::of_machine(context)?,
        };
        if let Some(token) = &environment.entry_token {
            files.naming.add(token);
        }
        let installed = files.installed();
        let beside = installed.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let named = environment.boot_root.as_ref().map(|path| files.below(path));
        let of_entry = files.boot_directory_of_entry();
        let usual = boot_directories(context, [beside, named, of_entry].into_iter().flatten())?;
        let partitions = efi_partitions(context)?
            .into_iter()
            .map(|partition| partition.directory);
        files.directories = distinct(context, usual.into_iter().chain(partitions));
        Ok(files)
    }

    /// An absolute path of the arguments or the environment, below the root unless it is there already.
    pub fn below(&self, path: &Path) -> PathBuf {
        if path.is_relative() || path.starts_with(self.context.root()) {
            path.to_path_buf()
        } else {
            self.context.path(path)
        }
    }

    /// The boot directories: those of the request first.
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// The names of kernels on this machine.
    pub const fn naming(&self) -> &Naming {
        &self.naming
    }

    /// The files that the kernel is installed from: the one that the caller names, and those beside its modules.
    pub fn sources(&self) -> Vec<PathBuf> {
        let request = self.request;
        // The image that a package is about to put there is another one than that which is there.
        let is_first = request.slot == Slot::Modules && !self.is_replaced() && !self.environment.is_before_unpacking;
        let names_source = request.mode == Some(Mode::Systemd) || is_first;
        let named = request
            .image
            .as_ref()
            .filter(|_| names_source)
            .map(|image| self.below(image));
        // A directory that cannot be listed has no kernel that could be installed either.
        let beside = system::list_directory_if_there(&self.modules()).unwrap_or_default();
        let is_kernel = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.and_then(|name| self.naming.parse(name));
            path.is_file() && name.is_some_and(|name| name.is_kernel())
        };
        let beside = beside.into_iter().map(|entry| entry.path).filter(is_kernel);
        named.into_iter().chain(beside).collect()
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

    /// The directory of files that wait to be copied, as long as the installation takes.
    pub fn staging(&self) -> Option<PathBuf> {
        let staging = self.below(self.environment.staging.as_ref()?);
        staging.is_dir().then_some(staging)
    }

    /// The image as it was installed, where the arguments name it.
    pub fn installed(&self) -> Option<PathBuf> {
        let is_installed = self.request.mode != Some(Mode::Systemd) && self.request.slot != Slot::Modules;
        let image = self.request.image.as_ref().filter(|_| is_installed)?;
        Some(self.below(image))
    }

    /// The kernel in the directory of the entry that kernel-install makes (kernel-install(8), layout `bls`).
    pub fn kernel_of_entry(&self) -> Option<PathBuf> {
        let entry = self
            .request
            .entry_directory
            .as_ref()
            .filter(|_| !self.request.removes)?;
        Some(self.below(entry).join("linux"))
    }

    /// The boot directory in which kernel-install makes the entry: `BOOT/NAME/VERSION`.
    fn boot_directory_of_entry(&self) -> Option<PathBuf> {
        let entry = self.below(self.request.entry_directory.as_ref()?);
        let boot = entry.ancestors().nth(2)?;
        (entry.ends_with(&self.request.subject) && boot != self.context.root()).then(|| boot.to_path_buf())
    }

    /// True if the image has taken the place of its predecessor already. Traditional mode has the modules signed once more
    /// then, after DKMS.
    pub fn is_replaced(&self) -> bool {
        let is_in_place = |image: &PathBuf| {
            let image = self.below(image);
            let directory = image.parent();
            directory.is_some_and(|directory| self.directories.iter().any(|boot| boot == directory))
        };
        match self.request.slot {
            _ if self.request.removes => false,
            Slot::Image => true,
            Slot::Modules if self.environment.is_before_unpacking => false,
            Slot::Modules => self.request.image.as_ref().is_some_and(is_in_place),
            Slot::Uki | Slot::Grub | Slot::Initramfs | Slot::Portage | Slot::All => false,
        }
    }

    /// The present contents of the boot directories.
    pub fn tree(&self) -> BootTree {
        BootTree::read(self.context, &self.directories, &self.naming)
    }

    /// The images of this kernel: as it is, and by other names. One that should be an image and is none is among them;
    /// older ones that are none are not.
    pub fn images(&self, tree: &BootTree) -> Vec<PathBuf> {
        let is_its = |file: &&BootFile| match file.place {
            Place::Entry { .. } => self.is_in_entry(file),
            Place::Directory | Place::Loader | Place::Unified => {
                let is_its = file.is_of(&self.request.subject);
                (is_its && !file.is_former()) || ((is_its || file.has_no_version()) && is_executable(&file.path))
            }
        };
        let found = tree.kernels().filter(is_its).map(|file| file.path.clone());
        let mut images: BTreeSet<PathBuf> = self.installed().into_iter().chain(found).collect();
        // The first slot has told of it.
        images.retain(|image| !is_packed(image));
        images.into_iter().collect()
    }

    /// True if a file belongs to the Boot Loader Specification's entry of this kernel, which stays.
    fn is_in_entry(&self, file: &BootFile) -> bool {
        !self.request.removes && file.is_file && file.is_of(&self.request.subject)
    }

    /// GRUB's configurations that exist.
    pub fn grub_configs(&self, tree: &BootTree) -> Vec<PathBuf> {
        let named = self.environment.grub_config.as_ref().map(|path| self.below(path));
        let named = named.filter(|path| path.is_file());
        let all: BTreeSet<PathBuf> = named.into_iter().chain(tree.grub_configurations.clone()).collect();
        all.into_iter().collect()
    }

    /// Kernels and initrds that GRUB may open, and signatures whose file is gone.
    pub fn boot_files(&self, tree: &BootTree) -> Vec<PathBuf> {
        let is_its = |file: &&BootFile| file.place == Place::Directory || self.is_in_entry(file);
        let files = tree.grub_files().filter(is_its).map(|file| file.path.clone());
        let files: BTreeSet<PathBuf> = files.chain(tree.orphans.clone()).collect();
        files.into_iter().collect()
    }

    /// The files that made room for this kernel's, as `vmlinuz-VER.old`, and for those without a version in their names.
    pub fn former(&self) -> Vec<Former> {
        self.tree().grub_files().filter_map(former).collect()
    }

    /// Those of them that are of this kernel, or have no version in their names: each group starts together.
    pub fn former_groups(&self) -> Vec<Vec<Former>> {
        let mut groups: BTreeMap<(PathBuf, bool), Vec<Former>> = BTreeMap::new();
        let tree = self.tree();
        for file in tree.grub_files() {
            let (Some(former), Some(directory)) = (former(file), file.path.parent()) else {
                continue;
            };
            let is_own = file.is_of(&self.request.subject);
            let is_microcode = file.name.as_ref().is_some_and(|name| name.kind == Kind::Microcode);
            if is_own || (file.has_no_version() && !is_microcode) {
                let group = groups.entry((directory.to_path_buf(), is_own)).or_default();
                group.push(former);
            }
        }
        groups.into_values().collect()
    }
}

/// The file as one that made room for a newer one in a boot directory, if it did.
fn former(file: &BootFile) -> Option<Former> {
    let name = file.former_path().filter(|_| file.place == Place::Directory)?;
    Some(Former {
        name,
        aside: file.path.clone(),
        is_kernel: file.is_kernel(),
    })
}

/// True if a file is a kernel that is compressed as a whole; one that cannot be read is for who signs it to tell of.
fn is_packed(path: &Path) -> bool {
    let read = |limit| system::read_prefix(path, Some(limit)).unwrap_or_default();
    Compression::from_magic(&read(MAX_MAGIC)) != Compression::None && is_packed_kernel(&read(MAX_PACKED))
}

fn is_executable(path: &Path) -> bool {
    system::read_prefix(path, Some(MZ.len() as u64)).is_ok_and(|bytes| bytes == MZ)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn images_of_a_kernel_are_found_by_name_and_content() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let image = [MZ, b"..."].concat();
        for (path, bytes) in [
            ("boot/vmlinuz-6.12.1+x", b"broken".as_slice()),
            ("boot/vmlinuz-6.12.1+x.old", b"broken"),
            ("boot/kernel-6.12.1+x.old", &image),
            ("boot/bzImage-6.12.1+x", &image),
            ("boot/vmlinuz", &image),
            ("boot/kernel", b"text"),
            ("boot/vmlinuz-6.12.10", &image),
            ("boot/initramfs-6.12.1+x.img", b""),
            ("boot/initramfs-6.12.1+x.img.old", b""),
            ("boot/EFI/Linux/token-6.12.1+x+3.efi", &image),
            ("boot/EFI/Linux/token.efi", &image),
            ("boot/EFI/Linux/other.efi", &image),
            ("boot/token/6.12.1+x/linux", &image),
            ("boot/token/6.12.1+x/initrd", b""),
            ("boot/token/6.12.10/linux", &image),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let environment = Environment {
            entry_token: Some("token".to_owned()),
            ..Environment::default()
        };
        let request = Request::parse(Slot::All, &["6.12.1+x".into()]).unwrap();
        let files = Files::new(&context, &environment, &request).unwrap();
        let tree = files.tree();
        let below = |paths: Vec<PathBuf>| -> Vec<String> {
            let names = paths
                .iter()
                .map(|path| path.strip_prefix(root.path().join("boot")).unwrap());
            names.map(|path| path.display().to_string()).collect()
        };
        let expected = [
            "EFI/Linux/token-6.12.1+x+3.efi",
            "EFI/Linux/token.efi",
            "bzImage-6.12.1+x",
            "kernel-6.12.1+x.old",
            "token/6.12.1+x/linux",
            "vmlinuz",
            "vmlinuz-6.12.1+x",
        ];
        assert_eq!(below(files.images(&tree)), expected);
        let boot_files = below(files.boot_files(&tree));
        assert!(
            boot_files.contains(&"token/6.12.1+x/initrd".to_owned()),
            "{boot_files:?}"
        );
        assert!(
            !boot_files.contains(&"token/6.12.10/linux".to_owned()),
            "{boot_files:?}"
        );
        let groups = files.former_groups();
        let names: Vec<&Path> = groups.iter().flatten().map(|former| former.name.as_path()).collect();
        let expected = ["initramfs-6.12.1+x.img", "kernel-6.12.1+x", "vmlinuz-6.12.1+x"];
        assert_eq!(names, expected.map(|name| context.path("/boot").join(name)));
    }
}
