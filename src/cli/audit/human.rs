//! The audit for a person: grouped, the verdict last, the remedy under each finding.

use std::io::{self, Write};

use crate::audit::Audit;
use crate::finding::Status;
use crate::formats::text::printable;
use crate::ui::Style;
use crate::ui::finding::{Told, told, write_remedies};

use super::words::{HOLDS, counted_verdict, reasons, shared_reasons, verdict};

pub(super) fn render(audit: &Audit, verbose: bool, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let shared = shared_reasons(audit);
    if !shared.is_empty() {
        writeln!(out, "Not looked at")?;
        let sign = style.status(Status::CouldNotRun);
        for (reason, count) in &shared {
            writeln!(out, "  {sign} {count} checks: {}", printable(reason))?;
        }
        writeln!(out)?;
    }
    let is_told = |reason: &&str| !verbose && shared.iter().any(|(told, _)| told == reason);
    let mut group = None;
    for checked in &audit.checked {
        if group != Some(checked.check.group) {
            let gap = if group.is_some() { "\n" } else { "" };
            writeln!(out, "{gap}{}", checked.check.group.title())?;
            group = Some(checked.check.group);
        }
        let sign = style.status(checked.status());
        writeln!(out, "  {sign} {}  [{}]", checked.check.title, checked.check.id)?;
        for part in told(&checked.outcome.findings, verbose) {
            match part {
                Told::One(finding) => {
                    writeln!(out, "      {}", printable(&finding.text))?;
                    write_remedies(out, style, 8, finding)?;
                }
                Told::More(count) => writeln!(out, "      {}", Told::more(count))?,
            }
        }
        for reason in reasons(checked).into_iter().filter(|reason| !is_told(reason)) {
            writeln!(out, "      could not look: {}", printable(reason))?;
        }
        for (finding, reason) in &checked.accepted {
            writeln!(
                out,
                "      accepted: {} ({})",
                printable(&finding.text),
                printable(reason)
            )?;
        }
        if verbose {
            let evidence = checked.outcome.evidence.iter().chain(&checked.outcome.not_applicable);
            for line in evidence {
                writeln!(out, "      {}", printable(line))?;
            }
        }
    }
    let own = counted_verdict(audit);
    let verdict = if audit.count(Status::Fail) > 0 {
        style.bad(&own)
    } else if verdict(audit) == HOLDS {
        style.good(&own)
    } else {
        style.warn(&own)
    };
    writeln!(out, "\n{verdict}")
}
