//! The limits of the work that a script may cause: nothing that costs more than its bytes is followed without an end.

use crate::formats::grub::script::{Part, Word};

/// Most commands that are followed, each time that one runs.
const MAX_COMMANDS: usize = 100_000;
/// Most that is done for them all, counted in texts and values that are made: of loops, of long commands, and of ways that meet.
const MAX_WORK: usize = 1_000_000;
/// Bytes of a text that count as much as a value.
const BYTES: usize = 16;

/// The commands that were followed, and the work for them.
#[derive(Debug, Default)]
pub(super) struct Budget {
    commands: usize,
    work: usize,
}

impl Budget {
    /// Counts a command, or work on its behalf. True where this is what makes it too much.
    pub(super) fn spend(&mut self, commands: usize, work: usize) -> bool {
        let was_spent = self.is_spent();
        self.commands = self.commands.saturating_add(commands);
        self.work = self.work.saturating_add(work);
        self.is_spent() && !was_spent
    }

    /// True where there has been too much, after which nothing more is followed.
    pub(super) const fn is_spent(&self) -> bool {
        self.commands >= MAX_COMMANDS || self.work >= MAX_WORK
    }
}

/// The work of a text.
pub(super) const fn of_text(text: &str) -> usize {
    1 + text.len() / BYTES
}

/// The work of a command with these words.
pub(super) fn of_words(words: &[Word]) -> usize {
    let parts = words.iter().flat_map(|word| &word.parts);
    parts
        .map(|part| match part {
            Part::Text(text) | Part::Translated(text) => of_text(text),
            Part::Variable(_) | Part::Quoted(_) => 1,
        })
        .sum()
}
