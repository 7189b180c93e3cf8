//! A ceremony held once for all tests through the library, with encrypted keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bootseal::ceremony::{self, Report, Spec, Unobserved};
use bootseal::keys::{KeyName, Passphrase};
use bootseal::system::Context;
use tempfile::TempDir;

/// The passphrase that wraps the keys.
pub const PASSPHRASE: &str = "correct horse battery";

/// The key directory that a ceremony left: db and KEK are plain, all others encrypted.
pub struct Ceremony {
    directory: TempDir,
    pub report: Report,
}

impl Ceremony {
    /// The key directory.
    pub fn keys(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    /// One of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.keys().join(name)
    }

    /// `-passin file:PATH` of OpenSSL.
    pub fn passin(&self) -> String {
        format!("file:{}", self.directory.path().join("passphrase").display())
    }
}

/// The ceremony of this test process.
pub fn encrypted() -> &'static Ceremony {
    static CEREMONY: OnceLock<Ceremony> = OnceLock::new();
    CEREMONY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        private(
            &directory.path().join("passphrase"),
            format!("{PASSPHRASE}\n").as_bytes(),
        );
        let spec = Spec {
            passphrase: Some(Passphrase::new(PASSPHRASE).unwrap()),
            ..Spec::new("Golden", directory.path().join("keys")).with_plain([KeyName::Kek, KeyName::Db])
        };
        let report = ceremony::run(&Context::host(), &spec, &Unobserved).unwrap();
        Ceremony { directory, report }
    })
}

/// Writes a file that only its owner can read.
pub fn private(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
