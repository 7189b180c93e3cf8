//! `bootseal kernel-config`: the options that the chain needs of a kernel, printed or checked.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::cli::text::name;
use crate::error::{Error, Result};
use crate::finding::Status;
use crate::formats::text::printable;
use crate::kernel_config::{self, Checked, Wanted};
use crate::system::{Powers, Writes};
use crate::trust::kernel_config::{Judgement, ModuleKey, RECOMMENDED, REQUIRED, need};
use crate::ui::{Report, Style, to_json};

#[derive(Debug, Args)]
#[command(
    after_help = "Example: bootseal kernel-config --kernel 6.12 -o /etc/kernel/config.d/50-bootseal.config\n\n\
    Check the running kernel, one that is installed, or a file:\n  \
    bootseal kernel-config --check\n  \
    bootseal kernel-config --check --kernel 6.12.58-gentoo-dist\n  \
    bootseal kernel-config --check /usr/src/linux/.config\n\n\
    Exit code 1 means that something required is not there, 3 that it could not be looked at."
)]
pub(super) struct Arguments {
    /// Check a configuration, packed or not [default: that of the running kernel, or of --kernel]
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[allow(clippy::option_option)] // the flag may stand alone
    check: Option<Option<PathBuf>>,
    /// The kernel, as 6.12 or 6.12.58-gentoo-dist [default: the running one]
    #[arg(long, value_name = "VERSION")]
    kernel: Option<String>,
    /// Write the fragment to FILE, which may be there already if bootseal wrote it
    #[arg(long, short, value_name = "FILE", conflicts_with = "check")]
    output: Option<PathBuf>,
    /// The module certificate, as the build finds it [default: the key directory's, or
    /// /etc/kernel/bootseal-module.pem where others than root cannot read that]
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    certificate: Option<PathBuf>,
    /// Let the build sign: PEM file with private key and certificate, or PKCS#11 URI of both
    #[arg(long, value_name = "FILE|URI", conflicts_with_all = ["check", "certificate"])]
    signing_key: Option<String>,
    /// Key directory with the module certificate [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

impl Arguments {
    /// The powers to write the fragment.
    pub(super) fn powers(&self, session: &Session) -> Powers {
        match &self.output {
            Some(output) => session.writing_files([output]),
            None => Powers::writing(Writes::Nothing),
        }
    }
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<Box<dyn Report>> {
    let context = &session.context;
    let keys = session.keys(arguments.keys.as_ref())?;
    let kernel = arguments.kernel.as_deref();
    if let Some(file) = &arguments.check {
        return Ok(Box::new(CheckReport {
            checked: kernel_config::check(context, file.as_deref(), kernel, &keys)?,
            verbose: session.verbose,
        }));
    }
    let key = match (&arguments.signing_key, &arguments.certificate) {
        (Some(key), _) => ModuleKey::SigningKey(key.clone()),
        (None, Some(certificate)) => kernel_config::certificate(certificate)?,
        (None, None) => kernel_config::usual_certificate(context, &keys)?,
    };
    Ok(Box::new(kernel_config::wanted(
        context,
        kernel,
        &key,
        arguments.output.as_deref(),
    )?))
}

impl Report for Wanted {
    fn schema(&self) -> &'static str {
        "bootseal.kernel-config/1"
    }

    fn is_document(&self) -> bool {
        true
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({
            "kernel": self.fragment.version.to_string(),
            "options": self.fragment.lines,
            "fragment": self.fragment.to_string(),
            "written": self.written,
            "dry_run": self.dry_run,
            "portage": self.portage,
            "next_steps": self.next_steps,
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let Some(path) = &self.written else {
            return write!(out, "{}", self.fragment);
        };
        let verb = if self.dry_run { "would be written" } else { "written" };
        let (count, version) = (self.fragment.lines.len(), self.fragment.version);
        writeln!(
            out,
            "{} {verb}: {} ({count} options for Linux {version})",
            style.tick(),
            name(path)
        )?;
        for judgement in self.portage.iter().filter(|judgement| judgement.is_unmet()) {
            describe(out, style, judgement)?;
        }
        for step in &self.next_steps {
            writeln!(out, "Next: {}", printable(step))?;
        }
        Ok(())
    }
}

struct CheckReport {
    checked: Checked,
    verbose: bool,
}

impl Report for CheckReport {
    fn schema(&self) -> &'static str {
        "bootseal.kernel-config.check/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(&self.checked)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let checked = &self.checked;
        writeln!(out, "{} (Linux {})", name(&checked.config), checked.kernel)?;
        for judgement in &checked.judgements {
            let is_well = matches!(judgement.status, Status::Pass | Status::NotApplicable);
            if self.verbose || !is_well {
                describe(out, style, judgement)?;
            }
        }
        let count = |status| checked.count(REQUIRED, status) + checked.count(RECOMMENDED, status);
        writeln!(
            out,
            "as it should be {}, missing {} required and {} recommended, unknown {}",
            count(Status::Pass),
            checked.count(REQUIRED, Status::Fail),
            checked.count(RECOMMENDED, Status::Warn),
            count(Status::CouldNotRun),
        )
    }

    fn failure(&self) -> Option<Error> {
        self.checked.failure()
    }
}

fn describe(out: &mut dyn Write, style: Style, judgement: &Judgement) -> io::Result<()> {
    let (sign, need) = (style.status(judgement.status), need(judgement.level));
    let (subject, found) = (&judgement.subject, printable(&judgement.found));
    let wanted = &judgement.wanted;
    match judgement.status {
        Status::Pass => return writeln!(out, "{sign} {subject} ({need}): {found}"),
        Status::NotApplicable => return writeln!(out, "{sign} {subject} ({need}): does not matter here"),
        Status::Warn | Status::Fail => writeln!(out, "{sign} {subject} ({need}): {found}; it should be {wanted}")?,
        Status::CouldNotRun => writeln!(
            out,
            "{sign} {subject} ({need}): {found}; cannot tell whether it is {wanted}"
        )?,
    }
    writeln!(out, "    {}", judgement.reason)?;
    match &judgement.remedy {
        Some(remedy) => writeln!(out, "    {} {}", style.note("hint:"), printable(remedy)),
        None => Ok(()),
    }
}
