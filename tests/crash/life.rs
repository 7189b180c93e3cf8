//! The commands of the keys' later life, killed at every place where that can matter: backup, restore, the exchange of node and stick, and
//! an update that was signed elsewhere. The same command again, or the next one, ends what was begun, and nothing is lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rayon::prelude::*;

use crate::support::ceremony::private;
use crate::support::{bootseal, succeed, text};

use super::rotation::{Machine, SPECIFICATION};
use super::tracer::{injection, on_one_processor};

/// The system calls after which more lies on the disk than before.
pub const PERSISTING: [&str; 6] = ["fsync", "renameat", "mkdirat", "unlinkat", "linkat", "symlinkat"];

/// A machine with a backup under shares, and a stick that knows more than the node; its ceremony was held elsewhere.
pub fn machine() -> Machine {
    let backup = "[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n";
    let original = Machine::new(&format!("{SPECIFICATION}{backup}"));
    let shares = format!("{}\n{}\n", original.whole.share(1), original.whole.share(3));
    let machine = original.duplicate();
    private(&machine.file("shares.txt"), shares.as_bytes());
    private(&machine.file("sheet.txt"), machine.whole.sheet().as_bytes());
    machine
}

/// Kills `command` at each of its places, and has `judge` look at the machine and end the matter.
pub fn killed(
    machine: &Machine,
    least: usize,
    command: impl Fn(&Machine) -> Command + Sync,
    judge: impl Fn(&Machine, &str) + Sync,
) {
    let traced = |machine: &Machine, options: &[&str]| {
        let made = command(machine);
        let mut traced = on_one_processor(0);
        traced
            .arg("strace")
            .args(["-f", "-o"])
            .arg(machine.file("trace"))
            .args(options);
        traced.arg(made.get_program()).args(made.get_args());
        traced.env("STATE_DIRECTORY", machine.file("state"));
        traced.output().unwrap()
    };
    let reference = machine.duplicate();
    let output = traced(&reference, &["-e", &format!("trace={}", PERSISTING.join(","))]);
    assert!(output.status.success(), "{}", text(&output));
    judge(&reference, "undisturbed");
    let calls = fs::read_to_string(reference.file("trace")).unwrap();
    let count = |name: &str| calls.lines().filter(|line| line.contains(&format!(" {name}("))).count();
    let rounds: Vec<(&str, usize)> = PERSISTING
        .into_iter()
        .flat_map(|call| (1..=count(call)).map(move |nth| (call, nth)))
        .collect();
    assert!(rounds.len() >= least, "{rounds:?}");
    rounds.into_par_iter().for_each(|(call, nth)| {
        let round = format!("{call} {nth}");
        let machine = machine.duplicate();
        let inject = injection(call, &format!("signal=KILL:when={nth}"));
        let output = traced(&machine, &["-e", &format!("trace={call}"), "-e", &inject]);
        assert_eq!(output.status.signal(), Some(9), "{round}: {}", text(&output));
        for place in ["node", "offline"] {
            let path = machine.file(place);
            // Restored ones come into being with all that is in them.
            if path.exists() {
                let verified = bootseal(["ceremony", "verify"]).arg(&path).output().unwrap();
                let said = text(&verified);
                assert!(said.contains("the transcript holds"), "{round}: {place}: {said}");
            }
        }
        judge(&machine, &round);
    });
}

pub fn transcripts(machine: &Machine) -> [Vec<u8>; 2] {
    ["node", "offline"].map(|place| fs::read(machine.file(place).join("ceremony.jsonl")).unwrap())
}

/// Both directories hold, and know the same.
pub fn is_whole(machine: &Machine, round: &str) {
    for place in ["node", "offline"] {
        let verified = bootseal(["ceremony", "verify"])
            .arg(machine.file(place))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{round}: {place}: {}", text(&verified));
    }
    let [node, offline] = transcripts(machine);
    assert!(node == offline, "{round}: the transcripts have parted");
}

fn backup(machine: &Machine, target: &str) -> Command {
    let mut command = bootseal(["ceremony", "backup", "--keys"]);
    command
        .arg(machine.file("node"))
        .arg("--authority")
        .arg(machine.file("offline"));
    command.arg(machine.file(target));
    command
}

