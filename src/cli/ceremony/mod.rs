//! `bootseal ceremony`: the keys, made once.

mod backup;
mod fleet;
mod life;
mod report;
mod restore;
mod watch;
mod wizard;

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::ceremony::{self, DEFAULT_YEARS, Plan, Revocations, Spec};
use crate::error::{Error, Result, quoted};
use crate::fleet::FleetPlan;
use crate::formats::firmware::guid::Guid;
use crate::keys::{KeyName, Passphrase};
use crate::system::{Powers, Writes};
use crate::trust::microsoft::Selection;
use crate::ui::{CeremonyProgress, Report, prompt};

use crate::cli::session::Session;
use crate::cli::unlock::{PASSPHRASE, Pin, Unlock, typed_or_made};

use watch::Watch;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a specification with all that one can say, to be edited
    #[command(after_help = "Example: bootseal ceremony template > ceremony.toml\n\n\
        Lines with #= show what else can be said.")]
    Template {
        /// That of a fleet: several machines, each with keys of its own
        #[arg(long)]
        fleet: bool,
    },
    /// Show every step and file of a ceremony, and its digest; make nothing
    #[command(after_help = "Example: bootseal ceremony plan ceremony.toml\n\n\
        bootseal ceremony template shows all that a specification can say.")]
    Plan(What),
    /// Make PK, KEK, db, module and GRUB keys, with everything that enrolls them
    #[command(after_help = "Example: bootseal ceremony run ceremony.toml\n\n\
        Without a specification: bootseal ceremony run --name home --plain db,module,grub --out /root/ceremony. \
        At a terminal, with neither, it asks.\n\n\
        A ceremony that was cut short goes on where it was when the same command is run again.\n\n\
        Microsoft's certificates, by name: kek-2023, uefi-2023, option-rom-2023, uefi-2011 (these four by default), \
        windows-2023, windows-2011, kek-2011. Without any of the third-party ones, boards with signed Option ROMs may \
        show no picture.")]
    Run(Run),
    /// Replay the transcript of a ceremony and compare its files
    #[command(after_help = "Example: bootseal ceremony verify /root/ceremony")]
    Verify(life::Verify),
    /// Restore all keys from their backup, to see that it can be done, and record that
    #[command(
        after_help = "Example: bootseal ceremony drill --keys /mnt/stick/keys /mnt/stick/backup/bootseal-backup.tar\n\n\
        The keys are restored in memory alone. SOURCE may also be a file with the lines of the printed sheet, scanned or \
        typed. Shares are asked for, or read from --shares."
    )]
    Drill(life::Drill),
    /// Make another backup, of the keys as they are now
    #[command(
        after_help = "Example: bootseal ceremony backup --authority /mnt/stick/keys /mnt/stick/backup-2027\n\n\
        After a rotation, or when the archive, shares or the passphrase of the last backup were lost. The new archive is under a new \
        secret, divided as that of the last backup. It is restored from in memory before it is put in its place, and recorded in \
        the transcripts of both directories. Then comes bootseal ceremony drill BACKUP; the old archive and its shares can go after that."
    )]
    Backup(backup::Backup),
    /// Put keys back from their backup into a new directory
    #[command(
        after_help = "Example: bootseal ceremony restore /mnt/usb/backup/bootseal-backup.tar /mnt/stick/keys --only PK,KEK\n\n\
        Needs nothing but the archive and what opens it. Each file of the archive is held against its digest, each key against the \
        newest transcript that is there: a key that gave way to another since is not put back. Keys are encrypted again if they were, \
        and in clear if they were that. SOURCE may also be a file with the lines of the printed sheet; then --with names a directory of \
        the ceremony, which has the certificates."
    )]
    Restore(restore::Restore),
    /// Add a node to a fleet: keys of its own, its backup, and its bundle
    #[command(after_help = "Example: bootseal ceremony add-node fleet.toml NODE\n\n\
        It has a platform key of its own, so that no other board takes a write that was signed for this one. PK and KEK go to the offline \
        directory, the others into the bundle, under a passphrase of their own; the node takes it by bootseal keys import BUNDLE. One that was cut \
        short goes on where it was when the same command is run again.")]
    AddNode(fleet::AddNode),
    /// Take a node out of a fleet: stolen, sold, or with another board
    #[command(
        after_help = "Example: bootseal ceremony retire-node NODE --keys /mnt/stick/fleet --reason TEXT\n\n\
        No other node knows a key of it, so that nothing has to change on them."
    )]
    RetireNode(fleet::RetireNode),
    /// The nodes of a fleet: their keys, and which rotation is known of each
    #[command(after_help = "Example: bootseal ceremony nodes --keys /mnt/stick/fleet")]
    Nodes(fleet::Offline),
    /// Add a line to the transcript: who was there, what was seen
    #[command(after_help = "Example: bootseal ceremony note /root/ceremony \"Ada and Charles were present\"")]
    Note(life::Note),
    /// End a ceremony that is under way; leave nothing of it behind
    #[command(after_help = "Example: bootseal ceremony abort /root/.bootseal-keys.ceremony")]
    Abort(life::Abort),
}

