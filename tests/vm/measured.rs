//! The audit inside the guest: what firmware and GRUB told the TPM, against what lies on the disk.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::bootseal::Bootseal;
use super::grub::image::{Version, enforcing};
use super::grub::install;
use super::guest::{Administered, COMMAND_LINE, unified_image};
use super::machine::{Machine, Serial};
use super::packages::{self, Kernel};

/// The script of the guest.
const AUDIT: &str = "ls /sys/kernel/security/tpm0\n\
    try bootseal audit --keys /own -v --only measured,kernel.image,boot.images,boot.entries,boot.kernels\n";

#[test]
fn what_was_measured_is_found_on_the_disk() {
    packages::require_all();
    let node = Node::begin();
    // GRUB before 2.12 starts a kernel without the firmware, and the kernel never learns where the log is.
    node.start_by_grub(Version::V2_06);
    let log = node.boot(AUDIT);
    log.expect("could not look: ");

    node.start_by_grub(Version::V2_14);
    let log = node.boot(AUDIT);
    log.expect("\\EFI\\BOOT\\BOOTX64.EFI: /efi/EFI/BOOT/BOOTX64.EFI (");
    log.expect(": /efi/boot/vmlinuz (");
    log.expect("✓ Signature of the running kernel");
    log.expect("✓ Programs of the last start, compared with the files on the disk");
    // The card's Option ROM was measured, and then refused.
    log.expect("no entry of db is known to let it in");

    // The kernel was exchanged since the start.
    let log = node.boot(&format!("cp /efi/EFI/BOOT/BOOTX64.EFI /efi/boot/vmlinuz\n{AUDIT}"));
    log.expect("✗ Programs of the last start, compared with the files on the disk");

    node.start_directly();
    let log = node.boot(AUDIT);
    log.expect("\\EFI\\BOOT\\BOOTX64.EFI: /efi/EFI/BOOT/BOOTX64.EFI (");
    log.expect("✓ Signature of the running kernel");
}

struct Node {
    own: Bootseal,
    machine: Machine,
    disk: PathBuf,
    initrd: PathBuf,
    /// Holds it all.
    _work: TempDir,
}

impl Node {
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let own = Bootseal::ceremony(&work.path().join("own"));
        let kernel = Kernel::newest();
        let machine = Machine::in_setup_mode();
        own.enroll_image(machine.variables());
        let initrd = work.path().join("initrd.img");
        let guest = Administered {
            kernel: &kernel,
            program: &own.program,
            keys: &[("/own", &own.keys), ("/new", &own.keys)],
        };
        fs::write(&initrd, guest.initrd()).expect("written");
        let disk = work.path().join("disk");
        fs::create_dir_all(disk.join("EFI/BOOT")).expect("a folder");
        fs::create_dir_all(disk.join("boot/grub")).expect("a folder");
        Self {
            own,
            machine: machine.with_tpm().with_card(),
            disk,
            initrd,
            _work: work,
        }
    }

    fn loader(&self) -> PathBuf {
        self.disk.join("EFI/BOOT/BOOTX64.EFI")
    }

    fn start_by_grub(&self, version: Version) {
        let boot = self.disk.join("boot");
        install(version, &boot.join("grub"));
        let kernel = boot.join("vmlinuz");
        fs::copy(Kernel::newest().image(), &kernel).expect("copied");
        self.own.sign_efi(&kernel);
        fs::copy(&self.initrd, boot.join("initrd.img")).expect("copied");
        let menu = format!("linux /boot/vmlinuz {COMMAND_LINE}\ninitrd /boot/initrd.img\nboot\n");
        fs::write(boot.join("grub/grub.cfg"), menu).expect("written");
        self.own.sign_for_grub(&[boot]);
        enforcing(version, &self.own, None, &self.loader());
    }

    fn start_directly(&self) {
        fs::remove_dir_all(self.disk.join("boot")).expect("removed");
        unified_image(&Kernel::newest(), &self.initrd, &self.loader());
        self.own.sign_efi(&self.loader());
    }

    fn boot(&self, script: &str) -> Serial {
        fs::write(self.disk.join("run.sh"), script).expect("written");
        self.machine.boot(&self.disk)
    }
}
