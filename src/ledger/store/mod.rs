//! The ledger on the disk: read, and written by the run that holds the lock.

use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::chain::{Chain, ChainError, Link, Start, encode};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::grub::signature_name::signature_path;
use crate::formats::text::Shown;
use crate::ledger::event::{Batch, Event, FORMAT, Kind, SignedFile};
use crate::ledger::index::Index;
use crate::system::{self, Context, Journal};

/// File in the state directory.
const FILE: &str = "ledger.jsonl";
/// Bytes from which on the lines are folded into one.
const FOLDED_FROM: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };
/// Most EFI images and files of GRUB that a folded line keeps.
const MOST_FOLDED: usize = 50_000;
/// Largest ledger that is read, in bytes.
const MAX_LEDGER: u64 = 64 << 20;
const SECRET: u32 = 0o600;

/// The reason why a file is no ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Lines that are no chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Another first line than the beginning of a ledger, or one of another version.
    #[error("it does not begin as a ledger, in the form {FORMAT}")]
    Beginning,
    /// An end of a run that is not under way.
    #[error("line {0} ends a run that was not under way")]
    Run(usize),
}

/// The ledger of a machine.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    chain: Chain<Event>,
    index: Index,
    /// The run whose last line is missing, with its files.
    open: Option<(String, Vec<Batch>)>,
    /// True if the file ends in a line that was cut off in the middle of its write.
    has_torn_line: bool,
}

/// Signatures that are on the disk as intended, while their files are not in their places yet.
#[derive(Debug)]
#[must_use]
pub struct Intent {
    run: String,
    journal: Journal,
}

impl Ledger {
    /// The path of the ledger of a machine.
    pub fn path_of(context: &Context) -> Result<PathBuf> {
        Ok(context.state()?.join(FILE))
    }

    /// Reads the ledger; one without any line if there is none.
    pub fn read(context: &Context) -> Result<Self> {
        let path = Self::path_of(context)?;
        let bytes = system::read_ours_if_there(&path, MAX_LEDGER)?.unwrap_or_default();
        Self::parse(&path, &bytes).or_refuse(|| format!("{} is no ledger that holds", path.shown()))
    }

