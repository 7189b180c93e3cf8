//! `bootseal status`: firmware, next boot, kernel, keys, hooks and the last audit, on one screen.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::audit::{Baseline, Checked, Firmware, Group, LastAudit, Machine, Overview, Status};
use crate::enroll::Verdict;
use crate::error::{Error, Result};
use crate::formats::certificate::printable;
use crate::system::moment;
use crate::ui::{Report, Style};

use super::Session;
use super::audit::{checks_json, sign};

/// Width of the names of the parts, and of the sign before them.
const INDENT: usize = 13;

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal status\n\n\
    Reads a few small files and the one image that starts next; bootseal audit looks at all. Exit code 0: nothing wrong \
    was seen. 1: there are findings. 3: there are none, but not everything could be looked at.")]
pub(super) struct Arguments {
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<Box<dyn Report>> {
    let config = session.config()?;
    let machine = Machine::new(&session.context, &config, session.keys(arguments.keys.as_ref())?);
    let baseline = Baseline::load(&session.context, None)?;
    Ok(Box::new(StatusReport(Overview::of(&machine, &baseline)?)))
}

struct StatusReport(Overview);

impl Report for StatusReport {
    fn schema(&self) -> &'static str {
        "bootseal.status/1"
    }

    fn json(&self) -> Value {
        let Overview { audit, last_audit } = &self.0;
        let last = last_audit.as_ref().ok().and_then(Option::as_ref);
        let facts = &audit.facts;
        json!({
            "host": audit.host,
            "time": moment(audit.time),
            "kernel": facts.kernel,
            "firmware": facts.firmware,
            "keys": facts.keys,
            "next_boot": self.0.next_boot(),
            "checks": checks_json(audit),
            "last_audit": last.map(|last| json!({
                "time": moment(last.time),
                "age_seconds": audit.time.saturating_sub(last.time),
                "findings": last.findings,
                "accepted": last.accepted,
                "failed": last.failed,
                "could_not_run": last.could_not_run,
                "skipped": last.skipped,
            })),
        })
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let facts = &self.0.audit.facts;
        let mut line = firmware(facts.firmware.as_ref());
        let is_ours = |checked: &Checked| checked.check.id == "firmware.variables" && checked.status() == Status::Pass;
        if self.checked(Group::Firmware).any(is_ours) {
            line.push_str(", as the key directory has them");
        }
        self.part(out, style, Group::Firmware, "Firmware", &line)?;
        let (status, line) = (self.0.next_boot_status(), self.next_boot());
        heading(out, style, status, "Next boot", &line)?;
        let kernel = facts.kernel.as_deref().unwrap_or("version unknown");
        let mut known = vec![printable(kernel)];
        known.extend(self.checked(Group::Kernel).flat_map(|checked| {
            let what = match checked.check.id {
                "kernel.lockdown" => "lockdown ",
                "kernel.module_key" => "trusts ",
                _ => "",
            };
            let evidence = checked.outcome.evidence.iter();
            evidence.map(move |line| format!("{what}{}", printable(line)))
        }));
        self.part(out, style, Group::Kernel, "Kernel", &known.join(", "))?;
        let keys: Vec<String> = facts.keys.iter().map(key).collect();
        self.part(
            out,
            style,
            Group::Keys,
            "Keys",
            &keys.join(&format!("\n{:INDENT$}", "")),
        )?;
        let hooks: Vec<String> = self.evidence(Group::Hooks).collect();
        self.part(
            out,
            style,
            Group::Hooks,
            "Hooks",
            &hooks.join(&format!("\n{:INDENT$}", "")),
        )?;
        let (status, line) = last_audit(&self.0.last_audit, self.0.audit.time);
        heading(out, style, status, "Last audit", &line)
    }

    fn failure(&self) -> Option<Error> {
        self.0.failure()
    }
}

impl StatusReport {
    fn checked(&self, group: Group) -> impl Iterator<Item = &Checked> {
        self.0
            .audit
            .checked
            .iter()
            .filter(move |checked| checked.check.group == group)
    }

    /// What was seen that is as it should be.
    fn evidence(&self, group: Group) -> impl Iterator<Item = String> {
        self.checked(group)
            .flat_map(|checked| checked.outcome.evidence.iter().chain(&checked.outcome.not_applicable))
            .map(|line| printable(line))
    }

