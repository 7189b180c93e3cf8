//! The image in its place: where that is, and a check that it embeds a key before files are signed with that key.

use std::path::{Path, PathBuf};

use crate::disk::{Architecture, efi_partitions, only_efi_partition};
use crate::error::{Error, Explain, Result, quoted};
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::Shown;
use crate::ledger::{Kind, Ledger, Origin};
use crate::system::config::GrubConfig;
use crate::system::{self, Context, not_mounted};
use crate::trust;

use super::place::{Place, is_unproven};

impl Place {
    /// The place that the configuration names, for images of this machine's architecture.
    pub fn configured(context: &Context, config: &GrubConfig) -> Result<Self> {
        let architecture = Architecture::own()?;
        let esp = match &config.esp {
            Some(esp) => context.path(esp),
            None => own_partition(context, &config.name, architecture)?,
        };
        Ok(Self {
            esp,
            name: config.name.clone(),
            architecture,
            fallback: config.removable,
        })
    }

    /// The place for images of this name on a partition.
    fn on(esp: &Path, name: &str, architecture: Architecture) -> Self {
        Self {
            esp: esp.to_path_buf(),
            name: name.to_owned(),
            architecture,
            fallback: false,
        }
    }
}

/// The EFI system partition for images of this name: the only one, or the one among several that has such an image.
pub fn own_partition(context: &Context, name: &str, architecture: Architecture) -> Result<PathBuf> {
    let mut having = efi_partitions(context)?;
    having.retain(|esp| Place::on(&esp.directory, name, architecture).current().exists());
    match having.as_slice() {
        [only] => Ok(only.directory.clone()),
        _ => only_efi_partition(context),
    }
}

/// True if an image of this name was put in its place before, on this partition or on any. An error if that was on one which is
/// not mounted now: whoever asks would leave the image as it is, and nobody would know.
pub fn is_installed(context: &Context, esp: Option<&Path>, name: &str, architecture: Architecture) -> Result<bool> {
    let esps = match esp {
        Some(esp) => vec![esp.to_path_buf()],
        None => efi_partitions(context)?.into_iter().map(|esp| esp.directory).collect(),
    };
    let is_there = |esp: &PathBuf| Place::on(esp, name, architecture).current().exists();
    if esps.iter().any(is_there) {
        return Ok(true);
    }
    let below = Place::on(Path::new(""), name, architecture).current();
    let ledger = Ledger::read(context)?;
    let made = ledger.index().recorded().iter();
    for recorded in made.filter(|recorded| recorded.kind == Kind::Efi && recorded.origin == Origin::Made) {
        let image = Path::new(&recorded.file.path);
        let esp = image.ancestors().nth(below.components().count());
        let Some(esp) = esp.and_then(Path::to_str).filter(|_| image.ends_with(&below)) else {
            continue;
        };
        if !not_mounted(context, &[esp])?.is_empty() {
            let text = format!("{esp} is not mounted, so that {} cannot be made anew", image.shown());
            return Err(Error::could_not_run(text).hint(format!("mount {}", quoted(Path::new(esp)))));
        }
    }
    Ok(false)
}

/// The image that was put in the place that the configuration names; none if that never was. An error where that cannot be told.
pub fn installed_image(context: &Context, config: &GrubConfig) -> Result<Option<PathBuf>> {
    let Ok(architecture) = Architecture::own() else {
        return Ok(None);
    };
    let esp = config.esp.as_ref().map(|esp| context.path(esp));
    if !is_installed(context, esp.as_deref(), &config.name, architecture)? {
        return Ok(None);
    }
    Ok(Some(Place::configured(context, config)?.current()))
}

/// Checks that GRUB's image embeds this key, and has started this machine.
pub fn check_embeds(context: &Context, config: &GrubConfig, key: &GrubKey) -> Result<PathBuf> {
    let refused = || "GRUB's image has to know the new key before files are signed with it".to_owned();
    let (path, embedded) = embedded(context, config).or_refuse(refused)?;
    let shown = path.shown();
    if !embedded.iter().any(|known| known.fingerprint() == key.fingerprint()) {
        return Err(Error::refused(refused()).caused_by(format!("{shown} does not embed it")));
    }
    if is_unproven(context, &system::read(&path).or_refuse(refused)?)? {
        return Err(Error::refused(refused()).caused_by(format!(
            "{shown} embeds it, and has not been confirmed to start this machine"
        )));
    }
    Ok(path)
}

/// The keys that GRUB's image embeds.
pub fn embedded(context: &Context, config: &GrubConfig) -> Result<(PathBuf, Vec<GrubKey>)> {
    let path = Place::configured(context, config)?.current();
    let refused = || format!("cannot read {}", path.shown());
    let bytes = system::read(&path)?;
    let image = Image::parse(&bytes).or_refuse(refused)?;
    let core = CoreImage::parse(&image)
        .or_refuse(refused)?
        .ok_or_else(|| Error::refused(format!("{} is no GRUB", path.shown())))?;
    let keys = trust::grub_image::judge(&core, &[], config.shim).keys;
    Ok((path, keys))
}
