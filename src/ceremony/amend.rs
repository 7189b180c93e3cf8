//! Lines that are added to the transcript of a key directory after the ceremony, and signed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName, Protection, Signer, SoftwareKey};
use crate::system::{self, Context, Journal};

use super::layout::PUBLIC;
use super::transcript::{End, Entry, Event, Transcript};
use super::verify;

/// The keys that sign a line.
pub(super) type Signers<'a> = BTreeMap<KeyName, &'a dyn Signer>;

/// The keys of a map that owns them.
pub(super) fn borrowed(signers: &BTreeMap<KeyName, Box<dyn Signer>>) -> Signers<'_> {
    signers.iter().map(|(name, signer)| (*name, signer.as_ref())).collect()
}

/// Adds lines to the transcript of a key directory, signed by these keys, all or none of them.
pub(crate) fn append(
    context: &Context,
    directory: &Path,
    transcript: Transcript,
    events: Vec<Event>,
    signers: &BTreeMap<KeyName, Box<dyn Signer>>,
) -> Result<Transcript> {
    context.guard(directory);
    let transcript = extended(context, transcript, events, &borrowed(signers))?;
    system::replace_durably(context, &directory.join(TRANSCRIPT), transcript.as_bytes(), PUBLIC)?;
    Ok(transcript)
}

/// A transcript with these lines at its end, signed by these keys. Nothing is written.
pub(super) fn extended(
    context: &Context,
    mut transcript: Transcript,
    events: Vec<Event>,
    signers: &Signers<'_>,
) -> Result<Transcript> {
    if signers.is_empty() {
        return Err(Error::bug("lines of a transcript that no key signs"));
    }
    let time = context.date_time()?.to_string();
    for event in events {
        transcript.push(transcript.next(time.clone(), event))?;
    }
    let unsealed = Event::Sealed {
        signatures: BTreeMap::new(),
    };
    let mut seal = transcript.next(time, unsealed);
    seal.event = sealed(&seal, signers)?;
    transcript.push(seal)?;
    // A transcript that others refuse is worse than a line that is missing.
    verify::check_seals(&transcript).or_refuse(|| {
        "its transcript knows other keys than those that sign: bring it up to date first (bootseal keys sync DIR)"
            .to_owned()
    })?;
    Ok(transcript)
}

/// The seal of a line by these keys.
pub(super) fn sealed(entry: &Entry, signers: &Signers<'_>) -> Result<Event> {
    let digest = entry.seal_digest()?;
    let signatures = signers
        .iter()
        .map(|(name, signer)| Ok((name.name().to_owned(), hex::encode(signer.sign(&digest)?))))
        .collect::<Result<_>>()?;
    Ok(Event::Sealed { signatures })
}

/// Adds a remark to a transcript: in the work directory of a ceremony under way, or in a key directory, signed by
/// one of its keys. Returns the new end.
pub fn note(context: &Context, directory: &Path, text: &str, ask: &mut Ask<'_>) -> Result<End> {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(Error::usage("a note is one line of text"));
    }
    let event = Event::Note { text: text.to_owned() };
    if directory.join("keys").is_dir() && directory.join(TRANSCRIPT).is_file() {
        return note_under_way(context, directory, event);
    }
    let present = verify::read(directory)?;
    let keys = KeyDirectory::open(directory)?;
    let (name, signer) = easiest_key(&keys, ask)?;
    if present.keys.get(name.name()) != Some(signer.public_key()) {
        return Err(Error::refused(format!(
            "the {name} key is not the one of the transcript"
        )));
    }
    if context.dry_run() {
        return End::new(directory, &present.transcript);
    }
    let signers = [(name, signer)].into();
    let transcript = append(context, directory, present.transcript, vec![event], &signers)?;
    End::new(directory, &transcript)
}

fn note_under_way(context: &Context, directory: &Path, event: Event) -> Result<End> {
    let path = directory.join(TRANSCRIPT);
    let (mut journal, lines) = Journal::open(context, &path)?;
    let mut transcript = Transcript::parse(&lines).or_refuse(|| format!("{} was altered", path.shown()))?;
    if transcript.is_sealed() {
        return Err(
            Error::refused("the ceremony is sealed already, and only has to be put in its place")
                .hint("run the ceremony again, and add the note to its key directory"),
        );
    }
    if context.dry_run() {
        return End::new(directory, &transcript);
    }
    let entry = transcript.next(context.date_time()?.to_string(), event);
    journal.append(&transcript.push(entry)?, &[])?;
    End::new(directory, &transcript)
}

/// The key of a directory that is the easiest to use: one that is not encrypted, or else the first one.
pub(crate) fn easiest_key(keys: &KeyDirectory, ask: &mut Ask<'_>) -> Result<(KeyName, Box<dyn Signer>)> {
    let present: Vec<KeyName> = KeyName::ALL
        .into_iter()
        .rev()
        .filter(|name| keys.private_key_path(*name).exists() || keys.token_uri_path(*name).exists())
        .collect();
    let plain = |name: &&KeyName| {
        SoftwareKey::protection(&keys.private_key_path(**name)).is_ok_and(|rest| rest == Protection::Plain)
    };
    let name = present.iter().find(plain).or(present.first()).copied().ok_or_else(|| {
        Error::could_not_run(format!(
            "{} has no private key to sign the transcript with",
            keys.path().shown()
        ))
    })?;
    Ok((name, keys.private(name, ask)?))
}
