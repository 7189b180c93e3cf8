//! Boot loaders of packages with a signed copy beside them, `NAME.signed`: bootctl(1) and fwupd install that where it is there.

use std::path::{Path, PathBuf};

use crate::disk::{EfiPartition, LOADERS_WITH_COPIES, efi_partitions};
use crate::error::Result;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticode::Image;
use crate::system::{self, Context, FileKind};

use super::efi::own_digest;

/// The ending of the name of an EFI image.
const EFI: &str = "efi";
/// Ending of the name of the signed copy of an image.
const SIGNED: &str = ".signed";
/// The directory of systemd-boot on an EFI system partition.
const SYSTEMD: &str = "EFI/systemd";
/// Largest boot loader that is read, in bytes.
const MAX_LOADER: u64 = 64 << 20;

/// The signed copy of a loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    /// It is the loader as it is, with our signature.
    Current,
    /// It is another version of the loader, with our signature.
    Stale,
    /// It bears no signature of ours, or is not there, and an EFI system partition has the loader with one.
    Missing,
}

/// A loader of a package that this machine uses with our signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagedLoader {
    /// The loader, as the package installs it.
    pub image: PathBuf,
    /// Its signed copy.
    pub copy: PathBuf,
    /// The state of that.
    pub state: CopyState,
    /// The same loader on EFI system partitions, in whatever version.
    pub installed: Vec<InstalledLoader>,
}

/// A loader on an EFI system partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledLoader {
    /// Its path.
    pub path: PathBuf,
    /// True if it bears any signature.
    pub is_signed: bool,
    /// The digest that our signature in it covers, if it has one that holds.
    pub own: Option<Digest>,
    /// True if it is the package's present version.
    pub is_present: bool,
}

/// The loaders of packages that this machine uses with a signature by this certificate: their copy has one, or the one that an EFI
/// system partition has. No others, since whoever can write the partition would have them signed: systemd-boot starts kernels
/// with any initramfs and command line. An error if one of the files cannot be read.
pub fn packaged_loaders(context: &Context, certificate: &Certificate) -> Result<Vec<PackagedLoader>> {
    let mut images = Vec::new();
    for directory in LOADERS_WITH_COPIES {
        let entries = system::list_directory_if_there(&context.path(directory))?;
        let is_image = |path: &Path| path.extension().is_some_and(|ending| ending == EFI);
        let files = entries.into_iter().filter(|entry| entry.kind == FileKind::File);
        images.extend(files.map(|entry| entry.path).filter(|path| is_image(path)));
    }
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let partitions = efi_partitions(context)?;
    let mut loaders = Vec::new();
    for image in images {
        loaders.extend(packaged_loader(&partitions, image, certificate)?);
    }
    Ok(loaders)
}

fn packaged_loader(
    partitions: &[EfiPartition],
    image: PathBuf,
    certificate: &Certificate,
) -> Result<Option<PackagedLoader>> {
    let bytes = system::read_prefix(&image, Some(MAX_LOADER))?;
    let Ok(parsed) = Image::parse(&bytes) else {
        return Ok(None);
    };
    let digest = parsed.digest(HashAlgorithm::Sha256);
    let mut name = image.clone().into_os_string();
    name.push(SIGNED);
    let copy = PathBuf::from(name);
    let of_copy = match system::read_if_there(&copy, MAX_LOADER)? {
        Some(bytes) => own_digest(&bytes, certificate),
        None => None,
    };
    let mut installed = Vec::new();
    for partition in partitions {
        let name = image.file_name().unwrap_or_default().to_string_lossy();
        if let Some(path) = partition.find(&format!("{SYSTEMD}/{name}")) {
            installed.push(installed_loader(path, &digest, certificate)?);
        }
    }
    let state = match of_copy {
        Some(of_copy) if of_copy == digest => CopyState::Current,
        Some(_) => CopyState::Stale,
        None if installed.iter().any(|loader| loader.own.is_some()) => CopyState::Missing,
        None => return Ok(None),
    };
    Ok(Some(PackagedLoader {
        image,
        copy,
        state,
        installed,
    }))
}

fn installed_loader(path: PathBuf, of_package: &Digest, certificate: &Certificate) -> Result<InstalledLoader> {
    let bytes = system::read_prefix(&path, Some(MAX_LOADER))?;
    let image = Image::parse(&bytes).ok();
    Ok(InstalledLoader {
        path,
        is_signed: image.as_ref().is_some_and(|image| !image.signatures().is_empty()),
        own: own_digest(&bytes, certificate),
        is_present: image.is_some_and(|image| image.digest(HashAlgorithm::Sha256) == *of_package),
    })
}
