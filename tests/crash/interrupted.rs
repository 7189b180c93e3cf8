//! Signals in the middle of a run, and two runs at a time.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use super::node::{Node, Template};
use crate::support::{PATIENCE, bootseal, keys, module};

fn wait_until(what: &str, mut happens: impl FnMut() -> bool) {
    let began = Instant::now();
    while !happens() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_signal_ends_a_run_in_order_and_nothing_was_replaced() {
    let root = tempfile::tempdir().unwrap();
    let modules = root.path().join("modules");
    fs::create_dir(&modules).unwrap();
    let one = fs::read(module(root.path(), "one.ko")).unwrap();
    let names: Vec<String> = (0..600).map(|number| format!("{number}.ko")).collect();
    for name in &names {
        fs::write(modules.join(name), &one).unwrap();
    }
    let staged = || {
        let entries = fs::read_dir(&modules).unwrap();
        entries.count() - names.len()
    };
    for sent in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut run = bootseal(["sign", "modules", "--root"])
            .arg(root.path())
            .arg("--keys")
            .arg(keys())
            .arg(&modules)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("nothing is staged", || staged() > 0);
        signal(&run, sent);
        let ended = run.wait().unwrap();
        let said = std::io::read_to_string(run.stderr.take().unwrap()).unwrap();
        assert_eq!(ended.code(), Some(3), "{said}");
        assert!(said.contains("interrupted by a signal; no file was replaced"), "{said}");
        assert_eq!(staged(), 0);
        assert!(names.iter().all(|name| fs::read(modules.join(name)).unwrap() == one));
    }
}

/// A run that has found the lock taken, what it says from then on, and the lock.
fn waiting(node: &Node) -> (Child, BufReader<ChildStderr>, File) {
    let state = node.root.join("var/lib/bootseal");
    fs::create_dir_all(&state).unwrap();
    let lock = File::create(state.join("lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let mut run = node
        .sign_all()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(run.stderr.take().unwrap());
    let mut said = String::new();
    stderr.read_line(&mut said).unwrap();
    assert_eq!(said, "another bootseal is signing files; waiting for its end\n");
    (run, stderr, lock)
}

#[test]
fn a_second_run_waits_for_the_first_and_says_so() {
    let node = Template::small().node();
    let (mut run, _stderr, lock) = waiting(&node);
    std::thread::sleep(Duration::from_millis(100));
    assert!(run.try_wait().unwrap().is_none());
    node.check_old();
    drop(lock);
    assert!(run.wait().unwrap().success());
    node.check_new();
}

#[test]
fn a_run_that_waits_ends_at_a_signal() {
    let node = Template::small().node();
    let (mut run, _stderr, _lock) = waiting(&node);
    signal(&run, Signal::TERM);
    assert_eq!(run.wait().unwrap().code(), Some(3));
    node.check_old();
}
