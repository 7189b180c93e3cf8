//! The rules between files: layers, their order, circles, and who touches files.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::Tree;

/// The modules from the lowest up, with the layer of each line. A module imports from the lines below its own, and from
/// its own line where that makes no circle.
const ORDER: &[(u8, &[&str])] = &[
    (0, &["formats"]),
    (1, &["error", "finding", "system"]),
    // Where this machine boots from: asked by trust and keys, above system.
    (1, &["disk"]),
    (2, &["keys", "trust"]),
    // Signatures are recorded where they are made.
    (3, &["ledger"]),
    (3, &["enroll", "kernel_config", "sign"]),
    (3, &["ceremony", "grub"]),
    (3, &["start"]),
    (3, &["fleet", "rotate"]),
    (3, &["hook"]),
    (3, &["audit"]),
    (3, &["demo"]),
    (4, &["ui"]),
    (4, &["cli"]),
];

/// The folder or file below `src/` that a file belongs to.
pub fn top(file: &str) -> &str {
    file.split(['/', ' ', ':'])
        .next()
        .unwrap_or(file)
        .trim_end_matches(".rs")
}

/// The line of [`ORDER`] that a file is on.
fn line(file: &str) -> usize {
    let known = ORDER.iter().position(|(_, modules)| modules.contains(&top(file)));
    known.unwrap_or_else(|| panic!("src/{file} stands on no layer: add it to tests/layers/rules.rs"))
}

/// The imports that go up: those of tests too.
pub fn upward(tree: &Tree) -> Vec<String> {
    let pairs = [&tree.imports, &tree.test_imports].into_iter().flatten();
    let found: BTreeSet<String> = pairs
        .flat_map(|(file, imports)| imports.iter().map(move |import| (file, import)))
        .filter(|(file, import)| ![file.as_str(), import.as_str()].contains(&"lib.rs") && line(import) > line(file))
        .map(|(file, import)| {
            let [from, to] = [file, import].map(|file| ORDER[line(file)].0);
            format!("{file} (layer {from}) imports from {import} (layer {to})")
        })
        .collect();
    found.into_iter().collect()
}

/// The files that use `std::fs`, but for those whose work that is.
pub fn with_fs(tree: &Tree) -> Vec<String> {
    let allowed = |file: &&String| ["system", "disk"].contains(&top(file));
    tree.with_fs.iter().filter(|file| !allowed(file)).cloned().collect()
}

/// Calls that change something at a path, which an attacker may have led elsewhere meanwhile.
const WRITES_BY_PATH: [&str; 17] = [
    "fs::write(",
    "fs::rename(",
    "fs::remove_",
    "fs::create_dir",
    "fs::hard_link(",
    "fs::copy(",
    "fs::set_permissions(",
    "File::create",
    "DirBuilder",
    ".write(true)",
    ".append(true)",
    "renameat",
    "unlinkat",
    "mkdirat",
    "linkat",
    "tempfile_in(",
    "tempdir_in(",
];
/// The home of such calls, and the files that do without it, each for its reason.
const WRITERS: [&str; 5] = [
    "system/beneath/",
    // One write is one call of the firmware: its files are not replaced.
    "system/variables/write.rs",
    // A block device is not replaced, and holds no names.
    "system/variables/block.rs",
    // The terminal is a device.
    "system/terminal.rs",
    // A directory that was just made, for this user only.
    "system/workspace.rs",
];

/// The calls in a file of the program, outside of its tests, that write by a path and not through `system::beneath`.
pub fn writes_by_path(file: &str, text: &str) -> Vec<String> {
    let is_test = file.ends_with("/tests.rs") || file.contains("/tests/");
    if is_test || WRITERS.iter().any(|home| file.starts_with(home)) {
        return Vec::new();
    }
    let program = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines
        // Reading the text of a link writes nothing.
        .filter(|line| {
            WRITES_BY_PATH
                .iter()
                .any(|call| line.replace("readlinkat", "").contains(call))
        })
        .map(|line| format!("{file}: {}", line.trim()))
        .collect()
}

/// The imports that are part of a circle between two neighbours in one folder: files, or folders with all that is in
/// them. Circles between files of different folders are circles between neighbours further up.
pub fn circles(tree: &Tree) -> Vec<String> {
    let mut found = BTreeSet::new();
    let edges: Vec<(&String, &String)> = tree
        .imports
        .iter()
        .flat_map(|(file, imports)| imports.iter().map(move |import| (file, import)))
        .collect();
    for folder in tree
        .imports
        .keys()
        .flat_map(|file| folders(file))
        .collect::<BTreeSet<_>>()
    {
        let neighbour = |file: &str| {
            let inside = file.strip_prefix(folder)?;
            Some(inside.split('/').next().unwrap_or(inside).to_owned())
        };
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in &edges {
            if let (Some(from), Some(to)) = (neighbour(from), neighbour(to)) {
                graph.entry(from).or_default().insert(to);
            }
        }
        for (file, import) in &edges {
            if let (Some(from), Some(to)) = (neighbour(file), neighbour(import))
                && from != to
                && reaches(&graph, &to, &from)
            {
                found.insert(format!("{file} imports from {import}"));
            }
        }
    }
    found.into_iter().collect()
}

