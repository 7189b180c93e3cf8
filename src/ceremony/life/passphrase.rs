//! Another passphrase for private keys, or none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::directory::{Ask, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName, Passphrase, Protection, Signer, SoftwareKey};
use crate::system::{self, Context};

use super::super::amend;
use super::super::layout::SECRET;
use super::super::transcript::{End, Event, FileRecord};
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
        let file = format!("{name}.key");
        let mut known = signed.transcript.events().rev().flat_map(Event::files);
        let place = known
            .find(|record| record.name == file)
            .map(|record| record.place.clone());
        events.push(Event::Rewrapped {
            key: name.name().to_owned(),
            protection: protection.to_owned(),
            files: vec![FileRecord {
                // A key that was on a token, or elsewhere, when it was recorded is on the node now.
                place: place.unwrap_or_else(|| "node".to_owned()),
                name: file,
                mode: format!("{SECRET:04o}"),
                sha256: HashAlgorithm::Sha256.digest(&[pem.as_bytes()]).to_hex(),
            }],
        });
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
