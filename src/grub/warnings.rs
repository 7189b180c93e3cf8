//! Warnings before the machine is started by an image that was just built.

use std::path::{Path, PathBuf};

use crate::error::{Explain, Result, quoted};
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::Switch;
use crate::sign::grub::existing_signature;
use crate::trust::{self, Anchors, image::Policy};

use super::build::Built;
use super::menu::Menu;
use super::place::Place;

/// The warning that shim, which is to start the image, is not in its place; none if it is.
pub fn missing_shim(place: &Place) -> Result<Option<String>> {
    let shim = place.shim();
    if shim.exists() {
        return Ok(None);
    }
    let (shown, loader) = (quoted(&shim), place.device_path(&shim)?);
    Ok(Some(format!(
        "there is no {}, which is to start the image: cp /usr/lib/shim/shimx64.efi {shown}; bootseal sign efi {shown}; and \
         an entry of the firmware for it: efibootmgr --create --disk DISK --part NUMBER --label {} --loader '{loader}'",
        shim.display(),
        place.name
    )))
}

/// The reasons for which the image, once it is started, would start nothing.
pub fn warnings(anchors: &Anchors, built: &Built, menu: Option<&(PathBuf, Vec<u8>)>) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let image = Image::parse(&built.bytes).or_bug(|| "the signed image is malformed".to_owned())?;
    if let Err(refusal) = Policy::new(&anchors.db, &anchors.dbx).judge(&image) {
        warnings.push(format!(
            "firmware with the db and dbx of these keys would not start the image: {refusal}"
        ));
    }
    let Some((path, bytes)) = menu else {
        return Ok(warnings);
    };
    let signature = existing_signature(path)?;
    if let Err(refusal) = trust::grub::judge(bytes, signature.as_deref(), &anchors.grub) {
        let directory = quoted(path.parent().unwrap_or(Path::new("/")));
        warnings.push(format!(
            "the image would refuse {}: {refusal}; before the next start: bootseal sign grub {directory}",
            path.display()
        ));
    }
    let locked = Menu::parse(bytes).locked();
    if let Some(first) = locked.first() {
        // Without a command line GRUB asks nobody for a password.
        let what = match built.image.cli_disabled {
            Switch::Set => "cannot be started by anybody, since there is a superuser and no command line",
            Switch::Unset | Switch::Unknown => "want a password before they start, since there is a superuser",
        };
        warnings.push(format!(
            "{} entries of {}, \"{first}\" the first, {what}: to let anybody start them, put --unrestricted into CLASS in \
             /etc/grub.d/10_linux, make grub.cfg anew, and sign it",
            locked.len(),
            path.display()
        ));
    }
    Ok(warnings)
}
