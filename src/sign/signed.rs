//! A file that was signed, on its way into the manifest and the ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;
use crate::formats::crypto::hash::Digest;
use crate::ledger::Origin;
use crate::system::FileState;

use super::discover::Target;
use super::manifest::Manifest;
use super::outcome::{Change, Done, Outcome};
use super::records::Record;
use super::signing::Signing;

/// A file that the manifest is to remember as signed once the run is committed.
pub(super) struct Signed {
    pub target: Target,
    digest: Digest,
    change: Change,
    companion: Option<fn(&Path) -> PathBuf>,
    /// The states from before it was read, of a file that stays as it is.
    before: Option<Box<[FileState]>>,
}

impl Signed {
    /// Enters the file into the manifest.
    pub(super) fn enter(self, manifest: &mut Manifest, last_sure_change: i64) {
        let path = &self.target.path;
        if self.change == Change::Unchanged {
            if let Some(before) = self.before {
                manifest.remember(path, &self.digest, before, last_sure_change);
            }
            return;
        }
        let mut states = vec![FileState::at(&self.target.file)];
        states.extend(self.companion.map(|companion| FileState::at(&companion(path))));
        if let Ok(states) = states.into_iter().collect::<std::io::Result<Vec<_>>>() {
            manifest.remember(path, &self.digest, states, i64::MAX);
        }
    }
}

/// The outcome of a file, and its entries for the manifest and the ledger.
pub(super) fn outcome_of(
    signing: &Signing<'_>,
    done: Result<Done>,
    target: Target,
    before: Option<Vec<FileState>>,
) -> (Outcome, Option<Signed>, Option<Record>) {
    let done = match done {
        Ok(done) => done,
        Err(error) => return (Outcome::failed(target.path, error), None, None),
    };
    let mut warnings = done.warnings;
    // With a signature beside it, the file itself stays the same one.
    if done.change == Change::Signed && target.links > 1 && signing.companion.is_none() {
        warnings.push(format!(
            "it has {} names (hard links); the others keep the file of before",
            target.links
        ));
    }
    let record = done.digest.as_ref().zip(done.sha256).map(|(digest, sha256)| Record {
        kind: signing.kind,
        key: Arc::clone(&signing.key),
        hash: signing.hash,
        origin: done.origin.unwrap_or(Origin::Adopted),
        path: Arc::clone(&target.path),
        sha256,
        signed: digest.clone(),
    });
    let outcome = Outcome {
        path: Arc::clone(&target.path),
        result: Ok(done.change),
        kind: None,
        warnings,
        repacked: done.repacked,
        origin: done.origin,
        unvouched: done.unvouched,
        tells_of: 0,
    };
    let signed = done.digest.map(|digest| Signed {
        target,
        digest,
        change: done.change,
        companion: signing.companion,
        before: before
            .filter(|_| done.change == Change::Unchanged)
            .map(Vec::into_boxed_slice),
    });
    (outcome, signed, record)
}
