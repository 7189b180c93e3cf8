//! sbsign and sbverify, osslsigncode and pesign judge our Authenticode signatures, and we judge theirs, on images of
//! every length mod 8 and on the real loaders of Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::{Image, Severity, minimal_image};
use tempfile::TempDir;

use crate::support::image::{flat_digest, is_signed_by, without_signature_at, without_signatures};
use crate::support::programs::{EFI_STUB, SYSTEMD_BOOT, host_file, of_later_debian};
use crate::support::signer::TestKey;
use crate::support::{refuse, succeed, tool};

/// Loaders as Debian ships them, of lengths 0, 1, 3, 5 and 7 mod 8, with and without `CheckSum`.
const LOADERS: [&str; 8] = [
    EFI_STUB,
    SYSTEMD_BOOT,
    "/usr/lib/efitools/x86_64-linux-gnu/HelloWorld.efi",
    "/usr/lib/efitools/x86_64-linux-gnu/HashTool.efi",
    "/usr/lib/efitools/x86_64-linux-gnu/Loader.efi",
    "/usr/lib/efitools/x86_64-linux-gnu/SetNull.efi",
    "/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi",
    "/usr/lib/grub/x86_64-efi/monolithic/gcdx64.efi",
];

/// Images to sign: the sample at every length mod 8, Debian's loaders, a UKI that objcopy made and a GRUB image.
fn images() -> Vec<(String, Vec<u8>)> {
    let directory = tempfile::tempdir().unwrap();
    let mut images: Vec<(String, Vec<u8>)> = (0..8).map(|tail| (format!("sample + {tail}"), sample(tail))).collect();
    images.extend(
        LOADERS
            .iter()
            .map(|path| ((*path).to_owned(), fs::read(host_file(path)).unwrap())),
    );
    images.push(("UKI".to_owned(), uki(&directory)));
    images.push(("GRUB core image".to_owned(), grub(&directory)));
    images
}

/// The sample with `tail` bytes that belong to no section.
fn sample(tail: u8) -> Vec<u8> {
    let mut image = minimal_image();
    image.extend(1..=tail);
    image
}

/// systemd's stub with a kernel's sections, added as its manual says.
pub(super) fn uki(directory: &TempDir) -> Vec<u8> {
    let [part, uki] = ["part", "uki.efi"].map(|name| directory.path().join(name));
    fs::write(&part, [7; 12_345]).unwrap();
    let mut objcopy = tool("objcopy");
    for (name, address) in [(".osrel", "0x20000"), (".cmdline", "0x30000"), (".linux", "0x2000000")] {
        objcopy.arg("--add-section").arg(format!("{name}={}", part.display()));
        objcopy.arg("--change-section-vma").arg(format!("{name}={address}"));
    }
    succeed(objcopy.arg(host_file(EFI_STUB)).arg(&uki));
    fs::read(uki).unwrap()
}

fn grub(directory: &TempDir) -> Vec<u8> {
    let image = directory.path().join("grub.efi");
    let mut mkimage = tool("grub-mkimage");
    succeed(
        mkimage
            .args(["-O", "x86_64-efi", "-p", "/boot/grub", "-o"])
            .arg(&image)
            .args(["normal", "linux"]),
    );
    fs::read(image).unwrap()
}

