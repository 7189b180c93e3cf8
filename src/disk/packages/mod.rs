//! The packages that are installed, as origins: a file on a boot medium that equals one of theirs is vouched for.

mod equal;
mod line;
mod lists;
mod owner;
mod places;
mod reinstall;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;
use crate::system::{self, Content, Context};

use super::boot_media::BootMedia;
use lists::Lists;
use places::{MZ, Places};

pub use lists::merged_files;
pub use owner::Owner;
pub use places::LOADERS_WITH_COPIES;
pub use reinstall::{make_menu, reinstall_image, reinstall_kernel, reinstall_loader, reinstall_newest};

/// The files of the root file system that vouch for equal ones on boot media. Nothing is read before the first question.
#[derive(Debug)]
pub struct Packages {
    context: Context,
    media: BootMedia,
    sources: Vec<PathBuf>,
    places: OnceLock<Places>,
    lists: OnceLock<Lists>,
}

impl Packages {
    /// The packages of the machine below the context's root. `sources` are the files and directories that the
    /// configuration names, below the root. An error (exit code 2) if one of them is on a boot medium: it would vouch for
    /// itself.
    pub fn read(context: &Context, media: &BootMedia, sources: &[PathBuf]) -> Result<Self> {
        if let Some(source) = sources.iter().find(|source| media.holds(source)) {
            let path = source.shown();
            return Err(Error::usage(format!(
                "{path} is on a boot medium, which anybody with the disk can write, and cannot be a source of signed files"
            ))
            .hint("name a directory of the root file system in [sign] sources"));
        }
        Ok(Self {
            context: context.clone(),
            media: media.clone(),
            sources: sources.to_vec(),
            places: OnceLock::new(),
            lists: OnceLock::new(),
        })
    }

    /// The configured sources that do not exist, and so vouch for nothing. An error if that cannot be told.
    pub fn missing_sources(&self) -> Result<Vec<&Path>> {
        let mut missing = Vec::new();
        for source in &self.sources {
            if !system::is_there(source)? {
                missing.push(source.as_path());
            }
        }
        Ok(missing)
    }

    /// The origin of a file with these bytes that lies, or is to lie, at `path`: a regular file on the root file system,
    /// writable only by root and its user, equal byte for byte, which
    /// - the configuration names, itself or a directory above it, whatever the file's name; or
    /// - lies in a directory of GRUB's (`/usr/lib/grub`, `/usr/share/grub`) or of loaders (systemd-boot, shim, fwupd), with
    ///   the same name; or
    /// - has the same name in a package's list, and the MD5 given there.
    ///
    /// Or a package's list has the very path, on a boot medium, with the MD5 of these bytes. Names are compared without
    /// regard to case in the first directories; a loader's ending `.signed` does not count.
    ///
    /// An EFI program, or any file that begins like one, is vouched for by the configuration, by the list that has the very
    /// path, and in the directory `EFI/NAME` of its own (not `EFI/Linux`) by a loader's directory. Packages install programs
    /// that enforce nothing: GRUB without signatures, shells. The same holds of `*.cfg`.
    ///
    /// An error if a list or directory cannot be read, or is too long.
    pub fn owner<'a>(&self, path: &Path, bytes: impl Into<Content<'a>>) -> Result<Option<Owner>> {
        let content = bytes.into();
        let is_program = content.starts_with(MZ);
        let is_program = is_program.or_could_not_run(|| format!("cannot read {}", path.shown()))?;
        let places = read_once(&self.places, || Places::read(&self.context, &self.media, &self.sources))?;
        if let Some(owner) = places.owner(&self.context, &self.media, path, content, is_program)? {
            return Ok(Some(owner));
        }
        let lists = read_once(&self.lists, || Lists::read(&self.context, &self.media))?;
        lists.owner(&self.context, &self.media, path, content, is_program)
    }
}

/// The value of a cell, read if it is not there yet. A failure is not kept: the next question tries again.
fn read_once<T>(cell: &OnceLock<T>, read: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}
