//! The Debian that systemd-boot starts, with unified images that kernel-install has ukify make: its hooks are called by dpkg, by
//! kernel-install and by update-initramfs, each within the other.

use super::{CEREMONY, Debian, LOOK, UP};
use crate::vm::ways::Way;

/// Debian's package brings a signed copy of the loader, which `bootctl` prefers. Ours takes its place.
const SIGN: &str = "printf '%s\\n' '[sign]' 'modules = [\"/lib/modules\"]' \\
    'efi = [\"/boot/efi/EFI/*/*.[eE][fF][iI]\"]' >/etc/bootseal/config.toml
rm /etc/bootseal/keys/grub.*
bootseal hook install
bootseal hook status
cd /usr/lib/systemd/boot/efi
bootseal sign efi --output systemd-bootx64.efi.signed systemd-bootx64.efi
bootctl --no-variables install
bootseal sign all";

/// The image of a kernel.
const WAYS: &[Way] = &[
    Way::new("an image with a changed byte", "flip $uki", "/boot/efi/EFI/Linux/"),
    Way::new(
        "an image that nobody signed",
        "ukify build --linux boot/vmlinuz-$new --initrd boot/initrd.img-$new --cmdline @/etc/kernel/cmdline --output $uki",
        "/boot/efi/EFI/Linux/",
    ),
    Way::new("a truncated image", "truncate -s 5M $uki", "/boot/efi/EFI/Linux/"),
    Way::new(
        "the systemd-boot of the package",
        "loaders $systemd_boot",
        "BOOTX64.EFI",
    ),
    Way::new("no loader", "rm -r boot/efi/EFI/BOOT boot/efi/EFI/systemd", "loader"),
];

#[test]
#[ignore = "tests/vm/debian13/run, since it takes minutes"]
fn systemd_boot_starts_a_debian_whose_kernel_was_updated() {
    let debian = Debian::new();
    let [new, old] = [0, 1].map(|number| debian.release(number));
    debian.does(include_str!("systemd_boot.sh"));
    debian.does(CEREMONY);
    debian.does(SIGN);
    debian.enrolls();

    let log = debian.starts(LOOK);
    log.expect_line(&format!("{UP}{old}"));
    log.expect_line("guest: a module loads");
    log.expect_line("none [integrity] confidentiality");
    debian.does("bootseal status");

    let said = debian.does(&format!("apt-get install -y -qq linux-image-{new}"));
    assert!(!said.contains("stays unsigned"), "{said}");
    debian.does("bootseal status");
    debian.does("dpkg-trigger --no-await update-initramfs; dpkg --configure --pending; bootseal status");
    debian.is_told_and_mended(WAYS);
    debian.finds_root(&new, &[]);

    debian.does("flip $uki; echo timeout 9 >boot/efi/loader/loader.conf");
    // The menu cuts titles.
    let [first, second] = [&new, &old].map(|release| release.trim_end_matches("-cloud-amd64"));
    debian.finds_root(&old, &[(first, "j"), (second, "\r")]);
}
