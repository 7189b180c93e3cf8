//! The reports of `bootseal grub`.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::error::Result;
use crate::finding::Finding;
use crate::formats::grub::core_image::Switch;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::{Shown, printable};
use crate::grub::{Built, Step};
use crate::ui::finding::{finding_json, remedy, write_remedies};
use crate::ui::{Report, Style};

/// There is nothing to do anew.
pub(super) struct NotInstalled;

impl Report for NotInstalled {
    fn schema(&self) -> &'static str {
        "bootseal.grub.install/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "installed": false }))
    }

    fn human(&self, _out: &mut dyn Write, _style: Style) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct InstallReport {
    version: String,
    keys: Vec<String>,
    verdict: String,
    cli_disabled: bool,
    pub steps: Vec<Step>,
    pub on_trial: bool,
    pub variables_left: Option<String>,
    pub warnings: Vec<Finding>,
    pub dry_run: bool,
}

impl InstallReport {
    pub fn new(session: &Session, built: &Built) -> Self {
        let image = &built.image;
        Self {
            version: image.version.clone().unwrap_or_default(),
            keys: image.keys.iter().map(GrubKey::fingerprint).collect(),
            verdict: image.verdict().unwrap_or_else(|reason| reason),
            cli_disabled: image.cli_disabled == Switch::Set,
            steps: Vec::new(),
            on_trial: false,
            variables_left: None,
            warnings: Vec::new(),
            dry_run: session.context.dry_run(),
        }
    }
}

fn step_json(step: &Step) -> Value {
    match step {
        Step::Written(path) => json!({ "step": "written", "path": path.shown() }),
        Step::Kept(path) => json!({ "step": "kept", "path": path.shown() }),
        Step::Removed(path) => json!({ "step": "removed", "path": path.shown() }),
        Step::Variable(name, what) => json!({ "step": "variable", "name": name, "what": what }),
    }
}

/// A warning with all remedies in one text, as `warnings` has them in JSON.
fn sentence(warning: &Finding) -> String {
    match warning.remedies.as_slice() {
        [] => warning.text.clone(),
        _ => format!("{}: {}", warning.text, remedy(warning)),
    }
}

fn steps(steps: &[Step], dry_run: bool, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for step in steps {
        let text = match step {
            Step::Written(path) => path.shown(),
            Step::Kept(path) => format!("{}: the image of before", path.shown()),
            Step::Removed(path) => format!("{}: removed", path.shown()),
            Step::Variable(name, what) => format!("firmware variable {name}: {what}"),
        };
        let text = printable(&text);
        if dry_run {
            writeln!(out, "would write {text}")?;
        } else {
            writeln!(out, "{} {text}", style.tick())?;
        }
    }
    Ok(())
}

impl Report for InstallReport {
    fn schema(&self) -> &'static str {
        "bootseal.grub.install/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({
            "dry_run": self.dry_run,
            "version": self.version,
            "keys": self.keys.iter().map(|key| key.to_lowercase()).collect::<Vec<_>>(),
            "cli_disabled": self.cli_disabled,
            "steps": self.steps.iter().map(step_json).collect::<Vec<_>>(),
            "on_trial": self.on_trial,
            "variables_left": self.variables_left,
            "warnings": self.warnings.iter().map(sentence).collect::<Vec<_>>(),
            "findings": self.warnings.iter().map(finding_json).collect::<Vec<_>>(),
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(
            out,
            "{} GRUB {}: {}",
            style.tick(),
            printable(&self.version),
            printable(&self.verdict)
        )?;
        steps(&self.steps, self.dry_run, out, style)?;
        for warning in &self.warnings {
            writeln!(out, "{} {}", style.warn("warning:"), printable(&warning.text))?;
            write_remedies(out, style, 2, warning)?;
        }
        if let Some(reason) = &self.variables_left {
            writeln!(out, "The firmware's variables are left alone: {}", printable(reason))?;
        }
        let in_place = self.variables_left.is_some() && self.steps.iter().any(|step| matches!(step, Step::Kept(_)));
        if in_place {
            writeln!(
                out,
                "\nNext: restart; the image of before can be chosen in the firmware's setup. Then: bootseal grub confirm --no-nvram"
            )?;
        }
        if self.on_trial {
            writeln!(
                out,
                "\nNext: restart; the new image is started once. Then: bootseal grub confirm"
            )?;
        }
        Ok(())
    }
}

pub(super) struct ConfirmReport {
    pub steps: Vec<Step>,
    pub dry_run: bool,
}

impl Report for ConfirmReport {
    fn schema(&self) -> &'static str {
        "bootseal.grub.confirm/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "dry_run": self.dry_run, "steps": self.steps.iter().map(step_json).collect::<Vec<_>>() }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(
            out,
            "{} the image has started this machine, and is the present one",
            style.tick()
        )?;
        steps(&self.steps, self.dry_run, out, style)
    }
}

pub(super) struct PasswordReport {
    pub hash: String,
}

impl Report for PasswordReport {
    fn schema(&self) -> &'static str {
        "bootseal.grub.password/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "hash": self.hash }))
    }

    fn human(&self, out: &mut dyn Write, _style: Style) -> io::Result<()> {
        writeln!(out, "{}", self.hash)
    }
}
