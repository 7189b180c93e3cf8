//! Checks of the hooks: the signing of the next kernel, and the last run.

use crate::finding::{Finding, Kind, Outcome};
use crate::hook;
use crate::system::moment;

use crate::audit::check::{Check, Group};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// The last run of a hook failed.
const RUN_FAILED: Kind = Kind::error("hook_run_failed");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "hooks.next_kernel",
        group: Group::Hooks,
        title: "Signing of the next kernel",
        kind: hook::NOT_INSTALLED,
        proves: "The hooks are installed for the way in which kernels are installed here, in the right order, not masked and \
                 not bypassed, and nothing else that runs would undo them.",
        remedy: "bootseal hook install; bootseal hook status shows the order",
        run: next_kernel,
    },
    Check {
        id: "hooks.last_run",
        group: Group::Hooks,
        title: "Last run of each hook",
        kind: RUN_FAILED,
        proves: "The last run of each hook, as it recorded it, signed all that it was to sign, or a later bootseal hook run all \
                 of the same kernel did.",
        remedy: "bootseal hook run all VERSION, when what failed is put right",
        run: last_run,
    },
];

fn next_kernel(machine: &Machine<'_>) -> Outcome {
    // The audit's own environment is not that of the package manager, which files describe.
    let status = hook::status(machine.context(), machine.config(), machine.keys_path(), &[], |_| None);
    let status = match status {
        Ok(status) => status,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let mut outcome = Outcome::default();
    for detected in &status.detected {
        outcome
            .evidence
            .push(format!("mode {}: {}", detected.mode.name(), detected.evidence));
    }
    for finding in status.findings {
        let is_without_remedy = finding.remedies.is_empty();
        let finding = finding.remedies(is_without_remedy.then_some("bootseal hook status"));
        outcome.findings.push(finding);
    }
    outcome
}

fn last_run(machine: &Machine<'_>) -> Outcome {
    let runs = match hook::last_runs(machine.context()) {
        Ok(runs) => runs,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    if runs.is_empty() {
        return Outcome::not_applicable("no hook has run yet");
    }
    let mut outcome = Outcome::default();
    for run in &runs {
        let what = format!("{} of {} at {}", run.slot, run.subject, moment(run.time));
        match &run.error {
            Some(error) if run.is_open(&runs) => {
                let remedy = run.again.clone().unwrap_or_else(|| "bootseal hook status".to_owned());
                let text = format!("{what} failed: {error}");
                outcome
                    .findings
                    .push(Finding::new(RUN_FAILED, &run.slot, text).remedy(remedy));
            }
            Some(_) => outcome.evidence.push(format!("{what}: failed, and made up for since")),
            None => outcome.evidence.push(format!("{what}: done")),
        }
    }
    outcome
}