/// The folders that a file is in, the outermost first, each with a slash at its end.
fn folders(file: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(file.match_indices('/').map(|(at, _)| &file[..=at]))
}

fn reaches(graph: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node == to {
            return true;
        }
        if seen.insert(node) {
            open.extend(graph.get(node).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_by_path_is_seen() {
        let text = "// fs::write(a)\nfs::rename(a, b);\n#[cfg(test)]\nmod tests { fs::write(x) }";
        assert_eq!(
            writes_by_path("system/files.rs", text),
            ["system/files.rs: fs::rename(a, b);"]
        );
        for home in [
            "system/beneath/mod.rs",
            "system/transaction/tests.rs",
            "enroll/tests/faults.rs",
        ] {
            assert!(writes_by_path(home, text).is_empty());
        }
    }

    #[test]
    fn an_upward_import_is_seen() {
        let tree = Tree::new([
            ("formats/a.rs", "fn f() { crate::trust::g() }"),
            (
                "trust/mod.rs",
                "use crate::{formats::a, sign};\n#[cfg(test)] mod tests { use crate::ui; }",
            ),
            ("sign/mod.rs", "use crate::disk; use crate::keys;"),
            ("keys.rs", ""),
            ("disk.rs", "use crate::keys;"),
            ("ui.rs", ""),
        ]);
        assert_eq!(
            upward(&tree),
            [
                "disk.rs (layer 1) imports from keys.rs (layer 2)",
                "formats/a.rs (layer 0) imports from trust/mod.rs (layer 2)",
                "trust/mod.rs (layer 2) imports from sign/mod.rs (layer 3)",
                "trust/mod.rs (layer 2) imports from ui.rs (layer 4)",
            ]
        );
    }

    #[test]
    fn another_order_within_layer_3_is_seen() {
        let files = [
            "sign",
            "enroll",
            "kernel_config",
            "ceremony",
            "grub",
            "rotate",
            "hook",
            "audit",
            "demo",
        ];
        let rank = |name: &str| line(&format!("{name}.rs"));
        for from in files {
            for to in files.into_iter().filter(|to| *to != from) {
                let text = format!("use crate::{to};");
                let mut sources = vec![(format!("{from}.rs"), text)];
                sources.extend(
                    files
                        .iter()
                        .filter(|name| **name != from)
                        .map(|name| (format!("{name}.rs"), String::new())),
                );
                let found = upward(&Tree::new(sources));
                assert_eq!(
                    found.len(),
                    usize::from(rank(to) > rank(from)),
                    "{from} {to}: {found:?}"
                );
            }
        }
        assert!(rank("enroll") < rank("grub") && rank("ceremony") < rank("rotate") && rank("rotate") < rank("hook"));
        assert!(rank("hook") < rank("audit") && rank("audit") < rank("demo") && rank("demo") < rank("cli"));
    }

    #[test]
    fn a_circle_is_seen_between_files_folders_and_a_folder_and_its_mod() {
        let tree = Tree::new([
            ("sign/a.rs", "use super::b;"),
            ("sign/b.rs", "fn f() { crate::sign::c::g() }"),
            ("sign/c.rs", "use super::a; use super::d;"),
            ("sign/d.rs", ""),
        ]);
        let expected = [
            "sign/a.rs imports from sign/b.rs",
            "sign/b.rs imports from sign/c.rs",
            "sign/c.rs imports from sign/a.rs",
        ];
        assert_eq!(circles(&tree), expected);

        // No two files import each other here, the folders do.
        let tree = Tree::new([
            ("sign/a/x.rs", "use crate::sign::b::x;"),
            ("sign/a/y.rs", ""),
            ("sign/b/x.rs", ""),
            ("sign/b/y.rs", "use super::super::a::y;"),
        ]);
        let expected = [
            "sign/a/x.rs imports from sign/b/x.rs",
            "sign/b/y.rs imports from sign/a/y.rs",
        ];
        assert_eq!(circles(&tree), expected);

        let tree = Tree::new([
            ("sign/mod.rs", "mod a; use a::X;"),
            ("sign/a.rs", "use super::Y;"),
            ("keys.rs", "use crate::trust;"),
            ("trust.rs", "use crate::keys;"),
        ]);
        assert_eq!(circles(&tree).len(), 4, "{:?}", circles(&tree));

        let tree = Tree::new([
            ("sign/mod.rs", "mod a; #[cfg(test)] mod tests;"),
            (
                "sign/a.rs",
                "use super::Y;\n#[cfg(test)] mod tests { use crate::sign::tests::Z; }",
            ),
            ("sign/tests.rs", "use super::a;"),
        ]);
        assert!(circles(&tree).is_empty());
    }

    #[test]
    fn files_are_seen_to_be_read_outside_system_and_disk() {
        let tree = Tree::new([
            ("system/a.rs", "use std::fs;"),
            ("disk/a.rs", "use std::fs;"),
            ("sign/a.rs", "use std::{fs, io};"),
            ("sign/b.rs", "fn f() { std::fs::read(\"x\") } // std::fs"),
            (
                "sign/c.rs",
                "use std::os::unix::fs::MetadataExt;\n#[cfg(test)] mod tests { use std::fs; }",
            ),
        ]);
        assert_eq!(with_fs(&tree), ["sign/a.rs", "sign/b.rs"]);
    }
}
