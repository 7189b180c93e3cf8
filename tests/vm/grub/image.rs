//! Core images.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::machine::DISK_LABEL;
use super::super::packages::{run, tool};
use super::{LAST_WORDS, PASSWORD, USER};

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
        let judges = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges");
        let root = match self {
            Self::V2_06 => PathBuf::from("/"),
            Self::V2_12 => judges.join("grub-2.12"),
            Self::V2_14 => judges.join("grub-2.14"),
        };
        assert!(
            root.is_dir(),
            "{} is missing: run tests/run, which downloads it",
            root.display()
        );
        root
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

/// Embedded, so that it is covered by the image's db signature.
const EMBEDDED: &str = "\
set check_signatures=enforce
export check_signatures
set superusers=USER
export superusers
password_pbkdf2 USER HASH
search --no-floppy --label LABEL --set=root
set prefix=($root)/boot/grub
export prefix
configfile ($root)/boot/grub/grub.cfg
echo 'LAST_WORDS'
reboot
";

const MODULES: &str = "all_video boot configfile echo efi_gop fat linux normal password_pbkdf2 pgp gcry_rsa gcry_sha256 \
                       gcry_sha512 part_gpt part_msdos reboot search search_label test";

/// Revocation metadata, without which shim (not used here) would refuse the image.
const SBAT: &str = "\
sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md
grub,3,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/
";

/// Builds the image that trusts these OpenPGP keys; it is not yet signed for db.
pub fn enforcing(version: Version, keys: &[&Path], image: &Path) {
    build(version, MODULES, keys, image);
}

/// The same without these modules.
pub fn lacking(version: Version, modules: &[&str], added: &str, keys: &[&Path], image: &Path) {
    let kept: Vec<_> = MODULES.split(' ').filter(|module| !modules.contains(module)).collect();
    build(version, &format!("{} {added}", kept.join(" ")), keys, image);
}

fn build(version: Version, modules: &str, keys: &[&Path], image: &Path) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let configuration = work.path().join("grub.cfg");
    let sbat = work.path().join("sbat.csv");
    let embedded = EMBEDDED
        .replace("USER", USER)
        .replace("HASH", &password_hash())
        .replace("LABEL", DISK_LABEL)
        .replace("LAST_WORDS", LAST_WORDS);
    fs::write(&configuration, embedded).expect("written");
    fs::write(&sbat, SBAT).expect("written");
    let mut mkimage = Command::new(version.mkimage(work.path()));
    mkimage
        .args(["--format=x86_64-efi", "--disable-shim-lock", "--prefix=/boot/grub"])
        .arg(format!("--directory={}", version.modules().display()))
        .arg(format!("--config={}", configuration.display()))
        .arg(format!("--sbat={}", sbat.display()))
        .arg(format!("--output={}", image.display()))
        .args(keys.iter().map(|key| format!("--pubkey={}", key.display())));
    if version == Version::V2_14 {
        mkimage.arg("--disable-cli");
    }
    run(mkimage.args(modules.split_whitespace()));
}

/// What GRUB compares a password with.
fn password_hash() -> String {
    use std::io::Write;
    let mut program = tool("grub-mkpasswd-pbkdf2")
        .args(["--iteration-count=1000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("grub-mkpasswd-pbkdf2 can be started");
    let mut input = program.stdin.take().expect("a pipe");
    write!(input, "{PASSWORD}\n{PASSWORD}\n").expect("grub-mkpasswd-pbkdf2 reads");
    drop(input);
    let said = program.wait_with_output().expect("grub-mkpasswd-pbkdf2 ends").stdout;
    let said = String::from_utf8(said).expect("UTF-8");
    let hash = said.split_whitespace().find(|word| word.starts_with("grub.pbkdf2."));
    hash.expect("a hash").to_owned()
}
