//! Traditional mode: a driver runs the directories as Gentoo's installkernel does, and Debian's run-parts is asked as
//! well.

use std::fs;

use super::machine::{GRUB_MKCONFIG, Machine, snapshot};
use crate::support::judges::{check_grub, check_kernel, judge_module, sbverify};
use crate::support::succeed;

/// The hooks that Gentoo ships, as far as they matter, and a masked one.
const HOOKS: [(&str, &str); 5] = [
    ("usr/lib/kernel/preinst.d/05-check-chroot", "exit 0"),
    (
        "usr/lib/kernel/preinst.d/52-dracut",
        r#"cp "/lib/modules/$1/kernel/drivers/block/loop.ko.xz" "$INSTALLKERNEL_STAGING_AREA/initrd""#,
    ),
    (
        "usr/lib/kernel/postinst.d/40-dkms",
        r#"d=/lib/modules/$1; mkdir -p "$d/updates"; [ ! -f /usr/src/dkms.ko.xz ] || cp /usr/src/dkms.ko.xz "$d/updates/""#,
    ),
    ("usr/lib/kernel/postinst.d/91-grub-mkconfig", GRUB_MKCONFIG),
    ("usr/lib/kernel/postinst.d/91-sbctl", "echo sbctl is masked; exit 1"),
];

pub fn machine() -> Machine {
    let machine = Machine::new();
    for (name, body) in HOOKS {
        machine.script(name, body);
    }
    machine.write("etc/kernel/postinst.d/91-sbctl", b"");
    machine.write("usr/local/bin/installkernel", include_bytes!("installkernel.sh"));
    machine.write("boot/grub/grub.cfg", b"menuentry x {\nchainloader /memtest.efi\n}\n");
    machine.succeed("bootseal hook install --mode traditional");
    machine
}

pub fn add(machine: &Machine) -> String {
    let release = machine.kernel.release();
    format!("rm -f /order; sh /usr/local/bin/installkernel {release} '/usr/src/bzImage'")
}

#[test]
fn a_kernel_is_added_and_again_and_all_of_its_names_are_signed() {
    let machine = machine();
    let release = machine.kernel.release().to_owned();
    for name in ["boot/vmlinuz", "boot/initramfs.img"] {
        machine.write(name, b"of before bootseal");
    }
    machine.write("usr/src/dkms.ko.xz", &fs::read(&machine.modules()[0]).unwrap());
    let boot = |name: &str| machine.path(&format!("boot/{name}"));
    for round in 0..2 {
        machine.add_modules();
        let said = machine.succeed(&add(&machine));
        assert!(
            said.contains(&format!("bootseal: modules of {release}: signed 6, unchanged {round}")),
            "{said}"
        );
        let order = fs::read_to_string(machine.path("order")).unwrap();
        assert_eq!(
            order.lines().collect::<Vec<_>>(),
            [
                "preinst.d/05-check-chroot 0",
                "preinst.d/45-bootseal-modules 0",
                "preinst.d/52-dracut 0",
                "preinst.d/65-bootseal-uki 0",
                "postinst.d/40-dkms 0",
                "postinst.d/45-bootseal-modules 0",
                "postinst.d/50-bootseal-image 0",
                "postinst.d/91-grub-mkconfig 0",
                "postinst.d/zz_bootseal-grub 0",
            ]
        );
        for name in [format!("vmlinuz-{release}"), "vmlinuz".to_owned()] {
            check_kernel(&boot(&name));
        }
        for name in [
            format!("initramfs-{release}.img"),
            "initramfs.img".to_owned(),
            "grub/grub.cfg".to_owned(),
        ] {
            check_grub(&boot(&name));
        }
        // What the initramfs took was signed.
        let copy = machine.path("copy.ko.xz");
        fs::copy(boot(&format!("initramfs-{release}.img")), &copy).unwrap();
        let dkms = machine.path(&format!("usr/lib/modules/{release}/updates/dkms.ko.xz"));
        for module in machine.modules().into_iter().chain([copy, dkms]) {
            succeed(&mut judge_module(&module));
        }
    }
    for name in [format!("vmlinuz-{release}.old"), "vmlinuz.old".to_owned()] {
        check_kernel(&boot(&name));
    }
    check_grub(&boot(&format!("initramfs-{release}.img.old")));
}

