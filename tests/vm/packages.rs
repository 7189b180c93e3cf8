//! The parts of the virtual machine, all of them from Debian 12, but for the modinfo of Debian 13: tools, firmware, boot
//! loaders, a kernel. Anything that cannot be had fails the test with the command that brings it; nothing is
//! ever skipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::programs::{self, judge, tool};

/// The programs and files that a machine is made with.
const NEEDED: &[&str] = &[
    "apt-cache",
    "apt-get",
    "dpkg-deb",
    "gcc",
    "grub-mkimage",
    "grub-mkrelpath",
    "grub-probe",
    "gzip",
    "ldd",
    "losetup",
    "mcopy",
    "mke2fs",
    "mkfs.vfat",
    "objcopy",
    "partx",
    "qemu-system-x86_64",
    "setpriv",
    "sfdisk",
    "strip",
    "swtpm",
    "unshare",
    "xz",
    "zstd",
    programs::BUSYBOX,
    programs::CHATTR,
    programs::EFI_STUB,
    programs::FIRMWARE_CODE,
    programs::FIRMWARE_VARS,
    programs::GRUB_PGP,
    programs::GRUB_THEME,
    programs::KMOD,
    programs::LIBC,
    programs::OPTION_ROM,
    programs::SFDISK,
    programs::SHIM,
    programs::STRACE,
];

/// Fails, naming everything that is missing and the one command that installs it.
pub fn require_all() {
    programs::require(NEEDED);
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

/// A kernel of Debian's.
pub struct Kernel {
    /// The bootable image.
    image: PathBuf,
    /// The build configuration.
    configuration: PathBuf,
    /// The directory of its modules.
    modules: PathBuf,
    /// The version, as `uname -r` prints it.
    release: String,
}

impl Kernel {
    /// The newest kernel in the cache; if there is none, the newest that apt knows, downloaded.
    pub fn newest() -> Self {
        let [kernel] = Self::newest_ones();
        kernel
    }

    /// A kernel with SHA-3 as a module, as Debian ships it: signed by Debian for shim, its modules by the key of the build.
    pub fn with_sha3_as_a_module() -> Self {
        let modules = judge("linux-7.2/usr/lib/modules");
        let release = fs::read_dir(modules.clone())
            .expect("the unpacked packages can be read")
            .map(|entry| entry.expect("the unpacked packages can be read").file_name())
            .last()
            .and_then(|name| name.into_string().ok())
            .expect("a directory of modules");
        let modules = modules.join(&release);
        let kernel = Self {
            image: modules.join("vmlinuz"),
            configuration: modules.join("config"),
            modules,
            release,
        };
        let configuration = fs::read_to_string(kernel.configuration()).expect("a configuration");
        assert!(
            configuration.contains("CONFIG_CRYPTO_SHA3=m\n"),
            "Linux {} has no SHA-3 as a module: tests/run has to fetch another",
            kernel.release
        );
        kernel
    }

    /// Debian's newest 6.12 kernels as built, before Debian signs them: Secure Boot knows nothing of them. Those in the cache, the
    /// newest first; if there are fewer, the newest that apt knows, downloaded.
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
            let release = release(package).expect("a kernel package's name").to_owned();
            let root = cache.join(package);
            Self {
                image: root.join("boot").join(format!("vmlinuz-{release}")),
                configuration: root.join("boot").join(format!("config-{release}")),
                modules: root.join("lib/modules").join(&release),
                release,
            }
        })
    }

    /// The bootable image.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// The kernel's build configuration.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// The version, as `uname -r` prints it.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The directory of its modules.
    pub fn modules(&self) -> &Path {
        &self.modules
    }

    /// A module, unpacked, with the signature of Debian's build still on it.
    ///
    /// `path` is below the kernel's folder of modules, such as `drivers/net/dummy.ko`.
    pub fn module(&self, path: &str) -> Vec<u8> {
        let packed = self.modules.join(format!("kernel/{path}.xz"));
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
