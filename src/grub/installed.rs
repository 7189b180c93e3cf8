//! The image in its place: a check that it embeds a key before files are signed with that key.

use std::path::PathBuf;

use crate::disk::{Architecture, only_efi_partition};
use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::Shown;
use crate::system::config::GrubConfig;
use crate::system::{self, Context};
use crate::trust;

use super::place::{Place, is_unproven};

impl Place {
    /// The place that the configuration names, for images of this machine's architecture.
    pub fn configured(context: &Context, config: &GrubConfig) -> Result<Self> {
        let esp = match &config.esp {
            Some(esp) => context.path(esp),
            None => only_efi_partition(context)?,
        };
        Ok(Self {
            esp,
            name: config.name.clone(),
            architecture: Architecture::own()?,
            fallback: config.removable,
        })
    }
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
