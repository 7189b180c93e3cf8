//! `hook install`, `remove` and `status` on trees of their own.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::machine::snapshot;
use super::node::{Hooked, VERSION};
use crate::support::{as_printed, forget_kept_menu, grub_image, refuse, succeed, text};

/// A machine in systemd mode as Gentoo has it.
pub(super) fn gentoo() -> Hooked {
    let node = Hooked::new();
    let program = |name: &str| {
        node.write(name, b"#!/bin/sh\n");
        node.chmod(name, 0o755);
    };
    program("usr/bin/bootseal");
    program("usr/bin/kernel-install");
    for name in [
        "50-depmod",
        "52-dracut",
        "60-ukify",
        "90-compat",
        "90-uki-copy",
        "90-zz-update-static",
        "91-grub-mkconfig",
    ] {
        program(&format!("usr/lib/kernel/install.d/{name}.install"));
    }
    node.write("etc/kernel/install.conf", b"layout=grub\n");
    fs::create_dir_all(node.path("etc/portage")).unwrap();
    node
}

/// The same with the hooks, and its present kernel signed.
fn hooked() -> Hooked {
    let node = gentoo();
    succeed(&mut node.hook(&["install"]));
    succeed(&mut node.run("all", &[VERSION]));
    node
}

#[test]
fn an_image_that_stops_at_an_unsigned_menu_is_told() {
    let node = hooked();
    fs::create_dir_all(node.path("efi/EFI/bootseal")).unwrap();
    node.write("etc/bootseal/config.toml", b"[grub]\nesp = \"/efi\"\n");
    let image = node.path("efi/EFI/bootseal/grubx64.efi");
    succeed(&mut grub_image(&node.path("etc/bootseal/keys"), &image));
    let said = succeed(&mut status(&node));
    assert!(
        said.contains("nothing keeps the next kernel from being signed"),
        "{said}"
    );
    forget_kept_menu(&image);
    let said = succeed(&mut status(&node));
    assert!(
        said.contains("does not fall back to grub.cfg.signed") && said.contains("fix: bootseal grub install"),
        "{said}"
    );
}

pub(super) fn status(node: &Hooked) -> Command {
    node.hook(&["status"])
}

#[test]
fn what_is_installed_is_taken_away_byte_for_byte() {
    let node = gentoo();
    let before = snapshot(node.root());
    let said = succeed(&mut node.hook(&["--dry-run", "install"]));
    assert!(
        said.contains("96-bootseal-grub.install") && said.contains("nothing was written"),
        "{said}"
    );
    assert_eq!(snapshot(node.root()), before);

    let said = succeed(&mut node.hook(&["install"]));
    assert!(
        said.contains("Mode: systemd (kernel-install is there, and no installkernel)"),
        "{said}"
    );
    assert!(said.contains("usr/local/lib/postinst-qa-check.d/60-bootseal"), "{said}");
    assert!(succeed(&mut node.hook(&["install"])).contains("there already"));
    succeed(&mut status(&node));
    assert!(!node.path("etc/systemd/system/bootseal-audit.timer").exists());
    succeed(&mut node.hook(&["install", "--with-audit"]));
    assert!(node.path("etc/systemd/system/bootseal-audit.timer").exists());
    succeed(&mut node.hook(&["remove"]));
    assert_eq!(snapshot(node.root()), before);
    assert!(!node.path("etc/kernel/install.d").exists() && !node.path("usr/local").exists());
    assert!(node.path("etc/portage").is_dir());
}

#[test]
fn what_is_not_ours_is_never_touched() {
    let node = gentoo();
    let hook = "etc/kernel/install.d/65-bootseal-uki.install";
    node.write(hook, b"");
    let said = refuse(&mut node.hook(&["install"]));
    assert!(said.contains("65-bootseal-uki.install is not bootseal's"), "{said}");
    assert_eq!(fs::read_dir(node.path("etc/kernel/install.d")).unwrap().count(), 1);
    fs::remove_file(node.path(hook)).unwrap();
    node.write("usr/local/lib/postinst-qa-check.d/60-bootseal", b"# mine\n");
    let said = succeed(&mut node.hook(&["install"]));
    assert!(said.contains("60-bootseal: not bootseal's, left alone"), "{said}");
    node.write(hook, b"#!/bin/sh\n# changed\n");
    let said = succeed(&mut node.hook(&["remove"]));
    assert!(said.contains("65-bootseal-uki.install: not bootseal's"), "{said}");
    assert_eq!(fs::read(node.path(hook)).unwrap(), b"#!/bin/sh\n# changed\n");
    assert_eq!(
        fs::read(node.path("usr/local/lib/postinst-qa-check.d/60-bootseal")).unwrap(),
        b"# mine\n"
    );
}

