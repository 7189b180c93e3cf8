//! Files that an attacker lays on the boot media while the machine is off are not signed at the next installation of a kernel;
//! those that the installation itself puts there are.

use std::fs;
use std::path::Path;
use std::process::Command;

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::grub::signature_name::signature_path;

use super::node::{Hooked, VERSION};
use crate::support::judges::{check_grub, check_kernel, sbverify};
use crate::support::kernel::initramfs as initramfs_of;
use crate::support::node::{contents, menu};
use crate::support::{refuse, succeed, text};

/// The kernel that was installed before the attack.
pub(super) const OLD: &str = "6.6.1-gentoo";

pub(super) fn gpgv(file: &Path) -> Command {
    crate::support::judges::gpgv(&signature_path(file), file)
}

/// An image that nobody signed, and that differs by this byte.
pub(super) fn image(byte: u8) -> Vec<u8> {
    let mut image = minimal_image();
    *image.last_mut().unwrap() = byte;
    image
}

/// A machine whose old kernel was installed and signed, and whose next kernel has been built.
pub(super) struct Attacked {
    pub node: Hooked,
    is_systemd: bool,
}

impl Attacked {
    pub fn new(is_systemd: bool) -> Self {
        let node = Hooked::new();
        for name in [
            format!("boot/vmlinuz-{VERSION}"),
            format!("boot/initramfs-{VERSION}.img"),
        ] {
            fs::remove_file(node.path(&name)).unwrap();
        }
        node.write(
            "proc/sys/kernel/random/boot_id",
            "3b6fbd2e-1f0c-4d4f-9d2b-0d2d8b0f4a01\n",
        );
        node.write("usr/lib/grub/x86_64-efi/normal.mod", "a module of GRUB");
        node.write("boot/grub/x86_64-efi/normal.mod", "a module of GRUB");
        node.write(&format!("lib/modules/{OLD}/modules.dep"), "");
        let attacked = Self { node, is_systemd };
        attacked.install(OLD, 1, |_| ());
        attacked
    }

    /// The slots of an installation, with what other hooks do in between.
    fn install(&self, version: &str, byte: u8, meanwhile: impl Fn(&Hooked)) -> String {
        let node = &self.node;
        node.write(&format!("usr/src/bzImage-{version}"), image(byte));
        let source = format!("/usr/src/bzImage-{version}");
        let entry = format!("/boot/token/{version}");
        let slot = |name: &str, installed: &str| -> String {
            let command = if self.is_systemd {
                node.run(name, &["add", version, &entry, &source])
            } else {
                node.run(name, &[version, if name == "modules" { &source } else { installed }])
            };
            let mut command = command;
            let output = command.output().unwrap();
            assert!(output.status.success(), "{name}: {}", text(&output));
            text(&output)
        };
        let installed = format!("/boot/vmlinuz-{version}");
        let mut said = slot("modules", &installed);
        node.write(&format!("boot/vmlinuz-{version}"), image(byte));
        node.write(
            &format!("boot/initramfs-{version}.img"),
            initramfs_of(&format!("#!/bin/sh\n# {version}\n")),
        );
        meanwhile(node);
        said += &slot("image", &installed);
        node.write("boot/grub/grub.cfg", menu(version, byte));
        said += &slot("grub", &installed);
        check_kernel(&node.path(&format!("boot/vmlinuz-{version}")));
        for name in [format!("boot/initramfs-{version}.img"), "boot/grub/grub.cfg".to_owned()] {
            check_grub(&node.path(&name));
        }
        said
    }

    /// The machine is off, and on again.
    pub fn restart(&self) {
        let state = self.node.path("var/lib/bootseal");
        let stock = state.join("hooks/stock.json");
        assert!(!stock.exists(), "an installation that is over leaves no stock");
        self.node.write(
            "proc/sys/kernel/random/boot_id",
            "5c2a1d3e-7e0c-4d4f-8d2b-0d2d8b0f4a02\n",
        );
    }

