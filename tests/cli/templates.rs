//! The examples that the program prints are what it takes.

use std::fs;
use std::path::Path;

use crate::support::{bootseal, refuse, succeed};

/// Prints a template into a file of this directory.
fn keep(directory: &Path, word: &str) -> String {
    let text = succeed(&mut bootseal([word, "template"]));
    assert!(text.contains("#= "), "{text}");
    let file = directory.join(format!("{word}.toml"));
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_configuration_is_printed_and_checked() {
    let directory = tempfile::tempdir().unwrap();
    let file = keep(directory.path(), "config");
    let said = succeed(&mut bootseal(["--config", &file, "config", "check"]));
    assert_eq!(said, format!("{file}: understood\n"));
    let wrong = fs::read_to_string(&file).unwrap().replace("[sign]", "[signs]");
    fs::write(&file, wrong).unwrap();
    let said = refuse(&mut bootseal(["--config", &file, "config", "check"]));
    assert!(said.contains("unknown field `signs`"), "{said}");
    fs::remove_file(&file).unwrap();
    refuse(&mut bootseal(["--config", &file, "config", "check"]));
    // Without a name, the usual place may be empty; that is told.
    let root = directory.path().to_str().unwrap();
    let said = succeed(&mut bootseal(["--root", root, "config", "check"]));
    assert!(
        said.contains("there is no ") && said.contains("/etc/bootseal/config.toml"),
        "{said}"
    );
}

#[test]
fn a_specification_is_printed_and_planned() {
    let directory = tempfile::tempdir().unwrap();
    let file = keep(directory.path(), "ceremony");
    // No stick is mounted here, so its offline keys would lie on the disk of the system.
    let said = refuse(&mut bootseal(["ceremony", "plan", &file]));
    assert!(
        said.contains("/mnt/stick/keys lies on the disk of this system"),
        "{said}"
    );
    assert!(said.contains("hint: if it is meant so, give --same-disk"), "{said}");
    let said = succeed(&mut bootseal(["ceremony", "plan", &file, "--same-disk"]));
    assert!(said.contains("/root/ceremony"), "{said}");
}
