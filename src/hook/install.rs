//! Installation and removal of the scripts. Only files of ours are changed, which are recognised byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::system::{self, Context, Transaction};

use super::entries::{BOOT_CHECKS, Entry, audits, entries};
use super::mode::Mode;
use super::settings::PROGRAMS;

/// The name of the record of installed files, in the state directory.
const RECORD: &str = "hooks.json";
/// Longest file that is compared, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Permission bits of the record.
const RECORD_MODE: u32 = 0o644;

/// The change at the path of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Installed,
    /// It replaced one of an older bootseal.
    Updated,
    /// It was there already.
    Unchanged,
    /// It was taken away.
    Removed,
    /// Something else is there, and stays.
    Foreign,
}

impl Change {
    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::Foreign => "foreign",
        }
    }
}

/// A path with its change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The file, below the root.
    pub path: PathBuf,
    /// The change.
    pub change: Change,
}

/// The wishes of whoever installs the scripts.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The ways in which kernels are installed, the usual one first.
    pub modes: &'a [Mode],
    /// True if a person named them, so that they are remembered.
    pub is_named: bool,
    /// A daily audit.
    pub with_audit: bool,
    /// A look at the next start at each start of the machine.
    pub with_boot_check: bool,
    /// The path of bootseal, if it is known.
    pub program: Option<&'a Path>,
}

/// The record of the installed files, and of the directories that were made for them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    /// SHA-256 of each file, by its path without the root.
    files: BTreeMap<PathBuf, String>,
    /// Directories that were made, without the root, outermost first.
    directories: BTreeSet<PathBuf>,
    /// The names of the modes that a person named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    modes: Vec<String>,
    /// The directory of bootseal, if hooks do not look there for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
}

impl Record {
    fn path(context: &Context) -> Result<PathBuf> {
        Ok(context.state()?.join(RECORD))
    }

    fn read(context: &Context) -> Result<Self> {
        let path = Self::path(context)?;
        match system::read_ours_if_there(&path, MAX_FILE)? {
            Some(bytes) => serde_json::from_slice(&bytes).or_refuse(|| format!("cannot understand {}", path.shown())),
            None => Ok(Self::default()),
        }
    }

    fn write(&self, context: &Context) -> Result<()> {
        let path = Self::path(context)?;
        let bytes = serde_json::to_vec_pretty(self).or_bug(|| "cannot record the installation".to_owned())?;
        if let Some(directory) = path.parent() {
            system::create_dir(context, directory)?;
        }
        system::replace_durably(context, &path, &bytes, RECORD_MODE)
    }

    /// The content of an entry as it is installed.
    fn content(&self, entry: &Entry) -> Vec<u8> {
        entry.content(self.program.as_deref()).into_owned().into_bytes()
    }

