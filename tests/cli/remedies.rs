//! Every command in a literal of the sources is parsed by the program's own command line; what stands in the place of a name is replaced by
//! one.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::cli::Cli;
use clap::Parser;

use crate::support::remedies::{commands, is_taken, refused, written};

/// The string literals of a program, tests left out: escapes are resolved, and a line that goes on is one.
fn literals(program: &str) -> Vec<String> {
    let program = program.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut found = Vec::new();
    let mut characters = program.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        match character {
            '/' if characters.peek() == Some(&'/') => {
                for skipped in characters.by_ref() {
                    if skipped == '\n' {
                        break;
                    }
                }
            }
            // A character, not a lifetime.
            '\'' => {
                let rest: String = characters.clone().take(3).collect();
                let length = if rest.starts_with('\\') { 3 } else { 2 };
                if rest.chars().nth(length - 1) == Some('\'') {
                    characters.nth(length - 1);
                }
            }
            '"' if before == 'r' || before == '#' => {
                let mut text = String::new();
                for inner in characters.by_ref() {
                    if inner == '"' {
                        break;
                    }
                    text.push(inner);
                }
                found.push(text);
            }
            '"' => {
                let mut text = String::new();
                while let Some(inner) = characters.next() {
                    match inner {
                        '"' => break,
                        '\\' => match characters.next() {
                            Some('n') => text.push('\n'),
                            Some('\n') => {
                                while characters.peek().is_some_and(|next| next.is_whitespace()) {
                                    characters.next();
                                }
                            }
                            Some(other) => text.push(other),
                            None => {}
                        },
                        other => text.push(other),
                    }
                }
                found.push(text);
            }
            _ => {}
        }
        before = character;
    }
    found
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// A remedy names the stick of whoever reads it, who follows it with the directory that he means: the last one counts.
#[test]
fn a_directory_that_a_remedy_leaves_open_may_be_given_after_it() {
    for (command, option) in [
        ("enroll add db uefi-2023", "--keys"),
        ("enroll add dbx microsoft", "--keys"),
        ("enroll remove db /x.pem", "--keys"),
        ("enroll apply", "--keys"),
        ("keys rotate KEK", "--keys"),
        ("keys rotate db", "--authority"),
        ("keys revoke db", "--authority"),
        ("ceremony backup /mnt/later", "--authority"),
    ] {
        for directories in [&["STICK"][..], &["STICK", "/mnt/stick"]] {
            let options = directories.iter().flat_map(|directory| [option, directory]);
            let words: Vec<&str> = std::iter::once("bootseal")
                .chain(command.split(' '))
                .chain(options)
                .collect();
            let parsed = Cli::try_parse_from(&words);
            assert!(
                parsed.is_ok(),
                "{words:?}: {}",
                parsed.err().map_or_else(String::new, |error| error.to_string())
            );
        }
    }
}

#[test]
fn a_command_is_found_in_a_sentence_and_a_wrong_one_is_told() {
    let parsed = |text: &str| {
        commands(text)
            .into_iter()
            .map(|found| found.unwrap().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        parsed("mount it, and: bootseal enroll add dbx {}; then bootseal audit (bootseal kernel-config)"),
        ["bootseal enroll add dbx {}", "bootseal audit", "bootseal kernel-config"]
    );
    assert_eq!(
        parsed("bootseal keys rotate db ends it; bootseal is done"),
        ["bootseal keys rotate db"]
    );
    assert_eq!(
        parsed("bootseal sign modules --foreign replace {file}"),
        ["bootseal sign modules --foreign replace {file}"]
    );
    for wrong in ["bootseal enrol plan", "bootseal keys rotat db"] {
        assert!(commands(wrong)[0].is_err(), "{wrong}");
    }
    for wrong in [
        "bootseal enroll add dbx",
        "bootseal keys rotate db --abbort",
        "bootseal keys rotate tb.pem",
    ] {
        let found = commands(wrong).remove(0).unwrap();
        assert!(is_taken(&found).is_err(), "{found:?}");
    }
    assert_eq!(
        literals("hint(\"bootseal \\\n   audit\") // \"no\"\nlet c = '\"'; f(\"x\\\"y\")"),
        ["bootseal audit", "x\"y"]
    );
}

#[test]
fn every_remedy_and_hint_is_taken_by_the_command_line() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut seen = 0_usize;
    let mut wrong = Vec::new();
    for file in files {
        let below = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
        if file.ends_with("tests.rs") || below.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        for text in literals(&fs::read_to_string(&file).unwrap()) {
            seen += commands(&text).len();
            let refused = refused(&text).into_iter();
            wrong.extend(refused.map(|refused| format!("{}: {refused}", file.display())));
        }
    }
    assert!(seen > 180, "only {seen} commands were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Snapshots are printed by the program; only the calls in them may be wrong. Those of --help are broken at their width, and come from
/// literals.
#[test]
fn what_the_snapshots_name_is_taken_by_the_command_line() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut seen = 0_usize;
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|ending| ending != "trycmd") || path.ends_with("help.trycmd") {
            continue;
        }
        let snapshots = fs::read_to_string(&path).unwrap();
        let printed: Vec<&str> = snapshots.lines().filter(|line| !line.starts_with("$ ")).collect();
        seen += printed.iter().filter(|line| line.contains("bootseal ")).count();
        written(printed.join("\n").as_bytes());
    }
    assert!(seen > 15, "only {seen} lines name a command");
}
