//! The sources of passphrases: a file, a file descriptor, or the terminal; never argv or the environment.

use std::cell::RefCell;
use std::path::PathBuf;

use clap::Args;

use crate::cli::session::Session;
use crate::error::Result;
use crate::keys::Passphrase;
use crate::ui::prompt;

/// The passphrase of encrypted private keys.
#[derive(Args)]
pub(super) struct Unlock {
    /// Read the passphrase from the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from file descriptor N
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
    /// The secret that was read: a descriptor gives it only once.
    #[arg(skip)]
    known: RefCell<Option<Passphrase>>,
}

impl std::fmt::Debug for Unlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unlock").finish_non_exhaustive()
    }
}

impl Unlock {
    /// The passphrase from a file or descriptor, if one was named.
    pub(super) fn given(&self) -> Result<Option<Passphrase>> {
        if let Some(known) = &*self.known.borrow() {
            return Ok(Some(known.duplicate()));
        }
        let given = match (&self.passphrase_file, self.passphrase_fd) {
            (Some(path), _) => Passphrase::from_file(path)?,
            (None, Some(descriptor)) => Passphrase::from_fd(descriptor)?,
            (None, None) => return Ok(None),
        };
        self.known.replace(Some(given.duplicate()));
        Ok(Some(given))
    }

    /// The secret that opens an existing key.
    pub(super) fn existing(&self, what: &str) -> Result<Passphrase> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => prompt::passphrase(what),
        }
    }
}

/// The PIN of tokens.
#[derive(Args)]
pub(super) struct Pin {
    /// Read the PIN of tokens, where their URIs name none, or the passphrase of imported keys, from the first line of FILE
    #[arg(long = "pin-file", id = "pin_file", value_name = "FILE", conflicts_with = "pin_fd")]
    file: Option<PathBuf>,
    /// Read the PIN from file descriptor N
    #[arg(long = "pin-fd", id = "pin_fd", value_name = "N")]
    descriptor: Option<u32>,
    /// The secret that was read: a descriptor gives it only once.
    #[arg(skip)]
    known: RefCell<Option<Passphrase>>,
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pin").finish_non_exhaustive()
    }
}

impl Pin {
    /// The PIN from file, descriptor or terminal.
    pub(super) fn ask(&self, what: &str) -> Result<Passphrase> {
        if let Some(known) = &*self.known.borrow() {
            return Ok(known.duplicate());
        }
        let given = match (&self.file, self.descriptor) {
            (Some(path), _) => Passphrase::from_file(path)?,
            (None, Some(descriptor)) => Passphrase::from_fd(descriptor)?,
            (None, None) => return prompt::passphrase(what),
        };
        self.known.replace(Some(given.duplicate()));
        Ok(given)
    }
}

/// A new passphrase: typed twice, or made, shown once, and confirmed by two of its words.
pub(super) fn typed_or_made(session: &Session) -> Result<Passphrase> {
    if let Some(typed) = prompt::new_passphrase()? {
        return Ok(typed);
    }
    let made = Passphrase::generate(&session.context)?;
    prompt::show_once(&made)?;
    prompt::confirm_words(
        &made,
        two_places(session.context.random()?, made.danger_reveal().split('-').count()),
    )?;
    Ok(made)
}

/// Two places among so many words, the first before the second.
fn two_places(random: [u8; 2], words: usize) -> [usize; 2] {
    // At random enough: which words are asked for is no secret.
    let [first, second] = random.map(usize::from);
    let first = first.checked_rem(words.saturating_sub(1)).unwrap_or_default();
    let rest = words.saturating_sub(first.saturating_add(1));
    let second = second.checked_rem(rest).unwrap_or_default();
    [first, first.saturating_add(1).saturating_add(second)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_different_words_are_asked_for_whatever_the_chance() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let [one, other] = two_places([first, second], 12);
                assert!(one < other && other < 12, "{one} {other}");
            }
        }
    }
}
