//! A backup of the keys as they are: after a rotation, or when archive or shares were lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{self, Context, NewDirectory, NewFile, create_dir};

use super::super::amend;
use super::super::layout::{PUBLIC, SHARES};
use super::super::shares_left::shares_left;
use super::super::spec::Shares;
use super::super::staged::{MAX_FILE, public_records};
use super::super::sync::level;
use super::super::transcript::{End, Event, FileRecord, ShareSet, Transcript};
use super::super::verify::{self, Signed};
use super::assemble::{Backup, Wrap, assemble};
use super::contents::Subject;

/// A backup that is asked for.
pub struct Request<'a> {
    /// The machine.
    pub context: &'a Context,
    /// The key directory.
    pub keys: &'a KeyDirectory,
    /// The directory with the private keys of PK and KEK; the same, often.
    pub authority: &'a KeyDirectory,
    /// The directory to make.
    pub target: &'a Path,
    /// The shares to divide the secret into; if none are named, as many as the last backup had.
    pub shares: Option<Shares>,
}

/// A backup that was made, or in a dry run would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    /// Its directory.
    pub directory: String,
    /// Names of its files, relative to that.
    pub files: Vec<String>,
    /// Keys whose private half is in it.
    pub keys: Vec<String>,
    /// Keys that never leave their token.
    pub without: Vec<String>,
    /// The shares of its secret; null if it is under a passphrase.
    pub shares: Option<ShareSet>,
    /// The directory of the shares' pages, which are to be handed out.
    pub shares_left: Option<String>,
    /// The new ends of the transcripts.
    pub transcripts: Vec<End>,
    /// True if nothing was made.
    pub dry_run: bool,
}

/// Makes a backup of all keys in use, restores each from it, and records it in the transcripts of both directories. `wrap` gives the
/// passphrase of a backup that is not divided; `ask` those of the keys.
pub fn backup(request: &Request<'_>, wrap: impl FnOnce() -> Result<Passphrase>, ask: &mut Ask<'_>) -> Result<BackedUp> {
    let Request { context, target, .. } = *request;
    let directories = request.directories();
    for directory in &directories {
        context.guard(directory.path());
    }
    if !context.dry_run() {
        let paths: Vec<&Path> = directories.iter().map(|directory| directory.path()).collect();
        level(context, &paths)?;
    }
    let signed: Vec<Signed> = directories
        .iter()
        .map(|directory| verify::read(directory.path()))
        .collect::<Result<_>>()?;
    let mut keys = BTreeMap::new();
    let mut without = Vec::new();
    let is_known = |name: &KeyName| signed.iter().any(|signed| signed.keys.contains_key(name.name()));
    for name in KeyName::ALL.into_iter().filter(is_known) {
        match request.holder(&directories, &signed, name)? {
            Holder::Token => without.push(name.name().to_owned()),
            Holder::File(directory, expected) => {
                let key = directory.software_key(name, ask)?;
                if expected != key.public_key() {
                    return Err(Error::refused(format!(
                        "{} is not the private {name} key that the transcript of {} has",
                        directory.private_key_path(name).shown(),
                        directory.path().shown()
                    )));
                }
                keys.insert(name, Arc::new(key));
            }
        }
    }
    // The directory that knows all keys in use: PK and KEK may have been rotated where the node was not.
    let knows_all = |signed: &&Signed| {
        let mut opened = keys.iter();
        opened.all(|(name, key)| signed.keys.get(name.name()) == Some(key.public_key()))
    };
    let base = signed.iter().find(knows_all).ok_or_else(|| {
        let shown: Vec<String> = directories.iter().map(|directory| directory.path().shown()).collect();
        let text = format!("no transcript of {} knows all keys in use", shown.join(" and "));
        Error::refused(text)
            .hint("each has keys that were rotated without the other: keys rotate records in both with --authority")
    })?;
    let transcript = &base.transcript;
    let names: Vec<String> = keys.keys().map(|name| name.name().to_owned()).collect();
    let mut made = BackedUp {
        directory: target.shown(),
        files: Vec::new(),
        keys: names.clone(),
        without: without.clone(),
        shares: None,
        shares_left: None,
        transcripts: Vec::new(),
        dry_run: context.dry_run(),
    };
    if context.dry_run() {
        return Ok(made);
    }
    let wrap = match request.shares.or(last_shares(transcript)) {
        Some(shares) => Wrap::Divided(shares),
        None => Wrap::Passphrase(wrap()?),
    };
    let (name, rehearsal) = beginning(transcript)?;
    let subject = Subject {
        name: &name,
        rehearsal,
        date: context.date_time()?.to_string(),
        transcript,
        public: public_files(&directories, transcript)?,
        under: None,
    };
    let backup = assemble(context, &subject, &keys, &wrap)?;
    let event = Event::BackedUp {
        keys: names,
        without,
        shares: backup.shares.clone(),
        files: records(&backup),
    };
    let recorded = amend::extended(
        context,
        base.transcript.clone(),
        vec![event.clone()],
        &amend::borrowed(&signers(&keys, base)),
    )?;
    made.files = publish(request, &backup, &recorded)?;
    made.shares = backup.shares;
    made.shares_left = shares_left(target)?;
    for (directory, signed) in directories.iter().zip(&signed) {
        let directory = directory.path();
        // Those that are one stay one.
        let transcript = if signed.transcript == base.transcript {
            system::replace_durably(context, &directory.join(TRANSCRIPT), recorded.as_bytes(), PUBLIC)?;
            recorded.clone()
        } else {
            let signers = signers(&keys, signed);
            let event = event_for(&event, &signers);
            amend::append(context, directory, signed.transcript.clone(), vec![event], &signers)?
        };
        made.transcripts.push(End::new(directory, &transcript)?);
    }
    Ok(made)
}

