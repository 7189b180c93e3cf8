//! The manual pages, as `mandoc` reads them.

use std::fs;

use crate::support::{bootseal, succeed, text, tool};

#[test]
fn every_command_has_a_page_and_mandoc_finds_nothing_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let said = succeed(bootseal(["man"]).arg(directory.path()));
    let pages: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("wrote ")).collect();
    assert!(pages.len() > 50, "{said}");
    for wanted in [
        "man1/bootseal.1",
        "man1/bootseal-sign-efi.1",
        "man1/bootseal-ceremony-drill.1",
        "man5/bootseal.toml.5",
    ] {
        assert!(pages.iter().any(|page| page.ends_with(wanted)), "{wanted}: {said}");
    }
    let output = tool("mandoc")
        .args(["-Tlint", "-W", "warning"])
        .args(&pages)
        .output()
        .unwrap();
    assert!(output.status.success() && text(&output).is_empty(), "{}", text(&output));
    // The same pages from another start.
    let before: Vec<Vec<u8>> = pages.iter().map(|page| fs::read(page).unwrap()).collect();
    succeed(bootseal(["man"]).arg(directory.path()));
    assert!(pages.iter().map(|page| fs::read(page).unwrap()).eq(before));
}

#[test]
fn pages_have_examples_exit_codes_and_settings() {
    let directory = tempfile::tempdir().unwrap();
    succeed(bootseal(["man"]).arg(directory.path()));
    let shown = |name: &str| {
        let printed = succeed(tool("mandoc").arg("-Tascii").arg(directory.path().join(name)));
        let mut plain = String::new();
        for letter in printed.chars() {
            // A bold letter is one that is struck twice.
            if letter == '\u{8}' {
                plain.pop();
            } else {
                plain.push(letter);
            }
        }
        plain
    };
    let page = shown("man1/bootseal-verify.1");
    for wanted in ["EXAMPLES", "EXIT STATUS", "Possible values", "bootseal.toml(5)"] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    let page = shown("man5/ceremony.toml.5");
    for wanted in ["[keys.PK]", "years = 20", "place"] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
}

#[test]
fn the_long_version_says_what_it_was_built_of() {
    let said = succeed(&mut bootseal(["--version"]));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], concat!("bootseal ", env!("CARGO_PKG_VERSION")));
    for (line, name) in lines[1..].iter().zip(["commit:", "target:", "features:"]) {
        assert!(line.starts_with(name), "{said}");
    }
    assert_eq!(lines.len(), 4, "{said}");
    assert_eq!(succeed(&mut bootseal(["-V"])).lines().count(), 1);
}
