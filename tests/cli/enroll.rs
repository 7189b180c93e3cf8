//! Enrolment on a simulated firmware, from the command line.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{bootseal, keys, succeed, text};

fn enroll(root: &Path, what: &str, keys: &Path, store: &Path) -> Command {
    let mut command = bootseal(["enroll", what, "--root"]);
    command.arg(root).arg("--keys").arg(keys).arg("--store").arg(store);
    if what == "apply" {
        command.arg("--yes");
    }
    command
}

#[test]
fn apply_writes_once_backs_up_and_refuses_other_keys_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let (root, store) = (directory.path().join("root"), directory.path().join("firmware"));
    fs::create_dir_all(&store).unwrap();
    let planned = succeed(&mut enroll(&root, "plan", keys(), &store));
    assert!(
        planned.contains("Setup Mode: it has no platform key") && planned.contains("PCR 7"),
        "{planned}"
    );
    assert_eq!(fs::read_dir(&store).unwrap().count(), 0, "a plan changes nothing");

    let applied = succeed(&mut enroll(&root, "apply", keys(), &store));
    let order: Vec<usize> = ["dbx:", "db:", "KEK:", "PK:"]
        .iter()
        .map(|name| applied.find(name).unwrap())
        .collect();
    assert!(order.is_sorted(), "{applied}");
    let backups = root.join("var/lib/bootseal/backups");
    let backup = fs::read_dir(&backups).unwrap().next().unwrap().unwrap().path();
    assert!(backup.join("manifest.json").is_file());
    let present = |name: &str| {
        fs::read_dir(&store)
            .unwrap()
            .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(name))
    };
    for name in ["PK-8be4df61", "KEK-8be4df61", "db-d719b2cb", "dbx-d719b2cb"] {
        assert!(present(name), "{name}");
    }

    let again = succeed(&mut enroll(&root, "apply", keys(), &store));
    assert!(again.contains("there already") && !again.contains("written"), "{again}");
    let others = directory.path().join("others");
    let mut ceremony = bootseal(["ceremony", "run", "-q", "--name", "others", "--dbx", "none"]);
    succeed(
        ceremony
            .args(["--plain", "PK,KEK,db,module,grub", "--out"])
            .arg(&others),
    );
    let output = enroll(&root, "apply", &others, &store).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("Setup Mode"), "{}", text(&output));
}

#[test]
fn a_dry_run_writes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (root, store) = (directory.path().join("root"), directory.path().join("firmware"));
    fs::create_dir_all(&store).unwrap();
    let said = succeed(enroll(&root, "apply", keys(), &store).arg("--dry-run"));
    assert!(said.contains("would be written"), "{said}");
    assert_eq!(fs::read_dir(&store).unwrap().count(), 0);
    assert!(!root.exists());
}