    /// True if the file at a path is ours: as this bootseal installs it, or as an older one did.
    fn owns(&self, path: &Path, bytes: &[u8]) -> bool {
        let current = |entry: &Entry| entry.path() == path && self.content(entry) == bytes;
        self.files.get(path) == Some(&digest(bytes)) || entries(&Mode::ALL).iter().any(current)
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(HashAlgorithm::Sha256.digest(&[bytes]).as_bytes())
}

/// The file at the path of a script, if there is one.
enum Place {
    Free,
    Ours { is_current: bool },
    Foreign,
}

fn look(context: &Context, record: &Record, entry: &Entry) -> Result<Place> {
    let path = context.path(entry.path());
    let Some(info) = system::info_of_name(&path)? else {
        return Ok(Place::Free);
    };
    if !info.is_file() {
        return Ok(Place::Foreign);
    }
    let bytes = system::read_prefix(&path, Some(MAX_FILE))?;
    if !record.owns(&entry.path(), &bytes) {
        return Ok(Place::Foreign);
    }
    let is_current = bytes == record.content(entry) && info.mode & 0o777 == entry.mode();
    Ok(Place::Ours { is_current })
}

/// The directory of bootseal that hooks have to be told of; none if they look there anyway. They run it as root, so that nobody
/// else may be able to change it.
fn told_directory(program: Option<&Path>) -> Result<Option<String>> {
    let Some(program) = program else { return Ok(None) };
    let directory = program.parent().unwrap_or(program);
    if PROGRAMS.iter().any(|searched| directory == Path::new(searched)) {
        return Ok(None);
    }
    let move_it = || format!("install -m 755 {} /usr/local/bin/bootseal", quoted(program));
    system::check_ours(program).map_err(|error| {
        let text = format!("hooks would run {} as root", program.shown());
        Error::refused(text).caused_by(error).hint(move_it())
    })?;
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._+-".contains(character);
    match directory.to_str().filter(|directory| directory.chars().all(is_plain)) {
        Some(directory) => Ok(Some(directory.to_owned())),
        None => Err(Error::refused(format!("hooks cannot name {}", program.shown())).hint(move_it())),
    }
}

/// Installs the scripts, and the completions of the shells that are there. Nothing is written if something else is in the
/// place of a kernel's hook; where another package has a file with completions, that stays, and is named.
pub fn install(context: &Context, wanted: Wanted<'_>) -> Result<Vec<Changed>> {
    let mut record = Record::read(context)?;
    if wanted.is_named {
        record.modes = wanted.modes.iter().map(|mode| mode.name().to_owned()).collect();
    }
    // What is there was written with the directory of before, and is recorded as it is.
    record.program = told_directory(wanted.program)?;
    let usual = wanted.modes.first().filter(|_| wanted.with_audit);
    let audits = usual.map_or(&[][..], |usual| audits(*usual)).iter();
    let boot_checks = BOOT_CHECKS.iter().filter(|_| wanted.with_boot_check);
    let wanted: Vec<Entry> = entries(wanted.modes)
        .into_iter()
        .chain(audits.chain(boot_checks).copied())
        .filter(|entry| entry.has_reader(context))
        .collect();
    let mut changes = Vec::new();
    for entry in &wanted {
        let place = look(context, &record, entry)?;
        if let (Place::Foreign, Some(_)) = (&place, entry.phase) {
            let path = context.path(entry.path());
            return Err(Error::refused(format!("{} is not bootseal's, and stays", path.shown()))
                .hint(format!("look at it, and move it away: mv {} /root/", quoted(&path))));
        }
        let change = match place {
            Place::Free => Change::Installed,
            Place::Ours { is_current: true } => Change::Unchanged,
            Place::Ours { is_current: false } => Change::Updated,
            Place::Foreign => Change::Foreign,
        };
        changes.push((entry, change));
    }
    // Recorded first: what a crash leaves is found by `remove`.
    for (entry, change) in &changes {
        if *change != Change::Foreign {
            let digest = digest(&record.content(entry));
            record.files.insert(entry.path(), digest);
            let path = entry.path();
            let missing = path
                .ancestors()
                .skip(1)
                .take_while(|above| !context.path(above).exists());
            record.directories.extend(missing.map(Path::to_path_buf));
        }
    }
    record.write(context)?;
    let mut done = Vec::new();
    for (entry, change) in changes {
        let path = context.path(entry.path());
        if matches!(change, Change::Installed | Change::Updated) {
            system::create_public_dir(context, &context.path(entry.directory))?;
            system::replace_durably(context, &path, &record.content(entry), entry.mode())?;
        }
        done.push(Changed { path, change });
    }
    Ok(done)
}

/// The modes that a person named when the hooks were installed; none if nobody did.
pub fn remembered_modes(context: &Context) -> Result<Vec<Mode>> {
    let modes = Record::read(context)?.modes;
    Ok(modes.iter().filter_map(|mode| Mode::from_name(mode)).collect())
}

/// The directory of bootseal that the installed scripts have been told of.
pub(super) fn remembered_program(context: &Context) -> Result<Option<String>> {
    Ok(Record::read(context)?.program)
}

/// Takes away the scripts of both modes, as far as they are ours, and the directories that were made for them.
pub fn remove(context: &Context) -> Result<Vec<Changed>> {
    let record = Record::read(context)?;
    let audits = Mode::ALL.into_iter().flat_map(|mode| audits(mode).iter().copied());
    let paths: BTreeSet<PathBuf> = entries(&Mode::ALL)
        .into_iter()
        .chain(audits)
        .chain(BOOT_CHECKS)
        .map(|entry| entry.path())
        .chain(record.files.keys().cloned())
        .collect();
    let transaction = Transaction::new(context);
    let mut done = Vec::new();
    for path in paths {
        let real = context.path(&path);
        let Some(info) = system::info_of_name(&real)? else {
            continue;
        };
        let is_ours = info.is_file() && record.owns(&path, &system::read_prefix(&real, Some(MAX_FILE))?);
        if is_ours {
            transaction.remove(&real)?;
        }
        let change = if is_ours { Change::Removed } else { Change::Foreign };
        done.push(Changed { path: real, change });
    }
    transaction.commit_all()?;
    for directory in record.directories.iter().rev() {
        system::remove_empty_dir(context, &context.path(directory))?;
    }
    let record = Record::path(context)?;
    if record.exists() {
        let transaction = Transaction::new(context);
        transaction.remove(&record)?;
        transaction.commit_all()?;
    }
    Ok(done)
}
