//! The layers of `src/` and the words of its prose, read from the sources. CONTRIBUTING.md says what the rules are for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]

mod known;
mod prose;
mod rules;
mod source;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use known::{FILES_WITH_FS, FILES_WITH_UNSAFE_CODE};
use tree::Tree;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust sources below a directory, by their paths relative to it.
fn sources(directory: &Path) -> BTreeMap<String, String> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(directory, &mut found);
    let name = |path: &PathBuf| path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
    let sources: BTreeMap<_, _> = found
        .iter()
        .map(|path| (name(path), std::fs::read_to_string(path).unwrap()))
        .collect();
    assert!(sources.len() > 10, "only {} sources found", sources.len());
    sources
}

fn tree() -> &'static Tree {
    static TREE: LazyLock<Tree> = LazyLock::new(|| Tree::new(sources(&repository().join("src"))));
    &TREE
}

/// Fails where there are more violations than are known, and says what is left in each folder.
fn ratchet(rule: &str, violations: &[String], known: usize) {
    let mut folders: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for violation in violations {
        folders.entry(rules::top(violation)).or_default().push(violation);
    }
    let counts: Vec<_> = folders
        .iter()
        .map(|(folder, found)| format!("{folder} {}", found.len()))
        .collect();
    let said = format!("{rule}: {} of {known} known: {}", violations.len(), counts.join(", "));
    eprintln!("{said}\n{folders:#?}");
    assert!(violations.len() <= known, "{said}");
}

#[test]
fn imports_go_down_only() {
    ratchet("upward imports", &rules::upward(tree()), known::UPWARD);
}

#[test]
fn no_circle_between_files_or_folders() {
    ratchet("imports in a circle", &rules::circles(tree()), known::CIRCLES);
}

#[test]
fn a_name_is_taken_from_the_file_that_defines_it() {
    let found: Vec<_> = tree().detours.iter().cloned().collect();
    ratchet("names taken from the mod.rs above", &found, known::DETOURS);
}

#[test]
fn files_are_read_and_written_in_system_and_disk() {
    let found = rules::with_fs(tree());
    let excused = |file: &String| FILES_WITH_FS.iter().any(|(name, _)| name == file);
    let others: Vec<_> = found.iter().filter(|file| !excused(file)).cloned().collect();
    ratchet("files with std::fs", &others, known::FS);
    for (name, reason) in FILES_WITH_FS {
        assert!(
            found.contains(&(*name).to_owned()) && !reason.is_empty(),
            "{name} does without std::fs: take it from the list"
        );
    }
}

#[test]
fn unsafe_code_is_in_three_files() {
    let found: Vec<_> = sources(&repository().join("src"))
        .into_iter()
        .filter(|(_, text)| text.contains("allow(unsafe_code)"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(found, FILES_WITH_UNSAFE_CODE);
}

#[test]
fn decisions_are_numbered_one_after_the_other() {
    let directory = repository().join("docs/adr");
    let names = std::fs::read_dir(&directory).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name != "README.md");
    names.sort();
    for (name, number) in names.iter().zip(1..) {
        let text = std::fs::read_to_string(directory.join(name)).unwrap();
        assert!(
            name.starts_with(&format!("{number:04}-")) && text.starts_with(&format!("# {number}. ")),
            "docs/adr/{name} is to be number {number}, in its name and its title"
        );
    }
}

#[test]
fn prose_begins_with_the_noun() {
    ratchet("What and Whether", &prose_of(prose::riddles), known::DOCS);
}

#[test]
fn names_say_what_they_give() {
    ratchet("names of functions", &prose_of(prose::names), known::NAMES);
}

/// Violations in all that is written here, those outside `src` with their folder before them.
fn prose_of(find: fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let of = |folder: &str| {
        let prefix = if folder == "src" {
            String::new()
        } else {
            format!("{folder}/")
        };
        sources(&repository().join(folder))
            .iter()
            .flat_map(|(name, text)| find(&format!("{prefix}{name}"), text))
            .collect::<Vec<_>>()
    };
    ["src", "tests"].into_iter().flat_map(of).collect()
}
