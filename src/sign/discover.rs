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
}
