//! The result of a run.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::system::NotReplaced;

use super::outcome::{Change, Outcome};
use super::signature_file::signature_path;

/// The result of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// The outcomes, one for each file or name that GRUB opens, in the order of kinds and paths.
    pub outcomes: Vec<Outcome>,
    /// Oddities that concern the run and no single file.
    pub warnings: Vec<String>,
}

impl Summary {
    /// Makes the error of each file that could not be replaced its outcome.
    pub(super) fn note_failures(&mut self, failures: Vec<NotReplaced>) {
        if failures.is_empty() {
            return;
        }
        let mut places: BTreeMap<Arc<Path>, usize> = BTreeMap::new();
        for (place, outcome) in self.outcomes.iter().enumerate() {
            places.entry(Arc::clone(&outcome.path)).or_insert(place);
            places.entry(signature_path(&outcome.path).into()).or_insert(place);
        }
        for failed in failures {
            let outcome = places
                .get(failed.path.as_path())
                .and_then(|place| self.outcomes.get_mut(*place));
            match outcome {
                Some(outcome) => outcome.result = Err(failed.error),
                None => self.outcomes.push(Outcome::failed(failed.path, failed.error)),
            }
        }
    }

    /// Number of files that ended like this.
    #[must_use]
    pub fn count(&self, change: Change) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| matches!(outcome.result, Ok(own) if own == change))
            .count()
    }

    /// Number of files that could not be signed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.result.is_err()).count()
    }
}
