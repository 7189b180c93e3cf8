//! `keys sync`: node and stick learn of each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use bootseal::ceremony::transcript::{Event, FileRecord, Transcript};
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::keys::{KeyDirectory, KeyName};

use crate::support::backup::Whole;
use crate::support::{bootseal, refuse, succeed, tool};

/// A ceremony whose node is elsewhere now, in `carried`.
fn parted() -> Whole {
    let whole = Whole::planned(
        "microsoft = [\"none\"]\ndbx = \"none\"\n[keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n\
         [keys.grub]\nbits = 3072\nencrypted = false\n",
    );
    succeed(&mut whole.run());
    fs::rename(whole.path("node"), whole.path("carried")).unwrap();
    whole
}

fn sync(whole: &Whole, other: &Path) -> Command {
    let mut command = bootseal(["keys", "sync", "--keys"]);
    command.arg(whole.path("carried")).arg(other);
    command
}

fn note(whole: &Whole, place: &str, text: &str) {
    let mut command = bootseal(["ceremony", "note"]);
    command.arg(whole.path(place)).arg(text);
    succeed(command.arg("--passphrase-file").arg(whole.path("passphrase")));
}

fn transcript(whole: &Whole, place: &str) -> Vec<u8> {
    fs::read(whole.path(place).join("ceremony.jsonl")).unwrap()
}

/// A change on the stick, for which no board is there.
fn add(whole: &Whole, output: &str) {
    let mut command = bootseal(["enroll", "add", "db", "windows-2023", "--keys"]);
    command
        .arg(whole.path("offline"))
        .arg("--passphrase-file")
        .arg(whole.path("passphrase"));
    succeed(command.arg("--output").arg(whole.path(output)));
}

#[test]
fn each_learns_what_the_other_knows() {
    let whole = parted();
    let stick = whole.path("offline");
    let said = succeed(&mut sync(&whole, &stick));
    assert!(said.contains("both know the same"), "{said}");
    add(&whole, "update");
    let before = transcript(&whole, "carried");
    let dry = succeed(sync(&whole, &stick).arg("--dry-run"));
    assert!(dry.contains("carried would learn 2 lines"), "{dry}");
    assert_eq!(transcript(&whole, "carried"), before);
    let said = succeed(&mut sync(&whole, &stick));
    assert!(
        said.contains("carried learnt 2 lines") && said.contains("new files: db.auth, db.esl"),
        "{said}"
    );
    note(&whole, "carried", "in the cellar");
    let said = succeed(&mut sync(&whole, &stick));
    assert!(said.contains("offline learnt 2 lines"), "{said}");
    for place in ["carried", "offline"] {
        let said = succeed(bootseal(["ceremony", "verify"]).arg(whole.path(place)));
        assert!(said.contains("in the cellar") && said.contains("db gains"), "{said}");
    }
    assert_eq!(transcript(&whole, "carried"), transcript(&whole, "offline"));
    // Private keys stay where they are.
    assert!(!whole.path("carried/PK.key").exists() && !stick.join("db.key").exists());
}

/// Who is behind is brought up to date by the next change; a pair of a key and its certificate that somebody put there is not parted.
#[test]
fn who_is_behind_learns_what_changed_and_nothing_else() {
    let whole = parted();
    add(&whole, "update");
    let node = whole.path("node");
    fs::rename(whole.path("carried"), &node).unwrap();
    for ending in ["key", "pem"] {
        let [from, to] = ["db", "module"].map(|name| node.join(name).with_extension(ending));
        fs::copy(from, to).unwrap();
    }
    let mut remove = bootseal(["enroll", "remove", "db", "Windows UEFI CA 2023", "--keys"]);
    remove
        .arg(whole.path("offline"))
        .arg("--passphrase-file")
        .arg(whole.path("passphrase"));
    succeed(remove.arg("--output").arg(whole.path("other-update")));
    assert_eq!(transcript(&whole, "node"), transcript(&whole, "offline"));
    let [lists, stick] = ["node", "offline"].map(|place| fs::read(whole.path(place).join("db.esl")).unwrap());
    assert_eq!(lists, stick);
    let [own, db] = ["module.pem", "db.pem"].map(|name| fs::read(node.join(name)).unwrap());
    assert_eq!(own, db);
}

