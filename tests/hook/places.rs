//! Files in unusual places, and of unusual kinds: all that the next start reads is signed where it lies.

use std::fs;
use std::path::Path;

use super::node::{Hooked, VERSION};
use crate::support::judges::{check_grub, check_kernel, sbverify};
use crate::support::{refuse, succeed, tool};

#[test]
fn a_font_of_the_distribution_that_the_menu_loads_is_signed_where_it_lies() {
    let node = Hooked::new();
    let menu = String::from_utf8(node.read("boot/grub/grub.cfg")).unwrap();
    node.write(
        "boot/grub/grub.cfg",
        format!("loadfont /usr/share/grub/unicode.pf2\n{menu}"),
    );
    node.write("usr/share/grub/unicode.pf2", "a font");
    let font = node.path("usr/share/grub/unicode.pf2");
    succeed(&mut node.run("all", &[VERSION]));
    check_grub(&font);
    node.remove("usr/share/grub/unicode.pf2.sig");
    succeed(&mut node.bootseal([Path::new("sign"), Path::new("grub"), &node.path("boot/grub")]));
    check_grub(&font);
}

#[test]
fn a_kernel_that_is_compressed_as_a_whole_is_installed_and_signed_for_grub_alone() {
    let node = Hooked::new();
    // As arm64's Image.gz: the mark of such a kernel is at offset 0x38.
    let mut kernel = vec![0; 64];
    kernel[0x38..0x3c].copy_from_slice(b"ARM\x64");
    let image = node.path("usr/src/Image");
    node.write("usr/src/Image", &kernel);
    succeed(tool("gzip").arg("-k").arg(&image));
    let packed = node.path("usr/src/Image.gz");
    let installed = format!("boot/vmlinuz-{VERSION}");
    let said = succeed(&mut node.run("modules", &[VERSION, packed.to_str().unwrap()]));
    assert!(
        said.contains("Image.gz is compressed as a whole") && said.contains("CONFIG_EFI_ZBOOT=y"),
        "{said}"
    );
    fs::copy(&packed, node.path(&installed)).unwrap();
    let placed = node.path(&installed);
    for slot in ["image", "grub"] {
        succeed(&mut node.run(slot, &[VERSION, placed.to_str().unwrap()]));
    }
    check_grub(&placed);
    assert_eq!(node.read(&installed), fs::read(&packed).unwrap());
    // Nothing else that is no image passes.
    node.write("usr/src/Image.gz", b"\x1f\x8b and no more");
    let said = refuse(&mut node.run("modules", &[VERSION, packed.to_str().unwrap()]));
    assert!(said.contains("cannot sign"), "{said}");
}

#[test]
fn a_unified_image_that_the_menu_chains_to_is_signed_on_a_partition_of_any_kind() {
    let node = Hooked::new();
    let name = format!("EFI/Linux/gentoo-{VERSION}.efi");
    node.kernel(&format!("efi/{name}"));
    node.write(
        "boot/grub/grub.cfg",
        format!("menuentry x {{\nsearch --fs-uuid --set=root 1234-ABCD\nchainloader /{name}\n}}\n"),
    );
    succeed(&mut node.run("all", &[VERSION]));
    check_kernel(&node.path(&format!("efi/{name}")));
}

#[test]
fn a_menu_elsewhere_that_the_environment_names_is_signed_and_judged() {
    let node = Hooked::new();
    let menu = node.read("boot/grub/grub.cfg");
    fs::remove_dir_all(node.path("boot/grub")).unwrap();
    node.write("boot/menu/x.cfg", menu);
    node.write("etc/env.d/99grub", "GRUB_CFG=\"/boot/menu/x.cfg\"\n");
    succeed(&mut node.run("all", &[VERSION]));
    check_grub(&node.path("boot/menu/x.cfg"));
    node.write("boot/menu/x.cfg", "# changed\n");
    let said = refuse(&mut node.bootseal(["audit", "--only", "grub.files"]));
    assert!(said.contains("boot/menu/x.cfg"), "{said}");
}

#[test]
fn every_efi_system_partition_gets_its_kernel_signed() {
    let node = Hooked::new();
    let names = ["efi", "mnt/second"].map(|place| format!("{place}/EFI/Linux/gentoo-{VERSION}.efi"));
    for name in &names {
        node.kernel(name);
    }
    let mounts = "30 22 8:1 / /efi rw - vfat /dev/sda1 rw\n31 22 8:17 / /mnt/second rw - vfat /dev/sdb1 rw\n";
    node.write("proc/self/mountinfo", mounts);
    succeed(&mut node.run("all", &[VERSION]));
    for name in &names {
        succeed(&mut sbverify(&node.path(name)));
    }
}

#[test]
fn keys_that_links_lead_to_are_those_of_the_machine_whose_root_it_is() {
    let node = Hooked::new();
    let secure = node.directory("secure");
    for name in ["db.key", "db.pem", "module.key"] {
        let key = format!("etc/bootseal/keys/{name}");
        fs::rename(node.path(&key), secure.join(name)).unwrap();
        node.link(&format!("/secure/{name}"), &key);
    }
    node.chmod("secure", 0o700);
    succeed(&mut node.run("all", &[VERSION]));
    check_kernel(&node.path(&format!("boot/vmlinuz-{VERSION}")));
    // One that leads nowhere there is not taken from here.
    node.remove("secure/db.key");
    let said = refuse(&mut node.bootseal([
        Path::new("sign"),
        Path::new("efi"),
        &node.path(&format!("boot/vmlinuz-{VERSION}")),
    ]));
    assert!(said.contains("db.key"), "{said}");
}
