//! GRUB as this project wants it: it opens nothing that its embedded key did not sign.

use super::guest::COMMAND_LINE;
use super::machine::DISK_LABEL;
use super::packages::{run, tool};
use std::fs;
use std::path::Path;

/// Said by either configuration once it has come to its end without a boot.
pub const LAST_WORDS: &str = "grub: nothing was booted";

/// Embedded, so that it is covered by the image's db signature.
///
/// It looks for the disk by its label: looking for a file would open it, and want a signature.
const EMBEDDED: &str = "\
set check_signatures=enforce
export check_signatures
search --no-floppy --label LABEL --set=root
configfile /boot/grub/grub.cfg
echo 'LAST_WORDS'
reboot
";

/// On the disk. A command that fails does not stop a script, and GRUB would boot a kernel without
/// the initrd that it has just refused; hence the conditions.
const ON_DISK: &str = "\
if linux /boot/vmlinuz COMMAND_LINE; then
  if initrd /boot/initrd.img; then
    boot
  fi
fi
echo 'LAST_WORDS'
reboot
";

/// No more than is needed to read the disk, to check signatures and to boot; above all not `tpm`,
/// which lifts GRUB's lockdown without checking anything.
const MODULES: &str = "boot configfile echo efi_gop fat linux normal pgp gcry_rsa gcry_sha256 gcry_sha512 \
                       part_gpt part_msdos reboot search search_label test";

/// Revocation metadata, without which shim (not used here) would refuse the image.
const SBAT: &str = "\
sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md
grub,3,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/
";

/// Builds the image that trusts `public_key`, a binary OpenPGP key; it is not yet signed for db.
pub fn image(public_key: &Path, image: &Path) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let configuration = work.path().join("grub.cfg");
    let sbat = work.path().join("sbat.csv");
    let embedded = EMBEDDED.replace("LABEL", DISK_LABEL).replace("LAST_WORDS", LAST_WORDS);
    fs::write(&configuration, embedded).expect("written");
    fs::write(&sbat, SBAT).expect("written");
    run(tool("grub-mkstandalone")
        .args(["--format=x86_64-efi", "--disable-shim-lock"])
        .args(["--themes=", "--fonts=", "--locales="])
        .args([format!("--modules={MODULES}"), format!("--install-modules={MODULES}")])
        .arg(format!("--pubkey={}", public_key.display()))
        .arg(format!("--sbat={}", sbat.display()))
        .arg(format!("--output={}", image.display()))
        .arg(format!("boot/grub/grub.cfg={}", configuration.display())));
}

/// The configuration on the disk; it is not yet signed for GRUB.
pub fn configuration() -> String {
    let filled = ON_DISK.replace("COMMAND_LINE", COMMAND_LINE);
    filled.replace("LAST_WORDS", LAST_WORDS)
}
