//! Pages of README and manual, taken apart.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A page of Markdown.
pub struct Page {
    pub path: PathBuf,
    /// Its path below the repository.
    pub name: String,
    pub text: String,
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and all pages of the manual.
pub fn pages() -> Vec<Page> {
    let manual = glob::glob(repository().join("docs/manual/*.md").to_str().unwrap()).unwrap();
    let mut pages: Vec<Page> = manual.map(|path| Page::read(&path.unwrap())).collect();
    pages.push(Page::read(&repository().join("README.md")));
    assert!(pages.len() > 15, "the manual is not where it was");
    pages
}

impl Page {
    pub fn read(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            name: path.strip_prefix(repository()).unwrap_or(path).display().to_string(),
            text: fs::read_to_string(path).unwrap(),
        }
    }

    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap()
    }

    /// The calls of bootseal in the blocks of what is typed, with their lines, counted from 1.
    pub fn shown(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut is_console = false;
        for (number, line) in (1..).zip(self.text.lines()) {
            let line = line.trim_start();
            if let Some(language) = line.strip_prefix("```") {
                is_console = language == "console";
                continue;
            }
            let typed = line.strip_prefix("# ").or_else(|| line.strip_prefix("$ "));
            if let Some(call) = typed.filter(|call| is_console && call.starts_with("bootseal ")) {
                found.push((number, call.to_owned()));
            }
        }
        found
    }

    /// The commands of root's in the part of the page under the heading that begins so.
    pub fn commands(&self, heading: &str) -> Vec<String> {
        let is_it = |line: &str| line.strip_prefix("## ").is_some_and(|title| title.starts_with(heading));
        let lines = self.text.lines().skip_while(|line| !is_it(line)).skip(1);
        let lines = lines.take_while(|line| !line.starts_with("## "));
        let typed = lines.filter_map(|line| line.trim_start().strip_prefix("# "));
        let typed: Vec<String> = typed.map(str::to_owned).collect();
        assert!(!typed.is_empty(), "{}: no commands under {heading:?}", self.name);
        typed
    }

    /// The text without its blocks.
    fn prose(&self) -> String {
        let blocks = self.text.split("```");
        blocks.step_by(2).collect::<Vec<_>>().join("\n")
    }

    /// The calls of bootseal in sentences and tables, between backticks, which may be parted by the end of a line.
    pub fn mentioned(&self) -> Vec<String> {
        let prose = self.prose();
        let quoted = prose.split('`').skip(1).step_by(2);
        quoted
            .map(|call| call.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|call| call.starts_with("bootseal "))
            .collect()
    }

    /// The paths, below the repository, that links lead to where it is published: the manual as a website has nothing beside its pages.
    pub fn links_to_repository(&self) -> Vec<String> {
        let prose = self.prose();
        let parts = prose.split("](https://github.com/bootseal/bootseal/").skip(1);
        let targets = parts.filter_map(|after| after.split(')').next());
        let paths =
            targets.filter_map(|target| target.strip_prefix("blob/main/").or(target.strip_prefix("tree/main/")));
        paths.map(str::to_owned).collect()
    }

    /// The targets of links to files and headings.
    pub fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let targets = prose.split("](").skip(1).filter_map(|after| after.split(')').next());
        let included = prose
            .split("{{#include ")
            .skip(1)
            .filter_map(|after| after.split("}}").next());
        targets
            .chain(included)
            .filter(|target| !target.contains("://"))
            .map(str::to_owned)
            .collect()
    }

    /// The names under which headings are linked.
    pub fn anchors(&self) -> BTreeSet<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|heading| {
                let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
                let plain: String = heading.trim_start_matches('#').trim().chars().filter(kept).collect();
                plain.to_lowercase().replace(' ', "-")
            })
            .collect()
    }
}

/// The words of a command as a shell makes them, up to a redirection, a pipe or another command.
pub fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        let word = words.last_mut().unwrap();
        match (quote, letter) {
            (None, '>' | '<' | '|' | ';' | '&') => break,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            (None, '\\') => word.extend(letters.next()),
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(String::new()),
            (_, letter) => word.push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn words_are_those_of_a_shell() {
    assert_eq!(
        words("bootseal a  'b c' \"d\"e\\ f > g"),
        ["bootseal", "a", "b c", "de f"]
    );
    assert_eq!(words("bootseal a|b"), ["bootseal", "a"]);
}
