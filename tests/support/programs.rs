//! The programs and files of this machine that the tests use, and the Debian package that each is in.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Every program, and every file by its path, with its package. `tests/run` installs the packages, or Debian itself
/// does on every machine.
pub const NEEDED: &[(&str, &str)] = &[
    ("apt-cache", "apt"),
    ("apt-get", "apt"),
    ("bash", "bash"),
    ("busybox", "busybox-static"),
    ("cat", "coreutils"),
    ("cert-to-efi-sig-list", "efitools"),
    ("chattr", "e2fsprogs"),
    ("cp", "coreutils"),
    ("cpio", "cpio"),
    ("cryptsetup", "cryptsetup-bin"),
    ("dash", "dash"),
    ("dpkg", "dpkg"),
    ("dpkg-deb", "dpkg"),
    ("dpkg-query", "dpkg"),
    ("expect", "expect"),
    ("fdisk", "fdisk"),
    ("find", "findutils"),
    ("fish", "fish"),
    ("gcc", "gcc"),
    ("gdb", "gdb"),
    ("gpg", "gpg"),
    ("gpg-agent", "gpg-agent"),
    ("gpgv", "gpgv"),
    ("grub-fstest", "grub-common"),
    ("grub-mkimage", "grub-common"),
    ("grub-mkrelpath", "grub-common"),
    ("grub-probe", "grub-common"),
    ("grub-script-check", "grub-common"),
    ("gzip", "gzip"),
    ("ld", "binutils"),
    ("ldd", "libc-bin"),
    ("losetup", "mount"),
    ("lsinitramfs", "initramfs-tools-core"),
    ("lz4", "lz4"),
    ("make", "make"),
    ("mandoc", "mandoc"),
    ("mcopy", "mtools"),
    ("mdir", "mtools"),
    ("mke2fs", "e2fsprogs"),
    ("mkfifo", "coreutils"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mkfs.vfat", "dosfstools"),
    ("mkfs.xfs", "xfsprogs"),
    ("mmd", "mtools"),
    ("objcopy", "binutils"),
    ("objdump", "binutils"),
    ("openssl", "openssl"),
    ("partx", "util-linux"),
    ("pdfinfo", "poppler-utils"),
    ("pdftoppm", "poppler-utils"),
    ("pesign", "pesign"),
    ("pkcs11-tool", "opensc"),
    ("prometheus", "prometheus"),
    ("prometheus-node-exporter", "prometheus-node-exporter"),
    ("promtool", "prometheus"),
    ("python3", "python3-minimal"),
    ("qemu-img", "qemu-utils"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("readelf", "binutils"),
    ("sbsign", "sbsigntool"),
    ("sbsiglist", "sbsigntool"),
    ("sbvarsign", "sbsigntool"),
    ("sbverify", "sbsigntool"),
    ("script", "bsdutils"),
    ("setpriv", "util-linux"),
    ("setsid", "util-linux"),
    ("sfdisk", "fdisk"),
    ("xorriso", "xorriso"),
    ("sh", "dash"),
    ("sha256sum", "coreutils"),
    ("shellcheck", "shellcheck"),
    ("sig-list-to-certs", "efitools"),
    ("sign-efi-sig-list", "efitools"),
    ("softhsm2-util", "softhsm2"),
    ("strace", "strace"),
    ("strip", "binutils"),
    ("swtpm", "swtpm"),
    ("systemd-analyze", "systemd"),
    ("tar", "tar"),
    ("taskset", "util-linux"),
    ("timeout", "coreutils"),
    ("tpm2_createprimary", "tpm2-tools"),
    ("tpm2_eventlog", "tpm2-tools"),
    ("tpm2_pcrextend", "tpm2-tools"),
    ("tpm2_unseal", "tpm2-tools"),
    ("unshare", "util-linux"),
    ("weasyprint", "weasyprint"),
    ("xz", "xz-utils"),
    ("zbarimg", "zbar-tools"),
    ("zsh", "zsh"),
    ("zstd", "zstd"),
    (BUSYBOX, "busybox-static"),
    (CHATTR, "e2fsprogs"),
    (EFI_STUB, "systemd-boot-efi"),
    (FIRMWARE_CODE, "ovmf"),
    (FIRMWARE_VARS, "ovmf"),
    (GRUB_PGP, "grub-efi-amd64-bin"),
    (GRUB_THEME, "grub-theme-starfield"),
    (JSONSCHEMA, "python3-jsonschema"),
    (KMOD, "kmod"),
    (LIBC, "libc6-dev"),
    (MARKDOWN, "python3-markdown"),
    (OPENSSL, "libssl-dev"),
    (OPTION_ROM, "ipxe-qemu"),
    (SFDISK, "fdisk"),
    (SHIM, "shim-unsigned"),
    (SOFT_TOKEN, "libsofthsm2"),
    (STRACE, "strace"),
    (SYSTEMD_BOOT, "systemd-boot-efi"),
    (TPM_SOCKET, "libtss2-tcti-swtpm0"),
    (UNICODE, "grub-common"),
    ("/usr/lib/efitools/x86_64-linux-gnu/HashTool.efi", "efitools"),
    ("/usr/lib/efitools/x86_64-linux-gnu/HelloWorld.efi", "efitools"),
    ("/usr/lib/efitools/x86_64-linux-gnu/Loader.efi", "efitools"),
    ("/usr/lib/efitools/x86_64-linux-gnu/SetNull.efi", "efitools"),
    ("/usr/lib/grub/x86_64-efi/monolithic/gcdx64.efi", "grub-efi-amd64-bin"),
    ("/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi", "grub-efi-amd64-bin"),
    ("/usr/libexec/fwupd/efi/fwupdx64.efi", "fwupd-unsigned"),
];

/// Linked statically, so that a guest needs nothing else.
pub const BUSYBOX: &str = "/bin/busybox";
/// Lets variables be removed that the kernel keeps, in guests.
pub const CHATTR: &str = "/usr/bin/chattr";
/// systemd's loader of unified kernel images.
pub const EFI_STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
/// Firmware that enforces Secure Boot, which it can only where SMM guards its variables.
pub const FIRMWARE_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
/// Variables of a machine in Setup Mode: no key is enrolled.
pub const FIRMWARE_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
pub const GRUB_PGP: &str = "/usr/lib/grub/x86_64-efi/pgp.mod";
pub const GRUB_THEME: &str = "/usr/share/grub/themes/starfield/theme.txt";
/// Debian's own program: another Python, without the module, may be first in PATH.
pub const JSONSCHEMA: &str = "/usr/bin/jsonschema";
/// Loads modules; Debian 12's unpacks xz and zstd by itself.
pub const KMOD: &str = "/bin/kmod";
/// The library that the guests' C programs are linked with.
pub const LIBC: &str = "/usr/lib/x86_64-linux-gnu/libc.a";
/// Debian's own program, as [`JSONSCHEMA`] is.
pub const MARKDOWN: &str = "/usr/bin/markdown_py";
/// The headers of the library that judges chains, beside which the library itself is.
pub const OPENSSL: &str = "/usr/include/openssl/pkcs7.h";
/// The firmware of QEMU's network card.
pub const OPTION_ROM: &str = "/usr/lib/ipxe/qemu/efi-virtio.rom";
/// The loader between firmware and GRUB on others' machines, signed by nobody.
/// It runs in guests as well.
pub const SFDISK: &str = "/sbin/sfdisk";
pub const SHIM: &str = "/usr/lib/shim/shimx64.efi";
/// The library of tokens in software.
pub const SOFT_TOKEN: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// Kills a program in the midst of its work.
pub const STRACE: &str = "/usr/bin/strace";
pub const SYSTEMD_BOOT: &str = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
/// The way from tpm2-tools to a TPM in software.
pub const TPM_SOCKET: &str = "/usr/lib/x86_64-linux-gnu/libtss2-tcti-swtpm.so.0";
/// GRUB's font of all characters.
pub const UNICODE: &str = "/usr/share/grub/unicode.pf2";

/// The programs of an administrator, which are not on every user's PATH.
const SYSTEM_PROGRAMS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Another program, to be judged by. A missing one is a failure, never a skipped test.
#[track_caller]
pub fn tool(name: &str) -> Command {
    Command::new(needed(name))
}

/// A file of [`NEEDED`].
#[track_caller]
pub fn host_file(path: &str) -> PathBuf {
    needed(path)
}

/// The place of a program or file of [`NEEDED`].
#[track_caller]
fn needed(name: &str) -> PathBuf {
    let entry = NEEDED.iter().find(|(needed, _)| *needed == name);
    let (_, package) =
        entry.unwrap_or_else(|| panic!("add {name} and its package to NEEDED in tests/support/programs.rs"));
    find(name).unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

/// Fails, naming all that is missing of these programs and files, and the one command that installs it.
pub fn require(names: &[&str]) {
    let missing: Vec<_> = NEEDED
        .iter()
        .filter(|(name, _)| names.contains(name) && find(name).is_none())
        .collect();
    let absent: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    assert!(
        missing.is_empty(),
        "{} are missing; install with: apt-get install -y --no-install-recommends {}",
        absent.join(", "),
        packages.join(" "),
    );
}

/// The place of a program; the file itself if `name` is a path.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_PROGRAMS.map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// A file that `tests/run` downloads and unpacks, by its path below `target/judges`.
#[track_caller]
pub fn judge(name: impl AsRef<Path>) -> PathBuf {
    let path = judges().join(name);
    assert!(
        path.exists(),
        "{} is missing: run tests/run, which downloads it",
        path.display()
    );
    path
}

/// A program of a later Debian, with the libraries that it came with.
#[track_caller]
pub fn of_later_debian(name: &str) -> Command {
    let root = judge(name).join("usr");
    let libraries = root.join("lib/x86_64-linux-gnu");
    let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    command
        .arg("--library-path")
        .arg(&libraries)
        .arg(root.join("bin").join(name));
    command
}

/// The directory of what `tests/run` downloads, for the tests of every target directory.
fn judges() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges")
}
