//! A check of the audit, and its outcome.

use super::machine::Machine;
use crate::finding::{Finding, Kind, Level, Status, worst};

/// The part of the chain that a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The firmware's variables.
    Firmware,
    /// The files that the firmware starts.
    Boot,
    /// GRUB's image and files.
    Grub,
    /// The running kernel.
    Kernel,
    /// Its modules, loaded and on the disk.
    Modules,
    /// The measurements in the TPM.
    Measured,
    /// The keys on this machine.
    Keys,
    /// The hooks that sign kernels as they are installed.
    Hooks,
    /// The record of all signatures that bootseal made here.
    Ledger,
}

impl Group {
    /// The stable name: the first part of its checks' IDs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Boot => "boot",
            Self::Grub => "grub",
            Self::Kernel => "kernel",
            Self::Modules => "modules",
            Self::Measured => "measured",
            Self::Keys => "keys",
            Self::Hooks => "hooks",
            Self::Ledger => "ledger",
        }
    }

    /// The heading for a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Firmware => "Firmware",
            Self::Boot => "Boot path",
            Self::Grub => "GRUB",
            Self::Kernel => "Kernel",
            Self::Modules => "Modules",
            Self::Measured => "Measured boot",
            Self::Keys => "Keys",
            Self::Hooks => "Hooks",
            Self::Ledger => "Ledger",
        }
    }
}

/// One thing that is proven, or not.
#[derive(Debug)]
pub struct Check {
    /// The stable ID: group, a dot, a name.
    pub id: &'static str,
    /// The part of the chain that it is about.
    pub group: Group,
    /// The subject of the check in a line for a person: a noun phrase that reads well whatever the answer.
    pub title: &'static str,
    /// The kind of its usual finding, by whose weight the check is listed.
    pub kind: Kind,
    /// The statement that a pass proves.
    pub proves: &'static str,
    /// The ways in which its findings are mended, in general.
    pub remedy: &'static str,
    /// Looks at the machine.
    pub(super) run: fn(&Machine<'_>) -> Outcome,
}

/// The outcome of a check.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Observations that are as they should be.
    pub evidence: Vec<String>,
    /// Things that are not as they should be.
    pub findings: Vec<Finding>,
    /// Things that could not be looked at, each with the reason.
    pub not_run: Vec<String>,
    /// The reason why there is nothing to look at on this machine; then all others are empty.
    pub not_applicable: Option<String>,
}

impl Outcome {
    /// The outcome of a check that saw this, as it should be.
    pub fn pass(evidence: impl Into<String>) -> Self {
        Self {
            evidence: vec![evidence.into()],
            ..Self::default()
        }
    }

    /// The outcome of a check with one finding.
    #[must_use]
    pub fn found(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }

    /// The outcome of a check that could not run, with the reason.
    pub fn could_not_run(reason: impl Into<String>) -> Self {
        Self {
            not_run: vec![reason.into()],
            ..Self::default()
        }
    }

    /// The outcome of a check that finds nothing of its kind on this machine, with the reason.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self {
            not_applicable: Some(reason.into()),
            ..Self::default()
        }
    }

    /// The answer. What could not be looked at is never a pass.
    #[must_use]
    pub fn status(&self) -> Status {
        match worst(&self.findings) {
            Some(level) if level > Level::Note => level.into(),
            _ if !self.not_run.is_empty() => Status::CouldNotRun,
            _ if self.not_applicable.is_some() => Status::NotApplicable,
            _ => Status::Pass,
        }
    }
}
