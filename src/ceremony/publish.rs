//! The step that copies a directory to its place, where it appears at once and complete.

use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::system::{self, NewDirectory, NewFile, create_dir};

use super::layout::{PUBLIC, SHARES};
use super::transcript::{Event, FileRecord};
use super::work::Work;

/// Puts a directory in its place, with the files that the transcript has for it, as they were made.
pub(super) fn publish(work: &Work<'_>, place: &str, target: &Path) -> Result<()> {
    let context = &work.began;
    let new = NewDirectory::stage(context, target)?;
    let write = |name: &Path, bytes: &[u8], mode: u32| {
        let path = &new.path().join(name);
        NewFile { path, bytes, mode }.create(context)
    };
    let shares = new.path().join(SHARES);
    let records = work.transcript.events().flat_map(Event::files);
    for record in records.filter(|record| belongs(record, place)) {
        let path = work.place(&record.place).join(&record.name);
        let bytes = system::read_secret_file(&path)?;
        if HashAlgorithm::Sha256.digest(&[&bytes]).to_hex() != record.sha256 {
            return Err(Error::refused(format!(
                "{} is not as the ceremony made it",
                path.shown()
            )));
        }
        let mode = u32::from_str_radix(&record.mode, 8)
            .or_refuse(|| format!("the transcript has no permission bits of {}", record.name))?;
        if record.place == SHARES {
            create_dir(context, &shares)?;
            write(&Path::new(SHARES).join(&record.name), &bytes, mode)?;
        } else {
            write(record.name.as_ref(), &bytes, mode)?;
        }
    }
    write(TRANSCRIPT.as_ref(), work.transcript.as_bytes(), PUBLIC)?;
    if shares.is_dir() {
        system::sync_directory(&shares)?;
    }
    new.publish()
}

/// True if a file belongs to the directory of a place.
fn belongs(record: &FileRecord, place: &str) -> bool {
    match place {
        "backup" => ["backup", SHARES].contains(&record.place.as_str()),
        _ => record.place == "keys" || record.place == place,
    }
}
