//! The whole chain where it counts: a firmware that enforces Secure Boot, Debian's kernel, GRUB.
//!
//! Nothing here takes bootseal's word. What is asserted is what the firmware, the kernel and GRUB
//! say on the serial line of a virtual machine.

mod audited;
mod bootseal;
mod debian13;
mod disk;
mod disks;
mod enrolment;
mod grub;
mod guest;
mod machine;
mod measured;
pub mod modules;
mod node;
pub mod packages;
mod pcrlock;
mod rebuild;
mod ten_years;
mod trial;
mod verdicts;
mod ways;

use crate::support::programs;
use bootseal::Bootseal;
use machine::{Machine, Serial};
use modules::Trials;
use packages::Kernel;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// NV, BS, RT and time-based authentication, as efivarfs shows them: four bytes, little-endian.
const ATTRIBUTES: &str = "27000000";

#[test]
fn the_chain_end_to_end() {
    packages::require_all();
    let story = Story::begin();
    story.setup_mode_takes_the_keys();
    story.the_firmware_refuses_what_is_unsigned();
    story.a_signed_kernel_is_locked_down_and_refuses_bad_modules();
    story.keys_that_were_enrolled_into_an_image_are_enforced();
}

/// The things that all boots share.
struct Story {
    bootseal: Bootseal,
    /// Another ceremony, whose db is in the firmware before.
    former: Bootseal,
    machine: Machine,
    /// The answer that the kernel is to give to each module.
    answers: Vec<String>,
    /// A boot loader that the guest signs on its FAT file system, unsigned.
    loader: PathBuf,
    /// A unified image of `kernel` and `initrd`, unsigned.
    image: PathBuf,
    work: TempDir,
}

