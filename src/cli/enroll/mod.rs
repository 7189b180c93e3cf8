//! `bootseal enroll`: what would change in the firmware, and changing it.

mod export;
mod report;
mod update;

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::enroll::{self, Allow, Plan, Request, Source, StoreChoice, Updater};
use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::keys::KeyDirectory;
use crate::ui::{Report, Style, prompt};

use super::Session;
use super::unlock::Unlock;

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
        #[command(flatten)]
        consent: Consent,
    },
    /// Add to KEK, db or dbx what is not there yet; outside Setup Mode too
    #[command(
        after_help = "Examples:\n  bootseal enroll add db windows-2023\n  bootseal enroll add dbx DBXUpdate-x64.bin\n  \
        bootseal enroll add db --hash memtest.efi\n\n\
        KEK is changed with the PK key, db and dbx with the KEK key."
    )]
    Add(update::Add),
    /// Take entries out of KEK, db or dbx
    #[command(after_help = "Example: bootseal enroll remove db \"Microsoft Windows Production PCA 2011\"")]
    Remove(update::Remove),
    /// Take the platform key out: back to Setup Mode
    #[command(after_help = "Example: bootseal enroll reset --keys /mnt/usb/keys\n\n\
        Until keys are enrolled again, the firmware starts everything and takes keys from anyone.")]
    Reset(update::Reset),
    /// Let the keys of another ceremony take over, signed by the present ones
    #[command(
        after_help = "Example: bootseal enroll rotate /mnt/usb/new-keys --keys /mnt/usb/keys\n\n\
        db and KEK keep the old certificates beside the new ones. When everything is signed anew and boots,\n\
        bootseal enroll apply --keys /mnt/usb/new-keys takes the old ones out."
    )]
    Rotate(update::Rotate),
    /// Go back to what the variables held before `enroll apply`
    #[command(after_help = "Example: bootseal enroll revert /var/lib/bootseal/backups/2026-01-01T00-00-00Z")]
    Revert(update::Revert),
    /// Write the public files for firmware setup screens, `KeyTool` and systemd-boot
    #[command(after_help = "Example: bootseal enroll export /mnt/usb")]
    Export(export::Export),
}

/// How the user agrees to a plan.
#[derive(Debug, Args)]
pub(super) struct Consent {
    /// Apply this plan and no other: the digest that `enroll plan` printed
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory with PK.auth, KEK.auth, db.auth and, if wanted, dbx.auth [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Keep in these variables what they hold now and what the vendor's defaults are: KEK, db or both. Signed anew, so
    /// the PK key is needed for KEK, and the KEK key for db
    #[arg(long, value_name = "VARIABLES", value_delimiter = ',')]
    keep_vendor: Vec<VariableName>,
    /// Take the hashes of the present Option ROMs into db. Signed anew, so the KEK key is needed
    #[arg(long)]
    keep_option_roms: bool,
    #[command(flatten)]
    unlock: Unlock,
    #[command(flatten)]
    target: Target,
}

/// The firmware, and what is known of the machine.
#[derive(Debug, Args)]
pub(in crate::cli) struct Target {
    /// The firmware: "live", the raw image of a virtual machine's variables (`OVMF_VARS.fd`), or a directory that serves
    /// as a simulated one
    #[arg(long, value_name = "STORE", default_value = "live")]
    pub(in crate::cli) store: StoreChoice,
    /// Mount point of an EFI system partition, whose files are judged [default: those that are mounted]
    #[arg(long, value_name = "DIR")]
    esp: Vec<PathBuf>,
    /// The event log of the machine's last start [default: the kernel's]
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
    /// Go on although Option ROMs, such as that of the graphics card, may be refused
    #[arg(long)]
    i_know_option_roms_may_stop_working: bool,
    /// Go on although the firmware would refuse what it starts next
    #[arg(long)]
    i_know_this_machine_may_not_boot: bool,
    /// Go on although this firmware is known to misbehave
    #[arg(long)]
    i_know_this_firmware_misbehaves: bool,
}

impl Target {
    /// What is asked of a plan.
    fn request(&self, source: Source) -> Request {
        Request {
            source,
            store: self.store.clone(),
            esp: self.esp.clone(),
            event_log: self.event_log.clone(),
            allow: Allow {
                option_roms: self.i_know_option_roms_may_stop_working,
                boot_files: self.i_know_this_machine_may_not_boot,
                quirks: self.i_know_this_firmware_misbehaves,
            },
        }
    }
}

/// Variables in which the vendor's entries can stay.
const KEEPABLE: [VariableName; 2] = [VariableName::Kek, VariableName::Db];

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    match command {
        Command::Plan(arguments) => Ok(Box::new(plan(session, &arguments)?)),
        Command::Apply { arguments, consent } => apply(session, &plan(session, &arguments)?, &consent),
        Command::Add(arguments) => arguments.run(session),
        Command::Remove(arguments) => arguments.run(session),
        Command::Reset(arguments) => arguments.run(session),
        Command::Rotate(arguments) => arguments.run(session),
        Command::Revert(arguments) => arguments.run(session),
        Command::Export(arguments) => arguments.run(session),
    }
}