#[test]
fn the_mode_is_the_one_that_installkernel_takes() {
    let node = gentoo();
    let mode = || {
        let said = text(&status(&node).output().unwrap());
        said.lines().next().unwrap().to_owned()
    };
    assert_eq!(mode(), "Mode: systemd (kernel-install is there, and no installkernel)");
    node.write(
        "sbin/installkernel",
        b"#!/bin/sh\nSYSTEMD_KERNEL_INSTALL=\"${SYSTEMD_KERNEL_INSTALL:=0}\"\n",
    );
    assert_eq!(
        mode(),
        "Mode: traditional (/sbin/installkernel runs preinst.d and postinst.d)"
    );
    node.write(
        "sbin/installkernel",
        b"#!/bin/sh\nSYSTEMD_KERNEL_INSTALL=\"${SYSTEMD_KERNEL_INSTALL:=1}\"\n",
    );
    assert_eq!(
        mode(),
        "Mode: systemd (/sbin/installkernel hands over to kernel-install)"
    );
    node.write("etc/env.d/99kernel", b"SYSTEMD_KERNEL_INSTALL=\"0\"\n");
    assert_eq!(
        mode(),
        "Mode: traditional (SYSTEMD_KERNEL_INSTALL=0 in /etc/env.d/99kernel)"
    );
    fs::remove_dir_all(node.path("etc/env.d")).unwrap();
    fs::remove_file(node.path("sbin/installkernel")).unwrap();
    fs::remove_file(node.path("usr/bin/kernel-install")).unwrap();
    let said = refuse(&mut status(&node));
    assert!(said.contains("neither installkernel nor kernel-install"), "{said}");
}

#[test]
fn the_order_is_shown_with_the_plugins_around_ours() {
    let node = hooked();
    let said = succeed(&mut status(&node));
    assert!(
        said.contains("Layout: grub") && said.contains("nothing keeps the next kernel from being signed"),
        "{said}"
    );
    let order: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.ends_with(".install")))
        .collect();
    assert_eq!(
        order,
        [
            "45-bootseal-modules.install",
            "50-depmod.install",
            "52-dracut.install",
            "60-ukify.install",
            "65-bootseal-uki.install",
            "90-compat.install",
            "90-uki-copy.install",
            "90-yy-bootseal-image.install",
            "90-zz-update-static.install",
            "91-grub-mkconfig.install",
            "96-bootseal-grub.install",
        ]
    );
}

/// Breaks a sound machine; `status` refuses or warns with these words.
fn finding(expected: &str, code: i32, breaks: impl FnOnce(&Hooked, &mut Command)) {
    let node = gentoo();
    succeed(&mut node.hook(&["install"]));
    let mut command = status(&node);
    breaks(&node, &mut command);
    let output = command.output().unwrap();
    let said = text(&output);
    assert!(said.contains(expected), "{expected}: {said}");
    assert_eq!(output.status.code(), Some(code), "{said}");
}

