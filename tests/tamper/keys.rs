//! Key directories that are damaged, mixed up or open to others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bootseal::error::Error;
use bootseal::keys::{KeyDirectory, KeyName, Passphrase};
use tempfile::TempDir;

use crate::support::ceremony::{PASSPHRASE, encrypted, private};
use crate::support::{succeed, tool};

/// A key directory of its own with one key, `db.key`, and the certificate of the ceremony's db.
struct Case {
    directory: TempDir,
}

impl Case {
    fn new(key: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        private(&directory.path().join("db.key"), key);
        fs::copy(encrypted().file("db.pem"), directory.path().join("db.pem")).unwrap();
        Self { directory }
    }

    fn key(&self) -> std::path::PathBuf {
        self.directory.path().join("db.key")
    }

    /// The refusal, after checking that it tells nothing that should stay secret.
    fn refusal(&self, passphrase: &str) -> Error {
        let directory = KeyDirectory::open(self.directory.path()).unwrap();
        let error = directory
            .identity(KeyName::Db, &mut |_| Passphrase::new(passphrase))
            .err()
            .expect("this key should be refused");
        let told = format!("{error:?} {error} {:?} {:?}", error.causes(), error.hints());
        assert!(!told.contains(passphrase), "{told}");
        let key = fs::read(self.key()).unwrap_or_default();
        for line in String::from_utf8_lossy(&key)
            .lines()
            .filter(|line| line.len() > 20 && !line.starts_with('-'))
        {
            assert!(!told.contains(line), "{told}");
        }
        error
    }
}

fn ceremony_key(name: &str) -> Vec<u8> {
    fs::read(encrypted().file(name)).unwrap()
}

fn openssl(arguments: &str, files: &[&Path]) {
    let mut command = tool("openssl");
    succeed(command.args(arguments.split_whitespace()).args(files));
}

#[test]
fn a_pkcs1_key_comes_with_the_command_that_converts_it() {
    let scratch = tempfile::tempdir().unwrap();
    let old = scratch.path().join("old.key");
    openssl(
        "pkey -traditional -out",
        &[&old, Path::new("-in"), &encrypted().file("db.key")],
    );
    for form in ["PEM", "DER"] {
        let converted = scratch.path().join(form);
        let options = format!("rsa -traditional -outform {form} -out");
        openssl(&options, &[&converted, Path::new("-in"), &old]);
        let case = Case::new(&fs::read(&converted).unwrap());
        let error = case.refusal("unused");
        assert!(error.causes()[0].contains("PKCS#1"), "{:?}", error.causes());
        let key = case.key();
        let hint = format!(
            "openssl pkcs8 -topk8 -scrypt -in {0} -out {0}.new && mv -f {0}.new {0}",
            key.display()
        );
        assert_eq!(error.hints(), [hint]);
    }
}

#[test]
fn a_wrong_passphrase_is_called_one() {
    // One in 256 wrong passphrases leaves valid padding; several, so that a mistake there would show in time.
    for number in 0..4 {
        let error = Case::new(&ceremony_key("PK.key")).refusal(&format!("hunter2 number {number}"));
        assert_eq!(error.causes(), ["the passphrase is wrong"]);
        assert_eq!(error.kind().exit_code(), 1);
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let error = Case::new(&ceremony_key("KEK.key")).refusal("unused");
    assert!(error.to_string().contains("is not the private key of"), "{error}");
    let error = Case::new(&ceremony_key("PK.key")).refusal(PASSPHRASE);
    assert!(error.to_string().contains("is not the private key of"), "{error}");
}

#[test]
fn truncated_and_damaged_keys_are_refused_at_every_length() {
    for name in ["db.key", "PK.key"] {
        let whole = ceremony_key(name);
        for length in (0..whole.len() - 2).step_by(97) {
            Case::new(&whole[..length]).refusal(PASSPHRASE);
        }
    }
    let mut damaged = ceremony_key("db.key");
    let middle = damaged.len() / 2;
    damaged[middle] = if damaged[middle] == b'A' { b'B' } else { b'A' };
    Case::new(&damaged).refusal("unused");
    Case::new(&[0x30, 0x82, 0xff, 0xff]).refusal("unused");
    Case::new(&[0xff; 3000]).refusal("unused");
}

#[test]
fn what_is_no_rsa_key_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let key = scratch.path().join("key");
    let refused = |expected: &str| {
        let error = Case::new(&fs::read(&key).unwrap()).refusal("unused");
        assert!(error.causes()[0].contains(expected), "{:?}", error.causes());
    };
    openssl(
        "genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out",
        &[&key],
    );
    refused("its algorithm is 1.2.840.10045.2.1");
    openssl("ecparam -name prime256v1 -genkey -noout -out", &[&key]);
    refused("an elliptic curve key");
    openssl(
        "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out",
        &[&key],
    );
    refused("1024 bits");
    fs::copy(encrypted().file("db.pem"), &key).unwrap();
    refused("a certificate");
    fs::write(&key, b"-----BEGIN \x1b[31mEVIL-----\n-----END \x1b[31mEVIL-----\n").unwrap();
    refused("something else");
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_remedy() {
    let case = Case::new(&ceremony_key("db.key"));
    for mode in [0o640, 0o604, 0o444] {
        fs::set_permissions(case.key(), fs::Permissions::from_mode(mode)).unwrap();
        let error = case.refusal("unused");
        assert_eq!(error.hints(), [format!("chmod 400 {}", case.key().display())]);
        assert_eq!(error.kind().exit_code(), 1);
    }
}

#[test]
fn signing_with_db_reads_no_other_key() {
    let source = encrypted();
    let directory = tempfile::tempdir().unwrap();
    for name in ["db.key", "db.pem"] {
        fs::copy(source.file(name), directory.path().join(name)).unwrap();
    }
    let keys = KeyDirectory::open(directory.path()).unwrap();
    keys.identity(KeyName::Db, &mut |_| panic!("db is not encrypted"))
        .unwrap();
    let error = keys
        .identity(KeyName::Pk, &mut |_| Passphrase::new("unused"))
        .err()
        .unwrap();
    assert_eq!(error.kind().exit_code(), 3);
}
