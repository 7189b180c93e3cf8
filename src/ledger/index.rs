//! The files of a ledger, found by digest and by path.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::event::{Batch, Event, Kind, Origin, SignedFile};
use crate::formats::chain::Link;

/// The facts that the signatures of one batch share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// SHA-256 of the certificate, or the OpenPGP fingerprint, lower-case hex.
    pub key: String,
    /// The hash of the digests that were signed.
    pub hash: String,
    /// The time of the run, RFC 3339 UTC.
    pub time: String,
    /// The identifier of the run; none of lines that were folded.
    pub run: Option<String>,
}

/// A signature that the ledger has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The kind of signature.
    pub kind: Kind,
    /// The reason why it was signed.
    pub origin: Origin,
    /// The facts that it shares with others.
    pub lot: Arc<Lot>,
    /// The file.
    pub file: SignedFile,
}

/// A file's place among the recorded ones.
pub type Place = usize;

/// All signatures of a ledger.
#[derive(Debug, Default, Clone)]
pub struct Index {
    recorded: Vec<Recorded>,
    /// The places by kind and digest, and of one digest the oldest first.
    by_digest: Vec<Place>,
    /// The places by kind and path, and of one path the oldest first.
    by_path: Vec<Place>,
    /// True if there were signatures before the ledger.
    pub taken_over: bool,
}

impl Index {
    /// Adds the files of a line. They are found after [`Self::sort`].
    pub(super) fn add(&mut self, link: Link<Event>) {
        match link.event {
            Event::Began { taken_over, .. } => self.taken_over = taken_over,
            Event::Signing { run, batches, .. } | Event::Adopted { run, batches } => {
                self.add_batches(batches, &link.time, Some(&run));
            }
            Event::Folded {
                taken_over, batches, ..
            } => {
                self.taken_over = taken_over;
                self.add_batches(batches, &link.time, None);
            }
            Event::Signed { .. } | Event::CutOff { .. } => {}
        }
    }

    fn add_batches(&mut self, batches: Vec<Batch>, time: &str, run: Option<&str>) {
        for batch in batches {
            let lot = Arc::new(Lot {
                key: batch.key,
                hash: batch.hash,
                time: batch.time.unwrap_or_else(|| time.to_owned()),
                run: run.map(str::to_owned),
            });
            self.recorded.extend(batch.files.into_iter().map(|file| Recorded {
                kind: batch.kind,
                origin: batch.origin,
                lot: Arc::clone(&lot),
                file,
            }));
        }
    }

    /// Has what was added be found.
    pub(super) fn sort(&mut self) {
        let recorded = &self.recorded;
        let sort = |order: &mut Vec<Place>, text: fn(&SignedFile) -> &str| {
            order.extend(order.len()..recorded.len());
            // A stable sort: of one text the oldest stays first.
            order.sort_by_key(|place| recorded.get(*place).map(|own| (own.kind, text(&own.file))));
        };
        sort(&mut self.by_digest, signed);
        sort(&mut self.by_path, path);
    }

    /// All signatures, the oldest first.
    #[must_use]
    pub fn recorded(&self) -> &[Recorded] {
        &self.recorded
    }

    /// All signatures, the oldest first, without the index.
    #[must_use]
    pub fn into_recorded(self) -> Vec<Recorded> {
        self.recorded
    }

    /// The last signature of this kind over a digest, lower-case hex.
    #[must_use]
    pub fn by_digest(&self, kind: Kind, digest: &str) -> Option<&Recorded> {
        self.last(&self.by_digest, (kind, digest), signed)
    }

    /// The last signature of this kind for a path on the machine.
    #[must_use]
    pub fn by_path(&self, kind: Kind, sought: &str) -> Option<&Recorded> {
        self.last(&self.by_path, (kind, sought), path)
    }

    fn last(&self, order: &[Place], sought: (Kind, &str), text: fn(&SignedFile) -> &str) -> Option<&Recorded> {
        let key = |place: &Place| self.recorded.get(*place).map(|own| (own.kind, text(&own.file)));
        let end = order.partition_point(|place| key(place) <= Some(sought));
        let place = order.get(end.checked_sub(1)?)?;
        self.recorded.get(*place).filter(|_| key(place) == Some(sought))
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
    pub(super) fn folded(self, is_there: impl Fn(&str) -> bool, most: usize) -> Vec<Batch> {
        let mut seen: HashSet<(Kind, &str, &str)> = HashSet::new();
        let mut others = 0_usize;
        let mut is_kept = |recorded: &Recorded| match recorded.kind {
            Kind::Modules => is_there(&recorded.file.path),
            Kind::Efi | Kind::Grub => {
                others = others.saturating_add(1);
                others <= most
            }
        };
        let mut kept: Vec<bool> = Vec::with_capacity(self.recorded.len());
        for recorded in self.recorded.iter().rev() {
            let file = &recorded.file;
            let digest = match recorded.kind {
                // Only the present module is of interest.
                Kind::Modules => "",
                Kind::Efi | Kind::Grub => file.signed.as_str(),
            };
            kept.push(seen.insert((recorded.kind, &file.path, digest)) && is_kept(recorded));
        }
        drop(seen);
        let mut batches: Vec<Batch> = Vec::new();
        let kept = self.recorded.into_iter().zip(kept.into_iter().rev());
        for (recorded, _) in kept.filter(|(_, is_kept)| *is_kept) {
            let lot = &recorded.lot;
            let is_same = |batch: &Batch| {
                batch.kind == recorded.kind
                    && batch.key == lot.key
                    && batch.hash == lot.hash
                    && batch.origin == recorded.origin
                    && batch.time.as_deref() == Some(&lot.time)
            };
            match batches.last_mut() {
                Some(batch) if is_same(batch) => batch.files.push(recorded.file),
                _ => batches.push(Batch {
                    kind: recorded.kind,
                    key: lot.key.clone(),
                    hash: lot.hash.clone(),
                    origin: recorded.origin,
                    time: Some(lot.time.clone()),
                    files: vec![recorded.file],
                }),
            }
        }
        batches
    }
}

fn signed(file: &SignedFile) -> &str {
    &file.signed
}

fn path(file: &SignedFile) -> &str {
    &file.path
}
