//! Words to the texts that GRUB hands to a command.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::grub::script::{Part, Word};

use super::state::State;
use super::text::{UNKNOWN, Values, WORDS, anything, known_beginning};

/// Most combinations of values of the variables in one command; beyond these their values are unknown.
const MAX_COMBINATIONS: usize = 32;

/// Most words of one command that variables and parameters become; beyond these it is any number.
const MAX_WORDS: usize = 1024;
/// Longest word that variables make, in bytes; what comes after is unknown.
const MAX_LENGTH: usize = 4096;

/// Every list of texts that the words may become. A variable that occurs twice has one value in each list.
pub(super) fn expand(state: &State, words: &[Word]) -> Vec<Vec<String>> {
    let names: BTreeSet<&str> = words
        .iter()
        .flat_map(|word| word.parts.iter().filter_map(Part::variable))
        .filter(|name| !is_parameter(name))
        .collect();
    let mut values: Vec<(&str, Values)> = names.into_iter().map(|name| (name, state.get(name))).collect();
    let product = |values: &[(&str, Values)]| {
        let sizes = values.iter().map(|(_, values)| values.len());
        sizes.fold(1_usize, usize::saturating_mul)
    };
    while product(&values) > MAX_COMBINATIONS {
        let Some((_, largest)) = values.iter_mut().max_by_key(|(_, values)| values.len()) else {
            break;
        };
        *largest = anything();
    }
    let mut chosen: Vec<BTreeMap<&str, String>> = vec![BTreeMap::new()];
    for (name, values) in &values {
        let mut more = Vec::new();
        for choice in &chosen {
            for value in values {
                let mut choice = choice.clone();
                choice.insert(*name, value.clone());
                more.push(choice);
            }
        }
        chosen = more;
    }
    let lists = chosen.iter().map(|choice| {
        let mut list = List::default();
        for word in words {
            list.word(word, choice, state.parameters.as_deref());
        }
        list.done
    });
    let lists: BTreeSet<Vec<String>> = lists.collect();
    lists.into_iter().collect()
}

fn is_parameter(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit()) || ["#", "*", "@"].contains(&name)
}

#[derive(Default)]
struct List {
    done: Vec<String>,
    /// Words and parts of words that were values.
    made: usize,
}

impl List {
    fn word(&mut self, word: &Word, values: &BTreeMap<&str, String>, parameters: Option<&[String]>) {
        let mut current: Option<String> = None;
        for part in &word.parts {
            match part {
                Part::Text(text) => current.get_or_insert_default().push_str(text),
                // What GRUB makes of it, the translations say.
                Part::Translated(_) => current.get_or_insert_default().push(UNKNOWN),
                Part::Variable(name) | Part::Quoted(name) => {
                    let is_quoted = matches!(part, Part::Quoted(_));
                    let texts = match values.get(name.as_str()) {
                        Some(value) => vec![value.clone()],
                        None => of_parameters(name, parameters),
                    };
                    for (index, text) in texts.iter().enumerate() {
                        if index > 0 && self.made <= MAX_WORDS {
                            self.done.extend(current.take());
                        }
                        self.value(text, is_quoted, &mut current);
                    }
                }
            }
        }
        self.done.extend(current.map(|text| with_file_names(&text, word)));
    }

    /// Appends a value: between quotes as it is, else each of its words as one.
    fn value(&mut self, value: &str, is_quoted: bool, current: &mut Option<String>) {
        let length = current.as_ref().map_or(0, String::len);
        self.made = self.made.saturating_add(1);
        if self.made > MAX_WORDS || length.saturating_add(value.len()) > MAX_LENGTH {
            let current = current.get_or_insert_default();
            if !current.ends_with(WORDS) {
                current.push(WORDS);
            }
            return;
        }
        if is_quoted {
            current.get_or_insert_default().push_str(value);
            return;
        }
        let value = value.replace(UNKNOWN, &WORDS.to_string());
        if value.starts_with(|c: char| c.is_ascii_whitespace()) {
            self.done.extend(current.take());
        }
        for (index, word) in value.split_ascii_whitespace().enumerate() {
            if index > 0 {
                self.done.extend(current.take());
                self.made = self.made.saturating_add(1);
            }
            current.get_or_insert_default().push_str(word);
        }
    }
}

/// The values of `$1`, `$#`, `$*` and the like.
fn of_parameters(name: &str, parameters: Option<&[String]>) -> Vec<String> {
    let Some(parameters) = parameters else {
        return vec![WORDS.to_string()];
    };
    match name {
        "#" => vec![parameters.len().to_string()],
        "*" | "@" => parameters.to_vec(),
        number => {
            let index = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let text = index.and_then(|index| parameters.get(index));
            text.cloned().into_iter().collect()
        }
    }
}

/// The names of files that GRUB may put in the place of a word with `*` or `?`, which are known to nobody.
fn with_file_names(text: &str, word: &Word) -> String {
    let is_pattern = word.is_pattern || word.parts.iter().any(|part| matches!(part, Part::Variable(_)));
    if is_pattern && text.contains(['*', '?']) && text.starts_with(['/', '(']) {
        let place = text.find(['*', '?']).unwrap_or_default();
        let known = known_beginning(text.get(..place).unwrap_or_default());
        return format!("{known}{WORDS}");
    }
    text.to_owned()
}
