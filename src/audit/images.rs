//! The images on the EFI system partitions, each read once.

use std::fs;
use std::path::{Path, PathBuf};

use crate::formats::authenticated_variable::VariableName;
use crate::formats::authenticode::Image;
use crate::formats::certificate::printable;
use crate::formats::hash::{Digest, HashAlgorithm};
use crate::formats::sbat::{Sbat, SbatError};
use crate::system;
use crate::trust::Anchors;
use crate::trust::image::{Acceptance, Policy, Refusal};
use crate::trust::loader::Loader;

use super::check::reason;
use super::machine::Machine;

/// Largest image that is read, in bytes.
const MAX_IMAGE: u64 = 512 << 20;
/// How a PE image begins.
const MAGIC: &[u8] = b"MZ";
/// How deep directories are looked into.
const DEPTH: usize = 32;

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// The images, in the order of their paths.
    pub(super) images: Vec<Found>,
    /// What has the ending of an image, and that firmware would not start.
    pub(super) none: Vec<(String, String)>,
    /// What could not be looked at, and why.
    pub(super) not_run: Vec<String>,
}

/// One image.
#[derive(Debug)]
pub(super) struct Found {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The same for a person.
    pub(super) shown: String,
    /// Its Authenticode SHA-256 as firmware computes it, which is what the TPM is told.
    pub(super) sha256: Digest,
    /// Its SBAT, if it has any.
    pub(super) sbat: Option<Result<Sbat, SbatError>>,
    /// What it is.
    pub(super) loader: Loader,
    /// What firmware with the present db and dbx says; none if these cannot be read.
    pub(super) judged: Option<Result<Acceptance, Refusal>>,
}

/// db and dbx as the firmware holds them.
pub(super) fn policy(machine: &Machine<'_>) -> Result<Policy, String> {
    let store = machine.store().map_err(Clone::clone)?;
    let database = |variable| store.database(variable).map_err(|error| reason(&error));
    Ok(Policy::new(&database(VariableName::Db)?, &database(VariableName::Dbx)?))
}

/// Reads them all.
pub(super) fn read(machine: &Machine<'_>) -> Result<Images, String> {
    let esps = machine.esps().map_err(Clone::clone)?;
    if esps.is_empty() {
        return Err("no EFI system partition is mounted".to_owned());
    }
    let policy = policy(machine).ok();
    let nobody = Anchors::default();
    let anchors = machine.anchors().unwrap_or(&nobody);
    let mut images = Images::default();
    for esp in esps {
        let mut files = Vec::new();
        walk(&esp.directory, DEPTH, &mut files, &mut images.not_run);
        for path in files {
            machine.context().check_interrupted().map_err(|error| reason(&error))?;
            look_at(path, policy.as_ref(), anchors, &mut images);
        }
    }
    Ok(images)
}

/// All files below a directory, in order. What one directory hides keeps nothing else from being looked at.
fn walk(directory: &Path, depth: usize, files: &mut Vec<PathBuf>, not_run: &mut Vec<String>) {
    let cannot = |why: String| format!("{}: {why}", printable(&directory.display().to_string()));
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(_) if depth == 0 => return not_run.push(cannot("it is too deep to be looked into".to_owned())),
        Ok(entries) => entries,
        Err(error) => return not_run.push(cannot(error.to_string())),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        match entry.file_type() {
            // FAT has no links; whatever else is mounted there is looked at without following them to directories.
            Ok(kind) if kind.is_dir() => walk(&path, depth.saturating_sub(1), files, not_run),
            Ok(_) => files.push(path),
            Err(error) => not_run.push(cannot(error.to_string())),
        }
    }
}

/// Firmware starts whatever it is told to, so an image is one by its content.
fn look_at(path: PathBuf, policy: Option<&Policy>, anchors: &Anchors, images: &mut Images) {
    let shown = printable(&path.display().to_string());
    let ends_so = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("efi"));
    let begins_so = system::read_prefix(&path, Some(MAGIC.len() as u64));
    let bytes = match begins_so {
        Ok(start) if start != MAGIC && ends_so => {
            return images.none.push((shown, "it does not begin as one".to_owned()));
        }
        Ok(start) if start != MAGIC => return,
        Ok(_) => system::read_prefix(&path, Some(MAX_IMAGE)),
        Err(error) => Err(error),
    };
    let bytes = match bytes {
        Ok(bytes) if bytes.len() as u64 == MAX_IMAGE => {
            return images
                .not_run
                .push(format!("{shown}: files of {MAX_IMAGE} bytes or more are not read"));
        }
        Ok(bytes) => bytes,
        Err(error) => return images.not_run.push(reason(&error)),
    };
    let image = match Image::parse(&bytes) {
        Ok(image) => image,
        Err(error) => return images.none.push((shown, error.to_string())),
    };
    images.images.push(Found {
        shown,
        sha256: image.unpadded_digest(HashAlgorithm::Sha256),
        sbat: image.section(".sbat").map(Sbat::parse),
        loader: Loader::of(&image, &bytes, anchors),
        judged: policy.map(|policy| policy.judge(&image)),
        path,
    });
}
