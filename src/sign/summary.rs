//! The result of a run.

use super::outcome::{Change, Outcome};

/// The result of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// The outcomes, one for each file or name that GRUB opens, in the order of kinds and paths.
    pub outcomes: Vec<Outcome>,
    /// Oddities that concern the run and no single file.
    pub warnings: Vec<String>,
}

impl Summary {
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
