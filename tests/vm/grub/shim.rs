//! Debian's shim between firmware and GRUB: db, by which shim goes as well, vouches for both, and GRUB enforces as ever.

use std::fs;

use super::super::bootseal::Bootseal;
use super::super::disk::DISK_UUID;
use super::super::flip_byte;
use super::super::guest::{COMMAND_LINE, FIRST_WORDS, silent};
use super::super::machine::Machine;
use super::super::packages::{self, Kernel};
use super::image::Version;
use super::{LAST_WORDS, no_shell, tree};
use crate::support::programs::SHIM;

/// Said by a GRUB that asks shim for a kernel which db does not vouch for.
const NOT_BY_SHIM: &str = "error: bad shim loader signature";

#[test]
fn shim_starts_a_grub_that_enforces() {
    packages::require_all();
    let work = tempfile::tempdir().expect("a temporary folder");
    let own = Bootseal::ceremony(&work.path().join("own"));
    let machine = Machine::in_setup_mode();
    own.enroll_image(machine.variables());
    let disk = work.path().join("disk");
    for folder in ["EFI/BOOT", "boot/grub", "bad"] {
        fs::create_dir_all(disk.join(folder)).expect("a folder");
    }
    let shim = disk.join("EFI/BOOT/BOOTX64.EFI");
    fs::copy(SHIM, &shim).expect("copied");
    own.sign_efi(&shim);
    let [kernel, changed, unsigned, initrd, menu] = [
        "boot/vmlinuz",
        "bad/vmlinuz",
        "bad/unsigned",
        "boot/initrd.img",
        "boot/grub/grub.cfg",
    ]
    .map(|name| disk.join(name));
    fs::copy(Kernel::newest().image(), &kernel).expect("copied");
    // GRUB's key vouches for it, and db does not.
    fs::copy(&kernel, &unsigned).expect("copied");
    own.sign_efi(&kernel);
    fs::copy(&kernel, &changed).expect("copied");
    fs::write(&initrd, silent()).expect("written");
    let script = format!(
        "echo 'try changed'\nlinux /bad/vmlinuz\necho 'tried changed'\n\
         echo 'try unsigned'\nlinux /bad/unsigned {COMMAND_LINE}\necho 'tried unsigned'\n\
         set timeout=0\nmenuentry 'Linux' --unrestricted {{\n  linux /boot/vmlinuz {COMMAND_LINE}\n  \
         initrd /boot/initrd.img\n}}\n"
    );
    fs::write(&menu, script).expect("written");
    own.sign_for_grub(&[kernel, changed.clone(), unsigned, initrd, menu.clone()]);
    flip_byte(&changed);

    // Its SBAT generation, 5, is the oldest that this shim starts.
    let version = Version::V2_14;
    let grub = disk.join("EFI/BOOT/grubx64.efi");
    let arguments = [
        "--shim",
        "--fs-uuid",
        DISK_UUID,
        "--grub-path",
        "/boot/grub",
        "--modules-dir",
    ]
    .map(Into::into);
    let arguments = arguments.into_iter().chain([
        version.modules().into(),
        "--mkimage".into(),
        version.mkimage(work.path()).into(),
        "--menu".into(),
        menu.clone().into(),
        "--output".into(),
        grub.into(),
    ]);
    own.grub_image(&arguments.collect::<Vec<_>>());

    let log = machine.boot(&disk);
    assert!(log.between("try changed", "tried changed").contains(tree::BAD));
    let said = log.between("try unsigned", "tried unsigned");
    assert!(said.contains(NOT_BY_SHIM), "{said}");
    log.expect_line(&format!("{FIRST_WORDS}BOOT_IMAGE=/boot/vmlinuz {COMMAND_LINE}"));
    log.expect_line("vm: lockdown: none [integrity] confidentiality");
    no_shell(&log);

    flip_byte(&menu);
    let log = machine.boot(&disk);
    log.expect("error: bad signature");
    log.expect(LAST_WORDS);
    log.expect_no(FIRST_WORDS);
    no_shell(&log);
}
