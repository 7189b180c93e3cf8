//! The files that the faults put into their places.

use std::fs;
use std::path::Path;

use super::super::bootseal::Bootseal;
use super::super::disk::boot_option;
use super::super::grub::image::{self, Version};
use super::super::modules::without_signature;
use super::super::node::write;
use super::super::packages::Kernel;
use crate::golden::fat::image as image_of_tree;
use crate::support::programs::EFI_STUB;
use crate::support::{sign_file, succeed, tool};

/// Puts them into a directory.
pub fn put(bootseal: &Bootseal, foreign: &Bootseal, kernels: [&Kernel; 2], directory: &Path) {
    let key = |name: &str| bootseal.keys.join(name);
    let [kernel, other] = kernels;
    let module = without_signature(kernel.module("drivers/net/dummy.ko"));
    write(&directory.join("unsigned.ko"), &module);
    let by_sha1 = directory.join("sha1.ko");
    write(&by_sha1, &module);
    succeed(
        sign_file()
            .arg("sha1")
            .arg(key("db.key"))
            .arg(key("db.pem"))
            .arg(&by_sha1),
    );

    let of_other = directory.join("other.ko");
    write(&of_other, &without_signature(other.module("drivers/net/dummy.ko")));
    bootseal.sign_module(&of_other);

    fs::copy(EFI_STUB, directory.join("unsigned")).expect("copied");
    let no_pgp = directory.join("no-pgp");
    image::lacking_pgp(Version::V2_12, &key("grub.gpg"), &no_pgp);
    bootseal.sign_efi(&no_pgp);

    // They are looked at, not started.
    let [unified, plain] = [("unified", "quiet init=/bin/sh"), ("plain", "quiet")].map(|(name, line)| {
        let (image, text) = (directory.join(name), directory.join("line"));
        write(&text, line.as_bytes());
        let mut objcopy = tool("objcopy");
        for (section, address) in [
            (".cmdline", 0x1_5000_0000_u64),
            (".linux", 0x1_5000_1000),
            (".osrel", 0x1_5000_2000),
        ] {
            objcopy.arg(format!("--add-section={section}={}", text.display()));
            objcopy.arg(format!("--change-section-vma={section}={address:#x}"));
        }
        succeed(objcopy.args([EFI_STUB.as_ref(), image.as_path()]));
        bootseal.sign_efi(&image);
        image
    });
    bootseal.sign_for_grub(std::slice::from_ref(&plain));
    // Firmware would start them wherever they lie.
    succeed(tool("gzip").args(["-k"]).args([&no_pgp, &unified, &plain]));
    for image in [&unified, &plain] {
        fs::remove_file(image).expect("removed");
    }

    fs::copy(foreign.keys.join("db.pem"), directory.join("foreign.pem")).expect("copied");
    write(&directory.join("foreign.id"), foreign.fingerprint("db").as_bytes());

    let option = boot_option("\\EFI\\other\\linux.efi");
    // Non-volatile, boot services, runtime.
    let variable = |content: &[u8]| [&[7, 0, 0, 0], content].concat();
    write(&directory.join("Boot0077"), &variable(&option));
    write(&directory.join("BootOrder"), &variable(&0x77_u16.to_le_bytes()));
    let option = boot_option("\\EFI\\BOOT\\BOOTX64.EFI");
    write(&directory.join("Driver0001"), &variable(&option));
    write(&directory.join("DriverOrder"), &variable(&1_u16.to_le_bytes()));
    write(&directory.join("SysPrep0002"), &variable(&option));
    write(&directory.join("SysPrepOrder"), &variable(&2_u16.to_le_bytes()));

    // The header of an arm64 kernel (Linux, Documentation/arch/arm64/booting.rst), and its version.
    let mut arm64 = vec![0; 0x1000];
    arm64[0x38..0x3c].copy_from_slice(b"ARM\x64");
    arm64.extend(b"Linux version 6.99.0-arm64 (builder@host) #1\n\0");
    write(&directory.join("arm64"), &arm64);
}

/// The file system of a partition that nobody mounts, made of what was put there; the open GRUB does not stay.
pub fn partition(bootseal: &Bootseal, directory: &Path) -> Vec<u8> {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let place = |path: &str| tree.path().join(path);
    write(&place("loader/loader.conf"), b"editor yes\n");
    write(&place("loader/credentials/more.cred"), b"x");
    write(&place("loader/entries/more.conf"), b"linux /k\noptions rd.break\n");
    let menu = place("grub/grub.cfg");
    write(&menu, b"set check_signatures=no\n");
    bootseal.sign_for_grub(&[menu]);
    fs::create_dir_all(place("EFI/old")).expect("a folder");
    fs::rename(directory.join("no-pgp"), place("EFI/old/old.efi")).expect("moved");
    image_of_tree("16", 16 * 1024, tree.path())
}
