//! Putting what was made in its places: each directory appears at once, and whole.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::keys::directory::TRANSCRIPT;
use crate::system::{self, Context, NewDirectory, NewFile, create_dir};

use super::plan::PUBLIC;
use super::transcript::{Event, FileRecord, Transcript};
use super::work::Work;

/// Puts every directory in its place that is not there yet.
pub(super) fn all(work: &Work<'_>) -> Result<()> {
    for (place, target) in work.spec.directories() {
        if is_there(&work.transcript, &target)? {
            continue;
        }
        work.step(&format!("putting the {place} directory in its place"))?;
        one(work, place, &target)?;
    }
    Ok(())
}

/// Whether a directory is of this very ceremony: a run that was cut short put it there.
pub(super) fn is_there(transcript: &Transcript, target: &Path) -> Result<bool> {
    let path = target.join(TRANSCRIPT);
    Ok(path.is_file() && system::read(&path)? == transcript.as_bytes())
}

/// Whether every directory is in its place.
pub(super) fn is_complete(transcript: &Transcript, directories: &[(&str, PathBuf)]) -> Result<bool> {
    for (_, directory) in directories {
        if !is_there(transcript, directory)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file belongs to a directory.
fn belongs(record: &FileRecord, place: &str) -> bool {
    match place {
        "backup" => ["backup", "shares"].contains(&record.place.as_str()),
        _ => record.place == "keys" || record.place == place,
    }
}

fn one(work: &Work<'_>, place: &str, target: &Path) -> Result<()> {
    let context = &work.began;
    let new = NewDirectory::stage(context, target)?;
    let write = |name: &Path, bytes: &[u8], mode: u32| {
        let path = &new.path().join(name);
        NewFile { path, bytes, mode }.create(context)
    };
    let records = work.transcript.events().flat_map(Event::files);
    for record in records.filter(|record| belongs(record, place)) {
        let bytes = system::read_secret_file(&work.place(&record.place).join(&record.name))?;
        let mode = u32::from_str_radix(&record.mode, 8).unwrap_or(0o400);
        if record.place == "shares" {
            create_shares(context, new.path())?;
            write(&Path::new("shares").join(&record.name), &bytes, mode)?;
        } else {
            write(record.name.as_ref(), &bytes, mode)?;
        }
    }
    write(TRANSCRIPT.as_ref(), work.transcript.as_bytes(), PUBLIC)?;
    if new.path().join("shares").is_dir() {
        system::sync_directory(&new.path().join("shares"))?;
    }
    new.publish()
}

fn create_shares(context: &Context, directory: &Path) -> Result<()> {
    create_dir(context, &directory.join("shares"))
}
