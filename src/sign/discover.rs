//! From the paths that were asked for to the files to work on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::system::config::Exclusions;
use crate::system::{Context, FileState, is_directory_on_fat, is_staged, resolve};

/// A file to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its name, as it was asked for or found.
    pub path: PathBuf,
    /// What the name leads to, without symbolic links.
    pub file: PathBuf,
    /// Its state before it was read.
    pub state: FileState,
    /// How many names the file has by hard links.
    pub links: u64,
}

/// A path that cannot be worked on, and why.
#[derive(Debug)]
pub(super) struct Unusable {
    pub path: PathBuf,
    pub error: Error,
}

/// What to do with a file by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// It is to be worked on.
    Take,
    /// It is only noted.
    Note,
    /// It is of no interest.
    Pass,
}

/// What there is at and below some paths.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files, each name once.
    pub targets: BTreeMap<PathBuf, Target>,
    /// What could not be looked at.
    pub unusable: Vec<Unusable>,
    /// Names that are only noted.
    pub noted: Vec<PathBuf>,
    /// What killed runs staged here.
    pub leftovers: BTreeSet<PathBuf>,
}

/// Looks for files.
pub(super) struct Search<'a> {
    context: &'a Context,
    exclude: &'a Exclusions,
    interest: fn(&Path) -> Interest,
    found: Found,
}

impl<'a> Search<'a> {
    pub(super) fn new(context: &'a Context, exclude: &'a Exclusions, interest: fn(&Path) -> Interest) -> Self {
        Self {
            context,
            exclude,
            interest,
            found: Found::default(),
        }
    }

    /// Every file at and below `paths` that is of interest and not excluded. A file that is named itself is always
    /// taken, unless it is one that is only noted. Symbolic links to directories are not followed.
    pub(super) fn below(mut self, paths: &[PathBuf]) -> Found {
        let mut parents = BTreeSet::new();
        for path in paths {
            if self.exclude.excludes(self.context, path) {
                continue;
            }
            match self.named(path) {
                Ok(parent) => parents.extend(parent),
                Err(error) => self.unusable(path, error),
            }
        }
        for parent in parents {
            // A directory that cannot be listed holds nothing that could be removed.
            let entries = fs::read_dir(parent).into_iter().flatten().flatten();
            self.found
                .leftovers
                .extend(entries.map(|entry| entry.path()).filter(|path| is_staged(path)));
        }
        self.found
    }

    /// Takes a path that was asked for; returns the directory of a file.
    fn named(&mut self, path: &Path) -> Result<Option<PathBuf>> {
        let cannot = || format!("cannot read {}", path.display());
        if (self.interest)(path) == Interest::Note {
            self.found.noted.push(path.to_path_buf());
            return Ok(None);
        }
        let file = resolve(self.context.root(), path).or_could_not_run(cannot)?;
        let metadata = fs::metadata(&file).or_could_not_run(cannot)?;
        if metadata.is_dir() {
            self.walk(path, &file, &file);
            return Ok(None);
        }
        if !metadata.is_file() {
            return Err(Error::could_not_run(format!(
                "{} is not a regular file",
                path.display()
            )));
        }
        let parent = file.parent().map(Path::to_path_buf);
        self.take(path, file, &metadata);
        Ok(parent)
    }

    /// Walks the directory `real`, shown as `shown`, of the tree at `tree`.
    fn walk(&mut self, shown: &Path, real: &Path, tree: &Path) {
        let cannot = || format!("cannot read the directory {}", shown.display());
        let entries = match fs::read_dir(real).or_could_not_run(cannot) {
            Ok(entries) => entries,
            Err(error) => return self.unusable(shown, error),
        };
        for entry in entries {
            let entry = match entry.or_could_not_run(cannot) {
                Ok(entry) => entry,
                Err(error) => {
                    self.unusable(shown, error);
                    continue;
                }
            };
            let (shown, real) = (shown.join(entry.file_name()), entry.path());
            if self.exclude.excludes(self.context, &shown) {
                continue;
            }
            let looked = entry
                .file_type()
                .or_could_not_run(|| format!("cannot read {}", shown.display()));
            match looked {
                Ok(kind) if kind.is_dir() => self.walk(&shown, &real, tree),
                Ok(kind) => {
                    if let Err(error) = self.entry(&shown, real, kind, tree) {
                        self.unusable(&shown, error);
                    }
                }
                Err(error) => self.unusable(&shown, error),
            }
        }
    }

    fn entry(&mut self, shown: &Path, real: PathBuf, kind: fs::FileType, tree: &Path) -> Result<()> {
        if is_staged(&real) {
            if kind.is_file() {
                self.found.leftovers.insert(real);
            }
            return Ok(());
        }
        match (self.interest)(shown) {
            Interest::Pass => return Ok(()),
            Interest::Note => {
                self.found.noted.push(shown.to_path_buf());
                return Ok(());
            }
            Interest::Take => {}
        }
        let cannot = || format!("cannot read {}", shown.display());
        // A link counts as the file that it leads to; one that leads nowhere is an error.
        let file = if kind.is_symlink() {
            resolve(self.context.root(), &real).or_could_not_run(cannot)?
        } else {
            real
        };
        let metadata = fs::metadata(&file).or_could_not_run(cannot)?;
        if !metadata.is_file() {
            return Ok(());
        }
        if kind.is_symlink() && !file.starts_with(tree) {
            return Err(Error::refused(format!(
                "{} is a symbolic link to {}, which is outside of the directory that was named",
                shown.display(),
                file.display()
            ))
            .hint("name the file itself, or list the link under [sign] exclude in the configuration"));
        }
        self.take(shown, file, &metadata);
        Ok(())
    }

