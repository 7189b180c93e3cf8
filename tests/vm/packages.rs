//! What the virtual machine is made of, all of it from Debian 12, but for the modinfo of Debian 13: tools, firmware, boot
//! loaders, a kernel. Anything that cannot be had fails the test with the command that brings it; nothing is
//! ever skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every program and file taken from the host, and the package it is in.
const NEEDED: &[(&str, &str)] = &[
    ("apt-cache", "apt"),
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("gcc", "gcc libc6-dev"),
    ("grub-mkimage", "grub-common"),
    ("grub-mkrelpath", "grub-common"),
    ("grub-probe", "grub-common"),
    ("gzip", "gzip"),
    ("ldd", "libc-bin"),
    ("mcopy", "mtools"),
    ("mkfs.vfat", "dosfstools"),
    ("objcopy", "binutils"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("setpriv", "util-linux"),
    ("sfdisk", "fdisk"),
    (STRACE, "strace"),
    ("strip", "binutils"),
    ("swtpm", "swtpm"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    (BUSYBOX, "busybox-static"),
    (EFI_STUB, "systemd-boot-efi"),
    (FIRMWARE_CODE, "ovmf"),
    (FIRMWARE_VARS, "ovmf"),
    (OPTION_ROM, "ipxe-qemu"),
    (KMOD, "kmod"),
    (GRUB_PGP, "grub-efi-amd64-bin"),
    (GRUB_THEME, "grub-theme-starfield"),
    (SHIM, "shim-unsigned"),
];

pub const BUSYBOX: &str = "/bin/busybox";
/// Loads modules; Debian 12's unpacks xz and zstd by itself.
pub const KMOD: &str = "/bin/kmod";
/// Kills a program in the midst of its work.
pub const STRACE: &str = "/usr/bin/strace";
/// systemd's loader of unified kernel images.
pub const EFI_STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
/// Firmware that enforces Secure Boot, which it can only where SMM guards its variables.
pub const FIRMWARE_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
/// Variables of a machine in Setup Mode: no key is enrolled.
pub const FIRMWARE_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// What QEMU's network card brings.
const OPTION_ROM: &str = "/usr/lib/ipxe/qemu/efi-virtio.rom";
/// What stands between firmware and GRUB on others' machines, signed by nobody.
pub const SHIM: &str = "/usr/lib/shim/shimx64.efi";
const GRUB_PGP: &str = "/usr/lib/grub/x86_64-efi/pgp.mod";
const GRUB_THEME: &str = "/usr/share/grub/themes/starfield/theme.txt";

/// The programs of an administrator, which are not on every user's PATH.
const SYSTEM_PROGRAMS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Fails, naming everything that is missing and the one command that installs it.
pub fn require_all() {
    let missing: Vec<_> = NEEDED.iter().filter(|(name, _)| find(name).is_none()).collect();
    let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    assert!(
        missing.is_empty(),
        "the virtual machine needs {}; install with: apt-get install -y --no-install-recommends {}",
        names.join(", "),
        packages.join(" "),
    );
}

/// A program of [`NEEDED`], to be given arguments.
pub fn tool(name: &str) -> Command {
    assert!(
        NEEDED.iter().any(|(needed, _)| *needed == name),
        "add {name} and its package to NEEDED"
    );
    Command::new(find(name).unwrap_or_else(|| panic!("{name} went missing during the test")))
}

/// Runs to the end and gives what was printed; anything but success fails with all that was said.
#[track_caller]
pub fn run(command: &mut Command) -> Vec<u8> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output.stdout
}

/// Where a program is, or the file itself if `name` is a path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_PROGRAMS.map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// Debian's 6.12 kernel as built, before Debian signs it: Secure Boot knows nothing of it.
pub struct Kernel {
    /// The unpacked package.
    root: PathBuf,
    /// What `uname -r` says.
    release: String,
}

impl Kernel {
    /// The newest kernel in the cache; if there is none, the newest that apt knows, downloaded.
    pub fn newest() -> Self {
        let [kernel] = Self::newest_ones();
        kernel
    }

    /// The newest kernels in the cache, the newest first; if there are fewer, the newest that apt knows, downloaded.
    pub fn newest_ones<const COUNT: usize>() -> [Self; COUNT] {
        let cache = cache();
        let cached = fs::read_dir(&cache)
            .expect("the cache can be read")
            .filter_map(|entry| entry.expect("the cache can be read").file_name().into_string().ok());
        let mut packages = newest_first(cached);
        if packages.len() < COUNT {
            packages = newest_first(known_to_apt().into_iter());
        }
        std::array::from_fn(|number| {
            let package = packages.get(number).expect(
                "apt does not know enough of linux-image-6.12.*+deb12-amd64-unsigned; \
                 run apt-get update on Debian 12 with bookworm-security among its sources",
            );
            if !cache.join(package).is_dir() {
                download(&cache, package);
            }
            Self {
                root: cache.join(package),
                release: release(package).expect("a kernel package's name").to_owned(),
            }
        })
    }

    /// The bootable image, unsigned.
    pub fn image(&self) -> PathBuf {
        self.root.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    /// What it was configured with.
    pub fn configuration(&self) -> PathBuf {
        self.root.join("boot").join(format!("config-{}", self.release))
    }

    /// What `uname -r` says.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The directory of its modules.
    pub fn modules(&self) -> PathBuf {
        self.root.join("lib/modules").join(&self.release)
    }

    /// A module, unpacked, with the signature of Debian's build still on it.
    ///
    /// `path` is below the kernel's folder of modules, such as `drivers/net/dummy.ko`.
    pub fn module(&self, path: &str) -> Vec<u8> {
        let packed = self
            .root
            .join("lib/modules")
            .join(&self.release)
            .join(format!("kernel/{path}.xz"));
        run(tool("xz").args(["--decompress", "--stdout"]).arg(packed))
    }
}

/// Kept between runs, because a kernel is a download of 100 MB.
fn cache() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/vm-cache");
    let cache = std::env::var_os("BOOTSEAL_VM_CACHE").map_or_else(default, PathBuf::from);
    fs::create_dir_all(&cache).unwrap_or_else(|error| panic!("cannot make {}: {error}", cache.display()));
    cache
}

/// Names of packages, of which most are something else.
fn known_to_apt() -> Vec<String> {
    let listed = run(tool("apt-cache").args(["search", "--names-only", "^linux-image-6[.]12[.].*-unsigned$"]));
    let listed = String::from_utf8(listed).expect("apt-cache writes UTF-8");
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Fetches and unpacks; the cache then holds all of the package or, if anything fails, none of it.
fn download(cache: &Path, package: &str) {
    let work = tempfile::tempdir_in(cache).expect("a folder in the cache");
    run(tool("apt-get").args(["download", package]).current_dir(&work));
    let archive = fs::read_dir(&work)
        .expect("the download's folder can be read")
        .map(|entry| entry.expect("the download's folder can be read").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .unwrap_or_else(|| panic!("apt-get download {package} left no file"));
    let unpacked = work.path().join("root");
    run(tool("dpkg-deb").arg("--extract").arg(archive).arg(&unpacked));

    let target = cache.join(package);
    if let Err(error) = fs::rename(&unpacked, &target) {
        // Another run of this test may have been quicker.
        assert!(target.is_dir(), "cannot keep {}: {error}", target.display());
    }
}

/// Those of the names that are packages of kernels, by version.
fn newest_first(names: impl Iterator<Item = String>) -> Vec<String> {
    let patch_level = |name: &str| {
        release(name)?
            .strip_prefix("6.12.")?
            .split('+')
            .next()?
            .parse::<u32>()
            .ok()
    };
    let mut packages: Vec<_> = names.filter_map(|name| Some((patch_level(&name)?, name))).collect();
    packages.sort();
    packages.into_iter().rev().map(|(_, name)| name).collect()
}

/// `6.12.117+deb12-amd64` of `linux-image-6.12.117+deb12-amd64-unsigned`, and of no other flavour.
fn release(package: &str) -> Option<&str> {
    let release = package.strip_prefix("linux-image-")?.strip_suffix("-unsigned")?;
    release.ends_with("+deb12-amd64").then_some(release)
}
