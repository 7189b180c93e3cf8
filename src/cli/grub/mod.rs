//! `bootseal grub`: an image of GRUB that enforces signatures, tried before the present one is given up.

mod report;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::disk::{Architecture, BootMedia, GRUB_CONFIGURATION};
use crate::error::{Error, Result};
use crate::grub::{self, Built, FileSystem, Menu, Place, Recipe, Step, Superuser, Toolchain, hash_password};
use crate::keys::grub_keys::read_grub_keys;
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::system::config::GrubConfig;
use crate::system::variables::Efivarfs;
use crate::system::{self, Powers, Writes};
use crate::trust::Anchors;
use crate::ui::{Report, prompt};

use crate::cli::next_start::with_next_start;
use crate::cli::session::Session;
use crate::cli::unlock::Unlock;
use report::{ConfirmReport, InstallReport, NotInstalled, PasswordReport};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build an image that enforces signatures, sign it, and put it on the EFI system partition
    #[command(after_help = "Example: bootseal grub install --esp /boot/efi\n\n\
        Where an image is there already, the new one is started once, by BootNext; after that:\n  \
        bootseal grub confirm")]
    Install(Box<Install>),
    /// Let the image on trial, by which this machine was started, take the place of the present one
    #[command(after_help = "Example: bootseal grub confirm")]
    Confirm {
        #[command(flatten)]
        place: Where,
        /// The present image has taken its place without a trial, and has started this machine: take my word
        #[arg(long)]
        no_nvram: bool,
    },
    /// Hash a password for `password` under [grub] in the configuration
    #[command(after_help = "Example: bootseal grub password --password-file /root/grub-password")]
    Password {
        /// Read the password from the first line of FILE
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

/// The place of the image.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// Mount point of the EFI system partition [default: the configuration's, or the only one that is mounted]
    #[arg(long, value_name = "DIR")]
    esp: Option<PathBuf>,
    /// Directory below EFI, and name in the firmware's menu [default: bootseal]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Also take the path that firmware falls back to, EFI/BOOT
    #[arg(long)]
    removable: bool,
}

#[derive(Debug, Args)]
pub(super) struct Install {
    #[command(flatten)]
    place: Where,
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
    /// GRUB's directory on this machine [default: /boot/grub]
    #[arg(long, value_name = "DIR", conflicts_with = "fs_uuid")]
    directory: Option<PathBuf>,
    /// UUID of the file system with GRUB's directory, in place of asking grub-probe
    #[arg(long, value_name = "UUID", requires = "grub_path")]
    fs_uuid: Option<String>,
    /// GRUB's directory on that file system, such as /grub or /boot/grub
    #[arg(long, value_name = "PATH", requires = "fs_uuid")]
    grub_path: Option<String>,
    /// The menu, whose modules the image is to hold [default: grub.cfg in GRUB's directory, if that is on this machine]
    #[arg(long, value_name = "FILE")]
    menu: Option<PathBuf>,
    /// One more module for the image
    #[arg(long = "module", value_name = "NAME")]
    modules: Vec<String>,
    /// One more OpenPGP key that GRUB is to trust
    #[arg(long = "add-key", value_name = "FILE")]
    add_keys: Vec<PathBuf>,
    /// Name of the user who may edit entries and get a command line [default: root]
    #[arg(long, value_name = "NAME")]
    superuser: Option<String>,
    /// Read that user's password from the first line of FILE [default: the configuration's; without one, nobody may]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Shim starts GRUB, not the firmware: shimx64.efi in the same directory, which firmware has to start
    #[arg(long)]
    shim: bool,
    /// SBAT lines [default: the distribution's, in /usr/share/grub/sbat.csv or its own image of this GRUB; else upstream's]
    #[arg(long, value_name = "FILE")]
    sbat: Option<PathBuf>,
    /// The program that makes images [default: grub-mkimage]
    #[arg(long, value_name = "PROGRAM")]
    mkimage: Option<PathBuf>,
    /// GRUB's modules [default: /usr/lib/grub/x86_64-efi]
    #[arg(long, value_name = "DIR")]
    modules_dir: Option<PathBuf>,
    /// Leave the firmware's variables alone: the image takes its place at once
    #[arg(long)]
    no_nvram: bool,
    /// Do nothing if no image is in its place yet: for hooks
    #[arg(long, conflicts_with = "output")]
    if_installed: bool,
    /// Only build and sign: write the image to FILE
    #[arg(long, value_name = "FILE", conflicts_with_all = ["esp", "name", "removable", "no_nvram"])]
    output: Option<PathBuf>,
}