    fn take(&mut self, path: &Path, file: PathBuf, metadata: &Metadata) {
        let target = Target {
            path: path.to_path_buf(),
            file,
            state: FileState::from(metadata),
            links: metadata.nlink(),
        };
        self.found.targets.insert(path.to_path_buf(), target);
    }

    fn unusable(&mut self, path: &Path, error: Error) {
        let path = path.to_path_buf();
        self.found.unusable.push(Unusable { path, error });
    }
}

impl Found {
    /// Keeps one name for each file where several lead to the same one: on FAT, also in upper and lower case.
    pub(super) fn distinct(mut self) -> Self {
        let mut seen = BTreeSet::new();
        let mut fat: BTreeMap<PathBuf, bool> = BTreeMap::new();
        self.targets.retain(|_, target| {
            let parent = target.file.parent().unwrap_or(Path::new("/"));
            if !fat.contains_key(parent) {
                let is_fat = is_directory_on_fat(parent);
                fat.insert(parent.to_path_buf(), is_fat);
            }
            let mut name = target.file.as_os_str().as_encoded_bytes().to_vec();
            if fat.get(parent) == Some(&true) {
                name.make_ascii_lowercase();
            }
            seen.insert(name)
        });
        self
    }
}

/// Most files in a batch: twice what the widest processor hashes side by side.
const BATCH: usize = 16;
/// Most bytes on disk in a batch of more than one file; it bounds what a worker holds in memory.
const BATCH_BYTES: u64 = 16 << 20;

/// Batches of files of similar size, the largest first, so that all cores end together. Few files make small batches,
/// so that no core waits. `key` says a file's size on disk, in bytes, and its path.
pub(super) fn batches<T>(mut files: Vec<T>, key: impl for<'t> Fn(&'t T) -> (u64, &'t Path)) -> Vec<Vec<T>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let most = files.len().div_ceil(workers.saturating_mul(2)).clamp(1, BATCH);
    files.sort_by(|one, other| {
        let ((size, path), (other_size, other_path)) = (key(one), key(other));
        (other_size, path).cmp(&(size, other_path))
    });
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for file in files {
        let (size, _) = key(&file);
        match batches.last_mut() {
            Some(batch) if batch.len() < most && size <= room => {
                room = room.saturating_sub(size);
                batch.push(file);
            }
            _ => {
                room = BATCH_BYTES.saturating_sub(size);
                batches.push(vec![file]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn modules(path: &Path) -> Interest {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("ko") => Interest::Take,
            Some("txt") => Interest::Note,
            _ => Interest::Pass,
        }
    }

    #[test]
    fn links_count_once_and_staged_files_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("tree");
        fs::create_dir_all(root.join("sub")).unwrap();
        for name in ["a.ko", "sub/b.ko", ".bootseal-abcd1234", "notes.txt", "none"] {
            fs::write(root.join(name), b"").unwrap();
        }
        fs::write(directory.path().join("outside.ko"), b"").unwrap();
        symlink("a.ko", root.join("link.ko")).unwrap();
        symlink("../outside.ko", root.join("out.ko")).unwrap();
        symlink("nowhere", root.join("dangling.ko")).unwrap();
        symlink(&root, root.join("sub/loop")).unwrap();
        let context = Context::host();
        let exclude = Exclusions::default();
        let found = Search::new(&context, &exclude, modules).below(&[root.clone(), root.join("gone")]);
        assert_eq!(found.targets.len(), 3);
        let unusable: BTreeSet<_> = found.unusable.iter().map(|unusable| unusable.path.clone()).collect();
        assert_eq!(
            unusable,
            ["out.ko", "dangling.ko", "gone"].map(|name| root.join(name)).into()
        );
        assert_eq!(found.noted, [root.join("notes.txt")]);
        assert_eq!(found.leftovers, [root.join(".bootseal-abcd1234")].into());
        let distinct: Vec<_> = found.distinct().targets.into_keys().collect();
        assert_eq!(distinct, [root.join("a.ko"), root.join("sub/b.ko")]);
    }

    #[test]
    fn leftovers_are_found_beside_files_that_were_named() {
        let directory = tempfile::tempdir().unwrap();
        let [kernel, left] = ["vmlinuz.ko", ".bootseal-abcd1234"].map(|name| directory.path().join(name));
        fs::write(&kernel, b"").unwrap();
        fs::write(&left, b"").unwrap();
        let context = Context::host();
        let found = Search::new(&context, &Exclusions::default(), modules).below(std::slice::from_ref(&kernel));
        assert_eq!((found.targets.len(), found.leftovers), (1, [left].into()));
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
        let sized = |path: &PathBuf| (fs::metadata(path).unwrap().len(), path.clone());
        let batches = batches(paths.iter().map(sized).collect(), |(size, path)| (*size, path));
        assert_eq!(batches[0].len(), 1);
        assert_eq!(batches[0][0].1, large);
        assert!(batches.iter().all(|batch| batch.len() <= BATCH));
        let mut all: Vec<PathBuf> = batches.into_iter().flatten().map(|(_, path)| path).collect();
        all.sort();
        paths.sort();
        assert_eq!(all, paths);
    }
}