#[test]
fn what_would_defeat_the_hooks_is_told() {
    let hook = "etc/kernel/install.d/90-yy-bootseal-image.install";
    let plugin = |node: &Hooked, name: &str| {
        node.write(&format!("usr/lib/kernel/install.d/{name}"), b"#!/bin/sh\n");
        node.chmod(&format!("usr/lib/kernel/install.d/{name}"), 0o755);
    };
    finding("90-yy-bootseal-image.install is not installed", 1, |node, _| {
        fs::remove_file(node.path(hook)).unwrap();
    });
    finding("is masked: it is an empty file", 1, |node, _| node.write(hook, b""));
    finding(
        "is masked: it is an empty file, or a link to /dev/null",
        1,
        |node, _| {
            fs::remove_file(node.path(hook)).unwrap();
            symlink("/dev/null", node.path(hook)).unwrap();
        },
    );
    finding("is not executable", 1, |node, _| node.chmod(hook, 0o644));
    finding("is not as this bootseal installs it", 0, |node, _| {
        node.write(hook, b"#!/bin/sh\nexit 0\n");
    });
    finding("KERNEL_INSTALL_BYPASS=1 in the environment", 1, |_, command| {
        command.env("KERNEL_INSTALL_BYPASS", "1");
    });
    finding(
        "KERNEL_INSTALL_PLUGINS in /etc/environment leaves out 45-bootseal-modules.install",
        1,
        |node, _| {
            node.write(
                "etc/environment",
                b"KERNEL_INSTALL_PLUGINS=\"/a/65-bootseal-uki.install\"\n",
            );
        },
    );
    finding("44-ugrd.install puts modules into the initramfs", 1, |node, _| {
        plugin(node, "44-ugrd.install");
    });
    finding("48-dkms.install builds modules after", 1, |node, _| {
        plugin(node, "48-dkms.install");
    });
    finding("95-loaderentry.install copies the image after", 1, |node, _| {
        plugin(node, "95-loaderentry.install");
    });
    finding("97-grub-mkconfig.install writes grub.cfg after", 1, |node, _| {
        plugin(node, "97-grub-mkconfig.install");
    });
    finding("91-sbctl.install signs as well", 0, |node, _| {
        plugin(node, "91-sbctl.install");
    });
    finding("CONFIG_MODULE_SIG_SHA3-512", 0, |node, _| {
        node.write("etc/portage/make.conf", b"MODULES_SIGN_HASH=\"sha3-512\"\n");
    });
    finding("Portage makes a key of its own", 0, |node, _| {
        node.write("etc/portage/make.conf", b"USE=\"secureboot\"\n");
    });
    finding("holds a key of \"test Kernel Module Key", 0, |node, _| {
        let pem = [
            node.read("etc/bootseal/keys/module.key"),
            node.read("etc/bootseal/keys/module.pem"),
        ]
        .concat();
        node.write("etc/portage/make.conf", b"USE=\"secureboot\"\n");
        node.write("etc/portage/secureboot.pem", pem);
    });
    finding("there are no keys at", 1, |node, _| {
        fs::remove_dir_all(node.path("etc/bootseal/keys")).unwrap();
    });
    finding("the private half of the db key is not at", 1, |node, _| {
        fs::remove_file(node.path("etc/bootseal/keys/db.key")).unwrap();
    });
    finding("there is no grub key", 0, |node, _| {
        for name in ["grub.key", "grub.gpg"] {
            node.remove(&format!("etc/bootseal/keys/{name}"));
        }
    });
    finding("bootseal is in none of the directories", 1, |node, _| {
        fs::remove_file(node.path("usr/bin/bootseal")).unwrap();
    });
    finding("/boot/efi is not mounted", 1, |node, _| {
        node.write(
            "etc/fstab",
            b"LABEL=boot /boot ext4 defaults 0 2\nLABEL=esp /boot/efi vfat umask=0077 0 2\n",
        );
        node.write("proc/self/mountinfo", b"30 22 8:2 / /boot rw - ext4 /dev/sda2 rw\n");
    });
}

#[test]
fn a_mode_that_was_named_is_remembered_until_the_hooks_are_removed() {
    let node = gentoo();
    let said = succeed(&mut node.hook(&["install", "--mode", "traditional"]));
    assert!(said.contains("Mode: traditional (--mode)"), "{said}");
    for arguments in [&["status"][..], &["install"], &["--json", "status"]] {
        let said = succeed(&mut node.hook(arguments));
        assert!(said.contains("installed with --mode traditional"), "{said}");
    }
    let audit = text(
        &node
            .bootseal(["audit", "-v", "--only", "hooks.next_kernel"])
            .output()
            .unwrap(),
    );
    assert!(
        audit.contains("mode traditional: installed with --mode traditional"),
        "{audit}"
    );
    succeed(&mut node.hook(&["remove"]));
    let said = succeed(&mut node.hook(&["install"]));
    assert!(said.contains("Mode: systemd ("), "{said}");
}

