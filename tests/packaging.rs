//! Packages, held against Cargo.toml and the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn ebuild() -> String {
    let name = concat!("bootseal-", env!("CARGO_PKG_VERSION"), ".ebuild");
    fs::read_to_string(repository().join("packaging/gentoo/app-crypt/bootseal").join(name)).unwrap()
}

/// The value of a variable of the ebuild.
fn variable<'a>(ebuild: &'a str, name: &str) -> &'a str {
    let start = format!("\n{name}=\"");
    let (_, after) = ebuild.split_once(&start).unwrap_or_else(|| panic!("no {name}"));
    after.split('"').next().unwrap()
}

#[test]
fn the_ebuild_says_what_the_crate_says() {
    let ebuild = ebuild();
    assert_eq!(variable(&ebuild, "DESCRIPTION"), env!("CARGO_PKG_DESCRIPTION"));
    assert!(env!("CARGO_PKG_DESCRIPTION").len() < 80, "Gentoo takes no more");
    assert_eq!(variable(&ebuild, "HOMEPAGE"), env!("CARGO_PKG_HOMEPAGE"));
    assert_eq!(
        variable(&ebuild, "RUST_MIN_VER"),
        format!("{}.0", env!("CARGO_PKG_RUST_VERSION"))
    );
    assert_eq!(env!("CARGO_PKG_LICENSE"), "(MIT OR Apache-2.0) AND BSD-2-Clause-Patent");
}

/// The licences that `cargo deny` lets in, by Gentoo's names; those beside them that nothing needs alone have none here.
#[test]
fn the_ebuild_names_the_licences_of_all_crates() {
    let ebuild = ebuild();
    let named: Vec<&str> = ebuild
        .lines()
        .filter(|line| line.starts_with("LICENSE"))
        .flat_map(|line| line.split(['"', ' ']))
        .collect();
    let deny = fs::read_to_string(repository().join("deny.toml")).unwrap();
    for (spdx, gentoo) in [
        ("Apache-2.0", "Apache-2.0"),
        ("BSD-3-Clause", "BSD"),
        ("BSD-2-Clause-Patent", "BSD-2-with-patent"),
        ("BSL-1.0", "Boost-1.0"),
        ("CC0-1.0", "CC0-1.0"),
        ("ISC", "ISC"),
        ("LGPL-2.0-or-later", "LGPL-2+"),
        ("MIT", "MIT"),
        ("Unicode-3.0", "Unicode-3.0"),
        ("Zlib", "ZLIB"),
    ] {
        assert!(deny.contains(&format!("\"{spdx}\"")), "{spdx} is no licence of ours");
        assert!(named.contains(&gentoo), "{gentoo}: {named:?}");
    }
}

#[test]
fn versions_agree() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = fs::read_to_string(repository().join("CHANGELOG.md")).unwrap();
    assert!(changelog.contains(&format!("\n## {version}\n")), "CHANGELOG.md");
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let text = fs::read_to_string(repository().join(lock)).unwrap();
        assert!(
            text.contains(&format!("name = \"bootseal\"\nversion = \"{version}\"")),
            "{lock}"
        );
    }
}

/// Files that the Debian package takes from the sources; the rest is made by `packaging/debian/build`.
#[test]
fn files_of_the_packages_are_there() {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string(repository().join("Cargo.toml")).unwrap()).unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    let build = fs::read_to_string(repository().join("packaging/debian/build")).unwrap();
    for asset in assets {
        let source = asset[0].as_str().unwrap();
        if let Some(made) = source.strip_prefix("target/packaging/debian/") {
            let is_page = made.starts_with("man");
            assert!(is_page || build.contains(&format!("$stage/{made}\"")), "{source}");
        } else {
            let found: Vec<PathBuf> = glob::glob(repository().join(source).to_str().unwrap())
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert!(!found.is_empty(), "{source}");
        }
    }
    for completions in ["bootseal", "_bootseal", "bootseal.fish"] {
        assert!(
            ebuild().contains(&format!("hooks/completions/{completions}\n")),
            "{completions}"
        );
    }
}
