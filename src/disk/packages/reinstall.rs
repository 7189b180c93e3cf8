//! The commands that bring a kernel or a loader once more, where its file is damaged or gone.

use std::path::Path;

use crate::disk::boot_directories::grub_configurations;
use crate::disk::partitions::EfiPartition;
use crate::error::{Result, quoted};
use crate::formats::text::by_version;
use crate::system::{self, Context};

use super::lists::{DPKG, MD5SUMS, PORTAGE, directories, merged_files};

/// The directory of modules, in which each kernel has one of its own.
const MODULES: &str = "/lib/modules";
/// The tree that a kernel was built in, in the directory of its modules.
const BUILD: &str = "build";
/// The images that a build makes, below its tree.
const BUILT: [&str; 4] = [
    "arch/x86/boot/bzImage",
    "arch/arm64/boot/Image.gz",
    "arch/arm64/boot/vmlinuz.efi",
    "arch/riscv/boot/Image.gz",
];
/// The copy of a kernel's image in the directory of its modules, for kernel-install.
const IMAGE: &str = "vmlinuz";
/// Portage's category of kernels.
const KERNELS: &str = "sys-kernel";
/// The parts before and behind the release in the names of packages with an image: Debian's, and Ubuntu's.
const DEBIANS: [(&str, &str); 3] = [
    ("linux-image-", ""),
    ("linux-image-", "-unsigned"),
    ("linux-image-unsigned-", ""),
];
/// The directory of systemd-boot's configuration on its partition.
const LOADER: &str = "loader";

/// The command that installs the kernel of a release once more, with all that belongs to it; advice where nothing on this machine
/// tells how it came. An image on /boot states any release: no command follows from one that has no modules here.
#[must_use]
pub fn reinstall_kernel(context: &Context, release: &str) -> String {
    let advice = || {
        format!(
            "have Linux {} installed again: by its package, or `make install` in its sources",
            quoted(release.as_ref())
        )
    };
    if !releases(context).iter().any(|known| known == release) {
        return advice();
    }
    let modules = Path::new(MODULES).join(release);
    let is_file = |below: &str| context.place(modules.join(below)).is_file();
    // A list that cannot be read only costs the better answer.
    let command = if let Ok(Some(command)) = by_package(context, release) {
        command
    } else if BUILT.iter().any(|built| is_file(&format!("{BUILD}/{built}"))) {
        format!("make -C {} install", quoted(&modules.join(BUILD)))
    } else if is_file(IMAGE) {
        format!(
            "kernel-install add {} {}",
            quoted(release.as_ref()),
            quoted(&modules.join(IMAGE))
        )
    } else {
        return advice();
    };
    context.command_inside(&command)
}

/// The same for the kernel whose image has this name.
#[must_use]
pub fn reinstall_image(context: &Context, image: &Path) -> String {
    let name = image.file_name().unwrap_or_default().to_string_lossy();
    let release = releases(context)
        .into_iter()
        .filter(|release| name.contains(release.as_str()));
    match release.max_by_key(String::len) {
        Some(release) => reinstall_kernel(context, &release),
        None => format!("have {} installed again", quoted(image)),
    }
}

/// The commands that install the loader of this machine once more, by the configurations that there are.
#[must_use]
pub fn reinstall_loader(context: &Context, partitions: &[EfiPartition]) -> Vec<String> {
    let has_menu = |esp: &EfiPartition| {
        grub_configurations()
            .iter()
            .any(|path| esp.find(&path.to_string_lossy()).is_some())
    };
    let is_grub =
        grub_configurations().iter().any(|path| context.path(path).is_file()) || partitions.iter().any(has_menu);
    let is_systemd_boot = partitions.iter().any(|esp| esp.directory.join(LOADER).is_dir());
    let grub = || "bootseal grub install".to_owned();
    let systemd_boot = || context.command_inside("bootctl install");
    match (is_grub, is_systemd_boot) {
        (true, false) => vec![grub()],
        (false, true) => vec![systemd_boot()],
        _ => vec![format!("for GRUB: {}; for systemd-boot: {}", grub(), systemd_boot())],
    }
}

/// The command that installs the newest kernel that has modules here once more.
#[must_use]
pub fn reinstall_newest(context: &Context) -> String {
    let newest = releases(context)
        .into_iter()
        .max_by(|one, other| by_version(one, other));
    newest.map_or_else(
        || "have a kernel installed".to_owned(),
        |release| reinstall_kernel(context, &release),
    )
}

/// The command that has GRUB's menu made anew.
#[must_use]
pub fn make_menu(context: &Context, menu: &Path) -> String {
    context.command_inside(&format!("grub-mkconfig -o {}", quoted(&context.below_root(menu))))
}

fn releases(context: &Context) -> Vec<String> {
    let entries = system::list_directory_if_there(&context.path(MODULES)).unwrap_or_default();
    let names = entries.iter().filter_map(|entry| entry.path.file_name()?.to_str());
    names.map(str::to_owned).collect()
}

