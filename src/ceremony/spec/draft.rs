//! A specification that is being written: each answer of a person joins what is there, and comments stay.

use std::path::Path;

use crate::error::{Explain, Result};
use crate::keys::KeyName;

use super::file::{self, UNFINISHED};
use super::shares::Shares;
use super::specification::Spec;

/// The keys that belong on no node unless the specification says so.
const OFFLINE: [KeyName; 2] = [KeyName::Pk, KeyName::Kek];
/// The keys that sign with nobody there.
const SIGNING: [KeyName; 3] = [KeyName::Db, KeyName::Module, KeyName::Grub];

/// An answer to a question of a ceremony without a whole specification.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The name that begins the subject of every certificate.
    Name(String),
    /// Directory of the keys of the machine that signs.
    Node(String),
    /// Directory of PK and KEK; if none, they are kept with the others.
    Offline(Option<String>),
    /// True if db, module and GRUB keys stay unencrypted.
    Plain(bool),
    /// Names of Microsoft's certificates, separated by commas.
    Microsoft(String),
    /// Directory of the backup, and the shares that it is under; without them, it is under the passphrase.
    Backup(String, Option<Shares>),
}

/// A specification that may lack parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    text: String,
    table: toml::Table,
    is_unfinished: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            text: "# Made by bootseal ceremony run\n".to_owned(),
            table: toml::Table::new(),
            is_unfinished: true,
        }
    }
}

impl Draft {
    /// Reads what there is. Refuses what is no TOML.
    pub fn parse(text: &str) -> Result<Self> {
        let (marks, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.trim() == UNFINISHED);
        let mut text = lines.join("\n");
        text.push('\n');
        let mut draft = Self {
            is_unfinished: !marks.is_empty(),
            table: table(&text)?,
            text,
        };
        // No question is of the nodes of a fleet: its specification is written by hand.
        let asks = !draft.says("name") || !draft.says("node") || draft.asks_for_offline();
        draft.is_unfinished = (draft.is_unfinished || asks) && !draft.says("fleet");
        Ok(draft)
    }

    /// True if questions are left.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    /// True if it has a value at these names, which are separated by dots.
    #[must_use]
    pub fn says(&self, names: &str) -> bool {
        let mut names = names.split('.');
        let first = names.next().and_then(|name| self.table.get(name));
        names.fold(first, |value, name| value?.get(name)).is_some()
    }

    /// True if nothing says where PK or KEK goes.
    #[must_use]
    pub fn asks_for_offline(&self) -> bool {
        !self.says("offline") && OFFLINE.iter().any(|name| !self.says(&format!("keys.{name}.place")))
    }

    /// True if nothing says whether the keys that sign are encrypted.
    #[must_use]
    pub fn asks_for_encryption(&self) -> bool {
        !SIGNING.iter().any(|name| self.says(&format!("keys.{name}")))
    }

    /// The same with one more answer.
    pub fn with(&self, answer: &Answer) -> Result<Self> {
        let mut draft = self.clone();
        match answer {
            Answer::Name(name) => draft.put(&format!("name = {}", quote(name)))?,
            Answer::Node(path) => draft.put(&format!("node = {}", quote(path)))?,
            Answer::Offline(Some(path)) => draft.put(&format!("offline = {}", quote(path)))?,
            Answer::Offline(None) => {
                for name in OFFLINE
                    .into_iter()
                    .filter(|name| !self.says(&format!("keys.{name}.place")))
                {
                    draft.put_in(&format!("keys.{name}"), "place = \"node\"")?;
                }
            }
            Answer::Plain(plain) => {
                for name in SIGNING {
                    draft.put_in(&format!("keys.{name}"), &format!("encrypted = {}", !plain))?;
                }
            }
            Answer::Microsoft(list) => {
                let words: Vec<String> = list.split(',').map(|word| quote(word.trim())).collect();
                draft.put(&format!("microsoft = [{}]", words.join(", ")))?;
            }
            Answer::Backup(directory, shares) => {
                let shares = shares.map_or_else(String::new, |Shares { needed, of }| {
                    format!("\nshares = {{ needed = {needed}, of = {of} }}")
                });
                let lines = format!("directory = {}{shares}", quote(directory));
                draft.put_in("backup", &lines)?;
            }
        }
        Ok(draft)
    }

    /// The same with all questions answered.
    #[must_use]
    pub fn finished(mut self) -> Self {
        self.is_unfinished = false;
        self
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        if self.is_unfinished {
            format!("{UNFINISHED}\n{}", self.text)
        } else {
            self.text.clone()
        }
    }

    /// The specification as far as it goes, checked as a whole one is; paths are relative to `base`. What is not said yet is taken as
    /// something that is right.
    pub fn spec(&self, base: &Path) -> Result<Spec> {
        let mut whole = self.clone();
        for (name, value) in [("name", "\"x\""), ("node", "\"/nonexistent/bootseal/node\"")] {
            if !self.says(name) {
                whole.put(&format!("{name} = {value}"))?;
            }
        }
        if self.asks_for_offline() {
            whole.put("offline = \"/nonexistent/bootseal/offline\"")?;
        }
        let mut spec = file::parse(&whole.text, base)?;
        spec.validate()?;
        spec.check_targets()?;
        if self.asks_for_offline() {
            spec.offline = None;
        }
        Ok(spec)
    }

