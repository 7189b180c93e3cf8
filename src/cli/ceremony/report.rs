//! The reports of the ceremony's commands.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::ceremony::backup::drill::Drilled;
use crate::ceremony::preflight::Check;
use crate::ceremony::transcript::End;
use crate::ceremony::verify::Verified;
use crate::ceremony::{Aborted, Plan, Report as CeremonyReport};
use crate::cli::transcript_end::{write_end, write_not_recorded};
use crate::error::{Error, Result};
use crate::finding::{Finding, Status};
use crate::formats::text::printable;
use crate::ui::{Report, Style, to_json};

/// A plan, and the state of the machine now.
pub(super) struct Planned {
    pub plan: Plan,
    pub checks: Vec<Check>,
}

impl Report for Planned {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.plan/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "plan": self.plan, "checks": self.checks }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let contents = &self.plan.contents;
        writeln!(out, "Keys:")?;
        for key in &contents.keys {
            let backup = if key.backed_up {
                ", in the backup"
            } else {
                ", in no backup"
            };
            let years = key.years.map_or_else(String::new, |years| format!(", {years} years"));
            let imported = if key.imported { ", imported" } else { "" };
            writeln!(
                out,
                "  {}: \"{}\", RSA-{}{years}{imported}, to {}, {}{backup}",
                key.name,
                printable(&key.subject),
                key.bits,
                printable(&key.place),
                key.protection
            )?;
        }
        writeln!(out, "Microsoft's certificates: {}", names(&contents.microsoft))?;
        writeln!(out, "Revocations in dbx: {}", contents.revocations)?;
        print_findings(&contents.findings, out, style)?;
        if let Some(shares) = &contents.shares {
            writeln!(out, "Shares of the backup's secret: {} of {}", shares.needed, shares.of)?;
        }
        writeln!(out, "\nSteps, in {}:", printable(&contents.work))?;
        for (number, step) in (1..).zip(&contents.steps) {
            writeln!(out, "  {number:>2}. {}", printable(step))?;
        }
        writeln!(out, "\nFiles:")?;
        for file in &contents.files {
            writeln!(out, "  {} {}", file.mode, printable(&file.path))?;
        }
        if !self.checks.is_empty() {
            writeln!(out, "\nThis machine, now:")?;
        }
        for check in &self.checks {
            let sign = match check.status {
                Status::Pass => style.tick(),
                Status::CouldNotRun => style.warn("?"),
                _ => style.warn("!"),
            };
            writeln!(out, "  {sign} {}: {}", check.id.name(), printable(&check.reason))?;
            if let Some(remedy) = &check.remedy {
                writeln!(out, "      {} {}", style.note("hint:"), printable(remedy))?;
            }
        }
        writeln!(out, "\nPlan {}\n     {}", self.plan.digest, self.plan.words)
    }
}

/// Prints the findings on the certificates that are imported.
fn print_findings(findings: &[Finding], out: &mut dyn Write, style: Style) -> io::Result<()> {
    for finding in findings {
        let (sign, key, check) = (style.level(finding.level), &finding.subject, finding.kind.name());
        let text = printable(&finding.text);
        writeln!(out, "{sign} imported {key} certificate, {check}: {text}")?;
    }
    Ok(())
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

impl Report for CeremonyReport {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.run/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for key in &self.keys {
            let rest = match (key.is_on_token(), key.encrypted) {
                (true, _) => "on a token",
                (false, true) => "encrypted",
                (false, false) => "not encrypted",
            };
            let until = key
                .not_after
                .as_ref()
                .map_or_else(String::new, |until| format!(", until {until}"));
            writeln!(
                out,
                "{} {}: \"{}\", RSA-{}, {rest}{until}",
                style.tick(),
                key.name,
                printable(&key.subject),
                key.bits
            )?;
            writeln!(out, "    {}", printable(&key.private_key))?;
            if let (Some(fingerprint), Some(words)) = (&key.fingerprint, &key.words) {
                writeln!(out, "    {fingerprint}\n    {words}")?;
            }
        }
        writeln!(out, "Microsoft's certificates: {}", names(&self.microsoft))?;
        writeln!(out, "Revocations in dbx: {}", self.revocations)?;
        print_findings(&self.findings, out, style)?;
        if let Some(owner) = &self.owner {
            writeln!(out, "Owner: {owner}")?;
        }
        if self.rehearsal {
            return writeln!(out, "A rehearsal: all of it was made, tried, and thrown away");
        }
        let verb = if self.dry_run { "Would be made" } else { "Made" };
        writeln!(
            out,
            "{verb} in {}:\n  {}",
            printable(&self.directory),
            self.files.join(" ")
        )?;
        for (what, directory) in [("Offline keys", &self.offline), ("Backup", &self.backup)] {
            if let Some(directory) = directory {
                writeln!(out, "{what}: {}", printable(directory))?;
            }
        }
        if let Some(directory) = &self.shares_left {
            write_shares(out, style, directory)?;
        }
        if let (Some(transcript), Some(words)) = (&self.transcript, &self.words) {
            writeln!(out, "Transcript: write its end down\n    {transcript}\n    {words}")?;
        }
        for missing in &self.missing {
            writeln!(out, "{} {missing}", style.warn("Not complete:"))?;
        }
        write_then(out, &self.then)?;
        writeln!(out, "Next: {}", printable(&self.next))
    }
}

