//! A new GRUB is started once, and only one that starts something takes the place of the present one: by what the firmware
//! itself does with the boot entries that bootseal has written.

use std::fs;
use std::path::Path;

use super::bootseal::Bootseal;
use super::disk::{DISK_UUID, make_partitioned_disk};
use super::grub::LAST_WORDS;
use super::guest::{Archive, COMMAND_LINE, DISK_MODULES};
use super::machine::{Machine, Serial};
use super::packages::{self, Kernel};
use crate::support::programs::{BUSYBOX, tool};

#[test]
fn an_image_that_starts_nothing_leaves_the_present_one_in_its_place() {
    packages::require_all();
    let work = tempfile::tempdir().expect("a temporary folder");
    let own = Bootseal::ceremony(&work.path().join("own"));
    let machine = Machine::in_setup_mode();
    own.enroll_image(machine.variables());
    let disk = work.path().join("disk.img");
    make_partitioned_disk(&disk, &tree(work.path(), &own), None);
    let start = |number: u32| {
        let log = machine.boot_disk(&disk);
        log.expect_line(&format!("vm: start {number}"));
        log
    };
    let ended = |log: &Serial, code: u8, command: &str| {
        log.expect(&format!("vm: ended with {code}: bootseal grub {command}"));
    };

    // The fallback loader starts the machine; an image is installed, and its entry is the first one.
    let log = start(1);
    ended(&log, 0, "install");
    log.expect("\"bootseal\" starts \\EFI\\bootseal\\grubx64.efi");
    // By that one; another is put beside it, for the next start alone.
    let log = start(2);
    ended(&log, 0, "install");
    log.expect("firmware variable BootNext: only the next start is by");
    log.expect_line("vm: there is grubx64-new.efi");
    // By the new one, which takes its place; then one follows that finds no menu.
    let log = start(3);
    ended(&log, 0, "confirm");
    ended(&log, 0, "install");
    log.expect_line("vm: there is grubx64-previous.efi");
    let log = machine.boot_disk(&disk);
    log.expect(LAST_WORDS);
    log.expect_no("vm: start");
    // The firmware starts the present one as ever, and nothing is to be confirmed.
    let log = start(4);
    ended(&log, 1, "confirm");
    log.expect("\\EFI\\bootseal\\grubx64.efi, not by the image on trial");
}

/// An EFI system partition with GRUB's files and a kernel, all signed, and GRUB where the firmware falls back to.
fn tree(work: &Path, own: &Bootseal) -> std::path::PathBuf {
    let disk = work.join("disk");
    for folder in ["EFI/BOOT", "boot/grub"] {
        fs::create_dir_all(disk.join(folder)).expect("a folder");
    }
    let kernel = Kernel::newest();
    let [image, initrd, menu] = ["boot/vmlinuz", "boot/initrd.img", "boot/grub/grub.cfg"].map(|name| disk.join(name));
    fs::copy(kernel.image(), &image).expect("copied");
    own.sign_efi(&image);
    fs::write(&initrd, initrd_of(&kernel, own)).expect("written");
    let entry = format!(
        "set timeout=0\nmenuentry 'Linux' --unrestricted {{\n  linux /boot/vmlinuz {COMMAND_LINE}\n  \
         initrd /boot/initrd.img\n}}\n"
    );
    fs::write(&menu, entry).expect("written");
    own.sign_for_grub(&[image, initrd, menu]);
    fs::write(disk.join("uuid"), DISK_UUID).expect("written");
    fs::write(disk.join("start"), "1").expect("written");
    let loader = disk.join("EFI/BOOT/BOOTX64.EFI");
    let arguments = ["--fs-uuid", DISK_UUID, "--grub-path", "/boot/grub", "--output"].map(Into::into);
    own.grub_image(&arguments.into_iter().chain([loader.into()]).collect::<Vec<_>>());
    disk
}

/// A system that has the distribution's `grub-mkimage` and modules.
fn initrd_of(kernel: &Kernel, own: &Bootseal) -> Vec<u8> {
    let mut archive = Archive::default();
    archive.file("/init", 0o755, include_bytes!("trial.sh"));
    archive.program("/bin/busybox", Path::new(BUSYBOX));
    archive.program("/bin/bootseal", &own.program);
    for program in ["grub-mkimage", "grub-mkrelpath", "grub-probe"] {
        archive.program(&format!("/usr/bin/{program}"), Path::new(tool(program).get_program()));
    }
    for directory in ["/dev", "/proc", "/sys", "/tmp", "/var/lib", "/efi"] {
        archive.directory(directory);
    }
    let modules = "/usr/lib/grub/x86_64-efi";
    for entry in fs::read_dir(modules).expect("GRUB's modules") {
        let path = entry.expect("GRUB's modules").path();
        if path.is_file() {
            let name = format!("{modules}/{}", path.file_name().expect("a name").display());
            archive.file(&name, 0o644, &fs::read(&path).expect("a module"));
        }
    }
    archive.keys("/own", &own.keys, |_| true);
    for (number, path) in DISK_MODULES.iter().enumerate() {
        archive.file(&format!("/modules/{number:02}.ko"), 0o644, &kernel.module(path));
    }
    archive.finish()
}
