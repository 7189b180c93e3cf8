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

/// Most bytes of a script that are read. Real menus have some tens of KB.
pub const MAX_BYTES: usize = 16 << 20;

/// The words that scripts which are held at the same time may have: as many together as one alone, since each is held with its
/// parts.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(parser::MAX_WORDS)
    }
}

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
        Self::parse_in(text, &mut Room::default())
    }

    /// As [`Self::parse`], one of several that are held: where the room ends, the script does, with an error.
    #[must_use]
    pub fn parse_in(text: &str, room: &mut Room) -> Self {
        let (commands, steps, error) = parser::parse(text, &mut room.0);
        Self { commands, steps, error }
    }

    /// Reads a file; bytes that are not UTF-8 become U+FFFD. Of one with more than [`MAX_BYTES`], what follows is an error: who
    /// reads one byte more than these has read enough.
    #[must_use]
    pub fn parse_bytes(bytes: &[u8]) -> Self {
        Self::parse_bytes_in(bytes, &mut Room::default())
    }

    /// As [`Self::parse_bytes`] and [`Self::parse_in`].
    #[must_use]
    pub fn parse_bytes_in(bytes: &[u8], room: &mut Room) -> Self {
        let Some(read) = bytes.get(..MAX_BYTES).filter(|read| read.len() < bytes.len()) else {
            return Self::parse_in(&String::from_utf8_lossy(bytes), room);
        };
        // Up to the end of a line: half a command is none.
        let end = read.iter().rposition(|byte| *byte == b'\n').unwrap_or_default();
        let read = read.get(..end).unwrap_or_default();
        let mut script = Self::parse_in(&String::from_utf8_lossy(read), room);
        let line = memchr::memchr_iter(b'\n', read).count().saturating_add(2);
        script.error = script
            .error
            .filter(|error| !matches!(error.reason, SyntaxReason::End(_)));
        script.error.get_or_insert(SyntaxError {
            line,
            offset: end,
            reason: SyntaxReason::Size(MAX_BYTES),
        });
        script
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
