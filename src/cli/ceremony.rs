//! `bootseal ceremony`: the keys, made once.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::ceremony::{self, DEFAULT_YEARS, Report as CeremonyReport, Revocations, Spec};
use crate::error::Result;
use crate::formats::certificate::printable;
use crate::formats::guid::Guid;
use crate::keys::{KeyName, Passphrase};
use crate::trust::microsoft::Selection;
use crate::ui::{Report, Style, prompt};

use super::Session;
use super::unlock::Unlock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make PK, KEK, db, module and GRUB keys, with everything that enrolls them
    #[command(
        after_help = "Example: bootseal ceremony run --name home --plain db,module,grub --out /root/bootseal-keys\n\n\
        Microsoft's certificates, by name: kek-2023, uefi-2023, option-rom-2023, uefi-2011 (these four by default), \
        windows-2023, windows-2011, kek-2011. Without any of the third-party ones, boards with signed Option ROMs may \
        show no picture."
    )]
    Run(Arguments),
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory to make; it must not exist yet, or be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Whose keys they are: begins every certificate's subject
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Owner GUID of the entries [default: a random one]
    #[arg(long, value_name = "GUID")]
    owner: Option<Guid>,
    /// Microsoft's certificates: "default", "none", names to add, -names to leave out
    #[arg(long, value_name = "LIST", default_value = "default", allow_hyphen_values = true)]
    microsoft: String,
    /// Revocations
    #[arg(long, value_name = "WHICH", default_value = "microsoft")]
    dbx: RevocationChoice,
    /// Private keys that stay unencrypted, for unattended signing: of PK, KEK, db, module, grub
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    plain: Vec<KeyName>,
    /// Validity of the certificates, in years
    #[arg(long, value_name = "YEARS", default_value_t = DEFAULT_YEARS)]
    years: u16,
    #[command(flatten)]
    unlock: Unlock,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RevocationChoice {
    /// Microsoft's list for x86-64, signed anew by the new KEK
    Microsoft,
    /// None
    None,
}

impl From<RevocationChoice> for Revocations {
    fn from(choice: RevocationChoice) -> Self {
        match choice {
            RevocationChoice::Microsoft => Self::Microsoft,
            RevocationChoice::None => Self::None,
        }
    }
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    let Command::Run(arguments) = command;
    let mut spec = Spec::new(arguments.name, arguments.out);
    spec.owner = arguments.owner;
    spec.microsoft = Selection::parse(&arguments.microsoft)?;
    spec.dbx = arguments.dbx.into();
    spec.plain = arguments.plain.into_iter().collect();
    spec.years = arguments.years;
    spec.validate()?;
    if spec.needs_passphrase() && !session.context.dry_run() {
        spec.passphrase = Some(passphrase(session, &arguments.unlock)?);
    }
    Ok(Box::new(ceremony::run(&session.context, &spec)?))
}

/// The passphrase for the new keys: given, typed twice, or made and shown once.
fn passphrase(session: &Session, unlock: &Unlock) -> Result<Passphrase> {
    if let Some(given) = unlock.given()? {
        return Ok(given);
    }
    if let Some(typed) = prompt::new_passphrase()? {
        return Ok(typed);
    }
    let made = Passphrase::generate(&session.context)?;
    prompt::show_once(&made)?;
    Ok(made)
}

impl Report for CeremonyReport {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.run/1"
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for key in &self.keys {
            let rest = if key.encrypted { "encrypted" } else { "not encrypted" };
            writeln!(
                out,
                "{} {}: \"{}\", RSA-{}, {rest}",
                style.tick(),
                key.name,
                printable(&key.subject),
                key.bits
            )?;
            if let Some(fingerprint) = &key.fingerprint {
                writeln!(out, "    {fingerprint}")?;
            }
        }
        let microsoft = if self.microsoft.is_empty() {
            "none".to_owned()
        } else {
            self.microsoft.join(", ")
        };
        writeln!(out, "Microsoft's certificates: {microsoft}")?;
        writeln!(out, "Revocations in dbx: {}", self.revocations)?;
        if let Some(owner) = &self.owner {
            writeln!(out, "Owner: {owner}")?;
        }
        let verb = if self.dry_run { "Would be made" } else { "Made" };
        writeln!(
            out,
            "{verb} in {}:\n  {}",
            printable(&self.directory),
            self.files.join(" ")
        )?;
        writeln!(out, "Next: {}", printable(&self.next))
    }
}
