//! A check, and what may come of it.

use super::machine::Machine;

/// What a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The firmware's variables.
    Firmware,
    /// What the firmware starts.
    Boot,
    /// GRUB's image and files.
    Grub,
    /// The running kernel.
    Kernel,
    /// Its modules, loaded and on the disk.
    Modules,
    /// What the TPM was told.
    Measured,
    /// The keys on this machine.
    Keys,
    /// The hooks that sign kernels as they are installed.
    Hooks,
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
        }
    }
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something to look after: the chain holds, for now.
    Warning,
    /// The chain does not hold.
    Error,
}

impl Level {
    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is proven, or not.
#[derive(Debug)]
pub struct Check {
    /// The stable ID: group, a dot, a name.
    pub id: &'static str,
    /// What it is about.
    pub group: Group,
    /// A line for a person.
    pub title: &'static str,
    /// What a finding of it weighs, unless the finding says otherwise.
    pub level: Level,
    /// What a pass proves.
    pub proves: &'static str,
    /// How findings are mended, in general.
    pub remedy: &'static str,
    /// Looks.
    pub(super) run: fn(&Machine<'_>) -> Outcome,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, the same at the next audit: a path, a variable, a setting.
    pub subject: String,
    /// What is wrong.
    pub text: String,
    /// What mends it; a command where there is one.
    pub remedy: String,
    /// What it weighs; none for the check's own level.
    pub level: Option<Level>,
}

impl Finding {
    /// A finding of the check's own level.
    pub fn new(subject: impl Into<String>, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            text: text.into(),
            remedy: remedy.into(),
            level: None,
        }
    }

    /// Weighs as much as this.
    #[must_use]
    pub const fn at(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }
}

/// What came of a check.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was seen that is as it should be.
    pub evidence: Vec<String>,
    /// What is not.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub not_run: Vec<String>,
    /// Why there is nothing to look at on this machine; then all others are empty.
    pub not_applicable: Option<String>,
}

/// The answer of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is proven.
    Pass,
    /// There is nothing of the kind here.
    NotApplicable,
    /// It could not be looked at, or not at all of it.
    CouldNotRun,
    /// Something is to be looked after.
    Warn,
    /// It does not hold.
    Fail,
}

impl Status {
    /// The answer that a finding of this level gives.
    #[must_use]
    pub const fn of(level: Level) -> Self {
        match level {
            Level::Error => Self::Fail,
            Level::Warning => Self::Warn,
        }
    }

    /// All answers.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::NotApplicable,
        Self::CouldNotRun,
        Self::Warn,
        Self::Fail,
    ];

    /// The stable name used in JSON and Prometheus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotApplicable => "not_applicable",
            Self::CouldNotRun => "could_not_run",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Outcome {
    /// Seen, and as it should be.
    pub fn pass(evidence: impl Into<String>) -> Self {
        Self {
            evidence: vec![evidence.into()],
            ..Self::default()
        }
    }

    /// One finding.
    #[must_use]
    pub fn found(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }

    /// It could not be looked at.
    pub fn could_not_run(reason: impl Into<String>) -> Self {
        Self {
            not_run: vec![reason.into()],
            ..Self::default()
        }
    }

    /// There is nothing to look at.
    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self {
            not_applicable: Some(reason.into()),
            ..Self::default()
        }
    }

    /// The answer, where findings that do not say it weigh this much; what could not be looked at is never a pass.
    #[must_use]
    pub fn status(&self, level: Level) -> Status {
        let is_error = |finding: &Finding| finding.level.unwrap_or(level) == Level::Error;
        if self.findings.iter().any(is_error) {
            Status::Fail
        } else if !self.findings.is_empty() {
            Status::Warn
        } else if !self.not_run.is_empty() {
            Status::CouldNotRun
        } else if self.not_applicable.is_some() {
            Status::NotApplicable
        } else {
            Status::Pass
        }
    }
}

/// The message of an error, with its causes and first hint, in one line.
pub(crate) fn reason(error: &crate::error::Error) -> String {
    let text = error.in_one_line();
    match error.hints().first() {
        Some(hint) => format!("{text} ({hint})"),
        None => text,
    }
}
