//! The restore drill: a backup that was never restored is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::backup::share::Share;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{self, Context};

use super::super::afterwards::{after_drill, next_after_drill};
use super::super::copies::{Copy, Others, append_to_all, has_lists, other_copies};
use super::super::shares_left::shares_left;
use super::super::sync::level;
use super::super::transcript::{End, Event, ShareSet, Transcript};
use super::super::verify::{self, Signed};
use super::accepted::Board;
use super::contents::{RECORD, Record, SUMS};
use super::source::{SHEET, Source, passphrase_from_secret, read_source};

/// The secret that opens the backup.
pub enum Opener {
    /// The passphrase of the keys, or the one that the shares give.
    Passphrase(Passphrase),
    /// Shares.
    Shares(Vec<Share>),
    /// The passphrase that the fleet's key gives.
    Fleet(Passphrase),
}

/// The result of a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drilled {
    /// Path of the archive, or of the lines of the sheet.
    pub source: String,
    /// "archive" or "sheet".
    pub from: String,
    /// The secret that opened it: "passphrase", or the numbers of the shares.
    pub opened_by: String,
    /// The keys that were restored, sign, and are those in use.
    pub restored: Vec<String>,
    /// Those of them whose signatures a board takes that has the present lists: of PK, KEK and db, where there are lists.
    pub accepted: Vec<String>,
    /// The keys that were restored and sign, and gave way to others since: those in use are in another backup, or in none.
    pub retired: Vec<String>,
    /// Keys in use that this backup does not have, though they are on no token.
    pub missing: Vec<String>,
    /// Keys that are in no backup, because they never leave their token.
    pub without: Vec<String>,
    /// The directory of the shares' pages, if they still lie beside the archive.
    pub shares_left: Option<String>,
    /// The steps that are left to people: shares, paper, stick.
    pub then: Vec<String>,
    /// The command that comes next.
    pub next: String,
    /// True if nothing was written down.
    pub dry_run: bool,
    /// The new end of the key directory's transcript.
    #[serde(flatten)]
    pub end: End,
    /// The new ends of the other transcripts of the ceremony that it was recorded in.
    pub others: Vec<End>,
    /// The other transcripts that it could not be recorded in, each with the reason.
    pub not_recorded: Vec<String>,
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

/// The shares that a backup is under; `None` if it is under a passphrase.
pub fn recorded_shares(keys: &Path, source: &Path) -> Result<Option<ShareSet>> {
    let signed = verify::read(keys)?;
    Ok(Held::new(&signed.transcript, &read_source(source)?)?.shares)
}

/// The text that the fleet's key makes the passphrase of an archive from; `None` if something else opens it.
pub fn under_fleet(source: &Path) -> Result<Option<String>> {
    let read = read_source(source)?;
    let Some(record) = read.files.get(RECORD) else {
        return Ok(None);
    };
    let record: Record =
        serde_json::from_slice(record).or_refuse(|| format!("{RECORD} of the archive does not read"))?;
    Ok(record.under)
}

/// True if a directory has the transcript of the ceremony that an archive, or one of these directories, is of.
#[must_use]
pub fn is_of_same(directory: &Path, source: &Path, others: &[PathBuf]) -> bool {
    let Ok(own) = verify::read(directory) else { return false };
    let archived = read_source(source).ok().and_then(|read| {
        let bytes = read.files.get(TRANSCRIPT)?;
        Transcript::parse(bytes).ok()
    });
    let others = others
        .iter()
        .filter_map(|other| Some(verify::read(other).ok()?.transcript));
    let mut known = archived.into_iter().chain(others);
    known.any(|other| other.entries().first() == own.transcript.entries().first())
}

/// The content of a backup.
pub(super) struct Held {
    pub keys: Vec<String>,
    pub without: Vec<String>,
    pub shares: Option<ShareSet>,
}

impl Held {
    /// The content as the archive itself records it, if it is whole; a sheet has what the last backup has. Refuses an archive that
    /// is not as it was made: one that lacks a public file gives keys back that nobody knows.
    pub fn new(transcript: &Transcript, source: &Source) -> Result<Self> {
        let mut last = None;
        let mut made = None;
        for event in transcript.events() {
            if let Event::BackedUp {
                keys,
                without,
                shares,
                files,
            } = event
            {
                let held = || Self {
                    keys: keys.clone(),
                    without: without.clone(),
                    shares: shares.clone(),
                };
                last = Some(held());
                if files.iter().any(|file| file.sha256 == source.sha256) {
                    made = Some(held());
                }
            }
        }
        if let Some(made) = made {
            return Ok(made);
        }
        if source.kind == SHEET {
            return last.ok_or_else(|| Error::refused("this ceremony made no backup, so there is none to restore"));
        }
        check_sums(&source.files)?;
        let record = source.files.get(RECORD).map(Vec::as_slice).unwrap_or_default();
        let record: Record =
            serde_json::from_slice(record).or_refuse(|| format!("{RECORD} of the archive does not read"))?;
        Ok(Self {
            keys: record.keys,
            without: record.without,
            shares: record.shares,
        })
    }
}

