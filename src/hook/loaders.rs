//! The findings about boot loaders that packages bring and `bootctl` installs: systemd-boot, without a hook of its own.

use std::path::{Path, PathBuf};

use crate::error::{Result, quoted};
use crate::finding::{Finding, Kind};
use crate::formats::text::Shown;
use crate::keys::{KeyDirectory, KeyName};
use crate::sign::{CopyState, InstalledLoader, PackagedLoader, packaged_loaders};
use crate::system::{self, Context, Space};

/// The signed copy that `bootctl` installs is missing, or of another version than the loader.
const LOADER_COPY: Kind = Kind::error("loader_copy");
/// A boot loader of a package is on an EFI system partition without a signature.
const LOADER_UNSIGNED: Kind = Kind::error("loader_unsigned");
/// A boot loader on an EFI system partition is not the version that its package has.
const LOADER_OLD: Kind = Kind::note("loader_old");

pub(super) fn loaders(context: &Context, keys: &Path) -> Result<Vec<Finding>> {
    let Ok(keys) = KeyDirectory::open(keys).map(|keys| keys.below(context.root())) else {
        return Ok(Vec::new());
    };
    let mut findings = Vec::new();
    for loader in of_key(context, &keys)? {
        findings.extend(copy(&loader));
        findings.extend(
            loader
                .installed
                .iter()
                .filter_map(|installed| of_installed(&loader, installed)),
        );
    }
    Ok(findings)
}

/// The loaders whose signed copies are to be made anew, and the paths of these. On a file system that is mounted for reading only
/// none are: that is no reason for a kernel's installation to fail, and `hook status` tells of them.
pub(super) fn stale_copies(context: &Context, keys: &KeyDirectory) -> Result<Vec<(PathBuf, PathBuf)>> {
    let loaders = writable(context, keys)?.into_iter();
    let stale = loaders.filter(|loader| loader.state != CopyState::Current);
    Ok(stale.map(|loader| (loader.image, loader.copy)).collect())
}

/// The signed copies that are made anew whenever their loader changes.
pub(super) fn copies(context: &Context, keys: &KeyDirectory) -> Result<Vec<PathBuf>> {
    Ok(writable(context, keys)?.into_iter().map(|loader| loader.copy).collect())
}

fn writable(context: &Context, keys: &KeyDirectory) -> Result<Vec<PackagedLoader>> {
    let mut writable = Vec::new();
    for loader in of_key(context, keys)? {
        if !Space::at(loader.image.parent().unwrap_or(&loader.image))?.read_only {
            writable.push(loader);
        }
    }
    Ok(writable)
}

/// The loaders that the machine uses with a signature of the db key; none without a key.
fn of_key(context: &Context, keys: &KeyDirectory) -> Result<Vec<PackagedLoader>> {
    if !system::is_there(&keys.certificate_path(KeyName::Db))? {
        return Ok(Vec::new());
    }
    packaged_loaders(context, &keys.certificate(KeyName::Db)?)
}

fn copy(loader: &PackagedLoader) -> Option<Finding> {
    let (image, copy) = (loader.image.shown(), loader.copy.shown());
    let text = match loader.state {
        CopyState::Current => return None,
        CopyState::Stale => format!("{copy} is not the version of {image}, and bootctl update installs it"),
        CopyState::Missing => {
            format!("there is no {copy} with our signature: bootctl update installs {image} without one")
        }
    };
    let (image, copy) = (quoted(&loader.image), quoted(&loader.copy));
    let remedy = format!("bootseal sign efi --output {copy} {image}");
    Some(Finding::new(LOADER_COPY, loader.copy.shown(), text).remedy(remedy))
}

fn of_installed(loader: &PackagedLoader, installed: &InstalledLoader) -> Option<Finding> {
    let path = installed.path.shown();
    if installed.own.is_none() {
        let text = format!("{path} bears no signature, so that a firmware that enforces does not start it");
        let remedy = format!("bootseal sign efi {}", quoted(&installed.path));
        return (!installed.is_signed).then(|| Finding::new(LOADER_UNSIGNED, path, text).remedy(remedy));
    }
    let text = format!("{path} is another version than {}", loader.image.shown());
    (!installed.is_present).then(|| Finding::new(LOADER_OLD, path, text).remedy("bootctl update"))
}
