//! The record of the last audit of the whole machine: `audit.json` in the state directory, for the short form.

use serde::{Deserialize, Serialize};

use crate::error::{Explain, Result, quoted};
use crate::finding::Status;
use crate::formats::text::Shown;
use crate::system::{self, Context};

use super::{Audit, Selection};

/// The record, below the state directory.
const FILE: &str = "audit.json";
/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 1 << 20;
const SECRET: u32 = 0o600;

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAudit {
    /// The time of the audit, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// The number of its findings that are not accepted.
    pub findings: usize,
    /// The number of findings that the baseline accepted.
    pub accepted: usize,
    /// The checks with findings, by their IDs.
    pub failed: Vec<String>,
    /// The checks that could not run, or not on all.
    pub could_not_run: Vec<String>,
    /// The checks, or groups of checks, that were left out.
    pub skipped: Vec<String>,
}

impl LastAudit {
    fn summarise(audit: &Audit, selection: &Selection) -> Self {
        let ids = |wanted: fn(Status) -> bool| {
            let checked = audit.checked.iter().filter(|checked| wanted(checked.status()));
            checked.map(|checked| checked.check.id.to_owned()).collect()
        };
        Self {
            time: audit.time,
            findings: audit.checked.iter().map(|checked| checked.outcome.findings.len()).sum(),
            accepted: audit.checked.iter().map(|checked| checked.accepted.len()).sum(),
            failed: ids(|status| matches!(status, Status::Fail | Status::Warn)),
            could_not_run: ids(|status| status == Status::CouldNotRun),
            skipped: selection.skip.clone(),
        }
    }

    /// The answer of that audit in one word. Findings of any weight count as a warning, since the record has no weights.
    #[must_use]
    pub const fn status(&self) -> Status {
        match (self.findings, self.could_not_run.len()) {
            (0, 0) => Status::Pass,
            (0, _) => Status::CouldNotRun,
            _ => Status::Warn,
        }
    }

    /// Records an audit, unless it looked at single checks only.
    pub fn record(context: &Context, audit: &Audit, selection: &Selection) -> Result<()> {
        if !selection.only.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_string(&Self::summarise(audit, selection));
        let text = text.or_bug(|| "cannot write the audit down".to_owned())?;
        let state = context.state()?;
        system::create_dir(context, &state)?;
        system::replace_durably(context, &state.join(FILE), text.as_bytes(), SECRET)
    }

    /// The record, if there is one.
    pub fn read(context: &Context) -> Result<Option<Self>> {
        let path = context.state()?.join(FILE);
        let Some(bytes) = system::read_ours_if_there(&path, MAX_RECORD)? else {
            return Ok(None);
        };
        let cannot = || {
            format!(
                "{} is no record of an audit; if it is not needed: rm {}",
                path.shown(),
                quoted(&path)
            )
        };
        serde_json::from_slice(&bytes).or_could_not_run(cannot).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_weigh_more_than_what_could_not_run() {
        let status = |findings, could_not_run: &[&str]| {
            let last = LastAudit {
                time: 0,
                findings,
                accepted: 1,
                failed: Vec::new(),
                could_not_run: could_not_run.iter().map(|id| (*id).to_owned()).collect(),
                skipped: Vec::new(),
            };
            last.status()
        };
        assert_eq!(status(0, &[]), Status::Pass);
        assert_eq!(status(0, &["kernel.modules"]), Status::CouldNotRun);
        assert_eq!(status(2, &["kernel.modules"]), Status::Warn);
    }
}
