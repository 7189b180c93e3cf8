//! Ten years of keys on real firmware, in as few starts as can say it: `tests/cli/ten_years.rs` goes through all of them on a simulated
//! board, and here firmware and kernel are asked what they take and start after it.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::bootseal::Bootseal;
use super::disk::{make_disk, write_to_disk};
use super::guest::{Administered, FIRST_WORDS, unified_image};
use super::machine::{FIRMWARE_GAVE_UP, Machine, Serial};
use super::packages::{self, Kernel};
use crate::support::programs::EFI_STUB;

const LOADER: &str = "EFI/BOOT/BOOTX64.EFI";
/// The keys lie on the disk, and change with it. `/etc` and `/var` are the initrd's, and new at each start.
const BEGINNING: &str = "k='--keys /efi/keys'\n\
    mkdir -p /etc/bootseal\n\
    echo '[sign]' >/etc/bootseal/config.toml\n\
    echo 'efi = [\"/efi/EFI/BOOT/BOOTX64.EFI\"]' >>/etc/bootseal/config.toml\n";

#[test]
fn what_ten_years_do_to_keys_is_what_firmware_and_kernel_enforce() {
    packages::require_all();
    let life = Life::begin();
    let board = Machine::in_setup_mode().with_tpm();
    life.keys_are_enrolled_rotated_and_revoked(&board);
    life.the_machine_starts_and_survives_a_factory_reset(&board);
    life.the_revoked_key_starts_nothing(&board);
    let other = Machine::in_setup_mode().with_tpm();
    life.another_board_takes_the_keys_as_they_are(&other);
    life.the_revoked_key_starts_nothing(&other);
}

struct Life {
    /// The keys of the first day; those on the disk have a life of their own.
    first: Bootseal,
    /// A unified image, unsigned.
    image: PathBuf,
    disk: PathBuf,
    work: TempDir,
}

impl Life {
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let first = Bootseal::ceremony(&work.path().join("first"));
        let kernel = Kernel::newest();
        let guest = Administered {
            kernel: &kernel,
            program: &first.program,
            keys: &[],
        };
        let [initrd, image, disk] = ["initrd.img", "unsigned.efi", "disk.img"].map(|name| work.path().join(name));
        fs::write(&initrd, guest.initrd()).expect("written");
        unified_image(&kernel, &initrd, &image);
        let tree = work.path().join("tree");
        fs::create_dir_all(tree.join("EFI/BOOT")).expect("a folder");
        fs::copy(&image, tree.join(LOADER)).expect("copied");
        fs::create_dir(tree.join("keys")).expect("a folder");
        for file in fs::read_dir(&first.keys).expect("listed") {
            let file = file.expect("an entry");
            fs::copy(file.path(), tree.join("keys").join(file.file_name())).expect("copied");
        }
        fs::copy(EFI_STUB, tree.join("stub.efi")).expect("copied");
        // One module by the key of the first day, and one that is signed once that key is worth nothing.
        let module = kernel.module("drivers/net/dummy.ko");
        for name in ["old.ko", "new.ko"] {
            fs::write(tree.join(name), &module).expect("written");
        }
        first.sign_module(&tree.join("old.ko"));
        make_disk(&disk, &tree);
        Self {
            first,
            image,
            disk,
            work,
        }
    }

    /// Starts the machine from the disk as it is by now, and does this.
    fn boot(&self, board: &Machine, script: &str) -> Serial {
        let file = self.work.path().join("run.sh");
        fs::write(&file, format!("{BEGINNING}{script}")).expect("written");
        write_to_disk(&self.disk, &file);
        board.boot_disk(&self.disk)
    }

    /// All in one session: from the moment on that it has a platform key, the firmware asks of each write who signed it. The db key is
    /// rotated as it is revoked.
    fn keys_are_enrolled_rotated_and_revoked(&self, board: &Machine) {
        let log = self.boot(
            board,
            "try bootseal sign all $k\n\
             try bootseal enroll apply $k --yes\n\
             flag SetupMode\n\
             try bootseal keys rotate KEK $k --yes\n\
             try bootseal keys rotate PK $k --yes\n\
             try bootseal enroll add db uefi-2023 option-rom-2023 $k --yes\n\
             try bootseal enroll add KEK kek-2023 $k --yes\n\
             try bootseal enroll add dbx /efi/stub.efi $k --yes\n\
             try bootseal keys revoke db $k --yes --reason 'the laptop was stolen'\n\
             try bootseal enroll plan $k\n",
        );
        assert_eq!(ends(&log), ["0"; 9], "{}", log.tail());
        assert_eq!(log.after("vm: SetupMode="), ["1", "0", "0"]);
    }

    fn the_machine_starts_and_survives_a_factory_reset(&self, board: &Machine) {
        let log = self.boot(
            board,
            "insmod /efi/old.ko || echo 'vm: the old key loads no module'\n\
             try bootseal sign modules --key db $k /efi/new.ko\n\
             try insmod /efi/new.ko\n\
             try bootseal audit --only firmware.variables $k\n\
             try bootseal enroll reset $k --yes\n\
             flag SetupMode\n\
             try bootseal enroll apply $k --yes\n\
             try bootseal enroll plan $k\n",
        );
        log.expect_line("vm: SecureBoot=1");
        log.expect_line("vm: the old key loads no module");
        assert_eq!(ends(&log), ["0"; 6], "{}", log.tail());
        assert_eq!(log.after("vm: SetupMode="), ["0", "1", "0"]);
    }

    fn another_board_takes_the_keys_as_they_are(&self, other: &Machine) {
        let log = self.boot(
            other,
            "try bootseal enroll apply $k --yes\n\
             try bootseal enroll plan $k\n",
        );
        assert_eq!(ends(&log), ["0"; 2], "{}", log.tail());
        assert_eq!(log.after("vm: SetupMode="), ["1", "0"]);
        let log = self.boot(other, "");
        log.expect_line("vm: SecureBoot=1");
    }

    fn the_revoked_key_starts_nothing(&self, board: &Machine) {
        let disk = self.work.path().join("by-the-first-key");
        fs::create_dir_all(disk.join("EFI/BOOT")).expect("a folder");
        let loader = disk.join(LOADER);
        fs::copy(&self.image, &loader).expect("copied");
        self.first.sign_efi(&loader);
        let log = board.twin().boot(&disk);
        log.expect_no(FIRST_WORDS);
        log.expect(": Access Denied");
        log.expect_line(FIRMWARE_GAVE_UP);
    }
}

/// The exit codes of the commands, in their order.
fn ends(log: &Serial) -> Vec<String> {
    let ended = log.after("vm: ended with ");
    ended
        .iter()
        .map(|line| line.split(':').next().unwrap_or_default().to_owned())
        .collect()
}
