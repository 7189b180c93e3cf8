//! The next start, walked after a command that has changed it.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::finding::Outcome;
use crate::formats::text::printable;
use crate::keys::KeyDirectory;
use crate::start::{self, Scene};
use crate::trust::Anchors;
use crate::ui::finding::{finding_json, write_finding};
use crate::ui::{Report, Style};

/// A report, and the next start after it.
struct WithNextStart {
    report: Box<dyn Report>,
    walked: Outcome,
}

/// Walks the next start, if the command did all its work. `keys` is the key directory that was named, if one was.
pub(super) fn with_next_start(session: &Session, keys: Option<&PathBuf>, report: Box<dyn Report>) -> Box<dyn Report> {
    if session.context.dry_run() || report.failure().is_some() {
        return report;
    }
    let walked = walk(session, keys).unwrap_or_else(|error| Outcome::could_not_run(error.in_one_line()));
    Box::new(WithNextStart { report, walked })
}

fn walk(session: &Session, keys: Option<&PathBuf>) -> Result<Outcome> {
    let config = session.config()?;
    let mut anchors = Anchors::from_directory(&KeyDirectory::open(&session.keys(keys)?)?)?;
    anchors.with_shim = config.grub.shim;
    start::next_start(Scene {
        context: &session.context,
        config: &config,
        anchors: &anchors,
    })
}

impl Report for WithNextStart {
    fn schema(&self) -> &'static str {
        self.report.schema()
    }

    fn json(&self) -> Result<Value> {
        let mut object = self.report.json()?;
        let findings: Vec<Value> = self.walked.findings.iter().map(finding_json).collect();
        if let Some(object) = object.as_object_mut() {
            let next = json!({ "findings": findings, "could_not_run": self.walked.not_run });
            object.insert("next_start".to_owned(), next);
        }
        Ok(object)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.report.human(out, style)?;
        // Those that are errors end the run.
        let failure = start::failure(&self.walked);
        for finding in self.walked.findings.iter().filter(|_| failure.is_none()) {
            write_finding(out, style, 0, finding)?;
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
        start::failure(&self.walked)
    }
}
