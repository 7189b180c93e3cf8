//! Packages that Portage merges: modules beside those of a kernel, and boot loaders that `bootctl` installs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::machine::snapshot;
use super::node::{Hooked, VERSION};
use super::status::{gentoo, status};
use crate::support::judges::{judge_module, sbverify};
use crate::support::{as_printed, grub_image, refuse, succeed, text};

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
    let remedy = said.lines().find_map(|line| {
        line.trim()
            .strip_prefix("fix: ")
            .filter(|fix| fix.contains(" sign efi "))
    });
    succeed(&mut as_printed(remedy.unwrap()));
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

/// A machine with Portage's check, a kernel and GRUB's image, signed.
fn ready() -> Hooked {
    let node = gentoo();
    succeed(&mut node.hook(&["install"]));
    node.directory("efi/EFI/bootseal");
    node.write("etc/bootseal/config.toml", "[grub]\nesp = \"/efi\"\n");
    let image = node.path("efi/EFI/bootseal/grubx64.efi");
    succeed(&mut grub_image(&node.path("etc/bootseal/keys"), &image));
    succeed(&mut node.run("all", &[VERSION]));
    node
}

/// Foretold first, and then done: the files that change are those of the forecast.
#[test]
fn status_foretells_what_the_next_package_has_signed() {
    let node = ready();
    let said = node.without_root(&succeed(&mut status(&node)));
    for line in [
        "✓ /usr/local/lib/postinst-qa-check.d/60-bootseal".to_owned(),
        format!("its modules for Linux {VERSION}: signed over sha3-512"),
        "its files for firmware and GRUB: signed in /boot, /boot/grub".to_owned(),
        "sys-boot/grub: bootseal grub install makes another image for /efi/EFI/bootseal/grubx64.efi".to_owned(),
    ] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    let report = succeed(&mut node.bootseal(["--json", "hook", "status"]));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let packages = &report["packages"];
    assert_eq!(packages["modules"][0]["hash"], "sha3-512");
    let foretold: Vec<&str> = packages["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();

    let module = format!("lib/modules/{VERSION}/video/nvidia.ko");
    node.module(&module);
    let font = "usr/share/grub/unicode.pf2";
    node.write(font, "PFF2\0");
    node.write("boot/grub/fonts/unicode.pf2", "PFF2\0");
    merge(&node, "x11-drivers/nvidia-drivers-580", &[&module]);
    merge(&node, "sys-boot/grub-2.14", &[font]);
    let before: BTreeMap<PathBuf, Vec<u8>> = snapshot(node.root()).into_iter().collect();
    for package in ["x11-drivers/nvidia-drivers-580", "sys-boot/grub-2.14"] {
        succeed(&mut node.run("portage", &[package]));
    }
    succeed(&mut judge_module(&node.path(&module)));
    let after = snapshot(node.root()).into_iter();
    let changed = after.filter(|(path, content)| before.get(path) != Some(content));
    let changed: Vec<String> = changed
        .map(|(path, _)| node.without_root(&path.display().to_string()))
        .collect();
    let is_foretold = |path: &&String| {
        **path == format!("/{module}")
            || path.starts_with("/var/lib/bootseal/")
            || foretold
                .iter()
                .any(|known| Path::new(path).starts_with(node.without_root(known)))
    };
    let others: Vec<&String> = changed.iter().filter(|path| !is_foretold(path)).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(
        changed.iter().any(|path| path.ends_with("unicode.pf2.sig")),
        "{changed:?}"
    );
}

/// Portage's file is gone, or somebody else's: told, and mended as the message says.
#[test]
fn a_check_of_portage_that_is_not_ours_is_told() {
    let node = ready();
    let script = "usr/local/lib/postinst-qa-check.d/60-bootseal";
    fs::remove_file(node.path(script)).unwrap();
    let said = text(&status(&node).output().unwrap());
    assert!(said.contains("nothing that it brings is signed"), "{said}");
    assert!(
        said.contains("60-bootseal is not installed") && said.contains("fix: bootseal hook install"),
        "{said}"
    );
    succeed(&mut node.hook(&["install"]));
    node.write(script, "# mine\n");
    let said = text(&status(&node).output().unwrap());
    assert!(
        said.contains("60-bootseal is not as this bootseal installs it") && said.contains("fix: mv /usr/local"),
        "{said}"
    );
    fs::remove_file(node.path(script)).unwrap();
    succeed(&mut node.hook(&["install"]));
    let said = succeed(&mut status(&node));
    assert!(!said.contains("packages that"), "{said}");
}
