//! Findings that somebody accepts: each with a reason, and until a day.

use der::DateTime;
use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, Explain, Result};
use crate::finding::Finding;
use crate::formats::text::{Shown, line_of, parse_settings};
use crate::system::{self, Context};

use super::check::Check;
use super::checks::{all_checks, no_check};

/// The path of the baseline, unless another is named.
const DEFAULT: &str = "/etc/bootseal/baseline.toml";
/// Longest baseline that is read, in bytes.
const MAX_BASELINE: u64 = 1 << 20;

/// The findings that somebody accepts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The entries of the file, with the places where they stand.
    #[serde(default)]
    accept: Vec<Spanned<Acceptance>>,
}

/// The acceptance of one finding, or of all findings of a check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// ID of the check.
    pub check: String,
    /// The subject of the finding; all of the check's findings if it is left out.
    pub subject: Option<String>,
    /// The reason why it is accepted.
    pub reason: String,
    /// The last day on which it is accepted, `YYYY-MM-DD`, UTC.
    pub until: String,
}

impl Baseline {
    /// Reads a baseline; one that is not named may be missing. It accepts findings, so nobody else may write to it.
    pub fn load(context: &Context, named: Option<&std::path::Path>) -> Result<Self> {
        let path = named.map_or_else(|| context.path(DEFAULT), std::path::Path::to_path_buf);
        let bytes = match named {
            Some(path) => system::read_ours(path, MAX_BASELINE)?,
            None => match system::read_ours_if_there(&path, MAX_BASELINE)? {
                Some(bytes) => bytes,
                None => return Ok(Self::default()),
            },
        };
        let cannot = || format!("cannot understand {}", path.shown());
        let text = String::from_utf8(bytes).or_usage(cannot)?;
        let baseline: Self = parse_settings(&text).map_err(|error| Error::usage(cannot()).misread(error))?;
        for entry in &baseline.accept {
            let acceptance = entry.get_ref();
            let cannot = || {
                let line = line_of(&text, entry.span().start);
                format!("cannot understand {}, the entry from line {line} on", path.shown())
            };
            if acceptance.reason.trim().is_empty() {
                return Err(
                    Error::usage(cannot()).caused_by(format!("{} is accepted without a reason", acceptance.check))
                );
            }
            if end(&acceptance.until).is_none() {
                let wrong = format!("until = \"{}\" is no day like 2027-01-31", acceptance.until);
                return Err(Error::usage(cannot()).caused_by(wrong));
            }
            if !all_checks().any(|check| check.id == acceptance.check) {
                return Err(Error::usage(cannot()).caused_by(no_check(&acceptance.check, false)));
            }
        }
        Ok(baseline)
    }

    /// The findings that are accepted now, each with the reason, and then those that are not.
    pub(super) fn divide(
        &self,
        check: &Check,
        findings: Vec<Finding>,
        now: u64,
    ) -> (Vec<(Finding, String)>, Vec<Finding>) {
        let (mut accepted, mut found) = (Vec::new(), Vec::new());
        for mut finding in findings {
            let is_meant = |acceptance: &&Spanned<Acceptance>| {
                let acceptance = acceptance.get_ref();
                let subject = acceptance.subject.as_ref();
                acceptance.check == check.id && subject.is_none_or(|subject| *subject == finding.subject)
            };
            match self.accept.iter().find(is_meant).map(Spanned::get_ref) {
                Some(acceptance) if end(&acceptance.until).is_some_and(|end| now < end) => {
                    accepted.push((finding, format!("{}, until {}", acceptance.reason, acceptance.until)));
                }
                Some(acceptance) => {
                    finding.text = format!("{} (accepted until {}, which is past)", finding.text, acceptance.until);
                    found.push(finding);
                }
                None => found.push(finding),
            }
        }
        (accepted, found)
    }
}

/// The first second after a day, since 1970-01-01 UTC.
fn end(day: &str) -> Option<u64> {
    let mut numbers = day.split('-').map(str::parse::<u16>);
    let (year, month, date) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    let (month, date) = (u8::try_from(month).ok()?, u8::try_from(date).ok()?);
    let start = DateTime::new(year, month, date, 0, 0, 0)
        .ok()?
        .unix_duration()
        .as_secs();
    start.checked_add(24 * 60 * 60).filter(|_| numbers.next().is_none())
}
