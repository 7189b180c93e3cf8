//! The short form: what is on its screen, and what it leaves alone.

use std::ffi::OsStr;
use std::fs;

use bootseal::formats::firmware::authenticode::minimal_image;
use efivar::boot::{BootEntry, BootEntryAttributes, EFIHardDrive, EFIHardDriveType, FilePath, FilePathList};
use serde_json::Value;

use super::measured::unified;
use super::{ELSEWHERE, GLOBAL, KERNEL, Machine};
use crate::support::kernel::{initramfs, kernel_image};
use crate::support::programs::SYSTEMD_BOOT;
use crate::support::{refuse, succeed, text};

/// A machine with hooks, so that nothing is wrong in what the short form looks at.
fn machine() -> Machine {
    let machine = Machine::new();
    for name in ["usr/bin/bootseal", "usr/bin/kernel-install"] {
        machine.write(name, b"#!/bin/sh\n");
        machine.chmod(name, 0o755);
    }
    succeed(&mut machine.bootseal(["hook", "install"]));
    machine.write("etc/kernel/install.conf", b"layout=bls\n");
    machine
}

/// The screen, without what differs from ceremony to ceremony.
fn screen(machine: &Machine, said: &str) -> Vec<String> {
    let root = machine.root().to_str().unwrap();
    let said = said.replace(&format!(" --root {root}"), "").replace(root, "");
    let cuts = [" until ", " Key ", " test: ", " head "];
    let end = |line: &str| cuts.iter().filter_map(|cut| line.find(cut)).min();
    let shown = said
        .lines()
        .map(|line| line[..end(line).unwrap_or(line.len())].to_owned());
    shown.collect()
}

#[test]
fn all_is_on_one_screen() {
    let machine = machine();
    let said = succeed(&mut machine.bootseal(["status"]));
    let wanted = [
        "✓ Firmware   Secure Boot on, User Mode; entries: PK 1, KEK 2, db 4, dbx 443, as the key directory has them",
        "             of what Microsoft signs since June 2026 it takes updates of dbx, boot loaders, Option ROMs; not Windows",
        "✓ Next boot  fallback loader",
        "             /efi/EFI/BOOT/BOOTX64.EFI",
        "             accepted, signed by \"test Secure Boot Signing",
        "✓ Kernel     6.12.58-gentoo, lockdown integrity, sig_enforce is Y, trusts",
        "✓ Keys       PK      RSA-2048  elsewhere ",
        "             KEK     RSA-2048  elsewhere ",
        "             db      RSA-2048  plain     ",
        "             module  RSA-4096  plain     ",
        "             grub    RSA-4096  plain      does not expire",
        "✓ Hooks      mode systemd: kernel-install is there, and no installkernel",
        "             no hook has run yet",
        "✓ Ledger     11 lines, 7 signatures,",
        "- Last audit none is recorded: bootseal audit",
    ];
    assert_eq!(screen(&machine, &said), wanted, "{said}");
}

#[test]
fn what_is_wrong_is_named_with_what_mends_it() {
    let machine = machine();
    machine.set_variable("SecureBoot", GLOBAL, 6, &[0]);
    machine.write("sys/kernel/security/lockdown", b"[none] integrity confidentiality\n");
    let loader = "efi/EFI/BOOT/BOOTX64.EFI";
    machine.write(loader, bootseal::formats::firmware::authenticode::minimal_image());
    // Module trees are not read: whatever is in them changes nothing.
    machine.write(&format!("lib/modules/{KERNEL}/kernel/y.ko"), b"\x7fELF");
    let said = refuse(&mut machine.bootseal(["status"]));
    for wanted in [
        "✗ Firmware   Secure Boot off, User Mode",
        "             ✗ Secure Boot is off: the firmware starts anything\n               fix: switch it on",
        "✗ Next boot  fallback loader",
        "             refused, ",
        "✗ Kernel     6.12.58-gentoo, sig_enforce is Y",
        "             ✗ the kernel is not locked down",
        "error: findings: 3; checks that could not run: 0",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("y.ko"), "{said}");
}

