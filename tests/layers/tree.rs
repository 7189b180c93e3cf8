//! All sources together: which file imports from which.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Path, Source};

/// The sources below `src/`, by their paths, such as `sign/efi.rs`.
pub struct Tree {
    /// For each file the files that it imports from, tests aside.
    pub imports: BTreeMap<String, BTreeSet<String>>,
    /// The same for what is compiled for tests alone.
    pub test_imports: BTreeMap<String, BTreeSet<String>>,
    /// The names that files take by way of the `mod.rs` of a folder that they are in themselves, tests aside.
    pub detours: BTreeSet<String>,
    /// The files that name `std::fs`, tests aside.
    pub with_fs: BTreeSet<String>,
}

impl Tree {
    /// Reads sources by their paths.
    pub fn new<N: Into<String>, T: Into<String>>(sources: impl IntoIterator<Item = (N, T)>) -> Self {
        let texts: BTreeMap<String, String> = sources
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()))
            .filter(|(name, _)| name != "main.rs")
            .collect();
        let modules: BTreeMap<Path, String> = texts.keys().map(|file| (module(file), file.clone())).collect();
        let read: BTreeMap<&String, Source> = texts
            .iter()
            .map(|(file, text)| (file, Source::read(text, &children(&modules, &module(file)))))
            .collect();
        let apart: Vec<Path> = read
            .iter()
            .flat_map(|(file, source)| {
                source
                    .test_children
                    .iter()
                    .map(|child| [module(file), vec![child.clone()]].concat())
            })
            .collect();
        let mut tree = Self {
            imports: BTreeMap::new(),
            test_imports: BTreeMap::new(),
            detours: BTreeSet::new(),
            with_fs: BTreeSet::new(),
        };
        let passed_on = read
            .iter()
            .flat_map(|(file, source)| {
                let own = module(file);
                let path = |(name, path): &(String, Path)| {
                    Some((
                        [own.as_slice(), std::slice::from_ref(name)].concat(),
                        absolute(&modules, &own, path)?,
                    ))
                };
                source.passed_on.iter().filter_map(path).collect::<Vec<_>>()
            })
            .collect();
        let map = Map { modules, passed_on };
        for (file, source) in &read {
            let own = module(file);
            let resolve = |paths: &[Path]| -> BTreeSet<String> {
                let found = paths.iter().filter_map(|path| map.definition(&own, path));
                found.filter(|found| found != *file).collect()
            };
            let mut test_imports = resolve(&source.test_paths);
            if apart.iter().any(|test| own.starts_with(test)) {
                test_imports.extend(resolve(&source.paths));
            } else {
                tree.imports.insert((*file).clone(), resolve(&source.paths));
                let detours = source.paths.iter().filter_map(|path| map.detour(&own, path));
                tree.detours
                    .extend(detours.map(|name| format!("{file} takes {name} from the mod.rs above")));
                if source
                    .paths
                    .iter()
                    .any(|path| path.starts_with(&["std".to_owned(), "fs".to_owned()]))
                {
                    tree.with_fs.insert((*file).clone());
                }
            }
            tree.test_imports.insert((*file).clone(), test_imports);
        }
        tree
    }
}

/// The modules, and the names that they pass on.
struct Map {
    /// The file of each module.
    modules: BTreeMap<Path, String>,
    /// The absolute path of each name that is passed on, and of what it stands for.
    passed_on: BTreeMap<Path, Path>,
}

impl Map {
    /// The file that defines what a path names; `None` if that is outside this crate.
    fn definition(&self, own: &Path, path: &Path) -> Option<String> {
        let mut path = absolute(&self.modules, own, path)?;
        // As often as a name may be passed on.
        for _ in 0..8 {
            match self.passed_on(&path) {
                Some((length, target)) => path = [target.as_slice(), &path[length..]].concat(),
                None => break,
            }
        }
        (0..=path.len())
            .rev()
            .find_map(|length| self.modules.get(&path[..length]).cloned())
    }

    /// The name that a path takes from a module above `own` that only passes it on.
    fn detour(&self, own: &Path, path: &Path) -> Option<String> {
        let path = absolute(&self.modules, own, path)?;
        let (length, _) = self.passed_on(&path)?;
        let above = own.len() >= length && own.starts_with(&path[..length - 1]);
        above.then(|| path[..length].join("::"))
    }

