//! `bootseal sign`: kernels, modules, GRUB's files, or all that the configuration names.

mod efi;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::printable;
use crate::keys::{Identity, KeyDirectory, KeyName};
use crate::sign::efi::EfiOptions;
use crate::sign::grub::GrubIdentity;
use crate::sign::modules::{Foreign, Policy};
use crate::sign::{self, Change, Options, Outcome, Run, Summary};
use crate::system::config::{Config, Entry, Exclusions};
use crate::ui::{Progress, Report, Style, error_json};

use super::Session;
use super::unlock::Unlock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// EFI images: kernels, unified kernel images, boot loaders
    #[command(after_help = "Example: bootseal sign efi /boot/vmlinuz-6.12.58-gentoo\n\n\
        With a key that is elsewhere:\n  \
        bootseal sign efi --prepare kernel.tbs /boot/vmlinuz-6.12.58-gentoo\n  \
        openssl dgst -sha256 -sign db.key -out kernel.sig kernel.tbs\n  \
        bootseal sign efi --attach kernel.sig /boot/vmlinuz-6.12.58-gentoo")]
    Efi(efi::Arguments),
    /// Kernel modules: .ko, .ko.gz, .ko.xz, .ko.zst
    #[command(after_help = "Example: bootseal sign modules /lib/modules/6.12.58-gentoo")]
    Modules {
        #[command(flatten)]
        key: KeyArguments,
        /// Sign with another key of the key directory
        #[arg(long = "key", value_name = "NAME", default_value = "module")]
        name: ModuleKey,
        /// The hash to sign
        #[arg(long, value_name = "HASH", default_value = "sha3-512")]
        hash: ModuleHash,
        /// What becomes of modules that another key has signed, such as those of a distribution
        #[arg(long, value_name = "WHAT", default_value = "replace")]
        foreign: ForeignArgument,
        /// Modules, or directories that hold them
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Files that GRUB opens: FILE.sig beside each
    #[command(after_help = "Example: bootseal sign grub /boot/grub /boot/vmlinuz-6.12.58-gentoo")]
    Grub {
        #[command(flatten)]
        key: KeyArguments,
        /// Files, or directories of GRUB: all that is in them and what their configurations lead to
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// All that the configuration names: modules, then EFI images, then GRUB's files
    #[command(after_help = "Example: bootseal sign all")]
    All {
        #[command(flatten)]
        key: KeyArguments,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct KeyArguments {
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) unlock: Unlock,
    /// Verify every file, also those that were seen to be signed and have not changed since
    #[arg(long)]
    recheck: bool,
}

impl KeyArguments {
    fn options(&self) -> Options {
        Options {
            recheck: self.recheck,
            ..Options::default()
        }
    }

    pub(in crate::cli) fn directory(&self, session: &Session) -> Result<KeyDirectory> {
        KeyDirectory::open(&session.keys(self.keys.as_ref())?)
    }

    fn identity(&self, session: &Session, name: KeyName) -> Result<Identity> {
        self.directory(session)?
            .identity(name, &mut |key| self.unlock.existing(key))
    }

    fn grub(&self, session: &Session) -> Result<GrubIdentity> {
        let (signer, key) = self
            .directory(session)?
            .grub_key(&mut |key| self.unlock.existing(key))?;
        Ok(GrubIdentity { key, signer })
    }
}

/// Keys that may sign modules: the module key, or db where the kernel trusts the firmware's certificates.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ModuleKey {
    /// The module key
    Module,
    /// The db key
    Db,
}

impl From<ModuleKey> for KeyName {
    fn from(key: ModuleKey) -> Self {
        match key {
            ModuleKey::Module => Self::Module,
            ModuleKey::Db => Self::Db,
        }
    }
}

/// Hashes that the kernel takes for modules and that are worth signing with.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ModuleHash {
    /// SHA3-512, from Linux 6.7 on
    #[value(name = "sha3-512")]
    Sha3_512,
    /// SHA-512
    Sha512,
}

impl From<ModuleHash> for HashAlgorithm {
    fn from(hash: ModuleHash) -> Self {
        match hash {
            ModuleHash::Sha3_512 => Self::Sha3_512,
            ModuleHash::Sha512 => Self::Sha512,
        }
    }
}

