//! Lists of a ceremony's directories after a change of the firmware, and the record of it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::backup::Whole;
use crate::support::ceremony::private;
use crate::support::node::DATABASE;
use crate::support::{bootseal, refuse, self_signed, succeed, tool};

/// A certificate of Microsoft's that no ceremony brings without being asked.
const WINDOWS: &[u8] = include_bytes!("../../src/trust/microsoft/DB/windows-uefi-ca-2023.der");

/// A ceremony, and a board that has its keys.
fn enrolled() -> Whole {
    let whole = Whole::planned(
        "microsoft = [\"none\"]\ndbx = \"none\"\n[keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n\
         [keys.grub]\nbits = 3072\nencrypted = false\n[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n",
    );
    succeed(&mut whole.run());
    apply(&whole, "board");
    whole
}

fn apply(whole: &Whole, board: &str) {
    let board = whole.path(board);
    fs::create_dir_all(&board).unwrap();
    let mut command = bootseal(["enroll", "apply", "--yes", "--keys"]);
    succeed(command.arg(whole.path("node")).arg("--store").arg(board));
}

/// A change by the keys on the stick.
fn change(whole: &Whole, words: &[&str]) -> Command {
    let mut command = bootseal(["enroll"]);
    command
        .args(words)
        .arg("--yes")
        .arg("--keys")
        .arg(whole.path("offline"));
    command.arg("--passphrase-file").arg(whole.path("passphrase"));
    command.arg("--store").arg(whole.path("board"));
    command
}

fn variable(whole: &Whole, board: &str, name: &str) -> Vec<u8> {
    fs::read(whole.path(board).join(format!("{name}-{DATABASE}"))).unwrap_or_default()
}

fn holds(content: &[u8], certificate: &[u8]) -> bool {
    content.windows(certificate.len()).any(|part| part == certificate)
}

fn transcript(whole: &Whole, place: &str) -> Vec<u8> {
    fs::read(whole.path(place).join("ceremony.jsonl")).unwrap()
}

fn verified(whole: &Whole) -> String {
    let verify = |place: &str| succeed(bootseal(["ceremony", "verify"]).arg(whole.path(place)));
    verify("offline");
    verify("node")
}

/// The certificate of another machine's db key.
fn stolen(whole: &Whole) -> (PathBuf, Vec<u8>) {
    let pem = self_signed(whole.directory.path(), "stolen", &["rsa:2048"]);
    let der = whole.path("stolen.der");
    succeed(
        tool("openssl")
            .args(["x509", "-outform", "DER", "-in"])
            .arg(&pem)
            .arg("-out")
            .arg(&der),
    );
    (pem, fs::read(der).unwrap())
}

#[test]
fn another_board_gets_what_was_added_and_revoked_and_not_what_was_removed() {
    let whole = enrolled();
    let (pem, der) = stolen(&whole);
    let said = succeed(change(&whole, &["add", "db", "windows-2023"]).args(["--reason", "two systems"]));
    for place in ["offline", "node"] {
        assert!(
            said.contains(&format!("{} enrolls it from now on", whole.path(place).display())),
            "{said}"
        );
    }
    succeed(&mut change(&whole, &["add", "dbx", pem.to_str().unwrap()]));
    let said = verified(&whole);
    assert!(
        said.contains("db gains \"Windows UEFI CA 2023\"") && said.contains(": two systems"),
        "{said}"
    );
    assert!(said.contains("dbx gains \"stolen\""), "{said}");
    assert_eq!(transcript(&whole, "node"), transcript(&whole, "offline"));
    apply(&whole, "second");
    assert!(holds(&variable(&whole, "second", "db"), WINDOWS) && holds(&variable(&whole, "second", "dbx"), &der));

    let lines = transcript(&whole, "node").len();
    succeed(&mut change(&whole, &["add", "db", "windows-2023"]));
    assert_eq!(transcript(&whole, "node").len(), lines, "nothing changed");
    succeed(&mut change(&whole, &["remove", "db", "Windows UEFI CA 2023"]));
    let revoked = ["remove", "dbx", "stolen", "--i-know-this-allows-what-was-revoked"];
    succeed(&mut change(&whole, &revoked));
    assert!(verified(&whole).contains("db loses \"Windows UEFI CA 2023\""));
    apply(&whole, "third");
    assert!(!holds(&variable(&whole, "third", "db"), WINDOWS) && !holds(&variable(&whole, "third", "dbx"), &der));
    // The board that was changed takes what it is meant to hold, and has it.
    apply(&whole, "board");
    assert!(!holds(&variable(&whole, "board", "db"), WINDOWS));
}

