//! Findings and the answers of checks: as a person sees them, and in JSON. Each command keeps the names of keys that its
//! schema promises.

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::finding::{Finding, Kind, Level, Status};
use crate::formats::text::printable;

use super::style::Style;

/// Width of the sign before a finding, with the space after it.
const SIGN: usize = 2;
/// Most findings of a kind that are shown one by one.
const MOST: usize = 5;
/// The number that is shown of more than that.
const FEW: usize = 3;

/// A part of what a reader is told: a finding, or how many more there are of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'f> {
    /// A finding.
    One(&'f Finding),
    /// The number of those that are not shown.
    More(usize),
}

impl Told<'_> {
    /// The sentence in place of findings that are not shown.
    #[must_use]
    pub fn more(count: usize) -> String {
        format!("and {count} more like these: bootseal audit -v, or --json, shows all")
    }
}

/// Findings of a check as a reader takes them in: of many of one kind and weight, which have one cause most of the time, the
/// first few and the number of the others.
#[must_use]
pub fn told(findings: &[Finding], is_verbose: bool) -> Vec<Told<'_>> {
    let mut totals: HashMap<(Kind, Level), usize> = HashMap::new();
    for finding in findings {
        let total = totals.entry((finding.kind, finding.level)).or_default();
        *total = total.saturating_add(1);
    }
    let mut seen: HashMap<(Kind, Level), usize> = HashMap::new();
    let mut told = Vec::new();
    for finding in findings {
        let own = (finding.kind, finding.level);
        let total = totals.get(&own).copied().unwrap_or_default();
        let place = seen.entry(own).or_default();
        if is_verbose || total <= MOST || *place < FEW {
            told.push(Told::One(finding));
        } else if *place == FEW {
            told.push(Told::More(total.saturating_sub(FEW)));
        }
        *place = place.saturating_add(1);
    }
    told
}

impl Style {
    /// The sign of a finding of this weight.
    #[must_use]
    pub fn level(self, level: Level) -> String {
        match level {
            Level::Note => self.note("-"),
            Level::Warning => self.warn("!"),
            Level::Error => self.cross(),
        }
    }

    /// The sign of a check with this answer.
    #[must_use]
    pub fn status(self, status: Status) -> String {
        match status {
            Status::Pass => self.tick(),
            Status::NotApplicable => "-".to_owned(),
            Status::CouldNotRun => self.warn("?"),
            Status::Warn => self.level(Level::Warning),
            Status::Fail => self.level(Level::Error),
        }
    }
}

/// Writes sign and sentence of a finding, and below them its remedies. `indent` is the number of spaces before the sign.
pub fn write_finding(out: &mut dyn Write, style: Style, indent: usize, finding: &Finding) -> io::Result<()> {
    write_signed(out, style, indent, finding, &finding.text)
}

/// Writes a finding with the place that it is about and with its kind.
pub fn write_finding_with_place(out: &mut dyn Write, style: Style, finding: &Finding) -> io::Result<()> {
    write_signed(out, style, 0, finding, &finding.describe())
}

fn write_signed(out: &mut dyn Write, style: Style, indent: usize, finding: &Finding, text: &str) -> io::Result<()> {
    writeln!(out, "{:indent$}{} {}", "", style.level(finding.level), printable(text))?;
    write_remedies(out, style, indent.saturating_add(SIGN), finding)
}

/// Writes the remedies of a finding, a line each, after `indent` spaces.
pub fn write_remedies(out: &mut dyn Write, style: Style, indent: usize, finding: &Finding) -> io::Result<()> {
    for remedy in &finding.remedies {
        writeln!(out, "{:indent$}{} {}", "", style.note("fix:"), printable(remedy))?;
    }
    Ok(())
}

/// All remedies of a finding in one text; empty if there is none.
#[must_use]
pub fn remedy(finding: &Finding) -> String {
    finding.remedies.join("; ")
}

/// A finding of the audit.
#[must_use]
pub fn finding_json(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.name(),
        "subject": finding.subject,
        "level": finding.level.name(),
        "text": finding.text,
        "remedy": remedy(finding),
    })
}

/// A finding about the hooks. One that keeps the next kernel from being signed defeats them.
#[must_use]
pub fn hook_finding_json(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.name(),
        "subject": finding.subject,
        "defeats": finding.level == Level::Error,
        "text": finding.text,
        "remedy": (!finding.remedies.is_empty()).then(|| remedy(finding)),
    })
}

/// A trap in a script of GRUB. Its level is "finding" where it undoes the purpose of signatures.
#[must_use]
pub fn trap_json(trap: &Finding) -> Value {
    let level = if trap.level == Level::Note { "note" } else { "finding" };
    json!({
        "trap": trap.kind.name(),
        "level": level,
        "path": trap.subject,
        "line": trap.line.as_ref().map(|line| line.number),
        "text": trap.line.as_ref().and_then(|line| line.text.as_deref()),
        "reason": trap.text,
        "remedy": remedy(trap),
    })
}

/// A problem of a file that GRUB opens.
#[must_use]
pub fn problem_json(problem: &Finding) -> Value {
    json!({
        "problem": problem.kind.name(),
        "path": problem.subject,
        "line": problem.line.as_ref().map(|line| line.number),
        "reason": problem.text,
        "remedy": remedy(problem),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_findings_of_a_kind_a_few_are_told_and_the_others_counted() {
        let many = |count: usize, kind| (0..count).map(move |n| Finding::new(kind, n.to_string(), "x"));
        let (old, lost) = (Kind::warning("old"), Kind::error("lost"));
        let findings: Vec<Finding> = many(MOST, lost)
            .chain(many(MOST + 1, old))
            .chain(many(1, lost))
            .collect();
        let said = |is_verbose| told(&findings, is_verbose);
        assert_eq!(said(true).len(), findings.len());
        // One more of the first kind comes last: it is counted where the fourth would stand.
        let expected: Vec<Told<'_>> = findings[..FEW]
            .iter()
            .map(Told::One)
            .chain([Told::More(MOST + 1 - FEW)])
            .chain(findings[MOST..MOST + FEW].iter().map(Told::One))
            .chain([Told::More(MOST + 1 - FEW)])
            .collect();
        assert_eq!(said(false), expected);
        assert_eq!(told(&findings[..MOST], false).len(), MOST);
    }

    #[test]
    fn a_finding_is_a_sign_and_a_sentence_with_its_remedies_below() {
        let finding = Finding::new(Kind::warning("old"), "/boot/a", "it is\nold")
            .remedy("rm a")
            .remedy("mv a b");
        let written = |write: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
            let mut out = Vec::new();
            write(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let style = Style::plain();
        assert_eq!(
            written(&|out| write_finding(out, style, 4, &finding)),
            "    ! it is\\nold\n      fix: rm a\n      fix: mv a b\n"
        );
        assert_eq!(
            written(&|out| write_finding_with_place(out, style, &finding)),
            "! /boot/a (old): it is\\nold\n  fix: rm a\n  fix: mv a b\n"
        );
    }
}
