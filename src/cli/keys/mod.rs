//! `bootseal keys`: the list of keys, other forms of them, rotation, another passphrase.

mod import;
mod rotate;
mod sync;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::ceremony;
use crate::ceremony::life::{self, Exported, Format, Listed, Rewrapped};
use crate::error::{Error, Result};
use crate::finding::{Finding, Level, Outcome, Status};
use crate::formats::text::printable;
use crate::hook;
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::system::{Powers, Writes};
use crate::ui::finding::{finding_json, write_finding};
use crate::ui::{Report, Style, prompt, to_json};

use crate::cli::session::Session;
use crate::cli::transcript_end::write_end;
use crate::cli::unlock::{NEW_PASSPHRASE, Unlock, typed_or_made};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// All keys: role, subject, fingerprint, expiry, place, protection, last restore drill
    #[command(after_help = "Example: bootseal keys list")]
    List {
        #[command(flatten)]
        directory: Directory,
    },
    /// All facts of one key
    #[command(after_help = "Example: bootseal keys show db")]
    Show {
        /// PK, KEK, db, module, grub or pcr
        #[arg(value_name = "KEY")]
        name: KeyName,
        #[command(flatten)]
        directory: Directory,
    },
    /// Bring key directory and stick to the same: what one knows, drills, rotations and lists, the other learns
    #[command(after_help = "Example: bootseal keys sync /mnt/usb/keys\n\n\
        Transcript and public files of the one that knows less are brought to those of the other; private keys stay where they are. \
        Two that have parted are refused, unless --follow says that DIR is right; what is given up is kept below retired/.")]
    Sync {
        /// The other directory of the ceremony
        #[arg(value_name = "DIR")]
        other: PathBuf,
        /// Where each has lines that the other lacks, DIR is right and the key directory follows it
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        directory: Directory,
    },
    /// Take the keys of this machine from the bundle that its fleet made for it
    #[command(after_help = "Example: bootseal keys import nas.bundle --fleet WORDS\n\n\
        All of it is put into the key directory, or nothing: not that of another fleet or another node, not one that was altered, and none that \
        is older than what is there. The fingerprint is shown where the fleet's offline directory is.")]
    Import(import::Import),
    /// Write a key to a new file, in the form that another program reads
    #[command(
        after_help = "Example: bootseal keys export db --format portage --output /etc/portage/secureboot.pem\n\n\
        signing-key and portage hold the private key in clear, for programs that ask nobody; the file has the mode 0400."
    )]
    Export {
        /// PK, KEK, db, module, grub or pcr
        #[arg(value_name = "KEY")]
        name: KeyName,
        /// The form
        #[arg(long, value_name = "FORM")]
        format: FormatChoice,
        /// The file; it must not exist yet
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        directory: Directory,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Put another key in the place of one: beside it first, files signed again, the old one retired last
    #[command(after_help = "Example: bootseal keys rotate db --authority /mnt/stick/keys\n\n\
        Stages: the new key is made and tried; firmware takes its certificate beside the old one (PK: in its place; \
        the kernel and GRUB have to be built with it); it takes its place in the key directory; all files of the \
        configuration are signed again and verified; firmware forgets the old certificate. Run it again wherever it was \
        cut short. The old key is kept in the key directory, below retired/.")]
    Rotate(rotate::Rotate),
    /// Put another key in the place of one that fell into other hands, and have it refused
    #[command(
        after_help = "Example: bootseal keys revoke db --authority /mnt/stick/keys --reason \"the laptop was stolen\"\n\n\
        All that keys rotate does; signatures by the old key are taken out of EFI images, and GRUB's signatures follow. Once the next start \
        is seen to hold without the old key, its certificate goes into dbx (db), or firmware, kernel or GRUB are seen to have forgotten it \
        (PK, KEK, module, grub). Run it again wherever it was cut short; the machine starts all along."
    )]
    Revoke(rotate::Revoke),
    /// Encrypt private keys with another passphrase, or leave them in clear
    #[command(after_help = "Example: bootseal keys passphrase --keys /mnt/stick/keys PK KEK")]
    Passphrase {
        /// PK, KEK, db, module, grub or pcr
        #[arg(required = true, value_name = "KEY")]
        names: Vec<KeyName>,
        /// Leave them unencrypted, for signing with nobody there
        #[arg(long, conflicts_with = "new_passphrase_file")]
        plain: bool,
        /// Read the new passphrase from the first line of FILE, in place of asking for it
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        #[command(flatten)]
        directory: Directory,
        #[command(flatten)]
        unlock: Unlock,
    },
}

