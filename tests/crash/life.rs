//! The commands of the keys' later life, killed at every place where that can matter: backup, restore, the exchange of node and stick, and
//! an update that was signed elsewhere. The same command again, or the next one, ends what was begun, and nothing is lost.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Command;

use rayon::prelude::*;

use crate::support::ceremony::private;
use crate::support::{bootseal, succeed, text};

use super::rotation::{Machine, SPECIFICATION};
use super::tracer::{injection, on_one_processor};

/// A machine with a backup under shares, and a stick that knows more than the node; its ceremony was held elsewhere.
pub fn machine() -> Machine {
    let backup = "[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n";
    let original = Machine::new(&format!("{SPECIFICATION}{backup}"));
    let shares = format!("{}\n{}\n", original.whole.share(1), original.whole.share(3));
    let machine = original.duplicate();
    private(&machine.file("shares.txt"), shares.as_bytes());
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
    let output = traced(&reference, &["-e", "trace=fsync,renameat"]);
    assert!(output.status.success(), "{}", text(&output));
    judge(&reference, "undisturbed");
    let calls = fs::read_to_string(reference.file("trace")).unwrap();
    let count = |name: &str| calls.lines().filter(|line| line.contains(&format!(" {name}("))).count();
    let rounds: Vec<(&str, usize)> = ["fsync", "renameat"]
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
    let restore = |machine: &Machine| {
        let mut command = bootseal(["ceremony", "restore", "--only", "PK,KEK", "--shares"]);
        command
            .arg(machine.file("shares.txt"))
            .arg("--with")
            .arg(machine.file("node"));
        command
            .arg(machine.file("backup/bootseal-backup.tar"))
            .arg(machine.file("offline"));
        command
    };
    killed(&lost, 4, restore, |machine, round| {
        if !machine.file("offline").exists() {
            succeed(&mut restore(machine));
        }
        assert_eq!(fs::read(machine.file("offline/PK.key")).unwrap(), before, "{round}");
        // Nothing of it lies beside.
        let beside = fs::read_dir(machine.whole.directory.path()).unwrap();
        let left: Vec<PathBuf> = beside.map(|entry| entry.unwrap().path()).collect();
        assert!(
            left.iter().all(|path| !path.to_string_lossy().contains("bootseal-new")),
            "{round}: {left:?}"
        );
        let mut sync = bootseal(["keys", "sync", "--keys"]);
        succeed(sync.arg(machine.file("node")).arg(machine.file("offline")));
        is_whole(machine, round);
    });
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

#[test]
fn an_update_that_was_cut_short_is_applied() {
    let apply = |machine: &Machine| {
        let mut command = bootseal(["enroll", "apply", "--yes", "--keys"]);
        command
            .arg(machine.file("node"))
            .arg("--store")
            .arg(machine.file("firmware"));
        command.arg(machine.file("update"));
        command
    };
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
