//! The layers of `src/` and the words of its prose, read from the sources. CONTRIBUTING.md says what the rules are for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]

mod prose;
mod rules;
mod source;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

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

/// Fails where there is a violation, and names all.
#[track_caller]
fn none(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}: {violations:#?}");
}

#[test]
fn imports_go_down_only() {
    none("upward imports", &rules::upward(tree()));
}

#[test]
fn no_circle_between_files_or_folders() {
    none("imports in a circle", &rules::circles(tree()));
}

#[test]
fn a_name_is_taken_from_the_file_that_defines_it() {
    let found: Vec<_> = tree().detours.iter().cloned().collect();
    none("names taken from the mod.rs above", &found);
}

#[test]
fn files_are_read_and_written_in_system_and_disk() {
    none("files with std::fs", &rules::with_fs(tree()));
}

#[test]
fn files_are_changed_through_beneath() {
    let sources = sources(&repository().join("src"));
    let found: Vec<String> = sources
        .iter()
        .flat_map(|(name, text)| rules::writes_by_path(name, text))
        .collect();
    none("writes by a path", &found);
}

/// Each says at its top why it is sound.
const FILES_WITH_UNSAFE_CODE: [&str; 4] = [
    "formats/crypto/sha3_lanes/avx2.rs",
    "formats/crypto/sha3_lanes/avx512.rs",
    "keys/aws_lc.rs",
    "system/wipe.rs",
];

#[test]
fn unsafe_code_is_in_four_files() {
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
    none("What and Whether", &prose_of(prose::riddles));
}

#[test]
fn names_say_what_they_give() {
    none("names of functions", &prose_of(prose::names));
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
