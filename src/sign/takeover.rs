//! The files on the boot media that bear our signatures already where the ledger has none of their kind yet: the first run
//! enters all of them as adopted, once, and not only those that it was told to sign.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::files_below;
use crate::error::Result;
use crate::formats::crypto::hash::Digest;
use crate::system::{self, Context, FileInfo};

use super::discover::Found;
use super::vouching::Notary;

/// A file that bore our signature before there was a ledger.
pub(super) struct Adopted {
    /// The path.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// The digest that was signed.
    pub signed: Digest,
}

impl Adopted {
    /// A file with this SHA-256, whose signature is over this digest.
    pub(super) fn new(path: PathBuf, sha256: Digest, signed: Digest) -> Self {
        Self { path, sha256, signed }
    }
}

/// The regular files on the boot media that are not among those of the run. A directory that cannot be looked into counts
/// as empty: the files in it are not adopted.
pub(super) fn other_files(context: &Context, notary: &Notary<'_>, found: &Found) -> Result<Vec<PathBuf>> {
    let own: BTreeSet<&Path> = found.targets.values().map(|target| &*target.file).collect();
    let mut files = Vec::new();
    for directory in notary.media()? {
        context.check_interrupted()?;
        files.extend(files_below(&directory, &mut Vec::new()));
    }
    files.retain(|path| {
        let info = system::info_of_name(path).ok().flatten();
        info.as_ref().is_some_and(FileInfo::is_file) && !own.contains(path.as_path())
    });
    Ok(files)
}
