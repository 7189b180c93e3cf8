//! The images on the EFI system partitions and the kernels in /boot, each read once.

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
use crate::trust::loader::{self, Loader};

use super::check::reason;
use super::machine::Machine;

/// Largest image that is read, in bytes.
const MAX_IMAGE: u64 = 512 << 20;
/// How a PE image begins.
const MAGIC: &[u8] = b"MZ";
/// Where kernels are installed.
pub(super) const BOOT: &str = "/boot";
/// How their names begin: the kernel's own installation and Debian's, Gentoo's.
const KERNELS: [&str; 2] = ["vmlinuz", "kernel"];
/// How deep directories are looked into.
const DEPTH: usize = 32;

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// The images, in the order of their paths.
    pub(super) found: Vec<Found>,
    /// What is named as an image, and that firmware would not start.
    pub(super) none: Vec<NoImage>,
    /// What could not be looked at, and why.
    pub(super) not_run: Vec<String>,
}

/// What is no image although its name says so.
#[derive(Debug)]
pub(super) struct NoImage {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The same for a person.
    pub(super) shown: String,
    /// Why it is none.
    pub(super) why: String,
    /// Whether it begins as one, or as a kernel.
    pub(super) begins_so: bool,
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
    /// The same of the kernel that a unified image holds, which stubs may start as an image of its own.
    pub(super) inner_sha256: Option<Digest>,
    /// The version of the kernel that it is or holds.
    pub(super) release: Option<String>,
    /// Its SBAT, if it has any.
    pub(super) sbat: Option<Result<Sbat, SbatError>>,
    /// What it is.
    pub(super) loader: Loader,
    /// What firmware with the present db and dbx says; none if these cannot be read.
    pub(super) judged: Option<Result<Acceptance, Refusal>>,
}

impl Found {
    /// Whether this is what the TPM was told of.
    pub(super) fn was_measured_as(&self, digest: &Digest) -> bool {
        self.sha256 == *digest || self.inner_sha256.as_ref() == Some(digest)
    }
}

/// db and dbx as the firmware holds them.
pub(super) fn policy(machine: &Machine<'_>) -> Result<Policy, String> {
    let store = machine.store().map_err(Clone::clone)?;
    let database = |variable| store.database(variable).map_err(|error| reason(&error));
    Ok(Policy::new(&database(VariableName::Db)?, &database(VariableName::Dbx)?))
}

/// Reads those on the EFI system partitions.
pub(super) fn on_esps(machine: &Machine<'_>) -> Result<Images, String> {
    let esps = machine.esps().map_err(Clone::clone)?;
    if esps.is_empty() {
        return Err("no EFI system partition is mounted".to_owned());
    }
    let (mut images, mut files) = (Images::default(), Vec::new());
    for esp in esps {
        walk(&esp.directory, DEPTH, &mut files, &mut images.not_run);
    }
    read(machine, files, images, |path| {
        path.extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("efi"))
    })
}

/// Reads the kernels in /boot, by their names; not their signatures for GRUB.
pub(super) fn in_boot(machine: &Machine<'_>) -> Result<Images, String> {
    let directory = machine.context().path(BOOT);
    let entries = fs::read_dir(&directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Images::default()),
        Err(error) => return Err(format!("{}: {error}", printable(&directory.display().to_string()))),
    };
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_signature = path.extension().is_some_and(|ending| ending == "sig");
        KERNELS.iter().any(|beginning| name.starts_with(beginning)) && !is_signature && !path.is_dir()
    };
    let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).filter(is_one).collect();
    files.sort();
    read(machine, files, Images::default(), |_| true)
}

fn read(
    machine: &Machine<'_>,
    files: Vec<PathBuf>,
    mut images: Images,
    is_named_so: fn(&Path) -> bool,
) -> Result<Images, String> {
    let policy = policy(machine).ok();
    let nobody = Anchors::default();
    let anchors = machine.anchors().unwrap_or(&nobody);
    for path in files {
        machine.context().check_interrupted().map_err(|error| reason(&error))?;
        let is_named_so = is_named_so(&path);
        look_at(path, is_named_so, policy.as_ref(), anchors, &mut images);
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
fn look_at(path: PathBuf, is_named_so: bool, policy: Option<&Policy>, anchors: &Anchors, images: &mut Images) {
    let shown = printable(&path.display().to_string());
    let bytes = match system::read_prefix(&path, Some(MAGIC.len() as u64)) {
        Ok(start) if start != MAGIC && !is_named_so => return,
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
        Err(error) => {
            return images.none.push(NoImage {
                path,
                shown,
                why: printable(&error.to_string()),
                begins_so: bytes.starts_with(MAGIC) || loader::is_kernel(&bytes),
            });
        }
    };
    let kernel = image.section(".linux");
    images.found.push(Found {
        shown,
        sha256: image.unpadded_digest(HashAlgorithm::Sha256),
        inner_sha256: kernel
            .and_then(|kernel| Image::parse(kernel).ok())
            .map(|kernel| kernel.unpadded_digest(HashAlgorithm::Sha256)),
        release: loader::kernel_release(kernel.unwrap_or(&bytes)),
        sbat: image.section(".sbat").map(Sbat::parse),
        loader: Loader::of(&image, &bytes, anchors),
        judged: policy.map(|policy| policy.judge(&image)),
        path,
    });
}
