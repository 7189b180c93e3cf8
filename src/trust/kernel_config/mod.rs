//! What the chain needs of a kernel's configuration: one table, from which the fragment is written and by which
//! configurations are judged.

mod fragment;
mod key_files;
mod portage;
mod table;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::formats::kernel::kernel_config::{KernelConfig, KernelVersion, PREFIX, Value};

pub use fragment::{Fragment, Line, ModuleKey};
pub use key_files::judge_key_files;
pub use portage::{judge_hashes, judge_portage};
pub use table::REQUIREMENTS;

/// What an unmet requirement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Without it the chain does not hold, or the machine does not start.
    Required,
    /// The chain is better with it.
    Recommended,
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
    /// What it means if it has not.
    pub level: Level,
    /// The first kernel that has the option, or where this requirement begins.
    pub since: Option<KernelVersion>,
    /// The first kernel for which the requirement does not hold any more.
    pub until: Option<KernelVersion>,
    /// Options without which this one does not matter.
    pub only_if: &'static [&'static str],
    /// Options that do as well, built in.
    pub or: &'static [&'static str],
    /// Why.
    pub reason: &'static str,
}

impl Requirement {
    /// Whether it concerns kernels of this version.
    #[must_use]
    pub fn concerns(&self, version: KernelVersion) -> bool {
        self.since.is_none_or(|since| version >= since) && self.until.is_none_or(|until| version < until)
    }

    /// Whether it matters to this configuration. What a fragment does not mention may well be on.
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

    fn judge(&self, config: &KernelConfig) -> Judgement {
        let wanted = match self.wanted {
            Wanted::Yes => "y",
            Wanted::Either => "y or m",
            Wanted::No => "n",
        };
        let state = if !self.applies(config) {
            State::DoesNotApply
        } else if self.is_met(config) {
            State::Met
        } else {
            State::Unmet
        };
        Judgement {
            subject: format!("{PREFIX}{}", self.symbol),
            level: self.level,
            state,
            wanted: wanted.to_owned(),
            found: found(config, self.symbol),
            reason: self.reason.to_owned(),
            remedy: (state == State::Unmet).then(|| {
                format!(
                    "set {PREFIX}{}={} and build the kernel again",
                    self.symbol,
                    self.value()
                )
            }),
        }
    }
}

/// What a configuration says of an option, a misspelt line included.
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

/// Whether a requirement is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is.
    Met,
    /// It is not.
    Unmet,
    /// It does not matter here.
    DoesNotApply,
    /// It could not be found out.
    Unknown,
}

/// A requirement, held against a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The option or setting.
    pub subject: String,
    /// What it means if it is not met.
    pub level: Level,
    /// Whether it is.
    pub state: State,
    /// What should be there.
    pub wanted: String,
    /// What is there.
    pub found: String,
    /// Why it matters.
    pub reason: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// Holds a configuration against [`REQUIREMENTS`].
#[must_use]
pub fn judge(config: &KernelConfig, version: KernelVersion) -> Vec<Judgement> {
    REQUIREMENTS
        .iter()
        .filter(|requirement| requirement.concerns(version))
        .map(|requirement| requirement.judge(config))
        .collect()
}
