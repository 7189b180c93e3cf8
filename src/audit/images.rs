//! The images on the EFI system partitions and in the boot directories, each found and read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::disk::{BootTree, EfiPartition, Kind, LOADER_ADDONS, UnmountedFile, entries, files_below, no_efi_partition};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::sbat::{Sbat, SbatError};
use crate::formats::kernel::compression::Compression;
use crate::formats::text::{Shown, printable};
use crate::system::{self, Context, resolve};
use crate::trust::image::{Acceptance, Policy, Refusal};
use crate::trust::loader::{self, Loader};
use crate::trust::{Anchors, OpenedImage};

use super::files::{file, has_ending};
use super::reason::reason;
use super::unified::Unified;

/// The first bytes of a PE image.
pub(super) const MAGIC: &[u8] = b"MZ";
/// Directories below a boot directory with the files that boot loaders start: unified images and their addons.
const BELOW: [&str; 2] = ["EFI", LOADER_ADDONS];

/// A place in which images are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The EFI system partitions, with images of any name.
    Esps,
    /// The boot directories, with kernels by their names: the files that the hooks would sign.
    Kernels,
    /// Both, and other places where boot loaders find images.
    Anywhere,
}

/// The machine's places, as far as they are known.
pub(super) struct Sources<'a> {
    pub(super) context: &'a Context,
    /// The EFI system partitions, or why they are not known.
    pub(super) esps: Result<&'a [EfiPartition], &'a String>,
    /// The boot directories, the EFI system partitions among them, or why they are not known.
    pub(super) directories: Result<&'a [PathBuf], &'a String>,
    /// The boot directories that nothing is mounted on although something is meant to be.
    pub(super) unmounted: &'a [String],
    /// The images that configurations of GRUB name.
    pub(super) named: &'a BTreeSet<PathBuf>,
    /// The files in them that are booted, or why they are not known.
    pub(super) tree: Result<&'a BootTree, &'a String>,
    /// db and dbx as the firmware holds them, if they can be read.
    pub(super) policy: Option<Policy>,
    /// The hash by which the TPM was told of images, if it is not SHA-256.
    pub(super) bank: Option<HashAlgorithm>,
    /// The keys that GRUB is to trust; none if they cannot be read.
    pub(super) anchors: Option<&'a Anchors>,
}

/// The places of one file: an EFI system partition may be a boot directory.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Places {
    pub(super) on_esp: bool,
    is_kernel: bool,
}

impl Places {
    pub(super) const ESP: Self = Self {
        on_esp: true,
        is_kernel: false,
    };
    const KERNEL: Self = Self {
        on_esp: false,
        is_kernel: true,
    };
    /// Below a boot directory, which is on no EFI system partition.
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

/// All images, in the order of their paths.
#[derive(Debug, Default)]
pub(super) struct Images {
    pub(super) found: Vec<Found>,
    none: Vec<NoImage>,
    pub(super) not_run: Vec<(Places, String)>,
    /// The reason why no EFI system partition was looked at, if none was.
    pub(super) no_esp: Option<String>,
}

/// The images in one place.
#[derive(Debug)]
pub(super) struct Part<'i> {
    /// The images.
    pub(super) found: Vec<&'i Found>,
    /// Files that are named as images or kernels, and that firmware would not start.
    pub(super) none: Vec<&'i NoImage>,
    /// Files and directories that could not be looked at, with the reasons.
    pub(super) not_run: Vec<String>,
}

impl Images {
    fn add_unread(&mut self, places: Places, unread: &mut Vec<String>) {
        self.not_run.extend(unread.drain(..).map(|why| (places, why)));
    }

    /// The images in this place; an error if only EFI system partitions are asked for and none is known.
    pub(super) fn part(&self, place: Place) -> Result<Part<'_>, String> {
        if let (Place::Esps, Some(missing)) = (place, &self.no_esp) {
            return Err(missing.clone());
        }
        // A directory that cannot be read may have been looked into for several places.
        let not_run = self.not_run.iter().filter(|(places, _)| places.are_of(place));
        let not_run: BTreeSet<&String> = not_run.map(|(_, why)| why).collect();
        Ok(Part {
            found: self.found.iter().filter(|found| found.places.are_of(place)).collect(),
            none: self.none.iter().filter(|none| none.places.are_of(place)).collect(),
            not_run: not_run.into_iter().cloned().collect(),
        })
    }
}

/// A file that is no image although its name says so.
#[derive(Debug)]
pub(super) struct NoImage {
    /// The path.
    pub(super) path: PathBuf,
    /// The places that it lies in.
    pub(super) places: Places,
    /// The path for a person.
    pub(super) shown: String,
    /// The reason why it is none.
    pub(super) why: String,
    /// The version of the kernel that it holds all the same, for a loader that starts it without the firmware.
    pub(super) release: Option<String>,
    /// True if it is a kernel by its content, which a loader starts or unpacks.
    pub(super) holds_kernel: bool,
    /// True if it is meant as a kernel, by its name or its first bytes, broken as it may be.
    pub(super) is_certainly_kernel: bool,
    /// True if it is compressed as a whole, so that a loader which unpacks it may find a kernel in it.
    pub(super) is_packed: bool,
}

