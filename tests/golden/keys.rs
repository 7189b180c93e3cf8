//! OpenSSL, GnuPG and efitools judge what a ceremony makes, and OpenSSL's keys open here.

use std::fs;
use std::path::Path;

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::grub::openpgp::UnsignedSignature;
use bootseal::keys::{KeyDirectory, KeyName, Passphrase};

use crate::support::ceremony::{PASSPHRASE, encrypted, private};
use crate::support::{bootseal, refuse, succeed, tool};

const CERTIFIED: [&str; 4] = ["PK", "KEK", "db", "module"];

fn openssl(arguments: &str) -> std::process::Command {
    let mut command = tool("openssl");
    command.args(arguments.split_whitespace());
    command
}

#[test]
fn openssl_opens_every_key_and_finds_its_certificate() {
    let ceremony = encrypted();
    for name in CERTIFIED {
        let (key, certificate) = (
            ceremony.file(&format!("{name}.key")),
            ceremony.file(&format!("{name}.pem")),
        );
        let ours = succeed(
            openssl("pkey -pubout -passin")
                .arg(ceremony.passin())
                .arg("-in")
                .arg(&key),
        );
        let certified = succeed(openssl("x509 -noout -pubkey -in").arg(&certificate));
        assert_eq!(ours, certified, "{name}");
        succeed(
            openssl("pkey -noout -check -passin")
                .arg(ceremony.passin())
                .arg("-in")
                .arg(&key),
        );
    }
    succeed(
        openssl("pkey -noout -check -passin")
            .arg(ceremony.passin())
            .arg("-in")
            .arg(ceremony.file("grub.key")),
    );
}

#[test]
fn encrypted_keys_rest_under_scrypt_and_aes() {
    let ceremony = encrypted();
    for name in ["PK", "module", "grub"] {
        let structure = succeed(openssl("asn1parse -in").arg(ceremony.file(&format!("{name}.key"))));
        for part in [
            ":PBES2",
            ":scrypt",
            "INTEGER           :4000",
            "INTEGER           :05",
            ":aes-256-cbc",
        ] {
            assert!(structure.contains(part), "{name}: {part} is not in\n{structure}");
        }
    }
}

#[test]
fn openssl_accepts_the_certificates_by_its_strictest_rules() {
    let ceremony = encrypted();
    for name in CERTIFIED {
        let path = ceremony.file(&format!("{name}.pem"));
        let verify = "verify -x509_strict -check_ss_sig -CAfile";
        assert!(succeed(openssl(verify).arg(&path).arg(&path)).ends_with(": OK\n"));
        let text = succeed(openssl("x509 -noout -text -in").arg(&path));
        assert!(text.contains("Version: 3 (0x2)"));
        assert!(text.contains("CA:FALSE"));
        assert!(text.contains("X509v3 Key Usage: critical\n                Digital Signature\n"));
        assert!(text.contains("X509v3 Subject Key Identifier"));
        assert!(text.contains("X509v3 Authority Key Identifier"));
        assert_eq!(
            text.contains("Code Signing"),
            ["db", "module"].contains(&name),
            "{text}"
        );
        let der = ceremony.file(&format!("{name}.der"));
        let pem =
            |form: &str, path: &Path| succeed(openssl("x509 -outform PEM -inform").arg(form).arg("-in").arg(path));
        assert_eq!(pem("DER", &der), pem("PEM", &path));
        let sum = succeed(openssl("dgst -sha256 -r").arg(&der));
        let reported = ceremony.report.keys.iter().find(|key| key.name == name).unwrap();
        assert_eq!(sum.split_whitespace().next(), reported.fingerprint.as_deref());
    }
}

