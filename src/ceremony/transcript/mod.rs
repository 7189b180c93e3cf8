//! The transcript: JSON lines, each with the SHA-256 of the one before, signed by the keys that the ceremony made.
//!
//! A line is `{"number":N,"previous":HEX,"time":T,"event":{KIND:{…}}}` and a line break, in exactly this form: whatever
//! else is there does not read. `previous` is over the whole line before, its line break included; of the first line it
//! is 64 zeros. A `sealed` event signs its own line, with no signatures in it, and so all before. Nothing that holds a
//! secret implements [`Serialize`], so none can get into an event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::formats::crypto::hash::{Digest, HashAlgorithm};

/// The form that is written, and read.
pub const FORMAT: &str = "bootseal.transcript/1";
/// What the first line names as the one before.
const NONE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, from 0.
    pub number: u64,
    /// SHA-256 of the line before, lower-case hex.
    pub previous: String,
    /// When it happened, RFC 3339 UTC.
    pub time: String,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The ceremony began.
    Began {
        /// [`FORMAT`].
        format: String,
        /// Version of bootseal.
        bootseal: String,
        /// SHA-256 of the running program.
        program: String,
        /// SHA-256 of the plan.
        plan: String,
        /// Whether it is a rehearsal with keys that are thrown away.
        rehearsal: bool,
        /// The specification that the plan was made from.
        specification: String,
    },
    /// The machine was looked at.
    Preflight {
        /// What was seen.
        checks: Vec<Looked>,
    },
    /// A stopped ceremony goes on.
    Resumed {
        /// Version of bootseal.
        bootseal: String,
        /// SHA-256 of the running program.
        program: String,
    },
    /// A key is about to be made on a token, with this `CKA_ID`.
    KeyIntended {
        /// The key.
        key: String,
        /// Lower-case hex.
        id: String,
    },
    /// A key is there.
    KeyMade {
        /// The key.
        key: String,
        /// Size of the modulus, in bits.
        bits: u32,
        /// How it rests: "scrypt", "plain", or "token".
        protection: String,
        /// DER `SubjectPublicKeyInfo`, lower-case hex.
        public_key: String,
        /// The private key, or the name of the one on the token.
        files: Vec<FileRecord>,
    },
    /// The key has its certificate, or GRUB's key its OpenPGP form.
    Certified {
        /// The key.
        key: String,
        /// The subject's common name, or the user ID.
        subject: String,
        /// SHA-256 of the certificate, or the OpenPGP fingerprint.
        fingerprint: String,
        /// End of validity, RFC 3339 UTC; GRUB's has none.
        not_after: Option<String>,
        /// Its files.
        files: Vec<FileRecord>,
    },
    /// Another file or more of the key directory.
    Made {
        /// What it is.
        what: String,
        /// The files.
        files: Vec<FileRecord>,
    },
    /// The backup was made and read back.
    BackedUp {
        /// Keys whose private half is in it.
        keys: Vec<String>,
        /// Keys that never leave their token.
        without: Vec<String>,
        /// How the secret that opens it is divided; null if it is the passphrase of the keys.
        shares: Option<ShareSet>,
        /// Archive, sheet, and the pages of the shares, which are handed out.
        files: Vec<FileRecord>,
    },
    /// What was made was read back and tried.
    Checked {
        /// What held.
        checks: Vec<String>,
    },
    /// Something was left out, on somebody's word.
    Waived {
        /// What.
        what: String,
        /// Who says so.
        by: String,
        /// Why.
        reason: String,
    },
    /// What somebody present has to say.
    Note {
        /// The words.
        text: String,
    },
    /// The keys were restored from their backup.
    Drilled {
        /// What was restored from: "archive" or "sheet".
        from: String,
        /// SHA-256 of it.
        sha256: String,
        /// What opened it: "passphrase", or the numbers of the shares.
        opened_by: String,
        /// The keys that were restored, and are the right ones.
        keys: Vec<String>,
    },
    /// A key was encrypted anew, or is no longer.
    Rewrapped {
        /// The key.
        key: String,
        /// How it rests now.
        protection: String,
        /// Its file.
        files: Vec<FileRecord>,
    },
    /// A key gives way to the one that the next lines record.
    Retired {
        /// The key.
        key: String,
        /// Its fingerprint.
        fingerprint: String,
        /// By the old key: RSASSA-PKCS1-v1_5 over SHA-256 of the new DER `SubjectPublicKeyInfo`, lower-case hex.
        successor: String,
    },
    /// The keys sign this line and all before.
    Sealed {
        /// By key: RSASSA-PKCS1-v1_5 over SHA-256 of this line with no signatures in it, lower-case hex.
        signatures: BTreeMap<String, String>,
    },
}

