//! The audit for `node_exporter`'s textfile collector (Prometheus text exposition format 0.0.4).

use std::io::{self, Write};

use crate::audit::{Audit, Facts, LedgerFacts, Trusted};
use crate::finding::{Finding, Level, Status};
use crate::formats::text::printable;

use super::words::left_out;

pub(super) fn render(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let mut answers = Vec::new();
    let mut findings = Vec::new();
    let mut accepted = Vec::new();
    for checked in &audit.checked {
        let (check, own) = (checked.check, checked.status());
        for status in Status::ALL {
            let labels = [
                ("check", check.id),
                ("group", check.group.name()),
                ("status", status.name()),
            ];
            answers.push(sample(&labels, u64::from(status == own)));
        }
        for level in [Level::Warning, Level::Error] {
            let weighs = |finding: &&Finding| finding.level == level;
            let count = checked.outcome.findings.iter().filter(weighs).count();
            findings.push(sample(&[("check", check.id), ("level", level.name())], count as u64));
        }
        accepted.push(sample(&[("check", check.id)], checked.accepted.len() as u64));
    }
    let totals = Status::ALL.map(|status| sample(&[("status", status.name())], audit.count(status) as u64));
    let build = sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let families = [
        ("bootseal_build_info", "1, with the version of bootseal.", vec![build]),
        (
            "bootseal_audit_timestamp_seconds",
            "When the audit was run, in seconds since 1970-01-01 UTC.",
            vec![sample(&[], audit.time)],
        ),
        (
            "bootseal_audit_duration_seconds",
            "How long the audit took.",
            vec![format!(" {:.3}", audit.duration.as_secs_f64())],
        ),
        (
            "bootseal_audit_check_status",
            "1 for the answer that a check gave, 0 for the others.",
            answers,
        ),
        (
            "bootseal_audit_findings",
            "How many findings a check has, by what they weigh.",
            findings,
        ),
        (
            "bootseal_audit_accepted_findings",
            "How many findings of a check the baseline accepts.",
            accepted,
        ),
        (
            "bootseal_audit_checks",
            "How many checks gave an answer.",
            totals.to_vec(),
        ),
        (
            "bootseal_audit_checks_left_out",
            "How many checks were not run, by --only or --skip.",
            vec![sample(&[], left_out(audit).count() as u64)],
        ),
    ];
    for (name, help, samples) in families.into_iter().chain(machine_families(&audit.facts)) {
        if samples.is_empty() {
            continue;
        }
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")?;
        for sample in samples {
            writeln!(out, "{name}{sample}")?;
        }
    }
    Ok(())
}

/// An RFC 3339 time, UTC, in seconds since 1970-01-01.
fn seconds(time: &str) -> Option<u64> {
    let time: der::DateTime = time.parse().ok()?;
    Some(time.unix_duration().as_secs())
}

/// The figures of certificates, variables and the ledger.
fn machine_families(facts: &Facts) -> [(&'static str, &'static str, Vec<String>); 8] {
    let mut ends = Vec::new();
    for key in &facts.keys {
        if let Some(end) = key.not_after.as_deref().and_then(seconds) {
            let subject = key.subject.as_deref().unwrap_or_default();
            ends.push(certificate("keys", &key.name, subject, &key.fingerprint, false, end));
        }
    }
    let variables = facts.firmware.iter().flat_map(|firmware| &firmware.variables);
    let (mut entries, mut digests) = (Vec::new(), Vec::new());
    for variable in variables {
        let name = &variable.name;
        entries.push(sample(&[("variable", name)], variable.entries as u64));
        digests.push(sample(&[("variable", name), ("sha256", &variable.sha256)], 1));
        // What dbx holds is refused also after its end.
        for Trusted {
            subject,
            fingerprint,
            is_microsofts,
            end,
            ..
        } in variable.certificates.iter().filter(|_| name != "dbx")
        {
            ends.push(certificate(
                "firmware",
                name,
                subject,
                fingerprint,
                *is_microsofts,
                *end,
            ));
        }
    }
    // One that two owners have enrolled is one certificate.
    ends.sort_unstable();
    ends.dedup();
    let of_ledger = |sample: &dyn Fn(&LedgerFacts) -> String| facts.ledger.iter().map(sample).collect();
    let secure_boot = facts.firmware.as_ref().and_then(|firmware| firmware.mode.secure_boot);
    let secure_boot = secure_boot.map(|is_on| sample(&[], u64::from(is_on)));
    let taken = facts.firmware.iter().flat_map(|firmware| firmware.since_2026.all());
    let taken = taken.map(|(name, _, is_taken)| sample(&[("what", name)], u64::from(is_taken)));
    [
        (
            "bootseal_certificate_not_after_timestamp_seconds",
            "End of validity of a certificate in the key directory or the firmware, in seconds since 1970-01-01 UTC.",
            ends,
        ),
        (
            "bootseal_firmware_variable_entries",
            "How many entries a firmware variable has.",
            entries,
        ),
        (
            "bootseal_firmware_variable_info",
            "1, with the SHA-256 of a firmware variable, which is the same on nodes that trust the same.",
            digests,
        ),
        (
            "bootseal_firmware_secure_boot",
            "1 if Secure Boot was on at the last start, 0 if it was off.",
            secure_boot.into_iter().collect(),
        ),
        (
            "bootseal_firmware_takes_since_2026",
            "1 if the firmware takes what Microsoft signs since June 2026: updates of dbx, boot loaders, Option ROMs, Windows.",
            taken.collect(),
        ),
        (
            "bootseal_ledger_lines",
            "How many lines were ever written to the ledger.",
            of_ledger(&|ledger| sample(&[], ledger.lines)),
        ),
        (
            "bootseal_ledger_signatures",
            "How many signatures the ledger has.",
            of_ledger(&|ledger| sample(&[], ledger.signatures as u64)),
        ),
        (
            "bootseal_ledger_info",
            "1, with the SHA-256 of the last line of the ledger, which stands for all lines.",
            of_ledger(&|ledger| sample(&[("head", &ledger.head)], 1)),
        ),
    ]
}

fn certificate(place: &str, name: &str, subject: &str, fingerprint: &str, is_microsofts: bool, end: u64) -> String {
    let owner = if is_microsofts { "microsoft" } else { "other" };
    let labels = [
        ("place", place),
        ("name", name),
        ("owner", owner),
        ("subject", subject),
        ("fingerprint", fingerprint),
    ];
    sample(&labels, end)
}

/// Labels and value of a sample.
fn sample(labels: &[(&str, &str)], value: u64) -> String {
    if labels.is_empty() {
        return format!(" {value}");
    }
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}} {value}", labels.join(","))
}

/// A label's value: names come from certificates.
fn escaped(value: &str) -> String {
    printable(value).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_label() {
        let hostile = "a\"} 1\nb{c=\"\\";
        let said = sample(&[("subject", hostile)], 7);
        assert_eq!(said.lines().count(), 1);
        let quotes = said.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(quotes.matches('"').count(), 2, "{said}");
    }
}
