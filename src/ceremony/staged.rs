//! Public files of a key directory that change together with its transcript. They are staged in `lists.new/`; then the transcript has
//! them, and they come into their places. What a power cut leaves staged is ended, or taken away, by what the transcript says.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Result;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::directory::REMOVE_PK;
use crate::system::{self, Context};

use super::layout::PUBLIC;
use super::transcript::{Event, FileRecord, Transcript};

/// Directory of the new files in a key directory, until they are in their places.
const STAGED: &str = "lists.new";
/// Largest public file of a key directory, in bytes.
pub(super) const MAX_FILE: u64 = 16 << 20;

/// The public files of every key directory, each as the last line that names it records it. The removal of PK, which early ceremonies put
/// into every one, is none of them.
pub(super) fn public_records(transcript: &Transcript) -> BTreeMap<&str, &FileRecord> {
    let records = transcript.events().flat_map(Event::files);
    records
        .filter(|record| record.place == "keys" && record.name != REMOVE_PK)
        .map(|record| (record.name.as_str(), record))
        .collect()
}

/// The digest of a public file of key directories, as a transcript has it.
pub(crate) fn recorded<'t>(transcript: &'t Transcript, name: &str) -> Option<&'t str> {
    let record = public_records(transcript).get(name).copied();
    record.map(|record| record.sha256.as_str())
}

/// Lays new public files beside those of a key directory.
pub(crate) fn stage<'f>(
    context: &Context,
    directory: &Path,
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> Result<()> {
    let target = directory.join(STAGED);
    if system::is_there(&target)? {
        system::remove_tree(context, &target)?;
    }
    let staged = system::NewDirectory::stage(context, &target)?;
    for (name, bytes) in files {
        let path = &staged.path().join(name);
        let mode = PUBLIC;
        system::NewFile { path, bytes, mode }.create(context)?;
    }
    staged.publish()
}

/// Ends a change whose lines are in the transcript, and takes away one that never came there.
pub(crate) fn end_change(context: &Context, directory: &Path, transcript: &Transcript) -> Result<()> {
    put(context, directory, |name, bytes| {
        let digest = HashAlgorithm::Sha256.digest(&[bytes]).to_hex();
        recorded(transcript, name) == Some(&digest)
    })
}

/// Puts those of the staged files that are wanted into their places, and removes the others.
pub(crate) fn put(context: &Context, directory: &Path, is_wanted: impl Fn(&str, &[u8]) -> bool) -> Result<()> {
    let staged = directory.join(STAGED);
    if context.dry_run() || !system::is_there(&staged)? {
        return Ok(());
    }
    for entry in system::list_directory(&staged)? {
        let name = entry
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if is_wanted(&name, &system::read_ours(&entry.path, MAX_FILE)?) {
            system::rename_over(context, &entry.path, &directory.join(&name))?;
        }
    }
    system::sync_directory(directory)?;
    system::remove_tree(context, &staged)
}
