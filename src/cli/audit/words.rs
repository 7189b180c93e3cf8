//! The verdict of an audit.

use crate::audit::{Audit, all_checks};
use crate::finding::Status;

/// The verdict of an audit with nothing to say.
pub(super) const HOLDS: &str = "The chain holds";

/// All answers in one. A part that was not looked at, or that was left out, weighs more than a warning: nobody knows its state.
pub(super) fn verdict(audit: &Audit) -> &'static str {
    if audit.count(Status::Fail) > 0 {
        "The chain does not hold"
    } else if audit.count(Status::CouldNotRun) > 0 || left_out(audit).next().is_some() {
        "The chain is not proven"
    } else if audit.count(Status::Warn) > 0 {
        "The chain holds; something is to be looked after"
    } else if accepted(audit) > 0 {
        "The chain holds but for what is accepted"
    } else {
        HOLDS
    }
}

/// The verdict, and the number of checks of each answer, of those that were left out, and of findings that are accepted.
pub(super) fn counted_verdict(audit: &Audit) -> String {
    let counts = [
        (audit.count(Status::Fail), "fail"),
        (audit.count(Status::Warn), "warn"),
        (audit.count(Status::CouldNotRun), "could not run"),
        (audit.count(Status::NotApplicable), "do not apply"),
        (audit.count(Status::Pass), "pass"),
        (left_out(audit).count(), "left out"),
        (accepted(audit), "accepted"),
    ];
    let words = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<String> = words.map(|(count, word)| format!("{count} {word}")).collect();
    format!("{}: {}", verdict(audit), words.join(", "))
}

/// The checks that were not to be run, by --only or --skip.
pub(super) fn left_out(audit: &Audit) -> impl Iterator<Item = &'static str> {
    let ids = all_checks().map(|check| check.id);
    ids.filter(|id| !audit.checked.iter().any(|checked| checked.check.id == *id))
}

/// The number of findings that the baseline accepts.
pub(super) fn accepted(audit: &Audit) -> usize {
    audit.checked.iter().map(|checked| checked.accepted.len()).sum()
}
