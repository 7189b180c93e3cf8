//! The last slot proves the next start: a run whose files do not lead to the end fails, names what mends it, and the former
//! menu stays.

use std::fs;
use std::process::Command;

use crate::support::kernel::{archive, initramfs, kernel_image};
use crate::support::node::{GLOBAL, menu};
use crate::support::programs::tool;
use crate::support::{keys, refuse, succeed, text};

use super::node::{Hooked, VERSION};

const MENU: &str = "boot/grub/grub.cfg";
const KEPT: &str = "boot/grub/grub.cfg.signed";

/// A node on which one kernel has been installed and starts.
fn installed() -> Hooked {
    let node = Hooked::new();
    node.write(&format!("boot/vmlinuz-{VERSION}"), kernel_image(VERSION));
    succeed(&mut node.hook(&["run", "all", VERSION]));
    node
}

/// A slot, in which a person accepts all that has changed on /boot.
fn accepted(node: &Hooked, slot: &str) -> Command {
    let boot = node.path("boot");
    let mut command = node.hook(&["run", "--accept-changed", boot.to_str().unwrap(), slot, VERSION]);
    if slot != "all" {
        command.arg(format!("/boot/vmlinuz-{VERSION}"));
    }
    command
}

/// The commands that a message has as hints.
fn hints(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("hint: ")).collect()
}

#[test]
fn an_initramfs_that_linux_cannot_unpack_fails_the_run_and_the_former_menu_stays() {
    let node = installed();
    let (former, kept) = (node.read(MENU), node.read(KEPT));
    let archive = initramfs("#!/bin/sh\n");
    let damaged: [(&[u8], &str); 4] = [
        (&archive[..archive.len() / 2], "ends in the middle of an archive"),
        (b"no archive", "neither a cpio archive nor a compressed one"),
        (b"", "there is no file in it"),
        (b"\x28\xb5\x2f\xfd\x04", "cannot be unpacked"),
    ];
    let name = format!("boot/initramfs-{VERSION}.img");
    for (number, (bytes, wanted)) in (6..).zip(damaged) {
        node.write(&name, bytes);
        node.write(MENU, menu(VERSION, number));
        let said = refuse(&mut accepted(&node, "all"));
        assert!(
            said.contains("error: the next start would fail: ") && said.contains(&name) && said.contains(wanted),
            "{wanted}: {said}"
        );
        let hints = hints(&said).join("\n");
        assert!(
            hints.contains(VERSION) && hints.contains(" sign grub --accept-changed "),
            "{said}"
        );
        assert_eq!(
            (node.read(MENU), node.read(KEPT)),
            (former.clone(), kept.clone()),
            "{wanted}"
        );
    }
    // Mended as it says: the initramfs is built anew.
    node.write(&name, initramfs("#!/bin/sh\necho anew\n"));
    node.write(MENU, menu(VERSION, 20));
    succeed(&mut accepted(&node, "all"));
    assert_eq!(node.read(KEPT), node.read(MENU));
}

#[test]
fn the_entry_that_starts_by_itself_is_followed_to_files_that_are_there() {
    let node = installed();
    let second = "menuentry Other {\n\tlinux /vmlinuz-gone\n}\n";
    // The first entry starts, and the other one has been chosen.
    let chosen = format!("set default=1\n{}{second}", menu(VERSION, 5));
    node.write(MENU, &chosen);
    let said = refuse(&mut accepted(&node, "grub"));
    assert!(
        said.contains("\"Other\": linux /vmlinuz-gone: there is no such file") && said.contains("grub-mkconfig -o "),
        "{said}"
    );
    let by_name = format!("set default=Linux\n{second}{}", menu(VERSION, 6));
    node.write(MENU, &by_name);
    succeed(&mut accepted(&node, "grub"));
    fs::remove_file(node.path(&format!("boot/initramfs-{VERSION}.img"))).unwrap();
    let said = refuse(&mut accepted(&node, "grub"));
    assert!(
        said.contains(&format!("initrd /initramfs-{VERSION}.img: there is no such file")),
        "{said}"
    );
}

/// Superusers may be named in the menu as well as in GRUB's image.
#[test]
fn an_entry_that_nobody_may_start_starts_nothing() {
    let node = installed();
    let locked = |superusers: &str, option: &str, number| {
        let entry = menu(VERSION, number).replace("menuentry Linux", &format!("menuentry Linux {option}"));
        node.write(MENU, format!("{superusers}{entry}"));
        accepted(&node, "grub")
    };
    let said = refuse(&mut locked("set superusers=root\n", "", 7));
    assert!(
        said.contains("a superuser's password first, and nobody has one"),
        "{said}"
    );
    let said = refuse(&mut locked("set superusers=root\n", "'x --unrestricted'", 8));
    assert!(said.contains("nobody has one"), "{said}");
    let password = "set superusers=root\npassword_pbkdf2 root grub.pbkdf2.sha512.1.0.0\n";
    succeed(&mut locked(password, "", 9));
    let said = refuse(&mut node.bootseal(["status"]));
    assert!(said.contains("waits for somebody who types it"), "{said}");
    succeed(&mut locked("set superusers=root\n", "--unrestricted", 10));
    succeed(&mut locked("set superusers=\"\"\n", "", 11));
}

