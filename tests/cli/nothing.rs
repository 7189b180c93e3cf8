//! No verdict from nothing: directories that are not there, empty, unreadable or of another kind, and versions that nobody
//! installed, end with exit code 3 and a way on.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bootseal::formats::firmware::authenticode::minimal_image;

use crate::support::node::Node;
use crate::support::{self, tool};

/// An empty machine with the keys of a ceremony.
fn with_keys() -> Node {
    let node = Node::new();
    let keys = node.directory("etc/bootseal/keys");
    for file in fs::read_dir(support::keys()).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), keys.join(file.file_name())).unwrap();
        }
    }
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
    node
}

/// The exit code and all that is said.
fn answer(arguments: &[&str]) -> (i32, String) {
    let output = support::bootseal(arguments).output().unwrap();
    crate::support::remedies::printed(&output);
    (output.status.code().unwrap(), support::text(&output))
}

#[test]
fn a_directory_that_is_no_key_directory_is_none() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().to_str().unwrap();
    let keys = place.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(keys.join("README"), "nothing of a ceremony").unwrap();
    let keys = keys.to_str().unwrap();
    for command in [
        vec!["keys", "list"],
        vec!["keys", "show", "db"],
        vec!["verify", "/bin/true"],
        vec!["sign", "efi", "/bin/true"],
        vec!["enroll", "export", root],
    ] {
        let (code, said) = answer(&[command.as_slice(), &["--root", root, "--keys", keys]].concat());
        assert_eq!(code, 3, "{command:?}: {said}");
        assert!(
            said.contains("holds none of the files of a key directory") && said.contains("hint: "),
            "{said}"
        );
    }
    let (code, said) = answer(&["audit", "--root", root, "--keys", keys, "--only", "keys.expiry"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("could not look"), "{said}");
    // A reason that many checks share is told once, or with -v by each.
    let audit = ["audit", "--root", root, "--keys", keys, "--only", "keys"];
    let reason = "holds none of the files of a key directory";
    let (_, said) = answer(&audit);
    assert!(said.starts_with("Not looked at\n  ? "), "{said}");
    assert_eq!(said.matches(reason).count(), 1, "{said}");
    let (_, said) = answer(&[&audit[..], &["-v"]].concat());
    assert!(said.matches(reason).count() > 3, "{said}");
}

#[test]
fn a_root_that_is_not_there_is_no_sound_machine() {
    for command in [
        &["audit"][..],
        &["status"],
        &["keys", "list"],
        &["hook", "status"],
        &["ledger"],
    ] {
        let (code, said) = answer(&[command, &["--root", "/no/such/root"]].concat());
        assert_eq!(code, 3, "{command:?}: {said}");
        assert!(
            said.contains("no directory /no/such/root to take for /") && said.contains("--root DIR"),
            "{said}"
        );
    }
}

#[test]
fn a_version_that_nobody_installed_is_told_with_those_that_are_there() {
    let node = Node::new();
    let root = node.root().to_str().unwrap();
    let (code, said) = answer(&["hook", "run", "--root", root, "all", "9.9.9-none"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("there is no kernel 9.9.9-none"), "{said}");
}

#[test]
fn an_image_is_judged_by_a_db_or_not_at_all() {
    let node = with_keys();
    let keys = node.path("etc/bootseal/keys");
    for file in ["db.esl", "db.auth"] {
        fs::remove_file(keys.join(file)).unwrap();
    }
    let image = node.path("image.efi");
    fs::write(&image, minimal_image()).unwrap();
    let (code, said) = answer(&["verify", "--keys", keys.to_str().unwrap(), image.to_str().unwrap()]);
    assert_eq!(code, 3, "{said}");
    assert!(
        said.contains("has no db, so nothing can be said of") && !said.contains("vouches"),
        "{said}"
    );
}

#[test]
fn an_ordinary_user_is_told_that_keys_cannot_be_read() {
    let node = with_keys();
    let root = node.root();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    let program = root.join("bootseal");
    fs::copy(env!("CARGO_BIN_EXE_bootseal"), &program).unwrap();
    let keys = root.join("etc/bootseal/keys");
    for command in [&["verify", "/bin/true"][..], &["keys", "list"]] {
        let output = tool("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args(command)
            .arg("--keys")
            .arg(&keys)
            .output()
            .unwrap();
        let said = support::text(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.contains("Permission denied") && !said.contains("vouches"),
            "{said}"
        );
    }
}

#[test]
fn the_verdict_counts_what_was_left_out() {
    let node = with_keys();
    let root = node.root().to_str().unwrap();
    let (code, said) = answer(&["audit", "--root", root, "--only", "keys.private"]);
    assert_eq!(code, 0, "{said}");
    let verdict = said.lines().last().unwrap();
    assert!(verdict.starts_with("The chain is not proven: 1 pass, "), "{verdict}");
    assert!(verdict.contains(" left out"), "{verdict}");
}
