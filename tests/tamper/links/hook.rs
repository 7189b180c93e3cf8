//! Plants of an attacker on `/boot` between two installations of a kernel, in both modes of the hook.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::grub::signature_name::signature_path;
use rustix::fs::FileType;

use super::machine::{Machine, Mode, SECRET, VERSION, failed, succeeded};
use crate::support::judges::{check_grub, check_kernel};
use crate::support::node::menu;

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

#[test]
fn a_signature_that_is_a_link_is_replaced_and_leads_nowhere() {
    for mode in Mode::BOTH {
        for target in ["/etc/shadow", "../etc/new", "grub/grub.cfg"] {
            let machine = Machine::new();
            let before = machine.outside();
            machine.link(target, &format!("boot/initramfs-{VERSION}.img.sig"));
            machine.link(target, &format!("boot/vmlinuz-{VERSION}.sig"));
            machine.link(target, "boot/grub/grub.cfg.sig");
            succeeded(&machine.slot(mode, "grub"));
            assert_eq!(machine.outside(), before, "{mode:?} {target}");
            assert_eq!(machine.read("boot/grub/grub.cfg"), menu(VERSION, 5).as_bytes());
            for file in [machine.initramfs(), machine.path("boot/grub/grub.cfg")] {
                assert!(is_file(&signature_path(&file)), "{mode:?} {target}");
                check_grub(&file);
            }
        }
    }
}

#[test]
fn a_signature_that_is_a_second_name_of_another_file_is_replaced() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        let before = machine.outside();
        machine.hard_link("etc/shadow", &format!("boot/initramfs-{VERSION}.img.sig"));
        machine.hard_link("etc/profile", "boot/grub/grub.cfg.sig");
        succeeded(&machine.slot(mode, "grub"));
        assert_eq!(machine.outside(), before, "{mode:?}");
        assert_eq!(fs::metadata(machine.path("etc/shadow")).unwrap().nlink(), 1);
        check_grub(&machine.initramfs());
    }
}

#[test]
fn pipes_sockets_and_devices_in_the_way_are_replaced_and_not_opened() {
    let kinds = [
        FileType::Fifo,
        FileType::Socket,
        FileType::CharacterDevice,
        FileType::BlockDevice,
    ];
    for (mode, kind) in Mode::BOTH.into_iter().flat_map(|mode| kinds.map(|kind| (mode, kind))) {
        let machine = Machine::new();
        machine.special(kind, &format!("boot/initramfs-{VERSION}.img.sig"));
        machine.special(kind, "boot/grub/grub.cfg.sig");
        machine.special(kind, "boot/grub/grub.cfg.signed");
        machine.special(kind, "boot/grub/extra.cfg");
        machine.special(kind, "boot/initramfs-6.1.0.img");
        succeeded(&machine.slot(mode, "grub"));
        check_grub(&machine.initramfs());
        check_grub(&machine.path("boot/grub/grub.cfg"));
        assert!(is_file(&machine.path("boot/grub/grub.cfg.signed")), "{kind:?}");
    }
}

#[test]
fn a_directory_in_the_way_is_named_and_stops_nothing_else() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        machine.write(&format!("boot/initramfs-{VERSION}.img.sig/inside"), "x");
        let said = failed(&machine.slot(mode, "grub"));
        assert!(said.contains(&format!("initramfs-{VERSION}.img")), "{said}");
        check_grub(&machine.path("boot/grub/grub.cfg"));
        check_grub(&machine.path(&format!("boot/vmlinuz-{VERSION}")));
        assert_eq!(machine.read(&format!("boot/initramfs-{VERSION}.img.sig/inside")), b"x");
    }
}

