//! Command lines of kernels: unified images, entries of boot loaders, and what is built in.

use std::fs;
use std::process::Command;

use super::modules::cpio;
use super::{Machine, unsigned_module};
use crate::support::programs::{EFI_STUB, host_file};
use crate::support::{succeed, tool};

const IMAGE: &str = "efi/EFI/Linux/gentoo-6.12.efi";

impl Machine {
    /// A unified image as `objcopy` makes one of systemd's stub, signed.
    fn unified(&self, name: &str, sections: &[(&str, &[u8])]) {
        let mut objcopy: Command = tool("objcopy");
        // Beyond the stub's own sections, in the order of addresses.
        let mut address = 0x1_5000_0000_u64;
        for (section, content) in sections {
            let file = self.path(&format!("section{section}"));
            fs::write(&file, content).unwrap();
            objcopy.arg(format!("--add-section={section}={}", file.display()));
            objcopy.arg(format!("--change-section-vma={section}={address:#x}"));
            address += (content.len() as u64).next_multiple_of(0x1000) + 0x1000;
        }
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        succeed(objcopy.arg(host_file(EFI_STUB)).arg(&path));
        self.run(["sign", "efi"], &[name]);
    }
}

const RELEASE: &[u8] = b"ID=gentoo\nPRETTY_NAME=\"Gentoo Linux\"\n";

#[test]
fn unified_images_are_judged_by_what_is_in_them() {
    let machine = Machine::new();
    let signed = fs::read(machine.path(&format!("lib/modules/{}/kernel/x.ko", super::KERNEL))).unwrap();
    let good = cpio(&[("lib/modules/x.ko", &signed)]);
    let with = |line: &[u8], initrd: &[u8]| {
        let sections: [(&str, &[u8]); 5] = [
            (".osrel", RELEASE),
            (".uname", b"6.12.58-gentoo"),
            (".cmdline", line),
            (".linux", b"kernel"),
            (".initrd", initrd),
        ];
        machine.unified(IMAGE, &sections);
    };
    with(b"root=/dev/vda2 ro lockdown=integrity", &good);
    assert_eq!(machine.audit(), (0, vec![]));
    let said = succeed(&mut machine.bootseal(["audit", "-v", "--only", "boot.uki"]));
    assert!(
        said.contains("Gentoo Linux, Linux 6.12.58-gentoo, initramfs of "),
        "{said}"
    );
    with(b"root=/dev/vda2 ro lockdown=none", &good);
    machine.convicts("boot.uki", "fail", &format!("/{IMAGE}: lockdown=none"));
    with(b"root=/dev/vda2", &cpio(&[("lib/modules/x.ko", &unsigned_module())]));
    machine.convicts(
        "modules.initramfs",
        "fail",
        &format!("/{IMAGE} .initrd: lib/modules/x.ko"),
    );
    machine.unified(IMAGE, &[(".osrel", RELEASE), (".linux", b"kernel")]);
    machine.convicts("boot.uki", "warn", &format!("/{IMAGE}"));
    with(b"root=/dev/vda2", &good);
    for addon in [
        "efi/EFI/Linux/gentoo-6.12.efi.extra.d/debug.addon.efi",
        "efi/loader/addons/debug.addon.efi",
        // Whatever it is called, and where no EFI system partition is mounted.
        "efi/notes.txt",
        "boot/notes.txt",
        "boot/debug.efi",
        "boot/EFI/Linux/gentoo-6.12.efi.extra.d/debug.addon.efi",
        "boot/loader/addons/debug.addon.efi",
        "boot/efi/EFI/Linux/debug.addon.efi",
    ] {
        machine.unified(addon, &[(".cmdline", b"init=/bin/sh")]);
        machine.convicts("boot.uki", "fail", &format!("/{addon}: init=/bin/sh"));
        fs::remove_file(machine.path(addon)).unwrap();
    }
}

#[test]
fn command_lines_of_entries_and_kernels_are_judged() {
    let machine = Machine::new();
    let grub = "boot/grub/grub.cfg";
    let before = fs::read(machine.path(grub)).unwrap();
    let menu = |line: &str| {
        let text = format!(
            "set extra=\"systemd.debug_shell\"\nmenuentry 'Linux' --unrestricted {{\n  linux /vmlinuz root=/dev/vda2 {line}\n  initrd /initrd\n}}\n"
        );
        machine.write(grub, text.as_bytes());
        machine.run(["sign", "grub"], &["boot/grub"]);
    };
    for (line, found) in [
        ("module.sig_enforce=0 quiet", "module.sig_enforce=0"),
        ("\"init=/bin/sh -c\"", "init=/bin/sh -c"),
        ("quiet $extra", "systemd.debug_shell"),
        ("single", "single"),
    ] {
        menu(line);
        machine.convicts("boot.command_lines", "fail", &format!("/{grub}:3: {found}"));
    }
    machine.write(grub, &before);
    machine.run(["sign", "grub"], &["boot/grub"]);
    assert_eq!(machine.audit(), (0, vec![]));
    let entry = "efi/loader/entries/gentoo.conf";
    let linux = "title Gentoo\nlinux /EFI/BOOT/BOOTX64.EFI\n";
    machine.write(
        entry,
        format!("{linux}options root=/dev/vda2\noptions lockdown=none\n").as_bytes(),
    );
    machine.convicts("boot.command_lines", "fail", &format!("/{entry}: lockdown=none"));
    machine.write(entry, linux.as_bytes());
    machine.write(
        "boot/config-6.12",
        b"CONFIG_CMDLINE_BOOL=y\nCONFIG_CMDLINE=\"root=/dev/sda rdinit=/bin/sh\"\n",
    );
    machine.convicts(
        "boot.command_lines",
        "fail",
        "/boot/config-6.12 CONFIG_CMDLINE: rdinit=/bin/sh",
    );
}
