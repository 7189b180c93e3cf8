//! Checks before a kernel is replaced, while ending the installation still changes nothing.

use std::path::Path;

use crate::disk::BOOT;
use crate::error::{Error, Explain, Result, quoted};
use crate::formats::firmware::authenticode::Image;
use crate::formats::text::Shown;
use crate::system::{self, Space};

use super::files::Files;

/// Checks that the image can be signed, and that there is room for that where it will be.
pub(super) fn check(files: &Files<'_>, image: &Path) -> Result<()> {
    let bytes = system::read(image)?;
    Image::parse(&bytes).or_refuse(|| format!("cannot sign {}", image.shown()))?;
    for directory in places(files) {
        let space = Space::at(&directory)?;
        let shown = directory.shown();
        if space.read_only {
            let hint = format!("mount -o remount,rw {}", quoted(&directory));
            return Err(Error::could_not_run(format!("{shown} is mounted for reading only")).hint(hint));
        }
        // A file is replaced by a new one beside it.
        let needed = bytes.len() as u64;
        if space.available < needed {
            return Err(Error::could_not_run(format!(
                "{shown} has {} bytes left, and signing the kernel there takes {needed}",
                space.available
            ))
            .hint(format!("remove an old kernel from {shown}")));
        }
    }
    Ok(())
}

/// The directories that the image will be in; none for a unified image, which is signed in the staging area.
fn places(files: &Files<'_>) -> Vec<std::path::PathBuf> {
    if files.environment.layout.as_deref() == Some("uki") {
        return Vec::new();
    }
    let named = files.environment.boot_root.as_ref().map(|path| files.below(path));
    let place = named.unwrap_or_else(|| files.context.path(BOOT));
    Some(place).filter(|place| place.is_dir()).into_iter().collect()
}