    pub fn is_refused(&self, name: &str) {
        let path = self.node.path(name);
        refuse(&mut gpgv(&path));
        if [".efi", "vmlinuz", "bzImage", "kernel"]
            .iter()
            .any(|part| name.contains(part))
        {
            refuse(&mut sbverify(&path));
        }
    }
}

#[test]
fn files_that_were_planted_or_changed_while_the_machine_was_off_stay_unsigned() {
    for is_systemd in [false, true] {
        let machine = Attacked::new(is_systemd);
        let node = &machine.node;
        machine.restart();
        let planted: Vec<String> = [
            "boot/grub/custom.cfg",
            "boot/grub/x86_64-efi/evil.mod",
            "boot/grub/themes/x/theme.txt",
            "boot/grub/fonts/evil.pf2",
            "boot/initramfs-evil.img",
            "boot/initrd.img",
            "boot/intel-uc.img",
            "boot/early_ucode.cpio",
        ]
        .map(str::to_owned)
        .to_vec();
        for name in &planted {
            node.write(name, "set check_signatures=no\n");
        }
        let images = [
            "boot/vmlinuz",
            "boot/bzImage.efi",
            "boot/vmlinuz-evil",
            "boot/EFI/Linux/kernel.efi",
            "boot/EFI/evil/vmlinuz.efi",
            "boot/efi/EFI/evil/vmlinuz.efi",
            "boot/efi/EFI/Linux/kernel.efi",
            "efi/EFI/Linux/kernel.efi",
        ]
        .map(str::to_owned);
        // Names of the version that comes next as well.
        let of_version = [
            "boot/EFI/Linux/gentoo-@.efi",
            "boot/EFI/x/vmlinuz-@.efi",
            "boot/kernel-@",
            "boot/bzImage-@",
        ];
        let images = images
            .into_iter()
            .chain(of_version.map(|name| name.replace('@', VERSION)));
        let images: Vec<String> = images.collect();
        for name in &images {
            node.write(name, image(66));
        }
        // An image that we signed, with commands in its table of certificates, which no digest covers.
        let mut polyglot = fs::read(node.path(&format!("boot/vmlinuz-{OLD}"))).unwrap();
        let commands = b"\nset check_signatures=no\n";
        let end = polyglot.len() - commands.len();
        polyglot[end..].copy_from_slice(commands);
        node.write("boot/grub/more.cfg", polyglot);
        // Changed: the initramfs, a module of GRUB, the kernel itself; and a time in the future for one.
        node.write(&format!("boot/initramfs-{OLD}.img"), "evil");
        node.write("boot/grub/x86_64-efi/normal.mod", "evil");
        node.write(&format!("boot/vmlinuz-{OLD}"), image(67));
        let file = fs::File::options()
            .write(true)
            .open(node.path("boot/grub/custom.cfg"))
            .unwrap();
        file.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(3600))
            .unwrap();
        let said = machine.install(VERSION, 2, |node| {
            // The installation moves what is there out of the way.
            fs::rename(node.path("boot/initrd.img"), node.path("boot/initrd.img.old")).unwrap();
            fs::rename(node.path("boot/vmlinuz"), node.path("boot/vmlinuz.old")).unwrap();
        });
        for name in planted.iter().chain(&images) {
            let name = if ["boot/initrd.img", "boot/vmlinuz"].contains(&name.as_str()) {
                format!("{name}.old")
            } else {
                name.clone()
            };
            machine.is_refused(&name);
        }
        for name in [
            format!("boot/initramfs-{OLD}.img"),
            format!("boot/vmlinuz-{OLD}"),
            "boot/grub/x86_64-efi/normal.mod".to_owned(),
        ] {
            machine.is_refused(&name);
        }
        machine.is_refused("boot/grub/more.cfg");
        assert!(said.contains("custom.cfg stays unsigned: nobody knows it"), "{said}");
        let changed = format!("initramfs-{OLD}.img stays unsigned: it was changed after it was signed on ");
        assert!(said.contains(&changed), "{said}");
        // And again, with everything as it lies there.
        machine.install("6.12.59-gentoo", 3, |_| ());
        for name in planted.iter().filter(|name| *name != "boot/initrd.img") {
            machine.is_refused(name);
        }
    }
}

