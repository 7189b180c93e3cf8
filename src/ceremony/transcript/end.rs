//! The end of a transcript, for people to write down.

use std::path::Path;

use serde::Serialize;

use crate::error::{Explain, Result};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::text::Shown;

use super::Transcript;

/// The end of a transcript: who knows it knows the whole transcript. Each line that is added changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// The directory of the transcript.
    pub directory: String,
    /// SHA-256 of the last line, lower-case hex.
    pub head: String,
    /// The head in words.
    pub words: String,
}

impl End {
    /// The end of the transcript that a directory has.
    pub fn new(directory: &Path, transcript: &Transcript) -> Result<Self> {
        let head = transcript.head().to_owned();
        let digest = hex::decode(&head).or_bug(|| "a digest is no hex".to_owned())?;
        Ok(Self {
            directory: directory.shown(),
            words: fingerprint_words(&digest),
            head,
        })
    }
}
