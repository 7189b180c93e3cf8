//! Replacing files so that a crash at any point leaves each either old or new, never half.

mod likeness;
mod opened;
mod placement;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

use super::beneath::{NoPlace, PREFIX, Place, RANDOM, Temporary};
use super::context::Context;
use super::files::{read_named, read_place};
use likeness::Times;
use placement::{Change, Staged, put_in_place};

pub use likeness::is_directory_on_fat;
pub use opened::Opened;
pub use placement::NotReplaced;

/// The most files that are flushed one by one; for more, their whole file system is flushed, which is faster then.
const FEW: usize = 16;

/// True for the name of a staged file: of a run that is at work, or of one that was killed.
#[must_use]
pub fn is_staged(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.as_encoded_bytes().strip_prefix(PREFIX.as_bytes()))
        .is_some_and(|random| random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric))
}

/// Files staged beside their targets under temporary names, renamed together by [`Transaction::commit`]. Dropped
/// without a commit, it leaves the targets as they were. Its methods may be called from several threads.
#[derive(Debug)]
pub struct Transaction<'a> {
    context: &'a Context,
    /// By the file that is changed.
    staged: Mutex<BTreeMap<Arc<Path>, Staged>>,
    /// A file of each directory in which files were opened to be replaced.
    neighbours: Mutex<BTreeMap<PathBuf, Place>>,
}

impl<'a> Transaction<'a> {
    /// An empty transaction.
    #[must_use]
    pub const fn new(context: &'a Context) -> Self {
        Self {
            context,
            staged: Mutex::new(BTreeMap::new()),
            neighbours: Mutex::new(BTreeMap::new()),
        }
    }

    /// Writes the new content of `target`, the concatenation of `parts`, beside it. A symbolic link of this name is
    /// replaced, not the file that it leads to. Owner, mode, extended attributes and times of an existing file are kept.
    pub fn stage(&self, target: &Path, parts: &[&[u8]]) -> Result<()> {
        let place = locate(Place::of_name(self.context, target), target)?;
        self.stage_at(place, (None, Times::Kept), target, parts)
    }

    /// As [`Self::stage`], but a symbolic link is followed: the file that it leads to is replaced, the link stays.
    pub fn stage_file(&self, target: &Path, parts: &[&[u8]]) -> Result<()> {
        let place = locate(Place::of_file_or_name(self.context, target), target)?;
        self.stage_at(place, (None, Times::Kept), target, parts)
    }

