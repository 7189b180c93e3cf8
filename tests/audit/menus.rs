//! Menus of GRUB that lead to entries and images in other places, and those on EFI partitions that are not mounted.

use std::fs;

use super::beside::unmounted;
use super::{Machine, says};
use crate::support::programs::{EFI_STUB, host_file};
use crate::support::{succeed, tool};

/// Adds an image with these sections of text, and a kernel.
fn unified(machine: &Machine, name: &str, sections: &[(&str, &str)]) {
    let mut objcopy = tool("objcopy");
    let mut address = 0x1_5000_0000_u64;
    for (section, text) in [&[(".linux", "no kernel")], sections].concat() {
        let file = machine.path(&format!("section{section}"));
        fs::write(&file, text).unwrap();
        objcopy.arg(format!("--add-section={section}={}", file.display()));
        objcopy.arg(format!("--change-section-vma={section}={address:#x}"));
        address += 0x1_0000;
    }
    let path = machine.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    succeed(objcopy.arg(host_file(EFI_STUB)).arg(path));
}

#[test]
fn what_menus_make_entries_of_is_judged_wherever_it_lies() {
    let machine = Machine::new();
    let menu = b"set kernelopts='quiet init=/bin/sh'\nblscfg -fp (hd0,gpt2)/bls\nuki --path /images\n\
                 menuentry x {\n chainloader /more/third.efi\n}\n";
    machine.write("boot/grub/grub.cfg", menu);
    machine.write(
        "boot/bls/one.conf",
        b"title One\n \tlinux /k\n  options ro $kernelopts\n",
    );
    machine.write(
        "boot/loader/entries/two.conf",
        b"title Two\nlinux /k\noptions ro rd.break\n",
    );
    unified(
        &machine,
        "boot/images/three.efi",
        &[(".osrel", "PRETTY_NAME=Three\n"), (".cmdline", "systemd.run=/x")],
    );
    unified(&machine, "boot/more/third.efi", &[(".cmdline", "kgdboc=ttyS0")]);
    let said = machine.check("boot.command_lines");
    says(&said, "findings", "/boot/bls/one.conf: init=/bin/sh", "");
    says(&said, "findings", "/boot/loader/entries/two.conf: rd.break", "");
    assert_eq!(said["findings"].as_array().unwrap().len(), 2, "{said:#}");
    let said = machine.check("boot.uki");
    says(&said, "findings", "/boot/images/three.efi: systemd.run=/x", "");
    says(&said, "findings", "/boot/more/third.efi: kgdboc=ttyS0", "");
    let said = machine.check("grub.files");
    for name in [
        "bls/one.conf",
        "loader/entries/two.conf",
        "images/three.efi",
        "more/third.efi",
    ] {
        says(&said, "findings", &format!("/boot/{name}"), "no signature");
    }
}

/// The name of an image is a part of the commands that GRUB makes of it.
#[test]
fn an_image_may_be_called_like_a_command() {
    let machine = Machine::new();
    let sections = [(".osrel", "PRETTY_NAME=Three\n"), (".cmdline", "quiet")];
    unified(&machine, "boot/images/good.efi", &sections);
    machine.write("boot/grub/grub.cfg", b"uki -p /images\n");
    machine.run(["sign", "grub"], &["boot/grub"]);
    let said = machine.check("grub.files");
    assert_eq!(said["findings"], serde_json::json!([]), "{said:#}");
    // GRUB stops at an image that it makes no entry of.
    machine.write("boot/images/tool.efi", fs::read(host_file(EFI_STUB)).unwrap());
    machine.run(["sign", "grub"], &["boot/images/tool.efi"]);
    let said = machine.check("grub.files");
    assert_eq!(said["status"], "warn", "{said:#}");
    says(&said, "findings", "/boot/images/tool.efi", "makes no entry of it");
    for ending in ["", ".sig"] {
        fs::remove_file(machine.path(&format!("boot/images/tool.efi{ending}"))).unwrap();
        let file = machine.read(&format!("boot/images/good.efi{ending}"));
        let name = format!("boot/images/x; unset check_signatures; .efi{ending}");
        machine.write(&name, file);
    }
    let said = machine.check("grub.files");
    let name = "/boot/images/x; unset check_signatures; .efi";
    says(
        &said,
        "findings",
        &format!("{name}:1"),
        "without looking at their signatures",
    );
    says(&said, "findings", "/boot/grub/grub.cfg:1", "ends it there");
}

/// A GRUB with our key opens what we signed, wherever somebody puts it.
#[test]
fn menus_on_a_partition_that_is_not_mounted_are_judged() {
    let machine = Machine::new();
    let off = b"set check_signatures=no\n";
    machine.write(
        "boot/stage/grub/grub.cfg",
        b"source /more/a\nblscfg -p (hd1,gpt1)/bls\nuki\n",
    );
    machine.write("boot/stage/more/a", off);
    machine.write(
        "boot/stage/bls/b.conf",
        b"title B\nlinux /k\noptions quiet; unset check_signatures\n",
    );
    machine.write("boot/stage/grub/unsigned.cfg", off);
    let sections = [(".osrel", "PRETTY_NAME=Three\n"), (".cmdline", "quiet")];
    unified(
        &machine,
        "boot/stage/EFI/Linux/x;unset check_signatures;true .efi",
        &sections,
    );
    let signed = [
        "grub/grub.cfg",
        "more/a",
        "bls/b.conf",
        "EFI/Linux/x;unset check_signatures;true .efi",
    ];
    for name in signed {
        machine.run(["sign", "grub"], &[&format!("boot/stage/{name}")]);
    }
    unmounted(&machine, &machine.path("boot/stage"));
    fs::remove_dir_all(machine.path("boot/stage")).unwrap();
    let said = machine.check("grub.files");
    for place in [
        "more/a:1",
        "bls/b.conf:2",
        "EFI/Linux/x;unset check_signatures;true .efi:1",
    ] {
        says(&said, "findings", &format!("/dev/sdb1:/{place}"), "signatures");
    }
    assert_eq!(said["findings"].as_array().unwrap().len(), 3, "{said:#}");
    says(&said, "evidence", "/dev/sdb1:/grub/unsigned.cfg", "would not open it");
    assert_eq!(said["not_run"], serde_json::json!([]), "{said:#}");
    // It is what an entry on it says, too.
    let said = machine.check("boot.command_lines");
    assert_eq!(said["status"], "pass", "{said:#}");

    // A partition of an older table is one of the firmware's as well.
    let record = "E:ID_PART_ENTRY_TYPE=0xef\nE:ID_PART_ENTRY_UUID=0a1b2c3d-01\n";
    machine.write("run/udev/data/b8:17", record.as_bytes());
    let said = machine.check("grub.files");
    assert_eq!(said["findings"].as_array().unwrap().len(), 3, "{said:#}");
}
