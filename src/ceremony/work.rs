//! A ceremony under way: its work directory, and the transcript that says how far it is.
//!
//! The transcript is the state. A step's files are on the disk before its line is, so a step is either recorded with all
//! its files, or it is done again, after what it left was taken away.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use der::DateTime;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyDirectory, KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{self, Clock, Context, FileKind, Journal, NewFile, create_dir, remove_leftover};

use super::clock;
use super::layout::FOLDERS;
use super::observer::Observer;
use super::plan::{Plan, steps};
use super::preflight::{self, Check};
use super::spec::{Place, Spec};
use super::step::Step;
use super::transcript::{Entry, Event, FORMAT, FileRecord, Transcript};

/// A ceremony under way.
pub(super) struct Work<'a> {
    /// The machine, with its clock.
    live: &'a Context,
    /// The machine, at the moment that the ceremony began: all that is made bears one date.
    pub began: Context,
    pub spec: &'a Spec,
    pub observer: &'a dyn Observer,
    path: PathBuf,
    journal: Journal,
    pub transcript: Transcript,
    /// The results of the checks of the machine, if this run has made them.
    checks: Option<Vec<Check>>,
    /// Keys that were made at once with others, and whose own step comes later.
    pub generated: BTreeMap<KeyName, SoftwareKey>,
    signers: OnceCell<BTreeMap<KeyName, Box<dyn Signer>>>,
}

impl<'a> Work<'a> {
    /// Begins the ceremony, or goes on with the one of the same plan. The work directory is locked from here on.
    pub fn open(context: &'a Context, spec: &'a Spec, observer: &'a dyn Observer) -> Result<Self> {
        let path = spec.work_directory()?;
        claim(context, &path)?;
        let (journal, lines) = Journal::open(context, &path.join(TRANSCRIPT))?;
        let transcript = if lines.is_empty() {
            Transcript::new()
        } else {
            Transcript::parse(&lines).or_refuse(|| format!("{} was altered", path.join(TRANSCRIPT).shown()))?
        };
        let mut work = Self {
            live: context,
            began: context.clone().with_clock(Clock::Fixed(context.now()?)),
            spec,
            observer,
            path,
            journal,
            transcript,
            checks: None,
            generated: BTreeMap::new(),
            signers: OnceCell::new(),
        };
        match beginning(&work.transcript) {
            None => work.begin()?,
            Some((entry, plan)) => {
                let at: DateTime = entry
                    .time
                    .parse()
                    .or_refuse(|| "the transcript's first time is none".to_owned())?;
                let clock = Clock::Fixed(at.unix_duration().as_secs());
                work.began = context.clone().with_clock(clock);
                if Plan::new(&work.began, spec)?.digest != plan {
                    return Err(Error::refused(format!(
                        "another ceremony is under way in {}: its plan is {plan}",
                        work.path.shown()
                    ))
                    .hint("go on with the specification that it was begun with")
                    .hint(format!("bootseal ceremony abort {}", quoted(&work.path))));
                }
                if !work.transcript.is_sealed() {
                    let last = work.transcript.entries().last();
                    let last = last.and_then(|entry| clock::seconds(&entry.time)).unwrap_or_default();
                    clock::check_same(context.now()?, work.began.now()?, last).map_err(|error| {
                        error.hint(format!(
                            "bootseal ceremony abort {}, and begin anew",
                            quoted(&work.path)
                        ))
                    })?;
                }
                work.check_passphrase()?;
                let program = preflight::program()?;
                let bootseal = env!("CARGO_PKG_VERSION").to_owned();
                if !work.transcript.is_sealed() {
                    work.record(Event::Resumed { bootseal, program })?;
                }
            }
        }
        for folder in FOLDERS {
            create_dir(context, &work.path.join(folder))?;
        }
        Ok(work)
    }

