//! A pcr key that the ceremony was held without, and is had later; and rotations that only one directory of a ceremony knows of.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::backup::Whole;
use crate::support::ceremony::{PASSPHRASE, private};
use crate::support::{bootseal, refuse, succeed, tool};

fn rotate(whole: &Whole, key: &str, keys: &str) -> Command {
    let mut command = bootseal(["--json", "keys", "rotate", key, "--signed", "--trusted", "--keys"]);
    command
        .arg(whole.path(keys))
        .arg("--passphrase-file")
        .arg(whole.path("passphrase"));
    command
}

fn transcripts(whole: &Whole) -> [Vec<u8>; 2] {
    ["node", "offline"].map(|place| fs::read(whole.path(place).join("ceremony.jsonl")).unwrap())
}

fn verify(whole: &Whole) {
    for place in ["node", "offline"] {
        succeed(bootseal(["ceremony", "verify"]).arg(whole.path(place)));
    }
}

fn pcr(whole: &Whole) -> Option<Value> {
    let listed = succeed(bootseal(["--json", "keys", "list", "--keys"]).arg(whole.path("node")));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let keys = listed["keys"].as_array().unwrap();
    keys.iter().find(|key| key["name"] == "pcr").cloned()
}

#[test]
fn a_pcr_key_is_had_later() {
    let whole = Whole::made();
    let file = |name: &str| whole.path("node").join(name);
    let mut planned = bootseal(["--dry-run", "keys", "rotate", "pcr", "--keys"]);
    let planned = succeed(planned.arg(whole.path("node")));
    assert!(
        planned.starts_with("there is no pcr key; the first would be \"whole PCR Signing Key "),
        "{planned}"
    );
    assert!(!file("pcr.key").exists() && pcr(&whole).is_none());

    let made = succeed(
        rotate(&whole, "pcr", "node")
            .arg("--authority")
            .arg(whole.path("offline")),
    );
    let made: Value = serde_json::from_str(&made).unwrap();
    assert!(made["old_fingerprint"].is_null() && made["retired"].is_null(), "{made}");
    let key = pcr(&whole).unwrap();
    assert_eq!(key["bits"], 2048);
    // As the db key, which vouches for it.
    assert_eq!(
        (&key["protection"], &key["backed_up"]),
        (&"plain".into(), &false.into())
    );
    verify(&whole);
    let [node, offline] = transcripts(&whole);
    assert!(node == offline, "the transcripts have parted");
    assert!(!whole.path("offline/pcr.key").exists());
    let exported = whole.path("pcr.pub");
    succeed(
        bootseal(["keys", "export", "pcr", "--format", "public-key", "--keys"])
            .arg(whole.path("node"))
            .arg("--output")
            .arg(&exported),
    );
    let own = succeed(tool("openssl").args(["pkey", "-pubout", "-in"]).arg(file("pcr.key")));
    assert_eq!(own, fs::read_to_string(exported).unwrap());

    // From then on it is a key like the others.
    let mut backup = bootseal(["ceremony", "backup", "--keys"]);
    backup
        .arg(whole.path("node"))
        .arg("--authority")
        .arg(whole.path("offline"))
        .arg(whole.path("later"));
    succeed(backup.arg("--passphrase-file").arg(whole.path("passphrase")));
    assert_eq!(pcr(&whole).unwrap()["backed_up"], true);
    let first = key["fingerprint"].clone();
    let rotated = succeed(
        rotate(&whole, "pcr", "node")
            .arg("--authority")
            .arg(whole.path("offline")),
    );
    let rotated: Value = serde_json::from_str(&rotated).unwrap();
    assert_eq!(rotated["old_fingerprint"], first);
    verify(&whole);
}

#[test]
fn a_pcr_key_that_is_elsewhere_is_not_made_twice() {
    let whole = Whole::made();
    succeed(&mut rotate(&whole, "pcr", "node"));
    let refused = refuse(&mut rotate(&whole, "PK", "node"));
    assert!(
        refused.contains("the private PK key is not in") && refused.contains("bootseal keys rotate PK --keys DIR"),
        "{refused}"
    );
    fs::remove_file(whole.path("node/pcr.key")).unwrap();
    let refused = refuse(&mut rotate(&whole, "pcr", "node"));
    assert!(refused.contains("the private pcr key is not in"), "{refused}");
    // The stick has not heard of it, and learns of it before it is asked to know it.
    for public in ["pcr.pem", "pcr.der"] {
        fs::rename(whole.path("node").join(public), whole.path(public)).unwrap();
    }
    let refused = refuse(&mut rotate(&whole, "pcr", "node"));
    assert!(refused.contains("the private pcr key is not in"), "{refused}");
}

#[test]
fn an_encrypted_directory_gets_an_encrypted_pcr_key() {
    let whole = Whole::planned("[keys.module]\nbits = 2048\n[keys.grub]\nbits = 3072\n");
    succeed(&mut whole.run());
    succeed(&mut rotate(&whole, "pcr", "node"));
    assert_eq!(pcr(&whole).unwrap()["protection"], "scrypt");
    let secret = whole.path("secret");
    private(&secret, PASSPHRASE.as_bytes());
    let mut openssl = tool("openssl");
    openssl.args(["pkey", "-noout", "-in"]).arg(whole.path("node/pcr.key"));
    succeed(openssl.arg("-passin").arg(format!("file:{}", secret.display())));
}

/// The stick would be told of a key by one that it never heard of, and of a change of a key that it never knew.
#[test]
fn a_stick_that_missed_a_rotation_learns_of_it_before_the_next() {
    let whole = Whole::made();
    for key in ["module", "pcr"] {
        succeed(&mut rotate(&whole, key, "node"));
        succeed(
            rotate(&whole, key, "node")
                .arg("--authority")
                .arg(whole.path("offline")),
        );
        verify(&whole);
        let [node, offline] = transcripts(&whole);
        assert!(node == offline, "{key}: the transcripts have parted");
        for public in ["pem", "der"] {
            let name = format!("{key}.{public}");
            let files = ["node", "offline"].map(|place| fs::read(whole.path(place).join(&name)).unwrap());
            assert!(files[0] == files[1], "{name}");
        }
    }
}

/// Changes that were signed on the stick and have not come to the node yet are no older state, to be written over.
#[test]
fn a_node_that_missed_what_was_added_on_the_stick_learns_of_it_before_a_rotation() {
    let whole = Whole::made();
    let (node, away) = (whole.path("node"), whole.path("away"));
    fs::rename(&node, &away).unwrap();
    let mut added = bootseal(["enroll", "add", "db", "windows-2023", "--keys"]);
    added
        .arg(whole.path("offline"))
        .arg("--output")
        .arg(whole.path("update"));
    succeed(added.arg("--passphrase-file").arg(whole.path("passphrase")));
    fs::rename(&away, &node).unwrap();
    let [before, ahead] = transcripts(&whole);
    assert!(ahead.len() > before.len(), "the stick knows no more than the node");

    fs::create_dir(whole.path("board")).unwrap();
    let mut rotation = rotate(&whole, "db", "node");
    rotation.arg("--authority").arg(whole.path("offline"));
    succeed(rotation.arg("--store").arg(whole.path("board")));
    verify(&whole);
    let [node, offline] = transcripts(&whole);
    assert!(node == offline, "the transcripts have parted");
    for place in ["node", "offline"] {
        let list = fs::read(whole.path(place).join("db.esl")).unwrap();
        let name = b"Windows UEFI CA 2023";
        assert!(list.windows(name.len()).any(|part| part == name), "{place} has lost it");
    }
}