#[test]
fn a_backup_is_there_or_is_made_again() {
    killed(
        &machine(),
        5,
        |machine| backup(machine, "second"),
        |machine, round| {
            // One that is there is whole, also if no transcript has it yet.
            if machine.file("second").exists() {
                let archive = machine.file("second/bootseal-backup.tar");
                assert!(fs::metadata(&archive).unwrap().len() > 0, "{round}");
                succeed(bootseal(["ceremony", "verify"]).arg(machine.file("second")));
            }
            succeed(&mut backup(machine, "third"));
            is_whole(machine, round);
        },
    );
}

#[test]
fn a_restored_directory_is_whole_or_not_there() {
    let lost = machine();
    let before = fs::read(lost.file("offline/PK.key")).unwrap();
    fs::remove_dir_all(lost.file("offline")).unwrap();
    let archive = "backup/bootseal-backup.tar";
    let restore = |machine: &Machine| restore(machine, (archive, "PK,KEK"), "node", "offline");
    killed(&lost, 10, restore, |machine, round| {
        is_restored(machine, "offline", &mut restore(machine), round);
        assert_eq!(fs::read(machine.file("offline/PK.key")).unwrap(), before, "{round}");
    });
}

/// The same by the sheet, for the keys of a node whose disk is lost.
#[test]
fn a_node_that_is_restored_by_the_sheet_is_whole_or_not_there() {
    let lost = machine();
    let before = fs::read(lost.file("node/db.key")).unwrap();
    fs::remove_dir_all(lost.file("node")).unwrap();
    let restore = |machine: &Machine| restore(machine, ("sheet.txt", "db,module,grub"), "offline", "node");
    killed(&lost, 10, restore, |machine, round| {
        is_restored(machine, "node", &mut restore(machine), round);
        assert_eq!(fs::read(machine.file("node/db.key")).unwrap(), before, "{round}");
    });
}

fn restore(machine: &Machine, (source, keys): (&str, &str), with: &str, target: &str) -> Command {
    let mut command = bootseal(["ceremony", "restore", "--only", keys, "--shares"]);
    command
        .arg(machine.file("shares.txt"))
        .arg("--with")
        .arg(machine.file(with));
    command.arg(machine.file(source)).arg(machine.file(target));
    command
}

/// The directory is there, or the same command makes it; nothing lies beside, and both directories learn the same.
fn is_restored(machine: &Machine, target: &str, again: &mut Command, round: &str) {
    if !machine.file(target).exists() {
        succeed(again);
    }
    let beside = fs::read_dir(machine.whole.directory.path()).unwrap();
    let left: Vec<PathBuf> = beside.map(|entry| entry.unwrap().path()).collect();
    assert!(
        left.iter().all(|path| !path.to_string_lossy().contains("bootseal-new")),
        "{round}: {left:?}"
    );
    let mut sync = bootseal(["keys", "sync", "--keys"]);
    succeed(sync.arg(machine.file("node")).arg(machine.file("offline")));
    is_whole(machine, round);
}

/// The stick knows of an addition to db that the node has not heard of; with the update that carries it.
pub fn ahead() -> Machine {
    let machine = machine();
    fs::rename(machine.file("node"), machine.file("away")).unwrap();
    let mut add = bootseal(["enroll", "add", "db", "windows-2023", "--keys"]);
    add.arg(machine.file("offline"))
        .arg("--output")
        .arg(machine.file("update"));
    succeed(&mut add);
    fs::rename(machine.file("away"), machine.file("node")).unwrap();
    let [node, offline] = transcripts(&machine);
    assert!(offline.len() > node.len());
    machine
}

#[test]
fn an_exchange_that_was_cut_short_is_ended() {
    let sync = |machine: &Machine| {
        let mut command = bootseal(["keys", "sync", "--keys"]);
        command.arg(machine.file("node")).arg(machine.file("offline"));
        command
    };
    killed(&ahead(), 5, sync, |machine, round| {
        succeed(&mut sync(machine));
        is_whole(machine, round);
    });
}

fn apply(machine: &Machine, update: Option<&str>, board: &str) -> Command {
    let mut command = bootseal(["enroll", "apply", "--yes", "--keys"]);
    command
        .arg(machine.file("node"))
        .arg("--store")
        .arg(machine.file(board));
    command.args(update.map(|update| machine.file(update)));
    command
}