#[test]
fn an_initramfs_that_this_kernel_is_not_built_to_unpack_fails_the_run() {
    let node = installed();
    let (former, kept) = (node.read(MENU), node.read(KEPT));
    let config = |options: &str| {
        let text = format!("# Linux/x86 6.12.58-gentoo Kernel Configuration\n{options}\n");
        node.write(&format!("lib/modules/{VERSION}/config"), text);
    };
    let packed = |program: &str| {
        node.write("initramfs", initramfs(&format!("#!/bin/sh\n# {program}\n")));
        let output = tool(program).arg("-c").arg(node.path("initramfs")).output().unwrap();
        node.write(&format!("boot/initramfs-{VERSION}.img"), output.stdout);
    };
    config("CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set");
    packed("zstd");
    node.write(MENU, menu(VERSION, 6));
    let said = refuse(&mut accepted(&node, "all"));
    assert!(
        said.contains("cannot unpack it, which is packed by zstd: CONFIG_RD_ZSTD is not set")
            && said.contains("hint: have it packed by gzip"),
        "{said}"
    );
    assert_eq!((node.read(MENU), node.read(KEPT)), (former, kept));
    packed("gzip");
    node.write(MENU, menu(VERSION, 7));
    succeed(&mut accepted(&node, "all"));
    config("# CONFIG_BLK_DEV_INITRD is not set");
    let said = refuse(&mut accepted(&node, "all"));
    assert!(
        said.contains("cannot unpack it, which is packed by gzip: CONFIG_BLK_DEV_INITRD is not set"),
        "{said}"
    );
}

#[test]
fn an_initramfs_is_for_the_kernel_that_it_starts_with() {
    let node = installed();
    let with_module = |release: &str, module: &[u8]| {
        let name = format!("lib/modules/{release}/kernel/loop.ko");
        archive(&[("init", b"#!/bin/sh\n"), (&name, module)])
    };
    let signed = node.read(&format!("lib/modules/{VERSION}/loop.ko"));
    let unsigned = fs::read(crate::support::module(node.root(), "unsigned.ko")).unwrap();
    let name = format!("boot/initramfs-{VERSION}.img");
    let run = |image: Vec<u8>| {
        node.write(&name, image);
        accepted(&node, "all")
    };
    let said = refuse(&mut run(with_module("6.1.0", &signed)));
    assert!(
        said.contains("it is for Linux 6.1.0, and ") && said.contains("is Linux 6.12.58-gentoo"),
        "{said}"
    );
    let said = refuse(&mut run(with_module(VERSION, &unsigned)));
    assert!(
        said.contains("Linux 6.12.58-gentoo refuses ") && said.contains("kernel/loop.ko: the module is not signed"),
        "{said}"
    );
    succeed(&mut run(with_module(VERSION, &signed)));
    fs::rename(node.path("lib/modules"), node.path("lib/elsewhere")).unwrap();
    fs::create_dir(node.path("lib/modules")).unwrap();
    // It starts, and somebody should look after it.
    let output = accepted(&node, "grub").output().unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the modules of Linux 6.12.58-gentoo are gone"), "{said}");
}

/// Where the firmware is not known, a menu that never had an entry may be one that nobody starts by.
#[test]
fn a_menu_that_never_started_anything_is_told_and_fails_nothing_where_the_loader_is_not_known() {
    let node = Hooked::new();
    node.write(MENU, "set timeout=1\n");
    let said = text(&node.hook(&["run", "portage", "sys-boot/grub-2.12"]).output().unwrap());
    assert!(
        said.contains("no entry starts a kernel or a loader that is there"),
        "{said}"
    );
    assert_eq!(node.read(KEPT), b"set timeout=1\n");
    node.firmware();
    node.partition();
    let loader = "efi/EFI/BOOT/BOOTX64.EFI";
    let modules = [
        "--modules-dir",
        "/usr/lib/grub/x86_64-efi",
        "--fs-uuid",
        "1234-ABCD",
        "--grub-path",
        "/grub",
    ];
    let mut install = node.bootseal(["grub", "install", "--output"]);
    node.directory("efi/EFI/BOOT");
    succeed(install.arg(node.path(loader)).args(modules));
    let said = refuse(&mut node.hook(&["run", "portage", "sys-boot/grub-2.12"]));
    assert!(
        said.contains("the next start would fail: ") && said.contains(MENU),
        "{said}"
    );
}

/// A board that was enrolled, and a disk that was set up anew: nothing on it says that it ever signed.
#[test]
fn a_platform_key_of_ours_without_keys_ends_an_installation() {
    let node = Hooked::new();
    let image = format!("/boot/vmlinuz-{VERSION}");
    fs::rename(node.path("etc/bootseal/keys"), node.path("etc/bootseal/away")).unwrap();
    node.set_variable("SecureBoot", GLOBAL, 6, &[1]);
    let run = || node.hook(&["run", "modules", VERSION, &image]);
    succeed(&mut run());
    let platform_key = fs::read(keys().join("PK.esl")).unwrap();
    node.set_variable("PK", GLOBAL, 39, &platform_key);
    let said = refuse(&mut run());
    assert!(
        said.contains("its platform key is \"") && said.contains("there are no keys at /etc/bootseal/keys"),
        "{said}"
    );
}

/// The key directory is gone (disk trouble, a bad restore) of a machine that signed, and whose firmware enforces.
#[test]
fn keys_that_are_gone_end_an_installation_under_secure_boot() {
    let node = installed();
    let image = format!("/boot/vmlinuz-{VERSION}");
    fs::rename(node.path("etc/bootseal/keys"), node.path("etc/bootseal/away")).unwrap();
    succeed(&mut node.hook(&["run", "modules", VERSION, &image]));
    node.set_variable("SecureBoot", GLOBAL, 6, &[1]);
    for slot in ["modules", "image", "grub"] {
        let said = refuse(&mut node.hook(&["run", slot, VERSION, &image]));
        assert!(
            said.contains("there are no keys at /etc/bootseal/keys: the kernel would not start")
                && said.contains("bring /etc/bootseal/keys back from its backup"),
            "{slot}: {said}"
        );
    }
}
