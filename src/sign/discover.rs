//! From the paths that were asked for to the files to work on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};

/// Prefix of the temporary files that transactions stage.
const STAGED: &str = ".bootseal-";

/// Every file below `paths` that `wanted` takes, sorted, each once. A file that is named itself is always taken. A path
/// that cannot be looked at becomes an error in its place. Symbolic links to directories are not followed.
pub(super) fn files(paths: &[PathBuf], wanted: impl Fn(&Path) -> bool) -> Vec<Result<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut errors = Vec::new();
    for path in paths {
        match fs::metadata(path).or_could_not_run(|| format!("cannot read {}", path.display())) {
            Err(error) => errors.push(error),
            Ok(metadata) if metadata.is_dir() => walk(path, &wanted, &mut found, &mut errors),
            Ok(metadata) if metadata.is_file() => {
                found.insert(path.clone());
            }
            Ok(_) => errors.push(Error::could_not_run(format!(
                "{} is not a regular file",
                path.display()
            ))),
        }
    }
    found.into_iter().map(Ok).chain(errors.into_iter().map(Err)).collect()
}

fn walk(directory: &Path, wanted: &impl Fn(&Path) -> bool, found: &mut BTreeSet<PathBuf>, errors: &mut Vec<Error>) {
    let cannot = || format!("cannot read the directory {}", directory.display());
    let entries = match fs::read_dir(directory).or_could_not_run(cannot) {
        Ok(entries) => entries,
        Err(error) => return errors.push(error),
    };
    for entry in entries {
        let path = match entry.or_could_not_run(cannot) {
            Ok(entry) => entry.path(),
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let own = fs::symlink_metadata(&path).map(|metadata| metadata.is_dir());
        if matches!(own, Ok(true)) {
            walk(&path, wanted, found, errors);
        } else if !is_staged(&path) && wanted(&path) {
            // A link counts as the file that it leads to; one that leads nowhere is named.
            match fs::metadata(&path).or_could_not_run(|| format!("cannot read {}", path.display())) {
                Ok(metadata) if metadata.is_file() => {
                    found.insert(path);
                }
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
        }
    }
}

fn is_staged(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(STAGED.as_bytes()))
}

/// Keeps one path for each file where several lead to the same one.
pub(super) fn distinct(found: Vec<Result<PathBuf>>) -> Vec<Result<PathBuf>> {
    let mut seen = BTreeSet::new();
    found
        .into_iter()
        .filter(|found| match found {
            Ok(path) => seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
            Err(_) => true,
        })
        .collect()
}

/// Most files in a batch: twice what the widest processor hashes side by side.
const BATCH: usize = 16;
/// Most bytes on disk in a batch of more than one file; it bounds what a worker holds in memory.
const BATCH_BYTES: u64 = 16 << 20;

/// Batches of files of similar size, the largest first, so that all cores end together. Few files make small batches,
/// so that no core waits.
pub(super) fn batches(paths: Vec<PathBuf>) -> Vec<Vec<PathBuf>> {
    let workers = rayon::current_num_threads().max(1);
    let most = paths.len().div_ceil(workers.saturating_mul(2)).clamp(1, BATCH);
    let mut sized: Vec<(u64, PathBuf)> = paths
        .into_iter()
        .map(|path| (fs::metadata(&path).map_or(0, |metadata| metadata.len()), path))
        .collect();
    sized.sort_by(|one, other| other.cmp(one));
    let mut batches: Vec<Vec<PathBuf>> = Vec::new();
    let mut room = 0;
    for (size, path) in sized {
        match batches.last_mut() {
            Some(batch) if batch.len() < most && size <= room => {
                room = room.saturating_sub(size);
                batch.push(path);
            }
            _ => {
                room = BATCH_BYTES.saturating_sub(size);
                batches.push(vec![path]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_count_once_and_staged_files_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir(root.join("sub")).unwrap();
        for name in ["a.ko", "sub/b.ko", ".bootseal-xyz.ko", "notes.txt"] {
            fs::write(root.join(name), b"").unwrap();
        }
        std::os::unix::fs::symlink("a.ko", root.join("link.ko")).unwrap();
        std::os::unix::fs::symlink(root, root.join("sub/loop")).unwrap();
        let is_module = |path: &Path| path.extension().is_some_and(|extension| extension == "ko");
        let found = files(&[root.to_path_buf(), root.join("gone")], is_module);
        assert_eq!(found.len(), 4);
        let distinct: Vec<_> = distinct(found).into_iter().filter_map(Result::ok).collect();
        assert_eq!(distinct, [root.join("a.ko"), root.join("sub/b.ko")]);
    }

    #[test]
    fn batches_hold_every_file_once_and_not_too_much() {
        let directory = tempfile::tempdir().unwrap();
        let large = directory.path().join("large");
        fs::File::create(&large).unwrap().set_len(BATCH_BYTES + 1).unwrap();
        let mut paths: Vec<PathBuf> = (0..200).map(|n| directory.path().join(format!("{n}"))).collect();
        for path in &paths {
            fs::write(path, b"x").unwrap();
        }
        paths.push(large.clone());
        let batches = batches(paths.clone());
        assert_eq!(batches[0], [large]);
        assert!(batches.iter().all(|batch| batch.len() <= BATCH));
        let mut all: Vec<PathBuf> = batches.into_iter().flatten().collect();
        all.sort();
        paths.sort();
        assert_eq!(all, paths);
    }
}