impl Command {
    /// The powers that a ceremony needs: keys, backups and transcripts are wherever a person wants them.
    pub(super) fn powers(&self) -> Powers {
        match self {
            Self::Template { .. } | Self::Plan(_) | Self::Verify(_) | Self::Nodes(_) => {
                Powers::writing(Writes::Nothing)
            }
            Self::AddNode(_) | Self::RetireNode(_) => Powers::writing(Writes::Files),
            Self::Run(_) | Self::Backup(_) | Self::Drill(_) | Self::Restore(_) | Self::Note(_) | Self::Abort(_) => {
                Powers::writing(Writes::Files)
            }
        }
    }
}

/// The ceremony that is asked for: by a file or by options.
#[derive(Debug, Args)]
pub(super) struct What {
    /// Specification, as `bootseal ceremony template` prints one
    #[arg(value_name = "SPEC", conflicts_with_all = ["out", "name", "owner", "microsoft", "dbx", "plain", "pcr", "import", "grub_key", "years"])]
    specification: Option<PathBuf>,
    /// Directory to make; it must not exist yet, or be empty
    #[arg(long, value_name = "DIR", requires = "name")]
    out: Option<PathBuf>,
    /// Whose keys they are: begins every certificate's subject
    #[arg(long, value_name = "NAME", requires = "out")]
    name: Option<String>,
    /// Owner GUID of the entries [default: a random one]
    #[arg(long, value_name = "GUID", requires = "name")]
    owner: Option<Guid>,
    /// Microsoft's certificates: "default", "none", names to add, -names to leave out [default: default]
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, requires = "name")]
    microsoft: Option<String>,
    /// Revocations [default: microsoft]
    #[arg(long, value_name = "WHICH", requires = "name")]
    dbx: Option<RevocationChoice>,
    /// Private keys that stay unencrypted, for unattended signing: of PK, KEK, db, module, grub, pcr
    #[arg(long, value_name = "KEYS", value_delimiter = ',', requires = "name")]
    plain: Vec<KeyName>,
    /// Make a pcr key as well, which signs the values of PCR 11 that ukify puts into unified images: a disk can be bound to it
    #[arg(long, requires = "name")]
    pcr: bool,
    /// Take the keys that DIR has, of sbctl (/var/lib/sbctl/keys) or of openssl (PK.key and PK.crt), and make the others
    #[arg(long, value_name = "DIR", requires = "name")]
    import: Option<PathBuf>,
    /// Take GRUB's key from FILE, a secret key as gpg --export-secret-keys writes it: what it signed goes on to be trusted
    #[arg(long, value_name = "FILE", requires = "name")]
    grub_key: Option<PathBuf>,
    /// Validity of the certificates, in years [default: 10]
    #[arg(long, value_name = "YEARS", requires = "name")]
    years: Option<u16>,
    /// Let offline keys and backup lie on the disk of the system, or where nothing is mounted
    #[arg(long)]
    same_disk: bool,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    what: What,
    /// Go through all of it with keys that say TEST, in a directory that is thrown away
    #[arg(long)]
    rehearse: bool,
    /// Hold the ceremony only if its plan has this digest, as `plan` prints it, in hex or words
    #[arg(long, value_name = "DIGEST")]
    plan: Option<String>,
    #[command(flatten)]
    bundles: fleet::BundlePassphrases,
    #[command(flatten)]
    unlock: Unlock,
    #[command(flatten)]
    pin: Pin,
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

impl What {
    /// The specification in the file or in the options; none if neither says anything.
    fn spec(&self) -> Result<Option<Spec>> {
        if let Some(path) = &self.specification {
            let mut spec = Spec::load(path)?;
            spec.same_disk = self.same_disk;
            return Ok(Some(spec));
        }
        let (Some(name), Some(out)) = (&self.name, &self.out) else {
            return Ok(None);
        };
        if self.plain.contains(&KeyName::Pcr) && !self.pcr {
            return Err(Error::usage("--plain names the pcr key, which is made only with --pcr"));
        }
        let pcr = self.pcr.then_some(KeyName::Pcr);
        let mut spec = pcr
            .into_iter()
            .fold(Spec::new(name, out), Spec::with_key)
            .with_plain(self.plain.iter().copied())
            .with_years(self.years.unwrap_or(DEFAULT_YEARS));
        spec.same_disk = self.same_disk;
        spec.owner = self.owner;
        spec.import.clone_from(&self.import);
        spec.grub_key.clone_from(&self.grub_key);
        if let Some(list) = &self.microsoft {
            spec.microsoft = Selection::parse(list)?;
        }
        spec.dbx = self.dbx.map_or(Revocations::default(), Into::into);
        Ok(Some(spec))
    }
}

fn nothing_named() -> Error {
    Error::usage("the keys to make are not named")
        .hint("name a specification: bootseal ceremony run ceremony.toml (bootseal ceremony template prints one)")
        .hint("or bootseal ceremony run --name NAME --out DIR")
}

