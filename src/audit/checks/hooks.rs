//! The hooks: whether the next kernel will come out signed.

use crate::hook::{self, Weight};

use super::super::check::{Check, Finding, Group, Level, Outcome, reason};
use super::super::machine::Machine;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "hooks.next_kernel",
    group: Group::Hooks,
    title: "The next kernel will come out signed",
    level: Level::Error,
    proves: "The hooks are installed for the way in which kernels are installed here, in the right order, not masked and not \
             bypassed, and nothing else that runs would undo them.",
    remedy: "bootseal hook install; bootseal hook status shows the order",
    run: next_kernel,
}];

fn next_kernel(machine: &Machine<'_>) -> Outcome {
    // The audit's own environment is not that of the package manager, which files describe.
    let status = hook::status(machine.context(), machine.config(), machine.keys_path(), None, |_| None);
    let status = match status {
        Ok(status) => status,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let mut outcome = Outcome::pass(format!(
        "mode {}: {}",
        status.detected.mode.name(),
        status.detected.evidence
    ));
    for found in status.findings {
        let remedy = found.remedy.unwrap_or_else(|| "bootseal hook status".to_owned());
        let finding = Finding::new(found.text.clone(), found.text, remedy);
        outcome.findings.push(match found.weight {
            Weight::Defeats => finding,
            Weight::Warns => finding.at(Level::Warning),
        });
    }
    outcome
}
