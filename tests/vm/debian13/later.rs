//! The life of a newcomer's machine after its first day: another key of db, and the end by the manual's page.

use super::{Debian, UP};
use crate::manual::pages::{Page, repository};
use crate::vm::machine::Serial;

/// The stick in a machine that runs, and what its owner would type.
const STICK: &str = "mkdir -p /mnt/stick
mount -o loop /root/stick.img /mnt/stick
umask 077
echo 'correct horse battery' >/run/passphrase
";

/// The stick in a machine that is switched off.
const STICK_OFF: &str = "mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 memory /dev/shm
mount -t proc proc /proc
";

/// A rotated key is in no backup: another archive, and its drill.
const BACKUP: &str =
    "bootseal ceremony backup --passphrase-file /run/passphrase --authority /mnt/stick/keys /mnt/stick/backup-2027
for n in 1 2; do grep -o 'bs1-[0-9a-z-]*' /mnt/stick/backup-2027/shares/share-$n.html | head -n 1; done >/run/shares
bootseal ceremony drill --keys /etc/bootseal/keys --shares /run/shares /mnt/stick/backup-2027/bootseal-backup.tar
umount /mnt/stick";

/// Nobody is there to answer.
const ANSWERS: &str = "--yes --passphrase-file /run/passphrase";

/// The rotation of the db key, on a machine that runs, as the manual has it: it stops while firmware would refuse the loader, and `sign`
/// signs that by the new key.
pub fn rotation(sign: &str) -> String {
    let page = Page::read(&repository().join("docs/manual/ceremony.md"));
    let rotate = "bootseal keys rotate db --authority /mnt/stick/keys";
    assert!(page.mentioned().iter().any(|command| command == rotate));
    let rotate =
        format!("{rotate} {ANSWERS} >/run/said 2>&1; code=$?; cat /run/said; echo \"guest: $code of the rotation\"");
    format!("{STICK}{rotate}\nif [ $code != 0 ]; then {sign}; {rotate}; fi; umount /mnt/stick\n")
}

/// The words of it, and then the backup that it asks for.
pub fn after_rotation(debian: &Debian, log: &Serial) {
    log.expect_line("guest: 0 of the rotation");
    debian.does(&format!("{STICK_OFF}{STICK}{BACKUP}"));
}

/// The page's first step, on a machine that runs: the firmware forgets our keys.
pub fn firmware_forgets() -> String {
    let [revert, ..] = commands();
    let (bootseal, rest) = revert.split_once(" /var/").expect("a backup");
    let (_, options) = rest.split_once(' ').expect("keys");
    format!(
        "{STICK}{bootseal} \"$(ls -d /var/lib/bootseal/backups/* | head -n 1)\" {options} {ANSWERS}
echo \"guest: $? of the way back\"; umount /mnt/stick\n"
    )
}

/// The others. `loader` puts the distribution's own in its place, while the machine runs. The system starts, and nothing of ours is left.
pub fn goes(debian: &Debian, log: &Serial, loader: &str) {
    log.expect_line("guest: 0 of the way back");
    let release = debian.release(0);
    let [_, remove] = commands();
    debian.does(&remove);
    let log = debian.starts(&format!("{loader}\necho \"guest: $? of the loader\""));
    log.expect_line(&format!("{UP}{release}"));
    log.expect_line("guest: 0 of the loader");
    debian.does(
        "rm -rf /boot/efi/EFI/bootseal /etc/bootseal /var/lib/bootseal
find /boot '(' -name '*.sig' -o -name grub.cfg.signed ')' -delete
rm /usr/local/bin/bootseal",
    );
    let log = debian.starts("! ls -R /etc /usr/lib /usr/share | grep bootseal; echo \"guest: $? of the search\"");
    log.expect_line(&format!("{UP}{release}"));
    log.expect_line("guest: 0 of the search");
}

/// The commands of the page: back to the first variables, and the hooks.
fn commands() -> [String; 2] {
    let page = Page::read(&repository().join("docs/manual/uninstall.md"));
    let shown: Vec<String> = page.shown().into_iter().map(|(_, command)| command).collect();
    let command = |words: &str| {
        let found = shown.iter().find(|command| command.starts_with(words));
        found.unwrap_or_else(|| panic!("the page has no {words}")).clone()
    };
    [command("bootseal enroll revert "), command("bootseal hook remove")]
}
