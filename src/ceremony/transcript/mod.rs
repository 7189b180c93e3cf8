//! The transcript: JSON lines, each with the SHA-256 of the one before, signed by the keys that the ceremony made.
//!
//! A line is `{"number":N,"previous":HEX,"time":T,"event":{KIND:{…}}}` and a line break, in exactly this form: whatever
//! else is there does not read. `previous` is over the whole line before, its line break included; of the first line it
//! is 64 zeros. A `sealed` event signs its own line, with no signatures in it, and so all before. Nothing that holds a
//! secret implements [`Serialize`], so none can get into an event.
//!
//! A field that later versions added is left out where it is empty: transcripts without it read as before.

mod event;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::keys::KeyName;

pub use event::{Event, FileRecord, Looked, RecordedFinding, ShareSet};

/// The form that is written, and read.
pub const FORMAT: &str = "bootseal.transcript/1";
/// The digest that the first line has in the place of one before.
const NONE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A line of the transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The number of the line, from 0.
    pub number: u64,
    /// SHA-256 of the line before, lower-case hex.
    pub previous: String,
    /// The time of the event, RFC 3339 UTC.
    pub time: String,
    /// The event.
    pub event: Event,
}

/// The reason why a text is no transcript.
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

/// A transcript whose lines follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    entries: Vec<Entry>,
    lines: Vec<u8>,
    head: String,
}

impl Transcript {
    /// A transcript without any line.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            lines: Vec::new(),
            head: NONE_BEFORE.to_owned(),
        }
    }

    /// Reads and checks the chain; signatures are [`super::verify`]'s.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, TranscriptError> {
        if bytes.is_empty() {
            return Err(TranscriptError::Empty);
        }
        if bytes.last() != Some(&b'\n') {
            return Err(TranscriptError::CutOff);
        }
        let mut transcript = Self::new();
        for (place, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = place.saturating_add(1);
            let bad_form = || TranscriptError::Form(number);
            let entry: Entry = serde_json::from_slice(line).map_err(|_| bad_form())?;
            if entry.number != place as u64 || entry.previous != transcript.head {
                return Err(TranscriptError::Chain(number));
            }
            let is_beginning = matches!(&entry.event, Event::Began { format, .. } if format == FORMAT);
            if is_beginning != (place == 0) {
                return Err(TranscriptError::Beginning);
            }
            if encode(&entry).map_err(|_| bad_form())? != line {
                return Err(bad_form());
            }
            transcript.add(entry, line);
        }
        Ok(transcript)
    }

    /// The lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The events, in their order.
    #[must_use]
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.entries.iter().map(|entry| &entry.event)
    }

    /// The text of all lines.
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
    pub fn push(&mut self, entry: Entry) -> Result<Vec<u8>> {
        let line = encode(&entry)?;
        self.add(entry, &line);
        Ok(line)
    }

    fn add(&mut self, entry: Entry, line: &[u8]) {
        self.head = HashAlgorithm::Sha256.digest(&[line]).to_hex();
        self.lines.extend_from_slice(line);
        self.entries.push(entry);
    }

    /// True if the ceremony has made this key.
    #[must_use]
    pub fn has_key(&self, name: KeyName) -> bool {
        self.events()
            .any(|event| matches!(event, Event::KeyMade { key, .. } if key == name.name()))
    }

    /// True if the ceremony has made the certificate of this key, or GRUB's public key.
    #[must_use]
    pub fn has_certificate(&self, name: KeyName) -> bool {
        self.events()
            .any(|event| matches!(event, Event::Certified { key, .. } if key == name.name()))
    }

    /// True if a line is a seal.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.events().any(|event| matches!(event, Event::Sealed { .. }))
    }
}

impl Default for Transcript {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    /// SHA-256 of the line of a `sealed` event with no signatures in it, over which they are made.
    pub fn seal_digest(&self) -> Result<Digest> {
        let Event::Sealed { .. } = self.event else {
            return Err(Error::bug("only a seal is signed"));
        };
        let unsigned = Self {
            event: Event::Sealed {
                signatures: BTreeMap::new(),
            },
            ..self.clone()
        };
        Ok(HashAlgorithm::Sha256.digest(&[&encode(&unsigned)?]))
    }
}

fn encode(entry: &Entry) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry).or_bug(|| "cannot encode a line of the transcript".to_owned())?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests;
