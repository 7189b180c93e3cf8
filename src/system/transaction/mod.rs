//! Replacing files so that a crash at any point leaves each either old or new, never half.

mod likeness;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use tempfile::TempPath;

use crate::error::{Error, Explain, Result};

use super::context::Context;
use super::files::read;
use super::resolve::resolve;

pub use likeness::is_directory_on_fat;

/// The beginning of the names of staged files; [`RANDOM`] letters and digits follow.
const PREFIX: &str = ".bootseal-";
/// Random characters in the name of a staged file.
const RANDOM: usize = 8;
/// The most files that are flushed one by one; for more, their whole file system is flushed, which is faster then.
const FEW: usize = 16;

/// True for the name of a staged file: of a run that is at work, or of one that was killed.
#[must_use]
pub fn is_staged(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.as_encoded_bytes().strip_prefix(PREFIX.as_bytes()))
        .is_some_and(|random| random.len() == RANDOM && random.iter().all(u8::is_ascii_alphanumeric))
}

/// A change that could not be made.
#[derive(Debug)]
pub struct NotReplaced {
    /// The file, as it was named when it was staged.
    pub path: PathBuf,
    /// The reason for which it is still the old file.
    pub error: Error,
}

/// The change that is planned for a file.
#[derive(Debug)]
struct Staged {
    /// The file, as it was named.
    path: PathBuf,
    change: Change,
    /// The staged file that must have been replaced before, if any.
    requires: Option<PathBuf>,
}

#[derive(Debug)]
enum Change {
    Replace(TempPath),
    Remove,
    /// A change that a dry run only announces.
    DryRun,
}

/// Files staged beside their targets under temporary names, renamed together by [`Transaction::commit`]. Dropped
/// without a commit, it leaves the targets as they were. Its methods may be called from several threads.
#[derive(Debug)]
pub struct Transaction<'a> {
    context: &'a Context,
    /// By the file that is changed.
    staged: Mutex<BTreeMap<PathBuf, Staged>>,
}

impl<'a> Transaction<'a> {
    /// An empty transaction.
    #[must_use]
    pub const fn new(context: &'a Context) -> Self {
        Self {
            context,
            staged: Mutex::new(BTreeMap::new()),
        }
    }

    /// Writes the new content of `target`, the concatenation of `parts`, beside it. A symbolic link is followed: the
    /// file it leads to is replaced, the link stays. Owner, mode, extended attributes and times of an existing file are
    /// kept.
    pub fn stage(&self, target: &Path, parts: &[&[u8]]) -> Result<()> {
        self.stage_requiring(None, target, parts)
    }

    /// As [`Self::stage`], for content that belongs to that of `required`: if `required` was staged before and cannot
    /// be replaced, `target` is left alone.
    pub fn stage_after(&self, required: &Path, target: &Path, parts: &[&[u8]]) -> Result<()> {
        let (resolved, _) = self
            .locate(required)
            .or_could_not_run(|| format!("cannot find {}", required.display()))?;
        let leader = self.staged()?.contains_key(&resolved).then_some(resolved);
        self.stage_requiring(leader, target, parts)
    }

    fn stage_requiring(&self, requires: Option<PathBuf>, target: &Path, parts: &[&[u8]]) -> Result<()> {
        self.context.check_interrupted()?;
        let cannot = || format!("cannot write beside {}", target.display());
        let (resolved, existing) = self.locate(target).or_could_not_run(cannot)?;
        let change = if self.context.dry_run() {
            Change::DryRun
        } else {
            let existing = existing.as_ref().map(|metadata| (resolved.as_path(), metadata));
            Change::Replace(write_beside(&resolved, parts, existing).or_could_not_run(cannot)?)
        };
        self.insert(resolved, requires, target, change)
    }

    /// Has `target` removed by the commit.
    pub fn remove(&self, target: &Path) -> Result<()> {
        let change = if self.context.dry_run() {
            Change::DryRun
        } else {
            Change::Remove
        };
        // A link is removed itself, not the file that it leads to.
        let absolute = std::path::absolute(target).or_could_not_run(|| format!("cannot find {}", target.display()))?;
        self.insert(absolute, None, target, change)
    }

    /// True if the content of `target` is to change.
    pub fn changes(&self, target: &Path) -> Result<bool> {
        let (resolved, _) = self
            .locate(target)
            .or_could_not_run(|| format!("cannot find {}", target.display()))?;
        Ok(self.staged()?.contains_key(&resolved))
    }

    /// Reads `target` as it will be after the commit; in a dry run, as it is.
    pub fn read(&self, target: &Path) -> Result<Vec<u8>> {
        let (resolved, _) = self
            .locate(target)
            .or_could_not_run(|| format!("cannot read {}", target.display()))?;
        if let Some(Staged {
            change: Change::Replace(temporary),
            ..
        }) = self.staged()?.get(&resolved)
        {
            return read(temporary);
        }
        read(target)
    }

    /// The temporary files of this transaction.
    pub fn temporaries(&self) -> Result<BTreeSet<PathBuf>> {
        let staged = self.staged()?;
        let temporary = |staged: &Staged| match &staged.change {
            Change::Replace(temporary) => Some(temporary.to_path_buf()),
            Change::Remove | Change::DryRun => None,
        };
        Ok(staged.values().filter_map(temporary).collect())
    }

