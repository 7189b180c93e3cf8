//! `bootseal status`: firmware, next boot, kernel, keys, hooks and the last audit, on one screen.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::audit::{Audit, Baseline, Checked, Firmware, Group, LastAudit, Machine, Overview};
use crate::ceremony::life::Listed;
use crate::enroll::{BootFile, Verdict};
use crate::error::{Error, Result};
use crate::finding::{Finding, Status};
use crate::formats::text::printable;
use crate::start;
use crate::system::{Confinement, moment};
use crate::ui::finding::{write_finding, write_remedies};
use crate::ui::{Progress, Report, Style};

use super::audit::checks_json;
use crate::cli::session::Session;

/// Width of the names of the parts, and of the sign before them.
const INDENT: usize = 13;
/// Most findings that a part shows.
const SHOWN: usize = 3;

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal status\n\n\
    Reads a few small files, and walks the next start: the loader, its menu, kernel and initramfs; bootseal audit looks at all. Exit code 0: nothing wrong \
    was seen. 1: there are findings. 3: there are none, but not everything could be looked at.")]
pub(super) struct Arguments {
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

pub(super) fn run(session: &Session, arguments: &Arguments, confinement: Confinement) -> Result<Box<dyn Report>> {
    let config = session.config()?;
    let progress = Progress::new("judging", session.quiet);
    let machine = Machine::new(&session.context, &config, session.keys(arguments.keys.as_ref())?);
    let machine = machine.observed_by(&progress);
    let baseline = Baseline::load(&session.context, None)?;
    let overview = Overview::of_machine(&machine, &baseline)?;
    let next = overview.next_boot().into_iter().chain(overview.next_kernel());
    let refused = start::refused(&session.context, next);
    Ok(Box::new(StatusReport {
        overview,
        refused,
        confinement,
    }))
}

struct StatusReport {
    overview: Overview,
    /// The findings of files that the firmware starts next and refuses.
    refused: Vec<Finding>,
    confinement: Confinement,
}

impl Report for StatusReport {
    fn schema(&self) -> &'static str {
        "bootseal.status/1"
    }

    fn json(&self) -> Result<Value> {
        let Overview { audit, last_audit, .. } = &self.overview;
        let last = last_audit.as_ref().ok().and_then(Option::as_ref);
        let facts = &audit.facts;
        Ok(json!({
            "host": audit.host,
            "time": moment(audit.time),
            "kernel": facts.kernel,
            "firmware": facts.firmware,
            "keys": facts.keys,
            "next_boot": self.overview.next_boot(),
            "next_kernel": self.overview.next_kernel(),
            "loader": self.overview.loader(),
            "ledger": facts.ledger,
            "confinement": {"landlock": self.confinement.landlock, "no_network": self.confinement.no_network},
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
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let Overview {
            audit,
            last_audit,
            unseen,
        } = &self.overview;
        let facts = &audit.facts;
        let mut screen = Screen {
            audit,
            out,
            style,
            told: Vec::new(),
        };
        screen.part(Group::Firmware, "Firmware", &firmware(audit))?;
        // Told above, it need not be told again.
        let is_told = |reason: &&str| screen.told.contains(reason);
        let unseen = unseen.as_deref();
        let unseen = unseen.map(|reason| if is_told(&reason) { "unknown" } else { reason });
        let mut next = next_boot(self.overview.next_boot(), unseen);
        next.extend(self.overview.next_kernel().map(next_kernel));
        screen.line(self.overview.next_boot_status(), "Next boot", &next)?;
        for finding in &self.refused {
            write_remedies(screen.out, style, INDENT, finding)?;
        }
        screen.below(Group::Boot)?;
        let mut kernel = vec![printable(facts.kernel.as_deref().unwrap_or("version unknown"))];
        kernel.extend(seen(audit, Group::Kernel));
        screen.part(Group::Kernel, "Kernel", &[kernel.join(", ")])?;
        screen.part(Group::Keys, "Keys", &facts.keys.iter().map(key).collect::<Vec<_>>())?;
        screen.part(Group::Hooks, "Hooks", &seen(audit, Group::Hooks))?;
        screen.part(Group::Ledger, "Ledger", &seen(audit, Group::Ledger))?;
        if !self.confinement.is_whole() {
            screen.line(Status::Warn, "Confined", &[self.confinement.to_string()])?;
        }
        let (status, line) = last(last_audit, audit.time);
        screen.line(status, "Last audit", &[line])
    }

    fn failure(&self) -> Option<Error> {
        self.overview.failure()
    }
}

/// The screen as it is written.
struct Screen<'a> {
    audit: &'a Audit,
    out: &'a mut dyn Write,
    style: Style,
    /// Reasons why something could not be looked at; each is told once.
    told: Vec<&'a str>,
}

impl Screen<'_> {
    fn line(&mut self, status: Status, name: &str, lines: &[String]) -> io::Result<()> {
        let text = lines.join(&format!("\n{:INDENT$}", ""));
        let text = format!("{} {name:11}{text}", self.style.status(status));
        writeln!(self.out, "{}", text.trim_end())
    }

    /// The facts of a part, and below them its findings.
    fn part(&mut self, group: Group, name: &str, lines: &[String]) -> io::Result<()> {
        let answers = checked(self.audit, group).map(Checked::status);
        let worst = answers.filter(|status| *status != Status::NotApplicable).max();
        self.line(worst.unwrap_or(Status::NotApplicable), name, lines)?;
        self.below(group)
    }

    /// The findings of a part, and what could not be looked at.
    fn below(&mut self, group: Group) -> io::Result<()> {
        let findings: Vec<&Finding> = checked(self.audit, group)
            .flat_map(|checked| &checked.outcome.findings)
            .collect();
        for finding in findings.iter().take(SHOWN) {
            write_finding(self.out, self.style, INDENT, finding)?;
        }
        if let Some(more) = findings.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(
                self.out,
                "{:INDENT$}and {more} more: bootseal audit --only {}",
                "",
                group.name()
            )?;
        }
        for reason in checked(self.audit, group).flat_map(|checked| &checked.outcome.not_run) {
            if !self.told.contains(&reason.as_str()) {
                let own = self.style.status(Status::CouldNotRun);
                writeln!(self.out, "{:INDENT$}{own} could not look: {}", "", printable(reason))?;
                self.told.push(reason);
            }
        }
        Ok(())
    }
}