impl Part<'_> {
    /// The versions of the kernels that firmware or a loader may start.
    pub(super) fn releases(&self) -> BTreeSet<&str> {
        let images = self.found.iter().filter_map(|found| found.release.as_deref());
        let others = self.none.iter().filter_map(|none| none.release.as_deref());
        images.chain(others).collect()
    }

    /// The kernels whose version nobody can tell, so that their modules are not found.
    pub(super) fn without_release(&self) -> Vec<String> {
        let images = self
            .found
            .iter()
            .filter(|found| found.is_kernel && found.release.is_none());
        let others = self
            .none
            .iter()
            .filter(|none| none.holds_kernel && none.release.is_none());
        let shown = images.map(|found| &found.shown).chain(others.map(|none| &none.shown));
        let told = |shown| {
            format!("{shown}: it is a kernel that does not tell its version, so its modules were not looked at")
        };
        shown.map(told).collect()
    }
}

/// One image.
#[derive(Debug)]
pub(super) struct Found {
    /// The path.
    pub(super) path: PathBuf,
    /// Its place, if that is on a partition which is not mounted.
    pub(super) unmounted: Option<UnmountedFile>,
    /// The places that it lies in.
    pub(super) places: Places,
    /// The path for a person.
    pub(super) shown: String,
    /// Its Authenticode SHA-256 as firmware computes it and measures it in the TPM.
    pub(super) sha256: Digest,
    /// The same of the kernel that a unified image holds, which stubs may start as an image of its own.
    pub(super) inner_sha256: Option<Digest>,
    /// The digests of both in the bank of the TPM's log, where that is another one.
    pub(super) measured: Vec<Digest>,
    /// The version of the kernel that it is or holds.
    pub(super) release: Option<String>,
    /// True if it is a kernel, or holds one, by its content.
    pub(super) is_kernel: bool,
    /// Its SBAT, if it has any.
    pub(super) sbat: Option<Result<Sbat, SbatError>>,
    /// The command line and the rest that it starts its kernel with, if it is a unified image or an addon.
    pub(super) unified: Option<Unified>,
    /// The kind of loader that it is, by its content.
    pub(super) loader: Loader,
    /// The answer of firmware with the present db and dbx; none if these cannot be read.
    pub(super) judged: Option<Result<Acceptance, Refusal>>,
}

impl Found {
    /// True if the TPM was told of this image with that digest.
    pub(super) fn was_measured_as(&self, digest: &Digest) -> bool {
        self.sha256 == *digest || self.inner_sha256.as_ref() == Some(digest) || self.measured.contains(digest)
    }
}

/// A file that may be an image.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    places: Places,
    /// True if its name says that it is an image or a kernel.
    pub(super) is_named_so: bool,
    /// True if nobody would take it for anything but a kernel, by its name.
    is_certainly_kernel: bool,
    /// True if a loader other than a kernel may have such a name as well.
    may_be_loader: bool,
}

impl Candidate {
    /// A file on an EFI system partition.
    pub(super) fn on_esp(path: &str) -> Self {
        Self {
            places: Places::ESP,
            is_named_so: is_image_name(Path::new(path)),
            ..Self::default()
        }
    }
}

/// Finds and reads all. Fails if it is interrupted.
pub(super) fn read(sources: &Sources<'_>) -> Result<Images, String> {
    let mut images = Images::default();
    let candidates = find(sources, &mut images);
    let nobody = Anchors::default();
    let anchors = sources.anchors.unwrap_or(&nobody);
    for (path, candidate) in candidates {
        sources.context.check_interrupted().map_err(|error| reason(&error))?;
        look_at(path, &candidate, sources, anchors, &mut images);
    }
    Ok(images)
}

