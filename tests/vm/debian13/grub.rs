//! The Debian that GRUB 2.12 starts, with an image that enforces signatures: keys, enrolment, a kernel update by apt with nobody
//! watching, and what Debian's own programs change after the hooks.

use super::{Debian, UP};
use crate::vm::ways::Way;

/// All keys are plain files: nobody is here to type a passphrase.
const CEREMONY: &str = "cd /root
bootseal ceremony run --name debian13 --microsoft none --plain PK,KEK,db,module,grub --out /root/keys
bootseal ceremony run --name foreign --microsoft none --plain PK,KEK,db,module,grub --out /root/foreign
install -d -m 700 /etc/bootseal/keys
cp keys/*.auth keys/*.esl keys/*.der keys/*.pem keys/db.key keys/module.key keys/grub.key keys/grub.gpg keys/owner.guid \
    /etc/bootseal/keys
rm -f /etc/bootseal/keys/noPK.auth";

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

const LOOK: &str = "modprobe dummy && echo 'guest: a module loads'
cat /sys/kernel/security/lockdown";

/// The findings of the audit on a stock Debian: the switched-off machine's variables are plain files, recovery entries end at a shell,
/// and Debian's kernel lacks options.
const FINDINGS: [&str; 3] = ["firmware.writable", "boot.command_lines", "kernel.configuration"];

const WAYS: &[Way] = &[
    // What Debian's own programs do after the hooks.
    Way::new(
        "an initramfs that was made anew",
        "update-initramfs -u",
        "/boot/initrd.img-",
    ),
    Way::new(
        "a menu that was made anew",
        "sed -i 's/GRUB_TIMEOUT=0/GRUB_TIMEOUT=1/' etc/default/grub; update-grub; sed -i 's/TIMEOUT=1/TIMEOUT=0/' etc/default/grub",
        "/boot/grub/grub.cfg",
    ),
];

#[test]
fn grub_starts_a_debian_whose_kernel_was_updated() {
    let debian = Debian::new();
    let [new, old] = [0, 1].map(|number| debian.release(number));
    debian.does(include_str!("grub.sh"));
    debian.does(CEREMONY);
    debian.does(SIGN);

    let log = debian.starts(ENROLL, &[]);
    log.expect_line(&format!("{UP}{old}"));
    log.expect_line("guest: enroll ended with 0");

    let log = debian.starts(LOOK, &[]);
    log.expect_line(&format!("{UP}{old}"));
    log.expect_line("guest: a module loads");
    log.expect_line("none [integrity] confidentiality");
    debian.does("bootseal status");
    assert_eq!(debian.findings(), FINDINGS);

    let said = debian.does(&format!("apt-get install -y -qq linux-image-{new}"));
    assert!(!said.contains("stays unsigned"), "{said}");
    debian.does("bootseal status");
    debian.is_told_and_mended(WAYS);

    let log = debian.starts(LOOK, &[]);
    log.expect_line(&format!("{UP}{new}"));
    log.expect_line("guest: a module loads");
}
