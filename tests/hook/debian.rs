//! The slots that dpkg and update-initramfs call beside those of a kernel's installation, run as they run them.

use super::machine::{GRUB_MKCONFIG, Machine, snapshot};
use super::traditional::{add, machine};
use crate::support::judges::check_grub;
use crate::support::kernel::initramfs;

/// Debian's own hook, beside which ours have their places.
const UPDATE_GRUB: &str = "etc/kernel/postrm.d/zz-update-grub";

/// A machine with a kernel and its initramfs, all signed, where dpkg removes kernels.
fn debian() -> Machine {
    let machine = machine();
    machine.script(UPDATE_GRUB, GRUB_MKCONFIG);
    machine.succeed("mkdir -p /etc/initramfs-tools; bootseal hook install --mode traditional");
    machine.succeed(&add(&machine));
    machine
}

/// The hooks of a removal, as the scripts of a kernel's package run them.
fn removed(machine: &Machine, action: &str) -> String {
    let release = machine.kernel.release();
    machine.succeed(&format!(
        "export DEB_MAINT_PARAMS=\"'{action}'\"
         run-parts --report --exit-on-error --arg={release} --arg=/boot/vmlinuz-{release} /etc/kernel/postrm.d"
    ))
}

#[test]
fn the_menu_without_a_removed_kernel_comes_out_signed() {
    let machine = debian();
    let release = machine.kernel.release().to_owned();
    machine.write("boot/initrd.img-planted", &initramfs("#!/bin/sh\n: planted\n"));
    machine.succeed(&format!("rm /boot/vmlinuz-{release} /boot/initramfs-{release}.img"));
    let list = machine.succeed("run-parts --list /etc/kernel/postrm.d");
    let names: Vec<_> = list.lines().map(|line| line.rsplit_once('/').unwrap().1).collect();
    assert_eq!(names, ["45-bootseal-modules", "zz-update-grub", "zz_bootseal-grub"]);
    let said = removed(&machine, "remove");
    assert!(said.contains("initrd.img-planted stays unsigned"), "{said}");
    check_grub(&machine.path("boot/grub/grub.cfg"));
    assert!(!machine.has("boot/initrd.img-planted.sig"));
    for name in [format!("vmlinuz-{release}.sig"), format!("initramfs-{release}.img.sig")] {
        assert!(!machine.has(&format!("boot/{name}")), "{name}");
    }
    let said = machine.succeed("bootseal hook status --mode traditional");
    assert!(
        said.contains("postrm.d\n  ✓ 45-bootseal-modules\n    zz-update-grub\n  ✓ zz_bootseal-grub\n"),
        "{said}"
    );
}

#[test]
fn hooks_of_a_removal_do_nothing_in_an_upgrade() {
    let machine = debian();
    let stock = "var/lib/bootseal/hooks/stock.json";
    machine.succeed(&format!("echo '{{}}' >/{stock}; rm /{UPDATE_GRUB}"));
    let before = snapshot(&machine.path("boot"));
    assert_eq!(removed(&machine, "upgrade").matches("bootseal:").count(), 0);
    assert_eq!(snapshot(&machine.path("boot")), before);
    assert!(machine.has(stock));
}

#[test]
fn an_initramfs_that_is_made_anew_comes_out_signed_and_no_other_does() {
    let machine = debian();
    let release = machine.kernel.release().to_owned();
    let path = format!("boot/initramfs-{release}.img");
    for name in [&path, "boot/initrd.img-planted"] {
        machine.write(name, &initramfs("#!/bin/sh\n: made anew\n"));
    }
    let call = format!("run-parts --arg={release} --arg=/{path} /etc/initramfs/post-update.d/");
    let said = machine.succeed(&call);
    assert!(said.contains(&format!("initramfs of {release}: signed 1")), "{said}");
    check_grub(&machine.path(&path));
    assert!(!machine.has("boot/initrd.img-planted.sig"));

    machine.succeed("rm /etc/initramfs/post-update.d/zz_bootseal-initramfs");
    let (_, said) = machine.refuse("bootseal hook status --mode traditional");
    assert!(
        said.contains("/etc/initramfs/post-update.d/zz_bootseal-initramfs is not installed"),
        "{said}"
    );
    machine.succeed("bootseal hook install; bootseal hook status; bootseal hook remove");
    assert!(!machine.path("etc/initramfs/post-update.d").exists());
    assert!(machine.has(UPDATE_GRUB) && !machine.has("etc/kernel/postrm.d/zz_bootseal-grub"));
}
