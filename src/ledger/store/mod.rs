//! The ledger on the disk: read, and written by the run that holds the lock.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::chain::{ChainError, End, Link, Start};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::grub::signature_name::signature_path;
use crate::formats::text::Shown;
use crate::ledger::event::{Batch, Event, FORMAT, Kind};
use crate::ledger::index::{Index, Place, Recorded};
use crate::system::{self, Context, Journal};

/// File in the state directory.
const FILE: &str = "ledger.jsonl";
/// Bytes from which on the lines are folded into one.
const FOLDED_FROM: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };
/// Most EFI images and files of GRUB that a folded line keeps.
const MOST_FOLDED: usize = 150_000;
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
    end: End,
    /// Bytes of all lines.
    size: usize,
    /// The times of the lines; of neighbours with the same time, one.
    times: Vec<String>,
    index: Index,
    /// The run whose last line is missing, with the places of its files.
    open: Option<(String, Range<Place>)>,
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
            end: End::new(),
            size: lines.len(),
            times: Vec::new(),
            index: Index::default(),
            open: None,
            has_torn_line,
        };
        if lines.is_empty() {
            return Ok(ledger);
        }
        ledger.end = End::read(lines, Start::Anywhere, |link: Link<Event>, place| {
            let is_beginning = match &link.event {
                Event::Began { format, .. } => format == FORMAT && link.number == 0,
                Event::Folded { format, .. } => format == FORMAT,
                _ => false,
            };
            if is_beginning != (place == 1) {
                return Err(LedgerError::Beginning);
            }
            ledger.take(link).map_err(|()| LedgerError::Run(place))
        })?;
        ledger.index.sort();
        Ok(ledger)
    }

    /// Takes the meaning of a line. Its files are found when the index is sorted.
    fn take(&mut self, link: Link<Event>) -> std::result::Result<(), ()> {
        if self.times.last() != Some(&link.time) {
            self.times.push(link.time.clone());
        }
        let begun = match &link.event {
            Event::Signing { run, .. } if self.open.is_none() => Some(run.clone()),
            Event::Signing { .. } => return Err(()),
            Event::Signed { run, .. } | Event::CutOff { run, .. } => match self.open.take() {
                Some((open, _)) if open == *run => None,
                _ => return Err(()),
            },
            Event::Began { .. } | Event::Adopted { .. } | Event::Folded { .. } => None,
        };
        let start = self.index.recorded().len();
        self.index.add(link);
        self.open = begun
            .map(|run| (run, start..self.index.recorded().len()))
            .or(self.open.take());
        Ok(())
    }

    /// True if no line was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The times of the lines, RFC 3339 UTC.
    #[must_use]
    pub fn times(&self) -> &[String] {
        &self.times
    }

    /// The number of lines that were ever written, with those that were folded.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end.next_number()
    }

    /// SHA-256 of the last line, lower-case hex: who keeps it elsewhere sees a ledger that was cut or rewritten.
    #[must_use]
    pub fn head(&self) -> &str {
        self.end.head()
    }

    /// The signatures.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// The signatures, without the ledger.
    #[must_use]
    pub fn into_index(self) -> Index {
        self.index
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
        if !self.ends(&lines) {
            return Err(Error::could_not_run(format!(
                "{} changed while it was in use",
                self.path.shown()
            )));
        }
        drop(lines);
        let mut events = Vec::new();
        if self.is_empty() {
            events.push(Event::Began {
                format: FORMAT.to_owned(),
                bootseal: env!("CARGO_PKG_VERSION").to_owned(),
                taken_over,
            });
        }
        if let Some((run, files)) = &self.open {
            events.push(Event::CutOff {
                run: run.clone(),
                missing: missing(context, self.index.recorded().get(files.clone()).unwrap_or_default()),
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

    /// True if these lines end as the ones that were read: the digest of the last line is one of all lines.
    fn ends(&self, lines: &[u8]) -> bool {
        let last = lines.split_inclusive(|byte| *byte == b'\n').next_back();
        let is_last = |last: &[u8]| HashAlgorithm::Sha256.digest(&[last]).to_hex() == self.head();
        lines.len() == self.size && last.is_none_or(is_last)
    }

    /// Records that the files of the run are in their places, but for those that `failed`, by their paths on the machine.
    pub fn complete(&mut self, context: &Context, mut intent: Intent, failed: &BTreeSet<String>) -> Result<()> {
        let directory = context.state()?;
        let files = self.open.as_ref().map_or(0..0, |(_, files)| files.clone());
        let files = self.index.recorded().get(files).unwrap_or_default().iter();
        let failed = files.map(|own| &own.file.path).filter(|path| failed.contains(*path));
        let signed = Event::Signed {
            run: intent.run,
            failed: failed.cloned().collect(),
        };
        self.append(context, &mut intent.journal, vec![signed], &directory)
    }

    /// Adds lines in one write.
    fn append(&mut self, context: &Context, journal: &mut Journal, events: Vec<Event>, directory: &Path) -> Result<()> {
        let time = context.date_time()?.to_string();
        let (mut end, mut text, mut links) = (self.end.clone(), Vec::new(), Vec::new());
        for event in events {
            let link = end.next(time.clone(), event);
            end.push(&link, &mut text).or_bug(cannot_encode)?;
            links.push(link);
        }
        journal.append(&text, &[directory])?;
        self.has_torn_line = false;
        self.end = end;
        self.size = self.size.saturating_add(text.len());
        drop(text);
        for link in links {
            self.take(link)
                .map_err(|()| Error::bug("a run of the ledger within another"))?;
        }
        self.index.sort();
        Ok(())
    }

    /// Replaces a ledger that has become too large by one whose first line holds its files in brief.
    fn fold(&mut self, context: &Context) -> Result<()> {
        if self.size < FOLDED_FROM || self.open.is_some() {
            return Ok(());
        }
        let is_there = |path: &str| context.path(path).is_file();
        let taken_over = self.index.taken_over || self.index.has_adopted();
        let event = Event::Folded {
            format: FORMAT.to_owned(),
            taken_over,
            batches: std::mem::take(&mut self.index).folded(is_there, MOST_FOLDED),
        };
        let mut text = Vec::new();
        let link = self.end.next(context.date_time()?.to_string(), event);
        self.end.push(&link, &mut text).or_bug(cannot_encode)?;
        system::replace_durably(context, &self.path, &text, SECRET)?;
        self.size = text.len();
        drop(text);
        self.take(link)
            .map_err(|()| Error::bug("a folded ledger within a run"))?;
        self.index.sort();
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
fn missing(context: &Context, files: &[Recorded]) -> Vec<String> {
    let is_missing = |own: &&Recorded| {
        let path = context.path(&own.file.path);
        if own.kind == Kind::Grub {
            return !signature_path(&path).is_file();
        }
        let digest = system::digest(&path, HashAlgorithm::Sha256).map(|(digest, _)| digest.to_hex());
        !digest.is_ok_and(|digest| digest == own.file.sha256)
    };
    let missing = files.iter().filter(is_missing);
    missing.map(|own| own.file.path.clone()).collect()
}

#[cfg(test)]
mod tests;
