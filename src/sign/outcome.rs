//! The result of a run for each of its files.

use std::path::PathBuf;

use crate::error::Error;
use crate::formats::crypto::hash::Digest;

/// The change of a file by a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has a new signature.
    Signed,
    /// It had a signature by this key already.
    Unchanged,
    /// It keeps the signature of another key, as the options ask.
    Kept,
    /// A signature by this key was removed, since its file no longer exists.
    Removed,
    /// A signature by this key was removed, since GRUB writes to the file and would break it.
    Withdrawn,
    /// The configuration names it as optional, and it does not exist.
    Absent,
}

/// A file with the result of a run for it.
#[derive(Debug)]
pub struct Outcome {
    /// The path as it was found, or a pattern that matches no file.
    pub path: PathBuf,
    /// The change, or the error because of which there is none.
    pub result: Result<Change, Error>,
    /// The kind of signature: "modules", "efi" or "grub"; none if the file was not worked on.
    pub kind: Option<&'static str>,
    /// Oddities of the file that did not prevent signing.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// The outcome of a file that is done.
    #[must_use]
    pub const fn done(path: PathBuf, change: Change) -> Self {
        Self {
            path,
            result: Ok(change),
            kind: None,
            warnings: Vec::new(),
        }
    }

    /// The outcome of a file that failed.
    #[must_use]
    pub const fn failed(path: PathBuf, error: Error) -> Self {
        Self {
            path,
            result: Err(error),
            kind: None,
            warnings: Vec::new(),
        }
    }
}

/// The result of the work on a file.
pub(super) struct Done {
    pub(super) change: Change,
    /// The digest that the signature by this key covers, if there is one.
    pub(super) digest: Option<Digest>,
    pub(super) warnings: Vec<String>,
}

/// Most hints in the error at the end, where many files failed for many reasons.
const MAX_HINTS: usize = 3;

/// The error with which a run ends if files failed; `None` if none did.
#[must_use]
pub fn failure(outcomes: &[Outcome]) -> Option<Error> {
    let failed: Vec<&Error> = outcomes
        .iter()
        .filter_map(|outcome| outcome.result.as_ref().err())
        .collect();
    let kind = failed
        .iter()
        .map(|error| error.kind())
        .max_by_key(|kind| kind.exit_code())?;
    let mut hints: Vec<&str> = failed.iter().flat_map(|error| error.hints()).collect();
    hints.sort_unstable();
    hints.dedup();
    let message = format!("{} of {} files could not be signed", failed.len(), outcomes.len());
    let error = Error::new(kind, message);
    Some(hints.into_iter().take(MAX_HINTS).fold(error, Error::hint))
}
