//! A machine with nothing but Debian, cargo and a C compiler: `tests/run` brings all that the tests use.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::programs::{NEEDED, tool};
use crate::support::succeed;

/// The packages that a script installs: the words of its `apt-get install`, without options and suites.
fn installed(script: &str) -> BTreeSet<String> {
    let words = script
        .split_once("apt-get install ")
        .and_then(|(_, after)| after.split_once(">/dev/null"))
        .map_or("", |(words, _)| words);
    words
        .split_whitespace()
        .filter(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .map(|word| word.split('/').next().unwrap_or(word).to_owned())
        .collect()
}

/// Reports that Debian installs a package on every machine.
fn is_on_every_machine(package: &str) -> bool {
    let format = "${db:Status-Abbrev} ${Essential} ${Priority}";
    let output = tool("dpkg-query").args(["-W", "-f", format, package]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    said.starts_with("ii") && (said.contains(" yes ") || said.ends_with(" required"))
}

fn missing(script: &str) -> Vec<&'static str> {
    let installed = installed(script);
    let packages: BTreeSet<_> = NEEDED.iter().map(|(_, package)| *package).collect();
    let missing = |package: &&str| !installed.contains(*package) && !is_on_every_machine(package);
    packages.into_iter().filter(missing).collect()
}

fn script() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run")).unwrap()
}

#[test]
fn every_package_is_installed_by_the_script_or_by_debian() {
    assert_eq!(missing(&script()), [""; 0], "tests/run does not install these");
}

#[test]
fn a_package_that_the_script_forgets_is_seen() {
    let without = script().replace("initramfs-tools-core", "").replace(" dash ", " ");
    assert_eq!(missing(&without), ["initramfs-tools-core"], "dash is on every machine");
    assert_eq!(
        installed("x; apt-get install -y a-1 \\\n  b/suite \"$kbuild\" >/dev/null; c"),
        ["a-1", "b"].map(str::to_owned).into()
    );
}

/// A package that is written beside the wrong program would be installed in vain.
#[test]
fn every_program_is_in_its_package() {
    let places = |name: &str| {
        if name.starts_with('/') {
            vec![name.to_owned(), format!("/usr{name}")]
        } else {
            ["/bin", "/sbin", "/usr/bin", "/usr/sbin"]
                .map(|directory| format!("{directory}/{name}"))
                .to_vec()
        }
    };
    for (name, package) in NEEDED {
        let files = succeed(tool("dpkg-query").args(["-L", package]));
        let places = places(name);
        assert!(
            files.lines().any(|file| places.iter().any(|place| place == file)),
            "{name} is not in {package}"
        );
    }
}

/// The sources of the tests.
fn sources() -> Vec<String> {
    fn collect(directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut sources);
    sources
}

/// The programs that a source starts in this way, by their names.
fn started<'a>(source: &'a str, way: &'a str) -> impl Iterator<Item = &'a str> {
    source.match_indices(way).filter_map(move |(at, _)| {
        let is_longer = source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let after = source[at + way.len()..].strip_prefix("(\"")?;
        after.split('"').next().filter(|_| !is_longer)
    })
}

/// So that no program escapes the list.
#[test]
fn programs_are_started_by_their_entry_in_the_list() {
    for source in sources() {
        let unlisted: Vec<_> = started(&source, concat!("Command", "::new")).collect();
        assert_eq!(unlisted, [""; 0], "use support::tool");
        let is_listed = |name: &&str| NEEDED.iter().any(|(needed, _)| needed == name);
        let unknown: Vec<_> = started(&source, "tool").filter(|name| !is_listed(name)).collect();
        assert_eq!(unknown, [""; 0], "add it to NEEDED in tests/support/programs.rs");
    }
    assert_eq!(
        started("tool(\"a\"); b::tool(c); promtool(\"d\")", "tool").collect::<Vec<_>>(),
        ["a"]
    );
}
