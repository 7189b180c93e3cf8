//! The verdict of an audit.

use crate::audit::{Audit, Checked, all_checks};
use crate::finding::Status;

/// The verdict of an audit with nothing to say.
pub(super) const HOLDS: &str = "The chain holds";

/// Fewest checks whose reason is told once for all.
const SHARED: usize = 3;

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

/// The reasons for which at least [`SHARED`] checks could not look, in the order in which they come up, and the number of those checks:
/// such a reason is told once.
pub(super) fn shared_reasons(audit: &Audit) -> Vec<(&str, usize)> {
    let mut shared: Vec<(&str, usize)> = Vec::new();
    for checked in &audit.checked {
        for reason in reasons(checked) {
            match shared.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => shared.push((reason, 1)),
            }
        }
    }
    shared.retain(|(_, count)| *count >= SHARED);
    shared
}

/// The reasons for which a check could not look, each once.
pub(super) fn reasons(checked: &Checked) -> Vec<&str> {
    let mut reasons: Vec<&str> = Vec::new();
    for reason in &checked.outcome.not_run {
        if !reasons.contains(&reason.as_str()) {
            reasons.push(reason);
        }
    }
    reasons
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
