//! The images on the EFI system partitions and in the directories for what is booted, each found and read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::sbat::{Sbat, SbatError};
use crate::formats::text::printable;
use crate::system::{self, Context, FatMount, resolve};
use crate::trust::Anchors;
use crate::trust::image::{Acceptance, Policy, Refusal};
use crate::trust::loader::{self, Loader};

use super::files::{entries, files_below};
use super::installed::{boot_directories, file, has_end};
use super::machine::Machine;
use super::reason::reason;
use super::unified::Unified;

/// Largest image that is read, in bytes.
const MAX_IMAGE: u64 = 512 << 20;
/// How a PE image begins.
const MAGIC: &[u8] = b"MZ";
/// Where kernels are installed.
pub(super) const BOOT: &str = "/boot";
/// How their names begin: the kernel's own installation and Debian's, Gentoo's.
const KERNELS: [&str; 2] = ["vmlinuz", "kernel"];
/// What boot loaders start below such a directory: unified images and their addons.
const BELOW: [&str; 2] = ["EFI", "loader/addons"];
/// How names of images end.
const ENDING: &str = "efi";

/// Where images are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On the EFI system partitions, whatever they are called.
    Esps,
    /// The kernels in /boot, by their names.
    Kernels,
    /// There, and where else boot loaders find images.
    Anywhere,
}

/// The places of one file: an EFI system partition may be mounted to /boot.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Places {
    on_esp: bool,
    is_kernel: bool,
}

impl Places {
    const ESP: Self = Self {
        on_esp: true,
        is_kernel: false,
    };
    const KERNEL: Self = Self {
        on_esp: false,
        is_kernel: true,
    };
    /// In a directory for what is booted, which is on no EFI system partition.
    const ELSEWHERE: Self = Self {
        on_esp: false,
        is_kernel: false,
    };

    const fn are_of(self, place: Place) -> bool {
        match place {
            Place::Esps => self.on_esp,
            Place::Kernels => self.is_kernel,
            Place::Anywhere => true,
        }
    }
}

/// All that was found, in the order of the paths.
#[derive(Debug, Default)]
pub(super) struct Images {
    found: Vec<Found>,
    none: Vec<NoImage>,
    not_run: Vec<(Places, String)>,
    /// Why no EFI system partition was looked at.
    no_esp: Option<String>,
}

/// What was found in one place.
#[derive(Debug)]
pub(super) struct Part<'i> {
    /// The images.
    pub(super) found: Vec<&'i Found>,
    /// What is named as an image, and that firmware would not start.
    pub(super) none: Vec<&'i NoImage>,
    /// What could not be looked at, and why.
    pub(super) not_run: Vec<String>,
}

impl Images {
    /// What is in this place; an error if no EFI system partition is, and only these are asked for.
    pub(super) fn part(&self, place: Place) -> Result<Part<'_>, String> {
        if let (Place::Esps, Some(missing)) = (place, &self.no_esp) {
            return Err(missing.clone());
        }
        // What hides a directory hides it from every look.
        let not_run = self.not_run.iter().filter(|(places, _)| places.are_of(place));
        let not_run: BTreeSet<&String> = not_run.map(|(_, why)| why).collect();
        Ok(Part {
            found: self.found.iter().filter(|found| found.places.are_of(place)).collect(),
            none: self.none.iter().filter(|none| none.places.are_of(place)).collect(),
            not_run: not_run.into_iter().cloned().collect(),
        })
    }
}

