//! Packages that Portage merges: modules beside those of a kernel, and boot loaders that `bootctl` installs.

use std::fs;
use std::path::Path;

use super::node::{Hooked, VERSION};
use crate::support::judges::{judge_module, sbverify};
use crate::support::{refuse, succeed, text};

/// The MD5 that nobody looks at here, and a time.
const REST: &str = "d41d8cd98f00b204e9800998ecf8427e 1700000000";
/// systemd-boot as its package has it.
const LOADER: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";

/// Portage's list of a package.
fn merge(node: &Hooked, package: &str, files: &[&str]) {
    let lines: Vec<String> = files.iter().map(|file| format!("obj /{file} {REST}\n")).collect();
    node.write(&format!("var/db/pkg/{package}/CONTENTS"), lines.concat());
}

#[test]
fn the_modules_of_a_package_are_signed_and_nothing_else() {
    let node = Hooked::new();
    succeed(&mut node.run("all", &[VERSION]));
    let menu = node.read("boot/grub/grub.cfg.sig");
    let modules = [
        format!("lib/modules/{VERSION}/video/nvidia.ko"),
        "lib/modules/6.12.1-old/video/nvidia.ko".to_owned(),
    ];
    for module in &modules {
        node.module(module);
    }
    let other = node.module(&format!("lib/modules/{VERSION}/extra/zfs.ko"));
    let unsigned = fs::read(&other).unwrap();
    node.write("boot/grub/grub.cfg", "# not this package's\n");
    merge(
        &node,
        "x11-drivers/nvidia-drivers-580",
        &[&modules[0], &modules[1], "lib/modules/gone.ko"],
    );
    let said = succeed(&mut node.run("portage", &["x11-drivers/nvidia-drivers-580"]));
    assert!(
        said.contains("portage of x11-drivers/nvidia-drivers-580: signed 2, unchanged 0"),
        "{said}"
    );
    for module in &modules {
        succeed(&mut judge_module(&node.path(module)));
    }
    assert_eq!(fs::read(other).unwrap(), unsigned);
    assert!(findings(&node).contains("that it takes: 1, the first of which is"));
    assert_eq!(node.read("boot/grub/grub.cfg.sig"), menu);
}

/// A machine with systemd-boot on its EFI system partition, signed by us if it is told to be.
fn with_loader(is_signed: bool) -> Hooked {
    let node = Hooked::new();
    node.partition();
    node.directory("efi/EFI/systemd");
    node.kernel(LOADER);
    let copy = "efi/EFI/systemd/systemd-bootx64.efi";
    node.kernel(copy);
    if is_signed {
        succeed(&mut node.bootseal([Path::new("sign"), Path::new("efi"), &node.path(copy)]));
    }
    merge(&node, "sys-apps/systemd-261", &[LOADER]);
    node
}

/// Another version of the loader, in its package.
fn update(node: &Hooked) {
    let mut image = node.read(LOADER);
    // In the text of the DOS stub, which nobody runs.
    image[0x50] ^= 1;
    node.write(LOADER, image);
}

fn findings(node: &Hooked) -> String {
    node.without_root(&text(&node.hook(&["status", "--mode", "systemd"]).output().unwrap()))
}

#[test]
fn bootctl_finds_a_signed_copy_of_each_version() {
    let node = with_loader(true);
    let copy = node.path(&format!("{LOADER}.signed"));
    assert!(findings(&node).contains("with our signature: bootctl update installs"));
    succeed(&mut node.run("portage", &["sys-apps/systemd-261"]));
    succeed(&mut sbverify(&copy));
    assert!(!findings(&node).contains("systemd-boot"), "{}", findings(&node));
    let first = fs::read(&copy).unwrap();
    let said = succeed(&mut node.run("portage", &["sys-apps/systemd-261"]));
    assert!(!said.contains("signed 1"), "{said}");
    update(&node);
    let said = findings(&node);
    assert!(
        said.contains("systemd-bootx64.efi.signed is not the version of"),
        "{said}"
    );
    // A kernel's installation makes up for a package manager that knows nothing of bootseal.
    succeed(&mut node.run("all", &[VERSION]));
    succeed(&mut sbverify(&copy));
    assert_ne!(fs::read(&copy).unwrap(), first);
    let said = findings(&node);
    assert!(
        said.contains("is another version than") && said.contains("fix: bootctl update"),
        "{said}"
    );
    // What `bootctl` of a distribution puts there that knows nothing of the copy.
    fs::copy(node.path(LOADER), node.path("efi/EFI/systemd/systemd-bootx64.efi")).unwrap();
    let said = refuse(&mut node.hook(&["status", "--mode", "systemd"]));
    assert!(said.contains("systemd-bootx64.efi bears no signature"), "{said}");
    let remedy = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("fix: bootseal sign efi "));
    succeed(&mut node.bootseal(["sign", "efi", remedy.unwrap().trim_matches('\'')]));
    assert!(!findings(&node).contains("systemd-boot"), "{}", findings(&node));
}

#[test]
fn a_loader_that_bears_no_signature_of_ours_gets_none_unasked() {
    let node = with_loader(false);
    succeed(&mut node.run("all", &[VERSION]));
    succeed(&mut node.run("portage", &["sys-apps/systemd-261"]));
    succeed(&mut node.run("all", &[VERSION]));
    assert!(!node.path(&format!("{LOADER}.signed")).exists());
    assert!(!findings(&node).contains("systemd-boot"), "{}", findings(&node));
}
