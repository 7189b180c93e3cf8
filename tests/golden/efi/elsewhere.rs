//! Keys that are elsewhere: what `--prepare` writes, and what `--attach` takes.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::formats::firmware::authenticode::minimal_image;

use super::{Bench, FILES, firmware_accepts, sbverify, sign_with, signed_data};
use crate::support::programs::of_later_debian;
use crate::support::signer::TestKey;
use crate::support::{keys, refuse, self_signed, sign, succeed, text, tool};

impl Bench {
    /// The signature by OpenSSL, with this key, over the content that is to be signed for an image.
    fn signed_by_openssl(&self, image: &Path, key: &Path, certificate: &Path) -> PathBuf {
        let [tbs, signature] = ["image.tbs", "image.sig"].map(|name| self.path(name));
        let _ = fs::remove_file(&tbs);
        succeed(
            sign_with("--prepare", &tbs, image)
                .arg("--certificate")
                .arg(certificate),
        );
        let mut openssl = tool("openssl");
        openssl.args(["dgst", "-sha256", "-sign"]).arg(key).arg("-out");
        succeed(openssl.arg(&signature).arg(&tbs));
        signature
    }
}

#[test]
fn a_key_that_is_elsewhere_makes_the_same_file() {
    let bench = Bench::new();
    let (key, certificate) = (keys().join("db.key"), keys().join("db.pem"));
    for file in FILES {
        let image = bench.copy(file);
        let signature = bench.signed_by_openssl(&image, &key, &certificate);
        succeed(sign_with("--attach", &signature, &image).arg("--keys").arg(keys()));
        let attached = fs::read(&image).unwrap();
        sbverify(&image);
        firmware_accepts(&image);
        let image = bench.copy(file);
        succeed(&mut sign("efi", &[&image]));
        assert!(fs::read(&image).unwrap() == attached, "{file}");
        // The DER of the certificate, and a directory of keys that it is not from.
        assert_eq!(fs::read(bench.path("image.tbs")).unwrap()[0], 0x31);
        let der = fs::read(keys().join("db.der")).unwrap();
        let der = bench.write("certificate.der", &der);
        let image = bench.copy(file);
        succeed(sign_with("--attach", &signature, &image).arg("--certificate").arg(&der));
        assert!(fs::read(&image).unwrap() == attached, "{file}");
    }
}

#[test]
fn a_signature_by_sbsign_is_attached() {
    let bench = Bench::new();
    for file in FILES {
        let (image, signature) = (bench.copy(file), bench.path("image.p7"));
        let mut sbsign = tool("sbsign");
        sbsign
            .arg("--key")
            .arg(keys().join("db.key"))
            .arg("--cert")
            .arg(keys().join("db.pem"));
        succeed(sbsign.arg("--detached").arg("--output").arg(&signature).arg(&image));
        succeed(sign_with("--attach", &signature, &image).arg("--keys").arg(keys()));
        sbverify(&image);
        firmware_accepts(&image);
    }
}

#[test]
fn what_does_not_hold_is_not_attached() {
    let bench = Bench::new();
    let original = minimal_image();
    let image = bench.write("image.efi", &original);
    let other = TestKey::other();
    let good = bench.signed_by_openssl(&image, &keys().join("db.key"), &keys().join("db.pem"));
    let good = fs::read(good).unwrap();
    let by_other = bench.signed_by_openssl(&image, &other.key, &other.certificate_path);
    let by_other = fs::read(by_other).unwrap();
    let mut flipped = good.clone();
    flipped[100] ^= 1;
    let attempts = [
        ("another key", by_other),
        ("flipped", flipped),
        ("truncated", good[..255].to_vec()),
        ("too long", [good.as_slice(), &[0]].concat()),
        ("empty", Vec::new()),
        ("garbage", vec![0x30; 300]),
        ("another key's PKCS#7", signed_data(&other.sign_image(&original))),
        ("another image's PKCS#7", {
            let mut image = minimal_image();
            let last = image.len() - 1;
            image[last] ^= 1;
            let path = bench.write("other.efi", &image);
            succeed(&mut sign("efi", &[&path]));
            signed_data(&fs::read(path).unwrap())
        }),
    ];
    for (what, bytes) in attempts {
        let signature = bench.write("image.sig", &bytes);
        let output = sign_with("--attach", &signature, &image)
            .arg("--keys")
            .arg(keys())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{what}: {}", text(&output));
        assert!(
            text(&output).contains("is no signature of"),
            "{what}: {}",
            text(&output)
        );
        assert!(fs::read(&image).unwrap() == original, "{what}");
    }
    // The right signature for an image that has changed since.
    let mut changed = original.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(&image, &changed).unwrap();
    let signature = bench.write("image.sig", &good);
    refuse(sign_with("--attach", &signature, &image).arg("--keys").arg(keys()));
    assert!(fs::read(&image).unwrap() == changed);
}

