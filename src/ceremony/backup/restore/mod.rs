//! Keys put back from archive or sheet into a new directory, on a machine that may have nothing else of them.

mod known;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName};
use crate::formats::text::Shown;
use crate::keys::directory::{REMOVE_PK, TRANSCRIPT};
use crate::keys::{Identity, KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{self, Context, NewDirectory, NewFile};

use super::super::amend;
use super::super::layout::{PUBLIC, SECRET};
use super::super::transcript::{End, Event, FileRecord, ShareSet, Transcript};
use super::super::verify::Signed;
use super::contents::{RECORD, Record};
use super::drill::{Held, Opener, check_sums, is_known, open};
use super::source::{SHEET, Source, read_source};
use known::{is_plain, newest, place_of, public_files};
pub use whole::whole_files;

/// Keys that are to be put back.
pub struct Restore<'a> {
    /// The machine.
    pub context: &'a Context,
    /// The archive, or a file with the lines of the sheet.
    pub source: &'a Path,
    /// The directory to make.
    pub target: &'a Path,
    /// The keys; if none are named, all, as long as the ceremony kept them in one place.
    pub only: &'a [KeyName],
    /// Other directories of the ceremony, which may know more than the archive.
    pub with: &'a [PathBuf],
    /// The secret that opens the backup.
    pub opener: &'a Opener,
}

/// Keys that were put back, or in a dry run would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The new directory.
    pub directory: String,
    /// Path of the archive, or of the lines of the sheet.
    pub source: String,
    /// "archive" or "sheet".
    pub from: String,
    /// The secret that opened it: "passphrase", or the numbers of the shares.
    pub opened_by: String,
    /// The keys.
    pub keys: Vec<String>,
    /// The keys of the backup that were left out.
    pub left_out: Vec<String>,
    /// True if transcript, certificates and lists are there too; a sheet alone has none of them.
    pub complete: bool,
    /// The new ends of the transcripts: that of the new directory first.
    pub transcripts: Vec<End>,
    /// Directories of the ceremony that lack the new lines.
    pub not_recorded: Vec<String>,
    /// True if nothing was made.
    pub dry_run: bool,
}

/// The shares that a backup is under, as itself or a directory of its ceremony says; `None` if it is under a passphrase, or if nothing
/// says that.
pub fn needed_shares(source: &Path, with: &[PathBuf]) -> Result<Option<ShareSet>> {
    let read = read_source(source)?;
    if let Some(record) = read.files.get(RECORD) {
        let record: Record =
            serde_json::from_slice(record).or_refuse(|| format!("{RECORD} of the archive does not read"))?;
        return Ok(record.shares);
    }
    match newest(source, with, &read)? {
        Some((signed, _)) => Ok(Held::new(&signed.transcript, &read)?.shares),
        None => Ok(None),
    }
}

/// The refusal of a backup that has no such private key.
fn lacks(source: &Path, file: &str) -> Error {
    Error::refused(format!("{} holds no {file}", source.shown()))
        .hint("every key that is put back has to be there: scan or type the remaining lines")
}

