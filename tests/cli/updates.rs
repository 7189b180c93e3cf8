//! Signed writes that are made where the keys are, and carried to the machine that they are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::backup::Whole;
use crate::support::{bootseal, refuse, succeed, text};

/// PK, KEK and db of a ceremony, and a board that has them.
pub(super) fn fleet() -> Whole {
    let whole = Whole::planned(
        "microsoft = [\"none\"]\ndbx = \"none\"\n[keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n\
         [keys.grub]\nbits = 3072\nencrypted = false\n",
    );
    succeed(&mut whole.run());
    fs::create_dir(whole.path("board")).unwrap();
    // On another machine than the one of the ceremony.
    fs::rename(whole.path("node"), whole.path("carried")).unwrap();
    succeed(&mut on_node(&whole, &["apply", "--yes"], None));
    whole
}

/// An enrolment on the node, which has neither PK nor KEK.
pub(super) fn on_node(whole: &Whole, arguments: &[&str], update: Option<&Path>) -> Command {
    let mut command = bootseal(["enroll"]);
    command
        .args(arguments)
        .args(update)
        .arg("--keys")
        .arg(whole.path("carried"));
    command.arg("--store").arg(whole.path("board"));
    command
}

/// A signed write, made on the machine with the stick, which has no firmware of the fleet's.
pub(super) fn offline(whole: &Whole, arguments: &[&str], output: &str) -> Command {
    let mut command = bootseal(["enroll"]);
    command.args(arguments).arg("--keys").arg(whole.path("offline"));
    command.arg("--passphrase-file").arg(whole.path("passphrase"));
    command.arg("--output").arg(whole.path(output));
    command
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn db(whole: &Whole) -> Vec<u8> {
    fs::read(whole.path("board/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f")).unwrap()
}

#[test]
fn a_write_is_signed_away_from_the_board_and_taken_there() {
    let whole = fleet();
    let update = whole.path("update");
    let mut dry = offline(&whole, &["add", "db", "windows-2023"], "update");
    assert_eq!(dry.arg("--dry-run").output().unwrap().status.code(), Some(2));
    let said = succeed(&mut offline(&whole, &["add", "db", "windows-2023"], "update"));
    assert!(
        said.contains(&format!("bootseal enroll apply {}", update.display())),
        "{said}"
    );
    assert!(said.contains("delete it once it is applied"), "{said}");
    assert_eq!(files(&update), ["1-db.auth", "PLAN.txt", "keys"]);
    let plan = fs::read_to_string(update.join("PLAN.txt")).unwrap();
    assert!(plan.contains("Windows UEFI CA 2023"), "{plan}");
    // Nothing is left beside it, and what is there is not replaced.
    refuse(&mut offline(&whole, &["add", "db", "uefi-2023"], "update"));

    let before = db(&whole);
    let plan = succeed(&mut on_node(&whole, &["plan"], Some(&update)));
    assert!(plan.contains("Windows UEFI CA 2023") && db(&whole) == before, "{plan}");
    // The stick knows of it since it was signed there; the node learns it with the write.
    let transcript = |place: &str| fs::read(whole.path(place).join("ceremony.jsonl")).unwrap();
    assert_ne!(transcript("carried"), transcript("offline"));
    let said = succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&update)));
    assert_ne!(db(&whole), before);
    assert!(said.contains("carried enrolls it from now on"), "{said}");
    assert_eq!(transcript("carried"), transcript("offline"));
    succeed(bootseal(["ceremony", "verify"]).arg(whole.path("carried")));
    assert_eq!(db(&whole)[4..], fs::read(whole.path("carried/db.esl")).unwrap());
    let verified = succeed(&mut on_node(&whole, &["plan"], Some(&update.join("1-db.auth"))));
    assert!(verified.contains("Windows UEFI CA 2023"), "{verified}");

    // A file that was changed on the way, and one by keys of somebody else.
    let changed = whole.path("changed.auth");
    let mut bytes = fs::read(update.join("1-db.auth")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&changed, bytes).unwrap();
    let refused = refuse(&mut on_node(&whole, &["apply", "--yes"], Some(&changed)));
    assert!(
        refused.contains("changed.auth") && refused.contains("holds for none of PK, KEK, db and dbx"),
        "{refused}"
    );
    let other = fleet();
    succeed(&mut offline(&other, &["add", "db", "windows-2023"], "foreign"));
    let present = db(&whole);
    let foreign = other.path("foreign");
    refuse(&mut on_node(&whole, &["apply", "--yes"], Some(&foreign)));
    assert_eq!(db(&whole), present);
    let empty = whole.path("empty");
    fs::create_dir(&empty).unwrap();
    let refused = on_node(&whole, &["apply", "--yes"], Some(&empty)).output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
}

