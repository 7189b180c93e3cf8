//! Files below directories.

use std::fs;
use std::path::{Path, PathBuf};

use crate::formats::text::printable;

/// How deep directories are looked into.
const DEPTH: usize = 32;

/// All files of a directory and those below it, in order; links to directories are not followed. What one directory hides
/// keeps nothing else from being found: it is added to what could not be looked at.
pub(super) fn files_below(directory: &Path, not_run: &mut Vec<String>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(directory, DEPTH, &mut files, not_run);
    files
}

fn walk(directory: &Path, depth: usize, files: &mut Vec<PathBuf>, not_run: &mut Vec<String>) {
    if depth == 0 {
        return not_run.push(cannot(directory, "it is too deep to be looked into"));
    }
    for entry in entries(directory, not_run) {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&path, depth.saturating_sub(1), files, not_run),
            Ok(_) => files.push(path),
            Err(error) => not_run.push(cannot(directory, &error.to_string())),
        }
    }
}

/// What is in a directory, in order; nothing if there is no such directory.
pub(super) fn entries(directory: &Path, not_run: &mut Vec<String>) -> Vec<fs::DirEntry> {
    match fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
        Ok(mut entries) => {
            entries.sort_by_key(fs::DirEntry::file_name);
            entries
        }
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                not_run.push(cannot(directory, &error.to_string()));
            }
            Vec::new()
        }
    }
}

fn cannot(directory: &Path, why: &str) -> String {
    format!("{}: {why}", printable(&directory.display().to_string()))
}
