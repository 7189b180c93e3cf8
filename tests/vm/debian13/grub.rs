//! The Debian that GRUB 2.12 starts, with an image that enforces signatures: keys, enrolment, a kernel update by apt with nobody
//! watching, and what Debian's own programs change after the hooks.

use super::{CEREMONY, Debian, LOOK, UP};
use crate::vm::ways::Way;

const SIGN: &str =
    "printf '%s\\n' '[sign]' 'modules = [\"/lib/modules\"]' 'efi = [\"/boot/vmlinuz-*\"]' 'grub = [\"/boot/grub\"]' \
'[grub]' 'removable = true' >/etc/bootseal/config.toml
bootseal hook install
bootseal hook status
bootseal sign all
bootseal grub install --no-nvram";

/// The machine has no network card, so no Option ROM.
const ENROLL: &str =
    "bootseal enroll apply --yes --i-know-option-roms-may-stop-working; echo \"guest: enroll ended with $?\"";

/// The findings of the audit on a stock Debian: the switched-off machine's variables are plain files, recovery entries end at a shell,
/// and Debian's kernel lacks options.
const FINDINGS: [&str; 3] = ["firmware.writable", "boot.command_lines", "kernel.configuration"];

const WAYS: &[Way] = &[
    // What Debian's own programs do after the hooks.
    Way::new(
        "an initramfs that was made anew by hand",
        "mkinitramfs -o boot/initrd.img-$new $new",
        "/boot/initrd.img-",
    ),
    Way::new(
        "a menu that was made anew",
        "sed -i 's/GRUB_TIMEOUT=0/GRUB_TIMEOUT=1/' etc/default/grub; update-grub; sed -i 's/TIMEOUT=1/TIMEOUT=0/' etc/default/grub",
        "/boot/grub/grub.cfg",
    ),
    // The menu.
    Way::new(
        "a menu without an entry",
        "echo 'set timeout=0' >boot/grub/grub.cfg; ! bootseal hook run grub $new boot/vmlinuz-$new",
        "/boot/grub/grub.cfg",
    ),
    Way::new(
        "a truncated menu",
        "truncate -s 60 boot/grub/grub.cfg",
        "/boot/grub/grub.cfg",
    ),
    Way::new(
        "no menu",
        "rm boot/grub/grub.cfg boot/grub/grub.cfg.sig",
        "/boot/grub/grub.cfg",
    ),
    // The kernel.
    Way::new(
        "a kernel with a changed byte",
        "flip boot/vmlinuz-$new",
        "/boot/vmlinuz",
    ),
    Way::new(
        "a kernel without GRUB's signature",
        "rm boot/vmlinuz-$new.sig",
        "/boot/vmlinuz",
    ),
    Way::new(
        "no kernel",
        "rm boot/vmlinuz-$new boot/vmlinuz-$new.sig",
        "/boot/vmlinuz",
    ),
    // The initramfs.
    Way::new(
        "no initramfs",
        "rm boot/initrd.img-$new boot/initrd.img-$new.sig",
        "/boot/initrd.img-",
    ),
    Way::new(
        "a truncated initramfs, signed",
        "truncate -s 100K boot/initrd.img-$new; sign_grub boot/initrd.img-$new",
        "/boot/initrd.img-",
    ),
    Way::new(
        "the initramfs of another kernel",
        "cp boot/initrd.img-$old boot/initrd.img-$new; sign_grub boot/initrd.img-$new",
        "/boot/initrd.img-",
    ),
    // The loader.
    Way::new("Debian's GRUB", "loaders $grub", "BOOTX64.EFI"),
    Way::new(
        "a truncated GRUB",
        "truncate -s 100K $esp/EFI/BOOT/BOOTX64.EFI",
        "BOOTX64.EFI",
    ),
    Way::new(
        "a GRUB with another key",
        "cp $foreign/grub.gpg etc/bootseal/keys; bootseal grub install || true; cp /root/keys/grub.gpg etc/bootseal/keys",
        "grubx64-new.efi",
    ),
    Way::new("no loader", "rm -r $esp/EFI/BOOT $esp/EFI/bootseal", "loader"),
    // The keys.
    Way::new(
        "a db key of another certificate",
        "cat $foreign/db.key >etc/bootseal/keys/db.key",
        "db.key is not",
    )
    .advised(&[("ceremony restore --only", "cp /root/keys/db.key etc/bootseal/keys")]),
];

/// The firmware of a machine that is switched off says what it says once it has started again.
const ENFORCES: &str =
    "printf '\\006\\000\\000\\000\\001' >/guest/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

#[test]
#[ignore = "tests/vm/debian13/run, since it takes minutes"]
fn grub_starts_a_debian_whose_kernel_was_updated() {
    let debian = Debian::new();
    let [new, old] = [0, 1].map(|number| debian.release(number));
    debian.does(include_str!("grub.sh"));
    debian.does(CEREMONY);
    debian.does(SIGN);

    let log = debian.starts(ENROLL);
    log.expect_line(&format!("{UP}{old}"));
    log.expect_line("guest: enroll ended with 0");
    debian.does(ENFORCES);

    let said = debian.does(&format!("apt-get install -y -qq linux-image-{new}"));
    assert!(!said.contains("stays unsigned"), "{said}");
    let log = debian.starts(LOOK);
    log.expect_line(&format!("{UP}{new}"));
    log.expect_line("guest: a module loads");
    log.expect_line("none [integrity] confidentiality");
    debian.does("bootseal status");
    assert_eq!(debian.findings(), FINDINGS);

    // A package brings something that belongs into the initramfs, without a kernel.
    debian.does("dpkg-trigger --no-await update-initramfs; dpkg --configure --pending; bootseal status");
    debian.is_told_and_mended(WAYS);
    // The boot options that were written while it was off stayed behind, so the loader goes where firmware looks without one.
    debian.does("bootseal grub install --no-nvram; bootseal status");
    debian.finds_root(&new, &[]);

    debian.does("menu_waits; flip boot/vmlinuz-$new");
    let former = format!("with Linux {old}");
    debian.finds_root(&old, &[(&former, "\x0e\x0e\r")]);

    // That one is removed, with its entry.
    debian.does("bootseal status || apt-get install -y -qq --reinstall linux-image-$new; bootseal status");
    debian.does("apt-get purge -y -qq linux-image-$old; bootseal status; ! ls boot/*$old*");
    assert_eq!(debian.findings(), FINDINGS);
}
