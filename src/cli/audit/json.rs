//! The audit as JSON.

use serde_json::{Value, json};

use crate::audit::Audit;
use crate::finding::Status;
use crate::system;
use crate::ui::finding::finding_json;

use super::words::{accepted, left_out, verdict};

/// Every check with its answer.
pub(in crate::cli) fn checks(audit: &Audit) -> Vec<Value> {
    audit
        .checked
        .iter()
        .map(|checked| {
            let check = checked.check;
            let accepted: Vec<Value> = checked
                .accepted
                .iter()
                .map(|(finding, reason)| json!({ "subject": finding.subject, "text": finding.text, "reason": reason }))
                .collect();
            json!({
                "id": check.id,
                "group": check.group.name(),
                "title": check.title,
                "status": checked.status().name(),
                "evidence": checked.outcome.evidence,
                "findings": checked.outcome.findings.iter().map(finding_json).collect::<Vec<_>>(),
                "not_run": checked.outcome.not_run,
                "not_applicable": checked.outcome.not_applicable,
                "accepted": accepted,
            })
        })
        .collect()
}

/// The audit, without its schema.
pub(super) fn audit(audit: &Audit) -> Value {
    let counts: serde_json::Map<String, Value> = Status::ALL
        .into_iter()
        .map(|status| (status.name().to_owned(), audit.count(status).into()))
        .collect();
    let facts = &audit.facts;
    json!({
        "host": audit.host,
        "time": system::moment(audit.time),
        "seconds": audit.duration.as_secs_f64(),
        "verdict": verdict(audit),
        "counts": counts,
        "left_out": left_out(audit).collect::<Vec<_>>(),
        "accepted": accepted(audit),
        "checks": checks(audit),
        "kernel": facts.kernel,
        "firmware": facts.firmware,
        "keys": facts.keys,
        "boot_files": facts.boot_files,
        "ledger": facts.ledger,
    })
}