    /// How much of a path is a name that is passed on, and what that stands for.
    fn passed_on(&self, path: &[String]) -> Option<(usize, &Path)> {
        // A module's own name comes before that which is passed on.
        (1..=path.len())
            .filter(|length| !self.modules.contains_key(&path[..*length]))
            .find_map(|length| Some((length, self.passed_on.get(&path[..length])?)))
    }
}

/// The module that a file is.
fn module(file: &str) -> Path {
    let mut path: Path = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
        path.pop();
    }
    path
}

fn children(modules: &BTreeMap<Path, String>, own: &Path) -> Vec<String> {
    let below = modules
        .keys()
        .filter(|path| path.len() == own.len() + 1 && path.starts_with(own));
    below.filter_map(|path| path.last().cloned()).collect()
}

/// A path from the crate's root; `None` if it leaves this crate.
fn absolute(modules: &BTreeMap<Path, String>, own: &Path, path: &Path) -> Option<Path> {
    let mut absolute = own.clone();
    let mut segments = path.iter().peekable();
    match segments.peek()?.as_str() {
        "crate" => {
            absolute.clear();
            segments.next();
        }
        "self" => {
            segments.next();
        }
        "super" => {
            while segments.next_if(|segment| *segment == "super").is_some() {
                absolute.pop();
            }
        }
        first => {
            absolute.push(first.to_owned());
            if !modules.contains_key(&absolute) {
                return None;
            }
            segments.next();
        }
    }
    absolute.extend(segments.cloned());
    Some(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(file: &str, text: &str) -> Vec<String> {
        let others = ["lib.rs", "a/mod.rs", "a/b.rs", "a/c/mod.rs", "a/c/d.rs", "e.rs"];
        let sources = others.into_iter().filter(|name| *name != file).map(|name| (name, ""));
        let tree = Tree::new(sources.chain([(file, text)]));
        tree.imports[file].iter().cloned().collect()
    }

    #[test]
    fn a_path_is_the_innermost_module_on_it() {
        assert_eq!(imports("a/b.rs", "use crate::a::c::d::f;"), ["a/c/d.rs"]);
        assert_eq!(imports("a/b.rs", "use crate::a::c::X;"), ["a/c/mod.rs"]);
        assert_eq!(imports("a/c/d.rs", "use super::super::b::{X, y};"), ["a/b.rs"]);
        assert_eq!(imports("a/c/d.rs", "use super::X;"), ["a/c/mod.rs"]);
        assert_eq!(
            imports("a/mod.rs", "mod b; mod c; use c::d; fn f() { b::g() }"),
            ["a/b.rs", "a/c/d.rs"]
        );
        assert_eq!(imports("e.rs", "use std::e; use b::X; use self::Y;"), [""; 0]);
    }

    #[test]
    fn a_name_that_is_passed_on_is_where_it_is_defined() {
        let tree = Tree::new([
            ("a/mod.rs", "mod b; mod c; pub use c::E; pub use b::X as Y;"),
            ("a/b.rs", "use super::E; use super::Z;"),
            ("a/c/mod.rs", "mod d; pub use d::E;"),
            ("a/c/d.rs", ""),
            ("e.rs", "use crate::a::{Y, E::V};"),
        ]);
        assert!(tree.imports["a/mod.rs"].is_empty());
        assert_eq!(
            tree.imports["a/b.rs"].iter().collect::<Vec<_>>(),
            ["a/c/d.rs", "a/mod.rs"]
        );
        assert_eq!(tree.imports["e.rs"].iter().collect::<Vec<_>>(), ["a/b.rs", "a/c/d.rs"]);
        assert_eq!(
            tree.detours.iter().collect::<Vec<_>>(),
            ["a/b.rs takes a::E from the mod.rs above"]
        );
    }

    #[test]
    fn a_file_of_tests_is_apart() {
        let tree = Tree::new([
            ("a/mod.rs", "#[cfg(test)] mod tests;"),
            ("a/tests.rs", "use super::X; use std::fs; use crate::b;"),
            (
                "b.rs",
                "#[cfg(test)] mod tests { use crate::a; use std::fs; } use std::{fs::File, io};",
            ),
        ]);
        assert!(!tree.imports.contains_key("a/tests.rs"));
        assert!(tree.test_imports["a/tests.rs"].contains("b.rs"));
        assert!(tree.imports["b.rs"].is_empty() && tree.test_imports["b.rs"].contains("a/mod.rs"));
        assert_eq!(tree.with_fs.into_iter().collect::<Vec<_>>(), ["b.rs"]);
    }
}
