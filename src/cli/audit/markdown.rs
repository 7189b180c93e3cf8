//! The audit as a page for a documentation site: the same machine in the same state gives the same page, but for the line
//! with the time. A finding, a key, a file is a line each, so that a difference shows what has changed.

use std::io::{self, Write};

use crate::audit::{Audit, Checked, LedgerFacts};
use crate::enroll::Verdict;
use crate::finding::Status;
use crate::formats::text::printable;
use crate::system::moment;
use crate::ui::finding::{Told, remedy, told};

use super::words::{counted_verdict, reasons, shared_reasons};

pub(super) fn render(audit: &Audit, is_verbose: bool, out: &mut dyn Write) -> io::Result<()> {
    let host = escaped(&audit.host);
    writeln!(out, "# Boot chain of {host}\n\n**{}**\n", counted_verdict(audit))?;
    writeln!(out, "Audited by `bootseal audit` at {}.\n", moment(audit.time))?;
    if let Some(LedgerFacts {
        lines,
        signatures,
        head,
    }) = &audit.facts.ledger
    {
        writeln!(out, "Ledger: {lines} lines, {signatures} signatures, head `{head}`.\n")?;
    }
    let counts = Status::ALL.map(|status| vec![word(status).to_owned(), audit.count(status).to_string()]);
    table(out, &["answer", "checks"], counts)?;
    let shared = shared_reasons(audit);
    if !shared.is_empty() {
        let rows = shared
            .iter()
            .map(|(reason, count)| vec![count.to_string(), escaped(reason)]);
        section(out, "Not looked at", &["checks", "why"], rows)?;
    }
    section(
        out,
        "Findings",
        &["check", "level", "finding", "remedy"],
        findings(audit, is_verbose),
    )?;
    keys(audit, out)?;
    firmware(audit, out)?;
    section(
        out,
        "Boot files",
        &["told by", "file", "answer", "why"],
        boot_files(audit),
    )?;
    let mut group = None;
    for checked in &audit.checked {
        let own = checked.check.group;
        if group.replace(own) != Some(own) {
            let rows = audit.checked.iter().filter(|checked| checked.check.group == own);
            let title = format!("Checks: {}", own.title());
            section(
                out,
                &title,
                &["check", "answer", "seen"],
                rows.map(|checked| row(checked, &shared)),
            )?;
        }
    }
    Ok(())
}

fn section(
    out: &mut dyn Write,
    title: &str,
    columns: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut rows = rows.into_iter().peekable();
    writeln!(out, "\n## {title}\n")?;
    match rows.peek() {
        Some(_) => table(out, columns, rows),
        None => writeln!(out, "None."),
    }
}

fn table(out: &mut dyn Write, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> io::Result<()> {
    let rule = vec!["---"; columns.len()].join("|");
    writeln!(out, "| {} |\n|{rule}|", columns.join(" | "))?;
    for row in rows {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    Ok(())
}

fn findings(audit: &Audit, is_verbose: bool) -> impl Iterator<Item = Vec<String>> {
    audit.checked.iter().flat_map(move |checked| {
        let check = format!("`{}`", checked.check.id);
        told(&checked.outcome.findings, is_verbose)
            .into_iter()
            .map(move |part| match part {
                Told::One(finding) => vec![
                    check.clone(),
                    finding.level.name().to_owned(),
                    escaped(&finding.text),
                    escaped(&remedy(finding)),
                ],
                Told::More(count) => vec![check.clone(), String::new(), escaped(&Told::more(count)), String::new()],
            })
    })
}

fn keys(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let rows = audit.facts.keys.iter().map(|key| {
        let optional = |text: &Option<String>, none: &str| escaped(text.as_deref().unwrap_or(none));
        vec![
            escaped(&key.name),
            optional(&key.subject, "OpenPGP key"),
            format!("RSA-{}", key.bits),
            format!("`{}`", key.fingerprint),
            optional(&key.not_after, "no end"),
            escaped(&key.protection),
            optional(&key.last_drill, "never"),
        ]
    });
    let columns = [
        "key",
        "name",
        "algorithm",
        "fingerprint",
        "until",
        "private half",
        "restored",
    ];
    section(out, "Keys", &columns, rows)
}

fn firmware(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let firmware = audit.facts.firmware.as_ref();
    let variables = || firmware.into_iter().flat_map(|firmware| &firmware.variables);
    let rows = variables().map(|variable| {
        vec![
            variable.name.clone(),
            variable.entries.to_string(),
            format!("`{}`", variable.sha256),
        ]
    });
    section(out, "Firmware variables", &["variable", "entries", "SHA-256"], rows)?;
    if let Some(firmware) = firmware {
        let words = firmware.mode.words();
        writeln!(out, "\n{}.\n", words.join(". "))?;
    }
    let rows = variables().flat_map(|variable| {
        variable.certificates.iter().map(|certificate| {
            vec![
                escaped(&variable.name),
                escaped(&certificate.subject),
                format!("`{}`", certificate.fingerprint),
                certificate.not_after.clone(),
            ]
        })
    });
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        table(out, &["variable", "certificate", "fingerprint", "until"], rows)?;
    }
    Ok(())
}

fn boot_files(audit: &Audit) -> impl Iterator<Item = Vec<String>> {
    audit.facts.boot_files.iter().map(|file| {
        let (answer, reason) = match &file.verdict {
            Verdict::Accepted(reason) => ("accepted", reason),
            Verdict::Refused(reason) => ("refused", reason),
            Verdict::NotJudged(reason) => ("not judged", reason),
        };
        let next = if file.is_next { ", next" } else { "" };
        vec![
            escaped(&file.source),
            escaped(&file.path),
            format!("{answer}{next}"),
            escaped(reason),
        ]
    })
}

fn row(checked: &Checked, shared: &[(&str, usize)]) -> Vec<String> {
    let outcome = &checked.outcome;
    let mut seen = Vec::new();
    if !outcome.findings.is_empty() {
        seen.push(format!("findings: {}", outcome.findings.len()));
    }
    seen.extend(reasons(checked).iter().map(|reason| {
        if shared.iter().any(|(told, _)| told == reason) {
            "could not look: see above".to_owned()
        } else {
            format!("could not look: {}", escaped(reason))
        }
    }));
    let accepted = checked.accepted.iter();
    seen.extend(
        accepted.map(|(finding, reason)| format!("accepted: {} ({})", escaped(&finding.text), escaped(reason))),
    );
    let evidence = outcome.evidence.iter().chain(&outcome.not_applicable);
    seen.extend(evidence.map(|line| escaped(line)));
    vec![
        format!("{} (`{}`)", escaped(checked.check.title), checked.check.id),
        word(checked.status()).to_owned(),
        seen.join("<br>"),
    ]
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
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' | '~' | '#' | '$' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
