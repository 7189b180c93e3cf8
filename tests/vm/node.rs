//! A node whose kernels come and go through the hooks: its files as a tree on the host.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bootseal::Bootseal;
use super::guest::Archive;
use super::modules::without_signature;
use super::packages::{Kernel, run};
use crate::support::programs::{BUSYBOX, CHATTR, SFDISK, STRACE};

/// The modules that mount the disk and the firmware's variables, and one that only loads.
pub const MODULES: [&str; 7] = [
    "drivers/block/virtio_blk.ko",
    "drivers/net/dummy.ko",
    "fs/efivarfs/efivarfs.ko",
    "fs/fat/fat.ko",
    "fs/fat/vfat.ko",
    "fs/nls/nls_ascii.ko",
    "fs/nls/nls_cp437.ko",
];

const INITRAMFS_HOOK: &str = "usr/lib/kernel/preinst.d/52-initramfs";
const MENU_HOOK: &str = "usr/lib/kernel/postinst.d/91-grub-mkconfig";

/// The scripts that the distribution brings, by their places.
const PROGRAMS: [(&str, &str); 3] = [
    ("sbin/installkernel", include_str!("../hook/installkernel.sh")),
    (INITRAMFS_HOOK, include_str!("rebuild/52-initramfs")),
    (MENU_HOOK, include_str!("rebuild/91-grub-mkconfig")),
];

/// The guest's files as a tree on the host.
pub struct Root(pub PathBuf);

impl Root {
    /// The keys of this directory, programs and hooks. Modules are signed by the key of db: Debian's kernel has no other of ours
    /// on its keyrings.
    pub fn make(&self, bootseal: &Bootseal, source: &Path, command_line: &str, programs: &[(&str, &str)]) {
        let keys = self.0.join("etc/bootseal/keys");
        fs::create_dir_all(&keys).expect("a folder");
        for entry in fs::read_dir(source).expect("the ceremony's folder can be read") {
            let path = entry.expect("the ceremony's folder can be read").path();
            if path.is_file() {
                fs::copy(&path, keys.join(path.file_name().expect("a name"))).expect("copied");
            }
        }
        self.take_module_key(source, "db");
        for (name, text) in PROGRAMS.iter().chain(programs) {
            let path = self.0.join(name);
            write(&path, text.as_bytes());
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        write(&self.0.join("etc/kernel/cmdline"), command_line.as_bytes());
        run(&mut self.bootseal(bootseal, &["hook", "install", "--mode", "traditional"]));
    }

    /// Signs modules by the key of this name in a key directory from now on.
    pub fn take_module_key(&self, source: &Path, name: &str) {
        for ending in ["key", "pem", "der"] {
            let (from, to) = (source.join(name), self.0.join("etc/bootseal/keys/module"));
            fs::copy(from.with_extension(ending), to.with_extension(ending)).expect("copied");
        }
    }

    /// The initrd that all kernels share, made before there is anything of one of them.
    pub fn common_initrd(&self, bootseal: &Bootseal) {
        let mut archive = Archive::default();
        archive.tree(&self.0);
        archive.program("/bin/busybox", Path::new(BUSYBOX));
        archive.program("/bin/bootseal", &bootseal.program);
        archive.program("/bin/chattr", Path::new(CHATTR));
        archive.program("/bin/strace", Path::new(STRACE));
        archive.program("/bin/sfdisk", Path::new(SFDISK));
        for directory in ["/boot", "/dev", "/proc", "/sys", "/tmp", "/run", "/lib/modules"] {
            archive.directory(directory);
        }
        write(&self.0.join("boot/initrd-common.img"), &archive.finish());
    }

    /// Installs a kernel from outside, as into a mounted system.
    pub fn install(&self, bootseal: &Bootseal, kernel: &Kernel) {
        put_modules(&self.0, kernel);
        self.install_with_modules(bootseal, kernel);
    }

    /// The same with the modules that are there.
    pub fn install_with_modules(&self, bootseal: &Bootseal, kernel: &Kernel) {
        let release = kernel.release();
        run(&mut self.sign_modules(bootseal, kernel));
        let boot = self.0.join("boot");
        run(self
            .script(INITRAMFS_HOOK)
            .arg(release)
            .env("INSTALLKERNEL_STAGING_AREA", &boot));
        fs::rename(boot.join("initrd"), boot.join(format!("initramfs-{release}.img"))).expect("renamed");
        fs::copy(kernel.image(), boot.join(format!("vmlinuz-{release}"))).expect("copied");
        fs::create_dir_all(boot.join("grub")).expect("a folder");
        run(&mut self.script(MENU_HOOK));
        run(&mut self.bootseal(bootseal, &["hook", "run", "all", release]));
    }

    /// The hook before the image is in its place.
    pub fn sign_modules(&self, bootseal: &Bootseal, kernel: &Kernel) -> Command {
        write(
            &self.0.join("usr/src/bzImage"),
            &fs::read(kernel.image()).expect("an image"),
        );
        let words = ["hook", "run", "modules", kernel.release(), "/usr/src/bzImage"];
        self.bootseal(bootseal, &words)
    }

    fn script(&self, name: &str) -> Command {
        let mut script = Command::new(self.0.join(name));
        script.env("ROOT", &self.0);
        script
    }

    pub fn bootseal(&self, bootseal: &Bootseal, words: &[&str]) -> Command {
        let mut command = Command::new(&bootseal.program);
        command.arg("--root").arg(&self.0).args(words);
        command
    }
}

/// A kernel's modules as they are built, without a signature.
pub fn put_modules(root: &Path, kernel: &Kernel) {
    for path in MODULES {
        write(&module(root, kernel, path), &without_signature(kernel.module(path)));
    }
}

/// A kernel's modules as its maker signed them.
pub fn put_modules_of_maker(root: &Path, kernel: &Kernel) {
    for path in MODULES {
        write(&module(root, kernel, path), &kernel.module(path));
    }
}

/// The place of a module.
pub fn module(root: &Path, kernel: &Kernel, path: &str) -> PathBuf {
    let modules = root.join("lib/modules").join(kernel.release());
    modules.join("kernel").join(path)
}

pub fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a path with a folder")).expect("a folder");
    fs::write(path, content).expect("written");
}
