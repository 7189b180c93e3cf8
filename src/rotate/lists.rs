//! Lists of a ceremony that follow a change of the firmware: another board gets what was added here, and lacks what was removed.
//!
//! The new files are signed before the firmware is written to, and staged afterwards.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use crate::ceremony::transcript::{End, Event, FileRecord};
use crate::ceremony::{
    Copy, PUBLIC, append_to_all, check_lists, end_change, level, other_copies, put, recorded, signer, stage, verify,
};
use crate::enroll::Update;
use crate::error::{Error, Result, quoted};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{APPEND_ATTRIBUTES, ATTRIBUTES, EfiTime, VariableName};
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};
use crate::formats::text::{Shown, printable};
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{Identity, KeyDirectory, KeyName, Signer};
use crate::system::{self, Context, operator};
use crate::trust::{applied, meant};

use super::new_key::exceeded;
use super::place::{Files, MAX_FILE, Place};

/// Most entries of a change that a transcript names; the files themselves have all.
const MAX_NAMED: usize = 16;

/// A change of KEK, db or dbx.
#[derive(Debug)]
pub struct ListChange {
    /// The variable.
    pub variable: VariableName,
    /// The time of the write that the firmware gets, if it replaces the content: it takes no earlier one after that.
    pub written: Option<EfiTime>,
    /// The entries that come.
    pub added: SignatureDatabase,
    /// The entries that go.
    pub removed: SignatureDatabase,
    /// The reason, for people.
    pub reason: Option<String>,
}

/// The result of a change, in the directories of the ceremony.
#[derive(Debug, Default)]
pub struct ListsChanged {
    /// The new ends of the transcripts.
    pub ends: Vec<End>,
    /// The directories without a transcript that were changed.
    pub unrecorded: Vec<PathBuf>,
    /// The directories that could not be changed, each with the reason.
    pub failures: Vec<String>,
}

/// New lists of the directories of a ceremony, signed, and in no place yet.
pub struct NewLists {
    pub(super) signers: BTreeMap<KeyName, Box<dyn Signer>>,
    pub(super) directories: Vec<NewFiles>,
}

pub(super) struct NewFiles {
    pub(super) directory: PathBuf,
    pub(super) files: Files,
    pub(super) events: Vec<Event>,
    pub(super) transcript: Option<verify::Signed>,
}

impl NewLists {
    /// Signs what the key directory, and each other directory of its ceremony that is there, is to enroll after these changes, each of
    /// another variable. Nothing is written, except that an earlier change that was cut short is ended.
    pub fn sign(
        context: &Context,
        keys: &KeyDirectory,
        more: &[PathBuf],
        changes: &[ListChange],
        ask: &mut Ask<'_>,
    ) -> Result<Self> {
        let mut identities: BTreeMap<KeyName, Identity> = BTreeMap::new();
        for change in changes {
            let name = signer(change.variable);
            if let Entry::Vacant(entry) = identities.entry(name) {
                entry.insert(keys.identity(name, ask)?);
            }
        }
        catch_up(context, keys, more)?;
        let mut directories = Vec::new();
        // The same content is signed once, so that transcripts that are one stay one.
        let mut known = BTreeMap::new();
        for (directory, transcript) in directories_of(keys, more)? {
            let opened = KeyDirectory::open(&directory)?.below(context.root());
            let place = Place {
                context,
                keys: &opened,
                authority: keys,
            };
            let mut new = NewFiles {
                files: Files::new(),
                events: Vec::new(),
                directory,
                transcript,
            };
            for change in changes {
                if let Some(signed) = &new.transcript {
                    end_change(context, &new.directory, &signed.transcript)?;
                    check_recorded(&opened, change.variable, signed)?;
                }
                if let Some(identity) = identities.get(&signer(change.variable)) {
                    let files = place.changed(change, identity, &mut known)?;
                    new.events.extend((!files.is_empty()).then(|| change.event(&files)));
                    new.files.extend(files);
                }
            }
            if !new.files.is_empty() {
                directories.push(new);
            }
        }
        let signers = identities
            .into_iter()
            .map(|(name, identity)| (name, identity.signer))
            .collect();
        Ok(Self { signers, directories })
    }

