//! The kernel's own `sign-file`, and OpenSSL, judge our module signatures.

use std::fs;
use std::path::Path;

use bootseal::formats::module_signature::Module;

use crate::support::{bootseal, keys, module, sign, sign_file, succeed, tool, verify};

#[test]
fn the_signature_is_sign_files_byte_for_byte() {
    for hash in ["sha512", "sha3-512"] {
        let directory = tempfile::tempdir().unwrap();
        let ours = module(directory.path(), "ours.ko");
        let theirs = directory.path().join("theirs.ko");
        fs::copy(&ours, &theirs).unwrap();
        succeed(
            bootseal(["sign", "modules", "--hash", hash, "--keys"])
                .arg(keys())
                .arg(&ours),
        );
        let (key, certificate) = (keys().join("module.key"), keys().join("module.pem"));
        succeed(sign_file().arg(hash).args([&key, &certificate]).arg(&theirs));
        assert_eq!(fs::read(&ours).unwrap(), fs::read(&theirs).unwrap(), "{hash}");
    }
}

#[test]
fn what_sign_file_signed_verifies_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = module(directory.path(), "theirs.ko");
    let (key, certificate) = (keys().join("module.key"), keys().join("module.pem"));
    succeed(sign_file().arg("sha3-512").args([&key, &certificate]).arg(&path));
    succeed(&mut verify(&[&path]));
    let before = fs::read(&path).unwrap();
    let said = succeed(&mut sign("modules", &[&path]));
    assert!(said.contains("signed 0, unchanged 1"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn two_signatures_of_sign_file_become_one_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    let path = module(directory.path(), "stacked.ko");
    let original = fs::read(&path).unwrap();
    let (key, certificate) = (keys().join("db.key"), keys().join("db.pem"));
    for _ in 0..2 {
        succeed(sign_file().arg("sha512").args([&key, &certificate]).arg(&path));
    }
    succeed(&mut sign("modules", &[&path]));
    let signed = fs::read(&path).unwrap();
    assert_eq!(Module::parse(&signed).unwrap().content, original);
}

#[test]
fn openssl_verifies_the_signature() {
    let directory = tempfile::tempdir().unwrap();
    let path = module(directory.path(), "module.ko");
    succeed(&mut sign("modules", &[&path]));
    let file = fs::read(&path).unwrap();
    let signed = Module::parse(&file).unwrap();
    let [content, cms] = ["content", "cms"].map(|name| directory.path().join(name));
    fs::write(&content, signed.content).unwrap();
    fs::write(&cms, signed.signature.unwrap()).unwrap();
    succeed(&mut openssl_verify(&cms, &content));
    fs::write(&content, &signed.content[1..]).unwrap();
    crate::support::refuse(&mut openssl_verify(&cms, &content));
}

fn openssl_verify(cms: &Path, content: &Path) -> std::process::Command {
    let mut openssl = tool("openssl", "openssl");
    openssl.args([
        "cms",
        "-verify",
        "-binary",
        "-inform",
        "DER",
        "-noverify",
        "-out",
        "/dev/null",
    ]);
    openssl
        .arg("-certfile")
        .arg(keys().join("module.pem"))
        .arg("-in")
        .arg(cms)
        .arg("-content")
        .arg(content);
    openssl
}

#[test]
fn compressed_modules_stay_compressed_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let pack: [(&str, &str, &[&str]); 3] = [
        ("gzip", "gz", &["-n"]),
        ("xz", "xz", &["--check=crc32", "--lzma2=dict=1MiB"]),
        ("zstd", "zst", &["-q", "--rm"]),
    ];
    let plain = module(directory.path(), "plain.ko");
    succeed(&mut sign("modules", &[&plain]));
    for (program, ending, options) in pack {
        let path = module(directory.path(), &format!("{program}.ko"));
        succeed(
            tool(program, &format!("{program} or {program}-utils"))
                .args(options)
                .arg(&path),
        );
        let packed = path.with_extension(format!("ko.{ending}"));
        succeed(&mut sign("modules", &[&packed]));
        succeed(&mut verify(&[&packed]));
        let unpacked = tool(program, program).args(["-d", "-c"]).arg(&packed).output().unwrap();
        assert!(unpacked.status.success(), "{program}");
        assert_eq!(
            unpacked.stdout,
            fs::read(&plain).unwrap(),
            "{program}: the same signed module inside"
        );
    }
    let listed = succeed(
        tool("xz", "xz-utils")
            .args(["--list", "--verbose"])
            .arg(directory.path().join("xz.ko.xz")),
    );
    assert!(listed.contains("CRC32"), "{listed}");
}