#[test]
fn a_directory_that_is_a_link_out_is_not_looked_into() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        fs::rename(machine.path("boot/grub"), machine.path("boot/moved")).unwrap();
        machine.link("/etc/grub", "boot/grub");
        machine.link("../srv/token", "boot/token2");
        machine.link("/etc/grub/fonts", "boot/grub2");
        let before = machine.outside();
        for slot in ["modules", "image", "grub"] {
            let output = machine.slot(mode, slot);
            assert!(output.status.code().is_some_and(|code| code != 70), "{output:?}");
        }
        let output = machine.hook(&["portage", "sys-boot/grub-2.12"]);
        let said = succeeded(&output);
        assert!(
            said.contains("is a symbolic link to") && said.contains("boot/grub"),
            "{said}"
        );
        assert_eq!(machine.outside(), before, "{mode:?}");
    }
}

#[test]
fn links_within_the_boot_directory_are_followed_and_stay() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        fs::rename(machine.path("boot/grub"), machine.path("boot/grub2")).unwrap();
        machine.link("grub2", "boot/grub");
        machine.link(&format!("vmlinuz-{VERSION}"), "boot/vmlinuz");
        machine.link(
            &format!("../boot/grub/../initramfs-{VERSION}.img"),
            "boot/initramfs.img",
        );
        succeeded(&machine.slot(mode, "image"));
        succeeded(&machine.slot(mode, "grub"));
        check_grub(&machine.path("boot/grub2/grub.cfg"));
        for name in ["vmlinuz", "initramfs.img"] {
            let path = machine.path("boot").join(name);
            assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
            check_grub(&path);
        }
        check_kernel(&machine.path(&format!("boot/vmlinuz-{VERSION}")));
        assert!(fs::symlink_metadata(machine.path("boot/grub")).unwrap().is_symlink());
    }
}

#[test]
fn the_configuration_that_is_kept_aside_is_not_written_through_a_link() {
    for mode in Mode::BOTH {
        for (target, name) in [
            ("/etc/profile", "grub.cfg.new"),
            ("../../etc/new", "grub.cfg.new"),
            ("/etc/profile", "grub.cfg.signed"),
            ("/etc/profile", "grub.cfg.signed.sig"),
            ("/etc/profile", "grub.cfg.sig"),
        ] {
            let machine = Machine::new();
            succeeded(&machine.slot(mode, "grub"));
            assert!(is_file(&machine.path("boot/grub/grub.cfg.signed")));
            machine.write("boot/grub/grub.cfg", "touch /i-was-here\n");
            fs::remove_file(machine.path("boot/grub").join(name)).ok();
            machine.link(target, &format!("boot/grub/{name}"));
            machine.write("boot/grub2/grub.cfg", "");
            let before = machine.outside();
            failed(&machine.slot(mode, "grub"));
            failed(&machine.hook(&["portage", "sys-boot/grub-2.12"]));
            assert_eq!(machine.outside(), before, "{mode:?} {name}");
            if name == "grub.cfg.new" {
                assert_eq!(machine.read("boot/grub/grub.cfg"), menu(VERSION, 5).as_bytes());
                assert_eq!(machine.read("boot/grub/grub.cfg.new"), b"touch /i-was-here\n");
                check_grub(&machine.path("boot/grub/grub.cfg"));
            }
        }
    }
}

#[test]
fn no_secret_comes_onto_the_boot_partition() {
    for mode in Mode::BOTH {
        for name in [
            "grub/grub.cfg",
            "grub/grub.cfg.signed",
            "vmlinuz.old",
            "initramfs-6.12.58-gentoo.img.old",
            "initramfs-6.12.58-gentoo.img.old.sig",
        ] {
            let machine = Machine::new();
            succeeded(&machine.slot(mode, "grub"));
            fs::remove_file(machine.path("boot").join(name)).ok();
            machine.link("/etc/shadow", &format!("boot/{name}"));
            machine.write("boot/grub2/grub.cfg", "");
            for slot in ["modules", "image", "grub"] {
                machine.slot(mode, slot);
            }
            machine.hook(&["portage", "sys-boot/grub-2.12"]);
            for (path, content) in machine.boot() {
                let shown = String::from_utf8_lossy(&content);
                assert!(!shown.contains(SECRET.trim()), "{mode:?}: {} by {name}", path.display());
            }
            assert_eq!(machine.read("etc/shadow"), SECRET.as_bytes());
        }
    }
}

