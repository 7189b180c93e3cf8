//! The pcr key: a ceremony makes it where it is asked for, ukify and systemd-measure of Debian 13 sign by what is exported of it, and the
//! audit judges what they made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Machine, says};
use crate::support::backup::{SHARED, Whole};
use crate::support::ceremony::private;
use crate::support::kernel::kernel_image;
use crate::support::node::Node;
use crate::support::programs::{EFI_STUB, host_file, judge};
use crate::support::{bootseal, succeed, tool};

const CHECK: &str = "boot.pcr_signatures";
const IMAGE: &str = "efi/EFI/Linux/gentoo.efi";
const LINE: &[u8] = b"root=/dev/mapper/root ro";

/// A ceremony with the key, and its backup.
fn held() -> Whole {
    let top = "microsoft = [\"none\"]\ndbx = \"none\"\n";
    let whole = Whole::planned(&format!("{top}{SHARED}[keys.pcr]\nencrypted = false\n"));
    let planned = succeed(bootseal(["ceremony", "plan"]).arg(whole.path("ceremony.toml")));
    assert!(planned.contains("pcr: \"whole PCR Signing Key "), "{planned}");
    succeed(&mut whole.run());
    private(
        &whole.path("shares.txt"),
        format!("{}\n{}\n", whole.share(1), whole.share(3)).as_bytes(),
    );
    whole
}

/// A command about the node's keys.
fn keys(whole: &Whole, words: &[&str]) -> Command {
    let mut command = bootseal(["keys"]);
    let (word, rest) = words.split_first().unwrap();
    command.arg(word).arg("--keys").arg(whole.path("node")).args(rest);
    command
}

/// Private key with certificate, and the public key, in the forms that ukify and Portage take.
fn exported(whole: &Whole, suffix: &str) -> [PathBuf; 2] {
    ["signing-key", "public-key"].map(|format| {
        let path = whole.path(&format!("{format}{suffix}.pem"));
        succeed(keys(whole, &["export", "pcr", "--format", format, "--output"]).arg(&path));
        path
    })
}

/// A unified image whose start is signed by these keys.
fn ukify(machine: &Machine, [private, public]: [&Path; 2]) {
    let at = |name: &str| machine.path(name);
    machine.write("initrd", b"an initramfs");
    machine.write("linux", kernel_image("6.12.58-gentoo"));
    machine.write("cmdline", LINE);
    machine.directory("efi/EFI/Linux");
    let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let mut ukify = tool("python3");
    ukify
        .env("PYTHONPATH", judge(""))
        .env("JUDGES", judge(""))
        .arg(judge("ukify/usr/bin/ukify"))
        .arg("build")
        .args([option("linux", &at("linux")), option("initrd", &at("initrd"))])
        .arg(format!("--cmdline=@{}", at("cmdline").display()))
        .args(["--os-release=ID=gentoo", "--uname=6.12.58-gentoo"])
        .arg(option("stub", &host_file(EFI_STUB)))
        .args([option("pcr-private-key", private), option("pcr-public-key", public)])
        .arg(option("output", &at(IMAGE)));
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit/tools");
    succeed(ukify.arg(option("tools", &tools)));
}

/// The answer of the check, after bytes of the image were changed; they are put back.
fn changed(machine: &Machine, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    let before = machine.read(IMAGE);
    let mut bytes = before.clone();
    change(&mut bytes);
    assert_ne!(bytes, before);
    machine.write(IMAGE, &bytes);
    let answer = machine.check(CHECK);
    machine.write(IMAGE, before);
    answer
}