#[test]
fn ordinary_life_raises_no_false_alarm() {
    for is_systemd in [false, true] {
        live(&Attacked::new(is_systemd));
    }
}

/// Updates of kernels and of what lies beside them, and a backup that comes back.
fn live(machine: &Attacked) {
    let node = &machine.node;
    let backup = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| succeed(crate::support::tool("cp").arg("-aT").args([from, to]));
    for (round, version) in ["6.12.1-gentoo", "6.12.2-gentoo", VERSION].into_iter().enumerate() {
        machine.restart();
        let said = machine.install(version, 10 + u8::try_from(round).unwrap(), |_| ());
        assert!(!said.contains("unsigned"), "{said}");
    }
    // An update of GRUB: package first, then grub-install by hand, then the next kernel.
    node.write("usr/lib/grub/x86_64-efi/normal.mod", "a newer module of GRUB");
    node.write("boot/grub/x86_64-efi/normal.mod", "a newer module of GRUB");
    // Microcode and memtest, as Portage installs them.
    for (package, path, bytes) in [
        (
            "sys-firmware/intel-microcode-1",
            "boot/intel-uc.img",
            b"microcode".to_vec(),
        ),
        ("sys-apps/memtest86+-7", "boot/memtest86plus/memtest.efi", image(40)),
    ] {
        node.write(path, &bytes);
        node.write(
            &format!("var/db/pkg/{package}/CONTENTS"),
            contents(&format!("/{path}"), &bytes),
        );
    }
    // fwupd's loader, as it copies it; Portage's hook signs what the configuration names.
    for path in ["usr/libexec/fwupd/efi/fwupdx64.efi", "boot/efi/EFI/gentoo/fwupdx64.efi"] {
        node.write(path, image(41));
    }
    node.config("[sign]\nefi = [\"/boot/efi/EFI/gentoo/fwupdx64.efi\"]\n");
    succeed(&mut node.run("portage", &["sys-apps/fwupd-efi"]));
    succeed(&mut sbverify(&node.path("boot/efi/EFI/gentoo/fwupdx64.efi")));
    copy(&node.path("boot"), backup.path());
    machine.restart();
    machine.install("6.12.59-gentoo", 19, |_| ());
    // All of /boot as it was before that.
    fs::remove_dir_all(node.path("boot")).unwrap();
    copy(backup.path(), &node.path("boot"));
    // A backup that lost signatures.
    let initramfs = node.path(&format!("boot/initramfs-{VERSION}.img"));
    fs::remove_file(initramfs.with_file_name(format!("initramfs-{VERSION}.img.sig"))).unwrap();
    machine.restart();
    let said = machine.install("6.12.60-gentoo", 20, |_| ());
    assert!(!said.contains("unsigned"), "{said}");
    check_grub(&initramfs);
    check_grub(&node.path("boot/intel-uc.img"));
    check_grub(&node.path("boot/grub/x86_64-efi/normal.mod"));
}

#[test]
fn a_machine_that_was_signed_before_there_was_a_ledger_is_taken_over_once() {
    let machine = Attacked::new(false);
    let node = &machine.node;
    let state = node.path("var/lib/bootseal");
    fs::remove_file(state.join("ledger.jsonl")).unwrap();
    machine.restart();
    node.write("boot/grub/custom.cfg", "set check_signatures=no\n");
    let said = machine.install(VERSION, 2, |_| ());
    assert!(said.contains("are entered into the ledger as adopted"), "{said}");
    machine.is_refused("boot/grub/custom.cfg");
    // Once: a signature that comes later is not adopted.
    let ledger = fs::read_to_string(state.join("ledger.jsonl")).unwrap();
    assert!(
        ledger.contains("\"origin\":\"adopted\"") && !ledger.contains("custom.cfg"),
        "{ledger}"
    );
}