/// The command by the package that a kernel came with.
fn by_package(context: &Context, release: &str) -> Result<Option<String>> {
    for directory in directories(&context.path(PORTAGE).join(KERNELS))? {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let package = format!("{KERNELS}/{name}");
        let files = merged_files(context, &package)?.unwrap_or_default();
        let has_modules = files.iter().any(|file| {
            let below = file
                .strip_prefix(MODULES)
                .or_else(|_| file.strip_prefix(format!("/usr{MODULES}")));
            below.is_ok_and(|below| below.starts_with(release))
        });
        if has_modules {
            return Ok(Some(format!("emerge --config ={package}")));
        }
    }
    for (before, behind) in DEBIANS {
        let package = format!("{before}{release}{behind}");
        if system::is_there(&context.path(DPKG).join(format!("{package}.{MD5SUMS}")))? {
            return Ok(Some(format!("apt-get install --reinstall {package}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: &str = "6.12.58-gentoo-dist";

    /// A machine with modules of two kernels, of which one release begins with the other.
    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Context) {
        let root = tempfile::tempdir().expect("a temporary folder");
        let directory = root.path().join("lib/modules");
        for release in ["6.12.58-gentoo", RELEASE] {
            std::fs::create_dir_all(directory.join(release)).expect("a folder");
        }
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
        let context = Context::host().with_root(root.path());
        (root, context)
    }

    fn told(files: &[(&str, &str)]) -> String {
        let (root, context) = machine(files);
        let image = root.path().join("boot/kernel-6.12.58-gentoo-dist.efi");
        let command = reinstall_image(&context, &image);
        command.replace(&format!("chroot {} ", root.path().display()), "")
    }

    #[test]
    fn a_kernel_comes_again_as_it_came() {
        let merged = format!(
            "dir /lib/modules/{RELEASE}\nobj /usr/lib/modules/{RELEASE}/modules.dep {:032} 1\n",
            0
        );
        let other = merged.replace(RELEASE, "6.12.58-gentoo");
        let portage = [
            ("var/db/pkg/sys-kernel/gentoo-kernel-6.12.58/CONTENTS", merged.as_str()),
            ("var/db/pkg/sys-kernel/gentoo-sources-6.12.58/CONTENTS", other.as_str()),
        ];
        assert_eq!(told(&portage), "emerge --config =sys-kernel/gentoo-kernel-6.12.58");
        let list = format!("var/lib/dpkg/info/linux-image-{RELEASE}.md5sums");
        let debian = format!("apt-get install --reinstall linux-image-{RELEASE}");
        assert_eq!(told(&[(&list, "")]), debian);
        let built = format!("lib/modules/{RELEASE}/build/arch/x86/boot/bzImage");
        assert_eq!(
            told(&[(&built, "")]),
            format!("make -C /lib/modules/{RELEASE}/build install")
        );
        let copy = format!("lib/modules/{RELEASE}/vmlinuz");
        assert_eq!(
            told(&[(&copy, "")]),
            format!("kernel-install add {RELEASE} /lib/modules/{RELEASE}/vmlinuz")
        );
        let advice = format!("have Linux {RELEASE} installed again: by its package, or `make install` in its sources");
        assert_eq!(told(&[]), advice);
    }

    /// Whoever writes /boot must not choose what root is told to run.
    #[test]
    fn a_release_that_a_planted_image_states_leads_nowhere() {
        let planted = "boot/planted/build/arch/x86/boot/bzImage";
        let (root, context) = machine(&[(planted, "")]);
        for release in ["/boot/planted", "../../boot/planted", "6.1; rm -rf /", ""] {
            let said = reinstall_kernel(&context, release);
            assert!(said.starts_with("have Linux ") && !said.contains("make -C"), "{said}");
        }
        drop(root);
    }

    #[test]
    fn an_image_of_no_known_kernel_is_named() {
        let (_root, context) = machine(&[]);
        assert_eq!(
            reinstall_image(&context, Path::new("/boot/shell.efi")),
            "have /boot/shell.efi installed again"
        );
    }

    #[test]
    fn a_loader_comes_again_by_its_own_program() {
        let esp = |root: &tempfile::TempDir| vec![EfiPartition::named(&root.path().join("efi")).expect("a folder")];
        let commands = |files: &[(&str, &str)]| {
            let (root, context) = machine(files);
            let commands = reinstall_loader(&context, &esp(&root)).join("");
            let root = root.path().display();
            commands
                .replace(&format!("--root {root} "), "")
                .replace(&format!("chroot {root} "), "")
        };
        assert_eq!(
            commands(&[("boot/grub/grub.cfg", ""), ("efi/x", "")]),
            "bootseal grub install"
        );
        assert_eq!(commands(&[("efi/grub/grub.cfg", "")]), "bootseal grub install");
        assert_eq!(commands(&[("efi/loader/loader.conf", "")]), "bootctl install");
        let both = "for GRUB: bootseal grub install; for systemd-boot: bootctl install";
        assert_eq!(commands(&[("efi/x", "")]), both);
    }
}
