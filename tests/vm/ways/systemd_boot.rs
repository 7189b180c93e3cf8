//! The ways of a machine that systemd-boot starts, with unified images.

use super::machine::Scratch;
use super::{FORMER, Way};

const WAYS: &[Way] = &[
    Way::new("an image with a changed byte", "flip $uki").stops("No bootable option or device was found"),
    Way::new("an image that nobody signed", "cat $parts/unsigned-$new.efi >$uki")
        .chooses_former(&[("BdsDxe: starting Boot0001", " "), (FORMER, "j\r")]),
    Way::new("no image at all", "rm boot/EFI/Linux/*").stops("Reboot Into Firmware Interface"),
    Way::new(
        "the initramfs of another kernel",
        "cat $parts/other-initramfs.efi >$uki; sign_efi $uki",
    )
    .goes_on("vm: done"),
    Way::new("the distribution's systemd-boot", "loaders $systemd_boot").stops(": Access Denied"),
];

#[test]
fn what_keeps_systemd_boot_from_starting_the_machine_does() {
    super::some_are_real(&Scratch::with_systemd_boot(), WAYS);
}
