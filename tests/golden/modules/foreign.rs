//! Signatures by other keys, other tools, and of other kinds.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::kernel::module_signature::{Module, append};
use bootseal::trust::module::{Refusal, judge};

use crate::support::{bootseal, keys, module, refuse, self_signed, sign, sign_file, succeed, text, tool, verify};

fn foreign(what: &str, path: &Path) -> std::process::Command {
    let mut command = bootseal(["--json", "sign", "modules", "--foreign", what, "--keys"]);
    command.arg(keys()).arg(path);
    command
}

fn by_sign_file(path: &Path, hash: &str, key: &Path, certificate: &Path) {
    succeed(sign_file().arg(hash).args([key, certificate]).arg(path));
}

/// A module signed by a key that is not ours; one with garbage for a signature.
fn strangers(directory: &Path) -> [PathBuf; 2] {
    let other = module(directory, "other.ko");
    by_sign_file(&other, "sha512", &keys().join("db.key"), &keys().join("db.pem"));
    let garbage = module(directory, "garbage.ko");
    fs::write(&garbage, append(&fs::read(&garbage).unwrap(), b"no CMS").unwrap()).unwrap();
    [other, garbage]
}

#[test]
fn modules_by_others_are_kept_replaced_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    for path in strangers(directory.path()) {
        let before = fs::read(&path).unwrap();
        let said = refuse(&mut foreign("refuse", &path));
        assert!(said.contains("is signed by another key"), "{said}");
        assert!(said.contains("bootseal sign modules --foreign replace"), "{said}");
        for _ in 0..2 {
            let report: serde_json::Value = serde_json::from_str(&succeed(&mut foreign("keep", &path))).unwrap();
            assert_eq!(report["kept"], 1, "{report}");
            assert_eq!(report["files"][0]["outcome"], "kept", "{report}");
        }
        assert_eq!(fs::read(&path).unwrap(), before);
        let said = succeed(
            bootseal(["sign", "modules", "--foreign", "keep", "--keys"])
                .arg(keys())
                .arg(&path),
        );
        assert!(
            said.contains("kept, signed by another key") && said.contains("kept 1"),
            "{said}"
        );
        succeed(&mut foreign("replace", &path));
        succeed(&mut verify(&[&path]));
        for what in ["keep", "refuse"] {
            succeed(&mut foreign(what, &path));
        }
    }
}

#[test]
fn what_is_ours_or_nobodys_is_signed_whatever_becomes_of_others() {
    let directory = tempfile::tempdir().unwrap();
    for what in ["keep", "refuse"] {
        let unsigned = module(directory.path(), "unsigned.ko");
        let stale = module(directory.path(), "stale.ko");
        succeed(&mut sign("modules", &[&stale]));
        let mut bytes = fs::read(&stale).unwrap();
        bytes[0x30] ^= 1;
        fs::write(&stale, bytes).unwrap();
        let other_hash = module(directory.path(), "sha512.ko");
        by_sign_file(
            &other_hash,
            "sha512",
            &keys().join("module.key"),
            &keys().join("module.pem"),
        );
        for path in [unsigned, stale, other_hash] {
            let report: serde_json::Value = serde_json::from_str(&succeed(&mut foreign(what, &path))).unwrap();
            assert_eq!(report["signed"], 1, "{report}");
            succeed(&mut verify(&[&path]));
        }
    }
}

/// `openssl cms` with these signers, `options`, and no attributes, appended as sign-file does.
fn by_openssl(path: &Path, signers: &[(&str, &Path)], options: &[&str]) {
    let content = fs::read(path).unwrap();
    let cms = path.with_extension("cms");
    let mut openssl = tool("openssl");
    openssl.args(["cms", "-sign", "-binary", "-noattr", "-outform", "DER", "-md", "sha512"]);
    for (name, directory) in signers {
        openssl.arg("-signer").arg(directory.join(name).with_extension("pem"));
        openssl.arg("-inkey").arg(directory.join(name).with_extension("key"));
    }
    succeed(openssl.args(options).arg("-in").arg(path).arg("-out").arg(&cms));
    fs::write(path, append(&content, &fs::read(&cms).unwrap()).unwrap()).unwrap();
}

#[test]
fn one_trusted_signer_of_two_is_enough() {
    let directory = tempfile::tempdir().unwrap();
    self_signed(directory.path(), "stranger", &["rsa:2048"]);
    let (ours, theirs) = (("module", keys()), ("stranger", directory.path()));
    for options in [&["-nocerts"][..], &[]] {
        for signers in [[ours, theirs], [theirs, ours]] {
            let path = module(directory.path(), "two.ko");
            by_openssl(&path, &signers, options);
            let said = succeed(&mut verify(&[&path]));
            assert!(said.contains("Kernel Module Key"), "{said}");
            // A changed byte makes ours fail, and with it all.
            let mut bytes = fs::read(&path).unwrap();
            bytes[0x30] ^= 1;
            fs::write(&path, bytes).unwrap();
            let said = refuse(&mut verify(&[&path]));
            assert!(said.contains("EKEYREJECTED"), "{said}");
        }
        let path = module(directory.path(), "stranger.ko");
        by_openssl(&path, &[theirs], options);
        let said = refuse(&mut verify(&[&path]));
        assert!(said.contains("ENOKEY"), "{said}");
    }
}