/// What a check of the machine saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// The check.
    pub id: String,
    /// "pass", "warn", or "could not run".
    pub outcome: String,
    /// What it saw.
    pub reason: String,
}

/// Shares of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareSet {
    /// Identifier of the set.
    pub set: String,
    /// How many give the secret back.
    pub needed: u8,
    /// How many there are.
    pub of: u8,
}

/// A file as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Where it goes: "keys" for every key directory, "node", "offline", "backup" or "shares" for that place alone.
    pub place: String,
    /// Its name there.
    pub name: String,
    /// Permission bits, octal.
    pub mode: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// Why a text is no transcript.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// No line at all.
    #[error("it has no line")]
    Empty,
    /// Bytes after the last line break.
    #[error("its last line is cut off")]
    CutOff,
    /// A line that is not of the form that bootseal writes.
    #[error("line {0} is not as bootseal writes it")]
    Form(usize),
    /// A line that was changed, or is not in its place.
    #[error("line {0} does not follow the one before: lines were changed, removed or put in another order")]
    Chain(usize),
    /// Another first line than the beginning of a ceremony, or one of another version.
    #[error("it does not begin with a ceremony, in the form {FORMAT}")]
    Beginning,
}

/// The lines so far, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    entries: Vec<Entry>,
    lines: Vec<u8>,
    head: String,
}

impl Transcript {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            lines: Vec::new(),
            head: NONE_BEFORE.to_owned(),
        }
    }

    /// Reads and checks the chain; signatures are [`super::verify`]'s.
    pub fn parse(bytes: &[u8]) -> Result<Self, TranscriptError> {
        if bytes.is_empty() {
            return Err(TranscriptError::Empty);
        }
        if bytes.last() != Some(&b'\n') {
            return Err(TranscriptError::CutOff);
        }
        let mut transcript = Self::new();
        for (place, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = place.saturating_add(1);
            let entry: Entry = serde_json::from_slice(line).map_err(|_| TranscriptError::Form(number))?;
            if entry.number != place as u64 || entry.previous != transcript.head {
                return Err(TranscriptError::Chain(number));
            }
            let is_beginning = matches!(&entry.event, Event::Began { format, .. } if format == FORMAT);
            if is_beginning != (place == 0) {
                return Err(TranscriptError::Beginning);
            }
            if encode(&entry) != line {
                return Err(TranscriptError::Form(number));
            }
            transcript.push(entry);
        }
        Ok(transcript)
    }

    /// The lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What happened, in its order.
    #[must_use]
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.entries.iter().map(|entry| &entry.event)
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    /// SHA-256 of the last line, lower-case hex: who knows it knows the whole transcript.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The next line with this event; it is not added yet.
    #[must_use]
    pub fn next(&self, time: String, event: Event) -> Entry {
        Entry {
            number: self.entries.len() as u64,
            previous: self.head.clone(),
            time,
            event,
        }
    }

    /// Adds a line; returns its text.
    pub fn push(&mut self, entry: Entry) -> Vec<u8> {
        let line = encode(&entry);
        self.head = HashAlgorithm::Sha256.digest(&[&line]).to_hex();
        self.lines.extend_from_slice(&line);
        self.entries.push(entry);
        line
    }
}

impl Default for Transcript {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    /// What the signatures of a `sealed` event are over; `None` for any other.
    #[must_use]
    pub fn seal_digest(&self) -> Option<Digest> {
        let Event::Sealed { .. } = self.event else {
            return None;
        };
        let unsigned = Self {
            event: Event::Sealed {
                signatures: BTreeMap::new(),
            },
            ..self.clone()
        };
        Some(HashAlgorithm::Sha256.digest(&[&encode(&unsigned)]))
    }
}

impl Event {
    /// The files that it records.
    #[must_use]
    pub fn files(&self) -> &[FileRecord] {
        match self {
            Self::KeyMade { files, .. }
            | Self::Certified { files, .. }
            | Self::Made { files, .. }
            | Self::BackedUp { files, .. }
            | Self::Rewrapped { files, .. } => files,
            _ => &[],
        }
    }
}

fn encode(entry: &Entry) -> Vec<u8> {
    // An entry holds text, numbers and maps with text keys, for which the encoder has no error.
    let mut line = serde_json::to_vec(entry).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests;
