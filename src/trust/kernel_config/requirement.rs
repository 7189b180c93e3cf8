//! A requirement of a kernel's configuration, and its judgement.

use serde::{Serialize, Serializer};

use crate::finding::{Level, Status};
use crate::formats::kernel::kernel_config::{KernelConfig, KernelVersion, PREFIX, Value};

/// The weight of a requirement without which the chain does not hold, or the machine does not start.
pub const REQUIRED: Level = Level::Error;
/// The weight of a requirement with which the chain is better.
pub const RECOMMENDED: Level = Level::Warning;

/// The word for the weight of a requirement, also in JSON: `required` or `recommended`.
#[must_use]
pub fn need(level: Level) -> &'static str {
    if level < REQUIRED { "recommended" } else { "required" }
}

/// The word in JSON for the answer to a requirement.
const fn state(status: Status) -> &'static str {
    match status {
        Status::Pass => "met",
        Status::NotApplicable => "does_not_apply",
        Status::CouldNotRun => "unknown",
        Status::Warn | Status::Fail => "unmet",
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
pub(super) fn serialize_level<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(need(*level))
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it so
fn serialize_status<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state(*status))
}

/// The value that an option should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Built in.
    Yes,
    /// Built in, or a module.
    Either,
    /// Off.
    No,
}

/// One option that the chain needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirement {
    /// The part of the chain that it belongs to.
    pub group: &'static str,
    /// The option, without `CONFIG_`.
    pub symbol: &'static str,
    /// The value that it should have.
    pub wanted: Wanted,
    /// The weight if it has not: [`REQUIRED`] or [`RECOMMENDED`].
    pub level: Level,
    /// The first kernel that has the option, or where this requirement begins.
    pub since: Option<KernelVersion>,
    /// The first kernel for which the requirement does not hold any more.
    pub until: Option<KernelVersion>,
    /// Options without which this one does not matter.
    pub only_if: &'static [&'static str],
    /// Options that do as well, built in.
    pub or: &'static [&'static str],
    /// The reason why the chain needs it.
    pub reason: &'static str,
}

impl Requirement {
    /// True if it concerns kernels of this version.
    #[must_use]
    pub fn concerns(&self, version: KernelVersion) -> bool {
        self.since.is_none_or(|since| version >= since) && self.until.is_none_or(|until| version < until)
    }

    /// True if it matters to this configuration. An option that a fragment does not mention may well be on.
    fn applies(&self, config: &KernelConfig) -> bool {
        self.only_if
            .iter()
            .all(|symbol| config.is_on(symbol) || (config.get(symbol).is_none() && config.version.is_none()))
    }

    fn is_met(&self, config: &KernelConfig) -> bool {
        let found = config.get(self.symbol);
        let by_itself = match self.wanted {
            Wanted::Yes => found == Some(&Value::Yes),
            Wanted::Either => config.is_on(self.symbol),
            Wanted::No => !config.is_on(self.symbol),
        };
        by_itself || self.or.iter().any(|other| config.get(other) == Some(&Value::Yes))
    }

    /// The value to set.
    #[must_use]
    pub const fn value(&self) -> Value {
        match self.wanted {
            Wanted::Yes | Wanted::Either => Value::Yes,
            Wanted::No => Value::No,
        }
    }

    pub(super) fn judge(&self, config: &KernelConfig) -> Judgement {
        let wanted = match self.wanted {
            Wanted::Yes => "y",
            Wanted::Either => "y or m",
            Wanted::No => "n",
        };
        let (is_met, applies) = (self.is_met(config), self.applies(config));
        let status = match (applies, is_met) {
            (false, _) => Status::NotApplicable,
            (true, true) => Status::Pass,
            (true, false) => self.level.into(),
        };
        Judgement {
            subject: format!("{PREFIX}{}", self.symbol),
            level: self.level,
            status,
            wanted: wanted.to_owned(),
            found: found(config, self.symbol),
            reason: self.reason.to_owned(),
            remedy: (applies && !is_met).then(|| {
                format!(
                    "set {PREFIX}{}={} and build the kernel again",
                    self.symbol,
                    self.value()
                )
            }),
        }
    }
}

/// The value of an option in a configuration, or the misspelt line that means it.
fn found(config: &KernelConfig, symbol: &str) -> String {
    if let Some(value) = config.get(symbol) {
        return value.to_string();
    }
    let meant = |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "_") == format!("{PREFIX}{symbol}");
    match config.misspelt.iter().find(|(_, name)| meant(name)) {
        Some((line, name)) => format!("not mentioned: line {line} has {name}, which Kconfig passes over in silence"),
        None => "not mentioned".to_owned(),
    }
}

/// A requirement, held against a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The option or setting.
    pub subject: String,
    /// The weight if it is not met: [`REQUIRED`] or [`RECOMMENDED`].
    #[serde(serialize_with = "serialize_level")]
    pub level: Level,
    /// The answer; an unmet requirement has the answer of its weight.
    #[serde(rename = "state", serialize_with = "serialize_status")]
    pub status: Status,
    /// The value that should be there.
    pub wanted: String,
    /// The value that is there.
    pub found: String,
    /// The reason why it matters.
    pub reason: String,
    /// The step that mends it; none if it is met.
    pub remedy: Option<String>,
}

impl Judgement {
    /// True if the requirement is not met.
    #[must_use]
    pub const fn is_unmet(&self) -> bool {
        matches!(self.status, Status::Warn | Status::Fail)
    }
}
