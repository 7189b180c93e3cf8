//! Signing of files of one kind, with one key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::Signer;
use crate::ledger::Kind;
use crate::system::FileState;

use super::discover::Target;

/// Signing of files of one kind, with one key.
pub(super) struct Signing<'a> {
    /// The kind of signature.
    pub kind: Kind,
    /// The fingerprint of the key, hexadecimal.
    pub key: Arc<str>,
    /// The key; none if no manifest is to be kept.
    pub signer: Option<&'a dyn Signer>,
    /// The hash that is signed.
    pub hash: HashAlgorithm,
    /// The path of the file that belongs to each, if there is one.
    pub companion: Option<fn(&Path) -> PathBuf>,
    /// True if every file is worked on, whatever the manifest says.
    pub recheck: bool,
}

impl Signing<'_> {
    /// The states of a file and of its companion; none if one of them does not exist.
    pub(super) fn states(&self, target: &Target, own: FileState) -> Option<Vec<FileState>> {
        let mut states = vec![own];
        if let Some(companion) = self.companion {
            states.push(FileState::at(&companion(&target.path)).ok()?);
        }
        Some(states)
    }
}
