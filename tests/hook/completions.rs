//! The scripts in `hooks/completions`, as the shells use them.

use std::fs;
use std::path::{Path, PathBuf};

use super::machine::snapshot;
use super::node::Hooked;
use crate::support::{bootseal, succeed, tool};

/// Shells, and the file of each.
const SHELLS: [(&str, &str); 3] = [("bash", "bootseal"), ("zsh", "_bootseal"), ("fish", "bootseal.fish")];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("hooks/completions")
        .join(name)
}

#[test]
fn they_are_what_the_program_prints() {
    for (shell, name) in SHELLS {
        let printed = bootseal(["completions", shell]).output().unwrap();
        assert!(printed.status.success(), "{shell}");
        assert!(
            fs::read(file(name)).unwrap() == printed.stdout,
            "make it anew: bootseal completions {shell} >hooks/completions/{name}"
        );
    }
}

#[test]
fn the_shells_complete_by_them() {
    let bash = r#". "$1"; complete -p bootseal
        COMP_WORDS=(bootseal hook st) COMP_CWORD=2; _bootseal bootseal st hook; echo "${COMPREPLY[*]}"
        COMP_WORDS=(bootseal ceremony run --pa) COMP_CWORD=3; _bootseal bootseal --pa run; echo "${COMPREPLY[*]}""#;
    let said = succeed(tool("bash").args(["--norc", "-c", bash, "bash"]).arg(file("bootseal")));
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].contains("-F _bootseal") && lines[0].ends_with(" bootseal"),
        "{said}"
    );
    assert_eq!(lines[1..], ["status", "--passphrase-file --passphrase-fd"]);

    let fish = r#"source $argv[1]; complete -C "bootseal hook st"; complete -C "bootseal ceremony run --pa""#;
    let home = tempfile::tempdir().unwrap();
    let said = succeed(
        tool("fish")
            .env("HOME", home.path())
            .args(["--no-config", "-c", fish])
            .arg(file("bootseal.fish")),
    );
    let words: Vec<&str> = said.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(words, ["status", "--passphrase-fd", "--passphrase-file"], "{said}");

    // zsh completes in its line editor alone; what it autoloads is found by the file's first line.
    let zsh = r#"fpath=("$1" $fpath); autoload -Uz compinit; compinit -u -d "$2/dump"
        print -r -- "$_comps[bootseal]"; autoload +X _bootseal; whence -w _bootseal"#;
    let said = succeed(
        tool("zsh")
            .args(["-f", "-c", zsh, "zsh"])
            .arg(file("_bootseal").parent().unwrap())
            .arg(home.path()),
    );
    assert_eq!(said, "_bootseal\n_bootseal: function\n");
    succeed(tool("zsh").arg("-n").arg(file("_bootseal")));
}

#[test]
fn they_go_where_the_shells_look_if_these_are_there_and_away_again() {
    let node = Hooked::new();
    let [bash, zsh, fish] = [
        "usr/share/bash-completion/completions",
        "usr/share/zsh/site-functions",
        "usr/share/fish/vendor_completions.d",
    ];
    for directory in [bash, zsh] {
        fs::create_dir_all(node.path(directory)).unwrap();
    }
    // A package's own, as an ebuild may bring it.
    node.write(&format!("{zsh}/_bootseal"), b"#compdef bootseal\n");
    let before = snapshot(node.root());
    let said = succeed(&mut node.hook(&["install", "--mode", "traditional"]));
    assert!(said.contains("_bootseal: not bootseal's, left alone"), "{said}");
    let installed = fs::read(node.path(&format!("{bash}/bootseal"))).unwrap();
    assert!(installed == fs::read(file("bootseal")).unwrap());
    assert!(!node.path(fish).exists());
    succeed(&mut node.hook(&["remove"]));
    assert_eq!(snapshot(node.root()), before);
    assert!(node.path(bash).is_dir());
}