fn write(directory: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn sbverify(file: &Path, key: &TestKey) -> Command {
    let mut sbverify = tool("sbverify");
    sbverify.arg("--cert").arg(&key.certificate_path).arg(file);
    sbverify
}

fn osslsigncode_verify(file: &Path, key: &TestKey) -> Command {
    let mut osslsigncode = of_later_debian("osslsigncode");
    osslsigncode.args(["verify", "-ignore-timestamp", "-CAfile"]);
    osslsigncode.arg(&key.certificate_path).arg("-in").arg(file);
    osslsigncode
}

fn sbsign(directory: &TempDir, file: &[u8], key: &TestKey) -> Vec<u8> {
    let (input, output) = (write(directory, "unsigned", file), directory.path().join("signed"));
    let mut sbsign = tool("sbsign");
    sbsign
        .arg("--key")
        .arg(&key.key)
        .arg("--cert")
        .arg(&key.certificate_path);
    succeed(sbsign.arg("--output").arg(&output).arg(&input));
    fs::read(output).unwrap()
}

fn osslsigncode_sign(directory: &TempDir, file: &[u8], key: &TestKey) -> Vec<u8> {
    let (input, output) = (write(directory, "unsigned", file), directory.path().join("signed"));
    let _ = fs::remove_file(&output);
    let mut sign = of_later_debian("osslsigncode");
    sign.args(["sign", "-h", "sha256", "-certs"])
        .arg(&key.certificate_path)
        .arg("-key")
        .arg(&key.key);
    succeed(sign.arg("-in").arg(&input).arg("-out").arg(&output));
    fs::read(output).unwrap()
}

/// Checks that the signatures of a file are these keys', in this order, and that they are over the image.
fn assert_signed_by(file: &[u8], keys: &[&TestKey], what: &str) {
    let image = Image::parse(file).unwrap();
    assert_eq!(image.signatures().len(), keys.len(), "{what}");
    for (entry, key) in image.signatures().iter().zip(keys) {
        let signature = entry.signature().unwrap();
        signature.verify_integrity(&image).unwrap();
        assert!(is_signed_by(&signature, key), "{what}");
        assert_eq!(
            signature.cms.certificates,
            std::slice::from_ref(&key.certificate),
            "{what}"
        );
    }
}

#[test]
fn sbverify_and_osslsigncode_accept_our_signature_and_refuse_a_changed_file() {
    let (directory, key) = (tempfile::tempdir().unwrap(), TestKey::shared());
    for (name, image) in images() {
        let mut signed = key.sign_image(&image);
        assert_signed_by(&signed, &[key], &name);
        let path = write(&directory, "signed.efi", &signed);
        succeed(&mut sbverify(&path, key));
        let said = succeed(&mut osslsigncode_verify(&path, key));
        assert!(said.contains("Number of verified signatures: 1"), "{name}: {said}");
        refuse(&mut sbverify(&path, TestKey::other()));

        let last = image.len() - 1;
        signed[last] ^= 1;
        fs::write(&path, &signed).unwrap();
        refuse(&mut sbverify(&path, key));
        refuse(&mut osslsigncode_verify(&path, key));
    }
}

#[test]
fn the_digest_is_pesigns() {
    let directory = tempfile::tempdir().unwrap();
    for (name, file) in images() {
        let path = write(&directory, "image.efi", &file);
        let said = succeed(tool("pesign").args(["--hash", "--padding", "--in"]).arg(&path));
        let image = Image::parse(&file).unwrap();
        let digest = image.digest(HashAlgorithm::Sha256);
        assert_eq!(said.trim(), format!("hash: {}", digest.to_hex()), "{name}");
        assert_eq!(digest, flat_digest(&file, HashAlgorithm::Sha256), "{name}");

        fs::write(&path, TestKey::shared().sign_image(&file)).unwrap();
        let said = succeed(tool("pesign").args(["--hash", "--in"]).arg(&path));
        assert_eq!(said.trim(), format!("hash: {}", digest.to_hex()), "{name}, signed");
    }
}

#[test]
fn pesign_shows_our_signature() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(
        &directory,
        "signed.efi",
        &TestKey::shared().sign_image(&minimal_image()),
    );
    let said = succeed(tool("pesign").args(["--show-signature", "--in"]).arg(&path));
    assert!(said.contains("The signer's common name is bootseal test"), "{said}");
}

