//! A bundle whose import is killed: the key directory is there with all of it, or not at all, and the same command ends it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::ceremony::{PASSPHRASE, private};
use crate::support::{bootseal, succeed, text, tool};

use super::tracer::injection;

const SPECIFICATION: &str = "name = \"home\"\noffline = \"offline\"\nmicrosoft = [\"none\"]\ndbx = \"none\"\n\
    [fleet]\nbundles = \"bundles\"\n[[node]]\nname = \"nas\"\n[keys.fleet]\nbits = 2048\n[keys.db]\nencrypted = false\n\
    [keys.module]\nbits = 2048\n[keys.grub]\nbits = 3072\n";

/// `keys import` on the machine nas, whose root is there.
fn import(directory: &Path, root: &Path, words: &str) -> Command {
    let mut command = bootseal(["--root"]);
    command
        .arg(root)
        .args(["keys", "import", "--fleet", words, "--passphrase-file"]);
    command
        .arg(directory.join("words/nas"))
        .arg(directory.join("bundles/nas.bundle"));
    command
}

fn machine(directory: &Path, name: &str) -> PathBuf {
    let root = directory.join(name);
    fs::create_dir_all(root.join("etc/bootseal")).unwrap();
    fs::write(root.join("etc/hostname"), "nas\n").unwrap();
    root
}

#[test]
fn killed_anywhere_an_import_leaves_all_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("fleet.toml"), SPECIFICATION).unwrap();
    fs::create_dir(path("words")).unwrap();
    private(&path("words/nas"), format!("{PASSPHRASE}\n").as_bytes());
    let mut run = bootseal(["--json", "ceremony", "run"]);
    run.arg(path("fleet.toml"))
        .arg("--passphrase-file")
        .arg(path("words/nas"));
    run.arg("--bundle-passphrases").arg(path("words"));
    let held: serde_json::Value = serde_json::from_str(&succeed(&mut run)).unwrap();
    let words = held["nodes"][0]["fleet_words"].as_str().unwrap().to_owned();
    let whole = machine(directory.path(), "whole");
    succeed(&mut import(directory.path(), &whole, &words));
    let names = |root: &Path| {
        let entries = fs::read_dir(root.join("etc/bootseal/keys")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let expected = names(&whole);
    let mut killed = 0;
    for call in ["mkdirat", "fsync", "renameat"] {
        for nth in 1.. {
            let root = machine(directory.path(), &format!("{call}-{nth}"));
            let plain = import(directory.path(), &root, &words);
            let mut traced = tool("strace");
            let trace = path("trace");
            traced.args(["-f", "-e", &format!("trace={call}"), "-e"]);
            traced
                .arg(injection(call, &format!("signal=KILL:when={nth}")))
                .arg("-o")
                .arg(&trace);
            traced.arg(plain.get_program()).args(plain.get_args());
            traced.env("STATE_DIRECTORY", path("state"));
            let output = traced.output().unwrap();
            let is_there = root.join("etc/bootseal/keys").exists();
            if is_there {
                assert_eq!(names(&root), expected, "{call} {nth}");
            }
            if output.status.success() {
                break;
            }
            assert_eq!(output.status.signal(), Some(9), "{call} {nth}: {}", text(&output));
            killed += 1;
            succeed(&mut import(directory.path(), &root, &words));
            assert_eq!(names(&root), expected, "{call} {nth}");
            succeed(bootseal(["ceremony", "verify"]).arg(root.join("etc/bootseal/keys")));
            let left = fs::read_dir(root.join("etc/bootseal")).unwrap().count();
            assert_eq!(left, 1, "{call} {nth}");
            fs::remove_dir_all(&root).unwrap();
        }
    }
    assert!(killed > 5, "{killed}");
}
