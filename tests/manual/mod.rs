//! README and manual: each command in them is one that bootseal takes, each link leads somewhere, and what the README shows is said.

mod book;
pub mod pages;
mod session;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bootseal::cli::Cli;
use clap::Parser;
use clap::error::ErrorKind;
use serde_json::Value;

use crate::support::{bootseal, succeed};
use pages::{Page, pages, repository, words};

/// Parses a call of bootseal; the error as clap tells it.
fn parse(command: &str) -> Result<(), (ErrorKind, String)> {
    match Cli::try_parse_from(words(command)) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => Ok(()),
        Err(error) => Err((error.kind(), error.to_string())),
    }
}

/// Reports that words in a sentence name a command without all that it needs.
fn is_a_name(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

#[test]
fn every_command_is_one_that_bootseal_takes() {
    let mut wrong = Vec::new();
    let mut shown = 0;
    for page in pages() {
        for (line, command) in page.shown() {
            shown += 1;
            if let Err((_, error)) = parse(&command) {
                wrong.push(format!("{}:{line}: {command}: {error}", page.name));
            }
        }
        for command in page.mentioned() {
            match parse(&command) {
                Err((kind, error)) if !is_a_name(kind) => {
                    wrong.push(format!("{}: {command}: {error}", page.name));
                }
                _ => {}
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(shown > 80, "{shown} commands were found in blocks");
    assert!(parse("bootseal enroll plan --no-such-option").is_err());
    assert!(parse("bootseal sign all --accept-changed").is_err());
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for page in pages() {
        for target in page.links() {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = page.directory().join(file);
            let there = if file.is_empty() { page.path.clone() } else { path };
            if !there.exists() {
                wrong.push(format!("{}: {target} is not there", page.name));
            } else if !anchor.is_empty() && !Page::read(&there).anchors().contains(anchor) {
                wrong.push(format!("{}: {target} has no such heading", page.name));
            }
        }
        for target in page.links_to_repository() {
            if !repository().join(&target).exists() {
                wrong.push(format!("{}: the repository has no {target}", page.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_page_is_in_the_summary_under_its_own_title() {
    let manual = repository().join("docs/manual");
    let summary = Page::read(&manual.join("SUMMARY.md"));
    let listed: BTreeSet<String> = summary.links().into_iter().collect();
    let files = fs::read_dir(&manual).unwrap();
    let there: BTreeSet<String> = files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md") && name != "SUMMARY.md")
        .collect();
    assert_eq!(listed, there);
    for name in there.iter().filter(|name| *name != "limits.md") {
        let page = Page::read(&manual.join(name));
        let title = page.text.lines().next().unwrap().strip_prefix("# ").unwrap();
        assert!(summary.text.contains(&format!("[{title}]({name})")), "{name}: {title}");
    }
}

/// So that no check comes, goes or changes without the manual.
#[test]
fn each_check_of_the_audit_is_explained() {
    let listed = succeed(&mut bootseal(["audit", "--list", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let page = Page::read(&repository().join("docs/manual/audit.md")).text;
    let rows: Vec<String> = listed["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| {
            let text = |key: &str| check[key].as_str().unwrap().replace('|', "\\|");
            let (id, proves, remedy) = (text("id"), text("proves"), text("remedy"));
            format!("| `{id}` | {proves} | {remedy} | {} |", text("level"))
        })
        .collect();
    for row in &rows {
        assert!(page.contains(row), "docs/manual/audit.md lacks:\n{row}");
    }
    let shown = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches(" | ").count() == 3);
    assert_eq!(shown.count(), rows.len());
}
