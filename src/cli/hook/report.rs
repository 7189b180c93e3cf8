//! The reports of `bootseal hook`.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::sign::SignReport;
use crate::cli::text::name;
use crate::error::{Error, Result};
use crate::finding::Level;
use crate::formats::text::{Shown, printable};
use crate::hook::{Change, Changed, Detected, LastRun, Packages, Request, Slot, State, Status};
use crate::system::moment;
use crate::ui::finding::{hook_finding_json, write_finding};
use crate::ui::{Report, Rows, Style};

use super::packages;

/// The unit and the service that look at the next start.
const UNIT: &str = "bootseal-status.service";
const SERVICE: &str = "bootseal-status";
/// The directory by which systemd is known to run (`sd_booted(3)`).
const SYSTEMD_RUNS: &str = "/run/systemd/system";

/// The scripts that were installed or removed.
pub(super) struct Installed {
    /// The modes; none if they were removed.
    pub detected: Vec<Detected>,
    pub changes: Vec<Changed>,
    pub dry_run: bool,
}

impl Installed {
    const fn is_installation(&self) -> bool {
        !self.detected.is_empty()
    }
}

impl Report for Installed {
    fn schema(&self) -> &'static str {
        if self.is_installation() {
            "bootseal.hook.install/1"
        } else {
            "bootseal.hook.remove/1"
        }
    }

    fn json(&self) -> Result<Value> {
        let changes = self.changes.iter();
        let changes: Vec<Value> = changes
            .map(|changed| json!({ "path": changed.path.shown(), "change": changed.change.name() }))
            .collect();
        Ok(json!({
            "dry_run": self.dry_run,
            "mode": self.detected.first().map(|detected| detected.mode.name()),
            "evidence": self.detected.first().map(|detected| &detected.evidence),
            "modes": self.detected.iter().map(|detected| detected.mode.name()).collect::<Vec<_>>(),
            "files": changes,
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        write_modes(out, &self.detected)?;
        if self.changes.is_empty() {
            writeln!(out, "nothing of bootseal's is installed")?;
        }
        for Changed { path, change } in &self.changes {
            let path = name(path);
            match change {
                Change::Installed => writeln!(out, "{} {path}", style.tick())?,
                Change::Updated => writeln!(out, "{} {path}: replaces that of an older bootseal", style.tick())?,
                Change::Unchanged => writeln!(out, "{} {path}: there already", style.tick())?,
                Change::Removed => writeln!(out, "{} {path}: removed", style.tick())?,
                Change::Foreign => writeln!(out, "{} {path}: not bootseal's, left alone", style.note("-"))?,
            }
        }
        match (self.dry_run, self.is_installation()) {
            (true, _) => writeln!(out, "nothing was written"),
            (false, true) => {
                let is_there = |name: &str| self.changes.iter().any(|changed| changed.path.ends_with(name));
                let enable = match (is_there(UNIT), is_there(SERVICE)) {
                    (true, _) if Path::new(SYSTEMD_RUNS).exists() => format!("systemctl enable {UNIT}, and: "),
                    (_, true) => format!("rc-update add {SERVICE} default, and: "),
                    (true, false) => format!("systemctl enable {UNIT}, and: "),
                    (false, false) => String::new(),
                };
                writeln!(out, "\nNext: {enable}bootseal hook status")
            }
            (false, false) => Ok(()),
        }
    }
}

fn write_modes(out: &mut dyn Write, detected: &[Detected]) -> io::Result<()> {
    for Detected { mode, evidence } in detected {
        writeln!(out, "Mode: {} ({})", mode.name(), printable(evidence))?;
    }
    Ok(())
}

/// The outlook for the next kernel, and for the next package where Portage brings it.
pub(super) struct Outlook {
    pub status: Status,
    pub packages: Option<Packages>,
}

impl Report for Outlook {
    fn schema(&self) -> &'static str {
        "bootseal.hook.status/1"
    }

    fn json(&self) -> Result<Value> {
        let Status {
            detected,
            layout,
            plugins,
            findings,
            last_runs,
        } = &self.status;
        let plugins: Vec<Value> = plugins
            .iter()
            .map(|plugin| {
                json!({
                    "phase": plugin.phase.name(),
                    "path": plugin.path.shown(),
                    "state": state_name(plugin.state),
                    "slot": plugin.slot.map(crate::hook::Slot::name),
                })
            })
            .collect();
        let findings: Vec<Value> = findings.iter().map(hook_finding_json).collect();
        Ok(json!({
            "mode": detected.first().map(|detected| detected.mode.name()),
            "evidence": detected.first().map(|detected| &detected.evidence),
            "modes": detected.iter().map(|detected| detected.mode.name()).collect::<Vec<_>>(),
            "layout": layout,
            "plugins": plugins,
            "packages": self.packages.as_ref().map(packages::json),
            "findings": findings,
            "last_runs": last_runs.as_ref().ok().map(|runs| runs.iter().map(|run| last_run(run, runs)).collect::<Vec<_>>()),
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let status = &self.status;
        write_modes(out, &status.detected)?;
        if let Some(layout) = &status.layout {
            writeln!(out, "Layout: {}", printable(layout))?;
        }
        writeln!(out, "\nThe next kernel:")?;
        let mut phase = None;
        for plugin in &status.plugins {
            if phase != Some(plugin.phase) {
                writeln!(out, "  {}", plugin.phase.name())?;
                phase = Some(plugin.phase);
            }
            let shown = printable(&plugin.name);
            let note = match plugin.state {
                State::Active => "",
                State::Masked => ": masked, does not run",
                State::NotExecutable => ": not executable, does not run",
            };
            match (plugin.slot, plugin.state) {
                (Some(_), State::Active) => writeln!(out, "  {} {}", style.tick(), style.good(&shown))?,
                (Some(_), _) => writeln!(out, "  {} {shown}{note}", style.cross())?,
                (None, _) => writeln!(out, "    {shown}{note}")?,
            }
        }
        if let Some(packages) = &self.packages {
            packages::human(packages, out, style)?;
        }
        match &status.last_runs {
            Ok(runs) if runs.is_empty() => {}
            Ok(runs) => {
                writeln!(out, "\nThe last runs:")?;
                for run in runs {
                    let sign = if run.is_open(runs) { style.cross() } else { style.tick() };
                    let (subject, time) = (printable(&run.subject), moment(run.time));
                    let error = run
                        .error
                        .as_ref()
                        .map(|error| format!(": failed: {}", printable(error)));
                    writeln!(
                        out,
                        "  {sign} {time} {} of {subject}{}",
                        run.slot,
                        error.unwrap_or_default()
                    )?;
                }
            }
            Err(reason) => writeln!(out, "\n{} The last runs: {}", style.warn("?"), printable(reason))?,
        }
        for finding in &status.findings {
            writeln!(out)?;
            write_finding(out, style, 0, finding)?;
        }
        if status.findings.is_empty() {
            writeln!(
                out,
                "\n{} nothing keeps the next kernel from being signed",
                style.tick()
            )?;
        }
        Ok(())
    }

    fn failure(&self) -> Option<Error> {
        let errors = self
            .status
            .findings
            .iter()
            .filter(|finding| finding.level == Level::Error);
        match errors.count() {
            0 => None,
            1 => Some(Error::refused("one thing would keep the next kernel from being signed")),
            many => Some(Error::refused(format!(
                "{many} things would keep the next kernel from being signed"
            ))),
        }
    }
}

/// A run as JSON has it.
pub(in crate::cli) fn last_run(run: &LastRun, all: &[LastRun]) -> Value {
    json!({
        "slot": run.slot,
        "subject": run.subject,
        "removes": run.removes,
        "time": moment(run.time),
        "error": run.error,
        "made_up_for": run.error.is_some() && !run.is_open(all),
    })
}

const fn state_name(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Masked => "masked",
        State::NotExecutable => "not_executable",
    }
}

/// The files that were signed in a slot.
pub(super) struct Signed {
    pub request: Request,
    pub files: SignReport,
    pub notes: Vec<String>,
    pub has_keys: bool,
    /// The command that makes up for the failure.
    pub again: String,
    pub verbose: bool,
}

impl Report for Signed {
    fn schema(&self) -> &'static str {
        "bootseal.hook.run/1"
    }

    fn json(&self) -> Result<Value> {
        let mut report = json!({
            "slot": self.request.slot.name(),
            "subject": self.request.subject,
            "has_keys": self.has_keys,
            "notes": self.notes,
        });
        if let (Value::Object(report), Value::Object(files)) = (&mut report, self.files.json()?) {
            report.extend(files);
        }
        Ok(report)
    }

    fn rows(&self) -> Option<Rows<'_>> {
        self.files.rows()
    }

    /// One line among those of `emerge`, unless more was asked for; a failure is always named.
    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for note in &self.notes {
            writeln!(out, "bootseal: {}", printable(note))?;
        }
        self.files.files(out, style, !self.verbose)?;
        if self.files.is_empty() {
            return Ok(());
        }
        let (slot, subject) = (self.request.slot.name(), printable(&self.request.subject));
        writeln!(out, "bootseal: {slot} of {subject}: {}", self.files.totals())
    }

    fn failure(&self) -> Option<Error> {
        // With nobody there, a file that nobody vouches for is no reason to stop the installation of a good kernel.
        let refusal = self.files.refusal().filter(|_| self.request.slot == Slot::All);
        let unsigned = self.files.unsigned().map(|error| error.hint(&self.again));
        unsigned.or(refusal)
    }
}
