//! A ceremony at a terminal.

use std::fs;
use std::path::Path;

use crate::support::{bootseal, refuse, succeed, tool};

#[test]
fn a_person_holds_a_ceremony_mistypes_interrupts_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/interactive.exp");
    let mut expect = tool("expect");
    expect
        .current_dir(directory.path())
        .env("STATE_DIRECTORY", directory.path().join("state"));
    expect.env("NO_COLOR", "1").env("TERM", "dumb");
    let log = succeed(expect.arg(script).arg(env!("CARGO_BIN_EXE_bootseal")));
    // What is typed blindly is not shown.
    assert!(!log.contains("correct horse battery"), "{log}");
    assert!(!log.contains("bs1-0"), "{log}");
    let verified = succeed(bootseal(["ceremony", "verify"]).arg(directory.path().join("node")));
    assert!(verified.contains("last restore drill: "), "{verified}");
    assert!(!directory.path().join(".node.ceremony").exists());
}

/// A ceremony with one place for all keys: a node does without those for the firmware, and its directory is as recorded all the same.
#[test]
fn a_node_does_without_the_offline_keys_of_a_ceremony_with_one_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut run = bootseal([
        "ceremony",
        "run",
        "--name",
        "one",
        "--plain",
        "PK,KEK,db,module,grub",
        "--out",
    ]);
    let said = succeed(run.arg(path("keys")));
    let without = said
        .lines()
        .find_map(|line| {
            line.split_once(" of each node, without ")?
                .1
                .strip_suffix(", as root, with mode 0700")
        })
        .unwrap_or_else(|| panic!("{said}"));
    for name in without.replace(" and ", ", ").split(", ") {
        fs::remove_file(path("keys").join(name)).unwrap();
    }
    let said = succeed(bootseal(["ceremony", "verify"]).arg(path("keys")));
    for name in ["PK.key (node)", "KEK.key (node)", "noPK.auth (node)"] {
        assert!(said.contains(name), "{said}");
    }
    fs::remove_file(path("keys/db.key")).unwrap();
    let said = refuse(bootseal(["ceremony", "verify"]).arg(path("keys")));
    assert!(said.contains("db.key is missing"), "{said}");
}
