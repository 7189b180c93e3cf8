//! Commands that sign by hand end as a hook does: a menu that leads nowhere is not signed over the last good one, which comes back.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::machine::snapshot;
use super::node::{Hooked, VERSION};
use crate::support::judges::check_grub;
use crate::support::kernel::{initramfs, kernel_image};
use crate::support::node;
use crate::support::{grub_image, refuse, succeed, text, tool};

const MENU: &str = "boot/grub/grub.cfg";
const KEPT: &str = "boot/grub/grub.cfg.signed";
const NEW: &str = "boot/grub/grub.cfg.new";
const CONFIG: &str = "[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/boot/vmlinuz-*\"]\n\
    grub = [\"/boot/grub\", \"/boot/vmlinuz-*\", \"/boot/initramfs-*\"]\n[grub]\nesp = \"/efi\"\n";
const LOADER: &str = "efi/EFI/BOOT/BOOTX64.EFI";

/// An entry whose kernel is gone.
const GONE: &str = "menuentry Gone --unrestricted {\n\tlinux /vmlinuz-gone\n}\n";

/// A menu whose entry anybody may start.
fn menu(version: &str, timeout: u8) -> String {
    node::menu(version, timeout).replace("menuentry Linux", "menuentry Linux --unrestricted")
}

/// A node that `sign all` has signed, and whose firmware starts a GRUB of ours.
fn signed() -> Hooked {
    let node = Hooked::new();
    node.write(&format!("boot/vmlinuz-{VERSION}"), kernel_image(VERSION));
    node.write(MENU, menu(VERSION, 5));
    node.config(CONFIG);
    node.firmware();
    node.partition();
    node.directory("efi/EFI/BOOT");
    succeed(&mut grub_image(&node.path("etc/bootseal/keys"), &node.path(LOADER)));
    succeed(&mut node.bootseal(["sign", "all"]));
    node
}

fn kernel_named(node: &Hooked, release: &str) {
    node.write(&format!("boot/vmlinuz-{release}"), kernel_image(release));
    node.write(&format!("boot/initramfs-{release}.img"), initramfs("#!/bin/sh\n"));
}

/// `sign all`, by a person who accepts all that has changed on /boot.
fn sign_all(node: &Hooked) -> Command {
    node.bootseal(["sign", "all", "--accept-changed", node.path("boot").to_str().unwrap()])
}

/// Has a person sign a menu, whatever it leads to.
fn sign_by_hand(node: &Hooked, content: &str) {
    node.write(MENU, content);
    let path = node.path(MENU);
    let mut sign = node.bootseal(["sign", "grub", "--accept-changed"]);
    succeed(sign.args([&path, &path]));
}

fn rotate(node: &Hooked, key: &str) -> Command {
    node.bootseal(["keys", "rotate", key, "--trusted", "--yes"])
}

/// `grub install` for the path that the node's firmware starts.
fn install(node: &Hooked) -> Command {
    let mut command = node.bootseal(["grub", "install", "--removable", "--no-nvram"]);
    command.args(["--fs-uuid", "1234-ABCD", "--grub-path", "/grub"]);
    command.args(["--modules-dir", "/usr/lib/grub/x86_64-efi"]);
    command
}

/// The last good menu, its signature and the kept copy.
fn good(node: &Hooked) -> [Vec<u8>; 4] {
    [MENU, "boot/grub/grub.cfg.sig", KEPT, "boot/grub/grub.cfg.signed.sig"].map(|name| node.read(name))
}

#[test]
fn a_command_keeps_the_menu_that_leads_to_the_end() {
    let node = signed();
    assert_eq!(node.read(KEPT), node.read(MENU));
    check_grub(&node.path(KEPT));
    node.write(MENU, menu(VERSION, 6));
    succeed(&mut sign_all(&node));
    assert_eq!(node.read(KEPT), menu(VERSION, 6).as_bytes());
    check_grub(&node.path(KEPT));
    let before = snapshot(&node.path("boot"));
    succeed(&mut sign_all(&node));
    assert_eq!(snapshot(&node.path("boot")), before);
}