    /// As [`Self::stage`], for content that is written as it is made, of a file that was named as `named` and is at `file`, a
    /// path without links.
    pub fn stage_written(
        &self,
        named: &Path,
        file: &Path,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<()> {
        let place = locate(Place::of_name(self.context, file), named)?;
        self.stage_by(place, (None, Times::Kept), named, write)
    }

    /// As [`Self::stage_file`], for content that is written as it is made.
    pub fn stage_file_written(
        &self,
        target: &Path,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<()> {
        let place = locate(Place::of_file_or_name(self.context, target), target)?;
        self.stage_by(place, (None, Times::Kept), target, write)
    }

    /// As [`Self::stage`], for content that belongs to that of `required`: if `required` was staged before and cannot
    /// be replaced, `target` is left alone. It has a new time: its size stays as a rule, and who mirrors a directory by
    /// sizes and times must see that it changed.
    pub fn stage_after(&self, required: &Path, target: &Path, parts: &[&[u8]]) -> Result<()> {
        let leader = locate(Place::of_file_or_name(self.context, required), required)?;
        let leader = leader.shared_path();
        let leader = self.staged()?.contains_key(&leader).then_some(leader);
        let place = locate(Place::of_name(self.context, target), target)?;
        self.stage_at(place, (leader, Times::New), target, parts)
    }

    fn stage_at(
        &self,
        place: Place,
        (requires, times): (Option<Arc<Path>>, Times),
        named: &Path,
        parts: &[&[u8]],
    ) -> Result<()> {
        self.stage_by(place, (requires, times), named, |file| write_all(file, parts))
    }

    fn stage_by(
        &self,
        place: Place,
        (requires, times): (Option<Arc<Path>>, Times),
        named: &Path,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<()> {
        self.insert_written(place, requires, named, |place| {
            write_beside(place, existing(place)?.as_ref(), write, times)
        })
    }

    fn insert_written(
        &self,
        place: Place,
        requires: Option<Arc<Path>>,
        named: &Path,
        write: impl FnOnce(&Place) -> std::io::Result<Temporary>,
    ) -> Result<()> {
        self.context.check_interrupted()?;
        let change = if self.context.dry_run() {
            Change::DryRun
        } else {
            Change::Replace(write(&place).or_could_not_run(|| format!("cannot write beside {}", named.shown()))?)
        };
        self.insert(place, requires, named, change)
    }

    /// Has `target` removed by the commit. A link is removed itself, not the file that it leads to.
    pub fn remove(&self, target: &Path) -> Result<()> {
        let change = if self.context.dry_run() {
            Change::DryRun
        } else {
            Change::Remove
        };
        let place = locate(Place::of_name(self.context, target), target)?;
        self.insert(place, None, target, change)
    }

    /// True if the content of `target` is to change.
    pub fn changes(&self, target: &Path) -> Result<bool> {
        if self.staged()?.is_empty() {
            return Ok(false);
        }
        let place = locate(Place::of_file_or_name(self.context, target), target)?;
        Ok(self.staged()?.contains_key(place.path()))
    }

    /// Reads `target` as it will be after the commit; in a dry run, as it is.
    pub fn read(&self, target: &Path) -> Result<Vec<u8>> {
        read_place(&self.place_of(target)?, None)
    }

    /// Opens `target` as [`Self::read`] reads it.
    pub fn open(&self, target: &Path) -> Result<(File, Metadata)> {
        let opened = self.place_of(target)?.open();
        opened.or_could_not_run(|| format!("cannot read {}", target.shown()))
    }

    /// The place at which the content of `target` is now.
    fn place_of(&self, target: &Path) -> Result<Place> {
        let place = locate(Place::of_file_or_name(self.context, target), target)?;
        if let Some(Staged {
            change: Change::Replace(temporary),
            ..
        }) = self.staged()?.get(place.path())
        {
            return Ok(temporary.place().clone());
        }
        Ok(place)
    }

    /// Reads the regular file that has this name itself; `None` if it names nothing, or anything else, as a link. What is
    /// staged is not looked at.
    pub fn read_named(&self, target: &Path) -> Result<Option<Vec<u8>>> {
        read_named(self.context, target)
    }

    /// The temporary files of this transaction.
    pub fn temporaries(&self) -> Result<BTreeSet<PathBuf>> {
        let staged = self.staged()?;
        let temporary = |staged: &Staged| match &staged.change {
            Change::Replace(temporary) => Some(temporary.place().path().to_path_buf()),
            Change::Remove | Change::DryRun => None,
        };
        Ok(staged.values().filter_map(temporary).collect())
    }

    /// Flushes the staged files, renames all of it over the targets, and flushes the renames. A file that cannot be
    /// replaced keeps no other from it, but those that were staged after it; those are returned.
    pub fn commit(self) -> Result<Vec<NotReplaced>> {
        self.context.check_interrupted()?;
        let staged = self.staged.into_inner().map_err(|_| poisoned())?;
        let mut new: Vec<&Temporary> = Vec::new();
        let mut directories: BTreeMap<PathBuf, Place> = BTreeMap::new();
        for staged in staged.values() {
            if let Change::Replace(temporary) = &staged.change {
                new.push(temporary);
            }
            if !matches!(staged.change, Change::DryRun) {
                directories.insert(staged.place.directory_path().to_path_buf(), staged.place.clone());
            }
        }
        let many = new.len() > FEW;
        if many {
            flush_file_systems(&directories)?;
        } else {
            for temporary in new {
                let cannot = || format!("cannot flush {}", temporary.place().path().shown());
                temporary.flush().or_could_not_run(cannot)?;
            }
        }
        let failed = put_in_place(staged);
        if many {
            flush_file_systems(&directories)?;
        } else {
            for (path, place) in &directories {
                let cannot = || format!("cannot flush {}", path.shown());
                place.flush_directory().or_could_not_run(cannot)?;
            }
        }
        Ok(failed)
    }

    /// As [`Self::commit`], for files that are only good together: fails with the first that was not replaced.
    pub fn commit_all(self) -> Result<()> {
        match self.commit()?.into_iter().next() {
            Some(failed) => Err(failed.error),
            None => Ok(()),
        }
    }

    fn insert(&self, place: Place, requires: Option<Arc<Path>>, named: &Path, change: Change) -> Result<()> {
        let own = place.shared_path();
        let staged = Staged {
            path: if named == &*own { Arc::clone(&own) } else { named.into() },
            place,
            change,
            requires,
        };
        // Two names may lead to one file, as a link's `.sig` to its target's; what is staged last counts.
        self.staged()?.insert(own, staged);
        Ok(())
    }

    fn staged(&self) -> Result<MutexGuard<'_, BTreeMap<Arc<Path>, Staged>>> {
        self.staged.lock().map_err(|_| poisoned())
    }
}

fn poisoned() -> Error {
    Error::bug("a thread died while staging files")
}

fn locate(place: std::result::Result<Place, NoPlace>, target: &Path) -> Result<Place> {
    place.map_err(|error| error.explain(format!("cannot find {}", target.shown())))
}

fn write_all(file: &mut File, parts: &[&[u8]]) -> std::io::Result<()> {
    parts.iter().try_for_each(|part| file.write_all(part))
}

/// The file that is replaced, if it hands anything down: only a regular file does. What else has the name is replaced.
fn existing(target: &Place) -> std::io::Result<Option<(File, Metadata)>> {
    match target.look()? {
        Some(kind) if kind.is_file() => target.open().map(Some),
        _ => Ok(None),
    }
}

fn write_beside(
    target: &Place,
    existing: Option<&(File, Metadata)>,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
    times: Times,
) -> std::io::Result<Temporary> {
    let (temporary, mut file, own) = Temporary::beside(target)?;
    write(&mut file)?;
    likeness::take_over((&file, &own), existing, times)?;
    Ok(temporary)
}

/// Flushes each file system that holds one of the directories, once.
fn flush_file_systems(directories: &BTreeMap<PathBuf, Place>) -> Result<()> {
    let mut flushed = Vec::new();
    for (path, place) in directories {
        let cannot = || format!("cannot flush {}", path.shown());
        let directory = place.open_directory().or_could_not_run(cannot)?;
        let device = directory.metadata().or_could_not_run(cannot)?.dev();
        if !flushed.contains(&device) {
            rustix::fs::syncfs(&directory).or_could_not_run(cannot)?;
            flushed.push(device);
        }
    }
    Ok(())
}
