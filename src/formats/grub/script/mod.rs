//! GRUB's script language, as far as an audit needs it: commands with their words, lines and nesting (GRUB manual,
//! "Writing full configuration files directly: Shell-like scripting").
//!
//! GRUB runs a script statement by statement as it reads it, so a syntax error does not undo what stands before it: what
//! was read up to there is kept beside the error.

mod lexer;
mod parser;
mod variables;

pub use variables::Variables;

/// Why GRUB would stop reading a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {offset}: {reason}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// Where it is in the file, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub reason: SyntaxReason,
}

/// What is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxReason {
    /// A quotation that does not end.
    #[error("a quotation has no end")]
    OpenQuote,
    /// Nothing follows a backslash.
    #[error("nothing follows the backslash")]
    OpenEscape,
    /// A dollar sign that names no variable.
    #[error("\"$\" is not followed by the name of a variable")]
    Variable,
    /// A byte of zero, at which GRUB stops reading the line.
    #[error("a byte of zero")]
    Zero,
    /// A character or word that GRUB reserves and does not use.
    #[error("\"{0}\" is reserved")]
    Reserved(String),
    /// Something that cannot stand here.
    #[error("\"{0}\" cannot stand here")]
    Unexpected(String),
    /// A body, condition or loop that does not end.
    #[error("the file ends within \"{0}\"")]
    End(&'static str),
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, quotes and backslashes taken off.
    Text(String),
    /// The value of a variable.
    Variable(String),
}

/// A word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// Its parts; none for what an escaped end of line leaves, which GRUB passes to no command.
    pub parts: Vec<Part>,
    /// Whether nothing in it is quoted, escaped or a variable: only such a word can be a keyword.
    is_bare: bool,
}

impl Word {
    /// A word that means just this text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let mut word = Self::default();
        word.push(text);
        word
    }

    /// The text, if no variable is in it.
    #[must_use]
    pub fn literal(&self) -> Option<String> {
        let texts = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Variable(_) => None,
        });
        texts.collect()
    }

    /// The keyword that this may be.
    fn bare(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] if self.is_bare => Some(text),
            _ => None,
        }
    }

    fn push(&mut self, text: &str) {
        if let Some(Part::Text(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else {
            self.parts.push(Part::Text(text.to_owned()));
        }
    }
}

/// As it may be written in a script again.
impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&quote(text))?,
                Part::Variable(name) => write!(f, "${{{name}}}")?,
            }
        }
        Ok(())
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its name and arguments; for a loop, what its variable becomes.
    pub words: Vec<Word>,
    /// The variable of a `for` loop, if this is one.
    pub loop_variable: Option<String>,
    /// The command in whose braces it stands (`menuentry`, `submenu`), by its place in [`Script::commands`].
    pub parent: Option<usize>,
    /// The function in whose body it stands.
    pub function: Option<String>,
}

impl Command {
    /// What `set NAME=VALUE` or `NAME=VALUE` assigns.
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

/// As it may be written in a script again, without what stands in its braces.
impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(name) = &self.loop_variable {
            write!(f, "for {name} in ")?;
        }
        let words: Vec<String> = self.words.iter().map(Word::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

/// A script, as far as GRUB gets with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// All commands, also those in bodies, conditions and functions, in the order of the file.
    pub commands: Vec<Command>,
    /// Where GRUB stops.
    pub error: Option<SyntaxError>,
}

impl Script {
    /// Reads a script.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        parser::parse(text)
    }

    /// Reads a file; what is not UTF-8 in it becomes U+FFFD.
    #[must_use]
    pub fn parse_bytes(bytes: &[u8]) -> Self {
        Self::parse(&String::from_utf8_lossy(bytes))
    }

    /// The commands in whose braces `command` stands, from the inside out.
    pub fn parents<'a>(&'a self, command: &'a Command) -> impl Iterator<Item = &'a Command> {
        let parent = |command: &Command| command.parent.and_then(|index| self.commands.get(index));
        std::iter::successors(parent(command), move |command| parent(command))
    }
}

/// A text as one word of a script that means just this text. GRUB knows no escape for a zero, a carriage return or the
/// end of a line inside a word other than quotes, which take all but the first two.
#[must_use]
pub fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=()[]!?*~^".contains(c);
    let is_keyword = parser::KEYWORDS.contains(&text) || ["[[", "]]"].contains(&text);
    if !text.is_empty() && text.chars().all(is_plain) && !is_keyword {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