#[test]
fn the_signed_writes_are_efitools_byte_for_byte() {
    let ceremony = encrypted();
    let scratch = tempfile::tempdir().unwrap();
    // efitools cannot be given a passphrase.
    let pk = scratch.path().join("PK.key");
    succeed(
        openssl("pkey -passin")
            .arg(ceremony.passin())
            .arg("-in")
            .arg(ceremony.file("PK.key"))
            .arg("-out")
            .arg(&pk),
    );
    let nothing = scratch.path().join("empty.esl");
    fs::write(&nothing, b"").unwrap();
    let dbx = scratch.path().join("dbx.esl");
    let keys = KeyDirectory::open(&ceremony.keys()).unwrap();
    fs::write(&dbx, keys.update("dbx".parse().unwrap()).unwrap().payload).unwrap();
    let (kek, esl) = (ceremony.file("KEK.key"), |name: &str| {
        ceremony.file(&format!("{name}.esl"))
    });
    let writes = [
        ("PK", "PK", &pk, esl("PK"), "PK.auth"),
        ("KEK", "PK", &pk, esl("KEK"), "KEK.auth"),
        ("db", "KEK", &kek, esl("db"), "db.auth"),
        ("dbx", "KEK", &kek, dbx, "dbx.auth"),
        ("PK", "PK", &pk, nothing, "noPK.auth"),
    ];
    for (variable, signer, key, lists, file) in writes {
        let ours = fs::read(ceremony.file(file)).unwrap();
        let theirs = scratch.path().join(file);
        let mut command = tool("sign-efi-sig-list");
        // It takes local time for UTC.
        command.env("TZ", "UTC").args(["-t", &stamp(&ours)]);
        if variable == "dbx" {
            command.arg("-a");
        }
        command
            .arg("-c")
            .arg(ceremony.file(&format!("{signer}.pem")))
            .arg("-k")
            .arg(key);
        succeed(command.arg(variable).args([&lists, &theirs]));
        assert!(ours == fs::read(&theirs).unwrap(), "{file} differs from efitools'");
    }
}

/// The time of an `.auth` file as efitools takes it.
fn stamp(auth: &[u8]) -> String {
    let year = u16::from_le_bytes([auth[0], auth[1]]);
    format!(
        "{year}-{:02}-{:02} {:02}:{:02}:{:02}",
        auth[2], auth[3], auth[4], auth[5], auth[6]
    )
}

#[test]
fn efitools_finds_our_certificates_and_microsofts_in_the_lists() {
    let ceremony = encrypted();
    for (name, microsofts) in [("PK", 0), ("KEK", 1), ("db", 3)] {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().join("certificate");
        let said = succeed(
            tool("sig-list-to-certs")
                .arg(ceremony.file(&format!("{name}.esl")))
                .arg(&base),
        );
        let owner = ceremony.report.owner.as_deref().unwrap();
        assert_eq!(said.matches(owner).count(), 1, "{said}");
        assert_eq!(
            said.matches("77fa9abd-0359-4d32-bd60-28f4e78f784b").count(),
            microsofts,
            "{said}"
        );
        let first = fs::read(scratch.path().join("certificate-0.der")).unwrap();
        assert_eq!(first, fs::read(ceremony.file(&format!("{name}.der"))).unwrap());
    }
}

#[test]
fn gnupg_takes_the_grub_key_and_what_it_signs() {
    let ceremony = encrypted();
    let scratch = tempfile::tempdir().unwrap();
    let gpg = || {
        let mut command = tool("gpg");
        command.args(["--batch", "--homedir"]).arg(scratch.path());
        command
    };
    private(&scratch.path().join("gpg.conf"), b"no-autostart\n");
    let public = ceremony.file("grub.gpg");
    let shown = succeed(gpg().args(["--show-keys", "--with-colons"]).arg(&public));
    let reported = ceremony.report.keys.iter().find(|key| key.name == "grub").unwrap();
    assert!(
        shown.contains(&format!("fpr:::::::::{}:", reported.fingerprint.as_deref().unwrap())),
        "{shown}"
    );
    assert!(shown.contains(&reported.subject), "{shown}");
    succeed(gpg().arg("--import").arg(&public));

    let directory = KeyDirectory::open(&ceremony.keys()).unwrap();
    let (signer, key) = directory.grub_key(&mut |_| Passphrase::new(PASSPHRASE)).unwrap();
    let unsigned = UnsignedSignature::detached(&key, b"set timeout=5\n", key.created()).unwrap();
    let signature = signer.sign(unsigned.to_be_signed()).unwrap();
    let (file, detached) = (scratch.path().join("grub.cfg"), scratch.path().join("grub.cfg.sig"));
    fs::write(&file, b"set timeout=5\n").unwrap();
    fs::write(&detached, unsigned.finish(&signature).unwrap()).unwrap();
    succeed(tool("gpgv").arg("--keyring").arg(&public).args([&detached, &file]));
}