/// What is no image although its name says so.
#[derive(Debug)]
pub(super) struct NoImage {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What that is.
    pub(super) places: Places,
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
    /// What that is.
    pub(super) places: Places,
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
    /// What it starts its kernel with, if it is a unified image or an addon.
    pub(super) unified: Option<Unified>,
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

/// A file that may be an image.
#[derive(Debug, Default)]
struct Candidate {
    places: Places,
    is_named_so: bool,
}

/// Finds and reads all. Fails if it is interrupted.
pub(super) fn read(machine: &Machine<'_>) -> Result<Images, String> {
    let mut images = Images::default();
    let candidates = find(machine, &mut images);
    let policy = policy(machine).ok();
    let nobody = Anchors::default();
    let anchors = machine.anchors().unwrap_or(&nobody);
    for (path, candidate) in candidates {
        machine.context().check_interrupted().map_err(|error| reason(&error))?;
        look_at(path, &candidate, policy.as_ref(), anchors, &mut images);
    }
    Ok(images)
}

fn find(machine: &Machine<'_>, images: &mut Images) -> BTreeMap<PathBuf, Candidate> {
    let context = machine.context();
    let mut candidates: BTreeMap<PathBuf, Candidate> = BTreeMap::new();
    let mut add = |path: PathBuf, places: Places| {
        let is_named_so = places.is_kernel || has_end(&path, ENDING);
        let candidate = candidates.entry(path).or_default();
        candidate.places.on_esp |= places.on_esp;
        candidate.places.is_kernel |= places.is_kernel;
        candidate.is_named_so |= is_named_so;
    };
    let mut look_into = |places: Places, look: &mut dyn FnMut(&mut Vec<String>) -> Vec<PathBuf>| {
        let mut not_run = Vec::new();
        for path in look(&mut not_run) {
            add(path, places);
        }
        images.not_run.extend(not_run.into_iter().map(|why| (places, why)));
    };
    let esps = match machine.esps() {
        Ok(esps) => esps.as_slice(),
        Err(missing) => {
            images.no_esp = Some(missing.clone());
            &[]
        }
    };
    let mounted = esp_directories(context, esps);
    for directory in &mounted {
        look_into(Places::ESP, &mut |not_run| files_below(directory, not_run));
    }
    let boot = context.path(BOOT);
    let boot = resolve(context.root(), &boot).unwrap_or(boot);
    look_into(Places::KERNEL, &mut |not_run| {
        let paths = entries(&boot, not_run).into_iter().map(|entry| entry.path());
        paths.filter(|path| is_kernel(path)).collect()
    });
    for directory in boot_directories(context, esps).difference(&mounted) {
        look_into(Places::ELSEWHERE, &mut |not_run| {
            let mut paths: Vec<PathBuf> = entries(directory, not_run)
                .iter()
                .map(std::fs::DirEntry::path)
                .collect();
            let real = |below: &&str| resolve(context.root(), &directory.join(below)).ok();
            for below in BELOW.iter().filter_map(real) {
                paths.extend(files_below(&below, not_run));
            }
            paths.iter().filter_map(|path| file(context, path)).collect()
        });
    }
    match &images.no_esp {
        Some(missing) => images.not_run.push((Places::ELSEWHERE, missing.clone())),
        None if esps.is_empty() => images.no_esp = Some("no EFI system partition is mounted".to_owned()),
        None => {}
    }
    candidates
}

fn esp_directories(context: &Context, esps: &[FatMount]) -> BTreeSet<PathBuf> {
    let real = |esp: &FatMount| resolve(context.root(), &esp.directory).unwrap_or_else(|_| esp.directory.clone());
    esps.iter().map(real).collect()
}

/// Whether it is named as a kernel, and not as its signature for GRUB.
fn is_kernel(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    KERNELS.iter().any(|beginning| name.starts_with(beginning)) && !has_end(path, "sig") && !path.is_dir()
}

/// Firmware starts whatever it is told to, so an image is one by its content.
fn look_at(path: PathBuf, candidate: &Candidate, policy: Option<&Policy>, anchors: &Anchors, images: &mut Images) {
    let places = candidate.places;
    let shown = printable(&path.display().to_string());
    let bytes = match system::read_prefix(&path, Some(MAGIC.len() as u64)) {
        Ok(start) if start != MAGIC && !candidate.is_named_so => return,
        Ok(_) => system::read_prefix(&path, Some(MAX_IMAGE)),
        Err(error) => Err(error),
    };
    let bytes = match bytes {
        Ok(bytes) if bytes.len() as u64 == MAX_IMAGE => {
            let why = format!("{shown}: files of {MAX_IMAGE} bytes or more are not read");
            return images.not_run.push((places, why));
        }
        Ok(bytes) => bytes,
        Err(error) => return images.not_run.push((places, reason(&error))),
    };
    let image = match Image::parse(&bytes) {
        Ok(image) => image,
        Err(error) => {
            return images.none.push(NoImage {
                path,
                places,
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
        unified: Unified::of(&image),
        places,
        loader: Loader::recognise(&image, &bytes, anchors),
        judged: policy.map(|policy| policy.judge(&image)),
        path,
    });
}
