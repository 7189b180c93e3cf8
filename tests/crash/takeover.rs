//! Killed at every place where that can matter: the exchange towards the stick, a ceremony that takes over, and a rotation on a token. The
//! same command again ends what was begun.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rayon::prelude::*;
use tempfile::TempDir;

use crate::support::backup::Whole;
use crate::support::token::Token;
use crate::support::{bootseal, keys, succeed, text, tool};

use super::life::{ahead, is_whole, killed, transcripts};
use super::rotation::{Machine, SPECIFICATION};
use super::tracer::{injection, on_one_processor};

fn copy(from: &std::path::Path, to: &std::path::Path) {
    succeed(tool("cp").arg("-a").arg("-T").arg(from).arg(to));
}

#[test]
fn a_stick_that_learns_is_old_or_new() {
    let machine = ahead();
    let sync = |machine: &Machine| {
        let mut command = bootseal(["keys", "sync", "--keys"]);
        command.arg(machine.file("node")).arg(machine.file("offline"));
        command
    };
    // The node is ahead, by the stick as it was before.
    copy(&machine.file("node"), &machine.file("before"));
    succeed(&mut sync(&machine));
    let files = fs::read_dir(machine.file("before")).unwrap();
    for path in files.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_owned();
        if path.is_file() && path.extension().is_none_or(|ending| ending != "key") {
            fs::copy(&path, machine.file("offline").join(name)).unwrap();
        }
    }
    fs::remove_dir_all(machine.file("before")).unwrap();
    let [node, offline] = transcripts(&machine);
    assert!(node.len() > offline.len());
    killed(&machine, 5, sync, |machine, round| {
        succeed(&mut sync(machine));
        is_whole(machine, round);
        assert_eq!(transcripts(machine)[0], node, "{round}");
    });
}

#[test]
fn a_ceremony_that_takes_over_does_so_after_all() {
    let machine = ahead();
    let enroll = |machine: &Machine, words: &[&str], keys: &str| {
        let mut command = bootseal(["enroll"]);
        command.args(words).arg("--keys").arg(machine.file(keys));
        command.arg("--store").arg(machine.file("firmware"));
        command
    };
    let update = machine.file("update");
    succeed(&mut enroll(
        &machine,
        &["apply", "--yes", update.to_str().unwrap()],
        "node",
    ));
    let other = Whole::planned(SPECIFICATION);
    succeed(&mut other.run());
    copy(&other.path("offline"), &machine.file("new"));
    // Else it would be told of in its own places.
    drop(other);
    let pk = machine.fingerprint("new/PK.pem");
    let rotate = |machine: &Machine| {
        let new = machine.file("new");
        enroll(machine, &["rotate", "--yes", new.to_str().unwrap()], "offline")
    };
    killed(&machine, 8, rotate, |machine, round| {
        succeed(&mut rotate(machine));
        assert_eq!(machine.held("PK"), pk, "{round}");
        succeed(bootseal(["ceremony", "verify"]).arg(machine.file("new")));
        // What the former one was meant to hold is not taken out by the next apply.
        let plan = succeed(&mut enroll(machine, &["plan"], "new"));
        assert!(!plan.contains("- \"Windows UEFI CA 2023\""), "{round}: {plan}");
        succeed(&mut enroll(machine, &["apply", "--yes"], "new"));
        let db = machine.held("db");
        assert!(
            db.contains(&machine.fingerprint("new/db.pem")) && db.split(' ').count() == 2,
            "{round}: {db}"
        );
    });
}

/// A copy of a token with the directory of its keys and its firmware; the PIN's file is the original's.
struct Copied(TempDir);

impl Copied {
    fn new(token: &Token) -> Self {
        let copied = Self(tempfile::tempdir().unwrap());
        copy(&token.path("."), copied.0.path());
        let config = copied.0.path().join("softhsm2.conf");
        let text = fs::read_to_string(&config).unwrap();
        let here = copied.0.path().to_str().unwrap();
        fs::write(
            &config,
            text.replace(token.path("").to_str().unwrap().trim_end_matches('/'), here),
        )
        .unwrap();
        copied
    }

    fn bootseal(&self, words: &[&str]) -> Command {
        let mut command = bootseal(words);
        command.env("SOFTHSM2_CONF", self.0.path().join("softhsm2.conf"));
        command.env("STATE_DIRECTORY", self.0.path().join("state"));
        command
    }

