//! The transcript held against the files: what was made, by whom it is signed, and whether it still is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Explain, Result};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::keys::KeyName;
use crate::keys::directory::TRANSCRIPT;
use crate::system;

use super::backup::ARCHIVE;
use super::transcript::{Event, FileRecord, Transcript};
use super::work::IMPORTED;

/// Largest transcript, in bytes.
const MAX_TRANSCRIPT: u64 = 16 << 20;
/// Endings of files that a key directory has by a ceremony alone.
const OURS: [&str; 9] = ["key", "uri", "pem", "der", "esl", "auth", "gpg", "guid", "jsonl"];

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The directory.
    pub directory: String,
    /// How many lines the transcript has.
    pub entries: usize,
    /// SHA-256 of its last line, lower-case hex.
    pub head: String,
    /// The same for people to compare.
    pub words: String,
    /// Whether it was a rehearsal.
    pub rehearsal: bool,
    /// The keys that signed, all of those that the ceremony made.
    pub signed_by: Vec<String>,
    /// Whether a restore was tried, or somebody waived that.
    pub complete: bool,
    /// When the last restore was tried, RFC 3339 UTC.
    pub last_drill: Option<String>,
    /// Files that are as recorded.
    pub files: Vec<String>,
    /// Private keys that are recorded for another place.
    pub elsewhere: Vec<String>,
    /// What somebody had to say, or waived.
    pub remarks: Vec<String>,
    /// What is wrong.
    pub findings: Vec<String>,
}

/// A transcript whose chain and signatures hold.
pub struct Signed {
    /// The lines.
    pub transcript: Transcript,
    /// Public halves by key, as of the end.
    pub keys: BTreeMap<String, RsaPublicKey>,
}

/// Reads the transcript of a directory, and checks chain and signatures.
pub fn read(directory: &Path) -> Result<Signed> {
    let path = directory.join(TRANSCRIPT);
    let bytes = system::read_if_there(&path, MAX_TRANSCRIPT)?.ok_or_else(|| {
        Error::could_not_run(format!("there is no transcript of a ceremony at {}", path.display()))
            .hint("name the directory that a ceremony made; keys from before bootseal 0.2 have no transcript")
    })?;
    let refused = || format!("{} does not hold", path.display());
    let transcript = Transcript::parse(&bytes).or_refuse(refused)?;
    let keys = check_seals(&transcript).or_refuse(refused)?;
    Ok(Signed { transcript, keys })
}

