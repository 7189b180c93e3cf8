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
    /// What is odd about it, but did not keep it from being signed.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// Something that was asked for and is not there.
    #[must_use]
    pub fn missing(error: Error) -> Self {
        Self {
            path: PathBuf::new(),
            result: Err(error),
            warnings: Vec::new(),
        }
    }
}

/// What was done to a file, and what is odd about it.
struct Done {
    change: Change,
    warnings: Vec<String>,
}

impl From<Change> for Done {
    fn from(change: Change) -> Self {
        Self {
            change,
            warnings: Vec::new(),
        }
    }
}

/// Works on every file with all cores and replaces the changed ones together. A file that fails is left as it was and
/// keeps no other from being signed.
fn each(
    context: &Context,
    found: Vec<Result<PathBuf>>,
    work: impl Fn(&Path, &Transaction<'_>) -> Result<Done> + Sync,
) -> Result<Vec<Outcome>> {
    let transaction = Transaction::new(context);
    let outcomes = found
        .into_par_iter()
        .map(|found| match found {
            Ok(path) => outcome(work(&path, &transaction), path),
            Err(error) => Outcome::missing(error),
        })
        .collect();
    settle(transaction, outcomes)
}

/// As [`each`], for work that is faster on several files at once. `work` answers for each path of a batch, in order.
fn in_batches(
    context: &Context,
    found: Vec<Result<PathBuf>>,
    work: impl Fn(&[PathBuf], &Transaction<'_>) -> Vec<Result<Done>> + Sync,
) -> Result<Vec<Outcome>> {
    let transaction = Transaction::new(context);
    let (paths, missing): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    let mut outcomes: Vec<Outcome> = discover::batches(paths.into_iter().flatten().collect())
        .into_par_iter()
        .flat_map_iter(|batch| {
            let done = work(&batch, &transaction);
            done.into_iter().zip(batch).map(|(done, path)| outcome(done, path))
        })
        .collect();
    outcomes.sort_by(|one, other| one.path.cmp(&other.path));
    outcomes.extend(missing.into_iter().filter_map(Result::err).map(Outcome::missing));
    settle(transaction, outcomes)
}

/// Commits, and turns what could not be replaced into the outcome of its file.
fn settle(transaction: Transaction<'_>, mut outcomes: Vec<Outcome>) -> Result<Vec<Outcome>> {
    for failed in transaction.commit()? {
        let is_its =
            |outcome: &&mut Outcome| outcome.path == failed.path || grub::signature_path(&outcome.path) == failed.path;
        match outcomes.iter_mut().find(is_its) {
            Some(outcome) => outcome.result = Err(failed.error),
            None => outcomes.push(Outcome::missing(failed.error)),
        }
    }
    Ok(outcomes)
}

fn outcome(done: Result<Done>, path: PathBuf) -> Outcome {
    match done {
        Ok(Done { change, warnings }) => Outcome {
            path,
            result: Ok(change),
            warnings,
        },
        Err(error) => Outcome {
            path,
            ..Outcome::missing(error)
        },
    }
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