/// The place of a private key.
enum Holder<'a> {
    Token,
    /// The directory, and the public half that its transcript has.
    File(
        &'a KeyDirectory,
        &'a crate::formats::crypto::rsa_public_key::RsaPublicKey,
    ),
}

impl<'a> Request<'a> {
    /// The key directory, and that of PK and KEK if it is another.
    fn directories(&self) -> Vec<&'a KeyDirectory> {
        let other = Some(self.authority).filter(|other| other.path() != self.keys.path());
        [Some(self.keys), other].into_iter().flatten().collect()
    }

    /// The directory that has a private key. Refused if none has.
    fn holder<'s>(&self, directories: &[&'s KeyDirectory], signed: &'s [Signed], name: KeyName) -> Result<Holder<'s>> {
        for (directory, signed) in directories.iter().copied().zip(signed) {
            if directory.token_uri(name)?.is_some() {
                return Ok(Holder::Token);
            }
            if system::is_there(&directory.private_key_path(name))? {
                let expected = signed.keys.get(name.name());
                let expected = expected.ok_or_else(|| {
                    Error::refused(format!(
                        "the transcript of {} has no {name} key",
                        directory.path().shown()
                    ))
                })?;
                return Ok(Holder::File(directory, expected));
            }
        }
        let shown: Vec<String> = directories.iter().map(|directory| directory.path().shown()).collect();
        let error = Error::could_not_run(format!("the private {name} key is not in {}", shown.join(" or ")));
        Err(error.hint(format!(
            "bootseal ceremony backup --keys {} --authority OFFLINE {}",
            quoted(self.keys.path()),
            quoted(self.target)
        )))
    }
}

/// The shares of the last backup.
fn last_shares(transcript: &Transcript) -> Option<Shares> {
    transcript.events().rev().find_map(|event| match event {
        Event::BackedUp { shares, .. } => Some(shares.as_ref().map(|set| Shares {
            needed: set.needed,
            of: set.of,
        })),
        _ => None,
    })?
}