    /// A line or a few, and below them what is wrong.
    fn part(&self, out: &mut dyn Write, style: Style, group: Group, name: &str, line: &str) -> io::Result<()> {
        let answers = self.checked(group).map(Checked::status);
        let worst = answers.filter(|status| *status != Status::NotApplicable).max();
        heading(out, style, worst.unwrap_or(Status::NotApplicable), name, line)?;
        let mut reasons: Vec<&String> = Vec::new();
        for checked in self.checked(group) {
            for finding in &checked.outcome.findings {
                let level = finding.level.unwrap_or(checked.check.level);
                let own = sign(Status::of(level), style);
                writeln!(out, "{:INDENT$}{own} {}", "", printable(&finding.text))?;
                writeln!(
                    out,
                    "{:INDENT$}  {} {}",
                    "",
                    style.note("fix:"),
                    printable(&finding.remedy)
                )?;
            }
            for reason in &checked.outcome.not_run {
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        for reason in reasons {
            let own = sign(Status::CouldNotRun, style);
            writeln!(out, "{:INDENT$}{own} could not look: {}", "", printable(reason))?;
        }
        Ok(())
    }

    fn next_boot(&self) -> String {
        let Some(file) = self.0.next_boot() else {
            return "no file was found that the firmware starts".to_owned();
        };
        let verdict = match &file.verdict {
            Verdict::Accepted(reason) => format!("accepted, {reason}"),
            Verdict::Refused(reason) => format!("refused, {reason}"),
            Verdict::NotJudged(reason) => format!("not judged, {reason}"),
        };
        format!("{}\n{:INDENT$}{}\n{:INDENT$}{verdict}", file.source, "", file.path, "")
    }
}

fn heading(out: &mut dyn Write, style: Style, status: Status, name: &str, line: &str) -> io::Result<()> {
    writeln!(out, "{}", format!("{} {name:11}{line}", sign(status, style)).trim_end())
}

fn firmware(firmware: Option<&Firmware>) -> String {
    let Some(Firmware { mode, variables }) = firmware else {
        return "unknown".to_owned();
    };
    let secure_boot = match mode.secure_boot {
        Some(true) => "Secure Boot on",
        Some(false) => "Secure Boot off",
        None => "no Secure Boot",
    };
    let state = match (mode.setup_mode, mode.audit_mode, mode.deployed_mode) {
        (_, Some(true), _) => "Audit Mode",
        (true, ..) => "Setup Mode",
        (false, _, Some(true)) => "Deployed Mode",
        (false, ..) => "User Mode",
    };
    let counts: Vec<String> = variables
        .iter()
        .map(|variable| format!("{} {}", variable.name, variable.entries))
        .collect();
    format!("{secure_boot}, {state}; entries: {}", counts.join(", "))
}

fn key(key: &crate::ceremony::life::Listed) -> String {
    let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
    let end = key.not_after.as_deref().map_or_else(
        || "does not expire".to_owned(),
        |not_after| format!("until {}", day(not_after)),
    );
    let algorithm = format!("RSA-{}", key.bits);
    format!("{:7} {algorithm:9} {:10} {end}", key.name, printable(&key.protection))
}

fn last_audit(last: &std::result::Result<Option<LastAudit>, String>, now: u64) -> (Status, String) {
    let last = match last {
        Ok(Some(last)) => last,
        Ok(None) => return (Status::NotApplicable, "none is recorded: bootseal audit".to_owned()),
        Err(reason) => return (Status::CouldNotRun, format!("could not look: {}", printable(reason))),
    };
    let mut words = vec![format!("{} ago", age(now.saturating_sub(last.time)))];
    let (status, found) = match (last.findings, last.could_not_run.len()) {
        (0, 0) => (Status::Pass, "no finding".to_owned()),
        (0, _) => (Status::CouldNotRun, "no finding".to_owned()),
        (count, _) => (Status::Warn, format!("findings: {count} ({})", last.failed.join(", "))),
    };
    words.push(found);
    let counted = |count: usize, what: &str| (count > 0).then(|| format!("{what}: {count}"));
    words.extend(counted(last.could_not_run.len(), "could not run"));
    words.extend(counted(last.accepted, "accepted"));
    if !last.skipped.is_empty() {
        words.push(format!("left out: {}", last.skipped.join(", ")));
    }
    (status, printable(&words.join("; ")))
}

/// A length of time, in the largest unit that fits.
fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
