//! A ceremony at a terminal.

use std::path::Path;

use crate::support::{bootseal, succeed, tool};

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