impl Report for Verified {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.verify/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(
            out,
            "{} the transcript holds: {} lines, signed by {}",
            style.tick(),
            self.entries,
            self.signed_by.join(", ")
        )?;
        writeln!(out, "    {}\n    {}", self.head, self.words)?;
        if let Some(since) = self.lines_since_head.filter(|since| *since > 0) {
            writeln!(
                out,
                "{} the end that was named is genuine; lines since: {since}",
                style.tick()
            )?;
        }
        if !self.files.is_empty() {
            writeln!(out, "{} as recorded: {}", style.tick(), self.files.join(" "))?;
        }
        if !self.elsewhere.is_empty() {
            writeln!(out, "- elsewhere: {}", self.elsewhere.join(", "))?;
        }
        for remark in &self.remarks {
            writeln!(out, "- {}", printable(remark))?;
        }
        if self.rehearsal {
            writeln!(out, "{} this was a rehearsal", style.warn("!"))?;
        }
        match &self.last_drill {
            Some(time) => writeln!(out, "{} last restore drill: {time}", style.tick())?,
            None if self.complete => {}
            None => writeln!(
                out,
                "{} not complete: nobody has restored the keys from a backup",
                style.warn("!")
            )?,
        }
        if let Some(directory) = &self.shares_left {
            write_shares(out, style, directory)?;
        }
        for finding in &self.findings {
            writeln!(out, "{} {}", style.cross(), printable(finding))?;
        }
        Ok(())
    }

    fn failure(&self) -> Option<Error> {
        match self.findings.as_slice() {
            [] => None,
            findings => Some(Error::refused(format!(
                "{} of {} are not as the ceremony made them",
                findings.len(),
                self.files.len().saturating_add(findings.len())
            ))),
        }
    }
}

impl Report for Drilled {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.drill/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for key in &self.restored {
            let taken = if self.accepted.contains(key) {
                "; a board with the present lists takes what it signs"
            } else {
                ""
            };
            writeln!(
                out,
                "{} {key}: restored from the {}, signs, and is the right one{taken}",
                style.tick(),
                self.from
            )?;
        }
        for key in &self.missing {
            let held = if self.retired.contains(key) {
                "one that gave way to another since"
            } else {
                "none"
            };
            writeln!(
                out,
                "{} {key}: the one in use is not in this backup, which has {held}; bootseal ceremony backup DIR makes one that has it",
                style.warn("!")
            )?;
        }
        write_without(out, style, &self.without)?;
        writeln!(out, "Opened by: {}", self.opened_by)?;
        if let Some(directory) = &self.shares_left {
            write_shares(out, style, directory)?;
        }
        if self.dry_run {
            return writeln!(out, "Nothing was recorded");
        }
        write_end(out, &self.end)?;
        for end in &self.others {
            write_end(out, end)?;
        }
        write_not_recorded(out, style, &self.not_recorded)?;
        write_then(out, &self.then)?;
        writeln!(out, "Next: {}", printable(&self.next))
    }
}

/// The steps that are left to people.
fn write_then(out: &mut dyn Write, steps: &[String]) -> io::Result<()> {
    if !steps.is_empty() {
        writeln!(out, "Left to you:")?;
    }
    for step in steps {
        writeln!(out, "- {}", printable(step))?;
    }
    Ok(())
}

/// The keys that no backup has.
pub(super) fn write_without(out: &mut dyn Write, style: Style, without: &[String]) -> io::Result<()> {
    for key in without {
        writeln!(
            out,
            "{} {key}: in no backup, since it never leaves its token",
            style.warn("!")
        )?;
    }
    Ok(())
}

/// The warning on shares that lie beside the archive that they open.
pub(super) fn write_shares(out: &mut dyn Write, style: Style, directory: &str) -> io::Result<()> {
    writeln!(
        out,
        "{} the shares lie beside the archive that they open, in {}: print each page, hand it to its keeper, and remove the files; \
         until then the division is worth nothing",
        style.warn("!"),
        printable(directory)
    )
}

/// A note that was added.
pub(super) struct Noted {
    pub text: String,
    pub end: End,
    pub dry_run: bool,
}

impl Report for Noted {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.note/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "text": self.text, "head": self.end.head, "words": self.end.words, "dry_run": self.dry_run }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let verb = if self.dry_run { "would be noted" } else { "noted" };
        writeln!(out, "{} {verb}: {}", style.tick(), printable(&self.text))?;
        if self.dry_run {
            Ok(())
        } else {
            write_end(out, &self.end)
        }
    }
}

impl Report for Aborted {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.abort/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let verb = if self.dry_run { "would be removed" } else { "removed" };
        for path in std::iter::once(&self.work)
            .chain(&self.directories)
            .chain(&self.token_keys)
        {
            writeln!(out, "{} {verb}: {}", style.tick(), printable(path))?;
        }
        writeln!(
            out,
            "What was on a disk may still be read from it by who has its parts in hand"
        )
    }
}