    /// Adds a line before the first table.
    fn put(&mut self, line: &str) -> Result<()> {
        let starts = self.text.match_indices('\n').map(|(index, _)| index.saturating_add(1));
        let is_header = |start: &usize| {
            let (before, after) = self.text.split_at_checked(*start).unwrap_or_default();
            // A list may go over lines that begin like a table.
            after.trim_start_matches([' ', '\t']).starts_with('[') && table(before).is_ok()
        };
        let header = std::iter::once(0).chain(starts).find(is_header);
        let (before, after) = match header.and_then(|start| self.text.split_at_checked(start)) {
            Some((before, after)) => (before.trim_end(), format!("\n{after}")),
            None => (self.text.trim_end(), String::new()),
        };
        self.replace(format!("{before}\n{line}\n{after}"))
    }

    /// Adds lines to a table, which is made if it is not there.
    fn put_in(&mut self, name: &str, lines: &str) -> Result<()> {
        let header = format!("[{name}]");
        let there = self.text.lines().any(|line| line.trim() == header);
        let text = if there {
            let lines = self.text.lines().map(|line| {
                if line.trim() == header {
                    format!("{line}\n{lines}\n")
                } else {
                    format!("{line}\n")
                }
            });
            lines.collect()
        } else {
            format!("{}\n\n{header}\n{lines}\n", self.text.trim_end())
        };
        self.replace(text)
    }

    fn replace(&mut self, text: String) -> Result<()> {
        self.table = table(&text)?;
        self.text = text;
        Ok(())
    }
}

/// A text as TOML wants it, whatever is in it.
fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn table(text: &str) -> Result<toml::Table> {
    text.parse().or_usage(|| "this is no specification in TOML".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Answer> {
        vec![
            Answer::Name("Ada's \"home\"\\".to_owned()),
            Answer::Node("/nonexistent/keys".to_owned()),
            Answer::Offline(None),
            Answer::Plain(true),
            Answer::Microsoft("default, windows-2023".to_owned()),
            Answer::Backup("/nonexistent/backup".to_owned(), "2/ 3".parse().ok()),
        ]
    }

    fn with(draft: &Draft, answers: &[Answer]) -> Draft {
        let join = |draft: Draft, answer| draft.with(answer).unwrap();
        answers.iter().fold(draft.clone(), join)
    }

    #[test]
    fn answers_become_a_specification_whatever_is_in_them_and_in_any_order() {
        for turn in 0..all().len() {
            let mut answers = all();
            answers.rotate_left(turn);
            let draft = with(&Draft::default(), &answers);
            assert_eq!(Draft::parse(&draft.text()).unwrap(), draft);
            let table = table(&draft.finished().text()).unwrap();
            assert_eq!(table["name"].as_str(), Some("Ada's \"home\"\\"));
            assert_eq!(table["microsoft"].as_array().map(Vec::len), Some(2));
            assert_eq!(table["keys"]["PK"]["place"].as_str(), Some("node"));
            assert_eq!(table["keys"]["db"]["encrypted"].as_bool(), Some(false));
            assert_eq!(table["backup"]["shares"]["needed"].as_integer(), Some(2));
            assert!(table.get("unfinished").is_none());
        }
    }

    #[test]
    fn each_answer_is_checked_before_the_others_are_there() {
        let base = Path::new("");
        let draft = Draft::default();
        draft.spec(base).unwrap();
        let bad = [
            Answer::Name(" ".to_owned()),
            Answer::Name("x".repeat(31)),
            Answer::Node("/etc".to_owned()),
            Answer::Offline(Some("/nonexistent/bootseal/node/in/it".to_owned())),
            Answer::Microsoft("windows-95".to_owned()),
            Answer::Backup("/nonexistent/backup".to_owned(), "4/3".parse().ok()),
        ];
        for answer in bad {
            draft.with(&answer).and_then(|draft| draft.spec(base)).err().unwrap();
        }
        for answer in all() {
            draft.with(&answer).unwrap().spec(base).unwrap();
        }
    }

    #[test]
    fn a_half_written_specification_keeps_its_comments_and_gets_the_rest() {
        let half = "# of Ada\nname = \"home\"\nmicrosoft = [\n[\n\"default\"][0]";
        assert!(Draft::parse(half).is_err());
        let half =
            "# of Ada\nname = \"home\"\nmicrosoft = [\n  \"default\",\n]\n\n# the platform's\n[keys.PK]\nyears = 20\n";
        let draft = Draft::parse(half).unwrap();
        assert!(draft.is_unfinished() && draft.says("keys.PK.years") && !draft.says("keys.PK.place"));
        assert!(draft.asks_for_offline() && draft.asks_for_encryption());
        let whole = with(
            &draft,
            &[Answer::Node("/nonexistent/keys".to_owned()), Answer::Offline(None)],
        );
        assert!(!whole.asks_for_offline());
        let spec = whole.spec(Path::new("")).unwrap();
        assert_eq!(spec.key(KeyName::Pk).years, 20);
        let text = whole.finished().text();
        for kept in ["# of Ada\n", "# the platform's\n"] {
            assert!(text.contains(kept), "{text}");
        }
        assert!(!Draft::parse(&text).unwrap().is_unfinished());
    }
}
