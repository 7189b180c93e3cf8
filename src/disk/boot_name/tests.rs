use super::*;

fn naming() -> Naming {
    let mut naming = Naming::default();
    naming.add("gentoo");
    naming
}

#[test]
fn every_producers_names_are_known() {
    for (name, kind) in [
        ("vmlinuz", Kind::Kernel),
        ("vmlinuz-6.12.1+x", Kind::Kernel),
        ("vmlinux-6.12.1", Kind::Kernel),
        ("vmlinuz-linux-lts", Kind::Kernel),
        ("vmlinuz-6.12.1.old", Kind::Kernel),
        ("vmlinuz-6.12.1.efi", Kind::Kernel),
        ("vmlinuz-6.12.1-old.efi", Kind::Kernel),
        ("kernel-6.12.58-gentoo", Kind::Kernel),
        ("kernel-genkernel-x86_64-6.1.12", Kind::Kernel),
        ("bzImage-6.12.58-gentoo", Kind::Kernel),
        ("Image", Kind::Kernel),
        ("Image-6.12.1", Kind::Kernel),
        ("Image.gz-6.12.1", Kind::Kernel),
        ("zImage.old", Kind::Kernel),
        ("gentoo-6.12.1.efi", Kind::Unified),
        ("GENTOO-6.12.1.EFI", Kind::Unified),
        ("gentoo-6.12.1+3-1.efi", Kind::Unified),
        ("0123456789abcdef0123456789abcdef-6.12.1.efi", Kind::Unified),
        ("gentoo.efi", Kind::Unified),
        ("initramfs-6.1.img.old", Kind::Initramfs),
        ("initrd.img-6.1", Kind::Initramfs),
        ("initramfs-genkernel-x86_64-6.1.12", Kind::Initramfs),
        ("amd-uc.img", Kind::Microcode),
        ("early_ucode.cpio", Kind::Microcode),
    ] {
        assert_eq!(naming().parse(name).map(|name| name.kind), Some(kind), "{name}");
    }
    for name in [
        "System.map-6.1",
        "config-6.1",
        "grub",
        "kernels",
        "Images",
        "efi",
        "vmlinuz-6.12.1.sig",
        "vmlinuz-6.12.1.old.sig",
        "initrd.img.asc",
        "bootmgfw.efi",
        "grubx64.efi",
        "BOOTX64.EFI",
        "debian.efi",
        "-6.12.1+x.efi",
        "gentoo-6.12.1",
        "",
    ] {
        assert_eq!(naming().parse(name), None, "{name}");
    }
}

#[test]
fn names_tell_whose_images_they_are() {
    let relation = |name: &str| {
        let name = naming().parse(name).unwrap();
        (name.is_of("6.12.1+x"), name.is_former, name.has_no_version())
    };
    for name in [
        "vmlinuz-6.12.1+x",
        "kernel-6.12.1+x",
        "kernel-6.12.1+x.efi",
        "gentoo-6.12.1+x.efi",
        "gentoo-6.12.1+x+3.efi",
        "gentoo-6.12.1+x+3-1.efi",
        "initramfs-6.12.1+x.img",
    ] {
        assert_eq!(relation(name), (true, false, false), "{name}");
    }
    for name in [
        "vmlinuz-6.12.1+x.old",
        "gentoo-6.12.1+x-old.efi",
        "gentoo-6.12.1+x.EFI.old",
    ] {
        assert_eq!(relation(name), (true, true, false), "{name}");
    }
    for (name, is_former) in [
        ("vmlinuz", false),
        ("kernel.old", true),
        ("vmlinuz.efi", false),
        ("gentoo.efi", false),
    ] {
        assert_eq!(relation(name), (false, is_former, true), "{name}");
    }
    for name in [
        "vmlinuz-6.12.1+x-gentoo",
        "vmlinuz-6.12.10",
        "kernel-y-6.12.1+x",
        "gentoo-6.12.1+.efi",
    ] {
        assert_eq!(relation(name), (false, false, false), "{name}");
    }
}

#[test]
fn other_files_that_begin_as_kernels_do_are_no_certain_ones() {
    for (name, is_certain) in [
        ("vmlinuz.broken", true),
        ("kernel", true),
        ("kernel-6.12.1", true),
        ("kernel-config", false),
        ("Image.txt", false),
        ("initrd", false),
    ] {
        let name = naming().parse(name).unwrap();
        assert_eq!(name.is_certainly_kernel(), is_certain, "{name:?}");
    }
}

#[test]
fn a_file_that_made_room_had_another_name() {
    for (name, former) in [
        ("vmlinuz-1.old", Some("vmlinuz-1")),
        ("gentoo-1-old.efi", Some("gentoo-1.efi")),
        ("GENTOO-1-old.EFI", Some("GENTOO-1.EFI")),
        ("vmlinuz-1", None),
        ("vmlinuz-old", None),
    ] {
        assert_eq!(former_name(name).as_deref(), former, "{name}");
    }
}

#[test]
fn a_machines_names_are_those_that_kernel_install_chooses_from() {
    let root = tempfile::tempdir().unwrap();
    let context = Context::host().with_root(root.path());
    assert_eq!(Naming::of_machine(&context).unwrap(), Naming::default());
    std::fs::create_dir_all(context.path("/etc/kernel")).unwrap();
    for (file, text) in [
        (ENTRY_TOKEN, "node\n"),
        (MACHINE_ID, "0123456789abcdef0123456789abcdef\n"),
        (OS_RELEASE[0], "NAME=Gentoo\nID='gentoo'\nVERSION_ID=2\n"),
    ] {
        std::fs::write(context.path(file), text).unwrap();
    }
    let naming = Naming::of_machine(&context).unwrap();
    for name in ["node.efi", "0123456789abcdef0123456789abcdef.efi", "gentoo.efi"] {
        assert!(naming.parse(name).is_some(), "{name}");
    }
    assert_eq!(naming.parse("Gentoo.efi"), None);
}