#[test]
fn nothing_is_overwritten_by_prepare() {
    let bench = Bench::new();
    let image = bench.write("image.efi", &minimal_image());
    let tbs = bench.write("precious", b"precious");
    refuse(sign_with("--prepare", &tbs, &image).arg("--keys").arg(keys()));
    assert_eq!(fs::read(tbs).unwrap(), b"precious");
    refuse(
        sign_with("--prepare", &bench.path("two.tbs"), &image)
            .arg(&image)
            .arg("--keys")
            .arg(keys()),
    );
    assert!(!bench.path("two.tbs").exists());
}

#[test]
fn the_printed_commands_work_as_they_are() {
    let bench = Bench::new();
    let image = bench.write("it's an image.efi", &minimal_image());
    fs::copy(keys().join("db.key"), bench.path("KEY")).unwrap();
    fs::copy(keys().join("db.pem"), bench.path("a certificate.pem")).unwrap();
    let mut prepare = sign_with("--prepare", Path::new("to be signed"), &image);
    prepare.args(["--certificate", "a certificate.pem"]);
    let printed = succeed(prepare.current_dir(bench.directory.path()));
    let commands: Vec<&str> = ["  1. ", "  2. "]
        .iter()
        .filter_map(|number| printed.lines().find_map(|line| line.strip_prefix(number)))
        .collect();
    let [openssl, attach] = commands.as_slice() else {
        panic!("{printed}");
    };
    let attach = attach.replacen("bootseal", env!("CARGO_BIN_EXE_bootseal"), 1);
    let mut shell = tool("sh");
    shell.env("STATE_DIRECTORY", bench.path("state")).arg("-c");
    succeed(
        shell
            .arg(format!("{openssl} && {attach}"))
            .current_dir(bench.directory.path()),
    );
    sbverify(&image);
}

#[test]
fn nothing_is_prepared_that_could_not_be_attached() {
    let bench = Bench::new();
    let image = bench.write("image.efi", &minimal_image());
    let tbs = bench.path("image.tbs");
    let certificate = self_signed(
        bench.directory.path(),
        "ec",
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    );
    let mut prepare = sign_with("--prepare", &tbs, &image);
    let said = refuse(prepare.arg("--certificate").arg(&certificate));
    assert!(said.contains("is not RSA"), "{said}");
    let said = refuse(
        sign_with("--prepare", &tbs, bench.directory.path())
            .arg("--keys")
            .arg(keys()),
    );
    assert!(said.contains("hint: name the EFI images themselves"), "{said}");
    let mut dry = sign_with("--prepare", &tbs, &image);
    let said = succeed(dry.arg("--keys").arg(keys()).arg("--dry-run"));
    assert!(said.starts_with("would write "), "{said}");
    assert!(!tbs.exists());
    // Firmware need not know SHA-512 in signatures of images.
    let [signed, by_sha512] = ["sha512.efi", "sha512.p7"].map(|name| bench.path(name));
    let mut osslsigncode = of_later_debian("osslsigncode");
    osslsigncode
        .args(["sign", "-h", "sha512", "-certs"])
        .arg(keys().join("db.pem"));
    osslsigncode
        .arg("-key")
        .arg(keys().join("db.key"))
        .arg("-in")
        .arg(&image);
    succeed(osslsigncode.arg("-out").arg(&signed));
    fs::write(&by_sha512, signed_data(&fs::read(&signed).unwrap())).unwrap();
    let said = refuse(sign_with("--attach", &by_sha512, &image).arg("--keys").arg(keys()));
    assert!(said.contains("it signs a sha512 digest"), "{said}");
    assert!(fs::read(&image).unwrap() == minimal_image());
}

#[test]
fn a_wrong_signature_is_refused_for_an_image_that_is_signed_already() {
    let bench = Bench::new();
    let image = bench.write("image.efi", &minimal_image());
    let good = bench.signed_by_openssl(&image, &keys().join("db.key"), &keys().join("db.pem"));
    let attach = |signature: &Path| {
        let mut command = sign_with("--attach", signature, &image);
        command.arg("--keys").arg(keys());
        command
    };
    succeed(&mut attach(&good));
    let signed = fs::read(&image).unwrap();
    assert!(succeed(&mut attach(&good)).contains("unchanged 1"));
    refuse(&mut attach(&bench.write("garbage", &[7; 256])));
    assert!(fs::read(&image).unwrap() == signed);
}
