//! `bootseal hook`: the scripts that sign every kernel as it is installed, and the command that they call.

mod packages;
mod report;

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::error::{Error, Result};
use crate::formats::text::printable;
use crate::hook::{self, Done, Environment, Hook, Mode, Request, Settings, Slot, Wanted};
use crate::keys::{KeyName, Passphrase};
use crate::sign::grub::shared_directories;
use crate::system::config::Config;
use crate::system::{Powers, Writes};
use crate::ui::{Progress, Report};

use super::sign::{SignReport, with_consent};
use crate::cli::session::Session;
use crate::cli::unlock::Unlock;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Put the scripts into their places: of kernel-install or installkernel, and of Portage
    #[command(after_help = "Example: bootseal hook install\n\n\
        Shows what goes where, with --dry-run without putting it there. What is there and is not bootseal's stays.")]
    Install {
        #[command(flatten)]
        mode: ModeArgument,
        /// Also have the machine audited every day: by a timer of systemd, to be enabled, or by cron
        #[arg(long)]
        with_audit: bool,
        /// Also have each start of the machine look at the next one: by a unit of systemd, or a service of
        /// openrc(8), to be enabled
        #[arg(long)]
        with_boot_check: bool,
    },
    /// Take them away again, byte for byte
    #[command(after_help = "Example: bootseal hook remove")]
    Remove,
    /// Show what runs when the next kernel is installed, and what would keep it unsigned
    #[command(after_help = "Example: bootseal hook status")]
    Status {
        #[command(flatten)]
        mode: ModeArgument,
        #[command(flatten)]
        keys: KeysArgument,
    },
    /// Sign the files of one moment in the installation of a kernel; the scripts call this
    #[command(after_help = "Example: bootseal hook run all 6.12.58-gentoo\n\n\
        Slots: modules, uki, image and grub take the arguments of the hook that calls them: add VERSION DIR IMAGE or \
        remove VERSION DIR of kernel-install, VERSION IMAGE of installkernel, removed VERSION IMAGE of dpkg. initramfs \
        takes VERSION FILE of update-initramfs, portage CATEGORY/PACKAGE. all takes VERSION, and is for people: after genkernel, after a hook that failed, or with --root for a machine whose root \
        is mounted here.\n\n\
        Passphrase or PIN come from the options, from [hook] passphrase_file or passphrase_command of the configuration, from \
        the systemd credential bootseal.passphrase, or from the terminal.")]
    Run {
        #[command(flatten)]
        keys: KeysArgument,
        #[command(flatten)]
        unlock: Unlock,
        /// Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file
        #[arg(long, value_name = "FILE")]
        accept_changed: Vec<String>,
        /// When: modules, uki, image, grub, initramfs, portage or all
        #[arg(value_name = "SLOT")]
        slot: Slot,
        /// The arguments that the hook was called with
        #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
pub(super) struct KeysArgument {
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ModeArgument {
    /// A way in which kernels are installed on this machine; may be given twice [default: those that were named at the
    /// installation of the hooks, or all that are found]
    #[arg(long, value_name = "MODE")]
    mode: Vec<ModeChoice>,
}

impl ModeArgument {
    /// The modes that are named, each once.
    fn named(&self) -> Vec<Mode> {
        let mut modes = Vec::new();
        for choice in &self.mode {
            let mode = match choice {
                ModeChoice::Systemd => Mode::Systemd,
                ModeChoice::Traditional => Mode::Traditional,
            };
            if !modes.contains(&mode) {
                modes.push(mode);
            }
        }
        modes
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeChoice {
    /// kernel-install of systemd
    Systemd,
    /// installkernel with preinst.d and postinst.d
    Traditional,
}

impl Command {
    /// The powers that hooks need: a slot writes the boot media, the modules, and the directory that the installation is
    /// prepared in.
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        let context = &session.context;
        match self {
            Self::Status { .. } => Ok(Powers::writing(Writes::Nothing)),
            Self::Install { .. } | Self::Remove => {
                Ok(session.writing_files(&hook::TREES.map(|tree| context.path(tree))))
            }
            Self::Run {
                keys, slot, arguments, ..
            } => {
                let environment = Environment::read(|name| std::env::var_os(name));
                let Config { sign, hook, .. } = session.config()?;
                let mut places = sign.files(context);
                places.extend(shared_directories(context, &sign.grub_files(context))?);
                places.extend(hook::places(context, &environment, &Request::parse(*slot, arguments)?)?);
                let powers = session.signing(&session.keys(keys.keys.as_ref())?, &places);
                Ok(powers.and_secret_program(hook.passphrase_command.map(|command| command.program)))
            }
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    let context = &session.context;
    match command {
        Command::Install {
            mode,
            with_audit,
            with_boot_check,
        } => {
            let settings = Settings::of_machine(context, variable)?;
            let named = mode.named();
            let detected = hook::detect(context, &settings, &named, &hook::remembered_modes(context)?)?;
            let modes: Vec<Mode> = detected.iter().map(|way| way.mode).collect();
            // Below another root it may be elsewhere.
            let is_here = context.root() == Path::new("/");
            let program = std::env::current_exe().ok().filter(|_| is_here);
            let wanted = Wanted {
                modes: &modes,
                is_named: !named.is_empty(),
                with_audit,
                with_boot_check,
                program: program.as_deref(),
            };
            let changes = hook::install(context, wanted)?;
            Ok(Box::new(report::Installed {
                detected,
                changes,
                dry_run: context.dry_run(),
            }))
        }
        Command::Remove => Ok(Box::new(report::Installed {
            detected: Vec::new(),
            changes: hook::remove(context)?,
            dry_run: context.dry_run(),
        })),
        Command::Status { mode, keys } => {
            let keys = session.keys(keys.keys.as_ref())?;
            let config = session.config()?;
            let mut status = hook::status(context, &config, &keys, &mode.named(), variable)?;
            // The audit, which asks for the hooks' status as well, has a check of its own for these.
            status.findings.extend(hook::old_images(context, &config)?);
            let kernels = hook::Installed::read(context, &config, &keys)?;
            status.findings.extend(kernels.findings(context, &config)?);
            let environment = Environment::read(|name| std::env::var_os(name));
            let packages = hook::packages(context, &config, &keys, &environment, &kernels)?;
            Ok(Box::new(report::Outlook { status, packages }))
        }
        Command::Run {
            keys,
            unlock,
            accept_changed,
            slot,
            arguments,
        } => {
            unlock.only_for(&[KeyName::Module, KeyName::Db, KeyName::Grub])?;
            let request = Request::parse(slot, &arguments)?;
            let environment = Environment::read(|name| std::env::var_os(name));
            let config = session.config()?;
            let named = keys.keys;
            let keys = session.keys(named.as_ref())?;
            let observer = Progress::new("signing", session.quiet);
            context.heed_signals()?;
            let unattended = Unattended::default();
            let ask = &|name: &str| unattended.secret(session, &config, &unlock, name);
            let mut done = None;
            let files = with_consent(session, &accept_changed, slot == Slot::All, |accepted| {
                let hook = Hook {
                    context,
                    config: &config,
                    keys: &keys,
                    environment: &environment,
                    accepted,
                    observer: &observer,
                };
                let Done {
                    summary,
                    notes,
                    has_keys,
                    again,
                } = hook.run(&request, &mut |name| ask(name))?;
                done = Some((notes, has_keys, again));
                Ok(summary)
            })?;
            let (notes, has_keys, again) = done.ok_or_else(|| Error::bug("a slot without an end"))?;
            Ok(Box::new(report::Signed {
                verbose: session.verbose || environment.verbose,
                request,
                files: SignReport::new(session, files),
                notes,
                has_keys,
                again,
            }))
        }
    }
}

/// The hint where a secret is missing.
const NOBODY_THERE: &str = "for hooks with nobody there: [hook] passphrase_file or passphrase_command in the configuration, or \
                            the systemd credential bootseal.passphrase";

/// The same where a program is named that is not started.
const OTHER_ROOT: &str = "[hook] passphrase_command is not started below another root: its program is of that machine";

/// The secret that opens the keys with nobody there, which is asked for once: a TPM takes its time.
#[derive(Default)]
struct Unattended(RefCell<Option<Passphrase>>);

impl Unattended {
    /// The secret that opens a key, by the most deliberate source; only the last one needs a person.
    fn secret(&self, session: &Session, config: &Config, unlock: &Unlock, name: &str) -> Result<Passphrase> {
        if let Some(given) = unlock.given_for(name)? {
            return Ok(given);
        }
        if let Some(known) = &*self.0.borrow() {
            return Ok(known.duplicate());
        }
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let passphrase = match hook::unattended_passphrase(&session.context, &config.hook, credentials.as_deref()) {
            Ok(Some(passphrase)) => passphrase,
            Ok(None) => unlock.existing(name).map_err(|error| {
                error.hint(match config.hook.passphrase_command {
                    Some(_) => OTHER_ROOT,
                    None => NOBODY_THERE,
                })
            })?,
            // A TPM does not open what was sealed to another state of the machine; a person may be there.
            Err(error) => {
                eprintln!("warning: {}", printable(&error.in_one_line()));
                let or = "or give the passphrase with --passphrase-file FILE or --passphrase-fd N";
                unlock.existing(name).map_err(|_| error.hint(or))?
            }
        };
        self.0.replace(Some(passphrase.duplicate()));
        Ok(passphrase)
    }
}