/// The name of the ceremony, and true if it was a rehearsal.
fn beginning(transcript: &Transcript) -> Result<(String, bool)> {
    let Some(Event::Began {
        specification,
        rehearsal,
        ..
    }) = transcript.events().next()
    else {
        return Err(Error::bug("a transcript without its beginning"));
    };
    let plan: Value = serde_json::from_str(specification).or_refuse(|| "the transcript holds no plan".to_owned())?;
    let name = plan.get("name").and_then(Value::as_str).unwrap_or("bootseal");
    Ok((name.to_owned(), *rehearsal))
}

/// The public files that every key directory has, each as the last line that names it records it.
fn public_files(directories: &[&KeyDirectory], transcript: &Transcript) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for (name, record) in public_records(transcript) {
        let mut found = None;
        for directory in directories {
            let bytes = system::read_ours_if_there(&directory.path().join(name), MAX_FILE)?;
            found = found.or(bytes.filter(|bytes| HashAlgorithm::Sha256.digest(&[bytes]).to_hex() == record.sha256));
        }
        let found = found.ok_or_else(|| {
            let first = directories.first().map_or(Path::new(""), |directory| directory.path());
            Error::refused(format!("{} is not the file that is recorded", first.join(name).shown()))
                .hint(format!("bootseal ceremony verify {}", quoted(first)))
        })?;
        files.insert(name.to_owned(), found);
    }
    Ok(files)
}

fn records(backup: &Backup) -> Vec<FileRecord> {
    let record = |(place, name, bytes): &(&'static str, String, zeroize::Zeroizing<Vec<u8>>)| FileRecord {
        place: (*place).to_owned(),
        name: name.clone(),
        mode: format!("{:04o}", Backup::MODE),
        sha256: HashAlgorithm::Sha256.digest(&[bytes]).to_hex(),
    };
    backup.files.iter().map(record).collect()
}

/// The record of the backup as a transcript can have it that knows these keys: of another key it would say that it is in a backup.
fn event_for(event: &Event, known: &BTreeMap<KeyName, Box<dyn Signer>>) -> Event {
    let mut event = event.clone();
    if let Event::BackedUp { keys, .. } = &mut event {
        keys.retain(|key| known.keys().any(|name| name.name() == key));
    }
    event
}

/// The keys that sign lines of a transcript: those that it has.
fn signers(keys: &BTreeMap<KeyName, Arc<SoftwareKey>>, signed: &Signed) -> BTreeMap<KeyName, Box<dyn Signer>> {
    let known = |(name, key): &(&KeyName, &Arc<SoftwareKey>)| signed.keys.get(name.name()) == Some(key.public_key());
    let mut signers: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
    for (name, key) in keys.iter().filter(known) {
        signers.insert(*name, Box::new(Arc::clone(key)));
    }
    signers
}

/// Puts the directory of the backup in its place, complete. It comes before the transcripts of the keys: what they record is there.
fn publish(request: &Request<'_>, backup: &Backup, recorded: &Transcript) -> Result<Vec<String>> {
    let context = request.context;
    let new = NewDirectory::stage(context, request.target)?;
    let mut names = Vec::new();
    let folder = new.path().join(SHARES);
    for (place, name, bytes) in &backup.files {
        let relative = if *place == SHARES {
            create_dir(context, &folder)?;
            Path::new(SHARES).join(name)
        } else {
            PathBuf::from(name)
        };
        let path = &new.path().join(&relative);
        NewFile {
            path,
            bytes,
            mode: Backup::MODE,
        }
        .create(context)?;
        names.push(relative.shown());
    }
    NewFile {
        path: &new.path().join(TRANSCRIPT),
        bytes: recorded.as_bytes(),
        mode: PUBLIC,
    }
    .create(context)?;
    names.push(TRANSCRIPT.to_owned());
    if folder.is_dir() {
        system::sync_directory(&folder)?;
    }
    new.publish()?;
    Ok(names)
}