#[test]
fn a_change_that_was_cut_short_is_ended_by_the_next_one_or_taken_away() {
    let whole = enrolled();
    let before = whole.path("before");
    succeed(tool("cp").arg("-a").arg(whole.path("node")).arg(&before));
    succeed(&mut change(&whole, &["add", "db", "windows-2023"]));
    let node = whole.path("node");
    let staged = node.join("lists.new");
    // Recorded, and one of two files was not in its place yet.
    fs::create_dir(&staged).unwrap();
    fs::rename(node.join("db.auth"), staged.join("db.auth")).unwrap();
    fs::copy(before.join("db.auth"), node.join("db.auth")).unwrap();
    refuse(bootseal(["ceremony", "verify"]).arg(&node));
    succeed(&mut change(&whole, &["add", "db", "windows-2023"]));
    verified(&whole);
    assert!(!staged.exists());
    // Not recorded: the firmware has it, the directories do not.
    for place in ["node", "offline"] {
        let place = whole.path(place);
        fs::create_dir(place.join("lists.new")).unwrap();
        for name in ["db.esl", "db.auth"] {
            fs::copy(place.join(name), place.join("lists.new").join(name)).unwrap();
            fs::copy(before.join(name), place.join(name)).unwrap();
        }
        fs::copy(before.join("ceremony.jsonl"), place.join("ceremony.jsonl")).unwrap();
    }
    verified(&whole);
    succeed(&mut change(&whole, &["add", "db", "windows-2023"]));
    assert!(verified(&whole).contains("db gains"));
    assert!(!staged.exists() && holds(&fs::read(node.join("db.auth")).unwrap(), WINDOWS));
    // The firmware lost an entry that the directories have: it is taken out of them.
    let db = whole.path("board").join(format!("db-{DATABASE}"));
    fs::remove_file(&db).unwrap();
    let mut lists = 0x27_u32.to_le_bytes().to_vec();
    lists.extend(fs::read(before.join("db.esl")).unwrap());
    fs::write(&db, lists).unwrap();
    succeed(&mut change(&whole, &["remove", "db", "Windows UEFI CA 2023"]));
    assert!(verified(&whole).contains("db loses") && !holds(&fs::read(node.join("db.auth")).unwrap(), WINDOWS));
}

#[test]
fn lists_that_somebody_changed_are_not_signed() {
    let whole = enrolled();
    let (_, der) = stolen(&whole);
    let lists = whole.path("node").join("db.esl");
    let own = fs::read(&lists).unwrap();
    let mut changed = own.clone();
    changed.extend(&own[..16]);
    for field in [44 + der.len(), 0, 16 + der.len()] {
        changed.extend(u32::try_from(field).unwrap().to_le_bytes());
    }
    changed.extend([0; 16]);
    changed.extend(&der);
    fs::write(&lists, changed).unwrap();
    let before = variable(&whole, "board", "db");
    let said = refuse(&mut change(&whole, &["add", "db", "windows-2023"]));
    assert!(said.contains("db.esl is not the file that is recorded"), "{said}");
    assert!(said.contains("hint: bootseal ceremony verify"), "{said}");
    assert_eq!(variable(&whole, "board", "db"), before);
}

#[test]
fn keys_without_a_transcript_follow_too() {
    let whole = enrolled();
    for place in ["node", "offline"] {
        fs::remove_file(whole.path(place).join("ceremony.jsonl")).unwrap();
    }
    let said = succeed(&mut change(&whole, &["add", "db", "windows-2023"]));
    assert!(said.contains("offline enrolls it from now on"), "{said}");
    assert!(holds(&fs::read(whole.path("offline/db.auth")).unwrap(), WINDOWS));
    assert!(!whole.path("offline/lists.new").exists());
}

#[test]
fn a_drill_is_known_wherever_the_ceremony_is() {
    let whole = enrolled();
    let shares = format!("{}\n{}\n", whole.share(1), whole.share(3));
    private(&whole.path("shares.txt"), shares.as_bytes());
    let drill = |keys: &str| {
        let mut command = bootseal(["ceremony", "drill", "--keys"]);
        command
            .arg(whole.path(keys))
            .arg(whole.path("backup/bootseal-backup.tar"));
        command.arg("--shares").arg(whole.path("shares.txt"));
        command
    };
    let said = succeed(&mut drill("offline"));
    for place in ["offline", "node", "backup"] {
        let verified = succeed(bootseal(["ceremony", "verify"]).arg(whole.path(place)));
        assert!(verified.contains("last restore drill: 20"), "{place}: {verified}");
        let path = whole.path(place);
        assert!(
            said.contains(&format!("in the transcript of {}:", path.display())),
            "{said}"
        );
    }
    assert_eq!(transcript(&whole, "node"), transcript(&whole, "offline"));
    // One of them knows more, which the others learn; and that of another ceremony is none of ours.
    succeed(bootseal(["ceremony", "note"]).arg(whole.path("node")).arg("a remark"));
    let other = enrolled();
    let kept = whole.path("kept.tar");
    fs::copy(whole.path("backup/bootseal-backup.tar"), &kept).unwrap();
    fs::remove_dir_all(whole.path("backup")).unwrap();
    succeed(tool("cp").arg("-a").arg(other.path("backup")).arg(whole.path("backup")));
    let foreign = transcript(&whole, "backup");
    let mut again = bootseal(["ceremony", "drill", "--keys"]);
    again
        .arg(whole.path("offline"))
        .arg(&kept)
        .arg("--shares")
        .arg(whole.path("shares.txt"));
    let said = succeed(&mut again);
    assert!(!said.contains("/backup:"), "{said}");
    assert_eq!(transcript(&whole, "backup"), foreign);
    assert_eq!(transcript(&whole, "node"), transcript(&whole, "offline"));
    for place in ["offline", "node"] {
        let transcript = String::from_utf8(transcript(&whole, place)).unwrap();
        assert!(transcript.contains("a remark"), "{transcript}");
        assert_eq!(transcript.matches("\"drilled\"").count(), 2, "{transcript}");
    }
    verified(&whole);
}