#[test]
fn a_name_that_is_commands_in_a_menu_keeps_the_menu_from_being_signed() {
    let machine = Attacked::new(true);
    let node = &machine.node;
    machine.restart();
    node.write("boot/vmlinuz-9;check_signatures=no;x", image(66));
    let (source, entry) = (format!("/usr/src/bzImage-{VERSION}"), format!("/boot/token/{VERSION}"));
    node.write(source.trim_start_matches('/'), image(2));
    let arguments = ["add", VERSION, &entry, &source];
    succeed(&mut node.run("modules", &arguments));
    let planted = "menuentry x {\nlinux /vmlinuz-9;check_signatures=no;x root=/dev/sda\n}\n";
    node.write("boot/grub/grub.cfg", format!("{}{planted}", menu(OLD, 5)));
    let said = succeed(&mut node.run("grub", &arguments));
    assert!(
        said.contains("into the menu as commands, so that no new menu is signed"),
        "{said}"
    );
    refuse(&mut gpgv(&node.path("boot/grub/grub.cfg")));
    // The remedy as it is printed.
    let (_, remedy) = said.lines().find_map(|line| line.split_once("is signed: rm ")).unwrap();
    succeed(crate::support::tool("sh").args(["-c", &format!("rm {remedy}")]));
    node.write("boot/grub/grub.cfg", menu(OLD, 6));
    succeed(&mut node.run("modules", &arguments));
    node.write("boot/grub/grub.cfg", menu(OLD, 7));
    succeed(&mut node.run("grub", &arguments));
    check_grub(&node.path("boot/grub/grub.cfg"));
}

#[test]
fn a_machine_that_lost_its_state_is_no_first_run() {
    for is_systemd in [false, true] {
        let machine = Attacked::new(is_systemd);
        let node = &machine.node;
        // As with keys on a token, of which there is no manifest, before there was a ledger.
        fs::remove_dir_all(node.path("var/lib/bootseal")).unwrap();
        node.write("boot/grub/custom.cfg", "set check_signatures=no\n");
        node.write("boot/initrd.img", "evil");
        machine.install(VERSION, 2, |_| ());
        for name in ["boot/grub/custom.cfg", "boot/initrd.img"] {
            machine.is_refused(name);
        }
    }
}

#[test]
fn an_installation_that_was_cut_short_is_made_up_for_by_the_next() {
    for is_systemd in [false, true] {
        let machine = Attacked::new(is_systemd);
        let node = &machine.node;
        // The power fails before the slots that sign: image, initramfs and menu lie there as the next run makes them again.
        node.write(&format!("boot/vmlinuz-{VERSION}"), image(2));
        node.write(
            &format!("boot/initramfs-{VERSION}.img"),
            format!("initramfs of {VERSION}"),
        );
        node.write("boot/grub/grub.cfg", format!("menuentry {VERSION} {{\n}}\n"));
        for name in [&format!("boot/initramfs-{VERSION}.img"), "boot/grub/grub.cfg"] {
            let file = fs::File::options().write(true).open(node.path(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3600))
                .unwrap();
        }
        // Somebody else adds to it, and what is a copy of it vouches for nothing.
        node.write("boot/grub/custom.cfg", "set check_signatures=no\n");
        node.write("boot/grub/grub.cfg.new", "set check_signatures=no\n");
        machine.restart();
        machine.install(VERSION, 2, |node| {
            node.write("boot/grub/custom.cfg", "set check_signatures=no\n");
        });
        machine.is_refused("boot/grub/custom.cfg");
    }
}