fn position(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

#[track_caller]
fn passes(machine: &Machine) {
    let answer = machine.check(CHECK);
    assert_eq!(answer["status"], "pass", "{answer:#}");
    // Four phases in each of SHA-1, SHA-256, SHA-384 and SHA-512.
    says(&answer, "evidence", "", "16 signatures hold, 16 are of this image");
}

#[test]
fn what_ukify_signs_by_the_pcr_key_is_judged() {
    let whole = held();
    let own = exported(&whole, "");
    openssl_and_portage_take(&own);
    let machine = Machine(Node::new());
    machine.keys(&whole.path("node"), |_| true);
    machine.partition();
    assert_eq!(machine.check(CHECK)["status"], "not_applicable");
    ukify(&machine, [&own[0], &own[1]]);
    passes(&machine);

    let wrong = |answer: &Value, part: &str| {
        assert_eq!(answer["status"], "fail", "{answer:#}");
        assert_eq!(answer["findings"][0]["kind"], "pcr_signature_wrong", "{answer:#}");
        says(answer, "findings", &format!("/{IMAGE}: "), part);
    };
    // Another command line, another initramfs.
    for part in [LINE, b"an initramfs"] {
        let answer = changed(&machine, |bytes| {
            let at = position(bytes, part);
            bytes[at] ^= 1;
        });
        wrong(
            &answer,
            "16 of 16 signatures in .pcrsig are for a value that PCR 11 has in no phase",
        );
    }
    let answer = changed(&machine, |bytes| {
        let at = position(bytes, b"\"sig\": \"") + 10;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    });
    wrong(&answer, "1 of 16 signatures in .pcrsig do not hold");
    let answer = changed(&machine, |bytes| {
        let name = b"\"pkfp\": \"";
        while let Some(at) = bytes.windows(name.len()).position(|window| window == name) {
            bytes[at + 1] = b'P';
        }
    });
    wrong(&answer, "it is no list of signatures");
    let answer = changed(&machine, |bytes| {
        let at = position(bytes, b"-----BEGIN PUBLIC KEY");
        bytes[at] = b'+';
    });
    wrong(&answer, ".pcrpkey holds no key of a TPM policy");

    // A key that is not the ceremony's, which signs as well.
    let [other, public] = ["other.pem", "other.pub"].map(|name| whole.path(name));
    succeed(tool("openssl").args(["genrsa", "-out"]).arg(&other).arg("2048"));
    let mut pkey = tool("openssl");
    succeed(
        pkey.args(["pkey", "-pubout", "-in"])
            .arg(&other)
            .arg("-out")
            .arg(&public),
    );
    ukify(&machine, [&other, &public]);
    let answer = machine.check(CHECK);
    assert_eq!(answer["status"], "warn", "{answer:#}");
    assert_eq!(answer["findings"][0]["kind"], "pcr_key_foreign", "{answer:#}");
    says(&answer, "evidence", "", "16 signatures hold, 16 are of this image");
}

/// The private key is that of the public one, and of the certificate as secureboot.eclass looks at it.
fn openssl_and_portage_take([private, public]: &[PathBuf; 2]) {
    let mut pkey = tool("openssl");
    let known = succeed(pkey.args(["pkey", "-pubout", "-in"]).arg(private));
    assert_eq!(known, fs::read_to_string(public).unwrap());
    let mut x509 = tool("openssl");
    let certified = succeed(
        x509.args(["x509", "-inform", "PEM", "-noout", "-pubkey", "-in"])
            .arg(private),
    );
    assert_eq!(certified, known);
    let mut x509 = tool("openssl");
    x509.args(["x509", "-inform", "PEM", "-noout", "-nocert", "-keyform", "PEM", "-in"]);
    succeed(x509.arg(private).arg("-key").arg(private));
}

#[test]
fn the_pcr_key_is_backed_up_drilled_listed_rotated_and_revoked() {
    let whole = held();
    let drilled = succeed(&mut whole.drill(&whole.path("backup/bootseal-backup.tar")));
    assert!(
        drilled.contains("✓ pcr: restored from the archive, signs, and is the right one"),
        "{drilled}"
    );
    let listed = || -> Value {
        let said: Value = serde_json::from_str(&succeed(keys(&whole, &["list"]).arg("--json"))).unwrap();
        let is_it = |key: &&Value| key["name"] == "pcr";
        said["keys"].as_array().unwrap().iter().find(is_it).unwrap().clone()
    };
    let first = listed();
    assert_eq!(
        (&first["bits"], &first["drilled"]),
        (&Value::from(2048), &Value::from(true))
    );
    let refused = refuse_usage(keys(&whole, &["export", "pcr", "--format", "esl", "--output"]).arg(whole.path("x")));
    assert!(refused.contains("it is in no firmware variable"), "{refused}");

    let change = |word: &str| {
        let said = succeed(&mut keys(
            &whole,
            &[word, "pcr", "--authority", whole.path("offline").to_str().unwrap()],
        ));
        assert!(said.contains("is bound to the old key"), "{said}");
        said
    };
    change("rotate");
    let second = listed();
    assert_ne!(first["fingerprint"], second["fingerprint"]);
    assert_eq!(second["backed_up"], false);
    for directory in ["node", "offline"] {
        succeed(bootseal(["ceremony", "verify"]).arg(whole.path(directory)));
    }
    let mut backup = bootseal(["ceremony", "backup", "--keys"]);
    backup
        .arg(whole.path("node"))
        .arg("--authority")
        .arg(whole.path("offline"));
    backup.arg("--passphrase-file").arg(whole.path("passphrase"));
    succeed(backup.arg(whole.path("later")));
    assert_eq!(listed()["backed_up"], true);
    assert!(change("revoke").contains("systemd-cryptenroll --wipe-slot=tpm2"));
    assert_ne!(listed()["fingerprint"], second["fingerprint"]);
}

/// Says why this was asked for in vain.
fn refuse_usage(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}