/// Puts keys back. Every file of the archive is held against its digest, and every key against the newest transcript of the ceremony that
/// is at hand: one that gave way to another is not put back. The directory comes into being with all of it, and is never put over another.
/// `wrap` gives the passphrase of keys that are encrypted there, where the backup is under shares.
pub fn restore(request: &Restore<'_>, mut wrap: impl FnMut() -> Result<Passphrase>) -> Result<Restored> {
    let context = request.context;
    NewDirectory::check(request.target)?;
    let source = read_source(request.source)?;
    let Some((signed, copies)) = newest(request.source, request.with, &source)? else {
        return alone(request, &source, wrap);
    };
    let held = Held::new(&signed.transcript, &source)?;
    let (passphrase, opened_by) = open(request.opener, held.shares.as_ref())?;
    let names = request.wanted(&held, &signed.transcript)?;
    let keys = request.opened(&source, &names, &passphrase)?;
    request.check_in_use(&keys, &signed)?;
    let mut restored = request.report(&source, opened_by, &names, &held.keys);
    restored.complete = true;
    if context.dry_run() {
        return Ok(restored);
    }
    let public = public_files(&source, &copies, &signed.transcript)?;
    let mut chosen = match request.opener {
        Opener::Passphrase(_) => Some(passphrase),
        Opener::Shares(_) | Opener::Fleet(_) => None,
    };
    let mut files: BTreeMap<String, (Zeroizing<Vec<u8>>, FileRecord)> = BTreeMap::new();
    let mut put = |name: String, bytes: Vec<u8>, mode: u32| {
        let record = FileRecord {
            place: place_of(&signed.transcript, &name).unwrap_or_else(|| "node".to_owned()),
            mode: format!("{mode:04o}"),
            sha256: HashAlgorithm::Sha256.digest(&[&bytes]).to_hex(),
            name: name.clone(),
        };
        files.insert(name, (Zeroizing::new(bytes), record));
    };
    for (name, key) in &keys {
        let passphrase = if is_plain(&signed.transcript, *name) {
            None
        } else {
            if chosen.is_none() {
                chosen = Some(wrap()?);
            }
            chosen.as_ref()
        };
        put(format!("{name}.key"), encoded(context, key, passphrase)?, SECRET);
    }
    let mut signers: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
    for (name, key) in keys {
        if name == KeyName::Pk {
            let (key, removal) = removal(context, key, &public)?;
            put(REMOVE_PK.to_owned(), removal, PUBLIC);
            signers.insert(name, key);
        } else {
            signers.insert(name, Box::new(key));
        }
    }
    let event = Event::Restored {
        from: source.kind.to_owned(),
        sha256: source.sha256.clone(),
        opened_by: restored.opened_by.clone(),
        keys: restored.keys.clone(),
        files: files.values().map(|(_, record)| record.clone()).collect(),
    };
    let before = signed.transcript.clone();
    let transcript = amend::extended(context, signed.transcript, vec![event], &amend::borrowed(&signers))?;
    let public = public
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice(), PUBLIC));
    let private = files.iter().map(|(name, (bytes, record))| {
        let mode = if record.mode.ends_with("00") { SECRET } else { PUBLIC };
        (name.as_str(), bytes.as_slice(), mode)
    });
    let all = public
        .chain(private)
        .chain([(TRANSCRIPT, transcript.as_bytes(), PUBLIC)]);
    publish(context, request.target, all)?;
    restored.transcripts.push(End::new(request.target, &transcript)?);
    for copy in copies {
        let directory = &copy.directory;
        if copy.signed.transcript == before {
            context.guard(directory);
            let path = directory.join(TRANSCRIPT);
            match system::replace_durably(context, &path, transcript.as_bytes(), PUBLIC) {
                Ok(()) => restored.transcripts.push(End::new(directory, &transcript)?),
                Err(error) => {
                    let text = format!("{}: {}", directory.shown(), error.in_one_line());
                    restored.not_recorded.push(text);
                }
            }
        } else {
            let (new, other) = (quoted(request.target), quoted(directory));
            restored.not_recorded.push(format!(
                "{}: it knew less before; bootseal keys sync --keys {other} {new}",
                directory.shown()
            ));
        }
    }
    Ok(restored)
}