#[test]
fn a_staged_unified_image_is_signed_before_it_is_copied_and_its_predecessor_stays() {
    let machine = machine();
    let release = machine.kernel.release().to_owned();
    machine.script(
        "usr/lib/kernel/preinst.d/60-ukify",
        r#"cp "$2" "$INSTALLKERNEL_STAGING_AREA/uki.efi""#,
    );
    for _ in 0..2 {
        machine.succeed(&format!("export LAYOUT=uki; {}", add(&machine)));
    }
    for name in [format!("gentoo-{release}.efi"), format!("gentoo-{release}-old.efi")] {
        succeed(&mut sbverify(&machine.path("boot/EFI/Linux").join(name)));
    }
}

#[test]
fn a_hook_that_fails_later_leaves_everything_signed_and_77_ends_a_phase_as_ever() {
    let machine = machine();
    let release = machine.kernel.release().to_owned();
    machine.succeed(&add(&machine));
    machine.script("etc/kernel/postinst.d/zz_fails", "exit 5");
    let (code, said) = machine.refuse(&add(&machine));
    assert_eq!(code, 5, "{said}");
    for name in [format!("vmlinuz-{release}"), format!("vmlinuz-{release}.old")] {
        check_kernel(&machine.path("boot").join(name));
    }
    check_grub(&machine.path("boot/grub/grub.cfg"));
    machine.script("etc/kernel/preinst.d/50-skips", "exit 77");
    machine.succeed(&format!("rm /etc/kernel/postinst.d/zz_fails; {}", add(&machine)));
    let order = fs::read_to_string(machine.path("order")).unwrap();
    assert!(
        order.contains("preinst.d/50-skips 77") && !order.contains("preinst.d/52-dracut"),
        "{order}"
    );
}

#[test]
fn a_slot_that_fails_after_the_kernel_was_replaced_puts_the_former_one_back() {
    let machine = machine();
    let release = machine.kernel.release().to_owned();
    for name in ["boot/vmlinuz", "boot/initramfs.img"] {
        machine.write(name, b"of before bootseal");
    }
    machine.succeed(&add(&machine));
    machine.succeed("rm /boot/*.old*");
    let before = snapshot(&machine.path("boot"));
    // Another build of the same version, and its initramfs; the key is lost before its modules are signed once more, or
    // before the image is.
    let another = [fs::read(machine.kernel.image()).unwrap(), vec![0; 512]].concat();
    machine.write("usr/src/bzImage", &another);
    machine.add_modules();
    machine.script(
        "usr/lib/kernel/preinst.d/98-initrd",
        r#"cat /usr/share/initramfs >>"$INSTALLKERNEL_STAGING_AREA/initrd""#,
    );
    for (breaks, slot) in [
        ("preinst.d/99-breaks", "45-bootseal-modules"),
        ("postinst.d/47-breaks", "50-bootseal-image"),
    ] {
        let breaks = format!("usr/lib/kernel/{breaks}");
        machine.script(&breaks, "chmod 644 /etc/bootseal/keys/db.key");
        let (code, said) = machine.refuse(&add(&machine));
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains("is back in its place") && said.contains("have the kernel installed again: make install"),
            "{said}"
        );
        let order = fs::read_to_string(machine.path("order")).unwrap();
        assert!(order.ends_with(&format!("postinst.d/{slot} 1\n")), "{order}");
        assert!(snapshot(&machine.path("boot")) == before, "{said}");
        machine.succeed(&format!("rm /{breaks}; chmod 400 /etc/bootseal/keys/db.key"));
    }
    // Once that is put right.
    machine.succeed(&add(&machine));
    let kernel = machine.path(&format!("boot/vmlinuz-{release}"));
    assert!(fs::metadata(&kernel).unwrap().len() > another.len() as u64);
    check_kernel(&kernel);
    check_kernel(&machine.path(&format!("boot/vmlinuz-{release}.old")));
    check_kernel(&machine.path("boot/vmlinuz"));
    check_grub(&machine.path(&format!("boot/initramfs-{release}.img")));
}

