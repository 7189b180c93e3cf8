//! Slots that a person runs: after a program that calls no hooks, and after a change by hand.

use serde_json::Value;

use super::node::VERSION;
use super::vouching::{Attacked, OLD, gpgv, image};
use crate::support::judges::{check_grub, check_kernel};
use crate::support::kernel::initramfs as initramfs_of;
use crate::support::node::menu;
use crate::support::{as_printed, refuse, succeed, text};

/// genkernel calls no hook: stock is taken before it by hand, and what it made is signed after it.
#[test]
fn what_a_program_without_hooks_makes_is_signed_where_stock_was_taken_before() {
    let machine = Attacked::new(false);
    let node = &machine.node;
    machine.restart();
    succeed(&mut node.run("modules", &[VERSION]));
    node.write(&format!("boot/vmlinuz-{VERSION}"), image(5));
    node.write(&format!("boot/initramfs-{VERSION}.img"), initramfs_of("of genkernel"));
    // A module was built in later, for a kernel that was there before.
    node.write(&format!("boot/initramfs-{OLD}.img"), initramfs_of("of genkernel too"));
    node.write("boot/grub/grub.cfg", menu(VERSION, 5));
    succeed(&mut node.run("all", &[VERSION]));
    check_kernel(&node.path(&format!("boot/vmlinuz-{VERSION}")));
    for name in [&format!("initramfs-{VERSION}.img"), "grub/grub.cfg"] {
        check_grub(&node.path("boot").join(name));
    }
    // What is planted later is none of it.
    node.write(&format!("boot/initramfs-{VERSION}.img"), initramfs_of("planted"));
    refuse(&mut node.run("all", &[VERSION]));
    machine.is_refused(&format!("boot/initramfs-{VERSION}.img"));
}

#[test]
fn by_hand_a_changed_file_is_signed_only_where_it_is_accepted_and_the_message_says_how() {
    let machine = Attacked::new(false);
    let node = &machine.node;
    // dracut and grub-mkconfig by hand.
    let initramfs = format!("boot/initramfs-{OLD}.img");
    node.write(&initramfs, initramfs_of("made by dracut"));
    let output = node.run("all", &[OLD]).output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let hint = said
        .lines()
        .find_map(|line| line.strip_prefix("hint: ").filter(|hint| hint.contains("--root ")))
        .unwrap();
    refuse(&mut gpgv(&node.path(&initramfs)));
    succeed(&mut as_printed(hint));
    check_grub(&node.path(&initramfs));
    succeed(&mut node.run("all", &[OLD]));
    // An empty name accepts nothing.
    node.write(&initramfs, initramfs_of("made by dracut again"));
    refuse(&mut node.hook(&["run", "--accept-changed", "", "all", OLD]));
    refuse(&mut gpgv(&node.path(&initramfs)));
    let boot = node.path("boot");
    succeed(&mut node.hook(&["run", "--accept-changed", boot.to_str().unwrap(), "all", OLD]));
    // By the digest.
    node.write("boot/grub/grub.cfg", menu(OLD, 9));
    let json = node.hook(&["--json", "run", "all", OLD]).output().unwrap();
    crate::support::remedies::printed(&json);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    let files = report["files"].as_array().unwrap();
    let left = files.iter().find(|file| file["outcome"] == "unvouched").unwrap();
    let digest = left["sha256"].as_str().unwrap();
    succeed(&mut node.hook(&["run", "--accept-changed", digest, "all", OLD]));
    check_grub(&node.path("boot/grub/grub.cfg"));
}
