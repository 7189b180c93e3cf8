//! The ledger of an installation that is killed, or that finds no room, at any step.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::machine::snapshot;
use super::node::{Hooked, VERSION};
use crate::support::judges::{check_grub, check_kernel};
use crate::support::{bootseal, succeed, text, tool};

/// System calls between which a run may be killed: what lies on the disk changes with these.
const STEPS: [&str; 6] = ["write", "fsync", "syncfs", "rename", "renameat", "renameat2"];
/// Most calls of a kind that a run makes; a round that meets none ends the count before.
const MOST: usize = 200;

/// A machine like another one, which stays as it is.
struct Copy {
    directory: tempfile::TempDir,
}

impl Copy {
    fn from_root(root: &Path) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        succeed(tool("cp").arg("-a").arg(root).arg(directory.path().join("node")));
        Self { directory }
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("node")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = bootseal(["--root"]);
        command.arg(self.root()).args(words);
        command
    }

    fn verify(&self) -> Output {
        self.command(&["ledger", "verify"]).output().unwrap()
    }
}

/// The first processor that this process may use: strace counts the calls of each thread apart, and where there is one
/// processor there is one thread.
fn processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let allowed = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    allowed.trim().split([',', '-']).next().unwrap().to_owned()
}

/// Runs `hook run all` and kills it before the `nth` of these calls; false if it made fewer.
fn kill(copy: &Copy, call: &str, nth: usize) -> bool {
    drop(tool("strace"));
    let inner = copy.command(&["hook", "run", "all", VERSION]);
    let mut command = tool("taskset");
    command.args(["-c", &processor(), "strace", "-f", "-qq", "-o", "/dev/null"]);
    command.args(["-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={call}:signal=SIGKILL:when={nth}"));
    let output = command
        .arg(inner.get_program())
        .args(inner.get_args())
        .output()
        .unwrap();
    !output.status.success()
}

#[test]
fn the_ledger_holds_wherever_an_installation_is_killed_and_the_next_run_completes_it() {
    let template = Hooked::new();
    let mut killed = 0;
    for call in STEPS {
        for nth in 1..MOST {
            let copy = Copy::from_root(template.root());
            if !kill(&copy, call, nth) {
                break;
            }
            killed += 1;
            let output = copy.verify();
            let said = text(&output);
            let is_none = output.status.code() == Some(3) && said.contains("there is no ledger yet");
            assert!(output.status.success() || is_none, "{call} {nth}: {said}");
            succeed(&mut copy.command(&["hook", "run", "all", VERSION]));
            let output = copy.verify();
            let said = text(&output);
            assert!(output.status.success(), "{call} {nth}: {said}");
            // Killed after the last file was in its place: the next run that signs something completes the ledger.
            let is_complete = said.lines().count() == 3;
            assert!(
                is_complete || said.contains("was cut off: the next one"),
                "{call} {nth}: {said}"
            );
            let path = copy.root().join("boot/grub/grub.cfg");
            let said = succeed(copy.command(&["ledger"]).arg(&path));
            assert!(!said.contains("changed since"), "{call} {nth}: {said}");
            check_grub(&path);
            check_kernel(&copy.root().join(format!("boot/vmlinuz-{VERSION}")));
        }
    }
    // The lines of the ledger before and after, and a rename for each file.
    assert!(killed > 20, "only {killed} runs were killed");
}

#[test]
fn without_room_for_the_ledger_no_file_is_replaced() {
    let node = Hooked::new();
    let before = snapshot(&node.path("boot"));
    let modules = snapshot(&node.path("lib"));
    let state = node.directory("var/lib/bootseal");
    for words in [
        ["hook", "run", "all", VERSION].as_slice(),
        &["sign", "grub", node.path("boot/grub").to_str().unwrap()],
    ] {
        // Full from the start: the lock is an empty file.
        let script =
            "mount -t tmpfs -o size=8k,mode=755 tmpfs \"$0\"; head -c 8192 /dev/zero >\"$0/filler\"; exec \"$@\"";
        let inner = node.bootseal(words);
        let mut command = tool("unshare");
        command.args(["--mount", "--", "sh", "-c", script]).arg(&state);
        let output = command
            .arg(inner.get_program())
            .args(inner.get_args())
            .output()
            .unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("No space left on device"), "{said}");
        assert_eq!(snapshot(&node.path("boot")), before, "{said}");
        assert_eq!(snapshot(&node.path("lib")), modules, "{said}");
    }
}

#[test]
fn the_ledger_shows_what_was_signed_and_every_changed_byte_is_seen() {
    let node = Hooked::new();
    let before = node.bootseal(["ledger", "verify"]).output().unwrap();
    assert_eq!(before.status.code(), Some(3), "{}", text(&before));
    assert!(text(&before).contains("bootseal sign all"), "{}", text(&before));
    succeed(&mut node.run("all", &[VERSION]));
    let kernel = node.path(&format!("boot/vmlinuz-{VERSION}"));
    let all = succeed(&mut node.bootseal(["ledger"]));
    assert!(all.lines().last().unwrap().contains("  grub  "), "{all}");
    let of_kernel = succeed(node.bootseal(["ledger"]).arg(&kernel));
    let kinds: Vec<&str> = of_kernel
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(kinds, ["efi", "grub"], "{of_kernel}");
    let json = succeed(node.bootseal(["--json", "ledger"]).arg(&kernel));
    let said: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&said["schema"], &said["present_is_signed"]),
        (&"bootseal.ledger/1".into(), &true.into())
    );
    let digest = said["signatures"][0]["signed"].as_str().unwrap();
    assert_eq!(
        succeed(&mut node.bootseal(["ledger", &digest[..12]])).lines().count(),
        1
    );
    let unknown = node.bootseal(["ledger", "00000000"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(1), "{}", text(&unknown));
    // An old kernel, at its place.
    fs::write(&kernel, "another").unwrap();
    let said = succeed(node.bootseal(["ledger"]).arg(&kernel));
    assert!(said.contains("it was changed since"), "{said}");

    let path = node.path("var/lib/bootseal/ledger.jsonl");
    let good = fs::read(&path).unwrap();
    let said = succeed(&mut node.bootseal(["ledger", "verify"]));
    let head = said.lines().nth(1).unwrap().to_owned();
    let last = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    // One byte of each stretch of 64; of the last line, which nothing follows, the head tells.
    for place in (0..good.len()).step_by(64) {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&path, &bad).unwrap();
        let output = node.bootseal(["ledger", "verify"]).output().unwrap();
        let said = text(&output);
        if place < last {
            assert_eq!(output.status.code(), Some(1), "byte {place}: {said}");
            assert!(said.contains("hint: mv ") && said.contains("line "), "{said}");
        } else {
            assert!(!said.contains(&head), "byte {place}: {said}");
        }
    }
    // A line that was cut off in the middle of its write is a note.
    fs::write(&path, [&good[..], b"{\"number\":"].concat()).unwrap();
    let said = succeed(&mut node.bootseal(["ledger", "verify"]));
    assert!(
        said.contains(&head) && said.contains("cut off in the middle of its write"),
        "{said}"
    );
}
