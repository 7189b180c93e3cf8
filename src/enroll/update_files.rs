//! Signed writes as files: made where the private keys of PK and KEK are, and carried to the machine that they are for.

use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticated_variable::AuthenticatedVariable;
use crate::formats::text::Shown;
use crate::system::{self, Context, FileKind, NewDirectory, NewFile, create_dir};
use crate::trust::variable::recognise;

use super::apply::apply;
use super::plan::plan;
use super::request::{Request, Source, Update};
use super::store::StoreChoice;

/// Ending of a signed write.
const ENDING: &str = "auth";
/// Name of the firmware in its temporary directory, beside which backups of it are.
const FIRMWARE: &str = "firmware";
/// File with the plan, for people.
const PLAN: &str = "PLAN.txt";
/// Permission bits of the files: nothing in them is secret.
const PUBLIC: u32 = 0o644;
/// Largest signed write that is read, in bytes.
const MAX_AUTH: u64 = 4 << 20;

/// A firmware in a temporary directory that holds what the key directory enrolls: the base of writes that are signed away from the
/// machine.
pub struct Offline {
    directory: tempfile::TempDir,
}

impl Offline {
    /// Enrolls the key directory in an empty firmware.
    pub fn new(context: &Context, keys: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("bootseal-offline-")
            .tempdir()
            .or_could_not_run(|| "cannot make a temporary directory".to_owned())?;
        let offline = Self { directory };
        create_dir(context, &offline.directory.path().join(FIRMWARE))?;
        let plan = plan(context, &Request::new(keys.to_owned(), offline.store()))?;
        apply(context, &plan, || ())?;
        Ok(offline)
    }

    /// The firmware.
    #[must_use]
    pub fn store(&self) -> StoreChoice {
        StoreChoice::At(self.directory.path().join(FIRMWARE))
    }
}

/// Writes signed writes into a new directory, in their order, with their plan; returns the paths.
pub fn write_updates(context: &Context, directory: &Path, updates: &[Update], plan: &[u8]) -> Result<Vec<PathBuf>> {
    let mut files: Vec<(String, &[u8])> = Vec::new();
    for (update, number) in updates.iter().zip(1_u32..) {
        files.push((format!("{number}-{}.{ENDING}", update.variable), &update.auth));
    }
    files.push((PLAN.to_owned(), plan));
    let paths = files.iter().map(|(name, _)| directory.join(name)).collect();
    let new = NewDirectory::stage(context, directory)?;
    for (name, bytes) in files {
        let path = &new.path().join(name);
        let mode = PUBLIC;
        NewFile { path, bytes, mode }.create(context)?;
    }
    new.publish()?;
    Ok(paths)
}

/// True for a directory that [`write_updates`] has made.
#[must_use]
pub fn is_update(path: &Path) -> bool {
    path.join(PLAN).is_file() && update_paths(path).is_ok()
}

/// Reads signed writes: an `.auth` file, or those of a directory in the order of their names. The variable of each is the one that
/// its signature holds for; whether the firmware takes it is for the plan.
pub fn read_updates(path: &Path) -> Result<Source> {
    let files = update_paths(path)?;
    let updates = files.iter().map(|file| read_update(file)).collect::<Result<_>>()?;
    Ok(Source::Updates(updates))
}

/// The signed writes at a path: a file, or those of a directory in the order of their names. Could not run if there is none.
pub fn update_paths(path: &Path) -> Result<Vec<PathBuf>> {
    let is_directory = system::info(path)?.is_directory();
    let mut files = Vec::new();
    if is_directory {
        let entries = system::list_directory(path)?.into_iter();
        let is_update = |path: &PathBuf| path.extension().is_some_and(|ending| ending == ENDING);
        let own = entries
            .filter(|entry| entry.kind == FileKind::File)
            .map(|entry| entry.path);
        files.extend(own.filter(is_update));
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    if files.is_empty() {
        return Err(
            Error::could_not_run(format!("there is no signed write (.{ENDING}) in {}", path.shown()))
                .hint("name the directory that --output made, or a single .auth file"),
        );
    }
    Ok(files)
}

fn read_update(path: &Path) -> Result<Update> {
    let cannot = || format!("cannot use {}", path.shown());
    let bytes = system::read_ours(path, MAX_AUTH)?;
    let parsed = AuthenticatedVariable::parse(&bytes).or_refuse(cannot)?;
    let recognised = recognise(&parsed).or_refuse(cannot)?;
    Ok(Update {
        variable: recognised.variable,
        attributes: recognised.attributes,
        auth: bytes,
        origin: path.shown(),
    })
}
