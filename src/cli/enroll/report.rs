//! The reports of `bootseal enroll`.

use std::io::{self, Write};

use serde_json::Value;

use crate::enroll::{Applied, Change, Entry, EntryChange, Outcome, Plan, PlannedVariable, Verdict, Whose};
use crate::error::{Error, Result};
use crate::finding::{Finding, Level};
use crate::formats::text::{Shown, printable};
use crate::ui::finding::write_remedies;
use crate::ui::{Report, Style, to_json};

impl Report for Plan {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.plan/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(out, "Firmware: {}", printable(&self.store.to_string()))?;
        for sentence in self.mode.words() {
            writeln!(out, "  {sentence}")?;
        }
        if let Some(free) = self.free_space {
            writeln!(out, "  {free} bytes are left for variables")?;
        }
        for default in &self.vendor_defaults {
            writeln!(out, "  its vendor's {} would be:", default.variable)?;
            for entry in &default.entries {
                writeln!(out, "    {}", describe(entry))?;
            }
        }
        for variable in self.variables.iter().rev() {
            self.variable(out, style, variable)?;
        }
        self.judged(out, style)?;
        warnings(out, style, &self.warnings)?;
        for path in &self.pcrlock {
            writeln!(
                out,
                "\n{} component for systemd-pcrlock: {}",
                style.tick(),
                path.shown()
            )?;
        }
        writeln!(out, "\nPlan {}", self.digest)
    }

    fn failure(&self) -> Option<Error> {
        self.check_stops().err()
    }
}

impl Plan {
    /// The files that the firmware may start, with its verdicts.
    fn judged(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if !self.boot_files.is_empty() {
            writeln!(out, "\nWhat the firmware may start:")?;
        }
        for file in &self.boot_files {
            let (sign, reason) = match &file.verdict {
                Verdict::Accepted(reason) => (style.tick(), reason),
                Verdict::Refused(reason) => (style.cross(), reason),
                Verdict::NotJudged(reason) => ("?".to_owned(), reason),
            };
            let next = if file.is_next { ", next" } else { "" };
            writeln!(out, "  {sign} {} ({}{next}): {reason}", file.path, file.source)?;
        }
        if !self.option_roms.is_empty() {
            writeln!(out, "\nOption ROMs:")?;
        }
        for rom in &self.option_roms {
            let (sign, reason) = match rom.covered_by {
                "hash" => (style.tick(), "db lists its hash"),
                "authority" => (style.tick(), "db keeps who let it in"),
                "likely" => ("?".to_owned(), "let in if Microsoft signed it"),
                _ => (style.cross(), "would be refused"),
            };
            writeln!(out, "  {sign} {}: {reason}", printable(&rom.device))?;
        }
        Ok(())
    }

    fn variable(&self, out: &mut dyn Write, style: Style, variable: &PlannedVariable) -> io::Result<()> {
        let name = variable.variable;
        let mut writes = self.writes.iter().filter(|write| write.variable == name).peekable();
        if writes.peek().is_none() {
            writeln!(out, "\n{name}: not written")?;
        }
        for write in writes {
            let how = match (write.already_there, write.append) {
                (true, _) => "nothing to do",
                (false, true) => "append",
                (false, false) => "replace",
            };
            let signer = match &write.signed_by {
                Some(signer) => format!("signed by \"{}\"", printable(signer)),
                None => "not signed".to_owned(),
            };
            writeln!(
                out,
                "\n{name}: {how} ({} bytes, {signer} on {})",
                write.bytes, write.time
            )?;
        }
        if variable.bytes_before != variable.bytes_after {
            let (before, after) = (variable.bytes_before, variable.bytes_after);
            writeln!(out, "  {before} bytes become {after}")?;
        }
        for EntryChange { change, entry } in &variable.entries {
            let sign = match change {
                Change::Added => style.good("+"),
                Change::Kept => "=".to_owned(),
                Change::Removed => style.bad("-"),
            };
            writeln!(out, "  {sign} {}", describe(entry))?;
        }
        Ok(())
    }
}

impl Report for Applied {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.apply/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if let Some(backup) = &self.backup {
            writeln!(
                out,
                "{} saved the present variables in {}",
                style.tick(),
                backup.shown()
            )?;
        }
        for step in &self.steps {
            let outcome = match step.outcome {
                Outcome::Written => "written and read back",
                Outcome::AlreadyThere => "there already",
                Outcome::WouldWrite => "would be written",
            };
            writeln!(
                out,
                "{} {}: {outcome} ({} bytes)",
                style.tick(),
                step.variable,
                step.bytes
            )?;
        }
        match (self.was_setup_mode, self.setup_mode) {
            (true, false) => writeln!(out, "{} the firmware has left Setup Mode", style.tick())?,
            (false, true) => writeln!(out, "{} the firmware is in Setup Mode again", style.tick())?,
            _ => {}
        }
        warnings(out, style, &self.warnings)?;
        if !self.next_steps.is_empty() {
            writeln!(out, "\nNext:")?;
        }
        for (number, step) in self.next_steps.iter().enumerate() {
            writeln!(out, "  {}. {step}", number.saturating_add(1))?;
        }
        Ok(())
    }
}

fn warnings(out: &mut dyn Write, style: Style, warnings: &[Finding]) -> io::Result<()> {
    for warning in warnings {
        // Loud: what is said here may leave a machine that does not start.
        let label = match warning.level {
            Level::Note => style.warn("warning:"),
            Level::Warning => style.bad("DANGER:"),
            Level::Error => style.bad("STOP:"),
        };
        writeln!(out, "\n{label} {}", printable(&warning.text))?;
        write_remedies(out, style, 2, warning)?;
    }
    Ok(())
}

pub(in crate::cli) fn describe(entry: &Entry) -> String {
    match entry {
        Entry::Certificate {
            subject,
            fingerprint,
            rsa_bits,
            not_after,
            owner,
            whose,
        } => {
            let key = rsa_bits.map_or_else(|| "not RSA".to_owned(), |bits| format!("RSA-{bits}"));
            let until = not_after.as_deref().unwrap_or("unknown");
            let short = fingerprint.get(..16).unwrap_or(fingerprint);
            format!(
                "\"{}\" ({key}, until {until}, SHA-256 {short}…, {}owner {owner})",
                printable(subject),
                name(*whose),
            )
        }
        Entry::SecurityVersion {
            version, owner, whose, ..
        } => format!("security version {version} ({}owner {owner})", name(*whose)),
        Entry::Others {
            signature_type,
            count,
            owner,
            whose,
            ..
        } => format!("{count} of type {signature_type} ({}owner {owner})", name(*whose)),
    }
}

const fn name(whose: Whose) -> &'static str {
    match whose {
        Whose::Own => "your own, ",
        Whose::Microsoft => "Microsoft's, ",
        Whose::Vendor => "the vendor's, ",
        Whose::Other => "",
    }
}
