//! The report on files that were to be signed.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::cli::text::{name, with_causes};
use crate::error::{Error, Result};
use crate::formats::text::{Shown, printable};
use crate::sign::acceptance;
use crate::sign::{self, Change, Outcome, Summary};
use crate::ui::{Report, Rows, Style, error_json};

/// Said of files that stay as they are.
const KEPT: &str = "kept, signed by another key";

/// Most files of a kind that are named one by one when they were signed.
const NAMED: usize = 20;

/// The outcomes of the files of a run.
pub(in crate::cli) struct SignReport {
    summary: Summary,
    verbose: bool,
    dry_run: bool,
}

impl SignReport {
    /// The report of a run.
    pub(in crate::cli) fn new(session: &Session, summary: Summary) -> Self {
        Self {
            summary,
            verbose: session.verbose,
            dry_run: session.context.dry_run(),
        }
    }

    /// The error of a run by hand; an unattended one leaves unsigned what nobody vouches for.
    pub(in crate::cli) fn refusal(&self) -> Option<Error> {
        acceptance::refusal(&self.summary.outcomes)
    }

    /// The error because of which files could not be signed.
    pub(in crate::cli) fn unsigned(&self) -> Option<Error> {
        sign::failure(&self.summary.outcomes)
    }

    /// True if there was no file to look at.
    pub(in crate::cli) const fn is_empty(&self) -> bool {
        self.summary.outcomes.is_empty()
    }

    /// Each file; in brief, only those that are wrong.
    pub(in crate::cli) fn files(&self, out: &mut dyn Write, style: Style, is_brief: bool) -> io::Result<()> {
        let mut crowds = self.crowds();
        let many: Vec<_> = crowds.keys().copied().collect();
        for outcome in &self.summary.outcomes {
            let mut path = name(&outcome.path);
            // GRUB's signature is beside the file, which may have been named before as an image.
            if outcome.kind == Some("grub") {
                path.push_str(" (for GRUB)");
            }
            for warning in &outcome.warnings {
                writeln!(out, "{} {path}: {}", style.warn("warning:"), printable(warning))?;
            }
            match &outcome.result {
                Ok(_) if is_brief => {}
                Ok(Change::Signed) if many.contains(&outcome.kind) => {
                    if let Some((count, place)) = crowds.remove(&outcome.kind) {
                        let (tick, kind) = (style.tick(), outcome.kind.unwrap_or("other"));
                        writeln!(
                            out,
                            "{tick} {count} files ({kind}) below {} (-v names each)",
                            name(&place)
                        )?;
                    }
                }
                Ok(Change::Signed) => {
                    let repacked = outcome.repacked.as_ref().filter(|_| self.verbose);
                    let why = repacked.map_or_else(String::new, |why| format!(", packed anew: {}", printable(why)));
                    writeln!(out, "{} {path}{why}", style.tick())?;
                }
                Ok(Change::Unchanged) if self.verbose => writeln!(out, "{} {path}: signed already", style.tick())?,
                Ok(Change::Kept) if self.verbose => writeln!(out, "{} {path}: {KEPT}", style.note("-"))?,
                // A kernel of a distribution has thousands of modules that are kept: they are counted below.
                Ok(Change::Unchanged | Change::Kept) => {}
                Ok(Change::Removed) => writeln!(
                    out,
                    "{} {path}: removed, since the file that it signed is gone",
                    style.tick()
                )?,
                Ok(Change::Withdrawn) => writeln!(out, "{} {path}: removed, it would not hold", style.tick())?,
                Ok(Change::Absent) => writeln!(out, "{} {path}: optional, and not there", style.note("-"))?,
                Ok(Change::Unvouched) => {
                    let reason = outcome
                        .unvouched
                        .as_ref()
                        .map_or("", |unvouched| unvouched.reason.as_str());
                    writeln!(out, "{} {path}: not signed: {}", style.cross(), printable(reason))?;
                }
                Err(error) => writeln!(out, "{} {}", style.cross(), with_causes(error))?,
            }
        }
        let kept = |outcome: &&Outcome| matches!(outcome.result, Ok(Change::Kept));
        if !is_brief
            && !self.verbose
            && let Some(first) = self.summary.outcomes.iter().find(kept)
        {
            let first = name(&first.path);
            let dash = style.note("-");
            match self.summary.count(Change::Kept) {
                1 => writeln!(out, "{dash} {first}: {KEPT}")?,
                count => writeln!(
                    out,
                    "{dash} {count} files, the first of which is {first}: {KEPT} (-v names each)"
                )?,
            }
        }
        for warning in &self.summary.warnings {
            writeln!(out, "{} {}", style.warn("warning:"), printable(warning))?;
        }
        Ok(())
    }