    /// Records the beginning, if nothing stands against it: until then nothing is made, and nothing stays.
    fn begin(&mut self) -> Result<()> {
        self.spec.check_targets()?;
        self.checks = Some(self.look_at_machine()?);
        if let Some(reason) = clock::impossible(self.began.now()?) {
            return Err(Error::refused(format!("{reason}: the certificates would bear that time")).hint(clock::SET));
        }
        let plan = Plan::new(&self.began, self.spec)?;
        for finding in &plan.contents.findings {
            self.observer.found(finding);
        }
        // Whoever goes on later takes the moment from here.
        let began = self.began.date_time()?.to_string();
        self.record_at(
            began,
            Event::Began {
                format: FORMAT.to_owned(),
                bootseal: env!("CARGO_PKG_VERSION").to_owned(),
                program: preflight::program()?,
                specification: plan.text()?,
                plan: plan.digest,
                rehearsal: self.spec.rehearsal,
            },
        )
    }

    /// The results of the checks of the machine; those that must pass have passed.
    fn look_at_machine(&self) -> Result<Vec<Check>> {
        let checks = preflight::look(self.live, self.spec);
        for check in &checks {
            self.observer.looked(check);
        }
        preflight::insist(self.spec, &checks)?;
        Ok(checks)
    }

    /// The results of the checks of the machine, which run only once.
    pub fn machine_checks(&mut self) -> Result<Vec<Check>> {
        match self.checks.take() {
            Some(checks) => Ok(checks),
            None => self.look_at_machine(),
        }
    }

    /// The steps of this ceremony.
    pub fn steps(&self) -> Result<Vec<Step>> {
        steps(self.spec)
    }

    /// Refuses another passphrase than the one of the keys that are made already: there would be keys under two.
    fn check_passphrase(&self) -> Result<()> {
        if self.transcript.is_sealed() {
            return Ok(());
        }
        // Those that go to the node may have one of their own.
        for of_node in [false, true] {
            let is_of = |name: KeyName| (self.spec.key(name).place == Place::Node) == of_node;
            let mut encrypted = self.spec.names().filter(|name| self.spec.is_encrypted(*name));
            if let Some(name) = encrypted.find(|name| is_of(*name) && self.transcript.has_key(*name)) {
                self.signer(name)?;
            }
        }
        Ok(())
    }

    /// Writes a line down, with all that was made since the last.
    pub fn record(&mut self, event: Event) -> Result<()> {
        self.record_at(self.live.date_time()?.to_string(), event)
    }

    fn record_at(&mut self, time: String, event: Event) -> Result<()> {
        let entry = self.transcript.next(time, event);
        let folders = FOLDERS.map(|folder| self.path.join(folder));
        let folders = folders.iter().filter(|folder| folder.is_dir());
        let directories: Vec<&Path> = folders.map(PathBuf::as_path).chain([self.path.as_path()]).collect();
        let mut next = self.transcript.clone();
        self.journal.append(&next.push(entry)?, &directories)?;
        self.transcript = next;
        Ok(())
    }

    /// Tells the observer the step that comes now; fails if a signal has asked for an end.
    pub fn announce(&self, step: &Step) -> Result<()> {
        if self.live.check_interrupted().is_err() {
            return Err(Error::could_not_run(
                "interrupted by a signal; the finished steps are recorded",
            ));
        }
        self.observer.step(&step.text());
        Ok(())
    }

    /// The next line for a seal, with no signatures in it yet.
    pub fn unsealed(&self) -> Result<Entry> {
        let event = Event::Sealed {
            signatures: BTreeMap::new(),
        };
        Ok(self.transcript.next(self.live.date_time()?.to_string(), event))
    }

    /// Writes the seal down as it was signed.
    pub fn record_seal(&mut self, entry: Entry) -> Result<()> {
        let mut next = self.transcript.clone();
        self.journal.append(&next.push(entry)?, &[])?;
        self.transcript = next;
        Ok(())
    }

