//! Layer 3: discover, plan, stage, commit. One run signs any mix of files and replaces them together; every file that
//! can be signed is, and those that cannot are named.

mod discover;
pub mod efi;
pub mod grub;
mod job;
mod judge;
mod manifest;
pub mod modules;
mod run;

use std::path::PathBuf;

use crate::error::Error;
use crate::formats::crypto::hash::Digest;

pub use job::{Job, SigningKeys, Sources};
pub use judge::{Judged, judge};
pub use run::{Options, Run, Summary};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It carries a new signature.
    Signed,
    /// It was signed by this key already.
    Unchanged,
    /// It is signed by another key, and stays so as it was asked for.
    Kept,
    /// A signature of ours whose file is gone was removed.
    Removed,
    /// A signature of ours was removed that would not hold, as GRUB writes to the file.
    Withdrawn,
    /// The configuration names it as optional, and there is no such file.
    Absent,
}

/// A file and what became of it.
#[derive(Debug)]
pub struct Outcome {
    /// The file as it was found, or the pattern that nothing matches.
    pub path: PathBuf,
    /// What became of it, or why nothing did.
    pub result: Result<Change, Error>,
    /// What it was signed as: "modules", "efi" or "grub"; none if it did not come to that.
    pub kind: Option<&'static str>,
    /// What is odd about it, but did not keep it from being signed.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// A file that is done.
    #[must_use]
    pub const fn done(path: PathBuf, change: Change) -> Self {
        Self {
            path,
            result: Ok(change),
            kind: None,
            warnings: Vec::new(),
        }
    }

    /// A file that nothing could be done to.
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

/// What was done to a file.
struct Done {
    change: Change,
    /// What our signature covers, if there is one.
    digest: Option<Digest>,
    warnings: Vec<String>,
}

/// Sees how a run gets on.
pub trait Observer: Sync {
    /// Another run is at work; this one waits for its end.
    fn waiting(&self) {}
    /// So many files with so many bytes on disk are about to be worked on.
    fn begin(&self, _kind: &'static str, _files: usize, _bytes: u64) {}
    /// A file of so many bytes is done.
    fn advance(&self, _bytes: u64) {}
    /// All of them are done.
    fn end(&self) {}
}

/// Looks away.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// Most hints at the end, where many files failed for many reasons.
const MAX_HINTS: usize = 3;

/// The error to end with after everything else was done: `None` when every file is fine.
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
