//! The limits of the work that a script may cause: nothing that costs more than its bytes is followed without an end.

use crate::formats::grub::script::{Part, Word};

/// Most commands that are followed, each time that one runs.
const MAX_COMMANDS: usize = 100_000;
/// Most that is done for them all, counted in texts and values that are made: of loops, of long commands, and of ways that meet.
const MAX_WORK: usize = 1_000_000;
/// So many times the work of one script is done for all that may run one after the other.
const SCRIPTS: usize = 5;
/// Bytes of a text that count as much as a value.
const BYTES: usize = 16;

/// The commands that may still be followed, and the work for them.
#[derive(Debug)]
pub(super) struct Budget {
    commands: usize,
    work: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            commands: MAX_COMMANDS,
            work: MAX_WORK,
        }
    }
}

impl Budget {
    /// That of scripts which may run one after the other.
    pub(super) fn of_scripts() -> Self {
        let one = Self::default();
        Self {
            commands: one.commands.saturating_mul(SCRIPTS),
            work: one.work.saturating_mul(SCRIPTS),
        }
    }

    /// That of one of these scripts.
    pub(super) fn of_one(&self) -> Self {
        let one = Self::default();
        Self {
            commands: one.commands.min(self.commands),
            work: one.work.min(self.work),
        }
    }

    /// Takes away what a script used up that had `before`, and of which `left` is left.
    pub(super) const fn take(&mut self, before: &Self, left: &Self) {
        self.commands = self
            .commands
            .saturating_sub(before.commands.saturating_sub(left.commands));
        self.work = self.work.saturating_sub(before.work.saturating_sub(left.work));
    }

    /// Counts a command, or work on its behalf. True where this is what makes it too much.
    pub(super) const fn spend(&mut self, commands: usize, work: usize) -> bool {
        let was_spent = self.is_spent();
        self.commands = self.commands.saturating_sub(commands);
        self.work = self.work.saturating_sub(work);
        self.is_spent() && !was_spent
    }

    /// True where there has been too much, after which nothing more is followed.
    pub(super) const fn is_spent(&self) -> bool {
        self.commands == 0 || self.work == 0
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