impl Restore<'_> {
    /// The keys that are to be put back.
    fn wanted(&self, held: &Held, transcript: &Transcript) -> Result<Vec<KeyName>> {
        let parse = |name: &String| -> Result<KeyName> {
            name.parse().or_refuse(|| format!("the backup names the key {name}"))
        };
        let all: Vec<KeyName> = held.keys.iter().map(parse).collect::<Result<_>>()?;
        if let Some(name) = self.only.iter().find(|name| !all.contains(name)) {
            let reason = if held.without.iter().any(|without| without == name.name()) {
                "since it never leaves its token"
            } else {
                "but that of other keys"
            };
            return Err(Error::refused(format!(
                "the backup has no private half of {name}, {reason}"
            )));
        }
        if !self.only.is_empty() {
            return Ok(all.into_iter().filter(|name| self.only.contains(name)).collect());
        }
        let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in &all {
            let place = place_of(transcript, &format!("{name}.key")).unwrap_or_default();
            places.entry(place).or_default().push(name.name());
        }
        if places.len() < 2 {
            return Ok(all);
        }
        let error =
            Error::usage("the ceremony kept these keys in two places: name those that are to come into this one");
        Err(places
            .values()
            .fold(error, |error, names| error.hint(self.command(&names.join(",")))))
    }

    fn command(&self, names: &str) -> String {
        let (source, target) = (quoted(self.source), quoted(self.target));
        format!("bootseal ceremony restore {source} {target} --only {names}")
    }

    /// The private keys out of the backup.
    fn opened(&self, source: &Source, names: &[KeyName], wrap: &Passphrase) -> Result<BTreeMap<KeyName, SoftwareKey>> {
        let mut keys = BTreeMap::new();
        for name in names {
            let file = format!("{name}.key");
            let bytes = source.files.get(&file).ok_or_else(|| lacks(self.source, &file))?;
            let key = SoftwareKey::parse(bytes, &self.source.join(&file), &mut || Ok(wrap.duplicate()))?;
            keys.insert(*name, key);
        }
        Ok(keys)
    }

    /// Refuses keys that are not in use by the newest transcript: what they sign is trusted nowhere, or soon nowhere.
    fn check_in_use(&self, keys: &BTreeMap<KeyName, SoftwareKey>, signed: &Signed) -> Result<()> {
        let is_used = |(name, key): &(&KeyName, &SoftwareKey)| signed.keys.get(name.name()) == Some(key.public_key());
        let (used, others): (Vec<_>, Vec<_>) = keys.iter().partition(is_used);
        let Some((name, key)) = others.first() else {
            return Ok(());
        };
        let names = |keys: &[(&KeyName, &SoftwareKey)]| {
            let names: Vec<&str> = keys.iter().map(|(name, _)| name.name()).collect();
            names.join(",")
        };
        if !is_known(&signed.transcript, name.name(), key.public_key()) {
            let text = format!("the {name} key of the backup is of another ceremony than its transcript");
            return Err(Error::refused(text));
        }
        let text = format!(
            "the backup is older than the keys: {} gave way to others since",
            names(&others)
        );
        let error = Error::refused(text).hint("restore from the backup that was made after the rotation");
        Err(if used.is_empty() {
            error
        } else {
            error.hint(self.command(&names(&used)))
        })
    }

    fn report(&self, source: &Source, opened_by: String, names: &[KeyName], held: &[String]) -> Restored {
        let keys: Vec<String> = names.iter().map(|name| name.name().to_owned()).collect();
        Restored {
            directory: self.target.shown(),
            source: self.source.shown(),
            from: source.kind.to_owned(),
            opened_by,
            left_out: held.iter().filter(|name| !keys.contains(name)).cloned().collect(),
            keys,
            complete: false,
            transcripts: Vec::new(),
            not_recorded: Vec::new(),
            dry_run: self.context.dry_run(),
        }
    }
}

/// A private key as its file is to have it, read back.
fn encoded(context: &Context, key: &SoftwareKey, passphrase: Option<&Passphrase>) -> Result<Vec<u8>> {
    let pem = key.to_pem(context, passphrase)?;
    let again = SoftwareKey::parse(pem.as_bytes(), Path::new("the new file"), &mut || {
        passphrase
            .map(Passphrase::duplicate)
            .ok_or_else(|| Error::bug("a plain key asks for a passphrase"))
    })?;
    if again.public_key() != key.public_key() {
        return Err(Error::bug("a key that was put back does not read back"));
    }
    Ok(pem.as_bytes().to_vec())
}

