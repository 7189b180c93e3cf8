//! The audit as a page for a documentation site: the same machine in the same state gives the same page, but for the line
//! with the time.

use std::io::{self, Write};

use crate::audit::{Audit, Status};
use crate::formats::certificate::printable;

pub(super) fn render(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# Boot chain of {}\n", escaped(&audit.host))?;
    writeln!(
        out,
        "Audited by `bootseal audit` at {}.\n",
        crate::system::moment(audit.time)
    )?;
    writeln!(out, "| answer | checks |\n|---|---|")?;
    for status in Status::ALL {
        writeln!(out, "| {} | {} |", word(status), audit.count(status))?;
    }
    let mut group = None;
    for checked in &audit.checked {
        if group != Some(checked.check.group) {
            writeln!(
                out,
                "\n## {}\n\n| check | answer | seen |\n|---|---|---|",
                checked.check.group.title()
            )?;
            group = Some(checked.check.group);
        }
        let outcome = &checked.outcome;
        let mut seen: Vec<String> = outcome
            .findings
            .iter()
            .map(|finding| {
                format!(
                    "**{}** To mend it: {}",
                    escaped(&finding.text),
                    escaped(&finding.remedy)
                )
            })
            .collect();
        seen.extend(
            outcome
                .not_run
                .iter()
                .map(|reason| format!("could not look: {}", escaped(reason))),
        );
        seen.extend(
            checked
                .accepted
                .iter()
                .map(|(finding, reason)| format!("accepted: {} ({})", escaped(&finding.text), escaped(reason))),
        );
        seen.extend(
            outcome
                .evidence
                .iter()
                .chain(&outcome.not_applicable)
                .map(|line| escaped(line)),
        );
        writeln!(
            out,
            "| {} (`{}`) | {} | {} |",
            escaped(checked.check.title),
            checked.check.id,
            word(checked.status()),
            seen.join("<br>")
        )?;
    }
    Ok(())
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Pass => "pass",
        Status::NotApplicable => "does not apply",
        Status::CouldNotRun => "could not run",
        Status::Warn => "warning",
        Status::Fail => "fail",
    }
}

/// Text that comes from certificates and files, as text and nothing else.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
