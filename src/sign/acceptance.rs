//! The answer of a person about files that changed since they were signed.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, quoted};
use crate::formats::text::Shown;
use crate::ledger::Kind;

use super::outcome::{Change, Outcome};
use super::summary::Summary;

/// Most files that an error or a question names.
const MOST: usize = 20;

/// The outcomes that nobody vouches for.
pub fn unvouched(outcomes: &[Outcome]) -> impl Iterator<Item = &Outcome> {
    outcomes
        .iter()
        .filter(|outcome| matches!(outcome.result, Ok(Change::Unvouched)))
}

/// The command by which a person has such a file signed.
#[must_use]
pub fn command(outcome: &Outcome) -> String {
    command_for(outcome.kind.unwrap_or_default(), &outcome.path)
}

/// The command by which a person accepts a file of this kind, by the kind's name.
#[must_use]
pub fn command_for(kind: &str, path: &Path) -> String {
    let path = quoted(path);
    if kind == Kind::Efi.name() {
        format!("bootseal sign efi --accept-changed {path} {path}")
    } else {
        format!("bootseal sign grub --accept-changed {path} {path}")
    }
}

/// The error of a run by hand that left files unsigned; none if it left none.
#[must_use]
pub fn refusal(outcomes: &[Outcome]) -> Option<Error> {
    let left: Vec<&Outcome> = unvouched(outcomes).collect();
    let (first, rest) = left.split_first()?;
    let reason = first
        .unvouched
        .as_ref()
        .map_or("", |unvouched| unvouched.reason.as_str());
    let message = match rest.len() {
        0 => format!("{} is not signed: {reason}", first.path.shown()),
        more => format!("{} and {more} more files are not signed: {reason}", first.path.shown()),
    };
    let error = Error::refused(message).hint("if you made the change yourself, accept it:");
    Some(
        left.iter()
            .take(MOST)
            .fold(error, |error, outcome| error.hint(command(outcome))),
    )
}

/// Runs with the files that are accepted; asks for those that changed, and runs again with the ones agreed to. `ask` is
/// given the files, each with the reason, and returns true for yes.
pub fn with_consent(
    accepted: &[String],
    mut run: impl FnMut(&[String]) -> Result<Summary>,
    ask: impl FnOnce(&[(PathBuf, String)]) -> Result<bool>,
) -> Result<Summary> {
    let mut summary = run(accepted)?;
    let (mut questions, mut digests) = (Vec::new(), accepted.to_vec());
    for outcome in unvouched(&summary.outcomes) {
        if let Some(unvouched) = &outcome.unvouched {
            questions.push((outcome.path.to_path_buf(), unvouched.reason.clone()));
            // The bytes that were shown, and no others.
            digests.push(unvouched.sha256.clone());
        }
    }
    if questions.is_empty() || !ask(&questions)? {
        return Ok(summary);
    }
    let second = run(&digests)?;
    for outcome in second.outcomes {
        let is_it = |other: &&mut Outcome| other.path == outcome.path && other.kind == outcome.kind;
        match summary.outcomes.iter_mut().find(is_it) {
            Some(first) if matches!(first.result, Ok(Change::Unvouched)) => *first = outcome,
            Some(_) => {}
            None => summary.outcomes.push(outcome),
        }
    }
    for warning in second.warnings {
        if !summary.warnings.contains(&warning) {
            summary.warnings.push(warning);
        }
    }
    Ok(summary)
}
