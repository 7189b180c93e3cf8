//! Another passphrase for private keys, or none.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName, Passphrase, Protection, Signer, SoftwareKey};
use crate::system::{self, Context};

use super::super::amend;
use super::super::layout::{PUBLIC, SECRET};
use super::super::transcript::{End, Event, FileRecord, Transcript};
use super::super::verify;

/// The keys that were encrypted anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rewrapped {
    /// The keys.
    pub keys: Vec<String>,
    /// The new protection: "scrypt" or "plain".
    pub protection: &'static str,
    /// The new end of the transcript; null if there is none.
    #[serde(flatten)]
    pub end: Option<End>,
    /// True if nothing was changed.
    pub dry_run: bool,
}

/// Encrypts private keys with another passphrase, or leaves them in clear. Every key is opened and written in its new form
/// before the first one takes the place of the old.
pub fn rewrap(
    context: &Context,
    keys: &KeyDirectory,
    names: &[KeyName],
    new: Option<&Passphrase>,
    ask: &mut Ask<'_>,
) -> Result<Rewrapped> {
    let protection = if new.is_some() {
        Protection::SCRYPT
    } else {
        Protection::PLAIN
    };
    context.guard(keys.path());
    let has_transcript = keys.file_path(TRANSCRIPT).exists();
    let signed = has_transcript.then(|| verify::read(keys.path())).transpose()?;
    let mut signers: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
    let mut pems = Vec::new();
    for name in names.iter().copied() {
        if keys.token_uri(name)?.is_some() {
            return Err(Error::usage(format!(
                "the {name} key is on a token, which has a PIN, not a passphrase"
            )));
        }
        let key = keys.software_key(name, ask)?;
        let pem = key.to_pem(context, new)?;
        // A file that does not open again must not take the place of one that does.
        let path = keys.private_key_path(name);
        let again = SoftwareKey::parse(pem.as_bytes(), &path, &mut || {
            new.map(Passphrase::duplicate)
                .ok_or_else(|| Error::bug("a plain key asks for a passphrase"))
        })?;
        if again.public_key() != key.public_key() {
            return Err(Error::bug(format!(
                "the {name} key is another one after it was encrypted anew"
            )));
        }
        pems.push((name, path, pem));
        signers.insert(name, Box::new(key));
    }
    let mut events = Vec::new();
    for (name, path, pem) in &pems {
        system::replace_durably(context, path, pem.as_bytes(), SECRET)?;
        let Some(signed) = &signed else { continue };
        events.push(event(&signed.transcript, *name, protection, pem));
    }
    let transcript = match signed {
        Some(signed) if !context.dry_run() => Some(amend::append(
            context,
            keys.path(),
            signed.transcript,
            events,
            &signers,
        )?),
        signed => signed.map(|signed| signed.transcript),
    };
    Ok(Rewrapped {
        keys: names.iter().map(|name| name.name().to_owned()).collect(),
        protection,
        end: transcript
            .map(|transcript| End::new(keys.path(), &transcript))
            .transpose()?,
        dry_run: context.dry_run(),
    })
}

/// The line of a key that rests in another form.
fn event(transcript: &Transcript, name: KeyName, protection: &str, pem: &str) -> Event {
    let file = format!("{name}.key");
    let mut known = transcript.events().rev().flat_map(Event::files);
    let place = known
        .find(|record| record.name == file)
        .map(|record| record.place.clone());
    Event::Rewrapped {
        key: name.name().to_owned(),
        protection: protection.to_owned(),
        files: vec![FileRecord {
            // A key that was on a token, or elsewhere, when it was recorded is on the node now.
            place: place.unwrap_or_else(|| "node".to_owned()),
            name: file,
            mode: format!("{SECRET:04o}"),
            sha256: HashAlgorithm::Sha256.digest(&[pem.as_bytes()]).to_hex(),
        }],
    }
}

/// Records of keys that lie here encrypted that they are in clear where they go, in these directories of the ceremony, after looking
/// through the first one. Nothing is written in clear. What is recorded as that already is left alone.
pub(crate) fn record_plain(
    context: &Context,
    directories: &[&Path],
    names: &[KeyName],
    ask: &mut Ask<'_>,
) -> Result<()> {
    let first = directories
        .first()
        .ok_or_else(|| Error::bug("no directory of a ceremony"))?;
    let signed = verify::read(first)?;
    let is_plain = |name: &KeyName| {
        let plain = |event: &Event| matches!(event, Event::Rewrapped { key, protection, .. } if key == name.name() && protection == Protection::PLAIN);
        signed.transcript.events().any(plain)
    };
    if names.iter().any(is_plain) {
        return Ok(());
    }
    if let Some(finding) = verify::verify(first, None)?.findings.first() {
        return Err(Error::refused(format!(
            "the files are not as they were made: {finding}"
        )));
    }
    let keys = KeyDirectory::open(first)?;
    let mut events = Vec::new();
    let mut signers: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
    for name in names {
        let key = keys.software_key(*name, ask)?;
        let pem = key.to_pem(context, None)?;
        events.push(event(&signed.transcript, *name, Protection::PLAIN, &pem));
        signers.insert(*name, Box::new(key));
    }
    if events.is_empty() {
        return Ok(());
    }
    let transcript = amend::extended(context, signed.transcript, events, &amend::borrowed(&signers))?;
    // The first one comes last: until it has the lines, a run that was cut short writes all of them again.
    for directory in directories.iter().rev() {
        context.guard(directory);
        system::replace_durably(context, &directory.join(TRANSCRIPT), transcript.as_bytes(), PUBLIC)?;
    }
    Ok(())
}
