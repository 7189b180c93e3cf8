//! The answer of a person about files that changed since they were signed.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, quoted};
use crate::formats::text::Shown;
use crate::ledger::Kind;
use crate::system::Context;

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

/// The options of a command that lead to the same machine and the same keys again.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// `--root DIR` and a space before it; empty for this machine.
    root: String,
    /// `--keys DIR` and a space after it; empty for the usual key directory.
    keys: String,
}

impl Place {
    /// The place of a machine; `keys` where the key directory is not the configuration's.
    #[must_use]
    pub fn new(context: &Context, keys: Option<&Path>) -> Self {
        let root = context.root();
        Self {
            root: if root == Path::new("/") {
                String::new()
            } else {
                format!(" --root {}", quoted(root))
            },
            keys: keys.map(|keys| format!("--keys {} ", quoted(keys))).unwrap_or_default(),
        }
    }
}

/// The command by which a person has such a file signed.
#[must_use]
pub fn command(place: &Place, outcome: &Outcome) -> String {
    command_for(place, outcome.kind.unwrap_or_default(), &outcome.path)
}

/// The command by which a person accepts a file of this kind, by the kind's name.
#[must_use]
pub fn command_for(place: &Place, kind: &str, path: &Path) -> String {
    let path = quoted(path);
    let kind = if kind == Kind::Efi.name() { "efi" } else { "grub" };
    let Place { root, keys } = place;
    format!("bootseal{root} sign {kind} {keys}--accept-changed {path} {path}")
}

/// The error of a run by hand that left files unsigned; none if it left none.
#[must_use]
pub fn refusal(place: &Place, outcomes: &[Outcome]) -> Option<Error> {
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
            .fold(error, |error, outcome| error.hint(command(place, outcome))),
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