#[test]
fn keys_of_stock_openssl_open_in_every_form() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    private(&at("passphrase"), format!("{PASSPHRASE}\n").as_bytes());
    let passphrase = format!("file:{}", at("passphrase").display());
    succeed(openssl("genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out").arg(at("plain")));
    succeed(
        openssl("req -x509 -new -subj /CN=stock -key")
            .arg(at("plain"))
            .arg("-out")
            .arg(at("db.pem")),
    );
    for (form, options) in [
        ("scrypt", "-topk8 -scrypt"),
        ("pbkdf2", "-topk8"),
        ("der", "-topk8 -nocrypt -outform DER"),
        ("encrypted-der", "-topk8 -scrypt -outform DER"),
    ] {
        let mut command = openssl("pkcs8");
        command
            .args(options.split_whitespace())
            .args(["-passout", &passphrase, "-in"]);
        succeed(command.arg(at("plain")).arg("-out").arg(at(form)));
    }
    // The kernel keeps key and certificate in one file, certs/signing_key.pem.
    let mut both = b"some text before\n".to_vec();
    both.extend(fs::read(at("plain")).unwrap());
    both.extend(fs::read(at("db.pem")).unwrap());
    fs::write(at("with-certificate"), both).unwrap();

    let directory = KeyDirectory::open(scratch.path()).unwrap();
    let digest = HashAlgorithm::Sha3_512.digest(&[b"module"]);
    let forms = ["plain", "with-certificate", "der", "scrypt", "pbkdf2", "encrypted-der"];
    for (form, encrypted) in forms.into_iter().zip([false, false, false, true, true, true]) {
        private(&at("db.key"), &fs::read(at(form)).unwrap());
        let mut asked = 0;
        let identity = directory.identity(KeyName::Db, &mut |what| {
            assert_eq!(what, format!("Passphrase of the db key in {}", at("db.key").display()));
            asked += 1;
            Passphrase::new(PASSPHRASE)
        });
        let signature = identity.unwrap().signer.sign(&digest).unwrap();
        assert_eq!(asked, usize::from(encrypted), "{form}");
        assert_eq!(signature.len(), 256);
    }
}

/// PK and KEK of one person, the others of another: nobody types anything.
#[test]
fn keys_under_different_passphrases_are_opened_without_a_terminal() {
    let scratch = tempfile::tempdir().unwrap();
    let keys = scratch.path().join("keys");
    succeed(tool("cp").arg("-a").arg(encrypted().keys()).arg(&keys));
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        private(&path, format!("{text}\n").as_bytes());
        path.to_str().unwrap().to_owned()
    };
    let first = file("first", PASSPHRASE);
    let other = file("other", "another correct horse");
    let last = file("last", "the last correct horse");
    let rewrap = |names: &[&str], new: &str, given: &[&str]| {
        let mut command = bootseal(["keys", "passphrase", "--new-passphrase-file", new, "--keys"]);
        command.arg(&keys).args(names);
        for given in given {
            command.args(["--passphrase-file", given]);
        }
        command
    };
    succeed(&mut rewrap(&["PK"], &other, &[&first]));
    let said = refuse(&mut rewrap(&["PK", "module"], &last, &[&first]));
    assert!(said.contains("the passphrase is wrong"), "{said}");
    let said = refuse(&mut rewrap(&["PK"], &last, &[&first, &other]));
    assert!(said.contains("is one secret too many"), "{said}");
    succeed(&mut rewrap(&["PK", "module"], &last, &[&format!("PK={other}"), &first]));
    // One for a key that is not opened is no secret of those that are.
    let useless = rewrap(&["PK"], &other, &[&format!("db={first}"), &last])
        .output()
        .unwrap();
    let said = String::from_utf8(useless.stderr).unwrap();
    assert_eq!(useless.status.code(), Some(2), "{said}");
    assert!(
        said.contains("this opens no db key") && said.contains("may be opened here: PK"),
        "{said}"
    );
    for name in ["PK", "module"] {
        let mut pkey = openssl("pkey -noout");
        pkey.arg("-passin").arg(format!("file:{last}"));
        succeed(pkey.arg("-in").arg(keys.join(format!("{name}.key"))));
    }
}
