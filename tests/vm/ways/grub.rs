//! The ways of a machine that GRUB starts.

use super::machine::Scratch;
use super::{FORMER, Way};

const NOTHING_STARTED: &str = "bootseal: nothing was started: ";

const WAYS: &[Way] = &[
    // The menu.
    Way::new(
        "a menu without an entry",
        "echo 'set timeout=0' >boot/grub/grub.cfg; ! bootseal hook run grub $new boot/vmlinuz-$new",
        "/boot/grub/grub.cfg",
    ),
    Way::new(
        "a menu without an entry, signed, and no other is kept",
        "cd boot/grub; echo 'set timeout=0' | tee grub.cfg >grub.cfg.signed; sign_grub $PWD/grub.cfg $PWD/grub.cfg.signed",
        "/boot/grub/grub.cfg",
    )
    .stops(NOTHING_STARTED),
    Way::new("a truncated menu", "truncate -s 60 boot/grub/grub.cfg", "/boot/grub/grub.cfg"),
    Way::new("an empty menu", ": >boot/grub/grub.cfg", "/boot/grub/grub.cfg"),
    Way::new("a menu that was made after our hooks", "grub-mkconfig; echo '# again' >>boot/grub/grub.cfg", "/boot/grub/grub.cfg"),
    Way::new("no menu", "rm boot/grub/grub.cfg boot/grub/grub.cfg.sig", "/boot/grub/grub.cfg"),
    Way::new("a menu signed by another GRUB key", "for_grub_by_other_key boot/grub/grub.cfg", "/boot/grub/grub.cfg"),
    Way::new("no menu, and none is kept", "rm boot/grub/grub.cfg*", "/boot/grub/grub.cfg").stops(NOTHING_STARTED),
    Way::new(
        "a menu that was made after our hooks, and a broken one that was kept",
        "echo '# again' | tee -a boot/grub/grub.cfg >>boot/grub/grub.cfg.signed",
        "/boot/grub/grub.cfg",
    ),
    // The kernel.
    Way::new("a menu whose kernel is gone", "rm boot/vmlinuz-$new*", "vmlinuz"),
    Way::new("a kernel that nobody signed", "cat $image >boot/vmlinuz-$new", "/boot/vmlinuz"),
    Way::new(
        "a kernel signed for GRUB alone",
        "menu_waits; cat $image >boot/vmlinuz-$new; sign_grub boot/vmlinuz-$new",
        "/boot/vmlinuz",
    )
    .chooses_former(&[(FORMER, "\x0e\r")]),
    Way::new(
        "a kernel signed by another key",
        "by_other_key $image boot/vmlinuz-$new; sign_grub boot/vmlinuz-$new",
        "/boot/vmlinuz",
    ),
    Way::new("a truncated kernel", "truncate -s 3M boot/vmlinuz-$new", "/boot/vmlinuz"),
    Way::new("a kernel with a changed byte", "flip boot/vmlinuz-$new", "/boot/vmlinuz"),
    Way::new("a kernel signed by another GRUB key", "for_grub_by_other_key boot/vmlinuz-$new", "/boot/vmlinuz"),
    Way::new("a kernel without GRUB's signature", "rm boot/vmlinuz-$new.sig", "/boot/vmlinuz"),
    // The initramfs.
    Way::new("an initramfs made after our hooks", "initramfs $new; printf '\\0\\0\\0\\0' >>boot/initramfs-$new.img", "/boot/initramfs").goes_on("error: bad signature"),
    Way::new("an initramfs signed by another GRUB key", "for_grub_by_other_key boot/initramfs-$new.img", "/boot/initramfs"),
    Way::new("no initramfs", "rm boot/initramfs-$new.img*", "/initramfs").advised(&[("build the initramfs", "initramfs $new")]),
    Way::new("a truncated initramfs", "truncate -s 100K boot/initramfs-$new.img", "/boot/initramfs"),
    Way::new(
        "a truncated initramfs, signed",
        "truncate -s 100K boot/initramfs-$new.img; sign_grub boot/initramfs-$new.img",
        "/boot/initramfs",
    ),
    Way::new(
        "the initramfs of another kernel",
        "cp boot/initramfs-$old.img boot/initramfs-$new.img; sign_grub boot/initramfs-$new.img",
        "/boot/initramfs",
    )
    .goes_on("vm: done"),
    Way::new(
        "an initramfs with a module by another key",
        "module_by_other_key lib/modules/$new/$disk; initramfs $new; sign_grub boot/initramfs-$new.img",
        "virtio_blk.ko",
    )
    .goes_on("Key was rejected by service"),
    Way::new(
        "an initramfs with an unsigned module",
        "unsign lib/modules/$new/$disk; initramfs $new; sign_grub boot/initramfs-$new.img; bootseal sign all || true",
        "virtio_blk.ko",
    ),
    // The loader.
    Way::new("the distribution's GRUB", "loaders $grub", "BOOTX64.EFI").stops(": Access Denied"),
    Way::new("the distribution's GRUB as it signed it", "loaders $debians_grub", "BOOTX64.EFI"),
    Way::new("a truncated GRUB", "truncate -s 100K boot/EFI/*/*.[eE][fF][iI]", "BOOTX64.EFI"),
    Way::new(
        "a GRUB with another key",
        "cp $foreign/grub.gpg etc/bootseal/keys; bootseal grub install || true; cp $keys/grub.gpg etc/bootseal/keys",
        "BOOTX64.EFI",
    )
    .stops(NOTHING_STARTED),
    // The firmware.
    Way::new("an entry that leads to nothing, and no fallback", "option gone; rm -r boot/EFI/BOOT", "leads to a file"),
    Way::new(
        "an entry of another loader, unsigned",
        "option debian; mkdir boot/EFI/debian; cp $grub boot/EFI/debian/grubx64.efi",
        "/boot/EFI/debian/grubx64.efi",
    ),
    Way::new("a firmware that does not hold our certificate", "db $parts/foreign-db", "db lacks").only_told(),
    // The keys: the backup is elsewhere, and `cli::mismatch` tries the command.
    Way::new("a db key of another certificate", "cat $foreign/db.key >etc/bootseal/keys/db.key", "db.key is not").advised(&[("ceremony restore --only", "restore_keys")]),
    Way::new("another GRUB key", "cat $foreign/grub.key >etc/bootseal/keys/grub.key", "grub.key is not").advised(&[("ceremony restore --only", "restore_keys")]),
    Way::new("another module key", "cat $foreign/db.key >etc/bootseal/keys/module.key", "module.key is not").advised(&[("ceremony restore --only", "restore_keys")]),
];

#[test]
fn what_keeps_grub_from_starting_the_machine_is_told_and_mended() {
    super::all_are_told_and_mended(&Scratch::with_grub(), WAYS);
}

#[test]
fn what_keeps_grub_from_starting_the_machine_does() {
    super::some_are_real(&Scratch::with_grub(), WAYS);
}