#[test]
fn a_stranger_whose_enclosed_certificate_refutes_him_spoils_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    self_signed(directory.path(), "stranger", &["rsa:2048"]);
    let path = module(directory.path(), "two.ko");
    by_openssl(&path, &[("module", keys()), ("stranger", directory.path())], &[]);
    let mut file = fs::read(&path).unwrap();
    let module = Module::parse(&file).unwrap();
    let signed = module.signed_data().unwrap().unwrap();
    let theirs = signed
        .signers
        .iter()
        .find(|signer| signer.signature.len() == 256)
        .unwrap();
    let at = theirs.signature.as_ptr() as usize - file.as_ptr() as usize;
    file[at + 100] ^= 1;
    fs::write(&path, file).unwrap();
    let said = refuse(&mut verify(&[&path]));
    assert!(said.contains("EKEYREJECTED"), "{said}");
}

#[test]
fn what_cannot_be_judged_is_called_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = module(directory.path(), "sha1.ko");
    by_sign_file(&path, "sha1", &keys().join("module.key"), &keys().join("module.pem"));
    let said = refuse(&mut verify(&[&path]));
    assert!(said.contains("SHA-1"), "{said}");
    self_signed(
        directory.path(),
        "stranger",
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    );
    let path = module(directory.path(), "ecdsa.ko");
    let [key, certificate] = ["stranger.key", "stranger.pem"].map(|name| directory.path().join(name));
    by_sign_file(&path, "sha384", &key, &certificate);
    let said = refuse(&mut verify(&[&path]));
    assert!(said.contains("ECDSA") && said.contains("ENOKEY"), "{said}");
    let output = sign("modules", &[&path]).output().unwrap();
    assert!(
        output.status.success(),
        "a foreign signature is replaced: {}",
        text(&output)
    );
    succeed(&mut verify(&[&path]));
}

/// A module that a key on this curve has signed over `hash`, and the certificate of the key.
fn signed_on(directory: &Path, curve: &str, hash: &str) -> (Vec<u8>, Certificate) {
    self_signed(
        directory,
        "stranger",
        &["ec", "-pkeyopt", &format!("ec_paramgen_curve:{curve}")],
    );
    let path = module(directory, "ecdsa.ko");
    let [key, certificate] = ["stranger.key", "stranger.pem"].map(|name| directory.join(name));
    by_sign_file(&path, hash, &key, &certificate);
    let certificate = Certificate::from_pem(&fs::read(certificate).unwrap()).unwrap();
    (fs::read(path).unwrap(), certificate)
}

#[test]
fn ecdsa_signatures_are_verified() {
    let directory = tempfile::tempdir().unwrap();
    let other = Certificate::from_pem(&fs::read(keys().join("module.pem")).unwrap()).unwrap();
    // Digests shorter than the curve's numbers, as long, and longer.
    for (curve, hash) in [
        ("P-256", "sha256"),
        ("P-256", "sha512"),
        ("P-384", "sha256"),
        ("P-384", "sha384"),
        ("P-384", "sha512"),
    ] {
        let (file, certificate) = signed_on(directory.path(), curve, hash);
        let trusted = [other.clone(), certificate.clone()];
        let signature = judge(&file, &trusted).unwrap_or_else(|refusal| panic!("{curve} {hash}: {refusal}"));
        assert_eq!((signature.certificate, signature.hash.name()), (&certificate, hash));
        assert!(matches!(judge(&file, &trusted[..1]), Err(Refusal::UnknownSigner(_))));
        let rejected = |file: &[u8]| judge(file, &trusted).unwrap_err().to_string();
        let mut changed = file.clone();
        changed[0x30] ^= 1;
        assert!(rejected(&changed).contains("EKEYREJECTED"));
        // Every byte of the signature's two numbers counts, and none makes the parser panic.
        let parsed = Module::parse(&file).unwrap();
        let numbers = parsed.signed_data().unwrap().unwrap().signers[0].signature.to_vec();
        let is_it = |part: &[u8]| part == numbers;
        let start = file.windows(numbers.len()).position(is_it).unwrap();
        for place in start..start + numbers.len() {
            let mut forged = file.clone();
            forged[place] ^= 1;
            assert!(
                rejected(&forged).contains("EKEYREJECTED"),
                "{curve} {hash}: byte {}",
                place - start
            );
        }
    }
}

#[test]
fn a_curve_that_is_not_known_is_said_to_be_so() {
    let directory = tempfile::tempdir().unwrap();
    let (file, certificate) = signed_on(directory.path(), "P-521", "sha512");
    let refusal = judge(&file, &[certificate]).unwrap_err();
    assert!(matches!(refusal, Refusal::EcdsaKey(_)), "{refusal}");
    assert!(refusal.to_string().contains("neither P-256 nor P-384"), "{refusal}");
}

/// The sizes of `rsa_check_key_length`, by keys of OpenSSL and signatures of sign-file. The kernel counts bytes; a key of 512 bits
/// has no room for more than SHA-256.
#[test]
fn rsa_keys_are_taken_of_the_sizes_that_the_kernel_takes() {
    let directory = tempfile::tempdir().unwrap();
    let [key, certificate] = ["stranger.key", "stranger.pem"].map(|name| directory.path().join(name));
    for (bits, taken) in [
        (512, true),
        (768, false),
        (1024, true),
        (1536, true),
        (1544, false),
        (2047, true),
        (3072, true),
        (3080, false),
        (4096, true),
        (4104, false),
    ] {
        self_signed(
            directory.path(),
            "stranger",
            &["rsa", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")],
        );
        let path = module(directory.path(), "sizes.ko");
        by_sign_file(&path, "sha256", &key, &certificate);
        let trusted = [Certificate::from_pem(&fs::read(&certificate).unwrap()).unwrap()];
        let mut file = fs::read(&path).unwrap();
        let judged = judge(&file, &trusted).map(drop);
        let expected = if taken { Ok(()) } else { Err(Refusal::KeySize(bits)) };
        assert_eq!(judged, expected, "{bits}");
        file[0x30] ^= 1;
        assert!(judge(&file, &trusted).is_err(), "{bits}");
    }
}