    /// The kinds of which more than [`NAMED`] files were signed, the number of those, and the directory that all of them are below.
    fn crowds(&self) -> BTreeMap<Option<&'static str>, (usize, PathBuf)> {
        let mut crowds: BTreeMap<_, (usize, PathBuf)> = BTreeMap::new();
        if self.verbose {
            return crowds;
        }
        let signed = |outcome: &&Outcome| matches!(outcome.result, Ok(Change::Signed));
        for outcome in self.summary.outcomes.iter().filter(signed) {
            let directory = outcome.path.parent().unwrap_or(&outcome.path);
            let (count, place) = crowds.entry(outcome.kind).or_insert_with(|| (0, directory.to_owned()));
            *count = count.saturating_add(1);
            while !directory.starts_with(&*place) && place.pop() {}
        }
        crowds.retain(|_, (count, _)| *count > NAMED);
        crowds
    }

    /// The numbers of files, on one line.
    pub(in crate::cli) fn totals(&self) -> String {
        let verb = if self.dry_run { "would sign" } else { "signed" };
        let kept = match self.summary.count(Change::Kept) {
            0 => String::new(),
            kept => format!(", kept {kept}"),
        };
        let (signed, unchanged) = (
            self.summary.count(Change::Signed),
            self.summary.count(Change::Unchanged),
        );
        let left = match self.summary.count(Change::Unvouched) {
            0 => String::new(),
            left => format!(", left unsigned {left}"),
        };
        format!("{verb} {signed}, unchanged {unchanged}{kept}{left}")
    }
}

impl Report for SignReport {
    fn schema(&self) -> &'static str {
        "bootseal.sign/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({
            "dry_run": self.dry_run,
            "signed": self.summary.count(Change::Signed),
            "unchanged": self.summary.count(Change::Unchanged),
            "kept": self.summary.count(Change::Kept),
            "removed": self.summary.count(Change::Removed),
            "withdrawn": self.summary.count(Change::Withdrawn),
            "absent": self.summary.count(Change::Absent),
            "unvouched": self.summary.count(Change::Unvouched),
            "failed": self.summary.failed(),
            "warnings": self.summary.warnings,
        }))
    }

    fn rows(&self) -> Option<Rows<'_>> {
        Some(("files", Box::new(self.summary.outcomes.iter().map(outcome_json))))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.files(out, style, false)?;
        writeln!(out, "{}", self.totals())
    }

    fn failure(&self) -> Option<Error> {
        self.unsigned().or_else(|| self.refusal())
    }
}

fn outcome_json(outcome: &Outcome) -> Value {
    let (path, kind) = (outcome.path.shown(), outcome.kind);
    match &outcome.result {
        Ok(change) => {
            let name = change_name(*change);
            match (&outcome.unvouched, outcome.origin) {
                (Some(unvouched), _) => json!({
                    "path": path, "kind": kind, "outcome": name, "warnings": outcome.warnings,
                    "reason": unvouched.reason, "sha256": unvouched.sha256, "signed_on": unvouched.changed_since,
                }),
                (None, Some(origin)) => json!({
                    "path": path, "kind": kind, "outcome": name, "warnings": outcome.warnings, "origin": origin.name(),
                    "packed_anew": outcome.repacked,
                }),
                (None, None) => json!({ "path": path, "kind": kind, "outcome": name, "warnings": outcome.warnings }),
            }
        }
        Err(error) => json!({ "path": path, "kind": kind, "outcome": "failed", "error": error_json(error) }),
    }
}

/// The stable name used in JSON.
const fn change_name(change: Change) -> &'static str {
    match change {
        Change::Signed => "signed",
        Change::Unchanged => "unchanged",
        Change::Kept => "kept",
        Change::Removed => "removed",
        Change::Withdrawn => "withdrawn",
        Change::Absent => "absent",
        Change::Unvouched => "unvouched",
    }
}