/// Holds the files of an archive against their digests.
pub(super) fn check_sums(files: &BTreeMap<String, Vec<u8>>) -> Result<()> {
    let sums = files.get(SUMS).ok_or_else(|| {
        Error::refused(format!(
            "the archive is not the one that the transcript records, and has no {SUMS}"
        ))
    })?;
    for line in String::from_utf8_lossy(sums).lines() {
        let (digest, name) = line.split_once("  ").unwrap_or((line, ""));
        let bytes = files
            .get(name)
            .ok_or_else(|| Error::refused(format!("the archive lacks {name}, which its {SUMS} names")))?;
        if HashAlgorithm::Sha256.digest(&[bytes]).to_hex() != digest {
            return Err(Error::refused(format!("{name} of the archive is not as it was made")));
        }
    }
    Ok(())
}

/// Restores every key of the backup in memory, compares them with those of the key directory, and writes that down,
/// signed by the restored keys themselves: there, in the directories of the ceremony that are there too, and in `more`.
pub fn drill(context: &Context, keys: &Path, more: &[PathBuf], source: &Path, opener: &Opener) -> Result<Drilled> {
    let signed = levelled(context, keys, more)?;
    let read = read_source(source)?;
    let Held {
        keys: names,
        without,
        shares,
    } = &Held::new(&signed.transcript, &read)?;
    let (passphrase, opened_by) = open(opener, shares.as_ref())?;
    let Source {
        files,
        kind: from,
        sha256,
    } = read;
    let mut restored: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
    let mut retired = Vec::new();
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
        if !is_known(&signed.transcript, name, key.public_key()) {
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
        } else {
            retired.push(name.clone());
        }
    }
    if restored.is_empty() {
        return Err(none_in_use(keys, source));
    }
    let accepted = Board::new(context, keys, &files).takes(&restored)?;
    let present: Vec<String> = restored.keys().map(|name| name.name().to_owned()).collect();
    let missing = signed
        .keys
        .keys()
        .filter(|name| !present.contains(name) && !without.contains(name));
    let missing: Vec<String> = missing.cloned().collect();
    let report = |transcript: &Transcript, others: Others| -> Result<Drilled> {
        Ok(Drilled {
            source: source.shown(),
            from: from.to_owned(),
            opened_by: opened_by.clone(),
            restored: present.clone(),
            accepted: accepted.clone(),
            retired: retired.clone(),
            missing: missing.clone(),
            without: without.clone(),
            shares_left: shares_left(source.parent().unwrap_or(source))?,
            then: after_drill(source, shares.is_some())?,
            next: next_after_drill(keys, has_lists(keys)),
            dry_run: context.dry_run(),
            end: End::new(keys, transcript)?,
            others: others.ends,
            not_recorded: others.failures,
        })
    };
    if context.dry_run() {
        return report(&signed.transcript, Others::default());
    }
    let public: BTreeMap<&str, &RsaPublicKey> = restored
        .iter()
        .map(|(name, key)| (name.name(), key.public_key()))
        .collect();
    // A transcript that does not know of a rotation has other keys in use.
    let event = |signed: &Signed| {
        let in_use = |name: &&String| signed.keys.get(*name) == public.get(name.as_str()).copied();
        let event = Event::Drilled {
            from: from.to_owned(),
            sha256: sha256.clone(),
            opened_by: opened_by.clone(),
            keys: present.iter().filter(in_use).cloned().collect(),
            retired: retired.clone(),
        };
        vec![event]
    };
    let others = other_copies(keys, &signed.transcript, more)?;
    let own = Copy {
        directory: keys.to_owned(),
        signed,
    };
    let (transcript, others) = append_to_all(context, own, others, event, &restored)?;
    report(&transcript, others)
}

fn none_in_use(keys: &Path, source: &Path) -> Error {
    Error::refused(format!(
        "all keys of {} gave way to others since it was made: it restores none that is in use",
        source.shown()
    ))
    .hint(format!(
        "bootseal ceremony backup --keys {} DIR makes one of the keys in use",
        quoted(keys)
    ))
}

/// The transcript of a key directory, after it has learnt what the others of the ceremony know, and they from it: the line of the drill comes
/// after the same lines everywhere.
fn levelled(context: &Context, keys: &Path, more: &[PathBuf]) -> Result<Signed> {
    let signed = verify::read(keys)?;
    if context.dry_run() {
        return Ok(signed);
    }
    let others = other_copies(keys, &signed.transcript, more)?;
    let learnt = others.iter().filter(|other| has_lists(&other.directory));
    // One whose lists are not what they should be learns nothing; that is no matter of the drill, and told by the audit.
    if learnt
        .filter(|other| level(context, &[keys, &other.directory]).is_ok())
        .count()
        == 0
    {
        return Ok(signed);
    }
    verify::read(keys)
}

/// True if the transcript has this public half of a key, which may have given way to another since.
pub(super) fn is_known(transcript: &Transcript, name: &str, public: &RsaPublicKey) -> bool {
    let spki = hex::encode(public.spki_der());
    let is_made =
        |event: &Event| matches!(event, Event::KeyMade { key, public_key, .. } if key == name && *public_key == spki);
    transcript.events().any(is_made)
}

/// The passphrase, and the name of the secret that gave it.
pub(super) fn open(opener: &Opener, set: Option<&ShareSet>) -> Result<(Passphrase, String)> {
    match opener {
        Opener::Passphrase(passphrase) => Ok((passphrase.duplicate(), "passphrase".to_owned())),
        Opener::Fleet(passphrase) => Ok((passphrase.duplicate(), "the fleet's key".to_owned())),
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
