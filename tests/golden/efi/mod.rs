//! `bootseal sign efi` with the tools of others: several signatures, other files as output.

mod elsewhere;

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use tempfile::TempDir;

use super::authenticode::uki;
use crate::support::programs::{EFI_STUB, SYSTEMD_BOOT, host_file, of_later_debian};
use crate::support::signer::TestKey;
use crate::support::{bootseal, judges, keys, refuse, sign, succeed, text, tool, verify};

/// Loaders and tools that a node signs.
const FILES: [&str; 5] = [
    SYSTEMD_BOOT,
    EFI_STUB,
    "/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi",
    "/usr/lib/efitools/x86_64-linux-gnu/HashTool.efi",
    "/usr/libexec/fwupd/efi/fwupdx64.efi",
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
    fn copy(&self, original: &str) -> PathBuf {
        let bytes = fs::read(host_file(original)).unwrap();
        self.write("image.efi", &bytes)
    }
}

/// `sign efi OPTION FILE IMAGE` without a key directory.
fn sign_with(option: &str, file: &Path, image: &Path) -> Command {
    let mut command = bootseal(["sign", "efi", option]);
    command.arg(file).arg(image);
    command
}

/// bootseal says that firmware starts the image, whatever it says of it as a GRUB.
fn firmware_accepts(image: &Path) {
    let said = text(&verify(&[image]).output().unwrap());
    let accepted = |line: &str| line.starts_with('✓') && line.contains("(EFI image): signed by");
    assert!(said.lines().any(accepted), "{said}");
}

fn sbverify(image: &Path) {
    succeed(&mut judges::sbverify(image));
}

/// The PKCS#7 of the first signature.
fn signed_data(image: &[u8]) -> Vec<u8> {
    Image::parse(image).unwrap().signatures()[0].pkcs7().unwrap().to_vec()
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
        assert!(fs::read(&image).unwrap() == original, "{file}");
        sbverify(&output);
        let signed = fs::read(&output).unwrap();
        // Again, over what is there; and from an input that is signed already.
        succeed(&mut to_output());
        assert!(fs::read(&output).unwrap() == signed, "{file}");
        fs::write(&image, &signed).unwrap();
        fs::remove_file(&output).unwrap();
        succeed(&mut to_output());
        assert!(fs::read(&output).unwrap() == signed, "{file}");
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
    succeed(tool("mkfifo").arg(&fifo));
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
fn one_signature_covers_all_of_a_unified_kernel_image() {
    let bench = Bench::new();
    let original = uki(&bench.directory);
    let image = bench.write("linux.efi", &original);
    succeed(&mut sign("efi", &[&image]));
    sbverify(&image);
    let mut osslsigncode = of_later_debian("osslsigncode");
    osslsigncode.args(["verify", "-ignore-timestamp", "-CAfile"]);
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
    // The set of digest algorithms, after the version, as a sequence: OpenSSL reads no further.
    assert_eq!(pkcs7[23..27], [2, 1, 1, 0x31]);
    pkcs7[26] = 0x30;
    fs::write(&image, &original).unwrap();
    let signature = bench.write("image.p7", &pkcs7);
    let said = refuse(sign_with("--attach", &signature, &image).arg("--keys").arg(keys()));
    assert!(said.contains("digestAlgorithms at offset 0x1a"), "{said}");
    assert!(fs::read(&image).unwrap() == original);
    // Where it is there already, it does not count, and goes.
    fs::write(&image, Image::parse(&original).unwrap().with_signature(&pkcs7).unwrap()).unwrap();
    refuse(&mut verify(&[&image]));
    let said = succeed(&mut sign("efi", &[&image]));
    assert!(said.contains("cannot read, taken out: 1"), "{said}");
    assert!(fs::read(&image).unwrap() == signed);
    succeed(&mut verify(&[&image]));
    // Beside ours it has firmware with a dbx refuse the image, and goes as well.
    let both = Image::parse(&signed).unwrap().with_signature(&pkcs7).unwrap();
    fs::write(&image, both).unwrap();
    refuse(&mut verify(&[&image]));
    succeed(&mut sign("efi", &[&image]));
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
