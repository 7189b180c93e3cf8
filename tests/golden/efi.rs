//! `bootseal sign efi` with the tools of others: keys that are elsewhere, several signatures, other files as output.

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use bootseal::formats::authenticode::{Image, minimal_image};
use tempfile::TempDir;

use super::authenticode::uki;
use crate::support::signer::TestKey;
use crate::support::{bootseal, keys, refuse, sign, succeed, text, tool, verify};

/// Loaders and tools that a node signs, and their packages.
const FILES: [(&str, &str); 5] = [
    ("/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "systemd-boot-efi"),
    ("/usr/lib/systemd/boot/efi/linuxx64.efi.stub", "systemd-boot-efi"),
    ("/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi", "grub-efi-amd64-bin"),
    ("/usr/lib/efitools/x86_64-linux-gnu/HashTool.efi", "efitools"),
    ("/usr/libexec/fwupd/efi/fwupdx64.efi", "fwupd-unsigned"),
];

struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// A private copy of one of [`FILES`].
    fn copy(&self, (original, package): (&str, &str)) -> PathBuf {
        let bytes = fs::read(original).unwrap_or_else(|error| panic!("{original}: {error}: apt-get install {package}"));
        self.write("image.efi", &bytes)
    }

    /// What is to be signed for an image, signed by OpenSSL with this key.
    fn signed_by_openssl(&self, image: &Path, key: &Path, certificate: &Path) -> PathBuf {
        let [tbs, signature] = ["image.tbs", "image.sig"].map(|name| self.path(name));
        let _ = fs::remove_file(&tbs);
        succeed(
            sign_with("--prepare", &tbs, image)
                .arg("--certificate")
                .arg(certificate),
        );
        let mut openssl = tool("openssl", "openssl");
        openssl.args(["dgst", "-sha256", "-sign"]).arg(key).arg("-out");
        succeed(openssl.arg(&signature).arg(&tbs));
        signature
    }
}

/// `sign efi OPTION FILE IMAGE` without a key directory.
fn sign_with(option: &str, file: &Path, image: &Path) -> Command {
    let mut command = bootseal(["sign", "efi", option]);
    command.arg(file).arg(image);
    command
}

fn sbverify(image: &Path) {
    let mut command = tool("sbverify", "sbsigntool");
    succeed(command.arg("--cert").arg(keys().join("db.pem")).arg(image));
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
        succeed(&mut verify(&[&image]));
        let image = bench.copy(file);
        succeed(&mut sign("efi", &[&image]));
        assert!(fs::read(&image).unwrap() == attached, "{}", file.0);
        // The DER of the certificate, and a directory of keys that it is not from.
        assert_eq!(fs::read(bench.path("image.tbs")).unwrap()[0], 0x31);
        let der = fs::read(keys().join("db.der")).unwrap();
        let der = bench.write("certificate.der", &der);
        let image = bench.copy(file);
        succeed(sign_with("--attach", &signature, &image).arg("--certificate").arg(&der));
        assert!(fs::read(&image).unwrap() == attached, "{}", file.0);
    }
}

