//! Where GRUB's paths and entries lead: subvolumes, datasets, bound directories, `blscfg` and `uki`.

use bootseal::formats::firmware::authenticode::minimal_image;

use crate::support::keys;
use crate::support::node::Node;
use crate::support::text;

fn node(files: &[(&str, &str)]) -> Node {
    let node = Node::new();
    for (name, content) in files {
        node.write(name, content);
    }
    node
}

/// The exit code and all that is printed, with the root taken off every name.
fn run(node: &Node, words: &[&str]) -> (i32, String) {
    let mut command = node.bootseal(words);
    command.arg("--keys").arg(keys()).arg(node.path("boot/grub"));
    let output = command.output().unwrap();
    (output.status.code().unwrap(), node.without_root(&text(&output)))
}

/// Signs, and fails unless these are signed and the whole is accepted.
fn signs(node: &Node, wanted: &[&str]) {
    let (code, said) = run(node, &["sign", "grub"]);
    assert_eq!(code, 0, "{said}");
    for name in wanted {
        assert!(
            node.path(&format!("{name}.sig")).is_file(),
            "{name} is not signed: {said}"
        );
    }
    let (code, said) = run(node, &["verify"]);
    assert_eq!(code, 0, "{said}");
    for name in wanted {
        node.remove(&format!("{name}.sig"));
        let (code, said) = run(node, &["verify"]);
        assert!(code == 1 && said.contains(name), "{name}: {said}");
        run(node, &["sign", "grub"]);
    }
}

#[test]
fn a_path_leads_through_what_is_mounted() {
    for (mount, path) in [
        ("25 1 0:22 /root / rw - btrfs /dev/sda2 rw,subvol=/root", "/root/boot/"),
        (
            "25 1 0:22 /sub/vol / rw - btrfs /dev/sda2 rw,subvol=/sub/vol",
            "/sub/vol/boot/",
        ),
        ("25 1 0:22 /@/boot /boot rw - btrfs /dev/sda2 rw", "/@/boot/"),
        ("25 1 0:30 / / rw - zfs rpool/ROOT/gentoo rw", "/ROOT/gentoo/@/boot/"),
        ("25 1 0:30 / /boot rw - zfs bpool rw", "/@/"),
        ("25 1 8:3 /kept /boot rw - ext4 /dev/sda3 rw", "/kept/"),
        // The default subvolume is the root of GRUB's paths.
        ("25 1 0:22 /@ / rw - btrfs /dev/sda2 rw,subvol=/@", "/boot/"),
    ] {
        let menu = format!("menuentry Linux {{\n  linux {path}vmlinuz-6\n  initrd {path}initrd-6\n}}\n");
        let mounts = format!("{mount}\n");
        let node = node(&[
            ("boot/grub/grub.cfg", &menu),
            ("boot/vmlinuz-6", "x"),
            ("boot/initrd-6", "x"),
            ("proc/self/mountinfo", &mounts),
        ]);
        signs(&node, &["boot/vmlinuz-6", "boot/initrd-6"]);
    }
}

#[test]
fn entries_that_grub_makes_itself_are_followed() {
    let entry = "title Linux\nlinux /vmlinuz-6\ninitrd /initrd-6\noptions ro\n";
    let signed = ["boot/loader/entries/a-6.conf", "boot/vmlinuz-6", "boot/initrd-6"];
    let files = [
        ("boot/grub/grub.cfg", "set timeout=3\nblscfg\n"),
        ("boot/loader/entries/a-6.conf", entry),
        ("boot/vmlinuz-6", "x"),
        ("boot/initrd-6", "x"),
    ];
    signs(&node(&files), &signed);
    let elsewhere = [
        ("boot/grub/grub.cfg", "blscfg --path /own\nuki\n"),
        ("boot/own/a-6.conf", entry),
        ("boot/vmlinuz-6", "x"),
        ("boot/initrd-6", "x"),
    ];
    let node_of_images = node(&elsewhere);
    let mut image = minimal_image();
    for (name, wanted) in [(b".text\0\0\0", b".linux\0\0"), (b".sbat\0\0\0", b".osrel\0\0")] {
        let place = image.windows(8).position(|window| window == name).unwrap();
        image[place..place + 8].copy_from_slice(wanted);
    }
    node_of_images.write("boot/EFI/Linux/b.efi", image);
    let signed_there = ["boot/own/a-6.conf", "boot/vmlinuz-6", "boot/EFI/Linux/b.efi"];
    signs(&node_of_images, &signed_there);

    // What stands in an entry is a part of a script.
    let node = node(&files);
    node.write(
        "boot/loader/entries/a-6.conf",
        "linux /vmlinuz-6\noptions ro; set check_signatures=no\n",
    );
    run(&node, &["sign", "grub"]);
    let (code, said) = run(&node, &["verify"]);
    let line = "/boot/loader/entries/a-6.conf:1: set check_signatures=no (check_signatures)";
    assert!(code == 1 && said.contains(line), "{said}");
}

#[test]
fn what_lies_under_a_mount_point_is_not_judged() {
    let node = node(&[
        ("boot/grub/grub.cfg", "menuentry x {\nlinux /k\n}\n"),
        ("boot/k", "x"),
        ("proc/self/mountinfo", "25 1 8:2 / / rw - ext4 /dev/sda2 rw\n"),
    ]);
    signs(&node, &["boot/k"]);
    node.write("etc/fstab", "LABEL=boot /boot ext4 noauto 0 2\n");
    let (code, said) = run(&node, &["verify"]);
    assert!(code == 3 && said.contains("ought to be mounted"), "{said}");
}

#[test]
fn a_block_of_variables_sets_nothing_that_protects() {
    let node = node(&[
        ("boot/grub/grub.cfg", "load_env\nmenuentry x {\nlinux /k\n}\n"),
        ("boot/k", "x"),
        (
            "boot/grub/grubenv",
            "# GRUB Environment Block\ncheck_signatures=no\n####",
        ),
    ]);
    run(&node, &["sign", "grub"]);
    let (code, said) = run(&node, &["verify"]);
    assert!(
        code == 1 && said.contains("(environment_sets_protected): it sets check_signatures"),
        "{said}"
    );
}

#[test]
fn the_lists_of_hashsum_are_signed() {
    let node = node(&[
        (
            "boot/grub/grub.cfg",
            "hashsum --hash sha256 --check /sums --prefix /\nmenuentry x {\nlinux /k\n}\n",
        ),
        ("boot/sums", "x"),
        ("boot/k", "x"),
    ]);
    signs(&node, &["boot/sums", "boot/k"]);
}