    /// Puts the lists into their places, and records them.
    pub fn publish(self, context: &Context) -> Result<ListsChanged> {
        let mut changed = ListsChanged::default();
        if context.dry_run() {
            return Ok(changed);
        }
        let mut events = BTreeMap::new();
        let mut copies = Vec::new();
        let mut staged = Vec::new();
        for new in self.directories {
            context.guard(&new.directory);
            let files = new
                .files
                .iter()
                .map(|(name, (bytes, _))| (name.as_str(), bytes.as_slice()));
            stage(context, &new.directory, files)?;
            staged.push(new.directory.clone());
            if let Some(signed) = new.transcript {
                events.insert(signed.transcript.head().to_owned(), new.events);
                copies.push(Copy {
                    directory: new.directory,
                    signed,
                });
            } else {
                put(context, &new.directory, |_, _| true)?;
                changed.unrecorded.push(new.directory);
            }
        }
        if copies.is_empty() {
            return Ok(changed);
        }
        let own = copies.remove(0);
        let directory = own.directory.clone();
        let events = |signed: &verify::Signed| events.get(signed.transcript.head()).cloned().unwrap_or_default();
        let (transcript, others) = append_to_all(context, own, copies, events, &self.signers)?;
        changed.ends.push(End::new(&directory, &transcript)?);
        changed.ends.extend(others.ends);
        changed.failures = others.failures;
        for directory in &staged {
            if system::is_there(&directory.join(TRANSCRIPT))? {
                end_change(context, directory, &verify::read(directory)?.transcript)?;
            }
        }
        Ok(changed)
    }
}

/// Ends what an earlier change began: in the key directory, and in the others of its ceremony that have lists and had not come to it. A
/// line that was then added to each by itself would part them.
pub(super) fn catch_up(context: &Context, keys: &KeyDirectory, more: &[PathBuf]) -> Result<()> {
    if context.dry_run() || !system::is_there(&keys.file_path(TRANSCRIPT))? {
        return Ok(());
    }
    let known = directories_of(keys, more)?;
    for (directory, signed) in &known {
        if let Some(signed) = signed {
            end_change(context, directory, &signed.transcript)?;
        }
    }
    let directories: Vec<&Path> = known.iter().map(|(directory, _)| directory.as_path()).collect();
    level(context, &directories)
}

/// The key directory, and the others of its ceremony that have lists, with their transcripts.
pub(super) fn directories_of(keys: &KeyDirectory, more: &[PathBuf]) -> Result<Vec<(PathBuf, Option<verify::Signed>)>> {
    let own = keys.path().to_owned();
    if !system::is_there(&keys.file_path(TRANSCRIPT))? {
        return Ok(vec![(own, None)]);
    }
    let signed = verify::read(&own)?;
    let others = other_copies(&own, &signed.transcript, more)?;
    let mut directories = vec![(own, Some(signed))];
    for copy in others {
        // A backup has none.
        if system::is_there(&copy.directory.join(format!("{}.esl", VariableName::Db)))? {
            directories.push((copy.directory, Some(copy.signed)));
        }
    }
    Ok(directories)
}

impl ListChange {
    /// No change, but that the write of what is enrolled already is signed anew if this one makes it unusable.
    pub fn later_than(write: &Update) -> Result<Self> {
        Ok(Self {
            variable: write.variable,
            written: Some(write.time()?),
            added: SignatureDatabase::default(),
            removed: SignatureDatabase::default(),
            reason: None,
        })
    }

    fn event(&self, files: &Files) -> Event {
        Event::Changed {
            variable: self.variable.to_string(),
            added: names(&self.added),
            removed: names(&self.removed),
            reason: self.reason.clone(),
            by: Some(operator()),
            files: files.iter().map(|(name, (bytes, _))| record(name, bytes)).collect(),
        }
    }
}

