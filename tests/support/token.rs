//! A software token, `SoftHSM`, with the keys of a ceremony.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::ceremony::private;
use super::{bootseal, succeed, tool};

/// The library that speaks to the token.
pub use super::programs::SOFT_TOKEN as LIBRARY;
/// The PIN of the token.
pub const PIN: &str = "sehr-geheim-1234";

/// A token with the db, module and GRUB keys of a key directory, and a key directory that names them.
pub struct Token {
    pub directory: TempDir,
    /// Where the private keys are in files.
    origin: PathBuf,
}

impl Token {
    pub fn new(origin: &Path) -> Self {
        let token = Self::empty(origin);
        for entry in fs::read_dir(origin).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "key") {
                fs::copy(&path, token.path("keys").join(path.file_name().unwrap())).unwrap();
            }
        }
        for (name, id) in [("db", "01"), ("module", "02"), ("grub", "03")] {
            token.import(name, name, id);
            token.name_key(name, &token.uri(&format!("object={name}")));
        }
        token
    }

    /// A token with no key on it.
    pub fn empty(origin: &Path) -> Self {
        let token = Self {
            directory: tempfile::tempdir().unwrap(),
            origin: origin.to_path_buf(),
        };
        fs::create_dir(token.path("tokens")).unwrap();
        let config = format!(
            "directories.tokendir = {}\nlog.level = ERROR\n",
            token.path("tokens").display()
        );
        fs::write(token.path("softhsm2.conf"), config).unwrap();
        token.softhsm(&[
            "--init-token",
            "--free",
            "--label",
            "node",
            "--so-pin",
            "87654321",
            "--pin",
            PIN,
        ]);
        private(&token.path("pin"), PIN.as_bytes());
        fs::create_dir(token.path("keys")).unwrap();
        token
    }

    /// bootseal, with this token in reach.
    pub fn bootseal(&self, arguments: &[&str]) -> Command {
        let mut command = bootseal(arguments);
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        command
    }

    /// The objects on the token, as pkcs11-tool lists them.
    pub fn objects(&self) -> String {
        let mut command = tool("pkcs11-tool");
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        succeed(command.args(["--module", LIBRARY, "--login", "--pin", PIN, "--list-objects"]))
    }

    /// A file or directory beside the token.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn softhsm(&self, arguments: &[&str]) {
        let mut command = tool("softhsm2-util");
        succeed(command.env("SOFTHSM2_CONF", self.path("softhsm2.conf")).args(arguments));
    }

    /// Puts the private key NAME.key onto the token.
    pub fn import(&self, name: &str, label: &str, id: &str) {
        let key = self.origin.join(format!("{name}.key"));
        let key = key.to_str().unwrap();
        self.softhsm(&[
            "--import", key, "--token", "node", "--label", label, "--id", id, "--pin", PIN,
        ]);
    }

    /// A URI with the PIN's file.
    pub fn uri(&self, key: &str) -> String {
        format!(
            "pkcs11:token=node;{key}?module-path={LIBRARY}&pin-source=file:{}",
            self.path("pin").display()
        )
    }

    /// Writes NAME.uri.
    pub fn name_key(&self, name: &str, uri: &str) {
        fs::write(self.path("keys").join(format!("{name}.uri")), format!("{uri}\n")).unwrap();
    }

    /// Signs with the key directory that names the token.
    pub fn sign(&self, what: &str, paths: &[&Path]) -> Command {
        let mut command = bootseal(["sign", what, "--keys"]);
        command.arg(self.path("keys")).args(paths);
        command.env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        command
    }
}
