//! The values that variables may hold, whatever the order in which the commands run: every assignment of a script counts, so that
//! no file is overlooked because of a condition.

use std::collections::{BTreeMap, BTreeSet};

use super::command::Command;
use super::word::{Part, Word};

/// Most values of a variable or word; beyond these it can be anything.
const MAX_VALUES: usize = 32;
/// Longest value that is followed, in bytes.
const MAX_LENGTH: usize = 4096;
/// Rounds in which values that refer to other variables settle; a chain that is longer is not followed.
const ROUNDS: usize = 4;

/// The values that variables may hold.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, BTreeSet<String>>,
}

impl Variables {
    /// Stands in an expanded text for an unknown part. No script that GRUB reads contains it.
    pub const UNKNOWN: char = '\0';

    /// Lets a variable hold `value`, besides its other values.
    pub fn add(&mut self, name: &str, value: &str) {
        let values = self.values.entry(name.to_owned()).or_default();
        if values.len() >= MAX_VALUES || value.len() > MAX_LENGTH {
            values.insert(Self::UNKNOWN.to_string());
        } else {
            values.insert(value.to_owned());
        }
    }

    /// The values of a variable that are known as they are.
    #[must_use]
    pub fn known(&self, name: &str) -> Vec<String> {
        let values = self.values.get(name).into_iter().flatten();
        values
            .filter(|value| !value.is_empty() && !value.contains(Self::UNKNOWN))
            .cloned()
            .collect()
    }

    /// Adds the values that some commands assign.
    pub fn gather<'a>(&mut self, commands: &(impl Iterator<Item = &'a Command> + Clone)) {
        for _ in 0..ROUNDS {
            for command in commands.clone() {
                for (name, value) in assignments(command) {
                    for value in self.expand(&value) {
                        self.add(&name, &value);
                    }
                }
            }
        }
    }

    /// The texts that a word may become. A variable that nothing assigns to may have been set before the script.
    #[must_use]
    pub fn expand(&self, word: &Word) -> Vec<String> {
        let mut texts = vec![String::new()];
        for part in &word.parts {
            match part {
                Part::Text(text) | Part::Translated(text) => {
                    for expanded in texts.iter_mut().filter(|text| text.len() <= MAX_LENGTH) {
                        expanded.push_str(text);
                    }
                }

                Part::Variable(name) | Part::Quoted(name) => texts = self.append(&texts, name),
            }
        }
        for text in texts.iter_mut().filter(|text| text.len() > MAX_LENGTH) {
            *text = Self::UNKNOWN.to_string();
        }
        texts
    }

    fn append(&self, texts: &[String], name: &str) -> Vec<String> {
        let unknown = BTreeSet::from([Self::UNKNOWN.to_string()]);
        let values = self.values.get(name).unwrap_or(&unknown);
        let all = texts
            .iter()
            .flat_map(|text| values.iter().map(move |value| joined(text, value)));
        let mut texts: Vec<String> = all.take(MAX_VALUES + 1).collect();
        if texts.len() > MAX_VALUES {
            texts.pop();
            texts.push(Self::UNKNOWN.to_string());
        }
        texts
    }
}

/// Both texts; of one that is too long already, nothing more is wanted.
fn joined(text: &str, value: &str) -> String {
    let value = if text.len() > MAX_LENGTH { "" } else { value };
    format!("{text}{value}")
}

/// The assignments of a command; of a loop, each of its words.
fn assignments(command: &Command) -> Vec<(String, Word)> {
    match &command.loop_variable {
        Some(name) => command.words.iter().map(|word| (name.clone(), word.clone())).collect(),
        None => command.assignment().into_iter().collect(),
    }
}
