//! The next start, walked after a command that has changed it.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::finding::Outcome;
use crate::formats::text::printable;
use crate::hook;
use crate::keys::KeyDirectory;
use crate::start::{self, Scene};
use crate::trust::Anchors;
use crate::ui::finding::{finding_json, write_finding};
use crate::ui::{Progress, Report, Rows, Style};

/// A report, and the next start after it.
struct WithNextStart {
    report: Box<dyn Report>,
    walked: Outcome,
    /// Notes about the former menu of GRUB.
    notes: Vec<String>,
}

/// Refuses, before a command signs, a menu that starts nothing in the place of one that does, and puts that one back.
pub(super) fn check_menus(session: &Session, keys: Option<&PathBuf>) -> Result<()> {
    hook::refuse_idle_menus(&session.context).map_err(|error| {
        let put_back = in_scene(session, keys, |scene, keys| {
            Ok(hook::put_back_idle(scene, keys, &error))
        });
        let notes = put_back.unwrap_or_else(|error| vec![error.in_one_line()]);
        notes.into_iter().fold(error, Error::hint)
    })
}

/// Walks the next start, if the command did all its work; where it does not hold, the former menu of GRUB is put back. `keys` is
/// the key directory that was named, if one was.
pub(super) fn with_next_start(session: &Session, keys: Option<&PathBuf>, report: Box<dyn Report>) -> Box<dyn Report> {
    if session.context.dry_run() || report.failure().is_some() {
        return report;
    }
    let progress = Progress::new("judging", session.quiet);
    progress.working("walking to the next start");
    let walked = in_scene(session, keys, |scene, keys| {
        let walked = start::next_start(scene)?;
        let notes = hook::conclude(scene, keys, &walked);
        Ok((walked, notes))
    });
    let (walked, notes) = walked.unwrap_or_else(|error| (Outcome::could_not_run(error.in_one_line()), Vec::new()));
    progress.done();
    Box::new(WithNextStart { report, walked, notes })
}

fn in_scene<T>(
    session: &Session,
    keys: Option<&PathBuf>,
    look: impl FnOnce(Scene<'_>, &KeyDirectory) -> Result<T>,
) -> Result<T> {
    let config = session.config()?;
    let keys = KeyDirectory::open(&session.keys(keys)?)?.below(session.context.root());
    let mut anchors = Anchors::from_directory(&keys)?;
    anchors.with_shim = config.grub.shim;
    let scene = Scene {
        context: &session.context,
        config: &config,
        anchors: &anchors,
    };
    look(scene, &keys)
}

impl Report for WithNextStart {
    fn schema(&self) -> &'static str {
        self.report.schema()
    }

    fn json(&self) -> Result<Value> {
        let mut object = self.report.json()?;
        let findings: Vec<Value> = self.walked.findings.iter().map(finding_json).collect();
        if let Some(object) = object.as_object_mut() {
            let next = json!({ "findings": findings, "could_not_run": self.walked.not_run, "notes": self.notes });
            object.insert("next_start".to_owned(), next);
        }
        Ok(object)
    }

    fn rows(&self) -> Option<Rows<'_>> {
        self.report.rows()
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.report.human(out, style)?;
        // Those that are errors end the run.
        let failure = start::failure(&self.walked);
        for finding in self.walked.findings.iter().filter(|_| failure.is_none()) {
            write_finding(out, style, 0, finding)?;
        }
        for note in self.notes.iter().filter(|_| failure.is_none()) {
            writeln!(out, "{} {}", style.warn("warning:"), printable(note))?;
        }
        for reason in &self.walked.not_run {
            writeln!(
                out,
                "{} could not look at the next start: {}",
                style.warn("warning:"),
                printable(reason)
            )?;
        }
        Ok(())
    }

    fn is_own_text(&self) -> bool {
        self.report.is_own_text()
    }

    fn failure(&self) -> Option<Error> {
        let failure = start::failure(&self.walked)?;
        Some(self.notes.iter().fold(failure, Error::hint))
    }
}
