//! Entries of the configuration, beside the files that hooks find themselves.

use std::path::Path;

use super::node::{Hooked, VERSION};
use super::status::{gentoo, status};
use crate::support::judges::{check_grub, check_kernel, judge_module, sbverify};
use crate::support::{bootseal, refuse, succeed};

const NOTHING_KEEPS: &str = "nothing keeps the next kernel from being signed";

#[test]
fn an_entry_that_nothing_matches_is_told_before_the_last_hook_fails_by_it() {
    let node = gentoo();
    succeed(&mut node.hook(&["install"]));
    succeed(&mut node.run("all", &[VERSION]));
    let vmlinuz = format!("/boot/vmlinuz-{VERSION}");
    let last = |node: &Hooked| node.run("grub", &[VERSION, &vmlinuz]);
    node.config("[sign]\nefi = [\"/efi/loader.efi\"]\ngrub = [\"/boot/grub\", \"/boot/themes\"]\n");
    let said = refuse(&mut status(&node));
    for expected in [
        "\"/boot/themes\" of the configuration: the last hook of each kernel's installation fails ([sign] grub)",
        "\"/efi/loader.efi\" of the configuration: the hook of Portage fails ([sign] efi)",
        "put { path = \"/boot/themes\", optional = true } in its place, under [sign]",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let said = refuse(&mut last(&node));
    assert!(said.contains("nothing matches \"/boot/themes\""), "{said}");
    // A pattern may yet be matched by the kernel that comes.
    node.config("[sign]\ngrub = [\"/boot/grub\", \"/boot/kernel-*\"]\n");
    let said = succeed(&mut status(&node));
    assert!(
        said.contains("fails unless the next kernel brings a file there") && !said.contains(NOTHING_KEEPS),
        "{said}"
    );
    node.config("[sign]\ngrub = [\"/boot/grub\", { path = \"/boot/themes\", optional = true }]\n");
    let said = succeed(&mut status(&node));
    assert!(said.contains(NOTHING_KEEPS), "{said}");
    succeed(&mut last(&node));
}

/// The configuration that the program prints, as the manual's steps write it.
fn as_printed(node: &Hooked) {
    node.config(&succeed(&mut bootseal(["config", "template"])));
    succeed(&mut node.hook(&["install"]));
    succeed(&mut node.run("all", &[VERSION]));
    let said = succeed(&mut status(node));
    assert!(said.contains(NOTHING_KEEPS), "{said}");
}

#[test]
fn the_printed_configuration_serves_a_machine_without_grub() {
    let node = gentoo();
    for name in [
        "grub/grub.cfg",
        &format!("vmlinuz-{VERSION}"),
        &format!("initramfs-{VERSION}.img"),
    ] {
        node.remove(&format!("boot/{name}"));
    }
    std::fs::remove_dir(node.path("boot/grub")).unwrap();
    node.write("etc/kernel/install.conf", "layout=bls\n");
    let kernel = format!("efi/gentoo/{VERSION}/linux");
    let image = format!("efi/EFI/Linux/gentoo-{VERSION}.efi");
    node.kernel(&kernel);
    node.kernel(&image);
    as_printed(&node);
    let entry = format!("/efi/gentoo/{VERSION}");
    for slot in ["image", "grub"] {
        succeed(&mut node.run(slot, &["add", VERSION, &entry, "/usr/src/bzImage"]));
    }
    succeed(&mut node.bootseal(["sign", "all"]));
    for file in [&kernel, &image] {
        succeed(&mut sbverify(&node.path(file)));
    }
    succeed(&mut judge_module(&node.path(&format!("lib/modules/{VERSION}/loop.ko"))));
    // No GRUB opens anything here.
    for file in [&kernel, &image] {
        assert!(
            !Path::new(&format!("{}.sig", node.path(file).display())).exists(),
            "{file}"
        );
    }
}

#[test]
fn the_printed_configuration_serves_both_names_of_gentoos_kernels() {
    let node = gentoo();
    let kernel = format!("boot/kernel-{VERSION}");
    node.remove(&format!("boot/vmlinuz-{VERSION}"));
    node.kernel(&kernel);
    let menu = String::from_utf8(node.read("boot/grub/grub.cfg")).unwrap();
    node.write("boot/grub/grub.cfg", menu.replace("/vmlinuz-", "/kernel-"));
    as_printed(&node);
    succeed(&mut node.bootseal(["sign", "all"]));
    check_kernel(&node.path(&kernel));
    for name in [&kernel, "boot/grub/grub.cfg"] {
        check_grub(&node.path(name));
    }
}