#[test]
fn an_update_that_was_cut_short_is_applied() {
    let apply = |machine: &Machine| apply(machine, Some("update"), "firmware");
    killed(&ahead(), 5, apply, |machine, round| {
        succeed(&mut apply(machine));
        assert!(
            machine.held("db").split(' ').count() == 2,
            "{round}: {}",
            machine.held("db")
        );
        is_whole(machine, round);
    });
}

/// A write that replaces, for this machine alone.
#[test]
fn a_removal_that_was_cut_short_is_applied() {
    let machine = ahead();
    succeed(&mut apply(&machine, Some("update"), "firmware"));
    std::thread::sleep(Duration::from_millis(1100));
    fs::rename(machine.file("node"), machine.file("away")).unwrap();
    let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let mut remove = bootseal(["enroll", "remove", "db", "Windows UEFI CA 2023", "--for", own.trim()]);
    remove
        .arg("--keys")
        .arg(machine.file("offline"))
        .arg("--store")
        .arg(machine.file("firmware"));
    succeed(remove.arg("--output").arg(machine.file("removal")));
    fs::rename(machine.file("away"), machine.file("node")).unwrap();
    let apply = |machine: &Machine| apply(machine, Some("removal"), "firmware");
    killed(&machine, 5, apply, |machine, round| {
        succeed(&mut apply(machine));
        assert_eq!(machine.held("db"), machine.fingerprint("node/db.pem"), "{round}");
        is_whole(machine, round);
    });
}

/// A board in Setup Mode, from the key directory: all variables, PK last.
#[test]
fn an_enrolment_that_was_cut_short_is_ended() {
    let machine = machine();
    fs::create_dir(machine.file("second")).unwrap();
    // A kill is one of the program, not of a firmware that sets its own mode.
    let variables = |machine: &Machine, board: &str| {
        let entries = fs::read_dir(machine.file(board)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let read = |path: PathBuf| (path.file_name().unwrap().to_owned(), fs::read(&path).unwrap());
        let mut variables: BTreeMap<_, _> = paths.map(read).collect();
        variables.retain(|name, _| {
            ["PK-", "KEK-", "db-", "dbx-"]
                .iter()
                .any(|own| name.to_string_lossy().starts_with(own))
        });
        variables
    };
    let apply = |machine: &Machine| apply(machine, None, "second");
    killed(&machine, 5, apply, |machine, round| {
        succeed(&mut apply(machine));
        assert_eq!(variables(machine, "second"), variables(machine, "firmware"), "{round}");
    });
}

/// Microsoft's revocations, applied and kept: another board, enrolled from the key directory, has them.
#[test]
fn an_update_of_others_that_was_cut_short_is_kept_by_the_same_command() {
    const MICROSOFTS: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/trust/microsoft/updates/DBXUpdateSVN.bin"
    );
    let machine = machine();
    let enroll = |machine: &Machine, words: &[&str], keys: &str, board: &str| {
        let mut command = bootseal(["enroll"]);
        command.args(words).arg("--yes").arg("--keys").arg(machine.file(keys));
        command.arg("--store").arg(machine.file(board));
        command
    };
    let sync = |machine: &Machine| {
        let mut command = bootseal(["keys", "sync", "--keys"]);
        succeed(command.arg(machine.file("node")).arg(machine.file("offline")));
    };
    succeed(&mut enroll(
        &machine,
        &["add", "KEK", "kek-2011"],
        "offline",
        "firmware",
    ));
    sync(&machine);
    let apply = |machine: &Machine| enroll(machine, &["apply", MICROSOFTS], "node", "firmware");
    killed(&machine, 5, apply, |machine, round| {
        succeed(&mut apply(machine));
        sync(machine);
        is_whole(machine, round);
        fs::create_dir(machine.file("second")).unwrap();
        succeed(&mut enroll(machine, &["apply"], "node", "second"));
        let name = format!("dbx-{}", crate::support::node::DATABASE);
        let dbx = |board: &str| fs::read(machine.file(board).join(&name)).unwrap();
        assert!(dbx("second") == dbx("firmware"), "{round}");
    });
}
