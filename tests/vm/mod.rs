//! The whole chain where it counts: a firmware that enforces Secure Boot, Debian's kernel, GRUB.
//!
//! Nothing here takes bootseal's word. What is asserted is what the firmware, the kernel and GRUB
//! say on the serial line of a virtual machine.

mod bootseal;
mod grub;
mod guest;
mod machine;
mod packages;

use bootseal::Bootseal;
use machine::Machine;
use packages::Kernel;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// NV, BS, RT and time-based authentication, as efivarfs shows them: four bytes, little-endian.
const ATTRIBUTES: &str = "27000000";

/// The object identifier 2.16.840.1.101.3.4.2.10, in DER.
const SHA3_512: [u8; 11] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a];

#[test]
fn the_chain_end_to_end() {
    packages::require_all();
    let story = Story::begin();
    story.setup_mode_takes_the_keys();
    story.the_firmware_refuses_what_is_unsigned();
    story.a_signed_kernel_is_locked_down_and_refuses_bad_modules();
    story.grub_boots_what_is_signed_and_refuses_a_changed_byte();
    story.keys_that_were_enrolled_into_an_image_are_enforced();
}

/// What the boots have in common.
struct Story {
    bootseal: Bootseal,
    /// Another ceremony, whose db is in the firmware before.
    former: Bootseal,
    kernel: Kernel,
    machine: Machine,
    /// A unified image of `kernel` and `initrd`, unsigned.
    image: PathBuf,
    initrd: PathBuf,
    work: TempDir,
}

impl Story {
    /// Before the first boot: the ceremony, and a system that has its outcome.
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let former = Bootseal::ceremony(&work.path().join("former"));
        let bootseal = Bootseal::ceremony(&work.path().join("keys"));
        let kernel = Kernel::newest();
        let modules = module_in_three_states(&bootseal, &kernel);
        let initrd = work.path().join("initrd.img");
        let content = guest::initrd(
            &kernel,
            &bootseal.program,
            &bootseal.keys,
            &former.keys.join("db.auth"),
            &modules,
        );
        fs::write(&initrd, content).expect("written");
        let image = work.path().join("unsigned.efi");
        guest::unified_image(&kernel, &initrd, &image);
        let machine = Machine::in_setup_mode();
        Self {
            bootseal,
            former,
            kernel,
            machine,
            image,
            initrd,
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

    /// The same image once it is signed, and the same module in its three states.
    fn a_signed_kernel_is_locked_down_and_refuses_bad_modules(&self) {
        let disk = self.disk("signed", &self.image);
        let image = disk.join("EFI/BOOT/BOOTX64.EFI");
        self.bootseal.sign_efi(&image);
        assert!(self.bootseal.verify(&image), "bootseal verify refuses what it signed");
        let log = self.machine.twin().boot(&disk);
        log.expect_line("vm: SetupMode=0");
        log.expect_line("vm: SecureBoot=1");
        log.expect_line("vm: lockdown: none [integrity] confidentiality");
        for refused in ["flipped.ko", "unsigned.ko"] {
            log.expect_line(&format!(
                "vm: {refused} refused: insmod: can't insert '/modules/{refused}': Key was rejected by service"
            ));
        }
        log.expect_line("vm: signed.ko loads");
        log.expect_line("vm: tainted=0");
    }

    /// Everything that GRUB opens is signed; then one byte of the initrd is no longer what it was.
    fn grub_boots_what_is_signed_and_refuses_a_changed_byte(&self) {
        let loader = self.work.path().join("grub.efi");
        grub::image(&self.bootseal.keys.join("grub.gpg"), &loader);
        let disk = self.disk("grub", &loader);
        let [kernel, initrd, configuration] =
            ["boot/vmlinuz", "boot/initrd.img", "boot/grub/grub.cfg"].map(|name| disk.join(name));
        fs::create_dir_all(disk.join("boot/grub")).expect("a folder");
        fs::copy(self.kernel.image(), &kernel).expect("copied");
        fs::copy(&self.initrd, &initrd).expect("copied");
        fs::write(&configuration, grub::configuration()).expect("written");
        // The firmware's signatures are inside the files, so GRUB's, which are beside them, come last.
        self.bootseal.sign_efi(&disk.join("EFI/BOOT/BOOTX64.EFI"));
        self.bootseal.sign_efi(&kernel);
        self.bootseal.sign_for_grub(&[kernel, initrd.clone(), configuration]);

        let log = self.machine.twin().boot(&disk);
        let command_line = format!("BOOT_IMAGE=/boot/vmlinuz {}", guest::COMMAND_LINE);
        log.expect_line(&format!("vm: started with {command_line}"));
        log.expect_line("vm: SecureBoot=1");
        log.expect_line("vm: lockdown: none [integrity] confidentiality");

        flip_byte(&initrd);
        let log = self.machine.twin().boot(&disk);
        log.expect_line("error: bad signature.");
        log.expect_line(grub::LAST_WORDS);
        log.expect_no(guest::FIRST_WORDS);
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

/// A module signed by bootseal; the same with one byte changed; the same without a signature.
fn module_in_three_states(bootseal: &Bootseal, kernel: &Kernel) -> [(&'static str, Vec<u8>); 3] {
    let work = tempfile::tempdir().expect("a temporary folder");
    let file = work.path().join("dummy.ko");
    let unsigned = without_signature(kernel.module("drivers/net/dummy.ko"));
    fs::write(&file, &unsigned).expect("written");
    bootseal.sign_module(&file);
    let signed = fs::read(&file).expect("the signed module");
    let signature = signed.strip_prefix(&unsigned[..]).expect("signing only appends");
    let is_sha3_512 = signature.windows(SHA3_512.len()).any(|bytes| bytes == SHA3_512);
    assert!(is_sha3_512, "the module is not signed with SHA3-512");
    flip_byte(&file);
    let flipped = fs::read(&file).expect("the changed module");
    [
        ("signed.ko", signed),
        ("flipped.ko", flipped),
        ("unsigned.ko", unsigned),
    ]
}

/// Changes a byte in the middle of a file, where neither kernel would notice by itself.
fn flip_byte(file: &Path) {
    let mut bytes = fs::read(file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(file, bytes).expect("written");
}

/// Takes off the signature of Debian's build, whose key is built into the kernel: a module that
/// loads must owe it to bootseal.
///
/// It is the content, the signature, 12 bytes of which the last 4 are its size, and the mark.
fn without_signature(mut module: Vec<u8>) -> Vec<u8> {
    let rest = module
        .strip_suffix(b"~Module signature appended~\n")
        .expect("Debian's modules are signed");
    let (rest, size) = rest.split_last_chunk().expect("a size before the mark");
    let size = u32::from_be_bytes(*size) as usize;
    module.truncate(rest.len() - 8 - size);
    module
}
