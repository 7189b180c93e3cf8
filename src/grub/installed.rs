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

/// Checks that the image in its place embeds a key and has started this machine; returns the path of the image.
pub fn check_embeds(context: &Context, config: &GrubConfig, key: &GrubKey) -> Result<PathBuf> {
    let refused = || "GRUB's image has to know the new key before files are signed with it".to_owned();
    let path = Place::configured(context, config).or_refuse(refused)?.current();
    let bytes = system::read(&path).or_refuse(refused)?;
    let image = Image::parse(&bytes).or_refuse(refused)?;
    let shown = path.shown();
    let Some(core) = CoreImage::parse(&image).or_refuse(refused)? else {
        return Err(Error::refused(refused()).caused_by(format!("{shown} is no GRUB")));
    };
    let embedded = trust::grub_image::judge(&core, &[], config.shim).keys;
    if !embedded.iter().any(|known| known.fingerprint() == key.fingerprint()) {
        return Err(Error::refused(refused()).caused_by(format!("{shown} does not embed it")));
    }
    if is_unproven(context, &bytes)? {
        return Err(Error::refused(refused()).caused_by(format!(
            "{shown} embeds it, and has not been confirmed to start this machine"
        )));
    }
    Ok(path)
}
