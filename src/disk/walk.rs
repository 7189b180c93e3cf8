//! Walking a tree: bounded, in order, and told of everything that could not be looked at.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::text::printable;

/// Depth to which directories are looked into.
const DEPTH: usize = 32;

/// All files of a directory and those below it, in the order of their paths; links to directories are among them and are
/// not followed. A directory that cannot be looked into is added to `unread` with the reason, and the others are walked
/// all the same.
pub fn files_below(directory: &Path, unread: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(directory, DEPTH, &mut files, unread);
    files
}

fn walk(directory: &Path, depth: usize, files: &mut Vec<PathBuf>, unread: &mut Vec<String>) {
    let Some(rest) = depth.checked_sub(1) else {
        return unread.push(cannot(directory, "it is too deep to be looked into"));
    };
    for entry in listed(directory, unread) {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, rest, files, unread),
            Ok(_) => files.push(path),
            Err(error) => unread.push(cannot(directory, &error.to_string())),
        }
    }
}

/// An error (exit code 3) if only root may look into a directory, which must not pass for one that is empty or not there.
pub fn check_readable(directory: &Path) -> Result<()> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let message = format!("cannot look into {}", directory.display());
            Err(Error::could_not_run(message).hint("run the command as root"))
        }
        _ => Ok(()),
    }
}

/// The paths of a directory's entries, in order; none if there is no such directory. One that cannot be read is added to
/// `unread` with the reason.
pub fn entries(directory: &Path, unread: &mut Vec<String>) -> Vec<PathBuf> {
    listed(directory, unread).iter().map(fs::DirEntry::path).collect()
}

fn listed(directory: &Path, unread: &mut Vec<String>) -> Vec<fs::DirEntry> {
    match fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
        Ok(mut entries) => {
            entries.sort_by_key(fs::DirEntry::file_name);
            entries
        }
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                unread.push(cannot(directory, &error.to_string()));
            }
            Vec::new()
        }
    }
}

fn cannot(directory: &Path, why: &str) -> String {
    format!("{}: {why}", printable(&directory.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
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