impl Place<'_> {
    /// The new files of the key directory; none if it enrolls this already. `known` has the writes that were signed, by their content.
    fn changed(
        &self,
        change: &ListChange,
        identity: &Identity,
        known: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    ) -> Result<Files> {
        let variable = change.variable;
        let present = self.keys.database(variable)?;
        let mut lists = meant(self.keys, variable)?;
        let removed = change.removed.index();
        lists.retain(|kind, entry| !removed.contains(&(kind, entry.data.as_slice())));
        lists.merge(&change.added);
        let mut files = Files::new();
        let made = self.keys.update_if_there(variable)?.map(|update| update.time);
        let is_stale = change
            .written
            .is_some_and(|written| made.is_some_and(|made| !made.is_later_than(&written)));
        if lists == present && !is_stale {
            return Ok(files);
        }
        let content = lists.to_bytes();
        let auth = if let Some(auth) = known.get(&content) {
            auth.clone()
        } else {
            let attributes = if variable == VariableName::Dbx {
                APPEND_ATTRIBUTES
            } else {
                ATTRIBUTES
            };
            let mut time = self.time(variable)?;
            if let Some(written) = change.written.filter(|written| !time.is_later_than(written)) {
                time = exceeded(written)?;
            }
            let signed = identity.sign_update(variable, attributes, time, content.clone())?;
            known.insert(content.clone(), signed.to_bytes());
            signed.to_bytes()
        };
        if variable != VariableName::Dbx {
            files.insert(format!("{variable}.esl"), (content, PUBLIC));
        }
        files.insert(format!("{variable}.auth"), (auth, PUBLIC));
        // The lists have their entries now, and what is removed from them must not come back.
        for write in applied(self.keys, variable)? {
            files.insert(write.name, (Vec::new(), PUBLIC));
        }
        Ok(files)
    }
}

pub(super) fn record(name: &str, bytes: &[u8]) -> FileRecord {
    FileRecord {
        place: "keys".to_owned(),
        name: name.to_owned(),
        mode: format!("{PUBLIC:04o}"),
        sha256: HashAlgorithm::Sha256.digest(&[bytes]).to_hex(),
    }
}

/// The entries of a change, for people.
pub(super) fn names(database: &SignatureDatabase) -> Vec<String> {
    let mut names: Vec<String> = database.entries().map(|(kind, entry)| name(kind, entry)).collect();
    if names.len() > MAX_NAMED {
        let others = names.len() - MAX_NAMED;
        names.truncate(MAX_NAMED);
        names.push(format!("and {others} others"));
    }
    names
}

fn name(kind: SignatureType, entry: &Signature) -> String {
    match Certificate::from_der(&entry.data) {
        Ok(certificate) if kind == SignatureType::X509 => {
            let fingerprint = certificate.fingerprint().to_hex();
            format!("\"{}\" ({fingerprint})", printable(&certificate.common_name()))
        }
        _ => hex::encode(&entry.data),
    }
}

/// Refuses lists that somebody has changed: what is in them would be signed.
fn check_recorded(keys: &KeyDirectory, variable: VariableName, signed: &verify::Signed) -> Result<()> {
    for path in [keys.lists_path(variable), keys.update_path(variable)] {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let present = system::read_ours_if_there(&path, MAX_FILE)?;
        let digest = present.map(|bytes| HashAlgorithm::Sha256.digest(&[&bytes]).to_hex());
        if digest.as_deref() != recorded(&signed.transcript, &name) {
            return Err(
                Error::refused(format!("{} is not the file that is recorded", path.shown()))
                    .hint(format!("bootseal ceremony verify {}", quoted(keys.path()))),
            );
        }
    }
    check_lists(keys.path(), variable, &signed.keys, |name| {
        system::read_ours_if_there(&keys.file_path(name), MAX_FILE)
    })
}
