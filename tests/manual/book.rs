//! The manual as mdBook makes it: it builds without a word of warning, and each link between its pages leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::programs::of_later_debian;

use super::pages::repository;

/// A page as a browser reads it.
struct Page {
    /// Targets of links, and pictures.
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

impl Page {
    fn read(html: &str) -> Self {
        let values = |name: &'static str| {
            let parts = html.split(name).skip(1);
            parts.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        };
        Self {
            links: values("<a href=\"").chain(values("<img src=\"")).collect(),
            anchors: values(" id=\"").collect(),
        }
    }
}

#[test]
fn mdbook_makes_it_and_its_links_lead_somewhere() {
    let made = tempfile::tempdir().unwrap();
    let manual = repository().join("docs/manual");
    for action in ["build", "test"] {
        let output = of_later_debian("mdbook")
            .args([action, "--dest-dir"])
            .args([made.path(), &manual])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(!said.contains("[WARN]") && !said.contains("[ERROR]"), "{said}");
    }
    let pages: BTreeMap<String, Page> = fs::read_dir(made.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "html"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, Page::read(&fs::read_to_string(path).unwrap()))
        })
        .collect();
    let chapters = fs::read_to_string(manual.join("SUMMARY.md"))
        .unwrap()
        .matches(".md)")
        .count();
    assert!(pages.len() >= chapters, "{} pages of {chapters} chapters", pages.len());
    let mut dead = Vec::new();
    let mut followed = 0;
    for (name, page) in &pages {
        for link in page.links.iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = if file.is_empty() { name } else { file };
            let leads = match pages.get(file) {
                Some(page) => anchor.is_empty() || page.anchors.contains(anchor),
                None => anchor.is_empty() && made.path().join(file).exists(),
            };
            followed += 1;
            if !leads {
                dead.push(format!("{name}: {link}"));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
    assert!(followed > 50, "{followed} links");
}
