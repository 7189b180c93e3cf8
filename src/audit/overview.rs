//! The short form of an audit: the checks that need no file tree, the file that the firmware starts next, and the last audit.

use crate::enroll::{BootFile, LoaderKind, Verdict};
use crate::error::{Error, Result};
use crate::finding::Status;

use super::baseline::Baseline;
use super::check::Group;
use super::facts::BootPath;
use super::last::LastAudit;
use super::machine::Machine;
use super::reason::reason;
use super::{Audit, Checked, Selection, audit_along};

/// The checks of the short form: each reads a few small files.
const QUICK: [&str; 13] = [
    "firmware.secure_boot",
    "firmware.mode",
    "firmware.variables",
    "boot.next_start",
    "kernel.lockdown",
    "kernel.modules_enforced",
    "kernel.module_key",
    "kernel.module_hash",
    "keys.expiry",
    "keys.pairs",
    "hooks.next_kernel",
    "hooks.last_run",
    "ledger.chain",
];

/// The machine at a glance.
#[derive(Debug)]
pub struct Overview {
    /// The quick checks, and the facts.
    pub audit: Audit,
    /// The record of the last whole audit, or the reason why it cannot be read; none if there was no audit.
    pub last_audit: std::result::Result<Option<LastAudit>, String>,
    /// The reason why the file that starts next could not be looked for.
    pub unseen: Option<String>,
}

impl Overview {
    /// Runs the quick checks and collects the facts.
    pub fn of_machine(machine: &Machine<'_>, baseline: &Baseline) -> Result<Self> {
        let quick = Selection {
            only: QUICK.map(str::to_owned).to_vec(),
            ..Selection::default()
        };
        Ok(Self {
            audit: audit_along(machine, &quick, baseline, BootPath::Next)?,
            last_audit: LastAudit::read(machine.context()).map_err(|error| reason(&error)),
            unseen: machine.store().err().or(machine.esps().err()).cloned(),
        })
    }

    /// The file that the firmware starts next, if it is known.
    #[must_use]
    pub fn next_boot(&self) -> Option<&BootFile> {
        self.audit.facts.boot_files.iter().find(|file| file.is_next)
    }

    /// The kind of that file.
    #[must_use]
    pub fn loader(&self) -> Option<LoaderKind> {
        self.next_boot()?.kind
    }

    /// The kernel that this file starts by itself, if it is a loader and that is known.
    #[must_use]
    pub fn next_kernel(&self) -> Option<&BootFile> {
        let next = self.audit.facts.boot_files.iter().position(|file| file.is_next)?;
        let mut behind = self.audit.facts.boot_files.iter().skip(next.saturating_add(1));
        behind.next().filter(|file| file.is_of_loader())
    }

    /// The answer to the question if these start, and all that is behind them.
    #[must_use]
    pub fn next_boot_status(&self) -> Status {
        let checks = self.audit.checked.iter();
        let walked = checks
            .filter(|checked| checked.check.group == Group::Boot)
            .map(Checked::status);
        // Where there is nothing to walk the files have been judged.
        let walked = walked.filter(|status| *status != Status::NotApplicable);
        walked.chain([self.files_status()]).max().unwrap_or(Status::CouldNotRun)
    }

    /// The firmware's answer to the files that it starts.
    fn files_status(&self) -> Status {
        let kernel = self.next_kernel().map(|file| &file.verdict);
        if matches!(kernel, Some(Verdict::Refused(_))) {
            return Status::Fail;
        }
        match self.next_boot().map(|file| &file.verdict) {
            Some(Verdict::Accepted(_)) => Status::Pass,
            Some(Verdict::Refused(_)) => Status::Fail,
            Some(Verdict::NotJudged(_)) | None => Status::CouldNotRun,
        }
    }

    /// The error to end with. Findings weigh more than checks that could not run.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        let (mut findings, mut not_run) = self.audit.troubles();
        match self.files_status() {
            Status::Fail => findings = findings.saturating_add(1),
            Status::CouldNotRun => not_run = not_run.saturating_add(1),
            _ => {}
        }
        super::failure(findings, not_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quick_check_is_one() {
        for id in QUICK {
            assert!(super::super::all_checks().any(|check| check.id == id), "{id}");
        }
    }
}