/// One that names a machine is for that machine, whichever of its files is named; and no name leaves its line.
#[test]
fn an_update_for_one_machine_is_refused_on_another() {
    let whole = fleet();
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let present = db(&whole);
    let make = |node: &str, output: &str| {
        let mut command = offline(&whole, &["add", "db", "windows-2023", "--for", node], output);
        succeed(&mut command)
    };
    let said = make("another-machine", "foreign");
    assert!(
        said.contains("Next, on another-machine, where it is written: bootseal enroll apply"),
        "{said}"
    );
    let foreign = whole.path("foreign");
    assert_eq!(files(&foreign), ["1-db.auth", "NODE", "PLAN.txt", "keys"]);
    let plan = fs::read_to_string(foreign.join("PLAN.txt")).unwrap();
    assert!(plan.starts_with("For another-machine alone."), "{plan}");
    for (verb, update) in [
        (&["plan"][..], &foreign),
        (&["apply", "--yes"], &foreign),
        (&["apply", "--yes"], &foreign.join("1-db.auth")),
    ] {
        let refused = on_node(&whole, verb, Some(update)).output().unwrap();
        let said = text(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(
            said.contains(&format!("is for another-machine, and this is {}", own.trim())),
            "{said}"
        );
    }
    let mut within = on_node(&whole, &["apply", "--yes"], Some(Path::new("1-db.auth")));
    assert!(refuse(within.current_dir(&foreign)).contains("is for another-machine"));
    assert_eq!(db(&whole), present);
    // What the name was changed to on the way is judged as a name.
    fs::write(foreign.join("NODE"), "a machine\n").unwrap();
    refuse(&mut on_node(&whole, &["apply", "--yes"], Some(&foreign)));
    let wrong = offline(&whole, &["add", "db", "windows-2023", "--for", "a machine"], "wrong").output();
    assert_eq!(wrong.unwrap().status.code(), Some(2));
    let mut here = bootseal(["enroll", "remove", "db", "x", "--for", "node"]);
    assert_eq!(here.output().unwrap().status.code(), Some(2));

    make(&own.trim().to_uppercase(), "own");
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&whole.path("own"))));
    assert_ne!(db(&whole), present);
}

/// A write that replaces is worth nothing once a later one was taken.
#[test]
fn an_older_write_is_refused_and_all_kinds_can_be_written_down() {
    let whole = fleet();
    let update = |name: &str| -> PathBuf { whole.path(name) };
    let mut made = offline(&whole, &["add", "db", "windows-2023"], "first");
    succeed(&mut made);
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&update("first"))));
    // The base of a removal is the board's own content, copied.
    let removal = |output: &str| {
        let mut command = offline(&whole, &["remove", "db", "Windows UEFI CA 2023"], output);
        succeed(command.arg("--store").arg(whole.path("board")));
    };
    removal("old");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    removal("new");
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&update("new"))));
    let present = db(&whole);
    // An append bears no time that counts: the state that it carries tells that it is older, and would undo the removal.
    for verb in [&["plan"][..], &["apply", "--yes"]] {
        let refused = refuse(&mut on_node(&whole, verb, Some(&update("first"))));
        let older = "first was signed before the last change of db that ";
        assert!(
            refused.contains(older) && refused.contains("bootseal enroll apply --keys"),
            "{refused}"
        );
        assert_eq!(db(&whole), present);
    }
    let alone = update("first/1-db.auth");
    let refused = refuse(&mut on_node(&whole, &["apply", "--yes"], Some(&alone)));
    assert!(
        refused.contains("was signed before the last change of db that "),
        "{refused}"
    );
    // Taken out of its update it says nothing of its time, and the firmware itself takes no older write but one that appends.
    fs::copy(alone, update("alone.auth")).unwrap();
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&update("alone.auth"))));
    let refused = refuse(&mut on_node(&whole, &["apply", "--yes"], Some(&update("old"))));
    assert!(refused.contains("not later"), "{refused}");

    let other = fleet();
    let mut rotation = bootseal(["enroll", "rotate"]);
    rotation
        .arg(other.path("offline"))
        .arg("--keys")
        .arg(whole.path("offline"));
    rotation.arg("--passphrase-file").arg(whole.path("passphrase"));
    succeed(rotation.arg("--output").arg(update("rotation")));
    assert_eq!(
        files(&update("rotation")),
        ["1-db.auth", "2-KEK.auth", "3-PK.auth", "PLAN.txt", "keys"]
    );
    // The node has no key that takes the platform key out, and no write that does.
    let refused = on_node(&whole, &["reset", "--yes"], None).output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
    let said = text(&refused);
    assert!(
        said.contains("PK.key, which signs changes of PK") && said.contains("--output UPDATE"),
        "{said}"
    );
    succeed(&mut offline(&whole, &["reset"], "reset"));
    let said = succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&update("reset"))));
    assert!(said.contains("Setup Mode"), "{said}");
}

