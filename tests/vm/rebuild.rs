//! The life of a kernel on one disk: the hooks install it in the guest, the machine starts it under Secure Boot and GRUB's
//! enforcement, it goes again. What a killed hook leaves starts the kernel of before, and what an attacker laid there while
//! the machine was off is refused as before.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::bootseal::Bootseal;
use super::disk::{self, DISK_UUID};
use super::guest::{self, COMMAND_LINE};
use super::machine::{FIRMWARE_GAVE_UP, Machine, Serial};
use super::node::{MODULES, Root, put_modules};
use super::packages::{self, Kernel, run};
use crate::support::programs::tool;

/// Executables of this guest alone, by their places in it.
const PROGRAMS: [(&str, &str); 1] = [("init", include_str!("rebuild/init.sh"))];

#[test]
fn a_kernel_comes_and_goes() {
    packages::require_all();
    let life = Life::begin();
    life.hooks_are_killed_half_way();
    life.the_kernel_of_before_starts_and_the_hooks_install_the_new_one();
    life.the_new_kernel_starts_and_is_removed();
    life.the_kernel_of_before_is_back();
}

/// Images that an attacker lays on the disk: names by which hooks sign kernels, and unified images.
const LOADERS: [&str; 3] = ["EFI/evil/vmlinuz.efi", "EFI/Linux/kernel.efi", "bzImage.efi"];
/// A GRUB that enforces nothing, as Debian has it for its own signature.
const UNENFORCING: &str = "/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi";

#[test]
fn what_was_planted_while_the_machine_was_off_is_refused() {
    packages::require_all();
    let life = Life::begin();
    life.an_attacker_has_the_disk();
    life.the_next_kernel_is_signed_and_nothing_that_was_planted();
    life.the_next_kernel_starts_and_grub_refuses_the_configuration();
    life.what_the_owner_accepts_is_run();
    life.the_firmware_refuses_the_loader();
}

struct Life {
    bootseal: Bootseal,
    machine: Machine,
    disk: PathBuf,
    old: String,
    new: String,
    work: TempDir,
}

impl Life {
    /// A disk with the old kernel, installed from outside, and all that the build of the new one has left.
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let bootseal = Bootseal::ceremony(&work.path().join("keys"));
        let [new, old] = Kernel::newest_ones();
        let root = Root(work.path().join("root"));
        root.make(&bootseal, &bootseal.keys, COMMAND_LINE, &PROGRAMS);
        root.common_initrd(&bootseal);
        root.install(&bootseal, &old);