#[test]
fn the_former_menu_comes_back_where_the_next_start_does_not_hold_after_sign_all() {
    let node = signed();
    let former = good(&node);
    let name = format!("boot/initramfs-{VERSION}.img");
    let status = || node.bootseal(["audit", "--only", "boot.next_start"]);
    succeed(&mut status());
    for (bytes, next, wanted) in [
        (
            initramfs("#!/bin/sh\n"),
            format!("{GONE}{}", menu(VERSION, 6)),
            "/vmlinuz-gone: there is no such file",
        ),
        (
            b"no archive".to_vec(),
            menu(VERSION, 7),
            "neither a cpio archive nor a compressed one",
        ),
    ] {
        node.write(&name, bytes);
        node.write(MENU, &next);
        let said = refuse(&mut sign_all(&node));
        assert!(
            said.contains("error: the next start would fail: ")
                && said.contains(wanted)
                && said.contains("is back in its place"),
            "{wanted}: {said}"
        );
        assert_eq!(good(&node), former, "{wanted}: {said}");
        // The new one is there for who mends it, and is nothing that GRUB opens.
        assert_eq!(node.read(NEW), next.as_bytes());
        let said = refuse(&mut status());
        assert!(
            said.contains("the former menu is in use") && said.contains(wanted),
            "{said}"
        );
        let _ = sign_all(&node).output().unwrap();
        assert!(!node.path(&format!("{NEW}.sig")).exists());
        check_grub(&node.path(MENU));
    }
    node.write(&name, initramfs("#!/bin/sh\necho anew\n"));
    node.write(MENU, menu(VERSION, 20));
    succeed(&mut sign_all(&node));
    assert_eq!(node.read(KEPT), menu(VERSION, 20).as_bytes());
    succeed(&mut status());
}

#[test]
fn a_menu_that_starts_nothing_is_refused_before_anything_is_signed() {
    let node = signed();
    let former = good(&node);
    let idle = "set timeout=5\n";
    for command in [
        sign_all,
        |node: &Hooked| rotate(node, "db"),
        |node: &Hooked| rotate(node, "grub"),
    ] {
        node.write(MENU, idle);
        let before = snapshot(node.root());
        let mut dry = command(&node);
        let said = refuse(dry.arg("--dry-run"));
        assert!(said.contains("no entry starts a kernel"), "{said}");
        assert_eq!(snapshot(node.root()), before);
        let said = refuse(&mut command(&node));
        assert!(
            said.contains("no entry starts a kernel")
                && said.contains("it is not signed")
                && said.contains("is back in its place"),
            "{said}"
        );
        assert_eq!(good(&node), former);
        assert_eq!(node.read(NEW), idle.as_bytes());
        assert!(!node.path("etc/bootseal/keys/rotation").exists());
    }
    // One that was signed by hand gives way as well.
    sign_by_hand(&node, idle);
    refuse(&mut sign_all(&node));
    assert_eq!(good(&node)[0], former[0]);
    check_grub(&node.path(MENU));
}

/// As after years without a hook: a menu of kernels that are gone is no way back.
#[test]
fn a_kept_menu_that_leads_less_far_does_not_come_back() {
    let node = signed();
    kernel_named(&node, "6.12.60-gentoo");
    for file in ["vmlinuz-", "initramfs-"] {
        let ending = if file == "vmlinuz-" { "" } else { ".img" };
        node.remove(&format!("boot/{file}{VERSION}{ending}"));
    }
    node.write("boot/initramfs-6.12.60-gentoo.img", b"no archive");
    node.write(MENU, menu("6.12.60-gentoo", 6));
    let said = refuse(&mut sign_all(&node));
    assert!(
        said.contains("no archive") || said.contains("neither a cpio archive"),
        "{said}"
    );
    assert!(!said.contains("is back in its place"), "{said}");
    assert_eq!(node.read(MENU), menu("6.12.60-gentoo", 6).as_bytes());
}

#[test]
fn a_rotation_ends_with_the_former_menu_where_the_next_start_does_not_hold() {
    let node = signed();
    node.write(MENU, menu("6.12.60-gentoo", 6));
    kernel_named(&node, "6.12.60-gentoo");
    succeed(&mut sign_all(&node));
    let former = node.read(KEPT);
    sign_by_hand(&node, &format!("{GONE}{}", menu(VERSION, 7)));
    let said = refuse(&mut rotate(&node, "db"));
    assert!(
        said.contains("the next start would fail") && said.contains("is back in its place"),
        "{said}"
    );
    assert_eq!((node.read(MENU), node.read(KEPT)), (former.clone(), former));
    let told = || {
        text(
            &node
                .bootseal(["audit", "-v", "--only", "boot.next_start"])
                .output()
                .unwrap(),
        )
    };
    assert!(
        told().contains("the former menu is in use") && !told().contains("next_start_fails"),
        "{}",
        told()
    );
    // A menu that has come since is another matter, and so is a run that holds.
    node.write(MENU, menu("6.12.60-gentoo", 8));
    assert!(!told().contains("the former menu is in use"), "{}", told());
    succeed(&mut sign_all(&node));
    succeed(&mut node.bootseal(["audit", "--only", "boot.next_start"]));
}

