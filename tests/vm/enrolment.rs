//! The life of enrolled keys on a machine with a TPM and an Option ROM: everything that is done is done by bootseal in the
//! guest, and everything that is asserted is said by firmware and TPM at the next start.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use tempfile::TempDir;

use super::bootseal::Bootseal;
use super::guest::{Administered, FIRST_WORDS, unified_image};
use super::machine::{FIRMWARE_GAVE_UP, Machine, Serial};
use super::packages::{self, Kernel};
use super::pcrlock::PcrLock;
use crate::support::programs::{EFI_STUB, judge};

#[test]
fn enrolled_keys_have_a_life() {
    packages::require_all();
    let life = Life::begin();
    life.nothing_is_written_that_would_stop_the_machine();
    life.pcr_7_is_what_was_predicted_and_the_option_rom_runs();
    life.a_revoked_image_is_refused_and_an_added_key_lets_in();
    life.a_removed_key_lets_nothing_in();
    life.other_keys_take_over();
}

struct Life {
    /// The keys that are enrolled.
    own: Bootseal,
    /// Those that take over.
    new: Bootseal,
    machine: Machine,
    /// A unified image, unsigned.
    image: PathBuf,
    work: TempDir,
}

impl Life {
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let own = Bootseal::ceremony(&work.path().join("own"));
        // Firmware takes a write over one of the same second for an older one.
        thread::sleep(Duration::from_secs(1));
        let new = Bootseal::ceremony(&work.path().join("new"));
        let kernel = Kernel::newest();
        let initrd = work.path().join("initrd.img");
        let guest = Administered {
            kernel: &kernel,
            program: &own.program,
            keys: &[("/own", &own.keys), ("/new", &new.keys)],
        };
        fs::write(&initrd, guest.initrd()).expect("written");
        let image = work.path().join("unsigned.efi");
        unified_image(&kernel, &initrd, &image);
        Self {
            own,
            new,
            machine: Machine::in_setup_mode().with_tpm().with_card(),
            image,
            work,
        }
    }

    /// A disk that starts the image, signed by one of them, and does this.
    fn disk(&self, signer: &Bootseal, script: &str) -> PathBuf {
        let disk = self.work.path().join("disk");
        fs::create_dir_all(disk.join("EFI/BOOT")).expect("a folder");
        let loader = disk.join("EFI/BOOT/BOOTX64.EFI");
        fs::copy(&self.image, &loader).expect("copied");
        signer.sign_efi(&loader);
        fs::write(disk.join("run.sh"), script).expect("written");
        disk
    }

    fn boot(&self, signer: &Bootseal, script: &str) -> Serial {
        self.machine.boot(&self.disk(signer, script))
    }

    /// Reports that the firmware starts this image.
    fn starts(&self, image: &Path) -> bool {
        let disk = self.work.path().join("other-disk");
        fs::create_dir_all(disk.join("EFI/BOOT")).expect("a folder");
        fs::copy(image, disk.join("EFI/BOOT/BOOTX64.EFI")).expect("copied");
        fs::write(disk.join("run.sh"), "").expect("written");
        let log = self.machine.twin().boot(&disk);
        if log.after(FIRST_WORDS).is_empty() {
            log.expect(": Access Denied");
            log.expect_line(FIRMWARE_GAVE_UP);
            return false;
        }
        true
    }

    /// An image that starts nothing by itself, signed by our keys: in the guest as `/efi/stub.efi`.
    fn put_stub(&self) -> PathBuf {
        let disk = self.work.path().join("disk");
        fs::create_dir_all(&disk).expect("a folder");
        let stub = disk.join("stub.efi");
        fs::copy(EFI_STUB, &stub).expect("copied");
        self.own.sign_efi(&stub);
        stub
    }

    /// The card's Option ROM is signed by nobody, and has to be kept by its hash.
    fn nothing_is_written_that_would_stop_the_machine(&self) {
        let log = self.boot(
            &self.own,
            "try bootseal enroll apply --keys /own --yes\n\
             flag SetupMode\n\
             bootseal --json enroll plan --keys /own --keep-option-roms >/tmp/plan\n\
             echo \"vm: plan ended with $?\"\n\
             sed 's/.*\"covered_by\":\"\\([a-z_]*\\)\".*/vm: covered by \\1/' /tmp/plan\n\
             digest=$(sed 's/.*\"digest\":\"\\([0-9a-f]*\\)\".*/\\1/' /tmp/plan)\n\
             mkdir /tmp/pcrlock\n\
             try bootseal enroll plan --keys /own --keep-option-roms --pcrlock /tmp/pcrlock\n\
             for file in /tmp/pcrlock/*/*; do echo \"vm: component ${file#/tmp/pcrlock/} $(cat $file)\"; done\n\
             echo \"vm: predicted $(sed 's/.*\"predicted\":\"\\([0-9a-f]*\\)\".*/\\1/' /tmp/plan)\"\n\
             try bootseal enroll apply --keys /own --keep-option-roms --plan 00\n\
             try bootseal enroll apply --keys /own --keep-option-roms --plan $digest\n",
        );
        log.expect_line("vm: SecureBoot=0");
        log.expect_line("vm: ended with 1: bootseal enroll apply --keys /own --yes");
        log.expect("error: nothing is written: the Option ROM of PciRoot(0x0)/Pci(");
        log.expect_line("vm: plan ended with 0");
        log.expect_line("vm: covered by hash");
        log.expect_line("vm: ended with 1: bootseal enroll apply --keys /own --keep-option-roms --plan 00");
        assert_eq!(log.after("vm: SetupMode="), ["1", "1", "0"]);
        for component in log.after("vm: component ") {
            let (name, text) = component.split_once(' ').expect("a component with its name");
            let file = self.components().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        }
        fs::write(self.work.path().join("predicted"), &log.after("vm: predicted ")[0]).expect("written");
    }

    fn pcr_7_is_what_was_predicted_and_the_option_rom_runs(&self) {
        self.put_stub();
        let log = self.boot(
            &self.own,
            "echo \"vm: events $(base64 /sys/kernel/security/tpm0/binary_bios_measurements | tr -d '\\n')\"\n\
             try bootseal --json enroll add db /new/db.pem --keys /own --yes\n\
             try bootseal --json enroll plan --keys /own --keep-option-roms\n\
             try bootseal enroll add dbx /efi/stub.efi --keys /own --yes\n\
             try bootseal enroll add dbx /efi/EFI/BOOT/BOOTX64.EFI --keys /own --yes\n",
        );
        log.expect_line("vm: SecureBoot=1");
        let predicted = fs::read_to_string(self.work.path().join("predicted")).expect("a prediction");
        assert_eq!(predicted.len(), 64, "{predicted}");
        assert_eq!(log.after("vm: pcr7 "), [predicted.as_str()]);
        self.systemd_pcrlock_knows_the_start(&log.after("vm: events ")[0], &predicted);
        // The key directory knows of what was added, in another order than the firmware.
        let plans = log.after("{\"schema\":\"bootseal.enroll.plan/1\"");
        let is_kept = |plan: &String| {
            ["added", "removed"]
                .iter()
                .all(|change| !plan.contains(&format!("\"change\":\"{change}\"")))
        };
        assert!(plans.len() == 1 && plans.iter().all(is_kept), "{plans:?}");
        log.expect_line("vm: ended with 0: bootseal --json enroll add db /new/db.pem --keys /own --yes");
        log.expect_line("vm: ended with 0: bootseal enroll add dbx /efi/stub.efi --keys /own --yes");
        // What this very machine starts from.
        log.expect_line("vm: ended with 1: bootseal enroll add dbx /efi/EFI/BOOT/BOOTX64.EFI --keys /own --yes");
        log.expect("would be refused: fallback loader, /efi/EFI/BOOT/BOOTX64.EFI: dbx forbids the image's sha256 hash");
    }

    /// The components that a plan wrote.
    fn components(&self) -> PathBuf {
        self.work.path().join("pcrlock")
    }

    /// The components from before the write, and systemd's own separators, are all that PCR 7 was extended by in this start, and allow
    /// the value that it has now.
    fn systemd_pcrlock_knows_the_start(&self, events: &str, value: &str) {
        for separator in ["400-secureboot-separator", "500-separator"] {
            let name = format!("{separator}.pcrlock.d");
            let from = judge("pcrlock/usr/lib/pcrlock.d").join(&name);
            fs::create_dir(self.components().join(&name)).expect("made");
            for variant in fs::read_dir(from).expect("listed") {
                let variant = variant.expect("an entry");
                let to = self.components().join(&name).join(variant.file_name());
                fs::copy(variant.path(), to).expect("copied");
            }
        }
        let log = self.work.path().join("events");
        let events = Base64::decode_vec(events).expect("base64");
        fs::write(&log, events).expect("written");
        let (components, memory) = (self.components(), self.work.path().join("tpm"));
        let lock = PcrLock::start(&components, &log, &memory);
        let matched = lock.matched();
        let of_pcr_7 = matched.iter().filter(|(register, _)| *register == 7);
        let of_pcr_7: Vec<Option<&str>> = of_pcr_7.map(|(_, component)| component.as_deref()).collect();
        // SecureBoot, PK, KEK, db, dbx; the separator; what let in the loader. A hash that let in the Option ROM is measured nowhere here.
        let [policy, separator, authority] = [
            "240-secureboot-policy",
            "400-secureboot-separator",
            "620-secureboot-authority",
        ]
        .map(Some);
        let wanted = [policy, policy, policy, policy, policy, separator, authority];
        assert_eq!(of_pcr_7, wanted, "{matched:?}");
        // The other is that of a start that went wrong, by the other separator.
        let allowed = lock.predicted();
        assert!(
            allowed.len() == 2 && allowed.iter().any(|allowed| allowed == value),
            "{allowed:?}"
        );
    }

    fn a_revoked_image_is_refused_and_an_added_key_lets_in(&self) {
        assert!(!self.starts(&self.put_stub()), "the firmware starts what dbx forbids");
        let log = self.boot(
            &self.new,
            "try bootseal enroll remove db nobody --keys /own --yes\n\
             try bootseal enroll remove db $(sha256sum /new/db.der | cut -c 1-16) --keys /own --yes\n\
             try bootseal enroll remove db $(sha256sum /new/db.der | cut -c 1-16) --keys /own --yes \
             --i-know-this-machine-may-not-boot\n",
        );
        log.expect_line("vm: SecureBoot=1");
        let ended: Vec<String> = log
            .after("vm: ended with ")
            .iter()
            .map(|line| line[..1].to_owned())
            .collect();
        assert_eq!(ended, ["1", "1", "0"]);
    }

    fn a_removed_key_lets_nothing_in(&self) {
        let image = self.work.path().join("by-new.efi");
        fs::copy(&self.image, &image).expect("copied");
        self.new.sign_efi(&image);
        assert!(!self.starts(&image), "the firmware starts what nobody in db has signed");
    }

    /// Rotation, then a reset to Setup Mode, and back to the variables from before.
    fn other_keys_take_over(&self) {
        let log = self.boot(
            &self.own,
            "try bootseal enroll rotate /new --keys /own --yes\n\
             try bootseal enroll add dbx /efi/run.sh --keys /own --yes\n\
             try bootseal sign efi --keys /new /efi/EFI/BOOT/BOOTX64.EFI\n\
             try bootseal enroll apply --keys /new --keep-option-roms --yes\n\
             try bootseal enroll add db /own/db.der --keys /own --yes\n\
             try bootseal enroll reset --keys /new --yes\n\
             flag SetupMode\n\
             backup=$(ls -d /var/lib/bootseal/backups/* | tail -n 1)\n\
             try bootseal enroll add db /own/db.der --keys /new --yes\n\
             try bootseal enroll revert $backup --keys /new --yes\n",
        );
        let ended: Vec<String> = log
            .after("vm: ended with ")
            .iter()
            .map(|line| line[..1].to_owned())
            .collect();
        assert_eq!(ended, ["0", "1", "0", "0", "1", "0", "0", "0"]);
        assert_eq!(log.after("vm: SetupMode="), ["0", "1", "0"]);
        let by_old = self.work.path().join("by-old.efi");
        fs::copy(&self.image, &by_old).expect("copied");
        self.own.sign_efi(&by_old);
        assert!(!self.starts(&by_old), "the old key still lets in");
        let by_new = self.work.path().join("by-new.efi");
        assert!(self.starts(&by_new), "the new key does not let in");
    }
}