fn find(sources: &Sources<'_>, images: &mut Images) -> BTreeMap<PathBuf, Candidate> {
    let root = sources.context.root();
    let real = |path: &Path| resolve(root, path).unwrap_or_else(|_| path.to_path_buf());
    let named = sources.named.iter().cloned();
    let mut candidates: BTreeMap<PathBuf, Candidate> = named.map(|path| (path, Candidate::default())).collect();
    let esps = sources.esps.unwrap_or_default();
    let mounted: BTreeSet<PathBuf> = esps.iter().map(|esp| real(&esp.directory)).collect();
    let mut unread = Vec::new();
    for directory in &mounted {
        for path in files_below(directory, &mut unread) {
            let is_named_so = is_image_name(&path);
            let candidate = candidates.entry(path).or_default();
            candidate.places.on_esp = true;
            candidate.is_named_so |= is_named_so;
        }
    }
    images.add_unread(Places::ESP, &mut unread);
    match sources.tree {
        Ok(tree) => {
            unread.clone_from(&tree.unread);
            for kernel in tree.kernels() {
                let candidate = candidates.entry(real(&kernel.path)).or_default();
                candidate.places.is_kernel = true;
                candidate.is_named_so = true;
                candidate.is_certainly_kernel |= kernel.is_certainly_kernel();
                candidate.may_be_loader = kernel.name.as_ref().is_none_or(|name| name.kind != Kind::Kernel);
            }
        }
        Err(missing) => unread.push(missing.clone()),
    }
    // Kernels may lie on a partition that could not be looked at.
    unread.extend(sources.esps.err().cloned());
    images.add_unread(Places::KERNEL, &mut unread);
    for directory in sources.directories.unwrap_or_default() {
        let directory = real(directory);
        if mounted.contains(&directory) {
            continue;
        }
        let mut paths = entries(&directory, &mut unread);
        let below = BELOW
            .iter()
            .filter_map(|below| resolve(root, &directory.join(below)).ok());
        paths.extend(below.flat_map(|below| files_below(&below, &mut unread)));
        for path in paths.iter().filter_map(|path| file(sources.context, path)) {
            let is_named_so = is_image_name(&path);
            candidates.entry(path).or_default().is_named_so |= is_named_so;
        }
    }
    match sources.esps {
        Err(missing) => {
            unread.push(missing.clone());
            images.no_esp = Some(missing.clone());
        }
        Ok([]) => images.no_esp = Some(no_efi_partition(sources.context)),
        Ok(_) => {}
    }
    unread.extend(sources.unmounted.iter().cloned());
    images.add_unread(Places::ELSEWHERE, &mut unread);
    candidates
}

fn is_image_name(path: &Path) -> bool {
    has_ending(path, "efi")
}

/// Reads and judges one. Firmware starts a file of any name, so an image is one by its content.
fn look_at(path: PathBuf, candidate: &Candidate, sources: &Sources<'_>, anchors: &Anchors, images: &mut Images) {
    let places = candidate.places;
    let file = match system::read_prefix(&path, Some(MAGIC.len() as u64)) {
        Ok(start) if start != MAGIC && !candidate.is_named_so => return,
        Ok(_) => OpenedImage::open(&path),
        Err(error) => Err(error),
    };
    match file {
        Ok(file) => judge(path, &file, candidate, sources, anchors, images),
        Err(error) => images.not_run.push((places, reason(&error))),
    }
}

/// Judges one by its content.
pub(super) fn judge(
    path: PathBuf,
    file: &OpenedImage,
    candidate: &Candidate,
    sources: &Sources<'_>,
    anchors: &Anchors,
    images: &mut Images,
) {
    let mut places = candidate.places;
    let shown = path.shown();
    let bytes = file.start();
    let listed = sources.policy.as_ref().map(Policy::image_hashes).unwrap_or_default();
    let hashes: Vec<HashAlgorithm> = listed.into_iter().chain(sources.bank).collect();
    let image = match file.image(&hashes) {
        Ok(Ok(image)) => image,
        Err(error) => {
            let why = format!("{shown}: {}", printable(&error.to_string()));
            return images.not_run.push((places, why));
        }
        Ok(Err(error)) => {
            let why = if loader::lacks_efi_stub(bytes) {
                "it is a kernel without an EFI stub (CONFIG_EFI_STUB), which no firmware starts".to_owned()
            } else {
                printable(&error.to_string())
            };
            return images.none.push(NoImage {
                path,
                places,
                shown,
                why,
                release: loader::kernel_release(bytes),
                holds_kernel: loader::is_kernel(bytes) || loader::is_packed_kernel(bytes),
                is_certainly_kernel: candidate.is_certainly_kernel
                    || bytes.starts_with(MAGIC)
                    || loader::is_kernel(bytes),
                is_packed: Compression::from_magic(bytes) != Compression::None,
            });
        }
    };
    let loader = Loader::recognise(&image, bytes, anchors);
    // Loaders have versions in their names as well, and are judged on the EFI system partitions.
    let is_loader = matches!(
        loader,
        Loader::Grub(_) | Loader::UnknownGrub(_) | Loader::Shim { .. } | Loader::Shell
    );
    places.is_kernel &= !(is_loader && candidate.may_be_loader);
    let kernel = image.section(".linux");
    let inner = kernel.and_then(|kernel| Image::parse(kernel).ok());
    let both = [Some(&image), inner.as_ref()].into_iter().flatten();
    let measured = sources
        .bank
        .map(|bank| both.map(|image| image.unpadded_digest(bank)).collect());
    images.found.push(Found {
        shown,
        unmounted: None,
        measured: measured.unwrap_or_default(),
        sha256: image.unpadded_digest(HashAlgorithm::Sha256),
        inner_sha256: inner.map(|kernel| kernel.unpadded_digest(HashAlgorithm::Sha256)),
        release: loader::kernel_release(kernel.unwrap_or(bytes)),
        is_kernel: loader::is_kernel(kernel.unwrap_or(bytes)),
        sbat: image.section(".sbat").map(Sbat::parse),
        unified: Unified::recognise(&image),
        places,
        loader,
        judged: sources.policy.as_ref().map(|policy| policy.judge(&image)),
        path,
    });
}
