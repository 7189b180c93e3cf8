//! Layer 3: discover, plan, stage, commit. Every file that can be signed is signed; those that cannot are named.

mod discover;
pub mod efi;
pub mod grub;
pub mod modules;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::system::{Context, Transaction};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It carries a new signature.
    Signed,
    /// It was signed by this key already.
    Unchanged,
}

/// A file and what became of it.
#[derive(Debug)]
pub struct Outcome {
    /// The file as it was found.
    pub path: PathBuf,
    /// What became of it, or why nothing did.
    pub result: Result<Change>,
}

impl Outcome {
    /// Something that was asked for and is not there.
    #[must_use]
    pub fn missing(error: Error) -> Self {
        Self {
            path: PathBuf::new(),
            result: Err(error),
        }
    }
}

/// Works on every file with all cores and replaces the changed ones together. A file that fails is left as it was and
/// keeps no other from being signed.
fn each(
    context: &Context,
    found: Vec<Result<PathBuf>>,
    work: impl Fn(&Path, &Transaction<'_>) -> Result<Change> + Sync,
) -> Result<Vec<Outcome>> {
    let transaction = Transaction::new(context);
    let outcomes = found
        .into_par_iter()
        .map(|found| match found {
            Ok(path) => Outcome {
                result: work(&path, &transaction),
                path,
            },
            Err(error) => Outcome::missing(error),
        })
        .collect();
    transaction.commit()?;
    Ok(outcomes)
}

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
    Some(Error::new(
        kind,
        format!("{} of {} files could not be signed", failed.len(), outcomes.len()),
    ))
}