impl Command {
    /// The powers that GRUB's image needs: it is built by GRUB's programs, and has an entry in the firmware's menu.
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        match self {
            Self::Install(arguments) => {
                let keys = session.keys(arguments.keys.as_ref())?;
                let config = session.config()?.grub.esp.map(|esp| session.context.path(esp));
                let places = [&arguments.place.esp, &config, &arguments.output];
                let powers = session.signing(&keys, places.into_iter().flatten());
                Ok(powers.and_variables().starting(arguments.mkimage.clone()))
            }
            Self::Confirm { place, .. } => {
                let config = session.config()?.grub.esp.map(|esp| session.context.path(esp));
                let media = BootMedia::of_machine(&session.context, [])?;
                let places = place.esp.iter().chain(&config).chain(media.directories());
                Ok(session.writing_files(places).and_variables())
            }
            Self::Password { .. } => Ok(Powers::writing(Writes::Nothing)),
        }
    }
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    match command {
        Command::Install(arguments) => arguments.run(session),
        Command::Confirm { place, no_nvram } => confirm(session, &place, no_nvram),
        Command::Password { password_file } => password(session, password_file.as_deref()),
    }
}

impl Where {
    fn place(&self, session: &Session, config: &GrubConfig, architecture: Architecture) -> Result<Place> {
        let name = self.name(config);
        let esp = match self.named_esp(session, config) {
            Some(esp) => esp,
            None => grub::own_partition(&session.context, name, architecture)?,
        };
        Ok(Place {
            esp,
            name: name.to_owned(),
            architecture,
            fallback: self.removable || config.removable,
        })
    }

    fn name<'n>(&'n self, config: &'n GrubConfig) -> &'n str {
        self.name.as_ref().unwrap_or(&config.name)
    }

    /// The partition that an option or the configuration names.
    fn named_esp(&self, session: &Session, config: &GrubConfig) -> Option<PathBuf> {
        let configured = || config.esp.as_ref().map(|esp| session.context.path(esp));
        self.esp.clone().or_else(configured)
    }

    /// True if an image was put in its place before. An error where that cannot be told.
    fn is_installed(&self, session: &Session, config: &GrubConfig) -> Result<bool> {
        let Ok(architecture) = Architecture::own() else {
            return Ok(false);
        };
        let esp = self.named_esp(session, config);
        grub::is_installed(&session.context, esp.as_deref(), self.name(config), architecture)
    }
}

