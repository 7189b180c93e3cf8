//! The files of a ledger, found by digest and by path.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::event::{Batch, Event, Kind, Origin, SignedFile};
use crate::formats::chain::Link;

/// A signature that the ledger has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The kind of signature.
    pub kind: Kind,
    /// SHA-256 of the certificate, or the OpenPGP fingerprint, lower-case hex.
    pub key: String,
    /// The hash of the digest that was signed.
    pub hash: String,
    /// The reason why it was signed.
    pub origin: Origin,
    /// The time of the run, RFC 3339 UTC.
    pub time: String,
    /// The identifier of the run; none of lines that were folded.
    pub run: Option<String>,
    /// The file.
    pub file: SignedFile,
}

/// A file's place among the recorded ones.
pub type Place = usize;

/// All signatures of a ledger.
#[derive(Debug, Default, Clone)]
pub struct Index {
    recorded: Vec<Recorded>,
    by_digest: HashMap<(Kind, String), Place>,
    by_path: HashMap<(Kind, String), Place>,
    /// True if there were signatures before the ledger.
    pub taken_over: bool,
}

impl Index {
    /// Adds the files of a line.
    pub(super) fn add(&mut self, link: &Link<Event>) {
        match &link.event {
            Event::Began { taken_over, .. } => self.taken_over = *taken_over,
            Event::Signing { run, batches, .. } | Event::Adopted { run, batches } => {
                self.add_batches(batches, &link.time, Some(run));
            }
            Event::Folded {
                taken_over, batches, ..
            } => {
                self.taken_over = *taken_over;
                self.add_batches(batches, &link.time, None);
            }
            Event::Signed { .. } | Event::CutOff { .. } => {}
        }
    }

    fn add_batches(&mut self, batches: &[Batch], time: &str, run: Option<&str>) {
        for batch in batches {
            for file in &batch.files {
                let place = self.recorded.len();
                self.by_digest.insert((batch.kind, file.signed.clone()), place);
                self.by_path.insert((batch.kind, file.path.clone()), place);
                self.recorded.push(Recorded {
                    kind: batch.kind,
                    key: batch.key.clone(),
                    hash: batch.hash.clone(),
                    origin: batch.origin,
                    time: batch.time.clone().unwrap_or_else(|| time.to_owned()),
                    run: run.map(str::to_owned),
                    file: file.clone(),
                });
            }
        }
    }

    /// All signatures, the oldest first.
    #[must_use]
    pub fn recorded(&self) -> &[Recorded] {
        &self.recorded
    }

    /// The last signature of this kind over a digest, lower-case hex.
    #[must_use]
    pub fn by_digest(&self, kind: Kind, signed: &str) -> Option<&Recorded> {
        self.recorded.get(*self.by_digest.get(&(kind, signed.to_owned()))?)
    }

    /// The last signature of this kind for a path on the machine.
    #[must_use]
    pub fn by_path(&self, kind: Kind, path: &str) -> Option<&Recorded> {
        self.recorded.get(*self.by_path.get(&(kind, path.to_owned()))?)
    }

    /// True if a run signed any file of this kind, or took one over. Images that bootseal made itself do not count.
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        let is_it = |recorded: &Recorded| recorded.kind == kind && recorded.origin != Origin::Made;
        self.recorded.iter().any(is_it)
    }

    /// True if there were signatures before the ledger.
    #[must_use]
    pub fn has_adopted(&self) -> bool {
        self.recorded.iter().any(|recorded| recorded.origin == Origin::Adopted)
    }

    /// True if any file of this kind with this name was signed.
    #[must_use]
    pub fn has_file(&self, kind: Kind, name: &str) -> bool {
        let is_it = |recorded: &Recorded| {
            recorded.kind == kind
                && Path::new(&recorded.file.path)
                    .file_name()
                    .is_some_and(|own| own == name)
        };
        self.recorded.iter().any(is_it)
    }

    /// The files in brief: each path and digest of a kind once, with the last time, without the modules that `is_there`
    /// does not know, and no more than `most` of EFI images and GRUB's files, the newest.
    pub(super) fn folded(&self, is_there: impl Fn(&str) -> bool, most: usize) -> Vec<Batch> {
        let mut seen: HashSet<(Kind, &str, &str)> = HashSet::new();
        let mut kept: Vec<&Recorded> = Vec::new();
        let mut others = 0_usize;
        for recorded in self.recorded.iter().rev() {
            let file = &recorded.file;
            let digest = match recorded.kind {
                // Only the present module is of interest.
                Kind::Modules => "",
                Kind::Efi | Kind::Grub => file.signed.as_str(),
            };
            if !seen.insert((recorded.kind, &file.path, digest)) {
                continue;
            }
            let is_kept = match recorded.kind {
                Kind::Modules => is_there(&file.path),
                Kind::Efi | Kind::Grub => {
                    others = others.saturating_add(1);
                    others <= most
                }
            };
            if is_kept {
                kept.push(recorded);
            }
        }
        let mut batches: Vec<Batch> = Vec::new();
        for recorded in kept.into_iter().rev() {
            let is_same = |batch: &Batch| {
                batch.kind == recorded.kind
                    && batch.key == recorded.key
                    && batch.hash == recorded.hash
                    && batch.origin == recorded.origin
                    && batch.time.as_deref() == Some(&recorded.time)
            };
            match batches.last_mut() {
                Some(batch) if is_same(batch) => batch.files.push(recorded.file.clone()),
                _ => batches.push(Batch {
                    kind: recorded.kind,
                    key: recorded.key.clone(),
                    hash: recorded.hash.clone(),
                    origin: recorded.origin,
                    time: Some(recorded.time.clone()),
                    files: vec![recorded.file.clone()],
                }),
            }
        }
        batches
    }
}
