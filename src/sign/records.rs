//! Signatures of a run on their way into the ledger.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::ledger::{Batch, Kind, Origin, SignedFile};
use crate::system::Context;

use super::vouching::path_on_machine;

/// A signature that the ledger is to have.
pub(super) struct Record {
    pub kind: Kind,
    pub key: Arc<str>,
    pub hash: HashAlgorithm,
    pub origin: Origin,
    /// The path of the run's outcome.
    pub path: Arc<Path>,
    /// SHA-256 of the file with its signature.
    pub sha256: Digest,
    /// The digest that was signed.
    pub signed: Digest,
}

/// The remark on files that were taken without a further voucher, with the words for one and for many; none if there were
/// none.
pub(super) fn taken(count: usize, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 file {one}")),
        count => Some(format!("{count} files {many}")),
    }
}

/// The records by kind, key, hash and origin.
pub(super) fn batches_of(context: &Context, records: Vec<Record>) -> Vec<Batch> {
    let mut batches: BTreeMap<(Kind, Arc<str>, HashAlgorithm, Origin), Vec<SignedFile>> = BTreeMap::new();
    for record in records {
        let key = (record.kind, record.key, record.hash, record.origin);
        batches.entry(key).or_default().push(SignedFile {
            path: path_on_machine(context, &record.path),
            sha256: record.sha256.to_hex(),
            signed: record.signed.to_hex(),
        });
    }
    let batch = |((kind, key, hash, origin), files): ((Kind, Arc<str>, HashAlgorithm, Origin), _)| Batch {
        kind,
        key: key.as_ref().to_owned(),
        hash: hash.name().to_owned(),
        origin,
        time: None,
        files,
    };
    batches.into_iter().map(batch).collect()
}