impl Story {
    /// Before the first boot: the ceremony, and a system that has its outcome.
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let former = Bootseal::ceremony(&work.path().join("former"));
        let bootseal = Bootseal::ceremony(&work.path().join("keys"));
        let kernel = Kernel::newest();
        let trials = Trials::new(&bootseal, &kernel);
        let floppy = work.path().join("floppy");
        let loader = floppy.join("EFI/BOOT/BOOTX64.EFI");
        fs::create_dir_all(floppy.join("EFI/BOOT")).expect("a folder");
        fs::create_dir_all(floppy.join("boot/grub")).expect("a folder");
        fs::copy(programs::EFI_STUB, &loader).expect("copied");
        fs::write(floppy.join("boot/grub/grub.cfg"), "set timeout=0\n").expect("written");
        let fat = work.path().join("fat.img");
        disk::make_floppy(&fat, &floppy);
        let initrd = work.path().join("initrd.img");
        let content = guest::System {
            kernel: &kernel,
            program: &bootseal.program,
            keys: &bootseal.keys,
            former: &former.keys,
            modules: &trials.modules,
            fat: &fat,
        }
        .initrd();
        fs::write(&initrd, content).expect("written");
        let image = work.path().join("unsigned.efi");
        guest::unified_image(&kernel, &initrd, &image);
        let machine = Machine::in_setup_mode();
        Self {
            bootseal,
            former,
            machine,
            answers: trials.answers,
            loader,
            image,
            work,
        }
    }

    /// The system, unsigned, enrolls the keys on the machine it runs on.
    fn setup_mode_takes_the_keys(&self) {
        let log = self.machine.boot(&self.disk("setup-mode", &self.image));
        for before in ["SetupMode=1", "SecureBoot=0", "PK absent", "KEK absent", "dbx absent"] {
            log.expect_line(&format!("vm: {before}"));
        }
        // Another db is there already, and efivarfs keeps it immutable before and after bootseal replaces it.
        log.expect_line(&format!("vm: db {ATTRIBUTES} {}", self.former.list_digest("db")));
        log.expect_line("vm: db before: Operation not permitted");
        log.expect_line("vm: enroll ended with 0");
        log.expect_line("vm: db after: Operation not permitted");
        log.expect_line("vm: SetupMode=0");
        for name in ["PK", "KEK", "db", "dbx"] {
            log.expect_line(&format!("vm: {name} {ATTRIBUTES} {}", self.bootseal.list_digest(name)));
        }
    }

    /// The very image that has just enrolled the keys is not let in again.
    fn the_firmware_refuses_what_is_unsigned(&self) {
        assert!(
            !self.bootseal.verify(&self.image),
            "bootseal verify lets an unsigned image pass"
        );
        let log = self.machine.twin().boot(&self.disk("unsigned", &self.image));
        log.expect(": Access Denied");
        log.expect_line(machine::FIRMWARE_GAVE_UP);
        log.expect_no(guest::FIRST_WORDS);
    }

    /// The same image once it is signed, and the same module signed in every way, and in bad ones.
    fn a_signed_kernel_is_locked_down_and_refuses_bad_modules(&self) {
        let disk = self.disk("signed", &self.image);
        let image = disk.join("EFI/BOOT/BOOTX64.EFI");
        self.bootseal.sign_efi(&image);
        assert!(self.bootseal.verify(&image), "bootseal verify refuses what it signed");
        let log = self.machine.twin().boot(&disk);
        log.expect_line("vm: SetupMode=0");
        log.expect_line("vm: SecureBoot=1");
        log.expect_line("vm: lockdown: none [integrity] confidentiality");
        log.expect_line(&format!("vm: key: {}", self.bootseal.key_on_keyring("db")));
        for answer in &self.answers {
            log.expect_line(answer);
        }
        log.expect_line("vm: tainted=0");
        self.files_on_fat_are_signed(&log);
    }

    /// In place, under the names that they had, with nothing left behind; and as on any other file system.
    fn files_on_fat_are_signed(&self, log: &Serial) {
        for command in ["sign efi", "sign grub", "verify"] {
            log.expect_line(&format!("vm: {command} on FAT ended with 0"));
        }
        self.former.sign_efi(&self.loader);
        let loader = fs::read(&self.loader).expect("the signed loader");
        let names = [
            "./EFI/BOOT/BOOTX64.EFI",
            "./boot/grub/GRUB.CFG.sig",
            "./boot/grub/grub.cfg",
            &format!("{}  EFI/BOOT/BOOTX64.EFI", hex::encode(Sha256::digest(loader))),
        ];
        assert_eq!(log.after("vm: on FAT: "), names);
    }

    /// The keys come into the variables of a machine that is switched off, and its firmware enforces them.
    fn keys_that_were_enrolled_into_an_image_are_enforced(&self) {
        let machine = Machine::in_setup_mode();
        self.bootseal.enroll_image(machine.variables());
        let log = machine.twin().boot(&self.disk("signed-again", &self.image));
        log.expect(": Access Denied");
        let disk = self.disk("signed-again", &self.image);
        self.bootseal.sign_efi(&disk.join("EFI/BOOT/BOOTX64.EFI"));
        let log = machine.boot(&disk);
        for state in ["SetupMode=0", "SecureBoot=1"] {
            log.expect_line(&format!("vm: {state}"));
        }
        for name in ["PK", "KEK", "db", "dbx"] {
            log.expect_line(&format!("vm: {name} {ATTRIBUTES} {}", self.bootseal.list_digest(name)));
        }
    }

    /// A folder to become a disk, with `loader` where the firmware looks for it.
    fn disk(&self, name: &str, loader: &Path) -> PathBuf {
        let disk = self.work.path().join(name);
        fs::create_dir_all(disk.join("EFI/BOOT")).expect("a folder");
        fs::copy(loader, disk.join("EFI/BOOT/BOOTX64.EFI")).expect("the loader can be copied");
        disk
    }
}

/// Changes a byte in the middle of a file, where neither kernel would notice by itself.
fn flip_byte(file: &Path) {
    let mut bytes = fs::read(file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(file, bytes).expect("written");
}