#[test]
fn a_key_that_does_not_open_ends_the_installation_before_anything_is_copied() {
    let machine = machine();
    machine.succeed(&add(&machine));
    let before = snapshot(&machine.path("boot"));
    machine.add_modules();
    let modules = snapshot(&machine.path("usr/lib/modules"));
    // The last key that is needed.
    machine.succeed("chmod 644 /etc/bootseal/keys/grub.key");
    let (code, said) = machine.refuse(&add(&machine));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("chmod 400 /etc/bootseal/keys/grub.key"), "{said}");
    assert!(said.contains("make install, or emerge --config"), "{said}");
    assert_eq!(snapshot(&machine.path("boot")), before);
    assert_eq!(snapshot(&machine.path("usr/lib/modules")), modules);
}

/// As dpkg installs a kernel: Debian's own scripts, whose names begin with letters, come before the last of ours.
#[test]
fn run_parts_takes_our_hooks_and_their_order() {
    let machine = machine();
    let release = machine.kernel.release().to_owned();
    machine.succeed("rm /usr/lib/kernel/postinst.d/91-* /etc/kernel/postinst.d/91-sbctl");
    machine.script(
        "etc/kernel/postinst.d/initramfs-tools",
        r#"date +%N >"/boot/initrd.img-$1""#,
    );
    machine.script("etc/kernel/postinst.d/zz-update-grub", GRUB_MKCONFIG);
    let list = machine.succeed("run-parts --list --exit-on-error /etc/kernel/postinst.d");
    let names: Vec<_> = list.lines().map(|line| line.rsplit_once('/').unwrap().1).collect();
    assert_eq!(
        names,
        [
            "45-bootseal-modules",
            "50-bootseal-image",
            "initramfs-tools",
            "zz-update-grub",
            "zz_bootseal-grub"
        ]
    );
    let said = machine.succeed("bootseal hook status --mode traditional");
    let shown: Vec<_> = names.iter().map(|name| said.find(&format!(" {name}\n"))).collect();
    assert!(shown.is_sorted() && !shown.contains(&None), "{said}");
    machine.succeed(&format!(
        "export DEB_MAINT_PARAMS=\"'install'\"
         run-parts --exit-on-error --arg={release} --arg=/boot/vmlinuz-{release} /etc/kernel/preinst.d
         cp /usr/src/bzImage /boot/vmlinuz-{release}
         export DEB_MAINT_PARAMS=\"'configure' ''\"
         run-parts --exit-on-error --arg={release} --arg=/boot/vmlinuz-{release} /etc/kernel/postinst.d"
    ));
    check_kernel(&machine.path(&format!("boot/vmlinuz-{release}")));
    check_grub(&machine.path(&format!("boot/initrd.img-{release}")));
    check_grub(&machine.path("boot/grub/grub.cfg"));
    // Under another name it would run before them.
    machine.succeed("cd /etc/kernel/postinst.d; mv zz-update-grub zz_update-grub");
    let (_, said) = machine.refuse("bootseal hook status --mode traditional");
    assert!(
        said.contains("wrong order: /etc/kernel/postinst.d/zz_update-grub writes grub.cfg after it was signed"),
        "{said}"
    );
}

#[test]
fn without_keys_a_kernel_is_installed_and_one_line_says_so() {
    let machine = machine();
    machine.succeed("rm -r /etc/bootseal/keys");
    let said = machine.succeed(&add(&machine));
    assert_eq!(
        said.matches("there are no keys at /etc/bootseal/keys yet").count(),
        1,
        "{said}"
    );
    assert!(machine.has(&format!("boot/vmlinuz-{}", machine.kernel.release())));
}
