//! Imports go down only: a module of `src/` may use what stands on its own layer or below.

use std::fs;
use std::path::{Path, PathBuf};

/// The layer of each module, by its first path element. `error` is below all but the formats, which do not use it.
const LAYERS: [(&str, u8); 15] = [
    ("formats", 0),
    ("error", 1),
    ("system", 1),
    ("keys", 2),
    ("trust", 2),
    ("audit", 3),
    ("ceremony", 3),
    ("enroll", 3),
    ("grub", 3),
    ("hook", 3),
    ("kernel_config", 3),
    ("sign", 3),
    ("demo", 3),
    ("ui", 4),
    ("cli", 4),
];

fn layer(module: &str) -> u8 {
    let known = LAYERS.iter().find(|(name, _)| *name == module);
    known
        .unwrap_or_else(|| panic!("src/{module} stands on no layer: add it to tests/layers.rs"))
        .1
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Names of the top-level modules that a source mentions after `crate::`, tests included.
fn imports(source: &str) -> impl Iterator<Item = &str> {
    source.split("crate::").skip(1).flat_map(|after| {
        let end = |text: &str| {
            text.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(text.len())
        };
        match after.strip_prefix('{') {
            None => vec![&after[..end(after)]],
            Some(group) => group
                .split('}')
                .next()
                .unwrap()
                .split(',')
                .map(|item| {
                    let item = item.trim();
                    &item[..end(item)]
                })
                .filter(|item| !item.is_empty())
                .collect(),
        }
    })
}

fn violations(source: &str, own: u8) -> Vec<String> {
    imports(source)
        .filter(|module| layer(module) > own)
        .map(str::to_owned)
        .collect()
}

#[test]
fn imports_go_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "only {} sources found", files.len());
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let module = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if ["main", "lib"].contains(&module) {
            continue;
        }
        let upward = violations(&fs::read_to_string(&file).unwrap(), layer(module));
        assert!(
            upward.is_empty(),
            "src/{} imports upward: {upward:?}",
            relative.display()
        );
    }
}

#[test]
fn an_upward_import_is_seen() {
    assert_eq!(violations("use crate::sign::each;", 2), ["sign"]);
    assert_eq!(violations("use crate::{formats, ui};", 3), ["ui"]);
    assert!(violations("use crate::formats::crypto::hash;", 0).is_empty());
}

/// Each says at its top why it is sound.
const FILES_WITH_UNSAFE_CODE: [&str; 3] = [
    "formats/crypto/sha3_lanes/avx2.rs",
    "formats/crypto/sha3_lanes/avx512.rs",
    "keys/aws_lc.rs",
];

#[test]
fn unsafe_code_is_in_three_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.retain(|file| fs::read_to_string(file).unwrap().contains("allow(unsafe_code)"));
    files.sort();
    assert_eq!(files, FILES_WITH_UNSAFE_CODE.map(|file| root.join(file)));
}