fn plan(session: &Session, arguments: &Arguments) -> Result<Plan> {
    let keys = session.keys(arguments.keys.as_ref())?;
    let mut request = arguments.target.request(Source::Keys(keys.clone()));
    if let Some(other) = arguments
        .keep_vendor
        .iter()
        .find(|variable| !KEEPABLE.contains(variable))
    {
        return Err(Error::usage(format!(
            "the vendor's {other} cannot be kept: {}",
            match other {
                VariableName::Dbx => "dbx is only ever added to",
                _ => "there is one platform key",
            }
        )));
    }
    if arguments.keep_option_roms || !arguments.keep_vendor.is_empty() {
        let hashes = if arguments.keep_option_roms {
            enroll::hashes_to_keep(&session.context, &request)?
        } else {
            Vec::new()
        };
        let keys = KeyDirectory::open(&keys)?;
        let updater = Updater::open(&session.context, &arguments.target.store, &keys)?;
        let ask = &mut |key: &str| arguments.unlock.existing(key);
        request.source = Source::Updates(updater.keep(&arguments.keep_vendor, &hashes, ask)?);
    }
    enroll::plan(&session.context, &request)
}

/// Carries a plan out, once the user has agreed to it.
fn apply(session: &Session, plan: &Plan, consent: &Consent) -> Result<Box<dyn Report>> {
    plan.check_stops()?;
    if let Some(wanted) = &consent.plan
        && !wanted.eq_ignore_ascii_case(&plan.digest)
    {
        return Err(Error::refused(format!(
            "the plan is no longer the one that was looked at: its digest is {}",
            plan.digest
        ))
        .hint("look again: bootseal enroll plan"));
    }
    if consent.plan.is_none() && !consent.yes && !plan.is_done() && !session.context.dry_run() {
        confirm(plan)?;
    }
    let waiting = || {
        if !session.quiet {
            eprintln!("waiting for another run of bootseal to end");
        }
    };
    Ok(Box::new(enroll::apply(&session.context, plan, waiting)?))
}

/// Writes updates to the firmware, once the user has agreed to them.
pub(super) fn write(session: &Session, target: &Target, updates: Vec<enroll::Update>, yes: bool) -> Result<()> {
    let consent = Consent { plan: None, yes };
    let plan = enroll::plan(&session.context, &target.request(Source::Updates(updates)))?;
    apply(session, &plan, &consent).map(drop)
}

/// Shows the plan on the terminal and waits for a yes.
fn confirm(plan: &Plan) -> Result<()> {
    if !io::stderr().is_terminal() {
        return Err(Error::usage("nobody is there to confirm the plan")
            .hint("look at it with bootseal enroll plan, then add --plan and the digest that it prints"));
    }
    let mut err = io::stderr().lock();
    plan.human(&mut err, Style::plain())
        .or_could_not_run(|| "cannot show the plan".to_owned())?;
    drop(err);
    prompt::confirm("Write this to the firmware?")
}
