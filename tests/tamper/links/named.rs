//! Commands by hand, and files outside of the boot directories.

use std::fs;
use std::os::unix::fs::symlink;

use bootseal::formats::firmware::authenticode::{Image, minimal_image};

use rustix::fs::FileType;

use super::machine::{Machine, failed, succeeded};
use crate::support::judges::{check_grub, sbverify};
use crate::support::{keys, sign, succeed, text};

#[test]
fn an_output_is_not_written_through_a_link_out_of_the_boot_directory() {
    let machine = Machine::new();
    machine.link("/etc/profile", "boot/out.efi");
    machine.link("signed.efi", "boot/inside.efi");
    machine.kernel("boot/signed.efi");
    let before = machine.outside();
    let [image, out, inside] = ["srv/token/6.12.58/linux", "boot/out.efi", "boot/inside.efi"]
        .map(|name| machine.path(name).to_str().unwrap().to_owned());
    let keys = keys().to_str().unwrap();
    let sign = |output: &str| machine.run(&["sign", "efi", "--keys", keys, &image, "--output", output]);
    let said = failed(&sign(&out));
    assert!(said.contains("is a symbolic link to"), "{said}");
    succeeded(&sign(&inside));
    assert_eq!(machine.outside(), before);
    succeed(&mut sbverify(&machine.path("boot/signed.efi")));
    assert!(
        fs::symlink_metadata(machine.path("boot/inside.efi"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn a_named_file_is_signed_where_its_link_leads_and_the_link_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("images")).unwrap();
    fs::write(path("images/kernel.efi"), minimal_image()).unwrap();
    symlink("images/kernel.efi", path("kernel.efi")).unwrap();
    succeed(&mut sign("efi", &[&path("kernel.efi")]));
    assert!(fs::symlink_metadata(path("kernel.efi")).unwrap().is_symlink());
    let signed = fs::read(path("images/kernel.efi")).unwrap();
    assert_eq!(Image::parse(&signed).unwrap().signatures().len(), 1);
    succeed(&mut sign("grub", &[&path("kernel.efi")]));
    check_grub(&path("kernel.efi"));
    assert!(path("kernel.efi.sig").is_file() && !path("images/kernel.efi.sig").exists());
}

#[test]
fn a_directory_of_grub_elsewhere_is_confined_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["grub/fonts", "victim"] {
        fs::create_dir_all(path(name)).unwrap();
    }
    for name in ["grub/grub.cfg", "grub/fonts/a.pf2", "victim/a.pf2", "victim/file"] {
        fs::write(path(name), name).unwrap();
    }
    symlink("../victim", path("grub/themes")).unwrap();
    symlink("../victim/file", path("grub/grub.cfg.sig")).unwrap();
    succeed(&mut sign("grub", &[&path("grub")]));
    assert_eq!(fs::read_dir(path("victim")).unwrap().count(), 2);
    assert_eq!(fs::read(path("victim/file")).unwrap(), b"victim/file");
    check_grub(&path("grub/grub.cfg"));
    check_grub(&path("grub/fonts/a.pf2"));
    // A file that is a link out of it is refused, and the others are signed.
    symlink("../../victim/file", path("grub/fonts/b.pf2")).unwrap();
    let output = sign("grub", &[&path("grub")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("outside of the named directory"),
        "{}",
        text(&output)
    );
    assert!(!path("grub/fonts/b.pf2.sig").exists());
}

#[test]
fn a_file_that_a_menu_reaches_through_a_link_out_is_not_signed() {
    let machine = Machine::new();
    machine.write(
        "boot/grub/grub.cfg",
        "set theme=$prefix/themes/profile\nsource /more/profile\nset locale_dir=$prefix/locale\n",
    );
    machine.link("/etc", "boot/grub/themes");
    machine.link("../etc", "boot/more");
    machine.link("/etc", "boot/grub/locale");
    machine.write("etc/de.mo", "locale");
    let before = machine.outside();
    let said = succeeded(&machine.hook(&["portage", "sys-boot/grub-2.12"]));
    assert!(said.contains("is a symbolic link to"), "{said}");
    assert_eq!(machine.outside(), before);
    check_grub(&machine.path("boot/grub/grub.cfg"));
}

#[test]
fn devices_are_not_opened_by_who_only_looks() {
    let machine = Machine::new();
    succeeded(&machine.run(&["hook", "run", "all", super::machine::VERSION]));
    for kind in [FileType::CharacterDevice, FileType::Fifo] {
        let signature = machine.path("boot/grub/grub.cfg.sig");
        fs::remove_file(&signature).unwrap();
        machine.special(kind, "boot/grub/grub.cfg.sig");
        let directory = machine.path("boot/grub").to_str().unwrap().to_owned();
        let said = failed(&machine.run(&["verify", "--keys", keys().to_str().unwrap(), &directory]));
        assert!(said.contains("grub.cfg"), "{said}");
        succeeded(&machine.run(&["hook", "run", "all", super::machine::VERSION]));
        check_grub(&machine.path("boot/grub/grub.cfg"));
    }
}

#[test]
fn a_rotation_keeps_the_old_key_in_no_directory_that_a_link_leads_to() {
    let machine = Machine::new();
    machine.link("../../../srv/token", "etc/bootseal/keys/retired");
    let keys = machine.path("etc/bootseal/keys").to_str().unwrap().to_owned();
    let before = fs::read_dir(machine.path("srv/token")).unwrap().count();
    let said = failed(&machine.run(&[
        "keys",
        "rotate",
        "module",
        "--yes",
        "--trusted",
        "--signed",
        "--keys",
        &keys,
    ]));
    assert!(said.contains("retired is a symbolic link to"), "{said}");
    assert_eq!(fs::read_dir(machine.path("srv/token")).unwrap().count(), before);
    assert!(machine.path("etc/bootseal/keys/module.key").is_file());
}

#[test]
fn the_lock_and_the_manifests_are_not_written_through_links() {
    let machine = Machine::new();
    let before = machine.outside();
    succeeded(&machine.run(&["hook", "run", "all", super::machine::VERSION]));
    let state = machine.path("var/lib/bootseal");
    for entry in fs::read_dir(state.join("manifests")).unwrap() {
        let path = entry.unwrap().path();
        symlink("/etc/profile", path.with_extension("new")).unwrap();
        fs::remove_file(&path).unwrap();
        symlink(machine.path("etc/profile"), &path).unwrap();
    }
    succeeded(&machine.run(&["hook", "run", "all", super::machine::VERSION]));
    assert_eq!(machine.outside(), before);
    fs::remove_file(state.join("lock")).unwrap();
    symlink(machine.path("etc/new"), state.join("lock")).unwrap();
    let said = failed(&machine.run(&["hook", "run", "all", super::machine::VERSION]));
    assert!(said.contains("cannot lock"), "{said}");
    assert_eq!(machine.outside(), before);
}