        let boot = root.0.join("boot");
        // The guest's root is in memory; a real one keeps its state.
        let state = root.0.join("var/lib");
        run(tool("tar")
            .arg("-C")
            .arg(state)
            .arg("-cf")
            .arg(boot.join("state.tar"))
            .arg("bootseal"));
        put_modules(&boot.join("built"), &new);
        fs::copy(new.image(), boot.join("built/bzImage")).expect("copied");
        let loader = boot.join("EFI/BOOT/BOOTX64.EFI");
        fs::create_dir_all(boot.join("EFI/BOOT")).expect("a folder");
        bootseal.grub_image(&[
            "--fs-uuid".into(),
            DISK_UUID.into(),
            "--grub-path".into(),
            "/grub".into(),
            "--menu".into(),
            boot.join("grub/grub.cfg").into(),
            "--output".into(),
            loader.into(),
        ]);
        let disk = work.path().join("disk.img");
        disk::make_disk(&disk, &boot);
        let machine = Machine::in_setup_mode();
        bootseal.enroll_image(machine.variables());
        Self {
            bootseal,
            machine,
            disk,
            old: old.release().to_owned(),
            new: new.release().to_owned(),
            work,
        }
    }

    /// Starts the machine, which must come up with this kernel, locked down, and its modules; then it does this.
    fn boot(&self, release: &str, script: &str) -> Serial {
        let file = self.work.path().join("run.sh");
        fs::write(&file, script).expect("written");
        disk::write_to_disk(&self.disk, &file);
        let log = self.machine.boot_disk(&self.disk);
        log.expect_line(&format!(
            "vm: started with BOOT_IMAGE=/vmlinuz-{release} {COMMAND_LINE}"
        ));
        for path in MODULES {
            let (_, name) = path.rsplit_once('/').expect("a path");
            log.expect_line(&format!("vm: {} loads", name.trim_end_matches(".ko")));
        }
        log.expect_line("vm: SecureBoot=1");
        log.expect_line("vm: lockdown: none [integrity] confidentiality");
        log.expect_line("vm: tainted=0");
        log
    }

    /// First between the image's signatures for the firmware and for GRUB; then with a new menu that nobody has signed
    /// yet, so that GRUB is left with the menu of before.
    fn hooks_are_killed_half_way(&self) {
        let (old, new) = (self.old.as_str(), self.new.as_str());
        let log = self.boot(
            old,
            &format!("killed_in image 3 emerge_kernel {new}\nkilled_in grub 1 emerge_kernel {new}"),
        );
        assert_eq!(log.after("vm: installkernel ended with "), ["137", "137"]);
        let killed: Vec<_> = log
            .after("vm: ran ")
            .into_iter()
            .filter(|line| line.ends_with(" 137"))
            .collect();
        assert_eq!(
            killed,
            ["postinst.d/50-bootseal-image 137", "postinst.d/zz_bootseal-grub 137"]
        );
        assert_eq!(log.after("vm: first of the menu: "), [old, new, new]);
        let image = format!("./vmlinuz-{new}");
        let there = log.after("vm: there are ");
        assert!(
            there[0].contains(&image) && !there[0].contains(&format!("{image}.sig")),
            "{there:#?}"
        );
        assert!(there[0].contains("./.bootseal-"), "{there:#?}");
    }

    fn an_attacker_has_the_disk(&self) {
        for path in LOADERS {
            disk::put_on_disk(&self.disk, Path::new(UNENFORCING), path);
        }
        let custom = self.work.path().join("custom.cfg");
        let text = format!(
            "set check_signatures=no\necho custom.cfg was run\necho {}\n",
            guest::LAST_WORDS
        );
        fs::write(&custom, text).expect("written");
        disk::put_on_disk(&self.disk, &custom, "grub/custom.cfg");
    }

    /// Another system on the machine changes the initramfs that is in use, so that the guest can start.
    fn the_next_kernel_is_signed_and_nothing_that_was_planted(&self) {
        let (old, new) = (self.old.as_str(), self.new.as_str());
        let log = self.boot(
            old,
            &format!(
                "tar -xf /boot/state.tar -C /var/lib\necho evil >>/boot/initramfs-{old}.img\nemerge_kernel {new}\n\
                 bootseal audit --only boot.unvouched | sed 's/^/vm: audit: /'"
            ),
        );
        assert_eq!(log.after("vm: installkernel ended with "), ["0"]);
        let there = log.after("vm: there are ");
        assert!(
            there[0].contains("./grub/custom.cfg ") && !there[0].contains("custom.cfg.sig"),
            "{there:#?}"
        );
        let audit = log.after("vm: audit: ").join("\n");
        let initramfs = format!("initramfs-{old}.img");
        for planted in LOADERS.iter().chain(&["grub/custom.cfg", &initramfs]) {
            let told = format!("/boot/{planted} is left unsigned since ");
            assert!(audit.contains(&told), "{planted}\n{audit}");
        }
        for (number, path) in LOADERS.iter().enumerate() {
            let file = self.work.path().join(format!("{number}.efi"));
            disk::read_from_disk(&self.disk, path, &file);
            self.bootseal.refuses(&file);
        }
        let (file, signature) = (
            self.work.path().join("initramfs"),
            self.work.path().join("initramfs.sig"),
        );
        disk::read_from_disk(&self.disk, &initramfs, &file);
        disk::read_from_disk(&self.disk, &format!("{initramfs}.sig"), &signature);
        let mut gpgv = tool("gpgv");
        gpgv.arg("--keyring")
            .arg(self.bootseal.keys.join("grub.gpg"))
            .arg(&signature)
            .arg(&file);
        assert!(!gpgv.output().expect("gpgv can be started").status.success());
    }

    fn the_next_kernel_starts_and_grub_refuses_the_configuration(&self) {
        let accept = "bootseal sign grub --accept-changed /boot/grub/custom.cfg /boot/grub/custom.cfg\n\
                      echo \"vm: accepted with $?\"";
        let log = self.boot(&self.new, accept);
        log.expect_no("custom.cfg was run");
        log.expect_line("vm: accepted with 0");
    }

    /// The same menu and the same file, but with a signature: that it was not run before is GRUB's doing. What it did to GRUB
    /// has that start nothing under Secure Boot.
    fn what_the_owner_accepts_is_run(&self) {
        let log = self.machine.boot_disk(&self.disk);
        log.expect_line("custom.cfg was run");
    }

    fn the_firmware_refuses_the_loader(&self) {
        let planted = self.work.path().join("0.efi");
        disk::put_on_disk(&self.disk, &planted, "EFI/BOOT/BOOTX64.EFI");
        let log = self.machine.boot_disk(&self.disk);
        log.expect(": Access Denied");
        log.expect_line(FIRMWARE_GAVE_UP);
    }

    fn the_kernel_of_before_starts_and_the_hooks_install_the_new_one(&self) {
        let log = self.boot(&self.old, &format!("emerge_kernel {}", self.new));
        assert_eq!(log.after("vm: installkernel ended with "), ["0"]);
        let there = log.after("vm: there are ");
        assert!(!there[0].contains("./.bootseal-"), "{there:#?}");
    }

    fn the_new_kernel_starts_and_is_removed(&self) {
        let (old, new) = (self.old.as_str(), self.new.as_str());
        // The menu was made by hand, and nobody else vouches for it.
        let script = format!(
            "remove_kernel {new}\nbootseal hook run --accept-changed /boot/grub/grub.cfg all {old}\n\
             echo \"vm: hook ended with $?\""
        );
        let log = self.boot(new, &script);
        log.expect_line("vm: hook ended with 0");
        assert_eq!(log.after("vm: first of the menu: "), [old]);
        let there = log.after("vm: there are ");
        assert!(!there[0].contains(new), "{there:#?}");
    }

    fn the_kernel_of_before_is_back(&self) {
        self.boot(&self.old, "");
    }
}