#[derive(Debug, Args)]
pub(super) struct Directory {
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

impl Directory {
    fn open(&self, session: &Session) -> Result<KeyDirectory> {
        Ok(KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root()))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FormatChoice {
    /// The certificate, PEM
    Pem,
    /// The certificate, DER
    Der,
    /// Signature lists: for PK, KEK and db the whole content of the variable
    Esl,
    /// The signed write of the variable
    Auth,
    /// The OpenPGP public key that GRUB embeds
    Gpg,
    /// The public key, PEM, for `--pcr-public-key` of ukify and `--tpm2-public-key` of systemd-cryptenroll
    PublicKey,
    /// Private key and certificate for the kernel's `CONFIG_MODULE_SIG_KEY`; of pcr for `--pcr-private-key` of ukify, and for
    /// `MEASUREDBOOT_SIGN_KEY` and `MEASUREDBOOT_SIGN_CERT` of Portage
    SigningKey,
    /// Private key and certificate for /etc/portage/secureboot.pem
    Portage,
}

impl From<FormatChoice> for Format {
    fn from(choice: FormatChoice) -> Self {
        match choice {
            FormatChoice::Pem => Self::Pem,
            FormatChoice::Der => Self::Der,
            FormatChoice::Esl => Self::Esl,
            FormatChoice::Auth => Self::Auth,
            FormatChoice::Gpg => Self::Gpg,
            FormatChoice::PublicKey => Self::PublicKey,
            FormatChoice::SigningKey => Self::SigningKey,
            FormatChoice::Portage => Self::Portage,
        }
    }
}

impl Command {
    /// The powers that a life of keys needs: a rotation writes firmware, key directories, and all that is signed.
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        match self {
            Self::List { directory } | Self::Show { directory, .. } => session.looking(directory.keys.as_ref()),
            Self::Import(arguments) => arguments.powers(session),
            Self::Export { output, .. } => Ok(session.writing_files([output])),
            Self::Rotate(_) | Self::Revoke(_) => Ok(Powers::writing(Writes::Files).and_variables().starting([])),
            Self::Sync { other, directory, .. } => {
                Ok(session.writing_files([other, &session.keys(directory.keys.as_ref())?]))
            }
            Self::Passphrase { directory, .. } => Ok(session.writing_files([&session.keys(directory.keys.as_ref())?])),
        }
    }
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    match command {
        Command::Sync {
            other,
            follow,
            directory,
        } => {
            let keys = session.keys(directory.keys.as_ref())?;
            Ok(Box::new(ceremony::sync(&session.context, &keys, &other, follow)?))
        }
        Command::List { directory } => {
            let keys = directory.open(session)?;
            Ok(Box::new(List {
                keys: life::list(&keys)?,
                asked: hook::unfit_keys(&session.context, &session.config()?, &keys),
            }))
        }
        Command::Show { name, directory } => Ok(Box::new(Show(life::show(&directory.open(session)?, name)?))),
        Command::Export {
            name,
            format,
            output,
            directory,
            unlock,
        } => {
            unlock.only_for(&[name])?;
            let ask = &mut |what: &str| unlock.existing(what);
            let keys = directory.open(session)?;
            let exported = life::export(&session.context, &keys, name, format.into(), &output, ask)?;
            Ok(Box::new(exported))
        }
        Command::Import(arguments) => arguments.run(session),
        Command::Rotate(arguments) => arguments.run(session),
        Command::Revoke(arguments) => arguments.run(session),
        Command::Passphrase {
            names,
            plain,
            new_passphrase_file,
            directory,
            unlock,
        } => {
            unlock.only_for(&names)?;
            let keys = directory.open(session)?;
            let new = match (plain, &new_passphrase_file) {
                (true, _) => None,
                (false, Some(path)) => Some(prompt::long_enough(Passphrase::from_file(path)?)?),
                (false, None) => Some(typed_or_made(session, NEW_PASSPHRASE)?),
            };
            let ask = &mut |what: &str| unlock.existing(what);
            let rewrapped = life::rewrap(&session.context, &keys, &names, new.as_ref(), ask)?;
            Ok(Box::new(rewrapped))
        }
    }
}

struct List {
    keys: Vec<Listed>,
    /// The answers of those who judge signatures by the keys.
    asked: Outcome,
}

impl Report for List {
    fn schema(&self) -> &'static str {
        "bootseal.keys.list/1"
    }

