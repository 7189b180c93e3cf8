//! The transcript: JSON lines, each with the SHA-256 of the one before, signed by the keys that the ceremony made.
//!
//! The form of the lines is that of a [chain](crate::formats::chain). A `sealed` event signs its own line, with no
//! signatures in it, and so all before. Nothing that holds a secret implements [`serde::Serialize`], so none can get into
//! an event.
//!
//! A field that later versions added is left out where it is empty: transcripts without it read as before.

mod end;
mod event;
mod planned;

use std::collections::BTreeMap;

use crate::error::{Error, Explain, Result};
use crate::formats::chain::{Chain, ChainError, Link, Start, encode};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::keys::KeyName;

pub use end::End;
pub use event::{Event, FileRecord, Looked, RecordedFinding, ShareSet};

/// The form that is written, and read.
pub const FORMAT: &str = "bootseal.transcript/1";

/// A line of the transcript.
pub type Entry = Link<Event>;

/// The reason why a text is no transcript.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TranscriptError {
    /// Lines that are no chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Another first line than the beginning of a ceremony, or one of another version.
    #[error("it does not begin with a ceremony, in the form {FORMAT}")]
    Beginning,
}

/// A transcript whose lines follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    chain: Chain<Event>,
}

impl Transcript {
    /// A transcript without any line.
    #[must_use]
    pub fn new() -> Self {
        Self { chain: Chain::new() }
    }

    /// Reads and checks the chain; signatures are [`super::verify`]'s.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, TranscriptError> {
        let chain = Chain::parse(bytes, Start::Beginning)?;
        for (place, link) in chain.links().iter().enumerate() {
            let is_beginning = matches!(&link.event, Event::Began { format, .. } if format == FORMAT);
            if is_beginning != (place == 0) {
                return Err(TranscriptError::Beginning);
            }
        }
        Ok(Self { chain })
    }

    /// The lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        self.chain.links()
    }

    /// The events, in their order.
    #[must_use]
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.entries().iter().map(|entry| &entry.event)
    }

    /// The text of all lines.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.chain.as_bytes()
    }

    /// SHA-256 of the last line, lower-case hex: who knows it knows the whole transcript.
    #[must_use]
    pub fn head(&self) -> &str {
        self.chain.end().head()
    }

    /// The next line with this event; it is not added yet.
    #[must_use]
    pub fn next(&self, time: String, event: Event) -> Entry {
        self.chain.end().next(time, event)
    }

    /// Adds a line; returns its text.
    pub fn push(&mut self, entry: Entry) -> Result<Vec<u8>> {
        self.chain.push(entry).or_bug(cannot_encode)
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

    /// True if the last line is a seal.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self.events().next_back(), Some(Event::Sealed { .. }))
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
        let line = encode(&unsigned).or_bug(cannot_encode)?;
        Ok(HashAlgorithm::Sha256.digest(&[&line]))
    }
}

fn cannot_encode() -> String {
    "cannot encode a line of the transcript".to_owned()
}

#[cfg(test)]
mod tests;