/// The directories are as they were before: the firmware still has the entry, and its digits bring it back to them.
#[test]
fn what_the_firmware_holds_is_recorded_by_its_digits() {
    let whole = enrolled();
    let (pem, der) = stolen(&whole);
    let places = ["node", "offline"];
    for place in places {
        succeed(
            tool("cp")
                .arg("-a")
                .arg(whole.path(place))
                .arg(whole.path(&format!("{place}.old"))),
        );
    }
    succeed(&mut change(&whole, &["add", "dbx", pem.to_str().unwrap()]));
    let dbx = variable(&whole, "board", "dbx");
    for place in places {
        fs::remove_dir_all(whole.path(place)).unwrap();
        fs::rename(whole.path(&format!("{place}.old")), whole.path(place)).unwrap();
    }
    let audit = || {
        let mut audit = bootseal(["audit", "--only", "firmware.variables", "--keys"]);
        audit.arg(whole.path("node")).arg("--store").arg(whole.path("board"));
        crate::support::text(&audit.output().unwrap())
    };
    let said = audit();
    let start = said
        .find("bootseal enroll add dbx ")
        .unwrap_or_else(|| panic!("{said}"));
    let digits = said[start..].split(' ').nth(4).unwrap();
    let said = succeed(&mut change(&whole, &["add", "dbx", digits]));
    assert!(said.contains("enrolls it from now on"), "{said}");
    assert_eq!(variable(&whole, "board", "dbx"), dbx);
    apply(&whole, "second");
    assert!(holds(&variable(&whole, "second", "dbx"), &der));
    assert!(!audit().contains("enroll add dbx"), "{}", audit());
}

/// The keys of another ceremony take over, and its boards hold what these were meant to.
#[test]
fn what_was_added_and_revoked_is_carried_over_to_the_keys_that_take_over() {
    let (whole, new) = (enrolled(), enrolled());
    let (pem, der) = stolen(&whole);
    succeed(&mut change(&whole, &["add", "db", "windows-2023"]));
    succeed(&mut change(&whole, &["add", "KEK", "kek-2023"]));
    succeed(&mut change(&whole, &["add", "dbx", pem.to_str().unwrap()]));
    let other = new.path("offline");
    let rotate = |place: &str| change(&whole, &["rotate", new.path(place).to_str().unwrap()]);
    // Without the private keys the plan says what would be lost.
    let mut dry = rotate("node");
    let said = succeed(dry.arg("--dry-run"));
    assert!(
        said.contains("does not enroll what db is meant to hold now: \"Windows UEFI CA 2023\""),
        "{said}"
    );
    let said = succeed(
        rotate("offline")
            .arg("--new-passphrase-file")
            .arg(new.path("passphrase")),
    );
    assert!(
        said.contains(&format!("{} enrolls it from now on", other.display())),
        "{said}"
    );
    let said = verified(&new);
    assert!(
        said.contains("dbx gains \"stolen\"") && said.contains("carried over from"),
        "{said}"
    );
    let mut apply = bootseal(["enroll", "apply", "--yes", "--keys"]);
    succeed(apply.arg(new.path("node")).arg("--store").arg(whole.path("board")));
    self::apply(&new, "second");
    let own = |whole: &Whole, name: &str| {
        let der = fs::read(whole.path("node").join(format!("{name}.der"))).unwrap();
        move |content: &[u8]| holds(content, &der)
    };
    for (whole, board) in [(&whole, "board"), (&new, "second")] {
        let db = variable(whole, board, "db");
        assert!(
            holds(&db, WINDOWS) && holds(&variable(whole, board, "dbx"), &der),
            "{board}"
        );
        assert!(own(&new, "db")(&db));
    }
    assert!(!own(&whole, "db")(&variable(&whole, "board", "db")));
}