    fn rotate(&self) -> Command {
        let mut command = self.bootseal(&["keys", "rotate", "db", "--signed", "--yes", "--keys"]);
        command.arg(self.0.path().join("made"));
        command.arg("--store").arg(self.0.path().join("firmware"));
        command
    }

    fn name(&self) -> String {
        fs::read_to_string(self.0.path().join("made/db.uri")).unwrap()
    }
}

#[test]
fn a_rotation_on_a_token_goes_on_with_the_key_that_it_made() {
    let token = Token::empty(keys());
    let spec = crate::golden::token_ceremony::specification(&token, true, "microsoft = [\"none\"]\ndbx = \"none\"");
    succeed(token.bootseal(&["ceremony", "run"]).arg(&spec));
    fs::create_dir(token.path("firmware")).unwrap();
    // The places of the ceremony are those of the copies.
    fs::rename(token.path("made"), token.path("away")).unwrap();
    let original = Copied::new(&token);
    fs::rename(original.0.path().join("away"), original.0.path().join("made")).unwrap();
    fs::remove_dir_all(token.path("away")).unwrap();
    copy(&original.0.path().join("made"), &token.path("keys"));
    let begun = || {
        let copied = Copied::new(&token);
        fs::remove_dir_all(copied.0.path().join("made")).ok();
        fs::rename(copied.0.path().join("keys"), copied.0.path().join("made")).unwrap();
        let mut apply = copied.bootseal(&["enroll", "apply", "--yes", "--keys"]);
        apply.arg(copied.0.path().join("made"));
        succeed(apply.arg("--store").arg(copied.0.path().join("firmware")));
        copied
    };
    let traced = |copied: &Copied, options: &[&str]| {
        let made = copied.rotate();
        let mut traced = on_one_processor(0);
        traced
            .arg("strace")
            .args(["-f", "-o"])
            .arg(copied.0.path().join("trace"))
            .args(options);
        traced.arg(made.get_program()).args(made.get_args());
        for (name, value) in made.get_envs() {
            traced.env(name, value.unwrap());
        }
        traced.output().unwrap()
    };
    let judge = |copied: &Copied, round: &str| {
        let verified = copied
            .bootseal(&["ceremony", "verify"])
            .arg(copied.0.path().join("made"))
            .output()
            .unwrap();
        assert!(
            text(&verified).contains("the transcript holds"),
            "{round}: {}",
            text(&verified)
        );
        let mut plan = copied.bootseal(&["enroll", "plan", "--keys"]);
        plan.arg(copied.0.path().join("made"));
        let plan = succeed(plan.arg("--store").arg(copied.0.path().join("firmware")));
        assert!(plan.contains("\ndb: nothing to do"), "{round}: {plan}");
        let image = copied.0.path().join("image.efi");
        fs::write(&image, bootseal::formats::firmware::authenticode::minimal_image()).unwrap();
        let mut sign = copied.bootseal(&["sign", "efi", "--keys"]);
        succeed(sign.arg(copied.0.path().join("made")).arg(&image));
        assert!(!copied.0.path().join("made/rotation").exists(), "{round}");
    };
    let reference = begun();
    let before = reference.name();
    let output = traced(&reference, &["-e", "trace=fsync,renameat"]);
    assert!(output.status.success(), "{}", text(&output));
    judge(&reference, "undisturbed");
    assert_ne!(reference.name(), before);
    let calls = fs::read_to_string(reference.0.path().join("trace")).unwrap();
    let count = |name: &str| calls.lines().filter(|line| line.contains(&format!(" {name}("))).count();
    let rounds: Vec<(&str, usize)> = ["fsync", "renameat"]
        .into_iter()
        .flat_map(|call| (1..=count(call)).map(move |nth| (call, nth)))
        .collect();
    assert!(rounds.len() >= 10, "{rounds:?}");
    rounds.into_par_iter().for_each(|(call, nth)| {
        let round = format!("{call} {nth}");
        let copied = begun();
        let inject = injection(call, &format!("signal=KILL:when={nth}"));
        let output = traced(&copied, &["-e", &format!("trace={call}"), "-e", &inject]);
        assert_eq!(output.status.signal(), Some(9), "{round}: {}", text(&output));
        let again = copied.rotate().output().unwrap();
        assert!(again.status.success(), "{round}: {}", text(&again));
        judge(&copied, &round);
        assert_ne!(copied.name(), before, "{round}");
    });
}