    fn json(&self) -> Result<Value> {
        let findings: Vec<Value> = self.asked.findings.iter().map(finding_json).collect();
        Ok(json!({ "keys": self.keys, "findings": findings, "could_not_run": self.asked.not_run }))
    }

    fn failure(&self) -> Option<Error> {
        let unfit = |finding: &&Finding| finding.level == Level::Error;
        let unfit: Vec<&Finding> = self.asked.findings.iter().filter(unfit).collect();
        let first = unfit.first()?;
        let text = format!("keys that sign nothing which starts: {}", unfit.len());
        Some(first.remedies.iter().fold(Error::refused(text), Error::hint))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for key in &self.keys {
            let subject = key
                .subject
                .as_deref()
                .map(|subject| format!("\"{}\", ", printable(subject)));
            let until = key
                .not_after
                .as_deref()
                .map_or(String::new(), |until| format!(", until {until}"));
            writeln!(
                out,
                "{}: {}RSA-{}{until}, {}",
                key.name,
                subject.unwrap_or_default(),
                key.bits,
                printable(&key.protection)
            )?;
            writeln!(out, "    {}\n    {}", key.fingerprint, key.words)?;
            if let Some(private) = &key.private_key {
                writeln!(out, "    {}", printable(private))?;
            }
        }
        for finding in &self.asked.findings {
            write_finding(out, style, 0, finding)?;
        }
        for reason in &self.asked.not_run {
            let sign = style.status(Status::CouldNotRun);
            writeln!(out, "{sign} could not look: {}", printable(reason))?;
        }
        let drill = self.keys.iter().find_map(|key| key.last_drill.as_deref());
        let has_transcript = self.keys.iter().any(|key| key.backed_up.is_some());
        match (drill, has_transcript) {
            (Some(time), _) => writeln!(out, "Last restore drill: {time}"),
            (None, true) => writeln!(out, "Last restore drill: none"),
            (None, false) => writeln!(
                out,
                "Last restore drill: not known, there is no transcript of a ceremony"
            ),
        }
    }
}

struct Show(Listed);

impl Report for Show {
    fn schema(&self) -> &'static str {
        "bootseal.keys.show/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(&self.0)
    }

    fn human(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        let key = &self.0;
        let backed_up = key.backed_up.map(|yes| if yes { "yes" } else { "no" }.to_owned());
        let lines = [
            ("Key", Some(key.name.clone())),
            ("Subject", key.subject.clone()),
            ("Type", Some(format!("RSA-{}", key.bits))),
            ("Fingerprint", Some(key.fingerprint.clone())),
            ("In words", Some(key.words.clone())),
            ("Serial number", key.serial.clone()),
            ("Valid from", key.not_before.clone()),
            ("Valid until", key.not_after.clone()),
            ("Public half", Some(key.public_key.clone())),
            ("Private half", key.private_key.clone()),
            ("At rest", Some(key.protection.clone())),
            ("In the backup", backed_up),
            ("Last drill", key.last_drill.clone()),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                writeln!(out, "{name:<14} {}", printable(&value))?;
            }
        }
        Ok(())
    }
}

impl Report for Exported {
    fn schema(&self) -> &'static str {
        "bootseal.keys.export/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let verb = if self.dry_run { "would be written" } else { "written" };
        writeln!(
            out,
            "{} {verb}: {} ({})",
            style.tick(),
            printable(&self.path),
            self.mode
        )?;
        if self.secret {
            writeln!(out, "{} it holds the private key in clear", style.warn("!"))?;
        }
        if let Some(reason) = &self.not_remembered {
            let text = "the copy is not remembered, so that nobody will tell when the key is changed";
            writeln!(out, "{} {text}: {}", style.warn("!"), printable(reason))?;
        }
        Ok(())
    }
}

impl Report for Rewrapped {
    fn schema(&self) -> &'static str {
        "bootseal.keys.passphrase/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let verb = if self.dry_run { "would become" } else { "is now" };
        writeln!(
            out,
            "{} {}: the protection of the private key {verb} {}",
            style.tick(),
            self.keys.join(", "),
            self.protection
        )?;
        writeln!(out, "The backup keeps its own passphrase or shares")?;
        match &self.end {
            Some(end) if !self.dry_run => write_end(out, end),
            _ => Ok(()),
        }
    }
}