/// The new key is not in the image that starts, so that nothing it signs is a way back.
#[test]
fn a_menu_by_a_key_that_the_present_grub_does_not_know_does_not_come_back() {
    let node = signed();
    let good = menu(VERSION, 5);
    let image = node.read(LOADER);
    succeed(&mut rotate(&node, "module"));
    let said = refuse(&mut rotate(&node, "grub"));
    assert!(
        said.contains("this GRUB opens what OpenPGP key") && !said.contains("is back in its place"),
        "{said}"
    );
    assert_eq!(node.read(MENU), good.as_bytes());
    // The hint is the way out, and the copy is one of the new key then.
    assert_eq!(node.read(LOADER), image);
    succeed(&mut install(&node));
    succeed(&mut sign_all(&node));
    let verify = ["verify", node.path(KEPT).to_str().unwrap()].map(str::to_owned);
    succeed(&mut node.bootseal(verify));
}

/// Amid the rotation the image knows both keys, and the kept menu has the signature of the old one.
#[test]
fn a_menu_by_the_old_key_comes_back_while_the_present_grub_knows_that() {
    let node = signed();
    node.config(&CONFIG.replace("\"/boot/grub\"", "\"/boot/grub/grub.cfg\""));
    let [former, signature, ..] = good(&node);
    let said = refuse(&mut node.bootseal(["keys", "rotate", "grub", "--yes"]));
    assert!(said.contains("bootseal grub install"), "{said}");
    succeed(&mut install(&node));
    sign_by_hand(&node, &format!("{GONE}{}", menu(VERSION, 7)));
    let said = refuse(&mut rotate(&node, "grub"));
    assert!(
        said.contains("the next start would fail") && said.contains("is back in its place"),
        "{said}"
    );
    assert_eq!(good(&node), [former.clone(), signature.clone(), former, signature]);
    // The next run that holds has it all by the new key.
    succeed(&mut sign_all(&node));
    let [_, menu, _, kept] = good(&node);
    assert_eq!(menu, kept);
    succeed(&mut node.bootseal(["audit", "--only", "boot.next_start"]));
    succeed(&mut node.bootseal(["verify", node.path(KEPT).to_str().unwrap()]));
}

#[test]
fn grub_install_ends_with_the_former_menu_where_the_next_start_does_not_hold() {
    let node = signed();
    let former = good(&node);
    sign_by_hand(&node, &format!("{GONE}{}", menu(VERSION, 7)));
    let said = refuse(&mut install(&node));
    assert!(
        said.contains("the next start would fail") && said.contains("is back in its place"),
        "{said}"
    );
    assert_eq!(good(&node), former);
    // One that is not signed yet is not lost: this GRUB passes over it.
    node.write(MENU, menu(VERSION, 8));
    let said = text(&install(&node).output().unwrap());
    assert!(said.contains("it reads ") && said.contains("grub.cfg.signed"), "{said}");
    assert_eq!(node.read(MENU), menu(VERSION, 8).as_bytes());
}

#[test]
fn a_run_that_is_killed_between_signature_and_walk_is_made_up_for_by_the_next() {
    let other = format!("{GONE}{}", menu(VERSION, 6));
    let mut signed_before_the_walk = 0;
    for nth in 1..=6 {
        let node = signed();
        let [_, _, kept, signature] = good(&node);
        node.write(MENU, &other);
        let inner = sign_all(&node);
        let calls = "rename,renameat,renameat2";
        let mut strace = tool("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
        strace.arg(format!("inject={calls}:signal=KILL:when={nth}"));
        strace.arg(inner.get_program()).args(inner.get_args());
        let killed = strace.output().unwrap();
        assert!(!killed.status.success(), "{nth}: {}", text(&killed));
        assert_eq!(
            [node.read(KEPT), node.read(&format!("{KEPT}.sig"))],
            [kept.clone(), signature.clone()],
            "{nth}"
        );
        let former = node.read(MENU) == kept;
        signed_before_the_walk += u8::from(!former && node.read("boot/grub/grub.cfg.sig") != signature);
        let again = sign_all(&node).output().unwrap();
        assert_eq!(again.status.success(), former, "{nth}: {}", text(&again));
        assert_eq!(node.read(MENU), kept, "{nth}: {}", text(&again));
        check_grub(&node.path(MENU));
        check_grub(&node.path(KEPT));
    }
    assert!(signed_before_the_walk > 0);
}

/// Nothing of GRUB's is looked for where it starts nothing.
#[test]
fn a_machine_without_grub_gets_no_menu() {
    let node = Hooked::new();
    fs::remove_dir_all(node.path("boot/grub")).unwrap();
    node.config("[sign]\nefi = [\"/boot/vmlinuz-*\"]\n");
    for key in ["grub.key", "grub.gpg"] {
        node.remove(&format!("etc/bootseal/keys/{key}"));
    }
    succeed(&mut node.bootseal(["sign", "all"]));
    let below: Vec<PathBuf> = snapshot(&node.path("boot")).into_iter().map(|(path, _)| path).collect();
    assert!(
        !below.iter().any(|path| path.to_string_lossy().contains("grub")),
        "{below:?}"
    );
}