fn checked(audit: &Audit, group: Group) -> impl Iterator<Item = &Checked> {
    audit.checked.iter().filter(move |checked| checked.check.group == group)
}

/// The observations of a part that are as they should be.
fn seen(audit: &Audit, group: Group) -> Vec<String> {
    let lines = checked(audit, group).flat_map(|checked| {
        let what = match checked.check.id {
            "kernel.lockdown" => "lockdown ",
            "kernel.module_key" => "trusts ",
            _ => "",
        };
        let lines = checked.outcome.evidence.iter().chain(&checked.outcome.not_applicable);
        lines.map(move |line| format!("{what}{}", printable(line)))
    });
    lines.collect()
}

fn firmware(audit: &Audit) -> Vec<String> {
    let Some(Firmware {
        mode,
        since_2026,
        variables,
    }) = &audit.facts.firmware
    else {
        return vec!["unknown".to_owned()];
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
    let counts = variables
        .iter()
        .map(|variable| format!("{} {}", variable.name, variable.entries));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let is_ours = |checked: &Checked| checked.check.id == "firmware.variables" && checked.status() == Status::Pass;
    let whose = if checked(audit, Group::Firmware).any(is_ours) {
        ", as the key directory has them"
    } else {
        ""
    };
    vec![
        format!("{secure_boot}, {state}; entries: {counts}{whose}"),
        format!("of what Microsoft signs since June 2026 it {}", since_2026.words()),
    ]
}

fn next_boot(file: Option<&BootFile>, unseen: Option<&str>) -> Vec<String> {
    let Some(file) = file else {
        let missing = "no file was found that the firmware starts: is the EFI system partition mounted?";
        return vec![printable(unseen.unwrap_or(missing))];
    };
    vec![file.source.clone(), file.path.clone(), verdict(file)]
}

/// The kernel that the loader starts by itself.
fn next_kernel(file: &BootFile) -> String {
    format!("then {} ({}): {}", file.path, file.source, verdict(file))
}

fn verdict(file: &BootFile) -> String {
    match &file.verdict {
        Verdict::Accepted(reason) => format!("accepted, {reason}"),
        Verdict::Refused(reason) => format!("refused, {reason}"),
        Verdict::NotJudged(reason) => format!("not judged, {reason}"),
    }
}

fn key(key: &Listed) -> String {
    let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
    let end = key.not_after.as_deref().map_or_else(
        || "does not expire".to_owned(),
        |not_after| format!("until {}", day(not_after)),
    );
    let algorithm = format!("RSA-{}", key.bits);
    format!("{:7} {algorithm:9} {:10} {end}", key.name, printable(&key.protection))
}

fn last(last: &std::result::Result<Option<LastAudit>, String>, now: u64) -> (Status, String) {
    let last = match last {
        Ok(Some(last)) => last,
        Ok(None) => return (Status::NotApplicable, "none is recorded: bootseal audit".to_owned()),
        Err(reason) => return (Status::CouldNotRun, format!("could not look: {}", printable(reason))),
    };
    let mut words = vec![format!("{} ago", age(now.saturating_sub(last.time)))];
    words.push(match last.findings {
        0 => "no finding".to_owned(),
        count => format!("findings: {count} ({})", last.failed.join(", ")),
    });
    let counted = |count: usize, what: &str| (count > 0).then(|| format!("{what}: {count}"));
    words.extend(counted(last.could_not_run.len(), "could not run"));
    words.extend(counted(last.accepted, "accepted"));
    if !last.skipped.is_empty() {
        words.push(format!("left out: {}", last.skipped.join(", ")));
    }
    (last.status(), printable(&words.join("; ")))
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