/// One changed byte in the image that the loader starts, and the machine would not start, whatever the loader's own verdict.
#[test]
fn the_kernel_that_the_loader_starts_by_itself_is_judged_too() {
    let machine = machine();
    let status = |code: i32, wanted: &str| {
        let output = machine.bootseal(["status"]).output().unwrap();
        let said = text(&output).replace(machine.root().to_str().unwrap(), "");
        assert_eq!(output.status.code(), Some(code), "{said}");
        let sign = if code == 0 { "✓" } else { "✗" };
        assert!(
            said.contains(&format!("{sign} Next boot  fallback loader")) && said.contains(wanted),
            "{said}"
        );
    };
    let flip = |name: &str| {
        let mut bytes = machine.read(name);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        machine.write(name, bytes);
    };
    let loader = "efi/EFI/BOOT/BOOTX64.EFI";
    // GRUB: the first entry of its menu.
    machine.write(loader, machine.read(super::IMAGE));
    status(0, "then /boot/vmlinuz (/boot/grub/grub.cfg:1 \"Linux\"): accepted");
    let kernel = machine.read("boot/vmlinuz");
    flip("boot/vmlinuz");
    status(1, "then /boot/vmlinuz (/boot/grub/grub.cfg:1 \"Linux\"): refused");
    machine.write("boot/vmlinuz", kernel);
    // An entry that nobody may start, since the image has a superuser without a password; and one that starts no kernel.
    let menu = machine.read("boot/grub/grub.cfg");
    let with_menu = |entry: &[u8]| {
        machine.write("boot/grub/grub.cfg", entry);
        let menu = machine.path("boot/grub/grub.cfg");
        let words = ["sign", "grub", "--accept-changed"].map(OsStr::new);
        let said = text(&machine.bootseal(words).args([&menu, &menu]).output().unwrap());
        assert!(said.contains("signed 1"), "{said}");
    };
    with_menu(b"menuentry 'Linux' { linux /vmlinuz; initrd /initrd }\n");
    status(1, "GRUB asks for a superuser's password first, and nobody has one");
    with_menu(b"menuentry 'Firmware' --unrestricted { fwsetup }\n");
    status(1, "no entry starts a kernel or a loader that is there");
    with_menu(&menu);
    // systemd-boot: the newest, or the one that is configured.
    machine.write(loader, fs::read(SYSTEMD_BOOT).unwrap());
    machine.run(["sign", "efi"], &[loader]);
    status(1, "systemd-boot finds neither an entry nor a unified kernel image");
    for version in ["6.9.1", "6.12.2", "6.12.10+0"] {
        unified(&machine, &format!("efi/EFI/Linux/gentoo-{version}.efi"), version);
    }
    status(
        0,
        "then /efi/EFI/Linux/gentoo-6.12.2.efi (unified kernel image): accepted",
    );
    flip("efi/EFI/Linux/gentoo-6.12.2.efi");
    status(
        1,
        "then /efi/EFI/Linux/gentoo-6.12.2.efi (unified kernel image): refused",
    );
    let json = machine.bootseal(["--json", "status"]).output().unwrap();
    crate::support::remedies::printed(&json);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["next_kernel"]["source"], "unified kernel image", "{report}");
    machine.write("efi/loader/loader.conf", "timeout 3\ndefault gentoo-6.9*\n");
    status(
        0,
        "then /efi/EFI/Linux/gentoo-6.9.1.efi (unified kernel image): accepted",
    );
    // An entry whose kernel is gone.
    machine.write("efi/loader/entries/test.conf", "title x\nlinux /0123/linux\n");
    machine.write("efi/loader/loader.conf", "default test.conf\n");
    status(
        1,
        "/efi/loader/entries/test.conf: systemd-boot does not show it, since /0123/linux is not there; it starts unified kernel image",
    );
}

/// A boot option of the firmware's for a file on the EFI system partition.
fn entry(name: &str, path: &str, command_line: &str) -> BootEntry {
    BootEntry {
        attributes: BootEntryAttributes::LOAD_OPTION_ACTIVE,
        description: name.to_owned(),
        file_path_list: Some(FilePathList {
            hard_drive: EFIHardDrive {
                partition_number: 1,
                partition_start: 2048,
                partition_size: 0,
                partition_sig: "b0075ea1-0000-4000-8000-000000000001".parse().unwrap(),
                format: 2,
                sig_type: EFIHardDriveType::Gpt,
            },
            file_path: FilePath { path: path.to_owned() },
        }),
        optional_data: command_line.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    }
}

/// A distribution's own loader stays in the firmware's list, where nobody signed it for this machine.
#[test]
fn a_loader_that_firmware_refuses_is_no_finding_where_another_one_starts() {
    let machine = machine();
    machine.write("efi/EFI/debian/grubx64.efi", minimal_image());
    for (name, option) in [
        ("Boot0001", entry("Ours", "\\EFI\\BOOT\\BOOTX64.EFI", "")),
        ("Boot0003", entry("debian", "\\EFI\\debian\\grubx64.efi", "")),
    ] {
        machine.set_variable(name, GLOBAL, 7, &option.to_bytes());
    }
    let audit = |order: &[u8]| {
        machine.set_variable("BootOrder", GLOBAL, 7, order);
        machine.bootseal(["audit", "-v", "--only", "boot.entries"])
    };
    let said = succeed(&mut audit(&[1, 0, 3, 0]));
    assert!(
        said.contains("grubx64.efi (Boot0003 \"debian\") is not what starts, and would not: "),
        "{said}"
    );
    let said = refuse(&mut audit(&[3, 0, 1, 0]));
    assert!(
        said.contains("grubx64.efi (Boot0003 \"debian\") would not start: "),
        "{said}"
    );
}

