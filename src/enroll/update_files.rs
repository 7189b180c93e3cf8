//! Signed writes as files: made where the private keys of PK and KEK are, and carried to the machine that they are for.

use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticated_variable::AuthenticatedVariable;
use crate::formats::text::Shown;
use crate::system::{self, Context, FileKind, NewDirectory, NewFile, NodeName, create_dir};
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
/// File with the name of the machine that it is for, in one line; without it, it is for each of the fleet.
const NODE: &str = "NODE";
/// Largest such file that is read, in bytes.
const MAX_NODE: u64 = 4096;
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

/// Writes signed writes into a new directory, in their order, with their plan, and the name of the machine that they are for, if they are
/// not for each of the fleet; returns the paths.
pub fn write_updates(
    context: &Context,
    directory: &Path,
    updates: &[Update],
    (plan, node): (&[u8], Option<&NodeName>),
) -> Result<Vec<PathBuf>> {
    let (mut text, mut name) = (Vec::new(), String::new());
    if let Some(node) = node {
        name = format!("{}\n", node.as_str());
        text = format!("For {} alone.\n\n", node.as_str()).into_bytes();
    }
    text.extend(plan);
    let mut files: Vec<(String, &[u8])> = Vec::new();
    for (update, number) in updates.iter().zip(1_u32..) {
        files.push((format!("{number}-{}.{ENDING}", update.variable), &update.auth));
    }
    files.push((PLAN.to_owned(), &text));
    if !name.is_empty() {
        files.push((NODE.to_owned(), name.as_bytes()));
    }
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

/// The directory of an update: the one that is named, or that of the file that is named, if [`write_updates`] has made it.
pub fn update_directory(update: &Path) -> Result<Option<&Path>> {
    if system::info(update)?.is_directory() {
        return Ok(Some(update));
    }
    let here = Path::new(".");
    let parent = update
        .parent()
        .map(|parent| if parent == Path::new("") { here } else { parent });
    Ok(parent.filter(|parent| is_update(parent)))
}

/// Refuses an update that names another machine than this one; so for each of its files. Firmware knows no names: this keeps a person from
/// a mistake, and nobody who means it.
pub fn check_node(context: &Context, update: &Path) -> Result<()> {
    let Some(directory) = update_directory(update)? else {
        return Ok(());
    };
    let path = directory.join(NODE);
    let Some(bytes) = system::read_if_there(&path, MAX_NODE)? else {
        return Ok(());
    };
    let cannot = || format!("cannot tell from {} which machine this is for", path.shown());
    let node: NodeName = String::from_utf8_lossy(&bytes).trim().parse().or_refuse(cannot)?;
    let names = NodeName::of_machine(context)?;
    if names.iter().any(|name| name.is(&node)) {
        return Ok(());
    }
    let (update, node) = (update.shown(), node.as_str());
    let hint = format!("apply it on {node}; for this machine have one made with --for and its name, or without --for");
    let Some(own) = names.first() else {
        let text = format!("{update} is for {node}, and this machine has neither a host name nor a machine-id");
        return Err(Error::could_not_run(text).hint(hint));
    };
    Err(Error::refused(format!("{update} is for {node}, and this is {}", own.as_str())).hint(hint))
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
