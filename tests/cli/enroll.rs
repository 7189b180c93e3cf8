//! Enrolment on a simulated firmware, from the command line.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::node::{DATABASE, GLOBAL};
use crate::support::post_quantum::post_quantum;
use crate::support::{bootseal, keys, self_signed, succeed, text, tool};

fn enroll(root: &Path, what: &str, keys: &Path, store: &Path) -> Command {
    let mut command = bootseal(["enroll", what, "--root"]);
    command.arg(root).arg("--keys").arg(keys).arg("--store").arg(store);
    if what == "apply" {
        command.arg("--yes");
    }
    command
}

#[test]
fn the_list_is_what_the_firmware_holds_and_needs_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let (root, store) = (directory.path().join("root"), directory.path().join("firmware"));
    fs::create_dir(&root).unwrap();
    fs::create_dir_all(&store).unwrap();
    let list = |keys: &Path| {
        let mut command = bootseal(["enroll", "list", "--keys"]);
        command.arg(keys).arg("--store").arg(&store);
        command
    };
    let said = succeed(&mut list(keys()));
    assert!(said.contains("Setup Mode") && said.contains("PK: 0 entries"), "{said}");
    succeed(&mut enroll(&root, "apply", keys(), &store));
    let said = succeed(&mut list(keys()));
    for wanted in [
        "PK: 1 entry",
        "KEK: 2 entries",
        "dbx: 443 entries",
        "your own, owner ",
        "Microsoft's, owner ",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    // Nobody's keys are here: whose the entries are is less clear, and they are the same.
    let nobody = directory.path().join("nobody");
    let without = succeed(&mut list(&nobody));
    assert_eq!(without, said.replace("your own, owner ", "owner "));
    let whole = succeed(list(&nobody).arg("-v"));
    let hashes = |said: &str| said.lines().filter(|line| line.trim().len() == 64).count();
    assert!(hashes(&without) == 0 && hashes(&whole) > 400, "{whole}");
    let json: serde_json::Value = serde_json::from_str(&succeed(list(&nobody).arg("--json"))).unwrap();
    assert_eq!(
        (json["variables"][3]["name"].as_str(), &json["variables"][3]["count"]),
        (Some("dbx"), &443.into())
    );
}

#[test]
fn apply_writes_once_backs_up_and_refuses_other_keys_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let (root, store) = (directory.path().join("root"), directory.path().join("firmware"));
    fs::create_dir(&root).unwrap();
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
    // The machine's own backups are not those of a simulated firmware.
    assert!(!root.join("var/lib/bootseal/backups").exists());
    let backups = directory.path().join("firmware.backups");
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
    fs::create_dir(&root).unwrap();
    fs::create_dir_all(&store).unwrap();
    let said = succeed(enroll(&root, "apply", keys(), &store).arg("--dry-run"));
    assert!(said.contains("would be written"), "{said}");
    assert_eq!(fs::read_dir(&store).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
}

/// A command on a simulated firmware that these keys were enrolled into: a copy, which follows what is added and removed.
fn on(root: &Path, words: &[&str]) -> Command {
    let mut command = bootseal(["enroll"]);
    command
        .args(words)
        .arg("--root")
        .arg(root)
        .arg("--keys")
        .arg(root.join("keys"));
    command.arg("--store").arg(root.join("firmware"));
    command
}

#[test]
fn entries_come_and_go_and_a_backup_leads_back() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("firmware")).unwrap();
    succeed(tool("cp").arg("-a").arg(keys()).arg(root.join("keys")));
    let variable = |name: &str, vendor: &str| fs::read(root.join("firmware").join(format!("{name}-{vendor}"))).unwrap();
    let content = || {
        (
            variable("db", DATABASE),
            variable("KEK", GLOBAL),
            variable("dbx", DATABASE),
        )
    };
    let plan = || -> serde_json::Value {
        let said = succeed(on(root, &["plan"]).arg("--json"));
        serde_json::from_str(&said).unwrap()
    };
    let refusal = |words: &[&str], code: i32, said: &str| {
        let output = on(root, words).output().unwrap();
        crate::support::remedies::printed(&output);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        assert!(text(&output).contains(said), "{}", text(&output));
    };
    refusal(&["apply"], 2, "nobody is there to confirm the plan");
    refusal(&["apply", "--plan", "0123"], 1, "no longer the one that was looked at");
    let digest = plan()["digest"].as_str().unwrap().to_owned();
    succeed(&mut on(root, &["apply", "--plan", &digest]));

    let before = content();
    let planned = plan()["variables"].clone();
    succeed(&mut on(root, &["add", "db", "windows-2023", "--yes"]));
    refusal(&["add", "PK", "windows-2023", "--yes"], 2, "PK holds one certificate");
    refusal(
        &["add", "db", "nonsense", "--yes"],
        3,
        "name a file, or one of: uefi-2023",
    );
    refusal(&["remove", "dbx", "0123", "--yes"], 2, "may start again");
    let added = on(root, &["remove", "db", "Windows UEFI CA 2023", "--yes"])
        .output()
        .unwrap();
    assert!(added.status.success(), "{}", text(&added));
    assert_eq!(plan()["variables"], planned);

    succeed(&mut on(root, &["add", "dbx", "microsoft", "--yes"]));
    let applied = succeed(on(root, &["add", "db", "windows-2023", "--yes"]).arg("--json"));
    let applied: serde_json::Value = serde_json::from_str(&applied).unwrap();
    let backup = applied["backup"].as_str().unwrap();
    succeed(&mut on(root, &["revert", backup, "--yes"]));
    assert_eq!(content(), before);
    // What a board is meant to hold stays, and this one takes it again.
    let again = succeed(&mut on(root, &["apply", "--yes"]));
    assert!(again.contains("db: written and read back"), "{again}");
    assert_ne!(content(), before);
    succeed(&mut on(root, &["reset", "--yes"]));
    assert_eq!(plan()["mode"]["setup_mode"], true);
}

/// Some firmware takes such certificates, and fails at the next image; other refuses the write.
#[test]
fn a_certificate_whose_key_no_firmware_knows_comes_into_no_variable() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("firmware")).unwrap();
    succeed(tool("cp").arg("-a").arg(keys()).arg(root.join("keys")));
    succeed(&mut on(root, &["apply", "--yes"]));
    let elliptic = self_signed(root, "elliptic", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let post = root.join("post-quantum.der");
    fs::write(&post, &post_quantum("65", &[])[0]).unwrap();
    for (file, name) in [(&elliptic, "elliptic"), (&post, "post-quantum")] {
        let file = file.to_str().unwrap();
        for variable in ["db", "KEK", "dbx"] {
            let before = fs::read(root.join("keys").join(format!("{variable}.auth"))).unwrap();
            let output = on(root, &["add", variable, file, "--yes"]).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{}", text(&output));
            let expected = format!("the certificate of {name} has a key that firmware does not take");
            assert!(text(&output).contains(&expected), "{}", text(&output));
            let after = fs::read(root.join("keys").join(format!("{variable}.auth"))).unwrap();
            assert_eq!(after, before);
        }
    }
}