/// Why signatures do not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A key that does not read.
    #[error("line {0} names a public key that is none")]
    Key(u64),
    /// A signature that does not fit.
    #[error("the signature of {key} in line {line} does not hold: lines were changed")]
    Signature {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// A seal by a key that the ceremony did not make.
    #[error("line {line} is signed by {key}, which is not among the keys before it")]
    Unknown {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// The first seal lacks a key, or a later one has none.
    #[error("line {line} is not signed by {key}")]
    Missing {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// A key in the place of another, which did not sign for it.
    #[error("the new {key} key of line {line} is not signed by the one before it")]
    Successor {
        /// The key.
        key: String,
        /// The line, from 1.
        line: u64,
    },
    /// Lines after the last seal, or none at all.
    #[error("its end is not signed: lines were removed or added")]
    Open,
}

/// Checks that every seal holds, the first by all keys, and that nothing comes after the last.
pub fn check_seals(transcript: &Transcript) -> std::result::Result<BTreeMap<String, RsaPublicKey>, SealError> {
    let mut keys: BTreeMap<String, RsaPublicKey> = BTreeMap::new();
    let mut is_first = true;
    let mut is_open = true;
    let mut successor: Option<(String, Vec<u8>)> = None;
    for entry in transcript.entries() {
        let line = entry.number.saturating_add(1);
        is_open = true;
        match &entry.event {
            Event::KeyMade { key, public_key, .. } => {
                let spki = hex::decode(public_key).map_err(|_| SealError::Key(line))?;
                let public = RsaPublicKey::from_spki_der(&spki).map_err(|_| SealError::Key(line))?;
                if let Some(old) = keys.get(key) {
                    let unnamed = SealError::Successor { key: key.clone(), line };
                    let (name, signature) = successor.take().ok_or_else(|| unnamed.clone())?;
                    let digest = HashAlgorithm::Sha256.digest(&[&spki]);
                    if name != *key || old.verify(&digest, &signature).is_err() {
                        return Err(unnamed);
                    }
                }
                keys.insert(key.clone(), public);
            }
            Event::Retired {
                key,
                successor: signature,
                ..
            } => {
                let signature = hex::decode(signature).map_err(|_| SealError::Key(line))?;
                successor = Some((key.clone(), signature));
            }
            Event::Sealed { signatures } => {
                let digest = entry.seal_digest().ok_or(SealError::Open)?;
                for (key, signature) in signatures {
                    let key = key.clone();
                    let Some(public) = keys.get(&key) else {
                        return Err(SealError::Unknown { key, line });
                    };
                    let holds = hex::decode(signature)
                        .is_ok_and(|bytes| hex::encode(&bytes) == *signature && public.verify(&digest, &bytes).is_ok());
                    if !holds {
                        return Err(SealError::Signature { key, line });
                    }
                }
                let required: Vec<&String> = if is_first { keys.keys().collect() } else { Vec::new() };
                if let Some(key) = required.into_iter().find(|key| !signatures.contains_key(*key)) {
                    return Err(SealError::Missing { key: key.clone(), line });
                }
                if signatures.is_empty() {
                    let key = "any key".to_owned();
                    return Err(SealError::Missing { key, line });
                }
                is_first = false;
                is_open = false;
            }
            _ => {}
        }
    }
    if is_open { Err(SealError::Open) } else { Ok(keys) }
}

/// Replays the transcript of a directory, and compares its files. `head` is what the head has to be, hex or words.
pub fn verify(directory: &Path, head: Option<&str>) -> Result<Verified> {
    let signed = read(directory)?;
    let transcript = &signed.transcript;
    let digest = hex::decode(transcript.head()).or_bug(|| "a digest is no hex".to_owned())?;
    let words = fingerprint_words(&digest);
    let mut verified = Verified {
        directory: directory.display().to_string(),
        entries: transcript.entries().len(),
        head: transcript.head().to_owned(),
        rehearsal: transcript
            .events()
            .any(|event| matches!(event, Event::Began { rehearsal: true, .. })),
        signed_by: signed.keys.keys().cloned().collect(),
        complete: false,
        last_drill: last_drill(transcript),
        files: Vec::new(),
        elsewhere: Vec::new(),
        remarks: remarks(transcript),
        findings: Vec::new(),
        words,
    };
    let waived = transcript.events().any(|event| matches!(event, Event::Waived { .. }));
    verified.complete = verified.last_drill.is_some() || waived;
    if let Some(expected) = head {
        let expected = expected.trim().to_lowercase().replace(' ', "-");
        if expected != verified.head && expected != verified.words {
            verified.findings.push(format!(
                "the transcript's head is {} ({}), not the one named: lines were added, or it was cut back to an earlier seal",
                verified.head, verified.words
            ));
        }
    }
    compare(directory, transcript, &mut verified)?;
    Ok(verified)
}

/// When a restore was tried last.
#[must_use]
pub fn last_drill(transcript: &Transcript) -> Option<String> {
    let drilled = |event: &Event| matches!(event, Event::Drilled { .. });
    let entries = transcript.entries().iter().rev();
    entries
        .filter(|entry| drilled(&entry.event))
        .map(|entry| entry.time.clone())
        .next()
}

fn remarks(transcript: &Transcript) -> Vec<String> {
    let remark = |event: &Event| match event {
        Event::Note { text } => Some(text.clone()),
        Event::Waived { what, by, reason } => Some(format!("{by} waives the {what}: {reason}")),
        _ => None,
    };
    let entries = transcript.entries().iter();
    entries
        .filter_map(|entry| Some(format!("{}: {}", entry.time, remark(&entry.event)?)))
        .collect()
}

/// The files as they were last recorded, by place and name.
fn recorded(transcript: &Transcript) -> BTreeMap<(&str, &str), &FileRecord> {
    let files = transcript.events().flat_map(Event::files);
    files
        .filter(|record| record.place != IMPORTED)
        .map(|record| ((record.place.as_str(), record.name.as_str()), record))
        .collect()
}

/// Whether the ceremony put this place's files into this very directory.
fn is_at_home(transcript: &Transcript, place: &str, directory: &Path) -> bool {
    let Some(Event::Began { specification, .. }) = transcript.events().next() else {
        return false;
    };
    let plan: Value = serde_json::from_str(specification).unwrap_or_default();
    let Ok(directory) = fs::canonicalize(directory) else {
        return false;
    };
    let files = plan.get("files").and_then(Value::as_array).into_iter().flatten();
    files
        .filter(|file| file.get("place").and_then(Value::as_str) == Some(place))
        .filter_map(|file| file.get("path").and_then(Value::as_str))
        .any(|path| {
            Path::new(path)
                .parent()
                .and_then(|parent| fs::canonicalize(parent).ok())
                == Some(directory.clone())
        })
}

fn compare(directory: &Path, transcript: &Transcript, verified: &mut Verified) -> Result<()> {
    let recorded = recorded(transcript);
    let is_backup = directory.join(ARCHIVE).exists() || is_at_home(transcript, "backup", directory);
    let places: &[&str] = if is_backup {
        &["backup", "shares"]
    } else {
        &["keys", "node", "offline"]
    };
    let mut known: BTreeSet<&str> = [TRANSCRIPT].into();
    for place in places {
        let of_place = recorded.iter().filter(|((own, _), _)| own == place);
        let names: Vec<&str> = of_place.clone().map(|((_, name), _)| *name).collect();
        let folder = if *place == "shares" {
            directory.join(place)
        } else {
            directory.to_path_buf()
        };
        // Public files are in every key directory; private ones in that of their place. Shares are handed out.
        let is_here = match *place {
            "keys" | "backup" => true,
            "shares" => false,
            _ => names.iter().any(|name| folder.join(name).exists()) || is_at_home(transcript, place, directory),
        };
        for ((_, name), record) in of_place {
            known.insert(name);
            let path = folder.join(name);
            if !is_here && !path.exists() {
                if *place != "shares" {
                    verified.elsewhere.push(format!("{name} ({place})"));
                }
                continue;
            }
            match held_against(&path, record)? {
                None => verified.files.push((*name).to_owned()),
                Some(finding) => verified.findings.push(finding),
            }
        }
    }
    if !is_backup {
        unrecorded(directory, &known, verified)?;
    }
    Ok(())
}

/// What is wrong with a file.
fn held_against(path: &Path, record: &FileRecord) -> Result<Option<String>> {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return Ok(Some(format!("{} is missing", path.display())));
    };
    let is_secret = record.mode.ends_with("00");
    let mode = metadata.permissions().mode() & 0o7777;
    if is_secret && mode & 0o077 != 0 {
        return Ok(Some(format!(
            "{} has the mode {mode:04o}: others can use it",
            path.display()
        )));
    }
    let digest = HashAlgorithm::Sha256.digest(&[&system::read(path)?]).to_hex();
    if digest == record.sha256 {
        return Ok(None);
    }
    Ok(Some(format!("{} is not the file that is recorded", path.display())))
}

/// Files that look like a ceremony's, and are none of it.
fn unrecorded(directory: &Path, known: &BTreeSet<&str>, verified: &mut Verified) -> Result<()> {
    let cannot = || format!("cannot list {}", directory.display());
    let mut foreign = Vec::new();
    for entry in fs::read_dir(directory).or_could_not_run(cannot)? {
        let path = entry.or_could_not_run(cannot)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if OURS.contains(&ending.as_str()) && !known.contains(name.as_str()) {
            foreign.push(format!("{} is not recorded", path.display()));
        }
    }
    foreign.sort();
    verified.findings.extend(foreign);
    Ok(())
}

/// How a key rests by the last record, and whether the backup has it.
#[must_use]
pub fn is_backed_up(transcript: &Transcript, name: KeyName) -> bool {
    let mut is_backed_up = false;
    for event in transcript.events() {
        match event {
            Event::BackedUp { keys, .. } => is_backed_up |= keys.iter().any(|key| key == name.name()),
            // Another key than the one of the backup.
            Event::KeyMade { key, .. } if key == name.name() => is_backed_up = false,
            _ => {}
        }
    }
    is_backed_up
}
