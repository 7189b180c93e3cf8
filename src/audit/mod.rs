//! The audit: will this machine boot what is on its disks, and only that? A list of checks, each of which proves one thing
//! with evidence. What could not be looked at is an answer of its own, and never a pass.

mod baseline;
mod check;
mod checks;
mod facts;
mod files;
mod images;
mod installed;
mod last;
mod load_options;
mod machine;
mod menus;
mod offline;
mod overview;
mod reason;
mod unified;
mod unmounted;

pub use baseline::{Acceptance, Baseline};
pub use check::{Check, Group};
pub use checks::{all_checks, no_check};
pub use facts::{Facts, Firmware, LedgerFacts, Trusted, Variable};
pub use last::LastAudit;
pub use machine::Machine;
pub use overview::Overview;
pub(crate) use reason::reason;

use std::time::{Duration, Instant};

use facts::BootPath;

use crate::error::{Error, Result};
use crate::finding::{Finding, Outcome, Status};

/// The checks that an audit runs.
#[derive(Debug, Default)]
pub struct Selection {
    /// IDs, or groups, of the checks to run; all if empty.
    pub only: Vec<String>,
    /// IDs, or groups, of checks to leave out.
    pub skip: Vec<String>,
}

/// One check with its outcome.
#[derive(Debug)]
pub struct Checked {
    /// The check.
    pub check: &'static Check,
    /// Its outcome, without the findings that the baseline accepts.
    pub outcome: Outcome,
    /// The findings that the baseline accepts, each with the reason.
    pub accepted: Vec<(Finding, String)>,
}

/// The outcomes of all checks, and facts about the machine.
#[derive(Debug)]
pub struct Audit {
    /// Every check that was run, in the order of the list.
    pub checked: Vec<Checked>,
    /// The time of the audit, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// The duration of the audit.
    pub duration: Duration,
    /// The host name of the machine.
    pub host: String,
    /// The other facts about the machine.
    pub facts: Facts,
}

impl Selection {
    fn check(&self) -> Result<()> {
        for name in self.only.iter().chain(&self.skip) {
            let is_known = |check: &Check| check.id == name || check.group.name() == name;
            if !all_checks().any(is_known) {
                return Err(no_check(name, true));
            }
        }
        Ok(())
    }

    fn takes(&self, check: &Check) -> bool {
        let named = |names: &[String]| names.iter().any(|name| check.id == name || check.group.name() == name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

/// Runs the checks.
pub fn audit(machine: &Machine<'_>, selection: &Selection, baseline: &Baseline) -> Result<Audit> {
    audit_along(machine, selection, baseline, BootPath::All)
}

fn audit_along(machine: &Machine<'_>, selection: &Selection, baseline: &Baseline, boot: BootPath) -> Result<Audit> {
    selection.check()?;
    let began = Instant::now();
    let time = machine.context().now()?;
    let mut checked = Vec::new();
    let checks: Vec<&'static Check> = all_checks().filter(|check| selection.takes(check)).collect();
    for (number, check) in (1..).zip(&checks).map(|(number, check)| (number, *check)) {
        machine.context().check_interrupted()?;
        machine.observer().stage(check.title, number, checks.len());
        let mut outcome = (check.run)(machine);
        let (accepted, found) = baseline.divide(check, std::mem::take(&mut outcome.findings), time);
        outcome.findings = found;
        checked.push(Checked {
            check,
            outcome,
            accepted,
        });
    }
    machine.observer().end();
    Ok(Audit {
        checked,
        time,
        host: machine.host(),
        facts: Facts::from_machine(machine, boot),
        duration: began.elapsed(),
    })
}

impl Checked {
    /// The check's answer.
    #[must_use]
    pub fn status(&self) -> Status {
        self.outcome.status()
    }
}

impl Audit {
    /// The number of checks with this answer.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checked.iter().filter(|checked| checked.status() == status).count()
    }

    /// The error to end with. Findings weigh more than checks that could not run.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        let (findings, not_run) = self.troubles();
        failure(findings, not_run)
    }

    /// The number of findings, and the number of checks that could not look at everything.
    fn troubles(&self) -> (usize, usize) {
        let findings = self.checked.iter().map(|checked| checked.outcome.findings.len());
        let not_run = self
            .checked
            .iter()
            .filter(|checked| !checked.outcome.not_run.is_empty());
        (findings.sum(), not_run.count())
    }
}

fn failure(findings: usize, not_run: usize) -> Option<Error> {
    if findings > 0 {
        Some(Error::refused(format!(
            "findings: {findings}; checks that could not run: {not_run}"
        )))
    } else if not_run > 0 {
        Some(Error::could_not_run(format!("checks that could not run: {not_run}")))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
