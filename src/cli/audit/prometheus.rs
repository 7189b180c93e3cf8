//! The audit for `node_exporter`'s textfile collector (Prometheus text exposition format 0.0.4).

use std::io::{self, Write};

use crate::audit::{Audit, Level, Status};

pub(super) fn render(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    family(
        out,
        "bootseal_audit_timestamp_seconds",
        "When the audit was run, in seconds since 1970-01-01 UTC.",
    )?;
    writeln!(out, "bootseal_audit_timestamp_seconds {}", audit.time)?;
    family(
        out,
        "bootseal_audit_check_status",
        "1 for the answer that a check gave, 0 for the others.",
    )?;
    for checked in &audit.checked {
        let own = checked.status();
        for status in Status::ALL {
            let value = u8::from(status == own);
            let (id, group) = (checked.check.id, checked.check.group.name());
            writeln!(
                out,
                "bootseal_audit_check_status{{check=\"{id}\",group=\"{group}\",status=\"{}\"}} {value}",
                status.name()
            )?;
        }
    }
    family(
        out,
        "bootseal_audit_findings",
        "How many findings a check has, by what they weigh.",
    )?;
    for checked in &audit.checked {
        for level in [Level::Warning, Level::Error] {
            let weighs = |finding: &&crate::audit::Finding| finding.level.unwrap_or(checked.check.level) == level;
            let count = checked.outcome.findings.iter().filter(weighs).count();
            let id = checked.check.id;
            writeln!(
                out,
                "bootseal_audit_findings{{check=\"{id}\",level=\"{}\"}} {count}",
                level.name()
            )?;
        }
    }
    family(
        out,
        "bootseal_audit_accepted_findings",
        "How many findings of a check the baseline accepts.",
    )?;
    for checked in &audit.checked {
        let (id, count) = (checked.check.id, checked.accepted.len());
        writeln!(out, "bootseal_audit_accepted_findings{{check=\"{id}\"}} {count}")?;
    }
    family(out, "bootseal_audit_checks", "How many checks gave an answer.")?;
    for status in Status::ALL {
        writeln!(
            out,
            "bootseal_audit_checks{{status=\"{}\"}} {}",
            status.name(),
            audit.count(status)
        )?;
    }
    Ok(())
}

fn family(out: &mut dyn Write, name: &str, help: &str) -> io::Result<()> {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge")
}
