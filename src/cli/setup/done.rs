//! The steps, and the proofs that they are done.

use crate::error::Result;
use crate::system::process::{Said, run_typed};

use super::steps::Step;

/// The steps, and which of them are done.
pub(super) struct Setup {
    pub steps: Vec<Step>,
    /// For each step the answer of its proof, or that of the next one which has one.
    done: Vec<bool>,
    /// The version of the running kernel.
    pub kernel: Option<String>,
    /// True if the report has the commands.
    pub shows_commands: bool,
}

impl Setup {
    /// The steps, of which none is known to be done.
    pub const fn new(steps: Vec<Step>, kernel: Option<String>, shows_commands: bool) -> Self {
        Self {
            steps,
            done: Vec::new(),
            kernel,
            shows_commands,
        }
    }

    /// Proves each step anew. The last proof, which takes longest, waits for all others.
    pub fn prove(&mut self) -> Result<()> {
        let last = self.steps.len().saturating_sub(1);
        let mut proven = Vec::new();
        for (place, step) in self.steps.iter().enumerate() {
            let answer = match step.proof {
                Some(_) if place == last && proven.contains(&Some(false)) => Some(false),
                Some(proof) => Some(run_typed(proof, Said::Kept)?.success),
                None => None,
            };
            proven.push(answer);
        }
        let mut behind = false;
        self.done = proven
            .into_iter()
            .rev()
            .map(|answer| {
                behind = answer.unwrap_or(behind);
                behind
            })
            .collect();
        self.done.reverse();
        Ok(())
    }

    pub fn is_done(&self) -> bool {
        self.done.iter().all(|done| *done)
    }

    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Step, bool)> {
        let done = self.done.iter().copied();
        (1..)
            .zip(&self.steps)
            .zip(done)
            .map(|((number, step), done)| (number, step, done))
    }
}