#[test]
fn the_signed_content_is_sbsigns_byte_for_byte() {
    let (directory, key) = (tempfile::tempdir().unwrap(), TestKey::shared());
    for (name, image) in images() {
        let (ours, theirs) = (key.sign_image(&image), sbsign(&directory, &image, key));
        let [ours, theirs] = [&ours, &theirs].map(|file| {
            let image = Image::parse(file).unwrap();
            let cms = image.signatures()[0].signature().unwrap().cms;
            (cms.content_type, cms.content.map(|content| content.content.to_vec()))
        });
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn signatures_by_sbsign_and_osslsigncode_verify() {
    let (directory, key) = (tempfile::tempdir().unwrap(), TestKey::shared());
    for (name, image) in images() {
        assert_signed_by(&sbsign(&directory, &image, key), &[key], &name);
        assert_signed_by(&osslsigncode_sign(&directory, &image, key), &[key], &name);
    }
}

#[test]
fn two_tools_can_sign_one_image() {
    let (directory, ours, theirs) = (tempfile::tempdir().unwrap(), TestKey::shared(), TestKey::other());
    for (name, image) in images() {
        let sbsign_first = ours.sign_image(&sbsign(&directory, &image, theirs));
        let sbsign_last = sbsign(&directory, &ours.sign_image(&image), theirs);
        for (file, keys) in [(&sbsign_first, [theirs, ours]), (&sbsign_last, [ours, theirs])] {
            assert_signed_by(file, &keys, &name);
            let path = write(&directory, "signed.efi", file);
            for key in keys {
                succeed(&mut sbverify(&path, key));
            }
            let said = succeed(tool("sbverify").arg("--list").arg(&path));
            assert!(said.contains("signature 1") && said.contains("signature 2"), "{said}");
        }
        let one_left = without_signature_at(&Image::parse(&sbsign_last).unwrap(), 1);
        assert_signed_by(&one_left, &[ours], &name);
        // sbsign writes a CheckSum where there was none.
        if Image::parse(&image).unwrap().stated_checksum() != 0 {
            assert!(one_left == ours.sign_image(&image), "{name}");
        }
        let after_osslsigncode = ours.sign_image(&osslsigncode_sign(&directory, &image, theirs));
        assert_signed_by(&after_osslsigncode, &[theirs, ours], &name);
    }
}

#[test]
fn removing_the_signature_gives_back_the_padded_original() {
    let key = TestKey::shared();
    for (name, original) in images() {
        let stripped = without_signature_at(&Image::parse(&key.sign_image(&original)).unwrap(), 0);
        assert!(stripped == padded(&original), "{name}");
        let twice = TestKey::other().sign_image(&key.sign_image(&original));
        assert!(without_signatures(&Image::parse(&twice).unwrap()) == stripped, "{name}");
    }
}

/// The original with zeros to a multiple of 8; where that changes its length, a `CheckSum` in use follows.
fn padded(original: &[u8]) -> Vec<u8> {
    let mut padded = original.to_vec();
    padded.resize(original.len().next_multiple_of(8), 0);
    let header = u32::from_le_bytes(original[60..64].try_into().unwrap()) as usize;
    let field = header + 24 + 64;
    if padded.len() != original.len() && original[field..field + 4] != [0; 4] {
        let sum = bootseal::formats::firmware::authenticode::checksum(&[&padded], field);
        padded[field..field + 4].copy_from_slice(&sum.to_le_bytes());
    }
    padded
}

#[test]
fn the_checksum_is_osslsigncodes() {
    let (directory, key) = (tempfile::tempdir().unwrap(), TestKey::shared());
    for (name, image) in images() {
        let signed = osslsigncode_sign(&directory, &image, key);
        let signed = Image::parse(&signed).unwrap();
        assert_eq!(
            signed.stated_checksum(),
            signed.checksum(),
            "{name}, signed by osslsigncode"
        );
        let ours = key.sign_image(&image);
        let ours = Image::parse(&ours).unwrap();
        let expected = if Image::parse(&image).unwrap().stated_checksum() == 0 {
            0
        } else {
            ours.checksum()
        };
        assert_eq!(ours.stated_checksum(), expected, "{name}");
    }
}

#[test]
fn real_loaders_raise_no_alarm() {
    for (name, file) in images().into_iter().skip(8) {
        let problems = Image::parse(&file).unwrap().layout_problems();
        let alarms: Vec<_> = problems
            .iter()
            .filter(|problem| problem.severity() > Severity::Note)
            .collect();
        assert!(alarms.is_empty(), "{name}: {alarms:?}");
    }
}

#[test]
fn binutils_read_the_sample() {
    let directory = tempfile::tempdir().unwrap();
    let path = write(&directory, "sample.efi", &minimal_image());
    let said = succeed(tool("objdump").args(["-p", "-h"]).arg(&path));
    for expected in ["pei-x86-64", ".text", ".reloc", ".sbat", "EFI application"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