/// The write that removes PK, which lies beside its private key and is in no backup.
fn removal(
    context: &Context,
    key: SoftwareKey,
    public: &BTreeMap<String, Vec<u8>>,
) -> Result<(Box<dyn Signer>, Vec<u8>)> {
    let lacks = |file: &str| Error::refused(format!("the backup lacks {file}"));
    let file = |name: String| public.get(&name).ok_or_else(|| lacks(&name));
    let pem = file(format!("{}.pem", KeyName::Pk))?;
    let certificate = Certificate::from_pem(pem).or_refuse(|| "the certificate of PK does not read".to_owned())?;
    let write = AuthenticatedVariable::parse(file(format!("{}.auth", VariableName::Pk))?)
        .or_refuse(|| "the write of PK does not read".to_owned())?;
    let now = EfiTime::from(context.date_time()?);
    let time = if now.is_later_than(&write.time) {
        now
    } else {
        write
            .time
            .next_second()
            .or_refuse(|| "the time of PK's write cannot be exceeded".to_owned())?
    };
    let identity = Identity {
        name: KeyName::Pk.name().to_owned(),
        certificate,
        signer: Box::new(key),
    };
    let removal = identity.sign_update(VariableName::Pk, ATTRIBUTES, time, Vec::new())?;
    Ok((identity.signer, removal.to_bytes()))
}

/// Makes the directory with all its files at once.
fn publish<'f>(
    context: &Context,
    target: &Path,
    files: impl IntoIterator<Item = (&'f str, &'f [u8], u32)>,
) -> Result<()> {
    let new = NewDirectory::stage(context, target)?;
    for (name, bytes, mode) in files {
        let path = &new.path().join(name);
        NewFile { path, bytes, mode }.create(context)?;
    }
    new.publish()
}

/// Puts the private keys of a sheet back where nothing else of the ceremony is left: encrypted, since nothing says how they lay.
fn alone(request: &Restore<'_>, source: &Source, mut wrap: impl FnMut() -> Result<Passphrase>) -> Result<Restored> {
    if source.kind != SHEET {
        check_sums(&source.files)?;
        return Err(Error::refused(format!("{} has no transcript", request.source.shown()))
            .hint("name a directory of its ceremony that has one: --with DIR"));
    }
    let set = match request.opener {
        Opener::Shares(shares) => shares.first().map(|share| ShareSet {
            set: share.set_name(),
            needed: share.needed,
            of: share.of,
        }),
        Opener::Passphrase(_) | Opener::Fleet(_) => None,
    };
    let (passphrase, opened_by) = open(request.opener, set.as_ref())?;
    let held: BTreeSet<KeyName> = source
        .files
        .keys()
        .filter_map(|file| file.strip_suffix(".key")?.parse().ok())
        .collect();
    let names: Vec<KeyName> = held
        .iter()
        .copied()
        .filter(|name| request.only.is_empty() || request.only.contains(name))
        .collect();
    let keys = request.opened(source, &names, &passphrase)?;
    let all: Vec<String> = held.iter().map(|name| name.name().to_owned()).collect();
    let restored = request.report(source, opened_by, &names, &all);
    if request.context.dry_run() || keys.is_empty() {
        return Ok(restored);
    }
    let passphrase = match request.opener {
        Opener::Passphrase(_) => passphrase,
        Opener::Shares(_) | Opener::Fleet(_) => wrap()?,
    };
    let mut files = Vec::new();
    for (name, key) in &keys {
        let bytes = Zeroizing::new(encoded(request.context, key, Some(&passphrase))?);
        files.push((format!("{name}.key"), bytes));
    }
    let files = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice(), SECRET));
    publish(request.context, request.target, files)?;
    Ok(restored)
}
