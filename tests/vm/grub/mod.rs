//! GRUB as this project wants it: it opens nothing that its embedded key did not sign. Every version that there is says
//! so itself.

mod entries;
mod forms;
pub mod image;
mod packets;
mod scripts;
mod shim;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::bootseal::Bootseal;
use super::flip_byte;
use super::guest::{COMMAND_LINE, FIRST_WORDS, silent};
use super::machine::{Machine, Serial};
use super::packages::{self, Kernel};
use forms::Forms;
use image::Version;
pub use tree::install;

/// Said by the embedded configuration once it has come to its end without a boot.
pub const LAST_WORDS: &str = "bootseal: nothing was started: ";

/// Of the only one who may edit an entry or open a shell, `root`.
const PASSWORD: &str = "korrekt-pferd";
/// Said to everybody else.
const DENIED: &str = "error: access denied";

#[test]
fn grub_opens_only_what_is_signed() {
    packages::require_all();
    let chain = Chain::begin();
    for version in [Version::V2_06, Version::V2_12, Version::V2_14] {
        chain.upgrade(version);
        chain.what_is_signed_boots_and_nothing_else_is_opened(version);
        chain.a_bad_configuration_ends_in_a_reboot(version);
    }
    for version in [Version::V2_06, Version::V2_14] {
        chain.an_image_without_pgp_enforces_nothing(version);
    }
}

/// A machine with keys and a disk, whose GRUB is upgraded.
struct Chain {
    own: Bootseal,
    /// The second key that GRUB embeds, for a rotation.
    next: Bootseal,
    /// A key that GRUB does not embed.
    stranger: Bootseal,
    machine: Machine,
    forms: Forms,
    disk: PathBuf,
    /// Holds it all.
    work: TempDir,
}

impl Chain {
    fn begin() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let [own, next, stranger] = ["own", "next", "stranger"].map(|name| Bootseal::ceremony(&work.path().join(name)));
        let machine = Machine::in_setup_mode();
        own.enroll_image(machine.variables());
        let disk = work.path().join("disk");
        for folder in ["EFI/BOOT", "boot/grub"] {
            fs::create_dir_all(disk.join(folder)).expect("a folder");
        }
        let kernel = disk.join("boot/vmlinuz");
        fs::copy(Kernel::newest().image(), &kernel).expect("copied");
        // The firmware's signature is inside the file, so GRUB's, which is beside it, comes last.
        own.sign_efi(&kernel);
        fs::write(disk.join("boot/initrd.img"), silent()).expect("written");
        Self {
            own,
            next,
            stranger,
            machine,
            forms: Forms::new(),
            disk,
            work,
        }
    }

    fn grub(&self) -> PathBuf {
        self.disk.join("boot/grub")
    }

    /// The packages of this version over those of another, everything signed again, and a new core image.
    fn upgrade(&self, version: Version) {
        let (grub, bad) = (self.grub(), self.disk.join("bad"));
        if bad.exists() {
            // What grub.cfg names is signed wherever it is.
            fs::remove_dir_all(&bad).expect("removed");
        }
        tree::install(version, &grub);
        fs::write(grub.join("signed.cfg"), "echo 'this may be read'\n").expect("written");
        fs::write(grub.join("grubenv"), environment()).expect("written");
        let forms = self.forms.write(&self.disk.join("forms"));
        fs::write(grub.join("forms.cfg"), forms).expect("written");
        fs::write(grub.join("grub.cfg"), tree::configuration()).expect("written");
        if version == Version::V2_06 {
            self.own.sign_for_grub(&[self.disk.join("boot")]);
        } else {
            let package = format!("sys-boot/grub-{}", version.number());
            // The package's files on the root file system, which vouch for those on the disk.
            let (source, config) = (self.disk.join("usr"), self.disk.join("etc"));
            copy_tree(&grub, &source.join("share/grub-of-package"));
            copy_tree(&self.disk.join("forms"), &source.join("share/forms"));
            fs::create_dir_all(config.join("bootseal")).expect("a folder");
            let sources = "[sign]\nsources = [\"/usr/share\"]\n";
            fs::write(config.join("bootseal/config.toml"), sources).expect("written");
            self.own.package_was_installed(&self.disk, &package);
            for directory in [source, config] {
                fs::remove_dir_all(directory).expect("removed");
            }
            // What GRUB falls back to has a test of its own.
            for name in ["grub.cfg.signed", "grub.cfg.signed.sig"] {
                fs::remove_file(grub.join(name)).expect("the menu was kept");
            }
        }
        // The first is before the rotation of keys.
        let next = (version != Version::V2_06).then_some(&self.next);
        if let Some(next) = next {
            next.sign_for_grub(&[self.disk.join("boot/initrd.img")]);
        }
        tree::change(&self.disk.join("boot"), &bad);
        self.stranger
            .sign_for_grub(&["other.cfg", "other.img"].map(|name| bad.join(name)));

        let loader = self.disk.join("EFI/BOOT/BOOTX64.EFI");
        image::enforcing(version, &self.own, next, &loader);
        if next.is_none() {
            assert!(self.own.verify(&loader), "bootseal verify refuses what it built");
        } else {
            let said = self.own.refuses(&loader);
            assert!(said.contains(" is embedded, which is none of yours"), "{said}");
        }
    }

    /// A person at the menu has no password, and then has it.
    fn what_is_signed_boots_and_nothing_else_is_opened(&self, version: Version) {
        let theme = ("for everybody", "t");
        let conversation: &[_] = if version == Version::V2_14 {
            // With its command line disabled nobody is asked, and nobody may: not even start a restricted entry.
            &[
                ("for everybody", "e"),
                (DENIED, " "),
                ("for everybody", "c"),
                (DENIED, " "),
                theme,
                (tree::BAD, " "),
                ("for the locked out", "l"),
                (DENIED, " "),
                ("for the locked out", "o"),
            ]
        } else {
            &[
                ("for everybody", "e"),
                ("Enter username:", "root\r"),
                ("Enter password:", "wrong\r"),
                (DENIED, ""),
                ("for everybody", "c"),
                ("Enter username:", "nobody\r"),
                ("Enter password:", "wrong\r"),
                (DENIED, ""),
                theme,
                (tree::BAD, " "),
                ("for the superuser", "l"),
                ("Enter username:", "root\r"),
                ("Enter password:", "korrekt-pferd\r"),
            ]
        };
        let log = self.machine.talk(&self.disk, conversation);
        no_shell(&log);
        tree::judge(&log);
        self.forms.judge(&log);
        log.expect_line(&format!("{FIRST_WORDS}BOOT_IMAGE=/boot/vmlinuz {COMMAND_LINE}"));
        log.expect_line("vm: lockdown: none [integrity] confidentiality");
    }

    fn a_bad_configuration_ends_in_a_reboot(&self, version: Version) {
        let configuration = self.grub().join("grub.cfg");
        let signature = self.grub().join("grub.cfg.sig");
        let good = [&configuration, &signature].map(|path| fs::read(path).expect("a file"));
        let refused = |words: &str| {
            let log = self.machine.boot(&self.disk);
            log.expect(words);
            log.expect(LAST_WORDS);
            log.expect_no("try ");
            log.expect_no(FIRST_WORDS);
            no_shell(&log);
        };
        fs::remove_file(&signature).expect("removed");
        refused("grub.cfg.sig' not found");
        if version != Version::V2_14 {
            fs::write(&signature, &good[1]).expect("written");
            flip_byte(&configuration);
            refused("error: bad signature");
            fs::write(&configuration, &good[0]).expect("written");
            fs::remove_file(&signature).expect("removed");
            self.stranger.sign_for_grub(std::slice::from_ref(&configuration));
            refused(" not found");
        }
        fs::write(&configuration, &good[0]).expect("written");
        fs::write(&signature, &good[1]).expect("written");
    }
}

