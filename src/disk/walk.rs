//! Walking a tree: bounded, in order, and told of everything that could not be looked at.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::system::{Entry, FileKind, list_directory};

/// Depth to which directories are looked into.
const DEPTH: usize = 32;

/// The files of a directory and those below it.
#[derive(Debug, Default)]
pub struct Tree {
    /// The entries that are no directories, in the order of their paths. Links to directories are among them.
    pub files: Vec<Entry>,
    /// The directories that could not be looked into, with the errors.
    pub unread: Vec<(PathBuf, Error)>,
}

impl Tree {
    /// Walks a directory. Links are not followed, and nothing at or below a path that `is_left_out` is looked at. Where a
    /// directory cannot be looked into, the others are walked all the same.
    #[must_use]
    pub fn below(directory: &Path, is_left_out: &dyn Fn(&Path) -> bool) -> Self {
        let mut tree = Self::default();
        tree.walk(directory, DEPTH, is_left_out);
        tree
    }

    fn walk(&mut self, directory: &Path, depth: usize, is_left_out: &dyn Fn(&Path) -> bool) {
        let Some(rest) = depth.checked_sub(1) else {
            let error = Error::could_not_run("it is too deep to be looked into");
            return self.unread.push((directory.to_path_buf(), error));
        };
        let entries = match list_directory(directory) {
            Ok(entries) => entries,
            Err(error) => return self.unread.push((directory.to_path_buf(), error)),
        };
        for entry in entries {
            if is_left_out(&entry.path) {
                continue;
            }
            if entry.kind == FileKind::Directory {
                self.walk(&entry.path, rest, is_left_out);
            } else {
                self.files.push(entry);
            }
        }
    }
}

/// All files of a directory and those below it, in the order of their paths, as [`Tree`] has them; none if there is no
/// such directory. A directory that cannot be looked into is added to `unread` with the reason.
pub fn files_below(directory: &Path, unread: &mut Vec<String>) -> Vec<PathBuf> {
    let tree = Tree::below(directory, &|_| false);
    for (directory, error) in &tree.unread {
        tell(directory, error, unread);
    }
    tree.files.into_iter().map(|entry| entry.path).collect()
}

/// An error (exit code 3) if only root may look into a directory, which must not pass for one that is empty or not there.
pub fn check_readable(directory: &Path) -> Result<()> {
    match list_directory(directory) {
        Err(error) if error.io_kind() == Some(ErrorKind::PermissionDenied) => Err(error),
        _ => Ok(()),
    }
}

/// The paths of a directory's entries, in order; none if there is no such directory. One that cannot be read is added to
/// `unread` with the reason.
pub fn entries(directory: &Path, unread: &mut Vec<String>) -> Vec<PathBuf> {
    match list_directory(directory) {
        Ok(entries) => entries.into_iter().map(|entry| entry.path).collect(),
        Err(error) => {
            tell(directory, &error, unread);
            Vec::new()
        }
    }
}

/// Adds a directory that could not be looked into to `unread`, with the reason, unless it is not there.
fn tell(directory: &Path, error: &Error, unread: &mut Vec<String>) {
    if error.io_kind() != Some(ErrorKind::NotFound) {
        let reason = error.causes().pop().unwrap_or_else(|| error.to_string());
        unread.push(format!("{}: {reason}", directory.shown()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_walk_ends_and_tells_what_it_did_not_see() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir_all(path("b/c")).unwrap();
        for name in ["b/c/2", "b/1", "a"] {
            fs::write(path(name), b"").unwrap();
        }
        symlink(root.path(), path("b/loop")).unwrap();
        let deep = path(&"d/".repeat(DEPTH + 1));
        fs::create_dir_all(&deep).unwrap();
        let mut unread = Vec::new();
        let files = files_below(root.path(), &mut unread);
        assert_eq!(files, ["a", "b/1", "b/c/2", "b/loop"].map(path));
        assert!(unread.len() == 1 && unread[0].contains("too deep"), "{unread:?}");
        unread.clear();
        assert_eq!(entries(&path("nowhere"), &mut unread), Vec::<PathBuf>::new());
        assert_eq!(unread, Vec::<String>::new());
        assert_eq!(entries(&path("a"), &mut unread), Vec::<PathBuf>::new());
        assert_eq!(unread.len(), 1, "a file is no directory: {unread:?}");
    }
}