#[test]
fn a_signature_by_sbsign_is_attached() {
    let bench = Bench::new();
    for file in FILES {
        let (image, signature) = (bench.copy(file), bench.path("image.p7"));
        let mut sbsign = tool("sbsign", "sbsigntool");
        sbsign
            .arg("--key")
            .arg(keys().join("db.key"))
            .arg("--cert")
            .arg(keys().join("db.pem"));
        succeed(sbsign.arg("--detached").arg("--output").arg(&signature).arg(&image));
        succeed(sign_with("--attach", &signature, &image).arg("--keys").arg(keys()));
        sbverify(&image);
        succeed(&mut verify(&[&image]));
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

/// The PKCS#7 of the first signature.
fn signed_data(image: &[u8]) -> Vec<u8> {
    Image::parse(image).unwrap().signatures()[0].pkcs7().unwrap().to_vec()
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
fn an_output_leaves_the_input_alone() {
    let bench = Bench::new();
    for file in FILES {
        let (image, output) = (bench.copy(file), bench.path("image.efi.signed"));
        let original = fs::read(&image).unwrap();
        let to_output = || {
            let mut command = sign("efi", &[&image]);
            command.arg("--output").arg(&output);
            command
        };
        succeed(&mut to_output());
        assert!(fs::read(&image).unwrap() == original, "{}", file.0);
        sbverify(&output);
        let signed = fs::read(&output).unwrap();
        // Again, over what is there; and from an input that is signed already.
        succeed(&mut to_output());
        assert!(fs::read(&output).unwrap() == signed, "{}", file.0);
        fs::write(&image, &signed).unwrap();
        fs::remove_file(&output).unwrap();
        succeed(&mut to_output());
        assert!(fs::read(&output).unwrap() == signed, "{}", file.0);
        refuse(to_output().arg(&output));
        fs::remove_file(&output).unwrap();
    }
}

#[test]
fn an_output_is_neither_the_input_nor_a_device() {
    let bench = Bench::new();
    let image = bench.write("image.efi", &minimal_image());
    let [link, hard, fifo, directory] = ["link", "hard", "fifo", "directory"].map(|name| bench.path(name));
    symlink(&image, &link).unwrap();
    fs::hard_link(&image, &hard).unwrap();
    succeed(tool("mkfifo", "coreutils").arg(&fifo));
    fs::create_dir(&directory).unwrap();
    let refusals = [
        (&image, "is the image itself"),
        (&link, "is the image itself"),
        (&hard, "is the image itself"),
        (&fifo, "is not a regular file"),
        (&directory, "is not a regular file"),
    ];
    for (output, reason) in refusals {
        let done = sign("efi", &[&image]).arg("--output").arg(output).output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{}: {}", output.display(), text(&done));
        assert!(text(&done).contains(reason), "{}", text(&done));
        assert!(fs::read(&image).unwrap() == minimal_image(), "{}", output.display());
    }
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    // What is wrong with the image is said of the image.
    let broken = bench.write("broken.efi", b"no image");
    let said = refuse(sign("efi", &[&broken]).arg("--output").arg(bench.path("new.efi")));
    assert!(said.contains("broken.efi: not a PE file"), "{said}");
    assert!(!bench.path("new.efi").exists());
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
    let mut shell = tool("sh", "dash");
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
    let [key, certificate, tbs] = ["ec.key", "ec.pem", "image.tbs"].map(|name| bench.path(name));
    let mut openssl = tool("openssl", "openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    openssl.args(["-nodes", "-subj", "/CN=ec", "-keyout"]).arg(&key);
    succeed(openssl.arg("-out").arg(&certificate));
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
    let mut osslsigncode = tool("osslsigncode", "osslsigncode");
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
    assert!(said.contains("it is over sha512"), "{said}");
    assert!(fs::read(&image).unwrap() == minimal_image());
}

#[test]
fn one_signature_covers_all_of_a_unified_kernel_image() {
    let bench = Bench::new();
    let original = uki(&bench.directory);
    let image = bench.write("linux.efi", &original);
    succeed(&mut sign("efi", &[&image]));
    sbverify(&image);
    let mut osslsigncode = tool("osslsigncode", "osslsigncode");
    osslsigncode.args(["verify", "-ignore-timestamp", "-ignore-cdp", "-CAfile"]);
    succeed(osslsigncode.arg(keys().join("db.pem")).arg("-in").arg(&image));
    succeed(&mut verify(&[&image]));
    let signed = fs::read(&image).unwrap();
    for section in [".osrel", ".cmdline", ".linux"] {
        let data = Image::parse(&signed).unwrap().section(section).unwrap().as_ptr();
        let mut changed = signed.clone();
        changed[data as usize - signed.as_ptr() as usize] ^= 1;
        fs::write(&image, changed).unwrap();
        let said = refuse(&mut verify(&[&image]));
        assert!(said.contains("digest"), "{section}: {said}");
    }
}

#[test]
fn signatures_by_others_stay_unless_they_are_to_be_replaced() {
    let bench = Bench::new();
    let count = |image: &Path| Image::parse(&fs::read(image).unwrap()).unwrap().signatures().len();
    let theirs = TestKey::other().sign_image(&minimal_image());
    let image = bench.write("image.efi", &theirs);
    succeed(&mut sign("efi", &[&image]));
    assert_eq!(count(&image), 2);
    sbverify(&image);
    succeed(sign("efi", &[&image]).arg("--replace"));
    assert_eq!(count(&image), 1);
    sbverify(&image);
    let replaced = fs::read(&image).unwrap();
    fs::write(&image, minimal_image()).unwrap();
    succeed(&mut sign("efi", &[&image]));
    assert!(fs::read(&image).unwrap() == replaced);
}

#[test]
fn many_stale_signatures_go_at_once() {
    let bench = Bench::new();
    let image = bench.write("image.efi", &minimal_image());
    succeed(&mut sign("efi", &[&image]));
    let stale = signed_data(&fs::read(&image).unwrap());
    let mut changed = minimal_image();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let mut file = TestKey::other().sign_image(&changed);
    for _ in 0..200 {
        file = Image::parse(&file).unwrap().with_signature(&stale).unwrap();
    }
    fs::write(&image, file).unwrap();
    succeed(&mut sign("efi", &[&image]));
    assert_eq!(Image::parse(&fs::read(&image).unwrap()).unwrap().signatures().len(), 2);
    sbverify(&image);
}

#[test]
fn what_firmware_cannot_read_is_neither_attached_nor_taken_for_a_signature() {
    let bench = Bench::new();
    let original = minimal_image();
    let image = bench.write("image.efi", &original);
    succeed(&mut sign("efi", &[&image]));
    let signed = fs::read(&image).unwrap();
    let mut pkcs7 = signed_data(&signed);
    // The version is not signed; EDK2 reads PKCS#7's only.
    assert_eq!(pkcs7[23..26], [2, 1, 1]);
    pkcs7[25] = 3;
    fs::write(&image, &original).unwrap();
    let signature = bench.write("image.p7", &pkcs7);
    let said = refuse(sign_with("--attach", &signature, &image).arg("--keys").arg(keys()));
    assert!(said.contains("firmware does not read the signature"), "{said}");
    assert!(fs::read(&image).unwrap() == original);
    // Where it is there already, it does not count, and goes.
    fs::write(&image, Image::parse(&original).unwrap().with_signature(&pkcs7).unwrap()).unwrap();
    refuse(&mut verify(&[&image]));
    succeed(&mut sign("efi", &[&image]));
    assert!(fs::read(&image).unwrap() == signed);
    succeed(&mut verify(&[&image]));
}

#[test]
fn an_output_says_nothing_of_the_other_names_of_the_image() {
    let bench = Bench::new();
    let image = bench.write("image.efi", &minimal_image());
    fs::hard_link(&image, bench.path("hard")).unwrap();
    let said = succeed(sign("efi", &[&image]).arg("--output").arg(bench.path("new.efi")));
    assert!(!said.contains("hard links"), "{said}");
    let said = succeed(&mut sign("efi", &[&image]));
    assert!(said.contains("hard links"), "{said}");
}

#[test]
fn a_signature_inside_an_efi_guid_entry_counts() {
    let bench = Bench::new();
    let original = minimal_image();
    let image = bench.write("image.efi", &original);
    succeed(&mut sign("efi", &[&image]));
    let pkcs7 = signed_data(&fs::read(&image).unwrap());
    // EFI_CERT_TYPE_PKCS7_GUID in front, and the entry's type changed to WIN_CERT_TYPE_EFI_GUID.
    let guid = hex::decode("9dd2af4adf68ee498aa9347d375665a7").unwrap();
    let mut wrapped = Image::parse(&original)
        .unwrap()
        .with_signature(&[guid, pkcs7].concat())
        .unwrap();
    let at = original.len() + 6;
    wrapped[at..at + 2].copy_from_slice(&[0xf1, 0x0e]);
    fs::write(&image, &wrapped).unwrap();
    succeed(&mut verify(&[&image]));
    succeed(&mut sign("efi", &[&image]));
    assert!(fs::read(&image).unwrap() == wrapped);
}