#[test]
fn without_grub_nobody_misses_its_key() {
    let node = hooked();
    for name in [
        "etc/bootseal/keys/grub.key",
        "etc/bootseal/keys/grub.gpg",
        "boot/grub/grub.cfg",
    ] {
        node.remove(name);
    }
    node.write("etc/kernel/install.conf", "layout=uki\n");
    let said = succeed(&mut status(&node));
    assert!(
        said.contains("nothing keeps the next kernel from being signed"),
        "{said}"
    );
}

#[test]
fn both_ways_of_one_machine_are_served_and_a_bare_one_is_told() {
    let node = gentoo();
    succeed(&mut node.run("all", &[VERSION]));
    let script = |default: u8| {
        let text = format!("#!/bin/sh\n: \"${{SYSTEMD_KERNEL_INSTALL:={default}}}\"\n");
        node.write("sbin/installkernel", text);
    };
    script(0);
    succeed(&mut node.hook(&["install", "--mode", "systemd"]));
    let said = succeed(&mut status(&node));
    let expected = "a kernel can also come by the mode traditional (/sbin/installkernel runs preinst.d and postinst.d)";
    assert!(said.contains(expected), "{said}");
    let remedy = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("fix: ").filter(|fix| fix.contains(" hook ")))
        .unwrap();
    assert!(
        remedy.starts_with("bootseal hook install --mode systemd --mode traditional --root "),
        "{remedy}"
    );
    succeed(&mut as_printed(remedy));
    for hook in ["postinst.d/zz_bootseal-grub", "install.d/96-bootseal-grub.install"] {
        assert!(node.path("etc/kernel").join(hook).exists());
    }
    let said = succeed(&mut status(&node));
    assert!(
        said.contains("nothing keeps the next kernel from being signed"),
        "{said}"
    );
    succeed(&mut node.hook(&["remove"]));
    // What nobody named is what is there, the usual way first.
    for (default, usual) in [(0, "traditional"), (1, "systemd")] {
        script(default);
        let said = succeed(&mut node.hook(&["--json", "install"]));
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (&said["mode"], said["modes"].as_array().unwrap().len()),
            (&usual.into(), 2)
        );
        succeed(&mut status(&node));
    }
}

#[test]
fn in_traditional_mode_a_hook_that_is_not_executable_masks_its_namesake() {
    let node = gentoo();
    succeed(&mut node.hook(&["install", "--mode", "traditional"]));
    succeed(&mut node.hook(&["status", "--mode", "traditional"]));
    // Gentoo's installkernel runs nothing but what this lists.
    let list = "INSTALLKERNEL_POSTINST_PLUGINS=\"/usr/lib/kernel/postinst.d/91-grub-mkconfig\"\n";
    node.write("etc/env.d/99hooks", list);
    let said = refuse(&mut node.hook(&["status", "--mode", "traditional"]));
    let expected = "INSTALLKERNEL_POSTINST_PLUGINS in /etc/env.d/99hooks leaves out 45-bootseal-modules, 50-bootseal-image, \
                    zz_bootseal-grub";
    assert!(said.contains(expected), "{said}");
    node.remove("etc/env.d/99hooks");
    node.write("usr/lib/kernel/preinst.d/52-dracut", b"#!/bin/sh\n");
    node.chmod("usr/lib/kernel/preinst.d/52-dracut", 0o755);
    node.write("etc/kernel/preinst.d/52-dracut", b"# none\n");
    let said = succeed(&mut node.hook(&["status", "--mode", "traditional"]));
    assert!(said.contains("52-dracut: not executable, does not run"), "{said}");
    node.write("usr/lib/kernel/preinst.d/40-ugrd", b"#!/bin/sh\n");
    node.chmod("usr/lib/kernel/preinst.d/40-ugrd", 0o755);
    let said = refuse(&mut node.hook(&["status", "--mode", "traditional"]));
    assert!(
        said.contains("wrong order: /usr/lib/kernel/preinst.d/40-ugrd"),
        "{said}"
    );
}
