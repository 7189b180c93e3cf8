//! Replacing files so that a crash at any point leaves each either old or new, never half.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::{NamedTempFile, TempPath};

use crate::error::{Error, Explain, Result};

use super::Context;

/// Permission bits of a file that did not exist before: readable by all, as kernels and signatures are.
const NEW_FILE_MODE: u32 = 0o644;

/// A staged file that could not be put in its place.
#[derive(Debug)]
pub struct NotReplaced {
    /// The file, as it was named when it was staged.
    pub path: PathBuf,
    /// Why it is still the old one.
    pub error: Error,
}

/// Files staged beside their targets under temporary names, renamed together by [`Transaction::commit`]. Dropped
/// without a commit, it leaves the targets as they were.
#[derive(Debug)]
pub struct Transaction<'a> {
    context: &'a Context,
    /// By the file that is replaced: the path that it was named by, and the new file.
    staged: Mutex<BTreeMap<PathBuf, (PathBuf, TempPath)>>,
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

    /// Writes the new content of `target` beside it. A symbolic link is followed: the file it leads to is replaced, the
    /// link stays. Owner and mode of an existing file are kept. May be called from several threads.
    pub fn stage(&self, target: &Path, bytes: &[u8]) -> Result<()> {
        if self.context.dry_run() {
            return Ok(());
        }
        let cannot = || format!("cannot write beside {}", target.display());
        let (resolved, existing) = match fs::canonicalize(target) {
            Ok(resolved) => {
                let metadata = fs::metadata(&resolved).or_could_not_run(cannot)?;
                (resolved, Some(metadata))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                (std::path::absolute(target).or_could_not_run(cannot)?, None)
            }
            Err(error) => return Err(Error::could_not_run(cannot()).caused_by(error)),
        };
        let directory = resolved.parent().unwrap_or(Path::new("/"));
        let mut file = tempfile::Builder::new()
            .prefix(".bootseal-")
            .tempfile_in(directory)
            .or_could_not_run(cannot)?;
        file.write_all(bytes).or_could_not_run(cannot)?;
        like(&file, existing.as_ref()).or_could_not_run(cannot)?;
        let mut staged = self
            .staged
            .lock()
            .map_err(|_| Error::bug("a thread died while staging files"))?;
        // Two names may lead to one file, as a link's `.sig` to its target's; what is staged last counts.
        staged.insert(resolved, (target.to_path_buf(), file.into_temp_path()));
        Ok(())
    }

    /// Flushes what was staged, renames all of it over the targets, and flushes the renames. A file that cannot be
    /// replaced keeps no other from it; those are returned.
    pub fn commit(self) -> Result<Vec<NotReplaced>> {
        let staged = self
            .staged
            .into_inner()
            .map_err(|_| Error::bug("a thread died while staging files"))?;
        let directories: Vec<PathBuf> = staged
            .keys()
            .filter_map(|target| target.parent().map(Path::to_path_buf))
            .collect();
        flush(&directories)?;
        let mut failed = Vec::new();
        for (target, (path, temporary)) in staged {
            let cannot = || format!("cannot replace {}", path.display());
            let persisted = temporary.persist(&target).map_err(|error| error.error);
            if let Err(error) = persisted.or_could_not_run(cannot) {
                failed.push(NotReplaced { path, error });
            }
        }
        flush(&directories)?;
        Ok(failed)
    }
}

/// Gives the staged file the owner and mode of the file that it will replace.
fn like(file: &NamedTempFile, existing: Option<&fs::Metadata>) -> std::io::Result<()> {
    let mode = existing.map_or(NEW_FILE_MODE, |metadata| metadata.mode() & 0o7777);
    if let Some(metadata) = existing {
        let own = file.as_file().metadata()?;
        if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
            std::os::unix::fs::fchown(file.as_file(), Some(metadata.uid()), Some(metadata.gid()))?;
        }
    }
    file.as_file().set_permissions(Permissions::from_mode(mode))
}

/// Flushes each file system that holds one of the directories, once.
fn flush(directories: &[PathBuf]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_change_only_at_commit_and_keep_mode_and_links() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("vmlinuz"), directory.path().join("link"));
        fs::write(&file, b"old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("vmlinuz", &link).unwrap();
        let context = Context::host();
        let transaction = Transaction::new(&context);
        transaction.stage(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert!(transaction.commit().unwrap().is_empty());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn a_file_that_cannot_be_replaced_is_named_and_the_others_are() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|name| directory.path().join(name));
        let context = Context::host();
        let transaction = Transaction::new(&context);
        for path in &paths {
            transaction.stage(path, b"new").unwrap();
        }
        fs::create_dir(&paths[1]).unwrap();
        let failed = transaction.commit().unwrap();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].path, paths[1]);
        assert_eq!(fs::read(&paths[0]).unwrap(), b"new");
        assert_eq!(fs::read(&paths[2]).unwrap(), b"new");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_dropped_transaction_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("vmlinuz");
        fs::write(&file, b"old").unwrap();
        let context = Context::host();
        let transaction = Transaction::new(&context);
        transaction.stage(&file, b"new").unwrap();
        drop(transaction);
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_dry_run_stages_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::host().with_dry_run(true);
        let transaction = Transaction::new(&context);
        transaction.stage(&directory.path().join("new"), b"new").unwrap();
        assert!(transaction.commit().unwrap().is_empty());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