    /// Flushes the staged files, renames all of it over the targets, and flushes the renames. A file that cannot be
    /// replaced keeps no other from it, but those that were staged after it; those are returned.
    pub fn commit(self) -> Result<Vec<NotReplaced>> {
        self.context.check_interrupted()?;
        let staged = self.staged.into_inner().map_err(|_| poisoned())?;
        let mut new: Vec<&Path> = Vec::new();
        let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
        for (target, staged) in &staged {
            if let Change::Replace(temporary) = &staged.change {
                new.push(temporary);
            }
            if !matches!(staged.change, Change::DryRun) {
                directories.extend(target.parent().map(Path::to_path_buf));
            }
        }
        let many = new.len() > FEW;
        if many {
            flush_file_systems(&directories)?;
        } else {
            flush_each(new)?;
        }
        let failed = put_in_place(staged);
        if many {
            flush_file_systems(&directories)?;
        } else {
            flush_each(directories.iter().map(PathBuf::as_path))?;
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

    /// The file that a path leads to, and its metadata if there is one.
    fn locate(&self, target: &Path) -> std::io::Result<(PathBuf, Option<Metadata>)> {
        match resolve(self.context.root(), target) {
            Ok(resolved) => {
                let metadata = fs::metadata(&resolved)?;
                Ok((resolved, Some(metadata)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
                    return Err(error);
                };
                let parent = if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                };
                Ok((resolve(self.context.root(), parent)?.join(name), None))
            }
            Err(error) => Err(error),
        }
    }

    fn insert(&self, target: PathBuf, requires: Option<PathBuf>, named: &Path, change: Change) -> Result<()> {
        let staged = Staged {
            path: named.to_path_buf(),
            change,
            requires,
        };
        // Two names may lead to one file, as a link's `.sig` to its target's; what is staged last counts.
        self.staged()?.insert(target, staged);
        Ok(())
    }

    fn staged(&self) -> Result<MutexGuard<'_, BTreeMap<PathBuf, Staged>>> {
        self.staged.lock().map_err(|_| poisoned())
    }
}

fn poisoned() -> Error {
    Error::bug("a thread died while staging files")
}

fn write_beside(target: &Path, parts: &[&[u8]], existing: Option<(&Path, &Metadata)>) -> std::io::Result<TempPath> {
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .rand_bytes(RANDOM)
        .tempfile_in(target.parent().unwrap_or(Path::new("/")))?;
    for part in parts {
        file.write_all(part)?;
    }
    likeness::take_over(file.as_file(), existing)?;
    Ok(file.into_temp_path())
}

/// Renames and removes in the order of the paths; a file that requires another comes right after that one.
fn put_in_place(staged: BTreeMap<PathBuf, Staged>) -> Vec<NotReplaced> {
    let mut failed = Vec::new();
    let mut followers: BTreeMap<PathBuf, Vec<(PathBuf, Staged)>> = BTreeMap::new();
    let mut leaders = Vec::new();
    for (target, staged) in staged {
        match staged.requires.clone() {
            Some(required) => followers.entry(required).or_default().push((target, staged)),
            None => leaders.push((target, staged)),
        }
    }
    for (target, Staged { path, change, .. }) in leaders {
        let done = put(&target, change);
        let followers = followers.remove(&target).unwrap_or_default();
        for (target, follower) in followers {
            let after = match &done {
                Ok(()) => put(&target, follower.change),
                Err(_) => Err(std::io::Error::other(format!("it belongs to {}", path.display()))),
            };
            failed.extend(not_replaced(follower.path, after));
        }
        failed.extend(not_replaced(path, done));
    }
    failed
}

fn put(target: &Path, change: Change) -> std::io::Result<()> {
    match change {
        Change::Replace(temporary) => temporary.persist(target).map_err(|error| error.error),
        Change::Remove => fs::remove_file(target),
        Change::DryRun => Ok(()),
    }
}

fn not_replaced(path: PathBuf, done: std::io::Result<()>) -> Option<NotReplaced> {
    let error = done
        .or_could_not_run(|| format!("cannot replace {}", path.display()))
        .err()?;
    Some(NotReplaced { path, error })
}

fn flush_each<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<()> {
    for path in paths {
        File::open(path)
            .and_then(|file| file.sync_all())
            .or_could_not_run(|| format!("cannot flush {}", path.display()))?;
    }
    Ok(())
}

/// Flushes each file system that holds one of the directories, once.
fn flush_file_systems(directories: &BTreeSet<PathBuf>) -> Result<()> {
    let mut flushed = Vec::new();
    for path in directories {
        let cannot = || format!("cannot flush {}", path.display());
        let directory = File::open(path).or_could_not_run(cannot)?;
        let device = directory.metadata().or_could_not_run(cannot)?.dev();
        if !flushed.contains(&device) {
            rustix::fs::syncfs(&directory).or_could_not_run(cannot)?;
            flushed.push(device);
        }
    }
    Ok(())
}
