//! Core images.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::bootseal::Bootseal;
use super::super::disk::DISK_UUID;
use super::super::packages::run;
use super::PASSWORD;
use crate::support::programs::{judge, tool};

/// A version of GRUB, from the Debian suite that has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Version {
    /// Debian 12's.
    V2_06,
    /// Debian 13's.
    V2_12,
    /// That of the suite after it.
    V2_14,
}

impl Version {
    /// Where its packages are unpacked.
    fn root(self) -> PathBuf {
        match self {
            Self::V2_06 => PathBuf::from("/"),
            Self::V2_12 => judge("grub-2.12"),
            Self::V2_14 => judge("grub-2.14"),
        }
    }

    /// The version of its package.
    pub const fn number(self) -> &'static str {
        match self {
            Self::V2_06 => "2.06",
            Self::V2_12 => "2.12",
            Self::V2_14 => "2.14",
        }
    }

    /// Its modules.
    pub fn modules(self) -> PathBuf {
        self.root().join("usr/lib/grub/x86_64-efi")
    }

    /// Its translations, `LANGUAGE/LC_MESSAGES/grub.mo`.
    pub fn translations(self) -> PathBuf {
        self.root().join("usr/share/locale")
    }

    /// Its font of all characters.
    pub fn font(self) -> PathBuf {
        self.root().join("usr/share/grub/unicode.pf2")
    }

    /// Its grub-mkimage: the later ones need their suite's C library, so this is a script in `work` that starts them
    /// with it.
    pub fn mkimage(self, work: &Path) -> PathBuf {
        if self == Self::V2_06 {
            return tool("grub-mkimage").get_program().into();
        }
        let (root, script) = (self.root(), work.join(format!("grub-mkimage-{self:?}")));
        let libraries = root.join("usr/lib/x86_64-linux-gnu");
        let content = format!(
            "#!/bin/sh\nexec '{libraries}/ld-linux-x86-64.so.2' --library-path '{libraries}:/usr/lib/x86_64-linux-gnu' \
             '{root}/usr/bin/grub-mkimage' \"$@\"\n",
            libraries = libraries.display(),
            root = root.display(),
        );
        fs::write(&script, content).expect("written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("made executable");
        script
    }
}

/// Has bootseal build and sign the image that trusts its key, and that of another.
pub fn enforcing(version: Version, bootseal: &Bootseal, other: Option<&Bootseal>, image: &Path) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let password = work.path().join("password");
    fs::write(&password, PASSWORD).expect("written");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o400)).expect("made secret");
    let mut arguments: Vec<OsString> = ["--fs-uuid", DISK_UUID, "--grub-path", "/boot/grub"]
        .map(OsString::from)
        .to_vec();
    for (option, path) in [
        ("--modules-dir", &version.modules()),
        ("--mkimage", &version.mkimage(work.path())),
        ("--password-file", &password),
        ("--output", &image.to_owned()),
    ] {
        arguments.extend([option.into(), path.into()]);
    }
    if let Some(other) = other {
        arguments.extend(["--add-key".into(), other.keys.join("grub.gpg").into()]);
    }
    bootseal.grub_image(&arguments);
}

/// Made by hand, and looking as if it enforced: a key, and the words, but no `pgp`. It is not yet signed for db.
pub fn lacking_pgp(version: Version, key: &Path, image: &Path) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let configuration = work.path().join("grub.cfg");
    let sbat = work.path().join("sbat.csv");
    fs::write(&configuration, EMBEDDED.replace("UUID", DISK_UUID)).expect("written");
    fs::write(&sbat, SBAT).expect("written");
    let mut modules: Vec<_> = MODULES.split_whitespace().collect();
    if version == Version::V2_14 {
        // Which brought pgp until 2.12.
        modules.push("gcry_rsa");
    }
    run(Command::new(version.mkimage(work.path()))
        .args(["--format=x86_64-efi", "--disable-shim-lock", "--prefix=/boot/grub"])
        .arg(format!("--directory={}", version.modules().display()))
        .arg(format!("--config={}", configuration.display()))
        .arg(format!("--sbat={}", sbat.display()))
        .arg(format!("--output={}", image.display()))
        .arg(format!("--pubkey={}", key.display()))
        .args(modules));
}

/// The embedded configuration that everybody writes who wants enforcement.
const EMBEDDED: &str = "\
set check_signatures=enforce
export check_signatures
search --no-floppy --fs-uuid UUID --set=root
configfile ($root)/boot/grub/grub.cfg
";

/// `tpm` lifts the lockdown, and so a kernel is loaded that nobody has verified.
const MODULES: &str = "boot configfile echo fat linux normal search search_fs_uuid tpm";

/// Revocation metadata, without which shim (not used here) would refuse the image.
const SBAT: &str = "\
sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md
grub,3,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/
";