#[test]
fn what_parted_and_what_is_foreign_is_refused() {
    let whole = parted();
    note(&whole, "carried", "here");
    note(&whole, "offline", "there");
    let said = refuse(&mut sync(&whole, &whole.path("offline")));
    assert!(
        said.contains("part after line") && said.contains("each has lines that the other lacks"),
        "{said}"
    );
    let other = parted();
    let said = refuse(&mut sync(&whole, &other.path("offline")));
    assert!(said.contains("are of two ceremonies"), "{said}");
    // A file that is not the recorded one goes nowhere.
    let whole = parted();
    add(&whole, "update");
    let before = transcript(&whole, "carried");
    fs::write(
        whole.path("offline/db.esl"),
        fs::read(whole.path("carried/db.esl")).unwrap(),
    )
    .unwrap();
    let said = refuse(&mut sync(&whole, &whole.path("offline")));
    assert!(said.contains("db.esl is not the file that is recorded"), "{said}");
    assert_eq!(transcript(&whole, "carried"), before);
}

/// Who has a node has keys that sign lines: they must not bring an entry to the keys that sign for every board.
#[test]
fn a_node_brings_no_entry_to_the_stick() {
    let whole = parted();
    let node = whole.path("carried");
    let lists = node.join("db.esl");
    let mut changed = fs::read(&lists).unwrap();
    changed.extend(fs::read(whole.path("offline/KEK.esl")).unwrap());
    fs::write(&lists, &changed).unwrap();
    let mut transcript = Transcript::parse(&transcript(&whole, "carried")).unwrap();
    let time = transcript.entries().last().unwrap().time.clone();
    let record = FileRecord {
        place: "keys".to_owned(),
        name: "db.esl".to_owned(),
        mode: "0644".to_owned(),
        sha256: HashAlgorithm::Sha256.digest(&[&changed]).to_hex(),
    };
    let event = Event::Changed {
        variable: "db".to_owned(),
        added: Vec::new(),
        removed: Vec::new(),
        reason: None,
        by: None,
        files: vec![record],
    };
    transcript.push(transcript.next(time.clone(), event)).unwrap();
    let signatures = BTreeMap::new();
    let mut seal = transcript.next(time, Event::Sealed { signatures });
    let digest = seal.seal_digest().unwrap();
    let key = KeyDirectory::open(&node)
        .unwrap()
        .private(KeyName::Module, &mut |_| unreachable!())
        .unwrap();
    let signature = hex::encode(key.sign(&digest).unwrap());
    seal.event = Event::Sealed {
        signatures: [("module".to_owned(), signature)].into(),
    };
    transcript.push(seal).unwrap();
    fs::write(node.join("ceremony.jsonl"), transcript.as_bytes()).unwrap();
    // The transcript holds, and the file is the recorded one.
    succeed(bootseal(["ceremony", "verify"]).arg(&node));
    let before = fs::read(whole.path("offline/ceremony.jsonl")).unwrap();
    let said = refuse(&mut sync(&whole, &whole.path("offline")));
    assert!(said.contains("db.auth does not hold the content of db.esl"), "{said}");
    assert_eq!(fs::read(whole.path("offline/ceremony.jsonl")).unwrap(), before);
    // Nor does a stick that somebody brought it to sign it.
    succeed(
        tool("cp")
            .arg(&lists)
            .arg(node.join("ceremony.jsonl"))
            .arg(whole.path("offline")),
    );
    let mut command = bootseal(["enroll", "add", "db", "windows-2023", "--keys"]);
    command
        .arg(whole.path("offline"))
        .arg("--passphrase-file")
        .arg(whole.path("passphrase"));
    let said = refuse(command.arg("--output").arg(whole.path("update")));
    assert!(said.contains("db.auth does not hold the content of db.esl"), "{said}");
}
