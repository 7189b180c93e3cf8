//! `bootseal enroll`: the changes in the firmware, shown and made.

mod apply;
mod carried;
mod changed;
mod export;
mod list;
mod report;
mod target;
mod update;
mod written;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::enroll::{self, Plan, Source, Updater};
use crate::error::Result;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{Powers, Writes};
use crate::ui::Report;

use crate::cli::session::Session;
use crate::cli::unlock::Unlock;

use apply::{Consent, apply};

pub(super) use apply::{confirm, waiting};
pub(super) use report::describe;
pub(super) use target::Target;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what the firmware holds, entry by entry; no key is needed
    #[command(
        after_help = "Example: bootseal enroll list --store /var/lib/libvirt/qemu/nvram/guest_VARS.fd\n\n\
        Entries that are no certificates are counted; -v shows each. The order is that of authority: PK, KEK, db, dbx."
    )]
    List(list::List),
    /// Show what would change in the firmware, entry by entry
    #[command(after_help = "Example: bootseal enroll plan --keys /mnt/usb/keys\n\n\
        --pcrlock writes what PCR 7 is extended by at the next start, as components of systemd-pcrlock(8), beside those of the \
        present variables. With them in /var/lib/pcrlock.d, the next policy that systemd-pcrlock makes takes both.")]
    Plan {
        #[command(flatten)]
        arguments: Arguments,
        /// Write components for systemd-pcrlock below DIR
        #[arg(long, value_name = "DIR")]
        pcrlock: Option<PathBuf>,
    },
    /// Write dbx, db, KEK and PK, in this order
    #[command(after_help = "Example: bootseal enroll apply --keys /mnt/usb/keys\n\n\
        The present variables are saved below /var/lib/bootseal/backups first, those of a simulated firmware beside it. No private key is needed.")]
    Apply {
        #[command(flatten)]
        arguments: Arguments,
        #[command(flatten)]
        consent: Consent,
    },
    /// Add entries to KEK, db or dbx; outside Setup Mode too
    #[command(
        after_help = "Examples:\n  bootseal enroll add db windows-2023\n  bootseal enroll add dbx dbx_x64.efiauth2\n  \
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
    /// Restore the variables from before `enroll apply`
    #[command(after_help = "Example: bootseal enroll revert /var/lib/bootseal/backups/2026-01-01T00-00-00Z")]
    Revert(update::Revert),
    /// Write the public files for firmware setup screens, `KeyTool` and systemd-boot
    #[command(after_help = "Example: bootseal enroll export /mnt/usb")]
    Export(export::Export),
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Signed writes in place of the key directory's: the directory that --output of add, remove, reset or rotate made, or an
    /// .auth file, Microsoft's or a vendor's
    #[arg(value_name = "UPDATE", conflicts_with_all = ["keep_vendor", "keep_option_roms"])]
    update: Option<PathBuf>,
    /// Directory with PK.auth, KEK.auth, db.auth and, if wanted, dbx.auth [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR", overrides_with = "keys")]
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

impl Command {
    /// The powers that enrolment needs: an image of variables is wherever a person has it.
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        let writing = |target: &Target| {
            let powers = Powers::writing(Writes::Files).and_variables();
            Ok(powers.and_device(target.device()?))
        };
        match self {
            // Vendor's entries are kept by updates that are signed anew, maybe by a token.
            Self::Plan {
                arguments,
                pcrlock: None,
            } => session.looking(arguments.keys.as_ref()),
            Self::Plan {
                pcrlock: Some(directory),
                ..
            } => Ok(session.writing_files([directory])),
            Self::List(_) => Ok(Powers::writing(Writes::Nothing)),
            Self::Export(arguments) => Ok(arguments.powers(session)),
            Self::Apply { arguments, .. } => writing(&arguments.target),
            Self::Add(arguments) => writing(&arguments.common.target),
            Self::Remove(arguments) => writing(&arguments.common.target),
            Self::Reset(arguments) => writing(&arguments.common.target),
            Self::Rotate(arguments) => writing(&arguments.common.target),
            Self::Revert(arguments) => writing(&arguments.common.target),
        }
    }
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    match command {
        Command::Plan { arguments, pcrlock } => {
            let mut plan = plan(session, &arguments)?;
            if let Some(directory) = pcrlock {
                plan.pcrlock = enroll::write_pcrlock(&session.context, &plan, &directory)?;
            }
            Ok(Box::new(plan))
        }
        Command::Apply { arguments, consent } => {
            let plan = plan(session, &arguments)?;
            let keys = session.keys(arguments.keys.as_ref())?;
            match &arguments.update {
                Some(update) => {
                    let unlock = &arguments.unlock;
                    carried::apply_update(session, &plan, &consent, (update, &keys), unlock)
                }
                None => apply(session, &plan, &consent),
            }
        }
        Command::List(arguments) => arguments.run(session),
        Command::Add(arguments) => arguments.run(session),
        Command::Remove(arguments) => arguments.run(session),
        Command::Reset(arguments) => arguments.run(session),
        Command::Rotate(arguments) => arguments.run(session),
        Command::Revert(arguments) => arguments.run(session),
        Command::Export(arguments) => arguments.run(session),
    }
}

fn plan(session: &Session, arguments: &Arguments) -> Result<Plan> {
    let signs_anew = arguments.keep_option_roms || !arguments.keep_vendor.is_empty();
    let opened: &[KeyName] = match &arguments.update {
        // One of them signs the record of somebody else's update.
        Some(_) => &KeyName::ALL,
        None if signs_anew => &[KeyName::Pk, KeyName::Kek],
        None => &[],
    };
    arguments.unlock.only_for(opened)?;
    let keys = session.keys(arguments.keys.as_ref())?;
    let source = match &arguments.update {
        Some(update) => {
            enroll::check_node(&session.context, update)?;
            enroll::read_updates(update)?
        }
        None => Source::Keys(keys.clone()),
    };
    let mut request = arguments.target.request(source);
    enroll::check_keepable(&arguments.keep_vendor)?;
    if signs_anew {
        let hashes = if arguments.keep_option_roms {
            enroll::hashes_to_keep(&session.context, &request)?
        } else {
            Vec::new()
        };
        let keys = KeyDirectory::open(&keys)?.below(session.context.root());
        let updater = Updater::open(&session.context, &arguments.target.store, &keys)?;
        let ask = &mut |key: &str| arguments.unlock.existing(key);
        request.source = Source::Updates(updater.keep(&arguments.keep_vendor, &hashes, ask)?);
    }
    let plan = enroll::plan(&session.context, &request)?;
    if let Some(update) = &arguments.update {
        carried::check_update(&plan, update, &session.keys(arguments.keys.as_ref())?)?;
    }
    Ok(plan)
}