pub(super) fn run(session: &Session, command: Command) -> Result<Box<dyn Report>> {
    match command {
        Command::Template { fleet } => Ok(crate::cli::config::specification(fleet)),
        Command::Plan(what) => {
            let spec = what.spec()?.ok_or_else(nothing_named)?;
            ceremony::check_places(&session.context, &spec)?;
            let checks = ceremony::preflight::look(&session.context, &spec);
            if spec.fleet.is_none() {
                let plan = Plan::new(&session.context, &spec)?;
                return Ok(Box::new(report::Planned { plan, checks }));
            }
            let plan = FleetPlan::new(&session.context, &spec)?;
            let first = report::Planned {
                plan: plan.fleet.clone(),
                checks,
            };
            Ok(Box::new(fleet::FleetPlanned { plan, first }))
        }
        Command::Run(arguments) => arguments.run(session),
        Command::Verify(arguments) => arguments.run(),
        Command::Drill(arguments) => arguments.run(session),
        Command::Backup(arguments) => arguments.run(session),
        Command::Restore(arguments) => arguments.run(session),
        Command::AddNode(arguments) => arguments.run(session),
        Command::RetireNode(arguments) => arguments.run(session),
        Command::Nodes(offline) => fleet::nodes(&offline),
        Command::Note(arguments) => arguments.run(session),
        Command::Abort(arguments) => arguments.run(session),
    }
}

impl Run {
    fn run(self, session: &Session) -> Result<Box<dyn Report>> {
        let asks = io::stdin().is_terminal() && io::stderr().is_terminal() && !session.quiet;
        let named = self.what.specification.as_deref();
        let half = match named.filter(|_| asks) {
            Some(path) => wizard::unfinished(path)?.map(|draft| (path, draft)),
            None => None,
        };
        let mut spec = match half {
            Some(half) => wizard::ask(session, Some(half), self.what.same_disk)?,
            None => match self.what.spec()? {
                Some(spec) => spec,
                None if asks => wizard::ask(session, None, self.what.same_disk)?,
                None => return Err(nothing_named()),
            },
        };
        spec.validate()?;
        self.unlock.only_for(&[])?;
        self.pin.only_for(match (&spec.import, &spec.grub_key) {
            (Some(_), Some(_)) => &KeyName::ALL,
            (Some(_), None) => &KeyName::CERTIFIED,
            (None, Some(_)) => &[KeyName::Grub],
            (None, None) => &[],
        })?;
        // Before anybody types a passphrase.
        ceremony::check_places(&session.context, &spec)?;
        self.check_plan(session, &spec)?;
        if spec.fleet.is_some() {
            return self.hold_fleet(session, spec);
        }
        self.bundles.none()?;
        if spec.needs_passphrase() && !session.context.dry_run() {
            let going_on = spec.work_directory()?.exists() && !self.rehearse;
            spec.passphrase = Some(if self.rehearse {
                Passphrase::generate(&session.context)?
            } else if going_on {
                self.unlock.existing("Passphrase of the ceremony under way")?
            } else {
                self.new_passphrase(session)?
            });
        }
        let watch = Watch {
            progress: CeremonyProgress::new(session.quiet),
            pin: &self.pin,
        };
        session.context.heed_signals()?;
        let report = if self.rehearse {
            ceremony::rehearse(&session.context, spec, &watch)?
        } else {
            ceremony::run(&session.context, &spec, &watch)?
        };
        Ok(Box::new(report))
    }

    fn hold_fleet(&self, session: &Session, spec: Spec) -> Result<Box<dyn Report>> {
        let offline = if self.rehearse || (session.context.dry_run() && !fleet::has_key(&spec)) {
            Passphrase::generate(&session.context)?
        } else if fleet::has_key(&spec) || spec.of_fleet()?.work_directory()?.exists() {
            self.unlock.existing(&KeyName::Fleet.secret())?
        } else {
            self.new_passphrase(session)?
        };
        fleet::hold(session, spec, self.rehearse, (&offline, &self.bundles, &self.pin))
    }

    /// Fails unless the plan is the one that was reviewed.
    fn check_plan(&self, session: &Session, spec: &Spec) -> Result<()> {
        let Some(expected) = &self.plan else { return Ok(()) };
        let review = self.what.specification.as_ref().map_or_else(
            || "bootseal ceremony plan shows it".to_owned(),
            |path| format!("bootseal ceremony plan {}", quoted(path)),
        );
        let checked = if spec.fleet.is_some() {
            FleetPlan::new(&session.context, spec)?.check_reviewed(expected)
        } else {
            Plan::new(&session.context, spec)?.check_reviewed(expected)
        };
        checked.map_err(|error| error.hint(review))
    }

    /// The passphrase for the new keys: given, typed twice, or made and shown once.
    fn new_passphrase(&self, session: &Session) -> Result<Passphrase> {
        if let Some(given) = self.unlock.given()? {
            return prompt::long_enough(given);
        }
        typed_or_made(session, PASSPHRASE)
    }
}