/// The former kernel's signature, with what somebody put behind its packet.
#[test]
fn a_signature_is_carried_alone_and_through_no_link() {
    for mode in Mode::BOTH {
        for target in [None, Some("/etc/profile"), Some("/etc/new")] {
            let machine = Machine::new();
            succeeded(&machine.hook(&["all", VERSION]));
            let kernel = machine.path(&format!("boot/vmlinuz-{VERSION}"));
            let signature = fs::read(signature_path(&kernel)).unwrap();
            let old = kernel.with_file_name(format!("vmlinuz-{VERSION}.old"));
            fs::rename(&kernel, &old).unwrap();
            fs::write(&kernel, minimal_image()).unwrap();
            let more = [&signature[..], b"\ntouch /i-was-here\n"].concat();
            fs::write(signature_path(&kernel), more).unwrap();
            if let Some(target) = target {
                machine.link(target, &format!("boot/vmlinuz-{VERSION}.old.sig"));
            }
            let before = machine.outside();
            succeeded(&machine.slot(mode, "image"));
            assert_eq!(machine.outside(), before, "{mode:?} {target:?}");
            assert!(is_file(&signature_path(&old)));
            assert_eq!(
                fs::read(signature_path(&old)).unwrap(),
                signature,
                "{mode:?} {target:?}"
            );
            check_grub(&old);
            check_grub(&kernel);
        }
    }
}

#[test]
fn names_of_staged_files_that_are_there_already_do_no_harm() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        let before = machine.outside();
        machine.link("/etc/profile", "boot/.bootseal-aaaaaaaa");
        machine.link("/etc/grub", "boot/grub/.bootseal-bbbbbbbb");
        machine.write("boot/.bootseal-cccccccc/inside", "x");
        machine.hard_link("etc/profile", "boot/grub/.bootseal-dddddddd");
        machine.special(FileType::Fifo, "boot/.bootseal-eeeeeeee");
        machine.link("/etc/profile", &format!("lib/modules/{VERSION}/.bootseal-ffffffff"));
        for slot in ["modules", "image", "grub"] {
            succeeded(&machine.slot(mode, slot));
        }
        assert_eq!(machine.outside(), before, "{mode:?}");
        check_grub(&machine.initramfs());
    }
}

#[test]
fn links_and_second_names_in_the_module_tree_change_nothing_outside() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        machine.link("/srv/modules", &format!("lib/modules/{VERSION}/extra"));
        machine.hard_link(
            "srv/modules/loop.ko",
            &format!("lib/modules/{VERSION}/kernel/second.ko"),
        );
        let before = machine.outside();
        succeeded(&machine.slot(mode, "modules"));
        assert_eq!(machine.outside(), before, "{mode:?}");
        let second = machine.read(&format!("lib/modules/{VERSION}/kernel/second.ko"));
        assert!(second.ends_with(b"~Module signature appended~\n"));
        machine.link(
            "/srv/modules/loop.ko",
            &format!("lib/modules/{VERSION}/kernel/third.ko"),
        );
        let said = failed(&machine.slot(mode, "modules"));
        assert!(said.contains("outside of the named directory"), "{said}");
        assert_eq!(machine.outside(), before, "{mode:?}");
    }
}

#[test]
fn an_image_that_is_a_link_out_is_not_signed() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        let kernel = format!("boot/vmlinuz-{VERSION}");
        machine.remove(&kernel);
        machine.link("/srv/token/6.12.58/linux", &kernel);
        let before = machine.outside();
        for slot in ["image", "grub"] {
            machine.slot(mode, slot);
            assert_eq!(machine.outside(), before, "{mode:?} {slot}");
        }
        let said = failed(&machine.hook(&["image", VERSION, &format!("/{kernel}")]));
        assert!(said.contains("is a symbolic link to"), "{said}");
    }
}
