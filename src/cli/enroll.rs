//! `bootseal enroll`: what would change in the firmware, and changing it.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::enroll::{self, Applied, Entry, Level, Outcome, Plan, Request, StoreChoice, Warning};
use crate::error::{Error, Explain, Result};
use crate::formats::certificate::printable;
use crate::ui::{Report, Style, prompt};

use super::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what would change in the firmware, entry by entry
    #[command(after_help = "Example: bootseal enroll plan --keys /mnt/usb/keys")]
    Plan(Arguments),
    /// Write dbx, db, KEK and PK, in this order
    #[command(after_help = "Example: bootseal enroll apply --keys /mnt/usb/keys\n\n\
        The present variables are saved below /var/lib/bootseal/backups first. No private key is needed.")]
    Apply {
        #[command(flatten)]
        arguments: Arguments,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory with PK.auth, KEK.auth, db.auth and, if wanted, dbx.auth [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// The firmware: "live", the raw image of a virtual machine's variables (`OVMF_VARS.fd`), or a directory that serves
    /// as a simulated one
    #[arg(long, value_name = "STORE", default_value = "live")]
    store: StoreChoice,
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    match command {
        Command::Plan(arguments) => Ok(Box::new(plan(session, &arguments)?)),
        Command::Apply { arguments, yes } => {
            let plan = plan(session, &arguments)?;
            if !yes && !plan.is_done() && !session.context.dry_run() {
                confirm(&plan)?;
            }
            Ok(Box::new(enroll::apply(&session.context, &plan)?))
        }
    }
}

fn plan(session: &Session, arguments: &Arguments) -> Result<Plan> {
    let keys = session.keys(arguments.keys.as_ref())?;
    let request = Request::new(keys, arguments.store.clone());
    enroll::plan(&session.context, &request)
}

/// Shows the plan on the terminal and waits for a yes.
fn confirm(plan: &Plan) -> Result<()> {
    if !io::stderr().is_terminal() {
        return Err(Error::usage("nobody is there to confirm the plan")
            .hint("look at it with bootseal enroll plan, then add --yes"));
    }
    let mut err = io::stderr().lock();
    plan.human(&mut err, Style::plain())
        .or_could_not_run(|| "cannot show the plan".to_owned())?;
    drop(err);
    prompt::confirm("Write this to the firmware?")
}

impl Report for Plan {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.plan/1"
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        writeln!(
            out,
            "Firmware: {}{}",
            self.store,
            if self.setup_mode { ", in Setup Mode" } else { "" }
        )?;
        for write in &self.writes {
            let how = match (write.already_there, write.append) {
                (true, _) => "nothing to do",
                (false, true) => "append",
                (false, false) => "replace",
            };
            writeln!(
                out,
                "\n{}: {how} ({} bytes, signed by \"{}\" on {})",
                write.variable,
                write.bytes,
                printable(&write.signed_by),
                write.time
            )?;
            for entry in write.wanted.iter().filter(|entry| !write.present.contains(entry)) {
                writeln!(out, "  {} {}", style.good("+"), describe(entry))?;
            }
            for entry in &write.present {
                let kept = write.append || write.wanted.contains(entry);
                let sign = if kept { "=".to_owned() } else { style.bad("-") };
                writeln!(out, "  {sign} {}", describe(entry))?;
            }
        }
        warnings(out, style, &self.warnings)
    }
}

impl Report for Applied {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.apply/1"
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if let Some(backup) = &self.backup {
            writeln!(
                out,
                "{} saved the present variables in {}",
                style.tick(),
                backup.display()
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
        if !self.setup_mode {
            writeln!(out, "{} the firmware has left Setup Mode", style.tick())?;
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

fn warnings(out: &mut dyn Write, style: Style, warnings: &[Warning]) -> io::Result<()> {
    for warning in warnings {
        let label = match warning.level {
            Level::Note => style.warn("warning:"),
            Level::Danger => style.bad("DANGER:"),
            Level::Stop => style.bad("STOP:"),
        };
        writeln!(out, "\n{label} {}", printable(&warning.message))?;
    }
    Ok(())
}

fn describe(entry: &Entry) -> String {
    match entry {
        Entry::Certificate {
            subject,
            fingerprint,
            rsa_bits,
            not_after,
            owner,
        } => {
            let key = rsa_bits.map_or_else(|| "not RSA".to_owned(), |bits| format!("RSA-{bits}"));
            let until = not_after.as_deref().unwrap_or("unknown");
            let short = fingerprint.get(..16).unwrap_or(fingerprint);
            format!(
                "\"{}\" ({key}, until {until}, SHA-256 {short}…, owner {owner})",
                printable(subject)
            )
        }
        Entry::Others {
            signature_type,
            count,
            owner,
        } => format!("{count} of type {signature_type} (owner {owner})"),
    }
}
