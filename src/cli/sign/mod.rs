//! `bootseal sign`: kernels, modules, GRUB's files, or all that the configuration names.

mod efi;
mod key;
mod one_run;
mod report;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::error::Result;
use crate::keys::KeyName;
use crate::sign::grub::shared_directories;
use crate::sign::modules::{Foreign, Policy};
use crate::sign::{self, Hash, Job, Options, SigningKeys, Vouchers, Watch};
use crate::system::Powers;
use crate::system::config::ModuleHash;
use crate::ui::{Progress, Report};

use crate::cli::next_start::{check_menus, with_next_start};
use crate::cli::session::Session;

pub(super) use one_run::with_consent;
use one_run::{signed, wait_for_turn};

pub(super) use key::KeyArguments;
pub(super) use report::SignReport;

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
        /// The hash to sign [default: as the configuration has it for the kernel, or sha3-512]
        #[arg(long, value_name = "HASH")]
        hash: Option<HashArgument>,
        /// Treatment of modules that another key has signed, such as those of a distribution
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
        /// Files, or directories of GRUB: all files in them, and those that their configurations open
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// All files that the configuration names: modules, then EFI images, then GRUB's files
    #[command(after_help = "Example: bootseal sign all")]
    All {
        #[command(flatten)]
        key: KeyArguments,
    },
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
pub(super) enum HashArgument {
    /// SHA3-512, from Linux 6.7 on
    #[value(name = "sha3-512")]
    Sha3_512,
    /// SHA-512
    Sha512,
}

impl From<HashArgument> for ModuleHash {
    fn from(hash: HashArgument) -> Self {
        match hash {
            HashArgument::Sha3_512 => Self::Sha3_512,
            HashArgument::Sha512 => Self::Sha512,
        }
    }
}

/// Treatment of modules that another key has signed.
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

impl Command {
    /// The powers that signing needs.
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        match self {
            Self::Efi(arguments) => arguments.powers(session),
            Self::Modules { key, paths, .. } => Ok(session.signing(&session.keys(key.keys.as_ref())?, paths)),
            Self::Grub { key, paths } => {
                // A configuration leads to files beside GRUB's directory.
                let beside = paths.iter().map(|path| path.join("..")).collect::<Vec<_>>();
                let shared = shared_directories(&session.context, paths)?;
                let places = paths.iter().chain(&beside).chain(&shared);
                Ok(session.signing(&session.keys(key.keys.as_ref())?, places))
            }
            Self::All { key } => {
                let sign = session.config()?.sign;
                let mut places = sign.files(&session.context);
                places.extend(shared_directories(
                    &session.context,
                    &sign.grub_files(&session.context),
                )?);
                Ok(session.signing(&session.keys(key.keys.as_ref())?, &places))
            }
        }
    }
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    // That the configuration is wrong needs no wait.
    if !matches!(command, Command::All { .. }) {
        wait_for_turn(session)?;
    }
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
            let config = session.config()?.sign;
            let policy = Policy {
                hash: hash.map_or(Hash::Configured(&config), |hash| Hash::Fixed(hash.into())),
                foreign: foreign.into(),
                new_kernel: None,
            };
            let options = key.options(session, "sign modules")?;
            signed(session, &options, &key.accept_changed, |run| {
                sign::modules::sign(run, &paths, &paths, &identity, policy)
            })?
        }
        Command::Grub { key, paths } => {
            let identity = key.grub(session)?;
            let options = Options {
                grub_environment: session.config()?.sign.grubenv,
                ..key.options(session, "sign grub")?
            };
            signed(session, &options, &key.accept_changed, |run| {
                sign::grub::sign(run, &paths, &identity)
            })?
        }
        Command::All { key } => {
            let config = session.config()?.sign;
            let job = Job::configured(&session.context, &config)?;
            key.unlock.only_for(&job.keys())?;
            wait_for_turn(session)?;
            if !job.grub.is_empty() {
                check_menus(session, key.keys.as_ref())?;
            }
            let ask = &mut |what: &str| key.unlock.existing(what);
            let keys = SigningKeys::open(&key.directory(session)?, &job.keys(), ask)?;
            let progress = Progress::new("signing", session.quiet);
            session.context.heed_signals()?;
            let summary = with_consent(session, &key.accept_changed, true, |accepted| {
                let watch = Watch {
                    command: "sign all",
                    recheck: key.recheck,
                    vouchers: Vouchers {
                        accepted,
                        ..Vouchers::default()
                    },
                    new_kernel: None,
                    without: None,
                    observer: &progress,
                };
                job.sign(&session.context, &keys, &config, watch)
            })?;
            let report = SignReport::new(session, summary);
            return Ok(with_next_start(session, key.keys.as_ref(), Box::new(report)));
        }
    };
    Ok(Box::new(SignReport::new(session, summary)))
}
