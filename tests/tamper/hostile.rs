//! Hostile and broken files on the command line: an error that names the file, and the file untouched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootseal::formats::firmware::authenticode::minimal_image;

use crate::support::{bootseal, keys, module, sign, succeed, text, tool, verify};

/// Runs a command that must end with this exit code; returns what it said.
fn exits(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?}:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Writes a broken file, signs it in vain, and checks that it is named and untouched.
fn refused(what: &str, bytes: &[u8], expected: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("broken");
    fs::write(&path, bytes).unwrap();
    let said = exits(&mut sign(what, &[&path]), 1);
    assert!(
        said.contains(&*path.to_string_lossy()) && said.contains(expected),
        "{said}"
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn a_truncated_image() {
    let image = minimal_image();
    refused("efi", &image[..image.len() / 2], "section .reloc at 0x400..0x600");
    refused("efi", &image[..0x50], "offset 0x");
    refused("efi", b"MZ", "offset 0x");
}

#[test]
fn a_certificate_table_past_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signed.efi");
    fs::write(&path, minimal_image()).unwrap();
    succeed(&mut sign("efi", &[&path]));
    let signed = fs::read(&path).unwrap();
    refused("efi", &signed[..signed.len() - 8], "certificate table");
    let said = exits(&mut verify(&[&path]), 0);
    assert!(said.contains("EFI image"), "{said}");
}

#[test]
fn a_list_with_a_signature_size_of_zero() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db.esl");
    let mut list = fs::read(keys().join("db.esl")).unwrap();
    list[24..28].fill(0);
    fs::write(&path, &list).unwrap();
    exits(&mut verify(&[&path]), 1);
    let said = exits(verify(&[&path]).arg("--db").arg(&path), 1);
    assert!(said.contains("offset 0x"), "{said}");
}

#[test]
fn a_module_with_a_wrong_length() {
    let directory = tempfile::tempdir().unwrap();
    let path = module(directory.path(), "wrong.ko");
    succeed(&mut sign("modules", &[&path]));
    let mut signed = fs::read(&path).unwrap();
    let length = signed.len() - 28 - 4;
    signed[length..length + 4].copy_from_slice(&[0x7f; 4]);
    refused("modules", &signed, "sig_len at offset 0x");
    refused("modules", b"no module at all", "no ELF header at offset 0x0");
    refused("modules", b"\x1f\x8bno gzip", "cannot unpack");
}

#[test]
fn a_signature_of_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let [one, other] = ["one.cfg", "other.cfg"].map(|name| directory.path().join(name));
    fs::write(&one, b"set one=1\n").unwrap();
    fs::write(&other, b"set other=1\n").unwrap();
    succeed(&mut sign("grub", &[&one]));
    fs::copy(
        directory.path().join("one.cfg.sig"),
        directory.path().join("other.cfg.sig"),
    )
    .unwrap();
    let said = exits(&mut verify(&[&one, &other]), 1);
    assert!(said.contains("1 of 2 files"), "{said}");
}

/// A key directory like that of the tests, with another db key.
fn with_db_key(directory: &Path, make: impl Fn(&Path, &Path)) -> PathBuf {
    let copy = directory.join("keys");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(keys()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let key = copy.join("db.key");
    fs::remove_file(&key).unwrap();
    make(&keys().join("db.key"), &key);
    set_mode(&key, 0o400);
    copy
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn keys_that_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image.efi");
    fs::write(&image, minimal_image()).unwrap();
    let passphrase = directory.path().join("passphrase");
    fs::write(&passphrase, "correct horse\n").unwrap();
    set_mode(&passphrase, 0o600);
    let wrong = directory.path().join("wrong");
    fs::write(&wrong, "battery staple\n").unwrap();
    set_mode(&wrong, 0o600);
    let sign_with = |keys: &Path, passphrase: &Path| {
        let mut command = bootseal(["sign", "efi", "--keys"]);
        command.arg(keys).arg("--passphrase-file").arg(passphrase).arg(&image);
        command
    };

    let home = tempfile::tempdir().unwrap();
    let pkcs1 = with_db_key(home.path(), |from, to| {
        succeed(
            tool("openssl")
                .args(["rsa", "-traditional", "-in"])
                .arg(from)
                .arg("-out")
                .arg(to),
        );
    });
    let said = exits(&mut sign_with(&pkcs1, &passphrase), 1);
    assert!(
        said.contains("PKCS#1") && said.contains("openssl pkcs8 -topk8"),
        "{said}"
    );
    assert!(said.contains("db.key"), "{said}");

    let home = tempfile::tempdir().unwrap();
    let encrypted = with_db_key(home.path(), |from, to| {
        let mut openssl = tool("openssl");
        openssl
            .args(["pkcs8", "-topk8", "-scrypt", "-passout"])
            .arg(format!("file:{}", passphrase.display()));
        succeed(openssl.arg("-in").arg(from).arg("-out").arg(to));
    });
    let said = exits(&mut sign_with(&encrypted, &wrong), 1);
    assert!(said.contains("passphrase") && said.contains("db.key"), "{said}");
    assert!(!said.contains("battery"), "{said}");
    assert_eq!(fs::read(&image).unwrap(), minimal_image());
    exits(&mut sign_with(&encrypted, &passphrase), 0);
    exits(&mut verify(&[&image]), 0);
}

#[test]
fn nine_good_files_and_one_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let mut paths: Vec<PathBuf> = (0..9).map(|n| module(directory.path(), &format!("{n}.ko"))).collect();
    let broken = directory.path().join("broken.ko");
    std::os::unix::fs::symlink("nowhere", &broken).unwrap();
    paths.insert(4, broken);
    let all: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let said = exits(&mut sign("modules", &all), 3);
    assert!(said.contains("broken.ko") && said.contains("signed 9"), "{said}");
    paths.remove(4);
    let good: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    exits(&mut verify(&good), 0);
}
