//! Commands and their places.

use super::word::{Part, Word};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its name and arguments; for a loop, the values of its variable.
    pub words: Vec<Word>,
    /// The variable of a `for` loop, if this is one.
    pub loop_variable: Option<String>,
    /// The command in whose braces it stands (`menuentry`, `submenu`), by its place in [`Script::commands`].
    pub parent: Option<usize>,
    /// The function in whose body it stands.
    pub function: Option<String>,
}

impl Command {
    /// Name and value that `set NAME=VALUE` or `NAME=VALUE` assigns.
    #[must_use]
    pub fn assignment(&self) -> Option<(String, Word)> {
        let is_set = |word: &Word| word.literal().is_some_and(|text| text == "set");
        let assigned = match self.words.as_slice() {
            [first, second, ..] if is_set(first) => second,
            [first, ..] if self.loop_variable.is_none() => first,
            _ => return None,
        };
        let (Part::Text(first), rest) = assigned.parts.split_first()? else {
            return None;
        };
        let (name, value) = first.split_once('=')?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        let mut word = Word::text(value);
        word.parts.extend(rest.iter().cloned());
        Some((name.to_owned(), word))
    }
}

/// The command as a script may have it, without the content of its braces.
impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(name) = &self.loop_variable {
            write!(f, "for {name} in ")?;
        }
        let words: Vec<String> = self.words.iter().map(Word::to_string).collect();
        f.write_str(&words.join(" "))
    }
}
