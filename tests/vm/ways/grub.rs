//! The ways of a machine that GRUB starts.

use super::machine::Scratch;
use super::{FORMER, Way};

const NOTHING_STARTED: &str = "bootseal: nothing was started: ";

const WAYS: &[Way] = &[
    Way::new(
        "a menu without an entry, signed, and no other is kept",
        "cd boot/grub; echo 'set timeout=0' | tee grub.cfg >grub.cfg.signed; sign_grub $PWD/grub.cfg $PWD/grub.cfg.signed"
    )
    .stops(NOTHING_STARTED),
    Way::new("no menu, and none is kept", "rm boot/grub/grub.cfg*").stops(NOTHING_STARTED),
    Way::new(
        "a kernel signed for GRUB alone",
        "menu_waits; cat $image >boot/vmlinuz-$new; sign_grub boot/vmlinuz-$new"
    )
    .chooses_former(&[(FORMER, "\x0e\r")]),
    Way::new("an initramfs made after our hooks", "initramfs $new").goes_on("error: bad signature"),
    Way::new(
        "the initramfs of another kernel",
        "cp boot/initramfs-$old.img boot/initramfs-$new.img; sign_grub boot/initramfs-$new.img"
    )
    .goes_on("vm: done"),
    Way::new(
        "an initramfs with a module by another key",
        "module_by_other_key lib/modules/$new/$disk; initramfs $new; sign_grub boot/initramfs-$new.img"
    )
    .goes_on("Key was rejected by service"),
    Way::new("the distribution's GRUB", "loaders $grub").stops(": Access Denied"),
    Way::new(
        "a GRUB with another key",
        "cp $foreign/grub.gpg etc/bootseal/keys; bootseal grub install --no-nvram; cp $keys/grub.gpg etc/bootseal/keys"
    )
    .stops(NOTHING_STARTED),
];

#[test]
fn what_keeps_grub_from_starting_the_machine_does() {
    super::some_are_real(&Scratch::with_grub(), WAYS);
}
