//! Signed writes that lie about: which boards take them, until when, and where the audit finds them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::updates::{fleet, offline, on_node};
use crate::support::backup::Whole;
use crate::support::{bootseal, refuse, succeed, text, tool};

/// Copies a directory of plain files, with those one level below.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
}

/// The audit's look at the node, whose key directory is the one that was carried there.
fn audit(whole: &Whole) -> Command {
    let mut command = bootseal(["--root"]);
    command.arg(whole.path("machine"));
    let keys = whole.path("machine/etc/bootseal/keys");
    let _ = fs::remove_dir_all(&keys);
    copy(&whole.path("carried"), &keys);
    command.args(["audit", "-v", "--only", "keys.offline"]);
    command
}

/// The command that is printed in a line, as a shell takes it.
fn printed(said: &str, words: &str) -> String {
    let line = said
        .lines()
        .find(|line| line.contains(words))
        .unwrap_or_else(|| panic!("{words}: {said}"));
    line[line.find(words).unwrap()..].trim().to_owned()
}

fn verify(whole: &Whole, path: &Path) -> String {
    let mut command = bootseal(["--root"]);
    command.arg(whole.path("machine")).arg("verify").arg(path);
    succeed(command.arg("--keys").arg(whole.path("carried")))
}

#[test]
fn a_write_tells_its_boards_and_its_end_and_the_audit_finds_what_needs_no_key() {
    let whole = fleet();
    let lying = whole.path("machine/root/update");
    fs::create_dir_all(lying.parent().unwrap()).unwrap();
    succeed(&mut audit(&whole));
    succeed(&mut offline(
        &whole,
        &["add", "db", "windows-2023"],
        "machine/root/update",
    ));

    let said = verify(&whole, &lying);
    for words in [
        "1-db.auth (authenticated variable)",
        "appends to db, signed by \"",
        "taken by  each board whose KEK holds \"",
        "and each in Setup Mode",
        "until     without end",
        "+ \"Windows UEFI CA 2023\"",
        "whoever is root on such a board",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let mut json = bootseal(["--json", "verify"]);
    let json = succeed(json.arg(&lying).arg("--keys").arg(whole.path("carried")));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let write = &json["files"][0]["write"];
    assert_eq!(write["variable"], "db");
    assert_eq!(write["until"], "endless");
    assert_eq!(write["change"][0]["change"], "added");

    // Where it waits to be applied, it is told; what ends that is the one command or the other. Another user's files hide nothing.
    for number in 0..600 {
        let planted = whole.path(&format!("machine/tmp/{number}.auth"));
        fs::create_dir_all(planted.parent().unwrap()).unwrap();
        fs::write(&planted, "planted").unwrap();
        std::os::unix::fs::chown(&planted, Some(1000), None).unwrap();
    }
    let output = audit(&whole).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found = text(&output);
    assert!(
        found.contains("of other users, not looked at for signed writes, since there are too many: 536 files"),
        "{found}"
    );
    assert!(
        found.contains("1-db.auth adds to db of each board whose KEK holds"),
        "{found}"
    );
    let root = whole.path("machine");
    assert_eq!(
        printed(&found, "bootseal enroll apply "),
        format!("bootseal enroll apply {} --root {}", lying.display(), root.display())
    );
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&lying)));
    succeed(&mut audit(&whole));
    assert!(verify(&whole, &lying).contains("nothing of what the key directory enrolls"));

    // A removal makes the old append worth something again, and is over itself once it was made.
    succeed(
        offline(&whole, &["remove", "db", "Windows UEFI CA 2023"], "removal")
            .arg("--store")
            .arg(whole.path("board")),
    );
    let said = verify(&whole, &whole.path("removal"));
    assert!(
        said.contains("replaces db") && said.contains("- \"Windows UEFI CA 2023\""),
        "{said}"
    );
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&whole.path("removal"))));
    let said = verify(&whole, &whole.path("removal"));
    assert!(!said.contains("whoever is root"), "{said}");
    let found = refuse(&mut audit(&whole));
    let remove = printed(&found, "rm ");
    assert!(remove.contains("update/1-db.auth"), "{found}");
    succeed(tool("sh").args(["-c", &remove]));
    succeed(&mut audit(&whole));

    // An earlier list of the ceremony's own replaces nothing any more.
    let older = whole.path("older.auth");
    fs::copy(whole.path("machine/etc/bootseal/keys/db.auth"), &older).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    succeed(&mut offline(&whole, &["add", "db", "uefi-2023"], "second"));
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&whole.path("second"))));
    let said = verify(&whole, &older);
    assert!(said.contains("until     no longer, where the write of db of"), "{said}");
}

#[test]
fn power_over_firmware_is_found_below_the_key_directory_too() {
    let whole = fleet();
    let mut found = Vec::new();
    for (from, to) in [
        ("KEK.key", "retired/KEK-0011223344556677/KEK.key"),
        ("PK.key", "export/PK.key"),
        ("noPK.auth", "retired/renamed.auth"),
    ] {
        let target = whole.path("carried").join(to);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(whole.path("offline").join(from), &target).unwrap();
        let said = refuse(&mut audit(&whole));
        assert!(said.contains(to), "{to}: {said}");
        found.push(target);
    }
    // Beside the private key of PK the write gives away nothing more.
    fs::copy(whole.path("offline/noPK.auth"), whole.path("carried/export/noPK.auth")).unwrap();
    assert!(!refuse(&mut audit(&whole)).contains("export/noPK.auth"));
    let said = refuse(&mut audit(&whole));
    assert!(said.contains("takes the platform key out of every board"), "{said}");
}