/// Before the firmware is written to, the update's state is held against that of the node.
#[test]
fn an_update_of_another_state_is_refused_before_anything_is_written() {
    let whole = fleet();
    let update = whole.path("update");
    let present = db(&whole);
    // The node has a line that the stick lacks, and the stick gets one that the node lacks.
    succeed(
        bootseal(["ceremony", "note"])
            .arg(whole.path("carried"))
            .arg("a remark"),
    );
    succeed(&mut offline(&whole, &["add", "db", "windows-2023"], "update"));
    let refused = refuse(&mut on_node(&whole, &["apply", "--yes"], Some(&update)));
    assert!(refused.contains("each has lines that the other lacks"), "{refused}");
    assert!(refused.contains("--follow"), "{refused}");
    assert_eq!(db(&whole), present);
    // The remedy as it is printed.
    let mut follow = bootseal(["keys", "sync", "--follow", "--keys"]);
    succeed(follow.arg(whole.path("carried")).arg(update.join("keys")));
    succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&update)));
    assert_ne!(db(&whole), present);

    // A directory without a transcript knows nothing to hold it against; and public files that were changed are found first.
    let transcript = whole.path("carried/ceremony.jsonl");
    let kept = fs::read(&transcript).unwrap();
    fs::remove_file(&transcript).unwrap();
    let refused = on_node(&whole, &["apply", "--yes"], Some(&update)).output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
    fs::write(&transcript, kept).unwrap();
    let present = db(&whole);
    succeed(&mut offline(&whole, &["add", "db", "uefi-2023"], "later"));
    fs::write(whole.path("later/keys/db.esl"), b"").unwrap();
    let refused = refuse(&mut on_node(&whole, &["apply", "--yes"], Some(&whole.path("later"))));
    assert!(refused.contains("db.esl is not the file that is recorded"), "{refused}");
    assert_eq!(db(&whole), present);
}

#[test]
fn an_update_that_cannot_be_recorded_fails_and_the_same_command_records_it() {
    let whole = fleet();
    let update = whole.path("update");
    succeed(&mut offline(&whole, &["add", "db", "windows-2023"], "update"));
    // Nothing can be laid beside the files of the key directory.
    let staged = whole.path("carried/lists.new");
    fs::write(&staged, b"").unwrap();
    let present = db(&whole);
    let output = on_node(&whole, &["apply", "--yes"], Some(&update)).output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("it is not recorded in"), "{said}");
    assert!(
        said.contains(&format!("bootseal enroll apply {}", update.display())),
        "{said}"
    );
    assert_ne!(db(&whole), present);
    fs::remove_file(&staged).unwrap();
    let said = succeed(&mut on_node(&whole, &["apply", "--yes"], Some(&update)));
    assert!(said.contains("carried enrolls it from now on"), "{said}");
}