impl Chain {
    /// It has the key and the words, and starts what nobody has signed for it.
    fn an_image_without_pgp_enforces_nothing(&self, version: Version) {
        let disk = self.work.path().join(format!("{version:?}-without-pgp"));
        for folder in ["EFI/BOOT", "boot/grub"] {
            fs::create_dir_all(disk.join(folder)).expect("a folder");
        }
        for name in ["boot/vmlinuz", "boot/initrd.img"] {
            fs::copy(self.disk.join(name), disk.join(name)).expect("copied");
        }
        fs::write(disk.join("boot/grub/grub.cfg"), tree::unsigned_configuration()).expect("written");
        let loader = disk.join("EFI/BOOT/BOOTX64.EFI");
        image::lacking_pgp(version, &self.own.keys.join("grub.gpg"), &loader);
        self.own.sign_efi(&loader);
        let said = self.own.refuses(&loader);
        let verdict = "does not enforce, because the module tpm is in it and pgp is not";
        assert!(said.contains(verdict), "{said}");

        let log = self.machine.with_tpm().boot(&disk);
        log.expect_line("check_signatures is enforce");
        log.expect_line(&format!("{FIRST_WORDS}BOOT_IMAGE=/boot/vmlinuz {COMMAND_LINE}"));
    }
}

fn no_shell(log: &Serial) {
    log.expect_no("grub>");
    log.expect_no("grub rescue>");
}

/// An environment block of 1024 bytes.
fn environment() -> Vec<u8> {
    let mut block = b"# GRUB Environment Block\nsaved_entry=0\n".to_vec();
    block.resize(1024, b'#');
    block
}

/// Copies a directory with all that is in it.
fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let copy = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_tree(&path, &copy);
        } else {
            fs::copy(&path, &copy).expect("copied");
        }
    }
}