    /// Understands the text of a ledger. A last line that was cut off counts as not written.
    pub fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Self, LedgerError> {
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last.saturating_add(1));
        let has_torn_line = whole < bytes.len();
        let lines = bytes.get(..whole).unwrap_or_default();
        let mut ledger = Self {
            path: path.to_path_buf(),
            chain: Chain::new(),
            index: Index::default(),
            open: None,
            has_torn_line,
        };
        if lines.is_empty() {
            return Ok(ledger);
        }
        let chain: Chain<Event> = Chain::parse(lines, Start::Anywhere)?;
        for (link, place) in chain.links().iter().zip(1..) {
            let is_beginning = match &link.event {
                Event::Began { format, .. } => format == FORMAT && link.number == 0,
                Event::Folded { format, .. } => format == FORMAT,
                _ => false,
            };
            if is_beginning != (place == 1) {
                return Err(LedgerError::Beginning);
            }
            ledger.take(link).map_err(|()| LedgerError::Run(place))?;
        }
        ledger.chain = chain;
        Ok(ledger)
    }

    /// Takes the meaning of a line.
    fn take(&mut self, link: &Link<Event>) -> std::result::Result<(), ()> {
        self.index.add(link);
        match &link.event {
            Event::Signing { run, batches, .. } => {
                if self.open.is_some() {
                    return Err(());
                }
                self.open = Some((run.clone(), batches.clone()));
            }
            Event::Signed { run, .. } | Event::CutOff { run, .. } => match self.open.take() {
                Some((open, _)) if open == *run => {}
                _ => return Err(()),
            },
            Event::Began { .. } | Event::Adopted { .. } | Event::Folded { .. } => {}
        }
        Ok(())
    }

    /// True if no line was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chain.links().is_empty()
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lines.
    #[must_use]
    pub fn links(&self) -> &[Link<Event>] {
        self.chain.links()
    }

    /// The number of lines that were ever written, with those that were folded.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.chain.next_number()
    }

    /// SHA-256 of the last line, lower-case hex: who keeps it elsewhere sees a ledger that was cut or rewritten.
    #[must_use]
    pub fn head(&self) -> &str {
        self.chain.head()
    }

    /// The signatures.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// The identifier of a run that was cut off, or is under way.
    #[must_use]
    pub fn open_run(&self) -> Option<&str> {
        self.open.as_ref().map(|(run, _)| run.as_str())
    }

    /// True if the file ends in a line that was cut off in the middle of its write: the next run takes it away.
    #[must_use]
    pub const fn has_torn_line(&self) -> bool {
        self.has_torn_line
    }

    /// Records files that are about to be put in their places, and waits until that is on the disk; none if there are none.
    /// `adopted` are those that bear our signature already. The caller holds the lock of the state directory.
    /// `taken_over` says of a new ledger that there were signatures before.
    pub fn intend(
        &mut self,
        context: &Context,
        command: &str,
        adopted: Vec<Batch>,
        batches: Vec<Batch>,
        taken_over: bool,
    ) -> Result<Option<Intent>> {
        let directory = context.state()?;
        system::create_dir(context, &directory)?;
        self.fold(context)?;
        let (mut journal, lines) = Journal::open(context, &self.path)?;
        if lines != self.chain.as_bytes() {
            return Err(Error::could_not_run(format!(
                "{} changed while it was in use",
                self.path.shown()
            )));
        }
        let mut events = Vec::new();
        if self.is_empty() {
            events.push(Event::Began {
                format: FORMAT.to_owned(),
                bootseal: env!("CARGO_PKG_VERSION").to_owned(),
                taken_over,
            });
        }
        if let Some((run, files)) = self.open.clone() {
            events.push(Event::CutOff {
                run,
                missing: missing(context, &files),
            });
        }
        let run = hex::encode(context.random::<8>()?);
        if !adopted.is_empty() {
            events.push(Event::Adopted {
                run: run.clone(),
                batches: adopted,
            });
        }
        let has_files = !batches.is_empty();
        if has_files {
            events.push(Event::Signing {
                run: run.clone(),
                command: command.to_owned(),
                batches,
            });
        }
        self.append(context, &mut journal, events, &directory)?;
        Ok(has_files.then_some(Intent { run, journal }))
    }

    /// Records that the files are in their places, but for those that `failed`, by their paths on the machine.
    pub fn complete(&mut self, context: &Context, mut intent: Intent, failed: Vec<String>) -> Result<()> {
        let directory = context.state()?;
        let signed = Event::Signed {
            run: intent.run,
            failed,
        };
        self.append(context, &mut intent.journal, vec![signed], &directory)
    }

    /// Adds lines in one write.
    fn append(&mut self, context: &Context, journal: &mut Journal, events: Vec<Event>, directory: &Path) -> Result<()> {
        let time = context.date_time()?.to_string();
        let mut more = Chain::after(self.chain.next_number(), self.chain.head().to_owned());
        for event in events {
            more.push(more.next(time.clone(), event)).or_bug(cannot_encode)?;
        }
        journal.append(more.as_bytes(), &[directory])?;
        self.has_torn_line = false;
        for link in more.links() {
            self.take(link)
                .map_err(|()| Error::bug("a run of the ledger within another"))?;
            self.chain.push(link.clone()).or_bug(cannot_encode)?;
        }
        Ok(())
    }

    /// Replaces a ledger that has become too large by one whose first line holds its files in brief.
    fn fold(&mut self, context: &Context) -> Result<()> {
        if self.chain.as_bytes().len() < FOLDED_FROM || self.open.is_some() {
            return Ok(());
        }
        let is_there = |path: &str| context.path(path).is_file();
        let event = Event::Folded {
            format: FORMAT.to_owned(),
            taken_over: self.index.taken_over || self.index.has_adopted(),
            batches: self.index.folded(is_there, MOST_FOLDED),
        };
        let mut chain = Chain::after(self.chain.next_number(), self.chain.head().to_owned());
        let link = chain.next(context.date_time()?.to_string(), event);
        let text = encode(&link).or_bug(cannot_encode)?;
        system::replace_durably(context, &self.path, &text, SECRET)?;
        let mut index = Index::default();
        index.add(&link);
        chain.push(link).or_bug(cannot_encode)?;
        self.chain = chain;
        self.index = index;
        Ok(())
    }

    /// The remedy for a ledger that does not hold.
    #[must_use]
    pub fn remedy(path: &Path) -> String {
        format!(
            "mv {} {}; the next run begins a new one, and names what it takes over",
            quoted(path),
            quoted(&path.with_extension("broken"))
        )
    }
}

fn cannot_encode() -> String {
    "cannot encode a line of the ledger".to_owned()
}

/// The files that are not as a run was about to leave them.
fn missing(context: &Context, batches: &[Batch]) -> Vec<String> {
    let is_missing = |kind: Kind, file: &SignedFile| {
        let path = context.path(&file.path);
        if kind == Kind::Grub {
            return !signature_path(&path).is_file();
        }
        let digest = system::digest(&path, HashAlgorithm::Sha256).map(|(digest, _)| digest.to_hex());
        !digest.is_ok_and(|digest| digest == file.sha256)
    };
    let files = batches
        .iter()
        .flat_map(|batch| batch.files.iter().map(|file| (batch.kind, file)));
    files
        .filter(|(kind, file)| is_missing(*kind, file))
        .map(|(_, file)| file.path.clone())
        .collect()
}

#[cfg(test)]
mod tests;