/// Gentoo's layout efistub: the firmware starts the kernel, and its boot option names the initramfs.
#[test]
fn the_initramfs_of_a_kernel_that_the_firmware_starts_is_looked_at() {
    let machine = machine();
    let (image, initrd) = ("efi/EFI/Gentoo/vmlinuz.efi", "efi/EFI/Gentoo/initramfs.img");
    machine.write(image, kernel_image(KERNEL));
    machine.run(["sign", "efi"], &[image]);
    let command_line = "root=/dev/vda2 initrd=\\EFI\\Gentoo\\initramfs.img";
    let kernel = entry("Gentoo", "\\EFI\\Gentoo\\vmlinuz.efi", command_line);
    machine.set_variable("Boot0001", GLOBAL, 7, &kernel.to_bytes());
    machine.set_variable("BootOrder", GLOBAL, 7, &[1, 0]);
    let said = refuse(&mut machine.bootseal(["status"]));
    assert!(
        said.contains("initrd \\EFI\\Gentoo\\initramfs.img: there is no such file") && said.contains("fix: "),
        "{said}"
    );
    // A trial of something else holds, and then this is what starts.
    let trial = entry("Trial", "\\EFI\\BOOT\\BOOTX64.EFI", "");
    machine.set_variable("Boot0002", GLOBAL, 7, &trial.to_bytes());
    machine.set_variable("BootNext", GLOBAL, 7, &[2, 0]);
    let said = refuse(&mut machine.bootseal(["status"]));
    let told = "once the trial is over, Boot0001 \"Gentoo\" starts: ";
    assert!(
        said.contains("! Next boot  Boot0002 \"Trial\"")
            && said.contains(told)
            && said.contains("there is no such file"),
        "{said}"
    );
    machine.set_variable("BootNext", GLOBAL, 7, &[1, 0]);
    assert!(!refuse(&mut machine.bootseal(["status"])).contains(told));
    machine.write(initrd, b"no archive");
    let said = refuse(&mut machine.bootseal(["status"]));
    assert!(said.contains("neither a cpio archive nor a compressed one"), "{said}");
    machine.write(initrd, initramfs("#!/bin/sh\n"));
    succeed(&mut machine.bootseal(["status"]));
    // Nothing at all that the firmware could start.
    fs::remove_dir_all(machine.path("efi/EFI")).unwrap();
    let said = refuse(&mut machine.bootseal(["status"]));
    assert!(
        said.contains("no boot option of the firmware leads to a file"),
        "{said}"
    );
}

#[test]
fn the_last_audit_is_told_of_and_single_checks_are_none() {
    let machine = machine();
    let record = "var/lib/bootseal/audit.json";
    succeed(&mut machine.bootseal(["audit", "--only", "keys.private"]));
    machine.bootseal(["--dry-run", "audit"]).output().unwrap();
    assert!(!machine.path(record).exists());
    machine.change_initrd();
    refuse(machine.bootseal(["audit"]).args(ELSEWHERE));
    let said = succeed(&mut machine.bootseal(["status"]));
    let wanted = format!(
        " s ago; findings: 1 (grub.files); left out: {}",
        ELSEWHERE[1].replace(',', ", ")
    );
    assert!(said.contains("! Last audit ") && said.contains(&wanted), "{said}");
    machine.write(record, b"{");
    let said = succeed(&mut machine.bootseal(["status"]));
    assert!(
        said.contains("? Last audit could not look: ") && said.contains("is no record"),
        "{said}"
    );
}

#[test]
fn a_hook_that_failed_is_told_of_until_it_is_made_up_for() {
    let machine = machine();
    let kernel = format!("boot/vmlinuz-{KERNEL}");
    machine.write(&kernel, b"no image");
    let run = ["hook", "run", "all", KERNEL];
    refuse(&mut machine.bootseal(run));
    let said = refuse(&mut machine.bootseal(["status"]));
    assert!(
        said.contains("✗ all of 6.12.58-gentoo at 20") && said.contains(" failed: "),
        "{said}"
    );
    assert!(
        said.contains("bootseal hook run --root ") && said.contains(&format!(" all {KERNEL}")),
        "{said}"
    );
    let said = text(&machine.bootseal(["hook", "status"]).output().unwrap());
    assert!(said.contains("The last runs:\n  ✗ 20"), "{said}");
    let only = ["audit", "--only", "hooks.last_run", "--json"];
    let output = machine.bootseal(only).output().unwrap();
    crate::support::remedies::printed(&output);
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap();
    let subject = &audit["checks"][0]["findings"][0]["subject"];
    assert_eq!((output.status.code(), subject), (Some(1), &"all".into()));
    machine.write(&kernel, fs::read(machine.path("boot/vmlinuz")).unwrap());
    succeed(&mut machine.bootseal(run));
    succeed(&mut machine.bootseal(["status"]));
    succeed(&mut machine.bootseal(only));
}

#[test]
fn without_a_file_verify_judges_what_starts_next() {
    let machine = machine();
    let verify = || machine.bootseal(["verify"]);
    let said = succeed(&mut verify());
    for wanted in ["/efi/EFI/BOOT/BOOTX64.EFI", "/boot/grub"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    machine.change_initrd();
    let said = refuse(&mut verify());
    assert!(
        said.contains("/boot/initrd") && said.contains("1 of 2 files are not accepted"),
        "{said}"
    );
    fs::remove_dir_all(machine.path("efi/EFI")).unwrap();
    fs::remove_dir_all(machine.path("boot/grub")).unwrap();
    let output = verify().output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("nothing is known that this machine starts"), "{said}");
}