/// What becomes of a module that another key has signed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ForeignArgument {
    /// They are signed by our key instead
    Replace,
    /// They stay as they are, and are named
    Keep,
    /// Each is an error
    Refuse,
}

impl From<ForeignArgument> for Foreign {
    fn from(foreign: ForeignArgument) -> Self {
        match foreign {
            ForeignArgument::Replace => Self::Replace,
            ForeignArgument::Keep => Self::Keep,
            ForeignArgument::Refuse => Self::Refuse,
        }
    }
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    let summary = match command {
        Command::Efi(arguments) => return arguments.run(session),
        Command::Modules {
            key,
            name,
            hash,
            foreign,
            paths,
        } => {
            let identity = key.identity(session, name.into())?;
            let policy = Policy {
                hash: hash.into(),
                foreign: foreign.into(),
            };
            signed(session, &key.options(), |run| {
                sign::modules::sign(run, &paths, &paths, &identity, policy)
            })?
        }
        Command::Grub { key, paths } => {
            let identity = key.grub(session)?;
            let options = Options {
                grub_environment: session.config()?.sign.grubenv,
                ..key.options()
            };
            signed(session, &options, |run| sign::grub::sign(run, &paths, &identity))?
        }
        Command::All { key } => all(session, &key)?,
    };
    Ok(Box::new(SignReport::new(session, summary)))
}