impl Install {
    fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let config = session.config()?.grub;
        if self.if_installed && !self.place.is_installed(session, &config)? {
            return Ok(Box::new(NotInstalled));
        }
        self.unlock.only_for(&[KeyName::Db])?;
        let directory = KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root());
        let toolchain = Toolchain::new(&session.context, self.mkimage.as_deref(), self.modules_dir.as_deref())?;
        let place = match self.output {
            Some(_) => None,
            None => Some(self.place.place(session, &config, toolchain.architecture()?)?),
        };
        let with_shim = self.shim || config.shim;
        if with_shim && place.as_ref().is_some_and(|place| place.fallback) {
            return Err(
                Error::usage("the path that firmware falls back to is for shim, where shim starts GRUB")
                    .hint("leave out --removable; shim looks for GRUB beside itself, as grubx64.efi"),
            );
        }
        let menu = self.menu(session, &config)?;
        let (built, anchors) = self.build(session, &config, &directory, &toolchain, menu.as_ref())?;
        let mut report = InstallReport::new(session, &built);
        report.warnings = grub::warnings(&anchors, &built, menu.as_ref())?;
        if with_shim {
            report.warnings.extend(built.sbat.refused_by_shim()?);
        }
        match (&self.output, place) {
            (Some(path), _) => {
                grub::write_image(&session.context, path, &built)?;
                report.steps.push(Step::Written(path.clone()));
            }
            (None, Some(place)) => {
                if with_shim {
                    report.warnings.extend(grub::missing_shim(&place)?);
                }
                let variables = if self.no_nvram {
                    Err("as was asked for".to_owned())
                } else if with_shim {
                    // An entry that starts GRUB itself would start one that opens nothing.
                    Err("they start shim, which starts GRUB".to_owned())
                } else {
                    Efivarfs::live(&session.context).map_err(|error| error.to_string())
                };
                let installed = grub::install(&session.context, &place, &built, variables)?;
                report.steps = installed.steps;
                report.on_trial = installed.on_trial;
                report.variables_left = installed.variables_left;
            }
            (None, None) => return Err(Error::bug("nowhere to put the image")),
        }
        if self.output.is_some() {
            return Ok(Box::new(report));
        }
        Ok(with_next_start(session, self.keys.as_ref(), Box::new(report)))
    }

    fn build(
        &self,
        session: &Session,
        config: &GrubConfig,
        directory: &KeyDirectory,
        toolchain: &Toolchain,
        menu: Option<&(PathBuf, Vec<u8>)>,
    ) -> Result<(Built, Anchors)> {
        let mut keys = directory.grub_public_keys()?;
        let retiring = match directory.next_grub_key()? {
            Some(_) => keys
                .len()
                .checked_sub(1)
                .ok_or_else(|| Error::bug("the next GRUB key is not among the public keys"))?,
            None => 0,
        };
        for path in &self.add_keys {
            keys.extend(read_grub_keys(path)?);
        }
        let file_system = match (&self.fs_uuid, &self.grub_path) {
            (Some(uuid), Some(path)) => FileSystem::of_other_machine(uuid, path),
            _ => FileSystem::of_directory(&self.directory(session, config))?,
        };
        let hash = match &self.password_file {
            Some(path) => Some(hash_password(&session.context, &Passphrase::from_file(path)?)?),
            None => config.password.clone(),
        };
        let superuser = Superuser {
            name: self.superuser.clone().unwrap_or_else(|| config.superuser.clone()),
            hash,
        };
        let modules: Vec<String> = config.modules.iter().chain(&self.modules).cloned().collect();
        let menu = menu.map(|(_, bytes)| Menu::parse(bytes));
        let recipe = Recipe {
            menu: menu.as_ref(),
            toolchain,
            keys: &keys,
            retiring,
            file_system: &file_system,
            superuser: &superuser,
            with_shim: self.shim || config.shim,
            modules: &modules,
            sbat: self.sbat.as_deref(),
        };
        let identity = directory.identity(KeyName::Db, &mut |key| self.unlock.existing(key))?;
        let built = grub::build(&session.context, &recipe, &identity)?;
        let mut anchors = Anchors::from_directory(directory)?;
        anchors.grub = keys;
        Ok((built, anchors))
    }

    fn directory(&self, session: &Session, config: &GrubConfig) -> PathBuf {
        let configured = || session.context.path(&config.directory);
        self.directory.clone().unwrap_or_else(configured)
    }

    /// The path and the text of the menu that the image is to run.
    fn menu(&self, session: &Session, config: &GrubConfig) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let path = match (&self.menu, &self.fs_uuid) {
            (Some(path), _) => path.clone(),
            (None, Some(_)) => return Ok(None),
            (None, None) => self.directory(session, config).join(GRUB_CONFIGURATION),
        };
        let bytes = system::read(&path).map_err(|error| error.hint("grub-mkconfig -o, or name another with --menu"))?;
        Ok(Some((path, bytes)))
    }
}

fn confirm(session: &Session, place: &Where, by_word: bool) -> Result<Box<dyn Report>> {
    let config = session.config()?.grub;
    let place = place.place(session, &config, Architecture::own()?)?;
    let confirmed = if by_word {
        grub::confirm_by_word(&session.context, &place)?
    } else {
        grub::confirm(&session.context, &place, &Efivarfs::live(&session.context)?)?
    };
    Ok(Box::new(ConfirmReport {
        steps: confirmed.steps,
        dry_run: session.context.dry_run(),
    }))
}

fn password(session: &Session, file: Option<&Path>) -> Result<Box<dyn Report>> {
    let password = match file {
        Some(path) => Passphrase::from_file(path)?,
        None => prompt::new_passphrase("give it with --password-file FILE")?
            .ok_or_else(|| Error::usage("no password was given"))?,
    };
    let hash = hash_password(&session.context, &password)?;
    Ok(Box::new(PasswordReport { hash }))
}