    /// Writes a file for a place, in place of the rest of a step that was cut short.
    pub fn file(&self, place: &str, name: &str, bytes: &[u8], mode: u32) -> Result<FileRecord> {
        let path = self.place(place).join(name);
        let record = FileRecord {
            place: place.to_owned(),
            name: name.to_owned(),
            mode: format!("{mode:04o}"),
            sha256: HashAlgorithm::Sha256.digest(&[bytes]).to_hex(),
        };
        let is_same = |known: &FileRecord| known.place == record.place && known.name == record.name;
        if self.transcript.events().flat_map(Event::files).any(is_same) {
            return Err(Error::bug(format!("a step makes {name} anew")));
        }
        remove_leftover(self.live, &path)?;
        let path = &path;
        NewFile { path, bytes, mode }.create(self.live)?;
        Ok(record)
    }

    /// The folder of a place.
    pub fn place(&self, place: &str) -> PathBuf {
        let folder = if FOLDERS.contains(&place) { place } else { "keys" };
        self.path.join(folder)
    }

    /// The work directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key directory, with the files that are made so far.
    pub fn directory(&self) -> Result<KeyDirectory> {
        let path = self.path.join("keys");
        system::check_directory_is_ours(&path)?;
        Ok(KeyDirectory::unjudged(&path))
    }

    /// Opens a key that was made, from its file on the disk or from its token.
    pub fn signer(&self, name: KeyName) -> Result<Box<dyn Signer>> {
        self.directory()?.private(name, &mut |secret| self.ask(name, secret))
    }

    /// Answers for whoever asks for a passphrase or a PIN.
    pub fn ask(&self, name: KeyName, secret: &str) -> Result<Passphrase> {
        if self.spec.is_encrypted(name) {
            return self
                .spec
                .passphrase_of(name)?
                .map(Passphrase::duplicate)
                .ok_or_else(|| Error::bug(format!("the {name} key is encrypted although it was to stay plain")));
        }
        self.observer.ask(secret)
    }

    /// All keys, each opened once.
    pub fn signers(&self) -> Result<&BTreeMap<KeyName, Box<dyn Signer>>> {
        if let Some(signers) = self.signers.get() {
            return Ok(signers);
        }
        let opened = self
            .spec
            .names()
            .map(|name| Ok((name, self.signer(name)?)))
            .collect::<Result<_>>()?;
        Ok(self.signers.get_or_init(|| opened))
    }

    /// Checks that the files of the steps so far are as they were made.
    pub fn check_files(&self) -> Result<()> {
        for record in self.transcript.events().flat_map(Event::files) {
            let path = self.place(&record.place).join(&record.name);
            let bytes = system::read(&path)?;
            if HashAlgorithm::Sha256.digest(&[&bytes]).to_hex() != record.sha256 {
                return Err(Error::refused(format!(
                    "{} is not as the ceremony made it",
                    path.shown()
                )));
            }
        }
        Ok(())
    }

    /// Removes the work directory; the transcript last, since it names the other files.
    pub fn remove(&self) -> Result<()> {
        remove(self.live, &self.path)
    }
}

/// The first line, and the digest of the plan that it names.
fn beginning(transcript: &Transcript) -> Option<(&Entry, &str)> {
    let entry = transcript.entries().first()?;
    match &entry.event {
        Event::Began { plan, .. } => Some((entry, plan)),
        _ => None,
    }
}

/// Makes the work directory, or takes over the one of a ceremony that was cut short. Refuses a directory with anything
/// else in it.
fn claim(context: &Context, path: &Path) -> Result<()> {
    let is_used = !system::list_directory_if_there(path)?.is_empty();
    if is_used && !path.join(TRANSCRIPT).is_file() {
        return Err(Error::refused(format!(
            "{} is there already, and is no ceremony under way",
            path.shown()
        )));
    }
    create_dir(context, path)?;
    context.guard(path);
    // Somebody else may have made it before, with other rights.
    system::check_private(path)
}

/// Removes a work directory.
pub(super) fn remove(context: &Context, path: &Path) -> Result<()> {
    for entry in system::list_directory(path)? {
        if entry.kind == FileKind::Directory {
            system::remove_tree(context, &entry.path)?;
        } else if !entry.path.ends_with(TRANSCRIPT) {
            system::remove_file(context, &entry.path)?;
        }
    }
    remove_leftover(context, &path.join(TRANSCRIPT))?;
    system::remove_empty_dir(context, path)
}
