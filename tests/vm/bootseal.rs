//! The program under test, and every way in which the virtual machine's story calls it.

use super::packages::run;
use ::bootseal::formats::crypto::certificate::Certificate;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The command that the guest gives, in `init.sh`, is the only one that is not here.
pub struct Bootseal {
    pub program: PathBuf,
    /// The key directory that the ceremony made.
    pub keys: PathBuf,
}

impl Bootseal {
    /// Holds the ceremony: own keys only, since the machine has no Option ROM and no Windows.
    ///
    /// The keys used on this host after the ceremony are plain files, as nobody is here to type a
    /// passphrase.
    pub fn ceremony(keys: &Path) -> Self {
        let bootseal = Self {
            program: env!("CARGO_BIN_EXE_bootseal").into(),
            keys: keys.to_owned(),
        };
        run(Command::new(&bootseal.program)
            .args(["ceremony", "run", "--name", "vm", "--microsoft", "none"])
            .args(["--plain", "PK,KEK,db,module,grub", "--out"])
            .arg(keys));
        bootseal
    }

    /// Signs a program of the firmware, in place.
    pub fn sign_efi(&self, file: &Path) {
        run(self.command(&["sign", "efi"]).arg(file));
    }

    /// Signs a kernel module, in place, with the firmware's db key: Debian's kernel has no other
    /// key of ours on its keyrings.
    pub fn sign_module(&self, file: &Path) {
        run(self.command(&["sign", "modules"]).args(["--key", "db"]).arg(file));
    }

    /// As [`Self::sign_module`], over another hash than that of the configuration.
    pub fn sign_module_over(&self, hash: &str, file: &Path) {
        run(self
            .command(&["sign", "modules"])
            .args(["--key", "db", "--hash", hash])
            .arg(file));
    }

    /// Writes `FILE.sig` beside each file that GRUB opens.
    pub fn sign_for_grub(&self, files: &[PathBuf]) {
        run(self.command(&["sign", "grub"]).args(files));
    }

    /// The call that Portage makes once it has installed a package below `root`.
    pub fn package_was_installed(&self, root: &Path, package: &str) {
        run(Command::new(&self.program)
            .arg("--root")
            .arg(root)
            .args(["hook", "run", "portage", "--keys"])
            .arg(&self.keys)
            .arg(package));
    }

    /// Builds and signs an image of GRUB.
    pub fn grub_image(&self, arguments: &[OsString]) {
        run(self.command(&["grub", "install"]).args(arguments));
    }

    /// Enrolls the keys into the variables of a machine that is switched off.
    pub fn enroll_image(&self, variables: &Path) {
        run(self
            .command(&["enroll", "apply"])
            .arg("--store")
            .arg(variables)
            .arg("--yes"));
    }

    /// Reports that whoever loads the file would accept it; anything but yes or no fails.
    pub fn verify(&self, file: &Path) -> bool {
        self.judged(file).0
    }

    /// The verdict on a file that would not be accepted.
    #[track_caller]
    pub fn refuses(&self, file: &Path) -> String {
        let (accepted, said) = self.judged(file);
        assert!(!accepted, "{said}");
        said
    }

    fn judged(&self, file: &Path) -> (bool, String) {
        let output = self
            .command(&["verify"])
            .arg(file)
            .output()
            .expect("bootseal can be started");
        crate::support::remedies::printed(&output);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.code() {
            Some(0) => (true, said),
            Some(1) => (false, said),
            _ => panic!("bootseal verify {} could not tell: {output:?}", file.display()),
        }
    }

    /// SHA-256 of what a variable holds once it is enrolled, hexadecimal.
    pub fn list_digest(&self, variable: &str) -> String {
        hex::encode(Sha256::digest(self.list(variable)))
    }

    /// The lists of a variable once it is enrolled.
    pub fn list(&self, variable: &str) -> Vec<u8> {
        let update = fs::read(self.keys.join(variable).with_extension("auth")).expect("a signed list");
        signed_list(&update).to_vec()
    }

    /// How the kernel lists the certificate of a key: subject and key identifier.
    pub fn key_on_keyring(&self, key: &str) -> String {
        let pem = fs::read(self.keys.join(key).with_extension("pem")).expect("a certificate");
        let certificate = Certificate::from_pem(&pem).expect("a certificate");
        let identifier = hex::encode(certificate.kernel_key_id().expect("a key identifier"));
        let short = &identifier[identifier.len() - 8..];
        format!("{}: {identifier}: X509.rsa {short} []", certificate.common_name())
    }

    /// SHA-256 of a key's certificate, hexadecimal: its name in the firmware.
    pub fn fingerprint(&self, key: &str) -> String {
        let der = fs::read(self.keys.join(key).with_extension("der")).expect("a certificate");
        hex::encode(Sha256::digest(der))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).arg("--keys").arg(&self.keys);
        command
    }
}

/// The part of an authenticated variable that the firmware stores: all but 16 bytes of time and the signature,
/// which begins with its own size.
fn signed_list(authenticated: &[u8]) -> &[u8] {
    let (size, _) = authenticated[16..].split_first_chunk().expect("a size after the time");
    &authenticated[16 + u32::from_le_bytes(*size) as usize..]
}
