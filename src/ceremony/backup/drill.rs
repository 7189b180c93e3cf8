//! The restore drill: a backup that was never restored is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::formats::backup::share::Share;
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::text::Shown;
use crate::keys::{KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{self, Context};

use super::super::amend;
use super::super::transcript::{Event, ShareSet, Transcript};
use super::super::verify;
use super::source::{Source, passphrase_from_secret, read_source};

/// The secret that opens the backup.
pub enum Opener {
    /// The passphrase of the keys, or the one that the shares give.
    Passphrase(Passphrase),
    /// Shares.
    Shares(Vec<Share>),
}

/// The result of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drilled {
    /// The key directory whose keys were compared.
    pub keys: String,
    /// Path of the archive, or of the lines of the sheet.
    pub source: String,
    /// "archive" or "sheet".
    pub from: String,
    /// The secret that opened it: "passphrase", or the numbers of the shares.
    pub opened_by: String,
    /// The keys that were restored, sign, and are the right ones.
    pub restored: Vec<String>,
    /// Keys that are in no backup, because they never leave their token.
    pub without: Vec<String>,
    /// True if nothing was written down.
    pub dry_run: bool,
    /// SHA-256 of the transcript's last line, lower-case hex.
    pub head: String,
    /// The head for people to compare.
    pub words: String,
}

/// Reads shares from a private file, one a line; empty lines are skipped. Refuses a line that is no share, by its number.
pub fn read_shares(path: &Path) -> Result<Vec<Share>> {
    let bytes = system::read_secret(path)?;
    let cannot = || format!("cannot use the shares in {}", path.shown());
    let text = std::str::from_utf8(&bytes).or_refuse(cannot)?;
    let lines = text.lines().zip(1_u64..).filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(line, number)| {
            let share = Share::parse(line).or_refuse(|| format!("line {number}"));
            share.or_refuse(cannot)
        })
        .collect()
}

/// The shares that the backup of a key directory is under; `None` if it is under the passphrase of the keys.
pub fn recorded_shares(keys: &Path) -> Result<Option<ShareSet>> {
    let signed = verify::read(keys)?;
    Ok(recorded(&signed.transcript)?.2.cloned())
}

/// The last backup: keys in it, keys without, shares.
fn recorded(transcript: &Transcript) -> Result<(&[String], &[String], Option<&ShareSet>)> {
    let last = transcript.events().rev().find_map(|event| match event {
        Event::BackedUp {
            keys, without, shares, ..
        } => Some((keys.as_slice(), without.as_slice(), shares.as_ref())),
        _ => None,
    });
    last.ok_or_else(|| Error::refused("this ceremony made no backup, so there is none to restore"))
}

/// Restores every key of the backup in memory, compares them with those of the key directory, and writes that down,
/// signed by the restored keys themselves.
pub fn drill(context: &Context, keys: &Path, source: &Path, opener: &Opener) -> Result<Drilled> {
    let signed = verify::read(keys)?;
    let (names, without, set) = recorded(&signed.transcript)?;
    let (passphrase, opened_by) = open(opener, set)?;
    let Source {
        files,
        kind: from,
        sha256,
    } = read_source(source)?;
    let mut restored: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
    for name in names {
        let known: KeyName = name
            .parse()
            .or_refuse(|| format!("the transcript names the key {name}"))?;
        let file = format!("{name}.key");
        let bytes = files.get(&file).ok_or_else(|| {
            Error::refused(format!("{} holds no {file}", source.shown()))
                .hint("every key of the backup has to be there: scan or type the remaining lines")
        })?;
        let path: PathBuf = source.join(&file);
        let key = SoftwareKey::parse(bytes, &path, &mut || Ok(passphrase.duplicate()))?;
        if public_key_at_backup(&signed.transcript, name)? != *key.public_key() {
            return Err(Error::refused(format!(
                "the {name} key of the backup is another than that of {}",
                keys.shown()
            )));
        }
        let digest = HashAlgorithm::Sha256.digest(&[&context.random::<32>()?]);
        let signature = key.sign(&digest)?;
        key.public_key()
            .verify(&digest, &signature)
            .or_refuse(|| format!("the {name} key of the backup makes no signature that holds"))?;
        // A key that was rotated since is in the backup still, but signs for nothing any more.
        if signed.keys.get(name) == Some(key.public_key()) {
            restored.insert(known, Box::new(key));
        }
    }
    let report = |transcript: &Transcript| -> Result<Drilled> {
        let digest = hex::decode(transcript.head()).or_bug(|| "a digest is no hex".to_owned())?;
        Ok(Drilled {
            keys: keys.shown(),
            source: source.shown(),
            from: from.to_owned(),
            opened_by: opened_by.clone(),
            restored: names.to_vec(),
            without: without.to_vec(),
            dry_run: context.dry_run(),
            words: fingerprint_words(&digest),
            head: transcript.head().to_owned(),
        })
    };
    if context.dry_run() {
        return report(&signed.transcript);
    }
    let event = Event::Drilled {
        from: from.to_owned(),
        sha256,
        opened_by: opened_by.clone(),
        keys: names.to_vec(),
    };
    let transcript = amend::append(context, keys, signed.transcript.clone(), vec![event], &restored)?;
    report(&transcript)
}

/// The public half of a key as it was when the backup was made.
fn public_key_at_backup(transcript: &Transcript, name: &str) -> Result<RsaPublicKey> {
    let mut present = None;
    let mut backed_up = None;
    for event in transcript.events() {
        match event {
            Event::KeyMade { key, public_key, .. } if key == name => present = Some(public_key),
            Event::BackedUp { .. } => backed_up = present,
            _ => {}
        }
    }
    let cannot = || format!("the transcript does not have the public half of the {name} key");
    let hex = backed_up.ok_or_else(|| Error::refused(cannot()))?;
    let spki = hex::decode(hex).or_refuse(cannot)?;
    RsaPublicKey::from_spki_der(&spki).or_refuse(cannot)
}

/// The passphrase, and the name of the secret that gave it.
fn open(opener: &Opener, set: Option<&ShareSet>) -> Result<(Passphrase, String)> {
    match opener {
        Opener::Passphrase(passphrase) => Ok((passphrase.duplicate(), "passphrase".to_owned())),
        Opener::Shares(shares) => {
            let set =
                set.ok_or_else(|| Error::usage("this backup is under the passphrase of the keys, not under shares"))?;
            if let Some(other) = shares.iter().find(|share| share.set_name() != set.set) {
                return Err(Error::refused(format!(
                    "share {} is of the set {}, and this backup is under the set {}",
                    other.number,
                    other.set_name(),
                    set.set
                )));
            }
            let secret = Share::combine(shares).or_refuse(|| "the shares do not open the backup".to_owned())?;
            let mut numbers: Vec<u8> = shares.iter().map(|share| share.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
            let passphrase = Passphrase::new(&passphrase_from_secret(&secret))?;
            Ok((passphrase, format!("shares {}", numbers.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn shares_are_read_a_line_each_and_a_bad_line_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("shares");
        let shares = |text: &str| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            read_shares(&path)
        };
        assert!(shares("\n \n").unwrap().is_empty());
        let error = shares("\nno share\n").unwrap_err();
        assert_eq!(error.kind().exit_code(), 1);
        assert!(error.in_one_line().contains("line 2"), "{}", error.in_one_line());
    }
}
