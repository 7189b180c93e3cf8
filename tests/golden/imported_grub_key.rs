//! GRUB's key as GnuPG made and exported it: what it signed before goes on to be trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::ceremony::private;
use crate::support::{bootseal, refuse, succeed, tool};

const PASSPHRASE: &str = "passphrase of gpg";

/// GnuPG's directory, in which keys are made.
struct Gnupg(TempDir);

impl Gnupg {
    fn new() -> Self {
        let gnupg = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(gnupg.0.path(), fs::Permissions::from_mode(0o700)).unwrap();
        gnupg
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn call(&self, passphrase: &str, arguments: &[&str]) -> Command {
        let mut gpg = tool("gpg");
        gpg.arg("--homedir").arg(self.0.path());
        gpg.args([
            "--batch",
            "--yes",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            passphrase,
        ]);
        gpg.args(arguments);
        gpg
    }

    /// Makes a primary key; returns its fingerprint.
    fn make(&self, name: &str, passphrase: &str, algorithm: &str, usage: &str) -> String {
        succeed(&mut self.call(passphrase, &["--quick-gen-key", name, algorithm, usage, "never"]));
        self.fingerprints(name).swap_remove(0)
    }

    /// The fingerprints of a key and its subkeys.
    fn fingerprints(&self, name: &str) -> Vec<String> {
        let listed = succeed(&mut self.call("", &["--with-colons", "--list-keys", name]));
        let lines = listed.lines().filter(|line| line.starts_with("fpr:"));
        lines.map(|line| line.split(':').nth(9).unwrap().to_owned()).collect()
    }

    /// Exports into a private file.
    fn export(&self, passphrase: &str, arguments: &[&str]) -> PathBuf {
        let exported = self.call(passphrase, arguments).output().unwrap();
        assert!(exported.status.success() && !exported.stdout.is_empty(), "{exported:?}");
        let file = self.path("exported");
        private(&file, &exported.stdout);
        file
    }
}

/// A ceremony that takes a key of GRUB over.
fn import(file: &Path, out: &Path) -> Command {
    let mut command = bootseal(["ceremony", "run", "--name", "taken", "--plain", "PK,KEK,db,module,grub"]);
    command.arg("--grub-key").arg(file).arg("--out").arg(out);
    command
}

/// Checks that signatures of the key directory and of GnuPG are by the same key.
fn check_same(gnupg: &Gnupg, out: &Path, passphrase: &str, signer: &str) {
    let before = gnupg.path("grub.cfg");
    fs::write(&before, "set timeout=1\n").unwrap();
    let signature = gnupg.path("grub.cfg.sig");
    succeed(
        gnupg
            .call(passphrase, &["--local-user", signer, "--detach-sign", "-o"])
            .arg(&signature)
            .arg(&before),
    );
    let gpgv = |keyring: &Path| {
        let mut gpgv = tool("gpgv");
        gpgv.arg("--keyring").arg(keyring).arg(&signature).arg(&before);
        gpgv
    };
    succeed(&mut gpgv(&out.join("grub.gpg")));
    succeed(bootseal(["sign", "grub", "--keys"]).arg(out).arg(&before));
    let public = gnupg.path("public");
    succeed(gnupg.call(passphrase, &["--export", "-o"]).arg(&public).arg(signer));
    succeed(&mut gpgv(&public));
}

#[test]
fn a_secret_key_as_gnupg_exports_it_becomes_grubs_key() {
    let gnupg = Gnupg::new();
    let own = gnupg.make("own", PASSPHRASE, "rsa3072", "sign");
    let armored = gnupg.export(PASSPHRASE, &["--armor", "--export-secret-keys", &own]);
    assert!(fs::read(&armored).unwrap().starts_with(b"-----BEGIN PGP PRIVATE"));
    private(&gnupg.path("passphrase"), PASSPHRASE.as_bytes());
    private(&gnupg.path("wrong"), b"another passphrase");

    let said = refuse(
        import(&armored, &gnupg.path("wrongly"))
            .arg("--pin-file")
            .arg(gnupg.path("wrong")),
    );
    assert!(said.contains("the passphrase is wrong"), "{said}");
    let out = gnupg.path("armored");
    let of_grub = format!("grub={}", gnupg.path("passphrase").display());
    let mut command = import(&armored, &out);
    let said = succeed(
        command
            .args(["--pin-file", &of_grub, "--pin-file"])
            .arg(gnupg.path("wrong")),
    );
    assert!(
        said.contains("RSA-3072") && said.contains(&own[..8]) || said.contains("imported"),
        "{said}"
    );
    check_same(&gnupg, &out, PASSPHRASE, &own);
    let verified = succeed(bootseal(["ceremony", "verify"]).arg(&out));
    assert!(verified.contains("grub"), "{verified}");

    // In clear, in bytes; and the plan knows the key by its fingerprint.
    let clear = gnupg.make("clear", "", "rsa4096", "sign");
    let binary = gnupg.export("", &["--export-secret-keys", &clear]);
    let out = gnupg.path("binary");
    let mut plan = bootseal([
        "--json",
        "ceremony",
        "plan",
        "--name",
        "taken",
        "--plain",
        "PK,KEK,db,module,grub",
    ]);
    let plan = succeed(plan.arg("--grub-key").arg(&binary).arg("--out").arg(&out));
    assert!(plan.contains(&clear), "{plan}");
    succeed(&mut import(&binary, &out));
    check_same(&gnupg, &out, "", &clear);

    // A subkey signs, and the primary key stays at home.
    let primary = gnupg.make("home", "", "rsa3072", "cert");
    succeed(&mut gnupg.call("", &["--quick-add-key", &primary, "rsa3072", "encr", "never"]));
    succeed(&mut gnupg.call("", &["--quick-add-key", &primary, "rsa3072", "sign", "never"]));
    let subkeys = gnupg.export("", &["--export-secret-subkeys", &primary]);
    let out = gnupg.path("subkey");
    succeed(&mut import(&subkeys, &out));
    let signer = gnupg.fingerprints("home").pop().unwrap();
    check_same(&gnupg, &out, "", &format!("{signer}!"));
}

#[test]
fn a_key_that_is_of_no_use_to_grub_is_refused_with_the_reason() {
    let gnupg = Gnupg::new();
    let small = gnupg.make("small", "", "rsa2048", "sign");
    let curve = gnupg.make("curve", "", "ed25519", "sign");
    let certifier = gnupg.make("certifier", "", "rsa3072", "cert");
    for (arguments, reason) in [
        (vec!["--export-secret-keys", &small], "it has 2048 bits"),
        (vec!["--export-secret-keys", &curve], "its algorithm is EdDSA"),
        (
            vec!["--export-secret-keys", &certifier],
            "it holds no secret key that signs",
        ),
        (vec!["--export", &small], "it holds no secret key that signs"),
        (vec!["--export-secret-keys"], "it holds no OpenPGP key, or several"),
    ] {
        let file = gnupg.export("", &arguments);
        let said = refuse(&mut import(&file, &gnupg.path("out")));
        assert!(said.contains(reason), "{arguments:?}: {said}");
    }
    let file = gnupg.export("", &["--export-secret-keys", &small]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let said = refuse(&mut import(&file, &gnupg.path("out")));
    assert!(said.contains("chmod"), "{said}");
    assert!(!gnupg.path("out").exists());
}
