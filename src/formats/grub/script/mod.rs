//! GRUB's script language, as far as an audit needs it: commands with their words, lines and nesting (GRUB manual,
//! "Writing full configuration files directly: Shell-like scripting").
//!
//! GRUB runs a script statement by statement as it reads it, so a syntax error does not undo the statements before it: they are
//! kept beside the error.

mod command;
mod error;
mod lexer;
mod parser;
mod step;
mod variables;
mod word;

pub use command::Command;
pub use error::{SyntaxError, SyntaxReason};
pub use step::{Kind as StepKind, Step};
pub use variables::Variables;
pub use word::{Part, Word, quote};

/// A script, as far as GRUB gets with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// All commands, also those in bodies, conditions and functions, in the order of the file.
    pub commands: Vec<Command>,
    /// The order in which they run, and their conditions.
    pub steps: Vec<Step>,
    /// Where GRUB stops.
    pub error: Option<SyntaxError>,
}

impl Script {
    /// Reads a script.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (commands, steps, error) = parser::parse(text);
        Self { commands, steps, error }
    }

    /// Reads a file; bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn parse_bytes(bytes: &[u8]) -> Self {
        Self::parse(&String::from_utf8_lossy(bytes))
    }

    /// The commands for which `holds` is true, or that stand in the braces of one: a flag for each of the commands.
    ///
    /// In one pass, however deep they are nested: a command comes after the one in whose braces it stands.
    #[must_use]
    pub fn within(&self, holds: impl Fn(usize, &Command) -> bool) -> Vec<bool> {
        let mut flags: Vec<bool> = Vec::with_capacity(self.commands.len());
        for (index, command) in self.commands.iter().enumerate() {
            let parent = command.parent.and_then(|parent| flags.get(parent));
            flags.push(parent.is_some_and(|flag| *flag) || holds(index, command));
        }
        flags
    }

    /// The commands in whose braces `command` stands, from the inside out.
    pub fn parents<'a>(&'a self, command: &'a Command) -> impl Iterator<Item = &'a Command> {
        let parent = |command: &Command| command.parent.and_then(|index| self.commands.get(index));
        std::iter::successors(parent(command), move |command| parent(command))
    }
}

#[cfg(test)]
mod tests;
