//! The result of a run for each of its files.

use std::path::Path;
use std::sync::Arc;

use crate::error::Error;
use crate::formats::crypto::hash::Digest;
use crate::ledger::Origin;

use super::vouching::Unvouched;

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
    /// It stays unsigned, since nobody vouches for it.
    Unvouched,
}

/// A file with the result of a run for it.
#[derive(Debug)]
pub struct Outcome {
    /// The path as it was found, or a pattern that matches no file.
    pub path: Arc<Path>,
    /// The change, or the error because of which there is none.
    pub result: Result<Change, Error>,
    /// The kind of signature: "modules", "efi" or "grub"; none if the file was not worked on.
    pub kind: Option<&'static str>,
    /// Oddities of the file that did not prevent signing.
    pub warnings: Vec<String>,
    /// The reason why it was packed anew, if it was: packed files are not, where that can be helped.
    pub repacked: Option<Box<str>>,
    /// The reason why it was signed, if it was.
    pub origin: Option<Origin>,
    /// The reason why nobody vouches for it, if nobody does.
    pub unvouched: Option<Box<Unvouched>>,
    /// The number of other files of the run that this one tells of: those in a directory, each of which has an outcome too.
    pub tells_of: usize,
}

impl Outcome {
    /// The outcome of a file that is done.
    #[must_use]
    pub fn done(path: impl Into<Arc<Path>>, change: Change) -> Self {
        Self {
            path: path.into(),
            result: Ok(change),
            kind: None,
            warnings: Vec::new(),
            repacked: None,
            origin: None,
            unvouched: None,
            tells_of: 0,
        }
    }

    /// The outcome of a file that failed.
    #[must_use]
    pub fn failed(path: impl Into<Arc<Path>>, error: Error) -> Self {
        Self {
            path: path.into(),
            result: Err(error),
            kind: None,
            warnings: Vec::new(),
            repacked: None,
            origin: None,
            unvouched: None,
            tells_of: 0,
        }
    }
}

/// The result of the work on a file.
pub(super) struct Done {
    pub(super) change: Change,
    /// The digest that the signature by this key covers, if there is one.
    pub(super) digest: Option<Digest>,
    pub(super) warnings: Vec<String>,
    /// The reason why it was packed anew, if it was.
    pub(super) repacked: Option<Box<str>>,
    /// The reason why it was signed, if it was.
    pub(super) origin: Option<Origin>,
    /// SHA-256 of the file with its signature, where the ledger is to have it.
    pub(super) sha256: Option<Digest>,
    /// The reason why nobody vouches for it, if nobody does.
    pub(super) unvouched: Option<Box<Unvouched>>,
}

impl Done {
    /// A file that stays as it is; with its origin and SHA-256 if the ledger is to have it.
    pub(super) fn unchanged(digest: Digest, recorded: Option<(Origin, Digest)>) -> Self {
        let (origin, sha256) = recorded.unzip();
        Self {
            change: Change::Unchanged,
            digest: Some(digest),
            warnings: Vec::new(),
            repacked: None,
            origin,
            sha256,
            unvouched: None,
        }
    }

    /// A file with a new signature over this digest.
    pub(super) fn signed(digest: Digest, origin: Origin, sha256: impl Into<Option<Digest>>) -> Self {
        Self {
            change: Change::Signed,
            digest: Some(digest),
            warnings: Vec::new(),
            repacked: None,
            origin: Some(origin),
            sha256: sha256.into(),
            unvouched: None,
        }
    }

    /// A file that stays as it is, without a signature by our key that the manifest could remember.
    pub(super) const fn left(change: Change, unvouched: Option<Box<Unvouched>>) -> Self {
        Self {
            change,
            digest: None,
            warnings: Vec::new(),
            repacked: None,
            origin: None,
            sha256: None,
            unvouched,
        }
    }
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
    let directories = outcomes.iter().filter(|outcome| outcome.tells_of > 0);
    let told: usize = directories.clone().map(|outcome| outcome.tells_of).sum();
    let files = |outcomes: usize| outcomes.saturating_sub(directories.clone().count());
    let failed = files(failed.len()).saturating_add(told);
    let message = format!("{failed} of {} files could not be signed", files(outcomes.len()));
    let error = Error::new(kind, message);
    Some(hints.into_iter().take(MAX_HINTS).fold(error, Error::hint))
}
