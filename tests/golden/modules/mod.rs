//! The kernel's own `sign-file`, OpenSSL, and the tools that pack judge our modules.

mod foreign;
mod kmod;
mod ml_dsa;
mod packing;

use std::fs;
use std::path::Path;

use bootseal::formats::kernel::module_signature::Module;

use crate::support::judges::openssl_verify;
use crate::support::{bootseal, keys, module, sign, sign_file, succeed, text, tool, verify};

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

/// The bytes that another tool unpacks.
fn unpack(program: &str, packed: &Path) -> Vec<u8> {
    let output = tool(program).args(["-d", "-c"]).arg(packed).output().unwrap();
    assert!(output.status.success(), "{program}: {}", text(&output));
    output.stdout
}

#[test]
fn a_tree_is_searched_to_its_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let names = [
        "kernel/drivers/net/in-tree.ko",
        "updates/dkms/from-dkms.ko",
        "extra/vendor/out-of-tree.ko",
        "misc/old-fashioned.ko",
        "weird.name/top.ko",
    ];
    let paths: Vec<_> = names
        .iter()
        .map(|name| {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::rename(module(directory.path(), "built.ko"), &path).unwrap();
            path
        })
        .collect();
    let before = fs::read(&paths[0]).unwrap();
    let said = succeed(&mut sign("modules", &[directory.path()]));
    assert!(said.contains("signed 5, unchanged 0"), "{said}");
    for path in &paths {
        succeed(&mut verify(&[path]));
        // Symbols and all: signing only appends.
        assert!(fs::read(path).unwrap().starts_with(&before), "{}", path.display());
    }
}

#[test]
fn symbols_survive_packing_and_signing_byte_for_byte() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("debug.c");
    fs::write(
        &source,
        "__attribute__((section(\".modinfo\"))) const char l[] = \"license=GPL\"; int symbol(void) { return 7; }",
    )
    .unwrap();
    let path = directory.path().join("debug.ko");
    succeed(tool("gcc").args(["-g", "-c", "-o"]).arg(&path).arg(&source));
    let original = fs::read(&path).unwrap();
    succeed(tool("xz").arg(&path));
    let packed = directory.path().join("debug.ko.xz");
    succeed(&mut sign("modules", &[&packed]));
    let signed = unpack("xz", &packed);
    assert_eq!(Module::parse(&signed).unwrap().content, original);
    fs::write(&path, signed).unwrap();
    let sections = succeed(tool("readelf").args(["--sections", "--symbols"]).arg(&path));
    assert!(
        sections.contains(".debug_info") && sections.contains("symbol"),
        "{sections}"
    );
}

#[test]
fn a_directory_without_modules_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let [full, empty] = ["full", "empty"].map(|name| directory.path().join(name));
    fs::create_dir(&full).unwrap();
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("modules.dep"), "").unwrap();
    let path = module(&full, "module.ko");
    let output = sign("modules", &[&full, &empty]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output);
    assert!(said.contains("there is no kernel module below"), "{said}");
    assert!(said.contains("signed 1, unchanged 0"), "{said}");
    succeed(&mut verify(&[&path]));
}
