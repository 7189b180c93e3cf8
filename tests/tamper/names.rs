//! Names of files that would act on a terminal, hide, or make lines of their own: in no form of output do they.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use bootseal::formats::text::{Shown, is_hidden};
use serde_json::Value;

use crate::support::node::Node;
use crate::support::{bootseal, keys, text};

const VERSION: &str = "6.12.58-gentoo";
/// Endings come after them.
const NAMES: &[&[u8]] = &[
    b"a\n\xe2\x9c\x93 fake (EFI image): signed",
    b"b\x1b[2K\x1b[1Aerased",
    b"c\xe2\x80\xaegfc",
    b"d\xd8\x9cx",
    b"e\xe2\x80\x8bz",
    b"f\xe2\x80\xa8g",
    b"g\xc2\x9b31mh",
    b"h\x07\x7f\r\t",
    b"i`|<script>**_~#",
    b"k\xef\xbb\xbfl",
    b"l\xf3\xa0\x81\x81m",
    b"m\xff\xfe",
    b"n\\n\"}{",
    b"o' $(reboot) ;p",
];

fn node() -> Node {
    let node = Node::new();
    node.keys(keys(), |_| true);
    let modules = format!("lib/modules/{VERSION}");
    for name in NAMES {
        for (directory, ending) in [("boot/grub", ".cfg"), ("boot", ".efi"), (modules.as_str(), ".ko")] {
            let name = [name, ending.as_bytes()].concat();
            fs::write(node.directory(directory).join(OsStr::from_bytes(&name)), "set x=1\n").unwrap();
        }
    }
    node.partition();
    node.write("boot/grub/grub.cfg", "set x=1\n");
    node
}

fn run(node: &Node, arguments: &[&str]) -> String {
    let mut command = bootseal(["--root"]);
    command.arg(node.root()).args(arguments).current_dir(node.root());
    let output = command.output().unwrap();
    assert!(
        matches!(output.status.code(), Some(0..=3)),
        "{arguments:?}\n{}",
        text(&output)
    );
    text(&output)
}

/// Checks that nothing hidden is in a text but line breaks, and that no name begins a line.
#[track_caller]
fn check(what: &[&str], said: &str) {
    for line in said.lines() {
        assert!(!line.contains(is_hidden), "{what:?}: {line:?}");
        assert!(!line.starts_with("✓ fake"), "{what:?}: {line}");
    }
}

#[test]
fn no_output_has_anything_hidden_whatever_files_are_called() {
    let node = node();
    let modules = format!("lib/modules/{VERSION}");
    let outputs: &[&[&str]] = &[
        &["verify", "boot/grub", "boot", &modules],
        &["verify", "--json", "boot/grub"],
        &["audit", "-v"],
        &["audit", "--format", "markdown"],
        &["audit", "--format", "prometheus"],
        &["audit", "--json"],
        &["sign", "modules", &modules],
        &["sign", "modules", "--json", &modules],
        &["sign", "grub", "-v", "boot/grub"],
        &["sign", "grub", "--json", "boot/grub"],
        &["status"],
        &["hook", "status"],
        &["hook", "run", "grub", VERSION, "/boot/vmlinuz"],
        &["keys", "list", "--keys", "no\u{202e}\u{1b}[2K\nwhere"],
        &["sign", "efi", "no\u{202e}\u{1b}[2K\n✓ fake"],
        &["--no\u{202e}\u{1b}[2K"],
    ];
    for arguments in outputs {
        check(arguments, &run(&node, arguments));
    }
    // With colors there are our own escapes, and no others.
    let mut colored = run(&node, &["verify", "--color", "always", "boot/grub"]);
    for color in ["\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[33m", "\u{1b}[36m", "\u{1b}[0m"] {
        colored = colored.replace(color, "");
    }
    check(&["verify", "--color"], &colored);
}

#[test]
fn every_name_is_told_apart_and_can_be_had_back() {
    let node = node();
    let said = run(&node, &["sign", "grub", "--json", "boot/grub"]);
    let files: Value = serde_json::from_str(&said).unwrap();
    let told: Vec<&str> = files["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    for name in NAMES {
        let name = [b"boot/grub/", *name, b".cfg"].concat();
        let shown = OsStr::from_bytes(&name).shown();
        assert_eq!(
            told.iter().filter(|path| **path == shown).count(),
            1,
            "{shown} in {told:?}"
        );
    }
}

#[test]
fn a_page_and_a_label_keep_their_form() {
    let node = node();
    let page = run(&node, &["audit", "--format", "markdown"]);
    let tables = page.lines().filter(|line| line.starts_with('|'));
    for row in tables {
        assert!(!row.contains("<script"), "{row}");
        assert!(row.ends_with('|'), "{row}");
    }
    let samples = run(&node, &["audit", "--format", "prometheus"]);
    // The last line is the error, which goes to stderr.
    for line in samples.lines().filter(|line| !line.starts_with("error: findings: ")) {
        let is_sample = line.starts_with("bootseal_") && line.rsplit(' ').next().unwrap().parse::<f64>().is_ok();
        assert!(is_sample || line.starts_with("# "), "{line}");
    }
}