/// One run; its keys are open already, so that nobody is asked in the middle of it.
fn signed(session: &Session, options: &Options, sign: impl FnOnce(&mut Run<'_>) -> Result<()>) -> Result<Summary> {
    let progress = Progress::new("signing", session.quiet);
    session.context.heed_signals()?;
    let mut run = Run::begin(&session.context, options, &progress)?;
    sign(&mut run)?;
    run.finish()
}

/// Authenticode before OpenPGP: GRUB's signatures cover the final bytes.
fn all(session: &Session, key: &KeyArguments) -> Result<Summary> {
    let config = session.config()?.sign;
    if config.modules.is_empty() && config.efi.is_empty() && config.grub.is_empty() {
        return Err(Error::usage("the configuration names nothing to sign")
            .hint("list files under [sign] in /etc/bootseal/config.toml; keys.example/config.toml is an example"));
    }
    let options = Options {
        exclude: Exclusions::new(&config.exclude)?,
        grub_environment: config.grubenv,
        ..key.options()
    };
    // Every key before the first signature: a kernel that is signed anew needs a new signature for GRUB, too.
    let open = |entries: &[Entry], name| (!entries.is_empty()).then(|| key.identity(session, name)).transpose();
    let module = open(&config.modules, KeyName::Module)?;
    let db = open(&config.efi, KeyName::Db)?;
    let grub = (!config.grub.is_empty()).then(|| key.grub(session)).transpose()?;
    signed(session, &options, |run| {
        if let Some(identity) = &module {
            let (paths, _) = run.expand(&config.modules);
            let policy = Policy {
                foreign: config.foreign_modules.into(),
                ..Policy::default()
            };
            let meant = Config::literal(&session.context, &config.modules);
            sign::modules::sign(run, &paths, &meant, identity, policy)?;
        }
        if let Some(identity) = &db {
            let (paths, _) = run.expand(&config.efi);
            sign::efi::sign(run, &paths, identity, &EfiOptions::default())?;
        }
        if let Some(identity) = &grub {
            let (mut paths, orphans) = run.expand(&config.grub);
            paths.extend(orphans);
            sign::grub::sign(run, &paths, identity)?;
        }
        Ok(())
    })
}

/// Signs all that the configuration names, or fails; returns how many files were signed, or in a dry run would be.
pub(super) fn everything(session: &Session, key: &KeyArguments) -> Result<usize> {
    let summary = all(session, key)?;
    if let Some(error) = sign::failure(&summary.outcomes) {
        return Err(error);
    }
    Ok(SignReport::new(session, summary).count(Change::Signed))
}

/// What became of the files of a run.
pub(in crate::cli) struct SignReport {
    summary: Summary,
    verbose: bool,
    dry_run: bool,
}

impl SignReport {
    pub(in crate::cli) fn new(session: &Session, summary: Summary) -> Self {
        Self {
            summary,
            verbose: session.verbose,
            dry_run: session.context.dry_run(),
        }
    }

    fn count(&self, change: Change) -> usize {
        self.summary
            .outcomes
            .iter()
            .filter(|outcome| matches!(outcome.result, Ok(own) if own == change))
            .count()
    }

    /// Whether nothing was looked at.
    pub(in crate::cli) const fn is_empty(&self) -> bool {
        self.summary.outcomes.is_empty()
    }

    /// Each file; in brief, only what is wrong.
    pub(in crate::cli) fn files(&self, out: &mut dyn Write, style: Style, is_brief: bool) -> io::Result<()> {
        for outcome in &self.summary.outcomes {
            let mut path = name(&outcome.path);
            // GRUB's signature is beside the file, which may have been named before as an image.
            if outcome.kind == Some("grub") {
                path.push_str(" (for GRUB)");
            }
            for warning in &outcome.warnings {
                writeln!(out, "{} {path}: {}", style.warn("warning:"), printable(warning))?;
            }
            match &outcome.result {
                Ok(_) if is_brief => {}
                Ok(Change::Signed) => writeln!(out, "{} {path}", style.tick())?,
                Ok(Change::Unchanged) if self.verbose => writeln!(out, "{} {path}: signed already", style.tick())?,
                Ok(Change::Unchanged) => {}
                Ok(Change::Kept) => writeln!(out, "{} {path}: kept, signed by another key", style.note("-"))?,
                Ok(Change::Removed) => writeln!(out, "{} {path}: removed, what it signed is gone", style.tick())?,
                Ok(Change::Withdrawn) => writeln!(out, "{} {path}: removed, it would not hold", style.tick())?,
                Ok(Change::Absent) => writeln!(out, "{} {path}: optional, and not there", style.note("-"))?,
                Err(error) => writeln!(out, "{} {}", style.cross(), with_causes(error))?,
            }
        }
        for warning in &self.summary.warnings {
            writeln!(out, "{} {}", style.warn("warning:"), printable(warning))?;
        }
        Ok(())
    }

    /// How many files, on one line.
    pub(in crate::cli) fn totals(&self) -> String {
        let verb = if self.dry_run { "would sign" } else { "signed" };
        let kept = match self.count(Change::Kept) {
            0 => String::new(),
            kept => format!(", kept {kept}"),
        };
        let (signed, unchanged) = (self.count(Change::Signed), self.count(Change::Unchanged));
        format!("{verb} {signed}, unchanged {unchanged}{kept}")
    }
}

impl Report for SignReport {
    fn schema(&self) -> &'static str {
        "bootseal.sign/1"
    }

    fn json(&self) -> Value {
        let files: Vec<Value> = self.summary.outcomes.iter().map(outcome_json).collect();
        json!({
            "dry_run": self.dry_run,
            "signed": self.count(Change::Signed),
            "unchanged": self.count(Change::Unchanged),
            "kept": self.count(Change::Kept),
            "removed": self.count(Change::Removed),
            "withdrawn": self.count(Change::Withdrawn),
            "absent": self.count(Change::Absent),
            "failed": self.summary.outcomes.iter().filter(|outcome| outcome.result.is_err()).count(),
            "warnings": self.summary.warnings,
            "files": files,
        })
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.files(out, style, false)?;
        writeln!(out, "{}", self.totals())
    }

    fn failure(&self) -> Option<Error> {
        sign::failure(&self.summary.outcomes)
    }
}

fn outcome_json(outcome: &Outcome) -> Value {
    let (path, kind) = (outcome.path.to_string_lossy(), outcome.kind);
    match &outcome.result {
        Ok(change) => {
            json!({ "path": path, "kind": kind, "outcome": change_name(*change), "warnings": outcome.warnings })
        }
        Err(error) => json!({ "path": path, "kind": kind, "outcome": "failed", "error": error_json(error) }),
    }
}

/// The stable name used in JSON.
const fn change_name(change: Change) -> &'static str {
    match change {
        Change::Signed => "signed",
        Change::Unchanged => "unchanged",
        Change::Kept => "kept",
        Change::Removed => "removed",
        Change::Withdrawn => "withdrawn",
        Change::Absent => "absent",
    }
}

/// A path as it may reach a terminal.
pub(super) fn name(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// An error and its causes on one line.
pub(super) fn with_causes(error: &Error) -> String {
    printable(&error.in_one_line())
}
