//! The ways of a machine that systemd-boot starts, with unified images.

use super::machine::Scratch;
use super::{FORMER, Way};

const WAYS: &[Way] = &[
    Way::new("an image with a changed byte", "flip $uki", "/boot/EFI/Linux/")
        .stops("No bootable option or device was found"),
    Way::new(
        "an image that nobody signed",
        "cat $parts/unsigned-$new.efi >$uki",
        "/boot/EFI/Linux/",
    )
    .chooses_former(&[("BdsDxe: starting Boot0001", " "), (FORMER, "j\r")]),
    Way::new(
        "an image signed by another key",
        "by_other_key $parts/unsigned-$new.efi $uki",
        "/boot/EFI/Linux/",
    ),
    Way::new("a truncated image", "truncate -s 5M $uki", "/boot/EFI/Linux/"),
    Way::new("no image at all", "rm boot/EFI/Linux/*", "/boot").stops("Reboot Into Firmware Interface"),
    Way::new(
        "the initramfs of another kernel",
        "cat $parts/other-initramfs.efi >$uki; sign_efi $uki",
        "/boot/EFI/Linux/",
    )
    .goes_on("vm: done"),
    Way::new(
        "an initramfs with an unsigned module",
        "cat $parts/unsigned-module.efi >$uki; sign_efi $uki",
        "virtio_blk.ko",
    ),
    Way::new(
        "an entry whose kernel is gone",
        "entry 'linux /gone/linux'",
        "/gone/linux",
    ),
    Way::new(
        "an entry whose kernel is unsigned",
        "cp $image boot/linux; entry 'linux /linux'",
        "/boot/linux",
    ),
    Way::new(
        "an entry whose initramfs is gone",
        "cp $image boot/linux; sign_efi boot/linux; entry 'linux /linux' 'initrd /gone'",
        "/gone",
    ),
    Way::new(
        "an unsigned kernel in an entry with a key, which comes before all names",
        "cp $image boot/linux; entry 'linux /linux' 'sort-key a'; rm boot/loader/loader.conf",
        "/boot/linux",
    )
    .stops("No bootable option or device was found"),
    Way::new(
        "an unsigned kernel in an entry that somebody chose for once",
        "cp $image boot/linux; entry 'linux /linux'; echo 'default *.efi' >boot/loader/loader.conf; next_once x.conf",
        "/boot/linux",
    ),
    Way::new(
        "the distribution's systemd-boot",
        "loaders $systemd_boot",
        "BOOTX64.EFI",
    )
    .stops(": Access Denied"),
    Way::new(
        "a systemd-boot signed by another key",
        "by_other_key $systemd_boot boot/EFI/systemd/systemd-bootx64.efi; loaders boot/EFI/systemd/systemd-bootx64.efi",
        "BOOTX64.EFI",
    ),
    Way::new("no loader", "rm -r boot/EFI/BOOT boot/EFI/systemd", "leads to a file"),
];

#[test]
fn what_keeps_systemd_boot_from_starting_the_machine_is_told_and_mended() {
    super::all_are_told_and_mended(&Scratch::with_systemd_boot(), WAYS);
}

#[test]
fn what_keeps_systemd_boot_from_starting_the_machine_does() {
    super::some_are_real(&Scratch::with_systemd_boot(), WAYS);
}
