//! A file that is opened once, to be read and to be replaced by what is made of it.

use std::fs::{File, Metadata};
use std::path::Path;

use crate::error::{Explain, Result};
use crate::formats::text::Shown;
use crate::system::beneath::Place;
use crate::system::files::read_opened;

use super::likeness::Times;
use super::placement::{Change, Staged};
use super::{Transaction, locate, poisoned, write_all, write_beside};

/// A file that was opened to be read and replaced.
#[derive(Debug)]
pub struct Opened {
    /// The place that the new file is to take.
    place: Place,
    file: (File, Metadata),
}

impl Opened {
    /// Its size, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file.1.len()
    }

    /// Reads it whole.
    pub fn read(&self) -> Result<Vec<u8>> {
        let (file, metadata) = &self.file;
        read_opened(self.place.path(), file, metadata, None)
    }
}

impl Transaction<'_> {
    /// Opens the file at `target`, a path without links, as [`Self::read`] reads it. One that has become a link is refused.
    pub fn open_to_replace(&self, target: &Path) -> Result<Opened> {
        let place = self.place_beside(target)?;
        let staged = match self.staged()?.get(place.path()) {
            Some(Staged {
                change: Change::Replace(temporary),
                ..
            }) => Some(temporary.place().clone()),
            _ => None,
        };
        let file = staged.as_ref().unwrap_or(&place).open();
        let file = file.or_could_not_run(|| format!("cannot read {}", target.shown()))?;
        Ok(Opened { place, file })
    }

    /// The place of a name. Its directory is looked for once: what leads there is the same for all files in it.
    fn place_beside(&self, target: &Path) -> Result<Place> {
        let (Some(directory), Some(name)) = (target.parent(), target.file_name()) else {
            return locate(Place::of_name(self.context, target), target);
        };
        let mut known = self.neighbours.lock().map_err(|_| poisoned())?;
        if let Some(neighbour) = known.get(directory) {
            return Ok(neighbour.beside(name));
        }
        let place = locate(Place::of_name(self.context, target), target)?;
        known.insert(directory.to_path_buf(), place.clone());
        Ok(place)
    }

    /// As [`Self::stage`], for a file that was named as `named`. The new file is like the one that was opened, whatever has its
    /// name by now.
    pub fn stage_opened(&self, named: &Path, opened: &Opened, parts: &[&[u8]]) -> Result<()> {
        self.insert_written(opened.place.clone(), None, named, |place| {
            write_beside(place, Some(&opened.file), |file| write_all(file, parts), Times::Kept)
        })
    }
}
