//! The directories that this machine boots from, and the places in them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::system::{self, Context};

use super::shell_file::{text, value};

/// The directory that kernels are installed in, where nothing else is configured.
pub const BOOT: &str = "/boot";
/// The directories that are looked into for kernels, where nothing else is configured.
pub const BOOT_DIRECTORIES: [&str; 3] = [BOOT, "/efi", "/boot/efi"];
/// The entries of systemd-boot below a boot directory (Boot Loader Specification, type 1).
pub const LOADER_ENTRIES: &str = "loader/entries";
/// The addons of unified kernel images below a boot directory.
pub const LOADER_ADDONS: &str = "loader/addons";
/// The unified kernel images below a boot directory (Boot Loader Specification, type 2).
pub const UNIFIED_IMAGES: &str = "EFI/Linux";
/// The loader of Windows, on an EFI system partition.
pub const WINDOWS: &str = "EFI/Microsoft/Boot/bootmgfw.efi";
/// GRUB's configuration in its directory.
pub const GRUB_CONFIGURATION: &str = "grub.cfg";
/// GRUB's directory in a boot directory: upstream's and Gentoo's name, and Fedora's.
pub const GRUB_DIRECTORIES: [&str; 2] = ["grub", "grub2"];
/// kernel-install's own configuration: the first that is there counts.
const INSTALL_CONFIGURATIONS: [&str; 4] = [
    "/etc/kernel/install.conf",
    "/run/kernel/install.conf",
    "/usr/local/lib/kernel/install.conf",
    "/usr/lib/kernel/install.conf",
];
/// The variables of all logins: a file, and Gentoo's directory, of which env-update(1) makes one.
const ENVIRONMENT: &str = "/etc/environment";
const ENVIRONMENT_DIRECTORY: &str = "/etc/env.d";
/// The variable that names GRUB's configuration.
const MENU: &str = "GRUB_CFG";
/// The variable in it that names the boot directory.
const BOOT_ROOT: &str = "BOOT_ROOT";

/// The boot directories that exist, each once: those that the caller names, the one that kernel-install is configured
/// for, and the usual ones. An error if kernel-install's configuration cannot be read.
pub fn boot_directories(context: &Context, named: impl IntoIterator<Item = PathBuf>) -> Result<Vec<PathBuf>> {
    let mut configured = None;
    for file in INSTALL_CONFIGURATIONS {
        if let Some(text) = text(context, file)? {
            let root = value(&text, BOOT_ROOT).filter(|root| root.starts_with('/'));
            configured = root.map(|root| context.path(root));
            break;
        }
    }
    let usual = BOOT_DIRECTORIES.map(|path| context.path(path));
    let directories = distinct(context, named.into_iter().chain(configured).chain(usual));
    for directory in &directories {
        context.guard(directory);
    }
    Ok(directories)
}

/// The menu of GRUB at an unusual place that the machine's environment names for grub-mkconfig's plugins (`GRUB_CFG`). An error if
/// one of the files cannot be read.
pub fn named_menu(context: &Context) -> Result<Option<PathBuf>> {
    let mut named = None;
    let of_logins = system::list_directory_if_there(&context.path(ENVIRONMENT_DIRECTORY))?;
    let of_logins = of_logins.into_iter().filter(|entry| entry.path.is_file());
    let of_logins = of_logins.filter_map(|entry| Some(entry.path.file_name()?.to_string_lossy().into_owned()));
    let files = of_logins.map(|name| format!("{ENVIRONMENT_DIRECTORY}/{name}"));
    for file in [ENVIRONMENT.to_owned()].into_iter().chain(files) {
        if let Some(text) = text(context, &file)? {
            named = value(&text, MENU).map(str::to_owned).or(named);
        }
    }
    Ok(named
        .filter(|path| path.starts_with('/'))
        .map(|path| context.path(path)))
}

/// Those of these directories that exist, each once by the first of its names.
#[must_use]
pub fn distinct(context: &Context, directories: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut is_new = |path: &PathBuf| {
        let real = system::resolve(context.root(), path);
        real.is_ok_and(|real| real.is_dir() && seen.insert(real))
    };
    directories.into_iter().filter(|path| is_new(path)).collect()
}

/// The paths at which GRUB may have its configuration on a file system, from the root of that.
#[must_use]
pub fn grub_configurations() -> Vec<PathBuf> {
    let below = |directory: &'static str| {
        GRUB_DIRECTORIES.map(move |grub| Path::new(directory).join(grub).join(GRUB_CONFIGURATION))
    };
    ["", "boot"].into_iter().flat_map(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn directories_count_once_and_kernel_install_names_one() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        for directory in ["boot/efi", "xboot", "etc/kernel"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        symlink("/boot/efi", root.path().join("efi")).unwrap();
        let found = |named: &[&str]| {
            let named = named.iter().map(|path| context.path(path));
            let found = boot_directories(&context, named).unwrap();
            let below = found.iter().map(|path| path.strip_prefix(root.path()).unwrap());
            below.map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(&[]), ["boot", "efi"]);
        assert_eq!(found(&["/boot/efi", "/nowhere"]), ["boot/efi", "boot"]);
        fs::write(
            context.path(INSTALL_CONFIGURATIONS[0]),
            "layout=bls\nBOOT_ROOT=\"/xboot\"\n",
        )
        .unwrap();
        assert_eq!(found(&[]), ["xboot", "boot", "efi"]);
    }

    #[test]
    fn a_menu_elsewhere_is_named_by_the_environment() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        assert_eq!(named_menu(&context).unwrap(), None);
        fs::create_dir_all(context.path("/etc/env.d")).unwrap();
        fs::write(context.path("/etc/environment"), "GRUB_CFG=/efi/a.cfg\n").unwrap();
        assert_eq!(named_menu(&context).unwrap(), Some(context.path("/efi/a.cfg")));
        fs::write(
            context.path("/etc/env.d/99grub"),
            "X=1\nGRUB_CFG=\"/efi/EFI/gentoo/grub.cfg\"\n",
        )
        .unwrap();
        assert_eq!(
            named_menu(&context).unwrap(),
            Some(context.path("/efi/EFI/gentoo/grub.cfg"))
        );
    }

    #[test]
    fn grub_is_looked_for_on_partitions_of_its_own_and_on_root() {
        let paths: Vec<String> = grub_configurations()
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let expected = [
            "grub/grub.cfg",
            "grub2/grub.cfg",
            "boot/grub/grub.cfg",
            "boot/grub2/grub.cfg",
        ];
        assert_eq!(paths, expected);
    }
}
